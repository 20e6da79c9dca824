#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Fuzz the ioctls in a guest: run the programs of the corpus, then fuzz as a 64-bit
# and as a 32-bit program. Output is TAP.
#
# Usage: fuzz.sh [--kernel NAME] [--seconds N] [--keep DIR] [--cpus N] [--seed N]
#
# By default on the kasan kernel, for 60 seconds each. What reached something new
# is added to the folder DIR, from which the next run begins, too. A crash of the
# guest leaves the program that ran last in build/crash.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
kernel=kasan
seconds=60
keep=
cpus=2
seed=$((RANDOM * 32768 + RANDOM))

while [ $# != 0 ]; do
	case "$1" in
	--kernel)	kernel=${2:?} ;;
	--seconds)	seconds=${2:?} ;;
	--keep)		keep=${2:?} ;;
	--cpus)		cpus=${2:?} ;;
	--seed)		seed=${2:?} ;;
	*)		sed -n '4,/^$/s/^# \{0,1\}//p' "$0"; exit 2 ;;
	esac
	shift 2
done

# The program that was in the kernel's log last, of one that panicked.
last_program() {
	sed -nE 's/^\[ *[0-9.]+\](\[ *[TC][0-9]+\])? //p' "$1" |
		awk '/^fz: / { sub(/^fz: /, ""); text = $0; on = 1; next }
			/^fz\+ / && on { sub(/^fz\+ /, ""); text = text "\n" $0; next }
			on && /^[a-z-]+ (control|store|reader|writer|looker|f[0-9]|pipe|closed)( |$)/ {
				text = text "\n" $0 }
			END { if (on) print "# SPDX-License-Identifier: GPL-2.0\n" text }'
}

make -s -C "$here" || exit 1
mkdir -p "$here/build"
work=$(mktemp -d "$here/build/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus" "$work/keep"
cp "$here"/corpus/* "$work/corpus/" 2>/dev/null
cp "$here"/corpus/* "$work/keep/" 2>/dev/null
[ -z "$keep" ] || mkdir -p "$keep"
[ -z "$keep" ] || cp "$keep"/* "$work/keep/" 2>/dev/null

# In the guest: each part by itself, and the status of those that failed.
# shellcheck disable=SC2016
script='status=0
for program in docstore_fuzz docstore_fuzz_32; do
	[ -e "/selftests/fuzz/$program" ] || continue
	/selftests/fuzz/$program --replay /root/corpus || status=1
	/selftests/fuzz/$program --seconds "$1" --seed "$2" --corpus /root/keep || status=1
done
exit $status'

status=0
"$repo/tools/vm/run" --kernel "$kernel" --memory 2G --cpus "$cpus" \
	--timeout $((seconds * 2 + 600)) --log "$work/log" \
	--file "$work/corpus" --file "$work/keep" --fetch "/root/keep:$work/fetched" \
	-- sh -c "$script" sh "$seconds" "$seed" >"$work/out" || status=$?

# One plan for all parts.
awk '/^(not )?ok / { sub(/ok [0-9]+/, "ok " ++n) }
	!/^(1\.\.|TAP )/ { print; fflush() }
	END { print "1.." n }' "$work/out"
if [ "$status" != 0 ] && last_program "$work/log" | grep -q .; then
	last_program "$work/log" >"$here/build/crash"
	echo "# the program that ran last: $here/build/crash"
fi
if [ -n "$keep" ] && [ -d "$work/fetched" ]; then
	cp "$work"/fetched/* "$keep/"
fi
exit "$status"

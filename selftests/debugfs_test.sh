#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What is to be seen in debugfs: for root only, with no address of the kernel, and at
# any time, also while stores are written, listed, made and removed.
#
# Nothing is needed but a POSIX shell, mount and the programs beside this one; a busybox
# will do.

KSFT_SKIP=4

here=$(dirname "$0")
helper=${DOCSTORE_HELPER:-$here/docstore_helper}
load=${DOCSTORE_LOAD_TEST:-$here/stats_test}
files='state stores workers requests sessions contention'
debugfs=/sys/kernel/debug
dir=$debugfs/docstore
store=kst.debugfs
tests=0
failed=0
log=$(mktemp)

skip_all() {
	echo "1..0 # SKIP $*"
	exit $KSFT_SKIP
}

# result WHAT: the last command's status as a line of TAP.
result() {
	status=$?
	tests=$((tests + 1))
	if [ $status = 0 ]; then
		echo "ok $tests $*"
	else
		echo "not ok $tests $*"
		failed=$((failed + 1))
	fi
}

cleanup() {
	"$helper" remove $store 2>/dev/null
	rm -f "$log"
}

# good FILE: it can be read, and has no address.
good() {
	cat "$dir/$1" >"$log" && [ -s "$log" ] || return
	if grep -qiE '(^|[^0-9a-f])(0x)?ffff[0-9a-f]{12}' "$log"; then
		echo "# $1 has an address:"
		grep -iE '(0x)?ffff[0-9a-f]{12}' "$log" | sed 's/^/#   /'
		return 1
	fi
}

# has FILE REGEX...: it says all of this.
has() {
	file=$1
	shift
	cat "$dir/$file" >"$log"
	for regex; do
		grep -qE "$regex" "$log" && continue
		echo "# $file has no $regex"
		sed 's/^/#   /' "$log"
		return 1
	done
}

only_root() {
	for file in $files; do
		[ "$(stat -c '%a %u' "$dir/$file")" = '400 0' ] || return
	done
}

# Reads all of them while a test of the load runs; that one must be content, too.
under_load() {
	"$load" >/dev/null 2>&1 &
	pid=$!
	rounds=0
	bad=0
	while kill -0 $pid 2>/dev/null; do
		for file in $files; do
			good "$file" || bad=1
		done
		rounds=$((rounds + 1))
	done
	wait $pid || return
	echo "# read $rounds times"
	[ $bad = 0 ] && [ $rounds -gt 0 ]
}

[ "$(id -u)" = 0 ] || skip_all 'not root'
[ -e /dev/docstore ] || skip_all 'no /dev/docstore (is the module loaded?)'
[ -d $debugfs/kprobes ] || [ -d $dir ] || mount -t debugfs debugfs $debugfs 2>/dev/null
[ -d $dir ] || skip_all 'no debugfs'
trap cleanup EXIT
"$helper" create $store || skip_all "$helper does not work"

echo '1..8'
only_root
result 'for root only'
status=0
for file in $files; do
	good "$file" || status=1
done
(exit $status)
result 'can be read, and have no address'
has stores "^store [0-9]+: $store, [0-9]+ partitions" 'settings: .*latency_sample=[0-9]+' \
	'^    total +[0-9]' '^  partition 0: (idle|owned)' '^  coordinator: '
result 'stores'
has workers '^worker 0: cpu [0-9]+, [0-9]+ partitions waiting'
result 'workers'
has requests '^[0-9]+ under way, .* 0 illegal changes of state'
result 'requests'
has sessions '^[0-9]+ of [0-9]+; '
result 'sessions'
has contention '^place ' '^config +[0-9]+' '^queue +[0-9]+'
result 'contention'
under_load
result 'while others work'
[ $failed = 0 ]

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For tests of docstore, the command: results in TAP, and where the command is. To be
# sourced; plain sh, for busybox. It makes a directory of its own, and goes there.
#
# It needs the module, or FAKE=1 and a docstore that was built with the store in
# user space ("make check" in this folder). DOCSTORE says where the command is, and
# those that source this say in "store" which store it is to use.

# The exit code is what it is about.
# shellcheck disable=SC2154,SC2181

DOCSTORE=${DOCSTORE:-docstore}
case $DOCSTORE in
*/*) DOCSTORE=$(cd "$(dirname "$DOCSTORE")" && pwd)/$(basename "$DOCSTORE") ;;
esac

dir=$(mktemp -d) || exit 1
trap 'cd /; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
if [ -n "$FAKE" ]; then
	DOCSTORE_FAKE=$dir/kernel
	export DOCSTORE_FAKE
elif [ ! -e /dev/docstore ]; then
	echo "1..0 # SKIP the module is not loaded"
	exit 4
fi

n=0
bad=0

result()
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n $2"
	else
		echo "not ok $n $2"
		bad=$((bad + 1))
		sed 's/^/# out: /' out | head -n 5
		sed 's/^/# err: /' err | head -n 5
	fi
}

# expect CODE WHAT ARGUMENTS...: the exit code
expect()
{
	code=$1
	what=$2
	shift 2
	"$DOCSTORE" --store $store "$@" >out 2>err </dev/null
	got=$?
	[ $got -eq "$code" ]
	result $? "$what (exit code $code)"
	[ $got -eq "$code" ] || echo "# exit code $got of: $*"
}

# prints WHAT TEXT ARGUMENTS...: success, and exactly this output with a newline
prints()
{
	what=$1
	text=$2
	shift 2
	"$DOCSTORE" --store $store "$@" >out 2>err </dev/null
	got=$?
	printf '%s\n' "$text" >want
	[ $got -eq 0 ] && cmp -s out want
	result $? "$what"
}

# says TEXT WHAT: the last command's message has this in it
says()
{
	grep -q -- "$1" err
	result $? "$2"
}

run()
{
	"$DOCSTORE" --store $store "$@" >out 2>err
}

# The plan, at the end.
finish()
{
	echo "1..$n"
	[ $bad -eq 0 ] || { echo "# $bad of $n failed"; exit 1; }
}

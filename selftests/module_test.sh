#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Loading and unloading the module: a hundred times, and not while it is in use.
# In the end it is loaded, as it was before.
#
#	DOCSTORE_KO	the module's file, for insmod; without it modprobe finds it
#	DOCSTORE_ARGS	parameters that it gets
#	DOCSTORE_LOADS	how often it is loaded and unloaded (100)
#
# Nothing is needed but a POSIX shell, insmod or modprobe, and rmmod; a busybox
# will do.

KSFT_SKIP=4

here=$(dirname "$0")
helper=${DOCSTORE_HELPER:-$here/docstore_helper}
device=/dev/docstore
refcnt=/sys/module/docstore/refcnt
loads=${DOCSTORE_LOADS:-100}
store=kst.module
tests=0
failed=0
background=''

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

load() {
	if [ -n "$DOCSTORE_KO" ]; then
		# shellcheck disable=SC2086 # several parameters
		insmod "$DOCSTORE_KO" $DOCSTORE_ARGS
	else
		# shellcheck disable=SC2086
		modprobe docstore $DOCSTORE_ARGS
	fi
}

unload() {
	rmmod docstore
}

is_loaded() {
	[ -d /sys/module/docstore ]
}

# What has ended lets go of the module soon, but not at once. Ten seconds.
unload_soon() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		unload 2>/dev/null && return
		sleep 1
	done
	echo "# references: $(cat $refcnt)"
	unload
}

# hold [STORE]: have it open in the background, until let_go.
hold() {
	: >"$tmp/held"
	"$helper" hold "$@" >"$tmp/held" &
	background=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -s "$tmp/held" ] && return
		sleep 1
	done
	return 1
}

let_go() {
	[ -n "$background" ] || return 0
	kill "$background" 2>/dev/null
	wait "$background" 2>/dev/null
	background=''
}

finish() {
	let_go
	is_loaded || load
	"$helper" remove $store 2>/dev/null
	rm -rf "$tmp"
}

use_a_store() {
	"$helper" create $store 2 && "$helper" put $store 0 20 &&
		"$helper" remove $store
}

use_the_default_store() {
	"$helper" put default 0 20 && "$helper" delete default 0 20
}

# Is unloading refused? If not, it is loaded again for the next test.
refused() {
	unload 2>/dev/null || return 0
	load
	return 1
}

[ "$(id -u)" = 0 ] || skip_all 'only root loads modules'
[ -x "$helper" ] || skip_all "there is no $helper"
is_loaded || load || skip_all 'the module cannot be loaded'
[ -e $refcnt ] || skip_all 'docstore is not a module here, or cannot be unloaded'
if [ -n "$DOCSTORE_KO" ]; then
	[ -r "$DOCSTORE_KO" ] || skip_all "there is no $DOCSTORE_KO"
else
	modprobe -n docstore >/dev/null 2>&1 ||
		skip_all 'modprobe does not know docstore, and DOCSTORE_KO is not set'
fi

"$helper" clean
for _ in 1 2 3 4 5; do
	[ "$(cat $refcnt)" = 0 ] && break
	sleep 1
done
[ "$(cat $refcnt)" = 0 ] || skip_all 'docstore is in use'

tmp=$(mktemp -d)
trap finish EXIT
trap 'exit 1' HUP INT TERM

echo 'TAP version 13'
echo 1..18

unload
result 'an idle module is unloaded'
[ ! -e $device ]
result 'the device is gone'

times=0
while [ $times -lt "$loads" ]; do
	load || break
	[ -c $device ] || break
	# Some of the times it has been of use.
	case $times in
	*5) use_a_store || break ;;
	*8) use_the_default_store || break ;;
	esac
	unload_soon || break
	times=$((times + 1))
done
[ $times = "$loads" ]
result "loaded and unloaded $times times"

[ ! -d /sys/module/docstore ] && ! grep -q docstore /proc/slabinfo &&
	! grep -q docstore /proc/modules
result 'nothing of it is left'

load
result 'it can be loaded'
[ "$("$helper" list)" = default ]
result 'there is the default store, and no other'
[ "$("$helper" count default)" = 0 ]
result 'it is empty'

hold
refused
result 'not unloaded while the control node is open'
let_go

hold default
refused
result 'not unloaded while a store is open'
let_go

# Two descriptors were all that held it.
unload_soon && load
result 'unloaded when they are closed'

"$helper" put default 0 1 && refused
result 'not unloaded while the default store holds a document'
[ "$("$helper" count default)" = 1 ] && "$helper" delete default 0 1 &&
	unload_soon && load
result 'unloaded when it was deleted'

"$helper" create $store 3 && unload_soon && load &&
	[ "$("$helper" list)" = default ]
result 'unloaded, with a store that is empty'

"$helper" create $store 3 && "$helper" put $store 0 500 && refused &&
	[ "$("$helper" count $store)" = 500 ]
result 'not unloaded while a store holds documents'

# Removed, and yet in use: its documents are there until it is closed.
hold $store
"$helper" remove $store && refused
result 'not unloaded while a removed store is open'
let_go
unload_soon && load
result 'unloaded when it was closed'

"$helper" remove default && [ -z "$("$helper" list)" ] && unload_soon && load &&
	[ "$("$helper" list)" = default ]
result 'the default store comes back'

# Clients open it all the time while it comes and goes. Whether an attempt to
# unload succeeds is chance; that nothing else happens is not.
"$helper" churn & background=$!
unloaded=0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	if unload 2>/dev/null; then
		unloaded=$((unloaded + 1))
		load || break
	fi
done
kill -0 $background && is_loaded
result 'loaded and unloaded while clients come and go'
echo "# unloaded $unloaded times"
let_go

echo "# $((tests - failed)) of $tests passed"
[ $failed = 0 ]

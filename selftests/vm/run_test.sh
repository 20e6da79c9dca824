#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Does tools/vm/run find what it is there to find? A small module, built here in
# the place of docstore's, misbehaves in one way at a time. Output is TAP.
#
# Usage: run_test.sh [KERNEL]
#
# shellcheck disable=SC2317 # functions are called by check

set -euo pipefail
repo=$(cd "$(dirname "$0")/../.." && pwd)
kernel=${1:-default}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

result() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
		return
	fi
	failed=1
	echo "not ok $number - $2"
	sed 's/^/# /' "${3:-/dev/null}"
}

# check WHAT COMMAND...: one test, passed if the command is true.
check() {
	local what=$1 status=0
	shift
	"$@" >"$work/output" 2>&1 || status=1
	result "$status" "$what" "$work/output"
}

guest() {
	"$repo/tools/vm/run" --kernel "$kernel" --module "$work/docstore.ko" "$@"
}

# start NAME ARGUMENT...: a guest in the background, no more than two at a time
# (an emulated one is a busy one).
start() {
	local name=$1
	shift
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
	{
		local status=0
		guest "$@" >"$work/$name.out" 2>"$work/$name.err" || status=$?
		echo "$status" >"$work/$name.status"
	} &
}

# ended NAME STATUS: a test of the exit status of a guest.
ended() {
	[ "$(cat "$work/$1.status")" = "$2" ] && return
	echo "$1: status $(cat "$work/$1.status"), expected $2"
	cat "$work/$1.out" "$work/$1.err"
	return 1
}

build_module() {
	mkdir -p "$work/module"
	printf '%s\n' 'obj-m := docstore.o' 'docstore-y := module/main.o' >"$work/Kbuild"
	cat >"$work/module/main.c" <<-EOT
	#include <linux/delay.h>
	#include <linux/mm.h>
	#include <linux/module.h>
	#include <linux/sched.h>
	#include <linux/slab.h>
	#include <linux/string.h>
	#include <linux/vmalloc.h>

	static void *leak;

	static void forget_pages(void)
	{
		int i;

		for (i = 0; i < 2; i++)
			leak = alloc_pages(GFP_KERNEL | __GFP_COMP, 9);
	}

	static void spin(void)
	{
		preempt_disable();
		for (;;)
			cpu_relax();
	}

	static void sleep(void)
	{
		for (;;) {
			set_current_state(TASK_UNINTERRUPTIBLE);
			schedule();
		}
	}

	static int misbehave(const char *how, const struct kernel_param *param)
	{
		if (sysfs_streq(how, "warn"))
			WARN(1, "planted\n");
		else if (sysfs_streq(how, "oops"))
			WRITE_ONCE(*(int *)8, 1);
		else if (sysfs_streq(how, "slab"))
			leak = kmem_cache_create("docstore_leak", 72, 0, 0, NULL);
		else if (sysfs_streq(how, "pages"))
			forget_pages();
		else if (sysfs_streq(how, "vmalloc"))
			leak = vmalloc(100000);
		else if (sysfs_streq(how, "busy"))
			__module_get(THIS_MODULE);
		else if (sysfs_streq(how, "spin"))
			spin();
		else if (sysfs_streq(how, "sleep"))
			sleep();
		else
			return -EINVAL;
		return 0;
	}

	static const struct kernel_param_ops ops = { .set = misbehave };
	module_param_cb(do, &ops, NULL, 0600);

	MODULE_DESCRIPTION("what tools/vm/run must find");
	MODULE_LICENSE("GPL");
	EOT
	make -C "$("$repo/tools/vm/kernel" "$kernel" --kdir)" M="$work" modules
}

# Every byte, every kind of argument, and what the command writes where.
start_good_guests() {
	local byte
	for byte in {0..255}; do
		# shellcheck disable=SC2059 # the format is the byte
		printf "\\x$(printf %02x "$byte")"
	done >"$work/bytes"
	mkdir -p "$work/a folder"
	# shellcheck disable=SC2016 # expanded in the guest
	start arguments --file "$work/bytes:/root/some bytes" -- \
		sh -c 'printf "<%s>\n" "$@"; cat "some bytes"; echo error >&2' \
		sh 'two  words' "it's" '"$HOME"' '' $'line\nbreak' '*' '-x' '\n'
	# shellcheck disable=SC2016 # and here nowhere
	printf '<%s>\n' 'two  words' "it's" '"$HOME"' '' $'line\nbreak' '*' '-x' '\n' |
		cat - "$work/bytes" >"$work/arguments.expected"
	start status --file "$(command -v bash)" \
		--fetch "/root/a folder:$work/fetched" \
		--fetch "/sys/kernel/notes:$work/notes" -- \
		./bash -c 'mkdir "a folder"; echo data >"a folder/file"; exit 67'
	start missing -- no-such-program
}

# misbehave NAME OPTION...
misbehave() {
	local name=$1
	shift
	start "$name" "$@" -- \
		sh -c "echo before; echo $name >/sys/module/docstore/parameters/do"
}

start_bad_guests() {
	local leak
	for leak in slab pages vmalloc busy; do
		misbehave "$leak"
	done
	misbehave warn
	misbehave oops
	misbehave spin --timeout 8
	misbehave sleep --timeout 8
	start waits --timeout 15 -- sh -c 'sleep 1000'
	start stuck -- sh -c \
		'echo sleep >/sys/module/docstore/parameters/do & sleep 1; exit 3'
	start allowed --allow 'WARNING: .*misbehave' -- \
		sh -c 'echo warn >/sys/module/docstore/parameters/do; exit 3'
	start parameter --module-args 'do=nonsense' -- true
	start unfetched --fetch "/nothing:$work/nothing" -- true
}

is_killed_clean() {
	local pid status=0
	mkdir "$work/tmp"
	TMPDIR="$work/tmp" "$repo/tools/vm/run" --kernel "$kernel" --no-module -- \
		sh -c 'sleep 60' >/dev/null 2>&1 &
	pid=$!
	until ls "$work"/tmp/*/initramfs >/dev/null 2>&1; do
		sleep 0.1
	done
	sleep 1
	kill -TERM "$pid"
	wait "$pid" || status=$?
	echo "status $status"
	[ "$status" = 143 ] && [ -z "$(ls -A "$work/tmp")" ] &&
		! grep -alF "$work/tmp" /proc/[0-9]*/cmdline 2>/dev/null
}

echo 'TAP version 13'
echo '1..34'
# races N FRAME...: how many reports are found in the log of a race in which one of
# the accesses was made by these functions, is N.
races() {
	local expected=$1 line
	shift
	{
		echo '===================='
		echo "BUG: KCSAN: data-race in ${FIRST:-first} / ${SECOND:-second}"
		for line in 'read to 0xffff888000000001 of 4 bytes by task 1 on cpu 0:' \
			' first+0x1/0x2' '' \
			'write to 0xffff888000000001 of 4 bytes by task 2 on cpu 1:' "$@"; do
			echo "$line"
		done
		echo '===================='
		echo 'loading misbehave [docstore]'
	} | sed 's/^/[    1.000000][    T1] /' >"$work/races"
	# shellcheck source=tools/vm/report.sh
	. "$repo/tools/vm/report.sh"
	[ "$(report_lines "$work/races" | wc -l)" = "$expected" ]
}

# races_with SECOND N FRAME...: with another second function.
races_with() {
	local SECOND=$1
	shift
	races "$@"
}

check 'a race of the module' races 1 ' misbehave+0x1/0x2 [docstore]'
check 'a race of the module, through a function of the kernel' \
	races 1 ' llist_add_batch+0x1/0x2' ' misbehave+0x1/0x2 [docstore]'
check "a race of the kernel's own" races 0 ' second+0x1/0x2' ' third+0x1/0x2'
check "a race of the kernel's own, in the module's time" \
	races 0 ' second+0x1/0x2' ' asm_sysvec+0x1/0x2' ' misbehave+0x1/0x2 [docstore]'
check 'a race with the clock' races_with timekeeping_update 0 \
	' timekeeping_update+0x1/0x2' ' misbehave+0x1/0x2 [docstore]'
FIRST=io_issue_sqe check "a race of io_uring's with itself" \
	races_with io_req_uring_cleanup 0 ' io_req_uring_cleanup+0x1/0x2' \
	' __io_uring_cmd_done+0x1/0x2' ' misbehave+0x1/0x2 [docstore]'
check 'a race with io_uring' races_with io_req_uring_cleanup 1 \
	' io_req_uring_cleanup+0x1/0x2' ' misbehave+0x1/0x2 [docstore]'
check 'a module builds' build_module
start_good_guests
start_bad_guests
wait
check 'a command gets its arguments as they are, and succeeds' ended arguments 0
check 'stdout comes out byte by byte' \
	cmp "$work/arguments.out" "$work/arguments.expected"
check 'stderr comes out apart' grep -qx error "$work/arguments.err"
check "a command's status is ours, its libraries are there" ended status 67
check 'a folder is fetched after a failure' \
	grep -qx data "$work/fetched/file"
check 'a file of sysfs is fetched' test -s "$work/notes"
check 'a missing program is told as by a shell' ended missing 127
for leak in slab pages vmalloc; do
	check "leaked: $leak" ended "$leak" 122
done
check 'a module that cannot be unloaded' ended busy 122
check 'a warning' ended warn 123
check 'its report is shown' grep -q 'WARNING: .*misbehave' "$work/warn.err"
check 'an oops' ended oops 123
check 'a warning that is allowed' ended allowed 3
check 'a process that sleeps for ever' ended sleep 124
check 'one that only waits' ended waits 124
check 'where it waits is shown' grep -q nanosleep "$work/waits.err"
check 'one that does so in the background' ended stuck 122
check 'a process that spins in the kernel' ended spin 124
check 'its stack is shown' grep -q 'misbehave' "$work/spin.err"
check 'output before a hang comes out' grep -qx before "$work/spin.out"
check 'a module that cannot be loaded' ended parameter 125
check 'nothing to fetch' ended unfetched 125
check 'a wrong option' bash -c "! '$repo/tools/vm/run' --nonsense x -- true"
check 'killed, it leaves nothing behind' is_killed_clean
exit "$failed"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the tests beside this script, or those named as arguments, one after the
# other, and says at the end how each went and how long it took. For a guest
# that has little more than a shell; in a kernel tree run_kselftest.sh does that.
#
# What a test says comes first, in full if it fails, else only with
# DOCSTORE_TEST_VERBOSE. No test is begun when DOCSTORE_SECONDS have passed; those that
# are left say SKIP. The exit status is 1 if one failed.

here=$(cd "$(dirname "$0")" && pwd)
# In guests of tools/vm/run the module is here, and no modprobe knows it.
if [ -z "$DOCSTORE_KO" ] && [ -e /vm/docstore.ko ]; then
	export DOCSTORE_KO=/vm/docstore.ko
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
report=''

uptime_ms() {
	IFS=' .' read -r seconds hundredths _ </proc/uptime
	echo $((seconds * 1000 + ${hundredths#0} * 10))
}

[ $# != 0 ] || set -- abi_test control_test permission_test document_test \
	condition_test submit_test size_test read_test scan_test intern_test \
	map_test check_test limit_test lend_test spanning_test spanning_limit_test coordinator_test \
	together_test snapshot_test snapshot_life_test snapshot_load_test stream_test stream_load_test \
	config_test session_test stats_test hint_test uring_test request_test signal_test \
	kill_test stress_test map_stress_test bank_test history_test \
	fault_test fault_load_test \
	abi_test_32 control_test_32 permission_test_32 document_test_32 \
	condition_test_32 check_test_32 \
	submit_test_32 size_test_32 read_test_32 scan_test_32 intern_test_32 map_test_32 \
	spanning_test_32 together_test_32 snapshot_test_32 snapshot_life_test_32 stream_test_32 \
	config_test_32 session_test_32 stats_test_32 hint_test_32 fault_test_32 uring_test_32 \
	scrape_test debugfs_test.sh module_test.sh module_fault_test

first=$(uptime_ms)
for test; do
	if [ ! -x "$here/$test" ]; then
		case $test in
		*_32)
			# In the form of TAP, for who counts.
			echo "ok 1 # SKIP $test: there was no 32-bit compiler"
			report="$report
  SKIP         $test"
			continue
			;;
		esac
	fi
	begin=$(uptime_ms)
	if [ -n "$DOCSTORE_SECONDS" ] &&
	   [ $((begin - first)) -ge $((DOCSTORE_SECONDS * 1000)) ]; then
		echo "ok 1 # SKIP $test: $DOCSTORE_SECONDS seconds have passed"
		report="$report
  SKIP         $test"
		continue
	fi
	echo "# $test"
	"$here/$test" >"$log" 2>&1
	result=$?
	took=$(($(uptime_ms) - begin))
	case $result in
	0) verdict='  ok  ' ;;
	4) verdict='  SKIP' ;;
	*)
		verdict='  FAIL'
		status=1
		;;
	esac
	if [ $result != 0 ] || [ -n "$DOCSTORE_TEST_VERBOSE" ]; then
		cat "$log"
	else
		grep -E '# SKIP|^# Totals|^# [0-9]+ of ' "$log"
	fi
	report="$report
$verdict $((took / 1000)).$((took % 1000 / 100)) s   $test"
done

printf '\n%s\n' "$report"
exit $status

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# docstore, the command: what those use who run it. TAP; plain sh, for busybox.
# What it needs: see tool_tap.sh.

# Braces are JSON's, and the exit code is what it is about.
# shellcheck disable=SC2016,SC2181

# shellcheck source=tool_tap.sh
. "$(dirname "$0")/tool_tap.sh"

store=monitor_test

# --- statistics

# counter NAME: of the last stats --json
counter()
{
	sed -n 's/.*"counters":{[^}]*"'"$1"'":\([0-9]*\)[,}].*/\1/p' out
}

# narrow WHAT: nothing that the last command printed is wider than a terminal
narrow()
{
	! grep -q '^.\{81\}' out
	result $? "$1 fits in 80 columns"
}

run remove
expect 0 "create" create
run put first '{"a":1}'
expect 0 "stats --json" stats --json
grep -q '^{"store":"monitor_test","time":[0-9]*,"counters":{"operations":[0-9]*,.*},"latency":{"parse":{.*}}}$' out
result $? "it is one object"
operations=$(counter operations)
expect 0 "a document more" put counted '{"a":1}'
expect 0 "stats --json" stats --json
[ "$(counter operations)" -gt "$operations" ] && [ "$(counter documents)" -eq 2 ] &&
	[ "$(counter sessions)" -ge 1 ]
result $? "it is counted"
grep -q '"total":{"count":[0-9]*,"sum":[0-9]*,"mean":[0-9]*,"p50":[0-9]*,"p90":[0-9]*,"p99":[0-9]*,"p99.9":[0-9]*,"max":[0-9]*,"buckets":\[' out
result $? "stages have percentiles"
expect 0 "stats" stats
grep -q '^store monitor_test$' out && grep -q '^  documents  *2$' out &&
	grep -q '^stage  *count  *mean  *p50  *p90  *p99  *p99.9  *max$' out && grep -q '^total ' out
result $? "stats prints a table"
narrow "stats"
"$DOCSTORE" stats $store >out 2>err && grep -q '^store monitor_test$' out
result $? "stats NAME"
expect 0 "stats --module" stats --module
grep -q '^module$' out && grep -q '^WORKER ' out && grep -q '^0  *[0-9]' out && grep -q '^PLACE ' out
result $? "it has workers and places"
narrow "stats --module"
expect 0 "stats --module --json" stats --module --json
grep -q '^{"time":[0-9]*,"counters":{.*"stores":[0-9]*,.*},"workers":\[{"cpu":0,.*\],"contention":\[{"name":".*\]}$' out
result $? "as JSON, too"
"$DOCSTORE" stats nobody >out 2>err
[ $? -eq 1 ]
result $? "stats of no such store (exit code 1)"
expect 2 "stats: two formats" stats --json --prometheus
expect 2 "stats: a store and the module" stats --module monitor_test
expect 2 "stats: no such option" stats --nonsense

# Each metric is announced once, before its samples; buckets only grow, and end in all.
prometheus()
{
	awk '/^# HELP [a-z_]* ./ { help[$3]++; next }
		/^# TYPE [a-z_]* (counter|gauge|histogram)$/ {
			if (!help[$3] || type[$3]++)
				bad = bad " announced:" $3
			current = $3
			next
		}
		!/^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9]+(\.[0-9]+)?$/ { bad = bad " form:" $0; next }
		{
			name = $1
			sub(/\{.*/, "", name)
			base = name
			sub(/_(bucket|sum|count)$/, "", base)
			if (name != current && base != current)
				bad = bad " place:" name
			if (seen[$1]++)
				bad = bad " twice:" $1
			n++
		}
		/_bucket\{/ {
			series = $1
			sub(/,le=.*/, "", series)
			if ($2 < last[series])
				bad = bad " falls:" $1
			last[series] = $2
			ends[series] = $1 ~ /le="\+Inf"/
		}
		/_count\{/ {
			series = $1
			sub(/_count/, "_bucket", series)
			sub(/\}$/, "", series)
			if (!ends[series] || $2 != last[series])
				bad = bad " sum:" $1
		}
		END {
			if (bad)
				print substr(bad, 1, 400) >"/dev/stderr"
			exit bad != "" || n < 10
		}' out 2>err
	result $? "$1 is what Prometheus reads"
}

expect 0 "stats --prometheus" stats --prometheus
grep -q '^docstore_store_documents{store="monitor_test"} 2$' out &&
	grep -q '^docstore_store_operations_total{store="monitor_test"} [0-9]*$' out &&
	grep -q '^docstore_store_latency_seconds_bucket{store="monitor_test",stage="total",le="0.000000064"} [0-9]*$' out &&
	! grep -q docstore_module out
result $? "it has the store"
prometheus "stats --prometheus"
"$DOCSTORE" create ${store}_other >out 2>err
DOCSTORE_STORE='' "$DOCSTORE" stats --prometheus >out 2>err
result $? "stats --prometheus of all"
grep -q '^docstore_store_documents{store="monitor_test"} 2$' out &&
	grep -q '^docstore_store_documents{store="monitor_test_other"} 0$' out &&
	grep -q '^docstore_module_stores [0-9]*$' out &&
	grep -q '^docstore_worker_busy_seconds_total{worker="0"} [0-9.]*$' out &&
	grep -q '^docstore_contention_acquired_total{place="[a-z_ ]*"} [0-9]*$' out
result $? "it has all stores and the module"
prometheus "all of it"
"$DOCSTORE" remove ${store}_other >out 2>err

# --- settings

# from NAME WHERE: config says that it has its value from there
from()
{
	"$DOCSTORE" --store $store config "$1" >out 2>err
	grep -q "^$1  *[0-9][0-9]*  $2\$" out
	result $? "$1 is from $2"
}

expect 0 "config" config
grep -q '^SETTING  *VALUE  FROM$' out && grep -q '^lend_documents  *[0-9]*  [a-z]*$' out &&
	! grep -q '^max_stores ' out
result $? "it lists settings"
narrow "config"
from span_queue default
expect 0 "config NAME=VALUE" config span_queue=77 watchdog_ms=0
[ ! -s out ]
result $? "it says nothing"
prints "it is set" 'span_queue                           77  store' config span_queue
from watchdog_ms store
from hot_changes default
expect 0 "config NAME=VALUE NAME" config hot_changes=5 span_queue
grep -q '^span_queue  *77  store$' out && [ "$(wc -l <out)" -eq 1 ]
result $? "it lists what is named besides"
expect 0 "config --json" config --json
grep -q '^{"store":"monitor_test","settings":{"lend_documents":{"value":[0-9]*,"from":"default"},.*"span_queue":{"value":77,"from":"store"},.*}}$' out
result $? "as JSON, too"
expect 2 "config: one of two out of range" config hot_changes=6 session_requests=99999999999
says 'session_requests=99999999999 is out of range: 1 to 4294967295' "it says which one, and the range"
! grep -q hot_changes err
result $? "and nothing of the other one"
prints "none was changed" 'hot_changes                           5  store' config hot_changes
expect 2 "config: two out of range" config submit_poll_us=1000001 session_requests=0
says 'submit_poll_us=1000001 is out of range: 0 to 1000000' "it says that one is"
says 'session_requests=0 is out of range: 1 to' "and the other one"
expect 0 "config --reset" config --reset hot_changes -r watchdog_ms span_queue=78
from hot_changes default
from watchdog_ms default
prints "it is set, too" 'span_queue                           78  store' config span_queue
expect 0 "config: a size" config session_bytes=4M
prints "it is in bytes" 'session_bytes                   4194304  store' config session_bytes
expect 2 "config: no such setting" config no_such=1
says "no setting 'no_such'" "it says which one"
expect 2 "config: no such setting, to be listed" config no_such
expect 2 "config: no such setting, to be reset" config --reset no_such
expect 2 "config: no number" config span_queue=many
expect 2 "config: nothing" config span_queue=
expect 2 "config: twice" config span_queue=5 span_queue=6
expect 2 "config: set and reset" config --reset span_queue span_queue=6
expect 2 "config: the module's, of a store" config max_stores=7
says 'max_stores is the module.s, and needs --module' "it says what to do"
expect 2 "config: the module's, to be listed for a store" config max_stores
expect 0 "config --module" config --module
! grep -q ' store$' out && grep -q '^memory_percent  *[0-9]*  [a-z]*$' out
result $? "it lists the module's"
expect 2 "config --module: out of range" config --module memory_percent=101
says 'memory_percent=101 is out of range: 1 to 100' "it says what the range is"
expect 0 "config --module --json" config --module --json
grep -q '^{"settings":{"lend_documents":{"value":[0-9]*,"from":"[a-z]*"},.*}}$' out
result $? "as JSON, too"
if grep -q '"check_seconds":{"value":[0-9]*,"from":"default"}' out; then
	was=$("$DOCSTORE" config --module check_seconds)
	expect 0 "config --module NAME=VALUE" config --module check_seconds=12345
	prints "a store has it, too" 'check_seconds                     12345  module' \
		config check_seconds
	expect 0 "config --module --reset" config --module --reset check_seconds
	prints "it is as it was" "$was" config --module check_seconds
fi
"$DOCSTORE" --store nobody config >out 2>err
[ $? -eq 1 ]
result $? "config of no such store (exit code 1)"

# --- sessions

expect 0 "sessions" sessions
grep -q '^ *ID *PID *UID MODE *CALLS *ERRS *IN *OUT REQS COMMAND *STORE$' out && [ "$(wc -l <out)" -ge 2 ]
result $? "it lists them"
narrow "sessions"
expect 0 "sessions --json" sessions --json
grep -q '^{"id":[0-9]*,"opened":[0-9]*,.*"snapshots":[0-9]*,.*"bytes_in":[0-9]*,"bytes_out":[0-9]*,"streams":[0-9]*,"stream":[0-9]*,"read":[a-z]*,"write":[a-z]*,"comm":"[^"]*","store":"[^"]*"}$' out
result $? "as JSON, too"
expect 2 "sessions: an operand" sessions x
if [ -z "$FAKE" ]; then
	# One that has it open for a while.
	mkfifo reading
	"$DOCSTORE" --store $store import <reading >/dev/null 2>&1 &
	exec 7>reading
	i=0
	until "$DOCSTORE" sessions >out 2>err && grep -q " docstore  *$store\$" out; do
		i=$((i + 1))
		[ $i -lt 50 ] || break
		sleep 0.1
	done
	grep -q "^ *[0-9]*  *$!  *[0-9]*  *w .* docstore  *$store\$" out
	result $? "one that has the store open is listed"
	exec 7>&-
	wait
fi

# --- top

expect 0 "top -b" top -b -n 1
grep -q '^top - [0-9:]*, up [0-9d: ]*, [0-9]* .*stores*, [0-9]* sessions*, [0-9]* requests*$' out &&
	grep -q '^ *OPS/s READS/s .* STORE$' out && grep -q " $store\$" out &&
	grep -q '^ *BUSY .* CPU$' out && grep -q '^ *[0-9]*% .* 0$' out && grep -q ' PLACE$' out
result $? "it shows stores, workers and places"
narrow "top"
expect 0 "top, and its output is no terminal" top -n 3 -d 0.1
[ "$(grep -c '^top - ' out)" -eq 3 ] && [ "$(grep -c " $store\$" out)" -eq 3 ]
result $? "as many rounds as it was told"
expect 2 "top: no rounds" top -n 0
expect 2 "top: no number of rounds" top -n x
expect 2 "top: too short a delay" top -d 0
expect 2 "top: no delay" top -d x
expect 2 "top: an operand" top x
if [ -n "$FAKE" ]; then
	# What happens there in a second is known.
	DOCSTORE_FAKE_BUSY=1 "$DOCSTORE" top -b -n 2 -d 0.1 >out 2>err
	[ "$(grep -c '^A second: 1000 operations, 5000 reads, 90 commits; P50 9.2 us, P99 10.2 us$' out)" -eq 2 ] &&
		[ "$(grep -c '^ *50%  *50  *100  *20  *10  *240.0 us  *0 1$' out)" -eq 2 ]
	result $? "rates are those of a second"
	! grep -q ' USES/s ' out
	result $? "of a store that cannot be mapped there are no hot documents"
	DOCSTORE_FAKE_NO_MODULE=1 "$DOCSTORE" top -b >out 2>err
	[ $? -eq 6 ]
	result $? "top: no module (exit code 6)"
	# Of a reader that goes away it takes notice.
	{
		"$DOCSTORE" top -b -d 0.1 2>err
		echo $? >code
	} | head -n 1 >out
	[ "$(cat code)" -eq 8 ]
	result $? "it ends when nobody reads it"
else
	# One that writes all the time, and one that has a snapshot.
	"$DOCSTORE" --store $store snapshot run -- sleep 20 &
	while [ ! -e enough ]; do
		"$DOCSTORE" --store $store incr n n >/dev/null 2>&1
	done &
	i=0
	until "$DOCSTORE" hot $store 2>err | grep -q ' n$'; do
		i=$((i + 1))
		[ $i -lt 300 ] || break
		sleep 0.1
	done
	expect 0 "top of a store in use" top -b -n 2 -d 1
	touch enough
	awk -v store=$store '$NF == store && /%/ && $1 > 0 { n++ } END { exit n != 2 }' out
	result $? "it has operations"
	grep -q "^ *[0-9]*  *[0-9.]* m*s .* kept $store\$" out
	result $? "and a snapshot"
	grep -q '^  USES/s PATTERN DELTAS STORE           ID$' out &&
		grep -q "^ *>*[0-9.]*  *write  *[0-9K.>]* $store  *n\$" out
	result $? "and a hot document"
	narrow "top"
	wait
fi

# --- the rest

for command in stats config sessions top; do
	expect 0 "$command --help" $command --help
	grep -q "^Usage: docstore \[--store NAME\] $command" out
	result $? "it is about $command"
done
expect 0 "remove" remove

finish

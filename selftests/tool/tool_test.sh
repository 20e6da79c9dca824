#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# docstore, the command: every command, every exit code, and that an export of an
# import is byte for byte the same. TAP; plain sh, for busybox.
#
# It needs the module, or FAKE=1 and a docstore that was built with the store in
# user space ("make check" in this folder). DOCSTORE says where the command is.

# Braces and dollars are JSON's, and the exit code is what it is about.
# shellcheck disable=SC2016,SC2181

# shellcheck source=tool_tap.sh
. "$(dirname "$0")/tool_tap.sh"

store=tool_test

run remove

# --- stores

expect 1 "a store that is not there" get a
says "there is no store 'tool_test'" "it says which one"
expect 0 "create" create --mode 640 --partitions 2 --max-bytes 64M
expect 3 "create again" create
expect 2 "create: no such mode" create --mode 888
expect 2 "create: an executable mode" create --mode 755
expect 2 "create: no such size" create --max-bytes 64X
expect 2 "create: size 0" create --max-bytes 0
expect 2 "create: too many partitions" create --partitions 257
expect 2 "create: a name, and another one by --store" create other
"$DOCSTORE" create ${store}_named >out 2>err
result $? "create NAME"
"$DOCSTORE" info ${store}_named >out 2>err && grep -q "^store ${store}_named" out
result $? "info NAME"
"$DOCSTORE" remove ${store}_named >out 2>err
result $? "remove NAME"
"$DOCSTORE" remove >out 2>err
[ $? -eq 2 ]
result $? "remove: no name (exit code 2)"
expect 2 "remove: two names" remove a b
"$DOCSTORE" --store .hidden create >out 2>err
[ $? -eq 2 ]
result $? "create: no name for a store (exit code 2)"
expect 0 "stores" stores
grep -q '^tool_test .* 0640 ' out
result $? "stores lists it"
expect 0 "stores --json" stores --json
grep -q '"name":"tool_test",.*"mode":416,"partitions":2,.*"max_bytes":67108864,' out
result $? "stores --json lists it"
expect 0 "info" info
grep -q '^store tool_test$' out && grep -q 'memory limit  *64.0 MiB' out && grep -q '^module$' out
result $? "info describes it"
expect 0 "info --json" info --json
grep -q '^{"store":{"name":"tool_test",.*},"module":{"abi":1,.*}}$' out
result $? "info --json describes it"

# --- one document

expect 0 "put" put user:1 '{"name":"Ada","age":36,"tags":["a", "b"]}'
prints "get" '{"_id":"user:1","_version":1,"name":"Ada","age":36,"tags":["a","b"]}' get user:1
prints "get PROPERTY" '"Ada"' get user:1 name
prints "get a number" 36 get user:1 age
prints "get nested JSON" '["a","b"]' get user:1 tags
run get --raw user:1 name
printf Ada >want
cmp -s out want
result $? "get --raw"
prints "get --pretty" '{
  "_id": "user:1",
  "_version": 1,
  "name": "Ada",
  "age": 36,
  "tags": [
    "a",
    "b"
  ]
}' get --pretty user:1
prints "options may follow operands" '[
  "a",
  "b"
]' get user:1 tags --pretty
expect 1 "get: no such document" get user:2
says 'there is no such document' "it says so"
expect 1 "get: no such property" get user:1 phone
expect 1 "get: no such property, no such document" get user:2 phone
expect 2 "get: no id" get
expect 2 "get: an empty id" get ''
expect 2 "get: too many operands" get a b c
expect 2 "get: no such option" get --nonsense a
expect 2 "get: --raw of a document" get --raw user:1

printf '{"from":"stdin"}' | "$DOCSTORE" --store $store put piped >out 2>err
result $? "put from standard input"
prints "it is there" '"stdin"' get piped from
printf '{"from":\n"-"}\n' | "$DOCSTORE" --store $store put piped - >out 2>err
result $? "put from -"
prints "it is there, too" '"-"' get piped from
expect 0 "put --type" put --type user typed '{}'
prints "the type is there" '{"_id":"typed","_type":"user","_version":1}' get typed
expect 0 "put with _type and _version" put typed '{"_id":"typed","_type":"admin","_version":9}'
prints "they are there" '{"_id":"typed","_type":"admin","_version":9}' get typed
expect 0 "put what get gave" put typed "$(cat out)"
prints "its version goes on" '{"_id":"typed","_type":"admin","_version":10}' get typed
expect 7 "put: not JSON" put x '{"a":}'
says 'byte 6' "it says where"
expect 7 "put: not an object" put x '[1]'
expect 7 "put: another _id" put x '{"_id":"y"}'
expect 7 "put: empty" put x ''
expect 7 "put: half of a surrogate pair" put x '{"a":[{"b":"\ud800"}]}'
says 'byte 13: half of a surrogate pair' "it says so"
for text in "{'a':1}" '{"a":[1,]}' '{"a":[NaN]}' '{"a":01}' '{"a":TRUE}' '{"a":1}/**/'; do
	expect 7 "put: not JSON: $text" put x "$text"
done
expect 0 "put what few readers of JSON take as it is" \
	put odd '{"a\u0000b":1,"n":[18446744073709551616,-0,1e400],"d":{"a":1,"a":2}}'
prints "get prints all of it" \
	'{"_id":"odd","_version":1,"$bytes:YQBi":1,"n":[18446744073709551616,-0,1e400],"d":{"a":1,"a":2}}' get odd
expect 3 "put --if-absent" put --if-absent user:1 '{}'
expect 0 "put --if-absent, and it is absent" put --if-absent new '{"a":1}'
expect 3 "put --if-version: another one" put --if-version 2 new '{"a":2}'
expect 0 "put --if-version" put --if-version 1 new '{"a":2}'
expect 1 "put --if-exists" put --if-exists nobody '{}'
expect 2 "put --if-version: not a number" put --if-version x new '{}'
prints "only those changed it" '{"_id":"new","_version":2,"a":2}' get new
expect 3 "del --if-version" del --if-version 1 new
expect 0 "del" del new
expect 1 "del again" del new
expect 0 "put after del" put new '{}'
run get new
grep -q '"_version":[4-9]' out
result $? "the version goes on after del"
# Deleted before, it would let the versions of new documents begin higher.
expect 0 "del them" del new
expect 0 "del them" del odd

prints "incr makes a document" 1 incr counter n
prints "incr N" 11 incr counter n 10
prints "incr by a negative number" -9 incr counter n -20
prints "incr up to the end" 9223372036854775807 incr wide n 9223372036854775807
expect 7 "incr beyond the end" incr wide n
expect 7 "incr of a string" incr user:1 name
expect 2 "incr: not a number" incr counter n x
expect 2 "incr: too large a number" incr counter n 9223372036854775808
expect 2 "incr: no property" incr counter
expect 0 "an id that begins with -" put -- -dash '{}'
expect 0 "it is deleted" del -- -dash

# --- ids of any kind

newline='a
b'
expect 0 "an id with a newline" put "$newline" '{"k":1}'
expect 0 "an id that is not UTF-8" put "$(printf '\377\376')" '{"k":2}'
expect 0 "an id that begins with a quote" put '"q' '{"k":3}'
expect 0 "an id that begins with a brace" put '{b' '{"k":4}'
expect 0 "an id with a NUL" put --escaped '"z\u0000z"' '{"k":5}'
prints "ls" '"\"q"
"a\nb"
counter
piped
typed
user:1
wide
"z\u0000z"
"{b"
{"$bytes":"//4="}' ls
"$DOCSTORE" --store $store ls | while read -r id; do
	"$DOCSTORE" --store $store get --escaped "$id" >/dev/null || echo "$id"
done >out 2>err
[ ! -s out ]
result $? "get --escaped takes what ls writes"
prints "ls PREFIX" user:1 ls user
prints "ls --escaped PREFIX" '"a\nb"' ls --escaped '"a\n"'
prints "ls --type" typed ls --type admin
run ls nothing
[ $? -eq 0 ] && [ ! -s out ]
result $? "ls of nothing"
run ls -0
printf '"q\0a\nb\0counter\0piped\0typed\0user:1\0wide\0z\0z\0{b\0\377\376\0' >want
cmp -s out want
result $? "ls -0"
expect 2 "--escaped: not an id" get --escaped '"x'
expect 2 "--escaped: a number in its form" get --escaped '{"$u64":5}'

# --- import and export

cat >all.jsonl <<'EOF'
{"_id":"","comment":"an empty id is refused"}
EOF
expect 7 "import: a bad line" import all.jsonl
says 'all.jsonl:1: byte' "it says which line, and where"

cat >all.jsonl <<'EOF'
{"_id":"\u0000","_version":1,"nul":"a\u0000b"}
{"_id":" ","_version":4611686018427387904}
{"_id":"05","_version":3,"order":1,"z":2,"a":3}
{"_id":"a","_version":1}
{"_id":"ctl\n\u007f","_version":1,"controls":"\u0001\b\t\n\f\r\u001f\"\\/\u007f\u0085"}
{"_id":"f64","_version":1,"a":0.1,"b":-0.0,"c":1e+300,"d":4.94065645841247e-324,"e":100.0,"f":0.30000000000000004,"g":1.7976931348623157e+308}
{"_id":"f64x","_version":1,"a":{"$f64":"NaN"},"b":{"$f64":"Infinity"},"c":{"$f64":"-Infinity"},"d":{"$f64":"0x7ff0000000000001"}}
{"_id":"int","_version":1,"min":-9223372036854775808,"max":9223372036854775807,"u64":18446744073709551615,"small":{"$u64":5},"zero":0}
{"_id":"json","_version":1,"o":{"a":[1,2.50,{"b":null}]},"a":[],"e":{},"bytes":{"$json":"{\"$bytes\":\"AA==\"}"},"not":{"$json":"not json"},"bin":{"$json":{"$bytes":"/w=="}},"dup":{"a":1,"a":2}}
{"_id":"keys","_version":1,"$bytes:/w==":1,"$bytes:X2lk":2,"$bytes:X3R5cGU=":3,"$bytes:X3ZlcnNpb24=":4,"$bytes:YQBi":5,"$bytes":6}
{"_id":"misc","_type":"kind","_version":42,"null":null,"yes":true,"no":false,"empty":""}
{"_id":"num","_version":1,"big":123456789012345678901234567890,"huge":1e400,"tiny":-1e-400}
{"_id":"str","_version":1,"bad":{"$string":"/w=="},"utf8":"é€😀","bytes":{"$bytes":"AAEC/w=="},"none":{"$bytes":""}}
{"_id":"type","_type":{"$bytes":"gA=="},"_version":2}
{"_id":"é","_version":1}
{"_id":{"$bytes":"/w=="},"_version":7,"a":1}
EOF
expect 0 "import" import all.jsonl
says '16 documents stored' "it says how many"
"$DOCSTORE" --store ${store}_2 remove >/dev/null 2>&1
"$DOCSTORE" --store ${store}_2 create >out 2>err
"$DOCSTORE" --store ${store}_2 import -q all.jsonl >out 2>err
result $? "import into an empty store"
[ ! -s out ] && [ ! -s err ]
result $? "import --quiet says nothing"
"$DOCSTORE" --store ${store}_2 export --sort >out 2>err
cmp all.jsonl out >err 2>&1
result $? "its export is byte for byte the same"
"$DOCSTORE" --store ${store}_2 export >unsorted 2>err
LC_ALL=C sort unsorted >out
LC_ALL=C sort all.jsonl >want
cmp want out >err 2>&1
result $? "an export that is not sorted has the same lines"

store=${store}_2
expect 0 "export to a file" export --sort file
cmp file all.jsonl >err 2>&1
result $? "it is the same"
ls >out
! grep -q tmp out
result $? "nothing else is left"
prints "export --type" '{"_id":"misc","_type":"kind","_version":42,"null":null,"yes":true,"no":false,"empty":""}' \
	export --type kind
prints "export --prefix" '{"_id":"a","_version":1}' export -S --prefix a
expect 8 "export into a folder that is not there" export nowhere/file
if [ -w /dev/full ]; then
	"$DOCSTORE" --store $store export >/dev/full 2>err
	[ $? -eq 8 ]
	result $? "export to a full device (exit code 8)"
	"$DOCSTORE" --store $store get a >/dev/full 2>err
	[ $? -eq 8 ]
	result $? "get to a full device (exit code 8)"
fi
# The reader is gone before the first line comes.
mkfifo pipe
{ sleep 1; "$DOCSTORE" --store $store export 2>err; echo $? >code; } >pipe &
: <pipe
wait
[ "$(cat code)" = 8 ]
result $? "export to a pipe without a reader (exit code 8)"

printf '{"key":"k1","a":1}\n\n  \r\n{"a":2,"key":7}\r\n{"key":{"$bytes":"/w=="}}' >by_key.jsonl
expect 0 "import --id --type" import --id key --type keyed by_key.jsonl
prints "the field stays a property" '{"_id":"k1","_type":"keyed","_version":1,"key":"k1","a":1}' get k1
prints "a number can be an id" '{"_id":"7","_type":"keyed","_version":1,"a":2,"key":7}' get 7
prints "a last line without a newline" '{"_id":{"$bytes":"/w=="},"_type":"keyed","_version":8,"key":{"$bytes":"/w=="}}' \
	get --escaped '{"$bytes":"/w=="}'
expect 7 "import: no such field" import --id nokey by_key.jsonl
says 'has no "nokey"' "it says so"

cat >bad.jsonl <<'EOF'
{"_id":"ok1","n":1}
{"_id":"broken","n":}
{"n":3}
{"_id":"ok2","n":4}
[5]
EOF
expect 7 "import stops at a bad line" import bad.jsonl
says 'bad.jsonl:2: byte 21: ' "it says where"
printf '{"_id":"new","_version":0}\n' >version.jsonl
expect 7 "import of a version that cannot be" import version.jsonl
says 'version.jsonl:1: "new": byte 25: _version' "it says which document, and where"
prints "what stands before it is stored" 1 get ok1 n
expect 1 "what stands behind it is not" get ok2
expect 7 "import --continue" import --continue bad.jsonl
says 'bad.jsonl:5:' "it names every bad line"
says '2 documents stored.*3 could not be stored' "it counts them"
prints "it goes on" 4 get ok2 n
printf '{"_id":"ok1","n":100}\n{"_id":"ok3","n":3}\n' >more.jsonl
expect 0 "import --skip-existing" import --skip-existing more.jsonl
says '1 documents stored.*1 were there already' "it counts them"
prints "what was there stays" 1 get ok1 n
prints "what was not there comes" 3 get ok3 n
printf '{"_id":"twice","n":1}\n{"_id":"twice","n":2}\n' | \
	"$DOCSTORE" --store $store import >out 2>err
result $? "import the same id twice"
prints "the last one counts, and each is a version" '{"_id":"twice","_version":2,"n":2}' get twice
expect 8 "import of a file that is not there" import nowhere

# --- all or nothing

printf '{"_id":"at1","n":1}\n{"_id":"at2","n":1}\n{"_id":"at1","n":2}\n' >atomic.jsonl
expect 0 "import --atomic" import --atomic atomic.jsonl
says '3 documents stored' "it says how many"
prints "of two with the same id the last one counts" 2 get at1 n
printf '{"_id":"at1","n":9}\n{"_id":"at3","n":9}\n{"_id":"at4","n":}\n' >broken.jsonl
expect 7 "import --atomic: a bad line" import --atomic broken.jsonl
says 'broken.jsonl:3: ' "it says which one"
says '^docstore: 0 documents stored.*nothing was changed' "and that nothing was stored"
expect 1 "nothing of it is there" get at3
prints "what was there stays" 2 get at1 n
awk 'BEGIN {
	print "{\"_id\":\"at1\",\"n\":9}"
	printf "{\"_id\":\"at5\",\"p\":0"
	for (i = 0; i < 1024; i++)
		printf ",\"p%d\":%d", i, i
	print "}"
	print "{\"_id\":\"at6\",\"n\":9}"
}' >refused.jsonl
expect 7 "import --atomic: a document that is refused" import --atomic refused.jsonl
says 'refused.jsonl:2: "at5": too large' "it says which one"
expect 1 "nothing behind it is there" get at6
prints "nor what stands before it" 2 get at1 n
awk 'BEGIN { for (i = 0; i < 4097; i++) printf "{\"_id\":\"x%d\",\"n\":%d}\n", i, i }' >large.jsonl
expect 7 "import --atomic: too many operations" import --atomic large.jsonl
says '16388 operations .*at most 16384 ' "it says how many, and the limit"
expect 1 "and stores none" get x0
head -n 4096 large.jsonl >fits.jsonl
expect 0 "import --atomic of as many as there may be" import --atomic fits.jsonl
prints "all are there" 4095 get x4095 n
awk 'BEGIN {
	s = "z"
	while (length(s) < 1000000)
		s = s s
	for (i = 0; i < 17; i++)
		printf "{\"_id\":\"y%d\",\"s\":\"%s\"}\n", i, substr(s, 1, 1000000)
}' >heavy.jsonl
expect 7 "import --atomic: too many bytes" import --atomic heavy.jsonl
says ' 16.2 MiB of ids and values; at most 16384 and 16.0 MiB ' "it says how many, and the limit"
expect 2 "import --atomic --continue" import --atomic --continue atomic.jsonl
expect 2 "import --atomic --skip-existing" import -a -n atomic.jsonl
expect 0 "import --atomic of nothing" import -q --atomic /dev/null

# --- check
expect 0 "check" check
grep -q ' documents and [0-9]* pieces of memory looked at, 0 findings$' out
result $? "check finds nothing"
expect 0 "check --repair --json" check --repair --json
grep -q '"found":0,"repaired":0,"findings":\[\]}$' out
result $? "check --json finds nothing"
expect 2 "check with an option that there is not" check --nothing
if [ -n "$FAKE" ]; then
	expect 0 "break the flags of a document" put broken:flags '{}'
	expect 7 "check finds it" check
	grep -q '^flags: partition [0-9]*, rule 5 at [0-9]*: is [0-9]*, should be [0-9]*$' out
	result $? "and says what"
	expect 7 "check --json finds it" check --json
	grep -q '"findings":\[{"validator":"flags","partition":.*"repaired":false}\]}$' out
	result $? "and says what"
	expect 0 "check --repair repairs it" check --repair
	grep -q ', repaired$' out
	result $? "and says so"
	expect 0 "it was repaired" check
	expect 0 "break what can't be repaired" put broken:index '{}'
	expect 0 "break a queue" put broken:queues '{}'
	expect 7 "check --repair finds it" check -r
	grep -q '^queues: rule' out
	result $? "and what is about no partition"
	expect 0 "away with it" del broken:index
	expect 0 "away with it" del broken:queues
	expect 0 "away with it" del broken:flags
fi

# --- coordinator and snapshots

expect 0 "coordinator" coordinator
grep -q '^  wait now  *0$' out && grep -q '^  carried out  *[1-9]' out
result $? "coordinator describes it"
expect 0 "coordinator --json" coordinator --json
grep -q '^{"queued":0,"max_queued":[1-9].*,"commits":[1-9].*,"waiting":\[\]}$' out
result $? "coordinator --json describes it"

expect 0 "snapshot list of none" snapshot list
[ "$(wc -l <out)" -eq 1 ]
result $? "there is none"
expect 0 "put" put frozen '{"n":1}'
# in_snapshot WHAT TEXT COMMAND: what a shell prints that runs in a snapshot
in_snapshot()
{
	what=$1
	printf '%s\n' "$2" >want
	"$DOCSTORE" --store $store snapshot run -- sh -c "d='$DOCSTORE'; $3" >out 2>err
	[ $? -eq 0 ] && cmp -s out want
	result $? "$what"
}
in_snapshot "snapshot run: what is written is not seen" "2
1
2" '$d incr frozen n; $d get frozen n; $d --store other get frozen n 2>/dev/null; $d incr frozen x 2'
prints "but it is there" '{"_id":"frozen","_version":3,"n":2,"x":2}' get frozen
in_snapshot "ls and export in a snapshot" 'frozen
{"_id":"frozen","_version":3,"n":2,"x":2}' '$d put frozen2 {}; $d del frozen; $d ls frozen; $d export --prefix frozen'
prints "ls outside of it" frozen2 ls frozen
in_snapshot "the store is the same, by its name as well" "1
1" "\$d put frozen '{\"n\":1}'; \$d del frozen2; \$d get frozen n 2>/dev/null || \$d --store $store ls frozen | wc -l; \$d --store $store info | grep -c '^store $store\$'"
expect 0 "del" del frozen
expect 0 "put" put frozen '{"n":1}'
in_snapshot "--snapshot FD" 1 '$d incr frozen n >/dev/null; fd=$DOCSTORE_SNAPSHOT; unset DOCSTORE_SNAPSHOT; $d --snapshot $fd get frozen n'
in_snapshot "--snapshot FD, and another store" 2 "\$d --store default --snapshot \$DOCSTORE_SNAPSHOT get x 2>/dev/null; echo \$?"
in_snapshot "--snapshot FD, and a command that writes" 2 '$d --snapshot $DOCSTORE_SNAPSHOT del frozen 2>/dev/null; echo $?'
in_snapshot "a snapshot within a snapshot" "2
3" '$d incr frozen n >/dev/null; $d get frozen n; exec $d snapshot run -- $d get frozen n'
"$DOCSTORE" --store $store --snapshot 0 get frozen >out 2>err </dev/null
[ $? -eq 2 ]
result $? "--snapshot: no descriptor of a snapshot (exit code 2)"
says "'0' is no descriptor of a snapshot" "it says so"
expect 0 "snapshot run of true" snapshot run true
expect 1 "snapshot run of false" snapshot run -- false
expect 127 "snapshot run of what is not there" snapshot run -- ./nothing
expect 126 "snapshot run of what cannot be run" snapshot run -- ./all.jsonl
expect 2 "snapshot run of nothing" snapshot run
expect 2 "snapshot run: no such lease" snapshot run --lease 0 -- true
expect 2 "snapshot: neither list nor run" snapshot walk
expect 2 "snapshot: nothing" snapshot
in_snapshot "a lease that is over" 8 "exec \$d snapshot run --lease 1 -- sh -c 'sleep 2; \$0 get frozen n 2>over; echo \$?' \$d"
grep -q 'the snapshot is gone: its lease is over' over
result $? "it says so"
if [ -z "$FAKE" ]; then
	in_snapshot "a snapshot is listed" 1 '$d snapshot list | grep -c "  -  .*  kept$"'
	in_snapshot "and in JSON" 1 '$d snapshot list --json | grep -c "^{\"id\":[1-9].*\"lease_ms\":0,.*\"uid\":0,\"revoked\":false}$"'
	# Two documents that are always written together.
	printf '{"_id":"pair1","n":0}\n{"_id":"pair2","n":0}\n' >pair.jsonl
	"$DOCSTORE" --store $store import -q pair.jsonl
	(
		i=1
		while [ ! -e stop ]; do
			printf '{"_id":"pair1","n":%d}\n{"_id":"pair2","n":%d}\n' $i $i |
				"$DOCSTORE" --store $store import -q --atomic || echo "$i" >>wrong
			i=$((i + 1))
		done
		echo $i >stopped
	) &
	for i in $(seq 60); do
		set -- --prefix pair
		[ $((i % 2)) = 0 ] || set -- "$@" --sort
		"$DOCSTORE" --store $store export "$@" >pair
		[ "$(sed 's/.*"n":\([0-9]*\)}/\1/' pair | sort | uniq -c | awk '{ print $1 }')" = 2 ] ||
			cat pair >>wrong
	done
	: >stop
	wait
	[ ! -e wrong ] && [ "$(cat stopped)" -gt 10 ]
	result $? "an export is of one moment, while others write"
	[ ! -e wrong ] || sed 's/^/# /' wrong
fi

# Enough for many batches, and values of every length.
awk 'BEGIN {
	s = "x"
	while (length(s) < 40000)
		s = s s
	for (i = 0; i < 3000; i++)
		printf "{\"_id\":\"n%06d\",\"_type\":\"t%d\",\"_version\":%d,\"i\":%d,\"s\":\"%s\",\"l\":[%d,{\"a\":%d}]}\n",
			i, i % 7, i % 5 + 1, i, substr(s, 1, i % 100 == 0 ? i * 10 : i % 50), i, i
}' >many.jsonl
"$DOCSTORE" --store $store remove
"$DOCSTORE" --store $store create --max-bytes 256M
# A file that was cut, and then the whole one.
head -c 200000 many.jsonl >cut.jsonl
expect 7 "import of a file that was cut" import cut.jsonl
expect 0 "import of the whole file, without what is there" import --skip-existing many.jsonl
expect 0 "their export" export --sort many.out
cmp many.jsonl many.out >err 2>&1
result $? "nothing is missing, and nothing was stored twice"
"$DOCSTORE" --store $store remove
"$DOCSTORE" --store $store create --max-bytes 256M
expect 0 "import of 3000 documents" import many.jsonl
expect 0 "their export" export --sort many.out
cmp many.jsonl many.out >err 2>&1
result $? "is byte for byte the same"
[ "$("$DOCSTORE" --store $store ls | wc -l)" -eq 3000 ]
result $? "ls has all of them"

# As many properties as there may be, and one more.
awk 'BEGIN {
	for (k = 1024; k < 1026; k++) {
		printf "{\"_id\":\"%d\",\"_version\":1", k
		for (i = 0; i < k; i++)
			printf ",\"p%d\":%d", i, i
		print "}"
	}
}' >wide.jsonl
expect 7 "a document of too many properties" import --continue wide.jsonl
says 'wide.jsonl:2: "1025": too large' "it says so"
head -n 1 wide.jsonl >want
run get 1024
cmp out want >err 2>&1
result $? "one of as many as there may be is stored"

# --- the rest

expect 0 "--help" --help
expect 2 "no such command" nonsense
"$DOCSTORE" >out 2>err
[ $? -eq 2 ]
result $? "no command (exit code 2)"
expect 0 "--version" --version
grep -q '^docstore [0-9]' out
result $? "it prints a version"

# --- state

expect 2 "hot: no number" hot -n many
expect 2 "hot: an option that there is not" hot --by size
expect 2 "state: no flag" state --flag warm
expect 2 "state: no pattern" state --pattern random
expect 2 "state: no order" state --by name
expect 2 "state: two names" state a b
if [ -n "$FAKE" ]; then
	expect 8 "state: a store that is not mapped" state
	says 'cannot be mapped' "it says so"
	expect 8 "hot: a store that is not mapped" hot
else
	other=$store
	store=${store}_state
	expect 0 "create one to look at states" create --partitions 2
	awk 'BEGIN { for (i = 0; i < 100; i++) printf "{\"_id\":\"s%d\",\"n\":%d}\n", i, i }' \
		>state.jsonl
	expect 0 "import for states" import state.jsonl
	expect 0 "state" state
	grep -q '^documents  *100$' out && grep -q '^  idle  *100$' out &&
		grep -q '^  write  *100$' out && grep -q '^  hot_document  *0$' out
	result $? "it counts documents, flags and patterns"
	expect 0 "state --json" state --json
	grep -q '^{"documents":100,"deleted":0,"flags":{"idle":100,.*},"patterns":{"write":100,' out
	result $? "it says the same"
	expect 0 "state: all of a pattern" state --pattern write
	[ "$(wc -l <out)" -eq 101 ]
	result $? "it lists all of them"
	expect 0 "state: none of a flag" state --flag dirty --json
	[ ! -s out ]
	result $? "it lists none"
	expect 0 "one that is larger" put big '{"s":"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"}'
	expect 0 "one that is changed again" put s7 '{"n":8}'
	expect 0 "state: by size" state --top 1 --by size --json
	grep -q '^{"_id":"big","version":1,"flags":\[\],"pattern":"write",' out && [ "$(wc -l <out)" -eq 1 ]
	result $? "the largest one comes first"
	expect 0 "state: by deltas" state --top 2 --by deltas --flag idle
	sed -n 2p out | grep -q ' s7$' && [ "$(wc -l <out)" -eq 3 ]
	result $? "the one with most deltas comes first"
	expect 0 "state: by age" state -n 100 --by age --json
	[ "$(wc -l <out)" -eq 100 ] && ! { sed -n 1p out | grep -q '"big"'; }
	result $? "the one that was not used longest comes first"
	expect 0 "hot: nothing yet" hot --json
	i=0
	while [ $i -lt 500 ]; do
		run incr s9 n || break
		i=$((i + 1))
	done
	expect 0 "hot" hot
	sed -n 2p out | grep -q ' s9$'
	result $? "the one that was changed most comes first"
	expect 0 "hot -n 1 --json" hot -n 1 --json
	grep -q '^{"_id":"s9",.*"pattern":"write","heat":[0-9]*,"rate":' out && [ "$(wc -l <out)" -eq 1 ]
	result $? "and alone"
	expect 0 "hot -n 0" hot -n 0 --json
	[ ! -s out ]
	result $? "nothing was asked for"
	expect 0 "remove the one with states" remove
	store=$other
fi
expect 0 "help" help
for command in put get del incr ls import export create remove stores info snapshot coordinator \
	hot state check; do
	expect 0 "$command --help" $command --help
	grep -q "^Usage: docstore \[--store NAME\] $command" out
	result $? "it is about $command"
done
expect 2 "help of no command" help nonsense

if [ -n "$FAKE" ]; then
	DOCSTORE_FAKE_NO_MODULE=1 "$DOCSTORE" get a >out 2>err
	[ $? -eq 6 ]
	result $? "no module (exit code 6)"
	says 'modprobe docstore' "it says what to do"
fi

# Others than root, where there is a way to become one.
as_nobody()
{
	su -s /bin/sh nobody -c "'$DOCSTORE' --store $store $*" >out 2>err
}
if [ -z "$FAKE" ] && [ "$(id -u)" -eq 0 ] && su -s /bin/sh nobody -c true >/dev/null 2>&1; then
	as_nobody get n000000
	[ $? -eq 4 ]
	result $? "a store of somebody else (exit code 4)"
	as_nobody put mine "'{}'"
	[ $? -eq 4 ]
	result $? "and nothing is put into it (exit code 4)"
	as_nobody remove
	[ $? -eq 4 ]
	result $? "and it is not removed (exit code 4)"
	as_nobody stores
	result $? "it is listed, though"
fi

expect 0 "remove" remove
expect 1 "remove again" remove
store=tool_test
expect 0 "remove the other one" remove

# A store that is full says so, and what it says to do helps.
expect 0 "create a small store" create --partitions 1 --max-bytes 4M
if [ -z "$FAKE" ]; then
	awk 'BEGIN {
		s = "y"
		while (length(s) < 100000)
			s = s s
		for (i = 0; i < 200; i++)
			printf "{\"_id\":\"f%d\",\"s\":\"%s\"}\n", i, substr(s, 1, 100000)
	}' >full.jsonl
	expect 5 "import into a store that is too small" import --continue full.jsonl
	says 'has reached its limit' "it says so"
	run ls
	id=$(head -n 1 out)
	expect 0 "a document is still deleted" del "$id"
fi
expect 0 "remove the small store" remove

finish

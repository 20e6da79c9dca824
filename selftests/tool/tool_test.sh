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
store=tool_test

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
expect 0 "help" help
for command in put get del incr ls import export create remove stores info; do
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

echo "1..$n"
[ $bad -eq 0 ] || { echo "# $bad of $n failed"; exit 1; }

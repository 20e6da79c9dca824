#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# docstore watch, journal and restore: that nothing is missing and nothing comes twice,
# whoever is killed when, and that nothing is lost that was said to be on the disk. TAP;
# plain sh, for busybox.
#
# It needs the module, or FAKE=1 and a docstore that was built with the store in
# user space ("make check" in this folder); there nobody writes while somebody follows.

# Braces and dollars are JSON's, and the exit code is what it is about.
# shellcheck disable=SC2016,SC2181

# shellcheck source=tool_tap.sh
. "$(dirname "$0")/tool_tap.sh"

store=stream_test
other=stream_other
kills=${DOCSTORE_STREAM_KILLS:-6}

on()
{
	"$DOCSTORE" --store "$@"
}

# same WHAT: two stores have the same documents, with their versions.
same()
{
	on $store export --sort >a.jsonl 2>err && on $other export --sort >b.jsonl 2>err &&
		[ -s a.jsonl ] && cmp a.jsonl b.jsonl >out 2>&1
	result $? "$1"
}

# restored WHAT [OPTION]: the journal makes a store of the same documents.
restored()
{
	on $other remove >/dev/null 2>&1
	"$DOCSTORE" restore ${2:+"$2"} j $other >out 2>err
	result $? "restore: $1"
	same "restored as it was: $1"
}

last()
{
	for file in j/journal-*; do :; done
	echo "$file"
}

synced()
{
	sed 's/.*"synced":"\([^"]*\)".*/\1/' j/status
}

# appears FILE: wait until something stands in it.
appears()
{
	for _ in 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9; do
		[ ! -s "$1" ] || return 0
		sleep 0.5
	done
	return 1
}

# changes TOKEN: how many changes there were up to there.
changes()
{
	echo "$1" | awk -F- '{ n = split($3, part, "."); for (i = 1; i <= n; i++) sum += part[i] - 1
				print sum + 0 }'
}

run remove
on $other remove >/dev/null 2>&1
expect 0 "create" create --partitions 2

# --- watch

expect 0 "put" put a '{"x":1}'
expect 0 "put another" put b '{"y":"Grüße"}' --type T
expect 0 "watch: documents" watch --snapshot --once
grep -q '^{"kind":"document","document":{"_id":"a","_version":1,"x":1}}$' out &&
	grep -q '^{"kind":"document","document":{"_id":"b","_type":"T",' out &&
	sed -n '1p' out | grep -q '"kind":"begin"' && sed -n '$p' out | grep -q '"kind":"end"'
result $? "they are all there, between a begin and an end"
expect 0 "watch: nothing happens" watch -T 0
[ ! -s out ]
result $? "and nothing is printed"

expect 0 "watch: a token for later" watch -F token -T 0
[ -s token ]
result $? "there is one before anything has happened"
cp token first
expect 0 "change something" put a '{"x":2,"z":true}'
expect 0 "watch: go on" watch -F token -T 0
grep -q '"id":"a","version":2,"cleared":true,"set":{"x":2,"z":true}}$' out &&
	[ "$(wc -l <out)" -eq 1 ]
result $? "what was changed meanwhile is printed"
expect 0 "watch: go on once more" watch -F token -T 0
[ ! -s out ]
result $? "and not again"
expect 0 "watch: from a file" watch -f first -T 0
[ "$(wc -l <out)" -eq 1 ]
result $? "it goes on there"
expect 0 "watch: from a token" watch -f "$(cat first)" -T 0
[ "$(wc -l <out)" -eq 1 ]
result $? "it goes on there, too"
sed 's/^\(.*\)-\([^-]*\)$/\1-00000000/' first >bad
expect 7 "watch: a token that is damaged" watch -f bad
head -c 10 first >bad
expect 7 "watch: a part of a token" watch -F bad
expect 2 "watch: what is no token" watch -f nonsense
expect 2 "watch: documents behind a token" watch -f first --snapshot
expect 2 "watch: --once without documents" watch --once
expect 1 "watch: a type that nothing ever had" watch -t nope -T 0
expect 2 "watch: no number" watch -c x

expect 0 "set" put c '{"x":1,"secret":2}' --type T
expect 0 "delete" del c
expect 0 "watch: no values" watch -f first -T 0 --no-values
grep -q '"changed":\["x","secret"\]}$' out && ! grep -q '"set"' out
result $? "names only"
grep -q '"id":"c",.*"deleted":true}$' out
result $? "deleted is deleted"
expect 0 "watch: a prefix" watch -f first -T 0 -p c
[ "$(wc -l <out)" -eq 2 ]
result $? "only these"
expect 0 "watch: a type" watch -f first -T 0 -t T
[ "$(wc -l <out)" -eq 2 ]
result $? "what has it or had it"
expect 0 "watch: so many lines" watch -f first -c 1
[ "$(wc -l <out)" -eq 1 ]
result $? "and no more"
cp first token
expect 0 "watch: so many lines, and a token" watch -F token -c 1
expect 0 "watch: the others" watch -F token -T 0
[ "$(wc -l <out)" -eq 2 ]
result $? "none is missing, none comes again"
expect 0 "watch: others' changes" watch -f first -p none -b -T 1500
grep -q '^{"kind":"bookmark","token":"[0-9.a-f-]*"}$' out
result $? "a bookmark"

on $other create --partitions 2 >out 2>err
on $other watch -f first -T 0 >out 2>err
grep -q '^{"kind":"lost","reason":"store"}$' out
result $? "watch: a token of another store is said to be lost"

# --- watch, while others write

if [ -z "$FAKE" ]; then
	expect 0 "a token" watch -F token -T 0
	: >seen
	(
		i=0
		while [ $i -lt 40 ]; do
			on $store incr "n$((i % 5))" x >/dev/null
			i=$((i + 1))
		done
	) &
	writer=$!
	i=0
	while [ $i -lt "$kills" ]; do
		"$DOCSTORE" --store $store watch -F token >part 2>err &
		watcher=$!
		sleep 0.$((i % 5 + 1))
		kill -9 $watcher
		wait $watcher 2>/dev/null
		# The last line may be a part of one; it comes again.
		grep '}$' part >>seen
		i=$((i + 1))
	done
	wait $writer
	expect 0 "watch: the rest" watch -F token -T 500
	cat out >>seen
	sed 's/.*"partition":\([0-9]*\),"sequence":\([0-9]*\),.*/\1 \2/' seen | sort -u | wc -l >count
	[ "$(cat count)" -eq 40 ]
	result $? "watch: of 40 changes none is missing after $kills kills"
	# What comes again comes in order, too.
	sed 's/.*"partition":\([0-9]*\),"sequence":\([0-9]*\),.*/\1 \2/' seen |
		awk '$2 > last[$1] + 1 && last[$1] { bad = 1 } { if ($2 > last[$1]) last[$1] = $2 }
			END { exit bad }'
	result $? "and none is passed over"

	: >part
	"$DOCSTORE" --store $store watch --snapshot >part 2>err &
	watcher=$!
	appears part
	kill -TERM $watcher
	wait $watcher
	result $? "watch: SIGTERM ends it properly"
fi

# --- journal

expect 0 "journal" journal $store j --once
[ -s j/snapshot-00000000000000000001.jsonl ] && [ -s j/journal-00000000000000000001.jsonl ] &&
	[ -s j/status ]
result $? "its files"
expect 3 "restore: where there are documents" restore j $store
restored "documents"
"$DOCSTORE" restore --if-needed j $other >out 2>err
result $? "restore --if-needed: it was restored"
"$DOCSTORE" restore --if-needed j $store >out 2>err
result $? "restore --if-needed: it is the store itself"
"$DOCSTORE" restore --if-needed nowhere $other >out 2>err
result $? "restore --if-needed: no journal"
"$DOCSTORE" restore nowhere $other >out 2>err
[ $? -eq 1 ]
result $? "restore: no journal (exit code 1)"

expect 0 "a property more" put a '{"x":2,"z":true,"more":[1,2],"none":null,"b":{"$bytes":"AAE="}}'
expect 0 "a number" incr a x 5
expect 0 "deleted" del b
expect 0 "made again" put b '{"again":1.5}' --type U
expect 0 "made and deleted" put d '{}'
expect 0 "deleted" del d
expect 0 "an id that is not text" put --escaped '{"$bytes":"/w=="}' '{"_":1}'
expect 0 "journal: go on" journal $store j --once
restored "documents and changes"
expect 0 "journal: nothing to do" journal $store j --once
restored "nothing more"
"$DOCSTORE" restore --check j >out 2>err && [ "$(cat out)" = "$(synced)" ]
result $? "restore --check says where it ends"
grep -v '^{"crc":"[0-9a-f]\{8\}",".*}$' j/*.jsonl >out
[ $? -eq 1 ]
result $? "all files are lines that begin with a checksum"

# --- what was written in part

expect 0 "one change more" put e '{"last":true}'
cp -r j torn
expect 0 "journal: it" journal $store j --once
file=$(last)
size=$(wc -c <"$file")
cp -r j whole
rm j/status
head -c $((size - 3)) whole/"${file#j/}" >"$file"
on $other remove >out 2>&1
"$DOCSTORE" restore j $other >out 2>err
result $? "restore: the last line was written in part"
grep -q "$file: what was written in part, from byte" err
result $? "and that is said"
on $other get e >out 2>err
[ $? -eq 1 ]
result $? "it is not there, of course"
{ head -c $((size - 3)) whole/"${file#j/}" && head -c 1000 /dev/zero && echo '"}' &&
	tail -n 1 whole/"${file#j/}"; } >"$file"
"$DOCSTORE" restore --check j >out 2>err && grep -q 'was written in part' err
result $? "restore: a block that never came to the disk"
head -c $((size - 3)) whole/"${file#j/}" >"$file"
cp whole/status j/status
on $other remove >out 2>&1
"$DOCSTORE" restore j $other >out 2>err
[ $? -eq 7 ]
result $? "restore: but not if it was on the disk (exit code 7)"
rm j/status
expect 0 "journal: go on behind it" journal $store j --once
grep -q 'it is cut off' err
result $? "and that is said, too"
restored "after a line that was written in part"

# --- what is damaged

rm -rf j
cp -r whole j
file=$(for f in j/journal-*; do [ "$(wc -l <"$f")" -gt 3 ] && echo "$f"; done | head -n 1)
sed '3s/"n":\([0-9]*\)/"n":9\1/' whole/"${file#j/}" >"$file"
on $other remove >out 2>&1
"$DOCSTORE" restore j $other >out 2>err
[ $? -eq 7 ]
result $? "restore: a line in the middle is damaged (exit code 7)"
grep -q "$file: byte $(head -n 2 "$file" | wc -c): " err
result $? "the file and the byte are said"
on $other info >out 2>err
[ $? -eq 1 ]
result $? "and nothing is restored"
"$DOCSTORE" restore --salvage j $other >out 2>err
result $? "restore --salvage: what stands before it"
sed 3d whole/"${file#j/}" >"$file"
"$DOCSTORE" restore --check j >out 2>err
[ $? -eq 7 ]
result $? "restore: a line is missing (exit code 7)"
cp whole/"${file#j/}" "$file"
"$DOCSTORE" restore --check j >out 2>err
result $? "restore: whole again"
mv "$file" away
"$DOCSTORE" restore --check j >out 2>err
[ $? -ne 0 ]
result $? "restore: a file is missing"
cp away "$file"
snapshot=$(ls j/snapshot-*)
cp "$snapshot" away
sed '$d' away >"$snapshot"
"$DOCSTORE" restore --check j >out 2>err
[ $? -eq 7 ]
result $? "restore: the end of the snapshot is missing (exit code 7)"
expect 0 "journal: of what is damaged" journal $store j --once
[ -s "j/kept-1/${snapshot#j/}" ]
result $? "it is kept, and all begins anew"
restored "begun anew"

# --- files that end, and begin again

rm -rf j
expect 0 "journal: short files" journal $store j --once
i=0
while [ $i -lt 12 ]; do
	run put "r$((i % 7))" "{\"i\":$i,\"text\":\"$(printf '%0200d' $i)\"}"
	expect 0 "journal: change $i" journal $store j --once --rotate 500 --compact 0
	i=$((i + 1))
done
[ "$(find j -name 'journal-*' | wc -l)" -gt 12 ]
result $? "there are many"
restored "many files"
expect 0 "journal: compact" journal $store j --once --compact 1K
[ "$(find j -name 'journal-*' | wc -l)" -eq 1 ] && [ "$(find j -name 'snapshot-*' | wc -l)" -eq 1 ]
result $? "there are few again"
restored "compacted"
run del r1
expect 0 "journal: a change behind it" journal $store j --once --compact 0
restored "compacted and changed"

# --- a small backlog

run remove
rm -rf j
expect 0 "create again" create --partitions 2
expect 0 "a small backlog" config backlog_bytes=64K
expect 0 "put" put small '{"x":1}'
expect 0 "journal: of a small backlog" journal $store j --once
head -c 70000 /dev/zero | tr '\0' x >large
{ printf '{"_id":"large","text":"' && cat large && printf '"}\n'; } >large.jsonl
expect 0 "a document that is too large for it" import -q large.jsonl
expect 0 "a small one" incr small x
expect 0 "watch: it" watch -f "$(synced)" -T 0
grep -q '"id":"large",.*"omitted":true}$' out
result $? "what has changed is not told"
expect 0 "journal: it" journal $store j --once
restored "a document that is too large for the backlog"
expect 0 "the same again" import -q large.jsonl
expect 0 "and deleted" del large
expect 0 "journal: what is gone by then" journal $store j --once
grep -q '"how":"gone"' j/journal-*
result $? "it says so"
restored "a document that was gone"
expect 0 "made again" put large '{"x":"small"}'
expect 0 "journal: made again" journal $store j --once
restored "a document that was made again"
seq 1 1500 | sed 's/.*/{"_id":"f&","x":&,"text":"0123456789012345678901234567890123456789"}/' >many.jsonl
expect 0 "more than the backlog has" import -q many.jsonl
cp j/status before
expect 0 "watch: changes were lost" watch -f "$(synced)" -T 0 -c 1
grep -q '^{"kind":"lost","reason":"overrun","partition":[01],"sequence":[0-9]*,"records":[0-9]*,' out
result $? "one line says so"
expect 0 "watch: changes were lost, and all documents again" watch -f "$(synced)" -T 0 -r
grep -q '^{"kind":"begin",.*"resync":true}$' out && [ "$(grep -c '"kind":"document"' out)" -eq 1502 ]
result $? "they are all there"
expect 0 "journal: changes were lost" journal $store j --once
grep -q 'changes were lost' err
result $? "it says so"
restored "after changes were lost"

# --- the store is removed

if [ -z "$FAKE" ]; then
	: >part
	"$DOCSTORE" --store $store watch --snapshot >part 2>err &
	watcher=$!
	"$DOCSTORE" journal $store j --verbose >kept 2>jerr &
	keeper=$!
	appears part
	appears kept
	run remove
	wait $watcher
	result $? "watch: the end, when the store is removed"
	[ "$(tail -n 1 part | cut -d, -f1)" = '{"kind":"removed"' ]
	result $? "the last line says so"
	wait $keeper
	result $? "journal: the end, when the store is removed"
	grep -q "the store '$store' was removed" jerr
	result $? "it says so"
else
	run remove
fi

# --- another store

expect 0 "create again" create --partitions 2
expect 0 "put" put z '{"new":1}'
expect 0 "journal: of another store" journal $store j --once
grep -q 'was not restored to this one' err && [ -d j/kept-1 ]
result $? "what was there is kept"
restored "of another store"
rm -rf k
cp -r j/kept-1 k
on $other remove >out 2>&1
"$DOCSTORE" restore k $other >out 2>err && on $other get f7 >out 2>err
result $? "and can be restored"
run remove
"$DOCSTORE" restore -q j >out 2>err && on $store get z >out 2>err
result $? "restore: the name is known"
expect 0 "journal: of what was restored" journal $store j --once
[ ! -d j/kept-2 ]
result $? "nothing need be kept"
"$DOCSTORE" journal $other j --once >out 2>err
[ $? -eq 3 ]
result $? "journal: that of a store of another name (exit code 3)"

# --- while others write, and whoever is killed

if [ -z "$FAKE" ]; then
	: >part
	"$DOCSTORE" journal $store j --verbose >part 2>err &
	keeper=$!
	appears part
	expect 3 "journal: two of them" journal $store j --once
	"$DOCSTORE" restore j $other >out 2>err
	[ $? -eq 3 ]
	result $? "restore: while it is written (exit code 3)"
	kill -TERM $keeper
	wait $keeper
	result $? "journal: SIGTERM ends it properly"

	: >stop
	(
		i=0
		while [ -e stop ]; do
			on $store put "k$((i % 50))" "{\"i\":$i,\"text\":\"$(printf '%0300d' $i)\"}"
			[ $((i % 7)) -ne 0 ] || on $store del "k$((i % 50))"
			i=$((i + 1))
		done
	) >/dev/null 2>&1 &
	writer=$!
	i=0
	while [ $i -lt "$kills" ]; do
		set -- always 20 always
		shift $((i % 3))
		"$DOCSTORE" journal $store j --fsync "$1" --rotate 3K --compact 12K >out 2>err &
		keeper=$!
		sleep 1.$((i * 3 % 10))
		kill -9 $keeper
		wait $keeper 2>/dev/null
		"$DOCSTORE" restore --check j >out 2>err
		[ $? -eq 0 ] && [ "$(changes "$(cat out)")" -ge "$(changes "$(synced)")" ]
		result $? "journal: killed, and nothing is lost that was on the disk ($i)"
		# All that was not said to be on the disk is lost, as if the machine had stopped.
		rm -rf stopped
		cp -r j stopped
		file=$(sed 's/.*"segment":\([0-9]*\),.*/\1/' j/status)
		size=$(sed 's/.*"offset":\([0-9]*\),.*/\1/' j/status)
		file=$(printf 'journal-%020d.jsonl' "$file")
		if [ -e "j/$file" ] && [ "j/$file" = "$(last)" ]; then
			head -c "$size" "j/$file" >"stopped/$file"
			"$DOCSTORE" restore --check stopped >out 2>err &&
				[ "$(changes "$(cat out)")" -ge "$(changes "$(synced)")" ]
			result $? "journal: nor if the machine stops ($i)"
		fi
		i=$((i + 1))
	done
	rm stop
	wait $writer
	expect 0 "journal: the rest" journal $store j --once
	[ "$(find j -name 'kept-*' | wc -l)" -eq 1 ]
	result $? "it has gone on each time"
	restored "after $kills kills"
fi

run remove
on $other remove >/dev/null 2>&1
finish

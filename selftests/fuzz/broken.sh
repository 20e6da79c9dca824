#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the fuzzer find faults? Each mutant is the module with one fault, built from
# a copy; docstore_fuzz must find it. Output is TAP.
#
# Usage: broken.sh [--kernel NAME] [--seconds N] [NAME]...
#
# The stock kernel will do (default): on it the fuzzer has no help from coverage
# or sanitizers.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/vm/common.sh
. "$here/../../tools/vm/common.sh"
# shellcheck source=tools/vm/packages.sh
. "$here/../../tools/vm/packages.sh"
# shellcheck source=tools/vm/module.sh
. "$here/../../tools/vm/module.sh"

checkout=$REPO
work=$here/build/broken
kernel=default
seconds=60
wanted=()
number=0
failed=0

while [ $# != 0 ]; do
	case "$1" in
	--kernel)	kernel=${2:?}; shift 2 ;;
	--seconds)	seconds=${2:?}; shift 2 ;;
	-*)		sed -n '4,/^$/s/^# \{0,1\}//p' "$0"; exit 2 ;;
	*)		wanted+=("$1"); shift ;;
	esac
done

need_program rsync rsync 'to copy the sources'
make -s -C "$here" || exit 1

# copy FILE SED: all sources with one file changed. What is as it was the last time
# keeps its time, and is not compiled again.
copy() {
	local file=$1 script=$2
	mkdir -p "$work/src"
	rsync -rc --delete --exclude='.*' --exclude='*.o' --exclude='*.ko' \
		--exclude='*.mod' --exclude='*.mod.c' --exclude=modules.order \
		--exclude=Module.symvers "$checkout/Kbuild" "$checkout/module" \
		"$checkout/uapi" "$work/src/"
	sed -i "$script" "$work/src/$file"
	! cmp -s "$work/src/$file" "$checkout/$file"
}

# run_mutant LOG: build it, and let the fuzzer look.
run_mutant() {
	local kdir release
	kdir=$("$checkout/tools/vm/kernel" "$kernel" --kdir) &&
		release=$("$checkout/tools/vm/kernel" "$kernel" --release) || return
	(REPO=$work/src; build_module "$kdir" "$release" "$work/docstore.ko") || return
	# As everywhere, first what is known to reach far.
	# shellcheck disable=SC2016
	"$checkout/tools/vm/run" --kernel "$kernel" --memory 2G \
		--timeout $((seconds * 2 + 240)) --module "$work/docstore.ko" \
		--file "$here/docstore_fuzz" --file "$here/corpus" -- sh -c '
		/root/docstore_fuzz --replay /root/corpus --hang 15 --every 0 &&
		/root/docstore_fuzz --seconds "$1" --seed 1 --hang 15 --every 0' \
		sh "$seconds"
}

# mutant NAME FILE SED EXPECTED: what the fuzzer or the kernel says matches the
# regular expression EXPECTED.
mutant() {
	local name=$1 file=$2 script=$3 expected=$4 status=0 start
	[ ${#wanted[@]} = 0 ] || [[ " ${wanted[*]} " == *" $name "* ]] || return 0
	number=$((number + 1))
	if ! copy "$file" "$script"; then
		echo "not ok $number - $name # the fault no longer applies"
		failed=1
		return
	fi
	start=$SECONDS
	run_mutant >"$work/log" 2>&1 || status=$?
	if [ "$status" = 4 ]; then
		echo "ok $number - $name # SKIP $(tail -n 1 "$work/log")"
	elif [ "$status" != 0 ] && grep -qE -e "$expected" "$work/log"; then
		echo "ok $number - $name: $(grep -m 1 -oE -e "($expected).*" "$work/log" |
			cut -c 1-100)"
		echo "# $((SECONDS - start)) s in all, $(grep -oE '[0-9]+ programs, [0-9]+ calls' \
			"$work/log" | tail -n 1)"
	else
		echo "not ok $number - $name # status $status"
		tail -n 40 "$work/log" | sed 's/^/# /'
		failed=1
	fi
}

# Too much comes back.
mutant read-room module/read.c \
	's/u32 rest = min(found->rest_len, arg->buffer_len - head);/u32 rest = found->rest_len;/' \
	'finding: read'
mutant get-room module/submit.c \
	's/len = min(op->value_len, delta->len);/len = op->value_len;/' \
	'finding: submit|finding: the kernel says|KASAN|usercopy'
mutant names-gap module/names.c \
	's/u8 bytes\[ALIGN(.*\] = {};/u8 bytes[ALIGN(sizeof(record) + DOCSTORE_MAX_NAME, 8)]; memset(bytes, 0x77, sizeof(bytes));/' \
	'finding: names: something lies between'
mutant many-offset module/read.c \
	's/item->offset = arg->used + window->used;/item->offset = arg->used;/' \
	'finding: read-many'

# Too much is let in.
mutant reserved-argument module/names.c \
	's/(arg->flags & ~DOCSTORE_INTERN_CREATE) || arg->__reserved/arg->flags \& ~DOCSTORE_INTERN_CREATE/' \
	'finding: intern succeeded, and had to fail with EINVAL'
mutant reserved-element module/submit.c \
	's/op->__reserved0 || op->__reserved1 ||/op->__reserved0 ||/' \
	'finding: submit succeeded, and had to fail with EINVAL'
mutant unknown-tail module/ioctl.c \
	's/return copy_struct_from_user(to, known, user, \*size);/memset(to, 0, known); return copy_from_user(to, user, min(*size, known)) ? -EFAULT : 0;/' \
	'finding: .*E2BIG'
mutant id-length module/read.c \
	's/if (len > DOCSTORE_MAX_ID)/if (len > DOCSTORE_MAX_ID + 1)/' \
	'finding: read|KASAN|FORTIFY|stack'
mutant rights module/ioctl.c \
	's/DS_ON_STORE | DS_ON_SNAPSHOT | DS_TO_READ | DS_OUT, ds_ioctl_scan/DS_ON_STORE | DS_OUT, ds_ioctl_scan/' \
	'finding: scan succeeded, and had to fail with EBADF'
mutant double-fetch module/names.c \
	'/^static int ds_intern_one/,/^}/{/item->len > DOCSTORE_MAX_NAME/,+1d};s/err = ds_intern_one(session->store, &item, create);/if (item.len > DOCSTORE_MAX_NAME) return -ENAMETOOLONG; err = ds_copy_element_in(\&item, sizeof(item), arg->names, arg->name_size, arg->done) ?: ds_intern_one(session->store, \&item, create);/' \
	'finding: the kernel says|[Bb]uffer overflow|KASAN|stack-protector'

# The wrong answer.
mutant wrong-error module/names.c \
	'/^static int ds_intern_one/,/^}/s/return -ENAMETOOLONG;/return -EINVAL;/' \
	'finding: intern failed with EINVAL instead of ENAMETOOLONG'
mutant undocumented-error module/request.c \
	's/if (atomic && request->nparts > 1)/if (atomic \&\& request->nparts > 1) return -524; if (false)/' \
	'finding: submit failed with 524'
mutant condition module/core/partition.c \
	's/(delta->flags & DOCSTORE_IF_ABSENT) && exists/(delta->flags \& DOCSTORE_IF_ABSENT) \&\& !delta/' \
	'finding: submit: result'
mutant prefix module/scan.c \
	's/return !memcmp(ds_version_id(v), s->prefix, s->arg->prefix_len);/return true;/' \
	'finding: scan: a document that was not asked for'
mutant half-a-batch module/core/partition.c \
	'/^void ds_partition_refuse/,/^}/s/ds_change_fail(change, -ECANCELED);/;/' \
	'finding: submit|in the end'

# Not what was there when the snapshot was taken.
mutant snapshot-reads-now module/read.c \
	's/if (!session->snapshot) {/if (true) {/' \
	'finding: (read|in the end)'
mutant snapshot-scans-now module/scan.c \
	'/^static const struct docstore_version \*ds_scanner_see/,/^}/s/if (s->snapshot)/if (false)/' \
	'finding: (scan|in the end)'
mutant snapshot-keeps-nothing module/core/past.c \
	'/^struct ds_pin \*ds_pins_keeper/,/^}/s/>= from ?/> from ?/' \
	'finding: (read|scan|in the end|snapshot-info)'
mutant snapshot-for-ever module/snapshot.c \
	'/^static void ds_snapshot_lease_over/,/^}/s/wake_up_all(&snapshot->revoked);/;/' \
	'finding: poll does not tell'
mutant lease-forgotten module/snapshot.h \
	'/^static inline bool ds_snapshot_good/,/^}/s/return .*/return true;/' \
	'finding: (poll does not tell|.*succeeded, and had to fail with ESTALE)'
mutant snapshot-left module/ioctl.c \
	's/if ((op->flags & DS_NEW_FD) && ret >= 0)/if (false)/' \
	'finding: in the end the list of snapshots'
mutant snapshot-stays-on module/core/past.c \
	's/if (!ds_pin_released(pins->pin\[i\]) || list->emptied)/if (true)/' \
	'finding: in the end the list of snapshots'
mutant snapshot-number-again module/snapshot.c \
	's/snapshot->id = ++store->snapshot_ids;/snapshot->id = store->snapshot_ids++ \/ 2 + 1;/' \
	'finding: snapshot: number'
mutant together-in-part module/read.c \
	'/^static int ds_read_together/,/^}/s/if (!err \&\& total <= arg->buffer_len)/if (!err)/;/^static int ds_read_together/,/^}/s/arg->done = 0;/;/' \
	'finding: read-many: together'
mutant check-writes module/submit.c \
	's/\[DOCSTORE_OP_CHECK\] = { 0,/[DOCSTORE_OP_CHECK] = { DS_OP_WRITES,/' \
	'finding: submit failed with EBADF'

# Batches that span partitions.
mutant half-a-span module/core/span.c \
	's/ds_span_refuse(first, NULL, false);/ds_span_refuse(first, first->span, false);/' \
	'finding: (submit|in the end|the kernel says)|did not come back'
mutant span-refused-counts module/coordinator.c \
	's/stats->refused++;/stats->commits++;/' \
	'finding: coordinator'
mutant span-alone module/request.c \
	's/if (atomic && request->nparts > 1)/if (false)/' \
	'finding: (coordinator|submit|in the end)'

# Who runs a store.
mutant setting-range module/config.c \
	's/if (ds_config_legal(new))/if (true)/' \
	'finding: config succeeded, and had to fail with EINVAL'
mutant setting-right module/config.c \
	'/^static int ds_config_may/,/^}/s/if (!ds_session_may(session, DOCSTORE_OPEN_WRITE))/if (false)/' \
	'finding: config succeeded, and had to fail with EBADF'
mutant setting-mixed module/config.c \
	's/new->value\[i\] = value\[i\];/new->value[i] = value[0];/' \
	'finding: config'
mutant stats-room module/stats.c \
	's/arg->latency_count = min_t(u32, arg->latency_count, DOCSTORE_STAGES);/arg->latency_count = DOCSTORE_STAGES;/' \
	'finding: stats'
mutant session-order module/session.c \
	'/^int ds_ioctl_session_list/,/^}/s/arg->cursor = info.id;/arg->cursor = info.id - 1;/' \
	'finding: session-list'

# What streams yield.
mutant stream-documents-lost module/stream_read.c \
	's/scan->arg = before;/;/' \
	'finding: stream-read: document .* did not come'
mutant stream-prefix module/stream_read.c \
	's/if (record->id_len < stream->prefix_len)/if (record->id_len <= stream->prefix_len)/' \
	'finding: document .*, and a stream did not tell that'
mutant stream-resume module/stream.c \
	's/return ds_stream_state(stream) > DOCSTORE_STREAM_PAUSED ? -EPIPE : 0;/return 0;/' \
	'finding: stream-resume succeeded, and had to fail with EPIPE'
mutant stream-snapshot-left module/stream_read.c \
	'/^void ds_stream_end_scan/,/^}/s/ds_snapshot_close(stream->scan->snapshot);/;/' \
	'finding: (in the end the list of snapshots|the kernel says)'
mutant stream-lost-too-few module/stream_read.c \
	's/^	ds_cursor_lost(log, &cursor, &lost.records, &lost.until);/&lost.records--;/' \
	'finding: stream-read: (change|[0-9]+ lost)'

# It never comes back, or the kernel falls over.
mutant endless module/read.c \
	's/while (!err \&\& room < min(arg->length, arg->buffer_len));/while (!err);/' \
	'finding: call .* did not come back|soft lockup|rcu.*stall'
mutant store-reference module/device.c \
	'/session->store = store;/,+2{/if (store)/,+1d}' \
	'finding: the kernel says|KASAN|BUG:|refcount_t|general protection|Oops'

echo "1..$number"
exit "$failed"

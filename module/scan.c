// SPDX-License-Identifier: GPL-2.0
/*
 * Walking over all documents, a bucket of the index at a time: for DOCSTORE_SCAN, and for
 * streams.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/docstore.h>

#include "hint.h"
#include "scan.h"
#include "session.h"
#include "snapshot.h"
#include "store.h"

/* Buckets that one call looks at, at the most: it is to come back some time. */
#define DS_SCAN_BUCKETS		65536

static bool ds_scanner_wants(const struct ds_scanner *s, const struct docstore_version *v)
{
	if (s->arg->type && v->type != s->arg->type)
		return false;
	if (v->id_len < s->arg->prefix_len)
		return false;
	return !memcmp(ds_version_id(v), s->prefix, s->arg->prefix_len);
}

/* What stands before a document in a stream. Returns where it goes itself. */
static void *ds_scanner_put_header(const struct docstore_version *v, u32 partition, void *to,
				   u32 size)
{
	struct docstore_record *record = to;

	*record = (struct docstore_record){
		.size = size,
		.kind = DOCSTORE_RECORD_DOCUMENT,
		.commit = v->seq,
		.time = v->changed,
		.version = v->version,
		.partition = partition,
		.type = v->type,
		.id_len = v->id_len,
	};
	/* The end of it, before the document goes over that. */
	memset(to + size - 8, 0, 8);
	return record + 1;
}

/* Return false if it does not fit. */
static bool ds_scanner_put(struct ds_scanner *s, const struct docstore_version *v)
{
	bool ids = s->arg->flags & DOCSTORE_SCAN_IDS;
	u32 size = ids ? ds_version_ids_size(v) : v->size;
	u32 next = ALIGN(s->filled, 8);
	void *to = s->bytes + next;
	u32 all = s->records ? ALIGN(sizeof(struct docstore_record) + size, 8) : size;

	if (next > s->size || all > s->size - next) {
		s->arg->needed = all;
		return false;
	}
	/* What lies between documents goes out as well. */
	memset(s->bytes + s->filled, 0, next - s->filled);
	if (s->records)
		to = ds_scanner_put_header(v, s->arg->cursor[0], to, all);
	if (ids) {
		ds_version_copy_ids(v, to);
		/* This is not to read the document. */
		this_cpu_inc(s->store->stats->scanned);
	} else {
		ds_version_copy(v, to, size);
		ds_hint_scan(s->store, ds_version_id(v), v->id_len);
	}
	s->filled = next + all;
	s->arg->count++;
	return true;
}

/* Context: an RCU read section. */
static const struct docstore_version *ds_scanner_see(const struct ds_scanner *s,
						     const struct ds_partition *p,
						     const struct docstore_version *v)
{
	if (s->snapshot)
		return ds_partition_visible(p, v, s->snapshot->pin.list[p->number].seq);
	return ds_partition_current(p, v);
}

/*
 * The documents of one bucket, and where to go on. Return false if the snapshot was
 * revoked.
 */
static bool ds_scanner_bucket(struct ds_scanner *s, const struct ds_partition *p)
{
	struct ds_scan *bucket = &s->bucket;
	bool good;
	u32 i;

	bucket->from = s->arg->cursor[1];
	rcu_read_lock();
	if (s->snapshot && !ds_snapshot_good(s->snapshot)) {
		rcu_read_unlock();
		return false;
	}
	ds_index_scan(&p->index, s->store->key, bucket);
	for (i = 0; i < bucket->count; i++) {
		const struct docstore_version *v;

		v = ds_scanner_see(s, p, bucket->found[i].version);
		if (!v || !ds_scanner_wants(s, v))
			continue;
		if (!ds_scanner_put(s, v)) {
			s->full = true;
			s->arg->cursor[1] = bucket->found[i].position;
			break;
		}
	}
	/* Meanwhile it may have been: then this is not what it saw. */
	good = !s->snapshot || ds_snapshot_good(s->snapshot);
	rcu_read_unlock();
	if (!good || s->full)
		return good;
	if (bucket->last == U64_MAX) {
		s->arg->cursor[0]++;
		s->arg->cursor[1] = 0;
	} else {
		s->arg->cursor[1] = bucket->last + 1;
	}
	return true;
}

static int ds_scanner_flush(struct ds_scanner *s)
{
	struct docstore_scan *arg = s->arg;
	u32 gap = ALIGN(arg->used, 8) - arg->used;

	if (!s->filled)
		return 0;
	if (clear_user(u64_to_user_ptr(arg->buffer) + arg->used, gap) ||
	    copy_to_user(u64_to_user_ptr(arg->buffer) + arg->used + gap, s->bytes, s->filled))
		return -EFAULT;
	arg->used += gap + s->filled;
	s->filled = 0;
	return 0;
}

/* How much of the piece the caller's buffer has room for. */
static void ds_scanner_resize(struct ds_scanner *s, u32 piece)
{
	u32 begin = ALIGN(s->arg->used, 8);

	s->size = begin < s->arg->buffer_len ? min(piece, s->arg->buffer_len - begin) : 0;
}

/**
 * ds_scanner_fill() - go on until a piece is full
 * @s: the scan
 * @buckets: how many buckets may be looked at; what is left of them
 *
 * Context: may sleep.
 * Return: 0, -EINTR or -ESTALE. DOCSTORE_SCAN_END is set at the end.
 */
int ds_scanner_fill(struct ds_scanner *s, u32 *buckets)
{
	struct docstore_scan *arg = s->arg;

	while (arg->cursor[0] < s->store->npartitions && !s->full && *buckets) {
		u32 n = array_index_nospec(arg->cursor[0], s->store->npartitions);

		if (!ds_scanner_bucket(s, &s->store->owned[n]->partition))
			return -ESTALE;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		(*buckets)--;
	}
	if (arg->cursor[0] >= s->store->npartitions)
		arg->flags |= DOCSTORE_SCAN_END;
	return 0;
}

static int ds_scanner_run(struct ds_scanner *s, u32 piece)
{
	struct docstore_scan *arg = s->arg;
	u32 buckets = DS_SCAN_BUCKETS;
	bool any;
	int err;

	for (;;) {
		err = ds_scanner_fill(s, &buckets);
		any = s->filled;
		if (!err)
			err = ds_scanner_flush(s);
		if (err)
			return err;
		ds_scanner_resize(s, piece);
		/* The piece is full, but is the buffer? */
		if (!s->full || !any || arg->needed > s->size)
			break;
		s->full = false;
		arg->needed = 0;
	}
	if (arg->count)
		arg->needed = 0;
	return 0;
}

/**
 * ds_scanner_create() - begin to scan, or go on
 * @store: the store
 * @snapshot: as of which, or NULL
 * @arg: what to scan for, and where
 * @piece: bytes that are filled at a time
 *
 * Return: the scan, or NULL if there is no memory.
 */
struct ds_scanner *ds_scanner_create(const struct ds_store *store,
				     const struct ds_snapshot *snapshot,
				     struct docstore_scan *arg, u32 piece)
{
	struct ds_scanner *s = kvzalloc_obj(*s, GFP_KERNEL_ACCOUNT);

	if (!s)
		return NULL;
	s->bytes = kvmalloc(max(piece, 1U), GFP_KERNEL_ACCOUNT);
	if (!s->bytes) {
		kvfree(s);
		return NULL;
	}
	s->arg = arg;
	s->store = store;
	s->snapshot = snapshot;
	s->size = piece;
	return s;
}

/**
 * ds_scanner_destroy() - let go of a scan
 * @s: the scan
 */
void ds_scanner_destroy(struct ds_scanner *s)
{
	kvfree(s->bytes);
	kvfree(s);
}

/**
 * ds_ioctl_scan() - DOCSTORE_SCAN
 * @session: the caller's session
 * @data: struct docstore_scan
 *
 * Return: 0, -EFAULT, -EINTR, -EINVAL, -ENAMETOOLONG, -ENOMEM or -ESTALE.
 */
int ds_ioctl_scan(struct ds_session *session, void *data)
{
	struct docstore_scan *arg = data;
	struct ds_scanner *s;
	u32 piece;
	int err;

	arg->flags &= ~DOCSTORE_SCAN_END;
	arg->used = 0;
	arg->count = 0;
	arg->needed = 0;
	if (arg->flags & ~DOCSTORE_SCAN_IDS)
		return -EINVAL;
	if (arg->type && !ds_names_valid(&session->store->names, arg->type))
		return -EINVAL;
	if (arg->prefix_len > DOCSTORE_MAX_ID)
		return -ENAMETOOLONG;

	piece = min_t(u32, arg->buffer_len, DOCSTORE_MAX_DOCUMENT);
	s = ds_scanner_create(session->store, session->snapshot, arg, piece);
	if (!s)
		return -ENOMEM;
	err = -EFAULT;
	if (arg->prefix_len &&
	    copy_from_user(s->prefix, u64_to_user_ptr(arg->prefix), arg->prefix_len))
		goto out;
	ds_scanner_resize(s, piece);
	err = ds_scanner_run(s, piece);
	ds_session_bytes_out(session, arg->used);
out:
	ds_scanner_destroy(s);
	return err;
}

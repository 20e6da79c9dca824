// SPDX-License-Identifier: GPL-2.0
/*
 * DOCSTORE_SCAN: walking over all documents, a bucket of the index at a time.
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

#include "scan.h"
#include "session.h"
#include "store.h"

/* Buckets that one call looks at, at the most: it is to come back some time. */
#define DS_SCAN_BUCKETS		65536

/**
 * struct ds_scanner - a scan while it is in the kernel
 * @arg: what the caller asks for; its cursor is the partition and the position
 *	where to go on
 * @store: the store
 * @bytes: a piece of the caller's buffer, in kernel memory
 * @size: length of the piece
 * @filled: how much of it is filled in
 * @full: the next document does not fit
 * @prefix: what ids must begin with
 * @bucket: the documents of one bucket
 */
struct ds_scanner {
	struct docstore_scan *arg;
	const struct ds_store *store;
	void *bytes;
	u32 size;
	u32 filled;
	bool full;
	u8 prefix[DOCSTORE_MAX_ID];
	struct ds_scan bucket;
};

static bool ds_scanner_wants(const struct ds_scanner *s, const struct docstore_version *v)
{
	if (s->arg->type && v->type != s->arg->type)
		return false;
	if (v->id_len < s->arg->prefix_len)
		return false;
	return !memcmp(ds_version_id(v), s->prefix, s->arg->prefix_len);
}

/* Return false if it does not fit. */
static bool ds_scanner_put(struct ds_scanner *s, const struct docstore_version *v)
{
	bool ids = s->arg->flags & DOCSTORE_SCAN_IDS;
	u32 size = ids ? ds_version_ids_size(v) : v->size;
	u32 next = ALIGN(s->filled, 8);
	void *to = s->bytes + next;

	if (next > s->size || size > s->size - next) {
		s->arg->needed = size;
		return false;
	}
	/* What lies between documents goes out as well. */
	memset(s->bytes + s->filled, 0, next - s->filled);
	if (ids)
		ds_version_copy_ids(v, to);
	else
		ds_version_copy(v, to, size);
	s->filled = next + size;
	s->arg->count++;
	return true;
}

/* The documents of one bucket, and where to go on. */
static void ds_scanner_bucket(struct ds_scanner *s, const struct ds_partition *p)
{
	struct ds_scan *bucket = &s->bucket;
	u64 seq;
	u32 i;

	bucket->from = s->arg->cursor[1];
	rcu_read_lock();
	/* Pairs with ds_partition_publish(). */
	seq = smp_load_acquire(&p->map->visible_seq);
	ds_index_scan(&p->index, s->store->key, bucket);
	for (i = 0; i < bucket->count; i++) {
		const struct docstore_version *v;

		v = ds_partition_visible(p, bucket->found[i].version, seq);
		if (!v || !ds_scanner_wants(s, v))
			continue;
		if (!ds_scanner_put(s, v)) {
			s->full = true;
			s->arg->cursor[1] = bucket->found[i].position;
			break;
		}
	}
	rcu_read_unlock();
	if (s->full)
		return;
	if (bucket->last == U64_MAX) {
		s->arg->cursor[0]++;
		s->arg->cursor[1] = 0;
	} else {
		s->arg->cursor[1] = bucket->last + 1;
	}
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

static int ds_scanner_run(struct ds_scanner *s, u32 piece)
{
	struct docstore_scan *arg = s->arg;
	u32 buckets;
	int err;

	for (buckets = 0; arg->cursor[0] < s->store->npartitions; buckets++) {
		u32 n = array_index_nospec(arg->cursor[0], s->store->npartitions);

		ds_scanner_bucket(s, &s->store->owned[n]->partition);
		if (s->full) {
			/* The piece is, but is the buffer? */
			bool any = s->filled;

			err = ds_scanner_flush(s);
			if (err)
				return err;
			ds_scanner_resize(s, piece);
			if (!any || arg->needed > s->size)
				break;
			s->full = false;
			arg->needed = 0;
		}
		if (buckets == DS_SCAN_BUCKETS)
			break;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	err = ds_scanner_flush(s);
	if (arg->count)
		arg->needed = 0;
	if (arg->cursor[0] >= s->store->npartitions)
		arg->flags |= DOCSTORE_SCAN_END;
	return err;
}

/**
 * ds_ioctl_scan() - DOCSTORE_SCAN
 * @session: the caller's session
 * @data: struct docstore_scan
 *
 * Return: 0, -EFAULT, -EINTR, -EINVAL, -ENAMETOOLONG or -ENOMEM.
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

	s = kvzalloc_obj(*s, GFP_KERNEL_ACCOUNT);
	if (!s)
		return -ENOMEM;
	s->arg = arg;
	s->store = session->store;
	piece = min_t(u32, arg->buffer_len, DOCSTORE_MAX_DOCUMENT);
	err = -ENOMEM;
	s->bytes = kvmalloc(max(piece, 1U), GFP_KERNEL_ACCOUNT);
	if (!s->bytes)
		goto out;
	err = -EFAULT;
	if (arg->prefix_len &&
	    copy_from_user(s->prefix, u64_to_user_ptr(arg->prefix), arg->prefix_len))
		goto out;
	ds_scanner_resize(s, piece);
	err = ds_scanner_run(s, piece);
	this_cpu_add(session->store->stats->scanned, arg->count);
out:
	kvfree(s->bytes);
	kvfree(s);
	return err;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Telling owners what was read: in the kernel, one read in so many, and what readers of
 * the mapping say in DOCSTORE_HINT.
 *
 * What user space says decides nothing but which documents are taken for hot, and costs
 * the owner no more than what it looks at in each of its pauses.
 */
#include <linux/build_bug.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/uaccess.h>

#include <linux/docstore.h>
#include <linux/docstore_monitor.h>

#include "hint.h"
#include "owner.h"
#include "session.h"
#include "store.h"

/* So many are copied in at a time. */
#define DS_HINT_PIECE		32

/*
 * Is one of DS_HINT_READS this time? Of each so many it is any of them, so that who reads
 * the same documents in turn does not always have the same one told.
 */
static bool ds_hint_due(u64 count)
{
	u64 turn = count / DS_HINT_READS * 0x9e3779b97f4a7c15ULL;

	return count % DS_HINT_READS == turn >> 58;
}

static void ds_hint_id(const struct ds_store *store, const u8 *id, u32 id_len, bool scan)
{
	u64 hash = docstore_map_hash(store->key, id, id_len);

	ds_owner_hint(ds_store_owned(store, hash), hash, DS_HINT_READS, scan);
}

/**
 * ds_hint_read() - count a document that is read, and maybe let its owner know
 * @store: the store
 * @id: its id
 * @id_len: the id's length
 *
 * Context: any; the caller holds the store.
 */
void ds_hint_read(const struct ds_store *store, const u8 *id, u32 id_len)
{
	BUILD_BUG_ON(DS_HINT_READS != 1 << (64 - 58));
	if (ds_hint_due(this_cpu_inc_return(store->stats->reads)))
		ds_hint_id(store, id, id_len, false);
}

/**
 * ds_hint_scan() - count a document that a scan returns, likewise
 * @store: the store
 * @id: its id
 * @id_len: the id's length
 *
 * Context: any; the caller holds the store.
 */
void ds_hint_scan(const struct ds_store *store, const u8 *id, u32 id_len)
{
	if (ds_hint_due(this_cpu_inc_return(store->stats->scanned)))
		ds_hint_id(store, id, id_len, true);
}

/**
 * ds_ioctl_hint() - DOCSTORE_HINT
 * @session: the caller's session
 * @data: struct docstore_hint
 *
 * Never waits for an owner.
 *
 * Return: 0, -EFAULT or -EINVAL.
 */
int ds_ioctl_hint(struct ds_session *session, void *data)
{
	const struct ds_store *store = session->store;
	const struct docstore_hint *arg = data;
	u64 hashes[DS_HINT_PIECE];
	u32 done, n, i;

	if ((arg->flags & ~DOCSTORE_HINT_SCAN) || !arg->count || arg->count > DOCSTORE_MAX_HINTS ||
	    !arg->weight || arg->weight > DS_HINT_MAX_WEIGHT)
		return -EINVAL;
	for (done = 0; done < arg->count; done += n) {
		u64 __user *from = u64_to_user_ptr(arg->hashes);

		n = min_t(u32, arg->count - done, DS_HINT_PIECE);
		if (copy_from_user(hashes, from + done, n * sizeof(*hashes)))
			return -EFAULT;
		for (i = 0; i < n; i++)
			ds_owner_hint(ds_store_owned(store, hashes[i]), hashes[i], arg->weight,
				      arg->flags & DOCSTORE_HINT_SCAN);
		this_cpu_add(store->stats->hints, n);
	}
	return 0;
}

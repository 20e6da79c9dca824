// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: optimistic transactions.
 *
 * A transaction reads a snapshot, and remembers which version of each document it has
 * seen. What it writes is a batch, which the kernel carries out as a whole if all of
 * these documents still have that version. So whoever reads and writes as transactions
 * do sees the same as if they had come one after the other.
 */
#include <stdlib.h>
#include <time.h>

#include "batch.h"

/* What was read: nobody else has to know it before the batch is committed. */
struct entry {
	uint64_t hash;
	uint64_t version;	/* 0: there is no such document */
	size_t id;		/* where in @ids */
	uint8_t id_len;
	bool guarded;		/* an operation of the batch asks for this version */
};

enum txn_state {
	TXN_OPEN,
	TXN_SEALED,		/* the batch has all conditions */
	TXN_OVER,		/* it was carried out, or refused */
};

struct ds_txn {
	struct ds_store *snapshot;
	struct ds_batch *batch;
	enum txn_state state;
	bool stale;		/* it can't succeed */
	struct entry *entries;
	size_t count;
	size_t room;
	uint32_t *slots;	/* by hash: entries + 1, at most half of them in use */
	size_t mask;
	char *ids;
	size_t ids_len;
	size_t ids_room;
	__u64 key[2];
};

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

DS_PUBLIC int ds_txn_begin(struct ds_store *store, const struct ds_txn_opts *opts,
			   struct ds_txn **ret)
{
	struct ds_snapshot_opts snapshot = {
		.size = sizeof(snapshot),
		.lease_ms = ds_opt(opts, lease_ms),
	};
	struct ds_txn *txn;
	int err;

	*ret = NULL;
	txn = calloc(1, sizeof(*txn));
	if (!txn)
		return -ENOMEM;
	/* Ids may come from strangers. */
	txn->key[0] = ds_ptr(txn);
	txn->key[1] = clock_ns();
	err = ds_batch_new(store, &txn->batch);
	if (!err)
		err = ds_snapshot(store, &snapshot, &txn->snapshot);
	if (err) {
		ds_txn_free(txn);
		return err;
	}
	*ret = txn;
	return 0;
}

DS_PUBLIC void ds_txn_free(struct ds_txn *txn)
{
	if (!txn)
		return;
	ds_close(txn->snapshot);
	ds_batch_free(txn->batch);
	free(txn->entries);
	free(txn->slots);
	free(txn->ids);
	free(txn);
}

DS_PUBLIC struct ds_store *ds_txn_snapshot(const struct ds_txn *txn)
{
	return txn->snapshot;
}

DS_PUBLIC struct ds_batch *ds_txn_batch(const struct ds_txn *txn)
{
	return txn->batch;
}

/* --- what was read ------------------------------------------------------------ */

static bool entry_is(const struct ds_txn *txn, const struct entry *entry, uint64_t hash,
		     struct ds_str id)
{
	return entry->hash == hash && entry->id_len == id.len &&
	       !memcmp(txn->ids + entry->id, id.data, id.len);
}

static struct entry *find(const struct ds_txn *txn, uint64_t hash, struct ds_str id)
{
	size_t i;

	if (!txn->slots)
		return NULL;
	for (i = hash & txn->mask; txn->slots[i]; i = (i + 1) & txn->mask) {
		struct entry *entry = &txn->entries[txn->slots[i] - 1];

		if (entry_is(txn, entry, hash, id))
			return entry;
	}
	return NULL;
}

static void link_entry(struct ds_txn *txn, size_t n)
{
	size_t i = txn->entries[n].hash & txn->mask;

	while (txn->slots[i])
		i = (i + 1) & txn->mask;
	txn->slots[i] = (uint32_t)n + 1;
}

/* Twice as many entries, and four slots for each that there were. */
static int grow_entries(struct ds_txn *txn)
{
	size_t room = txn->room ? 2 * txn->room : 16, n;
	struct entry *entries;
	uint32_t *slots;

	if (room > UINT32_MAX / 2)
		return -E2BIG;
	entries = reallocarray(txn->entries, room, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	txn->entries = entries;
	slots = calloc(2 * room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(txn->slots);
	txn->slots = slots;
	txn->mask = 2 * room - 1;
	txn->room = room;
	for (n = 0; n < txn->count; n++)
		link_entry(txn, n);
	return 0;
}

static int grow_ids(struct ds_txn *txn)
{
	size_t room = txn->ids_room ? 2 * txn->ids_room : 4 * DOCSTORE_MAX_ID;
	char *ids = realloc(txn->ids, room);

	if (!ids)
		return -ENOMEM;
	txn->ids = ids;
	txn->ids_room = room;
	return 0;
}

DS_PUBLIC int ds_txn_depend(struct ds_txn *txn, struct ds_str id, uint64_t version)
{
	int err = ds_id_check(id);
	struct entry *entry;
	uint64_t hash;

	if (err)
		return err;
	if (txn->state != TXN_OPEN)
		return -EALREADY;
	hash = docstore_map_hash(txn->key, id.data, (uint32_t)id.len);
	entry = find(txn, hash, id);
	if (entry) {
		/* It can't have both. */
		txn->stale |= entry->version != version;
		return 0;
	}
	if (txn->count == txn->room)
		err = grow_entries(txn);
	if (!err && txn->ids_room - txn->ids_len < id.len)
		err = grow_ids(txn);
	if (err)
		return err;
	txn->entries[txn->count] = (struct entry){
		.hash = hash,
		.version = version,
		.id = txn->ids_len,
		.id_len = (uint8_t)id.len,
	};
	memcpy(txn->ids + txn->ids_len, id.data, id.len);
	txn->ids_len += id.len;
	link_entry(txn, txn->count++);
	return 0;
}

/*
 * Remember what a read has found, whose result is @err: what was learnt of a document
 * that did not fit, or lacks a property, depends on its version as well.
 */
static int remember(struct ds_txn *txn, struct ds_str id, int err, uint64_t version)
{
	int ret = 0;

	switch (err) {
	case -ENOENT:
		version = 0;
		break;
	case -ENOBUFS:
	case -ENODATA:
		ret = ds_version(txn->snapshot, id, &version);
		break;
	case -ESTALE:
		txn->stale = true;
		return err;
	default:
		if (err)
			return err;
	}
	if (!ret)
		ret = ds_txn_depend(txn, id, version);
	txn->stale |= ret == -ESTALE;
	return ret ? ret : err;
}

DS_PUBLIC int ds_txn_get(struct ds_txn *txn, struct ds_str id, void *buffer, size_t *len,
			 struct ds_doc *doc)
{
	int err;

	if (!txn->snapshot)
		return -EALREADY;
	err = ds_get(txn->snapshot, id, buffer, len, doc);
	return remember(txn, id, err, err ? 0 : doc->version);
}

DS_PUBLIC int ds_txn_get_property(struct ds_txn *txn, struct ds_str id, struct ds_str property,
				  void *buffer, size_t *len, struct ds_value *value)
{
	uint64_t version = 0;
	int err;

	if (!txn->snapshot)
		return -EALREADY;
	err = ds_get_property(txn->snapshot, id, property, buffer, len, value, &version);
	return remember(txn, id, err, version);
}

DS_PUBLIC int ds_txn_version(struct ds_txn *txn, struct ds_str id, uint64_t *version)
{
	uint64_t found = 0;
	int err;

	if (!txn->snapshot)
		return -EALREADY;
	err = ds_version(txn->snapshot, id, &found);
	if (!err && version)
		*version = found;
	return remember(txn, id, err, found);
}

DS_PUBLIC int ds_txn_read_many(struct ds_txn *txn, struct docstore_read_item *items, size_t count,
			       void *buffer, size_t *len)
{
	int ret, i;

	if (!txn->snapshot)
		return -EALREADY;
	ret = ds_read_many(txn->snapshot, items, count, buffer, len);
	if (ret < 0 && count)
		return remember(txn, ds_item_id(&items[0]), ret, 0);
	for (i = 0; i < ret; i++) {
		struct ds_doc doc;
		int err = ds_read_item(&items[i], buffer, *len, &doc);

		/* Other results are for the caller to find. */
		if (err && err != -ENOENT && err != -ESTALE)
			continue;
		err = remember(txn, ds_item_id(&items[i]), err, err ? 0 : doc.version);
		if (err && err != -ENOENT)
			return err;
	}
	return ret;
}

/* --- commit ------------------------------------------------------------------- */

/*
 * Make the batch conditional on all that was read: by the first operation on a document
 * that it writes, by an operation of its own on one that it does not.
 */
static int seal(struct ds_txn *txn)
{
	struct ds_batch *batch = txn->batch;
	unsigned int i, n = batch->count;
	size_t k;
	int op;

	if (batch->under_way)
		return -EBUSY;
	for (i = 0; i < n && txn->count; i++) {
		struct docstore_op *o = &batch->ops[i];
		struct ds_str id = ds_mem((const void *)(uintptr_t)o->id, o->id_len);
		uint64_t hash = docstore_map_hash(txn->key, id.data, (uint32_t)id.len);
		struct entry *entry = find(txn, hash, id);

		/* Where the caller asks for a version, that stays. */
		if (!entry || entry->guarded || o->flags & DOCSTORE_IF_VERSION)
			continue;
		o->flags |= DOCSTORE_IF_VERSION;
		o->version = entry->version;
		entry->guarded = true;
	}
	for (k = 0; k < txn->count; k++) {
		struct entry *entry = &txn->entries[k];

		if (entry->guarded)
			continue;
		op = ds_batch_check(batch, ds_mem(txn->ids + entry->id, entry->id_len));
		if (op < 0)
			return op;
		ds_batch_require(batch, op, DOCSTORE_IF_VERSION, entry->version);
		entry->guarded = true;
	}
	txn->state = TXN_SEALED;
	return 0;
}

/* Of a batch that was refused: other errors may be the consequence of a conflict. */
static int refusal(const struct ds_batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->count; i++)
		if (batch->ops[i].result == -ESTALE)
			return -ESTALE;
	return ds_batch_error(batch);
}

DS_PUBLIC int ds_txn_commit(struct ds_txn *txn, unsigned int timeout_ms)
{
	int ret;

	if (txn->state == TXN_OVER)
		return -EALREADY;
	/* Nothing is read any more: what is replaced now need not be kept for us. */
	ds_close(txn->snapshot);
	txn->snapshot = NULL;
	if (txn->stale) {
		txn->state = TXN_OVER;
		return -ESTALE;
	}
	/* What was read alone was so at the moment of the snapshot, whatever came since. */
	if (!txn->batch->count) {
		txn->state = TXN_OVER;
		return 0;
	}
	ret = txn->state == TXN_OPEN ? seal(txn) : 0;
	if (!ret)
		ret = ds_batch_submit(txn->batch, DOCSTORE_SUBMIT_ATOMIC, timeout_ms);
	if (ret < 0)
		return ret;
	txn->state = TXN_OVER;
	return ret ? refusal(txn->batch) : 0;
}

/* --- again and again ------------------------------------------------------------ */

#define TRIES		16
/* Before the second try at most so long, and twice as long before each that follows. */
#define PAUSE_NS	20000
#define PAUSE_MAX_NS	10000000

/*
 * Those who have met would meet again if all of them waited equally long. What the clock
 * says, and where our stack is, differs among them.
 */
static void pause_for_a_while(unsigned int tries)
{
	uint64_t most = tries < 10 ? (uint64_t)PAUSE_NS << tries : PAUSE_MAX_NS, x;
	struct timespec ts = { 0 };

	if (most > PAUSE_MAX_NS)
		most = PAUSE_MAX_NS;
	x = (clock_ns() ^ ds_ptr(&ts)) * 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 32) * 0xbf58476d1ce4e5b9ULL;
	ts.tv_nsec = (long)((x ^ x >> 29) % most);
	/* A signal may end it early: then it is this short. */
	nanosleep(&ts, NULL);
}

static int try_once(struct ds_store *store, ds_transact_fn *fn, void *arg,
		    const struct ds_txn_opts *txn_opts, unsigned int timeout_ms, bool *again)
{
	struct ds_txn *txn;
	int ret;

	*again = false;
	ret = ds_txn_begin(store, txn_opts, &txn);
	if (ret)
		return ret;
	ret = fn(txn, arg);
	if (!ret) {
		ret = ds_txn_commit(txn, timeout_ms);
		*again = ret == -ESTALE || ret == -EBUSY;
	} else {
		/* Who passes on what a read has returned does not mean to give up. */
		*again = ret == -ESTALE && txn->stale;
	}
	ds_txn_free(txn);
	return ret;
}

DS_PUBLIC int ds_transact(struct ds_store *store, ds_transact_fn *fn, void *arg,
			  const struct ds_transact_opts *opts)
{
	struct ds_txn_opts txn_opts = {
		.size = sizeof(txn_opts),
		.lease_ms = ds_opt(opts, lease_ms),
	};
	unsigned int most = ds_opt(opts, tries), tries;
	bool again;
	int ret;

	if (!most)
		most = TRIES;
	for (tries = 1;; tries++) {
		ret = try_once(store, fn, arg, &txn_opts, ds_opt(opts, timeout_ms), &again);
		if (!again || tries >= most)
			return ret;
		pause_for_a_while(tries - 1);
	}
}

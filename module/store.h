/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A store: a named set of documents, spread over partitions.
 */
#ifndef _DOCSTORE_STORE_H
#define _DOCSTORE_STORE_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>

#include <linux/docstore.h>

#include "core/partition.h"
#include "map.h"
#include "names.h"

struct ds_store;

/* Bits of struct ds_owned's state. */
#define DS_OWNED_BIT		0	/* somebody owns it, or is about to */
#define DS_OWNED_MAINTAIN_BIT	1	/* the next owner is asked to clean up */

/**
 * struct ds_owned - a partition and what is waiting for its owner
 * @partition: the partition, for the owner alone
 * @chunks: the arena's table of chunks
 * @backing: all chunks that were brought and not yet taken back, by number
 * @pieces: chunks that it has, or is about to get or to give back
 * @memory_lock: taken to bring it chunks, so that two who find that it needs one
 *	don't bring two; allocations are made under it
 * @map_lock: held by who changes @backing, under @memory_lock or not, and by page
 *	faults, which look there. See map.c
 * @map_gaps: zeros were mapped where there was no chunk
 * @store: the store it is a part of
 * @number: its number there; decides which worker owns it
 * @queue: requests, added by anybody and taken by the owner
 * @state: DS_OWNED_BIT and DS_OWNED_MAINTAIN_BIT
 * @ready: in its worker's list, while DS_OWNED_BIT is set
 * @maintain: wakes the owner to clean up when nothing else does
 * @give_back: frees the chunks that the arena no longer needs
 *
 * Whoever sets DS_OWNED_BIT owns the partition, and either works on it or hands
 * it to a worker. It holds a reference to the store for as long as that lasts.
 */
struct ds_owned {
	struct ds_partition partition;
	struct ds_chunk **chunks;
	struct ds_chunk **backing;
	atomic_t pieces;
	struct mutex memory_lock; /* bringing chunks */
	struct rw_semaphore map_lock;
	bool map_gaps;
	struct ds_store *store;
	u32 number;
	struct llist_head queue ____cacheline_aligned_in_smp;
	unsigned long state;
	struct llist_node ready;
	struct delayed_work maintain;
	struct work_struct give_back;
};

/**
 * struct ds_store_stats - what was asked of a store, one set for each CPU
 * @batches: batches of which something was carried out
 * @batches_failed: batches of which nothing was
 * @reads: documents looked up
 * @scanned: documents returned by scans
 * @lent: parts of batches carried out by their submitters
 * @polled: submitters who waited without sleeping
 * @slept: submitters who slept
 */
struct ds_store_stats {
	u64 batches;
	u64 batches_failed;
	u64 reads;
	u64 scanned;
	u64 lent;
	u64 polled;
	u64 slept;
};

/**
 * struct ds_store - a store
 * @ref: held by the table of stores, open descriptors, requests, and owners
 * @node: in the table of stores, under its lock, unless it was removed
 * @removed: it has no name any more; set once
 * @name: its name; as all up to @key, it does not change
 * @uid: its owner
 * @gid: its group
 * @mode: permission bits
 * @npartitions: number of partitions
 * @max_bytes: how much memory it may take
 * @incarnation: its number
 * @created: when it was created
 * @key: of the hash of its ids
 * @bytes: memory it takes, where each partition counts with one chunk at least:
 *	others can't take that away
 * @names: names of properties and types
 * @map: what mappings of it begin with
 * @stats: counters of what was asked of it
 * @owned: its partitions
 */
struct ds_store {
	struct kref ref;
	struct list_head node;
	bool removed;
	char name[DOCSTORE_STORE_NAME_SIZE];
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	u32 npartitions;
	u64 max_bytes;
	u64 incarnation;
	u64 created;
	u64 key[2];
	atomic64_t bytes;
	struct ds_names names;
	struct ds_map map;
	struct ds_store_stats __percpu *stats;
	struct ds_owned *owned[];
};

static inline struct ds_owned *ds_store_owned(const struct ds_store *store, u64 hash)
{
	return store->owned[docstore_map_partition_of(hash, store->npartitions)];
}

/**
 * ds_store_get() - hold a store
 * @store: a store that the caller holds already
 */
static inline void ds_store_get(struct ds_store *store)
{
	kref_get(&store->ref);
}

void ds_store_put(struct ds_store *store);
void ds_store_close(struct ds_store *store);
bool ds_store_charge(struct ds_store *store, size_t bytes);
void ds_store_uncharge(struct ds_store *store, size_t bytes);

struct ds_store *ds_store_find(const char *name);
int ds_store_create(const struct docstore_store_create *arg);
int ds_store_remove(const char *name);
int ds_store_permission(const struct ds_store *store, u32 want);
void ds_store_fill_info(struct ds_store *store, struct docstore_store_info *info);
int ds_stores_list(u64 cursor, struct docstore_store_info *info);
u32 ds_stores_count(void);
u32 ds_stores_max(void);

int ds_stores_init(void);
void ds_stores_exit(void);

#endif /* _DOCSTORE_STORE_H */

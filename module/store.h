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

#include "check.h"
#include "coordinator.h"
#include "core/partition.h"
#include "map.h"
#include "names.h"
#include "stats.h"
#include "stream.h"

struct ds_config;
struct ds_store;
struct ds_sysfs;
struct ds_visit;

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
 * @visit_lock: held by who wants to have something done by the owner
 * @visit: what somebody wants to have done by the owner, who takes it from here
 * @rest: requests that were taken out of the queue, behind one for which the partition
 *	was held; for the owner
 * @retired_seen: blocks whose retirement was traced; for the owner
 * @holds_module: the module stays, since there are documents; for the owner
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
	struct mutex visit_lock; /* @visit */
	struct ds_visit *visit;
	struct llist_node *rest;
	u64 retired_seen;
	bool holds_module;
	struct llist_node ready;
	struct delayed_work maintain;
	struct work_struct give_back;
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
 * @past: its pins
 * @pins_lock: taken to take pins and to do away with them. See snapshot.c
 * @snapshot_ids: number of the last snapshot; under @pins_lock
 * @sweep: does away with pins that hold nothing any more
 * @coordinator: batches that span its partitions
 * @checker: what it has for checks
 * @names: names of properties and types
 * @map: what mappings of it begin with
 * @sysfs: its directory there, while it has a name
 * @config: its own settings, NULL if it has none
 * @sessions: descriptors that are open
 * @snapshots: of these, those of snapshots
 * @streams: what it has for streams
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
	struct ds_past past;
	struct mutex pins_lock; /* pins */
	u64 snapshot_ids;
	struct work_struct sweep;
	struct ds_coordinator coordinator;
	struct ds_checker checker;
	struct ds_names names;
	struct ds_map map;
	struct ds_sysfs *sysfs;
	struct ds_config __rcu *config;
	atomic_t sessions;
	atomic_t snapshots;
	struct ds_streams streams;
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

/**
 * ds_store_published() - something was published: who waits in a stream is woken
 * @store: the store
 *
 * Context: may sleep. A full barrier has followed the publication, which pairs with that
 * in ds_stream_arm().
 */
static inline void ds_store_published(struct ds_store *store)
{
	if (unlikely(READ_ONCE(store->streams.waiting)))
		ds_streams_wake(&store->streams);
}

void ds_store_put(struct ds_store *store);
void ds_store_close(struct ds_store *store);
void ds_store_configured(struct ds_store *store);
bool ds_store_charge(struct ds_store *store, size_t bytes);
void ds_store_uncharge(struct ds_store *store, size_t bytes);

struct ds_store *ds_store_find(const char *name);
int ds_store_create(const struct docstore_store_create *arg);
int ds_store_remove(const char *name);
int ds_store_permission(const struct ds_store *store, u32 want);
void ds_store_fill_info(struct ds_store *store, struct docstore_store_info *info);
u64 ds_stores_next(u64 after, struct docstore_store_info *info);
u32 ds_stores_count(void);
u32 ds_stores_max(void);
void ds_stores_stuck(u64 incarnation);
int ds_stores_each(int (*fn)(struct ds_store *store, void *private), void *private);

void ds_stores_configured(void);

int ds_stores_init(void);
void ds_stores_exit(void);

#endif /* _DOCSTORE_STORE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A partition: the documents of one share of the ids, changed by one owner.
 *
 * A commit is ds_partition_begin(), any number of ds_partition_apply(), and
 * ds_partition_publish(). Everything that was applied becomes visible in the
 * last of them, by one store. ds_partition_maintain() between commits frees,
 * grows and cleans up, a bounded amount at a time.
 */
#ifndef _DOCSTORE_CORE_PARTITION_H
#define _DOCSTORE_CORE_PARTITION_H

#include <linux/cache.h>
#include <linux/lockdep.h>
#include <linux/types.h>

#include "arena.h"
#include "backlog.h"
#include "document.h"
#include "heat.h"
#include "hints.h"
#include "index.h"
#include "past.h"

/**
 * enum ds_change_state - what became of the changes to a document
 * @DS_CHANGE_NEW: nothing yet
 * @DS_CHANGE_DONE: carried out, or refused; the results say which
 * @DS_CHANGE_BUILT: its new version is built but not linked
 * @DS_CHANGE_LINKED: its new version is linked and waits for publication
 * @DS_CHANGE_NOMEM: not carried out because the arena had no memory; may be
 *	tried again when there is more
 */
enum ds_change_state {
	DS_CHANGE_NEW,
	DS_CHANGE_DONE,
	DS_CHANGE_BUILT,
	DS_CHANGE_LINKED,
	DS_CHANGE_NOMEM,
};

/**
 * struct ds_change - successive operations of a batch on one document
 * @hash: hash of the document's id
 * @id: the id
 * @deltas: the operations
 * @count: how many
 * @more: a later change of the same batch to the same document, or NULL
 * @next: the next document of the same batch in the same partition, or NULL;
 *	of use in a document's first change only, as all that follows
 * @slot: the document's slot, while the commit lasts
 * @ref: the version built
 * @state: enum ds_change_state
 * @id_len: length of the id
 * @reserved: @slot was reserved for it
 * @born: how the number of documents changes: 1, 0 or -1
 */
struct ds_change {
	u64 hash;
	const u8 *id;
	struct ds_delta *deltas;
	u32 count;
	struct ds_change *more;
	struct ds_change *next;
	struct ds_slot slot;
	u32 ref;
	u8 state;
	u8 id_len;
	bool reserved;
	s8 born;
};

/**
 * struct ds_batch - the part of a batch that goes to one partition
 * @first: its first document
 * @partition: the partition, if it is atomic and spans several
 * @span: the part of the same batch in the next partition, if so
 * @budget: bytes of documents that may be rebuilt before it is put off as if there
 *	were no memory, 0 for any number. With a budget nobody else is let in between
 *	documents, so that the caller may have preemption off
 * @atomic: all of it succeeds or nothing does
 * @nomem: some of it found no memory; it may be applied again
 * @refused: an atomic batch was refused
 */
struct ds_batch {
	struct ds_change *first;
	struct ds_partition *partition;
	struct ds_batch *span;
	u32 budget;
	bool atomic;
	bool nomem;
	bool refused;
};

/**
 * struct ds_partition_stats - what a partition has done
 * @commits: commits published
 * @changes: versions made
 * @documents: documents that exist
 * @document_bytes: bytes of their newest versions
 * @past_bytes: memory of versions that are kept for pins only
 * @hot: documents that have become hot
 *
 * Written by the owner, read by anybody, each for itself.
 */
struct ds_partition_stats {
	u64 commits;
	u64 changes;
	u64 documents;
	u64 document_bytes;
	u64 past_bytes;
	u64 hot;
};

/**
 * struct ds_tombstones - deleted documents whose slots are to be given back
 * @head: ref of the first tombstone, linked by ds_arena_link()
 * @tail: ref of the last
 * @cookie: the RCU grace period to wait for, once the list is closed
 * @era: the partition's era when the list was closed
 */
struct ds_tombstones {
	u32 head;
	u32 tail;
	unsigned long cookie;
	u64 era;
};

/**
 * struct ds_partition - one partition
 * @map: its published page
 * @arena: its memory
 * @index: its index
 * @key: the store's hash key
 * @past: the store's pins
 * @number: number of the partition in the store
 * @hot: a document is hot that is used so often within DOCSTORE_STAT_ACCESS_SECONDS, 0
 *	for never. Set by who knows the settings, at any time
 * @draining: pins were released, and there is more to look through
 * @floor: no document that had slots and lost them had a higher version
 * @seq: number of the commit going on, 0 between commits
 * @linked: something was linked in this commit
 * @waiting: there is memory that will be usable after some grace periods. Read
 *	by anybody
 * @buried: tombstones of which readers may still need the predecessors
 * @dying: those whose grace period goes on
 * @stats: what it has done
 * @builder: where versions are built, in a commit
 * @backlog: what was changed, for streams; NULL until the store's first stream. Set once,
 *	by the owner
 * @heat: how uses of documents are sampled
 * @hints: documents that were read past the owner; written by anybody
 * @owner_map: lockdep's idea of the ownership
 *
 * Everything but @map, @key, @past, @number, @hot, @stats, @backlog and @hints is for the
 * owner only.
 */
struct ds_partition {
	struct docstore_map_partition *map;
	struct ds_arena arena;
	struct ds_index index;
	const u64 *key;
	struct ds_past *past;
	u32 number;
	u32 hot;
	bool draining;
	u64 floor;
	u64 seq;
	bool linked;
	bool waiting;
	struct ds_tombstones buried;
	struct ds_tombstones dying;
	struct ds_partition_stats stats;
	struct ds_builder *builder;
	struct ds_backlog *backlog;
	struct ds_heat heat;
	struct ds_hints hints ____cacheline_aligned_in_smp;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map owner_map;
#endif
};

/**
 * ds_partition_assert_owner() - assert that the caller owns the partition
 * @p: the partition
 */
static inline void ds_partition_assert_owner(const struct ds_partition *p)
{
#ifdef CONFIG_LOCKDEP
	lockdep_assert(lock_is_held(&p->owner_map));
#endif
}

/**
 * ds_partition_own() - tell lockdep that the caller has become the owner
 * @p: the partition
 */
static inline void ds_partition_own(struct ds_partition *p)
{
#ifdef CONFIG_LOCKDEP
	lock_map_acquire(&p->owner_map);
#endif
}

/**
 * ds_partition_own_within() - the same, for who becomes the owner of several
 * @p: the partition
 * @turn: what the caller holds that lets nobody else become that
 */
static inline void ds_partition_own_within(struct ds_partition *p, struct lockdep_map *turn)
{
#ifdef CONFIG_LOCKDEP
	lock_acquire_exclusive(&p->owner_map, 0, 0, turn, _THIS_IP_);
#endif
}

/**
 * ds_partition_disown() - tell lockdep that the caller gives ownership back
 * @p: the partition
 */
static inline void ds_partition_disown(struct ds_partition *p)
{
#ifdef CONFIG_LOCKDEP
	lock_map_release(&p->owner_map);
#endif
}

void ds_partition_init(struct ds_partition *p, struct docstore_map_partition *map,
		       struct ds_chunk **chunks, u32 max_chunks, const u64 *key,
		       struct ds_past *past, u32 number);

/* For the owner. */
void ds_partition_begin(struct ds_partition *p, struct ds_builder *builder);
void ds_partition_apply(struct ds_partition *p, struct ds_batch *batch, u64 now);
void ds_partition_prepare(struct ds_partition *p, struct ds_batch *batch, u64 now);
void ds_partition_accept(struct ds_partition *p, struct ds_batch *batch);
void ds_partition_refuse(struct ds_partition *p, struct ds_batch *batch, bool again);
bool ds_partition_show(struct ds_partition *p);
bool ds_partition_publish(struct ds_partition *p);
void ds_partition_settle(struct ds_partition *p, struct ds_batch *batch, u64 now);
void ds_partition_maintain(struct ds_partition *p, u32 work, bool hurry);
void ds_tombstones_add(struct ds_partition *p, struct ds_tombstones *list, u32 ref);

/* For readers, in an RCU read section. */
const struct docstore_version *ds_partition_visible(const struct ds_partition *p,
						    const struct docstore_version *v, u64 seq);
const struct docstore_version *ds_partition_current(const struct ds_partition *p,
						    const struct docstore_version *v);
const struct docstore_version *ds_partition_read(const struct ds_partition *p, u64 hash,
						 const u8 *id, u8 id_len);
const struct docstore_version *ds_partition_read_pinned(const struct ds_partition *p, u64 hash,
							const u8 *id, u8 id_len, u64 seq);

#endif /* _DOCSTORE_CORE_PARTITION_H */

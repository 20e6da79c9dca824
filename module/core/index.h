/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The index of a partition: from document id to newest version.
 *
 * Linear hashing, as uapi/linux/docstore_map.h describes it to readers. The
 * owner changes it; readers look at any time, in an RCU read section.
 */
#ifndef _DOCSTORE_CORE_INDEX_H
#define _DOCSTORE_CORE_INDEX_H

#include <linux/bitrev.h>
#include <linux/types.h>

#include "arena.h"

/**
 * struct ds_index_tally - what a check has counted of an index, see check.c
 * @passed: documents at positions below this one were counted; 0 while nothing is
 * @slots: slots in use there
 * @overflow: overflow buckets
 * @documents: documents that exist
 * @document_bytes: bytes of their newest versions
 *
 * Positions are those of struct ds_scan. Whoever changes what was counted counts on
 * here, so that when the last one was passed the sums are those of that moment.
 */
struct ds_index_tally {
	u64 passed;
	u64 slots;
	u64 overflow;
	u64 documents;
	u64 document_bytes;
};

/**
 * struct ds_index - the owner's side of an index
 * @arena: where buckets and versions lie
 * @map: the partition's published page
 * @slots: slots in use
 * @bytes: memory of buckets and directory. Read by anybody
 * @grown: directory and segments reach to this number of buckets
 * @tally: what the check going on has counted
 */
struct ds_index {
	struct ds_arena *arena;
	struct docstore_map_partition *map;
	u64 slots;
	u64 bytes;
	u32 grown;
	struct ds_index_tally tally;
};

/**
 * struct ds_slot - a slot of the index
 * @bucket: its bucket
 * @i: its number there
 *
 * Good for the owner until the next ds_index_grow() or ds_index_remove().
 */
struct ds_slot {
	struct docstore_bucket *bucket;
	u32 i;
};

/* What a reader collects of one bucket while it scans. */
#define DS_SCAN_MAX		128

/**
 * struct ds_scan - the documents of one bucket
 * @from: position where to begin: documents are ordered by their hash with the
 *	bits turned round, an order that splitting a bucket leaves as it is
 * @last: position of the last document that would have been found; all ones
 *	at the end of the partition
 * @count: documents found
 * @found: their positions and newest versions, in order
 */
struct ds_scan {
	u64 from;
	u64 last;
	u32 count;
	struct {
		u64 position;
		const struct docstore_version *version;
	} found[DS_SCAN_MAX];
};

/* 64 bits, turned round. */
static inline u64 ds_position(u64 hash)
{
	return (u64)bitrev32((u32)hash) << 32 | bitrev32(hash >> 32);
}

/* Has the check that goes on counted what has this hash, or is in this bucket? */
static inline bool ds_index_tallied(const struct ds_index *index, u64 hash)
{
	return unlikely(index->tally.passed) && ds_position(hash) < index->tally.passed;
}

static inline u32 ds_slot_ref(const struct ds_slot *slot)
{
	return slot->bucket->ref[slot->i];
}

void ds_index_init(struct ds_index *index, struct ds_arena *arena,
		   struct docstore_map_partition *map);

/* For the owner. */
const struct docstore_bucket *ds_index_prefetch(const struct ds_index *index, u64 hash);
void ds_index_prefetch_version(const struct ds_index *index,
			       const struct docstore_bucket *bucket, u64 hash);
bool ds_index_find(struct ds_index *index, u64 hash, const u8 *id, u8 id_len,
		   struct ds_slot *slot);
bool ds_index_find_hash(const struct ds_index *index, const u64 *key, u64 hash, u64 mask,
			struct ds_slot *slot);
int ds_index_reserve(struct ds_index *index, u64 hash, u32 flags, struct ds_slot *slot);
void ds_index_link(struct ds_slot *slot, u32 ref);
void ds_index_remove(struct ds_index *index, u64 hash, struct ds_slot *slot);
void ds_index_flags(struct ds_slot *slot, u32 clear, u32 set);
void ds_index_accessed(struct ds_slot *slot, u32 deltas, u64 now);
bool ds_index_grow(struct ds_index *index, const u64 *key);
u64 ds_bucket_last_position(u64 position, u32 number, u32 buckets);

/* For readers. */
const struct docstore_version *ds_index_lookup(const struct ds_index *index, u64 hash,
					       const u8 *id, u8 id_len);
void ds_index_scan(const struct ds_index *index, const u64 *key, struct ds_scan *scan);

#endif /* _DOCSTORE_CORE_INDEX_H */

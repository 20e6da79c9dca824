/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The index of a partition: from document id to newest version.
 *
 * Linear hashing, as uapi/linux/docstore_map.h describes it to readers. The
 * owner changes it; readers look at any time, in an RCU read section.
 */
#ifndef _DOCSTORE_CORE_INDEX_H
#define _DOCSTORE_CORE_INDEX_H

#include <linux/types.h>

#include "arena.h"

/**
 * struct ds_index - the owner's side of an index
 * @arena: where buckets and versions lie
 * @map: the partition's published page
 * @slots: slots in use
 * @bytes: memory of buckets and directory. Read by anybody
 * @grown: directory and segments reach to this number of buckets
 */
struct ds_index {
	struct ds_arena *arena;
	struct docstore_map_partition *map;
	u64 slots;
	u64 bytes;
	u32 grown;
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
int ds_index_reserve(struct ds_index *index, u64 hash, u32 flags, struct ds_slot *slot);
void ds_index_link(struct ds_slot *slot, u32 ref);
void ds_index_remove(struct ds_index *index, u64 hash, struct ds_slot *slot);
void ds_index_flags(struct ds_slot *slot, u32 clear, u32 set);
void ds_index_accessed(struct ds_slot *slot, u32 deltas, u64 now);
bool ds_index_grow(struct ds_index *index, const u64 *key);

/* For readers. */
const struct docstore_version *ds_index_lookup(const struct ds_index *index, u64 hash,
					       const u8 *id, u8 id_len);
void ds_index_scan(const struct ds_index *index, const u64 *key, struct ds_scan *scan);

#endif /* _DOCSTORE_CORE_INDEX_H */

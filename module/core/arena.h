/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The arena of a partition: the memory that holds its documents and its index.
 *
 * Memory comes in chunks of 2 MiB, which others bring (see ds_arena_donate());
 * the arena never asks the system for any. Chunks are cut into spans of pages,
 * and spans into runs of blocks of one size class. A block is known by its ref:
 * its offset from the beginning of the arena in units of 16 bytes, so that 32
 * bits reach 64 GiB and no address is ever published.
 *
 * Only the partition's owner allocates and frees, so there is no lock. Memory
 * that readers may still look at is not freed but retired: it is used again
 * when an RCU grace period has passed, for readers in the kernel, and the
 * partition's era has gone on, for readers of the mapping (see retire.c).
 */
#ifndef _DOCSTORE_CORE_ARENA_H
#define _DOCSTORE_CORE_ARENA_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/types.h>

#include <linux/docstore_map.h>

#include "retire.h"

#define DS_PAGE_SHIFT		12
#define DS_PAGE_SIZE		4096U
#define DS_CHUNK_PAGES		(1U << (DOCSTORE_MAP_CHUNK_SHIFT - DS_PAGE_SHIFT))
#define DS_CHUNK_UNITS_SHIFT	(DOCSTORE_MAP_CHUNK_SHIFT - DOCSTORE_MAP_UNIT_SHIFT)
#define DS_PAGE_UNITS_SHIFT	(DS_PAGE_SHIFT - DOCSTORE_MAP_UNIT_SHIFT)

/* One less than 32 bits can count, so that the end of the arena has a ref. */
#define DS_ARENA_MAX_CHUNKS	((1U << (32 - DS_CHUNK_UNITS_SHIFT)) - 1)

/* How far apart prefetches are. */
#define DS_CACHE_LINE		64

/*
 * Classes grow by 16 bytes up to 256 and by a sixteenth of a power of two from
 * there on; what is larger than the last one gets a span of pages of its own.
 */
#define DS_CLASS_STEPS		16
#define DS_CLASS_DOUBLINGS	6
#define DS_CLASSES		(DS_CLASS_STEPS * (1 + DS_CLASS_DOUBLINGS))
#define DS_CLASS_MAX		((DOCSTORE_MAP_UNIT * DS_CLASS_STEPS) << DS_CLASS_DOUBLINGS)
#define DS_CLASS_NONE		0xffff

/*
 * Pages that only urgent blocks may take: without room for their tombstones, no
 * documents could be deleted from a full store.
 */
#define DS_ARENA_RESERVE	16

/**
 * struct ds_class - a size class
 * @size: of a block, in bytes
 * @inverse: 2^32 / @size rounded up, to divide by multiplying
 * @pages: of a run
 * @blocks: of a run
 */
struct ds_class {
	u32 size;
	u32 inverse;
	u16 pages;
	u16 blocks;
};

/**
 * struct ds_arena_tally - what a check has counted of an arena, see check.c
 * @passed: chunks below this number were counted; 0 while nothing is
 * @bytes: what runs give out in these, spares included
 * @free_pages: their pages in no span
 *
 * Whoever changes a chunk that was counted counts on here, so that when the last one
 * was passed the sums are those of that moment.
 */
struct ds_arena_tally {
	u32 passed;
	u64 bytes;
	u64 free_pages;
};

/**
 * struct ds_run - a span of pages that is cut into blocks, or is one large block
 * @node: in its class's list of runs with free blocks
 * @free: number of the first free block plus one, 0 for none; for a large
 *	block its link
 * @chunk: number of the chunk it stands in
 * @class: size class, or DS_CLASS_NONE for a large block
 * @pages: length of the span
 * @used: blocks in use
 * @fresh: blocks from this number on were never used
 *
 * Free blocks are linked by an array of u32 at the end of the span, one for
 * each block. Others may be linked by the same array, which needs no memory and
 * does not touch what readers may be looking at: see ds_arena_link().
 */
struct ds_run {
	struct list_head node;
	u32 free;
	u32 chunk;
	u16 class;
	u16 pages;
	u16 used;
	u16 fresh;
};

/**
 * struct ds_chunk - what the arena knows about 2 MiB of its memory
 * @base: the memory, zeroed by who brings it, aligned to a page
 * @private: for who brings it
 * @donated: in the arena's list of donated chunks, then in the list of those
 *	that it gives back
 * @node: in the arena's list of chunks with or without free pages
 * @index: number of the chunk in the arena, chosen by who brings it
 * @free_pages: pages in no span
 * @used: for each page whether it is in a span
 * @first: for each page of a span the span's first page
 * @runs: for each first page of a span what is there
 */
struct ds_chunk {
	void *base;
	void *private;
	struct llist_node donated;
	struct list_head node;
	u32 index;
	u32 free_pages;
	DECLARE_BITMAP(used, DS_CHUNK_PAGES);
	u16 first[DS_CHUNK_PAGES];
	struct ds_run runs[DS_CHUNK_PAGES];
};

/* Spare blocks: how many there are at most, of all classes, and how much. */
#define DS_SPARES		4096
#define DS_SPARES_BYTES		(2048 * 1024)

/**
 * struct ds_spares - blocks that were freed lately
 * @refs: the blocks
 * @next: number of the next entry of its class, or of those unused, plus one
 * @first: for each class its first entry plus one, 0 for none
 * @unused: the first entry that is not used plus one, 0 for none
 * @victim: the class that makes room for others
 * @bytes: what they take
 */
struct ds_spares {
	u32 refs[DS_SPARES];
	u16 next[DS_SPARES];
	u16 first[DS_CLASSES];
	u16 unused;
	u16 victim;
	u32 bytes;
};

/**
 * struct ds_arena - the memory of one partition
 * @map: the partition's published page
 * @chunks: the chunks by number, NULL where there is none; readers of the
 *	kernel translate refs with it, under RCU
 * @max_chunks: length of @chunks
 * @nchunks: chunks below this number were used
 * @open_chunks: chunks with free pages
 * @full_chunks: chunks without
 * @partial: for each class its runs with free blocks
 * @free_pages: pages in no span. Read by submitters without owning
 * @idle_chunks: chunks with no span at all
 * @used_bytes: what blocks in use take. Read by anybody
 * @retired_bytes: what retired blocks take. Read by anybody
 * @retired_count: blocks that were retired. Read by anybody
 * @reused_count: of these, those that were made usable again. Read by anybody
 * @spares: blocks that were freed lately
 * @retired: retired blocks
 * @donations: chunks brought and not yet taken in; anybody adds, the owner takes
 * @ndonated: how many
 * @unwanted: chunks to be given back
 * @tally: what the check going on has counted
 *
 * The owner alone changes all of it but @donations and @ndonated.
 */
struct ds_arena {
	struct docstore_map_partition *map;
	struct ds_chunk **chunks;
	u32 max_chunks;
	u32 nchunks;
	struct list_head open_chunks;
	struct list_head full_chunks;
	struct list_head partial[DS_CLASSES];
	u32 free_pages;
	u32 idle_chunks;
	u64 used_bytes;
	u64 retired_bytes;
	u64 retired_count;
	u64 reused_count;
	struct ds_spares spares;
	struct ds_retired_lists retired;
	struct llist_head donations;
	atomic_t ndonated;
	struct llist_head unwanted;
	struct ds_arena_tally tally;
};

/**
 * ds_arena_ptr() - from ref to address
 * @arena: the arena
 * @ref: a block in use, or a retired one that the caller's RCU read section
 *	keeps from being used again
 *
 * Context: the owner, or within an RCU read section that began before the ref
 * was read. The ref itself is the pairing: a reader that got it by an acquire
 * load, or by an address dependency, sees the chunk that holds it.
 * Return: its address.
 */
static inline void *ds_arena_ptr(const struct ds_arena *arena, u32 ref)
{
	struct ds_chunk *chunk = READ_ONCE(arena->chunks[ref >> DS_CHUNK_UNITS_SHIFT]);
	u32 unit = ref & ((1U << DS_CHUNK_UNITS_SHIFT) - 1);

	return chunk->base + ((size_t)unit << DOCSTORE_MAP_UNIT_SHIFT);
}

void ds_arena_setup(void);
void ds_arena_init(struct ds_arena *arena, struct docstore_map_partition *map,
		   struct ds_chunk **chunks, u32 max_chunks);
void ds_chunk_init(struct ds_chunk *chunk, u32 index, void *base, void *private);
void ds_arena_donate(struct ds_arena *arena, struct ds_chunk *chunk);
struct ds_chunk *ds_arena_unwanted(struct ds_arena *arena);
struct ds_chunk *ds_arena_dismantle(struct ds_arena *arena);

u32 ds_arena_alloc(struct ds_arena *arena, u32 size, bool urgent);
void ds_arena_free(struct ds_arena *arena, u32 ref);
void ds_arena_reuse(struct ds_arena *arena, u32 ref, u32 size);
u32 *ds_arena_link(struct ds_arena *arena, u32 ref);
void ds_arena_trim(struct ds_arena *arena);
u32 ds_arena_block_size(u32 size);

/* For checks. */
const struct ds_class *ds_arena_class(u32 number);
u32 *ds_run_links(const struct ds_chunk *chunk, const struct ds_run *run);

#endif /* _DOCSTORE_CORE_ARENA_H */

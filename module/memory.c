// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for arenas.
 *
 * Owners never allocate. Who submits a batch makes sure first that the arenas
 * it goes to have memory for it: in its own context, so that its cgroup is
 * charged, and reclaim stalls it and nobody else.
 */
#include <linux/gfp.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "core/arena.h"
#include "contention.h"
#include "map.h"
#include "memory.h"
#include "store.h"

#define DS_CHUNK_ORDER		(DOCSTORE_MAP_CHUNK_SHIFT - PAGE_SHIFT)

/*
 * An arena has at least this many free pages before a batch is queued: what a
 * batch needs can only be guessed, since blocks have size classes and documents
 * have properties that the batch does not mention.
 */
#define DS_MEMORY_LOW		64

/**
 * ds_memory_piece() - how much of a store's limit one chunk takes
 *
 * Return: bytes.
 */
size_t ds_memory_piece(void)
{
	return DOCSTORE_MAP_CHUNK_SIZE + PAGE_ALIGN(sizeof(struct ds_chunk));
}

/*
 * A partition's first piece was counted when the store was created, so that it
 * is there when it is asked for.
 */
static bool ds_memory_charge(struct ds_owned *owned)
{
	if (atomic_inc_return(&owned->pieces) == 1 ||
	    ds_store_charge(owned->store, ds_memory_piece()))
		return true;
	/* If all others went meanwhile, one of them was counted off as a second. */
	if (!atomic_dec_return(&owned->pieces))
		atomic64_add(ds_memory_piece(), &owned->store->bytes);
	return false;
}

static void ds_memory_uncharge(struct ds_owned *owned)
{
	if (atomic_dec_return(&owned->pieces))
		ds_store_uncharge(owned->store, ds_memory_piece());
}

static void ds_chunk_destroy(struct ds_owned *owned, struct ds_chunk *chunk)
{
	ds_map_hide_chunk(owned, chunk);
	if (chunk->private)
		__free_pages(chunk->private, DS_CHUNK_ORDER);
	else
		vfree(chunk->base);
	kvfree(chunk);
	ds_memory_uncharge(owned);
}

/*
 * 2 MiB, in one piece if that is easy to have. The page is noted in the chunk if
 * so.
 */
static struct ds_chunk *ds_chunk_create(struct ds_owned *owned)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO;
	struct ds_chunk *chunk;
	u32 index = 0;
	struct page *page;
	void *base;

	lockdep_assert_held(&owned->memory_lock);
	if (!ds_memory_charge(owned))
		return ERR_PTR(-ENOSPC);
	while (index < owned->partition.arena.max_chunks && READ_ONCE(owned->backing[index]))
		index++;
	if (index == owned->partition.arena.max_chunks) {
		ds_memory_uncharge(owned);
		return ERR_PTR(-ENOSPC);
	}
	chunk = kvzalloc_obj(*chunk, GFP_KERNEL_ACCOUNT);
	if (!chunk)
		goto err_uncharge;
	page = alloc_pages(gfp | __GFP_COMP | __GFP_NORETRY | __GFP_NOWARN, DS_CHUNK_ORDER);
	base = page ? page_address(page) : __vmalloc(DOCSTORE_MAP_CHUNK_SIZE, gfp);
	if (!base)
		goto err_free;
	ds_chunk_init(chunk, index, base, page);
	ds_map_show_chunk(owned, chunk);
	return chunk;

err_free:
	kvfree(chunk);
err_uncharge:
	ds_memory_uncharge(owned);
	return ERR_PTR(-ENOMEM);
}

/* Pages that the arena has, or will have when it takes in what was brought. */
static u64 ds_memory_free(struct ds_arena *arena)
{
	return READ_ONCE(arena->free_pages) +
	       (u64)atomic_read(&arena->ndonated) * DS_CHUNK_PAGES;
}

/* Pages that so many bytes take, and what is wasted where they don't fit. */
static u64 ds_memory_need(u64 bytes)
{
	return DIV_ROUND_UP_ULL(bytes + (bytes >> 3), DS_PAGE_SIZE);
}

/**
 * ds_memory_enough() - does a partition seem to have memory for what comes
 * @owned: the partition
 * @bytes: about how much will be needed
 *
 * Context: any.
 * Return: true if so; it may lie in pieces that are too small even so.
 */
bool ds_memory_enough(struct ds_owned *owned, u64 bytes)
{
	return ds_memory_free(&owned->partition.arena) >= ds_memory_need(bytes) + DS_ARENA_RESERVE;
}

/**
 * ds_memory_top_up() - bring a partition memory for what comes
 * @owned: the partition
 * @bytes: about how much will be needed
 * @force: bring some even if there seems to be enough
 *
 * Context: who submits; may sleep.
 * Return: 0, or -ENOMEM or -ENOSPC if no more is to be had, and there is not enough, or it
 * was to be brought in any case. It may be enough even so: the owner will find out.
 */
int ds_memory_top_up(struct ds_owned *owned, u64 bytes, bool force)
{
	struct ds_arena *arena = &owned->partition.arena;
	u64 need = ds_memory_need(bytes);
	struct ds_chunk *chunk;
	int err = 0;

	might_sleep();
	if (!force && ds_memory_free(arena) >= need + DS_MEMORY_LOW)
		return 0;
	ds_contention_mutex_lock(&owned->memory_lock, DS_PLACE_MEMORY);
	while (force || ds_memory_free(arena) < need + DS_MEMORY_LOW) {
		chunk = ds_chunk_create(owned);
		if (IS_ERR(chunk)) {
			if (force || !ds_memory_enough(owned, bytes))
				err = PTR_ERR(chunk);
			break;
		}
		ds_arena_donate(arena, chunk);
		force = false;
	}
	mutex_unlock(&owned->memory_lock);
	return err;
}

/**
 * ds_memory_give_back() - free the chunks that an arena no longer needs
 * @owned: the partition
 *
 * Context: one at a time; may sleep.
 */
void ds_memory_give_back(struct ds_owned *owned)
{
	struct ds_chunk *chunk;

	while ((chunk = ds_arena_unwanted(&owned->partition.arena)))
		ds_chunk_destroy(owned, chunk);
}

/**
 * ds_memory_release() - free all memory of a partition
 * @owned: the partition, which nobody uses any more
 */
void ds_memory_release(struct ds_owned *owned)
{
	struct ds_chunk *chunk;

	while ((chunk = ds_arena_dismantle(&owned->partition.arena)))
		ds_chunk_destroy(owned, chunk);
}

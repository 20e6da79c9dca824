// SPDX-License-Identifier: GPL-2.0
/*
 * The arena of a partition: chunks, spans, runs and blocks; retire and reuse.
 */
#include <linux/bitmap.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "arena.h"

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

static struct ds_class ds_classes[DS_CLASSES] __read_mostly;

/* A run is no longer than this. */
#define DS_RUN_MAX_PAGES	40

/* How many chunks are searched for a span before a new one is taken. */
#define DS_SPAN_TRIES		8

static u32 ds_class_of(u32 size)
{
	u32 units = DIV_ROUND_UP(size, DOCSTORE_MAP_UNIT);
	u32 doubling;

	if (units <= DS_CLASS_STEPS)
		return units ? units - 1 : 0;
	/* Units in (16 << d, 32 << d] are rounded up to multiples of 1 << d. */
	doubling = ilog2(units - 1) - ilog2(DS_CLASS_STEPS);
	return DS_CLASS_STEPS * doubling + DIV_ROUND_UP(units, 1U << doubling) - 1;
}

static void ds_class_setup(struct ds_class *class, u32 size)
{
	u32 best_waste = U32_MAX;
	u32 pages;

	class->size = size;
	class->inverse = DIV_ROUND_UP_ULL(1ULL << 32, size);
	/*
	 * The shortest run that wastes at most 1/16, or that wastes least: of
	 * most classes there is one run that is half empty.
	 */
	for (pages = 1; pages <= DS_RUN_MAX_PAGES; pages++) {
		u32 bytes = pages << DS_PAGE_SHIFT;
		u32 blocks = bytes / (size + sizeof(u32));
		u32 waste;

		if (!blocks)
			continue;
		waste = (bytes - blocks * (size + sizeof(u32))) * 1024 / bytes;
		if (waste < best_waste) {
			best_waste = waste;
			class->pages = pages;
			class->blocks = blocks;
		}
		if (waste <= 1024 / 16)
			break;
	}
}

/**
 * ds_arena_setup() - compute the size classes
 *
 * Context: once, before the first arena.
 */
void ds_arena_setup(void)
{
	u32 i;

	for (i = 0; i < DS_CLASSES; i++) {
		u32 doubling = i < DS_CLASS_STEPS ? 0 : i / DS_CLASS_STEPS - 1;
		u32 step = i + 1 - DS_CLASS_STEPS * doubling;

		ds_class_setup(&ds_classes[i], (step << doubling) * DOCSTORE_MAP_UNIT);
	}
}

/**
 * ds_arena_block_size() - how much memory a block takes
 * @size: bytes wanted
 *
 * Return: bytes of the block that ds_arena_alloc() would give.
 */
u32 ds_arena_block_size(u32 size)
{
	if (size > DS_CLASS_MAX)
		return ALIGN(size, DS_PAGE_SIZE);
	return ds_classes[ds_class_of(size)].size;
}

/**
 * ds_arena_init() - prepare an arena that has no memory yet
 * @arena: the arena
 * @map: the partition's published page
 * @chunks: zeroed array of @max_chunks pointers, which the caller frees after
 *	ds_arena_dismantle()
 * @max_chunks: how many chunks the arena may ever have at once
 */
void ds_arena_init(struct ds_arena *arena, struct docstore_map_partition *map,
		   struct ds_chunk **chunks, u32 max_chunks)
{
	u32 i;

	memset(arena, 0, sizeof(*arena));
	arena->map = map;
	arena->chunks = chunks;
	arena->max_chunks = min(max_chunks, DS_ARENA_MAX_CHUNKS);
	INIT_LIST_HEAD(&arena->open_chunks);
	INIT_LIST_HEAD(&arena->full_chunks);
	for (i = 0; i < DS_CLASSES; i++)
		INIT_LIST_HEAD(&arena->partial[i]);
	init_llist_head(&arena->donations);
	init_llist_head(&arena->unwanted);
	atomic_set(&arena->ndonated, 0);
}

/**
 * ds_chunk_init() - describe memory before it is donated
 * @chunk: the description, zeroed
 * @base: 2 MiB, zeroed
 * @private: for the caller
 */
void ds_chunk_init(struct ds_chunk *chunk, void *base, void *private)
{
	chunk->base = base;
	chunk->private = private;
	chunk->free_pages = DS_CHUNK_PAGES;
}

/**
 * ds_arena_donate() - bring an arena a chunk
 * @arena: the arena
 * @chunk: the chunk, which is the arena's from now on
 *
 * Context: anybody; the owner takes it in when it needs one.
 */
void ds_arena_donate(struct ds_arena *arena, struct ds_chunk *chunk)
{
	atomic_inc(&arena->ndonated);
	llist_add(&chunk->donated, &arena->donations);
}

/**
 * ds_arena_unwanted() - take a chunk that the arena no longer needs
 * @arena: the arena
 *
 * Context: the owner.
 * Return: the chunk, which is the caller's from now on, or NULL.
 */
struct ds_chunk *ds_arena_unwanted(struct ds_arena *arena)
{
	struct llist_node *node;

	if (llist_empty(&arena->unwanted))
		return NULL;
	node = llist_del_first(&arena->unwanted);
	return llist_entry(node, struct ds_chunk, donated);
}

/**
 * ds_arena_dismantle() - take the chunks of an arena that is no longer used
 * @arena: the arena; there are no readers left
 *
 * Return: one chunk after the other, then NULL.
 */
struct ds_chunk *ds_arena_dismantle(struct ds_arena *arena)
{
	struct ds_chunk *chunk = ds_arena_unwanted(arena);
	struct llist_node *node;

	if (chunk)
		return chunk;
	node = llist_del_first(&arena->donations);
	if (node)
		return llist_entry(node, struct ds_chunk, donated);
	while (arena->nchunks) {
		chunk = arena->chunks[--arena->nchunks];
		arena->chunks[arena->nchunks] = NULL;
		if (chunk)
			return chunk;
	}
	return NULL;
}

static void ds_arena_count_pages(struct ds_arena *arena, struct ds_chunk *chunk,
				 s32 pages)
{
	chunk->free_pages += pages;
	/* Submitters read it to see whether they should bring a chunk. */
	WRITE_ONCE(arena->free_pages, arena->free_pages + pages);
}

static void ds_arena_count_used(struct ds_arena *arena, s64 bytes)
{
	WRITE_ONCE(arena->used_bytes, arena->used_bytes + bytes);
}

/* Put a chunk that was donated to use. */
static bool ds_arena_take_in(struct ds_arena *arena)
{
	struct llist_node *node = llist_del_first(&arena->donations);
	struct ds_chunk *chunk;
	u32 index;

	if (!node)
		return false;
	atomic_dec(&arena->ndonated);
	chunk = llist_entry(node, struct ds_chunk, donated);

	for (index = 0; index < arena->nchunks; index++)
		if (!arena->chunks[index])
			break;
	if (index == arena->max_chunks) {
		llist_add(&chunk->donated, &arena->unwanted);
		return false;
	}
	chunk->index = index;
	WRITE_ONCE(arena->chunks[index], chunk);
	if (index == arena->nchunks) {
		arena->nchunks++;
		/*
		 * Published before any ref into the chunk: refs are stored with
		 * release, or before visible_seq is.
		 */
		WRITE_ONCE(arena->map->limit, arena->nchunks << DS_CHUNK_UNITS_SHIFT);
	}
	list_add(&chunk->node, &arena->open_chunks);
	WRITE_ONCE(arena->free_pages, arena->free_pages + chunk->free_pages);
	arena->idle_chunks++;
	if (!index) {
		/* No block has ref 0. */
		__set_bit(0, chunk->used);
		chunk->first[0] = 0;
		chunk->runs[0].class = DS_CLASS_NONE;
		ds_arena_count_pages(arena, chunk, -1);
		arena->idle_chunks--;
	}
	return true;
}

static struct ds_run *ds_chunk_take_span(struct ds_arena *arena, struct ds_chunk *chunk,
					 u32 pages, u16 class)
{
	unsigned long page;
	struct ds_run *run;
	u32 i;

	if (chunk->free_pages < pages)
		return NULL;
	page = bitmap_find_next_zero_area(chunk->used, DS_CHUNK_PAGES, 0, pages, 0);
	if (page >= DS_CHUNK_PAGES)
		return NULL;

	bitmap_set(chunk->used, page, pages);
	for (i = 0; i < pages; i++)
		chunk->first[page + i] = page;
	run = &chunk->runs[page];
	*run = (struct ds_run){
		.chunk = chunk->index,
		.class = class,
		.pages = pages,
	};
	INIT_LIST_HEAD(&run->node);

	if (chunk->free_pages == DS_CHUNK_PAGES)
		arena->idle_chunks--;
	ds_arena_count_pages(arena, chunk, -(s32)pages);
	if (!chunk->free_pages)
		list_move(&chunk->node, &arena->full_chunks);
	return run;
}

/* A span of pages; sets @found to its chunk. */
static struct ds_run *ds_arena_take_span(struct ds_arena *arena, u32 pages, u16 class,
					 bool urgent, struct ds_chunk **found)
{
	struct ds_chunk *chunk, *next;
	struct ds_run *run;
	int tries = 0;

	while (!urgent && arena->free_pages < pages + DS_ARENA_RESERVE)
		if (!ds_arena_take_in(arena))
			return NULL;

	list_for_each_entry_safe(chunk, next, &arena->open_chunks, node) {
		*found = chunk;
		run = ds_chunk_take_span(arena, chunk, pages, class);
		if (run)
			return run;
		if (++tries == DS_SPAN_TRIES)
			break;
		/* Others first, the next time. */
		list_move_tail(&chunk->node, &arena->open_chunks);
	}
	if (!ds_arena_take_in(arena))
		return NULL;
	*found = list_first_entry(&arena->open_chunks, struct ds_chunk, node);
	return ds_chunk_take_span(arena, *found, pages, class);
}

static void ds_arena_give_span(struct ds_arena *arena, struct ds_chunk *chunk,
			       struct ds_run *run)
{
	u32 page = run - chunk->runs;

	if (!chunk->free_pages)
		list_move(&chunk->node, &arena->open_chunks);
	bitmap_clear(chunk->used, page, run->pages);
	ds_arena_count_pages(arena, chunk, run->pages);
	if (chunk->free_pages != DS_CHUNK_PAGES)
		return;
	/* One idle chunk is kept, so that a store at an edge does not flutter. */
	if (!arena->idle_chunks) {
		arena->idle_chunks++;
		return;
	}
	list_del(&chunk->node);
	WRITE_ONCE(arena->free_pages, arena->free_pages - DS_CHUNK_PAGES);
	WRITE_ONCE(arena->chunks[chunk->index], NULL);
	llist_add(&chunk->donated, &arena->unwanted);
}

/* The links of a run's blocks, at its end. */
static u32 *ds_run_links(const struct ds_chunk *chunk, const struct ds_run *run)
{
	u32 page = run - chunk->runs;
	void *end = chunk->base + ((size_t)(page + run->pages) << DS_PAGE_SHIFT);

	return (u32 *)end - ds_classes[run->class].blocks;
}

static u32 ds_span_ref(const struct ds_chunk *chunk, const struct ds_run *run)
{
	u32 page = run - chunk->runs;

	return (chunk->index << DS_CHUNK_UNITS_SHIFT) + (page << DS_PAGE_UNITS_SHIFT);
}

static struct ds_run *ds_run_of(const struct ds_arena *arena, u32 ref,
				struct ds_chunk **found)
{
	struct ds_chunk *chunk = arena->chunks[ref >> DS_CHUNK_UNITS_SHIFT];
	u32 page = (ref >> DS_PAGE_UNITS_SHIFT) & (DS_CHUNK_PAGES - 1);

	*found = chunk;
	return &chunk->runs[chunk->first[page]];
}

/* The number of a block in its run. */
static u32 ds_run_block(const struct ds_chunk *chunk, const struct ds_run *run, u32 ref)
{
	u32 bytes = (ref - ds_span_ref(chunk, run)) << DOCSTORE_MAP_UNIT_SHIFT;

	return ((u64)bytes * ds_classes[run->class].inverse) >> 32;
}

static u32 ds_arena_alloc_large(struct ds_arena *arena, u32 size, bool urgent)
{
	u32 pages = DIV_ROUND_UP(size, DS_PAGE_SIZE);
	struct ds_chunk *chunk;
	struct ds_run *run;

	run = ds_arena_take_span(arena, pages, DS_CLASS_NONE, urgent, &chunk);
	if (!run)
		return 0;
	ds_arena_count_used(arena, (s64)pages << DS_PAGE_SHIFT);
	return ds_span_ref(chunk, run);
}

/**
 * ds_arena_alloc() - allocate a block
 * @arena: the arena
 * @size: bytes, at most DOCSTORE_MAX_DOCUMENT
 * @urgent: it may come from the reserve, since it helps to free others
 *
 * The block is aligned to 16 bytes; one whose size is a power of two is aligned
 * to its size or a page, whichever is less. It holds whatever was in it before.
 *
 * Context: the owner. Never sleeps.
 * Return: its ref, or 0 if there is no memory.
 */
u32 ds_arena_alloc(struct ds_arena *arena, u32 size, bool urgent)
{
	const struct ds_class *class;
	struct list_head *partial;
	struct ds_chunk *chunk;
	struct ds_run *run;
	u32 number, block;

	if (size > DS_CLASS_MAX)
		return ds_arena_alloc_large(arena, size, urgent);

	/*
	 * Not even a block of a run that is there already: that may stand in the
	 * reserve, and would keep it from ever being whole again.
	 */
	if (!urgent && arena->free_pages < DS_ARENA_RESERVE && !ds_arena_take_in(arena))
		return 0;

	number = ds_class_of(size);
	class = &ds_classes[number];
	partial = &arena->partial[number];
	if (list_empty(partial)) {
		run = ds_arena_take_span(arena, class->pages, number, urgent, &chunk);
		if (!run)
			return 0;
		list_add(&run->node, partial);
	} else {
		run = list_first_entry(partial, struct ds_run, node);
		chunk = arena->chunks[run->chunk];
	}

	if (run->free) {
		block = run->free - 1;
		run->free = ds_run_links(chunk, run)[block];
	} else {
		block = run->fresh++;
	}
	if (++run->used == class->blocks)
		list_del_init(&run->node);
	ds_arena_count_used(arena, class->size);
	return ds_span_ref(chunk, run) + block * (class->size >> DOCSTORE_MAP_UNIT_SHIFT);
}

/**
 * ds_arena_free() - free a block at once
 * @arena: the arena
 * @ref: the block, which no reader was ever able to find, or can any more
 *
 * Context: the owner. Never sleeps.
 */
void ds_arena_free(struct ds_arena *arena, u32 ref)
{
	const struct ds_class *class;
	struct list_head *partial;
	struct ds_chunk *chunk;
	struct ds_run *run = ds_run_of(arena, ref, &chunk);
	u32 block;

	if (run->class == DS_CLASS_NONE) {
		ds_arena_count_used(arena, -((s64)run->pages << DS_PAGE_SHIFT));
		ds_arena_give_span(arena, chunk, run);
		return;
	}

	class = &ds_classes[run->class];
	partial = &arena->partial[run->class];
	block = ds_run_block(chunk, run, ref);
	ds_run_links(chunk, run)[block] = run->free;
	run->free = block + 1;
	ds_arena_count_used(arena, -(s64)class->size);
	if (run->used-- == class->blocks)
		list_add_tail(&run->node, partial);
	/* One run without blocks in use is kept, if it is the only one. */
	if (!run->used && !list_is_singular(partial)) {
		list_del(&run->node);
		ds_arena_give_span(arena, chunk, run);
	}
}

/**
 * ds_arena_link() - the link that belongs to a block in use
 * @arena: the arena
 * @ref: the block
 *
 * It lies outside the block, so that the owner may use it while readers look at
 * the block. ds_arena_retire() needs it for itself.
 *
 * Context: the owner.
 * Return: where the link is.
 */
u32 *ds_arena_link(struct ds_arena *arena, u32 ref)
{
	struct ds_chunk *chunk;
	struct ds_run *run = ds_run_of(arena, ref, &chunk);

	if (run->class == DS_CLASS_NONE)
		return &run->free;
	return &ds_run_links(chunk, run)[ds_run_block(chunk, run, ref)];
}

static u32 ds_arena_size_of(struct ds_arena *arena, u32 ref)
{
	struct ds_chunk *chunk;
	struct ds_run *run = ds_run_of(arena, ref, &chunk);

	if (run->class == DS_CLASS_NONE)
		return run->pages << DS_PAGE_SHIFT;
	return ds_classes[run->class].size;
}

/**
 * ds_arena_retire() - free a block when no reader can trust it any more
 * @arena: the arena
 * @ref: the block; from the next publication on no new reader finds it
 *
 * Context: the owner. Never sleeps, never fails.
 */
void ds_arena_retire(struct ds_arena *arena, u32 ref)
{
	struct ds_retired *open = &arena->open;
	u32 bytes = ds_arena_size_of(arena, ref);

	*ds_arena_link(arena, ref) = 0;
	if (open->tail)
		*ds_arena_link(arena, open->tail) = ref;
	else
		open->head = ref;
	open->tail = ref;
	open->count++;
	open->bytes += bytes;
	WRITE_ONCE(arena->retired_bytes, arena->retired_bytes + bytes);
}

static void ds_arena_close(struct ds_arena *arena)
{
	struct ds_retired *closed;
	u32 last = (arena->first_closed + arena->nclosed) % DS_ARENA_CLOSED;

	closed = &arena->closed[last];
	*closed = arena->open;
	closed->cookie = start_poll_synchronize_rcu();
	closed->era = arena->map->era;
	arena->open = (struct ds_retired){};
	arena->nclosed++;
}

/**
 * ds_arena_pass_era() - before changing what readers of the mapping may rely on
 * @arena: the arena
 * @era: the era, or a later one, in which the last of these readers began
 *
 * They throw away what they read once the era is two further.
 *
 *	owner					reader of the mapping
 *	-----					---------------------
 *						e = load_acquire(era)
 *	unlink the block			find the block
 *	note the era
 *	store_release(era, noted + 2)		copy it
 *	smp_wmb()				fence
 *	write to the block			if load(era) - e > 1: again
 *
 * A reader that copied anything of the new contents sees, behind its fence, the
 * era that was stored before them. A reader that begins with the noted era + 1
 * or later synchronizes with the store with release and cannot find the block.
 *
 * Context: the owner.
 */
void ds_arena_pass_era(struct ds_arena *arena, u64 era)
{
	struct docstore_map_partition *map = arena->map;

	if (map->era >= era + 2)
		return;
	/* Pairs with the acquire load that begins a mapped read. */
	smp_store_release(&map->era, era + 2);
	/* Before what the caller is going to write; see above. */
	smp_wmb();
}

/*
 * Make the blocks of a list usable again. No kernel reader has them, since the
 * grace period is over, and readers of the mapping notice.
 */
static void ds_arena_reuse(struct ds_arena *arena, struct ds_retired *list)
{
	u32 ref = list->head;

	ds_arena_pass_era(arena, list->era);
	WRITE_ONCE(arena->retired_bytes, arena->retired_bytes - list->bytes);
	while (ref) {
		u32 next = *ds_arena_link(arena, ref);

		ds_arena_free(arena, ref);
		ref = next;
	}
	*list = (struct ds_retired){};
}

/**
 * ds_arena_reclaim() - make retired blocks usable for which the wait is over
 * @arena: the arena
 *
 * Context: the owner.
 * Return: true if anything became usable.
 */
bool ds_arena_reclaim(struct ds_arena *arena)
{
	bool reused = false;

	while (arena->nclosed) {
		struct ds_retired *list = &arena->closed[arena->first_closed];

		if (!poll_state_synchronize_rcu(list->cookie))
			break;
		ds_arena_reuse(arena, list);
		arena->first_closed = (arena->first_closed + 1) % DS_ARENA_CLOSED;
		arena->nclosed--;
		reused = true;
	}
	return reused;
}

/* Of each class one run is kept that has no block in use; not for ever. */
static void ds_arena_trim(struct ds_arena *arena)
{
	struct ds_run *run, *next;
	u32 i;

	for (i = 0; i < DS_CLASSES; i++) {
		list_for_each_entry_safe(run, next, &arena->partial[i], node) {
			if (run->used)
				continue;
			list_del(&run->node);
			ds_arena_give_span(arena, arena->chunks[run->chunk], run);
		}
	}
}

/**
 * ds_arena_settle() - begin the wait for what was retired
 * @arena: the arena
 * @hurry: do not wait until there is much of it, and keep no run in stock:
 *	memory is short, or the owner idle
 *
 * Context: the owner, right after a publication and not inside a commit. What
 * was retired must have been replaced by what is published now, or the grace
 * period that begins here would not cover readers of what is visible still.
 */
void ds_arena_settle(struct ds_arena *arena, bool hurry)
{
	struct ds_retired *open = &arena->open;

	if (hurry)
		ds_arena_trim(arena);
	if (!open->count || arena->nclosed == DS_ARENA_CLOSED)
		return;
	if (hurry || open->count >= DS_ARENA_CLOSE_COUNT || open->bytes >= DS_ARENA_CLOSE_BYTES)
		ds_arena_close(arena);
}

/**
 * ds_arena_waiting() - are there retired blocks
 * @arena: the arena
 *
 * Context: the owner.
 * Return: true if there are.
 */
bool ds_arena_waiting(const struct ds_arena *arena)
{
	return arena->open.count || arena->nclosed;
}

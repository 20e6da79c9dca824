// SPDX-License-Identifier: GPL-2.0
/*
 * The arena of a partition: chunks, spans, runs and blocks.
 */
#include <linux/bitmap.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/prefetch.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "arena.h"

static struct ds_class ds_classes[DS_CLASSES] __read_mostly;

/* A run is no longer than this. */
#define DS_RUN_MAX_PAGES	40

/* How much of a spare block is prefetched. */
#define DS_SPARE_AHEAD		256U

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
 * ds_arena_class() - a size class
 * @number: its number
 *
 * Return: the class.
 */
const struct ds_class *ds_arena_class(u32 number)
{
	return &ds_classes[number];
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
	for (i = 0; i + 1 < DS_SPARES; i++)
		arena->spares.next[i] = i + 2;
	arena->spares.unused = 1;
}

/**
 * ds_chunk_init() - describe memory before it is donated
 * @chunk: the description, zeroed
 * @index: number in the arena that it will have: none that a chunk has which was
 *	not given back yet. Low ones first, so that the arena stays short
 * @base: 2 MiB, zeroed
 * @private: for the caller
 */
void ds_chunk_init(struct ds_chunk *chunk, u32 index, void *base, void *private)
{
	chunk->index = index;
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
 * Context: one at a time, not only the owner.
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

/* Count what changes in a chunk that a check has passed. */
static void ds_arena_tally(struct ds_arena *arena, u32 chunk, s64 bytes, s32 pages)
{
	if (likely(chunk >= arena->tally.passed))
		return;
	arena->tally.bytes += bytes;
	arena->tally.free_pages += pages;
}

static void ds_arena_count_free(struct ds_arena *arena, u32 chunk, s32 pages)
{
	/* Submitters read it to see whether they should bring a chunk. */
	WRITE_ONCE(arena->free_pages, arena->free_pages + pages);
	ds_arena_tally(arena, chunk, 0, pages);
}

static void ds_arena_count_pages(struct ds_arena *arena, struct ds_chunk *chunk,
				 s32 pages)
{
	chunk->free_pages += pages;
	ds_arena_count_free(arena, chunk->index, pages);
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

	index = chunk->index;
	WARN_ON_ONCE(index >= arena->max_chunks || arena->chunks[index]);
	WRITE_ONCE(arena->chunks[index], chunk);
	if (index >= arena->nchunks) {
		arena->nchunks = index + 1;
		/*
		 * Published before any ref into the chunk: refs are stored with
		 * release, or before visible_seq is.
		 */
		WRITE_ONCE(arena->map->limit, arena->nchunks << DS_CHUNK_UNITS_SHIFT);
	}
	list_add(&chunk->node, &arena->open_chunks);
	ds_arena_count_free(arena, index, chunk->free_pages);
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
	ds_arena_count_free(arena, chunk->index, -(s32)DS_CHUNK_PAGES);
	WRITE_ONCE(arena->chunks[chunk->index], NULL);
	llist_add(&chunk->donated, &arena->unwanted);
}

/**
 * ds_run_links() - the links of a run's blocks, at its end
 * @chunk: its chunk
 * @run: the run
 *
 * Return: one for each block.
 */
u32 *ds_run_links(const struct ds_chunk *chunk, const struct ds_run *run)
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
	ds_arena_tally(arena, chunk->index, (s64)pages << DS_PAGE_SHIFT, 0);
	return ds_span_ref(chunk, run);
}

/*
 * Blocks that were freed lately wait as spares for who wants one of their class: to
 * give one out and to take it back touches neither its run nor the run's links, and
 * what was in use a moment ago is still in the processor's cache. They count as
 * free, but their runs don't know.
 */
/*
 * Bring the spare nearer that comes after the next one: only the first lines of what
 * was retired have been looked at lately.
 */
static void ds_spare_prefetch(const struct ds_arena *arena, u32 class)
{
	const struct ds_spares *spares = &arena->spares;
	u32 i = spares->first[class];
	u32 size = min(ds_classes[class].size, DS_SPARE_AHEAD), at;
	char *block;

	if (!i || !spares->next[i - 1])
		return;
	block = ds_arena_ptr(arena, spares->refs[spares->next[i - 1] - 1]);
	for (at = 0; at < size; at += DS_CACHE_LINE)
		prefetchw(block + at);
}

static u32 ds_spare_take(struct ds_arena *arena, u32 class)
{
	struct ds_spares *spares = &arena->spares;
	u32 i = spares->first[class];
	u32 ref;

	if (!i--)
		return 0;
	ref = spares->refs[i];
	spares->first[class] = spares->next[i];
	spares->next[i] = spares->unused;
	spares->unused = i + 1;
	spares->bytes -= ds_classes[class].size;
	ds_spare_prefetch(arena, class);
	return ref;
}

/* There is so little left that whole runs are worth more than spare blocks. */
static bool ds_arena_short(const struct ds_arena *arena)
{
	return arena->free_pages < 2 * DS_ARENA_RESERVE && !atomic_read(&arena->ndonated);
}

/* A spare's run gets it back. The spare counts as free already. */
static void ds_spare_drop(struct ds_arena *arena, u32 class)
{
	u32 ref = ds_spare_take(arena, class);

	ds_arena_count_used(arena, ds_classes[class].size);
	ds_arena_free(arena, ref);
}

static bool ds_spares_room(const struct ds_spares *spares, u32 class)
{
	return spares->unused && spares->bytes + ds_classes[class].size <= DS_SPARES_BYTES;
}

/*
 * Make room for a spare of some class. All go of one class before those of the next:
 * if it is one that nobody wants any more, others have the room from then on.
 */
static bool ds_spares_make_room(struct ds_arena *arena, u32 class)
{
	struct ds_spares *spares = &arena->spares;
	u32 tries = 0;

	while (!ds_spares_room(spares, class)) {
		if (spares->victim != class && spares->first[spares->victim]) {
			ds_spare_drop(arena, spares->victim);
			continue;
		}
		if (++tries == DS_CLASSES)
			return false;
		spares->victim = (spares->victim + 1) % DS_CLASSES;
	}
	return true;
}

static bool ds_spare_put(struct ds_arena *arena, u32 class, u32 ref)
{
	struct ds_spares *spares = &arena->spares;
	u32 i;

	if (ds_arena_short(arena) || !ds_spares_make_room(arena, class))
		return false;
	i = spares->unused - 1;
	spares->refs[i] = ref;
	spares->unused = spares->next[i];
	spares->next[i] = spares->first[class];
	spares->first[class] = i + 1;
	spares->bytes += ds_classes[class].size;
	return true;
}

/* Give all of them back to their runs. Return true if there were any. */
static bool ds_spares_drop(struct ds_arena *arena)
{
	u32 class;

	if (!arena->spares.bytes)
		return false;
	for (class = 0; class < DS_CLASSES; class++)
		while (arena->spares.first[class])
			ds_spare_drop(arena, class);
	return true;
}

static u32 ds_arena_alloc_class(struct ds_arena *arena, u32 number, bool urgent)
{
	const struct ds_class *class = &ds_classes[number];
	struct list_head *partial = &arena->partial[number];
	struct ds_chunk *chunk;
	struct ds_run *run;
	u32 block;

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
	ds_arena_tally(arena, run->chunk, class->size, 0);
	return ds_span_ref(chunk, run) + block * (class->size >> DOCSTORE_MAP_UNIT_SHIFT);
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
	u32 class, ref;

	if (size > DS_CLASS_MAX) {
		ref = ds_arena_alloc_large(arena, size, urgent);
		if (!ref && ds_spares_drop(arena))
			ref = ds_arena_alloc_large(arena, size, urgent);
		return ref;
	}

	/*
	 * Not even a block of a run that is there already: that may stand in the
	 * reserve, and would keep it from ever being whole again.
	 */
	if (!urgent && arena->free_pages < DS_ARENA_RESERVE && !ds_arena_take_in(arena)) {
		ds_spares_drop(arena);
		if (arena->free_pages < DS_ARENA_RESERVE)
			return 0;
	}

	class = ds_class_of(size);
	ref = ds_spare_take(arena, class);
	if (!ref)
		ref = ds_arena_alloc_class(arena, class, urgent);
	if (!ref && ds_spares_drop(arena))
		ref = ds_arena_alloc_class(arena, class, urgent);
	if (ref)
		ds_arena_count_used(arena, ds_classes[class].size);
	return ref;
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
		ds_arena_tally(arena, run->chunk, -((s64)run->pages << DS_PAGE_SHIFT), 0);
		ds_arena_give_span(arena, chunk, run);
		return;
	}

	class = &ds_classes[run->class];
	partial = &arena->partial[run->class];
	block = ds_run_block(chunk, run, ref);
	ds_run_links(chunk, run)[block] = run->free;
	run->free = block + 1;
	ds_arena_count_used(arena, -(s64)class->size);
	ds_arena_tally(arena, run->chunk, -(s64)class->size, 0);
	if (run->used-- == class->blocks)
		list_add_tail(&run->node, partial);
	/* One run without blocks in use is kept, if it is the only one. */
	if (!run->used && !list_is_singular(partial)) {
		list_del(&run->node);
		ds_arena_give_span(arena, chunk, run);
	}
}

/**
 * ds_arena_reuse() - free a block of which the size is known
 * @arena: the arena
 * @ref: the block, which no reader can find or trust any more
 * @size: bytes that it was allocated for
 *
 * Context: the owner. Never sleeps.
 */
void ds_arena_reuse(struct ds_arena *arena, u32 ref, u32 size)
{
	u32 class = ds_class_of(size);

	if (size > DS_CLASS_MAX || !ds_spare_put(arena, class, ref))
		ds_arena_free(arena, ref);
	else
		ds_arena_count_used(arena, -(s64)ds_classes[class].size);
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

/**
 * ds_arena_trim() - keep no blocks and no runs in stock
 * @arena: the arena
 *
 * Of each class one run is kept that has no block in use, and blocks are kept as
 * spares; not for ever.
 *
 * Context: the owner.
 */
void ds_arena_trim(struct ds_arena *arena)
{
	struct ds_run *run, *next;
	u32 i;

	ds_spares_drop(arena);

	for (i = 0; i < DS_CLASSES; i++) {
		list_for_each_entry_safe(run, next, &arena->partial[i], node) {
			if (run->used)
				continue;
			list_del(&run->node);
			ds_arena_give_span(arena, arena->chunks[run->chunk], run);
		}
	}
}

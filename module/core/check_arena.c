// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of an arena: its chunks, runs and lists.
 *
 * Chunks are counted as they are come to, all of one at once; then its runs are looked
 * at one by one. What changes in a chunk that was counted is counted on by the arena,
 * see struct ds_arena_tally.
 */
#include <linux/bitmap.h>
#include <linux/kernel.h>

#include "check.h"

/* Links of a free list that are followed in the time of one document. */
#define DS_CHECK_LINKS		16
/* What counting a chunk takes, in documents. */
#define DS_CHECK_CHUNK		16

static bool ds_run_sane(const struct ds_chunk *chunk, const struct ds_run *run)
{
	u32 page = run - chunk->runs;

	if (!run->pages || page + run->pages > DS_CHUNK_PAGES || run->chunk != chunk->index)
		return false;
	if (run->class == DS_CLASS_NONE)
		return true;
	return run->class < DS_CLASSES && run->pages == ds_arena_class(run->class)->pages &&
	       run->used <= run->fresh && run->fresh <= ds_arena_class(run->class)->blocks;
}

static u32 ds_run_ref(const struct ds_chunk *chunk, const struct ds_run *run)
{
	return (chunk->index << DS_CHUNK_UNITS_SHIFT) +
	       ((u32)(run - chunk->runs) << DS_PAGE_UNITS_SHIFT);
}

/* That no block has ref 0, a page is in use that is in no run. */
static bool ds_page_is_none(const struct ds_chunk *chunk, u32 page)
{
	return !chunk->index && !page;
}

/* Is a block in its run's list of free ones? */
static bool ds_block_is_free(const struct ds_chunk *chunk, const struct ds_run *run, u32 block)
{
	const u32 *links = ds_run_links(chunk, run);
	u32 next = run->free, n;

	for (n = run->used; next && next <= run->fresh && n < run->fresh; n++) {
		if (next == block + 1)
			return true;
		next = links[next - 1];
	}
	return false;
}

/**
 * ds_check_find_block() - look a block up that may not be one
 * @arena: the arena
 * @ref: its ref
 * @block: where to note it
 *
 * Context: the owner.
 * Return: false if no block in use begins there.
 */
bool ds_check_find_block(const struct ds_arena *arena, u32 ref, struct ds_check_block *block)
{
	u32 page = (ref >> DS_PAGE_UNITS_SHIFT) & (DS_CHUNK_PAGES - 1);
	u32 number = ref >> DS_CHUNK_UNITS_SHIFT;
	const struct ds_class *class;
	struct ds_chunk *chunk;
	struct ds_run *run;
	u32 offset;

	if (number >= arena->nchunks || !arena->chunks[number])
		return false;
	chunk = arena->chunks[number];
	if (!test_bit(page, chunk->used) || chunk->first[page] > page)
		return false;
	if (ds_page_is_none(chunk, chunk->first[page]))
		return false;
	run = &chunk->runs[chunk->first[page]];
	if (!ds_run_sane(chunk, run))
		return false;
	offset = (ref - ds_run_ref(chunk, run)) << DOCSTORE_MAP_UNIT_SHIFT;
	block->chunk = chunk;
	block->run = run;
	if (run->class == DS_CLASS_NONE) {
		block->size = (u32)run->pages << DS_PAGE_SHIFT;
		return !offset;
	}
	class = ds_arena_class(run->class);
	block->size = class->size;
	return !(offset % class->size) && offset / class->size < run->fresh &&
	       !ds_block_is_free(chunk, run, offset / class->size);
}

static void ds_check_run_found(struct ds_check *check, u32 rule, const struct ds_chunk *chunk,
			       u32 page, u64 is, u64 should)
{
	check->unsound = true;
	ds_check_found(check, DS_VALIDATOR_ARENA, rule, chunk->index * DS_CHUNK_PAGES + page,
		       is, should);
}

/*
 * Its links lie in an array, one for each block, so a list that ends after as many steps
 * as there should be is without a loop.
 */
static void ds_check_free_list(struct ds_check *check, const struct ds_chunk *chunk,
			       const struct ds_run *run)
{
	u32 page = run - chunk->runs, count = run->fresh - run->used, n = 0;
	const u32 *links = ds_run_links(chunk, run);
	u32 next = run->free;

	while (next && next <= run->fresh && n <= count) {
		next = links[next - 1];
		n++;
	}
	check->work -= n / DS_CHECK_LINKS;
	if (next || n != count)
		ds_check_run_found(check, DS_RULE_FREE_LIST, chunk, page, n, count);
}

static void ds_check_run(struct ds_check *check, const struct ds_chunk *chunk,
			 const struct ds_run *run)
{
	u32 page = run - chunk->runs, i;
	bool listed, should;

	for (i = 0; i < run->pages; i++) {
		if (test_bit(page + i, chunk->used) && chunk->first[page + i] == page)
			continue;
		ds_check_run_found(check, DS_RULE_RUN_PAGES, chunk, page, chunk->first[page + i],
				   page);
		break;
	}
	if (run->class == DS_CLASS_NONE)
		return;
	ds_check_free_list(check, chunk, run);
	listed = !list_empty(&run->node);
	should = run->used < ds_arena_class(run->class)->blocks;
	if (listed != should)
		ds_check_run_found(check, DS_RULE_PARTIAL, chunk, page, listed, should);
}

/* Count a chunk that is come to now. */
static void ds_check_count_chunk(struct ds_arena *arena, struct ds_check *check,
				 const struct ds_chunk *chunk)
{
	u32 page, free = 0;
	u64 bytes = 0;

	for (page = 0; page < DS_CHUNK_PAGES; ) {
		const struct ds_run *run = &chunk->runs[page];

		if (!test_bit(page, chunk->used)) {
			free++;
			page++;
		} else if (ds_page_is_none(chunk, page)) {
			page++;
		} else if (!ds_run_sane(chunk, run)) {
			ds_check_run_found(check, DS_RULE_RUN, chunk, page, run->pages,
					   run->class < DS_CLASSES ?
					   ds_arena_class(run->class)->pages : 0);
			page++;
		} else {
			if (run->class == DS_CLASS_NONE)
				bytes += (u32)run->pages << DS_PAGE_SHIFT;
			else
				bytes += (u64)run->used * ds_arena_class(run->class)->size;
			page += run->pages;
		}
	}
	if (chunk->free_pages != free)
		ds_check_run_found(check, DS_RULE_CHUNK, chunk, 0, chunk->free_pages, free);
	arena->tally.bytes += bytes;
	arena->tally.free_pages += free;
	check->work -= DS_CHECK_CHUNK;
}

/* Of a chunk that was counted, the runs from a page on, as far as the slice goes. */
static void ds_check_chunk_runs(struct ds_check *check, const struct ds_chunk *chunk, u32 page)
{
	while (page < DS_CHUNK_PAGES && check->work > 0) {
		const struct ds_run *run = &chunk->runs[page];
		bool there = test_bit(page, chunk->used) && chunk->first[page] == page &&
			     !ds_page_is_none(chunk, page) && ds_run_sane(chunk, run);

		page++;
		if (!there)
			continue;
		check->blocks++;
		check->work--;
		ds_check_run(check, chunk, run);
		page += run->pages - 1;
	}
	check->at = chunk->index * DS_CHUNK_PAGES + page;
}

/**
 * ds_check_arena_step() - go on, by some runs of a chunk
 * @p: the partition
 * @check: the check; @at is the next page, counted through
 *
 * Return: false at the end.
 */
bool ds_check_arena_step(struct ds_partition *p, struct ds_check *check)
{
	u32 number = check->at / DS_CHUNK_PAGES, page = check->at % DS_CHUNK_PAGES;
	struct ds_arena *arena = &p->arena;
	struct ds_chunk *chunk;

	if (number >= arena->nchunks)
		return false;
	chunk = arena->chunks[number];
	if (number == arena->tally.passed) {
		if (chunk && chunk->index != number)
			ds_check_found(check, DS_VALIDATOR_ARENA, DS_RULE_CHUNK, number,
				       chunk->index, number);
		if (chunk)
			ds_check_count_chunk(arena, check, chunk);
		arena->tally.passed = number + 1;
	}
	/* There may be none, or not any more. */
	if (!chunk) {
		check->at = (u64)(number + 1) * DS_CHUNK_PAGES;
		check->work--;
	} else {
		ds_check_chunk_runs(check, chunk, page);
	}
	return true;
}

/* What was freed lately: entries of all classes, and those unused, are all there are. */
static void ds_check_spares(struct ds_check *check, const struct ds_spares *spares)
{
	u32 class, i, n = 0;
	u64 bytes = 0;

	for (class = 0; class < DS_CLASSES; class++) {
		for (i = spares->first[class]; i && i <= DS_SPARES && n <= DS_SPARES;
		     i = spares->next[i - 1]) {
			bytes += ds_arena_class(class)->size;
			n++;
		}
	}
	for (i = spares->unused; i && i <= DS_SPARES && n <= DS_SPARES; i = spares->next[i - 1])
		n++;
	if (n != DS_SPARES)
		ds_check_found(check, DS_VALIDATOR_ARENA, DS_RULE_SPARES, 0, n, DS_SPARES);
	else if (bytes != spares->bytes)
		ds_check_found(check, DS_VALIDATOR_ARENA, DS_RULE_SPARES, 0, spares->bytes, bytes);
	if (n != DS_SPARES || bytes != spares->bytes)
		check->unsound = true;
}

/* One list of retired blocks. What is not noted in it is not followed. */
static void ds_check_retired(struct ds_check *check, const struct ds_retired *list, u32 number)
{
	u32 noted = min_t(u32, list->count, DS_RETIRED_NOTED), i;
	u64 bytes = 0;

	for (i = 0; i < noted; i++)
		bytes += ds_arena_block_size(list->noted[i].size);
	if (noted == list->count ? bytes == list->bytes && !list->more :
				   bytes < list->bytes && list->more)
		return;
	ds_check_found(check, DS_VALIDATOR_ARENA, DS_RULE_RETIRED, number, list->bytes, bytes);
	check->unsound = true;
}

/**
 * ds_check_arena_end() - what is to be looked at when all chunks were
 * @p: the partition
 * @check: the check
 */
void ds_check_arena_end(struct ds_partition *p, struct ds_check *check)
{
	const struct ds_retired_lists *retired = &p->arena.retired;
	u32 i;

	ds_check_spares(check, &p->arena.spares);
	for (i = 0; i <= retired->nclosed && i <= DS_ARENA_CLOSED; i++)
		ds_check_retired(check,
				 &retired->list[(retired->first + i) % (DS_ARENA_CLOSED + 1)], i);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Retired blocks: what is no longer found, and when it may be used again.
 */
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>

#include "arena.h"

/**
 * ds_arena_retire() - free a block when no reader can trust it any more
 * @arena: the arena
 * @ref: the block; from the next publication on no new reader finds it
 * @size: bytes that it was allocated for
 *
 * Context: the owner. Never sleeps, never fails.
 */
void ds_arena_retire(struct ds_arena *arena, u32 ref, u32 size)
{
	struct ds_retired *open = ds_retired_open(&arena->retired);
	u32 bytes = ds_arena_block_size(size);

	if (open->count < DS_RETIRED_NOTED) {
		open->noted[open->count].ref = ref;
		open->noted[open->count].size = size;
	} else {
		*ds_arena_link(arena, ref) = open->more;
		open->more = ref;
	}
	open->count++;
	open->bytes += bytes;
	WRITE_ONCE(arena->retired_bytes, arena->retired_bytes + bytes);
	WRITE_ONCE(arena->retired_count, arena->retired_count + 1);
}

static void ds_arena_close(struct ds_arena *arena)
{
	struct ds_retired *list = ds_retired_open(&arena->retired);

	list->cookie = start_poll_synchronize_rcu();
	list->era = arena->map->era;
	/*
	 * Who begins in the next era finds nothing of this: pairs with the acquire load
	 * that begins a mapped read, see ds_arena_pass_era().
	 */
	smp_store_release(&arena->map->era, list->era + 1);
	arena->retired.nclosed++;
	WARN_ON_ONCE(ds_retired_open(&arena->retired)->count);
}

/**
 * ds_arena_pass_era() - before changing what readers of the mapping may rely on
 * @arena: the arena
 * @era: the era that was noted when no new reader could come to rely on it
 * @hurry: raise the era if it has not gone far enough by itself
 *
 * A reader throws away what it read once the era has grown by more than
 * DOCSTORE_MAP_ERAS, here E. N is the era that was noted:
 *
 *	owner					reader of the mapping
 *	-----					---------------------
 *						e = load_acquire(era)
 *	unlink the block			find the block
 *	note N = era
 *	store_release(era, N + 1)
 *	more lists are closed, or hurry
 *	store_release(era, N + E + 1)		copy it
 *	any time passes				fence
 *	smp_mb()				if load(era) - e > E: again
 *	write to the block
 *
 * Who has the block began with e <= N. A reader that begins with N + 1 or more has
 * loaded what a store with release stored behind the unlinking, whichever of these
 * stores it was: it synchronizes with that and cannot find the block, nor a
 * visible_seq from before. All others copied from the block before it was written to,
 * or else they see, behind their fence, N + E + 1 at least, which is more than e + E.
 *
 * The barrier is needed even if the era went so far long ago, since time orders
 * nothing: a store with release orders what stands before it, not what comes after.
 * One is enough for all blocks of a list, wherever it stands between that store and
 * the first of them; here it is, for both cases. It is a full one, since the store may
 * be an earlier owner's: who owns the partition now saw that owner give it back, with
 * release, by the atomic operation that took it, and only a full barrier orders what
 * others stored and were seen to (litmus/era-owners; smp_wmb() would do for the own
 * store, litmus/era).
 *
 * Context: the owner.
 * Return: true if it may be changed now.
 */
bool ds_arena_pass_era(struct ds_arena *arena, u64 era, bool hurry)
{
	struct docstore_map_partition *map = arena->map;
	u64 passed = era + DOCSTORE_MAP_ERAS + 1;

	if (map->era < passed) {
		if (!hurry)
			return false;
		/* Pairs with the acquire load that begins a mapped read. */
		smp_store_release(&map->era, passed);
	}
	/*
	 * The era before what the caller is going to write; pairs with the fence at the
	 * end of a mapped read, see above.
	 */
	smp_mb();
	return true;
}

/*
 * Make the blocks of a list usable again. No kernel reader has them, since the
 * grace period is over, and readers of the mapping notice.
 */
static void ds_retired_reuse(struct ds_arena *arena, struct ds_retired *list)
{
	u32 noted = min_t(u32, list->count, DS_RETIRED_NOTED);
	u32 ref = list->more, i;

	WRITE_ONCE(arena->retired_bytes, arena->retired_bytes - list->bytes);
	WRITE_ONCE(arena->reused_count, arena->reused_count + list->count);
	for (i = 0; i < noted; i++)
		ds_arena_reuse(arena, list->noted[i].ref, list->noted[i].size);
	while (ref) {
		u32 next = *ds_arena_link(arena, ref);

		ds_arena_free(arena, ref);
		ref = next;
	}
	list->count = 0;
	list->bytes = 0;
	list->more = 0;
}

/* Of the list that was closed first, if the wait is over or, in a hurry, can be. */
static bool ds_arena_reuse_first(struct ds_arena *arena, bool hurry)
{
	struct ds_retired_lists *retired = &arena->retired;
	struct ds_retired *list = &retired->list[retired->first];

	if (!retired->nclosed || !poll_state_synchronize_rcu(list->cookie) ||
	    !ds_arena_pass_era(arena, list->era, hurry))
		return false;
	ds_retired_reuse(arena, list);
	retired->first = (retired->first + 1) % (DS_ARENA_CLOSED + 1);
	retired->nclosed--;
	return true;
}

/**
 * ds_arena_reclaim() - make retired blocks usable whose grace period is over
 * @arena: the arena
 *
 * The era is raised where it is not far enough yet: some readers of the mapping begin
 * again for that.
 *
 * Context: the owner.
 * Return: true if anything became usable.
 */
bool ds_arena_reclaim(struct ds_arena *arena)
{
	bool reused = false;

	while (ds_arena_reuse_first(arena, true))
		reused = true;
	return reused;
}

/**
 * ds_arena_recycle() - make one list usable if that costs readers nothing
 * @arena: the arena
 *
 * Only if the era has gone on by itself since. So the first of the lists waits until
 * DOCSTORE_MAP_ERAS others are closed, and what becomes usable was in use lately.
 *
 * Context: the owner.
 */
void ds_arena_recycle(struct ds_arena *arena)
{
	/* The first of as many as there may be is far enough back. */
	BUILD_BUG_ON(DS_ARENA_CLOSED <= DOCSTORE_MAP_ERAS);

	ds_arena_reuse_first(arena, false);
}

/**
 * ds_arena_settle() - begin the wait for what was retired
 * @arena: the arena
 * @hurry: do not wait until there is much of it, and keep nothing in stock:
 *	memory is short, or the owner idle
 *
 * Context: the owner, right after a publication and not inside a commit. What
 * was retired must have been replaced by what is published now, or the grace
 * period that begins here would not cover readers of what is visible still.
 */
void ds_arena_settle(struct ds_arena *arena, bool hurry)
{
	const struct ds_retired *open = ds_retired_open(&arena->retired);

	if (hurry)
		ds_arena_trim(arena);
	if (!open->count || ds_retired_full(&arena->retired))
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
bool ds_arena_waiting(struct ds_arena *arena)
{
	return ds_retired_open(&arena->retired)->count || arena->retired.nclosed;
}

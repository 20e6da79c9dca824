// SPDX-License-Identifier: GPL-2.0
/*
 * Retired blocks: what is no longer found, and when it may be used again.
 */
#include <linux/bug.h>
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
}

static void ds_arena_close(struct ds_arena *arena)
{
	struct ds_retired *list = ds_retired_open(&arena->retired);

	list->cookie = start_poll_synchronize_rcu();
	list->era = arena->map->era;
	arena->retired.nclosed++;
	WARN_ON_ONCE(ds_retired_open(&arena->retired)->count);
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
static void ds_retired_reuse(struct ds_arena *arena, struct ds_retired *list)
{
	u32 noted = min_t(u32, list->count, DS_RETIRED_NOTED);
	u32 ref = list->more, i;

	ds_arena_pass_era(arena, list->era);
	WRITE_ONCE(arena->retired_bytes, arena->retired_bytes - list->bytes);
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

/**
 * ds_arena_reclaim() - make retired blocks usable for which the wait is over
 * @arena: the arena
 *
 * Context: the owner.
 * Return: true if anything became usable.
 */
bool ds_arena_reclaim(struct ds_arena *arena)
{
	struct ds_retired_lists *retired = &arena->retired;
	bool reused = false;

	while (retired->nclosed) {
		struct ds_retired *list = &retired->list[retired->first];

		if (!poll_state_synchronize_rcu(list->cookie))
			break;
		ds_retired_reuse(arena, list);
		retired->first = (retired->first + 1) % (DS_ARENA_CLOSED + 1);
		retired->nclosed--;
		reused = true;
	}
	return reused;
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

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Retired blocks of an arena: what readers that are still under way may look at.
 */
#ifndef _DOCSTORE_CORE_RETIRE_H
#define _DOCSTORE_CORE_RETIRE_H

#include <linux/types.h>

struct ds_arena;

/* Closed lists that may wait at once; blocks gather in the open one meanwhile. */
#define DS_ARENA_CLOSED		8
/* A list is closed when it holds so many blocks or bytes, or when asked to. */
#define DS_ARENA_CLOSE_COUNT	256
#define DS_ARENA_CLOSE_BYTES	(256 * 1024)
/* How many blocks of a list are noted in it. */
#define DS_RETIRED_NOTED	384

/**
 * struct ds_retired - a list of retired blocks
 * @count: blocks
 * @more: ref of the first one that is not noted, which are linked by
 *	ds_arena_link(); 0 for none. So retiring needs no memory, however many there
 *	are
 * @bytes: what they take
 * @cookie: the RCU grace period to wait for, once the list is closed
 * @era: the partition's era when the list was closed, which was its last
 * @noted: the first DS_RETIRED_NOTED blocks, with the sizes for which they were
 *	allocated
 */
struct ds_retired {
	u32 count;
	u32 more;
	u64 bytes;
	unsigned long cookie;
	u64 era;
	struct {
		u32 ref;
		u32 size;
	} noted[DS_RETIRED_NOTED];
};

/**
 * struct ds_retired_lists - the lists of an arena
 * @list: a ring of closed lists from @first on, and then the open one
 * @first: the one closed first
 * @nclosed: how many are closed
 */
struct ds_retired_lists {
	struct ds_retired list[DS_ARENA_CLOSED + 1];
	u32 first;
	u32 nclosed;
};

/**
 * ds_retired_open() - the list to which retired blocks are added
 * @lists: the lists
 *
 * Return: the list.
 */
static inline struct ds_retired *ds_retired_open(struct ds_retired_lists *lists)
{
	return &lists->list[(lists->first + lists->nclosed) % (DS_ARENA_CLOSED + 1)];
}

/**
 * ds_retired_full() - have as many lists been closed as there may be
 * @lists: the lists
 *
 * Return: true if so.
 */
static inline bool ds_retired_full(const struct ds_retired_lists *lists)
{
	return lists->nclosed == DS_ARENA_CLOSED;
}

void ds_arena_retire(struct ds_arena *arena, u32 ref, u32 size);
bool ds_arena_pass_era(struct ds_arena *arena, u64 era, bool hurry);
bool ds_arena_reclaim(struct ds_arena *arena);
void ds_arena_recycle(struct ds_arena *arena);
void ds_arena_settle(struct ds_arena *arena, bool hurry);
bool ds_arena_waiting(struct ds_arena *arena);

#endif /* _DOCSTORE_CORE_RETIRE_H */

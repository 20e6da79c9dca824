// SPDX-License-Identifier: GPL-2.0
/*
 * The arena, with allocations that can be refused, and, for AddressSanitizer,
 * with blocks that nobody may touch while they are free.
 */
#define ds_arena_alloc		real_arena_alloc
#define ds_arena_free		real_arena_free
#define ds_arena_reclaim	real_arena_reclaim
#define ds_arena_recycle	real_arena_recycle

#include "arena.c"
#include "retire.c"

#undef ds_arena_alloc
#undef ds_arena_free
#undef ds_arena_reclaim
#undef ds_arena_recycle

#include "core.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size)	((void)(p), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size)	((void)(p), (void)(size))
#endif

u32 ds_arena_alloc(struct ds_arena *arena, u32 size, bool urgent);
void ds_arena_free(struct ds_arena *arena, u32 ref);
bool ds_arena_reclaim(struct ds_arena *arena);
void ds_arena_recycle(struct ds_arena *arena);

u64 core_fail_after = CORE_NEVER;
u64 core_fail_count = 1;
u64 core_allocs;

u32 ds_arena_alloc(struct ds_arena *arena, u32 size, bool urgent)
{
	u64 number = __atomic_fetch_add(&core_allocs, 1, __ATOMIC_RELAXED);
	struct ds_chunk *chunk;
	struct ds_run *run;
	u32 ref;

	if (number >= core_fail_after && number - core_fail_after < core_fail_count)
		return 0;
	ref = real_arena_alloc(arena, size, urgent);
	if (!ref)
		return 0;
	run = ds_run_of(arena, ref, &chunk);
	if (chunk->private)
		return ref;
	if (run->class != DS_CLASS_NONE && run->fresh == 1) {
		/* A new span: its blocks are free, its links are not blocks. */
		u32 blocks = ds_classes[run->class].blocks;

		ASAN_POISON_MEMORY_REGION(ds_arena_ptr(arena, ds_span_ref(chunk, run)),
					  blocks * ds_classes[run->class].size);
		ASAN_UNPOISON_MEMORY_REGION(ds_run_links(chunk, run), blocks * sizeof(u32));
	}
	/* To the byte, though the block is larger. */
	ASAN_UNPOISON_MEMORY_REGION(ds_arena_ptr(arena, ref), size);
	return ref;
}

u32 core_size_of(struct ds_arena *arena, u32 ref)
{
	struct ds_chunk *chunk;
	struct ds_run *run = ds_run_of(arena, ref, &chunk);

	if (run->class == DS_CLASS_NONE)
		return run->pages << DS_PAGE_SHIFT;
	return ds_classes[run->class].size;
}

/* In a mapping anybody may look at anything at any time. */
static void core_poison(struct ds_arena *arena, u32 ref)
{
	struct ds_chunk *chunk;

	ds_run_of(arena, ref, &chunk);
	if (chunk->private)
		return;
	ASAN_POISON_MEMORY_REGION(ds_arena_ptr(arena, ref), core_size_of(arena, ref));
}

void ds_arena_free(struct ds_arena *arena, u32 ref)
{
	core_poison(arena, ref);
	real_arena_free(arena, ref);
}

const struct ds_retired *core_retired(const struct ds_arena *arena, u32 i)
{
	return &arena->retired.list[(arena->retired.first + i) % (DS_ARENA_CLOSED + 1)];
}

/* Of a list whose grace period is over; false if it is not. */
static bool core_poison_list(struct ds_arena *arena, const struct ds_retired *list)
{
	u32 ref, i;

	if (!poll_state_synchronize_rcu(list->cookie))
		return false;
	for (i = 0; i < min_t(u32, list->count, DS_RETIRED_NOTED); i++)
		core_poison(arena, list->noted[i].ref);
	for (ref = list->more; ref; ref = *ds_arena_link(arena, ref))
		core_poison(arena, ref);
	return true;
}

bool ds_arena_reclaim(struct ds_arena *arena)
{
	u32 i;

	for (i = 0; i < arena->retired.nclosed; i++)
		if (!core_poison_list(arena, core_retired(arena, i)))
			break;
	return real_arena_reclaim(arena);
}

void ds_arena_recycle(struct ds_arena *arena)
{
	const struct ds_retired *first = core_retired(arena, 0);

	if (arena->retired.nclosed && arena->map->era - first->era > DOCSTORE_MAP_ERAS)
		core_poison_list(arena, first);
	real_arena_recycle(arena);
}

void core_close(struct ds_arena *arena)
{
	ds_arena_close(arena);
}

void core_setup(void)
{
	ds_arena_setup();
}

struct ds_run *core_run_of(const struct ds_arena *arena, u32 ref, struct ds_chunk **chunk)
{
	return ds_run_of(arena, ref, chunk);
}

u32 core_span_ref(const struct ds_chunk *chunk, const struct ds_run *run)
{
	return ds_span_ref(chunk, run);
}

u32 *core_run_links(const struct ds_chunk *chunk, const struct ds_run *run)
{
	return ds_run_links(chunk, run);
}

u32 core_class_of(u32 size)
{
	return ds_class_of(size);
}

u32 core_class_size(u32 class)
{
	return ds_classes[class].size;
}

u32 core_class_blocks(u32 class)
{
	return ds_classes[class].blocks;
}

u32 core_class_pages(u32 class)
{
	return ds_classes[class].pages;
}

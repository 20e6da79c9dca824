/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine, as the tests see it: what module/core offers, some of what it
 * keeps to itself, and hooks. core_*.c include the files of module/core as they
 * are and add these.
 */
#ifndef _CORE_H
#define _CORE_H

#include "arena.h"
#include "document.h"
#include "index.h"
#include "partition.h"

void core_setup(void);

/*
 * Of the arena. The allocation that begins when core_fail_after others have been
 * made is refused, and so are the core_fail_count - 1 behind it.
 */
extern u64 core_fail_after;
extern u64 core_fail_count;
extern u64 core_allocs;
#define CORE_NEVER	(~0ULL)

struct ds_run *core_run_of(const struct ds_arena *arena, u32 ref, struct ds_chunk **chunk);
u32 core_span_ref(const struct ds_chunk *chunk, const struct ds_run *run);
u32 *core_run_links(const struct ds_chunk *chunk, const struct ds_run *run);
/* A closed list of retired blocks, by its place; the open one is behind the last. */
const struct ds_retired *core_retired(const struct ds_arena *arena, u32 i);
/* Begin the wait for what is in the open list, however little it is. */
void core_close(struct ds_arena *arena);
u32 core_size_of(struct ds_arena *arena, u32 ref);
u32 core_class_of(u32 size);
u32 core_class_size(u32 class);
u32 core_class_blocks(u32 class);
u32 core_class_pages(u32 class);

/* Of the index. */
#define CORE_INDEX_FIRST	16
#define CORE_INDEX_LOAD		2

u64 core_position(u64 hash);
u64 core_last_position(u64 position, u32 number, u32 buckets);
struct docstore_bucket *core_bucket(const struct ds_index *index, u32 number);

#endif /* _CORE_H */

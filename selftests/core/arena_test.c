// SPDX-License-Identifier: GPL-2.0
/*
 * The arena alone.
 */
#include <limits.h>
#include <string.h>

#include <linux/rcupdate.h>

#include "store.h"
#include "test.h"

/* An arena whose chunks come from a heap that counts them. */
struct field {
	struct ds_arena arena;
	struct docstore_map_partition map;
	struct ds_chunk *chunks[64];
	bool taken[64];
	u32 brought;
};

static struct field *field_create(u32 chunks)
{
	struct field *f = calloc(1, sizeof(*f));

	CHECK(f);
	ds_arena_init(&f->arena, &f->map, f->chunks, ARRAY_SIZE(f->chunks));
	while (chunks--) {
		chunk_bring(&f->arena, f->taken);
		f->brought++;
	}
	return f;
}

static u32 field_give_back(struct field *f)
{
	struct ds_chunk *chunk;
	u32 n = 0;

	while ((chunk = ds_arena_unwanted(&f->arena))) {
		f->taken[chunk->index] = false;
		chunk_destroy(chunk);
		f->brought--;
		n++;
	}
	return n;
}

static void field_destroy(struct field *f)
{
	struct ds_chunk *chunk;

	while ((chunk = ds_arena_dismantle(&f->arena))) {
		chunk_destroy(chunk);
		f->brought--;
	}
	CHECK_EQ(f->brought, 0);
	free(f);
}

static void retire(struct field *f, u32 ref, u32 size)
{
	ds_arena_retire(&f->arena, ref, size);
}

static void sizes(void)
{
	u32 last = 0, size;

	for (size = 1; size <= DOCSTORE_MAX_DOCUMENT; size++) {
		u32 block = ds_arena_block_size(size);

		CHECK(block >= size && block >= last);
		CHECK(block % DOCSTORE_MAP_UNIT == 0);
		if (size > DS_CLASS_MAX)
			CHECK_EQ(block, (size + DS_PAGE_SIZE - 1) & -DS_PAGE_SIZE);
		else if (block - size >= DOCSTORE_MAP_UNIT)
			/* Less than a sixteenth of what was asked for. */
			CHECK((block - size) * 16 <= size);
		last = block;
	}
	CHECK_EQ(ds_arena_block_size(0), DOCSTORE_MAP_UNIT);
}

static void classes(void)
{
	u32 i;

	for (i = 0; i < DS_CLASSES; i++) {
		u32 size = core_class_size(i);
		u32 bytes = core_class_pages(i) << DS_PAGE_SHIFT;
		u32 use = core_class_blocks(i) * (size + (u32)sizeof(u32));

		CHECK_EQ(core_class_of(size), i);
		CHECK_EQ(core_class_of(size - 15), i);
		if (i + 1 < DS_CLASSES)
			CHECK_EQ(core_class_of(size + 1), i + 1);
		CHECK(core_class_blocks(i));
		CHECK(use <= bytes);
		/* A sixteenth, in units of 1/1024. */
		CHECK((bytes - use) * 1024 / bytes <= 64);
	}
	CHECK_EQ(core_class_size(DS_CLASSES - 1), DS_CLASS_MAX);
}

/* Blocks of every size that matters lie where they may, and count what they take. */
static void alignment(void)
{
	struct field *f = field_create(8);
	u32 size;

	for (size = 1; size <= DOCSTORE_MAX_DOCUMENT; size += size < 20000 ? 1 : 4093) {
		u64 used = f->arena.used_bytes;
		u32 ref = ds_arena_alloc(&f->arena, size, false);
		size_t address = (size_t)ds_arena_ptr(&f->arena, ref);

		CHECK(ref);
		CHECK_EQ(f->arena.used_bytes - used, ds_arena_block_size(size));
		CHECK_EQ(core_size_of(&f->arena, ref), ds_arena_block_size(size));
		CHECK_EQ(address % DOCSTORE_MAP_UNIT, 0);
		if (!(size & (size - 1)))
			CHECK_EQ(address % min(size, DS_PAGE_SIZE), 0);
		memset(ds_arena_ptr(&f->arena, ref), 1, size);
		ds_arena_free(&f->arena, ref);
		CHECK_EQ(f->arena.used_bytes, used);
	}
	arena_validate(&f->arena);
	field_destroy(f);
}

/* Every block of a run, and the run's number for each. */
static void runs(void)
{
	u32 class;

	for (class = 0; class < DS_CLASSES; class++) {
		struct field *f = field_create(1);
		u32 n = core_class_blocks(class);
		u32 size = core_class_size(class);
		u32 *refs = calloc(n, sizeof(*refs));
		struct ds_chunk *chunk;
		struct ds_run *run;
		u32 i;

		for (i = 0; i < n; i++) {
			refs[i] = ds_arena_alloc(&f->arena, size, false);
			CHECK(refs[i]);
			memset(ds_arena_ptr(&f->arena, refs[i]), i, size);
			*ds_arena_link(&f->arena, refs[i]) = i;
		}
		run = core_run_of(&f->arena, refs[0], &chunk);
		CHECK_EQ(run->used, n);
		CHECK(list_empty(&f->arena.partial[class]));
		for (i = 0; i < n; i++) {
			const u8 *block = ds_arena_ptr(&f->arena, refs[i]);

			CHECK(core_run_of(&f->arena, refs[i], &chunk) == run);
			CHECK_EQ(*ds_arena_link(&f->arena, refs[i]), i);
			CHECK_EQ(block[0], (u8)i);
			CHECK_EQ(block[size - 1], (u8)i);
		}
		for (i = 0; i < n; i++)
			ds_arena_free(&f->arena, refs[i]);
		CHECK_EQ(f->arena.used_bytes, 0);
		arena_validate(&f->arena);
		free(refs);
		field_destroy(f);
	}
}

/* What a block should hold, and whether it was retired. */
struct shadow {
	u32 ref;
	u32 size;
	u8 fill;
	bool retired;
	unsigned long after;
};

static void shadow_check(struct field *f, const struct shadow *shadow)
{
	const u8 *block = ds_arena_ptr(&f->arena, shadow->ref);
	u32 i;

	for (i = 0; i < shadow->size; i += i + 64 < shadow->size && i > 64 ? 61 : 1)
		CHECK_EQ(block[i], shadow->fill);
}

#define SHADOWS	3000

/*
 * Blocks come and go at random. Each is filled with something, and must hold it
 * until it is free, and when it is only retired until the grace period is over.
 */
static void shadow(void)
{
	static struct shadow shadows[SHADOWS];
	struct rng rng = { test_seed() };
	u64 steps = test_param("STEPS", 200000);
	struct field *f = field_create(2);
	unsigned long done = 0, started = 0;
	u64 used = 0, step;
	u32 n = 0, full = 0, target = SHADOWS / 2, i;

	for (step = 0; step < steps; step++) {
		u32 what = rng_below(&rng, 100);

		if (step % 20000 == 0)
			target = 1 + rng_below(&rng, SHADOWS - 1);
		if (n < target && what < 60) {
			struct shadow *new = &shadows[n];
			u32 size = 1 + rng_skewed(&rng, DOCSTORE_MAX_DOCUMENT / 4 - 1);
			u32 ref = ds_arena_alloc(&f->arena, size, !rng_below(&rng, 20));

			if (!ref) {
				full++;
				if (f->brought < 20) {
					chunk_bring(&f->arena, f->taken);
					f->brought++;
				}
				continue;
			}
			*new = (struct shadow){ .ref = ref, .size = size, .fill = step };
			memset(ds_arena_ptr(&f->arena, ref), new->fill, size);
			used += ds_arena_block_size(size);
			n++;
		} else if (n && what < 97) {
			struct shadow *old = &shadows[rng_below(&rng, n)];

			shadow_check(f, old);
			if (old->retired)
				continue;
			if (rng_below(&rng, 2)) {
				ds_arena_retire(&f->arena, old->ref, old->size);
				old->retired = true;
				old->after = ULONG_MAX;
			} else {
				ds_arena_free(&f->arena, old->ref);
				used -= ds_arena_block_size(old->size);
				*old = shadows[--n];
			}
		} else if (what == 97) {
			u32 closed = f->arena.retired.nclosed;

			ds_arena_settle(&f->arena, rng_below(&rng, 2));
			if (f->arena.retired.nclosed == closed)
				continue;
			started++;
			for (i = 0; i < n; i++)
				if (shadows[i].retired && shadows[i].after == ULONG_MAX)
					shadows[i].after = started;
		} else if (what == 98) {
			if (done < started && rng_below(&rng, 2))
				shim_rcu_elapse_to(++done);
			ds_arena_reclaim(&f->arena);
			for (i = 0; i < n; ) {
				if (!shadows[i].retired || shadows[i].after > done) {
					i++;
					continue;
				}
				used -= ds_arena_block_size(shadows[i].size);
				shadows[i] = shadows[--n];
			}
		} else {
			field_give_back(f);
		}
		CHECK_EQ(f->arena.used_bytes, used);
		if (step % 4096)
			continue;
		arena_validate(&f->arena);
		for (i = 0; i < n; i++)
			shadow_check(f, &shadows[i]);
	}
	test_note("%u allocations of %llu refused", full, (unsigned long long)steps);

	/* All of it comes back, but the first chunk and one kept in case. */
	for (i = 0; i < n; i++)
		if (!shadows[i].retired)
			ds_arena_free(&f->arena, shadows[i].ref);
	while (ds_arena_waiting(&f->arena)) {
		ds_arena_settle(&f->arena, true);
		shim_rcu_elapse();
		ds_arena_reclaim(&f->arena);
	}
	CHECK_EQ(f->arena.used_bytes, 0);
	CHECK_EQ(f->arena.retired_bytes, 0);
	arena_validate(&f->arena);
	field_destroy(f);
}

/* Nothing retired is used again before its grace period, and its eras. */
static void eras(void)
{
	struct field *f = field_create(1);
	unsigned long cookie;
	u32 a, b, c;
	u64 era;

	a = ds_arena_alloc(&f->arena, 100, false);
	b = ds_arena_alloc(&f->arena, 100, false);
	CHECK(!ds_arena_waiting(&f->arena));
	ds_arena_settle(&f->arena, true);
	CHECK(!ds_arena_waiting(&f->arena));

	era = f->map.era;
	retire(f, a, 100);
	CHECK(ds_arena_waiting(&f->arena));
	CHECK_EQ(f->arena.retired_bytes, 112);
	/* One block is not worth a grace period, unless there is hurry. */
	ds_arena_settle(&f->arena, false);
	CHECK_EQ(f->arena.retired.nclosed, 0);
	shim_rcu_elapse();
	CHECK(!ds_arena_reclaim(&f->arena));
	CHECK_EQ(f->map.era, era);

	/* The era that was noted is over with that. */
	ds_arena_settle(&f->arena, true);
	CHECK_EQ(f->arena.retired.nclosed, 1);
	CHECK_EQ(core_retired(&f->arena, 0)->era, era);
	CHECK_EQ(f->map.era, era + 1);
	cookie = core_retired(&f->arena, 0)->cookie;
	CHECK(!ds_arena_reclaim(&f->arena));
	c = ds_arena_alloc(&f->arena, 100, false);
	CHECK(c != a);
	CHECK_EQ(f->map.era, era + 1);

	/* A second list, whose grace period begins later and is over later. */
	retire(f, b, 100);
	ds_arena_settle(&f->arena, true);
	CHECK_EQ(f->map.era, era + 2);
	shim_rcu_elapse_to(cookie);
	CHECK(ds_arena_reclaim(&f->arena));
	CHECK(!ds_arena_reclaim(&f->arena));
	CHECK_EQ(f->map.era, era + DOCSTORE_MAP_ERAS + 1);
	CHECK_EQ(ds_arena_alloc(&f->arena, 100, false), a);
	CHECK(ds_arena_waiting(&f->arena));

	/* It was closed one era later. */
	shim_rcu_elapse();
	CHECK(ds_arena_reclaim(&f->arena));
	CHECK_EQ(f->map.era, era + DOCSTORE_MAP_ERAS + 2);
	CHECK_EQ(ds_arena_alloc(&f->arena, 100, false), b);
	CHECK_EQ(f->arena.retired_bytes, 0);
	CHECK_EQ(f->arena.used_bytes, 3 * 112);
	arena_validate(&f->arena);
	field_destroy(f);
}

/* As often as it likes: so many lists are left, and readers notice nothing. */
static void recycle(struct field *f, u32 left)
{
	u64 era = f->map.era;
	u32 i;

	for (i = 0; i < DS_ARENA_CLOSED; i++)
		ds_arena_recycle(&f->arena);
	CHECK_EQ(f->arena.retired.nclosed, left);
	CHECK_EQ(f->map.era, era);
	arena_validate(&f->arena);
}

/* Without hurry no reader is disturbed: the era goes on as lists are closed, no more. */
static void recycling(void)
{
	struct field *f = field_create(1);
	u32 refs[3 * DS_ARENA_CLOSED], i;
	u64 era = f->map.era;

	for (i = 0; i < ARRAY_SIZE(refs); i++) {
		refs[i] = ds_arena_alloc(&f->arena, 100, false);
		retire(f, refs[i], 100);
		core_close(&f->arena);
		CHECK_EQ(f->map.era, era + i + 1);
		shim_rcu_elapse();
		recycle(f, min(i + 1, (u32)DOCSTORE_MAP_ERAS));
		/* There are no more blocks than wait, and one. */
		if (i > DOCSTORE_MAP_ERAS)
			CHECK_EQ(refs[i], refs[i - DOCSTORE_MAP_ERAS - 1]);
	}

	/* The eras are no help where the grace period goes on. */
	while (!ds_retired_full(&f->arena.retired)) {
		retire(f, ds_arena_alloc(&f->arena, 100, false), 100);
		core_close(&f->arena);
	}
	recycle(f, DS_ARENA_CLOSED - DOCSTORE_MAP_ERAS);
	shim_rcu_elapse();
	recycle(f, DOCSTORE_MAP_ERAS);
	CHECK(ds_arena_reclaim(&f->arena));
	CHECK(!ds_arena_waiting(&f->arena));
	CHECK_EQ(f->arena.used_bytes, 0);
	field_destroy(f);
}

/* Lists are closed by count and by bytes; when all are, blocks gather. */
static void closing(void)
{
	struct field *f = field_create(16);
	u32 i, round;

	for (i = 0; i < DS_ARENA_CLOSE_COUNT; i++) {
		ds_arena_settle(&f->arena, false);
		CHECK_EQ(f->arena.retired.nclosed, 0);
		retire(f, ds_arena_alloc(&f->arena, 16, false), 16);
	}
	ds_arena_settle(&f->arena, false);
	CHECK_EQ(f->arena.retired.nclosed, 1);
	retire(f, ds_arena_alloc(&f->arena, DS_ARENA_CLOSE_BYTES, false),
	       DS_ARENA_CLOSE_BYTES);
	ds_arena_settle(&f->arena, false);
	CHECK_EQ(f->arena.retired.nclosed, 2);

	for (round = 2; round < 3 * DS_ARENA_CLOSED; round++) {
		retire(f, ds_arena_alloc(&f->arena, 5000, false), 5000);
		ds_arena_settle(&f->arena, true);
		CHECK_EQ(f->arena.retired.nclosed, min(round + 1, (u32)DS_ARENA_CLOSED));
	}
	CHECK_EQ(core_retired(&f->arena, DS_ARENA_CLOSED)->count, 2 * DS_ARENA_CLOSED);
	arena_validate(&f->arena);
	shim_rcu_elapse();
	CHECK(ds_arena_reclaim(&f->arena));
	CHECK_EQ(f->arena.retired.nclosed, 0);
	CHECK(ds_arena_waiting(&f->arena));
	ds_arena_settle(&f->arena, true);
	shim_rcu_elapse();
	CHECK(ds_arena_reclaim(&f->arena));
	CHECK(!ds_arena_waiting(&f->arena));
	CHECK_EQ(f->arena.used_bytes, 0);
	arena_validate(&f->arena);
	field_destroy(f);
}

/* Chunks are taken in when needed, given back when empty; numbers are reused. */
static void chunks(void)
{
	struct field *f = field_create(0);
	u32 refs[64], n, i;

	CHECK(!ds_arena_alloc(&f->arena, 16, false));
	CHECK(!ds_arena_alloc(&f->arena, 16, true));
	CHECK_EQ(f->map.limit, 0);
	for (i = 0; i < 10; i++) {
		chunk_bring(&f->arena, f->taken);
		f->brought++;
	}
	CHECK_EQ(atomic_read(&f->arena.ndonated), 10);
	CHECK_EQ(f->arena.free_pages, 0);

	/* A large block takes a page less than half of a chunk, two fit in one. */
	for (n = 0; n < 20; n++) {
		refs[n] = ds_arena_alloc(&f->arena, 255 * DS_PAGE_SIZE, true);
		CHECK(refs[n]);
	}
	CHECK_EQ(atomic_read(&f->arena.ndonated), 0);
	CHECK(!ds_arena_alloc(&f->arena, 255 * DS_PAGE_SIZE, true));
	CHECK_EQ(f->arena.nchunks, 10);
	CHECK_EQ(f->map.limit, 10 << DS_CHUNK_UNITS_SHIFT);
	arena_validate(&f->arena);

	/* Those of one chunk in the middle: it is kept, then the next is not. */
	for (i = 0; i < n; i++)
		if (refs[i] >> DS_CHUNK_UNITS_SHIFT == 4)
			ds_arena_free(&f->arena, refs[i]);
	CHECK_EQ(field_give_back(f), 0);
	CHECK_EQ(f->arena.idle_chunks, 1);
	for (i = 0; i < n; i++)
		if (refs[i] >> DS_CHUNK_UNITS_SHIFT == 7)
			ds_arena_free(&f->arena, refs[i]);
	CHECK_EQ(field_give_back(f), 1);
	CHECK(!f->arena.chunks[7]);
	CHECK(f->arena.chunks[4]);
	CHECK_EQ(f->map.limit, 10 << DS_CHUNK_UNITS_SHIFT);
	arena_validate(&f->arena);

	/* The kept one is used first; the next one brought fills the gap. */
	for (i = 0; i < 3; i++) {
		u32 ref = ds_arena_alloc(&f->arena, 255 * DS_PAGE_SIZE, true);

		if (i < 2)
			CHECK_EQ(ref >> DS_CHUNK_UNITS_SHIFT, 4);
		else
			CHECK_EQ(ref, 0);
	}
	chunk_bring(&f->arena, f->taken);
	f->brought++;
	CHECK_EQ(ds_arena_alloc(&f->arena, 255 * DS_PAGE_SIZE, true) >> DS_CHUNK_UNITS_SHIFT, 7);
	CHECK_EQ(f->arena.nchunks, 10);
	arena_validate(&f->arena);
	field_destroy(f);
}

/* Chunks have the numbers with which they were brought, with gaps between them. */
static void numbers(void)
{
	struct field *f = field_create(0);
	u32 ref;

	memset(f->taken, true, 5);
	chunk_bring(&f->arena, f->taken);
	f->brought++;
	ref = ds_arena_alloc(&f->arena, 255 * DS_PAGE_SIZE, true);
	CHECK_EQ(ref >> DS_CHUNK_UNITS_SHIFT, 5);
	CHECK_EQ(f->map.limit, 6 << DS_CHUNK_UNITS_SHIFT);
	CHECK(!f->arena.chunks[4]);
	arena_validate(&f->arena);

	/* In the first one no block has ref 0, whenever it comes. */
	memset(f->taken, false, 5);
	chunk_bring(&f->arena, f->taken);
	f->brought++;
	CHECK(ds_arena_alloc(&f->arena, 300 * DS_PAGE_SIZE, true));
	CHECK(ds_arena_alloc(&f->arena, DS_CLASS_MAX + 1, true));
	CHECK(f->arena.chunks[0]);
	CHECK_EQ(f->map.limit, 6 << DS_CHUNK_UNITS_SHIFT);
	arena_validate(&f->arena);
	field_destroy(f);
}

/* The last pages are for what frees others. */
static void reserve(void)
{
	struct field *f = field_create(1);
	u32 n = 0;

	while (ds_arena_alloc(&f->arena, DS_PAGE_SIZE * 5, false))
		n++;
	CHECK_EQ(n, (DS_CHUNK_PAGES - 1 - DS_ARENA_RESERVE) / 5);
	CHECK(f->arena.free_pages >= DS_ARENA_RESERVE);
	while (ds_arena_alloc(&f->arena, DS_CLASS_MAX + 1, false))
		n++;
	CHECK(f->arena.free_pages >= DS_ARENA_RESERVE);

	CHECK(!ds_arena_alloc(&f->arena, DS_PAGE_SIZE * 5, false));
	n = f->arena.free_pages;
	while (ds_arena_alloc(&f->arena, 64, true))
		;
	CHECK_EQ(f->arena.free_pages, 0);
	CHECK(n >= DS_ARENA_RESERVE);
	arena_validate(&f->arena);
	field_destroy(f);
}

/* One empty run of a class is kept, the others' pages are free at once. */
static void runs_given_back(void)
{
	struct field *f = field_create(1);
	u32 refs[3 * 256], n = 3 * core_class_blocks(core_class_of(4096));
	u32 pages, i;

	ds_arena_free(&f->arena, ds_arena_alloc(&f->arena, 16, false));
	pages = f->arena.free_pages;
	for (i = 0; i < n; i++)
		refs[i] = ds_arena_alloc(&f->arena, 4096, false);
	CHECK_EQ(f->arena.free_pages, pages - 3 * core_class_pages(core_class_of(4096)));
	for (i = 0; i < n; i++)
		ds_arena_free(&f->arena, refs[i]);
	CHECK_EQ(f->arena.free_pages, pages - core_class_pages(core_class_of(4096)));
	arena_validate(&f->arena);
	field_destroy(f);
}

/* An idle arena gives back what it kept in stock, all of it. */
static void trim(void)
{
	struct field *f = field_create(1);
	u32 size;

	for (size = 1; size <= DS_CLASS_MAX; size += 100)
		ds_arena_free(&f->arena, ds_arena_alloc(&f->arena, size, false));
	CHECK_EQ(f->arena.used_bytes, 0);
	CHECK(f->arena.free_pages < DS_CHUNK_PAGES - 1);
	ds_arena_settle(&f->arena, false);
	CHECK(f->arena.free_pages < DS_CHUNK_PAGES - 1);
	ds_arena_settle(&f->arena, true);
	/* The page with ref 0 stays. */
	CHECK_EQ(f->arena.free_pages, DS_CHUNK_PAGES - 1);
	CHECK(ds_arena_alloc(&f->arena, 100, false));
	field_destroy(f);
}

/* Also of chunks that were brought and never taken in, and of unwanted ones. */
static void dismantle(void)
{
	struct field *f = field_create(6);
	u32 refs[4], i;

	for (i = 0; i < 4; i++)
		refs[i] = ds_arena_alloc(&f->arena, 255 * DS_PAGE_SIZE, true);
	for (i = 0; i < 4; i++)
		ds_arena_free(&f->arena, refs[i]);
	ds_arena_alloc(&f->arena, 16, false);
	field_destroy(f);
}

/*
 * What was retired, and is free when a grace period is over. Not in a hurry, in which
 * no spares are kept, and no more in one list than can be noted there.
 */
static void retire_all(struct field *f, const u32 *refs, u32 n, u32 size)
{
	u32 i;

	for (i = 0; i < n; i++) {
		retire(f, refs[i], size);
		if ((i + 1) % DS_RETIRED_NOTED && i + 1 < n)
			continue;
		core_close(&f->arena);
		shim_rcu_elapse();
		CHECK(ds_arena_reclaim(&f->arena));
	}
	arena_validate(&f->arena);
}

static void alloc_all(struct field *f, u32 *refs, u32 n, u32 size)
{
	u32 i;

	for (i = 0; i < n; i++) {
		refs[i] = ds_arena_alloc(&f->arena, size, false);
		CHECK(refs[i]);
		memset(ds_arena_ptr(&f->arena, refs[i]), i, size);
	}
}

/* How many spares there are of a class, and how much all of them take. */
static u32 spares_of(const struct field *f, u32 size)
{
	const struct ds_spares *spares = &f->arena.spares;
	u32 i, n = 0;

	for (i = spares->first[core_class_of(size)]; i; i = spares->next[i - 1])
		n++;
	CHECK(n <= DS_SPARES);
	CHECK(spares->bytes <= DS_SPARES_BYTES);
	return n;
}

/* Lists have room to note so many blocks; the others are linked, and none is lost. */
static void many_retired(void)
{
	static const u32 counts[] = {
		DS_RETIRED_NOTED - 1, DS_RETIRED_NOTED, DS_RETIRED_NOTED + 1, 2 * DS_RETIRED_NOTED,
		5000,
	};
	static u32 refs[5000];
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct field *f = field_create(8);
		u64 used = 0;

		for (j = 0; j < counts[i]; j++) {
			/* Of all classes, and some too large for one. */
			u32 size = 1 + (j % 100 ? j * 37 % 2000 : DS_CLASS_MAX);

			refs[j] = ds_arena_alloc(&f->arena, size, false);
			CHECK(refs[j]);
			used += ds_arena_block_size(size);
			retire(f, refs[j], size);
		}
		CHECK_EQ(f->arena.retired_bytes, used);
		CHECK_EQ(f->arena.used_bytes, used);
		CHECK_EQ(core_retired(&f->arena, 0)->count, counts[i]);
		CHECK_EQ(!core_retired(&f->arena, 0)->more, counts[i] <= DS_RETIRED_NOTED);
		arena_validate(&f->arena);
		ds_arena_settle(&f->arena, false);
		CHECK_EQ(f->arena.retired.nclosed, 1);
		CHECK(!ds_arena_reclaim(&f->arena));
		shim_rcu_elapse();
		CHECK(ds_arena_reclaim(&f->arena));
		CHECK_EQ(f->arena.retired_bytes, 0);
		CHECK_EQ(f->arena.used_bytes, 0);
		CHECK_EQ(core_retired(&f->arena, 0)->more, 0);
		arena_validate(&f->arena);
		/* Another list in its place begins from nothing. */
		retire(f, ds_arena_alloc(&f->arena, 100, false), 100);
		CHECK_EQ(core_retired(&f->arena, 0)->count, 1);
		ds_arena_settle(&f->arena, true);
		shim_rcu_elapse();
		CHECK(ds_arena_reclaim(&f->arena));
		CHECK_EQ(f->arena.used_bytes, 0);
		field_destroy(f);
	}
}

/* What was used last is given out first, to who wants the class, and to no one else. */
static void spares(void)
{
	struct field *f = field_create(2);
	u32 refs[10], again[10], i;

	alloc_all(f, refs, 10, 200);
	retire_all(f, refs, 10, 200);
	CHECK_EQ(spares_of(f, 200), 10);
	CHECK_EQ(f->arena.used_bytes, 0);
	i = ds_arena_alloc(&f->arena, 300, false);
	CHECK_EQ(spares_of(f, 200), 10);
	alloc_all(f, again, 10, 195);
	CHECK_EQ(spares_of(f, 200), 0);
	for (i = 0; i < 10; i++)
		CHECK_EQ(again[i], refs[9 - i]);
	/* To free one at once leaves them alone. */
	ds_arena_free(&f->arena, again[0]);
	CHECK_EQ(spares_of(f, 200), 0);
	/* What is too large for a class is no spare. */
	refs[0] = ds_arena_alloc(&f->arena, DS_CLASS_MAX + 1, false);
	retire_all(f, refs, 1, DS_CLASS_MAX + 1);
	CHECK_EQ(f->arena.spares.bytes, 0);
	/* All go back when the owner is idle. */
	retire_all(f, again + 1, 9, 195);
	CHECK_EQ(spares_of(f, 200), 9);
	ds_arena_settle(&f->arena, true);
	CHECK_EQ(f->arena.spares.bytes, 0);
	arena_validate(&f->arena);
	field_destroy(f);
}

/* They are bounded, by number and by bytes. */
static void spares_bound(void)
{
	static u32 refs[3 * DS_SPARES];
	static const u32 sizes[] = { 16, 496, 512, 528, 1024, 5000, DS_CLASS_MAX };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct field *f = field_create(32);
		u32 block = ds_arena_block_size(sizes[i]);
		u32 most = DS_SPARES_BYTES / block, n;

		/* Of each number one entry is never used. */
		most = min(most, (u32)DS_SPARES);
		n = 3 * most;
		alloc_all(f, refs, n, sizes[i]);
		retire_all(f, refs, n, sizes[i]);
		CHECK(spares_of(f, sizes[i]) <= most);
		CHECK(spares_of(f, sizes[i]) >= most - 1);
		CHECK_EQ(f->arena.spares.bytes, spares_of(f, sizes[i]) * block);
		CHECK_EQ(f->arena.used_bytes, 0);
		/* And all of it can be had again. */
		alloc_all(f, refs, n, sizes[i]);
		CHECK_EQ(f->arena.used_bytes, (u64)n * block);
		CHECK_EQ(f->arena.spares.bytes, 0);
		arena_validate(&f->arena);
		field_destroy(f);
	}
}

/* A class that nobody wants any more does not keep the room from others. */
static void spares_starved(void)
{
	static u32 old[DS_SPARES + 500], new[200];
	struct field *f = field_create(16);
	u32 round, i;

	alloc_all(f, old, ARRAY_SIZE(old), 64);
	retire_all(f, old, ARRAY_SIZE(old), 64);
	CHECK(spares_of(f, 64) >= DS_SPARES - 1);
	for (round = 0; round < 10; round++) {
		/* Nobody asks for 64 bytes again, and two others take turns. */
		u32 size = round % 2 ? 1000 : 2000;

		alloc_all(f, new, 100, size);
		retire_all(f, new, 100, size);
		CHECK_EQ(spares_of(f, size), 100);
	}
	CHECK_EQ(spares_of(f, 1000), 100);
	CHECK(spares_of(f, 64) <= DS_SPARES - 200);
	/* Also when there is one of each class, and no room for all. */
	for (i = 0; i < 100; i++) {
		u32 size = 1 + i * 163;

		new[0] = ds_arena_alloc(&f->arena, size, false);
		retire_all(f, new, 1, size);
		CHECK(spares_of(f, size) >= 1);
	}
	arena_validate(&f->arena);
	field_destroy(f);
}

/* When memory is short, whole pages are worth more than spares. */
static void spares_short(void)
{
	static u32 refs[2000];
	struct field *f = field_create(1);
	u32 n, i;

	/* Spares that hold all that is left. */
	alloc_all(f, refs, 500, 1000);
	retire_all(f, refs, 500, 1000);
	CHECK(spares_of(f, 1000) >= 400);
	for (n = 0; ds_arena_alloc(&f->arena, 5 * DS_PAGE_SIZE, false); n++)
		;
	/* For the last of these they had to go back to their runs, and these away. */
	CHECK_EQ(f->arena.spares.bytes, 0);
	CHECK(n >= (DS_CHUNK_PAGES - 1 - DS_ARENA_RESERVE - 20) / 5);
	arena_validate(&f->arena);
	field_destroy(f);

	/* None are kept from then on. */
	f = field_create(1);
	alloc_all(f, refs, 100, 1000);
	while (f->arena.free_pages >= 2 * DS_ARENA_RESERVE)
		CHECK(ds_arena_alloc(&f->arena, DS_PAGE_SIZE, true));
	retire_all(f, refs, 100, 1000);
	CHECK(spares_of(f, 1000) < 100);
	CHECK(f->arena.free_pages >= 2 * DS_ARENA_RESERVE);
	field_destroy(f);

	/* For another class, too, small as it is. */
	f = field_create(1);
	alloc_all(f, refs, 800, 500);
	retire_all(f, refs, 800, 500);
	while (ds_arena_alloc(&f->arena, DS_PAGE_SIZE, true))
		;
	CHECK_EQ(f->arena.spares.bytes, 0);
	CHECK(f->arena.free_pages < DS_ARENA_RESERVE);
	CHECK(!ds_arena_alloc(&f->arena, 17, false));
	field_destroy(f);

	/* The reserve is made whole out of them. */
	f = field_create(1);
	alloc_all(f, refs, 800, 500);
	for (i = 0; f->arena.free_pages >= 40; i++)
		CHECK(ds_arena_alloc(&f->arena, DS_PAGE_SIZE, true));
	retire_all(f, refs, 800, 500);
	CHECK(spares_of(f, 500) > 100);
	while (f->arena.free_pages >= DS_ARENA_RESERVE)
		CHECK(ds_arena_alloc(&f->arena, DS_CLASS_MAX + 1, true));
	CHECK(spares_of(f, 500) > 100);
	CHECK(ds_arena_alloc(&f->arena, 17, false));
	CHECK_EQ(f->arena.spares.bytes, 0);
	arena_validate(&f->arena);
	field_destroy(f);
}

const struct test arena_tests[] = {
	TEST(sizes),
	TEST(classes),
	TEST(alignment),
	TEST(runs),
	TEST(shadow),
	TEST(eras),
	TEST(recycling),
	TEST(closing),
	TEST(chunks),
	TEST(numbers),
	TEST(reserve),
	TEST(runs_given_back),
	TEST(trim),
	TEST(dismantle),
	TEST(many_retired),
	TEST(spares),
	TEST(spares_bound),
	TEST(spares_starved),
	TEST(spares_short),
	{}
};

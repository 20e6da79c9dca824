// SPDX-License-Identifier: GPL-2.0
/*
 * The index, with versions that have an id and nothing else.
 */
#include <string.h>

#include "store.h"
#include "test.h"

/* Documents of a partition that has no commits. */
struct entry {
	char id[16];
	u32 len;
	u64 hash;
	u32 ref;
};

static void entry_make(struct store *s, struct entry *e, u32 number)
{
	struct docstore_version *v;

	e->len = snprintf(e->id, sizeof(e->id), "doc%u", number);
	e->hash = store_hash(s, e->id, e->len);
	e->ref = ds_arena_alloc(&s->p.arena, sizeof(*v) + e->len, false);
	while (!e->ref) {
		CHECK(store_donate(s));
		e->ref = ds_arena_alloc(&s->p.arena, sizeof(*v) + e->len, false);
	}
	v = ds_arena_ptr(&s->p.arena, e->ref);
	*v = (struct docstore_version){
		.version = number,
		.seq = 1,
		.size = sizeof(*v) + e->len,
		.id_len = e->len,
	};
	memcpy(v + 1, e->id, e->len);
}

static bool entry_find(struct store *s, const struct entry *e, struct ds_slot *slot)
{
	return ds_index_find(&s->p.index, e->hash, (const u8 *)e->id, e->len, slot);
}

static const struct docstore_version *entry_lookup(struct store *s, const struct entry *e)
{
	return ds_index_lookup(&s->p.index, e->hash, (const u8 *)e->id, e->len);
}

static void entry_insert(struct store *s, struct entry *e)
{
	struct ds_slot slot;

	while (ds_index_reserve(&s->p.index, e->hash, DOCSTORE_STATE_DIRTY, &slot))
		CHECK(store_donate(s));
	CHECK_EQ(ds_slot_ref(&slot), 0);
	CHECK(!entry_lookup(s, e));
	ds_index_link(&slot, e->ref);
	ds_index_flags(&slot, DOCSTORE_STATE_DIRTY, 0);
	CHECK(entry_lookup(s, e) == ds_arena_ptr(&s->p.arena, e->ref));
}

static void entry_remove(struct store *s, struct entry *e)
{
	struct ds_slot slot;

	CHECK(entry_find(s, e, &slot));
	CHECK_EQ(ds_slot_ref(&slot), e->ref);
	ds_index_remove(&s->p.index, e->hash, &slot);
	CHECK(!entry_find(s, e, &slot));
	CHECK(!entry_lookup(s, e));
	ds_arena_retire(&s->p.arena, e->ref, core_size_of(&s->p.arena, e->ref));
	e->ref = 0;
}

static void settle(struct store *s)
{
	while (ds_arena_waiting(&s->p.arena)) {
		ds_arena_settle(&s->p.arena, true);
		shim_rcu_elapse();
		ds_arena_reclaim(&s->p.arena);
	}
	store_give_back(s);
}

/* Empty, one, many, none again; growing as often as may be. */
static void fill(void)
{
	u32 n = 30000, i;
	struct store *s = store_create(16);
	struct entry *entries = calloc(n, sizeof(*entries));
	struct ds_slot slot;

	entry_make(s, &entries[0], 0);
	CHECK(!entry_find(s, &entries[0], &slot));
	CHECK(!entry_lookup(s, &entries[0]));
	CHECK(!ds_index_grow(&s->p.index, s->key));
	entry_insert(s, &entries[0]);
	CHECK_EQ(s->map->buckets, CORE_INDEX_FIRST);

	for (i = 1; i < n; i++) {
		entry_make(s, &entries[i], i);
		entry_insert(s, &entries[i]);
		while (s->p.index.slots > s->map->buckets * CORE_INDEX_LOAD)
			if (!ds_index_grow(&s->p.index, s->key))
				CHECK(store_donate(s));
		CHECK(!ds_index_grow(&s->p.index, s->key));
		CHECK_EQ(s->p.index.slots, i + 1);
	}
	CHECK_EQ(s->map->buckets, (n + CORE_INDEX_LOAD - 1) / CORE_INDEX_LOAD);
	for (i = 0; i < n; i++) {
		CHECK(entry_find(s, &entries[i], &slot));
		CHECK_EQ(ds_slot_ref(&slot), entries[i].ref);
		CHECK(entry_lookup(s, &entries[i]));
	}
	for (i = 0; i < n; i++)
		entry_remove(s, &entries[(i * 7919) % n]);
	CHECK_EQ(s->p.index.slots, 0);
	settle(s);
	/* The index does not shrink; it has no overflow buckets left. */
	CHECK_EQ(s->p.arena.used_bytes, s->p.index.bytes);
	CHECK_EQ(s->p.index.bytes, DOCSTORE_MAP_DIR_SEGMENTS * sizeof(u32) +
		 s->p.index.grown * sizeof(struct docstore_bucket));
	free(entries);
	store_destroy(s);
}

/* Without growing, chains get long, and still all is found; then it grows. */
static void chains(void)
{
	u32 n = 4000, i;
	struct store *s = store_create(16);
	struct entry *entries = calloc(n, sizeof(*entries));
	u64 straight;

	for (i = 0; i < n; i++) {
		entry_make(s, &entries[i], i);
		entry_insert(s, &entries[i]);
	}
	CHECK_EQ(s->map->buckets, CORE_INDEX_FIRST);
	straight = DOCSTORE_MAP_DIR_SEGMENTS * sizeof(u32) +
		   s->p.index.grown * sizeof(struct docstore_bucket);
	CHECK(s->p.index.bytes >= straight + (n / 5 - CORE_INDEX_FIRST) *
	      sizeof(struct docstore_bucket));
	for (i = 0; i < n; i += 3)
		entry_remove(s, &entries[i]);
	for (i = 0; i < n; i += 3) {
		entry_make(s, &entries[i], i);
		entry_insert(s, &entries[i]);
	}
	for (i = 0; i < n; i++)
		CHECK(entry_lookup(s, &entries[i]));
	while (ds_index_grow(&s->p.index, s->key)) {
		u32 at = s->map->buckets % n;

		CHECK(entry_lookup(s, &entries[at]));
		CHECK(entry_lookup(s, &entries[n - 1 - at]));
		settle(s);
	}
	CHECK_EQ(s->map->buckets, (n + CORE_INDEX_LOAD - 1) / CORE_INDEX_LOAD);
	for (i = 0; i < n; i++)
		CHECK(entry_lookup(s, &entries[i]));
	for (i = 0; i < n; i++)
		entry_remove(s, &entries[i]);
	settle(s);
	CHECK_EQ(s->p.arena.used_bytes, s->p.index.bytes);
	free(entries);
	store_destroy(s);
}

/* Growing that finds no memory leaves all as it was, and works later. */
static void growth_refused(void)
{
	u32 n = 2000, i, refused = 0;
	struct store *s = store_create(16);
	struct entry *entries = calloc(n, sizeof(*entries));

	for (i = 0; i < n; i++) {
		entry_make(s, &entries[i], i);
		entry_insert(s, &entries[i]);
	}
	while (s->p.index.slots > s->map->buckets * CORE_INDEX_LOAD) {
		u64 bytes = s->p.index.bytes;
		u64 used = s->p.arena.used_bytes;
		u64 after;

		for (after = 0; ; after++) {
			u32 buckets = s->map->buckets;

			core_fail_after = core_allocs + after;
			if (ds_index_grow(&s->p.index, s->key))
				break;
			refused++;
			CHECK_EQ(s->map->buckets, buckets);
			CHECK_EQ(s->map->moves & 1, 0);
			/* A segment may have been added, and stays. */
			if (s->p.index.bytes != bytes) {
				CHECK(s->p.index.bytes > bytes);
				used += s->p.index.bytes - bytes;
				bytes = s->p.index.bytes;
			}
			CHECK_EQ(s->p.arena.used_bytes, used);
			CHECK(entry_lookup(s, &entries[buckets % n]));
		}
		core_fail_after = CORE_NEVER;
	}
	CHECK(refused > 100);
	for (i = 0; i < n; i++)
		CHECK(entry_lookup(s, &entries[i]));
	free(entries);
	store_destroy(s);
}

static void words(void)
{
	struct store *s = store_create(2);
	const struct docstore_bucket *b;
	struct ds_slot slot;
	struct entry e;

	store_donate(s);
	entry_make(s, &e, 1);
	CHECK_EQ(ds_index_reserve(&s->p.index, e.hash, DOCSTORE_STATE_DIRTY, &slot), 0);
	b = slot.bucket;
	CHECK_EQ(b->state[slot.i], docstore_map_tag(e.hash) << DOCSTORE_STATE_TAG_SHIFT |
		 DOCSTORE_STATE_DIRTY);
	CHECK(!entry_find(s, &e, &slot));
	ds_index_link(&slot, e.ref);
	ds_index_flags(&slot, DOCSTORE_STATE_DIRTY, DOCSTORE_STATE_HOT_DOCUMENT);
	CHECK_EQ(b->state[slot.i], docstore_map_tag(e.hash) << DOCSTORE_STATE_TAG_SHIFT |
		 DOCSTORE_STATE_HOT_DOCUMENT);
	ds_index_flags(&slot, 0, 0);
	CHECK_EQ(b->state[slot.i] & 0xffff, DOCSTORE_STATE_HOT_DOCUMENT);

	/* Counts stop at the highest; the time is in fours of seconds. */
	ds_index_accessed(&slot, 3, 1700000000999999999ULL);
	CHECK_EQ(b->stat[slot.i] & DOCSTORE_STAT_DELTAS_MASK, 3);
	CHECK_EQ(b->stat[slot.i] >> DOCSTORE_STAT_ACCESS_SHIFT, (1700000000 / 4) & 0xffff);
	ds_index_accessed(&slot, 65531, 1700000004000000000ULL);
	CHECK_EQ(b->stat[slot.i] & DOCSTORE_STAT_DELTAS_MASK, 65534);
	CHECK_EQ(b->stat[slot.i] >> DOCSTORE_STAT_ACCESS_SHIFT, (1700000004 / 4) & 0xffff);
	ds_index_accessed(&slot, 2, 0);
	CHECK_EQ(b->stat[slot.i], 65535);
	ds_index_accessed(&slot, 65535, 0);
	CHECK_EQ(b->stat[slot.i], 65535);
	ds_index_remove(&s->p.index, e.hash, &slot);
	CHECK_EQ(s->p.index.slots, 0);
	ds_arena_free(&s->p.arena, e.ref);
	store_destroy(s);
}

/* One that is reserved and given up leaves nothing behind. */
static void reserve_undone(void)
{
	struct store *s = store_create(2);
	struct entry e[200];
	struct ds_slot slot;
	u64 bytes;
	u32 i;

	store_donate(s);
	for (i = 0; i < 200; i++) {
		entry_make(s, &e[i], i);
		entry_insert(s, &e[i]);
	}
	bytes = s->p.index.bytes;
	for (i = 1000; i < 3000; i++) {
		u64 hash = store_hash(s, &i, sizeof(i));

		CHECK_EQ(ds_index_reserve(&s->p.index, hash, DOCSTORE_STATE_DIRTY, &slot), 0);
		ds_index_remove(&s->p.index, hash, &slot);
		CHECK_EQ(s->p.index.slots, 200);
		CHECK_EQ(s->p.index.bytes, bytes);
		if (i % 100 == 0)
			settle(s);
	}
	store_destroy(s);
}

/*
 * For every number of buckets: the positions of a bucket are one range, and the
 * ranges follow each other from the first position to the last, each bucket's
 * once.
 */
static void ranges(void)
{
	u32 buckets;

	for (buckets = 1; buckets <= 1000; buckets++) {
		bool *met = calloc(buckets, sizeof(*met));
		u64 position = 0;
		u32 n = 0;

		for (;;) {
			u64 hash = core_position(position);
			u32 number = docstore_map_bucket(hash, buckets);
			u64 last = core_last_position(position, number, buckets);
			u64 sample;

			CHECK(number < buckets);
			CHECK(!met[number]);
			met[number] = true;
			n++;
			CHECK(last >= position);
			/* Everything between belongs here, at any scale. */
			for (sample = 1; sample && sample <= last - position; sample *= 2) {
				u64 up = core_position(position + sample);
				u64 down = core_position(last - sample);

				CHECK_EQ(docstore_map_bucket(up, buckets), number);
				CHECK_EQ(docstore_map_bucket(down, buckets), number);
				CHECK_EQ(core_last_position(position + sample, number, buckets), last);
			}
			CHECK_EQ(core_last_position(last, number, buckets), last);
			if (last == U64_MAX)
				break;
			CHECK(docstore_map_bucket(core_position(last + 1), buckets) != number);
			position = last + 1;
		}
		CHECK_EQ(n, buckets);
		free(met);
	}
}

static void positions(void)
{
	struct rng rng = { 7 };
	u32 i;

	CHECK_EQ(core_position(1), 1ULL << 63);
	CHECK_EQ(core_position(1ULL << 63), 1);
	CHECK_EQ(core_position(0x00000001deadbeefULL), 0xf77db57b80000000ULL);
	for (i = 0; i < 10000; i++) {
		u64 hash = rng_next(&rng);

		CHECK_EQ(core_position(core_position(hash)), hash);
	}
	/* Where a bucket splits, only the two halves change. */
	for (i = 1; i < 5000; i++) {
		u32 bit = 1U << (31 - __builtin_clz(i));
		u32 j;

		for (j = 0; j < 40; j++) {
			u64 hash = rng_next(&rng);
			u32 old = docstore_map_bucket(hash, i);
			u32 new = docstore_map_bucket(hash, i + 1);

			if (old != i - bit)
				CHECK_EQ(old, new);
			else
				CHECK_EQ(new, hash & bit ? i : old);
		}
	}
}

/*
 * A scan while the index grows, and while others come and go: each document that
 * is there throughout once, in the order of positions.
 */
static void scan(void)
{
	struct rng rng = { test_seed() };
	u32 n = 3000, churn = 3000, round, i;
	struct store *s = store_create(16);
	struct entry *entries = calloc(n, sizeof(*entries));
	struct entry *others = calloc(churn, sizeof(*others));
	u32 *times = calloc(n, sizeof(*times));
	struct ds_scan *scan = malloc(sizeof(*scan));
	u32 grown = 0;

	scan->from = 0;
	ds_index_scan(&s->p.index, s->key, scan);
	CHECK_EQ(scan->count, 0);
	CHECK_EQ(scan->last, U64_MAX);

	for (i = 0; i < n; i++) {
		entry_make(s, &entries[i], i);
		entry_insert(s, &entries[i]);
	}
	/*
	 * At first, buckets are far fuller than one call returns, and stand in
	 * another order each time.
	 */
	CHECK_EQ(s->map->buckets, CORE_INDEX_FIRST);
	for (round = 0; round < 160; round++) {
		u64 last = 0;
		u32 calls = 0;

		for (i = 0; round < 100 && i < n; i++)
			entry_remove(s, &entries[i]);
		for (i = 0; round < 100 && i < n; i++) {
			u32 at = (i * 7919 + round * 101) % n;

			entry_make(s, &entries[at], at);
			entry_insert(s, &entries[at]);
		}
		memset(times, 0, n * sizeof(*times));
		scan->from = 0;
		for (;;) {
			ds_index_scan(&s->p.index, s->key, scan);
			CHECK(scan->count <= DS_SCAN_MAX);
			CHECK(calls++ < 100000);
			for (i = 0; i < scan->count; i++) {
				u64 position = scan->found[i].position;
				const struct docstore_version *v = scan->found[i].version;

				CHECK(position >= scan->from && position <= scan->last);
				CHECK(position >= last);
				last = position;
				CHECK_EQ(position, core_position(store_hash(s, ds_version_id(v),
									     v->id_len)));
				if (v->version < n)
					times[v->version]++;
			}
			if (scan->last == U64_MAX)
				break;
			CHECK(scan->last >= scan->from);
			scan->from = scan->last + 1;
			for (i = rng_below(&rng, 4); i; i--) {
				struct entry *e = &others[rng_below(&rng, churn)];

				if (e->ref) {
					entry_remove(s, e);
				} else {
					entry_make(s, e, n + (e - others));
					entry_insert(s, e);
				}
			}
			if (round > 100 && !rng_below(&rng, 3))
				grown += ds_index_grow(&s->p.index, s->key);
			if (!rng_below(&rng, 20))
				settle(s);
		}
		for (i = 0; i < n; i++)
			CHECK_EQ(times[i], 1);
	}
	CHECK(grown > 900);
	free(entries);
	free(others);
	free(times);
	free(scan);
	store_destroy(s);
}

const struct test index_tests[] = {
	TEST(fill),
	TEST(chains),
	TEST(growth_refused),
	TEST(words),
	TEST(reserve_undone),
	TEST(ranges),
	TEST(positions),
	TEST(scan),
	{}
};

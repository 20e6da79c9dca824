// SPDX-License-Identifier: GPL-2.0
/*
 * Heat, access patterns, and hints.
 */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "store.h"
#include "test.h"

#define UNIT	((u64)DOCSTORE_STAT_ACCESS_SECONDS * 1000000000)

/* At the beginning of a unit of time. */
#define BEGIN	(UNIT * 400000000)

static void slot_of(struct store *s, const char *id, struct ds_slot *slot)
{
	CHECK(ds_index_find(&s->p.index, store_hash(s, id, strlen(id)), (const u8 *)id,
			    strlen(id), slot));
}

static u32 word_of(struct store *s, const char *id)
{
	struct ds_slot slot;

	slot_of(s, id, &slot);
	return slot.bucket->state[slot.i];
}

static u32 stat_of(struct store *s, const char *id)
{
	struct ds_slot slot;

	slot_of(s, id, &slot);
	return slot.bucket->stat[slot.i];
}

static u32 heat_of(struct store *s, const char *id)
{
	return word_of(s, id) >> DOCSTORE_STATE_HEAT_SHIFT & DOCSTORE_STATE_HEAT_MASK;
}

static u32 pattern_of(struct store *s, const char *id)
{
	return word_of(s, id) >> DOCSTORE_STATE_PATTERN_SHIFT & DOCSTORE_STATE_PATTERN_MASK;
}

static bool is_hot(struct store *s, const char *id)
{
	return word_of(s, id) & DOCSTORE_STATE_HOT_DOCUMENT;
}

static void put(struct store *s, const char *id)
{
	struct batch *b = batch_create(s, false);

	op_set_number(b, id, 1, DOCSTORE_TYPE_U64, 1);
	store_run(s, b);
}

/* At a time of the test's, which no commit moves on. */
static void put_at(struct store *s, const char *id, u64 now)
{
	s->now = now - 1000000000;
	put(s, id);
}

static void use(struct store *s, const char *id, enum ds_use how, u32 weight, u64 now)
{
	struct ds_slot slot;

	slot_of(s, id, &slot);
	ds_heat_use(&s->p, &slot, how, weight, now);
	ds_index_accessed(&slot, 0, now);
}

static u32 take(struct store *s, u64 now)
{
	u32 found;

	ds_partition_own(&s->p);
	found = ds_hints_take(&s->p, now);
	ds_partition_disown(&s->p);
	return found;
}

/* Without the setting nothing is estimated, but for the time of the last use. */
static void off(void)
{
	struct store *s = store_create(4);
	u32 i;

	CHECK_EQ(s->p.hot, 0);
	for (i = 0; i < 100; i++)
		put_at(s, "a", BEGIN);
	use(s, "a", DS_USE_READ, 65535, BEGIN + UNIT);
	CHECK_EQ(word_of(s, "a") & 0xffff, 0);
	CHECK_EQ(s->p.stats.hot, 0);
	CHECK_EQ(stat_of(s, "a") & DOCSTORE_STAT_DELTAS_MASK, 100);
	CHECK_EQ(stat_of(s, "a") >> DOCSTORE_STAT_ACCESS_SHIFT, (BEGIN / UNIT + 1) & 0xffff);

	/* Switched off, it takes away at the next use what there was. */
	s->p.hot = 3;
	use(s, "a", DS_USE_READ, 40, BEGIN + UNIT);
	CHECK(is_hot(s, "a"));
	s->p.hot = 0;
	use(s, "a", DS_USE_READ, 1, BEGIN + UNIT);
	CHECK_EQ(heat_of(s, "a"), 0);
	CHECK(!is_hot(s, "a"));
	store_destroy(s);
}

/* Where all uses are counted: up to the threshold, down with time, and up again. */
static void rises_and_decays(void)
{
	struct store *s = store_create(4);
	u32 i;

	s->p.hot = 20;
	for (i = 1; i < 20; i++) {
		put_at(s, "a", BEGIN + i);
		CHECK_EQ(heat_of(s, "a"), i);
		CHECK(!is_hot(s, "a"));
	}
	put_at(s, "a", BEGIN + UNIT - 1);
	CHECK_EQ(heat_of(s, "a"), 20);
	CHECK(is_hot(s, "a"));
	CHECK_EQ(s->p.stats.hot, 1);
	for (; i < 100; i++)
		put_at(s, "a", BEGIN);
	CHECK_EQ(heat_of(s, "a"), 63);
	CHECK_EQ(s->p.stats.hot, 1);

	/* A half, a quarter: 63, 31, 16 (with one use), 8 or 9. */
	put_at(s, "a", BEGIN + UNIT);
	CHECK_EQ(heat_of(s, "a"), 32);
	CHECK(is_hot(s, "a"));
	put_at(s, "a", BEGIN + 3 * UNIT);
	CHECK_EQ(heat_of(s, "a"), 9);
	CHECK(!is_hot(s, "a"));
	put_at(s, "a", BEGIN + 3 * UNIT);
	CHECK_EQ(heat_of(s, "a"), 10);
	CHECK(!is_hot(s, "a"));
	for (i = 0; i < 10; i++)
		put_at(s, "a", BEGIN + 3 * UNIT);
	CHECK(is_hot(s, "a"));
	CHECK_EQ(s->p.stats.hot, 2);

	/* Half of it is enough to stay hot, and no less. */
	use(s, "a", DS_USE_READ, 1, BEGIN + 4 * UNIT);
	CHECK_EQ(heat_of(s, "a"), 11);
	CHECK(is_hot(s, "a"));
	put_at(s, "a", BEGIN + 5 * UNIT);
	CHECK_EQ(heat_of(s, "a"), 6);
	CHECK(!is_hot(s, "a"));

	/* After so long nothing is left, however the number of the unit looks. */
	for (i = 0; i < 63; i++)
		put_at(s, "a", BEGIN + 6 * UNIT);
	put_at(s, "a", BEGIN + (6 + 40) * UNIT);
	CHECK_EQ(heat_of(s, "a"), 1);
	for (i = 0; i < 63; i++)
		put_at(s, "a", BEGIN + 46 * UNIT);
	put_at(s, "a", BEGIN + (46 + 60000) * UNIT);
	CHECK_EQ(heat_of(s, "a"), 1);
	store_validate(s);
	store_destroy(s);
}

/* A commit that has noted the time before another one takes nothing away. */
static void clock_back(void)
{
	struct store *s = store_create(4);
	u32 i;

	s->p.hot = 10;
	for (i = 0; i < 12; i++)
		put_at(s, "a", BEGIN);
	put_at(s, "a", BEGIN - 1);
	CHECK_EQ(heat_of(s, "a"), 13);
	put_at(s, "a", BEGIN - 1 - DS_HEAT_BACK * UNIT);
	CHECK_EQ(heat_of(s, "a"), 14);
	/* So far back is no such thing. */
	put_at(s, "a", BEGIN - 1 - 2 * (DS_HEAT_BACK + 1) * UNIT);
	CHECK_EQ(heat_of(s, "a"), 1);
	store_destroy(s);
}

/* What the setting means: so many uses within a unit of time, and no fewer. */
static void threshold(void)
{
	static const u32 settings[] = { 1, 2, 7, 31, 32, 33, 63, 64, 100, 1024, 5000, 1000000,
					0xffffffff };
	struct store *s = store_create(4);
	u32 i, round;

	put_at(s, "a", BEGIN);
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		const u32 rounds = 400;
		double sum = 0, hot = settings[i];

		for (round = 0; round < rounds; round++) {
			u64 now = BEGIN + (i * rounds + round + 1) * 100 * UNIT, uses = 0;
			u32 step = settings[i] / 1000 + 1;

			s->p.hot = settings[i];
			while (!is_hot(s, "a") || !uses) {
				use(s, "a", DS_USE_CHANGE, step, now);
				uses += step;
			}
			sum += uses;
		}
		/* The distance from sample to sample varies, of 32 together not by much. */
		test_note("%u: %.1f", settings[i], sum / rounds);
		CHECK(fabs(sum / rounds - hot) <= (hot < 64 ? 0 : hot * 0.05));
	}
	store_destroy(s);
}

/* Uses that are told together are as many samples as those that are not. */
static void weights(void)
{
	static const u32 list[] = { 1, 10, 31, 32, 33, 48, 64, 100, 1000 };
	struct store *s = store_create(4);
	u32 i, n, rounds;

	put_at(s, "a", BEGIN);
	s->p.hot = 1024;
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		double sum = 0, right;

		rounds = 3000000 / (list[i] + 100);
		for (n = 0; n < rounds; n++) {
			/* What was there is gone each time. */
			use(s, "a", DS_USE_READ, list[i],
			    BEGIN + (i * 1000000ULL + n + 1) * 40 * UNIT);
			sum += heat_of(s, "a");
		}
		right = rounds * (list[i] / 32.0);
		test_note("weight %u: %.3f of what it should be", list[i], sum / right);
		CHECK(fabs(sum / right - 1) < 0.05);
	}
	store_destroy(s);
}

/* One of several that are used in turn gets its share of samples, whatever their number. */
static void fair(void)
{
	struct store *s = store_create(4);
	u32 ndocs, i;

	s->p.hot = 1024;
	for (ndocs = 2; ndocs <= 128; ndocs *= 2) {
		char id[16];
		u32 samples[128] = {};

		for (i = 0; i < ndocs; i++) {
			snprintf(id, sizeof(id), "%u", i);
			put_at(s, id, BEGIN);
		}
		for (i = 0; i < ndocs * 32 * 100; i++) {
			u64 now = BEGIN + (u64)(ndocs * 10000000ULL + i) * 40 * UNIT;

			snprintf(id, sizeof(id), "%u", i % ndocs);
			/* What was there is gone each time. */
			use(s, id, DS_USE_CHANGE, 1, now);
			samples[i % ndocs] += heat_of(s, id);
		}
		for (i = 0; i < ndocs; i++)
			if (samples[i] < 50 || samples[i] > 150)
				FAIL("%u of %u: %u samples", i, ndocs, samples[i]);
	}
	store_destroy(s);
}

/* How often each pattern is seen, with so many of 100 uses being of a kind. */
static void watch_pattern(struct store *s, u32 reads, u32 scans, double share[4])
{
	struct rng rng = { .state = test_seed() };
	const u32 rounds = 200000;
	u32 round;

	memset(share, 0, 4 * sizeof(*share));
	put_at(s, "a", BEGIN);
	for (round = 0; round < rounds; round++) {
		u32 which = rng_below(&rng, 1000);

		use(s, "a", which < reads ? DS_USE_READ :
		    which < reads + scans ? DS_USE_SCAN : DS_USE_CHANGE, 1, BEGIN);
		share[pattern_of(s, "a")] += 1.0 / rounds;
	}
}

static void patterns(void)
{
	/* Of 1000 uses so many are reads and scans; what is seen most, and how often. */
	static const struct {
		u32 reads;
		u32 scans;
		enum docstore_pattern pattern;
		double share;
	} cases[] = {
		{ 0, 0, DOCSTORE_PATTERN_WRITE, 0.999 },
		{ 1000, 0, DOCSTORE_PATTERN_READ, 0.999 },
		{ 0, 1000, DOCSTORE_PATTERN_SCAN, 0.999 },
		{ 10, 0, DOCSTORE_PATTERN_WRITE, 0.9 },
		{ 990, 0, DOCSTORE_PATTERN_READ, 0.9 },
		{ 0, 990, DOCSTORE_PATTERN_SCAN, 0.9 },
		{ 500, 0, DOCSTORE_PATTERN_MIXED, 0.75 },
		{ 0, 500, DOCSTORE_PATTERN_MIXED, 0.75 },
		{ 250, 0, DOCSTORE_PATTERN_MIXED, 0.6 },
		{ 750, 0, DOCSTORE_PATTERN_MIXED, 0.6 },
		{ 500, 500, DOCSTORE_PATTERN_READ, 0.8 },
		{ 10, 990, DOCSTORE_PATTERN_SCAN, 0.8 },
	};
	struct store *s = store_create(4);
	double share[4];
	u32 i;

	s->p.hot = 20;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		watch_pattern(s, cases[i].reads, cases[i].scans, share);
		test_note("%u reads, %u scans of 1000: write %.3f, read %.3f, mixed %.3f, scan %.3f",
			  cases[i].reads, cases[i].scans, share[0], share[1], share[2], share[3]);
		CHECK(share[cases[i].pattern] >= cases[i].share);
	}
	/* One kind is as likely as both together where it is 8 of 9. */
	watch_pattern(s, 889, 0, share);
	CHECK(fabs(share[DOCSTORE_PATTERN_READ] - share[DOCSTORE_PATTERN_MIXED]) < 0.05);
	store_destroy(s);
}

/* A get of a batch is a read that the owner knows of. */
static void gets(void)
{
	struct store *s = store_create(4);
	struct batch *b;
	u32 i, word, stat;

	put_at(s, "a", BEGIN);
	s->p.hot = 20;
	for (i = 0; i < 60; i++) {
		b = batch_create(s, false);
		op_get(b, "a", 1, 8);
		s->now = BEGIN + UNIT - 1000000000;
		store_run(s, b);
	}
	CHECK_EQ(heat_of(s, "a"), 60);
	CHECK(is_hot(s, "a"));
	CHECK_EQ(pattern_of(s, "a"), DOCSTORE_PATTERN_READ);
	CHECK_EQ(stat_of(s, "a"), ((BEGIN / UNIT + 1) << DOCSTORE_STAT_ACCESS_SHIFT | 1) & 0xffffffff);

	/* One that is not there has no slot to note it in. */
	word = word_of(s, "a");
	stat = stat_of(s, "a");
	b = batch_create(s, false);
	op_touch(b, "b", 0)->flags = DOCSTORE_IF_ABSENT;
	op_delete(b, "b")->flags = DOCSTORE_IF_EXISTS;
	store_commit(s, b);
	batch_destroy(b);
	CHECK_EQ(word_of(s, "a"), word);
	CHECK_EQ(stat_of(s, "a"), stat);
	store_validate(s);
	store_destroy(s);
}

static bool give(struct store *s, const char *id, u32 weight, bool scan)
{
	return ds_hints_give(&s->p.hints, store_hash(s, id, strlen(id)), weight, scan);
}

/* What was read past the owner becomes known, hot, and no other than it was. */
static void hints(void)
{
	struct store *s = store_create(4);
	u64 seq, now = BEGIN + 10 * UNIT;
	u32 i;

	put_at(s, "a", BEGIN);
	put_at(s, "b", BEGIN);
	s->p.hot = 1024;
	CHECK_EQ(take(s, now), 0);
	seq = s->map->visible_seq;

	/* The first says that there is something, the others need not. */
	CHECK(give(s, "a", 1, false));
	for (i = 0; i < 15; i++)
		CHECK(!give(s, "a", 64, false));
	CHECK_EQ(take(s, now), 1);
	CHECK_EQ(take(s, now), 0);
	CHECK(heat_of(s, "a") >= 27 && heat_of(s, "a") <= 33);
	CHECK_EQ(stat_of(s, "a"), (now / UNIT << DOCSTORE_STAT_ACCESS_SHIFT | 1) & 0xffffffff);
	CHECK(give(s, "a", 64, false));
	CHECK(!give(s, "a", 65535, false));
	CHECK_EQ(take(s, now), 1);
	CHECK_EQ(heat_of(s, "a"), 63);
	CHECK(is_hot(s, "a"));
	CHECK_EQ(pattern_of(s, "a"), DOCSTORE_PATTERN_READ);
	CHECK_EQ(s->p.stats.hot, 1);

	CHECK(give(s, "b", 65535, true));
	CHECK_EQ(take(s, now), 1);
	CHECK_EQ(pattern_of(s, "b"), DOCSTORE_PATTERN_SCAN);

	CHECK_EQ(s->map->visible_seq, seq);
	CHECK_EQ(store_read(s, "a", 1)->version, 1);
	store_validate(s);
	store_destroy(s);
}

/* Of a hash that is not quite right nothing comes, nor of one of no document. */
static void wrong_hints(void)
{
	struct store *s = store_create(8);
	u32 n = 200, i, bit, found = 0;
	u64 hash, now = BEGIN + UNIT;
	struct rng rng = { .state = test_seed() };
	u32 words[200], stats[200];
	char id[16];

	s->p.hot = 1;
	ds_hints_give(&s->p.hints, 1, 1, false);
	CHECK_EQ(take(s, now), 0);
	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%u", i);
		put_at(s, id, BEGIN);
		words[i] = word_of(s, id);
		stats[i] = stat_of(s, id);
	}
	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%u", i);
		hash = store_hash(s, id, strlen(id));
		for (bit = 0; bit < 48; bit++) {
			/* Which no bucket has so many that it would be used for. */
			if (bit == 31)
				continue;
			ds_hints_give(&s->p.hints, hash ^ 1ULL << bit, 65535, bit & 1);
			found += take(s, now);
		}
	}
	for (i = 0; i < 100000; i++) {
		ds_hints_give(&s->p.hints, rng_next(&rng), 1 + rng_below(&rng, 65535), i & 1);
		if (!rng_below(&rng, 100))
			found += take(s, now);
	}
	CHECK_EQ(found, 0);
	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%u", i);
		CHECK_EQ(word_of(s, id), words[i]);
		CHECK_EQ(stat_of(s, id), stats[i]);
	}

	/* All that is asked for the whole table is done at once, and found. */
	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%u", i);
		ds_hints_give(&s->p.hints, store_hash(s, id, strlen(id)), 1, false);
	}
	found = take(s, now);
	CHECK(found > DS_HINTS / 2 && found <= DS_HINTS);
	CHECK_EQ(s->p.stats.hot, n + found);
	store_validate(s);
	store_destroy(s);
}

/* A deleted document keeps its slot for a while, and what is known of its uses. */
static void deleted(void)
{
	struct store *s = store_create(4);
	struct batch *b = batch_create(s, false);
	u32 i;

	s->p.hot = 4;
	for (i = 0; i < 6; i++)
		put_at(s, "a", BEGIN);
	s->now = BEGIN - 1000000000;
	op_delete(b, "a");
	store_run(s, b);
	CHECK_EQ(word_of(s, "a") & 0xff,
		 DOCSTORE_STATE_HOT_DOCUMENT | DOCSTORE_STATE_NEEDS_COMPACTION);
	give(s, "a", 1, false);
	CHECK_EQ(take(s, BEGIN), 1);
	CHECK_EQ(heat_of(s, "a"), 8);
	store_quiesce(s);
	give(s, "a", 1, false);
	CHECK_EQ(take(s, BEGIN), 0);

	/* Who comes to the slot next knows nothing of that. */
	put_at(s, "a", BEGIN);
	CHECK_EQ(heat_of(s, "a"), 1);
	CHECK(!is_hot(s, "a"));
	store_validate(s);
	store_destroy(s);
}

#define CROWD		3
#define CROWD_HINTS	40

struct crowd {
	struct store *s;
	pthread_barrier_t begin;
	u64 hashes[64];
	u32 rounds;
	u32 told;
	u32 done;
};

static void *crowd_member(void *data)
{
	struct crowd *crowd = data;
	u32 round, i;

	for (round = 0; round < crowd->rounds; round++) {
		pthread_barrier_wait(&crowd->begin);
		for (i = 0; i < CROWD_HINTS; i++)
			if (ds_hints_give(&crowd->s->p.hints, crowd->hashes[i], 1, i & 1))
				__atomic_store_n(&crowd->told, 1, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&crowd->done, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* The owner, who looks when it is told to, until all have given what they had. */
static u32 crowd_take(struct crowd *crowd, u64 now)
{
	u32 found = 0;

	while (__atomic_load_n(&crowd->done, __ATOMIC_ACQUIRE) < CROWD)
		if (__atomic_exchange_n(&crowd->told, 0, __ATOMIC_SEQ_CST))
			found += take(crowd->s, now);
	if (crowd->told)
		found += take(crowd->s, now);
	crowd->told = 0;
	crowd->done = 0;
	return found;
}

/*
 * Many give hints: none stays behind that the owner was not told of, and no document has
 * more uses than there were.
 */
static void crowd(void)
{
	struct crowd crowd = { .s = store_create(4), .rounds = 3000 };
	u32 i, round, found = 0, given = crowd.rounds * CROWD * CROWD_HINTS;
	struct store *s = crowd.s;
	pthread_t threads[CROWD];
	char id[16];

	for (i = 0; i < 64; i++) {
		snprintf(id, sizeof(id), "%u", i);
		put_at(s, id, BEGIN);
		crowd.hashes[i] = store_hash(s, id, strlen(id));
	}
	s->p.hot = 63;
	CHECK(!pthread_barrier_init(&crowd.begin, NULL, CROWD + 1));
	for (i = 0; i < CROWD; i++)
		CHECK(!pthread_create(&threads[i], NULL, crowd_member, &crowd));
	for (round = 0; round < crowd.rounds; round++) {
		pthread_barrier_wait(&crowd.begin);
		found += crowd_take(&crowd, BEGIN + round * UNIT);
		for (i = 0; i < DS_HINTS; i++)
			CHECK_EQ(s->p.hints.hint[i], 0);
		CHECK_EQ(s->p.hints.some, 0);
	}
	for (i = 0; i < CROWD; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&crowd.begin);
	CHECK(found >= crowd.rounds && found <= given);
	test_note("%u hints, taken as %u", given, found);
	store_validate(s);
	store_destroy(s);
}

const struct test heat_tests[] = {
	TEST(off),
	TEST(rises_and_decays),
	TEST(clock_back),
	TEST(threshold),
	TEST(weights),
	TEST(fair),
	TEST(patterns),
	TEST(gets),
	TEST(hints),
	TEST(wrong_hints),
	TEST(deleted),
	TEST(crowd),
	{}
};

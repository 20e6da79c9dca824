// SPDX-License-Identifier: GPL-2.0
/*
 * Pins: what they see stays, what they don't need goes.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "pins.h"
#include "test.h"

#define PROP	1

static void put(struct store *s, const char *id, u64 number)
{
	struct batch *b = batch_create(s, false);

	op_set_number(b, id, PROP, DOCSTORE_TYPE_U64, number);
	store_run(s, b);
}

static void delete(struct store *s, const char *id)
{
	struct batch *b = batch_create(s, false);

	op_delete(b, id);
	store_run(s, b);
}

static u64 number_of(const struct docstore_version *v)
{
	struct ds_value value;
	u64 number;

	CHECK(ds_version_property(v, PROP, &value));
	CHECK_EQ(value.len, 8);
	memcpy(&number, value.data, 8);
	return number;
}

static const struct docstore_version *find_at(const struct store *s, const char *id, u64 seq)
{
	return ds_partition_read_pinned(&s->p, store_hash(s, id, strlen(id)), (const u8 *)id,
					strlen(id), seq);
}

/* The number of a document as a pin sees it, 0 if it is not there. */
static u64 seen_by(const struct store *s, const struct ds_pin *pin, const char *id)
{
	const struct docstore_version *v;
	u64 number;

	rcu_read_lock();
	v = find_at(s, id, pin->list[s->p.number].seq);
	number = v ? number_of(v) : 0;
	rcu_read_unlock();
	return number;
}

static u64 seen_now(const struct store *s, const char *id)
{
	const struct docstore_version *v;
	u64 number;

	rcu_read_lock();
	v = store_read(s, id, strlen(id));
	number = v ? number_of(v) : 0;
	rcu_read_unlock();
	return number;
}

static u64 block(const struct store *s, const char *id)
{
	return ds_arena_block_size(store_read(s, id, strlen(id))->size);
}

/* Release a pin, and have all it held looked through. */
static void let_go(struct store *s, struct ds_pin *pin)
{
	ds_past_release(&s->past, pin);
	store_quiesce(s);
	CHECK(pins_sweep(&s->past));
	store_validate(s);
}

/* Of many changes a pin keeps what it sees, and nothing else. */
static void keeps_one(void)
{
	struct store *s = store_create(4);
	struct ds_pin *pin;
	u64 used, i;

	put(s, "a", 1);
	put(s, "b", 1);
	store_quiesce(s);
	used = s->p.arena.used_bytes;
	pin = pin_take(&s->past);
	for (i = 2; i < 50; i++) {
		put(s, "a", i);
		CHECK_EQ(seen_by(s, pin, "a"), 1);
		CHECK_EQ(seen_now(s, "a"), i);
		store_validate(s);
	}
	store_quiesce(s);
	CHECK_EQ(s->p.arena.used_bytes, used + block(s, "a"));
	CHECK_EQ(s->p.stats.past_bytes, block(s, "a"));
	CHECK_EQ(pin->list[0].count, 1);
	CHECK_EQ(seen_by(s, pin, "a"), 1);
	CHECK_EQ(seen_by(s, pin, "b"), 1);
	let_go(s, pin);
	CHECK_EQ(s->p.arena.used_bytes, used);
	CHECK_EQ(s->p.stats.past_bytes, 0);
	CHECK_EQ(pins_count(&s->past), 0);
	store_destroy(s);
}

/* Deleted, made again, deleted again, made anew: to the pin nothing happens. */
static void deleted(void)
{
	struct store *s = store_create(4);
	struct ds_pin *pin, *later;

	put(s, "a", 1);
	put(s, "b", 1);
	store_quiesce(s);
	pin = pin_take(&s->past);
	delete(s, "a");
	delete(s, "b");
	put(s, "c", 1);
	store_quiesce(s);
	store_validate(s);
	CHECK_EQ(s->p.index.slots, 3);
	CHECK_EQ(seen_by(s, pin, "a"), 1);
	CHECK_EQ(seen_by(s, pin, "c"), 0);
	later = pin_take(&s->past);
	put(s, "a", 2);
	delete(s, "c");
	store_quiesce(s);
	store_validate(s);
	CHECK_EQ(seen_by(s, pin, "a"), 1);
	CHECK_EQ(seen_by(s, later, "a"), 0);
	CHECK_EQ(seen_now(s, "a"), 2);
	CHECK_EQ(seen_by(s, later, "c"), 1);
	CHECK_EQ(seen_by(s, later, "b"), 0);
	delete(s, "a");
	store_quiesce(s);
	store_validate(s);
	CHECK_EQ(seen_by(s, pin, "a"), 1);
	CHECK_EQ(seen_by(s, later, "a"), 0);
	/* The one that is needed longer goes last, or first. */
	let_go(s, later);
	CHECK_EQ(seen_by(s, pin, "a"), 1);
	CHECK_EQ(seen_by(s, pin, "b"), 1);
	CHECK_EQ(seen_by(s, pin, "c"), 0);
	let_go(s, pin);
	CHECK_EQ(s->p.index.slots, 0);
	store_destroy(s);
}

/* What comes and goes while there is a pin that saw none of it leaves nothing. */
static void comes_and_goes(void)
{
	struct store *s = store_create(4);
	struct ds_pin *pin;
	char id[16];
	u32 i;

	put(s, "a", 1);
	pin = pin_take(&s->past);
	for (i = 0; i < 500; i++) {
		snprintf(id, sizeof(id), "x%u", i);
		put(s, id, 1);
		put(s, id, 2);
		delete(s, id);
		if (!(i % 50))
			store_quiesce(s);
	}
	store_quiesce(s);
	CHECK_EQ(s->p.index.slots, 1);
	CHECK_EQ(s->p.stats.past_bytes, 0);
	let_go(s, pin);
	store_destroy(s);
}

/* While it is not known what a pin sees, everything is kept. */
static void pending(void)
{
	struct store *s = store_create(4);
	struct ds_pin *pin;
	struct batch *b;

	put(s, "a", 1);
	put(s, "b", 1);
	store_quiesce(s);
	b = batch_create(s, false);
	op_set_number(b, "a", PROP, DOCSTORE_TYPE_U64, 2);
	op_delete(b, "b");
	store_begin(s);
	store_apply(s, b);
	/* Between the owner's decisions and the publication, which it does not see. */
	pin = pin_publish(&s->past);
	CHECK(ds_past_collect(&s->past, pin, 1));
	store_publish(s);
	store_settle(s, b);
	batch_destroy(b);
	put(s, "a", 3);
	ds_past_end(pin);
	store_quiesce(s);
	store_validate(s);
	CHECK_EQ(seen_by(s, pin, "a"), 1);
	CHECK_EQ(seen_by(s, pin, "b"), 1);
	CHECK_EQ(seen_now(s, "a"), 3);
	let_go(s, pin);
	CHECK_EQ(s->p.stats.past_bytes, 0);
	store_destroy(s);
}

/*
 * A tombstone that a pin sees, and that was replaced, stays also if its time is over
 * before it is known what the pin sees. The model found that it did not.
 */
static void tombstone_while_pending(void)
{
	struct store *s = store_create(4);
	struct ds_pin *pin;
	u32 i;

	put(s, "a", 1);
	store_quiesce(s);
	delete(s, "a");
	pin = pin_publish(&s->past);
	CHECK(ds_past_collect(&s->past, pin, 1));
	put(s, "a", 2);
	store_quiesce(s);
	/* What takes memory that was given back. */
	for (i = 3; i < 200; i++)
		put(s, "a", i);
	store_quiesce(s);
	ds_past_end(pin);
	CHECK_EQ(seen_by(s, pin, "a"), 0);
	store_validate(s);
	put(s, "a", 200);
	store_quiesce(s);
	store_validate(s);
	CHECK_EQ(seen_by(s, pin, "a"), 0);
	let_go(s, pin);
	CHECK_EQ(s->p.stats.past_bytes, 0);
	store_destroy(s);
}

/* A list is looked through in slices, as much as is asked for. */
static void slices(void)
{
	struct store *s = store_create(16);
	struct ds_pin *pin;
	u32 n = 3000, i, rounds = 0;
	char id[16];

	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "x%u", i);
		put(s, id, 1);
	}
	pin = pin_take(&s->past);
	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "x%u", i);
		put(s, id, 2);
	}
	CHECK_EQ(pin->list[0].count, n);
	ds_past_release(&s->past, pin);
	do {
		u32 before = pin->list[0].count;

		store_maintain(s, 98, false);
		CHECK_EQ(s->p.draining, !!pin->list[0].count);
		CHECK_EQ(before - pin->list[0].count, 100);
		rounds++;
	} while (s->p.draining);
	CHECK_EQ(rounds, n / 100);
	CHECK_EQ(atomic_read(&pin->unemptied), 0);
	let_go(s, pin);
	store_destroy(s);
}

#define DOCUMENTS	60
#define PINS		5

struct moment {
	struct ds_pin *pin;
	u64 numbers[DOCUMENTS];
};

static void moment_check(struct store *s, const struct moment *m)
{
	char id[16];
	u32 i;

	for (i = 0; i < DOCUMENTS; i++) {
		snprintf(id, sizeof(id), "d%u", i);
		CHECK_EQ(seen_by(s, m->pin, id), m->numbers[i]);
	}
}

/* Any changes, with pins that come and go in any order, against plain copies. */
static void random_moments(void)
{
	struct moment moments[PINS] = {};
	u64 numbers[DOCUMENTS] = {}, number = 0;
	struct rng rng = { test_seed() };
	u64 steps = test_param("STEPS", 30000) / 5;
	struct store *s = store_create(16);
	u32 i;

	while (steps--) {
		struct moment *m = &moments[rng_below(&rng, PINS)];
		u32 what = rng_below(&rng, 100);

		if (what < 70) {
			struct batch *b = batch_create(s, rng_below(&rng, 2));
			u32 n = 1 + rng_below(&rng, 6);
			char id[16];

			while (n--) {
				i = rng_below(&rng, DOCUMENTS);
				snprintf(id, sizeof(id), "d%u", i);
				if (numbers[i] && rng_below(&rng, 3) == 0) {
					op_delete(b, id);
					numbers[i] = 0;
				} else {
					numbers[i] = ++number;
					op_set_number(b, id, PROP, DOCSTORE_TYPE_U64, number);
				}
			}
			store_run(s, b);
		} else if (what < 76) {
			if (m->pin)
				continue;
			m->pin = pin_take(&s->past);
			memcpy(m->numbers, numbers, sizeof(numbers));
		} else if (what < 82) {
			if (!m->pin)
				continue;
			moment_check(s, m);
			ds_past_release(&s->past, m->pin);
			m->pin = NULL;
		} else if (what < 90) {
			shim_rcu_elapse();
			store_maintain(s, rng_below(&rng, 30), rng_below(&rng, 2));
			pins_sweep(&s->past);
		} else if (what < 92) {
			store_quiesce(s);
		} else {
			if (m->pin)
				moment_check(s, m);
			store_validate(s);
		}
	}
	for (i = 0; i < PINS; i++) {
		if (!moments[i].pin)
			continue;
		moment_check(s, &moments[i]);
		ds_past_release(&s->past, moments[i].pin);
	}
	store_quiesce(s);
	pins_sweep(&s->past);
	CHECK_EQ(pins_count(&s->past), 0);
	CHECK_EQ(s->p.stats.past_bytes, 0);
	store_validate(s);
	CHECK_EQ(s->p.index.slots, s->p.stats.documents);
	store_destroy(s);
}

/* Nothing can be pinned while several partitions publish, or one of them has. */
static void one_moment(void)
{
	struct stores *all = stores_create(3, 2);
	struct ds_pin *pin;

	put(all->s[1], "a", 1);
	pin = pin_publish(&all->past);
	all->head.epoch++;
	CHECK(!ds_past_collect(&all->past, pin, 3));
	all->head.epoch++;
	CHECK(ds_past_collect(&all->past, pin, 1));
	CHECK_EQ(pin->list[0].seq, 0);
	CHECK_EQ(pin->list[1].seq, 1);
	ds_past_end(pin);
	ds_past_release(&all->past, pin);
	store_quiesce(all->s[0]);
	store_quiesce(all->s[1]);
	CHECK_EQ(pins_sweep(&all->past), 0);
	store_quiesce(all->s[2]);
	CHECK_EQ(pins_sweep(&all->past), 1);
	stores_destroy(all);
}

/* Change all documents, one step of it, as far as it goes. */
static void change_some(struct store *s, u32 n, u32 *at, u32 count)
{
	struct batch *b = batch_create_for(s, false, count);
	char id[16];

	for (; count && *at < 2 * n; count--, ++*at) {
		snprintf(id, sizeof(id), "x%u", *at % n);
		op_set_number(b, id, PROP, DOCSTORE_TYPE_U64, 2 + *at);
	}
	store_run(s, b);
}

/*
 * All documents are read as of a pin, while all of them are changed twice, and others
 * come: what is read is what was there. Afterwards the memory is what it was.
 * EXPORT=1000000 for as many of them.
 */
static void exported(void)
{
	u32 n = test_param("EXPORT", 5000), at = 0, extra = 0, i;
	struct store *s = store_create(n / 4000 + 64);
	static struct ds_scan scan;
	u8 *seen = calloc(n, 1);
	struct ds_pin *pin;
	u64 used, seq;
	char id[16];

	CHECK(seen);
	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "x%u", i);
		put(s, id, 1);
	}
	store_quiesce(s);
	used = s->p.arena.used_bytes - s->p.index.bytes;
	pin = pin_take(&s->past);
	seq = pin->list[0].seq;
	change_some(s, n, &at, 100);
	scan.from = 0;
	do {
		ds_index_scan(&s->p.index, s->key, &scan);
		for (i = 0; i < scan.count; i++) {
			const struct docstore_version *v =
				ds_partition_visible(&s->p, scan.found[i].version, seq);
			const u8 *name;

			if (!v)
				continue;
			CHECK_EQ(number_of(v), 1);
			CHECK_EQ(v->version, 1);
			name = ds_version_id(v);
			memcpy(id, name, v->id_len);
			id[v->id_len] = 0;
			CHECK_EQ(id[0], 'x');
			CHECK(!seen[atoi(id + 1)]++);
		}
		/* Fast enough to be done before the end. */
		change_some(s, n, &at, 10);
		if (!(at % 7)) {
			snprintf(id, sizeof(id), "new%u", extra++);
			put(s, id, 1);
		}
		scan.from = scan.last + 1;
	} while (scan.last != U64_MAX);
	CHECK_EQ(at, 2 * n);
	for (i = 0; i < n; i++)
		CHECK_EQ(seen[i], 1);
	CHECK_EQ(pin->list[0].count, n);
	while (extra) {
		snprintf(id, sizeof(id), "new%u", --extra);
		delete(s, id);
	}
	let_go(s, pin);
	/* But for the array that says which property was set when. */
	CHECK(s->p.arena.used_bytes - s->p.index.bytes <= used + used / 20);
	CHECK_EQ(s->p.stats.past_bytes, 0);
	free(seen);
	store_destroy(s);
}

const struct test past_tests[] = {
	TEST(keeps_one),
	TEST(deleted),
	TEST(comes_and_goes),
	TEST(pending),
	TEST(tombstone_while_pending),
	TEST(slices),
	TEST(random_moments),
	TEST(exported),
	TEST(one_moment),
	{}
};

// SPDX-License-Identifier: GPL-2.0
/*
 * A partition: batches, commits, tombstones, and the bytes that come back.
 */
#include <errno.h>
#include <string.h>

#include "store.h"
#include "test.h"

static u64 version_of(struct store *s, const char *id)
{
	const struct docstore_version *v;
	u64 version = 0;

	rcu_read_lock();
	v = store_read(s, id, strlen(id));
	if (v)
		version = v->version;
	rcu_read_unlock();
	return version;
}

static s64 number_of(struct store *s, const char *id, u32 property)
{
	const struct docstore_version *v;
	struct ds_value value;
	s64 number = -1;

	rcu_read_lock();
	v = store_read(s, id, strlen(id));
	CHECK(v);
	CHECK(ds_version_property(v, property, &value));
	CHECK_EQ(value.len, 8);
	memcpy(&number, value.data, 8);
	rcu_read_unlock();
	return number;
}

/* One document with one number. */
static void put(struct store *s, const char *id, u64 number)
{
	struct batch *b = batch_create(s, false);

	op_set_number(b, id, 1, DOCSTORE_TYPE_U64, number);
	store_run(s, b);
}

static void del(struct store *s, const char *id)
{
	struct batch *b = batch_create(s, false);

	op_delete(b, id);
	store_run(s, b);
}

static void put_get(void)
{
	struct store *s = store_create(4);
	const struct docstore_version *v;
	struct ds_value value;
	struct batch *b;

	CHECK(!store_read(s, "a", 1));
	b = batch_create(s, false);
	op_set_number(b, "a", 7, DOCSTORE_TYPE_S64, 42);
	op_set_data(b, "a", 8, DOCSTORE_TYPE_STRING, "hello", 5);
	store_run(s, b);

	rcu_read_lock();
	v = store_read(s, "a", 1);
	CHECK(v);
	CHECK_EQ(v->version, 1);
	CHECK_EQ(v->nprops, 2);
	CHECK(ds_version_property(v, 8, &value));
	CHECK_EQ(value.len, 5);
	CHECK(!memcmp(value.data, "hello", 5));
	rcu_read_unlock();
	CHECK_EQ(number_of(s, "a", 7), 42);
	store_validate(s);

	del(s, "a");
	CHECK(!store_read(s, "a", 1));
	store_validate(s);
	store_quiesce(s);
	CHECK_EQ(s->p.index.slots, 0);
	store_validate(s);
	store_destroy(s);
}

/* Nothing of a commit is visible before it is published, and then all is. */
static void publication(void)
{
	struct store *s = store_create(4);
	const struct docstore_version *a, *c;
	struct batch *b1, *b2;

	put(s, "a", 1);
	put(s, "c", 3);
	store_quiesce(s);

	rcu_read_lock();
	a = store_read(s, "a", 1);
	c = store_read(s, "c", 1);
	rcu_read_unlock();
	b1 = batch_create(s, true);
	op_set_number(b1, "a", 1, DOCSTORE_TYPE_U64, 11);
	op_set_number(b1, "b", 1, DOCSTORE_TYPE_U64, 12);
	b2 = batch_create(s, false);
	op_delete(b2, "c");
	op_set_number(b2, "b", 1, DOCSTORE_TYPE_U64, 13);
	op_set_number(b2, "a", 1, DOCSTORE_TYPE_U64, 14);
	op_set_number(b2, "d", 1, DOCSTORE_TYPE_U64, 15);

	store_begin(s);
	store_apply(s, b1);
	CHECK(store_read(s, "a", 1) == a);
	CHECK(!store_read(s, "b", 1));
	store_apply(s, b2);
	CHECK(store_read(s, "a", 1) == a);
	CHECK(!store_read(s, "b", 1));
	CHECK(store_read(s, "c", 1) == c);
	CHECK(!store_read(s, "d", 1));
	CHECK(store_publish(s));
	CHECK_EQ(number_of(s, "a", 1), 14);
	CHECK_EQ(number_of(s, "b", 1), 13);
	CHECK(!store_read(s, "c", 1));
	CHECK_EQ(number_of(s, "d", 1), 15);
	CHECK_EQ(version_of(s, "a"), 3);
	CHECK_EQ(version_of(s, "b"), 2);
	/* A reader from before it still sees what was there. */
	CHECK(ds_partition_visible(&s->p, store_read(s, "a", 1), s->map->visible_seq - 1) == a);
	CHECK(!ds_partition_visible(&s->p, store_read(s, "b", 1), s->map->visible_seq - 1));

	store_settle(s, b1);
	store_settle(s, b2);
	store_maintain(s, 10, true);
	store_validate(s);
	CHECK_EQ(s->p.stats.commits, 3);
	CHECK_EQ(s->p.stats.documents, 3);
	CHECK_EQ(s->p.stats.changes, 2 + 6);
	batch_destroy(b1);
	batch_destroy(b2);
	store_destroy(s);
}

/* A commit that changes nothing publishes nothing. */
static void nothing(void)
{
	struct store *s = store_create(4);
	struct ds_delta *get;
	struct batch *b;
	u64 seq;

	put(s, "a", 1);
	seq = s->map->visible_seq;
	store_begin(s);
	CHECK(!store_publish(s));

	b = batch_create(s, false);
	get = op_get(b, "a", 1, 8);
	op_get(b, "b", 1, 8);
	store_begin(s);
	store_apply(s, b);
	CHECK(!store_publish(s));
	CHECK_EQ(get->result, 0);
	CHECK_EQ(get->version, 1);
	CHECK_EQ(get->out_len, 8);
	CHECK_EQ(b->deltas[1].result, -ENOENT);
	CHECK_EQ(s->map->visible_seq, seq);
	CHECK_EQ(s->p.stats.commits, 1);
	batch_destroy(b);
	store_validate(s);
	store_destroy(s);
}

/* In a batch that is not atomic, each document stands for itself. */
static void each_for_itself(void)
{
	struct store *s = store_create(4);
	struct batch *b;

	put(s, "a", 1);
	put(s, "b", 1);
	b = batch_create(s, false);
	op_set_number(b, "a", 1, DOCSTORE_TYPE_U64, 2);
	op_set_number(b, "a", 2, DOCSTORE_TYPE_U64, 3);
	op_unset(b, "b", 9);
	op_set_number(b, "b", 1, DOCSTORE_TYPE_U64, 2);
	op_delete(b, "c");
	op_set_number(b, "d", 1, DOCSTORE_TYPE_U64, 2);
	op_set_number(b, "b", 3, DOCSTORE_TYPE_U64, 2);
	store_commit(s, b);
	CHECK_EQ(b->deltas[0].result, 0);
	CHECK_EQ(b->deltas[0].version, 2);
	CHECK_EQ(b->deltas[1].version, 2);
	CHECK_EQ(b->deltas[2].result, -ENODATA);
	CHECK_EQ(b->deltas[3].result, -ECANCELED);
	CHECK_EQ(b->deltas[4].result, -ENOENT);
	CHECK_EQ(b->deltas[5].result, 0);
	CHECK_EQ(b->deltas[6].result, -ECANCELED);
	CHECK(!b->batch.refused && !b->batch.nomem);
	batch_destroy(b);
	CHECK_EQ(number_of(s, "a", 2), 3);
	CHECK_EQ(number_of(s, "b", 1), 1);
	CHECK_EQ(number_of(s, "d", 1), 2);
	store_validate(s);
	store_destroy(s);
}

/* In one that is, they stand and fall together. */
static void all_or_nothing(void)
{
	struct store *s = store_create(4);
	struct batch *b;
	u64 used;

	put(s, "a", 1);
	store_quiesce(s);
	used = s->p.arena.used_bytes;
	b = batch_create(s, true);
	op_set_number(b, "new", 1, DOCSTORE_TYPE_U64, 2);
	op_set_number(b, "a", 1, DOCSTORE_TYPE_U64, 2);
	op_delete(b, "c");
	op_set_number(b, "d", 1, DOCSTORE_TYPE_U64, 2);
	op_add(b, "a", 1, 1);
	op_unset(b, "e", 1);
	store_commit(s, b);
	CHECK(b->batch.refused && !b->batch.nomem);
	CHECK_EQ(b->deltas[0].result, -ECANCELED);
	CHECK_EQ(b->deltas[1].result, -ECANCELED);
	/* Each that fails by itself says why. */
	CHECK_EQ(b->deltas[2].result, -ENOENT);
	CHECK_EQ(b->deltas[3].result, -ECANCELED);
	CHECK_EQ(b->deltas[4].result, -EDOM);
	CHECK_EQ(b->deltas[5].result, -ENOENT);
	batch_destroy(b);
	CHECK_EQ(number_of(s, "a", 1), 1);
	CHECK_EQ(version_of(s, "a"), 1);
	CHECK(!store_read(s, "new", 3));
	CHECK(!store_read(s, "d", 1));
	CHECK_EQ(s->p.stats.commits, 1);
	CHECK_EQ(s->p.arena.used_bytes, used);
	store_validate(s);

	b = batch_create(s, true);
	op_set_number(b, "new", 1, DOCSTORE_TYPE_U64, 2);
	op_delete(b, "a");
	op_set_number(b, "d", 1, DOCSTORE_TYPE_U64, 2);
	store_run(s, b);
	CHECK_EQ(number_of(s, "new", 1), 2);
	CHECK(!version_of(s, "a"));
	store_validate(s);
	store_destroy(s);
}

/* Conditions look at the document as it was before the batch. */
static void conditions(void)
{
	static const struct {
		const char *id;
		u8 flags;
		u64 version;
		int result;
	} cases[] = {
		{ "a", DOCSTORE_IF_EXISTS, 0, 0 },
		{ "a", DOCSTORE_IF_ABSENT, 0, -EEXIST },
		{ "a", DOCSTORE_IF_VERSION, 2, 0 },
		{ "a", DOCSTORE_IF_VERSION, 1, -ESTALE },
		{ "a", DOCSTORE_IF_VERSION, 0, -ESTALE },
		{ "a", DOCSTORE_IF_EXISTS | DOCSTORE_IF_VERSION, 2, 0 },
		{ "a", DOCSTORE_IF_ABSENT | DOCSTORE_IF_VERSION, 2, -EEXIST },
		{ "gone", DOCSTORE_IF_EXISTS, 0, -ENOENT },
		{ "gone", DOCSTORE_IF_ABSENT, 0, 0 },
		{ "gone", DOCSTORE_IF_VERSION, 0, 0 },
		{ "gone", DOCSTORE_IF_VERSION, 1, -ESTALE },
		{ "gone", DOCSTORE_IF_VERSION, 2, -ESTALE },
		{ "never", DOCSTORE_IF_EXISTS, 0, -ENOENT },
		{ "never", DOCSTORE_IF_ABSENT, 0, 0 },
		{ "never", DOCSTORE_IF_VERSION, 0, 0 },
		{ "never", DOCSTORE_IF_VERSION, 1, -ESTALE },
	};
	struct batch *b;
	u32 i, atomic;

	for (atomic = 0; atomic < 2; atomic++) {
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			struct store *s = store_create(4);
			struct ds_delta *delta;

			put(s, "a", 1);
			put(s, "a", 2);
			put(s, "gone", 1);
			del(s, "gone");
			b = batch_create(s, atomic);
			op_touch(b, cases[i].id, 0);
			delta = op_touch(b, cases[i].id, 0);
			delta->flags = cases[i].flags;
			delta->expected = cases[i].version;
			op_touch(b, "other", 0);
			store_commit(s, b);
			CHECK_EQ(delta->result, cases[i].result);
			CHECK_EQ(b->deltas[0].result, cases[i].result ? -ECANCELED : 0);
			CHECK_EQ(b->deltas[2].result, cases[i].result && atomic ? -ECANCELED : 0);
			CHECK_EQ(b->batch.refused, atomic && cases[i].result);
			batch_destroy(b);
			store_validate(s);
			store_destroy(s);
		}
	}
}

/*
 * Of several conditions on one document each that fails says so; and a batch
 * later in the same commit sees what the one before it did.
 */
static void conditions_in_order(void)
{
	struct store *s = store_create(4);
	struct batch *b1 = batch_create(s, false), *b2 = batch_create(s, false);
	struct batch *b3 = batch_create(s, false);

	store_top_up(s, 1000);
	op_touch(b1, "a", 5)->flags = DOCSTORE_IF_ABSENT;
	op_touch(b2, "a", 0)->flags = DOCSTORE_IF_ABSENT;
	op_touch(b2, "b", 0);
	op_touch(b2, "a", 0)->flags = DOCSTORE_IF_VERSION;
	op_touch(b2, "a", 0)->flags = DOCSTORE_IF_EXISTS;
	op_touch(b3, "a", 0)->flags = DOCSTORE_IF_VERSION;
	b3->deltas[0].expected = 5;
	store_begin(s);
	store_apply(s, b1);
	store_apply(s, b2);
	store_apply(s, b3);
	store_publish(s);
	store_settle(s, b1);
	store_settle(s, b2);
	store_settle(s, b3);
	store_maintain(s, 3, false);
	CHECK_EQ(b1->deltas[0].result, 0);
	CHECK_EQ(b1->deltas[0].version, 5);
	CHECK_EQ(b2->deltas[0].result, -EEXIST);
	CHECK_EQ(b2->deltas[1].result, 0);
	CHECK_EQ(b2->deltas[2].result, -ESTALE);
	CHECK_EQ(b2->deltas[3].result, -ECANCELED);
	CHECK_EQ(b3->deltas[0].result, 0);
	CHECK_EQ(b3->deltas[0].version, 6);
	CHECK_EQ(version_of(s, "a"), 6);
	store_validate(s);
	batch_destroy(b1);
	batch_destroy(b2);
	batch_destroy(b3);
	store_destroy(s);
}

/* Operations on one document, not next to each other, make one version. */
static void one_version(void)
{
	struct store *s = store_create(4);
	struct ds_delta *get, *whole;
	struct docstore_version *v;
	struct batch *b;
	s64 sum;

	b = batch_create(s, false);
	op_add(b, "a", 1, 5);
	op_touch(b, "b", 0);
	op_add(b, "a", 1, 6);
	op_add(b, "c", 1, 1);
	get = op_get(b, "a", 1, 8);
	op_touch(b, "b", 0);
	whole = op_get(b, "a", 0, 4096);
	store_commit(s, b);
	CHECK_EQ(get->result, 0);
	CHECK_EQ(get->version, 1);
	CHECK_EQ(get->out_type, DOCSTORE_TYPE_S64);
	memcpy(&sum, get->data, 8);
	CHECK_EQ(sum, 11);
	v = whole->data;
	CHECK_EQ(whole->out_len, v->size);
	version_validate(v);
	CHECK_EQ(v->version, 1);
	CHECK_EQ(v->seq, 0);
	batch_destroy(b);
	CHECK_EQ(version_of(s, "a"), 1);
	CHECK_EQ(version_of(s, "b"), 1);
	CHECK_EQ(s->p.stats.changes, 3);
	/* Deltas are counted where monitors see them. */
	store_validate(s);
	store_destroy(s);
}

/* A document that is made and deleted in one batch, or one commit. */
static void born_dead(void)
{
	struct store *s = store_create(4);
	struct batch *b = batch_create(s, true), *b2;

	op_touch(b, "a", 9);
	op_delete(b, "a");
	store_run(s, b);
	CHECK(!version_of(s, "a"));
	CHECK_EQ(s->p.stats.documents, 0);
	store_validate(s);
	store_quiesce(s);
	CHECK_EQ(s->p.index.slots, 0);
	store_validate(s);
	put(s, "a", 1);
	CHECK_EQ(version_of(s, "a"), 10);

	b = batch_create(s, true);
	op_delete(b, "a");
	b2 = batch_create(s, true);
	op_touch(b2, "a", 0);
	store_begin(s);
	store_apply(s, b);
	store_apply(s, b2);
	store_publish(s);
	CHECK_EQ(version_of(s, "a"), 12);
	store_settle(s, b);
	store_settle(s, b2);
	store_maintain(s, 2, true);
	store_validate(s);
	store_quiesce(s);
	CHECK_EQ(s->p.stats.documents, 1);
	store_validate(s);
	batch_destroy(b);
	batch_destroy(b2);
	store_destroy(s);
}

/* Versions never go backwards for one id, whatever became of its tombstone. */
static void tombstones(void)
{
	struct store *s = store_create(4);
	struct batch *b;
	u64 floor;
	u32 i;

	put(s, "other", 1);
	/* While the slot has it. */
	for (i = 1; i < 100; i += 2) {
		put(s, "a", i);
		CHECK_EQ(version_of(s, "a"), i);
		del(s, "a");
		CHECK(!version_of(s, "a"));
		CHECK_EQ(s->p.index.slots, 2);
		store_validate(s);
	}
	CHECK_EQ(s->p.floor, 0);
	/* When it is gone. */
	store_quiesce(s);
	CHECK_EQ(s->p.index.slots, 1);
	CHECK_EQ(s->p.floor, 100);
	store_validate(s);
	put(s, "new", 1);
	CHECK_EQ(version_of(s, "new"), 101);
	put(s, "a", 1);
	CHECK_EQ(version_of(s, "a"), 101);
	put(s, "other", 1);
	CHECK_EQ(version_of(s, "other"), 2);

	/* One with a low version does not lower the floor. */
	del(s, "other");
	store_quiesce(s);
	CHECK_EQ(s->p.floor, 100);
	b = batch_create(s, false);
	op_touch(b, "high", 1ULL << 40);
	op_touch(b, "low", 0);
	store_run(s, b);
	CHECK_EQ(version_of(s, "high"), 1ULL << 40);
	CHECK_EQ(version_of(s, "low"), 101);
	del(s, "high");
	floor = s->p.floor;
	CHECK_EQ(floor, 100);
	store_quiesce(s);
	CHECK_EQ(s->p.floor, (1ULL << 40) + 1);
	store_validate(s);
	store_destroy(s);
}

/* A version that a later batch of the same commit replaces may have been found already. */
static void replaced_in_commit(void)
{
	struct store *s = store_create(2);
	const struct docstore_version *v;
	struct batch *b1, *b2;
	u64 retired;

	put(s, "a", 1);
	store_quiesce(s);
	b1 = batch_create(s, false);
	op_set_number(b1, "a", 1, DOCSTORE_TYPE_U64, 2);
	b2 = batch_create(s, false);
	op_set_number(b2, "a", 1, DOCSTORE_TYPE_U64, 3);
	store_begin(s);
	store_apply(s, b1);
	v = ds_index_lookup(&s->p.index, store_hash(s, "a", 1), (const u8 *)"a", 1);
	CHECK_EQ(v->version, 2);
	retired = s->p.arena.retired_bytes;
	store_apply(s, b2);
	CHECK_EQ(s->p.arena.retired_bytes, retired + ds_arena_block_size(v->size));
	/* It is there for who has found it, and leads to what is visible still. */
	CHECK_EQ(v->version, 2);
	CHECK_EQ(ds_partition_current(&s->p, v)->version, 1);
	store_publish(s);
	store_settle(s, b1);
	store_settle(s, b2);
	batch_destroy(b1);
	batch_destroy(b2);
	CHECK_EQ(version_of(s, "a"), 3);
	store_quiesce(s);
	store_validate(s);
	store_destroy(s);
}

/* A tombstone keeps its slot as long as a reader may need the way past it. */
static void tombstone_waits(void)
{
	struct store *s = store_create(4);
	const struct docstore_version *v;
	struct batch *b;
	u64 seq;
	u32 i;

	put(s, "a", 7);
	store_quiesce(s);
	seq = s->map->visible_seq;
	v = store_read(s, "a", 1);
	b = batch_create(s, false);
	op_delete(b, "a");
	store_run(s, b);
	for (i = 0; i < 100; i++) {
		const struct docstore_version *newest;

		/* No grace period is over: v is there, and can be found. */
		store_maintain(s, 1000, true);
		newest = ds_index_lookup(&s->p.index, store_hash(s, "a", 1), (const u8 *)"a", 1);
		CHECK(newest && ds_version_tombstone(newest));
		CHECK(ds_partition_visible(&s->p, newest, seq) == v);
		CHECK_EQ(v->version, 1);
	}
	store_validate(s);
	store_quiesce(s);
	CHECK_EQ(s->p.index.slots, 0);
	store_destroy(s);
}

/*
 * A reader of the mapping that looks for several documents as of one commit holds
 * up nothing, so it must notice when the slot of one that was there is gone.
 */
static void tombstone_era_by(bool hurry)
{
	struct store *s = store_create(4);
	struct batch *b;
	u64 era;

	put(s, "a", 7);
	store_quiesce(s);
	era = s->map->era;
	b = batch_create(s, false);
	op_delete(b, "a");
	store_run(s, b);
	store_maintain(s, 1, false);
	CHECK_EQ(s->p.index.slots, 1);
	shim_rcu_elapse();
	/* The slot waits until the era has gone on by itself, unless there is hurry. */
	store_maintain(s, 1, false);
	CHECK_EQ(s->map->era, era);
	CHECK_EQ(s->p.index.slots, 1);
	if (hurry) {
		store_maintain(s, 1, true);
		CHECK(s->map->era > era + DOCSTORE_MAP_ERAS);
	} else {
		s->map->era += DOCSTORE_MAP_ERAS;
		store_maintain(s, 1, false);
		CHECK_EQ(s->p.index.slots, 1);
		s->map->era++;
		store_maintain(s, 1, false);
	}
	CHECK_EQ(s->p.index.slots, 0);
	store_quiesce(s);
	store_validate(s);
	store_destroy(s);
}

static void tombstone_era(void)
{
	tombstone_era_by(false);
	tombstone_era_by(true);
}

/*
 * A reader that begins in the middle of a commit sees what was before, and keeps
 * it, though grace periods end that began before it did.
 */
static void reader_in_commit(void)
{
	struct store *s = store_create(4);
	const struct docstore_version *a, *d, *newest;
	unsigned long now;
	struct batch *b;
	u64 seq, waiting;
	u32 i;

	put(s, "a", 1);
	put(s, "d", 1);
	store_quiesce(s);

	b = batch_create(s, false);
	op_touch(b, "a", 0);
	op_delete(b, "d");
	store_begin(s);
	store_apply(s, b);
	seq = s->map->visible_seq;
	a = store_read(s, "a", 1);
	d = store_read(s, "d", 1);
	CHECK(a && d);
	now = shim_rcu_now();
	store_publish(s);
	store_settle(s, b);
	waiting = s->p.arena.retired_bytes;
	CHECK_EQ(waiting, ds_arena_block_size(a->size) + ds_arena_block_size(d->size));
	for (i = 0; i < 20; i++) {
		store_maintain(s, 100, true);
		shim_rcu_elapse_to(now);
		CHECK_EQ(s->p.arena.retired_bytes, waiting);
		newest = ds_index_lookup(&s->p.index, store_hash(s, "d", 1), (const u8 *)"d", 1);
		CHECK(newest && ds_partition_visible(&s->p, newest, seq) == d);
		newest = ds_index_lookup(&s->p.index, store_hash(s, "a", 1), (const u8 *)"a", 1);
		CHECK(ds_partition_visible(&s->p, newest, seq) == a);
	}
	batch_destroy(b);
	store_quiesce(s);
	store_validate(s);
	store_destroy(s);
}

/* Everything that was stored is deleted: all bytes come back. */
static void bytes_come_back(void)
{
	struct store *s = store_create(128);
	struct rng rng = { test_seed() };
	static u8 data[100000];
	struct batch *b = NULL;
	u32 round, pages, i, n = 3000;
	char id[32];

	for (round = 0; round < 2; round++) {
		u64 versions = s->p.stats.changes;

		for (i = 0; i < n; i++) {
			snprintf(id, sizeof(id), "document %u", i);
			if (!b)
				b = batch_create(s, rng_below(&rng, 2));
			op_set_data(b, id, 1 + i % 5, DOCSTORE_TYPE_BYTES, data,
				    rng_skewed(&rng, sizeof(data)));
			if (rng_below(&rng, 10) && b->ndeltas < b->room)
				continue;
			store_run(s, b);
			b = NULL;
			if (!rng_below(&rng, 50))
				shim_rcu_elapse();
		}
		if (b)
			store_run(s, b);
		b = NULL;
		CHECK_EQ(s->p.stats.documents, n);
		CHECK_EQ(s->p.stats.changes - versions, n);
		store_validate(s);
		for (i = 0; i < n; i++) {
			snprintf(id, sizeof(id), "document %u", (i * 7) % n);
			b = batch_create(s, false);
			if (i % 3 == 0)
				op_touch(b, id, 0);
			op_delete(b, id);
			store_run(s, b);
			if (!rng_below(&rng, 50))
				shim_rcu_elapse();
		}
		b = NULL;
		CHECK_EQ(s->p.stats.documents, 0);
		CHECK_EQ(s->p.stats.document_bytes, 0);
		store_validate(s);
		store_quiesce(s);
		store_validate(s);
		CHECK(!s->p.waiting);
		CHECK_EQ(s->p.index.slots, 0);
		CHECK_EQ(s->p.arena.retired_bytes, 0);
		CHECK_EQ(s->p.arena.used_bytes, s->p.index.bytes);
		/* The index keeps its buckets, and no overflow bucket. */
		CHECK_EQ(s->p.index.bytes, DOCSTORE_MAP_DIR_SEGMENTS * sizeof(u32) +
			 s->p.index.grown * sizeof(struct docstore_bucket));
		/*
		 * Of the pages, those of one empty run of each class may stay, and
		 * the runs in which segments of the index stand.
		 */
		pages = s->p.index.grown / DOCSTORE_MAP_SEGMENT *
			core_class_pages(core_class_of(DS_CLASS_MAX));
		for (i = 0; i < DS_CLASSES; i++)
			pages += core_class_pages(i);
		CHECK((s->brought - atomic_read(&s->p.arena.ndonated)) * DS_CHUNK_PAGES -
		      s->p.arena.free_pages <= pages);
	}
	store_destroy(s);
}

/* Without memory nothing is done; with it the same batch goes through. */
static void no_memory(void)
{
	struct store *s = store_create(4);
	struct batch *b;
	u32 atomic, i;

	for (atomic = 0; atomic < 2; atomic++) {
		b = batch_create(s, atomic);
		op_touch(b, "a", 0);
		op_touch(b, "b", 0);
		if (!atomic) {
			store_begin(s);
			store_apply(s, b);
			CHECK(!store_publish(s));
			store_settle(s, b);
			store_maintain(s, 2, true);
			CHECK(b->batch.nomem);
			CHECK_EQ(s->p.stats.changes, 0);
			CHECK(!store_read(s, "a", 1));
			for (i = 0; i < 2; i++)
				CHECK_EQ(b->changes[i].state, DS_CHANGE_NOMEM);
			store_validate(s);
		}
		store_run(s, b);
		CHECK_EQ(version_of(s, "a"), atomic + 1);
		CHECK_EQ(version_of(s, "b"), atomic + 1);
		store_validate(s);
	}
	store_destroy(s);
}

/*
 * A store that is full: more is refused, deleting goes, and then there is room
 * again.
 */
static void full(void)
{
	struct store *s = store_create(2);
	static u8 data[9000];
	u32 n = 0, i, round;
	struct batch *b;
	char id[32];

	for (round = 0; round < 3; round++) {
		for (i = 0; ; i++) {
			snprintf(id, sizeof(id), "%u", i);
			b = batch_create(s, false);
			op_set_data(b, id, 1, DOCSTORE_TYPE_BYTES, data, 1000 + i % 8000);
			store_commit(s, b);
			if (b->batch.nomem)
				break;
			batch_destroy(b);
		}
		batch_destroy(b);
		CHECK(i > 500);
		if (round)
			CHECK(i + 20 > n);
		n = i;
		store_validate(s);
		CHECK_EQ(s->p.stats.documents, n);
		/* Many can be deleted with no memory coming free, all when it does. */
		for (i = 0; i < n; i++) {
			snprintf(id, sizeof(id), "%u", i);
			b = batch_create(s, false);
			op_delete(b, id);
			store_run(s, b);
			if (i % 500 == 499)
				store_quiesce(s);
		}
		store_validate(s);
		store_quiesce(s);
		store_validate(s);
	}
	store_destroy(s);
}

/*
 * Again and again a store is filled to the last byte and one document deleted.
 * Documents that are as large as their tombstones must not eat up what is kept
 * for these.
 */
static void full_for_long(void)
{
	struct store *s = store_create(1);
	u32 n = 0, cycle;
	struct batch *b;
	char id[32];

	for (cycle = 0; cycle < 100; cycle++) {
		for (;;) {
			snprintf(id, sizeof(id), "%u", n);
			b = batch_create(s, false);
			op_touch(b, id, 0);
			store_commit(s, b);
			if (b->batch.nomem)
				break;
			batch_destroy(b);
			n++;
		}
		batch_destroy(b);
		snprintf(id, sizeof(id), "%u", cycle);
		b = batch_create(s, false);
		op_delete(b, id);
		store_commit(s, b);
		if (b->batch.nomem) {
			/* What was retired may help; what else could? */
			store_quiesce(s);
			store_commit(s, b);
		}
		if (b->batch.nomem)
			FAIL("of %u documents in a full store one can't be deleted, the %uth time; %u pages free",
			     n, cycle, s->p.arena.free_pages);
		batch_destroy(b);
		if (cycle % 4 == 3)
			store_quiesce(s);
		store_validate(s);
	}
	store_destroy(s);
}

/*
 * What is retired comes back in the middle of a commit, when it is needed,
 * whatever it is needed for.
 */
static void reclaimed_in_time(void)
{
	u32 n, used = 0;

	for (n = 0; n <= used; n++) {
		struct store *s = store_create(4);
		struct batch *b;
		char id[16];
		u64 first;
		u32 i;

		put(s, "a", 1);
		put(s, "a", 2);
		store_maintain(s, 1, true);
		CHECK_EQ(s->p.arena.retired.nclosed, 1);
		shim_rcu_elapse();

		/* More than there are slots in the first buckets. */
		b = batch_create_for(s, n & 1, 100);
		for (i = 0; i < 100; i++) {
			snprintf(id, sizeof(id), "%u", i);
			op_touch(b, id, 0);
		}
		first = core_allocs;
		core_fail_after = first + n;
		store_begin(s);
		store_apply(s, b);
		used = core_allocs - first;
		core_fail_after = CORE_NEVER;
		CHECK(!b->batch.nomem);
		CHECK_EQ(s->p.arena.retired.nclosed, n >= used);
		store_publish(s);
		store_settle(s, b);
		store_maintain(s, 100, false);
		store_validate(s);
		CHECK_EQ(s->p.stats.documents, 101);
		batch_destroy(b);
		store_destroy(s);
	}
	CHECK(used > 100);
}

/* A version that is too large is refused, and nothing is left of it. */
static void too_large(void)
{
	struct store *s = store_create(8);
	u8 *data = calloc(1, DOCSTORE_MAX_DOCUMENT);
	struct batch *b;
	u64 used;

	b = batch_create(s, false);
	op_set_data(b, "a", 1, DOCSTORE_TYPE_BYTES, data, DOCSTORE_MAX_DOCUMENT - 1000);
	op_set_data(b, "a", 2, DOCSTORE_TYPE_BYTES, data, 900);
	store_run(s, b);
	store_quiesce(s);
	used = s->p.arena.used_bytes;
	b = batch_create(s, false);
	op_set_data(b, "a", 3, DOCSTORE_TYPE_BYTES, data, 100);
	op_set_data(b, "b", 3, DOCSTORE_TYPE_BYTES, data, 100);
	op_set_data(b, "b", 1, DOCSTORE_TYPE_BYTES, data, DOCSTORE_MAX_DOCUMENT);
	op_set_data(b, "c", 1, DOCSTORE_TYPE_BYTES, data, 1)->len = DOCSTORE_MAX_DOCUMENT + 1;
	store_commit(s, b);
	CHECK_EQ(b->deltas[0].result, -EFBIG);
	CHECK_EQ(b->deltas[1].result, -EFBIG);
	CHECK_EQ(b->deltas[2].result, -EFBIG);
	CHECK_EQ(b->deltas[3].result, -EFBIG);
	CHECK(!b->batch.nomem);
	batch_destroy(b);
	CHECK_EQ(s->p.arena.used_bytes, used);
	CHECK_EQ(version_of(s, "a"), 1);
	store_validate(s);
	free(data);
	store_destroy(s);
}

/* Whoever does not own the partition is told so, by each door. */
static void owners(void)
{
	struct store *s = store_create(2);
	struct batch *b = batch_create(s, false);

	shim_expect_warnings = true;
	ds_partition_begin(&s->p, &s->builder);
	CHECK_EQ(shim_warnings, 1);
	ds_partition_apply(&s->p, &b->batch, s->now);
	CHECK_EQ(shim_warnings, 2);
	ds_partition_publish(&s->p);
	CHECK_EQ(shim_warnings, 3);
	ds_partition_settle(&s->p, &b->batch, s->now);
	CHECK_EQ(shim_warnings, 4);
	ds_partition_maintain(&s->p, 1, false);
	CHECK_EQ(shim_warnings, 5);
	/* And what has no place outside a commit, or in one. */
	ds_partition_own(&s->p);
	ds_partition_apply(&s->p, &b->batch, s->now);
	CHECK_EQ(shim_warnings, 6);
	ds_partition_begin(&s->p, &s->builder);
	ds_partition_maintain(&s->p, 1, false);
	CHECK_EQ(shim_warnings, 7);
	ds_partition_publish(&s->p);
	ds_partition_disown(&s->p);
	CHECK_EQ(shim_warnings, 7);
	batch_destroy(b);
	store_destroy(s);
}

/* Flags and counts of a document, in a commit and after it. */
static void states(void)
{
	struct store *s = store_create(2);
	const u32 busy = DOCSTORE_STATE_DIRTY | DOCSTORE_STATE_PROCESSING;
	u64 hash = store_hash(s, "a", 1);
	struct ds_slot slot;
	struct batch *b;
	u32 round;

	store_top_up(s, 1000);
	for (round = 0; round < 3; round++) {
		b = batch_create(s, false);
		op_touch(b, "a", 0);
		op_touch(b, "b", 0);
		op_touch(b, "a", 0);
		if (round == 2)
			op_delete(b, "a");
		store_begin(s);
		store_apply(s, b);
		CHECK(ds_index_find(&s->p.index, hash, (const u8 *)"a", 1, &slot));
		CHECK_EQ(slot.bucket->state[slot.i] & 0xffff, busy);
		store_publish(s);
		store_settle(s, b);
		CHECK_EQ(slot.bucket->state[slot.i] & 0xffff,
			 round < 2 ? DOCSTORE_STATE_IDLE : DOCSTORE_STATE_NEEDS_COMPACTION);
		CHECK_EQ(slot.bucket->stat[slot.i] & DOCSTORE_STAT_DELTAS_MASK,
			 round < 2 ? 2 * (round + 1) : 7);
		CHECK_EQ(slot.bucket->stat[slot.i] >> DOCSTORE_STAT_ACCESS_SHIFT,
			 (s->now / 4000000000) & 0xffff);
		store_maintain(s, 2, false);
		batch_destroy(b);
	}
	store_validate(s);
	store_destroy(s);
}

const struct test partition_tests[] = {
	TEST(put_get),
	TEST(publication),
	TEST(nothing),
	TEST(each_for_itself),
	TEST(all_or_nothing),
	TEST(conditions),
	TEST(conditions_in_order),
	TEST(one_version),
	TEST(born_dead),
	TEST(tombstones),
	TEST(tombstone_waits),
	TEST(tombstone_era),
	TEST(reader_in_commit),
	TEST(bytes_come_back),
	TEST(no_memory),
	TEST(reclaimed_in_time),
	TEST(full),
	TEST(full_for_long),
	TEST(too_large),
	TEST(replaced_in_commit),
	TEST(owners),
	TEST(states),
	{}
};

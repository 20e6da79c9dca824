// SPDX-License-Identifier: GPL-2.0
/*
 * Atomic batches that span partitions: all of it or nothing, and at once.
 *
 * SECONDS says how long the threaded test takes.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "pins.h"
#include "test.h"

#define PROP		1
#define PARTITIONS	3

/**
 * struct span - a batch with a part in each partition
 * @all: the store
 * @parts: the parts
 */
struct span {
	struct stores *all;
	struct batch *parts[PARTITIONS];
};

static void span_begin(struct span *span, struct stores *all)
{
	u32 i;

	span->all = all;
	for (i = 0; i < PARTITIONS; i++)
		span->parts[i] = batch_create(all->s[i], true);
}

static void span_end(struct span *span)
{
	u32 i;

	for (i = 0; i < PARTITIONS; i++)
		batch_destroy(span->parts[i]);
}

/* Parts without operations are left out. Return the first one. */
static struct ds_batch *span_chain(struct span *span)
{
	struct ds_batch *first = NULL, **last = &first;
	u32 i;

	for (i = 0; i < PARTITIONS; i++) {
		struct ds_batch *batch = &span->parts[i]->batch;

		if (!batch->first)
			continue;
		batch->partition = &span->all->s[i]->p;
		batch->span = NULL;
		*last = batch;
		last = &batch->span;
	}
	return first;
}

/* As the coordinator does; false if nothing was done. */
static bool span_commit(struct span *span)
{
	struct ds_batch *first = span_chain(span), *batch;
	/* Of the coordinator, of which there is one. */
	static struct ds_builder builder;
	struct stores *all = span->all;
	u64 now = 1700000000000000000ULL;
	bool done;

	for (batch = first; batch; batch = batch->span)
		ds_partition_own(batch->partition);
	done = ds_span_prepare(first, &builder, now);
	if (done)
		ds_span_publish(first, &all->head);
	for (batch = first; batch; batch = batch->span) {
		if (done)
			ds_partition_settle(batch->partition, batch, now);
		ds_partition_maintain(batch->partition, 2, batch->nomem);
		ds_partition_disown(batch->partition);
	}
	return done;
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

/* A document in any of the partitions, 0 if it is not there. */
static u64 seen(const struct store *s, const char *id)
{
	const struct docstore_version *v;
	u64 number;

	rcu_read_lock();
	v = store_read(s, id, strlen(id));
	number = v ? number_of(v) : 0;
	rcu_read_unlock();
	return number;
}

static void put(struct store *s, const char *id, u64 number)
{
	struct batch *b = batch_create(s, false);

	op_set_number(b, id, PROP, DOCSTORE_TYPE_U64, number);
	store_run(s, b);
}

static struct stores *stores_with_documents(u32 chunks)
{
	struct stores *all = stores_create(PARTITIONS, chunks);
	u32 i;

	for (i = 0; i < PARTITIONS; i++)
		put(all->s[i], "a", 10 + i);
	return all;
}

static void stores_end(struct stores *all)
{
	u32 i;

	for (i = 0; i < all->count; i++) {
		CHECK(!(all->head.epoch & 1));
		CHECK_EQ(all->s[i]->p.seq, 0);
		store_quiesce(all->s[i]);
		store_validate(all->s[i]);
	}
	stores_destroy(all);
}

static void all_of_it(void)
{
	struct stores *all = stores_with_documents(2);
	struct span span;
	u32 i;

	span_begin(&span, all);
	for (i = 0; i < PARTITIONS; i++) {
		op_set_number(span.parts[i], "a", PROP, DOCSTORE_TYPE_U64, 20 + i);
		op_set_number(span.parts[i], "new", PROP, DOCSTORE_TYPE_U64, 30 + i);
	}
	CHECK(span_commit(&span));
	CHECK_EQ(all->head.epoch, 2);
	for (i = 0; i < PARTITIONS; i++) {
		CHECK_EQ(seen(all->s[i], "a"), 20 + i);
		CHECK_EQ(seen(all->s[i], "new"), 30 + i);
		CHECK_EQ(all->s[i]->map->visible_seq, 2);
		CHECK_EQ(span.parts[i]->deltas[0].version, 2);
		CHECK_EQ(span.parts[i]->deltas[1].version, 1);
		CHECK_EQ(span.parts[i]->deltas[0].result, 0);
	}
	span_end(&span);
	stores_end(all);
}

/* What is refused in one partition leaves nothing in any, and says all that failed. */
static void nothing_of_it(void)
{
	struct stores *all = stores_with_documents(2);
	u32 i, bad;

	for (bad = 0; bad < PARTITIONS; bad++) {
		u64 used[PARTITIONS];
		struct span span;

		span_begin(&span, all);
		for (i = 0; i < PARTITIONS; i++) {
			used[i] = all->s[i]->p.arena.used_bytes;
			op_set_number(span.parts[i], "new", PROP, DOCSTORE_TYPE_U64, 1);
			op_set_number(span.parts[i], "a", PROP, DOCSTORE_TYPE_U64, 99);
		}
		span.parts[bad]->deltas[1].flags = DOCSTORE_IF_ABSENT;
		span.parts[2]->deltas[0].flags = DOCSTORE_IF_EXISTS;
		CHECK(!span_commit(&span));
		for (i = 0; i < PARTITIONS; i++) {
			const struct ds_delta *d = span.parts[i]->deltas;

			CHECK_EQ(seen(all->s[i], "a"), 10 + i);
			CHECK_EQ(seen(all->s[i], "new"), 0);
			CHECK_EQ(all->s[i]->map->visible_seq, 1);
			CHECK_EQ(d[0].result, i == 2 ? -ENOENT : -ECANCELED);
			CHECK_EQ(d[1].result, i == bad ? -EEXIST : -ECANCELED);
			store_quiesce(all->s[i]);
			store_validate(all->s[i]);
			CHECK_EQ(all->s[i]->p.index.slots, 1);
			CHECK_EQ(all->s[i]->p.arena.used_bytes - all->s[i]->p.index.bytes,
				 used[i] - all->s[i]->p.index.bytes);
		}
		CHECK_EQ(all->head.epoch, 0);
		span_end(&span);
	}
	stores_end(all);
}

/* Checks alone change nothing, and are of use for documents that are not there. */
static void only_checks(void)
{
	struct stores *all = stores_with_documents(2);
	struct ds_delta *d[3];
	struct span span;
	u32 round;

	for (round = 0; round < 2; round++) {
		span_begin(&span, all);
		d[0] = batch_op(span.parts[0], "none", 4, DOCSTORE_OP_CHECK);
		d[0]->flags = DOCSTORE_IF_VERSION;
		d[1] = batch_op(span.parts[1], "a", 1, DOCSTORE_OP_CHECK);
		d[1]->flags = DOCSTORE_IF_VERSION;
		d[1]->expected = 1 + round;
		d[2] = op_set_number(span.parts[2], "a", PROP, DOCSTORE_TYPE_U64, 5);
		CHECK_EQ(span_commit(&span), !round);
		CHECK_EQ(d[0]->result, round ? -ECANCELED : 0);
		CHECK_EQ(d[1]->result, round ? -ESTALE : 0);
		CHECK_EQ(d[0]->version, 0);
		CHECK_EQ(all->s[0]->map->visible_seq, 1);
		CHECK_EQ(all->s[1]->map->visible_seq, 1);
		CHECK_EQ(all->s[2]->map->visible_seq, 2);
		span_end(&span);
	}
	stores_end(all);
}

/* Any allocation may fail: then nothing is done, and may be done again. */
static void no_memory(void)
{
	struct stores *all = stores_with_documents(2);
	u64 fail;
	u32 i;

	for (fail = 0; ; fail++) {
		struct span span;
		bool done;

		span_begin(&span, all);
		for (i = 0; i < PARTITIONS; i++) {
			op_set_number(span.parts[i], "a", PROP, DOCSTORE_TYPE_U64, 100 + fail);
			op_set_number(span.parts[i], "b", PROP, DOCSTORE_TYPE_U64, 100 + fail);
		}
		core_fail_after = core_allocs + fail;
		core_fail_count = CORE_NEVER;
		done = span_commit(&span);
		core_fail_after = CORE_NEVER;
		if (!done) {
			bool nomem = false;

			for (i = 0; i < PARTITIONS; i++) {
				nomem |= span.parts[i]->batch.nomem;
				CHECK_EQ(seen(all->s[i], "a"), 10 + i);
				CHECK_EQ(seen(all->s[i], "b"), 0);
				CHECK_EQ(span.parts[i]->deltas[0].result, 0);
				store_validate(all->s[i]);
			}
			CHECK(nomem);
			CHECK_EQ(all->head.epoch, 0);
		}
		if (!done && fail % 3 == 0) {
			/* Again, with memory. */
			span_end(&span);
			continue;
		}
		if (!done)
			CHECK(span_commit(&span));
		for (i = 0; i < PARTITIONS; i++) {
			struct batch *b = batch_create(all->s[i], false);

			CHECK_EQ(seen(all->s[i], "a"), 100 + fail);
			op_set_number(b, "a", PROP, DOCSTORE_TYPE_U64, 10 + i);
			op_delete(b, "b");
			store_run(all->s[i], b);
			store_quiesce(all->s[i]);
		}
		all->head.epoch = 0;
		span_end(&span);
		if (done)
			break;
	}
	CHECK(fail > PARTITIONS);
	stores_end(all);
}

/* A budget is for all partitions together. */
static void budget(void)
{
	struct stores *all = stores_with_documents(2);
	u32 size = store_read(all->s[0], "a", 1)->size;
	struct span span;
	u32 i;

	for (i = 0; i < 2; i++) {
		span_begin(&span, all);
		op_set_number(span.parts[0], "a", PROP, DOCSTORE_TYPE_U64, 1);
		op_set_number(span.parts[1], "a", PROP, DOCSTORE_TYPE_U64, 1);
		span.parts[0]->batch.budget = 2 * size + i;
		CHECK_EQ(span_commit(&span), i);
		span_end(&span);
	}
	stores_end(all);
}

/*
 * Money goes from account to account, in one partition or between two, while others
 * count it: as of a pin, and account by account as of another moment.
 */
#define ACCOUNTS	8	/* in each partition */
#define MONEY		1000
#define WRITERS		2
#define READERS		2

static struct bank {
	struct stores *all;
	pthread_mutex_t coordinator;
	pthread_mutex_t owner[PARTITIONS];
	bool stop;
	u64 moves;
	u64 refused;
	u64 sums;
} bank;

static void account(char *id, u32 number)
{
	snprintf(id, 16, "account%u", number);
}

static u64 expected_at(const struct store *s, const char *id)
{
	const struct docstore_version *v;
	u64 version;

	rcu_read_lock();
	v = store_read(s, id, strlen(id));
	CHECK(v);
	version = v->version;
	rcu_read_unlock();
	return version;
}

static void *writer(void *data)
{
	struct rng *rng = data;
	char from[16], to[16];
	struct span span;
	u32 a, b, i;

	shim_rcu_register();
	while (!READ_ONCE(bank.stop)) {
		u64 amount = rng_below(rng, 10);
		struct ds_delta *d;
		bool done;

		a = rng_below(rng, PARTITIONS);
		b = rng_below(rng, PARTITIONS);
		account(from, rng_below(rng, ACCOUNTS));
		account(to, rng_below(rng, ACCOUNTS));
		span_begin(&span, bank.all);
		d = op_add(span.parts[a], from, PROP, -amount);
		if (rng_below(rng, 2)) {
			d->flags = DOCSTORE_IF_VERSION;
			d->expected = expected_at(bank.all->s[a], from);
		}
		op_add(span.parts[b], to, PROP, amount);
		pthread_mutex_lock(&bank.coordinator);
		for (i = 0; i < PARTITIONS; i++)
			if (span.parts[i]->batch.first)
				pthread_mutex_lock(&bank.owner[i]);
		done = span_commit(&span);
		for (i = 0; i < PARTITIONS; i++)
			if (span.parts[i]->batch.first)
				pthread_mutex_unlock(&bank.owner[i]);
		pthread_mutex_unlock(&bank.coordinator);
		CHECK(!span.parts[a]->batch.nomem && !span.parts[b]->batch.nomem);
		__atomic_fetch_add(done ? &bank.moves : &bank.refused, 1, __ATOMIC_RELAXED);
		span_end(&span);
	}
	shim_rcu_unregister();
	return NULL;
}

/* One partition alone, past the coordinator. */
static void *one_writer(void *data)
{
	struct rng *rng = data;
	char from[16], to[16];

	/* Owners read pins under RCU. */
	shim_rcu_register();
	while (!READ_ONCE(bank.stop)) {
		u32 which = rng_below(rng, PARTITIONS);
		struct store *s = bank.all->s[which];
		struct batch *b = batch_create(s, true);

		account(from, rng_below(rng, ACCOUNTS));
		account(to, rng_below(rng, ACCOUNTS));
		op_add(b, from, PROP, -1);
		op_add(b, to, PROP, 1);
		pthread_mutex_lock(&bank.owner[which]);
		store_commit(s, b);
		pthread_mutex_unlock(&bank.owner[which]);
		batch_destroy(b);
		sched_yield();
	}
	shim_rcu_unregister();
	return NULL;
}

static s64 bank_sum(const struct ds_pin *pin)
{
	char id[16];
	s64 sum = 0;
	u32 i, j;

	for (i = 0; i < PARTITIONS; i++) {
		const struct store *s = bank.all->s[i];

		for (j = 0; j < ACCOUNTS; j++) {
			const struct docstore_version *v;

			account(id, j);
			rcu_read_lock();
			v = ds_partition_read_pinned(&s->p, store_hash(s, id, strlen(id)),
						     (const u8 *)id, strlen(id),
						     pin->list[i].seq);
			CHECK(v);
			sum += (s64)number_of(v);
			rcu_read_unlock();
		}
	}
	return sum;
}

static void *reader(void *data)
{
	struct rng *rng = data;
	struct ds_pin *pin;
	u32 naps;

	shim_rcu_register();
	while (!READ_ONCE(bank.stop)) {
		pin = pin_take_locked(&bank.all->past);
		for (naps = rng_below(rng, 4); naps; naps--) {
			CHECK_EQ(bank_sum(pin), MONEY * ACCOUNTS * PARTITIONS);
			__atomic_fetch_add(&bank.sums, 1, __ATOMIC_RELAXED);
			sched_yield();
		}
		pin_release_locked(&bank.all->past, pin);
	}
	shim_rcu_unregister();
	return NULL;
}

static void accounts(void)
{
	u64 seconds = test_param("SECONDS", 2);
	pthread_t threads[WRITERS + READERS + 1];
	struct rng rngs[WRITERS + READERS + 1];
	void *(*what)(void *);
	u64 seed = test_seed();
	char id[16];
	u32 i, j;

	bank.all = stores_create(PARTITIONS, 8);
	pthread_mutex_init(&bank.coordinator, NULL);
	for (i = 0; i < PARTITIONS; i++) {
		pthread_mutex_init(&bank.owner[i], NULL);
		for (j = 0; j < ACCOUNTS; j++) {
			struct batch *b = batch_create(bank.all->s[i], false);

			account(id, j);
			op_add(b, id, PROP, MONEY);
			store_run(bank.all->s[i], b);
		}
	}
	shim_rcu_threads_begin();
	shim_jitter_rate = 50;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		rngs[i].state = seed + i;
		what = i < WRITERS ? writer : i == WRITERS ? one_writer : reader;
		CHECK(!pthread_create(&threads[i], NULL, what, &rngs[i]));
	}
	for (i = 0; i < seconds * 10; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	WRITE_ONCE(bank.stop, true);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	shim_jitter_rate = 0;
	shim_rcu_threads_end();
	test_note("%llu moves, %llu refused, %llu sums", (unsigned long long)bank.moves,
		  (unsigned long long)bank.refused, (unsigned long long)bank.sums);
	CHECK(bank.moves && bank.sums);
	stores_end(bank.all);
}

const struct test span_tests[] = {
	TEST(all_of_it),
	TEST(nothing_of_it),
	TEST(only_checks),
	TEST(no_memory),
	TEST(budget),
	TEST(accounts),
	{}
};

// SPDX-License-Identifier: GPL-2.0
/*
 * A reader is stopped at each place where it could meet the owner, one after the
 * other; meanwhile the owner does something, all of it; then the reader goes on.
 *
 * It must see what was there when it loaded visible_seq, wherever it stopped. A
 * reader of the mapping, which holds nothing back, may begin again instead and see
 * what is there then; memory that it was looking at is used for others meanwhile.
 * The two threads know of each other by relaxed loads and stores only, so that
 * ThreadSanitizer sees what the engine orders, and nothing else.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "mapped.h"
#include "store.h"
#include "test.h"

#define DOCUMENTS	60
#define PROP		1

/**
 * struct stage - a reader and an owner
 * @s: the store
 * @target: id of the document that the owner does something to
 * @stop_at: at which step the reader stops
 * @steps: steps that it has done
 * @stopped: it waits
 * @go_on: it may go on
 * @done: it is done
 * @number: what it found in the target, 0 if it found nothing
 * @version: the version that it found
 * @seen: how often a scan has met each document
 */
struct stage {
	struct store *s;
	char target[16];
	u32 stop_at;
	u32 steps;
	bool stopped;
	bool go_on;
	bool done;
	u64 number;
	u64 version;
	u32 seen[DOCUMENTS];
};

static struct stage *stage;

static void wait_for(bool *flag)
{
	while (!__atomic_load_n(flag, __ATOMIC_RELAXED))
		sched_yield();
}

static void tell(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELAXED);
}

static void step(void)
{
	if (stage->steps++ != stage->stop_at)
		return;
	tell(&stage->stopped);
	wait_for(&stage->go_on);
}

static u64 number_in(const struct docstore_version *v)
{
	struct ds_value value;
	u64 number;

	CHECK(ds_version_property(v, PROP, &value));
	CHECK_EQ(value.len, 8);
	memcpy(&number, value.data, 8);
	return number;
}

static void look(void)
{
	const struct docstore_version *v;

	v = store_read(stage->s, stage->target, strlen(stage->target));
	if (!v)
		return;
	stage->number = number_in(v);
	stage->version = v->version;
}

static void scan(void)
{
	static __thread struct ds_scan found;
	struct store *s = stage->s;
	u32 i;

	found.from = 0;
	for (;;) {
		ds_index_scan(&s->p.index, s->key, &found);
		for (i = 0; i < found.count; i++) {
			const struct docstore_version *v = found.found[i].version;
			char id[16] = {};

			v = ds_partition_current(&s->p, v);
			if (!v)
				continue;
			memcpy(id, ds_version_id(v), v->id_len);
			if (id[0] == 'd')
				stage->seen[atoi(id + 1)]++;
			if (strcmp(id, stage->target))
				continue;
			stage->number = number_in(v);
			stage->version = v->version;
		}
		if (found.last == U64_MAX)
			return;
		found.from = found.last + 1;
	}
}

static enum mapped_way mapped_way;

/* The library's reader, in the mapping. */
static void mapped(void)
{
	static u64 copy[DOCSTORE_MAX_DOCUMENT / 8];
	const struct docstore_version *v = (void *)copy;
	struct ds_map map;
	int ret;

	mapped_open(&map, stage->s);
	ret = mapped_get(&map, mapped_way, stage->target, strlen(stage->target), copy,
			 sizeof(copy));
	if (ret) {
		CHECK_EQ(ret, -ENOENT);
		return;
	}
	CHECK_EQ(v->nprops, 1);
	CHECK(ds_version_is(v, (const u8 *)stage->target, strlen(stage->target)));
	stage->number = number_in(v);
	stage->version = v->version;
}

static void *reader(void *op)
{
	rcu_read_lock();
	shim_hook = step;
	((void (*)(void))op)();
	shim_hook = NULL;
	rcu_read_unlock();
	tell(&stage->done);
	return NULL;
}

static void put(struct batch *b, const char *id, u64 number)
{
	op_set_number(b, id, PROP, DOCSTORE_TYPE_U64, number);
}

static void put_one(struct store *s, const char *id, u64 number)
{
	struct batch *b = batch_create(s, false);

	put(b, id, number);
	store_run(s, b);
}

static void delete_one(struct store *s, const char *id)
{
	struct batch *b = batch_create(s, false);

	op_delete(b, id);
	store_run(s, b);
}

/* What the owner may do. */
static void update(struct store *s)
{
	put_one(s, stage->target, 2);
}

static void update_often(struct store *s)
{
	u32 i;

	for (i = 2; i < 6; i++)
		put_one(s, stage->target, i);
	store_maintain(s, 100, true);
}

static void delete(struct store *s)
{
	delete_one(s, stage->target);
	store_maintain(s, 100, true);
}

static void make_again(struct store *s)
{
	delete_one(s, stage->target);
	store_maintain(s, 100, true);
	put_one(s, stage->target, 2);
}

static void make_new(struct store *s)
{
	struct batch *b = batch_create(s, true);
	char id[16];
	u32 i;

	for (i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "new%u", i);
		put(b, id, i);
	}
	store_run(s, b);
}

/* The index grows, and what was written just before moves with the rest. */
static void grow(struct store *s)
{
	put_one(s, stage->target, 2);
	make_new(s);
	store_maintain(s, 1000, true);
	CHECK(s->map->buckets > 2 * CORE_INDEX_FIRST);
}

static void empty_others(struct store *s)
{
	struct batch *b = batch_create(s, false);
	char id[16];
	u32 i;

	for (i = 0; i < DOCUMENTS; i++) {
		snprintf(id, sizeof(id), "d%u", i);
		if (strcmp(id, stage->target))
			op_delete(b, id);
	}
	store_run(s, b);
	store_maintain(s, 1000, true);
}

static void fill(struct store *s)
{
	struct batch *b = batch_create_for(s, true, DOCUMENTS);
	char id[16];
	u32 i;

	for (i = 0; i < DOCUMENTS; i++) {
		snprintf(id, sizeof(id), "d%u", i);
		put(b, id, 1);
	}
	store_top_up(s, b->bytes);
	store_begin(s);
	store_apply(s, b);
	store_publish(s);
	store_settle(s, b);
	batch_destroy(b);
	/* No maintenance yet: buckets are full, and there is growing to do. */
}

/* Time enough for whatever was retired to be used by others, as large as it was. */
static void use_again(struct store *s)
{
	struct batch *b;
	char id[16];
	u32 i, j;

	for (i = 0; i < 3; i++) {
		store_maintain(s, 1000, true);
		shim_rcu_elapse();
		store_maintain(s, 1000, true);
		b = batch_create(s, true);
		for (j = 0; j < 60; j++) {
			snprintf(id, sizeof(id), "e%u", j);
			put(b, id, ~0ULL);
		}
		store_run(s, b);
	}
}

static void update_and_use(struct store *s)
{
	put_one(s, stage->target, 2);
	use_again(s);
}

static void delete_and_use(struct store *s)
{
	delete_one(s, stage->target);
	use_again(s);
}

static void grow_and_use(struct store *s)
{
	grow(s);
	empty_others(s);
	use_again(s);
}

static struct batch *unpublished;

/* All of a commit but its end; see finish(). */
static void half_a_commit(struct store *s)
{
	unpublished = batch_create(s, false);
	put(unpublished, stage->target, 1000);
	store_top_up(s, unpublished->bytes);
	store_begin(s);
	store_apply(s, unpublished);
}

static void finish(struct store *s)
{
	if (!unpublished)
		return;
	store_publish(s);
	store_settle(s, unpublished);
	batch_destroy(unpublished);
	unpublished = NULL;
}

static bool act_deletes(void (*act)(struct store *))
{
	return act == delete || act == make_again || act == empty_others ||
	       act == delete_and_use;
}

/* A round with the reader stopped at one step; false if it never got there. */
static bool round_at(void (*op)(void), void (*act)(struct store *), u32 target, u32 stop_at)
{
	struct stage *st = calloc(1, sizeof(*st));
	pthread_t thread;
	bool stopped;
	u32 i;

	CHECK(st);
	stage = st;
	st->s = op == mapped ? store_create_mapped(8) : store_create(4);
	st->stop_at = stop_at;
	snprintf(st->target, sizeof(st->target), "d%u", target);
	fill(st->s);
	CHECK(!pthread_create(&thread, NULL, reader, op));
	while (!READ_ONCE(st->stopped) && !READ_ONCE(st->done))
		sched_yield();
	stopped = READ_ONCE(st->stopped);
	if (stopped)
		act(st->s);
	tell(&st->go_on);
	pthread_join(thread, NULL);
	finish(st->s);

	if (stopped) {
		/* What was there before, or is there now, or was there meanwhile. */
		CHECK(st->number || act_deletes(act));
		CHECK(st->number <= (act == update_often ? 5 : 2));
		CHECK(!st->number || st->version >= st->number);
	} else {
		CHECK_EQ(st->number, 1);
		CHECK_EQ(st->version, 1);
	}
	/* Of those that are deleted meanwhile, if only to be made again, not all are met. */
	for (i = 0; op == scan && i < DOCUMENTS; i++)
		CHECK(st->seen[i] == 1 || (!st->seen[i] && stopped && act_deletes(act)));
	store_quiesce(st->s);
	store_validate(st->s);
	store_destroy(st->s);
	free(st);
	return stopped;
}

static void (*const acts_for_all[])(struct store *s) = {
	update, update_often, delete, make_again, make_new, grow, empty_others, NULL
};

/* Of these, the memory that a reader of RCU looks at would never be used again. */
static void (*const acts_for_mapped[])(struct store *s) = {
	update, update_often, delete, make_again, make_new, grow, empty_others,
	update_and_use, delete_and_use, grow_and_use, half_a_commit, NULL
};

static void sweep(void (*op)(void), void (*const *acts)(struct store *), u64 every)
{
	static u32 sweeps;
	u64 rounds = 0;
	u32 i, n;

	/* What rate does not matter: the reader's hook is called each time. */
	shim_jitter_rate = 1U << 30;
	for (i = 0; acts[i]; i++) {
		/* Documents in different places, of which some move; others the next time. */
		for (n = 0; round_at(op, acts[i], (n * 7 + i + sweeps * 13) % DOCUMENTS, n); n += every)
			rounds++;
		CHECK(n >= 8);
	}
	sweeps++;
	test_note("%llu rounds", (unsigned long long)rounds);
}

static void looks(void)
{
	u32 i;

	for (i = 0; i < test_param("STEP_ROUNDS", 4); i++)
		sweep(look, acts_for_all, 1);
}

static void mapped_looks(void)
{
	u32 i;

	for (i = 0; i < test_param("STEP_ROUNDS", 4); i++) {
		mapped_way = MAPPED_COPY;
		sweep(mapped, acts_for_mapped, 1);
		mapped_way = MAPPED_LOOK;
		sweep(mapped, acts_for_mapped, 1);
		/* Where slots that move are of consequence. */
		core_map_at_length = true;
		sweep(mapped, acts_for_mapped, 1);
		sweep(mapped, acts_for_mapped, 1);
		core_map_at_length = false;
	}
}

static void scans(void)
{
	sweep(scan, acts_for_all, test_param("STEP_EVERY", 2));
}

const struct test step_tests[] = {
	TEST(looks),
	TEST(mapped_looks),
	TEST(scans),
	{}
};

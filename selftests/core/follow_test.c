// SPDX-License-Identifier: GPL-2.0
/*
 * Readers of a backlog while its owner goes on: stopped at each place where they could
 * meet, and as threads, at different speeds. SECONDS says how long that takes.
 *
 * What a change has set follows from its number, so that a record that is not whole, or
 * not the one that it seems to be, is found.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include <linux/compiler.h>

#include "follow.h"
#include "test.h"

/* Less than what the largest commits have to tell. */
#define SIZE		(16U << 10)
#define MAX_VALUE	600
#define MAX_BATCH	60
/* Of so many commits it is known with which change they begin. */
#define COMMITS		(1U << 20)

static struct store *s;
/* The number of the next change. */
static u64 number;
static u64 first_of[COMMITS];

static void setup(void)
{
	s = store_create(8);
	store_log(s, SIZE);
	number = 1;
	first_of[1] = 1;
}

static u32 value_len(u64 n)
{
	return n * 2654435761U % (MAX_VALUE + 1);
}

static u8 value_byte(u64 n, u32 i)
{
	return n * 7 + n / 251 + i;
}

/* One commit of so many changes. */
static void commit(u32 n)
{
	struct batch *b = batch_create(s, n & 1);
	u8 bytes[MAX_VALUE];
	char id[16];
	u32 i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < value_len(number); k++)
			bytes[k] = value_byte(number, k);
		snprintf(id, sizeof(id), "d%u", i);
		op_set_data(b, id, 1, DOCSTORE_TYPE_BYTES, bytes, value_len(number));
		number++;
	}
	/* Before the commit is visible. */
	WRITE_ONCE(first_of[(s->map->visible_seq + 2) % COMMITS], number);
	store_run(s, b);
	shim_rcu_elapse();
}

static void check_record(const struct docstore_record *r)
{
	const u8 *value = record_value(r, 0);
	u32 i;

	CHECK_EQ(r->count, 1);
	CHECK_EQ(record_change(r, 0)->len, value_len(r->sequence));
	for (i = 0; i < value_len(r->sequence); i++)
		CHECK_EQ(value[i], value_byte(r->sequence, i));
}

static enum ds_backlog_found read_one(struct follower *f)
{
	enum ds_backlog_found found = follower_read(f);

	if (found == DS_BACKLOG_RECORD)
		check_record(f->record);
	return found;
}

static u64 visible(void)
{
	/* Pairs with ds_partition_show(). */
	return smp_load_acquire(&s->map->visible_seq);
}

static u64 first_behind(u64 commit)
{
	return READ_ONCE(first_of[(commit + 1) % COMMITS]);
}

/* --- steps --------------------------------------------------------------------------- */

static struct follower eager, lazy;
static u64 looks;

/* What readers find wherever the owner has come to. */
static void look(void)
{
	struct follower now = eager, oldest = eager;
	u64 next;

	shim_hook = NULL;
	looks++;
	next = first_behind(visible());
	ds_cursor_now(now.log, now.visible_seq, &now.cursor);
	CHECK_EQ(now.cursor.next, next);
	CHECK(ds_cursor_seek(now.log, next, &now.cursor));
	while (read_one(&eager) != DS_BACKLOG_NOTHING)
		;
	/* What is lost of a commit going on may be told early. */
	CHECK(eager.cursor.next == next || (eager.lost && eager.cursor.next > next));
	/* What is the next to be overwritten. */
	oldest.cursor = (struct ds_cursor){ .next = 1 };
	if (read_one(&oldest) == DS_BACKLOG_OVERRUN)
		read_one(&oldest);
	/* One change at a time, of many. */
	if (looks % 97 == 0)
		read_one(&lazy);
	shim_hook = look;
}

static void owner_stops(void)
{
	u32 i;

	setup();
	follower_init(&eager, s);
	follower_init(&lazy, s);
	looks = 0;
	shim_jitter_rate = 1U << 30;
	for (i = 1; i < 1500; i++) {
		shim_hook = look;
		commit(i % 100 ? 1 + i % 7 : MAX_BATCH);
		shim_hook = NULL;
	}
	shim_jitter_rate = 0;
	CHECK(lazy.lost && eager.lost && eager.lost < lazy.lost);
	test_note("%llu steps", (unsigned long long)looks);
	follower_destroy(&eager);
	follower_destroy(&lazy);
	store_destroy(s);
}

static u32 steps, stop_at, commits, changes;

static void owner_goes_on(void)
{
	if (steps++ != stop_at)
		return;
	shim_hook = NULL;
	while (commits--)
		commit(changes);
	shim_hook = owner_goes_on;
}

static void read_some(struct follower *f)
{
	u32 i;

	for (i = 0; i < 3; i++)
		read_one(f);
}

static void begin_now(struct follower *f)
{
	u64 before = first_behind(visible());

	ds_cursor_now(f->log, f->visible_seq, &f->cursor);
	CHECK(before <= f->cursor.next && f->cursor.next <= first_behind(visible()));
}

static void begin_at(struct follower *f)
{
	u64 at = number - 5;

	CHECK(ds_cursor_seek(f->log, at, &f->cursor));
	CHECK_EQ(f->cursor.next, at);
}

static void pass(struct follower *f)
{
	u64 next = first_behind(visible()), before = f->cursor.next;

	ds_cursor_pass(f->log, visible(), &f->cursor);
	CHECK(f->cursor.next >= before);
	CHECK(f->cursor.next <= next || first_behind(visible()) != next);
}

static void lose(struct follower *f)
{
	f->cursor = (struct ds_cursor){ .next = 1 };
	CHECK_EQ(read_one(f), DS_BACKLOG_OVERRUN);
}

/* The owner does something at each step of this, the whole of it. */
static void stop_reader(void (*what)(struct follower *f))
{
	static const u32 amounts[][2] = {
		{ 1, 1 }, { 2, 1 }, { 3, 2 }, { 1, MAX_BATCH }, { 2, MAX_BATCH },
	};
	struct follower f;
	u32 i;

	setup();
	follower_init(&f, s);
	for (i = 0; i < 100; i++)
		commit(3);
	shim_jitter_rate = 1U << 30;
	for (i = 0; i < ARRAY_SIZE(amounts); i++) {
		u32 stops = 0;

		for (stop_at = 0; stops == stop_at; stop_at++) {
			CHECK(ds_cursor_seek(f.log, number - 10, &f.cursor));
			steps = 0;
			commits = amounts[i][0];
			changes = amounts[i][1];
			shim_hook = owner_goes_on;
			what(&f);
			shim_hook = NULL;
			stops += steps > stop_at;
			/* And all of what comes then is as it must be. */
			while (read_one(&f) != DS_BACKLOG_NOTHING)
				;
			CHECK_EQ(f.cursor.next, number);
			commit(12);
		}
		CHECK(stops > 3);
	}
	shim_jitter_rate = 0;
	follower_destroy(&f);
	store_destroy(s);
}

static void reader_stops(void)
{
	stop_reader(read_some);
	stop_reader(begin_now);
	stop_reader(begin_at);
	stop_reader(pass);
	stop_reader(lose);
}

/* --- threads ------------------------------------------------------------------------- */

#define READERS		4

/**
 * struct reader - a thread that reads
 * @thread: it
 * @stop: nothing more is written
 * @pace: after so many records it rests, 0 for never
 * @rest_us: for so long
 * @begins: it begins anew all the time, from now on, or from some number on
 * @f: how it reads
 * @records: how many it has read
 * @begun: how often it has begun anew
 */
struct reader {
	pthread_t thread;
	bool *stop;
	u32 pace;
	u32 rest_us;
	bool begins;
	struct follower f;
	u64 records;
	u64 begun;
};

static void begin_anew(struct reader *r)
{
	u64 next = r->f.cursor.next;

	r->begun++;
	if (r->begun & 1) {
		begin_now(&r->f);
		return;
	}
	/* Where it was, which may be gone, and may not have been reached. */
	CHECK(ds_cursor_seek(r->f.log, next, &r->f.cursor));
	CHECK_EQ(r->f.cursor.next, next);
}

static void *reader(void *data)
{
	struct reader *r = data;
	bool last = false;
	u64 turns = 0;

	for (;;) {
		enum ds_backlog_found found;

		turns++;
		if (r->begins && turns % 16 == 0)
			begin_anew(r);
		found = read_one(&r->f);
		r->records += found == DS_BACKLOG_RECORD;
		if (found == DS_BACKLOG_NOTHING && last)
			return NULL;
		if (!last && READ_ONCE(*r->stop)) {
			/* All that was written is visible; pairs with who waits for this. */
			smp_rmb();
			last = true;
			r->begins = false;
		}
		if (found == DS_BACKLOG_NOTHING)
			sched_yield();
		if (r->pace && turns % r->pace == 0 && !last) {
			struct timespec rest = { .tv_nsec = 1000 * r->rest_us };

			nanosleep(&rest, NULL);
		}
	}
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void threads(void)
{
	static struct reader readers[READERS] = {
		{ .pace = 0 },
		{ .pace = 100, .rest_us = 50 },
		{ .pace = 20, .rest_us = 2000 },
		{ .begins = true },
	};
	double end = seconds_now() + test_param("SECONDS", 2);
	struct rng rng = { .state = test_seed() };
	bool stop = false;
	u32 i;

	setup();
	shim_jitter_rate = test_param("JITTER", 200);
	for (i = 0; i < READERS; i++) {
		readers[i].stop = &stop;
		follower_init(&readers[i].f, s);
		CHECK(!pthread_create(&readers[i].thread, NULL, reader, &readers[i]));
	}
	while (seconds_now() < end) {
		for (i = 0; i < 50; i++)
			commit(rng_below(&rng, 20) ? 1 + rng_skewed(&rng, 7) : MAX_BATCH);
		if (!rng_below(&rng, 4))
			sched_yield();
	}
	/* Behind the last commit. */
	smp_wmb();
	WRITE_ONCE(stop, true);
	for (i = 0; i < READERS; i++) {
		struct reader *r = &readers[i];

		pthread_join(r->thread, NULL);
		test_note("%llu read, %llu lost, %llu times begun", (unsigned long long)r->records,
			  (unsigned long long)r->f.lost, (unsigned long long)r->begun);
		CHECK_EQ(r->f.cursor.next, number);
		/* Each was read or is known to be lost. */
		if (!r->begun)
			CHECK_EQ(r->records + r->f.lost, number - 1);
		CHECK(r->records);
		follower_destroy(&r->f);
	}
	shim_jitter_rate = 0;
	test_note("%llu changes, %llu commits", (unsigned long long)number - 1,
		  (unsigned long long)s->p.stats.commits);
	CHECK(readers[2].f.lost);
	store_destroy(s);
}

const struct test follow_tests[] = {
	TEST(owner_stops),
	TEST(reader_stops),
	TEST(threads),
	{}
};

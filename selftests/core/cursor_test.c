// SPDX-License-Identifier: GPL-2.0
/*
 * Readers of a backlog: where they begin, what they find, and what they lose.
 */
#include <string.h>

#include "follow.h"
#include "test.h"

/* As small as can be: a quarter of it is to hold an id. */
#define SIZE	4096

static struct store *s;
static struct follower f;
/* Number and bytes of the value in the next change. */
static u64 number;
static struct rng rng;

static void setup(u32 size)
{
	s = store_create(8);
	store_log(s, size);
	follower_init(&f, s);
	number = 1;
}

static void teardown(void)
{
	follower_destroy(&f);
	store_destroy(s);
}

static u32 value_len(u64 n)
{
	return n * 2654435761U % 601;
}

static void value_fill(u64 n, u8 *bytes)
{
	u32 i;

	for (i = 0; i < value_len(n); i++)
		bytes[i] = n * 7 + i;
}

/* A change that tells its number by what is in it. */
static void put(struct batch *b)
{
	u8 bytes[601];

	value_fill(number, bytes);
	op_set_data(b, "a", 1, DOCSTORE_TYPE_BYTES, bytes, value_len(number));
	number++;
}

static void put_one(void)
{
	struct batch *b = batch_create(s, false);

	put(b);
	store_run(s, b);
}

static void check_value(const struct docstore_record *r)
{
	u8 bytes[601];

	value_fill(r->sequence, bytes);
	CHECK_EQ(r->count, 1);
	CHECK_EQ(record_change(r, 0)->len, value_len(r->sequence));
	CHECK(!memcmp(record_value(r, 0), bytes, value_len(r->sequence)));
}

static u64 oldest(void)
{
	struct docstore_record *r = s->p.backlog->data + (s->p.backlog->tail & (SIZE - 1));

	return r->sequence;
}

/* --- a commit going on --------------------------------------------------------------- */

/* Batches of a commit that has not ended. */
static struct batch *open_batch[64];
static u32 nopen;

/* Go on with a commit, or begin one, by so many changes. */
static void commit_more(u32 n)
{
	if (!nopen) {
		store_top_up(s, 64 * 1024);
		store_begin(s);
	}
	for (; n; n--) {
		struct batch *b = open_batch[nopen++] = batch_create(s, false);

		put(b);
		store_apply(s, b);
		CHECK(!b->batch.nomem);
	}
}

/* Its end, but that it is not visible yet. */
static u64 commit_show(void)
{
	ds_backlog_show(s->p.backlog, s->p.seq);
	return s->p.seq;
}

/* And that it is; what comes after a commit was not shown twice. */
static void commit_shown_visible(u64 seq)
{
	struct ds_backlog *log = s->p.backlog;

	s->p.backlog = NULL;
	CHECK(store_publish(s));
	s->p.backlog = log;
	CHECK_EQ(s->map->visible_seq, seq);
}

static void commit_settle(void)
{
	u32 i;

	for (i = 0; i < nopen; i++) {
		store_settle(s, open_batch[i]);
		batch_destroy(open_batch[i]);
	}
	nopen = 0;
	store_maintain(s, 100, true);
}

static void commit_end(void)
{
	store_publish(s);
	commit_settle();
}

/* --- reading ------------------------------------------------------------------------- */

/* Who reads all the time finds all, wherever in the ring it lies. */
static void wraps(void)
{
	u32 i;

	setup(SIZE);
	for (i = 1; i < 2000; i++) {
		put_one();
		check_value(follower_next(&f));
		CHECK_EQ(f.record->sequence, i);
		CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
		CHECK(ds_cursor_behind(f.log, &f.cursor) == 0);
	}
	CHECK_EQ(f.lost, 0);
	CHECK(s->p.backlog->end > 100 * SIZE);
	teardown();
}

/* Who does not is told of how many changes were lost, and goes on with the oldest. */
static void overrun(void)
{
	u64 next = 1, lost = 0;
	u32 i;

	setup(SIZE);
	rng.state = test_seed();
	for (i = 0; i < 2000; i++) {
		u32 n = rng_skewed(&rng, 100), reads = rng_below(&rng, 30);

		while (n--)
			put_one();
		while (reads--) {
			u64 first = oldest();
			enum ds_backlog_found found = follower_read(&f);

			if (next == number) {
				CHECK_EQ(found, DS_BACKLOG_NOTHING);
				break;
			}
			if (first <= next) {
				CHECK_EQ(found, DS_BACKLOG_RECORD);
				CHECK_EQ(f.record->sequence, next);
				check_value(f.record);
				next++;
				continue;
			}
			CHECK_EQ(found, DS_BACKLOG_OVERRUN);
			lost += first - next;
			next = first;
			CHECK_EQ(f.lost, lost);
			CHECK_EQ(f.cursor.next, next);
			CHECK_EQ(follower_next(&f)->time, f.until);
			next++;
		}
	}
	CHECK(lost);
	/* Most of the ring is used: no more room was made than is needed. */
	CHECK(s->p.backlog->end - s->p.backlog->tail > SIZE - 2 * 800);
	teardown();
}

/* What was overwritten while it was read is no good. */
static void overwritten(void)
{
	struct docstore_record record;
	u32 i;

	setup(SIZE);
	put_one();
	CHECK_EQ(ds_cursor_peek(f.log, s->map->visible_seq, &f.cursor, &record), DS_BACKLOG_RECORD);
	CHECK(ds_cursor_data(f.log, &f.cursor) == f.log->data + sizeof(record));
	for (i = 0; !s->p.backlog->tail; i++) {
		CHECK(i < 100 && ds_cursor_good(f.log, &f.cursor));
		put_one();
	}
	CHECK(!ds_cursor_good(f.log, &f.cursor));
	CHECK_EQ(ds_cursor_peek(f.log, s->map->visible_seq, &f.cursor, &record),
		 DS_BACKLOG_OVERRUN);
	/* More than there can be is how far behind it is. */
	commit_more(1);
	commit_end();
	CHECK(ds_cursor_behind(f.log, &f.cursor) > SIZE);
	teardown();
}

/* Records are read when their commit is visible, and not when they are shown. */
static void visible(void)
{
	u64 seq;

	setup(SIZE);
	commit_more(3);
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	seq = commit_show();
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	commit_shown_visible(seq);
	check_value(follower_next(&f));
	commit_settle();
	/* Nor because the ones before them are. */
	commit_more(2);
	check_value(follower_next(&f));
	check_value(follower_next(&f));
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	seq = commit_show();
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	commit_shown_visible(seq);
	commit_settle();
	check_value(follower_next(&f));
	check_value(follower_next(&f));
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	teardown();
}

/* --- where to begin ------------------------------------------------------------------ */

static void expect_now(u64 next)
{
	struct follower now = f;

	ds_cursor_now(f.log, f.visible_seq, &now.cursor);
	CHECK_EQ(now.cursor.next, next);
	CHECK_EQ(follower_read(&now), DS_BACKLOG_NOTHING);
}

/* The same, of what may be gone: it is not read before it is visible. */
static void expect_now_lost(u64 next)
{
	struct follower now = f;

	ds_cursor_now(f.log, f.visible_seq, &now.cursor);
	CHECK_EQ(now.cursor.next, next);
	CHECK(follower_read(&now) != DS_BACKLOG_RECORD);
}

static void now(void)
{
	u64 seq;
	u32 i;

	setup(SIZE);
	expect_now(1);
	for (i = 0; i < 200; i++) {
		u32 n = 1 + i % 3;

		commit_more(n);
		/* What is not visible yet is not passed over, shown or not. */
		expect_now(number - n);
		ds_cursor_now(f.log, f.visible_seq, &f.cursor);
		seq = commit_show();
		expect_now(number - n);
		ds_cursor_now(f.log, f.visible_seq, &f.cursor);
		CHECK_EQ(f.cursor.next, number - n);
		commit_shown_visible(seq);
		expect_now(number);
		commit_settle();
		expect_now(number);
		for (; n; n--) {
			check_value(follower_next(&f));
			CHECK_EQ(f.record->sequence, number - n);
		}
	}
	teardown();
}

/* Up to a commit, and no further. */
static void pass(void)
{
	u64 next, commit;

	setup(SIZE);
	commit_more(2);
	commit_end();
	commit = s->map->visible_seq;
	put_one();
	ds_cursor_pass(f.log, 0, &f.cursor);
	CHECK_EQ(f.cursor.next, 1);
	ds_cursor_pass(f.log, commit, &f.cursor);
	CHECK_EQ(f.cursor.next, 3);
	ds_cursor_pass(f.log, commit, &f.cursor);
	CHECK_EQ(follower_next(&f)->sequence, 3);
	ds_cursor_pass(f.log, commit + 1, &f.cursor);
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	/* It stays where something was lost: who reads on is told. */
	next = number;
	while (s->p.backlog->tail <= f.cursor.at)
		put_one();
	ds_cursor_pass(f.log, s->map->visible_seq, &f.cursor);
	CHECK_EQ(f.cursor.next, next);
	CHECK_EQ(follower_read(&f), DS_BACKLOG_OVERRUN);
	CHECK_EQ(f.lost, oldest() - next);
	teardown();
}

static void seek(void)
{
	u64 n, first;
	u32 i;

	setup(SIZE);
	CHECK(ds_cursor_seek(f.log, 1, &f.cursor));
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	CHECK(!ds_cursor_seek(f.log, 2, &f.cursor));
	for (i = 0; i < 200; i++) {
		put_one();
		first = oldest();
		for (n = first > 20 ? first - 20 : 1; n < number; n++) {
			f.lost = 0;
			CHECK(ds_cursor_seek(f.log, n, &f.cursor));
			CHECK_EQ(f.cursor.next, n);
			if (n < first) {
				CHECK_EQ(follower_read(&f), DS_BACKLOG_OVERRUN);
				CHECK_EQ(f.lost, first - n);
			}
			check_value(follower_next(&f));
			CHECK_EQ(f.record->sequence, max(n, first));
		}
		CHECK(ds_cursor_seek(f.log, number, &f.cursor));
		CHECK_EQ(f.cursor.next, number);
		CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
		CHECK(!ds_cursor_seek(f.log, number + 1, &f.cursor));
		CHECK(!ds_cursor_seek(f.log, U64_MAX, &f.cursor));
		/* What is not shown yet was not given out. */
		if (i % 3)
			continue;
		n = number;
		commit_more(2);
		CHECK(ds_cursor_seek(f.log, n, &f.cursor));
		CHECK(!ds_cursor_seek(f.log, n + 1, &f.cursor));
		CHECK(!ds_cursor_seek(f.log, n + 2, &f.cursor));
		CHECK(!ds_cursor_seek(f.log, n + 3, &f.cursor));
		commit_end();
		check_value(follower_next(&f));
		CHECK_EQ(f.record->sequence, n);
	}
	teardown();
}

/* --- a commit that is larger than the backlog ---------------------------------------- */

/* Of what was there before nothing is left, nor of the commit's own first changes. */
static void commit_beyond(void)
{
	struct ds_backlog *log = s->p.backlog;

	while (log->tail <= log->head)
		commit_more(1);
	commit_more(3);
}

static void seek_in_overrun(void)
{
	u64 n, first, i;

	setup(SIZE);
	for (i = 0; i < 50; i++) {
		put_one();
		first = number;
		commit_beyond();
		/* The next one, at the end: it was overwritten before it was visible. */
		CHECK(ds_cursor_seek(f.log, first, &f.cursor));
		CHECK_EQ(f.cursor.next, first);
		CHECK(!ds_cursor_seek(f.log, oldest() + 1, &f.cursor));
		CHECK(!ds_cursor_seek(f.log, number - 1, &f.cursor));
		CHECK(!ds_cursor_seek(f.log, number, &f.cursor));
		CHECK(!ds_cursor_seek(f.log, U64_MAX, &f.cursor));
		CHECK(ds_cursor_seek(f.log, first, &f.cursor));
		commit_end();
		f.lost = 0;
		CHECK_EQ(follower_read(&f), DS_BACKLOG_OVERRUN);
		CHECK_EQ(f.lost, oldest() - first);
		for (n = oldest(); n < number; n++)
			check_value(follower_next(&f));
		CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	}
	teardown();
}

/* Who has lost some of a commit that is not visible stands behind the head. */
static void behind_in_overrun(void)
{
	u64 lost, until, first;

	setup(SIZE);
	put_one();
	first = number;
	commit_beyond();
	CHECK_EQ(ds_cursor_seek(f.log, first, &f.cursor), true);
	ds_cursor_lost(f.log, &f.cursor, &lost, &until);
	CHECK_EQ(lost, oldest() - first);
	CHECK_EQ(until, s->now);
	CHECK_EQ(ds_cursor_behind(f.log, &f.cursor), 0);
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	commit_more(3);
	CHECK_EQ(ds_cursor_behind(f.log, &f.cursor), 0);
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	/* And loses more before it can read. */
	commit_end();
	CHECK_EQ(follower_read(&f), DS_BACKLOG_OVERRUN);
	CHECK_EQ(lost + f.lost, oldest() - first);
	check_value(follower_next(&f));
	CHECK_EQ(ds_cursor_behind(f.log, &f.cursor), s->p.backlog->end - f.cursor.at);
	teardown();
}

/* Who begins now waits for nobody, and knows what he begins with if it is gone, too. */
static void now_in_overrun(void)
{
	u64 seq, first;
	u32 i;

	setup(SIZE);
	for (i = 0; i < 50; i++) {
		if (i % 3)
			put_one();
		first = number;
		while (s->p.backlog->tail < s->p.backlog->head || number < first + 3)
			commit_more(1);
		expect_now_lost(first);
		commit_more(i % 7);
		expect_now_lost(first);
		ds_cursor_now(f.log, f.visible_seq, &f.cursor);
		seq = commit_show();
		expect_now_lost(first);
		commit_shown_visible(seq);
		expect_now(number);
		commit_settle();
		expect_now(number);

		f.lost = 0;
		if (oldest() > first) {
			CHECK_EQ(follower_read(&f), DS_BACKLOG_OVERRUN);
			CHECK_EQ(f.lost, oldest() - first);
		}
		check_value(follower_next(&f));
		CHECK_EQ(f.record->sequence, max(first, oldest()));
	}
	teardown();
}

const struct test cursor_tests[] = {
	TEST(wraps),
	TEST(overrun),
	TEST(overwritten),
	TEST(visible),
	TEST(now),
	TEST(pass),
	TEST(seek),
	TEST(seek_in_overrun),
	TEST(behind_in_overrun),
	TEST(now_in_overrun),
	{}
};

// SPDX-License-Identifier: GPL-2.0
/*
 * What a backlog tells of a change: of everything that a batch may do to a document.
 */
#include <errno.h>
#include <string.h>

#include "follow.h"
#include "test.h"

#define SIZE	(64U << 10)

static struct store *s;
static struct follower f;

static void setup(void)
{
	s = store_create(8);
	store_log(s, SIZE);
	follower_init(&f, s);
}

/* All was read. */
static void teardown(void)
{
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	CHECK_EQ(f.cursor.next - 1, s->p.stats.changes);
	CHECK_EQ(ds_cursor_behind(f.log, &f.cursor), 0);
	CHECK_EQ(f.lost, 0);
	follower_destroy(&f);
	store_destroy(s);
}

/* The one change that a batch makes: of this document, with so many changes. */
static const struct docstore_record *run(struct batch *b, const char *id, u16 flags, u32 count)
{
	const struct docstore_version *v;
	const struct docstore_record *r;

	store_run(s, b);
	r = follower_next(&f);
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	CHECK_EQ(r->flags, flags | (flags & DOCSTORE_RECORD_OMITTED ? 0 : DOCSTORE_RECORD_VALUES));
	CHECK_EQ(r->count, count);
	CHECK_EQ(r->id_len, strlen(id));
	CHECK(!memcmp(record_id(r), id, r->id_len));
	CHECK_EQ(r->commit, s->map->visible_seq);
	CHECK_EQ(r->time, s->now);
	v = store_read(s, id, strlen(id));
	CHECK_EQ(!v, !!(flags & DOCSTORE_RECORD_DELETED));
	if (v) {
		CHECK_EQ(r->version, v->version);
		CHECK_EQ(r->type, v->type);
	}
	return r;
}

static void expect(const struct docstore_record *r, u32 i, u32 property, u8 what, u8 type,
		   const void *value, u32 len)
{
	const struct docstore_record_change *c = record_change(r, i);

	CHECK_EQ(c->property, property);
	CHECK_EQ(c->what, what);
	CHECK_EQ(c->type, type);
	CHECK_EQ(c->len, len);
	CHECK(!memcmp(record_value(r, i), value, len));
}

static void expect_number(const struct docstore_record *r, u32 i, u32 property, u8 what, s64 number)
{
	expect(r, i, property, what, DOCSTORE_TYPE_S64, &number, 8);
}

static void expect_unset(const struct docstore_record *r, u32 i, u32 property)
{
	expect(r, i, property, DOCSTORE_OP_UNSET, DOCSTORE_TYPE_NONE, "", 0);
}

static void set(struct batch *b, const char *id, u32 property, s64 number)
{
	op_set_number(b, id, property, DOCSTORE_TYPE_S64, number);
}

/* A document with properties 1 to n, of which nobody needs to be told. */
static void have(const char *id, u32 n)
{
	struct batch *b = batch_create(s, false);
	u32 i;

	for (i = 1; i <= n; i++)
		set(b, id, i, i);
	run(b, id, DOCSTORE_RECORD_CREATED, n);
}

static void created(void)
{
	const struct docstore_record *r;
	struct batch *b;
	u64 bits = 0x4004000000000000ULL, all = ~0ULL;

	setup();
	b = batch_create(s, false);
	op_set_data(b, "a", 9, DOCSTORE_TYPE_STRING, "string", 6);
	op_set_number(b, "a", 8, DOCSTORE_TYPE_NULL, 0);
	op_set_number(b, "a", 7, DOCSTORE_TYPE_BOOL, 1);
	op_set_number(b, "a", 6, DOCSTORE_TYPE_U64, all);
	op_set_number(b, "a", 5, DOCSTORE_TYPE_F64, bits);
	op_set_data(b, "a", DOCSTORE_MAX_NAMES, DOCSTORE_TYPE_BYTES, "\0\1\2", 3);
	op_set_data(b, "a", 3, DOCSTORE_TYPE_JSON, "{}", 2);
	op_set_data(b, "a", 2, DOCSTORE_TYPE_BYTES, "", 0);
	op_add(b, "a", 1, -5);
	op_set_type(b, "a", 77);
	r = run(b, "a", DOCSTORE_RECORD_CREATED, 9);
	CHECK_EQ(r->sequence, 1);
	CHECK_EQ(r->version, 1);
	CHECK_EQ(r->type, 77);
	CHECK_EQ(r->old_type, 0);
	expect(r, 0, 9, DOCSTORE_OP_SET, DOCSTORE_TYPE_STRING, "string", 6);
	expect(r, 1, 8, DOCSTORE_OP_SET, DOCSTORE_TYPE_NULL, "", 0);
	expect(r, 2, 7, DOCSTORE_OP_SET, DOCSTORE_TYPE_BOOL, "\1", 1);
	expect(r, 3, 6, DOCSTORE_OP_SET, DOCSTORE_TYPE_U64, &all, 8);
	expect(r, 4, 5, DOCSTORE_OP_SET, DOCSTORE_TYPE_F64, &bits, 8);
	expect(r, 5, DOCSTORE_MAX_NAMES, DOCSTORE_OP_SET, DOCSTORE_TYPE_BYTES, "\0\1\2", 3);
	expect(r, 6, 3, DOCSTORE_OP_SET, DOCSTORE_TYPE_JSON, "{}", 2);
	expect(r, 7, 2, DOCSTORE_OP_SET, DOCSTORE_TYPE_BYTES, "", 0);
	expect_number(r, 8, 1, DOCSTORE_OP_ADD, -5);

	/* Without a property, and of an id as long as may be. */
	b = batch_create(s, false);
	op_touch(b, "b", 0);
	run(b, "b", DOCSTORE_RECORD_CREATED, 0);
	b = batch_create(s, false);
	{
		char id[DOCSTORE_MAX_ID + 1] = {};

		memset(id, 'x', DOCSTORE_MAX_ID);
		set(b, id, 1, 1);
		run(b, id, DOCSTORE_RECORD_CREATED, 1);
	}
	teardown();
}

/* Only what a batch has set is told of, and what it is now. */
static void changed(void)
{
	const struct docstore_record *r;
	struct batch *b;

	setup();
	have("a", 4);
	b = batch_create(s, false);
	set(b, "a", 3, 30);
	set(b, "a", 1, 10);
	set(b, "a", 3, 31);
	r = run(b, "a", 0, 2);
	CHECK_EQ(r->version, 2);
	expect_number(r, 0, 1, DOCSTORE_OP_SET, 10);
	expect_number(r, 1, 3, DOCSTORE_OP_SET, 31);
	/* To what it was before. */
	b = batch_create(s, false);
	set(b, "a", 3, 31);
	expect_number(run(b, "a", 0, 1), 0, 3, DOCSTORE_OP_SET, 31);
	/* Of several changes of one document in a batch, too. */
	b = batch_create(s, false);
	set(b, "a", 1, 11);
	op_get(b, "b", 0, 10)->flags = DOCSTORE_IF_ABSENT;
	set(b, "a", 2, 20);
	store_commit(s, b);
	batch_destroy(b);
	r = follower_next(&f);
	CHECK_EQ(r->count, 2);
	expect_number(r, 0, 1, DOCSTORE_OP_SET, 11);
	expect_number(r, 1, 2, DOCSTORE_OP_SET, 20);
	teardown();
}

static void deleted(void)
{
	const struct docstore_record *r;
	struct batch *b;

	setup();
	b = batch_create(s, false);
	set(b, "a", 1, 1);
	op_set_type(b, "a", 5);
	run(b, "a", DOCSTORE_RECORD_CREATED, 1);
	b = batch_create(s, false);
	set(b, "a", 2, 1);
	op_delete(b, "a");
	r = run(b, "a", DOCSTORE_RECORD_DELETED, 0);
	CHECK_EQ(r->version, 2);
	CHECK_EQ(r->old_type, 5);
	/* Made again on its tombstone: it was not there. */
	b = batch_create(s, false);
	set(b, "a", 2, 1);
	r = run(b, "a", DOCSTORE_RECORD_CREATED, 1);
	CHECK_EQ(r->version, 3);
	CHECK_EQ(r->old_type, 0);
	/* What was made and deleted at once. */
	b = batch_create(s, false);
	set(b, "b", 2, 1);
	op_delete(b, "b");
	run(b, "b", DOCSTORE_RECORD_DELETED, 0);
	teardown();
}

static void replaced(void)
{
	const struct docstore_record *r;
	struct batch *b;

	setup();
	b = batch_create(s, false);
	set(b, "a", 1, 1);
	set(b, "a", 2, 2);
	op_set_type(b, "a", 5);
	run(b, "a", DOCSTORE_RECORD_CREATED, 2);
	b = batch_create(s, false);
	op_unset(b, "a", 2);
	op_delete(b, "a");
	set(b, "a", 3, 3);
	op_set_type(b, "a", 6);
	r = run(b, "a", DOCSTORE_RECORD_REPLACED, 1);
	CHECK_EQ(r->old_type, 5);
	CHECK_EQ(r->type, 6);
	expect_number(r, 0, 3, DOCSTORE_OP_SET, 3);
	b = batch_create(s, false);
	op_delete(b, "a");
	op_touch(b, "a", 0);
	r = run(b, "a", DOCSTORE_RECORD_REPLACED, 0);
	CHECK_EQ(r->old_type, 6);
	CHECK_EQ(r->type, 0);
	/* One that was not there is not replaced. */
	b = batch_create(s, false);
	set(b, "b", 1, 1);
	op_delete(b, "b");
	set(b, "b", 2, 2);
	expect_number(run(b, "b", DOCSTORE_RECORD_CREATED, 1), 0, 2, DOCSTORE_OP_SET, 2);
	teardown();
}

static void cleared(void)
{
	const struct docstore_record *r;
	struct batch *b;

	setup();
	have("a", 4);
	b = batch_create(s, false);
	op_unset(b, "a", 4);
	op_unset(b, "a", 0);
	set(b, "a", 2, 20);
	r = run(b, "a", DOCSTORE_RECORD_CLEARED, 1);
	expect_number(r, 0, 2, DOCSTORE_OP_SET, 20);
	b = batch_create(s, false);
	op_unset(b, "a", 0);
	run(b, "a", DOCSTORE_RECORD_CLEARED, 0);
	b = batch_create(s, false);
	op_unset(b, "a", 0);
	op_delete(b, "a");
	set(b, "a", 1, 1);
	run(b, "a", DOCSTORE_RECORD_CLEARED | DOCSTORE_RECORD_REPLACED, 1);
	/* There was nothing to be removed. */
	b = batch_create(s, false);
	set(b, "b", 1, 1);
	op_unset(b, "b", 0);
	run(b, "b", DOCSTORE_RECORD_CREATED, 0);
	teardown();
}

static void unset(void)
{
	const struct docstore_record *r;
	struct batch *b;

	setup();
	have("a", 6);
	b = batch_create(s, false);
	op_unset(b, "a", 5);
	set(b, "a", 1, 10);
	op_unset(b, "a", 3);
	r = run(b, "a", 0, 3);
	expect_number(r, 0, 1, DOCSTORE_OP_SET, 10);
	expect_unset(r, 1, 5);
	expect_unset(r, 2, 3);
	/* Removed and set again. */
	b = batch_create(s, false);
	op_unset(b, "a", 1);
	op_unset(b, "a", 2);
	set(b, "a", 1, 11);
	r = run(b, "a", 0, 2);
	expect_number(r, 0, 1, DOCSTORE_OP_SET, 11);
	expect_unset(r, 1, 2);
	/* Set and removed, by different changes. */
	b = batch_create(s, false);
	set(b, "a", 7, 70);
	op_touch(b, "b", 0);
	op_unset(b, "a", 7);
	store_run(s, b);
	r = follower_next(&f);
	CHECK_EQ(r->count, 1);
	expect_unset(r, 0, 7);
	follower_next(&f);
	teardown();
}

/* What was last done counts. */
static void added_or_set(void)
{
	const struct docstore_record *r;
	struct batch *b;

	setup();
	have("a", 6);
	b = batch_create(s, false);
	op_add(b, "a", 1, 10);
	set(b, "a", 2, 20);
	op_add(b, "a", 2, 1);
	op_add(b, "a", 3, 10);
	set(b, "a", 3, 30);
	op_add(b, "a", 4, 10);
	op_unset(b, "a", 4);
	set(b, "a", 4, 40);
	op_add(b, "a", 5, 10);
	op_unset(b, "a", 5);
	op_unset(b, "a", 6);
	op_add(b, "a", 6, 60);
	set(b, "a", 64, 64);
	op_add(b, "a", DOCSTORE_MAX_NAMES, 65);
	r = run(b, "a", 0, 8);
	expect_number(r, 0, 1, DOCSTORE_OP_ADD, 11);
	expect_number(r, 1, 2, DOCSTORE_OP_ADD, 21);
	expect_number(r, 2, 3, DOCSTORE_OP_SET, 30);
	expect_number(r, 3, 4, DOCSTORE_OP_SET, 40);
	expect_number(r, 4, 6, DOCSTORE_OP_ADD, 60);
	expect_number(r, 5, 64, DOCSTORE_OP_SET, 64);
	expect_number(r, 6, DOCSTORE_MAX_NAMES, DOCSTORE_OP_ADD, 65);
	expect_unset(r, 7, 5);
	/* The next batch begins anew, also where it adds something. */
	b = batch_create(s, false);
	op_add(b, "a", 3, 1);
	set(b, "a", 1, 1);
	set(b, "a", DOCSTORE_MAX_NAMES, 1);
	r = run(b, "a", 0, 3);
	expect_number(r, 0, 1, DOCSTORE_OP_SET, 1);
	expect_number(r, 1, 3, DOCSTORE_OP_ADD, 31);
	expect_number(r, 2, DOCSTORE_MAX_NAMES, DOCSTORE_OP_SET, 1);
	/* Across changes of the same document. */
	b = batch_create(s, false);
	op_add(b, "a", 1, 1);
	op_touch(b, "b", 0);
	set(b, "a", 1, 5);
	op_add(b, "a", 3, 1);
	store_run(s, b);
	r = follower_next(&f);
	CHECK_EQ(r->count, 2);
	expect_number(r, 0, 1, DOCSTORE_OP_SET, 5);
	expect_number(r, 1, 3, DOCSTORE_OP_ADD, 32);
	follower_next(&f);
	teardown();
}

static void versions_and_types(void)
{
	const struct docstore_record *r;
	struct batch *b;

	setup();
	have("a", 2);
	b = batch_create(s, false);
	op_touch(b, "a", 0);
	CHECK_EQ(run(b, "a", 0, 0)->version, 2);
	/* What was set before the version was raised, and behind that. */
	b = batch_create(s, false);
	set(b, "a", 1, 10);
	op_touch(b, "a", 1000);
	set(b, "a", 3, 30);
	r = run(b, "a", 0, 2);
	CHECK_EQ(r->version, 1000);
	expect_number(r, 0, 1, DOCSTORE_OP_SET, 10);
	expect_number(r, 1, 3, DOCSTORE_OP_SET, 30);
	/* Ages beyond what 32 bits say, at which nothing looks new. */
	b = batch_create(s, false);
	op_touch(b, "a", 1000 + (1ULL << 32));
	run(b, "a", 0, 0);
	b = batch_create(s, false);
	op_touch(b, "a", (3ULL << 32) + 1);
	set(b, "a", 3, 31);
	expect_number(run(b, "a", 0, 1), 0, 3, DOCSTORE_OP_SET, 31);

	b = batch_create(s, false);
	op_set_type(b, "a", 5);
	r = run(b, "a", 0, 0);
	CHECK_EQ(r->old_type, 0);
	CHECK_EQ(r->type, 5);
	b = batch_create(s, false);
	op_set_type(b, "a", 6);
	op_set_type(b, "a", 7);
	r = run(b, "a", 0, 0);
	CHECK_EQ(r->old_type, 5);
	CHECK_EQ(r->type, 7);
	b = batch_create(s, false);
	op_set_type(b, "a", 0);
	CHECK_EQ(run(b, "a", 0, 0)->old_type, 7);
	teardown();
}

/* Each batch is a change of its own, also where only the last one becomes visible. */
static void one_commit(void)
{
	const struct docstore_record *r;
	struct batch *b[4];
	u32 i;

	setup();
	for (i = 0; i < 4; i++)
		b[i] = batch_create(s, i & 1);
	set(b[0], "a", 1, 1);
	op_set_type(b[0], "a", 5);
	set(b[1], "a", 2, 2);
	op_set_type(b[1], "a", 6);
	op_delete(b[2], "a");
	set(b[3], "a", 3, 3);
	for (i = 0; i < 4; i++)
		store_top_up(s, b[i]->bytes);
	store_begin(s);
	for (i = 0; i < 4; i++) {
		store_apply(s, b[i]);
		CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);
	}
	store_publish(s);
	for (i = 0; i < 4; i++)
		store_settle(s, b[i]);

	r = follower_next(&f);
	CHECK_EQ(r->flags, DOCSTORE_RECORD_CREATED | DOCSTORE_RECORD_VALUES);
	CHECK_EQ(r->type, 5);
	expect_number(r, 0, 1, DOCSTORE_OP_SET, 1);
	r = follower_next(&f);
	CHECK_EQ(r->flags, DOCSTORE_RECORD_VALUES);
	CHECK_EQ(r->old_type, 5);
	CHECK_EQ(r->type, 6);
	CHECK_EQ(r->count, 1);
	expect_number(r, 0, 2, DOCSTORE_OP_SET, 2);
	r = follower_next(&f);
	CHECK_EQ(r->flags, DOCSTORE_RECORD_DELETED | DOCSTORE_RECORD_VALUES);
	CHECK_EQ(r->old_type, 6);
	r = follower_next(&f);
	CHECK_EQ(r->flags, DOCSTORE_RECORD_CREATED | DOCSTORE_RECORD_VALUES);
	CHECK_EQ(r->old_type, 0);
	CHECK_EQ(r->sequence, 4);
	CHECK_EQ(r->version, 4);
	CHECK_EQ(r->commit, 1);
	for (i = 0; i < 4; i++)
		batch_destroy(b[i]);
	teardown();
}

/* What was refused, or has done nothing, is not told of. */
static void nothing(void)
{
	struct batch *b;
	u64 end;

	setup();
	have("a", 2);
	end = s->p.backlog->end;
	b = batch_create(s, true);
	set(b, "a", 1, 10);
	op_add(b, "a", 2, 10);
	set(b, "b", 1, 1);
	op_delete(b, "c");
	store_commit(s, b);
	CHECK(b->batch.refused);
	batch_destroy(b);

	/* Of a batch that is not atomic, what has succeeded. */
	b = batch_create(s, false);
	op_add(b, "a", 1, S64_MAX);
	op_delete(b, "c");
	op_get(b, "d", 0, 100);
	set(b, "a", 2, 10);
	store_commit(s, b);
	batch_destroy(b);

	b = batch_create(s, false);
	op_get(b, "a", 0, 100);
	batch_op(b, "a", 1, DOCSTORE_OP_CHECK);
	store_run(s, b);
	CHECK_EQ(s->p.backlog->end, end);
	CHECK_EQ(follower_read(&f), DS_BACKLOG_NOTHING);

	b = batch_create(s, false);
	op_delete(b, "c");
	set(b, "a", 2, 10);
	store_commit(s, b);
	batch_destroy(b);
	CHECK_EQ(follower_next(&f)->count, 1);

	/* No memory: nothing; and once when it is tried again. */
	end = s->p.backlog->end;
	b = batch_create(s, true);
	set(b, "a", 1, 10);
	set(b, "b", 1, 1);
	core_fail_after = core_allocs + 1;
	core_fail_count = 10;
	store_begin(s);
	store_apply(s, b);
	CHECK(b->batch.nomem);
	core_fail_after = CORE_NEVER;
	CHECK(!store_publish(s));
	CHECK_EQ(s->p.backlog->end, end);
	store_run(s, b);
	follower_next(&f);
	follower_next(&f);
	teardown();
}

/* A value such that the record has so many bytes, if it is told of. */
static struct batch *of_size(u32 size, char *data)
{
	struct batch *b = batch_create(s, false);
	u32 len = size - sizeof(struct docstore_record) - sizeof(struct docstore_record_change) - 1;
	u32 i;

	for (i = 0; i < len; i++)
		data[i] = i * 31 + size;
	op_set_data(b, "a", 1, DOCSTORE_TYPE_BYTES, data, len);
	return b;
}

static void omitted(void)
{
	static char data[SIZE];
	const struct docstore_record *r;
	struct batch *b;
	u32 size;

	setup();
	b = batch_create(s, false);
	op_touch(b, "a", 0);
	run(b, "a", DOCSTORE_RECORD_CREATED, 0);
	for (size = SIZE / 4 - 9; size <= SIZE / 4; size++) {
		r = run(of_size(size, data), "a", 0, 1);
		CHECK_EQ(r->size, (size + 7) / 8 * 8);
		expect(r, 0, 1, DOCSTORE_OP_SET, DOCSTORE_TYPE_BYTES, data,
		       record_change(r, 0)->len);
	}
	r = run(of_size(size, data), "a", DOCSTORE_RECORD_OMITTED, 0);
	CHECK_EQ(r->size, sizeof(*r) + 8);
	CHECK_EQ(r->version, 1 + 11);

	/* With what else there is to tell. */
	b = of_size(SIZE / 2, data);
	op_add(b, "a", 3, 1);
	op_set_type(b, "a", 5);
	CHECK_EQ(run(b, "a", DOCSTORE_RECORD_OMITTED, 0)->type, 5);
	b = batch_create(s, false);
	op_delete(b, "a");
	run(b, "a", DOCSTORE_RECORD_DELETED, 0);
	run(of_size(SIZE / 2, data), "a", DOCSTORE_RECORD_OMITTED | DOCSTORE_RECORD_CREATED, 0);
	b = batch_create(s, false);
	op_delete(b, "a");
	op_set_data(b, "a", 1, DOCSTORE_TYPE_BYTES, data, SIZE / 2);
	run(b, "a", DOCSTORE_RECORD_OMITTED | DOCSTORE_RECORD_REPLACED, 0);
	b = batch_create(s, false);
	op_unset(b, "a", 0);
	op_set_data(b, "a", 1, DOCSTORE_TYPE_BYTES, data, SIZE / 2);
	run(b, "a", DOCSTORE_RECORD_OMITTED | DOCSTORE_RECORD_CLEARED, 0);
	/* What is as large and was there before does not count. */
	b = batch_create(s, false);
	set(b, "a", 3, 3);
	expect_number(run(b, "a", 0, 1), 0, 3, DOCSTORE_OP_SET, 3);
	teardown();
}

/* Values longer than what 16 bits say, and as many properties as there may be. */
static void large(void)
{
	static char data[100000];
	const struct docstore_record *r;
	struct batch *b;
	u32 i;

	s = store_create(8);
	store_log(s, 1 << 20);
	follower_init(&f, s);
	memset(data, 'x', sizeof(data));
	b = batch_create_for(s, false, DOCSTORE_MAX_PROPERTIES);
	for (i = 1; i < DOCSTORE_MAX_PROPERTIES; i++)
		set(b, "a", i, i);
	op_set_data(b, "a", i, DOCSTORE_TYPE_BYTES, data, sizeof(data));
	r = run(b, "a", DOCSTORE_RECORD_CREATED, DOCSTORE_MAX_PROPERTIES);
	for (i = 1; i < DOCSTORE_MAX_PROPERTIES; i += 100)
		expect_number(r, i - 1, i, DOCSTORE_OP_SET, i);
	expect(r, DOCSTORE_MAX_PROPERTIES - 1, DOCSTORE_MAX_PROPERTIES, DOCSTORE_OP_SET,
	       DOCSTORE_TYPE_BYTES, data, sizeof(data));
	b = batch_create_for(s, false, DOCSTORE_MAX_PROPERTIES);
	for (i = 1; i <= DOCSTORE_MAX_PROPERTIES; i++)
		op_unset(b, "a", i);
	r = run(b, "a", 0, DOCSTORE_MAX_PROPERTIES);
	expect_unset(r, DOCSTORE_MAX_PROPERTIES - 1, DOCSTORE_MAX_PROPERTIES);
	teardown();
}

const struct test backlog_tests[] = {
	TEST(created),
	TEST(changed),
	TEST(deleted),
	TEST(replaced),
	TEST(cleared),
	TEST(unset),
	TEST(added_or_set),
	TEST(versions_and_types),
	TEST(one_commit),
	TEST(nothing),
	TEST(omitted),
	TEST(large),
	{}
};

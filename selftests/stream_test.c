// SPDX-License-Identifier: GPL-2.0
/*
 * Streams: what they yield, in which order, filtered and resumed, paused and closed.
 * stream_load_test.c has what happens at full speed.
 */
#include "monitor.h"
#include "snapshot.h"
#include "stream.h"
#include "uring.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "docstore_harness.h"

#define PARTS	4
#define SMALL	(64 << 20)
#define ROOM	(1 << 16)

FIXTURE(stream) {
	struct ds_store store;
	int fd, a, b, type;
	struct st_reader r;
};

FIXTURE_SETUP(stream)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "stream", PARTS, SMALL));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->b = ds_prop_id(self->fd, "b");
	self->type = ds_prop_id(self->fd, "type");
	ASSERT_LT(0, self->type);
	self->r.fd = -1;
}

FIXTURE_TEARDOWN(stream)
{
	if (self->r.fd >= 0) {
		close(self->r.fd);
		st_reader_free(&self->r);
	}
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* Open the fixture's stream, or another one in its place. */
static int begin(FIXTURE_DATA(stream) *self, int fd)
{
	if (self->r.fd >= 0) {
		close(self->r.fd);
		st_reader_free(&self->r);
		self->r.fd = -1;
	}
	if (fd >= 0)
		st_reader_init(&self->r, fd, ROOM);
	return fd;
}

static int set(FIXTURE_DATA(stream) *self, const char *id, __s64 value)
{
	return ds_do(self->fd, ds_set_s64(id, self->a, value));
}

TEST_F(stream, a_change_is_told)
{
	const struct docstore_record *record;
	__u64 before = ds_clock(CLOCK_REALTIME);

	ASSERT_EQ(0, set(self, "early", 1));
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK)));
	EXPECT_EQ(NULL, st_next(&self->r));
	EXPECT_EQ(-EAGAIN, self->r.used);
	ASSERT_EQ(0, set(self, "x", 7));
	record = st_next(&self->r);
	ASSERT_NE(NULL, record);
	EXPECT_EQ(DOCSTORE_RECORD_CHANGE, record->kind);
	EXPECT_EQ(DOCSTORE_RECORD_CREATED | DOCSTORE_RECORD_VALUES, record->flags);
	EXPECT_EQ(1, record->version);
	EXPECT_LE(before, record->time);
	EXPECT_GE(ds_clock(CLOCK_REALTIME), record->time);
	ASSERT_EQ(1, record->count);
	EXPECT_EQ(self->a, (int)st_changes(record)[0].property);
	EXPECT_EQ(DOCSTORE_OP_SET, st_changes(record)[0].what);
	EXPECT_EQ(DOCSTORE_TYPE_S64, st_changes(record)[0].type);
	EXPECT_TRUE(st_is(record, "x"));
	EXPECT_EQ(7, st_s64(record, 0));
	EXPECT_EQ(NULL, st_next(&self->r));
	EXPECT_EQ(-EAGAIN, self->r.used);
}

/* What a record of one document says, in one line. */
static const char *tell(FIXTURE_DATA(stream) *self, const struct docstore_record *record)
{
	static const char *const kinds[] = { "?", "change", "document", "begin", "end",
					     "bookmark", "lost", "removed" };
	static const char *const flags[] = { "created", "deleted", "replaced", "cleared",
					     "values", "omitted", "resync" };
	static char text[512];
	char *at = text;
	__u32 i;

	if (!record)
		return "nothing";
	at += sprintf(at, "%s", kinds[record->kind]);
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if (record->flags >> i & 1 && (1 << i) != DOCSTORE_RECORD_VALUES)
			at += sprintf(at, " %s", flags[i]);
	if (record->kind == DOCSTORE_RECORD_CHANGE)
		at += sprintf(at, " %.*s", record->id_len, st_id(record));
	if (record->kind == DOCSTORE_RECORD_DOCUMENT)
		at += sprintf(at, " %.*s", record->id_len,
			      (const char *)ds_doc_id(st_document(record)));
	if (record->type || record->old_type)
		at += sprintf(at, " type %d to %d", record->old_type == (__u32)self->type,
			      record->type == (__u32)self->type);
	for (i = 0; record->kind == DOCSTORE_RECORD_CHANGE && i < record->count; i++) {
		const struct docstore_record_change *c = &st_changes(record)[i];
		const char *name = c->property == (__u32)self->a ? "a" :
				   c->property == (__u32)self->b ? "b" : "?";

		if (c->what == DOCSTORE_OP_UNSET)
			at += sprintf(at, " -%s", name);
		else if (!(record->flags & DOCSTORE_RECORD_VALUES))
			at += sprintf(at, " %s", name);
		else if (c->type == DOCSTORE_TYPE_S64)
			at += sprintf(at, " %s%s%lld", name,
				      c->what == DOCSTORE_OP_ADD ? "+=" : "=",
				      (long long)st_s64(record, i));
		else
			at += sprintf(at, " %s=(%u bytes)", name, c->len);
	}
	return text;
}

#define NEXT()		tell(self, st_next_some(&self->r))
#define NOTHING()							\
	do {								\
		EXPECT_STREQ("nothing", NEXT());			\
		EXPECT_EQ(-EAGAIN, self->r.used);			\
	} while (0)

TEST_F(stream, what_a_batch_does_is_one_change)
{
	int a = self->a, b = self->b;
	struct docstore_op batch[] = {
		ds_set_s64("x", a, 1), ds_add("x", b, 5), ds_add("x", a, 1), ds_set_s64("x", b, 9),
		ds_add("y", b, 2), ds_set_s64("y", a, 3), ds_unset("y", a),
	};
	__u32 failed;
	int i;

	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK)));
	ASSERT_EQ(0, ds_submit(self->fd, DOCSTORE_SUBMIT_ATOMIC, batch, ARRAY_SIZE(batch), &failed));
	ASSERT_EQ(0, failed);
	/* The partitions come in any order. */
	for (i = 0; i < 2; i++) {
		const struct docstore_record *record = st_next(&self->r);

		ASSERT_NE(NULL, record);
		EXPECT_STREQ(st_is(record, "x") ? "change created x a+=2 b=9" :
			     "change created y b+=2 -a", tell(self, record));
	}
	NOTHING();
}

TEST_F(stream, every_kind_of_change)
{
	int a = self->a, b = self->b;
	struct {
		struct docstore_op op[3];
		const char *told;
	} steps[] = {
		{ { ds_set_s64("x", a, 1), ds_set_s64("x", b, 2) }, "change created x a=1 b=2" },
		{ { ds_set_s64("x", a, 3) }, "change x a=3" },
		{ { ds_add("x", a, 4) }, "change x a+=7" },
		{ { ds_unset("x", a) }, "change x -a" },
		{ { ds_set_bytes("x", a, "12345", 5) }, "change x a=(5 bytes)" },
		{ { ds_unset("x", 0), ds_set_s64("x", b, 1) }, "change cleared x b=1" },
		{ { ds_unset("x", 0) }, "change cleared x" },
		{ { ds_touch("x", 100) }, "change x" },
		{ { ds_set_type("x", self->type) }, "change x type 0 to 1" },
		{ { ds_set_s64("x", a, 1) }, "change x type 1 to 1 a=1" },
		{ { ds_delete("x"), ds_set_s64("x", b, 5) }, "change replaced x type 1 to 0 b=5" },
		{ { ds_delete("x") }, "change deleted x" },
		{ { ds_touch("x", 0) }, "change created x" },
		{ { ds_set_s64("x", a, 1), ds_delete("x") }, "change deleted x" },
	};
	__u64 version = 0;
	size_t i;

	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK)));
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		const struct docstore_record *record;
		__u32 n = 1, failed = 0;

		while (n < 3 && steps[i].op[n].code)
			n++;
		ASSERT_EQ(0, ds_submit(self->fd, 0, steps[i].op, n, &failed));
		ASSERT_EQ(0, failed);
		record = st_next(&self->r);
		EXPECT_STREQ(steps[i].told, tell(self, record));
		ASSERT_NE(NULL, record);
		EXPECT_LT(version, record->version);
		EXPECT_EQ(steps[i].op[0].version, record->version);
		version = record->version;
	}
	/* What changes nothing is none. */
	ASSERT_EQ(-ENOENT, ds_do(self->fd, ds_delete("x")));
	ASSERT_EQ(0, ds_do(self->fd, ds_op(DOCSTORE_OP_CHECK, "x")));
	NOTHING();
}

TEST_F(stream, a_refused_batch_is_none)
{
	struct docstore_op batch[] = { ds_set_s64("x", self->a, 1), ds_set_s64("y", self->a, 1),
				       ds_delete("nobody") };
	__u32 failed;

	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_NONBLOCK)));
	ASSERT_EQ(0, ds_submit(self->fd, DOCSTORE_SUBMIT_ATOMIC, batch, 3, &failed));
	EXPECT_EQ(3, failed);
	NOTHING();
}

TEST_F(stream, without_values)
{
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_NONBLOCK)));
	ASSERT_EQ(0, set(self, "x", 1));
	ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes("x", self->b, "0123456789", 10)));
	EXPECT_STREQ("change created x a", NEXT());
	EXPECT_STREQ("change x b", NEXT());
	NOTHING();
}

/* Filters -------------------------------------------------------------------- */

TEST_F(stream, by_prefix)
{
	struct docstore_stream arg = st_args(ST_FOLLOW | ST_VALUES | ST_NONBLOCK);
	char id[256];
	int i;

	arg.prefix = ds_ptr("user/");
	arg.prefix_len = 5;
	ASSERT_LE(0, begin(self, st_open_args(self->fd, &arg)));
	ASSERT_EQ(0, set(self, "user", 1));
	ASSERT_EQ(0, set(self, "users", 1));
	for (i = 0; i < 100; i++) {
		sprintf(id, "other/%d", i);
		ASSERT_EQ(0, set(self, id, i));
	}
	ASSERT_EQ(0, set(self, "user/", 2));
	EXPECT_STREQ("change created user/ a=2", NEXT());
	ASSERT_EQ(0, set(self, "user/x", 3));
	ASSERT_EQ(0, ds_do(self->fd, ds_delete("user/x")));
	EXPECT_STREQ("change created user/x a=3", NEXT());
	EXPECT_STREQ("change deleted user/x", NEXT());
	NOTHING();
	/* The longest one. */
	memset(id, 'i', 255);
	id[255] = 0;
	arg.prefix = ds_ptr(id);
	arg.prefix_len = 255;
	ASSERT_LE(0, begin(self, st_open_args(self->fd, &arg)));
	ASSERT_EQ(0, set(self, "i", 1));
	ASSERT_EQ(0, set(self, id, 1));
	ASSERT_NE(NULL, st_next_some(&self->r));
	NOTHING();
}

TEST_F(stream, by_type)
{
	struct docstore_stream arg = st_args(ST_FOLLOW | ST_VALUES | ST_NONBLOCK);

	arg.type = self->type;
	ASSERT_LE(0, begin(self, st_open_args(self->fd, &arg)));
	ASSERT_EQ(0, set(self, "x", 1));
	ASSERT_EQ(0, ds_do(self->fd, ds_set_type("x", self->type)));
	ASSERT_EQ(0, ds_do(self->fd, ds_set_type("x", 0)));
	ASSERT_EQ(0, set(self, "x", 2));
	EXPECT_STREQ("change x type 0 to 1", NEXT());
	EXPECT_STREQ("change x type 1 to 0", NEXT());
	ASSERT_EQ(0, ds_do(self->fd, ds_set_type("y", self->type)));
	EXPECT_STREQ("change created y type 0 to 1", NEXT());
	/* One that is gone had it. */
	ASSERT_EQ(0, ds_do(self->fd, ds_delete("x")));
	ASSERT_EQ(0, ds_do(self->fd, ds_delete("y")));
	EXPECT_STREQ("change deleted y type 1 to 0", NEXT());
	NOTHING();
}

TEST_F(stream, by_property)
{
	struct docstore_stream arg = st_args(ST_FOLLOW | ST_VALUES | ST_NONBLOCK);

	arg.property = self->b;
	ASSERT_EQ(0, set(self, "x", 1));
	ASSERT_LE(0, begin(self, st_open_args(self->fd, &arg)));
	ASSERT_EQ(0, set(self, "x", 2));
	ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("x", self->b, 3)));
	ASSERT_EQ(0, set(self, "x", 4));
	ASSERT_EQ(0, ds_do(self->fd, ds_unset("x", self->b)));
	ASSERT_EQ(0, ds_do(self->fd, ds_add("x", self->b, 5)));
	ASSERT_EQ(0, ds_do(self->fd, ds_touch("x", 0)));
	ASSERT_EQ(0, ds_do(self->fd, ds_delete("x")));
	EXPECT_STREQ("change x b=3", NEXT());
	EXPECT_STREQ("change x -b", NEXT());
	EXPECT_STREQ("change x b+=5", NEXT());
	EXPECT_STREQ("change deleted x", NEXT());
	NOTHING();
}

/* Snapshots ------------------------------------------------------------------- */

#define DOCS	500

static int fill(FIXTURE_DATA(stream) *self, int first, int n)
{
	char id[32];
	int i;

	for (i = first; i < first + n; i++) {
		sprintf(id, "doc/%d", i);
		if (set(self, id, i))
			return -1;
	}
	return 0;
}

TEST_F(stream, documents)
{
	const struct docstore_record *record;
	bool seen[DOCS] = { };
	int i, n = 0;

	ASSERT_EQ(0, fill(self, 0, DOCS));
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_SNAPSHOT)));
	/* It is as of the call. */
	ASSERT_EQ(0, fill(self, DOCS, 10));
	ASSERT_EQ(0, set(self, "doc/0", 77));
	EXPECT_EQ(POLLIN, st_poll(self->r.fd, 0));
	EXPECT_STREQ("begin", NEXT());
	while ((record = st_next(&self->r)) && record->kind == DOCSTORE_RECORD_DOCUMENT) {
		const struct docstore_version *v = st_document(record);
		__s64 value;

		ASSERT_EQ(0, ds_doc_check(v, record->size - sizeof(*record)));
		value = ds_prop_s64(v, self->a);
		ASSERT_LE(0, value);
		ASSERT_GT(DOCS, value);
		EXPECT_FALSE(seen[value]);
		seen[value] = true;
		n++;
	}
	EXPECT_EQ(DOCS, n);
	for (i = 0; i < DOCS; i++)
		EXPECT_TRUE(seen[i]);
	EXPECT_STREQ("end", tell(self, record));
	EXPECT_STREQ("nothing", NEXT());
	EXPECT_EQ(0, self->r.used);
	EXPECT_EQ(DOCSTORE_STREAM_COMPLETE, st_state(self->r.fd));
	EXPECT_EQ(POLLIN | POLLRDHUP, st_poll(self->r.fd, 0));
	EXPECT_EQ(-EPIPE, st_pause(self->r.fd, 0, 0));
	EXPECT_EQ(-EPIPE, st_resume(self->r.fd));
}

/* What was not copied is not passed over: a read that fails can be repeated. */
TEST_F(stream, documents_that_cannot_be_copied)
{
	char *pages = ds_map(2 * 4096, MAP_PRIVATE), *at = pages + 4096 - 300;
	const struct docstore_record *record;
	int n = 0;

	ASSERT_EQ(0, fill(self, 0, DOCS));
	ASSERT_EQ(0, mprotect(pages + 4096, 4096, PROT_NONE));
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_SNAPSHOT)));
	/* The beginning fits, and what is behind it does not. */
	EXPECT_EQ((ssize_t)sizeof(*record), read(self->r.fd, at, 4096));
	EXPECT_EQ(DOCSTORE_RECORD_BEGIN, ((struct docstore_record *)at)->kind);
	EXPECT_EQ(-1, read(self->r.fd, at, 4096));
	EXPECT_EQ(EFAULT, errno);
	while ((record = st_next(&self->r)) && record->kind == DOCSTORE_RECORD_DOCUMENT)
		n++;
	EXPECT_EQ(DOCS, n);
	EXPECT_STREQ("end", tell(self, record));
	munmap(pages, 2 * 4096);
}

static void *poll_all_along(void *fd)
{
	while (!(st_poll(*(int *)fd, 0) & POLLRDHUP))
		;
	return NULL;
}

/* Somebody polls when another one reads the end, in a store that nobody ever watched. */
TEST_F(stream, polled_at_the_end)
{
	pthread_t thread;
	int i;

	ASSERT_EQ(0, fill(self, 0, 3));
	for (i = 0; i < 2000; i++) {
		ASSERT_LE(0, begin(self, st_open(self->fd, ST_SNAPSHOT)));
		ASSERT_EQ(0, pthread_create(&thread, NULL, poll_all_along, &self->r.fd));
		while (st_next(&self->r))
			;
		EXPECT_EQ(0, self->r.used);
		pthread_join(thread, NULL);
	}
}

TEST_F(stream, some_documents)
{
	struct docstore_stream arg = st_args(ST_SNAPSHOT);
	int n = 0;

	ASSERT_EQ(0, fill(self, 0, 200));
	ASSERT_EQ(0, ds_do(self->fd, ds_set_type("doc/17", self->type)));
	arg.prefix = ds_ptr("doc/1");
	arg.prefix_len = 5;
	ASSERT_LE(0, begin(self, st_open_args(self->fd, &arg)));
	EXPECT_STREQ("begin", NEXT());
	while (!strncmp(NEXT(), "document doc/1", 14))
		n++;
	EXPECT_EQ(111, n);
	arg.type = self->type;
	ASSERT_LE(0, begin(self, st_open_args(self->fd, &arg)));
	EXPECT_STREQ("begin", NEXT());
	EXPECT_STREQ("document doc/17 type 0 to 1", NEXT());
	EXPECT_STREQ("end", NEXT());
}

TEST_F(stream, documents_then_changes)
{
	int n = 0;

	ASSERT_EQ(0, fill(self, 0, 50));
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_SNAPSHOT | ST_FOLLOW | ST_VALUES |
						   ST_NONBLOCK)));
	ASSERT_EQ(0, set(self, "doc/3", 333));
	ASSERT_EQ(0, set(self, "later", 1));
	EXPECT_STREQ("begin", NEXT());
	while (!strncmp(NEXT(), "document doc/", 13))
		n++;
	EXPECT_EQ(50, n);
	/* The snapshot is let go of; what came behind it comes now, and nothing else. */
	for (n = 0; n < 2; n++) {
		const struct docstore_record *record = st_next(&self->r);

		ASSERT_NE(NULL, record);
		EXPECT_STREQ(st_is(record, "later") ? "change created later a=1" :
			     "change doc/3 a=333", tell(self, record));
	}
	NOTHING();
	ASSERT_EQ(0, set(self, "x", 1));
	EXPECT_STREQ("change created x a=1", NEXT());
}

/* Tokens ---------------------------------------------------------------------- */

/* A token for what comes now. */
static int token_now(FIXTURE_DATA(stream) *self, struct st_token *token)
{
	int fd = st_open(self->fd, ST_FOLLOW | ST_BOOKMARKS | ST_NONBLOCK);
	const struct docstore_record *record;
	struct st_reader r;
	int err = 0;

	if (fd < 0)
		return fd;
	st_reader_init(&r, fd, ROOM);
	record = st_next(&r);
	if (!record || record->kind != DOCSTORE_RECORD_BOOKMARK)
		err = ds_broken("no bookmark, but %zd", r.used);
	else
		memcpy(token, st_token(record), st_token(record)->size);
	st_reader_free(&r);
	close(fd);
	return err;
}

TEST_F(stream, tokens)
{
	struct docstore_store_info info;
	struct st_token token;
	int i, n;

	ASSERT_EQ(0, fill(self, 0, 10));
	ASSERT_EQ(0, token_now(self, &token));
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(sizeof(struct docstore_token) + 8 * PARTS, token.head.size);
	EXPECT_EQ(PARTS, token.head.partitions);
	EXPECT_EQ(info.incarnation, token.head.incarnation);
	EXPECT_EQ(info.created, token.head.created);

	/* Nobody listens; and later it goes on, a few changes at a time. */
	ASSERT_EQ(0, fill(self, 100, 40));
	for (i = 0; i < 8; i++) {
		ASSERT_LE(0, begin(self, st_resume_from(self->fd, ST_FOLLOW | ST_NONBLOCK, &token)));
		self->r.token = token;
		for (n = 0; n < 5; n++)
			EXPECT_EQ(0, strncmp("change created doc/1", NEXT(), 20));
		token = self->r.token;
	}
	ASSERT_LE(0, begin(self, st_resume_from(self->fd, ST_FOLLOW | ST_NONBLOCK, &token)));
	NOTHING();
}

TEST_F(stream, bad_tokens)
{
	struct docstore_stream arg = st_args(ST_FOLLOW);
	struct st_token token, bad;
	void *edge;

	ASSERT_EQ(0, token_now(self, &token));
	bad = token;
	bad.next[PARTS - 1] = 2;
	EXPECT_EQ(-EINVAL, st_resume_from(self->fd, ST_FOLLOW, &bad));
	bad.next[PARTS - 1] = ~0ULL;
	EXPECT_EQ(-EINVAL, st_resume_from(self->fd, ST_FOLLOW, &bad));
	bad.next[PARTS - 1] = 0;
	EXPECT_EQ(-EINVAL, st_resume_from(self->fd, ST_FOLLOW, &bad));
	bad = token;
	bad.head.partitions = PARTS + 1;
	EXPECT_EQ(-EINVAL, st_resume_from(self->fd, ST_FOLLOW, &bad));
	bad.head.partitions = PARTS - 1;
	bad.head.size -= 8;
	EXPECT_EQ(-EINVAL, st_resume_from(self->fd, ST_FOLLOW, &bad));
	bad.head.partitions = ~0U;
	EXPECT_EQ(-EINVAL, st_resume_from(self->fd, ST_FOLLOW, &bad));
	bad = token;
	bad.head.size++;
	EXPECT_EQ(-EINVAL, st_resume_from(self->fd, ST_FOLLOW, &bad));
	arg.token_size = token.head.size;
	EXPECT_EQ(-EFAULT, st_open_args(self->fd, &arg));
	/* Where it ends no more is read than that, and no less. */
	edge = ds_edge(token.head.size);
	memcpy(edge, &token, token.head.size);
	arg.token = ds_ptr(edge);
	ASSERT_LE(0, begin(self, st_open_args(self->fd, &arg)));
	arg.token = ds_ptr(edge + 8);
	memmove(edge + 8, edge, token.head.size - 8);
	EXPECT_EQ(-EFAULT, st_open_args(self->fd, &arg));
	for (arg.token_size = 1; arg.token_size < sizeof(struct docstore_token); arg.token_size++)
		EXPECT_EQ(-EINVAL, st_open_args(self->fd, &arg));
}

TEST_F(stream, a_token_of_another_store)
{
	const struct docstore_record *record;
	struct st_token token;

	ASSERT_EQ(0, token_now(self, &token));
	token.head.incarnation++;
	ASSERT_LE(0, begin(self, st_resume_from(self->fd, ST_FOLLOW | ST_NONBLOCK, &token)));
	ASSERT_EQ(0, set(self, "x", 1));
	record = st_next(&self->r);
	EXPECT_STREQ("lost", tell(self, record));
	EXPECT_EQ(~0U, record->partition);
	EXPECT_EQ(DOCSTORE_LOST_STORE, st_lost(record)->reason);
	EXPECT_EQ(0, st_lost(record)->records);
	EXPECT_STREQ("change created x a", NEXT());
	NOTHING();
	/* Or with all documents. */
	ASSERT_LE(0, begin(self, st_resume_from(self->fd, ST_FOLLOW | ST_RESYNC | ST_NONBLOCK,
						&token)));
	EXPECT_STREQ("lost", NEXT());
	EXPECT_STREQ("begin resync", NEXT());
	EXPECT_STREQ("document x", NEXT());
	EXPECT_STREQ("end", NEXT());
	NOTHING();
}

/* What was lost ---------------------------------------------------------------- */

#define BACKLOG	65536

/* Changes that take more than a backlog has, in one partition. */
static int overrun(FIXTURE_DATA(stream) *self, int rounds)
{
	static char value[2000];
	int i;

	for (i = 0; i < rounds; i++)
		if (ds_do(self->fd, ds_set_bytes("busy", self->b, value, sizeof(value))))
			return -1;
	return 0;
}

TEST_F(stream, what_was_lost_is_told)
{
	const struct docstore_record *record;
	__u64 lost, n = 0, last = 0;
	struct docstore_stream_info info;

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_BACKLOG_BYTES, BACKLOG));
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK)));
	ASSERT_EQ(0, overrun(self, 100));
	ASSERT_EQ(0, st_info(self->r.fd, &info));
	EXPECT_LT(info.backlog, info.behind);
	EXPECT_EQ(BACKLOG, info.backlog);
	record = st_next(&self->r);
	EXPECT_STREQ("lost", tell(self, record));
	EXPECT_EQ(DOCSTORE_LOST_OVERRUN, st_lost(record)->reason);
	EXPECT_EQ(1, record->sequence);
	lost = st_lost(record)->records;
	/* All that is left comes, and it is as much as there can be. */
	while ((record = st_next(&self->r))) {
		EXPECT_STREQ("change busy b=(2000 bytes)", tell(self, record));
		last = record->sequence;
		n++;
	}
	EXPECT_EQ(100, last);
	EXPECT_EQ(100, lost + n);
	EXPECT_LT(BACKLOG / 2200 - 2, n);
	ASSERT_EQ(0, st_info(self->r.fd, &info));
	EXPECT_EQ(lost, info.lost);
	EXPECT_EQ(0, info.behind);
}

TEST_F(stream, all_documents_again)
{
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_BACKLOG_BYTES, BACKLOG));
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_RESYNC |
						   ST_NONBLOCK)));
	ASSERT_EQ(0, overrun(self, 100));
	EXPECT_STREQ("lost", NEXT());
	EXPECT_STREQ("begin resync", NEXT());
	EXPECT_STREQ("document busy", NEXT());
	ASSERT_EQ(0, set(self, "busy", 4));
	EXPECT_STREQ("end", NEXT());
	EXPECT_STREQ("change busy a=4", NEXT());
	NOTHING();
}

/* To take a snapshot is to wait, which who must not wait leaves to the next one. */
TEST_F(stream, all_documents_again_without_waiting)
{
	static char buffer[ROOM];
	struct iovec to = { buffer, sizeof(buffer) };
	const struct docstore_record *record = (void *)buffer;

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_BACKLOG_BYTES, BACKLOG));
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_RESYNC)));
	ASSERT_EQ(0, overrun(self, 100));
	EXPECT_LT(0, preadv2(self->r.fd, &to, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(DOCSTORE_RECORD_LOST, record->kind);
	EXPECT_EQ(POLLIN, st_poll(self->r.fd, 0));
	EXPECT_EQ(-1, preadv2(self->r.fd, &to, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_STREQ("begin resync", NEXT());
	EXPECT_STREQ("document busy", NEXT());
	EXPECT_STREQ("end", NEXT());
}

TEST_F(stream, what_is_too_large_is_omitted)
{
	static char value[BACKLOG / 4];

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_BACKLOG_BYTES, BACKLOG));
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK)));
	ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes("x", self->b, value, sizeof(value))));
	ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes("x", self->b, value, sizeof(value) - 100)));
	EXPECT_STREQ("change created omitted x", NEXT());
	EXPECT_STREQ("change x b=(16284 bytes)", NEXT());
	NOTHING();
}

TEST_F(stream, room)
{
	struct docstore_stream_info info;
	static char value[5000], buffer[8192];

	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK)));
	ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes("x", self->b, value, sizeof(value))));
	EXPECT_EQ(-1, read(self->r.fd, buffer, 100));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(-1, read(self->r.fd, NULL, 0));
	EXPECT_EQ(EMSGSIZE, errno);
	ASSERT_EQ(0, st_info(self->r.fd, &info));
	EXPECT_EQ((sizeof(struct docstore_record) + sizeof(struct docstore_record_change) + 1 +
		   5000 + 7) / 8 * 8, info.needed);
	EXPECT_EQ(-1, read(self->r.fd, buffer, info.needed - 1));
	EXPECT_EQ(-1, read(self->r.fd, NULL, info.needed));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ((ssize_t)info.needed, read(self->r.fd, buffer, info.needed));
	EXPECT_EQ(-1, read(self->r.fd, buffer, sizeof(buffer)));
	EXPECT_EQ(EAGAIN, errno);
	/* No place to read at, and nothing to write to. */
	EXPECT_EQ(-1, pread(self->r.fd, buffer, sizeof(buffer), 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(self->r.fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, write(self->r.fd, buffer, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->r.fd, 0));
	EXPECT_EQ(-ENOTTY, ds_do(self->r.fd, ds_delete("x")) - DS_CALL(0));
}

/* Bookmarks --------------------------------------------------------------------- */

static int open_choosy(FIXTURE_DATA(stream) *self, __u32 flags, __u32 bookmark_ms)
{
	struct docstore_stream arg = st_args(ST_FOLLOW | flags);

	arg.prefix = ds_ptr("mine/");
	arg.prefix_len = 5;
	arg.bookmark_ms = bookmark_ms;
	return begin(self, st_open_args(self->fd, &arg));
}

TEST_F(stream, bookmarks)
{
	const struct docstore_record *record;
	struct st_token token;
	int n = 0;

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_BACKLOG_BYTES, BACKLOG));
	ASSERT_LE(0, open_choosy(self, ST_BOOKMARKS | ST_NONBLOCK, 3600000));
	EXPECT_STREQ("bookmark", NEXT());
	ASSERT_EQ(0, set(self, "mine/1", 1));
	EXPECT_STREQ("change created mine/1 a", NEXT());
	/* Others do much: an eighth of a backlog is enough. */
	NOTHING();
	ASSERT_EQ(0, overrun(self, 2));
	NOTHING();
	ASSERT_EQ(0, overrun(self, 3));
	record = st_next_some(&self->r);
	EXPECT_STREQ("bookmark", tell(self, record));
	token = self->r.token;
	NOTHING();
	/* With the token that it has, nothing was lost, whatever others do. */
	for (n = 0; n < 100; n++) {
		ASSERT_EQ(0, overrun(self, 3));
		while ((record = st_next_some(&self->r)))
			EXPECT_STREQ("bookmark", tell(self, record));
	}
	EXPECT_LT(token.next[0] + token.next[1] + token.next[2] + token.next[3] + 290,
		  self->r.token.next[0] + self->r.token.next[1] + self->r.token.next[2] +
		  self->r.token.next[3]);
	token = self->r.token;
	ASSERT_LE(0, begin(self, st_resume_from(self->fd, ST_FOLLOW | ST_NONBLOCK, &token)));
	self->r.token = token;
	while ((record = st_next(&self->r)))
		EXPECT_STREQ("change busy b", tell(self, record));
}

TEST_F(stream, a_bookmark_when_it_is_time)
{
	__u64 begun;

	ASSERT_LE(0, open_choosy(self, ST_BOOKMARKS, 200));
	EXPECT_STREQ("bookmark", NEXT());
	begun = ds_now();
	ASSERT_EQ(0, set(self, "other", 1));
	EXPECT_STREQ("bookmark", NEXT());
	EXPECT_LE(150000000ULL, ds_now() - begun);
}

/* Waiting ------------------------------------------------------------------------- */

/* Does it wait until a change comes? */
static void wait_for_change(struct __test_metadata *_metadata, FIXTURE_DATA(stream) *self)
{
	pid_t pid = ds_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		usleep(100000);
		DS_CHILD(!set(self, "other", 1));
		usleep(100000);
		DS_CHILD(!set(self, "mine/1", 1));
		_exit(0);
	}
	EXPECT_STREQ("change created mine/1 a", NEXT());
	EXPECT_EQ(0, ds_wait(pid));
	ASSERT_EQ(0, ds_do(self->fd, ds_delete("mine/1")));
	EXPECT_STREQ("change deleted mine/1", NEXT());
}

TEST_F(stream, a_read_waits)
{
	pid_t pid;

	ASSERT_LE(0, open_choosy(self, 0, 0));
	wait_for_change(_metadata, self);
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW)));
	pid = ds_fork();
	if (!pid) {
		usleep(100000);
		DS_CHILD(!set(self, "x", 1));
		_exit(0);
	}
	EXPECT_STREQ("change created x a", NEXT());
	EXPECT_EQ(0, ds_wait(pid));
}

static void on_alarm(int signal)
{
	(void)signal;
}

TEST_F(stream, a_signal_ends_the_wait)
{
	struct sigaction act = { .sa_handler = on_alarm };

	ASSERT_EQ(0, sigaction(SIGALRM, &act, NULL));
	ASSERT_LE(0, open_choosy(self, 0, 0));
	ualarm(100000, 0);
	EXPECT_STREQ("nothing", NEXT());
	EXPECT_EQ(-EINTR, self->r.used);
	/* And with SA_RESTART it goes on. */
	act.sa_flags = SA_RESTART;
	ASSERT_EQ(0, sigaction(SIGALRM, &act, NULL));
	ualarm(50000, 0);
	wait_for_change(_metadata, self);
}

TEST_F(stream, poll_and_epoll)
{
	struct epoll_event event = { .events = EPOLLIN }, got;
	int epoll = epoll_create1(0), round, edge;
	pid_t pid;

	ASSERT_LE(0, epoll);
	for (edge = 0; edge < 2; edge++) {
		ASSERT_LE(0, open_choosy(self, ST_NONBLOCK, 0));
		event.events = EPOLLIN | (edge ? (unsigned int)EPOLLET : 0);
		ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->r.fd, &event));
		for (round = 0; round < 5; round++) {
			EXPECT_EQ(0, st_poll(self->r.fd, 0));
			EXPECT_EQ(0, epoll_wait(epoll, &got, 1, 10));
			pid = ds_fork();
			if (!pid) {
				usleep(50000);
				DS_CHILD(!set(self, "other", 1));
				usleep(50000);
				DS_CHILD(!set(self, "mine/1", 1));
				_exit(0);
			}
			if (round % 2)
				EXPECT_EQ(POLLIN, st_poll(self->r.fd, 60000));
			EXPECT_EQ(1, epoll_wait(epoll, &got, 1, 60000));
			EXPECT_EQ((__u32)EPOLLIN, got.events);
			EXPECT_NE(NULL, st_next_some(&self->r));
			NOTHING();
			EXPECT_EQ(0, ds_wait(pid));
		}
	}
	close(epoll);
}

/* Hand over what was put into the ring: it waits until something is changed. */
static int change_for_ring(struct __test_metadata *_metadata, FIXTURE_DATA(stream) *self,
			   struct ds_ring *ring, int value)
{
	__u64 data;
	int res;

	ASSERT_EQ(1, ds_ring_enter(ring, 0));
	usleep(20000);
	EXPECT_FALSE(ds_ring_cqe(ring, &data, &res));
	ASSERT_EQ(0, set(self, "x", value));
	ASSERT_EQ(0, ds_ring_wait(ring, &data, &res));
	EXPECT_EQ(7, data);
	return res;
}

TEST_F(stream, by_io_uring)
{
	static char buffer[4096];
	struct io_uring_sqe *sqe;
	struct ds_ring ring;
	int res, i;

	if (ds_ring_open(&ring, 8, 0))
		SKIP(return, "no io_uring");
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES)));
	for (i = 0; i < 5; i++) {
		sqe = ds_ring_sqe(&ring);
		sqe->opcode = IORING_OP_READ;
		sqe->fd = self->r.fd;
		sqe->addr = ds_ptr(buffer);
		sqe->len = sizeof(buffer);
		sqe->off = -1;
		sqe->user_data = 7;
		res = change_for_ring(_metadata, self, &ring, i);
		ASSERT_LT((int)sizeof(struct docstore_record), res);
		EXPECT_EQ(i, st_s64((void *)buffer, 0));
	}
	ASSERT_EQ(0, ds_ring_close(&ring));
}

TEST_F(stream, polled_by_io_uring)
{
	struct io_uring_sqe *sqe;
	struct ds_ring ring;
	int res, i;

	if (ds_ring_open(&ring, 8, 0))
		SKIP(return, "no io_uring");
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK)));
	for (i = 0; i < 5; i++) {
		sqe = ds_ring_sqe(&ring);
		sqe->opcode = IORING_OP_POLL_ADD;
		sqe->fd = self->r.fd;
		sqe->poll32_events = POLLIN;
		sqe->user_data = 7;
		res = change_for_ring(_metadata, self, &ring, i);
		EXPECT_EQ(POLLIN, res);
		EXPECT_EQ(i, st_s64(st_next(&self->r), 0));
		NOTHING();
	}
	ASSERT_EQ(0, ds_ring_close(&ring));
}

/* States -------------------------------------------------------------------------- */

TEST_F(stream, pause_and_resume)
{
	struct docstore_stream_info before, info;
	pid_t pid;

	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK)));
	EXPECT_EQ(0, st_resume(self->r.fd));
	ASSERT_EQ(0, st_info(self->r.fd, &before));
	EXPECT_EQ(DOCSTORE_STREAM_RUNNING, before.state);
	/* What is only for those that are paused takes nothing of the others. */
	EXPECT_GE(512, before.memory);
	EXPECT_EQ(0, before.pauses);
	ASSERT_EQ(0, set(self, "x", 1));
	ASSERT_EQ(0, st_pause(self->r.fd, 0, 0));
	ASSERT_EQ(0, st_info(self->r.fd, &info));
	EXPECT_EQ(DOCSTORE_STREAM_PAUSED, info.state);
	EXPECT_LT(before.memory, info.memory);
	TH_LOG("%u bytes, and %u with a pause", before.memory, info.memory);
	EXPECT_EQ(1, info.pauses);
	EXPECT_LT(0, info.behind);
	EXPECT_EQ(0, st_poll(self->r.fd, 0));
	NOTHING();
	ASSERT_EQ(0, set(self, "x", 2));
	ASSERT_EQ(0, st_pause(self->r.fd, 0, 0));
	ASSERT_EQ(0, st_info(self->r.fd, &before));
	EXPECT_LT(info.behind, before.behind);
	EXPECT_EQ(info.memory, before.memory);
	EXPECT_EQ(2, before.pauses);
	ASSERT_EQ(0, st_resume(self->r.fd));
	EXPECT_EQ(POLLIN, st_poll(self->r.fd, 0));
	EXPECT_STREQ("change created x a=1", NEXT());
	EXPECT_STREQ("change x a=2", NEXT());
	NOTHING();

	/* Who waits in a read waits on, until it is resumed. */
	ASSERT_EQ(0, st_pause(self->r.fd, 0, 0));
	ASSERT_EQ(0, set(self, "x", 3));
	ASSERT_EQ(0, fcntl(self->r.fd, F_SETFL, 0));
	pid = ds_fork();
	if (!pid) {
		usleep(100000);
		DS_CHILD_EQ(0, st_resume(self->r.fd));
		_exit(0);
	}
	EXPECT_STREQ("change x a=3", NEXT());
	EXPECT_EQ(0, ds_wait(pid));
}

TEST_F(stream, a_pause_that_is_over)
{
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_VALUES)));
	ASSERT_EQ(0, st_pause(self->r.fd, 100, 0));
	ASSERT_EQ(0, set(self, "x", 1));
	EXPECT_STREQ("change created x a=1", NEXT());
	EXPECT_EQ(DOCSTORE_STREAM_RUNNING, st_state(self->r.fd));
	/* A later one has its own time. */
	ASSERT_EQ(0, st_pause(self->r.fd, 100, DOCSTORE_PAUSE_THEN_ERROR));
	ASSERT_EQ(0, st_pause(self->r.fd, 3600000, DOCSTORE_PAUSE_THEN_ERROR));
	usleep(300000);
	EXPECT_EQ(DOCSTORE_STREAM_PAUSED, st_state(self->r.fd));
	ASSERT_EQ(0, st_resume(self->r.fd));
	ASSERT_EQ(0, st_pause(self->r.fd, 100, DOCSTORE_PAUSE_THEN_ERROR));
	EXPECT_EQ(POLLIN | POLLERR, st_poll(self->r.fd, 60000));
	EXPECT_STREQ("nothing", NEXT());
	EXPECT_EQ(-ETIMEDOUT, self->r.used);
	EXPECT_EQ(DOCSTORE_STREAM_ERROR, st_state(self->r.fd));
	EXPECT_EQ(-EPIPE, st_resume(self->r.fd));
	EXPECT_EQ(-EPIPE, st_pause(self->r.fd, 0, 0));
	EXPECT_STREQ("nothing", NEXT());
	EXPECT_EQ(-ETIMEDOUT, self->r.used);
}

TEST_F(stream, closed_while_paused)
{
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW | ST_SNAPSHOT)));
	ASSERT_EQ(0, st_pause(self->r.fd, 50, 0));
	begin(self, -1);
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW)));
	ASSERT_EQ(0, st_pause(self->r.fd, 50, DOCSTORE_PAUSE_THEN_ERROR));
	begin(self, -1);
	usleep(200000);
}

/* Limits and rights ------------------------------------------------------------------ */

TEST_F(stream, bad_arguments)
{
	const struct {
		struct docstore_stream arg;
		int err;
	} bad[] = {
		{ { .flags = 0 }, -EINVAL },
		{ { .flags = ST_VALUES }, -EINVAL },
		{ { .flags = ST_SNAPSHOT | ST_VALUES }, -EINVAL },
		{ { .flags = ST_SNAPSHOT | ST_BOOKMARKS }, -EINVAL },
		{ { .flags = ST_SNAPSHOT | ST_RESYNC }, -EINVAL },
		{ { .flags = ST_SNAPSHOT, .property = 1 }, -EINVAL },
		{ { .flags = ST_FOLLOW | 1 << 6 }, -EINVAL },
		{ { .flags = ST_FOLLOW | 1U << 31 }, -EINVAL },
		{ { .flags = ST_FOLLOW, .__reserved = 1 }, -EINVAL },
		{ { .flags = ST_FOLLOW, .bookmark_ms = 1 }, -EINVAL },
		{ { .flags = ST_FOLLOW, .type = 4711 }, -EINVAL },
		{ { .flags = ST_FOLLOW, .type = DOCSTORE_MAX_NAMES + 1 }, -EINVAL },
		{ { .flags = ST_FOLLOW, .property = 4711 }, -EINVAL },
		{ { .flags = ST_FOLLOW, .token = 1 }, -EINVAL },
		{ { .flags = ST_SNAPSHOT, .token_size = 32 }, -EINVAL },
		{ { .flags = ST_SNAPSHOT | ST_FOLLOW, .token_size = 32 }, -EINVAL },
		{ { .flags = ST_FOLLOW, .prefix_len = 256 }, -ENAMETOOLONG },
		{ { .flags = ST_FOLLOW, .prefix_len = ~0U }, -ENAMETOOLONG },
		{ { .flags = ST_FOLLOW, .prefix_len = 1 }, -EFAULT },
		{ { .flags = ST_SNAPSHOT, .prefix_len = 255, .prefix = 4096 }, -EFAULT },
		{ { .flags = ST_FOLLOW, .token_size = ~0U }, -EFAULT },
	};
	struct docstore_stream_pause pause = { .size = sizeof(pause) };
	struct docstore_stream_resume resume = { .size = sizeof(resume), .flags = 1 };
	struct docstore_stream_info info = { .size = sizeof(info), .flags = 1 };
	struct docstore_snapshot_info left[1];
	__u64 cursor = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct docstore_stream arg = bad[i].arg;

		arg.size = sizeof(arg);
		EXPECT_EQ(bad[i].err, st_open_args(self->fd, &arg))
			TH_LOG("row %zu", i);
	}
	/* No snapshot is left of those that failed. */
	EXPECT_EQ(0, ds_snapshot_list(self->fd, left, 1, &cursor));
	EXPECT_EQ(-ENOTTY, st_pause(self->fd, 0, 0));
	EXPECT_EQ(-ENOTTY, st_state(self->fd));
	EXPECT_EQ(-ENOTTY, st_open(self->store.control, ST_FOLLOW));
	ASSERT_LE(0, begin(self, st_open(self->fd, ST_FOLLOW)));
	EXPECT_EQ(-ENOTTY, st_open(self->r.fd, ST_FOLLOW));
	EXPECT_EQ(-EINVAL, st_pause(self->r.fd, 0, 2));
	EXPECT_EQ(-EINVAL, st_pause(self->r.fd, 0, DOCSTORE_PAUSE_THEN_ERROR));
	pause.__reserved = 1;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->r.fd, DOCSTORE_STREAM_PAUSE, &pause));
	EXPECT_EQ(-EINVAL, ds_ioctl(self->r.fd, DOCSTORE_STREAM_RESUME, &resume));
	EXPECT_EQ(-EINVAL, ds_ioctl(self->r.fd, DOCSTORE_STREAM_INFO, &info));
	EXPECT_EQ(DOCSTORE_STREAM_RUNNING, st_state(self->r.fd));
}

TEST_F(stream, only_who_may_read)
{
	int fd = ds_open(self->store.control, self->store.name, DS_WRITE);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, st_open(fd, ST_FOLLOW));
	EXPECT_EQ(-EBADF, st_open(fd, ST_SNAPSHOT));
	close(fd);
}

TEST_F(stream, limits)
{
	int fd[3];

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_SESSION_STREAMS, 2));
	fd[0] = st_open(self->fd, ST_FOLLOW);
	fd[1] = st_open(self->fd, ST_SNAPSHOT);
	ASSERT_LE(0, fd[0]);
	ASSERT_LE(0, fd[1]);
	EXPECT_EQ(-ENOSPC, st_open(self->fd, ST_FOLLOW));
	close(fd[0]);
	fd[0] = st_open(self->fd, ST_FOLLOW);
	EXPECT_LE(0, fd[0]);
	close(fd[0]);
	close(fd[1]);
	/* A snapshot that a stream reads counts as one. */
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_MAX_SNAPSHOTS, 1));
	fd[0] = st_open(self->fd, ST_SNAPSHOT);
	ASSERT_LE(0, fd[0]);
	EXPECT_EQ(-ENOSPC, st_open(self->fd, ST_SNAPSHOT | ST_FOLLOW));
	close(fd[0]);
}

TEST_F(stream, memory_of_the_backlogs)
{
	struct docstore_store_info before, info;
	struct ds_store small;

	/* Room for a chunk in each partition, but not for backlogs beside. */
	ASSERT_EQ(0, ds_store_begin(&small, "small", 1, 3 << 20));
	ASSERT_EQ(0, ds_store_info(small.fd, &before));
	EXPECT_EQ(-ENOSPC, st_open(small.fd, ST_FOLLOW));
	ASSERT_EQ(0, ds_store_info(small.fd, &info));
	EXPECT_EQ(before.bytes, info.bytes);
	/* Who only wants documents needs none. */
	ASSERT_LE(0, begin(self, st_open(small.fd, ST_SNAPSHOT)));
	EXPECT_STREQ("begin", NEXT());
	ASSERT_EQ(0, ds_config_set(small.fd, DOCSTORE_SETTING_BACKLOG_BYTES, 100000));
	ASSERT_LE(0, begin(self, st_open(small.fd, ST_FOLLOW)));
	ASSERT_EQ(0, ds_store_info(small.fd, &info));
	EXPECT_LE(before.bytes + 131072, info.bytes);
	EXPECT_GT(before.bytes + 131072 + 65536, info.bytes);
	begin(self, -1);
	ASSERT_EQ(0, ds_store_end(&small));
}

TEST_F(stream, a_store_that_is_removed)
{
	struct ds_store other;

	ASSERT_EQ(0, ds_store_begin(&other, "other", 2, SMALL));
	ASSERT_LE(0, begin(self, st_open(other.fd, ST_FOLLOW | ST_NONBLOCK)));
	ASSERT_EQ(0, ds_do(other.fd, ds_touch("x", 0)));
	ASSERT_EQ(0, ds_remove(other.control, other.name));
	/* Behind what came before, and once; but it is not the end. */
	EXPECT_EQ(POLLIN, st_poll(self->r.fd, 0));
	EXPECT_STREQ("change created x", NEXT());
	EXPECT_STREQ("removed", NEXT());
	NOTHING();
	EXPECT_EQ(0, st_poll(self->r.fd, 0));
	ASSERT_EQ(0, ds_do(other.fd, ds_touch("y", 0)));
	EXPECT_STREQ("change created y", NEXT());
	NOTHING();
	/* A stream that begins later is told, too; one of documents has nothing of it. */
	ASSERT_LE(0, begin(self, st_open(other.fd, ST_SNAPSHOT | ST_FOLLOW | ST_NONBLOCK)));
	EXPECT_STREQ("begin", NEXT());
	st_next(&self->r);
	st_next(&self->r);
	EXPECT_STREQ("end", NEXT());
	EXPECT_STREQ("removed", NEXT());
	NOTHING();
	ASSERT_LE(0, begin(self, st_open(other.fd, ST_SNAPSHOT)));
	EXPECT_STREQ("begin", NEXT());
	st_next(&self->r);
	st_next(&self->r);
	EXPECT_STREQ("end", NEXT());
	EXPECT_STREQ("nothing", NEXT());
	EXPECT_EQ(0, self->r.used);
	begin(self, -1);
	ds_store_end(&other);
}

/* Whoever waits is told: @by polls, reads, or has a filter. */
static void wait_for_removal(struct __test_metadata *_metadata, FIXTURE_DATA(stream) *self,
			     bool choosy, bool polls)
{
	struct docstore_stream arg = st_args(ST_FOLLOW);
	struct ds_store other;
	pid_t pid;

	if (choosy) {
		arg.prefix = ds_ptr("none");
		arg.prefix_len = 4;
	}
	ASSERT_EQ(0, ds_store_begin(&other, "other", 2, SMALL));
	ASSERT_LE(0, begin(self, st_open_args(other.fd, &arg)));
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		usleep(100000);
		DS_CHILD_EQ(0, ds_remove(other.control, other.name));
		_exit(0);
	}
	if (polls)
		EXPECT_EQ(POLLIN, st_poll(self->r.fd, 60000));
	EXPECT_STREQ("removed", NEXT());
	EXPECT_EQ(0, ds_wait(pid));
	begin(self, -1);
	ds_store_end(&other);
}

TEST_F(stream, who_waits_is_told_of_the_removal)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		wait_for_removal(_metadata, self, i & 1, i & 2);
}

TEST_HARNESS_MAIN

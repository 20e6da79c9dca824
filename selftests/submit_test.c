// SPDX-License-Identifier: GPL-2.0
/*
 * Changing documents: every operation and condition, batches, limits.
 */
#include "kselftest_harness.h"
#include "docstore_test.h"

#define MIB	(1024 * 1024)

/* What every fixture here has: a store, three names and a buffer. */
struct base {
	struct ds_store store;
	int fd;
	int a, b, c;
	struct docstore_version *doc;
};

static int base_begin(struct base *s, __u32 partitions, __u64 max_bytes)
{
	int ret = ds_store_begin(&s->store, "submit", partitions, max_bytes);

	if (ret)
		return ret;
	s->fd = s->store.fd;
	s->a = ds_prop_id(s->fd, "a");
	s->b = ds_prop_id(s->fd, "b");
	s->c = ds_prop_id(s->fd, "c");
	s->doc = ds_map(DS_ROOM, MAP_PRIVATE);
	return s->a == 1 && s->b == 2 && s->c == 3 ? 0 : -ENOTRECOVERABLE;
}

FIXTURE(submit) {
	struct base s;
};

FIXTURE_VARIANT(submit) {
	__u32 partitions;
};

FIXTURE_VARIANT_ADD(submit, one_partition) { .partitions = 1 };
FIXTURE_VARIANT_ADD(submit, five_partitions) { .partitions = 5 };

FIXTURE_SETUP(submit)
{
	ASSERT_EQ(0, base_begin(&self->s, variant->partitions, 256 * MIB));
}

FIXTURE_TEARDOWN(submit)
{
	EXPECT_EQ(0, ds_store_end(&self->s.store));
}

/* The version of a document, 0 if there is none. */
static __u64 version_of(int fd, const char *id)
{
	struct docstore_read r;

	return ds_read(fd, id, 0, NULL, 0, &r) ? 0 : r.version;
}

/* Values ------------------------------------------------------------------- */

FIXTURE(value) {
	struct base s;
};

FIXTURE_VARIANT(value) {
	__u8 type;
	__u64 value;
	const char *mem;		/* for those that have bytes */
	__u32 mem_len;
	__u32 len;			/* of what is to come back */
};

#define NUMBER(name, t, v)						\
	FIXTURE_VARIANT_ADD(value, name) {				\
		.type = DOCSTORE_TYPE_##t, .value = (__u64)(v), .len = 8 }
#define MEMORY(name, t, v)						\
	FIXTURE_VARIANT_ADD(value, name) {				\
		.type = DOCSTORE_TYPE_##t, .mem = v,			\
		.mem_len = sizeof(v) - 1, .len = sizeof(v) - 1 }

FIXTURE_VARIANT_ADD(value, null) { .type = DOCSTORE_TYPE_NULL };
FIXTURE_VARIANT_ADD(value, bool_false) { .type = DOCSTORE_TYPE_BOOL, .len = 1 };
FIXTURE_VARIANT_ADD(value, bool_true) { .type = DOCSTORE_TYPE_BOOL, .value = 1, .len = 1 };
NUMBER(s64_0, S64, 0);
NUMBER(s64_minus_1, S64, -1);
NUMBER(s64_min, S64, INT64_MIN);
NUMBER(s64_max, S64, INT64_MAX);
NUMBER(u64_0, U64, 0);
NUMBER(u64_max, U64, UINT64_MAX);
NUMBER(f64_one_and_a_half, F64, 0x3ff8000000000000ULL);
NUMBER(f64_minus_0, F64, 1ULL << 63);
NUMBER(f64_infinity, F64, 0x7ff0000000000000ULL);
NUMBER(f64_signalling_nan, F64, 0x7ff4000000001234ULL);
MEMORY(string, STRING, "gr\xc3\xbc\xc3\x9f dich");
MEMORY(string_not_utf8, STRING, "\xff\xfe\x80");
MEMORY(string_empty, STRING, "");
MEMORY(bytes, BYTES, "\0\1\2\0\0\xff\0");
MEMORY(bytes_empty, BYTES, "");
MEMORY(json, JSON, "{\"a\": [1, 2, {\"b\": null}]}");
MEMORY(json_not_json, JSON, "{{{");
MEMORY(json_empty, JSON, "");

FIXTURE_SETUP(value)
{
	ASSERT_EQ(0, base_begin(&self->s, 1, 0));
}

FIXTURE_TEARDOWN(value)
{
	EXPECT_EQ(0, ds_store_end(&self->s.store));
}

static struct docstore_op set_variant(const FIXTURE_VARIANT(value) *variant,
				      const char *id, __u32 property)
{
	return variant->mem ?
		ds_set_mem(id, property, variant->type, variant->mem,
			   variant->mem_len) :
		ds_set(id, property, variant->type, variant->value);
}

/* The bytes that are to come back. */
static const void *bytes_of(const FIXTURE_VARIANT(value) *variant, __u8 *buffer)
{
	if (variant->mem)
		return variant->mem;
	if (variant->type == DOCSTORE_TYPE_BOOL)
		buffer[0] = variant->value;
	else
		memcpy(buffer, &variant->value, 8);
	return buffer;
}

TEST_F(value, set_and_get)
{
	struct docstore_op op = set_variant(variant, "doc", self->s.b);
	__u8 bytes[8], buffer[64];
	const void *expected = bytes_of(variant, bytes);
	struct docstore_read r;
	struct ds_prop p;

	EXPECT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(1, op.version);

	/* By a read of the property, ... */
	memset(buffer, DS_POISON, sizeof(buffer));
	ASSERT_EQ(0, ds_read(self->s.fd, "doc", self->s.b, buffer,
			     sizeof(buffer), &r));
	EXPECT_EQ(variant->type, r.type);
	EXPECT_EQ(variant->len, r.length);
	EXPECT_EQ(1, r.version);
	EXPECT_EQ(0, memcmp(expected, buffer, variant->len));
	EXPECT_EQ(DS_POISON, buffer[variant->len]);

	/* ... by one of the document, ... */
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", self->s.doc));
	EXPECT_EQ(1, self->s.doc->nprops);
	ASSERT_EQ(0, ds_prop(self->s.doc, self->s.b, &p));
	EXPECT_EQ(variant->type, p.type);
	ASSERT_EQ(variant->len, p.len);
	EXPECT_EQ(0, memcmp(expected, p.value, p.len));
	EXPECT_EQ(1, p.set);

	/* ... and by an operation. */
	memset(buffer, DS_POISON, sizeof(buffer));
	op = ds_get("doc", self->s.b, buffer, sizeof(buffer));
	ASSERT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(variant->type, op.type);
	EXPECT_EQ(variant->len, op.value_len);
	EXPECT_EQ(1, op.version);
	EXPECT_EQ(0, memcmp(expected, buffer, variant->len));
	EXPECT_EQ(DS_POISON, buffer[variant->len]);
}

/* Between others of other sizes, and over a value of every other type. */
TEST_F(value, among_others)
{
	struct docstore_op ops[] = {
		ds_set_mem("doc", self->s.a, DOCSTORE_TYPE_STRING, "first", 5),
		ds_set_s64("doc", self->s.b, 17),
		ds_set_mem("doc", self->s.c, DOCSTORE_TYPE_STRING, "last", 4),
	};
	__u8 bytes[8];
	const void *expected = bytes_of(variant, bytes);
	struct ds_prop p;

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, ARRAY_SIZE(ops), NULL));
	ASSERT_EQ(0, ds_do(self->s.fd, set_variant(variant, "doc", self->s.b)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", self->s.doc));
	EXPECT_EQ(3, self->s.doc->nprops);
	EXPECT_EQ(2, self->s.doc->version);
	ASSERT_EQ(0, ds_prop(self->s.doc, self->s.a, &p));
	EXPECT_EQ(1, p.set);
	ASSERT_EQ(5, p.len);
	EXPECT_EQ(0, memcmp("first", p.value, 5));
	ASSERT_EQ(0, ds_prop(self->s.doc, self->s.b, &p));
	EXPECT_EQ(2, p.set);
	EXPECT_EQ(variant->type, p.type);
	ASSERT_EQ(variant->len, p.len);
	EXPECT_EQ(0, memcmp(expected, p.value, p.len));
	ASSERT_EQ(0, ds_prop(self->s.doc, self->s.c, &p));
	EXPECT_EQ(1, p.set);
	ASSERT_EQ(4, p.len);
	EXPECT_EQ(0, memcmp("last", p.value, 4));

	/* And back. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.b, 18)));
	EXPECT_EQ(18, ds_fetch_s64(self->s.fd, "doc", self->s.b));
}

TEST_F(value, truncated)
{
	struct docstore_op op;
	__u8 bytes[8], buffer[64];
	const void *expected = bytes_of(variant, bytes);
	struct docstore_read r;
	__u32 room;

	ASSERT_EQ(0, ds_do(self->s.fd, set_variant(variant, "doc", self->s.b)));
	for (room = 0; room < variant->len; room++) {
		memset(buffer, DS_POISON, sizeof(buffer));
		ASSERT_EQ(0, ds_read(self->s.fd, "doc", self->s.b, buffer, room,
				     &r));
		EXPECT_EQ(variant->len, r.length);
		EXPECT_EQ(0, memcmp(expected, buffer, room));
		EXPECT_EQ(DS_POISON, buffer[room]);

		memset(buffer, DS_POISON, sizeof(buffer));
		op = ds_get("doc", self->s.b, buffer, room);
		ASSERT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_EQ(variant->len, op.value_len);
		EXPECT_EQ(0, memcmp(expected, buffer, room));
		EXPECT_EQ(DS_POISON, buffer[room]);
	}
}

/* A number has no length, a flag is 0 or 1, and nothing is nothing. */
TEST_F(value, illegal)
{
	struct docstore_op op = set_variant(variant, "doc", self->s.b);

	if (variant->mem) {
		op.value = 0;
		op.value_len = 1;
		EXPECT_EQ(DS_CALL(EFAULT), ds_one(self->s.fd, &op));
	} else {
		op.value_len = 1;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
		op.value_len = 8;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	}
	if (variant->type == DOCSTORE_TYPE_BOOL ||
	    variant->type == DOCSTORE_TYPE_NULL) {
		op = set_variant(variant, "doc", self->s.b);
		op.value = 2;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
		op.value = 1ULL << 32;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	}
	EXPECT_EQ(0, version_of(self->s.fd, "doc"));
}

TEST_F(value, add_to_it)
{
	struct docstore_op op = ds_add("doc", self->s.b, -1);
	__s64 was = variant->value;

	ASSERT_EQ(0, ds_do(self->s.fd, set_variant(variant, "doc", self->s.b)));
	if (variant->type != DOCSTORE_TYPE_S64) {
		EXPECT_EQ(-EDOM, ds_one(self->s.fd, &op));
		EXPECT_EQ(1, version_of(self->s.fd, "doc"));
	} else if (was == INT64_MIN) {
		EXPECT_EQ(-EOVERFLOW, ds_one(self->s.fd, &op));
		EXPECT_EQ(was, ds_fetch_s64(self->s.fd, "doc", self->s.b));
	} else {
		EXPECT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_EQ(was - 1, ds_fetch_s64(self->s.fd, "doc", self->s.b));
	}
}

/* Operations --------------------------------------------------------------- */

TEST_F(submit, times)
{
	__u64 before = ds_clock(CLOCK_REALTIME), between, after, created;
	struct docstore_version *doc = self->s.doc;

	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	between = ds_clock(CLOCK_REALTIME);
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	/* A coarse clock may be a tick behind. */
	EXPECT_LE(before - DS_SECOND / 20, doc->created);
	EXPECT_GE(between, doc->created);
	EXPECT_EQ(doc->created, doc->changed);
	created = doc->created;

	usleep(60000);
	before = ds_clock(CLOCK_REALTIME);
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 2)));
	after = ds_clock(CLOCK_REALTIME);
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(created, doc->created);
	EXPECT_LT(created, doc->changed);
	EXPECT_LE(before - DS_SECOND / 20, doc->changed);
	EXPECT_GE(after, doc->changed);

	/* What comes after a deletion is a new document. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_delete("doc")));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_touch("doc", 0)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_LT(created, doc->created);
}

TEST_F(submit, versions)
{
	struct docstore_op op;
	__u64 i;

	EXPECT_EQ(0, version_of(self->s.fd, "doc"));
	for (i = 1; i <= 20; i++) {
		op = ds_set_s64("doc", self->s.a, i);
		ASSERT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_EQ(i, op.version);
		EXPECT_EQ(i, version_of(self->s.fd, "doc"));
	}
	/* Those of other documents are their own. */
	op = ds_set_s64("other", self->s.a, 1);
	ASSERT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(1, op.version);
}

/* Which version last set a property is known for each of them. */
TEST_F(submit, set_versions)
{
	struct docstore_op first[] = {
		ds_set_s64("doc", self->s.a, 1),
		ds_set_s64("doc", self->s.b, 1),
		ds_set_s64("doc", self->s.c, 1),
	};
	struct docstore_op third[] = {
		ds_add("doc", self->s.a, 1),
		ds_set_s64("doc", self->s.c, 1),
	};
	struct docstore_version *doc = self->s.doc;
	struct ds_prop p;

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, first, 3, NULL));
	/* The same value again is a change like any other. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.b, 1)));
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, third, 2, NULL));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_touch("doc", 0)));

	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(4, doc->version);
	ASSERT_EQ(0, ds_prop(doc, self->s.a, &p));
	EXPECT_EQ(3, p.set);
	ASSERT_EQ(0, ds_prop(doc, self->s.b, &p));
	EXPECT_EQ(2, p.set);
	ASSERT_EQ(0, ds_prop(doc, self->s.c, &p));
	EXPECT_EQ(3, p.set);
}

TEST_F(submit, property_order)
{
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->s.c, 1),
		ds_set_s64("doc", self->s.a, 1),
		ds_set_s64("doc", self->s.b, 1),
	};
	struct docstore_version *doc = self->s.doc;

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 3, NULL));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(self->s.c, ds_prop_at(doc, 0).name);
	EXPECT_EQ(self->s.a, ds_prop_at(doc, 1).name);
	EXPECT_EQ(self->s.b, ds_prop_at(doc, 2).name);

	/* A change leaves a property where it is, a new beginning does not. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 2)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(self->s.a, ds_prop_at(doc, 1).name);
	ASSERT_EQ(0, ds_do(self->s.fd, ds_unset("doc", self->s.c)));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.c, 3)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(self->s.a, ds_prop_at(doc, 0).name);
	EXPECT_EQ(self->s.b, ds_prop_at(doc, 1).name);
	EXPECT_EQ(self->s.c, ds_prop_at(doc, 2).name);
}

TEST_F(submit, unset)
{
	struct docstore_op ops[] = {
		ds_set_mem("doc", self->s.a, DOCSTORE_TYPE_STRING, "one", 3),
		ds_set_mem("doc", self->s.b, DOCSTORE_TYPE_STRING, "second", 6),
		ds_set_mem("doc", self->s.c, DOCSTORE_TYPE_STRING, "3", 1),
	};
	struct docstore_version *doc = self->s.doc;
	struct ds_prop p;

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 3, NULL));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_unset("doc", self->s.b)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(2, doc->nprops);
	EXPECT_EQ(2, doc->version);
	EXPECT_EQ(-ENODATA, ds_prop(doc, self->s.b, &p));
	ASSERT_EQ(0, ds_prop(doc, self->s.a, &p));
	EXPECT_EQ(0, memcmp("one", p.value, 3));
	ASSERT_EQ(0, ds_prop(doc, self->s.c, &p));
	EXPECT_EQ(0, memcmp("3", p.value, 1));

	EXPECT_EQ(-ENODATA, ds_do(self->s.fd, ds_unset("doc", self->s.b)));
	EXPECT_EQ(-ENOENT, ds_do(self->s.fd, ds_unset("none", self->s.b)));
	EXPECT_EQ(2, version_of(self->s.fd, "doc"));

	/* A document without properties is a document. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_unset("doc", self->s.a)));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_unset("doc", self->s.c)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(0, doc->nprops);
	EXPECT_EQ(4, doc->version);
}

TEST_F(submit, unset_all)
{
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->s.a, 1),
		ds_set_s64("doc", self->s.b, 2),
		ds_set_type("doc", self->s.c),
	};
	struct docstore_op again[] = {
		ds_unset("doc", 0),
		ds_set_s64("doc", self->s.b, 3),
	};
	struct docstore_version *doc = self->s.doc;
	unsigned int i;

	EXPECT_EQ(-ENOENT, ds_do(self->s.fd, ds_unset("doc", 0)));
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 3, NULL));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_unset("doc", 0)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(0, doc->nprops);
	EXPECT_EQ(self->s.c, doc->type);

	/* Together with what follows it is a replacement of the document. */
	for (i = 0; i < 3; i++)
		ops[i].version = 0;
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 3, NULL));
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, again, 2, NULL));
	EXPECT_EQ(0, again[0].result);
	EXPECT_EQ(0, again[1].result);
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(1, doc->nprops);
	EXPECT_EQ(3, ds_prop_s64(doc, self->s.b));
	EXPECT_EQ(4, doc->version);
}

TEST_F(submit, add)
{
	static const struct {
		__s64 add, sum;
		int result;
	} steps[] = {
		/* One that is not there counts as 0, and so does a document. */
		{ 5, 5, 0 },
		{ -7, -2, 0 },
		{ 0, -2, 0 },
		{ INT64_MAX, INT64_MAX - 2, 0 },
		{ 3, INT64_MAX - 2, -EOVERFLOW },
		{ INT64_MAX, INT64_MAX - 2, -EOVERFLOW },
		{ 2, INT64_MAX, 0 },
		{ 1, INT64_MAX, -EOVERFLOW },
		{ INT64_MIN, -1, 0 },
		{ INT64_MIN, -1, -EOVERFLOW },
		{ INT64_MIN + 1, INT64_MIN, 0 },
		{ -1, INT64_MIN, -EOVERFLOW },
	};
	struct docstore_op op;
	__u64 version = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		op = ds_add("doc", self->s.a, steps[i].add);
		EXPECT_EQ(steps[i].result, ds_one(self->s.fd, &op))
			TH_LOG("step %u", i);
		if (!steps[i].result)
			EXPECT_EQ(++version, op.version);
		EXPECT_EQ(steps[i].sum, ds_fetch_s64(self->s.fd, "doc",
						     self->s.a));
		EXPECT_EQ(version, version_of(self->s.fd, "doc"));
	}
	/* To a property that is not there, of a document that is. */
	EXPECT_EQ(0, ds_do(self->s.fd, ds_add("doc", self->s.b, -9)));
	EXPECT_EQ(-9, ds_fetch_s64(self->s.fd, "doc", self->s.b));
}

TEST_F(submit, add_twice)
{
	struct docstore_op ops[] = {
		ds_add("doc", self->s.a, 40),
		ds_add("doc", self->s.a, 2),
		ds_add("doc", self->s.b, 7),
	};

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 3, NULL));
	EXPECT_EQ(42, ds_fetch_s64(self->s.fd, "doc", self->s.a));
	EXPECT_EQ(7, ds_fetch_s64(self->s.fd, "doc", self->s.b));
	EXPECT_EQ(1, version_of(self->s.fd, "doc"));
}

TEST_F(submit, delete)
{
	struct docstore_store_info info;
	struct docstore_read r;
	char buffer[64];

	EXPECT_EQ(-ENOENT, ds_do(self->s.fd, ds_delete("doc")));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("stays", self->s.a, 2)));
	EXPECT_EQ(0, ds_do(self->s.fd, ds_delete("doc")));
	EXPECT_EQ(-ENOENT, ds_read(self->s.fd, "doc", 0, buffer, sizeof(buffer),
				   &r));
	EXPECT_EQ(-ENOENT, ds_read(self->s.fd, "doc", self->s.a, buffer,
				   sizeof(buffer), &r));
	EXPECT_EQ(-ENOENT, ds_do(self->s.fd, ds_get("doc", 0, NULL, 0)));
	EXPECT_EQ(-ENOENT, ds_do(self->s.fd, ds_unset("doc", self->s.a)));
	EXPECT_EQ(-ENOENT, ds_do(self->s.fd, ds_delete("doc")));
	EXPECT_EQ(2, ds_fetch_s64(self->s.fd, "stays", self->s.a));
	ASSERT_EQ(0, ds_store_info(self->s.fd, &info));
	EXPECT_EQ(1, info.documents);
}

/* The versions of one id never go backwards, whoever was there in between. */
TEST_F(submit, delete_and_create)
{
	__u64 last = 0, version;
	struct docstore_op op;
	int i;

	for (i = 0; i < 30; i++) {
		op = ds_set_s64("doc", self->s.a, i);
		ASSERT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_LT(last, op.version);
		last = op.version;
		ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", self->s.doc));
		EXPECT_EQ(last, self->s.doc->version);
		EXPECT_EQ(1, self->s.doc->nprops);
		op = ds_set_s64("doc", self->s.b, i);
		ASSERT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_LT(last, op.version);
		last = op.version;
		ASSERT_EQ(0, ds_do(self->s.fd, ds_delete("doc")));
		/* One that is not there has version 0. */
		op = ds_if(ds_touch("doc", 0), DOCSTORE_IF_VERSION, last);
		EXPECT_EQ(-ESTALE, ds_one(self->s.fd, &op));
		/* Others come and go meanwhile. */
		for (version = 0; version < 50; version++) {
			char id[16];

			snprintf(id, sizeof(id), "o%d", (int)version);
			ASSERT_EQ(0, ds_do(self->s.fd, i & 1 ? ds_delete(id) :
					   ds_touch(id, 0)));
		}
		if (i % 10 == 9)
			usleep(100000);
	}
}

TEST_F(submit, delete_and_create_in_one)
{
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->s.a, 1),
		ds_delete("doc"),
		ds_set_s64("doc", self->s.b, 2),
	};
	struct docstore_version *doc = self->s.doc;
	int round;

	/* First without, then with a document before. */
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 3, NULL));
		EXPECT_EQ(0, ops[0].result);
		EXPECT_EQ(0, ops[1].result);
		EXPECT_EQ(0, ops[2].result);
		ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
		EXPECT_EQ(1, doc->nprops);
		EXPECT_EQ(2, ds_prop_s64(doc, self->s.b));
		EXPECT_EQ(doc->version, ops[2].version);
		memset(&ops[0].version, 0, 8);
		memset(&ops[1].version, 0, 8);
		memset(&ops[2].version, 0, 8);
	}
}

TEST_F(submit, create_and_delete_in_one)
{
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->s.a, 1),
		ds_delete("doc"),
	};
	struct docstore_store_info info;
	struct docstore_op op;

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 2, NULL));
	EXPECT_EQ(0, ops[0].result);
	EXPECT_EQ(0, ops[1].result);
	EXPECT_EQ(0, version_of(self->s.fd, "doc"));
	ASSERT_EQ(0, ds_store_info(self->s.fd, &info));
	EXPECT_EQ(0, info.documents);
	op = ds_if(ds_touch("doc", 0), DOCSTORE_IF_ABSENT, 0);
	EXPECT_EQ(0, ds_one(self->s.fd, &op));
}

TEST_F(submit, touch)
{
	static const struct {
		__u64 at_least, version;
	} steps[] = {
		{ 0, 1 }, { 0, 2 }, { 1, 3 }, { 4, 4 }, { 100, 100 }, { 99, 101 },
		{ 1ULL << 40, 1ULL << 40 }, { 0, (1ULL << 40) + 1 },
	};
	struct docstore_version *doc = self->s.doc;
	struct docstore_op op;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		op = ds_touch("doc", steps[i].at_least);
		ASSERT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_EQ(steps[i].version, op.version);
		ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
		EXPECT_EQ(steps[i].version, doc->version);
		EXPECT_EQ(0, doc->nprops);
	}
	/* It makes a new document with a given version, too. */
	op = ds_touch("restored", 77);
	ASSERT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(77, op.version);
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("restored", self->s.a, 1)));
	EXPECT_EQ(78, version_of(self->s.fd, "restored"));
}

TEST_F(submit, touch_restores)
{
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->s.a, 1),
		ds_touch("doc", 50),
		ds_set_s64("doc", self->s.b, 2),
	};
	struct docstore_version *doc = self->s.doc;
	struct ds_prop p;

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 3, NULL));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(50, doc->version);
	EXPECT_EQ(2, doc->nprops);
	ASSERT_EQ(0, ds_prop(doc, self->s.a, &p));
	EXPECT_EQ(50, p.set);
	ASSERT_EQ(0, ds_prop(doc, self->s.b, &p));
	EXPECT_EQ(50, p.set);
}

/* Versions that need more than 32 bits, and what was set how long ago. */
TEST_F(submit, touch_far)
{
	struct docstore_version *doc = self->s.doc;
	struct ds_prop p;

	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_touch("doc", 0xfffffffeULL)));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.b, 1)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(0xffffffffULL, doc->version);
	ASSERT_EQ(0, ds_prop(doc, self->s.a, &p));
	EXPECT_EQ(1, p.set);
	ASSERT_EQ(0, ds_prop(doc, self->s.b, &p));
	EXPECT_EQ(0xffffffffU, p.set);
	/* One step more, and version 1 is as far back as can be told. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.c, 1)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(1ULL << 32, doc->version);
	ASSERT_EQ(0, ds_prop(doc, self->s.a, &p));
	EXPECT_EQ(1, p.set);
	ASSERT_EQ(0, ds_prop(doc, self->s.b, &p));
	EXPECT_EQ(0xffffffffU, p.set);
	ASSERT_EQ(0, ds_prop(doc, self->s.c, &p));
	EXPECT_EQ(0, p.set);
	/* From here on a's number moves along. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_touch("doc", 0)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	ASSERT_EQ(0, ds_prop(doc, self->s.a, &p));
	EXPECT_EQ(2, p.set);
	ASSERT_EQ(0, ds_prop(doc, self->s.b, &p));
	EXPECT_EQ(0xffffffffU, p.set);
}

TEST_F(submit, set_type)
{
	int type = ds_prop_id(self->s.fd, "person");
	struct docstore_version *doc = self->s.doc;
	struct docstore_op both[] = {
		ds_set_s64("doc", self->s.a, 1),
		ds_set_type("doc", self->s.b),
	};
	struct docstore_op op;

	ASSERT_LT(0, type);
	op = ds_set_type("doc", type);
	ASSERT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(1, op.version);
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(type, doc->type);
	EXPECT_EQ(0, doc->nprops);
	/* The type is no property, and stays what it is. */
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, both, 2, NULL));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 2)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(self->s.b, doc->type);
	EXPECT_EQ(1, doc->nprops);
	/* Property 0: none. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_type("doc", 0)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(0, doc->type);
	EXPECT_EQ(DS_CALL(EINVAL), ds_do(self->s.fd, ds_set_type("doc", 999)));
}

TEST_F(submit, get)
{
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->s.a, 1),
		ds_set_mem("doc", self->s.b, DOCSTORE_TYPE_STRING, "hello", 5),
	};
	struct docstore_version *doc = self->s.doc;
	struct docstore_op op;
	__u32 size, room;

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 2, NULL));
	op = ds_get("doc", 0, doc, DS_ROOM);
	ASSERT_EQ(0, ds_one(self->s.fd, &op));
	ASSERT_EQ(0, ds_doc_check(doc, op.value_len));
	EXPECT_EQ(doc->size, op.value_len);
	EXPECT_EQ(DOCSTORE_TYPE_NONE, op.type);
	EXPECT_EQ(1, op.version);
	EXPECT_EQ(1, doc->version);
	EXPECT_TRUE(ds_doc_is(doc, "doc"));
	EXPECT_EQ(1, ds_prop_s64(doc, self->s.a));
	size = doc->size;

	for (room = 0; room < size; room += 7) {
		memset(doc, DS_POISON, size + 8);
		op = ds_get("doc", 0, doc, room);
		ASSERT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_EQ(size, op.value_len);
		EXPECT_EQ(DS_POISON, ((__u8 *)doc)[room]);
	}
	/* Room 0 needs no buffer. */
	op = ds_get("doc", 0, NULL, 0);
	EXPECT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(size, op.value_len);
	op = ds_get("doc", self->s.b, NULL, 0);
	EXPECT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(5, op.value_len);
	EXPECT_EQ(DOCSTORE_TYPE_STRING, op.type);

	EXPECT_EQ(-ENODATA, ds_do(self->s.fd, ds_get("doc", self->s.c, NULL, 0)));
	EXPECT_EQ(-ENOENT, ds_do(self->s.fd, ds_get("none", 0, NULL, 0)));
	EXPECT_EQ(-ENOENT, ds_do(self->s.fd, ds_get("none", self->s.a, NULL, 0)));
	/* Looking is no change. */
	EXPECT_EQ(1, version_of(self->s.fd, "doc"));
}

/* A get sees what came before it in the batch, and not what comes after. */
TEST_F(submit, get_within_a_batch)
{
	struct docstore_version *doc = self->s.doc;
	__s64 first = 0, second = 0;
	char text[8];
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->s.a, 1),
		ds_get("doc", self->s.a, &first, sizeof(first)),
		ds_add("doc", self->s.a, 10),
		ds_get("doc", self->s.a, &second, sizeof(second)),
		ds_set_mem("doc", self->s.b, DOCSTORE_TYPE_STRING, "text", 4),
		ds_get("doc", self->s.b, text, sizeof(text)),
		ds_get("doc", 0, doc, DS_ROOM),
		ds_set_s64("doc", self->s.c, 5),
		ds_unset("doc", self->s.b),
	};
	unsigned int i;

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, ARRAY_SIZE(ops), NULL));
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		EXPECT_EQ(0, ops[i].result);
	EXPECT_EQ(1, first);
	EXPECT_EQ(11, second);
	EXPECT_EQ(8, ops[3].value_len);
	EXPECT_EQ(DOCSTORE_TYPE_S64, ops[3].type);
	EXPECT_EQ(4, ops[5].value_len);
	EXPECT_EQ(DOCSTORE_TYPE_STRING, ops[5].type);
	EXPECT_EQ(0, memcmp("text", text, 4));
	ASSERT_EQ(0, ds_doc_check(doc, ops[6].value_len));
	EXPECT_EQ(2, doc->nprops);
	EXPECT_EQ(11, ds_prop_s64(doc, self->s.a));

	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(2, doc->nprops);
	EXPECT_EQ(5, ds_prop_s64(doc, self->s.c));
	EXPECT_EQ(1, doc->version);
}

TEST_F(submit, get_after_delete_within_a_batch)
{
	struct docstore_op ops[] = {
		ds_delete("doc"),
		ds_get("doc", 0, NULL, 0),
	};
	__u32 failed;

	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 2, &failed));
	EXPECT_EQ(2, failed);
	EXPECT_EQ(-ECANCELED, ops[0].result);
	EXPECT_EQ(-ENOENT, ops[1].result);
	/* All operations on a document succeed, or none. */
	EXPECT_EQ(1, ds_fetch_s64(self->s.fd, "doc", self->s.a));
}

/* Conditions --------------------------------------------------------------- */

FIXTURE(condition) {
	struct base s;
	char buffer[64];
};

FIXTURE_VARIANT(condition) {
	__u8 code;
};

FIXTURE_VARIANT_ADD(condition, get) { DOCSTORE_OP_GET };
FIXTURE_VARIANT_ADD(condition, set) { DOCSTORE_OP_SET };
FIXTURE_VARIANT_ADD(condition, unset) { DOCSTORE_OP_UNSET };
FIXTURE_VARIANT_ADD(condition, add) { DOCSTORE_OP_ADD };
FIXTURE_VARIANT_ADD(condition, delete) { DOCSTORE_OP_DELETE };
FIXTURE_VARIANT_ADD(condition, touch) { DOCSTORE_OP_TOUCH };
FIXTURE_VARIANT_ADD(condition, set_type) { DOCSTORE_OP_SET_TYPE };

FIXTURE_SETUP(condition)
{
	ASSERT_EQ(0, base_begin(&self->s, 1, 0));
	/* At version 2. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 2)));
}

FIXTURE_TEARDOWN(condition)
{
	EXPECT_EQ(0, ds_store_end(&self->s.store));
}

static struct docstore_op op_variant(FIXTURE_DATA(condition) *self, __u8 code,
				     const char *id)
{
	switch (code) {
	case DOCSTORE_OP_GET:
		return ds_get(id, 0, self->buffer, sizeof(self->buffer));
	case DOCSTORE_OP_SET:
		return ds_set_s64(id, self->s.a, 3);
	case DOCSTORE_OP_UNSET:
		return ds_unset(id, self->s.a);
	case DOCSTORE_OP_ADD:
		return ds_add(id, self->s.a, 1);
	case DOCSTORE_OP_DELETE:
		return ds_delete(id);
	case DOCSTORE_OP_TOUCH:
		return ds_touch(id, 0);
	default:
		return ds_set_type(id, self->s.b);
	}
}

static bool makes_documents(__u8 code)
{
	return code == DOCSTORE_OP_SET || code == DOCSTORE_OP_ADD ||
	       code == DOCSTORE_OP_TOUCH || code == DOCSTORE_OP_SET_TYPE;
}

TEST_F(condition, met)
{
	static const __u8 flags[] = {
		0, DOCSTORE_IF_EXISTS, DOCSTORE_IF_VERSION,
		DOCSTORE_IF_EXISTS | DOCSTORE_IF_VERSION,
	};
	struct docstore_op op;
	__u64 version = 2;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		op = op_variant(self, variant->code, "doc");
		op.flags = flags[i];
		op.version = flags[i] & DOCSTORE_IF_VERSION ? version : 0;
		EXPECT_EQ(0, ds_one(self->s.fd, &op)) TH_LOG("flags %u", flags[i]);
		/* What it changed or took away comes back. */
		ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 2)));
		version = version_of(self->s.fd, "doc");
	}
}

TEST_F(condition, met_by_absence)
{
	static const __u8 flags[] = {
		0, DOCSTORE_IF_ABSENT, DOCSTORE_IF_VERSION,
		DOCSTORE_IF_ABSENT | DOCSTORE_IF_VERSION,
	};
	int expected = makes_documents(variant->code) ? 0 : -ENOENT;
	struct docstore_op op;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		op = op_variant(self, variant->code, "new");
		op.flags = flags[i];
		EXPECT_EQ(expected, ds_one(self->s.fd, &op))
			TH_LOG("flags %u", flags[i]);
		EXPECT_EQ(expected, ds_do(self->s.fd, ds_delete("new")));
	}
}

TEST_F(condition, not_met)
{
	static const struct {
		__u8 flags;
		__u64 version;
		int result;
	} cases[] = {
		{ DOCSTORE_IF_ABSENT, 0, -EEXIST },
		{ DOCSTORE_IF_VERSION, 0, -ESTALE },
		{ DOCSTORE_IF_VERSION, 1, -ESTALE },
		{ DOCSTORE_IF_VERSION, 3, -ESTALE },
		{ DOCSTORE_IF_VERSION, ~0ULL, -ESTALE },
		{ DOCSTORE_IF_VERSION, (1ULL << 32) + 2, -ESTALE },
		{ DOCSTORE_IF_VERSION | DOCSTORE_IF_EXISTS, 1, -ESTALE },
	};
	struct docstore_op op;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		op = ds_if(op_variant(self, variant->code, "doc"),
			   cases[i].flags, cases[i].version);
		EXPECT_EQ(cases[i].result, ds_one(self->s.fd, &op))
			TH_LOG("flags %u, version %llu", cases[i].flags,
			       cases[i].version);
	}
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", self->s.doc));
	EXPECT_EQ(2, self->s.doc->version);
	EXPECT_EQ(2, ds_prop_s64(self->s.doc, self->s.a));
	EXPECT_EQ(0, self->s.doc->type);
}

TEST_F(condition, not_met_by_absence)
{
	struct docstore_op op;

	op = ds_if(op_variant(self, variant->code, "new"), DOCSTORE_IF_EXISTS, 0);
	EXPECT_EQ(-ENOENT, ds_one(self->s.fd, &op));
	op = ds_if(op_variant(self, variant->code, "new"), DOCSTORE_IF_VERSION,
		   1);
	EXPECT_EQ(-ESTALE, ds_one(self->s.fd, &op));
	EXPECT_EQ(0, version_of(self->s.fd, "new"));
}

/* The two contradict each other: there is nothing that they let pass. */
TEST_F(condition, contradiction)
{
	struct docstore_op op;
	__u8 both = DOCSTORE_IF_EXISTS | DOCSTORE_IF_ABSENT;

	op = ds_if(op_variant(self, variant->code, "new"), both, 0);
	EXPECT_NE(0, ds_one(self->s.fd, &op));
	op = ds_if(op_variant(self, variant->code, "doc"), both, 0);
	EXPECT_NE(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(0, version_of(self->s.fd, "new"));
	EXPECT_EQ(2, version_of(self->s.fd, "doc"));
}

TEST_F(condition, version_without_condition)
{
	struct docstore_op op = op_variant(self, variant->code, "doc");

	op.version = 2;
	EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	op.version = 1ULL << 63;
	op.flags = DOCSTORE_IF_EXISTS;
	EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	EXPECT_EQ(2, version_of(self->s.fd, "doc"));
}

TEST_F(condition, unknown_flags)
{
	struct docstore_op op;
	unsigned int bit;

	for (bit = 3; bit < 8; bit++) {
		op = ds_if(op_variant(self, variant->code, "doc"), 1 << bit, 0);
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	}
}

TEST_F(condition, reserved)
{
	static const size_t offsets[] = {
		offsetof(struct docstore_op, __reserved0),
		offsetof(struct docstore_op, __reserved1),
		offsetof(struct docstore_op, __reserved2),
		offsetof(struct docstore_op, __reserved2) + 8,
	};
	struct docstore_op op;
	unsigned int i, byte;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (byte = 0; byte < (i < 2 ? 4 : 8); byte++) {
			op = op_variant(self, variant->code, "doc");
			((__u8 *)&op)[offsets[i] + byte] = 1;
			EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op))
				TH_LOG("offset %zu", offsets[i] + byte);
		}
	}
	EXPECT_EQ(2, version_of(self->s.fd, "doc"));
}

/* The type of the value fits the operation. */
TEST_F(condition, value_type)
{
	struct docstore_op op;
	unsigned int type;
	bool good;

	for (type = 0; type < 256; type++) {
		op = op_variant(self, variant->code, "doc");
		op.type = type;
		switch (variant->code) {
		case DOCSTORE_OP_SET:
			/* Seen by tests of their own. */
			good = type >= DOCSTORE_TYPE_NULL &&
			       type <= DOCSTORE_TYPE_JSON;
			break;
		case DOCSTORE_OP_ADD:
			good = type == DOCSTORE_TYPE_S64;
			break;
		case DOCSTORE_OP_TOUCH:
			good = type == DOCSTORE_TYPE_U64 ||
			       type == DOCSTORE_TYPE_NONE;
			break;
		default:
			good = type == DOCSTORE_TYPE_NONE;
		}
		if (!good)
			EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op))
				TH_LOG("type %u", type);
	}
	EXPECT_EQ(2, version_of(self->s.fd, "doc"));
}

TEST_F(condition, value_len)
{
	struct docstore_op op = op_variant(self, variant->code, "doc");

	if (variant->code == DOCSTORE_OP_GET)
		return;
	op.value_len = 1;
	EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	EXPECT_EQ(2, version_of(self->s.fd, "doc"));
}

TEST_F(condition, unknown_property)
{
	static const __u32 properties[] = { 4, 100, 65535, 65536, 1U << 31, ~0U };
	struct docstore_op op;
	unsigned int i;

	if (variant->code == DOCSTORE_OP_DELETE ||
	    variant->code == DOCSTORE_OP_TOUCH)
		return;
	for (i = 0; i < ARRAY_SIZE(properties); i++) {
		op = op_variant(self, variant->code, "doc");
		op.property = properties[i];
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op))
			TH_LOG("property %u", properties[i]);
	}
	if (variant->code == DOCSTORE_OP_SET ||
	    variant->code == DOCSTORE_OP_ADD) {
		op = op_variant(self, variant->code, "doc");
		op.property = 0;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	}
	EXPECT_EQ(2, version_of(self->s.fd, "doc"));
}

TEST_F(condition, read_only)
{
	int fd = ds_open(self->s.store.control, self->s.store.name, DS_READ);
	struct docstore_op op = op_variant(self, variant->code, "doc");

	ASSERT_LE(0, fd);
	EXPECT_EQ(variant->code == DOCSTORE_OP_GET ? 0 : DS_CALL(EBADF),
		  ds_one(fd, &op));
	EXPECT_EQ(2, version_of(self->s.fd, "doc"));
	close(fd);
}

/* One that may only write does not learn what is there by a get. */
TEST_F(condition, write_only)
{
	int fd = ds_open(self->s.store.control, self->s.store.name, DS_WRITE);
	struct docstore_op op = op_variant(self, variant->code, "doc");

	ASSERT_LE(0, fd);
	memset(self->buffer, DS_POISON, sizeof(self->buffer));
	EXPECT_EQ(variant->code == DOCSTORE_OP_GET ? DS_CALL(EBADF) : 0,
		  ds_one(fd, &op));
	EXPECT_EQ((char)DS_POISON, self->buffer[0]);
	close(fd);
}

/* A condition looks at the document as it was before the batch. */
TEST_F(submit, conditions_look_at_before)
{
	struct docstore_op ops[] = {
		ds_if(ds_set_s64("new", self->s.a, 1), DOCSTORE_IF_ABSENT, 0),
		ds_if(ds_set_s64("new", self->s.b, 2), DOCSTORE_IF_ABSENT, 0),
		ds_if(ds_set_s64("new", self->s.c, 3), DOCSTORE_IF_VERSION, 0),
		ds_if(ds_set_s64("old", self->s.a, 1), DOCSTORE_IF_VERSION, 1),
		ds_if(ds_set_s64("old", self->s.b, 2), DOCSTORE_IF_VERSION, 1),
		ds_delete("old"),
		ds_if(ds_set_s64("old", self->s.c, 3),
		      DOCSTORE_IF_VERSION | DOCSTORE_IF_EXISTS, 1),
	};
	__u32 failed;

	ASSERT_EQ(0, ds_do(self->s.fd, ds_touch("old", 0)));
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, ARRAY_SIZE(ops), &failed));
	EXPECT_EQ(0, failed);
	EXPECT_EQ(1, version_of(self->s.fd, "new"));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "old", self->s.doc));
	EXPECT_EQ(1, self->s.doc->nprops);
}

TEST_F(submit, compare_and_swap)
{
	struct docstore_op op;
	__u64 version = 0;
	int i;

	for (i = 0; i < 50; i++) {
		op = ds_if(ds_set_s64("doc", self->s.a, i), DOCSTORE_IF_VERSION,
			   version);
		ASSERT_EQ(0, ds_one(self->s.fd, &op));
		version = op.version;
		op = ds_if(ds_set_s64("doc", self->s.a, -1), DOCSTORE_IF_VERSION,
			   version - 1);
		EXPECT_EQ(-ESTALE, ds_one(self->s.fd, &op));
		EXPECT_EQ(i, ds_fetch_s64(self->s.fd, "doc", self->s.a));
	}
}

/* Many do that at once: nobody's increment is lost. */
TEST_F_TIMEOUT(submit, compare_and_swap_race, DS_TIMEOUT)
{
	unsigned int i, rounds = ds_scale(500);
	pid_t pids[3];

	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		for (; rounds; rounds--) {
			struct docstore_op op;
			struct docstore_read r;
			__s64 value;
			int ret;

			do {
				ret = ds_read(self->s.fd, "doc", self->s.a,
					      &value, sizeof(value), &r);
				DS_CHILD(!ret || ret == -ENOENT);
				if (ret) {
					value = 0;
					r.version = 0;
				}
				op = ds_if(ds_set_s64("doc", self->s.a, value + 1),
					   DOCSTORE_IF_VERSION, r.version);
				ret = ds_one(self->s.fd, &op);
				DS_CHILD(!ret || ret == -ESTALE);
			} while (ret);
			DS_CHILD_EQ(r.version + 1, op.version);
		}
		_exit(0);
	}
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, ds_wait(pids[i]));
	EXPECT_EQ((__s64)rounds * 3, ds_fetch_s64(self->s.fd, "doc", self->s.a));
	EXPECT_EQ(rounds * 3, version_of(self->s.fd, "doc"));
}

/* Batches ------------------------------------------------------------------ */

TEST_F(submit, one_version_for_each_batch)
{
	struct docstore_op ops[] = {
		ds_set_s64("x", self->s.a, 1),
		ds_set_s64("y", self->s.a, 2),
		ds_set_s64("x", self->s.b, 3),
		ds_touch("y", 0),
		ds_set_type("x", self->s.c),
		ds_unset("x", self->s.a),
	};
	struct docstore_store_info info;
	unsigned int i;
	__u32 failed;

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, ARRAY_SIZE(ops), &failed));
	EXPECT_EQ(0, failed);
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		EXPECT_EQ(1, ops[i].version);
		ops[i].version = 0;
	}
	EXPECT_EQ(1, version_of(self->s.fd, "x"));
	EXPECT_EQ(1, version_of(self->s.fd, "y"));
	ASSERT_EQ(0, ds_store_info(self->s.fd, &info));
	EXPECT_EQ(2, info.changes);
	EXPECT_EQ(2, info.documents);
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, ARRAY_SIZE(ops), &failed));
	EXPECT_EQ(2, version_of(self->s.fd, "x"));
	EXPECT_EQ(2, version_of(self->s.fd, "y"));
}

/* Each document for itself: all of its operations, or none. */
TEST_F(submit, each_document_for_itself)
{
	struct docstore_op ops[] = {
		ds_set_s64("good", self->s.a, 1),
		ds_set_s64("bad", self->s.a, 1),
		ds_set_s64("also", self->s.a, 1),
		ds_unset("bad", self->s.b),
		ds_set_s64("good", self->s.b, 1),
		ds_set_s64("bad", self->s.c, 1),
		ds_delete("none"),
	};
	__u32 failed;

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, ARRAY_SIZE(ops), &failed));
	EXPECT_EQ(4, failed);
	EXPECT_EQ(0, ops[0].result);
	EXPECT_EQ(-ECANCELED, ops[1].result);
	EXPECT_EQ(0, ops[2].result);
	EXPECT_EQ(-ENODATA, ops[3].result);
	EXPECT_EQ(0, ops[4].result);
	EXPECT_EQ(-ECANCELED, ops[5].result);
	EXPECT_EQ(-ENOENT, ops[6].result);
	EXPECT_EQ(0, version_of(self->s.fd, "bad"));
	EXPECT_EQ(1, version_of(self->s.fd, "also"));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "good", self->s.doc));
	EXPECT_EQ(2, self->s.doc->nprops);
	EXPECT_EQ(1, self->s.doc->version);
}

TEST_F(submit, failure_leaves_the_document_alone)
{
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->s.a, 5),
		ds_delete("doc"),
		ds_set_s64("doc", self->s.b, 5),
		ds_unset("doc", self->s.c),
	};
	__u32 failed;

	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, ARRAY_SIZE(ops), &failed));
	EXPECT_EQ(4, failed);
	EXPECT_EQ(-ECANCELED, ops[0].result);
	EXPECT_EQ(-ECANCELED, ops[1].result);
	EXPECT_EQ(-ECANCELED, ops[2].result);
	EXPECT_EQ(-ENODATA, ops[3].result);
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", self->s.doc));
	EXPECT_EQ(1, self->s.doc->version);
	EXPECT_EQ(1, self->s.doc->nprops);
	EXPECT_EQ(1, ds_prop_s64(self->s.doc, self->s.a));
}

/* A get that finds nothing is a failure like another. */
TEST_F(submit, get_fails_the_document)
{
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->s.a, 2),
		ds_get("doc", self->s.b, NULL, 0),
	};

	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 2, NULL));
	EXPECT_EQ(-ECANCELED, ops[0].result);
	EXPECT_EQ(-ENODATA, ops[1].result);
	EXPECT_EQ(1, ds_fetch_s64(self->s.fd, "doc", self->s.a));
}

TEST_F_TIMEOUT(submit, as_many_as_there_may_be, DS_TIMEOUT)
{
	struct docstore_op *ops;
	struct docstore_store_info info;
	char (*ids)[8];
	unsigned int i;
	__u32 failed;

	ops = ds_map((DOCSTORE_MAX_OPS + 1) * sizeof(*ops), MAP_PRIVATE);
	ids = ds_map((DOCSTORE_MAX_OPS + 1) * sizeof(*ids), MAP_PRIVATE);
	for (i = 0; i <= DOCSTORE_MAX_OPS; i++) {
		snprintf(ids[i], sizeof(*ids), "%u", i);
		ops[i] = ds_set_s64(ids[i], self->s.a, i);
	}
	EXPECT_EQ(-E2BIG, ds_submit(self->s.fd, 0, ops, DOCSTORE_MAX_OPS + 1,
				    NULL));
	EXPECT_EQ(-EINVAL, ds_submit(self->s.fd, 0, ops, 0, NULL));
	EXPECT_EQ(0, version_of(self->s.fd, "0"));
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, DOCSTORE_MAX_OPS, &failed));
	EXPECT_EQ(0, failed);
	ASSERT_EQ(0, ds_store_info(self->s.fd, &info));
	EXPECT_EQ(DOCSTORE_MAX_OPS, info.documents);
	for (i = 0; i < DOCSTORE_MAX_OPS; i++) {
		EXPECT_EQ(i, ds_fetch_s64(self->s.fd, ids[i], self->s.a));
		ops[i] = ds_delete(ids[i]);
	}
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, DOCSTORE_MAX_OPS, &failed));
	EXPECT_EQ(0, failed);
	ASSERT_EQ(0, ds_store_info(self->s.fd, &info));
	EXPECT_EQ(0, info.documents);
}

/* As many operations on one document, in their order. */
TEST_F_TIMEOUT(submit, many_on_one_document, DS_TIMEOUT)
{
	unsigned int i, n = 4096;
	struct docstore_op *ops = ds_map(n * sizeof(*ops), MAP_PRIVATE);
	__u32 failed;

	for (i = 0; i < n; i++)
		ops[i] = i & 1 ? ds_set_s64("doc", self->s.b, i) :
				 ds_add("doc", self->s.a, i);
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, n, &failed));
	EXPECT_EQ(0, failed);
	EXPECT_EQ((__s64)(n / 2) * (n / 2 - 1),
		  ds_fetch_s64(self->s.fd, "doc", self->s.a));
	EXPECT_EQ(n - 1, ds_fetch_s64(self->s.fd, "doc", self->s.b));
	EXPECT_EQ(1, version_of(self->s.fd, "doc"));
}

TEST_F(submit, counters)
{
	struct docstore_op good[] = {
		ds_set_s64("x", self->s.a, 1),
		ds_set_s64("y", self->s.a, 1),
	};
	struct docstore_op bad = ds_delete("none");
	struct docstore_store_info before, after;

	ASSERT_EQ(0, ds_store_info(self->s.fd, &before));
	EXPECT_EQ(3, before.names);
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, good, 2, NULL));
	ASSERT_EQ(0, ds_store_info(self->s.fd, &after));
	EXPECT_EQ(before.batches + 1, after.batches);
	EXPECT_EQ(before.batches_failed, after.batches_failed);
	EXPECT_EQ(before.changes + 2, after.changes);
	EXPECT_LT(before.commits, after.commits);
	EXPECT_LT(before.bytes_documents, after.bytes_documents);
	EXPECT_LE(before.bytes_used + 2 * sizeof(struct docstore_version),
		  after.bytes_used);

	before = after;
	ASSERT_EQ(-ENOENT, ds_one(self->s.fd, &bad));
	ASSERT_EQ(0, ds_store_info(self->s.fd, &after));
	EXPECT_EQ(before.batches, after.batches);
	EXPECT_EQ(before.batches_failed + 1, after.batches_failed);
	EXPECT_EQ(before.changes, after.changes);
	EXPECT_EQ(before.bytes_documents, after.bytes_documents);

	ASSERT_EQ(0, ds_do(self->s.fd, ds_delete("x")));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_delete("y")));
	ASSERT_EQ(0, ds_store_info(self->s.fd, &after));
	EXPECT_EQ(0, after.documents);
	EXPECT_EQ(0, after.bytes_documents);
}

/* Atomic batches ----------------------------------------------------------- */

TEST_F(submit, atomic_one_document)
{
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->s.a, 1),
		ds_set_s64("doc", self->s.b, 1),
	};
	__u32 failed;

	ASSERT_EQ(0, ds_submit(self->s.fd, DOCSTORE_SUBMIT_ATOMIC, ops, 2,
			       &failed));
	EXPECT_EQ(0, failed);
	EXPECT_EQ(1, version_of(self->s.fd, "doc"));
	ops[1] = ds_unset("doc", self->s.c);
	ops[0].version = 0;
	ASSERT_EQ(0, ds_submit(self->s.fd, DOCSTORE_SUBMIT_ATOMIC, ops, 2,
			       &failed));
	EXPECT_EQ(2, failed);
	EXPECT_EQ(1, version_of(self->s.fd, "doc"));
}

TEST_F(submit, atomic_many_documents)
{
	struct docstore_op ops[32];
	char ids[32][8];
	unsigned int i;
	__u32 failed;

	for (i = 0; i < 32; i++) {
		snprintf(ids[i], sizeof(ids[i]), "d%u", i);
		ops[i] = ds_set_s64(ids[i], self->s.a, i);
	}
	if (variant->partitions > 1) {
		/* All of 32 in one partition: that is not going to happen. */
		EXPECT_EQ(-EXDEV, ds_submit(self->s.fd, DOCSTORE_SUBMIT_ATOMIC,
					    ops, 32, NULL));
		for (i = 0; i < 32; i++)
			EXPECT_EQ(0, version_of(self->s.fd, ids[i]));
		return;
	}
	ASSERT_EQ(0, ds_submit(self->s.fd, DOCSTORE_SUBMIT_ATOMIC, ops, 32,
			       &failed));
	EXPECT_EQ(0, failed);
	for (i = 0; i < 32; i++)
		EXPECT_EQ(i, ds_fetch_s64(self->s.fd, ids[i], self->s.a));
}

TEST_F(submit, atomic_refused)
{
	struct docstore_op ops[32];
	char ids[32][8];
	unsigned int i, wrong;
	__u32 failed;

	if (variant->partitions > 1)
		return;
	for (wrong = 0; wrong < 32; wrong++) {
		for (i = 0; i < 32; i++) {
			snprintf(ids[i], sizeof(ids[i]), "d%u", i);
			ops[i] = ds_set_s64(ids[i], self->s.a, i);
		}
		ops[wrong] = ds_delete("none");
		ASSERT_EQ(0, ds_submit(self->s.fd, DOCSTORE_SUBMIT_ATOMIC, ops,
				       32, &failed));
		EXPECT_EQ(32, failed);
		for (i = 0; i < 32; i++) {
			EXPECT_EQ(i == wrong ? -ENOENT : -ECANCELED,
				  ops[i].result);
			EXPECT_EQ(0, version_of(self->s.fd, ids[i]));
		}
	}
}

/* Every kind of change is undone, and with it the counts. */
TEST_F(submit, atomic_undo)
{
	struct docstore_op prepare[] = {
		ds_set_s64("set", self->s.a, 1),
		ds_set_s64("unset", self->s.a, 2),
		ds_set_s64("add", self->s.a, 3),
		ds_set_s64("delete", self->s.a, 4),
		ds_set_s64("touch", self->s.a, 5),
		ds_set_s64("type", self->s.a, 6),
	};
	struct docstore_op ops[] = {
		ds_set_s64("set", self->s.a, 100),
		ds_unset("unset", self->s.a),
		ds_add("add", self->s.a, 100),
		ds_delete("delete"),
		ds_touch("touch", 100),
		ds_set_type("type", self->s.b),
		ds_set_s64("new", self->s.a, 100),
		ds_if(ds_touch("set", 0), DOCSTORE_IF_VERSION, 9),
	};
	struct docstore_store_info before, after;
	unsigned int i, round;
	__u32 failed;

	if (variant->partitions > 1)
		return;
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, prepare, 6, NULL));
	ASSERT_EQ(0, ds_store_info(self->s.fd, &before));
	for (round = 0; round < 100; round++) {
		for (i = 0; i < ARRAY_SIZE(ops) - 1; i++)
			ops[i].version = 0;
		ops[i].version = 9;
		ASSERT_EQ(0, ds_submit(self->s.fd, DOCSTORE_SUBMIT_ATOMIC, ops,
				       ARRAY_SIZE(ops), &failed));
		EXPECT_EQ(ARRAY_SIZE(ops), failed);
		EXPECT_EQ(-ESTALE, ops[i].result);
	}
	EXPECT_EQ(0, version_of(self->s.fd, "new"));
	for (i = 0; i < ARRAY_SIZE(prepare); i++) {
		const char *id = (const char *)(uintptr_t)prepare[i].id;

		ASSERT_EQ(0, ds_fetch(self->s.fd, id, self->s.doc));
		EXPECT_EQ(1, self->s.doc->version);
		EXPECT_EQ(0, self->s.doc->type);
		EXPECT_EQ(i + 1, ds_prop_s64(self->s.doc, self->s.a));
	}
	ASSERT_EQ(0, ds_store_info(self->s.fd, &after));
	EXPECT_EQ(before.documents, after.documents);
	EXPECT_EQ(before.bytes_documents, after.bytes_documents);
	EXPECT_EQ(before.changes, after.changes);
	EXPECT_EQ(before.batches, after.batches);
	EXPECT_EQ(before.batches_failed + 100, after.batches_failed);
}

/* Ids ---------------------------------------------------------------------- */

TEST_F(submit, id_lengths)
{
	__u8 id[256];
	struct docstore_op op;
	struct docstore_read r;
	unsigned int len;

	memset(id, 'x', sizeof(id));
	op = ds_touch("", 0);
	op.id = ds_ptr(id);
	EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	for (len = 1; len <= DOCSTORE_MAX_ID; len++) {
		op.id_len = len;
		op.version = 0;
		ASSERT_EQ(0, ds_one(self->s.fd, &op)) TH_LOG("length %u", len);
		EXPECT_EQ(1, op.version);
	}
	for (len = 1; len <= DOCSTORE_MAX_ID; len++) {
		ASSERT_EQ(0, ds_read_len(self->s.fd, id, len, 0, self->s.doc,
					 DS_ROOM, &r));
		ASSERT_EQ(0, ds_doc_check(self->s.doc, r.length));
		EXPECT_EQ(len, self->s.doc->id_len);
		EXPECT_EQ(0, memcmp(id, ds_doc_id(self->s.doc), len));
	}
}

/* Any bytes are an id, and all of them count. */
TEST_F(submit, id_bytes)
{
	__u8 id[4] = { 'a', 0, 'b', 0 };
	struct docstore_op op = ds_touch("", 0);
	struct docstore_read r;
	unsigned int i;

	op.id = ds_ptr(id);
	op.id_len = 1;
	for (i = 0; i < 256; i++) {
		id[0] = i;
		op.version = 0;
		ASSERT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_EQ(1, op.version);
	}
	id[0] = 'a';
	for (i = 2; i <= 4; i++) {
		op.version = 0;
		op.id_len = i;
		ASSERT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_EQ(1, op.version);
		ASSERT_EQ(0, ds_read_len(self->s.fd, id, i, 0, self->s.doc,
					 DS_ROOM, &r));
		EXPECT_EQ(i, self->s.doc->id_len);
		EXPECT_EQ(0, memcmp(id, ds_doc_id(self->s.doc), i));
	}
}

/* Limits ------------------------------------------------------------------- */

TEST_F_TIMEOUT(submit, value_lengths, DS_TIMEOUT)
{
	static const __u32 lengths[] = {
		0, 1, 7, 8, 255, 256, 4095, 4096, 4097, 32767, 65534, 65535,
		65536, 65537, 131072, 262144, 524287, 1000000,
	};
	__u8 *value = ds_map(MIB, MAP_PRIVATE);
	struct docstore_version *doc = self->s.doc;
	struct ds_random random = { .state = 7 };
	struct ds_prop p;
	unsigned int i, j;

	for (i = 0; i < MIB; i += 8)
		*(__u64 *)(value + i) = ds_random(&random);
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.c, 3)));
	/* Up, and down again: the ends change their width on the way. */
	for (j = 0; j < 2 * ARRAY_SIZE(lengths); j++) {
		i = j < ARRAY_SIZE(lengths) ? j : 2 * ARRAY_SIZE(lengths) - 1 - j;
		ASSERT_EQ(0, ds_do(self->s.fd, ds_set_bytes("doc", self->s.b,
							    value, lengths[i])));
		ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
		EXPECT_EQ(1, ds_prop_s64(doc, self->s.a));
		EXPECT_EQ(3, ds_prop_s64(doc, self->s.c));
		ASSERT_EQ(0, ds_prop(doc, self->s.b, &p));
		ASSERT_EQ(lengths[i], p.len);
		EXPECT_EQ(0, memcmp(value, p.value, p.len));
		EXPECT_EQ(j + 3, p.set);
	}
}

/*
 * The largest document: its header, the end, name and type of one property, its
 * id and the value.
 */
TEST_F(submit, largest_document)
{
	__u32 fits = DOCSTORE_MAX_DOCUMENT - sizeof(struct docstore_version) -
		     (4 + 2 + 1) - 3;
	__u8 *value = ds_map(2 * MIB, MAP_PRIVATE);
	struct docstore_store_info info;
	struct docstore_op op;
	__u32 failed;
	struct docstore_op two[] = {
		ds_set_bytes("two", self->s.a, value, 600000),
		ds_set_bytes("two", self->s.b, value, 600000),
	};

	memset(value, 'v', 2 * MIB);
	EXPECT_EQ(-EFBIG, ds_do(self->s.fd, ds_set_bytes("doc", self->s.a, value,
							 fits + 1)));
	EXPECT_EQ(-EFBIG, ds_do(self->s.fd, ds_set_bytes("doc", self->s.a, value,
							 MIB)));
	EXPECT_EQ(-EFBIG, ds_do(self->s.fd, ds_set_bytes("doc", self->s.a, value,
							 2 * MIB)));
	EXPECT_EQ(0, version_of(self->s.fd, "doc"));
	EXPECT_EQ(0, ds_do(self->s.fd, ds_set_bytes("doc", self->s.a, value,
						    fits)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", self->s.doc));
	EXPECT_EQ(DOCSTORE_MAX_DOCUMENT, self->s.doc->size);
	ASSERT_EQ(0, ds_store_info(self->s.fd, &info));
	EXPECT_LE(DOCSTORE_MAX_DOCUMENT, info.bytes_documents);

	/* Nothing more goes in, but it can be replaced and deleted. */
	EXPECT_EQ(-EFBIG, ds_do(self->s.fd, ds_set_s64("doc", self->s.b, 1)));
	op = ds_set_bytes("doc", self->s.a, value, fits);
	EXPECT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(2, op.version);
	EXPECT_EQ(0, ds_do(self->s.fd, ds_delete("doc")));

	/* Too large only by both together. */
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, two, 2, &failed));
	EXPECT_EQ(2, failed);
	EXPECT_TRUE(two[0].result == -EFBIG || two[1].result == -EFBIG);
	EXPECT_EQ(0, version_of(self->s.fd, "two"));
}

TEST_F_TIMEOUT(submit, most_properties, DS_TIMEOUT)
{
	unsigned int i, n = DOCSTORE_MAX_PROPERTIES;
	struct docstore_op *ops = ds_map((n + 1) * sizeof(*ops), MAP_PRIVATE);
	int *ids = ds_map((n + 1) * sizeof(*ids), MAP_PRIVATE);
	struct docstore_version *doc = self->s.doc;
	char name[16];
	__u32 failed;

	for (i = 0; i <= n; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		ids[i] = ds_prop_id(self->s.fd, name);
		ASSERT_LT(0, ids[i]);
		ops[i] = ds_set_s64("doc", ids[i], i);
	}
	/* All at once: one too many. */
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, n + 1, &failed));
	EXPECT_EQ(n + 1, failed);
	EXPECT_EQ(-EFBIG, ops[n].result);
	EXPECT_EQ(-ECANCELED, ops[0].result);
	EXPECT_EQ(0, version_of(self->s.fd, "doc"));

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, n, &failed));
	EXPECT_EQ(0, failed);
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	ASSERT_EQ(n, doc->nprops);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(ids[i], ds_prop_at(doc, i).name);
		EXPECT_EQ(i, ds_prop_s64(doc, ids[i]));
	}
	EXPECT_EQ(-EFBIG, ds_do(self->s.fd, ds_set_s64("doc", ids[n], 1)));
	EXPECT_EQ(-EFBIG, ds_do(self->s.fd, ds_add("doc", ids[n], 1)));
	EXPECT_EQ(1, version_of(self->s.fd, "doc"));
	/* One can change, and one can go for another. */
	EXPECT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", ids[5], -5)));
	EXPECT_EQ(-5, ds_fetch_s64(self->s.fd, "doc", ids[5]));
	ops[0] = ds_unset("doc", ids[0]);
	ops[1] = ds_set_s64("doc", ids[n], 7);
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 2, &failed));
	EXPECT_EQ(0, failed);
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(n, doc->nprops);
	EXPECT_EQ(ids[n], ds_prop_at(doc, n - 1).name);
}

/* Bytes of ids and values count together. */
TEST_F_TIMEOUT(submit, most_bytes, DS_TIMEOUT)
{
	__u32 each = DOCSTORE_MAX_BATCH / 17 - 8;
	__u8 *value = ds_map(MIB, MAP_PRIVATE);
	struct docstore_op ops[17];
	struct docstore_read r;
	char ids[17][8];
	unsigned int i;
	__u32 left = DOCSTORE_MAX_BATCH, failed;
	int ret;

	memset(value, 'v', MIB);
	for (i = 0; i < 17; i++) {
		snprintf(ids[i], sizeof(ids[i]), "d%02u", i);
		ops[i] = ds_set_bytes(ids[i], self->s.a, value, each);
		left -= 3 + each;
	}
	ops[16].value_len += left + 1;
	EXPECT_EQ(-E2BIG, ds_submit(self->s.fd, 0, ops, 17, NULL));
	for (i = 0; i < 17; i++)
		EXPECT_EQ(0, version_of(self->s.fd, ids[i]));
	ops[16].value_len--;
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 17, &failed));
	EXPECT_EQ(0, failed);
	for (i = 0; i < 17; i++) {
		EXPECT_EQ(0, ds_read(self->s.fd, ids[i], self->s.a, NULL, 0, &r));
		EXPECT_EQ(ops[i].value_len, r.length);
	}
	/*
	 * Lengths that would overflow a sum. A value that is too large for any
	 * document need not be counted: it is refused for itself.
	 */
	for (i = 0; i < 17; i++) {
		ops[i].version = 0;
		ops[i].value_len = ~0U - i;
	}
	ret = ds_submit(self->s.fd, 0, ops, 17, &failed);
	if (ret) {
		EXPECT_EQ(-E2BIG, ret);
	} else {
		EXPECT_EQ(17, failed);
		for (i = 0; i < 17; i++)
			EXPECT_EQ(-EFBIG, ops[i].result);
	}
}

/* The room of a get says nothing about the batch. */
TEST_F(submit, get_with_all_the_room)
{
	struct docstore_op op;
	__s64 value = 0;

	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 42)));
	op = ds_get("doc", self->s.a, &value, ~0U);
	EXPECT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(8, op.value_len);
	EXPECT_EQ(42, value);
}

/* Bad pointers ------------------------------------------------------------- */

TEST_F(submit, bad_pointers)
{
	const char *edge = (char *)ds_edge(4);
	struct docstore_op ops[3];
	unsigned int wrong, kind, i;
	char ids[3][4] = { "d0", "d1", "d2" };

	for (wrong = 0; wrong < 3; wrong++) {
		for (kind = 0; kind < 4; kind++) {
			for (i = 0; i < 3; i++)
				ops[i] = ds_set_bytes(ids[i], self->s.a, "v", 1);
			switch (kind) {
			case 0:
				ops[wrong].id = 16;
				break;
			case 1:
				ops[wrong].value = 16;
				break;
			case 2:
				ops[wrong].id = ds_ptr(edge);
				ops[wrong].id_len = 5;
				break;
			case 3:
				ops[wrong].value = ds_ptr(edge);
				ops[wrong].value_len = 5;
				break;
			}
			EXPECT_EQ(-EFAULT, ds_submit(self->s.fd, 0, ops, 3, NULL))
				TH_LOG("operation %u, kind %u", wrong, kind);
			for (i = 0; i < 3; i++)
				EXPECT_EQ(0, version_of(self->s.fd, ids[i]));
		}
	}
}

TEST_F(submit, bad_pointer_of_a_get)
{
	struct docstore_op ops[2];

	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	ops[0] = ds_set_s64("other", self->s.a, 1);
	ops[1] = ds_get("doc", self->s.a, (void *)16, 8);
	EXPECT_EQ(-EFAULT, ds_submit(self->s.fd, 0, ops, 2, NULL));
	/* Where there is nothing to write, there is nothing wrong. */
	ops[1] = ds_get("doc", self->s.a, (void *)16, 0);
	ops[0].version = 0;
	EXPECT_EQ(0, ds_submit(self->s.fd, 0, ops, 2, NULL));
}

TEST_F(submit, unknown_codes)
{
	struct docstore_op op;
	unsigned int code;

	for (code = 0; code < 256; code++) {
		if (code >= DOCSTORE_OP_GET && code <= DOCSTORE_OP_SET_TYPE)
			continue;
		op = ds_touch("doc", 0);
		op.code = code;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op))
			TH_LOG("code %u", code);
	}
	EXPECT_EQ(0, version_of(self->s.fd, "doc"));
}

/* One that is wrong in itself refuses all, wherever it stands. */
TEST_F(submit, illegal_within_a_batch)
{
	struct docstore_op ops[5];
	char ids[5][4] = { "d0", "d1", "d2", "d3", "d4" };
	unsigned int wrong, kind, i;

	for (wrong = 0; wrong < 5; wrong++) {
		for (kind = 0; kind < 5; kind++) {
			for (i = 0; i < 5; i++)
				ops[i] = ds_set_s64(ids[i], self->s.a, 1);
			switch (kind) {
			case 0:
				ops[wrong].code = 99;
				break;
			case 1:
				ops[wrong].flags = 0x80;
				break;
			case 2:
				ops[wrong].id_len = 0;
				break;
			case 3:
				ops[wrong].property = 999;
				break;
			case 4:
				ops[wrong].__reserved2[1] = 1;
				break;
			}
			EXPECT_EQ(-EINVAL, ds_submit(self->s.fd, 0, ops, 5, NULL))
				TH_LOG("operation %u, kind %u", wrong, kind);
			for (i = 0; i < 5; i++)
				EXPECT_EQ(0, version_of(self->s.fd, ids[i]));
		}
	}
}

TEST_F(submit, read_only_batch)
{
	int fd = ds_open(self->s.store.control, self->s.store.name, DS_READ);
	struct docstore_op ops[] = {
		ds_get("doc", self->s.a, NULL, 0),
		ds_get("none", 0, NULL, 0),
		ds_set_s64("doc", self->s.a, 2),
	};
	__u32 failed;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	EXPECT_EQ(-EBADF, ds_submit(fd, 0, ops, 3, NULL));
	ASSERT_EQ(0, ds_submit(fd, 0, ops, 2, &failed));
	EXPECT_EQ(1, failed);
	EXPECT_EQ(0, ops[0].result);
	EXPECT_EQ(-ENOENT, ops[1].result);
	EXPECT_EQ(1, ds_fetch_s64(self->s.fd, "doc", self->s.a));
	close(fd);
}

/* A random walk against a model ------------------------------------------- */

#define IDS		20
#define PROPS		6

struct model {
	bool exists;
	bool has[PROPS];
	__s64 value[PROPS];
	__u64 version;
	int type;
};

TEST_F_TIMEOUT(submit, model, DS_TIMEOUT)
{
	struct ds_random random = { .state = ds_seed() };
	unsigned int rounds = ds_scale(1500), round, i, j, n;
	struct model model[IDS] = { { 0 } }, new[IDS];
	struct docstore_version *doc = self->s.doc;
	int props[PROPS], expected[8], touched[IDS];
	struct docstore_op ops[8];
	char ids[IDS][8], name[8];
	__u32 failed;
	int id[8];

	for (i = 0; i < PROPS; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		props[i] = ds_prop_id(self->s.fd, name);
		ASSERT_LT(0, props[i]);
	}
	for (i = 0; i < IDS; i++)
		snprintf(ids[i], sizeof(ids[i]), "id%u", i);

	for (round = 0; round < rounds; round++) {
		memcpy(new, model, sizeof(new));
		memset(touched, 0, sizeof(touched));
		n = 1 + ds_below(&random, 8);
		for (i = 0; i < n; i++) {
			unsigned int p = ds_below(&random, PROPS);
			struct model *m;
			__s64 value = (int)ds_random(&random);

			id[i] = ds_below(&random, IDS);
			m = &new[id[i]];
			expected[i] = 0;
			switch (ds_below(&random, 8)) {
			case 0:
				ops[i] = ds_unset(ids[id[i]], props[p]);
				expected[i] = !m->exists ? -ENOENT :
					      !m->has[p] ? -ENODATA : 0;
				m->has[p] = false;
				break;
			case 1:
				ops[i] = ds_delete(ids[id[i]]);
				expected[i] = m->exists ? 0 : -ENOENT;
				m->exists = false;
				memset(m->has, 0, sizeof(m->has));
				m->type = 0;
				break;
			case 2:
				ops[i] = ds_touch(ids[id[i]], 0);
				m->exists = true;
				break;
			case 3:
				ops[i] = ds_set_type(ids[id[i]], props[p]);
				m->exists = true;
				m->type = props[p];
				break;
			case 4:
				ops[i] = ds_add(ids[id[i]], props[p], value);
				m->exists = true;
				m->value[p] = (m->has[p] ? m->value[p] : 0) + value;
				m->has[p] = true;
				break;
			default:
				ops[i] = ds_set_s64(ids[id[i]], props[p], value);
				m->exists = true;
				m->has[p] = true;
				m->value[p] = value;
			}
			touched[id[i]] = touched[id[i]] < 0 ? -1 :
					 expected[i] ? -1 : 1;
		}
		ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, n, &failed));
		for (i = 0; i < n; i++) {
			if (touched[id[i]] > 0) {
				ASSERT_EQ(0, ops[i].result);
				continue;
			}
			/* The first that failed says why. */
			for (j = 0; j < i; j++) {
				if (id[j] == id[i] && expected[j])
					break;
			}
			if (j == i && expected[i]) {
				ASSERT_EQ(expected[i], ops[i].result);
			} else {
				ASSERT_EQ(-ECANCELED, ops[i].result);
			}
		}
		for (i = 0; i < IDS; i++) {
			struct model *m = &model[i];
			__u64 before = m->version;
			unsigned int props_there = 0;
			int ret;

			if (touched[i] > 0)
				*m = new[i];
			ret = ds_fetch(self->s.fd, ids[i], doc);
			ASSERT_EQ(m->exists ? 0 : -ENOENT, ret);
			if (!m->exists)
				continue;
			if (touched[i] > 0) {
				ASSERT_LT(before, doc->version);
			} else {
				ASSERT_EQ(before, doc->version);
			}
			m->version = doc->version;
			ASSERT_EQ(m->type, doc->type);
			for (j = 0; j < PROPS; j++) {
				if (!m->has[j])
					continue;
				props_there++;
				ASSERT_EQ(m->value[j], ds_prop_s64(doc, props[j]));
			}
			ASSERT_EQ(props_there, doc->nprops);
		}
	}
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Documents: the types of values, and what each operation does.
 */
#include "docstore_test.h"

#include "docstore_harness.h"

/* Values ------------------------------------------------------------------- */

FIXTURE(value) {
	struct ds_base s;
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
	ASSERT_EQ(0, ds_base_begin(&self->s, 1));
}

FIXTURE_TEARDOWN(value)
{
	EXPECT_EQ(0, ds_base_end(&self->s));
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
	EXPECT_EQ(0, ds_version_of(self->s.fd, "doc"));
}

TEST_F(value, add_to_it)
{
	struct docstore_op op = ds_add("doc", self->s.b, -1);
	__s64 was = variant->value;

	ASSERT_EQ(0, ds_do(self->s.fd, set_variant(variant, "doc", self->s.b)));
	if (variant->type != DOCSTORE_TYPE_S64) {
		EXPECT_EQ(-EDOM, ds_one(self->s.fd, &op));
		EXPECT_EQ(1, ds_version_of(self->s.fd, "doc"));
	} else if (was == INT64_MIN) {
		EXPECT_EQ(-EOVERFLOW, ds_one(self->s.fd, &op));
		EXPECT_EQ(was, ds_fetch_s64(self->s.fd, "doc", self->s.b));
	} else {
		EXPECT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_EQ(was - 1, ds_fetch_s64(self->s.fd, "doc", self->s.b));
	}
}

/* Operations -------------------------------------------------------------- */

FIXTURE(document) {
	struct ds_base s;
};

FIXTURE_VARIANT(document) {
	__u32 partitions;
};

FIXTURE_VARIANT_ADD(document, one_partition) { .partitions = 1 };
FIXTURE_VARIANT_ADD(document, five_partitions) { .partitions = 5 };

FIXTURE_SETUP(document)
{
	ASSERT_EQ(0, ds_base_begin(&self->s, variant->partitions));
}

FIXTURE_TEARDOWN(document)
{
	EXPECT_EQ(0, ds_base_end(&self->s));
}

TEST_F(document, times)
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

TEST_F(document, versions)
{
	struct docstore_op op;
	__u64 i;

	EXPECT_EQ(0, ds_version_of(self->s.fd, "doc"));
	for (i = 1; i <= 20; i++) {
		op = ds_set_s64("doc", self->s.a, i);
		ASSERT_EQ(0, ds_one(self->s.fd, &op));
		EXPECT_EQ(i, op.version);
		EXPECT_EQ(i, ds_version_of(self->s.fd, "doc"));
	}
	/* Those of other documents are their own. */
	op = ds_set_s64("other", self->s.a, 1);
	ASSERT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(1, op.version);
}

/* Which version last set a property is known for each of them. */
TEST_F(document, set_versions)
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

TEST_F(document, property_order)
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

TEST_F(document, unset)
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
	EXPECT_EQ(2, ds_version_of(self->s.fd, "doc"));

	/* A document without properties is a document. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_unset("doc", self->s.a)));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_unset("doc", self->s.c)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(0, doc->nprops);
	EXPECT_EQ(4, doc->version);
}

TEST_F(document, unset_all)
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

TEST_F(document, add)
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
		EXPECT_EQ(version, ds_version_of(self->s.fd, "doc"));
	}
	/* To a property that is not there, of a document that is. */
	EXPECT_EQ(0, ds_do(self->s.fd, ds_add("doc", self->s.b, -9)));
	EXPECT_EQ(-9, ds_fetch_s64(self->s.fd, "doc", self->s.b));
}

TEST_F(document, add_twice)
{
	struct docstore_op ops[] = {
		ds_add("doc", self->s.a, 40),
		ds_add("doc", self->s.a, 2),
		ds_add("doc", self->s.b, 7),
	};

	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 3, NULL));
	EXPECT_EQ(42, ds_fetch_s64(self->s.fd, "doc", self->s.a));
	EXPECT_EQ(7, ds_fetch_s64(self->s.fd, "doc", self->s.b));
	EXPECT_EQ(1, ds_version_of(self->s.fd, "doc"));
}

TEST_F(document, delete)
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
TEST_F(document, delete_and_create)
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

TEST_F(document, delete_and_create_in_one)
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

TEST_F(document, create_and_delete_in_one)
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
	EXPECT_EQ(0, ds_version_of(self->s.fd, "doc"));
	ASSERT_EQ(0, ds_store_info(self->s.fd, &info));
	EXPECT_EQ(0, info.documents);
	op = ds_if(ds_touch("doc", 0), DOCSTORE_IF_ABSENT, 0);
	EXPECT_EQ(0, ds_one(self->s.fd, &op));
}

TEST_F(document, touch)
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
	EXPECT_EQ(78, ds_version_of(self->s.fd, "restored"));
}

TEST_F(document, touch_limit)
{
	struct docstore_op op = ds_touch("doc", DOCSTORE_MAX_VERSION + 1);

	EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	op.value = ~0ULL;
	EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	op.value = DOCSTORE_MAX_VERSION;
	ASSERT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(DOCSTORE_MAX_VERSION, op.version);
	/* From there it goes on as ever. */
	op = ds_set_s64("doc", self->s.a, 1);
	ASSERT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(DOCSTORE_MAX_VERSION + 1, op.version);
	op = ds_touch("doc", DOCSTORE_MAX_VERSION);
	ASSERT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(DOCSTORE_MAX_VERSION + 2, op.version);
	ASSERT_EQ(0, ds_do(self->s.fd, ds_delete("doc")));
	op = ds_touch("doc", 0);
	ASSERT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_LT(DOCSTORE_MAX_VERSION + 2, op.version);
}

TEST_F(document, touch_restores)
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
TEST_F(document, touch_far)
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

TEST_F(document, set_type)
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

TEST_F(document, get)
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
	EXPECT_EQ(1, ds_version_of(self->s.fd, "doc"));
}

/* A get sees what came before it in the batch, and not what comes after. */
TEST_F(document, get_within_a_batch)
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
	/* It is not published yet, and has the version that it will have. */
	EXPECT_EQ(0, doc->seq);
	EXPECT_EQ(1, doc->version);
	EXPECT_EQ(2, doc->nprops);
	EXPECT_EQ(11, ds_prop_s64(doc, self->s.a));

	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", doc));
	EXPECT_EQ(2, doc->nprops);
	EXPECT_EQ(5, ds_prop_s64(doc, self->s.c));
	EXPECT_EQ(1, doc->version);
}

TEST_F(document, get_after_delete_within_a_batch)
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

TEST_HARNESS_MAIN

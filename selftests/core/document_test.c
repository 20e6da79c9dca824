// SPDX-License-Identifier: GPL-2.0
/*
 * Document versions alone: written by the builder, read back, changed.
 */
#include <errno.h>
#include <string.h>

#include "store.h"
#include "test.h"

#define NOW	1700000000000000000ULL

static struct ds_builder builder;

static void load(const struct docstore_version *v)
{
	ds_builder_load(&builder, v, (const u8 *)"some id", 7, 0, NOW);
}

/* What was built, in memory of just that size. */
static struct docstore_version *written(void)
{
	u64 size = ds_builder_size(&builder);
	struct docstore_version *v = malloc(size);

	CHECK(v && size <= DOCSTORE_MAX_DOCUMENT);
	ds_builder_write(&builder, v, size, 1, 0);
	CHECK_EQ(v->size, size);
	version_validate(v);
	return v;
}

/* Go on from what was built. */
static struct docstore_version *next(struct docstore_version *last)
{
	struct docstore_version *v = written();

	free(last);
	load(v);
	return v;
}

static int apply(u8 code, u32 property, u8 type, u64 number)
{
	struct ds_delta delta = {
		.code = code,
		.property = property,
		.type = type,
		.number = number,
	};

	return ds_builder_apply(&builder, &delta);
}

static int set_number(u32 property, u8 type, u64 number)
{
	return apply(DOCSTORE_OP_SET, property, type, number);
}

static int set_data(u32 property, u8 type, const void *data, u32 len)
{
	struct ds_delta delta = {
		.code = DOCSTORE_OP_SET,
		.property = property,
		.type = type,
		.data = (void *)data,
		.len = len,
	};

	return ds_builder_apply(&builder, &delta);
}

static void expect(const struct docstore_version *v, u32 property, u8 type,
		   const void *data, u32 len)
{
	struct ds_value value;

	CHECK(ds_version_property(v, property, &value));
	CHECK_EQ(value.type, type);
	CHECK_EQ(value.len, len);
	CHECK(!memcmp(value.data, data, len));
}

static u32 set_of(const struct docstore_version *v, u32 i)
{
	struct ds_layout l;

	ds_version_layout(v, &l);
	return l.set ? l.set[i] : (u32)v->version;
}

static void all_types(void)
{
	const s64 s = -7;
	const u64 u = ~0ULL;
	const double f = 0.1;
	u64 bits;
	struct docstore_version *v;
	struct ds_value value;
	int round;

	memcpy(&bits, &f, 8);
	load(NULL);
	CHECK_EQ(set_number(1, DOCSTORE_TYPE_NULL, 0), 0);
	CHECK_EQ(set_number(2, DOCSTORE_TYPE_BOOL, 1), 0);
	CHECK_EQ(set_number(3, DOCSTORE_TYPE_BOOL, 0), 0);
	CHECK_EQ(set_number(4, DOCSTORE_TYPE_S64, s), 0);
	CHECK_EQ(set_number(5, DOCSTORE_TYPE_U64, u), 0);
	CHECK_EQ(set_number(6, DOCSTORE_TYPE_F64, bits), 0);
	CHECK_EQ(set_data(7, DOCSTORE_TYPE_STRING, "text", 4), 0);
	CHECK_EQ(set_data(8, DOCSTORE_TYPE_BYTES, "\0\1\2", 3), 0);
	CHECK_EQ(set_data(9, DOCSTORE_TYPE_JSON, "[]", 2), 0);
	CHECK_EQ(set_data(10, DOCSTORE_TYPE_STRING, NULL, 0), 0);
	CHECK_EQ(set_data(65535, DOCSTORE_TYPE_BYTES, "x", 1), 0);
	v = written();

	/* As it was built, and as it is when it is built again from itself. */
	for (round = 0; round < 3; round++) {
		CHECK_EQ(v->nprops, 11);
		CHECK_EQ(v->id_len, 7);
		CHECK(ds_version_is(v, (const u8 *)"some id", 7));
		CHECK(!ds_version_is(v, (const u8 *)"some iD", 7));
		CHECK(!ds_version_is(v, (const u8 *)"some i", 6));
		CHECK_EQ(v->created, NOW);
		CHECK_EQ(v->version, round + 1);
		CHECK_EQ(!!(v->flags & DOCSTORE_VERSION_SET), round > 0);
		expect(v, 1, DOCSTORE_TYPE_NULL, "", 0);
		expect(v, 2, DOCSTORE_TYPE_BOOL, "\1", 1);
		expect(v, 3, DOCSTORE_TYPE_BOOL, "\0", 1);
		expect(v, 4, DOCSTORE_TYPE_S64, &s, 8);
		expect(v, 5, DOCSTORE_TYPE_U64, &u, 8);
		expect(v, 6, DOCSTORE_TYPE_F64, &f, 8);
		expect(v, 7, DOCSTORE_TYPE_STRING, "text", 4);
		expect(v, 8, DOCSTORE_TYPE_BYTES, "\0\1\2", 3);
		expect(v, 9, DOCSTORE_TYPE_JSON, "[]", 2);
		expect(v, 10, DOCSTORE_TYPE_STRING, "", 0);
		expect(v, 65535, DOCSTORE_TYPE_BYTES, "x", 1);
		CHECK(!ds_version_property(v, 11, &value));
		CHECK_EQ(set_of(v, 4), 1);
		load(v);
		CHECK_EQ(apply(DOCSTORE_OP_TOUCH, 0, 0, 0), 0);
		v = next(v);
	}
	free(v);
}

/* 16 bits reach to 65535, and one byte more needs 32. */
static void wide(void)
{
	struct docstore_version *v = NULL;
	u8 *big = calloc(1, 70000);
	u32 len;

	big[65535] = 7;
	load(NULL);
	for (len = 65533; len < 65539; len++) {
		struct ds_value value;

		CHECK_EQ(set_data(2, DOCSTORE_TYPE_BYTES, big, len - 1), 0);
		CHECK_EQ(set_data(1, DOCSTORE_TYPE_BYTES, "z", 1), 0);
		v = next(v);
		CHECK_EQ(!!(v->flags & DOCSTORE_VERSION_WIDE), len > 65535);
		expect(v, 2, DOCSTORE_TYPE_BYTES, big, len - 1);
		expect(v, 1, DOCSTORE_TYPE_BYTES, "z", 1);
		CHECK(ds_version_property(v, 1, &value));
		CHECK((const u8 *)value.data + 1 == (u8 *)v + v->size);
	}
	/* And back. */
	CHECK_EQ(apply(DOCSTORE_OP_UNSET, 2, 0, 0), 0);
	v = next(v);
	CHECK(!(v->flags & DOCSTORE_VERSION_WIDE));
	expect(v, 1, DOCSTORE_TYPE_BYTES, "z", 1);
	free(v);
	free(big);
}

/* Which version set a property, where versions differ. */
static void versions_set(void)
{
	struct docstore_version *v;

	load(NULL);
	set_number(1, DOCSTORE_TYPE_S64, 1);
	set_number(2, DOCSTORE_TYPE_S64, 1);
	v = next(NULL);
	CHECK(!(v->flags & DOCSTORE_VERSION_SET));

	set_number(2, DOCSTORE_TYPE_S64, 2);
	v = next(v);
	CHECK(v->flags & DOCSTORE_VERSION_SET);
	CHECK_EQ(set_of(v, 0), 1);
	CHECK_EQ(set_of(v, 1), 2);

	/* When all are set by one version again, the array is gone. */
	set_number(2, DOCSTORE_TYPE_S64, 3);
	set_number(1, DOCSTORE_TYPE_S64, 3);
	v = next(v);
	CHECK(!(v->flags & DOCSTORE_VERSION_SET));
	CHECK_EQ(v->version, 3);

	/* Touch gives the number to what its version sets, before and after it. */
	set_number(1, DOCSTORE_TYPE_S64, 4);
	CHECK_EQ(apply(DOCSTORE_OP_TOUCH, 0, DOCSTORE_TYPE_U64, 100), 0);
	CHECK_EQ(apply(DOCSTORE_OP_TOUCH, 0, DOCSTORE_TYPE_U64, 50), 0);
	set_number(3, DOCSTORE_TYPE_S64, 4);
	v = next(v);
	CHECK_EQ(v->version, 100);
	CHECK_EQ(set_of(v, 0), 100);
	CHECK_EQ(set_of(v, 1), 3);
	CHECK_EQ(set_of(v, 2), 100);
	free(v);
}

/* The age of a property is kept in 32 bits; what is older is as old as that. */
static void ages(void)
{
	const u64 far = (1ULL << 32) + 1000;
	struct docstore_version *v;

	load(NULL);
	set_number(1, DOCSTORE_TYPE_S64, 1);
	v = next(NULL);

	apply(DOCSTORE_OP_TOUCH, 0, DOCSTORE_TYPE_U64, 1ULL << 32);
	set_number(2, DOCSTORE_TYPE_S64, 1);
	v = next(v);
	CHECK_EQ(v->version, 1ULL << 32);
	/* 2^32 - 1 versions ago: the oldest that can be told. */
	CHECK_EQ(set_of(v, 0), 1);
	CHECK_EQ(set_of(v, 1), 0);

	apply(DOCSTORE_OP_TOUCH, 0, DOCSTORE_TYPE_U64, far);
	v = next(v);
	CHECK_EQ(set_of(v, 0), (u32)(far - U32_MAX));
	CHECK_EQ(set_of(v, 1), 0);
	apply(DOCSTORE_OP_TOUCH, 0, DOCSTORE_TYPE_U64, DOCSTORE_MAX_VERSION);
	v = next(v);
	CHECK_EQ(v->version, DOCSTORE_MAX_VERSION);
	CHECK_EQ(set_of(v, 0), (u32)(DOCSTORE_MAX_VERSION - U32_MAX));
	CHECK_EQ(set_of(v, 1), (u32)(DOCSTORE_MAX_VERSION - U32_MAX));
	free(v);
}

static void operations(void)
{
	struct docstore_version *v;
	s64 number = 0;

	/* Of nothing, only what creates works. */
	load(NULL);
	CHECK(!builder.live);
	CHECK_EQ(apply(DOCSTORE_OP_UNSET, 1, 0, 0), -ENOENT);
	CHECK_EQ(apply(DOCSTORE_OP_UNSET, 0, 0, 0), -ENOENT);
	CHECK_EQ(apply(DOCSTORE_OP_DELETE, 0, 0, 0), -ENOENT);
	CHECK_EQ(apply(DOCSTORE_OP_GET, 0, 0, 0), -ENOENT);
	CHECK(!builder.changed);

	load(NULL);
	CHECK_EQ(apply(DOCSTORE_OP_TOUCH, 0, 0, 0), 0);
	v = next(NULL);
	CHECK_EQ(v->version, 1);
	CHECK_EQ(v->nprops, 0);
	CHECK_EQ(v->type, 0);

	CHECK_EQ(apply(DOCSTORE_OP_SET_TYPE, 70000, 0, 0), 0);
	v = next(v);
	CHECK_EQ(v->type, 70000);
	CHECK_EQ(apply(DOCSTORE_OP_SET_TYPE, 0, 0, 0), 0);
	v = next(v);
	CHECK_EQ(v->type, 0);

	/* Add: from nothing, onto something, and not beyond what an s64 holds. */
	CHECK_EQ(apply(DOCSTORE_OP_ADD, 1, DOCSTORE_TYPE_S64, (u64)-5), 0);
	CHECK_EQ(apply(DOCSTORE_OP_ADD, 1, DOCSTORE_TYPE_S64, 8), 0);
	v = next(v);
	number = 3;
	expect(v, 1, DOCSTORE_TYPE_S64, &number, 8);
	CHECK_EQ(apply(DOCSTORE_OP_ADD, 1, DOCSTORE_TYPE_S64, S64_MAX), -EOVERFLOW);
	load(v);
	CHECK_EQ(apply(DOCSTORE_OP_ADD, 1, DOCSTORE_TYPE_S64, S64_MAX - 3), 0);
	v = next(v);
	CHECK_EQ(apply(DOCSTORE_OP_ADD, 1, DOCSTORE_TYPE_S64, 1), -EOVERFLOW);
	load(v);
	set_number(1, DOCSTORE_TYPE_U64, 1);
	v = next(v);
	CHECK_EQ(apply(DOCSTORE_OP_ADD, 1, DOCSTORE_TYPE_S64, 1), -EDOM);
	load(v);
	CHECK_EQ(apply(DOCSTORE_OP_ADD, 2, DOCSTORE_TYPE_S64, (u64)S64_MIN), 0);
	v = next(v);
	CHECK_EQ(apply(DOCSTORE_OP_ADD, 2, DOCSTORE_TYPE_S64, (u64)-1), -EOVERFLOW);

	/* Unset: one, one that is not there, all. */
	load(v);
	CHECK_EQ(apply(DOCSTORE_OP_UNSET, 3, 0, 0), -ENODATA);
	load(v);
	CHECK_EQ(apply(DOCSTORE_OP_UNSET, 1, 0, 0), 0);
	v = next(v);
	CHECK_EQ(v->nprops, 1);
	number = S64_MIN;
	expect(v, 2, DOCSTORE_TYPE_S64, &number, 8);
	set_data(3, DOCSTORE_TYPE_STRING, "abc", 3);
	CHECK_EQ(apply(DOCSTORE_OP_UNSET, 0, 0, 0), 0);
	CHECK_EQ(builder.value_bytes, 0);
	v = next(v);
	CHECK_EQ(v->nprops, 0);

	/* Delete, and what comes after it in the same version. */
	set_data(3, DOCSTORE_TYPE_STRING, "abc", 3);
	apply(DOCSTORE_OP_SET_TYPE, 9, 0, 0);
	v = next(v);
	CHECK_EQ(apply(DOCSTORE_OP_DELETE, 0, 0, 0), 0);
	CHECK_EQ(apply(DOCSTORE_OP_DELETE, 0, 0, 0), -ENOENT);
	CHECK_EQ(set_data(4, DOCSTORE_TYPE_STRING, "new", 3), 0);
	builder.now++;
	v = next(v);
	CHECK_EQ(v->nprops, 1);
	CHECK_EQ(v->type, 0);
	CHECK_EQ(v->created, NOW);
	CHECK_EQ(v->changed, NOW + 1);
	expect(v, 4, DOCSTORE_TYPE_STRING, "new", 3);
	CHECK_EQ(apply(DOCSTORE_OP_DELETE, 0, 0, 0), 0);
	number = v->version;
	v = next(v);
	CHECK(ds_version_tombstone(v));
	CHECK_EQ(v->version, number + 1);

	/* A tombstone is nothing, but for its version number. */
	CHECK(!builder.live);
	CHECK_EQ(apply(DOCSTORE_OP_GET, 4, 0, 0), -ENOENT);
	CHECK_EQ(apply(DOCSTORE_OP_ADD, 4, DOCSTORE_TYPE_S64, 1), 0);
	v = next(v);
	CHECK_EQ(v->version, number + 2);
	CHECK_EQ(v->nprops, 1);
	CHECK_EQ(v->created, NOW);
	free(v);
}

static int get(u32 property, void *to, u32 room, struct ds_delta *delta)
{
	*delta = (struct ds_delta){
		.code = DOCSTORE_OP_GET,
		.property = property,
		.data = to,
		.len = room,
	};
	return ds_builder_apply(&builder, delta);
}

/* Get answers with what the batch has made of the document so far. */
static void gets(void)
{
	struct docstore_version *v, *copy = malloc(1000), *w;
	struct ds_delta delta;
	u32 room;
	s64 number = 77;

	load(NULL);
	set_data(1, DOCSTORE_TYPE_STRING, "abcdef", 6);
	set_number(2, DOCSTORE_TYPE_S64, 77);
	v = next(NULL);
	v->prev = 1234;

	memset(copy, 0, 1000);
	CHECK_EQ(get(0, copy, 1000, &delta), 0);
	CHECK_EQ(delta.out_len, v->size);
	CHECK_EQ(delta.out_type, DOCSTORE_TYPE_NONE);
	CHECK_EQ(copy->prev, 0);
	copy->prev = 1234;
	CHECK(!memcmp(copy, v, v->size));

	CHECK_EQ(get(1, copy, 1000, &delta), 0);
	CHECK_EQ(delta.out_len, 6);
	CHECK_EQ(delta.out_type, DOCSTORE_TYPE_STRING);
	CHECK(!memcmp(copy, "abcdef", 6));
	CHECK_EQ(get(1, copy, 3, &delta), 0);
	CHECK_EQ(delta.out_len, 6);
	CHECK_EQ(get(1, NULL, 0, &delta), 0);
	CHECK_EQ(get(3, copy, 3, &delta), -ENODATA);
	CHECK(!builder.changed);

	/* What is not written yet, too: whole, and as much as there is room for. */
	number++;
	set_number(2, DOCSTORE_TYPE_S64, number);
	CHECK_EQ(get(2, copy, 8, &delta), 0);
	CHECK_EQ(delta.out_len, 8);
	CHECK_EQ(delta.out_type, DOCSTORE_TYPE_S64);
	CHECK(!memcmp(copy, &number, 8));
	w = written();
	w->seq = 0;
	for (room = 0; room <= w->size + 8; room++) {
		u8 *exact = malloc(room + 1);

		exact[room] = 0xee;
		CHECK_EQ(get(0, exact, room, &delta), 0);
		CHECK_EQ(delta.out_len, w->size);
		CHECK(!memcmp(exact, w, min(room, w->size)));
		CHECK_EQ(exact[room], 0xee);
		free(exact);
	}

	/* One that is too large to be cannot be read either. */
	set_data(5, DOCSTORE_TYPE_BYTES, "", 0);
	builder.props[2].len = DOCSTORE_MAX_DOCUMENT;
	builder.value_bytes += DOCSTORE_MAX_DOCUMENT;
	CHECK_EQ(get(0, copy, 1000, &delta), -EFBIG);
	free(v);
	free(w);
	free(copy);
}

/* Copies for those outside: whole or cut anywhere. */
static void copies(void)
{
	struct docstore_version *v, *ids;
	u32 room;

	load(NULL);
	set_data(1, DOCSTORE_TYPE_STRING, "abcdef", 6);
	apply(DOCSTORE_OP_SET_TYPE, 3, 0, 0);
	v = written();
	v->prev = 99;
	for (room = 0; room <= v->size + 8; room++) {
		u8 *exact = malloc(room + 1);
		struct docstore_version head = *v;

		head.prev = 0;
		exact[room] = 0xee;
		CHECK_EQ(ds_version_copy(v, exact, room), v->size);
		CHECK(!memcmp(exact, &head, min_t(u32, room, sizeof(head))));
		if (room > sizeof(head))
			CHECK(!memcmp(exact + sizeof(head), v + 1,
				      min(room, v->size) - sizeof(head)));
		CHECK_EQ(exact[room], 0xee);
		free(exact);
	}

	CHECK_EQ(ds_version_ids_size(v), sizeof(*v) + 7);
	ids = malloc(ds_version_ids_size(v));
	ds_version_copy_ids(v, ids);
	version_validate(ids);
	CHECK_EQ(ids->size, ds_version_ids_size(v));
	CHECK_EQ(ids->prev, 0);
	CHECK_EQ(ids->nprops, 0);
	CHECK_EQ(ids->type, 3);
	CHECK_EQ(ids->version, v->version);
	CHECK(ds_version_is(ids, (const u8 *)"some id", 7));
	free(ids);
	free(v);
}

static void many_properties(void)
{
	struct docstore_version *v;
	struct rng rng = { 1 };
	u32 i;

	load(NULL);
	for (i = 1; i <= DOCSTORE_MAX_PROPERTIES; i++)
		CHECK_EQ(set_number(i * 63, DOCSTORE_TYPE_U64, i), 0);
	CHECK_EQ(set_number(1, DOCSTORE_TYPE_U64, i), -EFBIG);
	load(NULL);
	for (i = 1; i <= DOCSTORE_MAX_PROPERTIES; i++)
		CHECK_EQ(set_number(i * 63, DOCSTORE_TYPE_U64, i), 0);
	CHECK_EQ(set_number(63, DOCSTORE_TYPE_U64, 1), 0);
	v = next(NULL);
	CHECK_EQ(v->nprops, DOCSTORE_MAX_PROPERTIES);
	for (i = 1; i <= DOCSTORE_MAX_PROPERTIES; i++) {
		u64 number = i;

		expect(v, i * 63, DOCSTORE_TYPE_U64, &number, 8);
	}
	/* One goes, and another one comes, in their order. */
	for (i = 0; i < 100; i++) {
		u32 name = builder.props[rng_below(&rng, builder.nprops)].name;

		CHECK_EQ(apply(DOCSTORE_OP_UNSET, name, 0, 0), 0);
		CHECK_EQ(apply(DOCSTORE_OP_UNSET, name, 0, 0), -ENODATA);
		CHECK_EQ(set_number(1 + i * 63, DOCSTORE_TYPE_NULL, 0), 0);
		v = next(v);
		CHECK_EQ(v->nprops, DOCSTORE_MAX_PROPERTIES);
		expect(v, 1 + i * 63, DOCSTORE_TYPE_NULL, "", 0);
	}
	free(v);
}

/* The limit is exact, whatever the parts of a version take. */
static void size_limit(void)
{
	u8 *big = calloc(1, DOCSTORE_MAX_DOCUMENT);
	struct docstore_version *v;
	u64 size;
	u32 len;

	load(NULL);
	set_data(1, DOCSTORE_TYPE_BYTES, big, 100000);
	size = ds_builder_size(&builder);
	len = DOCSTORE_MAX_DOCUMENT - (size - 100000);
	set_data(1, DOCSTORE_TYPE_BYTES, big, len);
	CHECK_EQ(ds_builder_size(&builder), DOCSTORE_MAX_DOCUMENT);
	v = next(NULL);
	CHECK_EQ(v->size, DOCSTORE_MAX_DOCUMENT);
	/* The same document needs 4 bytes more, once it was not set as a whole. */
	CHECK_EQ(ds_builder_size(&builder), DOCSTORE_MAX_DOCUMENT + 4);
	set_data(1, DOCSTORE_TYPE_BYTES, big, len + 1);
	CHECK_EQ(ds_builder_size(&builder), DOCSTORE_MAX_DOCUMENT + 1);

	/* Sums beyond 32 bits do not wrap. */
	load(NULL);
	for (len = 1; len <= DOCSTORE_MAX_PROPERTIES; len++)
		CHECK_EQ(set_data(len, DOCSTORE_TYPE_BYTES, big, DOCSTORE_MAX_DOCUMENT), 0);
	CHECK(ds_builder_size(&builder) > (u64)DOCSTORE_MAX_PROPERTIES * DOCSTORE_MAX_DOCUMENT);
	/* What is longer than a document was not even brought along. */
	CHECK_EQ(set_data(1, DOCSTORE_TYPE_JSON, NULL, DOCSTORE_MAX_DOCUMENT + 1), -EFBIG);
	CHECK_EQ(set_data(1, DOCSTORE_TYPE_JSON, NULL, U32_MAX), -EFBIG);
	free(v);
	free(big);
}

/* The longest id, and one of bytes that text does not have. */
static void ids(void)
{
	struct docstore_version *v;
	u8 id[DOCSTORE_MAX_ID];
	u32 len;

	for (len = 1; len <= DOCSTORE_MAX_ID; len++) {
		memset(id, len, len);
		id[0] = 0;
		ds_builder_load(&builder, NULL, id, len, 41, NOW);
		set_number(1, DOCSTORE_TYPE_BOOL, 1);
		v = written();
		CHECK_EQ(v->version, 42);
		CHECK_EQ(v->id_len, len);
		CHECK(ds_version_is(v, id, len));
		CHECK(!memcmp(ds_version_id(v), id, len));
		id[len - 1] ^= 1;
		CHECK(!ds_version_is(v, id, len));
		free(v);
	}
}

const struct test document_tests[] = {
	TEST(all_types),
	TEST(wide),
	TEST(versions_set),
	TEST(ages),
	TEST(operations),
	TEST(gets),
	TEST(copies),
	TEST(many_properties),
	TEST(size_limit),
	TEST(ids),
	{}
};

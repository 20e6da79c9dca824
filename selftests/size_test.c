// SPDX-License-Identifier: GPL-2.0
/*
 * Ids, values, documents and batches of all lengths, up to their limits and beyond.
 */
#include "docstore_test.h"

#include "docstore_harness.h"

#define MIB	(1024 * 1024)

FIXTURE(size) {
	struct ds_base s;
};

FIXTURE_VARIANT(size) {
	__u32 partitions;
};

FIXTURE_VARIANT_ADD(size, one_partition) { .partitions = 1 };
FIXTURE_VARIANT_ADD(size, five_partitions) { .partitions = 5 };

FIXTURE_SETUP(size)
{
	ASSERT_EQ(0, ds_base_begin(&self->s, variant->partitions));
}

FIXTURE_TEARDOWN(size)
{
	EXPECT_EQ(0, ds_base_end(&self->s));
}

/* Ids ---------------------------------------------------------------------- */

TEST_F(size, id_lengths)
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
TEST_F(size, id_bytes)
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

TEST_F_TIMEOUT(size, value_lengths, DS_TIMEOUT)
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
TEST_F(size, largest_document)
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
	EXPECT_EQ(0, ds_version_of(self->s.fd, "doc"));
	EXPECT_EQ(0, ds_do(self->s.fd, ds_set_bytes("doc", self->s.a, value,
						    fits)));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", self->s.doc));
	EXPECT_EQ(DOCSTORE_MAX_DOCUMENT, self->s.doc->size);
	ASSERT_EQ(0, ds_store_info(self->s.fd, &info));
	EXPECT_LE(DOCSTORE_MAX_DOCUMENT, info.bytes_documents);

	/* Nothing more goes in, but it can be read, replaced and deleted. */
	EXPECT_EQ(0, ds_do(self->s.fd, ds_get("doc", 0, NULL, 0)));
	EXPECT_EQ(0, ds_do(self->s.fd, ds_get("doc", self->s.a, value, fits)));
	EXPECT_EQ(-EFBIG, ds_do(self->s.fd, ds_set_s64("doc", self->s.b, 1)));
	op = ds_set_bytes("doc", self->s.a, value, fits);
	EXPECT_EQ(0, ds_one(self->s.fd, &op));
	EXPECT_EQ(2, op.version);
	EXPECT_EQ(0, ds_do(self->s.fd, ds_delete("doc")));

	/* Too large only by both together. */
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, two, 2, &failed));
	EXPECT_EQ(2, failed);
	EXPECT_TRUE(two[0].result == -EFBIG || two[1].result == -EFBIG);
	EXPECT_EQ(0, ds_version_of(self->s.fd, "two"));
}

TEST_F_TIMEOUT(size, most_properties, DS_TIMEOUT)
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
	EXPECT_EQ(0, ds_version_of(self->s.fd, "doc"));

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
	EXPECT_EQ(1, ds_version_of(self->s.fd, "doc"));
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
TEST_F_TIMEOUT(size, most_bytes, DS_TIMEOUT)
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
		EXPECT_EQ(0, ds_version_of(self->s.fd, ids[i]));
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

/* Of an id that is given again by the same pointer, its bytes count once. */
TEST_F_TIMEOUT(size, most_bytes_of_one_id, DS_TIMEOUT)
{
	/* As many as fit, and one; their ids alone would be too much. */
	__u32 n = DOCSTORE_MAX_OPS, each = DOCSTORE_MAX_BATCH / n - 1;
	struct docstore_op *ops = ds_map(n * sizeof(*ops), MAP_PRIVATE);
	__u8 *value = ds_map(4096, MAP_PRIVATE);
	char id[256], other[256];
	__u32 i, failed;

	memset(id, 'i', 255);
	id[255] = 0;
	for (i = 0; i < n; i++)
		ops[i] = ds_set_bytes(id, self->s.a, value, each);
	EXPECT_EQ(0, ds_submit(self->s.fd, 0, ops, n, &failed));
	EXPECT_EQ(0, failed);
	EXPECT_EQ(1, ds_version_of(self->s.fd, id));
	/* The same id at another place is another one. */
	memcpy(other, id, sizeof(id));
	for (i = 0; i < n; i++)
		ops[i] = ds_set_bytes(i & 1 ? id : other, self->s.a, value, each);
	EXPECT_EQ(-E2BIG, ds_submit(self->s.fd, 0, ops, n, NULL));
	EXPECT_EQ(1, ds_version_of(self->s.fd, id));
}

/* Room for answers counts as well, but no more than an answer may take. */
TEST_F(size, most_room_of_gets)
{
	struct docstore_op ops[17];
	__s64 value[17] = { 0 };
	__u32 i, failed;

	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 42)));
	for (i = 0; i < 17; i++)
		ops[i] = ds_get("doc", self->s.a, &value[i],
				i & 1 ? ~0U : DOCSTORE_MAX_DOCUMENT);
	EXPECT_EQ(-E2BIG, ds_submit(self->s.fd, 0, ops, 17, NULL));
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 15, &failed));
	EXPECT_EQ(0, failed);
	for (i = 0; i < 15; i++) {
		EXPECT_EQ(8, ops[i].value_len);
		EXPECT_EQ(42, value[i]);
	}
	EXPECT_EQ(0, value[15]);
}

TEST_HARNESS_MAIN

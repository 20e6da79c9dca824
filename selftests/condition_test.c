// SPDX-License-Identifier: GPL-2.0
/*
 * Conditions: every one of them with every operation; and what is wrong with an
 * operation in itself.
 */
#include "docstore_test.h"

#include "docstore_harness.h"

FIXTURE(condition) {
	struct ds_base s;
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
FIXTURE_VARIANT_ADD(condition, check) { DOCSTORE_OP_CHECK };

FIXTURE_SETUP(condition)
{
	ASSERT_EQ(0, ds_base_begin(&self->s, 1));
	/* At version 2. */
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 2)));
}

FIXTURE_TEARDOWN(condition)
{
	EXPECT_EQ(0, ds_base_end(&self->s));
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
	case DOCSTORE_OP_CHECK:
		return ds_op(DOCSTORE_OP_CHECK, id);
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
		version = ds_version_of(self->s.fd, "doc");
	}
}

TEST_F(condition, met_by_absence)
{
	static const __u8 flags[] = {
		0, DOCSTORE_IF_ABSENT, DOCSTORE_IF_VERSION,
		DOCSTORE_IF_ABSENT | DOCSTORE_IF_VERSION,
	};
	int made = makes_documents(variant->code) ? 0 : -ENOENT;
	/* A check is content with what is not there. */
	int expected = variant->code == DOCSTORE_OP_CHECK ? 0 : made;
	struct docstore_op op;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		op = op_variant(self, variant->code, "new");
		op.flags = flags[i];
		EXPECT_EQ(expected, ds_one(self->s.fd, &op))
			TH_LOG("flags %u", flags[i]);
		EXPECT_EQ(made, ds_do(self->s.fd, ds_delete("new")));
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
	EXPECT_EQ(0, ds_version_of(self->s.fd, "new"));
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
	EXPECT_EQ(0, ds_version_of(self->s.fd, "new"));
	EXPECT_EQ(2, ds_version_of(self->s.fd, "doc"));
}

TEST_F(condition, version_without_condition)
{
	struct docstore_op op = op_variant(self, variant->code, "doc");

	op.version = 2;
	EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	op.version = 1ULL << 63;
	op.flags = DOCSTORE_IF_EXISTS;
	EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	EXPECT_EQ(2, ds_version_of(self->s.fd, "doc"));
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
	EXPECT_EQ(2, ds_version_of(self->s.fd, "doc"));
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
	EXPECT_EQ(2, ds_version_of(self->s.fd, "doc"));
}

TEST_F(condition, value_len)
{
	struct docstore_op op = op_variant(self, variant->code, "doc");

	if (variant->code == DOCSTORE_OP_GET)
		return;
	op.value_len = 1;
	EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
	EXPECT_EQ(2, ds_version_of(self->s.fd, "doc"));
}

/* Fields that an operation has no use for must be 0. */
TEST_F(condition, unused_fields)
{
	struct docstore_op op = op_variant(self, variant->code, "doc");

	switch (variant->code) {
	case DOCSTORE_OP_DELETE:
	case DOCSTORE_OP_TOUCH:
	case DOCSTORE_OP_CHECK:
		op.property = self->s.a;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
		op.property = 0;
		op.value = 1;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
		break;
	case DOCSTORE_OP_UNSET:
	case DOCSTORE_OP_SET_TYPE:
		op.value = 1;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op));
		break;
	}
	EXPECT_EQ(2, ds_version_of(self->s.fd, "doc"));
}

TEST_F(condition, unknown_property)
{
	static const __u32 properties[] = { 4, 100, 65535, 65536, 1U << 31, ~0U };
	struct docstore_op op;
	unsigned int i;

	if (variant->code == DOCSTORE_OP_DELETE || variant->code == DOCSTORE_OP_TOUCH ||
	    variant->code == DOCSTORE_OP_CHECK)
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
	EXPECT_EQ(2, ds_version_of(self->s.fd, "doc"));
}

TEST_F(condition, read_only)
{
	int fd = ds_open(self->s.store.control, self->s.store.name, DS_READ);
	struct docstore_op op = op_variant(self, variant->code, "doc");

	ASSERT_LE(0, fd);
	EXPECT_EQ(variant->code == DOCSTORE_OP_GET || variant->code == DOCSTORE_OP_CHECK ?
		  0 : DS_CALL(EBADF), ds_one(fd, &op));
	EXPECT_EQ(2, ds_version_of(self->s.fd, "doc"));
	close(fd);
}

/* One that may only write does not learn what is there by a get, or a check. */
TEST_F(condition, write_only)
{
	int fd = ds_open(self->s.store.control, self->s.store.name, DS_WRITE);
	struct docstore_op op = op_variant(self, variant->code, "doc");

	ASSERT_LE(0, fd);
	memset(self->buffer, DS_POISON, sizeof(self->buffer));
	EXPECT_EQ(variant->code == DOCSTORE_OP_GET || variant->code == DOCSTORE_OP_CHECK ?
		  DS_CALL(EBADF) : 0, ds_one(fd, &op));
	EXPECT_EQ((char)DS_POISON, self->buffer[0]);
	close(fd);
}

/* Conditions and batches -------------------------------------------------- */

FIXTURE(swap) {
	struct ds_base s;
};

FIXTURE_VARIANT(swap) {
	__u32 partitions;
};

FIXTURE_VARIANT_ADD(swap, one_partition) { .partitions = 1 };
FIXTURE_VARIANT_ADD(swap, five_partitions) { .partitions = 5 };

FIXTURE_SETUP(swap)
{
	ASSERT_EQ(0, ds_base_begin(&self->s, variant->partitions));
}

FIXTURE_TEARDOWN(swap)
{
	EXPECT_EQ(0, ds_base_end(&self->s));
}

/* A condition looks at the document as it was before the batch. */
TEST_F(swap, conditions_look_at_before)
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
	EXPECT_EQ(1, ds_version_of(self->s.fd, "new"));
	ASSERT_EQ(0, ds_fetch(self->s.fd, "old", self->s.doc));
	EXPECT_EQ(1, self->s.doc->nprops);
}

/* Nothing but conditions: no new version, and no failure where all of them are met. */
TEST_F(swap, check)
{
	struct docstore_op ops[4];
	struct docstore_store_info before, after;
	__u32 failed, i;

	ASSERT_EQ(0, ds_do(self->s.fd, ds_set_s64("doc", self->s.a, 1)));
	ASSERT_EQ(0, ds_store_info(self->s.fd, &before));
	ops[0] = ds_op(DOCSTORE_OP_CHECK, "doc");
	ops[1] = ds_if(ds_op(DOCSTORE_OP_CHECK, "doc"), DOCSTORE_IF_VERSION, 1);
	ops[2] = ds_if(ds_op(DOCSTORE_OP_CHECK, "none"), DOCSTORE_IF_ABSENT, 0);
	ops[3] = ds_if(ds_op(DOCSTORE_OP_CHECK, "none"), DOCSTORE_IF_VERSION, 0);
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 4, &failed));
	EXPECT_EQ(0, failed);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(i < 2 ? 1 : 0, ops[i].version);
	ASSERT_EQ(0, ds_store_info(self->s.fd, &after));
	EXPECT_EQ(before.changes, after.changes);
	EXPECT_EQ(before.documents, after.documents);
	ASSERT_EQ(0, ds_fetch(self->s.fd, "doc", self->s.doc));
	EXPECT_EQ(1, self->s.doc->version);

	/* It fails what else is done to its document, in whatever order. */
	for (i = 0; i < 2; i++) {
		ops[i] = ds_if(ds_op(DOCSTORE_OP_CHECK, "doc"), DOCSTORE_IF_VERSION, 5);
		ops[!i] = ds_set_s64("doc", self->s.a, 2);
		ops[2] = ds_set_s64("other", self->s.a, 2);
		ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 3, &failed));
		EXPECT_EQ(2, failed);
		EXPECT_EQ(-ESTALE, ops[i].result);
		EXPECT_EQ(-ECANCELED, ops[!i].result);
		EXPECT_EQ(0, ops[2].result);
	}
	EXPECT_EQ(1, ds_version_of(self->s.fd, "doc"));
	EXPECT_EQ(2, ds_version_of(self->s.fd, "other"));
	/* Checked and changed, and looked at before it is changed. */
	ops[0] = ds_set_s64("doc", self->s.a, 3);
	ops[1] = ds_if(ds_op(DOCSTORE_OP_CHECK, "doc"),
		       DOCSTORE_IF_VERSION | DOCSTORE_IF_EXISTS, 1);
	ops[2] = ds_delete("other");
	ops[3] = ds_if(ds_op(DOCSTORE_OP_CHECK, "other"), DOCSTORE_IF_EXISTS, 0);
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, 4, &failed));
	EXPECT_EQ(0, failed);
	EXPECT_EQ(2, ops[1].version);
	EXPECT_EQ(3, ds_fetch_s64(self->s.fd, "doc", self->s.a));
	EXPECT_EQ(0, ds_version_of(self->s.fd, "other"));
}

TEST_F(swap, compare_and_swap)
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
TEST_F_TIMEOUT(swap, compare_and_swap_race, DS_TIMEOUT)
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
	EXPECT_EQ(rounds * 3, ds_version_of(self->s.fd, "doc"));
}

TEST_HARNESS_MAIN

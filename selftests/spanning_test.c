// SPDX-License-Identifier: GPL-2.0
/*
 * Atomic batches over several partitions: all of it or nothing, in all of them at
 * once, and what the results say. coordinator_test.c has what happens when many such
 * batches meet.
 *
 * Everything runs where idle partitions are lent, so that submitters carry out most
 * batches themselves, and where they are not, so that owners do.
 */
#include "snapshot.h"
#include "sysfs.h"

#include "docstore_harness.h"

#define PARTS		8
#define ATOMIC		DOCSTORE_SUBMIT_ATOMIC
#define MIB		(1024 * 1024ULL)

FIXTURE(spanning) {
	struct ds_base s;
	int fd;
	int a, b, c;
	struct ds_where where;
	char ids[PARTS][32];		/* one in each partition */
	unsigned int saved;
	struct docstore_coordinator last;
};

FIXTURE_VARIANT(spanning) {
	unsigned int lend_documents;
};

FIXTURE_VARIANT_ADD(spanning, lent) { .lend_documents = 128 };
FIXTURE_VARIANT_ADD(spanning, not_lent) { .lend_documents = 0 };

static int coordinator(int fd, struct docstore_coordinator *c)
{
	return ds_coordinator(fd, NULL, 0, c);
}

static int begin(FIXTURE_DATA(spanning) *self, unsigned int lend)
{
	int ret = parameter_get("lend_documents", &self->saved) ?:
		  parameter_set("lend_documents", lend) ?:
		  ds_base_begin(&self->s, PARTS);
	unsigned int i;

	self->fd = self->s.fd;
	self->a = self->s.a;
	self->b = self->s.b;
	self->c = self->s.c;
	ret = ret ?: ds_where_begin(&self->where, self->fd);
	for (i = 0; !ret && i < PARTS; i++)
		ds_where_id(&self->where, self->ids[i], "d", i, 0);
	return ret ?: coordinator(self->fd, &self->last);
}

FIXTURE_SETUP(spanning)
{
	ASSERT_EQ(0, begin(self, variant->lend_documents));
}

FIXTURE_TEARDOWN(spanning)
{
	EXPECT_EQ(0, parameter_set("lend_documents", self->saved));
	EXPECT_EQ(0, ds_base_end(&self->s));
}

struct counted {
	__u64 commits, lent, refused, others;
};

/* What the coordinator has counted since the last time. */
static struct counted counted(FIXTURE_DATA(spanning) *self)
{
	struct docstore_coordinator now, *last = &self->last;
	struct counted c;

	if (coordinator(self->fd, &now))
		abort();
	c.commits = now.commits - last->commits;
	c.lent = now.lent - last->lent;
	c.refused = now.refused - last->refused;
	c.others = now.no_memory - last->no_memory + now.canceled - last->canceled +
		   now.timed_out - last->timed_out + now.rejected - last->rejected;
	*last = now;
	return c;
}

/* A value in each partition: 0, -errno, or -ECANCELED if it was refused. */
static int set_all(FIXTURE_DATA(spanning) *self, __s64 value)
{
	struct docstore_op ops[PARTS];
	unsigned int i;
	__u32 failed = 0;
	int ret;

	for (i = 0; i < PARTS; i++)
		ops[i] = ds_set_s64(self->ids[i], self->a, value);
	ret = ds_submit(self->fd, ATOMIC, ops, PARTS, &failed);
	return ret ?: failed ? -ECANCELED : 0;
}

TEST_F(spanning, whole)
{
	struct docstore_op ops[PARTS];
	unsigned int i, round, rounds = ds_scale(100);
	struct docstore_store_info before, after;
	struct counted c;
	__u32 failed = 0;

	ASSERT_EQ(0, ds_store_info(self->fd, &before));
	for (round = 1; round <= rounds; round++) {
		for (i = 0; i < PARTS; i++)
			ops[i] = ds_set_s64(self->ids[i], self->a, round * 100 + i);
		ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, PARTS, &failed));
		ASSERT_EQ(0, failed);
		for (i = 0; i < PARTS; i++) {
			ASSERT_EQ(round, ops[i].version);
			ASSERT_EQ(0, ds_fetch(self->fd, self->ids[i], self->s.doc));
			ASSERT_EQ(round, self->s.doc->version);
			ASSERT_EQ(round * 100 + i, ds_prop_s64(self->s.doc, self->a));
		}
	}
	ASSERT_EQ(0, ds_store_info(self->fd, &after));
	EXPECT_EQ(before.batches + rounds, after.batches);
	EXPECT_EQ(before.batches_failed, after.batches_failed);
	EXPECT_EQ(before.changes + PARTS * rounds, after.changes);
	EXPECT_LT(before.commits, after.commits);
	EXPECT_EQ(PARTS, after.documents);
	/* Who carried it out is a matter of chance, if it may be lent at all. */
	c = counted(self);
	EXPECT_EQ(rounds, c.commits);
	EXPECT_EQ(0, c.refused + c.others);
	if (variant->lend_documents) {
		EXPECT_LT(rounds / 4, c.lent);
		EXPECT_GE(rounds, c.lent);
	} else {
		EXPECT_EQ(0, c.lent);
	}
}

/* Two partitions of all, whichever they are. */
TEST_F(spanning, any_two)
{
	struct docstore_op ops[2];
	__u64 versions[PARTS] = { 0 };
	unsigned int i, j;
	__u32 failed = 0;

	for (i = 0; i < PARTS; i++) {
		for (j = 0; j < PARTS; j++) {
			if (i == j)
				continue;
			ops[0] = ds_add(self->ids[i], self->a, 1);
			ops[1] = ds_add(self->ids[j], self->b, 1);
			ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, 2, &failed));
			ASSERT_EQ(0, failed);
			ASSERT_EQ(++versions[i], ops[0].version);
			ASSERT_EQ(++versions[j], ops[1].version);
		}
	}
	EXPECT_EQ(PARTS * (PARTS - 1), counted(self).commits);
	for (i = 0; i < PARTS; i++) {
		EXPECT_EQ(PARTS - 1, ds_fetch_s64(self->fd, self->ids[i], self->a));
		EXPECT_EQ(PARTS - 1, ds_fetch_s64(self->fd, self->ids[i], self->b));
	}
}

/* What has nothing to do with the coordinator does not go there. */
TEST_F(spanning, not_for_the_coordinator)
{
	struct docstore_op ops[PARTS];
	char ids[PARTS][32];
	unsigned int i;
	__u32 failed = 0;

	/* Atomic, in one partition. */
	for (i = 0; i < PARTS; i++) {
		ds_where_id(&self->where, ids[i], "one", 3, i);
		ops[i] = ds_set_s64(ids[i], self->a, i);
	}
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, PARTS, &failed));
	EXPECT_EQ(0, failed);
	ops[0] = ds_delete("none");
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, 1, &failed));
	EXPECT_EQ(1, failed);

	/* In all of them, not atomic: each document for itself. */
	for (i = 0; i < PARTS; i++) {
		ops[i] = ds_set_s64(self->ids[i], self->a, i);
		if (i % 3 == 1)
			ops[i].flags = DOCSTORE_IF_EXISTS;
	}
	ASSERT_EQ(0, ds_submit(self->fd, 0, ops, PARTS, &failed));
	EXPECT_EQ(3, failed);
	for (i = 0; i < PARTS; i++) {
		EXPECT_EQ(i % 3 == 1 ? -ENOENT : 0, ops[i].result);
		EXPECT_EQ(i % 3 == 1 ? 0 : 1, ops[i].version);
		EXPECT_EQ(i % 3 == 1 ? 0 : 1, ds_version_of(self->fd, self->ids[i]));
	}
	EXPECT_EQ(0, counted(self).commits);
	EXPECT_EQ(0, self->last.refused);
}

/* Refused ------------------------------------------------------------------- */

enum wrong {
	NOT_THERE,
	NOT_ABSENT,
	OTHER_VERSION,
	NOTHING_TO_DELETE,
	NOTHING_TO_UNSET,
	NOTHING_TO_GET,
	NO_S64,
	TOO_MUCH,
	TOO_LARGE,
	CHECK_THERE,
	CHECK_ABSENT,
	CHECK_VERSION,
	WRONGS
};

static const int wrong_results[WRONGS] = {
	[NOT_THERE] = -ENOENT, [NOT_ABSENT] = -EEXIST, [OTHER_VERSION] = -ESTALE,
	[NOTHING_TO_DELETE] = -ENOENT, [NOTHING_TO_UNSET] = -ENODATA,
	[NOTHING_TO_GET] = -ENODATA, [NO_S64] = -EDOM, [TOO_MUCH] = -EOVERFLOW,
	[TOO_LARGE] = -EFBIG, [CHECK_THERE] = -ENOENT, [CHECK_ABSENT] = -EEXIST,
	[CHECK_VERSION] = -ESTALE,
};

/* What "old" and "new" are, in each partition: one is there, the other is not. */
struct pair {
	char old[32], new[32];
};

static struct docstore_op wrong_op(FIXTURE_DATA(spanning) *self, const struct pair *p,
				   enum wrong wrong, const void *value)
{
	switch (wrong) {
	case NOT_THERE:
		return ds_if(ds_set_s64(p->new, self->a, 1), DOCSTORE_IF_EXISTS, 0);
	case NOT_ABSENT:
		return ds_if(ds_set_s64(p->old, self->a, 1), DOCSTORE_IF_ABSENT, 0);
	case OTHER_VERSION:
		return ds_if(ds_add(p->old, self->a, 1), DOCSTORE_IF_VERSION, 2);
	case NOTHING_TO_DELETE:
		return ds_delete(p->new);
	case NOTHING_TO_UNSET:
		return ds_unset(p->old, self->c);
	case NOTHING_TO_GET:
		return ds_get(p->old, self->c, NULL, 0);
	case NO_S64:
		return ds_add(p->old, self->b, 1);
	case TOO_MUCH:
		return ds_add(p->old, self->a, INT64_MAX);
	case TOO_LARGE:
		return ds_set_bytes(p->new, self->a, value, DOCSTORE_MAX_DOCUMENT);
	case CHECK_THERE:
		return ds_check(p->new, DOCSTORE_IF_EXISTS, 0);
	case CHECK_ABSENT:
		return ds_check(p->old, DOCSTORE_IF_ABSENT, 0);
	default:
		return ds_check(p->old, DOCSTORE_IF_VERSION, 7);
	}
}

static int make_pairs(FIXTURE_DATA(spanning) *self, struct pair *pairs)
{
	struct docstore_op ops[2 * PARTS];
	unsigned int i;
	__u32 failed = 0;
	int ret;

	for (i = 0; i < PARTS; i++) {
		ds_where_id(&self->where, pairs[i].old, "old", i, 0);
		ds_where_id(&self->where, pairs[i].new, "new", i, 0);
		ops[2 * i] = ds_set_s64(pairs[i].old, self->a, 10);
		ops[2 * i + 1] = ds_set_bytes(pairs[i].old, self->b, "b", 1);
	}
	ret = ds_submit(self->fd, ATOMIC, ops, 2 * PARTS, &failed);
	return ret ?: failed ? -ENOTRECOVERABLE : 0;
}

/* As make_pairs() left it. */
static int pairs_untouched(FIXTURE_DATA(spanning) *self, const struct pair *pairs)
{
	struct docstore_version *v = self->s.doc;
	unsigned int i;

	for (i = 0; i < PARTS; i++) {
		if (ds_fetch(self->fd, pairs[i].new, v) != -ENOENT)
			return ds_broken("%s is there", pairs[i].new);
		if (ds_fetch(self->fd, pairs[i].old, v) || v->version != 1 || v->nprops != 2 ||
		    v->type || ds_prop_s64(v, self->a) != 10)
			return ds_broken("%s has changed", pairs[i].old);
	}
	return 0;
}

/* Ten changes of each kind in all partitions but what is wrong. */
static unsigned int good_ops(FIXTURE_DATA(spanning) *self, const struct pair *pairs,
			     struct docstore_op *ops, unsigned int but)
{
	unsigned int i, n = 0;

	for (i = 0; i < PARTS; i++) {
		if (but >> i & 1)
			continue;
		switch (i % 4) {
		case 0:
			ops[n++] = ds_set_s64(pairs[i].old, self->a, 99);
			ops[n++] = ds_set_s64(pairs[i].new, self->a, 99);
			break;
		case 1:
			ops[n++] = ds_delete(pairs[i].old);
			ops[n++] = ds_set_type(pairs[i].new, self->c);
			break;
		case 2:
			ops[n++] = ds_touch(pairs[i].new, 50);
			ops[n++] = ds_unset(pairs[i].old, 0);
			break;
		case 3:
			ops[n++] = ds_add(pairs[i].old, self->a, 5);
			ops[n++] = ds_set_s64(pairs[i].new, self->b, 1);
			break;
		}
	}
	return n;
}

/* Each reason in each partition: nothing happens anywhere, and all are told. */
TEST_F(spanning, refused)
{
	const void *value = ds_map(DOCSTORE_MAX_DOCUMENT, MAP_PRIVATE);
	struct docstore_store_info before, after;
	struct docstore_op ops[2 * PARTS + 1];
	struct pair pairs[PARTS];
	unsigned int wrong, where, n, i, at, rounds = 0;
	struct counted c;
	__u32 failed = 0;

	ASSERT_EQ(0, make_pairs(self, pairs));
	ASSERT_EQ(0, ds_store_info(self->fd, &before));
	counted(self);
	for (wrong = 0; wrong < WRONGS; wrong++) {
		for (where = 0; where < PARTS; where++) {
			n = good_ops(self, pairs, ops, 1 << where);
			/* First, last or in the middle. */
			at = rounds % 3 * n / 2;
			memmove(&ops[at + 1], &ops[at], (n - at) * sizeof(*ops));
			ops[at] = wrong_op(self, &pairs[where], wrong, value);
			n++;
			ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, n, &failed));
			ASSERT_EQ(n, failed) TH_LOG("reason %u in %u", wrong, where);
			for (i = 0; i < n; i++) {
				ASSERT_EQ(i == at ? wrong_results[wrong] : -ECANCELED,
					  ops[i].result)
					TH_LOG("reason %u in %u", wrong, where);
				if (!(ops[i].flags & DOCSTORE_IF_VERSION))
					ASSERT_EQ(0, ops[i].version);
			}
			ASSERT_EQ(0, pairs_untouched(self, pairs));
			rounds++;
		}
	}
	ASSERT_EQ(0, ds_store_info(self->fd, &after));
	EXPECT_EQ(before.documents, after.documents);
	EXPECT_EQ(before.bytes_documents, after.bytes_documents);
	EXPECT_EQ(before.changes, after.changes);
	EXPECT_EQ(before.batches, after.batches);
	EXPECT_EQ(before.batches_failed + rounds, after.batches_failed);
	c = counted(self);
	EXPECT_EQ(rounds, c.refused);
	EXPECT_EQ(0, c.commits + c.others);
	/* And then it works. */
	n = good_ops(self, pairs, ops, 0);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, n, &failed));
	EXPECT_EQ(0, failed);
	EXPECT_EQ(1, counted(self).commits);
}

/* Where several partitions have their reasons, each says its own. */
TEST_F(spanning, several_reasons)
{
	const void *value = ds_map(DOCSTORE_MAX_DOCUMENT, MAP_PRIVATE);
	struct docstore_op ops[3 * PARTS];
	struct pair pairs[PARTS];
	int expected[PARTS];
	unsigned int set, i, n, good;
	__u32 failed = 0;

	ASSERT_EQ(0, make_pairs(self, pairs));
	/* Every set of partitions in which something is wrong. */
	for (set = 1; set < 1 << PARTS; set++) {
		n = 0;
		for (i = 0; i < PARTS; i++) {
			enum wrong wrong = (set + 5 * i) % WRONGS;

			if (!(set >> i & 1))
				continue;
			expected[n] = wrong_results[wrong];
			ops[n++] = wrong_op(self, &pairs[i], wrong, value);
		}
		good = n;
		n += good_ops(self, pairs, ops + n, set);
		ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, n, &failed));
		ASSERT_EQ(n, failed);
		for (i = 0; i < n; i++)
			ASSERT_EQ(i < good ? expected[i] : -ECANCELED, ops[i].result)
				TH_LOG("partitions %#x, operation %u", set, i);
	}
	EXPECT_EQ(0, pairs_untouched(self, pairs));
}

/* What is illegal in itself refuses the call, whichever partition it is for. */
TEST_F(spanning, illegal)
{
	struct docstore_op ops[PARTS];
	unsigned int wrong, kind, i;
	struct counted c;

	for (wrong = 0; wrong < PARTS; wrong++) {
		for (kind = 0; kind < 3; kind++) {
			for (i = 0; i < PARTS; i++)
				ops[i] = ds_set_s64(self->ids[i], self->a, 1);
			if (kind == 0)
				ops[wrong].code = 99;
			else if (kind == 1)
				ops[wrong].property = 999;
			else
				ops[wrong].id = 16;
			ASSERT_EQ(kind == 2 ? -EFAULT : -EINVAL,
				  ds_submit(self->fd, ATOMIC, ops, PARTS, NULL));
		}
	}
	for (i = 0; i < PARTS; i++)
		EXPECT_EQ(0, ds_version_of(self->fd, self->ids[i]));
	c = counted(self);
	EXPECT_EQ(0, c.commits + c.refused + c.others);
}

/* One batch ------------------------------------------------------------------- */

/* The same documents again and again within a batch: one version of each. */
TEST_F(spanning, same_documents)
{
	struct docstore_op ops[PARTS * 6];
	unsigned int i, j;
	__u32 failed = 0;
	__s64 sum;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		ops[i] = i / PARTS % 2 ? ds_set_s64(self->ids[i % PARTS], self->b, i) :
					 ds_add(self->ids[i % PARTS], self->a, i);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, ARRAY_SIZE(ops), &failed));
	ASSERT_EQ(0, failed);
	for (i = 0; i < PARTS; i++) {
		for (j = 0, sum = 0; j < 6; j += 2)
			sum += j * PARTS + i;
		ASSERT_EQ(0, ds_fetch(self->fd, self->ids[i], self->s.doc));
		EXPECT_EQ(1, self->s.doc->version);
		EXPECT_EQ(sum, ds_prop_s64(self->s.doc, self->a));
		EXPECT_EQ(5 * PARTS + i, ds_prop_s64(self->s.doc, self->b));
	}
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		EXPECT_EQ(1, ops[i].version);

	/* Of one document the first that fails says why, as without partitions. */
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		ops[i] = ds_add(self->ids[i % PARTS], self->a, 1);
	ops[PARTS + 2] = ds_unset(self->ids[2], self->c);
	ops[2 * PARTS + 2] = ds_add(self->ids[2], self->a, INT64_MAX);
	ops[3 * PARTS + 5] = ds_unset(self->ids[5], self->c);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, ARRAY_SIZE(ops), &failed));
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		EXPECT_EQ(i == PARTS + 2 || i == 3 * PARTS + 5 ? -ENODATA : -ECANCELED,
			  ops[i].result) TH_LOG("operation %u", i);
	for (i = 0; i < PARTS; i++)
		EXPECT_EQ(1, ds_version_of(self->fd, self->ids[i]));
}

/* A get sees what the batch has done before it, and nothing of what comes after. */
TEST_F(spanning, get)
{
	struct docstore_version *docs = ds_map(PARTS * 256, MAP_PRIVATE);
	struct docstore_op ops[4 * PARTS];
	__s64 values[PARTS][2];
	unsigned int i;
	__u32 failed = 0;

	ASSERT_EQ(0, set_all(self, 7));
	for (i = 0; i < PARTS; i++) {
		ops[4 * i] = ds_get(self->ids[i], self->a, &values[i][0], 8);
		ops[4 * i + 1] = ds_add(self->ids[i], self->a, i);
		ops[4 * i + 2] = ds_get(self->ids[i], self->a, &values[i][1], 8);
		ops[4 * i + 3] = ds_get(self->ids[i], 0, (char *)docs + i * 256, 256);
	}
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, ARRAY_SIZE(ops), &failed));
	ASSERT_EQ(0, failed);
	for (i = 0; i < PARTS; i++) {
		const struct docstore_version *v = (void *)((char *)docs + i * 256);

		EXPECT_EQ(7, values[i][0]);
		EXPECT_EQ(7 + i, values[i][1]);
		EXPECT_EQ(DOCSTORE_TYPE_S64, ops[4 * i].type);
		EXPECT_EQ(8, ops[4 * i + 2].value_len);
		ASSERT_EQ(0, ds_doc_check(v, 256));
		EXPECT_TRUE(ds_doc_is(v, self->ids[i]));
		EXPECT_EQ(2, v->version);
		EXPECT_EQ(7 + i, ds_prop_s64(v, self->a));
	}
	/* Only gets: as much as may be read at one moment. By who may only read, too. */
	{
		int fd = ds_open(self->s.store.control, self->s.store.name, DS_READ);

		ASSERT_LE(0, fd);
		for (i = 0; i < PARTS; i++)
			ops[i] = ds_get(self->ids[i], self->a, &values[i][0], 8);
		ASSERT_EQ(0, ds_submit(fd, ATOMIC, ops, PARTS, &failed));
		EXPECT_EQ(0, failed);
		for (i = 0; i < PARTS; i++)
			EXPECT_EQ(7 + i, values[i][0]);
		for (i = 0; i < PARTS; i++)
			ops[i] = ds_get(self->ids[i], self->a, &values[i][0], 8);
		ops[3] = ds_get("none", 0, NULL, 0);
		ASSERT_EQ(0, ds_submit(fd, ATOMIC, ops, PARTS, &failed));
		EXPECT_EQ(PARTS, failed);
		for (i = 0; i < PARTS; i++)
			EXPECT_EQ(i == 3 ? -ENOENT : -ECANCELED, ops[i].result);
		ops[2] = ds_set_s64(self->ids[2], self->a, 0);
		EXPECT_EQ(-EBADF, ds_submit(fd, ATOMIC, ops, PARTS, NULL));
		close(fd);
	}
	for (i = 0; i < PARTS; i++)
		EXPECT_EQ(2, ds_version_of(self->fd, self->ids[i]));
}

/* Deleted here, made there, and deleted and made again. */
TEST_F(spanning, delete_and_create)
{
	struct docstore_store_info info;
	struct docstore_op ops[2 * PARTS];
	__u64 versions[PARTS] = { 0 };
	bool there[PARTS] = { false };
	unsigned int round, i, n, documents;
	__u32 failed = 0;

	for (round = 0; round < ds_scale(60); round++) {
		n = 0;
		documents = 0;
		for (i = 0; i < PARTS; i++) {
			if (there[i]) {
				ops[n++] = ds_delete(self->ids[i]);
				if (round % 3 == 2)
					ops[n++] = ds_set_s64(self->ids[i], self->b, round);
			} else if ((round ^ i) & 1) {
				ops[n++] = ds_set_s64(self->ids[i], self->a, round);
			} else {
				ops[n++] = ds_check(self->ids[i], DOCSTORE_IF_ABSENT, 0);
			}
		}
		ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, n, &failed));
		ASSERT_EQ(0, failed);
		for (i = 0, n = 0; i < PARTS; i++, n++) {
			const struct docstore_op *op = &ops[n];
			bool was = there[i];

			if (was && round % 3 == 2)
				op = &ops[++n];
			there[i] = op->code == DOCSTORE_OP_SET;
			if (was || there[i]) {
				ASSERT_LT(versions[i], op->version);
				versions[i] = op->version;
			}
			ASSERT_EQ(there[i] ? versions[i] : 0,
				  ds_version_of(self->fd, self->ids[i]));
			if (there[i])
				ASSERT_EQ(round, ds_fetch_s64(self->fd, self->ids[i],
							      was ? self->b : self->a));
			documents += there[i];
		}
		ASSERT_EQ(0, ds_store_info(self->fd, &info));
		ASSERT_EQ(documents, info.documents);
	}
}

/* Checks in some partitions decide over changes in others, and change nothing. */
TEST_F(spanning, check)
{
	struct docstore_op ops[PARTS];
	unsigned int i;
	__u32 failed = 0;
	int fd;

	ASSERT_EQ(0, set_all(self, 1));
	for (i = 0; i < PARTS; i++)
		ops[i] = i % 2 ? ds_unchanged(self->ids[i], 1) :
				 ds_set_s64(self->ids[i], self->a, 2);
	ops[7] = ds_check("none", 0, 0);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, PARTS, &failed));
	EXPECT_EQ(0, failed);
	for (i = 0; i < PARTS; i++) {
		EXPECT_EQ(i == 7 ? 0 : i % 2 ? 1 : 2, ops[i].version);
		EXPECT_EQ(i % 2 ? 1 : 2, ds_version_of(self->fd, self->ids[i]));
	}
	/* Checked and changed: one version. */
	for (i = 0; i < PARTS; i++)
		ops[i] = ds_unchanged(self->ids[i / 2 * 2], 2);
	for (i = 1; i < PARTS; i += 2)
		ops[i] = ds_set_s64(self->ids[i - 1], self->b, 3);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, PARTS, &failed));
	EXPECT_EQ(0, failed);
	for (i = 0; i < PARTS; i++)
		EXPECT_EQ(3, ops[i].version);

	/* Nothing but checks, by who may only read. */
	fd = ds_open(self->s.store.control, self->s.store.name, DS_READ);
	ASSERT_LE(0, fd);
	for (i = 0; i < PARTS; i++)
		ops[i] = ds_unchanged(self->ids[i], i % 2 ? 1 : 3);
	ASSERT_EQ(0, ds_submit(fd, ATOMIC, ops, PARTS, &failed));
	EXPECT_EQ(0, failed);
	for (i = 0; i < PARTS; i++)
		ops[i] = ds_unchanged(self->ids[i], i % 2 ? 1 : 3 + (i == 6));
	ASSERT_EQ(0, ds_submit(fd, ATOMIC, ops, PARTS, &failed));
	EXPECT_EQ(PARTS, failed);
	for (i = 0; i < PARTS; i++)
		EXPECT_EQ(i == 6 ? -ESTALE : -ECANCELED, ops[i].result);
	close(fd);
	/* Who may only write does not learn what is there. */
	fd = ds_open(self->s.store.control, self->s.store.name, DS_WRITE);
	ASSERT_LE(0, fd);
	for (i = 0; i < PARTS; i++)
		ops[i] = ds_unchanged(self->ids[i], i % 2 ? 1 : 3);
	EXPECT_EQ(-EBADF, ds_submit(fd, ATOMIC, ops, PARTS, NULL));
	close(fd);
}

TEST_HARNESS_MAIN

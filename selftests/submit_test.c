// SPDX-License-Identifier: GPL-2.0
/*
 * Batches: what is carried out together, and what is not.
 */
#include "docstore_test.h"

#include "docstore_harness.h"

FIXTURE(submit) {
	struct ds_base s;
};

FIXTURE_VARIANT(submit) {
	__u32 partitions;
};

FIXTURE_VARIANT_ADD(submit, one_partition) { .partitions = 1 };
FIXTURE_VARIANT_ADD(submit, five_partitions) { .partitions = 5 };

FIXTURE_SETUP(submit)
{
	ASSERT_EQ(0, ds_base_begin(&self->s, variant->partitions));
}

FIXTURE_TEARDOWN(submit)
{
	EXPECT_EQ(0, ds_base_end(&self->s));
}

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
	EXPECT_EQ(1, ds_version_of(self->s.fd, "x"));
	EXPECT_EQ(1, ds_version_of(self->s.fd, "y"));
	ASSERT_EQ(0, ds_store_info(self->s.fd, &info));
	EXPECT_EQ(2, info.changes);
	EXPECT_EQ(2, info.documents);
	ASSERT_EQ(0, ds_submit(self->s.fd, 0, ops, ARRAY_SIZE(ops), &failed));
	EXPECT_EQ(2, ds_version_of(self->s.fd, "x"));
	EXPECT_EQ(2, ds_version_of(self->s.fd, "y"));
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
	EXPECT_EQ(0, ds_version_of(self->s.fd, "bad"));
	EXPECT_EQ(1, ds_version_of(self->s.fd, "also"));
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
	EXPECT_EQ(0, ds_version_of(self->s.fd, "0"));
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
	EXPECT_EQ(1, ds_version_of(self->s.fd, "doc"));
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
	EXPECT_EQ(1, ds_version_of(self->s.fd, "doc"));
	ops[1] = ds_unset("doc", self->s.c);
	ops[0].version = 0;
	ASSERT_EQ(0, ds_submit(self->s.fd, DOCSTORE_SUBMIT_ATOMIC, ops, 2,
			       &failed));
	EXPECT_EQ(2, failed);
	EXPECT_EQ(1, ds_version_of(self->s.fd, "doc"));
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
			EXPECT_EQ(0, ds_version_of(self->s.fd, ids[i]));
		}
	}
}

/*
 * What is atomic becomes visible at one moment: who has seen a part of it finds
 * all of it from then on. The reader looks at the first document, then at the
 * last one, which must not be older.
 */
TEST_F_TIMEOUT(submit, atomic_visible_together, DS_TIMEOUT)
{
	unsigned int round, rounds = ds_scale(1500), i, n = 100, looks = 0;
	volatile bool *stop = ds_shared(sizeof(*stop));
	__s64 first, last, older = 0;
	struct docstore_op ops[100];
	char ids[100][8];
	pid_t pid;

	/* Over several partitions to who reads them together: together_test.c has that. */
	if (variant->partitions > 1)
		return;
	for (i = 0; i < n; i++)
		snprintf(ids[i], sizeof(ids[i]), "d%u", i);
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (round = 1; round <= rounds; round++) {
			for (i = 0; i < n; i++)
				ops[i] = ds_set_s64(ids[i], self->s.a, round);
			DS_CHILD_EQ(0, ds_submit(self->s.fd,
						 DOCSTORE_SUBMIT_ATOMIC, ops, n,
						 NULL));
		}
		*stop = true;
		_exit(0);
	}
	while (!ds_version_of(self->s.fd, ids[0]) && !*stop)
		;
	while (!*stop) {
		first = ds_fetch_s64(self->s.fd, ids[0], self->s.a);
		last = ds_fetch_s64(self->s.fd, ids[n - 1], self->s.a);
		older += last < first;
		looks++;
	}
	EXPECT_EQ(0, older);
	EXPECT_LT(0, looks);
	EXPECT_EQ(0, ds_wait(pid));
	TH_LOG("looked %u times at %u batches", looks, rounds);
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
	EXPECT_EQ(0, ds_version_of(self->s.fd, "new"));
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
				EXPECT_EQ(0, ds_version_of(self->s.fd, ids[i]));
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
		if (code >= DOCSTORE_OP_GET && code <= DOCSTORE_OP_CHECK)
			continue;
		op = ds_touch("doc", 0);
		op.code = code;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op))
			TH_LOG("code %u", code);
	}
	EXPECT_EQ(0, ds_version_of(self->s.fd, "doc"));
}

TEST_F(submit, unknown_types)
{
	struct docstore_op op;
	unsigned int type;

	for (type = DOCSTORE_TYPE_JSON + 1; type < 256; type++) {
		op = ds_set_s64("doc", self->s.a, 1);
		op.type = type;
		EXPECT_EQ(DS_CALL(EINVAL), ds_one(self->s.fd, &op))
			TH_LOG("type %u", type);
	}
	EXPECT_EQ(0, ds_version_of(self->s.fd, "doc"));
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
				EXPECT_EQ(0, ds_version_of(self->s.fd, ids[i]));
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

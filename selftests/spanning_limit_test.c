// SPDX-License-Identifier: GPL-2.0
/*
 * Atomic batches as large as they may be, over as many partitions as there may be, and
 * in stores of which one partition has no memory left.
 */
#include "snapshot.h"
#include "sysfs.h"

#include "docstore_harness.h"

#define ATOMIC		DOCSTORE_SUBMIT_ATOMIC
#define MIB		(1024 * 1024ULL)
#define PATIENCE	(30 * DS_SECOND)

/* MiB that programs may still take. */
static unsigned long available_mib(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %lu", &kib);
	if (f)
		fclose(f);
	return kib / 1024;
}

/* As many partitions as there may be, if the machine has memory for half more. */
static __u32 many_partitions(void)
{
	__u32 n = DOCSTORE_MAX_PARTITIONS;

	while (n > 2 && available_mib() < n * 3)
		n /= 2;
	return n;
}

FIXTURE(largest) {
	struct ds_store store;
	int fd;
	int a;
	__u32 partitions;
	struct ds_where where;
	struct docstore_op *ops;
	char (*ids)[16];
};

FIXTURE_SETUP(largest)
{
	unsigned int i;

	self->partitions = many_partitions();
	if (self->partitions < DOCSTORE_MAX_PARTITIONS)
		TH_LOG("memory for %u partitions only", self->partitions);
	ASSERT_EQ(0, ds_store_begin(&self->store, "largest", self->partitions, 1024 * MIB));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	ASSERT_EQ(0, ds_where_begin(&self->where, self->fd));
	self->ops = ds_map((DOCSTORE_MAX_OPS + 1) * sizeof(*self->ops), MAP_PRIVATE);
	self->ids = ds_map((DOCSTORE_MAX_OPS + 1) * sizeof(*self->ids), MAP_PRIVATE);
	for (i = 0; i <= DOCSTORE_MAX_OPS; i++)
		snprintf(self->ids[i], sizeof(*self->ids), "%u", i);
}

FIXTURE_TEARDOWN(largest)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* The sum of a over all documents, and how many there are. */
static int add_up(FIXTURE_DATA(largest) *self, __s64 *sum)
{
	struct docstore_version *buffer = ds_map(DS_ROOM, MAP_PRIVATE);
	const struct docstore_version *v;
	int n, total = 0;
	struct ds_scan s;

	*sum = 0;
	ds_scan_begin(&s, 0, NULL, 0);
	do {
		n = ds_scan_next(self->fd, &s, buffer, DS_ROOM);
		if (n < 0)
			return n;
		total += n;
		for (v = n ? buffer : NULL; v;
		     v = ds_doc_next(v, (char *)buffer + s.scan.used))
			*sum += ds_prop_s64(v, self->a);
	} while (!s.end);
	munmap(buffer, DS_ROOM);
	return total;
}

TEST_F_TIMEOUT(largest, as_many_as_there_may_be, DS_TIMEOUT)
{
	const __s64 n = DOCSTORE_MAX_OPS, first = n * (n - 1) / 2;
	struct docstore_coordinator before, c;
	__u32 failed = 0, i, wrong = 0;
	__s64 sum;

	for (i = 0; i <= n; i++)
		self->ops[i] = ds_set_s64(self->ids[i], self->a, i);
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &before));
	EXPECT_EQ(-E2BIG, ds_submit(self->fd, ATOMIC, self->ops, n + 1, NULL));
	EXPECT_EQ(0, add_up(self, &sum));
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, self->ops, n, &failed));
	EXPECT_EQ(0, failed);
	EXPECT_EQ(n, add_up(self, &sum));
	EXPECT_EQ(first, sum);

	/* The last of them is refused. */
	for (i = 0; i < n; i++)
		self->ops[i] = ds_add(self->ids[i], self->a, 1);
	self->ops[n - 1] = ds_if(self->ops[n - 1], DOCSTORE_IF_VERSION, 9);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, self->ops, n, &failed));
	EXPECT_EQ(n, failed);
	for (i = 0; i < n; i++)
		wrong += self->ops[i].result != (i == n - 1 ? -ESTALE : -ECANCELED);
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(n, add_up(self, &sum));
	EXPECT_EQ(first, sum);

	/* Then not. */
	for (i = 0; i < n; i++)
		self->ops[i] = ds_if(ds_add(self->ids[i], self->a, 1), DOCSTORE_IF_VERSION, 1);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, self->ops, n, &failed));
	EXPECT_EQ(0, failed);
	for (i = 0; i < n; i++)
		wrong += self->ops[i].version != 2;
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(n, add_up(self, &sum));
	EXPECT_EQ(first + n, sum);
	for (i = 0; i < n; i++)
		self->ops[i] = ds_delete(self->ids[i]);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, self->ops, n, &failed));
	EXPECT_EQ(0, failed);
	EXPECT_EQ(0, add_up(self, &sum));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &c));
	EXPECT_EQ(before.commits + 3, c.commits);
	EXPECT_EQ(before.refused + 1, c.refused);
}

/* One document in each partition, of as many as there may be. */
TEST_F_TIMEOUT(largest, one_in_each, DS_TIMEOUT)
{
	struct docstore_op *ops = self->ops;
	__u32 failed = 0, round, i;
	__s64 sum;

	for (i = 0; i < self->partitions; i++) {
		char id[40];

		ds_where_id(&self->where, id, "p", i, 0);
		ASSERT_GT(sizeof(self->ids[i]), strlen(id));
		strcpy(self->ids[i], id);
	}
	for (round = 1; round <= ds_scale(10); round++) {
		for (i = 0; i < self->partitions; i++)
			ops[i] = ds_add(self->ids[i], self->a, 1);
		ops[round % self->partitions].flags = round % 2 ? DOCSTORE_IF_ABSENT : 0;
		ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, self->partitions, &failed));
		/* The first time all of them are absent. */
		ASSERT_EQ(round % 2 && round > 1 ? self->partitions : 0, failed);
	}
	EXPECT_EQ(self->partitions, add_up(self, &sum));
	EXPECT_EQ(self->partitions * (1 + ds_scale(10) / 2), sum);
}

/* No memory ------------------------------------------------------------------------ */

#define PARTS		4
#define LARGE		100000

FIXTURE(full) {
	struct ds_store store;
	int fd;
	int a;
	struct ds_where where;
	__u8 *value;			/* 1 MiB */
	unsigned int saved;
	unsigned int filled;		/* documents in partition 0 */
};

FIXTURE_VARIANT(full) {
	unsigned int lend_documents;
};

FIXTURE_VARIANT_ADD(full, lent) { .lend_documents = 128 };
FIXTURE_VARIANT_ADD(full, not_lent) { .lend_documents = 0 };

/* A store with one chunk for each partition; partition 0 has no room for a large document. */
static int fill(FIXTURE_DATA(full) *self)
{
	char id[40];
	int ret;

	for (self->filled = 0; self->filled < 1000; self->filled++) {
		ds_where_id(&self->where, id, "fill", 0, self->filled);
		ret = ds_do(self->fd, ds_set_bytes(id, self->a, self->value, LARGE));
		if (ret)
			return ret;
	}
	return ds_broken("there is no limit");
}

FIXTURE_SETUP(full)
{
	struct docstore_op ops[PARTS];
	char ids[PARTS][40];
	__u32 failed = 0, i;

	ASSERT_EQ(0, parameter_get("lend_documents", &self->saved));
	ASSERT_EQ(0, parameter_set("lend_documents", variant->lend_documents));
	ASSERT_EQ(0, ds_store_begin(&self->store, "full", PARTS, 9 * MIB));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->value = ds_map(MIB, MAP_PRIVATE);
	memset(self->value, 'v', MIB);
	ASSERT_EQ(0, ds_where_begin(&self->where, self->fd));
	/* Each has its piece before one of them is filled up. */
	for (i = 0; i < PARTS; i++) {
		ds_where_id(&self->where, ids[i], "first", i, 0);
		ops[i] = ds_set_s64(ids[i], self->a, i);
	}
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, PARTS, &failed));
	ASSERT_EQ(0, failed);
	ASSERT_EQ(-ENOSPC, fill(self));
	ASSERT_LT(5, self->filled);
}

FIXTURE_TEARDOWN(full)
{
	EXPECT_EQ(0, parameter_set("lend_documents", self->saved));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/*
 * The partition that is full refuses all of it, wherever its part stands, and however
 * often that is tried: what the others had built is theirs again.
 */
TEST_F_TIMEOUT(full, refused, DS_TIMEOUT)
{
	struct docstore_store_info before, after;
	struct docstore_coordinator last, c;
	struct docstore_op ops[PARTS];
	char ids[PARTS][40];
	unsigned int round, rounds = ds_scale(40), i;
	__u32 failed = 0;

	ASSERT_EQ(0, ds_store_info(self->fd, &before));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &last));
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < PARTS; i++) {
			unsigned int p = (i + round) % PARTS;

			ds_where_id(&self->where, ids[i], "n", p, 1);
			/* The others' are large enough to be missed if they were lost. */
			ops[i] = ds_set_bytes(ids[i], self->a, self->value,
					      p ? LARGE : 10 * LARGE);
		}
		ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, PARTS, &failed));
		ASSERT_EQ(PARTS, failed);
		for (i = 0; i < PARTS; i++) {
			ASSERT_EQ((i + round) % PARTS ? -ECANCELED : -ENOSPC, ops[i].result)
				TH_LOG("operation %u of round %u", i, round);
			ASSERT_EQ(0, ds_version_of(self->fd, ids[i]));
		}
	}
	ASSERT_EQ(0, ds_store_info(self->fd, &after));
	EXPECT_EQ(before.documents, after.documents);
	EXPECT_EQ(before.bytes_documents, after.bytes_documents);
	EXPECT_EQ(before.changes, after.changes);
	EXPECT_EQ(before.batches, after.batches);
	EXPECT_EQ(before.batches_failed + rounds, after.batches_failed);
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &c));
	EXPECT_EQ(last.commits, c.commits);
	EXPECT_LE(last.no_memory + rounds, c.no_memory);
}

/* What makes room works there, together with what needs some elsewhere. */
TEST_F_TIMEOUT(full, room_again, DS_TIMEOUT)
{
	struct docstore_op ops[PARTS];
	char ids[PARTS][40];
	__u64 deadline;
	unsigned int i;
	__u32 failed = 0;

	for (i = 0; i < PARTS; i++) {
		ds_where_id(&self->where, ids[i], i ? "n" : "fill", i, 0);
		ops[i] = i ? ds_set_bytes(ids[i], self->a, self->value, LARGE) :
			     ds_delete(ids[i]);
	}
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, PARTS, &failed));
	EXPECT_EQ(0, failed);
	EXPECT_EQ(0, ds_version_of(self->fd, ids[0]));
	for (i = 1; i < PARTS; i++)
		EXPECT_EQ(1, ds_version_of(self->fd, ids[i]));

	/* And soon there is room for as much. */
	deadline = ds_now() + PATIENCE;
	ds_where_id(&self->where, ids[0], "n", 0, 0);
	do {
		ops[0] = ds_set_bytes(ids[0], self->a, self->value, LARGE);
		for (i = 1; i < PARTS; i++)
			ops[i] = ds_add(ids[i], self->a + 1, 1);
		ASSERT_EQ(1 + self->a, ds_prop_id(self->fd, "b"));
		ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, PARTS, &failed));
		if (!failed)
			break;
		ASSERT_EQ(-ENOSPC, ops[0].result);
		for (i = 1; i < PARTS; i++)
			ASSERT_EQ(-ECANCELED, ops[i].result);
		usleep(10000);
	} while (ds_now() < deadline);
	EXPECT_EQ(0, failed);
	for (i = 1; i < PARTS; i++)
		EXPECT_EQ(1, ds_fetch_s64(self->fd, ids[i], self->a + 1));
}

/* A value too large for any document is no matter of memory. */
TEST_F(full, too_large)
{
	struct docstore_op ops[PARTS];
	char ids[PARTS][40];
	unsigned int i, where;
	__u32 failed = 0;

	for (where = 0; where < PARTS; where++) {
		for (i = 0; i < PARTS; i++) {
			ds_where_id(&self->where, ids[i], "n", i, 0);
			ops[i] = ds_set_bytes(ids[i], self->a, self->value,
					      i == where ? MIB : 10);
		}
		ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, PARTS, &failed));
		ASSERT_EQ(PARTS, failed);
		for (i = 0; i < PARTS; i++) {
			EXPECT_EQ(i == where ? -EFBIG : -ECANCELED, ops[i].result);
			EXPECT_EQ(0, ds_version_of(self->fd, ids[i]));
		}
	}
}

/* Several fill a store with batches over all partitions: each is there or is not. */
TEST_F_TIMEOUT(full, race, DS_TIMEOUT)
{
	struct docstore_store_info info;
	struct docstore_op ops[PARTS];
	char ids[PARTS][40];
	unsigned int i, n, there = 0, whole = 0;
	__u32 failed = 0;
	pid_t pids[3];
	int found;

	for (i = 0; i < PARTS; i++)
		ds_where_id(&self->where, ids[i], "fill", 0, i);
	for (i = 0; i < self->filled; i++) {
		char id[40];

		ds_where_id(&self->where, id, "fill", 0, i);
		ASSERT_EQ(0, ds_do(self->fd, ds_delete(id)));
	}
	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		for (n = 0; n < 60; n++) {
			for (unsigned int p = 0; p < PARTS; p++) {
				ds_where_id(&self->where, ids[p], "r", p, i * 100 + n);
				ops[p] = ds_set_bytes(ids[p], self->a, self->value,
						      LARGE - 10000 * p);
			}
			DS_CHILD_EQ(0, ds_submit(self->fd, ATOMIC, ops, PARTS, &failed));
			DS_CHILD(!failed || failed == PARTS);
			for (unsigned int p = 0; p < PARTS; p++) {
				DS_CHILD(!failed == !ops[p].result);
				DS_CHILD(!failed || ops[p].result == -ENOSPC ||
					 ops[p].result == -ECANCELED);
				DS_CHILD_EQ(!failed, !!ds_version_of(self->fd, ids[p]));
			}
		}
		_exit(0);
	}
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, ds_wait(pids[i]));
	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		for (n = 0; n < 60; n++) {
			for (found = 0, failed = 0; failed < PARTS; failed++) {
				ds_where_id(&self->where, ids[0], "r", failed, i * 100 + n);
				found += !!ds_version_of(self->fd, ids[0]);
			}
			ASSERT_TRUE(!found || found == PARTS);
			whole += found == PARTS;
			there += found;
		}
	}
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(there + PARTS, info.documents);
	EXPECT_LT(5, whole);
	EXPECT_GT(180, whole);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * The limit of a store's memory: what happens there, and that memory which was
 * freed is used again.
 */
#include "docstore_test.h"

#include "docstore_harness.h"

#define MIB		(1024 * 1024ULL)
/* Memory is free again when readers cannot look at it any more: soon. */
#define PATIENCE	(30 * DS_SECOND)

FIXTURE(limit) {
	struct ds_store store;
	int fd;
	int a;
	__u8 *value;			/* 1 MiB */
};

FIXTURE_VARIANT(limit) {
	__u32 partitions;
	__u64 max_bytes;
	__u32 size;			/* of values */
};

FIXTURE_VARIANT_ADD(limit, small_documents) {
	.partitions = 1, .max_bytes = 6 * MIB, .size = 20,
};
FIXTURE_VARIANT_ADD(limit, pages) {
	.partitions = 2, .max_bytes = 16 * MIB, .size = 5000,
};
FIXTURE_VARIANT_ADD(limit, large_documents) {
	.partitions = 1, .max_bytes = 16 * MIB, .size = 300000,
};
FIXTURE_VARIANT_ADD(limit, largest_documents) {
	.partitions = 3, .max_bytes = 32 * MIB, .size = 1000000,
};

FIXTURE_SETUP(limit)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "limit", variant->partitions,
				    variant->max_bytes));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	ASSERT_LT(0, self->a);
	self->value = ds_map(MIB, MAP_PRIVATE);
	memset(self->value, 'v', MIB);
}

FIXTURE_TEARDOWN(limit)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* What holds at any time. Returns the store's counters. */
static int look(int fd, struct docstore_store_info *info)
{
	int ret = ds_store_info(fd, info);

	if (ret)
		return ret;
	if (info->bytes > info->max_bytes)
		return ds_broken("%llu bytes, of %llu allowed",
				 (unsigned long long)info->bytes,
				 (unsigned long long)info->max_bytes);
	/* The counters are read while owners clean up: allow for a chunk. */
	if (info->bytes_used > info->bytes + 2 * MIB ||
	    info->bytes_retired > info->bytes + 2 * MIB)
		return ds_broken("%llu used and %llu retired, of %llu",
				 (unsigned long long)info->bytes_used,
				 (unsigned long long)info->bytes_retired,
				 (unsigned long long)info->bytes);
	return 0;
}

static struct docstore_op put(FIXTURE_DATA(limit) *self, char *id,
			      unsigned int number, __u32 size)
{
	snprintf(id, 16, "d%u", number);
	return ds_set_bytes(id, self->a, self->value, size);
}

/*
 * Fills the store from number @first on. Returns the number that did not fit,
 * or -errno.
 */
static int fill(FIXTURE_DATA(limit) *self, unsigned int first, __u32 size)
{
	struct docstore_store_info info;
	/* Small ones by the batch, or it takes too long. */
	__u32 n = size < 1000 ? 32 : 1;
	struct docstore_op ops[32];
	__u32 i, failed, batches;
	char ids[32][16];
	int ret;

	for (batches = 0; batches < 100000; batches++, first += n) {
		for (i = 0; i < n; i++)
			ops[i] = put(self, ids[i], first + i, size);
		ret = ds_submit(self->fd, 0, ops, n, &failed);
		if (ret)
			return ret;
		for (i = 0; i < n; i++) {
			if (ops[i].result == -ENOSPC)
				return first + i;
			if (ops[i].result)
				return ds_broken("%s: %s", ids[i],
						 strerror(-ops[i].result));
		}
		ret = batches % 32 ? 0 : look(self->fd, &info);
		if (ret)
			return ret;
	}
	return ds_broken("there is no limit");
}

/* Deletes those numbers that are there. Returns how many were. */
static int empty(FIXTURE_DATA(limit) *self, unsigned int first, unsigned int end,
		 unsigned int step)
{
	struct docstore_op ops[256];
	char ids[256][16];
	unsigned int n = 0, gone = 0, i;
	int ret;

	for (; first < end || n; first += step) {
		if (first < end) {
			snprintf(ids[n], sizeof(ids[n]), "d%u", first);
			ops[n] = ds_delete(ids[n]);
			n++;
		}
		if (n < 256 && first < end)
			continue;
		ret = ds_submit(self->fd, 0, ops, n, NULL);
		if (ret)
			return ret;
		for (i = 0; i < n; i++) {
			if (ops[i].result && ops[i].result != -ENOENT)
				return ds_broken("delete: %s",
						 strerror(-ops[i].result));
			gone += !ops[i].result;
		}
		n = 0;
	}
	return gone;
}

static int count(int fd)
{
	struct docstore_store_info info;

	return ds_store_info(fd, &info) ? -1 : (int)info.documents;
}

TEST_F_TIMEOUT(limit, full, DS_TIMEOUT)
{
	struct docstore_version *doc = ds_map(DS_ROOM, MAP_PRIVATE);
	struct docstore_store_info info;
	struct docstore_op op;
	struct ds_prop p;
	int end, i;
	char id[16];

	end = fill(self, 0, variant->size);
	ASSERT_LT(0, end);
	ASSERT_EQ(0, look(self->fd, &info));
	/* It is the limit that was met, and not something before it. */
	EXPECT_LE(variant->max_bytes / 4, info.bytes_documents);
	EXPECT_LE((__u64)end * variant->size, info.bytes_documents);

	/* All that was accepted can be read. */
	for (i = 0; i < end; i += 1 + end / 1000) {
		snprintf(id, sizeof(id), "d%d", i);
		ASSERT_EQ(0, ds_fetch(self->fd, id, doc));
		ASSERT_EQ(0, ds_prop(doc, self->a, &p));
		EXPECT_EQ(variant->size, p.len);
		EXPECT_EQ(0, memcmp(self->value, p.value, p.len));
	}
	/*
	 * What does not fit leaves nothing behind. (Of several partitions another
	 * one may have room.)
	 */
	op = put(self, id, 99999999, MIB - 1000);
	i = ds_one(self->fd, &op);
	if (variant->partitions == 1) {
		EXPECT_EQ(-ENOSPC, i);
	}
	EXPECT_EQ(i ? -ENOENT : 0, ds_fetch(self->fd, id, doc));
	TH_LOG("%d documents in %llu bytes", count(self->fd),
	       (unsigned long long)info.bytes);
}

TEST_F_TIMEOUT(limit, full_and_emptied_and_full, DS_TIMEOUT)
{
	__u64 deadline, least = ~0ULL;
	struct docstore_store_info info;
	int end, round, there;
	struct docstore_op op;
	char id[16];

	for (round = 0; round < 4; round++) {
		end = fill(self, 0, variant->size);
		ASSERT_LE(0, end);
		there = count(self->fd);
		ASSERT_LT(0, there);
		/* Deleting works where nothing else does. */
		ASSERT_EQ(there, empty(self, 0, end + 32, 1));
		EXPECT_EQ(0, count(self->fd));
		ASSERT_EQ(0, look(self->fd, &info));
		EXPECT_EQ(0, info.bytes_documents);

		/* And soon there is room again. */
		deadline = ds_now() + PATIENCE;
		do {
			op = put(self, id, 0, variant->size);
			if (!ds_one(self->fd, &op))
				break;
			EXPECT_EQ(-ENOSPC, op.result);
			usleep(10000);
		} while (ds_now() < deadline);
		ASSERT_EQ(0, op.result);
		/* Until nothing is waiting any more, for the next round. */
		do {
			usleep(10000);
			ASSERT_EQ(0, look(self->fd, &info));
		} while (info.bytes_retired > variant->max_bytes / 16 &&
			 ds_now() < deadline);
		EXPECT_LE(info.bytes_retired, variant->max_bytes / 16);
		TH_LOG("%d documents fitted", there);
		/* No round has much less room than those before. */
		if (round)
			EXPECT_LE(least / 4 * 3, (__u64)there);
		if ((__u64)there < least)
			least = there;
	}
}

/*
 * Most documents go, and larger ones come: what the small ones had is of use
 * for them. The few that stay are where they were.
 */
TEST_F_TIMEOUT(limit, other_sizes_fit_afterwards, DS_TIMEOUT)
{
	__u32 other = variant->size < 1000 ? 700 : variant->size / 3;
	__u64 deadline = ds_now() + PATIENCE;
	struct docstore_store_info info;
	int end, there, i, stayed = 0;
	struct docstore_read r;
	char id[16];

	end = fill(self, 0, variant->size);
	ASSERT_LT(0, end);
	there = empty(self, 0, end + 32, 1);
	ASSERT_LT(0, there);
	do {
		there = fill(self, 20000000, other);
		ASSERT_LE(0, there);
		there = count(self->fd);
		usleep(20000);
	} while ((__u64)there * other < variant->max_bytes / 4 &&
		 ds_now() < deadline);
	ASSERT_EQ(0, look(self->fd, &info));
	EXPECT_LE(variant->max_bytes / 4, (__u64)there * other)
		TH_LOG("%d documents of %u", there, other);
	for (i = 0; i < there; i++) {
		snprintf(id, sizeof(id), "d%u", 20000000 + i);
		stayed += !ds_read(self->fd, id, 0, NULL, 0, &r);
	}
	EXPECT_LT(0, stayed);
}

/* The same documents, written again and again, take no more than once. */
TEST_F_TIMEOUT(limit, overwrite, DS_TIMEOUT)
{
	__u32 docs = variant->size < 1000 ? 100 : 4;
	unsigned int rounds = ds_scale(variant->size < 1000 ? 1000 : 300);
	unsigned int i, round, refused = 0;
	struct docstore_store_info info;
	__u64 most = 0, early = 0, waited = 0;
	struct docstore_read r;
	struct docstore_op *ops;
	char (*ids)[16];
	__u32 failed;

	ops = ds_map(docs * sizeof(*ops), MAP_PRIVATE);
	ids = ds_map(docs * sizeof(*ids), MAP_PRIVATE);
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < docs; i++)
			ops[i] = put(self, ids[i], i, variant->size - round % 16);
		ASSERT_EQ(0, ds_submit(self->fd, 0, ops, docs, &failed));
		for (i = 0; i < docs; i++)
			ASSERT_TRUE(!ops[i].result || ops[i].result == -ENOSPC);
		ASSERT_EQ(0, look(self->fd, &info));
		if (most < info.bytes)
			most = info.bytes;
		if (round == rounds / 4)
			early = most;
		if (failed) {
			/* Faster than readers can be waited for: tolerable. */
			__u64 before = ds_now();

			refused++;
			usleep(1000);
			waited += ds_now() - before;
		}
	}
	EXPECT_EQ(docs, count(self->fd));
	EXPECT_GT(rounds / 2, refused);
	/* It levels off. */
	EXPECT_LE(most, early + (variant->max_bytes - early) / 2 + 4 * MIB);
	for (i = 0; i < docs; i++)
		EXPECT_EQ(0, ds_read(self->fd, ids[i], self->a, NULL, 0, &r));
	TH_LOG("%u rounds: at most %llu bytes, %u refused", rounds,
	       (unsigned long long)most, refused);
}

/* An atomic batch that does not fit as a whole is refused as a whole. */
TEST_F_TIMEOUT(limit, atomic, DS_TIMEOUT)
{
	struct docstore_op ops[8];
	char ids[8][16];
	__u32 failed, i;
	int before;

	if (variant->partitions > 1)
		return;
	ASSERT_LT(0, fill(self, 0, variant->size));
	before = count(self->fd);
	for (i = 0; i < 8; i++)
		ops[i] = put(self, ids[i], 30000000 + i, i < 4 ? 10 : 900000);
	ASSERT_EQ(0, ds_submit(self->fd, DOCSTORE_SUBMIT_ATOMIC, ops, 8, &failed));
	EXPECT_EQ(8, failed);
	for (i = 0; i < 8; i++)
		EXPECT_TRUE(ops[i].result == -ENOSPC ||
			    ops[i].result == -ECANCELED);
	EXPECT_EQ(before, count(self->fd));
}

/* Several fill it at once: none gets more than there is, all are told. */
TEST_F_TIMEOUT(limit, race, DS_TIMEOUT)
{
	struct docstore_store_info info;
	pid_t pids[4];
	unsigned int i, looks = 0;
	int there = 0, ret;

	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i]) {
			DS_CHILD(fill(self, i * 2000000, variant->size) >= 0);
			_exit(0);
		}
	}
	for (i = 0; i < ARRAY_SIZE(pids); ) {
		ASSERT_EQ(0, look(self->fd, &info));
		looks++;
		usleep(1000);
		if (waitpid(pids[i], &ret, WNOHANG) > 0) {
			EXPECT_EQ(0, ret);
			i++;
		}
	}
	EXPECT_LT(0, looks);
	there = count(self->fd);
	EXPECT_LE(variant->max_bytes / 4, (__u64)there * (variant->size + 64));
	EXPECT_EQ(there, empty(self, 0, 2000, 1) + count(self->fd));
}

/*
 * A store that has room for one chunk in each partition, and a little: when
 * several processes begin to write at once, no partition goes hungry because
 * another one has taken two.
 */
FIXTURE(hungry) {
	struct ds_store store;
};

FIXTURE_SETUP(hungry)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "hungry", 2, 5 * MIB));
	ASSERT_EQ(1, ds_prop_id(self->store.fd, "a"));
}

FIXTURE_TEARDOWN(hungry)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

static void write_little(int fd, int me, volatile bool *go)
{
	struct docstore_op op;
	char id[16];
	int i;

	while (!*go)
		;
	for (i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "d%d.%d", me, i);
		op = ds_set_s64(id, 1, i);
		DS_CHILD_EQ(0, ds_one(fd, &op));
	}
}

TEST_F_TIMEOUT(hungry, all_begin_at_once, DS_TIMEOUT)
{
	volatile bool *go = ds_shared(sizeof(*go));
	unsigned int round, i;
	pid_t pids[4];

	for (round = 0; round < ds_scale(50); round++) {
		*go = false;
		for (i = 0; i < 4; i++) {
			pids[i] = ds_fork();
			ASSERT_LE(0, pids[i]);
			if (!pids[i]) {
				write_little(self->store.fd, i, go);
				_exit(0);
			}
		}
		usleep(1000);
		*go = true;
		for (i = 0; i < 4; i++)
			ASSERT_EQ(0, ds_wait(pids[i])) TH_LOG("round %u", round);
		/* A new store, which nobody has written to. */
		ASSERT_EQ(0, ds_store_end(&self->store));
		ASSERT_EQ(0, ds_store_begin(&self->store, "hungry", 2, 5 * MIB));
		ASSERT_EQ(1, ds_prop_id(self->store.fd, "a"));
	}
}

TEST(huge_limit)
{
	char name[DOCSTORE_STORE_NAME_SIZE];
	int control = ds_control(), fd, ret;

	ASSERT_LE(0, control);
	ds_store_name(name, "huge");
	ret = ds_create(control, name, 0600, 1, ~0ULL);
	if (ret) {
		EXPECT_EQ(-EINVAL, ret);
	} else {
		fd = ds_open(control, name, DS_RW);
		ASSERT_LE(0, fd);
		EXPECT_EQ(1, ds_prop_id(fd, "a"));
		EXPECT_EQ(0, ds_do(fd, ds_set_s64("doc", 1, 1)));
		close(fd);
		EXPECT_EQ(0, ds_remove(control, name));
	}
	close(control);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Who carries out what: a submitter whom an idle partition is lent to, or its owner
 * while the submitter looks on or sleeps. Either way the results are the same; the
 * counters of a store say which it was, and the module's parameters decide.
 *
 * A partition is not idle while its owner cleans up after others, so that which way a
 * single batch takes is a matter of chance; the sums are not.
 */
#include "uring.h"
#include "snapshot.h"
#include "sysfs.h"

#include "docstore_harness.h"

#define ROUNDS	200

static const char *const parameters[] = { "lend_documents", "submit_poll_us", "worker_poll_us" };

#define NPARAMETERS	ARRAY_SIZE(parameters)

FIXTURE(lend) {
	struct ds_base s;
	int fd;
	int a, b;
	unsigned int saved[NPARAMETERS];
	struct docstore_store_info last;
};

FIXTURE_VARIANT(lend) {
	__u32 partitions;
};

FIXTURE_VARIANT_ADD(lend, one_partition) { .partitions = 1 };
FIXTURE_VARIANT_ADD(lend, four_partitions) { .partitions = 4 };

static int set_parameters(unsigned int documents, unsigned int submit_us, unsigned int worker_us)
{
	return parameter_set("lend_documents", documents) ?:
	       parameter_set("submit_poll_us", submit_us) ?:
	       parameter_set("worker_poll_us", worker_us);
}

FIXTURE_SETUP(lend)
{
	unsigned int i;

	for (i = 0; i < NPARAMETERS; i++)
		ASSERT_EQ(0, parameter_get(parameters[i], &self->saved[i]));
	ASSERT_EQ(0, set_parameters(128, 10, 0));
	ASSERT_EQ(0, ds_base_begin(&self->s, variant->partitions));
	self->fd = self->s.fd;
	self->a = self->s.a;
	self->b = self->s.b;
}

FIXTURE_TEARDOWN(lend)
{
	unsigned int i;

	for (i = 0; i < NPARAMETERS; i++)
		EXPECT_EQ(0, parameter_set(parameters[i], self->saved[i]));
	EXPECT_EQ(0, ds_base_end(&self->s));
}

struct counted {
	__u64 lent, polled, slept;
};

/* What was counted since the last time. */
static struct counted counted(FIXTURE_DATA(lend) *self)
{
	struct docstore_store_info info;
	struct counted c;

	if (ds_store_info(self->fd, &info))
		abort();
	c.lent = info.lent - self->last.lent;
	c.polled = info.polled - self->last.polled;
	c.slept = info.slept - self->last.slept;
	self->last = info;
	return c;
}

/* Single operations on documents all over the store. */
static int write_some(int fd, int property, unsigned int first, unsigned int n)
{
	char id[16];
	unsigned int i;
	int ret = 0;

	for (i = first; !ret && i < first + n; i++) {
		snprintf(id, sizeof(id), "some%u", i);
		ret = ds_do(fd, ds_add(id, property, 1));
	}
	return ret;
}

/* Until the owners have cleaned up, and rest. */
static void rest(void)
{
	usleep(300000);
}

/* Every batch for one partition is counted once, for whichever way it took. */
TEST_F(lend, idle)
{
	struct counted c;

	counted(self);
	ASSERT_EQ(0, write_some(self->fd, self->a, 0, ROUNDS));
	c = counted(self);
	EXPECT_EQ(ROUNDS, c.lent + c.polled + c.slept);
	EXPECT_LT(ROUNDS / 2, c.lent);
	/* Reading asks nobody. */
	EXPECT_EQ(1, ds_fetch_s64(self->fd, "some0", self->a));
	c = counted(self);
	EXPECT_EQ(0, c.lent + c.polled + c.slept);
}

TEST_F(lend, never)
{
	struct counted c;

	ASSERT_EQ(0, set_parameters(0, 10, 0));
	counted(self);
	ASSERT_EQ(0, write_some(self->fd, self->a, 0, ROUNDS));
	c = counted(self);
	EXPECT_EQ(0, c.lent);
	EXPECT_EQ(ROUNDS, c.polled + c.slept);
	/* And from one batch to the next it is otherwise. */
	ASSERT_EQ(0, set_parameters(1, 10, 0));
	ASSERT_EQ(0, write_some(self->fd, self->a, 0, ROUNDS));
	c = counted(self);
	EXPECT_LT(ROUNDS / 2, c.lent);
	EXPECT_EQ(ROUNDS, c.lent + c.polled + c.slept);
}

TEST_F(lend, no_polling)
{
	struct counted c;

	ASSERT_EQ(0, set_parameters(0, 0, 0));
	counted(self);
	ASSERT_EQ(0, write_some(self->fd, self->a, 0, ROUNDS));
	c = counted(self);
	EXPECT_EQ(0, c.lent);
	EXPECT_EQ(0, c.polled);
	EXPECT_EQ(ROUNDS, c.slept);
}

TEST_F(lend, polling)
{
	struct counted c;

	if (sysconf(_SC_NPROCESSORS_ONLN) == 1)
		SKIP(return, "one CPU: there is nobody to look at");
	ASSERT_EQ(0, set_parameters(0, 100000, 1000));
	counted(self);
	ASSERT_EQ(0, write_some(self->fd, self->a, 0, ROUNDS));
	c = counted(self);
	EXPECT_EQ(0, c.lent);
	EXPECT_LT(0, c.polled);
	EXPECT_EQ(ROUNDS, c.polled + c.slept);
}

/* @n documents of one partition, with a property. */
static int find_together(FIXTURE_DATA(lend) *self, char (*ids)[32], unsigned int n)
{
	struct ds_where where;
	unsigned int i;
	int ret = ds_where_begin(&where, self->fd);

	for (i = 0; !ret && i < n; i++) {
		ds_where_id(&where, ids[i], "with", 0, i);
		ret = ds_do(self->fd, ds_set_s64(ids[i], self->a, 0));
	}
	return ret;
}

/* The parameter is a number of documents, in each partition. */
TEST_F(lend, number_of_documents)
{
	struct docstore_op ops[9];
	char ids[9][32];
	struct counted c;
	unsigned int i, n, round;
	__u32 failed;

	ASSERT_EQ(0, find_together(self, ids, 9));
	ASSERT_EQ(0, set_parameters(8, 10, 0));
	for (n = 8; n <= 9; n++) {
		rest();
		counted(self);
		for (round = 0; round < 40; round++) {
			for (i = 0; i < 9; i++)
				ops[i] = ds_add(ids[i % n], self->b, 1);
			ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 9, &failed));
			ASSERT_EQ(0, failed);
		}
		c = counted(self);
		EXPECT_EQ(40, c.lent + c.polled + c.slept);
		if (n == 8) {
			EXPECT_LT(20, c.lent);
		} else {
			EXPECT_EQ(0, c.lent);
		}
	}
	/* As large as the number may be: what bounds it then is memory. */
	ASSERT_EQ(0, set_parameters(~0U, 10, 0));
	/* The worker has had it; whoever comes while it is at it is served by it. */
	rest();
	for (round = 0; round < 40; round++) {
		for (i = 0; i < 9; i++)
			ops[i] = ds_add(ids[i], self->b, 1);
		ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 9, &failed));
	}
	c = counted(self);
	EXPECT_LT(20, c.lent);
	EXPECT_EQ(40, c.lent + c.polled + c.slept);
	EXPECT_EQ(120 + 40, ds_fetch_s64(self->fd, ids[0], self->b));
	EXPECT_EQ(120, ds_fetch_s64(self->fd, ids[1], self->b));
}

/* Of a batch, each partition's part is counted for itself; waiting once. */
TEST_F(lend, parts)
{
	struct docstore_op ops[64];
	char ids[64][16];
	struct counted c;
	unsigned int i, round;
	__u32 failed;

	counted(self);
	for (round = 0; round < 50; round++) {
		for (i = 0; i < 64; i++) {
			snprintf(ids[i], sizeof(ids[i]), "part%u", i);
			ops[i] = ds_add(ids[i], self->a, 1);
		}
		ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 64, &failed));
		ASSERT_EQ(0, failed);
	}
	c = counted(self);
	EXPECT_GE(50 * variant->partitions, c.lent);
	EXPECT_LT(25 * variant->partitions, c.lent);
	EXPECT_GE(50, c.polled + c.slept);
	EXPECT_LE(50, c.lent + c.polled + c.slept);
}

#define BIG	200000

/*
 * Who borrows a partition copies little. What is more goes to its owner: all of it, or
 * the rest, and none of it twice; of an atomic batch all or nothing, as ever.
 */
TEST_F_TIMEOUT(lend, large_documents, DS_TIMEOUT)
{
	__u8 *value = ds_map(BIG, MAP_PRIVATE);
	struct docstore_op ops[12];
	unsigned int i, round, rounds = 60;
	char ids[9][32];
	struct counted c;
	__u32 failed = 0;
	int atomic;

	ASSERT_EQ(0, find_together(self, ids, 9));
	/* Its value alone is too much, and so is the copy of it later. */
	counted(self);
	ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes(ids[4], self->s.c, value, BIG)));
	c = counted(self);
	EXPECT_EQ(0, c.lent);
	EXPECT_EQ(1, c.polled + c.slept);
	for (round = 0; round < 20; round++)
		ASSERT_EQ(0, ds_do(self->fd, ds_add(ids[4], self->a, 0)));
	c = counted(self);
	EXPECT_EQ(0, c.lent);
	EXPECT_EQ(20, c.polled + c.slept);

	for (atomic = 0; atomic < 2; atomic++) {
		for (i = 0; i < 9; i++)
			ASSERT_EQ(0, ds_do(self->fd, ds_set_s64(ids[i], self->b, 0)));
		rest();
		counted(self);
		for (round = 1; round <= rounds; round++) {
			for (i = 0; i < 9; i++)
				ops[i] = ds_add(ids[i], self->b, 1);
			/* Every third time the last one fails. */
			if (round % 3 == 0)
				ops[8] = ds_if(ops[8], DOCSTORE_IF_ABSENT, 0);
			ASSERT_EQ(0, ds_submit(self->fd, atomic ? DOCSTORE_SUBMIT_ATOMIC : 0,
					       ops, 9, &failed));
			ASSERT_EQ(round % 3 ? 0 : atomic ? 9 : 1, failed);
			if (round % 3 == 0) {
				ASSERT_EQ(-EEXIST, ops[8].result);
			}
		}
		c = counted(self);
		/* Who has to wait for memory, too, waits twice. */
		EXPECT_LE(rounds, c.lent + c.polled + c.slept);
		/* An atomic one that fails need not copy much. */
		EXPECT_GE(atomic ? rounds / 3 : 0, c.lent);
		for (i = 0; i < 9; i++) {
			EXPECT_EQ(i == 8 || atomic ? rounds - rounds / 3 : rounds,
				  ds_fetch_s64(self->fd, ids[i], self->b));
		}
		/* The version says as much: nothing was done twice. */
		for (i = 0; i < 9; i++) {
			__u64 version = ds_version_of(self->fd, ids[i]);

			ops[0] = ds_add(ids[i], self->b, 1);
			ASSERT_EQ(0, ds_one(self->fd, &ops[0]));
			EXPECT_EQ(version + 1, ops[0].version);
		}
	}
}

/* Two who write the same document: nothing is lost, and nothing counted twice. */
TEST_F_TIMEOUT(lend, two_processes, DS_TIMEOUT)
{
	unsigned int n = ds_scale(2000), i, k;
	struct docstore_op op;
	struct counted c;
	pid_t pids[2];

	counted(self);
	for (k = 0; k < 2; k++) {
		pids[k] = ds_fork();
		ASSERT_LE(0, pids[k]);
		if (pids[k])
			continue;
		for (i = 0; i < n; i++) {
			op = ds_add("x", self->a, 1);
			DS_CHILD_EQ(0, ds_one(self->fd, &op));
		}
		_exit(0);
	}
	for (k = 0; k < 2; k++)
		EXPECT_EQ(0, ds_wait(pids[k]));
	c = counted(self);
	EXPECT_EQ(2 * n, c.lent + c.polled + c.slept);
	EXPECT_LT(0, c.lent);
	EXPECT_EQ(2 * n, ds_fetch_s64(self->fd, "x", self->a));
	EXPECT_EQ(2 * n, ds_version_of(self->fd, "x"));
	TH_LOG("%llu lent, %llu polled, %llu slept", (unsigned long long)c.lent,
	       (unsigned long long)c.polled, (unsigned long long)c.slept);
}

/* By io_uring nobody waits, and partitions are lent all the same. */
TEST_F(lend, uring)
{
	struct docstore_op op;
	struct docstore_submit s = {
		.size = sizeof(s), .ops = ds_ptr(&op), .op_size = sizeof(op), .count = 1,
	};
	struct ds_ring ring;
	struct counted c;
	int i, ret;

	ret = ds_ring_open(&ring, 4, 0);
	if (ret)
		SKIP(return, "no io_uring for us: %s", strerror(-ret));
	rest();
	counted(self);
	for (i = 0; i < ROUNDS; i++) {
		op = ds_add("x", self->a, 1);
		ASSERT_EQ(0, ds_ring_ioctl(&ring, 0, self->fd, DOCSTORE_SUBMIT, &s));
	}
	c = counted(self);
	EXPECT_LT(ROUNDS / 2, c.lent);
	EXPECT_GE(ROUNDS, c.lent);
	EXPECT_EQ(0, c.polled + c.slept);
	ASSERT_EQ(0, set_parameters(0, 10, 0));
	for (i = 0; i < ROUNDS; i++) {
		op = ds_add("x", self->a, 1);
		ASSERT_EQ(0, ds_ring_ioctl(&ring, 0, self->fd, DOCSTORE_SUBMIT, &s));
	}
	c = counted(self);
	EXPECT_EQ(0, c.lent + c.polled + c.slept);
	EXPECT_EQ(2 * ROUNDS, ds_fetch_s64(self->fd, "x", self->a));
	EXPECT_EQ(0, ds_ring_close(&ring));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Signals and time limits while a batch waits for its turn: it is carried out
 * and says so, or it is not and says so. Either way the sums come out.
 *
 * To make it wait, other processes keep the store's partitions busy with large
 * batches. How often a wait is met is a matter of chance, and is printed.
 */
#include "docstore_test.h"

#include <sys/time.h>

#include "docstore_harness.h"

#define LOADERS		3
#define BATCH		4000

FIXTURE(signal) {
	struct ds_store store;
	int fd;
	int a;
	volatile bool *stop;
	pid_t pids[LOADERS];
};

FIXTURE_VARIANT(signal) {
	__u32 partitions;
	int sa_flags;
	__u32 interval_us;		/* between signals, 0 for none */
	__u32 timeout_ms;
};

FIXTURE_VARIANT_ADD(signal, undisturbed) { .partitions = 1 };
FIXTURE_VARIANT_ADD(signal, signals) {
	.partitions = 1, .interval_us = 3000,
};
FIXTURE_VARIANT_ADD(signal, signals_restart) {
	.partitions = 1, .interval_us = 3000, .sa_flags = SA_RESTART,
};
FIXTURE_VARIANT_ADD(signal, signals_spread) {
	.partitions = 5, .interval_us = 3000,
};
FIXTURE_VARIANT_ADD(signal, signals_spread_restart) {
	.partitions = 5, .interval_us = 3000, .sa_flags = SA_RESTART,
};
FIXTURE_VARIANT_ADD(signal, timeout) { .partitions = 1, .timeout_ms = 1 };
FIXTURE_VARIANT_ADD(signal, timeout_spread) {
	.partitions = 5, .timeout_ms = 1,
};
FIXTURE_VARIANT_ADD(signal, longest_timeout) {
	.partitions = 1, .timeout_ms = ~0U,
};
FIXTURE_VARIANT_ADD(signal, timeout_and_signals_restart) {
	.partitions = 3, .interval_us = 2000, .timeout_ms = 2,
	.sa_flags = SA_RESTART,
};

static void load(FIXTURE_DATA(signal) *self, unsigned int me)
{
	struct docstore_op *ops = ds_map(BATCH * sizeof(*ops), MAP_PRIVATE);
	char (*ids)[16] = ds_map(BATCH * sizeof(*ids), MAP_PRIVATE);
	__u32 i, failed;

	for (i = 0; i < BATCH; i++)
		snprintf(ids[i], sizeof(ids[i]), "l%u.%u", me, i % 500);
	while (!*self->stop) {
		for (i = 0; i < BATCH; i++)
			ops[i] = ds_set_s64(ids[i], self->a, i);
		DS_CHILD_EQ(0, ds_submit(self->fd, 0, ops, BATCH, &failed));
	}
}

FIXTURE_SETUP(signal)
{
	int i;

	ASSERT_EQ(0, ds_store_begin(&self->store, "signal",
				    variant->partitions, 64 << 20));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	ASSERT_LT(0, self->a);
	self->stop = ds_shared(sizeof(*self->stop));
	for (i = 0; i < LOADERS; i++) {
		self->pids[i] = ds_fork();
		ASSERT_LE(0, self->pids[i]);
		if (!self->pids[i]) {
			load(self, i);
			_exit(0);
		}
	}
}

FIXTURE_TEARDOWN(signal)
{
	int i;

	*self->stop = true;
	for (i = 0; i < LOADERS; i++)
		EXPECT_EQ(0, ds_wait(self->pids[i]));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

static volatile sig_atomic_t signals;

static void handler(int signal)
{
	(void)signal;
	signals++;
}

static void interrupt_every(__u32 us, int sa_flags)
{
	struct itimerval timer = {
		.it_interval.tv_usec = us,
		.it_value.tv_usec = us,
	};
	struct sigaction action = {
		.sa_handler = handler,
		.sa_flags = sa_flags,
	};

	sigaction(SIGPROF, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

#define COUNTERS	8

/* Are the counters what was said to have been done? */
static bool sums_right(FIXTURE_DATA(signal) *self, const __u64 *done)
{
	char id[16];
	__s64 value;
	int i;

	for (i = 0; i < COUNTERS; i++) {
		snprintf(id, sizeof(id), "counter%d", i);
		value = done[i] ? ds_fetch_s64(self->fd, id, self->a) : 0;
		if (value != (__s64)done[i]) {
			ds_broken("%s is %lld after %llu times", id,
				  (long long)value, (unsigned long long)done[i]);
			return false;
		}
	}
	return true;
}

/*
 * One addition to each counter. Each of them is done or says that it was not;
 * where nothing was begun with, the call fails.
 */
TEST_F_TIMEOUT(signal, submit, DS_TIMEOUT)
{
	__u64 deadline = ds_now() + ds_scale(3000) * (DS_SECOND / 1000);
	__u64 all = 0, in_part = 0, interrupted = 0, late = 0, n, longest = 0, t;
	bool disturbed = variant->interval_us || variant->timeout_ms;
	__u64 done[COUNTERS] = { 0 };
	struct docstore_op ops[COUNTERS];
	char ids[COUNTERS][16];
	__u32 failed;
	int ret, i;

	for (i = 0; i < COUNTERS; i++)
		snprintf(ids[i], sizeof(ids[i]), "counter%d", i);
	/* The harness's own alarm is the parent's. */
	if (variant->interval_us)
		interrupt_every(variant->interval_us, variant->sa_flags);
	for (n = 0; n < 50 || (ds_now() < deadline && n < 100000); n++) {
		for (i = 0; i < COUNTERS; i++)
			ops[i] = ds_add(ids[i], self->a, 1);
		t = ds_now();
		ret = ds_submit_timeout(self->fd, 0, ops, COUNTERS,
					variant->timeout_ms, &failed);
		t = ds_now() - t;
		if (longest < t)
			longest = t;
		if (ret == -EINTR) {
			ASSERT_NE(0, variant->interval_us);
			interrupted++;
		} else if (ret == -ETIMEDOUT) {
			ASSERT_NE(0, variant->timeout_ms);
			ASSERT_GT(10000, variant->timeout_ms);
			late++;
		} else {
			ASSERT_EQ(0, ret);
			ASSERT_GT(COUNTERS, failed);
			if (failed) {
				ASSERT_TRUE(disturbed);
				/* One partition is done with, or it is not. */
				ASSERT_LT(1, variant->partitions);
				in_part++;
			} else {
				all++;
			}
			for (i = 0; i < COUNTERS; i++) {
				ASSERT_TRUE(!ops[i].result ||
					    ops[i].result == -ECANCELED);
				done[i] += !ops[i].result;
			}
		}
		/* Nothing was done that was not said, and all that was. */
		if (n % 16 == 0)
			ASSERT_TRUE(sums_right(self, done));
	}
	if (variant->interval_us) {
		interrupt_every(0, 0);
		EXPECT_LT(0, signals);
	}
	/* What was waiting is not carried out later. */
	for (i = 0; i < 10; i++) {
		EXPECT_TRUE(sums_right(self, done));
		usleep(20000);
	}
	TH_LOG("%llu submitted: %llu done, %llu in part, %llu interrupted, %llu too late; %d signals; the longest took %llu ms",
	       (unsigned long long)n, (unsigned long long)all,
	       (unsigned long long)in_part, (unsigned long long)interrupted,
	       (unsigned long long)late, (int)signals,
	       (unsigned long long)longest / 1000000);
}

/* A signal that came before is no reason to do nothing for ever. */
TEST_F_TIMEOUT(signal, pending, DS_TIMEOUT)
{
	struct docstore_op op = ds_add("pending", self->a, 1);
	sigset_t set;
	int ret, i;
	__s64 done = 0;

	if (!variant->interval_us)
		return;
	interrupt_every(0, variant->sa_flags);
	sigemptyset(&set);
	sigaddset(&set, SIGPROF);
	for (i = 0; i < 20; i++) {
		/* Blocked, and pending: it is not seen. */
		ASSERT_EQ(0, sigprocmask(SIG_BLOCK, &set, NULL));
		ASSERT_EQ(0, raise(SIGPROF));
		op.version = 0;
		ret = ds_submit_timeout(self->fd, 0, &op, 1, 0, NULL);
		ASSERT_EQ(0, ret);
		done++;
		ASSERT_EQ(0, sigprocmask(SIG_UNBLOCK, &set, NULL));
	}
	EXPECT_EQ(done, ds_fetch_s64(self->fd, "pending", self->a));
	EXPECT_EQ(20, signals);
}

/* Readers and scans are interrupted as well, and go on where they were. */
TEST_F_TIMEOUT(signal, scan, DS_TIMEOUT)
{
	unsigned int rounds = ds_scale(10), interrupted = 0, round;
	void *buffer = ds_map(DS_ROOM, MAP_PRIVATE);
	struct docstore_store_info info;
	struct docstore_op ops[100];
	char ids[100][16];
	int n, stay, i;
	struct ds_scan s;

	for (i = 0; i < 100; i++) {
		snprintf(ids[i], sizeof(ids[i]), "stay%d", i);
		ops[i] = ds_set_s64(ids[i], self->a, i);
	}
	ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 100, NULL));
	if (variant->interval_us)
		interrupt_every(variant->interval_us, variant->sa_flags);
	for (round = 0; round < rounds; round++) {
		ds_scan_begin(&s, DOCSTORE_SCAN_IDS, "stay", 0);
		stay = 0;
		do {
			n = ds_scan_next(self->fd, &s, buffer, DS_ROOM);
			if (n == -EINTR) {
				ASSERT_NE(0, variant->interval_us);
				interrupted++;
				continue;
			}
			ASSERT_LE(0, n);
			stay += n;
		} while (!s.end);
		EXPECT_EQ(100, stay);
		ASSERT_EQ(0, ds_store_info(self->fd, &info));
	}
	if (variant->interval_us)
		interrupt_every(0, 0);
	TH_LOG("%u scans, %u times interrupted", rounds, interrupted);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics: what was done is counted, all of it and nothing else, and the ioctl says
 * the same as sysfs.
 */
#include "monitor.h"

#include <signal.h>

#include "docstore_harness.h"

FIXTURE(stats) {
	struct ds_store store;
	int control, fd, a;
	struct docstore_counters before, after;
	struct docstore_latency *latency, *latency2;
};

FIXTURE_SETUP(stats)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "stats", 2, 32 << 20));
	self->control = self->store.control;
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->latency = ds_map(2 * DOCSTORE_STAGES * sizeof(*self->latency), MAP_PRIVATE);
	self->latency2 = self->latency + DOCSTORE_STAGES;
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LATENCY_SAMPLE, 1));
	ASSERT_EQ(0, ds_stats(self->fd, &self->before, self->latency));
}

FIXTURE_TEARDOWN(stats)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* How much more it is than at the beginning. */
#define MORE(_field)	(self->after._field - self->before._field)

TEST_F(stats, batches)
{
	struct docstore_op ops[3];
	char value[100] = "";
	__u32 failed;

	ops[0] = ds_set_s64("one", self->a, 1);
	ops[1] = ds_set_bytes("one", self->a, value, 100);
	ops[2] = ds_get("two", 0, value, 100);
	ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 3, &failed));
	EXPECT_EQ(1, failed);
	ASSERT_EQ(0, ds_stats(self->fd, &self->after, NULL));
	EXPECT_EQ(3, MORE(operations));
	EXPECT_EQ(1, MORE(batches));
	EXPECT_EQ(0, MORE(batches_failed));
	EXPECT_EQ(0, MORE(errors));
	EXPECT_EQ(1, MORE(changes));
	EXPECT_EQ(1, MORE(documents));
	EXPECT_EQ(1, MORE(reads));
	EXPECT_EQ(0, MORE(bytes_out));
	/* Two ids where there are two pointers, a value, and room. */
	EXPECT_LE(103, MORE(bytes_in));
	EXPECT_GE(209, MORE(bytes_in));

	/* One of which nothing is carried out. */
	self->before = self->after;
	EXPECT_EQ(-ENOENT, ds_do(self->fd, ds_if(ds_delete("none"), DOCSTORE_IF_EXISTS, 0)));
	ASSERT_EQ(0, ds_stats(self->fd, &self->after, NULL));
	EXPECT_EQ(1, MORE(operations));
	EXPECT_EQ(0, MORE(batches));
	EXPECT_EQ(1, MORE(batches_failed));
	EXPECT_EQ(0, MORE(errors));

	/* And those that are no batches. */
	self->before = self->after;
	ops[0].code = 99;
	EXPECT_EQ(-EINVAL, ds_submit(self->fd, 0, ops, 1, &failed));
	EXPECT_EQ(-EINVAL, ds_submit(self->fd, 0, ops, 0, &failed));
	ASSERT_EQ(0, ds_stats(self->fd, &self->after, NULL));
	EXPECT_EQ(2, MORE(errors));
	EXPECT_EQ(0, MORE(operations) + MORE(batches) + MORE(batches_failed) + MORE(bytes_in));
	EXPECT_EQ(0, MORE(interrupted) + MORE(timed_out) + MORE(canceled) + MORE(busy));
}

TEST_F(stats, reads)
{
	char buffer[4096];
	struct docstore_read r;
	struct ds_scan scan;
	int n = 0, ret;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 10));
	ASSERT_EQ(0, ds_stats(self->fd, &self->before, NULL));
	EXPECT_EQ(0, ds_read(self->fd, "d1", 0, buffer, sizeof(buffer), &r));
	EXPECT_EQ(-ENOENT, ds_read(self->fd, "none", 0, buffer, sizeof(buffer), &r));
	ASSERT_EQ(0, ds_stats(self->fd, &self->after, NULL));
	EXPECT_EQ(2, MORE(reads));
	EXPECT_LE(40, MORE(bytes_out));
	EXPECT_GE(200, MORE(bytes_out));
	ds_scan_begin(&scan, 0, NULL, 0);
	do {
		ret = ds_scan_next(self->fd, &scan, buffer, sizeof(buffer));
		ASSERT_LE(0, ret);
		n += ret;
	} while (!scan.end);
	EXPECT_EQ(10, n);
	ASSERT_EQ(0, ds_stats(self->fd, &self->after, NULL));
	EXPECT_EQ(10, MORE(scanned));
	EXPECT_LE(400, MORE(bytes_out));
	EXPECT_EQ(0, MORE(operations));
}

/* Whose time is over, and for whom there is no room. */
TEST_F(stats, errors)
{
	struct docstore_op ops[2];
	__u64 end = ds_now() + 60 * DS_SECOND;
	char ids[8][8];
	__u32 failed;
	int i, busy = 0;

	/* Nobody may wait, and nobody carries out himself. */
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_SPAN_QUEUE, 0));
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 0));
	for (i = 0; i < 8 && ds_now() < end; i++) {
		int ret;

		snprintf(ids[i], sizeof(ids[i]), "x%d", i);
		ops[0] = ds_set_s64("a", self->a, 1);
		ops[1] = ds_set_s64(ids[i], self->a, 2);
		ret = ds_submit(self->fd, DOCSTORE_SUBMIT_ATOMIC, ops, 2, &failed);
		/* In one partition or in two. */
		ASSERT_TRUE(!ret || ret == -EBUSY);
		busy += ret == -EBUSY;
	}
	EXPECT_LT(0, busy);
	ASSERT_EQ(0, ds_stats(self->fd, &self->after, NULL));
	EXPECT_EQ(busy, MORE(busy));
	EXPECT_EQ(busy, MORE(errors));
	EXPECT_EQ(8 - busy, MORE(batches));
}

TEST_F(stats, latency)
{
	struct docstore_latency *l;
	__u64 sum, value;
	char path[192];
	__u32 i, j;

	for (i = 0; i < DOCSTORE_STAGES; i++)
		EXPECT_EQ(0, self->latency[i].count);
	for (i = 0; i < 100; i++) {
		/* By oneself and by the owner. */
		if (i == 50)
			ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 0));
		ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("x", self->a, i)));
	}
	ASSERT_EQ(0, ds_stats(self->fd, &self->after, self->latency));
	for (i = 0; i < DOCSTORE_STAGES; i++) {
		static const char * const names[] = { "parse", "wait", "process", "send", "total" };

		l = &self->latency[i];
		TH_LOG("%s", names[i]);
		EXPECT_EQ(100, l->count);
		for (j = 0, sum = 0; j < DOCSTORE_LATENCY_BUCKETS; j++)
			sum += l->bucket[j];
		EXPECT_EQ(l->count, sum);
		EXPECT_LE(l->max_ns, l->sum_ns);
		EXPECT_GE(l->max_ns * 100, l->sum_ns);
		/* The longest one is in the last bucket that has any. */
		EXPECT_LT(0, l->bucket[docstore_latency_bucket(l->max_ns)]);
		for (j = docstore_latency_bucket(l->max_ns) + 1; j < DOCSTORE_LATENCY_BUCKETS; j++)
			EXPECT_EQ(0, l->bucket[j]);
#define LATENCY_FILE(_name)							\
		do {								\
			snprintf(path, sizeof(path), DS_SYSFS "stores/%s/latency/%s_" _name, \
				 self->store.name, names[i]);			\
			ASSERT_EQ(0, ds_file_number(path, &value));		\
		} while (0)
		LATENCY_FILE("count");
		EXPECT_EQ(l->count, value);
		LATENCY_FILE("sum_ns");
		EXPECT_EQ(l->sum_ns, value);
		LATENCY_FILE("max_ns");
		EXPECT_EQ(l->max_ns, value);
		LATENCY_FILE("p99_ns");
		EXPECT_GE(l->max_ns, value);
		sum = value;
		LATENCY_FILE("p50_ns");
		EXPECT_GE(sum, value);
		/* Half of them are not longer. */
		for (j = 0, sum = 0; j <= docstore_latency_bucket(value - 1); j++)
			sum += l->bucket[j];
		EXPECT_LE(50, sum);
	}
	/* One's parts are no longer than the whole. */
	EXPECT_GE(self->latency[DOCSTORE_STAGE_TOTAL].sum_ns * 11 / 10,
		  self->latency[DOCSTORE_STAGE_PROCESS].sum_ns);

	/* None, and then about one in four. */
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LATENCY_SAMPLE, 0));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("x", self->a, i)));
	ASSERT_EQ(0, ds_stats(self->fd, &self->after, self->latency2));
	EXPECT_EQ(0, memcmp(self->latency, self->latency2, DOCSTORE_STAGES * sizeof(*l)));
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LATENCY_SAMPLE, 4));
	for (i = 0; i < 400; i++)
		ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("x", self->a, i)));
	ASSERT_EQ(0, ds_stats(self->fd, &self->after, self->latency2));
	EXPECT_LE(150, self->latency2[0].count);
	EXPECT_GE(250, self->latency2[0].count);
}

/* What the header computes, looked up the slow way. */
TEST(buckets)
{
	struct ds_random random = { ds_seed() };
	__u64 ns, last = 0;
	__u32 i, j;

	EXPECT_EQ(64, docstore_latency_bound(0));
	for (i = 0; i < DOCSTORE_LATENCY_BUCKETS; i++) {
		ns = docstore_latency_bound(i);
		EXPECT_LT(last, ns);
		/* Four to a power of two. */
		if (i >= 4)
			EXPECT_EQ(2 * docstore_latency_bound(i - 4), ns);
		EXPECT_EQ(i, docstore_latency_bucket(ns - 1));
		EXPECT_EQ(i + 1 < DOCSTORE_LATENCY_BUCKETS ? i + 1 : i,
			  docstore_latency_bucket(ns));
		last = ns;
	}
	EXPECT_LT(15 * DS_SECOND, last);
	EXPECT_EQ(DOCSTORE_LATENCY_BUCKETS - 1, docstore_latency_bucket(UINT64_MAX));
	for (i = 0; i < 100000; i++) {
		ns = ds_random(&random) >> ds_below(&random, 64);
		for (j = 0; j + 1 < DOCSTORE_LATENCY_BUCKETS; j++)
			if (ns < docstore_latency_bound(j))
				break;
		ASSERT_EQ(j, docstore_latency_bucket(ns));
	}
}

TEST_F(stats, files)
{
	static const struct {
		const char *name;
		size_t offset;
	} files[] = {
#define COUNTER(_name)	{ #_name, offsetof(struct docstore_counters, _name) }
		COUNTER(operations), COUNTER(batches), COUNTER(batches_failed),
		COUNTER(bytes_in), COUNTER(bytes_out), COUNTER(reads), COUNTER(scanned),
		COUNTER(hints), COUNTER(lent), COUNTER(polled), COUNTER(slept),
		COUNTER(errors), COUNTER(interrupted), COUNTER(timed_out),
		COUNTER(canceled), COUNTER(busy), COUNTER(no_memory), COUNTER(commits),
		COUNTER(changes), COUNTER(retired), COUNTER(reused), COUNTER(hot),
		COUNTER(checked), COUNTER(findings), COUNTER(repaired), COUNTER(stuck),
		COUNTER(stream_records), COUNTER(stream_lost), COUNTER(documents),
		COUNTER(bytes), COUNTER(bytes_used), COUNTER(bytes_retired),
		COUNTER(sessions), COUNTER(snapshots), COUNTER(streams),
		COUNTER(requests), COUNTER(request_bytes), COUNTER(queued),
	};
	char path[192], *s;
	__u64 value;
	size_t i;

	EXPECT_EQ(ARRAY_SIZE(files) * 8, sizeof(struct docstore_counters));
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 1000));
	EXPECT_EQ(-ENOENT, ds_do(self->fd, ds_if(ds_delete("none"), DOCSTORE_IF_EXISTS, 0)));
	/* Owners clean up a little later. */
	usleep(200000);
	ASSERT_EQ(0, ds_stats(self->fd, &self->after, NULL));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		s = (char *)&self->after + files[i].offset;
		snprintf(path, sizeof(path), DS_SYSFS "stores/%s/stats/%s", self->store.name,
			 files[i].name);
		ASSERT_EQ(0, ds_file_number(path, &value));
		EXPECT_EQ(*(__u64 *)(void *)s, value)
			TH_LOG("%s", files[i].name);
	}
}

TEST_F(stats, arguments)
{
	char *page = ds_map(16384, MAP_PRIVATE);
	struct docstore_stats s = {
		.size = sizeof(s), .counters = ds_ptr(page), .counters_size = 4097,
		.latency_size = sizeof(struct docstore_latency), .latency = ds_ptr(page),
	}, good;
	struct docstore_module_stats m = {
		.size = sizeof(m), .counters = ds_ptr(page), .counters_size = 8,
		.worker_size = sizeof(struct docstore_worker_stats),
		.contention_size = sizeof(struct docstore_contention),
	};

	EXPECT_EQ(-E2BIG, ds_ioctl(self->fd, DOCSTORE_STATS, &s));
	s.counters_size = sizeof(struct docstore_counters);
	good = s;
	s.flags = 1;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->fd, DOCSTORE_STATS, &s));
	s = good;
	s.__reserved = 1;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->fd, DOCSTORE_STATS, &s));
	s = good;
	s.latency_size--;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->fd, DOCSTORE_STATS, &s));
	s.latency_size = 4097;
	EXPECT_EQ(-E2BIG, ds_ioctl(self->fd, DOCSTORE_STATS, &s));
	s = good;
	s.counters_size--;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->fd, DOCSTORE_STATS, &s));
	s = good;
	s.counters = 0;
	EXPECT_EQ(-EFAULT, ds_ioctl(self->fd, DOCSTORE_STATS, &s));
	s = good;
	s.latency = 0;
	s.latency_count = 1;
	EXPECT_EQ(-EFAULT, ds_ioctl(self->fd, DOCSTORE_STATS, &s));
	/* What is not known is zero, and room that is not needed is left alone. */
	s = good;
	s.latency = 0;
	s.counters_size += 8;
	memset(page, DS_POISON, 16384);
	EXPECT_EQ(0, ds_ioctl(self->fd, DOCSTORE_STATS, &s));
	EXPECT_EQ(0, page[s.counters_size - 1]);
	EXPECT_EQ((char)DS_POISON, page[s.counters_size]);
	s = good;
	s.latency = ds_ptr(page);
	s.latency_count = UINT32_MAX;
	s.counters = ds_ptr(page + 12288);
	EXPECT_EQ(0, ds_ioctl(self->fd, DOCSTORE_STATS, &s));
	EXPECT_EQ(DOCSTORE_STAGES, s.latency_count);

	EXPECT_EQ(-EINVAL, ds_ioctl(self->control, DOCSTORE_MODULE_STATS, &m));
	m.counters_size = sizeof(struct docstore_module_counters);
	m.worker_size--;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->control, DOCSTORE_MODULE_STATS, &m));
	m.worker_size++;
	m.contention_size = 4097;
	EXPECT_EQ(-E2BIG, ds_ioctl(self->control, DOCSTORE_MODULE_STATS, &m));
	m.contention_size = sizeof(struct docstore_contention);
	m.__reserved = 1;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->control, DOCSTORE_MODULE_STATS, &m));
	m.__reserved = 0;
	m.worker_count = 1;
	EXPECT_EQ(-EFAULT, ds_ioctl(self->control, DOCSTORE_MODULE_STATS, &m));
}

static __u32 count_ready(const struct docstore_module_stats *m,
			 const struct docstore_worker_stats *workers)
{
	__u32 i, ready = 0;

	for (i = 0; i < m->worker_count; i++)
		ready += workers[i].ready;
	return ready;
}

TEST_F_TIMEOUT(stats, module, DS_TIMEOUT)
{
	struct docstore_module_counters before, after;
	struct docstore_contention places[32];
	struct docstore_worker_stats workers[64];
	struct docstore_module_stats m = {
		.size = sizeof(m), .counters = ds_ptr(&after), .counters_size = sizeof(after),
		.workers = ds_ptr(workers), .worker_size = sizeof(*workers), .worker_count = 64,
		.contention = ds_ptr(places), .contention_size = sizeof(*places),
		.contention_count = 32,
	};
	__u64 parts = 0, commits = 0, end;
	bool seen = false;
	__u32 i;

	ASSERT_EQ(0, ds_module_counters(self->control, &before));
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 0));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("x", self->a, i)));
	ASSERT_EQ(0, ds_ioctl(self->control, DOCSTORE_MODULE_STATS, &m));
	EXPECT_LE(100, after.pool_hits + after.pool_misses - before.pool_hits -
		       before.pool_misses);
	EXPECT_LT(50, after.pool_hits - before.pool_hits);
	EXPECT_EQ(before.configured + 1, after.configured);
	EXPECT_EQ(0, after.illegal);
	EXPECT_EQ(0, after.requests);
	EXPECT_LT(0, after.stores);
	EXPECT_LE(2, after.sessions);
	EXPECT_EQ(sysconf(_SC_NPROCESSORS_ONLN), m.worker_count);
	for (i = 0; i < m.worker_count; i++) {
		parts += workers[i].parts;
		commits += workers[i].commits;
		EXPECT_EQ(0, workers[i].__reserved);
	}
	EXPECT_LE(100, parts);
	EXPECT_LT(0, commits);
	/* They clean up now and then, and have nothing else to do. */
	for (end = ds_now() + 60 * DS_SECOND; count_ready(&m, workers); usleep(1000)) {
		ASSERT_LT(ds_now(), end);
		ASSERT_EQ(0, ds_ioctl(self->control, DOCSTORE_MODULE_STATS, &m));
	}
	for (i = 0; i < m.contention_count; i++) {
		const struct docstore_contention *p = &places[i];

		EXPECT_EQ(0, p->name[DOCSTORE_PLACE_NAME_SIZE - 1]);
		EXPECT_LE(p->contended, p->acquired);
		EXPECT_LE(p->wait_max_ns, p->wait_ns);
		if (!strcmp((char *)p->name, "config")) {
			EXPECT_LE(after.configured, p->acquired);
			seen = true;
		}
	}
	EXPECT_TRUE(seen);
	/* A batch that is larger than what is kept. */
	before = after;
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 256));
	{
		struct docstore_op *ops = ds_map(4096 * sizeof(*ops), MAP_PRIVATE);

		for (i = 0; i < 4096; i++)
			ops[i] = ds_set_s64("x", self->a, i);
		ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 4096, NULL));
	}
	ASSERT_EQ(0, ds_module_counters(self->control, &after));
	EXPECT_EQ(before.pool_large + 1, after.pool_large);
}

/* Counters don't go backwards while they are counted. */
TEST_F(stats, monotonic)
{
	volatile bool *stop = ds_shared(sizeof(*stop));
	/* All up to what goes up and down. */
	const size_t rising = offsetof(struct docstore_counters, documents) / sizeof(__u64);
	__u64 end, i, looks = 0, *before, *after;
	pid_t pids[2];
	int p, j;

	for (p = 0; p < 2; p++) {
		pids[p] = ds_fork();
		ASSERT_LE(0, pids[p]);
		if (pids[p])
			continue;
		for (i = 0; !*stop; i++) {
			char id[24];

			snprintf(id, sizeof(id), "p%d.%d", p, (int)(i % 50));
			DS_CHILD_EQ(0, ds_do(self->fd, i % 7 ? ds_set_s64(id, self->a, i) :
							       ds_touch(id, 0)));
			if (i % 50 == 49)
				for (j = 0; j < 50; j++) {
					snprintf(id, sizeof(id), "p%d.%d", p, j);
					DS_CHILD_EQ(0, ds_do(self->fd, ds_delete(id)));
				}
		}
		_exit(0);
	}
	end = ds_now() + ds_scale(2000) * (DS_SECOND / 1000);
	while (ds_now() < end) {
		ASSERT_EQ(0, ds_stats(self->fd, &self->after, self->latency));
		before = (__u64 *)(void *)&self->before;
		after = (__u64 *)(void *)&self->after;
		for (i = 0; i < rising; i++)
			ASSERT_LE(before[i], after[i]);
		EXPECT_GE(self->after.bytes, self->after.bytes_used);
		EXPECT_GE(self->after.bytes, self->after.bytes_retired);
		for (i = 0; i < DOCSTORE_STAGES; i++) {
			ASSERT_LE(self->latency2[i].count, self->latency[i].count);
			self->latency2[i] = self->latency[i];
		}
		self->before = self->after;
		looks++;
	}
	*stop = true;
	for (p = 0; p < 2; p++)
		EXPECT_EQ(0, ds_wait(pids[p]));
	EXPECT_LT(10, looks);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Batches that span partitions, many of them at once: they wait for the store's
 * coordinator in a queue that can be seen, and until their turn has come a signal, a
 * time limit or the end of a ring takes them out of it without a trace.
 *
 * Most tests add one to a counter in each partition, in one batch. All counters are the
 * same at any moment, and in the end what was said to have been done.
 */
#include "uring.h"
#include "snapshot.h"
#include "sysfs.h"

#include <sched.h>
#include <sys/time.h>

#include "docstore_harness.h"

#define PARTS		8
#define ATOMIC		DOCSTORE_SUBMIT_ATOMIC
#define LOADERS		4
#define LOAD_OPS	600		/* of the first one's batches */
#define LOAD_DOCS	200
#define QUEUE		1024		/* how many may wait if nothing else is said */
#define PATIENCE	(60 * DS_SECOND)

/* What processes tell each other. */
struct shared {
	volatile bool stop;
	volatile __s64 started[LOADERS], done[LOADERS], busy[LOADERS];
};

FIXTURE(coordinator) {
	struct ds_base s;
	int fd;
	int a;
	struct ds_where where;
	char ids[PARTS][32];
	unsigned int lend, queue;	/* the module's parameters before */
	struct shared *shared;
	pid_t loaders[LOADERS];
	unsigned int nloaders;
};

FIXTURE_VARIANT(coordinator) {
	unsigned int lend_documents;
};

FIXTURE_VARIANT_ADD(coordinator, lent) { .lend_documents = 128 };
FIXTURE_VARIANT_ADD(coordinator, not_lent) { .lend_documents = 0 };

static struct docstore_op *add_ops(FIXTURE_DATA(coordinator) *self, struct docstore_op *ops)
{
	unsigned int i;

	for (i = 0; i < PARTS; i++)
		ops[i] = ds_add(self->ids[i], self->a, 1);
	return ops;
}

/* One to each counter: 0 or -errno. None may be refused. */
static int add(FIXTURE_DATA(coordinator) *self, __u32 timeout_ms)
{
	struct docstore_op ops[PARTS];
	__u32 failed = 0;
	int ret = ds_submit_timeout(self->fd, ATOMIC, add_ops(self, ops), PARTS, timeout_ms,
				    &failed);

	return ret ?: failed ? ds_broken("%u were refused", failed) : 0;
}

/* All counters at one moment; -1 and a word if they differ. */
static __s64 count(FIXTURE_DATA(coordinator) *self, int fd)
{
	struct docstore_op ops[PARTS];
	__s64 values[PARTS];
	unsigned int i;
	__u32 failed = 0;
	int ret;

	do {
		for (i = 0; i < PARTS; i++)
			ops[i] = ds_get(self->ids[i], self->a, &values[i], sizeof(values[i]));
		ret = ds_submit(fd, ATOMIC, ops, PARTS, &failed);
	} while (ret == -EBUSY || ret == -EINTR);
	if (ret || failed)
		return ds_broken("no counters: %d, %u failed", ret, failed);
	for (i = 1; i < PARTS; i++)
		if (values[i] != values[0])
			return ds_broken("counter 0 is %lld, counter %u is %lld",
					 (long long)values[0], i, (long long)values[i]);
	return values[0];
}

static int begin(FIXTURE_DATA(coordinator) *self, unsigned int lend)
{
	int ret = parameter_get("lend_documents", &self->lend) ?:
		  parameter_get("span_queue", &self->queue) ?:
		  parameter_set("lend_documents", lend) ?:
		  ds_base_begin(&self->s, PARTS);
	struct docstore_op ops[PARTS];
	unsigned int i;
	__u32 failed = 0;

	self->fd = self->s.fd;
	self->a = self->s.a;
	self->shared = ds_shared(sizeof(*self->shared));
	ret = ret ?: ds_where_begin(&self->where, self->fd);
	if (ret)
		return ret;
	for (i = 0; i < PARTS; i++) {
		ds_where_id(&self->where, self->ids[i], "counter", i, 0);
		ops[i] = ds_set_s64(self->ids[i], self->a, 0);
	}
	return ds_submit(self->fd, ATOMIC, ops, PARTS, &failed) ?: -(int)failed;
}

static void load_end(FIXTURE_DATA(coordinator) *self)
{
	self->shared->stop = true;
	while (self->nloaders)
		ds_wait(self->loaders[--self->nloaders]);
	self->shared->stop = false;
}

FIXTURE_SETUP(coordinator)
{
	ASSERT_EQ(0, begin(self, variant->lend_documents));
}

FIXTURE_TEARDOWN(coordinator)
{
	load_end(self);
	EXPECT_EQ(0, parameter_set("lend_documents", self->lend));
	EXPECT_EQ(0, parameter_set("span_queue", self->queue));
	EXPECT_EQ(0, ds_base_end(&self->s));
}

/* Large batches, again and again: each loader's have a size of their own. */
static __u32 load_ops(unsigned int me)
{
	return LOAD_OPS + 100 * me;
}

static void load(FIXTURE_DATA(coordinator) *self, unsigned int me)
{
	struct docstore_op *ops = ds_map(load_ops(me) * sizeof(*ops), MAP_PRIVATE);
	char (*ids)[16] = ds_map(LOAD_DOCS * sizeof(*ids), MAP_PRIVATE);
	__u32 i, failed = 0;
	int ret;

	for (i = 0; i < LOAD_DOCS; i++)
		snprintf(ids[i], sizeof(ids[i]), "l%u.%u", me, i);
	while (!self->shared->stop) {
		for (i = 0; i < load_ops(me); i++)
			ops[i] = ds_set_s64(ids[i % LOAD_DOCS], self->a, i);
		ret = ds_submit(self->fd, ATOMIC, ops, load_ops(me), &failed);
		DS_CHILD(!ret || ret == -EBUSY);
		if (ret) {
			self->shared->busy[me]++;
		} else {
			DS_CHILD_EQ(0, failed);
			self->shared->done[me]++;
		}
	}
}

static int load_begin(FIXTURE_DATA(coordinator) *self, unsigned int n)
{
	for (; self->nloaders < n; self->nloaders++) {
		pid_t pid = ds_fork();

		if (pid < 0)
			return -errno;
		if (!pid) {
			load(self, self->nloaders);
			_exit(0);
		}
		self->loaders[self->nloaders] = pid;
	}
	return 0;
}

static __s64 sum(const volatile __s64 *of)
{
	__s64 all = 0;
	unsigned int i;

	for (i = 0; i < LOADERS; i++)
		all += of[i];
	return all;
}

/* The queue -------------------------------------------------------------------- */

/*
 * What is seen of the queue at one moment is right; how many were told, or -1. There may
 * be more that wait: those that are about to be added, and such as came meanwhile.
 */
static int queue_right(FIXTURE_DATA(coordinator) *self, __u32 room, __u64 since)
{
	struct docstore_waiting waiting[LOADERS + 1];
	struct docstore_coordinator c;
	unsigned int i, k;
	int ret = ds_coordinator(self->fd, waiting, room, &c);

	if (ret)
		return ret;
	if (c.queued > LOADERS || c.queued > c.max_queued ||
	    c.count > c.queued)
		return ds_broken("%u of %u wait, %u of %u were told", c.queued, c.max_queued,
				 c.count, room);
	for (i = 0; i < c.count; i++) {
		for (k = 0; k < LOADERS && waiting[i].operations != load_ops(k); k++)
			;
		if (k == LOADERS || waiting[i].partitions != PARTS)
			return ds_broken("%u operations in %u partitions wait",
					 waiting[i].operations, waiting[i].partitions);
		if (waiting[i].waited > ds_now() - since)
			return ds_broken("a batch waited %llu ns",
					 (unsigned long long)waiting[i].waited);
		/* The next one first. */
		if (i && waiting[i].waited > waiting[i - 1].waited)
			return ds_broken("a batch waited longer than the one before it");
	}
	for (; i < room; i++)
		if (waiting[i].waited || waiting[i].operations || waiting[i].partitions)
			return ds_broken("there is something behind the batches that wait");
	return c.count;
}

TEST_F_TIMEOUT(coordinator, queue, DS_TIMEOUT)
{
	unsigned int looks, seen[LOADERS + 1] = { 0 };
	struct docstore_coordinator before, c;
	__u64 begin = ds_now();
	int n;

	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &before));
	EXPECT_EQ(self->queue, before.max_queued);
	EXPECT_EQ(0, before.queued);
	ASSERT_EQ(0, load_begin(self, LOADERS));
	for (looks = 0; looks < ds_scale(500) || ((!seen[2] || !seen[3]) &&
						  ds_now() < begin + PATIENCE); looks++) {
		n = queue_right(self, looks % (LOADERS + 2), begin);
		ASSERT_LE(0, n);
		seen[n]++;
		if (looks % 8 == 0)
			usleep(1000);
	}
	load_end(self);
	/* Of four, one is being carried out, and the others wait. */
	EXPECT_LT(0, seen[2]);
	EXPECT_LT(0, seen[3]);
	EXPECT_EQ(0, queue_right(self, 1, begin));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &c));
	EXPECT_EQ(before.commits + sum(self->shared->done), c.commits);
	EXPECT_LT(before.wait_ns, c.wait_ns);
	EXPECT_LT(before.prepare_ns, c.prepare_ns);
	EXPECT_LT(before.publish_ns, c.publish_ns);
	EXPECT_LT(0, c.wait_max_ns);
	EXPECT_LT(0, c.prepare_max_ns);
	EXPECT_LT(0, c.publish_max_ns);
	EXPECT_LE(c.wait_max_ns, c.wait_ns);
	EXPECT_LE(c.prepare_max_ns, c.prepare_ns);
	EXPECT_LE(c.publish_max_ns, c.publish_ns);
	EXPECT_GT(ds_now() - begin, c.wait_max_ns);
	/* One at a time. */
	EXPECT_GT(ds_now() - begin, c.prepare_ns + c.publish_ns);
	EXPECT_EQ(0, c.refused + c.canceled + c.timed_out + c.rejected);
	TH_LOG("%lld batches; 0 to %u were told %u, %u, %u, %u, %u times", (long long)c.commits,
	       LOADERS, seen[0], seen[1], seen[2], seen[3], seen[4]);
}

/* As many wait as may, and no more. */
TEST_F_TIMEOUT(coordinator, queue_full, DS_TIMEOUT)
{
	__u64 begin = ds_now();
	struct docstore_coordinator before, c;
	__s64 done = 0, busy = 0;
	int ret;

	EXPECT_EQ(QUEUE, self->queue);
	ASSERT_EQ(0, parameter_set("span_queue", 1));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &before));
	EXPECT_EQ(1, before.max_queued);
	ASSERT_EQ(0, load_begin(self, LOADERS));
	while (busy < 20 && ds_now() < begin + PATIENCE) {
		ret = add(self, 0);
		if (ret == -EBUSY) {
			busy++;
			continue;
		}
		ASSERT_EQ(0, ret);
		done++;
	}
	load_end(self);
	EXPECT_LE(20, busy);
	EXPECT_EQ(done, count(self, self->fd));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &c));
	EXPECT_EQ(before.rejected + busy + sum(self->shared->busy), c.rejected);
	EXPECT_EQ(before.commits + done + sum(self->shared->done) + 1, c.commits);
	TH_LOG("%lld and %lld done, %lld and %lld refused for want of room", (long long)done,
	       (long long)sum(self->shared->done), (long long)busy,
	       (long long)sum(self->shared->busy));
}

/* Those of one partition go on beside it, and don't go through it. */
TEST_F_TIMEOUT(coordinator, others_go_on, DS_TIMEOUT)
{
	__u64 begin = ds_now(), least = ds_scale(700) * (DS_SECOND / 1000);
	struct docstore_op ops[3];
	struct docstore_coordinator before, c;
	unsigned int rounds, i;
	char ids[3][32];
	__u32 failed = 0;

	for (i = 0; i < 3; i++)
		ds_where_id(&self->where, ids[i], "single", 5, i);
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &before));
	ASSERT_EQ(0, load_begin(self, 2));
	for (rounds = 0; ds_now() < begin + least ||
	     ((rounds < 20 || sum(self->shared->done) < 5) && ds_now() < begin + PATIENCE);
	     rounds++) {
		for (i = 0; i < 3; i++)
			ops[i] = ds_add(ids[i], self->a, 1);
		ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, 3, &failed));
		ASSERT_EQ(0, failed);
	}
	load_end(self);
	EXPECT_LE(5, sum(self->shared->done));
	EXPECT_LE(20, rounds);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(rounds, ds_fetch_s64(self->fd, ids[i], self->a));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &c));
	EXPECT_EQ(before.commits + sum(self->shared->done), c.commits);
	TH_LOG("%u batches in one partition, %lld in all", rounds,
	       (long long)sum(self->shared->done));
}

/* Given up ------------------------------------------------------------------------ */

/* What is too late has not been done, and never is. */
TEST_F_TIMEOUT(coordinator, timeout, DS_TIMEOUT)
{
	__u64 begin = ds_now(), least = ds_scale(500) * (DS_SECOND / 1000), took;
	struct docstore_coordinator before, c;
	__s64 done = 0, late = 0;
	int ret;

	ASSERT_EQ(0, load_begin(self, LOADERS));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &before));
	while (ds_now() < begin + least || (late < 5 && ds_now() < begin + PATIENCE)) {
		took = ds_now();
		ret = add(self, 1 + (done + late) % 3);
		took = ds_now() - took;
		if (ret == -ETIMEDOUT) {
			EXPECT_LE(1000000, took);
			late++;
			continue;
		}
		ASSERT_EQ(0, ret);
		done++;
	}
	EXPECT_LE(5, late);
	EXPECT_EQ(done, count(self, self->fd));
	ASSERT_EQ(0, add(self, ~0U));
	load_end(self);
	EXPECT_EQ(done + 1, count(self, self->fd));
	usleep(50000);
	EXPECT_EQ(done + 1, count(self, self->fd));
	EXPECT_EQ(done + 2, ds_version_of(self->fd, self->ids[0]));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &c));
	EXPECT_LT(before.timed_out, c.timed_out);
	EXPECT_GE(before.timed_out + late, c.timed_out);
	TH_LOG("%lld done, %lld too late", (long long)done, (long long)late);
}

static void handler(int signal)
{
	(void)signal;
}

static void interrupt_every(__u64 us, int sa_flags)
{
	const struct timeval time = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
	struct itimerval timer = { .it_interval = time, .it_value = time };
	struct sigaction action = { .sa_handler = handler, .sa_flags = sa_flags };

	/* The harness's own alarm is the parent's. */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

TEST_F_TIMEOUT(coordinator, signals, DS_TIMEOUT)
{
	__u64 begin = ds_now(), least = ds_scale(500) * (DS_SECOND / 1000), longest;
	struct docstore_coordinator before, c;
	__s64 done = 0, interrupted = 0, again;
	int ret;

	ASSERT_EQ(0, load_begin(self, LOADERS));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &before));
	interrupt_every(3000, 0);
	while (ds_now() < begin + least || (interrupted < 5 && ds_now() < begin + PATIENCE)) {
		ret = add(self, 0);
		ASSERT_TRUE(!ret || ret == -EINTR);
		done += !ret;
		interrupted += !!ret;
	}
	interrupt_every(0, 0);
	EXPECT_LE(5, interrupted);
	EXPECT_EQ(done, count(self, self->fd));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &c));
	EXPECT_LT(before.canceled, c.canceled);
	EXPECT_GE(before.canceled + interrupted, c.canceled);

	/*
	 * Calls that are restarted are carried out once. Each time they wait behind all
	 * others again: for longer than one turn takes nobody may be left alone.
	 */
	for (again = 0, longest = 5000000; again < 5; again++) {
		begin = ds_now();
		ASSERT_EQ(0, add(self, 0));
		if (longest < ds_now() - begin)
			longest = ds_now() - begin;
	}
	interrupt_every(longest * 4 / 1000, SA_RESTART);
	for (; again < ds_scale(25); again++)
		ASSERT_EQ(0, add(self, 0));
	interrupt_every(0, 0);
	load_end(self);
	EXPECT_EQ(done + again, count(self, self->fd));
	TH_LOG("%lld done, %lld interrupted", (long long)done, (long long)interrupted);
}

/* Who is killed has done whole batches, all that were acknowledged. */
TEST_F_TIMEOUT(coordinator, kill, DS_TIMEOUT)
{
	unsigned int kills = ds_env("DOCSTORE_KILLS", ds_scale(400)) / 4 + LOADERS, i, me;
	struct ds_random random = { .state = ds_seed() };
	struct shared *s = self->shared;
	__s64 now, last = 0;
	pid_t pids[LOADERS];
	int before;

	before = references();
	for (i = 0; i < LOADERS + kills; i++) {
		me = i % LOADERS;
		if (i >= LOADERS) {
			usleep(ds_below(&random, ds_below(&random, 4) ? 3000 : 20000));
			ASSERT_EQ(0, kill(pids[me], SIGKILL));
			ASSERT_EQ(128 + SIGKILL, ds_wait(pids[me]));
			now = count(self, self->fd);
			ASSERT_LE(last, now);
			last = now;
		}
		pids[me] = ds_fork();
		ASSERT_LE(0, pids[me]);
		while (!pids[me]) {
			s->started[me]++;
			DS_CHILD_EQ(0, add(self, 0));
			s->done[me]++;
		}
	}
	for (i = 0; i < LOADERS; i++) {
		ASSERT_EQ(0, kill(pids[i], SIGKILL));
		ASSERT_EQ(128 + SIGKILL, ds_wait(pids[i]));
	}
	now = count(self, self->fd);
	EXPECT_LE(sum(s->done), now);
	EXPECT_GE(sum(s->started), now);
	EXPECT_GE(sum(s->done) + kills + LOADERS, now);
	usleep(50000);
	EXPECT_EQ(now, count(self, self->fd));
	EXPECT_EQ(before, references_become(before, 30));
	TH_LOG("%lld acknowledged, %lld done, %u killed", (long long)sum(s->done),
	       (long long)now, kills + LOADERS);
}

/* Rings ----------------------------------------------------------------------------- */

#define BATCHES		32

struct job {
	struct docstore_op ops[PARTS];
	struct docstore_submit arg;
};

static const struct kind {
	__u32 setup;
	__u8 sqe;
} kinds[] = {
	{ 0, 0 },
	{ 0, IOSQE_ASYNC },
	{ IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, 0 },
};

/* 0, or -errno where the kernel has no such ring for us. */
static int ring_begin(struct ds_ring *ring, const struct kind *kind)
{
	return ds_ring_open(ring, 2 * BATCHES, kind->setup);
}

static void submit_by_ring(FIXTURE_DATA(coordinator) *self, int fd, struct ds_ring *ring,
			   const struct kind *kind, struct job *job, unsigned int i)
{
	struct io_uring_sqe *sqe = ds_ring_sqe(ring);
	unsigned int n;

	if (!sqe)
		abort();
	add_ops(self, job->ops);
	for (n = 0; n < PARTS; n++)
		job->ops[n].result = (__s32)DS_POISON32;
	job->arg = (struct docstore_submit) {
		.size = sizeof(job->arg), .flags = ATOMIC, .ops = ds_ptr(job->ops),
		.op_size = sizeof(job->ops[0]), .count = PARTS, .failed = DS_POISON32,
	};
	ds_ring_fill(sqe, fd, DOCSTORE_SUBMIT, &job->arg, i);
	sqe->flags = kind->sqe;
}

/* A completion's result and what was written are of one mind. */
static int job_right(const struct job *job, int res)
{
	unsigned int n;

	for (n = 0; n < PARTS; n++)
		if (job->ops[n].result != (res ? (__s32)DS_POISON32 : 0))
			return ds_broken("%d, and operation %u says %d", res, n,
					 job->ops[n].result);
	return job->arg.failed == (res ? DS_POISON32 : 0) ? 0 :
	       ds_broken("%d, and %u failed", res, job->arg.failed);
}

/* Each is canceled, too late or refused, and leaves no trace, or is done. */
TEST_F_TIMEOUT(coordinator, rings, DS_TIMEOUT)
{
	struct job *jobs = ds_map(BATCHES * sizeof(*jobs), MAP_PRIVATE);
	__s64 done = 0, canceled = 0, late = 0, busy = 0;
	struct docstore_coordinator before, c;
	unsigned int k, i, round, all = 0;
	struct io_uring_sqe *sqe;
	struct ds_ring ring;
	bool seen[2 * BATCHES];
	__u64 data;
	int res;

	if (ring_begin(&ring, &kinds[0]))
		SKIP(return, "this kernel has no io_uring for us");
	ds_ring_close(&ring);
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &before));
	ASSERT_EQ(0, load_begin(self, 2));
	for (round = 0; round < ds_scale(4) * ARRAY_SIZE(kinds); round++) {
		k = round % ARRAY_SIZE(kinds);
		if (ring_begin(&ring, &kinds[k]))
			continue;
		/* One time in four there is no room for all. */
		ASSERT_EQ(0, parameter_set("span_queue", round / ARRAY_SIZE(kinds) % 4 == 3 ?
					   BATCHES / 4 : QUEUE));
		for (i = 0; i < BATCHES; i++) {
			submit_by_ring(self, self->fd, &ring, &kinds[k], &jobs[i], i);
			jobs[i].arg.timeout_ms = i % 4 ? 0 : 1 + i % 5;
		}
		ASSERT_LE(0, ds_ring_enter(&ring, 0));
		for (i = 0; i < BATCHES; i += 2) {
			sqe = ds_ring_sqe(&ring);
			ASSERT_NE(NULL, sqe);
			sqe->opcode = IORING_OP_ASYNC_CANCEL;
			sqe->fd = -1;
			sqe->addr = i + 1;
			sqe->user_data = BATCHES + i;
		}
		memset(seen, 0, sizeof(seen));
		for (i = 0; i < BATCHES + BATCHES / 2; i++) {
			ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
			ASSERT_GT(2 * BATCHES, data);
			ASSERT_FALSE(seen[data]);
			seen[data] = true;
			if (data >= BATCHES)
				continue;
			ASSERT_TRUE(!res || res == -EBUSY ||
				    (res == -ECANCELED && data % 2) ||
				    (res == -ETIMEDOUT && data % 4 == 0)) {
				TH_LOG("batch %llu: %d", (unsigned long long)data, res);
			}
			ASSERT_EQ(0, job_right(&jobs[data], res));
			done += !res;
			canceled += res == -ECANCELED;
			late += res == -ETIMEDOUT;
			busy += res == -EBUSY;
			all++;
		}
		EXPECT_EQ(0, ds_ring_close(&ring));
		ASSERT_EQ(done, count(self, self->fd));
	}
	load_end(self);
	EXPECT_EQ(done, count(self, self->fd));
	EXPECT_EQ((__u64)done + 1, ds_version_of(self->fd, self->ids[0]));
	EXPECT_LT(0, done);
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &c));
	/* What a thread of io_uring has not begun with never came so far. */
	EXPECT_GE(before.canceled + canceled, c.canceled);
	EXPECT_GE(before.timed_out + late, c.timed_out);
	EXPECT_EQ(before.rejected + busy + sum(self->shared->busy), c.rejected);
	TH_LOG("of %u: %lld done, %lld canceled, %lld too late, %lld without room", all,
	       (long long)done, (long long)canceled, (long long)late, (long long)busy);
}

/* Processes and rings go with many batches under way. */
TEST_F_TIMEOUT(coordinator, rings_end, DS_TIMEOUT)
{
	struct job *jobs = ds_map(BATCHES * sizeof(*jobs), MAP_PRIVATE);
	struct ds_random random = { .state = ds_seed() };
	unsigned int round, rounds = ds_scale(16), i;
	const struct kind *kind;
	struct ds_ring ring;
	__s64 now, last = 0;
	pid_t pid;

	if (ring_begin(&ring, &kinds[0]))
		SKIP(return, "this kernel has no io_uring for us");
	ds_ring_close(&ring);
	ASSERT_EQ(0, load_begin(self, 2));
	for (round = 0; round < rounds; round++) {
		kind = &kinds[round % ARRAY_SIZE(kinds)];
		pid = ds_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			if (ring_begin(&ring, kind))
				_exit(0);
			for (i = 0; i < BATCHES; i++)
				submit_by_ring(self, self->fd, &ring, kind, &jobs[i], i);
			ds_ring_enter(&ring, 0);
			if (round % 4 == 0)
				kill(getpid(), SIGKILL);
			if (round % 4 == 1)
				close(ring.fd);
			if (round % 4 == 3)
				for (;;)
					pause();
			_exit(0);
		}
		if (round % 4 == 3) {
			usleep(ds_below(&random, 20000));
			kill(pid, SIGKILL);
		}
		ds_wait(pid);
		for (i = 0; i < 2; i++) {
			now = count(self, self->fd);
			ASSERT_LE(last, now);
			last = now;
		}
	}
	load_end(self);
	now = count(self, self->fd);
	EXPECT_LE(last, now);
	EXPECT_GE(rounds * BATCHES, now);
	usleep(100000);
	EXPECT_EQ(now, count(self, self->fd));
	TH_LOG("%lld of %u were carried out", (long long)now, rounds * BATCHES);
}

/* The store's end -------------------------------------------------------------------- */

/* Who has a store that was removed goes on with it; what is under way is done. */
TEST_F_TIMEOUT(coordinator, removed, DS_TIMEOUT)
{
	struct job *jobs = ds_map(BATCHES * sizeof(*jobs), MAP_PRIVATE);
	unsigned int round, i, k;
	bool rings = true;
	struct ds_store store;
	struct ds_ring ring;
	pid_t pids[2];
	__u64 data;
	int before, res;

	before = references();
	for (round = 0; round < ds_scale(6); round++) {
		ASSERT_EQ(0, ds_store_begin(&store, "gone", PARTS, 0));
		ASSERT_EQ(1, ds_prop_id(store.fd, "a"));
		k = round % ARRAY_SIZE(kinds);
		rings = !ring_begin(&ring, &kinds[k]);
		for (i = 0; i < 2; i++) {
			pids[i] = ds_fork();
			ASSERT_LE(0, pids[i]);
			if (!pids[i]) {
				self->fd = store.fd;
				for (i = 0; i < 20; i++)
					DS_CHILD_EQ(0, add(self, 0));
				DS_CHILD(count(self, store.fd) >= 20);
				_exit(0);
			}
		}
		for (i = 0; rings && i < BATCHES; i++)
			submit_by_ring(self, store.fd, &ring, &kinds[k], &jobs[i], i);
		if (rings)
			ASSERT_LE(0, ds_ring_enter(&ring, 0));
		ASSERT_EQ(0, ds_store_end(&store));
		for (i = 0; rings && i < BATCHES; i++) {
			ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
			ASSERT_GT(BATCHES, data);
			/* A thread that has not begun finds no descriptor. */
			if (res == -EBADF && kinds[k].sqe & IOSQE_ASYNC)
				continue;
			ASSERT_EQ(0, res);
			ASSERT_EQ(0, job_right(&jobs[data], res));
		}
		if (rings)
			EXPECT_EQ(0, ds_ring_close(&ring));
		for (i = 0; i < 2; i++)
			ASSERT_EQ(0, ds_wait(pids[i]));
	}
	if (before >= 0)
		EXPECT_EQ(before, references_become(before, 30));
}

TEST_HARNESS_MAIN

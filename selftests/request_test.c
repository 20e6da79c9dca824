// SPDX-License-Identifier: GPL-2.0
/*
 * The life of requests, as their tracepoint tells it: which states one goes through, and
 * how it ends when it fails, is stuck, or loses its descriptor or process.
 *
 * Requests are made to stay in a state by userfaultfd: to copy what they point at takes
 * as long as the test wants; or by keeping a worker from running.
 */
#include "hold.h"
#include "monitor.h"
#include "request_trace.h"
#include "uring.h"

#include <pthread.h>
#include <linux/userfaultfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>

#include "docstore_harness.h"

/* Each state that a request goes through. */
#define SENDING		"NEW PARSING VALIDATED PROCESSING COMPLETE SENDING"
#define DONE		SENDING " DONE"

FIXTURE(request) {
	struct ds_store store;
	int control, fd, a;
	struct docstore_module_counters before;
	struct trace trace;
};

FIXTURE_SETUP(request)
{
	struct docstore_store_info info;

	self->trace.text = ds_map(TRACE_ROOM, MAP_PRIVATE);
	ASSERT_EQ(0, ds_store_begin(&self->store, "request", 3, 64 << 20));
	self->control = self->store.control;
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	self->trace.incarnation = info.incarnation;
	ASSERT_EQ(0, ds_module_counters(self->control, &self->before));
	if (geteuid() || trace_begin())
		SKIP(return, "no tracing");
	ASSERT_EQ(0, trace_clear());
}

FIXTURE_TEARDOWN(request)
{
	struct docstore_module_counters c;
	__u64 end = ds_now() + 30 * DS_SECOND;

	rmdir(INSTANCE);
	if (self->fd >= 0)
		EXPECT_EQ(0, ds_store_end(&self->store));
	/* Nothing is left under way, or has gone where it may not. */
	self->control = ds_control();
	do {
		ASSERT_EQ(0, ds_module_counters(self->control, &c));
	} while (c.requests && ds_now() < end && !usleep(10000));
	EXPECT_EQ(0, c.requests);
	EXPECT_EQ(0, c.illegal);
	close(self->control);
}

#define EXPECT_LIFE(_states, _error)					\
	do {								\
		int __error;						\
		const char *__life = life(&self->trace, &__error);		\
									\
		EXPECT_STREQ(_states, __life);				\
		EXPECT_EQ(_error, __error);				\
	} while (0)

TEST_F(request, done)
{
	struct docstore_op ops[64];
	char ids[64][8];
	__u32 i, failed;

	ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("x", self->a, 1)));
	EXPECT_LIFE(DONE, 0);
	/* By its owner. */
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 0));
	ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("x", self->a, 2)));
	EXPECT_LIFE(DONE, 0);
	/* In several partitions, each for itself and together, and both ways. */
	for (i = 0; i < 64; i++) {
		snprintf(ids[i], sizeof(ids[i]), "s%u", i);
		ops[i] = ds_set_s64(ids[i], self->a, i);
	}
	ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 64, &failed));
	EXPECT_LIFE(DONE, 0);
	for (i = 0; i < 64; i++)
		ops[i] = ds_set_s64(ids[i], self->a, i);
	ASSERT_EQ(0, ds_submit(self->fd, DOCSTORE_SUBMIT_ATOMIC, ops, 64, &failed));
	EXPECT_LIFE(DONE, 0);
	ASSERT_EQ(0, ds_config_reset(self->fd, DS_BIT(LEND_DOCUMENTS)));
	/* Refused, which is a result like others. */
	for (i = 0; i < 64; i++)
		ops[i] = ds_if(ds_set_s64(ids[i], self->a, i), DOCSTORE_IF_ABSENT, 0);
	ASSERT_EQ(0, ds_submit(self->fd, DOCSTORE_SUBMIT_ATOMIC, ops, 64, &failed));
	EXPECT_EQ(64, failed);
	EXPECT_LIFE(DONE, 0);
}

TEST_F(request, errors)
{
	struct docstore_op *ops = ds_map(4096, MAP_PRIVATE);
	struct docstore_submit submit = {
		.size = sizeof(submit), .ops = ds_ptr(ops), .op_size = sizeof(*ops), .count = 1,
	};

	ops[0] = ds_set_s64("x", self->a, 1);
	ops[0].code = 99;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->fd, DOCSTORE_SUBMIT, &submit));
	EXPECT_LIFE("NEW PARSING ERROR", -EINVAL);
	ops[0] = ds_set_s64("x", self->a, 1);
	ops[0].id = 8;
	EXPECT_EQ(-EFAULT, ds_ioctl(self->fd, DOCSTORE_SUBMIT, &submit));
	EXPECT_LIFE("NEW PARSING ERROR", -EFAULT);
	/* Results that cannot be told: it was carried out. */
	ops[0] = ds_set_s64("x", self->a, 7);
	ASSERT_EQ(0, mprotect(ops, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, ds_ioctl(self->fd, DOCSTORE_SUBMIT, &submit));
	EXPECT_LIFE("NEW PARSING VALIDATED PROCESSING COMPLETE SENDING ERROR", -EFAULT);
	EXPECT_EQ(7, ds_fetch_s64(self->fd, "x", self->a));
}

static void on_signal(int signal)
{
	(void)signal;
}

/* A partition that is busy with others' large batches, and one who waits for it. */
TEST_F(request, waiting)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct itimerval timer = { .it_interval.tv_usec = 2000, .it_value.tv_usec = 2000 };
	volatile bool *stop = ds_shared(sizeof(*stop));
	struct docstore_counters before, after;
	struct docstore_op op;
	__u64 end;
	pid_t pids[2];
	int i, ret;

	for (i = 0; i < 2; i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		while (!*stop)
			DS_CHILD_EQ(0, ds_fill(self->fd, self->a, i ? "l" : "m", 0, 4000));
		_exit(0);
	}
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 0));
	/* In the trace is only what ends in this way. */
	ASSERT_EQ(0, ds_file_write(INSTANCE "events/docstore/docstore_request/filter",
				   "error != 0"));
	ASSERT_EQ(0, ds_stats(self->fd, &before, NULL));
	end = ds_now() + 60 * DS_SECOND;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	do {
		op = ds_set_s64("x", self->a, 1);
		ret = ds_submit(self->fd, 0, &op, 1, NULL);
	} while (!ret && ds_now() < end);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
	*stop = true;
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, ds_wait(pids[i]));
	if (!ret)
		SKIP(return, "no signal came while it waited");
	EXPECT_EQ(-EINTR, ret);
	ASSERT_EQ(0, ds_stats(self->fd, &after, NULL));
	EXPECT_EQ(before.interrupted + 1, after.interrupted);
	EXPECT_EQ(before.errors + 1, after.errors);
	EXPECT_LIFE("VALIDATED ERROR", -512);
}

/* Stuck ----------------------------------------------------------------------- */

struct stuck {
	int fd, uffd, a, ret;
	bool sending;		/* when it has been carried out, and not before */
	char *page;		/* missing, until it is told what is there */
	pthread_t thread;
};

static void *stuck_submit(void *arg)
{
	struct stuck *s = arg;
	struct docstore_op ops[2] = { ds_set_bytes("stuck", s->a, s->page, 4096) };

	if (s->sending) {
		ops[0] = ds_set_s64("stuck", s->a, 1);
		ops[1] = ds_get("stuck", s->a, s->page, 4096);
	}
	s->ret = ds_submit(s->fd, 0, ops, s->sending ? 2 : 1, NULL) ?: ops[0].result;
	return NULL;
}

static int stuck_prepare(struct stuck *s)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range;

	s->uffd = syscall(__NR_userfaultfd, O_CLOEXEC);
	if (s->uffd < 0 || ioctl(s->uffd, UFFDIO_API, &api))
		return -1;
	s->page = ds_map(4096, MAP_PRIVATE);
	range = (struct uffdio_register){
		.range = { ds_ptr(s->page), 4096 }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	return ioctl(s->uffd, UFFDIO_REGISTER, &range);
}

/* Waits until somebody needs the page. */
static int stuck_wait(struct stuck *s)
{
	struct uffd_msg msg;

	return read(s->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT ? 0 : -1;
}

static int stuck_resolve(struct stuck *s)
{
	struct uffdio_zeropage zero = { .range = { ds_ptr(s->page), 4096 } };

	return ioctl(s->uffd, UFFDIO_ZEROPAGE, &zero);
}

#define STUCK_BEGIN(_s)							\
	do {								\
		(_s)->fd = self->fd;					\
		(_s)->a = self->a;					\
		if (stuck_prepare(_s))					\
			SKIP(return, "no userfaultfd");			\
		ASSERT_EQ(0, pthread_create(&(_s)->thread, NULL, stuck_submit, _s)); \
		ASSERT_EQ(0, stuck_wait(_s));				\
	} while (0)

/* Who has begun with a descriptor goes on, whoever closes it. */
TEST_F(request, closed_meanwhile)
{
	struct docstore_module_counters c;
	struct stuck s = { };
	char value[4096];
	struct docstore_read r;

	STUCK_BEGIN(&s);
	EXPECT_LIFE("NEW PARSING", 0);
	ASSERT_EQ(0, ds_module_counters(self->control, &c));
	EXPECT_EQ(1, c.requests);
	close(self->fd);
	ASSERT_EQ(0, stuck_resolve(&s));
	pthread_join(s.thread, NULL);
	EXPECT_EQ(0, s.ret);
	EXPECT_LIFE(DONE, 0);
	close(s.uffd);
	self->fd = self->store.fd = ds_open(self->control, self->store.name, DS_RW);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, ds_read(self->fd, "stuck", self->a, value, sizeof(value), &r));
	EXPECT_EQ(4096, r.length);
}

/* A process that is killed while its request, or what came of it, is copied. */
static void killed(struct __test_metadata *_metadata, FIXTURE_DATA(request) *self, bool sending)
{
	struct docstore_counters before, after;
	int pipes[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, ds_stats(self->fd, &before, NULL));
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct stuck s = { .fd = self->fd, .a = self->a, .sending = sending };

		if (stuck_prepare(&s))
			_exit(4);
		DS_CHILD(!pthread_create(&s.thread, NULL, stuck_submit, &s));
		DS_CHILD(!stuck_wait(&s));
		DS_CHILD(write(pipes[1], "", 1) == 1);
		pause();
		_exit(0);
	}
	close(pipes[1]);
	if (read(pipes[0], &c, 1) != 1)
		SKIP(return, "no userfaultfd");
	EXPECT_LIFE(sending ? SENDING : "NEW PARSING", 0);
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, ds_wait(pid));
	close(pipes[0]);
	EXPECT_LIFE(sending ? SENDING " ERROR" : "NEW PARSING ERROR", -EFAULT);
	ASSERT_EQ(0, ds_stats(self->fd, &after, NULL));
	EXPECT_EQ(before.errors + 1, after.errors);
	EXPECT_EQ(sending, ds_version_of(self->fd, "stuck") != 0);
}

TEST_F(request, killed)
{
	killed(_metadata, self, false);
}

TEST_F(request, killed_sending)
{
	killed(_metadata, self, true);
}

/* Held up --------------------------------------------------------------------- */

/* Where the kernel gives the worker time even so, it is tried again. */
#define TRIES		10
#define MANY		4

struct held {
	struct ds_hold hold;
	int cpu;
	char id[16], other[16];		/* documents of the worker there, and of another */
};

/* Two documents of different workers: 0, or -ENOENT where there is but one worker. */
static int held_find(FIXTURE_DATA(request) *self, struct held *h)
{
	char id[sizeof(h->id)];
	int cpu, i;

	h->cpu = -1;
	h->other[0] = 0;
	for (i = 0; i < 64 && (h->cpu < 0 || !h->other[0]); i++) {
		snprintf(id, sizeof(id), "h%d", i);
		cpu = ds_worker_cpu(self->control, self->fd, id, self->a);
		if (cpu < 0)
			return cpu;
		/* The first CPU has more to do for others. */
		if (cpu && h->cpu < 0) {
			h->cpu = cpu;
			strcpy(h->id, id);
		} else if (cpu != h->cpu) {
			strcpy(h->other, id);
		}
	}
	return h->cpu >= 0 && h->other[0] ? 0 : -ENOENT;
}

#define HELD_FIND(_h)							\
	do {								\
		int __ret = held_find(self, _h);			\
									\
		if (__ret == -ENOENT)					\
			SKIP(return, "there is but one worker");	\
		ASSERT_EQ(0, __ret);					\
		ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 0)); \
	} while (0)

#define HELD_BEGIN(_h)							\
	do {								\
		int __ret = ds_hold_begin(&(_h)->hold, (_h)->cpu);	\
									\
		if (__ret)						\
			SKIP(return, "no CPU can be held: %s", strerror(-__ret)); \
	} while (0)

/* Waits until the last request is where it is to stay; false if it goes on. */
static bool life_becomes(FIXTURE_DATA(request) *self, const char *states)
{
	__u64 end = ds_now() + 5 * DS_SECOND;
	const char *seen;
	int error;

	do {
		seen = life(&self->trace, &error);
		if (!strcmp(states, seen))
			return true;
	} while (!strncmp(states, seen, strlen(seen)) && ds_now() < end && !usleep(1000));
	return false;
}

/* Batches that get no turn for as long as they want to wait. */
TEST_F(request, timed_out)
{
	struct docstore_counters before, after;
	struct docstore_op ops[MANY];
	struct docstore_submit submits[MANY];
	struct ds_ring ring;
	int i, ret, res = 0, late = 0;
	__u64 data, version;
	struct held h;

	HELD_FIND(&h);
	version = ds_version_of(self->fd, h.id);
	ASSERT_EQ(0, trace_clear());
	ASSERT_EQ(0, ds_stats(self->fd, &before, NULL));
	HELD_BEGIN(&h);
	for (i = 0; i < MANY; i++) {
		ops[i] = ds_set_s64(h.id, self->a, i);
		ret = ds_submit_timeout(self->fd, 0, &ops[i], 1, 10 + 10 * i, NULL);
		EXPECT_TRUE(!ret || ret == -ETIMEDOUT);
		late += ret == -ETIMEDOUT;
	}
	if (late == MANY)
		EXPECT_LIFE("NEW PARSING VALIDATED ERROR", -ETIMEDOUT);
	/* By io_uring others than the submitter see to it. */
	ret = ds_ring_open(&ring, MANY, 0);
	for (i = 0; i < MANY && !ret; i++) {
		ops[i] = ds_set_s64(h.id, self->a, i);
		submits[i] = (struct docstore_submit){
			.size = sizeof(submits[i]), .ops = ds_ptr(&ops[i]),
			.op_size = sizeof(ops[i]), .count = 1, .timeout_ms = 10 + 10 * i,
		};
		ds_ring_fill(ds_ring_sqe(&ring), self->fd, DOCSTORE_SUBMIT, &submits[i], i);
	}
	for (i = 0; i < MANY && !ret; i++) {
		ret = ds_ring_wait(&ring, &data, &res);
		EXPECT_TRUE(!res || res == -ETIMEDOUT || res == -EOPNOTSUPP);
		late += res == -ETIMEDOUT;
	}
	ds_ring_close(&ring);
	EXPECT_EQ(0, ds_hold_end(&h.hold));
	TH_LOG("%d of %d were too late", late, 2 * MANY);
	EXPECT_LT(0, late);
	ASSERT_EQ(0, ds_stats(self->fd, &after, NULL));
	EXPECT_EQ(before.timed_out + late, after.timed_out);
	EXPECT_EQ(before.errors + late, after.errors);
	EXPECT_EQ(before.canceled, after.canceled);
	EXPECT_EQ(before.interrupted, after.interrupted);
	EXPECT_EQ(late, moves_to(&self->trace, "ERROR", -ETIMEDOUT));
	/* Each that was not too late has made a version, and none that was. */
	EXPECT_EQ(version + moves_to(&self->trace, "DONE", 0), ds_version_of(self->fd, h.id));
}

/* One that waits for its turn is taken back when its process is killed. */
TEST_F(request, killed_waiting)
{
	struct docstore_counters before, after;
	bool held = false;
	__u64 version;
	struct held h;
	pid_t pid;
	int i;

	HELD_FIND(&h);
	for (i = 0; i < TRIES && !held; i++) {
		ASSERT_EQ(0, trace_clear());
		version = ds_version_of(self->fd, h.id);
		ASSERT_EQ(0, ds_stats(self->fd, &before, NULL));
		HELD_BEGIN(&h);
		pid = ds_fork();
		if (!pid) {
			ds_do(self->fd, ds_set_s64(h.id, self->a, 1));
			pause();
		}
		held = life_becomes(self, "NEW PARSING VALIDATED");
		kill(pid, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, ds_wait(pid));
		held = held && !moves_to(&self->trace, "PROCESSING", 0);
		EXPECT_EQ(0, ds_hold_end(&h.hold));
	}
	ASSERT_TRUE(held);
	EXPECT_LIFE("NEW PARSING VALIDATED ERROR", -512);
	ASSERT_EQ(0, ds_stats(self->fd, &after, NULL));
	EXPECT_EQ(before.interrupted + 1, after.interrupted);
	EXPECT_EQ(before.errors + 1, after.errors);
	EXPECT_EQ(version, ds_version_of(self->fd, h.id));
}

/* What an owner has begun with is finished, and the rest is taken back. */
TEST_F(request, killed_processing)
{
	struct docstore_counters before, after;
	__u64 version, other;
	bool held = false;
	struct held h;
	pid_t pid;
	int i;

	HELD_FIND(&h);
	for (i = 0; i < TRIES && !held; i++) {
		ASSERT_EQ(0, trace_clear());
		version = ds_version_of(self->fd, h.id);
		other = ds_version_of(self->fd, h.other);
		ASSERT_EQ(0, ds_stats(self->fd, &before, NULL));
		HELD_BEGIN(&h);
		pid = ds_fork();
		if (!pid) {
			struct docstore_op ops[] = {
				ds_set_s64(h.id, self->a, 1), ds_set_s64(h.other, self->a, 1),
			};

			ds_submit(self->fd, 0, ops, 2, NULL);
			pause();
		}
		held = life_becomes(self, "NEW PARSING VALIDATED PROCESSING");
		/* Until the other worker is done with its part. */
		while (held && ds_version_of(self->fd, h.other) == other)
			usleep(1000);
		kill(pid, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, ds_wait(pid));
		held = held && ds_version_of(self->fd, h.id) == version;
		EXPECT_EQ(0, ds_hold_end(&h.hold));
	}
	ASSERT_TRUE(held);
	EXPECT_LIFE(DONE, 0);
	ASSERT_EQ(0, ds_stats(self->fd, &after, NULL));
	EXPECT_EQ(before.batches + 1, after.batches);
	EXPECT_EQ(before.operations + 2, after.operations);
	EXPECT_EQ(before.errors, after.errors);
	EXPECT_EQ(version, ds_version_of(self->fd, h.id));
	EXPECT_EQ(other + 1, ds_version_of(self->fd, h.other));
}

/* Has a ring that ends its commands canceled? Others wait for them. */
static bool rings_cancel(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	uname(&name);
	return sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 7));
}

/* In a child: a ring with batches that get no turn. */
static void ring_begin(FIXTURE_DATA(request) *self, struct ds_ring *ring, const char *id)
{
	static struct docstore_op ops[MANY];
	static struct docstore_submit submits[MANY];
	int i;

	if (ds_ring_open(ring, MANY, 0))
		_exit(4);
	for (i = 0; i < MANY; i++) {
		ops[i] = ds_add(id, self->a, 1);
		submits[i] = (struct docstore_submit){
			.size = sizeof(submits[i]), .ops = ds_ptr(&ops[i]),
			.op_size = sizeof(ops[i]), .count = 1,
		};
		ds_ring_fill(ds_ring_sqe(ring), self->fd, DOCSTORE_SUBMIT, &submits[i], i);
	}
	DS_CHILD_EQ(MANY, ds_ring_submit(ring));
}

/* How many batches of a ring were canceled, which ends or whose process is killed. */
static int ring_ends(struct __test_metadata *_metadata, FIXTURE_DATA(request) *self,
		     struct held *h, bool by_kill)
{
	struct docstore_module_counters module;
	struct docstore_counters before, after;
	int ready[2], go[2], canceled;
	struct ds_ring ring;
	__u64 end;
	pid_t pid;
	char c;

	EXPECT_EQ(0, pipe(ready));
	EXPECT_EQ(0, pipe(go));
	EXPECT_EQ(0, ds_do(self->fd, ds_set_s64(h->id, self->a, 0)));
	EXPECT_EQ(0, trace_clear());
	EXPECT_EQ(0, ds_stats(self->fd, &before, NULL));
	if (ds_hold_begin(&h->hold, h->cpu))
		return -EPERM;
	pid = ds_fork();
	if (!pid) {
		close(ready[0]);
		close(go[1]);
		ring_begin(self, &ring, h->id);
		if (!by_kill)
			ds_ring_close(&ring);
		DS_CHILD(write(ready[1], "", 1) == 1);
		/* It lives on without the ring. */
		_exit(read(go[0], &c, 1));
	}
	close(ready[1]);
	close(go[0]);
	if (read(ready[0], &c, 1) != 1) {
		EXPECT_EQ(0, ds_hold_end(&h->hold));
		EXPECT_EQ(4, ds_wait(pid));
		return -EOPNOTSUPP;
	}
	if (by_kill)
		kill(pid, SIGKILL);
	end = ds_now() + DS_SECOND / 3;
	do {
		usleep(5000);
		EXPECT_EQ(0, ds_stats(self->fd, &after, NULL));
	} while (after.canceled < before.canceled + MANY && ds_now() < end);
	EXPECT_EQ(0, ds_hold_end(&h->hold));
	end = ds_now() + 30 * DS_SECOND;
	do {
		usleep(5000);
		EXPECT_EQ(0, ds_module_counters(self->control, &module));
	} while (module.requests && ds_now() < end);
	close(go[1]);
	close(ready[0]);
	EXPECT_EQ(by_kill ? 128 + SIGKILL : 0, ds_wait(pid));
	EXPECT_EQ(0, module.requests);

	EXPECT_EQ(0, ds_stats(self->fd, &after, NULL));
	canceled = moves_to(&self->trace, "ERROR", -ECANCELED);
	EXPECT_EQ(before.canceled + canceled, after.canceled);
	EXPECT_EQ(before.errors + canceled, after.errors);
	EXPECT_EQ(MANY, canceled + moves_to(&self->trace, "DONE", 0));
	/* Also of what was carried out there may be nobody who wants to be told. */
	EXPECT_EQ(moves_to(&self->trace, "COMPLETE", 0), ds_fetch_s64(self->fd, h->id, self->a));
	EXPECT_EQ(0, after.requests);
	EXPECT_EQ(0, after.request_bytes);
	return canceled;
}

TEST_F(request, ring_ends)
{
	struct held h;
	int i, ret;

	HELD_FIND(&h);
	for (i = 0; i < 2; i++) {
		ret = ring_ends(_metadata, self, &h, i);
		if (ret == -EPERM)
			SKIP(return, "no CPU can be held");
		if (ret == -EOPNOTSUPP)
			SKIP(return, "no rings");
		TH_LOG("%d of %d were canceled when their %s", ret, MANY,
		       i ? "process was killed" : "ring was closed");
		if (rings_cancel() || i)
			EXPECT_EQ(MANY, ret);
	}
}

/* The watchdog -------------------------------------------------------------------- */

/* The watchdog says once that it is stuck, and it goes on. */
TEST_F(request, watchdog)
{
	struct docstore_module_counters c;
	struct docstore_counters of_store;
	__u64 end = ds_now() + 60 * DS_SECOND;
	struct stuck s = { };
	char *at, *text = self->trace.text;
	int n = 0;

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_WATCHDOG_MS, 300));
	STUCK_BEGIN(&s);
	do {
		usleep(100000);
		ASSERT_EQ(0, ds_module_counters(self->control, &c));
	} while (c.stuck == self->before.stuck && ds_now() < end);
	/* It looks again, and has nothing to say. */
	usleep(1500000);
	ASSERT_EQ(0, ds_module_counters(self->control, &c));
	EXPECT_EQ(self->before.stuck + 1, c.stuck);
	ASSERT_EQ(0, ds_stats(self->fd, &of_store, NULL));
	EXPECT_EQ(1, of_store.stuck);
	ASSERT_LT(0, ds_file_read(INSTANCE "trace", text, TRACE_ROOM));
	for (at = text; (at = strstr(at, "docstore_stuck: ")); at++) {
		EXPECT_NE(NULL, strstr(at, "PARSING for "))
			TH_LOG("%.200s", at);
		n++;
	}
	EXPECT_EQ(1, n);
	ASSERT_EQ(0, stuck_resolve(&s));
	pthread_join(s.thread, NULL);
	close(s.uffd);
	EXPECT_EQ(0, s.ret);
	EXPECT_LIFE(DONE, 0);
	/* One that is quick is not taken for slow. */
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_WATCHDOG_MS, 30000));
	end = ds_now() + ds_scale(2000) * (DS_SECOND / 1000);
	ASSERT_EQ(0, ds_file_write(INSTANCE "events/docstore/docstore_request/enable", "0"));
	while (ds_now() < end)
		ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("x", self->a, 1)));
	ASSERT_EQ(0, ds_module_counters(self->control, &c));
	EXPECT_EQ(self->before.stuck + 1, c.stuck);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that something happens to: other processes and threads carry them out
 * as well, signals come, the caller is killed, their memory changes under the
 * kernel's hands.
 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "fuzz.h"
#include "../uring.h"

/* What is repeated has had enough of it after a second. */
#define FZ_ENOUGH	(ds_now() + DS_SECOND)

/* A child's finding reaches the parent through here. */
static struct fz_shared {
	char finding[512];
} *fz_shared;

static bool fz_shared_init(void)
{
	if (!fz_shared)
		fz_shared = ds_shared(sizeof(*fz_shared));
	fz_shared->finding[0] = 0;
	return true;
}

static void fz_child(struct fz_run *run, const struct fz_program *p, unsigned int call,
		     unsigned int n)
{
	run->wild = true;
	fz_run_calls(run, p, call + 1, call + 1 + n);
	if (run->finding[0])
		memcpy(fz_shared->finding, run->finding, sizeof(fz_shared->finding));
	_exit(0);
}

static void fz_child_end(struct fz_run *run, pid_t pid, int killed)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (fz_shared->finding[0])
		fz_find(run, "%s", fz_shared->finding);
	else if (WIFSIGNALED(status) && WTERMSIG(status) != killed)
		fz_find(run, "a child was ended by signal %d", WTERMSIG(status));
}

/* A child makes the next calls, perhaps as somebody else. */
unsigned int fz_run_fork(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	unsigned int n = fz_group_calls(p, call);
	__u64 uid = fz_arg(p, call, 1);
	struct rlimit files = { 3, 3 };
	pid_t pid;

	fz_shared_init();
	pid = fork();
	if (!pid) {
		if (fz_arg(p, call, 2) & 1)
			setrlimit(RLIMIT_NOFILE, &files);
		if (uid && setresuid(uid & 0xffff, uid & 0xffff, uid & 0xffff))
			_exit(0);
		fz_child(run, p, call, n);
	}
	if (pid > 0)
		fz_child_end(run, pid, 0);
	return n;
}

/* A child makes the next calls again and again until it is killed. */
unsigned int fz_run_kill(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	unsigned int n = fz_group_calls(p, call);
	__u64 end = FZ_ENOUGH;
	pid_t pid;

	fz_shared_init();
	pid = fork();
	if (!pid) {
		run->wild = true;
		while (n && ds_now() < end && !run->finding[0])
			fz_run_calls(run, p, call + 1, call + 1 + n);
		fz_child(run, p, call, 0);
	}
	if (pid > 0) {
		usleep(fz_arg(p, call, 1) % 5000);
		kill(pid, SIGKILL);
		fz_child_end(run, pid, SIGKILL);
	}
	return n;
}

#define FZ_THREADS	3

struct fz_thread {
	pthread_t thread;
	struct fz_run run;
	const struct fz_program *p;
	unsigned int call;
	unsigned int n;
	unsigned int times;
};

static void *fz_thread(void *data)
{
	struct fz_thread *t = data;
	__u64 end = FZ_ENOUGH;
	unsigned int i;

	for (i = 0; i < t->times && ds_now() < end && !t->run.finding[0]; i++)
		fz_run_calls(&t->run, t->p, t->call + 1, t->call + 1 + t->n);
	return NULL;
}

/* Several threads make the next calls, each with memory of its own. */
unsigned int fz_run_threads(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	static struct fz_memory *memories[FZ_THREADS];
	unsigned int n = fz_group_calls(p, call), count = fz_arg(p, call, 1) % (FZ_THREADS + 1), i;
	struct fz_thread *threads = calloc(FZ_THREADS, sizeof(*threads));

	for (i = 0; threads && i < count; i++) {
		struct fz_thread *t = &threads[i];

		if (!memories[i]) {
			memories[i] = calloc(1, sizeof(*memories[i]));
			if (!memories[i] || !fz_memory_init(memories[i]))
				abort();
		}
		t->run = *run;
		t->run.memory = memories[i];
		t->run.wild = true;
		t->run.shared = true;
		t->run.calls = 0;
		t->p = p;
		t->call = call;
		t->n = n;
		t->times = fz_arg(p, call, 2) % 64;
		if (pthread_create(&t->thread, NULL, fz_thread, t))
			break;
	}
	count = threads ? i : 0;
	for (i = 0; i < count; i++) {
		pthread_join(threads[i].thread, NULL);
		run->calls += threads[i].run.calls;
		if (threads[i].run.finding[0])
			fz_find(run, "%s", threads[i].run.finding);
	}
	free(threads);
	return n;
}

static void fz_nothing(int signal)
{
	(void)signal;
}

/*
 * The next calls are made by io_uring, one at a time, and what comes of them is the
 * same. Rings stay open from one program to the next; where there are none, or not
 * this kind, the calls are made as always.
 */
unsigned int fz_run_uring(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	static const struct {
		__u32 setup;
		__u8 flags;
	} kinds[] = {
		{ 0, 0 },
		{ 0, IOSQE_ASYNC },
		{ IORING_SETUP_COOP_TASKRUN, 0 },
		{ IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, 0 },
		{ IORING_SETUP_SQE128 | IORING_SETUP_CQE32, 0 },
	};
	static __thread struct ds_ring rings[ARRAY_SIZE(kinds)];
	static __thread pid_t owner;
	unsigned int n = fz_group_calls(p, call), how = fz_arg(p, call, 1) % ARRAY_SIZE(kinds);
	struct ds_ring *ring = &rings[how];

	/* A child's rings are not its parent's. */
	if (owner != getpid())
		memset(rings, 0, sizeof(rings));
	owner = getpid();
	if (!ring->rings && ds_ring_open(ring, 4, kinds[how].setup))
		return 0;
	run->ring = ring;
	run->ring_flags = kinds[how].flags;
	fz_run_calls(run, p, call + 1, call + 1 + n);
	run->ring = NULL;
	return n;
}

/* The next calls are made while a timer sends signals. */
unsigned int fz_run_signals(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	unsigned int n = fz_group_calls(p, call), times = fz_arg(p, call, 2) % 64, i;
	struct sigaction action = { .sa_handler = fz_nothing };
	__u32 us = 20 + fz_arg(p, call, 1) % 100000;
	struct itimerval timer = { { 0, us }, { 0, us } }, off = { { 0, 0 }, { 0, 0 } };
	__u64 end = FZ_ENOUGH;
	sigset_t alarms;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigaction(SIGALRM, &action, NULL);
	pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
	run->wild = true;
	run->signals = true;
	setitimer(ITIMER_REAL, &timer, NULL);
	for (i = 0; i < times && ds_now() < end && !run->finding[0]; i++)
		fz_run_calls(run, p, call + 1, call + 1 + n);
	setitimer(ITIMER_REAL, &off, NULL);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	run->wild = false;
	run->signals = false;
	return n;
}

/* Memory that changes -------------------------------------------------------------- */

struct fz_flipper {
	struct fz_run *run;
	pthread_t thread;
	volatile bool stop;
	bool zap;
	__u64 offset;
	__u64 element;
	__u32 bits;
};

/* The word that changes: of the argument, or of an element. */
static __u32 *fz_flip_word(const struct fz_flipper *f)
{
	struct fz_memory *m = f->run->memory;
	unsigned int i, seen = 0;

	for (i = 0; i < m->npieces; i++) {
		struct fz_piece *piece = &m->pieces[i];
		__u64 at = f->offset;

		if (piece->kind != (f->element ? FZ_ARRAY : FZ_SIZE))
			continue;
		if (f->element && ++seen != 1)
			continue;
		if (f->element)
			at += (f->element - 1) * piece->stride;
		at &= ~3ULL;
		return at + 4 <= piece->len ? (__u32 *)(piece->at + at) : NULL;
	}
	return NULL;
}

static void *fz_flip(void *data)
{
	struct fz_flipper *f = data;
	unsigned int i;

	while (!f->stop) {
		struct fz_memory *m = f->run->memory;
		__u32 *word = f->zap ? NULL : fz_flip_word(f);

		if (word)
			__atomic_fetch_xor(word, f->bits, __ATOMIC_RELAXED);
		for (i = 0; f->zap && i < m->npieces; i++)
			madvise((void *)((uintptr_t)m->pieces[i].at & ~4095UL), 4096,
				MADV_DONTNEED);
		for (i = 0; i < 20 && !f->stop; i++)
			;
	}
	return NULL;
}

static unsigned int fz_run_torn(struct fz_run *run, const struct fz_program *p, unsigned int call,
				struct fz_flipper *f, unsigned int times)
{
	unsigned int n = fz_group_calls(p, call), i;
	__u64 end = FZ_ENOUGH;

	if (!n || !fz_ops[p->calls[call + 1].op].command)
		return 0;
	f->run = run;
	run->wild = true;
	run->torn = true;
	/* Lays its memory out, which then stays where it is. */
	fz_run_call(run, p, call + 1);
	if (!pthread_create(&f->thread, NULL, fz_flip, f)) {
		for (i = 0; i < times && ds_now() < end && !run->finding[0]; i++)
			fz_run_again(run);
		f->stop = true;
		pthread_join(f->thread, NULL);
	}
	run->wild = false;
	run->torn = false;
	return 1;
}

/* A word of the next call's argument changes to and fro. */
unsigned int fz_run_flip(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	struct fz_flipper f = {
		.offset = fz_arg(p, call, 1) & 0xfff,
		.element = fz_arg(p, call, 2) & 0xf,
		.bits = fz_arg(p, call, 3),
	};

	return fz_run_torn(run, p, call, &f, fz_arg(p, call, 4) % 256);
}

/* The pages of the next call's memory are taken away again and again. */
unsigned int fz_run_zap(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	struct fz_flipper f = { .zap = true };

	return fz_run_torn(run, p, call, &f, fz_arg(p, call, 1) % 64);
}

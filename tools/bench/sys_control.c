// SPDX-License-Identifier: GPL-2.0
/*
 * What to compare systems with: the cheapest system call, loads from random places
 * of memory, each of which has to wait for the one before it, and the hash of an id,
 * likewise. A get is one of these.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "hash.h"
#include "random.h"

#define LINE		64
#define HUGE_PAGE	(2UL << 20)

enum variant { SMALL_PAGES, HUGE_PAGES };

/* A line that tells which one is next; all of them make one circle. */
struct line {
	uint64_t next;
	char rest[LINE - sizeof(uint64_t)];
};

struct control {
	struct line *lines;
	uint64_t count;
	size_t bytes;
};

struct control_session {
	const struct line *lines;
	uint64_t at;
	uint64_t nothing;	/* 0, which the compiler does not know */
};

static int control_open(struct bench_setup *setup, void **store)
{
	struct control *c = calloc(1, sizeof(*c));

	(void)setup;
	*store = c;
	return c ? 0 : -ENOMEM;
}

static int control_session(void *store, void **session)
{
	struct control_session *s = calloc(1, sizeof(*s));
	struct control *c = store;

	if (!s)
		return -ENOMEM;
	s->lines = c->lines;
	/* Each somewhere else. */
	if (c->count)
		s->at = mix64((uintptr_t)s ^ (uint64_t)getpid()) % c->count;
	*session = s;
	return 0;
}

static void control_session_close(void *session)
{
	free(session);
}

static void control_close(void *store)
{
	struct control *c = store;

	if (c->lines)
		munmap(c->lines, c->bytes);
	free(c);
}

static int getppid_get(void *session, const struct bench_access *access,
		       struct bench_buffer buffer, struct bench_value *value)
{
	(void)session;
	(void)access;
	(void)buffer;
	(void)value;
	return syscall(SYS_getppid) < 0 ? -errno : 0;
}

/* Sattolo's shuffle: a permutation that is a single cycle. */
static void make_circle(struct control *c)
{
	struct random random = { .state = 1 };
	uint64_t i, j, t;

	for (i = 0; i < c->count; i++)
		c->lines[i].next = i;
	for (i = c->count - 1; i > 0; i--) {
		j = random_below(&random, i);
		t = c->lines[i].next;
		c->lines[i].next = c->lines[j].next;
		c->lines[j].next = t;
	}
}

static int memory_open(struct bench_setup *setup, void **store)
{
	struct control *c;
	int ret;

	ret = control_open(setup, store);
	if (ret)
		return ret;
	c = *store;
	/* A document is its value and about a line of id and what leads to it. */
	c->bytes = (size_t)setup->documents * (setup->value_bytes + LINE);
	c->bytes = (c->bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	c->count = c->bytes / LINE;
	c->lines = mmap(NULL, c->bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c->lines == MAP_FAILED)
		return -errno;
	if (madvise(c->lines, c->bytes, setup->system->variant == HUGE_PAGES ?
		    MADV_HUGEPAGE : MADV_NOHUGEPAGE) &&
	    setup->system->variant == HUGE_PAGES)
		return -errno;
	make_circle(c);
	return 0;
}

static int memory_get(void *session, const struct bench_access *access,
		      struct bench_buffer buffer, struct bench_value *value)
{
	struct control_session *s = session;

	(void)access;
	(void)buffer;
	(void)value;
	s->at = s->lines[s->at].next;
	return 0;
}

static int hash_get(void *session, const struct bench_access *access,
		    struct bench_buffer buffer, struct bench_value *value)
{
	static const __u64 key[2] = { 1, 2 };
	struct control_session *s = session;

	(void)buffer;
	(void)value;
	s->at = ds_hash(key, access->id + (s->at & s->nothing), access->id_len);
	return 0;
}

static const struct bench_system getppid_system = {
	.name = "getppid",
	.description = "measure: a system call that does nothing",
	.flags = BENCH_PROCESSES | BENCH_CONTROL,
	.open = control_open,
	.session_open = control_session,
	.session_close = control_session_close,
	.get = getppid_get,
	.close = control_close,
};
BENCH_SYSTEM(getppid_system)

static const struct bench_system memory_system = {
	.name = "memory",
	.description = "measure: one dependent load from as much memory, 4 KiB pages",
	.flags = BENCH_PROCESSES | BENCH_CONTROL,
	.variant = SMALL_PAGES,
	.open = memory_open,
	.session_open = control_session,
	.session_close = control_session_close,
	.get = memory_get,
	.close = control_close,
};
BENCH_SYSTEM(memory_system)

static const struct bench_system memory_huge_system = {
	.name = "memory-huge",
	.description = "measure: the same in 2 MiB pages",
	.flags = BENCH_PROCESSES | BENCH_CONTROL | BENCH_HUGE_PAGES,
	.variant = HUGE_PAGES,
	.open = memory_open,
	.session_open = control_session,
	.session_close = control_session_close,
	.get = memory_get,
	.close = control_close,
};
BENCH_SYSTEM(memory_huge_system)

static const struct bench_system hash_system = {
	.name = "hash",
	.description = "measure: our hash of an id, each after the one before it",
	.flags = BENCH_PROCESSES | BENCH_CONTROL,
	.open = control_open,
	.session_open = control_session,
	.session_close = control_session_close,
	.get = hash_get,
	.close = control_close,
};
BENCH_SYSTEM(hash_system)

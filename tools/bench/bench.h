/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a system under test gives to the benchmark, and what it gets from it.
 *
 * A system (struct bench_system) is opened and filled in a process of its own,
 * its agent, so that several can be measured in turns without sharing more than
 * the machine. Each thread that works on it has a session.
 *
 * Functions return 0, or a negative errno. What a system is asked for exists,
 * so -ENOENT is a failure like any other.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_MIN_ID		16
#define BENCH_MAX_ID		24
#define BENCH_MIN_VALUE		16
#define BENCH_MAX_VALUE		16384
#define BENCH_MAX_BATCH		1000
#define BENCH_MAX_SCAN		100

/*
 * An access to a document, made ready before the clock runs: its id, the number
 * that the id was made from, and a die thrown for whatever is to be decided.
 */
struct bench_access {
	uint32_t number;
	uint16_t die;
	uint8_t id_len;
	uint8_t __unused;
	char id[BENCH_MAX_ID];
};

/* Where a system may put what it reads. */
struct bench_buffer {
	void *data;
	size_t len;
};

/*
 * A value that was read: a private copy, normally in the buffer given, that
 * stays as it is until the session's next call. Where a system could hand out
 * pointers into shared memory, it copies all the same: all do the same work.
 */
struct bench_value {
	const void *data;
	size_t len;
};

enum bench_flags {
	BENCH_PROCESSES = 1 << 0,	/* its agent's children can use it too */
	BENCH_CONTROL = 1 << 1,		/* no system, but something to compare with */
	BENCH_SMALL_PAGES = 1 << 2,	/* keep malloc() off huge pages */
	BENCH_HUGE_PAGES = 1 << 3,	/* pointless where these cannot be had */
	BENCH_ERRS = 1 << 4,		/* known to miss documents, or to return what
					 * is half written, beside a writer: that is
					 * counted, and no failure while it is rare */
};

struct bench_system;

/* What there will be to store, and what there is to do it with. */
struct bench_setup {
	const struct bench_system *system;
	uint32_t documents;
	uint32_t room;			/* the most documents there will ever be */
	uint32_t value_bytes;
	const char *dir;		/* a folder of this agent's own, on tmpfs */
	const char *redis_server;	/* programs */
	const char *memcached;
	char reason[160];		/* out: why it cannot be opened here */
};

struct bench_counters {
	uint64_t retries;		/* reads begun again because of a writer */
	uint64_t fallbacks;		/* reads that then went another way */
};

/* Make the value that replaces another. */
typedef void (*bench_change)(const struct bench_access *access,
			     const struct bench_value *old, void *value);

/**
 * struct bench_system - a system under test
 * @name: its name on the command line and in results
 * @description: one line
 * @flags: enum bench_flags
 * @variant: for systems that share their functions
 * @open: make an empty store. -ENOSYS and a reason in the setup if it cannot be
 *	had here
 * @after_fork: called once in each child of the process that opened it
 * @session_open: called by the thread that will use the session
 * @get: read a document
 * @get_many: read @n documents; if absent, @get is called @n times
 * @put: store a value, whether or not there is a document
 * @put_many: store @n values; if absent, @put is called @n times
 * @modify: read a document and store what @change makes of it, atomically; if
 *	absent, @get and @put are called, as YCSB does
 * @scan: read up to @n documents in the order of ids, from an id on; returns
 *	their number. Absent if there is no order
 * @idle: the session rests now
 * @counters: what has happened so far in the process of the session
 * @memory: bytes that the store occupies
 *
 * All but name, description, open, session_open, session_close, get and close
 * may be NULL.
 */
struct bench_system {
	const char *name;
	const char *description;
	unsigned int flags;
	int variant;
	int (*open)(struct bench_setup *setup, void **store);
	int (*after_fork)(void *store);
	int (*session_open)(void *store, void **session);
	void (*session_close)(void *session);
	int (*get)(void *session, const struct bench_access *access,
		   struct bench_buffer buffer, struct bench_value *value);
	int (*get_many)(void *session, const struct bench_access *accesses,
			size_t n, struct bench_buffer buffer,
			struct bench_value *values);
	int (*put)(void *session, const struct bench_access *access,
		   const void *value);
	int (*put_many)(void *session, const struct bench_access *accesses,
			size_t n, const void *const *values);
	int (*modify)(void *session, const struct bench_access *access,
		      struct bench_buffer buffer, bench_change change);
	int (*scan)(void *session, const struct bench_access *from, size_t n,
		    struct bench_buffer buffer, struct bench_value *values);
	void (*idle)(void *session);
	void (*counters)(void *session, struct bench_counters *counters);
	uint64_t (*memory)(void *store);
	void (*close)(void *store);
};

/* Systems announce themselves before main() runs, in the order of linking. */
void bench_register(const struct bench_system *system);

#define BENCH_SYSTEM(system)						\
	__attribute__((constructor)) static void			\
	register_##system(void)						\
	{								\
		bench_register(&(system));				\
	}

/* Room that a buffer has for each value, beyond the value itself. */
#define BENCH_SLACK	1024

#endif /* BENCH_H */

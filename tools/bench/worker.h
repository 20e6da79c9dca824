/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One thread that works on a system, and what it shares with the coordinator.
 */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <semaphore.h>
#include <stdatomic.h>

#include "access.h"
#include "bench.h"
#include "workload.h"

/* Accesses made for one run of a workload that inserts. */
#define FRESH_ACCESSES	65536
/* More than 5 % of them, by 15 standard deviations. */
#define FRESH_INSERTS	4096

struct worker_order {
	const struct workload *workload;
	enum distribution distribution;
	uint32_t batch;
	uint32_t warm_ms;
	uint32_t run_ms;	/* 0: until stopped */
	int cpu;
};

struct worker_result {
	uint64_t ops;
	uint64_t ns;
	struct bench_counters counters;
	uint64_t wrong;		/* reads, of a system that is known to err */
	int error;
	char what[80];
};

/*
 * go: take the order; ready: taken; start: the clock runs; done: look at the
 * result. In memory that agents' processes and the coordinator share.
 */
struct worker_shared {
	sem_t go, ready, start, done;
	struct worker_order order;
	struct worker_result result;
	atomic_bool stop;
};

struct worker {
	const struct bench_setup *setup;
	void *store;
	unsigned int index;		/* of all workers of the agent, */
	unsigned int of;		/* which are so many */
	const struct sequence *sequences;	/* by distribution */
	struct worker_shared *shared;

	/* Private to its thread. */
	void *session;
	struct sequence fresh;
	struct random random;
	uint32_t inserted;
	const struct sequence *sequence;
	size_t position;
	struct bench_buffer buffer;
	struct bench_value *values;
	void *puts[BENCH_MAX_BATCH];
	uint32_t stamp;
};

uint64_t now_ns(void);

/* Session and memory, by the thread that will work. */
int worker_open(struct worker *w);
void worker_close(struct worker *w);

/* Store documents from a number on; the time that storing took goes to @ns. */
int worker_load(struct worker *w, uint32_t from, uint32_t n, uint64_t *ns);

/* Obey orders for ever. */
void *worker_main(void *worker);

#endif /* BENCH_WORKER_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is to be measured: one set of documents, and lists of all that varies.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "access.h"
#include "workload.h"

#define PLAN_MAX	32

enum writer {
	WRITER_NONE,
	WRITER_SAME,		/* a worker that writes to the same store */
	WRITER_CONTROL,		/* one that writes to another copy of it */
	WRITER_TWIN,		/* none, but each worker has a twin that does the
				 * same on another copy: what as many workers
				 * could reach that share nothing */
	WRITERS,
};

extern const char *const writer_names[WRITERS];

struct numbers {
	uint32_t of[PLAN_MAX];
	unsigned int count;
};

static inline bool numbers_have(const struct numbers *numbers, uint32_t n)
{
	unsigned int i;

	for (i = 0; i < numbers->count; i++)
		if (numbers->of[i] == n)
			return true;
	return false;
}

struct plan {
	const struct bench_system *systems[PLAN_MAX];
	unsigned int system_count;
	const struct workload *workloads[PLAN_MAX];
	unsigned int workload_count;
	struct numbers distributions, threads, processes, batches, writers;
	uint32_t documents;
	uint32_t value_bytes;
	uint32_t load_batch;
	uint32_t loads;
	uint32_t writer_batch;
	uint32_t runs;
	uint32_t run_ms;
	const char *dir;
	const char *redis_server;
	const char *memcached;
	const char *baseline;
	bool load;		/* tell how loading went */

	/* What follows from it. */
	unsigned int max_threads, max_processes;
	unsigned int readers;	/* the most workers that are not the writer */
	uint32_t room;
	struct sequence *sequences;	/* [worker][distribution] */
};

/* One point of the grid. */
struct cell {
	const struct workload *workload;
	enum distribution distribution;
	uint32_t threads;
	uint32_t processes;
	uint32_t batch;
	enum writer writer;
};

/* Check it, and make the sequences. */
int plan_prepare(struct plan *plan);

/* Call @visit for each cell, and stop at the first that fails. */
int plan_cells(const struct plan *plan,
	       int (*visit)(const struct cell *cell, void *data), void *data);

unsigned int plan_cell_count(const struct plan *plan);

static inline const struct sequence *plan_sequences(const struct plan *plan,
						    unsigned int worker)
{
	return plan->sequences + worker * DISTRIBUTIONS;
}

#endif /* BENCH_PLAN_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The workloads: what is done with documents, in which proportion.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>

#include "bench.h"

enum operation {
	OP_GET,
	OP_GET_DEPENDENT,	/* which document is next depends on this one */
	OP_GET_MANY,
	OP_PUT,
	OP_PUT_MANY,
	OP_INSERT,
	OP_MODIFY,
	OP_SCAN,
};

/*
 * @main with probability @share (of 65536), else @other. Workloads that insert
 * have accesses of their own, made for each run.
 */
struct workload {
	const char *name;
	const char *description;
	enum operation main, other;
	unsigned int share;
	bool batches;
	bool inserts;
	bool latest;
};

#define SHARE_ALL	65536

extern const struct workload workloads[];
extern const unsigned int workload_count;

/* What a writer beside the readers does. */
extern const struct workload *const writer_workload;

const struct workload *workload_find(const char *name);

/* Why a system cannot run a workload, or NULL. */
const char *workload_refused(const struct workload *w,
			     const struct bench_system *system);

#endif /* BENCH_WORKLOAD_H */

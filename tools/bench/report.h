/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Results as JSON Lines.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "plan.h"

void report_machine(FILE *out);

void report_skip(FILE *out, const struct bench_system *system,
		 const struct workload *workload, const char *type,
		 const char *reason);

/*
 * One metric of one cell, or of loading if @cell is NULL. @values are sorted
 * here; @runs of 0 says nothing.
 */
void report_result(FILE *out, const struct plan *plan,
		   const struct bench_system *system, const struct cell *cell,
		   const char *metric, const char *unit, double *values,
		   unsigned int runs);

/* What filling a system from empty some times was like. */
struct loading {
	double *ns_per_op;	/* of each time */
	unsigned int loads;
	double *batch_ns;	/* of each batch, the shortest of all times */
	size_t batches;
	uint64_t memory;
	uint64_t huge_bytes;
};

void report_load(FILE *out, const struct plan *plan,
		 const struct bench_system *system, struct loading *loading);

#endif /* BENCH_REPORT_H */

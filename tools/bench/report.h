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

/* How long the batches of loading took, beside total and memory. */
void report_load(FILE *out, const struct plan *plan,
		 const struct bench_system *system, double *batch_ns,
		 size_t batches, uint64_t memory);

#endif /* BENCH_REPORT_H */

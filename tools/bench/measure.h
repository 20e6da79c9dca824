/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Carrying out a plan.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <signal.h>
#include <stdio.h>

#include "plan.h"

/* Set by signals: stop as soon as possible, and clean up. */
extern volatile sig_atomic_t interrupted;

/*
 * Start all systems, measure each cell, and stop them. Returns the number of
 * systems that failed, or a negative errno.
 */
int measure(const struct plan *plan, FILE *out);

/* Seconds that it will take, about. */
double measure_estimate(const struct plan *plan);

#endif /* BENCH_MEASURE_H */

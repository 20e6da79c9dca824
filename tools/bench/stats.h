/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is told of a number of runs.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>

/* Ascending, in place. All others want it so. */
void stats_sort(double *values, size_t count);

/* The middle one, or the mean of the two in the middle. */
double stats_median(const double *sorted, size_t count);

/* The smallest value that at least a fraction @q of them does not exceed. */
double stats_quantile(const double *sorted, size_t count, double q);

#endif /* BENCH_STATS_H */

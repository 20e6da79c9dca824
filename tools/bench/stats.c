// SPDX-License-Identifier: GPL-2.0
/*
 * What is told of a number of runs.
 */
#include <math.h>
#include <stdlib.h>

#include "stats.h"

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void stats_sort(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), ascending);
}

double stats_median(const double *sorted, size_t count)
{
	return count % 2 ? sorted[count / 2] :
			   (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

double stats_quantile(const double *sorted, size_t count, double q)
{
	/* 0.999 * 1000 is a little more than 999 to a computer. */
	size_t rank = (size_t)ceil(q * (double)count - 1e-9);

	return sorted[rank ? rank - 1 : 0];
}

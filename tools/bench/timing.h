/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What programs need that time single things on one processor.
 */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <sched.h>
#include <time.h>

/* Nanoseconds, since whenever. */
static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Where that is not allowed, the run is a little less quiet. */
static inline void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

#endif /* BENCH_TIMING_H */

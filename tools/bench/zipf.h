/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ranks with Zipf's distribution: rank k of n has probability proportional to
 * k^-s; and a permutation that spreads ranks over numbers.
 */
#ifndef BENCH_ZIPF_H
#define BENCH_ZIPF_H

#include <stdint.h>

#include "random.h"

#define ZIPF_EXPONENT	0.99

struct zipf {
	double n;
	double s;
	double top;	/* integral from 1.5 down past rank 1 */
	double bottom;	/* and up to n + 0.5 */
	double sure;	/* this close below a rank, it is accepted unseen */
};

void zipf_init(struct zipf *z, uint32_t n, double s);

/* From 1, the most frequent, to n. */
uint32_t zipf_rank(const struct zipf *z, struct random *r);

/* A permutation of the numbers below @n. */
uint32_t scramble(uint32_t x, uint32_t n);

#endif /* BENCH_ZIPF_H */

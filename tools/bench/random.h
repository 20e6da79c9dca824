/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers that look random: a mixing function, and a generator made of it.
 */
#ifndef BENCH_RANDOM_H
#define BENCH_RANDOM_H

#include <stdint.h>

/* A permutation of 64-bit numbers (the finalizer of splitmix64). */
static inline uint64_t mix64(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
	r->state += 0x9e3779b97f4a7c15ULL;
	return mix64(r->state);
}

/* Uniform below @n, but for a bias of n / 2^64. */
static inline uint64_t random_below(struct random *r, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)random_next(r) * n) >> 64);
}

/* Uniform in (0, 1]. */
static inline double random_unit(struct random *r)
{
	return (double)((random_next(r) >> 11) + 1) * 0x1p-53;
}

#endif /* BENCH_RANDOM_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * Zipf's distribution by rejection-inversion (W. Hoermann, G. Derflinger,
 * "Rejection-inversion to generate variates from monotone discrete
 * distributions", 1996): exact, with no table and no sum over all ranks.
 *
 * The density h(x) = x^-s has the integral H. A point drawn uniformly below H is
 * inverted to x and rounded to a rank k. The area between H(k - 1/2) and
 * H(k + 1/2) exceeds h(k) a little, as h is convex, and what exceeds it is
 * rejected.
 */
#include <math.h>

#include "zipf.h"

/* (e^x - 1) / x and log(1 + x) / x, also around 0, where s is nearly 1. */
static double expm1_over(double x)
{
	return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2;
}

static double log1p_over(double x)
{
	return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2;
}

static double density(const struct zipf *z, double x)
{
	return exp(-z->s * log(x));
}

static double integral(const struct zipf *z, double x)
{
	double l = log(x);

	return expm1_over((1 - z->s) * l) * l;
}

static double inverse(const struct zipf *z, double y)
{
	double t = (1 - z->s) * y;

	/* Rounding may take it out of what the logarithm is defined for. */
	if (t < -1)
		t = -1;
	return exp(log1p_over(t) * y);
}

void zipf_init(struct zipf *z, uint32_t n, double s)
{
	z->n = n;
	z->s = s;
	z->top = integral(z, 1.5) - 1;
	z->bottom = integral(z, n + 0.5);
	z->sure = 2 - inverse(z, integral(z, 2.5) - density(z, 2));
}

uint32_t zipf_rank(const struct zipf *z, struct random *r)
{
	double u, x, k;

	do {
		u = z->bottom + random_unit(r) * (z->top - z->bottom);
		x = inverse(z, u);
		k = floor(x + 0.5);
		if (k < 1)
			k = 1;
		else if (k > z->n)
			k = z->n;
	} while (k - x > z->sure && u < integral(z, k + 0.5) - density(z, k));
	return (uint32_t)k;
}

/*
 * Without this, what is read most would be what was stored first, and so lie
 * together in memory. A hash modulo n would do it as well, but let ranks
 * collide; this is a permutation of the next power of two, walked until the
 * result is in range.
 */
uint32_t scramble(uint32_t x, uint32_t n)
{
	unsigned int bits = n > 1 ? 32 - (unsigned int)__builtin_clz(n - 1) : 1;
	uint32_t mask = bits == 32 ? UINT32_MAX : (1U << bits) - 1;
	unsigned int half = (bits + 1) / 2;

	do {
		x = (x * 0x9e3779b1U + 0x7f4a7c15U) & mask;
		x ^= x >> half;
		x = (x * 0x85ebca6bU + 0x2545f491U) & mask;
		x ^= x >> half;
		x = (x * 0xc2b2ae35U + 0x27d4eb2fU) & mask;
	} while (x >= n);
	return x;
}

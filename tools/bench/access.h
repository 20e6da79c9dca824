/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ids, and sequences of accesses: made in memory before the clock runs, then
 * streamed through. What the streaming costs, the system "none" tells.
 */
#ifndef BENCH_ACCESS_H
#define BENCH_ACCESS_H

#include <stdint.h>
#include <string.h>

#include "bench.h"
#include "random.h"

enum distribution {
	UNIFORM,
	ZIPF,
	LATEST,		/* Zipf, the newest document first: with inserts */
	DISTRIBUTIONS,
};

extern const char *const distribution_names[DISTRIBUTIONS];

/*
 * A sequence is walked in a circle. It is followed by its beginning once more,
 * so that a batch never has to be put together of two pieces.
 */
struct sequence {
	struct bench_access *accesses;
	size_t count;
};

/* The id of a document; different numbers have different ids. */
void access_make(struct bench_access *access, uint32_t number);

/* In memory that children share. */
int sequence_make(struct sequence *s, enum distribution distribution,
		  uint32_t documents, size_t count, uint64_t seed);

/*
 * For systems that have a hash table of their own: a fast one, since theirs
 * should not be what makes them slow. It reads all of an id.
 */
static inline uint64_t access_hash(const char *id, size_t len)
{
	uint64_t a, b, c;

	memcpy(&a, id, 8);
	memcpy(&b, id + 8, 8);
	memcpy(&c, id + len - 8, 8);
	a = (a ^ 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL;
	b = (b ^ a >> 32 ^ c) * 0x94d049bb133111ebULL;
	a ^= b;
	return a ^ a >> 32;
}

#endif /* BENCH_ACCESS_H */

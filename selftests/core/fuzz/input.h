/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fuzzer's bytes, taken from front to back. Behind their end there are zeroes,
 * so that what stands at the front keeps its meaning when something is cut off.
 */
#ifndef _FUZZ_INPUT_H
#define _FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both of libFuzzer and of replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	const uint8_t *end;
};

/* A finding: end the process in a way that fuzzers notice. */
#define FINDING(...)							\
	do {								\
		fflush(stdout);						\
		fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);		\
		fprintf(stderr, __VA_ARGS__);				\
		fputc('\n', stderr);					\
		abort();						\
	} while (0)

#define MUST(condition)							\
	do {								\
		if (!(condition))					\
			FINDING("%s", #condition);			\
	} while (0)

static inline size_t input_left(const struct input *in)
{
	return (size_t)(in->end - in->at);
}

static inline uint64_t take(struct input *in, unsigned int bytes)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < bytes && in->at < in->end; i++)
		n |= (uint64_t)*in->at++ << (8 * i);
	return n;
}

/* One of 0 to @n - 1. */
static inline uint32_t take_below(struct input *in, uint32_t n)
{
	return (uint32_t)(take(in, n <= 256 ? 1 : n <= 65536 ? 2 : 4) % n);
}

/* A number of 64 bits, near the edges of what numbers can be if it is short. */
static inline uint64_t take_number(struct input *in)
{
	static const uint64_t edges[] = {
		0, 0x7f, 0xff, 0x7fff, 0xffff, INT32_MAX, UINT32_MAX, 1ULL << 53, 1ULL << 62,
		INT64_MAX, UINT64_MAX, 0x7ff0000000000000ULL, 0xfff0000000000000ULL,
		0x7ff8000000000000ULL, 0x7fefffffffffffffULL, 0x3fb999999999999aULL,
	};
	uint64_t how = take(in, 1);

	if (how < 0xc0)
		return how;
	if (how < 0xf0)
		return edges[how & 15] + how / 16 - 13;
	return take(in, how & 8 ? 8 : 4);
}

/* At most @most bytes, as many as there are; a copy to the byte, to be freed. */
static inline uint8_t *take_copy(struct input *in, size_t most, size_t *len)
{
	uint8_t *copy;

	*len = input_left(in) < most ? input_left(in) : most;
	copy = malloc(*len ? *len : 1);
	if (!copy)
		FINDING("no memory");
	memcpy(copy, in->at, *len);
	in->at += *len;
	return copy;
}

#endif /* _FUZZ_INPUT_H */

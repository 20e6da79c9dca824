// SPDX-License-Identifier: GPL-2.0
/*
 * Ids, and sequences of accesses.
 */
#include <errno.h>
#include <sys/mman.h>

#include "access.h"
#include "zipf.h"

const char *const distribution_names[DISTRIBUTIONS] = {
	[UNIFORM] = "uniform",
	[ZIPF] = "zipf",
	[LATEST] = "latest",
};

static void hex(char *to, uint64_t x, size_t digits)
{
	while (digits--) {
		*to++ = "0123456789abcdef"[x & 15];
		x >>= 4;
	}
}

void access_make(struct bench_access *access, uint32_t number)
{
	uint64_t first = mix64(number + 1ULL), second = mix64(first);

	memset(access, 0, sizeof(*access));
	access->number = number;
	access->id_len = (uint8_t)(BENCH_MIN_ID + (second >> 32) %
				   (BENCH_MAX_ID - BENCH_MIN_ID + 1));
	hex(access->id, first, 16);
	hex(access->id + 16, second, access->id_len - 16U);
}

int sequence_make(struct sequence *s, enum distribution distribution,
		  uint32_t documents, size_t count, uint64_t seed)
{
	struct random random = { .state = mix64(seed) };
	struct zipf zipf;
	size_t i;

	s->count = count;
	s->accesses = mmap(NULL, (count + BENCH_MAX_BATCH) * sizeof(*s->accesses),
			   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->accesses == MAP_FAILED)
		return -errno;
	zipf_init(&zipf, documents, ZIPF_EXPONENT);
	for (i = 0; i < count; i++) {
		uint32_t number;

		if (distribution == UNIFORM)
			number = (uint32_t)random_below(&random, documents);
		else
			number = scramble(zipf_rank(&zipf, &random) - 1, documents);
		access_make(&s->accesses[i], number);
		s->accesses[i].die = (uint16_t)random_next(&random);
	}
	for (i = 0; i < BENCH_MAX_BATCH; i++)
		s->accesses[count + i] = s->accesses[i % count];
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values tell which document they belong to and are the same at both ends, so
 * that a system that returns the wrong one, or one half written, is found out
 * and not praised for its speed.
 */
#ifndef BENCH_VALUE_H
#define BENCH_VALUE_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "bench.h"
#include "random.h"

#define VALUE_SEAL	0x9e3779b97f4a7c15ULL

struct value_head {
	uint32_t number;
	uint32_t stamp;		/* counts changes */
};

/* What lies between is the same in all values, and hard to compress. */
static inline void value_fill(void *value, size_t len)
{
	struct random random = { .state = len };
	uint64_t word;
	size_t i;

	for (i = 0; i < len; i += sizeof(word)) {
		word = random_next(&random);
		memcpy((char *)value + i, &word,
		       len - i < sizeof(word) ? len - i : sizeof(word));
	}
}

static inline void value_stamp(void *value, size_t len, uint32_t number,
			       uint32_t stamp)
{
	struct value_head head = { number, stamp };
	uint64_t seal;

	memcpy(&seal, &head, sizeof(seal));
	seal *= VALUE_SEAL;
	memcpy(value, &head, sizeof(head));
	memcpy((char *)value + len - sizeof(seal), &seal, sizeof(seal));
}

/* 0, or -EBADMSG; and the value's stamp. */
static inline int value_check(const struct bench_value *value, size_t len,
			      uint32_t number, uint32_t *stamp)
{
	struct value_head head;
	uint64_t sealed, seal;

	if (value->len != len)
		return -EBADMSG;
	memcpy(&head, value->data, sizeof(head));
	memcpy(&sealed, value->data, sizeof(sealed));
	memcpy(&seal, (const char *)value->data + len - sizeof(seal), sizeof(seal));
	*stamp = head.stamp;
	return head.number == number && sealed * VALUE_SEAL == seal ? 0 : -EBADMSG;
}

#endif /* BENCH_VALUE_H */

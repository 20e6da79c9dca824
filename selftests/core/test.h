/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tests: each runs in a process of its own and ends it when it finds a fault.
 */
#ifndef _TEST_H
#define _TEST_H

#include <stdio.h>
#include <stdlib.h>

#include <linux/types.h>

#include "shim/shim.h"

struct test {
	const char *name;
	void (*run)(void);
};

struct test_group {
	const char *name;
	const struct test *tests;
};

#define TEST(function)	{ #function, function }

extern const struct test arena_tests[];
extern const struct test document_tests[];
extern const struct test heat_tests[];
extern const struct test index_tests[];
extern const struct test partition_tests[];
extern const struct test past_tests[];
extern const struct test span_tests[];
extern const struct test moment_tests[];
extern const struct test backlog_tests[];
extern const struct test cursor_tests[];
extern const struct test follow_tests[];
extern const struct test check_tests[];
extern const struct test refusal_tests[];
extern const struct test random_tests[];
extern const struct test map_tests[];
extern const struct test together_tests[];
extern const struct test step_tests[];
extern const struct test thread_tests[];

void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((__noreturn__, __format__(__printf__, 3, 4)));
void test_note(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

#define FAIL(...)	test_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition)						\
	do {								\
		if (!(condition))					\
			FAIL("%s", #condition);				\
	} while (0)

#define CHECK_EQ(a, b)							\
	do {								\
		long long __a = (long long)(a);				\
		long long __b = (long long)(b);				\
									\
		if (__a != __b)						\
			FAIL("%s is %lld, not %s = %lld", #a, __a, #b, __b); \
	} while (0)

/* A parameter from the environment. */
u64 test_param(const char *name, u64 otherwise);

/*
 * Random numbers. The seed comes from SEED, or is a new one each time, and is
 * printed: with it the same test takes the same steps.
 */
struct rng {
	u64 state;
};

u64 test_seed(void);
u64 rng_next(struct rng *rng);
/* One of 0 to @n - 1. */
u32 rng_below(struct rng *rng, u32 n);
/* Small numbers more often than large ones; at most @max. */
u32 rng_skewed(struct rng *rng, u32 max);

#endif /* _TEST_H */

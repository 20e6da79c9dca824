// SPDX-License-Identifier: GPL-2.0
/*
 * No system: values are made up as they are asked for. What is left is what the
 * benchmark itself costs, in the figures of all others: streaming accesses,
 * stamping values, checking them, the calls.
 */
#include <stdlib.h>

#include "value.h"

struct none {
	size_t value_bytes;
};

static int none_open(struct bench_setup *setup, void **store)
{
	struct none *none = malloc(sizeof(*none));

	if (!none)
		return -ENOMEM;
	none->value_bytes = setup->value_bytes;
	*store = none;
	return 0;
}

static int none_session(void *store, void **session)
{
	*session = store;
	return 0;
}

static void none_session_close(void *session)
{
	(void)session;
}

static void make_up(const struct none *none, const struct bench_access *access,
		    void *at, struct bench_value *value)
{
	value_stamp(at, none->value_bytes, access->number, 0);
	value->data = at;
	value->len = none->value_bytes;
}

static int none_get(void *session, const struct bench_access *access,
		    struct bench_buffer buffer, struct bench_value *value)
{
	make_up(session, access, buffer.data, value);
	return 0;
}

static int none_get_many(void *session, const struct bench_access *accesses,
			 size_t n, struct bench_buffer buffer,
			 struct bench_value *values)
{
	struct none *none = session;
	size_t i;

	for (i = 0; i < n; i++)
		make_up(none, &accesses[i],
			(char *)buffer.data + i * none->value_bytes, &values[i]);
	return 0;
}

/* Reads a little of each, or the compiler could leave out that they are made. */
static int none_put(void *session, const struct bench_access *access,
		    const void *value)
{
	(void)session;
	__asm__ volatile("" : : "r"(access->number), "r"(value) : "memory");
	return 0;
}

static int none_put_many(void *session, const struct bench_access *accesses,
			 size_t n, const void *const *values)
{
	size_t i;

	for (i = 0; i < n; i++)
		none_put(session, &accesses[i], values[i]);
	return 0;
}

static void none_close(void *store)
{
	free(store);
}

static const struct bench_system none_system = {
	.name = "none",
	.description = "nothing at all: what the benchmark itself costs",
	.flags = BENCH_PROCESSES,
	.open = none_open,
	.session_open = none_session,
	.session_close = none_session_close,
	.get = none_get,
	.get_many = none_get_many,
	.put = none_put,
	.put_many = none_put_many,
	.close = none_close,
};
BENCH_SYSTEM(none_system)

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests of the library that have one store, open twice: read from its mapping, where
 * there is one, and by system calls.
 *
 * Built with FAKE_KERNEL they have fake_kernel.c behind them, which maps nothing and is
 * for one thread at a time; with ENGINE_KERNEL engine_kernel.c, the engine in user space;
 * and else the module.
 */
#ifndef DOCSTORE_LIB_BOTH_H
#define DOCSTORE_LIB_BOTH_H

#include <stdlib.h>
#include <unistd.h>

#include "libdocstore.h"
#include "tap.h"

#define ROOM		(DOCSTORE_MAX_DOCUMENT + 64)

static struct ds_store *mapped, *asked;

static inline struct ds_store *both_open(const char *name, unsigned int flags)
{
	struct ds_open_opts opts = { .size = sizeof(opts), .flags = flags };
	struct ds_store *s;
	int err = ds_open(name, DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, &opts, &s);

	if (err) {
		printf("Bail out! cannot open the store: %s\n", strerror(-err));
		exit(1);
	}
	return s;
}

static inline void both_begin(const char *name)
{
	struct ds_create_opts opts = {
		.size = sizeof(opts),
		.partitions = 4,
		.max_bytes = 96 << 20,
	};
	int err;

	ds_remove(name, NULL);
	err = ds_create(name, &opts);
	if (err) {
		printf("Bail out! cannot make a store: %s\n", strerror(-err));
		exit(1);
	}
	mapped = both_open(name, 0);
	asked = both_open(name, DS_OPEN_NO_MAP);
}

static inline int both_end(const char *name)
{
	ds_close(mapped);
	ds_close(asked);
	ds_remove(name, NULL);
	return tap_end();
}

/* Set a number, in a document that may have to be made. */
static inline bool put_n(const char *id, int64_t n)
{
	return !ds_set(asked, ds_str(id), ds_str("n"), ds_s64(n), NULL, NULL);
}

/* A number of a document; INT64_MIN plus the errno where there is none. */
static inline int64_t get_n(struct ds_store *s, const char *id)
{
	struct ds_value value;
	size_t len = 0;
	int err = ds_get_property(s, ds_str(id), ds_str("n"), NULL, &len, &value, NULL);

	return err ? INT64_MIN - err : value.s64;
}

#define NONE(err)	(INT64_MIN + (err))

static inline struct ds_store *snapshot_of(struct ds_store *s, unsigned int lease_ms)
{
	struct ds_snapshot_opts opts = { .size = sizeof(opts), .lease_ms = lease_ms };
	struct ds_store *snapshot;
	int err = ds_snapshot(s, &opts, &snapshot);

	if (err) {
		printf("Bail out! cannot take a snapshot: %s\n", strerror(-err));
		exit(1);
	}
	return snapshot;
}

static inline uint64_t map_stat(const struct ds_store *s, size_t offset)
{
	struct ds_map_stats stats = { .size = sizeof(stats) };

	if (ds_map_stats(s, &stats))
		return ~0ULL;
	return *(uint64_t *)(void *)((char *)&stats + offset);
}

#define MAP_STAT(s, field)	map_stat(s, offsetof(struct ds_map_stats, field))

/* For how long threads are let go on. */
static inline unsigned int seconds(unsigned int n)
{
	const char *scale = getenv("DOCSTORE_TEST_SCALE");

	return scale ? (unsigned int)(n * atof(scale)) + 1 : n;
}

#endif /* DOCSTORE_LIB_BOTH_H */

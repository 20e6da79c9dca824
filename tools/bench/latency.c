// SPDX-License-Identifier: GPL-2.0
/*
 * How long single operations on existing documents take, beside a bare system
 * call in the same process: what docstore costs where it runs now.
 *
 * Usage: latency STORE [ROUNDS]
 *
 * The store must hold documents; they get a property "bench.count", which is
 * removed at the end. Times are medians of ROUNDS (by default 7) of 2,000
 * operations each, on documents chosen at random.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libdocstore.h"

#define OPERATIONS	2000
#define MAX_IDS		20000
#define MAX_ROUNDS	101

struct bench {
	struct ds_store *store;
	struct ds_store *unmapped;
	struct ds_str ids[MAX_IDS];
	size_t count;
	uint64_t random;
	unsigned char buffer[DOCSTORE_MAX_DOCUMENT];
};

static struct bench bench;

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* xorshift: all that is asked of it is to jump about. */
static struct ds_str any_id(struct bench *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->ids[b->random % b->count];
}

static int do_nothing(struct bench *b)
{
	(void)b;
	return syscall(SYS_getppid) < 0 ? -errno : 0;
}

static int do_get(struct bench *b)
{
	size_t len = sizeof(b->buffer);
	struct ds_doc doc;

	return ds_get(b->store, any_id(b), b->buffer, &len, &doc);
}

static int do_get_by_ioctl(struct bench *b)
{
	size_t len = sizeof(b->buffer);
	struct ds_doc doc;

	return ds_get(b->unmapped, any_id(b), b->buffer, &len, &doc);
}

static int do_add(struct bench *b)
{
	return ds_add(b->store, any_id(b), ds_str("bench.count"), 1, NULL, NULL);
}

static int load_ids(struct bench *b)
{
	struct ds_scan_opts opts = { .size = sizeof(opts), .ids_only = true };
	struct ds_scan *scan;
	struct ds_doc doc;
	int ret;

	ret = ds_scan_new(b->store, &opts, &scan);
	if (ret)
		return ret;
	while (b->count < MAX_IDS && (ret = ds_scan_next(scan, &doc)) == 1) {
		void *copy = malloc(doc.id.len);

		if (!copy)
			return -ENOMEM;
		memcpy(copy, doc.id.data, doc.id.len);
		b->ids[b->count++] = ds_mem(copy, doc.id.len);
	}
	ds_scan_free(scan);
	return ret < 0 ? ret : 0;
}

static int clean_up(struct bench *b)
{
	size_t i;
	int ret;

	for (i = 0; i < b->count; i++) {
		ret = ds_unset(b->store, b->ids[i], ds_str("bench.count"), NULL, NULL);
		if (ret && ret != -ENODATA && ret != -ENOENT)
			return ret;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median of the rounds, in microseconds for one operation; below 0 on errors. */
static double measure(struct bench *b, int rounds, int (*operation)(struct bench *b))
{
	double times[MAX_ROUNDS];
	int i, round, ret;

	for (round = 0; round < rounds; round++) {
		double begin = seconds();

		for (i = 0; i < OPERATIONS; i++) {
			ret = operation(b);
			if (ret) {
				fprintf(stderr, "latency: %s\n", strerror(-ret));
				return -1;
			}
		}
		times[round] = (seconds() - begin) * 1e6 / OPERATIONS;
	}
	qsort(times, (size_t)rounds, sizeof(*times), by_value);
	return times[rounds / 2];
}

static const struct {
	const char *what;
	int (*operation)(struct bench *b);
} table[] = {
	{ "a bare system call (getppid)", do_nothing },
	{ "get of a document, by mapping", do_get },
	{ "the same by system call", do_get_by_ioctl },
	{ "add to a property (a put)", do_add },
};

int main(int argc, char **argv)
{
	struct ds_open_opts no_map = { .size = sizeof(no_map), .flags = DS_OPEN_NO_MAP };
	int rounds = argc > 2 ? atoi(argv[2]) : 7;
	struct bench *b = &bench;
	size_t i;
	int ret;

	if (argc < 2 || argc > 3 || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "Usage: latency STORE [ROUNDS (1 to %d)]\n", MAX_ROUNDS);
		return 2;
	}
	b->random = 88172645463325252ULL;
	ret = ds_open(argv[1], DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, NULL, &b->store);
	if (!ret)
		ret = ds_open(argv[1], DOCSTORE_OPEN_READ, &no_map, &b->unmapped);
	if (!ret)
		ret = load_ids(b);
	if (!ret && !b->count)
		ret = -ENODATA;
	if (ret) {
		fprintf(stderr, "latency: %s: %s\n", argv[1], strerror(-ret));
		return 1;
	}
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		double time = measure(b, rounds, table[i].operation);

		if (time < 0)
			return 1;
		printf("%-32s %8.2f us\n", table[i].what, time);
	}
	ret = clean_up(b);
	if (ret)
		fprintf(stderr, "latency: cleaning up: %s\n", strerror(-ret));
	ds_close(b->unmapped);
	ds_close(b->store);
	return !!ret;
}

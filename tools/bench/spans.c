// SPDX-License-Identifier: GPL-2.0
/*
 * What atomic batches cost that span two partitions, beside those that go to one; what
 * they cost readers of the mapping; and what it takes to pin 64 partitions: the engine
 * in user space, see native.h.
 *
 * Usage: spans [DOCUMENTS [ROUNDS]]
 *
 * Results go to stdout as JSON Lines.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "map_look.h"

#include "native.h"
#include "numbered.h"
#include "random.h"
#include "timing.h"

#define PARTITIONS	2
#define HALF		50	/* documents in each partition, at most */
#define BATCHES		2000
#define READS		100000
#define MANY		64	/* partitions that are pinned */
#define SNAPSHOTS	2000
#define MAX_ROUNDS	101

/* What goes on beside a reader: nothing, single partitions, spans, or spans elsewhere. */
enum beside { ALONE, SINGLE, SPANS, CONTROL, SITUATIONS };

static const char *const names[] = { "alone", "single", "spans", "control" };

struct document {
	char id[27];
	uint8_t len;
};

/* Documents by their partitions; all stores have the same key. */
struct documents {
	struct document *all[PARTITIONS];
	uint64_t count[PARTITIONS];
};

static void fail(const char *what)
{
	fprintf(stderr, "spans: %s\n", what);
	exit(1);
}

static void choose(const struct documents *d, unsigned int partition, struct random *random,
		   struct native_value *values, unsigned int count)
{
	static const char value[100];
	unsigned int i;

	for (i = 0; i < count; i++) {
		const struct document *one =
			&d->all[partition][random_next(random) % d->count[partition]];

		values[i] = (struct native_value){
			.id = one->id,
			.id_len = one->len,
			.value = value,
			.value_len = sizeof(value),
		};
	}
}

static struct native *fill(struct documents *d, uint64_t documents)
{
	struct native *n = native_create(PARTITIONS, documents * 300 + (64 << 20), NATIVE_HUGE);
	static const char value[100];
	unsigned int p;
	uint64_t i;

	if (!n)
		fail("no memory");
	for (p = 0; p < PARTITIONS; p++) {
		if (!d->all[p])
			d->all[p] = calloc(documents, sizeof(*d->all[p]));
		if (!d->all[p])
			fail("no memory");
		d->count[p] = 0;
	}
	for (i = 0; i < documents; i++) {
		struct random random = { .state = i };
		struct native_value v = { .value = value, .value_len = sizeof(value) };
		struct document one;

		one.len = (uint8_t)snprintf(one.id, sizeof(one.id), "%016llx%04x",
					    (unsigned long long)random_next(&random),
					    (unsigned int)i & 0xffff);
		p = native_partition(n, one.id, one.len);
		d->all[p][d->count[p]++] = one;
		v.id = one.id;
		v.id_len = one.len;
		if (native_put(n, p, &v, 1))
			fail("no memory");
	}
	return n;
}

/* A batch of twice so many documents: in one partition, or as many in each of two. */
static void single(struct native *n, const struct documents *d, struct random *random,
		   unsigned int half)
{
	struct native_value values[2 * HALF];
	unsigned int p = random_next(random) % PARTITIONS;

	choose(d, p, random, values, 2 * half);
	if (native_put_atomic(n, p, values, 2 * half))
		fail("no memory");
}

static void span(struct native *n, const struct documents *d, struct random *random,
		 unsigned int half)
{
	struct native_value values[PARTITIONS][HALF];
	const struct native_value *of[PARTITIONS];
	unsigned int p;

	for (p = 0; p < PARTITIONS; p++) {
		choose(d, p, random, values[p], half);
		of[p] = values[p];
	}
	if (native_put_span(n, of, half))
		fail("no memory");
}

static double time_batches(void (*put)(struct native *n, const struct documents *d,
				       struct random *random, unsigned int half),
			   struct native *n, const struct documents *d, struct random *random,
			   unsigned int half)
{
	unsigned int batches = BATCHES / half, i;
	double begin = now();

	for (i = 0; i < batches; i++)
		put(n, d, random, half);
	return (now() - begin) / batches;
}

/* In a process of its own, until its parent goes. */
static void writer(const enum beside *what, struct native *n, struct native *copy,
		   const struct documents *d)
{
	struct random random = { .state = 2 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(1);
	for (;;) {
		switch (__atomic_load_n(what, __ATOMIC_RELAXED)) {
		case SINGLE:
			single(n, d, &random, 1);
			break;
		case SPANS:
			span(n, d, &random, 1);
			break;
		case CONTROL:
			span(copy, d, &random, 1);
			break;
		default:
			usleep(100);
		}
	}
}

static double time_reads(struct ds_map *map, const struct documents *d, struct random *random)
{
	struct ds_map_view view;
	char buffer[1024];
	double begin = now();
	unsigned int i, p;

	for (i = 0; i < READS; i++) {
		uint64_t r = random_next(random);
		const struct document *one;
		struct ds_map_id id;

		p = r % PARTITIONS;
		one = &d->all[p][(r >> 8) % d->count[p]];
		id = ds_map_id_to_read(map, one->id, one->len);
		if (ds_map_copy(map, &id, buffer, sizeof(buffer), &view))
			fail("a document was not found");
	}
	return (now() - begin) / READS;
}

static double time_snapshots(struct native *many)
{
	double begin = now();
	unsigned int i;

	for (i = 0; i < SNAPSHOTS; i++)
		if (!native_snapshot(many))
			fail("no snapshot");
	return (now() - begin) / SNAPSHOTS;
}

static double singles[2][MAX_ROUNDS], spans[2][MAX_ROUNDS], ratios[2][MAX_ROUNDS];
static double reads[SITUATIONS][MAX_ROUNDS], to_control[MAX_ROUNDS], snapshots[MAX_ROUNDS];

int main(int argc, char **argv)
{
	uint64_t documents = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	int rounds = argc > 2 ? atoi(argv[2]) : 15, round, i;
	static const unsigned int halves[] = { 1, HALF };
	struct native *n, *copy, *many;
	struct random random = { .state = 1 };
	struct documents d = { 0 };
	enum beside *beside;
	char metric[32];
	struct ds_map map;
	pid_t pid;

	if (argc > 3 || documents < 1000 || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "Usage: spans [DOCUMENTS (1000 at least) [ROUNDS (1 to %d)]]\n",
			MAX_ROUNDS);
		return 2;
	}
	beside = mmap(NULL, sizeof(*beside), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	n = fill(&d, documents);
	copy = fill(&d, documents);
	many = native_create(MANY, 8 << 20, NATIVE_HUGE);
	if (beside == MAP_FAILED || !many || ds_map_init(&map, native_base(n), native_size(n)))
		fail("no memory");
	pin(0);
	pid = fork();
	if (!pid)
		writer(beside, n, copy, &d);
	/* The first time is for warming up. */
	for (round = -1; round < rounds; round++) {
		int to = round < 0 ? 0 : round;

		for (i = 0; i < 2; i++) {
			singles[i][to] = time_batches(single, n, &d, &random, halves[i]);
			spans[i][to] = time_batches(span, n, &d, &random, halves[i]);
			ratios[i][to] = spans[i][to] / singles[i][to];
		}
		snapshots[to] = time_snapshots(many);
		for (i = 0; i < SITUATIONS; i++) {
			__atomic_store_n(beside, (enum beside)i, __ATOMIC_RELAXED);
			usleep(20000);
			reads[i][to] = time_reads(&map, &d, &random);
		}
		__atomic_store_n(beside, ALONE, __ATOMIC_RELAXED);
		usleep(20000);
		to_control[to] = reads[SPANS][to] / reads[CONTROL][to];
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (i = 0; i < 2; i++) {
		batch_report("spans", "single", "ns", documents, 2 * halves[i], singles[i], rounds);
		batch_report("spans", "span", "ns", documents, 2 * halves[i], spans[i], rounds);
		batch_report("spans", "span_to_single", "ratio", documents, 2 * halves[i],
			     ratios[i], rounds);
	}
	for (i = 0; i < SITUATIONS; i++) {
		snprintf(metric, sizeof(metric), "get_%s", names[i]);
		batch_report("spans", metric, "ns", documents, 1, reads[i], rounds);
	}
	batch_report("spans", "get_spans_to_control", "ratio", documents, 1, to_control, rounds);
	batch_report("spans", "snapshot_of_64", "ns", 0, MANY, snapshots, rounds);
	return 0;
}

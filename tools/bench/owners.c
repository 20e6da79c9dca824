// SPDX-License-Identifier: GPL-2.0
/*
 * What two owners reach at the same time, each with its partition of one store,
 * against two whose stores share nothing: the engine in user space, see native.h.
 *
 * Usage: owners [DOCUMENTS [ROUNDS]]
 *
 * Each owner is a process on a processor of its own, and puts documents of its
 * partition, one or a hundred at a time. Results go to stdout as JSON Lines.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "native.h"
#include "numbered.h"
#include "random.h"
#include "timing.h"

#define OWNERS		2
#define BATCH		100
#define RUN_NS		40e6
#define MAX_ROUNDS	101

/* One store for both, or one for each. */
enum situation { TOGETHER, APART, SITUATIONS };

static const unsigned int batches[] = { 1, BATCH };

#define BATCHES		(sizeof(batches) / sizeof(batches[0]))

struct document {
	char id[27];
	uint8_t len;
};

struct owner {
	struct native *store[SITUATIONS];
	struct document *documents;
	uint64_t count;
	struct random random;
};

/* What the second owner is to do, which does it when @order changes. */
struct shared {
	atomic_uint order;
	atomic_uint done;
	enum situation situation;
	unsigned int batch;
	double rate;
};

static void fail(const char *what)
{
	fprintf(stderr, "owners: %s\n", what);
	exit(1);
}

static void put(struct native *n, unsigned int partition, const struct document *const *which,
		unsigned int count)
{
	static const char value[100];
	struct native_value values[BATCH];
	unsigned int i;

	for (i = 0; i < count; i++) {
		values[i].id = which[i]->id;
		values[i].id_len = which[i]->len;
		values[i].value = value;
		values[i].value_len = sizeof(value);
	}
	if (native_put(n, partition, values, count))
		fail("no memory");
}

/* Documents of each owner, in one store of all owners and in one of its own. */
static void prepare(struct owner *owners, uint64_t documents)
{
	uint64_t bytes = documents / OWNERS * 360 + (64 << 20), i;
	unsigned int n, s;

	for (n = 0; n < OWNERS; n++) {
		struct owner *o = &owners[n];

		o->store[TOGETHER] = n ? owners[0].store[TOGETHER] :
					 native_create(OWNERS, bytes, NATIVE_HUGE);
		o->store[APART] = native_create(OWNERS, bytes, NATIVE_HUGE);
		o->documents = calloc(documents, sizeof(*o->documents));
		o->random.state = n + 1;
		if (!o->store[TOGETHER] || !o->store[APART] || !o->documents)
			fail("no memory");
	}
	for (i = 0; i < documents; i++) {
		struct random random = { .state = i };
		const struct document *which;
		struct document d;
		struct owner *o;

		d.len = (uint8_t)snprintf(d.id, sizeof(d.id), "%016llx%04x",
					  (unsigned long long)random_next(&random),
					  (unsigned int)i & 0xffff);
		/* All stores have the same key. */
		n = native_partition(owners[0].store[TOGETHER], d.id, d.len);
		o = &owners[n];
		o->documents[o->count] = d;
		which = &o->documents[o->count++];
		for (s = 0; s < SITUATIONS; s++)
			put(o->store[s], n, &which, 1);
	}
}

/* Puts a second, of one owner. */
static double work(struct owner *o, unsigned int number, enum situation situation,
		   unsigned int batch)
{
	const struct document *which[BATCH];
	double begin = now(), end;
	uint64_t done = 0;
	unsigned int i, j;

	do {
		/* Not a look at the clock for each of them. */
		for (i = 0; i < BATCH / batch; i++) {
			for (j = 0; j < batch; j++)
				which[j] = &o->documents[random_next(&o->random) % o->count];
			put(o->store[situation], number, which, batch);
		}
		done += BATCH;
		end = now();
	} while (end - begin < RUN_NS);
	return (double)done / (end - begin) * 1e9;
}

/* In a process of its own, until its parent goes. */
static void second(struct shared *shared, struct owner *o)
{
	unsigned int order = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(1);
	for (;;) {
		while (atomic_load(&shared->order) == order)
			;
		order++;
		shared->rate = work(o, 1, shared->situation, shared->batch);
		atomic_store(&shared->done, order);
	}
}

static double both(struct shared *shared, struct owner *o, enum situation situation,
		   unsigned int batch)
{
	unsigned int order = atomic_load(&shared->order) + 1;
	double rate;

	shared->situation = situation;
	shared->batch = batch;
	atomic_store(&shared->order, order);
	rate = work(o, 0, situation, batch);
	while (atomic_load(&shared->done) != order)
		;
	return rate + shared->rate;
}

int main(int argc, char **argv)
{
	uint64_t documents = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	int rounds = argc > 2 ? atoi(argv[2]) : 15, round;
	double rate[BATCHES][SITUATIONS][MAX_ROUNDS], ratio[BATCHES][MAX_ROUNDS];
	struct owner owners[OWNERS] = { 0 };
	struct shared *shared;
	unsigned int b, s;
	pid_t pid;

	if (argc > 3 || documents < 1000 || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "Usage: owners [DOCUMENTS (1000 at least) [ROUNDS (1 to %d)]]\n",
			MAX_ROUNDS);
		return 2;
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) < OWNERS) {
		printf("{\"type\":\"skip\",\"system\":\"native-huge\",\"reason\":"
		       "\"two owners take two processors\"}\n");
		return 0;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		fail("no memory");
	prepare(owners, documents);
	pid = fork();
	if (!pid)
		second(shared, &owners[1]);
	pin(0);
	/* The first time is for warming up. */
	for (round = -1; round < rounds; round++) {
		for (b = 0; b < BATCHES; b++) {
			double r[SITUATIONS];

			/* Neither always comes first. */
			for (s = 0; s < SITUATIONS; s++) {
				enum situation situation = (s + (unsigned int)round) % SITUATIONS;

				r[situation] = both(shared, &owners[0], situation, batches[b]);
			}
			if (round < 0)
				continue;
			for (s = 0; s < SITUATIONS; s++)
				rate[b][s][round] = r[s];
			ratio[b][round] = r[TOGETHER] / r[APART];
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (b = 0; b < BATCHES; b++) {
		batch_report("owners", "put_together", "1/s", documents, batches[b],
			     rate[b][TOGETHER], rounds);
		batch_report("owners", "put_apart", "1/s", documents, batches[b],
			     rate[b][APART], rounds);
		batch_report("owners", "together_to_apart", "ratio", documents, batches[b],
			     ratio[b], rounds);
	}
	return 0;
}

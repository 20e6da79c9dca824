// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to change a document's flags, and to look at those of all documents
 * while their owner goes on: the engine in user space, see native.h.
 *
 * Usage: flags [DOCUMENTS [ROUNDS]]
 *
 * The owner is timed alone, beside a monitor in another process that looks at its
 * documents all the time, and beside one that does the same to a copy of them: what
 * that one costs is the machine's doing. Results go to stdout as JSON Lines.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "native.h"
#include "numbered.h"
#include "random.h"
#include "stats.h"
#include "timing.h"

#define BATCH		NUMBERED_BATCH
#define OPERATIONS	20000
#define MAX_ROUNDS	101
/* Whose flags are changed, and how often. */
#define DOCUMENTS	200
#define TRANSITIONS	1000

enum beside { ALONE, MONITOR, CONTROL, SITUATIONS };

static const char *const names[] = { "alone", "monitor", "control" };

struct shared {
	enum beside beside;
	uint64_t scans;
	uint64_t scan_ns;
};

static void put(struct native *n, const uint64_t *numbers, unsigned int count)
{
	if (!numbered_put(n, numbers, count)) {
		fprintf(stderr, "flags: no memory\n");
		exit(1);
	}
}

static struct native *fill(uint64_t documents)
{
	struct native *n = native_create(1, documents * 300 + (64 << 20), NATIVE_HUGE);
	uint64_t numbers[BATCH], i;

	if (!n) {
		fprintf(stderr, "flags: no memory\n");
		exit(1);
	}
	for (i = 0; i < documents;) {
		unsigned int count = 0;

		while (count < BATCH && i < documents)
			numbers[count++] = i++;
		put(n, numbers, count);
	}
	return n;
}

/* In a process of its own, until its parent goes. */
static void monitor(struct shared *shared, struct native *n, struct native *copy)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(1);
	for (;;) {
		enum beside beside = __atomic_load_n(&shared->beside, __ATOMIC_RELAXED);
		uint64_t dirty;
		double begin;

		if (beside == ALONE) {
			usleep(100);
			continue;
		}
		begin = now();
		native_monitor(beside == MONITOR ? n : copy, 0, &dirty);
		if (beside == MONITOR) {
			shared->scan_ns += (uint64_t)(now() - begin);
			shared->scans++;
		}
	}
}

static double time_puts(struct native *n, struct random *random, uint64_t documents)
{
	uint64_t numbers[BATCH];
	double begin = now();
	unsigned int i, j;

	for (i = 0; i < OPERATIONS / BATCH; i++) {
		for (j = 0; j < BATCH; j++)
			numbers[j] = random_next(random) % documents;
		put(n, numbers, BATCH);
	}
	return (now() - begin) / OPERATIONS;
}

static double time_flags(struct native *n, struct random *random, uint64_t documents)
{
	double spent = 0, begin;
	unsigned int i, times;
	char id[32];

	/* The first time without, which is taken off: to find the document. */
	for (i = 0; i < DOCUMENTS; i++) {
		uint32_t len = numbered_id(id, random_next(random) % documents);

		native_flag(n, 0, id, len, 0);
		for (times = 0; times <= TRANSITIONS; times += TRANSITIONS) {
			begin = now();
			if (!native_flag(n, 0, id, len, times))
				exit(1);
			spent += times ? now() - begin : begin - now();
		}
	}
	return spent / DOCUMENTS / TRANSITIONS;
}

static void report(const char *metric, const char *unit, uint64_t documents, double *values,
		   int rounds)
{
	stats_sort(values, (size_t)rounds);
	printf("{\"type\":\"flags\",\"system\":\"native-huge\",\"documents\":%llu,"
	       "\"metric\":\"%s\",\"unit\":\"%s\",\"median\":%g,\"min\":%g,\"max\":%g,"
	       "\"runs\":%d}\n", (unsigned long long)documents, metric, unit,
	       stats_median(values, (size_t)rounds), values[0], values[rounds - 1], rounds);
}

int main(int argc, char **argv)
{
	uint64_t documents = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000, dirty;
	int rounds = argc > 2 ? atoi(argv[2]) : 15, round;
	double flags[MAX_ROUNDS], scan[MAX_ROUNDS], puts[SITUATIONS][MAX_ROUNDS];
	double ratio[MAX_ROUNDS];
	struct random random = { .state = 1 };
	struct native *n, *copy;
	struct shared *shared;
	pid_t pid;
	int i;

	if (argc > 3 || !documents || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "Usage: flags [DOCUMENTS [ROUNDS (1 to %d)]]\n", MAX_ROUNDS);
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	n = fill(documents);
	copy = fill(documents);
	pin(0);
	pid = fork();
	if (!pid)
		monitor(shared, n, copy);

	for (round = 0; round < rounds; round++) {
		double begin = now();

		if (native_monitor(n, 0, &dirty) != documents || dirty) {
			fprintf(stderr, "flags: the monitor has not seen all documents\n");
			return 1;
		}
		scan[round] = (now() - begin) / 1e6;
		flags[round] = time_flags(n, &random, documents);
		for (i = 0; i < SITUATIONS; i++) {
			__atomic_store_n(&shared->beside, (enum beside)i, __ATOMIC_RELAXED);
			usleep(20000);
			puts[i][round] = time_puts(n, &random, documents);
		}
		__atomic_store_n(&shared->beside, ALONE, __ATOMIC_RELAXED);
		usleep(20000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);

	for (round = 0; round < rounds; round++)
		ratio[round] = puts[MONITOR][round] / puts[CONTROL][round];
	report("flag_transition", "ns", documents, flags, rounds);
	report("scan_all_flags", "ms", documents, scan, rounds);
	for (i = 0; i < SITUATIONS; i++) {
		char metric[32];

		snprintf(metric, sizeof(metric), "put_%s", names[i]);
		report(metric, "ns", documents, puts[i], rounds);
	}
	report("put_monitor_to_control", "ratio", documents, ratio, rounds);
	return 0;
}

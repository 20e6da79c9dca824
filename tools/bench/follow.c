// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs an owner that its changes can be followed, and how fast somebody follows
 * them: the engine in user space, see native.h.
 *
 * Usage: follow [DOCUMENTS [ROUNDS]]
 *
 * The owner is timed without a backlog, with one that nobody reads, with one that a
 * process on another processor follows, and beside that process while it reads the
 * backlog of a store where nothing happens: what that one costs is the machine's doing.
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

#include "native.h"
#include "numbered.h"
#include "random.h"
#include "timing.h"

/* Documents in a commit, at most. */
#define BATCH		NUMBERED_BATCH
#define OPERATIONS	100000
#define BACKLOG		(16U << 20)
/* What a read has room for. */
#define ROOM		(64U << 10)
#define MAX_ROUNDS	101

enum situation { NO_BACKLOG, ALONE, FOLLOWED, CONTROL, SITUATIONS };

static const char *const names[] = { "no_backlog", "alone", "followed", "control" };

/* Between the owner and who follows: which it is, and what he has read. */
struct shared {
	enum situation situation;
	uint64_t records;
	uint64_t lost;
};

static void fail(const char *what)
{
	fprintf(stderr, "follow: %s\n", what);
	exit(1);
}

static void put(struct native *n, const uint64_t *numbers, unsigned int count)
{
	if (!numbered_put(n, numbers, count))
		fail("no memory");
}

static struct native *fill(uint64_t documents)
{
	struct native *n = native_create(1, documents * 300 + (64 << 20), NATIVE_HUGE);
	uint64_t numbers[BATCH], i;

	if (!n)
		fail("no memory");
	for (i = 0; i < documents;) {
		unsigned int count = 0;

		while (count < BATCH && i < documents)
			numbers[count++] = i++;
		put(n, numbers, count);
	}
	return n;
}

/* In a process of its own, until its parent goes. */
static void follower(struct shared *shared, const struct native *n, const struct native *idle)
{
	static char buffer[ROOM];
	struct native_cursor cursor, other;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(1);
	native_follow_now(n, 0, &cursor);
	native_follow_now(idle, 0, &other);
	for (;;) {
		switch (__atomic_load_n(&shared->situation, __ATOMIC_RELAXED)) {
		case FOLLOWED:
			__atomic_store_n(&shared->records, shared->records +
					 native_follow(n, 0, &cursor, buffer, sizeof(buffer)),
					 __ATOMIC_RELAXED);
			__atomic_store_n(&shared->lost, cursor.lost, __ATOMIC_RELAXED);
			break;
		case CONTROL:
			native_follow(idle, 0, &other, buffer, sizeof(buffer));
			break;
		default:
			/* What came meanwhile does not count. */
			native_follow_now(n, 0, &cursor);
			cursor.lost = __atomic_load_n(&shared->lost, __ATOMIC_RELAXED);
			usleep(100);
		}
	}
}

static double time_puts(struct native *n, struct random *random, uint64_t documents,
			unsigned int batch)
{
	uint64_t numbers[BATCH];
	double begin = now();
	unsigned int i, j;

	for (i = 0; i < OPERATIONS / batch; i++) {
		for (j = 0; j < batch; j++)
			numbers[j] = random_next(random) % documents;
		put(n, numbers, batch);
	}
	return (now() - begin) / OPERATIONS;
}

/* A backlog that is full, from its oldest change to its end: nanoseconds for each. */
static double time_follow(const struct native *n)
{
	static char buffer[ROOM];
	struct native_cursor cursor;
	unsigned int records = 0, some;
	double begin = now();

	native_follow_oldest(n, 0, &cursor);
	while ((some = native_follow(n, 0, &cursor, buffer, sizeof(buffer))))
		records += some;
	if (!records || cursor.lost)
		fail("the backlog was not read");
	return (now() - begin) / records;
}

static const unsigned int batches[] = { 1, BATCH };
static double puts_of[2][SITUATIONS][MAX_ROUNDS], cost[2][MAX_ROUNDS], to_control[2][MAX_ROUNDS];
static double rate[2][MAX_ROUNDS], lost[2][MAX_ROUNDS], reads[MAX_ROUNDS];

int main(int argc, char **argv)
{
	uint64_t documents = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	int rounds = argc > 2 ? atoi(argv[2]) : 15, round, s, b;
	struct random random = { .state = 1 };
	struct native *n, *plain, *idle;
	struct shared *shared;
	pid_t pid;

	if (argc > 3 || !documents || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "Usage: follow [DOCUMENTS [ROUNDS (1 to %d)]]\n", MAX_ROUNDS);
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	n = fill(documents);
	plain = fill(documents);
	idle = fill(1);
	if (shared == MAP_FAILED || !native_log(n, 0, BACKLOG) || !native_log(idle, 0, BACKLOG))
		fail("no memory");
	shared->situation = ALONE;
	pin(0);
	pid = fork();
	if (!pid)
		follower(shared, n, idle);

	/* The first time is for warming up, and fills the backlog. */
	for (round = -1; round < rounds; round++) {
		int to = round < 0 ? 0 : round;

		for (b = 0; b < 2; b++) {
			for (s = 0; s < SITUATIONS; s++) {
				uint64_t records, missed;

				__atomic_store_n(&shared->situation, (enum situation)s,
						 __ATOMIC_RELAXED);
				usleep(20000);
				records = __atomic_load_n(&shared->records, __ATOMIC_RELAXED);
				missed = __atomic_load_n(&shared->lost, __ATOMIC_RELAXED);
				puts_of[b][s][to] = time_puts(s == NO_BACKLOG ? plain : n, &random,
							      documents, batches[b]);
				if (s != FOLLOWED)
					continue;
				records = __atomic_load_n(&shared->records, __ATOMIC_RELAXED) -
					  records;
				missed = __atomic_load_n(&shared->lost, __ATOMIC_RELAXED) - missed;
				rate[b][to] = (double)records * 1e9 / OPERATIONS /
					      puts_of[b][s][to];
				lost[b][to] = (double)missed / OPERATIONS;
			}
			cost[b][to] = puts_of[b][ALONE][to] - puts_of[b][NO_BACKLOG][to];
			to_control[b][to] = puts_of[b][FOLLOWED][to] / puts_of[b][CONTROL][to];
		}
		__atomic_store_n(&shared->situation, ALONE, __ATOMIC_RELAXED);
		usleep(20000);
		reads[to] = time_follow(n);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);

	for (b = 0; b < 2; b++) {
		for (s = 0; s < SITUATIONS; s++) {
			char metric[32];

			snprintf(metric, sizeof(metric), "put_%s", names[s]);
			batch_report("follow", metric, "ns", documents, batches[b],
				     puts_of[b][s], rounds);
		}
		batch_report("follow", "backlog_cost", "ns", documents, batches[b],
			     cost[b], rounds);
		batch_report("follow", "put_followed_to_control", "ratio", documents, batches[b],
			     to_control[b], rounds);
		batch_report("follow", "followed", "1/s", documents, batches[b], rate[b], rounds);
		batch_report("follow", "lost", "1/op", documents, batches[b], lost[b], rounds);
	}
	batch_report("follow", "follow_behind", "ns", documents, 1, reads, rounds);
	return 0;
}

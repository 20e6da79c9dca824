/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A system, opened and filled in a process of its own, with its workers.
 */
#ifndef BENCH_AGENT_H
#define BENCH_AGENT_H

#include <sys/types.h>

#include "worker.h"

struct plan;

enum agent_state {
	AGENT_LOADING,
	AGENT_LOADED,
	AGENT_SKIPPED,
	AGENT_FAILED,
};

/* In memory that all its processes and the coordinator share. */
struct agent_shared {
	sem_t loaded;
	enum agent_state state;
	char reason[160];
	uint64_t memory;
	uint64_t huge_bytes;	/* of its process, in huge pages */
	size_t batches;		/* of the load, */
	double *batch_ns;	/* and how long each took */
	struct worker_shared workers[];
};

struct agent {
	const struct bench_system *system;
	const struct plan *plan;
	pid_t pid;
	char dir[256];
	struct agent_shared *shared;
};

/* Start the process and wait until the system is filled; then see its state. */
int agent_start(struct agent *agent, const struct plan *plan,
		const struct bench_system *system, unsigned int number);
void agent_stop(struct agent *agent);

/* Remove a folder with all that is in it. */
void remove_tree(const char *path);

/* Wait for a worker; fails when the agent is no more, or takes for ever. */
int agent_wait(struct agent *agent, sem_t *sem, unsigned int seconds);

#endif /* BENCH_AGENT_H */

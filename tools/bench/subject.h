/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A system that takes part: filled, running, and out of it once it has failed.
 */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include <stdio.h>

#include "agent.h"
#include "outcome.h"
#include "plan.h"

struct subject {
	const struct bench_system *system;
	const struct plan *plan;
	FILE *out;
	unsigned int number;		/* of its agents, so far */
	struct agent agent;
	struct agent control;		/* another copy, if the plan needs one */
	bool usable;
	bool failed;
	const struct workload *skipped;	/* the last one, which was told */
	struct outcome *outcomes;	/* [cell of the group][round] */
};

/* Fill it, and tell how that went; see whether it is usable then. */
void subject_start(struct subject *s);
void subject_stop(struct subject *s);

/* It takes no further part. */
void subject_fail(struct subject *s, const struct workload *workload,
		  const char *reason);

/* Why a system has no place in a cell, or NULL. */
const char *subject_refused(const struct bench_system *system,
			    const struct cell *cell);

/* Whether there is to be another copy of each system. */
bool subject_needs_copy(const struct plan *plan);

#endif /* BENCH_SUBJECT_H */

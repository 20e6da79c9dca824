// SPDX-License-Identifier: GPL-2.0
/*
 * A system that takes part: filled, running, and out of it once it has failed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "report.h"
#include "subject.h"

void subject_stop(struct subject *s)
{
	s->usable = false;
	agent_stop(&s->agent);
	agent_stop(&s->control);
}

void subject_fail(struct subject *s, const struct workload *workload,
		  const char *reason)
{
	char text[160];

	if (interrupted)
		return;
	/* It may lie in what goes now. */
	snprintf(text, sizeof(text), "%s", reason);
	subject_stop(s);
	s->failed = true;
	fprintf(stderr, "bench: FAIL %s%s%s: %s\n", s->system->name,
		workload ? " " : "", workload ? workload->name : "", text);
	report_skip(s->out, s->system, workload, "failure", text);
}

static bool start_agent(struct subject *s, struct agent *agent)
{
	int ret = agent_start(agent, s->plan, s->system, s->number++);

	if (ret) {
		subject_fail(s, NULL, ret == -ECHILD ? "it died while loading" :
						       strerror(-ret));
		return false;
	}
	if (agent->shared->state == AGENT_LOADED)
		return true;
	if (agent->shared->state == AGENT_FAILED) {
		subject_fail(s, NULL, agent->shared->reason);
		return false;
	}
	fprintf(stderr, "bench: SKIP %s: %s\n", s->system->name, agent->shared->reason);
	report_skip(s->out, s->system, NULL, "skip", agent->shared->reason);
	subject_stop(s);
	return false;
}

/*
 * The same batches every time: what disturbs one of them now and then is not the
 * system, but what slows the same one down each time is.
 */
static void note_load(struct loading *loading, const struct plan *plan,
		      const struct agent_shared *shared)
{
	double total = 0;
	size_t i;

	for (i = 0; i < shared->batches; i++) {
		total += shared->batch_ns[i];
		if (!loading->loads || shared->batch_ns[i] < loading->batch_ns[i])
			loading->batch_ns[i] = shared->batch_ns[i];
	}
	loading->batches = shared->batches;
	loading->memory = shared->memory;
	loading->huge_bytes = shared->huge_bytes;
	loading->ns_per_op[loading->loads++] =
		total / (double)shared->batches / plan->load_batch;
}

/* The last one filled is the one that is used. */
static bool load(struct subject *s, struct loading *loading)
{
	uint32_t i;

	for (i = 0; i < s->plan->loads; i++) {
		agent_stop(&s->agent);
		fprintf(stderr, "bench: loading %s\n", s->system->name);
		if (interrupted || !start_agent(s, &s->agent))
			return false;
		note_load(loading, s->plan, s->agent.shared);
	}
	return true;
}

void subject_start(struct subject *s)
{
	struct loading loading = {
		.ns_per_op = calloc(s->plan->loads, sizeof(double)),
		.batch_ns = calloc(s->plan->documents, sizeof(double)),
	};

	if (!loading.ns_per_op || !loading.batch_ns)
		subject_fail(s, NULL, strerror(ENOMEM));
	else
		s->usable = load(s, &loading);
	if (s->usable && s->plan->load)
		report_load(s->out, s->plan, s->system, &loading);
	if (s->usable && subject_needs_copy(s->plan))
		start_agent(s, &s->control);
	free(loading.ns_per_op);
	free(loading.batch_ns);
}

bool subject_needs_copy(const struct plan *plan)
{
	return numbers_have(&plan->writers, WRITER_CONTROL) ||
	       numbers_have(&plan->writers, WRITER_TWIN);
}

const char *subject_refused(const struct bench_system *system,
			    const struct cell *cell)
{
	if (cell->processes > 1 && !(system->flags & BENCH_PROCESSES))
		return "of one process only";
	if ((cell->writer == WRITER_SAME || cell->writer == WRITER_CONTROL) &&
	    (system->flags & BENCH_CONTROL))
		return "nothing to write to";
	return workload_refused(cell->workload, system);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * One run of one system in one cell: orders to its workers, and what they
 * return.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"
#include "turn.h"

/* Of all reads, by systems that are known to err. */
#define MAX_WRONG	0.01
/* A worker takes longer than this only if it hangs. */
#define WORKER_SECONDS	120

/* The workers of one run; the writer, if there is one, is the last. */
struct crew {
	struct agent *agent[2 * PLAN_MAX * PLAN_MAX + 1];
	struct worker_shared *worker[2 * PLAN_MAX * PLAN_MAX + 1];
	/* The first of its process, which speaks for it. */
	bool first[2 * PLAN_MAX * PLAN_MAX + 1];
	unsigned int readers, count;
};

static void enlist(struct crew *crew, struct agent *agent, unsigned int worker,
		   bool first)
{
	crew->first[crew->count] = first;
	crew->agent[crew->count] = agent;
	crew->worker[crew->count++] = &agent->shared->workers[worker];
}

static void gather(struct crew *crew, struct subject *s, const struct cell *cell)
{
	unsigned int p, t, threads = s->plan->max_threads, writer = s->plan->readers;

	memset(crew, 0, sizeof(*crew));
	for (p = 0; p < cell->processes; p++) {
		for (t = 0; t < cell->threads; t++) {
			enlist(crew, &s->agent, p * threads + t, !t);
			if (cell->writer == WRITER_TWIN)
				enlist(crew, &s->control, p * threads + t, !t);
		}
	}
	crew->readers = crew->count;
	if (cell->writer == WRITER_SAME)
		enlist(crew, &s->agent, writer, true);
	else if (cell->writer == WRITER_CONTROL)
		enlist(crew, &s->control, writer, true);
}

static void order(struct worker_shared *w, const struct worker_order *what, int cpu)
{
	w->order = *what;
	w->order.cpu = cpu;
	atomic_store(&w->stop, false);
	memset(&w->result, 0, sizeof(w->result));
	sem_post(&w->go);
}

static void order_all(struct crew *crew, const struct plan *plan,
		      const struct cell *cell)
{
	struct worker_order read = {
		.workload = cell->workload,
		.distribution = cell->distribution,
		.batch = cell->batch,
		.warm_ms = plan->run_ms / 5 + 1,
		.run_ms = plan->run_ms,
	};
	struct worker_order write = {
		.workload = writer_workload,
		.distribution = numbers_have(&plan->distributions, UNIFORM) ?
					UNIFORM : ZIPF,
		.batch = plan->writer_batch,
	};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int i;

	for (i = 0; i < crew->count; i++)
		order(crew->worker[i], i < crew->readers ? &read : &write,
		      (int)(i % cpus));
}

static int await(struct crew *crew, unsigned int i, sem_t *sem)
{
	if (interrupted)
		return -EINTR;
	return agent_wait(crew->agent[i], sem, WORKER_SECONDS);
}

static int run(struct crew *crew)
{
	unsigned int i;
	int ret;

	for (i = 0; i < crew->count; i++) {
		ret = await(crew, i, &crew->worker[i]->ready);
		if (ret)
			return ret;
	}
	/* The writer first. */
	for (i = crew->count; i--;)
		sem_post(&crew->worker[i]->start);
	for (i = 0; i < crew->count; i++) {
		if (i == crew->readers)
			atomic_store(&crew->worker[i]->stop, true);
		ret = await(crew, i, &crew->worker[i]->done);
		if (ret)
			return ret;
	}
	return 0;
}

static void sum_up(const struct bench_system *system, const struct crew *crew,
		   struct outcome *outcome)
{
	double ns_per_op = 0, rate = 0, ops = 0, retries = 0, fallbacks = 0;
	double wrong = 0;
	unsigned int i;

	for (i = 0; i < crew->readers; i++) {
		const struct worker_result *r = &crew->worker[i]->result;

		ns_per_op += (double)r->ns / (double)r->ops / crew->readers;
		rate += (double)r->ops * 1e9 / (double)r->ns;
		ops += (double)r->ops;
		wrong += (double)r->wrong;
		if (crew->first[i]) {
			retries += (double)r->counters.retries;
			fallbacks += (double)r->counters.fallbacks;
		}
	}
	outcome->of[NS_PER_OP] = ns_per_op;
	outcome->of[OPS_PER_S] = rate;
	if (system->counters) {
		outcome->of[RETRIES] = retries / ops;
		outcome->of[FALLBACKS] = fallbacks / ops;
	}
	if (system->flags & BENCH_ERRS)
		outcome->of[WRONG] = wrong / ops;
	if (crew->count > crew->readers) {
		const struct worker_result *r = &crew->worker[crew->readers]->result;

		outcome->of[WRITER_NS_PER_OP] = (double)r->ns / (double)r->ops;
	}
}

void turn_take(struct subject *s, const struct cell *cell, struct outcome *outcome)
{
	struct crew crew;
	unsigned int i;
	int ret;

	gather(&crew, s, cell);
	order_all(&crew, s->plan, cell);
	ret = run(&crew);
	if (ret) {
		subject_fail(s, cell->workload,
			     ret == -ECHILD ? "it died" : strerror(-ret));
		return;
	}
	for (i = 0; i < crew.count; i++) {
		if (crew.worker[i]->result.error) {
			subject_fail(s, cell->workload, crew.worker[i]->result.what);
			return;
		}
	}
	sum_up(s->system, &crew, outcome);
	if (outcome->of[WRONG] > MAX_WRONG)
		subject_fail(s, cell->workload, "too many reads were wrong");
}

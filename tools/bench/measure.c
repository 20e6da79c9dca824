// SPDX-License-Identifier: GPL-2.0
/*
 * Carrying out a plan: many short runs, and in each round one of every system,
 * so that what disturbs the machine for a while disturbs all of them alike. The
 * ratio of two systems is taken within each round, and then the median of these.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "measure.h"
#include "report.h"
#include "stats.h"

#define MAX_RUNS	1000
/* Of all reads, by systems that are known to err. */
#define MAX_WRONG	0.01

enum metric {
	NS_PER_OP,
	OPS_PER_S,
	RETRIES,
	FALLBACKS,
	WRONG,
	WRITER_NS_PER_OP,
	RATIO,
	METRICS,
};

static const struct {
	const char *name;
	const char *unit;
} metrics[METRICS] = {
	[NS_PER_OP] = { "ns_per_op", "ns" },
	[OPS_PER_S] = { "ops_per_s", "1/s" },
	[RETRIES] = { "retries", "1/op" },
	[FALLBACKS] = { "fallbacks", "1/op" },
	[WRONG] = { "wrong", "1/op" },
	[WRITER_NS_PER_OP] = { "writer_ns_per_op", "ns" },
	[RATIO] = { "ratio_to_baseline", "1" },
};

struct subject {
	const struct bench_system *system;
	struct agent agent, control;
	bool usable;
	const struct workload *skipped;	/* the last one, which was told */
	double values[METRICS][MAX_RUNS];
	unsigned int counts[METRICS];
};

struct measurement {
	const struct plan *plan;
	FILE *out;
	struct subject *subjects;
	unsigned int cell, cells;
	uint64_t begin;
	unsigned int agents;
	int failures;
};

volatile sig_atomic_t interrupted;

static void stop_subject(struct subject *s)
{
	s->usable = false;
	agent_stop(&s->agent);
	agent_stop(&s->control);
}

static void fail(struct measurement *m, struct subject *s,
		 const struct workload *workload, const char *reason)
{
	if (interrupted)
		return;
	fprintf(stderr, "bench: FAIL %s%s%s: %s\n", s->system->name,
		workload ? " " : "", workload ? workload->name : "", reason);
	report_skip(m->out, s->system, workload, "failure", reason);
	m->failures++;
	stop_subject(s);
}

static bool start_agent(struct measurement *m, struct subject *s, struct agent *agent)
{
	int ret = agent_start(agent, m->plan, s->system, m->agents++);

	if (ret) {
		fail(m, s, NULL, ret == -ECHILD ? "it died while loading" : strerror(-ret));
		return false;
	}
	if (agent->shared->state == AGENT_LOADED)
		return true;
	if (agent->shared->state == AGENT_FAILED) {
		fail(m, s, NULL, agent->shared->reason);
		return false;
	}
	fprintf(stderr, "bench: SKIP %s: %s\n", s->system->name, agent->shared->reason);
	report_skip(m->out, s->system, NULL, "skip", agent->shared->reason);
	stop_subject(s);
	return false;
}

static bool has(const struct numbers *numbers, uint32_t n)
{
	unsigned int i;

	for (i = 0; i < numbers->count; i++)
		if (numbers->of[i] == n)
			return true;
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
	loading->ns_per_op[loading->loads++] =
		total / (double)shared->batches / plan->load_batch;
}

/* The last one filled is the one that is used. */
static bool load_subject(struct measurement *m, struct subject *s,
			 struct loading *loading)
{
	uint32_t i;

	for (i = 0; i < m->plan->loads; i++) {
		agent_stop(&s->agent);
		fprintf(stderr, "bench: loading %s\n", s->system->name);
		if (interrupted || !start_agent(m, s, &s->agent))
			return false;
		note_load(loading, m->plan, s->agent.shared);
	}
	return true;
}

static bool needs_copy(const struct plan *plan)
{
	return has(&plan->writers, WRITER_CONTROL) || has(&plan->writers, WRITER_TWIN);
}

static void start_subject(struct measurement *m, struct subject *s)
{
	struct loading loading = {
		.ns_per_op = calloc(m->plan->loads, sizeof(double)),
		.batch_ns = calloc(m->plan->documents, sizeof(double)),
	};

	if (!loading.ns_per_op || !loading.batch_ns)
		fail(m, s, NULL, strerror(ENOMEM));
	else
		s->usable = load_subject(m, s, &loading);
	if (s->usable && m->plan->load)
		report_load(m->out, m->plan, s->system, &loading);
	if (s->usable && needs_copy(m->plan))
		start_agent(m, s, &s->control);
	free(loading.ns_per_op);
	free(loading.batch_ns);
}

static const char *refused(const struct subject *s, const struct cell *cell)
{
	if (cell->processes > 1 && !(s->system->flags & BENCH_PROCESSES))
		return "of one process only";
	if ((cell->writer == WRITER_SAME || cell->writer == WRITER_CONTROL) &&
	    (s->system->flags & BENCH_CONTROL))
		return "nothing to write to";
	return workload_refused(cell->workload, s->system);
}

static void order(struct worker_shared *w, const struct worker_order *what, int cpu)
{
	w->order = *what;
	w->order.cpu = cpu;
	atomic_store(&w->stop, false);
	memset(&w->result, 0, sizeof(w->result));
	sem_post(&w->go);
}

/* The workers of one run; the writer, if there is one, is the last. */
struct crew {
	struct agent *agent[2 * PLAN_MAX * PLAN_MAX + 1];
	struct worker_shared *worker[2 * PLAN_MAX * PLAN_MAX + 1];
	unsigned int readers, count;
};

static void enlist(struct crew *crew, struct agent *agent, unsigned int worker)
{
	crew->agent[crew->count] = agent;
	crew->worker[crew->count++] = &agent->shared->workers[worker];
}

static void gather(const struct measurement *m, struct subject *s,
		   const struct cell *cell, struct crew *crew)
{
	unsigned int p, t, writer = m->plan->readers;

	memset(crew, 0, sizeof(*crew));
	for (p = 0; p < cell->processes; p++) {
		for (t = 0; t < cell->threads; t++) {
			enlist(crew, &s->agent, p * m->plan->max_threads + t);
			if (cell->writer == WRITER_TWIN)
				enlist(crew, &s->control, p * m->plan->max_threads + t);
		}
	}
	crew->readers = crew->count;
	if (cell->writer == WRITER_SAME)
		enlist(crew, &s->agent, writer);
	else if (cell->writer == WRITER_CONTROL)
		enlist(crew, &s->control, writer);
}

static int await(struct crew *crew, unsigned int i, sem_t *sem)
{
	if (interrupted)
		return -EINTR;
	return agent_wait(crew->agent[i], sem, 120);
}

static int run(const struct measurement *m, const struct cell *cell, struct crew *crew)
{
	struct worker_order read = {
		.workload = cell->workload,
		.distribution = cell->distribution,
		.batch = cell->batch,
		.warm_ms = m->plan->run_ms / 5 + 1,
		.run_ms = m->plan->run_ms,
	};
	struct worker_order write = {
		.workload = writer_workload,
		.distribution = UNIFORM,
		.batch = m->plan->writer_batch,
	};
	unsigned int i;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int ret;

	if (!has(&m->plan->distributions, UNIFORM))
		write.distribution = ZIPF;
	for (i = 0; i < crew->count; i++)
		order(crew->worker[i], i < crew->readers ? &read : &write,
		      (int)(i % cpus));
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

static void add(struct subject *s, enum metric metric, double value)
{
	s->values[metric][s->counts[metric]++] = value;
}

/* False if more is wrong than can be called rare. */
static bool collect(struct subject *s, const struct crew *crew)
{
	double ns_per_op = 0, rate = 0, ops = 0, retries = 0, fallbacks = 0;
	double wrong = 0;
	unsigned int i;

	for (i = 0; i < crew->readers; i++) {
		const struct worker_result *r = &crew->worker[i]->result;

		ns_per_op += (double)r->ns / (double)r->ops / crew->readers;
		rate += (double)r->ops * 1e9 / (double)r->ns;
		ops += (double)r->ops;
		retries += (double)r->counters.retries;
		fallbacks += (double)r->counters.fallbacks;
		wrong += (double)r->wrong;
	}
	add(s, NS_PER_OP, ns_per_op);
	add(s, OPS_PER_S, rate);
	if (s->system->counters) {
		add(s, RETRIES, retries / ops);
		add(s, FALLBACKS, fallbacks / ops);
	}
	if (s->system->flags & BENCH_ERRS)
		add(s, WRONG, wrong / ops);
	if (crew->count > crew->readers) {
		const struct worker_result *r = &crew->worker[crew->readers]->result;

		add(s, WRITER_NS_PER_OP, (double)r->ns / (double)r->ops);
	}
	return wrong <= MAX_WRONG * ops;
}

static void run_subject(struct measurement *m, struct subject *s,
			const struct cell *cell)
{
	struct crew crew;
	unsigned int i;
	int ret;

	gather(m, s, cell, &crew);
	ret = run(m, cell, &crew);
	if (ret) {
		fail(m, s, cell->workload,
		     ret == -ECHILD ? "it died" : strerror(-ret));
		return;
	}
	for (i = 0; i < crew.count; i++) {
		if (crew.worker[i]->result.error) {
			fail(m, s, cell->workload, crew.worker[i]->result.what);
			return;
		}
	}
	if (!collect(s, &crew))
		fail(m, s, cell->workload, "too many reads were wrong");
}

/* The baseline's result of the same round, which was just measured. */
static void add_ratios(struct measurement *m, unsigned int round)
{
	struct subject *base = NULL;
	unsigned int i;

	for (i = 0; i < m->plan->system_count; i++)
		if (m->plan->baseline &&
		    !strcmp(m->subjects[i].system->name, m->plan->baseline))
			base = &m->subjects[i];
	if (!base || base->counts[NS_PER_OP] <= round)
		return;
	for (i = 0; i < m->plan->system_count; i++) {
		struct subject *s = &m->subjects[i];

		if (s->counts[NS_PER_OP] > round)
			add(s, RATIO, s->values[NS_PER_OP][round] /
				      base->values[NS_PER_OP][round]);
	}
}

/* What is left will take as long, for each cell, as what is done has. */
static void show_progress(struct measurement *m, const struct cell *cell)
{
	uint64_t now = now_ns();

	if (!m->cell)
		m->begin = now;
	fprintf(stderr, "bench: %u of %u: %s %s, %u x %u threads, batch %u, writer %s",
		m->cell + 1, m->cells, cell->workload->name,
		distribution_names[cell->distribution], cell->processes,
		cell->threads, cell->batch, writer_names[cell->writer]);
	if (m->cell)
		fprintf(stderr, "; %.0f s left", (double)(now - m->begin) / m->cell *
			(m->cells - m->cell) / 1e9);
	fputc('\n', stderr);
	m->cell++;
}

static void report_cell(struct measurement *m, const struct cell *cell)
{
	unsigned int i, metric;

	for (i = 0; i < m->plan->system_count; i++) {
		struct subject *s = &m->subjects[i];

		/* What has failed wins nothing. */
		for (metric = 0; s->usable && metric < METRICS; metric++)
			report_result(m->out, m->plan, s->system, cell,
				      metrics[metric].name, metrics[metric].unit,
				      s->values[metric], s->counts[metric]);
	}
	fflush(m->out);
}

static int measure_cell(const struct cell *cell, void *data)
{
	struct measurement *m = data;
	unsigned int count = m->plan->system_count, i, round;

	show_progress(m, cell);
	for (i = 0; i < count; i++) {
		struct subject *s = &m->subjects[i];
		const char *reason = s->usable ? refused(s, cell) : NULL;

		memset(s->counts, 0, sizeof(s->counts));
		if (reason && s->skipped != cell->workload)
			report_skip(m->out, s->system, cell->workload, "skip", reason);
		if (reason)
			s->skipped = cell->workload;
	}
	for (round = 0; round < m->plan->runs && !interrupted; round++) {
		for (i = 0; i < count && !interrupted; i++) {
			struct subject *s = &m->subjects[(i + round) % count];

			if (s->usable && !refused(s, cell))
				run_subject(m, s, cell);
		}
		add_ratios(m, round);
	}
	if (interrupted)
		return -EINTR;
	report_cell(m, cell);
	return 0;
}

/* Beside running: orders, waiting for workers to be there. */
#define RUN_EXTRA_MS	3
/* Loading takes a microsecond or two for a document, twice where there is a copy. */
#define LOAD_NS		2000

static int add_cell(const struct cell *cell, void *data)
{
	struct subject s = { .system = NULL };
	struct measurement *m = data;
	unsigned int i;

	for (i = 0; i < m->plan->system_count; i++) {
		s.system = m->plan->systems[i];
		m->cells += !refused(&s, cell);
	}
	return 0;
}

double measure_estimate(const struct plan *plan)
{
	struct measurement m = { .plan = plan };
	double load = (double)plan->documents * plan->system_count * LOAD_NS;

	plan_cells(plan, add_cell, &m);
	return load * (plan->loads + needs_copy(plan)) / 1e9 +
	       (double)m.cells * plan->runs * (plan->run_ms * 1.2 + RUN_EXTRA_MS) / 1e3;
}

int measure(const struct plan *plan, FILE *out)
{
	struct measurement m = {
		.plan = plan,
		.out = out,
		.cells = plan_cell_count(plan),
	};
	unsigned int i;
	int ret;

	m.subjects = calloc(plan->system_count, sizeof(*m.subjects));
	if (!m.subjects)
		return -ENOMEM;
	for (i = 0; i < plan->system_count && !interrupted; i++) {
		m.subjects[i].system = plan->systems[i];
		start_subject(&m, &m.subjects[i]);
	}
	ret = interrupted ? -EINTR : plan_cells(plan, measure_cell, &m);
	for (i = 0; i < plan->system_count; i++)
		stop_subject(&m.subjects[i]);
	free(m.subjects);
	return ret ? ret : m.failures;
}

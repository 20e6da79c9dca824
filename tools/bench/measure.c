// SPDX-License-Identifier: GPL-2.0
/*
 * Carrying out a plan. The cells of one workload and distribution are a group,
 * which is measured in rounds: in each, every system has a short run in every
 * cell. What disturbs the machine for a while thus disturbs all alike, and ratios
 * are taken within a round before they are summed up.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "report.h"
#include "subject.h"
#include "turn.h"

struct measurement {
	const struct plan *plan;
	FILE *out;
	struct subject *subjects;
	struct cell *cells;
	unsigned int cell_count, begun;
	/* The group: some cells that follow one another. */
	struct cell *group;
	unsigned int group_count;
	unsigned int turns, turns_taken;
	uint64_t begin;
	double *column;		/* a value for each round */
};

volatile sig_atomic_t interrupted;

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
};

static struct outcome *outcomes_of(const struct measurement *m,
				   const struct subject *s, unsigned int cell)
{
	return &s->outcomes[cell * m->plan->runs];
}

/* The number of a cell of the group, or -1. */
static int find_cell(const struct measurement *m, struct cell like)
{
	unsigned int i;

	for (i = 0; i < m->group_count; i++) {
		const struct cell *c = &m->group[i];

		if (c->threads == like.threads && c->processes == like.processes &&
		    c->batch == like.batch && c->writer == like.writer)
			return (int)i;
	}
	return -1;
}

static void report_ratio(struct measurement *m, const struct subject *s,
			 unsigned int cell, const char *name, enum metric metric,
			 const struct outcome *to)
{
	const struct outcome *from = outcomes_of(m, s, cell);
	unsigned int round, n = 0;

	for (round = 0; round < m->plan->runs; round++) {
		double ratio = from[round].of[metric] / to[round].of[metric];

		if (!isnan(ratio))
			m->column[n++] = ratio;
	}
	report_result(m->out, m->plan, s->system, &m->group[cell], name, "1",
		      m->column, n);
}

/* The time of the baseline. */
static void report_baseline(struct measurement *m, const struct subject *s,
			    unsigned int cell)
{
	unsigned int i;

	for (i = 0; m->plan->baseline && i < m->plan->system_count; i++)
		if (!strcmp(m->subjects[i].system->name, m->plan->baseline))
			report_ratio(m, s, cell, "ratio_to_baseline", NS_PER_OP,
				     outcomes_of(m, &m->subjects[i], cell));
}

/*
 * What a writer is worth, beyond another busy processor; and what twice as many
 * reach together, against two halves that share nothing.
 */
static void report_pairs(struct measurement *m, const struct subject *s,
			 unsigned int number)
{
	struct cell like = m->group[number];
	int found = -1;

	if (like.writer == WRITER_SAME) {
		like.writer = WRITER_CONTROL;
		found = find_cell(m, like);
		if (found >= 0)
			report_ratio(m, s, number, "time_to_control", NS_PER_OP,
				     outcomes_of(m, s, (unsigned int)found));
		return;
	}
	if (like.writer != WRITER_NONE)
		return;
	like.writer = WRITER_TWIN;
	if (like.processes % 2 == 0) {
		like.processes /= 2;
		found = find_cell(m, like);
	} else if (like.threads % 2 == 0) {
		like.threads /= 2;
		found = find_cell(m, like);
	}
	if (found >= 0)
		report_ratio(m, s, number, "rate_to_twins", OPS_PER_S,
			     outcomes_of(m, s, (unsigned int)found));
}

static void report_cell(struct measurement *m, const struct subject *s,
			unsigned int cell)
{
	const struct outcome *outcomes = outcomes_of(m, s, cell);
	unsigned int metric, round, n;

	for (metric = 0; metric < METRICS; metric++) {
		for (n = 0, round = 0; round < m->plan->runs; round++)
			if (!isnan(outcomes[round].of[metric]))
				m->column[n++] = outcomes[round].of[metric];
		report_result(m->out, m->plan, s->system, &m->group[cell],
			      metrics[metric].name, metrics[metric].unit,
			      m->column, n);
	}
	report_baseline(m, s, cell);
	report_pairs(m, s, cell);
}

/* What has failed wins nothing. */
static void report_group(struct measurement *m)
{
	unsigned int cell, i;

	for (cell = 0; cell < m->group_count; cell++)
		for (i = 0; i < m->plan->system_count; i++)
			if (m->subjects[i].usable)
				report_cell(m, &m->subjects[i], cell);
	fflush(m->out);
}

/* Room for outcomes; and a word on who cannot take part. */
static int prepare_subject(struct measurement *m, struct subject *s)
{
	size_t count = (size_t)m->group_count * m->plan->runs, i;
	unsigned int metric;

	free(s->outcomes);
	s->outcomes = calloc(count, sizeof(*s->outcomes));
	if (!s->outcomes)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		for (metric = 0; metric < METRICS; metric++)
			s->outcomes[i].of[metric] = NAN;
	for (i = 0; s->usable && i < m->group_count; i++) {
		const char *reason = subject_refused(s->system, &m->group[i]);

		if (!reason || s->skipped == m->group[i].workload)
			continue;
		s->skipped = m->group[i].workload;
		report_skip(m->out, s->system, s->skipped, "skip", reason);
	}
	return 0;
}

static void show_progress(struct measurement *m, unsigned int round)
{
	uint64_t now = now_ns();

	if (!m->turns_taken)
		m->begin = now;
	fprintf(stderr, "bench: %s %s, cells %u to %u of %u, round %u of %u",
		m->group->workload->name, distribution_names[m->group->distribution],
		m->begun + 1, m->begun + m->group_count, m->cell_count, round + 1,
		m->plan->runs);
	if (m->turns_taken)
		fprintf(stderr, "; %.0f s left",
			(double)(now - m->begin) / m->turns_taken *
			(m->turns - m->turns_taken) / 1e9);
	fputc('\n', stderr);
}

static void run_cell(struct measurement *m, unsigned int cell, unsigned int round)
{
	unsigned int count = m->plan->system_count, i;

	/* Another one is first each time. */
	for (i = 0; i < count && !interrupted; i++) {
		struct subject *s = &m->subjects[(i + round) % count];

		if (subject_refused(s->system, &m->group[cell]))
			continue;
		m->turns_taken++;
		if (s->usable)
			turn_take(s, &m->group[cell], &outcomes_of(m, s, cell)[round]);
	}
}

static int measure_group(struct measurement *m)
{
	unsigned int round, cell, i;
	int ret;

	for (i = 0; i < m->plan->system_count; i++) {
		ret = prepare_subject(m, &m->subjects[i]);
		if (ret)
			return ret;
	}
	for (round = 0; round < m->plan->runs; round++) {
		show_progress(m, round);
		for (cell = 0; cell < m->group_count && !interrupted; cell++)
			run_cell(m, cell, round);
		if (interrupted)
			return -EINTR;
	}
	report_group(m);
	return 0;
}

static int measure_groups(struct measurement *m)
{
	int ret = 0;

	while (m->begun < m->cell_count && !ret) {
		const struct cell *first = m->group = &m->cells[m->begun];

		m->group_count = 1;
		while (m->begun + m->group_count < m->cell_count &&
		       first[m->group_count].workload == first->workload &&
		       first[m->group_count].distribution == first->distribution)
			m->group_count++;
		ret = measure_group(m);
		m->begun += m->group_count;
	}
	return ret;
}

/* Beside running: orders, waiting for workers to be there. */
#define RUN_EXTRA_MS	3
/* Loading takes a microsecond or two for a document, twice where there is a copy. */
#define LOAD_NS		2000

static int add_turns(const struct cell *cell, void *data)
{
	struct measurement *m = data;
	unsigned int i;

	for (i = 0; i < m->plan->system_count; i++)
		if (!subject_refused(m->plan->systems[i], cell))
			m->turns += m->plan->runs;
	return 0;
}

double measure_estimate(const struct plan *plan)
{
	struct measurement m = { .plan = plan };
	double load = (double)plan->documents * plan->system_count * LOAD_NS;

	plan_cells(plan, add_turns, &m);
	return load * (plan->loads + subject_needs_copy(plan)) / 1e9 +
	       m.turns * (plan->run_ms * 1.2 + RUN_EXTRA_MS) / 1e3;
}

static int add_cell(const struct cell *cell, void *data)
{
	struct measurement *m = data;

	m->cells[m->cell_count++] = *cell;
	return 0;
}

static int prepare(struct measurement *m)
{
	unsigned int i;

	m->subjects = calloc(m->plan->system_count, sizeof(*m->subjects));
	m->cells = calloc(plan_cell_count(m->plan) + 1, sizeof(*m->cells));
	m->column = calloc(m->plan->runs, sizeof(*m->column));
	if (!m->subjects || !m->cells || !m->column)
		return -ENOMEM;
	plan_cells(m->plan, add_cell, m);
	plan_cells(m->plan, add_turns, m);
	for (i = 0; i < m->plan->system_count; i++) {
		m->subjects[i].system = m->plan->systems[i];
		m->subjects[i].plan = m->plan;
		m->subjects[i].out = m->out;
		/* Folders of agents are named by these. */
		m->subjects[i].number = i * (m->plan->loads + 1);
	}
	return 0;
}

int measure(const struct plan *plan, FILE *out)
{
	struct measurement m = { .plan = plan, .out = out };
	unsigned int i;
	int ret;

	ret = prepare(&m);
	if (ret)
		return ret;
	for (i = 0; i < plan->system_count && !interrupted; i++)
		subject_start(&m.subjects[i]);
	ret = interrupted ? -EINTR : measure_groups(&m);
	for (i = 0; i < plan->system_count; i++) {
		subject_stop(&m.subjects[i]);
		if (ret >= 0)
			ret += m.subjects[i].failed;
		free(m.subjects[i].outcomes);
	}
	free(m.subjects);
	free(m.cells);
	free(m.column);
	return ret;
}

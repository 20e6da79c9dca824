// SPDX-License-Identifier: GPL-2.0
/*
 * The grid of what is to be measured.
 */
#include <errno.h>
#include <stdlib.h>

#include "plan.h"
#include "worker.h"

#define MIN_SEQUENCE	(1U << 16)
#define MAX_SEQUENCE	(1U << 20)

const char *const writer_names[WRITERS] = {
	[WRITER_NONE] = "0",
	[WRITER_SAME] = "1",
	[WRITER_CONTROL] = "control",
	[WRITER_TWIN] = "twin",
};

static uint32_t largest(const struct numbers *n)
{
	uint32_t max = 0;
	unsigned int i;

	for (i = 0; i < n->count; i++)
		if (n->of[i] > max)
			max = n->of[i];
	return max;
}

/* Long enough to touch most of what there is, and not to be learned by heart. */
static size_t sequence_length(uint32_t documents)
{
	if (documents < MIN_SEQUENCE / 2)
		return MIN_SEQUENCE;
	return documents > MAX_SEQUENCE / 2 ? MAX_SEQUENCE : 2 * (size_t)documents;
}

static int make_sequences(struct plan *plan)
{
	size_t length = sequence_length(plan->documents);
	unsigned int worker, d, i;
	int ret;

	plan->sequences = calloc((plan->readers + 1) * DISTRIBUTIONS,
				 sizeof(*plan->sequences));
	if (!plan->sequences)
		return -ENOMEM;
	for (worker = 0; worker <= plan->readers; worker++) {
		for (i = 0; i < plan->distributions.count; i++) {
			d = plan->distributions.of[i];
			ret = sequence_make((struct sequence *)
					    plan_sequences(plan, worker) + d, d,
					    plan->documents, length,
					    1 + worker * DISTRIBUTIONS + d);
			if (ret)
				return ret;
		}
	}
	return 0;
}

static int count_inserts(const struct cell *cell, void *data)
{
	struct plan *plan = data;

	if (cell->workload->inserts)
		plan->room += plan->runs * FRESH_INSERTS * (plan->readers + 1);
	return 0;
}

int plan_prepare(struct plan *plan)
{
	plan->max_threads = largest(&plan->threads);
	plan->max_processes = largest(&plan->processes);
	plan->readers = plan->max_threads * plan->max_processes;
	plan->room = plan->documents;
	plan_cells(plan, count_inserts, plan);
	return make_sequences(plan);
}

struct walk {
	const struct plan *plan;
	int (*visit)(const struct cell *cell, void *data);
	void *data;
};

/* Beside a mix that writes anyway, a writer would tell nothing. */
static bool makes_sense(const struct cell *cell)
{
	const struct workload *w = cell->workload;

	if (cell->writer == WRITER_NONE)
		return true;
	if (cell->writer == WRITER_TWIN)
		return !w->inserts;
	return w->share == SHARE_ALL && w->main != OP_PUT && w->main != OP_PUT_MANY;
}

static int walk_writers(const struct walk *walk, struct cell *cell)
{
	const struct numbers *writers = &walk->plan->writers;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < writers->count && !ret; i++) {
		cell->writer = writers->of[i];
		if (makes_sense(cell))
			ret = walk->visit(cell, walk->data);
	}
	return ret;
}

static int walk_batches(const struct walk *walk, struct cell *cell)
{
	const struct numbers *batches = &walk->plan->batches;
	unsigned int i;
	int ret = 0;

	cell->batch = 1;
	if (!cell->workload->batches)
		return walk_writers(walk, cell);
	for (i = 0; i < batches->count && !ret; i++) {
		cell->batch = batches->of[i];
		ret = walk_writers(walk, cell);
	}
	return ret;
}

static int walk_workers(const struct walk *walk, struct cell *cell)
{
	const struct plan *plan = walk->plan;
	unsigned int t, p;
	int ret = 0;

	for (p = 0; p < plan->processes.count && !ret; p++) {
		cell->processes = plan->processes.of[p];
		for (t = 0; t < plan->threads.count && !ret; t++) {
			cell->threads = plan->threads.of[t];
			ret = walk_batches(walk, cell);
		}
	}
	return ret;
}

static int walk_distributions(const struct walk *walk, struct cell *cell)
{
	const struct numbers *distributions = &walk->plan->distributions;
	unsigned int i;
	int ret = 0;

	if (cell->workload->inserts) {
		cell->distribution = cell->workload->latest ? LATEST : ZIPF;
		return walk_workers(walk, cell);
	}
	for (i = 0; i < distributions->count && !ret; i++) {
		cell->distribution = distributions->of[i];
		ret = walk_workers(walk, cell);
	}
	return ret;
}

int plan_cells(const struct plan *plan,
	       int (*visit)(const struct cell *cell, void *data), void *data)
{
	struct walk walk = { plan, visit, data };
	struct cell cell = { 0 };
	unsigned int i, j;
	int ret = 0;

	/* In the order of the table: what inserts comes last. */
	for (i = 0; i < workload_count && !ret; i++) {
		for (j = 0; j < plan->workload_count && !ret; j++) {
			if (plan->workloads[j] != &workloads[i])
				continue;
			cell.workload = &workloads[i];
			ret = walk_distributions(&walk, &cell);
		}
	}
	return ret;
}

static int count_one(const struct cell *cell, void *data)
{
	(void)cell;
	++*(unsigned int *)data;
	return 0;
}

unsigned int plan_cell_count(const struct plan *plan)
{
	unsigned int count = 0;

	plan_cells(plan, count_one, &count);
	return count;
}

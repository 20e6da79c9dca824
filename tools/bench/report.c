// SPDX-License-Identifier: GPL-2.0
/*
 * Results as JSON Lines: a line "machine", then lines "result", and lines "skip"
 * and "failure" with a reason where there is no result.
 */
#include "report.h"
#include "stats.h"

static void string(FILE *out, const char *name, const char *text)
{
	fprintf(out, "\"%s\":\"", name);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
	}
	fputc('"', out);
}

void report_skip(FILE *out, const struct bench_system *system,
		 const struct workload *workload, const char *type,
		 const char *reason)
{
	fputc('{', out);
	string(out, "type", type);
	fputc(',', out);
	string(out, "system", system->name);
	fputc(',', out);
	if (workload) {
		string(out, "workload", workload->name);
		fputc(',', out);
	}
	string(out, "reason", reason);
	fputs("}\n", out);
	fflush(out);
}

/* What a result is of. Loading has its own numbers for some. */
static void head(FILE *out, const struct plan *plan,
		 const struct bench_system *system, const struct cell *cell)
{
	fputs("{\"type\":\"result\",", out);
	string(out, "system", system->name);
	fputc(',', out);
	string(out, "workload", cell ? cell->workload->name : "load");
	fputc(',', out);
	string(out, "distribution",
	       cell ? distribution_names[cell->distribution] : "none");
	fprintf(out, ",\"documents\":%u,\"value_bytes\":%u,\"threads\":%u,"
		"\"processes\":%u,\"batch\":%u,",
		plan->documents, plan->value_bytes, cell ? cell->threads : 1,
		cell ? cell->processes : 1, cell ? cell->batch : plan->load_batch);
	string(out, "writer", writer_names[cell ? cell->writer : WRITER_NONE]);
}

static void figure(FILE *out, const char *metric, const char *unit,
		   double median, double min, double max, unsigned int runs)
{
	fputc(',', out);
	string(out, "metric", metric);
	fputc(',', out);
	string(out, "unit", unit);
	fprintf(out, ",\"median\":%.6g,\"min\":%.6g,\"max\":%.6g,\"runs\":%u}\n",
		median, min, max, runs);
}

void report_result(FILE *out, const struct plan *plan,
		   const struct bench_system *system, const struct cell *cell,
		   const char *metric, const char *unit, double *values,
		   unsigned int runs)
{
	if (!runs)
		return;
	stats_sort(values, runs);
	head(out, plan, system, cell);
	figure(out, metric, unit, stats_median(values, runs), values[0],
	       values[runs - 1], runs);
}

static void single(FILE *out, const struct plan *plan,
		   const struct bench_system *system, const char *metric,
		   const char *unit, double value)
{
	report_result(out, plan, system, NULL, metric, unit, &value, 1);
}

void report_load(FILE *out, const struct plan *plan,
		 const struct bench_system *system, double *batch_ns,
		 size_t batches, uint64_t memory)
{
	double total = 0;
	size_t i;

	if (memory)
		single(out, plan, system, "memory", "bytes", (double)memory);
	if (!batches)
		return;
	for (i = 0; i < batches; i++)
		total += batch_ns[i];
	single(out, plan, system, "ns_per_op", "ns",
	       total / (double)batches / plan->load_batch);
	stats_sort(batch_ns, batches);
	single(out, plan, system, "batch_median", "ns", stats_median(batch_ns, batches));
	single(out, plan, system, "batch_p99", "ns", stats_quantile(batch_ns, batches, 0.99));
	single(out, plan, system, "batch_p99.9", "ns",
	       stats_quantile(batch_ns, batches, 0.999));
	single(out, plan, system, "batch_max", "ns", batch_ns[batches - 1]);
}

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

static void batch(FILE *out, const struct plan *plan,
		  const struct bench_system *system, const struct loading *loading,
		  const char *metric, double ns)
{
	head(out, plan, system, NULL);
	figure(out, metric, "ns", ns, ns, ns, loading->loads);
}

void report_load(FILE *out, const struct plan *plan,
		 const struct bench_system *system, struct loading *loading)
{
	double memory = (double)loading->memory, huge = (double)loading->huge_bytes;
	double *ns = loading->batch_ns;
	size_t n = loading->batches;

	if (loading->memory)
		report_result(out, plan, system, NULL, "memory", "bytes", &memory, 1);
	if (loading->huge_bytes)
		report_result(out, plan, system, NULL, "memory_huge_pages", "bytes",
			      &huge, 1);
	if (!n)
		return;
	report_result(out, plan, system, NULL, "ns_per_op", "ns", loading->ns_per_op,
		      loading->loads);
	stats_sort(ns, n);
	batch(out, plan, system, loading, "batch_median", stats_median(ns, n));
	batch(out, plan, system, loading, "batch_p99", stats_quantile(ns, n, 0.99));
	batch(out, plan, system, loading, "batch_p99.9", stats_quantile(ns, n, 0.999));
	batch(out, plan, system, loading, "batch_max", ns[n - 1]);
}

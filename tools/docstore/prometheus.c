// SPDX-License-Identifier: GPL-2.0
/* docstore(1): statistics in the text format of Prometheus, version 0.0.4. */
#include <stdio.h>

#include "counters.h"

/* A histogram has four buckets to each power of two; this is enough for most. */
#define BUCKETS_OF_ONE	(1u << DOCSTORE_LATENCY_STEPS_SHIFT)

/* The value of a label. Names of stores need none of this, but those are the kernel's. */
static void write_label(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n')
			buf_str(out, "\\n");
		else if (*value == '"' || *value == '\\')
			buf_printf(out, "\\%c", *value);
		else
			buf_byte(out, *value);
	}
	buf_byte(out, '"');
}

/* Nanoseconds as seconds, with all their digits, and none more. */
static void write_seconds(struct buf *out, uint64_t ns)
{
	size_t end;

	buf_printf(out, "%llu.%09llu", (unsigned long long)(ns / 1000000000),
		   (unsigned long long)(ns % 1000000000));
	for (end = out->len; out->data[end - 1] == '0'; end--)
		;
	out->len = out->data[end - 1] == '.' ? end - 1 : end;
}

/* The name of a metric: nanoseconds become seconds, and what only grows is a total. */
static void write_metric(struct buf *out, const struct counter_table *table,
			 const struct counter *counter)
{
	const struct number *number = &counter->number;
	size_t len = strlen(number->key);

	buf_str(out, table->metric);
	if (number->kind == DURATION)
		buf_printf(out, "%.*s_seconds", (int)len - 3, number->key);
	else
		buf_str(out, number->key);
	if (!counter->gauge)
		buf_str(out, "_total");
}

static void write_about(struct buf *out, const struct counter_table *table,
			const struct counter *counter)
{
	buf_str(out, "# HELP ");
	write_metric(out, table, counter);
	buf_printf(out, " %s.\n# TYPE ", counter->help);
	write_metric(out, table, counter);
	buf_printf(out, " %s\n", counter->gauge ? "gauge" : "counter");
}

/*
 * One table: each metric with a line for each of the structs, which lie @size apart.
 * @label is what they are told apart by, and @name says what it is for one of them.
 */
static void write_table(struct buf *out, const struct counter_table *table, const void *infos,
			size_t size, size_t count, const char *label,
			const char *(*name)(const void *info))
{
	size_t i, k;

	for (i = 0; i < table->count && count; i++) {
		const struct counter *counter = &table->counters[i];

		write_about(out, table, counter);
		for (k = 0; k < count; k++) {
			const char *info = (const char *)infos + k * size;
			uint64_t n = number_of(info, &counter->number);

			write_metric(out, table, counter);
			if (label) {
				buf_byte(out, '{');
				write_label(out, label, name(info));
				buf_byte(out, '}');
			}
			buf_byte(out, ' ');
			if (counter->number.kind == DURATION)
				write_seconds(out, n);
			else
				buf_printf(out, "%llu", (unsigned long long)n);
			buf_byte(out, '\n');
		}
	}
}

/* The counters of a sample are in the middle of it. */
static const char *store_of(const void *counters)
{
	return (const char *)counters - offsetof(struct store_sample, counters) +
	       offsetof(struct store_sample, name);
}

static const char *cpu_of(const void *info)
{
	const struct docstore_worker_stats *worker = info;
	static char cpu[16];

	snprintf(cpu, sizeof(cpu), "%u", worker->cpu);
	return cpu;
}

static const char *place_of(const void *info)
{
	return (const char *)((const struct docstore_contention *)info)->name;
}

/* --- histograms -------------------------------------------------------------------- */

#define LATENCY	"docstore_store_latency_seconds"

static void write_series(struct buf *out, const char *suffix, const struct store_sample *sample,
			 uint32_t stage)
{
	buf_str(out, LATENCY);
	buf_str(out, suffix);
	buf_byte(out, '{');
	write_label(out, "store", sample->name);
	buf_byte(out, ',');
	write_label(out, "stage", stage_names[stage]);
}

/* The last bucket has what is longer, too, so that it has no end but the last one. */
static void write_histogram(struct buf *out, const struct store_sample *sample, uint32_t stage)
{
	const struct docstore_latency *latency = &sample->latency[stage];
	uint64_t sum = 0;
	uint32_t b;

	for (b = 0; b < DOCSTORE_LATENCY_BUCKETS; b++) {
		sum += latency->bucket[b];
		if (b % BUCKETS_OF_ONE)
			continue;
		write_series(out, "_bucket", sample, stage);
		buf_str(out, ",le=\"");
		write_seconds(out, docstore_latency_bound(b));
		buf_printf(out, "\"} %llu\n", (unsigned long long)sum);
	}
	write_series(out, "_bucket", sample, stage);
	buf_printf(out, ",le=\"+Inf\"} %llu\n", (unsigned long long)sum);
	write_series(out, "_sum", sample, stage);
	buf_str(out, "} ");
	write_seconds(out, latency->sum_ns);
	buf_byte(out, '\n');
	write_series(out, "_count", sample, stage);
	buf_printf(out, "} %llu\n", (unsigned long long)sum);
}

void write_prometheus(struct buf *out, const struct store_sample *samples, size_t count,
		      const struct module_sample *module)
{
	uint32_t stage;
	size_t i;

	if (module) {
		write_table(out, &module_counters, &module->counters, 0, 1, NULL, NULL);
		write_table(out, &worker_counters, module->stats.workers,
			    sizeof(module->stats.workers[0]), module->stats.worker_count,
			    "worker", cpu_of);
		write_table(out, &place_counters, module->stats.places,
			    sizeof(module->stats.places[0]), module->stats.place_count,
			    "place", place_of);
	}
	if (!count)
		return;
	write_table(out, &store_counters, &samples->counters, sizeof(*samples), count, "store",
		    store_of);
	buf_str(out, "# HELP " LATENCY " How long batches took, by stage.\n"
		     "# TYPE " LATENCY " histogram\n");
	for (i = 0; i < count; i++) {
		for (stage = 0; stage < DOCSTORE_STAGES; stage++)
			write_histogram(out, &samples[i], stage);
	}
}

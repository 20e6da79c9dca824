// SPDX-License-Identifier: GPL-2.0
/* docstore(1): stats: what was counted and measured. */
#include <stdio.h>
#include <stdlib.h>

#include "counters.h"
#include "tool.h"

const char stats_help[] =
	"Print what the store of this NAME, or that --store names, has done since it was made: its\n"
	"counters, and how long each stage of its batches took.\n\n"
	"  -j, --json         as one line of JSON; times are in nanoseconds\n"
	"  -p, --prometheus   as Prometheus reads it; if no NAME or --store is given, all stores\n"
	"                     that may be opened, and the module\n"
	"  -m, --module       the module's own, with its workers and the places where they meet\n"
	"                     others, in place of a store's\n";

enum format { TABLE, JSON, PROMETHEUS };

/* --- for people --------------------------------------------------------------- */

static const double percents[] = { 50, 90, 99, 99.9 };

#define NR_PERCENTS	(sizeof(percents) / sizeof(percents[0]))

static void write_cell(struct buf *out, double ns)
{
	struct buf cell = { 0 };

	buf_duration(&cell, (uint64_t)(ns + 0.5));
	buf_printf(out, " %9.*s", (int)cell.len, cell.data);
	buf_free(&cell);
}

static void write_latency(struct buf *out, const struct docstore_latency *latency)
{
	size_t stage, p;

	buf_printf(out, "%-8s %10s %9s %9s %9s %9s %9s %9s\n", "stage", "count", "mean", "p50",
		   "p90", "p99", "p99.9", "max");
	for (stage = 0; stage < DOCSTORE_STAGES; stage++) {
		buf_printf(out, "%-8s %10llu", stage_names[stage],
			   (unsigned long long)latency[stage].count);
		write_cell(out, ds_latency_mean(&latency[stage]));
		for (p = 0; p < NR_PERCENTS; p++)
			write_cell(out, ds_latency_percentile(&latency[stage], percents[p]));
		write_cell(out, (double)latency[stage].max_ns);
		buf_byte(out, '\n');
	}
}

static void write_store(struct buf *out, const struct store_sample *sample)
{
	buf_printf(out, "store %s\n", sample->name);
	counters_write(out, &sample->counters, &store_counters);
	write_latency(out, sample->latency);
}

#define WORKER_WIDTH	6
#define PLACE_WIDTH	DOCSTORE_PLACE_NAME_SIZE

/* A table of its own: a line for each, with its name in front. */
static void write_head(struct buf *out, const char *name, int width,
		       const struct counter_table *table)
{
	size_t i;

	buf_printf(out, "%-*s", width, name);
	for (i = 0; i < table->count; i++)
		buf_printf(out, " %*s", i < 2 ? 11 : 9, table->counters[i].number.label);
	buf_byte(out, '\n');
}

static void write_line(struct buf *out, const char *name, int width, const void *info,
		       const struct counter_table *table)
{
	struct buf cell = { 0 };
	size_t i;

	buf_printf(out, "%-*s", width, name);
	for (i = 0; i < table->count; i++) {
		const struct number *number = &table->counters[i].number;

		cell.len = 0;
		if (number->kind == DURATION)
			buf_duration(&cell, number_of(info, number));
		else
			buf_printf(&cell, "%llu", (unsigned long long)number_of(info, number));
		buf_printf(out, " %*.*s", i < 2 ? 11 : 9, (int)cell.len, cell.data);
	}
	buf_byte(out, '\n');
	buf_free(&cell);
}

static void write_module(struct buf *out, const struct module_sample *sample)
{
	char cpu[16];
	size_t i;

	buf_str(out, "module\n");
	counters_write(out, &sample->counters, &module_counters);
	write_head(out, "WORKER", WORKER_WIDTH, &worker_counters);
	for (i = 0; i < sample->stats.worker_count; i++) {
		snprintf(cpu, sizeof(cpu), "%u", sample->stats.workers[i].cpu);
		write_line(out, cpu, WORKER_WIDTH, &sample->stats.workers[i], &worker_counters);
	}
	write_head(out, "PLACE", PLACE_WIDTH, &place_counters);
	for (i = 0; i < sample->stats.place_count; i++)
		write_line(out, (const char *)sample->stats.places[i].name, PLACE_WIDTH,
			   &sample->stats.places[i], &place_counters);
}

/* --- JSON ---------------------------------------------------------------------- */

static void add_number(struct json_object *object, const char *key, uint64_t n)
{
	json_add(object, key, json_need(json_object_new_uint64(n)));
}

static struct json_object *number_object(uint64_t n)
{
	return json_need(json_object_new_uint64(n));
}

static void append(struct json_object *array, struct json_object *element)
{
	if (json_object_array_add(array, element))
		no_memory();
}

/* Pairs of where a bucket ends and how many are in it; empty ones are left out. */
static struct json_object *buckets_json(const struct docstore_latency *latency)
{
	struct json_object *array = json_need(json_object_new_array());
	uint32_t b;

	for (b = 0; b < DOCSTORE_LATENCY_BUCKETS; b++) {
		struct json_object *pair;

		if (!latency->bucket[b])
			continue;
		pair = json_need(json_object_new_array());
		append(pair, number_object(docstore_latency_bound(b)));
		append(pair, number_object(latency->bucket[b]));
		append(array, pair);
	}
	return array;
}

static struct json_object *latency_json(const struct docstore_latency *latency)
{
	struct json_object *object = json_need(json_object_new_object());
	char key[16];
	size_t p;

	add_number(object, "count", latency->count);
	add_number(object, "sum", latency->sum_ns);
	add_number(object, "mean", (uint64_t)(ds_latency_mean(latency) + 0.5));
	for (p = 0; p < NR_PERCENTS; p++) {
		snprintf(key, sizeof(key), "p%g", percents[p]);
		add_number(object, key,
			   (uint64_t)(ds_latency_percentile(latency, percents[p]) + 0.5));
	}
	add_number(object, "max", latency->max_ns);
	json_add(object, "buckets", buckets_json(latency));
	return object;
}

static void write_store_json(struct buf *out, const struct store_sample *sample)
{
	struct json_object *object = json_need(json_object_new_object());
	struct json_object *counters = json_need(json_object_new_object());
	struct json_object *latency = json_need(json_object_new_object());
	size_t stage;

	json_add(object, "store", json_text(ds_str(sample->name)));
	add_number(object, "time", sample->time);
	counters_add(counters, &sample->counters, &store_counters);
	json_add(object, "counters", counters);
	for (stage = 0; stage < DOCSTORE_STAGES; stage++)
		json_add(latency, stage_names[stage], latency_json(&sample->latency[stage]));
	json_add(object, "latency", latency);
	json_write_object(out, object, false);
	buf_byte(out, '\n');
}

static void write_module_json(struct buf *out, const struct module_sample *sample)
{
	struct json_object *object = json_need(json_object_new_object()), *one;
	struct json_object *counters = json_need(json_object_new_object());
	struct json_object *workers = json_need(json_object_new_array());
	struct json_object *places = json_need(json_object_new_array());
	size_t i;

	add_number(object, "time", sample->stats.time);
	counters_add(counters, &sample->counters, &module_counters);
	json_add(object, "counters", counters);
	for (i = 0; i < sample->stats.worker_count; i++) {
		one = json_need(json_object_new_object());
		add_number(one, "cpu", sample->stats.workers[i].cpu);
		counters_add(one, &sample->stats.workers[i], &worker_counters);
		append(workers, one);
	}
	json_add(object, "workers", workers);
	for (i = 0; i < sample->stats.place_count; i++) {
		const struct docstore_contention *place = &sample->stats.places[i];

		one = json_need(json_object_new_object());
		json_add(one, "name", json_text(ds_str((const char *)place->name)));
		counters_add(one, place, &place_counters);
		append(places, one);
	}
	json_add(object, "contention", places);
	json_write_object(out, object, false);
	buf_byte(out, '\n');
}

/* --- the command -------------------------------------------------------------------- */

static int print_module(enum format format)
{
	struct module_sample sample;
	struct buf out = { 0 };
	int err = sample_module(&sample), code;

	if (err)
		return fail(exit_code(err), "%s", explain(err));
	if (format == JSON)
		write_module_json(&out, &sample);
	else if (format == PROMETHEUS)
		write_prometheus(&out, NULL, 0, &sample);
	else
		write_module(&out, &sample);
	code = out_write(&out);
	module_sample_free(&sample);
	buf_free(&out);
	return code;
}

static int print_store(enum format format)
{
	struct store_sample sample;
	struct buf out = { 0 };
	struct ds_store *store;
	int code, err;

	code = open_store(DOCSTORE_OPEN_READ, &store);
	if (code)
		return code;
	err = sample_store(store, store_name, &sample);
	ds_close(store);
	if (err)
		return fail_store(err);
	if (format == JSON)
		write_store_json(&out, &sample);
	else if (format == PROMETHEUS)
		write_prometheus(&out, &sample, 1, NULL);
	else
		write_store(&out, &sample);
	code = out_write(&out);
	buf_free(&out);
	return code;
}

/* Stores that may not be opened, or were removed meanwhile, are passed over. */
static int print_all(void)
{
	struct ds_open_opts opts = { .size = sizeof(opts), .flags = DS_OPEN_NO_MAP };
	struct docstore_store_info *stores;
	struct store_sample *samples;
	struct module_sample module;
	struct buf out = { 0 };
	size_t count, i, n = 0;
	struct ds_store *store;
	int err, code;

	err = ds_list(NULL, &stores, sizeof(*stores), &count);
	if (err)
		return fail(exit_code(err), "%s", explain(err));
	samples = xrealloc(NULL, count + 1, sizeof(*samples));
	err = sample_module(&module);
	for (i = 0; !err && i < count; i++) {
		const char *name = (const char *)stores[i].name;

		stores[i].name[sizeof(stores[i].name) - 1] = '\0';
		if (ds_open(name, DOCSTORE_OPEN_READ, &opts, &store))
			continue;
		n += !sample_store(store, name, &samples[n]);
		ds_close(store);
	}
	if (err) {
		code = fail(exit_code(err), "%s", explain(err));
	} else {
		write_prometheus(&out, samples, n, &module);
		code = out_write(&out);
		module_sample_free(&module);
	}
	buf_free(&out);
	free(samples);
	free(stores);
	return code;
}

int cmd_stats(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "prometheus", no_argument, NULL, 'p' },
		{ "module", no_argument, NULL, 'm' },
		{ 0 }
	};
	enum format format = TABLE, wanted;
	bool module = false;
	int c;

	while ((c = getopt_long(argc, argv, "jpm", options, NULL)) != -1) {
		if (c == 'm') {
			module = true;
			continue;
		}
		if (c != 'j' && c != 'p')
			return bad_option(argv);
		wanted = c == 'j' ? JSON : PROMETHEUS;
		if (format != TABLE && format != wanted)
			return usage(argv, "--json and --prometheus exclude each other");
		format = wanted;
	}
	if (module && argc > optind)
		return usage(argv, "--module takes no store");
	if (!operand_store(argc, argv))
		return USAGE;
	if (module)
		return print_module(format);
	return format == PROMETHEUS && !store_named ? print_all() : print_store(format);
}

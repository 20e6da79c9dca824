/* SPDX-License-Identifier: GPL-2.0 */
/* docstore(1): what is counted, and what it is called wherever it is shown. */
#ifndef DOCSTORE_COUNTERS_H
#define DOCSTORE_COUNTERS_H

#include "libdocstore_monitor.h"
#include "numbers.h"

/**
 * struct counter - a number that is counted
 * @number: where it is, and its names for people and in JSON
 * @gauge: it goes up and down; else it only grows
 * @help: what it is, in one line
 *
 * Prometheus has it under its name in JSON: nanoseconds become seconds there, and what
 * only grows ends in _total.
 */
struct counter {
	struct number number;
	bool gauge;
	const char *help;
};

/**
 * struct counter_table - all that one struct has of them
 * @metric: what names of metrics begin with
 * @counters: what they are
 * @count: how many
 */
struct counter_table {
	const char *metric;
	const struct counter *counters;
	size_t count;
};

extern const struct counter_table store_counters;	/* struct docstore_counters */
extern const struct counter_table module_counters;	/* struct docstore_module_counters */
extern const struct counter_table worker_counters;	/* struct docstore_worker_stats */
extern const struct counter_table place_counters;	/* struct docstore_contention */

/* Names of the stages of enum docstore_stage. */
extern const char * const stage_names[DOCSTORE_STAGES];

/* All that a struct has, as members of an object, and as lines of a table. */
void counters_add(struct json_object *object, const void *info, const struct counter_table *table);
void counters_write(struct buf *out, const void *info, const struct counter_table *table);

/**
 * struct store_sample - statistics of a store, and whose they are
 * @name: of the store
 * @time: when they were read, in nanoseconds since boot
 * @counters: what was counted
 * @latency: histograms
 */
struct store_sample {
	char name[DOCSTORE_STORE_NAME_SIZE];
	uint64_t time;
	struct docstore_counters counters;
	struct docstore_latency latency[DOCSTORE_STAGES];
};

/* The statistics of an open store: 0 or a negative errno. */
int sample_store(const struct ds_store *store, const char *name, struct store_sample *sample);

/**
 * struct module_sample - statistics of the module
 * @counters: what was counted
 * @stats: when it was read; workers and places, which module_sample_free() frees
 */
struct module_sample {
	struct docstore_module_counters counters;
	struct ds_module_stats stats;
};

int sample_module(struct module_sample *sample);
void module_sample_free(struct module_sample *sample);

/*
 * The text format of Prometheus, version 0.0.4. Each metric stands once, with all stores,
 * so that they come together; @module may be NULL.
 */
void write_prometheus(struct buf *out, const struct store_sample *samples, size_t count,
		      const struct module_sample *module);

#endif /* DOCSTORE_COUNTERS_H */

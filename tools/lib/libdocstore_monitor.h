/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: settings, statistics, sessions: for those who run a docstore. Programs that
 * only keep documents in it need libdocstore.h and not this.
 *
 * DOC: What those ask who run it
 *
 * Everybody who may open a store may read its statistics and settings; those of the module
 * are for all. It is read while the store goes on, and disturbs nobody.
 */
#ifndef LIBDOCSTORE_MONITOR_H
#define LIBDOCSTORE_MONITOR_H

#include "libdocstore.h"

#include <linux/docstore_monitor.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct ds_stats - what is read by ds_stats()
 * @size: sizeof(struct ds_stats)
 * @time: out: when, in nanoseconds since boot
 * @counters: where counters go, or NULL
 * @counters_size: sizeof(struct docstore_counters)
 * @latency: where histograms go, one for each stage of enum docstore_stage; or NULL
 * @latency_size: sizeof(struct docstore_latency)
 * @stages: in: room in @latency, in elements; out: how many were filled in
 */
struct ds_stats {
	size_t size;
	uint64_t time;
	struct docstore_counters *counters;
	size_t counters_size;
	struct docstore_latency *latency;
	size_t latency_size;
	size_t stages;
};

/**
 * ds_stats() - statistics of a store
 * @store: the store, not a snapshot
 * @stats: what is to be read, and where it goes
 *
 * What the kernel does not know is 0.
 *
 * Return: 0; -EBADF if it is a snapshot; -EINVAL, -ENOMEM; -ENOTTY if the module is older
 * than this.
 */
int ds_stats(const struct ds_store *store, struct ds_stats *stats);

/**
 * ds_latency_percentile() - the time that so many percent did not take longer than
 * @latency: a histogram
 * @percent: 0 to 100; such as 99.9
 *
 * Within a bucket times are taken to be spread evenly, so that it is a guess by which one
 * is wrong by less than the width of a bucket: a quarter of a power of two.
 *
 * Return: the time in nanoseconds; 0 if there was none.
 */
double ds_latency_percentile(const struct docstore_latency *latency, double percent);

/**
 * ds_latency_mean() - the mean of a histogram
 * @latency: the histogram
 *
 * Return: the time in nanoseconds; 0 if there was none.
 */
double ds_latency_mean(const struct docstore_latency *latency);

/**
 * ds_latency_between() - what came to a histogram between two readings of it
 * @earlier: the first reading
 * @later: the second one
 * @between: where the difference goes; may be one of the two
 *
 * The longest is known if it is longer than all before the first reading; else it is the
 * end of the bucket that it is in.
 */
void ds_latency_between(const struct docstore_latency *earlier,
			const struct docstore_latency *later, struct docstore_latency *between);

/**
 * struct ds_module_stats - what is read by ds_module_stats()
 * @size: sizeof(struct ds_module_stats)
 * @time: out: when, in nanoseconds since boot
 * @counters: where counters go, or NULL
 * @counters_size: sizeof(struct docstore_module_counters)
 * @workers: out: one for each worker
 * @worker_size: sizeof(struct docstore_worker_stats); 0 to leave them out
 * @worker_count: out: how many there are
 * @places: out: one for each place where threads can meet
 * @place_size: sizeof(struct docstore_contention); 0 to leave them out
 * @place_count: out: how many there are
 */
struct ds_module_stats {
	size_t size;
	uint64_t time;
	struct docstore_module_counters *counters;
	size_t counters_size;
	struct docstore_worker_stats *workers;
	size_t worker_size;
	size_t worker_count;
	struct docstore_contention *places;
	size_t place_size;
	size_t place_count;
};

/**
 * ds_module_stats() - statistics of the module
 * @opts: options, or NULL; its flags must be 0
 * @stats: what is to be read, and where it goes
 *
 * Free the arrays that @stats->workers and @stats->places point to, with free().
 *
 * Return: 0; -ENXIO if the module is not loaded; -EACCES, -EINVAL, -ENOMEM, -ENOTTY.
 */
int ds_module_stats(const struct ds_open_opts *opts, struct ds_module_stats *stats);

/**
 * ds_sessions() - which descriptors of docstore are open
 * @opts: options, or NULL; its flags must be 0
 * @sessions: where the array goes; free it with free()
 * @session_size: sizeof(struct docstore_session_info)
 * @count: where the number of elements goes
 *
 * Those of the caller's user and, with CAP_SYS_ADMIN, all of them, in the order in which
 * they were opened. The one by which it is asked is among them.
 *
 * Return: 0; -ENXIO if the module is not loaded; -EACCES, -EINVAL, -ENOMEM, -ENOTTY.
 */
int ds_sessions(const struct ds_open_opts *opts, struct docstore_session_info **sessions,
		size_t session_size, size_t *count);

/**
 * ds_setting_name() - the name of a setting
 * @setting: enum docstore_setting
 *
 * Return: its name in small letters, such as "span_queue"; NULL if there is none.
 */
const char *ds_setting_name(unsigned int setting);

/**
 * ds_setting() - the number of a setting
 * @name: its name in small letters
 *
 * Return: enum docstore_setting; -ENOENT if there is none of that name.
 */
int ds_setting(const char *name);

/**
 * ds_config() - read and change settings of a store
 * @store: the store, not a snapshot
 * @config: what to change, and where all settings go; @config->size must be
 *	sizeof(*config)
 *
 * See struct docstore_config: all that is asked for is changed together, or nothing.
 * With @set and @reset 0 it only reads.
 *
 * Return: 0; -EINVAL for a value that is out of range, or a setting that is not known or
 * is the module's; -EPERM if the caller is not the store's owner; -EBADF if it is not open
 * for writing, or a snapshot; -E2BIG, -ENOMEM, -ENOTTY.
 */
int ds_config(const struct ds_store *store, struct docstore_config *config);

/**
 * ds_module_config() - read and change settings of the module
 * @opts: options, or NULL; its flags must be 0
 * @config: as for ds_config()
 *
 * Stores that have not set one have what the module has.
 *
 * Return: 0; -ENXIO if the module is not loaded; else as ds_config().
 */
int ds_module_config(const struct ds_open_opts *opts, struct docstore_config *config);

/**
 * ds_get_setting() - read one setting
 * @store: the store, not a snapshot; NULL for the module
 * @name: its name, as of ds_setting_name()
 * @value: where it goes
 *
 * Return: 0; -ENOENT if there is no such setting; else as ds_config().
 */
int ds_get_setting(const struct ds_store *store, const char *name, uint64_t *value);

/**
 * ds_change_setting() - change one setting
 * @store: the store, open for writing; NULL for the module
 * @name: its name, as of ds_setting_name()
 * @value: what it is to be
 *
 * Return: 0; -ENOENT if there is no such setting; else as ds_config().
 */
int ds_change_setting(const struct ds_store *store, const char *name, uint64_t value);

/**
 * ds_reset_setting() - let one setting be as if nobody had set it
 * @store: the store, open for writing; NULL for the module
 * @name: its name, as of ds_setting_name()
 *
 * Return: 0; -ENOENT if there is no such setting; else as ds_config().
 */
int ds_reset_setting(const struct ds_store *store, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* LIBDOCSTORE_MONITOR_H */

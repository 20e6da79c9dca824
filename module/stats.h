/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Statistics: counters and histograms for each CPU, summed by who reads them.
 */
#ifndef _DOCSTORE_STATS_H
#define _DOCSTORE_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

#include <linux/docstore_monitor.h>

struct ds_session;
struct ds_store;

/**
 * struct ds_latency - a histogram, one for each CPU
 * @sum_ns: all times together
 * @max_ns: the longest
 * @bucket: how many of each length
 */
struct ds_latency {
	u64 sum_ns;
	u64 max_ns;
	u64 bucket[DOCSTORE_LATENCY_BUCKETS];
};

/**
 * struct ds_store_stats - what was asked of a store, one set for each CPU
 * @operations: as all up to @stream_lost, see struct docstore_counters
 * @batches: batches of which something was carried out
 * @batches_failed: batches of which nothing was
 * @bytes_in: bytes that came with batches
 * @bytes_out: bytes that went out
 * @reads: documents looked up
 * @scanned: documents returned by scans
 * @hints: reads of mappings that were told
 * @lent: parts of batches carried out by their submitters
 * @polled: submitters who waited without sleeping
 * @slept: submitters who slept
 * @errors: batches that failed as a whole
 * @interrupted: for a signal
 * @timed_out: for want of time
 * @canceled: by the end of a ring or process
 * @busy: for a limit
 * @no_memory: parts that were put off
 * @checked: documents looked at by checks
 * @findings: what checks have found
 * @repaired: what they have repaired
 * @stuck: requests reported by the watchdog
 * @stream_records: records of streams
 * @stream_lost: changes lost by streams
 * @latency: for each stage its histogram
 */
struct ds_store_stats {
	u64 operations;
	u64 batches;
	u64 batches_failed;
	u64 bytes_in;
	u64 bytes_out;
	u64 reads;
	u64 scanned;
	u64 hints;
	u64 lent;
	u64 polled;
	u64 slept;
	u64 errors;
	u64 interrupted;
	u64 timed_out;
	u64 canceled;
	u64 busy;
	u64 no_memory;
	u64 checked;
	u64 findings;
	u64 repaired;
	u64 stuck;
	u64 stream_records;
	u64 stream_lost;
	struct ds_latency latency[DOCSTORE_STAGES];
};

/**
 * ds_stats_between() - how long something took
 * @from: when it began, by local_clock()
 * @to: when it was over, maybe on another CPU
 *
 * Return: nanoseconds. Clocks of two CPUs may differ by a little; then that is 0.
 */
static inline u64 ds_stats_between(u64 from, u64 to)
{
	return to > from ? to - from : 0;
}

void ds_stats_latency(struct ds_store *store, enum docstore_stage stage, u64 from, u64 to);
void ds_stats_failed(struct ds_store *store, int err);

void ds_stats_sum(const struct ds_store *store, struct docstore_counters *sum);
void ds_stats_read(const struct ds_store *store, struct docstore_counters *sum);
void ds_stats_read_latency(struct ds_store *store, enum docstore_stage stage,
			   struct docstore_latency *sum);
const char *ds_stats_stage_name(enum docstore_stage stage);
u64 ds_stats_percentile(const struct docstore_latency *latency, u32 per_mille);

int ds_ioctl_stats(struct ds_session *session, void *arg);
int ds_ioctl_module_stats(struct ds_session *session, void *arg);

#endif /* _DOCSTORE_STATS_H */

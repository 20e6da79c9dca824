// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics: what is counted, and how it is read. Counters are the CPU's own, so that
 * to count costs one instruction and no cache line goes from one CPU to another; who
 * reads sums them up, and bothers nobody.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "config.h"
#include "contention.h"
#include "ioctl.h"
#include "memory.h"
#include "request.h"
#include "session.h"
#include "stats.h"
#include "store.h"
#include "watchdog.h"
#include "worker.h"

static const char * const ds_stage_names[DOCSTORE_STAGES] = {
	[DOCSTORE_STAGE_PARSE] = "parse",
	[DOCSTORE_STAGE_WAIT] = "wait",
	[DOCSTORE_STAGE_PROCESS] = "process",
	[DOCSTORE_STAGE_SEND] = "send",
	[DOCSTORE_STAGE_TOTAL] = "total",
};

/**
 * ds_stats_stage_name() - the name of a stage
 * @stage: the stage
 *
 * Return: the name.
 */
const char *ds_stats_stage_name(enum docstore_stage stage)
{
	return ds_stage_names[stage];
}

/**
 * ds_stats_latency() - count how long something took
 * @store: the store
 * @stage: what it was
 * @from: when it began, by local_clock(); 0 if nobody knows
 * @to: when it was over; likewise
 */
void ds_stats_latency(struct ds_store *store, enum docstore_stage stage, u64 from, u64 to)
{
	struct ds_latency __percpu *latency = &store->stats->latency[stage];
	u64 ns = ds_stats_between(from, to);

	if (!from || !to)
		return;
	this_cpu_inc(latency->bucket[docstore_latency_bucket(ns)]);
	this_cpu_add(latency->sum_ns, ns);
	if (ns > this_cpu_read(latency->max_ns))
		this_cpu_write(latency->max_ns, ns);
}

/**
 * ds_stats_failed() - count a batch that has failed as a whole
 * @store: the store
 * @err: why
 */
void ds_stats_failed(struct ds_store *store, int err)
{
	this_cpu_inc(store->stats->errors);
	if (err == -ERESTARTSYS || err == -EINTR)
		this_cpu_inc(store->stats->interrupted);
	else if (err == -ETIMEDOUT)
		this_cpu_inc(store->stats->timed_out);
	else if (err == -ECANCELED)
		this_cpu_inc(store->stats->canceled);
	else if (err == -EBUSY)
		this_cpu_inc(store->stats->busy);
}

static void ds_stats_read_cpu(const struct ds_store_stats *stats, struct docstore_counters *sum)
{
	sum->operations += READ_ONCE(stats->operations);
	sum->batches += READ_ONCE(stats->batches);
	sum->batches_failed += READ_ONCE(stats->batches_failed);
	sum->bytes_in += READ_ONCE(stats->bytes_in);
	sum->bytes_out += READ_ONCE(stats->bytes_out);
	sum->reads += READ_ONCE(stats->reads);
	sum->scanned += READ_ONCE(stats->scanned);
	sum->hints += READ_ONCE(stats->hints);
	sum->lent += READ_ONCE(stats->lent);
	sum->polled += READ_ONCE(stats->polled);
	sum->slept += READ_ONCE(stats->slept);
	sum->errors += READ_ONCE(stats->errors);
	sum->interrupted += READ_ONCE(stats->interrupted);
	sum->timed_out += READ_ONCE(stats->timed_out);
	sum->canceled += READ_ONCE(stats->canceled);
	sum->busy += READ_ONCE(stats->busy);
	sum->no_memory += READ_ONCE(stats->no_memory);
	sum->checked += READ_ONCE(stats->checked);
	sum->findings += READ_ONCE(stats->findings);
	sum->repaired += READ_ONCE(stats->repaired);
	sum->stuck += READ_ONCE(stats->stuck);
	sum->stream_records += READ_ONCE(stats->stream_records);
	sum->stream_lost += READ_ONCE(stats->stream_lost);
}

static void ds_stats_read_partition(const struct ds_owned *owned, struct docstore_counters *sum)
{
	const struct ds_partition *p = &owned->partition;
	const struct ds_arena *arena = &p->arena;
	u64 retired = READ_ONCE(arena->retired_bytes);
	u64 used = READ_ONCE(arena->used_bytes);

	sum->commits += READ_ONCE(p->stats.commits);
	sum->changes += READ_ONCE(p->stats.changes);
	sum->hot += READ_ONCE(p->stats.hot);
	sum->retired += READ_ONCE(arena->retired_count);
	sum->reused += READ_ONCE(arena->reused_count);
	sum->documents += READ_ONCE(p->stats.documents);
	/* Some of it may have been given back between the one and the other. */
	sum->bytes_used += used - min(used, retired);
	sum->bytes_retired += retired;
	/* Its first piece is counted before it has it. */
	if (!atomic_read(&owned->pieces))
		sum->bytes -= ds_memory_piece();
}

/**
 * ds_stats_sum() - the counters of a store, summed up, but for those of requests under way
 * @store: the store
 * @sum: where they go
 */
void ds_stats_sum(const struct ds_store *store, struct docstore_counters *sum)
{
	unsigned int cpu;
	u32 i;

	*sum = (struct docstore_counters){
		.bytes = atomic64_read(&store->bytes),
		.sessions = atomic_read(&store->sessions),
		.snapshots = atomic_read(&store->snapshots),
		.streams = atomic_read(&store->streams.count),
	};
	for_each_possible_cpu(cpu)
		ds_stats_read_cpu(per_cpu_ptr(store->stats, cpu), sum);
	for (i = 0; i < store->npartitions; i++)
		ds_stats_read_partition(store->owned[i], sum);
}

/**
 * ds_stats_read() - the counters of a store, all of them
 * @store: the store
 * @sum: where they go
 */
void ds_stats_read(const struct ds_store *store, struct docstore_counters *sum)
{
	struct ds_requests_sum requests;

	ds_stats_sum(store, sum);
	ds_requests_sum(store->incarnation, &requests);
	sum->requests = requests.async;
	sum->request_bytes = requests.async_bytes;
	sum->queued = requests.waiting;
}

/**
 * ds_stats_read_latency() - a histogram of a store, summed up
 * @store: the store
 * @stage: which one
 * @sum: where it goes
 */
void ds_stats_read_latency(struct ds_store *store, enum docstore_stage stage,
			   struct docstore_latency *sum)
{
	unsigned int cpu;
	u32 i;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct ds_latency *l = &per_cpu_ptr(store->stats, cpu)->latency[stage];

		sum->sum_ns += READ_ONCE(l->sum_ns);
		sum->max_ns = max(sum->max_ns, READ_ONCE(l->max_ns));
		for (i = 0; i < DOCSTORE_LATENCY_BUCKETS; i++)
			sum->bucket[i] += READ_ONCE(l->bucket[i]);
	}
	for (i = 0; i < DOCSTORE_LATENCY_BUCKETS; i++)
		sum->count += sum->bucket[i];
}

/**
 * ds_stats_percentile() - what most of the times of a histogram are below
 * @latency: the histogram
 * @per_mille: how many of thousand
 *
 * Return: the end of the bucket in which that is, or the longest time if that is
 * shorter; in nanoseconds.
 */
u64 ds_stats_percentile(const struct docstore_latency *latency, u32 per_mille)
{
	u64 want = div_u64(latency->count * per_mille + 999, 1000);
	u64 seen = 0;
	u32 i;

	for (i = 0; i < DOCSTORE_LATENCY_BUCKETS; i++) {
		seen += latency->bucket[i];
		if (seen >= want && seen)
			return i + 1 < DOCSTORE_LATENCY_BUCKETS ?
				       min(docstore_latency_bound(i), latency->max_ns) :
				       latency->max_ns;
	}
	return 0;
}

/* A struct for a caller that may know another length of it. */
static int ds_stats_copy_out(const void *from, size_t size, u64 user, u32 user_size)
{
	if (user_size > PAGE_SIZE)
		return -E2BIG;
	return ds_copy_element_out(from, size, user, user_size, 0);
}

static int ds_stats_latencies_out(struct ds_store *store, struct docstore_stats *arg)
{
	struct docstore_latency *latency;
	int err = 0;
	u32 i;

	if (arg->latency_size > PAGE_SIZE)
		return -E2BIG;
	/* Larger than what goes on the stack. */
	latency = kmalloc_obj(*latency, GFP_KERNEL_ACCOUNT);
	if (!latency)
		return -ENOMEM;
	arg->latency_count = min_t(u32, arg->latency_count, DOCSTORE_STAGES);
	for (i = 0; i < arg->latency_count && !err; i++) {
		ds_stats_read_latency(store, i, latency);
		err = ds_copy_element_out(latency, sizeof(*latency), arg->latency,
					  arg->latency_size, i);
	}
	kfree(latency);
	return err;
}

/**
 * ds_ioctl_stats() - DOCSTORE_STATS
 * @session: the caller's session
 * @data: struct docstore_stats
 *
 * Return: 0, -E2BIG, -EFAULT, -EINVAL or -ENOMEM.
 */
int ds_ioctl_stats(struct ds_session *session, void *data)
{
	struct docstore_counters counters;
	struct docstore_stats *arg = data;
	int err;

	/* What the first version of the interface had is the least. */
	if (arg->flags || arg->__reserved ||
	    arg->counters_size < offsetofend(struct docstore_counters, queued) ||
	    arg->latency_size < offsetofend(struct docstore_latency, bucket))
		return -EINVAL;
	arg->time = ktime_get_boottime_ns();
	ds_stats_read(session->store, &counters);
	err = ds_stats_copy_out(&counters, sizeof(counters), arg->counters, arg->counters_size);
	return err ?: ds_stats_latencies_out(session->store, arg);
}

static void ds_stats_read_module(struct docstore_module_counters *sum)
{
	struct ds_request_pool_stats pool;
	struct ds_requests_sum requests;

	ds_request_pool_sum(&pool);
	ds_requests_sum(0, &requests);
	*sum = (struct docstore_module_counters){
		.pool_hits = pool.hits,
		.pool_misses = pool.misses,
		.pool_reserve = pool.reserve,
		.pool_large = pool.large,
		.illegal = ds_request_illegal(),
		.stuck = ds_watchdog_stuck(),
		.session_waits = ds_sessions_waited(),
		.session_refused = ds_sessions_refused(),
		.configured = ds_config_changes(),
		.stores = ds_stores_count(),
		.sessions = ds_sessions_count(),
		.requests = requests.under_way,
	};
}

static int ds_stats_workers_out(struct docstore_module_stats *arg)
{
	struct docstore_worker_stats worker;
	u32 i;
	int err;

	for (i = 0; i < arg->worker_count; i++) {
		if (!ds_worker_stats(i, &worker))
			break;
		err = ds_copy_element_out(&worker, sizeof(worker), arg->workers,
					  arg->worker_size, i);
		if (err)
			return err;
	}
	arg->worker_count = i;
	return 0;
}

static int ds_stats_contention_out(struct docstore_module_stats *arg)
{
	struct docstore_contention contention;
	u32 i;
	int err;

	arg->contention_count = min_t(u32, arg->contention_count, DS_PLACES);
	for (i = 0; i < arg->contention_count; i++) {
		ds_contention_read(i, &contention);
		err = ds_copy_element_out(&contention, sizeof(contention), arg->contention,
					  arg->contention_size, i);
		if (err)
			return err;
	}
	return 0;
}

/**
 * ds_ioctl_module_stats() - DOCSTORE_MODULE_STATS
 * @session: the caller's session
 * @data: struct docstore_module_stats
 *
 * Return: 0, -E2BIG, -EFAULT or -EINVAL.
 */
int ds_ioctl_module_stats(struct ds_session *session, void *data)
{
	struct docstore_module_counters counters;
	struct docstore_module_stats *arg = data;
	int err;

	if (arg->flags || arg->__reserved ||
	    arg->counters_size < offsetofend(struct docstore_module_counters, requests) ||
	    arg->worker_size < offsetofend(struct docstore_worker_stats, ready) ||
	    arg->contention_size < offsetofend(struct docstore_contention, wait_max_ns))
		return -EINVAL;
	if (arg->worker_size > PAGE_SIZE || arg->contention_size > PAGE_SIZE)
		return -E2BIG;
	arg->time = ktime_get_boottime_ns();
	ds_stats_read_module(&counters);
	err = ds_stats_copy_out(&counters, sizeof(counters), arg->counters, arg->counters_size);
	return err ?: ds_stats_workers_out(arg) ?: ds_stats_contention_out(arg);
}

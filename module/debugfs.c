// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/docstore: all there is to see, to be read by people. What is written
 * here may change with any version; programs read sysfs, or use the ioctls.
 *
 * Nothing here takes what an owner or a reader needs, but for a coordinator's lock, for a
 * moment: who looks does not disturb.
 */
#include <linux/bug.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include <linux/docstore_monitor.h>

#include "config.h"
#include "contention.h"
#include "coordinator.h"
#include "debugfs.h"
#include "request.h"
#include "session.h"
#include "snapshot.h"
#include "stats.h"
#include "store.h"
#include "stream.h"
#include "worker.h"

static struct dentry *ds_debugfs;

static void ds_show_partition(struct seq_file *m, const struct ds_owned *owned)
{
	const struct ds_partition *p = &owned->partition;

	seq_printf(m, "  partition %u: %s%s%s seq %llu era %llu, %llu documents, %llu commits, %llu changes\n",
		   owned->number,
		   test_bit(DS_OWNED_BIT, &owned->state) ? "owned" : "idle",
		   llist_empty(&owned->queue) ? "" : ", queue",
		   test_bit(DS_OWNED_MAINTAIN_BIT, &owned->state) ? ", to be cleaned up" : "",
		   READ_ONCE(p->map->visible_seq), READ_ONCE(p->map->era),
		   READ_ONCE(p->stats.documents), READ_ONCE(p->stats.commits),
		   READ_ONCE(p->stats.changes));
	seq_printf(m, "    memory: %d chunks, %llu bytes used, %llu retired, %llu for snapshots; %llu blocks retired, %llu reused\n",
		   atomic_read(&owned->pieces), READ_ONCE(p->arena.used_bytes),
		   READ_ONCE(p->arena.retired_bytes), READ_ONCE(p->stats.past_bytes),
		   READ_ONCE(p->arena.retired_count), READ_ONCE(p->arena.reused_count));
	seq_printf(m, "    index: %u buckets, %llu bytes\n", READ_ONCE(p->map->buckets),
		   READ_ONCE(p->index.bytes));
}

static void ds_show_latencies(struct seq_file *m, struct ds_store *store)
{
	struct docstore_latency *latency = kmalloc_obj(*latency, GFP_KERNEL);
	u32 i;

	if (!latency)
		return;
	seq_puts(m, "  latency, ns:      count       mean        p50        p99      p99.9        max\n");
	for (i = 0; i < DOCSTORE_STAGES; i++) {
		ds_stats_read_latency(store, i, latency);
		seq_printf(m, "    %-8s %11llu %10llu %10llu %10llu %10llu %10llu\n",
			   ds_stats_stage_name(i), latency->count,
			   latency->count ? div64_u64(latency->sum_ns, latency->count) : 0,
			   ds_stats_percentile(latency, 500), ds_stats_percentile(latency, 990),
			   ds_stats_percentile(latency, 999), latency->max_ns);
	}
	kfree(latency);
}

static void ds_show_coordinator(struct seq_file *m, struct ds_store *store)
{
	struct ds_coordinator *c = &store->coordinator;
	struct ds_coordinator_stats stats;
	bool busy;
	u32 queued;

	spin_lock(&c->lock);
	stats = c->stats;
	queued = c->queued;
	busy = c->busy;
	spin_unlock(&c->lock);
	seq_printf(m, "  coordinator: %s, %u waiting; %llu commits (%llu lent), %llu refused, %llu no memory, %llu canceled, %llu timed out, %llu rejected\n",
		   busy ? "busy" : "idle", queued, stats.commits, stats.lent, stats.refused,
		   stats.no_memory, stats.canceled, stats.timed_out, stats.rejected);
}

static int ds_show_store(struct ds_store *store, void *private)
{
	struct docstore_counters c;
	struct seq_file *m = private;
	u32 i;

	ds_stats_read(store, &c);
	seq_printf(m, "store %llu: %s, %u partitions, %llu of %llu bytes, %llu documents, %llu sessions, %llu snapshots, %llu streams\n",
		   store->incarnation, store->name, store->npartitions, c.bytes,
		   store->max_bytes, c.documents, c.sessions, c.snapshots, c.streams);
	seq_printf(m, "  batches: %llu, and %llu failed, of %llu operations; parts: %llu lent, %llu polled, %llu slept\n",
		   c.batches, c.batches_failed, c.operations, c.lent, c.polled, c.slept);
	seq_printf(m, "  errors: %llu, of which %llu interrupted, %llu timed out, %llu canceled, %llu busy; %llu short of memory, %llu stuck\n",
		   c.errors, c.interrupted, c.timed_out, c.canceled, c.busy, c.no_memory,
		   c.stuck);
	seq_printf(m, "  under way: %llu by io_uring with %llu bytes, %llu waiting\n", c.requests,
		   c.request_bytes, c.queued);
	seq_puts(m, "  settings:");
	for (i = 0; i < DS_STORE_SETTINGS; i++)
		seq_printf(m, " %s=%llu", ds_config_name(i), ds_config_of(store, i));
	seq_putc(m, '\n');
	ds_show_latencies(m, store);
	ds_show_coordinator(m, store);
	ds_snapshots_show(m, store);
	for (i = 0; i < store->npartitions; i++)
		ds_show_partition(m, store->owned[i]);
	return seq_has_overflowed(m);
}

static int ds_stores_show(struct seq_file *m, void *unused)
{
	ds_stores_each(ds_show_store, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ds_stores);

static int ds_workers_show(struct seq_file *m, void *unused)
{
	struct docstore_worker_stats worker;
	u32 i;

	for (i = 0; ds_worker_stats(i, &worker); i++)
		seq_printf(m, "worker %u: cpu %u, %llu partitions waiting, %llu turns, %llu commits of %llu parts, %llu sleeps, busy %llu ns, longest commit %llu ns\n",
			   i, worker.cpu, worker.ready, worker.turns, worker.commits,
			   worker.parts, worker.sleeps, worker.busy_ns, worker.commit_max_ns);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ds_workers);

static void ds_show_request(struct ds_request *request, void *private)
{
	struct seq_file *m = private;
	struct ds_request_view view;

	ds_request_look(request, &view);
	seq_printf(m, "request %llx: store %llu, session %u, %s for %u ms, %u operations, %u documents, %u partitions%s%s%s\n",
		   view.id, view.incarnation, view.session, ds_request_state_name(view.state),
		   view.ms, view.operations, view.documents, view.partitions,
		   view.span ? ", spans" : "", view.async ? ", io_uring" : "",
		   view.reserved ? ", reserve" : "");
}

static int ds_requests_show(struct seq_file *m, void *unused)
{
	struct ds_request_pool_stats pool;
	struct ds_requests_sum sum;

	ds_request_pool_sum(&pool);
	ds_requests_sum(0, &sum);
	seq_printf(m, "%llu under way, %llu of them waiting, %llu by io_uring; memory at hand %llu times, allocated %llu, from the reserve %llu, large %llu; %llu illegal changes of state\n",
		   sum.under_way, sum.waiting, sum.async, pool.hits, pool.misses, pool.reserve,
		   pool.large, ds_request_illegal());
	ds_requests_each(ds_show_request, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ds_requests);

static int ds_sessions_show(struct seq_file *m, void *unused)
{
	struct docstore_session_info info;
	u64 id = 0;

	seq_printf(m, "%u of %llu; %llu have waited, %llu were refused\n", ds_sessions_count(),
		   ds_config_module(DOCSTORE_SETTING_MAX_SESSIONS), ds_sessions_waited(),
		   ds_sessions_refused());
	while (!seq_has_overflowed(m) && ds_sessions_next(id, &info)) {
		id = info.id;
		seq_printf(m, "session %llu: %s%s%.*s, uid %u gid %u pid %u (%.*s), rights %u, %llu calls, %llu errors, %llu operations, %llu bytes in, %llu out, %u requests with %llu bytes, %u snapshots, %u streams\n",
			   info.id, info.snapshot ? "snapshot of " : info.stream ?
			   ds_stream_state_name(info.stream - 1) : "",
			   info.incarnation ? "store " : "control",
			   (int)sizeof(info.store), info.store, info.uid, info.gid, info.pid,
			   (int)sizeof(info.comm), info.comm, info.rights, info.calls,
			   info.errors, info.operations, info.bytes_in, info.bytes_out,
			   info.requests, info.request_bytes, info.snapshots, info.streams);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ds_sessions);

static int ds_contention_show(struct seq_file *m, void *unused)
{
	struct docstore_contention c;
	u32 i;

	seq_puts(m, "place            acquired    contended      wait_ns  wait_max_ns\n");
	for (i = 0; i < DS_PLACES; i++) {
		ds_contention_read(i, &c);
		seq_printf(m, "%-12s %12llu %12llu %12llu %12llu\n", c.name, c.acquired,
			   c.contended, c.wait_ns, c.wait_max_ns);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ds_contention);

/* All of it. */
static int ds_state_show(struct seq_file *m, void *unused)
{
	ds_workers_show(m, NULL);
	ds_stores_show(m, NULL);
	ds_sessions_show(m, NULL);
	ds_requests_show(m, NULL);
	return ds_contention_show(m, NULL);
}
DEFINE_SHOW_ATTRIBUTE(ds_state);

/**
 * ds_debugfs_init() - make the files; the module runs without them as well
 */
void ds_debugfs_init(void)
{
	ds_debugfs = debugfs_create_dir("docstore", NULL);
	debugfs_create_file("state", 0400, ds_debugfs, NULL, &ds_state_fops);
	debugfs_create_file("stores", 0400, ds_debugfs, NULL, &ds_stores_fops);
	debugfs_create_file("workers", 0400, ds_debugfs, NULL, &ds_workers_fops);
	debugfs_create_file("requests", 0400, ds_debugfs, NULL, &ds_requests_fops);
	debugfs_create_file("sessions", 0400, ds_debugfs, NULL, &ds_sessions_fops);
	debugfs_create_file("contention", 0400, ds_debugfs, NULL, &ds_contention_fops);
}

/**
 * ds_debugfs_exit() - take them away
 */
void ds_debugfs_exit(void)
{
	debugfs_remove(ds_debugfs);
}

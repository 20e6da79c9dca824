// SPDX-License-Identifier: GPL-2.0
/* docstore(1): top: what happened between two samples. */
#include <stdlib.h>

#include "top.h"

#define SECOND	1e9

/* How much more in a second; what was counted anew has not gone back. */
static double rate(uint64_t earlier, uint64_t later, double seconds)
{
	return later > earlier && seconds > 0 ? (double)(later - earlier) / seconds : 0;
}

static double seconds_between(uint64_t earlier, uint64_t later)
{
	return later > earlier ? (double)(later - earlier) / SECOND : 0;
}

/* --- stores ----------------------------------------------------------------------- */

/* It may have been removed, and another one made that has its name. */
static const struct top_store_sample *find_store(const struct top_sample *sample,
						 const struct top_store_sample *store)
{
	size_t i;

	for (i = 0; sample && i < sample->store_count; i++) {
		if (sample->stores[i].info.incarnation == store->info.incarnation)
			return &sample->stores[i];
	}
	return NULL;
}

static void compute_store(const struct top_store_sample *earlier,
			  const struct top_store_sample *later, struct top_store *store,
			  struct docstore_latency *latency)
{
	const struct docstore_counters *now = &later->stats.counters, *then;
	double seconds;

	*store = (struct top_store){
		.name = later->stats.name,
		.queued = now->queued,
		.requests = now->requests,
		.bytes = now->bytes,
		.max_bytes = later->info.max_bytes,
		.documents = now->documents,
		.sessions = now->sessions,
		.snapshots = now->snapshots,
	};
	memset(latency, 0, sizeof(*latency));
	if (!earlier)
		return;
	then = &earlier->stats.counters;
	seconds = seconds_between(earlier->stats.time, later->stats.time);
	store->operations = rate(then->operations, now->operations, seconds);
	store->commits = rate(then->commits, now->commits, seconds);
	store->reads = rate(then->reads, now->reads, seconds) +
		       rate(then->scanned, now->scanned, seconds) +
		       rate(then->hints, now->hints, seconds);
	ds_latency_between(&earlier->stats.latency[DOCSTORE_STAGE_TOTAL],
			   &later->stats.latency[DOCSTORE_STAGE_TOTAL], latency);
	store->batches = latency->count;
	store->p50 = ds_latency_percentile(latency, 50);
	store->p99 = ds_latency_percentile(latency, 99);
}

static void add_latency(struct docstore_latency *sum, const struct docstore_latency *latency)
{
	int b;

	sum->count += latency->count;
	sum->sum_ns += latency->sum_ns;
	if (latency->max_ns > sum->max_ns)
		sum->max_ns = latency->max_ns;
	for (b = 0; b < DOCSTORE_LATENCY_BUCKETS; b++)
		sum->bucket[b] += latency->bucket[b];
}

static void add_store(struct top_store *all, const struct top_store *store)
{
	all->operations += store->operations;
	all->reads += store->reads;
	all->commits += store->commits;
	all->batches += store->batches;
	all->queued += store->queued;
	all->requests += store->requests;
	all->bytes += store->bytes;
	all->max_bytes += store->max_bytes;
	all->documents += store->documents;
	all->sessions += store->sessions;
	all->snapshots += store->snapshots;
}

static void compute_stores(const struct top_sample *earlier, const struct top_sample *later,
			   struct top_view *view)
{
	struct docstore_latency latency, sum = { 0 };
	size_t i;

	view->stores = xrealloc(NULL, later->store_count + 1, sizeof(*view->stores));
	for (i = 0; i < later->store_count; i++) {
		const struct top_store_sample *store = &later->stores[i];

		compute_store(find_store(earlier, store), store, &view->stores[i], &latency);
		add_store(&view->all, &view->stores[i]);
		add_latency(&sum, &latency);
	}
	view->store_count = later->store_count;
	view->store_total = later->store_count + later->closed;
	view->all.p50 = ds_latency_percentile(&sum, 50);
	view->all.p99 = ds_latency_percentile(&sum, 99);
}

/* --- workers ------------------------------------------------------------------------ */

static const struct docstore_worker_stats *find_worker(const struct top_sample *sample,
						       unsigned int cpu)
{
	size_t i;

	for (i = 0; sample && i < sample->module.stats.worker_count; i++) {
		if (sample->module.stats.workers[i].cpu == cpu)
			return &sample->module.stats.workers[i];
	}
	return NULL;
}

static void compute_workers(const struct top_sample *earlier, const struct top_sample *later,
			    struct top_view *view)
{
	size_t n = later->module.stats.worker_count, i;

	view->workers = xrealloc(NULL, n + 1, sizeof(*view->workers));
	for (i = 0; i < n; i++) {
		const struct docstore_worker_stats *now = &later->module.stats.workers[i];
		const struct docstore_worker_stats *then = find_worker(earlier, now->cpu);
		struct top_worker *worker = &view->workers[i];

		*worker = (struct top_worker){
			.cpu = now->cpu,
			.longest = now->commit_max_ns,
			.ready = now->ready,
		};
		if (!then)
			continue;
		worker->busy = rate(then->busy_ns, now->busy_ns, view->seconds) / SECOND;
		/* A turn that began before the first sample is counted when it ends. */
		if (worker->busy > 1)
			worker->busy = 1;
		worker->turns = rate(then->turns, now->turns, view->seconds);
		worker->commits = rate(then->commits, now->commits, view->seconds);
		worker->parts = rate(then->parts, now->parts, view->seconds);
		worker->sleeps = rate(then->sleeps, now->sleeps, view->seconds);
		view->busy += worker->busy / (double)n;
	}
	view->worker_count = n;
}

/* --- places --------------------------------------------------------------------------- */

static const struct docstore_contention *find_place(const struct top_sample *sample,
						    const char *name)
{
	size_t i;

	for (i = 0; sample && i < sample->module.stats.place_count; i++) {
		if (!strcmp((const char *)sample->module.stats.places[i].name, name))
			return &sample->module.stats.places[i];
	}
	return NULL;
}

static int compare(double a, double b)
{
	return (a > b) - (a < b);
}

static int compare_places(const void *a, const void *b)
{
	const struct top_place *p = a, *q = b;
	int order = compare(q->waited, p->waited);

	return order ? order : compare(q->contended, p->contended);
}

static void compute_places(const struct top_sample *earlier, const struct top_sample *later,
			   struct top_view *view)
{
	size_t n = later->module.stats.place_count, i;

	view->places = xrealloc(NULL, n + 1, sizeof(*view->places));
	for (i = 0; i < n; i++) {
		const struct docstore_contention *now = &later->module.stats.places[i], *then;
		struct top_place *place = &view->places[i];

		*place = (struct top_place){
			.name = (const char *)now->name,
			.longest = now->wait_max_ns,
		};
		then = find_place(earlier, place->name);
		if (!then)
			continue;
		place->acquired = rate(then->acquired, now->acquired, view->seconds);
		place->contended = rate(then->contended, now->contended, view->seconds);
		place->waited = rate(then->wait_ns, now->wait_ns, view->seconds);
		if (place->acquired > 0)
			place->share = place->contended / place->acquired;
	}
	view->place_count = n;
	qsort(view->places, n, sizeof(*view->places), compare_places);
}

/* --- snapshots ---------------------------------------------------------------------------- */

static int compare_snapshots(const void *a, const void *b)
{
	const struct top_snapshot *p = a, *q = b;

	return (p->info.age < q->info.age) - (p->info.age > q->info.age);
}

static void copy_snapshots(const struct top_sample *later, struct top_view *view)
{
	size_t n = later->snapshot_count, i;

	view->snapshots = xrealloc(NULL, n + 1, sizeof(*view->snapshots));
	for (i = 0; i < n; i++) {
		view->snapshots[i] = later->snapshots[i];
		view->snapshot_bytes += later->snapshots[i].info.bytes;
	}
	view->snapshot_count = n;
	qsort(view->snapshots, n, sizeof(*view->snapshots), compare_snapshots);
}

void top_compute(const struct top_sample *earlier, const struct top_sample *later,
		 struct top_view *view)
{
	memset(view, 0, sizeof(*view));
	view->time = later->module.stats.time;
	if (earlier)
		view->seconds = seconds_between(earlier->module.stats.time, view->time);
	view->session_count = later->module.counters.sessions;
	view->request_count = later->module.counters.requests;
	compute_stores(earlier, later, view);
	compute_workers(earlier, later, view);
	compute_places(earlier, later, view);
	copy_snapshots(later, view);
}

void top_view_free(struct top_view *view)
{
	free(view->stores);
	free(view->workers);
	free(view->snapshots);
	free(view->places);
	free(view->hot);
	memset(view, 0, sizeof(*view));
}

/* --- sorting --------------------------------------------------------------------------------- */

/* The largest first, and names from A to Z. */
static int compare_stores(const struct top_store *a, const struct top_store *b,
			  enum top_order order)
{
	switch (order) {
	case BY_OPERATIONS:
		return compare(b->operations, a->operations);
	case BY_READS:
		return compare(b->reads, a->reads);
	case BY_LATENCY:
		return compare(b->p99, a->p99);
	case BY_QUEUE:
		return compare((double)b->queued, (double)a->queued);
	case BY_MEMORY:
		return compare((double)b->bytes, (double)a->bytes);
	default:
		return strcmp(a->name, b->name);
	}
}

/* Those that are equal are in the order of their names, so that they stay where they are. */
static int compare_sorted(const void *a, const void *b, void *arg)
{
	const enum top_order *order = arg;
	int result = compare_stores(a, b, *order);

	return result ? result : compare_stores(a, b, BY_NAME);
}

static int compare_reversed(const void *a, const void *b, void *arg)
{
	const enum top_order *order = arg;
	int result = compare_stores(b, a, *order);

	return result ? result : compare_stores(a, b, BY_NAME);
}

void top_sort(struct top_view *view, enum top_order order, bool reverse)
{
	qsort_r(view->stores, view->store_count, sizeof(*view->stores),
		reverse ? compare_reversed : compare_sorted, &order);
}

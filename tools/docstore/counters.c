// SPDX-License-Identifier: GPL-2.0
/* docstore(1): what is counted, and how it is read. */
#include <stdio.h>
#include <stdlib.h>

#include "counters.h"

#define GROWS	false
#define GAUGE	true

#define COUNTERS(metric, table)							\
	{ metric, table, sizeof(table) / sizeof((table)[0]) }

/* A label that is set in is a part of what stands above it. */
static const struct counter of_store[] = {
#define COUNTER(member, label, kind, gauge, help)				\
	{ NUMBER_OF(struct docstore_counters, member, label, kind), gauge, help }
	COUNTER(operations, "operations", COUNT, GROWS,
		"Operations of batches that were carried out or refused one by one"),
	COUNTER(batches, "batches", COUNT, GROWS, "Batches of which something was carried out"),
	COUNTER(batches_failed, "  refused", COUNT, GROWS,
		"Batches of which nothing was carried out, for what their operations found"),
	COUNTER(lent, "  done by submitters", COUNT, GROWS,
		"Parts of batches that their submitters carried out themselves"),
	COUNTER(polled, "  waited for", COUNT, GROWS,
		"Submitters for whom others did, and who did not have to sleep"),
	COUNTER(slept, "  slept for", COUNT, GROWS,
		"Submitters for whom others did, and who had to sleep"),
	COUNTER(bytes_in, "bytes in", BYTES, GROWS,
		"Bytes of ids and values that came with batches"),
	COUNTER(bytes_out, "bytes out", BYTES, GROWS,
		"Bytes of documents and values that went out"),
	COUNTER(reads, "documents read", COUNT, GROWS, "Documents looked up by system calls"),
	COUNTER(scanned, "documents scanned", COUNT, GROWS, "Documents returned by scans"),
	COUNTER(hints, "reads by mapping", COUNT, GROWS,
		"Reads by the mapping that the kernel was told of"),
	COUNTER(errors, "calls that failed", COUNT, GROWS,
		"Batches that failed as a whole: bad arguments, no memory, no turn"),
	COUNTER(interrupted, "  interrupted", COUNT, GROWS, "Batches that failed for a signal"),
	COUNTER(timed_out, "  timed out", COUNT, GROWS, "Batches that failed for want of time"),
	COUNTER(canceled, "  canceled", COUNT, GROWS,
		"Batches that failed by the end of their ring or process"),
	COUNTER(busy, "  found no room", COUNT, GROWS,
		"Batches that failed for a limit of those under way"),
	COUNTER(no_memory, "lacked memory", COUNT, GROWS,
		"Parts of batches that were put off for want of memory"),
	COUNTER(commits, "commits", COUNT, GROWS, "Commits published"),
	COUNTER(changes, "versions made", COUNT, GROWS, "Versions of documents made"),
	COUNTER(retired, "blocks given back", COUNT, GROWS,
		"Versions and other blocks of memory given back to be used again"),
	COUNTER(reused, "  free again", COUNT, GROWS,
		"Blocks given back whose memory can be used again"),
	COUNTER(hot, "documents became hot", COUNT, GROWS, "Documents that have become hot"),
	COUNTER(checked, "documents checked", COUNT, GROWS, "Documents looked at by checks"),
	COUNTER(findings, "  findings", COUNT, GROWS, "What checks have found"),
	COUNTER(repaired, "  repaired", COUNT, GROWS, "What checks have found and repaired"),
	COUNTER(stuck, "requests stuck", COUNT, GROWS, "Requests that the watchdog has reported"),
	COUNTER(stream_records, "records of streams", COUNT, GROWS,
		"Records that were read from streams"),
	COUNTER(stream_lost, "  changes lost", COUNT, GROWS, "Changes that streams have lost"),
	COUNTER(documents, "documents", COUNT, GAUGE, "Documents there are"),
	COUNTER(bytes, "memory", BYTES, GAUGE, "Memory that the store takes, in bytes"),
	COUNTER(bytes_used, "  in use", BYTES, GAUGE,
		"Memory of the store that is in use, in bytes"),
	COUNTER(bytes_retired, "  to be reused", BYTES, GAUGE,
		"Memory of the store that waits to be used again, in bytes"),
	COUNTER(sessions, "sessions", COUNT, GAUGE, "Descriptors that are open"),
	COUNTER(snapshots, "snapshots", COUNT, GAUGE, "Snapshots that are open"),
	COUNTER(streams, "streams", COUNT, GAUGE, "Streams that are open"),
	COUNTER(requests, "requests under way", COUNT, GAUGE, "Requests under way by io_uring"),
	COUNTER(request_bytes, "  their memory", BYTES, GAUGE,
		"Memory of requests under way by io_uring, in bytes"),
	COUNTER(queued, "parts that wait", COUNT, GAUGE,
		"Parts of requests that wait for their partition's owner"),
#undef COUNTER
}, of_module[] = {
#define COUNTER(member, label, gauge, help)					\
	{ NUMBER_OF(struct docstore_module_counters, member, label, COUNT), gauge, help }
	COUNTER(pool_hits, "requests, memory there", GROWS, "Requests whose memory was at hand"),
	COUNTER(pool_misses, "  memory allocated", GROWS,
		"Requests for which memory had to be allocated"),
	COUNTER(pool_reserve, "  from the reserve", GROWS,
		"Requests that had the reserve's memory, since there was no other"),
	COUNTER(pool_large, "  large", GROWS, "Requests that are larger than what is kept"),
	COUNTER(illegal, "illegal transitions", GROWS,
		"Changes of a request's state that were refused"),
	COUNTER(stuck, "requests stuck", GROWS, "Requests that the watchdog has reported"),
	COUNTER(session_waits, "opens that waited", GROWS, "Opens that had to wait for their turn"),
	COUNTER(session_refused, "opens refused", GROWS,
		"Opens that were refused, since they did not want to wait"),
	COUNTER(configured, "changes of settings", GROWS, "Changes of settings"),
	COUNTER(stores, "stores", GAUGE, "Stores there are"),
	COUNTER(sessions, "sessions", GAUGE, "Descriptors that are open"),
	COUNTER(requests, "requests under way", GAUGE, "Requests under way"),
#undef COUNTER
}, of_worker[] = {
#define COUNTER(member, label, kind, gauge, help)				\
	{ NUMBER_OF(struct docstore_worker_stats, member, label, kind), gauge, help }
	COUNTER(turns, "TURNS", COUNT, GROWS,
		"How often a worker took over a partition with something to do"),
	COUNTER(commits, "COMMITS", COUNT, GROWS, "Commits that a worker has made"),
	COUNTER(parts, "PARTS", COUNT, GROWS, "Parts of batches that a worker has carried out"),
	COUNTER(sleeps, "SLEEPS", COUNT, GROWS, "How often a worker went to sleep"),
	COUNTER(busy_ns, "BUSY", DURATION, GROWS,
		"Time of a worker between waking up and going to sleep"),
	COUNTER(commit_max_ns, "LONGEST", DURATION, GAUGE, "The longest commit of a worker"),
	COUNTER(ready, "READY", COUNT, GAUGE, "Partitions that wait for a worker"),
#undef COUNTER
}, of_place[] = {
#define COUNTER(member, label, kind, gauge, help)				\
	{ NUMBER_OF(struct docstore_contention, member, label, kind), gauge, help }
	COUNTER(acquired, "TAKEN", COUNT, GROWS,
		"How often a place where threads can meet was taken"),
	COUNTER(contended, "CONTENDED", COUNT, GROWS, "How often somebody else had it"),
	COUNTER(wait_ns, "WAITED", DURATION, GROWS, "How long that was waited for"),
	COUNTER(wait_max_ns, "LONGEST", DURATION, GAUGE, "The longest that it was waited for"),
#undef COUNTER
};

const struct counter_table store_counters = COUNTERS("docstore_store_", of_store);
const struct counter_table module_counters = COUNTERS("docstore_module_", of_module);
const struct counter_table worker_counters = COUNTERS("docstore_worker_", of_worker);
const struct counter_table place_counters = COUNTERS("docstore_contention_", of_place);

const char * const stage_names[DOCSTORE_STAGES] = {
	[DOCSTORE_STAGE_PARSE] = "parse",
	[DOCSTORE_STAGE_WAIT] = "wait",
	[DOCSTORE_STAGE_PROCESS] = "process",
	[DOCSTORE_STAGE_SEND] = "send",
	[DOCSTORE_STAGE_TOTAL] = "total",
};

void counters_add(struct json_object *object, const void *info, const struct counter_table *table)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		number_add(object, info, &table->counters[i].number);
}

void counters_write(struct buf *out, const void *info, const struct counter_table *table)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		number_write(out, info, &table->counters[i].number);
}

int sample_store(const struct ds_store *store, const char *name, struct store_sample *sample)
{
	struct ds_stats stats = {
		.size = sizeof(stats),
		.counters = &sample->counters,
		.counters_size = sizeof(sample->counters),
		.latency = sample->latency,
		.latency_size = sizeof(sample->latency[0]),
		.stages = DOCSTORE_STAGES,
	};
	int err;

	memset(sample, 0, sizeof(*sample));
	snprintf(sample->name, sizeof(sample->name), "%s", name);
	err = ds_stats(store, &stats);
	sample->time = stats.time;
	return err;
}

int sample_module(struct module_sample *sample)
{
	memset(sample, 0, sizeof(*sample));
	sample->stats.size = sizeof(sample->stats);
	sample->stats.counters = &sample->counters;
	sample->stats.counters_size = sizeof(sample->counters);
	sample->stats.worker_size = sizeof(sample->stats.workers[0]);
	sample->stats.place_size = sizeof(sample->stats.places[0]);
	return ds_module_stats(NULL, &sample->stats);
}

void module_sample_free(struct module_sample *sample)
{
	free(sample->stats.workers);
	free(sample->stats.places);
	sample->stats.workers = NULL;
	sample->stats.places = NULL;
}

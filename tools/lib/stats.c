// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: statistics of stores and of the module, and what histograms say. */
#include <stdlib.h>

#include "internal.h"
#include "libdocstore_monitor.h"

/* Structs grow; what is longer than this is a mistake. */
static bool good_size(size_t size)
{
	return size >= sizeof(__u64) && size <= 65536;
}

DS_PUBLIC int ds_stats(const struct ds_store *store, struct ds_stats *stats)
{
	struct docstore_counters unwanted;
	struct docstore_stats arg = {
		.size = sizeof(arg),
		.counters = ds_ptr(&unwanted),
		.counters_size = sizeof(unwanted),
		.latency_size = sizeof(struct docstore_latency),
	};
	int err;

	if (stats->size != sizeof(*stats))
		return -EINVAL;
	if (store->pinned)
		return -EBADF;
	if (stats->counters) {
		if (!good_size(stats->counters_size))
			return -EINVAL;
		memset(stats->counters, 0, stats->counters_size);
		arg.counters = ds_ptr(stats->counters);
		arg.counters_size = (__u32)stats->counters_size;
	}
	if (stats->latency && stats->stages) {
		if (!good_size(stats->latency_size) || stats->stages > 65536)
			return -EINVAL;
		memset(stats->latency, 0, stats->latency_size * stats->stages);
		arg.latency = ds_ptr(stats->latency);
		arg.latency_size = (__u32)stats->latency_size;
		arg.latency_count = (__u32)stats->stages;
	}
	err = ds_ioctl(store->fd, DOCSTORE_STATS, &arg);
	if (err)
		return err;
	if (arg.latency_count > (arg.latency ? stats->stages : 0))
		return -EBADMSG;
	stats->time = arg.time;
	stats->stages = arg.latency_count;
	return 0;
}

/* --- histograms --------------------------------------------------------------- */

/*
 * All of them: what is in the buckets is right for itself, and @count may have been
 * read a moment before.
 */
static uint64_t in_buckets(const struct docstore_latency *latency)
{
	uint64_t n = 0;
	uint32_t b;

	for (b = 0; b < DOCSTORE_LATENCY_BUCKETS; b++)
		n += latency->bucket[b];
	return n;
}

/* Where a bucket ends: nothing in it can be longer than the longest. */
static double end_of(const struct docstore_latency *latency, uint32_t b)
{
	uint64_t begin = b ? docstore_latency_bound(b - 1) : 0, end = docstore_latency_bound(b);
	bool last = b == DOCSTORE_LATENCY_BUCKETS - 1;

	if (latency->max_ns >= begin && (latency->max_ns < end || last))
		end = latency->max_ns;
	return (double)end;
}

DS_PUBLIC double ds_latency_percentile(const struct docstore_latency *latency, double percent)
{
	double rank, below = 0, begin, last = 0;
	uint64_t count = in_buckets(latency);
	uint32_t b;

	if (!count || !(percent >= 0))
		return 0;
	rank = (percent < 100 ? percent / 100 : 1) * (double)count;
	for (b = 0; b < DOCSTORE_LATENCY_BUCKETS; b++) {
		double here = (double)latency->bucket[b];

		if (!latency->bucket[b])
			continue;
		last = end_of(latency, b);
		if (below + here >= rank) {
			begin = b ? (double)docstore_latency_bound(b - 1) : 0;
			return begin + (last - begin) * (rank - below) / here;
		}
		below += here;
	}
	/* What was lost in rounding. */
	return last;
}

DS_PUBLIC double ds_latency_mean(const struct docstore_latency *latency)
{
	uint64_t count = in_buckets(latency);

	return count ? (double)latency->sum_ns / (double)count : 0;
}

/* Never below 0: a store may have been removed, and made anew under its name. */
static uint64_t more(uint64_t earlier, uint64_t later)
{
	return later > earlier ? later - earlier : 0;
}

DS_PUBLIC void ds_latency_between(const struct docstore_latency *earlier,
				  const struct docstore_latency *later,
				  struct docstore_latency *between)
{
	uint64_t max = later->max_ns, known = earlier->max_ns, end = 0;
	uint32_t b;

	between->count = more(earlier->count, later->count);
	between->sum_ns = more(earlier->sum_ns, later->sum_ns);
	for (b = 0; b < DOCSTORE_LATENCY_BUCKETS; b++) {
		between->bucket[b] = more(earlier->bucket[b], later->bucket[b]);
		if (between->bucket[b])
			end = docstore_latency_bound(b);
	}
	between->max_ns = max > known || max < end ||
			  between->bucket[DOCSTORE_LATENCY_BUCKETS - 1] ? max : end;
	if (!end)
		between->max_ns = 0;
}

/* --- the module ----------------------------------------------------------------- */

/* An array that the kernel fills in, as far as there is room. */
struct growing {
	void *data;
	size_t element;
	size_t room;
	__u32 filled;
};

static int grow(struct growing *array)
{
	void *data;

	if (!array->element)
		return 0;
	/* Nobody has so many CPUs. */
	if (array->room > 65536)
		return -EBADMSG;
	array->room = array->room ? 2 * array->room : 64;
	data = reallocarray(array->data, array->room, array->element);
	if (!data)
		return -ENOMEM;
	array->data = data;
	memset(data, 0, array->room * array->element);
	return 0;
}

/* Is there perhaps more, for which there was no room? */
static bool is_full(const struct growing *array)
{
	return array->element && array->filled == array->room;
}

static int read_module(int fd, struct ds_module_stats *stats, struct growing *workers,
		       struct growing *places)
{
	struct docstore_module_counters unwanted;
	struct docstore_module_stats arg = {
		.size = sizeof(arg),
		.counters = stats->counters ? ds_ptr(stats->counters) : ds_ptr(&unwanted),
		.counters_size = stats->counters ? (__u32)stats->counters_size : sizeof(unwanted),
		.worker_size = workers->element ? (__u32)workers->element :
						  sizeof(struct docstore_worker_stats),
		.workers = ds_ptr(workers->data),
		.worker_count = (__u32)workers->room,
		.contention_size = places->element ? (__u32)places->element :
						     sizeof(struct docstore_contention),
		.contention = ds_ptr(places->data),
		.contention_count = (__u32)places->room,
	};
	int err;

	if (stats->counters)
		memset(stats->counters, 0, stats->counters_size);
	err = ds_ioctl(fd, DOCSTORE_MODULE_STATS, &arg);
	if (err)
		return err;
	if (arg.worker_count > workers->room || arg.contention_count > places->room)
		return -EBADMSG;
	workers->filled = arg.worker_count;
	places->filled = arg.contention_count;
	stats->time = arg.time;
	return 0;
}

/* Names that come from the kernel end somewhere. */
static void end_names(const struct growing *places)
{
	size_t i;

	if (places->element < DOCSTORE_PLACE_NAME_SIZE)
		return;
	for (i = 0; i < places->filled; i++)
		((char *)places->data)[i * places->element + DOCSTORE_PLACE_NAME_SIZE - 1] = '\0';
}

DS_PUBLIC int ds_module_stats(const struct ds_open_opts *opts, struct ds_module_stats *stats)
{
	struct growing workers = { .element = stats->worker_size };
	struct growing places = { .element = stats->place_size };
	int fd, err;

	stats->workers = NULL;
	stats->worker_count = 0;
	stats->places = NULL;
	stats->place_count = 0;
	if (stats->size != sizeof(*stats) ||
	    (stats->counters && !good_size(stats->counters_size)) ||
	    (workers.element && !good_size(workers.element)) ||
	    (places.element && !good_size(places.element)))
		return -EINVAL;
	fd = ds_open_control(opts, false);
	if (fd < 0)
		return fd;
	err = grow(&workers);
	if (!err)
		err = grow(&places);
	while (!err) {
		err = read_module(fd, stats, &workers, &places);
		if (err || (!is_full(&workers) && !is_full(&places)))
			break;
		if (is_full(&workers))
			err = grow(&workers);
		if (!err && is_full(&places))
			err = grow(&places);
	}
	ds_sys_close(fd);
	if (err) {
		free(workers.data);
		free(places.data);
		return err;
	}
	end_names(&places);
	stats->workers = workers.data;
	stats->worker_count = workers.filled;
	stats->places = places.data;
	stats->place_count = places.filled;
	return 0;
}

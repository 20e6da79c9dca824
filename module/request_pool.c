// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for requests, and what there is to see of them from outside.
 *
 * All memory that a request may have, under way or spare, is in one of the lists of all
 * requests, one for each CPU: it gets there when it is allocated and not for each use,
 * so that nobody pays for being seen. Who looks through them holds a list's lock, and
 * finds memory that stays, whatever becomes of the request in it meanwhile: all that is
 * read of one is as of one moment or another.
 *
 * Locks: the locks of the lists. Nothing is taken under them.
 */
#include <linux/jiffies.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>

#include "config.h"
#include "contention.h"
#include "request.h"
#include "store.h"

/*
 * Blocks of memory for requests, in two sizes; larger ones are allocated as they are
 * needed. Of each size one is kept on each CPU: most requests are gone before the next
 * one comes, and to allocate, clear and charge memory takes longer than many of them.
 */
enum ds_request_size {
	DS_REQUEST_SMALL,
	DS_REQUEST_MEDIUM,
	DS_REQUEST_SIZES,
	DS_REQUEST_LARGE = DS_REQUEST_SIZES,
};

static const u32 ds_request_bytes[DS_REQUEST_SIZES] = {
	[DS_REQUEST_SMALL] = 2048,
	[DS_REQUEST_MEDIUM] = 64 * 1024,
};

/*
 * So many small ones are there even if there is no memory for others: who deletes
 * documents, say, gets on.
 */
#define DS_REQUEST_RESERVE	16

/**
 * struct ds_request_list - requests whose memory was allocated on one CPU
 * @lock: held to change or to look through @requests
 * @requests: the requests
 */
struct ds_request_list {
	spinlock_t lock; /* requests */
	struct list_head requests;
};

static struct kmem_cache *ds_request_cache;
static mempool_t *ds_request_reserve;
static DEFINE_PER_CPU(struct ds_request *, ds_request_spare[DS_REQUEST_SIZES]);
static DEFINE_PER_CPU(struct ds_request_list, ds_request_lists);
static DEFINE_PER_CPU(struct ds_request_pool_stats, ds_request_pool_stats);
/* How many were there on this CPU, and when the next one is timed. */
static DEFINE_PER_CPU(u64, ds_request_number);
static DEFINE_PER_CPU(u32, ds_request_untimed);

/* Memory that was not there before. */
static struct ds_request *ds_request_grow(u32 size, size_t bytes, gfp_t gfp)
{
	struct ds_request_list *list;
	struct ds_request *request;
	bool reserved = false;

	if (size == DS_REQUEST_SMALL) {
		request = kmem_cache_alloc(ds_request_cache, gfp);
		if (!request) {
			request = mempool_alloc(ds_request_reserve, GFP_NOWAIT | __GFP_NOWARN);
			reserved = request;
		}
	} else if (size == DS_REQUEST_MEDIUM) {
		request = kvmalloc(ds_request_bytes[size], gfp);
	} else {
		request = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	}
	if (!request)
		return NULL;
	memset(request, 0, sizeof(*request));
	request->size = size;
	request->reserved = reserved;
	if (reserved)
		this_cpu_inc(ds_request_pool_stats.reserve);
	/* Any list does. */
	list = raw_cpu_ptr(&ds_request_lists);
	request->list = list;
	ds_contention_spin_lock(&list->lock, DS_PLACE_REQUESTS);
	list_add(&request->all, &list->requests);
	spin_unlock(&list->lock);
	return request;
}

static void ds_request_shrink(struct ds_request *request)
{
	struct ds_request_list *list = request->list;

	ds_contention_spin_lock(&list->lock, DS_PLACE_REQUESTS);
	list_del(&request->all);
	spin_unlock(&list->lock);
	if (request->reserved)
		mempool_free(request, ds_request_reserve);
	else if (request->size == DS_REQUEST_SMALL)
		kmem_cache_free(ds_request_cache, request);
	else
		kvfree(request);
}

/* Is this one's turn to be timed? */
static bool ds_request_is_timed(u32 sample)
{
	u32 untimed = this_cpu_read(ds_request_untimed);

	/* Should another one come in between, it is as if it were in its place. */
	if (untimed && untimed < sample) {
		this_cpu_write(ds_request_untimed, untimed - 1);
		return false;
	}
	this_cpu_write(ds_request_untimed, sample ? sample - 1 : 0);
	return sample;
}

/*
 * A block with at least so many bytes. One that may outlive the system call is charged
 * to who makes it.
 */
static struct ds_request *ds_request_alloc(size_t bytes, bool async)
{
	gfp_t gfp = async ? GFP_KERNEL_ACCOUNT : GFP_KERNEL;
	struct ds_request *request = NULL;
	u32 size = DS_REQUEST_SMALL;

	while (size < DS_REQUEST_SIZES && bytes > ds_request_bytes[size])
		size++;
	/* Who is charged for it gets no more than is needed. */
	if (async && size == DS_REQUEST_MEDIUM)
		size = DS_REQUEST_LARGE;
	if (size < DS_REQUEST_SIZES && !async)
		request = this_cpu_xchg(ds_request_spare[size], NULL);
	if (size == DS_REQUEST_LARGE)
		this_cpu_inc(ds_request_pool_stats.large);
	else if (request)
		this_cpu_inc(ds_request_pool_stats.hits);
	else
		this_cpu_inc(ds_request_pool_stats.misses);
	if (!request)
		request = ds_request_grow(size, bytes, gfp);
	if (!request)
		return NULL;
	memset_after(request, 0, reserved);
	request->async = async;
	return request;
}

/* It begins: from now on it is seen. */
static void ds_request_begin(struct ds_request *request)
{
	static const enum docstore_setting settings[] = {
		DOCSTORE_SETTING_LEND_DOCUMENTS, DOCSTORE_SETTING_SUBMIT_POLL_US,
		DOCSTORE_SETTING_WATCHDOG_MS, DOCSTORE_SETTING_LATENCY_SAMPLE,
	};
	u64 values[ARRAY_SIZE(settings)];

	ds_config_many(request->store, settings, values, ARRAY_SIZE(settings));
	request->config.lend_documents = values[0];
	request->config.submit_poll_us = values[1];
	request->config.watchdog_ms = values[2];
	request->life.timed = ds_request_is_timed(values[3]);
	request->incarnation = request->store->incarnation;
	/* Before it is seen: the watchdog would take it for one that is very old. */
	WRITE_ONCE(request->life.since, jiffies);
	/* Of one CPU, and counted there: nobody else has it. */
	preempt_disable();
	request->id = (u64)smp_processor_id() << 48 | __this_cpu_inc_return(ds_request_number);
	preempt_enable();
	ds_request_move(request, DS_REQUEST_NEW, DS_REQUEST_PARSING);
}

static void ds_request_free(struct ds_request *request)
{
	u32 size = request->size;

	if (size < DS_REQUEST_SIZES && !request->async && !request->reserved &&
	    !this_cpu_cmpxchg(ds_request_spare[size], NULL, request))
		return;
	ds_request_shrink(request);
}

/**
 * ds_request_create() - a request without contents
 * @store: for which store
 * @count: for how many operations
 * @async: it may go on when the system call has returned
 *
 * Return: the request, with room for the operations, which are not cleared; or NULL.
 */
struct ds_request *ds_request_create(struct ds_store *store, u32 count, bool async)
{
	u32 nparts = min(count, store->npartitions);
	size_t deltas, changes, parts, part_of, ops, bytes;
	struct ds_request *request;

	deltas = sizeof(*request);
	changes = deltas + count * sizeof(*request->deltas);
	parts = changes + count * sizeof(*request->changes);
	ops = parts + nparts * sizeof(*request->parts);
	part_of = ops + count * sizeof(*request->ops);
	bytes = ALIGN(part_of + store->npartitions * sizeof(*request->part_of), sizeof(u64));
	request = ds_request_alloc(bytes, async);
	if (!request)
		return NULL;
	refcount_set(&request->ref, 1);
	init_completion(&request->done);
	ds_store_get(store);
	request->store = store;
	request->count = count;
	request->bytes = bytes;
	request->deltas = (void *)request + deltas;
	request->changes = (void *)request + changes;
	request->parts = (void *)request + parts;
	request->ops = (void *)request + ops;
	request->part_of = (void *)request + part_of;
	memset(request->parts, 0, nparts * sizeof(*request->parts));
	memset(request->part_of, 0, store->npartitions * sizeof(*request->part_of));
	ds_request_begin(request);
	return request;
}

/**
 * ds_request_payload() - make room for what operations point at
 * @request: the request
 * @bytes: of ids, values, and room for answers
 *
 * Return: 0 or -ENOMEM.
 */
int ds_request_payload(struct ds_request *request, u32 bytes)
{
	if (request->size < DS_REQUEST_SIZES &&
	    bytes <= ds_request_bytes[request->size] - request->bytes) {
		request->payload = (void *)request + request->bytes;
		return 0;
	}
	request->own_payload = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	request->payload = request->own_payload;
	request->payload_bytes = bytes;
	return request->payload ? 0 : -ENOMEM;
}

/**
 * ds_request_put() - let go of a request
 * @request: the request
 *
 * Context: may sleep.
 */
void ds_request_put(struct ds_request *request)
{
	struct ds_store *store = request->store;

	if (!refcount_dec_and_test(&request->ref))
		return;
	kvfree(request->own_payload);
	ds_request_free(request);
	ds_store_put(store);
}

/**
 * ds_request_memory() - how much memory a request takes
 * @request: the request, with its payload
 *
 * Return: bytes, about.
 */
u64 ds_request_memory(const struct ds_request *request)
{
	u64 bytes = request->bytes;

	if (request->size < DS_REQUEST_SIZES)
		bytes = ds_request_bytes[request->size];
	return bytes + request->payload_bytes;
}

/**
 * ds_requests_each() - look through all requests that are under way
 * @fn: called for each; may not sleep. The request stays until it returns, what is in it
 *	may change, and what it points at may be gone
 * @private: for @fn
 *
 * Those that come or go meanwhile may be seen or not.
 */
void ds_requests_each(void (*fn)(struct ds_request *request, void *private), void *private)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct ds_request_list *list = per_cpu_ptr(&ds_request_lists, cpu);
		struct ds_request *request;

		spin_lock(&list->lock);
		list_for_each_entry(request, &list->requests, all) {
			u32 state = atomic_read(&request->life.state);

			if (state != DS_REQUEST_NEW && state != DS_REQUEST_DONE &&
			    state != DS_REQUEST_ERROR)
				fn(request, private);
		}
		spin_unlock(&list->lock);
	}
}

/* May be called without anything that keeps the request from becoming another one. */
static void ds_request_copy(const struct ds_request *request, struct ds_request_view *view)
{
	/* Acquire: since it has come to that. Pairs with ds_request_move(). */
	u32 state = atomic_read_acquire(&request->life.state);

	*view = (struct ds_request_view){
		.id = request->id,
		.incarnation = request->incarnation,
		.session = request->session,
		.state = state,
		.ms = jiffies_to_msecs(jiffies - READ_ONCE(request->life.since)),
		.watchdog_ms = request->config.watchdog_ms,
		.operations = request->count,
		.documents = request->nchanges,
		.partitions = request->nparts,
		.memory = ds_request_memory(request),
		.span = request->span,
		.async = request->async,
		.reserved = request->reserved,
	};
}

/**
 * ds_request_look() - look at a request from outside
 * @request: a request that is seen by ds_requests_each()
 * @view: where goes what is seen
 */
void ds_request_look(const struct ds_request *request, struct ds_request_view *view)
{
	/* It may change meanwhile: nothing but what is shown depends on it. */
	data_race(({ ds_request_copy(request, view); 0; }));
}

struct ds_requests_counting {
	u64 incarnation;
	struct ds_requests_sum *sum;
};

static void ds_request_count(struct ds_request *request, void *private)
{
	const struct ds_requests_counting *counting = private;
	struct ds_requests_sum *sum = counting->sum;
	struct ds_request_view view;

	ds_request_look(request, &view);
	if (counting->incarnation && view.incarnation != counting->incarnation)
		return;
	sum->under_way++;
	sum->waiting += view.state == DS_REQUEST_VALIDATED;
	if (view.async) {
		sum->async++;
		sum->async_bytes += view.memory;
	}
}

/**
 * ds_requests_sum() - count requests
 * @incarnation: those under way of this store; 0 for all
 * @sum: where the numbers go
 */
void ds_requests_sum(u64 incarnation, struct ds_requests_sum *sum)
{
	struct ds_requests_counting counting = { incarnation, sum };

	memset(sum, 0, sizeof(*sum));
	ds_requests_each(ds_request_count, &counting);
}

/**
 * ds_request_pool_sum() - where requests have got their memory so far, on all CPUs
 * @sum: where the numbers go
 */
void ds_request_pool_sum(struct ds_request_pool_stats *sum)
{
	unsigned int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct ds_request_pool_stats *stats =
			per_cpu_ptr(&ds_request_pool_stats, cpu);

		sum->hits += READ_ONCE(stats->hits);
		sum->misses += READ_ONCE(stats->misses);
		sum->reserve += READ_ONCE(stats->reserve);
		sum->large += READ_ONCE(stats->large);
	}
}

/**
 * ds_requests_init() - prepare for requests
 *
 * Return: 0 or -ENOMEM.
 */
int ds_requests_init(void)
{
	const u32 head = sizeof(struct ds_request);
	const u32 bytes = ds_request_bytes[DS_REQUEST_SMALL];
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct ds_request_list *list = per_cpu_ptr(&ds_request_lists, cpu);

		spin_lock_init(&list->lock);
		INIT_LIST_HEAD(&list->requests);
	}
	/* Operations, ids, values and answers are copied from and to user space. */
	ds_request_cache = kmem_cache_create_usercopy("docstore_request", bytes, 0,
						      SLAB_HWCACHE_ALIGN, head, bytes - head,
						      NULL);
	if (!ds_request_cache)
		return -ENOMEM;
	ds_request_reserve = mempool_create_slab_pool(DS_REQUEST_RESERVE, ds_request_cache);
	if (ds_request_reserve)
		return 0;
	kmem_cache_destroy(ds_request_cache);
	return -ENOMEM;
}

/**
 * ds_requests_exit() - undo it, when there are none any more
 */
void ds_requests_exit(void)
{
	struct ds_request *request;
	unsigned int cpu;
	u32 size;

	for_each_possible_cpu(cpu) {
		for (size = 0; size < DS_REQUEST_SIZES; size++) {
			request = per_cpu(ds_request_spare[size], cpu);
			if (request)
				ds_request_shrink(request);
		}
	}
	mempool_destroy(ds_request_reserve);
	kmem_cache_destroy(ds_request_cache);
}

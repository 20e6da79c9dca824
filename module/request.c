// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a request: split by partition, queued, waited for.
 */
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "memory.h"
#include "owner.h"
#include "request.h"
#include "store.h"

/*
 * How often a part that found no memory is tried again. Each time the submitter
 * brings a chunk or, at the store's limit, waits until retired memory has become
 * usable: once for tombstones and once more for what they held.
 */
#define DS_REQUEST_TRIES	4

/* How often a submitter that has other work to do looks for signals. */
#define DS_REQUEST_SLICE	((unsigned long)msecs_to_jiffies(100))

static unsigned int submit_poll_us = 10;
module_param(submit_poll_us, uint, 0644);
MODULE_PARM_DESC(submit_poll_us,
		 "How long submitters look for their results before they sleep, in microseconds");

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

static struct kmem_cache *ds_request_cache;
static DEFINE_PER_CPU(struct ds_request *, ds_request_spare[DS_REQUEST_SIZES]);

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
	if (!request && size == DS_REQUEST_SMALL)
		request = kmem_cache_alloc(ds_request_cache, gfp);
	else if (!request && size == DS_REQUEST_MEDIUM)
		request = kvmalloc(ds_request_bytes[size], gfp);
	else if (!request)
		request = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!request)
		return NULL;
	memset(request, 0, sizeof(*request));
	request->size = size;
	request->async = async;
	return request;
}

static void ds_request_free(struct ds_request *request)
{
	u32 size = request->size;

	if (size < DS_REQUEST_SIZES && !request->async &&
	    !this_cpu_cmpxchg(ds_request_spare[size], NULL, request))
		return;
	if (size == DS_REQUEST_SMALL)
		kmem_cache_free(ds_request_cache, request);
	else
		kvfree(request);
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
 * ds_requests_init() - prepare for requests
 *
 * Return: 0 or -ENOMEM.
 */
int ds_requests_init(void)
{
	const u32 head = sizeof(struct ds_request);
	const u32 bytes = ds_request_bytes[DS_REQUEST_SMALL];

	/* Operations, ids, values and answers are copied from and to user space. */
	ds_request_cache = kmem_cache_create_usercopy("docstore_request", bytes, 0,
						      SLAB_HWCACHE_ALIGN, head, bytes - head,
						      NULL);
	return ds_request_cache ? 0 : -ENOMEM;
}

/**
 * ds_requests_exit() - undo it, when there are none any more
 */
void ds_requests_exit(void)
{
	struct ds_request *request;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		request = per_cpu(ds_request_spare[DS_REQUEST_SMALL], cpu);
		if (request)
			kmem_cache_free(ds_request_cache, request);
		kvfree(per_cpu(ds_request_spare[DS_REQUEST_MEDIUM], cpu));
	}
	kmem_cache_destroy(ds_request_cache);
}

/*
 * Several changes of a batch may be about the same document, not next to each
 * other: chain them, so that they make one version. A table of twice as many
 * places as there are changes finds them.
 */
static int ds_request_chain(struct ds_request *request)
{
	u32 places = roundup_pow_of_two(request->nchanges * 2);
	struct ds_change **table;
	u32 i;

	if (request->nchanges == 1)
		return 0;
	table = kvzalloc_objs(*table, places, GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < request->nchanges; i++) {
		struct ds_change *change = &request->changes[i];
		u32 place = change->hash & (places - 1);
		struct ds_change *first;

		while ((first = table[place])) {
			if (first->hash == change->hash && first->id_len == change->id_len &&
			    !memcmp(first->id, change->id, change->id_len))
				break;
			place = (place + 1) & (places - 1);
		}
		if (!first) {
			table[place] = change;
			continue;
		}
		/* Not a document's first change: reached through that only. */
		change->state = DS_CHANGE_DONE;
		while (first->more)
			first = first->more;
		first->more = change;
	}
	kvfree(table);
	return 0;
}

static struct ds_part *ds_request_part(struct ds_request *request, struct ds_owned *owned)
{
	u16 *number = &request->part_of[owned->number];
	struct ds_part *part;

	if (*number)
		return &request->parts[*number - 1];
	part = &request->parts[request->nparts++];
	*number = request->nparts;
	part->request = request;
	part->owned = owned;
	part->last = &part->batch.first;
	part->kcov = kcov_common_handle();
	return part;
}

/* About how much an operation adds to its document. */
static u32 ds_delta_bytes(const struct ds_delta *delta)
{
	u32 bytes = 2 * sizeof(u64);

	/* What is longer than a document is refused. */
	if (delta->code == DOCSTORE_OP_SET && delta->len <= DOCSTORE_MAX_DOCUMENT)
		bytes += delta->len;
	return bytes;
}

/**
 * ds_request_split() - sort the operations by document and partition
 * @request: a request with its deltas, and changes with hash, id, deltas, count
 * @atomic: the batch is atomic
 *
 * Return: 0, -ENOMEM, or -EXDEV if an atomic batch spans partitions.
 */
int ds_request_split(struct ds_request *request, bool atomic)
{
	int err = ds_request_chain(request);
	u32 i, j;

	if (err)
		return err;
	for (i = 0; i < request->nchanges; i++) {
		struct ds_change *change = &request->changes[i];
		struct ds_part *part;

		part = ds_request_part(request, ds_store_owned(request->store, change->hash));
		part->bytes += sizeof(struct docstore_version) + change->id_len;
		for (j = 0; j < change->count; j++)
			part->bytes += ds_delta_bytes(&change->deltas[j]);
		if (change->state == DS_CHANGE_DONE)
			continue;
		part->batch.atomic = atomic;
		part->changes++;
		*part->last = change;
		part->last = &change->next;
	}
	return atomic && request->nparts > 1 ? -EXDEV : 0;
}

static void ds_part_queue(struct ds_part *part)
{
	refcount_inc(&part->request->ref);
	atomic_set(&part->state, DS_PART_QUEUED);
	/* Full barrier in it: the part is complete for who takes it. */
	llist_add(&part->node, &part->owned->queue);
	ds_owner_kick(part->owned);
}

/**
 * ds_part_begin() - take a part out of the submitter's hands
 * @part: a part from the queue
 *
 * Context: the owner.
 * Return: true if it is to be carried out; false if it was canceled. Either way
 * ds_part_finish() follows.
 */
bool ds_part_begin(struct ds_part *part)
{
	return atomic_cmpxchg(&part->state, DS_PART_QUEUED, DS_PART_PROCESSING) ==
	       DS_PART_QUEUED;
}

/* All parts that were queued are finished. */
static void ds_request_finished(struct ds_request *request)
{
	if (request->finished)
		request->finished(request);
	else
		complete(&request->done);
}

/**
 * ds_part_finish() - give a part back
 * @part: the part, which is gone when this returns
 *
 * Context: the owner; may sleep.
 */
void ds_part_finish(struct ds_part *part)
{
	struct ds_request *request = part->request;

	/* One that was canceled was counted off by who canceled it. */
	if (atomic_read(&part->state) == DS_PART_PROCESSING) {
		atomic_set(&part->state, DS_PART_NEW);
		/* Full barrier: the results are seen by who waits. */
		if (atomic_dec_and_test(&request->pending))
			ds_request_finished(request);
	}
	ds_request_put(request);
}

/**
 * ds_request_cancel() - take back what no owner has begun with
 * @request: the request, which stays until this returns
 * @why: what ds_request_collect() is to return
 *
 * Context: any.
 */
void ds_request_cancel(struct ds_request *request, int why)
{
	u32 i;

	WRITE_ONCE(request->canceled, why);
	for (i = 0; i < request->nparts; i++) {
		struct ds_part *part = &request->parts[i];

		if (atomic_cmpxchg(&part->state, DS_PART_QUEUED, DS_PART_CANCELED) !=
		    DS_PART_QUEUED)
			continue;
		if (atomic_dec_and_test(&request->pending))
			ds_request_finished(request);
	}
}

static void ds_part_set_results(struct ds_part *part, int error)
{
	struct ds_change *change, *more;
	u32 i;

	for (change = part->batch.first; change; change = change->next)
		for (more = change; more; more = more->more)
			for (i = 0; i < more->count; i++)
				if (change->state != DS_CHANGE_DONE)
					more->deltas[i].result = error;
}

/*
 * Wait a little without sleeping: for what another CPU is about to finish, to sleep
 * would take longer. Return true if all parts are finished.
 */
static bool ds_request_poll(struct ds_request *request)
{
	u64 end = READ_ONCE(submit_poll_us) * 1000ULL;

	if (!end || num_online_cpus() == 1)
		return false;
	end += local_clock();
	do {
		/* Acquire: the results are there. Pairs with ds_part_finish(). */
		if (!atomic_read_acquire(&request->pending)) {
			/* Who finished it may still be about to say so. */
			wait_for_completion(&request->done);
			return true;
		}
		cpu_relax();
	} while (!need_resched() && !signal_pending(current) && local_clock() < end);
	return false;
}

/*
 * Sleep until all parts are finished, a signal comes, or time is up. Not every wake-up
 * is a signal: others have work for the task, as io_uring does for each completion.
 * That can wait; a signal is looked for from time to time.
 */
static long ds_request_sleep(struct ds_request *request, unsigned long timeout)
{
	struct completion *done = &request->done;

	/* One of io_uring is canceled in other ways. */
	if (request->async)
		return wait_for_completion_timeout(done, timeout);
	for (;;) {
		unsigned long slice = min(timeout, DS_REQUEST_SLICE);
		long left = wait_for_completion_interruptible_timeout(done, timeout);

		if (left != -ERESTARTSYS || task_sigpending(current))
			return left;
		left = wait_for_completion_killable_timeout(done, slice);
		if (left || slice == timeout)
			return left;
		timeout -= timeout == MAX_SCHEDULE_TIMEOUT ? 0 : slice;
	}
}

/*
 * Wait for all parts. A signal or the timeout takes back those that no owner has
 * begun with; the others are finished, which takes no longer than their commit.
 */
static int ds_request_wait(struct ds_request *request, unsigned long timeout)
{
	long left;

	if (ds_request_poll(request)) {
		this_cpu_inc(request->store->stats->polled);
		return 0;
	}
	this_cpu_inc(request->store->stats->slept);
	left = ds_request_sleep(request, timeout);
	if (left > 0)
		return 0;
	ds_request_cancel(request, 0);
	wait_for_completion(&request->done);
	return left ? -ERESTARTSYS : -ETIMEDOUT;
}

/*
 * Carry out here what idle partitions are lent for, the first time, and count what is
 * to be queued.
 */
static u32 ds_request_lend(struct ds_request *request, bool again)
{
	u32 i, parts = 0;

	for (i = 0; i < request->nparts; i++) {
		struct ds_part *part = &request->parts[i];

		part->queue = again ? part->batch.nomem : !ds_owner_lend(part);
		parts += part->queue;
	}
	return parts;
}

static void ds_request_queue(struct ds_request *request, u32 parts)
{
	u32 i;

	atomic_set(&request->pending, parts);
	reinit_completion(&request->done);
	for (i = 0; i < request->nparts; i++)
		if (request->parts[i].queue)
			ds_part_queue(&request->parts[i]);
}

/* Carry all parts out that have something left to do. */
static int ds_request_round(struct ds_request *request, bool again, unsigned long timeout)
{
	u32 parts = ds_request_lend(request, again);

	if (!parts)
		return 0;
	ds_request_queue(request, parts);
	return ds_request_wait(request, timeout);
}

/*
 * Bring what the parts that found no memory need. Return true if it is worth trying
 * again: with more memory, or when some that was retired has become usable. Why there
 * was not enough goes to @err.
 */
static bool ds_request_relieve(struct ds_request *request, int *err)
{
	bool wait = false, hope = false;
	u32 i;

	*err = 0;
	for (i = 0; i < request->nparts; i++) {
		struct ds_part *part = &request->parts[i];
		int one;

		if (!part->batch.nomem)
			continue;
		one = ds_memory_top_up(part->owned, part->bytes, true);
		if (!one) {
			hope = true;
			continue;
		}
		*err = one;
		if (READ_ONCE(part->owned->partition.waiting))
			wait = true;
	}
	/* Its owner has begun the grace period for all that it has retired. */
	if (wait)
		synchronize_rcu();
	return wait || hope;
}

static bool ds_request_nomem(const struct ds_request *request)
{
	u32 i;

	for (i = 0; i < request->nparts; i++)
		if (request->parts[i].batch.nomem)
			return true;
	return false;
}

/* After a signal or a timeout: what was not carried out says so. */
static bool ds_request_settle_canceled(struct ds_request *request)
{
	bool any = false;
	u32 i;

	for (i = 0; i < request->nparts; i++) {
		struct ds_part *part = &request->parts[i];

		if (atomic_read(&part->state) != DS_PART_CANCELED || part->begun)
			any = true;
		/* Also of those that the owner had begun with and had no memory for. */
		ds_part_set_results(part, -ECANCELED);
	}
	return any;
}

/* How long a request may still wait, in jiffies, at least one. */
static unsigned long ds_request_left(unsigned long begin, u32 timeout_ms)
{
	unsigned long end = begin + msecs_to_jiffies(timeout_ms);

	if (!timeout_ms)
		return MAX_SCHEDULE_TIMEOUT;
	return time_after(end, jiffies) ? end - jiffies : 1;
}

/*
 * After the first round, which has ended with @err: what found no memory is tried
 * again.
 */
static int ds_request_settle(struct ds_request *request, int err, unsigned long begin,
			     u32 timeout_ms)
{
	int tries, why = 0;
	u32 i;

	for (tries = 0; ; tries++) {
		if (err)
			return ds_request_settle_canceled(request) || tries ? 0 : err;
		if (!ds_request_nomem(request))
			return 0;
		if (tries == DS_REQUEST_TRIES)
			break;
		if (!ds_request_relieve(request, &why))
			break;
		err = ds_request_round(request, true, ds_request_left(begin, timeout_ms));
	}
	for (i = 0; i < request->nparts; i++)
		if (request->parts[i].batch.nomem)
			ds_part_set_results(&request->parts[i], why ?: -ENOSPC);
	return 0;
}

static void ds_request_top_up(struct ds_request *request)
{
	u32 i;

	for (i = 0; i < request->nparts; i++)
		ds_memory_top_up(request->parts[i].owned, request->parts[i].bytes, false);
}

/**
 * ds_request_run() - have a request carried out, and wait for it
 * @request: the request, split
 * @timeout_ms: how long it may wait for its turn, 0 for as long as it takes
 *
 * Context: may sleep.
 * Return: 0 if it was carried out, and the deltas tell what came of it;
 * -ERESTARTSYS or -ETIMEDOUT if nothing was done.
 */
int ds_request_run(struct ds_request *request, u32 timeout_ms)
{
	unsigned long begin = jiffies;
	int err;

	ds_request_top_up(request);
	err = ds_request_round(request, false, ds_request_left(begin, timeout_ms));
	return ds_request_settle(request, err, begin, timeout_ms);
}

static void ds_request_expire(struct timer_list *timer)
{
	struct ds_request *request = container_of(timer, struct ds_request, timer);

	ds_request_cancel(request, -ETIMEDOUT);
	/* There may be parts that are about to be queued: they get no longer than this. */
	if (atomic_read(&request->pending))
		mod_timer(timer, jiffies + 1);
}

/**
 * ds_request_try() - carry out of a request what can be done at once
 * @request: the request, split
 *
 * Context: may sleep.
 * Return: true if that was all, and ds_request_collect() follows; false if
 * ds_request_start() is to.
 */
bool ds_request_try(struct ds_request *request)
{
	ds_request_top_up(request);
	return !ds_request_lend(request, false);
}

/**
 * ds_request_start() - have the rest of a request carried out, and don't wait for it
 * @request: the request, behind ds_request_try()
 * @timeout_ms: how long it may wait for its turn, 0 for as long as it takes
 * @finished: called when it is finished, in any context, maybe before this returns;
 *	then ds_request_collect() is to be called, which frees it for all one knows
 */
void ds_request_start(struct ds_request *request, u32 timeout_ms,
		      void (*finished)(struct ds_request *request))
{
	u32 parts = 0;
	u32 i;

	for (i = 0; i < request->nparts; i++)
		parts += request->parts[i].queue;
	request->finished = finished;
	/* Before the timer looks at it. */
	atomic_set(&request->pending, parts);
	if (timeout_ms) {
		request->timed = true;
		timer_setup(&request->timer, ds_request_expire, 0);
		mod_timer(&request->timer, jiffies + msecs_to_jiffies(timeout_ms) + 1);
	}
	refcount_inc(&request->ref);
	ds_request_queue(request, parts);
	ds_request_put(request);
}

/**
 * ds_request_collect() - see what came of a request that is finished
 * @request: the request
 * @again: what found no memory may be tried again, which may take a while
 *
 * Context: may sleep.
 * Return: 0 if it was carried out, and the deltas tell what came of it; -ECANCELED or
 * -ETIMEDOUT if nothing was done.
 */
int ds_request_collect(struct ds_request *request, bool again)
{
	u32 i;

	if (request->timed)
		timer_delete_sync(&request->timer);
	request->finished = NULL;
	for (i = 0; i < request->nparts; i++)
		if (atomic_read(&request->parts[i].state) == DS_PART_CANCELED)
			return ds_request_settle(request, request->canceled, 0, 0);
	return ds_request_settle(request, again ? 0 : -ECANCELED, jiffies, 0);
}

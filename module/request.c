// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a request: split by partition, queued, waited for.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "coordinator.h"
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

/* Its parts are carried out together: link them, for who has all of their partitions. */
static void ds_request_span(struct ds_request *request)
{
	u32 i;

	request->span = true;
	for (i = 0; i < request->nparts; i++) {
		struct ds_batch *batch = &request->parts[i].batch;

		batch->partition = &request->parts[i].owned->partition;
		batch->span = i + 1 < request->nparts ? &request->parts[i + 1].batch : NULL;
	}
}

/**
 * ds_request_split() - sort the operations by document and partition
 * @request: a request with its deltas, and changes with hash, id, deltas, count
 * @atomic: the batch is atomic
 *
 * Return: 0 or -ENOMEM.
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
	if (atomic && request->nparts > 1)
		ds_request_span(request);
	ds_request_move(request, DS_REQUEST_PARSING, DS_REQUEST_VALIDATED);
	return 0;
}

/**
 * ds_request_hold() - make a request of no batch, for which all partitions are held
 * @request: a request with room for as many operations as the store has partitions
 * @held: called when they are; by their owner, who may not sleep there
 * @private: for @held
 */
void ds_request_hold(struct ds_request *request, void (*held)(struct ds_request *request),
		     void *private)
{
	u32 i;

	for (i = 0; i < request->store->npartitions; i++)
		ds_request_part(request, request->store->owned[i])->batch.atomic = true;
	request->held = held;
	request->private = private;
	ds_request_span(request);
	ds_request_move(request, DS_REQUEST_PARSING, DS_REQUEST_VALIDATED);
}

/**
 * ds_request_bytes_needed() - how much memory a request needs
 * @request: the request
 *
 * Return: bytes, about.
 */
u64 ds_request_bytes_needed(const struct ds_request *request)
{
	u64 bytes = 0;
	u32 i;

	for (i = 0; i < request->nparts; i++)
		bytes += request->parts[i].bytes;
	return bytes;
}

/**
 * ds_part_enqueue() - let the owner of its partition find a part
 * @part: the part, whose request stays until it was found
 *
 * Context: any that may wake others; the caller holds the store.
 */
void ds_part_enqueue(struct ds_part *part)
{
	struct ds_owned *owned = part->owned;

	/* Full barrier in it: the part is complete for who takes it. */
	llist_add(&part->node, &owned->queue);
	ds_owner_kick(owned);
}

static void ds_part_queue(struct ds_part *part)
{
	refcount_inc(&part->request->ref);
	atomic_set(&part->state, DS_PART_QUEUED);
	ds_part_enqueue(part);
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
	if (atomic_cmpxchg(&part->state, DS_PART_QUEUED, DS_PART_PROCESSING) !=
	    DS_PART_QUEUED)
		return false;
	ds_request_processing(part->request);
	return true;
}

/* All parts that were queued are finished. */
static void ds_request_finished(struct ds_request *request)
{
	/* Who is told may take a while to wake up. */
	if (request->life.timed)
		WRITE_ONCE(request->life.at[DS_REQUEST_COMPLETE], local_clock());
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
	u64 end = request->config.submit_poll_us * 1000ULL;

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

/* Is its time over? */
static bool ds_request_late(const struct ds_request *request)
{
	return request->deadline && ktime_get_ns() >= request->deadline;
}

/* How long a request may still wait, in jiffies, at least one. */
static unsigned long ds_request_left(const struct ds_request *request)
{
	u64 now;

	if (!request->deadline)
		return MAX_SCHEDULE_TIMEOUT;
	now = ktime_get_ns();
	return now < request->deadline ? nsecs_to_jiffies(request->deadline - now) + 1 : 1;
}

static void ds_request_set_deadline(struct ds_request *request, u32 timeout_ms)
{
	request->deadline = timeout_ms ? ktime_get_ns() + (u64)timeout_ms * NSEC_PER_MSEC : 0;
}

/*
 * Wait for all parts. A signal or the timeout takes back those that no owner has
 * begun with; the others are finished, which takes no longer than their commit.
 */
static int ds_request_wait(struct ds_request *request)
{
	long left;

	if (ds_request_poll(request)) {
		this_cpu_inc(request->store->stats->polled);
		return 0;
	}
	this_cpu_inc(request->store->stats->slept);
	/* Jiffies may lag behind, and then go faster than time. */
	do
		left = ds_request_sleep(request, ds_request_left(request));
	while (!left && !ds_request_late(request));
	if (left > 0)
		return 0;
	ds_request_cancel(request, left ? -ERESTARTSYS : -ETIMEDOUT);
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

	if (request->span) {
		request->parts[0].queue = again ? ds_request_nomem(request) :
						  !ds_coordinator_lend(request);
		return request->parts[0].queue;
	}
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
	if (request->span) {
		refcount_inc(&request->ref);
		atomic_set(&request->parts[0].state, DS_PART_QUEUED);
		ds_coordinator_queue(request);
		return;
	}
	for (i = 0; i < request->nparts; i++)
		if (request->parts[i].queue)
			ds_part_queue(&request->parts[i]);
}

/* Is there room for it where it has to wait? */
static int ds_request_admit(struct ds_request *request, bool again)
{
	return request->span ? ds_coordinator_reserve(request, again) : 0;
}

/* Carry all parts out that have something left to do. */
static int ds_request_round(struct ds_request *request, bool again)
{
	u32 parts = ds_request_lend(request, again);
	int err;

	if (!parts)
		return 0;
	err = ds_request_admit(request, again);
	if (err)
		return err;
	ds_request_queue(request, parts);
	return ds_request_wait(request);
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
		this_cpu_inc(request->store->stats->no_memory);
		/*
		 * Of large documents only one may fit into a piece of memory that is
		 * nearly as large as two.
		 */
		one = ds_memory_top_up(part->owned, 2 * part->bytes, true);
		if (one)
			*err = one;
		/* What seems to be enough may have become so meanwhile. */
		if (!one || ds_memory_enough(part->owned, part->bytes))
			hope = true;
		else if (READ_ONCE(part->owned->partition.waiting))
			wait = true;
	}
	/* Its owner has begun the grace period for all that it has retired. */
	if (wait)
		synchronize_rcu();
	return wait || hope;
}

/**
 * ds_request_nomem() - did any part of a request find no memory
 * @request: the request
 *
 * Return: true if so.
 */
bool ds_request_nomem(const struct ds_request *request)
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
	bool any = request->span && !ds_request_was_canceled(request);
	u32 i;

	for (i = 0; i < request->nparts; i++) {
		struct ds_part *part = &request->parts[i];

		if (!request->span &&
		    (atomic_read(&part->state) != DS_PART_CANCELED || part->begun))
			any = true;
		/* Also of those that the owner had begun with and had no memory for. */
		ds_part_set_results(part, -ECANCELED);
	}
	return any;
}

/*
 * After the first round, which has ended with @err: what found no memory is tried
 * again.
 */
static int ds_request_settle(struct ds_request *request, int err)
{
	int tries, why = 0;
	u32 i;

	for (tries = 0; ; tries++) {
		if (err == -EBUSY)
			return err;
		if (err)
			return ds_request_settle_canceled(request) ||
			       (tries && !request->span) ? 0 : err;
		if (!ds_request_nomem(request))
			return 0;
		/* Any of its partitions may lack some, one after the other. */
		if (tries == DS_REQUEST_TRIES + (request->span ? request->nparts : 0))
			break;
		if (!ds_request_relieve(request, &why))
			break;
		err = ds_request_round(request, true);
	}
	for (i = 0; i < request->nparts; i++) {
		if (request->parts[i].batch.nomem)
			ds_part_set_results(&request->parts[i], why ?: -ENOSPC);
		else if (request->span)
			ds_part_set_results(&request->parts[i], -ECANCELED);
	}
	return 0;
}

static void ds_request_top_up(struct ds_request *request)
{
	u32 i;

	for (i = 0; i < request->nparts; i++)
		ds_memory_top_up(request->parts[i].owned, request->parts[i].bytes, false);
}

/* What came of it is known. */
static int ds_request_over(struct ds_request *request, int err)
{
	if (err)
		ds_request_fail(request, err);
	else
		ds_request_move(request, DS_REQUEST_PROCESSING, DS_REQUEST_COMPLETE);
	return err;
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
	int err;

	ds_request_set_deadline(request, timeout_ms);
	ds_request_top_up(request);
	err = ds_request_round(request, false);
	return ds_request_over(request, ds_request_settle(request, err));
}

static void ds_request_expire(struct timer_list *timer)
{
	struct ds_request *request = container_of(timer, struct ds_request, timer);

	/* Jiffies may lag behind, and then go faster than time. */
	if (!ds_request_late(request)) {
		mod_timer(timer, jiffies + ds_request_left(request));
		return;
	}
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
 * Return: 1 if that was all, and ds_request_collect() follows; 0 if ds_request_start()
 * is to; -EBUSY if nothing was done and can't be now.
 */
int ds_request_try(struct ds_request *request)
{
	int err;

	ds_request_top_up(request);
	if (!ds_request_lend(request, false))
		return 1;
	err = ds_request_admit(request, false);
	if (err)
		ds_request_fail(request, err);
	return err;
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
		request->has_timer = true;
		ds_request_set_deadline(request, timeout_ms);
		timer_setup(&request->timer, ds_request_expire, 0);
		mod_timer(&request->timer, jiffies + ds_request_left(request));
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
	int err = again ? 0 : -ECANCELED;
	u32 i;

	if (request->has_timer)
		timer_delete_sync(&request->timer);
	request->finished = NULL;
	/* From here on somebody waits for it, and can be interrupted. */
	request->deadline = 0;
	for (i = 0; i < request->nparts; i++)
		if (atomic_read(&request->parts[i].state) == DS_PART_CANCELED)
			err = request->canceled;
	return ds_request_over(request, ds_request_settle(request, err));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The coordinator of a store: atomic batches that span partitions, one at a time.
 *
 * A request has its turn when no other has. Then a part of it goes into the queue of
 * each of its partitions. An owner that comes to one of these stops there: it does not
 * work on the partition any more, and does not give it back, so that the partition is
 * held. The owner that completes the set carries the batch out, in all the partitions
 * and in its own context, hands the others back to their workers, and sees to it that
 * the next request has its turn. Nobody sleeps for that, and nothing is done twice; how
 * long a partition is held is bounded by what stands before the request's parts in the
 * other queues.
 *
 * While all is idle, the partitions are lent to the submitter of a small batch, as a
 * single one would be; see owner.c. If one of them is not to be had, those that were
 * are given back: there is no waiting with a partition in hand, and so nothing to
 * deadlock on.
 *
 * What decides is the state of the first part: QUEUED becomes CANCELED by the submitter
 * or PROCESSING by the owner that carries the batch out, whichever comes first. What was
 * canceled is dropped when it is met, and has left nothing.
 */
#include <linux/kcov.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include <linux/docstore.h>

#include "config.h"
#include "contention.h"
#include "coordinator.h"
#include "core/span.h"
#include "ioctl.h"
#include "owner.h"
#include "request.h"
#include "session.h"
#include "store.h"
#include "trace.h"
#include "worker.h"

/**
 * ds_coordinator_init() - prepare a coordinator
 * @c: the coordinator, zeroed
 */
void ds_coordinator_init(struct ds_coordinator *c)
{
#ifdef CONFIG_LOCKDEP
	static struct lock_class_key turn_key;

	lockdep_init_map(&c->turn, "docstore_coordinator", &turn_key, 0);
#endif
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->queue);
}

static void ds_stats_time(u64 *sum, u64 *most, u64 from, u64 to)
{
	u64 time = ds_stats_between(from, to);

	*sum += time;
	*most = max(*most, time);
}

/* A batch had its turn, or was canceled before. */
static void ds_coordinator_count(struct ds_coordinator *c, const struct ds_request *request)
{
	const struct ds_span_times *t = &request->times;
	struct ds_coordinator_stats *stats = &c->stats;

	lockdep_assert_held(&c->lock);
	trace_docstore_coordinator(request, DS_PHASE_OVER);
	switch (request->outcome) {
	case DS_SPAN_DONE:
		stats->commits++;
		stats->lent += request->lent;
		break;
	case DS_SPAN_REFUSED:
		stats->refused++;
		break;
	case DS_SPAN_NO_MEMORY:
		stats->no_memory++;
		break;
	case DS_SPAN_CANCELED:
		if (READ_ONCE(request->canceled) == -ETIMEDOUT)
			stats->timed_out++;
		else
			stats->canceled++;
		return;
	default:
		return;
	}
	if (request->lent)
		return;
	ds_stats_time(&stats->wait_ns, &stats->wait_max_ns, t->queued, t->begun);
	ds_stats_time(&stats->prepare_ns, &stats->prepare_max_ns, t->begun, t->prepared);
	if (request->outcome == DS_SPAN_DONE)
		ds_stats_time(&stats->publish_ns, &stats->publish_max_ns,
			      t->prepared, t->published);
}

/* Tell lockdep. */
static void ds_span_own(struct ds_request *request)
{
#ifdef CONFIG_LOCKDEP
	struct ds_coordinator *c = &request->store->coordinator;
	u32 i;

	lock_map_acquire(&c->turn);
	for (i = 0; i < request->nparts; i++)
		ds_partition_own_within(&request->parts[i].owned->partition, &c->turn);
#endif
}

static void ds_span_disown(struct ds_request *request)
{
#ifdef CONFIG_LOCKDEP
	u32 i;

	for (i = request->nparts; i--;)
		ds_partition_disown(&request->parts[i].owned->partition);
	lock_map_release(&request->store->coordinator.turn);
#endif
}

/* All partitions are held: carry the batch out, or what else is to be done now. */
static void ds_span_run(struct ds_request *request, struct ds_builder *builder)
{
	struct ds_batch *first = &request->parts[0].batch;
	u64 now = ktime_get_real_ns();
	u32 i;

	ds_span_own(request);
	if (request->held) {
		request->held(request);
		request->outcome = DS_SPAN_ELSE;
	} else {
		request->outcome = DS_SPAN_NO_MEMORY;
		if (ds_span_prepare(first, builder, now)) {
			request->times.prepared = local_clock();
			trace_docstore_coordinator(request, DS_PHASE_PREPARED);
			ds_span_publish(first, request->store->map.head);
			request->outcome = DS_SPAN_DONE;
			trace_docstore_publish(request->incarnation, request->id,
					       request->nparts, request->nchanges);
		} else if (!ds_request_nomem(request)) {
			request->outcome = DS_SPAN_REFUSED;
		}
	}
	request->times.published = local_clock();
	if (request->outcome != DS_SPAN_DONE)
		request->times.prepared = request->times.published;
	for (i = 0; i < request->nparts; i++)
		ds_owner_settle(&request->parts[i], now, request->outcome == DS_SPAN_NO_MEMORY);
	ds_span_disown(request);
}

/* Put parts of the request whose turn it is into the queues of their partitions. */
static void ds_span_begin(struct ds_request *request)
{
	u32 i, count = request->nparts;

	/* It may be gone when its last part is in a queue. */
	refcount_inc(&request->ref);
	request->times.begun = local_clock();
	trace_docstore_coordinator(request, DS_PHASE_BEGUN);
	atomic_set(&request->claims, count);
	for (i = 0; i < count; i++)
		ds_part_enqueue(&request->parts[i]);
	ds_request_put(request);
}

/* Whoever had his turn is done: the next one. Context: may sleep. */
static void ds_coordinator_next(struct ds_coordinator *c)
{
	struct ds_request *request;
	bool canceled;

	do {
		canceled = false;
		ds_contention_spin_lock(&c->lock, DS_PLACE_COORDINATOR);
		request = list_first_entry_or_null(&c->queue, struct ds_request, waiting);
		c->busy = request;
		if (request) {
			list_del_init(&request->waiting);
			c->queued--;
			canceled = ds_request_was_canceled(request);
			if (canceled) {
				request->outcome = DS_SPAN_CANCELED;
				ds_coordinator_count(c, request);
			}
		}
		spin_unlock(&c->lock);
		if (canceled)
			ds_part_finish(&request->parts[0]);
		else if (request)
			ds_span_begin(request);
	} while (canceled);
}

/**
 * ds_coordinator_claim() - an owner has come to a part of a request that spans partitions
 * @part: the part
 * @builder: where to build versions
 *
 * Context: the owner of the part's partition, outside commits; may sleep, though never
 * for long.
 * Return: true if the request is over and the partition still the caller's; false if it
 * was left to the coordinator, and the caller must not touch it any more.
 */
bool ds_coordinator_claim(struct ds_part *part, struct ds_builder *builder)
{
	struct ds_request *request = part->request;
	struct ds_coordinator *c = &request->store->coordinator;
	u32 i;

	/* Full barrier: all that the other owners have done. */
	if (!atomic_dec_and_test(&request->claims))
		return false;
	if (ds_part_begin(&request->parts[0])) {
		kcov_remote_start_common(request->parts[0].kcov);
		ds_span_run(request, builder);
		kcov_remote_stop();
	} else {
		request->outcome = DS_SPAN_CANCELED;
	}
	if (request->outcome == DS_SPAN_DONE)
		ds_store_published(request->store);
	ds_contention_spin_lock(&c->lock, DS_PLACE_COORDINATOR);
	ds_coordinator_count(c, request);
	spin_unlock(&c->lock);
	for (i = 0; i < request->nparts; i++)
		if (&request->parts[i] != part)
			ds_worker_hand_over(request->parts[i].owned);
	/* The store stays: the caller owns a partition of it. */
	ds_part_finish(&request->parts[0]);
	ds_coordinator_next(c);
	return true;
}

/* Has nobody his turn, and has now the caller? Nobody may be waiting for it either. */
static bool ds_coordinator_try(struct ds_coordinator *c)
{
	bool taken;

	ds_contention_spin_lock(&c->lock, DS_PLACE_COORDINATOR);
	taken = !c->busy && !c->queued;
	if (taken)
		c->busy = true;
	spin_unlock(&c->lock);
	return taken;
}

/**
 * ds_coordinator_lend() - carry a request out in its submitter
 * @request: the request, which spans partitions and is not queued
 *
 * Context: the submitter; may sleep.
 * Return: true if that was possible. It may have been refused. If it was not possible,
 * or memory was lacking, nothing was done, and it is to be queued.
 */
int ds_coordinator_lend(struct ds_request *request)
{
	struct ds_coordinator *c = &request->store->coordinator;
	u32 taken = 0, i;

	if (!ds_owner_may_lend(request, request->nchanges, ds_request_bytes_needed(request)) ||
	    !ds_coordinator_try(c))
		return false;
	request->lent = true;
	request->outcome = DS_SPAN_NONE;
	preempt_disable();
	while (taken < request->nparts && ds_owner_try(request->parts[taken].owned))
		taken++;
	if (taken == request->nparts) {
		ds_request_processing(request);
		request->parts[0].batch.budget = DS_OWNER_BUDGET;
		ds_span_run(request, ds_owner_local_builder());
		for (i = 0; i < request->nparts; i++)
			request->parts[i].batch.budget = 0;
	}
	for (i = 0; i < taken; i++)
		ds_owner_return(request->parts[i].owned);
	ds_contention_spin_lock(&c->lock, DS_PLACE_COORDINATOR);
	/* One that is tried again is counted when that is over. */
	if (request->outcome != DS_SPAN_NO_MEMORY)
		ds_coordinator_count(c, request);
	spin_unlock(&c->lock);
	preempt_enable();
	if (request->outcome == DS_SPAN_DONE)
		ds_store_published(request->store);
	request->lent = false;
	ds_coordinator_next(c);
	if (request->outcome != DS_SPAN_DONE && request->outcome != DS_SPAN_REFUSED)
		return false;
	this_cpu_add(request->store->stats->lent, request->nparts);
	return true;
}

/**
 * ds_coordinator_reserve() - make sure that there is room in the queue
 * @request: a request that spans partitions; ds_coordinator_queue() must follow
 * @again: it was in the queue before
 *
 * Return: 0 or -EBUSY.
 */
int ds_coordinator_reserve(struct ds_request *request, bool again)
{
	u64 most = ds_config_of(request->store, DOCSTORE_SETTING_SPAN_QUEUE);
	struct ds_coordinator *c = &request->store->coordinator;
	int err = 0;

	ds_contention_spin_lock(&c->lock, DS_PLACE_COORDINATOR);
	if (again || c->queued < most) {
		c->queued++;
		c->coming++;
	} else {
		c->stats.rejected++;
		err = -EBUSY;
	}
	spin_unlock(&c->lock);
	return err;
}

/**
 * ds_coordinator_queue() - let a request wait for its turn
 * @request: the request, for which there is room; its first part is QUEUED
 *
 * Context: may sleep.
 */
void ds_coordinator_queue(struct ds_request *request)
{
	struct ds_coordinator *c = &request->store->coordinator;
	bool idle;

	/* The request may be gone as soon as it is in the queue. */
	ds_store_get(request->store);
	request->outcome = DS_SPAN_NONE;
	ds_contention_spin_lock(&c->lock, DS_PLACE_COORDINATOR);
	/* Here, so that who stands before another has waited longer. */
	request->times.queued = local_clock();
	trace_docstore_coordinator(request, DS_PHASE_QUEUED);
	list_add_tail(&request->waiting, &c->queue);
	c->coming--;
	idle = !c->busy;
	c->busy = true;
	spin_unlock(&c->lock);
	if (idle)
		ds_coordinator_next(c);
	ds_store_put(container_of(c, struct ds_store, coordinator));
}

/**
 * ds_coordinator_check() - are as many waiting as it is believed
 * @c: the coordinator
 * @repair: set the count right
 * @is: the count
 * @should: what it should be
 * @stuck: some are waiting, but none has its turn
 *
 * Context: any.
 * Return: true if the count is right.
 */
bool ds_coordinator_check(struct ds_coordinator *c, bool repair, u32 *is, u32 *should,
			  bool *stuck)
{
	struct ds_request *request;

	spin_lock(&c->lock);
	*should = c->coming;
	list_for_each_entry(request, &c->queue, waiting)
		(*should)++;
	*is = c->queued;
	if (repair)
		c->queued = *should;
	*stuck = !c->busy && !list_empty(&c->queue);
	spin_unlock(&c->lock);
	return *is == *should;
}

/* What is waiting, as far as there is room for it. */
static u32 ds_coordinator_waiting(struct ds_coordinator *c, struct docstore_waiting *waiting,
				  u32 room)
{
	u64 now = local_clock();
	struct ds_request *request;
	u32 count = 0;

	lockdep_assert_held(&c->lock);
	list_for_each_entry(request, &c->queue, waiting) {
		if (count == room)
			break;
		if (ds_request_was_canceled(request))
			continue;
		waiting[count++] = (struct docstore_waiting){
			.waited = now - min(now, request->times.queued),
			.operations = request->count,
			.partitions = request->nparts,
		};
	}
	return count;
}

/**
 * ds_ioctl_coordinator() - DOCSTORE_COORDINATOR
 * @session: the caller's session
 * @data: struct docstore_coordinator
 *
 * Return: 0, -E2BIG, -EFAULT, -EINVAL or -ENOMEM.
 */
int ds_ioctl_coordinator(struct ds_session *session, void *data)
{
	struct ds_coordinator *c = &session->store->coordinator;
	struct docstore_coordinator *arg = data;
	struct docstore_waiting *waiting;
	struct ds_coordinator_stats stats;
	u32 room, i;
	int err = 0;

	if (arg->flags || arg->waiting_size < sizeof(*waiting))
		return -EINVAL;
	if (arg->waiting_size > PAGE_SIZE)
		return -E2BIG;
	/* More can come into the queue meanwhile, and are left out. */
	room = min(arg->count, data_race(c->queued));
	waiting = kvmalloc_objs(*waiting, room + 1, GFP_KERNEL_ACCOUNT);
	if (!waiting)
		return -ENOMEM;
	ds_contention_spin_lock(&c->lock, DS_PLACE_COORDINATOR);
	arg->count = ds_coordinator_waiting(c, waiting, room);
	arg->queued = c->queued;
	stats = c->stats;
	spin_unlock(&c->lock);

	for (i = 0; i < arg->count && !err; i++)
		err = ds_copy_element_out(&waiting[i], sizeof(*waiting), arg->waiting,
					  arg->waiting_size, i);
	kvfree(waiting);
	arg->max_queued = ds_config_of(session->store, DOCSTORE_SETTING_SPAN_QUEUE);
	arg->commits = stats.commits;
	arg->lent = stats.lent;
	arg->refused = stats.refused;
	arg->no_memory = stats.no_memory;
	arg->canceled = stats.canceled;
	arg->timed_out = stats.timed_out;
	arg->rejected = stats.rejected;
	arg->wait_ns = stats.wait_ns;
	arg->wait_max_ns = stats.wait_max_ns;
	arg->prepare_ns = stats.prepare_ns;
	arg->prepare_max_ns = stats.prepare_max_ns;
	arg->publish_ns = stats.publish_ns;
	arg->publish_max_ns = stats.publish_max_ns;
	return err;
}

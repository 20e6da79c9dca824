// SPDX-License-Identifier: GPL-2.0
/*
 * Who owns a partition when, and what owners do.
 *
 * DS_OWNED_BIT of a partition says that somebody owns it. Who adds a request to
 * its queue tries to set the bit; who succeeds owns it, and hands it over to its
 * worker. The worker takes the whole queue, commits, and clears the bit; then it
 * looks at the queue once more, since a submitter may have found the bit set and
 * gone:
 *
 *	submitter				owner
 *	---------				-----
 *	add to the queue			clear DS_OWNED_BIT
 *	[full barrier: test_and_set_bit]	smp_mb__after_atomic()
 *	test and set DS_OWNED_BIT		look at the queue
 *
 * At least one of them sees what the other has done: either the submitter sets
 * the bit, or the owner finds the request. Both may; then only one of them sets
 * the bit.
 *
 * To whom is in no hurry to sleep, an idle partition is lent: a submitter who sets
 * the bit, and whose request is small, carries it out himself and gives the
 * partition back, with preemption off all the while, so that nobody has to wait for
 * a task that does not run. No context is switched for that.
 */
#include <linux/completion.h>
#include <linux/kcov.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "contention.h"
#include "coordinator.h"
#include "memory.h"
#include "owner.h"
#include "request.h"
#include "store.h"
#include "trace.h"
#include "worker.h"

/* How often a worker takes a partition's queue before others get their turn. */
#define DS_OWNER_ROUNDS		8
/* A commit takes requests until they are about so many documents. */
#define DS_OWNER_COMMIT		1024
/* When nothing else wakes a partition's owner, it cleans up after so long. */
#define DS_OWNER_PAUSE		msecs_to_jiffies(50)
/* How much is cleaned up then at a time, in documents. */
#define DS_OWNER_SLICE		1024
/* Where those who borrow a partition on this CPU build versions. */
static DEFINE_PER_CPU(struct ds_builder *, ds_owner_builder);

static struct workqueue_struct *ds_owner_queue;

/**
 * ds_owner_kick() - see to it that a partition's queue is looked at
 * @owned: the partition, whose store the caller holds
 *
 * Context: any that may wake others.
 */
void ds_owner_kick(struct ds_owned *owned)
{
	/* Full barrier, also when it was set; see the top of this file. */
	bool owner = test_and_set_bit(DS_OWNED_BIT, &owned->state);

	ds_contention_count(DS_PLACE_QUEUE, owner);
	if (owner)
		return;
	ds_store_get(owned->store);
	ds_worker_hand_over(owned);
}

static void ds_maintain_work(struct work_struct *work)
{
	struct ds_owned *owned = container_of(to_delayed_work(work), struct ds_owned, maintain);

	set_bit(DS_OWNED_MAINTAIN_BIT, &owned->state);
	ds_owner_kick(owned);
	ds_store_put(owned->store);
}

/* Not by the owner: chunks are taken out of mappings, which may take time. */
static void ds_give_back_work(struct work_struct *work)
{
	struct ds_owned *owned = container_of(work, struct ds_owned, give_back);

	ds_memory_give_back(owned);
	ds_store_put(owned->store);
}

static void ds_owned_give_back(struct ds_owned *owned)
{
	if (llist_empty(&owned->partition.arena.unwanted))
		return;
	ds_store_get(owned->store);
	if (!queue_work(ds_owner_queue, &owned->give_back))
		ds_store_put(owned->store);
}

/**
 * ds_owner_prepare() - prepare what this file keeps for a partition
 * @owned: the partition
 */
void ds_owner_prepare(struct ds_owned *owned)
{
	init_llist_head(&owned->queue);
	mutex_init(&owned->visit_lock);
	INIT_DELAYED_WORK(&owned->maintain, ds_maintain_work);
	INIT_WORK(&owned->give_back, ds_give_back_work);
}

static void ds_owned_maintain_later(struct ds_owned *owned)
{
	/* Of a store without a name, memory is reused by commits and not else. */
	if (READ_ONCE(owned->store->removed) || delayed_work_pending(&owned->maintain))
		return;
	ds_store_get(owned->store);
	if (!queue_delayed_work(ds_owner_queue, &owned->maintain, DS_OWNER_PAUSE))
		ds_store_put(owned->store);
}

/**
 * ds_owner_hint() - let a partition's owner know that a document was read
 * @owned: the partition, whose store the caller holds
 * @hash: hash of the document's id, or what somebody takes for one
 * @weight: how often, 1 to DS_HINT_MAX_WEIGHT
 * @scan: it was read along with all others
 *
 * Nobody is woken for it before DS_OWNER_PAUSE is over, and then once for all hints.
 *
 * Context: any.
 */
void ds_owner_hint(struct ds_owned *owned, u64 hash, u32 weight, bool scan)
{
	if (!ds_hints_give(&owned->partition.hints, hash, weight, scan))
		return;
	/*
	 * That there are hints is said before we look whether the owner will be woken
	 * anyway: pairs with the smp_mb() of the workqueue, between the end of that and
	 * ds_maintain_work(), after which the owner takes hints.
	 */
	smp_mb();
	ds_owned_maintain_later(owned);
}

/**
 * ds_owner_rest() - don't clean up a partition of a store that was removed
 * @owned: the partition
 *
 * The store would live on until it is clean.
 *
 * Context: any; the caller holds the store.
 */
void ds_owner_rest(struct ds_owned *owned)
{
	if (cancel_delayed_work(&owned->maintain))
		ds_store_put(owned->store);
}

/*
 * The module stays while a partition holds documents, even when nobody has the
 * store open.
 */
static void ds_owned_pin_module(struct ds_owned *owned)
{
	bool documents = owned->partition.stats.documents;

	if (documents == owned->holds_module)
		return;
	owned->holds_module = documents;
	if (documents)
		__module_get(THIS_MODULE);
	else
		module_put(THIS_MODULE);
}

/* Is it a part of what all its partitions are held for together? */
static bool ds_node_spans(struct llist_node *node)
{
	return llist_entry(node, struct ds_part, node)->request->span;
}

/*
 * Cut a list of requests where there is enough for one commit, or before one that
 * spans partitions, and return what is behind.
 */
static struct llist_node *ds_owned_cut(struct llist_node *list)
{
	struct llist_node *rest;
	u32 work = 0;

	for (; list; list = list->next) {
		work += llist_entry(list, struct ds_part, node)->changes;
		if (work >= DS_OWNER_COMMIT || (list->next && ds_node_spans(list->next)))
			break;
	}
	if (!list)
		return NULL;
	rest = list->next;
	list->next = NULL;
	return rest;
}

/* Free, grow and clean up, a bounded amount, and tell who traces what became of memory. */
static void ds_owned_maintain(struct ds_owned *owned, u32 work, bool hurry)
{
	struct ds_arena *arena = &owned->partition.arena;
	u64 era = arena->map->era, reused = arena->reused_count;

	ds_partition_maintain(&owned->partition, work, hurry);
	/* Lists of retired blocks are closed by raising the era. */
	if (arena->map->era != era) {
		trace_docstore_retire(owned->store->incarnation, owned->number,
				      arena->retired_count - owned->retired_seen,
				      arena->retired_bytes, arena->map->era);
		owned->retired_seen = arena->retired_count;
	}
	if (arena->reused_count != reused)
		trace_docstore_reuse(owned->store->incarnation, owned->number,
				     arena->reused_count - reused, arena->retired_bytes,
				     arena->map->era);
}

static void ds_owner_count(struct ds_owner_stats *stats, u64 parts, u64 ns)
{
	WRITE_ONCE(stats->commits, stats->commits + 1);
	WRITE_ONCE(stats->parts, stats->parts + parts);
	if (ns > stats->commit_max_ns)
		WRITE_ONCE(stats->commit_max_ns, ns);
}

/* Carry out a list of requests as one commit. */
static void ds_owned_commit(struct ds_owned *owned, struct ds_builder *builder,
			    struct llist_node *list, struct ds_owner_stats *stats)
{
	struct ds_partition *p = &owned->partition;
	u64 now = ktime_get_real_ns();
	struct ds_part *part, *next;
	u64 since = local_clock(), parts = 0, seq;
	bool hurry = false;
	u32 work = 0;

	/* What a commit reaches counts for who asked for the first part of it. */
	kcov_remote_start_common(llist_entry(list, struct ds_part, node)->kcov);
	ds_partition_begin(p, builder);
	llist_for_each_entry(part, list, node) {
		if (!ds_part_begin(part))
			continue;
		ds_partition_apply(p, &part->batch, now);
		hurry |= part->batch.nomem;
		work += part->changes;
		parts++;
	}
	seq = ds_partition_publish(p) ? p->map->visible_seq : 0;
	kcov_remote_stop();
	if (seq) {
		ds_store_published(owned->store);
		trace_docstore_commit(owned->store->incarnation, owned->number, seq, parts,
				      work, false);
	}
	ds_owner_count(stats, parts, local_clock() - since);

	ds_owned_pin_module(owned);
	llist_for_each_entry(part, list, node)
		if (atomic_read(&part->state) == DS_PART_PROCESSING)
			ds_partition_settle(p, &part->batch, now);
	/* Who waits for memory relies on its grace period having begun; else later. */
	if (hurry)
		ds_owned_maintain(owned, work, true);
	llist_for_each_entry_safe(part, next, list, node)
		ds_part_finish(part);
	if (!hurry)
		ds_owned_maintain(owned, work, false);
}

/*
 * The requests that were in the queue, and those that stand behind one for which the
 * partition was held. Those come first.
 */
static struct llist_node *ds_owned_take(struct ds_owned *owned)
{
	struct llist_node *list = owned->rest;

	owned->rest = NULL;
	return list ?: llist_reverse_order(llist_del_all(&owned->queue));
}

/*
 * Carry out a list of requests. Return false if the partition is held now, for one that
 * spans partitions: then it is not the caller's any more.
 */
static bool ds_owned_run(struct ds_owned *owned, struct ds_builder *builder,
			 struct llist_node *list, struct ds_owner_stats *stats)
{
	while (list) {
		if (ds_node_spans(list)) {
			/* For who goes on with it. */
			owned->rest = list->next;
			ds_partition_disown(&owned->partition);
			if (!ds_coordinator_claim(llist_entry(list, struct ds_part, node),
						  builder))
				return false;
			ds_partition_own(&owned->partition);
			list = owned->rest;
			owned->rest = NULL;
		} else {
			struct llist_node *rest = ds_owned_cut(list);

			ds_owned_commit(owned, builder, list, stats);
			list = rest;
		}
		cond_resched();
	}
	return true;
}

/**
 * struct ds_visit - something to be done by a partition's owner
 * @fn: does it
 * @arg: for @fn
 * @done: completed when it was done
 */
struct ds_visit {
	void (*fn)(struct ds_owned *owned, void *arg);
	void *arg;
	struct completion done;
};

/* Whoever takes it out of its place has it: the owner, or the visitor who goes. */
static void ds_owned_receive(struct ds_owned *owned)
{
	struct ds_visit *visit;

	if (!READ_ONCE(owned->visit))
		return;
	visit = xchg(&owned->visit, NULL);
	if (!visit)
		return;
	visit->fn(owned, visit->arg);
	complete(&visit->done);
}

/**
 * ds_owner_work() - do what is to be done for a partition
 * @owned: the partition
 * @builder: where to build versions
 * @stats: where to count
 *
 * Context: the owner; may sleep, though never for long.
 * Return: what the owner is to do with it now.
 */
enum ds_owner_next ds_owner_work(struct ds_owned *owned, struct ds_builder *builder,
				 struct ds_owner_stats *stats)
{
	struct ds_partition *p = &owned->partition;
	struct llist_node *list;
	bool maintain, more;
	int rounds;

	ds_partition_own(p);
	for (rounds = 0; rounds < DS_OWNER_ROUNDS; rounds++) {
		list = ds_owned_take(owned);
		if (!list)
			break;
		if (!ds_owned_run(owned, builder, list, stats))
			return DS_OWNER_HELD;
	}
	maintain = test_and_clear_bit(DS_OWNED_MAINTAIN_BIT, &owned->state);
	/* Hints come as often as anybody likes; they are looked at this often. */
	if (maintain)
		ds_hints_take(p, ktime_get_real_ns());
	if (maintain || p->draining)
		ds_owned_maintain(owned, DS_OWNER_SLICE, maintain);
	ds_owned_receive(owned);
	more = rounds == DS_OWNER_ROUNDS || p->draining;
	if (p->waiting)
		ds_owned_maintain_later(owned);
	ds_owned_give_back(owned);
	ds_partition_disown(p);
	return more ? DS_OWNER_MORE : DS_OWNER_IDLE;
}

static void ds_owned_release(struct ds_owned *owned)
{
	clear_bit_unlock(DS_OWNED_BIT, &owned->state);
	/* Against test_and_set_bit() in ds_owner_kick(); see the top. */
	smp_mb__after_atomic();
	if (!llist_empty(&owned->queue) || test_bit(DS_OWNED_MAINTAIN_BIT, &owned->state) ||
	    READ_ONCE(owned->visit))
		ds_owner_kick(owned);
}

/**
 * ds_owner_release() - give ownership back, unless there is something to do again
 * @owned: the partition
 *
 * Context: the worker that owns it; may sleep.
 */
void ds_owner_release(struct ds_owned *owned)
{
	ds_owned_release(owned);
	ds_store_put(owned->store);
}

/**
 * ds_owner_settle() - what follows a commit that a part of a request was in
 * @part: the part, of a commit that was published, or of none
 * @now: the time of the commit
 * @hurry: there was no memory
 *
 * Context: the owner of the part's partition.
 */
void ds_owner_settle(struct ds_part *part, u64 now, bool hurry)
{
	struct ds_owned *owned = part->owned;
	struct ds_partition *p = &owned->partition;

	ds_owned_pin_module(owned);
	ds_partition_settle(p, &part->batch, now);
	ds_owned_maintain(owned, part->changes, hurry);
	if (p->waiting)
		ds_owned_maintain_later(owned);
	ds_owned_give_back(owned);
}

/* Carry a part out as a commit of its own, within bounds. */
static void ds_owned_commit_lent(struct ds_owned *owned, struct ds_part *part)
{
	struct ds_partition *p = &owned->partition;
	u64 now = ktime_get_real_ns();

	ds_request_processing(part->request);
	ds_partition_own(p);
	part->batch.budget = DS_OWNER_BUDGET;
	ds_partition_begin(p, this_cpu_read(ds_owner_builder));
	ds_partition_apply(p, &part->batch, now);
	part->begun = ds_partition_publish(p);
	if (part->begun)
		trace_docstore_commit(owned->store->incarnation, owned->number,
				      p->map->visible_seq, 1, part->changes, true);
	part->batch.budget = 0;
	ds_owner_settle(part, now, false);
	ds_partition_disown(p);
}

/**
 * ds_owner_may_lend() - is so little to be done that partitions are lent for it
 * @request: for what
 * @documents: documents to be changed
 * @bytes: about how much memory is needed
 *
 * Return: true if so.
 */
bool ds_owner_may_lend(const struct ds_request *request, u32 documents, u64 bytes)
{
	return documents <= request->config.lend_documents && bytes <= DS_OWNER_BUDGET;
}

/**
 * ds_owner_local_builder() - where to build versions on this CPU
 *
 * Context: preemption is off.
 * Return: the builder.
 */
struct ds_builder *ds_owner_local_builder(void)
{
	return this_cpu_read(ds_owner_builder);
}

/**
 * ds_owner_try() - borrow a partition, if nobody has it or waits for it
 * @owned: the partition, whose store the caller holds
 *
 * Context: preemption is off, until ds_owner_return().
 * Return: true if the caller owns it now.
 */
bool ds_owner_try(struct ds_owned *owned)
{
	/* Those who are waiting come first. */
	bool taken = llist_empty(&owned->queue) && !test_bit(DS_OWNED_BIT, &owned->state) &&
		     !test_and_set_bit_lock(DS_OWNED_BIT, &owned->state);

	ds_contention_count(DS_PLACE_OWNERSHIP, !taken);
	return taken;
}

/**
 * ds_owner_return() - give a borrowed partition back
 * @owned: the partition
 */
void ds_owner_return(struct ds_owned *owned)
{
	ds_owned_release(owned);
}

/* Do something here as the owner, who may not sleep, if the partition is idle. */
static bool ds_owner_borrow(struct ds_owned *owned,
			    void (*fn)(struct ds_owned *owned, void *arg), void *arg)
{
	bool lent;

	preempt_disable();
	lent = ds_owner_try(owned);
	if (lent) {
		ds_partition_own(&owned->partition);
		fn(owned, arg);
		ds_partition_disown(&owned->partition);
		ds_owned_release(owned);
	}
	preempt_enable();
	return lent;
}

static void ds_owner_drain_idle(struct ds_owned *owned, void *more)
{
	*(bool *)more = ds_partition_drain(&owned->partition, 0);
}

/**
 * ds_owner_drain() - look through what pins that were released have held
 * @owned: the partition, whose store the caller holds
 *
 * Where there is nothing, as in most partitions, no worker is woken for that.
 *
 * Context: any that may wake others.
 */
void ds_owner_drain(struct ds_owned *owned)
{
	bool more = true;

	ds_owner_borrow(owned, ds_owner_drain_idle, &more);
	if (!more)
		return;
	set_bit(DS_OWNED_MAINTAIN_BIT, &owned->state);
	ds_owner_kick(owned);
}

/**
 * ds_owner_visit() - have something done by a partition's owner, between commits
 * @owned: the partition, whose store the caller holds
 * @fn: does it, in little time; may not sleep
 * @arg: for @fn
 *
 * By the caller, if the partition is idle.
 *
 * Context: may sleep.
 * Return: 0, or -EINTR if it was not done, for a signal.
 */
int ds_owner_visit(struct ds_owned *owned, void (*fn)(struct ds_owned *owned, void *arg),
		   void *arg)
{
	struct ds_visit visit = { .fn = fn, .arg = arg };
	int err = 0;

	if (ds_owner_borrow(owned, fn, arg))
		return 0;

	init_completion(&visit.done);
	if (mutex_lock_interruptible(&owned->visit_lock))
		return -EINTR;
	WARN_ON_ONCE(xchg(&owned->visit, &visit));
	ds_owner_kick(owned);
	if (wait_for_completion_interruptible(&visit.done)) {
		if (cmpxchg(&owned->visit, &visit, NULL) == &visit)
			err = -EINTR;
		else
			/* The owner is at it. */
			wait_for_completion(&visit.done);
	}
	mutex_unlock(&owned->visit_lock);
	return err;
}

/**
 * ds_owner_missing() - is something waiting for an owner, and is there none
 * @owned: the partition
 *
 * Context: any.
 * Return: true if so. For a moment it may be, before who has added something sees to it.
 */
bool ds_owner_missing(const struct ds_owned *owned)
{
	return !llist_empty(&owned->queue) && !test_bit(DS_OWNED_BIT, &owned->state);
}

/**
 * ds_owner_lend() - carry a part of a request out, in its submitter
 * @part: the part, which is not queued
 *
 * Context: the submitter.
 * Return: true if that was possible, and all of it was done; else it is to be queued,
 * and what was done is not done again.
 */
bool ds_owner_lend(struct ds_part *part)
{
	struct ds_owned *owned = part->owned;
	bool lent = false;

	if (!ds_owner_may_lend(part->request, part->changes, part->bytes))
		return false;
	preempt_disable();
	if (ds_owner_try(owned)) {
		ds_owned_commit_lent(owned, part);
		ds_owned_release(owned);
		lent = true;
	}
	preempt_enable();
	if (lent)
		ds_store_published(owned->store);
	trace_docstore_lend(owned->store->incarnation, owned->number, lent);
	if (!lent || part->batch.nomem)
		return false;
	this_cpu_inc(owned->store->stats->lent);
	return true;
}

/**
 * ds_owner_cpu_online() - let partitions be borrowed on a CPU
 * @cpu: the CPU
 *
 * Return: 0 or -ENOMEM.
 */
int ds_owner_cpu_online(unsigned int cpu)
{
	struct ds_builder **builder = per_cpu_ptr(&ds_owner_builder, cpu);

	if (!*builder)
		*builder = kvzalloc_obj(**builder, GFP_KERNEL);
	return *builder ? 0 : -ENOMEM;
}

/**
 * ds_owner_init() - prepare for partitions and their owners
 *
 * Return: 0 or -ENOMEM.
 */
int ds_owner_init(void)
{
	ds_owner_queue = alloc_workqueue("docstore", WQ_UNBOUND, 0);
	return ds_owner_queue ? 0 : -ENOMEM;
}

/**
 * ds_owner_exit() - undo it, when there are no partitions any more
 */
void ds_owner_exit(void)
{
	unsigned int cpu;

	destroy_workqueue(ds_owner_queue);
	for_each_possible_cpu(cpu)
		kvfree(per_cpu(ds_owner_builder, cpu));
}

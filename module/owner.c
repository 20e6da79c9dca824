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
#include <linux/kcov.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "memory.h"
#include "owner.h"
#include "request.h"
#include "store.h"
#include "worker.h"

static unsigned int lend_documents = 128;
module_param(lend_documents, uint, 0644);
MODULE_PARM_DESC(lend_documents,
		 "Submitters carry out batches of so many documents themselves when a partition is idle, 0 for never");

/* How often a worker takes a partition's queue before others get their turn. */
#define DS_OWNER_ROUNDS		8
/* A commit takes requests until they are about so many documents. */
#define DS_OWNER_COMMIT		1024
/* When nothing else wakes a partition's owner, it cleans up after so long. */
#define DS_OWNER_IDLE		msecs_to_jiffies(50)
/* How much is cleaned up then at a time, in documents. */
#define DS_OWNER_SLICE		1024
/* Who borrows a partition copies at most so many bytes of documents. */
#define DS_OWNER_BUDGET		(64 * 1024)

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
	if (test_and_set_bit(DS_OWNED_BIT, &owned->state))
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
	INIT_DELAYED_WORK(&owned->maintain, ds_maintain_work);
	INIT_WORK(&owned->give_back, ds_give_back_work);
}

static void ds_owned_maintain_later(struct ds_owned *owned)
{
	/* Of a store without a name, memory is reused by commits and not else. */
	if (READ_ONCE(owned->store->removed) || delayed_work_pending(&owned->maintain))
		return;
	ds_store_get(owned->store);
	if (!queue_delayed_work(ds_owner_queue, &owned->maintain, DS_OWNER_IDLE))
		ds_store_put(owned->store);
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
static void ds_owned_pin_module(u64 before, u64 after)
{
	if (!before && after)
		__module_get(THIS_MODULE);
	else if (before && !after)
		module_put(THIS_MODULE);
}

/*
 * Cut a list of requests where there is enough for one commit, and return what
 * is behind.
 */
static struct llist_node *ds_owned_cut(struct llist_node *list)
{
	struct llist_node *rest;
	u32 work = 0;

	for (; list; list = list->next) {
		work += llist_entry(list, struct ds_part, node)->changes;
		if (work >= DS_OWNER_COMMIT)
			break;
	}
	if (!list)
		return NULL;
	rest = list->next;
	list->next = NULL;
	return rest;
}

/* Carry out a list of requests as one commit. */
static void ds_owned_commit(struct ds_owned *owned, struct ds_builder *builder,
			    struct llist_node *list)
{
	struct ds_partition *p = &owned->partition;
	u64 documents = p->stats.documents;
	u64 now = ktime_get_real_ns();
	struct ds_part *part, *next;
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
	}
	ds_partition_publish(p);
	kcov_remote_stop();

	ds_owned_pin_module(documents, p->stats.documents);
	llist_for_each_entry(part, list, node)
		if (atomic_read(&part->state) == DS_PART_PROCESSING)
			ds_partition_settle(p, &part->batch, now);
	/* Who waits for memory relies on its grace period having begun; else later. */
	if (hurry)
		ds_partition_maintain(p, work, true);
	llist_for_each_entry_safe(part, next, list, node)
		ds_part_finish(part);
	if (!hurry)
		ds_partition_maintain(p, work, false);
}

/**
 * ds_owner_work() - do what is to be done for a partition
 * @owned: the partition
 * @builder: where to build versions
 *
 * Context: the owner; may sleep, though never for long.
 * Return: false if there is more to do.
 */
bool ds_owner_work(struct ds_owned *owned, struct ds_builder *builder)
{
	struct ds_partition *p = &owned->partition;
	struct llist_node *list, *rest;
	int rounds;

	ds_partition_own(p);
	for (rounds = 0; rounds < DS_OWNER_ROUNDS; rounds++) {
		list = llist_del_all(&owned->queue);
		if (!list)
			break;
		for (list = llist_reverse_order(list); list; list = rest) {
			rest = ds_owned_cut(list);
			ds_owned_commit(owned, builder, list);
			cond_resched();
		}
	}
	if (test_and_clear_bit(DS_OWNED_MAINTAIN_BIT, &owned->state))
		ds_partition_maintain(p, DS_OWNER_SLICE, true);
	if (p->waiting)
		ds_owned_maintain_later(owned);
	ds_owned_give_back(owned);
	ds_partition_disown(p);
	return rounds < DS_OWNER_ROUNDS;
}

static void ds_owned_release(struct ds_owned *owned)
{
	clear_bit_unlock(DS_OWNED_BIT, &owned->state);
	/* Against test_and_set_bit() in ds_owner_kick(); see the top. */
	smp_mb__after_atomic();
	if (!llist_empty(&owned->queue) || test_bit(DS_OWNED_MAINTAIN_BIT, &owned->state))
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

/* Carry a part out as a commit of its own, within bounds. */
static void ds_owned_commit_lent(struct ds_owned *owned, struct ds_part *part)
{
	struct ds_partition *p = &owned->partition;
	u64 documents = p->stats.documents;
	u64 now = ktime_get_real_ns();

	ds_partition_own(p);
	part->batch.budget = DS_OWNER_BUDGET;
	ds_partition_begin(p, this_cpu_read(ds_owner_builder));
	ds_partition_apply(p, &part->batch, now);
	part->begun = ds_partition_publish(p);
	part->batch.budget = 0;
	ds_owned_pin_module(documents, p->stats.documents);
	ds_partition_settle(p, &part->batch, now);
	ds_partition_maintain(p, part->changes, false);
	if (p->waiting)
		ds_owned_maintain_later(owned);
	ds_owned_give_back(owned);
	ds_partition_disown(p);
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

	if (part->changes > READ_ONCE(lend_documents) || part->bytes > DS_OWNER_BUDGET)
		return false;
	preempt_disable();
	/* Those who are waiting come first. */
	if (llist_empty(&owned->queue) && !test_bit(DS_OWNED_BIT, &owned->state) &&
	    !test_and_set_bit_lock(DS_OWNED_BIT, &owned->state)) {
		ds_owned_commit_lent(owned, part);
		ds_owned_release(owned);
		lent = true;
	}
	preempt_enable();
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

// SPDX-License-Identifier: GPL-2.0
/*
 * Workers, and who owns a partition when.
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
 * Partition i of store n belongs to worker n + i modulo their number. When a CPU
 * comes or goes, a new table of workers is published and the documents stay where
 * they are; a partition that an old worker has in hand is finished by it. A worker
 * that goes is stopped after a grace period, when nobody can hand it anything any
 * more.
 *
 * Locks: ds_workers_lock, taken in CPU hotplug callbacks. Nothing else is taken
 * under it.
 */
#include <linux/cpuhotplug.h>
#include <linux/kcov.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "memory.h"
#include "request.h"
#include "store.h"
#include "worker.h"

/* How often a worker takes a partition's queue before others get their turn. */
#define DS_WORKER_ROUNDS	8
/* A commit takes requests until they are about so many documents. */
#define DS_WORKER_COMMIT	1024
/* When nothing else wakes a partition's owner, it cleans up after so long. */
#define DS_WORKER_IDLE		msecs_to_jiffies(50)
/* How much is cleaned up then at a time, in documents. */
#define DS_WORKER_SLICE		1024

/**
 * struct ds_worker - a worker
 * @task: its thread
 * @ready: partitions handed to it
 * @cpu: the CPU it runs on
 * @builder: where it builds versions
 */
struct ds_worker {
	struct task_struct *task;
	struct llist_head ready;
	unsigned int cpu;
	struct ds_builder builder;
};

/**
 * struct ds_worker_table - the workers there are
 * @rcu: to free it
 * @count: how many
 * @worker: the workers
 */
struct ds_worker_table {
	struct rcu_head rcu;
	u32 count;
	struct ds_worker *worker[];
};

static struct ds_worker_table __rcu *ds_worker_table;
static DEFINE_MUTEX(ds_workers_lock);
static struct workqueue_struct *ds_maintain_queue;
static int ds_hotplug_state;

/* Hand a partition that the caller owns to its worker. */
static void ds_worker_hand_over(struct ds_owned *owned)
{
	const struct ds_worker_table *table;
	struct ds_worker *worker;

	rcu_read_lock();
	table = rcu_dereference(ds_worker_table);
	worker = table->worker[(u32)(owned->store->incarnation + owned->number) % table->count];
	/* One that finds its list empty sleeps; see ds_worker_thread(). */
	if (llist_add(&owned->ready, &worker->ready))
		wake_up_process(worker->task);
	rcu_read_unlock();
}

/**
 * ds_worker_kick() - see to it that a partition's queue is looked at
 * @owned: the partition, whose store the caller holds
 *
 * Context: any that may wake others.
 */
void ds_worker_kick(struct ds_owned *owned)
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
	ds_worker_kick(owned);
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
	if (!queue_work(ds_maintain_queue, &owned->give_back))
		ds_store_put(owned->store);
}

/**
 * ds_worker_init_owned() - prepare what this file keeps for a partition
 * @owned: the partition
 */
void ds_worker_init_owned(struct ds_owned *owned)
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
	if (!queue_delayed_work(ds_maintain_queue, &owned->maintain, DS_WORKER_IDLE))
		ds_store_put(owned->store);
}

/**
 * ds_worker_rest() - don't clean up a partition of a store that was removed
 * @owned: the partition
 *
 * The store would live on until it is clean.
 *
 * Context: any; the caller holds the store.
 */
void ds_worker_rest(struct ds_owned *owned)
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
		if (work >= DS_WORKER_COMMIT)
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

/* Work on a partition. Return false if it is not finished. */
static bool ds_owned_work(struct ds_owned *owned, struct ds_builder *builder)
{
	struct ds_partition *p = &owned->partition;
	struct llist_node *list, *rest;
	int rounds;

	ds_partition_own(p);
	for (rounds = 0; rounds < DS_WORKER_ROUNDS; rounds++) {
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
		ds_partition_maintain(p, DS_WORKER_SLICE, true);
	if (p->waiting)
		ds_owned_maintain_later(owned);
	ds_owned_give_back(owned);
	ds_partition_disown(p);
	return rounds < DS_WORKER_ROUNDS;
}

/* Give ownership back, unless there is something to do again. */
static void ds_owned_release(struct ds_owned *owned)
{
	clear_bit_unlock(DS_OWNED_BIT, &owned->state);
	/* Against test_and_set_bit() in ds_worker_kick(); see the top. */
	smp_mb__after_atomic();
	if (!llist_empty(&owned->queue) || test_bit(DS_OWNED_MAINTAIN_BIT, &owned->state))
		ds_worker_kick(owned);
	ds_store_put(owned->store);
}

static void ds_worker_run(struct ds_worker *worker, struct llist_node *list)
{
	struct ds_owned *owned, *next;

	llist_for_each_entry_safe(owned, next, llist_reverse_order(list), ready) {
		if (ds_owned_work(owned, &worker->builder))
			ds_owned_release(owned);
		else
			ds_worker_hand_over(owned);
		cond_resched();
	}
}

static int ds_worker_thread(void *data)
{
	struct ds_worker *worker = data;
	struct llist_node *list;
	bool stop;

	for (;;) {
		/* Before the list is looked at, so that no wake-up is lost. */
		set_current_state(TASK_IDLE);
		/*
		 * This too: nothing is handed over any more when a worker is told to
		 * stop, but until then something may be.
		 */
		stop = kthread_should_stop();
		list = llist_del_all(&worker->ready);
		if (!list) {
			if (stop)
				break;
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		ds_worker_run(worker, list);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static struct ds_worker *ds_worker_create(unsigned int cpu)
{
	struct ds_worker *worker = kvzalloc_obj(*worker, GFP_KERNEL);
	struct task_struct *task;

	if (!worker)
		return ERR_PTR(-ENOMEM);
	init_llist_head(&worker->ready);
	worker->cpu = cpu;
	task = kthread_create_on_cpu(ds_worker_thread, worker, cpu, "docstore/%u");
	if (IS_ERR(task)) {
		kvfree(worker);
		return ERR_CAST(task);
	}
	worker->task = task;
	return worker;
}

/*
 * Publish a table without one worker or with one more. The old table is freed
 * after a grace period, when nobody hands anything to a worker found in it.
 */
static void ds_workers_change(struct ds_worker *without, struct ds_worker *with)
{
	struct ds_worker_table *old, *new;
	u32 count, i;

	mutex_lock(&ds_workers_lock);
	old = rcu_dereference_protected(ds_worker_table, lockdep_is_held(&ds_workers_lock));
	count = old ? old->count : 0;
	/* A few pointers; a worker that goes can't be refused to go. */
	new = kzalloc_flex(*new, worker, count + 1, GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < count; i++)
		if (old->worker[i] != without)
			new->worker[new->count++] = old->worker[i];
	if (with)
		new->worker[new->count++] = with;
	rcu_assign_pointer(ds_worker_table, new);
	mutex_unlock(&ds_workers_lock);

	if (old)
		kfree_rcu(old, rcu);
}

static struct ds_worker *ds_worker_of_cpu(unsigned int cpu)
{
	const struct ds_worker_table *table;
	struct ds_worker *worker = NULL;
	u32 i;

	rcu_read_lock();
	table = rcu_dereference(ds_worker_table);
	for (i = 0; table && i < table->count; i++)
		if (table->worker[i]->cpu == cpu)
			worker = table->worker[i];
	rcu_read_unlock();
	return worker;
}

static int ds_worker_online(unsigned int cpu)
{
	struct ds_worker *worker = ds_worker_create(cpu);

	if (IS_ERR(worker))
		return PTR_ERR(worker);
	/* It has nothing to do yet, and sleeps at once. */
	wake_up_process(worker->task);
	ds_workers_change(NULL, worker);
	return 0;
}

static int ds_worker_offline(unsigned int cpu)
{
	struct ds_worker *worker = ds_worker_of_cpu(cpu);

	if (!worker)
		return 0;
	ds_workers_change(worker, NULL);
	/* Nobody who found it in the old table hands it anything any more. */
	synchronize_rcu();
	/* It finishes what was handed to it before it stops. */
	kthread_stop(worker->task);
	kvfree(worker);
	return 0;
}

/**
 * ds_workers_count() - how many workers there are
 *
 * Return: their number.
 */
u32 ds_workers_count(void)
{
	u32 count;

	rcu_read_lock();
	count = rcu_dereference(ds_worker_table)->count;
	rcu_read_unlock();
	return count;
}

static void ds_workers_free(void)
{
	destroy_workqueue(ds_maintain_queue);
	kfree(rcu_dereference_protected(ds_worker_table, true));
	/* Tables that were replaced are freed by RCU. */
	rcu_barrier();
}

/**
 * ds_workers_init() - start the workers
 *
 * Return: 0 or a negative errno.
 */
int ds_workers_init(void)
{
	int ret;

	ds_maintain_queue = alloc_workqueue("docstore", WQ_UNBOUND, 0);
	if (!ds_maintain_queue)
		return -ENOMEM;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "docstore:online",
				ds_worker_online, ds_worker_offline);
	if (ret < 0) {
		ds_workers_free();
		return ret;
	}
	ds_hotplug_state = ret;
	return 0;
}

/**
 * ds_workers_exit() - stop the workers, when there are no stores any more
 *
 * Stores that go away are held until their last owner is done with them, so
 * the workers have nothing in hand but the end of that.
 */
void ds_workers_exit(void)
{
	cpuhp_remove_state(ds_hotplug_state);
	ds_workers_free();
}

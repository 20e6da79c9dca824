// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: the threads that own partitions when there is more to do than to lend them.
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
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>

#include "config.h"
#include "owner.h"
#include "store.h"
#include "worker.h"

/**
 * struct ds_worker_stats - what a worker has done
 * @turns: how often it took over a partition with something to do
 * @sleeps: how often it went to sleep
 * @busy_ns: time between waking up and going to sleep
 * @owner: what it has done as an owner
 *
 * Written by the worker, read by anybody.
 */
struct ds_worker_stats {
	u64 turns;
	u64 sleeps;
	u64 busy_ns;
	struct ds_owner_stats owner;
};

/**
 * struct ds_worker - a worker
 * @task: its thread
 * @ready: partitions handed to it
 * @waiting: how many
 * @cpu: the CPU it runs on
 * @stats: what it has done
 * @builder: where it builds versions
 */
struct ds_worker {
	struct task_struct *task;
	struct llist_head ready;
	atomic_t waiting;
	unsigned int cpu;
	struct ds_worker_stats stats;
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
static int ds_hotplug_state;

/**
 * ds_worker_hand_over() - hand a partition to its worker
 * @owned: the partition, which the caller owns, with a reference to its store
 *
 * Context: any that may wake others.
 */
void ds_worker_hand_over(struct ds_owned *owned)
{
	const struct ds_worker_table *table;
	struct ds_worker *worker;

	rcu_read_lock();
	table = rcu_dereference(ds_worker_table);
	worker = table->worker[(u32)(owned->store->incarnation + owned->number) % table->count];
	atomic_inc(&worker->waiting);
	/* One that finds its list empty sleeps; see ds_worker_thread(). */
	if (llist_add(&owned->ready, &worker->ready))
		wake_up_process(worker->task);
	rcu_read_unlock();
}

static void ds_worker_run(struct ds_worker *worker, struct llist_node *list)
{
	struct ds_owned *owned, *next;

	llist_for_each_entry_safe(owned, next, llist_reverse_order(list), ready) {
		enum ds_owner_next todo = ds_owner_work(owned, &worker->builder,
							&worker->stats.owner);

		WRITE_ONCE(worker->stats.turns, worker->stats.turns + 1);
		atomic_dec(&worker->waiting);

		if (todo == DS_OWNER_IDLE)
			ds_owner_release(owned);
		else if (todo == DS_OWNER_MORE)
			ds_worker_hand_over(owned);
		cond_resched();
	}
}

/* Look for work a little longer, unless somebody else wants to run. */
static void ds_worker_poll(const struct ds_worker *worker)
{
	u64 end = ds_config_module(DOCSTORE_SETTING_WORKER_POLL_US) * 1000ULL;

	if (!end)
		return;
	end += local_clock();
	while (llist_empty(&worker->ready) && !need_resched() && !kthread_should_stop() &&
	       local_clock() < end)
		cpu_relax();
}

static int ds_worker_thread(void *data)
{
	struct ds_worker *worker = data;
	struct ds_worker_stats *stats = &worker->stats;
	u64 since = local_clock();
	struct llist_node *list;
	bool stop;

	for (;;) {
		ds_worker_poll(worker);
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
			WRITE_ONCE(stats->sleeps, stats->sleeps + 1);
			WRITE_ONCE(stats->busy_ns, stats->busy_ns + local_clock() - since);
			schedule();
			since = local_clock();
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
	struct ds_worker *worker;
	int err;

	err = ds_owner_cpu_online(cpu);
	if (err)
		return err;
	worker = ds_worker_create(cpu);
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

/**
 * ds_worker_stats() - what a worker has done
 * @number: which one, counted from 0 in the order in which their CPUs have come
 * @stats: where that goes
 *
 * Return: false if there are not so many.
 */
bool ds_worker_stats(u32 number, struct docstore_worker_stats *stats)
{
	const struct ds_worker_table *table;
	bool found = false;

	rcu_read_lock();
	table = rcu_dereference(ds_worker_table);
	if (number < table->count) {
		const struct ds_worker *worker = table->worker[number];

		*stats = (struct docstore_worker_stats){
			.cpu = worker->cpu,
			.turns = READ_ONCE(worker->stats.turns),
			.commits = READ_ONCE(worker->stats.owner.commits),
			.parts = READ_ONCE(worker->stats.owner.parts),
			.sleeps = READ_ONCE(worker->stats.sleeps),
			.busy_ns = READ_ONCE(worker->stats.busy_ns),
			.commit_max_ns = READ_ONCE(worker->stats.owner.commit_max_ns),
			.ready = atomic_read(&worker->waiting),
		};
		found = true;
	}
	rcu_read_unlock();
	return found;
}

static void ds_workers_free(void)
{
	ds_owner_exit();
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

	ret = ds_owner_init();
	if (ret)
		return ret;
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

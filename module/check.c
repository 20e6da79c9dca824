// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of stores: one partition after the other, a slice at a time.
 *
 * core/check.c says what is checked of a partition, and how commits go on meanwhile. A
 * slice is carried out by who owns the partition: by the one who checks, if it is idle,
 * else by its owner between commits, see ds_owner_visit(). Between slices nothing is held
 * but the checker's lock, so that nobody waits for a check but another one.
 *
 * In the background there is a check of each store once in a while, in which slices keep
 * a distance. One on demand comes in between, and lets it begin again.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "check.h"
#include "config.h"
#include "coordinator.h"
#include "ioctl.h"
#include "owner.h"
#include "session.h"
#include "store.h"
#include "trace.h"

/* Slices in the background between one pause and the next. */
#define DS_CHECK_BURST		8
/* While there are to be none, it is looked so often whether that has changed. */
#define DS_CHECK_LOOK_SECONDS	60
/* Findings that one call may bring back. */
#define DS_CHECK_FINDINGS	4096
/* How long a queue without an owner must be seen to be one: nobody is preempted so long. */
#define DS_CHECK_LOOKS		200
#define DS_CHECK_LOOK_MS	10

static struct workqueue_struct *ds_check_queue;

/* In seconds; 0 for never. */
static u32 ds_check_interval(const struct ds_store *store)
{
	return ds_config_of(store, DOCSTORE_SETTING_CHECK_SECONDS);
}

/* In jiffies, until the next check, or until it is looked whether there is to be one. */
static unsigned long ds_check_pause(u32 interval)
{
	return min_t(unsigned long, interval ?: DS_CHECK_LOOK_SECONDS,
		     MAX_JIFFY_OFFSET / HZ) * HZ;
}

/**
 * struct ds_store_validator - a validator of what is about a store as a whole
 * @name: its name
 * @validate: looks at the store, and repairs what it finds where that can be. May sleep.
 *	Returns 0 or -EINTR
 */
struct ds_store_validator {
	const char *name;
	int (*validate)(struct ds_check_run *run, u32 validator);
};

static int ds_validate_queues(struct ds_check_run *run, u32 validator);
static int ds_validate_sessions(struct ds_check_run *run, u32 validator);

static const struct ds_store_validator ds_store_validators[] = {
	[DS_VALIDATOR_QUEUES - DS_VALIDATORS] = { "queues", ds_validate_queues },
	[DS_VALIDATOR_SESSIONS - DS_VALIDATORS] = { "sessions", ds_validate_sessions },
};

static const char *ds_check_name(u32 validator)
{
	if (validator < DS_VALIDATORS)
		return ds_validator_name(validator);
	return ds_store_validators[validator - DS_VALIDATORS].name;
}

/* Count a finding, note it, and tell the log of the first that a validator has. */
static void ds_check_note(struct ds_check_run *run, u32 partition,
			  const struct ds_finding *finding)
{
	struct ds_store *store = run->store;
	const char *name = ds_check_name(finding->validator);

	run->found++;
	run->repaired += finding->repaired;
	this_cpu_inc(store->stats->findings);
	if (finding->repaired)
		this_cpu_inc(store->stats->repaired);
	trace_docstore_finding(store->incarnation, partition, finding);
	if (run->count < run->room) {
		struct docstore_finding *note = &run->findings[run->count++];

		strscpy(note->validator, name, sizeof(note->validator));
		note->partition = partition;
		note->state = finding->repaired ? DOCSTORE_FINDING_REPAIRED : 0;
		note->place = (u64)finding->rule << 32 | finding->where;
		note->is = finding->is;
		note->should = finding->should;
	}
	if (test_bit(finding->validator, &store->checker.told) ||
	    test_and_set_bit(finding->validator, &store->checker.told))
		return;
	pr_warn_ratelimited("docstore: store %s, partition %d: %s: rule %u at %u is %llu, not %llu%s\n",
			    store->name, (int)partition, name, finding->rule, finding->where,
			    finding->is, finding->should, finding->repaired ? ", repaired" : "");
}

/* Context: the owner. */
static void ds_check_visit_found(struct ds_check *check, const struct ds_finding *finding)
{
	struct ds_check_run *run = container_of(check, struct ds_check_run, check);

	ds_check_note(run, run->partition, finding);
}

/* Context: the owner of the partition that has its turn. */
static void ds_check_visit(struct ds_owned *owned, void *private)
{
	struct ds_check_run *run = private;
	struct ds_check *check = &run->check;
	u64 documents;

	if (!run->begun) {
		*check = (struct ds_check){
			.repair = run->repair,
			.found = ds_check_visit_found,
		};
		ds_check_begin(&owned->partition, check);
		run->begun = true;
	}
	documents = check->documents;
	run->more = ds_check_slice(&owned->partition, check, DS_CHECK_SLICE);
	this_cpu_add(owned->store->stats->checked, check->documents - documents);
}

static void ds_validate_coordinator(struct ds_check_run *run, u32 validator)
{
	struct ds_coordinator *c = &run->store->coordinator;
	struct ds_finding finding = { .validator = validator, .repaired = run->repair };
	bool stuck;
	u32 is, should;

	if (!ds_coordinator_check(c, run->repair, &is, &should, &stuck)) {
		finding.rule = DS_RULE_QUEUED;
		finding.is = is;
		finding.should = should;
		ds_check_note(run, U32_MAX, &finding);
	}
	if (stuck) {
		finding.rule = DS_RULE_TURN;
		finding.repaired = false;
		ds_check_note(run, U32_MAX, &finding);
	}
}

/* queues: is all that waits counted, and is there somebody who comes for it? */
static int ds_validate_queues(struct ds_check_run *run, u32 validator)
{
	struct ds_finding finding = {
		.validator = validator,
		.rule = DS_RULE_UNOWNED,
		.is = 1,
		.repaired = run->repair,
	};
	u32 i, looks;

	ds_validate_coordinator(run, validator);
	for (i = 0; i < run->store->npartitions; i++) {
		struct ds_owned *owned = run->store->owned[i];

		/* A submitter that is between the queue and the bit is there, too. */
		for (looks = 0; looks < DS_CHECK_LOOKS && ds_owner_missing(owned); looks++)
			if (msleep_interruptible(DS_CHECK_LOOK_MS))
				return -EINTR;
		if (looks < DS_CHECK_LOOKS)
			continue;
		if (run->repair)
			ds_owner_kick(owned);
		ds_check_note(run, i, &finding);
	}
	return 0;
}

/* sessions: are all of the store's counted, and no others? */
static int ds_validate_sessions(struct ds_check_run *run, u32 validator)
{
	struct ds_finding finding = { .validator = validator, .rule = DS_RULE_SESSIONS };
	u32 looks, is, should, last = 0, first = 0;
	int more = 0;

	/* One that is being opened or closed is counted, and not in the table. */
	for (looks = 0; looks < DS_CHECK_LOOKS; looks++) {
		more = ds_sessions_check(run->store, run->repair, &is, &should);
		if (more <= 0)
			break;
		if (!looks) {
			last = ds_sessions_last();
			first = is;
		}
		if (msleep_interruptible(DS_CHECK_LOOK_MS))
			return -EINTR;
	}
	/* Who goes on opening or closing has another one in between at each look. */
	if (!more || (more > 0 && (ds_sessions_last() != last || is != first)))
		return 0;
	finding.is = is;
	finding.should = should;
	finding.repaired = run->repair && more < 0;
	ds_check_note(run, U32_MAX, &finding);
	return 0;
}

static int ds_check_store_wide(struct ds_check_run *run)
{
	u32 i;
	int err = 0;

	BUILD_BUG_ON(DS_VALIDATORS + ARRAY_SIZE(ds_store_validators) != DS_ALL_VALIDATORS);
	for (i = 0; i < ARRAY_SIZE(ds_store_validators) && !err; i++)
		err = ds_store_validators[i].validate(run, DS_VALIDATORS + i);
	return err;
}

static void ds_check_run_begin(struct ds_check_run *run, struct ds_store *store, bool repair)
{
	memset(run, 0, sizeof(*run));
	run->store = store;
	run->repair = repair;
}

/*
 * One slice. Return 1 if there is more to do, 0 at the end, or -EINTR.
 *
 * Context: holds the checker's lock; may sleep.
 */
static int ds_check_run_slice(struct ds_check_run *run)
{
	struct ds_store *store = run->store;
	int err;

	lockdep_assert_held(&store->checker.lock);
	/*
	 * First, since who visits a partition wakes its owner: nobody would ever be seen
	 * to wait there in vain.
	 */
	if (!run->whole) {
		run->whole = true;
		return ds_check_store_wide(run) ?: 1;
	}
	if (run->partition == store->npartitions)
		return 0;
	err = ds_owner_visit(store->owned[run->partition], ds_check_visit, run);
	if (err)
		return err;
	if (!run->more) {
		run->documents += run->check.documents;
		run->blocks += run->check.blocks;
		run->begun = false;
		run->partition++;
	}
	return 1;
}

/* What is pending or runs holds the store, unless it was removed. */
static void ds_checker_later(struct ds_store *store, unsigned long delay)
{
	struct ds_checker *checker = &store->checker;

	ds_store_get(store);
	if (!queue_delayed_work(ds_check_queue, &checker->work, delay))
		ds_store_put(store);
	/* Pairs with ds_checker_rest(): either this is seen here, or the work there. */
	smp_mb();
	if (READ_ONCE(store->removed))
		ds_checker_rest(store);
}

/* As much in the background as there is between two pauses. Return how long to pause. */
static unsigned long ds_checker_go_on(struct ds_store *store)
{
	struct ds_checker *checker = &store->checker;
	u32 interval = ds_check_interval(store), i;
	int more = 1;

	if (!checker->under_way && !interval)
		return ds_check_pause(interval);
	if (!checker->under_way)
		ds_check_run_begin(&checker->run, store, true);
	for (i = 0; i < DS_CHECK_BURST && more > 0; i++)
		more = ds_check_run_slice(&checker->run);
	checker->under_way = more > 0;
	return more > 0 ? 1 : ds_check_pause(interval);
}

static void ds_checker_work(struct work_struct *work)
{
	struct ds_store *store = container_of(to_delayed_work(work), struct ds_store,
					      checker.work);
	unsigned long delay = HZ;

	if (READ_ONCE(store->removed))
		goto out;
	/* Who checks on demand takes its time. */
	if (mutex_trylock(&store->checker.lock)) {
		delay = ds_checker_go_on(store);
		mutex_unlock(&store->checker.lock);
	}
	ds_checker_later(store, delay);
out:
	ds_store_put(store);
}

/**
 * ds_checker_prepare() - prepare what a store has for checks
 * @store: the store, zeroed
 */
void ds_checker_prepare(struct ds_store *store)
{
	mutex_init(&store->checker.lock);
	INIT_DELAYED_WORK(&store->checker.work, ds_checker_work);
}

/**
 * ds_checker_begin() - begin to check a store in the background
 * @store: the store, which the caller holds
 */
void ds_checker_begin(struct ds_store *store)
{
	ds_checker_later(store, ds_check_pause(ds_check_interval(store)));
}

/**
 * ds_checker_rest() - don't check a store that was removed
 * @store: the store, which the caller holds
 *
 * The store would live on until the next check.
 *
 * Context: any.
 */
void ds_checker_rest(struct ds_store *store)
{
	/* After @removed was stored; pairs with ds_checker_later(). */
	smp_mb();
	if (cancel_delayed_work(&store->checker.work))
		ds_store_put(store);
}

/* Context: holds the checker's lock. */
static int ds_check_all(struct ds_check_run *run)
{
	int more;

	do {
		more = signal_pending(current) ? -EINTR : ds_check_run_slice(run);
		cond_resched();
	} while (more > 0);
	/* There is but one check of a partition at a time. */
	run->store->checker.under_way = false;
	return more;
}

static int ds_check_demand(struct ds_store *store, struct docstore_check *arg,
			   struct docstore_finding *findings, u32 room)
{
	struct ds_check_run *run = kvzalloc_obj(*run, GFP_KERNEL_ACCOUNT);
	int err;
	u32 i;

	if (!run)
		return -ENOMEM;
	ds_check_run_begin(run, store, arg->flags & DOCSTORE_CHECK_REPAIR);
	run->findings = findings;
	run->room = room;
	err = mutex_lock_interruptible(&store->checker.lock);
	if (!err) {
		err = ds_check_all(run);
		mutex_unlock(&store->checker.lock);
	}
	for (i = 0; i < run->count && !err; i++)
		err = ds_copy_element_out(&findings[i], sizeof(findings[i]), arg->findings,
					  arg->finding_size, i);
	arg->count = run->count;
	arg->documents = run->documents;
	arg->blocks = run->blocks;
	arg->found = run->found;
	arg->repaired = run->repaired;
	kvfree(run);
	return err;
}

/**
 * ds_ioctl_check() - DOCSTORE_CHECK
 * @session: the caller's session
 * @data: struct docstore_check
 *
 * Return: 0, -E2BIG, -EBADF, -EFAULT, -EINTR, -EINVAL or -ENOMEM.
 */
int ds_ioctl_check(struct ds_session *session, void *data)
{
	struct docstore_finding *findings;
	struct docstore_check *arg = data;
	u32 room = min_t(u32, arg->count, DS_CHECK_FINDINGS);
	int err;

	if ((arg->flags & ~DOCSTORE_CHECK_REPAIR) || arg->finding_size < sizeof(*findings))
		return -EINVAL;
	if (arg->finding_size > PAGE_SIZE)
		return -E2BIG;
	if ((arg->flags & DOCSTORE_CHECK_REPAIR) &&
	    !ds_session_may(session, DOCSTORE_OPEN_WRITE))
		return -EBADF;
	findings = kvzalloc_objs(*findings, max(room, 1U), GFP_KERNEL_ACCOUNT);
	if (!findings)
		return -ENOMEM;
	err = ds_check_demand(session->store, arg, findings, room);
	kvfree(findings);
	return err;
}

/**
 * ds_checks_init() - prepare for checks
 *
 * Return: 0 or -ENOMEM.
 */
int ds_checks_init(void)
{
	ds_check_queue = alloc_workqueue("docstore_check", WQ_UNBOUND, 0);
	return ds_check_queue ? 0 : -ENOMEM;
}

/**
 * ds_checks_exit() - undo it, when there are no stores any more
 */
void ds_checks_exit(void)
{
	destroy_workqueue(ds_check_queue);
}

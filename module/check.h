/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks of stores, in the background and on demand.
 */
#ifndef _DOCSTORE_CHECK_H
#define _DOCSTORE_CHECK_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include <linux/docstore.h>
#include <linux/docstore_monitor.h>

#include "core/check.h"

struct ds_owned;
struct ds_session;
struct ds_store;

/**
 * enum ds_store_validator_number - as enum ds_validator_number, behind which they come
 * @DS_VALIDATOR_QUEUES: what waits
 * @DS_VALIDATOR_SESSIONS: descriptors that are open
 * @DS_ALL_VALIDATORS: how many there are, with those of partitions
 */
enum ds_store_validator_number {
	DS_VALIDATOR_QUEUES = DS_VALIDATORS,
	DS_VALIDATOR_SESSIONS,
	DS_ALL_VALIDATORS,
};

/**
 * enum ds_store_rule - as enum ds_rule, of what is about a store as a whole
 * @DS_RULE_QUEUED: how many batches wait for the coordinator
 * @DS_RULE_TURN: batches wait for the coordinator, and none has its turn
 * @DS_RULE_UNOWNED: requests wait for a partition's owner, and nobody comes
 * @DS_RULE_SESSIONS: how many descriptors of the store are open
 */
enum ds_store_rule {
	DS_RULE_QUEUED = 96,
	DS_RULE_TURN,
	DS_RULE_UNOWNED,
	DS_RULE_SESSIONS,
};

/**
 * struct ds_check_run - a check of a store that is under way
 * @check: that of the partition which has its turn
 * @store: the store
 * @whole: what is about the store as a whole was looked at; partitions follow
 * @partition: number of the one that has its turn
 * @begun: the partition's check was begun
 * @more: and is not over
 * @repair: repair what can be
 * @findings: where to note findings, for @room of them; NULL for nowhere
 * @room: see there
 * @count: how many were noted
 * @found: how many there were
 * @repaired: of these, what was repaired
 * @documents: documents that were looked at
 * @blocks: pieces of memory
 */
struct ds_check_run {
	struct ds_check check;
	struct ds_store *store;
	bool whole;
	u32 partition;
	bool begun;
	bool more;
	bool repair;
	struct docstore_finding *findings;
	u32 room;
	u32 count;
	u64 found;
	u64 repaired;
	u64 documents;
	u64 blocks;
};

/**
 * struct ds_checker - what a store has for checks
 * @lock: held by the one who checks; owners never take it
 * @work: goes on with the check in the background. While it is pending or runs it holds
 *	the store
 * @run: the check in the background; under @lock
 * @under_way: @run is not over; under @lock
 * @told: bits of validators whose findings are in the log already
 */
struct ds_checker {
	struct mutex lock; /* see above */
	struct delayed_work work;
	struct ds_check_run run;
	bool under_way;
	unsigned long told;
};

void ds_checker_prepare(struct ds_store *store);
void ds_checker_begin(struct ds_store *store);
void ds_checker_rest(struct ds_store *store);

int ds_ioctl_check(struct ds_session *session, void *data);

int ds_checks_init(void);
void ds_checks_exit(void);

#endif /* _DOCSTORE_CHECK_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The coordinator of a store: atomic batches that span partitions.
 */
#ifndef _DOCSTORE_COORDINATOR_H
#define _DOCSTORE_COORDINATOR_H

#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct ds_builder;
struct ds_part;
struct ds_request;
struct ds_session;
struct ds_store;

/**
 * enum ds_phase - what has happened to a batch that spans partitions
 * @DS_PHASE_QUEUED: it waits
 * @DS_PHASE_BEGUN: it has its turn
 * @DS_PHASE_PREPARED: all partitions are held, and it was decided what becomes of it
 * @DS_PHASE_OVER: that is visible, or it was canceled before
 */
enum ds_phase {
	DS_PHASE_QUEUED,
	DS_PHASE_BEGUN,
	DS_PHASE_PREPARED,
	DS_PHASE_OVER,
};

/**
 * struct ds_coordinator_stats - what a coordinator has done
 * @commits: batches that were carried out
 * @lent: of these, by their submitters
 * @refused: batches that were refused
 * @no_memory: batches that were put off for want of memory
 * @canceled: batches that were canceled before their turn
 * @timed_out: batches whose time was over before their turn
 * @rejected: batches for which there was no room in the queue
 * @wait_ns: time waited for the turn
 * @wait_max_ns: the longest
 * @prepare_ns: time from the turn to the decision
 * @prepare_max_ns: the longest
 * @publish_ns: time from there to when it was visible
 * @publish_max_ns: the longest
 */
struct ds_coordinator_stats {
	u64 commits;
	u64 lent;
	u64 refused;
	u64 no_memory;
	u64 canceled;
	u64 timed_out;
	u64 rejected;
	u64 wait_ns;
	u64 wait_max_ns;
	u64 prepare_ns;
	u64 prepare_max_ns;
	u64 publish_ns;
	u64 publish_max_ns;
};

/**
 * struct ds_coordinator - the coordinator of a store
 * @lock: held for a moment to look at what follows, or to change it; nothing is
 *	taken under it. Owners of partitions that no such batch touches never take it
 * @queue: requests that wait for their turn
 * @queued: how many these are, with those that are about to be added
 * @coming: of these, those that are about to be added
 * @busy: one has its turn
 * @stats: what was done
 * @turn: lockdep's idea of having the turn, in which partitions are owned together
 */
struct ds_coordinator {
	spinlock_t lock; /* see above */
	struct list_head queue;
	u32 queued;
	u32 coming;
	bool busy;
	struct ds_coordinator_stats stats;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map turn;
#endif
};

void ds_coordinator_init(struct ds_coordinator *c);

/* For submitters. */
int ds_coordinator_lend(struct ds_request *request);
int ds_coordinator_reserve(struct ds_request *request, bool again);
void ds_coordinator_queue(struct ds_request *request);

/* For the owner that comes to a part of a request that spans partitions. */
bool ds_coordinator_claim(struct ds_part *part, struct ds_builder *builder);

/* For checks. */
bool ds_coordinator_check(struct ds_coordinator *c, bool repair, u32 *is, u32 *should,
			  bool *stuck);

int ds_ioctl_coordinator(struct ds_session *session, void *data);

#endif /* _DOCSTORE_COORDINATOR_H */

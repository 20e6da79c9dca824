/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A request: a batch on its way to the owners of its documents and back.
 */
#ifndef _DOCSTORE_REQUEST_H
#define _DOCSTORE_REQUEST_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kcov.h>
#include <linux/llist.h>
#include <linux/refcount.h>
#include <linux/timer.h>
#include <linux/types.h>

#include "core/partition.h"

struct ds_owned;
struct ds_request;
struct ds_store;

/**
 * enum ds_part_state - where a part of a request stands
 * @DS_PART_NEW: not queued, or done with; the submitter has it
 * @DS_PART_QUEUED: waiting for the owner; the submitter may cancel it
 * @DS_PART_PROCESSING: the owner has it, and will finish it
 * @DS_PART_CANCELED: taken back by the submitter; the owner drops it
 */
enum ds_part_state {
	DS_PART_NEW,
	DS_PART_QUEUED,
	DS_PART_PROCESSING,
	DS_PART_CANCELED,
};

/**
 * struct ds_part - what of a request goes to one partition
 * @node: in the partition's queue, then in its owner's hands
 * @request: the request
 * @owned: the partition
 * @state: enum ds_part_state; QUEUED is left by cmpxchg
 * @batch: the operations
 * @last: end of the list of documents in @batch, while it is built
 * @queue: it is to be queued
 * @begun: some of it was carried out by the submitter before it was queued
 * @changes: number of documents
 * @bytes: memory that they need, about
 * @kcov: who wants to know which code it reaches, for fuzzers
 */
struct ds_part {
	struct llist_node node;
	struct ds_request *request;
	struct ds_owned *owned;
	atomic_t state;
	struct ds_batch batch;
	struct ds_change **last;
	bool queue;
	bool begun;
	u32 changes;
	u64 bytes;
	/* Not of the same type in all kernels. */
	typeof(kcov_common_handle()) kcov;
};

/**
 * struct ds_request - a batch under way
 * @ref: the submitter, and each part that is queued
 * @pending: parts that are queued and not finished
 * @finished: called when @pending drops to 0; NULL if somebody waits
 * @done: completed then, if so
 * @timer: cancels it when it has waited too long, if @timed
 * @timed: the timer was started
 * @canceled: why it was canceled; parts tell whether it was
 * @size: of its memory, enum ds_request_size
 * @bytes: how much of that is taken up by all but the payload
 * @async: it may outlive the system call
 * @private: for @finished
 * @store: the store, which the request holds
 * @count: operations
 * @deltas: what they ask for and what came of it
 * @changes: documents they are about
 * @nchanges: how many
 * @ops: operations as they came, and with their results
 * @payload: ids, values, and room for answers
 * @own_payload: the same, if it was allocated for itself
 * @parts: what goes to which partition
 * @nparts: how many partitions
 * @part_of: for each partition the number of its part plus one, 0 for none
 */
struct ds_request {
	refcount_t ref;
	atomic_t pending;
	void (*finished)(struct ds_request *request);
	struct completion done;
	struct timer_list timer;
	bool timed;
	int canceled;
	u32 size;
	u32 bytes;
	bool async;
	void *private;
	struct ds_store *store;
	u32 count;
	struct ds_delta *deltas;
	struct ds_change *changes;
	u32 nchanges;
	struct docstore_op *ops;
	u8 *payload;
	u8 *own_payload;
	u32 nparts;
	struct ds_part *parts;
	u16 *part_of;
};

struct ds_request *ds_request_create(struct ds_store *store, u32 count, bool async);
int ds_request_payload(struct ds_request *request, u32 bytes);
void ds_request_put(struct ds_request *request);
int ds_request_split(struct ds_request *request, bool atomic);
int ds_request_run(struct ds_request *request, u32 timeout_ms);
bool ds_request_try(struct ds_request *request);
void ds_request_start(struct ds_request *request, u32 timeout_ms,
		      void (*finished)(struct ds_request *request));
int ds_request_collect(struct ds_request *request, bool again);
void ds_request_cancel(struct ds_request *request, int why);

int ds_requests_init(void);
void ds_requests_exit(void);

/* For the owner. */
bool ds_part_begin(struct ds_part *part);
void ds_part_finish(struct ds_part *part);

#endif /* _DOCSTORE_REQUEST_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A request: a batch on its way to the owners of its documents and back.
 */
#ifndef _DOCSTORE_REQUEST_H
#define _DOCSTORE_REQUEST_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kcov.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/refcount.h>
#include <linux/timer.h>
#include <linux/types.h>

#include "core/partition.h"
#include "request_state.h"

struct ds_owned;
struct ds_request;
struct ds_session;
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
 * enum ds_span_outcome - what became of a request when it had its turn
 * @DS_SPAN_NONE: it had none yet
 * @DS_SPAN_DONE: it was carried out
 * @DS_SPAN_REFUSED: it was refused
 * @DS_SPAN_NO_MEMORY: nothing was done for want of memory
 * @DS_SPAN_CANCELED: it was canceled before
 * @DS_SPAN_ELSE: it was no batch
 */
enum ds_span_outcome {
	DS_SPAN_NONE,
	DS_SPAN_DONE,
	DS_SPAN_REFUSED,
	DS_SPAN_NO_MEMORY,
	DS_SPAN_CANCELED,
	DS_SPAN_ELSE,
};

/**
 * struct ds_span_times - when a request came to where, in nanoseconds
 * @queued: into the coordinator's queue
 * @begun: its turn
 * @prepared: it was decided what becomes of it
 * @published: it was visible
 */
struct ds_span_times {
	u64 queued;
	u64 begun;
	u64 prepared;
	u64 published;
};

/**
 * struct ds_request_config - settings as of when a request began
 * @lend_documents: as the following, see enum docstore_setting
 * @submit_poll_us: likewise
 * @watchdog_ms: likewise
 */
struct ds_request_config {
	u32 lend_documents;
	u32 submit_poll_us;
	u32 watchdog_ms;
};

/**
 * struct ds_request - a batch under way
 * @all: in the list of all requests, also while it is spare; see request_pool.c
 * @list: the list
 * @size: of its memory, enum ds_request_size; as those above for as long as it has that
 * @reserved: its memory is of the reserve
 * @id: its number. What is from here on is new with each use
 * @life: its state
 * @config: settings
 * @session: number of the session that it came by
 * @incarnation: of its store
 * @ref: the submitter, and each part that is queued
 * @pending: parts that are queued and not finished
 * @finished: called when @pending drops to 0; NULL if somebody waits
 * @done: completed then, if so
 * @deadline: until when it may wait, by ktime_get_ns(); 0 for as long as it takes
 * @timer: cancels it when it has waited too long, if @has_timer
 * @has_timer: the timer was started
 * @canceled: why it was canceled; parts tell whether it was
 * @bytes: how much of that is taken up by all but the payload
 * @async: it may outlive the system call
 * @span: it is atomic and spans partitions: the coordinator has it, and of its
 *	parts' states only the first one's counts
 * @lent: its submitter carries it out
 * @outcome: enum ds_span_outcome
 * @waiting: in the coordinator's queue
 * @claims: partitions that are not held for it yet
 * @times: for statistics
 * @held: called instead of a commit when all partitions are held; by their owner
 * @private: for @finished and @held
 * @store: the store, which the request holds
 * @count: operations
 * @deltas: what they ask for and what came of it
 * @changes: documents they are about
 * @nchanges: how many
 * @ops: operations as they came, and with their results
 * @payload: ids, values, and room for answers
 * @own_payload: the same, if it was allocated for itself
 * @payload_bytes: how much that is, if so
 * @parts: what goes to which partition
 * @nparts: how many partitions
 * @part_of: for each partition the number of its part plus one, 0 for none
 */
struct ds_request {
	struct list_head all;
	struct ds_request_list *list;
	u32 size;
	bool reserved;
	u64 id;
	struct ds_request_life life;
	struct ds_request_config config;
	u32 session;
	u64 incarnation;
	refcount_t ref;
	atomic_t pending;
	void (*finished)(struct ds_request *request);
	struct completion done;
	u64 deadline;
	struct timer_list timer;
	bool has_timer;
	int canceled;
	u32 bytes;
	bool async;
	bool span;
	bool lent;
	u8 outcome;
	struct list_head waiting;
	atomic_t claims;
	struct ds_span_times times;
	void (*held)(struct ds_request *request);
	void *private;
	struct ds_store *store;
	u32 count;
	struct ds_delta *deltas;
	struct ds_change *changes;
	u32 nchanges;
	struct docstore_op *ops;
	u8 *payload;
	u8 *own_payload;
	u32 payload_bytes;
	u32 nparts;
	struct ds_part *parts;
	u16 *part_of;
};

struct ds_request *ds_request_create(struct ds_store *store, u32 count, bool async);
u64 ds_request_memory(const struct ds_request *request);
int ds_request_payload(struct ds_request *request, u32 bytes);
void ds_request_put(struct ds_request *request);
int ds_request_split(struct ds_request *request, bool atomic);
void ds_request_hold(struct ds_request *request, void (*held)(struct ds_request *request),
		     void *private);
int ds_request_run(struct ds_request *request, u32 timeout_ms);
int ds_request_try(struct ds_request *request);
void ds_request_start(struct ds_request *request, u32 timeout_ms,
		      void (*finished)(struct ds_request *request));
int ds_request_collect(struct ds_request *request, bool again);
void ds_request_cancel(struct ds_request *request, int why);

/**
 * struct ds_request_pool_stats - where requests have got their memory
 * @hits: it was at hand
 * @misses: it had to be allocated
 * @reserve: of these, it was the reserve's
 * @large: it is larger than what is kept
 */
struct ds_request_pool_stats {
	u64 hits;
	u64 misses;
	u64 reserve;
	u64 large;
};

void ds_request_pool_sum(struct ds_request_pool_stats *sum);

/**
 * struct ds_requests_sum - requests, counted
 * @under_way: those that were begun and are not over
 * @waiting: of these, those that wait for their turn
 * @async: of these, those that may outlive a call
 * @async_bytes: memory that they take
 */
struct ds_requests_sum {
	u64 under_way;
	u64 waiting;
	u64 async;
	u64 async_bytes;
};

/**
 * struct ds_request_view - a request as it is seen from outside, as of one time or another
 * @id: as all up to @session, see struct ds_request
 * @incarnation: likewise
 * @session: likewise
 * @state: enum ds_request_state
 * @ms: for how long it has been in that, in milliseconds
 * @watchdog_ms: for how long it may be
 * @operations: how many
 * @documents: how many they are about
 * @partitions: in how many
 * @memory: how much it takes, in bytes
 * @span: it spans them
 * @async: it may outlive the call
 * @reserved: its memory is of the reserve
 */
struct ds_request_view {
	u64 id;
	u64 incarnation;
	u32 session;
	u32 state;
	u32 ms;
	u32 watchdog_ms;
	u32 operations;
	u32 documents;
	u32 partitions;
	u64 memory;
	bool span;
	bool async;
	bool reserved;
};

void ds_request_look(const struct ds_request *request, struct ds_request_view *view);
void ds_requests_sum(u64 incarnation, struct ds_requests_sum *sum);
void ds_requests_each(void (*fn)(struct ds_request *request, void *private), void *private);

int ds_requests_init(void);
void ds_requests_exit(void);

/* For the coordinator. */
bool ds_request_nomem(const struct ds_request *request);
u64 ds_request_bytes_needed(const struct ds_request *request);
void ds_part_enqueue(struct ds_part *part);

static inline bool ds_request_was_canceled(const struct ds_request *request)
{
	return atomic_read(&request->parts[0].state) == DS_PART_CANCELED;
}

/* For the owner. */
bool ds_part_begin(struct ds_part *part);
void ds_part_finish(struct ds_part *part);

#endif /* _DOCSTORE_REQUEST_H */

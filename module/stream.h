/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Streams: descriptors that yield the documents and changes of a store as records.
 */
#ifndef _DOCSTORE_STREAM_H
#define _DOCSTORE_STREAM_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <linux/docstore_stream.h>

#include "core/backlog.h"

struct ds_session;
struct ds_snapshot;
struct ds_store;

/**
 * struct ds_streams - what a store has for its streams
 * @begin_lock: held by who makes the backlogs
 * @begun: there are backlogs
 * @count: streams
 * @lock: taken by who waits, who wakes others, and who closes a stream that may wait
 * @eager: streams for which any change is one to be woken for
 * @choosy: those of which only their filter tells
 * @waiting: how many there are in both lists; read by owners without the lock
 * @wake: wakes them, if that is too much for an owner
 */
struct ds_streams {
	struct mutex begin_lock; /* backlogs */
	bool begun;
	atomic_t count;
	spinlock_t lock; /* the lists */
	struct list_head eager;
	struct list_head choosy;
	u32 waiting;
	struct work_struct wake;
};

/**
 * struct ds_stream_pause - what only a stream needs that was paused
 * @since: when its last pause began
 * @count: how often it was paused
 * @timeout_ms: for how long, 0 until it is resumed
 * @then_error: what becomes of it then
 * @timeout: ends the pause
 * @stream: the stream
 */
struct ds_stream_pause {
	u64 since;
	u32 count;
	u32 timeout_ms;
	bool then_error;
	struct delayed_work timeout;
	struct ds_stream *stream;
};

/**
 * struct ds_stream_scan - where a stream is in a snapshot
 * @snapshot: the snapshot
 * @resync: it was taken since changes were lost
 * @begun: DOCSTORE_RECORD_BEGIN was read
 * @arg: what to scan for, and where to go on; with DOCSTORE_SCAN_END if all was read
 */
struct ds_stream_scan {
	struct ds_snapshot *snapshot;
	bool resync;
	bool begun;
	struct docstore_scan arg;
};

/**
 * struct ds_stream - a stream
 * @session: its session, which holds the store
 * @lock: held by who reads, and by who looks for what there is to read. All of what
 *	follows is under it but for what says otherwise
 * @state: enum docstore_stream_state. Changed by cmpxchg() without the lock
 * @flags: enum docstore_stream_flags; as all that follows up to @memory, set once
 * @type: type that documents must have, or 0
 * @property: property that changes must be about, or 0
 * @bookmark_ms: time between bookmarks
 * @prefix_len: bytes of the prefix that ids must have
 * @memory: bytes of the stream
 * @reading: somebody reads; read without the lock
 * @error: in state ERROR what reads fail with; written before that
 * @turn: the partition that is read next
 * @needed: bytes that the next record needs, if there was no room for it
 * @first: the first token is still to be told
 * @foreign: the token was of another store, which is still to be told
 * @removed: that the store was removed was told
 * @resync: all documents are to be read again
 * @idle: bytes of changes that were passed over since its token was told or known
 * @marked: when the last bookmark was read, or the stream opened
 * @records: records read; written under the lock, as those that follow
 * @bytes: their bytes
 * @passed: changes that were passed over
 * @lost: changes that were lost
 * @scan: where it is in a snapshot; NULL when it is in none
 * @pause: NULL until it is paused for the first time; set once
 * @looks: how many look whether to wake it, and must find it there; under the lock of
 *	struct ds_streams
 * @node: in a list of those who wait, under the lock of struct ds_streams; empty if it
 *	is in none, which is read without
 * @wait: where readers and pollers wait
 * @cursor: for each partition where it is; behind that the prefix
 */
struct ds_stream {
	struct ds_session *session;
	struct mutex lock; /* reading */
	u8 state;
	u8 flags;
	u8 prefix_len;
	bool first;
	bool foreign;
	bool removed;
	bool resync;
	u32 type;
	u32 property;
	u32 bookmark_ms;
	u32 memory;
	bool reading;
	int error;
	u32 turn;
	u32 needed;
	u64 idle;
	u64 marked;
	u64 records;
	u64 bytes;
	u64 passed;
	u64 lost;
	struct ds_stream_scan *scan;
	struct ds_stream_pause *pause;
	u32 looks;
	struct list_head node;
	wait_queue_head_t wait;
	struct ds_cursor cursor[];
};

/* How many streams an owner cares for himself. */
#define DS_STREAM_DIRECT	2

int ds_streams_init(void);
void ds_streams_exit(void);
void ds_streams_prepare(struct ds_streams *streams);
void ds_streams_wake(struct ds_streams *streams);

void ds_stream_arm(struct ds_stream *stream);
bool ds_stream_armed(const struct ds_stream *stream);
void ds_stream_complete(struct ds_stream *stream);
void ds_stream_close(struct ds_stream *stream);
const char *ds_stream_state_name(u8 state);
u8 ds_stream_state(const struct ds_stream *stream);

void ds_stream_start(struct ds_stream *stream);
int ds_stream_begin_scan(struct ds_stream *stream, bool resync);
void ds_stream_end_scan(struct ds_stream *stream);
bool ds_stream_ready(struct ds_stream *stream);
ssize_t ds_stream_read_iter(struct kiocb *iocb, struct iov_iter *to);
__poll_t ds_stream_poll(struct file *file, poll_table *wait);

int ds_ioctl_stream(struct ds_session *session, void *data);
int ds_ioctl_stream_info(struct ds_session *session, void *data);
int ds_ioctl_stream_pause(struct ds_session *session, void *data);
int ds_ioctl_stream_resume(struct ds_session *session, void *data);

#endif /* _DOCSTORE_STREAM_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A session: what one open file holds. It ends when the file is closed, and
 * with it everything that the kernel kept for its process.
 */
#ifndef _DOCSTORE_SESSION_H
#define _DOCSTORE_SESSION_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include <linux/docstore_monitor.h>

struct docstore_session_info;
struct file;
struct ds_snapshot;
struct ds_store;
struct ds_stream;
struct pid;

/**
 * struct ds_session_stats - what a session has done, one set for each CPU
 * @calls: calls
 * @errors: those that have failed
 * @operations: operations of batches
 * @bytes_in: bytes that came with batches
 * @bytes_out: bytes that went out
 */
struct ds_session_stats {
	u64 calls;
	u64 errors;
	u64 operations;
	u64 bytes_in;
	u64 bytes_out;
};

/**
 * struct ds_session - an open file
 * @ref: the file, and the files of snapshots that were taken by it
 * @id: its number
 * @file: the file, for as long as the session is in use
 * @store: the store, which it holds; NULL for the control node
 * @snapshot: the snapshot of it that the file is; NULL for the store itself
 * @stream: the stream that the file is, or NULL
 * @taker: of a snapshot or a stream the session by which it was taken or opened, else NULL
 * @counted: where the taker counts it
 * @rights: enum docstore_open_flags; set at open, never changed
 * @opened: when it was opened
 * @uid: who has opened it; as what follows it is only shown
 * @gid: likewise
 * @pid: likewise, the process
 * @comm: likewise, the thread's name
 * @stats: counters
 * @requests: requests under way that may outlive a call
 * @request_bytes: memory that they take
 * @snapshots: files of snapshots that were taken by it
 * @streams: files of streams that were opened by it
 */
struct ds_session {
	refcount_t ref;
	u32 id;
	struct file *file;
	struct ds_store *store;
	struct ds_snapshot *snapshot;
	struct ds_stream *stream;
	struct ds_session *taker;
	atomic_t *counted;
	u32 rights;
	u64 opened;
	kuid_t uid;
	kgid_t gid;
	struct pid *pid;
	char comm[TASK_COMM_LEN];
	struct ds_session_stats __percpu *stats;
	atomic_t requests;
	atomic64_t request_bytes;
	atomic_t snapshots;
	atomic_t streams;
};

static inline bool ds_session_may(const struct ds_session *session, u32 right)
{
	return session->rights & right;
}

struct ds_session *ds_session_create(struct ds_store *store, u32 rights, bool wait);
void ds_session_free(struct ds_session *session);
int ds_session_show(struct ds_session *session, struct file *file);
bool ds_session_waits(const struct ds_session *session);
void ds_session_end(struct ds_session *session);

struct ds_session *ds_session_create_by(struct ds_session *taker, atomic_t *count,
					enum docstore_setting limit);
int ds_session_add_request(struct ds_session *session, u64 bytes);
void ds_session_drop_request(struct ds_session *session, u64 bytes);
void ds_session_bytes_in(struct ds_session *session, u64 bytes);
void ds_session_bytes_out(struct ds_session *session, u64 bytes);

u32 ds_sessions_count(void);
u64 ds_sessions_waited(void);
u64 ds_sessions_refused(void);
bool ds_sessions_next(u64 after, struct docstore_session_info *info);
u32 ds_sessions_last(void);
int ds_sessions_check(struct ds_store *store, bool repair, u32 *is, u32 *should);
void ds_sessions_more(void);
void ds_sessions_exit(void);

int ds_ioctl_session_list(struct ds_session *session, void *arg);

#endif /* _DOCSTORE_SESSION_H */

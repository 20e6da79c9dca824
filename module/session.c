// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: how many there may be, what each of them may have under way, and who has
 * them.
 *
 * Locks: the lock of ds_sessions, the table. A session is in it from when its file can be
 * used until that is released; what is looked at under the lock stays until then.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/percpu.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <linux/docstore_monitor.h>

#include "config.h"
#include "contention.h"
#include "ioctl.h"
#include "session.h"
#include "snapshot.h"
#include "store.h"
#include "stream.h"

static DEFINE_XARRAY_ALLOC1(ds_sessions);
static u32 ds_session_last;
static atomic_t ds_session_count = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(ds_session_room);
static atomic64_t ds_session_waited = ATOMIC64_INIT(0);
static atomic64_t ds_session_refusals = ATOMIC64_INIT(0);

/**
 * ds_sessions_count() - how many sessions there are
 *
 * Return: their number.
 */
u32 ds_sessions_count(void)
{
	return atomic_read(&ds_session_count);
}

/**
 * ds_sessions_waited() - how many opens have waited for their turn
 *
 * Return: their number.
 */
u64 ds_sessions_waited(void)
{
	return atomic64_read(&ds_session_waited);
}

/**
 * ds_sessions_refused() - how many opens were refused because they did not want to wait
 *
 * Return: their number.
 */
u64 ds_sessions_refused(void)
{
	return atomic64_read(&ds_session_refusals);
}

/* Is there room for one more? Then it is counted. */
static bool ds_session_take(void)
{
	int most = ds_config_module(DOCSTORE_SETTING_MAX_SESSIONS);
	int count = atomic_read(&ds_session_count);

	do {
		if (count >= most)
			return false;
	} while (!atomic_try_cmpxchg(&ds_session_count, &count, count + 1));
	return true;
}

/* Who could do something about it gets in. */
static int ds_session_wait(bool wait)
{
	if (ds_session_take())
		return 0;
	if (capable(CAP_SYS_ADMIN)) {
		atomic_inc(&ds_session_count);
		return 0;
	}
	if (!wait) {
		atomic64_inc(&ds_session_refusals);
		return -EAGAIN;
	}
	atomic64_inc(&ds_session_waited);
	return wait_event_interruptible_exclusive(ds_session_room, ds_session_take());
}

static void ds_session_leave(void)
{
	atomic_dec(&ds_session_count);
	/*
	 * Full barrier in it, which pairs with that of who begins to wait: he sees the
	 * number, or is woken.
	 */
	if (wq_has_sleeper(&ds_session_room))
		wake_up(&ds_session_room);
}

/**
 * ds_sessions_more() - the limit may be higher now
 */
void ds_sessions_more(void)
{
	wake_up_all(&ds_session_room);
}

static void ds_session_put(struct ds_session *session)
{
	if (!refcount_dec_and_test(&session->ref))
		return;
	put_pid(session->pid);
	free_percpu(session->stats);
	kfree(session);
}

static struct ds_session *ds_session_alloc(void)
{
	struct ds_session *session = kzalloc_obj(*session, GFP_KERNEL_ACCOUNT);

	if (!session)
		return NULL;
	session->stats = alloc_percpu_gfp(struct ds_session_stats, GFP_KERNEL_ACCOUNT);
	if (!session->stats) {
		kfree(session);
		return NULL;
	}
	refcount_set(&session->ref, 1);
	return session;
}

/**
 * ds_session_create() - a session that nobody can use or see yet
 * @store: the store, which it holds from now on; NULL for the control node
 * @rights: enum docstore_open_flags
 * @wait: wait if there are as many as there may be
 *
 * Context: may sleep.
 * Return: the session, or an error pointer: -EAGAIN, -ENOMEM or -ERESTARTSYS.
 */
struct ds_session *ds_session_create(struct ds_store *store, u32 rights, bool wait)
{
	struct ds_session *session = ds_session_alloc();
	int err;

	if (!session)
		return ERR_PTR(-ENOMEM);
	err = ds_session_wait(wait);
	if (err) {
		ds_session_put(session);
		return ERR_PTR(err);
	}
	session->rights = rights;
	session->opened = ktime_get_real_ns();
	current_uid_gid(&session->uid, &session->gid);
	session->pid = get_pid(task_tgid(current));
	get_task_comm(session->comm, current);
	session->store = store;
	if (store) {
		ds_store_get(store);
		atomic_inc(&store->sessions);
	}
	return session;
}

/**
 * ds_session_show() - a session has a file now, and can be seen
 * @session: the session
 * @file: the file
 *
 * Return: 0, -EBUSY or -ENOMEM.
 */
int ds_session_show(struct ds_session *session, struct file *file)
{
	int err;

	session->file = file;
	if (session->snapshot)
		atomic_inc(&session->store->snapshots);
	ds_contention_count(DS_PLACE_SESSIONS, ds_contention_is_held(&ds_sessions.xa_lock));
	err = xa_alloc_cyclic(&ds_sessions, &session->id, session, xa_limit_32b,
			      &ds_session_last, GFP_KERNEL_ACCOUNT);
	return min(err, 0);
}

/**
 * ds_session_waits() - does who uses a session want to wait
 * @session: the session
 *
 * Return: false if its file has O_NONBLOCK.
 */
bool ds_session_waits(const struct ds_session *session)
{
	return !(READ_ONCE(session->file->f_flags) & O_NONBLOCK);
}

/**
 * ds_session_free() - undo ds_session_create()
 * @session: the session, which is not seen, or not any more; with it goes its snapshot or
 *	stream
 *
 * Context: may sleep.
 */
void ds_session_free(struct ds_session *session)
{
	if (session->snapshot)
		ds_snapshot_close(session->snapshot);
	if (session->stream)
		ds_stream_close(session->stream);
	if (session->taker) {
		atomic_dec(session->counted);
		ds_session_put(session->taker);
	}
	if (session->store) {
		atomic_dec(&session->store->sessions);
		ds_store_close(session->store);
	}
	ds_session_leave();
	ds_session_put(session);
}

/**
 * ds_session_end() - the file is released
 * @session: its session
 *
 * Context: may sleep.
 */
void ds_session_end(struct ds_session *session)
{
	xa_erase(&ds_sessions, session->id);
	if (session->snapshot)
		atomic_dec(&session->store->snapshots);
	WARN_ON_ONCE(atomic_read(&session->requests));
	ds_session_free(session);
}

/**
 * ds_session_create_by() - a session for what another one takes or opens
 * @taker: the session by which it is taken or opened
 * @count: where the taker counts it
 * @limit: how many of its kind a session may have
 *
 * For a store to be read, as ds_session_create().
 *
 * Context: may sleep.
 * Return: the session, or an error pointer: -EAGAIN, -EINTR, -ENOMEM or -ENOSPC.
 */
struct ds_session *ds_session_create_by(struct ds_session *taker, atomic_t *count,
					enum docstore_setting limit)
{
	struct ds_session *session = ds_session_create(taker->store, DOCSTORE_OPEN_READ,
						       ds_session_waits(taker));

	if (IS_ERR(session))
		return PTR_ERR(session) == -ERESTARTSYS ? ERR_PTR(-EINTR) : session;
	if (atomic_inc_return(count) > ds_config_of(taker->store, limit)) {
		atomic_dec(count);
		ds_session_free(session);
		return ERR_PTR(-ENOSPC);
	}
	refcount_inc(&taker->ref);
	session->taker = taker;
	session->counted = count;
	return session;
}

/**
 * ds_session_add_request() - count a request that may outlive the call
 * @session: the session
 * @bytes: memory that it takes
 *
 * Return: 0, or -EBUSY if there is no room; then nothing was counted.
 */
int ds_session_add_request(struct ds_session *session, u64 bytes)
{
	static const enum docstore_setting settings[] = {
		DOCSTORE_SETTING_SESSION_REQUESTS, DOCSTORE_SETTING_SESSION_BYTES,
	};
	u64 most[ARRAY_SIZE(settings)], requests, total;

	ds_config_many(session->store, settings, most, ARRAY_SIZE(settings));
	requests = atomic_inc_return(&session->requests);
	total = atomic64_add_return(bytes, &session->request_bytes);
	if (requests <= most[0] && total <= most[1])
		return 0;
	ds_session_drop_request(session, bytes);
	return -EBUSY;
}

/**
 * ds_session_drop_request() - count a request off
 * @session: the session
 * @bytes: memory that it took
 */
void ds_session_drop_request(struct ds_session *session, u64 bytes)
{
	atomic64_sub(bytes, &session->request_bytes);
	atomic_dec(&session->requests);
}

/**
 * ds_session_bytes_in() - count bytes that came with a batch, also for the store
 * @session: the session by which they came, which has a store
 * @bytes: how many
 */
void ds_session_bytes_in(struct ds_session *session, u64 bytes)
{
	this_cpu_add(session->stats->bytes_in, bytes);
	this_cpu_add(session->store->stats->bytes_in, bytes);
}

/**
 * ds_session_bytes_out() - count bytes that went out, also for the store
 * @session: the session by which they went, which has a store
 * @bytes: how many
 */
void ds_session_bytes_out(struct ds_session *session, u64 bytes)
{
	this_cpu_add(session->stats->bytes_out, bytes);
	this_cpu_add(session->store->stats->bytes_out, bytes);
}

static void ds_session_fill_info(const struct ds_session *session,
				 struct docstore_session_info *info)
{
	unsigned int cpu;

	*info = (struct docstore_session_info){
		.id = session->id,
		.opened = session->opened,
		.uid = from_kuid_munged(current_user_ns(), session->uid),
		.gid = from_kgid_munged(current_user_ns(), session->gid),
		.pid = pid_nr_ns(session->pid, task_active_pid_ns(current)),
		.rights = session->rights,
		.requests = atomic_read(&session->requests),
		.request_bytes = atomic64_read(&session->request_bytes),
		.snapshots = atomic_read(&session->snapshots),
		.streams = atomic_read(&session->streams),
		.stream = session->stream ? 1 + ds_stream_state(session->stream) : 0,
	};
	BUILD_BUG_ON(sizeof(info->comm) != sizeof(session->comm));
	memcpy(info->comm, session->comm, sizeof(info->comm));
	if (session->store) {
		info->incarnation = session->store->incarnation;
		memcpy(info->store, session->store->name, sizeof(info->store));
	}
	if (session->snapshot)
		info->snapshot = session->snapshot->id;
	for_each_possible_cpu(cpu) {
		const struct ds_session_stats *stats = per_cpu_ptr(session->stats, cpu);

		info->calls += READ_ONCE(stats->calls);
		info->errors += READ_ONCE(stats->errors);
		info->operations += READ_ONCE(stats->operations);
		info->bytes_in += READ_ONCE(stats->bytes_in);
		info->bytes_out += READ_ONCE(stats->bytes_out);
	}
}

/* So many are looked at before others get at the table. */
#define DS_SESSIONS_LOOK	64

/*
 * The next one behind @id that the caller may see, among the next few; @id is the last
 * one that was looked at. Return 1 if there is one, 0 if there may be others, -ENOENT at
 * the end.
 */
static int ds_sessions_look(unsigned long *id, bool all, struct docstore_session_info *info)
{
	struct ds_session *session = NULL;
	int found = 0, i;

	xa_lock(&ds_sessions);
	for (i = 0; i < DS_SESSIONS_LOOK && !found; i++) {
		session = xa_find_after(&ds_sessions, id, ULONG_MAX, XA_PRESENT);
		if (!session)
			break;
		found = all || uid_eq(session->uid, current_uid());
		if (found)
			ds_session_fill_info(session, info);
	}
	xa_unlock(&ds_sessions);
	return session ? found : -ENOENT;
}

/**
 * ds_sessions_next() - the next session that the caller may see
 * @after: number of the last one
 * @info: what there is to say about it
 *
 * Context: may sleep.
 * Return: false if there is none.
 */
bool ds_sessions_next(u64 after, struct docstore_session_info *info)
{
	bool all = capable(CAP_SYS_ADMIN);
	unsigned long id = after;
	int found;

	do {
		found = ds_sessions_look(&id, all, info);
		cond_resched();
	} while (!found);
	return found > 0;
}

/**
 * ds_sessions_last() - the number of the session that was opened last
 *
 * Context: any.
 * Return: the number, which is another one when a session was opened meanwhile.
 */
u32 ds_sessions_last(void)
{
	/* Written under the table's lock; whether it has changed is all that counts. */
	return data_race(ds_session_last);
}

/**
 * ds_sessions_check() - are the sessions of a store counted right
 * @store: the store
 * @repair: if they are not, count them again
 * @is: how many are counted
 * @should: how many are in the table
 *
 * Return: 0 if so; 1 if more are counted, as is right while one is opened or closed; -1 if
 * there are fewer, which is never right, and was repaired if asked for.
 */
int ds_sessions_check(struct ds_store *store, bool repair, u32 *is, u32 *should)
{
	struct ds_session *session;
	unsigned long id;

	*should = 0;
	/* They are counted before they come into the table, and until they were in it. */
	xa_lock(&ds_sessions);
	xa_for_each(&ds_sessions, id, session)
		if (session->store == store)
			(*should)++;
	*is = atomic_read(&store->sessions);
	if ((int)*is < (int)*should && repair)
		atomic_add(*should - *is, &store->sessions);
	xa_unlock(&ds_sessions);
	return *is == *should ? 0 : (int)*is > (int)*should ? 1 : -1;
}

static u64 ds_session_next(struct ds_session *session, u64 after, void *info)
{
	struct docstore_session_info *next = info;

	return ds_sessions_next(after, next) ? next->id : 0;
}

/**
 * ds_ioctl_session_list() - DOCSTORE_SESSION_LIST
 * @session: the caller's session
 * @data: struct docstore_session_list
 *
 * Return: 0, -E2BIG, -EFAULT or -EINVAL.
 */
int ds_ioctl_session_list(struct ds_session *session, void *data)
{
	struct docstore_session_list *arg = data;
	struct docstore_session_info info;
	const struct ds_listing list = {
		.next = ds_session_next,
		.info = &info,
		.info_size = sizeof(info),
		/* What the first version of the interface had. */
		.least = offsetofend(struct docstore_session_info, store),
		.array = arg->sessions,
		.element = arg->session_size,
		.count = &arg->count,
		.cursor = &arg->cursor,
	};

	if (arg->flags)
		return -EINVAL;
	return ds_list_out(session, &list);
}

/**
 * ds_sessions_exit() - free the table, when there are no sessions any more
 */
void ds_sessions_exit(void)
{
	xa_destroy(&ds_sessions);
}

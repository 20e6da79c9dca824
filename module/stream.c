// SPDX-License-Identifier: GPL-2.0
/*
 * Streams: opening and closing, their state, and who is woken when. What they yield is in
 * stream_read.c.
 *
 * A stream costs owners nothing: it is a place in backlogs that they write anyway. Only
 * where somebody waits must he be woken. Streams of those who wait are in two lists. Of
 * the eager ones, which have no filter, any change is worth the trouble; for the choosy
 * ones it is looked first whether there is anything for them. If they are few the owner
 * does that himself, else a worker does. That nobody is missed:
 *
 *	who waits				owner
 *	---------				-----
 *	into the list, @waiting			publish
 *	smp_mb()				full barrier of ds_partition_publish()
 *	look whether there is something		look at @waiting
 *
 * Who was woken is in no list until he waits again. So streams that are paused, or that
 * nobody reads, are in none.
 *
 * State: one byte. RUNNING and PAUSED may become each other, and whatever is over is
 * COMPLETE or ERROR for good; all by cmpxchg().
 *
 * Locks: @lock of a stream, and under it the lock of struct ds_streams.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait_bit.h>

#include "backlog.h"
#include "config.h"
#include "device.h"
#include "ioctl.h"
#include "session.h"
#include "snapshot.h"
#include "store.h"
#include "stream.h"
#include "trace.h"

/* Where those are woken whom owners leave to it. */
static struct workqueue_struct *ds_streams_queue;

/* Bookmarks come so often if nothing else was asked for. */
#define DS_BOOKMARK_MS		1000

static struct ds_streams *ds_stream_streams(const struct ds_stream *stream)
{
	return &stream->session->store->streams;
}

/* --- waiting and waking ------------------------------------------------------------- */

static bool ds_stream_choosy(const struct ds_stream *stream)
{
	return stream->prefix_len || stream->type || stream->property;
}

/**
 * ds_stream_armed() - is a stream to be woken when something is published
 * @stream: the stream
 *
 * Return: false if it was woken since ds_stream_arm().
 */
bool ds_stream_armed(const struct ds_stream *stream)
{
	return !list_empty_careful(&stream->node);
}

/**
 * ds_stream_arm() - have a stream woken when something is published
 * @stream: the stream
 *
 * The caller looks for what there is to read behind this.
 *
 * Context: holds the stream's lock.
 */
void ds_stream_arm(struct ds_stream *stream)
{
	struct ds_streams *streams = ds_stream_streams(stream);

	lockdep_assert_held(&stream->lock);
	if (!ds_stream_armed(stream)) {
		spin_lock(&streams->lock);
		list_add_tail(&stream->node, ds_stream_choosy(stream) ? &streams->choosy :
							       &streams->eager);
		WRITE_ONCE(streams->waiting, streams->waiting + 1);
		spin_unlock(&streams->lock);
	}
	/* Pairs with the full barrier of who has published; see the top. */
	smp_mb();
}

static void ds_stream_unlist(struct ds_streams *streams, struct ds_stream *stream)
{
	lockdep_assert_held(&streams->lock);
	list_del_init_careful(&stream->node);
	WRITE_ONCE(streams->waiting, streams->waiting - 1);
}

/* It is to be in no list. */
static void ds_stream_disarm(struct ds_stream *stream)
{
	struct ds_streams *streams = ds_stream_streams(stream);

	spin_lock(&streams->lock);
	if (ds_stream_armed(stream))
		ds_stream_unlist(streams, stream);
	spin_unlock(&streams->lock);
}

/* Context: holds the lock of the lists, so that the stream stays. */
static void ds_stream_rouse(struct ds_streams *streams, struct ds_stream *stream)
{
	ds_stream_unlist(streams, stream);
	wake_up_interruptible_poll(&stream->wait, EPOLLIN | EPOLLRDNORM);
}

/* Wake so many of those who are eager. */
static void ds_streams_rouse(struct ds_streams *streams, u32 count)
{
	lockdep_assert_held(&streams->lock);
	for (; count && !list_empty(&streams->eager); count--)
		ds_stream_rouse(streams, list_first_entry(&streams->eager, struct ds_stream, node));
}

/* Is there something for a stream? If somebody is at it, let him find out. */
static bool ds_stream_look(struct ds_stream *stream)
{
	bool ready = true;

	if (mutex_trylock(&stream->lock)) {
		ready = ds_stream_ready(stream);
		mutex_unlock(&stream->lock);
	}
	return ready;
}

/* The next one of those who are choosy. Context: holds the lock of the lists, not all along. */
static void ds_streams_look(struct ds_streams *streams)
{
	struct ds_stream *stream;
	bool ready;

	lockdep_assert_held(&streams->lock);
	stream = list_first_entry_or_null(&streams->choosy, struct ds_stream, node);
	if (!stream)
		return;
	list_move_tail(&stream->node, &streams->choosy);
	stream->looks++;
	spin_unlock(&streams->lock);
	ready = ds_stream_look(stream);
	cond_resched();
	spin_lock(&streams->lock);
	if (ready && ds_stream_armed(stream))
		ds_stream_rouse(streams, stream);
	/* It may go away then; its address is all that is used of it. */
	if (!--stream->looks)
		wake_up_var(&stream->looks);
}

static void ds_streams_work(struct work_struct *work)
{
	struct ds_streams *streams = container_of(work, struct ds_streams, wake);
	u32 left;

	spin_lock(&streams->lock);
	ds_streams_rouse(streams, U32_MAX);
	for (left = streams->waiting; left; left--)
		ds_streams_look(streams);
	spin_unlock(&streams->lock);
	ds_store_put(container_of(streams, struct ds_store, streams));
}

/**
 * ds_streams_wake() - wake those who wait for what was published
 * @streams: the streams of a store that the caller holds
 *
 * Context: may sleep.
 */
void ds_streams_wake(struct ds_streams *streams)
{
	struct ds_store *store = container_of(streams, struct ds_store, streams);
	bool few = READ_ONCE(streams->waiting) <= DS_STREAM_DIRECT;
	u32 left = DS_STREAM_DIRECT;

	spin_lock(&streams->lock);
	ds_streams_rouse(streams, DS_STREAM_DIRECT);
	while (few && streams->waiting && left--)
		ds_streams_look(streams);
	spin_unlock(&streams->lock);
	if (few || !READ_ONCE(streams->waiting) || work_pending(&streams->wake))
		return;
	ds_store_get(store);
	if (!queue_work(ds_streams_queue, &streams->wake))
		ds_store_put(store);
}

/**
 * ds_streams_prepare() - prepare what a store has for streams
 * @streams: it, zeroed
 */
void ds_streams_prepare(struct ds_streams *streams)
{
	mutex_init(&streams->begin_lock);
	spin_lock_init(&streams->lock);
	INIT_LIST_HEAD(&streams->eager);
	INIT_LIST_HEAD(&streams->choosy);
	INIT_WORK(&streams->wake, ds_streams_work);
}

/**
 * ds_streams_init() - prepare for streams
 *
 * Return: 0 or -ENOMEM.
 */
int ds_streams_init(void)
{
	ds_streams_queue = alloc_workqueue("docstore_streams", WQ_UNBOUND | WQ_HIGHPRI, 0);
	return ds_streams_queue ? 0 : -ENOMEM;
}

/**
 * ds_streams_exit() - undo it, when there are no stores any more
 */
void ds_streams_exit(void)
{
	destroy_workqueue(ds_streams_queue);
}

/* --- state -------------------------------------------------------------------------- */

/**
 * ds_stream_state() - the state of a stream
 * @stream: the stream
 *
 * Return: enum docstore_stream_state.
 */
u8 ds_stream_state(const struct ds_stream *stream)
{
	/* Pairs with ds_stream_change(): with the error, if it is one. */
	return smp_load_acquire(&stream->state);
}

/**
 * ds_stream_state_name() - what a stream is, for people
 * @state: enum docstore_stream_state
 *
 * Return: text to be followed by the name of the store.
 */
const char *ds_stream_state_name(u8 state)
{
	static const char * const names[] = {
		[DOCSTORE_STREAM_RUNNING] = "stream of ",
		[DOCSTORE_STREAM_PAUSED] = "paused stream of ",
		[DOCSTORE_STREAM_COMPLETE] = "complete stream of ",
		[DOCSTORE_STREAM_ERROR] = "failed stream of ",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "";
}

static bool ds_stream_change(struct ds_stream *stream, u8 from, u8 to)
{
	/* Full barrier; pairs with ds_stream_state(). */
	if (cmpxchg(&stream->state, from, to) != from)
		return false;
	trace_docstore_stream(stream->session->store->incarnation, stream->session->id, from, to);
	wake_up_interruptible_all(&stream->wait);
	return true;
}

/**
 * ds_stream_complete() - all was read
 * @stream: the stream, whose state may be anything
 */
void ds_stream_complete(struct ds_stream *stream)
{
	if (!ds_stream_change(stream, DOCSTORE_STREAM_RUNNING, DOCSTORE_STREAM_COMPLETE))
		ds_stream_change(stream, DOCSTORE_STREAM_PAUSED, DOCSTORE_STREAM_COMPLETE);
}

static void ds_stream_pause_over(struct work_struct *work)
{
	struct ds_stream_pause *pause = container_of(to_delayed_work(work),
						     struct ds_stream_pause, timeout);
	u8 to = DOCSTORE_STREAM_RUNNING;

	if (pause->then_error) {
		WRITE_ONCE(pause->stream->error, -ETIMEDOUT);
		to = DOCSTORE_STREAM_ERROR;
	}
	ds_stream_change(pause->stream, DOCSTORE_STREAM_PAUSED, to);
}

/* Nobody needs it before; whoever sees it sees all of it. */
static struct ds_stream_pause *ds_stream_pause_get(struct ds_stream *stream)
{
	struct ds_stream_pause *pause;

	lockdep_assert_held(&stream->lock);
	if (stream->pause)
		return stream->pause;
	pause = kzalloc_obj(*pause, GFP_KERNEL_ACCOUNT);
	if (!pause)
		return NULL;
	INIT_DELAYED_WORK(&pause->timeout, ds_stream_pause_over);
	pause->stream = stream;
	stream->memory += sizeof(*pause);
	stream->pause = pause;
	return pause;
}

static int ds_stream_pause(struct ds_stream *stream, const struct docstore_stream_pause *arg)
{
	struct ds_stream_pause *pause = ds_stream_pause_get(stream);
	u8 state;

	if (!pause)
		return -ENOMEM;
	/* The time of a pause going on is over before its own can be. */
	cancel_delayed_work_sync(&pause->timeout);
	state = ds_stream_state(stream);
	if (state == DOCSTORE_STREAM_RUNNING &&
	    ds_stream_change(stream, DOCSTORE_STREAM_RUNNING, DOCSTORE_STREAM_PAUSED))
		state = DOCSTORE_STREAM_PAUSED;
	if (state != DOCSTORE_STREAM_PAUSED)
		return -EPIPE;
	/* Who is paused is not woken for what is published. */
	ds_stream_disarm(stream);
	pause->since = ktime_get_ns();
	pause->count++;
	pause->timeout_ms = arg->timeout_ms;
	pause->then_error = arg->flags & DOCSTORE_PAUSE_THEN_ERROR;
	if (pause->timeout_ms)
		schedule_delayed_work(&pause->timeout, msecs_to_jiffies(pause->timeout_ms));
	return 0;
}

/**
 * ds_ioctl_stream_pause() - DOCSTORE_STREAM_PAUSE
 * @session: the stream's session
 * @data: struct docstore_stream_pause
 *
 * Return: 0, -EINTR, -EINVAL, -ENOMEM or -EPIPE.
 */
int ds_ioctl_stream_pause(struct ds_session *session, void *data)
{
	const struct docstore_stream_pause *arg = data;
	int err;

	if ((arg->flags & ~DOCSTORE_PAUSE_THEN_ERROR) || arg->__reserved)
		return -EINVAL;
	if ((arg->flags & DOCSTORE_PAUSE_THEN_ERROR) && !arg->timeout_ms)
		return -EINVAL;
	if (mutex_lock_interruptible(&session->stream->lock))
		return -EINTR;
	err = ds_stream_pause(session->stream, arg);
	mutex_unlock(&session->stream->lock);
	return err;
}

/**
 * ds_ioctl_stream_resume() - DOCSTORE_STREAM_RESUME
 * @session: the stream's session
 * @data: struct docstore_stream_resume
 *
 * Return: 0, -EINVAL or -EPIPE.
 */
int ds_ioctl_stream_resume(struct ds_session *session, void *data)
{
	const struct docstore_stream_resume *arg = data;
	struct ds_stream *stream = session->stream;

	if (arg->flags)
		return -EINVAL;
	ds_stream_change(stream, DOCSTORE_STREAM_PAUSED, DOCSTORE_STREAM_RUNNING);
	return ds_stream_state(stream) > DOCSTORE_STREAM_PAUSED ? -EPIPE : 0;
}

static void ds_stream_fill_info(struct ds_stream *stream, struct docstore_stream_info *info)
{
	const struct ds_store *store = stream->session->store;
	const struct ds_stream_pause *pause = stream->pause;
	u8 state = ds_stream_state(stream);
	u32 i;

	*info = (struct docstore_stream_info){
		.size = info->size,
		.state = state,
		.stream_flags = stream->flags,
		.error = state == DOCSTORE_STREAM_ERROR ? -READ_ONCE(stream->error) : 0,
		.memory = stream->memory,
		.records = stream->records,
		.bytes = stream->bytes,
		.passed = stream->passed,
		.lost = stream->lost,
		.needed = stream->needed,
		.pauses = pause ? pause->count : 0,
	};
	if (pause && state == DOCSTORE_STREAM_PAUSED) {
		info->paused_ns = ktime_get_ns() - pause->since;
		info->timeout_ms = pause->timeout_ms;
	}
	for (i = 0; (stream->flags & DOCSTORE_STREAM_FOLLOW) && i < store->npartitions; i++) {
		const struct ds_backlog *log = store->owned[i]->partition.backlog;
		u64 behind = ds_cursor_behind(log, &stream->cursor[i]);

		info->behind = max(info->behind, behind);
		info->backlog = log->size;
	}
}

/**
 * ds_ioctl_stream_info() - DOCSTORE_STREAM_INFO
 * @session: the stream's session
 * @data: struct docstore_stream_info
 *
 * Return: 0, -EINTR or -EINVAL.
 */
int ds_ioctl_stream_info(struct ds_session *session, void *data)
{
	struct docstore_stream_info *arg = data;

	if (arg->flags)
		return -EINVAL;
	if (mutex_lock_interruptible(&session->stream->lock))
		return -EINTR;
	ds_stream_fill_info(session->stream, arg);
	mutex_unlock(&session->stream->lock);
	return 0;
}

/* --- opening and closing ------------------------------------------------------------- */

static bool ds_stream_legal(const struct ds_store *store, const struct docstore_stream *arg)
{
	const u32 follow = DOCSTORE_STREAM_VALUES | DOCSTORE_STREAM_BOOKMARKS |
			   DOCSTORE_STREAM_RESYNC;
	const u32 all = follow | DOCSTORE_STREAM_SNAPSHOT | DOCSTORE_STREAM_FOLLOW |
			DOCSTORE_STREAM_NONBLOCK;

	if ((arg->flags & ~all) || arg->__reserved ||
	    !(arg->flags & (DOCSTORE_STREAM_SNAPSHOT | DOCSTORE_STREAM_FOLLOW)))
		return false;
	if (!(arg->flags & DOCSTORE_STREAM_FOLLOW) && ((arg->flags & follow) || arg->property))
		return false;
	if (!(arg->flags & DOCSTORE_STREAM_BOOKMARKS) && arg->bookmark_ms)
		return false;
	if (arg->token_size && (!(arg->flags & DOCSTORE_STREAM_FOLLOW) ||
				(arg->flags & DOCSTORE_STREAM_SNAPSHOT)))
		return false;
	if (!arg->token_size && arg->token)
		return false;
	return (!arg->type || ds_names_valid(&store->names, arg->type)) &&
	       (!arg->property || ds_names_valid(&store->names, arg->property));
}

static struct ds_stream *ds_stream_alloc(struct ds_session *session,
					 const struct docstore_stream *arg)
{
	u32 cursors = arg->flags & DOCSTORE_STREAM_FOLLOW ? session->store->npartitions : 0;
	struct ds_stream *stream;
	size_t size = struct_size(stream, cursor, cursors) + arg->prefix_len;

	stream = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!stream)
		return ERR_PTR(-ENOMEM);
	stream->session = session;
	mutex_init(&stream->lock);
	stream->flags = arg->flags & ~DOCSTORE_STREAM_NONBLOCK;
	stream->type = arg->type;
	stream->property = arg->property;
	stream->prefix_len = arg->prefix_len;
	stream->bookmark_ms = arg->bookmark_ms ?: DS_BOOKMARK_MS;
	stream->memory = size;
	stream->first = (arg->flags & DOCSTORE_STREAM_BOOKMARKS) && !arg->token_size;
	stream->marked = ktime_get_ns();
	INIT_LIST_HEAD(&stream->node);
	init_waitqueue_head(&stream->wait);
	if (copy_from_user(&stream->cursor[cursors], u64_to_user_ptr(arg->prefix),
			   arg->prefix_len)) {
		kvfree(stream);
		return ERR_PTR(-EFAULT);
	}
	atomic_inc(&session->store->streams.count);
	return stream;
}

/* From where a token says. */
static int ds_stream_seek(struct ds_stream *stream, const struct docstore_stream *arg)
{
	const struct ds_store *store = stream->session->store;
	struct docstore_token __user *user = u64_to_user_ptr(arg->token);
	struct docstore_token token;
	u32 i;

	if (arg->token_size < sizeof(token))
		return -EINVAL;
	if (copy_from_user(&token, user, sizeof(token)))
		return -EFAULT;
	if (token.size != arg->token_size || token.partitions > DOCSTORE_MAX_PARTITIONS ||
	    token.size != struct_size(&token, next, token.partitions))
		return -EINVAL;
	if (token.incarnation != store->incarnation || token.created != store->created) {
		stream->foreign = true;
		stream->first = arg->flags & DOCSTORE_STREAM_BOOKMARKS;
		ds_stream_start(stream);
		return 0;
	}
	if (token.partitions != store->npartitions)
		return -EINVAL;
	for (i = 0; i < store->npartitions; i++) {
		const struct ds_partition *p = &store->owned[i]->partition;
		u64 next;

		if (get_user(next, &user->next[i]))
			return -EFAULT;
		if (!next || !ds_cursor_seek(p->backlog, next, &stream->cursor[i]))
			return -EINVAL;
		cond_resched();
	}
	return 0;
}

static int ds_stream_open(struct ds_stream *stream, const struct docstore_stream *arg)
{
	int err = 0;

	if (arg->flags & DOCSTORE_STREAM_FOLLOW)
		err = ds_backlogs_begin(stream->session->store);
	if (err)
		return err;
	if (arg->flags & DOCSTORE_STREAM_SNAPSHOT) {
		mutex_lock(&stream->lock);
		err = ds_stream_begin_scan(stream, false);
		mutex_unlock(&stream->lock);
	} else if (arg->token_size) {
		err = ds_stream_seek(stream, arg);
	} else {
		ds_stream_start(stream);
	}
	return err;
}

/**
 * ds_ioctl_stream() - DOCSTORE_STREAM
 * @session: the caller's session
 * @data: struct docstore_stream
 *
 * Return: the new descriptor, -EAGAIN, -EBUSY, -EFAULT, -EINTR, -EINVAL, -EMFILE,
 * -ENAMETOOLONG, -ENOMEM or -ENOSPC.
 */
int ds_ioctl_stream(struct ds_session *session, void *data)
{
	const struct docstore_stream *arg = data;
	struct ds_stream *stream;
	struct ds_session *of;
	int err;

	if (!ds_stream_legal(session->store, arg))
		return -EINVAL;
	if (arg->prefix_len > DOCSTORE_MAX_ID)
		return -ENAMETOOLONG;
	/* First, so that nothing is held while it waits. */
	of = ds_session_create_by(session, &session->streams, DOCSTORE_SETTING_SESSION_STREAMS);
	if (IS_ERR(of))
		return PTR_ERR(of);
	stream = ds_stream_alloc(of, arg);
	if (IS_ERR(stream)) {
		err = PTR_ERR(stream);
		goto err_session;
	}
	of->stream = stream;
	err = ds_stream_open(stream, arg);
	if (err)
		goto err_session;
	return ds_device_open_stream(of, arg->flags & DOCSTORE_STREAM_NONBLOCK);

err_session:
	ds_session_free(of);
	return err;
}

/**
 * ds_stream_close() - end a stream
 * @stream: the stream, which nobody uses any more
 *
 * Context: may sleep.
 */
void ds_stream_close(struct ds_stream *stream)
{
	struct ds_streams *streams = ds_stream_streams(stream);

	ds_stream_disarm(stream);
	/* It is in no list any more, so that it is not looked at again. */
	wait_var_event(&stream->looks, !READ_ONCE(stream->looks));
	/* Whoever was the last has let go of the lock, too. */
	spin_lock(&streams->lock);
	spin_unlock(&streams->lock);
	if (stream->pause)
		cancel_delayed_work_sync(&stream->pause->timeout);
	kfree(stream->pause);
	ds_stream_end_scan(stream);
	atomic_dec(&streams->count);
	kvfree(stream);
}

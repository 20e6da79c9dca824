// SPDX-License-Identifier: GPL-2.0
/*
 * What streams yield: records of changes, of documents, and those between them.
 *
 * Changes are copied from the backlog to the reader at once. Afterwards it is looked
 * whether they were still there; if they were not, what was copied does not count.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uio.h>

#include "scan.h"
#include "session.h"
#include "snapshot.h"
#include "store.h"
#include "stream.h"

/* How many changes are passed over before others get their turn. */
#define DS_STREAM_PASS		1024

/* Buckets that are looked at before it is looked for signals. */
#define DS_STREAM_BUCKETS	4096

/* What no errno is: the next record does not fit. */
#define DS_STREAM_FULL		1

static const u8 *ds_stream_prefix(const struct ds_stream *stream)
{
	return (const u8 *)&stream->cursor[stream->flags & DOCSTORE_STREAM_FOLLOW ?
					   stream->session->store->npartitions : 0];
}

/* --- records ------------------------------------------------------------------------ */

/* Is there room for a record? */
static bool ds_stream_room(struct ds_stream *stream, struct iov_iter *to, u32 size)
{
	if (iov_iter_count(to) >= size)
		return true;
	stream->needed = size;
	return false;
}

static void ds_stream_count(struct ds_stream *stream, u32 size)
{
	stream->records++;
	stream->bytes += size;
}

/* A record and what stands behind its header. Return 0, DS_STREAM_FULL or -EFAULT. */
static int ds_stream_put(struct ds_stream *stream, struct iov_iter *to,
			 struct docstore_record *record, const void *data, u32 len)
{
	record->size = sizeof(*record) + len;
	if (!ds_stream_room(stream, to, record->size))
		return DS_STREAM_FULL;
	if (copy_to_iter(record, sizeof(*record), to) != sizeof(*record) ||
	    copy_to_iter(data, len, to) != len)
		return -EFAULT;
	ds_stream_count(stream, record->size);
	return 0;
}

static int ds_stream_put_token(struct ds_stream *stream, struct iov_iter *to, u8 kind)
{
	const struct ds_store *store = stream->session->store;
	u32 count = stream->flags & DOCSTORE_STREAM_FOLLOW ? store->npartitions : 0;
	struct docstore_record record = { .kind = kind, .time = ktime_get_real_ns() };
	struct docstore_token *token;
	size_t size = struct_size(token, next, count);
	int err;
	u32 i;

	token = kzalloc(size, GFP_KERNEL);
	if (!token)
		return -ENOMEM;
	token->size = size;
	token->partitions = count;
	token->incarnation = store->incarnation;
	token->created = store->created;
	for (i = 0; i < count; i++)
		token->next[i] = stream->cursor[i].next;
	err = ds_stream_put(stream, to, &record, token, size);
	kfree(token);
	if (err)
		return err;
	stream->first = false;
	stream->idle = 0;
	stream->marked = ktime_get_ns();
	return 0;
}

static int ds_stream_put_lost(struct ds_stream *stream, struct iov_iter *to, u32 partition,
			      u64 first, const struct docstore_record_lost *lost)
{
	struct docstore_record record = {
		.kind = DOCSTORE_RECORD_LOST,
		.sequence = first,
		.time = ktime_get_real_ns(),
		.partition = partition,
	};

	return ds_stream_put(stream, to, &record, lost, sizeof(*lost));
}

/* Is that the store was removed still to be told? */
static bool ds_stream_removed(const struct ds_stream *stream)
{
	/* Pairs with ds_store_remove(): what was visible then is visible now. */
	return !stream->removed && smp_load_acquire(&stream->session->store->removed);
}

static int ds_stream_put_removed(struct ds_stream *stream, struct iov_iter *to)
{
	struct docstore_record record = {
		.kind = DOCSTORE_RECORD_REMOVED,
		.time = ktime_get_real_ns(),
	};
	int err = ds_stream_put(stream, to, &record, NULL, 0);

	if (!err)
		stream->removed = true;
	return err;
}

/* --- documents ---------------------------------------------------------------------- */

/**
 * ds_stream_start() - begin with the changes that are not visible yet
 * @stream: the stream, which is to follow
 *
 * Context: any; nobody else reads the stream.
 */
void ds_stream_start(struct ds_stream *stream)
{
	const struct ds_store *store = stream->session->store;
	u32 i;

	for (i = 0; i < store->npartitions; i++) {
		const struct ds_partition *p = &store->owned[i]->partition;

		ds_cursor_now(p->backlog, &p->map->visible_seq, &stream->cursor[i]);
	}
}

/**
 * ds_stream_begin_scan() - begin with all documents, as they are now
 * @stream: the stream
 * @resync: since changes were lost
 *
 * Changes go on behind those that the documents have seen.
 *
 * Context: may sleep; holds the stream's lock.
 * Return: 0, -EBUSY, -EINTR, -ENOMEM or -ENOSPC.
 */
int ds_stream_begin_scan(struct ds_stream *stream, bool resync)
{
	struct ds_store *store = stream->session->store;
	bool follow = stream->flags & DOCSTORE_STREAM_FOLLOW;
	struct ds_stream_scan *scan;
	int err;
	u32 i;

	lockdep_assert_held(&stream->lock);
	scan = kzalloc_obj(*scan, GFP_KERNEL_ACCOUNT);
	if (!scan)
		return -ENOMEM;
	if (follow)
		ds_stream_start(stream);
	scan->snapshot = ds_snapshot_take(store, 0, false);
	if (IS_ERR(scan->snapshot)) {
		err = PTR_ERR(scan->snapshot);
		kfree(scan);
		return err;
	}
	/* The snapshot has seen all of what is passed here, and nothing of the rest. */
	for (i = 0; follow && i < store->npartitions; i++)
		ds_cursor_pass(store->owned[i]->partition.backlog,
			       scan->snapshot->pin.list[i].seq, &stream->cursor[i]);
	scan->resync = resync;
	scan->arg.type = stream->type;
	scan->arg.prefix_len = stream->prefix_len;
	stream->scan = scan;
	stream->resync = false;
	stream->idle = 0;
	return 0;
}

/**
 * ds_stream_end_scan() - let go of a stream's snapshot
 * @stream: the stream
 *
 * Context: may sleep.
 */
void ds_stream_end_scan(struct ds_stream *stream)
{
	if (!stream->scan)
		return;
	ds_snapshot_close(stream->scan->snapshot);
	kfree(stream->scan);
	stream->scan = NULL;
}

/* A bufferful of documents. Return 0, DS_STREAM_FULL or a negative errno. */
static int ds_stream_put_documents(struct ds_stream *stream, struct iov_iter *to)
{
	struct ds_stream_scan *scan = stream->scan;
	struct docstore_scan before = scan->arg;
	struct ds_scanner *s;
	u32 room = min_t(size_t, iov_iter_count(to), DS_SCAN_RECORD_MAX);
	u32 buckets = DS_STREAM_BUCKETS;
	int err;

	s = ds_scanner_create(stream->session->store, scan->snapshot, &scan->arg, room);
	if (!s)
		return -ENOMEM;
	memcpy(s->prefix, ds_stream_prefix(stream), stream->prefix_len);
	s->records = true;
	scan->arg.count = 0;
	err = ds_scanner_fill(s, &buckets);
	if (!err && s->filled && copy_to_iter(s->bytes, s->filled, to) != s->filled)
		err = -EFAULT;
	if (!err) {
		stream->records += scan->arg.count;
		stream->bytes += s->filled;
		if (s->full) {
			stream->needed = scan->arg.needed;
			err = DS_STREAM_FULL;
		}
	} else {
		/* Nobody has got them: they come again. */
		scan->arg = before;
	}
	ds_scanner_destroy(s);
	return err;
}

/*
 * A snapshot, from its beginning to its end. Return 0 behind that, DS_STREAM_FULL, or a
 * negative errno.
 */
static int ds_stream_fill_scan(struct ds_stream *stream, struct iov_iter *to)
{
	struct ds_stream_scan *scan;
	int err = 0;

	if (!stream->scan)
		err = ds_stream_begin_scan(stream, true);
	if (err)
		return err;
	scan = stream->scan;
	if (!scan->begun) {
		struct docstore_record record = {
			.kind = DOCSTORE_RECORD_BEGIN,
			.flags = scan->resync ? DOCSTORE_RECORD_RESYNC : 0,
			.time = scan->snapshot->page->created,
		};

		err = ds_stream_put(stream, to, &record, NULL, 0);
		if (err)
			return err;
		scan->begun = true;
	}
	while (!(scan->arg.flags & DOCSTORE_SCAN_END) && !err) {
		/* Nothing is half read when a signal comes. */
		if (signal_pending(current))
			return -EINTR;
		err = ds_stream_put_documents(stream, to);
		cond_resched();
	}
	if (!err)
		err = ds_stream_put_token(stream, to, DOCSTORE_RECORD_END);
	if (!err)
		ds_stream_end_scan(stream);
	return err;
}

/* --- changes ------------------------------------------------------------------------ */

/* Does a change concern the property? */
static bool ds_stream_concerns(const struct ds_stream *stream,
			       const struct docstore_record *record,
			       const struct docstore_record_change *changes)
{
	u32 i;

	if (record->flags & (DOCSTORE_RECORD_CREATED | DOCSTORE_RECORD_DELETED |
			     DOCSTORE_RECORD_REPLACED | DOCSTORE_RECORD_CLEARED |
			     DOCSTORE_RECORD_OMITTED))
		return true;
	for (i = 0; i < record->count; i++) {
		/* As in ds_stream_wants(). */
		if (data_race(changes[i].property) == stream->property)
			return true;
	}
	return false;
}

/* It may be overwritten meanwhile: then whatever comes of this is not used. */
static bool ds_stream_wants(const struct ds_stream *stream, const struct docstore_record *record,
			    const void *data)
{
	const u8 *id = data + record->count * sizeof(struct docstore_record_change);

	if (stream->type && record->type != stream->type && record->old_type != stream->type)
		return false;
	if (stream->property && !ds_stream_concerns(stream, record, data))
		return false;
	if (!stream->prefix_len)
		return true;
	if (record->id_len < stream->prefix_len)
		return false;
	/* See above: it may not be there any more. */
	return !data_race(memcmp(id, ds_stream_prefix(stream), stream->prefix_len));
}

static size_t ds_stream_copy(const void *from, size_t len, struct iov_iter *to)
{
	/* As in ds_stream_wants(). */
	return data_race(copy_to_iter(from, len, to));
}

/* Let a record end behind the id, and return how much that is of what is behind the header. */
static u32 ds_record_shorten(struct docstore_record *record)
{
	u32 len = record->count * sizeof(struct docstore_record_change) + record->id_len;

	record->flags &= ~DOCSTORE_RECORD_VALUES;
	record->size = ALIGN(sizeof(*record) + len, 8);
	return len;
}

/*
 * Copy the change at a cursor; without its values, if the stream does not want them. Return
 * 0, DS_STREAM_FULL, -EFAULT, or -EAGAIN if it was overwritten; then nothing has happened.
 */
static int ds_stream_put_change(struct ds_stream *stream, const struct ds_backlog *log,
				const struct ds_cursor *cursor, struct docstore_record *record,
				struct iov_iter *to)
{
	static const u8 zeros[8];
	size_t before = iov_iter_count(to);
	u32 len = record->size - sizeof(*record), pad;

	if (!(stream->flags & DOCSTORE_STREAM_VALUES))
		len = ds_record_shorten(record);
	pad = record->size - sizeof(*record) - len;
	if (!ds_stream_room(stream, to, record->size))
		return DS_STREAM_FULL;
	if (copy_to_iter(record, sizeof(*record), to) != sizeof(*record) ||
	    ds_stream_copy(ds_cursor_data(log, cursor), len, to) != len ||
	    copy_to_iter(zeros, pad, to) != pad)
		return -EFAULT;
	if (ds_cursor_good(log, cursor))
		return 0;
	iov_iter_revert(to, before - iov_iter_count(to));
	return -EAGAIN;
}

/* What was lost, and where to go on; all documents again, if the stream is to. */
static int ds_stream_overrun(struct ds_stream *stream, u32 n, struct iov_iter *to)
{
	const struct ds_backlog *log = stream->session->store->owned[n]->partition.backlog;
	struct docstore_record_lost lost = { .reason = DOCSTORE_LOST_OVERRUN };
	struct ds_cursor cursor = stream->cursor[n];
	int err;

	ds_cursor_lost(log, &cursor, &lost.records, &lost.until);
	err = ds_stream_put_lost(stream, to, n, stream->cursor[n].next, &lost);
	if (err)
		return err;
	stream->lost += lost.records;
	this_cpu_add(stream->session->store->stats->stream_lost, lost.records);
	stream->cursor[n] = cursor;
	stream->resync = stream->flags & DOCSTORE_STREAM_RESYNC;
	return 0;
}

/*
 * Go through a partition's changes: pass over those that the stream does not want, and copy
 * the others, if there is where to. Return 0 if there is nothing more, DS_STREAM_FULL if
 * there is, or a negative errno.
 */
static int ds_stream_follow(struct ds_stream *stream, u32 n, struct iov_iter *to)
{
	const struct ds_partition *p = &stream->session->store->owned[n]->partition;
	const struct ds_backlog *log = p->backlog;
	struct ds_cursor *cursor = &stream->cursor[n];
	struct docstore_record record;
	/* Pairs with ds_partition_show(). */
	u64 visible = smp_load_acquire(&p->map->visible_seq);
	enum ds_backlog_found found;
	u32 passed = 0;
	int err;

	while ((found = ds_cursor_peek(log, visible, cursor, &record)) == DS_BACKLOG_RECORD) {
		struct docstore_record copied = record;

		if (!ds_stream_wants(stream, &record, ds_cursor_data(log, cursor))) {
			if (!ds_cursor_good(log, cursor))
				continue;
			stream->passed++;
			stream->idle += record.size;
			ds_cursor_step(cursor, &record);
			if (++passed % DS_STREAM_PASS == 0)
				cond_resched();
			continue;
		}
		if (!to)
			return DS_STREAM_FULL;
		err = ds_stream_put_change(stream, log, cursor, &copied, to);
		if (err == -EAGAIN)
			continue;
		if (err)
			return err;
		ds_stream_count(stream, copied.size);
		stream->idle = 0;
		ds_cursor_step(cursor, &record);
	}
	if (found == DS_BACKLOG_NOTHING)
		return 0;
	return to ? ds_stream_overrun(stream, n, to) : DS_STREAM_FULL;
}

static bool ds_stream_bookmark_due(const struct ds_stream *stream)
{
	const struct ds_backlog *log = stream->session->store->owned[0]->partition.backlog;

	return (stream->flags & DOCSTORE_STREAM_BOOKMARKS) && stream->idle &&
	       (stream->idle >= log->size / 8 ||
		ktime_get_ns() - stream->marked >= stream->bookmark_ms * (u64)NSEC_PER_MSEC);
}

/* Changes of all partitions, and bookmarks. Return as ds_stream_follow(). */
static int ds_stream_fill_follow(struct ds_stream *stream, struct iov_iter *to)
{
	u32 count = stream->session->store->npartitions, i;
	/* Before it is looked for changes, so that it comes behind them. */
	bool removed = ds_stream_removed(stream);
	int err = 0;

	if (stream->foreign) {
		struct docstore_record_lost lost = { .reason = DOCSTORE_LOST_STORE };

		err = ds_stream_put_lost(stream, to, U32_MAX, 0, &lost);
		if (err)
			return err;
		stream->foreign = false;
		stream->resync = stream->flags & DOCSTORE_STREAM_RESYNC;
	}
	if (stream->first && !stream->resync)
		err = ds_stream_put_token(stream, to, DOCSTORE_RECORD_BOOKMARK);
	/* In turns: where one has much to say, the others get their word in, too. */
	for (i = 0; i < count && !err && !stream->resync; i++) {
		err = ds_stream_follow(stream, stream->turn, to);
		stream->turn = stream->turn + 1 < count ? stream->turn + 1 : 0;
	}
	if (!err && !stream->resync && removed)
		err = ds_stream_put_removed(stream, to);
	if (!err && !stream->resync && ds_stream_bookmark_due(stream))
		err = ds_stream_put_token(stream, to, DOCSTORE_RECORD_BOOKMARK);
	return err;
}

/**
 * ds_stream_ready() - is there something to read
 * @stream: the stream, which is running
 *
 * What it does not want is passed over.
 *
 * Context: may sleep; holds the stream's lock.
 * Return: true if so.
 */
bool ds_stream_ready(struct ds_stream *stream)
{
	u32 i;

	/* Without changes there is nothing but documents and, behind them, the end. */
	if (!(stream->flags & DOCSTORE_STREAM_FOLLOW))
		return true;
	if (stream->scan || stream->first || stream->foreign || stream->resync ||
	    ds_stream_removed(stream))
		return true;
	for (i = 0; i < stream->session->store->npartitions; i++)
		if (ds_stream_follow(stream, i, NULL))
			return true;
	return ds_stream_bookmark_due(stream);
}

/* --- read and poll ------------------------------------------------------------------- */

/*
 * Records, as many as fit and are there. Return their bytes, 0 at the end, -EAGAIN if there
 * are none for now, or another negative errno.
 */
static ssize_t ds_stream_fill(struct ds_stream *stream, struct iov_iter *to, bool nowait)
{
	u64 before = stream->bytes;
	bool more;
	int err;

	stream->needed = 0;
	do {
		more = stream->scan || stream->resync;
		/* To take a snapshot is to wait for others. */
		if (nowait && stream->resync && !stream->scan) {
			err = -EAGAIN;
			break;
		}
		err = more ? ds_stream_fill_scan(stream, to) : ds_stream_fill_follow(stream, to);
		if (!err && !(stream->flags & DOCSTORE_STREAM_FOLLOW)) {
			ds_stream_complete(stream);
			break;
		}
	} while (!err && (more || stream->resync));

	/* What was read is not lost by what came then. */
	if (stream->bytes != before) {
		stream->needed = 0;
		return stream->bytes - before;
	}
	if (err == DS_STREAM_FULL)
		return -EMSGSIZE;
	return err ?: -EAGAIN;
}

/* Whatever the state is. Context: holds the stream's lock. */
static ssize_t ds_stream_read(struct ds_stream *stream, struct iov_iter *to, bool nowait)
{
	switch (ds_stream_state(stream)) {
	case DOCSTORE_STREAM_RUNNING:
		return ds_stream_fill(stream, to, nowait);
	case DOCSTORE_STREAM_PAUSED:
		return -EAGAIN;
	case DOCSTORE_STREAM_COMPLETE:
		return 0;
	default:
		return READ_ONCE(stream->error);
	}
}

/* How long it may be until a bookmark is due, if nothing happens. */
static long ds_stream_patience(const struct ds_stream *stream)
{
	u64 due;

	if (!(stream->flags & DOCSTORE_STREAM_BOOKMARKS) || !stream->idle)
		return MAX_SCHEDULE_TIMEOUT;
	due = stream->marked + stream->bookmark_ms * (u64)NSEC_PER_MSEC;
	return 1 + nsecs_to_jiffies(max_t(s64, due - ktime_get_ns(), 0));
}

/* Was something published, or has the state changed? */
static bool ds_stream_woken(const struct ds_stream *stream)
{
	return !ds_stream_armed(stream) || ds_stream_state(stream) != DOCSTORE_STREAM_RUNNING;
}

/*
 * Wait until there may be something to read. Context: holds the stream's lock, and not when
 * it returns.
 */
static int ds_stream_wait(struct ds_stream *stream)
{
	long patience, left;

	if (ds_stream_state(stream) == DOCSTORE_STREAM_PAUSED) {
		mutex_unlock(&stream->lock);
		return wait_event_interruptible(stream->wait,
						ds_stream_state(stream) != DOCSTORE_STREAM_PAUSED);
	}
	ds_stream_arm(stream);
	if (ds_stream_ready(stream)) {
		mutex_unlock(&stream->lock);
		return 0;
	}
	patience = ds_stream_patience(stream);
	mutex_unlock(&stream->lock);
	left = wait_event_interruptible_timeout(stream->wait, ds_stream_woken(stream), patience);
	return min(left, 0L);
}

/**
 * ds_stream_read_iter() - read(2) of a stream
 * @iocb: the file
 * @to: where to
 *
 * Return: bytes of whole records, 0 when the stream is complete, or a negative errno:
 * -EAGAIN, -EBUSY, -EFAULT, -EMSGSIZE, -ENOMEM, -ENOSPC, -ERESTARTSYS or -ETIMEDOUT.
 */
ssize_t ds_stream_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct ds_session *session = iocb->ki_filp->private_data;
	struct ds_stream *stream = session->stream;
	bool nowait = iocb->ki_flags & IOCB_NOWAIT;
	bool wait = !nowait && !(iocb->ki_filp->f_flags & O_NONBLOCK);
	ssize_t ret;
	u64 records;
	int err;

	for (;;) {
		if (nowait && !mutex_trylock(&stream->lock))
			return -EAGAIN;
		if (!nowait && mutex_lock_interruptible(&stream->lock))
			return -ERESTARTSYS;
		records = stream->records;
		WRITE_ONCE(stream->reading, true);
		ret = ds_stream_read(stream, to, nowait);
		WRITE_ONCE(stream->reading, false);
		records = stream->records - records;
		if (records) {
			this_cpu_add(session->store->stats->stream_records, records);
			ds_session_bytes_out(session, ret);
		}
		if (ret != -EAGAIN || !wait) {
			mutex_unlock(&stream->lock);
			return ret == -EINTR ? -ERESTARTSYS : ret;
		}
		err = ds_stream_wait(stream);
		if (err)
			return err;
	}
}

/**
 * ds_stream_poll() - poll(2) of a stream
 * @file: the file
 * @wait: where to wait
 *
 * Return: EPOLLIN if there is something to read; with EPOLLRDHUP when the stream is
 * complete, with EPOLLERR when it has failed.
 */
__poll_t ds_stream_poll(struct file *file, poll_table *wait)
{
	struct ds_session *session = file->private_data;
	struct ds_stream *stream = session->stream;
	const __poll_t in = EPOLLIN | EPOLLRDNORM;
	bool ready;

	poll_wait(file, &stream->wait, wait);
	switch (ds_stream_state(stream)) {
	case DOCSTORE_STREAM_RUNNING:
		break;
	case DOCSTORE_STREAM_PAUSED:
		return 0;
	case DOCSTORE_STREAM_COMPLETE:
		return in | EPOLLRDHUP;
	default:
		return in | EPOLLERR;
	}
	if (!mutex_trylock(&stream->lock)) {
		/* Who reads just now may leave something, or not. */
		if (READ_ONCE(stream->reading))
			return in;
		/* All else takes no time. */
		mutex_lock(&stream->lock);
	}
	ready = ds_stream_ready(stream);
	if (!ready) {
		ds_stream_arm(stream);
		ready = ds_stream_ready(stream);
	}
	mutex_unlock(&stream->lock);
	return ready ? in : 0;
}

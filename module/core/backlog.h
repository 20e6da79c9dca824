/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The backlog of a partition: a bounded log of what was changed, as records that streams
 * return (see uapi/linux/docstore_stream.h).
 *
 * The owner appends, once for each change that it links; any number of readers, each with
 * a cursor of its own, read past it. They find out afterwards whether what they have read
 * was overwritten meanwhile.
 */
#ifndef _DOCSTORE_CORE_BACKLOG_H
#define _DOCSTORE_CORE_BACKLOG_H

#include <linux/cache.h>
#include <linux/types.h>

#include <linux/docstore_stream.h>

struct docstore_version;
struct ds_change;

/* Records take no more than this part of a backlog. */
#define DS_BACKLOG_SHARE	4
#define DS_BACKLOG_MIN		(64U << 10)
#define DS_BACKLOG_MAX		(1024U << 20)
/* Bits for each name of a property, in u64. */
#define DS_BACKLOG_NAMES	((DOCSTORE_MAX_NAMES + 64) / 64)

/**
 * struct ds_cursor - where somebody is in a backlog
 * @at: where the next record begins, or will
 * @next: its number
 */
struct ds_cursor {
	u64 at;
	u64 next;
};

/**
 * struct ds_backlog_shown - a commit that is in a backlog, or was
 * @commit: its number
 * @from: before its first record
 * @to: behind its last
 */
struct ds_backlog_shown {
	u64 commit;
	struct ds_cursor from;
	struct ds_cursor to;
};

/**
 * struct ds_backlog - a backlog
 * @data: its memory, which is mapped twice, one behind the other, so that what goes over
 *	the end lies in one piece
 * @size: bytes of it once, a power of two
 * @partition: number of the partition
 * @added: for each name, whether add was the last thing that was done to the property.
 *	All 0 but in ds_backlog_append()
 * @end: where the next record goes, which counts up and never starts again; for the owner
 * @number: its number; for the owner
 * @head: end of what readers may read, once the commit is visible. Written by the owner,
 *	as all that follows
 * @tail: where the oldest record begins
 * @shows: how many commits were shown
 * @shown: the last one of these, and in the other place the one before it or the one to
 *	come
 */
struct ds_backlog {
	void *data;
	u32 size;
	u32 partition;
	u64 *added;
	u64 end;
	u64 number;
	u64 head ____cacheline_aligned_in_smp;
	u64 tail;
	u64 shows;
	struct ds_backlog_shown shown[2];
};

/**
 * enum ds_backlog_found - what a cursor stands before
 * @DS_BACKLOG_NOTHING: nothing, for now
 * @DS_BACKLOG_RECORD: a record
 * @DS_BACKLOG_OVERRUN: something that is not there any more
 */
enum ds_backlog_found {
	DS_BACKLOG_NOTHING,
	DS_BACKLOG_RECORD,
	DS_BACKLOG_OVERRUN,
};

void ds_backlog_init(struct ds_backlog *log, void *data, u32 size, u64 *added, u32 partition);

/* For the owner. */
void ds_backlog_append(struct ds_backlog *log, const struct ds_change *change,
		       const struct docstore_version *old, const struct docstore_version *v);
void ds_backlog_show(struct ds_backlog *log, u64 commit);

/* For readers. */
void ds_cursor_now(const struct ds_backlog *log, const u64 *visible_seq,
		   struct ds_cursor *cursor);
bool ds_cursor_seek(const struct ds_backlog *log, u64 number, struct ds_cursor *cursor);
enum ds_backlog_found ds_cursor_peek(const struct ds_backlog *log, u64 visible,
				     const struct ds_cursor *cursor,
				     struct docstore_record *record);
void ds_cursor_pass(const struct ds_backlog *log, u64 commit, struct ds_cursor *cursor);
void ds_cursor_step(struct ds_cursor *cursor, const struct docstore_record *record);
void ds_cursor_lost(const struct ds_backlog *log, struct ds_cursor *cursor, u64 *lost,
		    u64 *until);
u64 ds_cursor_behind(const struct ds_backlog *log, const struct ds_cursor *cursor);

/**
 * ds_cursor_data() - what stands behind the header of the record at a cursor
 * @log: the backlog
 * @cursor: the cursor
 *
 * What is read there may be overwritten at any time: ds_cursor_good() tells, afterwards.
 *
 * Return: where it is.
 */
static inline const void *ds_cursor_data(const struct ds_backlog *log,
					 const struct ds_cursor *cursor)
{
	return log->data + (cursor->at & (log->size - 1)) + sizeof(struct docstore_record);
}

bool ds_cursor_good(const struct ds_backlog *log, const struct ds_cursor *cursor);

#endif /* _DOCSTORE_CORE_BACKLOG_H */

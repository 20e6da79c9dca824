// SPDX-License-Identifier: GPL-2.0
/*
 * The backlog of a partition.
 *
 * Places count up from 0 for ever; the byte of a place is at the place modulo the size.
 * What lies from @tail to @head can be read. The owner does not wait for readers:
 *
 *	owner					reader
 *	-----					------
 *	store_release(@tail), behind what	read the record
 *		is overwritten
 *	smp_wmb()				smp_rmb()
 *	overwrite				is it before @tail? then it is no good
 *
 * @tail may get beyond @head, in a commit that overwrites all that there was, and some of
 * its own.
 *
 * A record can be read once its commit is visible: the owner stores @head before it
 * stores visible_seq, and readers, who load that first, look at no record of a later
 * commit. So who has pinned a commit finds all records up to it, and who was told of a
 * change can read it.
 *
 * Behind the last record stands what the header of the next one begins with, as far as
 * its number, so that the number of a place is known before there is a record.
 */
#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include <asm/barrier.h>

#include "backlog.h"
#include "document.h"
#include "partition.h"

static struct docstore_record *ds_backlog_at(const struct ds_backlog *log, u64 place)
{
	return log->data + (place & (log->size - 1));
}

/**
 * ds_backlog_init() - prepare an empty backlog
 * @log: the backlog
 * @data: memory, mapped twice
 * @size: bytes of it once, a power of two from DS_BACKLOG_MIN to DS_BACKLOG_MAX
 * @added: DS_BACKLOG_NAMES numbers, all 0
 * @partition: number of the partition
 */
void ds_backlog_init(struct ds_backlog *log, void *data, u32 size, u64 *added, u32 partition)
{
	*log = (struct ds_backlog){
		.data = data,
		.size = size,
		.partition = partition,
		.added = added,
		.number = 1,
		.shown = { { .from.next = 1, .to.next = 1 } },
	};
	ds_backlog_at(log, 0)->sequence = log->number;
}

/* --- the owner -------------------------------------------------------------------- */

/**
 * struct ds_summary - what a batch has done to a document
 * @count: how many changes of properties that is
 * @bytes: bytes of the values
 * @deleted: it was deleted, whether it was made again or not
 * @cleared: all properties were removed
 * @unset: one was
 * @added: something was added to one
 */
struct ds_summary {
	u32 count;
	u64 bytes;
	bool deleted;
	bool cleared;
	bool unset;
	bool added;
};

static void ds_backlog_mark(const struct ds_backlog *log, u32 name, bool added)
{
	u64 bit = 1ULL << (name & 63);

	if (added)
		log->added[name >> 6] |= bit;
	else
		log->added[name >> 6] &= ~bit;
}

static bool ds_backlog_marked(const struct ds_backlog *log, u32 name)
{
	return log->added[name >> 6] >> (name & 63) & 1;
}

/* Go through the operations: of each property the last one counts. */
static void ds_backlog_operations(struct ds_backlog *log, const struct ds_change *change,
				  struct ds_summary *sum)
{
	u32 i;

	for (; change; change = change->more) {
		for (i = 0; i < change->count; i++) {
			const struct ds_delta *delta = &change->deltas[i];

			switch (delta->code) {
			case DOCSTORE_OP_ADD:
				sum->added = true;
				ds_backlog_mark(log, delta->property, true);
				break;
			case DOCSTORE_OP_SET:
				if (sum->added)
					ds_backlog_mark(log, delta->property, false);
				break;
			case DOCSTORE_OP_UNSET:
				sum->cleared |= !delta->property;
				sum->unset = true;
				break;
			case DOCSTORE_OP_DELETE:
				sum->deleted = true;
				break;
			}
		}
	}
}

static void ds_backlog_unmark(struct ds_backlog *log, const struct ds_change *change)
{
	u32 i;

	for (; change; change = change->more)
		for (i = 0; i < change->count; i++)
			if (change->deltas[i].code == DOCSTORE_OP_ADD)
				ds_backlog_mark(log, change->deltas[i].property, false);
}

static bool ds_set_by(const struct docstore_version *v, const struct ds_layout *l, u32 i)
{
	return !l->set || l->set[i] == (u32)v->version;
}

/* Is it a property that was removed, and not set again? */
static bool ds_unset_by(const struct docstore_version *v, const struct ds_delta *delta)
{
	struct ds_value value;

	return delta->code == DOCSTORE_OP_UNSET && delta->property &&
	       !ds_version_property(v, delta->property, &value);
}

/* What was removed before all the rest was need not be told of. */
static bool ds_summary_unset(const struct ds_summary *sum)
{
	return sum->unset && !sum->cleared && !sum->deleted;
}

static void ds_backlog_count(const struct ds_change *change, const struct docstore_version *v,
			     const struct ds_layout *l, struct ds_summary *sum)
{
	u32 i;

	for (i = 0; i < v->nprops; i++) {
		struct ds_value value;

		if (!ds_set_by(v, l, i))
			continue;
		ds_layout_value(v, l, i, &value);
		sum->count++;
		sum->bytes += value.len;
	}
	for (; ds_summary_unset(sum) && change; change = change->more)
		for (i = 0; i < change->count; i++)
			sum->count += ds_unset_by(v, &change->deltas[i]);
}

/*
 * What stands behind the header. A property that was removed twice is told of twice, which
 * does no harm. Returns the end of it.
 */
static void *ds_backlog_write(const struct ds_backlog *log, void *to,
			      const struct ds_change *change, const struct docstore_version *v,
			      const struct ds_layout *l, const struct ds_summary *sum)
{
	struct docstore_record_change *c = to;
	struct ds_value value;
	u32 i;

	for (i = 0; i < v->nprops; i++) {
		if (!ds_set_by(v, l, i))
			continue;
		ds_layout_value(v, l, i, &value);
		*c++ = (struct docstore_record_change){
			.property = l->names[i],
			.what = sum->added && ds_backlog_marked(log, l->names[i]) ?
				DOCSTORE_OP_ADD : DOCSTORE_OP_SET,
			.type = value.type,
			.len = value.len,
		};
	}
	for (; ds_summary_unset(sum) && change; change = change->more)
		for (i = 0; i < change->count; i++)
			if (ds_unset_by(v, &change->deltas[i]))
				*c++ = (struct docstore_record_change){
					.property = change->deltas[i].property,
					.what = DOCSTORE_OP_UNSET,
				};
	to = c;
	memcpy(to, l->id, v->id_len);
	to += v->id_len;
	for (i = 0; i < v->nprops; i++) {
		if (!ds_set_by(v, l, i))
			continue;
		ds_layout_value(v, l, i, &value);
		memcpy(to, value.data, value.len);
		to += value.len;
	}
	return to;
}

static u16 ds_backlog_flags(const struct docstore_version *old, const struct docstore_version *v,
			    const struct ds_summary *sum)
{
	bool before = old && !ds_version_tombstone(old);
	u16 flags = 0;

	if (ds_version_tombstone(v))
		return DOCSTORE_RECORD_DELETED;
	if (!before)
		flags |= DOCSTORE_RECORD_CREATED;
	else if (sum->deleted)
		flags |= DOCSTORE_RECORD_REPLACED;
	if (before && sum->cleared)
		flags |= DOCSTORE_RECORD_CLEARED;
	return flags;
}

/* The oldest records make way for so many bytes and the beginning of the next header. */
static void ds_backlog_make_room(struct ds_backlog *log, u32 size)
{
	u64 end = log->end + size + sizeof(struct docstore_record), tail = log->tail;

	while (end - tail > log->size)
		tail += ds_backlog_at(log, tail)->size;
	if (tail == log->tail)
		return;
	/* Pairs with who goes there: it may be a record of the commit going on. */
	smp_store_release(&log->tail, tail);
	/* Before they are overwritten; pairs with ds_cursor_good(). */
	smp_wmb();
}

/**
 * ds_backlog_append() - note what a batch has done to a document
 * @log: the backlog
 * @change: the operations
 * @old: the version before, or NULL if there was none
 * @v: the version that they have made
 *
 * Readers see it when ds_backlog_show() was called and the commit is visible.
 *
 * Context: the owner, in a commit.
 */
void ds_backlog_append(struct ds_backlog *log, const struct ds_change *change,
		       const struct docstore_version *old, const struct docstore_version *v)
{
	struct docstore_record *record;
	struct ds_summary sum = { };
	struct ds_layout l;
	bool omit;
	void *end;
	u64 size;

	ds_version_layout(v, &l);
	ds_backlog_operations(log, change, &sum);
	ds_backlog_count(change, v, &l, &sum);
	size = sizeof(*record) + (u64)sum.count * sizeof(struct docstore_record_change) +
	       v->id_len + sum.bytes;
	omit = size > log->size / DS_BACKLOG_SHARE;
	if (omit)
		size = sizeof(*record) + v->id_len;
	size = ALIGN(size, 8);

	ds_backlog_make_room(log, size);
	record = ds_backlog_at(log, log->end);
	/* All but its number, which is there and may be being read. */
	record->size = size;
	record->kind = DOCSTORE_RECORD_CHANGE;
	record->reason = DOCSTORE_REASON_BATCH;
	record->flags = ds_backlog_flags(old, v, &sum) |
			(omit ? DOCSTORE_RECORD_OMITTED : DOCSTORE_RECORD_VALUES);
	record->commit = v->seq;
	record->time = v->changed;
	record->version = v->version;
	record->partition = log->partition;
	record->type = v->type;
	record->old_type = old ? old->type : 0;
	record->count = omit ? 0 : sum.count;
	record->id_len = v->id_len;
	memset(record->__reserved, 0, sizeof(record->__reserved));

	if (omit) {
		memcpy(record + 1, l.id, v->id_len);
		end = (void *)(record + 1) + v->id_len;
	} else {
		end = ds_backlog_write(log, record + 1, change, v, &l, &sum);
	}
	memset(end, 0, (void *)record + size - end);
	log->end += size;
	log->number++;
	ds_backlog_at(log, log->end)->sequence = log->number;
	if (sum.added)
		ds_backlog_unmark(log, change);
}

/**
 * ds_backlog_show() - let readers see what was appended in a commit
 * @log: the backlog
 * @commit: the commit
 *
 * Context: the owner, who makes the commit visible behind that.
 */
void ds_backlog_show(struct ds_backlog *log, u64 commit)
{
	u64 shows = log->shows + 1;
	const struct ds_backlog_shown *before = &log->shown[(shows - 1) & 1];
	struct ds_backlog_shown *shown = &log->shown[shows & 1];

	/*
	 * Pairs with the smp_rmb() in ds_cursor_now(): who finds some of what follows
	 * there finds that the commit before was counted, too.
	 */
	smp_wmb();
	WRITE_ONCE(shown->commit, commit);
	WRITE_ONCE(shown->from.at, before->to.at);
	WRITE_ONCE(shown->from.next, before->to.next);
	WRITE_ONCE(shown->to.at, log->end);
	WRITE_ONCE(shown->to.next, log->number);
	/* Pairs with ds_cursor_peek(), which may know of no visible_seq so late. */
	smp_store_release(&log->head, log->end);
	/*
	 * Pairs with ds_cursor_now(): whatever comes before it was made visible by
	 * commits before this one.
	 */
	smp_store_release(&log->shows, shows);
}

/* --- readers ---------------------------------------------------------------------- */

/**
 * ds_cursor_good() - was what was read at a cursor still there
 * @log: the backlog
 * @cursor: the cursor
 *
 * Return: false if it may have been overwritten before it was read.
 */
bool ds_cursor_good(const struct ds_backlog *log, const struct ds_cursor *cursor)
{
	/* Pairs with ds_backlog_make_room(). */
	smp_rmb();
	return cursor->at >= READ_ONCE(log->tail);
}

/* A copy of the header at a cursor. Return false if it was not there any more. */
static bool ds_cursor_header(const struct ds_backlog *log, const struct ds_cursor *cursor,
			     struct docstore_record *record)
{
	/* It may be overwritten meanwhile, and then the copy is not looked at. */
	data_race(memcpy(record, ds_backlog_at(log, cursor->at), sizeof(*record)));
	return ds_cursor_good(log, cursor);
}

/**
 * ds_cursor_peek() - what comes next
 * @log: the backlog
 * @visible: the partition's visible_seq, loaded with acquire before this
 * @cursor: the cursor
 * @record: where the record's header goes
 *
 * Context: any, while the backlog stays.
 * Return: what the cursor stands before.
 */
enum ds_backlog_found ds_cursor_peek(const struct ds_backlog *log, u64 visible,
				     const struct ds_cursor *cursor,
				     struct docstore_record *record)
{
	/* Pairs with ds_backlog_show(): what is before it says of which commit it is. */
	if (cursor->at >= smp_load_acquire(&log->head))
		return DS_BACKLOG_NOTHING;
	if (!ds_cursor_header(log, cursor, record))
		return DS_BACKLOG_OVERRUN;
	return record->commit > visible ? DS_BACKLOG_NOTHING : DS_BACKLOG_RECORD;
}

/**
 * ds_cursor_step() - go behind a record
 * @cursor: the cursor, before it
 * @record: the record's header
 */
void ds_cursor_step(struct ds_cursor *cursor, const struct docstore_record *record)
{
	cursor->at += record->size;
	cursor->next = record->sequence + 1;
}

/**
 * ds_cursor_pass() - go behind all that a commit and those before it have changed
 * @log: the backlog
 * @commit: the commit, which is visible
 * @cursor: the cursor
 */
void ds_cursor_pass(const struct ds_backlog *log, u64 commit, struct ds_cursor *cursor)
{
	struct docstore_record record;

	while (ds_cursor_peek(log, commit, cursor, &record) == DS_BACKLOG_RECORD)
		ds_cursor_step(cursor, &record);
}

/**
 * ds_cursor_now() - begin with what is not visible yet
 * @log: the backlog
 * @visible_seq: of the partition
 * @cursor: the cursor; before something that was overrun if it is not there any more
 *
 * Looks at no record, since a commit that goes on may overwrite all that there are.
 */
void ds_cursor_now(const struct ds_backlog *log, const u64 *visible_seq,
		   struct ds_cursor *cursor)
{
	const struct ds_backlog_shown *shown;
	struct ds_cursor from, to;
	u64 shows, commit;

	/* Once more only if a commit was shown meanwhile. */
	do {
		/* Pairs with ds_backlog_show(). */
		shows = smp_load_acquire(&log->shows);
		shown = &log->shown[shows & 1];
		commit = READ_ONCE(shown->commit);
		from.at = READ_ONCE(shown->from.at);
		from.next = READ_ONCE(shown->from.next);
		to.at = READ_ONCE(shown->to.at);
		to.next = READ_ONCE(shown->to.next);
		/* Pairs with the barrier in ds_backlog_show(). */
		smp_rmb();
	} while (READ_ONCE(log->shows) != shows);
	/* Pairs with ds_partition_show(). */
	*cursor = smp_load_acquire(visible_seq) < commit ? from : to;
}

/**
 * ds_cursor_seek() - begin with a change of which the number is known
 * @log: the backlog
 * @number: the number
 * @cursor: the cursor; before something that was overrun if the change is not there
 *	any more
 *
 * Return: false if the number was not given out yet, nor is the next one.
 */
bool ds_cursor_seek(const struct ds_backlog *log, u64 number, struct ds_cursor *cursor)
{
	struct docstore_record record;

again:
	/* Pairs with ds_backlog_make_room(); the head is no older than that. */
	cursor->at = smp_load_acquire(&log->tail);
	for (;;) {
		/* Pairs with ds_backlog_show(). */
		u64 head = smp_load_acquire(&log->head);

		if (!ds_cursor_header(log, cursor, &record))
			goto again;
		if (record.sequence >= number)
			break;
		/* A commit that is not shown may have overwritten all that was. */
		if (cursor->at >= head)
			return false;
		cursor->at += record.size;
	}
	if (record.sequence > number)
		cursor->at = 0;
	cursor->next = number;
	return true;
}

/**
 * ds_cursor_lost() - go on behind what is not there any more
 * @log: the backlog
 * @cursor: the cursor, before something that was overrun
 * @lost: how many changes that were
 * @until: when the one was made before which it is now
 */
void ds_cursor_lost(const struct ds_backlog *log, struct ds_cursor *cursor, u64 *lost,
		    u64 *until)
{
	struct docstore_record record;

	do {
		/* Pairs with ds_backlog_make_room(). */
		cursor->at = smp_load_acquire(&log->tail);
	} while (!ds_cursor_header(log, cursor, &record));
	*lost = record.sequence - cursor->next;
	*until = record.time;
	cursor->next = record.sequence;
}

/**
 * ds_cursor_behind() - how much there is to read
 * @log: the backlog
 * @cursor: the cursor
 *
 * Return: bytes; more than the backlog has if some of it is lost.
 */
u64 ds_cursor_behind(const struct ds_backlog *log, const struct ds_cursor *cursor)
{
	u64 head = READ_ONCE(log->head);

	/* It may be in a commit that is not shown, some of which was lost. */
	return head > cursor->at ? head - cursor->at : 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Backlogs for tests, and who reads them.
 */
#ifndef _FOLLOW_H
#define _FOLLOW_H

#include "store.h"

/* One of so many bytes, which a test may have fewer of than the module allows. */
struct ds_backlog *backlog_create(u32 size, u32 partition);
void backlog_destroy(struct ds_backlog *log);

/**
 * struct follower - a reader of a store's backlog
 * @log: the backlog
 * @visible_seq: of the partition
 * @cursor: where it is
 * @lost: how many changes it has lost
 * @until: when the first was made that was not lost, the last time that some were
 * @record: what it has read last
 */
struct follower {
	const struct ds_backlog *log;
	const u64 *visible_seq;
	struct ds_cursor cursor;
	u64 lost;
	u64 until;
	struct docstore_record *record;
};

/* Give a store a backlog, which goes with it. */
void store_log(struct store *s, u32 size);

/* From the first change on. */
void follower_init(struct follower *f, struct store *s);
void follower_destroy(struct follower *f);
/*
 * Read one change, which is checked and then in @record; DS_BACKLOG_OVERRUN if some were
 * lost, the follower being behind these then.
 */
enum ds_backlog_found follower_read(struct follower *f);
/* Which there must be. */
const struct docstore_record *follower_next(struct follower *f);

/* Parts of a record. */
const struct docstore_record_change *record_change(const struct docstore_record *r, u32 i);
const u8 *record_id(const struct docstore_record *r);
const u8 *record_value(const struct docstore_record *r, u32 i);
/* Is everything as the interface says? */
void record_validate(const struct docstore_record *r);

#endif /* _FOLLOW_H */

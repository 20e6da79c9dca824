/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histories: what clients asked of a store, when, and what they were told; and a
 * checker that says whether any store that keeps its promises could have told them
 * that. check.c says which promises these are, and why the checker is right; text.c
 * how histories look as text.
 *
 * Every document holds two numbers: the tag of the operation that wrote it last, and
 * n, which is set or added to. Tags are not 0, and no two operations have the same.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stdio.h>

#include <linux/types.h>

#define HISTORY_NEVER	(~0ULL)

enum history_kind {
	HISTORY_BATCH,		/* atomic */
	HISTORY_EACH,		/* a batch in which each document is by itself */
	HISTORY_READ,		/* each document by itself */
	HISTORY_TOGETHER,	/* all documents at one moment */
	HISTORY_SNAPSHOT,	/* a snapshot is taken */
	HISTORY_ON,		/* and read */
};

enum history_state {
	HISTORY_DONE,
	HISTORY_FAILED,		/* as a whole: nothing was done */
	HISTORY_UNKNOWN,	/* the client was killed */
};

enum history_what {
	HISTORY_GET,
	HISTORY_SET,		/* n to a value */
	HISTORY_ADD,		/* a value to n; one that is not there counts as 0 */
	HISTORY_DELETE,
	HISTORY_CHECK,		/* nothing but the condition */
};

/* Conditions; the first two are for writes and checks. */
enum history_if {
	HISTORY_ALWAYS,
	HISTORY_IF_EXISTS,
	HISTORY_IF_ABSENT,
	HISTORY_IF_VERSION,
};

enum history_result {
	HISTORY_OK,
	HISTORY_STALE,		/* it has another version */
	HISTORY_NOENT,		/* it is not there */
	HISTORY_EXIST,		/* it is there */
	HISTORY_CANCELED,	/* something else failed */
	HISTORY_OTHER,		/* for a reason that has to do with no document */
};

/**
 * struct history_item - what an operation does with one of its documents
 * @document: its number
 * @what: enum history_what
 * @condition: enum history_if
 * @result: enum history_result
 * @if_version: of HISTORY_IF_VERSION
 * @value: of set and add
 * @version: of the document afterwards; 0 if it is not there, and unknown if the
 *	operation is
 * @tag: what get saw
 * @n: likewise
 *
 * An operation has one item for each document at most.
 */
struct history_item {
	__u32 document;
	__u8 what;
	__u8 condition;
	__u8 result;
	__u64 if_version;
	__s64 value;
	__u64 version;
	__u64 tag;
	__s64 n;
};

/**
 * struct history_op - one operation
 * @client: who asked for it
 * @kind: enum history_kind
 * @state: enum history_state
 * @begin: when it was asked for
 * @end: when the answer was there; of an unknown one when it was certainly over, or
 *	HISTORY_NEVER
 * @number: tag of what it writes; number of the snapshot, given once in a history
 * @first: its first item
 * @count: how many there are
 */
struct history_op {
	__u32 client;
	__u8 kind;
	__u8 state;
	__u64 begin;
	__u64 end;
	__u64 number;
	__u32 first;
	__u32 count;
};

/**
 * struct history - a history
 * @ops: operations, in any order
 * @items: their items
 * @documents: how many documents there are; none of them is there in the beginning
 * @names: of each document
 * @partitions: of each document, the partition in which it is
 */
struct history {
	struct history_op *ops;
	__u32 nops, ops_room;
	struct history_item *items;
	__u32 nitems, items_room;
	__u32 documents;
	char (*names)[24];
	__u32 *partitions;
};

/* What may be wrong with a history. */
#define HISTORY_ANOMALIES(X)						\
	X(NONE, "none")							\
	X(NONSENSE, "not a history")					\
	X(LOST_UPDATE, "lost update")					\
	X(CONTENTS, "contents of another version")			\
	X(NOWHERE, "value from nowhere")				\
	X(DIRTY_READ, "dirty read")					\
	X(TWICE, "written twice")					\
	X(PHANTOM, "version that nobody wrote")				\
	X(HALF_BATCH, "half a batch")					\
	X(CONDITION, "condition ignored")				\
	X(NO_REASON, "refused without a reason")			\
	X(INTERLEAVED, "interleaved batches (G0)")			\
	X(CIRCULAR, "circular information flow (G1c)")			\
	X(READ_SKEW, "read skew (G-single)")				\
	X(WRITE_SKEW, "write skew (G2)")				\
	X(LONG_FORK, "long fork (G2)")					\
	X(CHANGING, "snapshot that changes")				\
	X(STALE_READ, "stale read")					\
	X(PAST, "snapshot from the past")				\
	X(BACK, "reads that go back")					\
	X(FUTURE, "read from the future")				\
	X(ORDER, "order against time")					\
	X(NO_ORDER, "no order at all")

#define X(name, text) HISTORY_##name,
enum history_anomaly {
	HISTORY_ANOMALIES(X)
};
#undef X

const char *history_anomaly(enum history_anomaly anomaly);

/**
 * struct history_verdict - what the checker found
 * @anomaly: the first thing that is wrong, or HISTORY_NONE
 * @findings: how many were reported
 * @undecided: observations for which the search was given up: what was found is
 *	right all the same, but there may be more
 * @operations: operations that are known to have been carried out
 * @in_doubt: operations of which that is not known in the end
 */
struct history_verdict {
	enum history_anomaly anomaly;
	__u32 findings;
	__u32 undecided;
	__u32 operations;
	__u32 in_doubt;
};

/* history.c */
void history_begin(struct history *h);
void history_end(struct history *h);
__u32 history_document(struct history *h, const char *name, __u32 partition);
struct history_op *history_add_op(struct history *h, const struct history_op *op);
struct history_item *history_add_item(struct history *h, const struct history_item *item);
bool history_writes(const struct history_item *item);
bool history_refused(const struct history *h, const struct history_op *op);

/* text.c: 0, or the number of the first line that is none of a history */
int history_read(struct history *h, FILE *from);
void history_write_op(const struct history *h, const struct history_op *op, FILE *to);
void history_write(const struct history *h, FILE *to);

/* check.c */
struct history_verdict history_check(const struct history *h, FILE *report);

#endif /* HISTORY_H */

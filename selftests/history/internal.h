/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the checker know of each other.
 */
#ifndef HISTORY_INTERNAL_H
#define HISTORY_INTERNAL_H

#include "history.h"

#define HI_NONE		(~0U)
#define HI_REPORTS	10	/* findings that are told in full */

/**
 * struct hi_write - a version of a document
 * @version: its number
 * @item: the item that wrote it
 * @gap: there may be versions behind it, before the next one that is known, of which
 *	nobody knows who wrote them
 * @gap_absent: it may have been deleted by them
 * @gap_present: or made
 * @has_n: what n is in it is known
 * @n: n
 */
struct hi_write {
	__u64 version;
	__u32 item;
	bool gap, gap_absent, gap_present;
	bool has_n;
	__s64 n;
};

/**
 * struct hi_document - a document
 * @writes: its versions in their order; the first one, 0, stands for the time before
 *	it was made
 * @n: number of the last one
 * @room: in @writes
 */
struct hi_document {
	struct hi_write *writes;
	__u32 n;
	__u32 room;
};

enum hi_seen {
	HI_AT,			/* a version */
	HI_NOT,			/* any but this version */
	HI_ABSENT,
	HI_PRESENT,
};

/**
 * struct hi_observation - a document that was in some state at some moment
 * @item: the item that tells
 * @part: the part of the history to which that belongs
 * @seen: enum hi_seen
 * @version: of HI_AT and HI_NOT
 * @low: the first of the document's versions that it can have been
 * @high: the last one; of those between, all for which hi_can_be() is true
 * @holes: there are some for which it is not
 */
struct hi_observation {
	__u32 item;
	__u32 part;
	__u8 seen;
	bool holes;
	__u64 version;
	__u32 low, high;
};

/**
 * struct hi_part - what happened at one moment, as far as its clients can know
 * @op: the operation
 * @begin: node of the graph before which nothing of it can be seen
 * @end: node after which all of it can be seen; the same where it is one moment
 * @weak: it looked at one partition only
 */
struct hi_part {
	__u32 op;
	__u32 begin, end;
	bool weak;
};

enum hi_edge_type {
	HI_INNER,		/* the moments of a batch */
	HI_BEFORE,		/* an operation ended, then another one began */
	HI_TIME,		/* from one operation's beginning to the next */
	HI_BEGUN,		/* an operation begins before its first moment */
	HI_WW,			/* a version replaces another */
	HI_WR,			/* a version is seen */
	HI_RW,			/* a version is replaced that was seen */
};

struct hi_edge {
	__u32 from, to;
	__u32 document;
	__u8 type;
};

/**
 * struct hi_graph - what must be before what
 * @nodes: number of nodes
 * @edges: in any order
 * @n: how many there are
 * @room: in @edges
 * @first: for each node where its edges begin in @sorted
 * @sorted: edges by where they come from
 * @order: nodes in an order that agrees with all edges, if there is one
 * @place: of each node in that order
 */
struct hi_graph {
	__u32 nodes;
	struct hi_edge *edges;
	__u32 n, room;
	__u32 *first;
	__u32 *sorted;
	__u32 *order;
	__u32 *place;
};

struct hi_number {
	__u64 number;
	__u32 op;
};

/**
 * struct hi_check - what the checker works with
 * @h: the history
 * @report: where findings are told
 * @verdict: what is found
 * @documents: of each document, its versions
 * @item_op: of each item, its operation
 * @item_version: of each item that writes, the version; 0 if it is not known
 * @item_index: of each such item, the number of that version
 * @happened: of each operation: it was carried out, as far as is known
 * @tags: operations that write, by their tags
 * @ntags: how many
 * @snapshots: snapshots, by their numbers
 * @nsnapshots: how many
 * @parts: parts of the history
 * @nparts: how many
 * @parts_room: room for them
 * @item_part: of each item, its part
 * @item_node: of each item that writes, the moment in which that can be seen
 * @node_part: of each node its part, or HI_NONE
 * @observations: what was seen
 * @nobservations: how many
 * @observations_room: room for them
 * @graph: what must be before what
 * @fixed: number of edges that do not depend on how observations are understood
 */
struct hi_check {
	const struct history *h;
	FILE *report;
	struct history_verdict verdict;
	struct hi_document *documents;
	__u32 *item_op;
	__u64 *item_version;
	__u32 *item_index;
	bool *happened;
	struct hi_number *tags;
	__u32 ntags;
	struct hi_number *snapshots;
	__u32 nsnapshots;
	struct hi_part *parts;
	__u32 nparts, parts_room;
	__u32 *item_part;
	__u32 *item_node;
	__u32 *node_part;
	struct hi_observation *observations;
	__u32 nobservations, observations_room;
	struct hi_graph graph;
	__u32 fixed;
};

/* history.c */
void *hi_alloc(size_t n, size_t size);
void *hi_grow(void *p, __u32 used, __u32 *room, size_t size);

/* words.c */
void __attribute__((format(printf, 5, 6)))
hi_finding(struct hi_check *c, enum history_anomaly anomaly, __u32 op, __u32 other,
	   const char *format, ...);
void hi_cycle_finding(struct hi_check *c, const struct hi_edge *cycle, __u32 length);

/* versions.c */
void hi_versions(struct hi_check *c);
void hi_contents(struct hi_check *c);
__u32 hi_version_index(const struct hi_document *d, __u64 version, bool *exact);
const struct hi_number *hi_find(const struct hi_number *numbers, __u32 n, __u64 number);
bool hi_deleted(const struct hi_check *c, __u32 document, __u32 index);

/* observe.c */
void hi_observe(struct hi_check *c);
bool hi_can_be(const struct hi_check *c, const struct hi_observation *o, __u32 index);

/* graph.c */
void hi_edge(struct hi_graph *g, __u32 from, __u32 to, enum hi_edge_type type, __u32 document);
bool hi_sort(struct hi_graph *g);
void hi_any_cycle(const struct hi_graph *g, bool *inside);
__u32 hi_cycle(struct hi_graph *g, struct hi_edge **cycle);
void hi_graph_free(struct hi_graph *g);

#endif /* HISTORY_INTERNAL_H */

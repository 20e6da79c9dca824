/* SPDX-License-Identifier: GPL-2.0 */
/*
 * docstore(1): top: what goes on, and goes on changing.
 *
 * A sample is read (top_read.c); of two of them it is computed what happened in between
 * (top_rates.c); the hottest documents are looked for (top_hot.c); panes make lines of that
 * (top_panes.c), which go on a screen (top_screen.c) or, one round after the other, to a
 * pipe (cmd_top.c).
 */
#ifndef DOCSTORE_TOP_H
#define DOCSTORE_TOP_H

#include <time.h>

#include "cells.h"
#include "counters.h"

/* --- samples: top_read.c ---------------------------------------------------------- */

/**
 * struct top_store_sample - a store, at one moment
 * @info: what it is
 * @stats: what was counted; its name is that of the store
 */
struct top_store_sample {
	struct docstore_store_info info;
	struct store_sample stats;
};

/**
 * struct top_snapshot - a snapshot
 * @store: name of its store
 * @info: what it is
 */
struct top_snapshot {
	char store[DOCSTORE_STORE_NAME_SIZE];
	struct docstore_snapshot_info info;
};

/**
 * struct top_sample - everything, at one moment, or nearly so
 * @module: the module, with its workers and places
 * @stores: stores that may be read
 * @store_count: how many
 * @closed: stores that may not
 * @snapshots: snapshots of @stores
 * @snapshot_count: how many
 */
struct top_sample {
	struct module_sample module;
	struct top_store_sample *stores;
	size_t store_count;
	size_t closed;
	struct top_snapshot *snapshots;
	size_t snapshot_count;
};

/* 0 or a negative errno; the sample is to be freed in either case. */
int top_read(struct top_sample *sample);
void top_sample_free(struct top_sample *sample);

/* --- what happened: top_rates.c ----------------------------------------------------- */

/**
 * struct top_store - a store, and what happened in an interval
 * @name: its name, which is the sample's
 * @operations: operations of batches, in a second
 * @reads: documents read, in a second
 * @commits: commits, in a second
 * @batches: batches that were measured, in the whole interval
 * @p50: half of these took no longer, in nanoseconds
 * @p99: 99 percent of them took no longer
 * @queued: parts of batches that wait
 * @requests: requests under way
 * @bytes: memory
 * @max_bytes: its limit
 * @documents: documents
 * @sessions: open descriptors
 * @snapshots: open snapshots
 */
struct top_store {
	const char *name;
	double operations, reads, commits;
	uint64_t batches;
	double p50, p99;
	uint64_t queued, requests, bytes, max_bytes, documents, sessions, snapshots;
};

/**
 * struct top_worker - a worker, and what it did in an interval
 * @cpu: its CPU
 * @busy: part of the time that it was busy, 0 to 1
 * @turns: partitions that it took over, in a second
 * @commits: commits, in a second
 * @parts: parts of batches, in a second
 * @sleeps: how often it went to sleep, in a second
 * @longest: its longest commit ever, in nanoseconds
 * @ready: partitions that wait for it
 */
struct top_worker {
	unsigned int cpu;
	double busy, turns, commits, parts, sleeps;
	uint64_t longest, ready;
};

/**
 * struct top_place - a place where threads can meet
 * @name: its name, which is the sample's
 * @acquired: how often it was taken, in a second
 * @contended: how often somebody else had it, in a second
 * @share: of all that took it, those for whom somebody else had it, 0 to 1
 * @waited: for how long of a second that was waited for, by all together, in nanoseconds
 * @longest: the longest ever
 */
struct top_place {
	const char *name;
	double acquired, contended, share, waited;
	uint64_t longest;
};

/* So many documents are shown, at most. */
#define TOP_HOT		32

/**
 * struct top_hot_doc - a document that is used much
 * @store: name of its store, which is that of &struct top_hot
 * @rate: uses in a second, about
 * @more: or more
 * @pattern: enum docstore_pattern
 * @deltas: operations that have changed it; DOCSTORE_STAT_DELTAS_MASK, or more
 * @id_len: length of its id
 * @id: its id
 */
struct top_hot_doc {
	const char *store;
	double rate;
	bool more;
	unsigned char pattern;
	unsigned int deltas;
	unsigned char id_len;
	unsigned char id[DOCSTORE_MAX_ID];
};

/* What stores are sorted by. Each has a key: see top_panes.c. */
enum top_order { BY_OPERATIONS, BY_NAME, BY_READS, BY_LATENCY, BY_QUEUE, BY_MEMORY, NR_ORDERS };

/**
 * struct top_view - what is to be seen
 * @time: since boot, in nanoseconds
 * @seconds: what interval it is about; 0 if there was no earlier sample
 * @all: sums over all stores; its latencies are those of all batches together
 * @session_count: open descriptors, of the control node as well
 * @request_count: requests under way
 * @store_total: stores there are, also those that may not be read
 * @snapshot_bytes: memory that all snapshots keep
 * @busy: part of the time that workers were busy, on average
 * @stores: stores, sorted
 * @workers: workers, as they are numbered
 * @snapshots: snapshots, the oldest first
 * @places: places, those first where most is waited for
 * @hot: the hottest documents, the hottest first
 * @hot_share: part of all documents that were looked at for them, 0 to 1
 * @hot_seconds: what it took to look at all of a store, if more than one round, or 0
 * @hot_unmapped: stores whose documents cannot be looked at
 */
struct top_view {
	uint64_t time;
	double seconds;
	struct top_store all;
	uint64_t session_count, request_count, store_total, snapshot_bytes;
	double busy;
	struct top_store *stores;
	size_t store_count;
	struct top_worker *workers;
	size_t worker_count;
	struct top_snapshot *snapshots;
	size_t snapshot_count;
	struct top_place *places;
	size_t place_count;
	struct top_hot_doc *hot;
	size_t hot_count;
	double hot_share, hot_seconds;
	size_t hot_unmapped;
};

/*
 * What happened between two samples, of which the first may be NULL. The view points into
 * the second one. Stores and workers that only the second one has have done nothing yet.
 */
void top_compute(const struct top_sample *earlier, const struct top_sample *later,
		 struct top_view *view);
void top_view_free(struct top_view *view);

void top_sort(struct top_view *view, enum top_order order, bool reverse);

/* --- the hottest documents: top_hot.c ------------------------------------------------ */

struct top_hot_store;

/**
 * struct top_hot - what was found until now; all 0 at first
 * @stores: each store that can be read
 * @count: how many
 * @first: the one that is the first in the next round
 */
struct top_hot {
	struct top_hot_store **stores;
	size_t count;
	size_t first;
};

/*
 * Look at documents of the stores of a sample for so many seconds, and for so many
 * documents, at most. The next call goes on where this one has ended.
 */
void top_hot_look(struct top_hot *hot, const struct top_sample *sample, double seconds,
		  uint64_t documents);

/* How much of an interval between samples is for that. */
double top_hot_seconds(double interval);

/* What was found, for a view that top_compute() has made; it points into @hot. */
void top_hot_show(const struct top_hot *hot, struct top_view *view);
void top_hot_free(struct top_hot *hot);

/*
 * What top_hot_look() consists of. Stores of the sample are there, and others not any more;
 * one of them; what is met in a pass over all its documents, from its beginning to its end.
 */
void top_hot_stores(struct top_hot *hot, const struct top_sample *sample);
struct top_hot_store *top_hot_store(struct top_hot *hot, const struct top_store_sample *sample);
void top_hot_begin(struct top_hot_store *store, double at);
void top_hot_add(struct top_hot_store *store, const struct ds_doc_state *state);
void top_hot_end(struct top_hot_store *store, double at);

/* --- lines: top_panes.c ------------------------------------------------------------------ */

/**
 * struct pane - a table that top shows
 * @title: what it is called
 * @key: what shows it or not; 0 if it is always there
 * @hidden: it is not there at first
 * @searched: what it shows is looked for only while it is shown
 * @most: lines that it has in the plain mode, at most; 0 for all
 * @count: how many lines it has
 * @head: its first line
 * @line: one of its lines
 */
struct pane {
	const char *title;
	char key;
	bool hidden;
	bool searched;
	size_t most;
	size_t (*count)(const struct top_view *view);
	void (*head)(struct buf *line, const struct top_view *view);
	void (*line)(struct buf *line, const struct top_view *view, size_t i);
};

/* All of them. Who has another one adds it to that table, and to the view what it shows. */
extern const struct pane panes[];
extern const size_t pane_count;

#define MAX_PANES	8

/* Lines above all panes. */
#define TOP_HEADER	3

void top_header(struct buf *line, const struct top_view *view, unsigned int n, time_t now);

/* A key that sorts stores; false if it is none. */
bool top_order_key(int key, enum top_order *order);

/* What keys there are, line by line; NULL behind the last one. */
const char *top_help_line(unsigned int n);

/*
 * How many lines each of @count panes gets, if @wanted says how many it could use and there
 * are @lines. All that fits is shown; else each gets a line in its turn. What would show
 * no more than its head gets none.
 */
void top_share(const size_t *wanted, size_t count, size_t lines, size_t *given);

/* --- the screen: top_screen.c ----------------------------------------------------------------- */

/**
 * struct top_options - how top runs
 * @seconds: from one sample to the next
 * @rounds: how often it shows something; 0 for as long as nobody ends it
 */
struct top_options {
	double seconds;
	uint64_t rounds;
};

/* So short, and so long, an interval may be. */
#define TOP_SHORTEST	0.1
#define TOP_LONGEST	86400.0

bool top_parse_seconds(const char *text, double *seconds);

/* Was it built with a screen? */
bool top_has_screen(void);

/* Returns an exit code, when the user has had enough. */
int top_screen(const struct top_options *options);

/*
 * The first interval is shorter, since there is nothing to be seen before it is over: in
 * seconds.
 */
static inline double top_first_interval(const struct top_options *options)
{
	return options->seconds < 0.5 ? options->seconds : 0.5;
}

#endif /* DOCSTORE_TOP_H */

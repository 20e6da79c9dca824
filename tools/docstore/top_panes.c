// SPDX-License-Identifier: GPL-2.0
/* docstore(1): top: the lines of its panes, of its header and of its help. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/docstore_map.h>

#include "tool.h"
#include "top.h"

/* Columns of the hottest documents: what others leave is for ids. */
#define HOT_STORE	16
#define HOT_ID		(80 - 8 - 8 - 7 - HOT_STORE)

/* --- panes ------------------------------------------------------------------------ */

static size_t store_lines(const struct top_view *view)
{
	return view->store_count;
}

static void store_head(struct buf *line, const struct top_view *view)
{
	(void)view;
	cell_text(line, 6, "OPS/s");
	cell_text(line, 8, "READS/s");
	cell_text(line, 9, "P50");
	cell_text(line, 9, "P99");
	cell_text(line, 6, "QUEUE");
	cell_text(line, 6, "REQS");
	cell_text(line, 11, "MEMORY");
	cell_text(line, 5, "%LIM");
	cell_text(line, 6, "SNAPS");
	cell_name(line, 0, "STORE");
}

static void store_line(struct buf *line, const struct top_view *view, size_t i)
{
	const struct top_store *store = &view->stores[i];

	cell_rate(line, 6, store->operations);
	cell_rate(line, 8, store->reads);
	/* Of nothing there is no percentile. */
	if (store->batches) {
		cell_duration(line, 9, store->p50);
		cell_duration(line, 9, store->p99);
	} else {
		cell_text(line, 9, "-");
		cell_text(line, 9, "-");
	}
	cell_number(line, 6, store->queued);
	cell_number(line, 6, store->requests);
	cell_size(line, 11, store->bytes);
	cell_percent(line, 5, store->max_bytes ? (double)store->bytes / (double)store->max_bytes :
						 0);
	cell_number(line, 6, store->snapshots);
	cell_name(line, 0, store->name);
}

static size_t worker_lines(const struct top_view *view)
{
	return view->worker_count;
}

static void worker_head(struct buf *line, const struct top_view *view)
{
	(void)view;
	cell_text(line, 7, "BUSY");
	cell_text(line, 11, "COMMITS/s");
	cell_text(line, 10, "PARTS/s");
	cell_text(line, 10, "TURNS/s");
	cell_text(line, 10, "SLEEPS/s");
	cell_text(line, 10, "LONGEST");
	cell_text(line, 7, "READY");
	cell_name(line, 0, "CPU");
}

static void worker_line(struct buf *line, const struct top_view *view, size_t i)
{
	const struct top_worker *worker = &view->workers[i];
	char cpu[16];

	snprintf(cpu, sizeof(cpu), "%u", worker->cpu);
	cell_percent(line, 7, worker->busy);
	cell_rate(line, 11, worker->commits);
	cell_rate(line, 10, worker->parts);
	cell_rate(line, 10, worker->turns);
	cell_rate(line, 10, worker->sleeps);
	cell_duration(line, 10, (double)worker->longest);
	cell_number(line, 7, worker->ready);
	cell_name(line, 0, cpu);
}

static size_t snapshot_lines(const struct top_view *view)
{
	return view->snapshot_count;
}

static void snapshot_head(struct buf *line, const struct top_view *view)
{
	(void)view;
	cell_text(line, 8, "ID");
	cell_text(line, 10, "AGE");
	cell_text(line, 10, "LEASE");
	cell_text(line, 11, "KEEPS");
	cell_text(line, 10, "VERSIONS");
	cell_text(line, 9, "UID");
	cell_text(line, 8, "STATE");
	cell_name(line, 0, "STORE");
}

static void snapshot_line(struct buf *line, const struct top_view *view, size_t i)
{
	const struct docstore_snapshot_info *info = &view->snapshots[i].info;

	cell_number(line, 8, info->id);
	cell_duration(line, 10, (double)info->age);
	if (info->lease_ms)
		cell_duration(line, 10, info->lease_ms * 1e6);
	else
		cell_text(line, 10, "-");
	cell_size(line, 11, info->bytes);
	cell_number(line, 10, info->versions);
	buf_printf(line, " %8u", info->uid);
	cell_text(line, 8, info->state & DOCSTORE_SNAPSHOT_REVOKED ? "revoked" : "kept");
	cell_name(line, 0, view->snapshots[i].store);
}

static size_t place_lines(const struct top_view *view)
{
	return view->place_count;
}

static void place_head(struct buf *line, const struct top_view *view)
{
	(void)view;
	cell_text(line, 10, "TAKEN/s");
	cell_text(line, 10, "MET/s");
	cell_text(line, 6, "%MET");
	cell_text(line, 12, "WAITED/s");
	cell_text(line, 12, "LONGEST");
	cell_name(line, 0, "PLACE");
}

static void place_line(struct buf *line, const struct top_view *view, size_t i)
{
	const struct top_place *place = &view->places[i];

	cell_rate(line, 10, place->acquired);
	cell_rate(line, 10, place->contended);
	cell_percent(line, 6, place->share);
	cell_duration(line, 12, place->waited);
	cell_duration(line, 12, (double)place->longest);
	cell_name(line, 0, place->name);
}

static size_t hot_lines(const struct top_view *view)
{
	return view->hot_count;
}

/* Who sees them is told if there may be others. */
static void hot_head(struct buf *line, const struct top_view *view)
{
	const char *comma = " (";

	cell_text(line, 8, "USES/s");
	cell_text(line, 8, "PATTERN");
	cell_text(line, 7, "DELTAS");
	cell_name(line, HOT_STORE, "STORE");
	cell_name(line, 0, "ID");
	if (view->hot_share < 1) {
		/* It is not all until it is. */
		buf_printf(line, "%s%.0f%% seen", comma, floor(100 * view->hot_share));
		comma = ", ";
	} else if (view->hot_seconds > 0) {
		buf_printf(line, "%sseen in", comma);
		cell_duration(line, 0, view->hot_seconds * 1e9);
		comma = ", ";
	}
	if (view->hot_unmapped) {
		buf_printf(line, "%s%zu unmapped", comma, view->hot_unmapped);
		comma = ", ";
	}
	if (*comma == ',')
		buf_byte(line, ')');
}

/* A number that may be larger. */
static void cell_more(struct buf *line, int width, bool more, double n)
{
	struct buf cell = { 0 };

	cell_rate(&cell, 0, n);
	buf_byte(&cell, '\0');
	/* There is a blank at its beginning. */
	if (more)
		cell.data[0] = '>';
	cell_text(line, width, more ? cell.data : cell.data + 1);
	buf_free(&cell);
}

static void hot_line(struct buf *line, const struct top_view *view, size_t i)
{
	const struct top_hot_doc *doc = &view->hot[i];

	cell_more(line, 8, doc->more, doc->rate);
	cell_text(line, 8, pattern_name(doc->pattern));
	cell_more(line, 7, doc->deltas == DOCSTORE_STAT_DELTAS_MASK, doc->deltas);
	cell_name(line, HOT_STORE, doc->store);
	cell_last(line, HOT_ID, ds_mem(doc->id, doc->id_len));
}

const struct pane panes[] = {
	{
		.title = "stores",
		.count = store_lines, .head = store_head, .line = store_line,
	},
	{
		.title = "workers", .key = '1',
		.count = worker_lines, .head = worker_head, .line = worker_line,
	},
	{
		.title = "snapshots", .key = '2',
		.count = snapshot_lines, .head = snapshot_head, .line = snapshot_line,
	},
	{
		.title = "contention", .key = '3',
		.count = place_lines, .head = place_head, .line = place_line,
	},
	{
		.title = "hottest documents", .key = '4', .searched = true, .most = 10,
		.count = hot_lines, .head = hot_head, .line = hot_line,
	},
};

const size_t pane_count = sizeof(panes) / sizeof(panes[0]);

_Static_assert(sizeof(panes) / sizeof(panes[0]) <= MAX_PANES, "panes");

/* --- the header --------------------------------------------------------------------- */

static void write_uptime(struct buf *line, uint64_t ns)
{
	unsigned long long minutes = ns / 1000000000 / 60, days = minutes / (24 * 60);

	if (days)
		buf_printf(line, " %llu d", days);
	/* After so many days nobody asks for the hour. */
	if (days < 10)
		buf_printf(line, " %llu:%02llu", minutes / 60 % 24, minutes % 60);
}

static void write_count(struct buf *line, uint64_t n, const char *what)
{
	buf_byte(line, ',');
	cell_number(line, 0, n);
	buf_printf(line, " %s%s", what, n == 1 ? "" : "s");
}

static void write_first(struct buf *line, const struct top_view *view, time_t now)
{
	char text[16] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	buf_printf(line, "top - %s, up", text);
	write_uptime(line, view->time);
	if (view->store_count < view->store_total)
		buf_printf(line, ", %zu of %llu stores", view->store_count,
			   (unsigned long long)view->store_total);
	else
		write_count(line, view->store_total, "store");
	write_count(line, view->session_count, "session");
	write_count(line, view->request_count, "request");
}

static void write_second(struct buf *line, const struct top_view *view)
{
	const struct top_store *all = &view->all;

	buf_str(line, "A second:");
	cell_rate(line, 0, all->operations);
	buf_str(line, " operations,");
	cell_rate(line, 0, all->reads);
	buf_str(line, " reads,");
	cell_rate(line, 0, all->commits);
	buf_str(line, " commits");
	if (!all->batches)
		return;
	buf_str(line, "; P50");
	cell_duration(line, 0, all->p50);
	buf_str(line, ", P99");
	cell_duration(line, 0, all->p99);
}

static void write_third(struct buf *line, const struct top_view *view)
{
	buf_str(line, "Memory:");
	cell_size(line, 0, view->all.bytes);
	buf_str(line, " of");
	cell_size(line, 0, view->all.max_bytes);
	buf_str(line, ",");
	cell_size(line, 0, view->snapshot_bytes);
	buf_str(line, " for snapshots; workers");
	cell_percent(line, 0, view->busy);
	buf_str(line, " busy");
}

void top_header(struct buf *line, const struct top_view *view, unsigned int n, time_t now)
{
	if (!n)
		write_first(line, view, now);
	else if (n == 1)
		write_second(line, view);
	else
		write_third(line, view);
}

/* --- keys ----------------------------------------------------------------------------- */

static const struct {
	int key;
	enum top_order order;
} orders[] = {
	{ 'P', BY_OPERATIONS }, { 'N', BY_NAME }, { 'G', BY_READS }, { 'T', BY_LATENCY },
	{ 'W', BY_QUEUE }, { 'M', BY_MEMORY }, { 'm', BY_MEMORY },
};

bool top_order_key(int key, enum top_order *order)
{
	size_t i;

	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (orders[i].key != key)
			continue;
		*order = orders[i].order;
		return true;
	}
	return false;
}

static const char * const help[] = {
	"  q           quit                        h ?      this help",
	"  d s         set the delay               space    refresh now",
	"  1 2 3 4     workers, snapshots, contention, hot documents: show them or not",
	"  Tab         scroll another pane         up down PgUp PgDn Home End   scroll",
	"",
	"Stores are sorted, the largest first, by",
	"  P           operations a second         G        reads (gets) a second",
	"  T           time: P99                   W        what waits: the queue",
	"  M m         memory                      N        name",
	"  R           the other way round",
	"",
	"OPS/s    operations of batches            READS/s  documents, by calls and hints",
	"P50 P99  what 50 and 99 percent of the batches of the interval took, at most",
	"QUEUE    parts of batches that wait       REQS     requests by io_uring",
	"MET/s    how often somebody else was there first, and WAITED for how long",
	"LONGEST  since the module was loaded; all else is of the last interval",
	"USES/s   of the hottest documents, about; DELTAS: operations that changed one",
	NULL
};

const char *top_help_line(unsigned int n)
{
	return help[n];
}

bool top_parse_seconds(const char *text, double *seconds)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	*seconds = strtod(text, &end);
	return !*end && *seconds >= TOP_SHORTEST && *seconds <= TOP_LONGEST;
}

/* --- shares ------------------------------------------------------------------------------ */

/* One line is the head; to show no more than that is of no use. */
#define LEAST	2

void top_share(const size_t *wanted, size_t count, size_t lines, size_t *given)
{
	size_t left = lines, hungry, i;

	for (i = 0; i < count; i++) {
		given[i] = wanted[i] < LEAST ? wanted[i] : LEAST;
		if (given[i] > left)
			given[i] = 0;
		left -= given[i];
	}
	/* A line for each that wants one, round after round; the first one takes the rest. */
	do {
		hungry = 0;
		for (i = 0; i < count && left; i++) {
			if (!given[i] || given[i] >= wanted[i])
				continue;
			given[i]++;
			left--;
			hungry++;
		}
	} while (hungry && left);
}

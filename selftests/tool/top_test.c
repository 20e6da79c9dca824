// SPDX-License-Identifier: GPL-2.0
/* docstore(1): top: what it makes of two samples, and the lines of that. */
#include <math.h>
#include <stdlib.h>

#include <linux/docstore_map.h>

#include "tap.h"
#include "top.h"

#define SECOND	1000000000ULL

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-6 * (fabs(b) + 1e-6);
}

/* --- samples to compute with ------------------------------------------------------- */

#define STORES	3

static struct top_sample earlier, later;
static struct top_store_sample stores[2][STORES];
static struct docstore_worker_stats workers[2][3];
static struct docstore_contention places[2][2];
static struct top_snapshot snapshots[2];

static void measure(struct docstore_latency *latency, uint64_t ns, uint64_t times)
{
	latency->count += times;
	latency->sum_ns += ns * times;
	latency->bucket[docstore_latency_bucket(ns)] += times;
	if (ns > latency->max_ns)
		latency->max_ns = ns;
}

/* Three stores: a busy one, a quiet one, and one that was made anew under its name. */
static void prepare(void)
{
	static const char * const names[STORES] = { "busy", "quiet", "anew" };
	int i, k;

	memset(stores, 0, sizeof(stores));
	memset(workers, 0, sizeof(workers));
	memset(places, 0, sizeof(places));
	memset(snapshots, 0, sizeof(snapshots));
	for (k = 0; k < 2; k++) {
		struct top_sample *sample = k ? &later : &earlier;

		memset(sample, 0, sizeof(*sample));
		for (i = 0; i < STORES; i++) {
			struct top_store_sample *store = &stores[k][i];

			store->info.incarnation = 10 + (uint64_t)i;
			store->info.max_bytes = 1000;
			store->stats.time = (uint64_t)(k ? 104 : 100) * SECOND;
			store->stats.counters.bytes = 100 * (uint64_t)(i + 1);
			snprintf(store->stats.name, sizeof(store->stats.name), "%s", names[i]);
		}
		sample->stores = stores[k];
		sample->store_count = STORES;
		sample->closed = 1;
		sample->module.stats.time = (uint64_t)(k ? 204 : 200) * SECOND;
		sample->module.stats.workers = workers[k];
		sample->module.stats.worker_count = k ? 3 : 2;
		sample->module.stats.places = places[k];
		sample->module.stats.place_count = 2;
		sample->module.counters.sessions = 9;
		for (i = 0; i < 3; i++)
			workers[k][i].cpu = 2 * (unsigned int)i;
		strcpy((char *)places[k][0].name, "calm");
		strcpy((char *)places[k][1].name, "hot");
	}
	stores[0][0].stats.counters.operations = 1000;
	stores[1][0].stats.counters.operations = 1400;
	stores[1][0].stats.counters.reads = 40;
	stores[1][0].stats.counters.scanned = 400;
	stores[1][0].stats.counters.hints = 4;
	stores[1][0].stats.counters.queued = 5;
	measure(&stores[0][0].stats.latency[DOCSTORE_STAGE_TOTAL], 1000000, 50);
	stores[1][0].stats.latency[DOCSTORE_STAGE_TOTAL] =
		stores[0][0].stats.latency[DOCSTORE_STAGE_TOTAL];
	measure(&stores[1][0].stats.latency[DOCSTORE_STAGE_TOTAL], 1000, 98);
	measure(&stores[1][0].stats.latency[DOCSTORE_STAGE_TOTAL], 9000000, 2);
	stores[0][2].stats.counters.operations = 5000000;
	stores[1][2].stats.counters.operations = 8;
	stores[1][2].info.incarnation = 77;
	workers[1][0].busy_ns = SECOND;
	workers[1][1].busy_ns = 9 * SECOND;
	workers[1][2].busy_ns = SECOND;
	workers[1][0].commits = 12;
	workers[1][0].commit_max_ns = 77;
	places[0][1].acquired = 100;
	places[1][1].acquired = 500;
	places[1][1].contended = 100;
	places[1][1].wait_ns = 2 * SECOND;
	places[1][0].acquired = 4;
	snapshots[0].info.age = 5;
	snapshots[0].info.bytes = 300;
	snapshots[1].info.age = 50;
	snapshots[1].info.bytes = 70;
	later.snapshots = snapshots;
	later.snapshot_count = 2;
}

static void test_rates(void)
{
	const struct top_store *busy, *quiet, *anew;
	struct top_view view;

	prepare();
	top_compute(&earlier, &later, &view);
	ok(near(view.seconds, 4) && view.time == 204 * SECOND && view.store_count == STORES &&
	   view.store_total == STORES + 1 && view.session_count == 9, "what there is");
	busy = &view.stores[0];
	quiet = &view.stores[1];
	anew = &view.stores[2];
	ok(near(busy->operations, 100) && near(busy->reads, 111) && busy->queued == 5,
	   "rates of a store");
	ok(busy->batches == 100 && busy->p50 > 896 && busy->p50 < 1024 && busy->p99 > 7e6 &&
	   busy->p99 <= 9e6, "latencies are those of the interval");
	ok(near(quiet->operations, 0) && !quiet->batches && near(quiet->p99, 0), "a quiet one");
	ok(near(anew->operations, 0) && anew->bytes == 300, "one that was made anew has done nothing");
	ok(near(view.all.operations, 100) && view.all.bytes == 600 && view.all.max_bytes == 3000 &&
	   near(view.all.p50, busy->p50), "sums over all");
	ok(near(view.workers[0].busy, 0.25) && near(view.workers[0].commits, 3) &&
	   view.workers[0].longest == 77, "a worker");
	ok(near(view.workers[1].busy, 1), "none is busier than all of the time");
	ok(near(view.workers[2].busy, 0) && view.workers[2].cpu == 4 && view.worker_count == 3 &&
	   near(view.busy, 1.25 / 3), "a new one has done nothing");
	ok(!strcmp(view.places[0].name, "hot") && near(view.places[0].acquired, 100) &&
	   near(view.places[0].share, 0.25) && near(view.places[0].waited, SECOND / 2.0) &&
	   near(view.places[1].acquired, 1) && near(view.places[1].share, 0),
	   "places, those first where most is waited for");
	ok(view.snapshot_count == 2 && view.snapshots[0].info.age == 50 && view.snapshot_bytes == 370,
	   "snapshots, the oldest first");
	top_view_free(&view);

	top_compute(NULL, &later, &view);
	ok(near(view.seconds, 0) && near(view.all.operations, 0) && !view.all.batches &&
	   near(view.workers[0].busy, 0) && near(view.places[0].acquired, 0) && view.all.bytes == 600,
	   "of one sample there are no rates");
	top_view_free(&view);
	top_compute(&later, &earlier, &view);
	ok(near(view.all.operations, 0) && near(view.workers[0].busy, 0) &&
	   near(view.places[0].waited, 0), "nor of a clock that goes back");
	top_view_free(&view);
	top_compute(&later, &later, &view);
	ok(near(view.all.operations, 0) && near(view.busy, 0), "nor of no time");
	top_view_free(&view);
}

static bool sorted(struct top_view *view, enum top_order order, bool reverse, const char *names)
{
	char is[64] = "";
	size_t i;

	top_sort(view, order, reverse);
	for (i = 0; i < view->store_count; i++)
		strcat(is, view->stores[i].name);
	if (strcmp(is, names))
		printf("# %s\n", is);
	return !strcmp(is, names);
}

static void test_sort(void)
{
	struct top_view view;
	enum top_order order;

	prepare();
	top_compute(&earlier, &later, &view);
	ok(sorted(&view, BY_OPERATIONS, false, "busyanewquiet") &&
	   sorted(&view, BY_OPERATIONS, true, "anewquietbusy"), "stores by their operations");
	ok(sorted(&view, BY_NAME, false, "anewbusyquiet") &&
	   sorted(&view, BY_NAME, true, "quietbusyanew"), "by their names");
	ok(sorted(&view, BY_MEMORY, false, "anewquietbusy") &&
	   sorted(&view, BY_MEMORY, true, "busyquietanew"), "by their memory");
	ok(sorted(&view, BY_READS, false, "busyanewquiet") &&
	   sorted(&view, BY_LATENCY, false, "busyanewquiet") &&
	   sorted(&view, BY_QUEUE, false, "busyanewquiet"), "by what else there is");
	ok(top_order_key('M', &order) && order == BY_MEMORY && top_order_key('P', &order) &&
	   order == BY_OPERATIONS && !top_order_key('x', &order) && !top_order_key(0, &order),
	   "each has a key");
	top_view_free(&view);
}

/* --- the hottest documents ----------------------------------------------------------- */

static void meet(struct top_hot_store *store, const char *id, double rate, unsigned int deltas)
{
	struct ds_doc_state state = {
		.id = ds_str(id),
		.rate = rate,
		.heat = rate > 0 ? 1 + (unsigned int)rate : 0,
		.deltas = deltas,
	};

	if (state.heat > DOCSTORE_STATE_HEAT_MASK)
		state.heat = DOCSTORE_STATE_HEAT_MASK;
	top_hot_add(store, &state);
}

/* What is shown of all that: stores and ids. */
static bool hottest(const struct top_hot *hot, const char *should)
{
	struct top_view view = { 0 };
	char is[1024] = "";
	size_t i, len = 0;

	top_hot_show(hot, &view);
	for (i = 0; i < view.hot_count; i++)
		len += (size_t)snprintf(is + len, sizeof(is) - len, "%s/%.*s ", view.hot[i].store,
					view.hot[i].id_len, (const char *)view.hot[i].id);
	top_view_free(&view);
	if (strcmp(is, should))
		printf("# %s\n", is);
	return !strcmp(is, should);
}

static bool hot_is(const struct top_hot *hot, double share, double seconds)
{
	struct top_view view = { 0 };
	bool is;

	top_hot_show(hot, &view);
	is = near(view.hot_share, share) && near(view.hot_seconds, seconds);
	if (!is)
		printf("# %g seen, in %g s\n", view.hot_share, view.hot_seconds);
	top_view_free(&view);
	return is;
}

static void prepare_hot(struct top_hot *hot, struct top_hot_store **busy,
			struct top_hot_store **quiet)
{
	prepare();
	memset(hot, 0, sizeof(*hot));
	stores[1][0].stats.counters.documents = 100;
	stores[1][1].stats.counters.documents = 100;
	top_hot_stores(hot, &later);
	*busy = top_hot_store(hot, &stores[1][0]);
	*quiet = top_hot_store(hot, &stores[1][1]);
}

/* Three documents of one store and two of another one, which were all met before. */
static void pass_hot(struct top_hot_store *busy, struct top_hot_store *quiet)
{
	top_hot_begin(busy, 10);
	meet(busy, "a", 5, 1);
	meet(busy, "cold", 0, 9);
	meet(busy, "b", 50, 1);
	meet(busy, "c", 7, 1);
	top_hot_end(busy, 11);
	top_hot_begin(quiet, 10);
	meet(quiet, "x", 6, 1);
	meet(quiet, "c", 7, 2);
	top_hot_end(quiet, 12);
}

static void test_hot_passes(void)
{
	struct top_hot_store *busy, *quiet;
	struct ds_doc_state gone = { .id = ds_str("b"), .rate = 60, .heat = 1, .deleted = true };
	struct top_hot hot;

	prepare_hot(&hot, &busy, &quiet);
	ok(hottest(&hot, "") && hot_is(&hot, 0, 0), "nothing is known yet");
	pass_hot(busy, quiet);
	ok(hottest(&hot, "busy/b quiet/c busy/c quiet/x busy/a ") && hot_is(&hot, 1, 0),
	   "the hottest documents of all stores, the hottest first");
	top_hot_stores(&hot, &later);
	top_hot_begin(busy, 20);
	meet(busy, "c", 1, 1);
	ok(hottest(&hot, "busy/b quiet/c quiet/x busy/a busy/c "),
	   "one that is met again is as hot as it is now");
	top_hot_add(busy, &gone);
	meet(busy, "new", 9, 1);
	ok(hottest(&hot, "busy/new quiet/c quiet/x busy/a busy/c "), "one was deleted, one is new");
	top_hot_end(busy, 22);
	ok(hottest(&hot, "busy/new quiet/c quiet/x busy/c "),
	   "one that was not met in a whole pass is not there any more");
	stores[1][1].info.incarnation++;
	top_hot_stores(&hot, &later);
	ok(hottest(&hot, "busy/new busy/c ") && hot_is(&hot, 0.5, 0),
	   "of one that was made anew nothing is known");
	later.store_count = 0;
	top_hot_stores(&hot, &later);
	ok(hottest(&hot, "") && !hot.count && hot_is(&hot, 1, 0), "a store that is gone has none");
	top_hot_free(&hot);
}

static void test_hot_many(void)
{
	struct top_hot_store *busy, *quiet;
	struct top_view view = { 0 };
	struct top_hot hot;
	char id[16];
	int i, wrong = 0;

	prepare_hot(&hot, &busy, &quiet);
	top_hot_begin(busy, 0);
	top_hot_begin(quiet, 0);
	for (i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "%d", i * 7 % 1000);
		meet(i & 1 ? busy : quiet, id, i * 7 % 1000, 1);
	}
	top_hot_show(&hot, &view);
	for (i = 0; i < (int)view.hot_count; i++)
		wrong += !near(view.hot[i].rate, 999 - i) || view.hot[i].id[0] != '9';
	ok(view.hot_count == TOP_HOT && !wrong, "of many those that are the hottest");
	ok(view.hot[0].more && near(view.hot_share, 1), "a rate may be higher than can be told");
	top_view_free(&view);
	top_hot_free(&hot);
	ok(near(top_hot_seconds(2), 0.1) && near(top_hot_seconds(0.1), 0.01) &&
	   near(top_hot_seconds(3600), 0.1), "it has a small part of the time");
}

/* Over a kernel that maps nothing. */
static void test_hot_unmapped(void)
{
	struct top_view view = { 0 };
	struct top_sample sample;
	struct top_hot hot = { 0 };
	int err = top_read(&sample);

	top_hot_look(&hot, &sample, 1, UINT64_MAX);
	top_hot_show(&hot, &view);
	ok(!err && view.hot_unmapped == 1 && !view.hot_count && near(view.hot_share, 1),
	   "a store that cannot be mapped is counted");
	top_view_free(&view);
	top_hot_look(&hot, &sample, 1, UINT64_MAX);
	top_hot_free(&hot);
	top_sample_free(&sample);
}

/* --- lines --------------------------------------------------------------------------- */

/* Is a line short enough? */
static size_t width_of(const struct buf *line)
{
	if (line->len > 80)
		printf("# %.*s\n", (int)line->len, line->data);
	return line->len;
}

/* The longest line of a view. */
static size_t widest(const struct top_view *view, struct buf *line)
{
	size_t p, i, max = 0, len;

	for (p = 0; p < pane_count; p++) {
		line->len = 0;
		panes[p].head(line, view);
		len = width_of(line);
		max = len > max ? len : max;
		for (i = 0; i < panes[p].count(view); i++) {
			line->len = 0;
			panes[p].line(line, view, i);
			len = width_of(line);
			max = len > max ? len : max;
		}
	}
	for (i = 0; i < TOP_HEADER; i++) {
		line->len = 0;
		top_header(line, view, (unsigned int)i, 0);
		len = width_of(line);
		max = len > max ? len : max;
	}
	return max;
}

/* More of everything than there will ever be. */
static void fill(void)
{
	int i;

	prepare();
	later.closed = 1000;
	later.module.stats.time = 999ULL * 24 * 3600 * SECOND;
	later.module.counters.sessions = later.module.counters.requests = 1ULL << 40;
	for (i = 0; i < STORES; i++) {
		struct docstore_counters *counters = &stores[1][i].stats.counters;

		stores[1][i].info.incarnation = stores[0][i].info.incarnation;
		stores[1][i].info.max_bytes = 1ULL << 49;
		counters->operations = counters->reads = 1ULL << 60;
		counters->queued = counters->requests = counters->snapshots = 1ULL << 59;
		counters->bytes = (1ULL << 49) - 1;
		measure(&stores[1][i].stats.latency[DOCSTORE_STAGE_TOTAL], 1 << 30, 1000);
	}
	for (i = 0; i < 2; i++) {
		workers[1][i].turns = workers[1][i].commits = workers[1][i].parts = 1ULL << 62;
		workers[1][i].sleeps = workers[1][i].ready = 1ULL << 62;
		workers[1][i].commit_max_ns = 999ULL * 3600 * SECOND;
		workers[1][i].cpu = workers[0][i].cpu = 65535 - (unsigned int)i;
		places[1][i].acquired = places[1][i].contended = places[1][i].wait_ns = 1ULL << 62;
		places[1][i].wait_max_ns = 999ULL * 3600 * SECOND;
		snapshots[i].info.id = snapshots[i].info.versions = 1ULL << 60;
		snapshots[i].info.age = 999ULL * 24 * 3600 * SECOND;
		snapshots[i].info.lease_ms = UINT32_MAX;
		snapshots[i].info.bytes = (1ULL << 49) - 1;
		snapshots[i].info.uid = 99999999;
		snapshots[i].info.state = DOCSTORE_SNAPSHOT_REVOKED;
		strcpy(snapshots[i].store, "abcde");
	}
}

/* Documents with long ids, in stores with long names. */
static void fill_hot(struct top_view *view)
{
	int i;

	view->hot_count = 3;
	view->hot = calloc(3, sizeof(*view->hot));
	for (i = 0; i < 3; i++) {
		view->hot[i].store = "a-store-with-a-long-name";
		view->hot[i].rate = 123456;
		view->hot[i].more = true;
		view->hot[i].pattern = DOCSTORE_PATTERN_WRITE;
		view->hot[i].deltas = DOCSTORE_STAT_DELTAS_MASK;
		view->hot[i].id_len = DOCSTORE_MAX_ID;
		memset(view->hot[i].id, (const int[]){ 'i', 0xff, '\n' }[i], DOCSTORE_MAX_ID);
	}
	view->hot_share = 0.999;
	view->hot_unmapped = 1000;
}

static bool pane_is(const struct top_view *view, int i, const char *should)
{
	const struct pane *pane = &panes[pane_count - 1];
	struct buf line = { 0 };
	bool is;

	if (i < 0)
		pane->head(&line, view);
	else
		pane->line(&line, view, (size_t)i);
	buf_byte(&line, '\0');
	is = !strcmp(line.data, should);
	if (!is)
		printf("# %s\n", line.data);
	buf_free(&line);
	return is;
}

static void test_hot_lines(void)
{
	struct top_hot_doc doc = {
		.store = "s", .rate = 2.34, .pattern = DOCSTORE_PATTERN_MIXED, .deltas = 12,
		.id_len = 4, .id = "a\033b ",
	};
	struct top_view view = { .hot = &doc, .hot_count = 1, .hot_share = 1 };

	ok(pane_is(&view, -1, "  USES/s PATTERN DELTAS STORE           ID") &&
	   pane_is(&view, 0, "     2.3   mixed     12 s               \"a\\u001bb \""),
	   "a document, and nothing in its id acts on a terminal");
	view.hot_seconds = 62;
	view.hot_unmapped = 2;
	ok(pane_is(&view, -1, "  USES/s PATTERN DELTAS STORE           ID (seen in 1.0 min, 2 unmapped)"),
	   "it says for how long it has looked");
	view.hot_share = 0.999;
	view.hot_unmapped = 0;
	ok(pane_is(&view, -1, "  USES/s PATTERN DELTAS STORE           ID (99% seen)"),
	   "or that it was not all of them");
	view.hot = NULL;
	fill_hot(&view);
	ok(pane_is(&view, 0, "   >123K   write >65535 a-store-with-a+ iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii+"),
	   "what is too long is cut");
	top_view_free(&view);
}

static void test_lines(void)
{
	struct buf line = { 0 };
	struct top_view view;
	size_t width;

	fill();
	top_compute(&earlier, &later, &view);
	fill_hot(&view);
	width = widest(&view, &line);
	if (!ok(width <= 80, "80 columns are enough for every line"))
		printf("# %zu columns\n", width);
	line.len = 0;
	panes[0].line(&line, &view, 0);
	buf_byte(&line, '\0');
	if (!ok(strstr(line.data, " 288P ") && strstr(line.data, " 512.0 TiB ") &&
		strstr(line.data, "100%"), "large numbers are short"))
		printf("# %s\n", line.data);
	top_view_free(&view);
	prepare();
	top_compute(&earlier, &later, &view);
	line.len = 0;
	panes[0].line(&line, &view, 1);
	buf_byte(&line, '\0');
	ok(!strcmp(line.data, "     0       0        -        -     0     0      200 B  20%     0 quiet"),
	   "what there is not is not 0");
	line.len = 0;
	top_header(&line, &view, 0, 0);
	buf_byte(&line, '\0');
	ok(strstr(line.data, ", up 0:03, 3 of 4 stores, 9 sessions, 0 requests") != NULL,
	   "the header counts");
	top_view_free(&view);
	buf_free(&line);
}

static bool name_is(int width, const char *name, const char *cell)
{
	struct buf line = { 0 };
	bool same;

	cell_name(&line, width, name);
	buf_byte(&line, '|');
	buf_byte(&line, '\0');
	same = !strcmp(line.data, cell);
	if (!same)
		printf("# %s\n", line.data);
	buf_free(&line);
	return same;
}

static void test_names(void)
{
	ok(name_is(6, "abc", " abc  |") && name_is(6, "abcde", " abcde|"),
	   "names are padded");
	ok(name_is(6, "abcdef", " abcd+|") && name_is(0, "abcdef", " abcdef|"), "and cut");
	ok(name_is(5, "\xc3\xa4\xc3\xb6", " \xc3\xa4\xc3\xb6  |") &&
	   name_is(4, "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4", " \xc3\xa4\xc3\xb6+|"),
	   "by characters, not by bytes");
	ok(name_is(0, "a\033[2J", " \"a\\u001b[2J\"|") && name_is(0, "a\nb", " \"a\\nb\"|") &&
	   name_is(0, "\xff", " {\"$bytes\":\"/w==\"}|"), "nothing in them acts on a terminal");
}

static bool shared(const size_t *wanted, size_t count, size_t lines, const size_t *should)
{
	size_t given[MAX_PANES];

	top_share(wanted, count, lines, given);
	return !memcmp(given, should, count * sizeof(*given));
}

static void test_share(void)
{
	const size_t wanted[] = { 5, 0, 3, 9 };
	size_t lines, given[4], sum, i, before = 0;
	bool good = true;

	ok(shared(wanted, 4, 17, (size_t[]){ 5, 0, 3, 9 }) &&
	   shared(wanted, 4, 999, (size_t[]){ 5, 0, 3, 9 }), "all that fits is shown");
	ok(shared(wanted, 4, 11, (size_t[]){ 4, 0, 3, 4 }), "else it is shared out");
	ok(shared(wanted, 4, 3, (size_t[]){ 3, 0, 0, 0 }) && shared(wanted, 4, 1, (size_t[4]){ 0 }) &&
	   shared(wanted, 4, 0, (size_t[4]){ 0 }), "no head without a line");
	for (lines = 0; lines < 30; lines++) {
		top_share(wanted, 4, lines, given);
		for (i = sum = 0; i < 4; i++) {
			good &= given[i] <= wanted[i] && given[i] != 1;
			sum += given[i];
		}
		good &= sum <= lines && sum >= before;
		before = sum;
	}
	ok(good && before == 17, "never more than there are");
}

static void test_seconds(void)
{
	double seconds = 0;

	ok(top_parse_seconds("2.5", &seconds) && near(seconds, 2.5) &&
	   top_parse_seconds("0.1", &seconds) && top_parse_seconds("86400", &seconds),
	   "numbers of seconds");
	ok(!top_parse_seconds("", &seconds) && !top_parse_seconds("0", &seconds) &&
	   !top_parse_seconds("-1", &seconds) && !top_parse_seconds("nan", &seconds) &&
	   !top_parse_seconds("2x", &seconds) && !top_parse_seconds("1e99", &seconds) &&
	   !top_parse_seconds(" 2", &seconds), "and what is none");
}

int main(void)
{
	test_rates();
	test_sort();
	test_hot_passes();
	test_hot_many();
	test_hot_unmapped();
	test_lines();
	test_hot_lines();
	test_names();
	test_share();
	test_seconds();
	return tap_end();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * libdocstore: statistics, settings and sessions.
 *
 * lib_monitor_test has a store in user space behind it, and lib_monitor_test_guest the
 * module. What both count is the same; how long things take is not.
 */
#include <math.h>

#include "lib_both.h"
#include "libdocstore_monitor.h"

#define NAME	"lib_monitor_test"

/* --- histograms ----------------------------------------------------------------- */

static void add(struct docstore_latency *latency, uint64_t ns, uint64_t times)
{
	latency->count += times;
	latency->sum_ns += ns * times;
	latency->bucket[docstore_latency_bucket(ns)] += times;
	if (ns > latency->max_ns)
		latency->max_ns = ns;
}

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fabs(b);
}

static void test_buckets(void)
{
	bool good = docstore_latency_bucket(0) == 0 && docstore_latency_bucket(63) == 0 &&
		    docstore_latency_bucket(64) == 1 && docstore_latency_bound(0) == 64;
	uint32_t b;

	for (b = 0; b < DOCSTORE_LATENCY_BUCKETS; b++) {
		uint64_t end = docstore_latency_bound(b);

		good &= docstore_latency_bucket(end - 1) == b;
		good &= docstore_latency_bucket(end) ==
			(b + 1 < DOCSTORE_LATENCY_BUCKETS ? b + 1 : b);
	}
	ok(good && docstore_latency_bucket(UINT64_MAX) == DOCSTORE_LATENCY_BUCKETS - 1,
	   "each time has its bucket");
}

static void test_percentiles(void)
{
	struct docstore_latency latency = { 0 };
	uint64_t ns, last = 0;
	bool good = true;
	double percent;

	ok(near(ds_latency_percentile(&latency, 50), 0) && near(ds_latency_mean(&latency), 0),
	   "of nothing there is no percentile");
	add(&latency, 1000, 1);
	/* 896 to 1024, and the longest is known. */
	ok(near(ds_latency_percentile(&latency, 100), 1000) &&
	   near(ds_latency_percentile(&latency, 0), 896) &&
	   near(ds_latency_percentile(&latency, 50), 948), "one time is in its bucket");
	latency.max_ns = 0;
	latency.count = 0;
	add(&latency, 1023, 99);
	latency.max_ns = 5000;
	ok(near(ds_latency_percentile(&latency, 25), 928) &&
	   near(ds_latency_percentile(&latency, 100), 1024), "times are spread over a bucket");

	memset(&latency, 0, sizeof(latency));
	for (ns = 1; ns <= 100000; ns++)
		add(&latency, ns, 1);
	for (percent = 0.1; percent < 100; percent += 0.1) {
		double is = ds_latency_percentile(&latency, percent), should = percent * 1000;

		good &= is >= (double)last && fabs(is - should) <= 2 + should / 1000;
		last = (uint64_t)is;
	}
	ok(good, "evenly spread times have the percentiles that they should have");
	ok(near(ds_latency_mean(&latency), 50000.5), "the mean is exact");
	ok(near(ds_latency_percentile(&latency, 100), 100000) &&
	   near(ds_latency_percentile(&latency, 1e9), 100000), "the longest is exact");
	ok(near(ds_latency_percentile(&latency, -1), 0) &&
	   near(ds_latency_percentile(&latency, NAN), 0), "there are no percentiles below 0");

	memset(&latency, 0, sizeof(latency));
	add(&latency, 100ULL * 1000000000, 10);
	ok(near(ds_latency_percentile(&latency, 100), 100e9) &&
	   ds_latency_percentile(&latency, 50) > 15e9, "what is longer than all buckets");
	latency.max_ns = 0;
	ok(ds_latency_percentile(&latency, 99) <= 1e12, "even if nobody knows how long");
	latency.bucket[3] = UINT64_MAX - 10;
	ok(ds_latency_percentile(&latency, 99) < 1e12, "counts that nobody reaches");
}

static void test_between(void)
{
	struct docstore_latency a = { 0 }, b, c;
	bool good;

	add(&a, 5000, 10);
	b = a;
	add(&b, 300, 7);
	ds_latency_between(&a, &b, &c);
	good = c.count == 7 && c.sum_ns == 2100 && c.bucket[docstore_latency_bucket(300)] == 7 &&
	       !c.bucket[docstore_latency_bucket(5000)];
	/* 256 to 320: the longest is of before. */
	ok(good && c.max_ns == 320, "what came between two readings");
	add(&b, 7000, 1);
	ds_latency_between(&a, &b, &c);
	ok(c.count == 8 && c.max_ns == 7000, "with the longest of all");
	ds_latency_between(&b, &b, &c);
	ok(!c.count && !c.max_ns && !c.sum_ns, "nothing came");
	ds_latency_between(&b, &a, &c);
	ok(!c.count && !c.bucket[docstore_latency_bucket(7000)], "never less than nothing");
	c = b;
	ds_latency_between(&a, &c, &c);
	ok(c.count == 8 && c.max_ns == 7000, "in place of one of the two");
}

/* --- statistics -------------------------------------------------------------------- */

struct sample {
	struct ds_stats stats;
	struct docstore_counters counters;
	struct docstore_latency latency[DOCSTORE_STAGES];
};

static int read_stats(const struct ds_store *store, struct sample *sample)
{
	memset(sample, 0xa5, sizeof(*sample));
	sample->stats = (struct ds_stats){
		.size = sizeof(sample->stats),
		.counters = &sample->counters,
		.counters_size = sizeof(sample->counters),
		.latency = sample->latency,
		.latency_size = sizeof(sample->latency[0]),
		.stages = DOCSTORE_STAGES,
	};
	return ds_stats(store, &sample->stats);
}

static uint64_t sum_of(const struct docstore_latency *latency)
{
	uint64_t sum = 0;
	int b;

	for (b = 0; b < DOCSTORE_LATENCY_BUCKETS; b++)
		sum += latency->bucket[b];
	return sum;
}

static void test_stats(void)
{
	struct sample before, after;
	bool good = true;
	size_t len, i;
	char id[16];

	good &= ds_change_setting(mapped, "latency_sample", 1) == 0;
	ok(good && !read_stats(asked, &before) && before.stats.stages == DOCSTORE_STAGES &&
	   before.stats.time, "the statistics of a store");
	for (i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "d%zu", i);
		good &= put_n(id, 1);
		len = 0;
		/* By the kernel, which counts it. */
		good &= ds_get(asked, ds_str(id), NULL, &len, &(struct ds_doc){ 0 }) == -ENOBUFS;
	}
	ok(good && !read_stats(asked, &after), "and after some work");
	ok(after.counters.operations == before.counters.operations + 20 &&
	   after.counters.batches == before.counters.batches + 20 &&
	   after.counters.changes == before.counters.changes + 20 &&
	   after.counters.reads == before.counters.reads + 20 &&
	   after.counters.commits > before.counters.commits, "it is counted");
	ok(after.counters.documents == before.counters.documents + 20 &&
	   after.counters.sessions >= 2 && !after.counters.snapshots, "what goes up and down");
	ok(after.stats.time >= before.stats.time, "time goes on");
	for (i = 0; i < DOCSTORE_STAGES; i++) {
		const struct docstore_latency *latency = &after.latency[i];
		double p50 = ds_latency_percentile(latency, 50);
		double p99 = ds_latency_percentile(latency, 99);

		good &= latency->count == sum_of(latency) && latency->count &&
			latency->max_ns <= latency->sum_ns;
		good &= p50 <= p99 && p99 <= (double)latency->max_ns;
		good &= ds_latency_mean(latency) <= (double)latency->max_ns;
	}
	ok(good, "histograms add up");
	ds_latency_between(&before.latency[DOCSTORE_STAGE_TOTAL],
			   &after.latency[DOCSTORE_STAGE_TOTAL], &after.latency[0]);
	ok(after.latency[0].count == 20, "each of them was measured");
	ok(!ds_reset_setting(mapped, "latency_sample"), "and no more");
}

static void test_parts(void)
{
	struct docstore_counters counters = { 0 };
	struct docstore_latency latency[2];
	struct { struct docstore_counters first; uint64_t more; } old = { .more = 77 };
	struct { struct docstore_counters counters; uint64_t more[4]; } newer;
	struct ds_stats stats = { .size = sizeof(stats) };
	struct ds_store *snapshot = snapshot_of(asked, 0);

	ok(!ds_stats(asked, &stats) && stats.time && !stats.stages, "no more than the time");
	stats.counters = &counters;
	stats.counters_size = sizeof(counters);
	ok(!ds_stats(asked, &stats) && counters.documents && !stats.stages, "counters only");
	stats.counters = &old.first;
	ok(!ds_stats(asked, &stats) && old.first.operations == counters.operations &&
	   old.more == 77,
	   "no more than the caller knows");
	memset(&newer, 0xa5, sizeof(newer));
	stats.counters = &newer.counters;
	stats.counters_size = sizeof(newer);
	ok(!ds_stats(asked, &stats) && newer.counters.documents == counters.documents &&
	   !newer.more[0] && !newer.more[3], "what the kernel does not know is 0");
	stats.counters = NULL;
	memset(latency, 0, sizeof(latency));
	stats.latency = latency;
	stats.latency_size = sizeof(latency[0]);
	stats.stages = 2;
	ok(!ds_stats(asked, &stats) && stats.stages == 2 && latency[1].count, "some stages");
	ok(ds_stats(snapshot, &stats) == -EBADF, "a snapshot has none");
	ds_close(snapshot);
	stats.latency_size = 4;
	ok(ds_stats(asked, &stats) == -EINVAL, "who knows nothing is refused");
	stats.stages = 0;
	stats.counters = &counters;
	stats.counters_size = 16;
	ok(ds_stats(asked, &stats) == -EINVAL, "nor who knows little");
	stats.size = 8;
	ok(ds_stats(asked, &stats) == -EINVAL, "nor who is too old");
}

static void test_module(void)
{
	struct docstore_module_counters counters;
	struct ds_open_opts nowhere = { .size = sizeof(nowhere), .device = "/nowhere" };
	struct docstore_info info = { .size = sizeof(info) };
	struct ds_module_stats stats = {
		.size = sizeof(stats),
		.counters = &counters,
		.counters_size = sizeof(counters),
		.worker_size = sizeof(struct docstore_worker_stats),
		.place_size = sizeof(struct docstore_contention),
	};
	bool good = true;
	size_t i;

	memset(&counters, 0xa5, sizeof(counters));
	ok(!ds_module_stats(NULL, &stats) && !ds_module_info(NULL, &info) &&
	   counters.stores == info.stores && counters.sessions >= 2, "the statistics of the module");
	ok(stats.worker_count == info.workers, "there is one for each worker");
	for (i = 0; i < stats.worker_count; i++)
		good &= !i || stats.workers[i].cpu > stats.workers[i - 1].cpu;
	ok(good, "in the order of CPUs");
	for (i = 0; i < stats.place_count; i++) {
		const struct docstore_contention *place = &stats.places[i];

		good &= place->name[0] && place->contended <= place->acquired &&
			place->wait_max_ns <= place->wait_ns;
	}
	ok(good && stats.place_count, "and places where they can meet");
	free(stats.workers);
	free(stats.places);
	stats.worker_size = 0;
	stats.place_size = 0;
	stats.counters = NULL;
	ok(!ds_module_stats(NULL, &stats) && !stats.workers && !stats.places &&
	   !stats.worker_count && !stats.place_count && stats.time, "none of it, if so asked");
	ok(ds_module_stats(&nowhere, &stats) == -ENXIO, "no module");
	stats.worker_size = 3;
	ok(ds_module_stats(NULL, &stats) == -EINVAL, "who knows nothing is refused");
}

/* --- sessions ------------------------------------------------------------------------ */

/* How many there are of our store, and whether they are in order. */
static size_t count_sessions(struct docstore_session_info *last, bool *ordered)
{
	struct docstore_session_info *list;
	size_t n, i, ours = 0;

	if (ds_sessions(NULL, &list, sizeof(*list), &n))
		return 0;
	*ordered = true;
	for (i = 0; i < n; i++) {
		*ordered &= !i || list[i].id > list[i - 1].id;
		if (strcmp((char *)list[i].store, NAME) || list[i].pid != (uint32_t)getpid())
			continue;
		*last = list[i];
		ours++;
	}
	free(list);
	return ours;
}

static void test_sessions(void)
{
	struct docstore_session_info *none, last = { 0 }, again = { 0 };
	struct ds_open_opts nowhere = { .size = sizeof(nowhere), .device = "/nowhere" };
	struct ds_store *s[40];
	bool ordered, good;
	size_t before = count_sessions(&last, &ordered), n;
	int i;

	ok(before >= 2 && ordered, "who has it open");
	for (i = 0; i < 40; i++)
		s[i] = both_open(NAME, DS_OPEN_NO_MAP);
	good = count_sessions(&last, &ordered) == before + 40 && ordered;
	ok(good, "more than are listed at once");
	put_n("sessions", 1);
	ds_set(s[39], ds_str("sessions"), ds_str("n"), ds_s64(2), NULL, NULL);
	ds_set(s[39], ds_str("sessions"), ds_str("n"), ds_s64(3), NULL, NULL);
	ok(count_sessions(&again, &ordered) == before + 40 && again.id == last.id &&
	   again.calls >= last.calls + 2 && again.operations == last.operations + 2,
	   "what one of them has done");
	ok(again.uid == getuid() && again.gid == getgid() && again.comm[0] && again.incarnation &&
	   again.opened && again.rights == (DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE) &&
	   !again.snapshot, "and whose it is");
	for (i = 0; i < 40; i++)
		ds_close(s[i]);
	ok(count_sessions(&last, &ordered) == before, "closed ones are not listed");
	s[0] = snapshot_of(asked, 0);
	ok(count_sessions(&last, &ordered) == before + 1 && last.snapshot, "a snapshot is one");
	ds_close(s[0]);
	ok(ds_sessions(&nowhere, &none, sizeof(*none), &n) == -ENXIO && !none && !n, "no module");
	ok(ds_sessions(NULL, &none, 3, &n) == -EINVAL && !none, "who knows nothing is refused");
}

/* --- settings -------------------------------------------------------------------------- */

static void test_names(void)
{
	bool good = true;
	unsigned int i;

	for (i = 0; i < DOCSTORE_SETTINGS; i++)
		good &= ds_setting_name(i) && ds_setting(ds_setting_name(i)) == (int)i;
	ok(good && ds_setting("lend_documents") == DOCSTORE_SETTING_LEND_DOCUMENTS &&
	   ds_setting("worker_poll_us") == DOCSTORE_SETTING_WORKER_POLL_US, "settings have names");
	ok(!ds_setting_name(DOCSTORE_SETTINGS) && !ds_setting_name(UINT32_MAX) &&
	   ds_setting("Lend_documents") == -ENOENT && ds_setting("") == -ENOENT, "and others do not");
}

static void test_settings(void)
{
	struct docstore_config config = { .size = sizeof(config) }, module = config;
	uint64_t usual, value = 0;

	ok(!ds_config(asked, &config) && !config.set && config.known &&
	   !ds_module_config(NULL, &module), "a new store has no settings of its own");
	ok(!memcmp(config.value, module.value, sizeof(config.value)), "but the module's");
	usual = config.value[DOCSTORE_SETTING_SPAN_QUEUE];
	ok(!ds_change_setting(asked, "span_queue", 77) &&
	   !ds_get_setting(asked, "span_queue", &value) && value == 77, "one is changed");
	ok(!ds_get_setting(NULL, "span_queue", &value) && value == usual, "the module's is not");
	config = (struct docstore_config){ .size = sizeof(config) };
	config.set = 1ULL << DOCSTORE_SETTING_LEND_DOCUMENTS | 1ULL << DOCSTORE_SETTING_HOT_CHANGES;
	config.reset = 1ULL << DOCSTORE_SETTING_SPAN_QUEUE;
	config.value[DOCSTORE_SETTING_LEND_DOCUMENTS] = 5;
	config.value[DOCSTORE_SETTING_HOT_CHANGES] = 6;
	ok(!ds_config(asked, &config) &&
	   config.set == (1ULL << DOCSTORE_SETTING_LEND_DOCUMENTS |
			  1ULL << DOCSTORE_SETTING_HOT_CHANGES) && !config.reset &&
	   config.value[DOCSTORE_SETTING_LEND_DOCUMENTS] == 5 &&
	   config.value[DOCSTORE_SETTING_HOT_CHANGES] == 6 &&
	   config.value[DOCSTORE_SETTING_SPAN_QUEUE] == usual, "several are changed together");
	config.set = 1ULL << DOCSTORE_SETTING_LEND_DOCUMENTS | 1ULL << 63;
	config.value[DOCSTORE_SETTING_LEND_DOCUMENTS] = 9;
	ok(ds_config(asked, &config) == -EINVAL &&
	   !ds_get_setting(asked, "lend_documents", &value) && value == 5, "or none of them");
	ok(!ds_reset_setting(asked, "lend_documents") && !ds_reset_setting(asked, "hot_changes") &&
	   !ds_get_setting(asked, "lend_documents", &value) &&
	   value == module.value[DOCSTORE_SETTING_LEND_DOCUMENTS], "back to the module's");
}

static void test_refused(void)
{
	struct docstore_config config = { .size = 4 };
	struct ds_open_opts nowhere = { .size = sizeof(nowhere), .device = "/nowhere" };
	struct ds_store *reader, *snapshot = snapshot_of(asked, 0);
	uint64_t value;

	ok(ds_change_setting(asked, "max_stores", 5) == -EINVAL, "the module's, on a store");
	ok(ds_change_setting(asked, "no_such", 5) == -ENOENT &&
	   ds_get_setting(asked, "no_such", &value) == -ENOENT &&
	   ds_reset_setting(NULL, "no_such") == -ENOENT, "no such setting");
	ok(ds_change_setting(NULL, "memory_percent", 101) == -EINVAL, "out of range");
	ok(!ds_open(NAME, DOCSTORE_OPEN_READ, NULL, &reader) &&
	   ds_change_setting(reader, "span_queue", 5) == -EBADF &&
	   !ds_get_setting(reader, "span_queue", &value), "who may only read looks, and changes none");
	ds_close(reader);
	ok(ds_get_setting(snapshot, "span_queue", &value) == -EBADF, "a snapshot has none");
	ds_close(snapshot);
	ok(ds_config(asked, &config) == -EINVAL && ds_module_config(NULL, &config) == -EINVAL,
	   "who knows nothing is refused");
	config.size = sizeof(config);
	ok(ds_module_config(&nowhere, &config) == -ENXIO, "no module");
}

static void test_module_settings(void)
{
	struct docstore_config config = { .size = sizeof(config) };
	const uint64_t bit = 1ULL << DOCSTORE_SETTING_WATCHDOG_MS;
	uint64_t was = 0, value = 0;
	bool good;

	if (ds_module_config(NULL, &config) || config.set & bit) {
		ok(true, "the module's # SKIP somebody has set them");
		return;
	}
	was = config.value[DOCSTORE_SETTING_WATCHDOG_MS];
	good = !ds_change_setting(NULL, "watchdog_ms", was + 1);
	config = (struct docstore_config){ .size = sizeof(config) };
	good &= !ds_module_config(NULL, &config) && config.set & bit;
	ok(good && !ds_get_setting(asked, "watchdog_ms", &value) && value == was + 1,
	   "the module's is a store's that has none of its own");
	ok(!ds_reset_setting(NULL, "watchdog_ms") && !ds_get_setting(NULL, "watchdog_ms", &value) &&
	   value == was, "it is as it was");
}

int main(void)
{
	both_begin(NAME);
	test_buckets();
	test_percentiles();
	test_between();
	test_stats();
	test_parts();
	test_module();
	test_sessions();
	test_names();
	test_settings();
	test_refused();
	test_module_settings();
	return both_end(NAME);
}

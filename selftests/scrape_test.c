// SPDX-License-Identifier: GPL-2.0
/*
 * Who watches a store that is written as fast as can be: all that debugfs, sysfs and the
 * ioctls tell is whole each time and takes no longer than it may, and writers go on.
 */
#include "monitor.h"

#include <dirent.h>
#include <sys/mount.h>

#include "docstore_harness.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define STATE		DEBUGFS "docstore/state"
#define ROOM		(16 << 20)
#define PARTITIONS	8
#define WRITERS		4
#define BATCH		16
#define PLACES		64
/* For one scrape; slow emulators of kernels that check everything need a while. */
#define BOUND		(20 * DS_SECOND)
/* Who writes while others scrape gets this part of what he gets else, at least. */
#define SHARE		50

/* Operations of a writer. Each has a cache line of its own. */
struct writer {
	volatile __u64 begun, done;
	__u64 rest[6];
};

FIXTURE(scrape) {
	struct ds_store store;
	int a;
	char *text;
	struct writer *writers;
	volatile bool *stop;
	pid_t pids[WRITERS];
	__u64 base;			/* operations before there were writers */
	int files;			/* of the store, in sysfs */
};

FIXTURE_SETUP(scrape)
{
	struct docstore_counters c;

	ASSERT_EQ(0, ds_store_begin(&self->store, "scrape", PARTITIONS, 128 << 20));
	self->a = ds_prop_id(self->store.fd, "a");
	self->text = ds_map(ROOM, MAP_PRIVATE);
	self->writers = ds_shared(WRITERS * sizeof(*self->writers));
	self->stop = ds_shared(sizeof(*self->stop));
	ASSERT_EQ(0, ds_stats(self->store.fd, &c, NULL));
	self->base = c.operations;
}

FIXTURE_TEARDOWN(scrape)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* Batches in all partitions, every third of them atomic, and single operations. */
static void write_on(FIXTURE_DATA(scrape) *self, unsigned int number)
{
	struct writer *w = &self->writers[number];
	struct docstore_op ops[BATCH];
	char ids[BATCH][16];
	__u32 i, n, count, failed;

	for (n = 0; !*self->stop; n++) {
		count = n % 4 ? BATCH : 1;
		for (i = 0; i < count; i++) {
			snprintf(ids[i], sizeof(ids[i]), "%u.%u", number, (n * 7 + i) % 4096);
			ops[i] = ds_set_s64(ids[i], self->a, n);
		}
		w->begun += count;
		DS_CHILD_EQ(0, ds_submit(self->store.fd, n % 3 ? 0 : DOCSTORE_SUBMIT_ATOMIC,
					 ops, count, &failed));
		DS_CHILD_EQ(0, failed);
		w->done += count;
	}
	_exit(0);
}

static __u64 sum_done(const FIXTURE_DATA(scrape) *self)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < WRITERS; i++)
		sum += self->writers[i].done;
	return sum;
}

static __u64 sum_begun(const FIXTURE_DATA(scrape) *self)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < WRITERS; i++)
		sum += self->writers[i].begun;
	return sum;
}

/*
 * Scrapes while there are writers, and looks how they get on: 0, or what @scrape has
 * returned.
 */
static int under_load(struct __test_metadata *_metadata, FIXTURE_DATA(scrape) *self,
		      int (*scrape)(FIXTURE_DATA(scrape) *self), const char *what)
{
	__u64 part = ds_scale(3000) * (DS_SECOND / 1000), begin, before, took, longest = 0;
	__u64 alone, beside, first[WRITERS], all = 0;
	unsigned int i, n, status = 0;
	int ret = 0;

	for (i = 0; i < WRITERS; i++) {
		self->pids[i] = ds_fork();
		if (!self->pids[i])
			write_on(self, i);
	}
	begin = ds_now();
	do
		usleep(10000);
	while (ds_now() < begin + part / 3);
	before = sum_done(self);
	alone = before * DS_SECOND / (ds_now() - begin);
	for (i = 0; i < WRITERS; i++)
		first[i] = self->writers[i].done;
	begin = ds_now();
	for (n = 0; !ret && (n < 5 || ds_now() < begin + part); n++) {
		took = ds_now();
		ret = scrape(self);
		took = ds_now() - took;
		all += took;
		longest = took > longest ? took : longest;
	}
	beside = (sum_done(self) - before) * DS_SECOND / (ds_now() - begin);
	for (i = 0; i < WRITERS; i++)
		EXPECT_LT(first[i], self->writers[i].done);
	*self->stop = true;
	for (i = 0; i < WRITERS; i++)
		status |= ds_wait(self->pids[i]);
	EXPECT_EQ(0, status);
	TH_LOG("%s: %u scrapes, of %llu us, the longest %llu us; %llu operations a second, and %llu before",
	       what, n, (unsigned long long)(all / n / 1000),
	       (unsigned long long)(longest / 1000), (unsigned long long)beside,
	       (unsigned long long)alone);
	EXPECT_GT(BOUND, longest);
	EXPECT_LE(alone / SHARE, beside);
	return ret;
}

/* By ioctl -------------------------------------------------------------------- */

static int module_stats(int control, struct docstore_contention *places, __u32 *count)
{
	struct docstore_module_counters c;
	struct docstore_worker_stats workers[256];
	struct docstore_module_stats s = {
		.size = sizeof(s),
		.counters = ds_ptr(&c),
		.counters_size = sizeof(c),
		.worker_size = sizeof(workers[0]),
		.workers = ds_ptr(workers),
		.worker_count = ARRAY_SIZE(workers),
		.contention_size = sizeof(*places),
		.contention = ds_ptr(places),
		.contention_count = PLACES,
	};
	int ret = ds_ioctl(control, DOCSTORE_MODULE_STATS, &s);

	*count = s.contention_count;
	if (!ret && (!s.worker_count || !s.contention_count || c.illegal))
		return ds_broken("module: %u workers, %u places, %llu illegal", s.worker_count,
				 s.contention_count, (unsigned long long)c.illegal);
	return ret;
}

/* Neither less than what was done before, nor more than was begun with after. */
static int by_ioctl(FIXTURE_DATA(scrape) *self)
{
	struct docstore_contention places[PLACES];
	struct docstore_latency latency[DOCSTORE_STAGES];
	struct docstore_counters c;
	__u64 least, most, is, count = 0;
	__u32 n;
	int ret, i;

	least = sum_done(self);
	__sync_synchronize();
	ret = ds_stats(self->store.fd, &c, latency);
	__sync_synchronize();
	most = sum_begun(self);
	is = c.operations - self->base;
	if (ret)
		return ret;
	if (is < least || is > most)
		return ds_broken("%llu operations, of %llu done and %llu begun",
				 (unsigned long long)is, (unsigned long long)least,
				 (unsigned long long)most);
	if (c.errors || c.findings || c.bytes_used > c.bytes || c.documents > WRITERS * 4096)
		return ds_broken("%llu errors, %llu findings, %llu of %llu bytes, %llu documents",
				 (unsigned long long)c.errors, (unsigned long long)c.findings,
				 (unsigned long long)c.bytes_used, (unsigned long long)c.bytes,
				 (unsigned long long)c.documents);
	for (i = 0; i < DOCSTORE_LATENCY_BUCKETS; i++)
		count += latency[DOCSTORE_STAGE_TOTAL].bucket[i];
	if (count != latency[DOCSTORE_STAGE_TOTAL].count)
		return ds_broken("latencies: %llu in buckets, %llu all together",
				 (unsigned long long)count,
				 (unsigned long long)latency[DOCSTORE_STAGE_TOTAL].count);
	return module_stats(self->store.control, places, &n);
}

TEST_F_TIMEOUT(scrape, ioctl, DS_TIMEOUT)
{
	EXPECT_EQ(0, under_load(_metadata, self, by_ioctl, "ioctl"));
}

/* By debugfs ------------------------------------------------------------------ */

/* The text behind @what, from @at on; NULL if it is not there. */
static char *behind(char *at, const char *what)
{
	char *found = at ? strstr(at, what) : NULL;

	return found ? found + strlen(what) : NULL;
}

/* Everything, in the order in which it is written, down to the last line. */
static int by_debugfs(FIXTURE_DATA(scrape) *self)
{
	struct docstore_contention places[PLACES];
	ssize_t size = ds_file_read(STATE, self->text, ROOM);
	char line[160], *at = self->text;
	__u32 count = 0, i;
	int ret;

	if (size < 0)
		return size;
	ret = module_stats(self->store.control, places, &count);
	if (ret)
		return ret;
	at = behind(at, "worker 0: cpu ");
	snprintf(line, sizeof(line), ": %s, %u partitions, ", self->store.name, PARTITIONS);
	at = behind(at, line);
	at = behind(at, "  latency, ns: ");
	at = behind(at, "\n  coordinator: ");
	for (i = 0; i < PARTITIONS; i++) {
		snprintf(line, sizeof(line), "\n  partition %u: ", i);
		at = behind(at, line);
		at = behind(at, "\n    memory: ");
		at = behind(at, "\n    index: ");
	}
	snprintf(line, sizeof(line), ": store %s, uid ", self->store.name);
	at = behind(at, line);
	at = behind(at, " 0 illegal changes of state");
	at = behind(at, "\nplace ");
	for (i = 0; i < count; i++) {
		snprintf(line, sizeof(line), "\n%.*s ", DOCSTORE_PLACE_NAME_SIZE,
			 (char *)places[i].name);
		at = behind(at, line);
	}
	/* That was the last line. */
	if (!at || strchr(at, '\n') != self->text + size - 1)
		return ds_broken("not whole: %zd bytes, the end is '%s'", size,
				 size > 200 ? self->text + size - 200 : self->text);
	return 0;
}

TEST_F_TIMEOUT(scrape, debugfs, DS_TIMEOUT)
{
	if (geteuid())
		SKIP(return, "not root");
	if (access(STATE, R_OK))
		mount("debugfs", DEBUGFS, "debugfs", 0, NULL);
	if (access(STATE, R_OK))
		SKIP(return, "no debugfs");
	EXPECT_EQ(0, under_load(_metadata, self, by_debugfs, "debugfs"));
}

/* By sysfs -------------------------------------------------------------------- */

/* Each file of a directory has one number: how many files there are, or -errno. */
static int read_directory(const char *path)
{
	char file[256];
	struct dirent *entry;
	DIR *dir = opendir(path);
	int n = 0, ret = 0;
	__u64 number;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)) && !ret) {
		if (entry->d_type != DT_REG)
			continue;
		snprintf(file, sizeof(file), "%s/%.100s", path, entry->d_name);
		ret = ds_file_number(file, &number);
		if (ret)
			ds_broken("%s: %s", file, strerror(-ret));
		n++;
	}
	closedir(dir);
	return ret ?: n;
}

static int by_sysfs(FIXTURE_DATA(scrape) *self)
{
	static const char * const names[] = { "config", "stats", "latency" };
	unsigned int i;
	char path[160];
	int ret, files = 0;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), DS_SYSFS "stores/%s/%s", self->store.name, names[i]);
		ret = read_directory(path);
		if (ret < 0)
			return ret;
		files += ret;
	}
	if (files != self->files)
		return ds_broken("%d files, and not %d", files, self->files);
	ret = read_directory(DS_SYSFS "config");
	return ret == DOCSTORE_SETTINGS ? 0 : ds_broken("%d settings", ret);
}

TEST_F_TIMEOUT(scrape, sysfs, DS_TIMEOUT)
{
	/* All settings and counters, and five numbers of each stage. */
	self->files = DS_STORE_SETTINGS + sizeof(struct docstore_counters) / sizeof(__u64) +
		      5 * DOCSTORE_STAGES;
	EXPECT_EQ(0, under_load(_metadata, self, by_sysfs, "sysfs"));
}

TEST_HARNESS_MAIN

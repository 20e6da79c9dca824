// SPDX-License-Identifier: GPL-2.0
/*
 * What is known of how documents are used: of changes, of reads in the kernel, and by
 * DOCSTORE_HINT of reads by the mapping. Nothing but statistics comes of hints, whoever
 * gives them.
 */
#include "map_reader.h"
#include "snapshot.h"
#include "sysfs.h"

#include <sched.h>

#include "docstore_harness.h"

#define PARTS		2
#define HOT		1024		/* uses, if nothing else was set */
#define PATIENCE	60		/* seconds */
#define FLOODERS	4

#define PATTERN(state)	(((state) >> DOCSTORE_STATE_PATTERN_SHIFT) & DOCSTORE_STATE_PATTERN_MASK)
#define HEAT(state)	(((state) >> DOCSTORE_STATE_HEAT_SHIFT) & DOCSTORE_STATE_HEAT_MASK)

FIXTURE(hint) {
	struct ds_store store;
	int fd;
	int a;
	struct map m;
	__u64 key[2];
	struct docstore_version *doc;	/* DS_ROOM bytes */
};

FIXTURE_SETUP(hint)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "hint", PARTS, 32 << 20));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	ASSERT_LT(0, self->a);
	self->doc = ds_map(DS_ROOM, MAP_PRIVATE);
	ASSERT_EQ(0, map_open(&self->m, self->fd));
	self->key[0] = self->m.head->key[0];
	self->key[1] = self->m.head->key[1];
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 100));
}

FIXTURE_TEARDOWN(hint)
{
	if (self->m.base)
		EXPECT_EQ(0, map_close(&self->m));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

static __u64 hash_of(FIXTURE_DATA(hint) *self, const char *id)
{
	return docstore_map_hash(self->key, id, strlen(id));
}

static int hint_one(FIXTURE_DATA(hint) *self, const char *id, __u32 flags, __u32 weight)
{
	__u64 hash = hash_of(self, id);

	return ds_hint(self->fd, flags, &hash, 1, weight);
}

static bool state_becomes(FIXTURE_DATA(hint) *self, const char *id, __u32 mask, __u32 value)
{
	__u64 end = ds_now() + PATIENCE * DS_SECOND;

	while ((map_state(&self->m, id) & mask) != value) {
		if (ds_now() > end)
			return false;
		usleep(1000);
	}
	return true;
}

static bool becomes_hot(FIXTURE_DATA(hint) *self, const char *id)
{
	return state_becomes(self, id, DOCSTORE_STATE_HOT_DOCUMENT, DOCSTORE_STATE_HOT_DOCUMENT);
}

static bool has_pattern(FIXTURE_DATA(hint) *self, const char *id, __u32 pattern)
{
	return state_becomes(self, id,
			     DOCSTORE_STATE_PATTERN_MASK << DOCSTORE_STATE_PATTERN_SHIFT,
			     pattern << DOCSTORE_STATE_PATTERN_SHIFT);
}

TEST_F(hint, bad_arguments)
{
	const __u32 count = DOCSTORE_MAX_HINTS;
	__u64 *hashes = ds_edge(count * sizeof(*hashes));
	unsigned int i;

	for (i = 0; i < count; i++)
		hashes[i] = hash_of(self, "d0");
	EXPECT_EQ(0, ds_hint(self->fd, 0, hashes, count, 1));
	EXPECT_EQ(0, ds_hint(self->fd, DOCSTORE_HINT_SCAN, hashes, count, 65535));
	EXPECT_EQ(0, ds_hint(self->fd, 0, hashes, 1, 65535));
	EXPECT_EQ(-EINVAL, ds_hint(self->fd, 0, hashes, 0, 1));
	EXPECT_EQ(-EINVAL, ds_hint(self->fd, 0, hashes, count + 1, 1));
	EXPECT_EQ(-EINVAL, ds_hint(self->fd, 0, hashes, ~0U, 1));
	EXPECT_EQ(-EINVAL, ds_hint(self->fd, 0, hashes, 1, 0));
	EXPECT_EQ(-EINVAL, ds_hint(self->fd, 0, hashes, 1, 65536));
	EXPECT_EQ(-EINVAL, ds_hint(self->fd, 0, hashes, 1, ~0U));
	for (i = 1; i < 32; i++)
		EXPECT_EQ(-EINVAL, ds_hint(self->fd, 1U << i, hashes, 1, 1));

	EXPECT_EQ(-EFAULT, ds_hint(self->fd, 0, NULL, 1, 1));
	EXPECT_EQ(-EFAULT, ds_hint(self->fd, 0, hashes + 1, count, 1));
	EXPECT_EQ(-EFAULT, ds_hint(self->fd, 0, hashes + count, 1, 1));
	EXPECT_EQ(-EFAULT, ds_hint(self->fd, 0, (__u64 *)((char *)hashes + 1), count, 1));
	/* Not where a multiple of eight begins, for who wants it so. */
	EXPECT_EQ(0, ds_hint(self->fd, 0, (__u64 *)((char *)hashes + 1), count - 1, 1));
}

TEST_F(hint, rights)
{
	__u64 hash = hash_of(self, "d0");
	int fd;

	fd = ds_open(self->store.control, self->store.name, DS_WRITE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, ds_hint(fd, 0, &hash, 1, 1));
	close(fd);
	fd = ds_open(self->store.control, self->store.name, DS_READ);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, ds_hint(fd, 0, &hash, 1, 1));
	close(fd);
	EXPECT_EQ(-ENOTTY, ds_hint(self->store.control, 0, &hash, 1, 1));
	fd = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOTTY, ds_hint(fd, 0, &hash, 1, 1));
	close(fd);
}

/* One that is changed often is hot, and written; one that is not, is not. */
TEST_F(hint, changes)
{
	__u64 end = ds_now() + PATIENCE * DS_SECOND;

	while (!(map_state(&self->m, "d1") & DOCSTORE_STATE_HOT_DOCUMENT)) {
		ASSERT_EQ(0, ds_do(self->fd, ds_add("d1", self->a, 1)));
		ASSERT_LT(ds_now(), end);
	}
	EXPECT_EQ(DOCSTORE_PATTERN_WRITE, PATTERN(map_state(&self->m, "d1")));
	EXPECT_EQ(0, map_state(&self->m, "d2") & DOCSTORE_STATE_HOT_DOCUMENT);
}

/* What is read by system calls becomes known without anybody's doing. */
TEST_F(hint, reads)
{
	struct docstore_read_item items[16];
	struct docstore_read_many many;
	__u64 end = ds_now() + PATIENCE * DS_SECOND;
	struct docstore_store_info info;
	unsigned int i;
	char buffer[8192];
	__u64 commits;

	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	commits = info.commits;
	while (!(map_state(&self->m, "d1") & DOCSTORE_STATE_HOT_DOCUMENT)) {
		for (i = 0; i < 100; i++)
			ASSERT_EQ(0, ds_fetch(self->fd, "d1", self->doc));
		ASSERT_LT(ds_now(), end);
	}
	EXPECT_EQ(DOCSTORE_PATTERN_READ, PATTERN(map_state(&self->m, "d1")));

	/* Several at a time, of which each is told as often. */
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = (struct docstore_read_item){
			.id = ds_ptr(i % 2 ? "d2" : "d3"),
			.id_len = 2,
		};
	}
	while (!(map_state(&self->m, "d2") & map_state(&self->m, "d3") &
		 DOCSTORE_STATE_HOT_DOCUMENT)) {
		ASSERT_EQ(0, ds_read_many(self->fd, items, ARRAY_SIZE(items), buffer,
					  sizeof(buffer), &many));
		ASSERT_EQ(ARRAY_SIZE(items), many.done);
		ASSERT_LT(ds_now(), end);
	}
	EXPECT_EQ(0, HEAT(map_state(&self->m, "d4")));

	/* Nothing was changed for that. */
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(commits, info.commits);
	EXPECT_EQ(1, ds_version_of(self->fd, "d1"));
}

/* And what is read along with all others. */
TEST_F(hint, scans)
{
	__u64 end = ds_now() + PATIENCE * DS_SECOND;
	unsigned int seen = 0, i;
	struct ds_scan scan;
	char id[8];

	while (seen < 50) {
		ds_scan_begin(&scan, 0, "", 0);
		while (!scan.end)
			ASSERT_LE(0, ds_scan_next(self->fd, &scan, self->doc, DS_ROOM));
		for (i = 0, seen = 0; i < 100; i++) {
			snprintf(id, sizeof(id), "d%u", i);
			seen += PATTERN(map_state(&self->m, id)) == DOCSTORE_PATTERN_SCAN;
		}
		ASSERT_LT(ds_now(), end);
	}
}

/* One that is read by the mapping is known to be, if somebody says so. */
TEST_F(hint, mapped_reads)
{
	struct docstore_store_info info;
	__u64 bytes;

	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	bytes = info.bytes;
	EXPECT_EQ(0, HEAT(map_state(&self->m, "d1")));
	ASSERT_EQ(0, hint_one(self, "d1", 0, 2 * HOT));
	EXPECT_TRUE(becomes_hot(self, "d1"));
	EXPECT_TRUE(has_pattern(self, "d1", DOCSTORE_PATTERN_READ));
	ASSERT_EQ(0, hint_one(self, "d2", DOCSTORE_HINT_SCAN, 65535));
	EXPECT_TRUE(has_pattern(self, "d2", DOCSTORE_PATTERN_SCAN));
	EXPECT_TRUE(becomes_hot(self, "d2"));

	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(100, info.documents);
	EXPECT_EQ(bytes, info.bytes);
	EXPECT_EQ(1, ds_version_of(self->fd, "d1"));
	EXPECT_EQ(1, ds_fetch_s64(self->fd, "d1", self->a));
}

/* Hashes of nothing, and of documents of others, do nothing. */
TEST_F(hint, strangers)
{
	const unsigned int rounds = ds_scale(2000);
	struct ds_random random = { ds_seed() };
	__u64 hashes[DOCSTORE_MAX_HINTS];
	struct docstore_store_info info;
	__u32 states[100];
	unsigned int i, round;
	char id[8];

	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "d%u", i);
		states[i] = map_state(&self->m, id);
	}
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < DOCSTORE_MAX_HINTS; i++)
			hashes[i] = ds_random(&random);
		/* Some are nearly right: in the right bucket, with another tag. */
		for (i = 0; i < 100; i++) {
			snprintf(id, sizeof(id), "d%u", i);
			hashes[i] = hash_of(self, id) ^ 1ULL << (32 + round % 16);
		}
		ASSERT_EQ(0, ds_hint(self->fd, round & 1, hashes, DOCSTORE_MAX_HINTS, 65535));
	}
	/* All of them are looked at by the time this one is. */
	ASSERT_EQ(0, hint_one(self, "d0", 0, 65535));
	ASSERT_TRUE(becomes_hot(self, "d0"));
	for (i = 1; i < 100; i++) {
		snprintf(id, sizeof(id), "d%u", i);
		if (docstore_map_partition_of(hash_of(self, id), PARTS) ==
		    docstore_map_partition_of(hash_of(self, "d0"), PARTS))
			EXPECT_EQ(states[i], map_state(&self->m, id))
				TH_LOG("%s", id);
	}
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(100, info.documents);
}

/* How long so many commits take, in nanoseconds. */
static __u64 time_commits(FIXTURE_DATA(hint) *self, unsigned int n)
{
	__u64 begin = ds_now();
	unsigned int i;
	char id[8];

	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "d%u", i % 100);
		if (ds_do(self->fd, ds_add(id, self->a, 1)))
			return ~0ULL;
	}
	return ds_now() - begin;
}

struct flood {
	volatile bool stop;
	volatile __u64 hints[FLOODERS];
};

/*
 * A flood of hints takes no more of the owner's time than it has for them: commits go
 * on, no slower than beside others who do something else.
 */
TEST_F(hint, flood)
{
	const unsigned int commits = ds_scale(3000);
	__u64 alone = ~0ULL, beside, hints = 0;
	unsigned int i, round;
	struct flood *flood = ds_shared(sizeof(*flood));
	pid_t pids[FLOODERS];
	bool busy;
	__u64 times[2] = { ~0ULL, ~0ULL };

	alone = time_commits(self, commits);
	ASSERT_NE(~0ULL, alone);
	/* First beside some who only take time, then beside some who give hints. */
	for (round = 0; round < 2; round++) {
		busy = !round;
		flood->stop = false;
		for (i = 0; i < FLOODERS; i++) {
			pids[i] = ds_fork();
			ASSERT_LE(0, pids[i]);
			if (!pids[i]) {
				struct docstore_info info;
				__u64 hashes[DOCSTORE_MAX_HINTS];
				unsigned int n;
				char id[8];

				for (n = 0; n < DOCSTORE_MAX_HINTS; n++) {
					snprintf(id, sizeof(id), "d%u", n % 100);
					hashes[n] = hash_of(self, id);
				}
				while (!flood->stop) {
					if (busy)
						DS_CHILD(!ds_info(self->fd, &info));
					else
						DS_CHILD(!ds_hint(self->fd, 0, hashes,
							       DOCSTORE_MAX_HINTS, 1));
					flood->hints[i]++;
				}
				_exit(0);
			}
		}
		while (!flood->hints[0])
			sched_yield();
		beside = time_commits(self, commits);
		flood->stop = true;
		for (i = 0; i < FLOODERS; i++)
			EXPECT_EQ(0, ds_wait(pids[i]));
		ASSERT_NE(~0ULL, beside);
		times[round] = beside;
		for (i = 0; i < FLOODERS; i++) {
			hints += round ? flood->hints[i] : 0;
			flood->hints[i] = 0;
		}
	}
	TH_LOG("%u commits: %llu ms alone, %llu beside others, %llu beside %llu hints", commits,
	       alone / 1000000, times[0] / 1000000, times[1] / 1000000,
	       hints * DOCSTORE_MAX_HINTS);
	EXPECT_LT(times[1], 3 * times[0] + DS_SECOND);
	munmap(flood, sizeof(*flood));
}

/* Whom hints are for may be gone: a store that was removed, a descriptor that is closed. */
TEST_F(hint, removed)
{
	struct ds_store other;
	unsigned int i;
	__u64 hash = 1;
	int before, fd;

	before = references();
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, ds_store_begin(&other, "gone", PARTS, 32 << 20));
		ASSERT_EQ(0, ds_hint(other.fd, 0, &hash, 1, 1));
		fd = other.fd;
		other.fd = -1;
		ASSERT_EQ(0, ds_store_end(&other));
		ASSERT_EQ(0, ds_hint(fd, 0, &hash, 1, 1));
		hash = ~hash;
		ASSERT_EQ(0, ds_hint(fd, 0, &hash, 1, 1));
		close(fd);
	}
	EXPECT_EQ(before, references_become(before, 10));
}

TEST_HARNESS_MAIN

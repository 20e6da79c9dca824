// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a snapshot: its page, what it tells about itself, its lease, how many
 * there may be, and that nothing of it stays.
 */
#define _FILE_OFFSET_BITS 64
#include "snapshot.h"
#include "map_reader.h"
#include "sysfs.h"

#include "docstore_harness.h"

#define PARTS		3
#define SMALL		(24 << 20)	/* a store that a 32-bit program can map */
#define PATIENCE	30		/* seconds */
#define MS		(DS_SECOND / 1000)
#define LEASE		150		/* ms */
#define PAGE		((size_t)sysconf(_SC_PAGESIZE))

FIXTURE(life) {
	struct ds_store store;
	int fd;
	int a;
	unsigned int max;		/* the module's parameter before */
	struct docstore_version *doc;	/* DS_ROOM bytes */
	struct map m;
};

FIXTURE_SETUP(life)
{
	ASSERT_EQ(0, parameter_get("max_snapshots", &self->max));
	ASSERT_EQ(0, ds_store_begin(&self->store, "life", PARTS, SMALL));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	ASSERT_EQ(1, self->a);
	self->doc = ds_map(DS_ROOM, MAP_PRIVATE);
	ASSERT_EQ(0, map_open(&self->m, self->fd));
}

FIXTURE_TEARDOWN(life)
{
	EXPECT_EQ(0, parameter_set("max_snapshots", self->max));
	EXPECT_EQ(0, map_close(&self->m));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

static int set(FIXTURE_DATA(life) *self, const char *id, __s64 value)
{
	return ds_do(self->fd, ds_set_s64(id, self->a, value));
}

/* All snapshots of the store, or -errno. */
static int list(int fd, struct docstore_snapshot_info *infos, __u32 room)
{
	__u64 cursor = 0;

	return ds_snapshot_list(fd, infos, room, &cursor);
}

static int snapshots(int fd)
{
	static struct docstore_snapshot_info infos[512];

	return list(fd, infos, ARRAY_SIZE(infos));
}

static int snapshots_become(int fd, int expected)
{
	__u64 end = ds_now() + PATIENCE * DS_SECOND;
	int n;

	while ((n = snapshots(fd)) != expected && ds_now() < end)
		usleep(1000);
	return n;
}

/* The page ------------------------------------------------------------------------- */

TEST_F(life, page)
{
	const struct docstore_map_snapshot *page, *second;
	struct docstore_store_info store;
	struct docstore_snapshot_info info;
	__u64 seqs[PARTS], id, now;
	unsigned int i;
	int snap;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 30));
	for (i = 0; i < PARTS; i++)
		seqs[i] = map_load64(&map_page(&self->m, i)->visible_seq);
	now = ds_clock(CLOCK_REALTIME);
	snap = ds_snapshot(self->fd, 0, &id);
	ASSERT_LE(0, snap);
	page = ds_snapshot_map(snap);
	ASSERT_NE(NULL, page);
	ASSERT_EQ(0, ds_store_info(self->fd, &store));
	ASSERT_EQ(0, ds_snapshot_info(snap, &info));
	EXPECT_EQ(0, memcmp(page->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE));
	EXPECT_EQ(DOCSTORE_MAP_LAYOUT, page->layout);
	EXPECT_EQ(PARTS, page->partitions);
	EXPECT_EQ(store.incarnation, page->incarnation);
	EXPECT_EQ(id, page->id);
	EXPECT_EQ(info.created, page->created);
	/* The kernel's clock may tick more coarsely. */
	EXPECT_LE(now, page->created + 20 * MS);
	EXPECT_GE(ds_clock(CLOCK_REALTIME), page->created);
	EXPECT_EQ(0, page->state);
	for (i = 0; i < ARRAY_SIZE(page->__reserved); i++)
		EXPECT_EQ(0, page->__reserved[i]);
	for (i = 0; i < DOCSTORE_MAX_PARTITIONS; i++)
		EXPECT_EQ(i < PARTS ? seqs[i] : 0, page->seq[i]);
	for (i = sizeof(*page); i < PAGE; i++)
		ASSERT_EQ(0, ((const __u8 *)page)[i]);

	/* Nothing of it changes, but for the state. */
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 60));
	second = ds_snapshot_map(snap);
	ASSERT_NE(NULL, second);
	EXPECT_EQ(0, memcmp(page, second, sizeof(*page)));
	for (i = 0; i < PARTS; i++) {
		EXPECT_EQ(seqs[i], page->seq[i]);
		EXPECT_LT(seqs[i], map_load64(&map_page(&self->m, i)->visible_seq));
	}
	EXPECT_EQ(0, ds_snapshot_unmap(second));
	/* It holds the snapshot when the descriptor is closed. */
	close(snap);
	EXPECT_EQ(1, snapshots(self->fd));
	EXPECT_EQ(0, page->state);
	EXPECT_EQ(-ENOENT, map_read_pinned(&self->m, page, "d40", self->doc, NULL, 1000));
	ASSERT_EQ(0, map_read_pinned(&self->m, page, "d4", self->doc, NULL, 1000));
	EXPECT_EQ(1, self->doc->version);
	EXPECT_EQ(0, ds_snapshot_unmap(page));
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
}

static int try_map(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *p = mmap(NULL, size, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, size);
	return 0;
}

/* Read only, now and later: as the store's own mapping. */
TEST_F(life, page_protection)
{
	int snap = ds_snapshot(self->fd, 0, NULL), before;
	char *page;
	pid_t pid;

	ASSERT_LE(0, snap);
	EXPECT_EQ(0, try_map(snap, PAGE, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(0, try_map(snap, PAGE, PROT_READ, MAP_SHARED | MAP_POPULATE, 0));
	EXPECT_EQ(0, try_map(snap, PAGE, PROT_NONE, MAP_SHARED, 0));
	EXPECT_EQ(-EACCES, try_map(snap, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(-EACCES, try_map(snap, PAGE, PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(-EPERM, try_map(snap, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, 0));
	EXPECT_EQ(-EPERM, try_map(snap, PAGE, PROT_EXEC, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_map(snap, PAGE, PROT_READ, MAP_PRIVATE, 0));
	EXPECT_NE(0, try_map(snap, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0));
	EXPECT_EQ(-ENXIO, try_map(snap, PAGE, PROT_READ, MAP_SHARED, PAGE));
	EXPECT_EQ(-ENXIO, try_map(snap, 2 * PAGE, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-ENXIO, try_map(snap, PAGE, PROT_READ, MAP_SHARED, (off_t)1 << 40));
	EXPECT_EQ(-EINVAL, try_map(snap, 0, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_map(snap, PAGE, PROT_READ, MAP_SHARED, 8));

	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, snap, 0);
	ASSERT_NE(MAP_FAILED, page);
	EXPECT_EQ(-1, mprotect(page, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(page, PAGE, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, mprotect(page, PAGE, PROT_NONE));
	EXPECT_EQ(0, mprotect(page, PAGE, PROT_READ));
	EXPECT_EQ(MAP_FAILED, mremap(page, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		*(volatile char *)page = 'x';
		_exit(0);
	}
	EXPECT_EQ(128 + SIGSEGV, ds_wait(pid));
	EXPECT_EQ(0, memcmp(page, DOCSTORE_MAP_MAGIC, 8));
	/* The page is there, whatever becomes of the rest. */
	before = snapshots(self->fd);
	close(snap);
	EXPECT_EQ(before, snapshots(self->fd));
	EXPECT_EQ(0, memcmp(page, DOCSTORE_MAP_MAGIC, 8));
	munmap(page, PAGE);
}

/* Info and list ------------------------------------------------------------------------- */

TEST_F(life, info)
{
	struct docstore_snapshot_info first, info;
	__u64 id, now = ds_clock(CLOCK_REALTIME), begin = ds_now();
	unsigned int i;
	int snap;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 100));
	snap = ds_snapshot(self->fd, 3600000, &id);
	ASSERT_LE(0, snap);
	ASSERT_EQ(0, ds_snapshot_info(snap, &first));
	EXPECT_EQ(id, first.id);
	EXPECT_LE(now, first.created + 20 * MS);
	EXPECT_GE(ds_clock(CLOCK_REALTIME), first.created);
	EXPECT_GE(ds_now() - begin, first.age);
	EXPECT_EQ(3600000, first.lease_ms);
	EXPECT_EQ(0, first.state);
	EXPECT_EQ(0, first.bytes);
	EXPECT_EQ(0, first.versions);
	EXPECT_EQ(geteuid(), first.uid);
	usleep(20000);
	/* What is new since is nothing that it keeps. */
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "new", 0, 50));
	ASSERT_EQ(0, ds_snapshot_info(snap, &info));
	EXPECT_LE(first.age + 20 * MS, info.age);
	EXPECT_GE(ds_now() - begin, info.age);
	EXPECT_EQ(first.created, info.created);
	EXPECT_EQ(0, info.bytes);
	EXPECT_EQ(0, info.versions);
	/* Of each document one version, however often it is changed. */
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 40 * i));
		ASSERT_EQ(0, ds_snapshot_info(snap, &info));
		EXPECT_EQ(i < 3 ? 40 * i : 100, info.versions);
		EXPECT_LE(info.versions * sizeof(struct docstore_version), info.bytes);
		EXPECT_GE(info.versions * 1024, info.bytes);
	}
	ASSERT_EQ(0, ds_do(self->fd, ds_delete("new1")));
	ASSERT_EQ(0, ds_do(self->fd, ds_delete("d1")));
	ASSERT_EQ(0, ds_snapshot_info(snap, &info));
	EXPECT_EQ(100, info.versions);
	close(snap);
}

/* What a version costs is told by the snapshot before it was replaced, of several. */
TEST_F(life, who_retains)
{
	struct docstore_snapshot_info infos[3];
	struct docstore_store_info before, after;
	unsigned int i;
	int snaps[3];

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 60));
	ASSERT_EQ(0, ds_store_info(self->fd, &before));
	EXPECT_EQ(0, before.bytes_snapshots);
	for (i = 0; i < 3; i++) {
		snaps[i] = ds_snapshot(self->fd, 0, NULL);
		ASSERT_LE(0, snaps[i]);
		ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 10 * (i + 1)));
		ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 5));
	}
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ds_snapshot_info(snaps[i], &infos[i]));
		EXPECT_EQ(10 * (i + 1), infos[i].versions);
	}
	ASSERT_EQ(0, ds_store_info(self->fd, &after));
	EXPECT_EQ(infos[0].bytes + infos[1].bytes + infos[2].bytes, after.bytes_snapshots);
	EXPECT_EQ(before.documents, after.documents);
	EXPECT_EQ(before.bytes_documents, after.bytes_documents);
	EXPECT_LE(before.bytes_used + after.bytes_snapshots, after.bytes_used);
	/* What the second one had is the first one's, or nobody's. */
	close(snaps[1]);
	EXPECT_EQ(2, snapshots_become(self->fd, 2));
	ASSERT_EQ(0, ds_snapshot_info(snaps[0], &infos[0]));
	/* Ten that were changed under both, and ten under the second only. */
	EXPECT_EQ(20, infos[0].versions);
	ASSERT_EQ(0, ds_snapshot_info(snaps[2], &infos[2]));
	EXPECT_EQ(30, infos[2].versions);
	close(snaps[0]);
	close(snaps[2]);
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
	ASSERT_EQ(0, ds_store_info(self->fd, &after));
	EXPECT_EQ(0, after.bytes_snapshots);
}

TEST_F(life, list)
{
	struct docstore_snapshot_info infos[12], info;
	__u64 ids[10], cursor, last = 0;
	unsigned int i, room, got;
	int snaps[10], n;

	EXPECT_EQ(0, snapshots(self->fd));
	for (i = 0; i < 10; i++) {
		snaps[i] = ds_snapshot(self->fd, i ? 1000000 + i : 0, &ids[i]);
		ASSERT_LE(0, snaps[i]);
		EXPECT_LT(last, ids[i]);
		last = ids[i];
		ASSERT_EQ(0, set(self, "x", i));
	}
	for (room = 1; room <= 12; room++) {
		cursor = 0;
		got = 0;
		do {
			n = ds_snapshot_list(self->fd, infos, room, &cursor);
			ASSERT_LE(0, n);
			/* As many as there is room for. */
			ASSERT_EQ(10 - got < room ? 10 - got : room, (unsigned int)n);
			for (i = 0; i < (unsigned int)n; i++, got++) {
				EXPECT_EQ(ids[got], infos[i].id);
				EXPECT_EQ(got ? 1000000 + got : 0, infos[i].lease_ms);
				EXPECT_EQ(0, infos[i].state);
				EXPECT_EQ(0, infos[i].__reserved);
				/* The first one is older than the document. */
				EXPECT_EQ(got ? 1 : 0, infos[i].versions);
				ASSERT_EQ(0, ds_snapshot_info(snaps[got], &info));
				EXPECT_EQ(info.created, infos[i].created);
				EXPECT_EQ(info.bytes, infos[i].bytes);
				EXPECT_LE(infos[i].age, info.age);
				EXPECT_EQ(geteuid(), infos[i].uid);
			}
		} while (cursor && got < 100);
		EXPECT_EQ(10, got);
	}
	/* A cursor goes on behind one that is gone meanwhile. */
	cursor = 0;
	ASSERT_EQ(4, ds_snapshot_list(self->fd, infos, 4, &cursor));
	close(snaps[3]);
	close(snaps[4]);
	EXPECT_EQ(8, snapshots_become(self->fd, 8));
	ASSERT_EQ(5, ds_snapshot_list(self->fd, infos, 12, &cursor));
	EXPECT_EQ(ids[5], infos[0].id);
	EXPECT_EQ(0, cursor);
	/* Another store's are not among them. */
	{
		struct ds_store other;

		ASSERT_EQ(0, ds_store_begin(&other, "other", 1, SMALL));
		EXPECT_EQ(0, snapshots(other.fd));
		ASSERT_EQ(0, ds_store_end(&other));
	}
	for (i = 0; i < 10; i++)
		if (i != 3 && i != 4)
			close(snaps[i]);
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
}

/* Elements of other sizes than ours: what is behind what we know is 0. */
TEST_F(life, list_element_sizes)
{
	static const __u32 sizes[] = { sizeof(struct docstore_snapshot_info), 100, 128, 1000 };
	struct docstore_snapshot_list l = { .size = sizeof(l) };
	__u8 *array = ds_map(4096, MAP_PRIVATE);
	unsigned int i, k, at;
	__u64 ids[3], id;
	int snaps[3];

	for (i = 0; i < 3; i++) {
		snaps[i] = ds_snapshot(self->fd, 0, &ids[i]);
		ASSERT_LE(0, snaps[i]);
	}
	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		memset(array, DS_POISON, 4096);
		l.snapshots = ds_ptr(array);
		l.snapshot_size = sizes[k];
		l.count = 3;
		l.cursor = 0;
		ASSERT_EQ(0, ds_ioctl(self->fd, DOCSTORE_SNAPSHOT_LIST, &l));
		ASSERT_EQ(3, l.count);
		EXPECT_EQ(0, l.cursor);
		for (i = 0; i < 3; i++) {
			memcpy(&id, array + i * sizes[k] +
			       offsetof(struct docstore_snapshot_info, id), sizeof(id));
			EXPECT_EQ(ids[i], id);
			for (at = sizeof(struct docstore_snapshot_info); at < sizes[k]; at++)
				ASSERT_EQ(0, array[i * sizes[k] + at]);
		}
		EXPECT_EQ(DS_POISON, array[3 * sizes[k]]);
	}
	for (i = 0; i < 3; i++)
		close(snaps[i]);
}

/* The flags of documents say whose earlier versions are kept, and whose tombstone. */
static bool flags_become(FIXTURE_DATA(life) *self, const char *id, __u32 expected)
{
	const __u32 mask = DOCSTORE_STATE_SNAPSHOT_READY | DOCSTORE_STATE_NEEDS_COMPACTION;
	__u64 end = ds_now() + PATIENCE * DS_SECOND;

	while ((map_state(&self->m, id) & mask) != expected) {
		if (ds_now() > end)
			return false;
		usleep(1000);
	}
	return true;
}

TEST_F(life, flags)
{
	const __u32 ready = DOCSTORE_STATE_SNAPSHOT_READY;
	const __u32 deleted = DOCSTORE_STATE_NEEDS_COMPACTION;
	int snap;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 5));
	EXPECT_TRUE(flags_become(self, "d0", 0));
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	EXPECT_TRUE(flags_become(self, "d0", 0));
	ASSERT_EQ(0, set(self, "d0", 7));
	EXPECT_TRUE(flags_become(self, "d0", ready));
	ASSERT_EQ(0, set(self, "d0", 8));
	EXPECT_TRUE(flags_become(self, "d0", ready));
	EXPECT_TRUE(flags_become(self, "d1", 0));
	ASSERT_EQ(0, ds_do(self->fd, ds_delete("d2")));
	/* It stays for as long as somebody may look for what was there before. */
	EXPECT_TRUE(flags_become(self, "d2", ready | deleted));
	usleep(100000);
	EXPECT_TRUE(flags_become(self, "d2", ready | deleted));
	ASSERT_EQ(0, set(self, "new", 1));
	ASSERT_EQ(0, set(self, "new", 2));
	EXPECT_TRUE(flags_become(self, "new", 0));
	close(snap);
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
	/* At the latest when it is written again. */
	ASSERT_EQ(0, set(self, "d0", 9));
	EXPECT_TRUE(flags_become(self, "d0", 0));
	EXPECT_FALSE(map_state(&self->m, "d2") & ready);
}

/* Leases -------------------------------------------------------------------------------------- */

/* All ways of reading: those that fail otherwise than with ESTALE, as bits. */
static unsigned int not_stale(FIXTURE_DATA(life) *self, int snap)
{
	struct docstore_read_item item = { .id = ds_ptr("x"), .id_len = 1 };
	unsigned int wrong = 0, i;
	struct docstore_read_many m;
	struct docstore_read r;
	struct ds_scan s;

	for (i = 0; i < 2; i++)
		if (ds_read(snap, i ? "x" : "none", 0, self->doc, DS_ROOM, &r) != -ESTALE)
			wrong |= 1 << i;
	if (ds_read(snap, "x", self->a, self->doc, DS_ROOM, &r) != -ESTALE)
		wrong |= 4;
	for (i = 0; i < 2; i++)
		if (ds_read_many_flags(snap, i ? DOCSTORE_READ_TOGETHER : 0, &item, 1, self->doc,
				       DS_ROOM, &m) != -ESTALE)
			wrong |= 8 << i;
	for (i = 0; i < 2; i++) {
		ds_scan_begin(&s, i ? DOCSTORE_SCAN_IDS : 0, NULL, 0);
		if (ds_scan_next(snap, &s, self->doc, DS_ROOM) != -ESTALE)
			wrong |= 32 << i;
	}
	return wrong;
}

TEST_F(life, lease)
{
	const struct docstore_map_snapshot *page;
	struct docstore_snapshot_info info, infos[4];
	struct docstore_store_info store;
	int snap, other, longer;
	__u64 begin, took;
	struct ds_scan s;

	ASSERT_EQ(0, set(self, "x", 1));
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 100));
	other = ds_snapshot(self->fd, 0, NULL);
	longer = ds_snapshot(self->fd, 3600000, NULL);
	begin = ds_now();
	snap = ds_snapshot(self->fd, LEASE, NULL);
	ASSERT_LE(0, snap);
	page = ds_snapshot_map(snap);
	ASSERT_NE(NULL, page);
	ASSERT_EQ(0, set(self, "x", 2));
	ds_scan_begin(&s, 0, NULL, 0);
	ASSERT_LE(0, ds_scan_next(snap, &s, self->doc, 1000));
	EXPECT_FALSE(ds_snapshot_revoked(other, 0));
	if (ds_now() < begin + LEASE * MS / 2) {
		EXPECT_FALSE(ds_snapshot_revoked(snap, 0));
		EXPECT_EQ(1, ds_fetch_s64(snap, "x", self->a));
		EXPECT_EQ(0, map_read_pinned(&self->m, page, "x", self->doc, NULL, 1000));
	}
	/* Who waits for the end of it is told. */
	EXPECT_TRUE(ds_snapshot_revoked(snap, PATIENCE * 1000));
	took = ds_now() - begin;
	EXPECT_LE(LEASE * MS, took);
	EXPECT_GE(LEASE * MS + 10 * DS_SECOND, took);
	EXPECT_EQ(0, not_stale(self, snap));
	/* A scan that has begun does not go on either. */
	EXPECT_EQ(-ESTALE, ds_scan_next(snap, &s, self->doc, 1000));
	EXPECT_EQ(DOCSTORE_SNAPSHOT_REVOKED, map_load32(&page->state));
	EXPECT_EQ(-ESTALE, map_read_pinned(&self->m, page, "x", self->doc, NULL, 1000));
	ASSERT_EQ(0, ds_snapshot_info(snap, &info));
	EXPECT_EQ(DOCSTORE_SNAPSHOT_REVOKED, info.state);
	EXPECT_EQ(LEASE, info.lease_ms);
	EXPECT_LE(LEASE * MS, info.age);
	/* What is not about documents is as before. */
	EXPECT_EQ(0, ds_store_info(snap, &store));
	EXPECT_EQ(self->a, ds_intern(snap, 0, "a", 1));
	/* It retains nothing, and others are as they were. */
	EXPECT_EQ(2, snapshots_become(self->fd, 2));
	ASSERT_EQ(2, list(self->fd, infos, 4));
	EXPECT_EQ(0, infos[0].state);
	EXPECT_EQ(0, infos[1].state);
	ASSERT_EQ(0, ds_snapshot_info(snap, &info));
	EXPECT_EQ(0, info.versions);
	EXPECT_EQ(0, info.bytes);
	EXPECT_FALSE(ds_snapshot_revoked(other, 0));
	EXPECT_FALSE(ds_snapshot_revoked(longer, 0));
	EXPECT_EQ(1, ds_fetch_s64(other, "x", self->a));
	EXPECT_EQ(1, ds_fetch_s64(longer, "x", self->a));
	/* It stays so. */
	ASSERT_EQ(0, set(self, "x", 3));
	EXPECT_EQ(0, not_stale(self, snap));
	EXPECT_TRUE(ds_snapshot_revoked(snap, 0));
	close(snap);
	EXPECT_EQ(DOCSTORE_SNAPSHOT_REVOKED, map_load32(&page->state));
	EXPECT_EQ(0, ds_snapshot_unmap(page));
	close(other);
	close(longer);
}

/* Somebody waits already, others poll for something else, and the shortest lease. */
TEST_F(life, lease_wakes)
{
	struct pollfd p = { .events = POLLIN };
	__u64 begin;
	int snap, ret;

	snap = ds_snapshot(self->fd, 1, NULL);
	ASSERT_LE(0, snap);
	EXPECT_TRUE(ds_snapshot_revoked(snap, PATIENCE * 1000));
	close(snap);
	begin = ds_now();
	snap = ds_snapshot(self->fd, LEASE, NULL);
	ASSERT_LE(0, snap);
	p.fd = snap;
	ret = poll(&p, 1, PATIENCE * 1000);
	EXPECT_EQ(1, ret);
	EXPECT_TRUE(p.revents & POLLHUP);
	EXPECT_LE(LEASE * MS, ds_now() - begin);
	close(snap);
	/* The longest: for all practical purposes it has none. */
	snap = ds_snapshot(self->fd, ~0U, NULL);
	ASSERT_LE(0, snap);
	EXPECT_FALSE(ds_snapshot_revoked(snap, 50));
	close(snap);
}

/* Many leases end while their snapshots are read, and closed: right data or ESTALE. */
TEST_F_TIMEOUT(life, leases_end_while_read, DS_TIMEOUT)
{
	struct ds_random random = { .state = ds_seed() };
	unsigned int round, rounds = ds_scale(40), i, good = 0, stale = 0;
	const struct docstore_map_snapshot *page;
	const struct docstore_version *at;
	char id[16];
	bool early;
	int snap, ret;
	__s64 base;

	for (round = 0; round < rounds; round++) {
		base = 1000 * round;
		/* Some are closed before. */
		early = ds_below(&random, 3) == 0;
		for (i = 0; i < 20; i++) {
			snprintf(id, sizeof(id), "d%u", i);
			ASSERT_EQ(0, set(self, id, base + i));
		}
		snap = ds_snapshot(self->fd, 1 + ds_below(&random, 20), NULL);
		ASSERT_LE(0, snap);
		page = ds_snapshot_map(snap);
		ASSERT_NE(NULL, page);
		for (ret = 0; !ret; ) {
			i = ds_below(&random, 20);
			snprintf(id, sizeof(id), "d%u", i);
			ASSERT_EQ(0, set(self, id, -1));
			if (ds_below(&random, 2))
				ret = map_read_pinned(&self->m, page, id, self->doc, &at, 1000);
			else
				ret = ds_fetch(snap, id, self->doc);
			ASSERT_TRUE(!ret || ret == -ESTALE) {
				TH_LOG("%d", ret);
			}
			if (!ret)
				ASSERT_EQ(base + i, ds_prop_s64(self->doc, self->a));
			good += !ret;
			stale += !!ret;
			if (early && ds_below(&random, 50) == 0)
				break;
		}
		if (ret)
			ASSERT_TRUE(ds_snapshot_revoked(snap, PATIENCE * 1000));
		ASSERT_EQ(0, ds_snapshot_unmap(page));
		close(snap);
	}
	EXPECT_LT(0, good);
	EXPECT_LT(0, stale);
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
	TH_LOG("%u read, %u snapshots revoked", good, stale);
}

/* How many ---------------------------------------------------------------------------------------- */

TEST_F(life, as_many_as_there_may_be)
{
	struct ds_store other;
	int snaps[21], before;
	unsigned int i;

	EXPECT_EQ(256, self->max);
	/* Documents hold the module. */
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 100));
	before = references();
	ASSERT_EQ(0, parameter_set("max_snapshots", 20));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, set(self, "x", i));
		snaps[i] = ds_snapshot(self->fd, 0, NULL);
		ASSERT_LE(0, snaps[i]);
	}
	EXPECT_EQ(-ENOSPC, ds_snapshot(self->fd, 0, NULL));
	EXPECT_EQ(20, snapshots(self->fd));
	/* In each store. */
	ASSERT_EQ(0, ds_store_begin(&other, "other", 1, SMALL));
	snaps[20] = ds_snapshot(other.fd, 0, NULL);
	EXPECT_LE(0, snaps[20]);
	close(snaps[20]);
	ASSERT_EQ(0, ds_store_end(&other));
	for (i = 0; i < 20; i++)
		EXPECT_EQ(i, ds_fetch_s64(snaps[i], "x", self->a));
	/* One that goes makes room for one. */
	close(snaps[7]);
	EXPECT_EQ(19, snapshots_become(self->fd, 19));
	snaps[7] = ds_snapshot(self->fd, 0, NULL);
	EXPECT_LE(0, snaps[7]);
	EXPECT_EQ(-ENOSPC, ds_snapshot(self->fd, 0, NULL));
	/* Fewer are allowed: those that there are stay. */
	ASSERT_EQ(0, parameter_set("max_snapshots", 5));
	EXPECT_EQ(19, ds_fetch_s64(snaps[19], "x", self->a));
	EXPECT_EQ(-ENOSPC, ds_snapshot(self->fd, 0, NULL));
	for (i = 0; i < 20; i++)
		close(snaps[i]);
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
	if (before >= 0)
		EXPECT_EQ(before, references_become(before, PATIENCE));
}

/* What it kept is kept no longer, when its last holder was killed. */
TEST_F(life, killed)
{
	struct ds_random random = { .state = ds_seed() };
	unsigned int round, rounds = ds_scale(20), i;
	struct docstore_store_info info;
	int before;
	pid_t pid;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 100));
	before = references();
	for (round = 0; round < rounds; round++) {
		pid = ds_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			for (;;) {
				int fds[8];

				for (i = 0; i < 8; i++) {
					fds[i] = ds_snapshot(self->fd, i % 4 == 3 ? 1 : 0, NULL);
					DS_CHILD(fds[i] >= 0);
					DS_CHILD(ds_snapshot_map(fds[i]));
					DS_CHILD_EQ(0, ds_fill(self->fd, self->a, "d", 0, 100));
				}
				for (i = 0; i < 8; i += 2)
					close(fds[i]);
				/* They would be too many. */
				if (snapshots(self->fd) > 200)
					_exit(2);
			}
		}
		usleep(ds_below(&random, 30000));
		kill(pid, SIGKILL);
		i = ds_wait(pid);
		ASSERT_TRUE(i == 128 + SIGKILL || i == 2);
	}
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(0, info.bytes_snapshots);
	EXPECT_EQ(100, info.documents);
	if (before >= 0)
		EXPECT_EQ(before, references_become(before, PATIENCE));
}

TEST_HARNESS_MAIN

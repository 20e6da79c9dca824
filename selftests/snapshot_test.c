// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: descriptors of their own, by which a store is read as it was when they were
 * made. snapshot_load_test.c has what happens when many of them meet many changes.
 */
#define _FILE_OFFSET_BITS 64
#include "snapshot.h"
#include "map_reader.h"
#include "sysfs.h"

#include <sys/socket.h>

#include "docstore_harness.h"

#define PARTS		4
#define SMALL		(32 << 20)	/* a store that a 32-bit program can map */
#define PATIENCE	30		/* seconds */
#define PAGE		((size_t)sysconf(_SC_PAGESIZE))

FIXTURE(snapshot) {
	struct ds_store store;
	int fd;
	int a, b, type;
	struct docstore_version *doc;	/* DS_ROOM bytes each */
	struct docstore_version *copy;
	struct map m;
};

FIXTURE_SETUP(snapshot)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "snapshot", PARTS, SMALL));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->b = ds_prop_id(self->fd, "b");
	self->type = ds_prop_id(self->fd, "type");
	ASSERT_EQ(3, self->type);
	self->doc = ds_map(DS_ROOM, MAP_PRIVATE);
	self->copy = ds_map(DS_ROOM, MAP_PRIVATE);
	ASSERT_EQ(0, map_open(&self->m, self->fd));
}

FIXTURE_TEARDOWN(snapshot)
{
	if (self->m.base)
		EXPECT_EQ(0, map_close(&self->m));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

static __s64 get(FIXTURE_DATA(snapshot) *self, int fd, const char *id)
{
	return ds_fetch_s64(fd, id, self->a);
}

static int set(FIXTURE_DATA(snapshot) *self, const char *id, __s64 value)
{
	return ds_do(self->fd, ds_set_s64(id, self->a, value));
}

/*
 * The document by each way of reading a snapshot: all of them must say the same. The
 * value, or -ENOENT as a value that nobody sets.
 */
static __s64 all_ways(FIXTURE_DATA(snapshot) *self, int fd, const char *id)
{
	const struct docstore_map_snapshot *page = ds_snapshot_map(fd);
	struct docstore_read_item item = { .id = ds_ptr(id), .id_len = strlen(id) };
	struct docstore_version *v = self->doc;
	struct docstore_read_many m;
	struct docstore_read r;
	int ret = ds_fetch(fd, id, v), i;
	__s64 value = 0;

	if (!page)
		return ds_broken("no page: %d", errno);
	if (ret && ret != -ENOENT)
		return ds_broken("%s: %d", id, ret);
	for (i = 0; i < 2; i++) {
		if (ds_read_many_flags(fd, i ? DOCSTORE_READ_TOGETHER : 0, &item, 1, self->copy,
				       DS_ROOM, &m) || m.done != 1 || item.result != ret ||
		    (!ret && memcmp(v, (char *)self->copy + item.offset, v->size)))
			return ds_broken("%s: read says %d, read many something else", id, ret);
	}
	if (map_read_pinned(&self->m, page, id, self->copy, NULL, 1000) != ret ||
	    (!ret && memcmp(v, self->copy, v->size)))
		return ds_broken("%s: read says %d, the mapping something else", id, ret);
	i = ds_read(fd, id, self->a, &value, sizeof(value), &r);
	if (ret ? i != ret : (i && i != -ENODATA) || (!i && value != ds_prop_s64(v, self->a)))
		return ds_broken("%s: read says %d, of the property %d", id, ret, i);
	ds_snapshot_unmap(page);
	return ret ?: value;
}

/* What it sees ----------------------------------------------------------------------- */

TEST_F(snapshot, sees_what_was)
{
	struct docstore_version *was = ds_map(4096, MAP_PRIVATE);
	unsigned int i, round;
	int snap, later;

	for (i = 0; i < 5; i++) {
		static const char *const ids[] = { "same", "once", "often", "gone", "again" };

		ASSERT_EQ(0, set(self, ids[i], 10 + i));
	}
	ASSERT_EQ(0, ds_fetch(self->fd, "often", self->doc));
	memcpy(was, self->doc, self->doc->size);
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	for (round = 0; round < 3; round++) {
		EXPECT_EQ(10, all_ways(self, snap, "same"));
		EXPECT_EQ(11, all_ways(self, snap, "once"));
		EXPECT_EQ(12, all_ways(self, snap, "often"));
		EXPECT_EQ(13, all_ways(self, snap, "gone"));
		EXPECT_EQ(14, all_ways(self, snap, "again"));
		EXPECT_EQ(-ENOENT, all_ways(self, snap, "new"));
		EXPECT_EQ(-ENOENT, all_ways(self, snap, "came and went"));
		/* Byte for byte, with the number of its commit and all times. */
		ASSERT_EQ(0, ds_fetch(snap, "often", self->doc));
		EXPECT_EQ(0, memcmp(was, self->doc, was->size));
		if (round)
			continue;
		ASSERT_EQ(0, set(self, "once", 21));
		for (i = 0; i < 100; i++)
			ASSERT_EQ(0, set(self, "often", 100 + i));
		ASSERT_EQ(0, ds_do(self->fd, ds_delete("gone")));
		ASSERT_EQ(0, ds_do(self->fd, ds_delete("again")));
		ASSERT_EQ(0, set(self, "again", 24));
		ASSERT_EQ(0, set(self, "new", 25));
		ASSERT_EQ(0, set(self, "came and went", 26));
		ASSERT_EQ(0, ds_do(self->fd, ds_delete("came and went")));
	}
	/* One that is made now sees what is now, and the first one goes on. */
	later = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, later);
	ASSERT_EQ(0, ds_do(self->fd, ds_delete("same")));
	EXPECT_EQ(10, all_ways(self, later, "same"));
	EXPECT_EQ(21, all_ways(self, later, "once"));
	EXPECT_EQ(199, all_ways(self, later, "often"));
	EXPECT_EQ(-ENOENT, all_ways(self, later, "gone"));
	EXPECT_EQ(24, all_ways(self, later, "again"));
	EXPECT_EQ(25, all_ways(self, later, "new"));
	EXPECT_EQ(-ENOENT, all_ways(self, later, "came and went"));
	EXPECT_EQ(10, all_ways(self, snap, "same"));
	close(later);
	EXPECT_EQ(13, all_ways(self, snap, "gone"));
	close(snap);
	/* The store is none the wiser. */
	EXPECT_EQ(-ENOENT, ds_fetch(self->fd, "same", self->doc));
	EXPECT_EQ(199, get(self, self->fd, "often"));
}

/* An empty store, and one in which there was nothing before. */
TEST_F(snapshot, of_nothing)
{
	int snap = ds_snapshot(self->fd, 0, NULL);
	struct ds_scan s;

	ASSERT_LE(0, snap);
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 1000));
	EXPECT_EQ(-ENOENT, all_ways(self, snap, "d7"));
	ds_scan_begin(&s, 0, NULL, 0);
	do {
		ASSERT_EQ(0, ds_scan_next(snap, &s, self->doc, DS_ROOM));
	} while (!s.end);
	close(snap);
}

/* One document of each of many sizes, replaced by ones of other sizes. */
TEST_F(snapshot, sizes)
{
	static const __u32 sizes[] = { 0, 1, 15, 100, 1000, 5000, 65535, 65536, 300000, 1000000 };
	__u8 *value = ds_map(1 << 20, MAP_PRIVATE);
	struct ds_prop p;
	unsigned int i;
	char id[16];
	int snap;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(id, sizeof(id), "s%u", i);
		memset(value, i, sizes[i]);
		ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes(id, self->b, value, sizes[i])));
	}
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	memset(value, 0xee, 1 << 20);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(id, sizeof(id), "s%u", i);
		ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes(id, self->b, value,
							  sizes[ARRAY_SIZE(sizes) - 1 - i])));
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(id, sizeof(id), "s%u", i);
		EXPECT_EQ(0, all_ways(self, snap, id));
		ASSERT_EQ(0, ds_fetch(snap, id, self->doc));
		ASSERT_EQ(0, ds_prop(self->doc, self->b, &p));
		ASSERT_EQ(sizes[i], p.len);
		memset(value, i, p.len);
		EXPECT_EQ(0, memcmp(value, p.value, p.len));
	}
	close(snap);
}

/* The index grows many times over under a snapshot, and shrinks what it refers to. */
TEST_F(snapshot, while_the_index_grows)
{
	unsigned int n = ds_scale(5000), i;
	struct docstore_op ops[200];
	char ids[200][24], id[24];
	int snap, second;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "old", 0, 50));
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "new", 0, n));
	second = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, second);
	for (i = 0; i < n; i++) {
		snprintf(ids[i % 200], sizeof(ids[0]), "new%u", i);
		ops[i % 200] = ds_delete(ids[i % 200]);
		if (i % 200 == 199 || i == n - 1)
			ASSERT_EQ(0, ds_submit(self->fd, 0, ops, i % 200 + 1, NULL));
	}
	for (i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "old%u", i);
		ASSERT_EQ(0, ds_do(self->fd, ds_delete(id)));
		ASSERT_EQ(i, all_ways(self, snap, id));
		ASSERT_EQ(i, all_ways(self, second, id));
	}
	for (i = 0; i < n; i += 1 + n / 200) {
		snprintf(id, sizeof(id), "new%u", i);
		ASSERT_EQ(-ENOENT, all_ways(self, snap, id));
		ASSERT_EQ(i, all_ways(self, second, id));
		ASSERT_EQ(-ENOENT, ds_fetch(self->fd, id, self->doc));
	}
	close(snap);
	close(second);
}

/* Scans ---------------------------------------------------------------------------------- */

/* How often each number came that ds_fill() gave to @prefix; all that came, or -errno. */
static int collect(FIXTURE_DATA(snapshot) *self, int fd, __u32 flags, const char *prefix,
		   __u32 type, __u32 room, unsigned int *seen, unsigned int max)
{
	struct docstore_version *v;
	unsigned int number;
	int n, total = 0;
	struct ds_scan s;
	char id[256];

	memset(seen, 0, max * sizeof(*seen));
	ds_scan_begin(&s, flags, prefix, type);
	do {
		n = ds_scan_next(fd, &s, self->doc, s.scan.needed ?: room);
		if (n < 0)
			return n;
		for (v = n ? self->doc : NULL; v;
		     v = (void *)ds_doc_next(v, (char *)self->doc + s.scan.used)) {
			if (ds_doc_check(v, DS_ROOM))
				return -ENOTRECOVERABLE;
			memcpy(id, ds_doc_id(v), v->id_len);
			id[v->id_len] = 0;
			number = atoi(id + strcspn(id, "0123456789"));
			if (number >= max)
				return ds_broken("scan: '%s'", id);
			if (!(flags & DOCSTORE_SCAN_IDS) &&
			    ds_prop_s64(v, self->a) != (__s64)number)
				return ds_broken("scan: '%s' has %lld", id,
						 (long long)ds_prop_s64(v, self->a));
			if (seen[number]++)
				return ds_broken("scan: '%s' twice", id);
			total++;
		}
	} while (!s.end);
	return total;
}

/* Exactly the documents that there were, whatever becomes of them meanwhile. */
TEST_F_TIMEOUT(snapshot, scan_while_all_change, DS_TIMEOUT)
{
	volatile bool *stop = ds_shared(PAGE);
	unsigned int seen[600], n = ARRAY_SIZE(seen), i;
	static const __u32 rooms[] = { 200, 1000, 30000 };
	pid_t pid;
	int snap;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, n));
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct ds_random random = { .state = 1 };
		char id[16];

		while (!*stop) {
			snprintf(id, sizeof(id), "d%u", ds_below(&random, 2 * n));
			if (ds_below(&random, 3)) {
				DS_CHILD_EQ(0, set(self, id, -1));
			} else {
				int ret = ds_do(self->fd, ds_delete(id));

				DS_CHILD(!ret || ret == -ENOENT);
			}
			if (ds_below(&random, 100) == 0)
				usleep(1000);
		}
		_exit(0);
	}
	for (i = 0; i < ds_scale(12); i++)
		ASSERT_EQ(n, collect(self, snap, i & 1 ? DOCSTORE_SCAN_IDS : 0, NULL, 0,
				     rooms[i % 3], seen, n));
	*stop = true;
	EXPECT_EQ(0, ds_wait(pid));
	EXPECT_EQ(n, collect(self, snap, 0, NULL, 0, 30000, seen, n));
	close(snap);
}

/* A cursor goes on where it was, however long ago that is, and on another descriptor. */
TEST_F(snapshot, scan_continued)
{
	unsigned int n = 400, count = 0;
	int snap, twin, ret;
	struct ds_scan s;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, n));
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	twin = dup(snap);
	ds_scan_begin(&s, DOCSTORE_SCAN_IDS, NULL, 0);
	do {
		ret = ds_scan_next(count % 2 ? snap : twin, &s, self->doc, 2000);
		ASSERT_LE(0, ret);
		count += ret;
		/* The documents change places, and the index grows. */
		ASSERT_EQ(0, ds_fill(self->fd, self->a, "more", count * 10, 500));
		ASSERT_EQ(0, ds_fill(self->fd, self->b, "d", 0, n));
	} while (!s.end);
	EXPECT_EQ(n, count);
	close(snap);
	close(twin);
}

TEST_F(snapshot, scan_prefix_and_type)
{
	unsigned int seen[100], i;
	char id[16];
	int snap;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "ab", 0, 100));
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "c", 0, 60));
	for (i = 0; i < 100; i += 4) {
		snprintf(id, sizeof(id), "ab%u", i);
		ASSERT_EQ(0, ds_do(self->fd, ds_set_type(id, self->type)));
	}
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	for (i = 0; i < 100; i += 3) {
		snprintf(id, sizeof(id), "ab%u", i);
		ASSERT_EQ(0, ds_do(self->fd, i % 2 ? ds_delete(id) : ds_set_type(id, 0)));
		snprintf(id, sizeof(id), "ab%u", 1000 + i);
		ASSERT_EQ(0, ds_do(self->fd, ds_set_type(id, self->type)));
	}
	EXPECT_EQ(100, collect(self, snap, 0, "ab", 0, 4096, seen, 100));
	EXPECT_EQ(60, collect(self, snap, 0, "c", 0, 4096, seen, 100));
	EXPECT_EQ(25, collect(self, snap, 0, NULL, self->type, 4096, seen, 100));
	EXPECT_EQ(25, collect(self, snap, DOCSTORE_SCAN_IDS, "a", self->type, 4096, seen, 100));
	EXPECT_EQ(0, collect(self, snap, 0, "c", self->type, 4096, seen, 100));
	EXPECT_EQ(0, collect(self, snap, 0, "ab10", self->type, 4096, seen, 10));
	close(snap);
}

/* What goes on it, and what does not ------------------------------------------------------- */

TEST_F(snapshot, other_calls)
{
	struct docstore_op op = ds_get("x", 0, NULL, 0);
	struct docstore_store_info store, info;
	struct docstore_coordinator c;
	struct docstore_snapshot_info si;
	struct docstore_info module;
	__u8 *buffer = ds_map(4096, MAP_PRIVATE);
	struct docstore_names names = {
		.size = sizeof(names), .buffer = ds_ptr(buffer), .buffer_len = 4096, .first = 1,
	};
	struct docstore_submit submit = {
		.size = sizeof(submit), .ops = ds_ptr(&op), .op_size = sizeof(op), .count = 1,
	};
	struct docstore_name_record *record = (void *)buffer;
	unsigned int i;
	__u64 cursor = 0;
	int snap;

	ASSERT_EQ(0, set(self, "x", 1));
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	/* About the store, as it is now. */
	ASSERT_EQ(0, set(self, "y", 1));
	ASSERT_LT(3, ds_prop_id(self->fd, "later"));
	ASSERT_EQ(0, ds_store_info(self->fd, &store));
	ASSERT_EQ(0, ds_store_info(snap, &info));
	EXPECT_EQ(0, memcmp(store.name, info.name, sizeof(info.name)));
	EXPECT_EQ(store.incarnation, info.incarnation);
	EXPECT_EQ(2, info.documents);
	EXPECT_EQ(4, info.names);
	EXPECT_EQ(store.map_size, info.map_size);
	EXPECT_EQ(1, ds_intern(snap, 0, "a", 1));
	EXPECT_EQ(4, ds_intern(snap, 0, "later", 5));
	EXPECT_EQ(0, ds_intern(snap, 0, "never", 5));
	EXPECT_EQ(-EBADF, ds_intern(snap, DOCSTORE_INTERN_CREATE, "never", 5));
	ASSERT_EQ(0, ds_ioctl(snap, DOCSTORE_NAMES, &names));
	EXPECT_EQ(4, names.count);
	EXPECT_EQ(1, record->id);
	EXPECT_EQ(1, record->len);

	/* Not operations of this descriptor, and nothing is done. */
	EXPECT_EQ(-ENOTTY, ds_ioctl(snap, DOCSTORE_SUBMIT, &submit));
	EXPECT_EQ(-ENOTTY, ds_snapshot(snap, 0, NULL));
	EXPECT_EQ(-ENOTTY, ds_snapshot_list(snap, &si, 1, &cursor));
	EXPECT_EQ(-ENOTTY, ds_coordinator(snap, NULL, 0, &c));
	EXPECT_EQ(-ENOTTY, ds_create(snap, "x", 0600, 1, 0));
	EXPECT_EQ(-ENOTTY, ds_open(snap, self->store.name, DS_READ));
	EXPECT_EQ(-ENOTTY, ds_remove(snap, self->store.name));
	EXPECT_EQ(-ENOTTY, ds_ioctl(snap, _IO(DOCSTORE_IOC_TYPE, 0x21), &submit));
	EXPECT_EQ(-ENOTTY, ds_ioctl(snap, _IO(DOCSTORE_IOC_TYPE, 0xff), &submit));
	EXPECT_EQ(-ENOTTY, ds_snapshot_info(self->fd, &si));
	EXPECT_EQ(-ENOTTY, ds_snapshot_info(self->store.control, &si));
	EXPECT_EQ(-ENOTTY, ds_snapshot(self->store.control, 0, NULL));
	EXPECT_EQ(-ENOTTY, ds_snapshot_list(self->store.control, &si, 1, &cursor));
	EXPECT_EQ(-ENOTTY, ds_coordinator(self->store.control, NULL, 0, &c));
	/* "On a store; but for SUBMIT, SNAPSHOT and what follows it", and INFO on all. */
	i = ds_info(snap, &module);
	EXPECT_TRUE(!i || i == (unsigned int)-ENOTTY);
	EXPECT_EQ(-1, read(snap, buffer, 1));
	EXPECT_EQ(-1, write(snap, buffer, 1));
	close(snap);
}

/* Who may read a store may have snapshots of it. */
TEST_F(snapshot, rights)
{
	int reader = ds_open(self->store.control, self->store.name, DS_READ);
	int writer = ds_open(self->store.control, self->store.name, DS_WRITE);
	struct docstore_snapshot_info si;
	struct docstore_coordinator c;
	__u64 cursor = 0;
	int snap;

	ASSERT_EQ(0, set(self, "x", 1));
	EXPECT_EQ(-EBADF, ds_snapshot(writer, 0, NULL));
	EXPECT_EQ(-EBADF, ds_snapshot_list(writer, &si, 1, &cursor));
	EXPECT_EQ(-EBADF, ds_coordinator(writer, NULL, 0, &c));
	snap = ds_snapshot(reader, 0, NULL);
	ASSERT_LE(0, snap);
	/* Nothing is held but the snapshot. */
	close(reader);
	close(writer);
	ASSERT_EQ(0, set(self, "x", 2));
	EXPECT_EQ(1, all_ways(self, snap, "x"));
	EXPECT_EQ(1, ds_snapshot_list(self->fd, &si, 1, &cursor));
	EXPECT_EQ(0, ds_coordinator(self->fd, NULL, 0, &c));
	EXPECT_EQ(O_RDONLY, fcntl(snap, F_GETFL) & O_ACCMODE);
	close(snap);
}

/* Descriptors ---------------------------------------------------------------------------------- */

static int snapshots(int fd)
{
	struct docstore_snapshot_info infos[16];
	__u64 cursor = 0;

	return ds_snapshot_list(fd, infos, ARRAY_SIZE(infos), &cursor);
}

/* Until so many snapshots are listed: those that are closed go when owners have looked. */
static int snapshots_become(int fd, int expected)
{
	__u64 end = ds_now() + PATIENCE * DS_SECOND;
	int n;

	while ((n = snapshots(fd)) != expected && ds_now() < end)
		usleep(1000);
	return n;
}

TEST_F(snapshot, dup_and_fork)
{
	int snap, other, pipes[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, set(self, "x", 1));
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	ASSERT_EQ(0, set(self, "x", 2));
	/* A duplicate is as good, and the last of them counts. */
	other = dup(snap);
	close(snap);
	EXPECT_EQ(1, all_ways(self, other, "x"));
	EXPECT_EQ(1, snapshots(self->fd));
	/* A child has it when its parent has closed it. */
	ASSERT_EQ(0, pipe(pipes));
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		DS_CHILD(read(pipes[0], &c, 1) == 1);
		DS_CHILD_EQ(1, all_ways(self, other, "x"));
		_exit(0);
	}
	close(other);
	ASSERT_EQ(0, set(self, "x", 3));
	EXPECT_EQ(1, snapshots(self->fd));
	ASSERT_EQ(1, write(pipes[1], "c", 1));
	EXPECT_EQ(0, ds_wait(pid));
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
}

static int send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 }, c = 'c';
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, c;
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		return -EIO;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* It can be given to others, who may read by it what they could not open. */
TEST_F(snapshot, given_away)
{
	int sockets[2], snap;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	ASSERT_EQ(0, set(self, "x", 1));
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct docstore_snapshot_info info;

		close(self->fd);
		if (!geteuid())
			ds_become(1003, 1003, 0);
		snap = receive_fd(sockets[1]);
		DS_CHILD(snap >= 0);
		DS_CHILD_EQ(1, all_ways(self, snap, "x"));
		DS_CHILD_EQ(0, ds_snapshot_info(snap, &info));
		_exit(0);
	}
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	ASSERT_EQ(0, set(self, "x", 2));
	ASSERT_EQ(0, send_fd(sockets[0], snap));
	/* On its way it is held as well. */
	close(snap);
	EXPECT_EQ(0, ds_wait(pid));
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
}

/* The store's descriptor may be closed first, and the store removed. */
TEST_F(snapshot, outlives_its_store)
{
	struct docstore_store_info info;
	int snap;

	ASSERT_EQ(0, set(self, "x", 1));
	snap = ds_snapshot(self->fd, 0, NULL);
	ASSERT_LE(0, snap);
	ASSERT_EQ(0, set(self, "x", 2));
	ASSERT_EQ(0, map_close(&self->m));
	ASSERT_EQ(0, ds_store_end(&self->store));
	EXPECT_EQ(1, get(self, snap, "x"));
	ASSERT_EQ(0, ds_store_info(snap, &info));
	EXPECT_EQ(1, info.documents);
	/* One of the same name is another. */
	ASSERT_EQ(0, ds_store_begin(&self->store, "snapshot", 1, SMALL));
	self->fd = self->store.fd;
	EXPECT_EQ(1, ds_prop_id(self->fd, "a"));
	ASSERT_EQ(0, set(self, "x", 3));
	EXPECT_EQ(1, get(self, snap, "x"));
	EXPECT_EQ(0, snapshots(self->fd));
	close(snap);
	EXPECT_EQ(3, get(self, self->fd, "x"));
}

TEST_HARNESS_MAIN

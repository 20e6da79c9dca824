// SPDX-License-Identifier: GPL-2.0
/*
 * The control node: what there is, making, opening, listing and removing
 * stores, and who may do that.
 */
#include "snapshot.h"
#include "stream.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "docstore_harness.h"

FIXTURE(control) {
	int control;
	char name[DOCSTORE_STORE_NAME_SIZE];
};

FIXTURE_SETUP(control)
{
	self->control = ds_control();
	ASSERT_LE(0, self->control);
	ds_store_name(self->name, "control");
}

FIXTURE_TEARDOWN(control)
{
	/* Most tests have removed it. */
	ds_remove(self->control, self->name);
	close(self->control);
}

TEST_F(control, device)
{
	struct stat st;

	ASSERT_EQ(0, stat(DS_DEVICE, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	/* Stores have modes of their own; everyone may ask for one. */
	EXPECT_EQ(0666, st.st_mode & 0777);
}

TEST_F(control, info)
{
	struct docstore_info info;

	ASSERT_EQ(0, ds_info(self->control, &info));
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(DOCSTORE_ABI, info.abi);
	EXPECT_EQ(DOCSTORE_MAP_LAYOUT, info.map_layout);
	EXPECT_LE(1, info.workers);
	EXPECT_GE(sysconf(_SC_NPROCESSORS_CONF), info.workers);
	EXPECT_LE(info.stores, info.max_stores);
	EXPECT_LE(1, info.max_stores);
	EXPECT_EQ(DOCSTORE_MAX_PARTITIONS, info.max_partitions);
	EXPECT_EQ(DOCSTORE_MAX_OPS, info.max_ops);
	EXPECT_EQ(DOCSTORE_MAX_BATCH, info.max_batch);
	EXPECT_EQ(DOCSTORE_MAX_DOCUMENT, info.max_document);
	EXPECT_EQ(DOCSTORE_MAX_PROPERTIES, info.max_properties);
	EXPECT_EQ(DOCSTORE_MAX_NAMES, info.max_names);
	EXPECT_EQ(0, info.__reserved);
}

TEST_F(control, info_counts_stores)
{
	struct docstore_info before, during, after;

	ASSERT_EQ(0, ds_info(self->control, &before));
	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	ASSERT_EQ(0, ds_info(self->control, &during));
	ASSERT_EQ(0, ds_remove(self->control, self->name));
	ASSERT_EQ(0, ds_info(self->control, &after));
	EXPECT_EQ(before.stores + 1, during.stores);
	EXPECT_EQ(before.stores, after.stores);
}

TEST_F(control, info_on_store)
{
	struct docstore_info info;
	int fd;

	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	fd = ds_open(self->control, self->name, DS_READ);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, ds_info(fd, &info));
	EXPECT_EQ(DOCSTORE_ABI, info.abi);
	close(fd);
}

TEST_F(control, default_store)
{
	struct docstore_store_info info;
	int fd = ds_open(self->control, "default", DS_RW);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ds_store_info(fd, &info));
	EXPECT_STREQ("default", (char *)info.name);
	EXPECT_LE(1, info.partitions);
	close(fd);
}

TEST_F(control, create)
{
	__u64 before = ds_clock(CLOCK_REALTIME), after;
	struct docstore_store_info info;
	int fd;

	ASSERT_EQ(0, ds_create(self->control, self->name, 0640, 3, 64 << 20));
	after = ds_clock(CLOCK_REALTIME);
	fd = ds_open(self->control, self->name, DS_READ);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ds_store_info(fd, &info));
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(0, info.flags);
	EXPECT_LE(1, info.incarnation);
	/* A coarse clock may be a tick behind. */
	EXPECT_LE(before - DS_SECOND / 20, info.created);
	EXPECT_GE(after, info.created);
	EXPECT_EQ(geteuid(), info.uid);
	EXPECT_EQ(getegid(), info.gid);
	EXPECT_EQ(0640, info.mode);
	EXPECT_EQ(3, info.partitions);
	EXPECT_EQ(64 << 20, info.max_bytes);
	EXPECT_GE(info.max_bytes, info.bytes);
	EXPECT_GE(info.bytes, info.bytes_used);
	EXPECT_GE(info.bytes_used, info.bytes_index);
	EXPECT_EQ(0, info.bytes_retired);
	EXPECT_EQ(0, info.bytes_documents);
	EXPECT_EQ(0, info.documents);
	EXPECT_EQ(0, info.names);
	EXPECT_EQ(0, info.__reserved);
	EXPECT_EQ(0, info.commits);
	EXPECT_EQ(0, info.batches);
	EXPECT_EQ(0, info.batches_failed);
	EXPECT_EQ(0, info.changes);
	EXPECT_EQ(0, info.reads);
	EXPECT_EQ(0, info.scanned);
	EXPECT_STREQ(self->name, (char *)info.name);
	close(fd);
}

TEST_F(control, create_max_bytes_default)
{
	struct docstore_store_info info;
	int fd;

	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	fd = ds_open(self->control, self->name, DS_READ);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ds_store_info(fd, &info));
	EXPECT_LT(0, info.max_bytes);
	close(fd);
}

TEST_F(control, create_modes)
{
	static const __u32 good[] = { 0, 0400, 0222, 0444, 0600, 0640, 0666 };
	static const __u32 bad[] = {
		0100, 0010, 0001, 0777, 01000, 02666, 04666, 0100000, 1U << 31,
		~0U,
	};
	struct docstore_store_info info;
	unsigned int i;
	int fd;

	/* The umask has no say. */
	umask(077);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		ASSERT_EQ(0, ds_create(self->control, self->name, good[i], 1, 0))
			TH_LOG("mode %#o", good[i]);
		if (!geteuid()) {
			fd = ds_open(self->control, self->name, DS_READ);
			ASSERT_LE(0, fd);
			ASSERT_EQ(0, ds_store_info(fd, &info));
			EXPECT_EQ(good[i], info.mode);
			close(fd);
		}
		ASSERT_EQ(0, ds_remove(self->control, self->name));
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, ds_create(self->control, self->name, bad[i],
					     1, 0))
			TH_LOG("mode %#o", bad[i]);
	}
}

TEST_F(control, create_partitions)
{
	static const struct {
		__u32 partitions;
		int result;
	} cases[] = {
		{ 0, 0 },
		{ 1, 0 },
		{ 2, 0 },
		{ DOCSTORE_MAX_PARTITIONS - 1, 0 },
		{ DOCSTORE_MAX_PARTITIONS, 0 },
		{ DOCSTORE_MAX_PARTITIONS + 1, -EINVAL },
		{ 65536, -EINVAL },
		{ 1U << 31, -EINVAL },
		{ ~0U, -EINVAL },
	};
	struct docstore_store_info info;
	__u32 expected;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].result,
			  ds_create(self->control, self->name, 0600,
				    cases[i].partitions, 1ULL << 30))
			TH_LOG("%u partitions", cases[i].partitions);
		if (cases[i].result)
			continue;
		expected = cases[i].partitions ?:
			   (__u32)sysconf(_SC_NPROCESSORS_ONLN);
		fd = ds_open(self->control, self->name, DS_READ);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ds_store_info(fd, &info));
		EXPECT_EQ(expected, info.partitions);
		close(fd);
		ASSERT_EQ(0, ds_remove(self->control, self->name));
	}
}

/* Each partition must be allowed a piece of 2 MiB, and a little. */
TEST_F(control, create_max_bytes)
{
	struct docstore_store_info info;
	int fd, online = sysconf(_SC_NPROCESSORS_ONLN);
	__u32 n;

	for (n = 1; n <= 32; n *= 2) {
		EXPECT_EQ(-EINVAL, ds_create(self->control, self->name, 0600, n, 1));
		EXPECT_EQ(-EINVAL, ds_create(self->control, self->name, 0600, n,
					     n * (2ULL << 20)));
		EXPECT_EQ(0, ds_create(self->control, self->name, 0600, n,
				       n * (3ULL << 20)));
		ASSERT_EQ(0, ds_remove(self->control, self->name));
	}
	/* Who leaves the choice to the kernel gets as many as there is room for. */
	EXPECT_EQ(-EINVAL, ds_create(self->control, self->name, 0600, 0, 2 << 20));
	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 0, 3 << 20));
	fd = ds_open(self->control, self->name, DS_READ);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ds_store_info(fd, &info));
	EXPECT_EQ(1, info.partitions);
	close(fd);
	ASSERT_EQ(0, ds_remove(self->control, self->name));
	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 0,
			       online * (3ULL << 20)));
	fd = ds_open(self->control, self->name, DS_READ);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ds_store_info(fd, &info));
	EXPECT_EQ(online, info.partitions);
	close(fd);
}

TEST_F(control, create_exists)
{
	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	EXPECT_EQ(-EEXIST, ds_create(self->control, self->name, 0600, 1, 0));
	EXPECT_EQ(-EEXIST, ds_create(self->control, self->name, 0666, 4, 0));
	EXPECT_EQ(-EEXIST, ds_create(self->control, "default", 0666, 1, 0));
	ASSERT_EQ(0, ds_remove(self->control, self->name));
	EXPECT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
}

TEST_F(control, names_legal)
{
	static const char *const names[] = {
		"kst-a", "0kst", "_kst", "KST.a-b_c.9", "kst.", "kst-", "kst..x",
		/* 63 characters */
		"kst456789012345678901234567890123456789012345678901234567890xyz",
		/* all that are legal, in two parts */
		"kst.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", "abcdefghijklmnopqrstuvwxyz.kst",
		"k",
	};
	struct docstore_store_info info;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		ds_remove(self->control, names[i]);
		EXPECT_EQ(0, ds_create(self->control, names[i], 0600, 1, 0))
			TH_LOG("'%s'", names[i]);
		fd = ds_open(self->control, names[i], DS_READ);
		EXPECT_LE(0, fd);
		EXPECT_EQ(0, ds_store_info(fd, &info));
		EXPECT_STREQ(names[i], (char *)info.name);
		close(fd);
		EXPECT_EQ(0, ds_remove(self->control, names[i]));
	}
}

TEST_F(control, names_illegal)
{
	static const char *const names[] = {
		"", ".", "..", ".a", "-a", "-", "a/b", "/", "a b", " ", "a\n",
		"a\t", "a\x7f", "a\x01", "\xc3\xa4", "a\xff", "a:b", "a*", "a%s",
		"a\\", "a@", "a[", "a`", "a{", "a,", "a+", "a=", "a~", "a\"",
		/* 64 characters: there is no NUL in the field */
		"0123456789012345678901234567890123456789012345678901234567890123",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		EXPECT_EQ(-EINVAL, ds_create(self->control, names[i], 0600, 1, 0))
			TH_LOG("'%s'", names[i]);
		EXPECT_EQ(-EINVAL, ds_open(self->control, names[i], DS_READ))
			TH_LOG("'%s'", names[i]);
		EXPECT_EQ(-EINVAL, ds_remove(self->control, names[i]))
			TH_LOG("'%s'", names[i]);
	}
}

TEST_F(control, names_are_exact)
{
	char longer[DOCSTORE_STORE_NAME_SIZE], shorter[DOCSTORE_STORE_NAME_SIZE];

	snprintf(longer, sizeof(longer), "%.60sx", self->name);
	snprintf(shorter, sizeof(shorter), "%.*s", (int)strlen(self->name) - 1,
		 self->name);
	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	EXPECT_EQ(-ENOENT, ds_open(self->control, longer, DS_READ));
	EXPECT_EQ(-ENOENT, ds_open(self->control, shorter, DS_READ));
	EXPECT_EQ(-ENOENT, ds_remove(self->control, longer));
	EXPECT_EQ(-ENOENT, ds_remove(self->control, shorter));
	self->name[0] = 'K';
	EXPECT_EQ(-ENOENT, ds_open(self->control, self->name, DS_READ));
	self->name[0] = 'k';
}

TEST_F(control, open)
{
	int fd, other;

	EXPECT_EQ(-ENOENT, ds_open(self->control, self->name, DS_READ));
	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	EXPECT_EQ(-EINVAL, ds_open(self->control, self->name, 0));
	EXPECT_EQ(-EINVAL, ds_open(self->control, self->name, 4));
	EXPECT_EQ(-EINVAL, ds_open(self->control, self->name, DS_RW | 8));
	EXPECT_EQ(-EINVAL, ds_open(self->control, self->name, DS_RW | 1U << 31));

	fd = ds_open(self->control, self->name, DS_RW);
	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	other = ds_open(self->control, self->name, DS_READ);
	ASSERT_LE(0, other);
	EXPECT_NE(fd, other);
	close(fd);
	/* Each descriptor stands for itself, and for its part of the rights. */
	EXPECT_LE(0, ds_intern(other, 0, "x", 1));
	EXPECT_EQ(-EBADF, ds_prop_id(other, "x"));
	close(other);
}

TEST_F(control, open_needs_no_control)
{
	int fd, property;

	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	fd = ds_open(self->control, self->name, DS_RW);
	ASSERT_LE(0, fd);
	close(self->control);
	property = ds_prop_id(fd, "n");
	ASSERT_LT(0, property);
	EXPECT_EQ(0, ds_do(fd, ds_set_s64("a", property, 1)));
	close(fd);
	self->control = ds_control();
	ASSERT_LE(0, self->control);
	/* The last close is not what removes a store. */
	fd = ds_open(self->control, self->name, DS_RW);
	ASSERT_LE(0, fd);
	EXPECT_EQ(1, ds_fetch_s64(fd, "a", property));
	close(fd);
}

TEST_F(control, read_only_control)
{
	struct docstore_store_info store;
	struct docstore_info info;
	__u64 cursor = 0;
	int control, fd;

	control = ds_control_open(O_RDONLY);
	ASSERT_LE(0, control);
	EXPECT_EQ(-EBADF, ds_create(control, self->name, 0600, 1, 0));
	EXPECT_EQ(-ENOENT, ds_open(self->control, self->name, DS_READ));
	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	EXPECT_EQ(-EBADF, ds_remove(control, self->name));
	EXPECT_EQ(0, ds_info(control, &info));
	EXPECT_EQ(1, ds_list(control, &store, 1, &cursor));
	/* What a store is opened for is a matter of the store alone. */
	fd = ds_open(control, self->name, DS_RW);
	EXPECT_LE(0, fd);
	close(fd);
	close(control);
}

TEST_F(control, open_too_many)
{
	struct rlimit limit;
	int fd;

	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = self->control + 1;
	/* Close those below, so that it is the limit that is met. */
	for (fd = 3; fd < self->control; fd++)
		dup2(self->control, fd);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, ds_open(self->control, self->name, DS_READ));
	limit.rlim_cur++;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	fd = ds_open(self->control, self->name, DS_READ);
	EXPECT_EQ(self->control + 1, fd);
	close(fd);
}

TEST_F_TIMEOUT(control, open_many, DS_TIMEOUT)
{
	struct docstore_store_info info;
	int fds[500], i;

	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	for (i = 0; i < (int)ARRAY_SIZE(fds); i++) {
		fds[i] = ds_open(self->control, self->name, DS_RW);
		ASSERT_LE(0, fds[i]);
	}
	ASSERT_EQ(0, ds_remove(self->control, self->name));
	for (i = 0; i < (int)ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(0, ds_store_info(fds[i], &info));
		EXPECT_EQ(0, close(fds[i]));
	}
}

TEST_F(control, remove)
{
	EXPECT_EQ(-ENOENT, ds_remove(self->control, self->name));
	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	EXPECT_EQ(0, ds_remove(self->control, self->name));
	EXPECT_EQ(-ENOENT, ds_remove(self->control, self->name));
	EXPECT_EQ(-ENOENT, ds_open(self->control, self->name, DS_READ));
}

/* Like a file that was unlinked: it lives on for those who have it open. */
TEST_F(control, remove_while_open)
{
	struct docstore_store_info old, new, listed[8];
	int fd, other, property, i, n;
	__u64 cursor = 0;

	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	fd = ds_open(self->control, self->name, DS_RW);
	ASSERT_LE(0, fd);
	property = ds_prop_id(fd, "n");
	ASSERT_LT(0, property);
	ASSERT_EQ(0, ds_do(fd, ds_set_s64("a", property, 1)));
	ASSERT_EQ(0, ds_remove(self->control, self->name));

	EXPECT_EQ(1, ds_fetch_s64(fd, "a", property));
	EXPECT_EQ(0, ds_do(fd, ds_set_s64("b", property, 2)));
	EXPECT_EQ(2, ds_fetch_s64(fd, "b", property));
	ASSERT_EQ(0, ds_store_info(fd, &old));
	EXPECT_EQ(2, old.documents);
	EXPECT_STREQ(self->name, (char *)old.name);
	do {
		n = ds_list(self->control, listed, ARRAY_SIZE(listed), &cursor);
		ASSERT_LE(0, n);
		for (i = 0; i < n; i++)
			EXPECT_NE(old.incarnation, listed[i].incarnation);
	} while (cursor);

	/* The name is free, and what gets it is another store. */
	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	other = ds_open(self->control, self->name, DS_RW);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, ds_store_info(other, &new));
	EXPECT_NE(old.incarnation, new.incarnation);
	EXPECT_LE(old.created, new.created);
	EXPECT_EQ(0, new.documents);
	EXPECT_EQ(0, new.names);
	EXPECT_EQ(0, ds_intern(other, 0, "n", 1));
	EXPECT_EQ(1, ds_fetch_s64(fd, "a", property));
	close(fd);
	ASSERT_EQ(0, ds_store_info(other, &new));
	EXPECT_EQ(0, new.documents);
	close(other);
}

TEST_F(control, incarnations_differ)
{
	struct docstore_store_info info;
	__u64 last = 0;
	int i, fd;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
		fd = ds_open(self->control, self->name, DS_READ);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ds_store_info(fd, &info));
		EXPECT_NE(last, info.incarnation);
		last = info.incarnation;
		close(fd);
		ASSERT_EQ(0, ds_remove(self->control, self->name));
	}
}

/*
 * Many processes make, open and remove a store of one name: at any time one of
 * them has made it, and each is told which.
 */
TEST_F_TIMEOUT(control, race_for_a_name, DS_TIMEOUT)
{
	unsigned int i, rounds = ds_scale(200);
	struct {
		unsigned int created, removed;
	} *count = ds_shared(sizeof(*count));
	pid_t pids[4];

	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		for (; rounds; rounds--) {
			int ret = ds_create(self->control, self->name, 0600, 1, 0);
			int fd;

			DS_CHILD(!ret || ret == -EEXIST);
			if (!ret)
				__sync_fetch_and_add(&count->created, 1);
			fd = ds_open(self->control, self->name, DS_RW);
			DS_CHILD(fd >= 0 || fd == -ENOENT);
			if (fd >= 0)
				DS_CHILD(ds_prop_id(fd, "n") == 1);
			ret = ds_remove(self->control, self->name);
			DS_CHILD(!ret || ret == -ENOENT);
			if (!ret)
				__sync_fetch_and_add(&count->removed, 1);
			if (fd >= 0)
				close(fd);
		}
		_exit(0);
	}
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, ds_wait(pids[i]));
	EXPECT_LT(0, count->created);
	EXPECT_EQ(count->created, count->removed);
	EXPECT_EQ(-ENOENT, ds_open(self->control, self->name, DS_READ));
}

TEST_F_TIMEOUT(control, as_many_as_there_may_be, DS_TIMEOUT)
{
	char name[DOCSTORE_STORE_NAME_SIZE];
	struct docstore_info info;
	unsigned int i, made;
	int ret = 0;

	ASSERT_EQ(0, ds_info(self->control, &info));
	if (info.max_stores > 10000)
		SKIP(return, "%u stores are too many to make", info.max_stores);
	for (made = 0; made <= info.max_stores; made++) {
		snprintf(name, sizeof(name), DS_PREFIX "many.%u", made);
		ret = ds_create(self->control, name, 0600, 1, 0);
		if (ret)
			break;
	}
	EXPECT_EQ(-ENOSPC, ret);
	EXPECT_EQ(info.max_stores, info.stores + made);
	for (i = 0; i < made; i++) {
		snprintf(name, sizeof(name), DS_PREFIX "many.%u", i);
		EXPECT_EQ(0, ds_remove(self->control, name));
	}
	EXPECT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
}

/* List --------------------------------------------------------------------- */

#define LISTED	7

FIXTURE(list) {
	int control;
	struct docstore_store_info info[LISTED];
	char name[LISTED][DOCSTORE_STORE_NAME_SIZE];
};

FIXTURE_VARIANT(list) {
	__u32 room;
};

FIXTURE_VARIANT_ADD(list, one_at_a_time) { .room = 1 };
FIXTURE_VARIANT_ADD(list, three_at_a_time) { .room = 3 };
FIXTURE_VARIANT_ADD(list, many_at_a_time) { .room = 64 };

FIXTURE_SETUP(list)
{
	char suffix[16];
	int i, fd;

	self->control = ds_control();
	ASSERT_LE(0, self->control);
	for (i = 0; i < LISTED; i++) {
		snprintf(suffix, sizeof(suffix), "list%d", i);
		ds_store_name(self->name[i], suffix);
		ASSERT_EQ(0, ds_create(self->control, self->name[i], 0600, i + 1,
				       0));
		fd = ds_open(self->control, self->name[i], DS_READ);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ds_store_info(fd, &self->info[i]));
		close(fd);
	}
}

FIXTURE_TEARDOWN(list)
{
	int i;

	for (i = 0; i < LISTED; i++)
		ds_remove(self->control, self->name[i]);
	close(self->control);
}

TEST_F(list, all)
{
	struct docstore_store_info got[64];
	bool found_default = false;
	int i, n, calls, next = 0;
	__u64 cursor = 0, last = 0;

	for (calls = 0; calls < 10000; calls++) {
		n = ds_list(self->control, got, variant->room, &cursor);
		ASSERT_LE(0, n);
		for (i = 0; i < n; i++) {
			/* In the order of their creation. */
			EXPECT_LE(last, got[i].created);
			last = got[i].created;
			EXPECT_EQ(sizeof(got[i]), got[i].size);
			if (!strcmp((char *)got[i].name, "default"))
				found_default = true;
			if (strcmp((char *)got[i].name,
				   self->name[next < LISTED ? next : 0]))
				continue;
			ASSERT_GT(LISTED, next);
			EXPECT_EQ(0, memcmp(&got[i], &self->info[next],
					    sizeof(got[i])));
			next++;
		}
		if (!cursor)
			break;
		/* A call that made no headway would be the first of many. */
		ASSERT_LT(0, n);
	}
	EXPECT_EQ(LISTED, next);
	EXPECT_TRUE(found_default);
}

/* Those that stay are listed once each, whatever becomes of the others. */
TEST_F(list, while_stores_go)
{
	int i, n, calls, gone = 0, seen[LISTED] = { 0 };
	struct docstore_store_info got[64];
	__u64 cursor = 0;

	for (calls = 0; calls < 10000; calls++) {
		n = ds_list(self->control, got, variant->room, &cursor);
		ASSERT_LE(0, n);
		while (n--) {
			for (i = 0; i < LISTED; i++) {
				if (!strcmp((char *)got[n].name, self->name[i]))
					seen[i]++;
			}
		}
		if (!cursor)
			break;
		/* One with an even number goes, and may have been seen. */
		if (gone < LISTED) {
			EXPECT_EQ(0, ds_remove(self->control, self->name[gone]));
			gone += 2;
		}
	}
	for (i = 1; i < LISTED; i += 2)
		EXPECT_EQ(1, seen[i]);
	for (i = 0; i < LISTED; i += 2)
		EXPECT_GE(1, seen[i]);
}

TEST_F(list, by_anyone)
{
	DS_IN_CHILD({
		struct docstore_store_info got[64];
		__u64 cursor = 0;
		int i, n, control, seen = 0;

		ds_become(12345, 12345, 0);
		control = ds_control_open(O_RDONLY);
		DS_CHILD(control >= 0);
		do {
			n = ds_list(control, got, variant->room, &cursor);
			DS_CHILD(n >= 0);
			for (i = 0; i < n; i++) {
				if (!strcmp((char *)got[i].name, self->name[0]))
					seen++;
			}
		} while (cursor);
		DS_CHILD_EQ(1, seen);
	});
}

TEST_F(list, odd_cursors)
{
	static const __u64 cursors[] = {
		1, 2, 12345, 1U << 31, 1ULL << 32, 1ULL << 63, ~0ULL, ~0ULL - 1,
	};
	struct docstore_store_info got[64];
	__u64 cursor;
	unsigned int i;
	int n, calls;

	for (i = 0; i < ARRAY_SIZE(cursors); i++) {
		cursor = cursors[i];
		for (calls = 0; calls < 10000; calls++) {
			n = ds_list(self->control, got, variant->room, &cursor);
			if (n < 0) {
				EXPECT_EQ(-EINVAL, n);
				break;
			}
			if (!cursor)
				break;
		}
		EXPECT_GT(10000, calls);
	}
}

/* Operations of the other kind of descriptor ------------------------------- */

TEST_F(control, not_an_operation)
{
	static const unsigned long of_control[] = {
		DOCSTORE_STORE_CREATE, DOCSTORE_STORE_OPEN, DOCSTORE_STORE_REMOVE,
		DOCSTORE_STORE_LIST, DOCSTORE_MODULE_STATS, DOCSTORE_SESSION_LIST,
	};
	static const unsigned long of_store[] = {
		DOCSTORE_STORE_INFO, DOCSTORE_INTERN, DOCSTORE_NAMES,
		DOCSTORE_SUBMIT, DOCSTORE_READ, DOCSTORE_READ_MANY, DOCSTORE_SCAN,
		DOCSTORE_SNAPSHOT, DOCSTORE_SNAPSHOT_LIST, DOCSTORE_COORDINATOR,
		DOCSTORE_STATS, DOCSTORE_CHECK, DOCSTORE_HINT, DOCSTORE_STREAM,
	};
	/* Struct sizes and directions are no part of the numbers. */
	static const unsigned long of_none[] = {
		_IO(DOCSTORE_IOC_TYPE, 0x08), _IO(DOCSTORE_IOC_TYPE, 0x0f),
		_IO(DOCSTORE_IOC_TYPE, 0x1f), _IO(DOCSTORE_IOC_TYPE, 0x7f),
		/* Of a snapshot, and of streams. */
		DOCSTORE_SNAPSHOT_INFO, DOCSTORE_STREAM_INFO, DOCSTORE_STREAM_PAUSE,
		DOCSTORE_STREAM_RESUME,
		_IO(DOCSTORE_IOC_TYPE, 0xff), _IO(0xDB, 0x00), _IO(0x00, 0x00),
		_IOR(DOCSTORE_IOC_TYPE, 0x00, struct docstore_info),
		_IOWR(DOCSTORE_IOC_TYPE, 0x10, struct docstore_store_info),
		_IOC(_IOC_NONE, DOCSTORE_IOC_TYPE, 0x00, 4), 0, ~0U,
	};
	__u8 buffer[1024] = { 0 };
	unsigned int i;
	int fd;

	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	fd = ds_open(self->control, self->name, DS_RW);
	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_SIZE(of_control); i++) {
		EXPECT_EQ(-ENOTTY, ds_ioctl(fd, of_control[i], buffer))
			TH_LOG("%#lx", of_control[i]);
		EXPECT_EQ(-ENOTTY, ds_ioctl(fd, of_control[i], NULL));
	}
	for (i = 0; i < ARRAY_SIZE(of_store); i++) {
		EXPECT_EQ(-ENOTTY, ds_ioctl(self->control, of_store[i], buffer))
			TH_LOG("%#lx", of_store[i]);
		EXPECT_EQ(-ENOTTY, ds_ioctl(self->control, of_store[i], NULL));
	}
	for (i = 0; i < ARRAY_SIZE(of_none); i++) {
		EXPECT_EQ(-ENOTTY, ds_ioctl(fd, of_none[i], buffer))
			TH_LOG("%#lx", of_none[i]);
		EXPECT_EQ(-ENOTTY, ds_ioctl(self->control, of_none[i], buffer))
			TH_LOG("%#lx", of_none[i]);
	}
	close(fd);
}

/* What there is for others, a stream has not, and they have not what it has. */
TEST_F(control, not_an_operation_of_a_stream)
{
	static const unsigned long of_others[] = {
		DOCSTORE_INFO, DOCSTORE_CONFIG, DOCSTORE_STORE_CREATE, DOCSTORE_STORE_OPEN,
		DOCSTORE_STORE_REMOVE, DOCSTORE_STORE_LIST, DOCSTORE_MODULE_STATS,
		DOCSTORE_SESSION_LIST, DOCSTORE_STORE_INFO, DOCSTORE_INTERN, DOCSTORE_NAMES,
		DOCSTORE_SUBMIT, DOCSTORE_READ, DOCSTORE_READ_MANY, DOCSTORE_SCAN,
		DOCSTORE_SNAPSHOT, DOCSTORE_SNAPSHOT_LIST, DOCSTORE_COORDINATOR,
		DOCSTORE_STATS, DOCSTORE_CHECK, DOCSTORE_HINT, DOCSTORE_STREAM,
		DOCSTORE_SNAPSHOT_INFO, _IO(DOCSTORE_IOC_TYPE, 0x33),
	};
	static const unsigned long of_stream[] = {
		DOCSTORE_STREAM_INFO, DOCSTORE_STREAM_PAUSE, DOCSTORE_STREAM_RESUME,
	};
	__u8 buffer[1024] = { 0 };
	int fd, stream, snapshot;
	unsigned int i;

	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	fd = ds_open(self->control, self->name, DS_RW);
	ASSERT_LE(0, fd);
	stream = st_open(fd, ST_SNAPSHOT);
	snapshot = ds_snapshot(fd, 0, NULL);
	ASSERT_LE(0, stream);
	ASSERT_LE(0, snapshot);
	for (i = 0; i < ARRAY_SIZE(of_others); i++) {
		EXPECT_EQ(-ENOTTY, ds_ioctl(stream, of_others[i], buffer))
			TH_LOG("%#lx", of_others[i]);
		EXPECT_EQ(-ENOTTY, ds_ioctl(stream, of_others[i], NULL));
	}
	for (i = 0; i < ARRAY_SIZE(of_stream); i++) {
		EXPECT_EQ(-EINVAL, ds_ioctl(stream, of_stream[i], buffer));
		EXPECT_EQ(-ENOTTY, ds_ioctl(snapshot, of_stream[i], buffer))
			TH_LOG("%#lx", of_stream[i]);
	}
	EXPECT_EQ(-ENOTTY, ds_ioctl(snapshot, DOCSTORE_STREAM, buffer));
	close(snapshot);
	close(stream);
	close(fd);
}

TEST_F(control, no_plain_file)
{
	char buffer[64];
	int fd;

	ASSERT_EQ(0, ds_create(self->control, self->name, 0600, 1, 0));
	fd = ds_open(self->control, self->name, DS_RW);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, read(self->control, buffer, sizeof(buffer)));
	EXPECT_EQ(-1, write(self->control, buffer, sizeof(buffer)));
	EXPECT_EQ(-1, read(fd, buffer, sizeof(buffer)));
	EXPECT_EQ(-1, write(fd, buffer, sizeof(buffer)));
	/* Whatever can be mapped, cannot be mapped for writing or running. */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_EXEC,
				   MAP_SHARED, fd, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED,
				   self->control, 0));
	close(fd);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Names of properties and types, and their ids.
 */
#include "docstore_test.h"

#include <sched.h>

#include "docstore_harness.h"

#define CREATE	DOCSTORE_INTERN_CREATE

FIXTURE(intern) {
	struct ds_store store;
	int fd;
};

FIXTURE_SETUP(intern)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "intern", 1, 0));
	self->fd = self->store.fd;
}

FIXTURE_TEARDOWN(intern)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* Several names: the ioctl's result; @done is how many have their ids. */
static int intern_many(int fd, __u32 flags, struct docstore_name *names,
		       __u32 count, __u32 *done)
{
	struct docstore_intern i = {
		.size = sizeof(i),
		.flags = flags,
		.names = ds_ptr(names),
		.name_size = sizeof(*names),
		.count = count,
		.done = DS_POISON32,
	};
	int ret = ds_ioctl(fd, DOCSTORE_INTERN, &i);

	*done = i.done;
	return ret;
}

static struct docstore_name name_of(const char *name)
{
	return (struct docstore_name) {
		.name = ds_ptr(name),
		.len = strlen(name),
		.id = DS_POISON32,
	};
}

static __u32 names_in(int fd)
{
	struct docstore_store_info info;

	return ds_store_info(fd, &info) ? ~0U : info.names;
}

TEST_F(intern, create)
{
	EXPECT_EQ(0, names_in(self->fd));
	EXPECT_EQ(0, ds_intern(self->fd, 0, "one", 3));
	EXPECT_EQ(0, names_in(self->fd));
	EXPECT_EQ(1, ds_intern(self->fd, CREATE, "one", 3));
	EXPECT_EQ(2, ds_intern(self->fd, CREATE, "two", 3));
	EXPECT_EQ(1, ds_intern(self->fd, CREATE, "one", 3));
	EXPECT_EQ(1, ds_intern(self->fd, 0, "one", 3));
	EXPECT_EQ(2, ds_intern(self->fd, 0, "two", 3));
	EXPECT_EQ(0, ds_intern(self->fd, 0, "thr", 3));
	EXPECT_EQ(2, names_in(self->fd));
}

TEST_F(intern, names_are_exact)
{
	EXPECT_EQ(1, ds_intern(self->fd, CREATE, "name", 4));
	EXPECT_EQ(0, ds_intern(self->fd, 0, "nam", 3));
	EXPECT_EQ(0, ds_intern(self->fd, 0, "name", 5));
	EXPECT_EQ(0, ds_intern(self->fd, 0, "Name", 4));
	EXPECT_EQ(2, ds_intern(self->fd, CREATE, "name", 5));
	EXPECT_EQ(3, ds_intern(self->fd, CREATE, "\0", 1));
	EXPECT_EQ(4, ds_intern(self->fd, CREATE, "\0\0", 2));
	EXPECT_EQ(5, ds_intern(self->fd, CREATE, "\xff\xfe", 2));
	EXPECT_EQ(3, ds_intern(self->fd, 0, "\0", 1));
	EXPECT_EQ(4, ds_intern(self->fd, 0, "\0\0", 2));
	EXPECT_EQ(1, ds_intern(self->fd, 0, "name", 4));
}

TEST_F(intern, lengths)
{
	char name[300];
	int len;

	memset(name, 'n', sizeof(name));
	EXPECT_EQ(-EINVAL, ds_intern(self->fd, CREATE, name, 0));
	EXPECT_EQ(-EINVAL, ds_intern(self->fd, 0, name, 0));
	for (len = 1; len <= DOCSTORE_MAX_NAME; len++)
		EXPECT_EQ(len, ds_intern(self->fd, CREATE, name, len));
	EXPECT_EQ(-ENAMETOOLONG, ds_intern(self->fd, CREATE, name, 256));
	EXPECT_EQ(-ENAMETOOLONG, ds_intern(self->fd, 0, name, 256));
	EXPECT_EQ(-ENAMETOOLONG, ds_intern(self->fd, CREATE, name, ~0U));
	EXPECT_EQ(255, names_in(self->fd));
}

TEST_F(intern, many_in_one_call)
{
	struct docstore_name names[] = {
		name_of("a"), name_of("b"), name_of("a"), name_of("c"),
		name_of("b"),
	};
	__u32 done;

	ASSERT_EQ(0, intern_many(self->fd, CREATE, names, 5, &done));
	EXPECT_EQ(5, done);
	EXPECT_EQ(1, names[0].id);
	EXPECT_EQ(2, names[1].id);
	EXPECT_EQ(1, names[2].id);
	EXPECT_EQ(3, names[3].id);
	EXPECT_EQ(2, names[4].id);
	EXPECT_EQ(3, names_in(self->fd));
	/* Those that are not there are no reason to stop. */
	names[1] = name_of("none");
	ASSERT_EQ(0, intern_many(self->fd, 0, names, 5, &done));
	EXPECT_EQ(5, done);
	EXPECT_EQ(0, names[1].id);
	EXPECT_EQ(3, names[3].id);
}

/* What stands before one that is wrong may be done, and then says so. */
TEST_F(intern, one_of_many_is_wrong)
{
	static const struct {
		__u64 name;
		__u32 len;
		int result;
	} wrong[] = {
		{ 16, 1, -EFAULT },
		{ 0, 0, -EINVAL },
		{ 0, 256, -ENAMETOOLONG },
	};
	struct docstore_name names[4];
	char text[4][300];
	unsigned int i, at, j;
	__u32 done;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		for (at = 0; at < 4; at++) {
			for (j = 0; j < 4; j++) {
				snprintf(text[j], sizeof(text[j]), "n%u%u%u", i,
					 at, j);
				names[j] = name_of(text[j]);
			}
			if (wrong[i].name)
				names[at].name = wrong[i].name;
			names[at].len = wrong[i].len;
			EXPECT_EQ(wrong[i].result,
				  intern_many(self->fd, CREATE, names, 4, &done));
			ASSERT_GE(at, done);
			for (j = 0; j < done; j++)
				EXPECT_EQ(names[j].id,
					  ds_intern(self->fd, 0, text[j], 4));
		}
	}
}

TEST_F(intern, counts)
{
	struct docstore_name *names;
	__u32 done, i, n = DOCSTORE_MAX_OPS;

	names = ds_map((n + 1) * sizeof(*names), MAP_PRIVATE);
	for (i = 0; i <= n; i++)
		names[i] = name_of("same");
	EXPECT_EQ(-E2BIG, intern_many(self->fd, CREATE, names, n + 1, &done));
	EXPECT_EQ(0, names_in(self->fd));
	ASSERT_EQ(0, intern_many(self->fd, CREATE, names, n, &done));
	EXPECT_EQ(n, done);
	EXPECT_EQ(1, names_in(self->fd));
	EXPECT_EQ(1, names[n - 1].id);
}

TEST_F(intern, rights)
{
	int reader = ds_open(self->store.control, self->store.name, DS_READ);
	int writer = ds_open(self->store.control, self->store.name, DS_WRITE);

	ASSERT_LE(0, reader);
	ASSERT_LE(0, writer);
	EXPECT_EQ(-EBADF, ds_intern(reader, CREATE, "a", 1));
	EXPECT_EQ(0, ds_intern(reader, 0, "a", 1));
	EXPECT_EQ(1, ds_intern(writer, CREATE, "a", 1));
	EXPECT_EQ(1, ds_intern(reader, 0, "a", 1));
	EXPECT_EQ(1, ds_intern(writer, 0, "a", 1));
	/* Not even where there is nothing to be made. */
	EXPECT_EQ(-EBADF, ds_intern(reader, CREATE, "a", 1));
	close(reader);
	close(writer);
}

TEST_F(intern, stores_have_their_own)
{
	struct ds_store other;

	EXPECT_EQ(1, ds_prop_id(self->fd, "x"));
	EXPECT_EQ(2, ds_prop_id(self->fd, "y"));
	ASSERT_EQ(0, ds_store_begin(&other, "intern2", 1, 0));
	EXPECT_EQ(0, ds_intern(other.fd, 0, "x", 1));
	EXPECT_EQ(1, ds_prop_id(other.fd, "y"));
	EXPECT_EQ(2, names_in(self->fd));
	EXPECT_EQ(0, ds_store_end(&other));
}

/* NAMES -------------------------------------------------------------------- */

/*
 * The names from id @first on, in pieces of @room bytes: all of them are
 * compared to what @expect says. Returns their number, or -errno.
 */
static int read_names(int fd, __u32 first, __u32 room,
		      void (*expect)(__u32 id, char *name, __u32 *len))
{
	__u8 *buffer = ds_map(room + 4096, MAP_PRIVATE);
	struct docstore_names n = { .size = sizeof(n), .first = first };
	__u32 i, at, id = first, total = 0, len;
	struct docstore_name_record r;
	char name[256];
	int ret;

	do {
		memset(buffer, DS_POISON, room + 4096);
		n.buffer = ds_ptr(buffer);
		n.buffer_len = room;
		n.count = n.used = DS_POISON32;
		ret = ds_ioctl(fd, DOCSTORE_NAMES, &n);
		if (ret)
			return ret;
		if (n.used > room)
			return ds_broken("names: %u of %u used", n.used, room);
		if (buffer[n.used] != DS_POISON)
			return ds_broken("names: wrote behind what was used");
		for (i = 0, at = 0; i < n.count; i++, id++) {
			at = (at + 7) & ~7U;
			if (at + sizeof(r) > n.used)
				return ds_broken("names: a record has no place");
			memcpy(&r, buffer + at, sizeof(r));
			if (r.id != id)
				return ds_broken("names: id %u after %u", r.id,
						 id - 1);
			if (!r.len || r.len > 255 ||
			    at + sizeof(r) + r.len > n.used)
				return ds_broken("names: length %u", r.len);
			expect(id, name, &len);
			if (r.len != len ||
			    memcmp(name, buffer + at + sizeof(r), len))
				return ds_broken("names: %u has another name", id);
			at += sizeof(r) + r.len;
		}
		total += n.count;
		if (n.count && n.first != id)
			return ds_broken("names: to go on with %u after %u",
					 n.first, id - 1);
	} while (n.count);
	munmap(buffer, room + 4096);
	return total;
}

/* Lengths of 1 to 255, by the id. */
static void expect_varied(__u32 id, char *name, __u32 *len)
{
	*len = snprintf(name, 256, "%u", id);
	*len += id * 7 % (256 - *len);
	memset(name + strlen(name), 'x', 255 - strlen(name));
}

TEST_F(intern, names)
{
	__u32 i, len;
	char name[256];

	EXPECT_EQ(0, read_names(self->fd, 1, 264, expect_varied));
	for (i = 1; i <= 600; i++) {
		expect_varied(i, name, &len);
		ASSERT_EQ(i, ds_intern(self->fd, CREATE, name, len));
	}
	EXPECT_EQ(600, read_names(self->fd, 1, 264, expect_varied));
	EXPECT_EQ(600, read_names(self->fd, 1, 265, expect_varied));
	EXPECT_EQ(600, read_names(self->fd, 1, 1000, expect_varied));
	EXPECT_EQ(600, read_names(self->fd, 1, 1 << 20, expect_varied));
	EXPECT_EQ(100, read_names(self->fd, 501, 4096, expect_varied));
	EXPECT_EQ(1, read_names(self->fd, 600, 4096, expect_varied));
	EXPECT_EQ(0, read_names(self->fd, 601, 4096, expect_varied));
	EXPECT_EQ(0, read_names(self->fd, 65535, 4096, expect_varied));
	EXPECT_EQ(0, read_names(self->fd, ~0U, 4096, expect_varied));
}

static void expect_binary(__u32 id, char *name, __u32 *len)
{
	name[0] = id - 1;
	name[1] = 0;
	name[2] = 0xff;
	*len = 3;
}

TEST_F(intern, names_binary)
{
	char name[256];
	__u32 i, len;

	for (i = 1; i <= 256; i++) {
		expect_binary(i, name, &len);
		ASSERT_EQ(i, ds_intern(self->fd, CREATE, name, len));
	}
	EXPECT_EQ(256, read_names(self->fd, 1, 300, expect_binary));
}

TEST_F(intern, names_errors)
{
	struct docstore_names n = { .size = sizeof(n) };
	__u8 buffer[264];
	__u32 len;

	ASSERT_EQ(1, ds_prop_id(self->fd, "name"));
	n.buffer = ds_ptr(buffer);
	for (len = 0; len < sizeof(buffer); len++) {
		n.first = 1;
		n.buffer_len = len;
		EXPECT_EQ(-EINVAL, ds_ioctl(self->fd, DOCSTORE_NAMES, &n));
	}
	n.buffer_len = len;
	n.first = 1;
	EXPECT_EQ(0, ds_ioctl(self->fd, DOCSTORE_NAMES, &n));
	EXPECT_EQ(1, n.count);
	/* Ids begin at 1. */
	n.first = 0;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->fd, DOCSTORE_NAMES, &n));
}

static void expect_short(__u32 id, char *name, __u32 *len)
{
	*len = snprintf(name, 256, "%x", id);
}

TEST_F_TIMEOUT(intern, as_many_as_there_may_be, DS_TIMEOUT)
{
	__u32 all = DOCSTORE_MAX_NAMES, at, i, n, done, len;
	struct docstore_name names[1000];
	char text[1000][8];

	for (at = 1; at <= all; at += n) {
		n = all - at + 1 < 1000 ? all - at + 1 : 1000;
		for (i = 0; i < n; i++) {
			expect_short(at + i, text[i], &len);
			names[i] = name_of(text[i]);
		}
		ASSERT_EQ(0, intern_many(self->fd, CREATE, names, n, &done));
		ASSERT_EQ(n, done);
		for (i = 0; i < n; i++)
			ASSERT_EQ(at + i, names[i].id);
	}
	EXPECT_EQ(all, names_in(self->fd));
	EXPECT_EQ(-ENOSPC, ds_prop_id(self->fd, "one more"));
	EXPECT_EQ(all, names_in(self->fd));
	/* Those that are there are still there, and can be used. */
	EXPECT_EQ(1, ds_prop_id(self->fd, "1"));
	EXPECT_EQ(all, ds_prop_id(self->fd, "ffff"));
	EXPECT_EQ(0, ds_do(self->fd, ds_set_s64("doc", all, 7)));
	EXPECT_EQ(7, ds_fetch_s64(self->fd, "doc", all));
	EXPECT_EQ(0, ds_do(self->fd, ds_set_type("doc", all)));
	names[0] = name_of("ab");
	names[1] = name_of("one more");
	names[2] = name_of("cd");
	EXPECT_EQ(-ENOSPC, intern_many(self->fd, CREATE, names, 3, &done));
	EXPECT_GE(1, done);
	EXPECT_EQ(all, read_names(self->fd, 1, 65536, expect_short));
}

/*
 * Processes make the same names at the same moment: each name has one id, and
 * each id one name.
 */
TEST_F_TIMEOUT(intern, race, DS_TIMEOUT)
{
	unsigned int i, j, n = ds_scale(3000), procs = 2;
	volatile unsigned int *arrived = ds_shared(sizeof(*arrived));
	char name[16];
	pid_t pids[2];
	__u8 *used;
	int id, again;

	for (i = 0; i < procs; i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		for (j = 0; j < n; j++) {
			snprintf(name, sizeof(name), "race%u", j);
			/* Together, as far as there are CPUs. */
			__sync_fetch_and_add(arrived, 1);
			while (*arrived < procs * (j + 1))
				sched_yield();
			id = ds_prop_id(self->fd, name);
			again = ds_intern(self->fd, 0, name, strlen(name));
			/* Nobody waits for one that has given up. */
			if (id <= 0 || id != again)
				*arrived = INT_MAX;
			DS_CHILD(id > 0);
			DS_CHILD_EQ(id, again);
		}
		_exit(0);
	}
	for (i = 0; i < procs; i++)
		EXPECT_EQ(0, ds_wait(pids[i]));
	EXPECT_EQ(n, names_in(self->fd));
	used = calloc(n + 1, 1);
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "race%u", i);
		id = ds_intern(self->fd, 0, name, strlen(name));
		ASSERT_LT(0, id);
		ASSERT_GE((int)n, id);
		EXPECT_EQ(0, used[id]++);
	}
	free(used);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: which there are, who sees them, how many there may be, and what one of them
 * may have under way.
 */
#include "monitor.h"
#include "uring.h"

#include <grp.h>

#include "docstore_harness.h"

#define USER	1001
#define OTHER	1003
#define MANY	512

FIXTURE(session) {
	struct ds_store store;
	int control, fd, a;
	struct docstore_config was;
	struct docstore_session_info *list;
};

FIXTURE_SETUP(session)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "session", 2, 32 << 20));
	self->control = self->store.control;
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	ASSERT_EQ(0, ds_config_get(self->control, &self->was));
	self->list = ds_map(MANY * sizeof(*self->list), MAP_PRIVATE);
}

FIXTURE_TEARDOWN(session)
{
	EXPECT_EQ(0, ds_config_restore(self->control, &self->was));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* Sessions of the store with so many descriptors, waiting for those that are being closed. */
static int sessions_become(const struct ds_store *store, struct docstore_session_info *list,
			   int expected)
{
	__u64 end = ds_now() + 60 * DS_SECOND, cursor;
	int i, n, found;

	do {
		cursor = 0;
		n = ds_sessions(store->control, list, MANY, &cursor);
		if (n < 0)
			return n;
		for (i = 0, found = 0; i < n; i++)
			if (!strcmp((char *)list[i].store, store->name))
				list[found++] = list[i];
		if (found == expected)
			break;
		usleep(10000);
	} while (ds_now() < end);
	return found;
}

static __u32 sessions_of_module(int control)
{
	struct docstore_module_counters c;

	return ds_module_counters(control, &c) ? 0 : c.sessions;
}

TEST_F(session, described)
{
	struct docstore_snapshot snapshot = { .size = sizeof(snapshot) };
	struct docstore_session_info *s = self->list;
	__u64 now = ds_clock(CLOCK_REALTIME);
	struct docstore_op ops[3];
	char comm[16] = "";
	__u32 failed;
	int fd, i;

	ASSERT_EQ(1, sessions_become(&self->store, s, 1));
	EXPECT_EQ(getuid(), s->uid);
	EXPECT_EQ(getgid(), s->gid);
	EXPECT_EQ(getpid(), (int)s->pid);
	EXPECT_EQ(DS_RW, s->rights);
	EXPECT_EQ(0, s->snapshot);
	EXPECT_LT(0, s->incarnation);
	EXPECT_LE(s->opened, now);
	EXPECT_LE(now, s->opened + 300 * DS_SECOND);
	prctl(PR_GET_NAME, comm);
	EXPECT_STREQ(comm, (char *)s->comm);
	EXPECT_EQ(1, s->calls);		/* The name. */
	EXPECT_EQ(0, s->errors);
	EXPECT_EQ(0, s->operations);
	EXPECT_EQ(0, s->requests);
	EXPECT_EQ(0, s->request_bytes);
	EXPECT_EQ(0, s->snapshots);

	for (i = 0; i < 3; i++)
		ops[i] = ds_set_s64("x", self->a, i);
	ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 3, &failed));
	ops[0].id_len = 0;
	EXPECT_EQ(-EINVAL, ds_submit(self->fd, 0, ops, 3, &failed));
	/* Not of this descriptor: refused for what it is. */
	EXPECT_EQ(-ENOTTY, ds_ioctl(self->fd, DOCSTORE_STORE_LIST, &snapshot));
	fd = ds_ioctl(self->fd, DOCSTORE_SNAPSHOT, &snapshot);
	ASSERT_LE(0, fd);
	ASSERT_EQ(2, sessions_become(&self->store, s, 2));
	EXPECT_EQ(4, s[0].calls);
	EXPECT_EQ(1, s[0].errors);
	EXPECT_EQ(3, s[0].operations);
	EXPECT_EQ(1, s[0].snapshots);
	/* In the order in which they were opened. */
	EXPECT_LT(s[0].id, s[1].id);
	EXPECT_EQ(snapshot.id, s[1].snapshot);
	EXPECT_EQ(s[0].incarnation, s[1].incarnation);
	EXPECT_EQ(DS_READ, s[1].rights);
	close(fd);
	ASSERT_EQ(1, sessions_become(&self->store, s, 1));
	EXPECT_EQ(0, s->snapshots);
}

/* Whatever comes and goes by it, and nothing of what goes by others. */
TEST_F(session, bytes)
{
	struct docstore_session_info *s = self->list;
	struct docstore_counters before, after;
	struct docstore_read_item item = { .id = ds_ptr("x"), .id_len = 1 };
	struct docstore_snapshot snapshot = { .size = sizeof(snapshot) };
	struct docstore_read_many many;
	struct docstore_read r;
	char buffer[4096];
	struct docstore_op ops[2];
	struct ds_scan scan;
	int other, snap;
	__u32 failed;
	__u64 size;

	other = ds_open(self->control, self->store.name, DS_RW);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, ds_stats(self->fd, &before, NULL));
	ops[0] = ds_set_bytes("x", self->a, self->list, 1000);
	ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 1, &failed));
	ASSERT_EQ(2, sessions_become(&self->store, s, 2));
	EXPECT_EQ(1001, s[0].bytes_in);
	EXPECT_EQ(0, s[0].bytes_out);
	EXPECT_EQ(0, s[1].bytes_in);

	/* By each way there is to read; the last one of them is another's. */
	ASSERT_EQ(0, ds_read(self->fd, "x", self->a, buffer, sizeof(buffer), &r));
	ASSERT_EQ(0, ds_read(self->fd, "x", self->a, buffer, 100, &r));
	ops[0] = ds_get("x", self->a, buffer, 10);
	ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 1, &failed));
	ASSERT_EQ(2, sessions_become(&self->store, s, 2));
	EXPECT_EQ(1110, s[0].bytes_out);
	ASSERT_EQ(0, ds_read_many(self->fd, &item, 1, buffer, sizeof(buffer), &many));
	ASSERT_EQ(1, many.done);
	size = many.used;
	ASSERT_EQ(2, sessions_become(&self->store, s, 2));
	EXPECT_EQ(1110 + size, s[0].bytes_out);
	ds_scan_begin(&scan, 0, NULL, 0);
	ASSERT_EQ(1, ds_scan_next(self->fd, &scan, buffer, sizeof(buffer)));
	size += scan.scan.used;
	ASSERT_EQ(2, sessions_become(&self->store, s, 2));
	EXPECT_EQ(1110 + size, s[0].bytes_out);
	EXPECT_EQ(0, s[1].bytes_out);
	ASSERT_EQ(0, ds_read(other, "x", self->a, buffer, sizeof(buffer), &r));
	snap = ds_ioctl(self->fd, DOCSTORE_SNAPSHOT, &snapshot);
	ASSERT_LE(0, snap);
	ASSERT_EQ(0, ds_read(snap, "x", self->a, buffer, 500, &r));
	ASSERT_EQ(3, sessions_become(&self->store, s, 3));
	EXPECT_EQ(1110 + size, s[0].bytes_out);
	EXPECT_EQ(1000, s[1].bytes_out);
	EXPECT_EQ(500, s[2].bytes_out);

	/* What is refused has not come; and what it all comes to is the store's. */
	ops[0] = ds_set_bytes("x", self->a, self->list, 1000);
	ops[1].code = 99;
	EXPECT_EQ(-EINVAL, ds_submit(self->fd, 0, ops, 2, &failed));
	ASSERT_EQ(3, sessions_become(&self->store, s, 3));
	ASSERT_EQ(0, ds_stats(self->fd, &after, NULL));
	EXPECT_EQ(s[0].bytes_in, after.bytes_in - before.bytes_in);
	EXPECT_EQ(s[0].bytes_out + 1500, after.bytes_out - before.bytes_out);
	close(snap);
	close(other);
}

TEST_F(session, cursor)
{
	struct docstore_session_info one;
	__u64 cursor = 0, last = 0;
	int fds[20], n, i, seen = 0;
	bool mine;

	for (i = 0; i < 20; i++) {
		fds[i] = ds_open(self->control, self->store.name, DS_READ);
		ASSERT_LE(0, fds[i]);
	}
	do {
		n = ds_sessions(self->control, &one, 1, &cursor);
		ASSERT_EQ(1, n);
		EXPECT_LT(last, one.id);
		last = one.id;
		mine = !strcmp((char *)one.store, self->store.name);
		seen += mine;
		/* What is closed meanwhile is not met any more, the others are. */
		if (mine && seen == 3)
			close(fds[19]);
	} while (cursor);
	EXPECT_EQ(20, seen);
	cursor = UINT64_MAX;
	EXPECT_EQ(0, ds_sessions(self->control, &one, 1, &cursor));
	EXPECT_EQ(0, cursor);
	/* No room. */
	cursor = 0;
	EXPECT_EQ(0, ds_sessions(self->control, &one, 0, &cursor));
	for (i = 0; i < 19; i++)
		close(fds[i]);
}

TEST_F(session, arguments)
{
	struct docstore_session_list l = { .size = sizeof(l), .session_size = 8192, .count = 1 };

	EXPECT_EQ(-E2BIG, ds_ioctl(self->control, DOCSTORE_SESSION_LIST, &l));
	/* The first ones had nothing behind the name. */
	l.session_size = offsetof(struct docstore_session_info, bytes_in) - 1;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->control, DOCSTORE_SESSION_LIST, &l));
	l.session_size = sizeof(struct docstore_session_info);
	EXPECT_EQ(-EFAULT, ds_ioctl(self->control, DOCSTORE_SESSION_LIST, &l));
	l.sessions = ds_ptr(self->list);
	l.flags = 1;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->control, DOCSTORE_SESSION_LIST, &l));
	l.flags = 0;
	memset(self->list, DS_POISON, 2 * sizeof(*self->list));
	l.session_size = offsetof(struct docstore_session_info, bytes_in);
	EXPECT_EQ(0, ds_ioctl(self->control, DOCSTORE_SESSION_LIST, &l));
	EXPECT_LT(0, self->list->opened);
	EXPECT_EQ(DS_POISON64, self->list->bytes_in);
	/* Elements that are longer are filled up. */
	l.cursor = 0;
	l.count = 1;
	memset(self->list, DS_POISON, 2 * sizeof(*self->list));
	l.session_size = sizeof(struct docstore_session_info) + 8;
	EXPECT_EQ(0, ds_ioctl(self->control, DOCSTORE_SESSION_LIST, &l));
	EXPECT_EQ(1, l.count);
	EXPECT_EQ(0, self->list[1].id);
	EXPECT_EQ(DS_POISON64, self->list[1].opened);
}

TEST_F(session, only_ones_own)
{
	if (geteuid())
		SKIP(return, "only root can become others");
	DS_IN_CHILD({
		struct docstore_session_info list[4];
		__u64 cursor = 0;
		int control;

		ds_become(OTHER, OTHER, 0);
		control = ds_control();
		DS_CHILD(control >= 0);
		/* Also where the descriptor is another's. */
		DS_CHILD_EQ(1, ds_sessions(self->control, list, 4, &cursor));
		DS_CHILD_EQ(0, cursor);
		DS_CHILD_EQ(OTHER, list[0].uid);
		DS_CHILD_EQ(0, list[0].incarnation);
		DS_CHILD_EQ(0, list[0].store[0]);
		DS_CHILD_EQ(getpid(), list[0].pid);
	});
}

TEST_F(session, shared)
{
	int fd = dup(self->fd), pipes[2];
	pid_t pid;
	char c;

	ASSERT_EQ(1, sessions_become(&self->store, self->list, 1));
	close(fd);
	ASSERT_EQ(1, sessions_become(&self->store, self->list, 1));
	/* One that a child has opened is its own, and gone when it is killed. */
	ASSERT_EQ(0, pipe(pipes));
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		DS_CHILD(ds_open(self->control, self->store.name, DS_RW) >= 0);
		DS_CHILD(write(pipes[1], "", 1) == 1);
		pause();
		_exit(0);
	}
	ASSERT_EQ(1, read(pipes[0], &c, 1));
	ASSERT_EQ(2, sessions_become(&self->store, self->list, 2));
	EXPECT_EQ(pid, (pid_t)self->list[1].pid);
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, ds_wait(pid));
	EXPECT_EQ(1, sessions_become(&self->store, self->list, 1));
	close(pipes[0]);
	close(pipes[1]);
}

/* Limits -------------------------------------------------------------------- */

static void on_signal(int signal)
{
	(void)signal;
}

/* Sleeps until so many more than @before have begun to wait. */
static int waits_become(int control, __u64 expected)
{
	struct docstore_module_counters c;
	__u64 end = ds_now() + 60 * DS_SECOND;

	do {
		if (ds_module_counters(control, &c))
			return -1;
		if (c.session_waits == expected) {
			/* It sleeps soon. */
			usleep(50000);
			return 0;
		}
		usleep(5000);
	} while (ds_now() < end);
	return -1;
}

/* No more than there are. */
static int full(FIXTURE_DATA(session) *self)
{
	return ds_config_set(self->control, DOCSTORE_SETTING_MAX_SESSIONS,
			     sessions_of_module(self->control));
}

TEST_F(session, limit)
{
	struct docstore_module_counters before, after;
	int extra, control, fd, i;
	struct sigaction action = { .sa_handler = on_signal };
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root can become others");
	extra = ds_control();
	ASSERT_LE(0, extra);
	ASSERT_EQ(0, ds_module_counters(self->control, &before));
	ASSERT_EQ(0, full(self));

	/* Root gets in. */
	control = ds_control();
	ASSERT_LE(0, control);
	fd = ds_open(control, self->store.name, DS_RW);
	ASSERT_LE(0, fd);
	close(fd);
	close(control);

	DS_IN_CHILD({
		ds_become(OTHER, OTHER, 0);
		DS_CHILD_EQ(-EAGAIN, ds_control_open(O_RDWR | O_NONBLOCK));
	});
	ASSERT_EQ(0, ds_module_counters(self->control, &after));
	EXPECT_EQ(before.session_refused + 1, after.session_refused);
	EXPECT_EQ(before.session_waits, after.session_waits);

	/* 0: one closes; 1: the limit is raised; 2: a signal; 3: it is killed. */
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, full(self));
		pid = ds_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			close(extra);
			/* Without SA_RESTART. */
			sigaction(SIGUSR1, &action, NULL);
			ds_become(OTHER, OTHER, 0);
			fd = ds_control_open(O_RDWR);
			DS_CHILD_EQ(i == 2 ? -EINTR : 0, fd < 0 ? fd : 0);
			_exit(0);
		}
		ASSERT_EQ(0, waits_become(self->control, before.session_waits + i + 1));
		ASSERT_EQ(0, waitpid(pid, NULL, WNOHANG));
		if (i == 0) {
			close(extra);
		} else if (i == 1) {
			ASSERT_EQ(0, ds_config_restore(self->control, &self->was));
		} else if (i == 2) {
			kill(pid, SIGUSR1);
		} else {
			kill(pid, SIGKILL);
		}
		EXPECT_EQ(i == 3 ? 128 + SIGKILL : 0, ds_wait(pid));
		if (i == 0)
			extra = ds_control();
	}
	ASSERT_EQ(0, ds_module_counters(self->control, &after));
	EXPECT_EQ(before.sessions, after.sessions);
	EXPECT_EQ(before.session_waits + 4, after.session_waits);
	close(extra);
}

TEST_F(session, limit_of_stores)
{
	struct docstore_module_counters before;
	struct sigaction action = { .sa_handler = on_signal };
	char name[DOCSTORE_STORE_NAME_SIZE];
	int extra, i;
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root can become others");
	ds_store_name(name, "session666");
	ASSERT_EQ(0, ds_create(self->control, name, 0666, 1, 0));
	/* With the flags of the control node. 0: one closes, 1: a signal, 2: no wait. */
	for (i = 0; i < 3; i++) {
		int ready[2], go[2];
		char c;

		ASSERT_EQ(0, pipe(ready));
		ASSERT_EQ(0, pipe(go));
		ASSERT_EQ(0, ds_module_counters(self->control, &before));
		extra = ds_control();
		pid = ds_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			int control, fd;

			close(extra);
			sigaction(SIGUSR1, &action, NULL);
			ds_become(OTHER, OTHER, 0);
			control = ds_control_open(O_RDWR | (i == 2 ? O_NONBLOCK : 0));
			DS_CHILD(control >= 0);
			DS_CHILD(write(ready[1], "", 1) == 1);
			DS_CHILD(read(go[0], &c, 1) == 1);
			fd = ds_open(control, name, DS_RW);
			DS_CHILD_EQ(i == 0 ? 0 : i == 1 ? -EINTR : -EAGAIN, fd < 0 ? fd : 0);
			_exit(0);
		}
		ASSERT_EQ(1, read(ready[0], &c, 1));
		ASSERT_EQ(0, full(self));
		ASSERT_EQ(1, write(go[1], "", 1));
		if (i < 2)
			ASSERT_EQ(0, waits_become(self->control, before.session_waits + 1));
		if (i == 1)
			kill(pid, SIGUSR1);
		if (!i)
			close(extra);
		EXPECT_EQ(0, ds_wait(pid));
		if (i)
			close(extra);
		EXPECT_EQ(before.sessions, sessions_of_module(self->control));
		close(ready[0]);
		close(ready[1]);
		close(go[0]);
		close(go[1]);
	}
	EXPECT_EQ(0, ds_remove(self->control, name));
}

TEST_F(session, snapshots)
{
	struct docstore_snapshot s = { .size = sizeof(s) };
	int one, two, other;

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_SESSION_SNAPSHOTS, 2));
	one = ds_ioctl(self->fd, DOCSTORE_SNAPSHOT, &s);
	ASSERT_LE(0, one);
	two = ds_ioctl(self->fd, DOCSTORE_SNAPSHOT, &s);
	ASSERT_LE(0, two);
	EXPECT_EQ(-ENOSPC, ds_ioctl(self->fd, DOCSTORE_SNAPSHOT, &s));
	/* Another session has its own. */
	other = ds_open(self->control, self->store.name, DS_RW);
	ASSERT_LE(0, other);
	close(ds_ioctl(other, DOCSTORE_SNAPSHOT, &s));
	close(other);
	close(one);
	one = ds_ioctl(self->fd, DOCSTORE_SNAPSHOT, &s);
	EXPECT_LE(0, one);
	/* What is above a new limit stays. */
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_SESSION_SNAPSHOTS, 0));
	EXPECT_EQ(-ENOSPC, ds_ioctl(self->fd, DOCSTORE_SNAPSHOT, &s));
	ASSERT_EQ(3, sessions_become(&self->store, self->list, 3));
	EXPECT_EQ(2, self->list[0].snapshots);
	close(one);
	close(two);
	ASSERT_EQ(1, sessions_become(&self->store, self->list, 1));
	EXPECT_EQ(0, self->list[0].snapshots);
}

/* A snapshot may outlive the session by which it was taken. */
TEST_F(session, snapshot_outlives)
{
	struct docstore_snapshot s = { .size = sizeof(s) };
	int fd, other;

	other = ds_open(self->control, self->store.name, DS_RW);
	ASSERT_LE(0, other);
	fd = ds_ioctl(other, DOCSTORE_SNAPSHOT, &s);
	ASSERT_LE(0, fd);
	close(other);
	ASSERT_EQ(2, sessions_become(&self->store, self->list, 2));
	EXPECT_EQ(s.id, self->list[1].snapshot);
	close(fd);
	ASSERT_EQ(1, sessions_become(&self->store, self->list, 1));
}

/* A batch of two documents, of which one has so many bytes. */
static int by_ring(FIXTURE_DATA(session) *self, struct ds_ring *ring, __u32 bytes)
{
	struct docstore_op ops[] = {
		ds_set_s64("x", self->a, 1), ds_set_bytes("y", self->a, self->list, bytes),
	};
	struct docstore_submit submit = {
		.size = sizeof(submit), .ops = ds_ptr(ops), .op_size = sizeof(*ops),
		.count = bytes ? 2 : 1,
	};

	return ds_ring_ioctl(ring, 0, self->fd, DOCSTORE_SUBMIT, &submit);
}

TEST_F(session, requests)
{
	struct docstore_counters before, after;
	struct ds_ring ring;
	int ret;

	if (ds_ring_open(&ring, 8, 0))
		SKIP(return, "no rings");
	ret = by_ring(self, &ring, 0);
	if (ret == -EOPNOTSUPP || ret == -EINVAL)
		SKIP(return, "no commands by io_uring");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, ds_stats(self->fd, &before, NULL));
	/* One needs less than a page; a large one more. */
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_SESSION_BYTES, 4096));
	ASSERT_EQ(0, by_ring(self, &ring, 0));
	EXPECT_EQ(-EBUSY, by_ring(self, &ring, 16384));
	/* Nothing was done, and by ioctl it is not limited. */
	EXPECT_EQ(0, ds_version_of(self->fd, "y"));
	ASSERT_EQ(0, ds_stats(self->fd, &after, NULL));
	EXPECT_EQ(before.busy + 1, after.busy);
	EXPECT_EQ(before.errors + 1, after.errors);
	EXPECT_EQ(0, after.requests);
	EXPECT_EQ(0, after.request_bytes);
	EXPECT_EQ(0, ds_do(self->fd, ds_set_bytes("y", self->a, self->list, 16384)));
	ASSERT_EQ(0, ds_config_reset(self->fd, DS_BIT(SESSION_BYTES)));
	EXPECT_EQ(0, by_ring(self, &ring, 16384));
	ASSERT_EQ(1, sessions_become(&self->store, self->list, 1));
	EXPECT_EQ(0, self->list->requests);
	EXPECT_EQ(0, self->list->request_bytes);
	ds_ring_close(&ring);
}

/* Batches of one document each, that a ring has taken over. */
#define TAKEN	8

struct taken {
	char id[8];
	struct docstore_op op;
	struct docstore_submit submit;
};

static void take(FIXTURE_DATA(session) *self, struct ds_ring *ring, int fd, struct taken *t,
		 __u32 number)
{
	snprintf(t->id, sizeof(t->id), "t%u", number);
	t->op = ds_set_s64(t->id, self->a, number);
	t->submit = (struct docstore_submit){
		.size = sizeof(t->submit), .ops = ds_ptr(&t->op), .op_size = sizeof(t->op),
		.count = 1,
	};
	ds_ring_fill(ds_ring_sqe(ring), fd, DOCSTORE_SUBMIT, &t->submit, number);
}

/*
 * What is under way stays so for as long as its ring is not entered for completions, also
 * when it was carried out.
 */
TEST_F(session, requests_by_number)
{
	struct taken *t = ds_map(TAKEN * sizeof(*t), MAP_PRIVATE);
	struct docstore_counters before, after;
	struct ds_ring ring;
	int other, ret, res;
	__u64 data;
	__u32 i, n;

	if (ds_ring_open(&ring, TAKEN, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN))
		SKIP(return, "no rings that leave completions for later");
	ret = by_ring(self, &ring, 0);
	if (ret == -EOPNOTSUPP || ret == -EINVAL)
		SKIP(return, "no commands by io_uring");
	ASSERT_EQ(0, ret);
	other = ds_open(self->control, self->store.name, DS_RW);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 0));
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_SESSION_REQUESTS, 3));
	ASSERT_EQ(0, ds_stats(self->fd, &before, NULL));

	/* Two too many, and one of another session. */
	for (i = 0; i < 6; i++)
		take(self, &ring, i == 5 ? other : self->fd, &t[i], i);
	ASSERT_EQ(6, ds_ring_submit(&ring));
	for (n = 0; ds_ring_cqe(&ring, &data, &res); n++) {
		EXPECT_EQ(-EBUSY, res);
		EXPECT_EQ(3 + n, data);
	}
	EXPECT_EQ(2, n);
	ASSERT_EQ(0, ds_stats(self->fd, &after, NULL));
	EXPECT_EQ(before.busy + 2, after.busy);
	EXPECT_EQ(before.errors + 2, after.errors);
	EXPECT_EQ(4, after.requests);
	EXPECT_LT(0, after.request_bytes);
	ASSERT_EQ(2, sessions_become(&self->store, self->list, 2));
	EXPECT_EQ(3, self->list[0].requests);
	EXPECT_EQ(1, self->list[1].requests);
	EXPECT_EQ(after.request_bytes,
		  self->list[0].request_bytes + self->list[1].request_bytes);
	/* By ioctl it is not limited; and what is above a new limit stays. */
	EXPECT_EQ(0, ds_do(self->fd, ds_set_s64("x", self->a, 2)));
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_SESSION_REQUESTS, 1));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
		EXPECT_EQ(0, res);
		EXPECT_TRUE(data < 3 || data == 5);
		EXPECT_EQ((__s64)data, ds_fetch_s64(self->fd, t[data].id, self->a));
	}
	/* Nothing was done of what was refused. */
	EXPECT_EQ(0, ds_version_of(self->fd, "t3"));
	EXPECT_EQ(0, ds_version_of(self->fd, "t4"));
	ASSERT_EQ(2, sessions_become(&self->store, self->list, 2));
	EXPECT_EQ(0, self->list[0].requests);
	EXPECT_EQ(0, self->list[0].request_bytes);

	/* There is room again, for one at a time. */
	take(self, &ring, self->fd, &t[3], 3);
	take(self, &ring, self->fd, &t[4], 4);
	ASSERT_EQ(2, ds_ring_submit(&ring));
	ASSERT_TRUE(ds_ring_cqe(&ring, &data, &res));
	EXPECT_EQ(-EBUSY, res);
	EXPECT_EQ(4, data);
	ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
	EXPECT_EQ(0, res);
	take(self, &ring, self->fd, &t[4], 4);
	ASSERT_EQ(1, ds_ring_submit(&ring));
	EXPECT_FALSE(ds_ring_cqe(&ring, &data, &res));
	ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
	EXPECT_EQ(0, res);
	EXPECT_EQ(4, ds_fetch_s64(self->fd, "t4", self->a));
	ds_ring_close(&ring);
	close(other);
}

/* One who does not want to wait for a snapshot is told the same by io_uring. */
TEST_F(session, no_wait_by_ring)
{
	char name[DOCSTORE_STORE_NAME_SIZE];
	int ready[2], go[2];
	pid_t pid;
	char c;

	if (geteuid())
		SKIP(return, "only root can become others");
	ds_store_name(name, "session666");
	ASSERT_EQ(0, ds_create(self->control, name, 0666, 1, 0));
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct docstore_snapshot s = { .size = sizeof(s) };
		struct ds_ring ring;
		int fd, ret;

		ds_become(OTHER, OTHER, 0);
		fd = ds_open(self->control, name, DS_RW);
		DS_CHILD(fd >= 0);
		DS_CHILD(!fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK));
		DS_CHILD(write(ready[1], "", 1) == 1);
		DS_CHILD(read(go[0], &c, 1) == 1);
		DS_CHILD_EQ(-EAGAIN, ds_ioctl(fd, DOCSTORE_SNAPSHOT, &s));
		if (!ds_ring_open(&ring, 1, 0)) {
			ret = ds_ring_ioctl(&ring, 0, fd, DOCSTORE_SNAPSHOT, &s);
			DS_CHILD(ret == -EAGAIN || ret == -EOPNOTSUPP || ret == -EINVAL);
			ds_ring_close(&ring);
		}
		_exit(0);
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_EQ(0, full(self));
	ASSERT_EQ(1, write(go[1], "", 1));
	EXPECT_EQ(0, ds_wait(pid));
	EXPECT_EQ(0, ds_remove(self->control, name));
}

TEST_HARNESS_MAIN

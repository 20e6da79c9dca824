// SPDX-License-Identifier: GPL-2.0
/*
 * A bank. Accounts lie in all partitions; many clients move money between them, close
 * accounts and open them again, and are killed at it; others look at all accounts at
 * once. Whoever does sees the same sum, and as many accounts as the register says.
 *
 * DOCSTORE_STRESS_SECONDS says for how long (20).
 */
#include "clients.h"
#include "snapshot.h"
#include "sysfs.h"
#include "uring.h"

#include "docstore_harness.h"

#define CLIENTS		9
#define ACCOUNTS_MAX	200
#define MONEY		1000		/* of each account at first */
#define MOVES_MAX	6		/* accounts in one batch */
#define FLIGHT		4

enum job { MOVE, MOVE_BY_RING, COUNT_AND_SET, CLOSE_AND_OPEN, ROB, LOOK };

struct shared {
	volatile bool stop;
	__u64 cpus_moved;
	__u64 moves, stale, closed, refused, busy;
	__u64 snapshots, together, again;
};

FIXTURE(bank) {
	struct ds_store store;
	int fd;
	int money, accounts;		/* properties */
	unsigned int n;			/* accounts */
	struct shared *shared;
	unsigned int lend;
	__u64 seed;
};

FIXTURE_VARIANT(bank) {
	__u32 partitions;
	__u64 max_bytes;
	unsigned int accounts;
	unsigned int kill_us;
	bool workers, hotplug;
	unsigned int share;		/* of the time, in percent */
};

FIXTURE_VARIANT_ADD(bank, calm) {
	.partitions = 4, .accounts = 40, .max_bytes = 64 << 20, .share = 20,
};
FIXTURE_VARIANT_ADD(bank, workers) {
	.partitions = 3, .accounts = 20, .max_bytes = 64 << 20, .workers = true, .share = 20,
};
FIXTURE_VARIANT_ADD(bank, killed) {
	.partitions = 4, .accounts = 30, .max_bytes = 64 << 20, .kill_us = 20000, .share = 20,
};
/* So little memory that it is used again and again, and is refused at times. */
FIXTURE_VARIANT_ADD(bank, short_of_memory) {
	.partitions = 2, .accounts = 200, .max_bytes = 5 << 20, .kill_us = 100000, .share = 20,
};
FIXTURE_VARIANT_ADD(bank, hotplug) {
	.partitions = 7, .accounts = 40, .max_bytes = 64 << 20, .kill_us = 60000,
	.workers = true, .hotplug = true, .share = 20,
};

#define ID	24

static void account(char *id, unsigned int i)
{
	snprintf(id, ID, "account%u", i);
}

/* All accounts are opened at once. */
static int open_bank(FIXTURE_DATA(bank) *self)
{
	struct docstore_op ops[ACCOUNTS_MAX + 1];
	char ids[ACCOUNTS_MAX][ID];
	unsigned int i;
	__u32 failed = 0;
	int ret;

	for (i = 0; i < self->n; i++) {
		account(ids[i], i);
		ops[i] = ds_if(ds_set_s64(ids[i], self->money, MONEY), DOCSTORE_IF_ABSENT, 0);
	}
	ops[i] = ds_set_s64("register", self->accounts, self->n);
	ret = ds_submit(self->fd, DOCSTORE_SUBMIT_ATOMIC, ops, self->n + 1, &failed);
	return ret ?: failed ? -ENOTRECOVERABLE : 0;
}

FIXTURE_SETUP(bank)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "bank", variant->partitions,
				    variant->max_bytes));
	self->fd = self->store.fd;
	self->n = variant->accounts;
	self->money = ds_prop_id(self->fd, "money");
	self->accounts = ds_prop_id(self->fd, "accounts");
	ASSERT_LT(0, self->accounts);
	self->shared = ds_shared(sizeof(*self->shared));
	self->seed = ds_seed();
	ASSERT_EQ(0, parameter_get("lend_documents", &self->lend));
	if (variant->workers)
		ASSERT_EQ(0, parameter_set("lend_documents", 0));
	ASSERT_EQ(0, open_bank(self));
}

FIXTURE_TEARDOWN(bank)
{
	EXPECT_EQ(0, parameter_set("lend_documents", self->lend));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* Looking at all of it ----------------------------------------------------- */

/* What somebody saw. */
struct seen {
	__u64 versions[ACCOUNTS_MAX];	/* 0: it was not there */
	__s64 money[ACCOUNTS_MAX];
	unsigned int accounts;
	__s64 sum, registered;
};

static void see(FIXTURE_DATA(bank) *self, struct seen *seen, const struct docstore_version *v)
{
	unsigned int i;
	char id[256];

	memcpy(id, ds_doc_id(v), v->id_len);
	id[v->id_len] = 0;
	if (!strcmp(id, "register")) {
		DS_CHILD_EQ(0, seen->registered);
		seen->registered = ds_prop_s64(v, self->accounts);
		return;
	}
	DS_CHILD_EQ(1, sscanf(id, "account%u", &i));
	DS_CHILD(i < self->n);
	/* Not twice. */
	DS_CHILD_EQ(0, seen->versions[i]);
	seen->versions[i] = v->version;
	seen->money[i] = ds_prop_s64(v, self->money);
	seen->sum += seen->money[i];
	seen->accounts++;
}

static void balance(FIXTURE_DATA(bank) *self, const struct seen *seen)
{
	DS_CHILD_EQ(seen->registered, (long long)seen->accounts);
	DS_CHILD_EQ((long long)self->n * MONEY, seen->sum);
}

static void scan(FIXTURE_DATA(bank) *self, int fd, struct ds_random *random, void *buffer,
		 struct seen *seen)
{
	__u32 room = 1000 + ds_below(random, 5000);
	struct ds_scan s;
	int n;

	memset(seen, 0, sizeof(*seen));
	ds_scan_begin(&s, 0, NULL, 0);
	do {
		const struct docstore_version *v = buffer;

		for (n = ds_scan_next(fd, &s, buffer, room); n > 0; n--) {
			DS_CHILD(v);
			DS_CHILD(!ds_doc_check(v, (char *)buffer + s.scan.used - (char *)v));
			see(self, seen, v);
			v = ds_doc_next(v, (char *)buffer + s.scan.used);
		}
		DS_CHILD_EQ(0, n);
	} while (!s.end);
}

static void read_all(FIXTURE_DATA(bank) *self, int fd, __u32 flags, void *buffer,
		     struct seen *seen)
{
	struct docstore_read_item items[ACCOUNTS_MAX + 1];
	char ids[ACCOUNTS_MAX + 1][ID];
	struct docstore_read_many m;
	unsigned int i;

	memset(seen, 0, sizeof(*seen));
	for (i = 0; i <= self->n; i++) {
		account(ids[i], i);
		if (i == self->n)
			strcpy(ids[i], "register");
		items[i].id = ds_ptr(ids[i]);
		items[i].id_len = strlen(ids[i]);
	}
	DS_CHILD_EQ(0, ds_read_many_flags(fd, flags, items, self->n + 1, buffer, DS_ROOM, &m));
	DS_CHILD_EQ(self->n + 1, m.done);
	for (i = 0; i < m.done; i++) {
		const struct docstore_version *v = (void *)((char *)buffer + items[i].offset);

		if (items[i].result == -ENOENT)
			continue;
		DS_CHILD_EQ(0, items[i].result);
		DS_CHILD(!ds_doc_check(v, items[i].length));
		DS_CHILD(ds_doc_is(v, ids[i]));
		see(self, seen, v);
	}
}

static void look_at(FIXTURE_DATA(bank) *self, int fd, struct ds_random *random, void *buffer,
		    struct seen *seen)
{
	switch (ds_below(random, 3)) {
	case 0:
		scan(self, fd, random, buffer, seen);
		break;
	case 1:
		read_all(self, fd, 0, buffer, seen);
		break;
	case 2:
		read_all(self, fd, DOCSTORE_READ_TOGETHER, buffer, seen);
		break;
	}
}

#define PINNED	4

static void look(FIXTURE_DATA(bank) *self, struct ds_random *random, void *buffer)
{
	struct seen *seen = ds_map(PINNED * sizeof(*seen), MAP_PRIVATE);
	struct seen *now = ds_map(sizeof(*now), MAP_PRIVATE);
	int fds[PINNED] = { -1, -1, -1, -1 };
	unsigned int i;

	while (!self->shared->stop) {
		read_all(self, self->fd, DOCSTORE_READ_TOGETHER, buffer, now);
		balance(self, now);
		__sync_fetch_and_add(&self->shared->together, 1);

		i = ds_below(random, PINNED);
		if (fds[i] >= 0) {
			/* An old one is as it was. */
			look_at(self, fds[i], random, buffer, now);
			DS_CHILD(!memcmp(now, &seen[i], sizeof(*now)));
			__sync_fetch_and_add(&self->shared->again, 1);
			if (ds_below(random, 4))
				continue;
			DS_CHILD_EQ(0, close(fds[i]));
		}
		fds[i] = ds_snapshot(self->fd, 0, NULL);
		DS_CHILD_EQ(0, fds[i] < 0 ? fds[i] : 0);
		look_at(self, fds[i], random, buffer, &seen[i]);
		balance(self, &seen[i]);
		__sync_fetch_and_add(&self->shared->snapshots, 1);
	}
}

/* Moving money ------------------------------------------------------------- */

struct transfer {
	struct docstore_submit submit;
	struct docstore_op ops[MOVES_MAX + 1];
	char ids[MOVES_MAX][ID];
	__u32 n;
};

static void choose(FIXTURE_DATA(bank) *self, struct ds_random *random, struct transfer *t)
{
	unsigned int first = ds_below(random, self->n), step = 1 + ds_below(random, 3), i;

	/* Different ones: there are more than that takes. */
	t->n = 2 + ds_below(random, MOVES_MAX - 1);
	for (i = 0; i < t->n; i++)
		account(t->ids[i], (first + i * step) % self->n);
}

static void ready(struct transfer *t, __u32 count)
{
	__u32 i;

	t->submit = (struct docstore_submit){
		.size = sizeof(t->submit),
		.flags = DOCSTORE_SUBMIT_ATOMIC,
		.ops = ds_ptr(t->ops),
		.op_size = sizeof(t->ops[0]),
		.count = count,
		.failed = DS_POISON32,
	};
	for (i = 0; i < count; i++)
		t->ops[i].result = (__s32)DS_POISON32;
}

/* What one gives, others get. */
static void fill(FIXTURE_DATA(bank) *self, struct ds_random *random, struct transfer *t)
{
	__s64 sum = 0, some;
	__u32 i;

	choose(self, random, t);
	for (i = 0; i < t->n; i++) {
		some = i + 1 < t->n ? (__s64)ds_below(random, 200) - 100 : -sum;
		sum += some;
		t->ops[i] = ds_if(ds_add(t->ids[i], self->money, some), DOCSTORE_IF_EXISTS, 0);
	}
	ready(t, t->n);
}

/* Can this have been the reason why nothing was done? */
static bool reason(const struct docstore_op *op)
{
	switch (op->result) {
	case -ESTALE:
		return op->flags & DOCSTORE_IF_VERSION;
	case -EEXIST:
		return op->flags & DOCSTORE_IF_ABSENT;
	case -ENOENT:
		return op->flags & DOCSTORE_IF_EXISTS || op->code == DOCSTORE_OP_DELETE;
	default:
		return op->result == -ENOSPC || op->result == -ENOMEM;
	}
}

/* All of it or nothing, and nothing only for a reason. */
static bool done(FIXTURE_DATA(bank) *self, const struct transfer *t, int ret)
{
	__u32 i, good = 0, reasons = 0;

	if (ret == -EBUSY) {
		__sync_fetch_and_add(&self->shared->busy, 1);
		return false;
	}
	if (ret == -ETIMEDOUT) {
		DS_CHILD(t->submit.timeout_ms);
		return false;
	}
	DS_CHILD(!ret || ret == -ENOMEM);
	if (ret)
		return false;
	for (i = 0; i < t->submit.count; i++) {
		good += !t->ops[i].result;
		reasons += reason(&t->ops[i]);
		DS_CHILD(!t->ops[i].result || t->ops[i].result == -ECANCELED ||
			 reason(&t->ops[i]));
	}
	if (good == t->submit.count)
		return true;
	DS_CHILD_EQ(0, good);
	DS_CHILD(reasons);
	DS_CHILD_EQ(t->submit.count, t->submit.failed);
	__sync_fetch_and_add(&self->shared->refused, 1);
	return false;
}

static void move(FIXTURE_DATA(bank) *self, struct ds_random *random)
{
	struct transfer *t = ds_map(sizeof(*t), MAP_PRIVATE);
	int ret;

	while (!self->shared->stop) {
		fill(self, random, t);
		ret = ds_ioctl(self->fd, DOCSTORE_SUBMIT, &t->submit);
		if (done(self, t, ret))
			__sync_fetch_and_add(&self->shared->moves, 1);
	}
}

/* Several at once. If it is killed, so is what they are about. */
static void move_by_ring(FIXTURE_DATA(bank) *self, struct ds_random *random)
{
	struct transfer *t = ds_map(FLIGHT * sizeof(*t), MAP_PRIVATE);
	struct ds_ring ring;
	unsigned int n, i;
	__u64 which;
	int res;

	if (ds_ring_open(&ring, FLIGHT, 0)) {
		move(self, random);
		return;
	}
	while (!self->shared->stop) {
		n = 1 + ds_below(random, FLIGHT);
		for (i = 0; i < n; i++) {
			fill(self, random, &t[i]);
			ds_ring_fill(ds_ring_sqe(&ring), self->fd, DOCSTORE_SUBMIT, &t[i].submit,
				     i);
		}
		while (n--) {
			DS_CHILD_EQ(0, ds_ring_wait(&ring, &which, &res));
			DS_CHILD(which < FLIGHT);
			if (done(self, &t[which], res))
				__sync_fetch_and_add(&self->shared->moves, 1);
		}
	}
	ds_ring_close(&ring);
}

/* Read on a snapshot, then set what was computed, if all is still as it was. */
static void count_and_set(FIXTURE_DATA(bank) *self, struct ds_random *random, void *buffer)
{
	struct transfer *t = ds_map(sizeof(*t), MAP_PRIVATE);
	struct docstore_version *v = buffer;
	int snapshot, ret = 0;
	__s64 sum, some;
	__u32 i;

	while (!self->shared->stop) {
		choose(self, random, t);
		snapshot = ds_snapshot(self->fd, 0, NULL);
		DS_CHILD_EQ(0, snapshot < 0 ? snapshot : 0);
		for (i = 0, sum = 0; i < t->n; i++) {
			ret = ds_fetch(snapshot, t->ids[i], v);
			if (ret)
				break;
			sum += ds_prop_s64(v, self->money);
			t->ops[i] = ds_if(ds_set_s64(t->ids[i], self->money, 0),
					  DOCSTORE_IF_VERSION, v->version);
		}
		DS_CHILD_EQ(0, close(snapshot));
		DS_CHILD(!ret || ret == -ENOENT);
		if (ret)
			continue;
		/* Spread it as one likes. */
		for (i = 0; i < t->n; i++) {
			some = i + 1 < t->n ? (__s64)ds_below(random, MONEY) : sum;
			sum -= some;
			t->ops[i].value = some;
		}
		ready(t, t->n);
		ret = ds_ioctl(self->fd, DOCSTORE_SUBMIT, &t->submit);
		if (done(self, t, ret))
			__sync_fetch_and_add(&self->shared->moves, 1);
		else
			__sync_fetch_and_add(&self->shared->stale, 1);
	}
}

/* An account is closed, and another one gets what was in it; or one is opened. */
static void close_and_open(FIXTURE_DATA(bank) *self, struct ds_random *random, void *buffer)
{
	struct transfer *t = ds_map(sizeof(*t), MAP_PRIVATE);
	struct docstore_version *v = buffer;
	__s64 some;
	int ret;

	while (!self->shared->stop) {
		choose(self, random, t);
		ret = ds_fetch(self->fd, t->ids[0], v);
		DS_CHILD(!ret || ret == -ENOENT);
		if (!ret) {
			some = ds_prop_s64(v, self->money);
			t->ops[0] = ds_if(ds_delete(t->ids[0]), DOCSTORE_IF_VERSION, v->version);
		} else {
			some = -(__s64)ds_below(random, 100);
			t->ops[0] = ds_if(ds_set_s64(t->ids[0], self->money, -some),
					  DOCSTORE_IF_ABSENT, 0);
		}
		t->ops[1] = ds_if(ds_add(t->ids[1], self->money, some), DOCSTORE_IF_EXISTS, 0);
		t->ops[2] = ds_add("register", self->accounts, ret ? 1 : -1);
		ready(t, 3);
		t->submit.timeout_ms = 1 + ds_below(random, 20);
		ret = ds_ioctl(self->fd, DOCSTORE_SUBMIT, &t->submit);
		if (done(self, t, ret))
			__sync_fetch_and_add(&self->shared->closed, 1);
	}
}

/* Much is taken from many, on a condition that does not hold. */
static void rob(FIXTURE_DATA(bank) *self, struct ds_random *random)
{
	struct transfer *t = ds_map(sizeof(*t), MAP_PRIVATE);
	int ret;
	__u32 i;

	while (!self->shared->stop) {
		choose(self, random, t);
		for (i = 0; i < t->n; i++)
			t->ops[i] = ds_set_s64(t->ids[i], self->money, -1000000);
		t->ops[ds_below(random, t->n)].flags = DOCSTORE_IF_VERSION;
		t->ops[t->n] = ds_unchanged("register", 1000000000);
		for (i = 0; i < t->n; i++)
			t->ops[i].version = t->ops[i].flags ? 1000000000 : 0;
		ready(t, t->n + ds_below(random, 2));
		ret = ds_ioctl(self->fd, DOCSTORE_SUBMIT, &t->submit);
		DS_CHILD(!done(self, t, ret));
	}
}

static void client(void *arg, unsigned int number, __u64 seed)
{
	static const enum job jobs[CLIENTS] = {
		LOOK, LOOK, COUNT_AND_SET, MOVE, MOVE, MOVE_BY_RING, COUNT_AND_SET,
		CLOSE_AND_OPEN, ROB,
	};
	void *buffer = ds_map(DS_ROOM, MAP_PRIVATE);
	struct ds_random random = { .state = seed };

	switch (jobs[number]) {
	case MOVE:
		move(arg, &random);
		break;
	case MOVE_BY_RING:
		move_by_ring(arg, &random);
		break;
	case COUNT_AND_SET:
		count_and_set(arg, &random, buffer);
		break;
	case CLOSE_AND_OPEN:
		close_and_open(arg, &random, buffer);
		break;
	case ROB:
		rob(arg, &random);
		break;
	case LOOK:
		look(arg, &random, buffer);
		break;
	}
}

static bool enough(void *arg)
{
	const FIXTURE_DATA(bank) *self = arg;
	const struct shared *shared = self->shared;

	return shared->moves > 100 && shared->refused > 10 && shared->snapshots > 10 &&
	       shared->together > 10;
}

TEST_F_TIMEOUT(bank, bank, 24 * 3600)
{
	unsigned int seconds = ds_env("DOCSTORE_STRESS_SECONDS", ds_scale(20));
	struct ds_random random = { .state = self->seed };
	struct shared *shared = self->shared;
	struct clients clients = {
		.n = CLIENTS,
		.work = client,
		.enough = enough,
		.arg = self,
		.stop = &shared->stop,
		.kill_us = variant->kill_us,
		.hotplug = variant->hotplug,
		.moves = &shared->cpus_moved,
	};
	struct docstore_coordinator coordinator;
	struct docstore_snapshot_info snapshots[4];
	struct docstore_store_info info;
	__u64 cursor = 0;

	if (variant->hotplug && clients_set_online(1, true))
		SKIP(return, "no CPU here that can be taken offline");
	EXPECT_EQ(0, clients_run(&clients, &random,
				 seconds * DS_SECOND / 100 * variant->share));

	/* And in the end, by all ways of looking. */
	DS_IN_CHILD({
		void *buffer = ds_map(DS_ROOM, MAP_PRIVATE);
		struct seen *now = ds_map(sizeof(*now), MAP_PRIVATE);
		struct seen *then = ds_map(sizeof(*then), MAP_PRIVATE);

		scan(self, self->fd, &random, buffer, now);
		balance(self, now);
		read_all(self, self->fd, 0, buffer, then);
		DS_CHILD(!memcmp(now, then, sizeof(*now)));
		read_all(self, self->fd, DOCSTORE_READ_TOGETHER, buffer, then);
		DS_CHILD(!memcmp(now, then, sizeof(*now)));
		DS_CHILD_EQ(0, ds_store_info(self->fd, &info));
		DS_CHILD_EQ(now->accounts + 1, info.documents);
	});
	/* Nobody waits any more, and no snapshot is left. */
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &coordinator));
	EXPECT_EQ(0, coordinator.queued);
	EXPECT_LT(0, coordinator.commits);
	if (variant->workers)
		EXPECT_EQ(0, coordinator.lent);
	EXPECT_LE(0, ds_snapshot_list(self->fd, snapshots, ARRAY_SIZE(snapshots), &cursor));
	EXPECT_LT(0, shared->moves);
	EXPECT_LT(0, shared->refused);
	EXPECT_LT(0, shared->snapshots);
	EXPECT_LT(0, shared->together);
	TH_LOG("%llu moves, %llu closed or opened, %llu refused, %llu stale, %llu busy; %llu snapshots, %llu read again, %llu together; %u killed; %llu batches over partitions, %llu lent",
	       (unsigned long long)shared->moves, (unsigned long long)shared->closed,
	       (unsigned long long)shared->refused, (unsigned long long)shared->stale,
	       (unsigned long long)shared->busy, (unsigned long long)shared->snapshots,
	       (unsigned long long)shared->again, (unsigned long long)shared->together,
	       clients.kills, (unsigned long long)coordinator.commits,
	       (unsigned long long)coordinator.lent);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Clients that are killed at any point of what they do leave nothing behind: no
 * half-made document, no lock, no memory, no reference to the module.
 */
#include "sysfs.h"

#include "docstore_harness.h"

#define SLOTS		6		/* clients that live at one time */
#define DOCS		10		/* of each */
#define PROPS		4

/* What the clients of a slot have had acknowledged, or were about to do. */
struct slot {
	volatile __s64 acked;
	volatile __s64 started;
	unsigned int kills;
};

FIXTURE(kill) {
	struct ds_store store;
	int fd;
	int props[PROPS];
	int counter;
	struct slot *slots;
	__u64 seed;
	int refcnt;
};

static int begin(FIXTURE_DATA(kill) *self)
{
	char name[8];
	int i, ret;

	self->refcnt = references();
	ret = ds_store_begin(&self->store, "kill", 3, 64 << 20);
	if (ret)
		return ret;
	self->fd = self->store.fd;
	self->counter = ds_prop_id(self->fd, "counter");
	for (i = 0; i < PROPS; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		self->props[i] = ds_prop_id(self->fd, name);
		if (self->props[i] < 0)
			return self->props[i];
	}
	return self->counter < 0 ? self->counter : 0;
}

FIXTURE_SETUP(kill)
{
	ASSERT_EQ(0, begin(self));
	self->slots = ds_shared(SLOTS * sizeof(*self->slots));
	self->seed = ds_seed();
}

FIXTURE_TEARDOWN(kill)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* All properties of a document carry its generation. */
static __s64 generation_of(FIXTURE_DATA(kill) *self,
			   const struct docstore_version *v)
{
	__s64 generation = ds_prop_s64(v, self->props[0]);
	int i;

	if (v->nprops != PROPS)
		return ds_broken("a document has %u properties", v->nprops);
	for (i = 1; i < PROPS; i++) {
		if (ds_prop_s64(v, self->props[i]) != generation)
			return ds_broken("property %d: generation %lld, not %lld",
					 i,
					 (long long)ds_prop_s64(v, self->props[i]),
					 (long long)generation);
	}
	return generation;
}

/*
 * A client: counts, and writes whole documents, in one batch. What it is about
 * to do and what was acknowledged is noted where it outlives the client.
 */
static void write_for_ever(FIXTURE_DATA(kill) *self, unsigned int slot,
			   struct ds_random *random)
{
	struct slot *s = &self->slots[slot];
	struct docstore_op ops[1 + 3 * (PROPS + 1)], *op;
	char ids[3][16], id[16];
	int i, p, n;
	__u32 failed;

	snprintf(id, sizeof(id), "counter%u", slot);
	for (;;) {
		op = ops;
		*op++ = ds_add(id, self->counter, 1);
		n = ds_below(random, 4);
		for (i = 0; i < n; i++) {
			snprintf(ids[i], sizeof(ids[i]), "s%u.%u", slot,
				 ds_below(random, DOCS / 3) * 3 + i);
			*op++ = ds_unset(ids[i], 0);
			if (ds_below(random, 2))
				op[-1] = ds_touch(ids[i], 0);
			for (p = 0; p < PROPS; p++)
				*op++ = ds_set_s64(ids[i], self->props[p],
						   s->started + 1);
			if (!ds_below(random, 5))
				op[-1] = ds_delete(ids[i]);
		}
		s->started++;
		DS_CHILD_EQ(0, ds_submit(self->fd, 0, ops, op - ops, &failed));
		DS_CHILD_EQ(0, ops[0].result);
		s->acked++;
	}
}

static void read_for_ever(FIXTURE_DATA(kill) *self, struct ds_random *random)
{
	struct docstore_version *v = ds_map(DS_ROOM, MAP_PRIVATE);
	struct docstore_read_item items[8];
	struct docstore_read_many m;
	char ids[8][16];
	int i, ret;

	for (;;) {
		for (i = 0; i < 8; i++) {
			snprintf(ids[i], sizeof(ids[i]), "s%u.%u",
				 ds_below(random, SLOTS), ds_below(random, DOCS));
			items[i].id = ds_ptr(ids[i]);
			items[i].id_len = strlen(ids[i]);
		}
		ret = ds_fetch(self->fd, ids[0], v);
		DS_CHILD(!ret || ret == -ENOENT);
		if (!ret)
			DS_CHILD(generation_of(self, v) >= 0);
		DS_CHILD_EQ(0, ds_read_many(self->fd, items, 8, v, DS_ROOM, &m));
	}
}

static void scan_for_ever(FIXTURE_DATA(kill) *self, struct ds_random *random)
{
	struct docstore_version *v = ds_map(DS_ROOM, MAP_PRIVATE);
	struct ds_scan s;

	for (;;) {
		ds_scan_begin(&s, ds_below(random, 2) ? DOCSTORE_SCAN_IDS : 0,
			      NULL, 0);
		do {
			DS_CHILD(ds_scan_next(self->fd, &s, v,
					      500 + ds_below(random, 2000)) >= 0);
		} while (!s.end);
	}
}

/* Descriptors and stores come and go; names are made. */
static void open_for_ever(FIXTURE_DATA(kill) *self, unsigned int slot,
			  struct ds_random *random)
{
	char name[DOCSTORE_STORE_NAME_SIZE], prop[16];
	struct docstore_op op;
	int control, fd, ret;

	snprintf(name, sizeof(name), "%.50s.%u", self->store.name, slot);
	for (;;) {
		control = ds_control();
		DS_CHILD(control >= 0);
		fd = ds_open(control, self->store.name, DS_RW);
		DS_CHILD(fd >= 0);
		snprintf(prop, sizeof(prop), "x%u", ds_below(random, 50));
		DS_CHILD(ds_prop_id(fd, prop) > 0);
		close(fd);
		ret = ds_create(control, name, 0600, 2, 8 << 20);
		DS_CHILD(!ret || ret == -EEXIST);
		fd = ds_open(control, name, DS_RW);
		DS_CHILD(fd >= 0);
		DS_CHILD_EQ(1, ds_prop_id(fd, "n"));
		op = ds_set_s64("doc", 1, 1);
		DS_CHILD_EQ(0, ds_one(fd, &op));
		DS_CHILD_EQ(0, ds_remove(control, name));
		close(fd);
		close(control);
	}
}

static pid_t client(FIXTURE_DATA(kill) *self, unsigned int slot, __u64 seed)
{
	struct ds_random random = { .state = seed };
	pid_t pid = ds_fork();

	if (pid)
		return pid;
	switch (slot) {
	case SLOTS - 3:
		read_for_ever(self, &random);
		break;
	case SLOTS - 2:
		scan_for_ever(self, &random);
		break;
	case SLOTS - 1:
		open_for_ever(self, slot, &random);
		break;
	default:
		write_for_ever(self, slot, &random);
	}
	_exit(1);
}

static int count_all(FIXTURE_DATA(kill) *self, bool *whole)
{
	struct docstore_version *buffer = ds_map(DS_ROOM, MAP_PRIVATE), *v;
	int count = 0, n;
	struct ds_scan s;

	*whole = true;
	ds_scan_begin(&s, 0, NULL, 0);
	do {
		n = ds_scan_next(self->fd, &s, buffer, DS_ROOM);
		if (n < 0)
			return n;
		count += n;
		for (v = buffer; n; n--) {
			if (ds_doc_check(v, DS_ROOM))
				return -ENOTRECOVERABLE;
			if (*ds_doc_id(v) == 's' && generation_of(self, v) < 0)
				*whole = false;
			v = (void *)ds_doc_next(v, (char *)buffer + s.scan.used);
		}
	} while (!s.end);
	return count;
}

TEST_F_TIMEOUT(kill, at_any_point, 24 * 3600)
{
	struct ds_random random = { .state = self->seed };
	unsigned int rounds = ds_env("DOCSTORE_KILLS", ds_scale(400));
	struct docstore_store_info info;
	struct docstore_version *v = ds_map(DS_ROOM, MAP_PRIVATE);
	char name[DOCSTORE_STORE_NAME_SIZE], id[16];
	unsigned int i, slot, d;
	pid_t pids[SLOTS];
	__s64 value;
	bool whole;
	int ret;

	for (i = 0; i < SLOTS; i++) {
		pids[i] = client(self, i, ds_random(&random));
		ASSERT_LE(0, pids[i]);
	}
	for (i = 0; i < rounds; i++) {
		usleep(ds_below(&random, ds_below(&random, 4) ? 3000 : 30000));
		slot = ds_below(&random, SLOTS);
		ASSERT_EQ(0, kill(pids[slot], SIGKILL));
		ASSERT_EQ(128 + SIGKILL, ds_wait(pids[slot]));
		self->slots[slot].kills++;
		pids[slot] = client(self, slot, ds_random(&random));
		ASSERT_LE(0, pids[slot]);
	}
	for (i = 0; i < SLOTS; i++) {
		ASSERT_EQ(0, kill(pids[i], SIGKILL));
		ASSERT_EQ(128 + SIGKILL, ds_wait(pids[i]));
		self->slots[i].kills++;
	}

	/* What was acknowledged has happened, and at most what was begun. */
	for (slot = 0; slot < SLOTS - 3; slot++) {
		struct slot *s = &self->slots[slot];

		snprintf(id, sizeof(id), "counter%u", slot);
		value = ds_fetch_s64(self->fd, id, self->counter);
		EXPECT_LE(s->acked, value);
		EXPECT_GE(s->acked + s->kills, value);
		EXPECT_GE(s->started, value);
		TH_LOG("client %u: %lld acknowledged, %lld done, killed %u times",
		       slot, (long long)s->acked, (long long)value, s->kills);
		/* No document is of a generation that nobody has begun. */
		for (d = 0; d < DOCS; d++) {
			snprintf(id, sizeof(id), "s%u.%u", slot, d);
			ret = ds_fetch(self->fd, id, v);
			ASSERT_TRUE(!ret || ret == -ENOENT);
			if (!ret) {
				value = generation_of(self, v);
				EXPECT_LE(0, value);
				EXPECT_GE(s->started, value);
			}
		}
	}
	ret = count_all(self, &whole);
	EXPECT_LE(0, ret);
	EXPECT_TRUE(whole);
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(ret, info.documents);
	EXPECT_GE(50 + 1 + PROPS, info.names);

	/* The store works as before, and takes all of its memory back. */
	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "after%u", i);
		EXPECT_EQ(0, ds_do(self->fd, ds_set_s64(id, self->counter, i)));
		EXPECT_EQ(i, ds_fetch_s64(self->fd, id, self->counter));
	}
	/* The one whose maker was killed may be left. */
	snprintf(name, sizeof(name), "%.50s.%u", self->store.name, SLOTS - 1);
	ret = ds_remove(self->store.control, name);
	EXPECT_TRUE(!ret || ret == -ENOENT);
}

/* No reference to the module is left when the clients and the store are gone. */
TEST_F_TIMEOUT(kill, nothing_stays, DS_TIMEOUT)
{
	struct ds_random random = { .state = self->seed };
	char name[DOCSTORE_STORE_NAME_SIZE];
	unsigned int i, slot;
	int control;
	pid_t pids[SLOTS];

	if (self->refcnt < 0)
		SKIP(return, "docstore is not a module here");
	if (self->refcnt)
		SKIP(return, "docstore is in use by others");
	for (i = 0; i < ds_scale(20); i++) {
		for (slot = 0; slot < SLOTS; slot++) {
			pids[slot] = client(self, slot, ds_random(&random));
			ASSERT_LE(0, pids[slot]);
		}
		usleep(ds_below(&random, 50000));
		/* All at once: there is nobody left to clean up. */
		for (slot = 0; slot < SLOTS; slot++)
			kill(pids[slot], SIGKILL);
		for (slot = 0; slot < SLOTS; slot++)
			ASSERT_EQ(128 + SIGKILL, ds_wait(pids[slot]));
	}
	snprintf(name, sizeof(name), "%.50s.%u", self->store.name, SLOTS - 1);
	ds_remove(self->store.control, name);
	EXPECT_EQ(0, ds_store_end(&self->store));
	EXPECT_EQ(0, references_become(0, 10));
	/* The fixture wants to remove something. */
	control = ds_control();
	ASSERT_LE(0, control);
	ASSERT_EQ(0, ds_create(control, self->store.name, 0600, 1, 0));
	self->store.control = control;
	self->store.fd = -1;
}

TEST_HARNESS_MAIN

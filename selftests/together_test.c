// SPDX-License-Identifier: GPL-2.0
/*
 * Many documents as they were at one moment: by DOCSTORE_READ_TOGETHER, by an atomic
 * batch of gets, and out of the mapping, beside writers that change them together.
 */
#include "snapshot.h"
#include "map_reader.h"
#include "sysfs.h"

#include "docstore_harness.h"

#define PARTS		7
#define MANY		50
#define ATOMIC		DOCSTORE_SUBMIT_ATOMIC
#define SMALL		(32 << 20)	/* a store that a 32-bit program can map */
#define ROOM		(4 * DS_ROOM)

FIXTURE(together) {
	struct ds_store store;
	int fd;
	int a, b;
	__u8 *buffer;			/* ROOM bytes */
	struct docstore_read_item items[MANY];
	char ids[MANY][8];
};

static void item_set(struct docstore_read_item *item, const char *id)
{
	item->id = ds_ptr(id);
	item->id_len = strlen(id);
}

/* Documents 0 to MANY - 1, but for those whose number ends in 7. */
FIXTURE_SETUP(together)
{
	unsigned int i;

	ASSERT_EQ(0, ds_store_begin(&self->store, "together", PARTS, SMALL));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->b = ds_prop_id(self->fd, "b");
	ASSERT_LT(0, self->b);
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "m", 0, MANY));
	self->buffer = ds_map(ROOM, MAP_PRIVATE);
	for (i = 0; i < MANY; i++) {
		snprintf(self->ids[i], sizeof(self->ids[i]), "m%u", i);
		item_set(&self->items[i], self->ids[i]);
		if (i % 10 == 7)
			ASSERT_EQ(0, ds_do(self->fd, ds_delete(self->ids[i])));
	}
}

FIXTURE_TEARDOWN(together)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* Whether @n items from number @first on were returned as they are. */
static bool all_right(FIXTURE_DATA(together) *self, const struct docstore_read_item *items,
		      unsigned int first, unsigned int n, __u32 used)
{
	unsigned int i;
	__u32 end = 0;

	for (i = 0; i < n; i++) {
		const struct docstore_version *v = (void *)(self->buffer + items[i].offset);

		if ((first + i) % 10 == 7) {
			if (items[i].result != -ENOENT)
				return false;
			continue;
		}
		if (items[i].result || items[i].offset % 8 || items[i].offset < end ||
		    items[i].offset > used || items[i].length > used - items[i].offset ||
		    ds_doc_check(v, items[i].length) || v->size != items[i].length ||
		    ds_prop_s64(v, self->a) != first + i)
			return false;
		end = items[i].offset + items[i].length;
	}
	return end <= used;
}

TEST_F(together, all_fit)
{
	struct docstore_store_info before, after;
	struct docstore_read_many m;
	unsigned int n;

	ASSERT_EQ(0, ds_store_info(self->fd, &before));
	for (n = 1; n <= MANY; n++) {
		ASSERT_EQ(0, ds_read_together(self->fd, self->items, n, self->buffer, ROOM, &m));
		EXPECT_EQ(n, m.done);
		EXPECT_EQ(0, m.needed);
		ASSERT_TRUE(all_right(self, self->items, 0, n, m.used)) TH_LOG("%u items", n);
	}
	ASSERT_EQ(0, ds_store_info(self->fd, &after));
	EXPECT_EQ(before.reads + MANY * (MANY + 1) / 2, after.reads);
	EXPECT_EQ(before.changes, after.changes);
}

/* All or none: what all of them need is told, and is enough. */
TEST_F(together, does_not_fit)
{
	struct docstore_read_many m;
	__u32 needed, room, first, n;
	__u8 *edge;

	for (first = 0; first < MANY; first += 9) {
		n = MANY - first < 23 ? MANY - first : 23;
		ASSERT_EQ(-ENOBUFS, ds_read_together(self->fd, self->items + first, n, NULL, 0, &m));
		needed = m.needed;
		ASSERT_LT(sizeof(struct docstore_version) * n / 2, needed);
		/* It may be rounded up to where the next document would begin. */
		for (room = 0; room + 8 <= needed; room += room < 200 ? 1 : 7) {
			memset(self->buffer, DS_POISON, needed + 8);
			ASSERT_EQ(-ENOBUFS, ds_read_together(self->fd, self->items + first, n,
							     self->buffer, room, &m));
			ASSERT_EQ(0, m.done);
			ASSERT_EQ(0, m.used);
			ASSERT_EQ(needed, m.needed);
			ASSERT_EQ(DS_POISON, self->buffer[room]);
		}
		memset(self->buffer, DS_POISON, needed + 8);
		ASSERT_EQ(0, ds_read_together(self->fd, self->items + first, n, self->buffer,
					      needed, &m));
		ASSERT_TRUE(all_right(self, self->items + first, first, n, m.used));
		ASSERT_EQ(DS_POISON, self->buffer[needed]);
		/* Where there is not a byte more. */
		edge = ds_edge((needed + 7) & ~7U);
		ASSERT_EQ(0, ds_read_together(self->fd, self->items + first, n, edge, needed, &m));
		/* Room that is not there. */
		ASSERT_EQ(-EFAULT, ds_read_together(self->fd, self->items + first, n, edge + 8,
						    needed, &m));
	}
}

TEST_F(together, missing_ones_take_no_room)
{
	struct docstore_read_many m;
	unsigned int i;

	for (i = 0; i < 10; i++)
		item_set(&self->items[i], "none");
	ASSERT_EQ(0, ds_read_together(self->fd, self->items, 10, NULL, 0, &m));
	EXPECT_EQ(10, m.done);
	EXPECT_EQ(0, m.used);
	EXPECT_EQ(0, m.needed);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(-ENOENT, self->items[i].result);
	/* With one that does, none is returned. */
	EXPECT_EQ(-ENOBUFS, ds_read_together(self->fd, self->items, 11, NULL, 0, &m));
	EXPECT_EQ(0, m.done);
	EXPECT_LT(0, m.needed);
}

TEST_F(together, bad_ids)
{
	struct docstore_read_many m;
	char id[300];

	memset(id, 'x', sizeof(id));
	self->items[1].id_len = 0;
	self->items[2].id = ds_ptr(id);
	self->items[2].id_len = 255;
	self->items[3].id = ds_ptr(id);
	self->items[3].id_len = 256;
	self->items[4].id_len = ~0U;
	ASSERT_EQ(0, ds_read_together(self->fd, self->items, 6, self->buffer, ROOM, &m));
	EXPECT_EQ(6, m.done);
	EXPECT_EQ(0, self->items[0].result);
	EXPECT_EQ(-EINVAL, self->items[1].result);
	EXPECT_EQ(-ENOENT, self->items[2].result);
	EXPECT_EQ(-ENAMETOOLONG, self->items[3].result);
	EXPECT_EQ(-ENAMETOOLONG, self->items[4].result);
	EXPECT_EQ(0, self->items[5].result);
	self->items[2].id = 16;
	EXPECT_EQ(-EFAULT, ds_read_together(self->fd, self->items, 6, self->buffer, ROOM, &m));
}

TEST_F(together, rights)
{
	int fd = ds_open(self->store.control, self->store.name, DS_WRITE);
	struct docstore_read_many m;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, ds_read_together(fd, self->items, 2, self->buffer, ROOM, &m));
	close(fd);
	fd = ds_open(self->store.control, self->store.name, DS_READ);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, ds_read_together(fd, self->items, 2, self->buffer, ROOM, &m));
	close(fd);
}

TEST_F_TIMEOUT(together, counts, DS_TIMEOUT)
{
	struct docstore_read_item *items;
	struct docstore_read_many m;
	unsigned int i, n = DOCSTORE_MAX_OPS;

	items = ds_map((n + 1) * sizeof(*items), MAP_PRIVATE);
	for (i = 0; i <= n; i++)
		items[i] = self->items[i % 7];
	EXPECT_EQ(-EINVAL, ds_read_together(self->fd, items, 0, self->buffer, ROOM, &m));
	EXPECT_EQ(-E2BIG, ds_read_together(self->fd, items, n + 1, self->buffer, ROOM, &m));
	ASSERT_EQ(-ENOBUFS, ds_read_together(self->fd, items, n, self->buffer, 1000, &m));
	ASSERT_GT(ROOM, m.needed);
	ASSERT_EQ(0, ds_read_together(self->fd, items, n, self->buffer, m.needed, &m));
	for (i = 0; i < n; i++) {
		const struct docstore_version *v = (void *)(self->buffer + items[i].offset);

		ASSERT_EQ(0, items[i].result);
		ASSERT_EQ(0, ds_doc_check(v, items[i].length));
		ASSERT_EQ(i % 7, ds_prop_s64(v, self->a));
	}
}

TEST_F(together, large_ones)
{
	__u8 *value = ds_map(1 << 20, MAP_PRIVATE);
	struct docstore_read_many m;
	unsigned int i;

	memset(value, 'v', 1 << 20);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes(self->ids[i], self->a, value, 700000)));
	ASSERT_EQ(-ENOBUFS, ds_read_together(self->fd, self->items, 5, self->buffer, 3000000, &m));
	ASSERT_LT(5 * 700000, m.needed);
	ASSERT_EQ(0, ds_read_together(self->fd, self->items, 5, self->buffer, m.needed, &m));
	for (i = 0; i < 5; i++) {
		struct docstore_version *v = (void *)(self->buffer + self->items[i].offset);
		struct ds_prop p;

		ASSERT_EQ(0, ds_doc_check(v, self->items[i].length));
		ASSERT_EQ(0, ds_prop(v, self->a, &p));
		ASSERT_EQ(700000, p.len);
		EXPECT_EQ(0, memcmp(value, p.value, p.len));
	}
}

/* Beside writers --------------------------------------------------------------------- */

#define DOCS		12
#define WRITERS		2

enum how { TOGETHER, GETS, MAPPED, SNAPSHOT, HOWS };

static const char *const how_names[HOWS] = { "together", "gets", "mapped", "snapshot" };

FIXTURE(beside) {
	struct ds_store store;
	int fd;
	int a, b;
	unsigned int saved;
	char ids[DOCS][32];
	struct map m;
	struct docstore_version *docs;	/* DOCS of 256 bytes */
	volatile bool *stop;
	volatile __s64 *round;
	pid_t pids[WRITERS];
	__u64 retries;			/* of mapped readers, and how often they came to an end */
	unsigned int mapped;
};

FIXTURE_VARIANT(beside) {
	unsigned int lend_documents;
};

FIXTURE_VARIANT_ADD(beside, lent) { .lend_documents = 128 };
FIXTURE_VARIANT_ADD(beside, not_lent) { .lend_documents = 0 };

FIXTURE_SETUP(beside)
{
	struct ds_where where;
	unsigned int i;

	ASSERT_EQ(0, parameter_get("lend_documents", &self->saved));
	ASSERT_EQ(0, parameter_set("lend_documents", variant->lend_documents));
	ASSERT_EQ(0, ds_store_begin(&self->store, "beside", PARTS, SMALL));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->b = ds_prop_id(self->fd, "b");
	ASSERT_EQ(0, ds_where_begin(&where, self->fd));
	for (i = 0; i < DOCS; i++)
		ds_where_id(&where, self->ids[i], "d", i % PARTS, i);
	ASSERT_EQ(0, map_open(&self->m, self->fd));
	self->docs = ds_map(DOCS * 256, MAP_PRIVATE);
	self->stop = ds_shared(4096);
	self->round = ds_shared(4096);
}

FIXTURE_TEARDOWN(beside)
{
	unsigned int i;

	*self->stop = true;
	for (i = 0; i < WRITERS; i++)
		if (self->pids[i] > 0)
			EXPECT_EQ(0, ds_wait(self->pids[i]));
	EXPECT_EQ(0, map_close(&self->m));
	EXPECT_EQ(0, parameter_set("lend_documents", self->saved));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

static struct docstore_version *doc(FIXTURE_DATA(beside) *self, unsigned int i)
{
	return (void *)((char *)self->docs + 256 * i);
}

/* All documents in one way: bits of those that are there, or -errno. */
static int look(FIXTURE_DATA(beside) *self, enum how how)
{
	struct docstore_read_item items[DOCS];
	struct map_doc docs[DOCS];
	struct docstore_op ops[DOCS];
	struct docstore_read_many m;
	int ret, fd, there = 0;
	unsigned int i;
	__u32 failed = 0;
	__u8 buffer[4096] __attribute__((aligned(8)));

	switch (how) {
	case TOGETHER:
	case SNAPSHOT:
		for (i = 0; i < DOCS; i++)
			item_set(&items[i], self->ids[i]);
		fd = how == SNAPSHOT ? ds_snapshot(self->fd, 0, NULL) : self->fd;
		if (fd < 0)
			return fd;
		/* On a snapshot all reads are together. */
		ret = ds_read_many_flags(fd, how == TOGETHER ? DOCSTORE_READ_TOGETHER : 0, items,
					 DOCS, buffer, sizeof(buffer), &m);
		if (fd != self->fd)
			close(fd);
		if (ret)
			return ret;
		if (m.done != DOCS)
			return ds_broken("%u of %u done", m.done, DOCS);
		for (i = 0; i < DOCS; i++) {
			if (items[i].result == -ENOENT)
				continue;
			if (items[i].result || items[i].length > 256)
				return ds_broken("%d, %u bytes", items[i].result, items[i].length);
			memcpy(doc(self, i), buffer + items[i].offset, items[i].length);
			there |= 1 << i;
		}
		break;
	case GETS:
		/* None of them may be missing: it would refuse the rest. */
		for (i = 0; i < DOCS; i++)
			ops[i] = ds_get(self->ids[i], 0, doc(self, i), 256);
		ret = ds_submit(self->fd, ATOMIC, ops, DOCS, &failed);
		if (ret || failed)
			return ret ?: ds_broken("%u gets failed", failed);
		there = (1 << DOCS) - 1;
		break;
	default:
		for (i = 0; i < DOCS; i++)
			docs[i] = (struct map_doc) { self->ids[i], doc(self, i), 256, 0 };
		ret = map_read_together(&self->m, docs, DOCS, 1000, &self->retries);
		/* Where it goes on like this, the kernel does it. */
		if (ret)
			return look(self, TOGETHER);
		self->mapped++;
		for (i = 0; i < DOCS; i++)
			if (!docs[i].result)
				there |= 1 << i;
	}
	for (i = 0; i < DOCS; i++) {
		if (!(there >> i & 1))
			continue;
		if (ds_doc_check(doc(self, i), 256) || !ds_doc_is(doc(self, i), self->ids[i]))
			return ds_broken("no document %s", self->ids[i]);
	}
	return there;
}

static __s64 value(FIXTURE_DATA(beside) *self, unsigned int i)
{
	return ds_prop_s64(doc(self, i), self->a);
}

/* Until the time is over, and enough was seen. */
static bool go_on(__u64 begin, unsigned int ms, unsigned int looks, unsigned int enough)
{
	__u64 now = ds_now();

	return now < begin + ds_scale(ms) * (DS_SECOND / 1000) ||
	       (looks < enough && now < begin + 60 * DS_SECOND);
}

/*
 * One writer gives all documents the same number, in a batch: never are two numbers
 * seen, nor one that is older than what was seen before, or had been written.
 */
TEST_F_TIMEOUT(beside, one_number, DS_TIMEOUT)
{
	unsigned int i, looks[HOWS] = { 0 }, how, new = 0;
	struct docstore_op ops[DOCS];
	__s64 last = 0, written;
	__u32 failed = 0;
	__u64 begin;

	self->pids[0] = ds_fork();
	ASSERT_LE(0, self->pids[0]);
	while (!self->pids[0]) {
		if (*self->stop)
			_exit(0);
		for (i = 0; i < DOCS; i++)
			ops[i] = ds_set_s64(self->ids[i], self->a, *self->round + 1);
		DS_CHILD_EQ(0, ds_submit(self->fd, ATOMIC, ops, DOCS, &failed));
		DS_CHILD_EQ(0, failed);
		++*self->round;
	}
	while (!*self->round)
		usleep(100);
	begin = ds_now();
	for (how = 0; go_on(begin, 1000, new, 20); how = (how + 1) % HOWS) {
		written = *self->round;
		ASSERT_EQ((1 << DOCS) - 1, look(self, how)) TH_LOG("%s", how_names[how]);
		for (i = 1; i < DOCS; i++)
			ASSERT_EQ(value(self, 0), value(self, i))
				TH_LOG("%s: document %u", how_names[how], i);
		ASSERT_LE(written, value(self, 0)) TH_LOG("%s", how_names[how]);
		ASSERT_LE(last, value(self, 0)) TH_LOG("%s", how_names[how]);
		new += last != value(self, 0);
		last = value(self, 0);
		looks[how]++;
	}
	EXPECT_LE(20, new);
	EXPECT_LT(0, self->mapped);
	TH_LOG("looked %u, %u, %u and %u times at %lld batches; %llu retries", looks[0],
	       looks[1], looks[2], looks[3], (long long)*self->round,
	       (unsigned long long)self->retries);
}

/* Writers move amounts from one document to others: the sum is always the same. */
TEST_F_TIMEOUT(beside, sum, DS_TIMEOUT)
{
	unsigned int i, w, how, looks = 0, changed = 0;
	struct docstore_op ops[DOCS];
	__s64 sum, last[DOCS] = { 0 };
	__u32 failed = 0;
	__u64 begin;

	for (i = 0; i < DOCS; i++)
		ops[i] = ds_set_s64(self->ids[i], self->a, 1000);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, DOCS, &failed));
	for (w = 0; w < WRITERS; w++) {
		struct ds_random random = { .state = w };

		self->pids[w] = ds_fork();
		ASSERT_LE(0, self->pids[w]);
		while (!self->pids[w]) {
			unsigned int from = ds_below(&random, DOCS);
			unsigned int n = 1 + ds_below(&random, DOCS - 1);

			if (*self->stop)
				_exit(0);
			ops[0] = ds_add(self->ids[from], self->a, -(__s64)n);
			for (i = 1; i <= n; i++)
				ops[i] = ds_add(self->ids[(from + i) % DOCS], self->a, 1);
			DS_CHILD_EQ(0, ds_submit(self->fd, ATOMIC, ops, n + 1, &failed));
			DS_CHILD_EQ(0, failed);
		}
	}
	begin = ds_now();
	for (how = 0; go_on(begin, 700, changed, 20); how = (how + 1) % HOWS) {
		ASSERT_EQ((1 << DOCS) - 1, look(self, how)) TH_LOG("%s", how_names[how]);
		for (i = 0, sum = 0; i < DOCS; i++)
			sum += value(self, i);
		ASSERT_EQ(1000 * DOCS, sum) TH_LOG("%s", how_names[how]);
		changed += last[0] != value(self, 0);
		last[0] = value(self, 0);
		looks++;
	}
	EXPECT_LE(20, changed);
	TH_LOG("looked %u times, %llu retries", looks, (unsigned long long)self->retries);
}

/* Half of the documents are there, or the other half: never more nor less. */
TEST_F_TIMEOUT(beside, come_and_go, DS_TIMEOUT)
{
	static const enum how hows[] = { TOGETHER, MAPPED, SNAPSHOT };
	const int even = 0x555 & ((1 << DOCS) - 1), odd = 0xaaa & ((1 << DOCS) - 1);
	unsigned int i, k, seen[2] = { 0 };
	struct docstore_op ops[DOCS];
	__u32 failed = 0;
	__u64 begin;
	int there;

	for (i = 0; i < DOCS; i += 2)
		ops[i / 2] = ds_set_s64(self->ids[i], self->a, 0);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, DOCS / 2, &failed));
	self->pids[0] = ds_fork();
	ASSERT_LE(0, self->pids[0]);
	while (!self->pids[0]) {
		if (*self->stop)
			_exit(0);
		++*self->round;
		for (i = 0; i < DOCS; i++)
			ops[i] = (i ^ *self->round) & 1 ? ds_delete(self->ids[i]) :
				 ds_set_s64(self->ids[i], self->a, *self->round);
		DS_CHILD_EQ(0, ds_submit(self->fd, ATOMIC, ops, DOCS, &failed));
		DS_CHILD_EQ(0, failed);
	}
	begin = ds_now();
	for (k = 0; go_on(begin, 1000, seen[0] < seen[1] ? seen[0] : seen[1], 10); k++) {
		enum how how = hows[k % ARRAY_SIZE(hows)];

		there = look(self, how);
		ASSERT_TRUE(there == even || there == odd) {
			TH_LOG("%s: %#x", how_names[how], there);
		}
		for (i = 2 + (there == odd); i < DOCS; i += 2)
			ASSERT_EQ(value(self, there == odd), value(self, i))
				TH_LOG("%s", how_names[how]);
		seen[there == odd]++;
	}
	EXPECT_LE(10, seen[0]);
	EXPECT_LE(10, seen[1]);
	TH_LOG("looked %u times, %u and %u; %llu retries", k, seen[0], seen[1],
	       (unsigned long long)self->retries);
}

/*
 * One writer changes one document after the other, each by itself: what comes later is
 * never seen without what was there before.
 */
TEST_F_TIMEOUT(beside, one_after_the_other, DS_TIMEOUT)
{
	unsigned int i, how, looks = 0, between = 0;
	struct docstore_op ops[DOCS];
	__u32 failed = 0;
	__u64 begin;
	__s64 written;

	for (i = 0; i < DOCS; i++)
		ops[i] = ds_set_s64(self->ids[i], self->a, 0);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, DOCS, &failed));
	self->pids[0] = ds_fork();
	ASSERT_LE(0, self->pids[0]);
	while (!self->pids[0]) {
		if (*self->stop)
			_exit(0);
		for (i = 0; i < DOCS; i++)
			DS_CHILD_EQ(0, ds_do(self->fd, ds_set_s64(self->ids[i], self->a,
								  *self->round + 1)));
		++*self->round;
	}
	begin = ds_now();
	for (how = 0; go_on(begin, 1000, between, 20); how = (how + 1) % HOWS) {
		written = *self->round;
		ASSERT_EQ((1 << DOCS) - 1, look(self, how)) TH_LOG("%s", how_names[how]);
		for (i = 1; i < DOCS; i++)
			ASSERT_LE(value(self, i), value(self, i - 1))
				TH_LOG("%s: document %u", how_names[how], i);
		ASSERT_GE(value(self, DOCS - 1) + 1, value(self, 0)) TH_LOG("%s", how_names[how]);
		ASSERT_LE(written, value(self, DOCS - 1)) TH_LOG("%s", how_names[how]);
		between += value(self, 0) != value(self, DOCS - 1);
		looks++;
	}
	EXPECT_LE(20, between);
	TH_LOG("looked %u times, %u times in the middle; %llu retries", looks, between,
	       (unsigned long long)self->retries);
}

TEST_HARNESS_MAIN

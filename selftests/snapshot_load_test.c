// SPDX-License-Identifier: GPL-2.0
/*
 * Many snapshots and many changes: each snapshot is compared with a model of what there
 * was when it was made, exactly, for as long as it is there; and the memory that all of
 * them took comes back.
 */
#include "snapshot.h"
#include "map_reader.h"
#include "sysfs.h"

#include "docstore_harness.h"

#define PARTS		5
#define DOCS		60
#define SNAPS		10
#define ATOMIC		DOCSTORE_SUBMIT_ATOMIC
#define MIB		(1024 * 1024ULL)
#define PATIENCE	30		/* seconds */

/* A document, as the model has it: its second property has so many bytes of one kind. */
struct state {
	bool there;
	__s64 value;
	__u64 version;
	__u32 len;
};

struct snap {
	int fd;				/* -1: closed; what is mapped may be there still */
	const struct docstore_map_snapshot *page;
	struct state was[DOCS];
	/* Places in the mapping where documents were found, which stay. */
	const struct docstore_version *at[DOCS];
};

FIXTURE(load) {
	struct ds_store store;
	int fd;
	int a, b;
	unsigned int saved;
	char ids[DOCS][16];
	struct map m;
	struct docstore_version *doc;	/* DS_ROOM bytes */
	__u8 *value;
	struct ds_random random;
	struct state now[DOCS];
	struct snap snaps[SNAPS];
};

FIXTURE_VARIANT(load) {
	unsigned int lend_documents;
};

FIXTURE_VARIANT_ADD(load, lent) { .lend_documents = 128 };
FIXTURE_VARIANT_ADD(load, not_lent) { .lend_documents = 0 };

#define VALUE_ROOM	70000

FIXTURE_SETUP(load)
{
	unsigned int i;

	ASSERT_EQ(0, parameter_get("lend_documents", &self->saved));
	ASSERT_EQ(0, parameter_set("lend_documents", variant->lend_documents));
	ASSERT_EQ(0, ds_store_begin(&self->store, "load", PARTS, 128 * MIB));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->b = ds_prop_id(self->fd, "b");
	ASSERT_EQ(0, map_open(&self->m, self->fd));
	self->doc = ds_map(DS_ROOM, MAP_PRIVATE);
	self->value = ds_map(VALUE_ROOM, MAP_PRIVATE);
	self->random.state = ds_seed();
	for (i = 0; i < DOCS; i++)
		snprintf(self->ids[i], sizeof(self->ids[i]), "d%u", i);
	for (i = 0; i < SNAPS; i++)
		self->snaps[i].fd = -1;
}

FIXTURE_TEARDOWN(load)
{
	EXPECT_EQ(0, map_close(&self->m));
	EXPECT_EQ(0, parameter_set("lend_documents", self->saved));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

static int snapshots(int fd)
{
	struct docstore_snapshot_info infos[64];
	__u64 cursor = 0;

	return ds_snapshot_list(fd, infos, ARRAY_SIZE(infos), &cursor);
}

static int snapshots_become(int fd, int expected)
{
	__u64 end = ds_now() + PATIENCE * DS_SECOND;
	int n;

	while ((n = snapshots(fd)) != expected && ds_now() < end)
		usleep(1000);
	return n;
}

/* A document is what the model says; 0, or a word. */
static int is(FIXTURE_DATA(load) *self, unsigned int i, const struct state *s,
	      const struct docstore_version *v)
{
	struct ds_prop p;
	__u32 at;

	if (!s->there)
		return ds_broken("%s should not be there", self->ids[i]);
	if (!ds_doc_is(v, self->ids[i]) || v->version != s->version || v->nprops != 2 ||
	    ds_prop_s64(v, self->a) != s->value || ds_prop(v, self->b, &p) || p.len != s->len)
		return ds_broken("%s is version %llu with %lld, not %llu with %lld", self->ids[i],
				 (unsigned long long)v->version,
				 (long long)ds_prop_s64(v, self->a),
				 (unsigned long long)s->version, (long long)s->value);
	for (at = 0; at < p.len; at++)
		if (p.value[at] != (__u8)s->value)
			return ds_broken("%s: byte %u of %u", self->ids[i], at, p.len);
	return 0;
}

/* One document of a snapshot, or of the store itself, in a way that chance decides. */
static int compare(FIXTURE_DATA(load) *self, struct snap *s, unsigned int i)
{
	struct docstore_read_item item = { .id = ds_ptr(self->ids[i]),
					   .id_len = strlen(self->ids[i]) };
	const struct state *was = s ? &s->was[i] : &self->now[i];
	const struct docstore_version *v = self->doc;
	int fd = s ? s->fd : self->fd, ret;
	struct docstore_read_many m;

	switch (fd < 0 ? 2 : ds_below(&self->random, s && s->page ? 3 : 2)) {
	case 0:
		ret = ds_fetch(fd, self->ids[i], self->doc);
		break;
	case 1:
		ret = ds_read_many_flags(fd, ds_below(&self->random, 2), &item, 1, self->doc,
					 DS_ROOM, &m) ?: item.result;
		break;
	default:
		ret = map_read_pinned(&self->m, s->page, self->ids[i], self->doc, &s->at[i], 1000);
		if (!ret && ds_doc_check(self->doc, DS_ROOM))
			return -ENOTRECOVERABLE;
	}
	if (ret == -ENOENT && !was->there)
		return 0;
	return ret ? ds_broken("%s: %d", self->ids[i], ret) : is(self, i, was, v);
}

/* All documents of a scan: each that should be there, once, and no other. */
static int compare_scan(FIXTURE_DATA(load) *self, struct snap *s)
{
	struct docstore_version *v;
	bool seen[DOCS] = { false };
	struct ds_scan scan;
	unsigned int i;
	char id[16];
	int n;

	ds_scan_begin(&scan, 0, NULL, 0);
	do {
		n = ds_scan_next(s->fd, &scan, self->doc,
				 scan.scan.needed ?: 1000 + ds_below(&self->random, 100000));
		if (n < 0)
			return n;
		for (v = n ? self->doc : NULL; v;
		     v = (void *)ds_doc_next(v, (char *)self->doc + scan.scan.used)) {
			if (ds_doc_check(v, DS_ROOM) || v->id_len >= sizeof(id))
				return -ENOTRECOVERABLE;
			memcpy(id, ds_doc_id(v), v->id_len);
			id[v->id_len] = 0;
			i = atoi(id + 1);
			if (i >= DOCS || seen[i] || is(self, i, &s->was[i], v))
				return ds_broken("scan: %s", id);
			seen[i] = true;
		}
	} while (!scan.end);
	for (i = 0; i < DOCS; i++)
		if (seen[i] != s->was[i].there)
			return ds_broken("scan: %s is %d, not %d", self->ids[i], seen[i],
					 s->was[i].there);
	return 0;
}

/* What was found in the mapping is where it was, as it was. */
static int compare_places(FIXTURE_DATA(load) *self, struct snap *s)
{
	unsigned int i;

	for (i = 0; s->page && i < DOCS; i++)
		if (s->at[i] && is(self, i, &s->was[i], s->at[i]))
			return -ENOTRECOVERABLE;
	return 0;
}

/* One batch over some documents, that goes through or not at all. */
static int change(FIXTURE_DATA(load) *self)
{
	static const __u32 lens[] = { 0, 3, 40, 200, 1500, 9000, VALUE_ROOM };
	unsigned int n = 1 + ds_below(&self->random, ds_below(&self->random, 4) ? 3 : 12);
	unsigned int first = ds_below(&self->random, DOCS), i, k, count = 0;
	struct docstore_op ops[24];
	bool refused = !ds_below(&self->random, 8);
	__u8 *values = self->value;
	__u32 failed = 0;
	int ret;

	for (k = 0; k < n; k++) {
		struct state *s = &self->now[i = (first + k * 7) % DOCS];
		__u32 len = lens[ds_below(&self->random, ds_below(&self->random, 9) ? 4 : 7)];

		if (s->there && !ds_below(&self->random, 4)) {
			ops[count++] = ds_delete(self->ids[i]);
			continue;
		}
		/* All values of a batch are of one kind of bytes. */
		ops[count++] = ds_set_s64(self->ids[i], self->a, self->random.state & 0xffff);
		ops[count++] = ds_set_bytes(self->ids[i], self->b, values, len);
	}
	memset(values, (__u8)(ops[0].code == DOCSTORE_OP_SET ? ops[0].value : 0), VALUE_ROOM);
	for (k = 0; k < count; k++)
		if (ops[k].code == DOCSTORE_OP_SET && ops[k].type == DOCSTORE_TYPE_S64)
			ops[k].value = (ops[k].value & ~0xffULL) | values[0];
	if (refused)
		ops[count - 1] = ds_delete("none");
	ret = ds_submit(self->fd, ATOMIC, ops, count, &failed);
	if (ret)
		return ret;
	if (refused)
		return failed == count ? 0 : ds_broken("%u of %u refused", failed, count);
	if (failed)
		return ds_broken("%u of %u failed", failed, count);
	for (k = 0, i = 0; k < count; k++, i++) {
		struct state *s = &self->now[(first + i * 7) % DOCS];

		s->there = ops[k].code == DOCSTORE_OP_SET;
		s->version = ops[k].version;
		if (s->there) {
			s->value = ops[k].value;
			s->len = ops[++k].value_len;
		}
	}
	return 0;
}

static int snap_begin(FIXTURE_DATA(load) *self, struct snap *s)
{
	s->fd = ds_snapshot(self->fd, 0, NULL);
	if (s->fd < 0)
		return s->fd;
	memcpy(s->was, self->now, sizeof(s->was));
	memset(s->at, 0, sizeof(s->at));
	s->page = NULL;
	if (ds_below(&self->random, 3)) {
		s->page = ds_snapshot_map(s->fd);
		if (!s->page)
			return -errno;
	}
	return 0;
}

/* The descriptor, then the mapping, or the other way round, and not always both. */
static void snap_end(FIXTURE_DATA(load) *self, struct snap *s, bool all)
{
	if (s->fd >= 0 && (all || !s->page || ds_below(&self->random, 2))) {
		close(s->fd);
		s->fd = -1;
		if (!all && ds_below(&self->random, 2))
			return;
	}
	if (s->page && (all || ds_below(&self->random, 2))) {
		ds_snapshot_unmap(s->page);
		s->page = NULL;
	}
}

static bool snap_there(const struct snap *s)
{
	return s->fd >= 0 || s->page;
}

/* Any number of snapshots, made, read and closed in any order, while all changes. */
TEST_F_TIMEOUT(load, model, DS_TIMEOUT)
{
	unsigned int step, steps = ds_scale(2500), i, made = 0, changes = 0, reads = 0;
	struct docstore_store_info info;
	struct snap *s;

	for (step = 0; step < steps; step++) {
		s = &self->snaps[ds_below(&self->random, SNAPS)];
		switch (ds_below(&self->random, 16)) {
		case 0:
			if (!snap_there(s)) {
				ASSERT_EQ(0, snap_begin(self, s));
				made++;
			}
			break;
		case 1:
			if (snap_there(s) && ds_below(&self->random, 2))
				snap_end(self, s, false);
			break;
		case 2:
			if (s->fd >= 0)
				ASSERT_EQ(0, compare_scan(self, s));
			break;
		case 3:
			ASSERT_EQ(0, compare_places(self, s));
			break;
		case 4:
		case 5:
		case 6:
		case 7:
		case 8:
			if (!snap_there(s))
				s = NULL;
			for (i = 0; i < 10; i++)
				ASSERT_EQ(0, compare(self, s, ds_below(&self->random, DOCS)))
					TH_LOG("step %u", step);
			reads += 10;
			break;
		default:
			ASSERT_EQ(0, change(self));
			changes++;
		}
	}
	for (i = 0; i < SNAPS; i++) {
		s = &self->snaps[i];
		if (!snap_there(s))
			continue;
		ASSERT_EQ(0, compare_places(self, s));
		for (step = 0; step < DOCS; step++)
			ASSERT_EQ(0, compare(self, s, step));
		if (s->fd >= 0)
			ASSERT_EQ(0, compare_scan(self, s));
		snap_end(self, s, true);
	}
	for (i = 0; i < DOCS; i++)
		ASSERT_EQ(0, compare(self, NULL, i));
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(0, info.bytes_snapshots);
	TH_LOG("%u snapshots, %u batches, %u documents read", made, changes, reads);
}

/* Memory -------------------------------------------------------------------------------- */

/* Until the store takes as much as before, and 5 percent; what it takes then. */
static __u64 used_becomes(int fd, __u64 expected)
{
	__u64 end = ds_now() + PATIENCE * DS_SECOND;
	struct docstore_store_info info;

	do {
		if (ds_store_info(fd, &info))
			return 0;
		if (!info.bytes_snapshots && info.bytes_used <= expected + expected / 20)
			break;
		usleep(10000);
	} while (ds_now() < end);
	return info.bytes_used;
}

TEST_F_TIMEOUT(load, memory_comes_back, DS_TIMEOUT)
{
	unsigned int docs = 2000, round, i, k;
	struct docstore_store_info before, info;
	struct docstore_snapshot_info infos[4];
	int snaps[4];
	__u64 sum;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "m", 0, docs));
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "m", 0, docs));
	ASSERT_EQ(0, ds_store_info(self->fd, &before));
	for (round = 0; round < ds_scale(4); round++) {
		for (i = 0; i < 4; i++) {
			snaps[i] = ds_snapshot(self->fd, 0, NULL);
			ASSERT_LE(0, snaps[i]);
			for (k = 0; k < 2; k++)
				ASSERT_EQ(0, ds_fill(self->fd, self->a, "m", 0, docs));
		}
		ASSERT_EQ(0, ds_store_info(self->fd, &info));
		for (i = 0, sum = 0; i < 4; i++) {
			ASSERT_EQ(0, ds_snapshot_info(snaps[i], &infos[i]));
			EXPECT_EQ(docs, infos[i].versions);
			sum += infos[i].bytes;
		}
		EXPECT_EQ(sum, info.bytes_snapshots);
		EXPECT_LE(4 * docs * sizeof(struct docstore_version), info.bytes_snapshots);
		EXPECT_LE(before.bytes_used + info.bytes_snapshots / 20 * 19, info.bytes_used);
		EXPECT_EQ(before.bytes_documents, info.bytes_documents);
		/* In another order each time. */
		for (i = 0; i < 4; i++)
			close(snaps[(i * 3 + round) % 4]);
		ASSERT_GE(before.bytes_used + before.bytes_used / 20,
			  used_becomes(self->fd, before.bytes_used));
		EXPECT_EQ(0, snapshots_become(self->fd, 0));
	}
	/* The deleted ones go as well, that were kept for somebody. */
	snaps[0] = ds_snapshot(self->fd, 0, NULL);
	for (i = 0; i < docs; i++) {
		char id[16];

		snprintf(id, sizeof(id), "m%u", i);
		ASSERT_EQ(0, ds_do(self->fd, ds_delete(id)));
	}
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(0, info.documents);
	EXPECT_LE(docs * sizeof(struct docstore_version), info.bytes_snapshots);
	close(snaps[0]);
	sum = info.bytes_index;
	EXPECT_GE(sum + before.bytes_used / 20, used_becomes(self->fd, sum));
}

/* A store that is full of what snapshots keep refuses, and recovers when they go. */
FIXTURE(full) {
	struct ds_store store;
	int fd;
	int a, b;
	__u8 *value;
	struct docstore_version *doc;
};

FIXTURE_SETUP(full)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "full", 2, 9 * MIB));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->b = ds_prop_id(self->fd, "b");
	self->value = ds_map(MIB, MAP_PRIVATE);
	self->doc = ds_map(DS_ROOM, MAP_PRIVATE);
}

FIXTURE_TEARDOWN(full)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

#define FULL_DOCS	16
#define FULL_LEN	20000
#define FULL_SNAPS	60

/* Give all documents one number and as much to carry: how many had room. */
static int write_all(FIXTURE_DATA(full) *self, unsigned int number)
{
	struct docstore_op ops[2];
	__u32 failed = 0;
	char id[16];
	int i, ret;

	memset(self->value, number, FULL_LEN);
	for (i = 0; i < FULL_DOCS; i++) {
		snprintf(id, sizeof(id), "f%d", i);
		ops[0] = ds_set_s64(id, self->a, number);
		ops[1] = ds_set_bytes(id, self->b, self->value, FULL_LEN);
		ret = ds_submit(self->fd, 0, ops, 2, &failed);
		if (ret)
			return ret;
		if (failed)
			return ops[0].result == -ENOSPC || ops[1].result == -ENOSPC ? i :
			       ds_broken("%d, %d", ops[0].result, ops[1].result);
	}
	return i;
}

TEST_F_TIMEOUT(full, recovers, DS_TIMEOUT)
{
	unsigned int round, n, i, least = ~0U;
	struct docstore_store_info info;
	int snaps[FULL_SNAPS], last, wrote;
	__u64 deadline;
	struct ds_prop p;
	char id[16];

	for (round = 0; round < 3; round++) {
		ASSERT_EQ(FULL_DOCS, write_all(self, 1));
		for (n = 0, last = 0; n < FULL_SNAPS; ) {
			snaps[n++] = ds_snapshot(self->fd, 0, NULL);
			ASSERT_LE(0, snaps[n - 1]);
			last = write_all(self, n + 1);
			ASSERT_LE(0, last);
			if (last < FULL_DOCS)
				break;
		}
		ASSERT_GT(FULL_SNAPS, n);
		ASSERT_LT(4, n);
		/* What there was is there, in the store and in each of the snapshots. */
		for (i = 0; i < FULL_DOCS; i++) {
			unsigned int k, expected;

			snprintf(id, sizeof(id), "f%u", i);
			for (k = 0; k <= n; k++) {
				expected = k < n ? k + 1 : (int)i < last ? n + 1 : n;
				ASSERT_EQ(0, ds_fetch(k < n ? snaps[k] : self->fd, id, self->doc));
				ASSERT_EQ(expected, ds_prop_s64(self->doc, self->a));
				ASSERT_EQ(0, ds_prop(self->doc, self->b, &p));
				ASSERT_EQ(FULL_LEN, p.len);
				ASSERT_EQ((__u8)expected, p.value[FULL_LEN - 1]);
			}
		}
		ASSERT_EQ(0, ds_store_info(self->fd, &info));
		EXPECT_LE((__u64)(n - 1) * FULL_DOCS * FULL_LEN, info.bytes_snapshots);
		EXPECT_GE(info.max_bytes, info.bytes);
		/* Reading by new snapshots goes on. */
		i = ds_snapshot(self->fd, 0, NULL);
		ASSERT_LE(0, (int)i);
		EXPECT_EQ(0, ds_fetch(i, "f0", self->doc));
		close(i);
		for (i = 0; i < n; i++)
			close(snaps[i]);
		/* And soon there is room again, for all of it. */
		deadline = ds_now() + PATIENCE * DS_SECOND;
		do {
			wrote = write_all(self, 99);
			ASSERT_LE(0, wrote);
		} while (wrote < FULL_DOCS && ds_now() < deadline && !usleep(5000));
		EXPECT_EQ(FULL_DOCS, wrote);
		while (ds_now() < deadline) {
			ASSERT_EQ(0, ds_store_info(self->fd, &info));
			if (!info.bytes_snapshots && info.bytes_retired < MIB)
				break;
			usleep(10000);
		}
		EXPECT_EQ(0, info.bytes_snapshots);
		/* No round has much less room than those before. */
		if (round)
			EXPECT_LE(least / 4 * 3, n);
		least = n < least ? n : least;
		TH_LOG("%u snapshots of %u documents", n, FULL_DOCS);
	}
}

/* Beside each other ----------------------------------------------------------------------- */

#define READERS		3
#define WRITERS		2
#define KEPT		4

struct kept {
	int fd;
	__s64 values[DOCS];
};

/* All documents of a snapshot, by read many or out of the mapping; the sum of them. */
static __s64 read_all(FIXTURE_DATA(load) *self, int fd, bool mapped, __s64 *values)
{
	const struct docstore_map_snapshot *page;
	struct docstore_read_item items[DOCS];
	const struct docstore_version *at[DOCS], *v;
	struct docstore_read_many m;
	unsigned int i;
	__s64 sum = 0;

	for (i = 0; i < DOCS; i++) {
		items[i].id = ds_ptr(self->ids[i]);
		items[i].id_len = strlen(self->ids[i]);
	}
	if (mapped) {
		page = ds_snapshot_map(fd);
		DS_CHILD(page);
		for (i = 0; i < DOCS; i++)
			DS_CHILD_EQ(0, map_read_pinned(&self->m, page, self->ids[i], self->doc,
						       &at[i], 100000));
		/* Where they are, when all of them were found. */
		for (i = 0; i < DOCS; i++) {
			values[i] = ds_prop_s64(at[i], self->a);
			sum += values[i];
		}
		DS_CHILD_EQ(0, ds_snapshot_unmap(page));
		return sum;
	}
	DS_CHILD_EQ(0, ds_read_many(fd, items, DOCS, self->doc, DS_ROOM, &m));
	DS_CHILD_EQ(DOCS, m.done);
	for (i = 0; i < DOCS; i++) {
		DS_CHILD_EQ(0, items[i].result);
		v = (void *)((char *)self->doc + items[i].offset);
		DS_CHILD_EQ(0, ds_doc_check(v, items[i].length));
		values[i] = ds_prop_s64(v, self->a);
		sum += values[i];
	}
	return sum;
}

static void reader(FIXTURE_DATA(load) *self, unsigned int me, volatile bool *stop)
{
	struct ds_random random = { .state = self->random.state + me };
	struct kept kept[KEPT], *k;
	__s64 values[DOCS];
	unsigned int i;

	for (i = 0; i < KEPT; i++)
		kept[i].fd = -1;
	while (!*stop) {
		k = &kept[ds_below(&random, KEPT)];
		if (k->fd < 0) {
			k->fd = ds_snapshot(self->fd, 0, NULL);
			DS_CHILD(k->fd >= 0);
			DS_CHILD_EQ(0, read_all(self, k->fd, ds_below(&random, 2), k->values));
		} else {
			DS_CHILD_EQ(0, read_all(self, k->fd, ds_below(&random, 2), values));
			DS_CHILD(!memcmp(values, k->values, sizeof(values)));
			if (ds_below(&random, 2)) {
				close(k->fd);
				k->fd = -1;
			}
		}
	}
}

static void writer(FIXTURE_DATA(load) *self, unsigned int me, volatile bool *stop)
{
	struct ds_random random = { .state = self->random.state + 100 + me };
	struct docstore_op ops[6];
	unsigned int i, n, from;
	__u32 failed = 0;

	while (!*stop) {
		from = ds_below(&random, DOCS);
		n = 1 + ds_below(&random, ARRAY_SIZE(ops) - 1);
		ops[0] = ds_add(self->ids[from], self->a, -(__s64)n);
		for (i = 1; i <= n; i++)
			ops[i] = ds_add(self->ids[(from + i) % DOCS], self->a, 1);
		DS_CHILD_EQ(0, ds_submit(self->fd, ATOMIC, ops, n + 1, &failed));
		DS_CHILD_EQ(0, failed);
	}
}

/* Several take, read and close snapshots while others write: none sees half of a batch. */
TEST_F_TIMEOUT(load, processes, DS_TIMEOUT)
{
	unsigned int seconds = ds_env("DOCSTORE_STRESS_SECONDS", ds_scale(2)), i;
	volatile bool *stop = ds_shared(4096);
	struct docstore_coordinator c;
	struct docstore_op ops[DOCS];
	pid_t pids[READERS + WRITERS];
	__u32 failed = 0;

	for (i = 0; i < DOCS; i++)
		ops[i] = ds_set_s64(self->ids[i], self->a, 0);
	ASSERT_EQ(0, ds_submit(self->fd, ATOMIC, ops, DOCS, &failed));
	for (i = 0; i < READERS + WRITERS; i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		if (i < READERS)
			reader(self, i, stop);
		else
			writer(self, i, stop);
		_exit(0);
	}
	sleep(seconds);
	*stop = true;
	for (i = 0; i < READERS + WRITERS; i++)
		EXPECT_EQ(0, ds_wait(pids[i]));
	EXPECT_EQ(0, snapshots_become(self->fd, 0));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &c));
	EXPECT_LT(10, c.commits);
	TH_LOG("%llu batches", (unsigned long long)c.commits);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Scans: all documents, or those of a prefix or type, each of them once.
 */
#include "docstore_test.h"

#include "docstore_harness.h"

FIXTURE(scan) {
	struct ds_store store;
	int fd;
	int a, b, type;
	struct docstore_version *doc;	/* DS_ROOM bytes */
};

FIXTURE_VARIANT(scan) {
	__u32 partitions;
};

FIXTURE_VARIANT_ADD(scan, one_partition) { .partitions = 1 };
FIXTURE_VARIANT_ADD(scan, seven_partitions) { .partitions = 7 };

FIXTURE_SETUP(scan)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "scan", variant->partitions,
				    256 << 20));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->b = ds_prop_id(self->fd, "b");
	self->type = ds_prop_id(self->fd, "type");
	ASSERT_LT(0, self->a);
	ASSERT_LT(0, self->b);
	ASSERT_LT(0, self->type);
	self->doc = ds_map(DS_ROOM, MAP_PRIVATE);
}

FIXTURE_TEARDOWN(scan)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/*
 * Takes a scan to its end and counts for each number of ds_fill()'s documents how
 * often it came. Returns the number of all documents, or -errno.
 */
static int collect(int fd, __u32 flags, const char *prefix, __u32 type,
		    __u32 room, int property, unsigned int *seen,
		    unsigned int max)
{
	__u8 *buffer = ds_map(room + 4096, MAP_PRIVATE);
	const struct docstore_version *v;
	unsigned int number, empty = 0;
	struct ds_scan s;
	int i, n, total = 0;
	__u32 want = room;
	char id[256];

	memset(seen, 0, max * sizeof(*seen));
	ds_scan_begin(&s, flags, prefix, type);
	do {
		memset(buffer, DS_POISON, room + 4096);
		n = ds_scan_next(fd, &s, buffer, want);
		if (n < 0)
			return n;
		if (buffer[s.scan.used] != DS_POISON)
			return ds_broken("scan wrote behind what it used");
		if (n && s.scan.needed)
			return ds_broken("scan returned documents and needs %u",
					 s.scan.needed);
		if (s.scan.needed && s.scan.needed <= want)
			return ds_broken("scan has %u and needs %u", want,
					 s.scan.needed);
		/* What the next document needs is enough for it. */
		if (s.scan.needed > room + 4096)
			return ds_broken("scan needs %u", s.scan.needed);
		want = s.scan.needed ?: room;
		empty = n ? 0 : empty + 1;
		if (empty > 100000)
			return ds_broken("scan gets nowhere");
		v = (void *)buffer;
		for (i = 0; i < n; i++) {
			__u32 left = s.scan.used - ((__u8 *)v - buffer);

			if (!v || ds_doc_check(v, left))
				return -ENOTRECOVERABLE;
			if (prefix && (v->id_len < strlen(prefix) ||
				       memcmp(prefix, ds_doc_id(v),
					      strlen(prefix))))
				return ds_broken("scan: another prefix");
			if (type && v->type != type)
				return ds_broken("scan: another type");
			if ((flags & DOCSTORE_SCAN_IDS) && v->nprops)
				return ds_broken("scan: properties");
			memcpy(id, ds_doc_id(v), v->id_len);
			id[v->id_len] = 0;
			number = atoi(id + strcspn(id, "0123456789"));
			if (!(flags & DOCSTORE_SCAN_IDS) &&
			    ds_prop_s64(v, property) != number)
				return ds_broken("scan: '%s' has %lld", id,
						 (long long)ds_prop_s64(v, property));
			if (number < max)
				seen[number]++;
			total++;
			v = ds_doc_next(v, buffer + s.scan.used);
		}
		if (n && v)
			return ds_broken("scan: more documents than it says");
	} while (!s.end);
	munmap(buffer, room + 4096);
	return total;
}

static bool each_once(const unsigned int *seen, unsigned int from,
		      unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++) {
		if (seen[i] != 1) {
			fprintf(stderr, "# document %u was seen %u times\n", i,
				seen[i]);
			return false;
		}
	}
	return true;
}

TEST_F(scan, empty)
{
	unsigned int seen[1];

	EXPECT_EQ(0, collect(self->fd, 0, NULL, 0, 4096, self->a, seen, 1));
	EXPECT_EQ(0, collect(self->fd, 0, "x", 0, 0, self->a, seen, 1));
	/* Nor is anything left of what was there. */
	ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("d0", self->a, 0)));
	EXPECT_EQ(1, collect(self->fd, 0, NULL, 0, 4096, self->a, seen, 1));
	ASSERT_EQ(0, ds_do(self->fd, ds_delete("d0")));
	EXPECT_EQ(0, collect(self->fd, 0, NULL, 0, 4096, self->a, seen, 1));
}

TEST_F(scan, all)
{
	static const __u32 rooms[] = { 0, 8, 64, 72, 73, 200, 1000, 4096, 65536 };
	unsigned int seen[3000], i;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, ARRAY_SIZE(seen)));
	for (i = 0; i < ARRAY_SIZE(rooms); i++) {
		EXPECT_EQ(ARRAY_SIZE(seen), collect(self->fd, 0, NULL, 0,
						     rooms[i], self->a, seen,
						     ARRAY_SIZE(seen)))
			TH_LOG("room of %u", rooms[i]);
		EXPECT_TRUE(each_once(seen, 0, ARRAY_SIZE(seen)));
		EXPECT_EQ(ARRAY_SIZE(seen), collect(self->fd, DOCSTORE_SCAN_IDS,
						     NULL, 0, rooms[i], self->a,
						     seen, ARRAY_SIZE(seen)))
			TH_LOG("room of %u", rooms[i]);
		EXPECT_TRUE(each_once(seen, 0, ARRAY_SIZE(seen)));
	}
}

/* The ids alone are the document with its properties left out. */
TEST_F(scan, ids)
{
	struct docstore_version *v = self->doc;
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->a, 1),
		ds_set_type("doc", self->type),
	};
	struct ds_scan s;
	__u64 created, changed;

	ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 2, NULL));
	ASSERT_EQ(0, ds_do(self->fd, ds_add("doc", self->a, 1)));
	ASSERT_EQ(0, ds_fetch(self->fd, "doc", v));
	created = v->created;
	changed = v->changed;
	memset(v, 0, 4096);
	ds_scan_begin(&s, DOCSTORE_SCAN_IDS, NULL, 0);
	ASSERT_EQ(1, ds_scan_next(self->fd, &s, v, DS_ROOM));
	ASSERT_EQ(0, ds_doc_check(v, s.scan.used));
	EXPECT_EQ(sizeof(*v) + 3, v->size);
	EXPECT_EQ(0, v->nprops);
	EXPECT_EQ(2, v->version);
	EXPECT_EQ(self->type, v->type);
	EXPECT_EQ(created, v->created);
	EXPECT_EQ(changed, v->changed);
	EXPECT_TRUE(ds_doc_is(v, "doc"));
}

TEST_F(scan, prefix)
{
	unsigned int seen[200];

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "ab", 0, 200));
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "a", 0, 150));
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "b", 0, 100));
	EXPECT_EQ(450, collect(self->fd, 0, NULL, 0, 4096, self->a, seen, 200));
	EXPECT_EQ(350, collect(self->fd, 0, "a", 0, 4096, self->a, seen, 200));
	EXPECT_EQ(200, collect(self->fd, 0, "ab", 0, 4096, self->a, seen, 200));
	EXPECT_TRUE(each_once(seen, 0, 200));
	EXPECT_EQ(100, collect(self->fd, 0, "b", 0, 4096, self->a, seen, 200));
	EXPECT_TRUE(each_once(seen, 0, 100));
	/* As long as the id, and longer. */
	EXPECT_EQ(11, collect(self->fd, 0, "b7", 0, 4096, self->a, seen, 200));
	EXPECT_EQ(1, collect(self->fd, 0, "b77", 0, 4096, self->a, seen, 200));
	EXPECT_EQ(0, collect(self->fd, 0, "b777", 0, 4096, self->a, seen, 200));
	EXPECT_EQ(0, collect(self->fd, 0, "c", 0, 4096, self->a, seen, 200));
}

TEST_F(scan, prefix_lengths)
{
	char prefix[300];
	struct ds_scan s;

	memset(prefix, 'x', sizeof(prefix));
	ds_scan_begin(&s, 0, NULL, 0);
	s.scan.prefix = ds_ptr(prefix);
	s.scan.prefix_len = 255;
	EXPECT_EQ(0, ds_scan_next(self->fd, &s, self->doc, DS_ROOM));
	ds_scan_begin(&s, 0, NULL, 0);
	s.scan.prefix = ds_ptr(prefix);
	s.scan.prefix_len = 256;
	EXPECT_EQ(-ENAMETOOLONG, ds_scan_next(self->fd, &s, self->doc, DS_ROOM));
	s.scan.prefix_len = ~0U;
	EXPECT_EQ(-ENAMETOOLONG, ds_scan_next(self->fd, &s, self->doc, DS_ROOM));
	/* A prefix of no length need not be anywhere. */
	s.scan.prefix = 16;
	s.scan.prefix_len = 0;
	EXPECT_EQ(0, ds_scan_next(self->fd, &s, self->doc, DS_ROOM));
}

TEST_F(scan, type)
{
	unsigned int seen[200], i;
	char id[8];

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 200));
	for (i = 0; i < 200; i += 2) {
		snprintf(id, sizeof(id), "d%u", i);
		ASSERT_EQ(0, ds_do(self->fd, ds_set_type(id, i % 4 ? self->type :
							 self->b)));
	}
	EXPECT_EQ(50, collect(self->fd, 0, NULL, self->type, 4096, self->a, seen,
			       200));
	EXPECT_EQ(50, collect(self->fd, 0, NULL, self->b, 4096, self->a, seen,
			       200));
	EXPECT_EQ(200, collect(self->fd, 0, NULL, 0, 4096, self->a, seen, 200));
	EXPECT_EQ(0, collect(self->fd, 0, NULL, self->a, 4096, self->a, seen,
			      200));
	/* Prefix and type together: 10, 14, 18 and 102, 106, ... 198 */
	EXPECT_EQ(28, collect(self->fd, DOCSTORE_SCAN_IDS, "d1", self->type,
			       4096, self->a, seen, 200));
}

/* Documents of very different sizes, in rooms that hold some of them. */
TEST_F(scan, sizes)
{
	static const __u32 sizes[] = { 0, 10, 100, 1000, 10000, 100000, 900000 };
	__u8 *value = ds_map(1 << 20, MAP_PRIVATE);
	struct docstore_version *v;
	struct ds_scan s;
	unsigned int i, count, calls;
	char id[8];
	__u32 room, want;
	int n;

	for (i = 0; i < 21; i++) {
		snprintf(id, sizeof(id), "s%u", i);
		ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes(id, self->a, value,
							  sizes[i % 7])));
	}
	for (room = 1; room < 1000000; room = room * 3) {
		ds_scan_begin(&s, 0, NULL, 0);
		want = room;
		for (count = 0, calls = 0; !s.end && calls < 10000; calls++) {
			n = ds_scan_next(self->fd, &s, self->doc, want);
			ASSERT_LE(0, n);
			count += n;
			for (v = self->doc; n; n--) {
				struct ds_prop p;

				ASSERT_NE(NULL, v);
				ASSERT_EQ(0, ds_doc_check(v, DS_ROOM));
				ASSERT_EQ(0, ds_prop(v, self->a, &p));
				memcpy(id, ds_doc_id(v), v->id_len);
				id[v->id_len] = 0;
				EXPECT_EQ(sizes[atoi(id + 1) % 7], p.len);
				v = (void *)ds_doc_next(v, (char *)self->doc +
							s.scan.used);
			}
			want = s.scan.needed ?: room;
			ASSERT_GE(DS_ROOM, want);
		}
		EXPECT_EQ(21, count);
		EXPECT_GT(10000, calls);
	}
}

TEST_F(scan, odd_cursors)
{
	struct ds_random random = { .state = ds_seed() };
	unsigned int i, calls;
	struct ds_scan s;
	int n;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 500));
	for (i = 0; i < 200; i++) {
		ds_scan_begin(&s, 0, NULL, 0);
		s.scan.cursor[0] = ds_random(&random) >> ds_below(&random, 64);
		s.scan.cursor[1] = ds_random(&random) >> ds_below(&random, 64);
		if (i % 4 == 0)
			s.scan.cursor[i / 4 & 1] = i & 8 ? ~0ULL : 0;
		for (calls = 0; calls < 2000 && !s.end; calls++) {
			n = ds_scan_next(self->fd, &s, self->doc, 4096);
			if (n < 0) {
				EXPECT_EQ(-EINVAL, n);
				break;
			}
			if (n)
				ASSERT_EQ(0, ds_doc_check(self->doc, s.scan.used));
		}
		EXPECT_GT(2000, calls);
	}
}

/*
 * The documents that are there from the beginning to the end of a scan are seen
 * once each, while others come and go and the index grows under it.
 */
TEST_F_TIMEOUT(scan, while_it_grows, DS_TIMEOUT)
{
	unsigned int seen[2000], stay = ARRAY_SIZE(seen);
	unsigned int others = ds_scale(50000), i, scans = 0;
	volatile bool *stop = ds_shared(sizeof(*stop));
	int ret, status;
	pid_t pid;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "stay", 0, stay));
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct docstore_op ops[200];
		char ids[200][24];

		for (i = 0; i < others && !*stop; i += 200) {
			DS_CHILD_EQ(0, ds_fill(self->fd, self->a, "other", i, 200));
			/* Every fourth batch goes again. */
			if (i % 800)
				continue;
			for (int j = 0; j < 200; j++) {
				snprintf(ids[j], sizeof(ids[j]), "other%u", i + j);
				ops[j] = ds_delete(ids[j]);
			}
			DS_CHILD_EQ(0, ds_submit(self->fd, 0, ops, 200, NULL));
		}
		_exit(0);
	}
	do {
		/* Rooms of some and of many documents, in turns. */
		ret = collect(self->fd, scans & 1 ? DOCSTORE_SCAN_IDS : 0, "stay",
			       0, scans & 2 ? 3000 : 30000, self->a, seen, stay);
		EXPECT_EQ(stay, ret);
		EXPECT_TRUE(each_once(seen, 0, stay));
		scans++;
	} while (ret == (int)stay && !waitpid(pid, &status, WNOHANG));
	*stop = true;
	if (ret == (int)stay)
		EXPECT_EQ(0, status);
	ret = collect(self->fd, DOCSTORE_SCAN_IDS, "stay", 0, 65536, self->a,
		       seen, stay);
	EXPECT_EQ(stay, ret);
	TH_LOG("%u scans while %u documents came and some went", scans, others);
}

/* The same, where those that stay are changed all the time. */
TEST_F_TIMEOUT(scan, while_it_changes, DS_TIMEOUT)
{
	unsigned int seen[1000], stay = ARRAY_SIZE(seen), scans;
	volatile bool *stop = ds_shared(sizeof(*stop));
	pid_t pid;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "stay", 0, stay));
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		while (!*stop)
			DS_CHILD_EQ(0, ds_fill(self->fd, self->a, "stay", 0, stay));
		_exit(0);
	}
	for (scans = 0; scans < ds_scale(20); scans++) {
		ASSERT_EQ(stay, collect(self->fd, 0, NULL, 0,
					 scans & 1 ? 1000 : 20000, self->a, seen,
					 stay));
		ASSERT_TRUE(each_once(seen, 0, stay));
	}
	*stop = true;
	EXPECT_EQ(0, ds_wait(pid));
}

TEST_HARNESS_MAIN

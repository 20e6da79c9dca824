// SPDX-License-Identifier: GPL-2.0
/*
 * The mapping of a store: what lies where, who may map what and how, and how long
 * a mapping is good. map_stress_test.c has what happens when much happens at once.
 */
#define _FILE_OFFSET_BITS 64
#include "map_reader.h"
#include "sysfs.h"

#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "docstore_harness.h"

#define PAGE		((size_t)sysconf(_SC_PAGESIZE))
#define NAMES_BLOCK	4096
#define SMALL		(16 << 20)	/* a store that a 32-bit program can map */
#define PATIENCE	30		/* seconds */

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#endif

FIXTURE(mapping) {
	struct ds_store store;
	int fd;
	int a, b;
	struct map m;
	struct docstore_version *doc;	/* DS_ROOM bytes each */
	struct docstore_version *copy;
	__u8 *value;			/* 1 MiB */
	struct ds_random random;
};

static int begin(FIXTURE_DATA(mapping) *self)
{
	int ret = ds_store_begin(&self->store, "map", 2, SMALL);
	unsigned int i;

	if (ret)
		return ret;
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->b = ds_prop_id(self->fd, "b");
	self->doc = ds_map(DS_ROOM, MAP_PRIVATE);
	self->copy = ds_map(DS_ROOM, MAP_PRIVATE);
	self->value = ds_map(1 << 20, MAP_PRIVATE);
	self->random.state = ds_seed();
	for (i = 0; i < 1 << 20; i++)
		self->value[i] = ds_random(&self->random);
	return map_open(&self->m, self->fd);
}

FIXTURE_SETUP(mapping)
{
	ASSERT_EQ(0, begin(self));
}

FIXTURE_TEARDOWN(mapping)
{
	if (self->m.base)
		EXPECT_EQ(0, map_close(&self->m));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* What read and the mapping say of a document is the same, byte for byte. */
static int compare(FIXTURE_DATA(mapping) *self, const struct map *m, const char *id)
{
	int by_call = ds_fetch(self->fd, id, self->doc);
	int by_map = map_fetch(m, id, self->copy);

	if (by_call != by_map)
		return ds_broken("%s: read says %d, the mapping %d", id, by_call, by_map);
	if (by_call)
		return by_call;
	if (self->doc->size != self->copy->size || memcmp(self->doc, self->copy, self->doc->size))
		return ds_broken("%s: version %llu by read, %llu in the mapping", id,
				 (unsigned long long)self->doc->version,
				 (unsigned long long)self->copy->version);
	return 0;
}

static int put(FIXTURE_DATA(mapping) *self, const char *id, __u32 len)
{
	return ds_do(self->fd, ds_set_bytes(id, self->a, self->value, len));
}

/* Documents <prefix>0 to <prefix><n - 1>, of @len bytes each; how many there was room for. */
static unsigned int put_many(FIXTURE_DATA(mapping) *self, const char *prefix, unsigned int n, __u32 len)
{
	unsigned int i;
	char id[32];

	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%s%u", prefix, i);
		if (put(self, id, len))
			break;
	}
	return i;
}

static int delete_many(FIXTURE_DATA(mapping) *self, const char *prefix, unsigned int n)
{
	unsigned int i;
	char id[32];

	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%s%u", prefix, i);
		if (ds_do(self->fd, ds_delete(id)))
			return -ENOTRECOVERABLE;
	}
	return 0;
}

static __u64 store_bytes(int fd)
{
	struct docstore_store_info info;

	return ds_store_info(fd, &info) ? 0 : info.bytes;
}

/* Until the store has given so much back. */
static bool bytes_below(int fd, __u64 bytes)
{
	__u64 end = ds_now() + PATIENCE * DS_SECOND;

	while (store_bytes(fd) >= bytes) {
		if (ds_now() > end)
			return false;
		usleep(10000);
	}
	return true;
}

/* Read one byte of each page, in @step pages: nothing must happen. */
static unsigned long touch(const struct map *m, size_t from, size_t to)
{
	const volatile __u8 *base = m->base;
	unsigned long sum = 0;
	size_t at;

	for (at = from; at < to; at += PAGE)
		sum += base[at] + base[at + PAGE - 1];
	return sum;
}

/* How many chunks there are memory in, as far as the mapping shows. */
static unsigned int chunks_seen(const struct map *m)
{
	static const __u64 zeros[512];
	unsigned int chunks = 0;
	size_t at, i;

	for (at = m->head->arenas_offset; at < m->size; at += DOCSTORE_MAP_CHUNK_SIZE) {
		for (i = 0; i < DOCSTORE_MAP_CHUNK_SIZE; i += sizeof(zeros))
			if (memcmp(m->base + at + i, zeros, sizeof(zeros)))
				break;
		chunks += i < DOCSTORE_MAP_CHUNK_SIZE;
	}
	return chunks;
}

/* The layout --------------------------------------------------------------- */

static void check_head(struct __test_metadata *_metadata, const struct map *m, int fd,
		       __u32 partitions)
{
	const struct docstore_map_store *h = m->head;
	struct docstore_store_info info;
	struct docstore_info module;
	unsigned int i, j;
	size_t at;

	ASSERT_EQ(0, ds_store_info(fd, &info));
	ASSERT_EQ(0, ds_info(fd, &module));
	EXPECT_EQ(0, memcmp(h->magic, "docstore", 8));
	EXPECT_EQ(DOCSTORE_MAP_LAYOUT, h->layout);
	EXPECT_EQ(module.map_layout, h->layout);
	EXPECT_EQ(partitions, h->partitions);
	EXPECT_EQ(info.partitions, h->partitions);
	EXPECT_EQ(info.incarnation, h->incarnation);
	EXPECT_EQ(info.map_size, h->size);
	EXPECT_NE(0, h->key[0] | h->key[1]);
	EXPECT_EQ(0, h->state);
	EXPECT_EQ(0, h->epoch & 1);
	for (i = 0; i < ARRAY_SIZE(h->__reserved0); i++)
		EXPECT_EQ(0, h->__reserved0[i]);
	for (i = 0; i < ARRAY_SIZE(h->__reserved); i++)
		EXPECT_EQ(0, h->__reserved[i]);
	for (at = sizeof(*h); at < PAGE; at++)
		ASSERT_EQ(0, m->base[at]);

	/* One behind the other, none over the other, and room for all of it. */
	EXPECT_LE(sizeof(*h), h->partitions_offset);
	EXPECT_LE(sizeof(struct docstore_map_partition), h->partition_stride);
	EXPECT_LE(h->partitions_offset + partitions * h->partition_stride, h->names_offset);
	EXPECT_LE(h->names_offset + h->names_size, h->arenas_offset);
	EXPECT_LE(h->arenas_offset + partitions * h->arena_stride, h->size);
	EXPECT_EQ(0, h->arenas_offset % DOCSTORE_MAP_CHUNK_SIZE);
	EXPECT_EQ(0, h->arena_stride % DOCSTORE_MAP_CHUNK_SIZE);
	EXPECT_EQ(0, h->partitions_offset % PAGE);
	EXPECT_EQ(0, h->partition_stride % PAGE);
	EXPECT_EQ(0, h->names_offset % PAGE);
	EXPECT_EQ(0, h->size % PAGE);
	/* The arenas are no smaller than the store may be. */
	EXPECT_LE(info.max_bytes / (DOCSTORE_MAP_CHUNK_SIZE + 65536) * DOCSTORE_MAP_CHUNK_SIZE,
		  h->arena_stride);
	/* Names of 255 bytes, all that there can be. */
	EXPECT_LE(DOCSTORE_MAX_NAMES * 264ULL, h->names_size);

	for (i = 0; i < partitions; i++) {
		const struct docstore_map_partition *p = map_page(m, i);

		EXPECT_EQ(0, p->moves & 1);
		EXPECT_LE((__u64)p->limit * DOCSTORE_MAP_UNIT, h->arena_stride);
		EXPECT_LE(p->buckets, DOCSTORE_MAP_MAX_BUCKETS);
		for (j = 0; j < ARRAY_SIZE(p->__reserved); j++)
			EXPECT_EQ(0, p->__reserved[j]);
		for (j = 0; j < DOCSTORE_MAP_DIRS; j++)
			EXPECT_TRUE(!p->dir[j] || p->dir[j] < p->limit);
	}
}

TEST_F(mapping, head)
{
	static const __u32 partitions[] = { 1, 3, 7 };
	struct ds_store other;
	struct map m;
	unsigned int i;

	check_head(_metadata, &self->m, self->fd, 2);
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "d", 0, 3000));
	check_head(_metadata, &self->m, self->fd, 2);
	for (i = 0; i < ARRAY_SIZE(partitions); i++) {
		ASSERT_EQ(0, ds_store_begin(&other, "other", partitions[i], 32 << 20));
		ASSERT_EQ(0, map_open(&m, other.fd));
		check_head(_metadata, &m, other.fd, partitions[i]);
		EXPECT_NE(m.head->incarnation, self->m.head->incarnation);
		EXPECT_NE(m.head->key[0], self->m.head->key[0]);
		ASSERT_EQ(0, map_close(&m));
		ASSERT_EQ(0, ds_store_end(&other));
	}
}

/* Walk over all buckets: how many documents are visible, or what is wrong. */
static long walk(FIXTURE_DATA(mapping) *self, __u32 partition)
{
	const struct docstore_map_partition *page = map_page(&self->m, partition);
	const struct docstore_bucket *b;
	__u64 key[2] = { self->m.head->key[0], self->m.head->key[1] };
	__u64 hash;
	long documents = 0;
	__u32 number, i;

	for (number = 0; number < page->buckets; number++) {
		b = map_bucket(&self->m, partition, number);
		if (ds_ptr(b) % sizeof(*b))
			return ds_broken("bucket %u is no cache line", number);
		while (b) {
			for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
				struct docstore_version *v = self->copy;
				char id[DOCSTORE_MAX_ID + 1] = "";

				if (!b->ref[i])
					continue;
				if (!map_copy(&self->m, partition, b->ref[i], v, DS_ROOM))
					return ds_broken("no version at %u", b->ref[i]);
				memcpy(id, ds_doc_id(v), v->id_len);
				hash = docstore_map_hash(key, id, v->id_len);
				if (docstore_map_partition_of(hash, self->m.head->partitions) !=
				    partition ||
				    docstore_map_bucket(hash, page->buckets) != number ||
				    b->state[i] >> DOCSTORE_STATE_TAG_SHIFT !=
				    docstore_map_tag(hash))
					return ds_broken("%s is in the wrong slot", id);
				if (b->state[i] & (DOCSTORE_STATE_PROCESSING | DOCSTORE_STATE_DIRTY))
					return ds_broken("%s: state %#x, nothing going on", id,
							 b->state[i]);
				if (v->seq > page->visible_seq)
					return ds_broken("%s: a commit that is yet to come", id);
				if (ds_has(v, DOCSTORE_VERSION_TOMBSTONE))
					continue;
				if (!(b->stat[i] & DOCSTORE_STAT_DELTAS_MASK))
					return ds_broken("%s: no deltas made it", id);
				if (compare(self, &self->m, id))
					return -ENOTRECOVERABLE;
				documents++;
			}
			b = b->next ? map_at(&self->m, partition, b->next, sizeof(*b)) : NULL;
		}
	}
	return documents;
}

/* Documents of all sizes, changed, deleted, made again: read says the same. */
TEST_F(mapping, documents)
{
	static const __u32 sizes[] = {
		0, 1, 15, 16, 17, 100, 255, 256, 1000, 4000, 4096, 16384, 16385, 65535, 65536,
		100000, 1000000,
	};
	char id[DOCSTORE_MAX_ID + 1], prefix[4];
	struct docstore_store_info info;
	struct docstore_op op;
	unsigned int i, n = ds_scale(2000);
	long walked[2];

	EXPECT_EQ(-ENOENT, compare(self, &self->m, "nothing"));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(id, sizeof(id), "size%u", sizes[i]);
		ASSERT_EQ(0, put(self, id, sizes[i]));
		ASSERT_EQ(0, compare(self, &self->m, id));
		EXPECT_TRUE(sizes[i] <= self->copy->size);
		ASSERT_EQ(0, ds_do(self->fd, ds_set_s64(id, self->b, i)));
		ASSERT_EQ(0, compare(self, &self->m, id));
		EXPECT_EQ(i, ds_prop_s64(self->copy, self->b));
		ASSERT_EQ(0, ds_do(self->fd, ds_delete(id)));
		ASSERT_EQ(-ENOENT, compare(self, &self->m, id));
		ASSERT_EQ(0, put(self, id, sizes[i] / 2));
		ASSERT_EQ(0, compare(self, &self->m, id));
		EXPECT_LE(4, self->copy->version);
		ASSERT_EQ(0, ds_do(self->fd, ds_delete(id)));
	}
	/* Ids of all lengths, of which each is a beginning of the next. */
	memset(id, 'i', sizeof(id));
	for (i = 1; i <= DOCSTORE_MAX_ID; i++) {
		id[i] = 0;
		op = ds_touch(id, 0);
		ASSERT_EQ(0, ds_one(self->fd, &op));
		id[i] = 'i';
	}
	for (i = 1; i <= DOCSTORE_MAX_ID; i++) {
		id[i] = 0;
		ASSERT_EQ(0, compare(self, &self->m, id));
		ASSERT_EQ(i, self->copy->id_len);
		id[i] = 'i';
	}
	/* The index grows many times over. */
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "g", 0, n));
	for (i = 0; i < n; i += 3) {
		snprintf(id, sizeof(id), "g%u", i);
		ASSERT_EQ(0, ds_do(self->fd, ds_delete(id)));
	}
	for (i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "g%u", i);
		ASSERT_EQ(i % 3 ? 0 : -ENOENT, compare(self, &self->m, id));
		snprintf(prefix, sizeof(prefix), "h%u", i % 90);
		ASSERT_EQ(-ENOENT, map_fetch(&self->m, prefix, self->copy));
	}
	EXPECT_LT(64, map_page(&self->m, 0)->buckets);
	for (i = 0; i < 2; i++) {
		walked[i] = walk(self, i);
		ASSERT_LT(0, walked[i]);
	}
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_EQ(info.documents, walked[0] + walked[1]);
}

/* A version that is not visible yet is no version: the text says which one is. */
TEST_F(mapping, visible)
{
	const struct docstore_map_partition *page;
	__u64 seq[2], key[2] = { self->m.head->key[0], self->m.head->key[1] };
	__u32 partition;
	int i;

	partition = docstore_map_partition_of(docstore_map_hash(key, "v", 1), 2);
	page = map_page(&self->m, partition);
	for (i = 0; i < 10; i++) {
		seq[0] = map_load64(&page->visible_seq);
		ASSERT_EQ(0, put(self, "v", i));
		seq[1] = map_load64(&page->visible_seq);
		EXPECT_LT(seq[0], seq[1]);
		ASSERT_EQ(0, compare(self, &self->m, "v"));
		EXPECT_LT(seq[0], self->copy->seq);
		EXPECT_GE(seq[1], self->copy->seq);
	}
}

/* The epoch is another one when several partitions have published together. */
TEST_F(mapping, epoch)
{
	__u64 key[2] = { self->m.head->key[0], self->m.head->key[1] };
	struct docstore_op ops[2];
	__u32 epoch, i, failed = 0;
	char id[2][16];

	for (i = 0; i < 2; i++) {
		unsigned int n = 0;

		do {
			snprintf(id[i], sizeof(id[i]), "e%u", n++);
		} while (docstore_map_partition_of(docstore_map_hash(key, id[i], strlen(id[i])),
						   2) != i);
	}
	epoch = map_load32(&self->m.head->epoch);
	EXPECT_EQ(0, epoch & 1);
	for (i = 0; i < 20; i++) {
		ops[0] = ds_add(id[0], self->a, 1);
		ops[1] = ds_add(id[1], self->a, 1);
		/* Not together, and in one partition only. */
		ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 2, &failed));
		ops[0].version = 0;
		ASSERT_EQ(0, ds_submit(self->fd, DOCSTORE_SUBMIT_ATOMIC, ops, 1, &failed));
		ASSERT_EQ(epoch, map_load32(&self->m.head->epoch));
		ops[0].version = 0;
		ops[1].version = 0;
		ASSERT_EQ(0, ds_submit(self->fd, DOCSTORE_SUBMIT_ATOMIC, ops, 2, &failed));
		ASSERT_EQ(0, failed);
		epoch += 2;
		ASSERT_EQ(epoch, map_load32(&self->m.head->epoch));
		/* What is refused is not published. */
		ops[0].version = 0;
		ops[1] = ds_delete("none");
		ASSERT_EQ(0, ds_submit(self->fd, DOCSTORE_SUBMIT_ATOMIC, ops, 2, &failed));
		ASSERT_EQ(2, failed);
		ASSERT_EQ(epoch, map_load32(&self->m.head->epoch));
	}
}

/* Names --------------------------------------------------------------------- */

/* All names of the mapping are those of DOCSTORE_NAMES; how many, or what is wrong. */
static long compare_names(FIXTURE_DATA(mapping) *self, const struct map *m)
{
	__u64 used = map_load64(&m->head->names_used), at = 0;
	__u8 *buffer = ds_map(1 << 16, MAP_PRIVATE);
	struct docstore_names arg = {
		.size = sizeof(arg), .buffer = ds_ptr(buffer), .buffer_len = 1 << 16, .first = 1,
	};
	const __u8 *names = m->base + m->head->names_offset;
	__u32 count = 0;
	__u32 from, i;

	if (used > m->head->names_size)
		return ds_broken("%llu bytes of names", (unsigned long long)used);
	do {
		if (ds_ioctl(self->fd, DOCSTORE_NAMES, &arg))
			return -errno;
		for (from = 0, i = 0; i < arg.count; i++) {
			const struct docstore_name_record *theirs, *ours;

			theirs = (const void *)(buffer + from);
			from += (sizeof(*theirs) + theirs->len + 7) & ~7U;
			ours = (const void *)(names + at);
			if (at < used && !ours->id) {
				at = (at / NAMES_BLOCK + 1) * NAMES_BLOCK;
				ours = (const void *)(names + at);
			}
			if (at + sizeof(*ours) > used)
				return ds_broken("name %u is not in the mapping", theirs->id);
			if (ours->id != ++count || ours->id != theirs->id ||
			    ours->len != theirs->len || !ours->len ||
			    memcmp(ours + 1, theirs + 1, ours->len))
				return ds_broken("name %u: %u of %u bytes, not %u of %u", count,
						 ours->id, ours->len, theirs->id, theirs->len);
			if (at / NAMES_BLOCK != (at + sizeof(*ours) + ours->len - 1) / NAMES_BLOCK)
				return ds_broken("name %u crosses a block", ours->id);
			at += (sizeof(*ours) + ours->len + 7) & ~7ULL;
		}
	} while (arg.count);
	munmap(buffer, 1 << 16);
	return at == used ? (long)count : ds_broken("names end at %llu, not at %llu",
					      (unsigned long long)at, (unsigned long long)used);
}

static int make_names(FIXTURE_DATA(mapping) *self, unsigned int from, unsigned int n)
{
	char name[DOCSTORE_MAX_NAME];
	unsigned int i;
	__u32 len;

	for (i = from; i < from + n; i++) {
		memset(name, 'a' + i % 26, sizeof(name));
		snprintf(name, sizeof(name), "%u", i);
		name[strlen(name)] = '.';
		/* Short ones, long ones, and such that just fit or just don't. */
		len = i % 3 == 0 ? sizeof(name) : i % 3 == 1 ? 8 : 8 + ds_below(&self->random, 240);
		if (ds_intern(self->fd, DOCSTORE_INTERN_CREATE, name, len) <= 0)
			return -ENOTRECOVERABLE;
	}
	return 0;
}

TEST_F(mapping, names)
{
	unsigned int n = ds_scale(4000), i;
	char name[2] = "";
	long before;

	EXPECT_EQ(2, compare_names(self, &self->m));
	/* Each of the shortest ones. */
	for (i = 1; i < 256; i++) {
		name[0] = i;
		ASSERT_LT(0, ds_intern(self->fd, DOCSTORE_INTERN_CREATE, name, 1));
	}
	before = compare_names(self, &self->m);
	/* Two were there already. */
	EXPECT_EQ(255, before);
	ASSERT_EQ(0, make_names(self, 0, n));
	EXPECT_EQ(before + n, compare_names(self, &self->m));
}

/*
 * Names that are made after their page was looked at, when it held none: all of the
 * mapping may be read at any time.
 */
TEST_F(mapping, names_seen_before)
{
	size_t from = self->m.head->names_offset;

	touch(&self->m, from, from + 256 * PAGE);
	ASSERT_EQ(0, make_names(self, 0, 300));
	EXPECT_EQ(302, compare_names(self, &self->m));
}

/* Who may map what ----------------------------------------------------------- */

static int try_map(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *p = mmap(NULL, size, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, size);
	return 0;
}

TEST_F(mapping, protection)
{
	void *base = (void *)(uintptr_t)self->m.base;
	size_t size = self->m.size;
	char *moved, *part;
	int i;

	EXPECT_EQ(0, try_map(self->fd, size, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(0, try_map(self->fd, size, PROT_READ, MAP_SHARED_VALIDATE, 0));
	EXPECT_EQ(0, try_map(self->fd, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, 0));
	EXPECT_EQ(0, try_map(self->fd, size, PROT_READ, MAP_SHARED | MAP_POPULATE, 0));
	EXPECT_EQ(0, try_map(self->fd, size, PROT_NONE, MAP_SHARED, 0));
	EXPECT_EQ(-EACCES, try_map(self->fd, size, PROT_READ | PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(-EACCES, try_map(self->fd, size, PROT_WRITE, MAP_SHARED, 0));
	/* The file system is mounted noexec, and says so in its way. */
	EXPECT_EQ(-EPERM, try_map(self->fd, size, PROT_READ | PROT_EXEC, MAP_SHARED, 0));
	EXPECT_EQ(-EPERM, try_map(self->fd, size, PROT_EXEC, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_map(self->fd, size, PROT_READ, MAP_PRIVATE, 0));
	EXPECT_NE(0, try_map(self->fd, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0));
	EXPECT_NE(0, try_map(self->fd, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0));

	/* Not later either, before and after it was looked at. */
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-1, mprotect(base, size, PROT_READ | PROT_WRITE));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(-1, mprotect(base, PAGE, PROT_WRITE));
		EXPECT_EQ(EACCES, errno);
		EXPECT_EQ(-1, mprotect(base, size, PROT_READ | PROT_EXEC));
		EXPECT_EQ(EACCES, errno);
		ASSERT_EQ(0, put(self, "p", 1000));
		touch(&self->m, 0, self->m.size);
	}
	/* To take rights away and to give them back is fine. */
	ASSERT_EQ(0, mprotect(base, size, PROT_NONE));
	ASSERT_EQ(0, mprotect(base, size, PROT_READ));
	EXPECT_EQ(0, compare(self, &self->m, "p"));
	EXPECT_EQ(0, mprotect((char *)base + self->m.head->arenas_offset + 5 * PAGE, PAGE,
			      PROT_NONE));
	EXPECT_EQ(0, mprotect(base, size, PROT_READ));
	EXPECT_EQ(0, compare(self, &self->m, "p"));

	/* It can be moved, and shrunk, not grown. */
	EXPECT_EQ(MAP_FAILED, mremap(base, size, size + PAGE, MREMAP_MAYMOVE));
	part = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, part);
	EXPECT_EQ(MAP_FAILED, mremap(part, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(part, mremap(part, 2 * PAGE, PAGE, 0));
	EXPECT_EQ(0, memcmp(part, DOCSTORE_MAP_MAGIC, 8));
	moved = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, moved);
	EXPECT_EQ(moved, mremap(part, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, moved));
	EXPECT_EQ(0, memcmp(moved, DOCSTORE_MAP_MAGIC, 8));
	EXPECT_EQ(-1, mprotect(moved, PAGE, PROT_READ | PROT_WRITE));
	munmap(moved, PAGE);

	/* All of it, to another place, by pages that are huge and such that are not. */
	ASSERT_EQ(0, map_close(&self->m));
	ASSERT_EQ(0, map_open(&self->m, self->fd));
	base = (void *)(uintptr_t)self->m.base;
	touch(&self->m, 0, size);
	moved = mmap(NULL, size + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, moved);
	ASSERT_EQ(moved + PAGE, mremap(base, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
				       moved + PAGE));
	self->m.base = (void *)(moved + PAGE);
	self->m.head = (void *)(moved + PAGE);
	munmap(moved, PAGE);
	EXPECT_EQ(0, compare(self, &self->m, "p"));
	ASSERT_EQ(0, put(self, "p", 2000));
	EXPECT_EQ(0, compare(self, &self->m, "p"));
	touch(&self->m, 0, size);
}

TEST_F(mapping, write_is_a_fault)
{
	volatile char *page = (volatile char *)(uintptr_t)self->m.base;
	pid_t pid = ds_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		page[0] = 'x';
		_exit(0);
	}
	EXPECT_EQ(128 + SIGSEGV, ds_wait(pid));
	EXPECT_EQ(0, memcmp(self->m.base, DOCSTORE_MAP_MAGIC, 8));
}

TEST_F(mapping, extent)
{
	size_t size = self->m.size, huge = (size_t)1 << (8 * sizeof(size_t) - 2);
	off_t far = (off_t)1 << 40;

	EXPECT_EQ(0, try_map(self->fd, PAGE, PROT_READ, MAP_SHARED, size - PAGE));
	EXPECT_EQ(-ENXIO, try_map(self->fd, PAGE, PROT_READ, MAP_SHARED, size));
	EXPECT_EQ(-ENXIO, try_map(self->fd, 2 * PAGE, PROT_READ, MAP_SHARED, size - PAGE));
	EXPECT_EQ(-ENXIO, try_map(self->fd, size + 1, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-ENXIO, try_map(self->fd, size, PROT_READ, MAP_SHARED, PAGE));
	EXPECT_EQ(-ENXIO, try_map(self->fd, PAGE, PROT_READ, MAP_SHARED, far));
	/* Rounded up to a page. */
	EXPECT_EQ(0, try_map(self->fd, size - 1, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_map(self->fd, 0, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_map(self->fd, PAGE, PROT_READ, MAP_SHARED, 1));
	EXPECT_EQ(-EINVAL, try_map(self->fd, PAGE, PROT_READ, MAP_SHARED, PAGE - 16));
	/* However large, it does not come about. */
	EXPECT_GT(0, try_map(self->fd, huge, PROT_READ, MAP_SHARED, 0));
	EXPECT_GT(0, try_map(self->fd, -PAGE, PROT_READ, MAP_SHARED, 0));
	EXPECT_GT(0, try_map(self->fd, PAGE, PROT_READ, MAP_SHARED, -(off_t)PAGE));
	EXPECT_GT(0, try_map(self->fd, SIZE_MAX, PROT_READ, MAP_SHARED, 0));
}

/* Rights are those of the descriptor; there is no way round it. */
TEST_F(mapping, rights)
{
	int writer = ds_open(self->store.control, self->store.name, DS_WRITE);
	int reader = ds_open(self->store.control, self->store.name, DS_READ);
	char path[64];
	struct map m;

	ASSERT_LE(0, writer);
	ASSERT_LE(0, reader);
	EXPECT_EQ(-EACCES, try_map(writer, PAGE, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-EACCES, try_map(writer, PAGE, PROT_NONE, MAP_SHARED, 0));
	EXPECT_EQ(-EACCES, try_map(writer, PAGE, PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(-EACCES, map_open(&m, writer));
	EXPECT_EQ(-EACCES, try_map(reader, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0));
	EXPECT_EQ(-ENODEV, try_map(self->store.control, PAGE, PROT_READ, MAP_SHARED, 0));
	ASSERT_EQ(0, map_open(&m, reader));
	ASSERT_EQ(0, put(self, "r", 10));
	EXPECT_EQ(0, compare(self, &m, "r"));
	EXPECT_EQ(-1, mprotect((void *)(uintptr_t)m.base, m.size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, map_close(&m));

	/* The descriptor cannot be opened again for more. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer);
	EXPECT_EQ(-1, open(path, O_RDONLY | O_CLOEXEC));
	EXPECT_EQ(-1, open(path, O_RDWR | O_CLOEXEC));
	/* Nor made longer or shorter, whatever else the kernel makes of it. */
	EXPECT_EQ(-1, ftruncate(self->fd, 0));
	EXPECT_EQ(-1, ftruncate(self->fd, 1 << 20));
	EXPECT_EQ(0, compare(self, &self->m, "r"));
	close(writer);
	close(reader);
}

/* Old programs get all that is readable executable as well: this is not. */
TEST_F(mapping, read_implies_exec)
{
	DS_IN_CHILD({
		char line[256];
		FILE *maps;
		int found = 0;

		DS_CHILD(personality(READ_IMPLIES_EXEC) >= 0);
		DS_CHILD_EQ(0, try_map(self->fd, self->m.size, PROT_READ, MAP_SHARED, 0));
		DS_CHILD(mprotect((void *)(uintptr_t)self->m.base, PAGE, PROT_NONE) == 0);
		DS_CHILD(mprotect((void *)(uintptr_t)self->m.base, PAGE, PROT_READ) == 0);
		maps = fopen("/proc/self/maps", "re");
		DS_CHILD(maps);
		while (fgets(line, sizeof(line), maps)) {
			if (!strstr(line, "docstore:"))
				continue;
			found++;
			DS_CHILD(strstr(line, " r--s "));
		}
		DS_CHILD(found);
	});
}

/* Parts, and many of them ----------------------------------------------------- */

TEST_F(mapping, parts)
{
	size_t pages = self->m.size / PAGE, at, n;
	unsigned int round;
	__u8 *part;

	put_many(self, "part", 40, 100000);
	for (round = 0; round < ds_scale(300); round++) {
		/* At the beginning, in arenas, and anywhere. */
		at = round % 3 == 0 ? round / 3 :
		     round % 3 == 1 ? self->m.head->arenas_offset / PAGE + ds_below(&self->random, 1600) :
		     ds_below(&self->random, pages);
		n = 1 + ds_below(&self->random, round % 5 ? 20 : 1200);
		if (at >= pages)
			continue;
		if (n > pages - at)
			n = pages - at;
		part = mmap(NULL, n * PAGE, PROT_READ, MAP_SHARED, self->fd, at * PAGE);
		ASSERT_NE(MAP_FAILED, part);
		ASSERT_EQ(0, memcmp(part, self->m.base + at * PAGE, n * PAGE));
		/* A piece out of the middle. */
		if (n > 2) {
			ASSERT_EQ(0, munmap(part + PAGE, PAGE));
			ASSERT_EQ(0, memcmp(part + 2 * PAGE, self->m.base + (at + 2) * PAGE,
					    (n - 2) * PAGE));
		}
		ASSERT_EQ(0, munmap(part, n * PAGE));
	}
}

TEST_F(mapping, several)
{
	struct map many[6];
	unsigned int i, j;
	char id[16];
	int fd;

	for (i = 0; i < ARRAY_SIZE(many); i++) {
		/* By one descriptor, and by one of its own. */
		fd = i % 2 ? ds_open(self->store.control, self->store.name, DS_READ) : self->fd;
		ASSERT_EQ(0, map_open(&many[i], fd));
		if (i % 2)
			close(fd);
		snprintf(id, sizeof(id), "s%u", i);
		ASSERT_EQ(0, put(self, id, 1000 * i));
		for (j = 0; j <= i; j++)
			ASSERT_EQ(0, compare(self, &many[j], id));
	}
	DS_IN_CHILD({
		struct map m;

		DS_CHILD_EQ(0, map_open(&m, self->fd));
		for (i = 0; i < ARRAY_SIZE(many); i++) {
			snprintf(id, sizeof(id), "s%u", i);
			DS_CHILD_EQ(0, compare(self, &m, id));
			DS_CHILD_EQ(0, compare(self, &many[i], id));
		}
	});
	for (i = 0; i < ARRAY_SIZE(many); i++)
		ASSERT_EQ(0, map_close(&many[i]));
}

/* A child has the mapping, whatever becomes of its parent's; looked at or not. */
TEST_F(mapping, fork)
{
	int done[2], go[2];
	char c;

	ASSERT_EQ(0, pipe(done));
	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, put(self, "before", 50000));
	ASSERT_EQ(0, compare(self, &self->m, "before"));
	DS_IN_CHILD({
		/* The grandchild stays when its parent, in the middle, has gone. */
		pid_t pid = fork();

		DS_CHILD(pid >= 0);
		if (pid)
			_exit(0);
		close(self->fd);
		DS_CHILD(read(go[0], &c, 1) == 1);
		DS_CHILD_EQ(0, map_fetch(&self->m, "before", self->copy));
		DS_CHILD_EQ(0, map_fetch(&self->m, "after", self->copy));
		DS_CHILD(self->copy->size > 90000);
		touch(&self->m, 0, self->m.size);
		DS_CHILD(write(done[1], "d", 1) == 1);
		_exit(0);
	});
	ASSERT_EQ(0, map_close(&self->m));
	ASSERT_EQ(0, put(self, "after", 90000));
	ASSERT_EQ(1, write(go[1], "g", 1));
	close(done[1]);
	EXPECT_EQ(1, read(done[0], &c, 1));
}

/* How long --------------------------------------------------------------------- */

TEST_F(mapping, closed)
{
	int other = ds_open(self->store.control, self->store.name, DS_RW);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, put(self, "c", 100));
	close(self->fd);
	self->fd = self->store.fd = other;
	EXPECT_EQ(0, compare(self, &self->m, "c"));
	ASSERT_EQ(0, put(self, "c", 70000));
	ASSERT_EQ(0, put(self, "d", 100));
	EXPECT_EQ(0, compare(self, &self->m, "c"));
	EXPECT_EQ(0, compare(self, &self->m, "d"));
	EXPECT_EQ(0, self->m.head->state);
}

/* What holds the store then is the mapping alone. */
TEST_F(mapping, removed)
{
	__u64 incarnation = self->m.head->incarnation;
	struct ds_store again;

	ASSERT_EQ(0, put(self, "r", 5000));
	ASSERT_EQ(0, compare(self, &self->m, "r"));
	ASSERT_EQ(0, ds_remove(self->store.control, self->store.name));
	EXPECT_EQ(DOCSTORE_MAP_REMOVED, self->m.head->state);
	/* It is still written to by who has it open. */
	ASSERT_EQ(0, put(self, "r", 6000));
	ASSERT_EQ(0, put(self, "s", 100000));
	EXPECT_EQ(0, compare(self, &self->m, "r"));
	EXPECT_EQ(0, compare(self, &self->m, "s"));
	/* One that is made in its place is another. */
	ASSERT_EQ(0, ds_create(self->store.control, self->store.name, 0600, 1, 0));
	again.fd = ds_open(self->store.control, self->store.name, DS_RW);
	ASSERT_LE(0, again.fd);
	EXPECT_EQ(-ENOENT, ds_fetch(again.fd, "r", self->doc));
	close(again.fd);

	close(self->fd);
	self->store.fd = -1;
	EXPECT_EQ(0, map_fetch(&self->m, "r", self->copy));
	EXPECT_EQ(0, map_fetch(&self->m, "s", self->copy));
	EXPECT_LT(100000, self->copy->size);
	touch(&self->m, 0, self->m.size);
	EXPECT_EQ(DOCSTORE_MAP_REMOVED, self->m.head->state);
	EXPECT_EQ(incarnation, self->m.head->incarnation);
}

/* KiB of one line of /proc/meminfo. */
static long meminfo(const char *what)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, what, strlen(what)))
			kib = atol(line + strlen(what));
	if (f)
		fclose(f);
	return kib;
}

/* One life of a store whose last user is a mapping. */
static int live_and_die(int round)
{
	struct ds_store s;
	struct map m;
	char value[50000] = "", id[16];
	int a, i, ret;

	ret = ds_store_begin(&s, "leak", 1, 16 << 20);
	if (ret)
		return ret;
	a = ds_prop_id(s.fd, "a");
	ret = map_open(&m, s.fd);
	for (i = 0; !ret && i < 100; i++) {
		snprintf(id, sizeof(id), "d%d", i);
		ret = ds_do(s.fd, ds_set_bytes(id, a, value, sizeof(value)));
		if (i == 50 && round % 2)
			touch(&m, 0, m.size);
	}
	if (ret)
		return ret;
	touch(&m, 0, m.size);
	ret = ds_store_end(&s);
	if (m.head->state != DOCSTORE_MAP_REMOVED)
		ret = -ENOTRECOVERABLE;
	touch(&m, 0, m.size);
	return map_close(&m) ?: ret;
}

TEST_F(mapping, memory_is_freed)
{
	int rounds = ds_scale(20), i, before = references();
	__u64 end = ds_now() + PATIENCE * DS_SECOND;
	long free;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, live_and_die(i));
	sleep(1);
	free = meminfo("MemFree:");
	ASSERT_LT(0, free);
	for (i = 0; i < rounds; i++)
		ASSERT_EQ(0, live_and_die(i));
	/* 6 MiB each, if it were lost; there is some noise. */
	while (meminfo("MemFree:") < free - 24 * 1024 && ds_now() < end)
		usleep(100000);
	EXPECT_LE(free - 24 * 1024, meminfo("MemFree:"));
	EXPECT_EQ(before, references_become(before, PATIENCE));
}

/* Kill who reads and maps, at any time. */
TEST_F(mapping, kill)
{
	unsigned int i, kills = ds_scale(60);
	int before;
	pid_t pid;

	ASSERT_EQ(10, put_many(self, "k", 10, 200000));
	before = references();
	for (i = 0; i < kills; i++) {
		pid = ds_fork();
		ASSERT_LE(0, pid);
		while (!pid) {
			int fd = ds_open(self->store.control, self->store.name, DS_READ);
			struct map m;

			DS_CHILD(fd >= 0);
			DS_CHILD_EQ(0, map_open(&m, fd));
			DS_CHILD_EQ(0, map_fetch(&m, "k3", self->copy));
			if (i % 2)
				touch(&m, m.head->arenas_offset, m.size);
			DS_CHILD_EQ(0, map_close(&m));
			close(fd);
		}
		usleep(ds_below(&self->random, 20000));
		kill(pid, SIGKILL);
		ASSERT_EQ(128 + SIGKILL, ds_wait(pid));
	}
	EXPECT_EQ(0, compare(self, &self->m, "k3"));
	EXPECT_EQ(before, references_become(before, PATIENCE));
}

/* All of it, at any time --------------------------------------------------------- */

/* From the first byte to the last; where there is no memory there are zeros. */
TEST_F(mapping, every_page)
{
	size_t gap = self->m.head->arenas_offset + self->m.head->arena_stride - 10 * PAGE, i;

	touch(&self->m, 0, self->m.size);
	for (i = 0; i < 10 * PAGE; i++)
		ASSERT_EQ(0, self->m.base[gap + i]);
	EXPECT_NE(0, put_many(self, "e", 150, 100000));
	touch(&self->m, 0, self->m.size);
}

/*
 * Chunks come and go. What was zeros is what was written then, what was one
 * document is another one, and what is gone is zeros or what it was.
 */
TEST_F(mapping, chunks_come_and_go)
{
	__u64 empty = store_bytes(self->fd), full;
	unsigned int round, n, i;
	char prefix[16], id[32];

	for (round = 0; round < ds_scale(6); round++) {
		touch(&self->m, self->m.head->arenas_offset, self->m.size);
		snprintf(prefix, sizeof(prefix), "r%u.", round);
		n = put_many(self, prefix, 200, round % 2 ? 60000 : 9000);
		ASSERT_LT(10, n);
		full = store_bytes(self->fd);
		for (i = 0; i < n; i++) {
			snprintf(id, sizeof(id), "%s%u", prefix, i);
			ASSERT_EQ(0, compare(self, &self->m, id));
		}
		ASSERT_EQ(0, delete_many(self, prefix, n));
		if (round % 2) {
			EXPECT_LT(empty + DOCSTORE_MAP_CHUNK_SIZE, full);
			/* It comes back, but for a chunk or two of each partition. */
			ASSERT_TRUE(bytes_below(self->fd, full - DOCSTORE_MAP_CHUNK_SIZE));
		}
		/* What was given back is not seen any more: it may be anybody's now. */
		full = store_bytes(self->fd);
		EXPECT_LE(chunks_seen(&self->m), full / DOCSTORE_MAP_CHUNK_SIZE);
		/* Others write there next. */
		for (i = 0; i < 1 << 20; i++)
			self->value[i] += 1 + round;
	}
}

/* The same while somebody looks at every page all the time. */
TEST_F(mapping, every_page_while_chunks_come_and_go)
{
	volatile bool *stop = ds_shared(PAGE);
	unsigned int round, n;
	pid_t pid[2];
	int i;

	for (i = 0; i < 2; i++) {
		pid[i] = ds_fork();
		ASSERT_LE(0, pid[i]);
		if (!pid[i]) {
			struct map m;

			DS_CHILD_EQ(0, map_open(&m, self->fd));
			while (!*stop) {
				touch(&self->m, self->m.head->arenas_offset, self->m.size);
				touch(&m, 0, m.size);
			}
			_exit(0);
		}
	}
	for (round = 0; round < ds_scale(5); round++) {
		__u64 full;

		n = put_many(self, "w", 120, 80000);
		ASSERT_LT(10, n);
		full = store_bytes(self->fd);
		ASSERT_EQ(0, compare(self, &self->m, "w7"));
		ASSERT_EQ(0, delete_many(self, "w", n));
		ASSERT_TRUE(bytes_below(self->fd, full - DOCSTORE_MAP_CHUNK_SIZE));
	}
	*stop = true;
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, ds_wait(pid[i]));
}

/* Other ways to the same memory ---------------------------------------------------- */

/* As a buffer of system calls: it can be copied from, not into. */
TEST_F(mapping, buffer)
{
	const struct docstore_version *v = self->copy;
	const __u8 *arena = self->m.base + self->m.head->arenas_offset;
	void *base = (void *)(uintptr_t)self->m.base;
	struct docstore_read r;
	struct docstore_op op;
	char back[8], zero;
	int pipes[2], devnull;

	ASSERT_EQ(0, pipe(pipes));
	devnull = open("/dev/zero", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, devnull);
	ASSERT_EQ(0, put(self, "b", 1000));
	EXPECT_EQ(8, write(pipes[1], base, 8));
	EXPECT_EQ(8, read(pipes[0], back, 8));
	EXPECT_EQ(0, memcmp(back, DOCSTORE_MAP_MAGIC, 8));
	EXPECT_EQ(PAGE, write(devnull, arena, PAGE));
	EXPECT_EQ(-1, read(devnull, base, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, read(devnull, (void *)(uintptr_t)arena, PAGE));
	EXPECT_EQ(EFAULT, errno);
	/* The store's own calls. */
	EXPECT_EQ(-EFAULT, ds_read(self->fd, "b", 0, base, 4096, &r));
	/* A value and an id that are read out of the store that they are written to. */
	op = ds_set_bytes("c", self->a, arena, 1 << 19);
	ASSERT_EQ(0, ds_one(self->fd, &op));
	op = ds_touch("docstore", 0);
	op.id = ds_ptr(base);
	op.id_len = 8;
	ASSERT_EQ(0, ds_one(self->fd, &op));
	EXPECT_EQ(0, compare(self, &self->m, "c"));
	EXPECT_EQ(0, compare(self, &self->m, "docstore"));
	EXPECT_EQ(8, v->id_len);
	/* Also the first time that a page is looked at: nothing was mapped yet. */
	{
		struct map m;

		ASSERT_EQ(0, map_open(&m, self->fd));
		op = ds_set_bytes("d", self->a, m.base + self->m.head->arenas_offset, 1 << 19);
		EXPECT_EQ(0, ds_one(self->fd, &op));
		EXPECT_EQ(0, compare(self, &m, "d"));
		EXPECT_EQ(0, map_close(&m));
	}
	zero = 0;
	EXPECT_EQ(1, write(devnull, &zero, 1));
	close(devnull);
}

/*
 * Pages of the mapping can't be held: who wants to, as for direct I/O, splicing or
 * debugging, is refused, or gets what is there.
 */
TEST_F(mapping, pages_are_not_held)
{
	size_t first = self->m.head->arenas_offset, second = first + DOCSTORE_MAP_CHUNK_SIZE;
	const size_t at[] = { 0, PAGE, self->m.head->names_offset, first, first + PAGE,
			      second, second + 7 * PAGE, self->m.size - PAGE };
	void *base = (void *)(uintptr_t)self->m.base;
	int pipes[2], mem;
	unsigned int i;
	char c[16];
	pid_t pid;

	put_many(self, "h", 60, 100000);
	touch(&self->m, 0, self->m.size);
	ASSERT_EQ(0, pipe(pipes));
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, mem);
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		struct iovec from = { (char *)base + at[i], 16 }, to = { c, 16 };
		struct iovec whole = { (char *)base + at[i], PAGE };
		ssize_t n;

		memset(c, 'z', sizeof(c));
		n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
		EXPECT_TRUE(n == -1 || (n == 16 && !memcmp(c, base + at[i], 16)));
		EXPECT_EQ(-1, process_vm_writev(getpid(), &to, 1, &from, 1, 0));
		n = pread(mem, c, 16, (off_t)(uintptr_t)from.iov_base);
		EXPECT_TRUE(n <= 0 || (n == 16 && !memcmp(c, base + at[i], 16)));
		EXPECT_GE(0, pwrite(mem, c, 16, (off_t)(uintptr_t)from.iov_base));
		n = vmsplice(pipes[1], &whole, 1, SPLICE_F_NONBLOCK);
		EXPECT_EQ(-1, n);
		EXPECT_EQ(EFAULT, errno);
		if (n > 0)
			TH_LOG("vmsplice held the page at %zu", at[i]);
	}
	close(mem);
	/* Advice that makes no sense here is refused or does nothing. */
	for (i = 0; i < 26; i++)
		if (i != MADV_DONTFORK)
			madvise((char *)base + first, 2 * DOCSTORE_MAP_CHUNK_SIZE, i);
	mlock(base, PAGE);
	munlock(base, PAGE);
	msync(base, self->m.size, MS_SYNC);
	EXPECT_EQ(0, compare(self, &self->m, "h3"));

	/* A debugger. */
	pid = ds_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		ptrace(PTRACE_PEEKDATA, pid, (char *)base + at[i], NULL);
		EXPECT_EQ(-1, ptrace(PTRACE_POKEDATA, pid, (char *)base + at[i], 0));
	}
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	EXPECT_EQ(0, ds_wait(pid));
	EXPECT_EQ(0, memcmp(base, DOCSTORE_MAP_MAGIC, 8));
}

/* What the kernel tells about a process can be read while it has a mapping. */
TEST_F(mapping, proc)
{
	static const char *const files[] = { "maps", "smaps", "smaps_rollup", "numa_maps", "statm",
					     "status" };
	char path[64], *buffer = ds_map(1 << 16, MAP_PRIVATE);
	unsigned int i;
	bool named = false;
	FILE *f;

	put_many(self, "p", 60, 100000);
	touch(&self->m, 0, self->m.size);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "/proc/self/%s", files[i]);
		f = fopen(path, "re");
		while (f && fgets(buffer, 1 << 16, f))
			named |= !i && strstr(buffer, self->store.name);
		if (f)
			fclose(f);
	}
	EXPECT_TRUE(named);
	f = fopen("/proc/self/pagemap", "re");
	if (f) {
		fseeko(f, (off_t)((uintptr_t)self->m.base / PAGE * 8), SEEK_SET);
		EXPECT_LT(0, fread(buffer, 8, (1 << 16) / 8, f));
		fclose(f);
	}
}

/* Faults --------------------------------------------------------------------------- */

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* The faults that the best of the chunks takes, and in @worst the worst one. */
static long chunk_faults(FIXTURE_DATA(mapping) *self, unsigned int chunks, long *worst)
{
	long best = LONG_MAX, n;
	struct map m;
	unsigned int i;

	if (map_open(&m, self->fd))
		return -1;
	touch(&m, 0, PAGE);
	*worst = 0;
	for (i = 0; i < chunks; i++) {
		size_t at = m.head->arenas_offset + i * DOCSTORE_MAP_CHUNK_SIZE;

		n = faults();
		touch(&m, at, at + DOCSTORE_MAP_CHUNK_SIZE);
		n = faults() - n;
		if (n < best)
			best = n;
		if (n > *worst)
			*worst = n;
	}
	return map_close(&m) ? -1 : best;
}

TEST_F(mapping, few_faults)
{
	long best, worst;

	ASSERT_EQ(60, put_many(self, "f", 60, 100000));
	ASSERT_LE(2U << 17, map_page(&self->m, 0)->limit);
	best = chunk_faults(self, 2, &worst);
	TH_LOG("page faults in a chunk: %ld to %ld", best, worst);
	EXPECT_LE(0, best);
	/* Sixteen pages at once, if not all of them. */
	EXPECT_GE(512 / 16 + 8, worst);
	if (sizeof(void *) == 8 && !access("/sys/kernel/mm/transparent_hugepage", F_OK))
		EXPECT_GE(2, best);

	DS_IN_CHILD({
		DS_CHILD(!prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
		best = chunk_faults(self, 2, &worst);
		DS_CHILD(best >= 0 && worst <= 512 / 16 + 8);
		DS_CHILD_EQ(0, compare(self, &self->m, "f5"));
	});
}

TEST_HARNESS_MAIN

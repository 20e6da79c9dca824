// SPDX-License-Identifier: GPL-2.0
/*
 * Readers of the mapping while everything else goes on.
 *
 * Documents tell by themselves whether they are whole: a number, bytes that follow
 * from it, and a sum of all that. Writers change them at full speed, so that memory
 * is used again all the time. What they have had acknowledged they write where
 * readers see it: what a reader finds afterwards must not be older.
 *
 * DOCSTORE_STRESS_SECONDS says for how long (20; each test takes a part of it).
 */
#define _FILE_OFFSET_BITS 64
#include "map_reader.h"

#include "docstore_harness.h"

#define WRITERS		2
#define READERS		3
#define STABLE		40		/* documents that are always there, of each writer */
#define GUESTS		60		/* that come and go */
#define DOCS		(WRITERS * (STABLE + GUESTS))
#define LARGEST		(100 << 10)
#define TRIES		50

struct shared {
	volatile bool stop;
	__u64 acked[DOCS];		/* newest version that a writer knows of */
	__u64 writes, deletes, full, reads, absent, retries, refused, maps;
};

FIXTURE(storm) {
	struct ds_store store;
	int fd;
	int number, bytes, sum;
	struct shared *shared;
	__u64 seed, end;
};

FIXTURE_VARIANT(storm) {
	__u32 partitions;
	__u64 max_bytes;
	unsigned int share;		/* of the time, in percent */
};

FIXTURE_VARIANT_ADD(storm, one_partition) {
	.partitions = 1, .max_bytes = 32 << 20, .share = 40,
};
FIXTURE_VARIANT_ADD(storm, three_partitions) {
	.partitions = 3, .max_bytes = 64 << 20, .share = 30,
};
/* So that the last chunk is wanted again and again. */
FIXTURE_VARIANT_ADD(storm, short_of_memory) {
	.partitions = 1, .max_bytes = 11 << 20, .share = 30,
};

static int begin(FIXTURE_DATA(storm) *self, const FIXTURE_VARIANT(storm) *variant)
{
	int ret = ds_store_begin(&self->store, "storm", variant->partitions, variant->max_bytes);
	unsigned int seconds = ds_env("DOCSTORE_STRESS_SECONDS", 20);

	if (ret)
		return ret;
	self->fd = self->store.fd;
	self->number = ds_prop_id(self->fd, "number");
	self->bytes = ds_prop_id(self->fd, "bytes");
	self->sum = ds_prop_id(self->fd, "sum");
	self->shared = ds_shared(sizeof(*self->shared));
	self->seed = ds_seed();
	self->end = ds_now() + ds_scale(seconds * variant->share) * (DS_SECOND / 100);
	return self->sum < 0 ? self->sum : 0;
}

FIXTURE_SETUP(storm)
{
	ASSERT_EQ(0, begin(self, variant));
}

FIXTURE_TEARDOWN(storm)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* Documents ------------------------------------------------------------------------ */

static bool stable(unsigned int doc)
{
	return doc / WRITERS < STABLE;
}

static unsigned int id_of(char *id, unsigned int doc)
{
	return snprintf(id, 16, "%s%u", stable(doc) ? "stable" : "guest", doc);
}

/* Sixteen bytes to 100 KiB: small ones more often. */
static __u32 bytes_of(__u64 number)
{
	struct ds_random r = { .state = number };
	unsigned int bits = 4 + ds_below(&r, 14);
	__u32 len = 16 + ds_below(&r, 1U << bits);

	return len > LARGEST ? LARGEST : len;
}

static void fill_bytes(__u8 *bytes, __u32 len, __u64 number)
{
	struct ds_random r = { .state = ~number };
	__u32 i;
	__u64 x;

	for (i = 0; i < len; i += 8) {
		x = ds_random(&r);
		memcpy(bytes + i, &x, len - i < 8 ? len - i : 8);
	}
}

static __u64 sum_of(const void *id, __u32 id_len, __u64 number, const __u8 *bytes, __u32 len)
{
	__u64 sum = number + 0x9e3779b97f4a7c15ULL * len, x;
	__u32 i;

	for (i = 0; i < id_len; i++)
		sum = sum * 31 + ((const __u8 *)id)[i];
	for (i = 0; i < len; i += 8) {
		x = 0;
		memcpy(&x, bytes + i, len - i < 8 ? len - i : 8);
		sum = (sum ^ x) * 0xff51afd7ed558ccdULL;
		sum ^= sum >> 29;
	}
	return sum;
}

/* 0, or what is wrong with a document. */
static int whole(const FIXTURE_DATA(storm) *self, const struct docstore_version *v,
		 const char *id, __u32 id_len)
{
	__u64 number = ds_prop_s64(v, self->number);
	struct ds_prop bytes;

	if (!ds_doc_is(v, id))
		return ds_broken("%s: another document", id);
	if (v->nprops != 3 || ds_prop(v, self->bytes, &bytes))
		return ds_broken("%s: %u properties", id, v->nprops);
	if (bytes.len != bytes_of(number))
		return ds_broken("%s: %u bytes of number %llu", id, bytes.len,
				 (unsigned long long)number);
	if ((__u64)ds_prop_s64(v, self->sum) != sum_of(id, id_len, number, bytes.value, bytes.len))
		return ds_broken("%s: torn, number %llu, %u bytes", id, (unsigned long long)number,
				 bytes.len);
	return 0;
}

/* Writers ------------------------------------------------------------------------ */

static void acknowledge(FIXTURE_DATA(storm) *self, unsigned int doc, __u64 version)
{
	__atomic_store_n(&self->shared->acked[doc], version, __ATOMIC_RELEASE);
}

static int write_one(FIXTURE_DATA(storm) *self, unsigned int doc, __u64 number, __u8 *bytes)
{
	__u32 len = bytes_of(number), failed = 0;
	struct docstore_op ops[3];
	unsigned int id_len;
	char id[16];
	int ret;

	id_len = id_of(id, doc);
	fill_bytes(bytes, len, number);
	ops[0] = ds_set_s64(id, self->number, number);
	ops[1] = ds_set_bytes(id, self->bytes, bytes, len);
	ops[2] = ds_set_s64(id, self->sum, sum_of(id, id_len, number, bytes, len));
	ret = ds_submit(self->fd, 0, ops, 3, &failed);
	if (ret)
		return ret;
	if (failed)
		return ops[1].result;
	acknowledge(self, doc, ops[0].version);
	return 0;
}

static int delete_one(FIXTURE_DATA(storm) *self, unsigned int doc)
{
	struct docstore_op op;
	char id[16];
	int ret;

	id_of(id, doc);
	op = ds_delete(id);
	ret = ds_one(self->fd, &op);
	if (!ret)
		acknowledge(self, doc, op.version);
	return ret;
}

/* Each writer has documents of its own. */
static void writer(FIXTURE_DATA(storm) *self, unsigned int me)
{
	struct ds_random random = { .state = self->seed + me };
	__u8 *bytes = ds_map(LARGEST + 8, MAP_PRIVATE);
	bool there[STABLE + GUESTS] = { false };
	__u64 number = me, writes = 0, deletes = 0, full = 0;
	unsigned int which, percent;
	int ret;

	while (!self->shared->stop) {
		which = ds_below(&random, STABLE + GUESTS);
		/* Now there are many of them, now few. */
		percent = ds_now() / (DS_SECOND / 2) % 2 ? 80 : 30;
		if (which >= STABLE && there[which] && ds_below(&random, 100) >= percent) {
			DS_CHILD_EQ(0, delete_one(self, which * WRITERS + me));
			there[which] = false;
			deletes++;
			continue;
		}
		number += WRITERS;
		ret = write_one(self, which * WRITERS + me, number, bytes);
		if (ret == -ENOSPC) {
			full++;
			continue;
		}
		DS_CHILD_EQ(0, ret);
		there[which] = true;
		writes++;
	}
	__atomic_add_fetch(&self->shared->writes, writes, __ATOMIC_RELAXED);
	__atomic_add_fetch(&self->shared->deletes, deletes, __ATOMIC_RELAXED);
	__atomic_add_fetch(&self->shared->full, full, __ATOMIC_RELAXED);
	_exit(0);
}

/* Readers ------------------------------------------------------------------------- */

static void reader(FIXTURE_DATA(storm) *self, unsigned int me)
{
	struct ds_random random = { .state = ~self->seed + me };
	struct docstore_version *v = ds_map(DS_ROOM, MAP_PRIVATE);
	int fd = ds_open(self->store.control, self->store.name, DS_READ);
	__u64 reads = 0, absent = 0, retries = 0, refused = 0, acked;
	static __u64 seen[DOCS];
	unsigned int doc, len;
	struct map m;
	char id[16];
	int ret;

	DS_CHILD(fd >= 0);
	DS_CHILD_EQ(0, map_open(&m, fd));
	while (!self->shared->stop) {
		doc = ds_below(&random, DOCS);
		len = id_of(id, doc);
		/* What is acknowledged is visible. */
		acked = __atomic_load_n(&self->shared->acked[doc], __ATOMIC_ACQUIRE);
		ret = map_read(&m, id, len, v, TRIES, &retries);
		if (ret == -EAGAIN) {
			refused++;
			continue;
		}
		reads++;
		if (ret == -ENOENT) {
			absent++;
			if (stable(doc)) {
				ds_broken("%s is there, and was not found", id);
				_exit(1);
			}
			continue;
		}
		DS_CHILD_EQ(0, ret);
		DS_CHILD_EQ(0, ds_doc_check(v, DS_ROOM));
		DS_CHILD_EQ(0, whole(self, v, id, len));
		if (v->version < acked || v->version < seen[doc]) {
			ds_broken("%s: version %llu, %llu was acknowledged, %llu was seen", id,
				  (unsigned long long)v->version, (unsigned long long)acked,
				  (unsigned long long)seen[doc]);
			_exit(1);
		}
		seen[doc] = v->version;
	}
	__atomic_add_fetch(&self->shared->reads, reads, __ATOMIC_RELAXED);
	__atomic_add_fetch(&self->shared->absent, absent, __ATOMIC_RELAXED);
	__atomic_add_fetch(&self->shared->retries, retries, __ATOMIC_RELAXED);
	__atomic_add_fetch(&self->shared->refused, refused, __ATOMIC_RELAXED);
	_exit(0);
}

/* Maps, looks, unmaps; sees nothing but that nothing happens. */
static void mapper(FIXTURE_DATA(storm) *self, unsigned int me)
{
	struct ds_random random = { .state = self->seed ^ me };
	volatile __u8 sum = 0;
	__u64 maps = 0;
	struct map m;

	DS_CHILD_EQ(0, map_open(&m, self->fd));
	while (!self->shared->stop) {
		size_t page = sysconf(_SC_PAGESIZE), pages = m.size / page;
		size_t first = m.head->arenas_offset / page;
		size_t at = first + ds_below(&random, pages - first);
		size_t n = 1 + ds_below(&random, 1500), i;
		const volatile __u8 *part;

		if (n > pages - at)
			n = pages - at;
		part = mmap(NULL, n * page, PROT_READ, MAP_SHARED, self->fd, at * page);
		DS_CHILD(part != MAP_FAILED);
		for (i = 0; i < n; i += 1 + ds_below(&random, 30))
			sum += part[i * page] + m.base[(at + i) * page];
		if (!ds_below(&random, 8)) {
			pid_t pid = fork();

			if (!pid) {
				sum += part[0] + m.base[at * page];
				_exit(0);
			}
			DS_CHILD_EQ(0, ds_wait(pid));
		}
		DS_CHILD(!munmap((void *)(uintptr_t)part, n * page));
		maps++;
	}
	__atomic_add_fetch(&self->shared->maps, maps, __ATOMIC_RELAXED);
	_exit(0);
}

TEST_F(storm, readers)
{
	struct shared *s = self->shared;
	pid_t pids[WRITERS + READERS + 1];
	__u8 *bytes = ds_map(LARGEST + 8, MAP_PRIVATE);
	unsigned int i, n = 0, left = WRITERS + READERS + 1;
	int status;

	for (i = 0; i < WRITERS * STABLE; i++)
		ASSERT_EQ(0, write_one(self, i, i + 1, bytes));
	for (i = 0; i < WRITERS + READERS + 1; i++) {
		pids[n] = ds_fork();
		ASSERT_LE(0, pids[n]);
		if (pids[n++])
			continue;
		if (i < WRITERS)
			writer(self, i);
		else if (i < WRITERS + READERS)
			reader(self, i);
		else
			mapper(self, i);
	}
	/* Who finds a fault ends; there is no need to go on then. */
	while (ds_now() < self->end) {
		if (waitpid(-1, &status, WNOHANG) > 0) {
			left--;
			EXPECT_EQ(0, status);
			break;
		}
		usleep(50000);
	}
	s->stop = true;
	while (left--) {
		ASSERT_LT(0, waitpid(-1, &status, 0));
		EXPECT_EQ(0, status);
	}
	TH_LOG("%llu writes, %llu deletes, %llu found it full; %llu reads, %llu absent; %llu retries, %llu refused; %llu parts mapped",
	       (unsigned long long)s->writes, (unsigned long long)s->deletes,
	       (unsigned long long)s->full, (unsigned long long)s->reads,
	       (unsigned long long)s->absent, (unsigned long long)s->retries,
	       (unsigned long long)s->refused, (unsigned long long)s->maps);
	EXPECT_LT(50, s->writes);
	EXPECT_LT(100, s->reads);
	EXPECT_LT(0, s->maps);
	/* To begin again is for those who were very slow. */
	EXPECT_GT(s->reads / 10 + 10, s->refused);
}

/* Stores --------------------------------------------------------------------------- */

FIXTURE(removal) {
	int control;
	char name[DOCSTORE_STORE_NAME_SIZE];
	struct shared *shared;
	__u64 seed, end;
};

FIXTURE_SETUP(removal)
{
	self->control = ds_control();
	ASSERT_LE(0, self->control);
	ds_store_name(self->name, "removal");
	self->shared = ds_shared(sizeof(*self->shared));
	self->seed = ds_seed();
	self->end = ds_now() + ds_scale(ds_env("DOCSTORE_STRESS_SECONDS", 20)) * (DS_SECOND / 4);
}

FIXTURE_TEARDOWN(removal)
{
	close(self->control);
}

/*
 * Uses a store for as long as there is one of the name, and for a while after: what
 * it has written is there, by the mapping alone.
 */
static void user(FIXTURE_DATA(removal) *self, unsigned int me)
{
	struct docstore_version *v = ds_map(DS_ROOM, MAP_PRIVATE);
	struct ds_random random = { .state = self->seed + me };
	char value[30000] = "", id[16];
	__u64 maps = 0;
	struct map m;

	while (!self->shared->stop) {
		int fd = ds_open(self->control, self->name, DS_RW), a, i, ret = 0;
		size_t at;

		if (fd == -ENOENT)
			continue;
		DS_CHILD(fd >= 0);
		a = ds_prop_id(fd, "a");
		DS_CHILD(a > 0);
		DS_CHILD_EQ(0, map_open(&m, fd));
		for (i = 0; i < 12 && !ret; i++) {
			snprintf(id, sizeof(id), "%u.%d", me, i);
			memset(value, 'a' + i, sizeof(value));
			ret = ds_do(fd, ds_set_bytes(id, a, value, sizeof(value)));
		}
		if (ret != -ENOSPC)
			DS_CHILD_EQ(0, ret);
		if (ds_below(&random, 2))
			close(fd);
		else
			ret = fd;
		for (i = 0; i < 20; i++) {
			at = ds_below(&random, m.size / 4096) * 4096;
			value[0] += *(const volatile __u8 *)(m.base + at);
		}
		snprintf(id, sizeof(id), "%u.%d", me, 0);
		ret = ret > 0 ? map_fetch(&m, id, v) ?: (close(ret), 0) : map_fetch(&m, id, v);
		DS_CHILD(!ret || ret == -ENOENT || ret == -EAGAIN);
		if (!ret)
			DS_CHILD_EQ(0, ds_doc_check(v, DS_ROOM));
		DS_CHILD(m.head->state <= DOCSTORE_MAP_REMOVED);
		DS_CHILD_EQ(0, map_close(&m));
		maps++;
	}
	__atomic_add_fetch(&self->shared->maps, maps, __ATOMIC_RELAXED);
	_exit(0);
}

/* Stores are made and removed all the time, and so are their mappings. */
TEST_F(removal, mapped)
{
	unsigned int i, rounds = 0;
	pid_t pids[3];
	int ret;

	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i])
			user(self, i);
	}
	while (ds_now() < self->end) {
		ret = ds_create(self->control, self->name, 0600, 1 + rounds % 3, 16 << 20);
		ASSERT_EQ(0, ret);
		usleep(rounds % 7 * 3000);
		ASSERT_EQ(0, ds_remove(self->control, self->name));
		rounds++;
	}
	self->shared->stop = true;
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, ds_wait(pids[i]));
	TH_LOG("%u stores, %llu mappings", rounds, (unsigned long long)self->shared->maps);
	EXPECT_LT(10, self->shared->maps);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * Many processes write and read for a while, while the workers are moved from
 * CPU to CPU by hotplug.
 *
 * Each writer owns some documents, and remembers of each what the kernel has
 * acknowledged; what it reads back must be that. All of them add to the same
 * counters, whose sums must come out. Readers look at everybody's documents:
 * every one that they get must be whole, and none must ever be older than what
 * they have seen of it.
 *
 * DOCSTORE_STRESS_SECONDS says for how long (20).
 */
#include "docstore_test.h"

#include "docstore_harness.h"

#define WRITERS		4
#define READERS		3
#define DOCS		48		/* of each writer */
#define PROPS		5
#define COUNTERS	4
#define VALUE		700		/* longest value */
#define OFFLINE		"/sys/devices/system/cpu/cpu%d/online"

/* Shared by all processes of a test. */
struct shared {
	volatile bool stop;
	__s64 sums[WRITERS][COUNTERS];	/* acknowledged */
	__u64 adds[WRITERS][COUNTERS];
	__u64 batches, reads, scanned, moves, refused;
};

FIXTURE(stress) {
	struct ds_store store;
	int fd;
	int props[PROPS];
	int value;			/* property of counters */
	int generation;
	struct shared *shared;
	__u64 seed;
};

FIXTURE_VARIANT(stress) {
	__u32 partitions;
	__u64 max_bytes;
	bool hotplug;
	unsigned int share;		/* of the time, in percent */
};

FIXTURE_VARIANT_ADD(stress, calm) {
	.partitions = 4, .max_bytes = 128 << 20, .share = 20,
};
FIXTURE_VARIANT_ADD(stress, one_partition) {
	.partitions = 1, .max_bytes = 128 << 20, .share = 15,
};
/* So little memory that it is used again and again, and is refused at times. */
FIXTURE_VARIANT_ADD(stress, short_of_memory) {
	.partitions = 2, .max_bytes = 5 << 20, .share = 15,
};
FIXTURE_VARIANT_ADD(stress, hotplug) {
	.partitions = 7, .max_bytes = 128 << 20, .hotplug = true, .share = 50,
};

FIXTURE_SETUP(stress)
{
	char name[16];
	int i;

	ASSERT_EQ(0, ds_store_begin(&self->store, "stress", variant->partitions,
				    variant->max_bytes));
	self->fd = self->store.fd;
	for (i = 0; i < PROPS; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		self->props[i] = ds_prop_id(self->fd, name);
		ASSERT_LT(0, self->props[i]);
	}
	self->value = ds_prop_id(self->fd, "value");
	self->generation = ds_prop_id(self->fd, "generation");
	ASSERT_LT(0, self->generation);
	self->shared = ds_shared(sizeof(*self->shared));
	self->seed = ds_seed();
}

FIXTURE_TEARDOWN(stress)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* What a document holds ---------------------------------------------------- */

static __u64 mix(__u64 writer, __u64 doc, __u64 generation, __u64 prop)
{
	struct ds_random r = {
		.state = writer << 48 ^ doc << 32 ^ generation << 4 ^ prop,
	};

	return ds_random(&r);
}

/* The value of a property in a generation: its length and its bytes. */
static __u32 value_of(int writer, int doc, __s64 generation, int prop,
		      __u8 *value)
{
	struct ds_random r = { .state = mix(writer, doc, generation, prop) };
	__u32 len = ds_below(&r, 10) ? ds_below(&r, 40) : ds_below(&r, VALUE);
	__u32 i;

	for (i = 0; i < len; i++)
		value[i] = ds_random(&r);
	return len;
}

static void id_of(char *id, int writer, int doc)
{
	snprintf(id, 16, "w%d.%d", writer, doc);
}

/*
 * Is it the document of one generation, as its writer put it together? Returns
 * the generation, or -1.
 */
static __s64 generation_of(FIXTURE_DATA(stress) *self,
			   const struct docstore_version *v, int writer, int doc)
{
	__s64 generation = ds_prop_s64(v, self->generation);
	__u8 value[VALUE];
	struct ds_prop p;
	__u32 len;
	int i;

	if (v->nprops != PROPS + 1) {
		ds_broken("w%d.%d has %u properties", writer, doc, v->nprops);
		return -1;
	}
	for (i = 0; i < PROPS; i++) {
		len = value_of(writer, doc, generation, i, value);
		if (ds_prop(v, self->props[i], &p) || p.len != len ||
		    memcmp(p.value, value, len)) {
			ds_broken("w%d.%d: property %d is not of generation %lld",
				  writer, doc, i, (long long)generation);
			return -1;
		}
		/* All of it was set by one batch. */
		if (p.set != (__u32)v->version) {
			ds_broken("w%d.%d: property %d was set by %u, not %llu",
				  writer, doc, i, p.set,
				  (unsigned long long)v->version);
			return -1;
		}
	}
	return generation;
}

/* Writers ------------------------------------------------------------------ */

struct known {
	__s64 generation;		/* 0: there is no document */
	__u64 version;			/* highest that was seen */
};

static void writer(FIXTURE_DATA(stress) *self, int me)
{
	struct ds_random random = { .state = self->seed + me };
	struct docstore_version *v = ds_map(DS_ROOM, MAP_PRIVATE);
	struct known known[DOCS] = { { 0 } };
	__u8 values[4][PROPS][VALUE];
	struct docstore_op ops[4 * (PROPS + 2) + 1], *op;
	int docs[4], first[4], n, d, i, p, c;
	__s64 next = 1, add, generation;
	char ids[4][16], counter[16];
	int ret;

	while (!self->shared->stop) {
		/* Up to four different documents, and a counter. */
		n = 1 + ds_below(&random, 4);
		op = ops;
		for (i = 0; i < n; i++) {
			d = docs[i] = (ds_below(&random, DOCS / 4) * 4 + i) % DOCS;
			id_of(ids[i], me, d);
			first[i] = op - ops;
			if (known[d].generation && !ds_below(&random, 8)) {
				*op++ = ds_delete(ids[i]);
				continue;
			}
			for (p = 0; p < PROPS; p++)
				*op++ = ds_set_bytes(ids[i], self->props[p],
						     values[i][p],
						     value_of(me, d, next, p,
							      values[i][p]));
			*op++ = ds_set_s64(ids[i], self->generation, next);
			if (ds_below(&random, 2))
				*op++ = ds_if(ds_touch(ids[i], 0),
					      known[d].generation ?
					      DOCSTORE_IF_VERSION :
					      DOCSTORE_IF_ABSENT,
					      known[d].generation ?
					      known[d].version : 0);
		}
		c = ds_below(&random, COUNTERS);
		snprintf(counter, sizeof(counter), "counter%d", c);
		add = (__s64)ds_below(&random, 2001) - 1000;
		*op++ = ds_add(counter, self->value, add);

		ret = ds_submit(self->fd, 0, ops, op - ops, NULL);
		DS_CHILD_EQ(0, ret);
		__sync_fetch_and_add(&self->shared->batches, 1);
		op--;
		DS_CHILD(!op->result || op->result == -ENOSPC);
		if (!op->result) {
			self->shared->sums[me][c] += add;
			self->shared->adds[me][c]++;
		}
		for (i = 0; i < n; i++) {
			op = &ops[first[i]];
			d = docs[i];
			/* Only for want of memory can it be refused. */
			if (op->result) {
				DS_CHILD(op->result == -ENOSPC ||
					 op->result == -ECANCELED);
				__sync_fetch_and_add(&self->shared->refused, 1);
			} else if (op->code == DOCSTORE_OP_DELETE) {
				known[d].generation = 0;
			} else {
				DS_CHILD(op->version > known[d].version);
				known[d].version = op->version;
				known[d].generation = next;
			}
		}
		next++;

		/* What was acknowledged is what is there. */
		i = ds_below(&random, n);
		d = docs[i];
		ret = ds_fetch(self->fd, ids[i], v);
		DS_CHILD_EQ(known[d].generation ? 0 : -ENOENT, ret);
		if (!ret) {
			generation = generation_of(self, v, me, d);
			DS_CHILD_EQ(known[d].generation, generation);
			DS_CHILD_EQ(known[d].version, v->version);
		}
	}
	/* And all of it is there in the end. */
	for (d = 0; d < DOCS; d++) {
		id_of(ids[0], me, d);
		ret = ds_fetch(self->fd, ids[0], v);
		DS_CHILD_EQ(known[d].generation ? 0 : -ENOENT, ret);
		if (!ret) {
			DS_CHILD_EQ(known[d].generation,
				    generation_of(self, v, me, d));
			DS_CHILD_EQ(known[d].version, v->version);
		}
	}
}

/* Readers ------------------------------------------------------------------ */

/* One document that was read: is it whole, and not older than the last one? */
static bool reader_sees(FIXTURE_DATA(stress) *self, struct known *seen,
			const struct docstore_version *v)
{
	__s64 generation;
	char id[256];
	int w, d;

	memcpy(id, ds_doc_id(v), v->id_len);
	id[v->id_len] = 0;
	if (!strncmp(id, "counter", 7))
		return v->nprops == 1;
	if (sscanf(id, "w%d.%d", &w, &d) != 2 || w < 0 || w >= WRITERS || d < 0 ||
	    d >= DOCS) {
		ds_broken("there is a document '%s'", id);
		return false;
	}
	generation = generation_of(self, v, w, d);
	if (generation < 0)
		return false;
	seen += w * DOCS + d;
	if (v->version < seen->version || generation < seen->generation ||
	    (v->version == seen->version && generation != seen->generation)) {
		ds_broken("%s: version %llu, generation %lld after %llu and %lld",
			  id, (unsigned long long)v->version,
			  (long long)generation,
			  (unsigned long long)seen->version,
			  (long long)seen->generation);
		return false;
	}
	seen->version = v->version;
	seen->generation = generation;
	return true;
}

static void read_some(FIXTURE_DATA(stress) *self, struct ds_random *random,
		      struct known *seen, __u8 *buffer)
{
	struct docstore_read_item items[32];
	struct docstore_read_many m;
	char ids[32][16];
	__u32 i;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		id_of(ids[i], ds_below(random, WRITERS), ds_below(random, DOCS));
		items[i].id = ds_ptr(ids[i]);
		items[i].id_len = strlen(ids[i]);
	}
	DS_CHILD_EQ(0, ds_read_many(self->fd, items, ARRAY_SIZE(items), buffer,
				    64 << 10, &m));
	for (i = 0; i < m.done; i++) {
		const struct docstore_version *v = (void *)(buffer + items[i].offset);

		if (items[i].result == -ENOENT)
			continue;
		DS_CHILD_EQ(0, items[i].result);
		DS_CHILD(!ds_doc_check(v, items[i].length));
		DS_CHILD(ds_doc_is(v, ids[i]));
		DS_CHILD(reader_sees(self, seen, v));
	}
	__sync_fetch_and_add(&self->shared->reads, m.done);
}

static void scan_all(FIXTURE_DATA(stress) *self, struct ds_random *random,
		     struct known *seen, __u8 *buffer)
{
	__u32 room = 4096 + ds_below(random, 30000);
	unsigned int calls = 0;
	struct ds_scan s;

	ds_scan_begin(&s, 0, NULL, 0);
	do {
		const struct docstore_version *v = (void *)buffer;
		int n = ds_scan_next(self->fd, &s, buffer, room);

		DS_CHILD(n >= 0);
		__sync_fetch_and_add(&self->shared->scanned, n);
		for (; n; n--) {
			DS_CHILD(v);
			DS_CHILD(!ds_doc_check(v, buffer + s.scan.used -
					       (__u8 *)v));
			DS_CHILD(reader_sees(self, seen, v));
			v = ds_doc_next(v, buffer + s.scan.used);
		}
		DS_CHILD(calls++ < 100000);
	} while (!s.end);
}

static void reader(FIXTURE_DATA(stress) *self, int me)
{
	struct ds_random random = { .state = self->seed + 1000 + me };
	struct docstore_version *v = ds_map(DS_ROOM, MAP_PRIVATE);
	struct known seen[WRITERS * DOCS] = { { 0 } };
	struct docstore_store_info info;
	char id[16];
	int i, ret;

	while (!self->shared->stop) {
		for (i = 0; i < 20; i++) {
			id_of(id, ds_below(&random, WRITERS),
			      ds_below(&random, DOCS));
			ret = ds_fetch(self->fd, id, v);
			DS_CHILD(!ret || ret == -ENOENT);
			if (!ret)
				DS_CHILD(reader_sees(self, seen, v));
		}
		__sync_fetch_and_add(&self->shared->reads, 20);
		read_some(self, &random, seen, (__u8 *)v);
		if (me == 0)
			scan_all(self, &random, seen, (__u8 *)v);
		DS_CHILD_EQ(0, ds_store_info(self->fd, &info));
		DS_CHILD(info.bytes <= info.max_bytes);
	}
}

/* CPUs --------------------------------------------------------------------- */

static int set_online(int cpu, bool online)
{
	char path[64];
	int fd, ret;

	snprintf(path, sizeof(path), OFFLINE, cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, online ? "1" : "0", 1) == 1 ? 0 : -errno;
	close(fd);
	return ret;
}

/* All CPUs but the first go and come back, one by one and together. */
static void move_workers(FIXTURE_DATA(stress) *self)
{
	struct ds_random random = { .state = self->seed + 2000 };
	int cpus = sysconf(_SC_NPROCESSORS_CONF), cpu;

	while (!self->shared->stop) {
		for (cpu = 1; cpu < cpus; cpu++) {
			/* A CPU may be busy: that is not what is tested. */
			if (!set_online(cpu, ds_below(&random, 2)))
				self->shared->moves++;
			usleep(ds_below(&random, 30000));
		}
	}
	for (cpu = 1; cpu < cpus; cpu++)
		set_online(cpu, true);
}

TEST_F_TIMEOUT(stress, stress, 24 * 3600)
{
	unsigned int seconds = ds_env("DOCSTORE_STRESS_SECONDS", ds_scale(20));
	struct shared *shared = self->shared;
	pid_t pids[WRITERS + READERS], mover = 0;
	unsigned int i, w, alive = WRITERS + READERS;
	struct docstore_store_info info;
	struct docstore_read r;
	__u64 deadline, adds;
	__s64 sum;
	int status;

	if (variant->hotplug && set_online(1, true))
		SKIP(return, "no CPU here that can be taken offline");
	deadline = ds_now() + seconds * DS_SECOND / 100 * variant->share;
	for (i = 0; i < WRITERS + READERS; i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		if (i < WRITERS)
			writer(self, i);
		else
			reader(self, i - WRITERS);
		_exit(0);
	}
	if (variant->hotplug) {
		mover = ds_fork();
		ASSERT_LE(0, mover);
		if (!mover) {
			move_workers(self);
			_exit(0);
		}
	}
	/* The first that finds something ends it for all. */
	while (!shared->stop) {
		usleep(20000);
		for (i = 0; i < WRITERS + READERS; i++) {
			if (pids[i] && waitpid(pids[i], &status, WNOHANG) > 0) {
				EXPECT_EQ(0, status);
				pids[i] = 0;
				alive--;
				shared->stop = true;
			}
		}
		if (ds_now() > deadline)
			shared->stop = true;
	}
	EXPECT_EQ(WRITERS + READERS, alive);
	for (i = 0; i < WRITERS + READERS; i++) {
		if (pids[i])
			EXPECT_EQ(0, ds_wait(pids[i]));
	}
	if (mover)
		EXPECT_EQ(0, ds_wait(mover));

	for (i = 0; i < COUNTERS; i++) {
		char id[16];

		snprintf(id, sizeof(id), "counter%u", i);
		for (sum = 0, adds = 0, w = 0; w < WRITERS; w++) {
			sum += shared->sums[w][i];
			adds += shared->adds[w][i];
		}
		/* Where memory is short, none may have been accepted. */
		if (adds) {
			EXPECT_EQ(sum, ds_fetch_s64(self->fd, id, self->value));
		} else {
			EXPECT_EQ(-ENOENT, ds_read(self->fd, id, 0, NULL, 0, &r));
		}
	}
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	EXPECT_GE(WRITERS * DOCS + COUNTERS, info.documents);
	EXPECT_LT(0, shared->batches);
	EXPECT_LT(0, shared->reads);
	if (variant->hotplug)
		EXPECT_LT(0, shared->moves);
	TH_LOG("%llu batches, %llu read, %llu scanned, %llu refused, %llu times a CPU was moved",
	       (unsigned long long)shared->batches,
	       (unsigned long long)shared->reads,
	       (unsigned long long)shared->scanned,
	       (unsigned long long)shared->refused,
	       (unsigned long long)shared->moves);
}

TEST_HARNESS_MAIN

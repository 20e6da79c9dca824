// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a store by io_uring: the same results and errors, any number at a
 * time, each completed once, with all that it has written being there by then; and
 * nothing left behind, and nobody else hurt, when a ring, a thread or a process goes.
 *
 * Everything runs where idle partitions are lent, so that most batches are complete
 * at once, and where they are not, so that all of them go through an owner.
 */
#include "uring.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include "map_reader.h"
#include "sysfs.h"

#include "docstore_harness.h"

/* Kinds of rings, and of entries; the kernel may not have all of them. */
static const struct kind {
	const char *name;
	__u32 setup;
	__u8 sqe;
} kinds[] = {
	{ "plain", 0, 0 },
	{ "by threads of io_uring", 0, IOSQE_ASYNC },
	{ "cooperative", IORING_SETUP_COOP_TASKRUN, 0 },
	{ "deferred", IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, 0 },
	{ "polled", IORING_SETUP_SQPOLL, 0 },
	{ "wide", IORING_SETUP_SQE128 | IORING_SETUP_CQE32, 0 },
};

static const char *const parameters[] = { "lend_documents", "submit_poll_us", "worker_poll_us" };

#define NPARAMETERS	ARRAY_SIZE(parameters)

static bool no_rings(int err)
{
	return err == -ENOSYS || err == -EPERM || err == -EACCES;
}

/*
 * DOCSTORE_URING_PERCENT=N: so much of it, at least once: on kernels that look for
 * errors in themselves.
 */
static unsigned int part(unsigned int n)
{
	n = ds_scale(n) * ds_env("DOCSTORE_URING_PERCENT", 100) / 100;
	return n ? n : 1;
}

#define LOADERS		3
#define LOAD_SAMPLE	512
#define LOAD_TIME	(DS_SECOND / 50)	/* what tests give up waiting for is shorter */

FIXTURE(uring) {
	struct ds_base s;
	int fd;
	int a, b;
	unsigned int saved[NPARAMETERS];
	bool no_rings;
	volatile bool *stop;
	pid_t loaders[LOADERS];
	__u32 load;
	int nloaders;
};

FIXTURE_VARIANT(uring) {
	unsigned int values[NPARAMETERS];
};

FIXTURE_VARIANT_ADD(uring, lent) { .values = { 128, 10, 0 } };
FIXTURE_VARIANT_ADD(uring, not_lent) { .values = { 0, 0, 0 } };
FIXTURE_VARIANT_ADD(uring, not_lent_polled) { .values = { 0, 50, 50 } };

static int uring_begin(FIXTURE_DATA(uring) *self, const unsigned int *values)
{
	struct ds_ring ring;
	unsigned int i;
	int ret;

	ret = ds_ring_open(&ring, 1, 0);
	self->no_rings = no_rings(ret);
	if (!ret)
		ds_ring_close(&ring);
	else if (!self->no_rings)
		return ret;
	for (i = 0; i < NPARAMETERS; i++) {
		ret = parameter_get(parameters[i], &self->saved[i]) ?:
		      parameter_set(parameters[i], values[i]);
		if (ret)
			return ret;
	}
	ret = ds_base_begin(&self->s, 4);
	self->fd = self->s.fd;
	self->a = self->s.a;
	self->b = self->s.b;
	self->stop = ds_shared(sizeof(*self->stop));
	return ret;
}

static void load_end(FIXTURE_DATA(uring) *self)
{
	*self->stop = true;
	while (self->nloaders)
		ds_wait(self->loaders[--self->nloaders]);
	*self->stop = false;
}

FIXTURE_SETUP(uring)
{
	ASSERT_EQ(0, uring_begin(self, variant->values));
	if (self->no_rings)
		SKIP(return, "this kernel has no io_uring for us");
}

FIXTURE_TEARDOWN(uring)
{
	unsigned int i;

	load_end(self);
	for (i = 0; i < NPARAMETERS; i++)
		EXPECT_EQ(0, parameter_set(parameters[i], self->saved[i]));
	EXPECT_EQ(0, ds_base_end(&self->s));
}

/* A batch that is not lent for; its documents are loader @me's. */
static int load_once(FIXTURE_DATA(uring) *self, int fd, unsigned int me, __u32 count,
		     struct docstore_op *ops, char (*ids)[16])
{
	__u32 i, failed;

	for (i = 0; i < count; i++) {
		snprintf(ids[i], sizeof(ids[i]), "l%u.%u", me, i);
		ops[i] = ds_set_s64(ids[i], self->a, i);
	}
	return ds_submit(fd, 0, ops, count, &failed);
}

/*
 * How many operations keep the owners busy for LOAD_TIME, on this machine and kernel,
 * if they are all that there is.
 */
static int load_measure(FIXTURE_DATA(uring) *self, int fd)
{
	struct docstore_op *ops = ds_map(LOAD_SAMPLE * sizeof(*ops), MAP_PRIVATE);
	char (*ids)[16] = ds_map(LOAD_SAMPLE * sizeof(*ids), MAP_PRIVATE);
	__u64 best = LOAD_TIME, took;
	int i, ret = 0;

	for (i = 0; i < 5 && !ret; i++) {
		took = ds_now();
		ret = load_once(self, fd, 0, LOAD_SAMPLE, ops, ids);
		took = ds_now() - took;
		if (took < best)
			best = took;
	}
	munmap(ops, LOAD_SAMPLE * sizeof(*ops));
	munmap(ids, LOAD_SAMPLE * sizeof(*ids));
	self->load = LOAD_SAMPLE * LOAD_TIME / (best ?: 1);
	if (self->load > DOCSTORE_MAX_OPS)
		self->load = DOCSTORE_MAX_OPS;
	return ret;
}

/* Keep the partitions of a store busy. */
static void load(FIXTURE_DATA(uring) *self, int fd, unsigned int me)
{
	struct docstore_op *ops = ds_map(self->load * sizeof(*ops), MAP_PRIVATE);
	char (*ids)[16] = ds_map(self->load * sizeof(*ids), MAP_PRIVATE);

	while (!*self->stop)
		DS_CHILD_EQ(0, load_once(self, fd, me, self->load, ops, ids));
}

static int load_begin(FIXTURE_DATA(uring) *self, int fd)
{
	int ret = load_measure(self, fd);

	if (ret)
		return ret;
	for (; self->nloaders < LOADERS; self->nloaders++) {
		pid_t pid = ds_fork();

		if (pid < 0)
			return pid;
		if (!pid) {
			load(self, fd, self->nloaders);
			_exit(0);
		}
		self->loaders[self->nloaders] = pid;
	}
	return 0;
}

/* A ring of this kind; true if the kernel has none. */
static bool kind_missing(struct ds_ring *ring, const struct kind *kind, __u32 entries)
{
	int ret = ds_ring_open(ring, entries, kind->setup);

	if (ret == -EINVAL && kind->setup)
		return true;
	if (ret) {
		ds_broken("a ring, %s: %d", kind->name, ret);
		abort();
	}
	return false;
}

/* The same results ---------------------------------------------------------- */

#define TWIN_IDS	6
#define TWIN_OPS	6
#define TWIN_VALUE	64

struct twin {
	struct docstore_op ops[TWIN_OPS];
	__u8 out[TWIN_OPS][2 * TWIN_VALUE + 512];
	struct docstore_submit arg;
};

static const char *const twin_ids[TWIN_IDS] = { "p", "q", "r", "a longer id", "s", "t" };

/* Right as a rule; wrong in all sorts of ways now and then. */
static struct docstore_op random_op(struct ds_random *r, __u8 *value, bool deletes)
{
	struct docstore_op op = ds_op(1 + ds_below(r, 8), twin_ids[ds_below(r, TWIN_IDS)]);

	if (op.code == DOCSTORE_OP_DELETE && !deletes)
		op.code = DOCSTORE_OP_GET;
	op.property = 1 + ds_below(r, 3);
	switch (op.code) {
	case DOCSTORE_OP_SET:
		op.type = 1 + ds_below(r, DOCSTORE_TYPE_JSON);
		if (op.type >= DOCSTORE_TYPE_STRING) {
			op.value = ds_ptr(value);
			op.value_len = ds_below(r, TWIN_VALUE);
		} else if (op.type != DOCSTORE_TYPE_NULL) {
			op.value = ds_below(r, 2);
		}
		break;
	case DOCSTORE_OP_ADD:
		op.type = DOCSTORE_TYPE_S64;
		op.value = ds_below(r, 8) ? ds_random(r) >> 8 : ds_random(r) >> 1;
		break;
	case DOCSTORE_OP_TOUCH:
		op.property = 0;
		op.type = ds_below(r, 2) ? DOCSTORE_TYPE_U64 : DOCSTORE_TYPE_NONE;
		op.value = op.type ? ds_below(r, 1000) : 0;
		break;
	case DOCSTORE_OP_DELETE:
	case DOCSTORE_OP_CHECK:
		op.property = 0;
		break;
	case DOCSTORE_OP_UNSET:
		op.property = ds_below(r, 4);
		break;
	case DOCSTORE_OP_GET:
		op.property = ds_below(r, 4);
		op.value_len = ds_below(r, 3) ? 2 * TWIN_VALUE : ds_below(r, 9);
		break;
	}
	if (!ds_below(r, 5))
		op.flags = 1 << ds_below(r, deletes ? 2 : 3);
	if (op.flags & DOCSTORE_IF_VERSION)
		op.version = ds_below(r, 6);
	if (ds_below(r, 40))
		return op;
	switch (ds_below(r, 9)) {
	case 0: op.code = 9 + ds_below(r, 247); break;
	case 1: op.flags |= 8U << ds_below(r, 5); break;
	case 2: op.type = ds_below(r, 256); break;
	case 3: op.id_len = 0; break;
	case 4: op.__reserved0 = 1; break;
	case 5: op.property = ds_below(r, 2) ? 4 : ~0U; break;
	case 6: op.id = ds_below(r, 2) ? 8 : ~0ULL << 40; break;
	case 7: op.version = 1; break;
	case 8: op.__reserved2[1] = 1; break;
	}
	return op;
}

/* The same batch twice, each with memory of its own for answers. */
static void random_batch(struct ds_random *r, struct twin *twins, __u8 *value, bool deletes)
{
	__u32 i, count = 1 + ds_below(r, TWIN_OPS);
	struct docstore_submit arg = {
		.size = sizeof(arg),
		.flags = ds_below(r, 3) ? 0 : DOCSTORE_SUBMIT_ATOMIC,
		.op_size = sizeof(struct docstore_op),
		.count = count,
		.failed = DS_POISON32,
	};

	if (!ds_below(r, 30)) {
		switch (ds_below(r, 5)) {
		case 0: arg.flags = 1U << ds_below(r, 32); break;
		case 1: arg.op_size = ds_below(r, 64); break;
		case 2: arg.count = ds_below(r, 2) ? 0 : ~0U; break;
		case 3: arg.size = ds_below(r, sizeof(arg)); break;
		case 4: arg.ops = 16; break;
		}
	}
	memset(twins, DS_POISON, 2 * sizeof(*twins));
	for (i = 0; i < count; i++) {
		struct docstore_op op = random_op(r, value, deletes);

		op.result = (__s32)DS_POISON32;
		twins[0].ops[i] = op;
		twins[1].ops[i] = op;
		if (op.code == DOCSTORE_OP_GET) {
			twins[0].ops[i].value = ds_ptr(twins[0].out[i]);
			twins[1].ops[i].value = ds_ptr(twins[1].out[i]);
		}
	}
	for (i = 0; i < 2; i++) {
		twins[i].arg = arg;
		if (!arg.ops)
			twins[i].arg.ops = ds_ptr(twins[i].ops);
	}
}

/* Zero what two documents may differ in. */
static void forget_times(void *doc)
{
	struct docstore_version *v = doc;

	v->seq = 0;
	v->created = 0;
	v->changed = 0;
}

static bool twins_same(struct twin *t, bool deletes)
{
	const __u8 *a = (void *)&t[0], *b = (void *)&t[1];
	__u32 i;

	t[0].arg.ops = 0;
	t[1].arg.ops = 0;
	for (i = 0; i < TWIN_OPS; i++) {
		if (deletes) {
			t[0].ops[i].version = 0;
			t[1].ops[i].version = 0;
		}
		if (t[0].ops[i].code != DOCSTORE_OP_GET)
			continue;
		if (!t[0].ops[i].property) {
			if (deletes)
				memset(t[0].out[i], 0, sizeof(t[0].out[i]));
			if (deletes)
				memset(t[1].out[i], 0, sizeof(t[1].out[i]));
			forget_times(t[0].out[i]);
			forget_times(t[1].out[i]);
		}
		t[0].ops[i].value = 0;
		t[1].ops[i].value = 0;
	}
	for (i = 0; i < sizeof(t[0]); i++) {
		if (a[i] != b[i]) {
			ds_broken("byte %u is %#x by ioctl, %#x by a ring", i, a[i], b[i]);
			return false;
		}
	}
	return true;
}

static bool docs_same(const struct docstore_version *a, const struct docstore_version *b,
		      bool deletes)
{
	struct ds_prop p, q;
	unsigned int i;

	if (a->nprops != b->nprops || a->type != b->type ||
	    (!deletes && a->version != b->version))
		return false;
	for (i = 0; i < a->nprops; i++) {
		p = ds_prop_at(a, i);
		q = ds_prop_at(b, i);
		if (p.name != q.name || p.type != q.type || p.len != q.len ||
		    (!deletes && p.set != q.set) || memcmp(p.value, q.value, p.len))
			return false;
	}
	return true;
}

static int twin_store(FIXTURE_DATA(uring) *self, const char *name)
{
	int fd, i, ret = ds_create(self->s.store.control, name, 0600, 1, 0);

	if (ret)
		return ret;
	fd = ds_open(self->s.store.control, name, DS_RW);
	for (i = 0; fd >= 0 && i < 3; i++) {
		if (ds_prop_id(fd, (char[2]) { 'a' + i }) != i + 1)
			return -ENOTRECOVERABLE;
	}
	return fd;
}

/*
 * Any sequence of batches leads to the same, by ioctl and by each kind of ring. The
 * version of a document that was deleted and made again depends on whether its store
 * has forgotten it meanwhile: where there are deletions, versions don't count.
 */
TEST_F_TIMEOUT(uring, batches_as_by_ioctl, DS_TIMEOUT)
{
	struct docstore_version *docs[2] = {
		ds_map(DS_ROOM, MAP_PRIVATE), ds_map(DS_ROOM, MAP_PRIVATE)
	};
	struct twin *twins = ds_map(2 * sizeof(*twins), MAP_PRIVATE);
	unsigned int rounds = part(200), refused = 0, failed = 0;
	unsigned int round, n, k, i;
	bool deletes;
	struct ds_random random = { .state = ds_seed() };
	char name[2][DOCSTORE_STORE_NAME_SIZE];
	__u8 value[TWIN_VALUE];
	int fds[2], ret[2];
	struct ds_ring ring;

	memset(value, '7', sizeof(value));
	for (n = 0; n < 2 * ARRAY_SIZE(kinds); n++) {
		k = n / 2;
		deletes = n % 2;
		if (kind_missing(&ring, &kinds[k], 8)) {
			TH_LOG("no ring: %s", kinds[k].name);
			continue;
		}
		for (i = 0; i < 2; i++) {
			ds_store_name(name[i], i ? "twin1" : "twin0");
			fds[i] = twin_store(self, name[i]);
			ASSERT_LE(0, fds[i]);
		}
		for (round = 0; round < rounds; round++) {
			random_batch(&random, twins, value, deletes);
			ret[0] = ds_ioctl(fds[0], DOCSTORE_SUBMIT, &twins[0].arg);
			ret[1] = ds_ring_ioctl(&ring, kinds[k].sqe, fds[1],
					       DOCSTORE_SUBMIT, &twins[1].arg);
			ASSERT_EQ(ret[0], ret[1]);
			refused += ret[0] != 0;
			failed += !ret[0] && twins[0].arg.failed;
			ASSERT_TRUE(twins_same(twins, deletes)) {
				TH_LOG("batch %u by a ring, %s", round, kinds[k].name);
			}
			for (i = 0; round % 10 == 0 && i < TWIN_IDS; i++) {
				ret[0] = ds_fetch(fds[0], twin_ids[i], docs[0]);
				ret[1] = ds_fetch(fds[1], twin_ids[i], docs[1]);
				ASSERT_EQ(ret[0], ret[1]);
				if (ret[0])
					continue;
				ASSERT_TRUE(docs_same(docs[0], docs[1], deletes));
			}
		}
		for (i = 0; i < 2; i++) {
			close(fds[i]);
			ASSERT_EQ(0, ds_remove(self->s.store.control, name[i]));
		}
		EXPECT_EQ(0, ds_ring_close(&ring));
	}
	/* It is about both what is right and what is wrong. */
	EXPECT_LT(rounds / 20, refused);
	EXPECT_GT(rounds * n / 2, refused);
	EXPECT_LT(rounds / 4, failed);
}

#define ITEMS		8
#define OUT		8192

/* All that a call takes and gives, in memory that is always the same. */
struct call {
	union {
		struct docstore_info info;
		struct docstore_store_info store;
		struct docstore_intern intern;
		struct docstore_names names;
		struct docstore_read read;
		struct docstore_read_many many;
		struct docstore_scan scan;
		__u32 words[1024 + 1];
	} arg;
	struct docstore_name name[ITEMS];
	struct docstore_read_item item[ITEMS];
	char id[ITEMS][16];
	__u8 out[OUT];
};

static void call_prepare(struct call *c, __u32 op)
{
	int i;

	memset(c, DS_POISON, sizeof(*c));
	memset(&c->arg, 0, sizeof(c->arg));
	for (i = 0; i < ITEMS; i++) {
		/* The last two are not there. */
		snprintf(c->id[i], sizeof(c->id[i]), "doc%d", i);
		c->name[i].name = ds_ptr(i % 2 ? "a" : "unknown");
		c->name[i].len = i % 2 ? 1 : 7;
		c->item[i].id = ds_ptr(c->id[i]);
		c->item[i].id_len = strlen(c->id[i]);
	}
	switch (op) {
	case DOCSTORE_INFO:
		c->arg.info.size = sizeof(c->arg.info);
		break;
	case DOCSTORE_STORE_INFO:
		c->arg.store.size = sizeof(c->arg.store);
		break;
	case DOCSTORE_INTERN:
		c->arg.intern = (struct docstore_intern) {
			.size = sizeof(c->arg.intern), .names = ds_ptr(c->name),
			.name_size = sizeof(c->name[0]), .count = ITEMS,
		};
		break;
	case DOCSTORE_NAMES:
		c->arg.names = (struct docstore_names) {
			.size = sizeof(c->arg.names), .buffer = ds_ptr(c->out),
			.buffer_len = OUT, .first = 1,
		};
		break;
	case DOCSTORE_READ:
		c->arg.read = (struct docstore_read) {
			.size = sizeof(c->arg.read), .id = ds_ptr(c->id[1]),
			.id_len = strlen(c->id[1]), .buffer = ds_ptr(c->out),
			.buffer_len = OUT,
		};
		break;
	case DOCSTORE_READ_MANY:
		c->arg.many = (struct docstore_read_many) {
			.size = sizeof(c->arg.many), .items = ds_ptr(c->item),
			.item_size = sizeof(c->item[0]), .count = ITEMS,
			.buffer = ds_ptr(c->out), .buffer_len = OUT,
		};
		break;
	case DOCSTORE_SCAN:
		c->arg.scan = (struct docstore_scan) {
			.size = sizeof(c->arg.scan), .prefix = ds_ptr("doc"),
			.prefix_len = 3, .buffer = ds_ptr(c->out), .buffer_len = OUT,
		};
		break;
	}
}

/* Make a call by ioctl and by a ring; 0 if both gave the same. */
static int call_compare(struct call *c, struct call *copy, struct ds_ring *ring, __u8 flags,
			int fd, __u32 op, unsigned int word, __u32 value)
{
	int ret[2];

	call_prepare(c, op);
	if (word < ARRAY_SIZE(c->arg.words))
		c->arg.words[word] = value;
	ret[0] = ds_ioctl(fd, op, &c->arg);
	memcpy(copy, c, sizeof(*c));
	call_prepare(c, op);
	if (word < ARRAY_SIZE(c->arg.words))
		c->arg.words[word] = value;
	ret[1] = ds_ring_ioctl(ring, flags, fd, op, &c->arg);
	if (ret[0] != ret[1])
		return ds_broken("word %u of call %u is %#x: %d by ioctl, %d by a ring", word,
				 _IOC_NR(op), value, ret[0], ret[1]);
	/* Counters that others count on meanwhile are no matter here. */
	if (memcmp(c, copy, sizeof(*c)))
		return ds_broken("word %u of call %u is %#x: both return %d, with other results",
				 word, _IOC_NR(op), value, ret[0]);
	return 0;
}

/* Every word of every argument, wrong in all sorts of ways. */
TEST_F_TIMEOUT(uring, calls_as_by_ioctl, DS_TIMEOUT)
{
	static const struct {
		__u32 op;
		__u32 size;
	} ops[] = {
		{ DOCSTORE_INFO, sizeof(struct docstore_info) },
		{ DOCSTORE_STORE_INFO, sizeof(struct docstore_store_info) },
		{ DOCSTORE_INTERN, sizeof(struct docstore_intern) },
		{ DOCSTORE_NAMES, sizeof(struct docstore_names) },
		{ DOCSTORE_READ, sizeof(struct docstore_read) },
		{ DOCSTORE_READ_MANY, sizeof(struct docstore_read_many) },
		{ DOCSTORE_SCAN, sizeof(struct docstore_scan) },
	};
	static const __u32 values[] = { 0, 1, 3, 255, 1U << 31, ~0U };
	struct call *c = ds_map(sizeof(*c), MAP_PRIVATE);
	struct call *copy = ds_map(sizeof(*copy), MAP_PRIVATE);
	int control = self->s.store.control, fds[3];
	unsigned int k, i, word, v, f, all = part(6) > 1 ? 1 : 7;
	struct ds_ring ring;

	for (i = 0; i < ITEMS - 2; i++) {
		snprintf(c->id[i], sizeof(c->id[i]), "doc%u", i);
		ASSERT_EQ(0, ds_do(self->fd, ds_set_s64(c->id[i], self->a, i)));
	}
	fds[0] = self->fd;
	fds[1] = ds_open(control, self->s.store.name, DS_READ);
	fds[2] = ds_open(control, self->s.store.name, DS_WRITE);
	ASSERT_LE(0, fds[1]);
	ASSERT_LE(0, fds[2]);
	/* Until what is cleaned up is clean, and numbers stay what they are. */
	usleep(300000);
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (kind_missing(&ring, &kinds[k], 8))
			continue;
		for (i = 0; i < ARRAY_SIZE(ops); i++) {
			for (f = 0; f < 3; f++)
				ASSERT_EQ(0, call_compare(c, copy, &ring, kinds[k].sqe, fds[f],
							  ops[i].op, ~0U, 0));
			/* The size too short, longer than known, and too long. */
			for (v = 4 * (k % all); v <= ops[i].size + 16; v += 4 * all)
				ASSERT_EQ(0, call_compare(c, copy, &ring, kinds[k].sqe, fds[0],
							  ops[i].op, 0, v));
			for (v = 4096; v <= 4100; v += 4)
				ASSERT_EQ(0, call_compare(c, copy, &ring, kinds[k].sqe, fds[0],
							  ops[i].op, 0, v));
			/* All kinds of rings come by the same place, so each sees some. */
			for (word = 1 + k % all; word < ops[i].size / 4; word += all)
				for (v = 0; v < ARRAY_SIZE(values); v++)
					ASSERT_EQ(0, call_compare(c, copy, &ring, kinds[k].sqe,
								  fds[0], ops[i].op, word,
								  values[v]));
		}
		EXPECT_EQ(0, ds_ring_close(&ring));
	}
	close(fds[1]);
	close(fds[2]);
}

/* Names are made by io_uring as well. */
TEST_F(uring, intern)
{
	struct docstore_name names[3] = {
		{ .name = ds_ptr("new one"), .len = 7 },
		{ .name = ds_ptr("b"), .len = 1 },
		{ .name = ds_ptr("another"), .len = 7 },
	};
	struct docstore_intern i = {
		.size = sizeof(i), .flags = DOCSTORE_INTERN_CREATE, .names = ds_ptr(names),
		.name_size = sizeof(names[0]), .count = 3, .done = DS_POISON32,
	};
	struct ds_ring ring;

	ASSERT_EQ(0, ds_ring_open(&ring, 4, 0));
	ASSERT_EQ(0, ds_ring_ioctl(&ring, 0, self->fd, DOCSTORE_INTERN, &i));
	EXPECT_EQ(3, i.done);
	EXPECT_EQ(4, names[0].id);
	EXPECT_EQ(2, names[1].id);
	EXPECT_EQ(5, names[2].id);
	EXPECT_EQ(4, ds_intern(self->fd, 0, "new one", 7));
	/* What was done is told when the call fails, too. */
	names[0].len = 4;
	names[1].name = 8;
	i.done = DS_POISON32;
	EXPECT_EQ(-EFAULT, ds_ring_ioctl(&ring, 0, self->fd, DOCSTORE_INTERN, &i));
	EXPECT_EQ(1, i.done);
	EXPECT_EQ(6, names[0].id);
	EXPECT_EQ(0, ds_ring_close(&ring));
}

/* What is not ours ------------------------------------------------------------ */

static int one_entry(struct ds_ring *ring, const struct io_uring_sqe *entry, const __u64 *cmd)
{
	struct io_uring_sqe *sqe = ds_ring_sqe(ring);
	__u64 data;
	int ret, res;

	memcpy(sqe, entry, offsetof(struct io_uring_sqe, cmd));
	memcpy((__u8 *)sqe + offsetof(struct io_uring_sqe, cmd), cmd, 16);
	ret = ds_ring_wait(ring, &data, &res);
	return ret ? DS_CALL(-ret) : res;
}

TEST_F(uring, bad_entries)
{
	struct docstore_info info = { .size = sizeof(info) };
	struct io_uring_sqe good = {
		.opcode = IORING_OP_URING_CMD, .fd = self->fd, .cmd_op = DOCSTORE_INFO,
	}, sqe;
	__u64 cmd[2] = { ds_ptr(&info), 0 };
	unsigned int k, i;
	struct ds_ring ring;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (kind_missing(&ring, &kinds[k], 4))
			continue;
		good.flags = kinds[k].sqe;
		EXPECT_EQ(0, one_entry(&ring, &good, cmd));
		for (i = 0; i < 64; i += 9) {
			cmd[1] = 1ULL << i;
			EXPECT_EQ(-EINVAL, one_entry(&ring, &good, cmd));
		}
		cmd[1] = 0;
		cmd[0] = 8;
		EXPECT_EQ(-EFAULT, one_entry(&ring, &good, cmd));
		cmd[0] = ~0ULL << 47;
		EXPECT_EQ(-EFAULT, one_entry(&ring, &good, cmd));
		cmd[0] = ~0ULL;
		EXPECT_EQ(-EFAULT, one_entry(&ring, &good, cmd));
		cmd[0] = ds_ptr(&info);
		/* No such ioctl, or none of stores. */
		for (i = 0; i < 20; i++) {
			sqe = good;
			sqe.cmd_op = i < 16 ? 1U << (2 * i) : DOCSTORE_INFO + 15 + i;
			EXPECT_EQ(-ENOTTY, one_entry(&ring, &sqe, cmd));
		}
		sqe = good;
		sqe.cmd_op = DOCSTORE_STORE_CREATE;
		EXPECT_EQ(-ENOTTY, one_entry(&ring, &sqe, cmd));
		sqe.cmd_op = DOCSTORE_STORE_LIST;
		EXPECT_EQ(-ENOTTY, one_entry(&ring, &sqe, cmd));
		/* The control node has no commands. */
		sqe = good;
		sqe.fd = self->s.store.control;
		EXPECT_EQ(-EOPNOTSUPP, one_entry(&ring, &sqe, cmd));
		/* What the ring itself refuses. */
		sqe = good;
		sqe.uring_cmd_flags = 1U << 30;
		EXPECT_EQ(-EINVAL, one_entry(&ring, &sqe, cmd));
		sqe = good;
		sqe.fd = -1;
		EXPECT_EQ(-EBADF, one_entry(&ring, &sqe, cmd));
		EXPECT_EQ(0, one_entry(&ring, &good, cmd));
		EXPECT_EQ(0, ds_ring_close(&ring));
	}
}

/* Rights are those of the descriptor. */
TEST_F(uring, rights)
{
	int control = self->s.store.control;
	int r = ds_open(control, self->s.store.name, DS_READ);
	int w = ds_open(control, self->s.store.name, DS_WRITE);
	char buffer[512];
	struct docstore_op ops[] = {
		ds_set_s64("x", self->a, 1), ds_get("x", self->a, buffer, sizeof(buffer)),
	};
	struct docstore_submit s = {
		.size = sizeof(s), .op_size = sizeof(ops[0]), .count = 1,
	};
	struct docstore_read read = {
		.size = sizeof(read), .id = ds_ptr("x"), .id_len = 1,
		.buffer = ds_ptr(buffer), .buffer_len = sizeof(buffer),
	};
	struct ds_ring ring;

	ASSERT_LE(0, r);
	ASSERT_LE(0, w);
	ASSERT_EQ(0, ds_ring_open(&ring, 4, 0));
	s.ops = ds_ptr(&ops[0]);
	EXPECT_EQ(-EBADF, ds_ring_ioctl(&ring, 0, r, DOCSTORE_SUBMIT, &s));
	EXPECT_EQ(0, ds_version_of(self->fd, "x"));
	EXPECT_EQ(0, ds_ring_ioctl(&ring, 0, w, DOCSTORE_SUBMIT, &s));
	EXPECT_EQ(1, ds_version_of(self->fd, "x"));
	s.ops = ds_ptr(&ops[1]);
	EXPECT_EQ(-EBADF, ds_ring_ioctl(&ring, 0, w, DOCSTORE_SUBMIT, &s));
	EXPECT_EQ(0, ds_ring_ioctl(&ring, 0, r, DOCSTORE_SUBMIT, &s));
	EXPECT_EQ(DOCSTORE_TYPE_S64, ops[1].type);
	EXPECT_EQ(-EBADF, ds_ring_ioctl(&ring, 0, w, DOCSTORE_READ, &read));
	EXPECT_EQ(0, ds_ring_ioctl(&ring, 0, r, DOCSTORE_READ, &read));
	EXPECT_EQ(0, ds_ring_close(&ring));
	close(r);
	close(w);
}

/* Rings that poll for completions: newer kernels let those do the rest as usual. */
TEST_F(uring, ring_for_polling)
{
	struct docstore_op op = ds_add("x", self->a, 1);
	struct docstore_submit s = {
		.size = sizeof(s), .ops = ds_ptr(&op), .op_size = sizeof(op), .count = 1,
	};
	struct docstore_read_item item = { .id = ds_ptr("x"), .id_len = 1 };
	char buffer[512];
	struct docstore_read_many m = {
		.size = sizeof(m), .items = ds_ptr(&item), .item_size = sizeof(item),
		.count = 1, .buffer = ds_ptr(buffer), .buffer_len = sizeof(buffer),
	};
	struct ds_ring ring;
	int i, ret, done = 0;

	ASSERT_EQ(0, ds_ring_open(&ring, 4, IORING_SETUP_IOPOLL));
	for (i = 0; i < 10; i++) {
		op.version = 0;
		ret = ds_ring_ioctl(&ring, 0, self->fd, DOCSTORE_SUBMIT, &s);
		ASSERT_TRUE(!ret || ret == -EOPNOTSUPP || ret == -EINVAL) {
			TH_LOG("returned %d", ret);
		}
		done += !ret;
		ret = ds_ring_ioctl(&ring, 0, self->fd, DOCSTORE_READ_MANY, &m);
		ASSERT_TRUE(!ret || ret == -EOPNOTSUPP || ret == -EINVAL);
	}
	EXPECT_TRUE(!done || done == 10);
	EXPECT_EQ(done, (int)ds_version_of(self->fd, "x"));
	EXPECT_EQ(0, ds_ring_close(&ring));
}

TEST_F(uring, registered_file)
{
	struct docstore_op op = ds_add("x", self->a, 1);
	struct docstore_submit s = {
		.size = sizeof(s), .ops = ds_ptr(&op), .op_size = sizeof(op), .count = 1,
	};
	__s32 fds[2] = { -1, ds_open(self->s.store.control, self->s.store.name, DS_RW) };
	struct ds_ring ring;
	unsigned int k, i, done = 0;

	ASSERT_LE(0, fds[1]);
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (kind_missing(&ring, &kinds[k], 4))
			continue;
		ASSERT_EQ(0, syscall(__NR_io_uring_register, ring.fd, IORING_REGISTER_FILES,
				     fds, 2));
		for (i = 0; i < 10; i++) {
			op.version = 0;
			ASSERT_EQ(0, ds_ring_ioctl(&ring, kinds[k].sqe | IOSQE_FIXED_FILE, 1,
						   DOCSTORE_SUBMIT, &s));
			done++;
			ASSERT_EQ(0, op.result);
			ASSERT_EQ(done, op.version);
		}
		EXPECT_EQ(-EBADF, ds_ring_ioctl(&ring, kinds[k].sqe | IOSQE_FIXED_FILE, 0,
						DOCSTORE_SUBMIT, &s));
		EXPECT_EQ(0, ds_ring_close(&ring));
	}
	close(fds[1]);
}

/* Entries in a chain are carried out one after the other; its rest falls with one. */
TEST_F(uring, links)
{
	struct {
		struct docstore_op ops[2];
		struct docstore_submit arg;
		__s64 got;
		int res;
	} *jobs = ds_map(16 * sizeof(*jobs), MAP_PRIVATE), *job;
	struct ds_ring ring;
	__s64 sum = 0;
	unsigned int k, i, round;
	__u64 data;
	int res;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (kind_missing(&ring, &kinds[k], 16))
			continue;
		for (round = 0; round < 5; round++) {
			for (i = 0; i < 16; i++) {
				struct io_uring_sqe *sqe = ds_ring_sqe(&ring);

				job = &jobs[i];
				job->got = -1;
				job->ops[0] = ds_add("x", self->a, 1);
				job->ops[1] = ds_get("x", self->a, &job->got, sizeof(job->got));
				job->arg = (struct docstore_submit) {
					.size = sizeof(job->arg), .ops = ds_ptr(job->ops),
					.op_size = sizeof(job->ops[0]), .count = 2,
				};
				/* In every other round one in the middle is refused. */
				if (round % 2 && i == 9)
					job->arg.flags = 1 << 9;
				ds_ring_fill(sqe, self->fd, DOCSTORE_SUBMIT, &job->arg, i);
				sqe->flags = kinds[k].sqe | (i < 15 ? IOSQE_IO_LINK : 0);
			}
			for (i = 0; i < 16; i++) {
				ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
				ASSERT_GT(16, data);
				jobs[data].res = res;
			}
			for (i = 0; i < 16; i++) {
				if (round % 2 && i >= 9) {
					ASSERT_EQ(i == 9 ? -EINVAL : -ECANCELED, jobs[i].res);
					ASSERT_EQ(-1, jobs[i].got);
					continue;
				}
				ASSERT_EQ(0, jobs[i].res);
				ASSERT_EQ(++sum, jobs[i].got);
			}
		}
		EXPECT_EQ(0, ds_ring_close(&ring));
	}
	EXPECT_EQ(sum, ds_fetch_s64(self->fd, "x", self->a));
}

/* Many at a time -------------------------------------------------------------- */

#define BATCHES		256
#define SHARED		4
#define JOB_OPS		4

struct job {
	struct docstore_op ops[JOB_OPS];
	struct docstore_submit arg;
	char own[16];
	__s64 got;
	bool done;
};

static const char *const shared_ids[SHARED] = { "shared0", "shared1", "shared2", "shared3" };

static void job_prepare(FIXTURE_DATA(uring) *self, struct job *job, unsigned int i)
{
	unsigned int n;

	snprintf(job->own, sizeof(job->own), "own%u", i);
	job->got = -1;
	job->done = false;
	job->ops[0] = ds_add(shared_ids[i % SHARED], self->a, 1);
	job->ops[1] = ds_set_s64(job->own, self->a, i);
	job->ops[2] = ds_set_s64(job->own, self->b, -(__s64)i);
	job->ops[3] = ds_get(job->own, self->a, &job->got, sizeof(job->got));
	for (n = 0; n < JOB_OPS; n++)
		job->ops[n].result = (__s32)DS_POISON32;
	job->arg = (struct docstore_submit) {
		.size = sizeof(job->arg), .ops = ds_ptr(job->ops),
		.op_size = sizeof(job->ops[0]), .count = JOB_OPS, .failed = DS_POISON32,
	};
}

/* All that a batch has to tell is there when its completion is. */
static int job_check(FIXTURE_DATA(uring) *self, struct job *job, int res, unsigned int i,
		     const struct map *map, struct docstore_version *doc)
{
	unsigned int n;
	int ret;

	if (job->done)
		return ds_broken("batch %u is complete twice", i);
	job->done = true;
	if (res || job->arg.failed)
		return ds_broken("batch %u: %d, %u failed", i, res, job->arg.failed);
	for (n = 0; n < JOB_OPS; n++)
		if (job->ops[n].result || !job->ops[n].version)
			return ds_broken("batch %u, operation %u: %d", i, n,
					 job->ops[n].result);
	if (job->got != i || job->ops[3].type != DOCSTORE_TYPE_S64 ||
	    job->ops[3].value_len != 8)
		return ds_broken("batch %u read %lld", i, (long long)job->got);
	if (ds_fetch_s64(self->fd, job->own, self->b) != -(__s64)i)
		return ds_broken("what batch %u wrote is not there", i);
	ret = map_read(map, job->own, strlen(job->own), doc, 1000, NULL);
	if (ret || ds_prop_s64(doc, self->a) != i)
		return ds_broken("a mapped reader does not see batch %u: %d", i, ret);
	return 0;
}

TEST_F_TIMEOUT(uring, many_under_way, DS_TIMEOUT)
{
	struct job *jobs = ds_map(BATCHES * sizeof(*jobs), MAP_PRIVATE);
	struct docstore_version *doc = ds_map(DS_ROOM, MAP_PRIVATE);
	unsigned int k, i, j, round, rounds = part(3), done = 0, before;
	struct docstore_store_info info;
	bool seen[BATCHES];
	struct ds_ring ring;
	struct map map;
	__u64 data;
	int res;

	ASSERT_EQ(0, map_open(&map, self->fd));
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		/* All of them at once, and by and by as there is room. */
		for (round = 0; round < 2 * rounds; round++) {
			if (kind_missing(&ring, &kinds[k], round % 2 ? 16 : BATCHES))
				break;
			ASSERT_EQ(0, ds_store_info(self->fd, &info));
			before = info.batches;
			for (i = 0; i < BATCHES; i++) {
				struct io_uring_sqe *sqe;

				job_prepare(self, &jobs[i], i);
				while (!(sqe = ds_ring_sqe(&ring)))
					ASSERT_LE(0, ds_ring_enter(&ring, 0));
				ds_ring_fill(sqe, self->fd, DOCSTORE_SUBMIT, &jobs[i].arg, i);
				sqe->flags = kinds[k].sqe;
			}
			for (i = 0; i < BATCHES; i++) {
				ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
				ASSERT_GT(BATCHES, data);
				ASSERT_EQ(0, job_check(self, &jobs[data], res, data, &map, doc));
			}
			/* And nothing else comes. */
			ASSERT_LE(0, ds_ring_enter(&ring, 0));
			ASSERT_FALSE(ds_ring_cqe(&ring, &data, &res));
			done += BATCHES / SHARED;
			ASSERT_EQ(0, ds_store_info(self->fd, &info));
			ASSERT_EQ(before + BATCHES, info.batches);
			/* Each has made a version of its own, in whatever order. */
			for (j = 0; j < SHARED; j++) {
				memset(seen, 0, sizeof(seen));
				for (i = j; i < BATCHES; i += SHARED) {
					__u64 v = jobs[i].ops[0].version;

					ASSERT_LT(done - BATCHES / SHARED, v);
					ASSERT_GE(done, v);
					ASSERT_FALSE(seen[done - v]);
					seen[done - v] = true;
				}
				ASSERT_EQ(done, ds_fetch_s64(self->fd, shared_ids[j], self->a));
			}
			EXPECT_EQ(0, ds_ring_close(&ring));
		}
	}
	/* These are the paths that were meant to be taken. */
	ASSERT_EQ(0, ds_store_info(self->fd, &info));
	if (variant->values[0]) {
		EXPECT_LT(0, info.lent);
	} else {
		EXPECT_EQ(0, info.lent);
	}
	EXPECT_EQ(0, map_close(&map));
}

/* More completions than the ring has room for wait, and are not lost. */
TEST_F(uring, overflow)
{
	struct job *jobs = ds_map(BATCHES * sizeof(*jobs), MAP_PRIVATE);
	struct docstore_version *doc = ds_map(DS_ROOM, MAP_PRIVATE);
	struct ds_ring ring;
	unsigned int i;
	struct map map;
	__u64 data;
	int res;

	ASSERT_EQ(0, map_open(&map, self->fd));
	ASSERT_EQ(0, ds_ring_open(&ring, 8, 0));
	for (i = 0; i < 64; i++) {
		struct io_uring_sqe *sqe = ds_ring_sqe(&ring);

		ASSERT_NE(NULL, sqe);
		job_prepare(self, &jobs[i], i);
		ds_ring_fill(sqe, self->fd, DOCSTORE_SUBMIT, &jobs[i].arg, i);
		if (i % 8 == 7) {
			/* No completion is looked at. */
			__atomic_store_n(ds_ring_word(&ring, ring.sq.tail), ring.tail,
					 __ATOMIC_RELEASE);
			ASSERT_EQ(8, syscall(__NR_io_uring_enter, ring.fd, 8, 0, 0, NULL, 0));
			ring.waiting = 0;
		}
	}
	for (i = 0; i < 64; i++) {
		ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
		ASSERT_GT(64, data);
		ASSERT_EQ(0, job_check(self, &jobs[data], res, data, &map, doc));
	}
	EXPECT_EQ(0, ds_ring_close(&ring));
	EXPECT_EQ(0, map_close(&map));
}

/* A child has the ring of its parent, and its own memory. */
TEST_F(uring, child)
{
	struct job *job = ds_map(sizeof(*job), MAP_PRIVATE);
	struct docstore_version *doc = ds_map(DS_ROOM, MAP_PRIVATE);
	struct ds_ring ring;
	struct map map;
	int i;

	ASSERT_EQ(0, map_open(&map, self->fd));
	ASSERT_EQ(0, ds_ring_open(&ring, 8, 0));
	job_prepare(self, job, 7);
	DS_IN_CHILD({
		for (i = 0; i < 20; i++) {
			job_prepare(self, job, i);
			DS_CHILD_EQ(0, job_check(self, job,
						 ds_ring_ioctl(&ring, 0, self->fd,
							       DOCSTORE_SUBMIT, &job->arg),
						 i, &map, doc));
		}
	});
	EXPECT_EQ(-1, job->got);
	EXPECT_EQ((__s32)DS_POISON32, job->ops[0].result);
	EXPECT_EQ(0, ds_ring_close(&ring));
	EXPECT_EQ(0, map_close(&map));
}

/* IORING_OP_ASYNC_CANCEL finds a command or does not; each completes once. */
TEST_F_TIMEOUT(uring, cancel_one, DS_TIMEOUT)
{
	struct job *jobs = ds_map(32 * sizeof(*jobs), MAP_PRIVATE);
	unsigned int k, i, round, canceled = 0;
	__s64 expected = 0, sum = 0;
	struct io_uring_sqe *sqe;
	struct ds_ring ring;
	bool seen[64];
	__u64 data;
	int res;

	ASSERT_EQ(0, load_begin(self, self->fd));
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (kind_missing(&ring, &kinds[k], 64))
			continue;
		for (round = 0; round < part(5); round++) {
			for (i = 0; i < 32; i++) {
				job_prepare(self, &jobs[i], i);
				sqe = ds_ring_sqe(&ring);
				ASSERT_NE(NULL, sqe);
				ds_ring_fill(sqe, self->fd, DOCSTORE_SUBMIT, &jobs[i].arg, i);
				sqe->flags = kinds[k].sqe;
			}
			ASSERT_LE(0, ds_ring_enter(&ring, 0));
			for (i = 0; i < 32; i++) {
				while (!(sqe = ds_ring_sqe(&ring)))
					ASSERT_LE(0, ds_ring_enter(&ring, 0));
				sqe->opcode = IORING_OP_ASYNC_CANCEL;
				sqe->fd = -1;
				sqe->addr = i;
				sqe->user_data = 32 + i;
			}
			memset(seen, 0, sizeof(seen));
			for (i = 0; i < 64; i++) {
				ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
				ASSERT_GT(64, data);
				ASSERT_FALSE(seen[data]);
				seen[data] = true;
				if (data >= 32)
					continue;
				ASSERT_TRUE(!res || res == -ECANCELED);
				expected += !res;
				canceled += res == -ECANCELED;
				/* What was canceled was not even looked at. */
				ASSERT_EQ(res ? (__s32)DS_POISON32 : 0,
					  jobs[data].ops[0].result);
			}
		}
		EXPECT_EQ(0, ds_ring_close(&ring));
	}
	for (i = 0; i < SHARED; i++)
		sum += ds_fetch_s64(self->fd, shared_ids[i], self->a);
	EXPECT_EQ(expected, sum);
	TH_LOG("%lld done, %u canceled", (long long)expected, canceled);
}

/* Time limits ------------------------------------------------------------------ */

/* What is too late was not done, and never is; what is not was done. */
TEST_F_TIMEOUT(uring, timeout, DS_TIMEOUT)
{
	struct job *jobs = ds_map(64 * sizeof(*jobs), MAP_PRIVATE);
	unsigned int k, i, late = 0, in_part = 0, all = 0;
	__u64 begin = ds_now();
	__s64 done[SHARED] = { 0 };
	struct ds_ring ring;
	__u64 data;
	int res;

	ASSERT_EQ(0, load_begin(self, self->fd));
	for (i = 0; i < SHARED; i++)
		ASSERT_EQ(0, ds_do(self->fd, ds_set_s64(shared_ids[i], self->a, 0)));
	/* Longer where chance has it that none is too late. */
	for (k = 0; ds_now() < begin + part(5) * DS_SECOND ||
	     (!late && ds_now() < begin + 60 * DS_SECOND); k = (k + 1) % ARRAY_SIZE(kinds)) {
		if (kind_missing(&ring, &kinds[k], 64))
			continue;
		for (i = 0; i < 64; i++) {
			struct io_uring_sqe *sqe = ds_ring_sqe(&ring);

			job_prepare(self, &jobs[i], i);
			jobs[i].arg.timeout_ms = 1 + i % 3;
			if (i % 16 == 15)
				jobs[i].arg.timeout_ms = ~0U;
			ds_ring_fill(sqe, self->fd, DOCSTORE_SUBMIT, &jobs[i].arg, i);
			sqe->flags = kinds[k].sqe;
		}
		for (i = 0; i < 64; i++) {
			const struct docstore_op *op;

			ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
			ASSERT_GT(64, data);
			ASSERT_FALSE(jobs[data].done);
			jobs[data].done = true;
			op = &jobs[data].ops[0];
			if (res) {
				ASSERT_EQ(-ETIMEDOUT, res);
				ASSERT_NE(15, data % 16);
				ASSERT_EQ((__s32)DS_POISON32, op->result);
				ASSERT_EQ(DS_POISON32, jobs[data].arg.failed);
				late++;
				continue;
			}
			ASSERT_TRUE(!op->result || op->result == -ECANCELED);
			done[data % SHARED] += !op->result;
			/* One partition of two may have had its turn. */
			if (jobs[data].arg.failed)
				in_part++;
			else
				all++;
		}
		EXPECT_EQ(0, ds_ring_close(&ring));
	}
	load_end(self);
	for (i = 0; i < SHARED; i++)
		EXPECT_EQ(done[i], ds_fetch_s64(self->fd, shared_ids[i], self->a));
	EXPECT_LT(0, late);
	EXPECT_LT(0, all);
	TH_LOG("%u done, %u in part, %u too late", all, in_part, late);
}

/* Memory ------------------------------------------------------------------------ */

/* Where results cannot be written: EFAULT, and nothing else is hurt. */
TEST_F(uring, unmapped_meanwhile)
{
	static const struct kind *kind = &kinds[3];
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned int round, what;
	struct docstore_submit *arg;
	struct docstore_op *ops;
	struct ds_ring ring;
	__u64 data;
	__u8 *got;
	int res;

	/* A ring whose completions wait until they are asked for. */
	if (kind_missing(&ring, kind, 8))
		SKIP(return, "this kernel has no rings that defer");
	for (round = 0; round < 30; round++) {
		what = round % 3;
		arg = ds_map(page, MAP_PRIVATE);
		ops = ds_map(page, MAP_PRIVATE);
		got = ds_map(page, MAP_PRIVATE);
		ops[0] = ds_add("x", self->a, 1);
		ops[1] = ds_get("x", self->a, got, 8);
		*arg = (struct docstore_submit) {
			.size = sizeof(*arg), .ops = ds_ptr(ops), .op_size = sizeof(*ops),
			.count = 2,
		};
		ds_ring_fill(ds_ring_sqe(&ring), self->fd, DOCSTORE_SUBMIT, arg, round);
		/* Without asking for events: nothing completes but what is at once. */
		__atomic_store_n(ds_ring_word(&ring, ring.sq.tail), ring.tail, __ATOMIC_RELEASE);
		ASSERT_EQ(1, syscall(__NR_io_uring_enter, ring.fd, 1, 0, 0, NULL, 0));
		ring.waiting = 0;
		munmap(what == 0 ? (void *)arg : what == 1 ? (void *)ops : got, page);
		ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
		ASSERT_EQ(round, data);
		ASSERT_TRUE(res == -EFAULT || (!res && variant->values[0]));
		/* It was carried out all the same. */
		ASSERT_EQ(round + 1, ds_version_of(self->fd, "x"));
		if (what != 0)
			munmap(arg, page);
		if (what != 1)
			munmap(ops, page);
		if (what != 2)
			munmap(got, page);
	}
	EXPECT_EQ(0, ds_ring_close(&ring));
}

#define LARGE		60000
#define LARGE_DOCS	160
#define LARGE_DEPTH	32

struct large {
	struct docstore_op op;
	struct docstore_submit arg;
	char id[16];
	__u8 value[LARGE];
	bool under_way;
};

/*
 * A store that is full: what has no room says so and has done nothing, and what was
 * written over makes room for more.
 */
TEST_F_TIMEOUT(uring, full_store, DS_TIMEOUT)
{
	struct large *jobs = ds_map(LARGE_DOCS * sizeof(*jobs), MAP_PRIVATE);
	struct docstore_version *doc = ds_map(DS_ROOM, MAP_PRIVATE);
	unsigned int round, i, k, next, under_way, ok, full;
	bool *there = ds_map(LARGE_DOCS, MAP_PRIVATE);
	struct docstore_store_info info;
	struct ds_store store;
	struct ds_ring ring;
	__u64 data;
	int res, p;

	ASSERT_EQ(0, ds_store_begin(&store, "full", 2, 6 << 20));
	p = ds_prop_id(store.fd, "p");
	for (round = 0; round < part(ARRAY_SIZE(kinds) + 2); round++) {
		k = round % ARRAY_SIZE(kinds);
		if (kind_missing(&ring, &kinds[k], LARGE_DEPTH))
			continue;
		ok = 0;
		full = 0;
		under_way = 0;
		for (next = 0; next < LARGE_DOCS || under_way; ) {
			while (next < LARGE_DOCS && under_way < LARGE_DEPTH) {
				struct io_uring_sqe *sqe = ds_ring_sqe(&ring);
				struct large *job = &jobs[next];

				if (!sqe)
					break;
				snprintf(job->id, sizeof(job->id), "big%u", next);
				memset(job->value, round, LARGE);
				job->op = ds_set_bytes(job->id, p, job->value, LARGE);
				job->op.result = (__s32)DS_POISON32;
				job->arg = (struct docstore_submit) {
					.size = sizeof(job->arg), .ops = ds_ptr(&job->op),
					.op_size = sizeof(job->op), .count = 1,
				};
				ds_ring_fill(sqe, store.fd, DOCSTORE_SUBMIT, &job->arg, next);
				sqe->flags = kinds[k].sqe;
				next++;
				under_way++;
			}
			ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
			under_way--;
			ASSERT_GT(LARGE_DOCS, data);
			ASSERT_EQ(0, res);
			res = jobs[data].op.result;
			ASSERT_TRUE(!res || res == -ENOSPC || res == -ENOMEM) {
				TH_LOG("returned %d", res);
			}
			ASSERT_EQ(!!res, jobs[data].arg.failed);
			if (res) {
				full++;
			} else {
				ok++;
				there[data] = true;
			}
			i = ds_fetch(store.fd, jobs[data].id, doc);
			ASSERT_EQ(there[data] ? 0 : (unsigned int)-ENOENT, i);
			if (!res)
				ASSERT_EQ(0, memcmp(ds_prop_at(doc, 0).value,
						    jobs[data].value, LARGE));
		}
		EXPECT_LT(0, ok);
		EXPECT_LT(0, full);
		for (i = 0, k = 0; i < LARGE_DOCS; i++)
			k += there[i];
		ASSERT_EQ(0, ds_store_info(store.fd, &info));
		EXPECT_EQ(k, info.documents);
		TH_LOG("%u done, %u without room, %u there", ok, full, k);
		/* Deleting always works. */
		for (i = round % 2; i < LARGE_DOCS; i += 2) {
			jobs[i].op = ds_delete(jobs[i].id);
			ASSERT_EQ(0, ds_ring_ioctl(&ring, 0, store.fd, DOCSTORE_SUBMIT,
						   &jobs[i].arg));
			ASSERT_EQ(there[i] ? 0 : -ENOENT, jobs[i].op.result);
			there[i] = false;
		}
		EXPECT_EQ(0, ds_ring_close(&ring));
	}
	EXPECT_EQ(0, ds_store_end(&store));
}

/* The end of things --------------------------------------------------------------- */

/* What is under way goes on when its store's name and its descriptor are gone. */
TEST_F_TIMEOUT(uring, store_removed, DS_TIMEOUT)
{
	struct job *jobs = ds_map(BATCHES * sizeof(*jobs), MAP_PRIVATE);
	unsigned int k, i, round, before;
	struct ds_store store;
	struct ds_ring ring;
	__u64 data;
	int res, n;

	before = references();
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (round = 0; round < part(4); round++) {
			if (kind_missing(&ring, &kinds[k], BATCHES))
				break;
			ASSERT_EQ(0, ds_store_begin(&store, "gone", 3, 0));
			for (n = 0; n < 2; n++)
				ASSERT_EQ(n + 1, ds_prop_id(store.fd, n ? "b" : "a"));
			for (i = 0; i < BATCHES; i++) {
				struct io_uring_sqe *sqe = ds_ring_sqe(&ring);

				job_prepare(self, &jobs[i], i);
				ds_ring_fill(sqe, store.fd, DOCSTORE_SUBMIT, &jobs[i].arg, i);
				sqe->flags = kinds[k].sqe;
			}
			ASSERT_LE(0, ds_ring_enter(&ring, 0));
			while (ds_ring_left(&ring))
				sched_yield();
			ASSERT_EQ(0, round % 2 ? ds_store_end(&store) : close(store.fd));
			for (i = 0; i < BATCHES; i++) {
				ASSERT_EQ(0, ds_ring_wait(&ring, &data, &res));
				ASSERT_GT(BATCHES, data);
				/* What a thread has not begun with finds no descriptor. */
				if (res == -EBADF && kinds[k].sqe & IOSQE_ASYNC)
					continue;
				ASSERT_EQ(0, res);
				ASSERT_EQ(0, jobs[data].arg.failed);
				ASSERT_EQ((__s64)data, jobs[data].got);
			}
			store.fd = -1;
			if (!(round % 2))
				ASSERT_EQ(0, ds_store_end(&store));
			EXPECT_EQ(0, ds_ring_close(&ring));
		}
	}
	if (references() >= 0)
		EXPECT_EQ(before, (unsigned int)references_become(before, 30));
}

enum end {
	END_CLOSE,
	END_EXIT,
	END_KILL,
	END_EXEC,
	END_THREAD,
	END_KILLED,
	ENDS
};

static const char *const end_names[ENDS] = {
	"the ring is closed", "the process exits", "it kills itself", "it is another program",
	"the thread exits", "it is killed",
};

#define COUNTERS	3
#define VICTIM_BATCHES	400

static const char *const counters[COUNTERS] = { "counter0", "counter1", "counter2" };

struct victim {
	struct docstore_op ops[COUNTERS + 1];
	struct docstore_submit arg;
};

struct victims {
	int fd, a;
	const struct kind *kind;
	struct victim *jobs;
	void *answers;
};

/* Hundreds of batches, each for all counters; and nobody waits for them. */
static void *submit_and_leave(void *data)
{
	struct victims *v = data;
	struct ds_ring ring;
	unsigned int i, n;

	if (ds_ring_open(&ring, VICTIM_BATCHES, v->kind->setup))
		return NULL;
	for (i = 0; i < VICTIM_BATCHES; i++) {
		struct victim *job = &v->jobs[i];
		struct io_uring_sqe *sqe = ds_ring_sqe(&ring);

		for (n = 0; n < COUNTERS; n++)
			job->ops[n] = ds_add(counters[n], v->a, 1);
		job->ops[COUNTERS] = ds_get(counters[0], 0, (char *)v->answers + 256 * i, 256);
		job->arg = (struct docstore_submit) {
			.size = sizeof(job->arg), .flags = DOCSTORE_SUBMIT_ATOMIC,
			.ops = ds_ptr(job->ops), .op_size = sizeof(job->ops[0]),
			.count = COUNTERS + 1,
		};
		ds_ring_fill(sqe, v->fd, DOCSTORE_SUBMIT, &job->arg, i);
		sqe->flags = v->kind->sqe;
		if (i % 100 == 99)
			ds_ring_enter(&ring, 0);
	}
	return (void *)(intptr_t)ring.fd;
}

static void victim(struct victims *v, enum end end)
{
	pthread_t thread;
	void *ret;

	if (end == END_THREAD) {
		DS_CHILD_EQ(0, pthread_create(&thread, NULL, submit_and_leave, v));
		DS_CHILD_EQ(0, pthread_join(thread, &ret));
		/* The others go on, and their memory is not touched any more. */
		memset(v->jobs, 0, VICTIM_BATCHES * sizeof(*v->jobs));
		usleep(1000);
		_exit(0);
	}
	ret = submit_and_leave(v);
	switch (end) {
	case END_CLOSE:
		close((intptr_t)ret);
		usleep(1000);
		break;
	case END_KILL:
		kill(getpid(), SIGKILL);
		break;
	case END_EXEC:
		execl("/bin/true", "true", NULL);
		break;
	case END_KILLED:
		for (;;)
			pause();
	default:
		break;
	}
	_exit(0);
}

/* All counters at one moment; -1 if they differ. */
static __s64 count(int fd, int a)
{
	struct docstore_op ops[COUNTERS];
	__s64 values[COUNTERS];
	__u32 failed = 0;
	int i;

	for (i = 0; i < COUNTERS; i++)
		ops[i] = ds_get(counters[i], a, &values[i], sizeof(values[i]));
	if (ds_submit(fd, DOCSTORE_SUBMIT_ATOMIC, ops, COUNTERS, &failed) || failed)
		return -1;
	for (i = 1; i < COUNTERS; i++)
		if (values[i] != values[0])
			return ds_broken("%lld of %s, %lld of %s", (long long)values[0],
					 counters[0], (long long)values[i], counters[i]);
	return values[0];
}

/*
 * Rings, threads and processes end with hundreds of batches under way: each batch is
 * carried out wholly or not at all, and none stays.
 */
TEST_F_TIMEOUT(uring, ends, DS_TIMEOUT)
{
	struct victims v = {
		.jobs = ds_map(VICTIM_BATCHES * sizeof(*v.jobs), MAP_PRIVATE),
		.answers = ds_map(VICTIM_BATCHES * 256, MAP_PRIVATE),
	};
	struct ds_random random = { .state = ds_seed() };
	struct docstore_store_info info;
	unsigned int round, i, end, k;
	__s64 now, last, done[ENDS] = { 0 };
	unsigned int runs[ENDS] = { 0 };
	struct ds_store store;
	struct ds_ring ring;
	int before;
	pid_t pid;

	/* One partition; coordinator_test.c has batches that span several. */
	ASSERT_EQ(0, ds_store_begin(&store, "ends", 1, 256 << 20));
	v.fd = store.fd;
	v.a = ds_prop_id(store.fd, "a");
	for (i = 0; i < COUNTERS; i++)
		ASSERT_EQ(0, ds_do(store.fd, ds_set_s64(counters[i], v.a, 0)));
	before = references();
	ASSERT_EQ(0, load_begin(self, store.fd));
	last = 0;
	for (round = 0; round < 2 * ENDS || round < part(2 * ENDS * ARRAY_SIZE(kinds)); round++) {
		end = round % ENDS;
		k = (round + round / ENDS) % ARRAY_SIZE(kinds);
		if (kind_missing(&ring, &kinds[k], 1))
			continue;
		ds_ring_close(&ring);
		v.kind = &kinds[k];
		pid = ds_fork();
		ASSERT_LE(0, pid);
		if (!pid)
			victim(&v, end);
		if (end == END_KILLED) {
			usleep(ds_below(&random, 40000));
			ASSERT_EQ(0, kill(pid, SIGKILL));
		}
		ASSERT_EQ(end == END_KILL || end == END_KILLED ? 128 + SIGKILL : 0,
			  ds_wait(pid));
		for (i = 0; i < 3; i++) {
			now = count(store.fd, v.a);
			ASSERT_LE(last, now);
			done[end] += now - last;
			last = now;
			usleep(ds_below(&random, 3000));
		}
		runs[end]++;
		ASSERT_GE((__s64)(round + 1) * VICTIM_BATCHES, now);
	}
	load_end(self);
	if (before >= 0)
		EXPECT_EQ(before, references_become(before, 30));
	now = count(store.fd, v.a);
	ASSERT_LE(last, now);
	/* Nothing comes later. */
	usleep(200000);
	EXPECT_EQ(now, count(store.fd, v.a));
	EXPECT_EQ((__u64)now + 1, ds_version_of(store.fd, counters[0]));
	ASSERT_EQ(0, ds_store_info(store.fd, &info));
	EXPECT_EQ(COUNTERS + LOADERS * self->load, info.documents);
	for (end = 0; end < ENDS; end++)
		TH_LOG("%s: about %lld of %u batches were carried out", end_names[end],
		       (long long)done[end], runs[end] * VICTIM_BATCHES);
	EXPECT_EQ(0, ds_store_end(&store));
}

/*
 * Answers for a process that is gone go nowhere: least of all to another process,
 * whose memory the kernel happens to have at hand, at the same addresses.
 */
TEST_F_TIMEOUT(uring, strangers, DS_TIMEOUT)
{
	const size_t size = VICTIM_BATCHES * sizeof(struct victim);
	struct victims v = {
		.jobs = ds_map(size, MAP_PRIVATE),
		.answers = ds_map(VICTIM_BATCHES * 256, MAP_PRIVATE),
	};
	unsigned int round, rounds = part(60), i;
	struct ds_store store;
	pid_t strangers[4], pid;
	volatile bool *stop = ds_shared(1);

	ASSERT_EQ(0, ds_store_begin(&store, "strange", 1, 256 << 20));
	v.fd = store.fd;
	v.a = ds_prop_id(store.fd, "a");
	for (i = 0; i < COUNTERS; i++)
		ASSERT_EQ(0, ds_do(store.fd, ds_set_s64(counters[i], v.a, 0)));
	for (i = 0; i < ARRAY_SIZE(strangers); i++) {
		strangers[i] = ds_fork();
		ASSERT_LE(0, strangers[i]);
		if (strangers[i])
			continue;
		/* Pages of its own, with nothing in them. */
		memset(v.jobs, 0, size);
		memset(v.answers, 0, VICTIM_BATCHES * 256);
		while (!*stop) {
			const __u8 *jobs = (void *)v.jobs, *answers = v.answers;

			for (size_t n = 0; n < size; n++)
				DS_CHILD(!jobs[n]);
			for (size_t n = 0; n < VICTIM_BATCHES * 256; n++)
				DS_CHILD(!answers[n]);
			sched_yield();
		}
		_exit(0);
	}
	for (round = 0; round < rounds; round++) {
		v.kind = &kinds[round % 2 ? 0 : 2];
		pid = ds_fork();
		ASSERT_LE(0, pid);
		if (!pid)
			victim(&v, round % 4 == 0 ? END_KILL : round % 4 == 3 ? END_THREAD :
				   END_EXIT);
		ASSERT_EQ(round % 4 ? 0 : 128 + SIGKILL, ds_wait(pid));
	}
	*stop = true;
	for (i = 0; i < ARRAY_SIZE(strangers); i++)
		EXPECT_EQ(0, ds_wait(strangers[i]));
	EXPECT_LE(0, count(store.fd, v.a));
	EXPECT_EQ(0, ds_store_end(&store));
}

TEST_HARNESS_MAIN

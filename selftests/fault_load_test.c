// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that change and read documents of their own for a while, and are
 * refused memory or access to theirs with some chance wherever that can be. Each
 * remembers what its documents hold, and looks whether the store agrees.
 *
 * FAULT_SECONDS says for how long (4, and see DOCSTORE_TEST_SCALE).
 */
#include "fault_inject.h"
#include "fault_model.h"
#include "snapshot.h"

#include "docstore_harness.h"

#define TIMEOUT		36000
#define PROPS		4
#define NAMES		4		/* at a time, of a process's */
#define ALL_NAMES	500
#define ROOM		(64 << 10)
#define LARGE		20000
#define MIB		(1ULL << 20)

/* Shared by the test and its processes. */
struct counts {
	__u64 calls, failed;
};

FIXTURE(load) {
	struct fault_inject inject;
	struct ds_store store;
	int p[PROPS];
	struct counts *counts;
	__u64 seed;
};

FIXTURE_VARIANT(load) {
	unsigned int memory, user;	/* chance in percent */
	unsigned int small;		/* so many values to a large one */
	unsigned int processes;
	__u32 partitions;
	__u64 max_bytes;
};

FIXTURE_VARIANT_ADD(load, memory) {
	.memory = 5, .small = 12, .processes = 1, .partitions = 3,
	.max_bytes = 64 * MIB,
};
FIXTURE_VARIANT_ADD(load, user_space) {
	.user = 5, .small = 12, .processes = 1, .partitions = 3,
	.max_bytes = 64 * MIB,
};
/* So that the store grows, and memory is lacking where a batch is under way. */
FIXTURE_VARIANT_ADD(load, growth) {
	.memory = 20, .small = 1, .processes = 1, .partitions = 4,
	.max_bytes = 64 * MIB,
};
FIXTURE_VARIANT_ADD(load, one_partition) {
	.memory = 4, .user = 2, .small = 12, .processes = 1, .partitions = 1,
	.max_bytes = 64 * MIB,
};
/* Little memory, even when none is refused. */
FIXTURE_VARIANT_ADD(load, small_store) {
	.memory = 10, .small = 1, .processes = 1, .partitions = 2,
	.max_bytes = 5 * MIB,
};
FIXTURE_VARIANT_ADD(load, many_processes) {
	.memory = 4, .user = 2, .small = 5, .processes = 4, .partitions = 3,
	.max_bytes = 64 * MIB,
};

FIXTURE_SETUP(load)
{
	int i;

	ASSERT_EQ(0, ds_store_begin(&self->store, "load", variant->partitions,
				    variant->max_bytes));
	for (i = 0; i < PROPS; i++) {
		char name[2] = { 'a' + i };

		self->p[i] = ds_prop_id(self->store.fd, name);
		ASSERT_EQ(i + 1, self->p[i]);
	}
	self->counts = ds_shared(sizeof(*self->counts));
	self->seed = ds_seed();
	ASSERT_EQ(0, fault_begin(&self->inject));
}

FIXTURE_TEARDOWN(load)
{
	fault_end(&self->inject);
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* What a process has. */
struct process {
	struct fault_inject inject;
	struct model model;
	struct model frozen;		/* what a snapshot has, if there is one */
	struct ds_random random;
	struct counts *counts;
	const int *p;
	unsigned int small;
	int me;
	char prefix[8];
	__u8 *value, *out;		/* ROOM bytes each */
};

static unsigned int below(struct process *p, unsigned int n)
{
	return ds_below(&p->random, n);
}

static void begin(struct process *p)
{
	fault_make_it_fail(&p->inject, true);
}

/* The call has returned @ret, which may be what it is without a fault. */
static void end(struct process *p, int ret, int otherwise)
{
	fault_make_it_fail(&p->inject, false);
	__sync_fetch_and_add(&p->counts->calls, 1);
	if (ret == otherwise)
		return;
	__sync_fetch_and_add(&p->counts->failed, 1);
	if (ret != -ENOMEM && ret != -EFAULT) {
		ds_broken("a call returned %d (%s)", ret, strerror(-ret));
		_exit(1);
	}
}

static struct docstore_op any_op(struct process *p, const char *id)
{
	int property = p->p[1 + below(p, PROPS - 1)];
	struct docstore_op op;
	__u32 len;

	switch (below(p, 15)) {
	case 0:
	case 1:
		return ds_add(id, p->p[0], below(p, 1000));
	case 2:
		return ds_unset(id, below(p, 4) ? property : 0);
	case 3:
		return ds_delete(id);
	case 4:
		return ds_touch(id, 0);
	case 5:
		return ds_set_type(id, below(p, 2) ? property : 0);
	case 6:
		op = ds_get(id, 0, p->out, ROOM);
		return op;
	case 7:
		return ds_if(ds_set_s64(id, p->p[0], below(p, 1000)),
			     DOCSTORE_IF_ABSENT, 0);
	case 8:
	case 9:
		return ds_set_s64(id, p->p[0], below(p, 1000));
	case 10:
		return ds_check(id, below(p, 2) ? DOCSTORE_IF_EXISTS : 0, 0);
	default:
		len = below(p, p->small + 1) ? below(p, 60) : below(p, LARGE);
		return ds_set_bytes(id, property,
				    p->value + below(p, ROOM - LARGE), len);
	}
}

static void change(struct process *p)
{
	static const int results[] = {
		0, -ENOMEM, -ENOSPC, -ECANCELED, -EEXIST, -ENODATA, -ENOENT,
	};
	struct docstore_op ops[12];
	__u32 flags, i, count = 1 + below(p, ARRAY_SIZE(ops));
	unsigned int r;
	int ret;

	for (i = 0; i < count; i++)
		ops[i] = any_op(p, p->model.docs[below(p, MODEL_DOCS)].id);
	flags = below(p, 2) ? DOCSTORE_SUBMIT_ATOMIC : 0;
	begin(p);
	ret = ds_submit(p->model.fd, flags, ops, count, NULL);
	end(p, ret, 0);
	for (i = 0; !ret && i < count; i++) {
		for (r = 0; r < ARRAY_SIZE(results); r++)
			if (ops[i].result == results[r])
				break;
		if (r == ARRAY_SIZE(results))
			ds_broken("operation %u has result %d", ops[i].code,
				  ops[i].result);
		DS_CHILD(r < ARRAY_SIZE(results));
	}
	/* Several faults may have met one batch, so that part of it was done. */
	DS_CHILD_EQ(0, model_settle(&p->model, flags, ops, count, ret, false));
}

static void read_one(struct process *p, const struct model *m)
{
	const struct model_doc *d = &m->docs[below(p, MODEL_DOCS)];
	struct docstore_read r;
	int ret;

	begin(p);
	ret = ds_read(m->fd, d->id, 0, p->out, ROOM, &r);
	end(p, ret, d->exists ? 0 : -ENOENT);
	if (!ret)
		DS_CHILD(r.length == d->raw->size &&
			 !memcmp(p->out, d->raw,
				 r.length < ROOM ? r.length : ROOM));
}

static void read_many(struct process *p, const struct model *m)
{
	__u32 flags = below(p, 2) ? DOCSTORE_READ_TOGETHER : 0, i;
	struct docstore_read_item items[MODEL_DOCS];
	struct docstore_read_many out;
	int ret;

	for (i = 0; i < MODEL_DOCS; i++) {
		items[i].id = ds_ptr(m->docs[i].id);
		items[i].id_len = strlen(m->docs[i].id);
	}
	begin(p);
	ret = ds_read_many_flags(m->fd, flags, items, MODEL_DOCS, p->out, ROOM, &out);
	end(p, ret, 0);
	for (i = 0; !ret && i < out.done; i++) {
		const struct model_doc *d = &m->docs[i];

		DS_CHILD_EQ(d->exists ? 0 : -ENOENT, items[i].result);
		if (d->exists)
			DS_CHILD(items[i].length == d->raw->size &&
				 !memcmp(p->out + items[i].offset, d->raw,
					 d->raw->size));
	}
}

/* As far as it gets. */
static void scan(struct process *p, struct model *m)
{
	unsigned int n = 0;
	struct ds_scan s;
	int ret;

	ds_scan_begin(&s, 0, p->prefix, 0);
	do {
		const struct docstore_version *v = (void *)p->out;

		begin(p);
		ret = ds_scan_next(m->fd, &s, p->out, ROOM);
		end(p, ret < 0 ? ret : 0, 0);
		if (ret < 0 || s.scan.needed > ROOM)
			return;
		for (; ret; ret--, n++) {
			struct model_doc *d;

			DS_CHILD(v && !ds_doc_check(v, p->out + s.scan.used -
						       (__u8 *)v));
			d = model_find(m, ds_doc_id(v), v->id_len);
			DS_CHILD(d && model_unchanged(d, v));
			v = ds_doc_next(v, p->out + s.scan.used);
		}
	} while (!s.end);
	DS_CHILD_EQ(model_count(m), n);
}

/* The process's documents as they are now; those of others may be what they like. */
static void take_snapshot(struct process *p)
{
	int fd;

	begin(p);
	fd = ds_snapshot(p->model.fd, 0, NULL);
	end(p, fd < 0 ? fd : 0, 0);
	if (fd >= 0)
		model_freeze(&p->frozen, &p->model, fd);
}

static void use_snapshot(struct process *p)
{
	int ret;

	switch (below(p, 8)) {
	case 0:
		DS_CHILD_EQ(0, model_check(&p->frozen));
		begin(p);
		ret = close(p->frozen.fd);
		end(p, ret, 0);
		model_reset(&p->frozen, -1);
		break;
	case 1:
		scan(p, &p->frozen);
		break;
	case 2:
		read_many(p, &p->frozen);
		break;
	default:
		read_one(p, &p->frozen);
	}
}

static void intern(struct process *p)
{
	struct docstore_name items[NAMES];
	char names[NAMES][16];
	struct docstore_intern i = {
		.size = sizeof(i),
		.flags = DOCSTORE_INTERN_CREATE,
		.names = ds_ptr(items),
		.name_size = sizeof(items[0]),
		.count = NAMES,
	};
	__u32 n;
	int ret;

	for (n = 0; n < NAMES; n++) {
		snprintf(names[n], sizeof(names[n]), "%d.%u", p->me,
			 below(p, ALL_NAMES));
		items[n].name = ds_ptr(names[n]);
		items[n].len = strlen(names[n]);
		items[n].id = DS_POISON32;
	}
	begin(p);
	ret = ds_ioctl(p->model.fd, DOCSTORE_INTERN, &i);
	end(p, ret, 0);
	if (!ret)
		DS_CHILD_EQ(NAMES, i.done);
	for (n = 0; n < NAMES; n++) {
		int id = ds_intern(p->model.fd, 0, names[n], items[n].len);

		DS_CHILD(id >= 0);
		DS_CHILD(id || ret);
		/* What it was told is true. */
		if (items[n].id != DS_POISON32)
			DS_CHILD_EQ(id, items[n].id);
	}
}

static void other(struct process *p)
{
	struct docstore_store_info info;
	struct docstore_names n = {
		.size = sizeof(n),
		.buffer = ds_ptr(p->out),
		.buffer_len = ROOM,
		.first = 1 + below(p, 100),
	};
	int ret;

	begin(p);
	ret = below(p, 2) ? ds_store_info(p->model.fd, &info) :
			    ds_ioctl(p->model.fd, DOCSTORE_NAMES, &n);
	end(p, ret, 0);
}

static void work(FIXTURE_DATA(load) *self, const FIXTURE_VARIANT(load) *variant,
		 int me, __u64 until)
{
	struct process p = {
		.random.state = self->seed + me,
		.counts = self->counts,
		.p = self->p,
		.small = variant->small,
		.me = me,
	};
	unsigned int i;

	snprintf(p.prefix, sizeof(p.prefix), "p%d.", me);
	p.value = ds_map(ROOM, MAP_PRIVATE);
	p.out = ds_map(ROOM, MAP_PRIVATE);
	for (i = 0; i < ROOM; i++)
		p.value[i] = ds_random(&p.random);
	DS_CHILD_EQ(0, fault_lock_memory());
	DS_CHILD_EQ(0, fault_begin_thread(&p.inject));
	model_begin(&p.model, self->store.fd, p.prefix);
	p.frozen = p.model;
	p.frozen.fd = -1;

	for (i = 1; ds_now() < until; i++) {
		switch (below(&p, 22)) {
		case 0:
			scan(&p, &p.model);
			break;
		case 1:
			read_many(&p, &p.model);
			break;
		case 2:
			intern(&p);
			break;
		case 3:
			other(&p);
			break;
		case 4:
		case 5:
		case 6:
			read_one(&p, &p.model);
			break;
		case 7:
		case 8:
			if (p.frozen.fd < 0)
				take_snapshot(&p);
			else
				use_snapshot(&p);
			break;
		default:
			change(&p);
		}
		if (!(i % 100))
			DS_CHILD_EQ(0, model_check(&p.model));
	}
	DS_CHILD_EQ(0, model_check(&p.model));
	if (p.frozen.fd >= 0)
		DS_CHILD_EQ(0, model_check(&p.frozen));
}

/* Does the store count what it holds? */
static int count_all(int fd)
{
	struct docstore_version *v = ds_map(DS_ROOM, MAP_PRIVATE), *all = v;
	__u64 documents = 0, bytes = 0;
	struct docstore_store_info info;
	struct ds_scan s;
	int ret;

	ds_scan_begin(&s, 0, NULL, 0);
	do {
		ret = ds_scan_next(fd, &s, all, DS_ROOM);
		if (ret < 0)
			return ret;
		documents += ret;
		for (v = all; ret; ret--) {
			bytes += v->size;
			v = (void *)ds_doc_next(v, (char *)all + s.scan.used);
		}
	} while (!s.end);
	ret = ds_store_info(fd, &info);
	if (ret)
		return ret;
	if (info.documents != documents || info.bytes_documents != bytes)
		return ds_broken("%llu documents of %llu bytes, it says %llu of %llu",
				 documents, bytes, info.documents,
				 info.bytes_documents);
	return 0;
}

TEST_F_TIMEOUT(load, store_agrees, TIMEOUT)
{
	__u64 until = ds_now() + ds_scale(ds_env("FAULT_SECONDS", 4)) * DS_SECOND;
	pid_t pids[8];
	unsigned int i;

	fault_chance(variant->memory, variant->user);
	for (i = 0; i < variant->processes; i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i]) {
			work(self, variant, i, until);
			_exit(0);
		}
	}
	for (i = 0; i < variant->processes; i++)
		EXPECT_EQ(0, ds_wait(pids[i]));
	EXPECT_EQ(0, count_all(self->store.fd));
	fprintf(stderr, "# %llu of %llu calls failed\n", self->counts->failed,
		self->counts->calls);
	EXPECT_LT(0, self->counts->failed);
}

static void __attribute__((constructor)) skip(void)
{
	fault_skip_all();
}

TEST_HARNESS_MAIN

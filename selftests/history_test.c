// SPDX-License-Identifier: GPL-2.0
/*
 * Clients write down what they ask a store and what they are told, and what they have
 * written is checked as a whole: could any store that keeps its promises have answered
 * so? See history/history.h and history/check.c.
 *
 * Each document has the tag of the operation that wrote it last, bytes that follow from
 * that, and a number n which is set or added to.
 *
 * DOCSTORE_STRESS_SECONDS says for how long (20). DOCSTORE_HISTORY names a file to which
 * the last history is written.
 */
#include "clients.h"
#include "history/history.h"
#include "snapshot.h"
#include "sysfs.h"
#include "uring.h"

#include <sys/time.h>

#include "docstore_harness.h"

#define CLIENTS		6
#define DOCS_MAX	14
#define ITEMS_MAX	6		/* of one batch */
#define SNAPSHOTS	4		/* that a client has at one time */
#define FLIGHT		4		/* batches that a ring has under way */
#define PAD_MAX		3000
#define ENOUGH		200		/* operations, to be able to tell something */
#define LOG_SIZE	(8U << 20)
#define BUFFER		(256U << 10)

/* One operation; its items follow. */
struct record {
	struct history_op op;
	struct history_item items[];
};

/* What the clients of one place have done. */
struct log {
	__u64 tags;
	__u32 records;
	__u32 used;			/* bytes */
	__u32 last;			/* where the newest record begins */
	bool ring;
	bool full;
	__u8 data[LOG_SIZE] __attribute__((aligned(8)));
};

struct shared {
	volatile bool stop;
	__u64 moves;
	struct log logs[CLIENTS];
};

FIXTURE(history) {
	struct ds_store store;
	int fd;
	int tag, n, pad;		/* properties */
	struct ds_where where;
	__u32 partitions[DOCS_MAX];
	char ids[DOCS_MAX][32];
	const FIXTURE_VARIANT(history) *variant;
	struct shared *shared;
	unsigned int lend;
	__u64 seed;
};

FIXTURE_VARIANT(history) {
	__u32 partitions;
	__u32 documents;
	__u64 max_bytes;
	unsigned int pad;		/* longest */
	unsigned int kill_us;
	bool workers;			/* all is left to them */
	bool hotplug;
	bool rings;
	unsigned int share;		/* of the time, in percent */
};

FIXTURE_VARIANT_ADD(history, calm) {
	.partitions = 4, .documents = 12, .max_bytes = 64 << 20, .pad = 50, .share = 15,
};
/* All want the same few documents. */
FIXTURE_VARIANT_ADD(history, crowded) {
	.partitions = 3, .documents = 4, .max_bytes = 64 << 20, .pad = 50, .rings = true,
	.share = 15,
};
FIXTURE_VARIANT_ADD(history, workers) {
	.partitions = 5, .documents = 10, .max_bytes = 64 << 20, .pad = 50, .rings = true,
	.workers = true, .share = 15,
};
/* So little memory that it is used again and again, and is refused at times. */
FIXTURE_VARIANT_ADD(history, short_of_memory) {
	.partitions = 2, .documents = 14, .max_bytes = 5 << 20, .pad = PAD_MAX, .share = 15,
};
FIXTURE_VARIANT_ADD(history, killed) {
	.partitions = 4, .documents = 8, .max_bytes = 64 << 20, .pad = 50, .rings = true,
	.kill_us = 30000, .share = 20,
};
FIXTURE_VARIANT_ADD(history, hotplug) {
	.partitions = 7, .documents = 10, .max_bytes = 64 << 20, .pad = 50, .workers = true,
	.kill_us = 60000, .hotplug = true, .share = 20,
};

FIXTURE_SETUP(history)
{
	__u32 i;

	self->variant = variant;
	ASSERT_EQ(0, ds_store_begin(&self->store, "history", variant->partitions,
				    variant->max_bytes));
	self->fd = self->store.fd;
	self->tag = ds_prop_id(self->fd, "tag");
	self->n = ds_prop_id(self->fd, "n");
	self->pad = ds_prop_id(self->fd, "pad");
	ASSERT_LT(0, self->pad);
	self->shared = ds_shared(sizeof(*self->shared));
	self->seed = ds_seed();
	ASSERT_EQ(0, ds_where_begin(&self->where, self->fd));
	/* Some in the same partition, all partitions in use. */
	for (i = 0; i < variant->documents; i++) {
		self->partitions[i] = i % variant->partitions;
		ds_where_id(&self->where, self->ids[i], "d", self->partitions[i], i);
	}
	ASSERT_EQ(0, parameter_get("lend_documents", &self->lend));
	if (variant->workers)
		ASSERT_EQ(0, parameter_set("lend_documents", 0));
}

FIXTURE_TEARDOWN(history)
{
	EXPECT_EQ(0, parameter_set("lend_documents", self->lend));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* A client ----------------------------------------------------------------- */

struct pinned {
	int fd;
	__u64 number;
	bool lease;
};

/* A batch under way: the record, and what the kernel is given. */
struct flight {
	struct record *record;
	struct docstore_submit submit;
	struct docstore_op ops[3 * ITEMS_MAX];
	__u32 first[ITEMS_MAX], count[ITEMS_MAX];
	__u8 pads[ITEMS_MAX][PAD_MAX];
	/* Room for a document that is read, and more if it is not one of ours. */
	__u8 got[ITEMS_MAX][PAD_MAX + 512] __attribute__((aligned(8)));
};

struct client {
	FIXTURE_DATA(history) *self;
	struct log *log;
	__u32 number;
	struct ds_random random;
	__u64 known[DOCS_MAX];		/* versions that were seen last */
	struct pinned pinned[SNAPSHOTS];
	unsigned int npinned;
	struct ds_ring ring;
	struct flight *flights;
	void *buffer;
};

/* Do signals come? Calls are restarted after them, or not. */
static bool disturbed(const struct client *c)
{
	return c->number % 3;
}

static bool chance(struct client *c, unsigned int percent)
{
	return ds_below(&c->random, 100) < percent;
}

/* Bytes that follow from a tag. */
static __u32 pad_of(const FIXTURE_DATA(history) *self, __u64 tag, __u8 *pad)
{
	struct ds_random r = { .state = tag };
	__u32 len = ds_below(&r, self->variant->pad + 1), i;

	for (i = 0; i < len; i++)
		pad[i] = ds_random(&r);
	return len;
}

/*
 * An operation begins: it is written down before it is asked for. NULL if there is no
 * more room.
 */
static struct record *begin(struct client *c, __u8 kind, __u64 number,
			    const struct history_item *items, __u32 count)
{
	struct log *log = c->log;
	size_t size = sizeof(struct record) + count * sizeof(*items);
	struct record *r = (void *)(log->data + log->used);

	if (size > sizeof(log->data) - log->used) {
		log->full = true;
		return NULL;
	}
	r->op = (struct history_op){
		.client = c->number,
		.kind = kind,
		.state = HISTORY_UNKNOWN,
		.end = HISTORY_NEVER,
		.number = number,
		.count = count,
	};
	memcpy(r->items, items, count * sizeof(*items));
	log->last = log->used;
	log->records++;
	r->op.begin = ds_now();
	__atomic_store_n(&log->used, log->used + size, __ATOMIC_RELEASE);
	return r;
}

/* It has ended at a time before its results were looked at. */
static void end(struct record *r, __u8 state, __u64 now)
{
	r->op.end = now;
	__atomic_store_n(&r->op.state, state, __ATOMIC_RELEASE);
}

/* A document that was seen. */
static void saw(struct client *c, struct history_item *item, const struct docstore_version *v)
{
	const FIXTURE_DATA(history) *self = c->self;
	__u8 pad[PAD_MAX];
	struct ds_prop p;
	__u32 len;

	DS_CHILD(ds_doc_is(v, self->ids[item->document]));
	item->result = HISTORY_OK;
	item->version = v->version;
	item->tag = ds_prop_s64(v, self->tag);
	item->n = ds_prop_s64(v, self->n);
	c->known[item->document] = v->version;
	/* All of it is of one version. */
	len = pad_of(self, item->tag, pad);
	DS_CHILD_EQ(3, v->nprops);
	DS_CHILD_EQ(0, ds_prop(v, self->pad, &p));
	DS_CHILD_EQ(len, p.len);
	DS_CHILD(!memcmp(p.value, pad, len));
	DS_CHILD_EQ((__u32)v->version, p.set);
}

static void saw_none(struct client *c, struct history_item *item)
{
	item->result = HISTORY_NOENT;
	item->version = 0;
	c->known[item->document] = 0;
}

/* Different documents. */
static __u32 choose(struct client *c, struct history_item *items, __u32 most)
{
	__u32 n = 1 + ds_below(&c->random, most), used = 0, count = 0, d;

	while (n--) {
		d = ds_below(&c->random, c->self->variant->documents);
		if (used >> d & 1)
			continue;
		used |= 1U << d;
		memset(&items[count], 0, sizeof(*items));
		items[count++].document = d;
	}
	return count;
}

/* Writing ------------------------------------------------------------------ */

static void choose_change(struct client *c, struct history_item *item, bool atomic)
{
	unsigned int k = ds_below(&c->random, 100);

	item->what = k < 20 ? HISTORY_SET : k < 60 ? HISTORY_ADD : k < 70 ? HISTORY_DELETE :
		     k < 92 ? HISTORY_CHECK : HISTORY_GET;
	item->value = (__s64)ds_below(&c->random, 2000) - 1000;
	if (item->what == HISTORY_GET || (item->what != HISTORY_CHECK && chance(c, 60)))
		return;
	/* What fails too often is of no use in a batch. */
	if (chance(c, atomic ? 80 : 60)) {
		item->condition = HISTORY_IF_VERSION;
		item->if_version = c->known[item->document];
		if (chance(c, 3))
			item->if_version += ds_below(&c->random, 3);
	} else {
		item->condition = !c->known[item->document] != chance(c, 5) ?
				  HISTORY_IF_ABSENT : HISTORY_IF_EXISTS;
	}
}

static void fill_op(struct flight *f, __u32 i, struct docstore_op op)
{
	f->ops[f->submit.count++] = op;
	f->count[i]++;
}

/* The kernel's words for an item. */
static void fill_item(struct client *c, struct flight *f, __u32 i, __u64 tag)
{
	static const __u8 flags[] = {
		[HISTORY_IF_EXISTS] = DOCSTORE_IF_EXISTS,
		[HISTORY_IF_ABSENT] = DOCSTORE_IF_ABSENT,
		[HISTORY_IF_VERSION] = DOCSTORE_IF_VERSION,
	};
	const FIXTURE_DATA(history) *self = c->self;
	const struct history_item *item = &f->record->items[i];
	const char *id = self->ids[item->document];
	struct docstore_op *first = &f->ops[f->submit.count];

	f->first[i] = f->submit.count;
	f->count[i] = 0;
	switch (item->what) {
	case HISTORY_GET:
		fill_op(f, i, ds_get(id, 0, f->got[i], sizeof(f->got[i])));
		break;
	case HISTORY_DELETE:
		fill_op(f, i, ds_delete(id));
		break;
	case HISTORY_CHECK:
		fill_op(f, i, ds_op(DOCSTORE_OP_CHECK, id));
		break;
	default:
		fill_op(f, i, ds_set_s64(id, self->tag, tag));
		fill_op(f, i, item->what == HISTORY_SET ?
			ds_set_s64(id, self->n, item->value) :
			ds_add(id, self->n, item->value));
		fill_op(f, i, ds_set_bytes(id, self->pad, f->pads[i],
					   pad_of(self, tag, f->pads[i])));
	}
	first->flags = flags[item->condition];
	first->version = item->if_version;
}

/* Write a batch down, and make it ready. */
static bool prepare(struct client *c, struct flight *f)
{
	bool atomic = chance(c, 65);
	struct history_item items[ITEMS_MAX];
	__u32 count = choose(c, items, atomic ? ITEMS_MAX : 2), i;
	__u64 tag = (__u64)(c->number + 1) << 32 | ++c->log->tags;

	for (i = 0; i < count; i++)
		choose_change(c, &items[i], atomic);
	f->submit = (struct docstore_submit){
		.size = sizeof(f->submit),
		.flags = atomic ? DOCSTORE_SUBMIT_ATOMIC : 0,
		.ops = ds_ptr(f->ops),
		.op_size = sizeof(f->ops[0]),
		/* Now and then less time than it takes. */
		.timeout_ms = chance(c, 5) ? 1 : 0,
		.failed = DS_POISON32,
	};
	f->record = begin(c, atomic ? HISTORY_BATCH : HISTORY_EACH, tag, items, count);
	if (!f->record)
		return false;
	for (i = 0; i < count; i++)
		fill_item(c, f, i, tag);
	for (i = 0; i < f->submit.count; i++)
		f->ops[i].result = (__s32)DS_POISON32;
	return true;
}

static __u8 result_of(__s32 result)
{
	switch (result) {
	case 0:
		return HISTORY_OK;
	case -ESTALE:
		return HISTORY_STALE;
	case -ENOENT:
		return HISTORY_NOENT;
	case -EEXIST:
		return HISTORY_EXIST;
	case -ECANCELED:
		return HISTORY_CANCELED;
	default:
		DS_CHILD(result == -ENOSPC || result == -ENOMEM);
		return HISTORY_OTHER;
	}
}

/* What one item came to, of which all operations succeed together or fail together. */
static void finish_item(struct client *c, struct flight *f, __u32 i)
{
	struct history_item *item = &f->record->items[i];
	__u8 result = HISTORY_OK, one;
	struct docstore_op *op;

	for (op = &f->ops[f->first[i]]; op < &f->ops[f->first[i] + f->count[i]]; op++) {
		one = result_of(op->result);
		DS_CHILD(op == &f->ops[f->first[i]] || !one == !op[-1].result);
		if (result == HISTORY_OK || result == HISTORY_CANCELED)
			result = one;
	}
	op = &f->ops[f->first[i]];
	/* A signal or the end of its time came between two documents. */
	if (result == HISTORY_CANCELED && f->record->op.kind == HISTORY_EACH) {
		DS_CHILD(f->submit.timeout_ms || disturbed(c));
		result = HISTORY_OTHER;
	}
	item->result = result;
	if (result == HISTORY_NOENT && item->what == HISTORY_GET) {
		saw_none(c, item);
	} else if (result == HISTORY_OK) {
		if (item->what == HISTORY_GET) {
			DS_CHILD(op->value_len <= sizeof(f->got[i]));
			DS_CHILD(!ds_doc_check(f->got[i], op->value_len));
			saw(c, item, (void *)f->got[i]);
		}
		item->version = op->version;
		c->known[item->document] = item->what == HISTORY_DELETE ? 0 : op->version;
	}
}

static void finish(struct client *c, struct flight *f, int ret, __u64 now)
{
	__u32 i;

	if (ret) {
		/* Nothing was done. */
		DS_CHILD(ret == -EINTR || ret == -ETIMEDOUT || ret == -EBUSY ||
			 ret == -ENOMEM);
		end(f->record, HISTORY_FAILED, now);
		return;
	}
	for (i = 0; i < f->record->op.count; i++)
		finish_item(c, f, i);
	end(f->record, HISTORY_DONE, now);
}

static void submit(struct client *c)
{
	struct flight *f = c->flights;
	int ret;

	if (!prepare(c, f))
		return;
	f->record->op.begin = ds_now();
	ret = ds_ioctl(c->self->fd, DOCSTORE_SUBMIT, &f->submit);
	finish(c, f, ret, ds_now());
}

/* Several at once. */
static void submit_by_ring(struct client *c)
{
	__u32 n = 1 + ds_below(&c->random, FLIGHT), i, under_way = 0;
	struct io_uring_sqe *sqe;
	__u64 which;
	int res;

	for (i = 0; i < n; i++) {
		if (!prepare(c, &c->flights[i]))
			break;
		sqe = ds_ring_sqe(&c->ring);
		DS_CHILD(sqe);
		ds_ring_fill(sqe, c->self->fd, DOCSTORE_SUBMIT, &c->flights[i].submit, i);
		under_way++;
	}
	while (under_way--) {
		DS_CHILD_EQ(0, ds_ring_wait(&c->ring, &which, &res));
		DS_CHILD(which < n);
		finish(c, &c->flights[which], res, ds_now());
	}
}

/* Reading ------------------------------------------------------------------ */

/* Each document by a call of its own. */
static int see_one(struct client *c, int fd, struct history_item *item)
{
	int ret = ds_fetch(fd, c->self->ids[item->document], c->buffer);

	if (!ret)
		saw(c, item, c->buffer);
	else if (ret == -ENOENT)
		saw_none(c, item);
	return ret == -ENOENT ? 0 : ret;
}

static int see_many(struct client *c, int fd, __u32 flags, struct record *r, __u64 *now)
{
	struct docstore_read_item items[DOCS_MAX];
	struct docstore_read_many m;
	__u32 i;
	int ret;

	for (i = 0; i < r->op.count; i++) {
		items[i].id = ds_ptr(c->self->ids[r->items[i].document]);
		items[i].id_len = strlen(c->self->ids[r->items[i].document]);
	}
	ret = ds_read_many_flags(fd, flags, items, r->op.count, c->buffer, BUFFER, &m);
	*now = ds_now();
	if (ret)
		return ret;
	DS_CHILD_EQ(r->op.count, m.done);
	for (i = 0; i < m.done; i++) {
		const struct docstore_version *v = (void *)((__u8 *)c->buffer + items[i].offset);

		DS_CHILD(!items[i].result || items[i].result == -ENOENT);
		if (items[i].result) {
			saw_none(c, &r->items[i]);
			continue;
		}
		DS_CHILD(!ds_doc_check(v, items[i].length));
		saw(c, &r->items[i], v);
	}
	return 0;
}

/* All documents: the record has an item for each. */
static int see_all(struct client *c, int fd, struct record *r, __u64 *now)
{
	__u32 room = 8192 + ds_below(&c->random, 20000), i;
	bool seen[DOCS_MAX] = { false };
	struct ds_scan s;
	int n;

	for (i = 0; i < r->op.count; i++)
		saw_none(c, &r->items[i]);
	ds_scan_begin(&s, 0, NULL, 0);
	do {
		const struct docstore_version *v = c->buffer;

		n = ds_scan_next(fd, &s, c->buffer, room);
		*now = ds_now();
		for (; n > 0; n--) {
			DS_CHILD(v);
			DS_CHILD(!ds_doc_check(v, (__u8 *)c->buffer + s.scan.used - (__u8 *)v));
			for (i = 0; i < r->op.count && !ds_doc_is(v, c->self->ids[i]); i++)
				;
			DS_CHILD(i < r->op.count);
			DS_CHILD(!seen[i]);
			seen[i] = true;
			saw(c, &r->items[i], v);
			v = ds_doc_next(v, (__u8 *)c->buffer + s.scan.used);
		}
	} while (!n && !s.end);
	return n;
}

static struct record *begin_reading(struct client *c, __u8 kind, __u64 number, bool all)
{
	struct history_item items[DOCS_MAX];
	__u32 i, n = c->self->variant->documents;

	if (!all) {
		n = choose(c, items, n < 6 ? n : 6);
	} else {
		memset(items, 0, sizeof(items));
		for (i = 0; i < n; i++)
			items[i].document = i;
	}
	return begin(c, kind, number, items, n);
}

static void read_some(struct client *c)
{
	unsigned int how = ds_below(&c->random, 10);
	struct record *r = begin_reading(c, HISTORY_READ, 0, how == 9);
	__u64 now;
	int ret = 0;
	__u32 i;

	if (!r)
		return;
	if (how < 5) {
		for (i = 0; i < r->op.count && !ret; i++)
			ret = see_one(c, c->self->fd, &r->items[i]);
		now = ds_now();
	} else if (how < 9) {
		ret = see_many(c, c->self->fd, 0, r, &now);
	} else {
		ret = see_all(c, c->self->fd, r, &now);
	}
	DS_CHILD(!ret || ret == -EINTR);
	end(r, ret ? HISTORY_FAILED : HISTORY_DONE, now);
}

static void read_together(struct client *c)
{
	struct record *r = begin_reading(c, HISTORY_TOGETHER, 0, chance(c, 20));
	__u64 now;
	int ret;

	if (!r)
		return;
	ret = see_many(c, c->self->fd, DOCSTORE_READ_TOGETHER, r, &now);
	DS_CHILD(!ret || ret == -EINTR);
	end(r, ret ? HISTORY_FAILED : HISTORY_DONE, now);
}

static void unpin(struct client *c, unsigned int i)
{
	DS_CHILD_EQ(0, close(c->pinned[i].fd));
	c->pinned[i] = c->pinned[--c->npinned];
}

static void pin(struct client *c)
{
	struct pinned *p;
	struct record *r;
	int ret;

	/* The first one stays for long. */
	if (c->npinned == SNAPSHOTS)
		unpin(c, chance(c, 5) ? 0 : 1 + ds_below(&c->random, SNAPSHOTS - 1));
	p = &c->pinned[c->npinned];
	p->lease = chance(c, 10);
	r = begin(c, HISTORY_SNAPSHOT, 0, NULL, 0);
	if (!r)
		return;
	ret = ds_snapshot(c->self->fd, p->lease ? 1 + ds_below(&c->random, 50) : 0, &p->number);
	r->op.number = p->number;
	end(r, ret < 0 ? HISTORY_FAILED : HISTORY_DONE, ds_now());
	if (ret < 0) {
		DS_CHILD_EQ(-EINTR, ret);
		return;
	}
	p->fd = ret;
	c->npinned++;
}

static void read_pinned(struct client *c)
{
	unsigned int which = ds_below(&c->random, c->npinned), how = ds_below(&c->random, 4);
	struct pinned *p = &c->pinned[which];
	struct record *r = begin_reading(c, HISTORY_ON, p->number, how == 3);
	__u64 now;
	int ret = 0;
	__u32 i;

	if (!r)
		return;
	if (how < 2) {
		ret = see_many(c, p->fd, how ? DOCSTORE_READ_TOGETHER : 0, r, &now);
	} else if (how == 2) {
		for (i = 0; i < r->op.count && !ret; i++)
			ret = see_one(c, p->fd, &r->items[i]);
		now = ds_now();
	} else {
		ret = see_all(c, p->fd, r, &now);
	}
	DS_CHILD(!ret || ret == -EINTR || (ret == -ESTALE && p->lease));
	end(r, ret ? HISTORY_FAILED : HISTORY_DONE, now);
	if (ret == -ESTALE)
		unpin(c, which);
}

/* All together ------------------------------------------------------------- */

static void on_alarm(int sig)
{
	(void)sig;
}

static void expect_alarms(struct client *c)
{
	struct sigaction action = {
		.sa_handler = on_alarm,
		.sa_flags = c->number % 3 == 1 ? SA_RESTART : 0,
	};

	DS_CHILD(!sigaction(SIGALRM, &action, NULL));
}

/* A signal comes soon, in the middle of something if chance has it. */
static void set_alarm(struct client *c)
{
	struct itimerval soon = { .it_value.tv_usec = 1 + ds_below(&c->random, 3000) };

	DS_CHILD(!setitimer(ITIMER_REAL, &soon, NULL));
}

static void client(void *arg, unsigned int number, __u64 seed)
{
	FIXTURE_DATA(history) *self = arg;
	struct client *c = ds_map(sizeof(*c), MAP_PRIVATE);
	bool ring = false;
	unsigned int k;

	c->self = self;
	c->number = number;
	c->log = &self->shared->logs[number];
	c->random.state = seed;
	c->buffer = ds_map(DS_ROOM, MAP_PRIVATE);
	c->flights = ds_map(FLIGHT * sizeof(*c->flights), MAP_PRIVATE);
	/* Not all of them, since nobody knows when the last of a killed one is over. */
	if (self->variant->rings && number % 2)
		ring = !ds_ring_open(&c->ring, FLIGHT, 0);
	c->log->ring = ring;
	expect_alarms(c);
	while (!self->shared->stop) {
		if (disturbed(c) && chance(c, 10))
			set_alarm(c);
		k = ds_below(&c->random, 100);
		if (c->log->full)
			usleep(10000);
		else if (k < 45 && ring)
			submit_by_ring(c);
		else if (k < 50)
			submit(c);
		else if (k < 72)
			read_some(c);
		else if (k < 82)
			read_together(c);
		else if (k < 88 || !c->npinned)
			pin(c);
		else
			read_pinned(c);
	}
	while (c->npinned)
		unpin(c, 0);
}

/* What it was about to do is done by now, or will never be; not so with a ring. */
static void killed(void *arg, unsigned int number)
{
	FIXTURE_DATA(history) *self = arg;
	struct log *log = &self->shared->logs[number];
	struct record *r = (void *)(log->data + log->last);

	if (log->used && !log->ring && r->op.state == HISTORY_UNKNOWN)
		r->op.end = ds_now();
}

static bool enough(void *arg)
{
	FIXTURE_DATA(history) *self = arg;
	__u32 records = 0, i;

	for (i = 0; i < CLIENTS; i++)
		records += self->shared->logs[i].records;
	return records > 3 * ENOUGH;
}

static void add_record(struct history *h, const struct record *r)
{
	__u32 i;

	history_add_op(h, &r->op);
	for (i = 0; i < r->op.count; i++)
		history_add_item(h, &r->items[i]);
}

/* What all of them have written down, and what there is in the end. */
static void gather(FIXTURE_DATA(history) *self, struct history *h)
{
	struct client *c = ds_map(sizeof(*c), MAP_PRIVATE);
	const struct log *log;
	const struct record *r;
	__u32 i, at;

	history_begin(h);
	for (i = 0; i < self->variant->documents; i++)
		history_document(h, self->ids[i], self->partitions[i]);
	/* As one more client. */
	c->self = self;
	c->number = CLIENTS;
	c->log = ds_map(sizeof(*c->log), MAP_PRIVATE);
	c->buffer = ds_map(DS_ROOM, MAP_PRIVATE);
	read_together(c);
	add_record(h, (const void *)c->log->data);
	for (i = 0; i < CLIENTS; i++) {
		log = &self->shared->logs[i];
		for (at = 0; at < log->used; at += sizeof(*r) + r->op.count * sizeof(*r->items)) {
			r = (const void *)(log->data + at);
			/* Nobody knows of which killed clients' snapshots these were. */
			if (r->op.kind < HISTORY_SNAPSHOT || r->op.state == HISTORY_DONE)
				add_record(h, r);
		}
	}
}

TEST_F_TIMEOUT(history, history, 24 * 3600)
{
	unsigned int seconds = ds_env("DOCSTORE_STRESS_SECONDS", ds_scale(20));
	const char *path = getenv("DOCSTORE_HISTORY");
	struct ds_random random = { .state = self->seed };
	struct clients clients = {
		.n = CLIENTS,
		.work = client,
		.killed = killed,
		.enough = enough,
		.arg = self,
		.stop = &self->shared->stop,
		.kill_us = variant->kill_us,
		.hotplug = variant->hotplug,
		.moves = &self->shared->moves,
	};
	struct docstore_coordinator coordinator;
	struct history_verdict v;
	struct history h;
	__u64 begun;
	FILE *f;

	if (variant->hotplug && clients_set_online(1, true))
		SKIP(return, "no CPU here that can be taken offline");
	EXPECT_EQ(0, clients_run(&clients, &random,
				 seconds * DS_SECOND / 100 * variant->share));
	ASSERT_EQ(0, ds_coordinator(self->fd, NULL, 0, &coordinator));
	begun = ds_now();
	gather(self, &h);
	v = history_check(&h, stderr);
	EXPECT_EQ(0, v.findings);
	/* There was something to be seen. */
	EXPECT_LT(ENOUGH, v.operations);
	EXPECT_LT(0, coordinator.commits);
	if (variant->workers)
		EXPECT_EQ(0, coordinator.lent);
	if (path) {
		f = fopen(path, "we");
		if (f) {
			history_write(&h, f);
			fclose(f);
		}
	}
	TH_LOG("%u operations, %u in doubt, %u undecided, %u killed; %llu batches over partitions, %llu of them lent; checked in %llu ms",
	       v.operations, v.in_doubt, v.undecided, clients.kills,
	       (unsigned long long)coordinator.commits, (unsigned long long)coordinator.lent,
	       (unsigned long long)(ds_now() - begun) / 1000000);
	history_end(&h);
}

TEST_HARNESS_MAIN

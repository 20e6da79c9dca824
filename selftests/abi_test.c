// SPDX-License-Identifier: GPL-2.0
/*
 * The binary interface: what becomes of structs that are too short, longer than
 * the kernel knows, badly placed, or not clean.
 *
 * One table describes every ioctl; the tests go over all of it.
 */
#include "monitor.h"
#include "snapshot.h"
#include "stream.h"
#include "abi_layout.h"

#include "docstore_harness.h"

/* What every struct goes through ------------------------------------------- */

#define LONGEST		4096	/* of a struct with a tail that we try */

FIXTURE(abi) {
	struct ds_store store;
	char other[DOCSTORE_STORE_NAME_SIZE];	/* made, opened and removed */
	int property;
	int snapshot;
	int stream;
	int lowest;			/* the next descriptor that there will be */

	/* What pointers in the structs lead to. Behind it there is nothing. */
	void *array;
	void *buffer;
};

#define ROOM	(DOCSTORE_MAX_OPS * sizeof(struct docstore_op))

FIXTURE_VARIANT(abi) {
	unsigned long command;
	size_t size;
	size_t min;			/* what it was at first, if it has grown */
	/* A call that succeeds: its struct, and what comes before and after. */
	void (*fill)(FIXTURE_DATA(abi) *self, void *arg);
	void (*before)(FIXTURE_DATA(abi) *self);
	void (*after)(FIXTURE_DATA(abi) *self, int ret);
	bool on_control;
	bool on_snapshot;
	bool on_stream;
	bool returns_nothing;		/* the struct is only read */
	__u32 flags;			/* those that may be passed */
	__u32 ignore_flags;		/* those that are left alone here */
	size_t reserved[2];		/* offsets of reserved __u32 */
	size_t pointers[2];		/* offsets of pointers that must be good */
	size_t element_size;		/* where the size of elements stands */
	size_t element;			/* what it is */
	size_t element_min;		/* what it was at first, if it has grown */
	bool element_in;		/* elements are read, not only written */
	size_t array;			/* pointer to the array: offset */
	size_t count;			/* elements in the array: offset */
};

static void fill_info(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_info *i = arg;

	(void)self;
	i->size = sizeof(*i);
}

static void fill_create(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_store_create *c = arg;

	c->size = sizeof(*c);
	c->mode = 0600;
	c->partitions = 1;
	ds_name(c->name, self->other);
}

static void after_create(FIXTURE_DATA(abi) *self, int ret)
{
	/* Made if and only if the call says so. */
	if (ds_remove(self->store.control, self->other) != (ret ? -ENOENT : 0))
		abort();
}

static void before_open(FIXTURE_DATA(abi) *self)
{
	if (ds_create(self->store.control, self->other, 0600, 1, 0))
		abort();
}

static void fill_open(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_store_open *o = arg;

	o->size = sizeof(*o);
	o->flags = DS_READ;
	ds_name(o->name, self->other);
}

static void after_open(FIXTURE_DATA(abi) *self, int ret)
{
	if (ret >= 0)
		close(ret);
	if (ds_remove(self->store.control, self->other))
		abort();
}

static void fill_remove(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_store_remove *r = arg;

	r->size = sizeof(*r);
	ds_name(r->name, self->other);
}

static void after_remove(FIXTURE_DATA(abi) *self, int ret)
{
	if (ds_remove(self->store.control, self->other) != (ret ? 0 : -ENOENT))
		abort();
}

static void fill_list(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_store_list *l = arg;

	l->size = sizeof(*l);
	l->stores = ds_ptr(self->array);
	l->store_size = sizeof(struct docstore_store_info);
	l->count = 2;
}

static void fill_store_info(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_store_info *i = arg;

	(void)self;
	i->size = sizeof(*i);
}

static void fill_intern(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_intern *i = arg;
	struct docstore_name *name = self->array;

	name->name = ds_ptr("n");
	name->len = 1;
	i->size = sizeof(*i);
	i->names = ds_ptr(name);
	i->name_size = sizeof(*name);
	i->count = 1;
}

static void fill_names(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_names *n = arg;

	n->size = sizeof(*n);
	n->buffer = ds_ptr(self->buffer);
	n->buffer_len = 1024;
	n->first = 1;
}

static void fill_submit(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_submit *s = arg;
	struct docstore_op *op = self->array;

	*op = ds_set_bytes("other", self->property, "value", 5);
	s->size = sizeof(*s);
	s->ops = ds_ptr(op);
	s->op_size = sizeof(*op);
	s->count = 1;
}

static void after_submit(FIXTURE_DATA(abi) *self, int ret)
{
	int gone = ds_do(self->store.fd, ds_delete("other"));

	/* After EFAULT it may be either way. */
	if (ret != -EFAULT && gone != (ret ? -ENOENT : 0))
		abort();
}

static void fill_read(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_read *r = arg;

	r->size = sizeof(*r);
	r->id = ds_ptr("doc");
	r->id_len = 3;
	r->buffer = ds_ptr(self->buffer);
	r->buffer_len = 1024;
}

static void fill_read_many(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_read_many *m = arg;
	struct docstore_read_item *item = self->array;

	item->id = ds_ptr("doc");
	item->id_len = 3;
	m->size = sizeof(*m);
	m->items = ds_ptr(item);
	m->item_size = sizeof(*item);
	m->count = 1;
	m->buffer = ds_ptr(self->buffer);
	m->buffer_len = 1024;
}

static void fill_scan(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_scan *s = arg;

	s->size = sizeof(*s);
	s->prefix = ds_ptr("d");
	s->prefix_len = 1;
	s->buffer = ds_ptr(self->buffer);
	s->buffer_len = 1024;
}

static void before_snapshot(FIXTURE_DATA(abi) *self)
{
	self->lowest = dup(0);
	close(self->lowest);
}

static void fill_snapshot(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_snapshot *s = arg;

	(void)self;
	s->size = sizeof(*s);
}

/* A descriptor that the caller knows, or none. */
static void after_snapshot(FIXTURE_DATA(abi) *self, int ret)
{
	int lowest;

	if (ret >= 0)
		close(ret);
	lowest = dup(0);
	if (lowest != self->lowest)
		abort();
	close(lowest);
}

static void fill_snapshot_info(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_snapshot_info *i = arg;

	(void)self;
	i->size = sizeof(*i);
}

static void fill_stream(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_stream *s = arg;

	(void)self;
	s->size = sizeof(*s);
	s->flags = DOCSTORE_STREAM_FOLLOW;
	s->prefix = ds_ptr("abi");
	s->prefix_len = 3;
}

static void fill_stream_info(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_stream_info *i = arg;

	(void)self;
	i->size = sizeof(*i);
}

static void fill_stream_pause(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_stream_pause *p = arg;

	(void)self;
	p->size = sizeof(*p);
}

static void fill_stream_resume(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_stream_resume *r = arg;

	(void)self;
	r->size = sizeof(*r);
}

static void fill_snapshot_list(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_snapshot_list *l = arg;

	l->size = sizeof(*l);
	l->snapshots = ds_ptr(self->array);
	l->snapshot_size = sizeof(struct docstore_snapshot_info);
	l->count = 2;
}

static void fill_coordinator(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_coordinator *c = arg;

	c->size = sizeof(*c);
	c->waiting = ds_ptr(self->array);
	c->waiting_size = sizeof(struct docstore_waiting);
	c->count = 2;
}

static void fill_module_stats(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_module_stats *s = arg;

	s->size = sizeof(*s);
	s->counters = ds_ptr(self->buffer);
	s->counters_size = sizeof(struct docstore_module_counters);
	s->workers = ds_ptr(self->array);
	s->worker_size = sizeof(struct docstore_worker_stats);
	s->worker_count = 1;
	s->contention_size = sizeof(struct docstore_contention);
}

static void fill_session_list(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_session_list *l = arg;

	l->size = sizeof(*l);
	l->sessions = ds_ptr(self->array);
	l->session_size = sizeof(struct docstore_session_info);
	l->count = 2;
}

static void fill_config(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_config *c = arg;

	(void)self;
	c->size = sizeof(*c);
}

static void fill_stats(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_stats *s = arg;

	s->size = sizeof(*s);
	s->counters = ds_ptr(self->buffer);
	s->counters_size = sizeof(struct docstore_counters);
	s->latency = ds_ptr(self->array);
	s->latency_size = sizeof(struct docstore_latency);
	s->latency_count = 1;
}

static void fill_hint(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_hint *h = arg;

	h->size = sizeof(*h);
	h->hashes = ds_ptr(self->array);
	h->count = 2;
	h->weight = 1;
}

static void fill_check(FIXTURE_DATA(abi) *self, void *arg)
{
	struct docstore_check *c = arg;

	c->size = sizeof(*c);
	c->findings = ds_ptr(self->array);
	c->finding_size = sizeof(struct docstore_finding);
	c->count = 2;
}

#define AT(type, field)	offsetof(struct docstore_##type, field)

FIXTURE_VARIANT_ADD(abi, info) {
	.command = DOCSTORE_INFO,
	.size = sizeof(struct docstore_info),
	.fill = fill_info,
	.on_control = true,
};

FIXTURE_VARIANT_ADD(abi, info_on_store) {
	.command = DOCSTORE_INFO,
	.size = sizeof(struct docstore_info),
	.fill = fill_info,
};

FIXTURE_VARIANT_ADD(abi, store_create) {
	.command = DOCSTORE_STORE_CREATE,
	.size = sizeof(struct docstore_store_create),
	.fill = fill_create,
	.after = after_create,
	.on_control = true,
	.returns_nothing = true,
};

FIXTURE_VARIANT_ADD(abi, store_open) {
	.command = DOCSTORE_STORE_OPEN,
	.size = sizeof(struct docstore_store_open),
	.before = before_open,
	.fill = fill_open,
	.after = after_open,
	.on_control = true,
	.returns_nothing = true,
	.flags = DS_RW,
};

FIXTURE_VARIANT_ADD(abi, store_remove) {
	.command = DOCSTORE_STORE_REMOVE,
	.size = sizeof(struct docstore_store_remove),
	.before = before_open,
	.fill = fill_remove,
	.after = after_remove,
	.on_control = true,
	.returns_nothing = true,
};

FIXTURE_VARIANT_ADD(abi, store_list) {
	.command = DOCSTORE_STORE_LIST,
	.size = sizeof(struct docstore_store_list),
	.fill = fill_list,
	.on_control = true,
	.pointers = { AT(store_list, stores) },
	.element_size = AT(store_list, store_size),
	.element = sizeof(struct docstore_store_info),
	.element_min = 216,
	.array = AT(store_list, stores),
	.count = AT(store_list, count),
};

FIXTURE_VARIANT_ADD(abi, store_info) {
	.command = DOCSTORE_STORE_INFO,
	.size = sizeof(struct docstore_store_info),
	.min = 216,
	.fill = fill_store_info,
};

FIXTURE_VARIANT_ADD(abi, intern) {
	.command = DOCSTORE_INTERN,
	.size = sizeof(struct docstore_intern),
	.fill = fill_intern,
	.flags = DOCSTORE_INTERN_CREATE,
	.reserved = { AT(intern, __reserved) },
	.pointers = { AT(intern, names) },
	.element_size = AT(intern, name_size),
	.element = sizeof(struct docstore_name),
	.element_in = true,
	.array = AT(intern, names),
	.count = AT(intern, count),
};

FIXTURE_VARIANT_ADD(abi, names) {
	.command = DOCSTORE_NAMES,
	.size = sizeof(struct docstore_names),
	.fill = fill_names,
	.pointers = { AT(names, buffer) },
};

FIXTURE_VARIANT_ADD(abi, submit) {
	.command = DOCSTORE_SUBMIT,
	.size = sizeof(struct docstore_submit),
	.fill = fill_submit,
	.after = after_submit,
	.flags = DOCSTORE_SUBMIT_ATOMIC,
	.pointers = { AT(submit, ops) },
	.element_size = AT(submit, op_size),
	.element = sizeof(struct docstore_op),
	.element_in = true,
	.array = AT(submit, ops),
	.count = AT(submit, count),
};

FIXTURE_VARIANT_ADD(abi, read) {
	.command = DOCSTORE_READ,
	.size = sizeof(struct docstore_read),
	.fill = fill_read,
	.reserved = { AT(read, __reserved) },
	.pointers = { AT(read, id), AT(read, buffer) },
};

FIXTURE_VARIANT_ADD(abi, read_many) {
	.command = DOCSTORE_READ_MANY,
	.size = sizeof(struct docstore_read_many),
	.fill = fill_read_many,
	.flags = DOCSTORE_READ_TOGETHER,
	.pointers = { AT(read_many, items), AT(read_many, buffer) },
	.element_size = AT(read_many, item_size),
	.element = sizeof(struct docstore_read_item),
	.element_in = true,
	.array = AT(read_many, items),
	.count = AT(read_many, count),
};

FIXTURE_VARIANT_ADD(abi, scan) {
	.command = DOCSTORE_SCAN,
	.size = sizeof(struct docstore_scan),
	.fill = fill_scan,
	.flags = DOCSTORE_SCAN_IDS,
	/* What comes back may be passed again. */
	.ignore_flags = DOCSTORE_SCAN_END,
	.pointers = { AT(scan, prefix), AT(scan, buffer) },
};

FIXTURE_VARIANT_ADD(abi, snapshot) {
	.command = DOCSTORE_SNAPSHOT,
	.size = sizeof(struct docstore_snapshot),
	.before = before_snapshot,
	.fill = fill_snapshot,
	.after = after_snapshot,
	.reserved = { AT(snapshot, __reserved) },
};

FIXTURE_VARIANT_ADD(abi, snapshot_list) {
	.command = DOCSTORE_SNAPSHOT_LIST,
	.size = sizeof(struct docstore_snapshot_list),
	.fill = fill_snapshot_list,
	.pointers = { AT(snapshot_list, snapshots) },
	.element_size = AT(snapshot_list, snapshot_size),
	.element = sizeof(struct docstore_snapshot_info),
	.array = AT(snapshot_list, snapshots),
	.count = AT(snapshot_list, count),
};

/* Nothing waits, so that the array is not looked at: coordinator_test.c does that. */
FIXTURE_VARIANT_ADD(abi, coordinator) {
	.command = DOCSTORE_COORDINATOR,
	.size = sizeof(struct docstore_coordinator),
	.fill = fill_coordinator,
	.element_size = AT(coordinator, waiting_size),
	.element = sizeof(struct docstore_waiting),
	.array = AT(coordinator, waiting),
	.count = AT(coordinator, count),
};

FIXTURE_VARIANT_ADD(abi, module_stats) {
	.command = DOCSTORE_MODULE_STATS,
	.size = sizeof(struct docstore_module_stats),
	.fill = fill_module_stats,
	.on_control = true,
	.reserved = { AT(module_stats, __reserved) },
	.pointers = { AT(module_stats, counters), AT(module_stats, workers) },
	.element_size = AT(module_stats, worker_size),
	.element = sizeof(struct docstore_worker_stats),
	.array = AT(module_stats, workers),
	.count = AT(module_stats, worker_count),
};

FIXTURE_VARIANT_ADD(abi, session_list) {
	.command = DOCSTORE_SESSION_LIST,
	.size = sizeof(struct docstore_session_list),
	.fill = fill_session_list,
	.on_control = true,
	.pointers = { AT(session_list, sessions) },
	.element_size = AT(session_list, session_size),
	.element = sizeof(struct docstore_session_info),
	.element_min = AT(session_info, bytes_in),
	.array = AT(session_list, sessions),
	.count = AT(session_list, count),
};

FIXTURE_VARIANT_ADD(abi, config) {
	.command = DOCSTORE_CONFIG,
	.size = sizeof(struct docstore_config),
	.fill = fill_config,
	.on_control = true,
	.reserved = { AT(config, __reserved) },
};

FIXTURE_VARIANT_ADD(abi, config_of_store) {
	.command = DOCSTORE_CONFIG,
	.size = sizeof(struct docstore_config),
	.fill = fill_config,
	.reserved = { AT(config, __reserved) },
};

FIXTURE_VARIANT_ADD(abi, stats) {
	.command = DOCSTORE_STATS,
	.size = sizeof(struct docstore_stats),
	.fill = fill_stats,
	.reserved = { AT(stats, __reserved) },
	.pointers = { AT(stats, counters), AT(stats, latency) },
	.element_size = AT(stats, latency_size),
	.element = sizeof(struct docstore_latency),
	.array = AT(stats, latency),
	.count = AT(stats, latency_count),
};

FIXTURE_VARIANT_ADD(abi, hint) {
	.command = DOCSTORE_HINT,
	.size = sizeof(struct docstore_hint),
	.fill = fill_hint,
	.returns_nothing = true,
	.flags = DOCSTORE_HINT_SCAN,
	.pointers = { AT(hint, hashes) },
};

/* Nothing is found, so that the array is not looked at: check_test.c does that. */
FIXTURE_VARIANT_ADD(abi, check) {
	.command = DOCSTORE_CHECK,
	.size = sizeof(struct docstore_check),
	.fill = fill_check,
	.flags = DOCSTORE_CHECK_REPAIR,
	.element_size = AT(check, finding_size),
	.element = sizeof(struct docstore_finding),
	.array = AT(check, findings),
	.count = AT(check, count),
};

FIXTURE_VARIANT_ADD(abi, stream) {
	.command = DOCSTORE_STREAM,
	.size = sizeof(struct docstore_stream),
	.before = before_snapshot,
	.fill = fill_stream,
	.after = after_snapshot,
	.returns_nothing = true,
	.ignore_flags = DOCSTORE_STREAM_SNAPSHOT | DOCSTORE_STREAM_FOLLOW |
			DOCSTORE_STREAM_VALUES | DOCSTORE_STREAM_BOOKMARKS |
			DOCSTORE_STREAM_RESYNC | DOCSTORE_STREAM_NONBLOCK,
	.reserved = { AT(stream, __reserved) },
	.pointers = { AT(stream, prefix) },
};

FIXTURE_VARIANT_ADD(abi, stream_info) {
	.command = DOCSTORE_STREAM_INFO,
	.size = sizeof(struct docstore_stream_info),
	.fill = fill_stream_info,
	.on_stream = true,
};

FIXTURE_VARIANT_ADD(abi, stream_pause) {
	.command = DOCSTORE_STREAM_PAUSE,
	.size = sizeof(struct docstore_stream_pause),
	.fill = fill_stream_pause,
	.on_stream = true,
	.returns_nothing = true,
	.ignore_flags = DOCSTORE_PAUSE_THEN_ERROR,
	.reserved = { AT(stream_pause, __reserved) },
};

FIXTURE_VARIANT_ADD(abi, stream_resume) {
	.command = DOCSTORE_STREAM_RESUME,
	.size = sizeof(struct docstore_stream_resume),
	.fill = fill_stream_resume,
	.on_stream = true,
	.returns_nothing = true,
};

FIXTURE_VARIANT_ADD(abi, snapshot_info) {
	.command = DOCSTORE_SNAPSHOT_INFO,
	.size = sizeof(struct docstore_snapshot_info),
	.fill = fill_snapshot_info,
	.on_snapshot = true,
};

FIXTURE_VARIANT_ADD(abi, store_info_on_snapshot) {
	.command = DOCSTORE_STORE_INFO,
	.size = sizeof(struct docstore_store_info),
	.min = 216,
	.fill = fill_store_info,
	.on_snapshot = true,
};

FIXTURE_VARIANT_ADD(abi, intern_on_snapshot) {
	.command = DOCSTORE_INTERN,
	.size = sizeof(struct docstore_intern),
	.fill = fill_intern,
	.on_snapshot = true,
	/* It may not write. */
	.ignore_flags = DOCSTORE_INTERN_CREATE,
	.reserved = { AT(intern, __reserved) },
	.pointers = { AT(intern, names) },
	.element_size = AT(intern, name_size),
	.element = sizeof(struct docstore_name),
	.element_in = true,
	.array = AT(intern, names),
	.count = AT(intern, count),
};

FIXTURE_VARIANT_ADD(abi, names_on_snapshot) {
	.command = DOCSTORE_NAMES,
	.size = sizeof(struct docstore_names),
	.fill = fill_names,
	.on_snapshot = true,
	.pointers = { AT(names, buffer) },
};

FIXTURE_VARIANT_ADD(abi, read_on_snapshot) {
	.command = DOCSTORE_READ,
	.size = sizeof(struct docstore_read),
	.fill = fill_read,
	.on_snapshot = true,
	.reserved = { AT(read, __reserved) },
	.pointers = { AT(read, id), AT(read, buffer) },
};

FIXTURE_VARIANT_ADD(abi, read_many_on_snapshot) {
	.command = DOCSTORE_READ_MANY,
	.size = sizeof(struct docstore_read_many),
	.fill = fill_read_many,
	.on_snapshot = true,
	.flags = DOCSTORE_READ_TOGETHER,
	.pointers = { AT(read_many, items), AT(read_many, buffer) },
	.element_size = AT(read_many, item_size),
	.element = sizeof(struct docstore_read_item),
	.element_in = true,
	.array = AT(read_many, items),
	.count = AT(read_many, count),
};

FIXTURE_VARIANT_ADD(abi, scan_on_snapshot) {
	.command = DOCSTORE_SCAN,
	.size = sizeof(struct docstore_scan),
	.fill = fill_scan,
	.on_snapshot = true,
	.flags = DOCSTORE_SCAN_IDS,
	.ignore_flags = DOCSTORE_SCAN_END,
	.pointers = { AT(scan, prefix), AT(scan, buffer) },
};

FIXTURE_SETUP(abi)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "abi", 1, 0));
	/* No part of it is the other one's: a NUL may come anywhere. */
	ds_store_name(self->other, "other");
	self->property = ds_prop_id(self->store.fd, "n");
	ASSERT_EQ(1, self->property);
	ASSERT_EQ(0, ds_do(self->store.fd,
			   ds_set_bytes("doc", self->property, "value", 5)));
	self->snapshot = ds_snapshot(self->store.fd, 0, NULL);
	ASSERT_LE(0, self->snapshot);
	self->stream = st_open(self->store.fd, ST_FOLLOW);
	ASSERT_LE(0, self->stream);
	self->array = ds_edge(ROOM);
	self->buffer = ds_edge(ROOM);
}

FIXTURE_TEARDOWN(abi)
{
	/* What nonsense may have set, others are not to live with. */
	if (variant->command == DOCSTORE_CONFIG)
		EXPECT_EQ(0, ds_config_reset(self->store.control, DS_ALL_SETTINGS));
	close(self->stream);
	close(self->snapshot);
	ds_remove(self->store.control, self->other);
	EXPECT_EQ(0, ds_store_end(&self->store));
}

static int fd_of(const FIXTURE_DATA(abi) *self, const FIXTURE_VARIANT(abi) *variant)
{
	return variant->on_control ? self->store.control :
	       variant->on_snapshot ? self->snapshot :
	       variant->on_stream ? self->stream : self->store.fd;
}

/* The variant's call with the struct at @arg, whatever is in it. */
static int call_at(FIXTURE_DATA(abi) *self, const FIXTURE_VARIANT(abi) *variant,
		   void *arg)
{
	int ret;

	if (variant->before)
		variant->before(self);
	ret = ds_ioctl(fd_of(self, variant), variant->command, arg);
	if (variant->after)
		variant->after(self, ret);
	return ret > 0 ? 0 : ret;
}

/* The variant's good struct at @arg, with zero behind it up to @room. */
static void good(FIXTURE_DATA(abi) *self, const FIXTURE_VARIANT(abi) *variant,
		 void *arg, size_t room)
{
	memset(arg, 0, room);
	/* Nor is there anything behind the first element, for the curious. */
	memset(self->array, 0, LONGEST);
	variant->fill(self, arg);
}

static void set_size(void *arg, __u32 size)
{
	memcpy(arg, &size, sizeof(size));
}

static __u32 get32(const void *arg, size_t offset)
{
	__u32 value;

	memcpy(&value, (const char *)arg + offset, sizeof(value));
	return value;
}

static void set32(void *arg, size_t offset, __u32 value)
{
	memcpy((char *)arg + offset, &value, sizeof(value));
}

static void set64(void *arg, size_t offset, __u64 value)
{
	memcpy((char *)arg + offset, &value, sizeof(value));
}

/* The size of the struct is not bent by the kernel's own idea of it. */
TEST_F(abi, exact)
{
	__u8 *arg = ds_edge(variant->size);

	good(self, variant, arg, variant->size);
	EXPECT_EQ(0, call_at(self, variant, arg));
	EXPECT_EQ(variant->size, get32(arg, 0));
}

TEST_F(abi, not_aligned)
{
	__u8 *room = ds_map(LONGEST, MAP_PRIVATE);
	unsigned int i;

	for (i = 1; i < 8; i++) {
		good(self, variant, room + i, variant->size);
		EXPECT_EQ(0, call_at(self, variant, room + i));
	}
}

TEST_F(abi, too_short)
{
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	size_t size;

	/* Shorter than any kernel ever knew it. */
	for (size = 0; size < (variant->min ?: variant->size); size++) {
		good(self, variant, arg, LONGEST);
		set_size(arg, size);
		EXPECT_EQ(-EINVAL, call_at(self, variant, arg))
			TH_LOG("size %zu of %zu", size, variant->size);
	}
}

/* Who knows an older kernel gets as much as he asks for, and not a byte more. */
TEST_F(abi, older)
{
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	size_t size, at;

	for (size = variant->min ?: variant->size; size < variant->size; size++) {
		good(self, variant, arg, LONGEST);
		set_size(arg, size);
		memset(arg + size, DS_POISON, LONGEST - size);
		EXPECT_EQ(0, call_at(self, variant, arg))
			TH_LOG("size %zu of %zu", size, variant->size);
		EXPECT_EQ(size, get32(arg, 0));
		for (at = size; at < LONGEST; at++)
			ASSERT_EQ(DS_POISON, arg[at]);
	}
}

TEST_F(abi, longer_zero_tail)
{
	static const size_t tails[] = { 1, 3, 4, 8, 63, 64, 100, 1000 };
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	size_t size;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tails); i++) {
		size = variant->size + tails[i];
		good(self, variant, arg, LONGEST);
		set_size(arg, size);
		/* What is behind the struct is nobody's business. */
		memset(arg + size, DS_POISON, LONGEST - size);
		EXPECT_EQ(0, call_at(self, variant, arg))
			TH_LOG("tail of %zu", tails[i]);
		for (; size < LONGEST; size++)
			ASSERT_EQ(DS_POISON, arg[size]);
	}
}

TEST_F(abi, longer_other_tail)
{
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	size_t at;

	for (at = variant->size; at < variant->size + 64; at++) {
		good(self, variant, arg, LONGEST);
		set_size(arg, variant->size + 64);
		arg[at] = 1;
		EXPECT_EQ(-E2BIG, call_at(self, variant, arg))
			TH_LOG("byte %zu of the tail", at - variant->size);
	}
	good(self, variant, arg, LONGEST);
	set_size(arg, variant->size + 1);
	arg[variant->size] = 0x80;
	EXPECT_EQ(-E2BIG, call_at(self, variant, arg));
}

TEST_F(abi, absurdly_long)
{
	static const __u32 sizes[] = {
		1U << 20, 1U << 30, 1U << 31, ~0U - 4096, ~0U - 7, ~0U,
	};
	__u8 *arg = ds_edge(LONGEST);
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		good(self, variant, arg, LONGEST);
		set_size(arg, sizes[i]);
		ret = call_at(self, variant, arg);
		EXPECT_TRUE(ret == -E2BIG || ret == -EFAULT)
			TH_LOG("size %#x: %d", sizes[i], ret);
	}
}

TEST_F(abi, bad_pointer)
{
	static const __u64 pointers[] = {
		0, 1, 4096, 0xffffffffULL, 0xfffffffcULL,
#if __SIZEOF_POINTER__ == 8
		1ULL << 47, 1ULL << 63, 0xffff888000000000ULL,
		0xffffffff81000000ULL, ~0ULL, ~0ULL - 3,
#endif
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pointers); i++) {
		EXPECT_EQ(-EFAULT, call_at(self, variant,
					   (void *)(uintptr_t)pointers[i]))
			TH_LOG("%#llx", pointers[i]);
	}
}

/* The page ends within the struct, or within its tail. */
TEST_F(abi, crosses_into_nothing)
{
	size_t have;
	__u8 *arg, *whole = ds_map(LONGEST, MAP_PRIVATE);

	for (have = 1; have < variant->size; have += have < 8 ? 1 : 4) {
		arg = ds_edge(have);
		good(self, variant, whole, LONGEST);
		memcpy(arg, whole, have);
		EXPECT_EQ(-EFAULT, call_at(self, variant, arg))
			TH_LOG("%zu of %zu bytes are there", have, variant->size);
	}
	arg = ds_edge(variant->size + 8);
	good(self, variant, arg, variant->size + 8);
	set_size(arg, variant->size + 16);
	EXPECT_EQ(-EFAULT, call_at(self, variant, arg));
}

TEST_F(abi, read_only_struct)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *arg = ds_map(page, MAP_PRIVATE);

	good(self, variant, arg, page);
	ASSERT_EQ(0, mprotect(arg, page, PROT_READ));
	EXPECT_EQ(variant->returns_nothing ? 0 : -EFAULT,
		  call_at(self, variant, arg));
}

TEST_F(abi, unknown_flags)
{
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	unsigned int bit;
	__u32 flags;

	for (bit = 0; bit < 32; bit++) {
		if ((1U << bit) & (variant->flags | variant->ignore_flags))
			continue;
		good(self, variant, arg, LONGEST);
		flags = get32(arg, 4);
		set32(arg, 4, flags | 1U << bit);
		EXPECT_EQ(-EINVAL, call_at(self, variant, arg))
			TH_LOG("flag %#x", 1U << bit);
	}
}

TEST_F(abi, known_flags)
{
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	__u32 flags;

	/* Every combination of them that is not empty. */
	for (flags = variant->flags; flags;
	     flags = (flags - 1) & variant->flags) {
		good(self, variant, arg, LONGEST);
		set32(arg, 4, flags);
		EXPECT_EQ(0, call_at(self, variant, arg))
			TH_LOG("flags %#x", flags);
	}
}

TEST_F(abi, reserved)
{
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	unsigned int i, bit;

	for (i = 0; i < ARRAY_SIZE(variant->reserved); i++) {
		if (!variant->reserved[i])
			continue;
		for (bit = 0; bit < 32; bit++) {
			good(self, variant, arg, LONGEST);
			set32(arg, variant->reserved[i], 1U << bit);
			EXPECT_EQ(-EINVAL, call_at(self, variant, arg))
				TH_LOG("offset %zu", variant->reserved[i]);
		}
	}
}

TEST_F(abi, bad_inner_pointers)
{
	static const __u64 pointers[] = {
		0, 1, 4096, 0xfffffffcULL, 1ULL << 32, 1ULL << 47, 1ULL << 63,
		0xffff888000000000ULL, 0xffffffff81000000ULL, ~0ULL, ~0ULL - 7,
	};
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(variant->pointers); i++) {
		if (!variant->pointers[i])
			continue;
		for (j = 0; j < ARRAY_SIZE(pointers); j++) {
			good(self, variant, arg, LONGEST);
			set64(arg, variant->pointers[i], pointers[j]);
			EXPECT_EQ(-EFAULT, call_at(self, variant, arg))
				TH_LOG("offset %zu: %#llx", variant->pointers[i],
				       pointers[j]);
		}
	}
}

/* Arrays of structs -------------------------------------------------------- */

TEST_F(abi, element_too_short)
{
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	size_t size;

	for (size = 0; size < (variant->element_min ?: variant->element); size++) {
		good(self, variant, arg, LONGEST);
		set32(arg, variant->element_size, size);
		EXPECT_EQ(-EINVAL, call_at(self, variant, arg))
			TH_LOG("element of %zu", size);
	}
}

/* The good call's first element, alone in an array of elements of @size. */
static __u8 *element(FIXTURE_DATA(abi) *self, const FIXTURE_VARIANT(abi) *variant,
		     __u8 *arg, size_t size)
{
	__u8 *array = ds_edge(size);
	__u64 at;

	good(self, variant, arg, LONGEST);
	memcpy(&at, arg + variant->array, sizeof(at));
	memset(array, 0, size);
	memcpy(array, (void *)(uintptr_t)at, variant->element);
	set64(arg, variant->array, ds_ptr(array));
	set32(arg, variant->element_size, size);
	set32(arg, variant->count, 1);
	return array;
}

TEST_F(abi, element_longer_zero_tail)
{
	static const size_t tails[] = { 0, 1, 4, 8, 64, 100, 1000 };
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE), *array;
	unsigned int i;
	size_t size;

	if (!variant->element)
		return;
	for (i = 0; i < ARRAY_SIZE(tails); i++) {
		size = variant->element + tails[i];
		array = element(self, variant, arg, size);
		EXPECT_EQ(0, call_at(self, variant, arg))
			TH_LOG("tail of %zu", tails[i]);
		/* The kernel knows nothing to put there. */
		while (size > variant->element)
			EXPECT_EQ(0, array[--size]);
	}
}

TEST_F(abi, element_longer_other_tail)
{
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE), *array;
	size_t at;

	/* Elements that are only returned have no tail that says anything. */
	if (!variant->element_in)
		return;
	for (at = variant->element; at < variant->element + 32; at++) {
		array = element(self, variant, arg, variant->element + 32);
		array[at] = 1;
		EXPECT_EQ(-E2BIG, call_at(self, variant, arg))
			TH_LOG("byte %zu of the tail", at - variant->element);
	}
}

TEST_F(abi, element_absurdly_long)
{
	static const __u32 sizes[] = { 1U << 20, 1U << 31, ~0U - 7, ~0U };
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	unsigned int i;
	int ret;

	if (!variant->element_in)
		return;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		element(self, variant, arg, variant->element);
		set32(arg, variant->element_size, sizes[i]);
		ret = call_at(self, variant, arg);
		EXPECT_TRUE(ret == -E2BIG || ret == -EFAULT || ret == -EINVAL)
			TH_LOG("element of %#x: %d", sizes[i], ret);
	}
}

/* Several elements of an odd size: each is found where it is. */
TEST_F(abi, element_stride)
{
	struct docstore_submit s = { .size = sizeof(s) };
	size_t stride = sizeof(struct docstore_op) + 24;
	struct docstore_op op;
	char id[16];
	__u8 *array;
	int i;

	if (variant->command != DOCSTORE_SUBMIT)
		return;
	array = ds_edge(5 * stride);
	memset(array, 0, 5 * stride);
	s.ops = ds_ptr(array);
	s.op_size = stride;
	s.count = 5;
	for (i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "s%d", i);
		op = ds_set_s64(id, self->property, i);
		op.id = ds_ptr(strdup(id));
		memcpy(array + i * stride, &op, sizeof(op));
	}
	ASSERT_EQ(0, ds_ioctl(self->store.fd, DOCSTORE_SUBMIT, &s));
	EXPECT_EQ(0, s.failed);
	for (i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "s%d", i);
		EXPECT_EQ(i, ds_fetch_s64(self->store.fd, id, self->property));
		memcpy(&op, array + i * stride, sizeof(op));
		EXPECT_EQ(0, op.result);
		EXPECT_EQ(1, op.version);
	}
}

TEST_F(abi, too_many_elements)
{
	static const __u32 counts[] = {
		DOCSTORE_MAX_OPS + 1, 1U << 20, 1U << 31, ~0U,
	};
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);
	unsigned int i;

	if (!variant->element_in)
		return;
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		good(self, variant, arg, LONGEST);
		set32(arg, variant->count, counts[i]);
		EXPECT_EQ(-E2BIG, call_at(self, variant, arg))
			TH_LOG("%#x elements", counts[i]);
	}
}

/* The array ends in a page that is not there. */
TEST_F(abi, array_crosses_into_nothing)
{
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE);

	if (!variant->element_in)
		return;
	element(self, variant, arg, variant->element);
	set32(arg, variant->count, 2);
	EXPECT_EQ(-EFAULT, call_at(self, variant, arg));
}

/*
 * One page that can be read and not written: where results cannot be written
 * the call fails, and the kernel does not.
 */
TEST_F(abi, array_read_only)
{
	size_t page = sysconf(_SC_PAGESIZE);
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE), *array;
	__u64 at;

	/* Where nothing is written there, nothing is wrong. */
	if (!variant->element || !variant->pointers[0])
		return;
	good(self, variant, arg, LONGEST);
	memcpy(&at, arg + variant->array, sizeof(at));
	array = ds_map(page, MAP_PRIVATE);
	memcpy(array, (void *)(uintptr_t)at, variant->element);
	ASSERT_EQ(0, mprotect(array, page, PROT_READ));
	set64(arg, variant->array, ds_ptr(array));
	set32(arg, variant->count, 1);
	EXPECT_EQ(-EFAULT, call_at(self, variant, arg));
}

/*
 * All sorts of nonsense: nothing is asked but that the kernel survives it.
 * Pointers stay as they are, and the size of elements that are returned: they
 * would send the kernel's answer into the memory of this program.
 */
static bool may_be_nonsense(const FIXTURE_VARIANT(abi) *variant, size_t at)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(variant->pointers); i++) {
		if (variant->pointers[i] && at / 8 == variant->pointers[i] / 8)
			return false;
	}
	return !variant->element_size || at / 4 != variant->element_size / 4;
}

TEST_F_TIMEOUT(abi, nonsense, DS_TIMEOUT)
{
	int fd = fd_of(self, variant);
	struct ds_random random = { .state = ds_seed() };
	__u8 *arg = ds_map(LONGEST, MAP_PRIVATE), *array = self->array;
	unsigned int i, changes, rounds = ds_scale(2000);
	size_t at;
	int ret;

	for (i = 0; i < rounds; i++) {
		good(self, variant, arg, LONGEST);
		for (changes = 1 + ds_below(&random, 4); changes; changes--) {
			at = 4 + ds_below(&random, variant->size - 4);
			if (may_be_nonsense(variant, at))
				arg[at] = ds_random(&random);
			/* The first element, where there are any. */
			at = ds_below(&random, 64);
			if (variant->command == DOCSTORE_SUBMIT &&
			    (at < 16 || at >= 32))
				array[at] = ds_random(&random);
			if ((variant->command == DOCSTORE_READ_MANY ||
			     variant->command == DOCSTORE_INTERN) &&
			    at >= 8 && at < variant->element)
				array[at] = ds_random(&random);
		}
		ret = ds_ioctl(fd, variant->command, arg);
		if ((variant->command == DOCSTORE_STORE_OPEN ||
		     variant->command == DOCSTORE_SNAPSHOT) && ret >= 0)
			close(ret);
		if (variant->command == DOCSTORE_STORE_CREATE && !ret) {
			struct docstore_store_create *c = (void *)arg;

			EXPECT_EQ(0, ds_remove(self->store.control,
					       (char *)c->name));
		}
		ASSERT_NE(-ENOTTY, ret);
	}
	EXPECT_EQ(0, ds_do(self->store.fd, ds_set_s64("after", self->property, 1)));
	EXPECT_EQ(1, ds_fetch_s64(self->store.fd, "after", self->property));
}

TEST_HARNESS_MAIN

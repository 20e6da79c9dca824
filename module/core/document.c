// SPDX-License-Identifier: GPL-2.0
/*
 * Document versions: their layout, reading them, making the next one.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/string.h>

#include "document.h"

/**
 * ds_version_layout() - find the parts of a version
 * @v: the version
 * @l: where to note them
 */
void ds_version_layout(const struct docstore_version *v, struct ds_layout *l)
{
	const void *at = v + 1;
	u32 n = v->nprops;

	l->set = NULL;
	if (v->flags & DOCSTORE_VERSION_SET) {
		l->set = at;
		at += n * sizeof(u32);
	}
	l->ends = at;
	at += n * (v->flags & DOCSTORE_VERSION_WIDE ? sizeof(u32) : sizeof(u16));
	l->names = at;
	at += n * sizeof(u16);
	l->types = at;
	at += n;
	l->id = at;
	l->values = at + v->id_len;
}

static u32 ds_layout_end(const struct docstore_version *v, const struct ds_layout *l, u32 i)
{
	if (v->flags & DOCSTORE_VERSION_WIDE)
		return ((const u32 *)l->ends)[i];
	return ((const u16 *)l->ends)[i];
}

/**
 * ds_layout_value() - a value of a version
 * @v: the version
 * @l: its layout
 * @i: which one
 * @value: where to note it
 */
void ds_layout_value(const struct docstore_version *v, const struct ds_layout *l, u32 i,
		     struct ds_value *value)
{
	u32 begin = i ? ds_layout_end(v, l, i - 1) : 0;

	value->data = l->values + begin;
	value->len = ds_layout_end(v, l, i) - begin;
	value->type = l->types[i];
}

/* The full number of a version of which 32 bits were kept; see the uapi. */
static u64 ds_layout_set(const struct docstore_version *v, const struct ds_layout *l, u32 i)
{
	if (!l->set)
		return v->version;
	return v->version - (u32)((u32)v->version - l->set[i]);
}

/**
 * ds_version_id() - the id of a version's document
 * @v: the version
 *
 * Return: its first byte; @v->id_len says how many there are.
 */
const u8 *ds_version_id(const struct docstore_version *v)
{
	u32 each = sizeof(u16) + sizeof(u16) + sizeof(u8);

	each += v->flags & DOCSTORE_VERSION_SET ? sizeof(u32) : 0;
	each += v->flags & DOCSTORE_VERSION_WIDE ? sizeof(u16) : 0;
	return (const u8 *)(v + 1) + each * v->nprops;
}

/**
 * ds_version_is() - is it a version of this document
 * @v: the version
 * @id: the document's id
 * @id_len: its length
 *
 * Return: true if it is.
 */
bool ds_version_is(const struct docstore_version *v, const u8 *id, u8 id_len)
{
	return v->id_len == id_len && !memcmp(ds_version_id(v), id, id_len);
}

/**
 * ds_version_property() - find a property
 * @v: the version
 * @name: its name id
 * @value: where to note its value
 *
 * Return: true if it is there.
 */
bool ds_version_property(const struct docstore_version *v, u32 name, struct ds_value *value)
{
	struct ds_layout l;
	u32 i;

	ds_version_layout(v, &l);
	for (i = 0; i < v->nprops; i++) {
		if (l.names[i] != name)
			continue;
		ds_layout_value(v, &l, i, value);
		return true;
	}
	return false;
}

/**
 * ds_version_head() - a version's header, for someone outside the arena
 * @v: the version
 * @head: where to; @prev is 0 there
 *
 * Return: bytes of the header.
 */
u32 ds_version_head(const struct docstore_version *v, struct docstore_version *head)
{
	/* Not all at once: prev may change meanwhile. */
	*head = (struct docstore_version){
		.seq = v->seq,
		.version = v->version,
		.created = v->created,
		.changed = v->changed,
		.size = v->size,
		.type = v->type,
		.nprops = v->nprops,
		.id_len = v->id_len,
		.flags = v->flags,
	};
	return sizeof(*head);
}

/**
 * ds_version_copy() - copy a version for someone outside the arena
 * @v: the version
 * @to: where to
 * @room: bytes there
 *
 * Return: bytes of the whole version, of which at most @room were copied. The
 * copy's @prev is 0.
 */
u32 ds_version_copy(const struct docstore_version *v, void *to, u32 room)
{
	struct docstore_version head;

	ds_version_head(v, &head);
	memcpy(to, &head, min_t(u32, room, sizeof(head)));
	if (room > sizeof(head))
		memcpy(to + sizeof(head), v + 1, min(room, v->size) - sizeof(head));
	return v->size;
}

/**
 * ds_version_ids_size() - how large a version is without its properties
 * @v: the version
 *
 * Return: bytes that ds_version_copy_ids() writes.
 */
u32 ds_version_ids_size(const struct docstore_version *v)
{
	return sizeof(*v) + v->id_len;
}

/**
 * ds_version_copy_ids() - copy a version without its properties
 * @v: the version
 * @to: ds_version_ids_size() bytes
 */
void ds_version_copy_ids(const struct docstore_version *v, void *to)
{
	struct docstore_version head;

	ds_version_head(v, &head);
	head.nprops = 0;
	head.flags = 0;
	head.size = ds_version_ids_size(v);
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), ds_version_id(v), v->id_len);
}

/**
 * ds_builder_load() - begin a version
 * @b: the builder
 * @v: the version before it, which may be a tombstone; NULL if there is none
 * @id: the document's id
 * @id_len: its length
 * @floor: the version number that a document without versions counts from
 * @now: the time
 */
void ds_builder_load(struct ds_builder *b, const struct docstore_version *v,
		     const u8 *id, u8 id_len, u64 floor, u64 now)
{
	struct ds_layout l;
	u32 i;

	b->base = v;
	b->id = id;
	b->id_len = id_len;
	b->changed = false;
	b->live = v && !ds_version_tombstone(v);
	b->version = (v ? v->version : floor) + 1;
	b->now = now;
	b->created = b->live ? v->created : now;
	b->type = b->live ? v->type : 0;
	b->nprops = b->live ? v->nprops : 0;
	b->nolder = b->nprops;
	b->value_bytes = 0;
	if (!b->nprops)
		return;

	ds_version_layout(v, &l);
	for (i = 0; i < b->nprops; i++) {
		struct ds_property *p = &b->props[i];
		struct ds_value value;

		ds_layout_value(v, &l, i, &value);
		p->data = value.data;
		p->len = value.len;
		p->type = value.type;
		p->name = l.names[i];
		p->set = ds_layout_set(v, &l, i);
	}
	b->value_bytes = ds_layout_end(v, &l, b->nprops - 1);
}

static struct ds_property *ds_builder_find(struct ds_builder *b, u32 name)
{
	u32 i;

	for (i = 0; i < b->nprops; i++)
		if (b->props[i].name == name)
			return &b->props[i];
	return NULL;
}

static const void *ds_property_data(const struct ds_property *p)
{
	return p->data ?: &p->number;
}

static void ds_builder_clear(struct ds_builder *b)
{
	b->nprops = 0;
	b->nolder = 0;
	b->value_bytes = 0;
}

/* Make the document exist, if it does not. */
static void ds_builder_create(struct ds_builder *b)
{
	b->changed = true;
	if (b->live)
		return;
	b->live = true;
	b->created = b->now;
	b->type = 0;
	ds_builder_clear(b);
}

static int ds_builder_set(struct ds_builder *b, u32 name, u8 type,
			  const void *data, u64 number, u32 len)
{
	struct ds_property *p;

	ds_builder_create(b);
	p = ds_builder_find(b, name);
	if (!p) {
		if (b->nprops == DOCSTORE_MAX_PROPERTIES)
			return -EFBIG;
		p = &b->props[b->nprops++];
		p->name = name;
		p->len = 0;
	} else if (p->set != b->version) {
		b->nolder--;
	}
	b->value_bytes += (s64)len - p->len;
	p->type = type;
	p->data = data;
	p->number = number;
	p->len = len;
	p->set = b->version;
	return 0;
}

/* What a bool points at: one byte, whatever the byte order. */
static const u8 ds_bools[] = { 0, 1 };

static int ds_apply_set(struct ds_builder *b, struct ds_delta *delta)
{
	switch (delta->type) {
	case DOCSTORE_TYPE_NULL:
		return ds_builder_set(b, delta->property, delta->type, NULL, 0, 0);
	case DOCSTORE_TYPE_BOOL:
		return ds_builder_set(b, delta->property, delta->type,
				      &ds_bools[!!delta->number], 0, 1);
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
	case DOCSTORE_TYPE_F64:
		return ds_builder_set(b, delta->property, delta->type, NULL, delta->number, 8);
	default:
		/* What can't be stored was not even copied from the caller. */
		if (delta->len > DOCSTORE_MAX_DOCUMENT)
			return -EFBIG;
		return ds_builder_set(b, delta->property, delta->type, delta->data, 0, delta->len);
	}
}

static int ds_apply_unset(struct ds_builder *b, struct ds_delta *delta)
{
	struct ds_property *p;

	if (!b->live)
		return -ENOENT;
	if (!delta->property) {
		ds_builder_clear(b);
	} else {
		p = ds_builder_find(b, delta->property);
		if (!p)
			return -ENODATA;
		b->value_bytes -= p->len;
		b->nolder -= p->set != b->version;
		b->nprops--;
		memmove(p, p + 1, (&b->props[b->nprops] - p) * sizeof(*p));
	}
	b->changed = true;
	return 0;
}

static int ds_apply_add(struct ds_builder *b, struct ds_delta *delta)
{
	struct ds_property *p = b->live ? ds_builder_find(b, delta->property) : NULL;
	s64 sum = 0;

	if (p) {
		if (p->type != DOCSTORE_TYPE_S64)
			return -EDOM;
		memcpy(&sum, ds_property_data(p), sizeof(sum));
	}
	if (check_add_overflow(sum, (s64)delta->number, &sum))
		return -EOVERFLOW;
	return ds_builder_set(b, delta->property, DOCSTORE_TYPE_S64, NULL, sum, sizeof(sum));
}

static int ds_apply_delete(struct ds_builder *b, struct ds_delta *delta)
{
	if (!b->live)
		return -ENOENT;
	b->live = false;
	b->changed = true;
	b->type = 0;
	ds_builder_clear(b);
	return 0;
}

static int ds_apply_touch(struct ds_builder *b, struct ds_delta *delta)
{
	u32 i;

	ds_builder_create(b);
	if (delta->number <= b->version)
		return 0;
	/* What this version has set so far was set by the number that it gets. */
	for (i = 0; i < b->nprops; i++)
		if (b->props[i].set == b->version)
			b->props[i].set = delta->number;
	b->version = delta->number;
	return 0;
}

static int ds_apply_set_type(struct ds_builder *b, struct ds_delta *delta)
{
	ds_builder_create(b);
	b->type = delta->property;
	return 0;
}

static int ds_apply_get(struct ds_builder *b, struct ds_delta *delta)
{
	struct ds_property *p;
	u64 size;

	if (!b->live)
		return -ENOENT;
	if (!delta->property && !b->changed) {
		delta->out_len = ds_version_copy(b->base, delta->data, delta->len);
		return 0;
	}
	if (!delta->property) {
		size = ds_builder_size(b);
		if (size > DOCSTORE_MAX_DOCUMENT)
			return -EFBIG;
		ds_builder_write(b, delta->data, delta->len, 0, 0);
		delta->out_len = size;
		return 0;
	}
	p = ds_builder_find(b, delta->property);
	if (!p)
		return -ENODATA;
	memcpy(delta->data, ds_property_data(p), min(p->len, delta->len));
	delta->out_len = p->len;
	delta->out_type = p->type;
	return 0;
}

/* Its conditions were checked before anything was done. */
static int ds_apply_check(struct ds_builder *b, struct ds_delta *delta)
{
	return 0;
}

static int (*const ds_apply_ops[])(struct ds_builder *b, struct ds_delta *delta) = {
	[DOCSTORE_OP_GET] = ds_apply_get,
	[DOCSTORE_OP_SET] = ds_apply_set,
	[DOCSTORE_OP_UNSET] = ds_apply_unset,
	[DOCSTORE_OP_ADD] = ds_apply_add,
	[DOCSTORE_OP_DELETE] = ds_apply_delete,
	[DOCSTORE_OP_TOUCH] = ds_apply_touch,
	[DOCSTORE_OP_SET_TYPE] = ds_apply_set_type,
	[DOCSTORE_OP_CHECK] = ds_apply_check,
};

/**
 * ds_builder_apply() - carry out one operation
 * @b: the builder
 * @delta: the operation, whose fields were checked
 *
 * Return: 0 or a negative errno; then the builder is good for nothing more.
 */
int ds_builder_apply(struct ds_builder *b, struct ds_delta *delta)
{
	return ds_apply_ops[delta->code](b, delta);
}

static bool ds_builder_wide(const struct ds_builder *b)
{
	return b->value_bytes > U16_MAX;
}

static u8 ds_builder_flags(const struct ds_builder *b)
{
	u8 flags = 0;

	if (!b->live)
		flags |= DOCSTORE_VERSION_TOMBSTONE;
	if (ds_builder_wide(b))
		flags |= DOCSTORE_VERSION_WIDE;
	if (b->nolder)
		flags |= DOCSTORE_VERSION_SET;
	return flags;
}

/**
 * ds_builder_size() - how large the version is
 * @b: the builder
 *
 * Return: bytes; more than DOCSTORE_MAX_DOCUMENT if it is too large.
 */
u64 ds_builder_size(const struct ds_builder *b)
{
	u32 each = sizeof(u16) + sizeof(u8);

	each += ds_builder_wide(b) ? sizeof(u32) : sizeof(u16);
	if (b->nolder)
		each += sizeof(u32);
	return sizeof(struct docstore_version) + b->nprops * each + b->id_len + b->value_bytes;
}

/* Memory that is written from front to back, as far as it goes. */
struct ds_sink {
	void *to;
	u32 room;
};

static __always_inline void ds_sink_put(struct ds_sink *sink, const void *from, u32 len)
{
	if (likely(len <= sink->room)) {
		/* Of a length that the compiler knows, but for ids and values. */
		memcpy(sink->to, from, len);
	} else {
		len = sink->room;
		memcpy(sink->to, from, len);
	}
	sink->to += len;
	sink->room -= len;
}

/**
 * ds_builder_write() - write the version down
 * @b: the builder
 * @to: where to
 * @room: bytes there; what is beyond is not written
 * @seq: number of the commit
 * @prev: ref of the preceding version, or 0
 */
void ds_builder_write(const struct ds_builder *b, void *to, u32 room, u64 seq, u32 prev)
{
	struct ds_sink sink = { .to = to, .room = room };
	struct docstore_version head = {
		.seq = seq,
		.version = b->version,
		.created = b->created,
		.changed = b->now,
		.size = ds_builder_size(b),
		.prev = prev,
		.type = b->type,
		.nprops = b->nprops,
		.id_len = b->id_len,
		.flags = ds_builder_flags(b),
	};
	const struct ds_property *end = b->props + b->nprops;
	const struct ds_property *p;
	u32 at = 0;

	ds_sink_put(&sink, &head, sizeof(head));
	for (p = b->props; (head.flags & DOCSTORE_VERSION_SET) && p < end; p++) {
		u32 age = min_t(u64, b->version - p->set, U32_MAX);
		u32 low = (u32)b->version - age;

		ds_sink_put(&sink, &low, sizeof(low));
	}
	for (p = b->props; p < end; p++) {
		u16 narrow;

		at += p->len;
		narrow = at;
		if (head.flags & DOCSTORE_VERSION_WIDE)
			ds_sink_put(&sink, &at, sizeof(at));
		else
			ds_sink_put(&sink, &narrow, sizeof(narrow));
	}
	for (p = b->props; p < end; p++)
		ds_sink_put(&sink, &p->name, sizeof(p->name));
	for (p = b->props; p < end; p++)
		ds_sink_put(&sink, &p->type, sizeof(p->type));
	ds_sink_put(&sink, b->id, b->id_len);
	for (p = b->props; p < end; p++)
		ds_sink_put(&sink, ds_property_data(p), p->len);
}

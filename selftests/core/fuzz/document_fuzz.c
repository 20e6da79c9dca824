// SPDX-License-Identifier: GPL-2.0
/*
 * Documents made of documents: any deltas that the module may hand to
 * module/core/document.c, versions written and read back, against a list of
 * properties that is as plain as can be. The library reads them as well.
 */
#include <linux/errno.h>

#include "fuzz.h"
#include "store.h"
#include "test.h"

#define VERSIONS	24
#define OPS		24
#define BYTES		(4 * DOCSTORE_MAX_DOCUMENT)
/* What all values are pieces of. */
#define PATTERN		(DOCSTORE_MAX_DOCUMENT + 512)

struct property {
	u32 name;
	u32 type;
	u64 set;
	const u8 *data;
	u32 len;
};

struct document {
	bool live;
	bool changed;
	u64 version;
	u64 created;
	u64 now;
	u64 seq;
	u32 type;
	u32 nprops;
	u64 bytes;
	struct property props[DOCSTORE_MAX_PROPERTIES];
};

static u8 pattern[PATTERN];
static u8 numbers[VERSIONS * OPS][8];
static u32 nnumbers;
static struct ds_builder builder;
static struct document doc, draft;
static void *kept[VERSIONS * (OPS + 1)];
static u32 nkept;
static u8 id[DOCSTORE_MAX_ID];
static u8 id_len;
/* Bytes handled so far: many take time, and a few show what there is. */
static u64 handled;

static void *keep(void *p)
{
	CHECK(p && nkept < ARRAY_SIZE(kept));
	kept[nkept++] = p;
	return p;
}

/* --- the model ------------------------------------------------------------- */

static u64 model_size(const struct document *d)
{
	u64 size = 48 + id_len + d->bytes + d->nprops * (d->bytes > 65535 ? 7ULL : 5ULL);
	u32 i;

	for (i = 0; i < d->nprops; i++)
		if (d->props[i].set != d->version)
			return size + 4ULL * d->nprops;
	return size;
}

static struct property *model_find(struct document *d, u32 name)
{
	u32 i;

	for (i = 0; i < d->nprops; i++)
		if (d->props[i].name == name)
			return &d->props[i];
	return NULL;
}

static void model_create(struct document *d)
{
	d->changed = true;
	if (!d->live)
		d->created = d->now;
	d->live = true;
}

static int model_set(struct document *d, u32 name, u32 type, const u8 *data, u32 len)
{
	struct property *p;

	model_create(d);
	p = model_find(d, name);
	if (!p) {
		if (d->nprops == 1024)
			return -EFBIG;
		p = &d->props[d->nprops++];
		p->len = 0;
	}
	d->bytes = d->bytes - p->len + len;
	*p = (struct property){ name, type, d->version, data, len };
	return 0;
}

static int model_unset(struct document *d, u32 name)
{
	struct property *p;

	if (!d->live)
		return -ENOENT;
	p = name ? model_find(d, name) : NULL;
	if (name && !p)
		return -ENODATA;
	d->changed = true;
	if (!name) {
		d->nprops = 0;
		d->bytes = 0;
		return 0;
	}
	d->bytes -= p->len;
	d->nprops--;
	for (; p < d->props + d->nprops; p++)
		*p = p[1];
	return 0;
}

static const u8 *model_number(u64 number)
{
	CHECK(nnumbers < ARRAY_SIZE(numbers));
	memcpy(numbers[nnumbers], &number, 8);
	return numbers[nnumbers++];
}

static int model_add(struct document *d, u32 name, s64 number)
{
	struct property *p = d->live ? model_find(d, name) : NULL;
	__int128 sum = number;
	s64 before = 0;

	if (p && p->type != DOCSTORE_TYPE_S64)
		return -EDOM;
	if (p)
		memcpy(&before, p->data, 8);
	sum += before;
	if (sum != (s64)sum)
		return -EOVERFLOW;
	return model_set(d, name, DOCSTORE_TYPE_S64, model_number(sum), 8);
}

static void model_touch(struct document *d, u64 version)
{
	u32 i;

	model_create(d);
	if (version <= d->version)
		return;
	for (i = 0; i < d->nprops; i++)
		if (d->props[i].set == d->version)
			d->props[i].set = version;
	d->version = version;
}

static int model_delete(struct document *d)
{
	if (!d->live)
		return -ENOENT;
	d->live = false;
	d->changed = true;
	d->nprops = 0;
	d->bytes = 0;
	d->type = 0;
	return 0;
}

/* What 32 bits tell of the version that set a property. */
static u32 model_low(const struct document *d, const struct property *p)
{
	u64 age = d->version - p->set;

	return (u32)(d->version - (age > 0xffffffffULL ? 0xffffffffULL : age));
}

/* --- what was written ------------------------------------------------------ */

static void check_head(const struct document *d, const struct docstore_version *v, u64 seq,
		       u32 prev)
{
	CHECK_EQ(v->seq, seq);
	CHECK_EQ(v->prev, prev);
	CHECK_EQ(v->version, d->version);
	CHECK_EQ(v->created, d->created);
	CHECK_EQ(v->changed, d->now);
	CHECK_EQ(v->type, d->type);
	CHECK_EQ(v->size, model_size(d));
	CHECK_EQ(v->id_len, id_len);
	CHECK_EQ(!(v->flags & DOCSTORE_VERSION_TOMBSTONE), d->live);
}

/* A whole version, as it is returned: with no @prev. */
static void check_version(struct document *d, const struct docstore_version *v, u64 seq)
{
	struct ds_value value;
	u32 i;

	check_head(d, v, seq, 0);
	CHECK_EQ(v->nprops, d->nprops);
	CHECK(ds_version_is(v, id, id_len));
	CHECK(!ds_version_is(v, id, id_len - 1));
	CHECK(!memcmp(ds_version_id(v), id, id_len));
	CHECK(library_opens(v, v->size));
	CHECK(!library_opens(v, v->size - 1));
	CHECK(library_head_is(d->version, d->created, d->now, seq, d->type, d->nprops, id, id_len));
	for (i = 0; i < d->nprops; i++) {
		const struct property *p = &d->props[i];

		CHECK(library_property_is(i, p->name, p->type, model_low(d, p), p->data, p->len));
		/* Each looks for its name from the front. */
		if (i > 40 && i + 4 < d->nprops)
			continue;
		CHECK(library_finds(i, p->name));
		CHECK(ds_version_property(v, p->name, &value));
		CHECK_EQ(value.type, p->type);
		CHECK_EQ(value.len, p->len);
		CHECK(!memcmp(value.data, p->data, p->len));
	}
	CHECK(!ds_version_property(v, 0, &value));
}

static void check_copies(struct document *d, const struct docstore_version *v, u64 seq, u32 prev,
			 u32 room)
{
	struct docstore_version head, *copy = malloc(v->size);
	u8 *ids;

	CHECK(copy);
	check_head(d, v, seq, prev);
	CHECK_EQ(ds_version_head(v, &head), sizeof(head));
	CHECK_EQ(ds_version_copy(v, copy, v->size), v->size);
	CHECK(!memcmp(copy, &head, sizeof(head)));
	CHECK(!memcmp(copy + 1, v + 1, v->size - sizeof(head)));
	version_validate(copy);
	check_version(d, copy, seq);
	if (room < v->size) {
		u8 *part = malloc(room ? room : 1);

		CHECK(part);
		CHECK_EQ(ds_version_copy(v, part, room), v->size);
		CHECK(!memcmp(part, copy, room));
		free(part);
	}
	ids = malloc(ds_version_ids_size(v));
	CHECK(ids);
	ds_version_copy_ids(v, ids);
	CHECK(library_opens(ids, ds_version_ids_size(v)));
	CHECK(library_head_is(d->version, d->created, d->now, seq, d->type, 0, id, id_len));
	free(ids);
	free(copy);
}

/* --- operations ------------------------------------------------------------ */

static u32 take_name(struct input *in)
{
	u32 name = 1 + take_below(in, 256);

	return name < 250 ? 1 + name % 12 : 1 + take_below(in, DOCSTORE_MAX_NAMES);
}

/* Lengths near those at which something changes. */
static u32 take_len(struct input *in, const struct document *d)
{
	static const u32 edges[] = {
		0, 1, 7, 8, 255, 256, 4095, 32768, 65535, 65536, 65537, 500000,
		DOCSTORE_MAX_DOCUMENT, DOCSTORE_MAX_DOCUMENT + 1, 0xffffffff,
	};
	u32 how = take_below(in, 256);
	u64 size = model_size(d);

	if (how < 200 || handled > BYTES / 2)
		return how % 100;
	if (how < 230)
		return edges[(how - 200) % ARRAY_SIZE(edges)];
	/* Such that the values are about as many bytes as an end of 16 bits tells. */
	if (how < 240)
		return d->bytes < 65540 ? 65540 - d->bytes - take_below(in, 12) % 8 : 3;
	/* Or that the document is about as large as it may be. */
	return size < DOCSTORE_MAX_DOCUMENT - 64 ?
	       DOCSTORE_MAX_DOCUMENT - size - take_below(in, 64) : 5;
}

/* A copy to the byte. */
static void *value_copy(const u8 *data, u32 len)
{
	return len ? memcpy(keep(malloc(len)), data, len) : NULL;
}

static int take_set(struct input *in, struct ds_delta *delta)
{
	static const u8 bools[] = { 0, 1 };
	u32 offset;

	delta->code = DOCSTORE_OP_SET;
	delta->property = take_name(in);
	delta->type = 1 + take_below(in, DOCSTORE_TYPE_JSON);
	switch (delta->type) {
	case DOCSTORE_TYPE_NULL:
		return model_set(&draft, delta->property, delta->type, pattern, 0);
	case DOCSTORE_TYPE_BOOL:
		delta->number = take_below(in, 2);
		return model_set(&draft, delta->property, delta->type, &bools[delta->number], 1);
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
	case DOCSTORE_TYPE_F64:
		delta->number = take_number(in);
		return model_set(&draft, delta->property, delta->type,
				 model_number(delta->number), 8);
	}
	delta->len = take_len(in, &draft);
	offset = take_below(in, 256);
	if (delta->len > DOCSTORE_MAX_DOCUMENT)
		return -EFBIG;
	handled += delta->len;
	delta->data = value_copy(pattern + offset, delta->len);
	return model_set(&draft, delta->property, delta->type, pattern + offset, delta->len);
}

static int take_get(struct input *in, struct ds_delta *delta)
{
	u64 size = model_size(&draft);

	delta->code = DOCSTORE_OP_GET;
	delta->property = take_below(in, 2) ? take_name(in) : 0;
	delta->len = take_below(in, 3) ? take_below(in, 65536) : size;
	if (delta->len > DOCSTORE_MAX_DOCUMENT)
		delta->len = DOCSTORE_MAX_DOCUMENT;
	/* The module has it like this where the caller has no room. */
	if (delta->len)
		delta->data = keep(malloc(delta->len));
	if (!draft.live)
		return -ENOENT;
	if (delta->property)
		return model_find(&draft, delta->property) ? 0 : -ENODATA;
	return draft.changed && size > DOCSTORE_MAX_DOCUMENT ? -EFBIG : 0;
}

static void check_get(struct ds_delta *delta)
{
	struct document *d = draft.changed ? &draft : &doc;
	struct property *p;

	if (!delta->property) {
		CHECK_EQ(delta->out_len, model_size(d));
		CHECK_EQ(delta->out_type, DOCSTORE_TYPE_NONE);
		if (delta->out_len <= delta->len)
			check_version(d, delta->data, draft.changed ? 0 : doc.seq);
		return;
	}
	p = model_find(&draft, delta->property);
	CHECK_EQ(delta->out_len, p->len);
	CHECK_EQ(delta->out_type, p->type);
	CHECK(!memcmp(delta->data, p->data, min(p->len, delta->len)));
}

/* One operation, to the model; the delta is what the engine gets. */
static int take_op(struct input *in, u32 what, struct ds_delta *delta)
{
	memset(delta, 0, sizeof(*delta));
	if (what < 100)
		return take_set(in, delta);
	if (what < 130) {
		delta->code = DOCSTORE_OP_UNSET;
		delta->property = take_below(in, 8) ? take_name(in) : 0;
		return model_unset(&draft, delta->property);
	}
	if (what < 160) {
		delta->code = DOCSTORE_OP_ADD;
		delta->type = DOCSTORE_TYPE_S64;
		delta->property = take_name(in);
		delta->number = take_number(in);
		return model_add(&draft, delta->property, delta->number);
	}
	if (what < 190) {
		delta->code = DOCSTORE_OP_TOUCH;
		delta->number = take_below(in, 2) ? take_number(in) : draft.version +
						    take_number(in);
		if (delta->number > DOCSTORE_MAX_VERSION)
			delta->number = 0;
		model_touch(&draft, delta->number);
		return 0;
	}
	if (what < 205) {
		delta->code = DOCSTORE_OP_SET_TYPE;
		delta->property = take_below(in, 4) ? take_name(in) : 0;
		model_create(&draft);
		draft.type = delta->property;
		return 0;
	}
	if (what < 215) {
		delta->code = DOCSTORE_OP_DELETE;
		return model_delete(&draft);
	}
	return take_get(in, delta);
}

/* Many properties at once, of names in a row. */
static bool take_many(struct input *in)
{
	u32 name = take_name(in), n = take_below(in, 1100);
	struct ds_delta delta = {
		.code = DOCSTORE_OP_SET,
		.type = DOCSTORE_TYPE_U64,
		.number = take_below(in, 256),
	};
	const u8 *number = model_number(delta.number);
	int err = 0;

	/* Each looks for its name among all. */
	handled += n * 2048ULL;
	for (; n-- && !err && name <= DOCSTORE_MAX_NAMES; name++) {
		delta.property = name;
		err = model_set(&draft, name, delta.type, number, 8);
		CHECK_EQ(ds_builder_apply(&builder, &delta), err);
	}
	return !err;
}

/* The operations of one batch; false if one of them fails, and so all do. */
static bool take_ops(struct input *in)
{
	u32 n = 1 + take_below(in, OPS);

	while (n-- && input_left(in)) {
		u32 what = take_below(in, 256);
		struct ds_delta delta;
		int err;

		if (what >= 250 && handled < BYTES / 2) {
			if (!take_many(in))
				return false;
			continue;
		}
		err = take_op(in, what, &delta);
		delta.result = ds_builder_apply(&builder, &delta);
		CHECK_EQ(delta.result, err);
		if (err)
			return false;
		if (delta.code == DOCSTORE_OP_GET)
			check_get(&delta);
	}
	return true;
}

static struct docstore_version *write_version(struct input *in, u64 seq)
{
	u32 size = ds_builder_size(&builder), room = take_below(in, 65536), prev = take(in, 1);
	struct docstore_version *v = keep(malloc(size));
	u8 *part;

	handled += size + draft.nprops * 256;
	ds_builder_write(&builder, v, size, seq, prev);
	check_copies(&draft, v, seq, prev, room);
	if (room < size) {
		part = malloc(room ? room : 1);
		CHECK(part);
		ds_builder_write(&builder, part, room, seq, prev);
		CHECK(!memcmp(part, v, room));
		free(part);
	}
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct docstore_version *v = NULL;
	u64 floor, now = 1, seq;
	u32 i;

	for (i = 0; !pattern[1] && i < PATTERN; i++)
		pattern[i] = i * 7 + (i >> 8) + 1;
	nnumbers = 0;
	handled = 0;
	id_len = 1 + take_below(&in, DOCSTORE_MAX_ID);
	floor = take_number(&in) % DOCSTORE_MAX_VERSION;
	for (i = 0; i < id_len; i++)
		id[i] = i + take(&in, i < 2);
	memset(&doc, 0, offsetof(struct document, props));

	for (seq = 1; seq < VERSIONS && input_left(&in) && handled < BYTES; seq++) {
		memcpy(&draft, &doc, offsetof(struct document, props) +
				     doc.nprops * sizeof(doc.props[0]));
		now += take_number(&in) >> 8;
		draft.now = now;
		draft.seq = seq;
		draft.version = (v ? doc.version : floor) + 1;
		draft.changed = false;
		memset(&builder, 0xa5, sizeof(builder));
		ds_builder_load(&builder, v, id, id_len, floor, now);
		if (!take_ops(&in))
			continue;
		CHECK_EQ(builder.changed, draft.changed);
		CHECK_EQ(builder.live, draft.live);
		CHECK_EQ(ds_builder_size(&builder), model_size(&draft));
		if (!draft.changed || model_size(&draft) > DOCSTORE_MAX_DOCUMENT)
			continue;
		v = write_version(&in, seq);
		memcpy(&doc, &draft, offsetof(struct document, props) +
				     draft.nprops * sizeof(doc.props[0]));
	}
	while (nkept)
		free(kept[--nkept]);
	return 0;
}

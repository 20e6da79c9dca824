// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "replica.h"
#include "test.h"

struct value {
	u32 name;
	u8 type;
	u32 len;
	u8 *data;
};

/**
 * struct replica_document - a document
 * @live: it exists
 * @id_len: length of its id
 * @id: its id
 * @version: its version number
 * @type: its type
 * @nvalues: how many properties it has
 * @values: these, in no order
 */
struct replica_document {
	bool live;
	u8 id_len;
	u8 id[DOCSTORE_MAX_ID];
	u64 version;
	u32 type;
	u32 nvalues;
	struct value *values;
};

static void document_clear(struct replica_document *doc)
{
	while (doc->nvalues)
		free(doc->values[--doc->nvalues].data);
}

static void document_unset(struct replica_document *doc, u32 name)
{
	u32 i;

	for (i = 0; i < doc->nvalues; i++) {
		if (doc->values[i].name != name)
			continue;
		free(doc->values[i].data);
		doc->values[i] = doc->values[--doc->nvalues];
		return;
	}
}

static void document_set(struct replica_document *doc, u32 name, u8 type, const void *data, u32 len)
{
	struct value *value;

	document_unset(doc, name);
	doc->values = realloc(doc->values, (doc->nvalues + 1) * sizeof(*value));
	CHECK(doc->values);
	value = &doc->values[doc->nvalues++];
	*value = (struct value){ .name = name, .type = type, .len = len, .data = malloc(len + 1) };
	CHECK(value->data);
	memcpy(value->data, data, len);
}

static struct replica_document *document_of(struct replica *r, const u8 *id, u8 id_len)
{
	u32 number = id[0] | (id_len > 1 ? id[1] << 8 : 0);

	CHECK(number < REPLICA_DOCUMENTS);
	return &r->documents[number];
}

/* As it is now. */
static void document_fetch(struct replica *r, struct replica_document *doc)
{
	const struct docstore_version *v;
	struct ds_layout l;
	u32 i;

	document_clear(doc);
	rcu_read_lock();
	v = store_read(r->s, doc->id, doc->id_len);
	doc->live = v;
	if (v) {
		doc->version = v->version;
		doc->type = v->type;
		ds_version_layout(v, &l);
		for (i = 0; i < v->nprops; i++) {
			struct ds_value value;

			ds_layout_value(v, &l, i, &value);
			document_set(doc, l.names[i], value.type, value.data, value.len);
		}
	}
	rcu_read_unlock();
}

static void document_apply(struct replica *r, const struct docstore_record *record)
{
	const u8 *id = record_id(record), *value;
	struct replica_document *doc = document_of(r, id, record->id_len);
	u32 i;

	doc->id_len = record->id_len;
	memcpy(doc->id, id, doc->id_len);
	if (record->flags & DOCSTORE_RECORD_OMITTED) {
		r->omitted++;
		document_fetch(r, doc);
		return;
	}
	/* One that was read since is newer, and gets to be that again. */
	if (record->flags & (DOCSTORE_RECORD_CREATED | DOCSTORE_RECORD_DELETED |
			     DOCSTORE_RECORD_REPLACED | DOCSTORE_RECORD_CLEARED))
		document_clear(doc);
	doc->live = !(record->flags & DOCSTORE_RECORD_DELETED);
	doc->version = record->version;
	doc->type = record->type;
	value = id + record->id_len;
	for (i = 0; i < record->count; i++) {
		const struct docstore_record_change *c = record_change(record, i);

		if (c->what == DOCSTORE_OP_UNSET)
			document_unset(doc, c->property);
		else
			document_set(doc, c->property, c->type, value, c->len);
		value += c->len;
	}
}

/* All documents, as they are now, and what comes behind that: as streams do it. */
static void replica_resync(struct replica *r)
{
	static struct ds_scan scan;
	u64 visible;
	u32 i;

	ds_cursor_now(r->f.log, r->f.visible_seq, &r->f.cursor);
	/* Pairs with ds_partition_show(). */
	visible = smp_load_acquire(r->f.visible_seq);
	ds_cursor_pass(r->f.log, visible, &r->f.cursor);
	for (i = 0; i < REPLICA_DOCUMENTS; i++) {
		document_clear(&r->documents[i]);
		r->documents[i].live = false;
	}
	scan.from = 0;
	for (;;) {
		ds_index_scan(&r->s->p.index, r->s->key, &scan);
		for (i = 0; i < scan.count; i++) {
			const struct docstore_version *v = scan.found[i].version;
			struct replica_document *doc;

			doc = document_of(r, ds_version_id(v), v->id_len);
			doc->id_len = v->id_len;
			memcpy(doc->id, ds_version_id(v), v->id_len);
			document_fetch(r, doc);
		}
		if (scan.last == U64_MAX)
			break;
		scan.from = scan.last + 1;
	}
	r->resyncs++;
}

struct replica *replica_create(struct store *s)
{
	struct replica *r = calloc(1, sizeof(*r));

	CHECK(r);
	CHECK_EQ(s->p.stats.changes, 0);
	r->s = s;
	follower_init(&r->f, s);
	r->documents = calloc(REPLICA_DOCUMENTS, sizeof(*r->documents));
	CHECK(r->documents);
	return r;
}

void replica_destroy(struct replica *r)
{
	u32 i;

	for (i = 0; i < REPLICA_DOCUMENTS; i++) {
		document_clear(&r->documents[i]);
		free(r->documents[i].values);
	}
	follower_destroy(&r->f);
	free(r->documents);
	free(r);
}

bool replica_read(struct replica *r, u32 n)
{
	for (; n; n--) {
		switch (follower_read(&r->f)) {
		case DS_BACKLOG_NOTHING:
			return true;
		case DS_BACKLOG_RECORD:
			document_apply(r, r->f.record);
			r->records++;
			break;
		case DS_BACKLOG_OVERRUN:
			replica_resync(r);
			break;
		}
	}
	return false;
}

void replica_compare(struct replica *r, const u8 *id, u8 id_len)
{
	const struct replica_document *doc = document_of(r, id, id_len);
	const struct docstore_version *v;
	u32 i;

	CHECK(replica_read(r, U32_MAX));
	rcu_read_lock();
	v = store_read(r->s, id, id_len);
	CHECK_EQ(!!v, doc->live);
	if (v) {
		CHECK(ds_version_is(v, doc->id, doc->id_len));
		CHECK_EQ(v->version, doc->version);
		CHECK_EQ(v->type, doc->type);
		CHECK_EQ(v->nprops, doc->nvalues);
		for (i = 0; i < doc->nvalues; i++) {
			const struct value *own = &doc->values[i];
			struct ds_value value;

			CHECK(ds_version_property(v, own->name, &value));
			CHECK_EQ(value.type, own->type);
			CHECK_EQ(value.len, own->len);
			CHECK(!memcmp(value.data, own->data, own->len));
		}
	}
	rcu_read_unlock();
}

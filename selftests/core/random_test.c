// SPDX-License-Identifier: GPL-2.0
/*
 * Random batches against a model: the rules of the interface once more, as plain
 * as can be, with nothing shared with the engine but the rules.
 *
 * SEED takes the same steps again; STEPS says how many.
 */
#include <errno.h>
#include <string.h>

#include "checker.h"
#include "replica.h"
#include "store.h"
#include "test.h"

#define DOCUMENTS	1500
#define NAMES		24
#define BATCHES		3
#define CHANGES		8
#define PINS		3
#define PIN_DOCUMENTS	6

struct property {
	u32 name;
	u8 type;
	u64 set;
	u32 len;
	u8 *data;
};

/**
 * struct document - what the model knows of an id
 * @id: the id
 * @id_len: its length
 * @slot: the index has a slot for it: it exists, or its tombstone does
 * @live: it exists
 * @version: of what the slot has
 * @highest: version that it ever had
 * @created: when it was created
 * @changed: when it was changed
 * @type: its type
 * @nprops: number of properties
 * @props: its properties
 * @seen: times met in a scan
 */
struct document {
	u8 id[DOCSTORE_MAX_ID];
	u8 id_len;
	bool slot;
	bool live;
	u64 version;
	u64 highest;
	u64 created;
	u64 changed;
	u32 type;
	u32 nprops;
	struct property props[NAMES];
	u32 seen;
};

/* What a batch makes of a document. */
struct draft {
	struct document doc;
	bool altered;
	u64 base_version;
	u64 floor;
};

/**
 * struct pin - a reader that takes its time
 * @active: there is one
 * @now: grace periods up to this one may be over before it is done
 * @seq: the visible_seq that it has loaded
 * @docs: documents that it is interested in
 * @versions: what it has found, NULL for nothing
 * @copies: what that was like then
 */
struct pin {
	bool active;
	unsigned long now;
	u64 seq;
	struct document *docs[PIN_DOCUMENTS];
	const struct docstore_version *versions[PIN_DOCUMENTS];
	void *copies[PIN_DOCUMENTS];
};

struct model {
	struct store *s;
	struct pin pins[PINS];
	struct rng rng;
	struct document docs[DOCUMENTS];
	u32 active;
	u64 live;
	u64 slots;
	u64 bytes;
	u32 deleting;
	u64 refused;
	u64 nomem;
	u64 passed;
	u64 retried;
	struct checker checker;
	u64 checks;
	struct replica *replica;
};

static void document_clear(struct document *doc)
{
	u32 i;

	for (i = 0; i < doc->nprops; i++)
		free(doc->props[i].data);
	doc->nprops = 0;
}

static void document_copy(struct document *to, const struct document *from)
{
	u32 i;

	*to = *from;
	for (i = 0; i < to->nprops; i++) {
		struct property *p = &to->props[i];

		p->data = malloc(p->len + 1);
		CHECK(p->data);
		memcpy(p->data, from->props[i].data, p->len);
	}
}

static u64 document_value_bytes(const struct document *doc)
{
	u64 bytes = 0;
	u32 i;

	for (i = 0; i < doc->nprops; i++)
		bytes += doc->props[i].len;
	return bytes;
}

/* How long the version is that the interface prescribes. */
static u64 document_size(const struct document *doc)
{
	u64 bytes = document_value_bytes(doc);
	u64 size = 48 + doc->id_len + bytes + doc->nprops * (2 + 1 + (bytes > 65535 ? 4 : 2));
	u32 i;

	for (i = 0; i < doc->nprops; i++)
		if (doc->props[i].set != doc->version)
			return size + 4 * doc->nprops;
	return size;
}

static struct property *document_find(struct document *doc, u32 name)
{
	u32 i;

	for (i = 0; i < doc->nprops; i++)
		if (doc->props[i].name == name)
			return &doc->props[i];
	return NULL;
}

/* Is a version, where it lies or as it was returned, that document? */
static void document_compare(const struct document *doc, const struct docstore_version *v)
{
	struct ds_layout l;
	u32 i, begin = 0;

	version_validate(v);
	CHECK(ds_version_is(v, doc->id, doc->id_len));
	CHECK_EQ(v->version, doc->version);
	CHECK_EQ(v->created, doc->created);
	CHECK_EQ(v->changed, doc->changed);
	CHECK_EQ(v->type, doc->type);
	CHECK_EQ(v->nprops, doc->nprops);
	CHECK_EQ(v->size, document_size(doc));
	ds_version_layout(v, &l);
	for (i = 0; i < doc->nprops; i++) {
		const struct property *p = &doc->props[i];
		u64 age = doc->version - p->set;
		struct ds_value value;
		u32 low;

		CHECK_EQ(l.names[i], p->name);
		CHECK(ds_version_property(v, p->name, &value));
		CHECK_EQ(value.type, p->type);
		CHECK_EQ(value.len, p->len);
		CHECK((const u8 *)value.data == l.values + begin);
		CHECK(!memcmp(value.data, p->data, p->len));
		begin += p->len;
		low = l.set ? l.set[i] : (u32)v->version;
		CHECK_EQ(low, (u32)(doc->version - min_t(u64, age, U32_MAX)));
	}
}

static void draft_begin(struct draft *draft, const struct document *doc, u64 floor, u64 now)
{
	document_copy(&draft->doc, doc);
	draft->altered = false;
	draft->base_version = doc->slot ? doc->version : 0;
	draft->doc.version = (doc->slot ? doc->version : floor) + 1;
	draft->doc.changed = now;
	if (!doc->live)
		draft->doc.created = now;
}

static void draft_create(struct draft *draft, u64 now)
{
	draft->altered = true;
	if (draft->doc.live)
		return;
	draft->doc.live = true;
	draft->doc.created = now;
}

static int draft_set(struct draft *draft, u32 name, u8 type, const void *data, u32 len, u64 now)
{
	struct property *p;

	draft_create(draft, now);
	p = document_find(&draft->doc, name);
	if (!p) {
		p = &draft->doc.props[draft->doc.nprops++];
		*p = (struct property){ .name = name };
	}
	free(p->data);
	p->data = malloc(len + 1);
	CHECK(p->data);
	memcpy(p->data, data, len);
	p->len = len;
	p->type = type;
	p->set = draft->doc.version;
	return 0;
}

static int draft_unset(struct draft *draft, u32 name)
{
	struct document *doc = &draft->doc;
	struct property *p;

	if (!doc->live)
		return -ENOENT;
	if (!name) {
		document_clear(doc);
	} else {
		p = document_find(doc, name);
		if (!p)
			return -ENODATA;
		free(p->data);
		doc->nprops--;
		memmove(p, p + 1, (char *)&doc->props[doc->nprops] - (char *)p);
	}
	draft->altered = true;
	return 0;
}

static int draft_add(struct draft *draft, u32 name, s64 number, u64 now)
{
	struct property *p = draft->doc.live ? document_find(&draft->doc, name) : NULL;
	__int128 sum = number;
	s64 result;

	if (p) {
		s64 before;

		if (p->type != DOCSTORE_TYPE_S64)
			return -EDOM;
		memcpy(&before, p->data, 8);
		sum += before;
	}
	result = sum;
	if (result != sum)
		return -EOVERFLOW;
	return draft_set(draft, name, DOCSTORE_TYPE_S64, &result, 8, now);
}

static int draft_delete(struct draft *draft)
{
	if (!draft->doc.live)
		return -ENOENT;
	document_clear(&draft->doc);
	draft->doc.live = false;
	draft->doc.type = 0;
	draft->altered = true;
	return 0;
}

static int draft_touch(struct draft *draft, u64 version, u64 now)
{
	struct document *doc = &draft->doc;
	u32 i;

	draft_create(draft, now);
	if (version <= doc->version)
		return 0;
	for (i = 0; i < doc->nprops; i++)
		if (doc->props[i].set == doc->version)
			doc->props[i].set = version;
	doc->version = version;
	return 0;
}

static int draft_get(struct draft *draft, const struct ds_delta *delta, const struct document *old)
{
	const struct document *doc = draft->altered ? &draft->doc : old;
	const struct property *p;

	if (!draft->doc.live)
		return -ENOENT;
	if (!delta->property) {
		u64 size = document_size(doc);

		if (size > DOCSTORE_MAX_DOCUMENT)
			return -EFBIG;
		if (delta->result)
			return 0;
		CHECK_EQ(delta->out_len, size);
		CHECK_EQ(delta->out_type, DOCSTORE_TYPE_NONE);
		if (size <= delta->len)
			document_compare(doc, delta->data);
		return 0;
	}
	p = document_find(&draft->doc, delta->property);
	if (!p)
		return -ENODATA;
	if (delta->result)
		return 0;
	CHECK_EQ(delta->out_len, p->len);
	CHECK_EQ(delta->out_type, p->type);
	CHECK(!memcmp(delta->data, p->data, min(p->len, delta->len)));
	return 0;
}

static int draft_apply(struct draft *draft, const struct ds_delta *delta,
		       const struct document *old, u64 now)
{
	u8 flag = !!delta->number;

	switch (delta->code) {
	case DOCSTORE_OP_GET:
		return draft_get(draft, delta, old);
	case DOCSTORE_OP_SET:
		switch (delta->type) {
		case DOCSTORE_TYPE_NULL:
			return draft_set(draft, delta->property, delta->type, "", 0, now);
		case DOCSTORE_TYPE_BOOL:
			return draft_set(draft, delta->property, delta->type, &flag, 1, now);
		case DOCSTORE_TYPE_S64:
		case DOCSTORE_TYPE_U64:
		case DOCSTORE_TYPE_F64:
			return draft_set(draft, delta->property, delta->type, &delta->number, 8,
					 now);
		default:
			if (delta->len > DOCSTORE_MAX_DOCUMENT)
				return -EFBIG;
			return draft_set(draft, delta->property, delta->type,
					 delta->data ?: (void *)"", delta->len, now);
		}
	case DOCSTORE_OP_UNSET:
		return draft_unset(draft, delta->property);
	case DOCSTORE_OP_ADD:
		return draft_add(draft, delta->property, delta->number, now);
	case DOCSTORE_OP_DELETE:
		return draft_delete(draft);
	case DOCSTORE_OP_TOUCH:
		return draft_touch(draft, delta->number, now);
	case DOCSTORE_OP_SET_TYPE:
		draft_create(draft, now);
		draft->doc.type = delta->property;
		return 0;
	}
	FAIL("operation %u", delta->code);
}

static struct document *model_find(struct model *m, const struct ds_change *change)
{
	u32 i;

	/* Ids begin with their number, where they have room for it. */
	if (change->id_len >= 2) {
		i = change->id[0] | change->id[1] << 8;
		CHECK(i < DOCUMENTS);
		return &m->docs[i];
	}
	FAIL("an id of length %u", change->id_len);
}

static bool delta_condition_holds(const struct ds_delta *delta, const struct document *doc,
				  int *error)
{
	*error = 0;
	if ((delta->flags & DOCSTORE_IF_EXISTS) && !doc->live)
		*error = -ENOENT;
	else if ((delta->flags & DOCSTORE_IF_ABSENT) && doc->live)
		*error = -EEXIST;
	else if ((delta->flags & DOCSTORE_IF_VERSION) &&
		 delta->expected != (doc->live ? doc->version : 0))
		*error = -ESTALE;
	return !*error;
}

/*
 * What should come of the operations on a document: a draft, and in @results one
 * result after the other. Return true if it should succeed.
 */
static bool model_draft(struct model *m, const struct ds_change *change, struct draft *draft,
			int *results)
{
	struct document *doc = model_find(m, change);
	const struct ds_change *more;
	bool ok = true;
	u32 i, n = 0;

	draft_begin(draft, doc, m->s->p.floor, m->s->now);
	for (more = change; more; more = more->more)
		for (i = 0; i < more->count; i++)
			ok &= delta_condition_holds(&more->deltas[i], doc, &results[n++]);
	if (ok) {
		n = 0;
		for (more = change; more; more = more->more)
			for (i = 0; i < more->count; i++, n++) {
				if (!ok)
					continue;
				results[n] = draft_apply(draft, &more->deltas[i], doc, m->s->now);
				ok = !results[n];
			}
		if (ok && draft->altered && document_size(&draft->doc) > DOCSTORE_MAX_DOCUMENT) {
			ok = false;
			for (i = 0; i < n; i++)
				results[i] = -EFBIG;
		}
	}
	if (!ok)
		for (i = 0; i < n; i++)
			if (!results[i])
				results[i] = -ECANCELED;
	return ok;
}

static void model_commit_draft(struct model *m, struct document *doc, struct draft *draft)
{
	if (!draft->altered) {
		document_clear(&draft->doc);
		return;
	}
	CHECK(draft->doc.version > doc->highest);
	if (doc->live) {
		m->live--;
		m->bytes -= document_size(doc);
	}
	m->slots += !doc->slot;
	document_clear(doc);
	*doc = draft->doc;
	doc->slot = true;
	doc->highest = doc->version;
	if (doc->live) {
		m->live++;
		m->bytes += document_size(doc);
	}
}

static void compare_results(const struct ds_change *change, const int *results,
			    const struct draft *draft, bool ok)
{
	u64 version = draft->altered ? draft->doc.version : draft->base_version;
	u32 i, n = 0;

	for (; change; change = change->more) {
		for (i = 0; i < change->count; i++, n++) {
			CHECK_EQ(change->deltas[i].result, results[n]);
			if (ok)
				CHECK_EQ(change->deltas[i].version, version);
		}
	}
}

static void expect_all(const struct ds_change *change, int result)
{
	u32 i;

	for (; change; change = change->more)
		for (i = 0; i < change->count; i++)
			CHECK_EQ(change->deltas[i].result, result);
}

/* The same batch, carried out by the model; the partition has just done it. */
static void model_apply_each(struct model *m, struct batch *b, const bool *done_before)
{
	struct ds_change *change;
	struct draft draft;
	int results[64];
	u32 i = 0;
	bool ok;

	for (change = b->batch.first; change; change = change->next, i++) {
		if (done_before[i])
			continue;
		if (change->state == DS_CHANGE_NOMEM) {
			CHECK(b->batch.nomem);
			continue;
		}
		ok = model_draft(m, change, &draft, results);
		compare_results(change, results, &draft, ok);
		CHECK_EQ(change->state, ok && draft.altered ? DS_CHANGE_LINKED : DS_CHANGE_DONE);
		if (ok)
			model_commit_draft(m, model_find(m, change), &draft);
		else
			document_clear(&draft.doc);
	}
}

static void model_apply_atomic(struct model *m, struct batch *b)
{
	static struct draft drafts[CHANGES];
	static int results[CHANGES][64];
	struct ds_change *change;
	bool ok[CHANGES], all = true;
	u32 i = 0;

	if (b->batch.nomem) {
		for (change = b->batch.first; change; change = change->next) {
			CHECK_EQ(change->state, DS_CHANGE_NOMEM);
			expect_all(change, 0);
		}
		return;
	}
	for (change = b->batch.first; change; change = change->next, i++) {
		ok[i] = model_draft(m, change, &drafts[i], results[i]);
		all &= ok[i];
	}
	CHECK_EQ(b->batch.refused, !all);
	m->refused += !all;
	i = 0;
	for (change = b->batch.first; change; change = change->next, i++) {
		if (all) {
			compare_results(change, results[i], &drafts[i], true);
			CHECK_EQ(change->state,
				 drafts[i].altered ? DS_CHANGE_LINKED : DS_CHANGE_DONE);
			model_commit_draft(m, model_find(m, change), &drafts[i]);
			continue;
		}
		CHECK_EQ(change->state, DS_CHANGE_DONE);
		if (ok[i])
			expect_all(change, -ECANCELED);
		else
			compare_results(change, results[i], &drafts[i], false);
		document_clear(&drafts[i].doc);
	}
}

static void random_bytes(struct rng *rng, u8 *to, u32 len)
{
	u64 word = rng_next(rng);
	u32 i;

	for (i = 0; i < len; i++)
		to[i] = word >> (i % 8 * 8) ^ i >> 3;
}

static void random_value(struct model *m, struct ds_delta *delta)
{
	struct rng *rng = &m->rng;
	u32 len = rng_skewed(rng, 300);

	delta->type = 1 + rng_below(rng, DOCSTORE_TYPE_JSON);
	if (delta->type < DOCSTORE_TYPE_STRING) {
		delta->number = delta->type == DOCSTORE_TYPE_NULL ? 0 : rng_next(rng);
		if (delta->type == DOCSTORE_TYPE_BOOL)
			delta->number &= 1;
		return;
	}
	if (!rng_below(rng, 50))
		len = rng_skewed(rng, 100000);
	if (!rng_below(rng, 2000))
		len = DOCSTORE_MAX_DOCUMENT - 500 + rng_below(rng, 600);
	if (!rng_below(rng, 500)) {
		delta->len = DOCSTORE_MAX_DOCUMENT + 1 + rng_below(rng, 100);
		return;
	}
	delta->len = len;
	if (!len)
		return;
	delta->data = malloc(len);
	CHECK(delta->data);
	random_bytes(rng, delta->data, len);
}

static void random_op(struct model *m, struct batch *b, const struct document *doc)
{
	struct rng *rng = &m->rng;
	u32 name = 1 + rng_below(rng, NAMES);
	u32 what = rng_below(rng, 100);
	struct ds_delta *delta;

	if (what < m->deleting) {
		delta = batch_op(b, doc->id, doc->id_len, DOCSTORE_OP_DELETE);
	} else if (what < 55) {
		delta = batch_op(b, doc->id, doc->id_len, DOCSTORE_OP_SET);
		delta->property = name;
		random_value(m, delta);
		b->bytes += delta->len;
	} else if (what < 65) {
		delta = batch_op(b, doc->id, doc->id_len, DOCSTORE_OP_UNSET);
		delta->property = rng_below(rng, 4) ? name : 0;
	} else if (what < 75) {
		delta = batch_op(b, doc->id, doc->id_len, DOCSTORE_OP_ADD);
		delta->property = name;
		delta->type = DOCSTORE_TYPE_S64;
		delta->number = rng_below(rng, 4) ? rng_below(rng, 100) : rng_next(rng);
	} else if (what < 80) {
		delta = batch_op(b, doc->id, doc->id_len, DOCSTORE_OP_TOUCH);
		if (!rng_below(rng, 3))
			delta->number = doc->version + rng_below(rng, 10);
		if (!rng_below(rng, 1000))
			delta->number = doc->version + U32_MAX - 1 + rng_below(rng, 3);
	} else if (what < 85) {
		delta = batch_op(b, doc->id, doc->id_len, DOCSTORE_OP_SET_TYPE);
		delta->property = rng_below(rng, 5);
	} else {
		delta = batch_op(b, doc->id, doc->id_len, DOCSTORE_OP_GET);
		delta->property = rng_below(rng, 2) ? name : 0;
		delta->len = rng_below(rng, 3) ? 2000 : rng_skewed(rng, 200);
		if (delta->len) {
			delta->data = malloc(delta->len);
			CHECK(delta->data);
		}
	}
	if (!rng_below(rng, 12))
		delta->flags = 1U << rng_below(rng, 3);
	if (delta->flags & DOCSTORE_IF_VERSION)
		delta->expected = rng_below(rng, 4) ? (doc->live ? doc->version : 0) :
						      doc->version + 1;
}

/* Such that a third fits of what some documents are told to do. */
static struct batch *random_batch(struct model *m)
{
	struct rng *rng = &m->rng;
	struct batch *b = batch_create(m->s, rng_below(rng, 2));
	u32 n = 1 + rng_skewed(rng, CHANGES - 1), i, j;
	struct document *docs[CHANGES];

	for (i = 0; i < n; i++)
		docs[i] = &m->docs[rng_below(rng, m->active)];
	for (i = 0; i < n; i++)
		for (j = 1 + rng_skewed(rng, 3); j; j--)
			random_op(m, b, docs[i]);
	/* And back to those that were there before. */
	if (!rng_below(rng, 4))
		for (i = 0; i < n; i++)
			if (!rng_below(rng, 3))
				random_op(m, b, docs[i]);
	return b;
}

/* Documents whose tombstone has lost its slot count on from the floor. */
static void model_bury(struct model *m)
{
	struct store *s = m->s;
	u32 i;

	for (i = 0; i < DOCUMENTS; i++) {
		struct document *doc = &m->docs[i];

		if (!doc->slot || doc->live)
			continue;
		if (ds_index_lookup(&s->p.index, store_hash(s, doc->id, doc->id_len),
				    doc->id, doc->id_len))
			continue;
		CHECK(s->p.floor >= doc->version);
		doc->slot = false;
		m->slots--;
	}
}

static void model_check_stats(struct model *m)
{
	const struct ds_partition *p = &m->s->p;

	CHECK_EQ(p->stats.documents, m->live);
	CHECK_EQ(p->stats.document_bytes, m->bytes);
	CHECK_EQ(p->index.slots, m->slots);
}

static void model_check_document(struct model *m, const struct document *doc)
{
	const struct docstore_version *v;

	rcu_read_lock();
	v = store_read(m->s, doc->id, doc->id_len);
	CHECK_EQ(!!v, doc->live);
	if (v)
		document_compare(doc, v);
	rcu_read_unlock();
}

static void model_check_scan(struct model *m)
{
	static struct ds_scan scan;
	u64 visible = m->s->map->visible_seq;
	u32 i;

	for (i = 0; i < DOCUMENTS; i++)
		m->docs[i].seen = 0;
	scan.from = 0;
	for (;;) {
		ds_index_scan(&m->s->p.index, m->s->key, &scan);
		for (i = 0; i < scan.count; i++) {
			const struct docstore_version *v = scan.found[i].version;
			const u8 *id = ds_version_id(v);

			if (ds_partition_visible(&m->s->p, v, visible))
				m->docs[id[0] | id[1] << 8].seen++;
		}
		if (scan.last == U64_MAX)
			break;
		scan.from = scan.last + 1;
	}
	for (i = 0; i < DOCUMENTS; i++)
		CHECK_EQ(m->docs[i].seen, m->docs[i].live);
}

static void model_check_all(struct model *m)
{
	u32 i;

	store_validate(m->s);
	for (i = 0; i < DOCUMENTS; i++) {
		model_check_document(m, &m->docs[i]);
		if (m->replica)
			replica_compare(m->replica, m->docs[i].id, m->docs[i].id_len);
	}
	model_check_scan(m);
}

/* What readers see of the documents of a batch, before, during and after. */
struct view {
	const struct document *doc;
	const struct docstore_version *before;
};

static u32 view_open(struct model *m, struct batch *b, struct view *views)
{
	struct ds_change *change;
	u32 n = 0;

	for (change = b->batch.first; change; change = change->next) {
		struct document *doc = model_find(m, change);

		views[n].doc = doc;
		views[n++].before = store_read(m->s, doc->id, doc->id_len);
	}
	return n;
}

static void view_unchanged(struct model *m, const struct view *views, u32 n)
{
	while (n--)
		CHECK(store_read(m->s, views[n].doc->id, views[n].doc->id_len) ==
		      views[n].before);
}

/* To who has loaded visible_seq before the commit, nothing has changed. */
static void view_of_before(struct model *m, const struct view *views, u32 n, u64 seq)
{
	struct store *s = m->s;

	while (n--) {
		const struct document *doc = views[n].doc;
		const struct docstore_version *v;

		v = ds_index_lookup(&s->p.index, store_hash(s, doc->id, doc->id_len),
				    doc->id, doc->id_len);
		if (v)
			v = ds_partition_visible(&s->p, v, seq);
		CHECK(v == views[n].before);
	}
}

static const struct docstore_version *pin_find(struct model *m, const struct pin *pin, u32 i)
{
	const struct document *doc = pin->docs[i];
	const struct docstore_version *v;

	v = ds_index_lookup(&m->s->p.index, store_hash(m->s, doc->id, doc->id_len),
			    doc->id, doc->id_len);
	return v ? ds_partition_visible(&m->s->p, v, pin->seq) : NULL;
}

/* A read section begins, anywhere in a commit or between commits. */
static void pin_begin(struct model *m)
{
	struct pin *pin = &m->pins[rng_below(&m->rng, PINS)];
	u32 i;

	if (pin->active)
		return;
	pin->active = true;
	pin->now = shim_rcu_now();
	/* Pairs with ds_partition_publish(). */
	pin->seq = smp_load_acquire(&m->s->map->visible_seq);
	for (i = 0; i < PIN_DOCUMENTS; i++) {
		const struct docstore_version *v;

		pin->docs[i] = &m->docs[rng_below(&m->rng, m->active)];
		pin->versions[i] = v = pin_find(m, pin, i);
		pin->copies[i] = NULL;
		if (!v)
			continue;
		pin->copies[i] = malloc(v->size);
		CHECK(pin->copies[i]);
		memcpy(pin->copies[i], v, v->size);
	}
}

/* Whatever has happened meanwhile, it finds what it would have found then. */
static void pin_check(struct model *m, const struct pin *pin)
{
	u32 i;

	for (i = 0; i < PIN_DOCUMENTS; i++) {
		const struct docstore_version *v = pin->versions[i];

		if (v)
			CHECK(!memcmp(v, pin->copies[i], ((struct docstore_version *)
							  pin->copies[i])->size));
		CHECK(pin_find(m, pin, i) == v);
	}
}

static void pin_end(struct model *m, struct pin *pin)
{
	u32 i;

	if (!pin->active)
		return;
	pin_check(m, pin);
	for (i = 0; i < PIN_DOCUMENTS; i++)
		free(pin->copies[i]);
	pin->active = false;
}

static void model_pins(struct model *m)
{
	u32 i;

	for (i = 0; i < PINS; i++) {
		if (!m->pins[i].active)
			continue;
		if (rng_below(&m->rng, 20))
			pin_check(m, &m->pins[i]);
		else
			pin_end(m, &m->pins[i]);
	}
	if (!rng_below(&m->rng, 8))
		pin_begin(m);
}

static void model_unpin(struct model *m)
{
	u32 i;

	for (i = 0; i < PINS; i++)
		pin_end(m, &m->pins[i]);
}

/* Grace periods are over: all that may be, or some. */
static void model_elapse(struct model *m)
{
	unsigned long to = shim_rcu_now();
	u32 i;

	if (rng_below(&m->rng, 2))
		to -= min(to, (unsigned long)rng_below(&m->rng, 3));
	for (i = 0; i < PINS; i++)
		if (m->pins[i].active)
			to = min(to, m->pins[i].now);
	shim_rcu_elapse_to(to);
}

/* A check goes on all the time, and never finds anything. */
static void model_slice(struct model *m)
{
	m->checks += !checker_slice(&m->checker, m->s, 1 + rng_below(&m->rng, 100));
	if (m->checker.check.findings)
		FAIL("%s: rule %u at %u is %llu, not %llu",
		     ds_validator_name(m->checker.last.validator), m->checker.last.rule,
		     m->checker.last.where, (unsigned long long)m->checker.last.is,
		     (unsigned long long)m->checker.last.should);
}

/* Now and then some changes are read, or all of them, and those of a batch looked at. */
static void model_replicate(struct model *m, const struct view *views, u32 n)
{
	struct replica *r = m->replica;
	u32 what = r ? rng_below(&m->rng, 256) : 255;

	if (what > 8)
		return;
	if (what) {
		replica_read(r, rng_skewed(&m->rng, 100));
		return;
	}
	while (n--)
		replica_compare(r, views[n].doc->id, views[n].doc->id_len);
	CHECK(replica_read(r, 1));
	CHECK_EQ(r->f.cursor.next - 1, m->s->p.stats.changes);
}

static void model_step(struct model *m)
{
	struct rng *rng = &m->rng;
	struct store *s = m->s;
	struct batch *batches[BATCHES];
	struct view views[BATCHES * CHANGES];
	u32 nbatches = 1 + rng_skewed(rng, BATCHES - 1), nviews = 0, tries, i, j;
	u64 seq, commits = s->p.stats.commits;
	bool done[CHANGES], hurry;

	for (i = 0; i < nbatches; i++) {
		batches[i] = random_batch(m);
		if (rng_below(rng, 2))
			store_top_up(s, batches[i]->bytes);
	}
	if (!rng_below(rng, 50)) {
		core_fail_after = core_allocs + rng_below(rng, 8);
		core_fail_count = 1 + rng_skewed(rng, 8);
	}

	for (tries = 0; nbatches && tries < 3; tries++) {
		hurry = false;
		nviews = 0;
		seq = s->map->visible_seq;
		for (i = 0; i < nbatches; i++)
			nviews += view_open(m, batches[i], &views[nviews]);

		store_begin(s);
		for (i = 0; i < nbatches; i++) {
			struct ds_change *change = batches[i]->batch.first;

			for (j = 0; change; change = change->next)
				done[j++] = change->state == DS_CHANGE_DONE;
			store_apply(s, batches[i]);
			if (batches[i]->batch.atomic)
				model_apply_atomic(m, batches[i]);
			else
				model_apply_each(m, batches[i], done);
			hurry |= batches[i]->batch.nomem;
			if (!rng_below(rng, 30))
				pin_begin(m);
			/* What is going on is not told of. */
			if (m->replica && !rng_below(rng, 1000))
				replica_read(m->replica, U32_MAX);
		}
		view_unchanged(m, views, nviews);
		core_fail_after = CORE_NEVER;
		CHECK_EQ(store_publish(s), s->map->visible_seq != seq);
		CHECK_EQ(s->map->visible_seq - seq, s->p.stats.commits - commits);
		commits = s->p.stats.commits;
		view_of_before(m, views, nviews, seq);
		for (i = 0; i < nbatches; i++)
			store_settle(s, batches[i]);
		for (i = 0; i < nviews; i++)
			model_check_document(m, views[i].doc);

		store_maintain(s, rng_below(rng, 10), hurry || !rng_below(rng, 30));
		model_slice(m);
		if (!rng_below(rng, 3))
			store_give_back(s);
		/* What found no memory may be tried again. */
		for (i = 0, j = 0; i < nbatches; i++) {
			m->nomem += batches[i]->batch.nomem;
			if (batches[i]->batch.nomem && rng_below(rng, 4)) {
				m->retried++;
				batches[j++] = batches[i];
			} else {
				m->passed += !batches[i]->batch.nomem;
				batch_destroy(batches[i]);
			}
		}
		nbatches = j;
		if (nbatches && rng_below(rng, 2))
			store_donate(s);
		if (!rng_below(rng, 6) || (nbatches && rng_below(rng, 2)))
			model_elapse(m);
		model_pins(m);
		model_bury(m);
		model_check_stats(m);
	}
	model_replicate(m, views, nviews);
	for (i = 0; i < nbatches; i++)
		batch_destroy(batches[i]);
}

/* What readers say, true or not, changes nothing that the model knows of. */
static void model_hint(struct model *m)
{
	struct store *s = m->s;
	u32 n = 1 + rng_below(&m->rng, 100);

	while (n--) {
		const struct document *doc = &m->docs[rng_below(&m->rng, DOCUMENTS)];
		u64 hash = store_hash(s, doc->id, doc->id_len);

		if (!rng_below(&m->rng, 4))
			hash ^= 1ULL << rng_below(&m->rng, 64);
		ds_hints_give(&s->p.hints, hash, 1 + rng_below(&m->rng, DS_HINT_MAX_WEIGHT),
			      rng_below(&m->rng, 2));
	}
	if (!rng_below(&m->rng, 4))
		s->p.hot = rng_below(&m->rng, 3) ? rng_skewed(&m->rng, 5000) : 0;
	ds_partition_own(&s->p);
	ds_hints_take(&s->p, s->now);
	ds_partition_disown(&s->p);
}

static void model(void)
{
	static struct model m;
	u64 steps = test_param("STEPS", 20000), step;
	struct store *s;
	u32 i;

	m.rng.state = test_seed();
	m.s = s = store_create(test_param("CHUNKS", 8));
	/* So small that changes are lost all the time, up to one that holds many. */
	store_log(s, 4096U << rng_below(&m.rng, 6));
	m.replica = replica_create(s);
	m.deleting = 5;
	for (i = 0; i < DOCUMENTS; i++) {
		struct document *doc = &m.docs[i];

		doc->id_len = 2 + rng_skewed(&m.rng, DOCSTORE_MAX_ID - 2);
		random_bytes(&m.rng, doc->id, doc->id_len);
		doc->id[0] = i;
		doc->id[1] = i >> 8;
	}
	for (step = 0; step < steps; step++) {
		if (step % 1000 == 0) {
			/* Few documents, many; more and fewer of them. */
			m.active = 1 + rng_skewed(&m.rng, DOCUMENTS - 1);
			if (rng_below(&m.rng, 2))
				m.active = DOCUMENTS;
			m.deleting = rng_below(&m.rng, 4) ? rng_below(&m.rng, 15) : 50;
		}
		model_step(&m);
		if (!rng_below(&m.rng, 32))
			model_hint(&m);
		if (step % 256 == 0)
			model_check_all(&m);
		if (!rng_below(&m.rng, 5000)) {
			model_unpin(&m);
			store_quiesce(s);
			model_bury(&m);
			model_check_stats(&m);
			model_check_all(&m);
			CHECK_EQ(m.slots, m.live);
			CHECK_EQ(s->p.arena.retired_bytes, 0);
		}
	}
	test_note("%llu batches passed, %llu refused, %llu times no memory, %llu tries again",
		  (unsigned long long)m.passed, (unsigned long long)m.refused,
		  (unsigned long long)m.nomem, (unsigned long long)m.retried);
	test_note("%llu documents, %u buckets, %u chunks at the end",
		  (unsigned long long)m.live, s->map->buckets, s->brought);
	test_note("%llu checks", (unsigned long long)m.checks);
	test_note("backlog of %u bytes: %llu changes read, %llu resyncs, %llu documents read",
		  s->p.backlog->size, (unsigned long long)m.replica->records,
		  (unsigned long long)m.replica->resyncs, (unsigned long long)m.replica->omitted);
	CHECK(m.replica->records && (m.replica->resyncs || s->p.backlog->size > 4096));
	CHECK(m.passed > steps / 2);
	CHECK(m.checks);

	model_unpin(&m);
	/* In the end all is deleted, and all bytes come back. */
	for (i = 0; i < DOCUMENTS; i++) {
		struct document *doc = &m.docs[i];
		struct batch *b = batch_create(s, false);

		if (doc->live) {
			batch_op(b, doc->id, doc->id_len, DOCSTORE_OP_DELETE);
			store_run(s, b);
		} else {
			batch_destroy(b);
		}
		document_clear(doc);
	}
	store_quiesce(s);
	store_validate(s);
	for (i = 0; i < DOCUMENTS; i++)
		replica_compare(m.replica, m.docs[i].id, m.docs[i].id_len);
	replica_destroy(m.replica);
	CHECK_EQ(s->p.stats.documents, 0);
	CHECK_EQ(s->p.stats.document_bytes, 0);
	CHECK_EQ(s->p.arena.used_bytes, s->p.index.bytes);
	store_destroy(s);
}

const struct test random_tests[] = {
	TEST(model),
	{}
};

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a store must hold: a model of some of its documents, all of which begin
 * with the same prefix. Operations are carried out on it as they are on the
 * store, as far as those succeeded, and then both are compared: what no
 * operation has changed must be there to the last bit.
 */
#ifndef DOCSTORE_FAULT_MODEL_H
#define DOCSTORE_FAULT_MODEL_H

#include "docstore_test.h"

#define MODEL_DOCS	32
#define MODEL_PROPS	6
#define MODEL_ROOM	(16 << 10)	/* for some of its documents */

struct model_prop {
	__u32 name;
	__u8 type;
	bool fresh;			/* set by the last batch */
	__u32 set;			/* version that set it */
	__u32 len;
	__u8 *value;
};

struct model_doc {
	char id[24];
	bool exists;
	bool reborn;			/* deleted in the last batch */
	__u64 version;			/* highest that was seen */
	__u64 touch;			/* what the last batch asked for */
	__u32 type;
	unsigned int nprops;
	struct model_prop props[MODEL_PROPS];
	struct docstore_version *raw;	/* as it was read last */
};

struct model {
	int fd;
	const char *prefix;
	unsigned int ndocs;
	struct model_doc docs[MODEL_DOCS];
	struct docstore_version *doc;	/* DS_ROOM bytes */
};

static inline void *model_dup(const void *bytes, size_t len)
{
	void *p = malloc(len ?: 1);

	if (!p)
		abort();
	return memcpy(p, bytes, len);
}

/* A model of a store without documents. */
static inline void model_begin(struct model *m, int fd, const char *prefix)
{
	memset(m, 0, sizeof(*m));
	m->fd = fd;
	m->prefix = prefix;
	m->doc = ds_map(DS_ROOM, MAP_PRIVATE);
	for (m->ndocs = 0; m->ndocs < MODEL_DOCS; m->ndocs++)
		snprintf(m->docs[m->ndocs].id, sizeof(m->docs[0].id), "%s%u",
			 prefix, m->ndocs);
}

/* The same model of another store that is empty. */
static inline void model_reset(struct model *m, int fd)
{
	unsigned int i, p;

	m->fd = fd;
	for (i = 0; i < m->ndocs; i++) {
		struct model_doc *d = &m->docs[i];
		char id[sizeof(d->id)];

		for (p = 0; p < d->nprops; p++)
			free(d->props[p].value);
		free(d->raw);
		memcpy(id, d->id, sizeof(id));
		memset(d, 0, sizeof(*d));
		memcpy(d->id, id, sizeof(id));
	}
}

static inline struct model_doc *model_find(struct model *m, const void *id,
					   __u32 len)
{
	unsigned int i;

	for (i = 0; i < m->ndocs; i++)
		if (strlen(m->docs[i].id) == len &&
		    !memcmp(m->docs[i].id, id, len))
			return &m->docs[i];
	return NULL;
}

/* Carrying operations out ------------------------------------------------- */

static inline struct model_prop *model_prop(struct model_doc *d, __u32 name)
{
	unsigned int i;

	for (i = 0; i < d->nprops; i++)
		if (d->props[i].name == name)
			return &d->props[i];
	return NULL;
}

static inline void model_drop(struct model_doc *d, struct model_prop *p)
{
	free(p->value);
	d->nprops--;
	memmove(p, p + 1, (d->props + d->nprops - p) * sizeof(*p));
}

static inline void model_clear(struct model_doc *d)
{
	while (d->nprops)
		model_drop(d, d->props);
}

static inline void model_set(struct model_doc *d, __u32 name, __u8 type,
			     const void *value, __u32 len)
{
	struct model_prop *p = model_prop(d, name);

	if (!p) {
		if (d->nprops == MODEL_PROPS)
			abort();
		p = &d->props[d->nprops++];
		*p = (struct model_prop){ .name = name };
	}
	free(p->value);
	p->type = type;
	p->len = len;
	p->value = model_dup(value, len);
	p->fresh = true;
}

static inline void model_add(struct model_doc *d, const struct docstore_op *op)
{
	struct model_prop *p = model_prop(d, op->property);
	__u64 sum = 0;

	if (p)
		memcpy(&sum, p->value, sizeof(sum));
	sum += op->value;
	model_set(d, op->property, DOCSTORE_TYPE_S64, &sum, sizeof(sum));
}

static inline __u32 model_len(const struct docstore_op *op)
{
	switch (op->type) {
	case DOCSTORE_TYPE_NULL:
		return 0;
	case DOCSTORE_TYPE_BOOL:
		return 1;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
	case DOCSTORE_TYPE_F64:
		return 8;
	default:
		return op->value_len;
	}
}

/* An operation that succeeds. */
static inline void model_apply(struct model_doc *d, const struct docstore_op *op)
{
	struct model_prop *p;

	switch (op->code) {
	case DOCSTORE_OP_SET:
		/* Numbers lie in it as they do in memory: little end first. */
		model_set(d, op->property, op->type,
			  op->type < DOCSTORE_TYPE_STRING ?
			  (const void *)&op->value :
			  (const void *)(uintptr_t)op->value, model_len(op));
		break;
	case DOCSTORE_OP_ADD:
		model_add(d, op);
		break;
	case DOCSTORE_OP_UNSET:
		p = model_prop(d, op->property);
		if (p)
			model_drop(d, p);
		else if (!op->property)
			model_clear(d);
		break;
	case DOCSTORE_OP_SET_TYPE:
		d->type = op->property;
		break;
	case DOCSTORE_OP_TOUCH:
		if (op->value > d->touch)
			d->touch = op->value;
		break;
	case DOCSTORE_OP_DELETE:
		model_clear(d);
		d->type = 0;
		d->reborn = true;
		break;
	default:			/* get and check */
		return;
	}
	d->exists = op->code != DOCSTORE_OP_DELETE;
}

/* Comparing ---------------------------------------------------------------- */

/* Is it, to the last bit, what was there before? @v is NULL if nothing is. */
static inline bool model_unchanged(const struct model_doc *d,
				   const struct docstore_version *v)
{
	if (!d->exists || !v)
		return !d->exists && !v;
	return v->size == d->raw->size && !memcmp(v, d->raw, v->size);
}

/* What is wrong with a document that a batch has changed, or NULL. */
static inline const char *model_changed(const struct model_doc *before,
					const struct model_doc *d,
					const struct docstore_version *v)
{
	__u64 least = before->version + 1;
	struct ds_prop p;
	unsigned int i;

	if (!d->exists)
		return v ? "it should be gone" : NULL;
	if (!v)
		return "it is gone";
	if (v->version < least || v->version < d->touch)
		return "its version is too low";
	if (before->exists && v->version != (d->touch > least ? d->touch : least))
		return "its version";
	if (before->exists && !d->reborn && v->created != before->raw->created)
		return "time of creation";
	if (before->exists && v->changed < before->raw->changed)
		return "time of change";
	if (v->type != d->type)
		return "type";
	if (v->nprops != d->nprops)
		return "number of properties";
	for (i = 0; i < d->nprops; i++) {
		const struct model_prop *want = &d->props[i];

		p = ds_prop_at(v, i);
		if (p.name != want->name || p.type != want->type)
			return "names or types of properties";
		if (p.len != want->len || memcmp(p.value, want->value, p.len))
			return "value";
		if (p.set != (want->fresh ? (__u32)v->version : want->set))
			return "by which version a property was set";
	}
	return NULL;
}

/* The document as it is in the store, NULL if it is not: 0 or -errno. */
static inline int model_fetch(struct model *m, const struct model_doc *d,
			      const struct docstore_version **v)
{
	int ret = ds_fetch(m->fd, d->id, m->doc);

	*v = ret ? NULL : m->doc;
	return ret == -ENOENT ? 0 : ret;
}

static inline int model_wrong(const struct model_doc *d, const char *what,
			      const struct docstore_version *v)
{
	return ds_broken("%s: %s (version %llu was %llu, properties %d were %u)",
			 d->id, what, v ? (unsigned long long)v->version : 0,
			 (unsigned long long)d->version, v ? v->nprops : -1,
			 d->nprops);
}

/* Batches ------------------------------------------------------------------ */

/* What became of the operations on one document. */
enum model_fate { MODEL_NOT_DONE, MODEL_DONE, MODEL_EITHER };

static inline void model_copy(struct model_doc *to, const struct model_doc *from)
{
	unsigned int i;

	*to = *from;
	to->raw = NULL;
	to->touch = 0;
	to->reborn = false;
	for (i = 0; i < to->nprops; i++) {
		to->props[i].fresh = false;
		to->props[i].value = model_dup(from->props[i].value,
					       from->props[i].len);
	}
}

/* The store has carried it out, and this is what is there now. */
static inline void model_adopt(struct model_doc *d, struct model_doc *next,
			       const struct docstore_version *v,
			       __u64 version)
{
	unsigned int i;

	model_clear(d);
	free(d->raw);
	*d = *next;
	if (v) {
		d->raw = model_dup(v, v->size);
		version = v->version;
	}
	if (version > d->version)
		d->version = version;
	for (i = 0; i < d->nprops; i++)
		if (d->props[i].fresh)
			d->props[i].set = d->version;
}

/*
 * The operations of a batch on one document, beginning with number @first. Those
 * that failed must have left it as it was, and those that succeeded have done
 * what they say. Returns -errno, or what became of them.
 */
static inline int model_settle_doc(struct model *m, struct model_doc *d,
				   const struct docstore_op *ops, __u32 count,
				   __u32 first, int fate)
{
	const struct docstore_version *v;
	struct model_doc next;
	bool writes = false;
	const char *what;
	__u32 i;
	int ret;

	model_copy(&next, d);
	for (i = first; i < count; i++) {
		if (ops[i].id != ops[first].id)
			continue;
		model_apply(&next, &ops[i]);
		writes |= ops[i].code != DOCSTORE_OP_GET && ops[i].code != DOCSTORE_OP_CHECK;
		if (fate == MODEL_EITHER)
			continue;
		if (!ops[i].result != (fate == MODEL_DONE))
			return ds_broken("%s: some operations succeeded and some failed",
					 d->id);
		if (fate == MODEL_DONE && ops[i].version != ops[first].version)
			return ds_broken("%s: operations tell different versions",
					 d->id);
	}
	ret = model_fetch(m, d, &v);
	if (ret)
		return ret;
	if (fate != MODEL_DONE || !writes) {
		if (model_unchanged(d, v)) {
			model_clear(&next);
			return writes ? MODEL_NOT_DONE : MODEL_EITHER;
		}
		if (fate != MODEL_EITHER || !writes)
			return model_wrong(d, "it was changed", v);
	}
	what = model_changed(d, &next, v);
	if (what)
		return model_wrong(d, what, v);
	if (fate == MODEL_DONE && v && v->version != ops[first].version)
		return ds_broken("%s: version %llu, the batch said %llu", d->id,
				 (unsigned long long)v->version,
				 (unsigned long long)ops[first].version);
	model_adopt(d, &next, v, fate == MODEL_DONE ? ops[first].version : 0);
	return MODEL_DONE;
}

static inline bool model_first(const struct docstore_op *ops, __u32 i)
{
	__u32 j;

	for (j = 0; j < i; j++)
		if (ops[j].id == ops[i].id)
			return false;
	return true;
}

/*
 * After a batch that DOCSTORE_SUBMIT has returned @ret for: is the store as it
 * must be? Its operations' ids are those of the model. Where the results could
 * not be written (EFAULT), all of it was done or nothing, if it was @whole.
 */
static inline int model_settle(struct model *m, __u32 flags,
			       const struct docstore_op *ops, __u32 count,
			       int ret, bool whole)
{
	int fate, became, all = MODEL_EITHER;
	__u32 i;

	for (i = 0; i < count; i++) {
		struct model_doc *d = model_find(m, (void *)(uintptr_t)ops[i].id,
						 ops[i].id_len);

		if (!model_first(ops, i))
			continue;
		if (!ret)
			fate = ops[i].result ? MODEL_NOT_DONE : MODEL_DONE;
		else
			fate = ret == -EFAULT ? MODEL_EITHER : MODEL_NOT_DONE;
		if (!ret && (flags & DOCSTORE_SUBMIT_ATOMIC) &&
		    !ops[i].result != !ops[0].result)
			return ds_broken("an atomic batch was done in part");
		became = model_settle_doc(m, d, ops, count, i, fate);
		if (became < 0)
			return became;
		if (ret != -EFAULT || !whole || became == MODEL_EITHER)
			continue;
		if (all != MODEL_EITHER && all != became)
			return ds_broken("a batch that failed was done in part");
		all = became;
	}
	return 0;
}

/* The same documents, in a snapshot that was just taken. */
static inline void model_freeze(struct model *to, const struct model *from, int fd)
{
	unsigned int i;

	model_reset(to, fd);
	for (i = 0; i < from->ndocs; i++) {
		model_copy(&to->docs[i], &from->docs[i]);
		if (from->docs[i].exists)
			to->docs[i].raw = model_dup(from->docs[i].raw, from->docs[i].raw->size);
	}
}

/* A batch that must succeed. */
static inline int model_submit(struct model *m, struct docstore_op *ops,
			       __u32 count)
{
	__u32 failed = 0;
	int ret = ds_submit(m->fd, 0, ops, count, &failed);

	if (!ret)
		ret = model_settle(m, 0, ops, count, ret, true);
	return ret ?: failed ? ds_broken("a batch failed without a fault") : 0;
}

/* The whole store ---------------------------------------------------------- */

static inline unsigned int model_count(const struct model *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < m->ndocs; i++)
		n += m->docs[i].exists;
	return n;
}

static inline __u64 model_bytes(const struct model *m)
{
	__u64 bytes = 0;
	unsigned int i;

	for (i = 0; i < m->ndocs; i++)
		if (m->docs[i].exists)
			bytes += m->docs[i].raw->size;
	return bytes;
}

/* Are a scan's documents those that there must be, and each there once? */
static inline int model_check_scan(struct model *m)
{
	bool seen[MODEL_DOCS] = { false };
	__u32 room = MODEL_ROOM;
	unsigned int n = 0;
	const char *end;
	struct ds_scan s;

	ds_scan_begin(&s, 0, m->prefix, 0);
	do {
		const struct docstore_version *v = m->doc;
		int ret = ds_scan_next(m->fd, &s, m->doc, room);

		if (ret < 0)
			return ret;
		room = s.scan.needed > MODEL_ROOM ? DS_ROOM : MODEL_ROOM;
		end = (const char *)m->doc + s.scan.used;
		for (; ret; ret--, n++) {
			struct model_doc *d;

			if (!v || ds_doc_check(v, end - (const char *)v))
				return -ENOTRECOVERABLE;
			d = model_find(m, ds_doc_id(v), v->id_len);
			if (!d || seen[d - m->docs])
				return ds_broken("scan: '%.*s'", v->id_len,
						 (const char *)ds_doc_id(v));
			seen[d - m->docs] = true;
			if (!model_unchanged(d, v))
				return model_wrong(d, "scan", v);
			v = ds_doc_next(v, end);
		}
	} while (!s.end);
	if (n != model_count(m))
		return ds_broken("scan: %u documents, not %u", n, model_count(m));
	return 0;
}

/* Is the store what the model is? Returns 0 or -errno. */
static inline int model_check(struct model *m)
{
	const struct docstore_version *v;
	unsigned int i;
	int ret;

	for (i = 0; i < m->ndocs; i++) {
		ret = model_fetch(m, &m->docs[i], &v);
		if (ret)
			return ret;
		if (!model_unchanged(&m->docs[i], v))
			return model_wrong(&m->docs[i], "read", v);
	}
	return model_check_scan(m);
}

#endif /* DOCSTORE_FAULT_MODEL_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * The model of a store: its documents and names.
 */
#include "model.h"

struct fz_store *fz_store_new(const __u8 *name, __u32 partitions, __u64 max_bytes)
{
	struct fz_store *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	memcpy(s->name, name, sizeof(s->name));
	s->named = true;
	s->sure = true;
	s->names_sure = true;
	s->partitions = partitions;
	s->max_bytes = max_bytes;
	s->tight = max_bytes && max_bytes < (128 << 20);
	return s;
}

void fz_doc_clear(struct fz_doc *d)
{
	__u32 i;

	for (i = 0; i < d->nprops; i++)
		free(d->props[i].value);
	free(d->props);
	d->props = NULL;
	d->nprops = 0;
}

void fz_store_free(struct fz_store *s)
{
	__u32 i;

	for (i = 0; i < s->ndocs; i++)
		fz_doc_clear(&s->docs[i]);
	free(s);
}

static void *fz_dup(const void *data, __u32 len)
{
	void *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	return copy;
}

void fz_doc_clone(struct fz_doc *to, const struct fz_doc *from)
{
	__u32 i;

	*to = *from;
	to->props = fz_dup(from->props, from->nprops * sizeof(*from->props));
	for (i = 0; i < to->nprops; i++)
		to->props[i].value = fz_dup(from->props[i].value, from->props[i].len);
}

/* Its documents; what else there is to know of it is the other store's. */
struct fz_store *fz_store_clone(const struct fz_store *from)
{
	struct fz_store *s = fz_dup(from, sizeof(*from));
	__u32 i;

	for (i = 0; i < s->ndocs; i++)
		fz_doc_clone(&s->docs[i], &from->docs[i]);
	return s;
}

__u32 fz_store_documents(const struct fz_store *s)
{
	__u32 n = 0, i;

	for (i = 0; i < s->ndocs; i++)
		n += s->docs[i].exists;
	return n;
}

struct fz_doc *fz_doc_find(struct fz_store *s, const __u8 *id, __u32 len)
{
	__u32 i;

	for (i = 0; i < s->ndocs; i++)
		if (s->docs[i].id_len == len && !memcmp(s->docs[i].id, id, len))
			return &s->docs[i];
	return NULL;
}

/* Also one that does not exist; NULL if there is no room for it. */
struct fz_doc *fz_doc_get(struct fz_store *s, const __u8 *id, __u32 len)
{
	struct fz_doc *d = fz_doc_find(s, id, len);

	if (d || s->ndocs == FZ_DOCS)
		return d;
	d = &s->docs[s->ndocs++];
	memset(d, 0, sizeof(*d));
	memcpy(d->id, id, len);
	d->id_len = len;
	return d;
}

struct fz_prop *fz_doc_prop(struct fz_doc *d, __u32 name)
{
	__u32 i;

	for (i = 0; i < d->nprops; i++)
		if (d->props[i].name == name)
			return &d->props[i];
	return NULL;
}

/* Return the property, or NULL if there are too many. */
struct fz_prop *fz_doc_set(struct fz_doc *d, __u32 name, __u8 type, const void *value, __u32 len)
{
	struct fz_prop *p = fz_doc_prop(d, name);

	if (!p) {
		if (d->nprops == DOCSTORE_MAX_PROPERTIES)
			return NULL;
		d->props = realloc(d->props, (d->nprops + 1) * sizeof(*d->props));
		p = &d->props[d->nprops++];
		p->value = NULL;
	}
	free(p->value);
	p->name = name;
	p->type = type;
	p->len = len;
	p->set = 0;
	p->value = fz_dup(value, len);
	return p;
}

void fz_doc_unset(struct fz_doc *d, struct fz_prop *p)
{
	free(p->value);
	d->nprops--;
	memmove(p, p + 1, (&d->props[d->nprops] - p) * sizeof(*p));
}

/* Bytes of the document as a struct docstore_version. */
__u64 fz_doc_size(const struct fz_doc *d)
{
	__u64 values = 0;
	bool fresh = true;
	__u32 each, i;

	for (i = 0; i < d->nprops; i++) {
		values += d->props[i].len;
		if (d->props[i].set != d->version)
			fresh = false;
	}
	each = 3 + (values > 0xffff ? 4 : 2) + (fresh ? 0 : 4);
	return sizeof(struct docstore_version) + d->nprops * each + d->id_len + values;
}

/* What is not as the model has it, or NULL. */
const char *fz_doc_differs(const struct fz_doc *d, const struct docstore_version *v, __u32 room)
{
	__u32 i;

	if (ds_doc_check(v, room))
		return "is no document";
	if (v->id_len != d->id_len || memcmp(ds_doc_id(v), d->id, d->id_len))
		return "has another id";
	if (v->version != d->version)
		return "has another version";
	if (v->type != d->type)
		return "has another type";
	if (d->created && v->created != d->created)
		return "was created at another time";
	if (v->nprops != d->nprops)
		return "has another number of properties";
	for (i = 0; i < d->nprops; i++) {
		const struct fz_prop *want = &d->props[i];
		struct ds_prop p = ds_prop_at(v, i);

		if (p.name != want->name)
			return "has another property";
		if (p.type != want->type)
			return "has a property of another type";
		if (d->version - want->set < 0xffffffffU && p.set != (__u32)want->set)
			return "has a property that was set by another version";
		if (p.len != want->len || memcmp(p.value, want->value, p.len))
			return "has a property of another value";
	}
	return v->size == fz_doc_size(d) ? NULL : "has another size";
}

struct fz_store *fz_run_store(struct fz_run *run, const __u8 *name)
{
	unsigned int i;

	for (i = 0; i < run->nstores; i++)
		if (run->stores[i]->named && !strcmp((char *)run->stores[i]->name, (char *)name))
			return run->stores[i];
	return NULL;
}

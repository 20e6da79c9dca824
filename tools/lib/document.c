// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: checking a document before anything in it is trusted. */
#include "internal.h"

#define KNOWN_FLAGS	(DOCSTORE_VERSION_TOMBSTONE | DOCSTORE_VERSION_WIDE | \
			 DOCSTORE_VERSION_SET)

int ds_id_check(struct ds_str id)
{
	if (!id.data || !id.len)
		return -EINVAL;
	return id.len > DOCSTORE_MAX_ID ? -ENAMETOOLONG : 0;
}

/*
 * ds_document_open() - check a document and open a view of it
 * @head: its header
 * @meta: what follows the header, up to the values
 * @values: the values, which need not follow that
 * @len: bytes of all three
 * @doc: where the view goes
 *
 * Return: 0 or -EBADMSG.
 */
int ds_document_open(const struct docstore_version *head, const unsigned char *meta,
		     const unsigned char *values, size_t len, struct ds_doc *doc)
{
	const unsigned char *p = meta;
	size_t n = head->nprops, room;
	uint32_t i, end, from = 0;

	if (head->size < sizeof(*head) || head->size > len)
		return -EBADMSG;
	/* A flag that we do not know may mean another layout. */
	if (!head->version || !head->id_len || head->flags & ~KNOWN_FLAGS)
		return -EBADMSG;
	if (sizeof(*head) + ds_document_meta(head) > head->size)
		return -EBADMSG;

	memset(doc, 0, sizeof(*doc));
	if (head->flags & DOCSTORE_VERSION_SET) {
		doc->__set = p;
		p += 4 * n;
	}
	doc->__layout = head->flags & DOCSTORE_VERSION_WIDE;
	doc->__ends = p;
	p += (doc->__layout ? 4 : 2) * n;
	doc->__names = p;
	p += 2 * n;
	doc->__types = p;
	p += n;
	doc->id = ds_mem(p, head->id_len);
	doc->__values = values;

	room = head->size - sizeof(*head) - ds_document_meta(head);
	for (i = 0; i < n; i++) {
		struct ds_value value;

		end = __ds_doc_end(doc, i);
		if (end < from || end > room || !ds_doc_name(doc, i))
			return -EBADMSG;
		if (!__ds_value(&value, doc->__types[i], values + from, end - from))
			return -EBADMSG;
		from = end;
	}

	doc->version = head->version;
	doc->created = head->created;
	doc->changed = head->changed;
	doc->seq = head->seq;
	doc->bytes = head->size;
	doc->type = head->type;
	doc->nprops = head->nprops;
	return 0;
}

DS_PUBLIC int ds_document_check(const void *buffer, size_t len, struct ds_doc *doc)
{
	const unsigned char *p = buffer;
	struct docstore_version v;

	if (len < sizeof(v))
		return -EBADMSG;
	memcpy(&v, p, sizeof(v));
	if (sizeof(v) + ds_document_meta(&v) > len)
		return -EBADMSG;
	p += sizeof(v);
	return ds_document_open(&v, p, p + ds_document_meta(&v), len, doc);
}

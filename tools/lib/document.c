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

DS_PUBLIC int ds_document_check(const void *buffer, size_t len, struct ds_doc *doc)
{
	const unsigned char *p = buffer;
	struct docstore_version v;
	size_t at, values, n;
	uint32_t i, end, from = 0;

	if (len < sizeof(v))
		return -EBADMSG;
	memcpy(&v, p, sizeof(v));
	if (v.size < sizeof(v) || v.size > len)
		return -EBADMSG;
	/* A flag that we do not know may mean another layout. */
	if (!v.version || !v.id_len || v.flags & ~KNOWN_FLAGS)
		return -EBADMSG;

	memset(doc, 0, sizeof(*doc));
	n = v.nprops;
	at = sizeof(v);
	if (v.flags & DOCSTORE_VERSION_SET) {
		doc->__set = p + at;
		at += 4 * n;
	}
	doc->__wide = v.flags & DOCSTORE_VERSION_WIDE;
	doc->__ends = p + at;
	at += (doc->__wide ? 4 : 2) * n;
	doc->__names = p + at;
	at += 2 * n;
	doc->__types = p + at;
	at += n;
	doc->id = ds_mem(p + at, v.id_len);
	at += v.id_len;
	doc->__values = p + at;
	if (at > v.size)
		return -EBADMSG;

	values = v.size - at;
	for (i = 0; i < n; i++) {
		struct ds_value value;

		end = __ds_doc_end(doc, i);
		if (end < from || end > values || !ds_doc_name(doc, i))
			return -EBADMSG;
		if (!__ds_value(&value, doc->__types[i], doc->__values + from, end - from))
			return -EBADMSG;
		from = end;
	}

	doc->version = v.version;
	doc->created = v.created;
	doc->changed = v.changed;
	doc->seq = v.seq;
	doc->bytes = v.size;
	doc->type = v.type;
	doc->nprops = v.nprops;
	return 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: looking at documents where they lie. */
#include <stdlib.h>

#include "internal.h"

/* The longest header that a document has, with its id. */
#define META_MAX	(11 * DOCSTORE_MAX_PROPERTIES + DOCSTORE_MAX_ID)

/* Who looks, and what came of it. */
struct look {
	ds_view_fn *fn;
	void *arg;
	int ret;
	unsigned char meta[META_MAX];
};

/*
 * What leads to the values is copied and checked, so that @fn finds no offset that
 * changes under it. Whether it was a document is known afterwards only; it has the
 * id that was asked for, so its values are worth a look.
 */
static int look_at(const struct ds_map_view *view, void *arg)
{
	struct docstore_version head;
	struct look *look = arg;
	struct ds_doc doc;
	size_t len;

	ds_map_head(view, &head);
	len = ds_document_meta(&head);
	if (len > sizeof(look->meta) || sizeof(head) + len > head.size)
		return -EAGAIN;
	memcpy(look->meta, view->at + sizeof(head), len);
	if (ds_document_open(&head, look->meta, view->at + sizeof(head) + len, head.size, &doc))
		return -EAGAIN;
	look->ret = look->fn(&doc, look->arg);
	return 0;
}

/* By way of a copy, where the store is not mapped or the mapping gave up. */
static int view_copy(struct ds_store *store, struct ds_str id, ds_view_fn *fn, void *arg)
{
	size_t room = 4096, len;
	void *buffer = NULL, *more;
	struct ds_doc doc;
	int err;

	do {
		more = realloc(buffer, room);
		if (!more) {
			free(buffer);
			return -ENOMEM;
		}
		buffer = more;
		len = room;
		err = ds_get(store, id, buffer, &len, &doc);
		room = len;
	} while (err == -ENOBUFS && room <= DOCSTORE_MAX_DOCUMENT);
	if (err == -ENOBUFS)
		err = -EBADMSG;
	else if (!err)
		err = fn(&doc, arg);
	free(buffer);
	return err;
}

DS_PUBLIC int ds_view(struct ds_store *store, struct ds_str id, ds_view_fn *fn, void *arg)
{
	struct ds_map *map = ds_mapping(store);
	int err = ds_id_check(id);

	if (err)
		return err;
	if (map) {
		struct ds_map_id key = ds_map_id_to_read(map, id.data, id.len);
		struct look look;

		look.fn = fn;
		look.arg = arg;
		err = store->pinned ? ds_map_read_pinned(map, &key, look_at, &look) :
				      ds_map_read(map, &key, look_at, &look);
		if (!err)
			return look.ret;
		if (err != -EAGAIN)
			return err;
	}
	return view_copy(store, id, fn, arg);
}

// SPDX-License-Identifier: GPL-2.0
/* docstore(1): all ids of a store, sorted. */
#include <stdlib.h>

#include "tool.h"

static int compare(const void *pa, const void *pb)
{
	const struct ds_str *a = pa, *b = pb;
	int cmp = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

	if (cmp)
		return cmp;
	return a->len < b->len ? -1 : a->len > b->len;
}

int ids_read(struct ds_store *store, struct ds_str prefix, struct ds_str type,
	     struct id_list *list)
{
	struct ds_scan_opts opts = {
		.size = sizeof(opts),
		.prefix = prefix,
		.type = type,
		.ids_only = true,
	};
	struct ds_scan *scan;
	struct ds_doc doc;
	size_t i, at = 0;
	int ret = ds_scan_new(store, &opts, &scan);

	memset(list, 0, sizeof(*list));
	if (ret)
		return ret;
	while ((ret = ds_scan_next(scan, &doc)) > 0) {
		if (list->count == list->room) {
			list->room = list->room ? 2 * list->room : 1024;
			list->ids = xrealloc(list->ids, list->room, sizeof(*list->ids));
		}
		list->ids[list->count++].len = doc.id.len;
		buf_add(&list->bytes, doc.id.data, doc.id.len);
	}
	ds_scan_free(scan);
	if (ret < 0)
		return ret;

	/* Only now the bytes stay where they are. */
	for (i = 0; i < list->count; i++) {
		list->ids[i].data = list->bytes.data + at;
		at += list->ids[i].len;
	}
	if (list->count)
		qsort(list->ids, list->count, sizeof(*list->ids), compare);
	return 0;
}

void ids_free(struct id_list *list)
{
	buf_free(&list->bytes);
	free(list->ids);
	memset(list, 0, sizeof(*list));
}

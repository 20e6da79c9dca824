// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: all documents of a store, a bufferful at a time. */
#include <stdlib.h>

#include "internal.h"

#define SCAN_BUFFER	(256 * 1024)

struct ds_scan {
	struct ds_store *store;
	struct docstore_scan arg;
	char *buffer;
	size_t room;
	size_t at;		/* where the next document lies */
	uint32_t left;		/* documents not returned yet */
	bool end;		/* the kernel has no more */
	unsigned char prefix[DOCSTORE_MAX_ID];
};

DS_PUBLIC int ds_scan_new(struct ds_store *store, const struct ds_scan_opts *opts,
			  struct ds_scan **ret)
{
	struct ds_str prefix = ds_opt(opts, prefix);
	struct ds_str type = ds_opt(opts, type);
	struct ds_scan *scan;
	int err = 0;

	*ret = NULL;
	if (prefix.len > DOCSTORE_MAX_ID)
		return -ENAMETOOLONG;
	scan = calloc(1, sizeof(*scan));
	if (!scan)
		return -ENOMEM;
	scan->store = store;
	scan->arg.size = sizeof(scan->arg);
	if (prefix.len) {
		memcpy(scan->prefix, prefix.data, prefix.len);
		scan->arg.prefix = ds_ptr(scan->prefix);
		scan->arg.prefix_len = (__u32)prefix.len;
	}
	if (type.len)
		err = ds_lookup(store, type, &scan->arg.type);
	if (err == -ENODATA) {
		/* A name that nothing ever had: no document has this type. */
		scan->end = true;
		err = 0;
	}
	if (err)
		goto free;

	scan->arg.flags = ds_opt(opts, ids_only) ? DOCSTORE_SCAN_IDS : 0;
	scan->room = ds_opt(opts, buffer_size);
	if (!scan->room)
		scan->room = SCAN_BUFFER;
	scan->buffer = malloc(scan->room);
	if (!scan->buffer) {
		err = -ENOMEM;
		goto free;
	}
	*ret = scan;
	return 0;

free:
	free(scan);
	return err;
}

DS_PUBLIC void ds_scan_free(struct ds_scan *scan)
{
	if (!scan)
		return;
	free(scan->buffer);
	free(scan);
}

/* The next bufferful, which may hold no document. */
static int fetch(struct ds_scan *scan)
{
	struct docstore_scan *arg = &scan->arg;
	int err;

	arg->buffer = ds_ptr(scan->buffer);
	arg->buffer_len = scan->room > UINT32_MAX ? UINT32_MAX : (__u32)scan->room;
	arg->flags &= ~(__u32)DOCSTORE_SCAN_END;
	arg->used = 0;
	arg->count = 0;
	arg->needed = 0;
	err = ds_ioctl(scan->store->fd, DOCSTORE_SCAN, arg);
	if (err)
		return err;
	if (arg->used > arg->buffer_len)
		return -EBADMSG;
	scan->at = 0;
	scan->left = arg->count;
	scan->end = arg->flags & DOCSTORE_SCAN_END;
	if (!arg->count && arg->needed) {
		char *buffer;

		if (arg->needed <= scan->room)
			return -EBADMSG;
		buffer = realloc(scan->buffer, arg->needed);
		if (!buffer)
			return -ENOMEM;
		scan->buffer = buffer;
		scan->room = arg->needed;
	}
	return 0;
}

DS_PUBLIC int ds_scan_next(struct ds_scan *scan, struct ds_doc *doc)
{
	int err;

	while (!scan->left) {
		if (scan->end)
			return 0;
		err = fetch(scan);
		if (err)
			return err;
	}
	if (scan->at > scan->arg.used)
		return -EBADMSG;
	err = ds_document_check(scan->buffer + scan->at, scan->arg.used - scan->at, doc);
	if (err)
		return err;
	scan->at += ((size_t)doc->bytes + 7) & ~(size_t)7;
	scan->left--;
	return 1;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: reading documents into buffers of the caller. */
#include <stdlib.h>

#include "internal.h"

/* The kernel counts buffers in 32 bits; nothing to be read is longer. */
static __u32 room(size_t len)
{
	return len > UINT32_MAX ? UINT32_MAX : (__u32)len;
}

DS_PUBLIC int ds_get(struct ds_store *store, struct ds_str id, void *buffer,
		     size_t *len, struct ds_doc *doc)
{
	struct docstore_read arg = {
		.size = sizeof(arg),
		.id = ds_ptr(id.data),
		.id_len = (__u32)id.len,
		.buffer = ds_ptr(buffer),
		.buffer_len = room(*len),
	};
	int err = ds_id_check(id);

	if (err)
		return err;
	err = ds_ioctl(store->fd, DOCSTORE_READ, &arg);
	if (err)
		return err;
	*len = arg.length;
	if (arg.length > arg.buffer_len)
		return -ENOBUFS;
	err = ds_document_check(buffer, arg.length, doc);
	if (err)
		return err;
	if (doc->id.len != id.len || memcmp(doc->id.data, id.data, id.len))
		return -EBADMSG;
	return 0;
}

DS_PUBLIC int ds_get_property(struct ds_store *store, struct ds_str id,
			      struct ds_str property, void *buffer, size_t *len,
			      struct ds_value *value, uint64_t *version)
{
	uint64_t small;		/* numbers need no room of the caller's */
	void *to = *len < sizeof(small) ? &small : buffer;
	struct docstore_read arg = {
		.size = sizeof(arg),
		.id = ds_ptr(id.data),
		.id_len = (__u32)id.len,
		.buffer = ds_ptr(to),
		.buffer_len = to == buffer ? room(*len) : sizeof(small),
	};
	uint32_t name;
	int err = ds_id_check(id);

	if (err)
		return err;
	err = ds_lookup(store, property, &name);
	if (err == -ENODATA) {
		/* No document has it; still, say whether this one exists. */
		arg.buffer_len = 0;
		err = ds_ioctl(store->fd, DOCSTORE_READ, &arg);
		return err ? err : -ENODATA;
	}
	if (err)
		return err;
	arg.property = name;
	err = ds_ioctl(store->fd, DOCSTORE_READ, &arg);
	if (err)
		return err;
	if (version)
		*version = arg.version;
	if (arg.length > arg.buffer_len) {
		*len = arg.length;
		return -ENOBUFS;
	}
	if (!__ds_value(value, arg.type, to, arg.length))
		return -EBADMSG;
	if (to == &small && value->str.data == &small) {
		bool fits = arg.length <= *len;

		*len = arg.length;
		if (!fits)
			return -ENOBUFS;
		if (arg.length)
			memcpy(buffer, &small, arg.length);
		value->str.data = buffer;
	}
	*len = arg.length;
	return 0;
}

DS_PUBLIC int ds_read_many(struct ds_store *store, struct docstore_read_item *items,
			   size_t count, void *buffer, size_t *len)
{
	struct docstore_read_many arg = {
		.size = sizeof(arg),
		.items = ds_ptr(items),
		.item_size = sizeof(*items),
		.count = count < store->max_ops ? (__u32)count : store->max_ops,
		.buffer = ds_ptr(buffer),
		.buffer_len = room(*len),
	};
	int err;

	if (!count)
		return -EINVAL;
	err = ds_ioctl(store->fd, DOCSTORE_READ_MANY, &arg);
	if (err)
		return err;
	if (!arg.done) {
		*len = arg.needed;
		return -ENOBUFS;
	}
	if (arg.done > arg.count || arg.used > arg.buffer_len)
		return -EBADMSG;
	*len = arg.used;
	return (int)arg.done;
}

DS_PUBLIC int ds_read_item(const struct docstore_read_item *item, const void *buffer,
			   size_t len, struct ds_doc *doc)
{
	int err;

	if (item->result)
		return item->result;
	if (item->offset > len || item->length > len - item->offset)
		return -EBADMSG;
	err = ds_document_check((const char *)buffer + item->offset, item->length, doc);
	if (err)
		return err;
	if (doc->id.len != item->id_len ||
	    memcmp(doc->id.data, (const void *)(uintptr_t)item->id, item->id_len))
		return -EBADMSG;
	return 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: reading documents into buffers of the caller. */
#include <limits.h>
#include <stdlib.h>

#include "internal.h"
#include "map_look.h"

DS_PUBLIC int ds_map_stats(const struct ds_store *store, struct ds_map_stats *stats)
{
	const struct ds_map *map = store->pinned ? &store->pinned->map : &store->map;
	size_t size = stats->size;
	struct ds_map_stats all = { .size = size };

	if (size < sizeof(size))
		return -EINVAL;
	if (map->base) {
		all.map_bytes = map->size;
		all.retries = atomic_load_explicit(&map->retries, memory_order_relaxed);
		all.refused = atomic_load_explicit(&map->refused, memory_order_relaxed);
	}
	memset(stats, 0, size);
	memcpy(stats, &all, size < sizeof(all) ? size : sizeof(all));
	return 0;
}

/* By the kernel: as ds_get(), but that nothing is checked yet. */
static int ask_document(const struct ds_store *store, struct ds_str id, void *buffer,
			size_t room, size_t *len)
{
	struct docstore_read arg = {
		.size = sizeof(arg),
		.id = ds_ptr(id.data),
		.id_len = (__u32)id.len,
		.buffer = ds_ptr(buffer),
		.buffer_len = ds_counted(room),
	};
	int err = ds_ioctl(store->fd, DOCSTORE_READ, &arg);

	if (err)
		return err;
	*len = arg.length;
	return arg.length > arg.buffer_len ? -ENOBUFS : 0;
}

/* Is this a document, and the one that was asked for? */
static int open_document(struct ds_str id, const void *buffer, size_t len, struct ds_doc *doc)
{
	int err = ds_document_check(buffer, len, doc);

	if (err)
		return err;
	if (doc->id.len != id.len || memcmp(doc->id.data, id.data, id.len))
		return -EBADMSG;
	return 0;
}

static __attribute__((noinline)) int
get_by_kernel(struct ds_store *store, struct ds_str id, void *buffer, size_t *len,
	      struct ds_doc *doc)
{
	int err = ask_document(store, id, buffer, *len, len);

	return err ? err : open_document(id, buffer, *len, doc);
}

/* Of a snapshot, or where the store is not mapped. */
static __attribute__((noinline)) int
get_otherwise(struct ds_store *store, struct ds_str id, void *buffer, size_t *len,
	      struct ds_doc *doc)
{
	struct ds_map *map = ds_mapping(store);
	struct ds_map_view view;
	struct ds_map_id key;
	int err = -EAGAIN;

	if (map) {
		key = ds_map_id(map, id.data, id.len);
		err = ds_map_copy_pinned(map, &key, buffer, *len, &view);
	}
	if (err == -EAGAIN)
		return get_by_kernel(store, id, buffer, len, doc);
	if (!err || err == -ENOBUFS)
		*len = view.size;
	if (!err)
		ds_map_open(&view, buffer, doc);
	return err;
}

DS_PUBLIC look_flat int ds_get(struct ds_store *store, struct ds_str id, void *buffer,
			       size_t *len, struct ds_doc *doc)
{
	struct ds_map_view view;
	struct ds_map_id key;
	int err = ds_id_check(id);

	if (err)
		return err;
	if (!store->map.base)
		return get_otherwise(store, id, buffer, len, doc);
	ds_hint_read(store, id.data, id.len);
	key = ds_map_id_to_read(&store->map, id.data, id.len);
	err = ds_map_copy(&store->map, &key, buffer, *len, &view);
	if (err == -EAGAIN)
		return get_by_kernel(store, id, buffer, len, doc);
	if (!err || err == -ENOBUFS)
		*len = view.size;
	if (!err)
		ds_map_open(&view, buffer, doc);
	return err;
}

/* A property that is looked for, and what was found. */
struct property {
	uint32_t name;
	void *buffer;
	size_t room;
	size_t len;
	unsigned int type;
	uint64_t version;
};

/* By the kernel; with name 0 only to see whether there is a document. */
static int ask_property(const struct ds_store *store, struct ds_str id, struct property *p)
{
	struct docstore_read arg = {
		.size = sizeof(arg),
		.id = ds_ptr(id.data),
		.id_len = (__u32)id.len,
		.buffer = ds_ptr(p->buffer),
		.buffer_len = ds_counted(p->room),
		.property = p->name,
	};
	int err = ds_ioctl(store->fd, DOCSTORE_READ, &arg);

	if (err)
		return err;
	p->len = arg.length;
	p->type = arg.type;
	p->version = arg.version;
	return 0;
}

/* Where a value ends, in a document that may change while we look. */
static uint32_t end_of(const unsigned char *ends, bool wide, uint32_t i)
{
	if (wide)
		return load((const uint32_t *)(const void *)ends + i);
	return load((const uint16_t *)(const void *)ends + i);
}

static int find_property(const struct ds_map_view *view, void *arg)
{
	bool wide = view->flags & DOCSTORE_VERSION_WIDE;
	uint32_t n = view->nprops, i, from, end;
	const unsigned char *ends, *types;
	struct docstore_version head;
	struct property *p = arg;
	const uint16_t *names;
	size_t values;

	ds_map_head(view, &head);
	values = sizeof(head) + ds_document_meta(&head);
	if (values > view->size)
		return -EAGAIN;
	p->version = head.version;
	ends = view->at + sizeof(head);
	if (view->flags & DOCSTORE_VERSION_SET)
		ends += 4 * (size_t)n;
	names = (const void *)(ends + (wide ? 4 : 2) * (size_t)n);
	types = (const unsigned char *)(names + n);
	for (i = 0; i < n; i++)
		if (load(&names[i]) == p->name)
			break;
	if (i == n)
		return -ENODATA;
	from = i ? end_of(ends, wide, i - 1) : 0;
	end = end_of(ends, wide, i);
	if (from > end || end > view->size - values)
		return -EAGAIN;
	p->type = load(&types[i]);
	p->len = end - from;
	memcpy(p->buffer, view->at + values + from, p->len < p->room ? p->len : p->room);
	return 0;
}

static int see_version(const struct ds_map_view *view, void *arg)
{
	struct docstore_version head;
	struct property *p = arg;

	ds_map_head(view, &head);
	p->version = head.version;
	return 0;
}

/* Without a name only to see whether there is a document, and which version. */
static int read_property(struct ds_store *store, struct ds_str id, struct property *p)
{
	ds_map_fn *fn = p->name ? find_property : see_version;
	struct ds_map *map;
	struct ds_map_id key;
	int err = -EAGAIN;

	if (store->map.base) {
		ds_hint_read(store, id.data, id.len);
		key = ds_map_id_to_read(&store->map, id.data, id.len);
		err = ds_map_read(&store->map, &key, fn, p);
	} else if (ds_mapping(store)) {
		map = ds_mapping(store);
		key = ds_map_id(map, id.data, id.len);
		err = ds_map_read_pinned(map, &key, fn, p);
	}
	return err == -EAGAIN ? ask_property(store, id, p) : err;
}

DS_PUBLIC int ds_version(struct ds_store *store, struct ds_str id, uint64_t *version)
{
	struct property p = { .name = 0 };
	int err = ds_id_check(id);

	if (!err)
		err = read_property(store, id, &p);
	if (!err && version)
		*version = p.version;
	return err;
}

DS_PUBLIC int ds_exists(struct ds_store *store, struct ds_str id)
{
	int err = ds_version(store, id, NULL);

	return err == -ENOENT ? 0 : err ? err : 1;
}

DS_PUBLIC int ds_get_property(struct ds_store *store, struct ds_str id,
			      struct ds_str property, void *buffer, size_t *len,
			      struct ds_value *value, uint64_t *version)
{
	uint64_t small;		/* numbers need no room of the caller's */
	bool roomy = *len >= sizeof(small);
	struct property p = {
		.buffer = roomy ? buffer : &small,
		.room = roomy ? *len : sizeof(small),
	};
	int err = ds_id_check(id);

	if (err)
		return err;
	err = ds_lookup(store, property, &p.name);
	if (err == -ENODATA) {
		/* No document has it; still, say whether this one exists. */
		err = ds_version(store, id, NULL);
		return err ? err : -ENODATA;
	}
	if (err)
		return err;
	err = read_property(store, id, &p);
	if (err)
		return err;
	if (version)
		*version = p.version;
	if (p.len > p.room) {
		*len = p.len;
		return -ENOBUFS;
	}
	if (!__ds_value(value, p.type, p.buffer, p.len))
		return -EBADMSG;
	if (!roomy && value->str.data == &small) {
		bool fits = p.len <= *len;

		*len = p.len;
		if (!fits)
			return -ENOBUFS;
		if (p.len)
			memcpy(buffer, &small, p.len);
		value->str.data = buffer;
	}
	*len = p.len;
	return 0;
}

static int ask_many(struct ds_store *store, struct docstore_read_item *items, size_t count,
		    void *buffer, size_t *len)
{
	struct docstore_read_many arg = {
		.size = sizeof(arg),
		.items = ds_ptr(items),
		.item_size = sizeof(*items),
		.count = count < store->max_ops ? (__u32)count : store->max_ops,
		.buffer = ds_ptr(buffer),
		.buffer_len = ds_counted(*len),
	};
	int err = ds_ioctl(store->fd, DOCSTORE_READ_MANY, &arg);

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

/*
 * Begin with a group of one document or more: check and hash the ids, and fetch what they
 * lead to.
 */
static void begin_group(const struct ds_map *map, const struct docstore_read_item *items,
			size_t count, struct ds_map_id *keys)
{
	size_t i = 0;

	do {
		struct ds_str id = ds_item_id(&items[i]);

		/* What can't be an id is not looked for; see read_group(). */
		keys[i] = ds_id_check(id) ? ds_map_id(map, "", 0) : ds_map_id(map, id.data, id.len);
	} while (++i < count);
	ds_map_prefetch(map, keys, (unsigned int)count);
}

static hot int read_mapped(struct ds_store *store, const struct ds_map_id *key, void *buffer,
			   size_t room, size_t *len, const bool pinned)
{
	struct ds_map_view view;
	int err;

	if (!pinned)
		ds_hint_read(store, key->data, key->len);
	err = pinned ? ds_map_copy_pinned(&store->pinned->map, key, buffer, room, &view) :
		       ds_map_copy(&store->map, key, buffer, room, &view);

	if (err == -EAGAIN)
		return ask_document(store, ds_mem(key->data, key->len), buffer, room, len);
	*len = view.size;
	return err;
}

/*
 * One after the other, until the buffer is full. Return how many were done, and in
 * @full how much room the next one needs, or 0.
 */
static hot size_t read_group(struct ds_store *store, struct docstore_read_item *items,
			     size_t count, char *buffer, size_t room, size_t *used, size_t *full,
			     const bool pinned)
{
	struct ds_map_id keys[DS_MAP_GROUP];
	size_t size = 0, i;

	begin_group(pinned ? &store->pinned->map : &store->map, items, count, keys);
	for (i = 0; i < count; i++) {
		struct docstore_read_item *item = &items[i];
		int err = keys[i].len ? 0 : ds_id_check(ds_item_id(item));

		item->offset = 0;
		item->length = 0;
		if (!err)
			err = read_mapped(store, &keys[i], buffer + *used, room - *used, &size, pinned);
		if (err == -ENOBUFS) {
			*full = size;
			break;
		}
		item->result = err;
		if (err)
			continue;
		item->offset = (__u32)*used;
		item->length = (__u32)size;
		*used += (size + 7) & ~(size_t)7;
		if (*used > room)
			*used = room;
	}
	return i;
}

static size_t read_now(struct ds_store *store, struct docstore_read_item *items, size_t count,
		       char *buffer, size_t room, size_t *used, size_t *full)
{
	return read_group(store, items, count, buffer, room, used, full, false);
}

static size_t read_pinned(struct ds_store *store, struct docstore_read_item *items, size_t count,
			  char *buffer, size_t room, size_t *used, size_t *full)
{
	return read_group(store, items, count, buffer, room, used, full, true);
}

/*
 * ds_items_check() - what the kernel would say to ids that point nowhere
 *
 * To it that is an address like any other.
 */
int ds_items_check(const struct docstore_read_item *items, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!items[i].id && items[i].id_len && items[i].id_len <= DOCSTORE_MAX_ID)
			return -EFAULT;
	return 0;
}

DS_PUBLIC int ds_read_many(struct ds_store *store, struct docstore_read_item *items,
			   size_t count, void *buffer, size_t *len)
{
	size_t room = ds_counted(*len), used = 0, full = 0, done = 0;
	bool pinned = store->pinned;
	int err;

	if (!count)
		return -EINVAL;
	if (!ds_mapping(store))
		return ask_many(store, items, count, buffer, len);
	if (count > INT_MAX)
		count = INT_MAX;
	err = ds_items_check(items, count);
	if (err)
		return err;
	while (done < count && !full) {
		size_t n = count - done < DS_MAP_GROUP ? count - done : DS_MAP_GROUP;

		done += (pinned ? read_pinned : read_now)(store, items + done, n, buffer, room, &used,
							  &full);
	}
	if (pinned && ds_map_revoked(&store->pinned->map))
		return -ESTALE;
	*len = done ? used : full;
	return done ? (int)done : -ENOBUFS;
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

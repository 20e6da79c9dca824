// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: reading many documents as they were at one moment. */
#include "internal.h"

#define ROUND_UP_8(n)	(((n) + 7) & ~(size_t)7)

/* By the kernel. */
static int ask_together(struct ds_store *store, struct docstore_read_item *items, size_t count,
			void *buffer, size_t *len)
{
	struct docstore_read_many arg = {
		.size = sizeof(arg),
		.flags = DOCSTORE_READ_TOGETHER,
		.items = ds_ptr(items),
		.item_size = sizeof(*items),
		.count = (__u32)count,
		.buffer = ds_ptr(buffer),
		.buffer_len = ds_counted(*len),
	};
	int err = ds_ioctl(store->fd, DOCSTORE_READ_MANY, &arg);

	if (err)
		return err;
	if (!arg.done) {
		if (arg.needed <= arg.buffer_len)
			return -EBADMSG;
		*len = arg.needed;
		return -ENOBUFS;
	}
	if (arg.done != count || arg.used > arg.buffer_len)
		return -EBADMSG;
	*len = arg.used;
	return (int)count;
}

/*
 * Hash all ids, and note the partitions that they are in. Until an item is read, its
 * place and length are the hash of its id: it is needed twice.
 */
static void hash_all(const struct ds_map *map, struct docstore_read_item *items, size_t count,
		     struct ds_map_moment *moment)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct ds_str id = ds_item_id(&items[i]);
		uint64_t hash = 0;

		if (!ds_id_check(id)) {
			hash = docstore_map_hash(map->key, id.data, (uint32_t)id.len);
			ds_map_moment_want(moment, docstore_map_partition_of(hash, map->partitions));
		}
		items[i].offset = (__u32)(hash >> 32);
		items[i].length = (__u32)hash;
	}
}

/* A group of one document or more, and what its ids lead to on the way here. */
static void begin_group(const struct ds_map *map, const struct docstore_read_item *items,
			size_t count, struct ds_map_id *keys)
{
	size_t i = 0;

	do {
		struct ds_str id = ds_item_id(&items[i]);

		keys[i].data = id.data;
		keys[i].len = (uint32_t)id.len;
		keys[i].hash = (uint64_t)items[i].offset << 32 | items[i].length;
	} while (++i < count);
	ds_map_prefetch(map, keys, (unsigned int)count);
}

/*
 * One after the other: as of a moment, or without one as of the snapshot. Goes on when
 * the buffer is full, to know how much room all of them need: that is in @len then.
 */
static int copy_all(struct ds_map *map, const struct ds_map_moment *moment,
		    struct docstore_read_item *items, size_t count, char *buffer, size_t *len)
{
	size_t room = ds_counted(*len), used = 0, end = 0, i;
	struct ds_map_id keys[DS_MAP_GROUP];

	for (i = 0; i < count; i++) {
		struct docstore_read_item *item = &items[i];
		const struct ds_map_id *key = &keys[i % DS_MAP_GROUP];
		size_t left = used < room ? room - used : 0;
		char *to = left ? buffer + used : buffer;
		struct ds_map_view view;
		int err;

		if (i % DS_MAP_GROUP == 0)
			begin_group(map, item, count - i < DS_MAP_GROUP ? count - i : DS_MAP_GROUP,
				    keys);
		err = ds_id_check(ds_item_id(item));
		if (!err)
			err = moment ? ds_map_copy_then(map, moment, key, to, left, &view) :
				       ds_map_copy_pinned(map, key, to, left, &view);
		if (err == -EAGAIN || err == -ESTALE)
			return err;
		item->offset = 0;
		item->length = 0;
		item->result = err == -ENOBUFS ? 0 : err;
		if (item->result)
			continue;
		item->offset = (__u32)used;
		item->length = view.size;
		end = used + view.size;
		used = ROUND_UP_8(end);
	}
	if (moment && !ds_map_moment_valid(map, moment))
		return -EAGAIN;
	*len = end > room ? end : used > room ? room : used;
	return end > room ? -ENOBUFS : 0;
}

static int read_then(struct ds_map *map, struct docstore_read_item *items, size_t count,
		     void *buffer, size_t *len)
{
	struct ds_map_moment moment;
	unsigned int tries;
	int err;

	moment.count = 0;
	memset(moment.wanted, 0, sizeof(moment.wanted));
	for (tries = 0; tries < DS_MAP_TRIES; tries++) {
		if (tries)
			ds_map_retry(map);
		hash_all(map, items, count, &moment);
		err = ds_map_moment(map, &moment) ?
		      copy_all(map, &moment, items, count, buffer, len) : -EAGAIN;
		if (err != -EAGAIN)
			return err;
	}
	ds_map_refuse(map);
	return -EAGAIN;
}

static int read_pinned(struct ds_map *map, struct docstore_read_item *items, size_t count,
		       void *buffer, size_t *len)
{
	struct ds_map_moment unused;
	int err;

	unused.count = 0;
	memset(unused.wanted, 0, sizeof(unused.wanted));
	hash_all(map, items, count, &unused);
	err = copy_all(map, NULL, items, count, buffer, len);
	return ds_map_revoked(map) ? -ESTALE : err;
}

static void note_all(struct ds_store *store, const struct docstore_read_item *items,
		     size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!items[i].result)
			ds_hint_read(store, ds_item_id(&items[i]).data, items[i].id_len);
}

DS_PUBLIC int ds_read_together(struct ds_store *store, struct docstore_read_item *items,
			       size_t count, void *buffer, size_t *len)
{
	struct ds_map *map = ds_mapping(store);
	int err;

	if (!count)
		return -EINVAL;
	if (count > store->max_ops)
		return -E2BIG;
	if (!map)
		return ask_together(store, items, count, buffer, len);
	err = ds_items_check(items, count);
	if (err)
		return err;
	err = store->pinned ? read_pinned(map, items, count, buffer, len) :
			      read_then(map, items, count, buffer, len);
	if (err == -EAGAIN)
		return ask_together(store, items, count, buffer, len);
	if (!err && !store->pinned)
		note_all(store, items, count);
	return err ? err : (int)count;
}

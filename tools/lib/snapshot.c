// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: snapshots, which are stores that do not change.
 *
 * The descriptor of a snapshot maps one page: for each partition the commit up to which
 * it sees, and whether it was revoked. With that the mapping of the store is read as of
 * the snapshot. It is shared with the store, so that a snapshot is cheap, and either may
 * be closed first.
 */
#include <stdlib.h>

#include "internal.h"

/* A document that could not be shown where it lies. */
struct ds_copy {
	struct ds_copy *next;
	char data[];
};

static bool page_good(const struct docstore_map_snapshot *page, const struct ds_map *map)
{
	const struct docstore_map_store *head = (const void *)map->base;

	return !memcmp(page->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE) &&
	       page->layout == DOCSTORE_MAP_LAYOUT && page->partitions == map->partitions &&
	       page->incarnation == head->incarnation;
}

/* Read the store's mapping as of the snapshot, if that is possible. */
static void pinned_map(struct ds_store *snapshot, const struct ds_map *map)
{
	struct ds_pinned *pinned = snapshot->pinned;
	const struct docstore_map_snapshot *page;

	page = ds_sys_map(snapshot->fd, sizeof(*page));
	if (!page)
		return;
	if (!page_good(page, map) || ds_map_init(&pinned->map, map->base, map->size)) {
		ds_sys_unmap((void *)(uintptr_t)page, sizeof(*page));
		return;
	}
	pinned->page = page;
	pinned->map.seq = page->seq;
	pinned->map.state = &page->state;
}

void ds_pinned_free(struct ds_pinned *pinned)
{
	struct ds_copy *copy = atomic_load_explicit(&pinned->copies, memory_order_relaxed);

	while (copy) {
		struct ds_copy *next = copy->next;

		free(copy);
		copy = next;
	}
	if (pinned->page)
		ds_sys_unmap((void *)(uintptr_t)pinned->page, sizeof(*pinned->page));
	free(pinned);
}

/* A snapshot without a descriptor, which shares with a store if there is one. */
static struct ds_store *snapshot_new(struct ds_shared *shared)
{
	struct ds_store *snapshot = ds_store_new(shared);

	if (!snapshot)
		return NULL;
	snapshot->flags = DOCSTORE_OPEN_READ;
	snapshot->pinned = calloc(1, sizeof(*snapshot->pinned));
	if (snapshot->pinned)
		return snapshot;
	ds_store_free(snapshot);
	return NULL;
}

static void snapshot_free(struct ds_store *snapshot)
{
	ds_pinned_free(snapshot->pinned);
	ds_store_free(snapshot);
}

DS_PUBLIC int ds_snapshot(struct ds_store *store, const struct ds_snapshot_opts *opts,
			  struct ds_store **ret)
{
	struct docstore_snapshot arg = {
		.size = sizeof(arg),
		.lease_ms = ds_opt(opts, lease_ms),
	};
	struct ds_store *snapshot;
	int err;

	*ret = NULL;
	if (store->pinned)
		return -EBADF;
	snapshot = snapshot_new(store->shared);
	if (!snapshot)
		return -ENOMEM;
	snapshot->fd = ds_sys_ioctl(store->fd, DOCSTORE_SNAPSHOT, &arg);
	if (snapshot->fd < 0) {
		err = snapshot->fd;
		snapshot_free(snapshot);
		return err;
	}
	snapshot->max_ops = store->max_ops;
	snapshot->max_batch = store->max_batch;
	if (store->map.base)
		pinned_map(snapshot, &store->map);
	*ret = snapshot;
	return 0;
}

/*
 * Map the store of a snapshot that came as a descriptor. It is found by its name, which
 * another store may have by now: pinned_map() looks whether it is the same.
 */
static void map_by_name(struct ds_store *snapshot, const char *device)
{
	struct docstore_store_info info = { .size = sizeof(info) };
	struct ds_map map = { .base = NULL };
	int fd;

	if (ds_ioctl(snapshot->fd, DOCSTORE_STORE_INFO, &info))
		return;
	info.name[sizeof(info.name) - 1] = '\0';
	fd = ds_open_fd((const char *)info.name, DOCSTORE_OPEN_READ, device);
	if (fd < 0)
		return;
	ds_store_map(snapshot, &map, fd);
	ds_sys_close(fd);
	if (map.base)
		pinned_map(snapshot, &map);
}

DS_PUBLIC int ds_open_snapshot(int fd, const struct ds_open_opts *opts, struct ds_store **ret)
{
	struct docstore_snapshot_info info = { .size = sizeof(info) };
	unsigned int flags = ds_opt(opts, flags);
	struct ds_store *snapshot;
	int err;

	*ret = NULL;
	if (flags & ~(unsigned int)DS_OPEN_NO_MAP)
		return -EINVAL;
	err = ds_ioctl(fd, DOCSTORE_SNAPSHOT_INFO, &info);
	if (err)
		return err == -ENOTTY ? -EBADF : err;
	snapshot = snapshot_new(NULL);
	if (!snapshot)
		return -ENOMEM;
	snapshot->fd = fd;
	err = ds_store_limits(snapshot);
	if (err) {
		snapshot_free(snapshot);
		return err;
	}
	if (!(flags & DS_OPEN_NO_MAP))
		map_by_name(snapshot, ds_opt(opts, device));
	*ret = snapshot;
	return 0;
}

DS_PUBLIC int ds_snapshot_info(const struct ds_store *snapshot,
			       struct docstore_snapshot_info *info)
{
	__u32 size = info->size;

	if (size < sizeof(__u32) || size > 65536)
		return -EINVAL;
	if (!snapshot->pinned)
		return -EBADF;
	memset(info, 0, size);
	info->size = size;
	return ds_ioctl(snapshot->fd, DOCSTORE_SNAPSHOT_INFO, info);
}

DS_PUBLIC int ds_snapshots(const struct ds_store *store, struct docstore_snapshot_info **snapshots,
			   size_t snapshot_size, size_t *count)
{
	void *list = NULL;
	int err = -EBADF;

	*count = 0;
	if (!store->pinned)
		err = ds_list_all(store->fd, DOCSTORE_SNAPSHOT_LIST, snapshot_size, &list, count);
	*snapshots = list;
	return err;
}

DS_PUBLIC bool ds_snapshot_valid(const struct ds_store *snapshot)
{
	struct docstore_snapshot_info info = { .size = sizeof(info) };

	if (!snapshot->pinned)
		return false;
	if (snapshot->pinned->map.base)
		return !ds_map_revoked(&snapshot->pinned->map);
	return !ds_snapshot_info(snapshot, &info) && !(info.state & DOCSTORE_SNAPSHOT_REVOKED);
}

/*
 * Show a document where it lies. Should the snapshot be revoked, what lies there
 * becomes anything: so the accessors are told how far they may go.
 */
static int show(const struct ds_map_view *view, void *arg)
{
	struct docstore_version head;
	struct ds_doc *doc = arg;
	size_t meta;

	ds_map_head(view, &head);
	meta = sizeof(head) + ds_document_meta(&head);
	if (meta > view->size || view->size > DOCSTORE_MAX_DOCUMENT)
		return -EAGAIN;
	ds_map_open(view, view->at, doc);
	doc->__layout |= ((view->size - (uint32_t)meta) << __DS_DOC_ROOM_SHIFT) | __DS_DOC_BOUNDED;
	return 0;
}

/* By way of a copy, which stays for as long as the snapshot. */
static int show_copy(struct ds_store *snapshot, struct ds_str id, struct ds_doc *doc)
{
	struct ds_copy *copy = NULL, *more;
	size_t room = 1024, len;
	int err;

	do {
		more = realloc(copy, sizeof(*copy) + room);
		if (!more) {
			free(copy);
			return -ENOMEM;
		}
		copy = more;
		len = room;
		err = ds_get(snapshot, id, copy->data, &len, doc);
		room = len;
	} while (err == -ENOBUFS && room <= DOCSTORE_MAX_DOCUMENT);
	if (err) {
		free(copy);
		return err == -ENOBUFS ? -EBADMSG : err;
	}
	copy->next = atomic_load_explicit(&snapshot->pinned->copies, memory_order_relaxed);
	/* Who frees them comes after all others, and needs no order of ours. */
	while (!atomic_compare_exchange_weak_explicit(&snapshot->pinned->copies, &copy->next, copy,
						      memory_order_relaxed, memory_order_relaxed))
		;
	return 0;
}

DS_PUBLIC int ds_snapshot_doc(struct ds_store *snapshot, struct ds_str id, struct ds_doc *doc)
{
	int err = snapshot->pinned ? ds_id_check(id) : -EBADF;
	struct ds_map *map = ds_mapping(snapshot);

	if (err)
		return err;
	if (map) {
		struct ds_map_id key = ds_map_id(map, id.data, id.len);

		err = ds_map_read_pinned(map, &key, show, doc);
		if (err != -EAGAIN)
			return err;
	}
	return show_copy(snapshot, id, doc);
}

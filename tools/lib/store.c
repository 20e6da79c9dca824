// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: making, opening, listing and removing stores. */
#include <stdlib.h>

#include "internal.h"

static const char *device_or_default(const char *device)
{
	return device ? device : DS_DEVICE;
}

/* A store's name as the kernel takes it. */
static int copy_name(__u8 dst[DOCSTORE_STORE_NAME_SIZE], const char *name)
{
	size_t len;

	if (!name)
		return -EINVAL;
	len = strlen(name);
	if (!len)
		return -EINVAL;
	if (len >= DOCSTORE_STORE_NAME_SIZE)
		return -ENAMETOOLONG;
	memcpy(dst, name, len + 1);
	return 0;
}

/*
 * ds_open_control() - a descriptor of the control node, for more than one question
 *
 * Return: the descriptor, or a negative errno.
 */
int ds_open_control(const struct ds_open_opts *opts, bool write)
{
	if (ds_opt(opts, flags))
		return -EINVAL;
	return ds_sys_open(device_or_default(ds_opt(opts, device)), write);
}

/* One ioctl on the control node. Return what it returns. */
static int control_return(const char *device, bool write, unsigned long request, void *arg)
{
	int fd = ds_sys_open(device_or_default(device), write);
	int ret;

	if (fd < 0)
		return fd;
	ret = ds_sys_ioctl(fd, request, arg);
	ds_sys_close(fd);
	return ret;
}

/* One that has nothing to return. */
static int control(const char *device, bool write, unsigned long request, void *arg)
{
	int ret = control_return(device, write, request, arg);

	return ret > 0 ? -EBADMSG : ret;
}

/*
 * ds_store_new() - an open store, or a snapshot, without a descriptor
 * @shared: of the store that it is a snapshot of; NULL if it is a store
 *
 * Return: the store, or NULL if there is no memory.
 */
struct ds_store *ds_store_new(struct ds_shared *shared)
{
	struct ds_store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	if (!shared) {
		shared = calloc(1, sizeof(*shared));
		if (!shared || ds_names_init(&shared->names)) {
			free(shared);
			free(store);
			return NULL;
		}
	}
	atomic_fetch_add_explicit(&shared->users, 1, memory_order_relaxed);
	store->shared = shared;
	store->names = &shared->names;
	store->fd = -1;
	return store;
}

/* ds_store_free() - all but the descriptor, which is closed already */
void ds_store_free(struct ds_store *store)
{
	struct ds_shared *shared = store->shared;

	/*
	 * Release: all that we have done with it was before. Acquire: all that others
	 * have done with it was before it is freed.
	 */
	if (atomic_fetch_sub_explicit(&shared->users, 1, memory_order_acq_rel) == 1) {
		if (shared->base)
			ds_sys_unmap(shared->base, shared->size);
		ds_names_destroy(&shared->names);
		free(shared);
	}
	free(store);
}

/*
 * ds_store_map() - map a store, if that is possible
 * @store: the store, or a snapshot of it, of which nobody else knows yet
 * @map: its map, whose base stays NULL if it is not
 * @fd: a descriptor of the store, open for reading
 *
 * There must be room in the address space. Where it is not possible, the kernel is
 * asked for everything.
 */
void ds_store_map(struct ds_store *store, struct ds_map *map, int fd)
{
	struct docstore_store_info info = { .size = sizeof(info) };
	void *base;

	/* Shorter words than the kernel's would not be loaded at once. */
	if (sizeof(void *) < 8)
		return;
	if (ds_ioctl(fd, DOCSTORE_STORE_INFO, &info) || !info.map_size)
		return;
	base = ds_sys_map(fd, info.map_size);
	if (!base)
		return;
	if (ds_map_init(map, base, info.map_size)) {
		ds_sys_unmap(base, info.map_size);
		return;
	}
	store->shared->base = base;
	store->shared->size = info.map_size;
}

int ds_store_limits(struct ds_store *store)
{
	struct docstore_info info = { .size = sizeof(info) };
	int err = ds_ioctl(store->fd, DOCSTORE_INFO, &info);

	store->max_ops = info.max_ops;
	store->max_batch = info.max_batch;
	return err;
}

/*
 * ds_open_fd() - a descriptor of a store by its name
 *
 * A store may be open to users to whom the control node is read-only, and what the
 * store allows is decided by its own mode.
 *
 * Return: the descriptor, or a negative errno.
 */
int ds_open_fd(const char *name, unsigned int flags, const char *device)
{
	struct docstore_store_open arg = { .size = sizeof(arg), .flags = flags };
	int err = copy_name(arg.name, name);

	return err ? err : control_return(device, false, DOCSTORE_STORE_OPEN, &arg);
}

DS_PUBLIC int ds_open(const char *name, unsigned int flags,
		      const struct ds_open_opts *opts, struct ds_store **ret)
{
	struct ds_store *store;
	int err;

	*ret = NULL;
	if (ds_opt(opts, flags) & ~(unsigned int)(DS_OPEN_NO_MAP | DS_OPEN_NO_HINTS))
		return -EINVAL;
	store = ds_store_new(NULL);
	if (!store)
		return -ENOMEM;
	store->fd = ds_open_fd(name, flags, ds_opt(opts, device));
	if (store->fd < 0) {
		err = store->fd;
		goto free;
	}
	store->flags = flags;
	err = ds_store_limits(store);
	if (err)
		goto close;
	if (flags & DOCSTORE_OPEN_READ && !(ds_opt(opts, flags) & DS_OPEN_NO_MAP))
		ds_store_map(store, &store->map, store->fd);
	if (store->map.base && !(ds_opt(opts, flags) & DS_OPEN_NO_HINTS))
		store->hints = ds_hints_new();
	*ret = store;
	return 0;

close:
	ds_sys_close(store->fd);
free:
	ds_store_free(store);
	return err;
}

DS_PUBLIC void ds_close(struct ds_store *store)
{
	if (!store)
		return;
	if (store->pinned)
		ds_pinned_free(store->pinned);
	ds_hints_free(store->hints, store->fd);
	ds_sys_close(store->fd);
	ds_store_free(store);
}

DS_PUBLIC int ds_fd(const struct ds_store *store)
{
	return store->fd;
}

DS_PUBLIC int ds_create(const char *name, const struct ds_create_opts *opts)
{
	struct docstore_store_create arg = {
		.size = sizeof(arg),
		.mode = ds_opt(opts, mode),
		.partitions = ds_opt(opts, partitions),
		.max_bytes = ds_opt(opts, max_bytes),
	};
	int err = copy_name(arg.name, name);

	if (err)
		return err;
	if (!arg.mode)
		arg.mode = 0600;
	return control(ds_opt(opts, device), true, DOCSTORE_STORE_CREATE, &arg);
}

DS_PUBLIC int ds_remove(const char *name, const struct ds_open_opts *opts)
{
	struct docstore_store_remove arg = { .size = sizeof(arg) };
	int err = copy_name(arg.name, name);

	if (err)
		return err;
	return control(ds_opt(opts, device), true, DOCSTORE_STORE_REMOVE, &arg);
}

/* Lists of stores and of snapshots are asked for by structs that look alike. */
#define LIST_ALIKE(a, b)							\
	_Static_assert(offsetof(struct docstore_store_list, a) ==		\
		       offsetof(struct docstore_snapshot_list, b), #b)

LIST_ALIKE(size, size);
LIST_ALIKE(flags, flags);
LIST_ALIKE(stores, snapshots);
LIST_ALIKE(store_size, snapshot_size);
LIST_ALIKE(count, count);
LIST_ALIKE(cursor, cursor);
_Static_assert(sizeof(struct docstore_store_list) == sizeof(struct docstore_snapshot_list),
	       "lists");

/*
 * ds_list_all() - all elements of a list
 * @fd: the descriptor
 * @request: DOCSTORE_STORE_LIST, DOCSTORE_SNAPSHOT_LIST or DOCSTORE_SESSION_LIST
 * @element: bytes of an element, as the caller knows them
 * @list: where the array goes
 * @count: where the number of elements goes
 *
 * Return: 0, or a negative errno.
 */
int ds_list_all(int fd, unsigned long request, size_t element, void **list, size_t *count)
{
	struct docstore_store_list arg = { .size = sizeof(arg) };
	size_t room = 0, n = 0;
	char *all = NULL;
	__u64 cursor;
	int err;

	*list = NULL;
	*count = 0;
	if (element < sizeof(__u32) || element > 65536)
		return -EINVAL;
	do {
		if (n == room) {
			char *more;

			room = room ? 2 * room : 16;
			more = reallocarray(all, room, element);
			if (!more) {
				err = -ENOMEM;
				goto fail;
			}
			all = more;
		}
		memset(all + n * element, 0, (room - n) * element);
		arg.stores = ds_ptr(all + n * element);
		arg.store_size = (__u32)element;
		arg.count = (__u32)(room - n);
		cursor = arg.cursor;
		err = ds_ioctl(fd, request, &arg);
		if (err)
			goto fail;
		/* The same place again, and it would never end. */
		if (arg.count > room - n || (arg.cursor && arg.cursor == cursor)) {
			err = -EBADMSG;
			goto fail;
		}
		n += arg.count;
	} while (arg.cursor);
	*list = all;
	*count = n;
	return 0;

fail:
	free(all);
	return err;
}

DS_PUBLIC int ds_list(const struct ds_open_opts *opts, struct docstore_store_info **stores,
		      size_t store_size, size_t *count)
{
	void *list;
	int fd, err;

	*stores = NULL;
	*count = 0;
	fd = ds_sys_open(device_or_default(ds_opt(opts, device)), false);
	if (fd < 0)
		return fd;
	err = ds_list_all(fd, DOCSTORE_STORE_LIST, store_size, &list, count);
	ds_sys_close(fd);
	*stores = list;
	return err;
}

/* Of calls that fill a struct which begins with its size: nothing but that is left in it. */
int ds_clear_info(void *info)
{
	__u32 size;

	memcpy(&size, info, sizeof(size));
	if (size < sizeof(size) || size > 65536)
		return -EINVAL;
	memset(info, 0, size);
	memcpy(info, &size, sizeof(size));
	return 0;
}

DS_PUBLIC int ds_module_info(const struct ds_open_opts *opts, struct docstore_info *info)
{
	int err = ds_clear_info(info);

	return err ? err : control(ds_opt(opts, device), false, DOCSTORE_INFO, info);
}

DS_PUBLIC int ds_store_info(const struct ds_store *store, struct docstore_store_info *info)
{
	int err = ds_clear_info(info);

	return err ? err : ds_ioctl(store->fd, DOCSTORE_STORE_INFO, info);
}

/*
 * Of calls that fill a struct and an array, for a store that is no snapshot: may both be
 * as long as they are? There is never room for more than can be counted.
 */
int ds_answer_sizes(const struct ds_store *store, size_t size, size_t min, size_t element,
		    size_t *room)
{
	if (size < min || size > 65536)
		return -EINVAL;
	if (*room && (element < sizeof(__u32) || element > 65536))
		return -EINVAL;
	if (store->pinned)
		return -EBADF;
	if (*room > UINT32_MAX / 2)
		*room = UINT32_MAX / 2;
	return 0;
}

/* The coordinator answers about itself from here on. */
#define COORDINATOR_MIN		offsetof(struct docstore_coordinator, queued)

DS_PUBLIC int ds_coordinator(const struct ds_store *store, struct docstore_coordinator *info,
			     struct docstore_waiting *waiting, size_t waiting_size, size_t room)
{
	__u32 size = info->size;
	int err;

	err = ds_answer_sizes(store, size, COORDINATOR_MIN, waiting_size, &room);
	if (err)
		return err;
	memset(info, 0, size);
	info->size = size;
	info->waiting = room ? ds_ptr(waiting) : 0;
	info->waiting_size = room ? (__u32)waiting_size : sizeof(*waiting);
	info->count = (__u32)room;
	err = ds_ioctl(store->fd, DOCSTORE_COORDINATOR, info);
	if (err)
		return err;
	return info->count > room ? -EBADMSG : (int)info->count;
}

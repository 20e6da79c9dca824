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
 * Map a store, if that is possible: it must be open for reading, and there must be
 * room in the address space. Where it is not, the kernel is asked for everything.
 */
static void map_store(struct ds_store *store)
{
	struct docstore_store_info info = { .size = sizeof(info) };
	void *base;

	/* Shorter words than the kernel's would not be loaded at once. */
	if (sizeof(void *) < 8 || !(store->flags & DOCSTORE_OPEN_READ))
		return;
	if (ds_ioctl(store->fd, DOCSTORE_STORE_INFO, &info) || !info.map_size)
		return;
	base = ds_sys_map(store->fd, info.map_size);
	if (base && ds_map_init(&store->map, base, info.map_size))
		ds_sys_unmap(base, info.map_size);
}

DS_PUBLIC int ds_open(const char *name, unsigned int flags,
		      const struct ds_open_opts *opts, struct ds_store **ret)
{
	struct docstore_store_open arg = { .size = sizeof(arg), .flags = flags };
	struct docstore_info info = { .size = sizeof(info) };
	struct ds_store *store;
	int err;

	*ret = NULL;
	if (ds_opt(opts, flags) & ~(unsigned int)DS_OPEN_NO_MAP)
		return -EINVAL;
	err = copy_name(arg.name, name);
	if (err)
		return err;

	store = calloc(1, sizeof(*store));
	if (!store)
		return -ENOMEM;
	err = ds_names_init(&store->names);
	if (err)
		goto free;

	/*
	 * A store may be open to users to whom the control node is read-only,
	 * and what the store allows is decided by its own mode.
	 */
	store->fd = control_return(ds_opt(opts, device), false, DOCSTORE_STORE_OPEN, &arg);
	if (store->fd < 0) {
		err = store->fd;
		goto names;
	}
	store->flags = flags;

	err = ds_ioctl(store->fd, DOCSTORE_INFO, &info);
	if (err)
		goto close;
	store->max_ops = info.max_ops;
	store->max_batch = info.max_batch;
	if (!(ds_opt(opts, flags) & DS_OPEN_NO_MAP))
		map_store(store);
	*ret = store;
	return 0;

close:
	ds_sys_close(store->fd);
names:
	ds_names_destroy(&store->names);
free:
	free(store);
	return err;
}

DS_PUBLIC void ds_close(struct ds_store *store)
{
	if (!store)
		return;
	if (store->map.base)
		ds_sys_unmap((void *)(uintptr_t)store->map.base, store->map.size);
	ds_sys_close(store->fd);
	ds_names_destroy(&store->names);
	free(store);
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

DS_PUBLIC int ds_list(const struct ds_open_opts *opts,
		      struct docstore_store_info **ret, size_t store_size,
		      size_t *count)
{
	struct docstore_store_list arg = { .size = sizeof(arg) };
	size_t room = 0, n = 0;
	char *stores = NULL;
	__u64 cursor;
	int fd, err;

	*ret = NULL;
	*count = 0;
	if (store_size < sizeof(__u32) || store_size > 65536)
		return -EINVAL;
	fd = ds_sys_open(device_or_default(ds_opt(opts, device)), false);
	if (fd < 0)
		return fd;
	do {
		if (n == room) {
			char *more;

			room = room ? 2 * room : 16;
			more = reallocarray(stores, room, store_size);
			if (!more) {
				err = -ENOMEM;
				goto fail;
			}
			stores = more;
		}
		memset(stores + n * store_size, 0, (room - n) * store_size);
		arg.stores = ds_ptr(stores + n * store_size);
		arg.store_size = (__u32)store_size;
		arg.count = (__u32)(room - n);
		cursor = arg.cursor;
		err = ds_ioctl(fd, DOCSTORE_STORE_LIST, &arg);
		if (err)
			goto fail;
		/* The same place again, and it would never end. */
		if (arg.count > room - n || (arg.cursor && arg.cursor == cursor)) {
			err = -EBADMSG;
			goto fail;
		}
		n += arg.count;
	} while (arg.cursor);

	ds_sys_close(fd);
	*ret = (struct docstore_store_info *)(void *)stores;
	*count = n;
	return 0;

fail:
	ds_sys_close(fd);
	free(stores);
	return err;
}

DS_PUBLIC int ds_module_info(const struct ds_open_opts *opts, struct docstore_info *info)
{
	__u32 size = info->size;

	if (size < sizeof(__u32) || size > 65536)
		return -EINVAL;
	memset(info, 0, size);
	info->size = size;
	return control(ds_opt(opts, device), false, DOCSTORE_INFO, info);
}

DS_PUBLIC int ds_store_info(const struct ds_store *store, struct docstore_store_info *info)
{
	__u32 size = info->size;

	if (size < sizeof(__u32) || size > 65536)
		return -EINVAL;
	memset(info, 0, size);
	info->size = size;
	return ds_ioctl(store->fd, DOCSTORE_STORE_INFO, info);
}

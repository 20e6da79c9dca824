// SPDX-License-Identifier: GPL-2.0
/*
 * The operations of the control node, and those that only ask.
 */
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/string.h>

#include <linux/docstore.h>
#include <linux/docstore_map.h>

#include "control.h"
#include "device.h"
#include "ioctl.h"
#include "session.h"
#include "store.h"
#include "worker.h"

/**
 * ds_ioctl_info() - DOCSTORE_INFO
 * @session: the caller's session
 * @data: struct docstore_info
 *
 * Return: 0 or -EINVAL.
 */
int ds_ioctl_info(struct ds_session *session, void *data)
{
	struct docstore_info *arg = data;

	if (arg->flags)
		return -EINVAL;
	*arg = (struct docstore_info){
		.abi = DOCSTORE_ABI,
		.map_layout = DOCSTORE_MAP_LAYOUT,
		.workers = ds_workers_count(),
		.stores = ds_stores_count(),
		.max_stores = ds_stores_max(),
		.max_partitions = DOCSTORE_MAX_PARTITIONS,
		.max_ops = DOCSTORE_MAX_OPS,
		.max_batch = DOCSTORE_MAX_BATCH,
		.max_document = DOCSTORE_MAX_DOCUMENT,
		.max_properties = DOCSTORE_MAX_PROPERTIES,
		.max_names = DOCSTORE_MAX_NAMES,
	};
	return 0;
}

/* A store's name may become a file's name in sysfs. */
static bool ds_name_legal(const u8 *name)
{
	size_t len = strnlen(name, DOCSTORE_STORE_NAME_SIZE);
	size_t i;

	if (!len || len == DOCSTORE_STORE_NAME_SIZE || name[0] == '.' || name[0] == '-')
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && !strchr("._-", name[i])))
			return false;
	return true;
}

/**
 * ds_ioctl_store_create() - DOCSTORE_STORE_CREATE
 * @session: the caller's session
 * @data: struct docstore_store_create
 *
 * Return: 0, -EEXIST, -EINVAL, -ENOMEM or -ENOSPC.
 */
int ds_ioctl_store_create(struct ds_session *session, void *data)
{
	struct docstore_store_create *arg = data;

	if (arg->flags || (arg->mode & ~0666) || arg->partitions > DOCSTORE_MAX_PARTITIONS ||
	    !ds_name_legal(arg->name))
		return -EINVAL;
	return ds_store_create(arg);
}

/**
 * ds_ioctl_store_open() - DOCSTORE_STORE_OPEN
 * @session: the caller's session
 * @data: struct docstore_store_open
 *
 * Return: the new descriptor, -EACCES, -EAGAIN, -EINVAL, -EMFILE, -ENOENT, -ENOMEM or
 * -ERESTARTSYS.
 */
int ds_ioctl_store_open(struct ds_session *session, void *data)
{
	const u32 known = DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE;
	struct docstore_store_open *arg = data;
	struct ds_store *store;
	int ret;

	if (!arg->flags || (arg->flags & ~known) || !ds_name_legal(arg->name))
		return -EINVAL;
	store = ds_store_find(arg->name);
	if (!store)
		return -ENOENT;
	ret = ds_store_permission(store, arg->flags);
	if (!ret)
		ret = ds_device_open_store(store, arg->flags, ds_session_waits(session));
	ds_store_put(store);
	return ret;
}

/**
 * ds_ioctl_store_remove() - DOCSTORE_STORE_REMOVE
 * @session: the caller's session
 * @data: struct docstore_store_remove
 *
 * Return: 0, -EINVAL, -ENOENT or -EPERM.
 */
int ds_ioctl_store_remove(struct ds_session *session, void *data)
{
	struct docstore_store_remove *arg = data;

	if (arg->flags || !ds_name_legal(arg->name))
		return -EINVAL;
	return ds_store_remove(arg->name);
}

static u64 ds_store_next(struct ds_session *session, u64 after, void *info)
{
	return ds_stores_next(after, info);
}

/**
 * ds_ioctl_store_list() - DOCSTORE_STORE_LIST
 * @session: the caller's session
 * @data: struct docstore_store_list
 *
 * Return: 0, -E2BIG, -EFAULT or -EINVAL.
 */
int ds_ioctl_store_list(struct ds_session *session, void *data)
{
	struct docstore_store_list *arg = data;
	struct docstore_store_info info = { .size = sizeof(info) };
	const struct ds_listing list = {
		.next = ds_store_next,
		.info = &info,
		.info_size = sizeof(info),
		/* What the first version of the interface had. */
		.least = offsetofend(struct docstore_store_info, name),
		.array = arg->stores,
		.element = arg->store_size,
		.count = &arg->count,
		.cursor = &arg->cursor,
	};

	if (arg->flags)
		return -EINVAL;
	return ds_list_out(session, &list);
}

/**
 * ds_ioctl_store_info() - DOCSTORE_STORE_INFO
 * @session: the caller's session
 * @data: struct docstore_store_info
 *
 * Return: 0 or -EINVAL.
 */
int ds_ioctl_store_info(struct ds_session *session, void *data)
{
	struct docstore_store_info *arg = data;

	if (arg->flags)
		return -EINVAL;
	ds_store_fill_info(session->store, arg);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/docstore, and the descriptors of stores.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "compat/uring.h"
#include "device.h"
#include "ioctl.h"
#include "map.h"
#include "session.h"
#include "store.h"
#include "uring.h"

static struct ds_session *ds_session_create(struct ds_store *store, u32 rights)
{
	struct ds_session *session = kzalloc_obj(*session, GFP_KERNEL_ACCOUNT);

	if (!session)
		return NULL;
	session->rights = rights;
	session->store = store;
	if (store)
		ds_store_get(store);
	return session;
}

static int ds_file_release(struct inode *inode, struct file *file)
{
	struct ds_session *session = file->private_data;

	if (session->store)
		ds_store_close(session->store);
	kfree(session);
	return 0;
}

static long ds_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return ds_ioctl(file->private_data, cmd, arg);
}

static int ds_control_open(struct inode *inode, struct file *file)
{
	u32 rights = 0;

	if (file->f_mode & FMODE_READ)
		rights |= DOCSTORE_OPEN_READ;
	if (file->f_mode & FMODE_WRITE)
		rights |= DOCSTORE_OPEN_WRITE;
	file->private_data = ds_session_create(NULL, rights);
	return file->private_data ? nonseekable_open(inode, file) : -ENOMEM;
}

static const struct file_operations ds_control_fops = {
	.owner = THIS_MODULE,
	.open = ds_control_open,
	.release = ds_file_release,
	.unlocked_ioctl = ds_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static int ds_store_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ds_session *session = file->private_data;

	return ds_map_mmap(session->store, vma);
}

static int ds_store_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	return ds_uring_cmd(cmd->file->private_data, cmd, issue_flags);
}

static const struct file_operations ds_store_fops = {
	.owner = THIS_MODULE,
	.release = ds_file_release,
	.mmap = ds_store_mmap,
	.uring_cmd = ds_store_uring_cmd,
	/* So that huge pages fit. */
	.get_unmapped_area = thp_get_unmapped_area,
	.unlocked_ioctl = ds_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * ds_device_open_store() - a new descriptor of a store
 * @store: the store, which the descriptor holds from now on too
 * @rights: enum docstore_open_flags
 *
 * Return: the descriptor, or a negative errno.
 */
int ds_device_open_store(struct ds_store *store, u32 rights)
{
	struct ds_session *session = ds_session_create(store, rights);
	int flags = O_RDONLY;
	struct file *file;
	int fd;

	if (!session)
		return -ENOMEM;
	if (rights == DOCSTORE_OPEN_WRITE)
		flags = O_WRONLY;
	else if (rights & DOCSTORE_OPEN_WRITE)
		flags = O_RDWR;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto err_session;
	file = ds_map_file(store, &ds_store_fops, session, flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto err_session;
	}
	fd_install(fd, file);
	return fd;

err_session:
	ds_store_put(store);
	kfree(session);
	return fd;
}

static struct miscdevice ds_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "docstore",
	.fops = &ds_control_fops,
	/* Who may do what with a store is up to the store's own mode. */
	.mode = 0666,
};

/**
 * ds_device_init() - make /dev/docstore appear
 *
 * Return: 0 or a negative errno.
 */
int ds_device_init(void)
{
	return misc_register(&ds_device);
}

/**
 * ds_device_exit() - make it disappear
 */
void ds_device_exit(void)
{
	misc_deregister(&ds_device);
}

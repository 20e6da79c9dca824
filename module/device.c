// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/docstore, and the descriptors of stores.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>

#include "compat/uring.h"
#include "device.h"
#include "ioctl.h"
#include "map.h"
#include "session.h"
#include "snapshot.h"
#include "store.h"
#include "stream.h"
#include "uring.h"

static int ds_file_release(struct inode *inode, struct file *file)
{
	ds_session_end(file->private_data);
	return 0;
}

static long ds_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return ds_ioctl(file->private_data, cmd, arg);
}

static int ds_control_open(struct inode *inode, struct file *file)
{
	struct ds_session *session;
	u32 rights = 0;
	int err;

	if (file->f_mode & FMODE_READ)
		rights |= DOCSTORE_OPEN_READ;
	if (file->f_mode & FMODE_WRITE)
		rights |= DOCSTORE_OPEN_WRITE;
	session = ds_session_create(NULL, rights, !(file->f_flags & O_NONBLOCK));
	if (IS_ERR(session))
		return PTR_ERR(session);
	err = ds_session_show(session, file);
	if (err) {
		ds_session_free(session);
		return err;
	}
	file->private_data = session;
	return nonseekable_open(inode, file);
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

/* A descriptor for a session of a store or snapshot, which is over if it fails. */
static int ds_session_install(struct ds_session *session, const struct file_operations *fops,
			      int flags)
{
	u64 snapshot = session->snapshot ? session->snapshot->id : 0;
	struct file *file;
	int fd, err;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto err_session;
	file = ds_map_file(session->store, snapshot, fops, session, flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto err_session;
	}
	/* There is no place in a stream to seek, and two may read it. */
	if (session->stream) {
		stream_open(NULL, file);
		file->f_mode |= FMODE_NOWAIT;
	}
	err = ds_session_show(session, file);
	if (err) {
		put_unused_fd(fd);
		/* It has the session. */
		fput(file);
		return err;
	}
	fd_install(fd, file);
	return fd;

err_session:
	ds_session_free(session);
	return fd;
}

/**
 * ds_device_open_store() - a new descriptor of a store
 * @store: the store, which the descriptor holds from now on too
 * @rights: enum docstore_open_flags
 * @wait: wait if there are as many sessions as there may be
 *
 * Return: the descriptor, or a negative errno.
 */
int ds_device_open_store(struct ds_store *store, u32 rights, bool wait)
{
	struct ds_session *session = ds_session_create(store, rights, wait);
	int flags = O_RDONLY;

	if (IS_ERR(session))
		return PTR_ERR(session);
	if (rights == DOCSTORE_OPEN_WRITE)
		flags = O_WRONLY;
	else if (rights & DOCSTORE_OPEN_WRITE)
		flags = O_RDWR;
	return ds_session_install(session, &ds_store_fops, flags);
}

static int ds_snapshot_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ds_session *session = file->private_data;

	return ds_snapshot_mmap(session->snapshot, vma);
}

/* There is nothing to wait for but that it is revoked. */
static __poll_t ds_snapshot_file_poll(struct file *file, poll_table *wait)
{
	struct ds_session *session = file->private_data;

	poll_wait(file, &session->snapshot->revoked, wait);
	return ds_snapshot_good(session->snapshot) ? 0 : EPOLLHUP;
}

static const struct file_operations ds_snapshot_fops = {
	.owner = THIS_MODULE,
	.release = ds_file_release,
	.mmap = ds_snapshot_file_mmap,
	.poll = ds_snapshot_file_poll,
	.uring_cmd = ds_store_uring_cmd,
	.unlocked_ioctl = ds_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * ds_device_open_snapshot() - a descriptor for a snapshot
 * @session: its session, which has it, and is over if this fails
 *
 * Return: the descriptor, or a negative errno.
 */
int ds_device_open_snapshot(struct ds_session *session)
{
	return ds_session_install(session, &ds_snapshot_fops, O_RDONLY);
}

static const struct file_operations ds_stream_fops = {
	.owner = THIS_MODULE,
	.release = ds_file_release,
	.read_iter = ds_stream_read_iter,
	.poll = ds_stream_poll,
	.unlocked_ioctl = ds_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * ds_device_open_stream() - a descriptor for a stream
 * @session: its session, which has it, and is over if this fails
 * @nonblock: with O_NONBLOCK
 *
 * Return: the descriptor, or a negative errno.
 */
int ds_device_open_stream(struct ds_session *session, bool nonblock)
{
	return ds_session_install(session, &ds_stream_fops,
				  O_RDONLY | (nonblock ? O_NONBLOCK : 0));
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

// SPDX-License-Identifier: GPL-2.0
/*
 * One table of operations, and how their arguments get in and out.
 */
#include <linux/build_bug.h>
#include <linux/fdtable.h>
#include <linux/nospec.h>
#include <linux/percpu.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include <linux/docstore_monitor.h>

#include "check.h"
#include "config.h"
#include "control.h"
#include "coordinator.h"
#include "hint.h"
#include "ioctl.h"
#include "names.h"
#include "read.h"
#include "scan.h"
#include "session.h"
#include "snapshot.h"
#include "stats.h"
#include "stream.h"
#include "submit.h"

/* On which descriptors an operation is allowed, and with which rights. */
#define DS_ON_CONTROL	BIT(0)
#define DS_ON_STORE	BIT(1)
#define DS_TO_READ	BIT(2)
#define DS_TO_WRITE	BIT(3)
/* How its argument goes back. */
#define DS_OUT		BIT(4)	/* when it succeeds */
#define DS_OUT_ALWAYS	BIT(5)	/* also when it fails */
/* It never takes long. */
#define DS_QUICK	BIT(6)
#define DS_ON_SNAPSHOT	BIT(7)
/* It returns a new descriptor. */
#define DS_NEW_FD	BIT(8)
#define DS_ON_STREAM	BIT(9)

/* The largest argument; all of them fit on the stack. */
#define DS_IOCTL_MAX	256

/**
 * struct ds_ioctl_op - an operation
 * @size: of its argument as this kernel knows it
 * @min: of its argument in the first version of the interface
 * @flags: DS_ON_CONTROL and so on
 * @fn: carries it out; gets the argument, longer ones cut and shorter ones
 *	filled up with zeros. May sleep
 */
struct ds_ioctl_op {
	u16 size;
	u16 min;
	u32 flags;
	int (*fn)(struct ds_session *session, void *arg);
};

#define DS_IOCTL(_cmd, _struct, _min, _flags, _fn)			\
	[_IOC_NR(_cmd)] = {						\
		.size = sizeof(struct _struct),				\
		.min = (_min),						\
		.flags = (_flags),					\
		.fn = (_fn),						\
	}

static const struct ds_ioctl_op ds_ioctl_ops[] = {
	DS_IOCTL(DOCSTORE_INFO, docstore_info,
		 offsetofend(struct docstore_info, __reserved),
		 DS_ON_CONTROL | DS_ON_STORE | DS_ON_SNAPSHOT | DS_OUT | DS_QUICK, ds_ioctl_info),
	DS_IOCTL(DOCSTORE_STORE_CREATE, docstore_store_create,
		 offsetofend(struct docstore_store_create, name),
		 DS_ON_CONTROL | DS_TO_WRITE, ds_ioctl_store_create),
	DS_IOCTL(DOCSTORE_STORE_OPEN, docstore_store_open,
		 offsetofend(struct docstore_store_open, name),
		 DS_ON_CONTROL, ds_ioctl_store_open),
	DS_IOCTL(DOCSTORE_STORE_REMOVE, docstore_store_remove,
		 offsetofend(struct docstore_store_remove, name),
		 DS_ON_CONTROL | DS_TO_WRITE, ds_ioctl_store_remove),
	DS_IOCTL(DOCSTORE_STORE_LIST, docstore_store_list,
		 offsetofend(struct docstore_store_list, cursor),
		 DS_ON_CONTROL | DS_OUT, ds_ioctl_store_list),
	DS_IOCTL(DOCSTORE_MODULE_STATS, docstore_module_stats,
		 offsetofend(struct docstore_module_stats, __reserved),
		 DS_ON_CONTROL | DS_OUT, ds_ioctl_module_stats),
	DS_IOCTL(DOCSTORE_SESSION_LIST, docstore_session_list,
		 offsetofend(struct docstore_session_list, cursor),
		 DS_ON_CONTROL | DS_OUT, ds_ioctl_session_list),
	/* Which rights it needs depends on whether something is changed. */
	DS_IOCTL(DOCSTORE_CONFIG, docstore_config,
		 offsetofend(struct docstore_config, value),
		 DS_ON_CONTROL | DS_ON_STORE | DS_OUT, ds_ioctl_config),
	DS_IOCTL(DOCSTORE_STORE_INFO, docstore_store_info,
		 offsetofend(struct docstore_store_info, name),
		 DS_ON_STORE | DS_ON_SNAPSHOT | DS_OUT | DS_QUICK, ds_ioctl_store_info),
	DS_IOCTL(DOCSTORE_INTERN, docstore_intern,
		 offsetofend(struct docstore_intern, __reserved),
		 DS_ON_STORE | DS_ON_SNAPSHOT | DS_OUT_ALWAYS, ds_ioctl_intern),
	DS_IOCTL(DOCSTORE_NAMES, docstore_names,
		 offsetofend(struct docstore_names, used),
		 DS_ON_STORE | DS_ON_SNAPSHOT | DS_OUT, ds_ioctl_names),
	/* Which rights a batch needs depends on its operations. */
	DS_IOCTL(DOCSTORE_SUBMIT, docstore_submit,
		 offsetofend(struct docstore_submit, failed),
		 DS_ON_STORE | DS_OUT, ds_ioctl_submit),
	DS_IOCTL(DOCSTORE_READ, docstore_read,
		 offsetofend(struct docstore_read, __reserved),
		 DS_ON_STORE | DS_ON_SNAPSHOT | DS_TO_READ | DS_OUT | DS_QUICK, ds_ioctl_read),
	DS_IOCTL(DOCSTORE_READ_MANY, docstore_read_many,
		 offsetofend(struct docstore_read_many, needed),
		 DS_ON_STORE | DS_ON_SNAPSHOT | DS_TO_READ | DS_OUT, ds_ioctl_read_many),
	DS_IOCTL(DOCSTORE_SCAN, docstore_scan,
		 offsetofend(struct docstore_scan, cursor),
		 DS_ON_STORE | DS_ON_SNAPSHOT | DS_TO_READ | DS_OUT, ds_ioctl_scan),
	DS_IOCTL(DOCSTORE_SNAPSHOT, docstore_snapshot,
		 offsetofend(struct docstore_snapshot, id),
		 DS_ON_STORE | DS_TO_READ | DS_OUT | DS_NEW_FD, ds_ioctl_snapshot),
	DS_IOCTL(DOCSTORE_SNAPSHOT_LIST, docstore_snapshot_list,
		 offsetofend(struct docstore_snapshot_list, cursor),
		 DS_ON_STORE | DS_TO_READ | DS_OUT, ds_ioctl_snapshot_list),
	DS_IOCTL(DOCSTORE_COORDINATOR, docstore_coordinator,
		 offsetofend(struct docstore_coordinator, publish_max_ns),
		 DS_ON_STORE | DS_TO_READ | DS_OUT, ds_ioctl_coordinator),
	DS_IOCTL(DOCSTORE_STATS, docstore_stats,
		 offsetofend(struct docstore_stats, __reserved),
		 DS_ON_STORE | DS_OUT, ds_ioctl_stats),
	DS_IOCTL(DOCSTORE_CHECK, docstore_check,
		 offsetofend(struct docstore_check, repaired),
		 DS_ON_STORE | DS_TO_READ | DS_OUT, ds_ioctl_check),
	DS_IOCTL(DOCSTORE_HINT, docstore_hint,
		 offsetofend(struct docstore_hint, weight),
		 DS_ON_STORE | DS_TO_READ | DS_QUICK, ds_ioctl_hint),
	DS_IOCTL(DOCSTORE_STREAM, docstore_stream,
		 offsetofend(struct docstore_stream, __reserved),
		 DS_ON_STORE | DS_TO_READ | DS_NEW_FD, ds_ioctl_stream),
	DS_IOCTL(DOCSTORE_SNAPSHOT_INFO, docstore_snapshot_info,
		 offsetofend(struct docstore_snapshot_info, __reserved),
		 DS_ON_SNAPSHOT | DS_OUT | DS_QUICK, ds_ioctl_snapshot_info),
	DS_IOCTL(DOCSTORE_STREAM_INFO, docstore_stream_info,
		 offsetofend(struct docstore_stream_info, __reserved),
		 DS_ON_STREAM | DS_OUT, ds_ioctl_stream_info),
	DS_IOCTL(DOCSTORE_STREAM_PAUSE, docstore_stream_pause,
		 offsetofend(struct docstore_stream_pause, __reserved),
		 DS_ON_STREAM, ds_ioctl_stream_pause),
	DS_IOCTL(DOCSTORE_STREAM_RESUME, docstore_stream_resume,
		 offsetofend(struct docstore_stream_resume, flags),
		 DS_ON_STREAM, ds_ioctl_stream_resume),
};

static const struct ds_ioctl_op *ds_ioctl_find(const struct ds_session *session,
					       unsigned int cmd)
{
	u32 place = session->stream ? DS_ON_STREAM :
		    session->snapshot ? DS_ON_SNAPSHOT :
		    session->store ? DS_ON_STORE : DS_ON_CONTROL;
	unsigned int nr = _IOC_NR(cmd);
	const struct ds_ioctl_op *op;

	if (nr >= ARRAY_SIZE(ds_ioctl_ops) || cmd != _IO(DOCSTORE_IOC_TYPE, nr))
		return NULL;
	op = &ds_ioctl_ops[array_index_nospec(nr, ARRAY_SIZE(ds_ioctl_ops))];
	return op->fn && (op->flags & place) ? op : NULL;
}

static int ds_ioctl_may(const struct ds_ioctl_op *op, const struct ds_session *session)
{
	if ((op->flags & DS_TO_READ) && !ds_session_may(session, DOCSTORE_OPEN_READ))
		return -EBADF;
	if ((op->flags & DS_TO_WRITE) && !ds_session_may(session, DOCSTORE_OPEN_WRITE))
		return -EBADF;
	return 0;
}

/**
 * ds_ioctl_arg_in() - copy the argument of an operation from user space
 * @to: where to
 * @known: its size as this kernel knows it
 * @min: its size in the first version of the interface
 * @user: where it is
 * @size: where the size that the caller knows goes
 *
 * Return: 0, -E2BIG, -EFAULT or -EINVAL.
 */
int ds_ioctl_arg_in(void *to, u32 known, u32 min, void __user *user, u32 *size)
{
	if (get_user(*size, (u32 __user *)user))
		return -EFAULT;
	if (*size < min)
		return -EINVAL;
	if (*size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(to, known, user, *size);
}

/**
 * ds_ioctl_arg_out() - copy the argument of an operation back
 * @user: where it is
 * @from: the argument
 * @known: its size as this kernel knows it
 * @size: the size that the caller knows
 *
 * Return: 0 or -EFAULT.
 */
int ds_ioctl_arg_out(void __user *user, void *from, u32 known, u32 size)
{
	/* What the caller said, even if it was changed meanwhile. */
	((u32 *)from)[0] = size;
	return copy_to_user(user, from, min(size, known)) ? -EFAULT : 0;
}

/**
 * ds_ioctl() - carry out an ioctl on any of our descriptors
 * @session: the file's session
 * @cmd: the operation
 * @arg: address of its argument in user space
 *
 * Return: what the operation returns: 0, a descriptor, or a negative errno.
 */
long ds_ioctl(struct ds_session *session, unsigned int cmd, unsigned long arg)
{
	const struct ds_ioctl_op *op = ds_ioctl_find(session, cmd);
	void __user *user = (void __user *)arg;
	u64 buffer[DS_IOCTL_MAX / sizeof(u64)];
	u32 size;
	int ret;

	BUILD_BUG_ON(sizeof(struct docstore_store_info) > sizeof(buffer));
	if (!op)
		return -ENOTTY;
	ret = ds_ioctl_may(op, session);
	if (!ret)
		ret = ds_ioctl_arg_in(buffer, op->size, op->min, user, &size);
	if (ret)
		return ret;

	ret = op->fn(session, buffer);
	this_cpu_inc(session->stats->calls);
	if (ret < 0)
		this_cpu_inc(session->stats->errors);

	if ((op->flags & DS_OUT_ALWAYS) || ((op->flags & DS_OUT) && ret >= 0)) {
		if (!ds_ioctl_arg_out(user, buffer, op->size, size))
			return ret;
		/* Nobody was told of it. */
		if ((op->flags & DS_NEW_FD) && ret >= 0)
			close_fd(ret);
		return -EFAULT;
	}
	return ret;
}

/**
 * ds_ioctl_quick() - may an operation be carried out where others wait
 * @session: the session
 * @cmd: the operation
 *
 * Return: false if it may take long, for want of a limit to its work.
 */
bool ds_ioctl_quick(const struct ds_session *session, unsigned int cmd)
{
	const struct ds_ioctl_op *op = ds_ioctl_find(session, cmd);

	return !op || (op->flags & DS_QUICK);
}

/**
 * ds_copy_element_in() - copy an element of an array of extensible structs
 * @to: where to
 * @size: of the struct as this kernel knows it, which was its first size too
 * @array: address of the array in user space
 * @element: size of an element there
 * @number: which one
 *
 * Return: 0, -EFAULT, -EINVAL if elements are too short, -E2BIG if they are
 * longer and what is too much is not zero.
 */
int ds_copy_element_in(void *to, size_t size, u64 array, u32 element, u32 number)
{
	u64 offset = (u64)element * number;

	if (element < size)
		return -EINVAL;
	if (element > PAGE_SIZE)
		return -E2BIG;
	if (offset > U64_MAX - array)
		return -EFAULT;
	return copy_struct_from_user(to, size, u64_to_user_ptr(array + offset), element);
}

/**
 * ds_copy_element_out() - copy an element back into an array
 * @from: the element
 * @size: of the struct as this kernel knows it
 * @array: address of the array in user space
 * @element: size of an element there, at most a page; what is longer than the
 *	struct is filled up with zeros
 * @number: which one
 *
 * Return: 0 or -EFAULT.
 */
int ds_copy_element_out(const void *from, size_t size, u64 array, u32 element, u32 number)
{
	void __user *to = u64_to_user_ptr(array + (u64)element * number);

	if (copy_to_user(to, from, min_t(size_t, size, element)))
		return -EFAULT;
	if (element > size && clear_user(to + size, element - size))
		return -EFAULT;
	return 0;
}

/**
 * ds_list_out() - fill in an array of things that are listed
 * @session: the caller's session
 * @list: what is listed, and where to
 *
 * Context: may sleep.
 * Return: 0, -E2BIG, -EFAULT or -EINVAL.
 */
int ds_list_out(struct ds_session *session, const struct ds_listing *list)
{
	u32 room = *list->count;
	u64 found;
	int err;

	if (list->element < list->least)
		return -EINVAL;
	if (list->element > PAGE_SIZE)
		return -E2BIG;
	for (*list->count = 0; *list->count < room; ++*list->count) {
		found = list->next(session, *list->cursor, list->info);
		if (!found) {
			*list->cursor = 0;
			return 0;
		}
		err = ds_copy_element_out(list->info, list->info_size, list->array, list->element,
					  *list->count);
		if (err)
			return err;
		*list->cursor = found;
	}
	/* There may be more, or not: whether the last one was the last. */
	if (!list->next(session, *list->cursor, list->info))
		*list->cursor = 0;
	return 0;
}

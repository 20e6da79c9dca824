// SPDX-License-Identifier: GPL-2.0
/*
 * Reading documents, in the caller and past the owner.
 *
 * A document is looked up and copied within one RCU read section. One goes
 * straight to user space, if its pages are there, since bringing them in may
 * sleep. Otherwise, and where many are read, it goes by way of kernel memory.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/docstore.h>

#include "hint.h"
#include "ioctl.h"
#include "read.h"
#include "session.h"
#include "snapshot.h"
#include "store.h"

/**
 * struct ds_id - a document's id
 * @bytes: the id
 * @len: its length
 */
struct ds_id {
	u8 bytes[DOCSTORE_MAX_ID];
	u8 len;
};

static int ds_id_copy(struct ds_id *id, u64 user, u32 len)
{
	if (!len)
		return -EINVAL;
	if (len > DOCSTORE_MAX_ID)
		return -ENAMETOOLONG;
	id->len = len;
	return copy_from_user(id->bytes, u64_to_user_ptr(user), len) ? -EFAULT : 0;
}

/*
 * A document as the session sees it: as it is now, or as of its snapshot. -ESTALE if
 * that was revoked, -ENOENT if there is no such document.
 *
 * Context: an RCU read section.
 */
static const struct docstore_version *ds_session_lookup(const struct ds_session *session,
							const struct ds_id *id)
{
	u64 hash = docstore_map_hash(session->store->key, id->bytes, id->len);
	const struct ds_partition *p = &ds_store_owned(session->store, hash)->partition;
	const struct docstore_version *v;

	if (!session->snapshot) {
		v = ds_partition_read(p, hash, id->bytes, id->len);
	} else {
		if (!ds_snapshot_good(session->snapshot))
			return ERR_PTR(-ESTALE);
		v = ds_partition_read_pinned(p, hash, id->bytes, id->len,
					     session->snapshot->pin.list[p->number].seq);
		/* Meanwhile it may have been: then this is not what it saw. */
		if (!ds_snapshot_good(session->snapshot))
			return ERR_PTR(-ESTALE);
	}
	return v ?: ERR_PTR(-ENOENT);
}

/**
 * struct ds_found - what was asked for, where it lies
 * @head: the header of a whole document, as it goes out; else unused
 * @head_len: its length, or 0
 * @rest: all that follows, or a property's value
 * @rest_len: its length
 */
struct ds_found {
	struct docstore_version head;
	u32 head_len;
	const void *rest;
	u32 rest_len;
};

/* Context: an RCU read section, to the end of which @found is good. */
static int ds_read_find(const struct ds_session *session, const struct ds_id *id,
			struct docstore_read *arg, struct ds_found *found)
{
	const struct docstore_version *v = ds_session_lookup(session, id);
	struct ds_value value;

	if (IS_ERR(v))
		return PTR_ERR(v);
	arg->version = v->version;
	if (!arg->property) {
		found->head_len = ds_version_head(v, &found->head);
		found->rest = v + 1;
		found->rest_len = v->size - found->head_len;
	} else if (ds_version_property(v, arg->property, &value)) {
		arg->type = value.type;
		found->head_len = 0;
		found->rest = value.data;
		found->rest_len = value.len;
	} else {
		return -ENODATA;
	}
	arg->length = found->head_len + found->rest_len;
	return 0;
}

/*
 * Straight out, as far as there is room, if no page has to be brought in for it:
 * that might sleep. Return false if one has.
 */
static bool ds_read_direct(const struct docstore_read *arg, const struct ds_found *found)
{
	void __user *to = u64_to_user_ptr(arg->buffer);
	u32 head = min(found->head_len, arg->buffer_len);
	u32 rest = min(found->rest_len, arg->buffer_len - head);

	if (head && copy_to_user_nofault(to, &found->head, head))
		return false;
	return !rest || !copy_to_user_nofault(to + head, found->rest, rest);
}

/* By way of kernel memory, for those whose buffer was not there. */
static int ds_read_bounce(const struct ds_session *session, const struct ds_id *id,
			  struct docstore_read *arg)
{
	struct ds_found found;
	u32 room = 0, len = 0;
	void *copy = NULL;
	int err;

	do {
		/* Once more if the document has grown meanwhile. */
		kvfree(copy);
		room = min(arg->length, arg->buffer_len);
		copy = kvmalloc(room, GFP_KERNEL_ACCOUNT);
		if (!copy)
			return -ENOMEM;
		rcu_read_lock();
		err = ds_read_find(session, id, arg, &found);
		if (!err) {
			len = min(arg->length, room);
			memcpy(copy, &found.head, min(found.head_len, len));
			if (len > found.head_len)
				memcpy(copy + found.head_len, found.rest, len - found.head_len);
		}
		rcu_read_unlock();
	} while (!err && room < min(arg->length, arg->buffer_len));

	if (!err && copy_to_user(u64_to_user_ptr(arg->buffer), copy, len))
		err = -EFAULT;
	kvfree(copy);
	return err;
}

/**
 * ds_ioctl_read() - DOCSTORE_READ
 * @session: the caller's session
 * @data: struct docstore_read
 *
 * Return: 0 or a negative errno.
 */
int ds_ioctl_read(struct ds_session *session, void *data)
{
	const struct ds_store *store = session->store;
	struct docstore_read *arg = data;
	struct ds_found found;
	struct ds_id id;
	bool copied = true;
	int err;

	if (arg->flags || arg->__reserved)
		return -EINVAL;
	if (arg->property && !ds_names_valid(&store->names, arg->property))
		return -EINVAL;
	arg->type = DOCSTORE_TYPE_NONE;
	err = ds_id_copy(&id, arg->id, arg->id_len);
	if (err)
		return err;

	ds_hint_read(store, id.bytes, id.len);
	rcu_read_lock();
	err = ds_read_find(session, &id, arg, &found);
	if (!err)
		copied = ds_read_direct(arg, &found);
	rcu_read_unlock();
	if (!copied)
		err = ds_read_bounce(session, &id, arg);
	if (!err)
		ds_session_bytes_out(session, min(arg->length, arg->buffer_len));
	return err;
}

/* A window is so long, unless a document needs a longer one; a multiple of 8. */
#define DS_READ_WINDOW	(64 * 1024)

/**
 * struct ds_read_window - a piece of the caller's buffer, in kernel memory
 * @bytes: the piece
 * @size: how long it is
 * @room: how much of it the caller's buffer has room for
 * @used: how much of it is filled in
 */
struct ds_read_window {
	void *bytes;
	u32 size;
	u32 room;
	u32 used;
};

static int ds_read_open(struct ds_read_window *window, const struct docstore_read_many *arg,
			u32 size)
{
	kvfree(window->bytes);
	window->size = size;
	window->room = min(size, arg->buffer_len - arg->used);
	window->used = 0;
	window->bytes = kvmalloc(max(size, 1U), GFP_KERNEL_ACCOUNT);
	return window->bytes ? 0 : -ENOMEM;
}

/*
 * Copy one document into the window. Return 0, -ENOENT, -ESTALE, or -ENOSPC with the
 * document's length in @item if it does not fit.
 */
static int ds_read_into(const struct ds_session *session, const struct ds_id *id,
			struct ds_read_window *window, struct docstore_read_item *item)
{
	const struct docstore_version *v;
	int err = 0;

	rcu_read_lock();
	v = ds_session_lookup(session, id);
	if (IS_ERR(v)) {
		err = PTR_ERR(v);
	} else {
		item->length = v->size;
		if (v->size > window->room - window->used)
			err = -ENOSPC;
		else
			ds_version_copy(v, window->bytes + window->used, v->size);
	}
	rcu_read_unlock();
	return err;
}

static int ds_read_flush(struct docstore_read_many *arg, struct ds_read_window *window)
{
	if (copy_to_user(u64_to_user_ptr(arg->buffer) + arg->used, window->bytes, window->used))
		return -EFAULT;
	arg->used += window->used;
	window->room = min(window->size, arg->buffer_len - arg->used);
	window->used = 0;
	return 0;
}

/* The document is there: on to where the next one begins. */
static void ds_read_advance(struct docstore_read_many *arg, struct ds_read_window *window,
			    struct docstore_read_item *item)
{
	u32 end = window->used + item->length;
	u32 next = min(ALIGN(end, 8), window->room);

	item->offset = arg->used + window->used;
	/* What lies between documents goes out as well. */
	memset(window->bytes + end, 0, next - end);
	window->used = next;
}

/*
 * One item. Return 1 if it is done, 0 if it does not fit into the caller's
 * buffer.
 */
static int ds_read_item(const struct ds_session *session, struct docstore_read_many *arg,
			struct ds_read_window *window, struct docstore_read_item *item)
{
	struct ds_id id;
	int err;

	item->offset = 0;
	item->length = 0;
	err = ds_id_copy(&id, item->id, item->id_len);
	if (err == -EFAULT)
		return err;
	item->result = err;
	if (err)
		return 1;

	ds_hint_read(session->store, id.bytes, id.len);
	while ((err = ds_read_into(session, &id, window, item)) == -ENOSPC) {
		/* The window may be full, or too short, where the buffer is not. */
		if (!window->used && item->length > arg->buffer_len - arg->used) {
			arg->needed = item->length;
			return 0;
		}
		err = window->used ? ds_read_flush(arg, window) :
				     ds_read_open(window, arg, ALIGN(item->length, 8));
		if (err)
			return err;
	}
	if (err == -ESTALE)
		return err;
	item->result = err;
	if (!err)
		ds_read_advance(arg, window, item);
	return 1;
}

static int ds_read_items(const struct ds_session *session, struct docstore_read_many *arg,
			 struct ds_read_window *window)
{
	struct docstore_read_item item;
	int ret;

	for (; arg->done < arg->count; arg->done++) {
		ret = ds_copy_element_in(&item, sizeof(item), arg->items, arg->item_size,
					 arg->done);
		if (ret)
			return ret;
		ret = ds_read_item(session, arg, window, &item);
		if (ret < 0)
			return ret;
		if (!ret)
			break;
		ret = ds_copy_element_out(&item, sizeof(item), arg->items, arg->item_size,
					  arg->done);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return ds_read_flush(arg, window);
}

/* How much room all documents take together, as of a snapshot. */
static int ds_read_measure(const struct ds_session *session, const struct docstore_read_many *arg,
			   u64 *total)
{
	const struct docstore_version *v;
	struct docstore_read_item item;
	struct ds_id id;
	int err;
	u32 i;

	for (i = 0, *total = 0; i < arg->count; i++) {
		err = ds_copy_element_in(&item, sizeof(item), arg->items, arg->item_size, i);
		if (err)
			return err;
		err = ds_id_copy(&id, item.id, item.id_len);
		if (err == -EFAULT)
			return err;
		if (err)
			continue;
		rcu_read_lock();
		v = ds_session_lookup(session, &id);
		if (!IS_ERR(v))
			*total = ALIGN(*total, 8) + v->size;
		rcu_read_unlock();
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* All documents as of one moment, or none of them if they don't fit. */
static int ds_read_together(const struct ds_session *session, struct docstore_read_many *arg,
			    struct ds_read_window *window)
{
	struct ds_session at = *session;
	bool own = !session->snapshot;
	u64 total;
	int err;

	if (own) {
		at.snapshot = ds_snapshot_take(session->store, 0, true);
		if (IS_ERR(at.snapshot))
			return PTR_ERR(at.snapshot);
	}
	err = ds_read_measure(&at, arg, &total);
	if (!err && total <= arg->buffer_len)
		err = ds_read_items(&at, arg, window);
	/* Also if the caller has put other ids there meanwhile. */
	if (!err && arg->done < arg->count) {
		arg->done = 0;
		arg->used = 0;
		arg->needed = min_t(u64, max_t(u64, total, arg->needed), U32_MAX);
	}
	if (own)
		ds_snapshot_close(at.snapshot);
	return err;
}

/**
 * ds_ioctl_read_many() - DOCSTORE_READ_MANY
 * @session: the caller's session
 * @data: struct docstore_read_many
 *
 * Return: 0, -E2BIG, -EBUSY, -EFAULT, -EINTR, -EINVAL, -ENOMEM or -ESTALE.
 */
int ds_ioctl_read_many(struct ds_session *session, void *data)
{
	struct docstore_read_many *arg = data;
	struct ds_read_window window = {};
	int err;

	arg->done = 0;
	arg->used = 0;
	arg->needed = 0;
	if ((arg->flags & ~DOCSTORE_READ_TOGETHER) || !arg->count ||
	    arg->item_size < sizeof(struct docstore_read_item))
		return -EINVAL;
	if (arg->count > DOCSTORE_MAX_OPS)
		return -E2BIG;
	err = ds_read_open(&window, arg, min_t(u32, arg->buffer_len, DS_READ_WINDOW));
	if (!err && (arg->flags & DOCSTORE_READ_TOGETHER))
		err = ds_read_together(session, arg, &window);
	else if (!err)
		err = ds_read_items(session, arg, &window);
	kvfree(window.bytes);
	ds_session_bytes_out(session, arg->used);
	return err;
}

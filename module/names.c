// SPDX-License-Identifier: GPL-2.0
/*
 * The names of a store.
 */
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ioctl.h"
#include "map.h"
#include "names.h"
#include "session.h"
#include "store.h"

/**
 * struct ds_name - a name
 * @node: in the table by name
 * @id: its id
 * @len: its length
 * @bytes: the name
 */
struct ds_name {
	struct rhash_head node;
	u32 id;
	u8 len;
	u8 bytes[];
};

/* What the table is searched for. */
struct ds_name_key {
	const u8 *bytes;
	u32 len;
};

static u32 ds_name_hash_key(const void *data, u32 len, u32 seed)
{
	const struct ds_name_key *key = data;

	return jhash(key->bytes, key->len, seed);
}

static u32 ds_name_hash_entry(const void *data, u32 len, u32 seed)
{
	const struct ds_name *name = data;

	return jhash(name->bytes, name->len, seed);
}

static int ds_name_compare(struct rhashtable_compare_arg *arg, const void *entry)
{
	const struct ds_name_key *key = arg->key;
	const struct ds_name *name = entry;

	return name->len != key->len || memcmp(name->bytes, key->bytes, key->len);
}

static const struct rhashtable_params ds_names_params = {
	.head_offset = offsetof(struct ds_name, node),
	.hashfn = ds_name_hash_key,
	.obj_hashfn = ds_name_hash_entry,
	.obj_cmpfn = ds_name_compare,
};

/**
 * ds_names_init() - prepare an empty table
 * @names: the table
 *
 * Return: 0 or a negative errno.
 */
int ds_names_init(struct ds_names *names)
{
	mutex_init(&names->lock);
	xa_init_flags(&names->by_id, XA_FLAGS_ACCOUNT);
	xa_init_flags(&names->pages, XA_FLAGS_ACCOUNT);
	return rhashtable_init(&names->by_name, &ds_names_params);
}

static void ds_name_free(void *entry, void *unused)
{
	kfree(entry);
}

/**
 * ds_names_destroy() - free a table that nobody uses any more
 * @names: the table
 */
void ds_names_destroy(struct ds_names *names)
{
	unsigned long number;
	void *page;

	xa_for_each(&names->pages, number, page)
		free_page((unsigned long)page);
	xa_destroy(&names->pages);
	xa_destroy(&names->by_id);
	rhashtable_free_and_destroy(&names->by_name, ds_name_free, NULL);
}

static u32 ds_names_find(struct ds_names *names, const struct ds_name_key *key)
{
	struct ds_name *name;
	u32 id;

	rcu_read_lock();
	name = rhashtable_lookup(&names->by_name, key, ds_names_params);
	/* One that is just being added is nobody's yet: who wants it waits for it. */
	id = name && ds_names_valid(names, name->id) ? name->id : 0;
	rcu_read_unlock();
	return id;
}

/**
 * ds_names_page() - a page of the list that is mapped
 * @names: the names
 * @number: its number
 *
 * Return: the page, which stays as long as the store, or NULL if there is none yet.
 */
void *ds_names_page(struct ds_names *names, u32 number)
{
	return xa_load(&names->pages, number);
}

/* Where the next record of the list will be. */
static u32 ds_names_next(const struct ds_names *names, u32 len)
{
	u32 size = ALIGN(sizeof(struct docstore_name_record) + len, 8);
	u32 room = DS_NAMES_BLOCK - names->used % DS_NAMES_BLOCK;

	return size > room ? names->used + room : names->used;
}

/* See to it that there is a page for the next record. */
static int ds_names_extend(struct ds_store *store, u32 len)
{
	struct ds_names *names = &store->names;
	u32 number = ds_names_next(names, len) >> PAGE_SHIFT;
	unsigned long page;
	int err;

	lockdep_assert_held(&names->lock);
	if (ds_names_page(names, number))
		return 0;
	if (!ds_store_charge(store, PAGE_SIZE))
		return -ENOSPC;
	page = get_zeroed_page(GFP_KERNEL_ACCOUNT);
	err = page ? xa_err(xa_store(&names->pages, number, (void *)page, GFP_KERNEL_ACCOUNT)) :
		     -ENOMEM;
	if (err) {
		free_page(page);
		ds_store_uncharge(store, PAGE_SIZE);
		return err;
	}
	ds_map_show_names(store, number);
	return 0;
}

/* Add a name to the list that is mapped, where there is room for it now. */
static void ds_names_publish(struct ds_store *store, const struct ds_name *name)
{
	struct docstore_name_record record = { .id = name->id, .len = name->len };
	struct ds_names *names = &store->names;
	u32 at = ds_names_next(names, name->len);
	void *to = ds_names_page(names, at >> PAGE_SHIFT) + (at & ~PAGE_MASK);

	lockdep_assert_held(&names->lock);
	memcpy(to, &record, sizeof(record));
	memcpy(to + sizeof(record), name->bytes, name->len);
	names->used = at + ALIGN(sizeof(record) + name->len, 8);
	/* Pairs with the acquire load of who reads the mapping. */
	smp_store_release(&store->map.head->names_used, names->used);
}

/* Give a name an id, unless it has one by now. */
static int ds_names_add(struct ds_store *store, const struct ds_name_key *key, u32 *id)
{
	struct ds_names *names = &store->names;
	size_t bytes = sizeof(struct ds_name) + key->len;
	struct ds_name *name;
	int err;

	name = kmalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!name)
		return -ENOMEM;
	name->len = key->len;
	memcpy(name->bytes, key->bytes, key->len);

	mutex_lock(&names->lock);
	*id = ds_names_find(names, key);
	err = 0;
	if (*id)
		goto out_free;
	err = -ENOSPC;
	if (names->count == DOCSTORE_MAX_NAMES || !ds_store_charge(store, bytes))
		goto out_free;
	err = ds_names_extend(store, key->len);
	if (err)
		goto out_uncharge;
	name->id = names->count + 1;
	err = xa_err(xa_store(&names->by_id, name->id, name, GFP_KERNEL_ACCOUNT));
	if (err)
		goto out_uncharge;
	err = rhashtable_insert_fast(&names->by_name, &name->node, ds_names_params);
	if (err) {
		/* EBUSY too: it found no memory to grow. */
		err = -ENOMEM;
		goto out_erase;
	}
	*id = name->id;
	/* Pairs with the acquire load in ds_names_valid(). */
	smp_store_release(&names->count, name->id);
	/* Who finds it in the mapping may use it. */
	ds_names_publish(store, name);
	mutex_unlock(&names->lock);
	return 0;

out_erase:
	xa_erase(&names->by_id, name->id);
out_uncharge:
	ds_store_uncharge(store, bytes);
out_free:
	mutex_unlock(&names->lock);
	kfree(name);
	return err;
}

static int ds_intern_one(struct ds_store *store, struct docstore_name *item, bool create)
{
	u8 bytes[DOCSTORE_MAX_NAME];
	struct ds_name_key key = { .bytes = bytes, .len = item->len };

	if (!item->len)
		return -EINVAL;
	if (item->len > DOCSTORE_MAX_NAME)
		return -ENAMETOOLONG;
	if (copy_from_user(bytes, u64_to_user_ptr(item->name), item->len))
		return -EFAULT;
	item->id = ds_names_find(&store->names, &key);
	if (item->id || !create)
		return 0;
	return ds_names_add(store, &key, &item->id);
}

/**
 * ds_ioctl_intern() - DOCSTORE_INTERN
 * @session: the caller's session
 * @data: struct docstore_intern
 *
 * Return: 0, -E2BIG, -EBADF, -EFAULT, -EINVAL, -ENAMETOOLONG, -ENOMEM or -ENOSPC.
 */
int ds_ioctl_intern(struct ds_session *session, void *data)
{
	struct docstore_intern *arg = data;
	bool create = arg->flags & DOCSTORE_INTERN_CREATE;
	int err;

	arg->done = 0;
	if ((arg->flags & ~DOCSTORE_INTERN_CREATE) || arg->__reserved)
		return -EINVAL;
	if (create && !ds_session_may(session, DOCSTORE_OPEN_WRITE))
		return -EBADF;
	if (!arg->count)
		return -EINVAL;
	if (arg->count > DOCSTORE_MAX_OPS)
		return -E2BIG;

	for (; arg->done < arg->count; arg->done++) {
		struct docstore_name item;

		err = ds_copy_element_in(&item, sizeof(item), arg->names, arg->name_size,
					 arg->done);
		if (err)
			return err;
		err = ds_intern_one(session->store, &item, create);
		if (err)
			return err;
		err = ds_copy_element_out(&item, sizeof(item), arg->names, arg->name_size,
					  arg->done);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* One record, if it fits: 1; 0 if not. */
static int ds_names_put(const struct ds_name *name, struct docstore_names *arg)
{
	struct docstore_name_record record = { .id = name->id, .len = name->len };
	void __user *to = u64_to_user_ptr(arg->buffer) + arg->used;
	u32 size = ALIGN(sizeof(record) + name->len, 8);
	u8 bytes[ALIGN(sizeof(record) + DOCSTORE_MAX_NAME, 8)] = {};

	if (arg->buffer_len - arg->used < size)
		return 0;
	memcpy(bytes, &record, sizeof(record));
	memcpy(bytes + sizeof(record), name->bytes, name->len);
	if (copy_to_user(to, bytes, size))
		return -EFAULT;
	arg->used += size;
	arg->count++;
	return 1;
}

/**
 * ds_ioctl_names() - DOCSTORE_NAMES
 * @session: the caller's session
 * @data: struct docstore_names
 *
 * Return: 0, -EFAULT or -EINVAL.
 */
int ds_ioctl_names(struct ds_session *session, void *data)
{
	struct docstore_names *arg = data;
	struct ds_names *names = &session->store->names;
	int ret;

	arg->count = 0;
	arg->used = 0;
	if (arg->flags || !arg->first ||
	    arg->buffer_len < ALIGN(sizeof(struct docstore_name_record) + DOCSTORE_MAX_NAME, 8))
		return -EINVAL;

	for (; ds_names_valid(names, arg->first); arg->first++) {
		/* Entries are not freed before the store is. */
		ret = ds_names_put(xa_load(&names->by_id, arg->first), arg);
		if (ret < 0)
			return ret;
		if (!ret)
			break;
		cond_resched();
	}
	return 0;
}

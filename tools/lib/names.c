// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: names and their ids, without a system call for those once seen.
 *
 * A store never takes an id back, so what is known stays true, and there is
 * nothing to invalidate. A hash table leads from names to ids, an array of
 * blocks from ids to names. Both only grow: who adds holds the lock and
 * publishes with a store with release, who looks up loads with acquire.
 */
#include <stdlib.h>

#include "internal.h"

#define NAMES_BUFFER	65536	/* for DOCSTORE_NAMES */

/* Open addressing, never more than half full, so that probing ends. */
struct ds_name_table {
	struct ds_name_table *older;	/* readers may still be in it */
	uint32_t mask;
	uint32_t used;
	_Atomic(struct ds_name_entry *) slots[];
};

static struct ds_name_table *table_new(uint32_t slots)
{
	struct ds_name_table *table;

	table = calloc(1, sizeof(*table) + slots * sizeof(table->slots[0]));
	if (table)
		table->mask = slots - 1;
	return table;
}

int ds_names_init(struct ds_names *names)
{
	struct ds_name_table *table = table_new(64);

	if (!table)
		return -ENOMEM;
	if (pthread_mutex_init(&names->lock, NULL)) {
		free(table);
		return -ENOMEM;
	}
	atomic_init(&names->table, table);
	names->next = 1;
	return 0;
}

void ds_names_destroy(struct ds_names *names)
{
	struct ds_name_table *table = atomic_load_explicit(&names->table,
							   memory_order_relaxed);
	uint32_t i, k;

	while (table) {
		struct ds_name_table *older = table->older;

		free(table);
		table = older;
	}
	for (i = 0; i < DS_NAME_BLOCKS; i++) {
		_Atomic(struct ds_name_entry *) *block;

		block = atomic_load_explicit(&names->blocks[i], memory_order_relaxed);
		if (!block)
			continue;
		for (k = 0; k < DS_NAME_BLOCK; k++)
			free(atomic_load_explicit(&block[k], memory_order_relaxed));
		free(block);
	}
	pthread_mutex_destroy(&names->lock);
}

/* FNV-1a: names are short, few, and not chosen by strangers. */
static uint32_t hash_name(struct ds_str name)
{
	const unsigned char *p = name.data;
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < name.len; i++)
		hash = (hash ^ p[i]) * 16777619u;
	return hash ^ hash >> 16;
}

static bool entry_is(const struct ds_name_entry *entry, uint32_t hash, struct ds_str name)
{
	return entry->hash == hash && entry->len == name.len &&
	       !memcmp(entry->name, name.data, name.len);
}

/* The id of a name that is known, or 0. */
static uint32_t find_id(struct ds_names *names, uint32_t hash, struct ds_str name)
{
	/* Acquire: pairs with the release in table_grow(). */
	struct ds_name_table *table = atomic_load_explicit(&names->table,
							   memory_order_acquire);
	uint32_t i;

	for (i = hash & table->mask;; i = (i + 1) & table->mask) {
		/* Acquire: pairs with the release in table_insert(). */
		struct ds_name_entry *entry =
			atomic_load_explicit(&table->slots[i], memory_order_acquire);

		if (!entry)
			return 0;
		if (entry_is(entry, hash, name))
			return entry->id;
	}
}

static struct ds_name_entry *find_entry(struct ds_names *names, uint32_t id)
{
	_Atomic(struct ds_name_entry *) *block;

	if (!id || id > DOCSTORE_MAX_NAMES)
		return NULL;
	/* Both acquire: pair with the releases in publish(). */
	block = atomic_load_explicit(&names->blocks[id / DS_NAME_BLOCK],
				     memory_order_acquire);
	if (!block)
		return NULL;
	return atomic_load_explicit(&block[id % DS_NAME_BLOCK], memory_order_acquire);
}

static void table_insert(struct ds_name_table *table, struct ds_name_entry *entry)
{
	uint32_t i = entry->hash & table->mask;

	while (atomic_load_explicit(&table->slots[i], memory_order_relaxed))
		i = (i + 1) & table->mask;
	/* Release: what the entry holds is there before it is seen. */
	atomic_store_explicit(&table->slots[i], entry, memory_order_release);
	table->used++;
}

/* Make room for one more; the lock is held. */
static int table_grow(struct ds_names *names)
{
	struct ds_name_table *old = atomic_load_explicit(&names->table,
							 memory_order_relaxed);
	struct ds_name_table *table;
	uint32_t i;

	if (old->used < (old->mask + 1) / 2)
		return 0;
	table = table_new(2 * (old->mask + 1));
	if (!table)
		return -ENOMEM;
	for (i = 0; i <= old->mask; i++) {
		struct ds_name_entry *entry =
			atomic_load_explicit(&old->slots[i], memory_order_relaxed);

		if (entry)
			table_insert(table, entry);
	}
	table->older = old;
	/* Release: the slots are there before the table is seen. */
	atomic_store_explicit(&names->table, table, memory_order_release);
	return 0;
}

/* Remember a name; the lock is held. */
static int publish(struct ds_names *names, struct ds_str name, uint32_t id)
{
	_Atomic(struct ds_name_entry *) *block;
	struct ds_name_entry *entry;
	int err;

	if (!id || id > DOCSTORE_MAX_NAMES || !name.len || name.len > DOCSTORE_MAX_NAME)
		return -EBADMSG;
	entry = find_entry(names, id);
	if (entry)
		return entry_is(entry, hash_name(name), name) ? 0 : -EBADMSG;
	err = table_grow(names);
	if (err)
		return err;
	block = atomic_load_explicit(&names->blocks[id / DS_NAME_BLOCK],
				     memory_order_relaxed);
	if (!block) {
		block = calloc(DS_NAME_BLOCK, sizeof(*block));
		if (!block)
			return -ENOMEM;
		/* Release: the block is empty before it is seen. */
		atomic_store_explicit(&names->blocks[id / DS_NAME_BLOCK], block,
				      memory_order_release);
	}
	entry = malloc(sizeof(*entry) + name.len + 1);
	if (!entry)
		return -ENOMEM;
	entry->id = id;
	entry->hash = hash_name(name);
	entry->len = (uint32_t)name.len;
	memcpy(entry->name, name.data, name.len);
	entry->name[name.len] = '\0';
	/* Release: what the entry holds is there before it is seen. */
	atomic_store_explicit(&block[id % DS_NAME_BLOCK], entry, memory_order_release);
	table_insert(atomic_load_explicit(&names->table, memory_order_relaxed), entry);
	return 0;
}

static int name_check(struct ds_str name)
{
	if (!name.data || !name.len)
		return -EINVAL;
	return name.len > DOCSTORE_MAX_NAME ? -ENAMETOOLONG : 0;
}

/* Ask the kernel for the id of a name: 0, with *@id 0 if it has none. */
static int ask_id(struct ds_store *store, struct ds_str name, bool create, uint32_t *id)
{
	struct docstore_name one = {
		.name = ds_ptr(name.data),
		.len = (__u32)name.len,
	};
	struct docstore_intern arg = {
		.size = sizeof(arg),
		.flags = create ? DOCSTORE_INTERN_CREATE : 0,
		.names = ds_ptr(&one),
		.name_size = sizeof(one),
		.count = 1,
	};
	int err = ds_ioctl(store->fd, DOCSTORE_INTERN, &arg);

	if (err)
		return err;
	*id = one.id;
	if (!one.id)
		return 0;
	pthread_mutex_lock(&store->names->lock);
	err = publish(store->names, name, one.id);
	pthread_mutex_unlock(&store->names->lock);
	return err;
}

/* Names do not cross a multiple of this where they are mapped. */
#define MAPPED_BLOCK	4096

/* Learn the names that are in the mapping and not known yet; lock held. */
static int learn(struct ds_store *store)
{
	struct ds_names *names = store->names;
	struct docstore_name_record record;
	const unsigned char *mapped;
	size_t used = ds_map_names(ds_mapping(store), &mapped);
	int err = 0;

	while (!err && used - names->learnt >= sizeof(record) && names->learnt < used) {
		size_t left = MAPPED_BLOCK - names->learnt % MAPPED_BLOCK;

		memcpy(&record, mapped + names->learnt, sizeof(record));
		if (!record.id) {
			names->learnt += left;
			continue;
		}
		if (record.len > left - sizeof(record) ||
		    record.len > used - names->learnt - sizeof(record))
			return -EBADMSG;
		err = publish(names, ds_mem(mapped + names->learnt + sizeof(record), record.len),
			      record.id);
		if (!err)
			names->learnt += sizeof(record) + ((record.len + 7) & ~(size_t)7);
	}
	return err;
}

/* As find_id(), but that names are known which others have made meanwhile. */
static int find_mapped(struct ds_store *store, struct ds_str name, uint32_t *id)
{
	int err;

	pthread_mutex_lock(&store->names->lock);
	err = learn(store);
	pthread_mutex_unlock(&store->names->lock);
	*id = find_id(store->names, hash_name(name), name);
	return err;
}

DS_PUBLIC int ds_intern(struct ds_store *store, struct ds_str name, uint32_t *id)
{
	int err = name_check(name);

	if (err)
		return err;
	*id = find_id(store->names, hash_name(name), name);
	if (*id)
		return 0;
	err = ask_id(store, name, true, id);
	if (err)
		return err;
	return *id ? 0 : -EBADMSG;
}

DS_PUBLIC int ds_lookup(struct ds_store *store, struct ds_str name, uint32_t *id)
{
	int err = name_check(name);

	if (err)
		return err;
	*id = find_id(store->names, hash_name(name), name);
	if (*id)
		return 0;
	err = ds_mapping(store) ? find_mapped(store, name, id) : ask_id(store, name, false, id);
	if (err)
		return err;
	return *id ? 0 : -ENODATA;
}

/* Fetch names from @names->next on, until @id is among them; lock held. */
static int fetch_names(struct ds_store *store, uint32_t id)
{
	struct ds_names *names = store->names;
	struct docstore_names arg = {
		.size = sizeof(arg),
		.buffer_len = NAMES_BUFFER,
	};
	char *buffer = malloc(NAMES_BUFFER);
	int err = 0;

	if (!buffer)
		return -ENOMEM;
	arg.buffer = ds_ptr(buffer);
	while (!err && !find_entry(names, id)) {
		size_t at = 0;
		uint32_t i;

		arg.first = names->next;
		err = ds_ioctl(store->fd, DOCSTORE_NAMES, &arg);
		if (err)
			break;
		if (!arg.count) {
			err = -EINVAL;
			break;
		}
		if (arg.used > NAMES_BUFFER || arg.first <= names->next) {
			err = -EBADMSG;
			break;
		}
		for (i = 0; i < arg.count; i++) {
			struct docstore_name_record record;

			if (at > arg.used || arg.used - at < sizeof(record))
				err = -EBADMSG;
			if (err)
				break;
			memcpy(&record, buffer + at, sizeof(record));
			at += sizeof(record);
			if (record.len > arg.used - at) {
				err = -EBADMSG;
				break;
			}
			err = publish(names, ds_mem(buffer + at, record.len), record.id);
			at += (record.len + 7) & ~(size_t)7;
		}
		if (!err)
			names->next = arg.first;
	}
	free(buffer);
	return err;
}

DS_PUBLIC int ds_name(struct ds_store *store, uint32_t id, struct ds_str *name)
{
	struct ds_name_entry *entry = find_entry(store->names, id);

	if (!entry) {
		int err;

		if (!id || id > DOCSTORE_MAX_NAMES)
			return -EINVAL;
		pthread_mutex_lock(&store->names->lock);
		err = ds_mapping(store) ? learn(store) : fetch_names(store, id);
		pthread_mutex_unlock(&store->names->lock);
		if (err)
			return err;
		entry = find_entry(store->names, id);
		if (!entry)
			return -EINVAL;
	}
	*name = ds_mem(entry->name, entry->len);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Stores: the table of their names, their life, and what they have counted.
 *
 * Locks: ds_stores_lock holds the table. Under it directories of sysfs are added and
 * removed, work is queued, and who shows all stores takes, for each, what its parts are
 * under: pins_lock, and spinlocks.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>
#include <linux/wait_bit.h>

#include "check.h"
#include "backlog.h"
#include "config.h"
#include "contention.h"
#include "memory.h"
#include "owner.h"
#include "session.h"
#include "snapshot.h"
#include "store.h"
#include "sysfs.h"

static LIST_HEAD(ds_stores);
static DEFINE_MUTEX(ds_stores_lock);
static u32 ds_stores_number;
static u64 ds_stores_incarnation;

/* Stores that exist, with those that were removed but are still in use. */
static atomic_t ds_stores_alive = ATOMIC_INIT(0);

/**
 * ds_store_charge() - count memory against a store's limit
 * @store: the store
 * @bytes: how much
 *
 * Return: false if the limit does not allow it; then nothing was counted.
 */
bool ds_store_charge(struct ds_store *store, size_t bytes)
{
	s64 before = atomic64_read(&store->bytes);

	/* Not for a moment more than the limit, which somebody might see. */
	do {
		if (before + bytes > store->max_bytes)
			return false;
	} while (!atomic64_try_cmpxchg(&store->bytes, &before, before + bytes));
	return true;
}

/**
 * ds_store_uncharge() - count memory off
 * @store: the store
 * @bytes: how much
 */
void ds_store_uncharge(struct ds_store *store, size_t bytes)
{
	atomic64_sub(bytes, &store->bytes);
}

/* What a partition takes before it has any documents. */
static size_t ds_owned_bytes(u32 max_chunks)
{
	return PAGE_ALIGN(sizeof(struct ds_owned)) + PAGE_SIZE +
	       2 * PAGE_ALIGN(max_chunks * sizeof(struct ds_chunk *));
}

static void ds_owned_destroy(struct ds_owned *owned)
{
	if (!owned)
		return;
	if (owned->holds_module)
		module_put(THIS_MODULE);
	ds_memory_release(owned);
	ds_backlog_destroy(owned);
	free_page((unsigned long)owned->partition.map);
	kvfree(owned->chunks);
	kvfree(owned->backing);
	kvfree(owned);
}

static struct ds_owned *ds_owned_create(struct ds_store *store, u32 number, u32 max_chunks)
{
	struct docstore_map_partition *map;
	struct ds_owned *owned;

	owned = kvzalloc_obj(*owned, GFP_KERNEL_ACCOUNT);
	if (!owned)
		return NULL;
	map = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	owned->chunks = kvzalloc_objs(*owned->chunks, max_chunks, GFP_KERNEL_ACCOUNT);
	owned->backing = kvzalloc_objs(*owned->backing, max_chunks, GFP_KERNEL_ACCOUNT);
	if (!map || !owned->chunks || !owned->backing) {
		free_page((unsigned long)map);
		kvfree(owned->chunks);
		kvfree(owned->backing);
		kvfree(owned);
		return NULL;
	}
	owned->store = store;
	owned->number = number;
	mutex_init(&owned->memory_lock);
	init_rwsem(&owned->map_lock);
	ds_partition_init(&owned->partition, map, owned->chunks, max_chunks, store->key,
			  &store->past, number);
	store->past.partitions[number] = &owned->partition;
	ds_owner_prepare(owned);
	return owned;
}

static void ds_store_free(struct ds_store *store)
{
	u32 i;

	for (i = 0; i < store->npartitions; i++)
		ds_owned_destroy(store->owned[i]);
	ds_pins_destroy(store);
	free_percpu(store->stats);
	ds_config_destroy(store);
	ds_map_destroy(store);
	ds_names_destroy(&store->names);
	kvfree(store);
	if (atomic_dec_and_test(&ds_stores_alive))
		wake_up_var(&ds_stores_alive);
}

static void ds_store_release(struct kref *ref)
{
	ds_store_free(container_of(ref, struct ds_store, ref));
}

/**
 * ds_store_put() - let go of a store
 * @store: the store
 *
 * Context: may sleep.
 */
void ds_store_put(struct ds_store *store)
{
	kref_put(&store->ref, ds_store_release);
}

/* What still goes on in a store that was removed need not be waited for. */
static void ds_store_rest(struct ds_store *store)
{
	u32 i;

	ds_checker_rest(store);
	for (i = 0; i < store->npartitions; i++)
		ds_owner_rest(store->owned[i]);
}

/**
 * ds_store_close() - let go of a store that was open
 * @store: the store
 *
 * Context: may sleep.
 */
void ds_store_close(struct ds_store *store)
{
	if (READ_ONCE(store->removed))
		ds_store_rest(store);
	ds_store_put(store);
}

static u64 ds_store_default_bytes(void)
{
	return div_u64((u64)totalram_pages() << PAGE_SHIFT, 100) *
	       ds_config_module(DOCSTORE_SETTING_MEMORY_PERCENT);
}

static u32 ds_store_max_chunks(u64 max_bytes)
{
	return min_t(u64, div_u64(max_bytes, DOCSTORE_MAP_CHUNK_SIZE), DS_ARENA_MAX_CHUNKS);
}

/*
 * The least that a store with so many partitions can do with: the page with which its
 * mapping begins, and a piece for each partition.
 */
static u64 ds_store_min_bytes(u32 partitions, u64 max_bytes)
{
	return PAGE_SIZE + (u64)partitions *
	       (ds_memory_piece() + ds_owned_bytes(ds_store_max_chunks(max_bytes)));
}

/*
 * How many partitions and how much memory a store gets: what the caller asks
 * for, or one for each CPU as far as the memory goes.
 */
static int ds_store_measure(const struct docstore_store_create *arg, u32 *partitions,
			    u64 *max_bytes)
{
	u32 n = min_t(u32, num_online_cpus(), DOCSTORE_MAX_PARTITIONS);

	*max_bytes = arg->max_bytes ?: ds_store_default_bytes();
	if (arg->partitions)
		n = arg->partitions;
	else
		while (n > 1 && *max_bytes < ds_store_min_bytes(n, *max_bytes))
			n--;
	*partitions = n;
	return *max_bytes < ds_store_min_bytes(n, *max_bytes) ? -EINVAL : 0;
}

static struct ds_store *ds_store_alloc(const struct docstore_store_create *arg)
{
	struct ds_store *store;
	u32 max_chunks, n, i;
	u64 max_bytes;
	int err;

	err = ds_store_measure(arg, &n, &max_bytes);
	if (err)
		return ERR_PTR(err);
	max_chunks = ds_store_max_chunks(max_bytes);
	store = kvzalloc_flex(*store, owned, n, GFP_KERNEL_ACCOUNT);
	if (!store)
		return ERR_PTR(-ENOMEM);
	if (ds_names_init(&store->names)) {
		kvfree(store);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&store->ref);
	INIT_LIST_HEAD(&store->node);
	strscpy(store->name, arg->name, sizeof(store->name));
	store->uid = current_fsuid();
	store->gid = current_fsgid();
	store->mode = arg->mode;
	store->npartitions = n;
	store->max_bytes = max_bytes;
	store->created = ktime_get_real_ns();
	get_random_bytes(store->key, sizeof(store->key));
	atomic64_set(&store->bytes, ds_store_min_bytes(n, max_bytes));
	atomic_inc(&ds_stores_alive);

	ds_coordinator_init(&store->coordinator);
	ds_checker_prepare(store);
	ds_streams_prepare(&store->streams);
	if (ds_map_create(store, max_chunks) || ds_pins_init(store))
		goto err;
	store->stats = alloc_percpu_gfp(struct ds_store_stats, GFP_KERNEL_ACCOUNT);
	if (!store->stats)
		goto err;
	for (i = 0; i < n; i++) {
		store->owned[i] = ds_owned_create(store, i, max_chunks);
		if (!store->owned[i])
			goto err;
	}
	return store;
err:
	ds_store_put(store);
	return ERR_PTR(-ENOMEM);
}

static struct ds_store *ds_stores_lookup(const char *name)
{
	struct ds_store *store;

	lockdep_assert_held(&ds_stores_lock);
	list_for_each_entry(store, &ds_stores, node)
		if (!strcmp(store->name, name))
			return store;
	return NULL;
}

/**
 * ds_store_find() - a store by its name
 * @name: the name
 *
 * Return: the store, which the caller holds now, or NULL.
 */
struct ds_store *ds_store_find(const char *name)
{
	struct ds_store *store;

	ds_contention_mutex_lock(&ds_stores_lock, DS_PLACE_STORES);
	store = ds_stores_lookup(name);
	if (store)
		ds_store_get(store);
	mutex_unlock(&ds_stores_lock);
	return store;
}

/* Put a store that is complete into the table. */
static int ds_stores_insert(struct ds_store *store)
{
	int err = 0;

	ds_contention_mutex_lock(&ds_stores_lock, DS_PLACE_STORES);
	if (ds_stores_lookup(store->name)) {
		err = -EEXIST;
	} else if (ds_stores_number >= ds_config_module(DOCSTORE_SETTING_MAX_STORES)) {
		err = -ENOSPC;
	} else {
		store->incarnation = ++ds_stores_incarnation;
		store->map.head->incarnation = store->incarnation;
		err = ds_sysfs_add(store);
	}
	if (!err) {
		list_add_tail(&store->node, &ds_stores);
		ds_stores_number++;
		/* Later changes of the module's settings go to all that are in the table. */
		ds_store_configured(store);
		/* The table holds it, for as long as the lock is held at least. */
		ds_checker_begin(store);
	}
	mutex_unlock(&ds_stores_lock);
	return err;
}

/**
 * ds_store_create() - make a store and give it a name
 * @arg: what the caller asks for, with a name that was checked
 *
 * Return: 0, -EEXIST, -EINVAL, -ENOMEM or -ENOSPC.
 */
int ds_store_create(const struct docstore_store_create *arg)
{
	struct ds_store *store = ds_store_alloc(arg);
	int err;

	if (IS_ERR(store))
		return PTR_ERR(store);
	err = ds_stores_insert(store);
	if (err)
		ds_store_put(store);
	return err;
}

/**
 * ds_store_remove() - take a store's name away
 * @name: the name
 *
 * Return: 0, -ENOENT or -EPERM.
 */
int ds_store_remove(const char *name)
{
	struct ds_store *store;
	int err = 0;

	ds_contention_mutex_lock(&ds_stores_lock, DS_PLACE_STORES);
	store = ds_stores_lookup(name);
	if (!store)
		err = -ENOENT;
	else if (!uid_eq(current_fsuid(), store->uid) && !capable(CAP_SYS_ADMIN))
		err = -EPERM;
	if (!err) {
		list_del(&store->node);
		ds_stores_number--;
		ds_sysfs_remove(store);
		/* Pairs with ds_stream_removed(), who looks for changes behind it. */
		smp_store_release(&store->removed, true);
		ds_map_removed(store);
	}
	mutex_unlock(&ds_stores_lock);
	if (err)
		return err;
	/* Pairs with ds_stream_arm(): who waits has seen @removed, or is seen to wait. */
	smp_mb();
	ds_store_published(store);
	ds_store_close(store);
	return 0;
}

/**
 * ds_store_permission() - may the caller open a store
 * @store: the store
 * @want: enum docstore_open_flags
 *
 * Return: 0 or -EACCES.
 */
int ds_store_permission(const struct ds_store *store, u32 want)
{
	u32 mode = store->mode;
	u32 mask = 0;

	if (want & DOCSTORE_OPEN_READ)
		mask |= 04;
	if (want & DOCSTORE_OPEN_WRITE)
		mask |= 02;
	if (uid_eq(current_fsuid(), store->uid))
		mode >>= 6;
	else if (in_group_p(store->gid))
		mode >>= 3;
	if ((mode & mask) == mask || capable(CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

/**
 * ds_store_fill_info() - what there is to say about a store
 * @store: the store
 * @info: where to say it; @size stays as it is
 */
void ds_store_fill_info(struct ds_store *store, struct docstore_store_info *info)
{
	struct docstore_counters c;
	u32 size = info->size;
	u32 i;

	ds_stats_sum(store, &c);
	*info = (struct docstore_store_info){
		.size = size,
		.incarnation = store->incarnation,
		.created = store->created,
		.uid = from_kuid_munged(current_user_ns(), store->uid),
		.gid = from_kgid_munged(current_user_ns(), store->gid),
		.mode = store->mode,
		.partitions = store->npartitions,
		.max_bytes = store->max_bytes,
		.bytes = c.bytes,
		.bytes_used = c.bytes_used,
		.bytes_retired = c.bytes_retired,
		.documents = c.documents,
		.names = READ_ONCE(store->names.count),
		.commits = c.commits,
		.batches = c.batches,
		.batches_failed = c.batches_failed,
		.changes = c.changes,
		.reads = c.reads,
		.scanned = c.scanned,
		.map_size = store->map.head->size,
		.lent = c.lent,
		.polled = c.polled,
		.slept = c.slept,
	};
	strscpy(info->name, store->name, sizeof(info->name));

	for (i = 0; i < store->npartitions; i++) {
		const struct ds_partition *p = &store->owned[i]->partition;

		info->bytes_index += READ_ONCE(p->index.bytes);
		info->bytes_documents += READ_ONCE(p->stats.document_bytes);
		info->bytes_snapshots += READ_ONCE(p->stats.past_bytes);
	}
}

/**
 * ds_stores_next() - the next store in the order of creation
 * @after: incarnation of the last one, 0 to begin
 * @info: what there is to say about it; its size is set
 *
 * Return: its incarnation, or 0 if there is none.
 */
u64 ds_stores_next(u64 after, struct docstore_store_info *info)
{
	struct ds_store *store;
	u64 found = 0;

	ds_contention_mutex_lock(&ds_stores_lock, DS_PLACE_STORES);
	list_for_each_entry(store, &ds_stores, node) {
		if (store->incarnation <= after)
			continue;
		ds_store_fill_info(store, info);
		found = store->incarnation;
		break;
	}
	mutex_unlock(&ds_stores_lock);
	return found;
}

/**
 * ds_stores_count() - how many stores there are
 *
 * Return: their number.
 */
u32 ds_stores_count(void)
{
	return READ_ONCE(ds_stores_number);
}

/**
 * ds_stores_max() - how many stores there may be
 *
 * Return: their number.
 */
u32 ds_stores_max(void)
{
	return ds_config_module(DOCSTORE_SETTING_MAX_STORES);
}

/**
 * ds_stores_stuck() - the watchdog has reported a request
 * @incarnation: of its store
 */
void ds_stores_stuck(u64 incarnation)
{
	struct ds_store *store;

	ds_contention_mutex_lock(&ds_stores_lock, DS_PLACE_STORES);
	list_for_each_entry(store, &ds_stores, node)
		if (store->incarnation == incarnation)
			this_cpu_inc(store->stats->stuck);
	mutex_unlock(&ds_stores_lock);
}

/**
 * ds_stores_each() - go through all stores that have a name
 * @fn: called for each; may sleep, and may not ask for stores
 * @private: for @fn
 *
 * Return: 0, or what @fn returned when it was not 0, which ends it.
 */
int ds_stores_each(int (*fn)(struct ds_store *store, void *private), void *private)
{
	struct ds_store *store;
	int ret = 0;

	ds_contention_mutex_lock(&ds_stores_lock, DS_PLACE_STORES);
	list_for_each_entry(store, &ds_stores, node) {
		ret = fn(store, private);
		if (ret)
			break;
	}
	mutex_unlock(&ds_stores_lock);
	return ret;
}

/**
 * ds_store_configured() - the settings of a store have changed
 * @store: the store
 */
void ds_store_configured(struct ds_store *store)
{
	u64 hot = ds_config_of(store, DOCSTORE_SETTING_HOT_CHANGES);
	u32 i;

	for (i = 0; i < store->npartitions; i++)
		WRITE_ONCE(store->owned[i]->partition.hot, hot);
}

/**
 * ds_stores_configured() - the settings of the module have changed
 */
void ds_stores_configured(void)
{
	struct ds_store *store;

	ds_contention_mutex_lock(&ds_stores_lock, DS_PLACE_STORES);
	list_for_each_entry(store, &ds_stores, node)
		ds_store_configured(store);
	mutex_unlock(&ds_stores_lock);
	ds_sessions_more();
}

/**
 * ds_stores_init() - make the default store
 *
 * Return: 0 or a negative errno.
 */
int ds_stores_init(void)
{
	const struct docstore_store_create arg = {
		.mode = 0666,
		.name = "default",
	};

	return ds_store_create(&arg);
}

/**
 * ds_stores_exit() - remove all stores, and wait until they are gone
 *
 * They hold no documents, and nobody has them open, or the module could not be
 * unloaded. Owners may still be cleaning up.
 */
void ds_stores_exit(void)
{
	struct ds_store *store, *next;
	LIST_HEAD(stores);

	ds_contention_mutex_lock(&ds_stores_lock, DS_PLACE_STORES);
	list_splice_init(&ds_stores, &stores);
	ds_stores_number = 0;
	list_for_each_entry(store, &stores, node)
		ds_sysfs_remove(store);
	mutex_unlock(&ds_stores_lock);
	list_for_each_entry_safe(store, next, &stores, node) {
		list_del(&store->node);
		/* Before that; see ds_checker_later(). */
		WRITE_ONCE(store->removed, true);
		ds_store_rest(store);
		ds_store_put(store);
	}
	wait_var_event(&ds_stores_alive, !atomic_read(&ds_stores_alive));
}

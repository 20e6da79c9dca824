// SPDX-License-Identifier: GPL-2.0
/*
 * The backlogs of a store.
 *
 * A store that nobody watches has none. With its first stream each partition gets one,
 * and keeps it for as long as the store is there: tokens must find what happened while
 * nobody was listening.
 */
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "backlog.h"
#include "config.h"
#include "owner.h"
#include "store.h"

/**
 * struct ds_backlog_memory - a backlog and its memory
 * @log: the backlog
 * @added: for it
 * @count: pages
 * @page: the pages, twice, as they are mapped
 */
struct ds_backlog_memory {
	struct ds_backlog log;
	u64 added[DS_BACKLOG_NAMES];
	u32 count;
	struct page *page[];
};

static size_t ds_backlog_bytes(u32 size)
{
	struct ds_backlog_memory *memory;

	return PAGE_ALIGN(struct_size(memory, page, 2 * (size >> PAGE_SHIFT))) + size;
}

static void ds_backlog_free(struct ds_backlog_memory *memory)
{
	u32 i;

	if (!memory)
		return;
	vunmap(memory->log.data);
	for (i = 0; i < memory->count; i++)
		__free_page(memory->page[i]);
	kvfree(memory);
}

static struct ds_backlog_memory *ds_backlog_alloc(u32 size, u32 partition)
{
	u32 count = size >> PAGE_SHIFT;
	struct ds_backlog_memory *memory;
	void *data;

	memory = kvzalloc(struct_size(memory, page, 2 * count), GFP_KERNEL_ACCOUNT);
	if (!memory)
		return NULL;
	for (; memory->count < count; memory->count++) {
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);

		if (!page)
			goto err;
		memory->page[memory->count] = page;
		memory->page[count + memory->count] = page;
	}
	/* Twice, so that a record that goes over the end lies in one piece. */
	data = vmap(memory->page, 2 * count, VM_MAP, PAGE_KERNEL);
	if (!data)
		goto err;
	ds_backlog_init(&memory->log, data, size, memory->added, partition);
	return memory;
err:
	ds_backlog_free(memory);
	return NULL;
}

/* Context: the owner, between commits: all of a commit is in the backlog, or nothing. */
static void ds_backlog_visit(struct ds_owned *owned, void *log)
{
	/* Pairs with who finds that there are backlogs, by way of @begun. */
	smp_store_release(&owned->partition.backlog, log);
}

static int ds_backlog_begin(struct ds_owned *owned, u32 size)
{
	struct ds_store *store = owned->store;
	struct ds_backlog_memory *memory;
	int err;

	if (owned->partition.backlog)
		return 0;
	if (!ds_store_charge(store, ds_backlog_bytes(size)))
		return -ENOSPC;
	memory = ds_backlog_alloc(size, owned->number);
	err = memory ? ds_owner_visit(owned, ds_backlog_visit, &memory->log) : -ENOMEM;
	if (err) {
		ds_backlog_free(memory);
		ds_store_uncharge(store, ds_backlog_bytes(size));
	}
	return err;
}

/**
 * ds_backlogs_begin() - see to it that a store has backlogs
 * @store: the store, which the caller holds
 *
 * What is made stays, also when the rest fails.
 *
 * Context: may sleep.
 * Return: 0, -EINTR, -ENOMEM or -ENOSPC.
 */
int ds_backlogs_begin(struct ds_store *store)
{
	u32 size = roundup_pow_of_two(ds_config_of(store, DOCSTORE_SETTING_BACKLOG_BYTES));
	struct ds_streams *streams = &store->streams;
	int err = 0;
	u32 i;

	/* Pairs with the store below. */
	if (smp_load_acquire(&streams->begun))
		return 0;
	if (mutex_lock_interruptible(&streams->begin_lock))
		return -EINTR;
	for (i = 0; i < store->npartitions && !err; i++)
		err = ds_backlog_begin(store->owned[i], size);
	if (!err) {
		/* All partitions have one; pairs with the load above. */
		smp_store_release(&streams->begun, true);
	}
	mutex_unlock(&streams->begin_lock);
	return err;
}

/**
 * ds_backlog_destroy() - free a partition's backlog
 * @owned: the partition, of a store that nobody uses any more
 */
void ds_backlog_destroy(struct ds_owned *owned)
{
	if (owned->partition.backlog)
		ds_backlog_free(container_of(owned->partition.backlog, struct ds_backlog_memory,
					     log));
}

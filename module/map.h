/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The read-only mapping of a store.
 */
#ifndef _DOCSTORE_MAP_H
#define _DOCSTORE_MAP_H

#include <linux/rwsem.h>
#include <linux/types.h>

struct ds_chunk;
struct ds_owned;
struct ds_store;
struct file;
struct inode;
struct vm_area_struct;

/**
 * struct ds_map - what a store is mapped with
 * @inode: whose address space knows all mappings of the store
 * @head: the first page, which says where the rest is
 * @names_lock: held by page faults that look for a page of names, and by who has
 *	added one
 */
struct ds_map {
	struct inode *inode;
	struct docstore_map_store *head;
	struct rw_semaphore names_lock;
};

int ds_map_create(struct ds_store *store, u32 max_chunks);
void ds_map_destroy(struct ds_store *store);
void ds_map_removed(struct ds_store *store);

void ds_map_show_chunk(struct ds_owned *owned, struct ds_chunk *chunk);
void ds_map_hide_chunk(struct ds_owned *owned, struct ds_chunk *chunk);

void ds_map_show_names(struct ds_store *store, u32 number);

int ds_map_mmap(struct ds_store *store, struct vm_area_struct *vma);
struct file *ds_map_file(struct ds_store *store, u64 snapshot,
			 const struct file_operations *fops, void *private, int flags);

int ds_maps_init(void);
void ds_maps_exit(void);

#endif /* _DOCSTORE_MAP_H */

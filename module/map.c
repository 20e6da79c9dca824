// SPDX-License-Identifier: GPL-2.0
/*
 * The read-only mapping of a store.
 *
 * All files of a store share one inode, and so one address space, in which all
 * mappings of the store can be found: what an arena gives back has to be taken
 * out of all of them before it is freed. Pages are mapped by their numbers and
 * hold no references, when they are touched first.
 *
 * An arena may have gaps, and a reader may follow an offset into what has become
 * one meanwhile: it sees zeros, and notices by the era that it was too slow.
 *
 * Locks: @map_lock of a partition and @names_lock are taken by page faults, under
 * mmap_lock, and i_mmap_rwsem is taken under them. Page tables are allocated under
 * them, so memory reclaim must not take them.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/rwsem.h>
#include <linux/vmalloc.h>

#include <linux/docstore_map.h>

#include "map.h"
#include "names.h"
#include "store.h"

/* Pages that are mapped at once, where a huge page can't be. */
#define DS_MAP_AROUND	16

static struct vfsmount *ds_maps_mount;

static vm_fault_t ds_map_insert_page(struct vm_fault *vmf, const void *page)
{
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(page ? virt_to_page(page) : ZERO_PAGE(0)));
}

static unsigned long ds_chunk_pfn(const struct ds_chunk *chunk, u32 page)
{
	struct page *first = chunk->private;

	if (first)
		return page_to_pfn(first) + page;
	return vmalloc_to_pfn(chunk->base + ((size_t)page << PAGE_SHIFT));
}

/*
 * All of a chunk by one entry, if it is in one piece and lies right. Not by
 * huge_fault(): kernels before 6.7 don't call it for a VM_PFNMAP area.
 */
static bool ds_map_insert_huge(struct vm_fault *vmf, const struct ds_chunk *chunk)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	struct vm_area_struct *vma = vmf->vma;
	unsigned long begin = ALIGN_DOWN(vmf->address, DOCSTORE_MAP_CHUNK_SIZE);
	unsigned long pages = DOCSTORE_MAP_CHUNK_SIZE >> PAGE_SHIFT;

	if (!has_transparent_hugepage() || pages != HPAGE_PMD_NR ||
	    !chunk->private || !pmd_none(READ_ONCE(*vmf->pmd)) || begin < vma->vm_start ||
	    begin + DOCSTORE_MAP_CHUNK_SIZE > vma->vm_end ||
	    (vma->vm_pgoff - (vma->vm_start >> PAGE_SHIFT)) % pages)
		return false;
	return vmf_insert_pfn_pmd(vmf, ds_chunk_pfn(chunk, 0), false) == VM_FAULT_NOPAGE;
#else
	return false;
#endif
}

/* A page of a chunk, and its neighbours. */
static vm_fault_t ds_map_insert_around(struct vm_fault *vmf, const struct ds_chunk *chunk, u32 page)
{
	struct vm_area_struct *vma = vmf->vma;
	u32 pages = DOCSTORE_MAP_CHUNK_SIZE >> PAGE_SHIFT;
	u32 begin = ALIGN_DOWN(page, DS_MAP_AROUND), i;
	vm_fault_t ret;

	ret = vmf_insert_pfn(vma, vmf->address, ds_chunk_pfn(chunk, page));
	if (ret != VM_FAULT_NOPAGE)
		return ret;
	for (i = begin; i < min(begin + DS_MAP_AROUND, pages); i++) {
		unsigned long at = vmf->address + ((long)i - page) * PAGE_SIZE;

		if (i == page || at < vma->vm_start || at >= vma->vm_end)
			continue;
		/* The one that was asked for is there, whatever becomes of the others. */
		if (vmf_insert_pfn(vma, at, ds_chunk_pfn(chunk, i)) != VM_FAULT_NOPAGE)
			break;
	}
	return VM_FAULT_NOPAGE;
}

static vm_fault_t ds_map_fault_arena(struct vm_fault *vmf, struct ds_owned *owned, u64 offset)
{
	u32 number = offset >> DOCSTORE_MAP_CHUNK_SHIFT;
	u32 page = (offset & (DOCSTORE_MAP_CHUNK_SIZE - 1)) >> PAGE_SHIFT;
	const struct ds_chunk *chunk;
	vm_fault_t ret;

	down_read(&owned->map_lock);
	chunk = owned->backing[number];
	if (!chunk) {
		/* To be taken out again when there is something; see below. */
		WRITE_ONCE(owned->map_gaps, true);
		ret = ds_map_insert_page(vmf, NULL);
	} else if (ds_map_insert_huge(vmf, chunk)) {
		ret = VM_FAULT_NOPAGE;
	} else {
		ret = ds_map_insert_around(vmf, chunk, page);
	}
	up_read(&owned->map_lock);
	return ret;
}

static vm_fault_t ds_map_fault_names(struct vm_fault *vmf, struct ds_store *store, u64 offset)
{
	vm_fault_t ret;

	down_read(&store->map.names_lock);
	ret = ds_map_insert_page(vmf, ds_names_page(&store->names, offset >> PAGE_SHIFT));
	up_read(&store->map.names_lock);
	return ret;
}

static vm_fault_t ds_map_fault(struct vm_fault *vmf)
{
	struct ds_store *store = vmf->vma->vm_private_data;
	const struct docstore_map_store *head = store->map.head;
	u64 offset = (u64)vmf->pgoff << PAGE_SHIFT;
	u64 part;
	u32 i;

	if (offset >= head->size)
		return VM_FAULT_SIGBUS;
	if (offset >= head->arenas_offset) {
		i = div64_u64_rem(offset - head->arenas_offset, head->arena_stride, &part);
		return ds_map_fault_arena(vmf, store->owned[i], part);
	}
	if (offset >= head->names_offset)
		return ds_map_fault_names(vmf, store, offset - head->names_offset);
	if (offset >= head->partitions_offset) {
		i = (offset - head->partitions_offset) >> PAGE_SHIFT;
		return ds_map_insert_page(vmf, i < store->npartitions ?
						       store->owned[i]->partition.map : NULL);
	}
	return ds_map_insert_page(vmf, offset ? NULL : head);
}

static const struct vm_operations_struct ds_map_vm_ops = {
	.fault = ds_map_fault,
};

/**
 * ds_map_mmap() - map a store, or a part of it
 * @store: the store, which the mapped file holds
 * @vma: where to
 *
 * Return: 0, -EACCES, -EINVAL or -ENXIO.
 */
int ds_map_mmap(struct ds_store *store, struct vm_area_struct *vma)
{
	u64 pages = store->map.head->size >> PAGE_SHIFT;

	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EACCES;
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_pgoff > pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return -ENXIO;
	/* Nor by mprotect() later. */
	vm_flags_mod(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYWRITE | VM_MAYEXEC);
	vma->vm_private_data = store;
	vma->vm_ops = &ds_map_vm_ops;
	return 0;
}

static void ds_map_zap_chunk(struct ds_owned *owned, u32 number)
{
	struct ds_map *map = &owned->store->map;
	u64 offset = map->head->arenas_offset + owned->number * map->head->arena_stride +
		     ((u64)number << DOCSTORE_MAP_CHUNK_SHIFT);

	lockdep_assert_held_write(&owned->map_lock);
	unmap_mapping_range(map->inode->i_mapping, offset, DOCSTORE_MAP_CHUNK_SIZE, 0);
}

/**
 * ds_map_show_chunk() - let mappings have a chunk
 * @owned: the partition
 * @chunk: the chunk, before the arena gets it
 *
 * Context: may sleep.
 */
void ds_map_show_chunk(struct ds_owned *owned, struct ds_chunk *chunk)
{
	down_write(&owned->map_lock);
	owned->backing[chunk->index] = chunk;
	/* Zeros may be mapped there. */
	if (owned->map_gaps)
		ds_map_zap_chunk(owned, chunk->index);
	up_write(&owned->map_lock);
}

/**
 * ds_map_hide_chunk() - take a chunk out of all mappings
 * @owned: the partition
 * @chunk: the chunk, which the arena has given back
 *
 * Context: may sleep.
 */
void ds_map_hide_chunk(struct ds_owned *owned, struct ds_chunk *chunk)
{
	down_write(&owned->map_lock);
	owned->backing[chunk->index] = NULL;
	ds_map_zap_chunk(owned, chunk->index);
	up_write(&owned->map_lock);
}

/**
 * ds_map_show_names() - let mappings have a page of names
 * @store: the store
 * @number: the page's number, which ds_names_page() finds by now
 *
 * Context: may sleep.
 */
void ds_map_show_names(struct ds_store *store, u32 number)
{
	struct ds_map *map = &store->map;

	/* A fault that has not found it is over then, and its zeros go. */
	down_write(&map->names_lock);
	unmap_mapping_range(map->inode->i_mapping,
			    map->head->names_offset + ((u64)number << PAGE_SHIFT), PAGE_SIZE, 0);
	up_write(&map->names_lock);
}

/**
 * ds_map_create() - lay a store's mapping out
 * @store: a store with its key and its number of partitions
 * @max_chunks: of each of its arenas
 *
 * Return: 0 or -ENOMEM.
 */
int ds_map_create(struct ds_store *store, u32 max_chunks)
{
	struct docstore_map_store *head = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	struct inode *inode;

	BUILD_BUG_ON(sizeof(*head) > PAGE_SIZE);
	if (!head)
		return -ENOMEM;
	inode = alloc_anon_inode(ds_maps_mount->mnt_sb);
	if (IS_ERR(inode)) {
		free_page((unsigned long)head);
		return PTR_ERR(inode);
	}
	store->map.inode = inode;
	store->map.head = head;
	init_rwsem(&store->map.names_lock);

	memcpy(head->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE);
	head->layout = DOCSTORE_MAP_LAYOUT;
	head->partitions = store->npartitions;
	memcpy(head->key, store->key, sizeof(head->key));
	head->partitions_offset = PAGE_SIZE;
	head->partition_stride = PAGE_SIZE;
	head->names_offset = head->partitions_offset + head->partitions * head->partition_stride;
	head->names_size = DS_NAMES_BYTES;
	head->arenas_offset = ALIGN(head->names_offset + head->names_size, DOCSTORE_MAP_CHUNK_SIZE);
	head->arena_stride = (u64)max_chunks << DOCSTORE_MAP_CHUNK_SHIFT;
	head->size = head->arenas_offset + head->partitions * head->arena_stride;
	return 0;
}

/**
 * ds_map_destroy() - free what ds_map_create() made
 * @store: the store, which is mapped nowhere
 */
void ds_map_destroy(struct ds_store *store)
{
	if (!store->map.inode)
		return;
	iput(store->map.inode);
	free_page((unsigned long)store->map.head);
}

/**
 * ds_map_removed() - tell readers that the store has lost its name
 * @store: the store
 */
void ds_map_removed(struct ds_store *store)
{
	WRITE_ONCE(store->map.head->state, DOCSTORE_MAP_REMOVED);
}

/**
 * ds_map_file() - a file of a store or of a snapshot, which can be mapped
 * @store: the store
 * @snapshot: number of the snapshot, 0 for the store itself
 * @fops: what the file can do
 * @private: its private data
 * @flags: as for open(2)
 *
 * Return: the file or an error pointer.
 */
struct file *ds_map_file(struct ds_store *store, u64 snapshot,
			 const struct file_operations *fops, void *private, int flags)
{
	char name[sizeof("docstore:@18446744073709551615") + DOCSTORE_STORE_NAME_SIZE];
	struct file *file;

	if (snapshot)
		snprintf(name, sizeof(name), "docstore:%s@%llu", store->name, snapshot);
	else
		snprintf(name, sizeof(name), "docstore:%s", store->name);
	fops = fops_get(fops);
	ihold(store->map.inode);
	file = alloc_file_pseudo(store->map.inode, ds_maps_mount, name, flags, fops);
	if (IS_ERR(file)) {
		iput(store->map.inode);
		fops_put(fops);
		return file;
	}
	file->private_data = private;
	return file;
}

static int ds_maps_init_fs_context(struct fs_context *fc)
{
	/* "docs" */
	struct pseudo_fs_context *ctx = init_pseudo(fc, 0x646f6373);

	if (!ctx)
		return -ENOMEM;
	fc->s_iflags |= SB_I_NOEXEC | SB_I_NODEV;
	return 0;
}

/* No owner: the module would hold itself. It unmounts this when it goes. */
static struct file_system_type ds_maps_type = {
	.name = "docstore",
	.init_fs_context = ds_maps_init_fs_context,
	.kill_sb = kill_anon_super,
};

/**
 * ds_maps_init() - make the file system, for us alone, in which files of stores are
 *
 * Return: 0 or a negative errno.
 */
int ds_maps_init(void)
{
	ds_maps_mount = kern_mount(&ds_maps_type);
	return PTR_ERR_OR_ZERO(ds_maps_mount);
}

/**
 * ds_maps_exit() - undo it
 */
void ds_maps_exit(void)
{
	kern_unmount(ds_maps_mount);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libdocstore: what its files share. */
#ifndef LIBDOCSTORE_INTERNAL_H
#define LIBDOCSTORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "libdocstore.h"
#include "libdocstore_stream.h"
#include "hint.h"
#include "map.h"

#define DS_PUBLIC	__attribute__((visibility("default")))

/*
 * struct ds_name_entry - one name and its id; never changed once it is published
 */
struct ds_name_entry {
	uint32_t id;
	uint32_t hash;
	uint32_t len;
	char name[];
};

struct ds_name_table;

#define DS_NAME_BLOCK	256
#define DS_NAME_BLOCKS	(DOCSTORE_MAX_NAMES / DS_NAME_BLOCK + 1)

/*
 * struct ds_names - names and ids that this process has seen
 *
 * Readers take no lock: they load pointers with acquire, which pairs with the
 * store with release in names.c that publishes an entry, a block or a table.
 * Nothing that was published is freed before the store is closed.
 */
struct ds_names {
	pthread_mutex_t lock;		/* who adds names */
	_Atomic(struct ds_name_table *) table;
	_Atomic(_Atomic(struct ds_name_entry *) *) blocks[DS_NAME_BLOCKS];
	uint32_t next;			/* under lock: ids below it are known */
	uint64_t learnt;		/* under lock: so much of those mapped is known */
};

/*
 * struct ds_shared - what a store shares with its snapshots, whichever is closed first
 * @users: how many they are
 * @names: the names that they have seen
 * @base: where the store is mapped, or NULL
 * @size: bytes of that
 */
struct ds_shared {
	_Atomic unsigned int users;
	struct ds_names names;
	void *base;
	size_t size;
};

struct ds_pinned;

/*
 * struct ds_store - an open store, or a snapshot of one
 *
 * Of a snapshot, what is mapped is in @pinned: who reads a store as it is now looks at
 * @map only, and need not ask which of the two it is.
 */
struct ds_store {
	int fd;
	unsigned int flags;
	unsigned int max_ops;
	size_t max_batch;
	struct ds_names *names;		/* of @shared */
	struct ds_map map;		/* .base is NULL where the kernel is asked */
	struct ds_shared *shared;
	struct ds_pinned *pinned;	/* NULL if it is not a snapshot */
	struct ds_hints *hints;		/* NULL if the kernel is told nothing */
};

/*
 * struct ds_pinned - what a snapshot has on top of a store
 * @map: the store's mapping, as of the snapshot; .base is NULL where the kernel is asked
 * @page: the snapshot's page, or NULL
 * @copies: documents that could not be shown where they lie
 */
struct ds_pinned {
	struct ds_map map;
	const struct docstore_map_snapshot *page;
	_Atomic(struct ds_copy *) copies;
};

/* Where the store is mapped, as of now or as of the snapshot; NULL if it is not. */
static inline struct ds_map *ds_mapping(struct ds_store *store)
{
	struct ds_map *map = store->pinned ? &store->pinned->map : &store->map;

	return map->base ? map : NULL;
}

struct ds_store *ds_store_new(struct ds_shared *shared);
void ds_store_free(struct ds_store *store);
void ds_store_map(struct ds_store *store, struct ds_map *map, int fd);
int ds_store_limits(struct ds_store *store);
int ds_open_control(const struct ds_open_opts *opts, bool write);
int ds_open_fd(const char *name, unsigned int flags, const char *device);
int ds_list_all(int fd, unsigned long request, size_t element, void **list, size_t *count);
int ds_clear_info(void *info);
int ds_answer_sizes(const struct ds_store *store, size_t size, size_t min, size_t element,
		    size_t *room);
void ds_pinned_free(struct ds_pinned *pinned);

int ds_names_init(struct ds_names *names);
void ds_names_destroy(struct ds_names *names);

/*
 * The only way to the kernel; tests put a store of their own behind it. Each
 * returns what the system call would, or a negative errno.
 */
int ds_sys_open(const char *device, bool write);
int ds_sys_ioctl(int fd, unsigned long request, void *arg);
ssize_t ds_sys_read(int fd, void *buffer, size_t len);
void ds_sys_close(int fd);
void *ds_sys_map(int fd, size_t size);	/* NULL if it can't be mapped */
void ds_sys_unmap(void *base, size_t size);

/*
 * For ioctls that have nothing to return but that they were carried out. That room is
 * lacking is said by us, with how much; no ioctl fails for that.
 */
static inline int ds_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ds_sys_ioctl(fd, request, arg);

	return ret > 0 || ret == -ENOBUFS ? -EBADMSG : ret;
}

static inline uint64_t ds_ptr(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* A member of an option struct, or 0 if the caller's struct is too old for it. */
#define ds_opt(opts, member)						\
	((opts) && (opts)->size >= offsetof(__typeof__(*(opts)), member) + \
	 sizeof((opts)->member) ? (opts)->member : (__typeof__((opts)->member)){ 0 })

int ds_id_check(struct ds_str id);
int ds_items_check(const struct docstore_read_item *items, size_t count);

static inline struct ds_str ds_item_id(const struct docstore_read_item *item)
{
	return ds_mem((const void *)(uintptr_t)item->id, item->id_len);
}

/* The kernel counts buffers in 32 bits; nothing to be read is longer. */
static inline __u32 ds_counted(size_t len)
{
	return len > UINT32_MAX ? UINT32_MAX : (__u32)len;
}

/* What is between a document's header and its values: at most 11 KiB and an id. */
static inline size_t ds_document_meta(const struct docstore_version *head)
{
	size_t each = 2 + 2 + 1;

	if (head->flags & DOCSTORE_VERSION_SET)
		each += 4;
	if (head->flags & DOCSTORE_VERSION_WIDE)
		each += 2;
	return each * head->nprops + head->id_len;
}

static inline size_t ds_token_size(uint32_t partitions)
{
	return sizeof(struct docstore_token) + sizeof(__u64) * (size_t)partitions;
}

/*
 * The view of a document that was copied out of the mapping. The kernel made it, so
 * that nothing in it need be checked once more.
 */
static inline void ds_map_open(const struct ds_map_view *view, const void *buffer,
			       struct ds_doc *doc)
{
	const struct docstore_version *head = buffer;
	const unsigned char *p = (const unsigned char *)buffer + sizeof(*head);
	size_t n = view->nprops;

	memcpy(&doc->version, &head->version, sizeof(doc->version));
	memcpy(&doc->created, &head->created, sizeof(doc->created));
	memcpy(&doc->changed, &head->changed, sizeof(doc->changed));
	doc->seq = view->seq;
	doc->bytes = view->size;
	doc->type = view->type;
	doc->nprops = view->nprops;
	doc->__layout = view->flags & DOCSTORE_VERSION_WIDE;
	doc->__set = view->flags & DOCSTORE_VERSION_SET ? p : NULL;
	p += doc->__set ? 4 * n : 0;
	doc->__ends = p;
	p += (doc->__layout ? 4 : 2) * n;
	doc->__names = p;
	p += 2 * n;
	doc->__types = p;
	p += n;
	doc->id = ds_mem(p, view->id_len);
	doc->__values = p + view->id_len;
}

int ds_document_open(const struct docstore_version *head, const unsigned char *meta,
		     const unsigned char *values, size_t len, struct ds_doc *doc);

#endif /* LIBDOCSTORE_INTERNAL_H */

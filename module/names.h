/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The names of a store: each property and type name has a number, given once.
 */
#ifndef _DOCSTORE_NAMES_H
#define _DOCSTORE_NAMES_H

#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <linux/docstore.h>

/* A record of the list that is mapped, at most; and all that there can be. */
#define DS_NAME_RECORD_MAX	\
	ALIGN(sizeof(struct docstore_name_record) + DOCSTORE_MAX_NAME, 8)
#define DS_NAMES_BLOCK		4096
#define DS_NAMES_BYTES		\
	ALIGN(DIV_ROUND_UP(DOCSTORE_MAX_NAMES, DS_NAMES_BLOCK / DS_NAME_RECORD_MAX) * \
	      (u64)DS_NAMES_BLOCK, PAGE_SIZE)

struct ds_session;

/**
 * struct ds_names - the names of one store
 * @lock: taken to add a name; nothing of ours is taken under it
 * @by_name: from name to entry; read under RCU
 * @by_id: from id to entry; read under RCU
 * @count: ids from 1 to here are given; stored with release when the entry can
 *	be found
 * @pages: the list that is mapped: records one after the other, none across a
 *	multiple of DS_NAMES_BLOCK
 * @used: bytes of it; under @lock
 *
 * Entries stay as long as the store.
 */
struct ds_names {
	struct mutex lock; /* adding a name */
	struct rhashtable by_name;
	struct xarray by_id;
	u32 count;
	struct xarray pages;
	u32 used;
};

int ds_names_init(struct ds_names *names);
void ds_names_destroy(struct ds_names *names);
void *ds_names_page(struct ds_names *names, u32 number);

/**
 * ds_names_valid() - was this id given to a name
 * @names: the names
 * @id: the id; 0 is none
 *
 * Return: true if it was.
 */
static inline bool ds_names_valid(const struct ds_names *names, u32 id)
{
	/* Pairs with the release store in ds_names_add(). */
	return id && id <= smp_load_acquire(&names->count);
}

int ds_ioctl_intern(struct ds_session *session, void *arg);
int ds_ioctl_names(struct ds_session *session, void *arg);

#endif /* _DOCSTORE_NAMES_H */

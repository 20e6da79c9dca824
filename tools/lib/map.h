/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: reading documents out of the mapping of a store.
 *
 * Nothing here makes a system call, allocates, or waits. What is read may change
 * under the reader's hands: see <linux/docstore_map.h> for the rules.
 */
#ifndef LIBDOCSTORE_MAP_H
#define LIBDOCSTORE_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/docstore_map.h>

#include "hash.h"

/* A read that had to begin again so often gives up; see ds_map_read(). */
#define DS_MAP_TRIES	8
/* Documents that are looked for at once. */
#define DS_MAP_GROUP	16

/**
 * struct ds_map - a mapped store
 * @base: where it is mapped; NULL if it is not
 * @size: bytes
 * @pages: the first partition's page
 * @page_stride: from one to the next
 * @arenas: the first arena
 * @arena_stride: from one to the next
 * @partitions: number of partitions
 * @key: of the hash
 * @retries: reads that began again, since memory was used again meanwhile
 * @refused: reads that gave up
 * @seq: of a snapshot, for each partition the commit up to which it sees; else NULL
 * @state: of a snapshot, enum docstore_snapshot_state
 */
struct ds_map {
	const unsigned char *base;
	size_t size;
	const unsigned char *pages;
	size_t page_stride;
	const unsigned char *arenas;
	size_t arena_stride;
	uint32_t partitions;
	__u64 key[2];
	_Atomic uint64_t retries;
	_Atomic uint64_t refused;
	const __u64 *seq;
	const __u32 *state;
};

/**
 * struct ds_map_id - a document that is looked for
 * @data: its id
 * @len: the id's length, 1 to DOCSTORE_MAX_ID
 * @hash: docstore_map_hash() of it
 */
struct ds_map_id {
	const void *data;
	uint32_t len;
	uint64_t hash;
};

/**
 * struct ds_map_view - a document in the mapping, as far as it can be trusted
 * @at: where it lies; no byte of @size from here on is outside the mapping
 * @size: its size; this and what follows was loaded once and does not change
 * @seq: the commit that published it
 * @type: id of the name of its type
 * @nprops: number of properties
 * @id_len: length of its id
 * @flags: enum docstore_version_flags
 */
struct ds_map_view {
	const unsigned char *at;
	uint64_t seq;
	uint32_t size;
	uint32_t type;
	uint16_t nprops;
	uint8_t id_len;
	uint8_t flags;
};

/**
 * struct ds_map_moment - a state of some partitions, all at one moment
 * @count: how many there are of them
 * @partition: which ones
 * @wanted: for each partition: is it one of them?
 * @era: for each of them the era in which it began
 * @seq: for each of them the last commit that could be seen
 */
struct ds_map_moment {
	uint32_t count;
	uint16_t partition[DOCSTORE_MAX_PARTITIONS];
	bool wanted[DOCSTORE_MAX_PARTITIONS];
	uint64_t era[DOCSTORE_MAX_PARTITIONS];
	uint64_t seq[DOCSTORE_MAX_PARTITIONS];
};

/**
 * ds_map_fn - what to do with a document that was found
 * @view: the document
 * @arg: the caller's
 *
 * Called again when what it has seen turns out to be nothing.
 *
 * Return: what the read returns if it has not to begin again.
 */
typedef int ds_map_fn(const struct ds_map_view *view, void *arg);

/**
 * ds_map_head() - the header of a document that is being looked at
 * @view: the document
 * @head: where it goes; @prev is 0 there
 */
static inline void ds_map_head(const struct ds_map_view *view, struct docstore_version *head)
{
	const struct docstore_version *from = (const void *)view->at;

	*head = (struct docstore_version){
		.seq = view->seq,
		.version = __atomic_load_n(&from->version, __ATOMIC_RELAXED),
		.created = __atomic_load_n(&from->created, __ATOMIC_RELAXED),
		.changed = __atomic_load_n(&from->changed, __ATOMIC_RELAXED),
		.size = view->size,
		.type = view->type,
		.nprops = view->nprops,
		.id_len = view->id_len,
		.flags = view->flags,
	};
}

int ds_map_init(struct ds_map *map, const void *base, size_t size);
int ds_map_read(struct ds_map *map, const struct ds_map_id *id, ds_map_fn *fn, void *arg);
int ds_map_copy_at_length(struct ds_map *map, const struct ds_map_id *id, void *buffer,
			  size_t room, struct ds_map_view *view, unsigned int tries);
int ds_map_read_pinned(struct ds_map *map, const struct ds_map_id *id, ds_map_fn *fn, void *arg);
int ds_map_copy_pinned(struct ds_map *map, const struct ds_map_id *id, void *buffer, size_t room,
		       struct ds_map_view *view);
bool ds_map_revoked(const struct ds_map *map);
bool ds_map_moment(const struct ds_map *map, struct ds_map_moment *moment);
int ds_map_copy_then(const struct ds_map *map, const struct ds_map_moment *moment,
		     const struct ds_map_id *id, void *buffer, size_t room,
		     struct ds_map_view *view);
bool ds_map_moment_valid(const struct ds_map *map, const struct ds_map_moment *moment);
size_t ds_map_names(const struct ds_map *map, const unsigned char **names);
void ds_map_prefetch(const struct ds_map *map, const struct ds_map_id *ids, unsigned int count);

/* A read begins again, or gives up: nothing depends on when that is seen. */
static inline void ds_map_retry(struct ds_map *map)
{
	atomic_fetch_add_explicit(&map->retries, 1, memory_order_relaxed);
}

static inline void ds_map_refuse(struct ds_map *map)
{
	atomic_fetch_add_explicit(&map->refused, 1, memory_order_relaxed);
}

/* The documents of this partition are wanted, too. */
static inline void ds_map_moment_want(struct ds_map_moment *moment, uint32_t partition)
{
	if (moment->wanted[partition])
		return;
	moment->wanted[partition] = true;
	moment->partition[moment->count++] = (uint16_t)partition;
}

static inline struct ds_map_id ds_map_id(const struct ds_map *map, const void *data, size_t len)
{
	struct ds_map_id id = { data, (uint32_t)len, 0 };

	id.hash = docstore_map_hash(map->key, data, (uint32_t)len);
	return id;
}

/* The same, where a single document is read at once. */
static inline struct ds_map_id ds_map_id_to_read(const struct ds_map *map, const void *data,
						 size_t len)
{
	struct ds_map_id id = { data, (uint32_t)len, 0 };

	id.hash = ds_hash(map->key, data, (uint32_t)len);
	return id;
}

#endif /* LIBDOCSTORE_MAP_H */

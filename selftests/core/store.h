/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One partition with what the module would give it: memory, an owner's commits,
 * batches of operations.
 */
#ifndef _STORE_H
#define _STORE_H

#include <linux/rcupdate.h>

#include "core.h"

/**
 * struct store - a partition and its surroundings
 * @p: the partition
 * @past: its pins, alone unless a test has several partitions share them
 * @partitions: the partition, for @past
 * @head: the first page of the mapping
 * @map: its page
 * @chunks: its chunks
 * @builder: where versions are built
 * @key: the hash key
 * @now: the time, which goes on with every commit
 * @max_chunks: how many chunks it may have at once
 * @brought: how many it has
 * @taken: which numbers these have
 * @mapping: all of it in one piece, as the module maps it; or NULL
 * @mapping_size: its bytes
 * @mapped_arena: where its chunks go
 */
struct store {
	struct ds_partition p;
	struct ds_past past;
	struct ds_partition *partitions[1];
	struct docstore_map_store *head;
	struct docstore_map_partition *map;
	struct ds_chunk **chunks;
	struct ds_builder builder;
	u64 key[2];
	u64 now;
	u32 max_chunks;
	u32 brought;
	bool *taken;
	char *mapping;
	size_t mapping_size;
	char *mapped_arena;
};

/* Bring an arena a chunk with the lowest number that is not taken. */
void chunk_bring(struct ds_arena *arena, bool *taken);
void chunk_destroy(struct ds_chunk *chunk);

struct store *store_create(u32 max_chunks);
/* One that the library's reader of mappings can read. */
struct store *store_create_mapped(u32 max_chunks);
/* The mapping of a store of several partitions, and one of these, which leaves it alone. */
extern const u64 store_key[2];
struct docstore_map_store *store_lay_out(u32 partitions, u32 max_chunks, const u64 *key);
void store_lay_away(struct docstore_map_store *head);
struct store *store_create_in(struct docstore_map_store *head, u32 number, u32 max_chunks);
void store_destroy(struct store *s);
bool store_donate(struct store *s);
/* Bring chunks as the module does before a batch of so many bytes. */
void store_top_up(struct store *s, u64 bytes);
void store_give_back(struct store *s);
/* Maintain until nothing is left to do, grace periods passing meanwhile. */
void store_quiesce(struct store *s);

u64 store_hash(const struct store *s, const void *id, u32 len);
/* The version visible now, for as long as the caller's read section lasts. */
const struct docstore_version *store_read(const struct store *s, const void *id, u32 len);

/**
 * struct batch - a batch under construction, with copies of its ids and values
 * @batch: what the partition gets
 * @store: for which store
 * @last: end of the list of documents
 * @room: for how many operations there is room
 * @nchanges: number of changes
 * @ndeltas: number of operations
 * @bytes: memory that it needs, about
 * @changes: the changes
 * @deltas: the operations
 */
struct batch {
	struct ds_batch batch;
	struct store *store;
	struct ds_change **last;
	u32 room;
	u32 nchanges;
	u32 ndeltas;
	u64 bytes;
	struct ds_change *changes;
	struct ds_delta *deltas;
};

struct batch *batch_create(struct store *s, bool atomic);
struct batch *batch_create_for(struct store *s, bool atomic, u32 room);
void batch_destroy(struct batch *b);
struct ds_delta *batch_op(struct batch *b, const void *id, u32 id_len, u8 code);

/* Operations on documents whose ids are C strings. */
struct ds_delta *op_get(struct batch *b, const char *id, u32 property, u32 room);
struct ds_delta *op_set_number(struct batch *b, const char *id, u32 property, u8 type,
			       u64 number);
struct ds_delta *op_set_data(struct batch *b, const char *id, u32 property, u8 type,
			     const void *data, u32 len);
struct ds_delta *op_unset(struct batch *b, const char *id, u32 property);
struct ds_delta *op_add(struct batch *b, const char *id, u32 property, s64 number);
struct ds_delta *op_delete(struct batch *b, const char *id);
struct ds_delta *op_touch(struct batch *b, const char *id, u64 version);
struct ds_delta *op_set_type(struct batch *b, const char *id, u32 type);

/* The steps of a commit, and all of them with one batch. */
void store_begin(struct store *s);
void store_apply(struct store *s, struct batch *b);
bool store_publish(struct store *s);
void store_settle(struct store *s, struct batch *b);
void store_maintain(struct store *s, u32 work, bool hurry);
void store_commit(struct store *s, struct batch *b);
/* And a batch gone afterwards, which must have succeeded. */
void store_run(struct store *s, struct batch *b);

/*
 * Walk over everything the partition has and end the test if something is not as
 * it must be between commits.
 */
void store_validate(struct store *s);
void arena_validate(struct ds_arena *arena);
void version_validate(const struct docstore_version *v);

#endif /* _STORE_H */

// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size)	((void)(p), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size)	((void)(p), (void)(size))
#endif

#include "follow.h"
#include "store.h"
#include "test.h"

/*
 * Memory for chunks. Some is kept for the next one, which takes far less time
 * than to have it from the system; nobody may touch it meanwhile.
 */
#define CHUNKS_KEPT	4

static void *chunks_kept[CHUNKS_KEPT];

static void *chunk_memory(void)
{
	void *base;
	u32 i;

	for (i = 0; i < CHUNKS_KEPT; i++) {
		base = __atomic_exchange_n(&chunks_kept[i], NULL, __ATOMIC_ACQ_REL);
		if (!base)
			continue;
		ASAN_UNPOISON_MEMORY_REGION(base, DOCSTORE_MAP_CHUNK_SIZE);
		return base;
	}
	base = aligned_alloc(DS_PAGE_SIZE, DOCSTORE_MAP_CHUNK_SIZE);
	CHECK(base);
	/*
	 * The kernel brings zeroes, so that nothing old gets out by the mapping;
	 * the engine must not rely on them, since blocks are used again.
	 */
	memset(base, 0xdb, DOCSTORE_MAP_CHUNK_SIZE);
	return base;
}

static void chunk_memory_free(void *base)
{
	void *none = NULL;
	u32 i;

	ASAN_POISON_MEMORY_REGION(base, DOCSTORE_MAP_CHUNK_SIZE);
	for (i = 0; i < CHUNKS_KEPT; i++) {
		none = NULL;
		if (__atomic_compare_exchange_n(&chunks_kept[i], &none, base, false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return;
	}
	ASAN_UNPOISON_MEMORY_REGION(base, DOCSTORE_MAP_CHUNK_SIZE);
	free(base);
}

static void chunk_bring_to(struct ds_arena *arena, bool *taken, char *mapped)
{
	struct ds_chunk *chunk = calloc(1, sizeof(*chunk));
	void *base = NULL;
	u32 number = 0;

	CHECK(chunk);
	while (__atomic_exchange_n(&taken[number], true, __ATOMIC_RELAXED))
		number++;
	CHECK(number < arena->max_chunks);
	if (mapped)
		base = mapped + number * DOCSTORE_MAP_CHUNK_SIZE;
	ds_chunk_init(chunk, number, base ?: chunk_memory(), base);
	ds_arena_donate(arena, chunk);
}

void chunk_bring(struct ds_arena *arena, bool *taken)
{
	chunk_bring_to(arena, taken, NULL);
}

void chunk_destroy(struct ds_chunk *chunk)
{
	/* In a mapping it becomes a gap, as it does in the module: zeros. */
	if (chunk->private)
		CHECK(!madvise(chunk->base, DOCSTORE_MAP_CHUNK_SIZE, MADV_DONTNEED));
	else
		chunk_memory_free(chunk->base);
	free(chunk);
}

/*
 * Lay a store out as the module does, between pages that nobody may touch: first page,
 * the partitions' pages, and the arenas, all of which is readable at any time.
 */
struct docstore_map_store *store_lay_out(u32 partitions, u32 max_chunks, const u64 *key)
{
	size_t arena = DOCSTORE_MAP_CHUNK_SIZE;
	size_t size = arena + partitions * max_chunks * DOCSTORE_MAP_CHUNK_SIZE;
	struct docstore_map_store *head;
	char *base;

	base = mmap(NULL, size + 2 * DS_PAGE_SIZE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(base != MAP_FAILED);
	base += DS_PAGE_SIZE;
	CHECK(!mprotect(base, size, PROT_READ | PROT_WRITE));
	head = (void *)base;
	memcpy(head->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE);
	head->layout = DOCSTORE_MAP_LAYOUT;
	head->partitions = partitions;
	memcpy(head->key, key, sizeof(head->key));
	head->size = size;
	head->partitions_offset = DS_PAGE_SIZE;
	head->partition_stride = DS_PAGE_SIZE;
	head->names_offset = (1 + partitions) * DS_PAGE_SIZE;
	head->names_size = arena - head->names_offset;
	head->arenas_offset = arena;
	head->arena_stride = max_chunks * DOCSTORE_MAP_CHUNK_SIZE;
	return head;
}

void store_lay_away(struct docstore_map_store *head)
{
	munmap((char *)head - DS_PAGE_SIZE, head->size + 2 * DS_PAGE_SIZE);
}

/* Tests sweep by themselves. */
static void store_emptied(struct ds_past *past)
{
}

const u64 store_key[2] = { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL };

struct store *store_create_in(struct docstore_map_store *head, u32 number, u32 max_chunks)
{
	struct store *s = aligned_alloc(__alignof__(*s), sizeof(*s));

	CHECK(s);
	memset(s, 0, sizeof(*s));
	memcpy(s->key, store_key, sizeof(s->key));
	if (head) {
		char *base = (char *)head;

		s->head = head;
		s->map = (void *)(base + head->partitions_offset + number * head->partition_stride);
		s->mapped_arena = base + head->arenas_offset + number * head->arena_stride;
	} else {
		s->map = aligned_alloc(DS_PAGE_SIZE, DS_PAGE_SIZE);
		CHECK(s->map);
		memset(s->map, 0, DS_PAGE_SIZE);
		s->head = calloc(1, sizeof(*s->head));
		CHECK(s->head);
	}
	s->chunks = calloc(max_chunks, sizeof(*s->chunks));
	s->taken = calloc(max_chunks, sizeof(*s->taken));
	CHECK(s->chunks && s->taken);
	s->now = 1600000000000000000ULL;
	s->max_chunks = max_chunks;
	s->partitions[0] = &s->p;
	s->past = (struct ds_past){
		.emptied = store_emptied,
		.head = s->head,
		.count = 1,
		.partitions = s->partitions,
	};
	ds_partition_init(&s->p, s->map, s->chunks, max_chunks, s->key, &s->past, 0);
	return s;
}

struct store *store_create(u32 max_chunks)
{
	return store_create_in(NULL, 0, max_chunks);
}

struct store *store_create_mapped(u32 max_chunks)
{
	struct docstore_map_store *head = store_lay_out(1, max_chunks, store_key);
	struct store *s = store_create_in(head, 0, max_chunks);

	s->mapping = (char *)head;
	s->mapping_size = head->size;
	return s;
}

void store_destroy(struct store *s)
{
	struct ds_chunk *chunk;

	while ((chunk = ds_arena_dismantle(&s->p.arena))) {
		chunk_destroy(chunk);
		s->brought--;
	}
	CHECK_EQ(s->brought, 0);
	if (s->p.backlog)
		backlog_destroy(s->p.backlog);
	free(s->chunks);
	free(s->taken);
	if (s->mapping)
		store_lay_away(s->head);
	if (!s->mapped_arena) {
		free(s->map);
		free(s->head);
	}
	free(s);
}

bool store_donate(struct store *s)
{
	if (READ_ONCE(s->brought) >= s->max_chunks)
		return false;
	__atomic_fetch_add(&s->brought, 1, __ATOMIC_RELAXED);
	chunk_bring_to(&s->p.arena, s->taken, s->mapped_arena);
	return true;
}

void store_top_up(struct store *s, u64 bytes)
{
	u64 pages = DIV_ROUND_UP_ULL(bytes + (bytes >> 3), DS_PAGE_SIZE) + 128;

	while (READ_ONCE(s->p.arena.free_pages) +
	       (u64)atomic_read(&s->p.arena.ndonated) * DS_CHUNK_PAGES < pages)
		if (!store_donate(s))
			break;
}

void store_give_back(struct store *s)
{
	struct ds_chunk *chunk;

	while ((chunk = ds_arena_unwanted(&s->p.arena))) {
		u32 number = chunk->index;

		chunk_destroy(chunk);
		__atomic_store_n(&s->taken[number], false, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&s->brought, 1, __ATOMIC_RELAXED);
	}
}

void store_quiesce(struct store *s)
{
	u32 rounds = 0;

	do {
		CHECK(rounds++ < 1000000);
		store_maintain(s, 1024, true);
		synchronize_rcu();
	} while (s->p.waiting);
	store_give_back(s);
}

u64 store_hash(const struct store *s, const void *id, u32 len)
{
	return docstore_map_hash(s->key, id, len);
}

const struct docstore_version *store_read(const struct store *s, const void *id, u32 len)
{
	return ds_partition_read(&s->p, store_hash(s, id, len), id, len);
}

struct batch *batch_create_for(struct store *s, bool atomic, u32 room)
{
	struct batch *b = calloc(1, sizeof(*b));

	CHECK(b);
	b->changes = calloc(room, sizeof(*b->changes));
	b->deltas = calloc(room, sizeof(*b->deltas));
	CHECK(b->changes && b->deltas);
	b->room = room;
	b->store = s;
	b->batch.atomic = atomic;
	b->last = &b->batch.first;
	return b;
}

struct batch *batch_create(struct store *s, bool atomic)
{
	return batch_create_for(s, atomic, 64);
}

void batch_destroy(struct batch *b)
{
	u32 i;

	for (i = 0; i < b->nchanges; i++)
		free((void *)b->changes[i].id);
	for (i = 0; i < b->ndeltas; i++)
		free(b->deltas[i].data);
	free(b->changes);
	free(b->deltas);
	free(b);
}

/*
 * As the module does it: operations next to each other on one document are one
 * change; other changes of the batch to the same document hang on the first one.
 */
static struct ds_change *batch_change(struct batch *b, const void *id, u32 id_len)
{
	struct ds_change *change = b->nchanges ? &b->changes[b->nchanges - 1] : NULL;
	struct ds_change *first;
	u8 *copy;

	if (change && change->id_len == id_len && !memcmp(change->id, id, id_len))
		return change;

	/* To the byte, so that AddressSanitizer sees what is read behind it. */
	copy = malloc(id_len);
	CHECK(copy);
	memcpy(copy, id, id_len);
	CHECK(b->nchanges < b->room);
	change = &b->changes[b->nchanges++];
	change->id = copy;
	change->id_len = id_len;
	change->hash = store_hash(b->store, id, id_len);
	change->deltas = &b->deltas[b->ndeltas];
	b->bytes += sizeof(struct docstore_version) + id_len;
	for (first = b->batch.first; first; first = first->next)
		if (first->id_len == id_len && !memcmp(first->id, id, id_len))
			break;
	if (first) {
		change->state = DS_CHANGE_DONE;
		while (first->more)
			first = first->more;
		first->more = change;
	} else {
		*b->last = change;
		b->last = &change->next;
	}
	return change;
}

struct ds_delta *batch_op(struct batch *b, const void *id, u32 id_len, u8 code)
{
	struct ds_change *change = batch_change(b, id, id_len);
	struct ds_delta *delta;

	CHECK(b->ndeltas < b->room);
	delta = &b->deltas[b->ndeltas++];
	change->count++;
	delta->code = code;
	b->bytes += 2 * sizeof(u64);
	return delta;
}

static struct ds_delta *op_make(struct batch *b, const char *id, u8 code)
{
	return batch_op(b, id, strlen(id), code);
}

struct ds_delta *op_get(struct batch *b, const char *id, u32 property, u32 room)
{
	struct ds_delta *delta = op_make(b, id, DOCSTORE_OP_GET);

	delta->property = property;
	delta->len = room;
	delta->data = malloc(room);
	CHECK(delta->data);
	return delta;
}

struct ds_delta *op_set_number(struct batch *b, const char *id, u32 property, u8 type,
			       u64 number)
{
	struct ds_delta *delta = op_make(b, id, DOCSTORE_OP_SET);

	delta->property = property;
	delta->type = type;
	delta->number = number;
	return delta;
}

struct ds_delta *op_set_data(struct batch *b, const char *id, u32 property, u8 type,
			     const void *data, u32 len)
{
	struct ds_delta *delta = op_make(b, id, DOCSTORE_OP_SET);

	delta->property = property;
	delta->type = type;
	delta->len = len;
	b->bytes += len;
	if (!len)
		return delta;
	delta->data = malloc(len);
	CHECK(delta->data);
	memcpy(delta->data, data, len);
	return delta;
}

struct ds_delta *op_unset(struct batch *b, const char *id, u32 property)
{
	struct ds_delta *delta = op_make(b, id, DOCSTORE_OP_UNSET);

	delta->property = property;
	return delta;
}

struct ds_delta *op_add(struct batch *b, const char *id, u32 property, s64 number)
{
	struct ds_delta *delta = op_make(b, id, DOCSTORE_OP_ADD);

	delta->property = property;
	delta->type = DOCSTORE_TYPE_S64;
	delta->number = number;
	return delta;
}

struct ds_delta *op_delete(struct batch *b, const char *id)
{
	return op_make(b, id, DOCSTORE_OP_DELETE);
}

struct ds_delta *op_touch(struct batch *b, const char *id, u64 version)
{
	struct ds_delta *delta = op_make(b, id, DOCSTORE_OP_TOUCH);

	delta->number = version;
	return delta;
}

struct ds_delta *op_set_type(struct batch *b, const char *id, u32 type)
{
	struct ds_delta *delta = op_make(b, id, DOCSTORE_OP_SET_TYPE);

	delta->property = type;
	return delta;
}

void store_begin(struct store *s)
{
	ds_partition_own(&s->p);
	ds_partition_begin(&s->p, &s->builder);
	s->now += 1000000000;
}

void store_apply(struct store *s, struct batch *b)
{
	ds_partition_apply(&s->p, &b->batch, s->now);
}

bool store_publish(struct store *s)
{
	bool any = ds_partition_publish(&s->p);

	ds_partition_disown(&s->p);
	return any;
}

void store_settle(struct store *s, struct batch *b)
{
	ds_partition_own(&s->p);
	ds_partition_settle(&s->p, &b->batch, s->now);
	ds_partition_disown(&s->p);
}

void store_maintain(struct store *s, u32 work, bool hurry)
{
	ds_partition_own(&s->p);
	ds_partition_maintain(&s->p, work, hurry);
	ds_partition_disown(&s->p);
}

void store_commit(struct store *s, struct batch *b)
{
	store_top_up(s, b->bytes);
	store_begin(s);
	store_apply(s, b);
	store_publish(s);
	store_settle(s, b);
	store_maintain(s, b->nchanges, b->batch.nomem);
	store_give_back(s);
}

void store_run(struct store *s, struct batch *b)
{
	u32 i, tries = 4;

	store_commit(s, b);
	/* As the module does: what is needed could only be guessed. */
	while (b->batch.nomem && tries--) {
		if (!store_donate(s))
			synchronize_rcu();
		store_commit(s, b);
	}
	CHECK(!b->batch.nomem && !b->batch.refused);
	for (i = 0; i < b->ndeltas; i++)
		CHECK_EQ(b->deltas[i].result, 0);
	batch_destroy(b);
}

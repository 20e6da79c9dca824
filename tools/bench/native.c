// SPDX-License-Identifier: GPL-2.0
/*
 * The engine in user space; see native.h.
 *
 * What the module does around it is done here as simply as can be: memory is
 * brought before a commit, and there are no readers but those of the mapping, so
 * that grace periods take no time.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kernel.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "span.h"
#include "native.h"
#include "shim.h"

static void native_emptied(struct ds_past *past)
{
}

/* There are no readers in the kernel: a grace period is over when it begins. */
unsigned long start_poll_synchronize_rcu(void)
{
	return 0;
}

bool poll_state_synchronize_rcu(unsigned long cookie)
{
	return true;
}

void rcu_read_lock(void)
{
}

void rcu_read_unlock(void)
{
}

void shim_warn(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: warning: %s\n", file, line, what);
	abort();
}

/* Free pages that there are before a commit, beyond what it needs. */
#define NATIVE_LOW	64

/**
 * struct native_owned - a partition and what a commit to it needs
 * @owned: somebody owns it
 * @p: the partition
 * @chunks: the arena's table
 * @brought: how many chunks it was given
 * @max_chunks: how many it may have
 * @arena: where its arena is mapped
 * @builder: where versions are built
 * @changes: the documents of a batch
 * @deltas: its operations
 */
struct native_owned {
	u32 owned;
	struct ds_partition p;
	struct ds_chunk **chunks;
	u32 brought;
	u32 max_chunks;
	char *arena;
	struct ds_builder builder;
	struct ds_change changes[NATIVE_BATCH];
	struct ds_delta deltas[NATIVE_BATCH];
};

/**
 * struct native - a store
 * @base: the mapping
 * @size: its bytes
 * @heap: memory of the owners, which all processes have at the same place
 * @heap_used: how much of it is
 * @heap_size: how much there is
 * @pages: what it is made of
 * @partitions: number of partitions
 * @past: the pins
 * @pin: the one that native_snapshot() takes
 * @pins: room for the array of pins, with it and without
 * @owned: the partitions
 */
struct native {
	char *base;
	size_t size;
	char *heap;
	size_t heap_used;
	size_t heap_size;
	enum native_pages pages;
	unsigned int partitions;
	struct ds_past past;
	struct ds_pin *pin;
	struct ds_pins *pins[2];
	struct native_owned *owned[];
};

/* Zeroed, and never given back. */
static void *native_alloc(struct native *n, size_t size)
{
	size_t at = __atomic_fetch_add(&n->heap_used, ALIGN(size, 64), __ATOMIC_RELAXED);

	return at + size <= n->heap_size ? n->heap + at : NULL;
}

static struct docstore_map_store *native_head(const struct native *n)
{
	return (void *)n->base;
}

/*
 * Shared memory at a multiple of 2 MiB. Huge pages come from the pool of the
 * system, if it has enough, or else on demand, if shared memory may have them.
 */
static char *native_map(struct native *n)
{
	size_t size = n->size + DOCSTORE_MAP_CHUNK_SIZE;
	char *base;
	int fd = -1;

	if (n->pages == NATIVE_HUGE) {
		base = mmap(NULL, n->size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
		if (base != MAP_FAILED)
			return base;
	}
	fd = memfd_create("docstore-native", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, n->size))
		goto fail;
	base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		goto fail;
	base = (char *)ALIGN((unsigned long)base, DOCSTORE_MAP_CHUNK_SIZE);
	base = mmap(base, n->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	if (base == MAP_FAILED)
		goto fail;
	close(fd);
	if (n->pages == NATIVE_HUGE && madvise(base, n->size, MADV_HUGEPAGE))
		n->pages = NATIVE_SMALL;
	return base;
fail:
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* As the module lays it out. */
static void native_lay_out(struct native *n, u64 arena_bytes)
{
	struct docstore_map_store *head = native_head(n);

	memcpy(head->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE);
	head->layout = DOCSTORE_MAP_LAYOUT;
	head->partitions = n->partitions;
	head->key[0] = 0x0706050403020100ULL;
	head->key[1] = 0x0f0e0d0c0b0a0908ULL;
	head->size = n->size;
	head->partitions_offset = DS_PAGE_SIZE;
	head->partition_stride = DS_PAGE_SIZE;
	head->names_offset = (1 + n->partitions) * (u64)DS_PAGE_SIZE;
	head->arenas_offset = ALIGN(head->names_offset, DOCSTORE_MAP_CHUNK_SIZE);
	head->arena_stride = arena_bytes;
}

static struct native_owned *native_owned_create(struct native *n, u32 number)
{
	struct docstore_map_store *head = native_head(n);
	struct native_owned *owned = native_alloc(n, sizeof(*owned));

	if (!owned)
		return NULL;
	owned->max_chunks = head->arena_stride >> DOCSTORE_MAP_CHUNK_SHIFT;
	owned->arena = n->base + head->arenas_offset + number * head->arena_stride;
	owned->chunks = native_alloc(n, owned->max_chunks * sizeof(*owned->chunks));
	if (!owned->chunks)
		return NULL;
	ds_partition_init(&owned->p, (void *)(n->base + head->partitions_offset +
					      number * head->partition_stride),
			  owned->chunks, owned->max_chunks, head->key, &n->past, number);
	n->past.partitions[number] = &owned->p;
	return owned;
}

/* As much as all partitions with all their chunks need; what is not used costs nothing. */
static size_t native_heap_size(unsigned int partitions, u64 arena_bytes)
{
	size_t chunks = arena_bytes >> DOCSTORE_MAP_CHUNK_SHIFT;

	return sizeof(struct native) + 4096 + partitions * (sizeof(struct native_owned) +
		2 * sizeof(void *) + sizeof(struct ds_pin_list) + 4096 +
		sizeof(struct ds_backlog) + DS_BACKLOG_NAMES * sizeof(u64) + chunks * (sizeof(struct ds_chunk) + sizeof(void *) + 64));
}

struct native *native_create(unsigned int partitions, uint64_t arena_bytes,
			     enum native_pages pages)
{
	size_t heap = native_heap_size(partitions, ALIGN(arena_bytes, DOCSTORE_MAP_CHUNK_SIZE));
	struct native *n;
	unsigned int i;

	n = mmap(NULL, heap, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (n == MAP_FAILED)
		return NULL;
	ds_arena_setup();
	arena_bytes = ALIGN(arena_bytes, DOCSTORE_MAP_CHUNK_SIZE);
	n->heap = (char *)n;
	n->heap_size = heap;
	n->heap_used = ALIGN(sizeof(*n) + partitions * sizeof(n->owned[0]), 64);
	n->pages = pages;
	n->partitions = partitions;
	n->size = ALIGN((1 + partitions) * (u64)DS_PAGE_SIZE, DOCSTORE_MAP_CHUNK_SIZE) +
		  partitions * arena_bytes;
	n->base = native_map(n);
	if (!n->base) {
		munmap(n, heap);
		return NULL;
	}
	native_lay_out(n, arena_bytes);
	n->past.head = native_head(n);
	n->past.count = partitions;
	n->past.emptied = native_emptied;
	n->past.partitions = native_alloc(n, partitions * sizeof(*n->past.partitions));
	n->pin = native_alloc(n, sizeof(*n->pin) + partitions * sizeof(n->pin->list[0]));
	for (i = 0; i < 2; i++)
		n->pins[i] = native_alloc(n, sizeof(*n->pins[i]) + sizeof(n->pins[i]->pin[0]));
	for (i = 0; i < partitions; i++) {
		n->owned[i] = native_owned_create(n, i);
		if (!n->owned[i]) {
			native_destroy(n);
			return NULL;
		}
	}
	return n;
}

void native_destroy(struct native *n)
{
	munmap(n->base, n->size);
	munmap(n, n->heap_size);
}

const void *native_base(const struct native *n)
{
	return n->base;
}

size_t native_size(const struct native *n)
{
	return n->size;
}

enum native_pages native_pages(const struct native *n)
{
	return n->pages;
}

unsigned int native_partition(const struct native *n, const void *id, uint32_t len)
{
	return docstore_map_partition_of(docstore_map_hash(native_head(n)->key, id, len),
					 n->partitions);
}

/* As an idle partition is lent to a submitter. */
static void native_own(struct native_owned *owned)
{
	while (__atomic_exchange_n(&owned->owned, 1, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void native_disown(struct native_owned *owned)
{
	__atomic_store_n(&owned->owned, 0, __ATOMIC_RELEASE);
}

/* One chunk more, if there is one; those that were given back stay where they are. */
static bool native_bring(struct native *n, struct native_owned *owned)
{
	struct ds_arena *arena = &owned->p.arena;
	struct ds_chunk *chunk = ds_arena_unwanted(arena);
	u32 index = owned->brought;

	if (chunk) {
		index = chunk->index;
		memset(chunk, 0, sizeof(*chunk));
	} else {
		if (index == owned->max_chunks)
			return false;
		chunk = native_alloc(n, sizeof(*chunk));
		if (!chunk)
			return false;
		owned->brought++;
	}
	ds_chunk_init(chunk, index, owned->arena + ((size_t)index << DOCSTORE_MAP_CHUNK_SHIFT),
		      NULL);
	ds_arena_donate(arena, chunk);
	return true;
}

/* Bring what a commit may need. */
static void native_top_up(struct native *n, struct native_owned *owned, u64 bytes)
{
	struct ds_arena *arena = &owned->p.arena;
	u64 pages = DIV_ROUND_UP_ULL(bytes + (bytes >> 3), DS_PAGE_SIZE) + NATIVE_LOW;

	while (arena->free_pages + (u64)atomic_read(&arena->ndonated) * DS_CHUNK_PAGES < pages &&
	       native_bring(n, owned))
		;
}

/* As the module's DS_REQUEST_TRIES. */
#define NATIVE_TRIES	4

/*
 * One batch as one commit, and what comes after it. Where memory was lacking, more is
 * brought, what was retired becomes usable, and the rest is done in one commit more.
 */
static void native_commit(struct native *n, struct native_owned *owned, u32 count, bool atomic)
{
	struct ds_batch batch = { .first = &owned->changes[0], .atomic = atomic };
	/* Any time will do: to ask for it is not the engine's cost. */
	u64 now = 1700000000000000000ULL + owned->p.stats.commits;
	int tries;
	u32 i;

	for (i = 0; i + 1 < count; i++)
		owned->changes[i].next = &owned->changes[i + 1];
	owned->changes[i].next = NULL;
	ds_partition_own(&owned->p);
	for (tries = 0; ; tries++) {
		ds_partition_begin(&owned->p, &owned->builder);
		ds_partition_apply(&owned->p, &batch, now);
		ds_partition_publish(&owned->p);
		ds_partition_settle(&owned->p, &batch, now);
		ds_partition_maintain(&owned->p, count, batch.nomem);
		if (likely(!batch.nomem) || tries == NATIVE_TRIES)
			break;
		native_bring(n, owned);
	}
	ds_partition_disown(&owned->p);
}

static void native_change(struct native *n, struct native_owned *owned, u32 i,
			  const void *id, u32 len, u8 code)
{
	owned->deltas[i] = (struct ds_delta){ .code = code };
	owned->changes[i] = (struct ds_change){
		.hash = docstore_map_hash(native_head(n)->key, id, len),
		.id = id,
		.id_len = len,
		.deltas = &owned->deltas[i],
		.count = 1,
	};
}

/* Make changes of documents that are to be put, and bring the memory. */
static void native_fill(struct native *n, struct native_owned *owned,
			const struct native_value *values, unsigned int count)
{
	unsigned int i;
	u64 bytes = 0;

	for (i = 0; i < count; i++) {
		native_change(n, owned, i, values[i].id, values[i].id_len, DOCSTORE_OP_SET);
		owned->deltas[i].type = DOCSTORE_TYPE_BYTES;
		owned->deltas[i].property = NATIVE_PROPERTY;
		owned->deltas[i].data = (void *)values[i].value;
		owned->deltas[i].len = values[i].value_len;
		bytes += ds_arena_block_size(sizeof(struct docstore_version) + values[i].id_len +
					     values[i].value_len);
	}
	native_top_up(n, owned, bytes);
}

static unsigned int native_failed(const struct native_owned *owned, unsigned int count)
{
	unsigned int failed = 0, i;

	for (i = 0; i < count; i++)
		failed += owned->changes[i].state != DS_CHANGE_DONE || owned->deltas[i].result;
	return failed;
}

unsigned int native_put(struct native *n, unsigned int partition,
			const struct native_value *values, unsigned int count)
{
	struct native_owned *owned = n->owned[partition];
	unsigned int failed;

	native_own(owned);
	native_fill(n, owned, values, count);
	native_commit(n, owned, count, false);
	failed = native_failed(owned, count);
	native_disown(owned);
	return failed;
}

unsigned int native_put_atomic(struct native *n, unsigned int partition,
			       const struct native_value *values, unsigned int count)
{
	struct native_owned *owned = n->owned[partition];
	unsigned int failed;

	native_own(owned);
	native_fill(n, owned, values, count);
	native_commit(n, owned, count, true);
	failed = native_failed(owned, count);
	native_disown(owned);
	return failed;
}

unsigned int native_put_span(struct native *n, const struct native_value *const *values,
			     unsigned int count)
{
	struct ds_batch batches[NATIVE_SPAN];
	u64 now = 1700000000000000000ULL;
	unsigned int failed = 0, i, j;

	/* In the order of their numbers, so that nobody waits for anybody in a circle. */
	for (i = 0; i < n->partitions; i++) {
		struct native_owned *owned = n->owned[i];

		native_own(owned);
		native_fill(n, owned, values[i], count);
		for (j = 0; j < count; j++)
			owned->changes[j].next = j + 1 < count ? &owned->changes[j + 1] : NULL;
		batches[i] = (struct ds_batch){
			.first = owned->changes,
			.partition = &owned->p,
			.span = i + 1 < n->partitions ? &batches[i + 1] : NULL,
			.atomic = true,
		};
	}
	if (ds_span_prepare(batches, &n->owned[0]->builder, now))
		ds_span_publish(batches, native_head(n));
	for (i = 0; i < n->partitions; i++) {
		struct native_owned *owned = n->owned[i];

		ds_partition_settle(&owned->p, &batches[i], now);
		ds_partition_maintain(&owned->p, count, false);
		failed += native_failed(owned, count);
		native_disown(owned);
	}
	return failed;
}

bool native_snapshot(struct native *n)
{
	struct ds_pins *pins = n->pins[0], *none = n->pins[1];
	struct ds_pin *pin = n->pin, *gone;
	unsigned int i;
	bool found;

	memset(pin, 0, sizeof(*pin) + n->partitions * sizeof(pin->list[0]));
	ds_past_begin(&n->past, pins, pin);
	found = ds_past_collect(&n->past, pin, DS_PAST_TRIES);
	ds_past_end(pin);
	ds_past_release(&n->past, pin);
	for (i = 0; i < n->partitions; i++) {
		native_own(n->owned[i]);
		ds_partition_drain(&n->owned[i]->p, 1024);
		native_disown(n->owned[i]);
	}
	return ds_past_sweep(&n->past, none, &gone) == 1 && found;
}

bool native_delete(struct native *n, unsigned int partition, const void *id, uint32_t len)
{
	struct native_owned *owned = n->owned[partition];
	bool done;

	native_own(owned);
	native_change(n, owned, 0, id, len, DOCSTORE_OP_DELETE);
	native_top_up(n, owned, 0);
	native_commit(n, owned, 1, false);
	done = !owned->deltas[0].result;
	native_disown(owned);
	return done;
}

bool native_flag(struct native *n, unsigned int partition, const void *id, uint32_t len,
		 unsigned int times)
{
	struct native_owned *owned = n->owned[partition];
	struct ds_slot slot;

	if (!ds_index_find(&owned->p.index, docstore_map_hash(native_head(n)->key, id, len),
			   id, len, &slot))
		return false;
	for (; times; times--)
		ds_index_flags(&slot, times & 1 ? DOCSTORE_STATE_HOT_DOCUMENT : 0,
			       times & 1 ? 0 : DOCSTORE_STATE_HOT_DOCUMENT);
	return true;
}

/* Twice, one behind the other, as the module maps it. */
static char *native_map_log(u32 bytes)
{
	char *base = mmap(NULL, 2 * (size_t)bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("docstore-backlog", MFD_CLOEXEC);

	if (base == MAP_FAILED || fd < 0 || ftruncate(fd, bytes) ||
	    mmap(base, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	    MAP_FAILED ||
	    mmap(base + bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	    MAP_FAILED)
		base = NULL;
	if (fd >= 0)
		close(fd);
	return base;
}

bool native_log(struct native *n, unsigned int partition, uint32_t bytes)
{
	struct ds_backlog *log = native_alloc(n, sizeof(*log));
	u64 *added = native_alloc(n, DS_BACKLOG_NAMES * sizeof(*added));
	char *data = native_map_log(bytes);

	if (!log || !added || !data)
		return false;
	ds_backlog_init(log, data, bytes, added, partition);
	n->owned[partition]->p.backlog = log;
	return true;
}

void native_follow_now(const struct native *n, unsigned int partition,
		       struct native_cursor *cursor)
{
	const struct ds_partition *p = &n->owned[partition]->p;
	struct ds_cursor now;

	ds_cursor_now(p->backlog, &p->map->visible_seq, &now);
	*cursor = (struct native_cursor){ .at = now.at, .next = now.next };
}

void native_follow_oldest(const struct native *n, unsigned int partition,
			  struct native_cursor *cursor)
{
	struct ds_cursor oldest = { .next = 1 };
	u64 lost, until;

	ds_cursor_lost(n->owned[partition]->p.backlog, &oldest, &lost, &until);
	*cursor = (struct native_cursor){ .at = oldest.at, .next = oldest.next };
}

unsigned int native_follow(const struct native *n, unsigned int partition,
			   struct native_cursor *cursor, void *to, size_t room)
{
	const struct ds_partition *p = &n->owned[partition]->p;
	const struct ds_backlog *log = p->backlog;
	struct ds_cursor at = { .at = cursor->at, .next = cursor->next };
	/* Pairs with ds_partition_show(). */
	u64 visible = smp_load_acquire(&p->map->visible_seq), lost, until;
	enum ds_backlog_found found;
	struct docstore_record record;
	unsigned int count = 0;

	while ((found = ds_cursor_peek(log, visible, &at, &record)) != DS_BACKLOG_NOTHING) {
		if (found == DS_BACKLOG_OVERRUN) {
			ds_cursor_lost(log, &at, &lost, &until);
			cursor->lost += lost;
			continue;
		}
		if (record.size > room)
			break;
		memcpy(to, &record, sizeof(record));
		memcpy(to + sizeof(record), ds_cursor_data(log, &at),
		       record.size - sizeof(record));
		if (!ds_cursor_good(log, &at))
			continue;
		to += record.size;
		room -= record.size;
		count++;
		ds_cursor_step(&at, &record);
	}
	cursor->at = at.at;
	cursor->next = at.next;
	return count;
}

uint64_t native_documents(const struct native *n)
{
	uint64_t documents = 0;
	unsigned int i;

	for (i = 0; i < n->partitions; i++)
		documents += n->owned[i]->p.stats.documents;
	return documents;
}

uint64_t native_bytes(const struct native *n)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < n->partitions; i++)
		bytes += (u64)n->owned[i]->brought << DOCSTORE_MAP_CHUNK_SHIFT;
	return bytes;
}

uint64_t native_monitor(const struct native *n, unsigned int partition, uint64_t *dirty)
{
	const struct docstore_map_store *head = native_head(n);
	const char *arena = n->base + head->arenas_offset + partition * head->arena_stride;
	const struct docstore_map_partition *map =
		(void *)(n->base + head->partitions_offset + partition * head->partition_stride);
	u32 buckets = READ_ONCE(map->buckets), number, i;
	const struct docstore_bucket *segment = NULL;
	uint64_t seen = 0;

	*dirty = 0;
	for (number = 0; number < buckets; number++) {
		const struct docstore_bucket *bucket;
		u32 s = number >> DOCSTORE_MAP_SEGMENT_SHIFT;

		if (number % DOCSTORE_MAP_SEGMENT == 0) {
			const u32 *dir = (const void *)(arena +
				((size_t)READ_ONCE(map->dir[s >> DOCSTORE_MAP_DIR_SHIFT]) <<
				 DOCSTORE_MAP_UNIT_SHIFT));

			segment = (const void *)(arena +
				((size_t)READ_ONCE(dir[s & (DOCSTORE_MAP_DIR_SEGMENTS - 1)]) <<
				 DOCSTORE_MAP_UNIT_SHIFT));
		}
		for (bucket = &segment[number % DOCSTORE_MAP_SEGMENT]; bucket;) {
			u32 next = READ_ONCE(bucket->next);

			for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
				u32 state = READ_ONCE(bucket->state[i]);

				seen += !!READ_ONCE(bucket->ref[i]);
				*dirty += !!(state & DOCSTORE_STATE_DIRTY);
			}
			bucket = next ? (const void *)(arena + ((size_t)next <<
							DOCSTORE_MAP_UNIT_SHIFT)) : NULL;
		}
	}
	return seen;
}

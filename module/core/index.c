// SPDX-License-Identifier: GPL-2.0
/*
 * The index of a partition: linear hashing over buckets of one cache line.
 */
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/prefetch.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "document.h"
#include "index.h"

/* An index begins with so many buckets. */
#define DS_INDEX_FIRST		16
/* Documents for each bucket, on the average, above which one more is made. */
#define DS_INDEX_LOAD		2

/**
 * ds_index_init() - prepare an empty index, which has no memory yet
 * @index: the index
 * @arena: the partition's arena
 * @map: the partition's published page
 */
void ds_index_init(struct ds_index *index, struct ds_arena *arena,
		   struct docstore_map_partition *map)
{
	BUILD_BUG_ON(sizeof(struct docstore_bucket) != 64);
	BUILD_BUG_ON(DOCSTORE_MAP_MAX_BUCKETS !=
		     DOCSTORE_MAP_DIRS * DOCSTORE_MAP_DIR_SEGMENTS * DOCSTORE_MAP_SEGMENT);
	BUILD_BUG_ON(sizeof(struct docstore_map_partition) > DS_PAGE_SIZE);

	memset(index, 0, sizeof(*index));
	index->arena = arena;
	index->map = map;
}

/*
 * A bucket by its number.
 *
 * Directory entries never change once they are stored, and they are stored
 * before the release store of @buckets that makes the bucket's number possible.
 */
static struct docstore_bucket *ds_index_bucket(const struct ds_index *index, u32 number)
{
	u32 segment = number >> DOCSTORE_MAP_SEGMENT_SHIFT;
	const u32 *dir;
	struct docstore_bucket *buckets;

	dir = ds_arena_ptr(index->arena,
			   READ_ONCE(index->map->dir[segment >> DOCSTORE_MAP_DIR_SHIFT]));
	buckets = ds_arena_ptr(index->arena,
			       READ_ONCE(dir[segment & (DOCSTORE_MAP_DIR_SEGMENTS - 1)]));
	return &buckets[number & (DOCSTORE_MAP_SEGMENT - 1)];
}

static struct docstore_bucket *ds_bucket_next(const struct ds_index *index,
					      const struct docstore_bucket *bucket)
{
	/* Pairs with the release store that links an overflow bucket. */
	u32 next = smp_load_acquire(&bucket->next);

	return next ? ds_arena_ptr(index->arena, next) : NULL;
}

static bool ds_state_tagged(u32 state, u64 hash)
{
	return state >> DOCSTORE_STATE_TAG_SHIFT == docstore_map_tag(hash);
}

/**
 * ds_index_prefetch() - bring a document's bucket nearer
 * @index: the index
 * @hash: hash of its id
 *
 * Context: anybody who holds the store.
 * Return: the bucket, or NULL if there is none yet.
 */
const struct docstore_bucket *ds_index_prefetch(const struct ds_index *index, u64 hash)
{
	/* Pairs with the release stores in ds_index_begin() and _grow(). */
	u32 buckets = smp_load_acquire(&index->map->buckets);
	const struct docstore_bucket *bucket;

	if (!buckets)
		return NULL;
	bucket = ds_index_bucket(index, docstore_map_bucket(hash, buckets));
	prefetch(bucket);
	return bucket;
}

/**
 * ds_index_prefetch_version() - bring a document's newest version nearer
 * @index: the index
 * @bucket: its bucket, prefetched a while ago
 * @hash: hash of its id
 *
 * Context: the owner.
 */
void ds_index_prefetch_version(const struct ds_index *index,
			       const struct docstore_bucket *bucket, u64 hash)
{
	const void *version;
	u32 i;

	for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
		if (!ds_state_tagged(bucket->state[i], hash) || !bucket->ref[i])
			continue;
		version = ds_arena_ptr(index->arena, bucket->ref[i]);
		prefetch(version);
		/* The next line: the id stands behind the header. */
		prefetch(version + DS_CACHE_LINE);
	}
}

/**
 * ds_index_find() - find a document's slot
 * @index: the index
 * @hash: hash of its id
 * @id: its id
 * @id_len: the id's length
 * @slot: where to note it
 *
 * Context: the owner.
 * Return: true if there is one. It has a version, maybe a tombstone.
 */
bool ds_index_find(struct ds_index *index, u64 hash, const u8 *id, u8 id_len,
		   struct ds_slot *slot)
{
	struct docstore_bucket *bucket;
	u32 i;

	if (!index->map->buckets)
		return false;
	bucket = ds_index_bucket(index, docstore_map_bucket(hash, index->map->buckets));
	for (; bucket; bucket = ds_bucket_next(index, bucket)) {
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
			if (!ds_state_tagged(bucket->state[i], hash) || !bucket->ref[i])
				continue;
			if (!ds_version_is(ds_arena_ptr(index->arena, bucket->ref[i]), id, id_len))
				continue;
			slot->bucket = bucket;
			slot->i = i;
			return true;
		}
	}
	return false;
}

static u32 ds_index_alloc(struct ds_index *index, u32 size)
{
	u32 ref = ds_arena_alloc(index->arena, size, false);

	if (ref)
		WRITE_ONCE(index->bytes, index->bytes + size);
	return ref;
}

/* Make directory and segments reach to one more segment of buckets. */
static bool ds_index_extend(struct ds_index *index)
{
	u32 segment = index->grown >> DOCSTORE_MAP_SEGMENT_SHIFT;
	u32 *top = &index->map->dir[segment >> DOCSTORE_MAP_DIR_SHIFT];
	u32 *dir, ref;

	if (index->grown == DOCSTORE_MAP_MAX_BUCKETS)
		return false;
	if (!*top) {
		ref = ds_index_alloc(index, DOCSTORE_MAP_DIR_SEGMENTS * sizeof(u32));
		if (!ref)
			return false;
		memset(ds_arena_ptr(index->arena, ref), 0, DOCSTORE_MAP_DIR_SEGMENTS * sizeof(u32));
		WRITE_ONCE(*top, ref);
	}
	ref = ds_index_alloc(index, DOCSTORE_MAP_SEGMENT * sizeof(struct docstore_bucket));
	if (!ref)
		return false;
	dir = ds_arena_ptr(index->arena, *top);
	/* Published by the release store of @buckets, when one of them is used. */
	WRITE_ONCE(dir[segment & (DOCSTORE_MAP_DIR_SEGMENTS - 1)], ref);
	index->grown += DOCSTORE_MAP_SEGMENT;
	return true;
}

static bool ds_index_begin(struct ds_index *index)
{
	if (index->map->buckets)
		return true;
	if (!index->grown && !ds_index_extend(index))
		return false;
	memset(ds_index_bucket(index, 0), 0, DS_INDEX_FIRST * sizeof(struct docstore_bucket));
	/* Publishes the directory and the buckets. */
	smp_store_release(&index->map->buckets, DS_INDEX_FIRST);
	return true;
}

static void ds_index_count_overflow(struct ds_index *index, u32 number, s32 count)
{
	if (ds_index_tallied(index, number))
		index->tally.overflow += count;
}

/* A free slot in the chain of a bucket, or a new overflow bucket with one. */
static bool ds_bucket_vacancy(struct ds_index *index, u32 number, struct ds_slot *slot)
{
	struct docstore_bucket *bucket = ds_index_bucket(index, number);
	struct docstore_bucket *last;
	u32 ref, i;

	for (; bucket; bucket = ds_bucket_next(index, bucket)) {
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
			if (bucket->ref[i] || bucket->state[i])
				continue;
			slot->bucket = bucket;
			slot->i = i;
			return true;
		}
		last = bucket;
	}
	ref = ds_index_alloc(index, sizeof(*bucket));
	if (!ref)
		return false;
	bucket = ds_arena_ptr(index->arena, ref);
	memset(bucket, 0, sizeof(*bucket));
	ds_index_count_overflow(index, number, 1);
	/* Publishes an empty bucket; pairs with ds_bucket_next(). */
	smp_store_release(&last->next, ref);
	slot->bucket = bucket;
	slot->i = 0;
	return true;
}

/**
 * ds_index_reserve() - take a slot for a document that has none
 * @index: the index
 * @hash: hash of its id
 * @flags: flags of the document, not 0
 * @slot: where to note it
 *
 * Readers pass over the slot until ds_index_link().
 *
 * Context: the owner.
 * Return: 0, or -ENOMEM.
 */
int ds_index_reserve(struct ds_index *index, u64 hash, u32 flags, struct ds_slot *slot)
{
	if (!ds_index_begin(index))
		return -ENOMEM;
	if (!ds_bucket_vacancy(index, docstore_map_bucket(hash, index->map->buckets), slot))
		return -ENOMEM;
	WRITE_ONCE(slot->bucket->stat[slot->i], 0);
	WRITE_ONCE(slot->bucket->state[slot->i],
		   docstore_map_tag(hash) << DOCSTORE_STATE_TAG_SHIFT | flags);
	index->slots++;
	if (ds_index_tallied(index, hash))
		index->tally.slots++;
	return 0;
}

/**
 * ds_index_link() - make a version the newest one of its document
 * @slot: the document's slot
 * @ref: the version, written completely
 *
 * Readers find it at once, and look at its predecessor until it is published.
 *
 * Context: the owner.
 */
void ds_index_link(struct ds_slot *slot, u32 ref)
{
	/* Orders the version's contents; pairs with ds_bucket_lookup(). */
	smp_store_release(&slot->bucket->ref[slot->i], ref);
}

/* Unlink overflow buckets that hold nothing; readers in them go on unharmed. */
static void ds_bucket_trim(struct ds_index *index, u32 number)
{
	struct docstore_bucket *bucket = ds_index_bucket(index, number);
	struct docstore_bucket *next;
	u32 ref, i;

	while ((ref = bucket->next)) {
		next = ds_arena_ptr(index->arena, ref);
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++)
			if (next->ref[i] || next->state[i])
				break;
		if (i < DOCSTORE_MAP_SLOTS) {
			bucket = next;
			continue;
		}
		/* As the link that it replaces; pairs with ds_bucket_next(). */
		smp_store_release(&bucket->next, next->next);
		ds_arena_retire(index->arena, ref, sizeof(*next));
		WRITE_ONCE(index->bytes, index->bytes - sizeof(*next));
		ds_index_count_overflow(index, number, -1);
	}
}

static void ds_slot_clear(struct ds_slot *slot)
{
	WRITE_ONCE(slot->bucket->ref[slot->i], 0);
	WRITE_ONCE(slot->bucket->state[slot->i], 0);
}

/**
 * ds_index_remove() - give a slot back
 * @index: the index
 * @hash: hash of the document's id
 * @slot: its slot
 *
 * What it refers to is not retired.
 *
 * Context: the owner.
 */
void ds_index_remove(struct ds_index *index, u64 hash, struct ds_slot *slot)
{
	u32 number = docstore_map_bucket(hash, index->map->buckets);

	ds_slot_clear(slot);
	index->slots--;
	if (ds_index_tallied(index, hash))
		index->tally.slots--;
	ds_bucket_trim(index, number);
}

/**
 * ds_index_flags() - change the flags of a document
 * @slot: its slot
 * @clear: enum docstore_state, flags to clear
 * @set: flags to set
 *
 * The owner is the only writer of the word: one store, which others load whole.
 *
 * Context: the owner.
 */
void ds_index_flags(struct ds_slot *slot, u32 clear, u32 set)
{
	u32 *state = &slot->bucket->state[slot->i];

	WRITE_ONCE(*state, (*state & ~clear) | set);
}

/**
 * ds_index_accessed() - count deltas of a document and note the time
 * @slot: its slot
 * @deltas: how many
 * @now: nanoseconds since 1970
 *
 * Context: the owner.
 */
void ds_index_accessed(struct ds_slot *slot, u32 deltas, u64 now)
{
	u32 *stat = &slot->bucket->stat[slot->i];
	u32 count = (*stat & DOCSTORE_STAT_DELTAS_MASK) + deltas;
	u32 time = div_u64(now, NSEC_PER_SEC * DOCSTORE_STAT_ACCESS_SECONDS);
	u32 word;

	count = min_t(u32, count, DOCSTORE_STAT_DELTAS_MASK);
	word = time << DOCSTORE_STAT_ACCESS_SHIFT | count;
	/* What is read only need not be taken out of other CPUs' caches. */
	if (word != *stat)
		WRITE_ONCE(*stat, word);
}

static u64 ds_slot_hash(const struct ds_index *index, const u64 *key, u32 ref)
{
	const struct docstore_version *v = ds_arena_ptr(index->arena, ref);

	return docstore_map_hash(key, ds_version_id(v), v->id_len);
}

/**
 * ds_index_find_hash() - find the slot of a document of which the hash is known
 * @index: the index
 * @key: the store's hash key
 * @hash: bits of the hash of its id: those that choose the bucket, and the tag
 * @mask: which bits these are
 * @slot: where to note it
 *
 * Context: the owner.
 * Return: true if there is a document whose id has such a hash.
 */
bool ds_index_find_hash(const struct ds_index *index, const u64 *key, u64 hash, u64 mask,
			struct ds_slot *slot)
{
	struct docstore_bucket *bucket;
	u32 i;

	if (!index->map->buckets)
		return false;
	bucket = ds_index_bucket(index, docstore_map_bucket(hash, index->map->buckets));
	for (; bucket; bucket = ds_bucket_next(index, bucket)) {
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
			if (!ds_state_tagged(bucket->state[i], hash) || !bucket->ref[i])
				continue;
			if ((ds_slot_hash(index, key, bucket->ref[i]) ^ hash) & mask)
				continue;
			slot->bucket = bucket;
			slot->i = i;
			return true;
		}
	}
	return false;
}

/* Move a slot within the index, in a section of @moves. */
static void ds_slot_move(struct ds_slot *from, const struct ds_slot *to)
{
	struct docstore_bucket *bucket = from->bucket;

	WRITE_ONCE(to->bucket->stat[to->i], bucket->stat[from->i]);
	WRITE_ONCE(to->bucket->state[to->i], bucket->state[from->i]);
	/* As ds_index_link(): readers may find the version here only. */
	smp_store_release(&to->bucket->ref[to->i], bucket->ref[from->i]);
	ds_slot_clear(from);
}

/* The next slot of a chain; false behind the last one. */
static bool ds_slot_advance(const struct ds_index *index, struct ds_slot *slot)
{
	if (++slot->i < DOCSTORE_MAP_SLOTS)
		return true;
	slot->i = 0;
	slot->bucket = ds_bucket_next(index, slot->bucket);
	return slot->bucket;
}

/*
 * Slots move between buckets in such sections. A reader that finds nothing
 * while @moves is odd, or not what it was when it began, looks again:
 *
 *	owner				reader
 *	-----				------
 *	moves odd			m = load_acquire(moves)
 *	smp_wmb()			look, find nothing
 *	move slots			smp_rmb()
 *	store_release(moves, even)	if m is odd or load(moves) != m: again
 *
 * Preemption is off, as for any sequence count, since readers spin meanwhile.
 */
static void ds_index_move_begin(struct ds_index *index)
{
	preempt_disable();
	WRITE_ONCE(index->map->moves, index->map->moves + 1);
	/* Before any slot changes; pairs with the smp_rmb() of readers. */
	smp_wmb();
}

static void ds_index_move_end(struct ds_index *index)
{
	/* After all slots have changed; pairs with the acquire of readers. */
	smp_store_release(&index->map->moves, index->map->moves + 1);
	preempt_enable();
}

/* Free the overflow buckets of a bucket that no reader can reach. */
static void ds_bucket_drop_chain(struct ds_index *index, struct docstore_bucket *bucket)
{
	u32 ref = bucket->next;

	bucket->next = 0;
	while (ref) {
		struct docstore_bucket *next = ds_arena_ptr(index->arena, ref);
		u32 after = next->next;

		ds_arena_free(index->arena, ref);
		WRITE_ONCE(index->bytes, index->bytes - sizeof(*next));
		ref = after;
	}
}

/* Make a bucket that no reader can reach empty, with a chain as long as another. */
static bool ds_bucket_match_chain(struct ds_index *index, u32 number,
				  struct docstore_bucket *old)
{
	struct docstore_bucket *fresh = ds_index_bucket(index, number);
	u32 count = 0;

	memset(fresh, 0, sizeof(*fresh));
	while ((old = ds_bucket_next(index, old))) {
		u32 ref = ds_index_alloc(index, sizeof(*fresh));
		struct docstore_bucket *bucket;

		if (!ref) {
			ds_bucket_drop_chain(index, fresh);
			return false;
		}
		bucket = ds_arena_ptr(index->arena, ref);
		memset(bucket, 0, sizeof(*bucket));
		bucket->next = fresh->next;
		fresh->next = ref;
		count++;
	}
	ds_index_count_overflow(index, number, count);
	return true;
}

static void ds_bucket_prefetch(const struct ds_index *index, struct docstore_bucket *bucket)
{
	u32 i;

	for (; bucket; bucket = ds_bucket_next(index, bucket))
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++)
			if (bucket->ref[i])
				prefetch(ds_arena_ptr(index->arena, bucket->ref[i]));
}

/**
 * ds_index_grow() - make one more bucket, if the index is full enough
 * @index: the index
 * @key: the store's hash key
 *
 * One bucket is split in two; all others stay as they are. Failing for want of
 * memory does no harm but that chains grow longer.
 *
 * Context: the owner, outside a commit: slots move.
 * Return: true if a bucket was made.
 */
bool ds_index_grow(struct ds_index *index, const u64 *key)
{
	struct docstore_map_partition *map = index->map;
	struct docstore_bucket *old, *fresh;
	struct ds_slot from, to, rest;
	u32 number = map->buckets;
	u32 bit;

	if (!number || index->slots <= (u64)number * DS_INDEX_LOAD)
		return false;
	if (number == index->grown && !ds_index_extend(index))
		return false;
	bit = 1U << ilog2(number);
	old = ds_index_bucket(index, number - bit);
	fresh = ds_index_bucket(index, number);
	if (!ds_bucket_match_chain(index, number, old))
		return false;
	ds_bucket_prefetch(index, old);

	from = (struct ds_slot){ .bucket = old };
	rest = from;
	to = (struct ds_slot){ .bucket = fresh };
	ds_index_move_begin(index);
	do {
		if (!ds_slot_ref(&from))
			continue;
		if (ds_slot_hash(index, key, ds_slot_ref(&from)) & bit) {
			ds_slot_move(&from, &to);
			ds_slot_advance(index, &to);
			continue;
		}
		/* What stays moves up, so that the chain gets shorter. */
		if (rest.bucket != from.bucket || rest.i != from.i)
			ds_slot_move(&from, &rest);
		ds_slot_advance(index, &rest);
	} while (ds_slot_advance(index, &from));
	/* Publishes the new bucket and its chain. */
	smp_store_release(&map->buckets, number + 1);
	ds_index_move_end(index);

	ds_bucket_trim(index, number - bit);
	ds_bucket_trim(index, number);
	return true;
}

static const struct docstore_version *ds_bucket_lookup(const struct ds_index *index,
						       const struct docstore_bucket *bucket,
						       u64 hash, const u8 *id, u8 id_len)
{
	const struct docstore_version *v;
	u32 ref, i;

	for (; bucket; bucket = ds_bucket_next(index, bucket)) {
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
			if (!ds_state_tagged(READ_ONCE(bucket->state[i]), hash))
				continue;
			/* Pairs with ds_index_link() and ds_slot_move(). */
			ref = smp_load_acquire(&bucket->ref[i]);
			if (!ref)
				continue;
			v = ds_arena_ptr(index->arena, ref);
			if (ds_version_is(v, id, id_len))
				return v;
		}
	}
	return NULL;
}

/**
 * ds_index_lookup() - find the newest version of a document
 * @index: the index
 * @hash: hash of its id
 * @id: its id
 * @id_len: the id's length
 *
 * Context: any, in an RCU read section.
 * Return: the version, visible or not; NULL if the document has no slot.
 */
const struct docstore_version *ds_index_lookup(const struct ds_index *index, u64 hash,
					       const u8 *id, u8 id_len)
{
	const struct docstore_map_partition *map = index->map;
	const struct docstore_version *v;
	u32 moves, buckets;

	for (;;) {
		/* Pairs with ds_index_move_end(). */
		moves = smp_load_acquire(&map->moves);
		/* Pairs with the release stores in ds_index_begin() and _grow(). */
		buckets = smp_load_acquire(&map->buckets);
		if (!buckets)
			return NULL;
		v = ds_bucket_lookup(index,
				     ds_index_bucket(index, docstore_map_bucket(hash, buckets)),
				     hash, id, id_len);
		if (v)
			return v;
		/* Pairs with the smp_wmb() in ds_index_move_begin(). */
		smp_rmb();
		if (!(moves & 1) && READ_ONCE(map->moves) == moves)
			return NULL;
		cpu_relax();
	}
}

/**
 * ds_bucket_last_position() - the last position that belongs to a bucket
 * @position: one that does
 * @number: number of the bucket
 * @buckets: how many buckets there are
 *
 * Return: the position.
 */
u64 ds_bucket_last_position(u64 position, u32 number, u32 buckets)
{
	u32 bits = fls(buckets - 1);

	/* A bucket that was not split in this round goes by one bit less. */
	if (bits && number < 1U << (bits - 1) && number + (1U << (bits - 1)) >= buckets)
		bits--;
	return bits ? position | ~0ULL >> bits : ~0ULL;
}

/*
 * Put a document where it belongs among those found. Of more than there is room
 * for the first ones stay, and the scan goes on at the first that did not.
 */
static void ds_scan_add(struct ds_scan *scan, u64 position, const struct docstore_version *v)
{
	u32 i = scan->count;

	if (i < DS_SCAN_MAX) {
		scan->count++;
	} else if (position < scan->found[i - 1].position) {
		i--;
		scan->last = scan->found[i].position - 1;
	} else {
		scan->last = position - 1;
		return;
	}
	for (; i && scan->found[i - 1].position > position; i--)
		scan->found[i] = scan->found[i - 1];
	scan->found[i].position = position;
	scan->found[i].version = v;
}

static void ds_scan_bucket(const struct ds_index *index, const u64 *key,
			   const struct docstore_bucket *bucket, struct ds_scan *scan)
{
	u32 ref, i;

	for (; bucket; bucket = ds_bucket_next(index, bucket)) {
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
			u64 position;

			/* Pairs with ds_index_link() and ds_slot_move(). */
			ref = smp_load_acquire(&bucket->ref[i]);
			if (!ref)
				continue;
			position = ds_position(ds_slot_hash(index, key, ref));
			/* Others were returned before, or will be. */
			if (position >= scan->from && position <= scan->last)
				ds_scan_add(scan, position, ds_arena_ptr(index->arena, ref));
		}
	}
}

/**
 * ds_index_scan() - collect the documents of one bucket
 * @index: the index
 * @key: the store's hash key
 * @scan: @from says where, the rest is filled in
 *
 * Going on behind @last finds every document that is there throughout exactly
 * once: buckets split along the order of positions.
 *
 * Context: any, in an RCU read section, to the end of which the versions found
 * may be looked at.
 */
void ds_index_scan(const struct ds_index *index, const u64 *key, struct ds_scan *scan)
{
	const struct docstore_map_partition *map = index->map;
	u32 moves, buckets, number;

	for (;;) {
		scan->count = 0;
		scan->last = U64_MAX;
		/* Pairs with ds_index_move_end(). */
		moves = smp_load_acquire(&map->moves);
		/* Pairs with the release stores in ds_index_begin() and _grow(). */
		buckets = smp_load_acquire(&map->buckets);
		if (!buckets)
			return;
		number = docstore_map_bucket(ds_position(scan->from), buckets);
		scan->last = ds_bucket_last_position(scan->from, number, buckets);
		ds_scan_bucket(index, key, ds_index_bucket(index, number), scan);
		/* Pairs with the smp_wmb() in ds_index_move_begin(). */
		smp_rmb();
		if (!(moves & 1) && READ_ONCE(map->moves) == moves)
			break;
		cpu_relax();
	}
	/* More of one hash than there is room for: not with a secret key, but. */
	scan->last = max(scan->last, scan->from);
}

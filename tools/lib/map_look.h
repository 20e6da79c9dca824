/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: one look at a document in the mapping of a store.
 *
 * A reader notes the partition's era, looks, copies, and looks at the era again: if
 * it has grown by more than DOCSTORE_MAP_ERAS, memory that was read may have been used
 * for something else meanwhile, and all of it is thrown away. So whatever is read may
 * be anything at all, and is checked before it leads anywhere, once for each time that
 * it is used: what must not change between check and use is loaded by an atomic load
 * into a variable of ours.
 *
 * It is all inline: a processor waits for memory twice in a read, for the bucket and
 * for the version, and begins with the next read meanwhile if that is not too many
 * instructions away. With some dozens more a read takes half as long again.
 */
#ifndef LIBDOCSTORE_MAP_LOOK_H
#define LIBDOCSTORE_MAP_LOOK_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "map.h"

#define UNITS(bytes)	(((bytes) + DOCSTORE_MAP_UNIT - 1) >> DOCSTORE_MAP_UNIT_SHIFT)

/* Of a document so many bytes are looked at, and copied, at once. */
#define AT_ONCE		192

#define load(p)		__atomic_load_n((p), __ATOMIC_RELAXED)
#define load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)

/* A chain is followed for so long before the era is looked at again. */
#define STEPS		64
/* No chain is so long. */
#define STEPS_MAX	(1 << 20)

#define rare(x)		__builtin_expect(!!(x), 0)

#define hot		inline __attribute__((always_inline))

/* For the function that reads: all that it calls goes into it. */
#define look_flat	__attribute__((flatten))

/**
 * enum look_when - which version of a document is wanted
 * @LOOK_NOW: one that is visible while we look
 * @LOOK_THEN: the one that was visible at a commit, if it still is
 * @LOOK_PINNED: the one that was visible at a commit, which a snapshot holds
 */
enum look_when { LOOK_NOW, LOOK_THEN, LOOK_PINNED };

/**
 * struct look - one attempt to read
 * @page: the partition's page
 * @arena: its arena
 * @limit: how far it has memory, as far as we know
 * @steps: how many links were followed
 * @when: which version it looks for
 * @era: the era in which it began
 * @seq: the commit up to which it sees
 */
struct look {
	const struct docstore_map_partition *page;
	const unsigned char *arena;
	uint32_t limit;
	uint32_t steps;
	enum look_when when;
	uint64_t era;
	uint64_t seq;
};

static hot void look_into(struct look *l, const struct ds_map *map, uint32_t partition)
{
	l->page = (const void *)(map->pages + partition * map->page_stride);
	l->arena = map->arenas + partition * map->arena_stride;
}

static hot void look_at(struct look *l, const struct ds_map *map, const struct ds_map_id *id)
{
	look_into(l, map, docstore_map_partition_of(id->hash, map->partitions));
}

/* What is in the arena at a place. */
static hot const void *place(const struct look *l, uint32_t ref)
{
	return l->arena + ((size_t)ref << DOCSTORE_MAP_UNIT_SHIFT);
}

static hot bool look_valid(const struct look *l)
{
	/*
	 * All loads so far before that of the era: pairs with the smp_mb() of the owner,
	 * which stands between the era and what it writes over old memory.
	 */
	atomic_thread_fence(memory_order_acquire);
	return load(&l->page->era) - l->era <= DOCSTORE_MAP_ERAS;
}

/* Nothing on the way there is ever freed. */
static hot const struct docstore_bucket *bucket_of(const struct look *l, uint64_t hash,
						   uint32_t buckets)
{
	uint32_t number = docstore_map_bucket(hash, buckets);
	uint32_t segment = number >> DOCSTORE_MAP_SEGMENT_SHIFT;
	const struct docstore_bucket *bucket;
	const uint32_t *dir;

	dir = place(l, load(&l->page->dir[segment >> DOCSTORE_MAP_DIR_SHIFT]));
	bucket = place(l, load(&dir[segment & (DOCSTORE_MAP_DIR_SEGMENTS - 1)]));
	return bucket + (number & (DOCSTORE_MAP_SEGMENT - 1));
}

/*
 * Which slots of a bucket carry a tag, as bits. Without branches: which one it is
 * can't be predicted, and a processor that has guessed wrong has not gone ahead to
 * the next read while it was waiting for the bucket.
 */
static hot uint32_t bucket_tagged(const struct docstore_bucket *bucket, uint64_t hash)
{
	uint32_t tag = docstore_map_tag(hash);

#ifdef __SSE2__
	/* The first four, and the last four; the tag is the upper half of a state. */
	__m128i first = _mm_loadu_si128((const void *)&bucket->state[0]);
	__m128i last = _mm_loadu_si128((const void *)&bucket->state[1]);
	__m128i tags = _mm_set1_epi16((short)tag);
	int fifth;

	first = _mm_cmpeq_epi16(first, tags);
	last = _mm_cmpeq_epi16(last, tags);
	/* A bit for each, of its upper half. */
	fifth = _mm_movemask_ps(_mm_castsi128_ps(last)) & 8;
	return (uint32_t)(fifth << 1 | _mm_movemask_ps(_mm_castsi128_ps(first)));
#else
	uint32_t found = 0, i;

	for (i = 0; i < DOCSTORE_MAP_SLOTS; i++)
		found |= (uint32_t)(load(&bucket->state[i]) >> DOCSTORE_STATE_TAG_SHIFT == tag) << i;
	return found;
#endif
}

/* What is needed of a version's header. */
static hot void version_head(const struct docstore_version *v, struct ds_map_view *view)
{
	view->at = (const unsigned char *)v;
	view->seq = load(&v->seq);
	view->size = load(&v->size);
	view->type = load(&v->type);
	view->nprops = load(&v->nprops);
	view->id_len = load(&v->id_len);
	view->flags = load(&v->flags);
}

/* Where the id lies in a version. */
static hot uint32_t version_id(const struct ds_map_view *view)
{
	uint32_t each = 2 * sizeof(uint16_t) + sizeof(uint8_t);

	each += !!(view->flags & DOCSTORE_VERSION_SET) * sizeof(uint32_t);
	each += !!(view->flags & DOCSTORE_VERSION_WIDE) * sizeof(uint16_t);
	return (uint32_t)sizeof(struct docstore_version) + each * view->nprops;
}

static hot bool bytes_same(const unsigned char *a, const unsigned char *b, uint32_t len)
{
#ifdef __SSE2__
	/* Two halves that may overlap. */
	if (len >= 16 && len <= 32) {
		const __m128i *a1 = (const void *)a, *a2 = (const void *)(a + len - 16);
		const __m128i *b1 = (const void *)b, *b2 = (const void *)(b + len - 16);
		__m128i one = _mm_cmpeq_epi8(_mm_loadu_si128(a1), _mm_loadu_si128(b1));
		__m128i two = _mm_cmpeq_epi8(_mm_loadu_si128(a2), _mm_loadu_si128(b2));

		return _mm_movemask_epi8(_mm_and_si128(one, two)) == 0xffff;
	}
#endif
	return !memcmp(a, b, len);
}

static hot bool version_is(const struct ds_map_view *view, const struct ds_map_id *id)
{
	uint32_t at = version_id(view);

	return view->id_len == id->len && at + id->len <= view->size &&
	       bytes_same(view->at + at, id->data, id->len);
}

/* How many units there are from a place on, at least as many as asked for; else 0. */
static inline uint32_t units_of(struct look *l, uint32_t ref, uint32_t units)
{
	/* An offset that was loaded may be newer than the limit that we know. */
	if (ref > l->limit || l->limit - ref < units)
		l->limit = load(&l->page->limit);
	return ref > l->limit || l->limit - ref < units ? 0 : l->limit - ref;
}

/* In a chain that does not end, memory must have been used again. */
static inline bool look_step(struct look *l)
{
	l->steps++;
	return l->steps < STEPS_MAX && (l->steps % STEPS || look_valid(l));
}

/* A version's header; false if there can be none. */
static inline bool version_load(struct look *l, uint32_t ref, struct ds_map_view *view)
{
	const struct docstore_version *v = place(l, ref);
	uint32_t units = units_of(l, ref, UNITS(sizeof(*v)));

	if (!units)
		return false;
	version_head(v, view);
	return view->size >= sizeof(*v) &&
	       view->size <= (uint64_t)units << DOCSTORE_MAP_UNIT_SHIFT;
}

/*
 * What happens nearly always: the document's slot is in its bucket, alone with its tag,
 * and its newest version is visible. Without a loop, so that the compiler keeps
 * everything at hand. Return 0 with the document in @view, AT_ONCE bytes of which are
 * in the arena if it has fewer; -EINPROGRESS if it is not so.
 */
static hot int look_once(struct look *l, const struct ds_map_id *id, struct ds_map_view *view)
{
	const struct docstore_bucket *bucket;
	uint32_t buckets, found, ref, limit;

	/* Pairs with the store that publishes a bucket. */
	buckets = load_acquire(&l->page->buckets);
	if (rare(!buckets))
		return -EINPROGRESS;
	bucket = bucket_of(l, id->hash, buckets);
	found = bucket_tagged(bucket, id->hash);
	if (rare(!found))
		return -EINPROGRESS;
	/* Pairs with the store that links a version, or moves it. */
	ref = load_acquire(&bucket->ref[__builtin_ctz(found)]);
	limit = load(&l->page->limit);
	if (rare((uint64_t)ref + UNITS(AT_ONCE) > limit))
		return -EINPROGRESS;
	version_head(place(l, ref), view);
	if (rare(view->size > AT_ONCE && (uint64_t)ref + UNITS((uint64_t)view->size) > limit))
		return -EINPROGRESS;
	if (rare(!version_is(view, id) || view->seq > l->seq ||
		 view->flags & DOCSTORE_VERSION_TOMBSTONE))
		return -EINPROGRESS;
	return 0;
}

/* The same, from the beginning. */
static hot int look_at_once(struct look *l, const struct ds_map *map, const struct ds_map_id *id,
			    struct ds_map_view *view)
{
	look_at(l, map, id);
	/* Pairs with the store with release that lets memory be used again. */
	l->era = load_acquire(&l->page->era);
	/* Pairs with the store with release that publishes a commit. */
	l->seq = load_acquire(&l->page->visible_seq);
	return look_once(l, id, view);
}

/* A copy knows no place, as if the kernel had made it. */
static hot void look_copied(void *buffer)
{
	const uint32_t none = 0;

	memcpy((char *)buffer + offsetof(struct docstore_version, prev), &none, sizeof(none));
}

/*
 * The beginning is copied whether or not there is so much of the document: where to and
 * how much does not depend on what is read, so that neither this nor the next read has
 * to wait for the document's size.
 */
static hot int look_copy(const struct ds_map_view *view, void *buffer, size_t room)
{
	if (rare(view->size > AT_ONCE || room < AT_ONCE)) {
		if (view->size > room)
			return -ENOBUFS;
		memcpy(buffer, view->at, view->size);
	} else {
		memcpy(buffer, view->at, AT_ONCE);
	}
	look_copied(buffer);
	return 0;
}

/**
 * ds_map_copy() - copy a document
 * @map: the mapping
 * @id: the document
 * @buffer: where to
 * @room: bytes there
 * @view: what its header says; @at is of no use any more
 *
 * Return: 0, -ENOBUFS, -ENOENT, or -EAGAIN: ask the kernel. @view is good for the
 * first two. What was copied is what the kernel has published, and has this id.
 */
static hot int ds_map_copy(struct ds_map *map, const struct ds_map_id *id, void *buffer,
			   size_t room, struct ds_map_view *view)
{
	unsigned int tries = 0;
	struct ds_map_view other;
	struct look l;
	int ret;

	if (!rare(look_at_once(&l, map, id, view))) {
		ret = look_copy(view, buffer, room);
		if (!rare(!look_valid(&l)))
			return ret;
		tries = 1;
	}
	/* The caller's view has no address that anybody knows, and need not be in memory. */
	ret = ds_map_copy_at_length(map, id, buffer, room, &other, tries);
	*view = other;
	return ret;
}

#endif /* LIBDOCSTORE_MAP_LOOK_H */

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: reading documents out of the mapping of a store.
 *
 * A reader notes the partition's era, looks, copies, and looks at the era again:
 * if it has grown by more than one, memory that was read may have been used for
 * something else meanwhile, and all of it is thrown away. So whatever is read may
 * be anything at all, and is checked before it leads anywhere, once for each time
 * that it is used: what must not change between check and use is loaded by an
 * atomic load into a variable of ours.
 */
#include <errno.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "map.h"

#define UNITS(bytes)	(((bytes) + DOCSTORE_MAP_UNIT - 1) >> DOCSTORE_MAP_UNIT_SHIFT)

/* Of a document so many bytes are copied at once. */
#define AT_ONCE		256

/* A chain is followed for so long before the era is looked at again. */
#define STEPS		64
/* No chain is so long. */
#define STEPS_MAX	(1 << 20)

/* Tests send reads the long way as well. */
#ifndef READ_AT_ONCE
#define READ_AT_ONCE	true
#endif

#define load(p)		__atomic_load_n((p), __ATOMIC_RELAXED)
#define load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)

#define rare(x)		__builtin_expect(!!(x), 0)

#define hot		inline __attribute__((always_inline))

/**
 * struct look - one attempt to read
 * @page: the partition's page
 * @arena: its arena
 * @limit: how far it has memory, as far as we know
 * @steps: how many links were followed
 * @era: the era in which it began
 * @seq: the commit up to which it sees
 */
struct look {
	const struct docstore_map_partition *page;
	const unsigned char *arena;
	uint32_t limit;
	uint32_t steps;
	uint64_t era;
	uint64_t seq;
};

static bool header_good(const struct docstore_map_store *h, size_t size)
{
	uint64_t pages, arenas;

	if (memcmp(h->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE) ||
	    h->layout != DOCSTORE_MAP_LAYOUT || h->size != size)
		return false;
	if (!h->partitions || h->partitions > DOCSTORE_MAX_PARTITIONS ||
	    h->partition_stride < sizeof(struct docstore_map_partition) ||
	    h->partition_stride > size || h->arena_stride > size)
		return false;
	pages = h->partitions * h->partition_stride;
	arenas = h->partitions * h->arena_stride;
	return h->partitions_offset <= size && pages <= size - h->partitions_offset &&
	       h->arenas_offset <= size && arenas <= size - h->arenas_offset &&
	       h->names_offset <= size && h->names_size <= size - h->names_offset &&
	       !(h->partitions_offset & 63) && !(h->partition_stride & 63) &&
	       !(h->arenas_offset & 63) && !(h->arena_stride & 63);
}

/*
 * ds_map_init() - begin to read a mapping
 * @map: what is filled in
 * @base: the whole mapping
 * @size: its bytes
 *
 * Return: 0; -EBADMSG if this is no mapping as we know it.
 */
int ds_map_init(struct ds_map *map, const void *base, size_t size)
{
	const struct docstore_map_store *h = base;

	if (size < sizeof(*h) || !header_good(h, size))
		return -EBADMSG;
	*map = (struct ds_map){
		.base = base,
		.size = size,
		.pages = (const unsigned char *)base + h->partitions_offset,
		.page_stride = h->partition_stride,
		.arenas = (const unsigned char *)base + h->arenas_offset,
		.arena_stride = h->arena_stride,
		.partitions = h->partitions,
		.key = { h->key[0], h->key[1] },
	};
	return 0;
}

static hot void look_at(struct look *l, const struct ds_map *map, const struct ds_map_id *id)
{
	uint32_t partition = docstore_map_partition_of(id->hash, map->partitions);

	l->page = (const void *)(map->pages + partition * map->page_stride);
	l->arena = map->arenas + partition * map->arena_stride;
	l->limit = load(&l->page->limit);
	l->steps = 0;
}

/* What is in the arena at a place. */
static hot const void *place(const struct look *l, uint32_t ref)
{
	return l->arena + ((size_t)ref << DOCSTORE_MAP_UNIT_SHIFT);
}

/* How many units there are from a place on, at least as many as asked for; else 0. */
static hot uint32_t units_of(struct look *l, uint32_t ref, uint32_t units)
{
	/* An offset that was loaded may be newer than the limit that we know. */
	if (rare(ref > l->limit || l->limit - ref < units))
		l->limit = load(&l->page->limit);
	return rare(ref > l->limit || l->limit - ref < units) ? 0 : l->limit - ref;
}

static hot bool look_valid(const struct look *l)
{
	/*
	 * All loads so far before that of the era: pairs with the smp_wmb() of the
	 * owner, which stands between the era and what it writes over old memory.
	 */
	atomic_thread_fence(memory_order_acquire);
	return load(&l->page->era) - l->era <= 1;
}

/* In a chain that does not end, memory must have been used again. */
static hot bool look_step(struct look *l)
{
	l->steps++;
	return l->steps < STEPS_MAX && (l->steps % STEPS || look_valid(l));
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
	uint32_t tag = docstore_map_tag(hash), found = 0, i = 0;

#ifdef __SSE2__
	const __m128i *states = (const void *)bucket->state;
	__m128i four = _mm_srli_epi32(_mm_loadu_si128(states), DOCSTORE_STATE_TAG_SHIFT);

	four = _mm_cmpeq_epi32(four, _mm_set1_epi32((int)tag));
	found = (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(four));
	i = 4;
#endif
	for (; i < DOCSTORE_MAP_SLOTS; i++)
		found |= (uint32_t)(load(&bucket->state[i]) >> DOCSTORE_STATE_TAG_SHIFT == tag) << i;
	return found;
}

/*
 * Have all of a version brought near at once, as far as documents usually go: where
 * it ends is written at its beginning, and would be known one miss later.
 */
static hot void version_prefetch(const unsigned char *at)
{
	__builtin_prefetch(at);
	__builtin_prefetch(at + 64);
	__builtin_prefetch(at + 128);
	__builtin_prefetch(at + 176);
}

/* What is needed of a version's header; false if there can be none. */
static hot bool version_load(struct look *l, uint32_t ref, struct ds_map_view *view)
{
	uint32_t units = units_of(l, ref, UNITS(sizeof(struct docstore_version)));
	const struct docstore_version *v = place(l, ref);

	if (rare(!units))
		return false;
	view->at = (const unsigned char *)v;
	view->units = units;
	version_prefetch(view->at);
	view->seq = load(&v->seq);
	view->size = load(&v->size);
	view->prev = load(&v->prev);
	view->type = load(&v->type);
	view->nprops = load(&v->nprops);
	view->id_len = load(&v->id_len);
	view->flags = load(&v->flags);
	return view->size >= sizeof(*v) &&
	       view->size <= (uint64_t)units << DOCSTORE_MAP_UNIT_SHIFT;
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

/* From the newest version to the one that is visible. */
static hot int version_visible(struct look *l, struct ds_map_view *view)
{
	while (rare(view->seq > l->seq)) {
		if (!view->prev)
			return -ENOENT;
		if (!version_load(l, view->prev, view) || !look_step(l))
			return -EAGAIN;
	}
	return view->flags & DOCSTORE_VERSION_TOMBSTONE ? -ENOENT : 0;
}

static hot int bucket_look(struct look *l, const struct docstore_bucket *bucket,
			   const struct ds_map_id *id, struct ds_map_view *view)
{
	uint32_t found, ref, next;

	for (;;) {
		for (found = bucket_tagged(bucket, id->hash); found; found &= found - 1) {
			/* Pairs with the store that links a version, or moves it. */
			ref = load_acquire(&bucket->ref[__builtin_ctz(found)]);
			if (rare(!ref))
				continue;
			if (rare(!version_load(l, ref, view)))
				return -EAGAIN;
			if (version_is(view, id))
				return version_visible(l, view);
		}
		/* Pairs with the store that links an overflow bucket. */
		next = load_acquire(&bucket->next);
		if (!next)
			return -ENOENT;
		if (!units_of(l, next, UNITS(sizeof(*bucket))) || !look_step(l))
			return -EAGAIN;
		bucket = place(l, next);
	}
}

/* One attempt: 0 with the document in @view, -ENOENT, or -EAGAIN. */
static hot int look(struct look *l, const struct ds_map_id *id, struct ds_map_view *view)
{
	uint32_t moves, buckets;
	int ret;

	/* Pairs with the store with release that lets memory be used again. */
	l->era = load_acquire(&l->page->era);
	/* Pairs with the store with release that publishes a commit. */
	l->seq = load_acquire(&l->page->visible_seq);
	/* Pairs with the end of a section in which slots move. */
	moves = load_acquire(&l->page->moves);
	/* Pairs with the store that publishes a bucket. */
	buckets = load_acquire(&l->page->buckets);
	if (rare(!buckets))
		return -ENOENT;
	ret = bucket_look(l, bucket_of(l, id->hash, buckets), id, view);
	if (ret != -ENOENT)
		return ret;
	/*
	 * It may have moved while we looked. Pairs with the smp_wmb() between
	 * moves and the slots.
	 */
	atomic_thread_fence(memory_order_acquire);
	return moves & 1 || load(&l->page->moves) != moves ? -EAGAIN : -ENOENT;
}

/* All that can happen, as often as it takes, after so many attempts in vain. */
static __attribute__((noinline)) int read_at_length(struct ds_map *map, const struct ds_map_id *id,
						    ds_map_fn *fn, void *arg, int tries)
{
	struct ds_map_view view;
	struct look l;
	int ret;

	look_at(&l, map, id);
	for (; tries < DS_MAP_TRIES; tries++) {
		if (__builtin_expect(tries, 0))
			atomic_fetch_add_explicit(&map->retries, 1, memory_order_relaxed);
		ret = look(&l, id, &view);
		if (!ret)
			ret = fn(&view, arg);
		if (look_valid(&l) && ret != -EAGAIN)
			return ret;
	}
	atomic_fetch_add_explicit(&map->refused, 1, memory_order_relaxed);
	return -EAGAIN;
}

/*
 * What happens nearly always: the document's slot is in its bucket, alone with its tag,
 * and its newest version is visible. Without a loop, so that the compiler keeps
 * everything at hand, and the processor has come to the next read while it still waits
 * for this one's memory. Return what @fn returned;
 * -EINPROGRESS if it is not so, and -EAGAIN if memory was used again meanwhile.
 */
static hot int read_at_once(struct ds_map *map, const struct ds_map_id *id, ds_map_fn *fn,
			    void *arg)
{
	const struct docstore_bucket *bucket;
	struct ds_map_view view;
	uint32_t buckets, found;
	struct look l;
	int ret;

	look_at(&l, map, id);
	/* As in look(). */
	l.era = load_acquire(&l.page->era);
	l.seq = load_acquire(&l.page->visible_seq);
	buckets = load_acquire(&l.page->buckets);
	if (rare(!buckets))
		return -EINPROGRESS;
	bucket = bucket_of(&l, id->hash, buckets);
	found = bucket_tagged(bucket, id->hash);
	if (rare(!found))
		return -EINPROGRESS;
	if (rare(!version_load(&l, load_acquire(&bucket->ref[__builtin_ctz(found)]), &view)))
		return -EINPROGRESS;
	if (rare(!version_is(&view, id) || view.seq > l.seq ||
		 view.flags & DOCSTORE_VERSION_TOMBSTONE))
		return -EINPROGRESS;
	ret = fn(&view, arg);
	return rare(!look_valid(&l)) ? -EAGAIN : ret;
}

static hot int map_read(struct ds_map *map, const struct ds_map_id *id, ds_map_fn *fn, void *arg)
{
	int ret = READ_AT_ONCE ? read_at_once(map, id, fn, arg) : -EINPROGRESS;

	if (rare(ret == -EINPROGRESS || ret == -EAGAIN))
		ret = read_at_length(map, id, fn, arg, ret == -EAGAIN);
	return ret;
}

/*
 * ds_map_read() - find a document
 * @map: the mapping
 * @id: the document
 * @fn: what to do with it. It checks each offset against the version's size, and
 *	returns -EAGAIN if what it sees can be no document
 * @arg: for @fn
 *
 * Return: what @fn returned, -ENOENT, or -EAGAIN: ask the kernel.
 */
int ds_map_read(struct ds_map *map, const struct ds_map_id *id, ds_map_fn *fn, void *arg)
{
	return map_read(map, id, fn, arg);
}

/* Where a document is to be copied. */
struct copy {
	void *buffer;
	size_t room;
	struct ds_map_view *view;
};

/*
 * The beginning is copied whether or not there is so much of the document, if there is
 * so much memory on both sides: where to and how much does not depend on what is read,
 * so that neither this nor the next read has to wait for the document's size.
 */
static hot int copy_out(const struct ds_map_view *view, void *arg)
{
	const uint32_t none = 0;
	struct copy *copy = arg;

	/* Not as a whole: what is loaded at once should not have been stored in pieces. */
	copy->view->seq = view->seq;
	copy->view->size = view->size;
	copy->view->type = view->type;
	copy->view->nprops = view->nprops;
	copy->view->id_len = view->id_len;
	copy->view->flags = view->flags;
	if (copy->room < AT_ONCE || rare(view->units < UNITS(AT_ONCE))) {
		if (view->size > copy->room)
			return -ENOBUFS;
		memcpy(copy->buffer, view->at, view->size);
	} else {
		memcpy(copy->buffer, view->at, AT_ONCE);
		if (view->size > AT_ONCE) {
			if (view->size > copy->room)
				return -ENOBUFS;
			memcpy((char *)copy->buffer + AT_ONCE, view->at + AT_ONCE,
			       view->size - AT_ONCE);
		}
	}
	/* As the kernel does it. */
	memcpy((char *)copy->buffer + offsetof(struct docstore_version, prev), &none, sizeof(none));
	return 0;
}

/*
 * ds_map_copy() - copy a document
 * @map: the mapping
 * @id: the document
 * @buffer: where to
 * @room: bytes there
 * @view: what its header says; @at, @units and @prev are not set
 *
 * Return: 0, -ENOBUFS, -ENOENT, or -EAGAIN: ask the kernel. @view is good for the
 * first two. What was copied is what the kernel has published, and has this id.
 */
int ds_map_copy(struct ds_map *map, const struct ds_map_id *id, void *buffer, size_t room,
		struct ds_map_view *view)
{
	struct copy copy = { buffer, room, view };

	return map_read(map, id, copy_out, &copy);
}

/*
 * ds_map_names() - the names of a store
 * @map: the mapping
 * @names: where they begin
 *
 * Return: bytes of what there is by now, which does not change any more.
 */
size_t ds_map_names(const struct ds_map *map, const unsigned char **names)
{
	const struct docstore_map_store *head = (const void *)map->base;
	/* Pairs with the store that publishes a name. */
	uint64_t used = load_acquire(&head->names_used);

	*names = map->base + head->names_offset;
	return used < head->names_size ? used : head->names_size;
}

/*
 * ds_map_prefetch() - bring documents nearer that will be read next
 * @map: the mapping
 * @ids: the documents
 * @count: how many, at most DS_MAP_GROUP
 *
 * Their buckets first, all at once, and then the versions to which these lead: the
 * processor waits for many misses in the time of two.
 */
void ds_map_prefetch(const struct ds_map *map, const struct ds_map_id *ids, unsigned int count)
{
	const struct docstore_bucket *buckets[DS_MAP_GROUP];
	uint32_t number, found, ref;
	struct look l;
	unsigned int n;

	for (n = 0; n < count; n++) {
		look_at(&l, map, &ids[n]);
		number = load_acquire(&l.page->buckets);
		buckets[n] = number ? bucket_of(&l, ids[n].hash, number) : NULL;
		if (buckets[n])
			__builtin_prefetch(buckets[n]);
	}
	for (n = 0; n < count; n++) {
		found = buckets[n] ? bucket_tagged(buckets[n], ids[n].hash) : 0;
		if (!found)
			continue;
		look_at(&l, map, &ids[n]);
		/* To prefetch what is not there does no harm. */
		ref = load(&buckets[n]->ref[__builtin_ctz(found)]);
		version_prefetch(place(&l, ref));
	}
}

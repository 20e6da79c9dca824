// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: reading documents out of the mapping of a store, whatever happens
 * there meanwhile. What nearly always happens is in map_look.h.
 */
#include <errno.h>
#include <string.h>

#include "map_look.h"

/* A chain is followed for so long before the era is looked at again. */
#define STEPS		64
/* No chain is so long. */
#define STEPS_MAX	(1 << 20)

/* Tests send reads the long way as well. */
#ifndef READ_AT_ONCE
#define READ_AT_ONCE	true
#endif

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

/* How many units there are from a place on, at least as many as asked for; else 0. */
static uint32_t units_of(struct look *l, uint32_t ref, uint32_t units)
{
	/* An offset that was loaded may be newer than the limit that we know. */
	if (ref > l->limit || l->limit - ref < units)
		l->limit = load(&l->page->limit);
	return ref > l->limit || l->limit - ref < units ? 0 : l->limit - ref;
}

/* In a chain that does not end, memory must have been used again. */
static bool look_step(struct look *l)
{
	l->steps++;
	return l->steps < STEPS_MAX && (l->steps % STEPS || look_valid(l));
}

/*
 * Have all of a version brought near at once, as far as documents usually go: where
 * it ends is written at its beginning, and would be known one miss later.
 */
static void version_prefetch(const unsigned char *at)
{
	__builtin_prefetch(at);
	__builtin_prefetch(at + 64);
	__builtin_prefetch(at + 128);
	__builtin_prefetch(at + 176);
}

/* A version's header; false if there can be none. */
static bool version_load(struct look *l, uint32_t ref, struct ds_map_view *view)
{
	const struct docstore_version *v = place(l, ref);
	uint32_t units = units_of(l, ref, UNITS(sizeof(*v)));

	if (!units)
		return false;
	version_head(v, view);
	l->prev = load(&v->prev);
	return view->size >= sizeof(*v) &&
	       view->size <= (uint64_t)units << DOCSTORE_MAP_UNIT_SHIFT;
}

/* From the newest version to the one that is visible. */
static int version_visible(struct look *l, struct ds_map_view *view)
{
	while (view->seq > l->seq) {
		if (!l->prev)
			return -ENOENT;
		if (!version_load(l, l->prev, view) || !look_step(l))
			return -EAGAIN;
	}
	return view->flags & DOCSTORE_VERSION_TOMBSTONE ? -ENOENT : 0;
}

static int bucket_look(struct look *l, const struct docstore_bucket *bucket,
			   const struct ds_map_id *id, struct ds_map_view *view)
{
	uint32_t found, ref, next;

	for (;;) {
		for (found = bucket_tagged(bucket, id->hash); found; found &= found - 1) {
			/* Pairs with the store that links a version, or moves it. */
			ref = load_acquire(&bucket->ref[__builtin_ctz(found)]);
			if (!ref)
				continue;
			if (!version_load(l, ref, view))
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
static int look(struct look *l, const struct ds_map_id *id, struct ds_map_view *view)
{
	uint32_t moves, buckets;
	int ret;

	/* As in look_at_once(). */
	l->era = load_acquire(&l->page->era);
	l->seq = load_acquire(&l->page->visible_seq);
	/* Pairs with the end of a section in which slots move. */
	moves = load_acquire(&l->page->moves);
	buckets = load_acquire(&l->page->buckets);
	if (!buckets)
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
static int read_at_length(struct ds_map *map, const struct ds_map_id *id, ds_map_fn *fn, void *arg,
			  unsigned int tries)
{
	struct ds_map_view view;
	struct look l;
	int ret;

	look_at(&l, map, id);
	l.limit = 0;
	l.steps = 0;
	for (; tries < DS_MAP_TRIES; tries++) {
		if (tries)
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
	unsigned int tries = 0;
	struct ds_map_view view;
	struct look l;
	int ret;

	if (READ_AT_ONCE && !look_at_once(&l, map, id, &view)) {
		version_prefetch(view.at);
		ret = fn(&view, arg);
		if (look_valid(&l) && ret != -EAGAIN)
			return ret;
		tries = 1;
	}
	return read_at_length(map, id, fn, arg, tries);
}

/* Where a document is to be copied. */
struct copy {
	void *buffer;
	size_t room;
	struct ds_map_view *view;
};

static int copy_out(const struct ds_map_view *view, void *arg)
{
	struct copy *copy = arg;

	*copy->view = *view;
	if (view->size > copy->room)
		return -ENOBUFS;
	memcpy(copy->buffer, view->at, view->size);
	look_copied(copy->buffer);
	return 0;
}

/*
 * ds_map_copy_at_length() - ds_map_copy(), when a look was not enough
 * @tries: attempts that were in vain
 */
int ds_map_copy_at_length(struct ds_map *map, const struct ds_map_id *id, void *buffer,
			  size_t room, struct ds_map_view *view, unsigned int tries)
{
	struct copy copy = { buffer, room, view };

	return read_at_length(map, id, copy_out, &copy, tries);
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

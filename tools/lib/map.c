// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: reading documents out of the mapping of a store, whatever happens
 * there meanwhile. What nearly always happens is in map_look.h.
 */
#include <errno.h>
#include <string.h>

#include "map_look.h"

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

/*
 * From a newest version that is not visible yet to the one before it. That one may be
 * taken if the newest was not visible after prev was loaded: an owner that publishes
 * goes on to take out of the chain what nobody needs, so that prev may lead further
 * back then. Who wants the version of a commit must see that there was none since.
 */
static int version_before(struct look *l, struct ds_map_view *view)
{
	const struct docstore_version *newest = (const void *)view->at;
	uint64_t seq = view->seq, visible;
	/* Pairs with the store with release of who takes a version out of the chain. */
	uint32_t prev = load_acquire(&newest->prev);

	/* Behind prev, by its acquire. Pairs with the store that publishes a commit. */
	visible = load_acquire(&l->page->visible_seq);
	if (l->when == LOOK_THEN ? visible != l->seq : visible >= seq)
		return -EAGAIN;
	if (!prev)
		return -ENOENT;
	return version_load(l, prev, view) && view->seq <= visible ? 0 : -EAGAIN;
}

/* From the newest version to the one that a snapshot sees, as far back as that is. */
static int version_pinned(struct look *l, struct ds_map_view *view)
{
	while (view->seq > l->seq) {
		const struct docstore_version *v = (const void *)view->at;
		uint64_t seq = view->seq;
		/* Pairs with the store with release of who takes a version out of the chain. */
		uint32_t prev = load_acquire(&v->prev);

		if (!prev)
			return -ENOENT;
		/* Each is older than the one before: in a circle we would not stay for long. */
		if (!version_load(l, prev, view) || view->seq >= seq || !look_step(l))
			return -EAGAIN;
	}
	return 0;
}

/* From the newest version to the one that is wanted. */
static int version_wanted(struct look *l, struct ds_map_view *view)
{
	int ret = 0;

	if (view->seq > l->seq)
		ret = l->when == LOOK_PINNED ? version_pinned(l, view) : version_before(l, view);
	if (ret)
		return ret;
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
				return version_wanted(l, view);
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
	l.when = LOOK_NOW;
	for (; tries < DS_MAP_TRIES; tries++) {
		if (tries)
			ds_map_retry(map);
		/* As in look_at_once(). */
		l.era = load_acquire(&l.page->era);
		l.seq = load_acquire(&l.page->visible_seq);
		ret = look(&l, id, &view);
		if (!ret)
			ret = fn(&view, arg);
		if (look_valid(&l) && ret != -EAGAIN)
			return ret;
	}
	ds_map_refuse(map);
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
 * ds_map_revoked() - is the snapshot gone?
 * @map: the mapping, as of a snapshot
 *
 * Return: true if what was read until now may be anything.
 */
bool ds_map_revoked(const struct ds_map *map)
{
	/*
	 * All loads so far before that of the state: pairs with what stands between the
	 * store to it and the release of the versions that the snapshot has held.
	 */
	atomic_thread_fence(memory_order_acquire);
	return load(map->state) & DOCSTORE_SNAPSHOT_REVOKED;
}

/*
 * ds_map_read_pinned() - find a document as of a snapshot
 * @map: the mapping, as of a snapshot
 * @id: the document
 * @fn: as for ds_map_read(), but that it is called once: what it sees stays
 * @arg: for @fn
 *
 * Return: what @fn returned, -ENOENT; -ESTALE if the snapshot was revoked; or -EAGAIN:
 * ask the kernel.
 */
int ds_map_read_pinned(struct ds_map *map, const struct ds_map_id *id, ds_map_fn *fn, void *arg)
{
	uint32_t partition = docstore_map_partition_of(id->hash, map->partitions);
	struct ds_map_view view;
	unsigned int tries;
	struct look l;
	int ret;

	look_into(&l, map, partition);
	l.limit = 0;
	l.steps = 0;
	l.when = LOOK_PINNED;
	l.seq = map->seq[partition];
	for (tries = 0; tries < DS_MAP_TRIES; tries++) {
		if (tries)
			ds_map_retry(map);
		/* As in look_at_once(). */
		l.era = load_acquire(&l.page->era);
		ret = READ_AT_ONCE && !tries ? look_once(&l, id, &view) : -EINPROGRESS;
		if (ret)
			ret = look(&l, id, &view);
		/* What leads to the version may change; the version itself is held. */
		if (!look_valid(&l) || ret == -EAGAIN)
			continue;
		if (!ret)
			ret = fn(&view, arg);
		if (ds_map_revoked(map))
			return -ESTALE;
		if (ret != -EAGAIN)
			return ret;
		break;
	}
	ds_map_refuse(map);
	return -EAGAIN;
}

/*
 * ds_map_copy_pinned() - copy a document as of a snapshot: see ds_map_copy()
 */
int ds_map_copy_pinned(struct ds_map *map, const struct ds_map_id *id, void *buffer, size_t room,
		       struct ds_map_view *view)
{
	struct copy copy = { buffer, room, view };

	return ds_map_read_pinned(map, id, copy_out, &copy);
}

/* So often an epoch that is odd is looked at: it is for a few stores only. */
#define EPOCH_LOOKS	1000

/*
 * ds_map_moment() - what some partitions show, all of them at one moment
 * @map: the mapping
 * @moment: which partitions; what they show goes there
 *
 * If nobody publishes between two looks at each, then what was seen holds at any time
 * between the last of the first looks and the first of the second ones. A commit of
 * several partitions publishes one after the other; the epoch says that it is at it.
 *
 * Return: false if it did change, or goes on changing.
 */
bool ds_map_moment(const struct ds_map *map, struct ds_map_moment *moment)
{
	const struct docstore_map_store *head = (const void *)map->base;
	unsigned int looks = 0;
	uint32_t epoch, i, p;
	struct look l;

	for (i = 0; i < moment->count; i++) {
		p = moment->partition[i];
		look_into(&l, map, p);
		/* Before the visible_seq, as in look_at_once(). */
		moment->era[p] = load_acquire(&l.page->era);
	}
	/* Pairs with the store with release that ends a commit of several partitions. */
	while ((epoch = load_acquire(&head->epoch)) & 1)
		if (++looks == EPOCH_LOOKS)
			return false;
	for (i = 0; i < moment->count; i++) {
		p = moment->partition[i];
		look_into(&l, map, p);
		/* Pairs with the store with release that publishes a commit. */
		moment->seq[p] = load_acquire(&l.page->visible_seq);
	}
	/* All of the first looks before the second ones. */
	atomic_thread_fence(memory_order_acquire);
	for (i = 0; i < moment->count; i++) {
		p = moment->partition[i];
		look_into(&l, map, p);
		if (load(&l.page->visible_seq) != moment->seq[p])
			return false;
	}
	/* Pairs with the smp_wmb() between the epoch and what is published under it. */
	atomic_thread_fence(memory_order_acquire);
	return load(&head->epoch) == epoch;
}

/*
 * ds_map_copy_then() - copy a document as it was at a moment
 * @map: the mapping
 * @moment: the moment, with the document's partition
 * @id: the document
 * @buffer: where to
 * @room: bytes there
 * @view: what its header says; @at is of no use any more
 *
 * Return: 0, -ENOBUFS, -ENOENT, or -EAGAIN: another moment. It means something only
 * if ds_map_moment_valid() says so afterwards.
 */
int ds_map_copy_then(const struct ds_map *map, const struct ds_map_moment *moment,
		     const struct ds_map_id *id, void *buffer, size_t room,
		     struct ds_map_view *view)
{
	uint32_t partition = docstore_map_partition_of(id->hash, map->partitions);
	struct copy copy = { buffer, room, view };
	struct ds_map_view other;
	struct look l;
	int ret;

	look_into(&l, map, partition);
	l.limit = 0;
	l.steps = 0;
	l.when = LOOK_THEN;
	l.era = moment->era[partition];
	l.seq = moment->seq[partition];
	ret = READ_AT_ONCE ? look_once(&l, id, &other) : -EINPROGRESS;
	if (ret)
		ret = look(&l, id, &other);
	return ret ? ret : copy_out(&other, &copy);
}

/*
 * ds_map_moment_valid() - can what was read as of a moment be trusted?
 * @map: the mapping
 * @moment: the moment
 *
 * Return: true if no memory was used again meanwhile.
 */
bool ds_map_moment_valid(const struct ds_map *map, const struct ds_map_moment *moment)
{
	struct look l;
	uint32_t i;

	for (i = 0; i < moment->count; i++) {
		look_into(&l, map, moment->partition[i]);
		l.era = moment->era[moment->partition[i]];
		if (!look_valid(&l))
			return false;
	}
	return true;
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

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A reader of the mapping, written from the text of docstore_map.h and from
 * nothing else, as somebody would who has another language. It is slow and simple.
 */
#ifndef DOCSTORE_MAP_READER_H
#define DOCSTORE_MAP_READER_H

#include "docstore_test.h"

/* A chain that is longer than this has no end. */
#define MAP_CHAIN	100000

struct map {
	const __u8 *base;
	size_t size;
	const struct docstore_map_store *head;
};

static inline __u32 map_load32(const __u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* Of a number that only grows, also where 64 bits are loaded in two pieces. */
static inline __u64 map_load64(const __u64 *p)
{
#if __SIZEOF_POINTER__ == 8
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
#else
	const bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	const __u32 *half = (const __u32 *)(const void *)p;
	__u32 low, high;

	do {
		high = map_load32(&half[!big]);
		low = map_load32(&half[big]);
	} while (high != map_load32(&half[!big]));
	return (__u64)high << 32 | low;
#endif
}

/* Map all of a store: 0 or -errno. */
static inline int map_open(struct map *m, int fd)
{
	struct docstore_store_info info;
	int ret = ds_store_info(fd, &info);
	void *base;

	memset(m, 0, sizeof(*m));
	if (ret)
		return ret;
	if (info.map_size != (size_t)info.map_size)
		return -EOVERFLOW;
	base = mmap(NULL, info.map_size, PROT_READ, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	m->base = base;
	m->size = info.map_size;
	m->head = base;
	return 0;
}

static inline int map_close(struct map *m)
{
	int ret = munmap((void *)(uintptr_t)m->base, m->size);

	m->base = NULL;
	return ret ? -errno : 0;
}

static inline const struct docstore_map_partition *map_page(const struct map *m, __u32 partition)
{
	return (const void *)(m->base + m->head->partitions_offset +
			      partition * m->head->partition_stride);
}

static inline const __u8 *map_arena(const struct map *m, __u32 partition)
{
	return m->base + m->head->arenas_offset + partition * m->head->arena_stride;
}

/* Where @bytes at a place are, or NULL if the arena does not reach so far. */
static inline const void *map_at(const struct map *m, __u32 partition, __u32 place, __u32 bytes)
{
	/* Loaded after the place, which may be newer than what was known of the limit. */
	__u64 limit = (__u64)map_load32(&map_page(m, partition)->limit) * DOCSTORE_MAP_UNIT;
	__u64 at = (__u64)place * DOCSTORE_MAP_UNIT;

	if (limit > m->head->arena_stride || at > limit || bytes > limit - at)
		return NULL;
	return map_arena(m, partition) + at;
}

/* A bucket that is below the number of buckets. */
static inline const struct docstore_bucket *map_bucket(const struct map *m, __u32 partition,
							__u32 number)
{
	__u32 segment = number / DOCSTORE_MAP_SEGMENT;
	const __u32 *block;
	const struct docstore_bucket *buckets;

	block = (const void *)(map_arena(m, partition) + (size_t)DOCSTORE_MAP_UNIT *
			       map_load32(&map_page(m, partition)->dir[segment /
							       DOCSTORE_MAP_DIR_SEGMENTS]));
	buckets = (const void *)(map_arena(m, partition) + (size_t)DOCSTORE_MAP_UNIT *
				 map_load32(&block[segment % DOCSTORE_MAP_DIR_SEGMENTS]));
	return &buckets[number % DOCSTORE_MAP_SEGMENT];
}

enum { MAP_FOUND, MAP_NONE, MAP_AGAIN };

/* Copy the version at a place to @copy; its size, or 0 if there can't be one. */
static inline __u32 map_copy(const struct map *m, __u32 partition, __u32 place,
			     struct docstore_version *copy, __u32 room)
{
	const struct docstore_version *v = map_at(m, partition, place, sizeof(*v));
	__u32 size;

	if (!v)
		return 0;
	size = map_load32(&v->size);
	if (size < sizeof(*v) || size > room || !map_at(m, partition, place, size))
		return 0;
	memcpy(copy, v, size);
	return copy->size == size ? size : 0;
}

/* Has the copy this id? */
static inline bool map_is(const struct docstore_version *copy, const void *id, __u32 len)
{
	return copy->id_len == len && ds_doc_head(copy) <= copy->size &&
	       !memcmp(ds_doc_id(copy), id, len);
}

/* Which version of a document is wanted. */
enum map_how {
	MAP_NEWEST,		/* the one that is visible */
	MAP_TOGETHER,		/* as of @seqs, unless something was published since */
	MAP_PINNED,		/* as of @seqs, which a snapshot has pinned */
};

struct map_want {
	enum map_how how;
	const __u64 *seqs;	/* of each partition; of MAP_NEWEST, of its partition alone */
	__u32 place;		/* out: where the version is */
};

/* From the newest version of a document, of which there is a copy, to the one wanted. */
static inline int map_visible(const struct map *m, __u32 partition, __u32 place,
			      struct map_want *want, struct docstore_version *copy, __u32 room)
{
	__u64 seq = want->seqs[want->how == MAP_NEWEST ? 0 : partition];
	const struct docstore_version *v;
	unsigned int steps = 0;
	__u64 visible;

	while (copy->seq > seq) {
		v = map_at(m, partition, place, sizeof(*v));
		if (!v || ++steps > MAP_CHAIN)
			return MAP_AGAIN;
		place = map_load32(&v->prev);
		if (want->how != MAP_PINNED) {
			/* It may have changed, if the newest one is not that new any more. */
			visible = map_load64(&map_page(m, partition)->visible_seq);
			if (want->how == MAP_NEWEST ? visible >= copy->seq : visible != seq)
				return MAP_AGAIN;
		}
		if (!place)
			return MAP_NONE;
		if (!map_copy(m, partition, place, copy, room))
			return MAP_AGAIN;
		/* Of one that is not visible yet, the one before it is. */
		if (want->how != MAP_PINNED)
			break;
	}
	want->place = place;
	return ds_has(copy, DOCSTORE_VERSION_TOMBSTONE) ? MAP_NONE : MAP_FOUND;
}

static inline int map_index(const struct map *m, __u32 partition, __u64 hash,
			    struct map_want *want, __u32 buckets, const void *id, __u32 len,
			    struct docstore_version *copy, __u32 room)
{
	const struct docstore_bucket *b;
	unsigned int i, steps = 0;
	__u32 place;

	if (!buckets)
		return MAP_NONE;
	b = map_bucket(m, partition, docstore_map_bucket(hash, buckets));
	for (;;) {
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
			place = map_load32(&b->ref[i]);
			if (!place || map_load32(&b->state[i]) >> DOCSTORE_STATE_TAG_SHIFT !=
					      docstore_map_tag(hash))
				continue;
			if (!map_copy(m, partition, place, copy, room))
				return MAP_AGAIN;
			if (map_is(copy, id, len))
				return map_visible(m, partition, place, want, copy, room);
		}
		place = map_load32(&b->next);
		if (!place)
			return MAP_NONE;
		b = map_at(m, partition, place, sizeof(*b));
		if (!b || ++steps > MAP_CHAIN)
			return MAP_AGAIN;
	}
}

/* One attempt to copy a document, by the five steps. */
static inline int map_look(const struct map *m, const void *id, __u32 len,
			   struct docstore_version *copy, __u32 room)
{
	__u64 key[2] = { m->head->key[0], m->head->key[1] };
	__u64 hash = docstore_map_hash(key, id, len);
	__u32 partition = ((hash >> 32) * m->head->partitions) >> 32;
	const struct docstore_map_partition *page = map_page(m, partition);
	__u32 moves, buckets;
	struct map_want want = { .how = MAP_NEWEST };
	__u64 era, seq;
	int ret;

	era = map_load64(&page->era);
	seq = map_load64(&page->visible_seq);
	moves = map_load32(&page->moves);
	buckets = map_load32(&page->buckets);
	want.seqs = &seq;
	ret = map_index(m, partition, hash, &want, buckets, id, len, copy, room);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (ret == MAP_NONE && (moves & 1 || map_load32(&page->moves) != moves))
		ret = MAP_AGAIN;
#ifndef MAP_READER_BROKEN	/* to see that the tests would notice */
	if (map_load64(&page->era) - era > DOCSTORE_MAP_ERAS)
		ret = MAP_AGAIN;
#endif
	return ret;
}

/* The document, in a buffer of DS_ROOM: 0, -ENOENT, or -EAGAIN after so many attempts. */
static inline int map_read(const struct map *m, const void *id, __u32 len, void *copy,
			   unsigned int tries, __u64 *retries)
{
	struct docstore_version *v = copy;
	int ret;

	while (tries--) {
		ret = map_look(m, id, len, v, DS_ROOM);
		if (ret == MAP_NONE)
			return -ENOENT;
		if (ret == MAP_FOUND) {
			v->prev = 0;
			return 0;
		}
		if (retries)
			++*retries;
	}
	return -EAGAIN;
}

/* In a store in which nothing is going on. */
static inline int map_fetch(const struct map *m, const char *id, void *copy)
{
	int ret = map_read(m, id, strlen(id), copy, 1000, NULL);

	if (!ret && ds_doc_check(copy, DS_ROOM))
		return -ENOTRECOVERABLE;
	return ret;
}

/* The state word of a document's slot, deleted or not; 0 if there is none. Likewise. */
static inline __u32 map_state(const struct map *m, const char *id)
{
	__u64 key[2] = { m->head->key[0], m->head->key[1] };
	__u64 hash = docstore_map_hash(key, id, strlen(id));
	__u32 partition = docstore_map_partition_of(hash, m->head->partitions), i;
	__u32 buckets = map_load32(&map_page(m, partition)->buckets);
	const struct docstore_bucket *b;
	const struct docstore_version *v;

	b = buckets ? map_bucket(m, partition, docstore_map_bucket(hash, buckets)) : NULL;
	for (; b; b = b->next ? map_at(m, partition, b->next, sizeof(*b)) : NULL) {
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
			v = b->ref[i] ? map_at(m, partition, b->ref[i], sizeof(*v)) : NULL;
			if (v && map_is(v, id, strlen(id)))
				return map_load32(&b->state[i]);
		}
	}
	return 0;
}

/* Several together, and as of snapshots ---------------------------------------- */

/* One document as of a vector. Whether its partition's era has changed is for the caller. */
static inline int map_look_as_of(const struct map *m, struct map_want *want, const void *id,
				 __u32 len, struct docstore_version *copy, __u32 room)
{
	__u64 key[2] = { m->head->key[0], m->head->key[1] };
	__u64 hash = docstore_map_hash(key, id, len);
	__u32 partition = docstore_map_partition_of(hash, m->head->partitions);
	const struct docstore_map_partition *page = map_page(m, partition);
	__u32 moves = map_load32(&page->moves), buckets = map_load32(&page->buckets);
	int ret;

	ret = map_index(m, partition, hash, want, buckets, id, len, copy, room);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (ret == MAP_NONE && (moves & 1 || map_load32(&page->moves) != moves))
		return MAP_AGAIN;
	return ret;
}

/* Is what was read since the era was loaded still good? */
static inline bool map_era_good(const struct map *m, __u32 partition, __u64 era)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return map_load64(&map_page(m, partition)->era) - era <= DOCSTORE_MAP_ERAS;
}

/* What is visible in all partitions at one moment: false if that has to be tried again. */
static inline bool map_vector(const struct map *m, __u64 *eras, __u64 *seqs)
{
	__u32 n = m->head->partitions, epoch, i;

	for (i = 0; i < n; i++)
		eras[i] = map_load64(&map_page(m, i)->era);
	epoch = map_load32(&m->head->epoch);
	if (epoch & 1)
		return false;
	for (i = 0; i < n; i++)
		seqs[i] = map_load64(&map_page(m, i)->visible_seq);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (i = 0; i < n; i++)
		if (map_load64(&map_page(m, i)->visible_seq) != seqs[i])
			return false;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return map_load32(&m->head->epoch) == epoch;
}

/* One of several documents: a copy of at most @room bytes, and 0 or -ENOENT. */
struct map_doc {
	const char *id;
	struct docstore_version *copy;
	__u32 room;
	int result;
};

static inline bool map_look_together(const struct map *m, struct map_doc *docs, unsigned int n)
{
	__u64 eras[DOCSTORE_MAX_PARTITIONS], seqs[DOCSTORE_MAX_PARTITIONS];
	struct map_want want = { .how = MAP_TOGETHER, .seqs = seqs };
	unsigned int i;
	int ret;

	if (!map_vector(m, eras, seqs))
		return false;
	for (i = 0; i < n; i++) {
		ret = map_look_as_of(m, &want, docs[i].id, strlen(docs[i].id), docs[i].copy,
				     docs[i].room);
		if (ret == MAP_AGAIN)
			return false;
		docs[i].result = ret == MAP_FOUND ? 0 : -ENOENT;
		docs[i].copy->prev = 0;
	}
	for (i = 0; i < m->head->partitions; i++)
		if (!map_era_good(m, i, eras[i]))
			return false;
	return true;
}

/* All documents as they were at one moment: 0, or -EAGAIN after so many attempts. */
static inline int map_read_together(const struct map *m, struct map_doc *docs, unsigned int n,
				    unsigned int tries, __u64 *retries)
{
	while (tries--) {
		if (map_look_together(m, docs, n))
			return 0;
		if (retries)
			++*retries;
	}
	return -EAGAIN;
}

/* Was the snapshot revoked? If not, all that was read by it before was good. */
static inline bool map_revoked(const struct docstore_map_snapshot *snapshot)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return map_load32(&snapshot->state) & DOCSTORE_SNAPSHOT_REVOKED;
}

/*
 * A document as of a snapshot, whose page is @snapshot: where it is, for as long as the
 * snapshot is, and a copy. 0, -ENOENT, -ESTALE, or -EAGAIN after so many attempts.
 */
static inline int map_read_pinned(const struct map *m,
				  const struct docstore_map_snapshot *snapshot, const char *id,
				  void *copy, const struct docstore_version **at,
				  unsigned int tries)
{
	struct map_want want = { .how = MAP_PINNED, .seqs = (const __u64 *)snapshot->seq };
	__u64 key[2] = { m->head->key[0], m->head->key[1] };
	__u64 hash = docstore_map_hash(key, id, strlen(id)), era;
	__u32 partition = docstore_map_partition_of(hash, m->head->partitions);
	struct docstore_version *v = copy;
	int ret;

	while (tries--) {
		era = map_load64(&map_page(m, partition)->era);
		ret = map_look_as_of(m, &want, id, strlen(id), v, DS_ROOM);
		if (!map_era_good(m, partition, era))
			ret = MAP_AGAIN;
		if (map_revoked(snapshot))
			return -ESTALE;
		if (ret == MAP_NONE)
			return -ENOENT;
		if (ret == MAP_FOUND) {
			v->prev = 0;
			if (at)
				*at = map_at(m, partition, want.place, v->size);
			return 0;
		}
	}
	return -EAGAIN;
}

#endif /* DOCSTORE_MAP_READER_H */

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: the state of documents, out of the index in the mapping.
 *
 * As in map_look.h, whatever is read may be anything until the era was looked at again.
 * Documents are ordered by their hash with the bits turned round: in that order buckets
 * split, so that going on behind the last one finds each document once, whatever happens
 * to the index meanwhile.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include <linux/docstore_monitor.h>

#include "internal.h"
#include "map_look.h"

/* Documents of one bucket that are kept; there are two on the average. */
#define FOUND_MAX	64
/* So often a bucket is looked at until it is left out, and after so many others first. */
#define TRIES		64
#define TRIES_ALONE	4
/* More buckets are not made while one is looked at, or it is looked at again. */
#define SPLITS		1024

/* What is hot where the store does not say it, and how the owner counts: heat.c there. */
#define HOT_DEFAULT	1024
#define SAMPLES		32
#define CLOCK_BACK	15

/**
 * struct found - a document that was found
 * @position: its place in the order
 * @version: its newest version, by number
 * @size: bytes of that
 * @state: the slot's words
 * @stat: likewise
 * @flags: enum docstore_version_flags
 * @id_len: length of its id
 * @id: its id
 */
struct found {
	uint64_t position;
	uint64_t version;
	uint32_t size;
	uint32_t state;
	uint32_t stat;
	uint8_t flags;
	uint8_t id_len;
	unsigned char id[DOCSTORE_MAX_ID];
};

struct ds_states {
	const struct ds_map *map;
	uint32_t scale;			/* one use in so many is a sample; 0 for none */
	uint32_t threshold;		/* so many samples are hot */
	uint32_t changes;		/* so many uses within a unit are hot; 0 for none */
	uint64_t skipped;
	bool begun;			/* a bucket was looked at */
	uint32_t partition;		/* where we are */
	uint64_t from;			/* and at which position; 0 to begin */
	uint64_t last;			/* of the last document of this bucket */
	uint32_t count;			/* documents found in it */
	uint32_t next;			/* of these, the one to be returned next */
	uint64_t seconds;		/* the time */
	double part;			/* how much of its unit has passed, 0 to 1 */
	struct found found[FOUND_MAX];
};

/* What was set for the store, if it says so. */
static uint32_t hot_of(const struct ds_store *store)
{
	struct docstore_config config = { .size = sizeof(config) };

	if (ds_ioctl(store->fd, DOCSTORE_CONFIG, &config) ||
	    !(config.known & 1ULL << DOCSTORE_SETTING_HOT_CHANGES))
		return HOT_DEFAULT;
	return (uint32_t)config.value[DOCSTORE_SETTING_HOT_CHANGES];
}

DS_PUBLIC int ds_states_new(struct ds_store *store, const struct ds_states_opts *opts,
			    struct ds_states **ret)
{
	struct ds_states *s;

	*ret = NULL;
	if (store->pinned || !(store->flags & DOCSTORE_OPEN_READ))
		return -EBADF;
	if (!store->map.base)
		return -EOPNOTSUPP;
	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	memset(s, 0, offsetof(struct ds_states, found));
	s->map = &store->map;
	s->changes = ds_opt(opts, hot_changes);
	if (!s->changes)
		s->changes = hot_of(store);
	if (s->changes) {
		s->scale = s->changes < SAMPLES ? 1 : s->changes / SAMPLES;
		s->threshold = s->changes / s->scale;
	}
	*ret = s;
	return 0;
}

DS_PUBLIC void ds_states_free(struct ds_states *states)
{
	free(states);
}

DS_PUBLIC uint64_t ds_states_skipped(const struct ds_states *states)
{
	return states->skipped;
}

DS_PUBLIC unsigned int ds_states_hot(const struct ds_states *states)
{
	return states->changes;
}

/* 64 bits, turned round: a place in the order, of a hash, and the other way. */
static uint64_t turned(uint64_t v)
{
	v = (v >> 1 & 0x5555555555555555ULL) | (v & 0x5555555555555555ULL) << 1;
	v = (v >> 2 & 0x3333333333333333ULL) | (v & 0x3333333333333333ULL) << 2;
	v = (v >> 4 & 0x0f0f0f0f0f0f0f0fULL) | (v & 0x0f0f0f0f0f0f0f0fULL) << 4;
	return __builtin_bswap64(v);
}

/* The last position that belongs to a bucket, of one that does. */
static uint64_t bucket_last(uint64_t position, uint32_t number, uint32_t buckets)
{
	unsigned int bits = buckets > 1 ? 32 - (unsigned int)__builtin_clz(buckets - 1) : 0;

	/* A bucket that was not split in this round goes by one bit less. */
	if (bits && number < 1U << (bits - 1) && number + (1U << (bits - 1)) >= buckets)
		bits--;
	return bits ? position | ~0ULL >> bits : ~0ULL;
}

/*
 * Put a document where it belongs among those found. Of more than there is room for the
 * first ones stay, and it goes on at the first that did not.
 */
static void add(struct ds_states *s, const struct found *f)
{
	uint32_t i = s->count;

	if (i < FOUND_MAX) {
		s->count++;
	} else if (f->position < s->found[i - 1].position) {
		i--;
		s->last = s->found[i].position - 1;
	} else {
		s->last = f->position - 1;
		return;
	}
	for (; i && s->found[i - 1].position > f->position; i--)
		s->found[i] = s->found[i - 1];
	s->found[i] = *f;
}

/* One slot, whose document is no other than the slot says. False if that can't be told. */
static bool slot_look(struct ds_states *s, struct look *l, const struct docstore_bucket *bucket,
		      uint32_t i)
{
	const struct docstore_version *v;
	struct ds_map_view view;
	uint32_t ref, at;
	struct found f;
	uint64_t hash;

	/* Pairs with the store that links a version, or moves it. */
	ref = load_acquire(&bucket->ref[i]);
	if (!ref)
		return true;
	f.state = load(&bucket->state[i]);
	f.stat = load(&bucket->stat[i]);
	if (!version_load(l, ref, &view))
		return false;
	v = (const void *)view.at;
	at = version_id(&view);
	if (!view.id_len || at + view.id_len > view.size)
		return false;
	f.version = load(&v->version);
	f.size = view.size;
	f.flags = view.flags;
	f.id_len = view.id_len;
	memcpy(f.id, view.at + at, view.id_len);
	hash = docstore_map_hash(s->map->key, f.id, f.id_len);
	f.position = turned(hash);
	/* Others were returned before, or will be. */
	if (f.position < s->from || f.position > s->last ||
	    docstore_map_partition_of(hash, s->map->partitions) != s->partition)
		return true;
	if (f.state >> DOCSTORE_STATE_TAG_SHIFT != docstore_map_tag(hash))
		return false;
	add(s, &f);
	return true;
}

static bool chain_look(struct ds_states *s, struct look *l, const struct docstore_bucket *bucket)
{
	uint32_t next, i;

	for (;;) {
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++)
			__builtin_prefetch(place(l, load(&bucket->ref[i])));
		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++)
			if (!slot_look(s, l, bucket, i))
				return false;
		/* Pairs with the store that links an overflow bucket. */
		next = load_acquire(&bucket->next);
		if (!next)
			return true;
		if (!units_of(l, next, UNITS(sizeof(*bucket))) || !look_step(l))
			return false;
		bucket = place(l, next);
	}
}

/*
 * Did slots of a bucket move while we were looking there, since there were @buckets and
 * @moves? They do when it is split: when the bucket is made that differs from it in the
 * highest bit. The owner makes one after the other, and may be at it now. Others need not
 * concern us, or in a store that grows we would hardly get through.
 */
static bool bucket_moved(const struct look *l, uint32_t number, uint32_t buckets, uint32_t moves)
{
	uint32_t after, made;

	/*
	 * All loads so far before these. Pairs with the smp_wmb() between moves and the slots:
	 * who has seen one of them move sees how many buckets there were before, at least.
	 */
	atomic_thread_fence(memory_order_acquire);
	if (!(moves & 1) && load(&l->page->moves) == moves)
		return false;
	after = load(&l->page->buckets);
	if (after - buckets >= SPLITS)
		return true;
	for (made = buckets; made <= after; made++)
		if (made - (1U << (31 - __builtin_clz(made))) == number)
			return true;
	return false;
}

/* One attempt at a bucket: the documents in it from @from on. */
static bool bucket_collect(struct ds_states *s)
{
	uint32_t moves, buckets, number;
	struct look l;

	look_into(&l, s->map, s->partition);
	l.limit = 0;
	l.steps = 0;
	s->count = 0;
	s->next = 0;
	s->last = ~0ULL;
	/* As in look_at_once(). */
	l.era = load_acquire(&l.page->era);
	/* Pairs with the end of a section in which slots move. */
	moves = load_acquire(&l.page->moves);
	/* Pairs with the store that publishes a bucket. */
	buckets = load_acquire(&l.page->buckets);
	if (!buckets)
		return true;
	number = docstore_map_bucket(turned(s->from), buckets);
	s->last = bucket_last(s->from, number, buckets);
	return chain_look(s, &l, bucket_of(&l, turned(s->from), buckets)) &&
	       !bucket_moved(&l, number, buckets, moves) && look_valid(&l);
}

static void note_time(struct ds_states *s)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	s->seconds = (uint64_t)now.tv_sec;
	s->part = ((double)(s->seconds % DOCSTORE_STAT_ACCESS_SECONDS) + (double)now.tv_nsec * 1e-9) /
		  DOCSTORE_STAT_ACCESS_SECONDS;
}

static void collect(struct ds_states *s)
{
	unsigned int tries;

	note_time(s);
	for (tries = 0; tries < TRIES; tries++) {
		if (bucket_collect(s))
			return;
		if (tries >= TRIES_ALONE)
			sched_yield();
	}
	s->skipped++;
	s->count = 0;
	s->next = 0;
}

/* Behind the last document of a bucket, or of a partition. */
static void go_on(struct ds_states *s)
{
	if (s->last == ~0ULL) {
		s->partition++;
		s->from = 0;
	} else {
		/* More of one hash than there is room for: that can't be. */
		s->from = s->last < s->from ? s->from + 1 : s->last + 1;
	}
}

/* What a document's words mean now. */
static void state_of(const struct ds_states *s, const struct found *f, struct ds_doc_state *state)
{
	uint64_t unit = s->seconds / DOCSTORE_STAT_ACCESS_SECONDS;
	uint16_t elapsed = (uint16_t)(unit - (f->stat >> DOCSTORE_STAT_ACCESS_SHIFT));
	uint32_t heat = f->state >> DOCSTORE_STATE_HEAT_SHIFT & DOCSTORE_STATE_HEAT_MASK;

	/* It was later than we know. */
	if (elapsed > UINT16_MAX - CLOCK_BACK)
		elapsed = 0;
	heat = elapsed < 32 && s->changes ? heat >> elapsed : 0;
	state->id = ds_mem(f->id, f->id_len);
	state->version = f->version;
	state->bytes = f->size;
	state->accessed = (unit - elapsed) * DOCSTORE_STAT_ACCESS_SECONDS;
	/* Used steadily, it goes from what comes within a unit to twice that. */
	state->rate = (double)heat * s->scale / DOCSTORE_STAT_ACCESS_SECONDS / (1 + s->part);
	state->flags = f->state & 0xff;
	if (2 * heat < s->threshold || !s->changes)
		state->flags &= ~(unsigned int)DOCSTORE_STATE_HOT_DOCUMENT;
	state->pattern = f->state >> DOCSTORE_STATE_PATTERN_SHIFT & DOCSTORE_STATE_PATTERN_MASK;
	state->heat = heat;
	state->deltas = f->stat & DOCSTORE_STAT_DELTAS_MASK;
	state->deleted = f->flags & DOCSTORE_VERSION_TOMBSTONE;
}

DS_PUBLIC int ds_states_next(struct ds_states *s, struct ds_doc_state *state)
{
	size_t size = state->size;
	struct ds_doc_state all = { .size = size };

	if (size < sizeof(size))
		return -EINVAL;
	while (s->next == s->count) {
		if (s->begun && s->partition < s->map->partitions)
			go_on(s);
		s->begun = true;
		if (s->partition == s->map->partitions)
			return 0;
		collect(s);
	}
	state_of(s, &s->found[s->next++], &all);
	memset(state, 0, size);
	memcpy(state, &all, size < sizeof(all) ? size : sizeof(all));
	return 1;
}

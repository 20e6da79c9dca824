// SPDX-License-Identifier: GPL-2.0
/*
 * The library's reader on mappings that are wrong, each in one way: it never leaves
 * the mapping, on whose both sides there is nothing, and never goes on for ever.
 */
#include <errno.h>
#include <string.h>

#include "mapped.h"
#include "store.h"
#include "test.h"

#define ID	"document"
#define PROP	1

/**
 * struct scene - a store with one document that is looked for
 * @s: the store
 * @map: its mapping
 * @bucket: the document's bucket
 * @slot: its slot
 * @v: the document
 * @copy: what is read
 */
struct scene {
	struct store *s;
	struct ds_map map;
	struct docstore_bucket *bucket;
	u32 slot;
	struct docstore_version *v;
	u64 copy[1000];
};

static struct scene *scene;

static void put(struct store *s, const char *id, u64 number)
{
	struct batch *b = batch_create(s, false);

	op_set_number(b, id, PROP, DOCSTORE_TYPE_U64, number);
	store_run(s, b);
}

static void scene_begin(void)
{
	u64 hash;
	char id[16];
	u32 i;

	scene = calloc(1, sizeof(*scene));
	CHECK(scene);
	/* Behind its arena there is nothing at all. */
	scene->s = store_create_mapped(1);
	put(scene->s, ID, 7);
	for (i = 0; i < 30; i++) {
		snprintf(id, sizeof(id), "other%u", i);
		put(scene->s, id, i);
	}
	mapped_open(&scene->map, scene->s);
	hash = store_hash(scene->s, ID, strlen(ID));
	scene->bucket = core_bucket(&scene->s->p.index,
				    docstore_map_bucket(hash, scene->s->map->buckets));
	for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
		struct docstore_version *v = ds_arena_ptr(&scene->s->p.arena, scene->bucket->ref[i]);

		if (scene->bucket->ref[i] && ds_version_is(v, (const u8 *)ID, strlen(ID))) {
			scene->slot = i;
			scene->v = v;
		}
	}
	CHECK(scene->v);
}

static int scene_get_by(enum mapped_way way)
{
	return mapped_get(&scene->map, way, ID, strlen(ID), scene->copy, sizeof(scene->copy));
}

/* By turns. */
static int scene_get(void)
{
	static unsigned int turn;

	return scene_get_by(turn++ % MAPPED_WAYS);
}

/* What is not there. */
static int scene_get_nobody(void)
{
	return mapped_get(&scene->map, MAPPED_LOOK, "nobody", 6, scene->copy, sizeof(scene->copy));
}

static void scene_end(void)
{
	shim_hook = NULL;
	store_destroy(scene->s);
	free(scene);
}

/* As it should be: all that the reader has to offer. */
static void good(void)
{
	struct ds_map_id ids[DS_MAP_GROUP];
	char many[DS_MAP_GROUP][16];
	u32 i, size;

	scene_begin();
	CHECK_EQ(scene_get(), 0);
	size = ((struct docstore_version *)scene->copy)->size;
	CHECK_EQ(size, scene->v->size);
	CHECK(!memcmp(scene->copy, scene->v, size));
	CHECK_EQ(scene_get_nobody(), -ENOENT);
	for (i = 0; i < DS_MAP_GROUP; i++) {
		snprintf(many[i], sizeof(many[i]), i % 3 ? "other%u" : "nothing%u", i);
		ids[i] = ds_map_id(&scene->map, many[i], strlen(many[i]));
	}
	ds_map_prefetch(&scene->map, ids, DS_MAP_GROUP);
	ds_map_prefetch(&scene->map, ids, 0);
	for (i = 0; i < MAPPED_WAYS; i++)
		CHECK_EQ(mapped_get(&scene->map, i, ID, strlen(ID), scene->copy, size - 1),
			 -ENOBUFS);
	CHECK_EQ(scene->map.retries, 0);
	CHECK_EQ(scene->map.refused, 0);
	scene_end();
}

/* There are two ways to compute the same hash. */
static void hashes(void)
{
	u8 bytes[DOCSTORE_MAX_ID + 8];
	u64 key[2] = { 1, 2 }, seen = 0;
	u32 round, len, i;

	for (round = 0; round < 8; round++) {
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = (u8)(i * 151 + round * 31);
		key[0] *= 0x9e3779b97f4a7c15ULL;
		key[1] *= 0xbf58476d1ce4e5b9ULL;
		for (len = 1; len <= DOCSTORE_MAX_ID; len++) {
			u64 hash = docstore_map_hash(key, bytes + round, len);

			CHECK_EQ(ds_hash(key, bytes + round, len), hash);
			seen |= hash;
		}
	}
	CHECK_EQ(seen, ~0ULL);
}

/* A head that is not what we know is no mapping. */
static void heads(void)
{
	struct docstore_map_store *h, right;
	struct ds_map map;
	size_t size;
	u32 i;

	scene_begin();
	h = (void *)scene->s->mapping;
	size = scene->s->mapping_size;
	right = *h;
	CHECK_EQ(ds_map_init(&map, h, sizeof(*h) - 1), -EBADMSG);
	CHECK_EQ(ds_map_init(&map, h, size - 1), -EBADMSG);
#define WRONG(field, value)						\
	do {								\
		h->field = (value);					\
		if (ds_map_init(&map, h, size) != -EBADMSG)		\
			FAIL("it takes a wrong %s", #field);		\
		*h = right;						\
		CHECK_EQ(ds_map_init(&map, h, size), 0);		\
	} while (0)
	for (i = 0; i < DOCSTORE_MAP_MAGIC_SIZE; i++)
		WRONG(magic[i], 'D');
	WRONG(layout, DOCSTORE_MAP_LAYOUT + 1);
	WRONG(layout, 0);
	WRONG(partitions, 0);
	WRONG(partitions, 2);
	WRONG(partitions, DOCSTORE_MAX_PARTITIONS + 1);
	WRONG(partitions, ~0U);
	WRONG(size, size + 4096);
	WRONG(size, size - 4096);
	WRONG(partitions_offset, size);
	WRONG(partitions_offset, ~0ULL - 63);
	WRONG(partitions_offset, 4096 + 1);
	WRONG(partition_stride, sizeof(struct docstore_map_partition) - 64);
	WRONG(partition_stride, size + 64);
	WRONG(partition_stride, 1ULL << 63);
	WRONG(partition_stride, 4096 + 8);
	WRONG(arenas_offset, size);
	WRONG(arenas_offset, ~0ULL - 63);
	WRONG(arenas_offset, right.arenas_offset + 64);
	WRONG(arenas_offset, right.arenas_offset - 32);
	WRONG(arena_stride, right.arena_stride + 64);
	WRONG(arena_stride, 1ULL << 63);
	WRONG(names_offset, size + 1);
	WRONG(names_size, size);
	WRONG(names_size, ~0ULL);
#undef WRONG
	scene_end();
}

/* Places, sizes and lengths that lead beyond the end, in whatever is followed. */
static void beyond(void)
{
	u32 limit, ref, good_size, i;

	scene_begin();
	limit = scene->s->map->limit;
	ref = scene->bucket->ref[scene->slot];
	good_size = scene->v->size;
	const u32 places[] = {
		limit, limit - 1, limit - 2, limit + 1, ~0U, 0x80000000, 1U << 27, 3U << 17,
	};
	const u32 sizes[] = {
		0, 1, sizeof(struct docstore_version) - 1, ~0U, 0x80000000,
		(limit - ref) * DOCSTORE_MAP_UNIT + 1, 3U << 21,
	};
	struct docstore_version *last;

	/* Which place it is does not matter as long as nothing happens there. */
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		scene->bucket->ref[scene->slot] = places[i];
		CHECK(scene_get() < 0);
		scene->bucket->ref[scene->slot] = ref;

		/* The newest version is not visible yet, and the one before lies there. */
		scene->v->seq = ~0ULL;
		scene->v->prev = places[i];
		CHECK(scene_get() < 0);
		scene->v->prev = 0;
		CHECK_EQ(scene_get(), -ENOENT);
		scene->v->seq = 1;

		scene->bucket->ref[scene->slot] = 0;
		scene->bucket->next = places[i];
		CHECK(scene_get() < 0);
		scene->bucket->next = 0;
		CHECK_EQ(scene_get(), -ENOENT);
		scene->bucket->ref[scene->slot] = ref;
		CHECK_EQ(scene_get(), 0);
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		scene->v->size = sizes[i];
		CHECK_EQ(scene_get(), -EAGAIN);
	}
	/* As large as there is memory: too large for the buffer, and no document. */
	scene->v->size = (limit - ref) * DOCSTORE_MAP_UNIT;
	CHECK_EQ(scene_get(), -ENOBUFS);
	scene->v->size = good_size;
	/* So many properties that the id would lie behind the end: it is another one. */
	for (i = 2; i < 0xffff; i += 0x1111) {
		scene->v->nprops = i;
		CHECK_EQ(scene_get(), -ENOENT);
		scene->v->flags = DOCSTORE_VERSION_SET | DOCSTORE_VERSION_WIDE;
		CHECK_EQ(scene_get(), -ENOENT);
		scene->v->flags = 0;
	}
	scene->v->nprops = 0xffff;
	CHECK_EQ(scene_get(), -ENOENT);
	scene->v->nprops = 1;
	scene->v->size = good_size - 9;
	CHECK_EQ(scene_get(), -ENOENT);
	scene->v->size = good_size;
	/* The same at the very end. */
	last = (void *)(scene->s->mapped_arena + (limit - 3) * (size_t)DOCSTORE_MAP_UNIT);
	*last = *scene->v;
	scene->bucket->ref[scene->slot] = limit - 3;
	last->size = sizeof(*last);
	last->flags = DOCSTORE_VERSION_SET | DOCSTORE_VERSION_WIDE;
	for (i = 0; i <= 0xffff; i += 0xff) {
		last->nprops = i;
		CHECK_EQ(scene_get(), -ENOENT);
	}
	scene->bucket->ref[scene->slot] = ref;
	CHECK_EQ(scene_get(), 0);
	CHECK(scene->map.refused > 0);
	scene_end();
}

/* The owner's era goes on while a reader follows what has no end. */
static u32 steps;

static void era_goes_on(void)
{
	if (++steps % 500 == 0)
		__atomic_fetch_add(&scene->s->map->era, DOCSTORE_MAP_ERAS + 1, __ATOMIC_RELEASE);
	if (steps > 1000000)
		FAIL("it goes on for ever");
}

static void circles(void)
{
	u32 ref, self;

	scene_begin();
	shim_jitter_rate = 1;
	ref = scene->bucket->ref[scene->slot];
	/* A version that is its own predecessor. */
	scene->v->seq = ~0ULL;
	scene->v->prev = ref;
	shim_hook = era_goes_on;
	CHECK_EQ(scene_get(), -EAGAIN);
	shim_hook = NULL;
	scene->v->seq = 1;
	scene->v->prev = 0;
	/* A bucket that is its own overflow bucket. */
	self = ((char *)scene->bucket - scene->s->mapped_arena) >> DOCSTORE_MAP_UNIT_SHIFT;
	scene->bucket->ref[scene->slot] = 0;
	scene->bucket->next = self;
	steps = 0;
	shim_hook = era_goes_on;
	CHECK_EQ(scene_get(), -EAGAIN);
	shim_hook = NULL;
	CHECK_EQ(scene->map.refused, 2);
	CHECK_EQ(scene->map.retries, 2 * (DS_MAP_TRIES - 1));
	scene_end();
}

/*
 * Whatever the loads find: with the era DOCSTORE_MAP_ERAS further the document is good,
 * with one more it is not, wherever the reader is.
 */
static u32 when, by;

static void era_once(void)
{
	if (steps++ == when)
		__atomic_fetch_add(&scene->s->map->era, by, __ATOMIC_RELEASE);
}

static void eras_of(enum mapped_way way)
{
	u32 n;

	/* How many steps it takes when nothing happens. */
	steps = 0;
	when = ~0U;
	CHECK_EQ(scene_get_by(way), 0);
	n = steps;
	CHECK(n > 8);
	for (by = 1; by <= DOCSTORE_MAP_ERAS + 1; by++) {
		u32 again = 0;

		for (when = 0; when < n; when++) {
			steps = 0;
			CHECK_EQ(scene_get_by(way), 0);
			again += steps > n;
		}
		/* But before the first load of it, and behind the last one. */
		CHECK(by <= DOCSTORE_MAP_ERAS ? !again : again >= n / 2 && again <= n);
	}
}

static void eras(void)
{
	scene_begin();
	shim_jitter_rate = 1;
	shim_hook = era_once;
	eras_of(MAPPED_LOOK);
	eras_of(MAPPED_COPY);
	shim_hook = NULL;
	scene_end();
}

/* Slots move all the time: what is not found may be where nobody has looked. */
static void moves(void)
{
	scene_begin();
	scene->s->map->moves++;
	CHECK_EQ(scene_get(), 0);
	CHECK_EQ(scene_get_nobody(), -EAGAIN);
	scene->s->map->moves++;
	CHECK_EQ(scene_get_nobody(), -ENOENT);
	scene_end();
}

/* A store that has no index yet. */
static void empty(void)
{
	struct store *s = store_create_mapped(1);
	u64 copy[8];
	struct ds_map_id id;
	struct ds_map map;

	mapped_open(&map, s);
	CHECK_EQ(mapped_get(&map, MAPPED_LOOK, "a", 1, copy, sizeof(copy)), -ENOENT);
	id = ds_map_id(&map, "a", 1);
	ds_map_prefetch(&map, &id, 1);
	store_destroy(s);
}

const struct test map_tests[] = {
	TEST(good),
	TEST(hashes),
	TEST(heads),
	TEST(beyond),
	TEST(circles),
	TEST(eras),
	TEST(moves),
	TEST(empty),
	{}
};

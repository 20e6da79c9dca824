// SPDX-License-Identifier: GPL-2.0
/*
 * What always holds between commits, checked from scratch: each page, run and
 * block of the arena, each slot of the index, each version; and that all memory
 * in use is somebody's, once.
 */
#include <string.h>

#include "store.h"
#include "test.h"

#define CHUNK_UNITS	(1U << DS_CHUNK_UNITS_SHIFT)
#define UNIT_WORDS	(CHUNK_UNITS / BITS_PER_LONG)

/**
 * struct survey - what was found
 * @arena: the arena
 * @owned: units where a block begins that somebody has
 * @free: units where a free block begins
 * @bytes: of blocks that somebody has
 * @used_bytes: of blocks in use, by the runs' own counts
 * @partial: for each class the runs with free blocks
 */
struct survey {
	struct ds_arena *arena;
	unsigned long *owned;
	unsigned long *free;
	u64 bytes;
	u64 used_bytes;
	u32 partial[DS_CLASSES];
};

static void survey_free_list(struct survey *survey, struct ds_chunk *chunk, struct ds_run *run)
{
	u32 size = core_class_size(run->class) >> DOCSTORE_MAP_UNIT_SHIFT;
	u32 *links = core_run_links(chunk, run);
	u32 next, n = 0;

	for (next = run->free; next; next = links[next - 1]) {
		u32 ref = core_span_ref(chunk, run) + (next - 1) * size;

		CHECK(next <= run->fresh);
		CHECK(!test_bit(ref, survey->free));
		__set_bit(ref, survey->free);
		n++;
	}
	CHECK_EQ(n, run->fresh - run->used);
}

static void survey_run(struct survey *survey, struct ds_chunk *chunk, struct ds_run *run)
{
	u32 blocks;

	CHECK_EQ(run->chunk, chunk->index);
	if (run->class == DS_CLASS_NONE) {
		survey->used_bytes += (u64)run->pages << DS_PAGE_SHIFT;
		return;
	}
	CHECK(run->class < DS_CLASSES);
	CHECK_EQ(run->pages, core_class_pages(run->class));
	blocks = core_class_blocks(run->class);
	CHECK(run->used <= run->fresh && run->fresh <= blocks);
	survey->used_bytes += (u64)run->used * core_class_size(run->class);
	if (run->used < blocks)
		survey->partial[run->class]++;
	else
		CHECK(list_empty(&run->node));
	survey_free_list(survey, chunk, run);
}

static u32 survey_chunk(struct survey *survey, struct ds_chunk *chunk)
{
	u32 page, i, free = 0;

	for (page = 0; page < DS_CHUNK_PAGES; ) {
		struct ds_run *run = &chunk->runs[page];
		u32 pages = run->pages;

		if (!test_bit(page, chunk->used)) {
			free++;
			page++;
			continue;
		}
		if (!chunk->index && !page) {
			/* Not a run: it is there so that no block has ref 0. */
			page++;
			continue;
		}
		CHECK(pages && page + pages <= DS_CHUNK_PAGES);
		for (i = 0; i < pages; i++) {
			CHECK(test_bit(page + i, chunk->used));
			CHECK_EQ(chunk->first[page + i], page);
		}
		survey_run(survey, chunk, run);
		page += pages;
	}
	CHECK_EQ(chunk->free_pages, free);
	return free;
}

static u32 survey_chunk_list(const struct list_head *head, bool full)
{
	struct ds_chunk *chunk;
	u32 n = 0;

	list_for_each_entry(chunk, head, node) {
		CHECK_EQ(!chunk->free_pages, full);
		n++;
	}
	return n;
}

/* Somebody has this block; nobody else may. */
static void survey_own(struct survey *survey, u32 ref)
{
	struct ds_chunk *chunk;
	struct ds_run *run;
	u32 block;

	CHECK(ref >> DS_CHUNK_UNITS_SHIFT < survey->arena->nchunks);
	CHECK(survey->arena->chunks[ref >> DS_CHUNK_UNITS_SHIFT]);
	run = core_run_of(survey->arena, ref, &chunk);
	CHECK(test_bit(run - chunk->runs, chunk->used));
	if (run->class == DS_CLASS_NONE) {
		CHECK_EQ(ref, core_span_ref(chunk, run));
	} else {
		u32 units = core_class_size(run->class) >> DOCSTORE_MAP_UNIT_SHIFT;

		block = (ref - core_span_ref(chunk, run)) / units;
		CHECK_EQ(ref, core_span_ref(chunk, run) + block * units);
		CHECK(block < run->fresh);
	}
	CHECK(!test_bit(ref, survey->free));
	CHECK(!test_bit(ref, survey->owned));
	__set_bit(ref, survey->owned);
	survey->bytes += core_size_of(survey->arena, ref);
}

static void survey_retired(struct survey *survey, const struct ds_retired *list, u64 *total)
{
	u64 bytes = 0;
	u32 ref, n;

	for (n = 0; n < list->count && n < DS_RETIRED_NOTED; n++) {
		ref = list->noted[n].ref;
		survey_own(survey, ref);
		CHECK_EQ(ds_arena_block_size(list->noted[n].size), core_size_of(survey->arena, ref));
		bytes += core_size_of(survey->arena, ref);
	}
	for (ref = list->more; ref; ref = *ds_arena_link(survey->arena, ref)) {
		survey_own(survey, ref);
		bytes += core_size_of(survey->arena, ref);
		n++;
	}
	CHECK_EQ(n, list->count);
	CHECK_EQ(bytes, list->bytes);
	*total += bytes;
}

/* Spares are free, but their runs believe that they are in use. */
static void survey_spares(struct survey *survey, const struct ds_spares *spares)
{
	u32 class, i, n = 0;
	u64 bytes = 0;

	for (class = 0; class < DS_CLASSES; class++) {
		for (i = spares->first[class]; i; i = spares->next[i - 1]) {
			CHECK(i <= DS_SPARES && ++n <= DS_SPARES);
			CHECK_EQ(core_size_of(survey->arena, spares->refs[i - 1]),
				 core_class_size(class));
			survey_own(survey, spares->refs[i - 1]);
			bytes += core_class_size(class);
		}
	}
	for (i = spares->unused; i; i = spares->next[i - 1])
		CHECK(i <= DS_SPARES && ++n <= DS_SPARES);
	CHECK_EQ(n, DS_SPARES);
	CHECK_EQ(bytes, spares->bytes);
	CHECK(bytes <= DS_SPARES_BYTES);
	survey->bytes -= bytes;
}

static void survey_begin(struct survey *survey, struct ds_arena *arena)
{
	u32 i, n, chunks = 0, free = 0, idle = 0;
	u64 retired = 0;

	*survey = (struct survey){ .arena = arena };
	survey->owned = calloc((size_t)arena->nchunks * UNIT_WORDS + 1, sizeof(long));
	survey->free = calloc((size_t)arena->nchunks * UNIT_WORDS + 1, sizeof(long));
	CHECK(survey->owned && survey->free);

	CHECK(arena->nchunks <= arena->max_chunks);
	CHECK_EQ(arena->map->limit, arena->nchunks << DS_CHUNK_UNITS_SHIFT);
	for (i = 0; i < arena->nchunks; i++) {
		struct ds_chunk *chunk = arena->chunks[i];

		if (!chunk)
			continue;
		chunks++;
		CHECK_EQ(chunk->index, i);
		free += survey_chunk(survey, chunk);
		idle += chunk->free_pages == DS_CHUNK_PAGES;
	}
	CHECK_EQ(arena->free_pages, free);
	CHECK_EQ(arena->idle_chunks, idle);
	survey_spares(survey, &arena->spares);
	CHECK_EQ(arena->used_bytes, survey->used_bytes - arena->spares.bytes);
	n = survey_chunk_list(&arena->open_chunks, false);
	n += survey_chunk_list(&arena->full_chunks, true);
	CHECK_EQ(n, chunks);

	for (i = 0; i < DS_CLASSES; i++) {
		struct ds_run *run;

		n = 0;
		list_for_each_entry(run, &arena->partial[i], node) {
			CHECK_EQ(run->class, i);
			CHECK(run->used < core_class_blocks(i));
			n++;
		}
		CHECK_EQ(n, survey->partial[i]);
	}

	CHECK(arena->retired.nclosed <= DS_ARENA_CLOSED);
	for (i = 0; i <= DS_ARENA_CLOSED; i++) {
		const struct ds_retired *list = core_retired(arena, i);

		if (i < arena->retired.nclosed) {
			CHECK(list->count);
			/* Each was closed in an era of its own, which is over. */
			CHECK(list->era < (i + 1 < arena->retired.nclosed ?
					   core_retired(arena, i + 1)->era : arena->map->era));
		} else if (i > arena->retired.nclosed) {
			CHECK(!list->count && !list->bytes && !list->more);
		}
		survey_retired(survey, list, &retired);
	}
	CHECK_EQ(arena->retired_bytes, retired);
}

static void survey_end(struct survey *survey)
{
	free(survey->owned);
	free(survey->free);
}

void arena_validate(struct ds_arena *arena)
{
	struct survey survey;

	survey_begin(&survey, arena);
	survey_end(&survey);
}

static u32 value_size(u8 type)
{
	switch (type) {
	case DOCSTORE_TYPE_NULL:
		return 0;
	case DOCSTORE_TYPE_BOOL:
		return 1;
	default:
		return 8;
	}
}

/* Is a version what the interface says it is? */
void version_validate(const struct docstore_version *v)
{
	struct ds_layout l;
	u32 i, j, end = 0;

	CHECK(v->id_len);
	CHECK(v->version && v->version < 2 * DOCSTORE_MAX_VERSION);
	CHECK(v->size <= DOCSTORE_MAX_DOCUMENT);
	CHECK(v->nprops <= DOCSTORE_MAX_PROPERTIES);
	CHECK(!(v->flags & ~(DOCSTORE_VERSION_TOMBSTONE | DOCSTORE_VERSION_WIDE |
			     DOCSTORE_VERSION_SET)));
	if (v->flags & DOCSTORE_VERSION_TOMBSTONE)
		CHECK(!v->nprops && !v->type && v->flags == DOCSTORE_VERSION_TOMBSTONE);
	CHECK(v->created && v->created <= v->changed);

	ds_version_layout(v, &l);
	for (i = 0; i < v->nprops; i++) {
		u32 begin = end;

		end = v->flags & DOCSTORE_VERSION_WIDE ? ((const u32 *)l.ends)[i] :
							 ((const u16 *)l.ends)[i];
		CHECK(begin <= end);
		CHECK(l.types[i] >= DOCSTORE_TYPE_NULL && l.types[i] <= DOCSTORE_TYPE_JSON);
		if (l.types[i] < DOCSTORE_TYPE_STRING)
			CHECK_EQ(end - begin, value_size(l.types[i]));
		for (j = 0; j < i && i < 64; j++)
			CHECK(l.names[i] != l.names[j]);
	}
	CHECK_EQ((const u8 *)v + v->size - l.values, end);
	CHECK_EQ(end > U16_MAX, !!(v->flags & DOCSTORE_VERSION_WIDE));
}

static u32 survey_tombstones(struct survey *survey, const struct ds_tombstones *list)
{
	u32 ref, last = 0, n = 0;

	for (ref = list->head; ref; ref = *ds_arena_link(survey->arena, ref)) {
		const struct docstore_version *v = ds_arena_ptr(survey->arena, ref);

		survey_own(survey, ref);
		CHECK(ds_version_tombstone(v));
		last = ref;
		n++;
	}
	CHECK_EQ(last, list->tail);
	return n;
}

/* What is kept for pins; tombstones among it are counted, as those in other lists. */
static u32 survey_pins(struct survey *survey, const struct ds_partition *p)
{
	const struct ds_pins *pins = p->past->pins;
	u32 tombstones = 0, i;
	u64 total = 0;

	for (i = 0; pins && i < pins->count; i++) {
		const struct ds_pin_list *list = &pins->pin[i]->list[p->number];
		u32 ref, last = 0, n = 0;
		u64 bytes = 0;

		for (ref = list->head; ref; ref = *ds_arena_link(survey->arena, ref)) {
			const struct docstore_version *v = ds_arena_ptr(survey->arena, ref);

			survey_own(survey, ref);
			version_validate(v);
			tombstones += ds_version_tombstone(v);
			bytes += core_size_of(survey->arena, ref);
			last = ref;
			n++;
		}
		CHECK_EQ(last, list->tail);
		CHECK_EQ(n, list->count);
		CHECK_EQ(bytes, list->bytes);
		CHECK(!list->emptied || (!n && pins->pin[i]->released));
		total += bytes;
	}
	CHECK_EQ(total, p->stats.past_bytes);
	return tombstones;
}

/*
 * Whatever a pinned reader can come to is in a list, older the further it goes, and of
 * the same document.
 */
static void survey_chain(struct survey *survey, const struct ds_partition *p,
			 const struct docstore_version *v)
{
	const struct ds_pins *pins = p->past->pins;
	u64 floor = pins ? pins->pin[0]->list[p->number].seq : U64_MAX;
	const struct docstore_version *old;

	if (pins && pins->pin[0]->pending)
		return;
	for (; v->seq > floor && v->prev; v = old) {
		CHECK(test_bit(v->prev, survey->owned));
		old = ds_arena_ptr(survey->arena, v->prev);
		CHECK(old->seq < v->seq);
		CHECK(ds_version_is(old, ds_version_id(v), v->id_len));
	}
}

/**
 * struct census - what is in the index
 * @slots: slots in use
 * @documents: those of documents that exist
 * @document_bytes: their newest versions
 * @bytes: buckets and directory
 */
struct census {
	u64 slots;
	u64 documents;
	u64 document_bytes;
	u64 bytes;
};

static void census_slot(struct store *s, struct survey *survey, struct census *census,
			const struct docstore_bucket *bucket, u32 i, u32 number)
{
	const struct docstore_version *v = ds_arena_ptr(survey->arena, bucket->ref[i]);
	u32 state = bucket->state[i];
	u32 flags = state & 0xffff;
	u64 hash;

	hash = store_hash(s, ds_version_id(v), v->id_len);
	version_validate(v);
	CHECK(core_size_of(survey->arena, bucket->ref[i]) >= v->size);
	CHECK(v->seq && v->seq <= s->map->visible_seq);
	CHECK_EQ(docstore_map_bucket(hash, s->map->buckets), number);
	CHECK_EQ(state >> DOCSTORE_STATE_TAG_SHIFT, docstore_map_tag(hash));
	census->slots++;
	survey_chain(survey, &s->p, v);
	/* It stays until the document is changed again, or what was kept is dropped. */
	flags &= ~DOCSTORE_STATE_SNAPSHOT_READY;
	/* Nor is what is estimated ours to know. */
	flags &= 0xff & ~DOCSTORE_STATE_HOT_DOCUMENT;
	if (ds_version_tombstone(v)) {
		/* It has been owned already: as one of a list. */
		CHECK_EQ(flags, DOCSTORE_STATE_NEEDS_COMPACTION);
		CHECK(test_bit(bucket->ref[i], survey->owned));
		return;
	}
	CHECK_EQ(flags, DOCSTORE_STATE_IDLE);
	CHECK(bucket->stat[i] & DOCSTORE_STAT_DELTAS_MASK);
	survey_own(survey, bucket->ref[i]);
	census->documents++;
	census->document_bytes += v->size;
}

/* No id is twice in one bucket, where it would have to be. */
static void census_twins(struct store *s, const struct docstore_bucket *bucket, u32 i)
{
	const struct docstore_version *v = ds_arena_ptr(&s->p.arena, bucket->ref[i]);
	const u8 *id = ds_version_id(v);

	for (;;) {
		const struct docstore_version *other;

		if (++i == DOCSTORE_MAP_SLOTS) {
			i = 0;
			if (!bucket->next)
				return;
			bucket = ds_arena_ptr(&s->p.arena, bucket->next);
		}
		if (!bucket->ref[i])
			continue;
		other = ds_arena_ptr(&s->p.arena, bucket->ref[i]);
		CHECK(!ds_version_is(other, id, v->id_len));
	}
}

static void census_bucket(struct store *s, struct survey *survey, struct census *census,
			  u32 number)
{
	const struct docstore_bucket *bucket = core_bucket(&s->p.index, number);
	bool first = true;

	for (;;) {
		u32 i, filled = 0;

		for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
			if (!bucket->ref[i]) {
				CHECK_EQ(bucket->state[i], 0);
				continue;
			}
			filled++;
			census_slot(s, survey, census, bucket, i, number);
			census_twins(s, bucket, i);
		}
		CHECK(first || filled);
		first = false;
		if (!bucket->next)
			return;
		survey_own(survey, bucket->next);
		census->bytes += sizeof(*bucket);
		bucket = ds_arena_ptr(survey->arena, bucket->next);
	}
}

static void census_directory(struct store *s, struct survey *survey, struct census *census)
{
	struct ds_index *index = &s->p.index;
	u32 i, j, segments = 0;

	CHECK(s->map->buckets <= index->grown);
	for (i = 0; i < DOCSTORE_MAP_DIRS; i++) {
		const u32 *dir;

		if (!s->map->dir[i])
			continue;
		CHECK_EQ(segments, i << DOCSTORE_MAP_DIR_SHIFT);
		survey_own(survey, s->map->dir[i]);
		census->bytes += DOCSTORE_MAP_DIR_SEGMENTS * sizeof(u32);
		dir = ds_arena_ptr(survey->arena, s->map->dir[i]);
		for (j = 0; j < DOCSTORE_MAP_DIR_SEGMENTS && dir[j]; j++) {
			survey_own(survey, dir[j]);
			census->bytes += DOCSTORE_MAP_SEGMENT * sizeof(struct docstore_bucket);
			segments++;
		}
		for (; j < DOCSTORE_MAP_DIR_SEGMENTS; j++)
			CHECK_EQ(dir[j], 0);
	}
	CHECK_EQ(segments << DOCSTORE_MAP_SEGMENT_SHIFT, index->grown);
}

void store_validate(struct store *s)
{
	struct ds_partition *p = &s->p;
	struct census census = {};
	struct survey survey;
	u32 tombstones, i;

	CHECK_EQ(p->seq, 0);
	survey_begin(&survey, &p->arena);
	tombstones = survey_tombstones(&survey, &p->buried);
	tombstones += survey_tombstones(&survey, &p->dying);
	tombstones += survey_pins(&survey, p);

	census_directory(s, &survey, &census);
	CHECK(!(s->map->moves & 1));
	for (i = 0; i < s->map->buckets; i++)
		census_bucket(s, &survey, &census, i);
	CHECK_EQ(p->index.slots, census.slots);
	CHECK_EQ(p->index.bytes, census.bytes);
	CHECK_EQ(p->stats.documents, census.documents);
	CHECK_EQ(p->stats.document_bytes, census.document_bytes);
	CHECK(census.slots - census.documents <= tombstones);

	/* All of it was met, so nothing has leaked. */
	CHECK_EQ(survey.bytes, p->arena.used_bytes);
	survey_end(&survey);
}

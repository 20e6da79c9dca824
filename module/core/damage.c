// SPDX-License-Identifier: GPL-2.0
/*
 * Damage on purpose: for each kind of fault that checks are there to find, one that is
 * like it. Until it is repaired or undone, the partition is good for nothing but to be
 * checked.
 */
#include <linux/kernel.h>
#include <linux/rcupdate.h>

#include "check.h"
#include "damage.h"

/* Change something, and note how to undo it. */
#define ds_damage_set(place, value)					\
	do {								\
		typeof(place) *__at = &(place);				\
									\
		undo->change[undo->count].at = __at;			\
		undo->change[undo->count].size = sizeof(*__at);		\
		undo->change[undo->count].old = *__at;			\
		undo->count++;						\
		WRITE_ONCE(*__at, value);				\
	} while (0)

static struct docstore_version *ds_damage_version(struct ds_partition *p, u32 ref)
{
	return ds_arena_ptr(&p->arena, ref);
}

static struct docstore_bucket *ds_damage_bucket(struct ds_partition *p, u32 number)
{
	u32 segment = number >> DOCSTORE_MAP_SEGMENT_SHIFT;
	const u32 *dir = ds_arena_ptr(&p->arena, p->map->dir[segment >> DOCSTORE_MAP_DIR_SHIFT]);
	struct docstore_bucket *buckets;

	buckets = ds_arena_ptr(&p->arena, dir[segment & (DOCSTORE_MAP_DIR_SEGMENTS - 1)]);
	return &buckets[number & (DOCSTORE_MAP_SEGMENT - 1)];
}

/* Is it a document that exists, with predecessors that a snapshot needs or without? */
static bool ds_damage_fits(struct ds_partition *p, const struct ds_slot *slot, bool prev)
{
	const struct docstore_version *v;
	u32 ref = ds_slot_ref(slot);

	if (!ref)
		return false;
	v = ds_damage_version(p, ref);
	if (ds_version_tombstone(v) || !v->nprops || !v->prev == prev)
		return false;
	return !prev || slot->bucket->state[slot->i] & DOCSTORE_STATE_SNAPSHOT_READY;
}

/* The first one in a bucket. */
static bool ds_damage_slot_in(struct ds_partition *p, struct docstore_bucket *bucket, bool prev,
			      struct ds_slot *slot)
{
	u32 i;

	for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
		*slot = (struct ds_slot){ .bucket = bucket, .i = i };
		if (ds_damage_fits(p, slot, prev))
			return true;
	}
	return false;
}

/* The first one at all. */
static bool ds_damage_slot(struct ds_partition *p, bool prev, struct ds_slot *slot)
{
	u32 number;

	for (number = 0; number < p->map->buckets; number++)
		if (ds_damage_slot_in(p, ds_damage_bucket(p, number), prev, slot))
			return true;
	return false;
}

static bool ds_damage_state(struct ds_partition *p, struct ds_damage_undo *undo, bool prev,
			    u32 bits)
{
	struct ds_slot slot;

	if (!ds_damage_slot(p, prev, &slot))
		return false;
	ds_damage_set(slot.bucket->state[slot.i], slot.bucket->state[slot.i] ^ bits);
	return true;
}

static bool ds_damage_dirty(struct ds_partition *p, struct ds_damage_undo *undo)
{
	return ds_damage_state(p, undo, false, DOCSTORE_STATE_DIRTY);
}

static bool ds_damage_processing(struct ds_partition *p, struct ds_damage_undo *undo)
{
	return ds_damage_state(p, undo, false, DOCSTORE_STATE_PROCESSING);
}

static bool ds_damage_reserved(struct ds_partition *p, struct ds_damage_undo *undo)
{
	return ds_damage_state(p, undo, false, 1U << (DOCSTORE_STATE_PATTERN_SHIFT - 1));
}

static bool ds_damage_compaction(struct ds_partition *p, struct ds_damage_undo *undo)
{
	return ds_damage_state(p, undo, false, DOCSTORE_STATE_NEEDS_COMPACTION);
}

static bool ds_damage_ready(struct ds_partition *p, struct ds_damage_undo *undo)
{
	return ds_damage_state(p, undo, false, DOCSTORE_STATE_SNAPSHOT_READY);
}

static bool ds_damage_unready(struct ds_partition *p, struct ds_damage_undo *undo)
{
	return ds_damage_state(p, undo, true, DOCSTORE_STATE_SNAPSHOT_READY);
}

static bool ds_damage_tag(struct ds_partition *p, struct ds_damage_undo *undo)
{
	return ds_damage_state(p, undo, false, 1U << DOCSTORE_STATE_TAG_SHIFT);
}

/* The middle of a block. */
static bool ds_damage_ref(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_slot slot;

	if (!ds_damage_slot(p, false, &slot))
		return false;
	ds_damage_set(slot.bucket->ref[slot.i], ds_slot_ref(&slot) + 1);
	return true;
}

static bool ds_damage_lost(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_slot slot;

	if (!ds_damage_slot(p, false, &slot))
		return false;
	ds_damage_set(slot.bucket->ref[slot.i], 0);
	ds_damage_set(slot.bucket->state[slot.i], 0);
	return true;
}

static bool ds_damage_half(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_slot slot;

	if (!ds_damage_slot(p, false, &slot))
		return false;
	ds_damage_set(slot.bucket->ref[slot.i], 0);
	return true;
}

/* Copy a slot into a free one of a bucket. */
static bool ds_damage_copy(struct ds_damage_undo *undo, const struct ds_slot *slot,
			   struct docstore_bucket *to)
{
	u32 i;

	for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
		if (to->ref[i] || to->state[i])
			continue;
		ds_damage_set(to->state[i], slot->bucket->state[slot->i]);
		ds_damage_set(to->ref[i], slot->bucket->ref[slot->i]);
		return true;
	}
	return false;
}

/* In the same bucket, which may be full: the first that is not. */
static bool ds_damage_twice(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_slot slot;
	u32 number;

	for (number = 0; number < p->map->buckets; number++) {
		struct docstore_bucket *bucket = ds_damage_bucket(p, number);

		if (ds_damage_slot_in(p, bucket, false, &slot) &&
		    ds_damage_copy(undo, &slot, bucket))
			return true;
	}
	return false;
}

static bool ds_damage_elsewhere(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_slot slot;
	u32 number;

	if (!ds_damage_slot(p, false, &slot))
		return false;
	for (number = 0; number < p->map->buckets; number++) {
		struct docstore_bucket *bucket = ds_damage_bucket(p, number);

		if (bucket != slot.bucket && ds_damage_copy(undo, &slot, bucket))
			return true;
	}
	return false;
}

static bool ds_damage_chain(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_slot slot;

	if (!ds_damage_slot(p, false, &slot))
		return false;
	ds_damage_set(slot.bucket->next, U32_MAX);
	return true;
}

static struct docstore_version *ds_damage_document(struct ds_partition *p, bool prev)
{
	struct ds_slot slot;

	if (!ds_damage_slot(p, prev, &slot))
		return NULL;
	return ds_damage_version(p, ds_slot_ref(&slot));
}

static bool ds_damage_size(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct docstore_version *v = ds_damage_document(p, false);

	if (!v)
		return false;
	ds_damage_set(v->size, v->size + DS_PAGE_SIZE);
	return true;
}

static bool ds_damage_type(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct docstore_version *v = ds_damage_document(p, false);
	struct ds_layout l;

	if (!v)
		return false;
	ds_version_layout(v, &l);
	ds_damage_set(((u8 *)l.types)[0], DOCSTORE_TYPE_JSON + 1);
	return true;
}

static bool ds_damage_seq(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct docstore_version *v = ds_damage_document(p, false);

	if (!v)
		return false;
	ds_damage_set(v->seq, p->map->visible_seq + 1);
	return true;
}

static bool ds_damage_prev_seq(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct docstore_version *v = ds_damage_document(p, true);

	if (!v)
		return false;
	ds_damage_set(ds_damage_version(p, v->prev)->seq, v->seq);
	return true;
}

static bool ds_damage_prev_version(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct docstore_version *v = ds_damage_document(p, true);

	if (!v)
		return false;
	ds_damage_set(ds_damage_version(p, v->prev)->version, v->version);
	return true;
}

static bool ds_damage_prev(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct docstore_version *v = ds_damage_document(p, true);

	if (!v)
		return false;
	ds_damage_set(v->prev, v->prev + 1);
	return true;
}

static bool ds_damage_documents(struct ds_partition *p, struct ds_damage_undo *undo)
{
	ds_damage_set(p->stats.documents, p->stats.documents + 1);
	return true;
}

static bool ds_damage_document_bytes(struct ds_partition *p, struct ds_damage_undo *undo)
{
	ds_damage_set(p->stats.document_bytes, p->stats.document_bytes + 1);
	return true;
}

static bool ds_damage_slots(struct ds_partition *p, struct ds_damage_undo *undo)
{
	ds_damage_set(p->index.slots, p->index.slots + 1);
	return true;
}

static bool ds_damage_index_bytes(struct ds_partition *p, struct ds_damage_undo *undo)
{
	ds_damage_set(p->index.bytes, p->index.bytes + 1);
	return true;
}

static bool ds_damage_used_bytes(struct ds_partition *p, struct ds_damage_undo *undo)
{
	ds_damage_set(p->arena.used_bytes, p->arena.used_bytes + 1);
	return true;
}

static bool ds_damage_free_pages(struct ds_partition *p, struct ds_damage_undo *undo)
{
	ds_damage_set(p->arena.free_pages, p->arena.free_pages + 1);
	return true;
}

static bool ds_damage_retired_bytes(struct ds_partition *p, struct ds_damage_undo *undo)
{
	ds_damage_set(p->arena.retired_bytes, p->arena.retired_bytes + 1);
	return true;
}

static bool ds_damage_past_bytes(struct ds_partition *p, struct ds_damage_undo *undo)
{
	ds_damage_set(p->stats.past_bytes, p->stats.past_bytes + 1);
	return true;
}

static bool ds_damage_chunk(struct ds_partition *p, struct ds_damage_undo *undo)
{
	if (!p->arena.nchunks || !p->arena.chunks[0])
		return false;
	ds_damage_set(p->arena.chunks[0]->free_pages, p->arena.chunks[0]->free_pages + 1);
	return true;
}

/* A run of small blocks: that of some document. */
static struct ds_run *ds_damage_run(struct ds_partition *p, struct ds_check_block *block)
{
	struct ds_slot slot;

	if (!ds_damage_slot(p, false, &slot) ||
	    !ds_check_find_block(&p->arena, ds_slot_ref(&slot), block) ||
	    block->run->class == DS_CLASS_NONE)
		return NULL;
	return block->run;
}

static bool ds_damage_run_pages(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_check_block block;
	struct ds_run *run = ds_damage_run(p, &block);

	if (!run)
		return false;
	ds_damage_set(run->pages, run->pages + 1);
	return true;
}

static bool ds_damage_run_used(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_check_block block;
	struct ds_run *run = ds_damage_run(p, &block);

	if (!run || !run->used)
		return false;
	ds_damage_set(run->used, run->used - 1);
	return true;
}

static bool ds_damage_free_loop(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_check_block block;
	struct ds_run *run = ds_damage_run(p, &block);

	if (!run)
		return false;
	if (!run->free)
		ds_damage_set(run->free, 1);
	ds_damage_set(ds_run_links(block.chunk, run)[run->free - 1], run->free);
	return true;
}

static bool ds_damage_spares(struct ds_partition *p, struct ds_damage_undo *undo)
{
	ds_damage_set(p->arena.spares.bytes, p->arena.spares.bytes + DOCSTORE_MAP_UNIT);
	return true;
}

static bool ds_damage_retired(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_retired *open = ds_retired_open(&p->arena.retired);

	ds_damage_set(open->bytes, open->bytes + 1);
	return true;
}

/* What is kept for the first pin that is held and for which anything is. */
static struct ds_pin_list *ds_damage_kept(struct ds_partition *p)
{
	struct ds_pin_list *list = NULL;
	const struct ds_pins *pins;
	u32 i;

	rcu_read_lock();
	pins = rcu_dereference(p->past->pins);
	for (i = 0; pins && i < pins->count && !list; i++)
		if (!READ_ONCE(pins->pin[i]->released) && pins->pin[i]->list[p->number].head)
			list = &pins->pin[i]->list[p->number];
	rcu_read_unlock();
	return list;
}

static bool ds_damage_kept_count(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_pin_list *list = ds_damage_kept(p);

	if (!list)
		return false;
	ds_damage_set(list->count, list->count + 1);
	return true;
}

static bool ds_damage_kept_bytes(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_pin_list *list = ds_damage_kept(p);

	if (!list)
		return false;
	ds_damage_set(list->bytes, list->bytes + 1);
	return true;
}

static bool ds_damage_kept_ref(struct ds_partition *p, struct ds_damage_undo *undo)
{
	struct ds_pin_list *list = ds_damage_kept(p);

	if (!list)
		return false;
	ds_damage_set(list->head, list->head + 1);
	return true;
}

static const struct ds_damage ds_damages[] = {
	{ "dirty", DS_VALIDATOR_FLAGS, true, ds_damage_dirty },
	{ "processing", DS_VALIDATOR_FLAGS, true, ds_damage_processing },
	{ "reserved", DS_VALIDATOR_FLAGS, true, ds_damage_reserved },
	{ "compaction", DS_VALIDATOR_FLAGS, true, ds_damage_compaction },
	{ "ready", DS_VALIDATOR_FLAGS, true, ds_damage_ready },
	{ "unready", DS_VALIDATOR_FLAGS, true, ds_damage_unready },
	{ "documents", DS_VALIDATOR_ACCOUNTING, true, ds_damage_documents },
	{ "document_bytes", DS_VALIDATOR_ACCOUNTING, true, ds_damage_document_bytes },
	{ "slots", DS_VALIDATOR_ACCOUNTING, true, ds_damage_slots },
	{ "index_bytes", DS_VALIDATOR_ACCOUNTING, true, ds_damage_index_bytes },
	{ "used_bytes", DS_VALIDATOR_ACCOUNTING, true, ds_damage_used_bytes },
	{ "free_pages", DS_VALIDATOR_ACCOUNTING, true, ds_damage_free_pages },
	{ "retired_bytes", DS_VALIDATOR_ACCOUNTING, true, ds_damage_retired_bytes },
	{ "past_bytes", DS_VALIDATOR_ACCOUNTING, true, ds_damage_past_bytes },
	{ "lost", DS_VALIDATOR_ACCOUNTING, true, ds_damage_lost },
	{ "tag", DS_VALIDATOR_INDEX, false, ds_damage_tag },
	{ "ref", DS_VALIDATOR_INDEX, false, ds_damage_ref },
	{ "half", DS_VALIDATOR_INDEX, false, ds_damage_half },
	{ "twice", DS_VALIDATOR_INDEX, false, ds_damage_twice },
	{ "elsewhere", DS_VALIDATOR_INDEX, false, ds_damage_elsewhere },
	{ "chain", DS_VALIDATOR_INDEX, false, ds_damage_chain },
	{ "size", DS_VALIDATOR_VERSIONS, false, ds_damage_size },
	{ "type", DS_VALIDATOR_VERSIONS, false, ds_damage_type },
	{ "seq", DS_VALIDATOR_VERSIONS, false, ds_damage_seq },
	{ "prev", DS_VALIDATOR_VERSIONS, false, ds_damage_prev },
	{ "prev_seq", DS_VALIDATOR_VERSIONS, false, ds_damage_prev_seq },
	{ "prev_version", DS_VALIDATOR_VERSIONS, false, ds_damage_prev_version },
	{ "chunk", DS_VALIDATOR_ARENA, false, ds_damage_chunk },
	{ "run_pages", DS_VALIDATOR_ARENA, false, ds_damage_run_pages },
	{ "run_used", DS_VALIDATOR_ARENA, false, ds_damage_run_used },
	{ "free_loop", DS_VALIDATOR_ARENA, false, ds_damage_free_loop },
	{ "spares", DS_VALIDATOR_ARENA, false, ds_damage_spares },
	{ "retired", DS_VALIDATOR_ARENA, false, ds_damage_retired },
	{ "kept_ref", DS_VALIDATOR_PAST, false, ds_damage_kept_ref },
	{ "kept_count", DS_VALIDATOR_PAST, false, ds_damage_kept_count },
	{ "kept_bytes", DS_VALIDATOR_PAST, false, ds_damage_kept_bytes },
};

/**
 * ds_damage_kind() - the kinds of damage there are
 * @number: number of one, from 0 on
 *
 * Return: the kind, or NULL behind the last one.
 */
const struct ds_damage *ds_damage_kind(u32 number)
{
	return number < ARRAY_SIZE(ds_damages) ? &ds_damages[number] : NULL;
}

static void ds_damage_restore(void *at, u32 size, u64 old)
{
	switch (size) {
	case sizeof(u8):
		*(u8 *)at = old;
		break;
	case sizeof(u16):
		*(u16 *)at = old;
		break;
	case sizeof(u32):
		WRITE_ONCE(*(u32 *)at, old);
		break;
	default:
		WRITE_ONCE(*(u64 *)at, old);
		break;
	}
}

/**
 * ds_damage_undo() - undo damage
 * @undo: what @inflict has noted. Nothing was changed since, but for what was repaired
 *
 * Context: the owner.
 */
void ds_damage_undo(struct ds_damage_undo *undo)
{
	while (undo->count--)
		ds_damage_restore(undo->change[undo->count].at, undo->change[undo->count].size,
				  undo->change[undo->count].old);
	undo->count = 0;
}

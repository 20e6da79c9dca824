// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of a partition: the table of validators, and the walk over the index.
 *
 * A check walks over the index, over the arena, and over what is kept for pins. What it
 * sees of each is sound if it holds between any two commits; for what only all of it
 * together tells, as the number of documents, it counts. Commits go on between slices,
 * so whoever changes something behind the check, where it has counted already, corrects
 * what it has counted. Of the index that is what has a lower position: documents are
 * gone through in the order in which scans do so, which stays the same while buckets are
 * split. When a walk is over, its sums are those of the moment, however long it took and
 * whatever happened meanwhile.
 */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>

#include "check.h"

/* Chains are not followed further; the longest that should be are a few buckets. */
#define DS_CHECK_CHAIN		4096
/* Nor compared with each other, of one chain. */
#define DS_CHECK_TWINS		64

/* The flags among what a state word holds. */
#define DS_STATE_FLAGS		((1U << DOCSTORE_STATE_PATTERN_SHIFT) - 1)

/**
 * enum ds_walk - what a check goes through, in this order
 * @DS_WALK_INDEX: buckets
 * @DS_WALK_ARENA: chunks and their runs
 * @DS_WALK_PAST: pins, and what is kept for them
 * @DS_WALK_DONE: nothing
 */
enum ds_walk {
	DS_WALK_INDEX,
	DS_WALK_ARENA,
	DS_WALK_PAST,
	DS_WALK_DONE,
};

/**
 * struct ds_check_slot - a slot that is being looked at
 * @slot: the slot
 * @number: number of its bucket
 * @v: its version, once it is known to be one; NULL before that
 * @ref: the version's ref, once it is known to be a block in use; 0 before that
 * @room: bytes of the block
 */
struct ds_check_slot {
	struct ds_slot slot;
	u32 number;
	const struct docstore_version *v;
	u32 ref;
	u32 room;
};

/**
 * struct ds_validator - a validator
 * @name: its name
 * @slot: looks at a slot in use, if it is about slots
 * @step: goes on in @walk, if it has one. Returns false at its end
 * @end: looks at what is left when a walk is over
 * @repair: repairs what it has found, if that can be
 * @walk: the walk of @step
 */
struct ds_validator {
	const char *name;
	void (*slot)(struct ds_partition *p, struct ds_check *check, struct ds_check_slot *at);
	bool (*step)(struct ds_partition *p, struct ds_check *check);
	void (*end)(struct ds_partition *p, struct ds_check *check, enum ds_walk walk);
	void (*repair)(struct ds_partition *p, struct ds_check_slot *at,
		       const struct ds_finding *finding);
	enum ds_walk walk;
};

static const struct ds_validator ds_validators[DS_VALIDATORS];

/**
 * ds_check_report() - count a finding and tell who wants to know
 * @check: the check
 * @finding: the finding
 */
void ds_check_report(struct ds_check *check, const struct ds_finding *finding)
{
	check->findings++;
	check->repaired += finding->repaired;
	check->found(check, finding);
}

/* The same for what can be repaired. */
static void ds_check_amend(struct ds_partition *p, struct ds_check *check,
			   struct ds_check_slot *at, struct ds_finding *finding)
{
	finding->repaired = check->repair;
	if (check->repair)
		ds_validators[finding->validator].repair(p, at, finding);
	ds_check_report(check, finding);
}

static void ds_check_index_found(struct ds_check *check, u32 rule, u32 number, u64 is, u64 should)
{
	check->unsound = true;
	ds_check_found(check, DS_VALIDATOR_INDEX, rule, number, is, should);
}

/* index: does the slot lead to a version of a document that belongs there? */
static void ds_validate_index(struct ds_partition *p, struct ds_check *check,
			      struct ds_check_slot *at)
{
	u32 state = at->slot.bucket->state[at->slot.i], tag = state >> DOCSTORE_STATE_TAG_SHIFT;
	u32 bucket, ref = ds_slot_ref(&at->slot);
	struct ds_check_block block;
	u64 hash;

	if (!ds_check_find_block(&p->arena, ref, &block)) {
		ds_check_index_found(check, DS_RULE_REF, at->number, ref, 0);
		return;
	}
	at->ref = ref;
	at->room = block.size;
	if (!ds_check_version(p, check, ref, block.size)) {
		check->unsound = true;
		return;
	}
	at->v = ds_arena_ptr(&p->arena, ref);
	hash = docstore_map_hash(p->key, ds_version_id(at->v), at->v->id_len);
	bucket = docstore_map_bucket(hash, p->map->buckets);
	if (bucket != at->number)
		ds_check_index_found(check, DS_RULE_BUCKET, at->number, at->number, bucket);
	if (tag != docstore_map_tag(hash))
		ds_check_index_found(check, DS_RULE_TAG, at->number, tag, docstore_map_tag(hash));
}

/* The flags that a document has between commits, apart from those that depend on its use. */
static u32 ds_flags_should(const struct ds_partition *p, const struct docstore_version *v)
{
	const struct ds_pins *pins;
	u32 flags = 0;

	if (ds_version_tombstone(v))
		flags |= DOCSTORE_STATE_NEEDS_COMPACTION;
	rcu_read_lock();
	pins = rcu_dereference(p->past->pins);
	if (v->prev && v->seq > ds_pins_floor(pins, p->number))
		flags |= DOCSTORE_STATE_SNAPSHOT_READY;
	rcu_read_unlock();
	return flags;
}

/* flags: are those set, and only those, that are true of the document? */
static void ds_validate_flags(struct ds_partition *p, struct ds_check *check,
			      struct ds_check_slot *at)
{
	u32 should, free = DOCSTORE_STATE_HOT_DOCUMENT;
	struct ds_finding finding = {
		.validator = DS_VALIDATOR_FLAGS,
		.rule = DS_RULE_FLAGS,
		.where = at->number,
		.is = at->slot.bucket->state[at->slot.i] & DS_STATE_FLAGS,
	};

	if (!at->v)
		return;
	should = ds_flags_should(p, at->v);
	/*
	 * While it is not known what the oldest pin sees, it is not known what is kept for
	 * it; and the flag may stay until what was kept is looked through.
	 */
	if (at->v->prev && !(should & DOCSTORE_STATE_SNAPSHOT_READY))
		free |= DOCSTORE_STATE_SNAPSHOT_READY;
	finding.should = should | (finding.is & free);
	if (finding.is != finding.should)
		ds_check_amend(p, check, at, &finding);
}

static void ds_repair_flags(struct ds_partition *p, struct ds_check_slot *at,
			    const struct ds_finding *finding)
{
	ds_index_flags(&at->slot, DS_STATE_FLAGS, finding->should);
}

/* versions: what pinned readers come to. The newest one was looked at before. */
static void ds_validate_versions(struct ds_partition *p, struct ds_check *check,
				 struct ds_check_slot *at)
{
	if (at->v)
		ds_check_predecessors(p, check, at->ref);
}

/* A bucket of the directory, which is not trusted; NULL if it leads nowhere. */
static struct docstore_bucket *ds_check_bucket(const struct ds_partition *p, u32 number)
{
	u32 segment = number >> DOCSTORE_MAP_SEGMENT_SHIFT;
	struct ds_check_block block;
	struct docstore_bucket *buckets;
	const u32 *dir;
	u32 ref = p->map->dir[segment >> DOCSTORE_MAP_DIR_SHIFT];

	if (!ds_check_find_block(&p->arena, ref, &block) ||
	    block.size < DOCSTORE_MAP_DIR_SEGMENTS * sizeof(*dir))
		return NULL;
	dir = ds_arena_ptr(&p->arena, ref);
	ref = dir[segment & (DOCSTORE_MAP_DIR_SEGMENTS - 1)];
	if (!ds_check_find_block(&p->arena, ref, &block) ||
	    block.size < DOCSTORE_MAP_SEGMENT * sizeof(*buckets))
		return NULL;
	buckets = ds_arena_ptr(&p->arena, ref);
	return &buckets[number & (DOCSTORE_MAP_SEGMENT - 1)];
}

/* The next bucket of a chain, which is not trusted either. */
static struct docstore_bucket *ds_check_next(struct ds_partition *p, struct ds_check *check,
					     u32 number, const struct docstore_bucket *bucket)
{
	struct ds_check_block block;

	if (!bucket->next)
		return NULL;
	if (!ds_check_find_block(&p->arena, bucket->next, &block) ||
	    block.size < sizeof(*bucket)) {
		ds_check_index_found(check, DS_RULE_CHAIN, number, bucket->next, 0);
		return NULL;
	}
	return ds_arena_ptr(&p->arena, bucket->next);
}

/**
 * struct ds_check_ids - slots of one bucket that were looked at
 * @count: how many
 * @tag: tags
 * @v: their versions
 */
struct ds_check_ids {
	u32 count;
	u16 tag[DS_CHECK_TWINS];
	const struct docstore_version *v[DS_CHECK_TWINS];
};

static void ds_check_twice(struct ds_check *check, struct ds_check_ids *ids,
			   const struct ds_check_slot *at)
{
	u16 tag = at->slot.bucket->state[at->slot.i] >> DOCSTORE_STATE_TAG_SHIFT;
	u32 i;

	for (i = 0; i < ids->count; i++)
		if (ids->tag[i] == tag &&
		    ds_version_is(ids->v[i], ds_version_id(at->v), at->v->id_len))
			ds_check_index_found(check, DS_RULE_TWICE, at->number, at->ref, 0);
	if (ids->count == DS_CHECK_TWINS)
		return;
	ids->tag[ids->count] = tag;
	ids->v[ids->count++] = at->v;
}

static void ds_check_slot(struct ds_partition *p, struct ds_check *check,
			  struct ds_check_slot *at)
{
	struct ds_index_tally *tally = &p->index.tally;
	u32 i;

	for (i = 0; i < DS_VALIDATORS; i++)
		if (ds_validators[i].slot)
			ds_validators[i].slot(p, check, at);
	check->work--;
	tally->slots++;
	if (!at->v || ds_version_tombstone(at->v))
		return;
	check->documents++;
	tally->documents++;
	tally->document_bytes += at->v->size;
}

static void ds_check_slots(struct ds_partition *p, struct ds_check *check,
			   struct ds_check_ids *ids, u32 number, struct docstore_bucket *bucket)
{
	u32 i;

	for (i = 0; i < DOCSTORE_MAP_SLOTS; i++) {
		struct ds_check_slot at = {
			.slot = { .bucket = bucket, .i = i },
			.number = number,
		};

		if (!bucket->ref[i]) {
			if (bucket->state[i])
				ds_check_index_found(check, DS_RULE_EMPTY, number,
						     bucket->state[i], 0);
			continue;
		}
		ds_check_slot(p, check, &at);
		if (at.v)
			ds_check_twice(check, ids, &at);
	}
}

/* A bucket and its chain. */
static void ds_check_chain(struct ds_partition *p, struct ds_check *check, u32 number)
{
	struct docstore_bucket *bucket = ds_check_bucket(p, number);
	struct ds_check_ids ids;
	u32 n;

	if (!bucket)
		ds_check_index_found(check, DS_RULE_DIRECTORY, number, 0, 1);
	ids.count = 0;
	for (n = 0; bucket; n++) {
		if (n == DS_CHECK_CHAIN) {
			ds_check_index_found(check, DS_RULE_CHAIN_END, number, n, 0);
			break;
		}
		check->blocks++;
		check->work--;
		ds_check_slots(p, check, &ids, number, bucket);
		bucket = ds_check_next(p, check, number, bucket);
		p->index.tally.overflow += !!bucket;
	}
}

/* The next bucket in the order of positions. */
static bool ds_check_index_step(struct ds_partition *p, struct ds_check *check)
{
	u32 buckets = p->map->buckets, number;
	u64 last;

	if (!buckets)
		return false;
	number = docstore_map_bucket(ds_position(check->at), buckets);
	ds_check_chain(p, check, number);
	last = ds_bucket_last_position(check->at, number, buckets);
	/* At the end everything was passed: the sums are used at once. */
	check->at = last + 1;
	p->index.tally.passed = check->at;
	return check->at;
}

static void ds_check_counter(struct ds_partition *p, struct ds_check *check, u32 rule, u64 is,
			     u64 should)
{
	struct ds_finding finding = {
		.validator = DS_VALIDATOR_ACCOUNTING,
		.rule = rule,
		.is = is,
		.should = should,
	};

	if (is != should)
		ds_check_amend(p, check, NULL, &finding);
}

static void ds_repair_counter(struct ds_partition *p, struct ds_check_slot *at,
			      const struct ds_finding *finding)
{
	switch (finding->rule) {
	case DS_RULE_DOCUMENTS:
		WRITE_ONCE(p->stats.documents, finding->should);
		break;
	case DS_RULE_DOCUMENT_BYTES:
		WRITE_ONCE(p->stats.document_bytes, finding->should);
		break;
	case DS_RULE_SLOTS:
		p->index.slots = finding->should;
		break;
	case DS_RULE_INDEX_BYTES:
		WRITE_ONCE(p->index.bytes, finding->should);
		break;
	case DS_RULE_USED_BYTES:
		WRITE_ONCE(p->arena.used_bytes, finding->should);
		break;
	case DS_RULE_FREE_PAGES:
		WRITE_ONCE(p->arena.free_pages, finding->should);
		break;
	case DS_RULE_RETIRED_BYTES:
		WRITE_ONCE(p->arena.retired_bytes, finding->should);
		break;
	case DS_RULE_PAST_BYTES:
		WRITE_ONCE(p->stats.past_bytes, finding->should);
		break;
	}
}

/* Memory of the index, with so many overflow buckets. */
static u64 ds_index_bytes(const struct ds_index *index, u64 overflow)
{
	u64 bytes = (index->grown + overflow) * sizeof(struct docstore_bucket);
	u32 i;

	for (i = 0; i < DOCSTORE_MAP_DIRS && index->map->dir[i]; i++)
		bytes += DOCSTORE_MAP_DIR_SEGMENTS * sizeof(u32);
	return bytes;
}

static u64 ds_retired_bytes(const struct ds_arena *arena)
{
	u64 bytes = 0;
	u32 i;

	for (i = 0; i <= DS_ARENA_CLOSED; i++)
		bytes += arena->retired.list[i].bytes;
	return bytes;
}

/* accounting: are counters what was counted, in the moment in which the last was? */
static void ds_validate_accounting(struct ds_partition *p, struct ds_check *check,
				   enum ds_walk walk)
{
	const struct ds_index_tally *index = &p->index.tally;
	const struct ds_arena *arena = &p->arena;

	/* What could not be read could not be counted. */
	if (check->unsound)
		return;
	switch (walk) {
	case DS_WALK_INDEX:
		ds_check_counter(p, check, DS_RULE_SLOTS, p->index.slots, index->slots);
		ds_check_counter(p, check, DS_RULE_DOCUMENTS, p->stats.documents,
				 index->documents);
		ds_check_counter(p, check, DS_RULE_DOCUMENT_BYTES, p->stats.document_bytes,
				 index->document_bytes);
		ds_check_counter(p, check, DS_RULE_INDEX_BYTES, p->index.bytes,
				 ds_index_bytes(&p->index, index->overflow));
		break;
	case DS_WALK_ARENA:
		ds_check_counter(p, check, DS_RULE_USED_BYTES, arena->used_bytes,
				 arena->tally.bytes - arena->spares.bytes);
		ds_check_counter(p, check, DS_RULE_FREE_PAGES, arena->free_pages,
				 arena->tally.free_pages);
		ds_check_counter(p, check, DS_RULE_RETIRED_BYTES, arena->retired_bytes,
				 ds_retired_bytes(arena));
		break;
	case DS_WALK_PAST:
		ds_check_counter(p, check, DS_RULE_PAST_BYTES, p->stats.past_bytes,
				 ds_check_kept_bytes(p));
		break;
	default:
		break;
	}
}

static void ds_validate_arena(struct ds_partition *p, struct ds_check *check, enum ds_walk walk)
{
	if (walk == DS_WALK_ARENA)
		ds_check_arena_end(p, check);
}

static const struct ds_validator ds_validators[DS_VALIDATORS] = {
	[DS_VALIDATOR_INDEX] = {
		.name = "index",
		.slot = ds_validate_index,
		.step = ds_check_index_step,
		.walk = DS_WALK_INDEX,
	},
	[DS_VALIDATOR_FLAGS] = {
		.name = "flags",
		.slot = ds_validate_flags,
		.repair = ds_repair_flags,
	},
	[DS_VALIDATOR_VERSIONS] = {
		.name = "versions",
		.slot = ds_validate_versions,
	},
	[DS_VALIDATOR_ARENA] = {
		.name = "arena",
		.step = ds_check_arena_step,
		.walk = DS_WALK_ARENA,
		.end = ds_validate_arena,
	},
	[DS_VALIDATOR_PAST] = {
		.name = "past",
		.step = ds_check_past_step,
		.walk = DS_WALK_PAST,
	},
	/* Behind those who say whether what was counted is good for anything. */
	[DS_VALIDATOR_ACCOUNTING] = {
		.name = "accounting",
		.end = ds_validate_accounting,
		.repair = ds_repair_counter,
	},
};

/**
 * ds_validator_name() - the name of a validator
 * @validator: enum ds_validator_number
 *
 * Return: the name.
 */
const char *ds_validator_name(u32 validator)
{
	return ds_validators[validator].name;
}

/**
 * ds_check_begin() - begin to check a partition
 * @p: the partition, which is in no other check that is to be finished
 * @check: the check, zeroed but for what it is asked to do
 *
 * Context: the owner.
 */
void ds_check_begin(struct ds_partition *p, struct ds_check *check)
{
	ds_partition_assert_owner(p);
	p->index.tally = (struct ds_index_tally){};
	p->arena.tally = (struct ds_arena_tally){};
	check->walk = DS_WALK_INDEX;
	check->at = 0;
	check->unsound = false;
	check->kept.pin = NULL;
}

static void ds_check_walked(struct ds_partition *p, struct ds_check *check)
{
	u32 i;

	for (i = 0; i < DS_VALIDATORS; i++)
		if (ds_validators[i].end)
			ds_validators[i].end(p, check, check->walk);
	/* From here on nobody needs to count on. */
	p->index.tally.passed = 0;
	p->arena.tally.passed = 0;
	check->unsound = false;
	check->walk++;
	check->at = 0;
}

static bool ds_check_step(struct ds_partition *p, struct ds_check *check)
{
	u32 i;

	for (i = 0; i < DS_VALIDATORS; i++)
		if (ds_validators[i].step && ds_validators[i].walk == check->walk)
			return ds_validators[i].step(p, check);
	return false;
}

/**
 * ds_check_slice() - go on with a check
 * @p: the partition
 * @check: the check
 * @work: how much to look at, in documents; it may be a little more
 *
 * Context: the owner, between commits. Never sleeps.
 * Return: true if there is more to do.
 */
bool ds_check_slice(struct ds_partition *p, struct ds_check *check, u32 work)
{
	ds_partition_assert_owner(p);
	WARN_ON_ONCE(p->seq);
	check->work = work;
	while (check->walk != DS_WALK_DONE && check->work > 0)
		if (!ds_check_step(p, check))
			ds_check_walked(p, check);
	return check->walk != DS_WALK_DONE;
}

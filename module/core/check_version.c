// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of document versions, and of those that are kept for pins.
 */
#include <linux/kernel.h>
#include <linux/rcupdate.h>

#include "check.h"

/* Properties that are looked at in the time of one document. */
#define DS_CHECK_PROPERTIES	32
/* How many predecessors are looked at. */
#define DS_CHECK_PREDECESSORS	512

#define DS_VERSION_FLAGS	(DOCSTORE_VERSION_TOMBSTONE | DOCSTORE_VERSION_WIDE | \
				 DOCSTORE_VERSION_SET)

static void ds_check_version_found(struct ds_check *check, u32 rule, u32 ref, u64 is, u64 should)
{
	ds_check_found(check, DS_VALIDATOR_VERSIONS, rule, ref, is, should);
}

/* How long all parts of a version are but the values; more than fits if it makes no sense. */
static u64 ds_version_overhead(const struct docstore_version *v)
{
	u64 each = sizeof(u16) + sizeof(u8);

	if (!v->id_len || v->nprops > DOCSTORE_MAX_PROPERTIES || (v->flags & ~DS_VERSION_FLAGS))
		return U64_MAX;
	if (ds_version_tombstone(v) && (v->nprops || v->flags != DOCSTORE_VERSION_TOMBSTONE))
		return U64_MAX;
	each += v->flags & DOCSTORE_VERSION_WIDE ? sizeof(u32) : sizeof(u16);
	if (v->flags & DOCSTORE_VERSION_SET)
		each += sizeof(u32);
	return sizeof(*v) + v->nprops * each + v->id_len;
}

static bool ds_type_fits(u8 type, u32 len)
{
	switch (type) {
	case DOCSTORE_TYPE_NULL:
		return !len;
	case DOCSTORE_TYPE_BOOL:
		return len == 1;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
	case DOCSTORE_TYPE_F64:
		return len == sizeof(u64);
	case DOCSTORE_TYPE_STRING:
	case DOCSTORE_TYPE_BYTES:
	case DOCSTORE_TYPE_JSON:
		return true;
	default:
		return false;
	}
}

/* Do the ends of the values grow, up to that of the version, and go with the types? */
static bool ds_version_values_fit(const struct docstore_version *v, u32 *end)
{
	struct ds_layout l;
	u32 i, begin = 0;

	ds_version_layout(v, &l);
	*end = 0;
	for (i = 0; i < v->nprops; i++) {
		*end = v->flags & DOCSTORE_VERSION_WIDE ? ((const u32 *)l.ends)[i] :
							  ((const u16 *)l.ends)[i];
		if (*end < begin || !ds_type_fits(l.types[i], *end - begin))
			return false;
		begin = *end;
	}
	return *end == (const u8 *)v + v->size - l.values;
}

/**
 * ds_check_version() - is a version what the interface says it is
 * @p: the partition
 * @check: the check
 * @ref: the version, in a block in use
 * @room: bytes of the block
 *
 * Context: the owner, between commits.
 * Return: true if it can be read as one.
 */
bool ds_check_version(struct ds_partition *p, struct ds_check *check, u32 ref, u32 room)
{
	const struct docstore_version *v = ds_arena_ptr(&p->arena, ref);
	u64 overhead;
	u32 end;

	check->blocks++;
	if (room < sizeof(*v)) {
		ds_check_version_found(check, DS_RULE_HEADER, ref, room, sizeof(*v));
		return false;
	}
	overhead = ds_version_overhead(v);
	if (v->size > room || v->size > DOCSTORE_MAX_DOCUMENT || overhead > v->size ||
	    !v->version) {
		ds_check_version_found(check, DS_RULE_HEADER, ref, v->size,
				       min_t(u64, overhead, room));
		return false;
	}
	check->work -= v->nprops / DS_CHECK_PROPERTIES;
	if (!ds_version_values_fit(v, &end))
		ds_check_version_found(check, DS_RULE_VALUES, ref, end, v->size - overhead);
	if (!v->seq || v->seq > p->map->visible_seq)
		ds_check_version_found(check, DS_RULE_SEQ, ref, v->seq, p->map->visible_seq);
	return true;
}

/* A predecessor that pinned readers may come to. Return false if it leads no further. */
static bool ds_check_predecessor(struct ds_partition *p, struct ds_check *check,
				 const struct docstore_version *v, u32 ref)
{
	const struct docstore_version *old;
	struct ds_check_block block;

	if (!ds_check_find_block(&p->arena, v->prev, &block)) {
		ds_check_version_found(check, DS_RULE_PREV, ref, v->prev, 0);
		return false;
	}
	if (!ds_check_version(p, check, v->prev, block.size))
		return false;
	old = ds_arena_ptr(&p->arena, v->prev);
	if (old->seq >= v->seq) {
		ds_check_version_found(check, DS_RULE_PREV_SEQ, ref, old->seq, v->seq - 1);
		return false;
	}
	if (old->version >= v->version)
		ds_check_version_found(check, DS_RULE_PREV_VERSION, ref, old->version,
				       v->version - 1);
	if (!ds_version_is(old, ds_version_id(v), v->id_len))
		ds_check_version_found(check, DS_RULE_PREV_ID, ref, v->prev, 0);
	return true;
}

/**
 * ds_check_predecessors() - look at what pinned readers may come to from a version
 * @p: the partition
 * @check: the check
 * @ref: the version, the newest one of its document, which can be read
 *
 * Context: the owner, between commits.
 */
void ds_check_predecessors(struct ds_partition *p, struct ds_check *check, u32 ref)
{
	const struct docstore_version *v = ds_arena_ptr(&p->arena, ref);
	u32 n;
	u64 floor;

	rcu_read_lock();
	floor = ds_pins_floor(rcu_dereference(p->past->pins), p->number);
	for (n = 0; v->seq > floor && v->prev && n < DS_CHECK_PREDECESSORS; n++) {
		check->work--;
		if (!ds_check_predecessor(p, check, v, ref))
			break;
		ref = v->prev;
		v = ds_arena_ptr(&p->arena, ref);
	}
	rcu_read_unlock();
}

static void ds_check_kept_found(struct ds_check *check, u32 rule, u32 where, u64 is, u64 should)
{
	check->unsound = true;
	ds_check_found(check, DS_VALIDATOR_PAST, rule, where, is, should);
}

/*
 * The list of a pin that is held only grows, at its end, so that what was there in the
 * beginning can be gone through while the owner keeps more. Lists of others come to
 * nothing soon.
 */
static bool ds_kept_held(const struct ds_pin *pin)
{
	/* Pairs with ds_past_end(): what it sees. */
	if (smp_load_acquire(&pin->pending))
		return false;
	/* It is released at any time: only the owner empties its list, and that is us. */
	return !READ_ONCE(pin->released);
}

static void ds_check_kept_begin(struct ds_check *check, const struct ds_partition *p,
				const struct ds_pin *pin)
{
	const struct ds_pin_list *list = &pin->list[p->number];

	check->kept = (struct ds_kept_walk){
		.pin = pin,
		.seq = list->seq,
		.head = list->head,
		.ref = list->head,
		.left = list->count,
		.left_bytes = list->bytes,
	};
}

/* Is it the pin that was begun with? Another one may lie at the same address by now. */
static bool ds_check_kept_same(const struct ds_check *check, const struct ds_partition *p,
			       const struct ds_pin *pin)
{
	const struct ds_pin_list *list = &pin->list[p->number];

	return check->kept.pin == pin && check->kept.seq == list->seq &&
	       (!check->kept.head || check->kept.head == list->head);
}

/* As much of a pin's list as the slice allows. Return true at its end. */
static bool ds_check_kept_list(struct ds_partition *p, struct ds_check *check)
{
	struct ds_kept_walk *kept = &check->kept;
	struct ds_check_block block;

	while (kept->left && kept->ref && check->work > 0) {
		check->work -= 2;
		if (!ds_check_find_block(&p->arena, kept->ref, &block)) {
			ds_check_kept_found(check, DS_RULE_KEPT, kept->ref, 0, 1);
			return true;
		}
		if (!ds_check_version(p, check, kept->ref, block.size))
			return true;
		kept->left--;
		kept->left_bytes -= block.size;
		kept->ref = *ds_arena_link(&p->arena, kept->ref);
	}
	if (kept->left && kept->ref)
		return false;
	if (kept->left)
		ds_check_kept_found(check, DS_RULE_KEPT_COUNT, check->at, kept->left, 0);
	else if (kept->left_bytes)
		ds_check_kept_found(check, DS_RULE_KEPT_BYTES, check->at, kept->left_bytes, 0);
	return true;
}

/**
 * ds_check_past_step() - go through what is kept for pins, some of it
 * @p: the partition
 * @check: the check; @at is the place of the next pin among them
 *
 * Context: the owner, between commits.
 * Return: false at the end.
 */
bool ds_check_past_step(struct ds_partition *p, struct ds_check *check)
{
	const struct ds_pins *pins;
	const struct ds_pin *pin;
	bool more = false;

	rcu_read_lock();
	pins = rcu_dereference(p->past->pins);
	if (!pins || check->at >= pins->count)
		goto out;
	more = true;
	pin = pins->pin[check->at];
	if (ds_kept_held(pin)) {
		if (!ds_check_kept_same(check, p, pin))
			ds_check_kept_begin(check, p, pin);
		if (!ds_check_kept_list(p, check))
			goto out;
	}
	check->work--;
	check->kept.pin = NULL;
	check->at++;
out:
	rcu_read_unlock();
	return more;
}

/**
 * ds_check_kept_bytes() - what is kept for all pins, by their own counts
 * @p: the partition
 *
 * Context: the owner, between commits.
 * Return: bytes.
 */
u64 ds_check_kept_bytes(struct ds_partition *p)
{
	const struct ds_pins *pins;
	u64 bytes = 0;
	u32 i;

	rcu_read_lock();
	pins = rcu_dereference(p->past->pins);
	for (i = 0; pins && i < pins->count; i++)
		bytes += pins->pin[i]->list[p->number].bytes;
	rcu_read_unlock();
	return bytes;
}

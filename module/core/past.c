// SPDX-License-Identifier: GPL-2.0
/*
 * The past: which versions pinned snapshots need, and when no longer.
 *
 * A version that is replaced by the next one of its document is needed by the pins
 * that see the one and not the other. It goes to the list of the newest of them, and
 * stays linked: pinned readers follow @prev from the newest version. When that pin is
 * released, each version in its list goes on to the next older pin that needs it, or is
 * skipped by its successor's @prev, and retired. So every version is looked at once for
 * each pin that has needed it, and a commit looks at one or two pins.
 *
 * While there is no pin at all, versions are retired and @prev stays as it is, soon
 * leading nowhere. That is why it is not followed from a version that the oldest pin
 * sees: whatever is behind was replaced before there was a pin, or is needed by none.
 *
 * A pin is published before it is known what it sees:
 *
 *	who pins				owner, in commit n
 *	--------				------------------
 *	publish the pin, pending		visible_seq = n
 *	smp_mb()				smp_mb()
 *	load visible_seq			look for pins
 *
 * At least one of them sees what the other has done. If the owner finds the pin
 * pending, it keeps whatever it has replaced. If not, the pin sees n at least, and
 * needs nothing of what n has replaced.
 */
#include <linux/bug.h>
#include <linux/processor.h>

#include "past.h"
#include "partition.h"

/**
 * ds_past_begin() - begin to pin the state of a store
 * @past: the store's pins
 * @pins: room for one more pin than there are now
 * @pin: the new one, zeroed
 *
 * Owners keep what they replace from here on. The array that was published before is
 * the caller's to free, after a grace period.
 *
 * Context: holds the lock of pins.
 */
void ds_past_begin(struct ds_past *past, struct ds_pins *pins, struct ds_pin *pin)
{
	const struct ds_pins *old = rcu_dereference_protected(past->pins, true);
	u32 i;

	pin->pending = true;
	atomic_set(&pin->unemptied, past->count);
	pins->count = 0;
	for (i = 0; old && i < old->count; i++)
		pins->pin[pins->count++] = old->pin[i];
	pins->pin[pins->count++] = pin;
	rcu_assign_pointer(past->pins, pins);
	/* Before any visible_seq is loaded; pairs with that in ds_past_look(). */
	smp_mb();
}

static bool ds_pin_pending(const struct ds_pin *pin)
{
	/* Pairs with ds_past_end(): what it sees. */
	return smp_load_acquire(&pin->pending);
}

/* One attempt; what was loaded stays in the pin. */
static bool ds_past_try(const struct ds_past *past, struct ds_pin *pin)
{
	u32 epoch, i;

	/* Pairs with the end of the write section in ds_span_publish(). */
	epoch = smp_load_acquire(&past->head->epoch);
	for (i = 0; i < past->count; i++)
		/* Pairs with ds_partition_show(). */
		pin->list[i].seq = smp_load_acquire(&past->partitions[i]->map->visible_seq);
	/* All loads so far before those that follow; then these before the epoch's. */
	smp_rmb();
	for (i = 0; i < past->count; i++)
		if (READ_ONCE(past->partitions[i]->map->visible_seq) != pin->list[i].seq)
			return false;
	/* Pairs with the smp_wmb() in ds_span_publish(). */
	smp_rmb();
	return !(epoch & 1) && READ_ONCE(past->head->epoch) == epoch;
}

/**
 * ds_past_collect() - find out what a pin sees
 * @past: the store's pins
 * @pin: the pin, between ds_past_begin() and ds_past_end()
 * @tries: how many attempts to make; 1 is enough if nothing can be published
 *
 * Numbers of commits only grow: where all of them are the same twice, there was a moment
 * in between at which the store was as they say, but for a batch that is being published
 * in several partitions, which the epoch tells.
 *
 * Context: any.
 * Return: false if there was no such moment. Then the pin is good for nothing but to be
 * released.
 */
bool ds_past_collect(const struct ds_past *past, struct ds_pin *pin, u32 tries)
{
	while (tries--) {
		if (ds_past_try(past, pin))
			return true;
		cpu_relax();
	}
	return false;
}

/**
 * ds_past_end() - complete a pin
 * @pin: the pin, collected
 */
void ds_past_end(struct ds_pin *pin)
{
	/* Orders what it sees; pairs with ds_pin_pending(). */
	smp_store_release(&pin->pending, false);
}

/**
 * ds_past_release() - release a pin by which nobody reads any more
 * @past: the store's pins
 * @pin: the pin, complete
 *
 * Owners have to be told, to empty its lists by ds_partition_drain(). Readers that are
 * still under way may come to a version that is too old, or to none: whoever lets them
 * says so before this is called, and they look behind all that they have read.
 *
 * Context: any.
 */
void ds_past_release(struct ds_past *past, struct ds_pin *pin)
{
	/* Orders what readers are to see; pairs with ds_pin_released(). */
	smp_store_release(&pin->released, true);
}

static bool ds_pin_released(const struct ds_pin *pin)
{
	/*
	 * Pairs with ds_past_release(). What is unlinked or written over for that is
	 * seen by nobody who does not see what was said before.
	 */
	return smp_load_acquire(&pin->released);
}

/**
 * ds_past_sweep() - do away with pins that hold nothing any more
 * @past: the store's pins
 * @pins: room for those that stay; it is published unless none does
 * @gone: those that went, to be freed after a grace period as is what was published
 *
 * Context: holds the lock of pins.
 * Return: how many went. If 0, nothing was done.
 */
u32 ds_past_sweep(struct ds_past *past, struct ds_pins *pins, struct ds_pin **gone)
{
	const struct ds_pins *old = rcu_dereference_protected(past->pins, true);
	u32 count = 0, i;

	pins->count = 0;
	for (i = 0; old && i < old->count; i++) {
		struct ds_pin *pin = old->pin[i];

		/* Acquire: no owner touches it any more. Pairs with the owner's dec. */
		if (atomic_read_acquire(&pin->unemptied))
			pins->pin[pins->count++] = pin;
		else
			gone[count++] = pin;
	}
	if (count)
		rcu_assign_pointer(past->pins, pins->count ? pins : NULL);
	return count;
}

/**
 * ds_pins_floor() - the commit up to which the oldest pin sees
 * @pins: the pins, or NULL
 * @number: number of the partition
 *
 * From versions that it sees @prev is not followed: what is behind is needed by none.
 *
 * Context: the owner, in an RCU read section.
 * Return: the commit's number; all ones if there is no pin or nothing is known.
 */
u64 ds_pins_floor(const struct ds_pins *pins, u32 number)
{
	/* Nothing is known of one that is pending. */
	if (!pins || ds_pin_pending(pins->pin[0]))
		return U64_MAX;
	return pins->pin[0]->list[number].seq;
}

/**
 * ds_pins_keeper() - the newest pin that needs a version
 * @pins: the pins
 * @number: number of the partition
 * @from: the commit that published the version
 * @until: the commit that replaced it
 *
 * Context: the owner, in an RCU read section.
 * Return: the pin; one that is pending may need anything. NULL if there is none.
 */
struct ds_pin *ds_pins_keeper(const struct ds_pins *pins, u32 number, u64 from, u64 until)
{
	u32 i = pins->count;

	while (i--) {
		struct ds_pin *pin = pins->pin[i];

		if (ds_pin_pending(pin))
			return pin;
		if (ds_pin_released(pin) || pin->list[number].seq >= until)
			continue;
		return pin->list[number].seq >= from ? pin : NULL;
	}
	return NULL;
}

/**
 * ds_pins_before() - what comes before a version that is to be skipped
 * @pins: the pins
 * @number: number of the partition
 * @v: the version, which no pin needs
 *
 * Context: the owner, in an RCU read section.
 * Return: ref of the version before it, 0 if there is none that any pin needs.
 */
u32 ds_pins_before(const struct ds_pins *pins, u32 number, const struct docstore_version *v)
{
	return v->seq > ds_pins_floor(pins, number) ? v->prev : 0;
}

static void ds_past_count(struct ds_partition *p, struct ds_pin_list *list, s32 count, u32 size)
{
	s64 bytes = (s64)ds_arena_block_size(size) * count;

	WRITE_ONCE(list->count, list->count + count);
	WRITE_ONCE(list->bytes, list->bytes + bytes);
	WRITE_ONCE(p->stats.past_bytes, p->stats.past_bytes + bytes);
}

/**
 * ds_pin_keep() - keep a version for a pin
 * @p: the partition
 * @pin: the pin
 * @ref: the version, in no other list
 *
 * Context: the owner, in an RCU read section.
 */
void ds_pin_keep(struct ds_partition *p, struct ds_pin *pin, u32 ref)
{
	struct ds_pin_list *list = &pin->list[p->number];
	const struct docstore_version *v = ds_arena_ptr(&p->arena, ref);

	*ds_arena_link(&p->arena, ref) = 0;
	if (list->tail)
		*ds_arena_link(&p->arena, list->tail) = ref;
	else
		list->head = ref;
	list->tail = ref;
	ds_past_count(p, list, 1, v->size);
}

static u32 ds_pin_list_take(struct ds_partition *p, struct ds_pin_list *list)
{
	u32 ref = list->head;
	const struct docstore_version *v = ds_arena_ptr(&p->arena, ref);

	list->head = *ds_arena_link(&p->arena, ref);
	if (!list->head)
		list->tail = 0;
	ds_past_count(p, list, -1, v->size);
	return ref;
}

/* The version that replaced another one, if pinned readers can come from there. */
static struct docstore_version *ds_past_successor(const struct ds_partition *p,
						  const struct ds_pins *pins, u32 newest, u32 ref)
{
	const struct docstore_version *old = ds_arena_ptr(&p->arena, ref);
	u64 floor = max(ds_pins_floor(pins, p->number), old->seq);
	struct docstore_version *v = ds_arena_ptr(&p->arena, newest);

	while (v->seq > floor) {
		if (v->prev == ref)
			return v;
		if (!v->prev)
			break;
		v = ds_arena_ptr(&p->arena, v->prev);
	}
	return NULL;
}

/*
 * A version that was replaced and for which its pin, or the time for which tombstones
 * stay, is over: on to the next pin that needs it, or away.
 */
static void ds_past_pass_on(struct ds_partition *p, const struct ds_pins *pins, u32 ref,
			    struct ds_slot *slot)
{
	const struct docstore_version *v = ds_arena_ptr(&p->arena, ref);
	struct docstore_version *next = NULL;
	struct ds_pin *keeper;

	/*
	 * It is not known yet what the oldest pin sees, and so neither from where prev
	 * may be followed: for all we know, this. A tombstone it is; lists are passed on
	 * of pins that are older than one that is pending.
	 */
	if (pins && ds_pin_pending(pins->pin[0])) {
		ds_pin_keep(p, pins->pin[0], ref);
		return;
	}
	if (slot)
		next = ds_past_successor(p, pins, ds_slot_ref(slot), ref);
	if (next) {
		keeper = ds_pins_keeper(pins, p->number, v->seq, next->seq);
		if (keeper) {
			ds_pin_keep(p, keeper, ref);
			return;
		}
		/* Orders nothing new: readers may come to either. */
		smp_store_release(&next->prev, ds_pins_before(pins, p->number, v));
		if (!next->prev && next == ds_arena_ptr(&p->arena, ds_slot_ref(slot)))
			ds_index_flags(slot, DOCSTORE_STATE_SNAPSHOT_READY, 0);
	}
	ds_arena_retire(&p->arena, ref, v->size);
}

/* Some pin may need what was there before the document was deleted. */
static struct ds_pin *ds_tombstone_keeper(const struct ds_partition *p, const struct ds_pins *pins,
					  const struct docstore_version *v)
{
	return pins && v->prev ? ds_pins_keeper(pins, p->number, 0, v->seq) : NULL;
}

/* A tombstone is dealt with here if it is replaced, else in the index. */
static void ds_past_drain_one(struct ds_partition *p, const struct ds_pins *pins, u32 ref)
{
	const struct docstore_version *v = ds_arena_ptr(&p->arena, ref);
	const u8 *id = ds_version_id(v);
	struct ds_pin *keeper;
	struct ds_slot slot;
	bool found;

	found = ds_index_find(&p->index, docstore_map_hash(p->key, id, v->id_len), id, v->id_len,
			      &slot);
	if (!found || ds_slot_ref(&slot) != ref) {
		ds_past_pass_on(p, pins, ref, found ? &slot : NULL);
		return;
	}
	WARN_ON_ONCE(!ds_version_tombstone(v));
	keeper = ds_tombstone_keeper(p, pins, v);
	if (keeper)
		ds_pin_keep(p, keeper, ref);
	else
		ds_tombstones_add(p, &p->buried, ref);
}

/**
 * ds_partition_drain() - empty the lists of pins that were released, a slice of it
 * @p: the partition
 * @work: versions to look at, at most
 *
 * Context: the owner, between commits.
 * Return: true if there is more to do.
 */
bool ds_partition_drain(struct ds_partition *p, u32 work)
{
	const struct ds_pins *pins;
	bool more = false;
	u32 i;

	rcu_read_lock();
	pins = rcu_dereference(p->past->pins);
	for (i = 0; pins && i < pins->count && !more; i++) {
		struct ds_pin_list *list = &pins->pin[i]->list[p->number];

		if (!ds_pin_released(pins->pin[i]) || list->emptied)
			continue;
		for (; list->head && work; work--)
			ds_past_drain_one(p, pins, ds_pin_list_take(p, list));
		more = list->head;
		if (more)
			continue;
		/* Nothing is put in any more: the owner knows that it was released. */
		list->emptied = true;
		/* Full barrier: the list is left alone. Pairs with ds_past_sweep(). */
		if (atomic_dec_and_test(&pins->pin[i]->unemptied))
			p->past->emptied(p->past);
	}
	rcu_read_unlock();
	return more;
}

/**
 * ds_partition_bury_one() - do what is to be done with a tombstone in the end
 * @p: the partition
 * @ref: the tombstone, whose readers are gone, but for pinned ones
 *
 * Its slot is given back, if the document was not made again meanwhile, and no pin
 * needs what was there before.
 *
 * Context: the owner, between commits.
 */
void ds_partition_bury_one(struct ds_partition *p, u32 ref)
{
	const struct docstore_version *v = ds_arena_ptr(&p->arena, ref);
	const u8 *id = ds_version_id(v);
	u64 hash = docstore_map_hash(p->key, id, v->id_len);
	const struct ds_pins *pins;
	struct ds_pin *keeper;
	struct ds_slot slot;
	bool found;

	rcu_read_lock();
	pins = rcu_dereference(p->past->pins);
	found = ds_index_find(&p->index, hash, id, v->id_len, &slot);
	if (!found || ds_slot_ref(&slot) != ref) {
		ds_past_pass_on(p, pins, ref, found ? &slot : NULL);
		goto out;
	}
	keeper = ds_tombstone_keeper(p, pins, v);
	if (keeper) {
		ds_pin_keep(p, keeper, ref);
		goto out;
	}
	/* A document of this id that comes later counts on from here. */
	p->floor = max(p->floor, v->version);
	ds_index_remove(&p->index, hash, &slot);
	ds_arena_retire(&p->arena, ref, v->size);
out:
	rcu_read_unlock();
}

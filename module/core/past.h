/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The past: versions that were replaced and are kept for pinned snapshots.
 *
 * A pin holds the state of a store at one moment: for each partition the number of
 * the commit up to which it sees. Pins are taken and released by anybody, under a
 * lock of the caller's; owners look at them without one.
 */
#ifndef _DOCSTORE_CORE_PAST_H
#define _DOCSTORE_CORE_PAST_H

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include <linux/docstore_map.h>

struct ds_partition;
struct ds_pin;

/**
 * struct ds_pin_list - what a pin has of one partition
 * @seq: the commit up to which it sees; set before the pin is complete
 * @head: ref of the first version that is kept for the pin, linked by ds_arena_link()
 * @tail: ref of the last
 * @count: how many
 * @bytes: what they take
 * @emptied: the pin was released, and nothing is in the list any more
 *
 * All but @seq is for the partition's owner; @count and @bytes are read by anybody.
 */
struct ds_pin_list {
	u64 seq;
	u32 head;
	u32 tail;
	u32 count;
	bool emptied;
	u64 bytes;
};

/**
 * struct ds_pin - a moment of a store that is held
 * @pending: not complete: what it sees is not known yet. Stored with release when it
 *	is, which orders the @seq of all lists
 * @released: nobody reads by it any more
 * @unemptied: partitions whose list may hold something
 * @list: what it has of each partition
 */
struct ds_pin {
	bool pending;
	bool released;
	atomic_t unemptied;
	struct ds_pin_list list[];
};

/**
 * struct ds_pins - all pins of a store at a time, the oldest first
 * @rcu: to free it
 * @count: how many
 * @pin: the pins
 *
 * Never changed once it is published. Where there is none there is no struct.
 */
struct ds_pins {
	struct rcu_head rcu;
	u32 count;
	struct ds_pin *pin[];
};

/**
 * struct ds_past - the pins of a store
 * @pins: published by who holds the caller's lock, read by owners under RCU
 * @emptied: called by an owner when a pin that was released holds nothing any more,
 *	so that ds_past_sweep() can be called where that may wait
 * @head: the first page of the mapping
 * @count: number of partitions
 * @partitions: the partitions
 */
struct ds_past {
	struct ds_pins __rcu *pins;
	void (*emptied)(struct ds_past *past);
	struct docstore_map_store *head;
	u32 count;
	struct ds_partition **partitions;
};

/* How often a moment is looked for before all partitions are stopped for it. */
#define DS_PAST_TRIES		64

/* For who holds the lock. */
void ds_past_begin(struct ds_past *past, struct ds_pins *pins, struct ds_pin *pin);
bool ds_past_collect(const struct ds_past *past, struct ds_pin *pin, u32 tries);
void ds_past_end(struct ds_pin *pin);
void ds_past_release(struct ds_past *past, struct ds_pin *pin);
u32 ds_past_sweep(struct ds_past *past, struct ds_pins *pins, struct ds_pin **gone);

/* For owners. */
struct ds_pin *ds_pins_keeper(const struct ds_pins *pins, u32 number, u64 from, u64 until);
u64 ds_pins_floor(const struct ds_pins *pins, u32 number);
u32 ds_pins_before(const struct ds_pins *pins, u32 number, const struct docstore_version *v);
void ds_pin_keep(struct ds_partition *p, struct ds_pin *pin, u32 ref);
bool ds_partition_drain(struct ds_partition *p, u32 work);
void ds_partition_bury_one(struct ds_partition *p, u32 ref);

#endif /* _DOCSTORE_CORE_PAST_H */

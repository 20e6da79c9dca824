/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pins, as the module takes and releases them; and stores of several partitions.
 */
#ifndef _PINS_H
#define _PINS_H

#include "store.h"

#include "span.h"

/**
 * struct stores - the partitions of one store
 * @count: how many
 * @s: each with its surroundings, which share pins and first page
 * @partitions: the partitions, for @past
 * @past: the pins of all of them
 * @head: the first page
 */
struct stores {
	u32 count;
	struct store **s;
	struct ds_partition **partitions;
	struct ds_past past;
	struct docstore_map_store head;
};

struct stores *stores_create(u32 count, u32 max_chunks);
void stores_destroy(struct stores *all);

/* Begin with a pin, collect it, end; all of it, which must succeed. */
struct ds_pin *pin_publish(struct ds_past *past);
struct ds_pin *pin_take(struct ds_past *past);
/* Who pins in a thread beside others does so under a lock, as in the module. */
struct ds_pin *pin_take_locked(struct ds_past *past);
void pin_release_locked(struct ds_past *past, struct ds_pin *pin);
/* Free the pins that hold nothing any more; return how many. */
u32 pins_sweep(struct ds_past *past);
u32 pins_count(const struct ds_past *past);

#endif /* _PINS_H */

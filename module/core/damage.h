/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Damage that is done to a partition on purpose, to see it found. No part of a module
 * that anybody uses.
 */
#ifndef _DOCSTORE_CORE_DAMAGE_H
#define _DOCSTORE_CORE_DAMAGE_H

#include <linux/types.h>

struct ds_partition;

/**
 * struct ds_damage_undo - how to undo damage
 * @count: how many places were changed
 * @change: these
 * @at: where one is
 * @size: its bytes
 * @old: what was there
 */
struct ds_damage_undo {
	u32 count;
	struct {
		void *at;
		u32 size;
		u64 old;
	} change[2];
};

/**
 * struct ds_damage - a kind of damage
 * @name: its name
 * @validator: who has to find it
 * @repairable: it can be repaired
 * @inflict: does it, as the owner. Returns false if there is nothing to which it can be
 *	done
 */
struct ds_damage {
	const char *name;
	u32 validator;
	bool repairable;
	bool (*inflict)(struct ds_partition *p, struct ds_damage_undo *undo);
};

const struct ds_damage *ds_damage_kind(u32 number);
void ds_damage_undo(struct ds_damage_undo *undo);

#endif /* _DOCSTORE_CORE_DAMAGE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hints for an owner: documents that were read past it.
 */
#ifndef _DOCSTORE_CORE_HINTS_H
#define _DOCSTORE_CORE_HINTS_H

#include <linux/types.h>

struct ds_partition;

/* For so many documents there is room. */
#define DS_HINTS		64
/* More reads one hint does not stand for. */
#define DS_HINT_MAX_WEIGHT	65535

/**
 * struct ds_hints - hints that the owner has not taken yet
 * @some: there are some; who makes it so sees to it that the owner looks
 * @hint: the hints, each with the document's hash, how often it was read, and how; 0 for
 *	none. Written by anybody and taken by the owner, whole words at a time
 */
struct ds_hints {
	u32 some;
	u64 hint[DS_HINTS];
};

/* For anybody. */
bool ds_hints_give(struct ds_hints *hints, u64 hash, u32 weight, bool scan);

/* For the owner. */
u32 ds_hints_take(struct ds_partition *p, u64 now);

#endif /* _DOCSTORE_CORE_HINTS_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Heat and access pattern of documents: the owner's estimates, from samples.
 */
#ifndef _DOCSTORE_CORE_HEAT_H
#define _DOCSTORE_CORE_HEAT_H

#include <linux/types.h>

struct ds_partition;
struct ds_slot;

/* So many samples make a document hot, at least, if its uses are not all counted. */
#define DS_HEAT_SAMPLES		32
/* A clock that was set back by no more units of time than this changes nothing. */
#define DS_HEAT_BACK		15
/* Of a pattern that is not sure, one sample in so many decides. */
#define DS_HEAT_DECIDE		8

/**
 * enum ds_use - how a document was used
 * @DS_USE_CHANGE: changed
 * @DS_USE_READ: read for itself
 * @DS_USE_SCAN: read along with all others
 */
enum ds_use {
	DS_USE_CHANGE,
	DS_USE_READ,
	DS_USE_SCAN,
};

/**
 * struct ds_heat - what an owner needs to sample uses
 * @hot: the setting for which the rest holds
 * @scale: one use in so many is a sample, on the average
 * @threshold: so many samples within a unit of time are hot
 * @left: the use that is the next sample, counted from the last one
 * @random: state of a generator of random numbers, which need not be good ones
 */
struct ds_heat {
	u32 hot;
	u32 scale;
	u32 threshold;
	u32 left;
	u32 random;
};

void ds_heat_init(struct ds_partition *p);

/* For the owner. */
void ds_heat_use(struct ds_partition *p, struct ds_slot *slot, enum ds_use use, u32 weight,
		 u64 now);

#endif /* _DOCSTORE_CORE_HEAT_H */

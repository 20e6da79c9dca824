// SPDX-License-Identifier: GPL-2.0
/*
 * Heat and access pattern of documents.
 *
 * Both stand in the slot, in whose cache line the owner is anyway, and there is room
 * for 6 bits and 2. So uses are sampled: one in so many counts, whichever document it
 * is of. Heat counts samples, and is halved for each unit of time that has passed: of a
 * document that is used steadily, it goes from what comes within one unit of time to
 * twice that, and back. The setting says how many uses within a unit are hot; the scale
 * is such that these are 32 to 63 samples, or are all counted.
 *
 * The distance from one sample to the next is a random one, from 1 to twice the
 * average: who changes some documents one after the other in a circle would else have
 * one of them sampled, always the same.
 *
 * The pattern goes from one value to the next with samples, by chance:
 *
 *	WRITE <-> MIXED <-> READ <-> SCAN -> MIXED -> SCAN
 *
 * A sample that agrees with the pattern leaves it as it is. One that does not makes it
 * MIXED, and MIXED becomes what a sample is with a chance of one in 8: so it is most
 * often WRITE where more than 8 of 9 samples are changes, READ where so many are reads,
 * and else MIXED. Between READ and SCAN there is nothing: a sample of the first kind
 * makes READ of SCAN, one of the second SCAN of READ with a chance of one in 8.
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/time64.h>

#include "heat.h"
#include "partition.h"

#define DS_HEAT_BITS	(DOCSTORE_STATE_HEAT_MASK << DOCSTORE_STATE_HEAT_SHIFT)
#define DS_PATTERN_BITS	(DOCSTORE_STATE_PATTERN_MASK << DOCSTORE_STATE_PATTERN_SHIFT)

/* What comes out may be known to everybody. */
static u32 ds_heat_random(struct ds_heat *heat)
{
	u32 x = heat->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	heat->random = x;
	return x;
}

/* The distance to the next sample: @scale, on the average. */
static u32 ds_heat_distance(struct ds_heat *heat)
{
	return heat->scale == 1 ? 1 : 1 + ds_heat_random(heat) % (2 * heat->scale - 1);
}

/* There is another setting. */
static void ds_heat_set(struct ds_heat *heat, u32 hot)
{
	heat->hot = hot;
	heat->scale = max_t(u32, hot / DS_HEAT_SAMPLES, 1);
	heat->threshold = hot / heat->scale;
	heat->left = ds_heat_distance(heat);
}

/**
 * ds_heat_init() - prepare to sample the uses of a partition's documents
 * @p: the partition, with its number
 */
void ds_heat_init(struct ds_partition *p)
{
	/* Any number but 0. */
	p->heat.random = 2 * p->number + 1;
	ds_heat_set(&p->heat, 0);
}

/* How many samples there are in so many uses of one document. */
static u32 ds_heat_samples(struct ds_heat *heat, u32 weight)
{
	u32 samples = 0;

	if (weight >= heat->left) {
		weight -= heat->left;
		/* Of many, all but the rest are as far from each other as on the average. */
		samples = 1 + weight / heat->scale;
		weight %= heat->scale;
		heat->left = ds_heat_distance(heat);
	}
	/* More would not change the heat any more. */
	while (weight >= heat->left && samples < DOCSTORE_STATE_HEAT_MASK) {
		weight -= heat->left;
		heat->left = ds_heat_distance(heat);
		samples++;
	}
	heat->left -= min(weight, heat->left - 1);
	return samples;
}

static enum docstore_pattern ds_pattern_of(enum ds_use use)
{
	switch (use) {
	case DS_USE_READ:
		return DOCSTORE_PATTERN_READ;
	case DS_USE_SCAN:
		return DOCSTORE_PATTERN_SCAN;
	default:
		return DOCSTORE_PATTERN_WRITE;
	}
}

/* What a sample makes of a pattern; see the top. */
static u32 ds_pattern_next(struct ds_heat *heat, u32 pattern, enum ds_use use)
{
	u32 sample = ds_pattern_of(use);
	bool both_read = pattern != DOCSTORE_PATTERN_WRITE && sample != DOCSTORE_PATTERN_WRITE;

	if (pattern == sample)
		return pattern;
	if (pattern == DOCSTORE_PATTERN_MIXED ||
	    (both_read && sample == DOCSTORE_PATTERN_SCAN))
		return ds_heat_random(heat) % DS_HEAT_DECIDE ? pattern : sample;
	return both_read ? sample : DOCSTORE_PATTERN_MIXED;
}

/* The flag comes with the threshold, and goes when there is less than half of that. */
static u32 ds_heat_flag(struct ds_partition *p, u32 state, u32 heat)
{
	if (heat >= p->heat.threshold) {
		if (!(state & DOCSTORE_STATE_HOT_DOCUMENT))
			WRITE_ONCE(p->stats.hot, p->stats.hot + 1);
		return state | DOCSTORE_STATE_HOT_DOCUMENT;
	}
	if (2 * heat < p->heat.threshold)
		return state & ~DOCSTORE_STATE_HOT_DOCUMENT;
	return state;
}

/* For how many units of time the document was not used. */
static u32 ds_heat_elapsed(const struct ds_slot *slot, u64 now)
{
	u32 time = div_u64(now, NSEC_PER_SEC * DOCSTORE_STAT_ACCESS_SECONDS);
	u16 elapsed = time - (slot->bucket->stat[slot->i] >> DOCSTORE_STAT_ACCESS_SHIFT);

	/* Commits note the time before it is their turn; and clocks are set. */
	return elapsed > U16_MAX - DS_HEAT_BACK ? 0 : elapsed;
}

/**
 * ds_heat_use() - a document is used
 * @p: the partition
 * @slot: the document's slot, with the time of the last use
 * @use: how it is used
 * @weight: how often
 * @now: nanoseconds since 1970
 *
 * ds_index_accessed() follows.
 *
 * Context: the owner. Bounded, and nothing but the slot is looked at.
 */
void ds_heat_use(struct ds_partition *p, struct ds_slot *slot, enum ds_use use, u32 weight,
		 u64 now)
{
	u32 *word = &slot->bucket->state[slot->i];
	u32 state = *word, hot = READ_ONCE(p->hot);
	u32 heat, pattern, elapsed, samples, n;

	if (unlikely(hot != p->heat.hot))
		ds_heat_set(&p->heat, hot);
	if (!hot) {
		if (state & (DS_HEAT_BITS | DOCSTORE_STATE_HOT_DOCUMENT))
			WRITE_ONCE(*word, state & ~(DS_HEAT_BITS | DOCSTORE_STATE_HOT_DOCUMENT));
		return;
	}
	elapsed = ds_heat_elapsed(slot, now);
	samples = ds_heat_samples(&p->heat, weight);
	if (!elapsed && !samples)
		return;

	heat = state >> DOCSTORE_STATE_HEAT_SHIFT & DOCSTORE_STATE_HEAT_MASK;
	pattern = state >> DOCSTORE_STATE_PATTERN_SHIFT & DOCSTORE_STATE_PATTERN_MASK;
	heat >>= min_t(u32, elapsed, 31);
	/* It was hot no more, when these came: so it may become hot again. */
	state = ds_heat_flag(p, state & ~(DS_HEAT_BITS | DS_PATTERN_BITS), heat);
	heat = min_t(u32, heat + samples, DOCSTORE_STATE_HEAT_MASK);
	state = ds_heat_flag(p, state, heat);
	/* More of them would not change it any more. */
	for (n = min_t(u32, samples, 4 * DS_HEAT_DECIDE); n; n--)
		pattern = ds_pattern_next(&p->heat, pattern, use);
	WRITE_ONCE(*word, state | heat << DOCSTORE_STATE_HEAT_SHIFT |
		   pattern << DOCSTORE_STATE_PATTERN_SHIFT);
}

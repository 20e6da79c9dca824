// SPDX-License-Identifier: GPL-2.0
/*
 * Hints for an owner: documents that were read past it.
 *
 * Nothing depends on them but the statistics of documents, and they come from anybody:
 * so they may be lost, and need not be true. Each document has a place in a table that is
 * small, which it shares with others: what comes later stays. Where the same document is
 * told again, the reads are added up, or the busiest of all would not be told from one
 * that is read now and then.
 *
 * A hint is one word: the bits of the hash by which the owner finds the document, and
 * those by which it sees whether that is the right one, 47 of them; how it was read; and
 * how often, which is never 0. The others of the hash say which partition it is.
 */
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/log2.h>

#include "heat.h"
#include "hints.h"
#include "partition.h"

#define DS_HINT_SCAN		BIT_ULL(16)
#define DS_HINT_HASH_SHIFT	17
/* The bits that are for this document and way of reading. */
#define DS_HINT_WHOSE		(~0ULL << 16)

/* All bits that choose the bucket, and the tag, without those between. */
#define DS_HINT_BUCKET_BITS	31
#define DS_HINT_BUCKET_MASK	((1ULL << DS_HINT_BUCKET_BITS) - 1)

static u64 ds_hint_bits(u64 hash)
{
	return (hash & DS_HINT_BUCKET_MASK) | (u64)docstore_map_tag(hash) << DS_HINT_BUCKET_BITS;
}

/* Bits of the hash, as far as the hint has them. */
static u64 ds_hint_hash(u64 hint)
{
	u64 bits = hint >> DS_HINT_HASH_SHIFT;

	return (bits & DS_HINT_BUCKET_MASK) | bits >> DS_HINT_BUCKET_BITS << 32;
}

/**
 * ds_hints_give() - note that a document was read
 * @hints: hints for the partition that its hash belongs in
 * @hash: hash of its id, or what somebody takes for one
 * @weight: how often, 1 to DS_HINT_MAX_WEIGHT
 * @scan: it was read along with all others
 *
 * Context: any.
 * Return: true if the caller is to see to it that the owner looks at them.
 */
bool ds_hints_give(struct ds_hints *hints, u64 hash, u32 weight, bool scan)
{
	u64 *place = &hints->hint[hash % DS_HINTS];
	u64 hint = ds_hint_bits(hash) << DS_HINT_HASH_SHIFT | (scan ? DS_HINT_SCAN : 0);
	u64 there = READ_ONCE(*place);

	BUILD_BUG_ON(ilog2(DOCSTORE_MAP_MAX_BUCKETS) > DS_HINT_BUCKET_BITS);
	BUILD_BUG_ON(DS_HINT_MAX_WEIGHT >= DS_HINT_SCAN);
	if ((there & DS_HINT_WHOSE) == hint) {
		weight = min_t(u32, weight + (there & ~DS_HINT_WHOSE), DS_HINT_MAX_WEIGHT);
		/* Somebody else was there: then this one is lost. */
		cmpxchg(place, there, hint | weight);
	} else {
		WRITE_ONCE(*place, hint | weight);
	}
	/* First the hint, then who looks; pairs with that in ds_hints_take(). */
	smp_mb();
	if (READ_ONCE(hints->some))
		return false;
	WRITE_ONCE(hints->some, 1);
	return true;
}

static bool ds_hint_use(struct ds_partition *p, u64 hint, u64 now)
{
	enum ds_use use = hint & DS_HINT_SCAN ? DS_USE_SCAN : DS_USE_READ;
	struct ds_slot slot;

	if (!ds_index_find_hash(&p->index, p->key, ds_hint_hash(hint),
				ds_hint_hash(DS_HINT_WHOSE), &slot))
		return false;
	ds_heat_use(p, &slot, use, hint & ~DS_HINT_WHOSE, now);
	ds_index_accessed(&slot, 0, now);
	return true;
}

/**
 * ds_hints_take() - take hints into account
 * @p: the partition
 * @now: nanoseconds since 1970
 *
 * Context: the owner, between commits. Bounded by DS_HINTS.
 * Return: for how many there was a document.
 */
u32 ds_hints_take(struct ds_partition *p, u64 now)
{
	struct ds_hints *hints = &p->hints;
	u32 i, found = 0;
	u64 hint;

	ds_partition_assert_owner(p);
	if (!READ_ONCE(hints->some))
		return 0;
	WRITE_ONCE(hints->some, 0);
	/*
	 * Who comes with a hint after this sees that it is to be looked at, or we see the
	 * hint: pairs with that in ds_hints_give().
	 */
	smp_mb();
	for (i = 0; i < DS_HINTS; i++) {
		hint = READ_ONCE(hints->hint[i]);
		if (!hint)
			continue;
		hint = xchg(&hints->hint[i], 0);
		found += ds_hint_use(p, hint, now);
	}
	return found;
}

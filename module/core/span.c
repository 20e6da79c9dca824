// SPDX-License-Identifier: GPL-2.0
/*
 * Atomic batches that span partitions.
 *
 * Who carries one out owns all of its partitions at once, and is the only one in the
 * store to do so: there is nothing to wait for in between. Everything is built in all
 * partitions before anything is linked in one of them, so that what is refused never
 * has to be taken back from where readers may have found it.
 */
#include <linux/preempt.h>

#include "span.h"

/* Undo all parts up to the one behind which nothing was begun. */
static void ds_span_refuse(struct ds_batch *first, const struct ds_batch *end, bool again)
{
	struct ds_batch *batch;

	for (batch = first; batch != end; batch = batch->span) {
		ds_partition_refuse(batch->partition, batch, again);
		/* An empty commit: nothing of it was linked. */
		ds_partition_show(batch->partition);
	}
}

/**
 * ds_span_prepare() - check and build all that a batch changes
 * @first: the part of the batch in one partition, and by @span in all others
 * @builder: where to build versions
 * @now: the time
 *
 * If any part is refused, all are, and all operations have their results. If memory was
 * lacking, @nomem is set in the part that lacked it, and the batch may be tried again.
 *
 * Context: the owner of all its partitions, outside commits. See ds_partition_apply()
 * for how long that takes; a @budget of the first part is for all of them.
 * Return: true if ds_span_publish() is to follow, false if all was undone.
 */
bool ds_span_prepare(struct ds_batch *first, struct ds_builder *builder, u64 now)
{
	struct ds_batch *batch;
	bool refused = false;
	u32 budget = first->budget;

	/* From another time. */
	for (batch = first; batch; batch = batch->span)
		batch->nomem = false;
	for (batch = first; batch; batch = batch->span) {
		batch->budget = budget;
		ds_partition_begin(batch->partition, builder);
		ds_partition_prepare(batch->partition, batch, now);
		budget = batch->budget;
		if (batch->nomem) {
			ds_span_refuse(first, batch->span, true);
			return false;
		}
		/* Go on, so that all that fails says so. */
		refused |= batch->refused;
	}
	if (refused)
		ds_span_refuse(first, NULL, false);
	return !refused;
}

/**
 * ds_span_publish() - make a batch visible in all its partitions at once
 * @first: its parts, prepared
 * @head: the first page of the store's mapping
 *
 * Who reads documents of several partitions together, or pins a moment, looks at the
 * epoch:
 *
 *	owner of all				reader
 *	------------				------
 *	epoch odd				e = load_acquire(epoch)
 *	smp_wmb()				load_acquire(visible_seq of all)
 *	store_release(visible_seq of each)	smp_rmb()
 *	store_release(epoch, even)		if e is odd or load(epoch) != e: again
 *
 * Preemption is off, as for any sequence count. ds_partition_settle() follows for each
 * part.
 *
 * Context: the owner of all its partitions.
 */
void ds_span_publish(struct ds_batch *first, struct docstore_map_store *head)
{
	struct ds_batch *batch;

	for (batch = first; batch; batch = batch->span)
		ds_partition_accept(batch->partition, batch);
	preempt_disable();
	WRITE_ONCE(head->epoch, head->epoch + 1);
	/* Before any visible_seq; pairs with the last smp_rmb() of readers. */
	smp_wmb();
	for (batch = first; batch; batch = batch->span)
		ds_partition_show(batch->partition);
	/* After all of them; pairs with the acquire load of readers. */
	smp_store_release(&head->epoch, head->epoch + 1);
	preempt_enable();
	/* Before pins are looked for; pairs with that in ds_past_begin(). */
	smp_mb();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: many batches at a time, on a ring of liburing's.
 *
 * DOC: Batches by io_uring
 *
 * ds_batch_prep() and ds_batch_complete(), in libdocstore.h, are for programs that
 * have a loop around a ring of their own. What is here needs no loop. All of it is
 * inline: the library itself does not depend on liburing, programs that include
 * this do. "pkg-config --cflags --libs libdocstore-uring" names both.
 */
#ifndef LIBDOCSTORE_URING_H
#define LIBDOCSTORE_URING_H

#include <liburing.h>

#include <libdocstore.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * ds_batch_submit_many() - carry many batches out, and wait for all of them
 * @ring: a ring in which nothing else is under way
 * @batches: the batches, each for itself, in no order; of any stores
 * @count: their number, as many as one likes: of what does not fit into the ring the
 *	rest follows as others are complete
 * @flags: DOCSTORE_SUBMIT_ATOMIC or 0, for each of them
 * @timeout_ms: how long each may wait for its turn; 0 for as long as it takes
 * @results: of @count elements; what ds_batch_submit() would have returned for
 *	each, but -E2BIG for every batch that does not fit into one submit
 *
 * Partitions are written side by side, and those that are busy keep nobody from
 * using the others. Signals don't interrupt it.
 *
 * Return: how many results are not 0; or what io_uring_submit_and_wait() has failed
 * with, when the ring is of no use. Then the batches that were not complete have the
 * result -EINPROGRESS, and stay under way.
 */
static inline int ds_batch_submit_many(struct io_uring *ring, struct ds_batch *const *batches,
				       unsigned int count, unsigned int flags,
				       unsigned int timeout_ms, int *results)
{
	unsigned int next, i, head, under_way = 0, failed = 0;
	struct io_uring_cqe *cqe;
	int ret;

	for (i = 0; i < count; i++)
		results[i] = -EINPROGRESS;
	for (next = 0; next < count || under_way; ) {
		/* No more than there is room for when they are complete. */
		while (next < count && under_way < *ring->cq.kring_entries &&
		       io_uring_sq_space_left(ring)) {
			struct io_uring_sqe entry;

			ret = ds_batch_prep(batches[next], &entry, flags, timeout_ms);
			if (ret) {
				results[next++] = ret;
				failed++;
				continue;
			}
			entry.user_data = next++;
			memcpy(io_uring_get_sqe(ring), &entry, sizeof(entry));
			under_way++;
		}
		if (!under_way)
			continue;
		ret = io_uring_submit_and_wait(ring, 1);
		if (ret < 0 && ret != -EINTR && ret != -EAGAIN && ret != -EBUSY)
			return ret;
		i = 0;
		io_uring_for_each_cqe(ring, head, cqe) {
			unsigned int n = (unsigned int)cqe->user_data;

			results[n] = ds_batch_complete(batches[n], cqe->res);
			failed += results[n] != 0;
			i++;
		}
		io_uring_cq_advance(ring, i);
		under_way -= i;
	}
	return (int)failed;
}

#ifdef __cplusplus
}
#endif

#endif /* LIBDOCSTORE_URING_H */

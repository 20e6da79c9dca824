// SPDX-License-Identifier: GPL-2.0
/*
 * Batches that span partitions: which ones do, and what DOCSTORE_COORDINATOR must
 * say of them.
 */
#include <linux/docstore_map.h>

#include "model.h"

/* A store of which nothing is known but that it is new. */
bool fz_span_begin(struct fz_store *s, int fd)
{
	const struct docstore_map_store *head = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (head == MAP_FAILED)
		return false;
	memcpy(s->key, (const void *)head->key, sizeof(s->key));
	munmap((void *)head, 4096);
	s->keyed = true;
	s->span.sure = true;
	return true;
}

/* Are the documents of these operations in more than one partition? */
bool fz_spans(const struct fz_store *s, const struct docstore_op *ops, __u32 count)
{
	__u32 i, partition, first = 0;

	for (i = 0; i < count; i++) {
		partition = docstore_map_partition_of(
			docstore_map_hash(s->key, (void *)(uintptr_t)ops[i].id, ops[i].id_len),
			s->partitions);
		if (!i)
			first = partition;
		else if (partition != first)
			return true;
	}
	return false;
}

void fz_before_coordinator(struct fz_run *run)
{
	const struct docstore_coordinator *arg = ARG(docstore_coordinator);
	__u64 count = arg->count < 4096 ? arg->count : 4096;

	if (arg->waiting_size > FZ_MAX_ELEMENT)
		fz_error_add(&run->must, E2BIG);
	if (!fz_memory_writable(run->memory, arg->waiting, count * arg->waiting_size))
		fz_error_add(&run->may, EFAULT);
}

static void fz_check_waiting(struct fz_run *run, const struct docstore_coordinator *arg, __u32 i)
{
	const struct fz_store *s = run->fd->store;
	struct docstore_waiting waiting;

	memcpy(&waiting, (void *)(uintptr_t)(arg->waiting + (__u64)i * arg->waiting_size),
	       sizeof(waiting));
	if (waiting.operations < 2 || waiting.operations > DOCSTORE_MAX_OPS ||
	    waiting.partitions < 2 || waiting.partitions > waiting.operations ||
	    (s && waiting.partitions > s->partitions))
		fz_find(run, "coordinator: %u operations of %u partitions wait",
			waiting.operations, waiting.partitions);
}

void fz_after_coordinator(struct fz_run *run, int ret)
{
	const struct docstore_coordinator *arg = ARG(docstore_coordinator);
	struct fz_store *s = run->fd->store;
	struct docstore_coordinator out;
	__u32 i;

	if (!fz_came_back(run, ret, &out))
		return;
	if (out.count > arg->count || out.queued > out.max_queued || !out.max_queued ||
	    out.wait_max_ns > out.wait_ns || out.prepare_max_ns > out.prepare_ns ||
	    out.publish_max_ns > out.publish_ns)
		fz_find(run, "coordinator is wrong: %u in room for %u, %u of %u queued", out.count,
			arg->count, out.queued, out.max_queued);
	for (i = 0; i < out.count && !run->finding[0]; i++)
		fz_check_waiting(run, arg, i);
	fz_check_rest(run, arg->waiting, (__u64)out.count * arg->waiting_size);
	if (!s || run->wild)
		return;
	if (out.count || out.queued)
		fz_find(run, "coordinator: %u batches wait, and there are none", out.queued);
	if (s->span.sure && (out.commits != s->span.commits || out.refused != s->span.refused))
		fz_find(run, "coordinator: %llu commits and %llu refused instead of %llu and %llu",
			(unsigned long long)out.commits, (unsigned long long)out.refused,
			(unsigned long long)s->span.commits,
			(unsigned long long)s->span.refused);
	s->span.commits = out.commits;
	s->span.refused = out.refused;
	s->span.sure = s->keyed;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Atomic batches that span partitions, with a fault in them: all of them is done or
 * nothing, and the coordinator has counted what was done.
 */
#ifndef DOCSTORE_FAULT_SPAN_H
#define DOCSTORE_FAULT_SPAN_H

#include "fault_batch.h"

static const char *span_id(const struct fault *f, __u32 op)
{
	return (const char *)(uintptr_t)f->ops[op].id;
}

/* A batch that happens to be for one partition: let the last one be of another. */
static int span_spread(struct fault *f, const struct ds_where *where)
{
	__u32 first = ds_where(where, span_id(f, 0)), i;

	for (i = 1; i < f->count; i++)
		if (ds_where(where, span_id(f, i)) != first)
			return 0;
	for (i = 0; i < EXISTING; i++) {
		if (ds_where(where, id_of(f, i)) == first)
			continue;
		f->ops[f->count - 1].id = ds_ptr(id_of(f, i));
		f->ops[f->count - 1].id_len = strlen(id_of(f, i));
		return 0;
	}
	return ds_broken("the batch does not span partitions");
}

/* What is prepared is a batch for the coordinator. */
static int span_begin(struct fault *f, int ret)
{
	struct ds_where where;

	f->flags = DOCSTORE_SUBMIT_ATOMIC;
	ret = ret ?: ds_where_begin(&where, f->target->fd) ?: span_spread(f, &where);
	return ret ?: ds_coordinator(f->target->fd, NULL, 0, &f->before);
}

/* An atomic batch has the results that are right, or those of one that was refused. */
static int span_results(struct fault *f, int otherwise)
{
	bool found = false;
	__u32 i;

	for (i = 0; i < f->count; i++) {
		int result = f->ops[i].result;

		if (!result && !f->ops[0].result)
			continue;
		if (result == otherwise || (f->injected && result == -ENOMEM))
			found = true;
		else if (result != -ECANCELED)
			return ds_broken("operation %u of %u: result %d", i, f->count, result);
	}
	return found || !f->ops[0].result ? 0 : ds_broken("canceled for no reason");
}

/* Was it the coordinator, and has it done what the results say? */
static int span_counted(struct fault *f, int ret)
{
	bool done = !ret && !f->ops[0].result;
	struct docstore_coordinator now;
	int err = ds_coordinator(f->target->fd, NULL, 0, &now);

	if (err)
		return err;
	if (ret != -EFAULT && now.commits != f->before.commits + done)
		return ds_broken("%llu batches were carried out, not %llu", now.commits,
				 f->before.commits + done);
	if (now.queued || now.commits > f->before.commits + 1)
		return ds_broken("%u batches wait", now.queued);
	return 0;
}

static int settle_span_for(struct fault *f, int ret, int otherwise)
{
	int err = ret ? 0 : span_results(f, otherwise);

	return err ?: span_counted(f, ret) ?:
	       model_settle(f->target, f->flags, f->ops, f->count, ret, true);
}

static int settle_span(struct fault *f, int ret)
{
	return settle_span_for(f, ret, -ENOMEM);
}

static int settle_span_extra(struct fault *f, int ret)
{
	return settle_span(f, ret) ?: model_check(f->target) ?: extra_end(f);
}

/* Two documents, the second one in another partition. */
static int prepare_span(struct fault *f)
{
	put(f, ds_set_s64(id_of(f, 0), f->p[0], f->round));
	put(f, set_value(f, 1, 1, 100));
	return span_begin(f, 0);
}

static int prepare_span_many(struct fault *f)
{
	return span_begin(f, prepare_many(f));
}

/* By their owners, also if they are idle. */
static int prepare_span_owners(struct fault *f)
{
	return parameter_set("lend_documents", 0) ?: prepare_span_many(f);
}

static int settle_span_owners(struct fault *f, int ret)
{
	struct docstore_coordinator now;
	int err = parameter_set("lend_documents", f->lend) ?:
		  ds_coordinator(f->store.fd, NULL, 0, &now);

	if (!err && now.lent != f->before.lent)
		err = ds_broken("the partitions were lent");
	return err ?: settle_span(f, ret);
}

static int prepare_span_uring(struct fault *f)
{
	return ds_ring_open(&fault_ring, 4, 0) ?: prepare_span_many(f);
}

static int settle_span_uring(struct fault *f, int ret)
{
	return ds_ring_close(&fault_ring) ?: settle_span(f, ret);
}

static int prepare_span_uring_owners(struct fault *f)
{
	return ds_ring_open(&fault_ring, 4, 0) ?: prepare_span_owners(f);
}

static int settle_span_uring_owners(struct fault *f, int ret)
{
	return ds_ring_close(&fault_ring) ?: settle_span_owners(f, ret);
}

/* In one partition something is not as it should be. */
static int prepare_span_refused(struct fault *f)
{
	int ret = prepare_many(f);

	put(f, ds_check(id_of(f, 0), DOCSTORE_IF_ABSENT, 0));
	return span_begin(f, ret);
}

static int prepare_span_refused_owners(struct fault *f)
{
	return parameter_set("lend_documents", 0) ?: prepare_span_refused(f);
}

static int settle_span_refused(struct fault *f, int ret)
{
	int err = parameter_set("lend_documents", f->lend);

	if (!err && !ret && !f->ops[0].result)
		err = ds_broken("the batch was not refused");
	return err ?: settle_span_for(f, ret, -EEXIST);
}

/* It changes one document, and depends on all others. */
static int prepare_span_check(struct fault *f)
{
	unsigned int i;

	for (i = 1; i < EXISTING; i++)
		put(f, ds_unchanged(id_of(f, i), f->target->docs[i].version));
	put(f, ds_check(id_of(f, EXISTING), 0, 0));
	put(f, ds_set_s64(id_of(f, 0), f->p[0], f->round));
	put(f, ds_get(id_of(f, 1), 0, f->out, ANSWER));
	return span_begin(f, have(f, EXISTING, false));
}

static int settle_span_check(struct fault *f, int ret)
{
	const struct docstore_version *raw = f->target->docs[1].raw;
	const struct docstore_op *get = &f->ops[f->count - 1];

	if (!ret && !get->result &&
	    (get->value_len != raw->size || memcmp(f->out, raw, raw->size)))
		return ds_broken("get: it got something else");
	return settle_span(f, ret);
}

/* A store of which no partition has memory yet. */
static int prepare_span_first(struct fault *f)
{
	return span_begin(f, prepare_first_many(f));
}

static int prepare_span_large(struct fault *f)
{
	int i, ret = extra_begin(f, 3, 64 * MIB) ?: fill(f, 8);

	for (i = 0; i < 8; i++)
		put(f, set_value(f, i, 1, 700000));
	return span_begin(f, ret);
}

/*
 * Five documents for one partition, which would find room in two pieces of memory if they
 * were smaller.
 */
static int prepare_span_scattered(struct fault *f)
{
	int i, ret = extra_begin(f, 2, 64 * MIB) ?: fill(f, EXISTING);
	struct ds_where where;
	__u32 first;

	ret = ret ?: ds_where_begin(&where, f->target->fd);
	if (ret)
		return ret;
	put(f, ds_set_s64(id_of(f, 0), f->p[0], f->round));
	first = ds_where(&where, id_of(f, 0));
	for (i = 1; i < EXISTING && f->count < 6; i++)
		if (ds_where(&where, id_of(f, i)) != first)
			put(f, set_value(f, i, 1, 700000));
	return span_begin(f, 0);
}

/*
 * A store that has room for pieces of memory for all of its partitions but one, so
 * that somewhere is too little for two large documents.
 */
static int prepare_span_full(struct fault *f)
{
	int i, ret = extra_begin(f, 2, 5 * MIB) ?: fill(f, 8);
	__u32 fit;

	for (i = 0; i < 8; i++)
		put(f, set_value(f, i, 1, 700000));
	return span_begin(f, ret ?: fill_up(f, 0, &fit));
}

static int settle_span_full(struct fault *f, int ret)
{
	if (!ret && !f->ops[0].result)
		return ds_broken("there was room for it");
	return settle_span_for(f, ret, -ENOSPC) ?: model_check(f->target) ?: extra_end(f);
}

/* While a snapshot needs what is replaced: documents of one batch, and of two. */
static int prepare_pinned(struct fault *f)
{
	int ret = prepare_frozen(f) ?: change_back(f);

	f->target = &f->model;
	return ret ?: prepare_many(f);
}

static int settle_pinned(struct fault *f, int ret)
{
	return submit_settle(f, ret) ?: frozen_end(f);
}

static int prepare_span_pinned(struct fault *f)
{
	return span_begin(f, prepare_pinned(f));
}

static int settle_span_pinned(struct fault *f, int ret)
{
	return settle_span(f, ret) ?: frozen_end(f);
}

#endif /* DOCSTORE_FAULT_SPAN_H */

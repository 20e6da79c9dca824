/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Batches with a fault in them.
 */
#ifndef DOCSTORE_FAULT_BATCH_H
#define DOCSTORE_FAULT_BATCH_H

#include "fault_calls.h"
#include "fault_snapshot.h"

static int submit(struct fault *f)
{
	return ds_submit(f->target->fd, f->flags, f->ops, f->count, NULL);
}

/*
 * By io_uring, whose own memory is refused as well: what does not come as far as to
 * us has not been done for want of it.
 */
static int submit_uring(struct fault *f)
{
	struct docstore_submit s = {
		.size = sizeof(s),
		.flags = f->flags,
		.ops = ds_ptr(f->ops),
		.op_size = sizeof(f->ops[0]),
		.count = f->count,
	};
	__u32 i;
	int ret;

	for (i = 0; i < f->count; i++)
		f->ops[i].result = (__s32)DS_POISON32;
	ret = ds_ring_ioctl(&fault_ring, 0, f->target->fd, DOCSTORE_SUBMIT, &s);
	return ret < DS_CALL(0) + 1 ? -ENOMEM : ret;
}

/* Results are what they are without a fault, or there was no memory. */
static int submit_results(struct fault *f, int otherwise)
{
	__u32 i;

	for (i = 0; i < f->count; i++) {
		int result = f->ops[i].result;

		if (result && result != otherwise &&
		    !(f->injected && result == -ENOMEM))
			return ds_broken("operation %u of %u: result %d", i,
					 f->count, result);
	}
	return 0;
}

static int submit_settle(struct fault *f, int ret)
{
	int err = ret ? 0 : submit_results(f, 0);

	return err ?: model_settle(f->target, f->flags, f->ops, f->count, ret,
				   true);
}

static int prepare_set(struct fault *f)
{
	put(f, ds_set_s64(id_of(f, 3), f->p[0], f->round));
	return 0;
}

static int prepare_create(struct fault *f)
{
	put(f, set_value(f, EXISTING, 1, 100));
	put(f, ds_set_s64(id_of(f, EXISTING), f->p[0], f->round));
	return have(f, EXISTING, false);
}

static int prepare_delete(struct fault *f)
{
	put(f, ds_delete(id_of(f, 5)));
	return have(f, 5, true);
}

static int prepare_get(struct fault *f)
{
	put(f, ds_get(id_of(f, 1), 0, f->out, ANSWER));
	put(f, ds_get(id_of(f, 2), f->p[0], f->out + ANSWER, ANSWER));
	return 0;
}

static int settle_get(struct fault *f, int ret)
{
	const struct model_doc *d = &f->model.docs[1];

	if (!ret && (f->ops[0].value_len != d->raw->size ||
		     memcmp(f->out, d->raw, d->raw->size) ||
		     f->ops[1].value_len != 8 ||
		     memcmp(f->out + ANSWER, f->model.docs[2].props[0].value, 8)))
		return ds_broken("get: it got something else");
	return submit_settle(f, ret);
}

/* All that can be done to a document. */
static int prepare_all_kinds(struct fault *f)
{
	const char *id = id_of(f, 7);
	struct docstore_op op = ds_set_s64(id, f->p[2], 1);

	put(f, ds_set_s64(id, f->p[0], f->round));
	put(f, ds_unset(id, f->p[2]));
	put(f, ds_add(id, f->p[0], 5));
	put(f, ds_touch(id, 0));
	put(f, ds_set_type(id, f->round % 2 ? f->p[3] : 0));
	put(f, ds_set(id, f->p[3], DOCSTORE_TYPE_BOOL, f->round % 2));
	put(f, set_value(f, 7, 1, 3000));
	put(f, ds_get(id, 0, f->out, ANSWER));
	return model_submit(f->target, &op, 1);
}

/* Many documents, the operations on each of them not next to each other. */
static int prepare_many(struct fault *f)
{
	unsigned int i;
	int ret;

	for (i = 0; i < 12; i++)
		put(f, ds_set_s64(id_of(f, i), f->p[0], f->round));
	put(f, set_value(f, EXISTING + 1, 1, 10));
	put(f, ds_delete(id_of(f, EXISTING + 2)));
	for (i = 0; i < 12; i++)
		put(f, set_value(f, i, 1, 10 + i * i * 20));
	ret = have(f, EXISTING + 1, false);
	return ret ?: have(f, EXISTING + 2, true);
}

static int prepare_atomic(struct fault *f)
{
	int ret = extra_begin(f, 1, 8 * MIB) ?: fill(f, 12);

	f->flags = DOCSTORE_SUBMIT_ATOMIC;
	return ret ?: prepare_many(f);
}

/* The last of many does not hold what it should. */
static int prepare_refused(struct fault *f)
{
	int ret = prepare_atomic(f);

	put(f, ds_if(ds_set_s64(id_of(f, 0), f->p[2], 1), DOCSTORE_IF_ABSENT, 0));
	return ret;
}

static int settle_refused(struct fault *f, int ret)
{
	__u32 i;

	for (i = 0; !ret && i < f->count; i++)
		if (!f->ops[i].result)
			return ds_broken("operation %u was not refused", i);
	return model_settle(f->target, f->flags, f->ops, f->count, ret, true) ?:
	       extra_end(f);
}

static int settle_extra(struct fault *f, int ret)
{
	struct docstore_store_info info;
	int err = submit_settle(f, ret) ?: model_check(f->target);

	err = err ?: ds_store_info(f->extra.fd, &info);
	if (err)
		return err;
	if (info.documents != model_count(f->target) ||
	    info.bytes_documents != model_bytes(f->target))
		return ds_broken("%llu documents of %llu bytes, not %u of %llu",
				 info.documents, info.bytes_documents,
				 model_count(f->target), model_bytes(f->target));
	return extra_end(f);
}

/* A store of which no partition has memory yet. */
static int prepare_first(struct fault *f)
{
	int ret = extra_begin(f, 1, 8 * MIB);

	put(f, ds_set_s64(id_of(f, 0), f->p[0], f->round));
	return ret;
}

static int prepare_first_many(struct fault *f)
{
	int i, ret = extra_begin(f, 4, 64 * MIB);

	for (i = 0; i < 16; i++)
		put(f, set_value(f, i, 1, 30));
	return ret;
}

static int prepare_large(struct fault *f)
{
	int i, ret = extra_begin(f, 1, 64 * MIB) ?: fill(f, 4);

	for (i = 0; i < 3; i++)
		put(f, set_value(f, i, 1, 900000));
	return ret;
}

static int prepare_large_atomic(struct fault *f)
{
	f->flags = DOCSTORE_SUBMIT_ATOMIC;
	return prepare_large(f);
}

/* The same where some memory is free soon, but not yet, and not enough. */
static int prepare_large_again(struct fault *f)
{
	struct docstore_op op = { };
	int ret = prepare_large(f);

	op = set_value(f, 20, 1, 500000);
	ret = ret ?: model_submit(f->target, &op, 1);
	op = ds_delete(id_of(f, 20));
	return ret ?: model_submit(f->target, &op, 1);
}

/*
 * Documents of 300000 bytes until the store is full: how many fit. Memory that
 * was freed can be used again a little later, which is waited for if there must
 * be room for @least.
 */
static int fill_up(struct fault *f, __u32 least, __u32 *fit)
{
	__u64 end = ds_now() + 30 * DS_SECOND;
	struct docstore_op op;
	char id[16];
	int ret;

	for (*fit = 0; ; (*fit)++) {
		snprintf(id, sizeof(id), "fill%u", *fit);
		do {
			op = ds_set_bytes(id, f->p[1], f->value, 300000);
			ret = ds_one(f->extra.fd, &op);
		} while (ret == -ENOSPC && *fit < least && ds_now() < end);
		if (ret)
			return ret == -ENOSPC ? 0 : ret;
	}
}

/* A store that has room for three pieces of memory, less than the batch needs. */
static int prepare_limit(struct fault *f)
{
	int i, ret;

	if (!f->fit) {
		ret = extra_begin(f, 1, 7 * MIB) ?: fill_up(f, 0, &f->fit) ?:
		      extra_end(f);
		if (ret)
			return ret;
	}
	ret = extra_begin(f, 1, 7 * MIB);
	for (i = 0; i < 2; i++)
		put(f, set_value(f, i, 1, 900000));
	return ret;
}

/*
 * It must be good for as much as one in which nothing has failed. What lies in
 * between may break up some room, but a piece that is lost is six documents.
 */
static int settle_limit(struct fault *f, int ret)
{
	int i, err = submit_settle(f, ret);
	__u32 fit;

	for (i = 0; i < 2 && !err; i++)
		err = have(f, i, false);
	err = err ?: fill_up(f, f->fit - 3, &fit);
	if (!err && fit < f->fit - 3)
		err = ds_broken("the store has room for %u documents, not %u",
				fit, f->fit);
	return err ?: extra_end(f);
}

/* A store that is full: the call waits for memory, and there is none. */
static int prepare_full(struct fault *f)
{
	int ret = extra_begin(f, 1, 5 * MIB) ?: fill(f, 4);
	__u32 fit;

	put(f, set_value(f, 2, 1, 700000));
	put(f, set_value(f, 3, 1, 700000));
	return ret ?: fill_up(f, 0, &fit);
}

static int settle_full(struct fault *f, int ret)
{
	int err = ret ? 0 : submit_results(f, -ENOSPC);

	return err ?: model_settle(f->target, 0, f->ops, f->count, ret, true) ?:
	       extra_end(f);
}

static int prepare_uring(struct fault *f)
{
	return ds_ring_open(&fault_ring, 4, 0) ?: prepare_all_kinds(f);
}

static int settle_uring(struct fault *f, int ret)
{
	return ds_ring_close(&fault_ring) ?: submit_settle(f, ret);
}

/* Elements that are longer than the kernel knows go in and out one by one. */
static int submit_long(struct fault *f)
{
	struct {
		struct docstore_op op;
		__u64 more;
	} ops[8] = { 0 };
	struct docstore_submit s = {
		.size = sizeof(s),
		.ops = ds_ptr(ops),
		.op_size = sizeof(ops[0]),
		.count = f->count,
	};
	__u32 i;
	int ret;

	for (i = 0; i < f->count; i++) {
		ops[i].op = f->ops[i];
		ops[i].op.result = (__s32)DS_POISON32;
	}
	ret = ds_ioctl(f->target->fd, DOCSTORE_SUBMIT, &s);
	for (i = 0; i < f->count; i++)
		f->ops[i] = ops[i].op;
	return ret;
}

#endif /* DOCSTORE_FAULT_BATCH_H */

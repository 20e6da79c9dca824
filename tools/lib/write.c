// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: writing one document. */
#include "batch.h"

/* Room for the operations of most calls. */
#define FEW	8

/* A batch for the time of one call. */
struct once {
	struct ds_batch batch;
	struct docstore_op ops[FEW];
};

static struct ds_batch *begin(struct once *once, struct ds_store *store)
{
	ds_batch_borrow(&once->batch, store, once->ops, FEW);
	return &once->batch;
}

/*
 * Submit the operations of one document. @op is what adding the last of them
 * returned.
 */
static int submit_one(struct ds_batch *batch, int op, const struct ds_write_opts *opts,
		      uint64_t *version)
{
	int err = op < 0 ? op : 0;

	if (!err)
		err = ds_batch_submit(batch, DOCSTORE_SUBMIT_ATOMIC,
				      ds_opt(opts, timeout_ms));
	if (err > 0)
		err = ds_batch_error(batch);
	if (!err && version)
		*version = ds_batch_op(batch, (int)ds_batch_count(batch) - 1)->version;
	ds_batch_return(batch);
	return err;
}

/* Conditions of @opts for the first operation, which @op is or why not. */
static int require(struct ds_batch *batch, int op, const struct ds_write_opts *opts)
{
	unsigned int flags = ds_opt(opts, flags);

	if (op < 0 || !flags)
		return op;
	return ds_batch_require(batch, op, flags, ds_opt(opts, if_version));
}

DS_PUBLIC int ds_put(struct ds_store *store, struct ds_str id,
		     const struct ds_prop *props, size_t count,
		     const struct ds_write_opts *opts, uint64_t *version)
{
	struct once once;
	struct ds_batch *batch = begin(&once, store);
	int ret;

	ret = ds_batch_put(batch, id, props, count, opts);
	return submit_one(batch, ret, opts, version);
}

DS_PUBLIC int ds_set(struct ds_store *store, struct ds_str id, struct ds_str property,
		     struct ds_value value, const struct ds_write_opts *opts,
		     uint64_t *version)
{
	struct once once;
	struct ds_batch *batch = begin(&once, store);
	int ret;

	ret = ds_batch_set(batch, id, property, value);
	return submit_one(batch, require(batch, ret, opts), opts, version);
}

DS_PUBLIC int ds_unset(struct ds_store *store, struct ds_str id, struct ds_str property,
		       const struct ds_write_opts *opts, uint64_t *version)
{
	struct once once;
	struct ds_batch *batch = begin(&once, store);
	int ret;

	if (!property.len)
		return -EINVAL;
	ret = ds_batch_unset(batch, id, property);
	return submit_one(batch, require(batch, ret, opts), opts, version);
}

DS_PUBLIC int ds_add(struct ds_store *store, struct ds_str id, struct ds_str property,
		     int64_t n, const struct ds_write_opts *opts, int64_t *sum)
{
	struct once once;
	struct ds_batch *batch = begin(&once, store);
	int64_t value;
	int ret;

	ret = ds_batch_add(batch, id, property, n);
	ret = require(batch, ret, opts);
	if (ret >= 0 && sum)
		ret = ds_batch_get(batch, id, property, &value, sizeof(value));
	ret = submit_one(batch, ret, opts, NULL);
	if (!ret && sum)
		*sum = value;
	return ret;
}

DS_PUBLIC int ds_delete(struct ds_store *store, struct ds_str id,
			const struct ds_write_opts *opts)
{
	struct once once;
	struct ds_batch *batch = begin(&once, store);
	int ret;

	ret = ds_batch_delete(batch, id);
	return submit_one(batch, require(batch, ret, opts), opts, NULL);
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: batches as entries of an io_uring.
 *
 * The ring is the caller's, made with liburing or without: an entry is all that
 * is filled in here, so that nobody has to link with what he does not use.
 */
#include <linux/io_uring.h>

#include "batch.h"

DS_PUBLIC int ds_batch_prep(struct ds_batch *batch, struct io_uring_sqe *sqe,
			    unsigned int flags, unsigned int timeout_ms)
{
	struct docstore_uring_cmd cmd = { .arg = ds_ptr(&batch->arg) };

	if (batch->under_way)
		return -EBUSY;
	if (batch->store->pinned)
		return -EBADF;
	if (ds_batch_too_large(batch))
		return -E2BIG;
	batch->arg = ds_submit_arg(batch->ops, batch->count, flags, timeout_ms);
	batch->under_way = true;

	memset(sqe, 0, sizeof(*sqe));
	sqe->user_data = ds_ptr(batch);
	if (!batch->count) {
		sqe->opcode = IORING_OP_NOP;
		sqe->fd = -1;
		return 0;
	}
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = batch->store->fd;
	sqe->cmd_op = DOCSTORE_SUBMIT;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	return 0;
}

DS_PUBLIC int ds_batch_complete(struct ds_batch *batch, int res)
{
	int ret;

	if (!batch->under_way)
		return -EALREADY;
	ret = ds_submit_result(&batch->arg, res);
	batch->under_way = false;
	if (batch->unwanted)
		ds_batch_free(batch);
	return ret;
}

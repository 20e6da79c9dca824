/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libdocstore: a batch, for those who hand it to the kernel. */
#ifndef LIBDOCSTORE_BATCH_H
#define LIBDOCSTORE_BATCH_H

#include "internal.h"

struct block;

/*
 * struct ds_batch - operations, and the bytes that they point at
 *
 * While io_uring has it (@under_way), the kernel reads @arg, and writes results
 * to @ops when nobody here looks: then nothing of it changes but @unwanted, which
 * says that ds_batch_complete() is to free it.
 */
struct ds_batch {
	struct ds_store *store;
	struct docstore_op *ops;
	struct docstore_op *borrowed;
	unsigned int count;
	unsigned int room;
	size_t bytes;
	struct block *blocks;	/* the first one is being filled */
	struct block *spare;	/* all of BLOCK_SIZE, empty */
	struct docstore_submit arg;
	bool under_way;
	bool unwanted;
};

struct docstore_submit ds_submit_arg(struct docstore_op *ops, unsigned int count,
				     unsigned int flags, unsigned int timeout_ms);
int ds_submit_result(const struct docstore_submit *arg, int err);
void ds_batch_borrow(struct ds_batch *batch, struct ds_store *store, struct docstore_op *ops,
		     unsigned int room);
void ds_batch_return(struct ds_batch *batch);
int ds_batch_error(const struct ds_batch *batch);
bool ds_batch_too_large(const struct ds_batch *batch);

#endif /* LIBDOCSTORE_BATCH_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Batches from user space.
 */
#ifndef _DOCSTORE_SUBMIT_H
#define _DOCSTORE_SUBMIT_H

#include <linux/docstore.h>

struct ds_request;
struct ds_session;

/* So many operations need no memory of their own. */
#define DS_SUBMIT_FEW		4

/**
 * struct ds_submit - a batch between user space and a request
 * @session: who submits it
 * @arg: how it was submitted
 * @ops: its operations, at first as they came and then with their results
 * @request: the request
 * @few: for @ops
 */
struct ds_submit {
	struct ds_session *session;
	struct docstore_submit arg;
	struct docstore_op *ops;
	struct ds_request *request;
	struct docstore_op few[DS_SUBMIT_FEW];
};

int ds_submit_begin(struct ds_submit *submit, bool async);
int ds_submit_results(struct ds_submit *submit);
void ds_submit_end(struct ds_submit *submit);

int ds_ioctl_submit(struct ds_session *session, void *data);

#endif /* _DOCSTORE_SUBMIT_H */

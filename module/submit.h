/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Batches from user space.
 */
#ifndef _DOCSTORE_SUBMIT_H
#define _DOCSTORE_SUBMIT_H

#include <linux/docstore.h>

struct ds_request;
struct ds_session;

/**
 * struct ds_submit - a batch between user space and a request
 * @session: who submits it
 * @arg: how it was submitted
 * @request: the request
 */
struct ds_submit {
	struct ds_session *session;
	struct docstore_submit arg;
	struct ds_request *request;
};

int ds_submit_begin(struct ds_submit *submit, bool async);
int ds_submit_results(struct ds_submit *submit);
void ds_submit_end(struct ds_submit *submit, int err);

int ds_ioctl_submit(struct ds_session *session, void *data);

#endif /* _DOCSTORE_SUBMIT_H */

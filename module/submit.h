/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Batches of operations, from user space to the owners and back.
 */
#ifndef _DOCSTORE_SUBMIT_H
#define _DOCSTORE_SUBMIT_H

struct ds_session;

int ds_ioctl_submit(struct ds_session *session, void *data);

#endif /* _DOCSTORE_SUBMIT_H */

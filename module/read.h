/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading documents, in the caller and past the owner.
 */
#ifndef _DOCSTORE_READ_H
#define _DOCSTORE_READ_H

struct ds_session;

int ds_ioctl_read(struct ds_session *session, void *data);
int ds_ioctl_read_many(struct ds_session *session, void *data);

#endif /* _DOCSTORE_READ_H */

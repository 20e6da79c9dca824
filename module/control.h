/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The operations of the control node, and those that only ask.
 */
#ifndef _DOCSTORE_CONTROL_H
#define _DOCSTORE_CONTROL_H

struct ds_session;

int ds_ioctl_info(struct ds_session *session, void *data);
int ds_ioctl_store_create(struct ds_session *session, void *data);
int ds_ioctl_store_open(struct ds_session *session, void *data);
int ds_ioctl_store_remove(struct ds_session *session, void *data);
int ds_ioctl_store_list(struct ds_session *session, void *data);
int ds_ioctl_store_info(struct ds_session *session, void *data);

#endif /* _DOCSTORE_CONTROL_H */

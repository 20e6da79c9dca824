/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /dev/docstore, and the descriptors of stores.
 */
#ifndef _DOCSTORE_DEVICE_H
#define _DOCSTORE_DEVICE_H

#include <linux/types.h>

struct ds_session;
struct ds_store;

int ds_device_open_store(struct ds_store *store, u32 rights, bool wait);
int ds_device_open_snapshot(struct ds_session *session);
int ds_device_open_stream(struct ds_session *session, bool nonblock);
int ds_device_init(void);
void ds_device_exit(void);

#endif /* _DOCSTORE_DEVICE_H */

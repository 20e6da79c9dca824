/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Telling owners what was read.
 */
#ifndef _DOCSTORE_HINT_H
#define _DOCSTORE_HINT_H

#include <linux/types.h>

struct ds_session;
struct ds_store;

/* Of so many reads in the kernel owners are told one. */
#define DS_HINT_READS		64

void ds_hint_read(const struct ds_store *store, const u8 *id, u32 id_len);
void ds_hint_scan(const struct ds_store *store, const u8 *id, u32 id_len);
int ds_ioctl_hint(struct ds_session *session, void *data);

#endif /* _DOCSTORE_HINT_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /sys/kernel/docstore: one value in each file.
 */
#ifndef _DOCSTORE_SYSFS_H
#define _DOCSTORE_SYSFS_H

struct ds_store;

int ds_sysfs_add(struct ds_store *store);
void ds_sysfs_remove(struct ds_store *store);

int ds_sysfs_init(void);
void ds_sysfs_exit(void);

#endif /* _DOCSTORE_SYSFS_H */

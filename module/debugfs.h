/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /sys/kernel/debug/docstore: all there is to see, to be read by people.
 */
#ifndef _DOCSTORE_DEBUGFS_H
#define _DOCSTORE_DEBUGFS_H

void ds_debugfs_init(void);
void ds_debugfs_exit(void);

#endif /* _DOCSTORE_DEBUGFS_H */

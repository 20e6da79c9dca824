/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walking over all documents.
 */
#ifndef _DOCSTORE_SCAN_H
#define _DOCSTORE_SCAN_H

struct ds_session;

int ds_ioctl_scan(struct ds_session *session, void *data);

#endif /* _DOCSTORE_SCAN_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the handlers of ioctls share.
 */
#ifndef _DOCSTORE_IOCTL_H
#define _DOCSTORE_IOCTL_H

#include <linux/types.h>

struct ds_session;

long ds_ioctl(struct ds_session *session, unsigned int cmd, unsigned long arg);

int ds_copy_element_in(void *to, size_t size, u64 array, u32 element, u32 number);
int ds_copy_element_out(const void *from, size_t size, u64 array, u32 element, u32 number);

#endif /* _DOCSTORE_IOCTL_H */

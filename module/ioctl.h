/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the handlers of ioctls share.
 */
#ifndef _DOCSTORE_IOCTL_H
#define _DOCSTORE_IOCTL_H

#include <linux/types.h>

struct ds_session;

long ds_ioctl(struct ds_session *session, unsigned int cmd, unsigned long arg);
bool ds_ioctl_quick(const struct ds_session *session, unsigned int cmd);

int ds_ioctl_arg_in(void *to, u32 known, u32 min, void __user *user, u32 *size);
int ds_ioctl_arg_out(void __user *user, void *from, u32 known, u32 size);

int ds_copy_element_in(void *to, size_t size, u64 array, u32 element, u32 number);
int ds_copy_element_out(const void *from, size_t size, u64 array, u32 element, u32 number);

#endif /* _DOCSTORE_IOCTL_H */

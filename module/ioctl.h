/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the handlers of ioctls share.
 */
#ifndef _DOCSTORE_IOCTL_H
#define _DOCSTORE_IOCTL_H

#include <linux/types.h>

struct ds_session;

/**
 * struct ds_listing - a call that lists things, as many as the caller has room for
 * @next: fills in the first one behind @after, and returns its number, 0 if there is none
 * @info: what it fills in
 * @info_size: bytes of that
 * @least: bytes that the caller has to know of it
 * @array: address of the caller's array
 * @element: bytes of an element there
 * @count: elements that there are; then those that were filled in
 * @cursor: number of the last one, 0 to begin; then 0 if there are no more
 */
struct ds_listing {
	u64 (*next)(struct ds_session *session, u64 after, void *info);
	void *info;
	u32 info_size;
	u32 least;
	u64 array;
	u32 element;
	u32 *count;
	u64 *cursor;
};

long ds_ioctl(struct ds_session *session, unsigned int cmd, unsigned long arg);
bool ds_ioctl_quick(const struct ds_session *session, unsigned int cmd);

int ds_ioctl_arg_in(void *to, u32 known, u32 min, void __user *user, u32 *size);
int ds_ioctl_arg_out(void __user *user, void *from, u32 known, u32 size);

int ds_copy_element_in(void *to, size_t size, u64 array, u32 element, u32 number);
int ds_copy_element_out(const void *from, size_t size, u64 array, u32 element, u32 number);
int ds_list_out(struct ds_session *session, const struct ds_listing *list);

#endif /* _DOCSTORE_IOCTL_H */

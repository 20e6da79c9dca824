// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: checks of stores. */
#include "internal.h"

#include "libdocstore_check.h"

/* The check answers about itself from here on. */
#define CHECK_MIN	offsetof(struct docstore_check, documents)

DS_PUBLIC int ds_check(struct ds_store *store, unsigned int flags, struct docstore_check *info,
		       struct docstore_finding *findings, size_t finding_size, size_t room)
{
	__u32 size = info->size;
	int err;

	err = ds_answer_sizes(store, size, CHECK_MIN, finding_size, &room);
	if (err)
		return err;
	memset(info, 0, size);
	info->size = size;
	info->flags = flags;
	info->findings = room ? ds_ptr(findings) : 0;
	info->finding_size = room ? (__u32)finding_size : sizeof(*findings);
	info->count = (__u32)room;
	err = ds_ioctl(store->fd, DOCSTORE_CHECK, info);
	if (err)
		return err;
	return info->count > room ? -EBADMSG : (int)info->count;
}

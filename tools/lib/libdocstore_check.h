/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: checks of stores. To be included beside libdocstore.h.
 */
#ifndef LIBDOCSTORE_CHECK_H
#define LIBDOCSTORE_CHECK_H

#include <libdocstore.h>
#include <linux/docstore_monitor.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * ds_check() - check a store, and repair what can be
 * @store: a store open for reading, not a snapshot
 * @flags: DOCSTORE_CHECK_REPAIR, to repair, for which the store is to be open for writing
 *	too; or 0
 * @info: where it goes what was looked at and found; @info->size must be sizeof(*info)
 * @findings: room for findings, in the order in which they are made; NULL if @room is 0
 * @finding_size: sizeof(struct docstore_finding)
 * @room: how many there is room for
 *
 * Others read and write meanwhile. What the validators and places of findings are is told
 * in the documentation of docstore, under "Checks".
 *
 * Return: how many findings were filled in, with the number of all in @info->found;
 * -EBADF, -EINTR if it was interrupted by a signal and is to be begun again, -EINVAL,
 * -ENOMEM; -ENOTTY if the module is too old for that.
 */
int ds_check(struct ds_store *store, unsigned int flags, struct docstore_check *info,
	     struct docstore_finding *findings, size_t finding_size, size_t room);

#ifdef __cplusplus
}
#endif

#endif /* LIBDOCSTORE_CHECK_H */

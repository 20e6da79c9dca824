/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walking over all documents.
 */
#ifndef _DOCSTORE_SCAN_H
#define _DOCSTORE_SCAN_H

#include <linux/types.h>

#include <linux/docstore_stream.h>

#include "core/index.h"

struct ds_session;
struct ds_snapshot;
struct ds_store;

/* The most that a document takes as a record. */
#define DS_SCAN_RECORD_MAX	(DOCSTORE_MAX_DOCUMENT + sizeof(struct docstore_record) + 8)

/**
 * struct ds_scanner - a scan while it is in the kernel
 * @arg: what the caller asks for; its cursor is the partition and the position
 *	where to go on
 * @store: the store
 * @snapshot: as of which it is, or NULL
 * @records: each document is to be a record of a stream
 * @bytes: a piece of the caller's buffer, in kernel memory
 * @size: length of the piece
 * @filled: how much of it is filled in
 * @full: the next document does not fit
 * @prefix: what ids must begin with
 * @bucket: the documents of one bucket
 */
struct ds_scanner {
	struct docstore_scan *arg;
	const struct ds_store *store;
	const struct ds_snapshot *snapshot;
	bool records;
	void *bytes;
	u32 size;
	u32 filled;
	bool full;
	u8 prefix[DOCSTORE_MAX_ID];
	struct ds_scan bucket;
};

struct ds_scanner *ds_scanner_create(const struct ds_store *store,
				     const struct ds_snapshot *snapshot,
				     struct docstore_scan *arg, u32 piece);
int ds_scanner_fill(struct ds_scanner *s, u32 *buckets);
void ds_scanner_destroy(struct ds_scanner *s);

int ds_ioctl_scan(struct ds_session *session, void *data);

#endif /* _DOCSTORE_SCAN_H */

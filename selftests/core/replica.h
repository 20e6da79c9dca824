/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A copy of a store's documents that is made of its changes, as a consumer of a stream
 * makes it: it knows nothing of them but what records say.
 */
#ifndef _REPLICA_H
#define _REPLICA_H

#include "follow.h"

#define REPLICA_DOCUMENTS	2048

struct replica_document;

/**
 * struct replica - the copy
 * @s: of which store
 * @f: who reads its changes
 * @documents: the documents, by the numbers that their ids begin with
 * @records: how many changes it was made of
 * @resyncs: how often changes were lost, and all was read anew
 * @omitted: how many documents were read since the change was too large
 */
struct replica {
	struct store *s;
	struct follower f;
	struct replica_document *documents;
	u64 records;
	u64 resyncs;
	u64 omitted;
};

/* Of a store that has a backlog, and no documents yet. */
struct replica *replica_create(struct store *s);
void replica_destroy(struct replica *r);
/* Read so many changes, if they are there. Return true if that was all. */
bool replica_read(struct replica *r, u32 n);
/* Read all, and compare the document that the id is of with what it is in the store. */
void replica_compare(struct replica *r, const u8 *id, u8 id_len);

#endif /* _REPLICA_H */

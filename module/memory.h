/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory for arenas: taken by those who submit, charged to them and the store.
 */
#ifndef _DOCSTORE_MEMORY_H
#define _DOCSTORE_MEMORY_H

#include <linux/types.h>

struct ds_chunk;
struct ds_owned;
struct ds_store;

bool ds_memory_enough(struct ds_owned *owned, u64 bytes);
int ds_memory_top_up(struct ds_owned *owned, u64 bytes, bool force);
void ds_memory_give_back(struct ds_owned *owned);
void ds_memory_release(struct ds_owned *owned);
size_t ds_memory_piece(void);

#endif /* _DOCSTORE_MEMORY_H */

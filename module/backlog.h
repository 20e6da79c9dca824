/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The backlogs of a store: their memory, and when they begin.
 */
#ifndef _DOCSTORE_BACKLOG_H
#define _DOCSTORE_BACKLOG_H

struct ds_owned;
struct ds_store;

int ds_backlogs_begin(struct ds_store *store);
void ds_backlog_destroy(struct ds_owned *owned);

#endif /* _DOCSTORE_BACKLOG_H */

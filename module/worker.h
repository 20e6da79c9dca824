/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Workers: one kernel thread for each online CPU, for all stores, which own the
 * partitions while there is work for them.
 */
#ifndef _DOCSTORE_WORKER_H
#define _DOCSTORE_WORKER_H

#include <linux/types.h>

struct docstore_worker_stats;
struct ds_owned;

void ds_worker_hand_over(struct ds_owned *owned);
u32 ds_workers_count(void);
bool ds_worker_stats(u32 number, struct docstore_worker_stats *stats);
int ds_workers_init(void);
void ds_workers_exit(void);

#endif /* _DOCSTORE_WORKER_H */

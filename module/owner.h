/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Owners of partitions.
 */
#ifndef _DOCSTORE_OWNER_H
#define _DOCSTORE_OWNER_H

#include <linux/types.h>

struct ds_builder;
struct ds_owned;
struct ds_part;

void ds_owner_prepare(struct ds_owned *owned);
void ds_owner_kick(struct ds_owned *owned);
bool ds_owner_lend(struct ds_part *part);
void ds_owner_rest(struct ds_owned *owned);

/* For workers. */
bool ds_owner_work(struct ds_owned *owned, struct ds_builder *builder);
void ds_owner_release(struct ds_owned *owned);

int ds_owner_cpu_online(unsigned int cpu);
int ds_owner_init(void);
void ds_owner_exit(void);

#endif /* _DOCSTORE_OWNER_H */

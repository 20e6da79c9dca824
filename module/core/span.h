/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Atomic batches that span partitions, for who owns all of these.
 */
#ifndef _DOCSTORE_CORE_SPAN_H
#define _DOCSTORE_CORE_SPAN_H

#include <linux/types.h>

#include "partition.h"

bool ds_span_prepare(struct ds_batch *first, struct ds_builder *builder, u64 now);
void ds_span_publish(struct ds_batch *first, struct docstore_map_store *head);

#endif /* _DOCSTORE_CORE_SPAN_H */

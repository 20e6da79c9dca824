// SPDX-License-Identifier: GPL-2.0
#include "index.c"

#include "core.h"

_Static_assert(CORE_INDEX_FIRST == DS_INDEX_FIRST, "");
_Static_assert(CORE_INDEX_LOAD == DS_INDEX_LOAD, "");

u64 core_position(u64 hash)
{
	return ds_position(hash);
}

u64 core_last_position(u64 position, u32 number, u32 buckets)
{
	return ds_bucket_last_position(position, number, buckets);
}

struct docstore_bucket *core_bucket(const struct ds_index *index, u32 number)
{
	return ds_index_bucket(index, number);
}

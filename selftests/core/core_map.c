// SPDX-License-Identifier: GPL-2.0
/*
 * The library's reader of the mapping, as it is, stopped where it may meet the owner:
 * at each load that is told to be one.
 *
 * It reads what the owner writes at the same time, and finds out afterwards; that is
 * a race by design. ThreadSanitizer is told so where the reader is called
 * (map_reads_begin()), and sees all else.
 */
#include <stdbool.h>
#include <string.h>

#include "map_hook.h"

__thread bool core_map_at_length;
#define READ_AT_ONCE	(!core_map_at_length)

#include "map.c"

int core_map_copy(struct ds_map *map, const struct ds_map_id *id, void *buffer, size_t room,
		  struct ds_map_view *view)
{
	return ds_map_copy(map, id, buffer, room, view);
}

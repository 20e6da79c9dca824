/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The library's reader of the mapping, for tests of the engine: see core_map.c.
 */
#ifndef _MAPPED_H
#define _MAPPED_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "map.h"

#include "store.h"
#include "test.h"

/*
 * The reader reads what the owner may be writing to, throws it away if so, and has
 * nothing but the era to tell. ThreadSanitizer would be right to complain; between
 * these two it looks away from what this thread reads, though not from what it
 * writes, nor from what others do.
 */
#if defined(__SANITIZE_THREAD__)
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
#define map_reads_begin()	AnnotateIgnoreReadsBegin(__FILE__, __LINE__)
#define map_reads_end()		AnnotateIgnoreReadsEnd(__FILE__, __LINE__)
#else
#define map_reads_begin()	do { } while (0)
#define map_reads_end()		do { } while (0)
#endif

/* This thread's looks go the long way: not only what is unusual. */
extern __thread bool core_map_at_length;

int core_map_copy(struct ds_map *map, const struct ds_map_id *id, void *buffer, size_t room,
		  struct ds_map_view *view);

static inline void mapped_open(struct ds_map *map, const struct store *s)
{
	CHECK_EQ(ds_map_init(map, s->mapping, s->mapping_size), 0);
}

struct mapped_copy {
	char *to;
	size_t room;
};

/* In pieces, so that the owner can do something in between. */
static inline int mapped_copy(const struct ds_map_view *view, void *arg)
{
	struct mapped_copy *copy = arg;
	u32 at, n;

	if (view->size > copy->room)
		return -ENOBUFS;
	for (at = 0; at < view->size; at += n) {
		n = min(view->size - at, 24U);
		memcpy(copy->to + at, view->at + at, n);
		shim_jitter();
	}
	memset(copy->to + offsetof(struct docstore_version, prev), 0, sizeof(u32));
	return 0;
}

/* The ways to read: by a look at the document, and by a copy of it. */
enum mapped_way { MAPPED_LOOK, MAPPED_COPY, MAPPED_WAYS };

/* One call: 0 with the document in @copy, -ENOBUFS, -ENOENT, or -EAGAIN. */
static inline int mapped_get(struct ds_map *map, enum mapped_way way, const void *id, u32 len,
			     void *copy, size_t room)
{
	struct ds_map_id key = ds_map_id_to_read(map, id, len);
	struct mapped_copy arg = { copy, room };
	struct ds_map_view view;
	int ret;

	map_reads_begin();
	if (way == MAPPED_LOOK)
		ret = ds_map_read(map, &key, mapped_copy, &arg);
	else
		ret = core_map_copy(map, &key, copy, room, &view);
	map_reads_end();
	return ret;
}

#endif /* _MAPPED_H */

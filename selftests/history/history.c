// SPDX-License-Identifier: GPL-2.0
/*
 * Histories in memory.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

const char *history_anomaly(enum history_anomaly anomaly)
{
#define X(name, text) [HISTORY_##name] = text,
	static const char * const names[] = { HISTORY_ANOMALIES(X) };
#undef X

	return names[anomaly];
}

/* Memory that there must be. */
void *hi_alloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p) {
		perror("history");
		abort();
	}
	return p;
}

void *hi_grow(void *p, __u32 used, __u32 *room, size_t size)
{
	if (used < *room)
		return p;
	*room = *room ? *room * 2 : 64;
	p = realloc(p, *room * size);
	if (!p) {
		perror("history");
		abort();
	}
	return p;
}

void history_begin(struct history *h)
{
	memset(h, 0, sizeof(*h));
}

void history_end(struct history *h)
{
	free(h->ops);
	free(h->items);
	free(h->names);
	free(h->partitions);
	memset(h, 0, sizeof(*h));
}

/* The number of a new document. */
__u32 history_document(struct history *h, const char *name, __u32 partition)
{
	__u32 n = h->documents++;

	h->names = realloc(h->names, h->documents * sizeof(*h->names));
	h->partitions = realloc(h->partitions, h->documents * sizeof(*h->partitions));
	if (!h->names || !h->partitions)
		abort();
	snprintf(h->names[n], sizeof(h->names[n]), "%s", name);
	h->partitions[n] = partition;
	return n;
}

/* A new operation, without items yet. Pointers to others are no longer good. */
struct history_op *history_add_op(struct history *h, const struct history_op *op)
{
	h->ops = hi_grow(h->ops, h->nops, &h->ops_room, sizeof(*h->ops));
	h->ops[h->nops] = *op;
	h->ops[h->nops].first = h->nitems;
	h->ops[h->nops].count = 0;
	return &h->ops[h->nops++];
}

/* Of the operation that was added last. */
struct history_item *history_add_item(struct history *h, const struct history_item *item)
{
	h->items = hi_grow(h->items, h->nitems, &h->items_room, sizeof(*h->items));
	h->items[h->nitems] = *item;
	h->ops[h->nops - 1].count++;
	return &h->items[h->nitems++];
}

/* Does it make a version, if all goes well? */
bool history_writes(const struct history_item *item)
{
	return item->what == HISTORY_SET || item->what == HISTORY_ADD ||
	       item->what == HISTORY_DELETE;
}

/* Is it an atomic batch of which nothing was done? */
bool history_refused(const struct history *h, const struct history_op *op)
{
	__u32 i;

	if (op->kind != HISTORY_BATCH || op->state != HISTORY_DONE)
		return false;
	for (i = op->first; i < op->first + op->count; i++) {
		if (h->items[i].result != HISTORY_OK)
			return true;
	}
	return false;
}

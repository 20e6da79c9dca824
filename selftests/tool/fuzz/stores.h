/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stores in user space, and what json_test.c does with them: reading a line into
 * one, writing a document out of one, comparing.
 */
#ifndef _FUZZ_STORES_H
#define _FUZZ_STORES_H

#define main json_test_main
#include "../json_test.c"
#undef main

#include "oracle.h"

/* A store of this name with nothing in it. */
static inline struct ds_store *empty_store(const char *name)
{
	ds_remove(name, NULL);
	return open_store(name);
}

static inline bool same_bytes(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

/*
 * Has a document a version that none can be restored with? It was restored with
 * the highest one and changed since.
 */
static inline bool beyond_restoring(const char *name)
{
	struct ds_store *store = open_store(name);
	bool beyond = false;
	struct ds_scan *scan;
	struct ds_doc doc;

	MUST(!ds_scan_new(store, NULL, &scan));
	while (ds_scan_next(scan, &doc) == 1)
		beyond |= doc.version > DOCSTORE_MAX_VERSION;
	ds_scan_free(scan);
	ds_close(store);
	return beyond;
}

#endif /* _FUZZ_STORES_H */

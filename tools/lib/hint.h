/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: telling the kernel, now and then, what was read in the mapping.
 *
 * A reader counts down, in a variable of the thread's own, and does nothing else until
 * that is 0.
 */
#ifndef LIBDOCSTORE_HINT_H
#define LIBDOCSTORE_HINT_H

#include <stddef.h>

struct ds_hints;
struct ds_store;

/* One read in so many is told, on the average. */
#define DS_HINT_RATE	1024

/*
 * Reads of this thread, of any store, before the next one to be told. It is part of what
 * each thread has from its beginning: nothing has to be called to find it.
 */
extern __thread unsigned int ds_hint_left
	__attribute__((visibility("hidden"), tls_model("initial-exec")));

struct ds_hints *ds_hints_new(void);
void ds_hints_free(struct ds_hints *hints, int fd);
void ds_hint_note(struct ds_store *store, const void *id, size_t len);

/* A document of a mapped store is read, or looked for. */
static inline __attribute__((always_inline)) void ds_hint_read(struct ds_store *store,
							       const void *id, size_t len)
{
	if (__builtin_expect(!ds_hint_left--, 0))
		ds_hint_note(store, id, len);
}

#endif /* LIBDOCSTORE_HINT_H */

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: telling the kernel, now and then, what was read in the mapping.
 *
 * Each store has a few places for hashes of documents. Who finds them full, or the first
 * of them a second old, tells the kernel of all. Nothing depends on that, so nobody ever
 * waits for it: where two threads meet, the second one forgets its read.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <linux/docstore_monitor.h>

#include "internal.h"

/* So many are told together. */
#define HINTS		64
/* Or those that there are, when the first is so old: nanoseconds. */
#define HINTS_AGE	1000000000ULL

struct ds_hints {
	pthread_mutex_t lock;
	_Atomic bool off;		/* nobody wants to know */
	unsigned int count;		/* under lock, with what follows */
	uint64_t since;			/* when the first was noted */
	uint64_t hashes[HINTS];
};

__thread unsigned int ds_hint_left;
/* State of a generator of random numbers; 0 until this thread has begun to count. */
static __thread uint64_t chance;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/*
 * So many reads are passed over. It is not always the same number: who reads some
 * documents in turn would have one of them told, always the same.
 */
static unsigned int distance(void)
{
	uint64_t z = chance += 0x9e3779b97f4a7c15ULL;

	/* splitmix64 */
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (unsigned int)((z >> 32) * (2 * DS_HINT_RATE - 1) >> 32);
}

/*
 * ds_hints_new() - what a store that is read by the mapping needs for hints
 *
 * Return: that; NULL if there are to be none.
 */
struct ds_hints *ds_hints_new(void)
{
	const char *wanted = secure_getenv("DOCSTORE_HINTS");
	struct ds_hints *hints;

	if (wanted && !strcmp(wanted, "0"))
		return NULL;
	hints = calloc(1, sizeof(*hints));
	if (hints && pthread_mutex_init(&hints->lock, NULL)) {
		free(hints);
		return NULL;
	}
	return hints;
}

static void tell(struct ds_hints *hints, int fd, const uint64_t *hashes, unsigned int count)
{
	struct docstore_hint arg = {
		.size = sizeof(arg),
		.hashes = ds_ptr(hashes),
		.count = count,
		.weight = DS_HINT_RATE,
	};

	/* A kernel that does not know of hints, or does not want them: be silent from now on. */
	if (ds_ioctl(fd, DOCSTORE_HINT, &arg))
		atomic_store_explicit(&hints->off, true, memory_order_relaxed);
}

/*
 * ds_hints_free() - tell what is left, and free it
 * @hints: as made by ds_hints_new(), or NULL
 * @fd: the store's descriptor
 */
void ds_hints_free(struct ds_hints *hints, int fd)
{
	if (!hints)
		return;
	if (hints->count && !atomic_load_explicit(&hints->off, memory_order_relaxed))
		tell(hints, fd, hints->hashes, hints->count);
	pthread_mutex_destroy(&hints->lock);
	free(hints);
}

/* Note a hash. Return how many are to be told, with copies of them in @hashes. */
static unsigned int note(struct ds_hints *hints, uint64_t hash, uint64_t *hashes)
{
	uint64_t at = now();
	unsigned int count = 0;

	if (pthread_mutex_trylock(&hints->lock))
		return 0;
	if (!hints->count)
		hints->since = at;
	hints->hashes[hints->count++] = hash;
	if (hints->count == HINTS || at - hints->since >= HINTS_AGE) {
		count = hints->count;
		memcpy(hashes, hints->hashes, count * sizeof(*hashes));
		hints->count = 0;
	}
	pthread_mutex_unlock(&hints->lock);
	return count;
}

/*
 * ds_hint_note() - a read that is to be told
 * @store: the store, which is mapped
 * @id: the document's id
 * @len: the id's length
 */
__attribute__((noinline, cold))
void ds_hint_note(struct ds_store *store, const void *id, size_t len)
{
	struct ds_hints *hints = store->hints;
	uint64_t hashes[HINTS];
	unsigned int count;

	if (!chance) {
		/* A thread's first one is no more likely to be told than others. */
		chance = now() ^ (uint64_t)(uintptr_t)&chance << 16;
		ds_hint_left = distance();
		if (ds_hint_left--)
			return;
	}
	ds_hint_left = distance();
	if (!hints || atomic_load_explicit(&hints->off, memory_order_relaxed))
		return;
	count = note(hints, docstore_map_hash(store->map.key, id, (uint32_t)len), hashes);
	if (count)
		tell(hints, store->fd, hashes, count);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What many programs do today: a hash table in shared memory behind one robust,
 * process-shared mutex. Values have their size for ever, so a write is a copy in
 * place; with less than that, it could hardly be faster.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "access.h"
#include "value.h"

enum variant { SMALL_PAGES, HUGE_PAGES };

#define HUGE_PAGE	(2UL << 20)
#define NO_ENTRY	UINT32_MAX

struct table {
	pthread_mutex_t lock;
	uint32_t used;		/* entries taken, never given back */
	uint32_t room;
	uint32_t mask;		/* of the buckets */
	uint32_t entry_bytes;
	uint32_t value_bytes;
	size_t bytes;
	size_t entries_at;
	uint32_t buckets[];	/* the first entry of each chain */
};

struct entry {
	uint32_t next;
	uint8_t id_len;
	char id[BENCH_MAX_ID];
	char value[];
};

static void *map(size_t bytes, int variant)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, bytes, variant == HUGE_PAGES ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) &&
	    variant == HUGE_PAGES) {
		munmap(p, bytes);
		return NULL;
	}
	return p;
}

static int init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	int ret;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	ret = -pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return ret;
}

static int mutex_open(struct bench_setup *setup, void **store)
{
	size_t entry_bytes = (sizeof(struct entry) + setup->value_bytes + 7) & ~7UL;
	size_t buckets = 1, entries_at, bytes;
	struct table *t;

	while (buckets < setup->room)
		buckets *= 2;
	entries_at = (sizeof(*t) + buckets * sizeof(*t->buckets) + 63) & ~63UL;
	bytes = entries_at + setup->room * entry_bytes;
	bytes = (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	t = map(bytes, setup->system->variant);
	if (!t)
		return -ENOMEM;
	t->room = setup->room;
	t->mask = (uint32_t)buckets - 1;
	t->entry_bytes = (uint32_t)entry_bytes;
	t->value_bytes = setup->value_bytes;
	t->bytes = bytes;
	t->entries_at = entries_at;
	memset(t->buckets, 0xff, buckets * sizeof(*t->buckets));
	*store = t;
	return init_lock(&t->lock);
}

static int mutex_session(void *store, void **session)
{
	*session = store;
	return 0;
}

static void mutex_session_close(void *session)
{
	(void)session;
}

/* Who died with the lock may have left half a value; here, nobody dies. */
static int lock(struct table *t)
{
	int ret = pthread_mutex_lock(&t->lock);

	if (ret == EOWNERDEAD)
		ret = pthread_mutex_consistent(&t->lock);
	return -ret;
}

static struct entry *entry_at(struct table *t, uint32_t i)
{
	return (struct entry *)((char *)t + t->entries_at + (size_t)i * t->entry_bytes);
}

static struct entry *find(struct table *t, uint32_t bucket,
			  const struct bench_access *access)
{
	struct entry *entry;
	uint32_t i;

	for (i = t->buckets[bucket]; i != NO_ENTRY; i = entry->next) {
		entry = entry_at(t, i);
		if (entry->id_len == access->id_len &&
		    !memcmp(entry->id, access->id, access->id_len))
			return entry;
	}
	return NULL;
}

static uint32_t bucket_of(const struct table *t, const struct bench_access *access)
{
	return (uint32_t)access_hash(access->id, access->id_len) & t->mask;
}

static int read_locked(struct table *t, const struct bench_access *access, void *to,
		       struct bench_value *value)
{
	struct entry *entry = find(t, bucket_of(t, access), access);

	if (!entry)
		return -ENOENT;
	memcpy(to, entry->value, t->value_bytes);
	value->data = to;
	value->len = t->value_bytes;
	return 0;
}

static int write_locked(struct table *t, const struct bench_access *access,
			const void *value)
{
	uint32_t bucket = bucket_of(t, access);
	struct entry *entry = find(t, bucket, access);

	if (!entry) {
		if (t->used == t->room)
			return -ENOSPC;
		entry = entry_at(t, t->used);
		entry->id_len = access->id_len;
		memcpy(entry->id, access->id, access->id_len);
		entry->next = t->buckets[bucket];
		t->buckets[bucket] = t->used++;
	}
	memcpy(entry->value, value, t->value_bytes);
	return 0;
}

static int mutex_get(void *session, const struct bench_access *access,
		     struct bench_buffer buffer, struct bench_value *value)
{
	struct table *t = session;
	int ret = lock(t);

	if (ret)
		return ret;
	ret = read_locked(t, access, buffer.data, value);
	pthread_mutex_unlock(&t->lock);
	return ret;
}

static int mutex_get_many(void *session, const struct bench_access *accesses,
			  size_t n, struct bench_buffer buffer,
			  struct bench_value *values)
{
	struct table *t = session;
	int ret = lock(t);
	size_t i;

	if (ret)
		return ret;
	for (i = 0; i < n && !ret; i++)
		ret = read_locked(t, &accesses[i],
				  (char *)buffer.data + i * t->value_bytes, &values[i]);
	pthread_mutex_unlock(&t->lock);
	return ret;
}

static int mutex_put(void *session, const struct bench_access *access,
		     const void *value)
{
	struct table *t = session;
	int ret = lock(t);

	if (ret)
		return ret;
	ret = write_locked(t, access, value);
	pthread_mutex_unlock(&t->lock);
	return ret;
}

static int mutex_put_many(void *session, const struct bench_access *accesses,
			  size_t n, const void *const *values)
{
	struct table *t = session;
	int ret = lock(t);
	size_t i;

	if (ret)
		return ret;
	for (i = 0; i < n && !ret; i++)
		ret = write_locked(t, &accesses[i], values[i]);
	pthread_mutex_unlock(&t->lock);
	return ret;
}

static int mutex_modify(void *session, const struct bench_access *access,
			struct bench_buffer buffer, bench_change change)
{
	struct table *t = session;
	struct bench_value value;
	uint32_t stamp;
	int ret = lock(t);

	if (ret)
		return ret;
	ret = read_locked(t, access, buffer.data, &value);
	if (!ret)
		ret = value_check(&value, t->value_bytes, access->number, &stamp);
	if (!ret) {
		void *changed = (char *)buffer.data + t->value_bytes;

		change(access, &value, changed);
		ret = write_locked(t, access, changed);
	}
	pthread_mutex_unlock(&t->lock);
	return ret;
}

static uint64_t mutex_memory(void *store)
{
	struct table *t = store;

	return t->entries_at + (uint64_t)t->used * t->entry_bytes;
}

static void mutex_close(void *store)
{
	struct table *t = store;

	munmap(t, t->bytes);
}

#define MUTEX_OPERATIONS				\
	.open = mutex_open,				\
	.session_open = mutex_session,			\
	.session_close = mutex_session_close,		\
	.get = mutex_get,				\
	.get_many = mutex_get_many,			\
	.put = mutex_put,				\
	.put_many = mutex_put_many,			\
	.modify = mutex_modify,				\
	.memory = mutex_memory,				\
	.close = mutex_close

static const struct bench_system mutex_system = {
	.name = "mutex",
	.description = "a hash table in shared memory behind one robust mutex",
	.flags = BENCH_PROCESSES,
	.variant = SMALL_PAGES,
	MUTEX_OPERATIONS,
};
BENCH_SYSTEM(mutex_system)

static const struct bench_system mutex_huge_system = {
	.name = "mutex-huge",
	.description = "the same in 2 MiB pages",
	.flags = BENCH_PROCESSES | BENCH_HUGE_PAGES,
	.variant = HUGE_PAGES,
	MUTEX_OPERATIONS,
};
BENCH_SYSTEM(mutex_huge_system)

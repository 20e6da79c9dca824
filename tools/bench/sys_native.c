// SPDX-License-Identifier: GPL-2.0
/*
 * Our engine in this process: what the data structures cost without a kernel. Reads
 * are the library's own; writes go to the owner's code as the module calls it.
 *
 * And the design that it replaces: the same engine behind a reader-writer lock in
 * shared memory, taken once for each record or once for each batch.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"
#include "native.h"
#include "value.h"

enum variant { PLAIN, HUGE, LOCK_RECORD, LOCK_BATCH };

struct store {
	struct native *native;
	pthread_rwlock_t *lock;
	enum variant variant;
	unsigned int partitions;
	uint32_t value_bytes;
};

struct session {
	struct store *store;
	struct ds_map map;
	struct native_value *values;	/* BENCH_MAX_BATCH for each partition */
	unsigned int *counts;
};

/* Of its header, a name and a type, rounded up to a size class, and of the index. */
#define DOCUMENT_BYTES	160

static int make_lock(struct store *s)
{
	pthread_rwlockattr_t attr;
	int ret;

	s->lock = mmap(NULL, sizeof(*s->lock), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->lock == MAP_FAILED)
		return -ENOMEM;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	ret = -pthread_rwlock_init(s->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	return ret;
}

static int native_open(struct bench_setup *setup, void **store)
{
	struct store *s = calloc(1, sizeof(*s));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t bytes;

	if (!s)
		return -ENOMEM;
	s->variant = (enum variant)setup->system->variant;
	/* As a store has them. */
	s->partitions = cpus > 0 ? (unsigned int)cpus : 1;
	s->value_bytes = setup->value_bytes;
	bytes = setup->room * (uint64_t)(setup->value_bytes * 9 / 8 + DOCUMENT_BYTES);
	bytes = bytes / s->partitions * 5 / 4 + (32 << 20);
	s->native = native_create(s->partitions, bytes, s->variant == HUGE ? NATIVE_HUGE :
									      NATIVE_SMALL);
	if (!s->native)
		return -ENOMEM;
	*store = s;
	return s->variant >= LOCK_RECORD ? make_lock(s) : 0;
}

static int native_session_open(void *store, void **session)
{
	struct session *s = calloc(1, sizeof(*s));
	struct store *of = store;

	if (!s)
		return -ENOMEM;
	s->store = of;
	s->values = calloc((size_t)of->partitions * BENCH_MAX_BATCH, sizeof(*s->values));
	s->counts = calloc(of->partitions, sizeof(*s->counts));
	if (!s->values || !s->counts)
		return -ENOMEM;
	*session = s;
	return ds_map_init(&s->map, native_base(of->native), native_size(of->native));
}

static void native_session_close(void *session)
{
	struct session *s = session;

	free(s->values);
	free(s->counts);
	free(s);
}

static void lock(struct session *s, enum variant variant, bool write)
{
	if (s->store->variant != variant)
		return;
	if (write)
		pthread_rwlock_wrlock(s->store->lock);
	else
		pthread_rwlock_rdlock(s->store->lock);
}

static void unlock(struct session *s, enum variant variant)
{
	if (s->store->variant == variant)
		pthread_rwlock_unlock(s->store->lock);
}

/* As ds_get() does it. */
static int read_one(struct session *s, const struct ds_map_id *id, struct bench_buffer buffer,
		    struct bench_value *value, size_t *used)
{
	struct ds_map_view view;
	struct ds_value found;
	struct ds_doc doc;
	int ret;

	lock(s, LOCK_RECORD, false);
	ret = ds_map_copy(&s->map, id, buffer.data, buffer.len, &view);
	unlock(s, LOCK_RECORD);
	if (ret)
		return ret;
	ds_map_open(&view, buffer.data, &doc);
	*used = view.size;
	if (ds_doc_find(&doc, NATIVE_PROPERTY, &found) < 0)
		return -ENODATA;
	value->data = found.str.data;
	value->len = found.str.len;
	return 0;
}

static int native_get(void *session, const struct bench_access *access,
		      struct bench_buffer buffer, struct bench_value *value)
{
	struct session *s = session;
	struct ds_map_id id = ds_map_id(&s->map, access->id, access->id_len);
	size_t used;
	int ret;

	lock(s, LOCK_BATCH, false);
	ret = read_one(s, &id, buffer, value, &used);
	unlock(s, LOCK_BATCH);
	return ret;
}

/* As ds_read_many() does it. */
static int native_get_many(void *session, const struct bench_access *accesses, size_t n,
			   struct bench_buffer buffer, struct bench_value *values)
{
	struct ds_map_id ids[DS_MAP_GROUP];
	struct session *s = session;
	size_t i, used;
	int ret = 0;

	lock(s, LOCK_BATCH, false);
	for (i = 0; i < n && !ret; i++) {
		size_t k = i % DS_MAP_GROUP, j;

		if (!k) {
			for (j = 0; j < DS_MAP_GROUP && i + j < n; j++)
				ids[j] = ds_map_id(&s->map, accesses[i + j].id,
						   accesses[i + j].id_len);
			ds_map_prefetch(&s->map, ids, (unsigned int)j);
		}
		ret = read_one(s, &ids[k], buffer, &values[i], &used);
		used = (used + 7) & ~(size_t)7;
		buffer.data = (char *)buffer.data + used;
		buffer.len -= used;
	}
	unlock(s, LOCK_BATCH);
	return ret;
}

static void note(struct session *s, const struct bench_access *access, const void *value)
{
	struct store *of = s->store;
	unsigned int p = of->partitions == 1 ? 0 : native_partition(of->native, access->id,
								     access->id_len);
	struct native_value *v = &s->values[(size_t)p * BENCH_MAX_BATCH + s->counts[p]++];

	v->id = access->id;
	v->id_len = access->id_len;
	v->value = value;
	v->value_len = of->value_bytes;
}

static int commit(struct session *s)
{
	struct store *of = s->store;
	unsigned int p, failed = 0;

	for (p = 0; p < of->partitions; p++) {
		if (!s->counts[p])
			continue;
		failed += native_put(of->native, p, &s->values[(size_t)p * BENCH_MAX_BATCH],
				     s->counts[p]);
		s->counts[p] = 0;
	}
	return failed ? -ENOMEM : 0;
}

static int native_put_one(void *session, const struct bench_access *access, const void *value)
{
	struct session *s = session;
	int ret;

	lock(s, LOCK_RECORD, true);
	lock(s, LOCK_BATCH, true);
	note(s, access, value);
	ret = commit(s);
	unlock(s, LOCK_BATCH);
	unlock(s, LOCK_RECORD);
	return ret;
}

static int native_put_many(void *session, const struct bench_access *accesses, size_t n,
			   const void *const *values)
{
	struct session *s = session;
	size_t i;
	int ret = 0;

	if (s->store->variant == LOCK_RECORD) {
		for (i = 0; i < n && !ret; i++)
			ret = native_put_one(session, &accesses[i], values[i]);
		return ret;
	}
	lock(s, LOCK_BATCH, true);
	for (i = 0; i < n; i++)
		note(s, &accesses[i], values[i]);
	ret = commit(s);
	unlock(s, LOCK_BATCH);
	return ret;
}

static void native_counters(void *session, struct bench_counters *counters)
{
	struct session *s = session;

	counters->retries = atomic_load(&s->map.retries);
	counters->fallbacks = atomic_load(&s->map.refused);
}

static uint64_t native_memory(void *store)
{
	struct store *s = store;

	return native_bytes(s->native);
}

static void native_close(void *store)
{
	struct store *s = store;

	native_destroy(s->native);
	free(s);
}

#define NATIVE_OPERATIONS				\
	.open = native_open,				\
	.session_open = native_session_open,		\
	.session_close = native_session_close,		\
	.get = native_get,				\
	.get_many = native_get_many,			\
	.put = native_put_one,				\
	.put_many = native_put_many,			\
	.counters = native_counters,			\
	.memory = native_memory,			\
	.close = native_close

static const struct bench_system native_system = {
	.name = "native",
	.description = "our engine in user space, on pages of 4 KiB",
	.flags = BENCH_PROCESSES,
	.variant = PLAIN,
	NATIVE_OPERATIONS,
};
BENCH_SYSTEM(native_system)

static const struct bench_system native_huge_system = {
	.name = "native-huge",
	.description = "the same on pages of 2 MiB, as the module maps its memory",
	.flags = BENCH_PROCESSES | BENCH_HUGE_PAGES,
	.variant = HUGE,
	NATIVE_OPERATIONS,
};
BENCH_SYSTEM(native_huge_system)

static const struct bench_system native_record_system = {
	.name = "native-rwlock-record",
	.description = "native behind a reader-writer lock, taken once a record",
	.flags = BENCH_PROCESSES,
	.variant = LOCK_RECORD,
	NATIVE_OPERATIONS,
};
BENCH_SYSTEM(native_record_system)

static const struct bench_system native_batch_system = {
	.name = "native-rwlock-batch",
	.description = "native behind a reader-writer lock, taken once a batch",
	.flags = BENCH_PROCESSES,
	.variant = LOCK_BATCH,
	NATIVE_OPERATIONS,
};
BENCH_SYSTEM(native_batch_system)

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
#include "map_look.h"
#include "native.h"
#include "value.h"

enum variant { PLAIN, HUGE, SILENT, LOCK_RECORD, LOCK_BATCH };

struct store {
	struct native *native;
	pthread_rwlock_t *lock;
	enum variant variant;
	unsigned int partitions;
	uint32_t value_bytes;
};

struct session {
	struct store *store;
	struct ds_store lib;		/* what the library's reader needs of a store */
	struct native_value *values;	/* BENCH_MAX_BATCH for each partition */
	unsigned int *counts;
};

/* Of its header, a name and a type, rounded up to a size class, and of the index. */
#define DOCUMENT_BYTES	160
/* From here on a document has whole pages. */
#define LARGE_VALUE	8192

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
	uint64_t bytes, each;

	if (!s)
		return -ENOMEM;
	s->variant = (enum variant)setup->system->variant;
	/* As a store has them. */
	s->partitions = cpus > 0 ? (unsigned int)cpus : 1;
	s->value_bytes = setup->value_bytes;
	each = setup->value_bytes * 9 / 8 + DOCUMENT_BYTES;
	if (setup->value_bytes > LARGE_VALUE)
		each += 4096;
	/* Some more of it, for what was replaced and is not to be used yet. */
	bytes = setup->room * each / s->partitions * 5 / 4 + (64 << 20);
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
	/* There is no kernel to tell: all that a reader does is counted but that. */
	s->lib.fd = -1;
	s->lib.hints = ds_hints_new();
	*session = s;
	return ds_map_init(&s->lib.map, native_base(of->native), native_size(of->native));
}

static void native_session_close(void *session)
{
	struct session *s = session;

	ds_hints_free(s->lib.hints, s->lib.fd);
	free(s->values);
	free(s->counts);
	free(s);
}

/* As ds_get() does it. */
static hot int read_one(struct session *s, const struct ds_map_id *id, struct bench_buffer buffer,
			struct bench_value *value, size_t *used)
{
	struct ds_map_view view;
	struct ds_value found;
	struct ds_doc doc;
	int ret;

	ret = ds_map_copy(&s->lib.map, id, buffer.data, buffer.len, &view);
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

static look_flat int plain_get(void *session, const struct bench_access *access,
		      struct bench_buffer buffer, struct bench_value *value)
{
	struct session *s = session;
	struct ds_map_id id;
	size_t used;

	ds_hint_read(&s->lib, access->id, access->id_len);
	id = ds_map_id_to_read(&s->lib.map, access->id, access->id_len);
	return read_one(s, &id, buffer, value, &used);
}

/* Without hints. */
static look_flat int silent_get(void *session, const struct bench_access *access,
				struct bench_buffer buffer, struct bench_value *value)
{
	struct session *s = session;
	struct ds_map_id id = ds_map_id_to_read(&s->lib.map, access->id, access->id_len);
	size_t used;

	return read_one(s, &id, buffer, value, &used);
}

/* As ds_read_many() does it; where there is a lock, each is read under it. */
static hot int read_many(struct session *s, const struct bench_access *accesses, size_t n,
			 struct bench_buffer buffer, struct bench_value *values,
			 pthread_rwlock_t *lock, const bool silent)
{
	struct ds_map_id ids[DS_MAP_GROUP];
	size_t i, used = 0;
	int ret = 0;

	for (i = 0; i < n && !ret; i++) {
		size_t k = i % DS_MAP_GROUP, j;

		if (!k) {
			for (j = 0; j < DS_MAP_GROUP && i + j < n; j++)
				ids[j] = ds_map_id(&s->lib.map, accesses[i + j].id,
						   accesses[i + j].id_len);
			ds_map_prefetch(&s->lib.map, ids, (unsigned int)j);
		}
		if (lock)
			pthread_rwlock_rdlock(lock);
		if (!silent)
			ds_hint_read(&s->lib, ids[k].data, ids[k].len);
		ret = read_one(s, &ids[k], buffer, &values[i], &used);
		if (lock)
			pthread_rwlock_unlock(lock);
		used = (used + 7) & ~(size_t)7;
		buffer.data = (char *)buffer.data + used;
		buffer.len -= used;
	}
	return ret;
}

static int plain_get_many(void *session, const struct bench_access *accesses, size_t n,
			   struct bench_buffer buffer, struct bench_value *values)
{
	return read_many(session, accesses, n, buffer, values, NULL, false);
}

static int silent_get_many(void *session, const struct bench_access *accesses, size_t n,
			   struct bench_buffer buffer, struct bench_value *values)
{
	return read_many(session, accesses, n, buffer, values, NULL, true);
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

static int plain_put(void *session, const struct bench_access *access, const void *value)
{
	struct session *s = session;

	note(s, access, value);
	return commit(s);
}

static int plain_put_many(void *session, const struct bench_access *accesses, size_t n,
			   const void *const *values)
{
	struct session *s = session;
	size_t i;

	for (i = 0; i < n; i++)
		note(s, &accesses[i], values[i]);
	return commit(s);
}

/* The same under the lock: of one document, there is one lock for both variants. */
static int locked_get(void *session, const struct bench_access *access,
		      struct bench_buffer buffer, struct bench_value *value)
{
	struct session *s = session;
	int ret;

	pthread_rwlock_rdlock(s->store->lock);
	ret = plain_get(session, access, buffer, value);
	pthread_rwlock_unlock(s->store->lock);
	return ret;
}

static int locked_put(void *session, const struct bench_access *access, const void *value)
{
	struct session *s = session;
	int ret;

	pthread_rwlock_wrlock(s->store->lock);
	ret = plain_put(session, access, value);
	pthread_rwlock_unlock(s->store->lock);
	return ret;
}

static int locked_get_many(void *session, const struct bench_access *accesses, size_t n,
			   struct bench_buffer buffer, struct bench_value *values)
{
	struct session *s = session;
	int ret;

	if (s->store->variant == LOCK_RECORD)
		return read_many(s, accesses, n, buffer, values, s->store->lock, false);
	pthread_rwlock_rdlock(s->store->lock);
	ret = read_many(s, accesses, n, buffer, values, NULL, false);
	pthread_rwlock_unlock(s->store->lock);
	return ret;
}

static int locked_put_many(void *session, const struct bench_access *accesses, size_t n,
			   const void *const *values)
{
	struct session *s = session;
	size_t i;
	int ret = 0;

	if (s->store->variant == LOCK_RECORD) {
		for (i = 0; i < n && !ret; i++)
			ret = locked_put(session, &accesses[i], values[i]);
		return ret;
	}
	pthread_rwlock_wrlock(s->store->lock);
	ret = plain_put_many(session, accesses, n, values);
	pthread_rwlock_unlock(s->store->lock);
	return ret;
}

static void native_counters(void *session, struct bench_counters *counters)
{
	struct session *s = session;

	counters->retries = atomic_load(&s->lib.map.retries);
	counters->fallbacks = atomic_load(&s->lib.map.refused);
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

#define NATIVE_OPERATIONS(how)				\
	.open = native_open,				\
	.session_open = native_session_open,		\
	.session_close = native_session_close,		\
	.get = how##_get,				\
	.get_many = how##_get_many,			\
	.put = how##_put,				\
	.put_many = how##_put_many,			\
	.counters = native_counters,			\
	.memory = native_memory,			\
	.close = native_close

static const struct bench_system native_system = {
	.name = "native",
	.description = "our engine in user space, on pages of 4 KiB",
	.flags = BENCH_PROCESSES,
	.variant = PLAIN,
	NATIVE_OPERATIONS(plain),
};
BENCH_SYSTEM(native_system)

static const struct bench_system native_huge_system = {
	.name = "native-huge",
	.description = "the same on pages of 2 MiB, as the module maps its memory",
	.flags = BENCH_PROCESSES | BENCH_HUGE_PAGES,
	.variant = HUGE,
	NATIVE_OPERATIONS(plain),
};
BENCH_SYSTEM(native_huge_system)

#define silent_put		plain_put
#define silent_put_many		plain_put_many

static const struct bench_system native_silent_system = {
	.name = "native-silent",
	.description = "native, with readers that don't count what they read for hints",
	.flags = BENCH_PROCESSES,
	.variant = SILENT,
	NATIVE_OPERATIONS(silent),
};
BENCH_SYSTEM(native_silent_system)

static const struct bench_system native_record_system = {
	.name = "native-rwlock-record",
	.description = "native behind a reader-writer lock, taken once a record",
	.flags = BENCH_PROCESSES,
	.variant = LOCK_RECORD,
	NATIVE_OPERATIONS(locked),
};
BENCH_SYSTEM(native_record_system)

static const struct bench_system native_batch_system = {
	.name = "native-rwlock-batch",
	.description = "native behind a reader-writer lock, taken once a batch",
	.flags = BENCH_PROCESSES,
	.variant = LOCK_BATCH,
	NATIVE_OPERATIONS(locked),
};
BENCH_SYSTEM(native_batch_system)

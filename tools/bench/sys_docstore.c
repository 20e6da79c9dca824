// SPDX-License-Identifier: GPL-2.0
/*
 * docstore itself, by its library: the module as programs use it. A document
 * has one property, "v", with the value as bytes.
 */
#include <libdocstore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "value.h"

enum variant { MAPPED, BY_IOCTL };

/* What a document takes beside its value in a buffer, amply; and in a store. */
#define EXTRA		256
#define OVERHEAD	512

struct docstore {
	struct ds_store *store;
	uint32_t name;		/* of the property */
	size_t value_bytes;
};

struct docstore_session {
	struct docstore *db;
	struct ds_batch *batch;
	struct docstore_read_item items[BENCH_MAX_BATCH];
};

/* Nobody else needs its name: it goes when its last user does. */
static int create(const struct bench_setup *setup, const struct ds_open_opts *opts,
		  struct ds_store **store)
{
	struct ds_create_opts create_opts = {
		.size = sizeof(create_opts),
		.max_bytes = (1ULL << 30) + setup->room * 3ULL *
					    (setup->value_bytes + OVERHEAD),
	};
	char name[64];
	int ret;

	snprintf(name, sizeof(name), "bench.%d", getpid());
	ret = ds_create(name, &create_opts);
	if (ret)
		return ret;
	ret = ds_open(name, DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, opts, store);
	ds_remove(name, NULL);
	return ret;
}

static int docstore_open(struct bench_setup *setup, void **store)
{
	struct ds_map_stats stats = { .size = sizeof(stats) };
	struct docstore *db = calloc(1, sizeof(*db));
	struct ds_open_opts opts = {
		.size = sizeof(opts),
		.flags = setup->system->variant == BY_IOCTL ? DS_OPEN_NO_MAP : 0,
	};
	int ret;

	if (!db)
		return -ENOMEM;
	*store = db;
	db->value_bytes = setup->value_bytes;
	ret = create(setup, &opts, &db->store);
	if (ret == -ENXIO) {
		snprintf(setup->reason, sizeof(setup->reason),
			 "no %s: the module is not loaded", DS_DEVICE);
		return -ENOSYS;
	}
	if (!ret)
		ret = ds_map_stats(db->store, &stats);
	if (ret)
		return ret;
	if (setup->system->variant == MAPPED && !stats.map_bytes) {
		snprintf(setup->reason, sizeof(setup->reason),
			 "the store could not be mapped: see docstore-ioctl");
		return -ENOSYS;
	}
	return ds_intern(db->store, ds_str("v"), &db->name);
}

static int docstore_session_open(void *store, void **session)
{
	struct docstore_session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->db = store;
	*session = s;
	return ds_batch_new(s->db->store, &s->batch);
}

static void docstore_session_close(void *session)
{
	struct docstore_session *s = session;

	ds_batch_free(s->batch);
	free(s);
}

static struct ds_str id_of(const struct bench_access *access)
{
	return ds_mem(access->id, access->id_len);
}

static int value_of(const struct docstore *db, const struct ds_doc *doc,
		    struct bench_value *value)
{
	struct ds_value v;
	int ret = ds_doc_find(doc, db->name, &v);

	if (ret < 0)
		return ret;
	value->data = v.str.data;
	value->len = v.str.len;
	return 0;
}

static int docstore_get(void *session, const struct bench_access *access,
			struct bench_buffer buffer, struct bench_value *value)
{
	struct docstore_session *s = session;
	struct ds_doc doc;
	int ret;

	ret = ds_get(s->db->store, id_of(access), buffer.data, &buffer.len, &doc);
	return ret ? ret : value_of(s->db, &doc, value);
}

static int docstore_get_many(void *session, const struct bench_access *accesses,
			     size_t n, struct bench_buffer buffer,
			     struct bench_value *values)
{
	struct docstore_session *s = session;
	struct ds_doc doc;
	size_t i;
	int ret;

	for (i = 0; i < n; i++) {
		s->items[i].id = (uintptr_t)accesses[i].id;
		s->items[i].id_len = accesses[i].id_len;
	}
	/* Room for what is asked for, as anybody would give, and not all there is. */
	if (buffer.len > n * (s->db->value_bytes + EXTRA))
		buffer.len = n * (s->db->value_bytes + EXTRA);
	ret = ds_read_many(s->db->store, s->items, n, buffer.data, &buffer.len);
	if (ret < 0)
		return ret;
	/* There was room for all of them. */
	if ((size_t)ret < n)
		return -ENOBUFS;
	for (i = 0; i < n; i++) {
		ret = ds_read_item(&s->items[i], buffer.data, buffer.len, &doc);
		if (!ret)
			ret = value_of(s->db, &doc, &values[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static struct ds_prop prop(const struct docstore *db, const void *value)
{
	struct ds_prop p = {
		.name = ds_str("v"),
		.value = ds_bytes(value, db->value_bytes),
	};

	return p;
}

static int docstore_put(void *session, const struct bench_access *access,
			const void *value)
{
	struct docstore_session *s = session;
	struct ds_prop p = prop(s->db, value);

	return ds_put(s->db->store, id_of(access), &p, 1, NULL, NULL);
}

static int docstore_put_many(void *session, const struct bench_access *accesses,
			     size_t n, const void *const *values)
{
	struct docstore_session *s = session;
	size_t i;
	int ret;

	ds_batch_clear(s->batch);
	for (i = 0; i < n; i++) {
		ret = ds_batch_set(s->batch, id_of(&accesses[i]), ds_str("v"),
				   ds_bytes(values[i], s->db->value_bytes));
		if (ret < 0)
			return ret;
	}
	ret = ds_batch_submit(s->batch, 0, 0);
	return ret > 0 ? ds_batch_op(s->batch, 0)->result ? : -EIO : ret;
}

/* Read, and write if that is still what is there. */
static int docstore_modify(void *session, const struct bench_access *access,
			   struct bench_buffer buffer, bench_change change)
{
	struct docstore_session *s = session;
	struct docstore *db = s->db;
	struct ds_write_opts opts = {
		.size = sizeof(opts),
		.flags = DOCSTORE_IF_VERSION,
	};
	char *changed = (char *)buffer.data + buffer.len - db->value_bytes;
	struct bench_value value;
	struct ds_prop p = prop(db, changed);
	struct ds_doc doc;
	uint32_t stamp;
	int ret;

	do {
		size_t len = buffer.len - db->value_bytes;

		ret = ds_get(db->store, id_of(access), buffer.data, &len, &doc);
		if (!ret)
			ret = value_of(db, &doc, &value);
		if (!ret)
			ret = value_check(&value, db->value_bytes, access->number, &stamp);
		if (ret)
			return ret;
		change(access, &value, changed);
		opts.if_version = doc.version;
		ret = ds_put(db->store, id_of(access), &p, 1, &opts, NULL);
	} while (ret == -ESTALE);
	return ret;
}

static void docstore_counters(void *session, struct bench_counters *counters)
{
	struct ds_map_stats stats = { .size = sizeof(stats) };
	struct docstore_session *s = session;

	if (ds_map_stats(s->db->store, &stats))
		return;
	counters->retries = stats.retries;
	counters->fallbacks = stats.refused;
}

static uint64_t docstore_memory(void *store)
{
	struct docstore_store_info info = { .size = sizeof(info) };
	struct docstore *db = store;

	return ds_store_info(db->store, &info) ? 0 : info.bytes;
}

static void docstore_close(void *store)
{
	struct docstore *db = store;

	ds_close(db->store);
	free(db);
}

#define DOCSTORE_OPERATIONS				\
	.flags = BENCH_PROCESSES,			\
	.open = docstore_open,				\
	.session_open = docstore_session_open,		\
	.session_close = docstore_session_close,	\
	.get = docstore_get,				\
	.get_many = docstore_get_many,			\
	.put = docstore_put,				\
	.put_many = docstore_put_many,			\
	.modify = docstore_modify,			\
	.counters = docstore_counters,			\
	.memory = docstore_memory,			\
	.close = docstore_close

static const struct bench_system docstore_system = {
	.name = "docstore",
	.description = "the module; reads through the mapping",
	.variant = MAPPED,
	DOCSTORE_OPERATIONS,
};
BENCH_SYSTEM(docstore_system)

static const struct bench_system docstore_ioctl_system = {
	.name = "docstore-ioctl",
	.description = "the module; reads by ioctl",
	.variant = BY_IOCTL,
	DOCSTORE_OPERATIONS,
};
BENCH_SYSTEM(docstore_ioctl_system)

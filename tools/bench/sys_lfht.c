// SPDX-License-Identifier: GPL-2.0
/*
 * The lock-free hash table of liburcu, in one process: what threads that share
 * memory have anyway can do. It is made in the size that it will need. A write
 * replaces a node, and the old one is freed after a grace period by liburcu's
 * own thread, as its manual recommends.
 */
#define _LGPL_SOURCE
#include <malloc.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/rculfhash.h>

#include "access.h"
#include "value.h"

struct lfht {
	struct cds_lfht *table;
	size_t value_bytes;
	size_t bytes_before;
};

struct lfht_session {
	struct lfht *store;
	bool wrote;
};

struct node {
	struct cds_lfht_node node;
	struct rcu_head rcu;
	uint8_t id_len;
	char id[BENCH_MAX_ID];
	char value[];
};

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static int lfht_open(struct bench_setup *setup, void **store)
{
	struct lfht *lfht = calloc(1, sizeof(*lfht));
	unsigned long buckets = 1;

	if (!lfht)
		return -ENOMEM;
	while (buckets < setup->room)
		buckets *= 2;
	lfht->bytes_before = allocated();
	lfht->value_bytes = setup->value_bytes;
	lfht->table = cds_lfht_new(buckets, buckets, buckets, 0, NULL);
	*store = lfht;
	return lfht->table ? 0 : -ENOMEM;
}

static int lfht_session_open(void *store, void **session)
{
	struct lfht_session *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->store = store;
	*session = s;
	rcu_register_thread();
	return 0;
}

/* Don't free what this run replaced in another system's time. */
static void lfht_idle(void *session)
{
	struct lfht_session *s = session;

	if (s->wrote)
		rcu_barrier();
	s->wrote = false;
}

static void lfht_session_close(void *session)
{
	lfht_idle(session);
	rcu_unregister_thread();
	free(session);
}

static int match(struct cds_lfht_node *node, const void *key)
{
	const struct node *n = caa_container_of(node, struct node, node);
	const struct bench_access *access = key;

	return n->id_len == access->id_len &&
	       !memcmp(n->id, access->id, access->id_len);
}

static unsigned long hash(const struct bench_access *access)
{
	return access_hash(access->id, access->id_len);
}

static int lfht_get(void *session, const struct bench_access *access,
		    struct bench_buffer buffer, struct bench_value *value)
{
	struct lfht_session *s = session;
	struct cds_lfht_node *found;
	struct cds_lfht_iter iter;
	int ret = -ENOENT;

	rcu_read_lock();
	cds_lfht_lookup(s->store->table, hash(access), match, access, &iter);
	found = cds_lfht_iter_get_node(&iter);
	if (found) {
		memcpy(buffer.data, caa_container_of(found, struct node, node)->value,
		       s->store->value_bytes);
		value->data = buffer.data;
		value->len = s->store->value_bytes;
		ret = 0;
	}
	rcu_read_unlock();
	return ret;
}

static int lfht_get_many(void *session, const struct bench_access *accesses,
			 size_t n, struct bench_buffer buffer,
			 struct bench_value *values)
{
	struct lfht_session *s = session;
	struct bench_buffer rest = buffer;
	size_t i;
	int ret;

	for (i = 0; i < n; i++) {
		ret = lfht_get(session, &accesses[i], rest, &values[i]);
		if (ret)
			return ret;
		rest.data = (char *)rest.data + s->store->value_bytes;
	}
	return 0;
}

static void free_node(struct rcu_head *head)
{
	free(caa_container_of(head, struct node, rcu));
}

static int lfht_put(void *session, const struct bench_access *access,
		    const void *value)
{
	struct lfht_session *s = session;
	struct cds_lfht_node *old;
	struct node *n = malloc(sizeof(*n) + s->store->value_bytes);

	if (!n)
		return -ENOMEM;
	cds_lfht_node_init(&n->node);
	n->id_len = access->id_len;
	memcpy(n->id, access->id, access->id_len);
	memcpy(n->value, value, s->store->value_bytes);
	rcu_read_lock();
	old = cds_lfht_add_replace(s->store->table, hash(access), match, access,
				   &n->node);
	if (old)
		call_rcu(&caa_container_of(old, struct node, node)->rcu, free_node);
	rcu_read_unlock();
	s->wrote = true;
	return 0;
}

static uint64_t lfht_memory(void *store)
{
	struct lfht *lfht = store;

	return allocated() - lfht->bytes_before;
}

/* Its process ends, which is faster than freeing millions of nodes. */
static void lfht_close(void *store)
{
	free(store);
}

#define LFHT_OPERATIONS					\
	.open = lfht_open,				\
	.session_open = lfht_session_open,		\
	.session_close = lfht_session_close,		\
	.get = lfht_get,				\
	.get_many = lfht_get_many,			\
	.put = lfht_put,				\
	.idle = lfht_idle,				\
	.memory = lfht_memory,				\
	.close = lfht_close

static const struct bench_system lfht_system = {
	.name = "lfht",
	.description = "liburcu's hash table in one process, made in its full size",
	.flags = BENCH_SMALL_PAGES,
	LFHT_OPERATIONS,
};
BENCH_SYSTEM(lfht_system)

static const struct bench_system lfht_huge_system = {
	.name = "lfht-huge",
	.description = "the same with malloc() on 2 MiB pages",
	.flags = BENCH_HUGE_PAGES,
	LFHT_OPERATIONS,
};
BENCH_SYSTEM(lfht_huge_system)

// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "store.h"
#include "test.h"

static void put_get(void)
{
	struct store *s = store_create(4);
	const struct docstore_version *v;
	struct ds_value value;
	struct batch *b;

	CHECK(!store_read(s, "a", 1));
	b = batch_create(s, false);
	op_set_number(b, "a", 7, DOCSTORE_TYPE_S64, 42);
	op_set_data(b, "a", 8, DOCSTORE_TYPE_STRING, "hello", 5);
	store_run(s, b);

	rcu_read_lock();
	v = store_read(s, "a", 1);
	CHECK(v);
	CHECK_EQ(v->version, 1);
	CHECK_EQ(v->nprops, 2);
	CHECK(ds_version_property(v, 8, &value));
	CHECK_EQ(value.len, 5);
	CHECK(!memcmp(value.data, "hello", 5));
	rcu_read_unlock();

	b = batch_create(s, false);
	op_delete(b, "a");
	store_run(s, b);
	CHECK(!store_read(s, "a", 1));
	store_quiesce(s);
	CHECK_EQ(s->p.index.slots, 0);
	store_destroy(s);
}

const struct test partition_tests[] = {
	TEST(put_get),
	{}
};

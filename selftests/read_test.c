// SPDX-License-Identifier: GPL-2.0
/*
 * Reading documents: one, and many at once.
 */
#include "docstore_test.h"

#include "docstore_harness.h"

FIXTURE(read) {
	struct ds_store store;
	int fd;
	int a, b, type;
	struct docstore_version *doc;	/* DS_ROOM bytes */
};

FIXTURE_VARIANT(read) {
	__u32 partitions;
};

FIXTURE_VARIANT_ADD(read, one_partition) { .partitions = 1 };
FIXTURE_VARIANT_ADD(read, seven_partitions) { .partitions = 7 };

FIXTURE_SETUP(read)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "read", variant->partitions,
				    256 << 20));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	self->b = ds_prop_id(self->fd, "b");
	self->type = ds_prop_id(self->fd, "type");
	ASSERT_LT(0, self->a);
	ASSERT_LT(0, self->b);
	ASSERT_LT(0, self->type);
	self->doc = ds_map(DS_ROOM, MAP_PRIVATE);
}

FIXTURE_TEARDOWN(read)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* READ --------------------------------------------------------------------- */

TEST_F(read, missing)
{
	struct docstore_read r;

	EXPECT_EQ(-ENOENT, ds_read(self->fd, "doc", 0, self->doc, DS_ROOM, &r));
	EXPECT_EQ(-ENOENT, ds_read(self->fd, "doc", self->a, self->doc, DS_ROOM,
				   &r));
	ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("doc", self->a, 1)));
	EXPECT_EQ(0, ds_read(self->fd, "doc", self->a, self->doc, DS_ROOM, &r));
	EXPECT_EQ(-ENODATA, ds_read(self->fd, "doc", self->b, self->doc, DS_ROOM,
				    &r));
	EXPECT_EQ(-ENOENT, ds_read(self->fd, "do", 0, self->doc, DS_ROOM, &r));
	EXPECT_EQ(-ENOENT, ds_read(self->fd, "docs", 0, self->doc, DS_ROOM, &r));
	EXPECT_EQ(-ENOENT, ds_read(self->fd, "Doc", 0, self->doc, DS_ROOM, &r));
}

TEST_F(read, document)
{
	struct docstore_op ops[] = {
		ds_set_s64("doc", self->a, -5),
		ds_set_mem("doc", self->b, DOCSTORE_TYPE_STRING, "hello", 5),
		ds_set_type("doc", self->type),
	};
	struct ds_prop p;

	ASSERT_EQ(0, ds_submit(self->fd, 0, ops, 3, NULL));
	ASSERT_EQ(0, ds_fetch(self->fd, "doc", self->doc));
	EXPECT_EQ(1, self->doc->version);
	EXPECT_EQ(self->type, self->doc->type);
	EXPECT_EQ(2, self->doc->nprops);
	EXPECT_LT(0, self->doc->seq);
	EXPECT_EQ(-5, ds_prop_s64(self->doc, self->a));
	ASSERT_EQ(0, ds_prop(self->doc, self->b, &p));
	EXPECT_EQ(5, p.len);
	EXPECT_EQ(0, memcmp("hello", p.value, 5));
	/* Nothing in it but what there is to say. */
	EXPECT_EQ(sizeof(struct docstore_version) +
		  2 * ((ds_has(self->doc, DOCSTORE_VERSION_WIDE) ? 4 : 2) + 2 + 1 +
		       (ds_has(self->doc, DOCSTORE_VERSION_SET) ? 4 : 0)) +
		  3 + 8 + 5, self->doc->size);
}

TEST_F(read, truncated_document)
{
	struct docstore_read r;
	__u8 *whole, *part = ds_map(4096, MAP_PRIVATE);
	__u32 size, room;

	ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes("doc", self->a, "0123456789",
						  10)));
	ASSERT_EQ(0, ds_fetch(self->fd, "doc", self->doc));
	size = self->doc->size;
	whole = (__u8 *)self->doc;
	for (room = 0; room <= size + 1; room++) {
		__u32 copied = room < size ? room : size;

		memset(part, DS_POISON, 4096);
		ASSERT_EQ(0, ds_read(self->fd, "doc", 0, part, room, &r));
		EXPECT_EQ(size, r.length);
		EXPECT_EQ(1, r.version);
		EXPECT_EQ(DOCSTORE_TYPE_NONE, r.type);
		EXPECT_EQ(0, memcmp(whole, part, copied));
		EXPECT_EQ(DS_POISON, part[copied]);
	}
}

TEST_F(read, no_room)
{
	struct docstore_read r;

	ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("doc", self->a, 1)));
	EXPECT_EQ(0, ds_read(self->fd, "doc", 0, NULL, 0, &r));
	EXPECT_LT(sizeof(struct docstore_version), r.length);
	EXPECT_EQ(0, ds_read(self->fd, "doc", self->a, NULL, 0, &r));
	EXPECT_EQ(8, r.length);
	EXPECT_EQ(DOCSTORE_TYPE_S64, r.type);
	EXPECT_EQ(-EFAULT, ds_read(self->fd, "doc", self->a, NULL, 1, &r));
}

/* Room that is not there is no matter as long as it is not needed. */
TEST_F(read, room_in_name_only)
{
	__u8 *edge = ds_edge(8);
	struct docstore_read r;

	ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("doc", self->a, 1)));
	EXPECT_EQ(0, ds_read(self->fd, "doc", self->a, edge, ~0U, &r));
	EXPECT_EQ(8, r.length);
	EXPECT_EQ(-EFAULT, ds_read(self->fd, "doc", self->a, edge + 1, ~0U, &r));
}

TEST_F(read, id_lengths)
{
	struct docstore_read r;
	char id[4096];

	memset(id, 'x', sizeof(id));
	EXPECT_EQ(-EINVAL, ds_read_len(self->fd, id, 0, 0, NULL, 0, &r));
	EXPECT_EQ(-ENOENT, ds_read_len(self->fd, id, 1, 0, NULL, 0, &r));
	EXPECT_EQ(-ENOENT, ds_read_len(self->fd, id, 255, 0, NULL, 0, &r));
	EXPECT_EQ(-ENAMETOOLONG, ds_read_len(self->fd, id, 256, 0, NULL, 0, &r));
	EXPECT_EQ(-ENAMETOOLONG, ds_read_len(self->fd, id, 257, 0, NULL, 0, &r));
	EXPECT_EQ(-ENAMETOOLONG, ds_read_len(self->fd, id, ~0U, 0, NULL, 0, &r));
}

TEST_F(read, unknown_property)
{
	static const __u32 properties[] = { 4, 65535, 65536, 1U << 31, ~0U };
	struct docstore_read r;
	unsigned int i;

	ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("doc", self->a, 1)));
	for (i = 0; i < ARRAY_SIZE(properties); i++) {
		EXPECT_EQ(-EINVAL, ds_read(self->fd, "doc", properties[i], NULL,
					   0, &r))
			TH_LOG("property %u", properties[i]);
	}
}

TEST_F(read, write_only)
{
	int fd = ds_open(self->store.control, self->store.name, DS_WRITE);
	struct docstore_read_item item = { .id = ds_ptr("doc"), .id_len = 3 };
	struct docstore_read_many m;
	struct docstore_read r;
	struct ds_scan s;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ds_do(fd, ds_set_s64("doc", self->a, 1)));
	EXPECT_EQ(-EBADF, ds_read(fd, "doc", 0, self->doc, DS_ROOM, &r));
	EXPECT_EQ(-EBADF, ds_read_many(fd, &item, 1, self->doc, DS_ROOM, &m));
	ds_scan_begin(&s, 0, NULL, 0);
	EXPECT_EQ(-EBADF, ds_scan_next(fd, &s, self->doc, DS_ROOM));
	close(fd);
}

TEST_F(read, read_only)
{
	int fd = ds_open(self->store.control, self->store.name, DS_READ);
	struct docstore_read_item item = { .id = ds_ptr("doc"), .id_len = 3 };
	struct docstore_read_many m;
	struct ds_scan s;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ds_do(self->fd, ds_set_s64("doc", self->a, 1)));
	EXPECT_EQ(0, ds_fetch(fd, "doc", self->doc));
	EXPECT_EQ(0, ds_read_many(fd, &item, 1, self->doc, DS_ROOM, &m));
	EXPECT_EQ(1, m.done);
	ds_scan_begin(&s, 0, NULL, 0);
	EXPECT_EQ(1, ds_scan_next(fd, &s, self->doc, DS_ROOM));
	close(fd);
}

TEST_F(read, counted)
{
	struct docstore_store_info before, after;
	struct docstore_read r;
	struct ds_scan s;
	int i, n;

	ASSERT_EQ(0, ds_fill(self->fd, self->a, "c", 0, 10));
	ASSERT_EQ(0, ds_store_info(self->fd, &before));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, ds_read(self->fd, "c1", 0, NULL, 0, &r));
	ASSERT_EQ(0, ds_store_info(self->fd, &after));
	EXPECT_EQ(before.reads + 5, after.reads);
	ds_scan_begin(&s, 0, NULL, 0);
	do {
		n = ds_scan_next(self->fd, &s, self->doc, DS_ROOM);
		ASSERT_LE(0, n);
	} while (!s.end);
	ASSERT_EQ(0, ds_store_info(self->fd, &after));
	EXPECT_EQ(before.scanned + 10, after.scanned);
	EXPECT_EQ(before.changes, after.changes);
}

/* READ_MANY ---------------------------------------------------------------- */

#define MANY	50

/*
 * Checks what a call filled in: items from @first of those of ds_fill(), missing
 * ones where the number ends in 7. Returns whether all is well.
 */
static bool many_right(const struct docstore_read_item *items,
		       const struct docstore_read_many *m, const void *buffer,
		       unsigned int first, int property)
{
	__u32 used = 0;
	unsigned int i;

	for (i = 0; i < m->done; i++) {
		const struct docstore_version *v;

		if ((first + i) % 10 == 7) {
			if (items[i].result != -ENOENT)
				return false;
			continue;
		}
		if (items[i].result || items[i].offset % 8 ||
		    items[i].offset < used || items[i].offset > m->used ||
		    items[i].length > m->used - items[i].offset)
			return false;
		v = buffer + items[i].offset;
		if (ds_doc_check(v, items[i].length) ||
		    v->size != items[i].length ||
		    ds_prop_s64(v, property) != first + i)
			return false;
		used = items[i].offset + items[i].length;
	}
	return used <= m->used;
}

FIXTURE(many) {
	struct ds_store store;
	int fd;
	int a;
	__u8 *buffer;			/* DS_ROOM bytes */
	struct docstore_read_item items[MANY];
	char ids[MANY][8];
};

FIXTURE_SETUP(many)
{
	unsigned int i;

	ASSERT_EQ(0, ds_store_begin(&self->store, "many", 4, 0));
	self->fd = self->store.fd;
	self->a = ds_prop_id(self->fd, "a");
	ASSERT_LT(0, self->a);
	ASSERT_EQ(0, ds_fill(self->fd, self->a, "m", 0, MANY));
	self->buffer = ds_map(DS_ROOM, MAP_PRIVATE);
	for (i = 0; i < MANY; i++) {
		snprintf(self->ids[i], sizeof(self->ids[i]), "m%u", i);
		self->items[i].id = ds_ptr(self->ids[i]);
		self->items[i].id_len = strlen(self->ids[i]);
		if (i % 10 == 7)
			ASSERT_EQ(0, ds_do(self->fd, ds_delete(self->ids[i])));
	}
}

FIXTURE_TEARDOWN(many)
{
	EXPECT_EQ(0, ds_store_end(&self->store));
}

TEST_F(many, all_fit)
{
	struct docstore_read_many m;

	ASSERT_EQ(0, ds_read_many(self->fd, self->items, MANY, self->buffer,
				  DS_ROOM, &m));
	EXPECT_EQ(MANY, m.done);
	EXPECT_EQ(0, m.needed);
	EXPECT_TRUE(many_right(self->items, &m, self->buffer, 0, self->a));
}

/* Whatever the room: call after call they all come. */
TEST_F(many, piece_by_piece)
{
	struct docstore_read_many m;
	unsigned int done, calls;
	__u32 room;

	for (room = 0; room < 1200; room += 8 + room / 8) {
		for (done = 0, calls = 0; done < MANY; calls++) {
			ASSERT_GE(MANY + 5, calls);
			memset(self->buffer, DS_POISON, DS_ROOM);
			ASSERT_EQ(0, ds_read_many(self->fd, self->items + done,
						  MANY - done, self->buffer,
						  room, &m));
			ASSERT_TRUE(many_right(self->items + done, &m,
					       self->buffer, done, self->a));
			ASSERT_EQ(DS_POISON, self->buffer[m.used]);
			EXPECT_EQ(done + m.done < MANY, !!m.needed);
			done += m.done;
			if (m.done)
				continue;
			/* The room for the first one is known. */
			ASSERT_LT(room, m.needed);
			ASSERT_EQ(0, ds_read_many(self->fd, self->items + done,
						  1, self->buffer, m.needed, &m));
			ASSERT_EQ(1, m.done);
			ASSERT_TRUE(many_right(self->items + done, &m,
					       self->buffer, done, self->a));
			done++;
		}
	}
}

TEST_F(many, missing_ones_take_no_room)
{
	struct docstore_read_many m;
	unsigned int i;

	for (i = 0; i < 10; i++) {
		self->items[i].id = ds_ptr("none");
		self->items[i].id_len = 4;
	}
	ASSERT_EQ(0, ds_read_many(self->fd, self->items, 10, NULL, 0, &m));
	EXPECT_EQ(10, m.done);
	EXPECT_EQ(0, m.used);
	EXPECT_EQ(0, m.needed);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(-ENOENT, self->items[i].result);
	/* Behind them is one that does. */
	ASSERT_EQ(0, ds_read_many(self->fd, self->items, 11, NULL, 0, &m));
	EXPECT_EQ(10, m.done);
	EXPECT_LT(0, m.needed);
}

TEST_F(many, one_of_them_again_and_again)
{
	struct docstore_read_many m;
	unsigned int i;

	for (i = 0; i < MANY; i++)
		self->items[i] = self->items[3];
	ASSERT_EQ(0, ds_read_many(self->fd, self->items, MANY, self->buffer,
				  DS_ROOM, &m));
	ASSERT_EQ(MANY, m.done);
	for (i = 0; i < MANY; i++) {
		const struct docstore_version *v =
			(void *)(self->buffer + self->items[i].offset);

		EXPECT_EQ(0, self->items[i].result);
		ASSERT_EQ(0, ds_doc_check(v, self->items[i].length));
		EXPECT_EQ(3, ds_prop_s64(v, self->a));
	}
}

TEST_F(many, bad_ids)
{
	struct docstore_read_many m;
	char id[300];

	memset(id, 'x', sizeof(id));
	self->items[1].id_len = 0;
	self->items[2].id = ds_ptr(id);
	self->items[2].id_len = 255;
	self->items[3].id = ds_ptr(id);
	self->items[3].id_len = 256;
	self->items[4].id_len = ~0U;
	ASSERT_EQ(0, ds_read_many(self->fd, self->items, 6, self->buffer, DS_ROOM,
				  &m));
	EXPECT_EQ(6, m.done);
	EXPECT_EQ(0, self->items[0].result);
	EXPECT_EQ(-EINVAL, self->items[1].result);
	EXPECT_EQ(-ENOENT, self->items[2].result);
	EXPECT_EQ(-ENAMETOOLONG, self->items[3].result);
	EXPECT_EQ(-ENAMETOOLONG, self->items[4].result);
	EXPECT_EQ(0, self->items[5].result);

	self->items[2].id = 16;
	EXPECT_EQ(-EFAULT, ds_read_many(self->fd, self->items, 6, self->buffer,
					DS_ROOM, &m));
}

TEST_F_TIMEOUT(many, counts, DS_TIMEOUT)
{
	struct docstore_read_item *items;
	struct docstore_read_many m;
	unsigned int i, n = DOCSTORE_MAX_OPS;

	items = ds_map((n + 1) * sizeof(*items), MAP_PRIVATE);
	for (i = 0; i <= n; i++)
		items[i] = self->items[i % 7];
	EXPECT_EQ(-EINVAL, ds_read_many(self->fd, items, 0, self->buffer, DS_ROOM,
					&m));
	EXPECT_EQ(-E2BIG, ds_read_many(self->fd, items, n + 1, self->buffer,
				       DS_ROOM, &m));
	for (i = 0; i < n; i += m.done) {
		ASSERT_EQ(0, ds_read_many(self->fd, items + i, n - i,
					  self->buffer, DS_ROOM, &m));
		ASSERT_LT(0, m.done);
	}
}

TEST_F(many, large_ones)
{
	__u8 *value = ds_map(1 << 20, MAP_PRIVATE);
	struct docstore_read_many m;
	unsigned int i, done;

	memset(value, 'v', 1 << 20);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, ds_do(self->fd, ds_set_bytes(self->ids[i], self->a,
							  value, 400000)));
	for (done = 0; done < 5; done += m.done) {
		ASSERT_EQ(0, ds_read_many(self->fd, self->items + done, 5 - done,
					  self->buffer, DS_ROOM, &m));
		ASSERT_LE(1, m.done);
		ASSERT_GE(2, m.done);
		for (i = done; i < done + m.done; i++) {
			struct docstore_version *v =
				(void *)(self->buffer + self->items[i].offset);
			struct ds_prop p;

			ASSERT_EQ(0, ds_doc_check(v, self->items[i].length));
			ASSERT_EQ(0, ds_prop(v, self->a, &p));
			EXPECT_EQ(400000, p.len);
			EXPECT_EQ(0, memcmp(value, p.value, p.len));
		}
	}
}

TEST_HARNESS_MAIN

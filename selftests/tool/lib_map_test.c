// SPDX-License-Identifier: GPL-2.0
/*
 * libdocstore: whether a store is mapped or not makes no difference but for the time
 * it takes.
 *
 * lib_map_test has the engine in user space behind it (engine_kernel.c), and
 * lib_map_test_guest the module.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <linux/docstore_map.h>

#include "libdocstore.h"
#include "tap.h"

#define NAME		"lib-map-test"
#define MANY		1024
#define ROOM		(DOCSTORE_MAX_DOCUMENT + 64)

/*
 * Nobody writes, but an owner cleans up a little later: who has no processor for so long
 * while he reads may have to begin anew, for each time that it does. In user space it does
 * that when it is told to.
 */
#ifdef ENGINE_KERNEL
#define BEGUN_ANEW	0
#else
#define BEGUN_ANEW	5
#endif

static struct ds_store *mapped, *asked;
static unsigned char *by_map, *by_call;

static struct ds_store *open_with(unsigned int rights, unsigned int flags)
{
	struct ds_open_opts opts = { .size = sizeof(opts), .flags = flags };
	struct ds_store *s;
	int err = ds_open(NAME, rights, &opts, &s);

	if (err) {
		printf("Bail out! cannot open the store: %s\n", strerror(-err));
		exit(1);
	}
	return s;
}

static uint64_t map_stat(const struct ds_store *s, size_t offset)
{
	struct ds_map_stats stats = { .size = sizeof(stats) };

	if (ds_map_stats(s, &stats))
		return ~0ULL;
	return *(uint64_t *)(void *)((char *)&stats + offset);
}

#define MAP_STAT(s, field)	map_stat(s, offsetof(struct ds_map_stats, field))

/* --- the same by both ways ---------------------------------------------------------- */

#define SAME(a, b, ...)							\
	do {								\
		long long __a = (long long)(a), __b = (long long)(b);	\
									\
		if (__a != __b) {					\
			printf("# %s:%d: %lld by the mapping, %lld by the kernel: ", __FILE__, \
			       __LINE__, __a, __b);			\
			printf(__VA_ARGS__);				\
			putchar('\n');					\
			return false;					\
		}							\
	} while (0)

static bool same_doc(const struct ds_doc *a, const struct ds_doc *b)
{
	SAME(a->version, b->version, "version");
	SAME(a->created, b->created, "created");
	SAME(a->changed, b->changed, "changed");
	SAME(a->seq, b->seq, "seq");
	SAME(a->bytes, b->bytes, "bytes");
	SAME(a->type, b->type, "type");
	SAME(a->nprops, b->nprops, "nprops");
	SAME(a->id.len, b->id.len, "id");
	SAME(memcmp(a->id.data, b->id.data, a->id.len), 0, "id");
	return true;
}

static bool same_get(struct ds_str id, size_t room)
{
	size_t a = room, b = room;
	struct ds_doc doc_a, doc_b;
	int err_a, err_b;

	memset(by_map, 0x55, room + 8);
	memset(by_call, 0x55, room + 8);
	err_a = ds_get(mapped, id, room ? by_map : NULL, &a, &doc_a);
	err_b = ds_get(asked, id, room ? by_call : NULL, &b, &doc_b);
	SAME(err_a, err_b, "get with room for %zu", room);
	SAME(a, b, "length, with room for %zu", room);
	SAME(memcmp(by_map + room, "\x55\x55\x55\x55\x55\x55\x55\x55", 8), 0, "beyond the room");
	if (err_a)
		return true;
	SAME(memcmp(by_map, by_call, a), 0, "bytes");
	return same_doc(&doc_a, &doc_b);
}

static bool same_property(struct ds_str id, struct ds_str name, size_t room)
{
	struct ds_value value_a = { 0 }, value_b = { 0 };
	size_t a = room, b = room;
	uint64_t version_a = 0, version_b = 0;
	int err_a, err_b;

	memset(by_map, 0x55, room + 8);
	err_a = ds_get_property(mapped, id, name, room ? by_map : NULL, &a, &value_a, &version_a);
	err_b = ds_get_property(asked, id, name, room ? by_call : NULL, &b, &value_b, &version_b);
	SAME(err_a, err_b, "property %s with room for %zu", (char *)name.data, room);
	SAME(a, b, "length of %s, with room for %zu", (char *)name.data, room);
	SAME(version_a, version_b, "version");
	SAME(memcmp(by_map + room, "\x55\x55\x55\x55\x55\x55\x55\x55", 8), 0, "beyond the room");
	if (err_a)
		return true;
	SAME(value_a.type, value_b.type, "type of %s", (char *)name.data);
	switch (value_a.type) {
	case DOCSTORE_TYPE_NULL:
		return true;
	case DOCSTORE_TYPE_BOOL:
		SAME(value_a.b, value_b.b, "bool");
		return true;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
	case DOCSTORE_TYPE_F64:
		SAME(value_a.u64, value_b.u64, "number");
		return true;
	default:
		SAME(value_a.str.len, value_b.str.len, "length");
		SAME(a && memcmp(value_a.str.data, value_b.str.data, a), 0, "bytes");
		return true;
	}
}

/* What a view shows, put together to bytes. */
struct seen {
	struct ds_doc doc;
	unsigned char *bytes;
	size_t len;
	char id[256];
	int ret, calls;
};

static int see(const struct ds_doc *doc, void *arg)
{
	struct seen *seen = arg;
	uint32_t i;

	seen->calls++;
	seen->doc = *doc;
	seen->len = 0;
	memcpy(seen->id, doc->id.data, doc->id.len);
	seen->doc.id.data = seen->id;
	for (i = 0; i < doc->nprops; i++) {
		struct ds_value value = ds_doc_value(doc, i);
		uint64_t set[3] = { ds_doc_name(doc, i), ds_doc_set_version(doc, i), value.type };

		memcpy(seen->bytes + seen->len, set, sizeof(set));
		seen->len += sizeof(set);
		if (value.type >= DOCSTORE_TYPE_STRING) {
			memcpy(seen->bytes + seen->len, value.str.data, value.str.len);
			seen->len += value.str.len;
		} else if (value.type == DOCSTORE_TYPE_BOOL) {
			seen->bytes[seen->len++] = value.b;
		} else if (value.type != DOCSTORE_TYPE_NULL) {
			memcpy(seen->bytes + seen->len, &value.u64, 8);
			seen->len += 8;
		}
	}
	return seen->ret;
}

static bool same_view(struct ds_str id, int ret)
{
	struct seen a = { .bytes = by_map, .ret = ret }, b = { .bytes = by_call, .ret = ret };
	int err_a = ds_view(mapped, id, see, &a);
	int err_b = ds_view(asked, id, see, &b);

	SAME(err_a, err_b, "view");
	SAME(a.calls, b.calls, "calls");
	if (!a.calls)
		return true;
	SAME(err_a, ret, "what the function returned");
	SAME(a.len, b.len, "length of what was seen");
	SAME(memcmp(by_map, by_call, a.len), 0, "what was seen");
	return same_doc(&a.doc, &b.doc);
}

static bool same_version(struct ds_str id)
{
	uint64_t a = 77, b = 77;
	int err_a = ds_version(mapped, id, &a), err_b = ds_version(asked, id, &b);

	SAME(err_a, err_b, "version");
	SAME(a, b, "version");
	SAME(ds_version(mapped, id, NULL), err_a, "version that nobody wants");
	SAME(ds_exists(mapped, id), ds_exists(asked, id), "exists");
	return true;
}

/* All that there is to ask about a document. */
static bool same(struct ds_str id, struct ds_str name)
{
	static const size_t rooms[] = { 0, 1, 7, 8, 9, 47, 48, 49, 100, 4096, DOCSTORE_MAX_DOCUMENT };
	size_t len = 0, i;
	struct ds_doc doc;
	bool good;

	good = same_version(id) && same_view(id, 0) && same_view(id, 17) && same_view(id, -EAGAIN) &&
	       same_view(id, -ENOENT);
	for (i = 0; good && i < sizeof(rooms) / sizeof(rooms[0]); i++)
		good = same_get(id, rooms[i]) && same_property(id, name, rooms[i]) &&
		       same_property(id, ds_str("never.had"), rooms[i]);
	if (good && ds_get(asked, id, NULL, &len, &doc) == -ENOBUFS)
		for (i = 0; good && i < 3; i++)
			good = same_get(id, len - 1 + i);
	len = 0;
	if (good && name.len && ds_get_property(asked, id, name, NULL, &len, &(struct ds_value){ 0 },
						NULL) == -ENOBUFS)
		for (i = 0; good && i < 3; i++)
			good = same_property(id, name, len - 1 + i);
	return good;
}

static bool put_big(const char *id, const char *name, size_t len)
{
	struct ds_prop prop = { ds_str(name), ds_bytes(by_map, len) };
	size_t i;

	for (i = 0; i < len; i++)
		by_map[i] = (unsigned char)(i * 7 + len);
	return !ds_put(mapped, ds_str(id), &prop, 1, NULL, NULL);
}

/* So many properties, of so many bytes each; then some of them again, one by one. */
static bool put_many(const char *id, unsigned int props, size_t each, unsigned int again)
{
	struct ds_batch *batch;
	char name[16], value[1024];
	unsigned int i;
	bool good;

	memset(value, 'v', sizeof(value));
	good = !ds_batch_new(mapped, &batch);
	for (i = 0; i < props; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		good &= ds_batch_set(batch, ds_str(id), ds_str(name), ds_bytes(value, each)) >= 0;
	}
	good &= !ds_batch_submit(batch, 0, 0);
	ds_batch_free(batch);
	for (i = 0; i < again; i++) {
		snprintf(name, sizeof(name), "p%u", i * 7);
		good &= !ds_set(mapped, ds_str(id), ds_str(name), ds_s64(i), NULL, NULL);
	}
	return good;
}

static void test_documents(void)
{
	struct ds_prop props[] = {
		{ ds_str("null"), ds_null() },
		{ ds_str("bool"), ds_bool(true) },
		{ ds_str("s64"), ds_s64(-5) },
		{ ds_str("u64"), ds_u64(~0ULL) },
		{ ds_str("f64"), ds_f64(-0.25) },
		{ ds_str("string"), ds_string("text") },
		{ ds_str("empty"), ds_string("") },
		{ ds_str("bytes"), ds_bytes("\0\1\2", 3) },
		{ ds_str("json"), ds_json("[1, 2]") },
	};
	struct ds_write_opts opts = { .size = sizeof(opts), .type = ds_str("a type") };
	struct ds_str all = ds_str("all types");
	static char longest[DOCSTORE_MAX_ID + 1];
	bool good = true;
	unsigned int i;

	ok(same(ds_str("nothing"), ds_str("s64")), "a document that there is not");
	ok(!ds_put(mapped, all, props, 9, &opts, NULL), "a document of all types");
	for (i = 0; i < 9; i++)
		good &= same(all, props[i].name);
	ok(good, "it is the same by the mapping and by the kernel");
	ok(same(all, ds_str("a type")) && same(all, ds_str("nobody has heard of it")),
	   "properties that it does not have");
	ok(!ds_set(mapped, all, ds_str("s64"), ds_s64(9), NULL, NULL) && same(all, ds_str("s64")) &&
	   same(all, ds_str("u64")), "one of them is changed");
	ok(!ds_delete(mapped, all, NULL) && same(all, ds_str("s64")), "it is deleted");
	ok(!ds_set(mapped, all, ds_str("new"), ds_s64(1), NULL, NULL) && same(all, ds_str("new")) &&
	   same(all, ds_str("s64")), "and made again");

	ok(!ds_put(mapped, ds_str("x"), NULL, 0, NULL, NULL) && same(ds_str("x"), ds_str("s64")),
	   "no properties, and an id of one byte");
	memset(longest, 'l', sizeof(longest));
	for (i = 15; i <= 33; i++)
		good &= !ds_put(mapped, ds_mem(longest, i), props, i % 9, NULL, NULL);
	for (i = 14; i <= 34; i++)
		good &= same(ds_mem(longest, i), ds_str("s64"));
	ok(good, "ids of which each is a beginning of the next");
	ok(!ds_put(mapped, ds_mem(longest, DOCSTORE_MAX_ID), props, 5, NULL, NULL) &&
	   same(ds_mem(longest, DOCSTORE_MAX_ID), ds_str("f64")), "an id of 255 bytes");
	ok(same_version(ds_mem(longest, DOCSTORE_MAX_ID + 1)) &&
	   same_get(ds_mem(longest, DOCSTORE_MAX_ID + 1), 100) &&
	   same_view(ds_mem(longest, DOCSTORE_MAX_ID + 1), 0) &&
	   same_property(ds_mem(longest, DOCSTORE_MAX_ID + 1), ds_str("s64"), 8) &&
	   ds_version(mapped, ds_mem(longest, 256), NULL) == -ENAMETOOLONG, "and one of 256");
	ok(same(ds_mem("x", 0), ds_str("s64")) && same(ds_mem(NULL, 0), ds_str("s64")) &&
	   same(ds_mem(NULL, 5), ds_str("s64")) && ds_exists(mapped, ds_mem(NULL, 5)) == -EINVAL,
	   "ids that are none");
	ok(same_property(all, ds_str(""), 8) && same_property(all, ds_mem(NULL, 0), 8),
	   "names that are none");

	for (i = 1; i < 80000; i = i * 5 / 2 + 13)
		good &= put_big("grows", "big", i) && same(ds_str("grows"), ds_str("big"));
	ok(good, "one that grows");
	ok(put_big("largest", "big", DOCSTORE_MAX_DOCUMENT - 48 - 7 - 7) &&
	   same(ds_str("largest"), ds_str("big")), "a document of 1 MiB");
	ok(put_many("narrow", MANY, 8, 0) && same(ds_str("narrow"), ds_str("p1023")),
	   "%d properties", MANY);
	ok(put_many("narrow", MANY, 9, 20) && same(ds_str("narrow"), ds_str("p7")) &&
	   same(ds_str("narrow"), ds_str("p1023")), "set by different versions");
	ok(put_many("wide", MANY, 900, 0) && same(ds_str("wide"), ds_str("p1023")),
	   "%d properties of many bytes", MANY);
	ok(put_many("wide", MANY, 901, 20) && same(ds_str("wide"), ds_str("p7")) &&
	   same(ds_str("wide"), ds_str("p1022")), "set by different versions");
	ok(MAP_STAT(mapped, retries) <= BEGUN_ANEW && MAP_STAT(mapped, refused) == 0,
	   "all of it was found in the mapping, and begun anew %llu times",
	   (unsigned long long)MAP_STAT(mapped, retries));
	if (MAP_STAT(mapped, refused))
		printf("# %llu were not\n", (unsigned long long)MAP_STAT(mapped, refused));
}

/* --- many --------------------------------------------------------------------------- */

#define ITEMS	400

static void prepare(struct docstore_read_item *items, char ids[][16], bool odd)
{
	unsigned int i;

	memset(items, 0x5a, ITEMS * sizeof(*items));
	for (i = 0; i < ITEMS; i++) {
		snprintf(ids[i], 16, "many%u", i);
		items[i].id = (uintptr_t)ids[i];
		items[i].id_len = (__u32)strlen(ids[i]);
		if (odd && i % 50 == 21)
			items[i].id_len = 0;
		if (odd && i % 50 == 22)
			items[i].id_len = 256 + i;
	}
}

static bool same_many(size_t room, size_t count, bool odd)
{
	static struct docstore_read_item items_a[ITEMS], items_b[ITEMS];
	static char ids[ITEMS][16];
	size_t at = 0, a, b, i;
	int ret_a, ret_b;

	prepare(items_a, ids, odd);
	prepare(items_b, ids, odd);
	while (at < count) {
		a = b = room;
		ret_a = ds_read_many(mapped, items_a + at, count - at, by_map, &a);
		ret_b = ds_read_many(asked, items_b + at, count - at, by_call, &b);
		SAME(ret_a, ret_b, "read many from %zu on, room %zu", at, room);
		SAME(a, b, "length from %zu on, room %zu", at, room);
		if (ret_a <= 0)
			return true;
		for (i = at; i < at + (size_t)ret_a; i++) {
			struct ds_doc doc_a, doc_b;

			SAME(items_a[i].result, items_b[i].result, "result of %zu", i);
			SAME(ds_read_item(&items_a[i], by_map, a, &doc_a),
			     ds_read_item(&items_b[i], by_call, b, &doc_b), "item %zu", i);
			if (items_a[i].result)
				continue;
			SAME(items_a[i].offset, items_b[i].offset, "offset of %zu", i);
			SAME(items_a[i].length, items_b[i].length, "length of %zu", i);
			SAME(memcmp(by_map + items_a[i].offset, by_call + items_b[i].offset,
				    items_a[i].length), 0, "bytes of %zu", i);
			if (!same_doc(&doc_a, &doc_b))
				return false;
		}
		at += (size_t)ret_a;
	}
	return true;
}

static void test_many(void)
{
	struct docstore_read_item item = { .id = 0, .id_len = 3 };
	struct ds_batch *batch;
	bool good = true;
	size_t len, i;
	char id[16];

	ds_batch_new(mapped, &batch);
	for (i = 0; i < ITEMS; i++) {
		snprintf(id, sizeof(id), "many%zu", i);
		if (i % 10 != 3)
			ds_batch_set(batch, ds_str(id), ds_str("v"), ds_bytes(by_map, i * 5 % 333));
	}
	ok(!ds_batch_submit(batch, 0, 0), "many documents");
	ds_batch_free(batch);
	ok(same_many(ROOM, ITEMS, false) && same_many(ROOM, ITEMS, true),
	   "they are the same, all of them at once");
	ok(same_many(ROOM, 1, true) && same_many(ROOM, 15, true) && same_many(ROOM, 16, true) &&
	   same_many(ROOM, 17, true) && same_many(ROOM, 33, true) && same_many(ROOM, 0, true),
	   "some of them");
	for (i = 0; i < 2000; i += i < 600 ? 1 : 37)
		good = good && same_many(i, 60, true);
	ok(good, "in rooms of every size");
	len = 100;
	ok(ds_read_many(mapped, &item, 1, by_map, &len) == ds_read_many(asked, &item, 1, by_call, &len),
	   "an id that points nowhere");
}

/* --- names ------------------------------------------------------------------------------ */

static bool same_name(struct ds_store *reader, struct ds_str name)
{
	uint32_t a = 77, b = 77;
	struct ds_str back;

	SAME(ds_lookup(reader, name, &a), ds_lookup(asked, name, &b), "lookup of %zu bytes", name.len);
	SAME(a, b, "id of %zu bytes", name.len);
	if (!a || a == 77)
		return true;
	SAME(ds_name(reader, a, &back), 0, "name %u", a);
	SAME(back.len, name.len, "length of name %u", a);
	SAME(memcmp(back.data, name.data, name.len), 0, "name %u", a);
	return true;
}

/* Names that others make while this one has the store mapped. */
static void test_names(void)
{
	struct ds_store *reader = open_with(DOCSTORE_OPEN_READ, 0), *late;
	char name[DOCSTORE_MAX_NAME + 1];
	struct ds_str a, b;
	bool good = true, all = true;
	uint32_t id, last = 0;
	size_t len;
	int i;

	for (i = 0; i < 3000; i++) {
		memset(name, 'x', sizeof(name));
		snprintf(name, sizeof(name), "%d", i);
		name[strlen(name)] = '.';
		len = i % 3 == 0 ? DOCSTORE_MAX_NAME : (size_t)(6 + i * 7 % 240);
		if (i % 100 == 50)
			good &= same_name(reader, ds_mem(name, len));
		good &= !ds_intern(mapped, ds_mem(name, len), &last);
		if (i % 100 > 40 && i % 100 < 60)
			good &= same_name(reader, ds_mem(name, len));
	}
	name[0] = '~';
	good &= !ds_intern(mapped, ds_mem(name, 1), &last) && same_name(reader, ds_mem(name, 1));
	ok(good, "names that others make");
	late = open_with(DOCSTORE_OPEN_READ, 0);
	for (id = last + 2; id--;) {
		all &= ds_name(late, id, &a) == ds_name(asked, id, &b);
		if (id && id <= last)
			all &= a.len == b.len && !memcmp(a.data, b.data, a.len);
	}
	ok(all, "all of them, from their ids");
	ok(same_name(reader, ds_str("")) && same_name(reader, ds_mem(name, 256)) &&
	   same_name(reader, ds_mem(NULL, 0)), "names that are none");
	ds_close(reader);
	ds_close(late);
}

/* --- ds_map_stats(), ds_open() --------------------------------------------------------- */

static void test_stats(void)
{
	struct ds_map_stats stats = { .size = sizeof(stats) };
	struct { struct ds_map_stats stats; uint64_t more[4]; } newer;
	struct ds_store *writer = open_with(DOCSTORE_OPEN_WRITE, 0);
	struct ds_store *reader = open_with(DOCSTORE_OPEN_READ, 0);
	struct ds_open_opts opts = { .size = sizeof(opts), .flags = 1 << 5 };
	struct ds_store *none;
	struct ds_doc doc;
	size_t len = 100;

	ok(!ds_map_stats(mapped, &stats) && stats.size == sizeof(stats) &&
	   stats.map_bytes > DOCSTORE_MAP_CHUNK_SIZE, "a store is mapped");
	ok(!ds_map_stats(asked, &stats) && !stats.map_bytes && !stats.retries && !stats.refused,
	   "and not, if so asked");
	memset(&stats, 0xa5, sizeof(stats));
	stats.size = offsetof(struct ds_map_stats, retries);
	ok(!ds_map_stats(mapped, &stats) && stats.map_bytes > 4096 &&
	   stats.retries == 0xa5a5a5a5a5a5a5a5ULL, "who knows less is told less");
	memset(&newer, 0xa5, sizeof(newer));
	newer.stats.size = sizeof(newer);
	ok(!ds_map_stats(mapped, &newer.stats) && newer.stats.map_bytes > 4096 &&
	   !newer.more[0] && !newer.more[3], "who knows more is told that there is none");
	stats.size = 3;
	ok(ds_map_stats(mapped, &stats) == -EINVAL, "who knows nothing is refused");
	ok(!MAP_STAT(writer, map_bytes) && ds_get(writer, ds_str("x"), by_map, &len, &doc) == -EBADF &&
	   ds_exists(writer, ds_str("x")) == -EBADF &&
	   ds_view(writer, ds_str("x"), see, NULL) == -EBADF, "who may not read maps nothing");
	ok(MAP_STAT(reader, map_bytes) && ds_exists(reader, ds_str("x")) == 1 &&
	   ds_delete(reader, ds_str("x"), NULL) == -EBADF, "who may not write does");
	ok(ds_open(NAME, DOCSTORE_OPEN_READ, &opts, &none) == -EINVAL && !none, "unknown flags");
	/* Whoever was compiled before there were flags. */
	opts.size = offsetof(struct ds_open_opts, flags);
	ok(!ds_open(NAME, DOCSTORE_OPEN_READ, &opts, &none) && MAP_STAT(none, map_bytes),
	   "options beyond the size of their struct are not looked at");
	ds_close(none);
	ds_close(writer);
	ds_close(reader);
}

/* --- views ------------------------------------------------------------------------------ */

struct slow {
	int calls;
	uint64_t first, last;
	uint64_t latest;
};

/* So slow that the document is long gone when it is done. */
static int look_slowly(const struct ds_doc *doc, void *arg)
{
	struct slow *slow = arg;
	char id[16];
	int i;

	slow->last = doc->version;
	if (slow->calls++)
		return 40 + slow->calls;
	slow->first = doc->version;
	for (i = 0; i < 3000; i++) {
		snprintf(id, sizeof(id), i % 3 ? "slow%d" : "slow", i % 100);
		if (ds_set(asked, ds_str(id), ds_str("v"), ds_s64(i), NULL,
			   i % 3 ? NULL : &slow->latest))
			return -EIO;
		if (i % 1000 == 999)
			usleep(100000);
	}
	return 40;
}

static void test_view(void)
{
	uint64_t refused = MAP_STAT(mapped, refused);
	struct slow slow = { 0 };
	int ret;

	ok(!ds_set(mapped, ds_str("slow"), ds_str("v"), ds_s64(0), NULL, NULL), "a document");
	ret = ds_view(mapped, ds_str("slow"), look_slowly, &slow);
	ok(slow.calls == 2 && ret == 42 && slow.last == slow.latest && slow.first < slow.last,
	   "a slow view is called again, and what counts is the last call");
	printf("# %d calls, returned %d, version %llu of %llu\n", slow.calls, ret,
	       (unsigned long long)slow.last, (unsigned long long)slow.latest);
	ok(MAP_STAT(mapped, retries) > 0 && MAP_STAT(mapped, refused) == refused, "and counted");
}

/* --- threads ------------------------------------------------------------------------------ */

#define STABLE		24
#define GUESTS		40
#define THREADS		4

static bool stop;
static uint64_t versions[STABLE + GUESTS];
static uint64_t reads_done;

/* A number, as many bytes as follow from it, and their sum. */
static size_t size_of(int64_t n)
{
	uint32_t x = (uint32_t)n * 2654435761U;

	return x % 5 ? x % 200 : x % 30000;
}

static int64_t sum_of(const unsigned char *p, size_t len)
{
	int64_t sum = (int64_t)len;

	while (len--)
		sum = (int64_t)((uint64_t)sum * 31 + *p++);
	return sum;
}

static struct ds_str id_of(char *buffer, size_t size, unsigned int doc)
{
	snprintf(buffer, size, "%s%u", doc < STABLE ? "stable" : "guest", doc);
	return ds_str(buffer);
}

static bool write_one(unsigned int doc, int64_t n, unsigned char *bytes)
{
	struct ds_prop props[3] = { { ds_str("n"), ds_s64(n) } };
	size_t len = size_of(n);
	uint64_t version;
	char id[16];

	memset(bytes, (int)n, len);
	props[1] = (struct ds_prop){ ds_str("bytes"), ds_bytes(bytes, len) };
	props[2] = (struct ds_prop){ ds_str("sum"), ds_s64(sum_of(bytes, len)) };
	if (ds_put(mapped, id_of(id, sizeof(id), doc), props, 3, NULL, &version))
		return false;
	__atomic_store_n(&versions[doc], version, __ATOMIC_RELEASE);
	return true;
}

/* What a document says about itself, with the bytes as they are just now. */
struct self {
	uint64_t version;
	int64_t n, sum, real;
	size_t len;
};

static int look(const struct ds_doc *doc, void *arg)
{
	struct self *self = arg;
	struct ds_value n, bytes, sum;
	uint32_t name[3];

	if (ds_lookup(mapped, ds_str("n"), &name[0]) || ds_lookup(mapped, ds_str("bytes"), &name[1]) ||
	    ds_lookup(mapped, ds_str("sum"), &name[2]))
		return -EIO;
	self->version = doc->version;
	self->n = self->len = 0;
	if (ds_doc_find(doc, name[0], &n) < 0 || ds_doc_find(doc, name[1], &bytes) < 0 ||
	    ds_doc_find(doc, name[2], &sum) < 0)
		return -EIO;
	self->n = n.s64;
	self->sum = sum.s64;
	self->len = bytes.str.len;
	self->real = sum_of(bytes.str.data, bytes.str.len);
	return 0;
}

static bool whole(const struct self *self)
{
	return self->len == size_of(self->n) && self->sum == self->real;
}

/* Reads one document in one of the ways; -ENOENT, 0, or what is wrong. */
static int read_somehow(unsigned int doc, unsigned int how, unsigned char *buffer, struct self *self)
{
	struct docstore_read_item items[20];
	struct ds_value value;
	struct ds_doc view;
	char id[20][16];
	size_t len = ROOM, i;
	int ret;

	id_of(id[0], sizeof(id[0]), doc);
	switch (how % 4) {
	case 0:
		ret = ds_get(mapped, ds_str(id[0]), buffer, &len, &view);
		return ret ? ret : look(&view, self);
	case 1:
		return ds_view(mapped, ds_str(id[0]), look, self);
	case 2:
		for (i = 0; i < 20; i++) {
			id_of(id[i], sizeof(id[i]), i ? (doc + (unsigned int)i * 7) % (STABLE + GUESTS) : doc);
			items[i].id = (uintptr_t)id[i];
			items[i].id_len = (__u32)strlen(id[i]);
		}
		ret = ds_read_many(mapped, items, 20, buffer, &len);
		if (ret < 1)
			return ret ? ret : -EIO;
		for (i = (size_t)ret; i--;) {
			ret = ds_read_item(&items[i], buffer, len, &view);
			if (ret && ret != -ENOENT)
				return ret;
			if (!ret && (look(&view, self) || !whole(self)))
				return -EIO;
		}
		return ret;
	default:
		ret = ds_get_property(mapped, ds_str(id[0]), ds_str("bytes"), buffer, &len, &value,
				      &self->version);
		if (ret)
			return ret;
		/* One property of one version: all of its bytes are the same. */
		for (i = 1; i < value.str.len; i++)
			if (((const unsigned char *)value.str.data)[i] !=
			    *(const unsigned char *)value.str.data)
				return -EIO;
		self->n = self->len = 0;
		self->sum = self->real = 0;
		return 0;
	}
}

static void *reader(void *arg)
{
	unsigned char *buffer = malloc(ROOM);
	unsigned int x = (unsigned int)(uintptr_t)arg * 12345 + 1;
	uint64_t reads = 0, at_least;
	void *bad = NULL;

	while (!bad && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct self self = { 0 };
		unsigned int doc;
		int ret;

		x = x * 1103515245 + 12345;
		doc = (x >> 8) % (STABLE + GUESTS);
		at_least = __atomic_load_n(&versions[doc], __ATOMIC_ACQUIRE);
		ret = read_somehow(doc, x >> 28, buffer, &self);
		reads++;
		if (ret == -ENOENT && doc >= STABLE)
			continue;
		if (ret || self.version < at_least || ((x >> 28) % 4 != 3 && !whole(&self))) {
			printf("# document %u, way %u: %d, version %llu of %llu, %zu bytes, n %lld\n", doc,
			       (x >> 28) % 4, ret, (unsigned long long)self.version,
			       (unsigned long long)at_least, self.len, (long long)self.n);
			bad = &stop;
		}
	}
	__atomic_fetch_add(&reads_done, reads, __ATOMIC_RELAXED);
	free(buffer);
	return bad;
}

static void *writer(void *arg)
{
	unsigned int me = (unsigned int)(uintptr_t)arg, x = me + 77;
	unsigned char *bytes = malloc(40000);
	int64_t n = me;
	void *bad = NULL;
	char id[16];

	while (!bad && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		unsigned int doc;

		x = x * 1103515245 + 12345;
		/* Each has documents of its own. */
		doc = (x >> 8) % ((STABLE + GUESTS) / 2) * 2 + me;
		n += 2;
		if (doc >= STABLE && (x >> 28) % 4 == 0) {
			int ret = ds_delete(mapped, id_of(id, sizeof(id), doc), NULL);

			if (ret && ret != -ENOENT)
				bad = &stop;
		} else if (!write_one(doc, n, bytes)) {
			bad = &stop;
		}
	}
	free(bytes);
	return bad;
}

static void test_threads(void)
{
	const char *scale = getenv("DOCSTORE_TEST_SCALE");
	pthread_t threads[THREADS];
	unsigned int i, seconds = 3;
	bool good = true;
	void *bad;

	if (scale)
		seconds = (unsigned int)(3 * atof(scale)) + 1;
	for (i = 0; i < STABLE; i++)
		good &= write_one(i, i, by_map);
	for (i = 0; i < THREADS; i++)
		good &= !pthread_create(&threads[i], NULL, i < 2 ? writer : reader, (void *)(uintptr_t)i);
	sleep(seconds);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		good &= !bad;
	}
	ok(good && reads_done > 100, "threads write and read at once");
	printf("# %llu reads, %llu retries, %llu refused\n", (unsigned long long)reads_done,
	       (unsigned long long)MAP_STAT(mapped, retries), (unsigned long long)MAP_STAT(mapped, refused));
}

/* --- the end --------------------------------------------------------------------------------- */

static void test_removed(void)
{
	struct ds_store *third = open_with(DOCSTORE_OPEN_READ, 0);

	ds_close(third);
	ok(same(ds_str("many1"), ds_str("v")), "another handle was closed");
	ok(!ds_remove(NAME, NULL) && ds_open(NAME, DOCSTORE_OPEN_READ, NULL, &third) == -ENOENT,
	   "the store is removed");
	ok(same(ds_str("many1"), ds_str("v")) && same(ds_str("wide"), ds_str("p7")) &&
	   !ds_set(mapped, ds_str("many1"), ds_str("v"), ds_s64(1), NULL, NULL) &&
	   same(ds_str("many1"), ds_str("v")), "who has it open goes on with it");
}

int main(void)
{
	struct ds_create_opts opts = { .size = sizeof(opts), .partitions = 2, .max_bytes = 96 << 20 };
	int err;

	by_map = malloc(2 * ROOM);
	by_call = malloc(2 * ROOM);
	ds_remove(NAME, NULL);
	err = ds_create(NAME, &opts);
	if (err) {
		printf("Bail out! cannot make a store: %s\n", strerror(-err));
		return 1;
	}
	mapped = open_with(DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, 0);
	asked = open_with(DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, DS_OPEN_NO_MAP);
	test_documents();
	test_many();
	test_names();
	test_stats();
	test_view();
	test_threads();
	test_removed();
	ds_close(mapped);
	ds_close(asked);
	free(by_map);
	free(by_call);
	return tap_end();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * libdocstore: snapshots, and documents that are read together, by the mapping and by
 * the kernel.
 */
#include <pthread.h>

#include "lib_both.h"

#define NAME		"lib-snapshot-test"

static unsigned char *by_map, *by_call;

/* --- a snapshot does not change ----------------------------------------------------- */

struct seen {
	uint64_t version;
	int64_t n;
	int calls;
};

static int see(const struct ds_doc *doc, void *arg)
{
	struct seen *seen = arg;
	struct ds_value value;
	uint32_t name;

	seen->calls++;
	seen->version = doc->version;
	if (ds_lookup(asked, ds_str("n"), &name) || ds_doc_find(doc, name, &value) < 0)
		return -EIO;
	seen->n = value.s64;
	return 0;
}

/* All ways to read one document show this number, or all of them this error. */
static bool shows(struct ds_store *s, const char *text, int64_t n, uint64_t version, int error)
{
	struct docstore_read_item item = { .id = (uintptr_t)text, .id_len = (__u32)strlen(text) };
	struct ds_str id = ds_str(text);
	size_t len = ROOM, many = ROOM, together = ROOM;
	struct seen seen = { .n = 0 };
	uint64_t found = 0;
	struct ds_doc doc;
	int err;

	err = ds_get(s, id, by_map, &len, &doc);
	if (err != error || ds_view(s, id, see, &seen) != error ||
	    ds_version(s, id, &found) != error ||
	    ds_exists(s, id) != (error == -ENOENT ? 0 : error ? error : 1))
		return false;
	if (error)
		return get_n(s, text) == NONE(-error);
	if (doc.version != version || seen.version != version || seen.n != n || found != version ||
	    seen.calls != 1 || get_n(s, text) != n || see(&doc, &seen) || seen.n != n)
		return false;
	if (ds_read_many(s, &item, 1, by_map, &many) != 1 ||
	    ds_read_item(&item, by_map, many, &doc) || see(&doc, &seen) || seen.n != n)
		return false;
	return ds_read_together(s, &item, 1, by_map, &together) == 1 &&
	       !ds_read_item(&item, by_map, together, &doc) && !see(&doc, &seen) && seen.n == n &&
	       doc.version == version;
}

static bool scan_sum(struct ds_store *s, const char *prefix, int *count, int64_t *sum)
{
	struct ds_scan_opts opts = { .size = sizeof(opts), .prefix = ds_str(prefix) };
	struct seen seen = { .n = 0 };
	struct ds_scan *scan;
	struct ds_doc doc;
	int ret;

	*count = 0;
	*sum = 0;
	if (ds_scan_new(s, &opts, &scan))
		return false;
	while ((ret = ds_scan_next(scan, &doc)) > 0) {
		if (see(&doc, &seen))
			ret = -EIO;
		*count += 1;
		*sum += seen.n;
	}
	ds_scan_free(scan);
	return !ret;
}

static void test_frozen(void)
{
	struct ds_store *s[2];
	char id[24], other[24];
	bool good = true;
	int64_t sum;
	int i, k, count;

	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "frozen%d", i);
		good &= put_n(id, i);
	}
	ok(good, "a hundred documents");
	s[0] = snapshot_of(mapped, 0);
	s[1] = snapshot_of(asked, 0);
	ok(!MAP_STAT(mapped, map_bytes) == !MAP_STAT(s[0], map_bytes) && !MAP_STAT(s[1], map_bytes),
	   "a snapshot is mapped if its store is");
	/* Changed, changed often, deleted, deleted and made again; and new ones. */
	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "frozen%d", i);
		for (k = 0; k < (i % 5 == 1 ? 50 : 1); k++)
			good &= put_n(id, 1000 + i);
		if (i % 5 == 2 || i % 5 == 3)
			good &= !ds_delete(asked, ds_str(id), NULL);
		if (i % 5 == 3)
			good &= put_n(id, 2000);
		snprintf(other, sizeof(other), "frozen-new%d", i);
		good &= put_n(other, 3000);
	}
	for (k = 0; k < 2; k++) {
		bool same = true, none = true;

		for (i = 0; i < 100; i++) {
			snprintf(id, sizeof(id), "frozen%d", i);
			same &= shows(s[k], id, i, 1, 0);
			snprintf(id, sizeof(id), "frozen-new%d", i);
			none &= shows(s[k], id, 0, 0, -ENOENT);
		}
		ok(good && same, "they are as they were, by %s", k ? "the kernel" : "the mapping");
		ok(none, "those that came later are not there");
		ok(scan_sum(s[k], "frozen", &count, &sum) && count == 100 && sum == 99 * 50,
		   "a scan finds what was there");
	}
	ok(MAP_STAT(s[0], refused) == 0, "all of it was found in the mapping");
	ok(shows(mapped, "frozen0", 1000, 2, 0) && shows(mapped, "frozen2", 0, 0, -ENOENT) &&
	   get_n(mapped, "frozen3") == 2000, "the store has gone on");
	ds_close(s[0]);
	ok(shows(s[1], "frozen2", 2, 1, 0), "one of two snapshots was closed");
	ds_close(s[1]);
	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "frozen%d", i);
		good &= put_n(id, 5);
		snprintf(id, sizeof(id), "frozen-new%d", i);
		good &= !ds_delete(asked, ds_str(id), NULL);
	}
	ok(good && get_n(mapped, "frozen2") == 5, "and the other one");
}

/* What was there at different times. */
static void test_many_snapshots(void)
{
	struct ds_store *s[20];
	bool good = true;
	char id[24];
	int i, k;

	/* Of ten documents the next one is changed before each, and a few are deleted. */
	for (i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "times%d", i % 10);
		good &= i == 13 ? !ds_delete(asked, ds_str(id), NULL) : put_n(id, i);
		s[i] = snapshot_of(i % 2 ? mapped : asked, 0);
	}
	for (i = 0; i < 20; i = i * 2 + 1) {
		for (k = 0; k < 20; k++) {
			int64_t want = NONE(ENOENT);
			int n;

			for (n = k % 10; n <= i; n += 10)
				want = n == 13 ? NONE(ENOENT) : n;
			snprintf(id, sizeof(id), "times%d", k % 10);
			good &= get_n(s[i], id) == want;
		}
		ds_close(s[i]);
		s[i] = NULL;
	}
	ok(good, "twenty snapshots, each of its time");
	for (i = 0; i < 20; i++) {
		if (!s[i])
			continue;
		snprintf(id, sizeof(id), "times%d", i % 10);
		good &= get_n(s[i], id) == (i == 13 ? NONE(ENOENT) : i);
		ds_close(s[i]);
	}
	ok(good, "closed in another order than they were taken");
}

/* --- what a snapshot is not for -------------------------------------------------------- */

static void test_refused(void)
{
	struct docstore_coordinator coordinator = { .size = sizeof(coordinator) };
	struct docstore_snapshot_info info = { .size = sizeof(info) }, *list;
	struct ds_store *s = snapshot_of(mapped, 0), *other = mapped;
	struct ds_prop prop = { ds_str("n"), ds_s64(1) };
	struct ds_batch *batch;
	struct ds_doc doc;
	struct ds_txn *txn;
	uint32_t id;
	size_t n;

	put_n("refused", 1);
	ok(ds_put(s, ds_str("x"), &prop, 1, NULL, NULL) == -EBADF &&
	   ds_put(s, ds_str("x"), NULL, 0, NULL, NULL) == -EBADF &&
	   ds_set(s, ds_str("x"), ds_str("n"), ds_s64(1), NULL, NULL) == -EBADF &&
	   ds_set(s, ds_str("x"), ds_str("never heard"), ds_s64(1), NULL, NULL) == -EBADF &&
	   ds_unset(s, ds_str("x"), ds_str("n"), NULL, NULL) == -EBADF &&
	   ds_add(s, ds_str("x"), ds_str("n"), 1, NULL, NULL) == -EBADF &&
	   ds_delete(s, ds_str("x"), NULL) == -EBADF, "nothing can be written to a snapshot");
	ok(!ds_batch_new(s, &batch) && ds_batch_delete(batch, ds_str("refused")) == 0 &&
	   ds_batch_submit(batch, 0, 0) == -EBADF &&
	   ds_batch_submit(batch, DOCSTORE_SUBMIT_ATOMIC, 0) == -EBADF, "nor by a batch");
	ds_batch_free(batch);
	ok(ds_intern(s, ds_str("nobody's name"), &id) == -EBADF && !ds_intern(s, ds_str("n"), &id),
	   "it makes no names");
	ok(ds_snapshot(s, NULL, &other) == -EBADF && !other &&
	   ds_txn_begin(s, NULL, &txn) == -EBADF && !txn &&
	   ds_snapshots(s, &list, sizeof(*list), &n) == -EBADF && !list && !n &&
	   ds_coordinator(s, &coordinator, NULL, 0, 0) == -EBADF, "nor snapshots");
	ok(ds_snapshot_info(mapped, &info) == -EBADF &&
	   ds_snapshot_doc(mapped, ds_str("refused"), &doc) == -EBADF && !ds_snapshot_valid(mapped),
	   "a store is no snapshot");
	ok(get_n(mapped, "refused") == 1 && get_n(mapped, "x") == NONE(ENOENT),
	   "none of it has changed anything");
	ok(shows(s, "", 0, 0, -EINVAL) && ds_snapshot_doc(s, ds_str(""), &doc) == -EINVAL &&
	   ds_snapshot_doc(s, ds_mem(by_map, 256), &doc) == -ENAMETOOLONG, "ids that are none");
	ds_close(s);
}

/* --- names and the order of closing ----------------------------------------------------- */

static void test_order(void)
{
	struct ds_store *store = both_open(NAME, 0), *s, *t;
	struct ds_str name;
	uint32_t id = 0, again;

	put_n("order", 1);
	s = snapshot_of(store, 0);
	t = snapshot_of(store, 0);
	put_n("order", 2);
	ok(!ds_intern(asked, ds_str("a later name"), &id) &&
	   !ds_lookup(s, ds_str("a later name"), &again) && again == id &&
	   !ds_name(s, id, &name) && !strcmp(name.data, "a later name") &&
	   ds_lookup(s, ds_str("no name"), &again) == -ENODATA,
	   "a snapshot knows names that came later");
	ds_close(store);
	ok(get_n(s, "order") == 1 && get_n(t, "order") == 1, "the store is closed first");
	ds_close(t);
	ok(get_n(s, "order") == 1 && !ds_name(s, id, &name) && !strcmp(name.data, "a later name"),
	   "then one snapshot");
	ds_close(s);
	ok(get_n(mapped, "order") == 2, "then the other");
}

/* --- documents where they lie -------------------------------------------------------------- */

#define BIG		50000

static bool big_is(const struct ds_doc *doc, int n)
{
	struct ds_value value;
	const unsigned char *p;
	uint32_t name;
	size_t i;

	if (ds_lookup(asked, ds_str("bytes"), &name) || ds_doc_find(doc, name, &value) < 0 ||
	    value.type != DOCSTORE_TYPE_BYTES || value.str.len != BIG + (size_t)n)
		return false;
	p = value.str.data;
	for (i = 0; i < value.str.len; i++)
		if (p[i] != (unsigned char)(n + 1))
			return false;
	return doc->id.len == 4 && !memcmp(doc->id.data, "big", 3);
}

static bool put_big(int i, int n)
{
	struct ds_prop props[2] = { { ds_str("bytes"), ds_bytes(by_call, BIG + (size_t)n) },
				    { ds_str("n"), ds_s64(n) } };
	char id[16];

	memset(by_call, n + 1, BIG + (size_t)n);
	snprintf(id, sizeof(id), "big%d", i);
	return !ds_put(asked, ds_str(id), props, 2, NULL, NULL);
}

static void test_doc(void)
{
	struct ds_doc docs[2][10], doc;
	uint64_t versions[10];
	struct ds_store *s[2];
	bool good = true, same = true;
	const char *way;
	char id[16];
	int i, k;

	for (i = 0; i < 10; i++)
		good &= put_big(i, i);
	for (i = 0; i < 10; i++) {
		snprintf(id, sizeof(id), "big%d", i);
		good &= !ds_version(asked, ds_str(id), &versions[i]);
	}
	for (k = 0; k < 2; k++) {
		s[k] = snapshot_of(k ? asked : mapped, 0);
		for (i = 0; i < 10; i++) {
			snprintf(id, sizeof(id), "big%d", i);
			good &= !ds_snapshot_doc(s[k], ds_str(id), &docs[k][i]);
		}
		good &= ds_snapshot_doc(s[k], ds_str("big!"), &doc) == -ENOENT;
	}
	ok(good, "documents where they lie");
	/* As much as the store may hold, several times. */
	for (k = 0; k < 400; k++)
		good &= put_big(k % 10, 100 + k % 100);
	for (i = 0; i < 10; i += 2) {
		snprintf(id, sizeof(id), "big%d", i);
		good &= !ds_delete(asked, ds_str(id), NULL);
	}
	ok(good, "they are written over and over, and deleted");
	for (k = 0; k < 2; k++) {
		way = k ? "copies" : "the mapping";
		for (i = 0; i < 10; i++)
			same &= big_is(&docs[k][i], i) && docs[k][i].version == versions[i];
		ok(same && ds_snapshot_valid(s[k]), "they are as they were, in %s", way);
		for (i = 0; i < 10; i++) {
			snprintf(id, sizeof(id), "big%d", i);
			same &= !ds_snapshot_doc(s[k], ds_str(id), &doc) && big_is(&doc, i);
		}
		ok(same, "and still to be found, in %s", way);
		ds_close(s[k]);
	}
}

/* --- leases ----------------------------------------------------------------------------------- */

static void test_lease(void)
{
	struct docstore_snapshot_info info = { .size = sizeof(info) };
	struct docstore_read_item item = { .id = (uintptr_t)"big1", .id_len = 4 };
	struct ds_store *s[2], *longer;
	struct ds_scan *scan;
	bool good = true;
	uint32_t i, seen;
	int k;

	put_big(1, 1);
	put_n("leased", 1);
	longer = snapshot_of(mapped, 3600 * 1000);
	for (k = 0; k < 2; k++) {
		struct ds_doc doc, now;
		size_t len = ROOM;
		unsigned int tries = 0;

		s[k] = snapshot_of(k ? asked : mapped, 300);
		good = !ds_snapshot_doc(s[k], ds_str("big1"), &doc) && big_is(&doc, 1) &&
		       ds_snapshot_valid(s[k]) && get_n(s[k], "leased") == 1;
		ok(good && !ds_snapshot_info(s[k], &info) && info.lease_ms == 300 && !info.state &&
		   info.age < 300000000, "a snapshot with a lease, by %s", k ? "the kernel" :
		   "the mapping");
		while (ds_snapshot_valid(s[k]) && tries++ < 1000)
			usleep(10000);
		ok(!ds_snapshot_valid(s[k]) && shows(s[k], "leased", 0, 0, -ESTALE) &&
		   shows(s[k], "nobody", 0, 0, -ESTALE) &&
		   ds_snapshot_doc(s[k], ds_str("big1"), &now) == -ESTALE &&
		   ds_read_many(s[k], &item, 1, by_map, &len) == -ESTALE &&
		   ds_read_together(s[k], &item, 1, by_map, &len) == -ESTALE,
		   "when it is over, nothing is read any more");
		ok(!ds_scan_new(s[k], NULL, &scan) && ds_scan_next(scan, &now) == -ESTALE,
		   "nor scanned");
		ds_scan_free(scan);
		ok(!ds_snapshot_info(s[k], &info) && info.state == DOCSTORE_SNAPSHOT_REVOKED,
		   "and it says why");
		/* What lies there may be anything by now, and be looked at all the same. */
		for (i = 0; i < 300; i++)
			good &= put_big((int)i % 10, (int)i % 100);
		seen = 0;
		for (i = 0; i < doc.nprops; i++) {
			struct ds_value value = ds_doc_value(&doc, i);
			const unsigned char *p = value.str.data;
			size_t n;

			seen += ds_doc_name(&doc, i) + ds_doc_set_version(&doc, i);
			for (n = 0; value.type >= DOCSTORE_TYPE_STRING && n < value.str.len; n++)
				seen += p[n];
		}
		ok(good && seen && !ds_snapshot_valid(s[k]), "what is left can be looked at");
		ds_close(s[k]);
		put_big(1, 1);
	}
	ok(get_n(longer, "leased") == 1 && ds_snapshot_valid(longer), "another lease is not over");
	ds_close(longer);
}

/* --- what there is to be known about them -------------------------------------------------- */

static int position(uint64_t id, struct docstore_snapshot_info *found)
{
	struct docstore_snapshot_info *list = NULL;
	int at = -ENOENT;
	size_t n, i;

	if (ds_snapshots(mapped, &list, sizeof(*list), &n))
		return -EIO;
	for (i = 0; i < n; i++) {
		if (list[i].id != id)
			continue;
		at = (int)i;
		*found = list[i];
	}
	free(list);
	return at;
}

static void test_info(void)
{
	struct docstore_snapshot_info info = { .size = sizeof(info) }, last, found;
	struct { struct docstore_snapshot_info info; uint64_t more[4]; } newer;
	struct ds_store *s[40];
	unsigned int tries = 0;
	bool good = true;
	size_t n;
	int i;

	for (i = 0; i < 40; i++) {
		put_n("info", i);
		s[i] = snapshot_of(mapped, i ? 0 : 1000000);
	}
	put_n("info", 40);
	ok(!ds_snapshot_info(s[0], &info) && info.id && info.lease_ms == 1000000 && !info.state &&
	   info.uid == getuid() && info.created && info.versions == 1 && info.bytes >= 48,
	   "what a snapshot is");
	for (i = 1; i < 40; i++) {
		last = info;
		info.size = sizeof(info);
		good &= !ds_snapshot_info(s[i], &info) && info.id > last.id && !info.lease_ms &&
			info.age < last.age + 1000000000;
		good &= position(info.id, &found) > position(last.id, &last);
		good &= found.id == info.id && found.versions == 1 && found.bytes == info.bytes;
	}
	ok(good, "forty of them are listed in their order");
	memset(&newer, 0xa5, sizeof(newer));
	newer.info.size = sizeof(info);
	ok(!ds_snapshot_info(s[1], &newer.info) && newer.more[0] == 0xa5a5a5a5a5a5a5a5ULL,
	   "no more is filled in than the caller knows");
	info.size = 2;
	ok(ds_snapshot_info(s[1], &info) == -EINVAL &&
	   ds_snapshots(mapped, &(struct docstore_snapshot_info *){ NULL }, 3, &n) == -EINVAL,
	   "who knows nothing is refused");
	info.size = sizeof(info);
	ds_snapshot_info(s[7], &info);
	for (i = 0; i < 40; i++)
		ds_close(s[i]);
	while (position(info.id, &found) != -ENOENT && tries++ < 1000)
		put_n("info", tries);
	ok(position(info.id, &found) == -ENOENT, "a closed one is gone when it was looked through");
}

static void test_coordinator(void)
{
	struct docstore_coordinator before = { .size = sizeof(before) }, after = before;
	struct docstore_waiting waiting[4];
	struct ds_batch *batch;
	char id[16];
	int i, ret;

	ok(ds_coordinator(mapped, &before, waiting, sizeof(waiting[0]), 4) == 0 &&
	   before.max_queued && !before.queued, "nobody waits for the coordinator");
	after.size = 20;
	ok(ds_coordinator(mapped, &after, NULL, 0, 0) == -EINVAL, "who knows nothing is refused");
	ds_batch_new(mapped, &batch);
	for (i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "span%d", i);
		ds_batch_set(batch, ds_str(id), ds_str("n"), ds_s64(i));
	}
	ret = ds_batch_submit(batch, DOCSTORE_SUBMIT_ATOMIC, 0);
	after.size = sizeof(after);
	ok(!ret && !ds_coordinator(mapped, &after, NULL, 0, 0) &&
	   after.commits == before.commits + 1 && after.refused == before.refused,
	   "a batch that spans partitions is counted");
	ds_batch_clear(batch);
	for (i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "span%d", i);
		ret = ds_batch_check(batch, ds_str(id));
		ds_batch_require(batch, ret, i == 7 ? DOCSTORE_IF_ABSENT : DOCSTORE_IF_EXISTS, 0);
	}
	ret = ds_batch_submit(batch, DOCSTORE_SUBMIT_ATOMIC, 0);
	ok(ret == 50 && ds_batch_op(batch, 7)->result == -EEXIST &&
	   !ds_coordinator(mapped, &after, NULL, 0, 0) && after.refused == before.refused + 1,
	   "one that is refused, too");
	ds_batch_free(batch);
}

/* --- together ---------------------------------------------------------------------------- */

#define ITEMS	100

static void prepare(struct docstore_read_item *items, char ids[][16], bool odd)
{
	unsigned int i;

	memset(items, 0x5a, ITEMS * sizeof(*items));
	for (i = 0; i < ITEMS; i++) {
		snprintf(ids[i], 16, "together%u", i);
		items[i].id = (uintptr_t)ids[i];
		items[i].id_len = (__u32)strlen(ids[i]);
		if (odd && i % 50 == 21)
			items[i].id_len = 0;
		if (odd && i % 50 == 22)
			items[i].id_len = 256 + i;
	}
}

/* The same by both, and by a snapshot. */
static bool same_together(struct ds_store *a, struct ds_store *b, size_t room, bool odd)
{
	static struct docstore_read_item items_a[ITEMS], items_b[ITEMS];
	static char ids[ITEMS][16];
	size_t len_a = room, len_b = room, i;
	int ret_a, ret_b;

	prepare(items_a, ids, odd);
	prepare(items_b, ids, odd);
	memset(by_map + room, 0x55, 8);
	ret_a = ds_read_together(a, items_a, ITEMS, by_map, &len_a);
	ret_b = ds_read_together(b, items_b, ITEMS, by_call, &len_b);
	if (ret_a != ret_b || memcmp(by_map + room, "\x55\x55\x55\x55\x55\x55\x55\x55", 8))
		return false;
	/* How much room is left over behind the last one is nobody's business. */
	if (len_a + 8 < len_b || len_b + 8 < len_a)
		return false;
	if (ret_a < 0)
		return ret_a == -ENOBUFS && len_a > room && len_b > room;
	if (ret_a != ITEMS || len_a > room)
		return false;
	for (i = 0; i < ITEMS; i++) {
		struct ds_doc doc_a, doc_b;
		int err = ds_read_item(&items_a[i], by_map, len_a, &doc_a);

		if (err != ds_read_item(&items_b[i], by_call, len_b, &doc_b) ||
		    err != items_b[i].result)
			return false;
		if (!err && (doc_a.bytes != doc_b.bytes ||
			     memcmp(by_map + items_a[i].offset, by_call + items_b[i].offset,
				    doc_a.bytes)))
			return false;
	}
	return true;
}

static void test_together(void)
{
	static struct docstore_read_item items[DOCSTORE_MAX_OPS + 1];
	struct docstore_read_item nowhere = { .id = 0, .id_len = 3 };
	size_t len = 100, i, need = 0;
	struct ds_store *s, *t;
	bool good = true;
	char id[16];

	for (i = 0; i < ITEMS; i++) {
		snprintf(id, sizeof(id), "together%zu", i);
		if (i % 10 != 3)
			good &= !ds_set(asked, ds_str(id), ds_str("v"),
					ds_bytes(by_map, i * 5 % 333), NULL, NULL);
	}
	s = snapshot_of(mapped, 0);
	t = snapshot_of(asked, 0);
#ifndef FAKE_KERNEL
	/* That one does not look at ids before it reads. */
	ok(good && same_together(mapped, asked, ROOM, true), "together, ids that are none");
	ok(same_together(s, t, ROOM, true), "and of snapshots");
#endif
	ok(good && same_together(mapped, asked, ROOM, false) && same_together(s, asked, ROOM, false) &&
	   same_together(mapped, t, ROOM, false), "together, by the mapping and by the kernel");
	for (i = 0; i < 40000; i += 997)
		good &= same_together(mapped, asked, i, false) && same_together(s, t, i, false);
	ok(good, "in rooms of every size");
	prepare(items, (char (*)[16])(by_call + ROOM), false);
	good = ds_read_together(mapped, items, ITEMS, NULL, &need) == -ENOBUFS;
	len = need - 1;
	good &= ds_read_together(mapped, items, ITEMS, by_map, &len) == -ENOBUFS && len == need;
	ok(good && ds_read_together(mapped, items, ITEMS, by_map, &need) == ITEMS,
	   "it tells how much room they need");
	ok(ds_read_together(mapped, items, 0, by_map, &len) == -EINVAL, "nothing to be read");
	ok(ds_read_together(mapped, items, DOCSTORE_MAX_OPS + 1, by_map, &len) == -E2BIG &&
	   ds_read_together(asked, items, DOCSTORE_MAX_OPS + 1, by_map, &len) == -E2BIG,
	   "more than one call may take");
#ifndef FAKE_KERNEL
	ok(ds_read_together(mapped, &nowhere, 1, by_map, &len) == -EFAULT &&
	   ds_read_together(asked, &nowhere, 1, by_map, &len) == -EFAULT, "an id that points nowhere");
#else
	(void)nowhere;
#endif
	ds_close(s);
	ds_close(t);
}

/* --- from another process ------------------------------------------------------------------- */

#ifndef ENGINE_KERNEL
static void test_inherited(void)
{
	struct ds_open_opts no_map = { .size = sizeof(no_map), .flags = DS_OPEN_NO_MAP };
	struct ds_store *s, *a = NULL, *b = NULL, *none = mapped;
	uint64_t version = 0;
	int fds[2], fd;

	put_n("inherited", 1);
	ds_version(mapped, ds_str("inherited"), &version);
	s = snapshot_of(mapped, 0);
	put_n("inherited", 2);
	fd = dup(ds_fd(s));
	ok(!ds_open_snapshot(fd, NULL, &a) && ds_fd(a) == fd && get_n(a, "inherited") == 1 &&
	   !MAP_STAT(mapped, map_bytes) == !MAP_STAT(a, map_bytes), "a snapshot from its descriptor");
	ok(!ds_open_snapshot(dup(fd), &no_map, &b) && get_n(b, "inherited") == 1 &&
	   !MAP_STAT(b, map_bytes), "and not mapped, if so asked");
	ds_close(s);
	ds_close(b);
	ok(get_n(a, "inherited") == 1 && shows(a, "inherited", 1, version, 0), "it stays for all who have it");
	ds_close(a);
	no_map.flags = 1 << 4;
	ok(ds_open_snapshot(0, &no_map, &none) == -EINVAL && !none, "unknown flags");
	ok(!pipe(fds) && ds_open_snapshot(fds[0], NULL, &none) < 0 && !none &&
	   ds_open_snapshot(ds_fd(mapped), NULL, &none) == -EBADF && !none &&
	   ds_open_snapshot(-1, NULL, &none) == -EBADF && get_n(mapped, "inherited") == 2,
	   "descriptors that are no snapshots");
	close(fds[0]);
	close(fds[1]);
}
#else
static void test_inherited(void)
{
}
#endif

/* --- threads ------------------------------------------------------------------------------ */

#ifndef FAKE_KERNEL

#define PAIRS		24
#define THREADS		5

static bool stop;
static uint64_t done[2];

static struct ds_str id_of(char *buffer, size_t size, unsigned int pair, unsigned int half)
{
	snprintf(buffer, size, "pair%u%c", pair, "ab"[half]);
	return ds_str(buffer);
}

/* Both documents of a pair, or none, have the same number, which only grows. */
static bool write_pair(struct ds_batch *batch, unsigned int pair, int64_t n, bool gone)
{
	unsigned int half;
	char id[16];

	ds_batch_clear(batch);
	for (half = 0; half < 2; half++) {
		struct ds_str str = id_of(id, sizeof(id), pair, half);

		if (gone) {
			ds_batch_touch(batch, str, 0);
			ds_batch_delete(batch, str);
		} else {
			ds_batch_set(batch, str, ds_str("n"), ds_s64(n));
			ds_batch_set(batch, str, ds_str("fill"),
				     ds_bytes(by_call, (size_t)(n * 13 % 700)));
		}
	}
	return !ds_batch_submit(batch, DOCSTORE_SUBMIT_ATOMIC, 0);
}

static void *writer(void *arg)
{
	unsigned int me = (unsigned int)(uintptr_t)arg, x = me + 77;
	struct ds_batch *batch;
	int64_t n = me;
	void *bad = NULL;

	if (ds_batch_new(mapped, &batch))
		return &stop;
	while (!bad && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		x = x * 1103515245 + 12345;
		n += 2;
		if (!write_pair(batch, (x >> 8) % (PAIRS / 2) * 2 + me, n, (x >> 28) % 8 == 0)) {
			printf("# a pair could not be written\n");
			bad = &stop;
		}
		__atomic_fetch_add(&done[0], 1, __ATOMIC_RELAXED);
	}
	ds_batch_free(batch);
	return bad;
}

static int64_t n_of(const struct docstore_read_item *item, const void *buffer, size_t len)
{
	struct seen seen = { .n = 0 };
	struct ds_doc doc;
	int err = ds_read_item(item, buffer, len, &doc);

	if (err)
		return NONE(-err);
	return see(&doc, &seen) ? NONE(EIO) : seen.n;
}

/* All pairs, some of them; together, or as of a snapshot: no half of one without the other. */
static bool look_at_pairs(struct ds_store *s, unsigned int first, unsigned int count, char *buffer,
			  bool many)
{
	struct docstore_read_item items[2 * PAIRS];
	char ids[2 * PAIRS][16];
	size_t len = ROOM;
	unsigned int i;
	int ret;

	for (i = 0; i < 2 * count; i++) {
		struct ds_str id = id_of(ids[i], 16, (first + i / 2) % PAIRS, i % 2);

		items[i].id = (uintptr_t)id.data;
		items[i].id_len = (__u32)id.len;
	}
	ret = many ? ds_read_many(s, items, 2 * count, buffer, &len) :
		     ds_read_together(s, items, 2 * count, buffer, &len);
	if (ret != (int)(2 * count)) {
		printf("# %d of %u items\n", ret, 2 * count);
		return false;
	}
	for (i = 0; i < 2 * count; i += 2) {
		int64_t a = n_of(&items[i], buffer, len), b = n_of(&items[i + 1], buffer, len);

		if (a == b && (a == NONE(ENOENT) || a >= 0))
			continue;
		printf("# %s: %lld and %lld\n", ids[i], (long long)a, (long long)b);
		return false;
	}
	return true;
}

/* One by one, in a snapshot, in all ways. */
static bool look_at_snapshot(struct ds_store *s, char *buffer)
{
	unsigned int pair;
	char id[16];

	for (pair = 0; pair < PAIRS; pair++) {
		struct ds_doc docs[2];
		struct seen seen[2] = { 0 };
		int err[2];
		int64_t n;

		err[0] = ds_snapshot_doc(s, id_of(id, sizeof(id), pair, 0), &docs[0]);
		n = get_n(s, id);
		err[1] = ds_snapshot_doc(s, id_of(id, sizeof(id), pair, 1), &docs[1]);
		if (err[0] != err[1] || get_n(s, id) != n || (err[0] && err[0] != -ENOENT))
			return false;
		if (err[0] ? n != NONE(ENOENT) : see(&docs[0], &seen[0]) || see(&docs[1], &seen[1]) ||
		    seen[0].n != n || seen[1].n != n)
			return false;
	}
	return look_at_pairs(s, 0, PAIRS, buffer, true) && look_at_pairs(s, 0, PAIRS, buffer, false);
}

static void *reader(void *arg)
{
	unsigned int me = (unsigned int)(uintptr_t)arg, x = me * 12345 + 1;
	char *buffer = malloc(ROOM);
	void *bad = NULL;

	while (!bad && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		bool good = true;

		x = x * 1103515245 + 12345;
		if (me == 2) {
			struct ds_store *s = snapshot_of((x >> 20) % 4 ? mapped : asked, 0);

			good = look_at_snapshot(s, buffer);
			if (good && (x >> 12) % 4 == 0) {
				usleep(2000);
				good = look_at_snapshot(s, buffer);
			}
			ds_close(s);
		} else {
			good = look_at_pairs((x >> 20) % 16 ? mapped : asked, (x >> 8) % PAIRS,
					     1 + (x >> 16) % (me == 3 ? 2 : PAIRS), buffer, false);
		}
		if (!good) {
			printf("# reader %u\n", me);
			bad = &stop;
		}
		__atomic_fetch_add(&done[1], 1, __ATOMIC_RELAXED);
	}
	free(buffer);
	return bad;
}

static void test_threads(void)
{
	uint64_t refused = MAP_STAT(mapped, refused), retries = MAP_STAT(mapped, retries);
	pthread_t threads[THREADS];
	bool good = true;
	unsigned int i;
	void *bad;

	for (i = 0; i < THREADS; i++)
		good &= !pthread_create(&threads[i], NULL, i < 2 ? writer : reader, (void *)(uintptr_t)i);
	sleep(seconds(3));
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		good &= !bad;
	}
	ok(good && done[0] > 50 && done[1] > 50, "pairs are seen as pairs, whatever is written meanwhile");
	printf("# %llu written, %llu reads, %llu retries, %llu refused\n", (unsigned long long)done[0],
	       (unsigned long long)done[1],
	       (unsigned long long)(MAP_STAT(mapped, retries) - retries),
	       (unsigned long long)(MAP_STAT(mapped, refused) - refused));
}

#else
static void test_threads(void)
{
}
#endif

int main(void)
{
	by_map = malloc(2 * ROOM);
	by_call = malloc(2 * ROOM);
	memset(by_map, 1, 2 * ROOM);
	memset(by_call, 1, 2 * ROOM);
	both_begin(NAME);
	test_frozen();
	test_many_snapshots();
	test_refused();
	test_order();
	test_doc();
	test_lease();
	test_info();
	test_coordinator();
	test_together();
	test_inherited();
	test_threads();
	free(by_map);
	free(by_call);
	return both_end(NAME);
}

// SPDX-License-Identifier: GPL-2.0
/* libdocstore: transactions. */
#include <pthread.h>

#include "lib_both.h"

#define NAME		"lib-txn-test"

static char buffer[ROOM];

static struct ds_txn *begin(void)
{
	struct ds_txn *txn;
	int err = ds_txn_begin(mapped, NULL, &txn);

	if (err) {
		printf("Bail out! cannot begin a transaction: %s\n", strerror(-err));
		exit(1);
	}
	return txn;
}

/* A number that the transaction reads; see get_n(). */
static int64_t read_n(struct ds_txn *txn, const char *id)
{
	struct ds_value value;
	size_t len = 0;
	int err = ds_txn_get_property(txn, ds_str(id), ds_str("n"), NULL, &len, &value);

	return err ? INT64_MIN - err : value.s64;
}

static bool write_n(struct ds_txn *txn, const char *id, int64_t n)
{
	return ds_batch_set(ds_txn_batch(txn), ds_str(id), ds_str("n"), ds_s64(n)) >= 0;
}

static int end(struct ds_txn *txn)
{
	int err = ds_txn_commit(txn, 0);

	ds_txn_free(txn);
	return err;
}

static void test_commit(void)
{
	struct ds_txn *txn;
	const struct docstore_op *op;
	size_t len = sizeof(buffer);
	struct ds_doc doc;
	uint64_t version;
	int n;

	put_n("a", 1);
	put_n("b", 10);
	txn = begin();
	ok(read_n(txn, "a") == 1 && read_n(txn, "b") == 10 && read_n(txn, "nobody") == NONE(ENOENT) &&
	   write_n(txn, "a", 2) && write_n(txn, "b", 9), "two documents are read and written");
	ok(read_n(txn, "a") == 1 && get_n(mapped, "a") == 1, "nobody sees that, not even the transaction");
	ok(!ds_txn_commit(txn, 0) && get_n(mapped, "a") == 2 && get_n(asked, "b") == 9,
	   "it is committed");
	op = ds_batch_op(ds_txn_batch(txn), 0);
	ok(op && op->version == 2 && !op->result, "and tells the new version");
	n = (int)ds_batch_count(ds_txn_batch(txn));
	ok(n == 3 && ds_batch_op(ds_txn_batch(txn), 2)->code == DOCSTORE_OP_CHECK,
	   "what was read and not written is checked");
	ok(ds_txn_commit(txn, 0) == -EALREADY && read_n(txn, "a") == NONE(EALREADY) &&
	   ds_txn_version(txn, ds_str("a"), NULL) == -EALREADY && !ds_txn_snapshot(txn) &&
	   ds_txn_get(txn, ds_str("a"), buffer, &len, &doc) == -EALREADY &&
	   ds_txn_depend(txn, ds_str("a"), 1) == -EALREADY, "that is all that it does");
	ds_txn_free(txn);

	txn = begin();
	ok(read_n(txn, "a") == 2 && write_n(txn, "a", 77), "a transaction is left");
	ds_txn_free(txn);
	ok(get_n(mapped, "a") == 2, "and nothing has happened");
	ds_txn_free(NULL);

	txn = begin();
	put_n("a", 3);
	len = sizeof(buffer);
	ok(read_n(txn, "a") == 2 && !ds_txn_version(txn, ds_str("a"), &version) && version == 2 &&
	   !ds_txn_get(txn, ds_str("a"), buffer, &len, &doc) && doc.version == 2 &&
	   get_n(ds_txn_snapshot(txn), "a") == 2, "all ways to read see the same moment");
	ok(!end(txn), "who only reads is in nobody's way");
}

/* --- conflicts -------------------------------------------------------------------------- */

enum how { PROPERTY, MISSING, WHOLE, TOO_SMALL, VERSION, MANY, DEPEND, WAYS };

static const char * const ways[] = {
	"a property", "a property that it lacks", "the document", "a part of it", "its version",
	"it among many", "it in another way",
};

/* Read a document, or that there is none, in one of the ways. */
static bool read_somehow(struct ds_txn *txn, const char *text, enum how how, bool there)
{
	struct docstore_read_item items[3] = {
		{ .id = (uintptr_t)"other", .id_len = 5 },
		{ .id = (uintptr_t)text, .id_len = (__u32)strlen(text) },
		{ .id = (uintptr_t)"nobody", .id_len = 6 },
	};
	struct ds_str id = ds_str(text);
	size_t len = sizeof(buffer);
	struct ds_value value;
	struct ds_doc doc;
	uint64_t version;
	int err;

	switch (how) {
	case PROPERTY:
		err = ds_txn_get_property(txn, id, ds_str("n"), buffer, &len, &value);
		break;
	case MISSING:
		err = ds_txn_get_property(txn, id, ds_str("not there"), buffer, &len, &value);
		if (there)
			return err == -ENODATA;
		break;
	case WHOLE:
		err = ds_txn_get(txn, id, buffer, &len, &doc);
		break;
	case TOO_SMALL:
		len = 3;
		err = ds_txn_get(txn, id, buffer, &len, &doc);
		if (there)
			return err == -ENOBUFS && len > 48;
		break;
	case VERSION:
		err = ds_txn_version(txn, id, &version);
		break;
	case MANY:
		return ds_txn_read_many(txn, items, 3, buffer, &len) == 3;
	default:
		err = ds_version(ds_txn_snapshot(txn), id, &version);
		if (ds_txn_depend(txn, id, err ? 0 : version))
			return false;
	}
	return err == (there ? 0 : -ENOENT);
}

static void test_conflicts(void)
{
	unsigned int how;

	put_n("other", 1);
	put_n("target", 1);
	for (how = 0; how < WAYS; how++) {
		struct ds_txn *txn[5];
		bool good = true;
		int i, err[5];

		put_n("doc", 1);
		ds_delete(asked, ds_str("none"), NULL);
		for (i = 0; i < 5; i++) {
			txn[i] = begin();
			good &= read_somehow(txn[i], "doc", how, true) &&
				read_somehow(txn[i], "none", how, false) &&
				write_n(txn[i], "target", i);
		}
		good &= write_n(txn[2], "doc", 50);
		err[0] = end(txn[0]);
		put_n("doc", 2);
		err[1] = end(txn[1]);
		err[2] = end(txn[2]);
		ds_delete(asked, ds_str("doc"), NULL);
		err[3] = end(txn[3]);
		put_n("doc", 1);
		err[4] = end(txn[4]);
		ok(good && !err[0] && err[1] == -ESTALE && err[2] == -ESTALE && err[3] == -ESTALE &&
		   err[4] == -ESTALE && get_n(mapped, "doc") == 1 && get_n(mapped, "target") == 0,
		   "who has read %s sees a conflict", ways[how]);

		txn[0] = begin();
		txn[1] = begin();
		good = read_somehow(txn[0], "none", how, false) && write_n(txn[0], "target", 10) &&
		       read_somehow(txn[1], "none", how, false) && write_n(txn[1], "none", 11);
		put_n("none", 1);
		err[0] = end(txn[0]);
		err[1] = end(txn[1]);
		ok(good && err[0] == -ESTALE && err[1] == -ESTALE && get_n(mapped, "none") == 1,
		   "and who has found none");
	}
}

static void test_conditions(void)
{
	struct ds_txn *txn, *other;
	struct ds_batch *batch;
	char id[16];
	int i, op;

	put_n("x", 1);
	put_n("y", 1);
	txn = begin();
	ok(write_n(txn, "x", 5) && put_n("x", 2) && !end(txn) && get_n(mapped, "x") == 5,
	   "who has not read does not care");

	/* Each reads both and writes one: what they have seen can't be of both. */
	txn = begin();
	other = begin();
	ok(read_n(txn, "x") == 5 && read_n(txn, "y") == 1 && write_n(txn, "x", -1) &&
	   read_n(other, "x") == 5 && read_n(other, "y") == 1 && write_n(other, "y", -5) &&
	   !end(txn) && end(other) == -ESTALE && get_n(mapped, "x") == -1 && get_n(mapped, "y") == 1,
	   "two that have read what the other one writes");

	txn = begin();
	batch = ds_txn_batch(txn);
	op = ds_batch_delete(batch, ds_str("y"));
	ds_batch_require(batch, op, DOCSTORE_IF_VERSION, 999);
	ok(read_n(txn, "x") == -1 && end(txn) == -ESTALE && get_n(mapped, "y") == 1,
	   "a condition of the caller's own");
	txn = begin();
	batch = ds_txn_batch(txn);
	op = ds_batch_delete(batch, ds_str("y"));
	ds_batch_require(batch, op, DOCSTORE_IF_VERSION, 1);
	ok(read_n(txn, "y") == 1 && put_n("y", 2) && end(txn) == -ESTALE && get_n(mapped, "y") == 2,
	   "and one of both");
	txn = begin();
	batch = ds_txn_batch(txn);
	op = ds_batch_add(batch, ds_str("new"), ds_str("n"), 1);
	ds_batch_require(batch, op, DOCSTORE_IF_ABSENT, 0);
	ok(read_n(txn, "new") == NONE(ENOENT) && read_n(txn, "y") == 2 && !end(txn) &&
	   get_n(mapped, "new") == 1, "conditions that hold");
	txn = begin();
	ok(ds_batch_delete(ds_txn_batch(txn), ds_str("nobody")) == 0 && write_n(txn, "y", 3) &&
	   end(txn) == -ENOENT && get_n(mapped, "y") == 2, "an operation that fails");
	txn = begin();
	ok(ds_batch_delete(ds_txn_batch(txn), ds_str("nobody")) == 0 && read_n(txn, "y") == 2 &&
	   put_n("y", 3) && end(txn) == -ESTALE, "a conflict goes before");
	txn = begin();
	ok(!ds_txn_depend(txn, ds_str("y"), 1) && !ds_txn_depend(txn, ds_str("y"), 2) &&
	   write_n(txn, "y", 9) && ds_txn_commit(txn, 0) == -ESTALE &&
	   ds_txn_commit(txn, 0) == -EALREADY && get_n(mapped, "y") == 3, "what can't be true");
	ds_txn_free(txn);
	txn = begin();
	ok(ds_txn_depend(txn, ds_str(""), 1) == -EINVAL &&
	   ds_txn_depend(txn, ds_mem(buffer, 256), 1) == -ENAMETOOLONG &&
	   ds_txn_version(txn, ds_str(""), NULL) == -EINVAL && !end(txn), "ids that are none");

	/* So many that they have to move often. */
	txn = begin();
	for (i = 0; i < 2000; i++) {
		snprintf(id, sizeof(id), "no%d", i);
		if (ds_txn_version(txn, ds_str(id), NULL) != -ENOENT)
			break;
	}
	ok(i == 2000 && write_n(txn, "no7", 7) && write_n(txn, "no7", 8) && !end(txn) &&
	   get_n(mapped, "no7") == 8, "two thousand documents that are not there");
	txn = begin();
	for (i = 0; i < DOCSTORE_MAX_OPS; i++) {
		snprintf(id, sizeof(id), "none%d", i);
		if (ds_txn_depend(txn, ds_str(id), 0))
			break;
	}
	ok(i == DOCSTORE_MAX_OPS && write_n(txn, "x", 7) && ds_txn_commit(txn, 0) == -E2BIG &&
	   get_n(mapped, "x") == -1, "more than a batch may have");
	ds_txn_free(txn);
}

/* --- again and again ------------------------------------------------------------------------ */

struct attempt {
	int calls;
	int conflicts;		/* so often somebody else comes first */
	int ret;
	unsigned int sleep_ms;
};

static int attempt(struct ds_txn *txn, void *arg)
{
	struct attempt *a = arg;
	int64_t n = read_n(txn, "again");

	if (a->calls++ < a->conflicts)
		put_n("again", 1000 * a->calls);
	if (a->sleep_ms && a->calls == 1) {
		while (ds_snapshot_valid(ds_txn_snapshot(txn)))
			usleep(1000 * a->sleep_ms);
		n = read_n(txn, "again");
		return n == NONE(ESTALE) ? -ESTALE : -EIO;
	}
	return write_n(txn, "again", n + 1) ? a->ret : -EIO;
}

static void test_transact(void)
{
	struct ds_transact_opts opts = { .size = sizeof(opts) };
	struct attempt a = { 0 };

	put_n("again", 1);
	ok(!ds_transact(mapped, attempt, &a, NULL) && a.calls == 1 && get_n(mapped, "again") == 2,
	   "a transaction");
	a = (struct attempt){ .conflicts = 3 };
	ok(!ds_transact(mapped, attempt, &a, NULL) && a.calls == 4 && get_n(mapped, "again") == 3001,
	   "it begins again if somebody comes first");
	a = (struct attempt){ .conflicts = 100 };
	ok(ds_transact(mapped, attempt, &a, NULL) == -ESTALE && a.calls == 16 &&
	   get_n(mapped, "again") == 16000, "but not for ever");
	opts.tries = 2;
	a = (struct attempt){ .conflicts = 100 };
	ok(ds_transact(mapped, attempt, &a, &opts) == -ESTALE && a.calls == 2, "nor more often than asked");
	a = (struct attempt){ .conflicts = 1, .ret = 5 };
	ok(ds_transact(mapped, attempt, &a, NULL) == 5 && a.calls == 1 &&
	   get_n(mapped, "again") == 1000, "the function leaves it");
	a = (struct attempt){ .ret = -ESTALE };
	ok(ds_transact(mapped, attempt, &a, NULL) == -ESTALE && a.calls == 1,
	   "for a reason of its own that looks like a conflict");
	a = (struct attempt){ .sleep_ms = 5 };
	opts.lease_ms = 50;
	ok(!ds_transact(mapped, attempt, &a, &opts) && a.calls == 2 && get_n(mapped, "again") == 1001,
	   "the lease was over");
	/* Whoever was compiled before there were more options. */
	opts.size = offsetof(struct ds_transact_opts, tries);
	a = (struct attempt){ .conflicts = 3 };
	ok(!ds_transact(mapped, attempt, &a, &opts) && a.calls == 4,
	   "options beyond the size of their struct are not looked at");
}

/* --- threads ------------------------------------------------------------------------------ */

#ifndef FAKE_KERNEL

#define ACCOUNTS	12
#define THREADS		4
#define EACH		1000

static bool stop;
static uint64_t transfers, looks, gave_up;

struct transfer {
	unsigned int x;
	int64_t moved;
};

static const char *account(char id[24], unsigned int i)
{
	snprintf(id, 24, "account%u", i);
	return id;
}

/*
 * Move money between two accounts, so that neither goes below zero; an account is
 * deleted when it is empty, and made again.
 */
static int move(struct ds_txn *txn, void *arg)
{
	struct transfer *t = arg;
	unsigned int from = t->x % ACCOUNTS, to = (from + 1 + (t->x >> 8) % (ACCOUNTS - 1)) % ACCOUNTS;
	int64_t n = 1 + (t->x >> 16) % 700, a, b;
	char id[24];

	a = read_n(txn, account(id, from));
	if (a == NONE(ENOENT))
		a = 0;
	b = read_n(txn, account(id, to));
	if (b == NONE(ENOENT))
		b = 0;
	if (a < 0 || b < 0)
		return a == NONE(ESTALE) || b == NONE(ESTALE) ? -ESTALE : -EIO;
	t->moved = a < n ? a : n;
	if (!t->moved)
		return 0;
	if (a == t->moved) {
		account(id, from);
		if (ds_batch_delete(ds_txn_batch(txn), ds_str(id)) < 0)
			return -EIO;
	} else if (!write_n(txn, account(id, from), a - t->moved)) {
		return -EIO;
	}
	return write_n(txn, account(id, to), b + t->moved) ? 0 : -EIO;
}

static void *mover(void *arg)
{
	struct transfer t = { .x = (unsigned int)(uintptr_t)arg * 7919 + 1 };
	void *bad = NULL;
	int ret;

	while (!bad && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		t.x = t.x * 1103515245 + 12345;
		ret = ds_transact(mapped, move, &t, NULL);
		if (ret && ret != -ESTALE) {
			printf("# a transfer has failed: %s\n", strerror(-ret));
			bad = &stop;
		}
		__atomic_fetch_add(ret ? &gave_up : &transfers, 1, __ATOMIC_RELAXED);
	}
	return bad;
}

/* In whatever way one looks at all accounts, nothing is lost, and nothing is made. */
static bool all_there(struct ds_store *s, unsigned int how, char *room)
{
	struct docstore_read_item items[ACCOUNTS];
	char ids[ACCOUNTS][24];
	size_t len = ROOM;
	int64_t sum = 0;
	unsigned int i;
	int ret;

	for (i = 0; i < ACCOUNTS; i++) {
		items[i].id = (uintptr_t)account(ids[i], i);
		items[i].id_len = (__u32)strlen(ids[i]);
	}
	if (how % 2) {
		struct ds_store *snapshot = snapshot_of(s, 0);

		ret = ds_read_many(snapshot, items, ACCOUNTS, room, &len);
		ds_close(snapshot);
	} else {
		ret = ds_read_together(s, items, ACCOUNTS, room, &len);
	}
	if (ret != ACCOUNTS)
		return false;
	for (i = 0; i < ACCOUNTS; i++) {
		struct ds_value value;
		struct ds_doc doc;
		uint32_t name;

		ret = ds_read_item(&items[i], room, len, &doc);
		if (ret == -ENOENT)
			continue;
		if (ret || ds_lookup(mapped, ds_str("n"), &name) || ds_doc_find(&doc, name, &value) < 0 ||
		    value.s64 <= 0)
			return false;
		sum += value.s64;
	}
	if (sum != ACCOUNTS * EACH)
		printf("# %lld of %d, way %u\n", (long long)sum, ACCOUNTS * EACH, how);
	return sum == ACCOUNTS * EACH;
}

static void *onlooker(void *arg)
{
	char *room = malloc(ROOM);
	void *bad = NULL;
	unsigned int x = 0;

	(void)arg;
	while (!bad && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		x++;
		if (!all_there(x % 5 ? mapped : asked, x, room))
			bad = &stop;
		__atomic_fetch_add(&looks, 1, __ATOMIC_RELAXED);
	}
	free(room);
	return bad;
}

static void test_threads(void)
{
	pthread_t threads[THREADS];
	bool good = true;
	unsigned int i;
	char id[24];
	void *bad;

	for (i = 0; i < ACCOUNTS; i++)
		good &= put_n(account(id, i), EACH);
	for (i = 0; i < THREADS; i++)
		good &= !pthread_create(&threads[i], NULL, i ? mover : onlooker, (void *)(uintptr_t)i);
	sleep(seconds(3));
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		good &= !bad;
	}
	ok(good && transfers > 50 && looks > 20 && all_there(mapped, 0, buffer),
	   "threads move money, and none is lost, nor ever seen to be");
	printf("# %llu transfers, %llu given up, %llu looks\n", (unsigned long long)transfers,
	       (unsigned long long)gave_up, (unsigned long long)looks);
}

#else
static void test_threads(void)
{
}
#endif

int main(void)
{
	both_begin(NAME);
	test_commit();
	test_conflicts();
	test_conditions();
	test_transact();
	test_threads();
	return both_end(NAME);
}

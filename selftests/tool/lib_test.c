// SPDX-License-Identifier: GPL-2.0
/*
 * libdocstore: what it adds to the system calls. What these do is for the
 * kselftests to say.
 *
 * lib_test has a store in user space behind it, and lib_test_guest the module.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/io_uring.h>

#include "libdocstore.h"
#ifdef WITH_LIBURING
#include "libdocstore_uring.h"
#endif
#include "tap.h"

#define THREADS		4
#define NAMES		3000

static struct ds_store *store;

static struct ds_store *open_new(const char *name)
{
	struct ds_create_opts opts = { .size = sizeof(opts), .partitions = 3 };
	struct ds_store *s;
	int err;

	ds_remove(name, NULL);
	err = ds_create(name, &opts);
	if (!err)
		err = ds_open(name, DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, NULL, &s);
	if (err) {
		printf("Bail out! cannot make a store: %s\n", strerror(-err));
		exit(1);
	}
	return s;
}

static void test_stores(void)
{
	struct docstore_store_info *list, info = { .size = sizeof(info) };
	struct docstore_info module = { .size = sizeof(module) };
	struct ds_create_opts opts = { .size = sizeof(opts), .mode = 0644, .partitions = 3 };
	struct ds_open_opts nowhere = { .size = sizeof(nowhere), .device = "/nowhere" };
	struct ds_store *s = NULL;
	char name[16];
	size_t count, i;
	bool good = true;

	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "list-%zu", i);
		good &= !ds_create(name, NULL);
	}
	good &= !ds_list(NULL, &list, sizeof(*list), &count);
	for (i = 0; good && i < 30; i++) {
		snprintf(name, sizeof(name), "list-%zu", i);
		good &= !strcmp((char *)list[count - 30 + i].name, name);
		good &= !ds_remove(name, NULL);
	}
	ok(good, "many stores are listed in their order");
	free(list);

	ok(!ds_create("made", &opts) && !ds_open("made", DOCSTORE_OPEN_READ, NULL, &s) &&
	   !ds_store_info(s, &info) && info.mode == 0644 && info.partitions == 3 &&
	   !strcmp((char *)info.name, "made"), "a store is made as asked for");
	ds_close(s);
	ds_remove("made", NULL);

	/* Who was compiled with an older struct knows nothing of partitions. */
	opts.size = offsetof(struct ds_create_opts, partitions);
	info.size = sizeof(info);
	ok(!ds_create("made", &opts) && !ds_open("made", DOCSTORE_OPEN_READ, NULL, &s) &&
	   !ds_store_info(s, &info) && info.mode == 0644 && info.partitions != 3,
	   "options beyond the size of their struct are not looked at");
	ds_close(s);

	ok(ds_create("made", NULL) == -EEXIST, "a name is taken once");
	ok(!ds_remove("made", NULL) && ds_remove("made", NULL) == -ENOENT,
	   "a store is removed once");
	ok(ds_open("nowhere", DOCSTORE_OPEN_READ, NULL, &s) == -ENOENT && !s,
	   "a store that is not there cannot be opened");
	ok(ds_create("", NULL) == -EINVAL && ds_create(NULL, NULL) == -EINVAL &&
	   ds_create("0123456789012345678901234567890123456789012345678901234567890123",
		     NULL) == -ENAMETOOLONG, "names of stores are checked");
	ok(!ds_module_info(NULL, &module) && module.abi == DOCSTORE_ABI &&
	   module.max_ops == DOCSTORE_MAX_OPS, "the module tells its limits");
	ok(ds_open("default", DOCSTORE_OPEN_READ, &nowhere, &s) == -ENXIO, "no module: ENXIO");
}

/* --- names ------------------------------------------------------------------------ */

static pthread_barrier_t barrier;
/* The store in user space is for one thread at a time; the names are not. */
static pthread_mutex_t kernel = PTHREAD_MUTEX_INITIALIZER;

static struct ds_str name_of(char *buf, size_t size, unsigned int i)
{
	snprintf(buf, size, "name-%u", i);
	return ds_str(buf);
}

static void *look_up(void *arg)
{
	bool *good = arg;
	char buf[32];
	unsigned int i;

	*good = true;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < 20 * NAMES; i++) {
		struct ds_str name = name_of(buf, sizeof(buf), (i * 7) % NAMES);
		struct ds_str back;
		uint32_t id;

		*good &= !ds_lookup(store, name, &id) && !ds_name(store, id, &back) &&
			 back.len == name.len && !memcmp(back.data, name.data, name.len);
	}
	return NULL;
}

static void *intern(void *arg)
{
	bool *good = arg;
	char buf[32];
	unsigned int i;

	*good = true;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < NAMES; i++) {
		uint32_t id, again;
		struct ds_str name = name_of(buf, sizeof(buf), i);

		pthread_mutex_lock(&kernel);
		*good &= !ds_intern(store, name, &id);
		pthread_mutex_unlock(&kernel);
		*good &= !ds_intern(store, name, &again) && id == again;
	}
	return NULL;
}

static bool run_threads(void *(*function)(void *))
{
	pthread_t threads[THREADS];
	bool good[THREADS], all = true;
	int i;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, function, &good[i]);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		all &= good[i];
	}
	pthread_barrier_destroy(&barrier);
	return all;
}

static void test_names(void)
{
	struct ds_store *second;
	struct ds_str name;
	char longest[DOCSTORE_MAX_NAME + 1];
	uint32_t id, i;
	bool good = true;

	memset(longest, 'n', sizeof(longest));
	store = open_new("names");
	ok(ds_lookup(store, ds_str("nothing"), &id) == -ENODATA, "a name that has no id");
	ok(!ds_intern(store, ds_str("first"), &id) && id == 1 &&
	   !ds_name(store, 1, &name) && !strcmp(name.data, "first"), "a name gets an id");
	ok(ds_name(store, 0, &name) == -EINVAL && ds_name(store, 2, &name) == -EINVAL &&
	   ds_name(store, 70000, &name) == -EINVAL, "ids that were never given out");
	ok(ds_intern(store, ds_str(""), &id) == -EINVAL &&
	   ds_intern(store, ds_mem(longest, sizeof(longest)), &id) == -ENAMETOOLONG &&
	   !ds_intern(store, ds_mem(longest, sizeof(longest) - 1), &id), "lengths of names");
	ok(run_threads(intern), "%d threads make %d names", THREADS, NAMES);
	ok(run_threads(look_up), "%d threads look them up", THREADS);

	ds_open("names", DOCSTORE_OPEN_READ, NULL, &second);
	for (i = NAMES; i; i--)
		good &= !ds_name(second, i, &name) && name.len && !((char *)name.data)[name.len];
	ok(good, "another handle learns all names from their ids");
	ok(!ds_lookup(second, ds_str("name-77"), &id) &&
	   ds_intern(second, ds_str("new"), &id) == -EBADF,
	   "a handle that may not write looks up, and makes none");
	ds_close(second);
	ds_close(store);
	ds_remove("names", NULL);
}

/* --- documents ---------------------------------------------------------------------- */

static void test_one_document(void)
{
	struct ds_write_opts opts = { .size = sizeof(opts), .type = ds_str("user") };
	struct ds_prop props[] = {
		{ ds_str("name"), ds_string("Ada") },
		{ ds_str("age"), ds_s64(36) },
		{ ds_str("ratio"), ds_f64(0.5) },
		{ ds_str("ok"), ds_bool(true) },
		{ ds_str("nothing"), ds_null() },
		{ ds_str("raw"), ds_bytes("\0\1", 2) },
	};
	struct ds_str id = ds_str("ada"), name;
	char buffer[512];
	struct ds_value value;
	struct ds_doc doc;
	uint64_t version;
	uint32_t prop;
	int64_t sum;
	size_t len;

	store = open_new("one");
	ok(!ds_put(store, id, props, 6, &opts, &version) && version == 1, "put");
	len = sizeof(buffer);
	ok(!ds_get(store, id, buffer + 1, &(size_t){ sizeof(buffer) - 1 }, &doc) && doc.nprops == 6 &&
	   doc.id.len == 3 && doc.version == 1 && !ds_name(store, doc.type, &name) &&
	   !strcmp(name.data, "user"), "get, into a buffer that is not aligned");
	ok(!ds_lookup(store, ds_str("name"), &prop) && ds_doc_find(&doc, prop, &value) == 0 &&
	   value.type == DOCSTORE_TYPE_STRING && value.str.len == 3 &&
	   !memcmp(value.str.data, "Ada", 3), "a property is found in it");
	ok(ds_doc_find(&doc, 999, &value) == -ENODATA, "and another is not");
	len = 10;
	ok(ds_get(store, id, buffer, &len, &doc) == -ENOBUFS && len > 48 &&
	   !ds_get(store, id, buffer, &len, &doc), "too small a buffer: it tells the room needed");
	len = 0;
	ok(ds_get(store, id, NULL, &len, &doc) == -ENOBUFS, "no buffer at all");
	len = 0;
	ok(!ds_get_property(store, id, ds_str("age"), NULL, &len, &value, &version) &&
	   value.type == DOCSTORE_TYPE_S64 && value.s64 == 36 && version == 1,
	   "a number needs no buffer");
	len = 2;
	ok(ds_get_property(store, id, ds_str("name"), buffer, &len, &value, NULL) == -ENOBUFS &&
	   len == 3 && !ds_get_property(store, id, ds_str("name"), buffer, &len, &value, NULL) &&
	   len == 3 && value.str.data == buffer && !memcmp(buffer, "Ada", 3),
	   "a string needs its length");
	len = sizeof(buffer);
	ok(ds_get_property(store, id, ds_str("never"), buffer, &len, &value, NULL) == -ENODATA &&
	   ds_get_property(store, ds_str("nobody"), ds_str("never"), buffer, &len, &value,
			   NULL) == -ENOENT &&
	   ds_get_property(store, ds_str("nobody"), ds_str("name"), buffer, &len, &value,
			   NULL) == -ENOENT, "no such property, no such document");
	ok(!ds_add(store, id, ds_str("age"), 2, NULL, &sum) && sum == 38 &&
	   !ds_add(store, id, ds_str("new"), -1, NULL, &sum) && sum == -1 &&
	   !ds_add(store, id, ds_str("new"), -1, NULL, NULL), "add");
	ok(ds_add(store, id, ds_str("name"), 1, NULL, &sum) == -EDOM &&
	   ds_add(store, id, ds_str("age"), INT64_MAX, NULL, &sum) == -EOVERFLOW,
	   "add: not a number, too large a sum");
	ok(!ds_set(store, id, ds_str("age"), ds_u64(1), NULL, &version) && version == 5 &&
	   !ds_unset(store, id, ds_str("age"), NULL, &version) && version == 6 &&
	   ds_unset(store, id, ds_str("age"), NULL, NULL) == -ENODATA &&
	   ds_unset(store, id, ds_str(""), NULL, NULL) == -EINVAL, "set and unset");
	len = sizeof(buffer);
	ok(!ds_get(store, id, buffer, &len, &doc) && ds_doc_set_version(&doc, 0) == 1 &&
	   ds_doc_set_version(&doc, doc.nprops - 1) == 4, "which version set a property");

	opts.flags = DOCSTORE_IF_VERSION;
	opts.if_version = 5;
	ok(ds_put(store, id, props, 1, &opts, NULL) == -ESTALE, "put: another version");
	opts.if_version = 6;
	opts.min_version = 100;
	ok(!ds_put(store, id, props, 1, &opts, &version) && version == 100,
	   "put: that version, and the one it wants");
	opts.flags = DOCSTORE_IF_ABSENT;
	opts.if_version = 0;
	opts.min_version = 0;
	ok(ds_put(store, id, props, 1, &opts, NULL) == -EEXIST, "put: it must not exist");
	opts.flags = 1 << 5;
	ok(ds_put(store, id, props, 1, &opts, NULL) == -EINVAL, "put: no such condition");
	ok(ds_put(store, ds_str(""), props, 1, NULL, NULL) == -EINVAL &&
	   ds_put(store, ds_mem(buffer, 256), props, 1, NULL, NULL) == -ENAMETOOLONG,
	   "lengths of ids");
	ok(!ds_delete(store, id, NULL) && ds_delete(store, id, NULL) == -ENOENT &&
	   ds_get(store, id, buffer, &len, &doc) == -ENOENT, "delete");
	ok(!ds_put(store, id, NULL, 0, NULL, &version) && version > 100,
	   "an empty document, and its version goes on");
	ds_close(store);
	ds_remove("one", NULL);
}

static void test_batches(void)
{
	const struct docstore_op *op;
	struct ds_batch *batch;
	char buffer[256], id[16];
	static char big[700000];
	struct ds_doc doc;
	bool good = true;
	int i, k, ret;

	store = open_new("batches");
	ds_batch_new(store, &batch);
	ok(ds_batch_submit(batch, 0, 0) == 0, "an empty batch");
	ok(ds_batch_set(batch, ds_str("a"), ds_str("n"), ds_s64(1)) == 0 &&
	   ds_batch_add(batch, ds_str("a"), ds_str("n"), 4) == 1 &&
	   ds_batch_get(batch, ds_str("a"), ds_str("n"), buffer, sizeof(buffer)) == 2 &&
	   ds_batch_get(batch, ds_str("a"), ds_str(""), buffer + 8, sizeof(buffer) - 8) == 3 &&
	   ds_batch_touch(batch, ds_str("b"), 9) == 4 &&
	   ds_batch_set_type(batch, ds_str("b"), ds_str("t")) == 5 &&
	   ds_batch_count(batch) == 6, "operations get numbers");
	ok(ds_batch_unset(batch, ds_str("a"), ds_str("never")) == -ENODATA &&
	   ds_batch_set(batch, ds_str("a"), ds_str(""), ds_null()) == -EINVAL &&
	   ds_batch_set(batch, ds_str(""), ds_str("n"), ds_null()) == -EINVAL &&
	   ds_batch_set(batch, ds_str("a"), ds_str("n"), ds_typed(77, ds_str(""))) == -EINVAL &&
	   ds_batch_count(batch) == 6, "what cannot be added leaves the batch as it was");
	op = ds_batch_op(batch, 2);
	ok(ds_batch_submit(batch, DOCSTORE_SUBMIT_ATOMIC, 0) == 0 && op->value_len == 8 &&
	   *(int64_t *)(void *)buffer == 5 && op->type == DOCSTORE_TYPE_S64 &&
	   !ds_document_check(buffer + 8, ds_batch_op(batch, 3)->value_len, &doc) &&
	   doc.nprops == 1 && ds_batch_op(batch, 4)->version == 9, "an atomic batch, and what it read");
	ok(!ds_batch_op(batch, -1) && !ds_batch_op(batch, 6), "there is no such operation");

	ds_batch_clear(batch);
	ds_batch_set(batch, ds_str("a"), ds_str("n"), ds_s64(2));
	ds_batch_delete(batch, ds_str("nobody"));
	ok(ds_batch_submit(batch, 0, 0) == 1 && !ds_batch_op(batch, 0)->result &&
	   ds_batch_op(batch, 1)->result == -ENOENT, "not atomic: each document for itself");
	ds_batch_clear(batch);
	ds_batch_set(batch, ds_str("a"), ds_str("n"), ds_s64(3));
	ds_batch_delete(batch, ds_str("nobody"));
	ok(ds_batch_submit(batch, DOCSTORE_SUBMIT_ATOMIC, 0) == 2 &&
	   ds_batch_op(batch, 0)->result == -ECANCELED, "atomic: all or nothing");
	ds_batch_clear(batch);
	i = ds_batch_set(batch, ds_str("a"), ds_str("n"), ds_s64(4));
	ok(!ds_batch_require(batch, i, DOCSTORE_IF_VERSION, 2) &&
	   ds_batch_require(batch, i, 0, 2) == -EINVAL &&
	   ds_batch_require(batch, i, 1 << 6, 0) == -EINVAL &&
	   ds_batch_require(batch, 5, 0, 0) == -EINVAL, "conditions are checked");
	ok(ds_batch_submit(batch, 0, 0) == 0, "a condition that holds");

	/* More operations than the kernel takes, of one document all over them. */
	ds_batch_clear(batch);
	for (i = 0; i < 2 * DOCSTORE_MAX_OPS; i++) {
		snprintf(id, sizeof(id), i % 16 ? "d%d" : "often", i / 80);
		good &= ds_batch_add(batch, ds_str(id), ds_str("n"), 1) == i;
	}
	ok(good && ds_batch_submit(batch, DOCSTORE_SUBMIT_ATOMIC, 0) == -E2BIG,
	   "an atomic batch of too many operations is refused");
	ret = ds_batch_submit(batch, 0, 0);
	for (i = 0; i < 2 * DOCSTORE_MAX_OPS; i += 16)
		good &= ds_batch_op(batch, i)->version == 1;
	ok(good && !ret, "one that is not atomic is cut, and never inside of a document");

	ds_batch_clear(batch);
	for (k = 0; k < 40; k++) {
		snprintf(id, sizeof(id), "big%d", k % 39);
		ds_batch_set(batch, ds_str(id), ds_str("x"), ds_bytes(big, sizeof(big)));
	}
	ok(ds_batch_bytes(batch) > DOCSTORE_MAX_BATCH &&
	   ds_batch_submit(batch, DOCSTORE_SUBMIT_ATOMIC, 0) == -E2BIG &&
	   ds_batch_submit(batch, 0, 0) == 0, "and so is one of too many bytes");

	ds_batch_clear(batch);
	for (k = 0; k < 30; k++) {
		snprintf(id, sizeof(id), "big%d", k < 26 ? 0 : k);
		ds_batch_set(batch, ds_str(id), ds_str("x"), ds_bytes(big, sizeof(big)));
	}
	ret = ds_batch_submit(batch, 0, 0);
	ok(ret == 26 && ds_batch_op(batch, 0)->result == -E2BIG && !ds_batch_op(batch, 29)->result,
	   "a document that is too much by itself fails alone");
	ok(ds_batch_set(batch, ds_str("a"), ds_str("x"), ds_bytes(big, DOCSTORE_MAX_DOCUMENT + 1)) ==
	   -EFBIG, "too large a value");
	ds_batch_free(batch);
	ds_close(store);
	ds_remove("batches", NULL);
}

/* Of the library's own: its door to the kernel, or to what is in its place. */
int ds_sys_ioctl(int fd, unsigned long request, void *arg);

/* What a ring would do with an entry. */
static int carry_out(const struct io_uring_sqe *sqe)
{
	struct docstore_uring_cmd cmd;

	if (sqe->opcode == IORING_OP_NOP)
		return 0;
	if (sqe->opcode != IORING_OP_URING_CMD || sqe->fd != ds_fd(store))
		return -ENOTRECOVERABLE;
	memcpy(&cmd, sqe->cmd, sizeof(cmd));
	if (cmd.__reserved)
		return -ENOTRECOVERABLE;
	return ds_sys_ioctl(sqe->fd, sqe->cmd_op, (void *)(uintptr_t)cmd.arg);
}

static void test_entries(void)
{
	struct io_uring_sqe sqe, before;
	struct ds_batch *batch, *other;
	int64_t n = 0;
	int i;

	store = open_new("entries");
	ds_batch_new(store, &batch);
	memset(&sqe, 0xa5, sizeof(sqe));
	ok(!ds_batch_prep(batch, &sqe, 0, 0) && sqe.opcode == IORING_OP_NOP && !sqe.flags &&
	   sqe.user_data == (uintptr_t)batch && !ds_batch_complete(batch, carry_out(&sqe)),
	   "an entry of an empty batch");
	ok(ds_batch_complete(batch, 0) == -EALREADY, "it is complete once");

	ds_batch_add(batch, ds_str("a"), ds_str("n"), 4);
	ds_batch_get(batch, ds_str("a"), ds_str("n"), &n, sizeof(n));
	memset(&sqe, 0xa5, sizeof(sqe));
	memset(&before, 0xa5, sizeof(before));
	ok(!ds_batch_prep(batch, &sqe, DOCSTORE_SUBMIT_ATOMIC, 1000) && !sqe.flags &&
	   !sqe.ioprio && !sqe.rw_flags && !sqe.__pad1 && !sqe.buf_index && !sqe.personality &&
	   !sqe.file_index && sqe.user_data == (uintptr_t)batch,
	   "an entry of a batch, with nothing left in it of what there was");
	ok(ds_batch_prep(batch, &before, 0, 0) == -EBUSY && before.fd == (int)0xa5a5a5a5,
	   "a batch under way is not put in a ring again");
	ok(ds_batch_submit(batch, 0, 0) == -EBUSY &&
	   ds_batch_add(batch, ds_str("a"), ds_str("n"), 1) == -EBUSY &&
	   ds_batch_require(batch, 0, DOCSTORE_IF_EXISTS, 0) == -EBUSY &&
	   ds_batch_put(batch, ds_str("a"), NULL, 0, NULL) == -EBUSY &&
	   ds_batch_count(batch) == 2, "nor changed");
	ds_batch_clear(batch);
	ok(ds_batch_count(batch) == 2, "nor cleared");
	ok(!ds_batch_complete(batch, carry_out(&sqe)) && n == 4 &&
	   ds_batch_op(batch, 0)->version == 1, "what it read is there when it is complete");

	ds_batch_clear(batch);
	ds_batch_delete(batch, ds_str("nobody"));
	ds_batch_add(batch, ds_str("a"), ds_str("n"), 1);
	ok(!ds_batch_prep(batch, &sqe, 0, 0) && ds_batch_complete(batch, carry_out(&sqe)) == 1 &&
	   ds_batch_op(batch, 0)->result == -ENOENT && !ds_batch_op(batch, 1)->result,
	   "what failed is counted");
	ds_batch_clear(batch);
	ds_batch_add(batch, ds_str("a"), ds_str("n"), 1);
	ok(!ds_batch_prep(batch, &sqe, 1 << 7, 0) &&
	   ds_batch_complete(batch, carry_out(&sqe)) == -EINVAL, "flags that there are none of");
	ok(!ds_batch_prep(batch, &sqe, 0, 0) &&
	   ds_batch_complete(batch, -ECANCELED) == -ECANCELED &&
	   !ds_batch_prep(batch, &sqe, 0, 0) &&
	   ds_batch_complete(batch, 1) == -EBADMSG, "what a completion says");
	ok(ds_batch_submit(batch, 0, 0) == 0, "and then it is an ordinary batch again");

	ds_batch_new(store, &other);
	ds_batch_add(other, ds_str("a"), ds_str("n"), 1);
	ds_batch_prep(other, &sqe, 0, 0);
	ds_batch_free(other);
	ok(!ds_batch_complete(other, carry_out(&sqe)),
	   "a batch that is freed while it is under way stays until it is complete");

	ds_batch_clear(batch);
	for (i = 0; i <= DOCSTORE_MAX_OPS; i++)
		ds_batch_add(batch, ds_str("a"), ds_str("n"), 1);
	ok(ds_batch_prep(batch, &before, 0, 0) == -E2BIG && before.fd == (int)0xa5a5a5a5 &&
	   ds_batch_complete(batch, 0) == -EALREADY, "more than one submit may take");
	ds_batch_free(batch);
	ds_close(store);
	ds_remove("entries", NULL);
}

#ifdef WITH_LIBURING
#define RING_BATCHES	100

static void test_ring(void)
{
	struct ds_batch *batches[RING_BATCHES];
	int64_t n = 0;
	int results[RING_BATCHES];
	bool good = true, all = true;
	struct io_uring ring;
	char id[16];
	int i, err;

	/* Fewer entries than batches. */
	err = io_uring_queue_init(8, &ring, 0);
	if (err) {
		ok(true, "many batches by io_uring # SKIP no io_uring: %s", strerror(-err));
		return;
	}
	store = open_new("ring");
	for (i = 0; i < RING_BATCHES; i++) {
		good &= !ds_batch_new(store, &batches[i]);
		snprintf(id, sizeof(id), "own%d", i);
		good &= !ds_batch_add(batches[i], ds_str("all"), ds_str("n"), i);
		good &= ds_batch_add(batches[i], ds_str(id), ds_str("n"), i) == 1;
		if (i % 10 == 9)
			good &= ds_batch_delete(batches[i], ds_str("nobody")) == 2;
	}
	ds_batch_clear(batches[3]);
	ok(good && ds_batch_submit_many(&ring, batches, RING_BATCHES, 0, 0, results) ==
	   RING_BATCHES / 10, "many batches by io_uring, more than a ring has entries");
	for (i = 0; i < RING_BATCHES; i++) {
		all &= results[i] == (i % 10 == 9);
		if (i != 3)
			all &= ds_batch_op(batches[i], 1)->version == 1;
	}
	ok(all, "each has its own result");

	/* Who has something under way already has that as his result. */
	for (i = 4; i < 7; i++) {
		ds_batch_clear(batches[i]);
		ds_batch_add(batches[i], ds_str("again"), ds_str("n"), 1);
	}
	good = !ds_batch_prep(batches[5], (struct io_uring_sqe[2]){}, 0, 0);
	good &= ds_batch_submit_many(&ring, batches + 4, 3, 0, 0, results) == 1;
	ok(good && !results[0] && results[1] == -EBUSY && !results[2] &&
	   ds_batch_complete(batches[5], -ECANCELED) == -ECANCELED,
	   "one that cannot be submitted keeps no other from it");
	ds_batch_clear(batches[5]);
	ds_batch_get(batches[5], ds_str("again"), ds_str("n"), &n, sizeof(n));
	ok(!ds_batch_submit(batches[5], 0, 0) && n == 2, "the others were carried out");
	for (i = 0; i < RING_BATCHES; i++)
		ds_batch_free(batches[i]);
	io_uring_queue_exit(&ring);
	ds_close(store);
	ds_remove("ring", NULL);
}
#else
static void test_ring(void)
{
}
#endif

static void test_many(void)
{
	static char buffer[65536], value[3000];
	struct docstore_read_item items[100];
	struct ds_scan_opts opts = { .size = sizeof(opts), .buffer_size = 64 };
	struct ds_batch *batch;
	struct ds_scan *scan;
	struct ds_doc doc;
	char ids[100][32];
	size_t at, len = 0;
	bool good = true;
	int i, ret, calls = 0, count = 0;

	store = open_new("many");
	ds_batch_new(store, &batch);
	for (i = 0; i < 100; i++) {
		snprintf(ids[i], sizeof(ids[i]), "%s-%d", i % 2 ? "odd" : "even", i);
		if (i % 10 != 9)
			ds_batch_set(batch, ds_str(ids[i]), ds_str("v"),
				     ds_bytes(value, (size_t)(i * 30)));
		if (i % 10 == 5)
			ds_batch_set_type(batch, ds_str(ids[i]), ds_str("five"));
	}
	ok(!ds_batch_submit(batch, 0, 0), "90 documents");
	ds_batch_free(batch);

	memset(items, 0, sizeof(items));
	for (i = 0; i < 100; i++) {
		items[i].id = (uintptr_t)ids[i];
		items[i].id_len = (__u32)strlen(ids[i]);
	}
	for (at = 0; good && at < 100; calls++) {
		len = 5000;
		ret = ds_read_many(store, items + at, 100 - at, buffer, &len);
		good = ret > 0 && len <= 5000;
		for (i = 0; good && i < ret; i++, at++)
			good = ds_read_item(&items[at], buffer, len, &doc) ==
			       (at % 10 == 9 ? -ENOENT : 0);
	}
	ok(good && at == 100 && calls > 10, "read many, in %d calls", calls);
	len = 10;
	ok(ds_read_many(store, items + 50, 1, buffer, &len) == -ENOBUFS && len > 1500,
	   "the first one does not fit");
	ok(ds_read_many(store, items, 0, buffer, &len) == -EINVAL, "nothing to read");

	opts.prefix = ds_str("odd");
	ds_scan_new(store, &opts, &scan);
	while ((ret = ds_scan_next(scan, &doc)) > 0)
		count += doc.id.len > 3 && !memcmp(doc.id.data, "odd", 3) && doc.nprops == 1;
	ok(!ret && count == 40 && ds_scan_next(scan, &doc) == 0,
	   "a scan by prefix, whose buffer grows");
	ds_scan_free(scan);
	opts.prefix = ds_mem(NULL, 0);
	opts.type = ds_str("five");
	opts.ids_only = true;
	ds_scan_new(store, &opts, &scan);
	for (count = 0; ds_scan_next(scan, &doc) > 0; count++)
		good &= doc.nprops == 0;
	ok(good && count == 10, "a scan by type, ids only");
	ds_scan_free(scan);
	opts.type = ds_str("never");
	ds_scan_new(store, &opts, &scan);
	ok(ds_scan_next(scan, &doc) == 0, "a scan for a type that nothing ever had");
	ds_scan_free(scan);
	ds_close(store);
	ds_remove("many", NULL);
}

static void test_document_check(void)
{
	static const unsigned char good[] = {
		/* seq, version, created, changed */
		1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
		3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,
		/* size, prev, type, nprops, id_len, flags */
		60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0,
		/* ends, names, types, id, values */
		1, 0, 1, 0, 1, 0, 2, 0, 2, 1, 'x', 1,
	};
	static const struct {
		unsigned int at, byte;
		const char *what;
	} damage[] = {
		{ 8, 0, "version 0" },
		{ 32, 40, "a size smaller than the header" },
		{ 32, 61, "a size larger than the buffer" },
		{ 44, 3, "more properties than there are" },
		{ 46, 0, "no id" },
		{ 46, 3, "an id beyond the end" },
		{ 47, 8, "an unknown flag" },
		{ 47, 4, "versions of properties that are not there" },
		{ 48, 2, "ends that go back" },
		{ 50, 2, "a value beyond the end" },
		{ 52, 0, "a property without a name" },
		{ 56, 0, "a value without a type" },
		{ 56, 3, "a number of the wrong length" },
		{ 57, 2, "a bool without a byte" },
		{ 59, 2, "a bool that is neither" },
	};
	unsigned char bytes[sizeof(good)];
	struct ds_doc doc;
	size_t i;

	ok(!ds_document_check(good, sizeof(good), &doc) && doc.nprops == 2 && doc.version == 2 &&
	   doc.created == 3 && doc.changed == 4 && doc.seq == 1 &&
	   ds_doc_value(&doc, 0).b && ds_doc_value(&doc, 1).type == DOCSTORE_TYPE_NULL,
	   "a document by hand");
	for (i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		memcpy(bytes, good, sizeof(good));
		bytes[damage[i].at] = (unsigned char)damage[i].byte;
		ok(ds_document_check(bytes, sizeof(bytes), &doc) == -EBADMSG, "refuses %s",
		   damage[i].what);
	}
	for (i = 0; i < sizeof(good); i++) {
		if (ds_document_check(good, i, &doc) != -EBADMSG)
			break;
	}
	ok(i == sizeof(good), "refuses a part of a document");
}

int main(void)
{
	test_stores();
	test_names();
	test_one_document();
	test_batches();
	test_entries();
	test_ring();
	test_many();
	test_document_check();
	return tap_end();
}

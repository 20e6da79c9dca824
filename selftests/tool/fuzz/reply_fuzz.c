// SPDX-License-Identifier: GPL-2.0
/*
 * The library before a kernel that answers nonsense: whatever stands in the fields
 * and buffers that the kernel fills in, the library neither crashes, nor reads
 * beyond what was there, nor goes on for ever.
 *
 * Each answer begins with a byte: with the lowest bits clear, fields are what they
 * should be for the bytes that follow, so that well made answers are few bytes away.
 */
#include <sanitizer/asan_interface.h>

#include "internal.h"
#include "hint.h"
#include "json.h"
#include "libdocstore_check.h"
#include "libdocstore_monitor.h"
#include "oracle.h"

#define CALLS		48

static struct input in;
static unsigned int lists;
static uint64_t listed_from;

/* --- the kernel ------------------------------------------------------------- */

static void *at(uint64_t p)
{
	return (void *)(uintptr_t)p;
}

/* Bytes for a buffer, no more than it has room for, as the kernel would see to. */
static uint32_t fill(uint64_t buffer, uint64_t room)
{
	uint32_t n = (uint32_t)take(&in, 2);

	if (n > input_left(&in))
		n = (uint32_t)input_left(&in);
	if (n > room)
		n = (uint32_t)room;
	ASAN_UNPOISON_MEMORY_REGION(at(buffer), room);
	if (n)
		memcpy(at(buffer), in.at, n);
	in.at += n;
	return n;
}

/* What should stand in a field, or not. */
static uint32_t field(unsigned int wrong, uint32_t right)
{
	switch (wrong & 3) {
	case 0:
		return right;
	case 1:
		return right + (uint32_t)take(&in, 1) - 8;
	default:
		return (uint32_t)take(&in, 4);
	}
}

/* Nobody may look beyond what was filled in, nor beyond what the answer claims was. */
static void seal(uint64_t buffer, uint64_t room, uint64_t filled, uint64_t claimed)
{
	uint64_t valid = claimed > filled ? claimed : filled;

	/* What is this small may lie on the stack. */
	if (room > 8 && valid < room)
		ASAN_POISON_MEMORY_REGION(at(buffer + valid), room - valid);
}

static int answer_items(unsigned int how, struct docstore_read_many *arg)
{
	struct docstore_read_item *items = at(arg->items);
	uint32_t filled = fill(arg->buffer, arg->buffer_len), i;

	arg->used = field(how, filled);
	seal(arg->buffer, arg->buffer_len, filled, arg->used);
	arg->done = field(how >> 2, arg->count);
	arg->needed = field(how >> 4, 0);
	for (i = 0; i < arg->count; i++) {
		items[i].result = take_below(&in, 4) ? 0 : -(int)take(&in, 1);
		items[i].offset = field(how >> 4, 0);
		items[i].length = field(how >> 6, arg->used);
	}
	return 0;
}

static int answer_submit(unsigned int how, struct docstore_submit *arg)
{
	struct docstore_op *ops = at(arg->ops);
	uint32_t i;

	arg->failed = 0;
	for (i = 0; i < arg->count; i++) {
		struct docstore_op *op = &ops[i];

		/* What was copied for it is there, whatever comes of it. */
		MUST(op->id_len && !__asan_region_is_poisoned(at(op->id), op->id_len));
		op->version = take(&in, 1);
		op->result = how & 3 ? -(int)take(&in, 1) : 0;
		arg->failed += op->result != 0;
		if (op->code == DOCSTORE_OP_GET) {
			op->type = (__u8)take(&in, 1);
			op->value_len = field(how >> 4, fill(op->value, op->value_len));
		}
	}
	arg->failed = field(how >> 2, arg->failed);
	return 0;
}

static int answer_scan(unsigned int how, struct docstore_scan *arg)
{
	uint32_t filled = fill(arg->buffer, arg->buffer_len);

	arg->used = field(how, filled);
	seal(arg->buffer, arg->buffer_len, filled, arg->used);
	arg->count = (uint32_t)take(&in, 1);
	/* Gigabytes would be asked for, and that takes time and finds nothing. */
	arg->needed = field(how >> 2, 0) & 0xfffff;
	arg->flags = (uint32_t)take(&in, 1);
	arg->cursor[0] = take(&in, 1);
	return 0;
}

static int answer_names(unsigned int how, struct docstore_names *arg)
{
	uint32_t filled = fill(arg->buffer, arg->buffer_len);

	arg->used = field(how, filled);
	seal(arg->buffer, arg->buffer_len, filled, arg->used);
	arg->count = field(how >> 2, (uint32_t)take(&in, 1) % 4);
	arg->first = field(how >> 4, arg->first + arg->count);
	return 0;
}

static int answer_info(unsigned int how, struct docstore_info *arg)
{
	arg->max_ops = field(how, 64);
	arg->max_batch = field(how >> 2, 65536);
	return 0;
}

static int answer_read(unsigned int how, struct docstore_read *arg)
{
	uint32_t filled = fill(arg->buffer, arg->buffer_len);

	arg->length = field(how, filled);
	seal(arg->buffer, arg->buffer_len, filled, arg->length);
	arg->version = take(&in, 1);
	arg->type = field(how >> 2, arg->property ? how >> 4 : 0);
	return 0;
}

/* Of stores, snapshots or sessions: the structs look alike. */
static int answer_list(unsigned int how, struct docstore_store_list *list)
{
	/* Each may double the memory that it takes. */
	if (lists++ == 10)
		return -EIO;
	list->count = field(how, fill(list->stores, (uint64_t)list->count *
				      list->store_size) / list->store_size);
	list->cursor = take(&in, 1);
	return 0;
}

static int answer_coordinator(unsigned int how, struct docstore_coordinator *arg)
{
	uint32_t filled = 0;

	if (arg->count)
		filled = fill(arg->waiting, (uint64_t)arg->count * arg->waiting_size) /
			 arg->waiting_size;
	arg->queued = field(how >> 2, filled);
	arg->count = field(how, filled);
	return 0;
}

static int answer_stats(unsigned int how, struct docstore_stats *arg)
{
	uint32_t filled = 0;

	fill(arg->counters, arg->counters_size);
	if (arg->latency_count)
		filled = fill(arg->latency, (uint64_t)arg->latency_count * arg->latency_size) /
			 arg->latency_size;
	arg->latency_count = field(how, filled);
	arg->time = take(&in, 1);
	return 0;
}

static int answer_module_stats(unsigned int how, struct docstore_module_stats *arg)
{
	uint32_t workers = 0, places = 0;

	fill(arg->counters, arg->counters_size);
	if (arg->worker_count)
		workers = fill(arg->workers, (uint64_t)arg->worker_count * arg->worker_size) /
			  arg->worker_size;
	if (arg->contention_count)
		places = fill(arg->contention, (uint64_t)arg->contention_count *
			      arg->contention_size) / arg->contention_size;
	/* As many as there is room for: are there more? */
	if (how & 0x40)
		workers = arg->worker_count;
	arg->worker_count = field(how, workers);
	arg->contention_count = field(how >> 2, places);
	return 0;
}

static int answer_check(unsigned int how, struct docstore_check *arg)
{
	uint32_t filled = 0;

	if (arg->count)
		filled = fill(arg->findings, (uint64_t)arg->count * arg->finding_size) /
			 arg->finding_size;
	/* What it says of itself comes behind that. */
	fill((uintptr_t)&arg->documents, sizeof(*arg) - offsetof(struct docstore_check, documents));
	arg->count = field(how, filled);
	return 0;
}

static int answer_hint(const struct docstore_hint *arg)
{
	/* All hashes that it is told of are there. */
	MUST(arg->count && arg->count <= DOCSTORE_MAX_HINTS);
	MUST(!__asan_region_is_poisoned(at(arg->hashes), arg->count * sizeof(uint64_t)));
	return (int)take_below(&in, 3) - 1;
}

/* Records, or an error; more than there is room for is said, but never there. */
ssize_t ds_sys_read(int fd, void *buffer, size_t len)
{
	unsigned int how;
	uint32_t n;

	(void)fd;
	MUST(len);
	if (!input_left(&in))
		return -EIO;
	how = (unsigned int)take(&in, 1);
	if (how >= 0xf8)
		return -(int)take_below(&in, 134);
	if (how >= 0xf0)
		return -EMSGSIZE;
	n = fill((uintptr_t)buffer, len);
	seal((uintptr_t)buffer, len, n, 0);
	return how >= 0xe0 ? (ssize_t)len + 1 : (ssize_t)n;
}

static int answer_stream_info(unsigned int how, struct docstore_stream_info *arg)
{
	fill((uintptr_t)arg, sizeof(*arg));
	/* No more than a megabyte: that takes time and finds nothing. */
	arg->needed = field(how, 256) & 0xfffff;
	return 0;
}

static int answer(unsigned long request, void *data)
{
	unsigned int how = (unsigned int)take(&in, 1);
	struct docstore_intern *intern = data;

	switch (request) {
	case DOCSTORE_INFO:
		return answer_info(how, data);
	case DOCSTORE_STORE_OPEN:
		return (int)field(how, 3);
	case DOCSTORE_STORE_LIST:
	case DOCSTORE_SNAPSHOT_LIST:
	case DOCSTORE_SESSION_LIST:
		return answer_list(how, data);
	case DOCSTORE_STATS:
		return answer_stats(how, data);
	case DOCSTORE_MODULE_STATS:
		return answer_module_stats(how, data);
	case DOCSTORE_CONFIG:
		fill((uintptr_t)data, sizeof(struct docstore_config));
		return 0;
	case DOCSTORE_CHECK:
		return answer_check(how, data);
	case DOCSTORE_HINT:
		return answer_hint(data);
	case DOCSTORE_STORE_INFO:
		fill((uintptr_t)data, sizeof(struct docstore_store_info));
		return 0;
	case DOCSTORE_SNAPSHOT:
		return (int)field(how, 5);
	case DOCSTORE_STREAM:
		return 6;
	case DOCSTORE_STREAM_INFO:
		return answer_stream_info(how, data);
	case DOCSTORE_SNAPSHOT_INFO:
		fill((uintptr_t)data, sizeof(struct docstore_snapshot_info));
		return 0;
	case DOCSTORE_COORDINATOR:
		return answer_coordinator(how, data);
	case DOCSTORE_INTERN:
		((struct docstore_name *)at(intern->names))->id = field(how, how >> 2);
		intern->done = field(how, 1);
		return 0;
	case DOCSTORE_NAMES:
		return answer_names(how, data);
	case DOCSTORE_SUBMIT:
		return answer_submit(how, data);
	case DOCSTORE_READ:
		return answer_read(how, data);
	case DOCSTORE_READ_MANY:
		return answer_items(how, data);
	case DOCSTORE_SCAN:
		return answer_scan(how, data);
	default:
		return 0;
	}
}

int ds_sys_open(const char *device, bool write)
{
	(void)device;
	(void)write;
	return 3;
}

int ds_sys_ioctl(int fd, unsigned long request, void *arg)
{
	const struct docstore_store_list *list = arg;
	unsigned int how;

	(void)fd;
	/* Who is told to go on at the same place must not: it would be for ever. */
	if (request == DOCSTORE_STORE_LIST || request == DOCSTORE_SNAPSHOT_LIST ||
	    request == DOCSTORE_SESSION_LIST) {
		MUST(!list->cursor || list->cursor != listed_from);
		listed_from = list->cursor;
	}
	/* No more bytes, no more answers: so that all comes to an end. */
	if (!input_left(&in))
		return -EIO;
	how = (unsigned int)take(&in, 1);
	if (how < 0xf0)
		return answer(request, arg);
	return how < 0xf8 ? -(int)take_below(&in, 134) : (int)take_below(&in, 4);
}

void ds_sys_close(int fd)
{
	(void)fd;
}

/* The mapping has a fuzzer of its own. */
void *ds_sys_map(int fd, size_t size)
{
	(void)fd;
	(void)size;
	return NULL;
}

void ds_sys_unmap(void *base, size_t size)
{
	(void)base;
	(void)size;
}

/* --- who uses the library ---------------------------------------------------- */

static struct ds_store *store;
static volatile unsigned int seen;

/* Look at all bytes. */
static void look(const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		seen += *p++;
}

static void look_value(const struct ds_value *value)
{
	if (value->type >= DOCSTORE_TYPE_STRING)
		look(value->str.data, value->str.len);
	else
		seen += (unsigned int)value->u64;
}

static void look_document(const struct ds_doc *doc)
{
	struct buf text = { 0 };
	struct ds_value value;
	uint32_t i;

	MUST(doc->id.len && doc->id.len <= DOCSTORE_MAX_ID && doc->version);
	look(doc->id.data, doc->id.len);
	for (i = 0; i < doc->nprops; i++) {
		MUST(ds_doc_name(doc, i));
		value = ds_doc_value(doc, i);
		look_value(&value);
		seen += ds_doc_set_version(doc, i);
		if (i < 16)
			MUST(ds_doc_find(doc, ds_doc_name(doc, i), &value) <= (int)i);
	}
	if (!json_write_document(&text, store, doc, doc->version & 1))
		MUST(utf8_all(text.data, text.len, true));
	buf_free(&text);
}

static uint8_t *take_room(size_t *len)
{
	uint8_t *p;

	*len = take_below(&in, 4) ? take(&in, 1) : take(&in, 2);
	p = malloc(*len ? *len : 1);
	MUST(p);
	return p;
}

static void call_get(struct ds_str id)
{
	size_t len, room;
	uint8_t *buffer = take_room(&len);
	struct ds_doc doc;
	int err;

	room = len;
	err = ds_get(store, id, buffer, &len, &doc);
	MUST(err <= 0);
	if (!err) {
		MUST(len <= room && doc.bytes <= len);
		look_document(&doc);
	}
	free(buffer);
}

static void call_get_property(struct ds_str id, struct ds_str name)
{
	size_t len, room;
	uint8_t *buffer = take_room(&len);
	struct ds_value value;
	uint64_t version;
	int err;

	room = len;
	err = ds_get_property(store, id, name, buffer, &len, &value, &version);
	MUST(err <= 0);
	if (!err) {
		if (value.type >= DOCSTORE_TYPE_STRING)
			MUST(len <= room);
		look_value(&value);
	}
	free(buffer);
}

static void call_read_many(struct ds_str id, bool together)
{
	struct docstore_read_item items[4] = { 0 };
	size_t len, room, count = 1 + take_below(&in, 4), i;
	uint8_t *buffer = take_room(&len);
	struct ds_doc doc;
	int ret;

	for (i = 0; i < count; i++) {
		items[i].id = (uintptr_t)id.data;
		items[i].id_len = (__u32)id.len;
	}
	room = len;
	ret = together ? ds_read_together(store, items, count, buffer, &len) :
			 ds_read_many(store, items, count, buffer, &len);
	MUST(ret <= (int)count && (ret < 0 || !together || ret == (int)count));
	/* Who tries again with that room gets on. */
	MUST(ret != -ENOBUFS || !together || len > room);
	for (i = 0; ret > 0 && i < (size_t)ret; i++) {
		MUST(len <= room);
		if (!ds_read_item(&items[i], buffer, len, &doc))
			look_document(&doc);
	}
	free(buffer);
}

static void call_scan(struct ds_str prefix, struct ds_str type)
{
	struct ds_scan_opts opts = {
		.size = sizeof(opts),
		.prefix = prefix,
		.type = take_below(&in, 2) ? type : ds_mem("", 0),
		.ids_only = take_below(&in, 2),
		.buffer_size = take(&in, 1),
	};
	unsigned int n = 0;
	struct ds_scan *scan;
	struct ds_doc doc;

	if (ds_scan_new(store, &opts, &scan))
		return;
	while (n++ < 300 && ds_scan_next(scan, &doc) == 1)
		look_document(&doc);
	ds_scan_free(scan);
}

static void call_names(struct ds_str name)
{
	uint32_t id = 0;
	struct ds_str text;
	int err;

	err = take_below(&in, 2) ? ds_lookup(store, name, &id) : ds_intern(store, name, &id);
	MUST(err <= 0);
	if (!err)
		MUST(id && id <= DOCSTORE_MAX_NAMES);
	if (take_below(&in, 2))
		id = (uint32_t)take(&in, 3);
	err = ds_name(store, id, &text);
	MUST(err <= 0);
	if (!err) {
		MUST(text.len && text.len <= DOCSTORE_MAX_NAME);
		look(text.data, text.len + 1);
	}
}

static void call_stores(void)
{
	struct docstore_store_info *infos, info = { .size = sizeof(info) };
	size_t count;

	lists = 0;
	listed_from = 0;
	if (!ds_list(NULL, &infos, sizeof(*infos), &count))
		look(infos, count * sizeof(*infos));
	free(infos);
	MUST(ds_store_info(store, &info) <= 0);
}

static void call_batch(struct ds_str id, struct ds_str name)
{
	unsigned int n = 1 + take_below(&in, 100), i;
	uint8_t room[64];
	struct ds_batch *batch;
	int op, ret;

	MUST(!ds_batch_new(store, &batch));
	for (i = 0; i < n; i++) {
		switch (take_below(&in, 4)) {
		case 0:
			op = ds_batch_get(batch, id, ds_mem("", 0), room, take_below(&in, 65));
			break;
		case 1:
			op = ds_batch_set(batch, id, name, ds_bytes(room, 0));
			break;
		case 2:
			id.len = 1 + take_below(&in, (uint32_t)id.len);
			op = ds_batch_delete(batch, id);
			break;
		default:
			op = ds_batch_touch(batch, id, i);
			break;
		}
		MUST(op < (int)n);
	}
	ret = ds_batch_submit(batch, take_below(&in, 8) == 7, 0);
	MUST(ret <= (int)ds_batch_count(batch));
	for (i = 0; i < ds_batch_count(batch); i++)
		seen += (unsigned int)ds_batch_op(batch, (int)i)->result;
	ds_batch_free(batch);
}

static void call_write(struct ds_str id, struct ds_str name)
{
	struct ds_prop prop = { name, ds_s64(1) };
	uint64_t version;
	int64_t sum;

	MUST(ds_put(store, id, &prop, 1, NULL, &version) <= 0);
	MUST(ds_add(store, id, name, 1, NULL, &sum) <= 0);
	MUST(ds_unset(store, id, name, NULL, &version) <= 0);
	MUST(ds_delete(store, id, NULL) <= 0);
}

static void call_check(void)
{
	struct ds_doc doc;
	uint8_t *copy;
	size_t len;

	copy = take_copy(&in, take(&in, 2), &len);
	if (!ds_document_check(copy, len, &doc)) {
		MUST(doc.bytes <= len);
		look_document(&doc);
	}
	free(copy);
}

/* All that reads does so from a snapshot as well. */
static void call_snapshot(struct ds_str id, struct ds_str name)
{
	struct docstore_snapshot_info info = { .size = sizeof(info) };
	struct ds_store *live = store, *snapshot = NULL;
	struct ds_doc doc, again;
	int err;

	err = take_below(&in, 3) ? ds_snapshot(store, NULL, &snapshot) :
				   ds_open_snapshot(7, NULL, &snapshot);
	MUST(err <= 0 && !err == !!snapshot);
	if (err)
		return;
	store = snapshot;
	switch (take_below(&in, 6)) {
	case 0:
		call_get(id);
		break;
	case 1:
		call_get_property(id, name);
		break;
	case 2:
		call_read_many(id, take_below(&in, 2));
		break;
	case 3:
		call_scan(name, name);
		break;
	case 4:
		MUST(ds_set(store, id, name, ds_s64(1), NULL, NULL) < 0);
		break;
	default:
		call_names(name);
		break;
	}
	if (!ds_snapshot_doc(store, id, &doc)) {
		look_document(&doc);
		/* One does not disturb the other. */
		if (!ds_snapshot_doc(store, id, &again))
			look_document(&again);
		look_document(&doc);
	}
	seen += ds_snapshot_valid(store);
	MUST(ds_snapshot_info(store, &info) <= 0);
	ds_close(store);
	store = live;
}

static void call_snapshots(void)
{
	struct docstore_coordinator coordinator = { .size = sizeof(coordinator) };
	struct docstore_snapshot_info *infos;
	struct docstore_waiting *waiting;
	size_t count;
	int ret;

	lists = 0;
	listed_from = 0;
	if (!ds_snapshots(store, &infos, sizeof(*infos), &count))
		look(infos, count * sizeof(*infos));
	free(infos);
	count = take_below(&in, 5);
	waiting = malloc(count * sizeof(*waiting) + 1);
	ret = ds_coordinator(store, &coordinator, waiting, sizeof(*waiting), count);
	MUST(ret <= (int)count);
	free(waiting);
}

/* Numbers that are anything, and are to be made something of. */
static void call_stats(void)
{
	struct docstore_latency latency[DOCSTORE_STAGES], between;
	struct docstore_counters counters;
	struct ds_stats stats = {
		.size = sizeof(stats),
		.counters = &counters,
		.counters_size = sizeof(counters),
		.latency = latency,
		.latency_size = sizeof(latency[0]),
		.stages = take_below(&in, DOCSTORE_STAGES + 1),
	};
	size_t i;

	if (ds_stats(store, &stats))
		return;
	MUST(stats.stages <= DOCSTORE_STAGES);
	look(&counters, sizeof(counters));
	for (i = 0; i < stats.stages; i++) {
		double p = ds_latency_percentile(&latency[i], (double)take(&in, 1) / 2);

		MUST(p >= 0 && p <= (double)UINT64_MAX);
		MUST(ds_latency_mean(&latency[i]) >= 0);
		ds_latency_between(&latency[0], &latency[i], &between);
		look(&between, sizeof(between));
		p = ds_latency_percentile(&between, 99);
		MUST(p >= 0 && p <= (double)UINT64_MAX);
	}
}

static void call_module_stats(void)
{
	struct docstore_module_counters counters;
	struct docstore_config config = { .size = sizeof(config) };
	struct docstore_session_info *sessions;
	struct ds_module_stats stats = {
		.size = sizeof(stats),
		.counters = &counters,
		.counters_size = sizeof(counters),
		.worker_size = sizeof(stats.workers[0]),
		.place_size = sizeof(stats.places[0]),
	};
	size_t n, i;

	if (!ds_module_stats(NULL, &stats)) {
		look(stats.workers, stats.worker_count * sizeof(stats.workers[0]));
		look(&counters, sizeof(counters));
	}
	for (i = 0; i < stats.place_count; i++)
		look(stats.places[i].name, strlen((char *)stats.places[i].name));
	free(stats.workers);
	free(stats.places);
	lists = 0;
	listed_from = 0;
	if (!ds_sessions(NULL, &sessions, sizeof(*sessions), &n)) {
		for (i = 0; i < n; i++) {
			look(sessions[i].store, strlen((char *)sessions[i].store));
			look(sessions[i].comm, strlen((char *)sessions[i].comm));
		}
	}
	free(sessions);
	MUST(ds_config(store, &config) <= 0);
}

static void call_store_check(void)
{
	struct docstore_check info = { .size = sizeof(info) };
	size_t room = take_below(&in, 5);
	struct docstore_finding *findings = malloc(room * sizeof(*findings) + 1);
	int ret;

	MUST(findings);
	ret = ds_check(store, 0, &info, findings, sizeof(*findings), room);
	MUST(ret <= (int)room);
	if (ret > 0)
		look(findings, (size_t)ret * sizeof(*findings));
	look(&info, sizeof(info));
	free(findings);
}

/* Reads that the kernel is told of; none of them waits for what it answers. */
static void call_hint(struct ds_str id)
{
	unsigned int n = 1 + (unsigned int)take(&in, 1);

	if (!store->hints)
		store->hints = ds_hints_new();
	while (store->hints && n--)
		ds_hint_note(store, id.data, id.len);
}

/* What a transaction does, once or several times. */
static int transact(struct ds_txn *txn, void *arg)
{
	struct ds_str *id = arg;
	struct docstore_read_item items[2] = {
		{ .id = (uintptr_t)id[0].data, .id_len = (__u32)id[0].len },
		{ .id = (uintptr_t)id[1].data, .id_len = (__u32)id[1].len },
	};
	size_t len = 300;
	uint8_t *buffer = malloc(len);
	struct ds_value value;
	struct ds_doc doc;
	int err = 0;

	switch (take_below(&in, 5)) {
	case 0:
		err = ds_txn_get(txn, id[0], buffer, &len, &doc);
		if (!err)
			look_document(&doc);
		break;
	case 1:
		err = ds_txn_get_property(txn, id[0], id[1], buffer, &len, &value);
		if (!err)
			look_value(&value);
		break;
	case 2:
		err = ds_txn_read_many(txn, items, 2, buffer, &len);
		MUST(err <= 2);
		break;
	case 3:
		err = ds_txn_version(txn, id[0], NULL);
		break;
	default:
		MUST(!ds_txn_depend(txn, id[1], take_below(&in, 2)));
		break;
	}
	free(buffer);
	seen += ds_txn_snapshot(txn) != NULL;
	if (take_below(&in, 2))
		ds_batch_set(ds_txn_batch(txn), id[take_below(&in, 2)], id[1], ds_s64(1));
	return err == -ESTALE ? err : take_below(&in, 8) == 7;
}

static void call_txn(struct ds_str id, struct ds_str name)
{
	struct ds_transact_opts opts = { .size = sizeof(opts), .tries = 1 + take_below(&in, 3) };
	struct ds_str ids[2] = { id, name };
	struct ds_txn *txn;

	if (take_below(&in, 2)) {
		MUST(ds_transact(store, transact, ids, &opts) <= 1);
		return;
	}
	if (ds_txn_begin(store, NULL, &txn))
		return;
	while (take_below(&in, 3) && input_left(&in))
		transact(txn, ids);
	MUST(ds_txn_commit(txn, 0) <= 0);
	/* One whose batch did not come through may be tried again. */
	MUST(ds_txn_commit(txn, 0) <= 0);
	ds_txn_free(txn);
}

static void look_record(const struct ds_record *record)
{
	struct ds_record_change change = { 0 };
	unsigned int n = 0;

	switch (record->kind) {
	case DOCSTORE_RECORD_DOCUMENT:
		look_document(&record->doc);
		/* fall through */
	case DOCSTORE_RECORD_CHANGE:
		MUST(record->id.len && record->id.len <= DOCSTORE_MAX_ID && record->version);
		look(record->id.data, record->id.len);
		break;
	default:
		MUST(!record->count && !record->id.len);
		break;
	}
	while (ds_record_change(record, &change)) {
		MUST(++n <= record->count && change.name && change.name <= DOCSTORE_MAX_NAMES);
		if (change.has_value)
			look_value(&change.value);
	}
	MUST(n == record->count);
}

static void look_token(const struct ds_stream *stream)
{
	size_t len = sizeof(struct docstore_token) + 8 * DOCSTORE_MAX_PARTITIONS, again = len;
	struct docstore_token *token = malloc(len), *copy = malloc(len);
	char text[64 + 21 * DOCSTORE_MAX_PARTITIONS];
	int n;

	MUST(token && copy);
	if (!ds_stream_token(stream, token, &len)) {
		n = ds_token_format(token, len, text, sizeof(text));
		MUST(n > 0 && strlen(text) == (size_t)n);
		MUST(!ds_token_parse(ds_mem(text, (size_t)n), copy, &again));
		MUST(again == len && !memcmp(token, copy, len));
	}
	free(token);
	free(copy);
}

static void call_stream(struct ds_str prefix, struct ds_str name)
{
	struct ds_stream_opts opts = {
		.size = sizeof(opts),
		.flags = (unsigned int)take(&in, 1) & 0x3f,
		.prefix = prefix,
		.type = take_below(&in, 4) ? ds_mem("", 0) : name,
		.buffer_size = take(&in, 1),
	};
	struct docstore_stream_info info = { .size = sizeof(info) };
	struct ds_record record;
	struct ds_stream *stream;
	unsigned int n = 0;
	int ret;

	if (ds_stream_open(store, &opts, &stream))
		return;
	while (n++ < 300 && (ret = ds_stream_next(stream, &record)) == 1) {
		look_record(&record);
		look_token(stream);
	}
	MUST(ret <= 1);
	/* What is no record is found once more. */
	if (ret == -EBADMSG)
		MUST(ds_stream_next(stream, &record) == -EBADMSG && !ds_stream_pending(stream));
	MUST(ds_stream_info(stream, &info) <= 0);
	MUST(ds_stream_pause(stream, 0, 0) <= 0 && ds_stream_resume(stream) <= 0);
	ds_stream_close(stream);
}

/* The corpus is older than some of the calls. */
static unsigned int take_call(void)
{
	unsigned int n = (unsigned int)take(&in, 1);

	return n < 0xd0 ? n % 9 : n < 0xf0 ? 10 + n % 4 : n < 0xf8 ? 14 + n % 2 :
	       n < 0xfc ? 16 + n % 2 : 18;
}

static void call(void)
{
	uint8_t *id, *name;
	size_t id_len, name_len;

	id = take_copy(&in, 1 + take_below(&in, 4), &id_len);
	name = take_copy(&in, 1 + take_below(&in, 4), &name_len);
	switch (id_len && name_len ? take_call() : 9) {
	case 0:
		call_get(ds_mem(id, id_len));
		break;
	case 1:
		call_get_property(ds_mem(id, id_len), ds_mem(name, name_len));
		break;
	case 2:
		call_read_many(ds_mem(id, id_len), false);
		break;
	case 3:
		call_scan(ds_mem(id, id_len), ds_mem(name, name_len));
		break;
	case 4:
		call_names(ds_mem(name, name_len));
		break;
	case 5:
		call_stores();
		break;
	case 6:
		call_batch(ds_mem(id, id_len), ds_mem(name, name_len));
		break;
	case 7:
		call_write(ds_mem(id, id_len), ds_mem(name, name_len));
		break;
	case 10:
		call_read_many(ds_mem(id, id_len), true);
		break;
	case 11:
		call_snapshot(ds_mem(id, id_len), ds_mem(name, name_len));
		break;
	case 12:
		call_snapshots();
		break;
	case 13:
		call_txn(ds_mem(id, id_len), ds_mem(name, name_len));
		break;
	case 14:
		call_stats();
		break;
	case 15:
		call_module_stats();
		break;
	case 16:
		call_store_check();
		break;
	case 17:
		call_hint(ds_mem(id, id_len));
		break;
	case 18:
		call_stream(ds_mem(id, id_len), ds_mem(name, name_len));
		break;
	default:
		call_check();
		break;
	}
	free(id);
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int calls;
	int err;

	in = (struct input){ data, data + size };
	err = ds_open("default", DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, NULL, &store);
	MUST(err <= 0);
	if (err)
		return 0;
	for (calls = 0; calls < CALLS && input_left(&in); calls++)
		call();
	ds_close(store);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * What the library makes of operations: a batch that goes to the kernel as a whole
 * and the same one cut into pieces come to the same, in results and documents, and
 * in both every operation is what the interface asks for (fake_kernel.c is strict).
 * What a batch was given is gone before it is submitted: it has copies.
 */
#include "internal.h"
#include "stores.h"

#define OPS	96
#define ROOM	96

/**
 * struct side - one of two stores that are told the same
 * @store: it
 * @batch: a batch for it
 * @answers: room for what operations read
 */
struct side {
	struct ds_store *store;
	struct ds_batch *batch;
	uint8_t answers[OPS][ROOM];
};

static struct side whole, pieces;

struct drawn {
	unsigned int what;
	struct ds_str id;
	struct ds_str name;
	struct ds_value value;
	uint64_t number;
	unsigned int room;
	unsigned int flags;
	uint64_t version;
};

/* Few ids and names, and some that are too long or empty. */
static struct ds_str draw_name(struct input *in)
{
	unsigned int how = take_below(in, 256);
	size_t len = how < 250 ? 1 + how / 16 % 3 : how == 250 ? 0 : how + 4;
	uint8_t *p = malloc(len ? len : 1);

	MUST(p);
	memset(p, 'a' + how % 5, len);
	return ds_mem(p, len);
}

static void draw_op(struct input *in, struct drawn *d)
{
	size_t len;
	uint8_t *copy;

	memset(d, 0, sizeof(*d));
	d->what = take_below(in, 8);
	d->id = draw_name(in);
	d->name = draw_name(in);
	d->number = take_number(in);
	d->room = take_below(in, ROOM + 1);
	d->value = ds_u64(d->number);
	d->value.type = take_below(in, 10);
	if (d->value.type == DOCSTORE_TYPE_BOOL)
		d->value = ds_bool(d->number & 1);
	if (d->value.type >= DOCSTORE_TYPE_STRING) {
		copy = take_copy(in, d->room, &len);
		d->value = ds_typed(d->value.type, ds_mem(copy, len));
	}
	if (take_below(in, 8) == 7) {
		d->flags = take_below(in, 16);
		d->version = d->flags & DOCSTORE_IF_VERSION ? take_below(in, 4) : take_below(in, 2);
	}
}

static void draw_free(struct drawn *d)
{
	free((void *)d->id.data);
	free((void *)d->name.data);
	if (d->value.type >= DOCSTORE_TYPE_STRING)
		free((void *)d->value.str.data);
}

static int add_op(struct side *side, const struct drawn *d, unsigned int number)
{
	struct ds_write_opts opts = {
		.size = sizeof(opts),
		.flags = d->flags & 7,
		.if_version = d->flags & DOCSTORE_IF_VERSION ? d->version : 0,
		.min_version = d->number & 7,
	};
	struct ds_prop prop = { d->name, d->value };

	switch (d->what) {
	case 0:
		return ds_batch_set(side->batch, d->id, d->name, d->value);
	case 1:
		return ds_batch_unset(side->batch, d->id, d->name);
	case 2:
		return ds_batch_add(side->batch, d->id, d->name, (int64_t)d->number);
	case 3:
		return ds_batch_delete(side->batch, d->id);
	case 4:
		return ds_batch_touch(side->batch, d->id, d->number >> 2);
	case 5:
		return ds_batch_set_type(side->batch, d->id, d->name);
	case 6:
		return ds_batch_get(side->batch, d->id, d->name, side->answers[number], d->room);
	default:
		return ds_batch_put(side->batch, d->id, &prop, 1, &opts);
	}
}

/* What refuses an operation before the kernel sees it; 0 for what can't be told. */
static int expected(const struct drawn *d)
{
	bool names = d->what == 0 || d->what == 2 || d->what == 7;
	bool valued = d->what == 0 || d->what == 7;

	if (!d->id.len)
		return -EINVAL;
	if (d->id.len > DOCSTORE_MAX_ID)
		return -ENAMETOOLONG;
	if (names && !d->name.len)
		return -EINVAL;
	if ((names || d->what == 1 || d->what == 5 || d->what == 6) &&
	    d->name.len > DOCSTORE_MAX_NAME)
		return -ENAMETOOLONG;
	if (valued && (d->value.type < DOCSTORE_TYPE_NULL || d->value.type > DOCSTORE_TYPE_JSON))
		return -EINVAL;
	return 0;
}

/* As the kernel counts it for its limit: an id that comes again at once counts once. */
static void check_bytes(const struct side *side)
{
	unsigned int i, n = ds_batch_count(side->batch);
	const struct docstore_op *last = NULL;
	size_t bytes = 0;

	for (i = 0; i < n; i++) {
		const struct docstore_op *op = ds_batch_op(side->batch, (int)i);

		if (!last || last->id != op->id || last->id_len != op->id_len)
			bytes += op->id_len;
		bytes += op->value_len;
		last = op;
	}
	MUST(bytes == ds_batch_bytes(side->batch));
	MUST(!ds_batch_op(side->batch, (int)n) && !ds_batch_op(side->batch, -1));
}

static void add_both(struct input *in, unsigned int number)
{
	unsigned int before = ds_batch_count(whole.batch);
	size_t bytes = ds_batch_bytes(whole.batch);
	struct drawn d;
	int op, err;

	draw_op(in, &d);
	op = add_op(&whole, &d, number);
	MUST(add_op(&pieces, &d, number) == op);
	err = expected(&d);
	if (err)
		MUST(op == err);
	else
		MUST(op == (int)before || op == -ENODATA);
	if (op < 0)
		MUST(ds_batch_count(whole.batch) == before &&
		     ds_batch_bytes(whole.batch) == bytes);
	if (op >= 0 && d.what != 7 && d.flags) {
		err = ds_batch_require(whole.batch, op, d.flags, d.version);
		MUST(err == (d.flags > 7 || (d.version && !(d.flags & 4)) ? -EINVAL : 0));
		MUST(ds_batch_require(pieces.batch, op, d.flags, d.version) == err);
	}
	check_bytes(&whole);
	check_bytes(&pieces);
	draw_free(&d);
}

/* Of whole documents, times differ: they are of when it was written. */
static void compare_answers(const struct docstore_op *a, const struct docstore_op *b)
{
	size_t len = a->value_len < ROOM ? a->value_len : ROOM;

	if (a->code == DOCSTORE_OP_GET && a->property && !a->result)
		MUST(!memcmp((void *)(uintptr_t)a->value, (void *)(uintptr_t)b->value, len));
}

static void compare_results(void)
{
	unsigned int i, n = ds_batch_count(whole.batch);

	MUST(ds_batch_count(pieces.batch) == n);
	for (i = 0; i < n; i++) {
		const struct docstore_op *a = ds_batch_op(whole.batch, (int)i);
		const struct docstore_op *b = ds_batch_op(pieces.batch, (int)i);

		MUST(a->result == b->result && a->version == b->version && a->type == b->type);
		MUST(a->value_len == b->value_len && a->code == b->code);
		compare_answers(a, b);
	}
}

static void compare_documents(void)
{
	static uint8_t buffer[DOCSTORE_MAX_DOCUMENT];
	struct ds_doc a, b;
	struct ds_scan *scan;
	unsigned int n = 0;
	size_t len;
	int ret;

	MUST(!ds_scan_new(whole.store, NULL, &scan));
	while ((ret = ds_scan_next(scan, &a)) == 1) {
		len = sizeof(buffer);
		MUST(!ds_get(pieces.store, a.id, buffer, &len, &b));
		MUST(same_document(whole.store, &a, pieces.store, &b));
		n++;
	}
	ds_scan_free(scan);
	MUST(!ret && !ds_scan_new(pieces.store, NULL, &scan));
	while (ds_scan_next(scan, &a) == 1)
		n--;
	ds_scan_free(scan);
	MUST(!n);
}

static void submit_both(struct input *in)
{
	bool atomic = take_below(in, 8) == 7;
	int one, two;

	if (atomic) {
		/* Too large, it is refused, and goes nowhere. */
		two = ds_batch_submit(pieces.batch, DOCSTORE_SUBMIT_ATOMIC, 0);
		if (ds_batch_count(pieces.batch) > pieces.store->max_ops ||
		    ds_batch_bytes(pieces.batch) > pieces.store->max_batch) {
			MUST(two == -E2BIG);
			return;
		}
		one = ds_batch_submit(whole.batch, DOCSTORE_SUBMIT_ATOMIC, 0);
	} else {
		one = ds_batch_submit(whole.batch, 0, 0);
		two = ds_batch_submit(pieces.batch, 0, 0);
	}
	MUST(one == two);
	MUST(one >= 0 || one == -EINVAL);
	compare_results();
	compare_documents();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	unsigned int rounds, n, i;

	whole.store = empty_store("whole");
	pieces.store = empty_store("pieces");
	MUST(!ds_batch_new(whole.store, &whole.batch) && !ds_batch_new(pieces.store, &pieces.batch));
	for (rounds = 0; rounds < 4 && input_left(&in); rounds++) {
		pieces.store->max_ops = 1 + take_below(&in, 12);
		pieces.store->max_batch = take_below(&in, 256);
		memset(whole.answers, 0, sizeof(whole.answers));
		memset(pieces.answers, 0, sizeof(pieces.answers));
		n = take_below(&in, OPS);
		for (i = 0; i < n && input_left(&in); i++)
			add_both(&in, i);
		submit_both(&in);
		ds_batch_clear(whole.batch);
		ds_batch_clear(pieces.batch);
	}
	ds_batch_free(whole.batch);
	ds_batch_free(pieces.batch);
	ds_close(whole.store);
	ds_close(pieces.store);
	return 0;
}

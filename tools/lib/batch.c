// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: batches of operations.
 *
 * Ids and values are copied into blocks that never move, so that the operations
 * can hold plain pointers from the beginning.
 */
#include <stdlib.h>

#include "batch.h"

#define BLOCK_SIZE	(64 * 1024)

struct block {
	struct block *next;
	size_t size;
	size_t used;
	char data[];
};

/*
 * ds_batch_borrow() - a batch for the time of one call
 * @batch: the batch
 * @store: the store
 * @ops: room for its first operations
 * @room: how many
 *
 * What its operations refer to is not copied. ds_batch_return() follows.
 */
void ds_batch_borrow(struct ds_batch *batch, struct ds_store *store, struct docstore_op *ops,
		     unsigned int room)
{
	memset(batch, 0, sizeof(*batch));
	batch->store = store;
	batch->ops = ops;
	batch->room = room;
	batch->borrowed = ops;
}

void ds_batch_return(struct ds_batch *batch)
{
	if (batch->ops != batch->borrowed)
		free(batch->ops);
}

DS_PUBLIC int ds_batch_new(struct ds_store *store, struct ds_batch **batch)
{
	*batch = calloc(1, sizeof(**batch));
	if (!*batch)
		return -ENOMEM;
	(*batch)->store = store;
	return 0;
}

static void free_blocks(struct block *block)
{
	while (block) {
		struct block *next = block->next;

		free(block);
		block = next;
	}
}

DS_PUBLIC void ds_batch_free(struct ds_batch *batch)
{
	if (!batch)
		return;
	if (batch->under_way) {
		/* The kernel may be writing to it: ds_batch_complete() comes back here. */
		batch->unwanted = true;
		return;
	}
	free_blocks(batch->blocks);
	free_blocks(batch->spare);
	free(batch->ops);
	free(batch);
}

DS_PUBLIC void ds_batch_clear(struct ds_batch *batch)
{
	struct block *block = batch->blocks;

	if (batch->under_way)
		return;
	while (block) {
		struct block *next = block->next;

		if (block->size == BLOCK_SIZE) {
			block->used = 0;
			block->next = batch->spare;
			batch->spare = block;
		} else {
			free(block);
		}
		block = next;
	}
	batch->blocks = NULL;
	batch->count = 0;
	batch->bytes = 0;
}

/* A copy of some bytes that stays until the batch is cleared. */
static const void *copy(struct ds_batch *batch, struct ds_str str)
{
	struct block *block = batch->blocks;
	void *p;

	if (!str.len)
		return "";
	if (batch->borrowed)
		return str.data;
	if (!block || block->size - block->used < str.len) {
		size_t size = str.len > BLOCK_SIZE / 4 ? str.len : BLOCK_SIZE;

		if (size == BLOCK_SIZE && batch->spare) {
			block = batch->spare;
			batch->spare = block->next;
		} else {
			block = malloc(sizeof(*block) + size);
			if (!block)
				return NULL;
			block->size = size;
			block->used = 0;
		}
		if (size != BLOCK_SIZE && batch->blocks) {
			/* Full from the start: go on filling the one before. */
			block->next = batch->blocks->next;
			batch->blocks->next = block;
		} else {
			block->next = batch->blocks;
			batch->blocks = block;
		}
	}
	p = block->data + block->used;
	memcpy(p, str.data, str.len);
	block->used += str.len;
	return p;
}

/*
 * The next operation, with its id. It belongs to the batch only once commit()
 * was called, so that a failure on the way leaves nothing behind.
 */
static int next_op(struct ds_batch *batch, unsigned int code, struct ds_str id,
		   struct docstore_op **ret)
{
	struct docstore_op *op, *last;
	int err = ds_id_check(id);

	if (batch->under_way)
		return -EBUSY;
	if (err)
		return err;
	if (batch->count == INT32_MAX)
		return -E2BIG;
	if (batch->count == batch->room) {
		unsigned int room = batch->room ? 2 * batch->room : 64;
		struct docstore_op *ops;

		bool borrowed = batch->borrowed && batch->ops == batch->borrowed;

		ops = reallocarray(borrowed ? NULL : batch->ops, room, sizeof(*ops));
		if (!ops)
			return -ENOMEM;
		if (borrowed)
			memcpy(ops, batch->ops, batch->count * sizeof(*ops));
		batch->ops = ops;
		batch->room = room;
	}
	op = &batch->ops[batch->count];
	memset(op, 0, sizeof(*op));
	op->code = (__u8)code;
	op->id_len = (__u8)id.len;

	last = batch->count ? op - 1 : NULL;
	if (last && last->id_len == id.len &&
	    !memcmp((const void *)(uintptr_t)last->id, id.data, id.len)) {
		op->id = last->id;
	} else {
		op->id = ds_ptr(copy(batch, id));
		if (!op->id)
			return -ENOMEM;
	}
	*ret = op;
	return 0;
}

/* What the kernel keeps for an operation: its value, or room for its answer. */
static size_t payload(const struct docstore_op *op)
{
	if (op->code == DOCSTORE_OP_GET && op->value_len > DOCSTORE_MAX_DOCUMENT)
		return DOCSTORE_MAX_DOCUMENT;
	return op->value_len;
}

static int commit(struct ds_batch *batch, const struct docstore_op *op)
{
	/* The kernel takes the same id only once when it is at the same place. */
	if (!batch->count || op->id != op[-1].id)
		batch->bytes += op->id_len;
	batch->bytes += payload(op);
	return (int)batch->count++;
}

static int set_value(struct ds_batch *batch, struct docstore_op *op, struct ds_value value)
{
	op->type = (__u8)value.type;
	switch (value.type) {
	case DOCSTORE_TYPE_NULL:
		return 0;
	case DOCSTORE_TYPE_BOOL:
		op->value = value.b;
		return 0;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
	case DOCSTORE_TYPE_F64:
		memcpy(&op->value, &value.u64, sizeof(op->value));
		return 0;
	case DOCSTORE_TYPE_STRING:
	case DOCSTORE_TYPE_BYTES:
	case DOCSTORE_TYPE_JSON:
		if (value.str.len > DOCSTORE_MAX_DOCUMENT)
			return -EFBIG;
		if (value.str.len && !value.str.data)
			return -EINVAL;
		op->value_len = (__u32)value.str.len;
		op->value = ds_ptr(copy(batch, value.str));
		return op->value ? 0 : -ENOMEM;
	default:
		return -EINVAL;
	}
}

DS_PUBLIC int ds_batch_set(struct ds_batch *batch, struct ds_str id,
			   struct ds_str property, struct ds_value value)
{
	struct docstore_op *op;
	int err = next_op(batch, DOCSTORE_OP_SET, id, &op);

	if (!err)
		err = ds_intern(batch->store, property, &op->property);
	if (!err)
		err = set_value(batch, op, value);
	return err ? err : commit(batch, op);
}

DS_PUBLIC int ds_batch_unset(struct ds_batch *batch, struct ds_str id,
			     struct ds_str property)
{
	struct docstore_op *op;
	int err = next_op(batch, DOCSTORE_OP_UNSET, id, &op);

	if (!err && property.len)
		err = ds_lookup(batch->store, property, &op->property);
	return err ? err : commit(batch, op);
}

DS_PUBLIC int ds_batch_add(struct ds_batch *batch, struct ds_str id,
			   struct ds_str property, int64_t n)
{
	struct docstore_op *op;
	int err = next_op(batch, DOCSTORE_OP_ADD, id, &op);

	if (!err)
		err = ds_intern(batch->store, property, &op->property);
	if (err)
		return err;
	op->type = DOCSTORE_TYPE_S64;
	op->value = (__u64)n;
	return commit(batch, op);
}

DS_PUBLIC int ds_batch_delete(struct ds_batch *batch, struct ds_str id)
{
	struct docstore_op *op;
	int err = next_op(batch, DOCSTORE_OP_DELETE, id, &op);

	return err ? err : commit(batch, op);
}

DS_PUBLIC int ds_batch_touch(struct ds_batch *batch, struct ds_str id, uint64_t version)
{
	struct docstore_op *op;
	int err = next_op(batch, DOCSTORE_OP_TOUCH, id, &op);

	if (err)
		return err;
	if (version)
		op->type = DOCSTORE_TYPE_U64;
	op->value = version;
	return commit(batch, op);
}

DS_PUBLIC int ds_batch_set_type(struct ds_batch *batch, struct ds_str id,
				struct ds_str type)
{
	struct docstore_op *op;
	int err = next_op(batch, DOCSTORE_OP_SET_TYPE, id, &op);

	if (!err && type.len)
		err = ds_intern(batch->store, type, &op->property);
	return err ? err : commit(batch, op);
}

DS_PUBLIC int ds_batch_check(struct ds_batch *batch, struct ds_str id)
{
	struct docstore_op *op;
	int err = next_op(batch, DOCSTORE_OP_CHECK, id, &op);

	return err ? err : commit(batch, op);
}

DS_PUBLIC int ds_batch_get(struct ds_batch *batch, struct ds_str id,
			   struct ds_str property, void *buffer, size_t len)
{
	struct docstore_op *op;
	int err = next_op(batch, DOCSTORE_OP_GET, id, &op);

	if (!err && property.len)
		err = ds_lookup(batch->store, property, &op->property);
	if (err)
		return err;
	op->value = ds_ptr(buffer);
	op->value_len = len > UINT32_MAX ? UINT32_MAX : (__u32)len;
	return commit(batch, op);
}

DS_PUBLIC int ds_batch_put(struct ds_batch *batch, struct ds_str id,
			   const struct ds_prop *props, size_t count,
			   const struct ds_write_opts *opts)
{
	unsigned int flags = ds_opt(opts, flags);
	unsigned int first = batch->count;
	size_t bytes = batch->bytes;
	size_t i;
	int op;

	/*
	 * Touch comes first: it creates a document that does not exist, which
	 * unset would refuse.
	 */
	op = ds_batch_touch(batch, id, ds_opt(opts, min_version));
	if (op >= 0 && flags) {
		int err = ds_batch_require(batch, op, flags, ds_opt(opts, if_version));

		if (err)
			op = err;
	}
	if (op >= 0)
		op = ds_batch_unset(batch, id, ds_mem(NULL, 0));
	if (op >= 0)
		op = ds_batch_set_type(batch, id, ds_opt(opts, type));
	for (i = 0; op >= 0 && i < count; i++)
		op = ds_batch_set(batch, id, props[i].name, props[i].value);
	if (op >= 0)
		return (int)first;

	/* The copies stay until the batch is cleared; the operations go. */
	batch->count = first;
	batch->bytes = bytes;
	return op;
}

DS_PUBLIC int ds_batch_require(struct ds_batch *batch, int op, unsigned int flags,
			       uint64_t version)
{
	if (batch->under_way)
		return -EBUSY;
	if (op < 0 || (unsigned int)op >= batch->count)
		return -EINVAL;
	if (flags & ~(unsigned int)(DOCSTORE_IF_EXISTS | DOCSTORE_IF_ABSENT |
				    DOCSTORE_IF_VERSION))
		return -EINVAL;
	if (version && !(flags & DOCSTORE_IF_VERSION))
		return -EINVAL;
	batch->ops[op].flags = (__u8)flags;
	batch->ops[op].version = version;
	return 0;
}

DS_PUBLIC const struct docstore_op *ds_batch_op(const struct ds_batch *batch, int op)
{
	if (op < 0 || (unsigned int)op >= batch->count)
		return NULL;
	return &batch->ops[op];
}

DS_PUBLIC unsigned int ds_batch_count(const struct ds_batch *batch)
{
	return batch->count;
}

DS_PUBLIC size_t ds_batch_bytes(const struct ds_batch *batch)
{
	return batch->bytes;
}

struct docstore_submit ds_submit_arg(struct docstore_op *ops, unsigned int count,
				     unsigned int flags, unsigned int timeout_ms)
{
	return (struct docstore_submit) {
		.size = sizeof(struct docstore_submit),
		.flags = flags,
		.ops = ds_ptr(ops),
		.op_size = sizeof(*ops),
		.count = count,
		.timeout_ms = timeout_ms,
	};
}

int ds_submit_result(const struct docstore_submit *arg, int err)
{
	if (err)
		return err > 0 ? -EBADMSG : err;
	return arg->failed > arg->count ? -EBADMSG : (int)arg->failed;
}

static int submit(struct ds_store *store, struct docstore_op *ops, unsigned int count,
		  unsigned int flags, unsigned int timeout_ms)
{
	struct docstore_submit arg = ds_submit_arg(ops, count, flags, timeout_ms);
	int err = ds_ioctl(store->fd, DOCSTORE_SUBMIT, &arg);

	return ds_submit_result(&arg, err);
}

/* Operations of one document side by side, else in their order. */
struct order {
	const struct docstore_op *op;
	unsigned int i;
};

static int compare_ids(const struct docstore_op *a, const struct docstore_op *b)
{
	if (a->id_len != b->id_len)
		return a->id_len < b->id_len ? -1 : 1;
	if (a->id == b->id)
		return 0;
	return memcmp((const void *)(uintptr_t)a->id, (const void *)(uintptr_t)b->id,
		      a->id_len);
}

static int compare_order(const void *pa, const void *pb)
{
	const struct order *a = pa, *b = pb;
	int cmp = compare_ids(a->op, b->op);

	if (cmp)
		return cmp;
	return a->i < b->i ? -1 : a->i > b->i;
}

/*
 * How many operations from @i on go into one submit: whole documents only, and
 * at least one document, even if that is too big and will be refused.
 */
static unsigned int piece(const struct ds_batch *batch, const struct docstore_op *ops,
			  unsigned int i)
{
	unsigned int end = i;
	size_t bytes = 0;

	while (end < batch->count) {
		unsigned int next = end;
		size_t more = 0;

		do {
			more += ops[next].id_len + payload(&ops[next]);
			next++;
		} while (next < batch->count && !compare_ids(&ops[next], &ops[end]));
		if (end > i && (next - i > batch->store->max_ops ||
				bytes + more > batch->store->max_batch))
			break;
		end = next;
		bytes += more;
	}
	return end - i;
}

static int submit_pieces(struct ds_batch *batch, unsigned int timeout_ms)
{
	unsigned int i, n, k, failed = 0;
	struct docstore_op *ops;
	struct order *order;
	bool done = false;
	int ret = 0;

	order = reallocarray(NULL, batch->count, sizeof(*order));
	ops = reallocarray(NULL, batch->count, sizeof(*ops));
	if (!order || !ops) {
		ret = -ENOMEM;
		goto free;
	}
	for (i = 0; i < batch->count; i++) {
		order[i].op = &batch->ops[i];
		order[i].i = i;
	}
	qsort(order, batch->count, sizeof(*order), compare_order);
	for (i = 0; i < batch->count; i++)
		ops[i] = batch->ops[order[i].i];

	for (i = 0; i < batch->count; i += n) {
		n = piece(batch, ops, i);
		ret = submit(batch->store, ops + i, n, 0, timeout_ms);
		if (ret < 0) {
			if (!done && i + n == batch->count)
				goto free;
			for (k = i; k < i + n; k++)
				ops[k].result = ret;
			failed += n;
			continue;
		}
		done = true;
		failed += (unsigned int)ret;
	}
	for (i = 0; i < batch->count; i++)
		batch->ops[order[i].i] = ops[i];
	ret = (int)failed;
free:
	free(ops);
	free(order);
	return ret;
}

/* The error of an atomic batch: the one that made the others -ECANCELED. */
int ds_batch_error(const struct ds_batch *batch)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < batch->count; i++) {
		int result = batch->ops[i].result;

		if (result && (!err || err == -ECANCELED))
			err = result;
	}
	return err;
}

bool ds_batch_too_large(const struct ds_batch *batch)
{
	return batch->count > batch->store->max_ops ||
	       batch->bytes > batch->store->max_batch;
}

DS_PUBLIC int ds_batch_submit(struct ds_batch *batch, unsigned int flags,
			      unsigned int timeout_ms)
{
	if (batch->under_way)
		return -EBUSY;
	if (batch->store->pinned)
		return -EBADF;
	if (!batch->count)
		return 0;
	if (ds_batch_too_large(batch)) {
		if (flags & DOCSTORE_SUBMIT_ATOMIC)
			return -E2BIG;
		if (flags)
			return -EINVAL;
		return submit_pieces(batch, timeout_ms);
	}
	return submit(batch->store, batch->ops, batch->count, flags, timeout_ms);
}

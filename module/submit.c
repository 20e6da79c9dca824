// SPDX-License-Identifier: GPL-2.0
/*
 * DOCSTORE_SUBMIT: a batch comes in, is checked and copied, carried out, and its
 * results go back. Whatever the owners see was copied before and does not change.
 */
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/docstore.h>

#include "ioctl.h"
#include "request.h"
#include "session.h"
#include "store.h"
#include "submit.h"

/* What the fields of an operation may hold. */
#define DS_OP_WRITES		BIT(0)	/* it changes the document */
#define DS_OP_PROPERTY		BIT(1)	/* @property must be a name */
#define DS_OP_PROPERTY_OR_0	BIT(2)	/* @property may be a name */
#define DS_OP_ROOM		BIT(3)	/* @value and @value_len are room */

/**
 * struct ds_op_rule - what is allowed in an operation
 * @flags: DS_OP_WRITES and so on
 * @types: bits of the types that it may have
 */
struct ds_op_rule {
	u32 flags;
	u32 types;
};

#define DS_TYPE(_type)	BIT(DOCSTORE_TYPE_##_type)

static const struct ds_op_rule ds_op_rules[] = {
	[DOCSTORE_OP_GET] = { DS_OP_PROPERTY_OR_0 | DS_OP_ROOM, DS_TYPE(NONE) },
	[DOCSTORE_OP_SET] = { DS_OP_WRITES | DS_OP_PROPERTY,
			      DS_TYPE(NULL) | DS_TYPE(BOOL) | DS_TYPE(S64) | DS_TYPE(U64) |
			      DS_TYPE(F64) | DS_TYPE(STRING) | DS_TYPE(BYTES) | DS_TYPE(JSON) },
	[DOCSTORE_OP_UNSET] = { DS_OP_WRITES | DS_OP_PROPERTY_OR_0, DS_TYPE(NONE) },
	[DOCSTORE_OP_ADD] = { DS_OP_WRITES | DS_OP_PROPERTY, DS_TYPE(S64) },
	[DOCSTORE_OP_DELETE] = { DS_OP_WRITES, DS_TYPE(NONE) },
	[DOCSTORE_OP_TOUCH] = { DS_OP_WRITES, DS_TYPE(NONE) | DS_TYPE(U64) },
	[DOCSTORE_OP_SET_TYPE] = { DS_OP_WRITES | DS_OP_PROPERTY_OR_0, DS_TYPE(NONE) },
	[DOCSTORE_OP_CHECK] = { 0, DS_TYPE(NONE) },
};

#define DS_OP_FLAGS	(DOCSTORE_IF_EXISTS | DOCSTORE_IF_ABSENT | DOCSTORE_IF_VERSION)

static bool ds_op_has_bytes(const struct docstore_op *op)
{
	return op->type == DOCSTORE_TYPE_STRING || op->type == DOCSTORE_TYPE_BYTES ||
	       op->type == DOCSTORE_TYPE_JSON;
}

static bool ds_op_value_legal(const struct docstore_op *op, const struct ds_op_rule *rule)
{
	if ((rule->flags & DS_OP_ROOM) || ds_op_has_bytes(op))
		return true;
	if (op->value_len)
		return false;
	switch (op->type) {
	case DOCSTORE_TYPE_BOOL:
		return op->value <= 1;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_F64:
		return true;
	case DOCSTORE_TYPE_U64:
		return op->code != DOCSTORE_OP_TOUCH || op->value <= DOCSTORE_MAX_VERSION;
	default:
		return !op->value;
	}
}

static bool ds_op_property_legal(const struct ds_store *store, const struct docstore_op *op,
				 const struct ds_op_rule *rule)
{
	if (!op->property)
		return !(rule->flags & DS_OP_PROPERTY);
	return (rule->flags & (DS_OP_PROPERTY | DS_OP_PROPERTY_OR_0)) &&
	       ds_names_valid(&store->names, op->property);
}

static int ds_op_check(const struct ds_session *session, const struct docstore_op *op)
{
	const struct ds_op_rule *rule;

	if (op->code >= ARRAY_SIZE(ds_op_rules))
		return -EINVAL;
	rule = &ds_op_rules[array_index_nospec(op->code, ARRAY_SIZE(ds_op_rules))];
	if (op->type > DOCSTORE_TYPE_JSON || !(rule->types & BIT(op->type)))
		return -EINVAL;
	if ((op->flags & ~DS_OP_FLAGS) || op->__reserved0 || op->__reserved1 ||
	    op->__reserved2[0] || op->__reserved2[1] || !op->id_len)
		return -EINVAL;
	if (op->version && !(op->flags & DOCSTORE_IF_VERSION))
		return -EINVAL;
	if (!ds_op_property_legal(session->store, op, rule))
		return -EINVAL;
	if (!ds_op_value_legal(op, rule))
		return -EINVAL;
	if (!ds_session_may(session, rule->flags & DS_OP_WRITES ? DOCSTORE_OPEN_WRITE :
								  DOCSTORE_OPEN_READ))
		return -EBADF;
	return 0;
}

static bool ds_op_same_id(const struct docstore_op *a, const struct docstore_op *b)
{
	return a->id == b->id && a->id_len == b->id_len;
}

/* Bytes of an operation's value, or of room for its answer, that are kept. */
static u32 ds_op_payload(const struct docstore_op *op)
{
	if (op->code == DOCSTORE_OP_GET)
		return min_t(u32, op->value_len, DOCSTORE_MAX_DOCUMENT);
	/* One that is too long is refused by the owner, and not even copied. */
	return op->value_len > DOCSTORE_MAX_DOCUMENT ? 0 : op->value_len;
}

/* Check all operations, and find out how much room their payload takes. */
static int ds_submit_check(struct ds_session *session, const struct docstore_op *ops,
			   u32 count, u32 *payload)
{
	u32 total = 0;
	u32 i;

	for (i = 0; i < count; i++) {
		int err = ds_op_check(session, &ops[i]);

		if (err)
			return err;
		if (!i || !ds_op_same_id(&ops[i], &ops[i - 1]))
			total += ops[i].id_len;
		/* At most 2^14 times 2^20. */
		total += ds_op_payload(&ops[i]);
		if (total > DOCSTORE_MAX_BATCH)
			return -E2BIG;
	}
	*payload = total;
	return 0;
}

static void ds_delta_fill(struct ds_delta *delta, const struct docstore_op *op)
{
	*delta = (struct ds_delta){
		.code = op->code,
		.flags = op->flags,
		.type = op->type,
		.property = op->property,
		.number = ds_op_has_bytes(op) ? 0 : op->value,
		.len = op->value_len,
		.expected = op->version,
	};
}

/* There is enough to do until the document's owner looks for it. */
static void ds_submit_prefetch(const struct ds_store *store, u64 hash)
{
	ds_index_prefetch(&ds_store_owned(store, hash)->partition.index, hash);
}

/* Copy ids and values, and make out which operations are about one document. */
static int ds_submit_fill(struct ds_request *request, const struct docstore_op *ops)
{
	struct ds_change *change = NULL;
	u8 *at = request->payload;
	u32 i;

	for (i = 0; i < request->count; i++) {
		const struct docstore_op *op = &ops[i];
		struct ds_delta *delta = &request->deltas[i];
		u32 len = ds_op_payload(op);

		if (!i || !ds_op_same_id(op, &ops[i - 1])) {
			change = &request->changes[request->nchanges++];
			if (copy_from_user(at, u64_to_user_ptr(op->id), op->id_len))
				return -EFAULT;
			*change = (struct ds_change){
				.hash = docstore_map_hash(request->store->key, at, op->id_len),
				.id = at,
				.id_len = op->id_len,
				.deltas = delta,
			};
			ds_submit_prefetch(request->store, change->hash);
			at += op->id_len;
		}
		change->count++;
		ds_delta_fill(delta, op);
		if (!len)
			continue;
		delta->data = at;
		at += len;
		if (op->code == DOCSTORE_OP_GET)
			delta->len = len;
		else if (copy_from_user(delta->data, u64_to_user_ptr(op->value), len))
			return -EFAULT;
		cond_resched();
	}
	return 0;
}

/* Results go into the operations, and answers to where the caller wants them. */
static int ds_submit_answers(struct ds_submit *submit, struct docstore_op *ops)
{
	struct ds_request *request = submit->request;
	u64 reads = 0, bytes = 0;
	u32 i;

	for (i = 0; i < request->count; i++) {
		const struct ds_delta *delta = &request->deltas[i];
		struct docstore_op *op = &ops[i];
		u32 len;

		op->result = delta->result;
		op->version = delta->result ? 0 : delta->version;
		if (delta->result)
			submit->arg.failed++;
		if (op->code != DOCSTORE_OP_GET)
			continue;
		op->type = delta->result ? DOCSTORE_TYPE_NONE : delta->out_type;
		op->value_len = delta->result ? 0 : delta->out_len;
		len = min(op->value_len, delta->len);
		if (len && copy_to_user(u64_to_user_ptr(op->value), delta->data, len))
			return -EFAULT;
		reads++;
		bytes += len;
	}
	if (reads) {
		this_cpu_add(request->store->stats->reads, reads);
		ds_session_bytes_out(submit->session, bytes);
	}
	return 0;
}

static int ds_submit_ops_in(struct docstore_op *ops, const struct docstore_submit *arg)
{
	u32 i;
	int err;

	if (arg->op_size == sizeof(*ops))
		return copy_from_user(ops, u64_to_user_ptr(arg->ops), arg->count * sizeof(*ops)) ?
			       -EFAULT : 0;
	for (i = 0; i < arg->count; i++) {
		err = ds_copy_element_in(&ops[i], sizeof(*ops), arg->ops, arg->op_size, i);
		if (err)
			return err;
	}
	return 0;
}

static int ds_submit_ops_out(const struct docstore_op *ops, const struct docstore_submit *arg)
{
	u32 i;
	int err;

	if (arg->op_size == sizeof(*ops))
		return copy_to_user(u64_to_user_ptr(arg->ops), ops, arg->count * sizeof(*ops)) ?
			       -EFAULT : 0;
	for (i = 0; i < arg->count; i++) {
		err = ds_copy_element_out(&ops[i], sizeof(*ops), arg->ops, arg->op_size, i);
		if (err)
			return err;
	}
	return 0;
}

/**
 * ds_submit_begin() - take a batch over from user space
 * @submit: what is filled in; @session and @arg are there
 * @async: it may go on when the system call has returned
 *
 * Return: 0, or a negative errno. ds_submit_end() follows either way.
 */
int ds_submit_begin(struct ds_submit *submit, bool async)
{
	struct docstore_submit *arg = &submit->arg;
	struct ds_session *session = submit->session;
	struct ds_request *request;
	u32 payload;
	int err;

	submit->request = NULL;
	arg->failed = 0;
	if ((arg->flags & ~DOCSTORE_SUBMIT_ATOMIC) || !arg->count ||
	    arg->op_size < sizeof(struct docstore_op))
		return -EINVAL;
	if (arg->count > DOCSTORE_MAX_OPS)
		return -E2BIG;
	request = ds_request_create(session->store, arg->count, async);
	if (!request)
		return -ENOMEM;
	submit->request = request;
	request->session = session->id;
	err = ds_submit_ops_in(request->ops, arg);
	if (!err)
		err = ds_submit_check(session, request->ops, arg->count, &payload);
	if (!err)
		err = ds_request_payload(request, payload);
	if (!err)
		err = ds_submit_fill(request, request->ops);
	if (!err)
		err = ds_request_split(request, arg->flags & DOCSTORE_SUBMIT_ATOMIC);
	if (err)
		ds_request_fail(request, err);
	else
		ds_session_bytes_in(session, payload);
	return err;
}

/**
 * ds_submit_results() - tell user space what came of a batch
 * @submit: the batch, which was carried out
 *
 * Return: 0 or -EFAULT.
 */
int ds_submit_results(struct ds_submit *submit)
{
	struct docstore_submit *arg = &submit->arg;
	struct ds_session *session = submit->session;
	struct ds_store_stats __percpu *stats = session->store->stats;
	struct ds_request *request = submit->request;
	int err;

	ds_request_move(request, DS_REQUEST_COMPLETE, DS_REQUEST_SENDING);
	err = ds_submit_answers(submit, request->ops);
	if (!err)
		err = ds_submit_ops_out(request->ops, arg);
	if (err)
		ds_request_fail(request, err);
	else
		ds_request_done(request);
	this_cpu_add(stats->operations, arg->count);
	this_cpu_add(session->stats->operations, arg->count);
	if (arg->failed == arg->count)
		this_cpu_inc(stats->batches_failed);
	else
		this_cpu_inc(stats->batches);
	return err;
}

/**
 * ds_submit_end() - let go of a batch
 * @submit: the batch
 * @err: why it has failed as a whole; 0 if it has not
 */
void ds_submit_end(struct ds_submit *submit, int err)
{
	struct ds_request *request = submit->request;

	/* Behind a command's completion there may be no session any more. */
	if (err)
		ds_stats_failed(request ? request->store : submit->session->store, err);
	if (request)
		ds_request_put(request);
}

/**
 * ds_ioctl_submit() - DOCSTORE_SUBMIT
 * @session: the caller's session
 * @data: struct docstore_submit
 *
 * Return: 0 if the batch was carried out or refused as a whole, or a negative errno.
 */
int ds_ioctl_submit(struct ds_session *session, void *data)
{
	struct docstore_submit *arg = data;
	struct ds_submit submit;
	int err;

	submit.session = session;
	submit.arg = *arg;
	err = ds_submit_begin(&submit, false);
	if (!err)
		err = ds_request_run(submit.request, arg->timeout_ms);
	if (!err)
		err = ds_submit_results(&submit);
	ds_submit_end(&submit, err);
	arg->failed = submit.arg.failed;
	return err;
}

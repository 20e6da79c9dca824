// SPDX-License-Identifier: GPL-2.0
/* The engine as a kernel: batches. */
#include "engine.h"

#define TRIES	8

static bool has_data(const struct docstore_op *op)
{
	return op->code == DOCSTORE_OP_SET && op->type >= DOCSTORE_TYPE_STRING;
}

static struct ds_delta *add_op(struct batch *b, const struct docstore_op *op)
{
	struct ds_delta *delta = batch_op(b, engine_pointer(op->id), op->id_len, op->code);

	delta->flags = op->flags;
	delta->type = op->type;
	delta->property = op->property;
	delta->expected = op->version;
	delta->len = op->value_len;
	delta->number = op->value;
	if (has_data(op)) {
		delta->data = malloc(op->value_len);
		CHECK(delta->data || !op->value_len);
		memcpy(delta->data, engine_pointer(op->value), op->value_len);
		b->bytes += op->value_len;
	}
	return delta;
}

/* Until there is memory for it, or there is none to be had. */
static void commit(struct store *s, struct batch *b)
{
	u32 tries = TRIES;

	do {
		store_commit(s, b);
		shim_rcu_elapse();
		store_maintain(s, 64, b->batch.nomem);
		if (b->batch.nomem)
			store_donate(s);
	} while (b->batch.nomem && tries--);
}

static bool span_once(struct ds_batch *first, struct batch **parts)
{
	static struct ds_builder builder;
	struct ds_batch *batch;
	bool done;
	u32 n;

	for (n = 0; n < engine.partitions; n++) {
		if (!parts[n])
			continue;
		store_top_up(engine.s[n], parts[n]->bytes);
		ds_partition_own(&engine.s[n]->p);
		engine.s[n]->now += 1000000000;
	}
	done = ds_span_prepare(first, &builder, engine.s[0]->now);
	if (done)
		ds_span_publish(first, engine.head);
	for (batch = first; batch; batch = batch->span) {
		if (done)
			ds_partition_settle(batch->partition, batch, engine.s[0]->now);
		ds_partition_maintain(batch->partition, 64, batch->nomem);
		ds_partition_disown(batch->partition);
	}
	shim_rcu_elapse();
	for (n = 0; n < engine.partitions; n++)
		if (parts[n])
			store_maintain(engine.s[n], 64, parts[n]->batch.nomem);
	return done;
}

/* All parts at once, or none. */
static void commit_span(struct batch **parts)
{
	struct ds_batch *first = NULL, **last = &first;
	u32 tries = TRIES, n;
	bool done, nomem;

	for (n = 0; n < engine.partitions; n++) {
		if (!parts[n])
			continue;
		parts[n]->batch.partition = &engine.s[n]->p;
		parts[n]->batch.span = NULL;
		*last = &parts[n]->batch;
		last = &parts[n]->batch.span;
	}
	do {
		done = span_once(first, parts);
		nomem = false;
		for (n = 0; n < engine.partitions; n++) {
			if (!parts[n] || !parts[n]->batch.nomem)
				continue;
			nomem = true;
			store_donate(engine.s[n]);
		}
	} while (nomem && tries--);
	/* Nobody else is in the kernel, so all partitions were idle. */
	engine.coordinator.commits += done;
	engine.coordinator.lent += done;
	engine.coordinator.refused += !done && !nomem;
	engine.coordinator.no_memory += nomem;
}

int engine_submit(struct docstore_submit *arg)
{
	bool atomic = arg->flags & DOCSTORE_SUBMIT_ATOMIC, nomem = false;
	struct ds_delta **deltas = calloc(arg->count, sizeof(*deltas));
	struct docstore_op *ops = engine_pointer(arg->ops);
	struct batch *parts[ENGINE_PARTITIONS] = { NULL };
	u32 i, n, count = 0;

	CHECK(deltas);
	/* Commits go on from there by a second. */
	for (n = 0; n < engine.partitions; n++)
		engine.s[n]->now = engine_time() - 1000000000;
	for (i = 0; i < arg->count; i++) {
		n = engine_partition_of(ops[i].id, ops[i].id_len);
		if (!parts[n]) {
			parts[n] = batch_create_for(engine.s[n], atomic, arg->count);
			count++;
		}
		deltas[i] = add_op(parts[n], &ops[i]);
	}
	if (atomic && count > 1)
		commit_span(parts);
	for (n = 0; n < engine.partitions; n++) {
		if (!parts[n])
			continue;
		if (!atomic || count == 1)
			commit(engine.s[n], parts[n]);
		nomem |= parts[n]->batch.nomem;
	}
	arg->failed = 0;
	for (i = 0; i < arg->count; i++) {
		n = engine_partition_of(ops[i].id, ops[i].id_len);
		ops[i].result = parts[n]->batch.nomem || (atomic && nomem) ? -ENOSPC :
				deltas[i]->result;
		ops[i].version = deltas[i]->version;
		arg->failed += !!ops[i].result;
	}
	for (n = 0; n < engine.partitions; n++)
		if (parts[n])
			batch_destroy(parts[n]);
	free(deltas);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The random test, with a fuzzer's bytes in the place of chance: batches,
 * commits, refused memory, pinned readers and grace periods, against its model.
 *
 * The first bytes say how much memory there is, whether there is a backlog that is
 * followed, and how many documents. Then come
 * steps: a byte that tells how many bytes a step has, and these. What a step
 * draws beyond them follows from them, so that a few bytes make a whole step, and
 * changing one step leaves the others what they are.
 */
#include "../random_test.c"

#include "fuzz.h"

#define STEPS	48

static struct input step;
static u64 beyond;

static u64 draw(u32 bytes)
{
	if (input_left(&step) >= bytes)
		return take(&step, bytes);
	/* splitmix64 */
	beyond += 0x9e3779b97f4a7c15ULL;
	beyond = (beyond ^ (beyond >> 30)) * 0xbf58476d1ce4e5b9ULL;
	beyond = (beyond ^ (beyond >> 27)) * 0x94d049bb133111ebULL;
	return beyond ^ (beyond >> 31);
}

u64 rng_next(struct rng *rng)
{
	u64 number = draw(1) & 0xff;

	/* Small numbers, those at which sums overflow, and all others. */
	if (number < 128)
		return number;
	if (number < 192)
		return S64_MAX - (number & 7);
	if (number < 224)
		return S64_MIN + (number & 7);
	return draw(8);
}

u32 rng_below(struct rng *rng, u32 n)
{
	u32 bytes = n <= 256 ? 1 : 2;

	return ((draw(bytes) & ((1U << 8 * bytes) - 1)) * n) >> 8 * bytes;
}

u32 rng_skewed(struct rng *rng, u32 max)
{
	u32 bits = max ? 32 - __builtin_clz(max) : 0;
	u32 n, few = rng_below(rng, bits + 1);

	n = few ? draw((few + 7) / 8) & ((1U << few) - 1) : 0;
	return n < max ? n : max;
}

static void step_begin(struct input *in)
{
	u32 i, n = take_below(in, 256), left = input_left(in);

	n = min(n, left);
	step = (struct input){ in->at, in->at + n };
	in->at += n;
	beyond = n;
	for (i = 0; i < n; i++)
		beyond = beyond * 0x100000001b3ULL + step.at[i];
}

/* Ids of all lengths, the documents' numbers in front. */
static void model_ids(struct model *m, u32 lengths)
{
	u32 i, k;

	for (i = 0; i < m->active; i++) {
		struct document *doc = &m->docs[i];

		doc->id_len = 2 + i * lengths % (DOCSTORE_MAX_ID - 1);
		for (k = 2; k < doc->id_len; k++)
			doc->id[k] = i + k;
		doc->id[0] = i;
		doc->id[1] = i >> 8;
	}
}

/* The changes have made of the replica what the documents are. */
static void model_compare(struct model *m)
{
	u32 i;

	for (i = 0; m->replica && i < m->active; i++)
		replica_compare(m->replica, m->docs[i].id, m->docs[i].id_len);
}

/* In the end all is deleted, and all bytes come back. */
static void model_finish(struct model *m)
{
	struct store *s = m->s;
	u32 i;

	core_fail_after = CORE_NEVER;
	model_unpin(m);
	store_validate(s);
	for (i = 0; i < m->active; i++) {
		struct document *doc = &m->docs[i];
		struct batch *b;

		model_check_document(m, doc);
		if (!doc->live)
			continue;
		b = batch_create(s, false);
		batch_op(b, doc->id, doc->id_len, DOCSTORE_OP_DELETE);
		store_run(s, b);
	}
	store_quiesce(s);
	store_validate(s);
	model_compare(m);
	if (m->replica)
		replica_destroy(m->replica);
	m->replica = NULL;
	CHECK_EQ(s->p.stats.documents, 0);
	CHECK_EQ(s->p.stats.document_bytes, 0);
	CHECK_EQ(s->p.index.slots, 0);
	CHECK_EQ(s->p.arena.retired_bytes, 0);
	CHECK_EQ(s->p.arena.used_bytes, s->p.index.bytes);
	store_destroy(s);
}

static void model_forget(struct model *m)
{
	u32 i;

	for (i = 0; i < m->active; i++) {
		struct document *doc = &m->docs[i];

		document_clear(doc);
		memset(doc, 0, offsetof(struct document, props));
	}
	m->live = 0;
	m->slots = 0;
	m->bytes = 0;
	/* One that went on was of a store that is no more. */
	m->checker = (struct checker){};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	static struct model m;
	static bool ready;
	u32 steps, how;

	if (!ready)
		core_setup();
	ready = true;
	shim_rcu_elapse();
	how = take_below(&in, 256);
	m.s = store_create(1 + how % 4);
	if (how / 4 % 4) {
		/* Of 4, 16 or 64 KiB. */
		store_log(m.s, 1024U << (how / 4 % 4) * 2);
		m.replica = replica_create(m.s);
	}
	m.active = 1 + take_below(&in, 8) * take_below(&in, 8);
	m.deleting = take_below(&in, 60);
	model_ids(&m, 1 + take_below(&in, 256));

	for (steps = 0; steps < STEPS && input_left(&in); steps++) {
		step_begin(&in);
		model_step(&m);
		if (!rng_below(&m.rng, 16)) {
			store_validate(m.s);
			model_check_scan(&m);
			model_compare(&m);
		}
		if (!rng_below(&m.rng, 32)) {
			model_unpin(&m);
			store_quiesce(m.s);
			model_bury(&m);
			model_check_stats(&m);
			CHECK_EQ(m.slots, m.live);
		}
	}
	model_finish(&m);
	model_forget(&m);
	return 0;
}

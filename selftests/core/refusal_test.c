// SPDX-License-Identifier: GPL-2.0
/*
 * A scripted story in which the n-th allocation is refused, for every n. After
 * each refusal the batch says so and nothing is half done; carried out again it
 * succeeds; and in the end all is as if nothing had happened.
 */
#include <errno.h>
#include <string.h>

#include "store.h"
#include "test.h"

/* What a store holds: ids, versions and contents, in whatever order. */
static u64 digest(struct store *s)
{
	static struct ds_scan scan;
	static u64 copy[DOCSTORE_MAX_DOCUMENT / 8 + 1];
	u64 sum = 0;
	u32 i;

	scan.from = 0;
	for (;;) {
		ds_index_scan(&s->p.index, s->key, &scan);
		for (i = 0; i < scan.count; i++) {
			const struct docstore_version *v = scan.found[i].version;
			struct docstore_version *head = (struct docstore_version *)copy;
			u64 hash = 0xcbf29ce484222325ULL;
			u32 j;

			v = ds_partition_visible(&s->p, v, s->map->visible_seq);
			if (!v)
				continue;
			ds_version_copy(v, copy, sizeof(copy));
			/* These tell when, not what. */
			head->seq = 0;
			head->created = 0;
			head->changed = 0;
			copy[v->size / 8] &= ~(~0ULL << v->size % 8 * 8);
			for (j = 0; j <= v->size / 8; j++)
				hash = ((hash ^ copy[j]) * 0x100000001b3ULL) ^ hash >> 31;
			sum += hash;
		}
		if (scan.last == U64_MAX)
			return sum;
		scan.from = scan.last + 1;
	}
}

/**
 * struct story - a run of the script
 * @s: the store
 * @refuse: after how many allocations one is refused, CORE_NEVER for none
 * @refused: how many batches found no memory
 */
struct story {
	struct store *s;
	u64 refuse;
	u64 count;
	u32 refused;
};

static bool batch_carried_out(const struct ds_change *change)
{
	return change->state == DS_CHANGE_DONE || change->state == DS_CHANGE_LINKED;
}

/* Carry batches out in one commit; those that were refused once more. */
static void tell(struct story *story, struct batch **batches, u32 n)
{
	struct store *s = story->s;
	u32 i, tries;

	for (tries = 0; n; tries++) {
		u64 before = digest(s);
		u32 left = 0;
		bool any = false;

		CHECK(tries < 3);
		for (i = 0; i < n; i++)
			store_top_up(s, batches[i]->bytes);
		if (!tries)
			core_fail_after = story->refuse;
		store_begin(s);
		for (i = 0; i < n; i++)
			store_apply(s, batches[i]);
		CHECK_EQ(digest(s), before);
		store_publish(s);
		for (i = 0; i < n; i++)
			store_settle(s, batches[i]);
		for (i = 0; i < n; i++) {
			struct batch *b = batches[i];
			const struct ds_change *change;
			u32 undone = 0, docs = 0;

			for (change = b->batch.first; change; change = change->next, docs++)
				undone += !batch_carried_out(change);
			CHECK_EQ(b->batch.nomem, undone > 0);
			if (b->batch.atomic)
				CHECK(!undone || undone == docs);
			if (!undone || !b->batch.atomic)
				any = true;
			if (undone)
				batches[left++] = b;
			else
				batch_destroy(b);
		}
		if (!any)
			CHECK_EQ(digest(s), before);
		/* Growing may be refused as well, and says nothing. */
		store_maintain(s, 40, left);
		store_validate(s);
		if (left)
			story->refused++;
		n = left;
		/* Now there is memory. */
		core_fail_after = CORE_NEVER;
	}
	if (story->refuse != CORE_NEVER && core_allocs < story->refuse + story->count)
		core_fail_after = story->refuse;
}

static void fill(struct batch *b, u32 first, u32 n, u32 len)
{
	static u8 data[40000];
	char id[32];
	u32 i;

	for (i = first; i < first + n; i++) {
		snprintf(id, sizeof(id), "story %u", i);
		op_set_data(b, id, 1, DOCSTORE_TYPE_BYTES, data, len);
		op_add(b, id, 2, i);
	}
}

static void scene(struct story *story, u32 number)
{
	struct store *s = story->s;
	struct batch *b[3];
	char id[32];
	u32 i, n = 1;

	switch (number) {
	case 0:
		/* The first document, and with it the index. */
		b[0] = batch_create(s, true);
		op_touch(b[0], "first", 0);
		break;
	case 1:
		/* More than the buckets have room for: overflow. */
		b[0] = batch_create_for(s, true, 400);
		fill(b[0], 0, 150, 10);
		break;
	case 2:
		b[0] = batch_create_for(s, false, 400);
		fill(b[0], 100, 120, 100);
		break;
	case 3:
		/* Large ones, among them one that is there; batches in any order. */
		b[0] = batch_create(s, true);
		fill(b[0], 219, 3, 40000);
		b[1] = batch_create(s, false);
		op_delete(b[1], "story 10");
		fill(b[1], 300, 5, 17000);
		b[2] = batch_create(s, true);
		op_touch(b[2], "first", 0);
		op_delete(b[2], "story 12");
		n = 3;
		break;
	case 4:
		b[0] = batch_create(s, false);
		for (i = 0; i < 60; i += 2) {
			snprintf(id, sizeof(id), "story %u", i);
			op_delete(b[0], id);
			snprintf(id, sizeof(id), "story %u", i + 1);
			op_unset(b[0], id, 0);
		}
		break;
	case 5:
		/* Made again while the tombstones are there, and new ones. */
		b[0] = batch_create(s, true);
		fill(b[0], 0, 30, 50);
		break;
	default:
		b[0] = batch_create_for(s, number & 1, 200);
		fill(b[0], 500 + 80 * (number - 6), 80, number * 20);
		break;
	}
	tell(story, b, n);
	if (number == 2 || number == 5)
		store_quiesce(s);
}

#define SCENES	9

/* Return how many allocations it took. */
static u64 run(struct story *story)
{
	u64 first = core_allocs, end;
	u32 i;

	story->s = store_create(16);
	if (story->refuse != CORE_NEVER)
		story->refuse += first;
	core_fail_count = story->count;
	for (i = 0; i < SCENES; i++)
		scene(story, i);
	core_fail_after = CORE_NEVER;
	end = core_allocs;
	return end - first;
}

static void finish(struct story *story)
{
	struct store *s = story->s;

	store_quiesce(s);
	store_validate(s);
	store_destroy(s);
}

static void sweep(u64 count, u64 step)
{
	struct story plain = { .refuse = CORE_NEVER, .count = 1 };
	u64 total = run(&plain), end = digest(plain.s), n, documents = plain.s->p.stats.documents;
	u64 hit = 0;

	CHECK_EQ(plain.refused, 0);
	finish(&plain);
	for (n = 0; n < total; n += step) {
		struct story story = { .refuse = n, .count = count };

		run(&story);
		CHECK_EQ(digest(story.s), end);
		CHECK_EQ(story.s->p.stats.documents, documents);
		hit += story.refused > 0;
		finish(&story);
	}
	test_note("%llu allocations, %llu of the refusals refused a batch",
		  (unsigned long long)total, (unsigned long long)hit);
	CHECK(hit * 2 * step > total);
}

static void each_allocation(void)
{
	sweep(1, test_param("REFUSAL_STEP", 1));
}

/* Not only this one but those behind it, as it is when memory is short. */
static void all_from_there(void)
{
	sweep(1000, test_param("REFUSAL_STEP", 7));
}

const struct test refusal_tests[] = {
	TEST(each_allocation),
	TEST(all_from_there),
	{}
};

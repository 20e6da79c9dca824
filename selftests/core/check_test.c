// SPDX-License-Identifier: GPL-2.0
/*
 * Checks: what is whole has no findings, whatever goes on meanwhile, and each kind of
 * damage is found by the validator that is there for it.
 */
#include <string.h>

#include "check.h"
#include "checker.h"
#include "damage.h"
#include "pins.h"
#include "test.h"

#define PROP	1
#define DOCS	2000
#define LAYOUTS	16

static void put(struct store *s, const char *id, u32 value)
{
	static const char text[4096];
	struct batch *b = batch_create(s, false);

	op_set_number(b, id, PROP, DOCSTORE_TYPE_U64, value);
	op_set_data(b, id, PROP + 1, DOCSTORE_TYPE_BYTES, text, value % 97);
	if (!(value % 333))
		op_set_data(b, id, PROP + 2, DOCSTORE_TYPE_BYTES, text, sizeof(text));
	store_run(s, b);
}

static void delete(struct store *s, const char *id)
{
	struct batch *b = batch_create(s, false);

	op_delete(b, id);
	store_run(s, b);
}

/* Stores that are broken can't be destroyed in order. */
static struct store *broken[2 * LAYOUTS];

static void leave(struct store *s)
{
	u32 i;

	for (i = 0; broken[i]; i++)
		CHECK(i + 1 < ARRAY_SIZE(broken));
	broken[i] = s;
}

static void finish(struct store *s)
{
	const struct ds_pins *pins = s->past.pins;
	u32 i;

	for (i = 0; pins && i < pins->count; i++)
		if (!pins->pin[i]->released)
			ds_past_release(&s->past, pins->pin[i]);
	store_quiesce(s);
	pins_sweep(&s->past);
	CHECK_EQ(pins_count(&s->past), 0);
	store_validate(s);
	store_destroy(s);
}

/* A store with documents, tombstones, and versions that are kept for a pin. Where they lie
 * is another place for each layout.
 */
static struct store *furnished(u32 layout)
{
	struct store *s = store_create(8);
	char id[32];
	u32 i;

	for (i = 0; i < DOCS; i++) {
		snprintf(id, sizeof(id), "doc%u.%u", layout, i);
		put(s, id, i);
	}
	pin_take(&s->past);
	for (i = 0; i < DOCS; i += 2) {
		snprintf(id, sizeof(id), "doc%u.%u", layout, i);
		if (i % 10)
			put(s, id, i + 1);
		else
			delete(s, id);
	}
	store_maintain(s, 0, true);
	return s;
}

static void whole(void)
{
	struct store *s = furnished(0);
	struct checker c = {};

	checker_run(&c, s, 1);
	CHECK_EQ(c.check.findings, 0);
	CHECK_EQ(c.check.documents, s->p.stats.documents);
	CHECK(c.check.blocks > c.check.documents);
	finish(s);
}

static void empty(void)
{
	struct store *s = store_create(1);
	struct checker c = {};

	checker_run(&c, s, 1000);
	CHECK_EQ(c.check.findings, 0);
	CHECK_EQ(c.check.documents, 0);
	store_destroy(s);
}

static void damage_one(const struct ds_damage *damage, u32 layout)
{
	struct store *s = furnished(layout);
	struct ds_damage_undo undo = {};
	struct checker c = {};

	if (!damage->inflict(&s->p, &undo))
		FAIL("%s: nothing to damage in layout %u", damage->name, layout);
	checker_run(&c, s, 100);
	if (!c.by[damage->validator])
		FAIL("%s: %s did not find it, of %llu findings", damage->name,
		     ds_validator_name(damage->validator), (unsigned long long)c.check.findings);
	CHECK_EQ(c.check.repaired, 0);

	c = (struct checker){ .check.repair = true };
	checker_run(&c, s, 100);
	CHECK(c.by[damage->validator]);
	if (damage->repairable && c.check.repaired != c.check.findings)
		FAIL("%s: was not repaired", damage->name);

	c = (struct checker){};
	checker_run(&c, s, 100);
	if (damage->repairable && c.check.findings)
		FAIL("%s: is still there", damage->name);
	if (!damage->repairable && !c.by[damage->validator])
		FAIL("%s: is gone", damage->name);
	/* What was lost is not there again. */
	if (damage->repairable && !strcmp(damage->name, "lost")) {
		leave(s);
		return;
	}
	if (!damage->repairable)
		ds_damage_undo(&undo);
	finish(s);
}

static void damaged(void)
{
	const struct ds_damage *damage;
	u32 layout, i;

	for (i = 0; (damage = ds_damage_kind(i)); i++)
		for (layout = 0; layout < LAYOUTS; layout++)
			damage_one(damage, layout);
	CHECK(i);
}

/* A chain that leads back to where it was. */
static void chain_loop(void)
{
	struct store *s = store_create(8);
	struct docstore_bucket *bucket;
	struct checker c = {};
	char id[16];
	u32 i;

	/* While there is no memory for more buckets, chains grow. */
	for (i = 0; i < 200; i++) {
		struct batch *b;

		snprintf(id, sizeof(id), "doc%u", i);
		b = batch_create(s, false);
		op_set_number(b, id, PROP, DOCSTORE_TYPE_U64, i);
		store_top_up(s, b->bytes);
		store_begin(s);
		store_apply(s, b);
		CHECK(store_publish(s));
		store_settle(s, b);
		batch_destroy(b);
	}
	checker_run(&c, s, 100);
	CHECK_EQ(c.check.findings, 0);
	for (i = 0; !core_bucket(&s->p.index, i)->next; i++)
		CHECK(i < s->map->buckets);
	bucket = ds_arena_ptr(&s->p.arena, core_bucket(&s->p.index, i)->next);
	bucket->next = core_bucket(&s->p.index, i)->next;
	c = (struct checker){};
	checker_run(&c, s, 100);
	CHECK(c.by[DS_VALIDATOR_INDEX]);
	leave(s);
}

/* Commits between slices change what was counted, and what was not; pins come and go. */
static void meanwhile(void)
{
	struct rng rng = { .state = test_seed() };
	struct store *s = furnished(0);
	struct ds_pin *pins[8] = {};
	struct checker c = {};
	u32 i, n, runs = 0;
	char id[16];

	for (i = 0; i < test_param("STEPS", 20000) || !runs; i++) {
		snprintf(id, sizeof(id), "doc%u", rng_below(&rng, 3 * DOCS));
		put(s, id, rng_next(&rng));
		if (!rng_below(&rng, 3))
			delete(s, id);
		if (!rng_below(&rng, 100))
			store_maintain(s, rng_below(&rng, 100), true);
		if (!rng_below(&rng, 200)) {
			n = rng_below(&rng, ARRAY_SIZE(pins));
			if (pins[n])
				ds_past_release(&s->past, pins[n]);
			pins[n] = pins[n] ? NULL : pin_take(&s->past);
			if (rng_below(&rng, 2))
				pins_sweep(&s->past);
		}
		runs += !checker_slice(&c, s, 1 + rng_below(&rng, 64));
		if (c.check.findings)
			FAIL("%s: rule %u at %u is %llu, not %llu",
			     ds_validator_name(c.last.validator), c.last.rule, c.last.where,
			     (unsigned long long)c.last.is, (unsigned long long)c.last.should);
	}
	test_note("%u runs", runs);
	finish(s);
}

const struct test check_tests[] = {
	TEST(empty),
	TEST(whole),
	TEST(damaged),
	TEST(chain_loop),
	TEST(meanwhile),
	{}
};

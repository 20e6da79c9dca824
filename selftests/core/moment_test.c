// SPDX-License-Identifier: GPL-2.0
/*
 * What looks at the past while it is made: whoever pins a moment or reads is stopped at
 * each place where an owner could do something, and the owner does it there. And what is
 * kept is what is needed, no more.
 *
 * All of it is one thread, so that each round is the same every time.
 */
#include <errno.h>
#include <string.h>

#include "pins.h"
#include "test.h"

#define PROP		1
#define PARTITIONS	3
#define NOW		1700000000000000000ULL

static struct stores *all;

/* Somebody at work --------------------------------------------------------------- */

static struct {
	u32 at;				/* the step at which it happens */
	u32 steps;
	void (*act)(void);
	bool acted;
} meanwhile;

static void step(void)
{
	if (meanwhile.steps++ != meanwhile.at)
		return;
	/* What the owner does is done at once. */
	shim_hook = NULL;
	meanwhile.act();
	shim_hook = step;
	meanwhile.acted = true;
}

static void steps_begin(void (*act)(void), u32 at)
{
	meanwhile.at = at;
	meanwhile.steps = 0;
	meanwhile.act = act;
	meanwhile.acted = false;
	/* What rate does not matter: the hook is called each time. */
	shim_jitter_rate = 1U << 30;
	shim_hook = step;
}

/* Return false if it never came so far. */
static bool steps_end(void)
{
	shim_hook = NULL;
	shim_jitter_rate = 0;
	return meanwhile.acted;
}

static void put(struct store *s, const char *id, u64 number)
{
	struct batch *b = batch_create(s, false);

	op_set_number(b, id, PROP, DOCSTORE_TYPE_U64, number);
	store_run(s, b);
}

static u64 number_in(const struct docstore_version *v)
{
	struct ds_value value;
	u64 number;

	if (!v)
		return 0;
	CHECK(ds_version_property(v, PROP, &value));
	CHECK_EQ(value.len, 8);
	memcpy(&number, value.data, 8);
	return number;
}

static u64 seen_by(const struct store *s, const struct ds_pin *pin, const char *id)
{
	u64 number;

	rcu_read_lock();
	number = number_in(ds_partition_read_pinned(&s->p, store_hash(s, id, strlen(id)),
						    (const u8 *)id, strlen(id),
						    pin->list[s->p.number].seq));
	rcu_read_unlock();
	return number;
}

static u64 seen_now(const struct store *s, const char *id)
{
	u64 number;

	rcu_read_lock();
	number = number_in(store_read(s, id, strlen(id)));
	rcu_read_unlock();
	return number;
}

/* Moments ------------------------------------------------------------------------ */

static void one_after_the_other(void)
{
	put(all->s[0], "a", 2);
	put(all->s[1], "a", 2);
	put(all->s[2], "a", 2);
}

static void the_other_way_round(void)
{
	put(all->s[2], "a", 2);
	put(all->s[1], "a", 2);
	put(all->s[0], "a", 2);
}

/* A batch that spans all of them, prepared. */
static struct batch *parts[PARTITIONS];
static struct ds_builder span_builder;
static u32 shown;

static void span_begin(void)
{
	u32 i;

	for (i = 0; i < PARTITIONS; i++) {
		parts[i] = batch_create(all->s[i], true);
		op_set_number(parts[i], "a", PROP, DOCSTORE_TYPE_U64, 2);
		parts[i]->batch.partition = &all->s[i]->p;
		parts[i]->batch.span = i ? &parts[i - 1]->batch : NULL;
		ds_partition_own(&all->s[i]->p);
	}
	CHECK(ds_span_prepare(&parts[PARTITIONS - 1]->batch, &span_builder, NOW));
	shown = 0;
}

static void span_show(u32 until)
{
	u32 i;

	if (shown == until)
		return;
	for (i = 0; !shown && i < PARTITIONS; i++)
		ds_partition_accept(&all->s[i]->p, &parts[i]->batch);
	if (!shown)
		WRITE_ONCE(all->head.epoch, all->head.epoch + 1);
	smp_wmb();
	for (; shown < until; shown++)
		ds_partition_show(&all->s[shown]->p);
	if (shown == PARTITIONS)
		smp_store_release(&all->head.epoch, all->head.epoch + 1);
	smp_mb();
}

static void span_part(void)
{
	span_show(1);
}

static void span_most(void)
{
	span_show(2);
}

static void span_all(void)
{
	span_show(PARTITIONS);
}

static void span_end(void)
{
	u32 i;

	span_show(PARTITIONS);
	for (i = 0; i < PARTITIONS; i++) {
		ds_partition_settle(&all->s[i]->p, &parts[i]->batch, NOW);
		ds_partition_disown(&all->s[i]->p);
		batch_destroy(parts[i]);
	}
}

static bool act_spans(void (*act)(void))
{
	return act == span_part || act == span_most || act == span_all;
}

/*
 * A pin sees what was there at one moment: of changes one after the other the first
 * ones, and of those that are made at once all or none.
 */
static void moment_is_one(const struct ds_pin *pin, void (*act)(void))
{
	u64 a = seen_by(all->s[0], pin, "a"), b = seen_by(all->s[1], pin, "a");
	u64 c = seen_by(all->s[2], pin, "a");

	CHECK(a && b && c);
	if (act == one_after_the_other)
		CHECK(a >= b && b >= c);
	else if (act == the_other_way_round)
		CHECK(c >= b && b >= a);
	else
		CHECK(a == b && b == c);
}

static bool moment_at(void (*act)(void), u32 at, u32 *found)
{
	struct ds_pin *pin;
	bool acted, good;
	u32 i;

	all = stores_create(PARTITIONS, 2);
	for (i = 0; i < PARTITIONS; i++)
		put(all->s[i], "a", 1);
	if (act_spans(act))
		span_begin();
	pin = pin_publish(&all->past);
	steps_begin(act, at);
	good = ds_past_collect(&all->past, pin, 1);
	acted = steps_end();
	if (act_spans(act))
		span_end();
	/* What is known to be no moment is good for one that is collected later. */
	if (!good)
		CHECK(ds_past_collect(&all->past, pin, 1));
	ds_past_end(pin);
	moment_is_one(pin, act);
	*found += good;
	ds_past_release(&all->past, pin);
	for (i = 0; i < PARTITIONS; i++) {
		store_quiesce(all->s[i]);
		store_validate(all->s[i]);
	}
	stores_destroy(all);
	return acted;
}

static void moments(void)
{
	static void (*const acts[])(void) = {
		one_after_the_other, the_other_way_round, span_part, span_most, span_all,
	};
	u32 i, at, found;

	for (i = 0; i < ARRAY_SIZE(acts); i++) {
		for (at = 0, found = 0; moment_at(acts[i], at, &found); at++)
			;
		/* Steps in between are no good, others are. */
		CHECK(at >= 2 * PARTITIONS && found && found <= at);
	}
}

/* The same the other way round: somebody looks at each step of the publication. */
static struct ds_pin *looking;
static bool found_one;

static void look(void)
{
	u32 i;

	found_one = ds_past_collect(&all->past, looking, 1);
	for (i = 1; found_one && i < PARTITIONS; i++)
		CHECK_EQ(looking->list[i].seq, looking->list[0].seq);
}

static bool publication_at(u32 at, u32 *found)
{
	bool acted;
	u32 i;

	all = stores_create(PARTITIONS, 2);
	for (i = 0; i < PARTITIONS; i++)
		put(all->s[i], "a", 1);
	span_begin();
	looking = pin_publish(&all->past);
	found_one = false;
	steps_begin(look, at);
	ds_span_publish(&parts[PARTITIONS - 1]->batch, &all->head);
	acted = steps_end();
	*found += found_one;
	/* It was not by span_show(). */
	shown = PARTITIONS;
	span_end();
	CHECK(ds_past_collect(&all->past, looking, 1));
	for (i = 0; i < PARTITIONS; i++)
		CHECK_EQ(looking->list[i].seq, 2);
	ds_past_end(looking);
	ds_past_release(&all->past, looking);
	for (i = 0; i < PARTITIONS; i++) {
		store_quiesce(all->s[i]);
		store_validate(all->s[i]);
	}
	stores_destroy(all);
	return acted;
}

static void publication(void)
{
	u32 at, found = 0;

	for (at = 0; publication_at(at, &found); at++)
		;
	CHECK(found && found < at);
}

/* Readers ------------------------------------------------------------------------- */

static struct store *one;
static struct batch *under_way;
static struct ds_pin *old_pin, *new_pin;

static void becomes_visible(void)
{
	store_publish(one);
	store_settle(one, under_way);
}

static void and_changes_again(void)
{
	becomes_visible();
	put(one, "a", 3);
}

/* What it has replaced was kept for a moment. */
static void and_is_let_go(void)
{
	becomes_visible();
	ds_past_release(&one->past, new_pin);
	store_maintain(one, 100, true);
}

static void and_nothing_is_pinned(void)
{
	becomes_visible();
	ds_past_release(&one->past, old_pin);
	put(one, "a", 3);
	store_maintain(one, 100, true);
}

/*
 * A reader finds a version that is not visible yet, and it becomes so, with what it has
 * replaced unlinked for a pin that sees neither: there is always some version to be seen.
 */
static bool read_at(void (*act)(void), u32 at)
{
	bool acted;
	u64 number;

	one = store_create(4);
	old_pin = pin_take(&one->past);
	put(one, "a", 1);
	new_pin = act == and_is_let_go ? pin_take(&one->past) : NULL;
	under_way = batch_create(one, false);
	op_set_number(under_way, "a", PROP, DOCSTORE_TYPE_U64, 2);
	store_top_up(one, under_way->bytes);
	store_begin(one);
	store_apply(one, under_way);
	rcu_read_lock();
	steps_begin(act, at);
	number = number_in(store_read(one, "a", 1));
	acted = steps_end();
	rcu_read_unlock();
	if (!acted)
		becomes_visible();
	CHECK(number >= 1 && number <= (acted ? 3 : 1));
	batch_destroy(under_way);
	if (!old_pin->released)
		ds_past_release(&one->past, old_pin);
	if (new_pin && !new_pin->released)
		ds_past_release(&one->past, new_pin);
	store_quiesce(one);
	pins_sweep(&one->past);
	CHECK_EQ(pins_count(&one->past), 0);
	store_validate(one);
	store_destroy(one);
	return acted;
}

static void readers(void)
{
	static void (*const acts[])(void) = {
		becomes_visible, and_changes_again, and_is_let_go, and_nothing_is_pinned,
	};
	u32 i, at;

	for (i = 0; i < ARRAY_SIZE(acts); i++) {
		for (at = 0; read_at(acts[i], at); at++)
			;
		CHECK(at >= 4);
	}
}

/* What is kept -------------------------------------------------------------------- */

static void let_go(struct store *s, struct ds_pin *pin)
{
	ds_past_release(&s->past, pin);
	store_quiesce(s);
	CHECK(pins_sweep(&s->past));
	store_validate(s);
}

/* A pin that sees a version needs nothing of what that has replaced. */
static void no_more_than_needed(void)
{
	struct store *s = store_create(4);
	struct ds_pin *pin, *next;
	struct batch *b;

	put(s, "a", 1);
	store_quiesce(s);
	/* It comes between the publication and what follows, and sees the commit. */
	b = batch_create(s, false);
	op_set_number(b, "a", PROP, DOCSTORE_TYPE_U64, 2);
	store_top_up(s, b->bytes);
	store_begin(s);
	store_apply(s, b);
	store_publish(s);
	pin = pin_take(&s->past);
	store_settle(s, b);
	batch_destroy(b);
	CHECK_EQ(seen_by(s, pin, "a"), 2);
	CHECK_EQ(s->p.stats.past_bytes, 0);

	/* One that was kept is of no use for the pin that comes next. */
	put(s, "a", 3);
	CHECK_EQ(pin->list[0].count, 1);
	next = pin_take(&s->past);
	let_go(s, pin);
	CHECK_EQ(seen_by(s, next, "a"), 3);
	CHECK_EQ(s->p.stats.past_bytes, 0);
	let_go(s, next);
	store_destroy(s);
}

static u32 flags_of(struct store *s, const char *id)
{
	struct ds_slot slot;

	CHECK(ds_index_find(&s->p.index, store_hash(s, id, strlen(id)), (const u8 *)id,
			    strlen(id), &slot));
	return slot.bucket->state[slot.i] & 0xff;
}

/* The flag tells of which documents earlier versions are kept. */
static void snapshot_ready(void)
{
	struct store *s = store_create(4);
	struct ds_pin *pin, *later;

	put(s, "a", 1);
	put(s, "b", 1);
	put(s, "b", 2);
	pin = pin_take(&s->past);
	CHECK_EQ(flags_of(s, "a"), 0);
	put(s, "a", 2);
	put(s, "c", 1);
	put(s, "c", 2);
	CHECK_EQ(flags_of(s, "a"), DOCSTORE_STATE_SNAPSHOT_READY);
	CHECK_EQ(flags_of(s, "b"), 0);
	CHECK_EQ(flags_of(s, "c"), 0);
	later = pin_take(&s->past);
	put(s, "a", 3);
	CHECK_EQ(flags_of(s, "a"), DOCSTORE_STATE_SNAPSHOT_READY);
	let_go(s, pin);
	CHECK_EQ(flags_of(s, "a"), DOCSTORE_STATE_SNAPSHOT_READY);
	CHECK_EQ(seen_by(s, later, "a"), 2);
	let_go(s, later);
	CHECK_EQ(flags_of(s, "a"), 0);
	CHECK_EQ(seen_now(s, "a"), 3);
	store_destroy(s);
}

const struct test moment_tests[] = {
	TEST(moments),
	TEST(publication),
	TEST(readers),
	TEST(no_more_than_needed),
	TEST(snapshot_ready),
	{}
};

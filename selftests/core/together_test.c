// SPDX-License-Identifier: GPL-2.0
/*
 * The library's reader on a mapping of several partitions: all as they were at one
 * moment, or as of a pin, whatever their owners do between any two of its loads.
 */
#include <errno.h>
#include <string.h>

#include "mapped.h"
#include "pins.h"
#include "test.h"

#define PROP		1
#define PARTITIONS	3
#define CHUNKS		2

/**
 * struct scene - a store that is read, and what is done to it meanwhile
 * @head: its mapping
 * @s: its partitions
 * @partition: the same, for @past
 * @past: its pins
 * @map: the reader's
 * @pinned: the reader's, as of a pin
 * @state: of the snapshot that the pin stands for
 * @id: of a document in each partition
 */
struct scene {
	struct docstore_map_store *head;
	struct store *s[PARTITIONS];
	struct ds_partition *partition[PARTITIONS];
	struct ds_past past;
	struct ds_map map, pinned;
	__u64 seq[PARTITIONS];
	__u32 state;
	char id[PARTITIONS][16];
};

static struct scene *scene;

/* What is done, and at which of the reader's loads. */
static struct {
	u32 at;
	void (*fn)(void);
} acts[4];
static u32 nacts, steps;

static void nobody(struct ds_past *past)
{
}

static void put_id(u32 n, const char *id, u64 number)
{
	struct batch *b = batch_create(scene->s[n], false);

	op_set_number(b, id, PROP, DOCSTORE_TYPE_U64, number);
	store_run(scene->s[n], b);
}

static void put(u32 n, u64 number)
{
	put_id(n, scene->id[n], number);
}

static void scene_begin(void)
{
	u32 n, i;

	scene = calloc(1, sizeof(*scene));
	CHECK(scene);
	scene->head = store_lay_out(PARTITIONS, CHUNKS, store_key);
	scene->past = (struct ds_past){
		.emptied = nobody,
		.head = scene->head,
		.count = PARTITIONS,
		.partitions = scene->partition,
	};
	for (n = 0; n < PARTITIONS; n++) {
		scene->s[n] = store_create_in(scene->head, n, CHUNKS);
		scene->s[n]->p.past = &scene->past;
		scene->s[n]->p.number = n;
		scene->partition[n] = &scene->s[n]->p;
		i = 0;
		do {
			snprintf(scene->id[n], sizeof(scene->id[n]), "document%u", i++);
		} while (docstore_map_partition_of(store_hash(scene->s[n], scene->id[n],
							      strlen(scene->id[n])),
						   PARTITIONS) != n);
		put(n, 1);
	}
	CHECK_EQ(ds_map_init(&scene->map, scene->head, scene->head->size), 0);
}

static void scene_end(void)
{
	u32 n;

	pins_sweep(&scene->past);
	CHECK_EQ(pins_count(&scene->past), 0);
	for (n = 0; n < PARTITIONS; n++) {
		store_quiesce(scene->s[n]);
		store_validate(scene->s[n]);
		store_destroy(scene->s[n]);
	}
	store_lay_away(scene->head);
	free(scene);
}

/* --- the reader --------------------------------------------------------------------- */

static void meanwhile(void)
{
	u32 i;

	steps++;
	for (i = 0; i < nacts; i++) {
		if (!acts[i].fn || steps != acts[i].at)
			continue;
		/* Owners have loads of their own. */
		shim_jitter_rate = 0;
		acts[i].fn();
		shim_jitter_rate = 1;
	}
	if (steps > 1000000)
		FAIL("it goes on for ever");
}

static void reader_begin(void)
{
	steps = 0;
	shim_jitter_rate = 1;
	shim_hook = meanwhile;
}

/* What comes later than the reader's last load is done now. */
static void reader_end(void)
{
	u32 last = steps, i;

	shim_jitter_rate = 0;
	shim_hook = NULL;
	for (i = 0; i < nacts; i++)
		if (acts[i].fn && acts[i].at > last)
			acts[i].fn();
}

static u64 number_in(const void *copy)
{
	struct ds_value value;
	u64 number;

	CHECK(ds_version_property(copy, PROP, &value));
	CHECK_EQ(value.len, 8);
	memcpy(&number, value.data, 8);
	return number;
}

/* One attempt, as tools/lib/together.c makes them: false if there has to be another one. */
static bool read_once(u64 *numbers)
{
	struct ds_map_moment moment = { 0 };
	struct ds_map_view view;
	u64 copy[32];
	u32 n;

	for (n = 0; n < PARTITIONS; n++)
		ds_map_moment_want(&moment, n);
	if (!ds_map_moment(&scene->map, &moment))
		return false;
	for (n = 0; n < PARTITIONS; n++) {
		struct ds_map_id id = ds_map_id(&scene->map, scene->id[n], strlen(scene->id[n]));
		int ret = ds_map_copy_then(&scene->map, &moment, &id, copy, sizeof(copy), &view);

		if (ret == -EAGAIN)
			return false;
		CHECK(!ret || ret == -ENOENT);
		numbers[n] = ret ? 0 : number_in(copy);
	}
	return ds_map_moment_valid(&scene->map, &moment);
}

/* How many attempts it took. */
static u32 read_together(u64 *numbers)
{
	u32 tries = 1;

	reader_begin();
	while (!read_once(numbers))
		CHECK(tries++ < 10);
	reader_end();
	return tries;
}

/* Do two things, at any two of the loads; a third one afterwards; then look at what was seen. */
static void at_any_two(void (*first)(void), void (*second)(void), void (*check)(const u64 *))
{
	u64 numbers[PARTITIONS];
	u32 n, i, k, again = 0;

	scene_begin();
	nacts = 0;
	CHECK_EQ(read_together(numbers), 1);
	n = steps;
	CHECK(n > 20);
	scene_end();
	/* What is found may make it look further. */
	n += 40;
	for (i = 1; i <= n; i++) {
		for (k = i; k <= n; k++) {
			scene_begin();
			acts[0].at = i;
			acts[0].fn = first;
			acts[1].at = k;
			acts[1].fn = second;
			nacts = 2;
			again += read_together(numbers) > 1;
			check(numbers);
			scene_end();
		}
	}
	CHECK(again > n / 2);
}

/* --- together ------------------------------------------------------------------------- */

static void first_put(void)
{
	put(0, 2);
}

static void second_put(void)
{
	put(2, 2);
}

static void second_put_before(void)
{
	put(2, 2);
}

static void first_put_after(void)
{
	put(0, 2);
}

static void not_the_second_alone(const u64 *numbers)
{
	if (numbers[2] == 2)
		CHECK_EQ(numbers[0], 2);
	CHECK_EQ(numbers[1], 1);
}

static void not_the_first_alone(const u64 *numbers)
{
	if (numbers[0] == 2)
		CHECK_EQ(numbers[2], 2);
	CHECK_EQ(numbers[1], 1);
}

/* Of two commits, in two partitions, one after the other. */
static void one_after_the_other(void)
{
	at_any_two(first_put, second_put, not_the_second_alone);
	at_any_two(second_put_before, first_put_after, not_the_first_alone);
}

/*
 * A batch over two partitions, as ds_span_publish() does it, but that the reader may do
 * something in between.
 */
static struct batch *parts[2];
static struct ds_batch *first_part;
static const u32 part_of[] = { 0, 2 };

static void span_first(void)
{
	static struct ds_builder builder;
	u32 i;

	for (i = 0; i < 2; i++) {
		struct store *s = scene->s[part_of[i]];

		parts[i] = batch_create(s, true);
		op_set_number(parts[i], scene->id[part_of[i]], PROP, DOCSTORE_TYPE_U64, 2);
		parts[i]->batch.partition = &s->p;
		store_top_up(s, parts[i]->bytes);
		ds_partition_own(&s->p);
	}
	first_part = &parts[0]->batch;
	first_part->span = &parts[1]->batch;
	CHECK(ds_span_prepare(first_part, &builder, 1700000000000000000ULL));
	for (i = 0; i < 2; i++)
		ds_partition_accept(parts[i]->batch.partition, &parts[i]->batch);
	WRITE_ONCE(scene->head->epoch, scene->head->epoch + 1);
	smp_wmb();
	ds_partition_show(parts[0]->batch.partition);
}

static void span_second(void)
{
	u32 i;

	ds_partition_show(parts[1]->batch.partition);
	smp_store_release(&scene->head->epoch, scene->head->epoch + 1);
	smp_mb();
	for (i = 0; i < 2; i++) {
		struct ds_partition *p = parts[i]->batch.partition;

		ds_partition_settle(p, &parts[i]->batch, 1700000000000000000ULL);
		ds_partition_maintain(p, 2, false);
		ds_partition_disown(p);
		batch_destroy(parts[i]);
	}
}

static void both_or_none(const u64 *numbers)
{
	CHECK_EQ(numbers[0], numbers[2]);
	CHECK_EQ(numbers[1], 1);
}

static void published_together(void)
{
	at_any_two(span_first, span_second, both_or_none);
}

/* What has changed twice may be left out already: there has to be a later moment. */
static void put_twice(void)
{
	put(0, 2);
	put(0, 3);
}

static void put_other(void)
{
	put(2, 3);
}

static void no_hole(const u64 *numbers)
{
	CHECK(numbers[0] == 1 || numbers[0] == 3);
	CHECK_EQ(numbers[1], 1);
	if (numbers[2] == 3)
		CHECK_EQ(numbers[0], 3);
}

static void replaced_twice(void)
{
	at_any_two(put_twice, put_other, no_hole);
}

/* The era of one partition is over, or goes on just as far as it may. */
static u32 era_by;

static void era_over(void)
{
	__atomic_fetch_add(&scene->s[1]->map->era, era_by, __ATOMIC_RELEASE);
}

static void eras(void)
{
	u64 numbers[PARTITIONS];
	u32 n, i, again;

	scene_begin();
	nacts = 0;
	CHECK_EQ(read_together(numbers), 1);
	n = steps;
	for (era_by = DOCSTORE_MAP_ERAS; era_by <= DOCSTORE_MAP_ERAS + 1; era_by++) {
		again = 0;
		for (i = 1; i <= n; i++) {
			acts[0].at = i;
			acts[0].fn = era_over;
			nacts = 1;
			again += read_together(numbers) > 1;
		}
		/* But before the first load of it, and behind the last one. */
		CHECK(era_by == DOCSTORE_MAP_ERAS ? !again : again >= n / 2 && again < n);
	}
	scene_end();
}

/* An epoch that never ends: the kernel is asked in the end. */
static void epoch_odd(void)
{
	struct ds_map_moment moment = { 0 };

	scene_begin();
	ds_map_moment_want(&moment, 0);
	ds_map_moment_want(&moment, 0);
	CHECK_EQ(moment.count, 1);
	CHECK(ds_map_moment(&scene->map, &moment));
	scene->head->epoch++;
	CHECK(!ds_map_moment(&scene->map, &moment));
	scene->head->epoch++;
	CHECK(ds_map_moment(&scene->map, &moment));
	scene_end();
}

/* --- as of a pin ----------------------------------------------------------------------- */

#define PINS	5
/* Another document, of the same size, whose oldest version all pins see. */
#define OTHER	"whatever0"

static struct ds_pin *pins[PINS];
static u32 read_pin;

/* A document of which each pin sees another version, and none sees the last ones. */
static void pinned_begin(void)
{
	u32 i;

	scene_begin();
	put_id(0, OTHER, 900);
	for (i = 0; i < PINS; i++) {
		put(0, 10 + i);
		pins[i] = pin_take(&scene->past);
	}
	put(0, 100);
	put(0, 101);
}

static void pin_look(u32 number)
{
	u32 n;

	read_pin = number;
	CHECK_EQ(ds_map_init(&scene->pinned, scene->head, scene->head->size), 0);
	for (n = 0; n < PARTITIONS; n++)
		scene->seq[n] = pins[number]->list[n].seq;
	scene->state = 0;
	scene->pinned.seq = scene->seq;
	scene->pinned.state = &scene->state;
}

static void release(u32 number)
{
	if (!pins[number])
		return;
	ds_past_release(&scene->past, pins[number]);
	pins[number] = NULL;
}

static void pinned_end(void)
{
	u32 i, n;

	for (i = 0; i < PINS; i++)
		release(i);
	for (n = 0; n < PARTITIONS; n++)
		store_quiesce(scene->s[n]);
	scene_end();
}

/*
 * All other pins go, and what they have held is used for what is written then: also for
 * versions of the other document, which lead to one that the reader's pin does see.
 */
static void others_go(void)
{
	u32 i, n;

	for (i = 0; i < PINS; i++)
		if (i != read_pin)
			release(i);
	for (i = 0; i < 8; i++) {
		for (n = 0; n < PARTITIONS; n++)
			store_quiesce(scene->s[n]);
		if (i % 4 == 3)
			put(0, 200 + i);
		else
			put_id(0, OTHER, 900 + i);
	}
	pins_sweep(&scene->past);
}

static int read_pinned(u64 *number)
{
	struct ds_map_id id = ds_map_id(&scene->pinned, scene->id[0], strlen(scene->id[0]));
	struct ds_map_view view;
	u64 copy[32];
	int ret;

	reader_begin();
	ret = ds_map_copy_pinned(&scene->pinned, &id, copy, sizeof(copy), &view);
	reader_end();
	if (!ret)
		*number = number_in(copy);
	return ret;
}

static void others_released(void)
{
	u32 pin, at, last;
	u64 number;

	for (pin = 0; pin < PINS; pin++) {
		for (at = 1, last = 1; at <= last; at++) {
			pinned_begin();
			pin_look(pin);
			acts[0].at = at;
			acts[0].fn = others_go;
			nacts = 1;
			CHECK_EQ(read_pinned(&number), 0);
			CHECK_EQ(number, 10 + pin);
			last = at == 1 ? steps : last;
			pinned_end();
		}
		CHECK(last > 8);
	}
}

/*
 * Of who wants what is there now. The newest version is not visible yet when he finds
 * it, and is when he has loaded where the one before is: that is one that the pin sees
 * then, and was replaced long ago.
 */
static void put_newest(void)
{
	put(0, 12);
}

static void prev_changed(void)
{
	u32 at, last, newest = 0;
	u64 copy[32];

	core_map_at_length = true;
	for (at = 1, last = 1; at <= last; at++) {
		scene_begin();
		put(0, 10);
		pins[0] = pin_take(&scene->past);
		put(0, 11);
		acts[0].at = at;
		acts[0].fn = put_newest;
		nacts = 1;
		reader_begin();
		CHECK_EQ(mapped_get(&scene->map, MAPPED_LOOK, scene->id[0], strlen(scene->id[0]),
				    copy, sizeof(copy)), 0);
		last = at == 1 ? steps : last;
		reader_end();
		CHECK(number_in(copy) == 11 || number_in(copy) == 12);
		newest += number_in(copy) == 12;
		pinned_end();
	}
	core_map_at_length = false;
	CHECK(newest > 3 && newest < last);
}

/* Revoked, and then written over: whatever was read is not believed. */
static void revoke_pin(void)
{
	WRITE_ONCE(scene->state, DOCSTORE_SNAPSHOT_REVOKED);
	smp_wmb();
	release(read_pin);
	read_pin = PINS;
	others_go();
}

static void revoked(void)
{
	u32 at, last, stale = 0;
	u64 number;
	int ret;

	for (at = 1, last = 1; at <= last; at++) {
		pinned_begin();
		pin_look(1);
		acts[0].at = at;
		acts[0].fn = revoke_pin;
		nacts = 1;
		ret = read_pinned(&number);
		if (!ret)
			CHECK_EQ(number, 11);
		else
			CHECK(ret == -ESTALE || ret == -EAGAIN);
		stale += ret != 0;
		if (at == 1) {
			nacts = 0;
			ret = read_pinned(&number);
			CHECK(ret == -ESTALE || ret == -EAGAIN);
		}
		last = at == 1 ? 30 : last;
		pinned_end();
	}
	/* All that come before the last look at the state. */
	CHECK(stale >= 10);
}

const struct test together_tests[] = {
	TEST(one_after_the_other),
	TEST(published_together),
	TEST(replaced_twice),
	TEST(eras),
	TEST(epoch_odd),
	TEST(others_released),
	TEST(prev_changed),
	TEST(revoked),
	{}
};

// SPDX-License-Identifier: GPL-2.0
#include <pthread.h>
#include <sched.h>

#include "pins.h"
#include "test.h"

static pthread_mutex_t pins_lock = PTHREAD_MUTEX_INITIALIZER;

static void stores_emptied(struct ds_past *past)
{
}

struct stores *stores_create(u32 count, u32 max_chunks)
{
	struct stores *all = calloc(1, sizeof(*all));
	u32 i;

	CHECK(all);
	all->count = count;
	all->s = calloc(count, sizeof(*all->s));
	all->partitions = calloc(count, sizeof(*all->partitions));
	CHECK(all->s && all->partitions);
	all->past = (struct ds_past){
		.emptied = stores_emptied,
		.head = &all->head,
		.count = count,
		.partitions = all->partitions,
	};
	for (i = 0; i < count; i++) {
		all->s[i] = store_create(max_chunks);
		all->partitions[i] = &all->s[i]->p;
		all->s[i]->p.past = &all->past;
		all->s[i]->p.number = i;
	}
	return all;
}

void stores_destroy(struct stores *all)
{
	u32 i;

	pins_sweep(&all->past);
	CHECK_EQ(pins_count(&all->past), 0);
	for (i = 0; i < all->count; i++)
		store_destroy(all->s[i]);
	free(all->partitions);
	free(all->s);
	free(all);
}

u32 pins_count(const struct ds_past *past)
{
	return past->pins ? past->pins->count : 0;
}

static struct ds_pins *pins_alloc(const struct ds_past *past)
{
	u32 room = pins_count(past) + 1;
	struct ds_pins *pins = calloc(1, sizeof(*pins) + room * sizeof(pins->pin[0]));

	CHECK(pins);
	return pins;
}

/* Owners may look at what was published until a grace period has passed. */
static void pins_free(struct ds_pins *pins)
{
	if (!pins)
		return;
	synchronize_rcu();
	free(pins);
}

struct ds_pin *pin_publish(struct ds_past *past)
{
	struct ds_pin *pin = calloc(1, sizeof(*pin) + past->count * sizeof(pin->list[0]));
	struct ds_pins *old = past->pins;

	CHECK(pin);
	ds_past_begin(past, pins_alloc(past), pin);
	pins_free(old);
	return pin;
}

struct ds_pin *pin_take(struct ds_past *past)
{
	struct ds_pin *pin = pin_publish(past);

	CHECK(ds_past_collect(past, pin, 1));
	ds_past_end(pin);
	return pin;
}

u32 pins_sweep(struct ds_past *past)
{
	struct ds_pins *old = past->pins, *pins = pins_alloc(past);
	struct ds_pin **gone = calloc(pins_count(past) + 1, sizeof(*gone));
	u32 count, i;

	CHECK(gone);
	count = ds_past_sweep(past, pins, gone);
	if (!count || !pins->count)
		free(pins);
	if (count)
		pins_free(old);
	for (i = 0; i < count; i++)
		free(gone[i]);
	free(gone);
	return count;
}

struct ds_pin *pin_take_locked(struct ds_past *past)
{
	struct ds_pin *pin;

	pthread_mutex_lock(&pins_lock);
	pins_sweep(past);
	pin = pin_publish(past);
	/* Where the module would stop all partitions in the end. */
	while (!ds_past_collect(past, pin, DS_PAST_TRIES))
		sched_yield();
	ds_past_end(pin);
	pthread_mutex_unlock(&pins_lock);
	return pin;
}

void pin_release_locked(struct ds_past *past, struct ds_pin *pin)
{
	pthread_mutex_lock(&pins_lock);
	ds_past_release(past, pin);
	pins_sweep(past);
	pthread_mutex_unlock(&pins_lock);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where threads can meet: how often they do, and how long they wait for each other.
 */
#ifndef _DOCSTORE_CONTENTION_H
#define _DOCSTORE_CONTENTION_H

#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct docstore_contention;

/**
 * enum ds_place - a place where threads can meet
 * @DS_PLACE_QUEUE: queues of partitions. Nobody waits to add to one; contended if the
 *	partition had an owner
 * @DS_PLACE_OWNERSHIP: partitions that submitters borrow. Nobody waits for one; contended
 *	if it was not to be had
 * @DS_PLACE_COORDINATOR: locks of coordinators
 * @DS_PLACE_MEMORY: memory_lock of partitions
 * @DS_PLACE_PINS: pins_lock of stores
 * @DS_PLACE_STORES: the lock of the table of stores
 * @DS_PLACE_CONFIG: the lock of settings
 * @DS_PLACE_SESSIONS: the lock of the table of sessions
 * @DS_PLACE_REQUESTS: locks of the lists of requests
 * @DS_PLACES: how many there are
 */
enum ds_place {
	DS_PLACE_QUEUE,
	DS_PLACE_OWNERSHIP,
	DS_PLACE_COORDINATOR,
	DS_PLACE_MEMORY,
	DS_PLACE_PINS,
	DS_PLACE_STORES,
	DS_PLACE_CONFIG,
	DS_PLACE_SESSIONS,
	DS_PLACE_REQUESTS,
	DS_PLACES,
};

/**
 * struct ds_contention - counters of a place, one set for each CPU
 * @acquired: how often it was taken
 * @contended: how often somebody else had it
 * @wait_ns: how long that was waited for
 * @wait_max_ns: the longest
 */
struct ds_contention {
	u64 acquired;
	u64 contended;
	u64 wait_ns;
	u64 wait_max_ns;
};

DECLARE_PER_CPU_ALIGNED(struct ds_contention, ds_contention[DS_PLACES]);

/* Was it taken at once? */
static inline void ds_contention_count(enum ds_place place, bool contended)
{
	this_cpu_inc(ds_contention[place].acquired);
	if (contended)
		this_cpu_inc(ds_contention[place].contended);
}

void ds_contention_waited(enum ds_place place, u64 since);

/**
 * ds_contention_is_held() - does anybody hold a spinlock
 * @lock: the lock
 *
 * Return: true if so: then who is about to take it may have to wait.
 */
static inline bool ds_contention_is_held(spinlock_t *lock)
{
	return spin_is_locked(lock);
}

/**
 * ds_contention_mutex_lock() - take a mutex, and count
 * @lock: the mutex
 * @place: what it is
 *
 * That somebody has it is seen beforehand, not by trying: lockdep learns nothing of the
 * order of locks from those that are tried.
 */
static inline void ds_contention_mutex_lock(struct mutex *lock, enum ds_place place)
{
	u64 since = mutex_is_locked(lock) ? local_clock() : 0;

	mutex_lock(lock);
	ds_contention_count(place, since);
	if (since)
		ds_contention_waited(place, since);
}

/**
 * ds_contention_spin_lock() - take a spinlock, and count
 * @lock: the lock
 * @place: what it is
 */
static inline void ds_contention_spin_lock(spinlock_t *lock, enum ds_place place)
{
	u64 since = ds_contention_is_held(lock) ? local_clock() : 0;

	spin_lock(lock);
	ds_contention_count(place, since);
	if (since)
		ds_contention_waited(place, since);
}

void ds_contention_read(enum ds_place place, struct docstore_contention *sum);

#endif /* _DOCSTORE_CONTENTION_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Of lockdep only that which the assertion about owners needs; that much is
 * real: a partition has one owner at a time, a thread, and nobody else passes.
 */
#ifndef _SHIM_LINUX_LOCKDEP_H
#define _SHIM_LINUX_LOCKDEP_H

#include <linux/bug.h>
#include <linux/types.h>

/* Benchmarks do without. */
#ifndef SHIM_NO_LOCKDEP
#define CONFIG_LOCKDEP	1
#endif

struct lock_class_key {
	char unused;
};

struct lockdep_map {
	const char *name;
	const void *owner;
};

/* An address that no other thread has. */
extern __thread char shim_self;

static inline void lockdep_init_map(struct lockdep_map *map, const char *name,
				    struct lock_class_key *key, int subclass)
{
	(void)key;
	(void)subclass;
	map->name = name;
	map->owner = NULL;
}

static inline void lock_map_acquire(struct lockdep_map *map)
{
	const void *before = __atomic_exchange_n(&map->owner, &shim_self, __ATOMIC_RELAXED);

	WARN_ON(before);
}

/* Each partition is a lock of its own here, whatever it is held within. */
#define lock_acquire_exclusive(map, subclass, trylock, nest, ip)	\
	do {								\
		(void)(nest);						\
		lock_map_acquire(map);					\
	} while (0)

static inline void lock_map_release(struct lockdep_map *map)
{
	const void *before = __atomic_exchange_n(&map->owner, NULL, __ATOMIC_RELAXED);

	WARN_ON(before != &shim_self);
}

static inline bool lock_is_held(const struct lockdep_map *map)
{
	return READ_ONCE(map->owner) == &shim_self;
}

#define lockdep_assert(condition)	WARN_ON(!(condition))

#endif /* _SHIM_LINUX_LOCKDEP_H */

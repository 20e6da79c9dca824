/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A check of a store's partition, as the module makes it.
 */
#ifndef _CHECKER_H
#define _CHECKER_H

#include "check.h"
#include "store.h"

/**
 * struct checker - a check and what it found
 * @check: the check
 * @begun: it goes on
 * @by: findings of each validator
 * @last: the last one
 */
struct checker {
	struct ds_check check;
	bool begun;
	u32 by[DS_VALIDATORS];
	struct ds_finding last;
};

static inline void checker_found(struct ds_check *check, const struct ds_finding *finding)
{
	struct checker *c = container_of(check, struct checker, check);

	c->by[finding->validator]++;
	c->last = *finding;
}

/* Go on with the check, or begin one. Return false when it is over. */
static inline bool checker_slice(struct checker *c, struct store *s, u32 work)
{
	ds_partition_own(&s->p);
	if (!c->begun) {
		c->check.found = checker_found;
		ds_check_begin(&s->p, &c->check);
	}
	c->begun = ds_check_slice(&s->p, &c->check, work);
	ds_partition_disown(&s->p);
	return c->begun;
}

static inline void checker_run(struct checker *c, struct store *s, u32 work)
{
	while (checker_slice(c, s, work))
		;
}

#endif /* _CHECKER_H */

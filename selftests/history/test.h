/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the checker have: a store that answers as it should, faults, and
 * somebody who tries all orders.
 */
#ifndef HISTORY_TEST_H
#define HISTORY_TEST_H

#include <stdint.h>

#include "history.h"

struct random {
	__u64 state;
};

__u64 random_next(struct random *r);
__u32 random_below(struct random *r, __u32 n);

/* simulate.c: by @most clients, or fewer. */
#define SIMULATE_CLIENTS	24

void simulate(struct history *h, struct random *r, __u32 most, __u32 documents,
	      __u32 operations);

/* faults.c */
#define FAULT_LIST(X)							\
	X(STALE, "a read of what was replaced before")			\
	X(ABSENT, "a document that is not found")			\
	X(HALF, "half a batch, read together or on a snapshot")		\
	X(OLD_SNAPSHOT, "a snapshot of one document too old")		\
	X(FUTURE, "a read of what is yet to be written")		\
	X(CONTENTS, "contents of the version before")			\
	X(LOST, "an addition that is lost")				\
	X(SKIPPED, "a version too many")				\
	X(REASON, "a refusal of what was right")			\
	X(IGNORED, "a check of a version that was replaced before")	\
	X(SWAPPED, "two batches that are the other way round in one place") \
	X(DIRTY, "a batch that was seen, and refused")			\
	X(KILLED, "half of a batch whose client was killed")

#define X(name, text) FAULT_##name,
enum fault {
	FAULT_LIST(X)
	FAULTS
};
#undef X

extern const char * const fault_names[FAULTS];

/* Put a fault into a good history; false if there is no place for it. */
bool inject(struct history *h, struct random *r, enum fault fault);
/* Change something, which may be wrong then or not. */
void garble(struct history *h, struct random *r);

/* orders.c */
bool any_order(const struct history *h);

#endif /* HISTORY_TEST_H */

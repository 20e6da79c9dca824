/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One run of one system in one cell.
 */
#ifndef BENCH_TURN_H
#define BENCH_TURN_H

#include "subject.h"

/* Run it; a subject that fails in it takes no further part. */
void turn_take(struct subject *s, const struct cell *cell, struct outcome *outcome);

#endif /* BENCH_TURN_H */

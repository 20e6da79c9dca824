/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The systems that were linked in, and those that could not be built here.
 */
#ifndef BENCH_SYSTEMS_H
#define BENCH_SYSTEMS_H

#include "bench.h"

const struct bench_system *system_find(const char *name);

/* Names and what they are, or what they would need. */
void systems_list(void);

#endif /* BENCH_SYSTEMS_H */

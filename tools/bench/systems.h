/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The systems that were linked in, and those that could not be built here.
 */
#ifndef BENCH_SYSTEMS_H
#define BENCH_SYSTEMS_H

#include "bench.h"

extern const struct bench_system *systems[];
extern unsigned int system_count;

const struct bench_system *system_find(const char *name);

#endif /* BENCH_SYSTEMS_H */

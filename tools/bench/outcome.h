/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one run of a system in a cell gave.
 */
#ifndef BENCH_OUTCOME_H
#define BENCH_OUTCOME_H

enum metric {
	NS_PER_OP,		/* of a worker */
	OPS_PER_S,		/* of all workers */
	RETRIES,
	FALLBACKS,
	WRONG,
	WRITER_NS_PER_OP,
	METRICS,
};

/* NAN where there is nothing to tell. */
struct outcome {
	double of[METRICS];
};

#endif /* BENCH_OUTCOME_H */

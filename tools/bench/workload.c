// SPDX-License-Identifier: GPL-2.0
/*
 * The workloads. A to F are those of YCSB; those that add documents come last,
 * for the others are to find what was loaded.
 */
#include <string.h>

#include "workload.h"

#define PERCENT(n)	((n) * SHARE_ALL / 100)

const struct workload workloads[] = {
	{
		.name = "get", .description = "reads",
		.main = OP_GET, .share = SHARE_ALL,
	}, {
		.name = "get-dependent",
		.description = "reads, each of what the one before it tells",
		.main = OP_GET_DEPENDENT, .share = SHARE_ALL,
	}, {
		.name = "get-many", .description = "reads in batches",
		.main = OP_GET_MANY, .share = SHARE_ALL, .batches = true,
	}, {
		.name = "put", .description = "writes",
		.main = OP_PUT, .share = SHARE_ALL,
	}, {
		.name = "put-many", .description = "writes in batches",
		.main = OP_PUT_MANY, .share = SHARE_ALL, .batches = true,
	}, {
		.name = "ycsb-a", .description = "half reads, half updates",
		.main = OP_GET, .other = OP_PUT, .share = PERCENT(50),
	}, {
		.name = "ycsb-b", .description = "95 % reads, 5 % updates",
		.main = OP_GET, .other = OP_PUT, .share = PERCENT(95),
	}, {
		.name = "ycsb-c", .description = "reads, as get",
		.main = OP_GET, .share = SHARE_ALL,
	}, {
		.name = "ycsb-f",
		.description = "half reads, half read-modify-writes",
		.main = OP_GET, .other = OP_MODIFY, .share = PERCENT(50),
	}, {
		.name = "ycsb-d",
		.description = "95 % reads, mostly of the newest, 5 % inserts",
		.main = OP_GET, .other = OP_INSERT, .share = PERCENT(95),
		.inserts = true, .latest = true,
	}, {
		.name = "ycsb-e",
		.description = "95 % scans of 1 to 100 documents, 5 % inserts",
		.main = OP_SCAN, .other = OP_INSERT, .share = PERCENT(95),
		.inserts = true,
	},
};

const unsigned int workload_count = sizeof(workloads) / sizeof(workloads[0]);

static const struct workload writer = {
	.name = "writer", .main = OP_PUT_MANY, .share = SHARE_ALL, .batches = true,
};

const struct workload *const writer_workload = &writer;

const struct workload *workload_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < workload_count; i++)
		if (!strcmp(workloads[i].name, name))
			return &workloads[i];
	return NULL;
}

static bool does(const struct workload *w, enum operation op)
{
	return w->main == op || (w->share < SHARE_ALL && w->other == op);
}

const char *workload_refused(const struct workload *w,
			     const struct bench_system *system)
{
	bool reads = does(w, OP_GET) || does(w, OP_GET_DEPENDENT);

	if ((system->flags & BENCH_CONTROL) && (!reads || w->share < SHARE_ALL))
		return "only a measure for reads";
	if (does(w, OP_SCAN) && !system->scan)
		return "its documents have no order";
	return NULL;
}

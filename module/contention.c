// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of the places where threads can meet.
 */
#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include <linux/docstore_monitor.h>

#include "contention.h"

DEFINE_PER_CPU_ALIGNED(struct ds_contention, ds_contention[DS_PLACES]);

static const char * const ds_place_names[DS_PLACES] = {
	[DS_PLACE_QUEUE] = "queue",
	[DS_PLACE_OWNERSHIP] = "ownership",
	[DS_PLACE_COORDINATOR] = "coordinator",
	[DS_PLACE_MEMORY] = "memory",
	[DS_PLACE_PINS] = "pins",
	[DS_PLACE_STORES] = "stores",
	[DS_PLACE_CONFIG] = "config",
	[DS_PLACE_SESSIONS] = "sessions",
	[DS_PLACE_REQUESTS] = "requests",
};

/**
 * ds_contention_waited() - somebody has waited for a place
 * @place: the place
 * @since: from when on, by local_clock()
 */
void ds_contention_waited(enum ds_place place, u64 since)
{
	u64 now = local_clock();
	u64 ns = now - min(since, now);

	this_cpu_add(ds_contention[place].wait_ns, ns);
	if (ns > this_cpu_read(ds_contention[place].wait_max_ns))
		this_cpu_write(ds_contention[place].wait_max_ns, ns);
}

/**
 * ds_contention_read() - what was counted at a place, on all CPUs
 * @place: the place
 * @sum: where it goes
 */
void ds_contention_read(enum ds_place place, struct docstore_contention *sum)
{
	unsigned int cpu;

	BUILD_BUG_ON(sizeof(sum->name) != DOCSTORE_PLACE_NAME_SIZE);
	memset(sum, 0, sizeof(*sum));
	strscpy(sum->name, ds_place_names[place], sizeof(sum->name));
	for_each_possible_cpu(cpu) {
		const struct ds_contention *c = per_cpu_ptr(&ds_contention[place], cpu);

		sum->acquired += READ_ONCE(c->acquired);
		sum->contended += READ_ONCE(c->contended);
		sum->wait_ns += READ_ONCE(c->wait_ns);
		sum->wait_max_ns = max(sum->wait_max_ns, READ_ONCE(c->wait_max_ns));
	}
}

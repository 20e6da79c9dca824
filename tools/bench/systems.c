// SPDX-License-Identifier: GPL-2.0
/*
 * The systems that were linked in, and those that could not be built here. The
 * latter are listed by the Makefile, which knows what they lack, so that asking
 * for one tells the reason.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "systems.h"

#define MAX_SYSTEMS	64

static const struct bench_system *systems[MAX_SYSTEMS];
static unsigned int system_count;

void bench_register(const struct bench_system *system)
{
	if (system_count < MAX_SYSTEMS)
		systems[system_count++] = system;
}

static int __attribute__((unused)) not_built(struct bench_setup *setup, void **store)
{
	(void)store;
	snprintf(setup->reason, sizeof(setup->reason), "built without %s",
		 setup->system->description);
	return -ENOSYS;
}

#define BENCH_NOT_BUILT(system, needs) \
	{ .name = system, .description = needs, .open = not_built },

static const struct bench_system missing[] = {
#ifdef BENCH_MISSING
	BENCH_MISSING
#endif
	{ .name = NULL },
};

const struct bench_system *system_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < system_count; i++)
		if (!strcmp(systems[i]->name, name))
			return systems[i];
	for (i = 0; missing[i].name; i++)
		if (!strcmp(missing[i].name, name))
			return &missing[i];
	return NULL;
}

void systems_list(void)
{
	unsigned int i;

	for (i = 0; i < system_count; i++)
		printf("  %-22s %s\n", systems[i]->name, systems[i]->description);
	for (i = 0; missing[i].name; i++)
		printf("  %-22s (not built: it needs %s)\n", missing[i].name,
		       missing[i].description);
}

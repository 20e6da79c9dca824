// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "numbered.h"
#include "random.h"
#include "stats.h"

uint32_t numbered_id(char *id, uint64_t number)
{
	struct random random = { .state = number };

	return (uint32_t)snprintf(id, NUMBERED_ID, "%016llx%04x",
				  (unsigned long long)random_next(&random),
				  (unsigned int)number & 0xffff);
}

bool numbered_put(struct native *n, const uint64_t *numbers, unsigned int count)
{
	static const char value[100];
	struct native_value values[NUMBERED_BATCH];
	char ids[NUMBERED_BATCH][NUMBERED_ID];
	unsigned int i;

	for (i = 0; i < count; i++) {
		values[i].id = ids[i];
		values[i].id_len = numbered_id(ids[i], numbers[i]);
		values[i].value = value;
		values[i].value_len = sizeof(value);
	}
	return !native_put(n, 0, values, count);
}

void batch_report(const char *type, const char *metric, const char *unit, uint64_t documents,
		  unsigned int batch, double *values, int rounds)
{
	stats_sort(values, (size_t)rounds);
	printf("{\"type\":\"%s\",\"system\":\"native-huge\",\"documents\":%llu,\"batch\":%u,"
	       "\"metric\":\"%s\",\"unit\":\"%s\",\"median\":%g,\"min\":%g,\"max\":%g,"
	       "\"runs\":%d}\n", type, (unsigned long long)documents, batch, metric, unit,
	       stats_median(values, (size_t)rounds), values[0], values[rounds - 1], rounds);
}

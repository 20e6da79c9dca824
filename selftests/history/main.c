// SPDX-License-Identifier: GPL-2.0
/*
 * Check a history. Exit status: 0 if it is good, 1 if not, 2 if it cannot be told.
 */
#include <stdio.h>

#include "history.h"

int main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "re") : stdin;
	struct history_verdict v;
	struct history h;
	int line;

	if (argc > 2 || !f) {
		fprintf(stderr, "Usage: %s [HISTORY]\n", argv[0]);
		return 2;
	}
	history_begin(&h);
	line = history_read(&h, f);
	if (line) {
		fprintf(stderr, "line %d is none of a history\n", line);
		return 2;
	}
	v = history_check(&h, stdout);
	printf("%u operations and %u in doubt, %u findings, %u undecided\n", v.operations,
	       v.in_doubt, v.findings, v.undecided);
	history_end(&h);
	return v.findings ? 1 : v.undecided ? 2 : 0;
}

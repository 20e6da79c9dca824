/* SPDX-License-Identifier: GPL-2.0 */
/* Results in TAP, for the tests in this folder. */
#ifndef DOCSTORE_TAP_H
#define DOCSTORE_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

/* One result. Returns @good. */
__attribute__((format(printf, 2, 3)))
static inline bool ok(bool good, const char *format, ...)
{
	va_list args;

	printf("%sok %d ", good ? "" : "not ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	tap_failed += !good;
	return good;
}

/* The plan, at the end; the exit code of the program. */
static inline int tap_end(void)
{
	printf("1..%d\n", tap_count);
	if (tap_failed)
		printf("# %d of %d failed\n", tap_failed, tap_count);
	return tap_failed != 0;
}

#endif /* DOCSTORE_TAP_H */

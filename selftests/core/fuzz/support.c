// SPDX-License-Identifier: GPL-2.0
/* What main.c gives the tests, for fuzz targets. */
#include <stdarg.h>

#include "core.h"
#include "fuzz.h"
#include "test.h"

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

void test_note(const char *format, ...)
{
}

u64 test_param(const char *name, u64 otherwise)
{
	return otherwise;
}

u64 test_seed(void)
{
	return 0;
}

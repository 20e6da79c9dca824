// SPDX-License-Identifier: GPL-2.0
/* docstore(1): the numbers in a struct, for people and for programs. */
#include <stdio.h>
#include <time.h>

#include "numbers.h"
#include "tool.h"

uint64_t number_of(const void *info, const struct number *number)
{
	uint64_t n64;
	uint32_t n32;

	if (number->size == sizeof(n32)) {
		memcpy(&n32, (const char *)info + number->offset, sizeof(n32));
		return n32;
	}
	memcpy(&n64, (const char *)info + number->offset, sizeof(n64));
	return n64;
}

void number_add(struct json_object *object, const void *info, const struct number *number)
{
	json_add(object, number->key,
		 json_need(json_object_new_uint64(number_of(info, number))));
}

void numbers_add(struct json_object *object, const void *info, const struct number *numbers,
		 size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		number_add(object, info, &numbers[i]);
}

static void write_time(struct buf *out, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	char text[64];

	if (!localtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm))
		snprintf(text, sizeof(text), "%llu ns", (unsigned long long)ns);
	buf_str(out, text);
}

void number_write(struct buf *out, const void *info, const struct number *number)
{
	uint64_t n = number_of(info, number);

	buf_printf(out, "  %-22s ", number->label);
	if (number->kind == BYTES)
		buf_size(out, n);
	else if (number->kind == MODE)
		buf_printf(out, "0%03llo", (unsigned long long)n);
	else if (number->kind == TIME)
		write_time(out, n);
	else if (number->kind == DURATION)
		buf_duration(out, n);
	else
		buf_printf(out, "%llu", (unsigned long long)n);
	buf_byte(out, '\n');
}

void numbers_write(struct buf *out, const void *info, const struct number *numbers, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		number_write(out, info, &numbers[i]);
}

void buf_duration(struct buf *buf, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *unit;
	} units[] = {
		{ 24 * 3600 * 1000000000ULL, "d" }, { 3600 * 1000000000ULL, "h" },
		{ 60 * 1000000000ULL, "min" }, { 1000000000, "s" }, { 1000000, "ms" },
		{ 1000, "us" },
	};
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns < units[i].ns)
			continue;
		buf_printf(buf, "%.1f %s", (double)ns / (double)units[i].ns, units[i].unit);
		return;
	}
	buf_printf(buf, "%llu ns", (unsigned long long)ns);
}

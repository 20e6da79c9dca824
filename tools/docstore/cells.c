// SPDX-License-Identifier: GPL-2.0
/* docstore(1): cells of tables that have to fit between the others. */
#include <stdio.h>

#include "cells.h"
#include "json.h"
#include "numbers.h"
#include "tool.h"

/* From here on there are units of a thousand. */
#define PLAIN_NUMBERS	100000

void cell_text(struct buf *line, int width, const char *text)
{
	buf_printf(line, " %*s", width - 1, text);
}

/* A number of which the first three digits are enough: in five columns at most. */
static void cell_short(struct buf *line, int width, double n)
{
	static const char units[] = "KMGTPE";
	char text[32];
	int unit = -1;

	while (n >= 999.5 && unit < (int)sizeof(units) - 2) {
		n /= 1000;
		unit++;
	}
	snprintf(text, sizeof(text), n < 99.95 ? "%.1f%c" : "%.0f%c", n, units[unit]);
	cell_text(line, width, text);
}

void cell_number(struct buf *line, int width, uint64_t n)
{
	char text[32];

	if (n >= PLAIN_NUMBERS) {
		cell_short(line, width, (double)n);
		return;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	cell_text(line, width, text);
}

void cell_rate(struct buf *line, int width, double per_second)
{
	char text[32];

	if (per_second >= PLAIN_NUMBERS) {
		cell_short(line, width, per_second);
		return;
	}
	/* 9.96 would be 10.0, and is 10. */
	snprintf(text, sizeof(text), per_second > 0 && per_second < 9.95 ? "%.1f" : "%.0f",
		 per_second);
	cell_text(line, width, text);
}

void cell_percent(struct buf *line, int width, double share)
{
	char text[32];

	snprintf(text, sizeof(text), "%.0f%%", 100 * share);
	cell_text(line, width, text);
}

static void cell_buf(struct buf *line, int width, struct buf *cell)
{
	buf_byte(cell, '\0');
	cell_text(line, width, cell->data);
	buf_free(cell);
}

void cell_size(struct buf *line, int width, uint64_t bytes)
{
	struct buf cell = { 0 };

	buf_size(&cell, bytes);
	cell_buf(line, width, &cell);
}

void cell_duration(struct buf *line, int width, double ns)
{
	struct buf cell = { 0 };

	buf_duration(&cell, (uint64_t)(ns + 0.5));
	cell_buf(line, width, &cell);
}

/* Returns how many columns it takes, without the blank in front of it. */
static int cut_text(struct buf *line, int width, struct ds_str name)
{
	struct buf text = { 0 };
	const unsigned char *p, *end;
	int columns = 0;

	json_write_line(&text, name);
	buf_byte(line, ' ');
	for (p = (const void *)text.data, end = p + text.len; p < end;) {
		size_t len = utf8_sequence(p, end);

		columns++;
		if (width && columns == width - 1 && p + len < end) {
			buf_byte(line, '+');
			break;
		}
		buf_add(line, p, len);
		p += len;
	}
	buf_free(&text);
	return columns;
}

void cell_name(struct buf *line, int width, const char *name)
{
	int columns = cut_text(line, width, ds_str(name));

	for (; columns < width - 1; columns++)
		buf_byte(line, ' ');
}

void cell_last(struct buf *line, int width, struct ds_str name)
{
	cut_text(line, width, name);
}

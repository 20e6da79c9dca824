// SPDX-License-Identifier: GPL-2.0
/* A terminal for tests: see terminal.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

static void clear(struct terminal *terminal, int y, int from, int to)
{
	if (y >= 0 && y < terminal->lines && from < to)
		memset(terminal->cell[y] + from, ' ', (size_t)(to - from));
}

void terminal_size(struct terminal *terminal, int lines, int columns)
{
	int y;

	terminal->lines = lines;
	terminal->columns = columns;
	terminal->top = 0;
	terminal->bottom = lines - 1;
	terminal->x = 0;
	terminal->y = 0;
	memset(terminal->cell, 0, sizeof(terminal->cell));
	for (y = 0; y < lines; y++)
		clear(terminal, y, 0, columns);
}

static int within(int n, int least, int most)
{
	return n < least ? least : n > most ? most : n;
}

static void go_to(struct terminal *terminal, int y, int x)
{
	terminal->y = within(y, 0, terminal->lines - 1);
	terminal->x = within(x, 0, terminal->columns - 1);
}

/* Lines from @from to @to move up by one; or down. */
static void scroll(struct terminal *terminal, int from, int to, bool up)
{
	int y;

	if (from < 0 || to >= terminal->lines || from > to)
		return;
	for (y = 0; y < to - from; y++) {
		int target = up ? from + y : to - y;

		memcpy(terminal->cell[target], terminal->cell[up ? target + 1 : target - 1],
		       TERMINAL_MOST);
	}
	clear(terminal, up ? to : from, 0, terminal->columns);
}

static void next_line(struct terminal *terminal)
{
	if (terminal->y == terminal->bottom)
		scroll(terminal, terminal->top, terminal->bottom, true);
	else if (terminal->y < terminal->lines - 1)
		terminal->y++;
}

static void put(struct terminal *terminal, char c)
{
	/* The rest of a character that takes several bytes takes no column. */
	if ((c & 0xc0) == 0x80)
		return;
	if (terminal->x == terminal->columns) {
		terminal->wrapped++;
		terminal->x = 0;
		next_line(terminal);
	}
	terminal->last = c;
	terminal->cell[terminal->y][terminal->x++] = c;
}

static void erase(struct terminal *terminal, int what, bool all_lines)
{
	int y, x = within(terminal->x, 0, terminal->columns - 1);

	clear(terminal, terminal->y, what ? 0 : x, what == 1 ? x + 1 : terminal->columns);
	if (!all_lines)
		return;
	for (y = 0; y < terminal->lines; y++) {
		if ((y > terminal->y && what != 1) || (y < terminal->y && what != 0))
			clear(terminal, y, 0, terminal->columns);
	}
}

static void set_mode(struct terminal *terminal, const char *modes, bool on)
{
	while (*modes) {
		int mode = atoi(modes);

		if (mode == 25)
			terminal->hidden = !on;
		else if (mode == 1049 || mode == 47)
			terminal->other = on;
		modes += strcspn(modes, ";");
		modes += *modes == ';';
	}
}

static void shift(struct terminal *terminal, int n, bool right)
{
	char *line = terminal->cell[terminal->y];
	int x = within(terminal->x, 0, terminal->columns - 1), rest = terminal->columns - x;

	n = within(n, 1, rest);
	if (right) {
		memmove(line + x + n, line + x, (size_t)(rest - n));
		memset(line + x, ' ', (size_t)n);
	} else {
		memmove(line + x, line + x + n, (size_t)(rest - n));
		memset(line + terminal->columns - n, ' ', (size_t)n);
	}
}

static void unknown(struct terminal *terminal)
{
	if (!terminal->unknown[0])
		snprintf(terminal->unknown, sizeof(terminal->unknown), "%s", terminal->sequence + 1);
}

/* ESC [ numbers, and a letter. */
static void control(struct terminal *terminal, char letter)
{
	const char *p = terminal->sequence + 2;
	int n[2] = { 0, 0 }, one, i;

	if (*p == '?' && (letter == 'h' || letter == 'l')) {
		set_mode(terminal, p + 1, letter == 'h');
		return;
	}
	sscanf(p, "%d;%d", &n[0], &n[1]);
	one = n[0] ? n[0] : 1;
	switch (letter) {
	case 'H':
	case 'f':
		if (*p == ';')
			sscanf(p, ";%d", &n[1]);
		go_to(terminal, one - 1, n[1] ? n[1] - 1 : 0);
		break;
	case 'A':
		go_to(terminal, terminal->y - one, terminal->x);
		break;
	case 'B':
		go_to(terminal, terminal->y + one, terminal->x);
		break;
	case 'C':
		go_to(terminal, terminal->y, terminal->x + one);
		break;
	case 'D':
		go_to(terminal, terminal->y, terminal->x - one);
		break;
	case 'G':
		go_to(terminal, terminal->y, one - 1);
		break;
	case 'd':
		go_to(terminal, one - 1, terminal->x);
		break;
	case 'J':
		erase(terminal, n[0], true);
		break;
	case 'K':
		erase(terminal, n[0], false);
		break;
	case 'X':
		clear(terminal, terminal->y, terminal->x,
		      within(terminal->x + one, 0, terminal->columns));
		break;
	case 'P':
		shift(terminal, one, false);
		break;
	case '@':
		shift(terminal, one, true);
		break;
	case 'L':
	case 'M':
		for (i = 0; i < one; i++)
			scroll(terminal, terminal->y, terminal->bottom, letter == 'M');
		break;
	case 'S':
	case 'T':
		for (i = 0; i < one; i++)
			scroll(terminal, terminal->top, terminal->bottom, letter == 'S');
		break;
	case 'b':
		for (i = 0; i < one; i++)
			put(terminal, terminal->last);
		break;
	case 'r':
		terminal->top = within(one - 1, 0, terminal->lines - 1);
		terminal->bottom = n[1] ? within(n[1] - 1, 0, terminal->lines - 1) :
					  terminal->lines - 1;
		go_to(terminal, 0, 0);
		break;
	case 'm':
	case 'h':
	case 'l':
	case 't':
		break;
	default:
		unknown(terminal);
	}
}

/* Another byte of a sequence: has it ended? */
static bool in_sequence(struct terminal *terminal, char c)
{
	const char *s = terminal->sequence;

	if (terminal->len == 2 && s[1] == '[')
		return false;
	if (s[1] == '[') {
		if (c < 0x40 || c > 0x7e)
			return false;
		control(terminal, c);
		return true;
	}
	/* A set of characters has its name behind it. */
	if (s[1] == '(' || s[1] == ')')
		return terminal->len == 3;
	if (s[1] == 'M') {
		if (terminal->y == terminal->top)
			scroll(terminal, terminal->top, terminal->bottom, false);
		else
			go_to(terminal, terminal->y - 1, terminal->x);
	} else if (!strchr("78=>c", s[1])) {
		unknown(terminal);
	}
	return true;
}

void terminal_write(struct terminal *terminal, const char *data, size_t len)
{
	for (; len; data++, len--) {
		if (terminal->len || *data == '\033') {
			if (terminal->len + 1 < sizeof(terminal->sequence))
				terminal->sequence[terminal->len++] = *data;
			terminal->sequence[terminal->len] = '\0';
			if (terminal->len > 1 && in_sequence(terminal, *data))
				terminal->len = 0;
			continue;
		}
		if (*data == '\n')
			next_line(terminal);
		else if (*data == '\r')
			terminal->x = 0;
		else if (*data == '\b')
			go_to(terminal, terminal->y, within(terminal->x, 0, terminal->columns) - 1);
		else if (*data == '\t')
			go_to(terminal, terminal->y, (terminal->x | 7) + 1);
		else if ((unsigned char)*data >= ' ')
			put(terminal, *data);
	}
}

int terminal_find(const struct terminal *terminal, const char *text)
{
	int y;

	for (y = 0; y < terminal->lines; y++) {
		if (strstr(terminal->cell[y], text))
			return y;
	}
	return -1;
}

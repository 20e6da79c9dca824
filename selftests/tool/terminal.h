/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A terminal, as much of an xterm as programs that use ncurses need: what they write is put
 * on a screen that a test can look at.
 */
#ifndef DOCSTORE_TERMINAL_H
#define DOCSTORE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#define TERMINAL_MOST	256

/**
 * struct terminal - a terminal
 * @lines: how many lines it has
 * @columns: how many columns
 * @cell: what is written where; behind each line a NUL
 * @x: column of the cursor; @columns if the next character is to wrap
 * @y: line of the cursor
 * @hidden: the cursor is not to be seen
 * @other: the other screen is shown, which programs use that fill it
 * @wrapped: how many characters did not fit in their line
 * @unknown: the first sequence that it does not know, or ""
 * @sequence: what has come of a sequence
 * @len: bytes of that; 0 if none has begun
 */
struct terminal {
	int lines, columns;
	char cell[TERMINAL_MOST][TERMINAL_MOST + 1];
	int x, y, top, bottom;
	bool hidden, other;
	unsigned int wrapped;
	char unknown[32];
	char sequence[32];
	size_t len;
	char last;
};

void terminal_size(struct terminal *terminal, int lines, int columns);
void terminal_write(struct terminal *terminal, const char *data, size_t len);

/* The first line that has @text in it; -1 if none has. */
int terminal_find(const struct terminal *terminal, const char *text);

#endif /* DOCSTORE_TERMINAL_H */

// SPDX-License-Identifier: GPL-2.0
/* docstore(1): top: a screen of it, if it is built with ncurses. */
#include "tool.h"
#include "top.h"

#ifdef WITH_NCURSES

#include <curses.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Here prompts and messages are, and below it the panes. */
#define MESSAGE_LINE	TOP_HEADER
#define FIRST_LINE	(TOP_HEADER + 1)

#define KEY_ESCAPE	27

/**
 * struct screen - what is on the screen
 * @seconds: from one sample to the next
 * @sample: the last one; what is shown points into it
 * @hot: the hottest documents, of which it shows some
 * @view: what it shows
 * @order: what stores are sorted by
 * @reverse: the smallest first
 * @hidden: panes that are not shown, as bits
 * @focus: the pane that scrolls
 * @first: for each pane, which of its lines is the first that is shown
 * @page: for each pane, how many are shown
 * @help: the help is shown
 * @asking: the delay is being asked for
 * @answer: what was typed
 * @message: to be seen until the next key, or for as long as there is an error
 */
struct screen {
	double seconds;
	struct top_sample sample;
	struct top_hot hot;
	struct top_view view;
	enum top_order order;
	bool reverse;
	unsigned int hidden;
	size_t focus;
	size_t first[MAX_PANES];
	size_t page[MAX_PANES];
	bool help;
	bool asking;
	char answer[16];
	char message[160];
};

/* --- the terminal ------------------------------------------------------------------- */

static SCREEN *terminal;

/*
 * A signal that is to end the program only leaves a note, and a byte for poll(): what
 * ncurses does to restore the terminal must not be done in the middle of anything.
 */
static volatile sig_atomic_t ended_by;
static int signal_pipe[2] = { -1, -1 };

static void on_signal(int signal)
{
	int saved = errno;

	ended_by = signal;
	/* If it is full, there is a byte in it. */
	if (write(signal_pipe[1], "", 1) < 0)
		errno = saved;
	errno = saved;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

#define NR_SIGNALS	(sizeof(signals) / sizeof(signals[0]))

/* Those that are ignored stay so. Before ncurses, which catches what nobody does. */
static bool catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal }, old;
	size_t i;

	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK))
		return false;
	sigemptyset(&action.sa_mask);
	for (i = 0; i < NR_SIGNALS; i++) {
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
	return true;
}

/* Also by exit(), for want of memory. */
static void leave_terminal(void)
{
	if (!terminal)
		return;
	endwin();
	delscreen(terminal);
	terminal = NULL;
}

static bool enter_terminal(void)
{
	static bool registered;

	setlocale(LC_CTYPE, "");
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return false;
	if (!registered)
		atexit(leave_terminal);
	registered = true;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	return true;
}

/* --- drawing ----------------------------------------------------------------------------- */

/* A line of text, as far as there is room for it, and to the edge if it has an attribute. */
static void put_line(int y, struct buf *text, attr_t attribute)
{
	const unsigned char *p, *end;
	int columns = 0;

	if (y < 0 || y >= LINES)
		return;
	buf_byte(text, '\0');
	p = (const void *)text->data;
	end = p + text->len - 1;
	attrset(attribute);
	move(y, 0);
	for (; p < end && columns < COLS; columns++) {
		size_t len = utf8_sequence(p, end);

		if (!len)
			break;
		addnstr((const char *)p, (int)len);
		p += len;
	}
	for (; attribute && columns < COLS; columns++)
		addch(' ');
	attrset(A_NORMAL);
	text->len = 0;
}

static void draw_message(const struct screen *screen)
{
	struct buf line = { 0 };

	if (screen->asking)
		buf_printf(&line, "Change the delay from %g seconds to %s", screen->seconds,
			   screen->answer);
	else
		buf_str(&line, screen->message);
	put_line(MESSAGE_LINE, &line, screen->asking || screen->message[0] ? A_BOLD : A_NORMAL);
	buf_free(&line);
}

static void draw_help(void)
{
	struct buf line = { 0 };
	unsigned int n;

	for (n = 0; top_help_line(n); n++) {
		buf_str(&line, top_help_line(n));
		put_line(FIRST_LINE + (int)n, &line, A_NORMAL);
	}
	buf_free(&line);
}

/* The head of a pane and, at its end, which of its lines are to be seen if not all are. */
static void draw_head(const struct screen *screen, size_t p, int y, size_t count)
{
	attr_t attribute = A_REVERSE | (p == screen->focus ? A_BOLD : 0);
	struct buf line = { 0 };
	char part[64];
	int len;

	panes[p].head(&line, &screen->view);
	put_line(y, &line, attribute);
	if (screen->page[p] < count) {
		len = snprintf(part, sizeof(part), " %zu-%zu/%zu", screen->first[p] + 1,
			       screen->first[p] + screen->page[p], count);
		attrset(attribute);
		if (len < COLS)
			mvaddnstr(y, COLS - len, part, len);
		attrset(A_NORMAL);
	}
	buf_free(&line);
}

static void draw_panes(struct screen *screen)
{
	size_t wanted[MAX_PANES], given[MAX_PANES], p, i;
	size_t lines = LINES > FIRST_LINE ? (size_t)(LINES - FIRST_LINE) : 0;
	struct buf line = { 0 };
	int y = FIRST_LINE;

	for (p = 0; p < pane_count; p++) {
		size_t count = panes[p].count(&screen->view);

		wanted[p] = count && !(screen->hidden & 1u << p) ? count + 1 : 0;
	}
	top_share(wanted, pane_count, lines, given);
	for (p = 0; p < pane_count; p++) {
		size_t count = panes[p].count(&screen->view);

		screen->page[p] = given[p] ? given[p] - 1 : 0;
		if (screen->first[p] + screen->page[p] > count)
			screen->first[p] = count - screen->page[p];
		if (!given[p])
			continue;
		draw_head(screen, p, y++, count);
		for (i = 0; i < screen->page[p]; i++) {
			panes[p].line(&line, &screen->view, screen->first[p] + i);
			put_line(y++, &line, A_NORMAL);
		}
	}
	buf_free(&line);
}

static void draw(struct screen *screen)
{
	struct buf line = { 0 };
	time_t now_is = time(NULL);
	unsigned int n;

	erase();
	for (n = 0; n < TOP_HEADER; n++) {
		top_header(&line, &screen->view, n, now_is);
		put_line((int)n, &line, A_NORMAL);
	}
	if (screen->help)
		draw_help();
	else
		draw_panes(screen);
	draw_message(screen);
	refresh();
	buf_free(&line);
}

/* --- samples ------------------------------------------------------------------------------- */

/* That takes its time, and while nobody sees them none of it. */
static void look_for_hot(struct screen *screen, const struct top_sample *sample)
{
	bool shown = false;
	size_t p;

	for (p = 0; p < pane_count; p++)
		shown |= panes[p].searched && !(screen->hidden & 1u << p);
	if (!shown) {
		top_hot_free(&screen->hot);
		return;
	}
	top_hot_look(&screen->hot, sample, top_hot_seconds(screen->seconds), UINT64_MAX);
	top_hot_show(&screen->hot, &screen->view);
}

/* What was there stays if there is nothing new, and it is said why. */
static void take_sample(struct screen *screen)
{
	struct top_sample sample;
	int err = top_read(&sample);

	if (err) {
		snprintf(screen->message, sizeof(screen->message), "%s", explain(err));
		top_sample_free(&sample);
		return;
	}
	screen->message[0] = '\0';
	top_view_free(&screen->view);
	top_compute(&screen->sample, &sample, &screen->view);
	look_for_hot(screen, &sample);
	top_sort(&screen->view, screen->order, screen->reverse);
	top_sample_free(&screen->sample);
	screen->sample = sample;
}

/* --- keys -------------------------------------------------------------------------------- */

/* What a key does: go on, read a sample at once, or end. */
enum action { GO_ON, REFRESH, QUIT };

static void scroll_by(struct screen *screen, long lines)
{
	size_t p = screen->focus, count = panes[p].count(&screen->view);
	long first = (long)screen->first[p] + lines, last = (long)(count - screen->page[p]);

	if (first > last)
		first = last;
	screen->first[p] = first > 0 ? (size_t)first : 0;
}

static void focus_next(struct screen *screen)
{
	size_t tries;

	for (tries = 0; tries < pane_count; tries++) {
		screen->focus = (screen->focus + 1) % pane_count;
		if (screen->page[screen->focus])
			return;
	}
	screen->focus = 0;
}

static bool scroll_key(struct screen *screen, int key)
{
	long page = (long)screen->page[screen->focus];

	switch (key) {
	case KEY_UP:
		scroll_by(screen, -1);
		return true;
	case KEY_DOWN:
		scroll_by(screen, 1);
		return true;
	case KEY_PPAGE:
		scroll_by(screen, page > 1 ? -page : -1);
		return true;
	case KEY_NPAGE:
		scroll_by(screen, page > 1 ? page : 1);
		return true;
	case KEY_HOME:
		screen->first[screen->focus] = 0;
		return true;
	case KEY_END:
		scroll_by(screen, (long)panes[screen->focus].count(&screen->view));
		return true;
	default:
		return false;
	}
}

static bool toggle_key(struct screen *screen, int key)
{
	size_t p;

	for (p = 0; p < pane_count; p++) {
		if (!panes[p].key || panes[p].key != key)
			continue;
		screen->hidden ^= 1u << p;
		if (screen->focus == p)
			screen->focus = 0;
		return true;
	}
	return false;
}

/* While the delay is asked for. */
static enum action answer_key(struct screen *screen, int key)
{
	size_t len = strlen(screen->answer);
	double seconds;

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		screen->asking = false;
		if (!len)
			return GO_ON;
		if (!top_parse_seconds(screen->answer, &seconds)) {
			snprintf(screen->message, sizeof(screen->message),
				 "'%s' is not a number of seconds, from %g to %g", screen->answer,
				 TOP_SHORTEST, TOP_LONGEST);
			return GO_ON;
		}
		screen->seconds = seconds;
		return REFRESH;
	}
	if (key == KEY_ESCAPE)
		screen->asking = false;
	else if ((key == KEY_BACKSPACE || key == '\b' || key == 0x7f) && len)
		screen->answer[len - 1] = '\0';
	else if (((key >= '0' && key <= '9') || key == '.') && len + 1 < sizeof(screen->answer))
		snprintf(screen->answer + len, sizeof(screen->answer) - len, "%c", key);
	return GO_ON;
}

static enum action press(struct screen *screen, int key)
{
	/* Nobody knows what the terminal has made of what was written to it meanwhile. */
	if (key == KEY_RESIZE) {
		clearok(stdscr, TRUE);
		return GO_ON;
	}
	if (screen->asking)
		return answer_key(screen, key);
	screen->message[0] = '\0';
	if (screen->help) {
		screen->help = false;
		return key == 'q' ? QUIT : GO_ON;
	}
	if (top_order_key(key, &screen->order) || key == 'R') {
		screen->reverse ^= key == 'R';
		top_sort(&screen->view, screen->order, screen->reverse);
		return GO_ON;
	}
	if (scroll_key(screen, key) || toggle_key(screen, key))
		return GO_ON;
	switch (key) {
	case 'q':
	case 'Q':
		return QUIT;
	case 'h':
	case '?':
		screen->help = true;
		return GO_ON;
	case 'd':
	case 's':
		screen->asking = true;
		screen->answer[0] = '\0';
		return GO_ON;
	case '\t':
		focus_next(screen);
		return GO_ON;
	case 'L' - '@':	/* Ctrl-L */
		clearok(stdscr, TRUE);
		return GO_ON;
	case ' ':
		return REFRESH;
	default:
		return GO_ON;
	}
}

/* A change of the size is noticed by ncurses, and by us so much later at most. */
#define LOOK_AGAIN	1.0

/* Keys until it is time for the next sample. */
static enum action wait_until(struct screen *screen, double until)
{
	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = signal_pipe[0], .events = POLLIN },
		};
		double left = until - now();
		enum action action = GO_ON;
		int key;

		if (left <= 0 && !screen->asking)
			return GO_ON;
		if (left > LOOK_AGAIN || left <= 0)
			left = LOOK_AGAIN;
		if (poll(fds, 2, (int)(left * 1000) + 1) < 0 && errno != EINTR)
			return QUIT;
		if (ended_by || fds[0].revents & (POLLERR | POLLHUP | POLLNVAL))
			return QUIT;
		while (action == GO_ON && (key = getch()) != ERR)
			action = press(screen, key);
		if (action != GO_ON)
			return action;
		draw(screen);
	}
}

static void show(struct screen *screen, const struct top_options *options)
{
	double seconds = top_first_interval(options);
	uint64_t round = 0;

	draw(screen);
	while (wait_until(screen, now() + seconds) != QUIT) {
		take_sample(screen);
		draw(screen);
		seconds = screen->seconds;
		if (++round == options->rounds)
			break;
	}
}

int top_screen(const struct top_options *options)
{
	struct screen screen = { .seconds = options->seconds };
	int err = top_read(&screen.sample), code = DONE;
	size_t p;

	for (p = 0; p < pane_count; p++)
		screen.hidden |= panes[p].hidden ? 1u << p : 0;
	if (err) {
		code = fail(exit_code(err), "%s", explain(err));
	} else if (!catch_signals()) {
		code = fail(OTHER, "%s", strerror(errno));
	} else if (!enter_terminal()) {
		code = fail(OTHER, "this terminal is not known; docstore top -b needs none");
	} else {
		top_compute(NULL, &screen.sample, &screen.view);
		top_sort(&screen.view, screen.order, screen.reverse);
		show(&screen, options);
		leave_terminal();
	}
	top_view_free(&screen.view);
	top_hot_free(&screen.hot);
	top_sample_free(&screen.sample);
	/* Whoever has sent it sees that it was that which ended us. */
	if (ended_by) {
		signal(ended_by, SIG_DFL);
		raise(ended_by);
	}
	return code;
}

bool top_has_screen(void)
{
	return true;
}

#else

bool top_has_screen(void)
{
	return false;
}

int top_screen(const struct top_options *options)
{
	(void)options;
	return OTHER;
}

#endif /* WITH_NCURSES */

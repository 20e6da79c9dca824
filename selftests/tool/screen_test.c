// SPDX-License-Identifier: GPL-2.0
/*
 * docstore(1): top on a terminal: what is on it, what keys and signals do, and that the
 * terminal is as it was afterwards.
 *
 * screen_test DOCSTORE: the command, with the store in user space behind it.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "terminal.h"

#define PATIENCE	20000	/* milliseconds, for what comes at once */

static const char *docstore;
static struct terminal screen;
static struct termios before;
static pid_t child;
static int pty = -1;

/* --- the program, and its terminal ------------------------------------------------- */

static void start(int lines, int columns, const char *const *arguments, const char *term)
{
	struct winsize size = { .ws_row = (unsigned short)lines,
				.ws_col = (unsigned short)columns };
	char *argv[16] = { (char *)(uintptr_t)docstore, "top", "-d", "0.2" };
	int argc = 4;

	while (arguments && *arguments && argc < 15)
		argv[argc++] = (char *)(uintptr_t)*arguments++;
	memset(&screen, 0, sizeof(screen));
	terminal_size(&screen, lines, columns);
	child = forkpty(&pty, NULL, NULL, &size);
	if (child < 0) {
		printf("Bail out! no terminal: %s\n", strerror(errno));
		exit(1);
	}
	if (!child) {
		/* nohup, say, has some ignored. */
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		setenv("TERM", term, 1);
		unsetenv("LINES");
		unsetenv("COLUMNS");
		execv(docstore, argv);
		_exit(127);
	}
	tcgetattr(pty, &before);
}

static void resize(int lines, int columns)
{
	struct winsize size = { .ws_row = (unsigned short)lines,
				.ws_col = (unsigned short)columns };

	terminal_size(&screen, lines, columns);
	ioctl(pty, TIOCSWINSZ, &size);
}

/* What it has to say within so many milliseconds; false if it has ended. */
static bool look(int ms)
{
	struct pollfd fd = { .fd = pty, .events = POLLIN };
	char data[4096];
	ssize_t n;

	if (poll(&fd, 1, ms) <= 0)
		return true;
	n = read(pty, data, sizeof(data));
	if (n <= 0)
		return false;
	terminal_write(&screen, data, (size_t)n);
	return true;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void print_screen(void)
{
	int y;

	for (y = 0; y < screen.lines; y++)
		printf("# |%.*s|\n", screen.columns, screen.cell[y]);
}

static void type(const char *keys)
{
	if (write(pty, keys, strlen(keys)) < 0)
		printf("# cannot type: %s\n", strerror(errno));
}

/* Let it draw all of a window that has another size now. */
static void settle(void)
{
	long end = now_ms() + 1000;

	while (now_ms() < end && look(50))
		;
	screen.wrapped = 0;
	type("\014");
}

/* Look until @text is there, or is not there, on line @y or anywhere (-1). */
static bool wait_for(const char *text, int y, bool there)
{
	long end = now_ms() + PATIENCE;
	bool is;

	do {
		is = y < 0 ? terminal_find(&screen, text) >= 0 :
			     strstr(screen.cell[y], text) != NULL;
		if (is == there)
			return true;
	} while (now_ms() < end && look(50));
	printf("# %s'%s' did not come\n", there ? "" : "no ", text);
	print_screen();
	return false;
}

static bool see(const char *text)
{
	return wait_for(text, -1, true);
}

/* How it has ended, as waitpid() says it; what it has said is read to the end. */
static int end(bool *restored)
{
	struct termios after;
	long deadline = now_ms() + PATIENCE;
	int status = 0;
	pid_t pid;

	while ((pid = waitpid(child, &status, WNOHANG)) == 0 && now_ms() < deadline)
		look(20);
	if (!pid) {
		printf("# it does not end\n");
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
	while (poll(&(struct pollfd){ .fd = pty, .events = POLLIN }, 1, 0) > 0 && look(0))
		;
	memset(&after, 0, sizeof(after));
	/* Without its other end it may be gone. */
	*restored = !screen.other && !screen.hidden &&
		    (tcgetattr(pty, &after) || (after.c_lflag == before.c_lflag &&
						after.c_iflag == before.c_iflag &&
						after.c_oflag == before.c_oflag));
	close(pty);
	return status;
}

static void ends_well(const char *what)
{
	bool restored;
	int status = end(&restored);

	if (!ok(WIFEXITED(status) && !WEXITSTATUS(status) && restored && !screen.unknown[0] &&
		!screen.wrapped, "%s: it ends, and the terminal is as it was", what)) {
		printf("# status %x, restored %d, wrapped %u, unknown '%s'\n", status, restored,
		       screen.wrapped, screen.unknown);
		print_screen();
	}
}

/* --- what is to be seen -------------------------------------------------------------- */

static void test_first(void)
{
	start(24, 80, NULL, "xterm");
	ok(wait_for("1 store,", 0, true) && wait_for("A second: 1000 operations", 1, true) &&
	   wait_for("Memory:", 2, true), "the header");
	ok(screen.other && screen.hidden, "it has the screen for itself");
	ok(wait_for(" OPS/s READS/s      P50      P99 QUEUE  REQS     MEMORY %LIM SNAPS STORE", 4,
		    true) &&
	   wait_for("  1000    5000   9.2 us  10.2 us     3     7        0 B   0%     0 default", 5,
		    true), "stores");
	ok(wait_for("   BUSY  COMMITS/s", 6, true) && wait_for("    25%         50", 7, true) &&
	   wait_for("    50%         50", 8, true), "workers");
	ok(wait_for("   TAKEN/s     MET/s  %MET    WAITED/s     LONGEST PLACE", 9, true) &&
	   wait_for("session_turn", 10, true), "places");
	type("q");
	ends_well("q");
	ok(terminal_find(&screen, "\033") < 0, "nothing but text");
}

static void test_keys(void)
{
	start(24, 80, NULL, "xterm");
	see("default");
	type("h");
	ok(see("this help") && see("P50 P99") && see("QUEUE") && see("USES/s"), "h: the help");
	type(" ");
	ok(see("default"), "any key leaves it");
	type("?");
	ok(see("this help"), "?: the help");
	type("\033OB");
	ok(see("default"), "an arrow leaves it, too");
	type("1");
	ok(wait_for("COMMITS/s", -1, false), "1: no workers");
	type("3");
	ok(wait_for("WAITED/s", -1, false), "3: no places");
	type("4");
	type("1");
	ok(see("COMMITS/s"), "1: workers; and 4, which has nothing to show here");
	ok(wait_for("USES/s", -1, false), "no hot documents where nothing is mapped");
	type("4");
	type("d");
	ok(wait_for("Change the delay from 0.2 seconds to ", 3, true), "d: it asks for the delay");
	type("x12.\b\b");
	ok(wait_for("seconds to 1 ", 3, true), "what is typed is to be seen");
	type("\n");
	ok(wait_for("Change", 3, false), "and taken");
	type("s");
	ok(wait_for("from 1 seconds", 3, true), "s: it asks again");
	type("0\n");
	ok(wait_for("'0' is not a number of seconds", 3, true), "what is none is refused");
	type("s");
	wait_for("from 1 seconds", 3, true);
	type("5\033");
	ok(wait_for("Change", 3, false), "Escape leaves it as it was");
	type("d");
	ok(wait_for("from 1 seconds", 3, true), "it is");
	type("\n");
	type("q");
	ends_well("after many keys");
}

static void run(const char *const *arguments)
{
	pid_t pid = fork();

	if (!pid) {
		execv(docstore, (char **)(uintptr_t)arguments);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static void test_many(void)
{
	const char *create[] = { docstore, "create", "--max-bytes", "1G", NULL, NULL };
	char file[] = "/tmp/screen_test.XXXXXX", name[32];
	int fd = mkstemp(file), i;

	/* It is made when it is not there. */
	close(fd);
	unlink(file);
	setenv("DOCSTORE_FAKE", file, 1);
	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "store-%02d", i);
		create[4] = name;
		run(create);
	}
	start(24, 80, NULL, "xterm");
	ok(see("31 stores") && see("STORE 1-12/31"), "more stores than lines");
	type("N");
	ok(wait_for(" default", 5, true) && wait_for(" store-00", 6, true), "N: by name");
	type("R");
	ok(wait_for(" store-29", 5, true), "R: the other way round");
	type("R");
	wait_for(" default", 5, true);
	type("\033OB");
	ok(wait_for(" store-00", 5, true) && see(" 2-13/31"), "down");
	type("\033OB\033OA\033OA");
	ok(wait_for(" default", 5, true) && see(" 1-12/31"), "up");
	type("\033[6~");
	ok(wait_for(" default", 5, false), "a page down");
	type("\033OF");
	ok(see("store-29") && see(" 20-31/31"), "End");
	type("\033OH");
	ok(wait_for(" default", 5, true), "Home");
	type("123");
	ok(see(" 1-19/31"), "stores have what others leave");
	resize(50, 100);
	ok(see("store-29") && wait_for("/31", -1, false), "a larger window has them all");
	type("q");
	ends_well("many stores");
	unlink(file);
	unsetenv("DOCSTORE_FAKE");
}

/* --- how it ends ---------------------------------------------------------------------- */

static void test_signal(int number, const char *name)
{
	bool restored;
	int status;

	start(24, 80, NULL, "xterm");
	see("default");
	kill(child, number);
	status = end(&restored);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == number && restored,
	   "%s: the terminal is as it was", name);
}

static void test_ends(void)
{
	static const char * const rounds[] = { "-n", "2", NULL };
	bool restored;
	int status;

	test_signal(SIGINT, "SIGINT");
	test_signal(SIGTERM, "SIGTERM");
	test_signal(SIGHUP, "SIGHUP");
	start(24, 80, NULL, "xterm");
	see("default");
	type("\003");
	status = end(&restored);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT && restored, "Ctrl-C");
	start(24, 80, NULL, "xterm");
	see("default");
	type("d");
	see("Change");
	kill(child, SIGTERM);
	status = end(&restored);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM && restored, "while it asks");
	start(24, 80, rounds, "xterm");
	ends_well("as many rounds as it was told");
	/* ncurses does not free all that it had then. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	start(24, 80, NULL, "no-such-terminal");
	status = end(&restored);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 8 && restored &&
	   terminal_find(&screen, "this terminal is not known") >= 0, "a terminal that nobody knows");
	unsetenv("ASAN_OPTIONS");
	setenv("DOCSTORE_FAKE_NO_MODULE", "1", 1);
	start(24, 80, NULL, "xterm");
	status = end(&restored);
	unsetenv("DOCSTORE_FAKE_NO_MODULE");
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 6 && restored &&
	   terminal_find(&screen, "modprobe docstore") >= 0, "no module");
	start(24, 80, NULL, "vt100");
	ok(see("default"), "an old terminal");
	type("q");
	status = end(&restored);
	ok(WIFEXITED(status) && !WEXITSTATUS(status), "it ends there, too");
}

static void test_sizes(void)
{
	static const int sizes[][2] = {
		{ 1, 1 }, { 1, 80 }, { 2, 10 }, { 3, 3 }, { 4, 200 }, { 5, 40 }, { 6, 79 }, { 7, 1 },
		{ 200, 2 }, { 100, 200 }, { 25, 81 },
	};
	const size_t count = sizeof(sizes) / sizeof(sizes[0]);
	bool good = true, restored;
	int status;
	size_t i;

	start(24, 80, NULL, "xterm");
	see("default");
	for (i = 0; i < count; i++) {
		resize(sizes[i][0], sizes[i][1]);
		type(i % 2 ? "\033OB\t" : "h");
		good &= look(300) && look(300);
		type(" ");
		good &= look(300);
	}
	resize(24, 80);
	settle();
	ok(good && see("default"), "windows of any size");
	type("q");
	ends_well("a window that changed");
	for (i = 0; i < count; i++) {
		start(sizes[i][0], sizes[i][1], NULL, "xterm");
		/* Of the smallest nothing can be seen but that it is there. */
		while (!screen.other && look(PATIENCE))
			;
		look(400);
		type("\033OBh1d\n \033[6~");
		look(300);
		type("q");
		look(300);
		type("q");
		status = end(&restored);
		good &= WIFEXITED(status) && !WEXITSTATUS(status) && restored;
		if (!good) {
			printf("# %d lines of %d columns: status %x\n", sizes[i][0], sizes[i][1], status);
			break;
		}
	}
	ok(good, "windows that are small from the first");
}

/* Whatever is typed, it goes on. */
static void test_any_keys(void)
{
	static const char * const keys[] = {
		"h", "?", "d", "s", "1", "2", "3", "4", "N", "P", "M", "m", "T", "W", "G", "R", " ", "\t",
		"\033OA", "\033OB", "\033[5~", "\033[6~", "\033OH", "\033OF", "\n", "\033", "7", ".",
		"\177", "\014", "x", "\303\244", "\377", "\033[99~",
	};
	unsigned int seed = 7;
	bool good = true;
	int i;

	start(24, 80, NULL, "xterm");
	see("default");
	for (i = 0; good && i < 600; i++) {
		seed = seed * 1103515245 + 12345;
		type(keys[(seed >> 16) % (sizeof(keys) / sizeof(keys[0]))]);
		if (i % 50 == 0)
			resize(1 + (int)(seed >> 8) % 40, 1 + (int)(seed >> 4) % 100);
		good = look(5);
	}
	resize(24, 80);
	settle();
	/* Out of the question or the help that it may be in, and then the end. */
	type("\033");
	look(200);
	type("x");
	ok(good && wait_for("store", 0, true), "any keys");
	type("q");
	look(300);
	type("q");
	ends_well("any keys");
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s DOCSTORE\n", argv[0]);
		return 2;
	}
	docstore = argv[1];
	setenv("DOCSTORE_FAKE_BUSY", "1", 1);
	signal(SIGPIPE, SIG_IGN);
	test_first();
	test_keys();
	test_many();
	test_ends();
	test_sizes();
	test_any_keys();
	return tap_end();
}

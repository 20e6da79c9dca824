// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's log: programs go there before they run, so that the last one is
 * known when the kernel crashes; and what the kernel has to say comes out of it.
 */
#include "work.h"

#define FZ_RECORD	900	/* of what is written at once */

static int fz_log_out = -1;
static int fz_log_in = -1;

/* The program that the log had last when a report came. */
static char fz_last[FZ_TEXT];
static size_t fz_last_len;

static void fz_set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		fprintf(stderr, "# %s: %s\n", path, strerror(errno));
	close(fd);
}

/*
 * Programs are at the level of debug messages, which then don't go to the
 * console; but all of the log does if the kernel panics.
 */
void fz_log_init(void)
{
	fz_log_in = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fz_log_in >= 0)
		lseek(fz_log_in, 0, SEEK_END);
	if (fz_options.quiet)
		return;
	fz_log_out = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	fz_set("/proc/sys/kernel/printk", "6");
	fz_set("/proc/sys/kernel/panic_print", "32");
}

void fz_log_program(const struct fz_program *p)
{
	static char text[FZ_TEXT];
	char record[FZ_RECORD + 16];
	const char *at = text;
	size_t left, n;

	if (fz_log_out < 0)
		return;
	left = fz_print(p, text, sizeof(text));
	for (; left; at += n, left -= n) {
		const char *end;

		n = left < FZ_RECORD ? left : FZ_RECORD;
		/* Whole lines, where that is possible. */
		end = n < left ? memrchr(at, '\n', n) : NULL;
		if (end)
			n = end + 1 - at;
		snprintf(record, sizeof(record), "<7>fz%c %.*s", at == text ? ':' : '+', (int)n, at);
		if (write(fz_log_out, record, strlen(record)) < 0)
			return;
	}
}

/* Does the kernel complain? Its own records only: others have a facility. */
static bool fz_is_report(const char *record)
{
	static const char *const heads[] = {
		"WARNING: ", "BUG: ", "BUG ", "kernel BUG at ", "Kernel panic", "Oops",
		"general protection fault", "UBSAN: ", "ODEBUG: ", "refcount_t: ",
		"INFO: task ", "INFO: rcu", "rcu: INFO", "INFO: possible", "INFO: inconsistent",
		"INFO: suspicious", "watchdog: BUG", "page_owner", "list_add corruption",
		"list_del corruption", "usercopy: ", "unchecked MSR",
	};
	const char *text = strchr(record, ';');
	unsigned int i;

	if (!text || atoi(record) > 4)
		return false;
	for (i = 0; i < ARRAY_SIZE(heads); i++)
		if (!strncmp(text + 1, heads[i], strlen(heads[i])))
			return true;
	return false;
}

/* Bytes that are not printable, as line ends, come as \\xNN. */
static void fz_unescape(char *text)
{
	unsigned int byte;
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && sscanf(text, "\\x%2x", &byte) == 1) {
			*to++ = byte;
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = 0;
}

/* A record of our own: a program, or more of it. */
static void fz_remember(char *record)
{
	char *text = strchr(record, ';');
	size_t len;

	if (!text || strncmp(text, ";fz", 3) || strlen(text) < 5)
		return;
	if (text[3] == ':')
		fz_last_len = 0;
	text[strcspn(text, "\n")] = 0;
	text += 5;
	fz_unescape(text);
	len = strlen(text);
	if (fz_last_len + len + 1 > sizeof(fz_last))
		return;
	memcpy(fz_last + fz_last_len, text, len + 1);
	fz_last_len += len;
}

/* Read what has come, up to the first report, and keep that. */
bool fz_log_report(char *line, size_t room)
{
	static char record[8192];
	ssize_t n;

	while (fz_log_in >= 0) {
		n = read(fz_log_in, record, sizeof(record) - 1);
		/* Overtaken: what is lost was not seen. */
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			break;
		record[n] = 0;
		if (!fz_is_report(record)) {
			fz_remember(record);
			continue;
		}
		snprintf(line, room, "the kernel says: %.*s",
			 (int)strcspn(strchr(record, ';') + 1, "\n"), strchr(record, ';') + 1);
		return true;
	}
	return false;
}

/* The program that the report came after, if the log has it. */
bool fz_log_last(struct fz_program *p)
{
	return fz_last_len && fz_parse(p, fz_last, "log");
}

void fz_log_skip(void)
{
	if (fz_log_in >= 0)
		lseek(fz_log_in, 0, SEEK_END);
}

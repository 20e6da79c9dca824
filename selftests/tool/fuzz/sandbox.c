// SPDX-License-Identifier: GPL-2.0
/* The tool in the fuzzer's process: see sandbox.h. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define SANDBOX_ITSELF
#include "sandbox.h"

static const struct run *running;
static size_t at;

ssize_t sandbox_read(int fd, void *to, size_t room)
{
	size_t left = running->input_len - at;

	if (fd != STDIN_FILENO)
		return read(fd, to, room);
	/* A pipe gives less than was asked for. */
	if (room > 4000)
		room = 4000;
	if (room > left)
		room = left;
	if (room)
		memcpy(to, (const char *)running->input + at, room);
	at += room;
	return (ssize_t)room;
}

int sandbox_open(const char *path, int flags)
{
	int fd;

	(void)flags;
	if (strcmp(path, "in")) {
		errno = ENOENT;
		return -1;
	}
	fd = memfd_create("in", MFD_CLOEXEC);
	if (fd < 0 || write(fd, running->input, running->input_len) !=
	    (ssize_t)running->input_len || lseek(fd, 0, SEEK_SET))
		abort();
	return fd;
}

FILE *sandbox_fopen(const char *path, const char *mode)
{
	(void)path;
	(void)mode;
	return fdopen(memfd_create("out", MFD_CLOEXEC), "w");
}

int sandbox_nothing(const char *path, ...)
{
	(void)path;
	return 0;
}

int sandbox_exec(const char *path, char *const argv[])
{
	(void)path;
	(void)argv;
	errno = ENOENT;
	return -1;
}

int sandbox_stat(const char *path, struct stat *st)
{
	(void)path;
	(void)st;
	errno = ENOENT;
	return -1;
}

/* Nobody has time to wait for the next round: it is as if a signal had come. */
int sandbox_poll(struct pollfd *fds, nfds_t count, int ms)
{
	(void)fds;
	(void)count;
	(void)ms;
	errno = EINTR;
	return -1;
}

/* Nor for what is changed: it is as if one had been told to stop, which those who wait are. */
int sandbox_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
		  const sigset_t *signals)
{
	(void)fds;
	(void)count;
	(void)time;
	(void)signals;
	raise(SIGTERM);
	errno = EINTR;
	return -1;
}

/* There is no directory with anything in it. */
int sandbox_at(int dir, ...)
{
	(void)dir;
	errno = ENOENT;
	return -1;
}

int sandbox_run(struct run *run, int argc, char **argv)
{
	FILE *in = stdin, *out = stdout, *err = stderr;
	int code;

	running = run;
	at = 0;
	run->out = NULL;
	run->err = NULL;
	stdin = run->input_len ? fmemopen((void *)run->input, run->input_len, "r") :
				 fopen("/dev/null", "r");
	stdout = open_memstream(&run->out, &run->out_len);
	stderr = open_memstream(&run->err, &run->err_len);
	if (!stdin || !stdout || !stderr)
		abort();
	code = tool_main(argc, argv);
	fclose(stdin);
	fclose(stdout);
	fclose(stderr);
	stdin = in;
	stdout = out;
	stderr = err;
	return code;
}

void sandbox_free(struct run *run)
{
	free(run->out);
	free(run->err);
}

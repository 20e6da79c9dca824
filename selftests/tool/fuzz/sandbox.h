/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before each file of the tool: it runs in the fuzzer's process, with
 * operands that nobody has chosen, and must not touch files, nor run other programs.
 * There is one file that it can read, named "in", and what it writes is gone.
 */
#ifndef _FUZZ_SANDBOX_H
#define _FUZZ_SANDBOX_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int sandbox_open(const char *path, int flags);
ssize_t sandbox_read(int fd, void *to, size_t room);
FILE *sandbox_fopen(const char *path, const char *mode);
int sandbox_nothing(const char *path, ...);
int sandbox_exec(const char *path, char *const argv[]);
int sandbox_stat(const char *path, struct stat *st);
int sandbox_poll(struct pollfd *fds, nfds_t count, int ms);
int sandbox_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
		  const sigset_t *signals);
int sandbox_at(int dir, ...);

#ifndef SANDBOX_ITSELF
#define open(path, flags)	sandbox_open(path, flags)
#define read(fd, to, room)	sandbox_read(fd, to, room)
#define fopen(path, mode)	sandbox_fopen(path, mode)
#define rename(from, to)	sandbox_nothing(from, to)
#define unlink(path)		sandbox_nothing(path)
#define execvp(path, argv)	sandbox_exec(path, argv)
#define stat(path, st)		sandbox_stat(path, st)
#define poll(fds, count, ms)	sandbox_poll(fds, count, ms)
#define ppoll(fds, count, time, signals)	sandbox_ppoll(fds, count, time, signals)
#define mkdir(path, mode)	sandbox_nothing(path)
#define openat(...)		sandbox_at(__VA_ARGS__)
#define mkdirat(...)		sandbox_at(__VA_ARGS__)
#define renameat(...)		sandbox_at(__VA_ARGS__)
#define unlinkat(...)		sandbox_at(__VA_ARGS__)
/* The store goes when the process ends, and that it does not do. */
#define main			tool_main
#endif

/* Run the tool: its exit code; what it had to say is in @out. */
struct run {
	const void *input;
	size_t input_len;
	char *out;
	size_t out_len;
	char *err;
	size_t err_len;
};

int tool_main(int argc, char **argv);
int sandbox_run(struct run *run, int argc, char **argv);
void sandbox_free(struct run *run);

#endif /* _FUZZ_SANDBOX_H */

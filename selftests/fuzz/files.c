// SPDX-License-Identifier: GPL-2.0
/*
 * Other system calls on our descriptors: opening, duplicating and closing them, and
 * what files are good for.
 */
#include <poll.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "model.h"

void fz_slot_close(struct fz_run *run, unsigned int slot)
{
	struct fz_fd *fd = &run->slots[slot];

	if (fd->fd >= 0)
		close(fd->fd);
	if (fd->snapshot)
		fz_snapshot_put(fd->snapshot);
	if (fd->stream)
		fz_stream_put(fd->stream);
	memset(fd, 0, sizeof(*fd));
	fd->fd = -1;
}

/* A slot that programs may use: 5 to 9. */
static unsigned int fz_free_slot(__u64 number)
{
	return 5 + number % 5;
}

unsigned int fz_run_open(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR };
	unsigned int slot = fz_free_slot(fz_arg(p, call, 0)), how = fz_arg(p, call, 1) % 3;
	struct fz_fd *fd = &run->slots[slot];

	fz_slot_close(run, slot);
	fd->fd = ds_control_open(flags[how]);
	if (fd->fd >= 0) {
		fd->kind = FZ_FD_CONTROL;
		fd->rights = how + 1;
	}
	run->calls++;
	return 0;
}

unsigned int fz_run_dup(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	unsigned int slot = fz_free_slot(fz_arg(p, call, 0));
	int fd = run->fd->fd < 0 ? -1 : dup(run->fd->fd);
	struct fz_fd old = *run->fd;

	/* It may be the one that is closed for it. */
	if (fd >= 0 && old.snapshot)
		old.snapshot->users++;
	if (fd >= 0 && old.stream)
		old.stream->users++;
	fz_slot_close(run, slot);
	if (fd >= 0)
		run->slots[slot] = old;
	run->slots[slot].fd = fd;
	run->calls++;
	return 0;
}

unsigned int fz_run_close(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	/* The standard ones are wanted again. */
	if (p->calls[call].fd >= 5 && p->calls[call].fd < 10)
		fz_slot_close(run, p->calls[call].fd);
	run->calls++;
	return 0;
}

static void fz_file_mmap(struct fz_run *run, __u64 number)
{
	size_t size = 4096 << number % 4;
	bool write = !(number & 1), shared = number & 2;
	void *p = mmap(NULL, size, write ? PROT_READ | PROT_WRITE : PROT_READ,
		       shared ? MAP_SHARED : MAP_PRIVATE, run->fd->fd, 0);

	if (run->fd->kind == FZ_FD_SNAPSHOT) {
		fz_snapshot_mapped(run, p, size, !write && shared);
		return;
	}
	if (p == MAP_FAILED)
		return;
	if (run->fd->kind == FZ_FD_CONTROL)
		fz_find(run, "the control node could be mapped");
	if (run->fd->kind == FZ_FD_STREAM)
		fz_find(run, "a stream could be mapped");
	munmap(p, size);
}

unsigned int fz_run_file(struct fz_run *run, const struct fz_program *p, unsigned int call)
{
	__u64 number = fz_arg(p, call, 1);
	int fd = run->fd->fd;
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT };
	char buffer[64] = "x";
	struct stat st;

	run->calls++;
	if (!fz_fd_is_ours(run->fd))
		return 0;
	switch (fz_arg(p, call, 0) % 9) {
	case 0:
		/* What comes of streams has a call of its own. */
		if (run->fd->kind == FZ_FD_STREAM)
			break;
		if (read(fd, buffer, number % 64) > 0)
			fz_find(run, "read returned data");
		break;
	case 1:
		if (write(fd, buffer, number % 64) > 0)
			fz_find(run, "write wrote data");
		break;
	case 2:
		if (run->fd->kind == FZ_FD_SNAPSHOT)
			fz_snapshot_poll(run);
		else if (run->fd->kind == FZ_FD_STREAM)
			fz_stream_poll(run, run->fd);
		else
			poll(&poll_fd, 1, 0);
		break;
	case 3:
		fz_file_mmap(run, number);
		break;
	case 4:
		lseek(fd, number, SEEK_SET);
		break;
	case 5:
		fstat(fd, &st);
		break;
	case 6:
		fsync(fd);
		break;
	case 7:
		/* Nobody is to wait for a stream. */
		if (run->fd->kind == FZ_FD_STREAM)
			break;
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) ^ (number & 1 ? O_NONBLOCK : O_APPEND));
		break;
	case 8:
		if (run->fd->kind == FZ_FD_SNAPSHOT)
			fz_snapshot_keep(run);
		break;
	}
	return 0;
}

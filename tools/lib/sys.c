// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: the system calls. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

int ds_sys_open(const char *device, bool write)
{
	int fd = open(device, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	/* ENOENT means "no such store" everywhere else. */
	if (errno == ENOENT || errno == ENODEV)
		return -ENXIO;
	return -errno;
}

int ds_sys_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

ssize_t ds_sys_read(int fd, void *buffer, size_t len)
{
	ssize_t n = read(fd, buffer, len);

	return n < 0 ? -errno : n;
}

void ds_sys_close(int fd)
{
	close(fd);
}

void *ds_sys_map(int fd, size_t size)
{
	void *base = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	return base == MAP_FAILED ? NULL : base;
}

void ds_sys_unmap(void *base, size_t size)
{
	munmap(base, size);
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What sysfs says of the module, and what can be told it there.
 */
#ifndef DOCSTORE_TEST_SYSFS_H
#define DOCSTORE_TEST_SYSFS_H

#include "docstore_test.h"

#define DS_PARAMETERS	"/sys/module/docstore/parameters/"
#define DS_REFCNT	"/sys/module/docstore/refcnt"

static inline int parameter_get(const char *name, unsigned int *value)
{
	char path[128];
	FILE *f;
	int n;

	snprintf(path, sizeof(path), DS_PARAMETERS "%s", name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	n = fscanf(f, "%u", value);
	fclose(f);
	return n == 1 ? 0 : -EIO;
}

static inline int parameter_set(const char *name, unsigned int value)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), DS_PARAMETERS "%s", name);
	f = fopen(path, "we");
	if (!f)
		return -errno;
	fprintf(f, "%u", value);
	return fclose(f) ? -errno : 0;
}

/* References to the module, or -1 where it is built into the kernel. */
static inline int references(void)
{
	FILE *f = fopen(DS_REFCNT, "re");
	int n = -1;

	if (f) {
		if (fscanf(f, "%d", &n) != 1)
			n = -1;
		fclose(f);
	}
	return n;
}

/*
 * Waits for as many @seconds as it may take until there are @expected references,
 * and returns how many there are: workers let go of a store a little later, and
 * the kernel closes the files of who was killed when it finds the time.
 */
static inline int references_become(int expected, unsigned int seconds)
{
	__u64 end = ds_now() + seconds * DS_SECOND;
	int n;

	while ((n = references()) != expected && ds_now() <= end)
		usleep(10000);
	return n;
}

#endif /* DOCSTORE_TEST_SYSFS_H */

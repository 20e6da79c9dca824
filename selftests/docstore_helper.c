// SPDX-License-Identifier: GPL-2.0
/*
 * What the shell scripts of these tests need of docstore.
 *
 *	docstore_helper create STORE [PARTITIONS [MAX_BYTES]]
 *	docstore_helper remove STORE
 *	docstore_helper put STORE FIRST COUNT	documents d<FIRST>...
 *	docstore_helper delete STORE FIRST COUNT
 *	docstore_helper count STORE		prints the number of documents
 *	docstore_helper incarnation STORE
 *	docstore_helper list			prints the names of all stores
 *	docstore_helper clean			removes what killed tests left
 *	docstore_helper hold [STORE]		holds it, or the control node,
 *						open until it is killed
 *	docstore_helper race STORE SECONDS	writes one document while others
 *						read it, for what finds races
 *	docstore_helper churn			opens, creates and removes until
 *						it is killed, module or not
 *
 * The exit status is 0, or 1 with the errno's name on stderr.
 */
#include "docstore_test.h"

static int result(const char *what, int ret)
{
	if (ret >= 0)
		return 0;
	fprintf(stderr, "docstore_helper: %s: %s\n", what, strerror(-ret));
	return 1;
}

static int change(int control, bool put, const char *name, unsigned int first,
		  unsigned int count)
{
	struct docstore_op op;
	int fd, property, ret = 0;
	unsigned int i;
	char id[16];

	fd = ds_open(control, name, DS_RW);
	if (fd < 0)
		return fd;
	property = ds_prop_id(fd, "n");
	if (property < 0)
		return property;
	for (i = first; i < first + count && !ret; i++) {
		snprintf(id, sizeof(id), "d%u", i);
		op = put ? ds_set_s64(id, property, i) : ds_delete(id);
		ret = ds_one(fd, &op);
	}
	close(fd);
	return ret;
}

static int with_info(int control, const char *name, bool count)
{
	struct docstore_store_info info;
	int fd, ret;

	fd = ds_open(control, name, DS_READ);
	if (fd < 0)
		return fd;
	ret = ds_store_info(fd, &info);
	close(fd);
	if (!ret)
		printf("%llu\n", (unsigned long long)(count ? info.documents :
						      info.incarnation));
	return ret;
}

static int list(int control, bool clean)
{
	struct docstore_store_info stores[16];
	__u64 cursor = 0;
	int i, n;

	do {
		n = ds_list(control, stores, ARRAY_SIZE(stores), &cursor);
		if (n < 0)
			return n;
		for (i = 0; i < n; i++) {
			const char *name = (const char *)stores[i].name;

			if (!clean)
				puts(name);
			else if (!strncmp(name, DS_PREFIX, strlen(DS_PREFIX)))
				ds_remove(control, name);
		}
	} while (cursor);
	return 0;
}

static int hold(int control, const char *name)
{
	if (name) {
		int fd = ds_open(control, name, DS_READ);

		if (fd < 0)
			return fd;
		close(control);
	}
	puts("held");
	fflush(stdout);
	for (;;)
		pause();
}

static int race(int control, const char *name, unsigned int seconds)
{
	time_t end = time(NULL) + seconds;
	pid_t readers[2];
	int fd, ret, property;
	unsigned int i;

	ret = change(control, true, name, 0, 1);
	fd = ret ? ret : ds_open(control, name, DS_RW);
	if (fd < 0)
		return fd;
	property = ds_prop_id(fd, "n");
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i] = fork();
		if (readers[i])
			continue;
		while (ds_version_of(fd, "d0") > 0)
			;
		_exit(1);
	}
	for (i = 0; !ret && time(NULL) < end; i++)
		ret = ds_do(fd, ds_set_s64("d0", property, i));
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		kill(readers[i], SIGKILL);
		waitpid(readers[i], NULL, 0);
	}
	close(fd);
	return ret;
}

/* Nothing that fails is of interest: the module may be gone at any time. */
static void __attribute__((noreturn)) churn(void)
{
	const char *name = DS_PREFIX "churn";

	for (;;) {
		int control = ds_control_open(O_RDWR), fd;

		if (control < 0) {
			usleep(100);
			continue;
		}
		ds_create(control, name, 0600, 2, 0);
		fd = ds_open(control, name, DS_RW);
		if (fd >= 0) {
			change(control, true, name, 0, 10);
			close(fd);
		}
		ds_remove(control, name);
		close(control);
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *name = argc > 2 ? argv[2] : NULL;
	int control;

	if (!strcmp(what, "churn"))
		churn();
	control = ds_control();
	if (control < 0)
		return 1;
	if (!strcmp(what, "create") && name)
		return result(what, ds_create(control, name, 0600,
					      argc > 3 ? atoi(argv[3]) : 0,
					      argc > 4 ? atoll(argv[4]) : 0));
	if (!strcmp(what, "remove") && name)
		return result(what, ds_remove(control, name));
	if (!strcmp(what, "put") && argc == 5)
		return result(what, change(control, true, name, atoi(argv[3]),
					   atoi(argv[4])));
	if (!strcmp(what, "race") && argc == 4)
		return result(what, race(control, name, atoi(argv[3])));
	if (!strcmp(what, "delete") && argc == 5)
		return result(what, change(control, false, name, atoi(argv[3]),
					   atoi(argv[4])));
	if (!strcmp(what, "count") && name)
		return result(what, with_info(control, name, true));
	if (!strcmp(what, "incarnation") && name)
		return result(what, with_info(control, name, false));
	if (!strcmp(what, "list"))
		return result(what, list(control, false));
	if (!strcmp(what, "clean"))
		return result(what, list(control, true));
	if (!strcmp(what, "hold"))
		return result(what, hold(control, name));
	fprintf(stderr, "docstore_helper: what is '%s'?\n", what);
	return 2;
}

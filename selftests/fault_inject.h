/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making the kernel fail, for the tests of how docstore takes it.
 *
 * With CONFIG_FAULT_INJECTION a thread can ask that of all the places it comes
 * by where memory, or access to that of user space, can be refused, the n-th
 * does so (fail-nth). It can also ask (make-it-fail) to take part in what
 * failslab, fail_page_alloc and fail_usercopy in debugfs are set to: a chance
 * of refusal at every such place. While the first counts down, the second rests;
 * so the two together make all places fail from the n-th one on.
 *
 * Both concern one thread alone, and nobody else on the machine.
 */
#ifndef DOCSTORE_FAULT_INJECT_H
#define DOCSTORE_FAULT_INJECT_H

#include "docstore_test.h"

#define FAULT_DEBUGFS	"/sys/kernel/debug/"
#define FAULT_MEMORY	2		/* the first so many kinds */

static const char * const fault_kinds[] = {
	"failslab", "fail_page_alloc", "fail_usercopy",
};

#define FAULT_KINDS	ARRAY_SIZE(fault_kinds)

struct fault_setting {
	const char *name;
	const char *value;
};

/* What all kinds have, and then what some have. */
static const struct fault_setting fault_settings[] = {
	{ "probability", "0" },
	{ "interval", "1" },
	{ "times", "-1" },
	{ "space", "0" },
	{ "task-filter", "Y" },
	/* Each fault would be a message in the log. */
	{ "verbose", "0" },
	/* Memory that could be waited for is refused as well, and any page. */
	{ "ignore-gfp-wait", "N" },
	{ "ignore-gfp-highmem", "N" },
	{ "cache-filter", "N" },
	{ "min-order", "0" },
};

#define FAULT_SETTINGS	ARRAY_SIZE(fault_settings)

struct fault_inject {
	int nth;			/* fail-nth of this thread */
	int task;			/* make-it-fail of it */
	char was[FAULT_KINDS][FAULT_SETTINGS][32];
};

static inline int fault_open(const char *kind, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), FAULT_DEBUGFS "%s/%s", kind, name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static inline int fault_set(const char *kind, const char *name, const char *value)
{
	int fd = fault_open(kind, name, O_WRONLY), ret = 0;

	if (fd < 0)
		return fd;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static inline int fault_get(const char *kind, const char *name, char *value,
			    size_t room)
{
	int fd = fault_open(kind, name, O_RDONLY), ret = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, value, room - 1);
	if (n < 0)
		ret = -errno;
	else
		value[n] = 0;
	value[strcspn(value, "\n")] = 0;
	close(fd);
	return ret;
}

static inline bool fault_has(const char *kind)
{
	char value[32];

	return !fault_get(kind, "task-filter", value, sizeof(value));
}

/* Why faults cannot be injected, or NULL. */
static inline const char *fault_lacking(void)
{
	if (geteuid())
		return "only root can inject faults";
	if (access("/proc/thread-self/fail-nth", W_OK))
		return "the kernel has no CONFIG_FAULT_INJECTION";
	if (access(FAULT_DEBUGFS, X_OK) || !fault_has("failslab"))
		return "there is no " FAULT_DEBUGFS "failslab (CONFIG_FAILSLAB)";
	return NULL;
}

/* To be called before main(): ends the program where there is nothing to test. */
static inline void fault_skip_all(void)
{
	const char *lacking = fault_lacking();
	size_t i;

	if (lacking) {
		printf("TAP version 13\n1..0 # SKIP %s\n", lacking);
		exit(4);
	}
	for (i = 0; i < FAULT_KINDS; i++)
		if (!fault_has(fault_kinds[i]))
			printf("# SKIP the faults of %s, which the kernel lacks\n",
			       fault_kinds[i]);
}

/* What a thread needs to ask for faults; of a child's own. */
static inline int fault_begin_thread(struct fault_inject *f)
{
	f->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	f->task = open("/proc/thread-self/make-it-fail", O_WRONLY | O_CLOEXEC);
	return f->nth < 0 || f->task < 0 ? -errno : 0;
}

/* So that it is set up as is needed, and can be put back. */
static inline int fault_begin(struct fault_inject *f)
{
	const struct fault_setting *s;
	size_t kind, i;
	int ret;

	for (kind = 0; kind < FAULT_KINDS; kind++) {
		for (i = 0; i < FAULT_SETTINGS; i++) {
			char *was = f->was[kind][i];

			s = &fault_settings[i];
			was[0] = 0;
			ret = fault_get(fault_kinds[kind], s->name, was,
					sizeof(f->was[kind][i]));
			if (!ret)
				ret = fault_set(fault_kinds[kind], s->name,
						s->value);
			if (ret && ret != -ENOENT)
				return ret;
		}
	}
	return fault_begin_thread(f);
}

static inline void fault_end(struct fault_inject *f)
{
	size_t kind, i;

	for (kind = 0; kind < FAULT_KINDS; kind++)
		for (i = 0; i < FAULT_SETTINGS; i++)
			if (f->was[kind][i][0])
				fault_set(fault_kinds[kind],
					  fault_settings[i].name,
					  f->was[kind][i]);
	close(f->nth);
	close(f->task);
}

/*
 * With which chance those who make it fail are refused memory, and access to
 * that of user space, in percent.
 */
static inline void fault_chance(unsigned int memory, unsigned int user)
{
	char value[12];
	size_t kind;

	for (kind = 0; kind < FAULT_KINDS; kind++) {
		snprintf(value, sizeof(value), "%u",
			 kind < FAULT_MEMORY ? memory : user);
		fault_set(fault_kinds[kind], "probability", value);
	}
}

static inline void fault_make_it_fail(struct fault_inject *f, bool on)
{
	/* Access to what is written may be refused too. */
	while (pwrite(f->task, on ? "1" : "0", 1, 0) != 1)
		;
}

static inline void fault_arm(struct fault_inject *f, unsigned int nth)
{
	char value[12];
	int len = snprintf(value, sizeof(value), "%u", nth);

	if (pwrite(f->nth, value, len, 0) != len) {
		perror("fail-nth");
		abort();
	}
}

/*
 * Was a fault injected since it was armed? Asking is a place too where access
 * can be refused, and then none was before.
 */
static inline bool fault_disarm(struct fault_inject *f)
{
	char value[12] = "1";
	bool injected = pread(f->nth, value, sizeof(value) - 1, 0) > 0 &&
			!atoi(value);

	while (pwrite(f->nth, "0", 1, 0) != 1)
		injected = false;
	return injected;
}

/*
 * Memory of the test that is not there would be brought in while faults are
 * injected, and they would be for nothing, or even kill it. What the test makes
 * later is not locked, and not to be touched by calls in which faults are.
 */
static inline int fault_lock_memory(void)
{
	volatile char stack[128 * 1024];
	size_t i;

	for (i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 0;
	return mlockall(MCL_CURRENT) ? -errno : 0;
}

#endif /* DOCSTORE_FAULT_INJECT_H */

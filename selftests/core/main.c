// SPDX-License-Identifier: GPL-2.0
/*
 * Runs tests and says in TAP what came of them.
 *
 *	core_test [-l] [-n] [group | group.test]...
 *
 * -l lists the tests, -n runs one without a process of its own, for a debugger.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core.h"
#include "test.h"

static const struct test_group groups[] = {
	{ "arena", arena_tests },
	{ "document", document_tests },
	{ "heat", heat_tests },
	{ "index", index_tests },
	{ "partition", partition_tests },
	{ "past", past_tests },
	{ "span", span_tests },
	{ "moment", moment_tests },
	{ "backlog", backlog_tests },
	{ "cursor", cursor_tests },
	{ "follow", follow_tests },
	{ "check", check_tests },
	{ "refusal", refusal_tests },
	{ "random", random_tests },
	{ "map", map_tests },
	{ "together", together_tests },
	{ "step", step_tests },
	{ "thread", thread_tests },
	{}
};

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	flockfile(stdout);
	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	/* Not exit(): other threads may be running. */
	_exit(1);
}

void test_note(const char *format, ...)
{
	va_list args;

	flockfile(stdout);
	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	funlockfile(stdout);
}

u64 test_param(const char *name, u64 otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoull(value, NULL, 0) : otherwise;
}

u64 test_seed(void)
{
	struct timespec now;
	u64 seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = test_param("SEED", now.tv_sec * 1000000007ULL ^ now.tv_nsec);
	test_note("SEED=%llu", (unsigned long long)seed);
	return seed;
}

/* splitmix64 */
u64 rng_next(struct rng *rng)
{
	u64 x = rng->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

u32 rng_below(struct rng *rng, u32 n)
{
	return (rng_next(rng) >> 32) * n >> 32;
}

u32 rng_skewed(struct rng *rng, u32 max)
{
	u32 bits = max ? 32 - __builtin_clz(max) : 0;
	u32 n = rng_next(rng) >> 40;

	n &= (1U << rng_below(rng, bits + 1)) - 1;
	return n < max ? n : max;
}

static bool selected(const struct test_group *group, const struct test *test,
		     char **names, int n)
{
	char full[128];
	int i;

	snprintf(full, sizeof(full), "%s.%s", group->name, test->name);
	for (i = 0; i < n; i++)
		if (!strcmp(names[i], group->name) || !strcmp(names[i], full))
			return true;
	return !n;
}

static void run(const struct test *test)
{
	core_setup();
	test->run();
}

static bool run_apart(const struct test *test)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid) {
		/* One that hangs fails. */
		alarm(test_param("TEST_TIMEOUT", 600));
		run(test);
		fflush(stdout);
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		test_note("killed by signal %d", WTERMSIG(status));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	const struct test_group *group;
	const struct test *test;
	bool list = false, apart = true;
	int option, number = 0, failed = 0;

	while ((option = getopt(argc, argv, "ln")) != -1) {
		if (option == 'l')
			list = true;
		else if (option == 'n')
			apart = false;
		else
			return 2;
	}
	argv += optind;
	argc -= optind;

	for (group = groups; group->name; group++)
		for (test = group->tests; test->name; test++)
			number += selected(group, test, argv, argc);
	if (!list)
		printf("TAP version 13\n1..%d\n", number);
	number = 0;

	for (group = groups; group->name; group++) {
		for (test = group->tests; test->name; test++) {
			struct timespec begin, end;
			bool ok = true;

			if (!selected(group, test, argv, argc))
				continue;
			if (list) {
				printf("%s.%s\n", group->name, test->name);
				continue;
			}
			clock_gettime(CLOCK_MONOTONIC, &begin);
			if (apart)
				ok = run_apart(test);
			else
				run(test);
			clock_gettime(CLOCK_MONOTONIC, &end);
			printf("%sok %d - %s.%s # %.1f s\n", ok ? "" : "not ", ++number,
			       group->name, test->name,
			       end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9);
			fflush(stdout);
			failed += !ok;
		}
	}
	return failed ? 1 : 0;
}

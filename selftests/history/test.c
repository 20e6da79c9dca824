// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the checker. Output is TAP.
 *
 * SEED=N repeats a run, ROUNDS=N makes the random ones longer.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cases.h"
#include "test.h"

/* Clients, at most. */
#define FEW	6

static unsigned int number, failed;

static void tell(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++number, name);
	failed += !good;
}

static void parse(struct history *h, const char *text)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int line;

	history_begin(h);
	if (!f)
		return;
	line = history_read(h, f);
	fclose(f);
	if (line) {
		fprintf(stderr, "line %d is none of a history:\n%s", line, text);
		abort();
	}
}

static void test_cases(void)
{
	struct history_verdict v, again;
	char *text, *report;
	struct history h;
	size_t size;
	FILE *f;
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(&h, cases[i].text);
		f = open_memstream(&report, &size);
		v = history_check(&h, f);
		fclose(f);
		/* As text and back again it is the same. */
		f = open_memstream(&text, &size);
		history_write(&h, f);
		fclose(f);
		history_end(&h);
		parse(&h, text);
		again = history_check(&h, NULL);
		history_end(&h);
		tell(v.anomaly == cases[i].anomaly && again.anomaly == v.anomaly &&
		     !v.undecided, cases[i].name);
		if (v.anomaly != cases[i].anomaly)
			printf("# %s, not %s\n%s", history_anomaly(v.anomaly),
			       history_anomaly(cases[i].anomaly), report);
		free(text);
		free(report);
	}
}

/* As in docstore_test.h, which is for the kernel. */
__u64 random_next(struct random *r)
{
	__u64 z = r->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

__u32 random_below(struct random *r, __u32 n)
{
	return (random_next(r) >> 32) % n;
}

static unsigned int env(const char *name, unsigned int otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoul(s, NULL, 0) : otherwise;
}

static void dump(const struct history *h, const char *what)
{
	FILE *f;

	if (h->nops > 60) {
		f = fopen("build/failed.history", "we");
		if (f) {
			history_write(h, f);
			fclose(f);
			printf("# %s: it is in build/failed.history\n", what);
		}
		return;
	}
	printf("# %s:\n", what);
	history_write(h, stdout);
}

/*
 * What a store that works has answered is good. Each eighth history is a long one. In a
 * crowd that wants few documents most of what is seen can be understood in many ways.
 */
static void test_good(struct random *r, unsigned int rounds, __u32 clients, __u32 documents,
		      __u32 operations, __u32 longest, const char *name)
{
	unsigned int i, undecided = 0;
	struct history_verdict v;
	struct history h;
	bool good = true;

	for (i = 0; i < rounds && good; i++) {
		simulate(&h, r, clients, 1 + random_below(r, documents),
			 i % 8 ? operations : longest);
		v = history_check(&h, stdout);
		undecided += v.undecided;
		if (v.findings) {
			good = false;
			dump(&h, "this is a good one");
		}
		history_end(&h);
	}
	tell(good, name);
	tell(!undecided, "and all of it is decided");
}

static bool in_doubt(const struct history *h)
{
	__u32 i;

	for (i = 0; i < h->nops; i++) {
		if (h->ops[i].state == HISTORY_UNKNOWN && h->ops[i].kind <= HISTORY_EACH)
			return true;
	}
	return false;
}

/*
 * One fault in it, and it is not. Where somebody was killed, what he may have done can
 * be a reason for it, if seldom.
 */
static void test_faults(struct random *r, unsigned int rounds)
{
	unsigned int i, f, done, missed;
	struct history_verdict v;
	struct history h;
	char name[100];
	bool good;

	for (f = 0; f < FAULTS; f++) {
		good = true;
		done = 0;
		missed = 0;
		for (i = 0; i < rounds && good; i++) {
			simulate(&h, r, FEW, 2 + random_below(r, 4), 300);
			if (inject(&h, r, f)) {
				done++;
				v = history_check(&h, NULL);
				if (!v.findings && in_doubt(&h)) {
					missed++;
				} else if (!v.findings) {
					good = false;
					dump(&h, "there is a fault in it");
				}
			}
			history_end(&h);
		}
		snprintf(name, sizeof(name), "a fault: %s (%u times, %u of them in doubt)",
			 fault_names[f], done, missed);
		tell(good && done > rounds / 20 && missed <= 2 + done / 50, name);
	}
}

/*
 * Of small ones, whatever is in them, it is known by trying all orders. Where somebody
 * was killed, the checker may take what is bad for good, if it can't tell who wrote
 * what; not often.
 */
static void test_all_orders(struct random *r, unsigned int rounds)
{
	unsigned int i, bad = 0, undecided = 0, missed = 0;
	struct history_verdict v;
	bool good = true, right;
	struct history h;
	char name[80];

	for (i = 0; i < rounds && good; i++) {
		simulate(&h, r, FEW, 1 + random_below(r, 4), 2 + random_below(r, 9));
		garble(&h, r);
		right = any_order(&h);
		v = history_check(&h, NULL);
		if (v.undecided)
			undecided++;
		else if (!right && !v.findings && in_doubt(&h))
			missed++;
		else if (right != !v.findings) {
			good = false;
			dump(&h, right ? "there is an order for it" : "there is no order for it");
			history_check(&h, stdout);
		}
		bad += !right;
		history_end(&h);
	}
	snprintf(name, sizeof(name), "as by trying all orders (%u of %u are bad)", bad, i);
	tell(good, name);
	tell(bad > i / 10 && bad < i - i / 10, "some of them are bad, some are good");
	tell(!undecided, "and all of them are decided");
	snprintf(name, sizeof(name), "%u are taken for good because of who was killed", missed);
	tell(missed <= bad / 50, name);
}

/* It takes no time that grows faster than the history. */
static void test_large(struct random *r)
{
	struct history_verdict v;
	struct timespec a, b;
	struct history h;
	double seconds;
	char name[80];

	simulate(&h, r, FEW, 8, 100000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	v = history_check(&h, stdout);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	seconds = b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9;
	snprintf(name, sizeof(name), "100000 operations, %u documents in them: %.1f s of a processor", h.nitems,
		 seconds);
	if (v.findings || v.undecided)
		dump(&h, "this is a good one");
	tell(!v.findings && !v.undecided && seconds < 60, name);
	history_end(&h);
}

int main(void)
{
	struct random r = { .state = env("SEED", time(NULL)) };
	unsigned int rounds = env("ROUNDS", 100);

	printf("# SEED=%llu\n", (unsigned long long)r.state);
	test_cases();
	test_good(&r, rounds, FEW, 8, 300, 5000, "a store that works");
	test_good(&r, 20 * rounds, SIMULATE_CLIENTS, 5, 150, 150,
		  "a store that works, and a crowd that wants few documents of it");
	test_faults(&r, rounds);
	test_all_orders(&r, 100 * rounds);
	test_large(&r);
	printf("1..%u\n", number);
	return failed ? 1 : 0;
}

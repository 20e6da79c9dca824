// SPDX-License-Identifier: GPL-2.0
/*
 * Whether what the benchmark computes with is right: distributions, ids, values,
 * statistics. Speaks TAP.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "access.h"
#include "stats.h"
#include "value.h"
#include "zipf.h"

static unsigned int tests, failures;

static void ok(int good, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++tests, what);
	failures += !good;
}

static int near(double a, double b)
{
	return fabs(a - b) < 1e-9 * fabs(b) + 1e-12;
}

static void check_stats(void)
{
	double odd[] = { 3, 1, 2 }, even[] = { 4, 1, 3, 2 }, one[] = { 7 };
	static double many[1000];
	size_t i;

	stats_sort(odd, 3);
	stats_sort(even, 4);
	ok(near(odd[0], 1) && near(odd[1], 2) && near(odd[2], 3), "sorted");
	ok(near(stats_median(odd, 3), 2), "median of an odd number");
	ok(near(stats_median(even, 4), 2.5), "median of an even number");
	ok(near(stats_median(one, 1), 7) && near(stats_quantile(one, 1, 0.999), 7),
	   "of a single value");
	for (i = 0; i < 1000; i++)
		many[i] = (double)(1000 - i);
	stats_sort(many, 1000);
	ok(near(stats_quantile(many, 1000, 0.99), 990) &&
	   near(stats_quantile(many, 1000, 0.999), 999) &&
	   near(stats_quantile(many, 1000, 1), 1000) &&
	   near(stats_quantile(many, 1000, 0), 1), "quantiles");
}

static void check_scramble(uint32_t n)
{
	unsigned char *seen = calloc(n, 1);
	uint32_t i, far = 0, last = 0, x;
	int good = 1;

	for (i = 0; i < n; i++) {
		x = scramble(i, n);
		good &= x < n && !seen[x];
		if (x < n)
			seen[x] = 1;
		far += i && (x > last ? x - last : last - x) > n / 100;
		last = x;
	}
	ok(good, "scrambling is a permutation");
	ok(n < 1000 || far > n - n / 20, "that spreads neighbours");
	free(seen);
}

/*
 * Chi-square over ranks with enough expected draws, and one class for the rest;
 * a wrong exponent, or an approximation, is off by far more than 5 deviations.
 */
static void check_zipf(uint32_t n, double s, uint32_t draws)
{
	struct random random = { .state = n };
	double total = 0, chi = 0, rest_p = 1, expected;
	uint32_t *count = calloc(n + 2UL, sizeof(*count));
	uint32_t i, k, classes = 0, rest = draws;
	struct zipf zipf;
	char what[80];

	zipf_init(&zipf, n, s);
	for (i = 0; i < draws; i++) {
		k = zipf_rank(&zipf, &random);
		count[k <= n ? k : n + 1]++;
	}
	for (k = 1; k <= n; k++)
		total += pow(k, -s);
	for (k = 1; k <= n; k++) {
		expected = draws * pow(k, -s) / total;
		if (expected < 20)
			break;
		chi += (count[k] - expected) * (count[k] - expected) / expected;
		rest_p -= expected / draws;
		rest -= count[k];
		classes++;
	}
	expected = rest_p * draws;
	if (expected >= 20) {
		chi += (rest - expected) * (rest - expected) / expected;
		classes++;
	}
	snprintf(what, sizeof(what), "zipf %g of %u: chi-square %.1f in %u classes",
		 s, n, chi, classes);
	ok(!count[0] && !count[n + 1] &&
	   fabs(chi - (classes - 1)) < 5 * sqrt(2.0 * classes) + 5, what);
	free(count);
}

static void check_uniform(void)
{
	enum { CLASSES = 100, DRAWS = 1000000 };
	const double mean = DRAWS / CLASSES;
	uint32_t count[CLASSES] = { 0 }, i;
	struct sequence s;
	double chi = 0;

	if (sequence_make(&s, UNIFORM, CLASSES, DRAWS, 1)) {
		ok(0, "a sequence");
		return;
	}
	for (i = 0; i < DRAWS; i++)
		count[s.accesses[i].number % CLASSES]++;
	for (i = 0; i < CLASSES; i++)
		chi += pow((double)count[i] - mean, 2) / mean;
	ok(fabs(chi - (CLASSES - 1)) < 5 * sqrt(2.0 * CLASSES), "uniform");
	ok(!memcmp(s.accesses + DRAWS, s.accesses,
		   BENCH_MAX_BATCH * sizeof(*s.accesses)),
	   "a sequence is followed by its beginning");
}

static int by_id(const void *a, const void *b)
{
	const struct bench_access *x = a, *y = b;

	return memcmp(x->id, y->id, sizeof(x->id));
}

static void check_ids(void)
{
	enum { IDS = 200000 };
	struct bench_access *a = calloc(IDS, sizeof(*a));
	uint32_t lengths[BENCH_MAX_ID + 1] = { 0 }, i;
	int good = 1, same = 0;

	for (i = 0; i < IDS; i++) {
		access_make(&a[i], i);
		good &= a[i].id_len >= BENCH_MIN_ID && a[i].id_len <= BENCH_MAX_ID &&
			strnlen(a[i].id, BENCH_MAX_ID) == a[i].id_len;
		lengths[a[i].id_len % (BENCH_MAX_ID + 1)]++;
	}
	qsort(a, IDS, sizeof(*a), by_id);
	for (i = 1; i < IDS; i++)
		same += !by_id(&a[i - 1], &a[i]);
	ok(good, "ids are 16 to 24 bytes, then zeros");
	ok(!same, "ids differ");
	for (i = BENCH_MIN_ID; i <= BENCH_MAX_ID; i++)
		good &= lengths[i] > IDS / 9 * 9 / 10;
	ok(good, "each length is as frequent");
	free(a);
}

static void check_values(size_t len)
{
	struct bench_value value;
	char old[64], new[64];
	uint32_t stamp;
	size_t i;
	int good = 1;

	value_fill(old, len);
	value_fill(new, len);
	value_stamp(old, len, 12345, 7);
	value_stamp(new, len, 12345, 8);
	value.data = new;
	value.len = len;
	ok(!value_check(&value, len, 12345, &stamp) && stamp == 8, "a good value");
	ok(value_check(&value, len, 12346, &stamp), "one of another document");
	value.len--;
	ok(value_check(&value, len, 12345, &stamp), "a short one");
	value.len++;
	/* Torn between words; what lies between the ends is all the same. */
	for (i = 8; i <= len - 8; i += 8) {
		memcpy(new, old, i);
		good &= !!value_check(&value, len, 12345, &stamp);
		value_stamp(new, len, 12345, 8);
	}
	ok(good, "torn ones");
}

int main(void)
{
	check_stats();
	check_scramble(1);
	check_scramble(1000);
	check_scramble(1 << 16);
	check_scramble(100003);
	check_zipf(10, ZIPF_EXPONENT, 1000000);
	check_zipf(1000, ZIPF_EXPONENT, 3000000);
	check_zipf(1000000, ZIPF_EXPONENT, 3000000);
	check_zipf(1000, 1, 1000000);
	check_zipf(1000, 2, 1000000);
	check_uniform();
	check_ids();
	check_values(16);
	check_values(64);
	printf("1..%u\n", tests);
	return failures != 0;
}

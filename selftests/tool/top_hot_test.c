// SPDX-License-Identifier: GPL-2.0
/* docstore(1): top: the hottest documents of a store that can be mapped, part by part. */
#include "lib_both.h"
#include "top.h"

#define NAME		"top-hot-test"
#define DOCS		3000
#define HEAT		3000
#define PART		500

static struct top_store_sample one;
static struct top_sample sample = { .stores = &one, .store_count = 1 };
static struct top_hot hot;

/* What is shown; true if @id is the hottest of all that are. */
static bool shows(const char *id, struct top_view *view)
{
	memset(view, 0, sizeof(*view));
	top_hot_show(&hot, view);
	return view->hot_count && view->hot[0].id_len == strlen(id) &&
	       !memcmp(view->hot[0].id, id, strlen(id));
}

static void prepare(void)
{
	char id[16];
	int i;

	for (i = 0; i < DOCS; i++) {
		snprintf(id, sizeof(id), "s%d", i);
		put_n(id, i);
	}
	for (i = 0; i < HEAT; i++)
		put_n("s77", i);
	strcpy(one.stats.name, NAME);
	one.stats.counters.documents = DOCS;
}

/* A pass over all, in parts; what its end has found is @view. Returns how many it took. */
static unsigned int look_through(struct top_view *view, bool *grows)
{
	unsigned int rounds = 0;
	double share = 0;

	*grows = true;
	do {
		top_hot_look(&hot, &sample, 1000, PART);
		shows("", view);
		*grows &= view->hot_share > share && view->hot_share <= 1;
		share = view->hot_share;
		if (share < 1)
			top_view_free(view);
	} while (++rounds < 100 && share < 1);
	return rounds;
}

static void test_parts(void)
{
	struct top_view view;
	unsigned int rounds;
	bool grows;

	top_hot_look(&hot, &sample, 0, UINT64_MAX);
	ok(!shows("s77", &view) && !view.hot_count && view.hot_share < 1e-9,
	   "without time nothing is seen");
	top_view_free(&view);
	top_hot_look(&hot, &sample, 1000, 0);
	ok(!shows("s77", &view) && view.hot_share < 1e-9, "nor without documents");
	top_view_free(&view);
	rounds = look_through(&view, &grows);
	top_view_free(&view);
	/* What is met last does not yet say that it was the last one. */
	top_hot_look(&hot, &sample, 1000, PART);
	ok(grows && rounds == DOCS / PART && shows("s77", &view),
	   "it goes on where it ended (%u rounds)", rounds);
	ok(view.hot[0].rate > 0 && view.hot[0].deltas == HEAT + 1 && !view.hot_unmapped &&
	   !strcmp(view.hot[0].store, NAME), "the hottest document");
	ok(view.hot_seconds > 0, "it took more than one round");
	top_view_free(&view);
}

static void test_short(void)
{
	struct top_view view;
	int i;

	/* What the clock stops goes on, too. */
	for (i = 0; i < 1000; i++)
		top_hot_look(&hot, &sample, 1e-6, UINT64_MAX);
	ok(shows("s77", &view), "in rounds that are too short");
	top_view_free(&view);
}

static void test_once(void)
{
	struct top_view view;

	top_hot_free(&hot);
	top_hot_look(&hot, &sample, 1000, UINT64_MAX);
	ok(shows("s77", &view) && view.hot_share > 1 - 1e-9 && view.hot_seconds < 1e-9,
	   "a small store in one round");

	top_view_free(&view);
	ds_delete(asked, ds_str("s77"), NULL);
	top_hot_look(&hot, &sample, 1000, UINT64_MAX);
	ok(!shows("s77", &view), "one that is deleted is gone");
	top_view_free(&view);
	one.info.incarnation = 99;
	top_hot_look(&hot, &sample, 1000, UINT64_MAX);
	ok(!shows("s77", &view) && !view.hot_count && !view.hot_unmapped,
	   "another store under its name is not taken for it");
	top_view_free(&view);
	top_hot_free(&hot);
}

int main(void)
{
	both_begin(NAME);
	prepare();
	test_parts();
	test_short();
	test_once();
	return both_end(NAME);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * docstore(1): top: the hottest documents, out of the mappings of stores.
 *
 * To find them all documents have to be looked at, and that takes as long as it takes. So
 * each round looks at a part of them, and the next one goes on where it ended. What was
 * found in the pass before stays until the document is met again, or this pass is over.
 */
#include <stdlib.h>

#include <linux/docstore_map.h>

#include "tool.h"
#include "top.h"

/* After so many documents it looks at the clock. */
#define STEP	256
/* So many stores are open at once, at most, to go on with them in the next round. */
#define OPEN	64

/**
 * struct hot_list - the hottest documents of a store, the hottest first
 * @docs: these
 * @count: how many; TOP_HOT at most
 * @room: for how many there is room
 */
struct hot_list {
	struct top_hot_doc *docs;
	size_t count;
	size_t room;
};

/**
 * struct top_hot_store - a store, and how far it was looked through
 * @name: its name
 * @incarnation: which of those that have had the name
 * @documents: how many it has
 * @listed: it is still there
 * @mapped: it can be mapped, as far as is known
 * @store: the store, while it is looked through
 * @states: likewise
 * @finished: it was looked through in this round
 * @rounds: how many rounds this pass has taken until now
 * @seen: documents that it has met
 * @began: when it began
 * @known: there was a pass that came to its end
 * @seconds: what that took if it took more than one round, else 0
 * @present: what this pass has found
 * @previous: what the one before has, without those that this one has met
 */
struct top_hot_store {
	char name[DOCSTORE_STORE_NAME_SIZE];
	uint64_t incarnation;
	uint64_t documents;
	bool listed;
	bool mapped;
	struct ds_store *store;
	struct ds_states *states;
	bool finished;
	unsigned int rounds;
	uint64_t seen;
	double began;
	bool known;
	double seconds;
	struct hot_list present;
	struct hot_list previous;
};

/* --- what was found ----------------------------------------------------------------- */

/* The hottest first; of equals the one with more deltas, then by id. */
static int compare_docs(const struct top_hot_doc *a, const struct top_hot_doc *b)
{
	size_t len = a->id_len < b->id_len ? a->id_len : b->id_len;
	int order;

	if (a->rate != b->rate)
		return a->rate > b->rate ? -1 : 1;
	if (a->deltas != b->deltas)
		return a->deltas > b->deltas ? -1 : 1;
	order = memcmp(a->id, b->id, len);
	return order ? order : (int)a->id_len - (int)b->id_len;
}

static void list_add(struct hot_list *list, const struct top_hot_doc *doc)
{
	size_t i;

	if (list->count == TOP_HOT) {
		if (compare_docs(doc, &list->docs[TOP_HOT - 1]) >= 0)
			return;
		list->count--;
	} else if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 4;
		list->docs = xrealloc(list->docs, list->room, sizeof(*list->docs));
	}
	for (i = list->count; i && compare_docs(doc, &list->docs[i - 1]) < 0; i--)
		;
	memmove(&list->docs[i + 1], &list->docs[i], (list->count - i) * sizeof(*doc));
	list->docs[i] = *doc;
	list->count++;
}

static void list_remove(struct hot_list *list, struct ds_str id)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (list->docs[i].id_len != id.len || memcmp(list->docs[i].id, id.data, id.len))
			continue;
		list->count--;
		memmove(&list->docs[i], &list->docs[i + 1],
			(list->count - i) * sizeof(list->docs[0]));
		return;
	}
}

static void list_free(struct hot_list *list)
{
	free(list->docs);
	memset(list, 0, sizeof(*list));
}

void top_hot_begin(struct top_hot_store *s, double at)
{
	s->seen = 0;
	s->rounds = 0;
	s->began = at;
}

void top_hot_add(struct top_hot_store *s, const struct ds_doc_state *state)
{
	struct top_hot_doc doc = {
		.store = s->name,
		.rate = state->rate,
		.more = state->heat == DOCSTORE_STATE_HEAT_MASK,
		.pattern = state->pattern,
		.deltas = state->deltas,
		.id_len = (unsigned char)state->id.len,
	};

	s->seen += !state->deleted;
	/* It is as it is now, or not there any more. */
	list_remove(&s->previous, state->id);
	if (!state->heat || state->deleted)
		return;
	memcpy(doc.id, state->id.data, state->id.len);
	list_add(&s->present, &doc);
}

/* All of it was seen: what was not met in this pass is not there any more. */
void top_hot_end(struct top_hot_store *s, double at)
{
	struct hot_list old = s->previous;

	s->previous = s->present;
	s->present = old;
	s->present.count = 0;
	s->seconds = s->rounds > 1 ? at - s->began : 0;
	s->known = true;
	s->finished = true;
}

/* --- stores ------------------------------------------------------------------------- */

static void store_close(struct top_hot_store *s)
{
	ds_states_free(s->states);
	ds_close(s->store);
	s->states = NULL;
	s->store = NULL;
}

static void store_free(struct top_hot_store *s)
{
	store_close(s);
	list_free(&s->present);
	list_free(&s->previous);
	free(s);
}

/* The store of a sample; one that was made anew under its name is another one. */
struct top_hot_store *top_hot_store(struct top_hot *hot, const struct top_store_sample *sample)
{
	struct top_hot_store *s = NULL;
	size_t i;

	for (i = 0; i < hot->count && !s; i++)
		if (hot->stores[i]->incarnation == sample->info.incarnation)
			s = hot->stores[i];
	if (!s) {
		hot->stores = xrealloc(hot->stores, hot->count + 1, sizeof(*hot->stores));
		s = xrealloc(NULL, 1, sizeof(*s));
		hot->stores[hot->count++] = s;
		memset(s, 0, sizeof(*s));
		s->mapped = true;
		s->incarnation = sample->info.incarnation;
		memcpy(s->name, sample->stats.name, sizeof(s->name));
	}
	s->documents = sample->stats.counters.documents;
	s->listed = true;
	return s;
}

void top_hot_stores(struct top_hot *hot, const struct top_sample *sample)
{
	size_t i, n = 0;

	for (i = 0; i < hot->count; i++) {
		hot->stores[i]->listed = false;
		hot->stores[i]->finished = false;
	}
	for (i = 0; i < sample->store_count; i++)
		top_hot_store(hot, &sample->stores[i]);
	for (i = 0; i < hot->count; i++) {
		if (hot->stores[i]->listed)
			hot->stores[n++] = hot->stores[i];
		else
			store_free(hot->stores[i]);
	}
	hot->count = n;
}

/* --- looking ------------------------------------------------------------------------ */

/* Begin with a store; false if that is not possible, for now or at all. */
static bool store_open(struct top_hot_store *s)
{
	struct ds_open_opts opts = { .size = sizeof(opts), .flags = DS_OPEN_NO_HINTS };
	struct docstore_store_info info = { .size = sizeof(info) };
	int err;

	if (!s->mapped || ds_open(s->name, DOCSTORE_OPEN_READ, &opts, &s->store))
		return false;
	err = ds_store_info(s->store, &info);
	/* Removed since it was listed, and made anew. */
	if (!err && info.incarnation != s->incarnation)
		err = -ENOENT;
	if (!err)
		err = ds_states_new(s->store, NULL, &s->states);
	if (err) {
		s->mapped = err != -EOPNOTSUPP;
		store_close(s);
		return false;
	}
	top_hot_begin(s, now());
	return true;
}

/* Go on until it is time to end, or for so many documents, of which it takes its part. */
static void store_look(struct top_hot_store *s, double until, uint64_t *documents)
{
	struct ds_doc_state state = { .size = sizeof(state) };
	unsigned int n = 0;

	s->rounds++;
	while (*documents) {
		if (ds_states_next(s->states, &state) <= 0) {
			store_close(s);
			top_hot_end(s, now());
			return;
		}
		top_hot_add(s, &state);
		--*documents;
		if (++n % STEP == 0 && now() >= until)
			return;
	}
}

static size_t open_stores(const struct top_hot *hot)
{
	size_t i, n = 0;

	for (i = 0; i < hot->count; i++)
		n += hot->stores[i]->store != NULL;
	return n;
}

/* Each store has its share of the time; what small ones leave is for those behind them. */
static void look_once(struct top_hot *hot, double end, uint64_t *documents)
{
	size_t left = hot->count, open = open_stores(hot), i;

	for (i = 0; i < hot->count && *documents; i++, left--) {
		struct top_hot_store *s = hot->stores[(hot->first + i) % hot->count];
		uint64_t most = *documents / left ? *documents / left : 1, part = most;
		double at = now();

		if (at >= end)
			break;
		if (s->finished)
			continue;
		if (!s->store) {
			if (open == OPEN || !store_open(s))
				continue;
			open++;
		}
		store_look(s, at + (end - at) / (double)left, &part);
		*documents -= most - part;
		open -= !s->store;
	}
	/* The next round begins with the one that had no turn, or a later one than this. */
	if (hot->count)
		hot->first = (hot->first + (i && i < hot->count ? i : 1)) % hot->count;
}

void top_hot_look(struct top_hot *hot, const struct top_sample *sample, double seconds,
		  uint64_t documents)
{
	double end = now() + seconds;

	top_hot_stores(hot, sample);
	look_once(hot, end, &documents);
	/* What all have left is for those that are large. */
	look_once(hot, end, &documents);
}

double top_hot_seconds(double interval)
{
	return interval / 10 < 0.1 ? interval / 10 : 0.1;
}

/* --- what is shown -------------------------------------------------------------------- */

static int compare_shown(const void *a, const void *b)
{
	const struct top_hot_doc *p = a, *q = b;
	int order = compare_docs(p, q);

	return order ? order : strcmp(p->store, q->store);
}

static void show_list(struct top_view *view, const struct hot_list *list)
{
	if (!list->count)
		return;
	view->hot = xrealloc(view->hot, view->hot_count + list->count, sizeof(*view->hot));
	memcpy(view->hot + view->hot_count, list->docs, list->count * sizeof(*view->hot));
	view->hot_count += list->count;
}

void top_hot_show(const struct top_hot *hot, struct top_view *view)
{
	uint64_t all = 0, seen = 0;
	size_t i;

	for (i = 0; i < hot->count; i++) {
		const struct top_hot_store *s = hot->stores[i];

		if (!s->mapped) {
			view->hot_unmapped++;
			continue;
		}
		all += s->documents;
		seen += s->known || s->seen > s->documents ? s->documents : s->seen;
		if (s->seconds > view->hot_seconds)
			view->hot_seconds = s->seconds;
		show_list(view, &s->present);
		show_list(view, &s->previous);
	}
	view->hot_share = all ? (double)seen / (double)all : 1;
	if (view->hot_count)
		qsort(view->hot, view->hot_count, sizeof(*view->hot), compare_shown);
	if (view->hot_count > TOP_HOT)
		view->hot_count = TOP_HOT;
}

void top_hot_free(struct top_hot *hot)
{
	size_t i;

	for (i = 0; i < hot->count; i++)
		store_free(hot->stores[i]);
	free(hot->stores);
	memset(hot, 0, sizeof(*hot));
}

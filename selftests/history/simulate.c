// SPDX-License-Identifier: GPL-2.0
/*
 * A store that keeps its promises, and clients of it: histories that are good.
 *
 * Each step of one client, or of a batch that becomes visible in one partition after
 * the other, is one step of the simulation.
 */
#include <stdlib.h>
#include <string.h>

#include "test.h"

#define DOCUMENTS	16
#define ITEMS		6
#define SNAPSHOTS	3

struct document {
	__u64 version;			/* also of a deletion */
	bool there;
	__u64 tag;
	__s64 n;
};

enum phase { IDLE, CALLED, HOLDS, DONE };

struct client {
	enum phase phase;
	struct history_op op;
	struct history_item items[ITEMS];
	__u32 count, next;		/* items, and the next one to be done */
	bool killed, nothing, forgotten;
	struct document after[ITEMS];	/* what a batch makes of its documents */
	bool made[ITEMS];
	struct {
		__u64 number;
		struct document documents[DOCUMENTS];
	} snapshots[SNAPSHOTS];
	__u32 nsnapshots;
};

struct simulation {
	struct history *h;
	struct random *r;
	__u64 now, tags, snapshots;
	struct document documents[DOCUMENTS];
	int holder;			/* the client whose batch becomes visible, or -1 */
	__u32 held;			/* partitions, as bits */
	__u64 floor[32];		/* of each partition, the highest that was deleted */
	struct client clients[SIMULATE_CLIENTS];
};

static bool chance(struct simulation *s, __u32 percent)
{
	return random_below(s->r, 100) < percent;
}

static __u32 partition(const struct simulation *s, const struct history_item *item)
{
	return s->h->partitions[item->document];
}

/* What clients want ------------------------------------------------------- */

static void choose_condition(struct simulation *s, struct history_item *item)
{
	const struct document *d = &s->documents[item->document];

	item->condition = 0;
	if (item->what != HISTORY_CHECK && !chance(s, 30))
		return;
	if (item->what == HISTORY_CHECK || chance(s, 60)) {
		item->condition = HISTORY_IF_VERSION;
		item->if_version = d->there ? d->version : 0;
		if (chance(s, 10))
			item->if_version = random_below(s->r, 5);
	} else {
		item->condition = (d->there != chance(s, 20)) ? HISTORY_IF_EXISTS :
							       HISTORY_IF_ABSENT;
	}
}

static void choose_items(struct simulation *s, struct client *c, bool write, __u32 most)
{
	__u32 used = 0, n = 1 + random_below(s->r, most), i, k;
	struct history_item *item;

	c->count = 0;
	for (i = 0; i < n; i++) {
		k = random_below(s->r, s->h->documents);
		if (used & 1U << k)
			continue;
		used |= 1U << k;
		item = &c->items[c->count++];
		memset(item, 0, sizeof(*item));
		item->document = k;
		if (!write)
			continue;
		k = random_below(s->r, 100);
		item->what = k < 30 ? HISTORY_SET : k < 65 ? HISTORY_ADD : k < 75 ?
			     HISTORY_DELETE : k < 95 ? HISTORY_CHECK : HISTORY_GET;
		item->value = random_below(s->r, 1000);
		if (item->what != HISTORY_GET)
			choose_condition(s, item);
	}
}

static void call(struct simulation *s, struct client *c)
{
	__u32 k = random_below(s->r, 100), most = s->h->documents < 5 ? s->h->documents : 5;

	memset(&c->op, 0, sizeof(c->op));
	c->op.client = c - s->clients;
	c->op.begin = s->now;
	c->phase = CALLED;
	c->count = 0;
	c->next = 0;
	c->killed = chance(s, 5);
	c->nothing = c->killed && chance(s, 50);
	c->forgotten = c->killed && chance(s, 30);
	if (k < 30) {
		c->op.kind = HISTORY_BATCH;
		choose_items(s, c, true, most);
	} else if (k < 55) {
		c->op.kind = HISTORY_EACH;
		choose_items(s, c, true, 2);
	} else if (k < 75) {
		c->op.kind = HISTORY_READ;
		choose_items(s, c, false, 3);
	} else if (k < 85) {
		c->op.kind = HISTORY_TOGETHER;
		choose_items(s, c, false, most);
	} else if (k < 90 || !c->nsnapshots) {
		c->op.kind = HISTORY_SNAPSHOT;
		c->op.number = ++s->snapshots;
	} else {
		c->op.kind = HISTORY_ON;
		choose_items(s, c, false, most);
	}
	if (c->op.kind <= HISTORY_EACH)
		c->op.number = ++s->tags;
	if (c->op.kind <= HISTORY_EACH && !c->killed && chance(s, 2)) {
		c->op.state = HISTORY_FAILED;
		c->nothing = true;
	}
}

/* What the store does ----------------------------------------------------- */

static void get(struct history_item *item, const struct document *d)
{
	item->result = d->there ? HISTORY_OK : HISTORY_NOENT;
	if (!d->there)
		return;
	item->version = d->version;
	item->tag = d->tag;
	item->n = d->n;
}

/* Why it cannot be done, or HISTORY_OK. */
static int refuse(const struct history_item *item, const struct document *d)
{
	switch (item->condition) {
	case HISTORY_IF_EXISTS:
		if (!d->there)
			return HISTORY_NOENT;
		break;
	case HISTORY_IF_ABSENT:
		if (d->there)
			return HISTORY_EXIST;
		break;
	case HISTORY_IF_VERSION:
		if (item->if_version != (d->there ? d->version : 0))
			return HISTORY_STALE;
		break;
	}
	if ((item->what == HISTORY_DELETE || item->what == HISTORY_GET) && !d->there)
		return HISTORY_NOENT;
	return HISTORY_OK;
}

/* What becomes of a document, and what the client is told. Is there a new version? */
static bool carry_out(struct simulation *s, __u64 tag, struct history_item *item,
		      struct document *d)
{
	__u64 *floor = &s->floor[partition(s, item)];

	if (item->what == HISTORY_GET) {
		get(item, d);
		return false;
	}
	if (item->what == HISTORY_CHECK) {
		item->version = d->there ? d->version : 0;
		return false;
	}
	/* Behind deletions numbers may leap. */
	if (!d->there && *floor > d->version && chance(s, 50))
		d->version = *floor;
	d->version++;
	if (item->what == HISTORY_SET || !d->there)
		d->n = 0;
	d->n += item->what == HISTORY_DELETE ? 0 : item->value;
	d->there = item->what != HISTORY_DELETE;
	d->tag = tag;
	if (!d->there && d->version > *floor)
		*floor = d->version;
	item->version = d->version;
	return true;
}

static void see(struct simulation *s, struct client *c)
{
	while (c->next < c->count) {
		get(&c->items[c->next], &s->documents[c->items[c->next].document]);
		c->next++;
		/* One by one, at different times. */
		if (c->op.kind == HISTORY_READ)
			break;
	}
	if (c->next == c->count)
		c->phase = DONE;
}

static void each(struct simulation *s, struct client *c)
{
	struct history_item *item = &c->items[c->next];
	struct document *d = &s->documents[item->document];

	if (s->held & 1U << partition(s, item))
		return;
	item->result = refuse(item, d);
	if (!item->result)
		carry_out(s, c->op.number, item, d);
	if (++c->next == c->count)
		c->phase = DONE;
}

/* Conditions are looked at, and what is new is built. */
static void prepare(struct simulation *s, struct client *c)
{
	__u32 touched = 0, i;
	bool bad = false;

	for (i = 0; i < c->count; i++)
		touched |= 1U << partition(s, &c->items[i]);
	if (touched & s->held || (touched & (touched - 1) && s->holder >= 0))
		return;
	for (i = 0; i < c->count; i++) {
		c->items[i].result = refuse(&c->items[i], &s->documents[c->items[i].document]);
		bad |= c->items[i].result != HISTORY_OK;
	}
	for (i = 0; i < c->count; i++) {
		if (bad && !c->items[i].result)
			c->items[i].result = HISTORY_CANCELED;
		/* What failed first is all that one hears, at times. */
		c->after[i] = s->documents[c->items[i].document];
		c->made[i] = !bad && carry_out(s, c->op.number, &c->items[i], &c->after[i]);
	}
	c->phase = bad ? DONE : HOLDS;
	if (!bad && touched & (touched - 1)) {
		s->holder = c - s->clients;
		s->held |= touched;
		return;
	}
	for (i = 0; i < c->count && !bad; i++)
		s->documents[c->items[i].document] = c->after[i];
	c->phase = DONE;
}

/* It becomes visible in one of its partitions; in the end they are given back. */
static void publish(struct simulation *s, struct client *c)
{
	__u32 i, p = ~0U;

	for (i = 0; i < c->count; i++) {
		if (!c->made[i] || (p != ~0U && partition(s, &c->items[i]) != p))
			continue;
		p = partition(s, &c->items[i]);
		s->documents[c->items[i].document] = c->after[i];
		c->made[i] = false;
	}
	if (p != ~0U)
		return;
	s->holder = -1;
	s->held = 0;
	c->phase = DONE;
}

static void take(struct simulation *s, struct client *c)
{
	__u32 k = c->nsnapshots < SNAPSHOTS ? c->nsnapshots++ : random_below(s->r, SNAPSHOTS);

	c->snapshots[k].number = c->op.number;
	memcpy(c->snapshots[k].documents, s->documents, sizeof(s->documents));
	c->phase = DONE;
}

static void on(struct simulation *s, struct client *c)
{
	__u32 k = random_below(s->r, c->nsnapshots), i;

	c->op.number = c->snapshots[k].number;
	for (i = 0; i < c->count; i++)
		get(&c->items[i], &c->snapshots[k].documents[c->items[i].document]);
	c->phase = DONE;
}

static void answer(struct simulation *s, struct client *c)
{
	__u32 i;

	c->phase = IDLE;
	c->op.end = s->now;
	if (c->killed) {
		if (c->op.kind == HISTORY_SNAPSHOT)
			c->nsnapshots = 0;
		c->op.state = HISTORY_UNKNOWN;
		if (c->forgotten)
			c->op.end = HISTORY_NEVER;
	}
	history_add_op(s->h, &c->op);
	for (i = 0; i < c->count; i++)
		history_add_item(s->h, &c->items[i]);
}

static void step(struct simulation *s, struct client *c)
{
	s->now += random_below(s->r, 10);
	switch (c->phase) {
	case IDLE:
		call(s, c);
		break;
	case CALLED:
		if (c->nothing)
			c->phase = DONE;
		else if (c->op.kind == HISTORY_BATCH)
			prepare(s, c);
		else if (c->op.kind == HISTORY_EACH)
			each(s, c);
		else if (c->op.kind == HISTORY_READ)
			see(s, c);
		else if (c->op.kind == HISTORY_ON)
			on(s, c);
		else if (s->holder >= 0)
			break;
		else if (c->op.kind == HISTORY_TOGETHER)
			see(s, c);
		else
			take(s, c);
		break;
	case HOLDS:
		publish(s, c);
		break;
	case DONE:
		answer(s, c);
		break;
	}
}

void simulate(struct history *h, struct random *r, __u32 most, __u32 documents,
	      __u32 operations)
{
	struct simulation *s = calloc(1, sizeof(*s));
	__u32 i, clients = 1 + random_below(r, most), partitions = 1 + random_below(r, 4);
	struct history_op op = { .kind = HISTORY_TOGETHER };
	struct history_item item;
	char name[16];

	if (!s || most > SIMULATE_CLIENTS)
		abort();
	history_begin(h);
	for (i = 0; i < documents; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		history_document(h, name, random_below(r, partitions));
	}
	s->h = h;
	s->r = r;
	s->now = 10;
	s->holder = -1;
	while (h->nops < operations)
		step(s, &s->clients[random_below(r, clients)]);
	/* Everybody is answered; then one looks at everything. */
	for (i = 0; i < clients; i++) {
		while (s->clients[i].phase != IDLE)
			step(s, s->holder >= 0 ? &s->clients[s->holder] : &s->clients[i]);
	}
	if (random_below(r, 2)) {
		op.begin = s->now + 10;
		op.end = s->now + 20;
		history_add_op(h, &op);
		for (i = 0; i < documents; i++) {
			memset(&item, 0, sizeof(item));
			item.document = i;
			get(&item, &s->documents[i]);
			history_add_item(h, &item);
		}
	}
	free(s);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Faults to be put into a history that is good. Each of them looks for a place where it
 * is certain that the history is bad then, whatever else is in it.
 */
#include <stdlib.h>
#include <string.h>

#include "test.h"

#define X(name, text) [FAULT_##name] = text,
const char * const fault_names[FAULTS] = { FAULT_LIST(X) };
#undef X

struct view {
	struct history *h;
	struct random *r;
	__u32 *op;			/* of each item */
};

static struct history_op *op_of(const struct view *v, __u32 item)
{
	return &v->h->ops[v->op[item]];
}

/* When it was asked for: of what is seen on a snapshot, when that was taken. */
static const struct history_op *taken(const struct view *v, __u32 item)
{
	const struct history_op *op = op_of(v, item), *s;

	if (op->kind != HISTORY_ON)
		return op;
	for (s = v->h->ops; s->kind != HISTORY_SNAPSHOT || s->number != op->number; s++)
		;
	return s;
}

/* A write that was answered. */
static bool wrote(const struct view *v, __u32 i)
{
	return history_writes(&v->h->items[i]) && !v->h->items[i].result &&
	       op_of(v, i)->state == HISTORY_DONE;
}

static bool got(const struct view *v, __u32 i)
{
	return v->h->items[i].what == HISTORY_GET && !v->h->items[i].result &&
	       op_of(v, i)->state == HISTORY_DONE && op_of(v, i)->kind > HISTORY_EACH;
}

/* Were all writes of a document answered? */
static bool certain(const struct view *v, __u32 document)
{
	__u32 i;

	for (i = 0; i < v->h->nitems; i++) {
		if (v->h->items[i].document == document && history_writes(&v->h->items[i]) &&
		    op_of(v, i)->state == HISTORY_UNKNOWN)
			return false;
	}
	return true;
}

/* The write next to a version, or ~0U. */
static __u32 neighbour(const struct view *v, __u32 document, __u64 version, bool next)
{
	__u32 i, best = ~0U;

	for (i = 0; i < v->h->nitems; i++) {
		const struct history_item *item = &v->h->items[i];

		if (item->document != document || !wrote(v, i) ||
		    (next ? item->version <= version : item->version >= version))
			continue;
		if (best == ~0U || (next ? item->version < v->h->items[best].version :
				    item->version > v->h->items[best].version))
			best = i;
	}
	return best;
}

/* What a get would have seen of a version; false if nobody knows. */
static bool contents(const struct view *v, __u32 write, struct history_item *as)
{
	const struct history_item *w = &v->h->items[write];
	__u32 i;

	if (w->what == HISTORY_DELETE)
		return false;
	as->version = w->version;
	as->tag = op_of(v, write)->number;
	as->n = w->value;
	if (w->what == HISTORY_SET)
		return true;
	for (i = 0; i < v->h->nitems; i++) {
		if (got(v, i) && v->h->items[i].document == w->document &&
		    v->h->items[i].version == w->version) {
			as->n = v->h->items[i].n;
			return true;
		}
	}
	return false;
}

static bool stale(const struct view *v, __u32 i, bool snapshot)
{
	struct history_item *item = &v->h->items[i];
	__u32 old, next;

	if (!got(v, i) || (op_of(v, i)->kind == HISTORY_ON) != snapshot)
		return false;
	old = neighbour(v, item->document, item->version, false);
	if (old == ~0U)
		return false;
	next = neighbour(v, item->document, v->h->items[old].version, true);
	return next != ~0U && op_of(v, next)->end < taken(v, i)->begin &&
	       contents(v, old, item);
}

static bool absent(const struct view *v, __u32 i)
{
	struct history_item *item = &v->h->items[i];
	bool made = false;
	__u32 k;

	if (!got(v, i) || !certain(v, item->document))
		return false;
	for (k = 0; k < v->h->nitems; k++) {
		if (v->h->items[k].document != item->document || !wrote(v, k))
			continue;
		if (v->h->items[k].what == HISTORY_DELETE &&
		    op_of(v, k)->begin <= taken(v, i)->end)
			return false;
		if (op_of(v, k)->end < taken(v, i)->begin)
			made = true;
	}
	if (!made)
		return false;
	item->result = HISTORY_NOENT;
	item->version = 0;
	return true;
}

static bool atomic(const struct view *v, __u64 tag)
{
	__u32 i;

	for (i = 0; i < v->h->nops; i++) {
		if (v->h->ops[i].kind == HISTORY_BATCH && v->h->ops[i].number == tag)
			return true;
	}
	return false;
}

static bool half(const struct view *v, __u32 i)
{
	struct history_item *item = &v->h->items[i];
	__u32 k, old, kind = op_of(v, i)->kind;

	if (!got(v, i) || kind == HISTORY_READ)
		return false;
	for (k = op_of(v, i)->first; k < op_of(v, i)->first + op_of(v, i)->count; k++) {
		if (k == i || !got(v, k) || v->h->items[k].tag != item->tag)
			continue;
		old = neighbour(v, item->document, item->version, false);
		return atomic(v, item->tag) && old != ~0U && contents(v, old, item);
	}
	return false;
}

static bool future(const struct view *v, __u32 i)
{
	struct history_item *item = &v->h->items[i];
	__u32 next;

	if (!got(v, i))
		return false;
	next = neighbour(v, item->document, item->version, true);
	return next != ~0U && op_of(v, next)->begin > taken(v, i)->end &&
	       contents(v, next, item);
}

static bool of_version_before(const struct view *v, __u32 i)
{
	struct history_item *item = &v->h->items[i];
	__u64 version = item->version;
	__u32 old;

	if (!got(v, i))
		return false;
	old = neighbour(v, item->document, version, false);
	if (old == ~0U || !contents(v, old, item))
		return false;
	item->version = version;
	return true;
}

static bool lost(const struct view *v, __u32 i)
{
	struct history_item *item = &v->h->items[i];

	if (!got(v, i) || !certain(v, item->document))
		return false;
	item->n -= 1 + random_below(v->r, 100);
	return true;
}

static bool skipped(const struct view *v, __u32 i)
{
	__u32 document = v->h->items[i].document, k;
	__u64 version = v->h->items[i].version;
	struct history_item *item;

	if (!wrote(v, i) || v->h->items[i].what == HISTORY_DELETE || !certain(v, document) ||
	    neighbour(v, document, version, true) == ~0U)
		return false;
	for (k = 0; k < v->h->nitems; k++) {
		item = &v->h->items[k];
		if (item->document != document)
			continue;
		item->version += item->version > version;
		if (item->condition == HISTORY_IF_VERSION)
			item->if_version += item->if_version > version;
	}
	return true;
}

/* One more operation, while the document had a certain version all the time. */
static void look(const struct view *v, __u32 document, __u64 begin, __u8 kind, __u64 version,
		 __u8 result)
{
	struct history_op op = {
		.client = 99, .kind = kind, .begin = begin, .end = begin,
		.number = 1000000 + v->h->nops,
	};
	struct history_item item = {
		.document = document, .what = HISTORY_CHECK, .condition = HISTORY_IF_VERSION,
		.if_version = version, .version = result ? 0 : version, .result = result,
	};

	history_add_op(v->h, &op);
	history_add_item(v->h, &item);
}

static bool reason(const struct view *v, __u32 i)
{
	struct history_item *item = &v->h->items[i];
	__u32 next;

	if (!wrote(v, i) || item->what == HISTORY_DELETE || !certain(v, item->document))
		return false;
	next = neighbour(v, item->document, item->version, true);
	if (next == ~0U || op_of(v, next)->begin <= op_of(v, i)->end + 1)
		return false;
	look(v, item->document, op_of(v, i)->end + 1, random_below(v->r, 2) ? HISTORY_BATCH :
	     HISTORY_EACH, item->version, HISTORY_STALE);
	return true;
}

static bool ignored(const struct view *v, __u32 i)
{
	struct history_item *item = &v->h->items[i];
	__u32 next;

	if (!wrote(v, i) || item->what == HISTORY_DELETE)
		return false;
	next = neighbour(v, item->document, item->version, true);
	if (next == ~0U)
		return false;
	look(v, item->document, op_of(v, next)->end + 1, random_below(v->r, 2) ?
	     HISTORY_BATCH : HISTORY_EACH, item->version, HISTORY_OK);
	return true;
}

static bool swapped(const struct view *v, __u32 i)
{
	struct history_item *x = &v->h->items[i], *y;
	const struct history_op *a = op_of(v, i), *b;
	__u32 k, m, n = neighbour(v, x->document, x->version, true);
	bool other = false;
	__u64 version;

	if (!wrote(v, i) || x->what != HISTORY_ADD || n == ~0U)
		return false;
	y = &v->h->items[n];
	b = op_of(v, n);
	if (y->what != HISTORY_ADD || x->condition || y->condition || a->kind != HISTORY_BATCH ||
	    b->kind != HISTORY_BATCH)
		return false;
	/* Another document that both of them wrote, in this order. */
	for (k = a->first; k < a->first + a->count; k++) {
		for (m = b->first; m < b->first + b->count; m++) {
			if (k != i && v->h->items[k].document == v->h->items[m].document &&
			    wrote(v, k) && wrote(v, m) &&
			    v->h->items[k].version < v->h->items[m].version)
				other = true;
		}
	}
	for (k = 0; k < v->h->nitems; k++) {
		/* What n was between them can't be seen any more. */
		if (got(v, k) && v->h->items[k].document == x->document &&
		    v->h->items[k].version == x->version)
			return false;
	}
	if (!other)
		return false;
	for (k = 0; k < v->h->nitems; k++) {
		if (got(v, k) && v->h->items[k].document == x->document &&
		    v->h->items[k].version == y->version)
			v->h->items[k].tag = a->number;
	}
	version = x->version;
	x->version = y->version;
	y->version = version;
	return true;
}

static bool dirty(const struct view *v, __u32 i)
{
	struct history_op *op = op_of(v, i);
	bool seen = false;
	__u32 k;

	if (!wrote(v, i) || op->kind != HISTORY_BATCH)
		return false;
	for (k = 0; k < v->h->nitems; k++) {
		if (got(v, k) && v->h->items[k].tag == op->number)
			seen = true;
	}
	if (!seen)
		return false;
	for (k = op->first; k < op->first + op->count; k++) {
		v->h->items[k].result = k == i ? HISTORY_STALE : HISTORY_CANCELED;
		v->h->items[k].version = 0;
	}
	v->h->items[i].condition = HISTORY_IF_VERSION;
	v->h->items[i].if_version = 999999;
	return true;
}

/* As if the batch of this item had not written it, and its client was killed then. */
static bool killed(const struct view *v, __u32 i)
{
	struct history_item *item = &v->h->items[i], *other;
	struct history_op *op = op_of(v, i);
	__u64 version = item->version, later = ~0ULL;
	bool elsewhere = false, known = false;
	__u32 k, old = neighbour(v, item->document, version, false);

	if (!wrote(v, i) || op->kind != HISTORY_BATCH || item->what != HISTORY_ADD ||
	    old == ~0U || v->h->items[old].what == HISTORY_DELETE ||
	    !certain(v, item->document))
		return false;
	/* Up to where what it added can be seen. */
	for (k = 0; k < v->h->nitems; k++) {
		other = &v->h->items[k];
		if (other->document == item->document && wrote(v, k) &&
		    other->what != HISTORY_ADD && other->version > version &&
		    other->version < later)
			later = other->version;
	}
	for (k = 0; k < v->h->nitems; k++) {
		other = &v->h->items[k];
		if (got(v, k) && other->tag == op->number) {
			if (other->document == item->document)
				return false;
			elsewhere = true;
		}
		if (other->document != item->document || k == i ||
		    op_of(v, k)->state != HISTORY_DONE)
			continue;
		if (!other->result && other->version == version)
			return false;
		if (!other->result && other->version && op_of(v, k)->begin > op->end &&
		    op_of(v, k)->kind != HISTORY_ON)
			known = true;
	}
	if (!elsewhere || !known)
		return false;
	for (k = 0; k < v->h->nitems; k++) {
		other = &v->h->items[k];
		if (other->document != item->document)
			continue;
		if (got(v, k) && other->version > version && other->version < later)
			other->n -= item->value;
		other->version -= other->version > version;
		if (other->condition == HISTORY_IF_VERSION)
			other->if_version -= other->if_version > version;
	}
	op->state = HISTORY_UNKNOWN;
	return true;
}

static bool one(const struct view *v, __u32 i, enum fault fault)
{
	switch (fault) {
	case FAULT_STALE:
		return stale(v, i, false);
	case FAULT_ABSENT:
		return absent(v, i);
	case FAULT_HALF:
		return half(v, i);
	case FAULT_OLD_SNAPSHOT:
		return stale(v, i, true);
	case FAULT_FUTURE:
		return future(v, i);
	case FAULT_CONTENTS:
		return of_version_before(v, i);
	case FAULT_LOST:
		return lost(v, i);
	case FAULT_SKIPPED:
		return skipped(v, i);
	case FAULT_REASON:
		return reason(v, i);
	case FAULT_IGNORED:
		return ignored(v, i);
	case FAULT_SWAPPED:
		return swapped(v, i);
	case FAULT_DIRTY:
		return dirty(v, i);
	case FAULT_KILLED:
		return killed(v, i);
	default:
		return false;
	}
}

static struct view view_of(struct history *h, struct random *r)
{
	struct view v = { .h = h, .r = r, .op = calloc(h->nitems + 1, sizeof(*v.op)) };
	__u32 i, k;

	if (!v.op)
		abort();
	for (i = 0; i < h->nops; i++) {
		for (k = h->ops[i].first; k < h->ops[i].first + h->ops[i].count; k++)
			v.op[k] = i;
	}
	return v;
}

bool inject(struct history *h, struct random *r, enum fault fault)
{
	struct view v = view_of(h, r);
	__u32 i, first = random_below(r, h->nitems);
	bool done = false;

	for (i = 0; i < h->nitems && !done; i++)
		done = one(&v, (first + i) % h->nitems, fault);
	free(v.op);
	return done;
}

void garble(struct history *h, struct random *r)
{
	struct view v = view_of(h, r);
	__u32 i, k, changes = random_below(r, 8);
	struct history_item *item;
	struct history_op *op;

	while (changes-- && h->nitems) {
		i = random_below(r, h->nitems);
		k = random_below(r, h->nitems);
		item = &h->items[i];
		op = op_of(&v, i);
		switch (random_below(r, 5)) {
		case 0:
			/* At another time. */
			if (op->kind >= HISTORY_SNAPSHOT || op->state == HISTORY_UNKNOWN)
				break;
			op->begin += random_below(r, 30);
			op->end = op->begin + random_below(r, 30);
			break;
		case 1:
			/* What somebody else saw. */
			if (got(&v, i) && got(&v, k) && h->items[k].document == item->document) {
				item->version = h->items[k].version;
				item->tag = h->items[k].tag;
				item->n = h->items[k].n;
			}
			break;
		case 2:
			/* What somebody else wrote. */
			if (got(&v, i) && wrote(&v, k) && h->items[k].document == item->document)
				contents(&v, k, item);
			break;
		case 3:
			if (got(&v, i)) {
				item->result = HISTORY_NOENT;
				item->version = 0;
			}
			break;
		case 4:
			if (item->what == HISTORY_CHECK && item->condition == HISTORY_IF_VERSION &&
			    op->count == 1) {
				item->result = item->result ? HISTORY_OK : HISTORY_STALE;
				item->version = item->result ? 0 : item->if_version;
			}
			break;
		}
	}
	free(v.op);
}

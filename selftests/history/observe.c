// SPDX-License-Identifier: GPL-2.0
/*
 * From operations to what happened at one moment each, and what was seen then.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Can the document have been so, when this was its newest version that is known? */
bool hi_can_be(const struct hi_check *c, const struct hi_observation *o, __u32 index)
{
	__u32 document = c->h->items[o->item].document;
	const struct hi_write *w = &c->documents[document].writes[index];

	switch (o->seen) {
	case HI_AT:
		return w->gap || w->version == o->version;
	case HI_NOT:
		return w->gap || w->version != o->version || hi_deleted(c, document, index);
	case HI_ABSENT:
		return w->gap_absent || hi_deleted(c, document, index);
	default:
		return w->gap_present || !hi_deleted(c, document, index);
	}
}

/* Parts -------------------------------------------------------------------- */

static __u32 new_node(struct hi_check *c, __u32 part)
{
	c->node_part[c->graph.nodes] = part;
	return c->graph.nodes++;
}

/* A part of one operation, which is about some of its items. */
static void new_part(struct hi_check *c, __u32 op, __u32 first, __u32 count)
{
	const struct history *h = c->h;
	struct hi_part *p;
	__u32 i, j, wrote = HI_NONE;
	bool spans = false, weak = h->ops[op].kind == HISTORY_READ ||
				   h->ops[op].kind == HISTORY_TOGETHER;

	c->parts = hi_grow(c->parts, c->nparts, &c->parts_room, sizeof(*c->parts));
	p = &c->parts[c->nparts];
	p->op = op;
	for (i = first; i < first + count; i++) {
		c->item_part[i] = c->nparts;
		if (h->partitions[h->items[i].document] !=
		    h->partitions[h->items[first].document])
			weak = false;
		if (!c->item_index[i])
			continue;
		if (wrote != HI_NONE && h->partitions[h->items[i].document] !=
					h->partitions[h->items[wrote].document])
			spans = true;
		wrote = i;
	}
	p->weak = weak;
	p->begin = new_node(c, c->nparts);
	p->end = spans ? new_node(c, c->nparts) : p->begin;
	for (i = first; i < first + count; i++) {
		if (!c->item_index[i])
			continue;
		c->item_node[i] = HI_NONE;
		/* What it wrote in one partition can be seen at one moment. */
		for (j = first; j < i; j++) {
			if (c->item_index[j] && h->partitions[h->items[j].document] ==
						h->partitions[h->items[i].document])
				c->item_node[i] = c->item_node[j];
		}
		if (c->item_node[i] != HI_NONE)
			continue;
		c->item_node[i] = spans ? new_node(c, c->nparts) : p->begin;
		if (spans) {
			hi_edge(&c->graph, p->begin, c->item_node[i], HI_INNER, 0);
			hi_edge(&c->graph, c->item_node[i], p->end, HI_INNER, 0);
		}
	}
	c->nparts++;
}

static void make_parts(struct hi_check *c)
{
	const struct history *h = c->h;
	__u32 *part = hi_alloc(h->nops, sizeof(*part)), i, j;
	const struct hi_number *snapshot;
	const struct history_op *op;

	for (i = 0; i < h->nops; i++) {
		op = &h->ops[i];
		part[i] = c->nparts;
		if (op->state == HISTORY_UNKNOWN && op->kind <= HISTORY_EACH) {
			c->verdict.operations += c->happened[i];
			c->verdict.in_doubt += !c->happened[i];
		} else {
			c->verdict.operations += c->happened[i];
		}
		if (!c->happened[i] || op->kind == HISTORY_ON)
			continue;
		if (op->kind != HISTORY_EACH && op->kind != HISTORY_READ) {
			new_part(c, i, op->first, op->count);
			continue;
		}
		for (j = op->first; j < op->first + op->count; j++) {
			if (op->state == HISTORY_DONE || c->item_index[j])
				new_part(c, i, j, 1);
		}
	}
	/* Only now, since what is read on a snapshot may stand anywhere. */
	for (i = 0; i < h->nops; i++) {
		op = &h->ops[i];
		if (op->kind != HISTORY_ON || !c->happened[i])
			continue;
		snapshot = hi_find(c->snapshots, c->nsnapshots, op->number);
		if (!snapshot || h->ops[snapshot->op].end > op->begin) {
			hi_finding(c, HISTORY_NONSENSE, i, HI_NONE,
				   "there was no such snapshot then");
			break;
		}
		for (j = op->first; j < op->first + op->count; j++)
			c->item_part[j] = part[snapshot->op];
	}
	free(part);
}

/* Time --------------------------------------------------------------------- */

struct begun {
	__u64 begin;
	__u32 op;
};

static int by_begin(const void *a, const void *b)
{
	const struct begun *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/*
 * What ended before something else began was before it. One node for each time at
 * which an operation began, one behind the other, says so with few edges.
 */
static void make_time(struct hi_check *c)
{
	const struct history *h = c->h;
	struct begun *begun = hi_alloc(h->nops, sizeof(*begun));
	__u32 *time = hi_alloc(h->nops, sizeof(*time)), i, low, high, middle, base;
	__u64 end;

	base = c->graph.nodes;
	for (i = 0; i < h->nops; i++)
		begun[i] = (struct begun){ h->ops[i].begin, i };
	qsort(begun, h->nops, sizeof(*begun), by_begin);
	for (i = 0; i < h->nops; i++) {
		time[begun[i].op] = new_node(c, HI_NONE);
		if (i)
			hi_edge(&c->graph, base + i - 1, base + i, HI_TIME, 0);
	}
	for (i = 0; i < c->nparts; i++) {
		hi_edge(&c->graph, time[c->parts[i].op], c->parts[i].begin, HI_BEGUN, 0);
		end = h->ops[c->parts[i].op].end;
		low = 0;
		high = h->nops;
		while (low < high) {
			middle = low + (high - low) / 2;
			if (begun[middle].begin <= end)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < h->nops)
			hi_edge(&c->graph, c->parts[i].end, base + low, HI_BEFORE, 0);
	}
	free(begun);
	free(time);
}

/* Observations ------------------------------------------------------------- */

static void observe(struct hi_check *c, __u32 item, enum hi_seen seen, __u64 version)
{
	c->observations = hi_grow(c->observations, c->nobservations, &c->observations_room,
				  sizeof(*c->observations));
	c->observations[c->nobservations++] = (struct hi_observation){
		.item = item,
		.part = c->item_part[item],
		.seen = seen,
		.version = version,
	};
}

static void condition_held(struct hi_check *c, __u32 i)
{
	const struct history_item *item = &c->h->items[i];

	switch (item->condition) {
	case HISTORY_IF_VERSION:
		observe(c, i, item->if_version ? HI_AT : HI_ABSENT, item->if_version);
		break;
	case HISTORY_IF_EXISTS:
		observe(c, i, HI_PRESENT, 0);
		break;
	case HISTORY_IF_ABSENT:
		observe(c, i, HI_ABSENT, 0);
		break;
	}
}

/* What a write tells of the version before. */
static void replaced(struct hi_check *c, __u32 i)
{
	const struct history_item *item = &c->h->items[i];
	const struct hi_document *d = &c->documents[item->document];
	const struct hi_write *w = &d->writes[c->item_index[i]], *old = w - 1;
	__u32 before = c->item_index[i] - 1;
	bool absent = hi_deleted(c, item->document, before), bad = false;

	if (item->condition == HISTORY_IF_VERSION && item->if_version) {
		if (w->version == item->if_version + 1)
			return;
		hi_finding(c, old->version > item->if_version ? HISTORY_LOST_UPDATE :
			   HISTORY_CONDITION, c->item_op[i],
			   before ? c->item_op[old->item] : HI_NONE,
			   "%s was to have version %" PRIu64 ", and had another one",
			   c->h->names[item->document], (uint64_t)item->if_version);
		return;
	}
	if (old->gap)
		return;
	if (item->condition == HISTORY_IF_VERSION || item->condition == HISTORY_IF_ABSENT)
		bad = !absent;
	else if (item->condition == HISTORY_IF_EXISTS || item->what == HISTORY_DELETE)
		bad = absent;
	if (bad)
		hi_finding(c, HISTORY_CONDITION, c->item_op[i],
			   before ? c->item_op[old->item] : HI_NONE,
			   "%s was to be there, or not to be, and was otherwise",
			   c->h->names[item->document]);
}

/* Why something was not done. */
static bool refusal(struct hi_check *c, __u32 i)
{
	const struct history_item *item = &c->h->items[i];

	switch (item->result) {
	case HISTORY_STALE:
		if (item->condition != HISTORY_IF_VERSION)
			return false;
		observe(c, i, item->if_version ? HI_NOT : HI_PRESENT, item->if_version);
		return true;
	case HISTORY_NOENT:
		if (item->what != HISTORY_GET && item->what != HISTORY_DELETE &&
		    item->condition != HISTORY_IF_EXISTS)
			return false;
		observe(c, i, HI_ABSENT, 0);
		return true;
	case HISTORY_EXIST:
		if (item->condition != HISTORY_IF_ABSENT)
			return false;
		observe(c, i, HI_PRESENT, 0);
		return true;
	case HISTORY_OTHER:
		return true;
	default:
		return false;
	}
}

static void observe_item(struct hi_check *c, __u32 i)
{
	const struct history_item *item = &c->h->items[i];
	const struct history_op *op = &c->h->ops[c->item_op[i]];
	bool wrong;

	if (op->state == HISTORY_UNKNOWN) {
		if (c->item_index[i])
			replaced(c, i);
		else if (item->what == HISTORY_CHECK && op->kind == HISTORY_BATCH)
			condition_held(c, i);
		return;
	}
	if (item->result) {
		/* One that was canceled says nothing, if there is another one that does. */
		if (!refusal(c, i) &&
		    (item->result != HISTORY_CANCELED || op->kind != HISTORY_BATCH))
			hi_finding(c, HISTORY_NO_REASON, c->item_op[i], HI_NONE, "%s: why?",
				   c->h->names[item->document]);
		return;
	}
	if (history_writes(item)) {
		replaced(c, i);
		return;
	}
	observe(c, i, item->version ? HI_AT : HI_ABSENT, item->version);
	wrong = (item->condition == HISTORY_IF_VERSION && item->version != item->if_version) ||
		(item->condition == HISTORY_IF_EXISTS && !item->version) ||
		(item->condition == HISTORY_IF_ABSENT && item->version);
	if (wrong)
		hi_finding(c, HISTORY_CONDITION, c->item_op[i], HI_NONE,
			   "%s has version %" PRIu64 ", which is not what was asked for",
			   c->h->names[item->document], (uint64_t)item->version);
}

/* Atomic: all or nothing, and nothing not without a reason. */
static void all_or_nothing(struct hi_check *c)
{
	const struct history *h = c->h;
	__u32 i, j, good, reasons;

	for (i = 0; i < h->nops; i++) {
		if (h->ops[i].kind != HISTORY_BATCH || h->ops[i].state != HISTORY_DONE)
			continue;
		good = 0;
		reasons = 0;
		for (j = h->ops[i].first; j < h->ops[i].first + h->ops[i].count; j++) {
			if (h->items[j].result == HISTORY_OK)
				good++;
			else if (h->items[j].result != HISTORY_CANCELED)
				reasons++;
		}
		if (good && good != h->ops[i].count)
			hi_finding(c, HISTORY_HALF_BATCH, i, HI_NONE,
				   "%u of %u were carried out", good, h->ops[i].count);
		else if (!good && !reasons && h->ops[i].count)
			hi_finding(c, HISTORY_NO_REASON, i, HI_NONE, "nothing failed");
	}
}

/* Bounds ------------------------------------------------------------------- */

/* Which versions time allows: for each, the first end of it and those behind it. */
struct bounds {
	__u64 *ends;
	__u64 *begins;
};

static struct bounds bounds_of(const struct hi_check *c, const struct hi_document *d)
{
	struct bounds b = {
		.ends = hi_alloc(d->n + 2, sizeof(__u64)),
		.begins = hi_alloc(d->n + 2, sizeof(__u64)),
	};
	const struct history_op *op;
	__u32 i;

	b.ends[d->n + 1] = HISTORY_NEVER;
	for (i = d->n; i; i--) {
		op = &c->h->ops[c->item_op[d->writes[i].item]];
		b.ends[i] = op->end < b.ends[i + 1] ? op->end : b.ends[i + 1];
	}
	for (i = 1; i <= d->n; i++) {
		op = &c->h->ops[c->item_op[d->writes[i].item]];
		b.begins[i] = op->begin > b.begins[i - 1] ? op->begin : b.begins[i - 1];
	}
	return b;
}

/* The last version that was over before @begin, the last that had begun by @end. */
static void allowed(const struct bounds *b, __u32 n, const struct history_op *op, __u32 *first,
		    __u32 *last)
{
	__u32 low = 0, high = n, middle;

	while (low < high) {
		middle = low + (high - low + 1) / 2;
		if (b->ends[middle] < op->begin)
			low = middle;
		else
			high = middle - 1;
	}
	*first = low;
	high = n;
	while (low < high) {
		middle = low + (high - low + 1) / 2;
		if (b->begins[middle] <= op->end)
			low = middle;
		else
			high = middle - 1;
	}
	*last = low;
}

static void nowhere(struct hi_check *c, const struct hi_observation *o, __u32 first,
		    __u32 last)
{
	const struct history_item *item = &c->h->items[o->item];
	const struct hi_document *d = &c->documents[item->document];
	enum history_anomaly anomaly = HISTORY_STALE_READ;

	if (item->result && item->what != HISTORY_GET)
		anomaly = HISTORY_NO_REASON;
	else if (c->h->ops[c->item_op[o->item]].state == HISTORY_UNKNOWN)
		anomaly = HISTORY_CONDITION;
	else if (c->h->ops[c->parts[o->part].op].kind == HISTORY_SNAPSHOT)
		anomaly = HISTORY_PAST;
	hi_finding(c, anomaly, c->item_op[o->item],
		   first ? c->item_op[d->writes[first].item] : HI_NONE,
		   "%s cannot have been so: it had versions %" PRIu64 " to %" PRIu64 " then",
		   c->h->names[item->document], (uint64_t)d->writes[first].version,
		   (uint64_t)d->writes[last].version);
}

static void bound(struct hi_check *c)
{
	struct bounds *bounds = hi_alloc(c->h->documents, sizeof(*bounds));
	struct hi_observation *o;
	__u32 i, k, first, last, doc;
	bool exact;

	for (i = 0; i < c->h->documents; i++)
		bounds[i] = bounds_of(c, &c->documents[i]);
	for (o = c->observations; o < c->observations + c->nobservations; o++) {
		doc = c->h->items[o->item].document;
		if (o->seen == HI_AT) {
			o->low = hi_version_index(&c->documents[doc], o->version, &exact);
			o->high = o->low;
			if (exact && hi_deleted(c, doc, o->low))
				hi_finding(c, HISTORY_PHANTOM, c->item_op[o->item],
					   c->item_op[c->documents[doc].writes[o->low].item],
					   "version %" PRIu64 " of %s is none",
					   (uint64_t)o->version, c->h->names[doc]);
			if (!exact && !c->documents[doc].writes[o->low].gap)
				hi_finding(c, HISTORY_PHANTOM, c->item_op[o->item], HI_NONE,
					   "version %" PRIu64 " of %s", (uint64_t)o->version,
					   c->h->names[doc]);
			continue;
		}
		allowed(&bounds[doc], c->documents[doc].n, &c->h->ops[c->parts[o->part].op],
			&first, &last);
		for (o->low = first; o->low <= last && !hi_can_be(c, o, o->low); o->low++)
			;
		if (o->low > last) {
			nowhere(c, o, first, last);
			continue;
		}
		for (o->high = last; !hi_can_be(c, o, o->high); o->high--)
			;
		for (k = o->low; k <= o->high; k++) {
			if (!hi_can_be(c, o, k))
				o->holes = true;
		}
	}
	for (i = 0; i < c->h->documents; i++) {
		free(bounds[i].ends);
		free(bounds[i].begins);
	}
	free(bounds);
}

/* Everything that does not depend on how observations are understood. */
void hi_observe(struct hi_check *c)
{
	const struct history *h = c->h;
	const struct hi_document *d;
	__u32 i, k;

	/* At most two for a part, one for an item, one for an operation. */
	c->node_part = hi_alloc(3 * (h->nops + h->nitems), sizeof(*c->node_part));
	make_parts(c);
	if (c->verdict.findings)
		return;
	for (i = 0; i < h->nitems; i++) {
		if (c->happened[c->item_op[i]] && c->item_part[i] != HI_NONE)
			observe_item(c, i);
	}
	all_or_nothing(c);
	bound(c);
	for (i = 0; i < h->documents; i++) {
		d = &c->documents[i];
		for (k = 1; k < d->n; k++)
			hi_edge(&c->graph, c->parts[c->item_part[d->writes[k].item]].end,
				c->parts[c->item_part[d->writes[k + 1].item]].begin, HI_WW, i);
	}
	make_time(c);
	c->fixed = c->graph.n;
}

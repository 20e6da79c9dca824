// SPDX-License-Identifier: GPL-2.0
/*
 * Who wrote which version of each document, and whether versions hold what was
 * written.
 *
 * Every write that was answered says which version it made, and every read which
 * version it saw, with the tag of who wrote it. So only the writes of clients that
 * were killed have to be guessed: from a tag that was seen, from a condition, or
 * because a version is missing that only one of them can have made. The numbers of a
 * document that is there grow by one; behind a deletion they may leap.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

const struct hi_number *hi_find(const struct hi_number *numbers, __u32 n, __u64 number)
{
	__u32 low = 0, high = n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (numbers[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && numbers[low].number == number ? &numbers[low] : NULL;
}

/* The last version not above @version, and whether it is that one. */
__u32 hi_version_index(const struct hi_document *d, __u64 version, bool *exact)
{
	__u32 low = 0, high = d->n, middle;

	while (low < high) {
		middle = low + (high - low + 1) / 2;
		if (d->writes[middle].version <= version)
			low = middle;
		else
			high = middle - 1;
	}
	*exact = d->writes[low].version == version;
	return low;
}

/* Is the document not there in this version? */
bool hi_deleted(const struct hi_check *c, __u32 document, __u32 index)
{
	return !index || c->h->items[c->documents[document].writes[index].item].what ==
		HISTORY_DELETE;
}

static const struct history_op *op_of(const struct hi_check *c, __u32 item)
{
	return &c->h->ops[c->item_op[item]];
}

/* Between when a version can have been made. */
static __u64 earliest(const struct hi_check *c, const struct hi_document *d, __u32 index)
{
	return index ? op_of(c, d->writes[index].item)->begin : 0;
}

static __u64 latest(const struct hi_check *c, const struct hi_document *d, __u32 index)
{
	return index > d->n ? HISTORY_NEVER : op_of(c, d->writes[index].item)->end;
}

/* Its version is known now. */
static bool attribute(struct hi_check *c, __u32 item, __u64 version)
{
	struct hi_document *d = &c->documents[c->h->items[item].document];
	bool exact;
	__u32 i = hi_version_index(d, version, &exact) + 1;

	if (exact)
		return false;
	d->writes = hi_grow(d->writes, d->n + 1, &d->room, sizeof(*d->writes));
	memmove(&d->writes[i + 1], &d->writes[i], (d->n + 1 - i) * sizeof(*d->writes));
	memset(&d->writes[i], 0, sizeof(d->writes[i]));
	d->writes[i].version = version;
	d->writes[i].item = item;
	d->n++;
	c->item_version[item] = version;
	c->happened[c->item_op[item]] = true;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct hi_number *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int by_version(const void *a, const void *b)
{
	const struct hi_write *x = a, *y = b;

	return x->version < y->version ? -1 : x->version > y->version;
}

static void number_ops(struct hi_check *c)
{
	const struct history *h = c->h;
	const struct history_op *op;
	__u32 i, j, k;

	for (i = 0; i < h->nops; i++) {
		op = &h->ops[i];
		for (j = op->first; j < op->first + op->count; j++) {
			c->item_op[j] = i;
			for (k = op->first; k < j; k++) {
				if (h->items[k].document == h->items[j].document)
					hi_finding(c, HISTORY_NONSENSE, i, HI_NONE,
						   "the same document twice");
			}
		}
		c->happened[i] = op->state == HISTORY_DONE;
		if (op->kind <= HISTORY_EACH)
			c->tags[c->ntags++] = (struct hi_number){ op->number, i };
		else if (op->kind == HISTORY_SNAPSHOT && c->happened[i])
			c->snapshots[c->nsnapshots++] = (struct hi_number){ op->number, i };
		if (op->kind <= HISTORY_EACH && !op->number)
			hi_finding(c, HISTORY_NONSENSE, i, HI_NONE, "a tag of 0");
	}
	qsort(c->tags, c->ntags, sizeof(*c->tags), by_number);
	qsort(c->snapshots, c->nsnapshots, sizeof(*c->snapshots), by_number);
	for (i = 1; i < c->ntags; i++) {
		if (c->tags[i].number == c->tags[i - 1].number)
			hi_finding(c, HISTORY_NONSENSE, c->tags[i].op, c->tags[i - 1].op,
				   "the same tag");
	}
	for (i = 1; i < c->nsnapshots; i++) {
		if (c->snapshots[i].number == c->snapshots[i - 1].number)
			hi_finding(c, HISTORY_NONSENSE, c->snapshots[i].op,
				   c->snapshots[i - 1].op, "the same snapshot");
	}
}

/* What was answered. */
static void known_writes(struct hi_check *c)
{
	const struct history *h = c->h;
	const struct history_item *item;
	struct hi_document *d;
	__u32 i, j;

	for (i = 0; i < h->documents; i++) {
		d = &c->documents[i];
		d->writes = hi_grow(NULL, 0, &d->room, sizeof(*d->writes));
		memset(d->writes, 0, sizeof(*d->writes));
		d->writes->item = HI_NONE;
	}
	for (i = 0; i < h->nitems; i++) {
		item = &h->items[i];
		if (!history_writes(item) || item->result ||
		    op_of(c, i)->state != HISTORY_DONE)
			continue;
		if (!item->version) {
			hi_finding(c, HISTORY_NONSENSE, c->item_op[i], HI_NONE,
				   "%s was written, and has version 0",
				   h->names[item->document]);
			continue;
		}
		d = &c->documents[item->document];
		d->writes = hi_grow(d->writes, d->n + 1, &d->room, sizeof(*d->writes));
		memset(&d->writes[++d->n], 0, sizeof(*d->writes));
		d->writes[d->n].version = item->version;
		d->writes[d->n].item = i;
		c->item_version[i] = item->version;
	}
	for (i = 0; i < h->documents; i++) {
		d = &c->documents[i];
		qsort(d->writes + 1, d->n, sizeof(*d->writes), by_version);
		for (j = 2; j <= d->n; j++) {
			if (d->writes[j].version == d->writes[j - 1].version)
				hi_finding(c, HISTORY_LOST_UPDATE,
					   c->item_op[d->writes[j - 1].item],
					   c->item_op[d->writes[j].item],
					   "both of them made version %" PRIu64 " of %s",
					   (uint64_t)d->writes[j].version, h->names[i]);
		}
	}
}

/* The item of an operation that is about a document, or HI_NONE. */
static __u32 item_on(const struct history *h, const struct history_op *op, __u32 document)
{
	__u32 i;

	for (i = op->first; i < op->first + op->count; i++) {
		if (h->items[i].document == document)
			return i;
	}
	return HI_NONE;
}

/* A version that a get saw, and nobody says that he wrote it. */
static void unknown_version(struct hi_check *c, __u32 i)
{
	const struct history *h = c->h;
	const struct history_item *item = &h->items[i];
	const struct hi_number *tag = hi_find(c->tags, c->ntags, item->tag);
	const char *name = h->names[item->document];
	const struct history_op *op;
	__u32 wrote;

	wrote = tag ? item_on(h, &h->ops[tag->op], item->document) : HI_NONE;
	if (wrote == HI_NONE || !history_writes(&h->items[wrote]) ||
	    h->items[wrote].what == HISTORY_DELETE) {
		hi_finding(c, HISTORY_NOWHERE, c->item_op[i], tag ? tag->op : HI_NONE,
			   "%s has tag %" PRIu64 ", which nobody gave it", name,
			   (uint64_t)item->tag);
		return;
	}
	op = &h->ops[tag->op];
	if (op->state == HISTORY_FAILED || history_refused(h, op) ||
	    (op->state == HISTORY_DONE && h->items[wrote].result))
		hi_finding(c, HISTORY_DIRTY_READ, c->item_op[i], tag->op,
			   "%s has version %" PRIu64 " of something that was not done", name,
			   (uint64_t)item->version);
	else if (op->state == HISTORY_DONE)
		hi_finding(c, HISTORY_CONTENTS, c->item_op[i], tag->op,
			   "%s has version %" PRIu64 ", and contents of version %" PRIu64, name,
			   (uint64_t)item->version, (uint64_t)h->items[wrote].version);
	else if (c->item_version[wrote])
		hi_finding(c, HISTORY_TWICE, c->item_op[i], tag->op,
			   "%s was written as version %" PRIu64 " and as %" PRIu64, name,
			   (uint64_t)c->item_version[wrote], (uint64_t)item->version);
	else if (!attribute(c, wrote, item->version))
		hi_finding(c, HISTORY_LOST_UPDATE, c->item_op[i], tag->op,
			   "another one made version %" PRIu64 " of %s, too",
			   (uint64_t)item->version, name);
}

/* Every version that was seen is the one of whose tag it has. */
static void seen_versions(struct hi_check *c)
{
	const struct history *h = c->h;
	const struct history_item *item;
	struct hi_document *d;
	bool exact;
	__u32 i, k;

	for (i = 0; i < h->nitems; i++) {
		item = &h->items[i];
		if (item->what != HISTORY_GET || item->result ||
		    op_of(c, i)->state != HISTORY_DONE)
			continue;
		d = &c->documents[item->document];
		k = hi_version_index(d, item->version, &exact);
		if (!exact || !k || op_of(c, d->writes[k].item)->number != item->tag)
			unknown_version(c, i);
	}
}

/* How many numbers are missing behind a version. */
static __u64 missing(const struct hi_document *d, __u32 index)
{
	return index < d->n ? d->writes[index + 1].version - d->writes[index].version - 1 : 0;
}

/* Is this a write in doubt that can have come between a version and the next one? */
static bool claims(const struct hi_check *c, __u32 item, __u32 document, __u32 index)
{
	const struct hi_document *d = &c->documents[document];
	const struct history_op *op = op_of(c, item);

	return c->h->items[item].document == document && op->state == HISTORY_UNKNOWN &&
	       history_writes(&c->h->items[item]) && !c->item_version[item] &&
	       op->begin <= latest(c, d, index + 1) && op->end >= earliest(c, d, index);
}

/* Writes in doubt, by their documents. */
struct doubt {
	__u32 item;
	__u64 limit;			/* its version is not above that; 0: not known yet */
};

struct doubts {
	struct doubt *doubts;
	__u32 *first;			/* of each document */
};

/* How many have a claim to be there, how many of them delete it, and one of them. */
static __u32 count_claims(const struct hi_check *c, const struct doubts *doubts,
			  __u32 document, __u32 index, __u32 *deletes, __u32 *one)
{
	__u32 i, n = 0;

	*deletes = 0;
	for (i = doubts->first[document]; i < doubts->first[document + 1]; i++) {
		if (!claims(c, doubts->doubts[i].item, document, index))
			continue;
		*one = doubts->doubts[i].item;
		n++;
		*deletes += c->h->items[*one].what == HISTORY_DELETE;
	}
	return n;
}

/* A version that is missing, and only one can have written it. */
static bool fill_gaps(struct hi_check *c, const struct doubts *doubts)
{
	__u32 doc, i, n, deletes, item;
	bool changed = false;
	struct hi_document *d;

	for (doc = 0; doc < c->h->documents; doc++) {
		d = &c->documents[doc];
		for (i = 1; i < d->n; i++) {
			if (missing(d, i) != 1 || hi_deleted(c, doc, i))
				continue;
			n = count_claims(c, doubts, doc, i, &deletes, &item);
			if (n == 1)
				changed |= attribute(c, item, d->writes[i].version + 1);
		}
	}
	return changed;
}

/*
 * The lowest version of a document that is known to have been there after a write was
 * over: its own is not above that.
 */
static __u64 not_above(const struct hi_check *c, __u32 item)
{
	__u64 end = op_of(c, item)->end, low = HISTORY_NEVER, version;
	const struct history *h = c->h;
	__u32 i;

	for (i = 0; i < h->nitems; i++) {
		if (h->items[i].document != h->items[item].document || h->items[i].result ||
		    op_of(c, i)->begin <= end || op_of(c, i)->state != HISTORY_DONE)
			continue;
		/* What a snapshot shows is older than that. */
		version = op_of(c, i)->kind == HISTORY_ON ? 0 : h->items[i].version;
		if (version && version < low)
			low = version;
	}
	return low;
}

/* A batch of a killed client was carried out: where is what it wrote here? */
static bool place(struct hi_check *c, struct doubt *doubt)
{
	__u32 item = doubt->item;
	const struct history_item *it = &c->h->items[item];
	struct hi_document *d = &c->documents[it->document];
	__u64 limit = doubt->limit, slots = 0, slot = 0, high;
	__u32 i;

	if (it->condition == HISTORY_IF_VERSION && it->if_version) {
		if (attribute(c, item, it->if_version + 1))
			return true;
		hi_finding(c, HISTORY_HALF_BATCH, c->item_op[item], HI_NONE,
			   "it was carried out, but another one made version %" PRIu64 " of %s",
			   (uint64_t)it->if_version + 1, c->h->names[it->document]);
		return false;
	}
	if (!limit) {
		limit = not_above(c, item);
		doubt->limit = limit;
	}
	for (i = 0; i <= d->n && d->writes[i].version < limit; i++) {
		high = i < d->n ? d->writes[i + 1].version - 1 : limit;
		if (high > limit)
			high = limit;
		if (high > d->writes[i].version && claims(c, item, it->document, i)) {
			slots += high - d->writes[i].version;
			slot = high;
		}
	}
	if (slots == 1)
		return attribute(c, item, slot);
	if (!slots)
		hi_finding(c, HISTORY_HALF_BATCH, c->item_op[item], HI_NONE,
			   "it was carried out, but there is no version of %s that it made",
			   c->h->names[it->document]);
	return false;
}

static bool place_all(struct hi_check *c, const struct doubts *doubts)
{
	bool changed = false;
	__u32 i, item;

	for (i = 0; i < doubts->first[c->h->documents] && !c->verdict.findings; i++) {
		item = doubts->doubts[i].item;
		if (c->happened[c->item_op[item]] && op_of(c, item)->kind == HISTORY_BATCH &&
		    !c->item_version[item])
			changed |= place(c, &doubts->doubts[i]);
	}
	return changed;
}

/* What is missing in the end must have been written by those in doubt. */
static void leftover(struct hi_check *c, const struct doubts *doubts)
{
	__u32 doc, i, n, deletes, item;
	struct hi_document *d;

	for (doc = 0; doc < c->h->documents; doc++) {
		d = &c->documents[doc];
		for (i = 0; i <= d->n; i++) {
			if (i < d->n && !missing(d, i))
				continue;
			n = count_claims(c, doubts, doc, i, &deletes, &item);
			d->writes[i].gap = n;
			d->writes[i].gap_absent = deletes;
			d->writes[i].gap_present = n > deletes;
			if (hi_deleted(c, doc, i))
				continue;
			if (n < (deletes ? 1 : missing(d, i)))
				hi_finding(c, HISTORY_PHANTOM,
					   c->item_op[d->writes[i].item],
					   c->item_op[d->writes[i + 1].item],
					   "%" PRIu64 " versions of %s between %" PRIu64
					   " and %" PRIu64 ", by %u who may have written them",
					   (uint64_t)missing(d, i), c->h->names[doc],
					   (uint64_t)d->writes[i].version,
					   (uint64_t)d->writes[i + 1].version, n);
		}
	}
}

static void find_doubts(const struct hi_check *c, struct doubts *doubts)
{
	const struct history *h = c->h;
	__u32 i, n = 0, doc;

	doubts->first = hi_alloc(h->documents + 2, sizeof(*doubts->first));
	for (i = 0; i < h->nitems; i++) {
		if (op_of(c, i)->state == HISTORY_UNKNOWN && history_writes(&h->items[i])) {
			doubts->first[h->items[i].document + 2]++;
			n++;
		}
	}
	for (doc = 2; doc < h->documents + 2; doc++)
		doubts->first[doc] += doubts->first[doc - 1];
	doubts->doubts = hi_alloc(n, sizeof(*doubts->doubts));
	for (i = 0; i < h->nitems; i++) {
		if (op_of(c, i)->state == HISTORY_UNKNOWN && history_writes(&h->items[i]))
			doubts->doubts[doubts->first[h->items[i].document + 1]++].item = i;
	}
}

void hi_versions(struct hi_check *c)
{
	const struct history *h = c->h;
	struct doubts doubts;
	__u32 i, k;

	number_ops(c);
	if (!c->verdict.findings)
		known_writes(c);
	if (!c->verdict.findings)
		seen_versions(c);
	find_doubts(c, &doubts);
	while (!c->verdict.findings && (fill_gaps(c, &doubts) || place_all(c, &doubts)))
		;
	if (!c->verdict.findings)
		leftover(c, &doubts);
	if (!c->verdict.findings) {
		for (i = 0; i < h->documents; i++) {
			for (k = 1; k <= c->documents[i].n; k++)
				c->item_index[c->documents[i].writes[k].item] = k;
		}
	}
	free(doubts.doubts);
	free(doubts.first);
}

/* What n is, where that was seen; the same whenever it was. */
static void seen_contents(struct hi_check *c)
{
	const struct history *h = c->h;
	const struct history_item *item;
	const struct hi_document *d;
	struct hi_write *w;
	bool exact;
	__u32 i;

	for (i = 0; i < h->nitems; i++) {
		item = &h->items[i];
		if (item->what != HISTORY_GET || item->result ||
		    op_of(c, i)->state != HISTORY_DONE)
			continue;
		d = &c->documents[item->document];
		w = &d->writes[hi_version_index(d, item->version, &exact)];
		if (w->has_n && w->n != item->n)
			hi_finding(c, HISTORY_CONTENTS, c->item_op[i], c->item_op[w->item],
				   "n of version %" PRIu64 " of %s is %" PRId64
				   ", and was %" PRId64, (uint64_t)w->version,
				   h->names[item->document], (int64_t)item->n, (int64_t)w->n);
		w->has_n = true;
		w->n = item->n;
	}
}

/* And what it has to be by all that was done. */
void hi_contents(struct hi_check *c)
{
	const struct history_item *item;
	struct hi_write *w;
	bool known;
	__u32 doc, i;
	__s64 n;

	seen_contents(c);
	for (doc = 0; doc < c->h->documents; doc++) {
		known = true;
		n = 0;
		for (i = 1; i <= c->documents[doc].n; i++) {
			w = &c->documents[doc].writes[i];
			item = &c->h->items[w->item];
			if (w[-1].gap)
				known = false;
			if (item->what == HISTORY_ADD) {
				n = (__u64)n + (__u64)item->value;
			} else {
				n = item->what == HISTORY_SET ? item->value : 0;
				known = true;
			}
			if (w->has_n && known && w->n != n)
				hi_finding(c, HISTORY_LOST_UPDATE, c->item_op[w->item], HI_NONE,
					   "n of version %" PRIu64 " of %s is %" PRId64
					   ", but all that was done comes to %" PRId64,
					   (uint64_t)w->version, c->h->names[doc],
					   (int64_t)w->n, (int64_t)n);
			if (w->has_n) {
				n = w->n;
				known = true;
			}
		}
	}
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Could a store that keeps its promises have answered so?
 *
 * The promises are those of docstore.h, for who looks and who writes at the same time:
 *
 * - a write of one document happens at one moment between its call and its return;
 *   so does the read of one document, which sees the version that is newest then;
 * - so does an atomic batch, and so do several documents read together and a snapshot,
 *   if one looks at several documents only so: all of it or nothing can be seen;
 * - who reads documents one by one, while a batch becomes visible that spans
 *   partitions, may see it in one of them and not yet in another one. What it writes
 *   in one partition becomes visible at one moment even to him. No other batch comes
 *   to its documents meanwhile;
 * - what is refused was not as it should have been, at one moment of the call.
 *
 * So each operation becomes one moment or, if it is a batch over partitions, several:
 * a first one before which nobody can see it, one for each partition, and a last one,
 * after which everybody must. A history is good if these moments can be put in an order
 * in which
 *
 * (1) all moments of an operation are between its begin and its end,
 * (2) the versions of each document follow each other, and
 * (3) everybody sees what was newest at his moment.
 *
 * Whether there is one can be told fast, because versions have numbers: every write
 * says which version it made, and every read which one it saw. So (2) says for any two
 * batches that wrote the same document which was first: the last moment of the one is
 * before the first moment of the other (an edge "ww" of a graph whose nodes are the
 * moments). Who saw version v comes behind whoever wrote v (wr), and before whoever
 * wrote the next version (rw): the moment in which it became visible in that partition
 * if he looks at that only; else the last moment of the one and the first one of the
 * other. Operations that ended before others began come before them. Each of these
 * edges must be in any order that is right; so a cycle is a proof that there is none.
 * And in any order that agrees with all of them, (1) to (3) hold: for (1), give moments
 * times one after the other in that order, as early as their begins allow; one that had
 * to wait waits for something that had begun before it ended, or there were an edge the
 * other way. (2) are the edges ww. For (3), the newest version of a document at the
 * moment of who saw v is v: its writer is before, that of the next one behind, and all
 * later ones are behind that.
 *
 * Such a graph has a number of edges that is linear in the history's size; for time,
 * too, since begins form a chain and each end has one edge to it.
 *
 * Not all that is seen is one version: "not there" may be before the document was made
 * or behind any of its deletions; "not version 7" can be many. Of such an observation
 * it is known in which range it is, from time, then from the graph: the last version
 * that must be before it, the first one that must be behind it. If the document could
 * have been so in the whole range, the edges to its two ends say all. If there are
 * holes, an order of the graph is taken; if everything was right in it, that is the
 * proof that the history is good. Otherwise the nearest side of a hole is guessed where
 * it was wrong. If guesses lead to a cycle, nothing is kept of them, and one of those in
 * the cycle is tried on this and on that side. There are few of them; the search is given
 * up after a number of attempts that failed, and the verdict says for how many
 * observations.
 *
 * What killed clients were doing may have happened or not, as a whole or not at all:
 * see versions.c.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define ATTEMPTS	200
#define ROUNDS		20

struct range {
	__u32 low, high;
};

static __u32 node_of(const struct hi_check *c, const struct hi_observation *o, __u32 index,
		     bool last)
{
	__u32 item = c->documents[c->h->items[o->item].document].writes[index].item;
	const struct hi_part *writer = &c->parts[c->item_part[item]];

	if (c->parts[o->part].weak)
		return c->item_node[item];
	return last ? writer->end : writer->begin;
}

/* The graph, as observations are understood now. Is there an order? */
static bool build(struct hi_check *c)
{
	const struct hi_observation *o;
	__u32 document;

	c->graph.n = c->fixed;
	for (o = c->observations; o < c->observations + c->nobservations; o++) {
		const struct hi_part *p = &c->parts[o->part];

		document = c->h->items[o->item].document;
		if (o->low)
			hi_edge(&c->graph, node_of(c, o, o->low, true), p->begin, HI_WR,
				document);
		if (o->high < c->documents[document].n)
			hi_edge(&c->graph, p->end, node_of(c, o, o->high + 1, false), HI_RW,
				document);
	}
	return hi_sort(&c->graph);
}

/* For each node the last version of a document that must be before it. */
static void versions_before(const struct hi_check *c, __u32 document, bool weak, __u32 *before)
{
	const struct hi_document *d = &c->documents[document];
	const struct hi_graph *g = &c->graph;
	__u32 i, k, node, to;

	memset(before, 0, g->nodes * sizeof(*before));
	for (i = 1; i <= d->n; i++) {
		node = weak ? c->item_node[d->writes[i].item] :
		       c->parts[c->item_part[d->writes[i].item]].begin;
		before[node] = i;
	}
	for (i = 0; i < g->nodes; i++) {
		node = g->order[i];
		for (k = g->first[node]; k < g->first[node + 1]; k++) {
			to = g->edges[g->sorted[k]].to;
			if (before[to] < before[node])
				before[to] = before[node];
		}
	}
}

/* And the first one that must be behind it. */
static void versions_behind(const struct hi_check *c, __u32 document, bool weak, __u32 *behind)
{
	const struct hi_document *d = &c->documents[document];
	const struct hi_graph *g = &c->graph;
	__u32 i, k, node, to;

	memset(behind, 0xff, g->nodes * sizeof(*behind));
	for (i = d->n; i; i--) {
		node = weak ? c->item_node[d->writes[i].item] :
		       c->parts[c->item_part[d->writes[i].item]].end;
		behind[node] = i;
	}
	for (i = g->nodes; i--; ) {
		node = g->order[i];
		for (k = g->first[node]; k < g->first[node + 1]; k++) {
			to = g->edges[g->sorted[k]].to;
			if (behind[node] > behind[to])
				behind[node] = behind[to];
		}
	}
}

/* An observation is of versions @low to @high at most. Can it be? */
static bool cut(const struct hi_check *c, struct hi_observation *o, __u32 low, __u32 high,
		bool *changed)
{
	struct range old = { o->low, o->high };
	__u32 k;

	o->low = low > old.low ? low : old.low;
	o->high = high < old.high ? high : old.high;
	while (o->low <= o->high && !hi_can_be(c, o, o->low))
		o->low++;
	while (o->high > o->low && !hi_can_be(c, o, o->high))
		o->high--;
	if (o->low > o->high) {
		o->low = old.low;
		o->high = old.high;
		return false;
	}
	if (o->low != old.low || o->high != old.high)
		*changed = true;
	o->holes = false;
	for (k = o->low; k <= o->high; k++) {
		if (!hi_can_be(c, o, k))
			o->holes = true;
	}
	return true;
}

/*
 * Narrow the ranges that have holes by what the graph says: HI_NONE, or the number of an
 * observation for which there is nothing left.
 */
static __u32 narrow(struct hi_check *c, bool *changed)
{
	__u32 *before = hi_alloc(c->graph.nodes, sizeof(*before));
	__u32 *behind = hi_alloc(c->graph.nodes, sizeof(*behind));
	bool *wanted = hi_alloc(2 * c->h->documents, sizeof(*wanted));
	__u32 i, doc, bad = HI_NONE;
	struct hi_observation *o;
	const struct hi_part *p;
	int weak;

	for (i = 0; i < c->nobservations; i++) {
		o = &c->observations[i];
		if (o->holes)
			wanted[2 * c->h->items[o->item].document + c->parts[o->part].weak] = true;
	}
	for (doc = 0; doc < c->h->documents; doc++) {
		for (weak = 0; weak < 2; weak++) {
			if (!wanted[2 * doc + weak])
				continue;
			versions_before(c, doc, weak, before);
			versions_behind(c, doc, weak, behind);
			for (i = 0; i < c->nobservations && bad == HI_NONE; i++) {
				o = &c->observations[i];
				p = &c->parts[o->part];
				if (o->holes && c->h->items[o->item].document == doc &&
				    p->weak == weak &&
				    !cut(c, o, before[p->begin], behind[p->end] - 1, changed))
					bad = i;
			}
		}
	}
	free(before);
	free(behind);
	free(wanted);
	return bad;
}

/* Which version an observation sees in the order that was found; HI_NONE if half of one. */
static __u32 sees(const struct hi_check *c, const struct hi_observation *o)
{
	__u32 place = c->graph.place[c->parts[o->part].begin];
	__u32 low = o->low, high = o->high, middle;

	while (low < high) {
		middle = low + (high - low + 1) / 2;
		if (c->graph.place[node_of(c, o, middle, false)] < place)
			low = middle;
		else
			high = middle - 1;
	}
	/* It may have begun, and not be there as a whole. */
	if (low > o->low && c->graph.place[node_of(c, o, low, true)] > place)
		return HI_NONE;
	return low;
}

enum outcome { GOOD, BAD, GIVEN_UP };

static struct range *save(const struct hi_check *c)
{
	struct range *ranges = hi_alloc(c->nobservations, sizeof(*ranges));
	__u32 i;

	for (i = 0; i < c->nobservations; i++)
		ranges[i] = (struct range){ c->observations[i].low, c->observations[i].high };
	return ranges;
}

static void restore(struct hi_check *c, const struct range *ranges)
{
	bool changed;
	__u32 i;

	for (i = 0; i < c->nobservations; i++) {
		c->observations[i].low = ranges[i].low;
		c->observations[i].high = ranges[i].high;
		cut(c, &c->observations[i], 0, HI_NONE, &changed);
	}
}

/* Is it wrong in the order that was found? Then @seen is what it would have been. */
static bool wrong(const struct hi_check *c, const struct hi_observation *o, __u32 *seen)
{
	if (!o->holes)
		return false;
	*seen = sees(c, o);
	return *seen == HI_NONE || !hi_can_be(c, o, *seen);
}

/* Only the range without holes that is nearest to a version. */
static void nearest(const struct hi_check *c, struct hi_observation *o, __u32 version)
{
	__u32 below = version, above = version;

	while (below > o->low && !hi_can_be(c, o, below))
		below--;
	while (above < o->high && !hi_can_be(c, o, above))
		above++;
	if (version - below <= above - version) {
		o->high = below;
		while (below > o->low && hi_can_be(c, o, below - 1))
			below--;
		o->low = below;
	} else {
		o->low = above;
		while (above < o->high && hi_can_be(c, o, above + 1))
			above++;
		o->high = above;
	}
	o->holes = false;
}

/* One of which a part was taken for the whole, and which is a reason for a cycle. */
static __u32 suspect_of(const struct hi_check *c, const struct range *ranges)
{
	bool *inside = hi_alloc(c->graph.nodes, sizeof(*inside));
	const struct hi_observation *o = c->observations;
	const struct hi_part *p;
	__u32 i;

	hi_any_cycle(&c->graph, inside);
	for (i = 0; i < c->nobservations; i++, o++) {
		p = &c->parts[o->part];
		if ((inside[p->begin] || inside[p->end]) &&
		    (o->low != ranges[i].low || o->high != ranges[i].high))
			break;
	}
	free(inside);
	return i;
}

/*
 * Take for everything that is wrong the nearest range, as far as that fits. If something
 * is left for which it does not, all is as it was, and @suspect one of which another
 * range may be the right one: it need not be the one that was taken last.
 */
static bool guess(struct hi_check *c, __u32 *suspect)
{
	struct range *ranges = save(c);
	struct hi_observation *o;
	bool changed = true, fits = true;
	__u32 seen;

	while (changed && fits) {
		changed = false;
		for (o = c->observations; o < c->observations + c->nobservations; o++) {
			if (wrong(c, o, &seen)) {
				nearest(c, o, seen == HI_NONE ? o->low : seen);
				changed = true;
			}
		}
		fits = !changed || build(c);
	}
	if (!fits) {
		*suspect = suspect_of(c, ranges);
		restore(c, ranges);
		build(c);
	}
	free(ranges);
	return fits;
}

/* Narrow ranges until there is nothing to be gained any more. */
static bool narrow_all(struct hi_check *c, __u32 *blame)
{
	bool changed = true;
	__u32 rounds;

	for (rounds = 0; rounds < ROUNDS && changed; rounds++) {
		changed = false;
		*blame = narrow(c, &changed);
		if (*blame != HI_NONE || (changed && !build(c)))
			return false;
	}
	return true;
}

/*
 * Look for an order in which all was as it was seen. @blame is an observation for which
 * there is none, if that is known.
 */
static enum outcome solve(struct hi_check *c, __u32 *attempts, __u32 *blame)
{
	enum outcome outcome, all = BAD;
	struct hi_observation *o;
	__u32 ignored, from, to, end;
	struct range *ranges;

	*blame = HI_NONE;
	if (!build(c))
		return BAD;
	/* Narrowing may decide where the suspect was: then all is guessed anew. */
	do {
		__u32 suspect;

		if (guess(c, &suspect))
			return GOOD;
		o = &c->observations[suspect];
		if (!narrow_all(c, blame))
			return BAD;
	} while (!o->holes);
	ranges = save(c);
	end = o->high;
	for (from = o->low; from <= end && all != GOOD; from = to + 2) {
		if (!*attempts) {
			all = GIVEN_UP;
			break;
		}
		/* A range without holes, up to the next one. */
		while (!hi_can_be(c, o, from))
			from++;
		for (to = from; to < end && hi_can_be(c, o, to + 1); to++)
			;
		o->low = from;
		o->high = to;
		o->holes = false;
		outcome = solve(c, attempts, &ignored);
		if (outcome != BAD)
			all = outcome;
		else if (*attempts)
			--*attempts;
		if (outcome != GOOD)
			restore(c, ranges);
	}
	if (all != GOOD)
		*blame = o - c->observations;
	free(ranges);
	return all;
}

static void search(struct hi_check *c)
{
	const struct hi_observation *o;
	__u32 attempts = ATTEMPTS, blame, n, i;
	struct hi_edge *cycle;

	switch (solve(c, &attempts, &blame)) {
	case GOOD:
		return;
	case GIVEN_UP:
		for (i = 0; i < c->nobservations; i++)
			c->verdict.undecided += c->observations[i].holes;
		return;
	case BAD:
		break;
	}
	if (blame == HI_NONE) {
		n = hi_cycle(&c->graph, &cycle);
		hi_cycle_finding(c, cycle, n);
		free(cycle);
		return;
	}
	o = &c->observations[blame];
	hi_finding(c, HISTORY_NO_ORDER, c->item_op[o->item], c->parts[o->part].op,
		   "%s cannot have been so, whatever came first",
		   c->h->names[c->h->items[o->item].document]);
}

struct history_verdict history_check(const struct history *h, FILE *report)
{
	struct hi_check c = {
		.h = h,
		.report = report,
		.documents = hi_alloc(h->documents, sizeof(*c.documents)),
		.item_op = hi_alloc(h->nitems, sizeof(*c.item_op)),
		.item_version = hi_alloc(h->nitems, sizeof(*c.item_version)),
		.item_index = hi_alloc(h->nitems, sizeof(*c.item_index)),
		.happened = hi_alloc(h->nops, sizeof(*c.happened)),
		.tags = hi_alloc(h->nops, sizeof(*c.tags)),
		.snapshots = hi_alloc(h->nops, sizeof(*c.snapshots)),
		.item_part = hi_alloc(h->nitems, sizeof(*c.item_part)),
		.item_node = hi_alloc(h->nitems, sizeof(*c.item_node)),
	};
	__u32 i;

	memset(c.item_part, 0xff, h->nitems * sizeof(*c.item_part));
	hi_versions(&c);
	if (!c.verdict.findings)
		hi_contents(&c);
	if (!c.verdict.findings)
		hi_observe(&c);
	if (!c.verdict.findings)
		search(&c);
	if (report && c.verdict.findings > HI_REPORTS)
		fprintf(report, "and %u more\n", c.verdict.findings - HI_REPORTS);
	for (i = 0; i < h->documents; i++)
		free(c.documents[i].writes);
	free(c.documents);
	free(c.item_op);
	free(c.item_version);
	free(c.item_index);
	free(c.happened);
	free(c.tags);
	free(c.snapshots);
	free(c.item_part);
	free(c.item_node);
	free(c.node_part);
	free(c.parts);
	free(c.observations);
	hi_graph_free(&c.graph);
	return c.verdict;
}

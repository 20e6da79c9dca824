// SPDX-License-Identifier: GPL-2.0
/*
 * Graphs of what must be before what: an order that agrees with one, or a cycle.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* How many edges a search for a short cycle may look at, in all. */
#define BUDGET	50000000ULL

void hi_edge(struct hi_graph *g, __u32 from, __u32 to, enum hi_edge_type type, __u32 document)
{
	g->edges = hi_grow(g->edges, g->n, &g->room, sizeof(*g->edges));
	g->edges[g->n++] = (struct hi_edge){ from, to, document, type };
}

static bool of_time(const struct hi_edge *e)
{
	return e->type == HI_BEFORE || e->type == HI_TIME || e->type == HI_BEGUN;
}

/* Edges by the node that they come from; without those of time, if so wished. */
static void arrange(struct hi_graph *g, bool time)
{
	__u32 i;

	free(g->first);
	free(g->sorted);
	g->first = hi_alloc(g->nodes + 2, sizeof(*g->first));
	g->sorted = hi_alloc(g->n, sizeof(*g->sorted));
	for (i = 0; i < g->n; i++) {
		if (time || !of_time(&g->edges[i]))
			g->first[g->edges[i].from + 2]++;
	}
	for (i = 2; i < g->nodes + 2; i++)
		g->first[i] += g->first[i - 1];
	for (i = 0; i < g->n; i++) {
		if (time || !of_time(&g->edges[i]))
			g->sorted[g->first[g->edges[i].from + 1]++] = i;
	}
}

/*
 * An order, as far as there is one: how many nodes are in it. What has nothing before
 * it any more comes in the order in which that became so, which is near to that of
 * time.
 */
static __u32 sort(struct hi_graph *g)
{
	__u32 *before = hi_alloc(g->nodes, sizeof(*before)), i, k, n = 0, to;

	if (!g->order) {
		g->order = hi_alloc(g->nodes, sizeof(*g->order));
		g->place = hi_alloc(g->nodes, sizeof(*g->place));
	}
	for (i = 0; i < g->first[g->nodes]; i++)
		before[g->edges[g->sorted[i]].to]++;
	for (i = 0; i < g->nodes; i++) {
		g->place[i] = HI_NONE;
		if (!before[i])
			g->order[n++] = i;
	}
	for (i = 0; i < n; i++) {
		g->place[g->order[i]] = i;
		for (k = g->first[g->order[i]]; k < g->first[g->order[i] + 1]; k++) {
			to = g->edges[g->sorted[k]].to;
			if (!--before[to])
				g->order[n++] = to;
		}
	}
	free(before);
	return n;
}

/* Is there an order? */
bool hi_sort(struct hi_graph *g)
{
	arrange(g, true);
	return sort(g) == g->nodes;
}

/*
 * The nodes of any cycle, behind hi_sort() that has found no order: what is in none has
 * something before it that is in none either, so who goes back runs in circles.
 */
void hi_any_cycle(const struct hi_graph *g, bool *inside)
{
	__u32 *before = hi_alloc(g->nodes, sizeof(*before));
	__u32 node = 0, i;

	for (i = 0; i < g->n; i++) {
		if (g->place[g->edges[i].from] == HI_NONE && g->place[g->edges[i].to] == HI_NONE)
			before[g->edges[i].to] = g->edges[i].from;
	}
	memset(inside, 0, g->nodes * sizeof(*inside));
	while (g->place[node] != HI_NONE)
		node++;
	for (i = 0; i < g->nodes; i++)
		node = before[node];
	for (; !inside[node]; node = before[node])
		inside[node] = true;
	free(before);
}

static __u32 cost(const struct hi_edge *e)
{
	return e->type >= HI_WW || e->type == HI_BEFORE;
}

struct search {
	__u32 *distance;
	__u32 *stamp;
	__u32 *done;
	__u32 *by;			/* the edge by which a node was reached */
	__u32 *queue;			/* of twice as many, and more at both ends */
	__u32 now;
	__u64 visited;
};

/*
 * The shortest way from a node back to itself, below @limit, over nodes that are in no
 * order: its length, or HI_NONE. Edges that cost nothing go first.
 */
static __u32 way_back(const struct hi_graph *g, struct search *s, __u32 start, __u32 limit,
		      __u32 *last)
{
	__u32 head = g->n + 1, tail = head, node, k, d;
	const struct hi_edge *e;

	s->now++;
	s->stamp[start] = s->now;
	s->distance[start] = 0;
	s->queue[tail++] = start;
	*last = HI_NONE;
	while (head < tail) {
		node = s->queue[head++];
		if (s->distance[node] >= limit)
			break;
		/* By a shorter way, since it was put there. */
		if (s->done[node] == s->now)
			continue;
		s->done[node] = s->now;
		for (k = g->first[node]; k < g->first[node + 1]; k++) {
			e = &g->edges[g->sorted[k]];
			if (g->place[e->to] != HI_NONE)
				continue;
			s->visited++;
			d = s->distance[node] + cost(e);
			if (e->to == start) {
				if (d < limit) {
					limit = d;
					*last = g->sorted[k];
				}
				continue;
			}
			if (d >= limit || (s->stamp[e->to] == s->now && s->distance[e->to] <= d))
				continue;
			s->stamp[e->to] = s->now;
			s->distance[e->to] = d;
			s->by[e->to] = g->sorted[k];
			if (cost(e))
				s->queue[tail++] = e->to;
			else
				s->queue[--head] = e->to;
		}
	}
	return *last == HI_NONE ? HI_NONE : limit;
}

static __u32 copy_cycle(const struct hi_graph *g, const struct search *s, __u32 start,
			__u32 last, struct hi_edge **cycle)
{
	__u32 n = 1, i, e;

	for (e = last; g->edges[e].from != start; e = s->by[g->edges[e].from])
		n++;
	*cycle = hi_alloc(n, sizeof(**cycle));
	e = last;
	for (i = n; i--; ) {
		(*cycle)[i] = g->edges[e];
		if (i)
			e = s->by[g->edges[e].from];
	}
	return n;
}

/* A short cycle among nodes that are in no order. */
static __u32 short_cycle(const struct hi_graph *g, struct hi_edge **cycle)
{
	struct search s = {
		.distance = hi_alloc(g->nodes, sizeof(__u32)),
		.stamp = hi_alloc(g->nodes, sizeof(__u32)),
		.done = hi_alloc(g->nodes, sizeof(__u32)),
		.by = hi_alloc(g->nodes, sizeof(__u32)),
		.queue = hi_alloc(2 * (size_t)g->n + 2, sizeof(__u32)),
	};
	__u32 best = HI_NONE, n = 0, i, k, length, last;
	bool starts;

	for (i = 0; i < g->nodes && (best == HI_NONE || s.visited < BUDGET); i++) {
		/* One edge of a cycle is about a document. */
		starts = false;
		for (k = g->first[i]; k < g->first[i + 1]; k++)
			starts |= g->edges[g->sorted[k]].type >= HI_WW;
		if (!starts || g->place[i] != HI_NONE)
			continue;
		length = way_back(g, &s, i, best, &last);
		if (length == HI_NONE)
			continue;
		best = length;
		if (n)
			free(*cycle);
		n = copy_cycle(g, &s, i, last, cycle);
		/* Two moments of one operation are no better than that. */
		if (best <= 1)
			break;
	}
	free(s.distance);
	free(s.stamp);
	free(s.done);
	free(s.by);
	free(s.queue);
	return n;
}

/*
 * A cycle, if there is one, as an array of its edges: how many they are. One that has
 * nothing to do with time comes first.
 */
__u32 hi_cycle(struct hi_graph *g, struct hi_edge **cycle)
{
	arrange(g, false);
	if (sort(g) == g->nodes) {
		arrange(g, true);
		if (sort(g) == g->nodes)
			return 0;
	}
	return short_cycle(g, cycle);
}

void hi_graph_free(struct hi_graph *g)
{
	free(g->edges);
	free(g->first);
	free(g->sorted);
	free(g->order);
	free(g->place);
	memset(g, 0, sizeof(*g));
}

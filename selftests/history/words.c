// SPDX-License-Identifier: GPL-2.0
/*
 * What is wrong, in words.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "internal.h"

static bool told(struct hi_check *c, enum history_anomaly anomaly)
{
	if (!c->verdict.findings++)
		c->verdict.anomaly = anomaly;
	return c->report && c->verdict.findings <= HI_REPORTS;
}

static void tell_op(const struct hi_check *c, __u32 op)
{
	fprintf(c->report, "  [%u] ", op);
	history_write_op(c->h, &c->h->ops[op], c->report);
}

/* About one operation or two. */
void hi_finding(struct hi_check *c, enum history_anomaly anomaly, __u32 op, __u32 other,
		const char *format, ...)
{
	va_list args;

	if (!told(c, anomaly))
		return;
	fprintf(c->report, "%s: ", history_anomaly(anomaly));
	va_start(args, format);
	vfprintf(c->report, format, args);
	va_end(args);
	fputc('\n', c->report);
	if (op != HI_NONE)
		tell_op(c, op);
	if (other != HI_NONE && other != op)
		tell_op(c, other);
}

/* One part of the history is before another one, and why. */
struct step {
	__u32 from, to;
	__u32 document;
	__u8 type;
};

/* The steps of a cycle, which begins with an edge between two parts. */
static __u32 steps_of(const struct hi_check *c, const struct hi_edge *cycle, __u32 length,
		      struct step *steps)
{
	__u32 i, n = 0, begin = 0;

	while (cycle[begin].type < HI_WW)
		begin++;
	for (i = 0; i < length; i++) {
		const struct hi_edge *e = &cycle[(begin + i) % length];

		if (e->type == HI_BEGUN) {
			steps[n - 1].to = c->node_part[e->to];
		} else if (e->type == HI_BEFORE || e->type >= HI_WW) {
			steps[n].from = c->node_part[e->from];
			steps[n].to = c->node_part[e->to];
			steps[n].document = e->document;
			steps[n++].type = e->type;
		}
	}
	return n;
}

/* Does it only look? */
static bool reads(const struct hi_check *c, __u32 part)
{
	const struct history_op *op = &c->h->ops[c->parts[part].op];
	__u32 i;

	for (i = op->first; i < op->first + op->count; i++) {
		if (c->item_index[i] && c->item_part[i] == part)
			return false;
	}
	return true;
}

static enum history_anomaly name_of(const struct hi_check *c, const struct step *steps, __u32 n)
{
	__u32 count[HI_RW + 1] = { 0 }, i, rw = 0, back = 0, forks = 0;
	bool one = true;

	for (i = 0; i < n; i++) {
		count[steps[i].type]++;
		if (steps[i].type == HI_RW) {
			rw = i;
			forks += reads(c, steps[i].from);
		}
		if (steps[i].type != HI_BEFORE && steps[i].document != steps[0].document)
			one = false;
		/* One that looked, before another one. */
		if (steps[i].type == HI_BEFORE && reads(c, steps[i].from) &&
		    reads(c, steps[i].to))
			back++;
	}
	if (count[HI_BEFORE]) {
		if (!count[HI_RW])
			return count[HI_WR] ? HISTORY_FUTURE : HISTORY_ORDER;
		if (back)
			return HISTORY_BACK;
		if (c->h->ops[c->parts[steps[rw].from].op].kind == HISTORY_SNAPSHOT)
			return HISTORY_PAST;
		return reads(c, steps[rw].from) ? HISTORY_STALE_READ : HISTORY_ORDER;
	}
	if (!count[HI_RW])
		return count[HI_WR] ? HISTORY_CIRCULAR : HISTORY_INTERLEAVED;
	if (count[HI_RW] > 1)
		return forks == count[HI_RW] ? HISTORY_LONG_FORK : HISTORY_WRITE_SKEW;
	if (one)
		return reads(c, steps[rw].from) ? HISTORY_CHANGING : HISTORY_LOST_UPDATE;
	return n == 2 && reads(c, steps[rw].from) ? HISTORY_HALF_BATCH : HISTORY_READ_SKEW;
}

void hi_cycle_finding(struct hi_check *c, const struct hi_edge *cycle, __u32 length)
{
	static const char * const why[] = {
		[HI_BEFORE] = "ended before this began:",
		[HI_WW] = "wrote a version of %s that this replaced:",
		[HI_WR] = "wrote a version of %s that this saw:",
		[HI_RW] = "saw a version of %s that this replaced:",
	};
	struct step *steps = hi_alloc(length, sizeof(*steps));
	__u32 n = steps_of(c, cycle, length, steps), i, j;
	enum history_anomaly anomaly = name_of(c, steps, n);

	if (told(c, anomaly)) {
		fprintf(c->report, "%s: each of these must have been before the next one\n",
			history_anomaly(anomaly));
		for (i = 0; i < n; i++) {
			tell_op(c, c->parts[steps[i].from].op);
			/* What a snapshot saw is told where it was read. */
			for (j = 0; j < c->h->nitems && steps[i].type == HI_RW; j++) {
				if (c->item_part[j] == steps[i].from &&
				    c->h->items[j].document == steps[i].document &&
				    c->item_op[j] != c->parts[steps[i].from].op)
					tell_op(c, c->item_op[j]);
			}
			fputs("    ", c->report);
			/* The formats above. */
			fprintf(c->report, why[steps[i].type],
				c->h->names[steps[i].document]);
			fputc('\n', c->report);
		}
		tell_op(c, c->parts[steps[0].from].op);
	}
	free(steps);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Is a history good? By trying all orders, with no idea of how a checker could know
 * better: a store is run through them, and all that it says compared.
 */
#include <stdlib.h>
#include <string.h>

#include "test.h"

#define MOMENTS		64
#define DOCUMENTS	16
#define SEEN		(1U << 16)

struct document {
	__u64 version;
	__u64 tag;
	__s64 n;
	bool there;
};

enum kind { WHOLE, BEGIN, PUBLISH, END };

/* Something that happens at one moment. */
struct moment {
	__u32 op;
	enum kind kind;
	__u32 first, count;		/* items, of one operation */
	__u32 partition;		/* of PUBLISH */
	__u32 begin, end;		/* of a batch over partitions, its other moments */
};

struct search {
	const struct history *h;
	struct moment moments[MOMENTS];
	__u32 n;
	__u64 done;
	struct document documents[DOCUMENTS];
	struct document after[DOCUMENTS];	/* by who is in the middle of it */
	__u64 seen[SEEN];
	__u32 nseen;
};

static bool unknown(const struct search *s, const struct moment *m)
{
	return s->h->ops[m->op].state == HISTORY_UNKNOWN;
}

/* The items that are seen on a snapshot, too. */
static bool next_item(const struct search *s, const struct moment *m, __u32 *i)
{
	const struct history_op *op = &s->h->ops[m->op], *on;

	for (++*i; *i < s->h->nitems; ++*i) {
		if (*i >= m->first && *i < m->first + m->count)
			return true;
		for (on = s->h->ops; op->kind == HISTORY_SNAPSHOT && on < s->h->ops + s->h->nops;
		     on++) {
			if (on->kind == HISTORY_ON && on->state == HISTORY_DONE &&
			    on->number == op->number && *i >= on->first &&
			    *i < on->first + on->count)
				return true;
		}
	}
	return false;
}

#define each_item(s, m, i) for (i = ~0U; next_item(s, m, &(i)); )

/* Is it something that is carried out, and changes this document? */
static bool changes(const struct search *s, const struct moment *m, __u32 i)
{
	return history_writes(&s->h->items[i]) &&
	       (unknown(s, m) || !s->h->items[i].result) &&
	       !history_refused(s->h, &s->h->ops[m->op]);
}

static bool looks(const struct search *s, __u32 i)
{
	return s->h->items[i].result != HISTORY_CANCELED &&
	       s->h->items[i].result != HISTORY_OTHER;
}

/* Does it look at one partition only, and change nothing? */
static bool weak(const struct search *s, const struct moment *m)
{
	const struct history_op *op = &s->h->ops[m->op];
	__u32 i, p = ~0U;

	if (op->kind != HISTORY_READ && op->kind != HISTORY_TOGETHER)
		return false;
	each_item(s, m, i) {
		if (p != ~0U && s->h->partitions[s->h->items[i].document] != p)
			return false;
		p = s->h->partitions[s->h->items[i].document];
	}
	return true;
}

/* Must one of them be over before the other begins, for the documents they are about? */
static bool conflict(const struct search *s, const struct moment *a, const struct moment *b)
{
	__u32 i, k;

	each_item(s, a, i) {
		each_item(s, b, k) {
			if (s->h->items[i].document == s->h->items[k].document &&
			    ((changes(s, a, i) && looks(s, k)) ||
			     (changes(s, b, k) && looks(s, i))))
				return true;
		}
	}
	return false;
}

static bool is_done(const struct search *s, __u32 m)
{
	return s->done >> m & 1;
}

static bool time_allows(const struct search *s, const struct moment *m)
{
	const struct history_op *op = &s->h->ops[m->op], *other;
	__u32 i;

	for (i = 0; i < s->n; i++) {
		other = &s->h->ops[s->moments[i].op];
		if (is_done(s, i) && other->begin > op->end)
			return false;
		/* One that nobody knows of may not happen, but not half of it. */
		if (!is_done(s, i) && other->end < op->begin &&
		    (!unknown(s, &s->moments[i]) || is_done(s, s->moments[i].begin)))
			return false;
	}
	for (i = m->begin; m->kind == END && i < m->end; i++) {
		if (!is_done(s, i))
			return false;
	}
	if (m->kind == PUBLISH || m->kind == END)
		return is_done(s, m->begin);
	if (weak(s, m))
		return true;
	for (i = 0; i < s->n; i++) {
		if (s->moments[i].kind == BEGIN && is_done(s, i) &&
		    !is_done(s, s->moments[i].end) && conflict(s, m, &s->moments[i]))
			return false;
	}
	return true;
}

static bool same(const struct history_item *item, const struct document *d)
{
	if (item->result == HISTORY_NOENT || !item->version)
		return !d->there;
	return d->there && item->version == d->version &&
	       (item->what == HISTORY_CHECK || (item->tag == d->tag && item->n == d->n));
}

static int refusal(const struct history_item *item, const struct document *d)
{
	__u64 version = d->there ? d->version : 0;

	if ((item->condition == HISTORY_IF_EXISTS && !d->there) ||
	    ((item->what == HISTORY_GET || item->what == HISTORY_DELETE) && !d->there))
		return HISTORY_NOENT;
	if (item->condition == HISTORY_IF_ABSENT && d->there)
		return HISTORY_EXIST;
	if (item->condition == HISTORY_IF_VERSION && item->if_version != version)
		return HISTORY_STALE;
	return HISTORY_OK;
}

/* Is it true that this was the reason? There may have been another one as well. */
static bool reason(const struct history_item *item, const struct document *d)
{
	struct history_item alone = *item;

	switch (item->result) {
	case HISTORY_NOENT:
		return refusal(item, d) == HISTORY_NOENT;
	case HISTORY_STALE:
		alone.what = HISTORY_CHECK;
		return refusal(&alone, d) == HISTORY_STALE;
	case HISTORY_EXIST:
		return refusal(item, d) == HISTORY_EXIST;
	default:
		return item->result == HISTORY_OTHER;
	}
}

/* A new version; @version is the one to be if that is not known. */
static bool write(const struct search *s, const struct moment *m,
		  const struct history_item *item, struct document *d, __u64 version)
{
	if (refusal(item, d))
		return false;
	if (!unknown(s, m))
		version = item->version;
	if (d->there ? version != d->version + 1 : version <= d->version)
		return false;
	if (item->what == HISTORY_SET || !d->there)
		d->n = 0;
	if (item->what != HISTORY_DELETE)
		d->n += item->value;
	d->version = version;
	d->there = item->what != HISTORY_DELETE;
	d->tag = s->h->ops[m->op].number;
	return true;
}

static bool go_on(struct search *s);

/* The next item of something that changes documents; all of them, or none. */
static bool change(struct search *s, __u32 moment, __u32 i)
{
	const struct moment *m = &s->moments[moment];
	const struct history_item *item = &s->h->items[i];
	struct document *d, old;
	__u32 k;

	if (i == m->first + m->count) {
		struct document before[DOCUMENTS];
		bool good;

		memcpy(before, s->documents, sizeof(before));
		for (k = m->first; k < i && m->kind == WHOLE; k++) {
			if (history_writes(&s->h->items[k]))
				s->documents[s->h->items[k].document] =
					s->after[s->h->items[k].document];
		}
		s->done |= 1ULL << moment;
		good = go_on(s);
		s->done &= ~(1ULL << moment);
		memcpy(s->documents, before, sizeof(before));
		return good;
	}
	d = &s->after[item->document];
	old = *d;
	*d = s->documents[item->document];
	if (!history_writes(item)) {
		if (!refusal(item, d) && (unknown(s, m) || same(item, d)) &&
		    change(s, moment, i + 1))
			return true;
	} else if (!unknown(s, m) || d->there) {
		if (write(s, m, item, d, d->version + 1) && change(s, moment, i + 1))
			return true;
	} else {
		/* Any number that somebody speaks of, or the next one. */
		__u64 last = d->version, tried = 0;

		for (k = 0; k <= s->h->nitems; k++) {
			__u64 version = k < s->h->nitems ? s->h->items[k].version : last + 1;

			if (k < s->h->nitems &&
			    (s->h->items[k].document != item->document || version == last + 1))
				continue;
			/* Most of the time the same one again. */
			if (version == tried)
				continue;
			tried = version;
			*d = s->documents[item->document];
			if (write(s, m, item, d, version) && change(s, moment, i + 1))
				return true;
		}
	}
	*d = old;
	return false;
}

static bool happens(struct search *s, __u32 moment)
{
	const struct moment *m = &s->moments[moment];
	const struct history_op *op = &s->h->ops[m->op];
	const struct history_item *item;
	struct document before[DOCUMENTS];
	bool good, some = false;
	__u32 i;

	if (m->kind == PUBLISH || m->kind == END) {
		memcpy(before, s->documents, sizeof(before));
		for (i = m->first; i < m->first + m->count && m->kind == PUBLISH; i++) {
			item = &s->h->items[i];
			if (history_writes(item) &&
			    s->h->partitions[item->document] == m->partition)
				s->documents[item->document] = s->after[item->document];
		}
		s->done |= 1ULL << moment;
		good = go_on(s);
		s->done &= ~(1ULL << moment);
		memcpy(s->documents, before, sizeof(before));
		return good;
	}
	if (op->kind <= HISTORY_EACH) {
		for (i = m->first; i < m->first + m->count && !unknown(s, m); i++) {
			item = &s->h->items[i];
			if (item->result && item->result != HISTORY_CANCELED) {
				some = true;
				if (!reason(item, &s->documents[item->document]))
					return false;
			}
		}
		for (i = m->first; i < m->first + m->count && some; i++) {
			if (!s->h->items[i].result)
				return false;
		}
		if (!some) {
			for (i = m->first; i < m->first + m->count && !unknown(s, m); i++) {
				if (s->h->items[i].result)
					return false;
			}
			return change(s, moment, m->first);
		}
	} else {
		each_item(s, m, i) {
			item = &s->h->items[i];
			if (!same(item, &s->documents[item->document]))
				return false;
		}
	}
	s->done |= 1ULL << moment;
	good = go_on(s);
	s->done &= ~(1ULL << moment);
	return good;
}

static __u64 hash(const void *p, size_t n, __u64 h)
{
	const unsigned char *c = p;

	while (n--)
		h = (h ^ *c++) * 0x100000001b3ULL;
	return h;
}

/* Was it there before, and led nowhere? */
static bool seen_before(struct search *s)
{
	__u64 key = hash(&s->done, sizeof(s->done), 0xcbf29ce484222325ULL);
	__u32 i;

	for (i = 0; i < s->h->documents; i++) {
		key = hash(&s->documents[i].version, sizeof(__u64), key);
		key = hash(&s->documents[i].tag, sizeof(__u64), key);
		key = hash(&s->documents[i].n, sizeof(__u64), key);
		key = hash(&s->after[i].version, sizeof(__u64), key);
		key = hash(&s->after[i].tag, sizeof(__u64), key);
		key = hash(&s->after[i].n, sizeof(__u64), key);
	}
	key |= 1;
	for (i = key % SEEN; s->seen[i]; i = (i + 1) % SEEN) {
		if (s->seen[i] == key)
			return true;
	}
	if (s->nseen < SEEN / 2) {
		s->seen[i] = key;
		s->nseen++;
	}
	return false;
}

static bool go_on(struct search *s)
{
	bool all = true;
	__u32 i;

	if (seen_before(s))
		return false;
	for (i = 0; i < s->n; i++) {
		if (!is_done(s, i) &&
		    (!unknown(s, &s->moments[i]) || is_done(s, s->moments[i].begin)))
			all = false;
	}
	if (all)
		return true;
	for (i = 0; i < s->n; i++) {
		if (!is_done(s, i) && time_allows(s, &s->moments[i]) && happens(s, i))
			return true;
	}
	return false;
}

static struct moment *add(struct search *s, __u32 op, enum kind kind, __u32 first, __u32 count)
{
	if (s->n == MOMENTS)
		abort();
	s->moments[s->n] = (struct moment){
		.op = op, .kind = kind, .first = first, .count = count,
		.begin = s->n, .end = s->n,
	};
	return &s->moments[s->n++];
}

static void add_batch(struct search *s, __u32 op)
{
	const struct history_op *o = &s->h->ops[op];
	__u64 partitions = 0;
	__u32 i, begin = s->n, p;
	struct moment *m = add(s, op, WHOLE, o->first, o->count);

	for (i = o->first; i < o->first + o->count; i++) {
		if (changes(s, m, i))
			partitions |= 1ULL << s->h->partitions[s->h->items[i].document];
	}
	if (!(partitions & (partitions - 1)))
		return;
	m->kind = BEGIN;
	for (p = 0; p < 64; p++) {
		if (partitions >> p & 1)
			add(s, op, PUBLISH, o->first, o->count)->partition = p;
	}
	add(s, op, END, o->first, o->count);
	for (i = begin; i < s->n; i++) {
		s->moments[i].begin = begin;
		s->moments[i].end = s->n - 1;
	}
}

bool any_order(const struct history *h)
{
	struct search *s = calloc(1, sizeof(*s));
	const struct history_op *op;
	bool good;
	__u32 i, k;

	if (!s)
		abort();
	s->h = h;
	for (i = 0; i < h->nops; i++) {
		op = &h->ops[i];
		if (op->state == HISTORY_FAILED || op->kind == HISTORY_ON ||
		    (op->state == HISTORY_UNKNOWN && op->kind > HISTORY_EACH))
			continue;
		if (op->kind == HISTORY_BATCH)
			add_batch(s, i);
		else if (op->kind == HISTORY_EACH || op->kind == HISTORY_READ)
			for (k = 0; k < op->count; k++)
				add(s, i, WHOLE, op->first + k, 1);
		else
			add(s, i, WHOLE, op->first, op->count);
	}
	good = go_on(s);
	free(s);
	return good;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Making a program from one that was of interest.
 */
#include "fuzz.h"

static void fz_drop_call(struct fz_program *p, unsigned int call)
{
	static struct fz_program new;
	unsigned int i;

	fz_program_clear(&new);
	for (i = 0; i < p->ncalls; i++)
		if (i != call)
			fz_call_copy(&new, p, i);
	fz_program_copy(p, &new);
}

/* A new call, or a call of another program, somewhere. */
static void fz_insert_call(struct fz_program *p, const struct fz_program *other,
			   struct ds_random *r)
{
	static struct fz_program new;
	unsigned int where = ds_below(r, p->ncalls + 1), i;

	fz_program_clear(&new);
	for (i = 0; i <= p->ncalls; i++) {
		if (i == where && other && ds_below(r, 2))
			fz_call_copy(&new, other, ds_below(r, other->ncalls));
		else if (i == where)
			fz_generate_call(&new, r);
		if (i < p->ncalls)
			fz_call_copy(&new, p, i);
	}
	fz_program_copy(p, &new);
}

/* The beginning of one, the end of another. */
static void fz_splice(struct fz_program *p, const struct fz_program *other, struct ds_random *r)
{
	static struct fz_program new;
	unsigned int cut = 1 + ds_below(r, p->ncalls), i;

	fz_program_clear(&new);
	for (i = 0; i < cut; i++)
		fz_call_copy(&new, p, i);
	for (i = ds_below(r, other->ncalls); i < other->ncalls; i++)
		fz_call_copy(&new, other, i);
	fz_program_copy(p, &new);
}

static struct fz_struct *fz_some_struct(struct fz_program *p, struct ds_random *r)
{
	return &p->structs[ds_below(r, p->nstructs)];
}

static bool fz_numeric(const struct fz_value *v)
{
	return v->how == FZ_NUM || v->how == FZ_DEFAULT;
}

/* A field that points, or holds bytes, stays so. */
static bool fz_may_be_number(const struct fz_field *f)
{
	return f->kind != FZ_IN && f->kind != FZ_ROOM && f->kind != FZ_ARRAY &&
	       f->kind != FZ_INLINE && f->kind != FZ_OUT;
}

static void fz_mutate_field(struct fz_program *p, struct ds_random *r)
{
	struct fz_struct *s = fz_some_struct(p, r);
	unsigned int field = ds_below(r, s->type->nfields);
	const struct fz_field *f = &s->type->fields[field];
	struct fz_value *v = &s->v[field];

	/* Elements stay where they are. */
	if (v->how == FZ_STRUCTURES || f->kind == FZ_OUT) {
		if (!ds_below(r, 4))
			v->place = ds_below(r, FZ_PLACES);
		return;
	}
	if (f->kind == FZ_ARRAY)
		return;
	if (fz_may_be_number(f) && fz_numeric(v) && ds_below(r, 2)) {
		v->how = FZ_NUM;
		switch (ds_below(r, 3)) {
		case 0:
			v->number += ds_below(r, 9) - 4;
			break;
		case 1:
			v->number ^= 1ULL << ds_below(r, f->size * 8);
			break;
		default:
			v->number = fz_interesting(r, f->size);
		}
		return;
	}
	if (v->how == FZ_BYTES && !v->literal && ds_below(r, 2)) {
		v->len += ds_below(r, 5) - 2;
		if (v->len > FZ_BIG)
			v->len = 0;
		return;
	}
	memset(v, 0, sizeof(*v));
	fz_generate_value(p, s, field, r, !ds_below(r, 2));
}

/* What the kernel has compared something of ours with. */
static bool fz_mutate_pair(struct fz_program *p, const struct fz_pair *pair, struct ds_random *r)
{
	struct fz_value *found = NULL;
	unsigned int i, j, seen = 0;
	__u64 number = pair->b;

	if (!ds_below(r, 3))
		number += ds_below(r, 3) - 1;
	for (i = 0; i < p->nstructs; i++) {
		struct fz_struct *s = &p->structs[i];

		for (j = 0; j < s->type->nfields; j++) {
			if (!fz_may_be_number(&s->type->fields[j]) || !fz_numeric(&s->v[j]))
				continue;
			if (s->v[j].number == pair->a && !ds_below(r, ++seen))
				found = &s->v[j];
		}
	}
	if (!found)
		return false;
	found->how = FZ_NUM;
	found->number = number;
	return true;
}

static void fz_mutate_call(struct fz_program *p, struct ds_random *r)
{
	struct fz_call *call = &p->calls[ds_below(r, p->ncalls)];

	switch (ds_below(r, 4)) {
	case 0:
		call->fd = ds_below(r, FZ_SLOTS);
		break;
	case 1:
		call->place = ds_below(r, 3) ? FZ_PLAIN : ds_below(r, FZ_ARG);
		break;
	case 2:
		call->nth = ds_below(r, 2) ? 0 : 1 + ds_below(r, 30);
		break;
	default:
		call->tail ^= 1;
	}
}

/**
 * fz_mutate() - change a program
 * @p: the program
 * @other: another one to take from, or NULL
 * @pairs: comparisons that were seen when @p ran
 * @npairs: their number
 * @r: chance
 */
void fz_mutate(struct fz_program *p, const struct fz_program *other,
	       const struct fz_pair *pairs, unsigned int npairs, struct ds_random *r)
{
	unsigned int n = 1 + ds_below(r, 4);

	while (n--) {
		unsigned int what = ds_below(r, 20);

		if (!p->ncalls) {
			fz_generate(p, r);
			continue;
		}
		if (what < 5 && npairs &&
		    fz_mutate_pair(p, &pairs[ds_below(r, npairs)], r))
			continue;
		if (what < 11)
			fz_mutate_field(p, r);
		else if (what < 14)
			fz_insert_call(p, other, r);
		else if (what < 16 && p->ncalls > 1)
			fz_drop_call(p, ds_below(r, p->ncalls));
		else if (what < 18 && other && other->ncalls)
			fz_splice(p, other, r);
		else
			fz_mutate_call(p, r);
	}
}

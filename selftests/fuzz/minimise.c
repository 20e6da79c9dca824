// SPDX-License-Identifier: GPL-2.0
/*
 * Making a program smaller while it still does what it is kept for.
 */
#include "fuzz.h"

struct fz_small {
	bool (*still)(void *data, const struct fz_program *p);
	void *data;
	unsigned int tries;
};

static bool fz_still(struct fz_small *small, const struct fz_program *p)
{
	return small->tries && small->tries-- && small->still(small->data, p);
}

static bool fz_drop_calls(struct fz_small *small, struct fz_program *p)
{
	static struct fz_program new;
	bool any = false;
	__u32 i = p->ncalls, j;

	while (i-- > 0) {
		fz_program_clear(&new);
		for (j = 0; j < p->ncalls; j++)
			if (j != i)
				fz_call_copy(&new, p, j);
		if (!fz_still(small, &new))
			continue;
		fz_program_copy(p, &new);
		any = true;
	}
	return any;
}

static void fz_drop_elements(struct fz_small *small, struct fz_program *p)
{
	__u32 i, j;

	for (i = 0; i < p->nstructs; i++) {
		for (j = 0; j < p->structs[i].type->nfields; j++) {
			struct fz_value *v = &p->structs[i].v[j], old = *v;

			if (v->how != FZ_STRUCTURES)
				continue;
			while (v->len > 1) {
				old = *v;
				v->len--;
				if (!fz_still(small, p)) {
					*v = old;
					break;
				}
			}
			while (v->len > 1) {
				old = *v;
				v->len--;
				v->number++;
				if (!fz_still(small, p)) {
					*v = old;
					break;
				}
			}
		}
	}
}

static void fz_simplify_calls(struct fz_small *small, struct fz_program *p)
{
	__u32 i;

	for (i = 0; i < p->ncalls; i++) {
		struct fz_call old = p->calls[i];

		if (!old.place && !old.tail && !old.nth)
			continue;
		p->calls[i].place = 0;
		p->calls[i].tail = 0;
		p->calls[i].nth = 0;
		if (!fz_still(small, p))
			p->calls[i] = old;
	}
}

static void fz_simplify_values(struct fz_small *small, struct fz_program *p)
{
	__u32 i, j;

	for (i = 0; i < p->nstructs; i++) {
		for (j = 0; j < p->structs[i].type->nfields; j++) {
			struct fz_value *v = &p->structs[i].v[j], old = *v;

			if (v->place) {
				v->place = FZ_PLAIN;
				if (!fz_still(small, p))
					*v = old;
			}
			old = *v;
			if (v->how == FZ_DEFAULT || v->how == FZ_STRUCTURES)
				continue;
			memset(v, 0, sizeof(*v));
			if (!fz_still(small, p))
				*v = old;
		}
	}
}

/* Only leave calls out. */
bool fz_minimise_calls(struct fz_program *p,
		       bool (*still)(void *data, const struct fz_program *p), void *data,
		       unsigned int tries)
{
	struct fz_small small = { .still = still, .data = data, .tries = tries };

	return fz_drop_calls(&small, p);
}

/**
 * fz_minimise() - make a program smaller
 * @p: the program
 * @still: does a program still do what is wanted?
 * @data: passed to it
 * @tries: how often it may be called
 */
void fz_minimise(struct fz_program *p, bool (*still)(void *data, const struct fz_program *p),
		 void *data, unsigned int tries)
{
	static struct fz_program new;
	struct fz_small small = { .still = still, .data = data, .tries = tries };
	__u32 i;

	while (fz_drop_calls(&small, p))
		;
	fz_drop_elements(&small, p);
	fz_simplify_calls(&small, p);
	fz_simplify_values(&small, p);
	fz_drop_calls(&small, p);
	/* Structs that nothing points at any more. */
	fz_program_clear(&new);
	for (i = 0; i < p->ncalls; i++)
		fz_call_copy(&new, p, i);
	fz_program_copy(p, &new);
}

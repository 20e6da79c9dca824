// SPDX-License-Identifier: GPL-2.0
/*
 * Making programs up: calls that are valid for the most part, so that they get
 * somewhere, with something odd now and then.
 */
#include "fuzz.h"

static bool fz_one_in(struct ds_random *r, unsigned int n)
{
	return !ds_below(r, n);
}

/* Numbers at which something may go wrong. */
__u64 fz_interesting(struct ds_random *r, unsigned int size)
{
	static const __u64 numbers[] = {
		1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 257, 4095, 4096, 4097,
		16384, 16385, 65535, 65536, 1 << 20, (1 << 20) + 1, 16 << 20, (16 << 20) + 1,
		0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff, 0x100000000,
		0x4000000000000000, 0x4000000000000001, 0x7fffffffffffffff,
		0x8000000000000000, 0xfffffffffffffff0, 0xffffffffffffffff,
	};
	__u64 mask = size < 8 ? (1ULL << size * 8) - 1 : ~0ULL;

	switch (ds_below(r, 4)) {
	case 0:
		return ds_random(r) & mask;
	case 1:
		return 1ULL << ds_below(r, size * 8);
	default:
		return numbers[ds_below(r, ARRAY_SIZE(numbers))] & mask;
	}
}

static __u64 fz_pick(const struct fz_field *f, struct ds_random *r)
{
	unsigned int n = 1;

	while (f->picks[n])
		n++;
	return f->picks[ds_below(r, n)];
}

static void fz_literal(struct fz_value *v, const char *text)
{
	v->how = FZ_BYTES;
	v->literal = strlen(text);
	v->len = v->literal;
	memcpy(v->text, text, v->literal);
}

/* Few ids and names, so that calls are about the same ones. */
static void fz_short_bytes(struct fz_value *v, struct ds_random *r)
{
	static const char *const words[] = { "a", "b", "c", "ab", "abc", "d" };

	fz_literal(v, words[ds_below(r, ARRAY_SIZE(words))]);
}

static void fz_bytes(struct fz_value *v, struct ds_random *r, bool odd)
{
	static const __u32 lengths[] = { 0, 1, 2, 7, 8, 9, 63, 64, 254, 255, 256, 257, 300 };
	static const __u32 longer[] = {
		1000, 4000, 4096, 4097, 8192, 65535, 65536, 65537, 1 << 20, (1 << 20) - 100,
		(1 << 20) - 56, (1 << 20) + 1,
	};

	if (!odd && !fz_one_in(r, 8)) {
		fz_short_bytes(v, r);
		return;
	}
	v->how = FZ_BYTES;
	v->literal = 0;
	v->number = ds_below(r, 4);
	if (fz_one_in(r, 3))
		v->len = ds_below(r, 256);
	else if (fz_one_in(r, 12))
		v->len = longer[ds_below(r, ARRAY_SIZE(longer))];
	else
		v->len = lengths[ds_below(r, ARRAY_SIZE(lengths))];
}

static void fz_room(struct fz_value *v, struct ds_random *r)
{
	static const __u32 lengths[] = {
		0, 1, 7, 8, 40, 47, 48, 49, 56, 64, 100, 216, 263, 264, 272, 432, 1000, 4096,
		4096, 8192, 65536, 1 << 20, (1 << 20) + 8,
	};

	v->how = FZ_SPACE;
	v->len = lengths[ds_below(r, fz_one_in(r, 8) ? ARRAY_SIZE(lengths) :
						       ARRAY_SIZE(lengths) - 2)];
}

static void fz_place(struct fz_value *v, struct ds_random *r, bool odd)
{
	v->place = FZ_PLAIN;
	if (odd)
		v->place = ds_below(r, FZ_PLACES);
	else if (fz_one_in(r, 6))
		v->place = fz_one_in(r, 2) ? FZ_EDGE : fz_one_in(r, 2) ? FZ_ODD : FZ_FRESH;
}

static void fz_store_literal(struct fz_value *v, struct ds_random *r, bool odd)
{
	static const char *const names[] = { "@m", "@a", "@b", "@a", "@b" };
	static const char *const bad[] = { "", ".x", "-x", "a/b", "@z", "\x80", "x y" };

	if (odd && fz_one_in(r, 2)) {
		v->how = FZ_BYTES;
		v->len = 60 + ds_below(r, 6);
		v->number = ds_below(r, 4);
	} else if (odd) {
		fz_literal(v, bad[ds_below(r, ARRAY_SIZE(bad))]);
	} else {
		fz_literal(v, names[ds_below(r, ARRAY_SIZE(names))]);
	}
}

static void fz_number(struct fz_value *v, const struct fz_field *f, struct ds_random *r, bool odd)
{
	v->how = FZ_NUM;
	if (odd && f->max && fz_one_in(r, 2))
		v->number = f->max + ds_below(r, 3) - 1;
	else if (odd)
		v->number = fz_interesting(r, f->size);
	else if (f->picks)
		v->number = fz_pick(f, r);
	else
		v->number = ds_below(r, 10);
}

/* A length, size or count that is not what is there. */
static void fz_wrong_length(struct fz_value *v, const struct fz_field *f, struct ds_random *r)
{
	v->how = FZ_NUM;
	if (f->max && fz_one_in(r, 2))
		v->number = f->max + ds_below(r, 3) - 1;
	else if (fz_one_in(r, 2))
		v->number = ds_below(r, 300);
	else
		v->number = fz_interesting(r, f->size);
}

static void fz_struct_size(struct fz_value *v, const struct fz_type *type, struct ds_random *r)
{
	static const __u32 sizes[] = { 0, 1, 4, 4095, 4096, 4097, 8192, 0xffffffff };

	v->how = FZ_NUM;
	if (fz_one_in(r, 3))
		v->number = sizes[ds_below(r, ARRAY_SIZE(sizes))];
	else
		v->number = type->size + ds_below(r, 64) - 16;
}

static void fz_elements(struct fz_program *p, struct fz_value *v, const struct fz_type *type,
			struct ds_random *r, bool odd, unsigned int max)
{
	static const __u8 counts[] = { 1, 1, 1, 2, 2, 3, 4, 6, 12 };
	unsigned int n = counts[ds_below(r, ARRAY_SIZE(counts))];
	unsigned int i, j, strange = n;

	if (max && n > max)
		n = max;
	if (p->nstructs + n > FZ_STRUCTS)
		n = FZ_STRUCTS - p->nstructs;
	if (odd)
		strange = ds_below(r, n + 1);
	v->how = FZ_STRUCTURES;
	v->number = p->nstructs;
	v->len = n;
	for (i = 0; i < n; i++)
		fz_struct_new(p, type);
	for (i = 0; i < n; i++) {
		struct fz_struct *s = &p->structs[v->number + i];
		unsigned int field = i == strange ? ds_below(r, type->nfields) : type->nfields;

		for (j = 0; j < type->nfields; j++)
			fz_generate_value(p, s, j, r, j == field);
	}
}

/*
 * What an operation's value is depends on its other fields, and so here does
 * what its type, property and conditions are.
 */
static void fz_any(struct fz_struct *s, unsigned int field, struct ds_random *r, bool odd)
{
	struct fz_value *v = &s->v[field];
	__u64 code = s->v[0].number;

	v->how = FZ_DEFAULT;
	if (odd && fz_one_in(r, 2)) {
		fz_number(v, &s->type->fields[field], r, true);
		return;
	}
	if (s->type->size != sizeof(struct docstore_op))
		return;
	s->v[2].how = FZ_DEFAULT;
	s->v[5].how = FZ_DEFAULT;
	if (code == DOCSTORE_OP_SET || code == DOCSTORE_OP_ADD ||
	    (code != DOCSTORE_OP_DELETE && code != DOCSTORE_OP_TOUCH &&
	     code != DOCSTORE_OP_CHECK && fz_one_in(r, 2))) {
		s->v[5].how = FZ_NUM;
		s->v[5].number = 1 + ds_below(r, 5);
	}
	s->v[2].how = FZ_NUM;
	s->v[2].number = DOCSTORE_TYPE_NONE;
	switch (code) {
	case DOCSTORE_OP_GET:
		fz_room(v, r);
		fz_place(v, r, odd);
		break;
	case DOCSTORE_OP_SET:
		s->v[2].number = 1 + ds_below(r, 8);
		if (s->v[2].number >= DOCSTORE_TYPE_STRING) {
			fz_bytes(v, r, odd || fz_one_in(r, 3));
			fz_place(v, r, odd);
		} else if (s->v[2].number == DOCSTORE_TYPE_BOOL) {
			v->how = FZ_NUM;
			v->number = ds_below(r, 2);
		} else if (s->v[2].number != DOCSTORE_TYPE_NULL) {
			v->how = FZ_NUM;
			v->number = fz_interesting(r, 8);
		}
		break;
	case DOCSTORE_OP_ADD:
		s->v[2].number = DOCSTORE_TYPE_S64;
		v->how = FZ_NUM;
		v->number = fz_one_in(r, 4) ? fz_interesting(r, 8) : ds_below(r, 10);
		break;
	case DOCSTORE_OP_TOUCH:
		if (!fz_one_in(r, 3))
			break;
		s->v[2].number = DOCSTORE_TYPE_U64;
		v->how = FZ_NUM;
		v->number = fz_one_in(r, 4) ? fz_interesting(r, 8) : ds_below(r, 20);
		break;
	}
}

void fz_generate_value(struct fz_program *p, struct fz_struct *s, unsigned int field,
		       struct ds_random *r, bool odd)
{
	const struct fz_field *f = &s->type->fields[field];
	struct fz_value *v = &s->v[field];

	/* Not what fz_any() will choose, or has chosen. */
	v->place = FZ_PLAIN;
	if (f->rare && !odd && !fz_one_in(r, 5))
		return;
	switch (f->kind) {
	case FZ_SIZE:
		if (odd)
			fz_struct_size(v, s->type, r);
		break;
	case FZ_ESIZE:
		if (odd && s->type->fields[f->of].elem)
			fz_struct_size(v, s->type->fields[f->of].elem, r);
		else if (odd)
			fz_struct_size(v, f->elem, r);
		break;
	case FZ_NUMBER:
		fz_number(v, f, r, odd);
		break;
	case FZ_TOLD:
		if (odd || fz_one_in(r, 6))
			fz_number(v, f, r, odd);
		break;
	case FZ_FLAGS:
		v->how = FZ_NUM;
		v->number = f->min;
		if (odd)
			v->number = fz_interesting(r, f->size);
		else if (f->picks && fz_one_in(r, 2))
			v->number = fz_pick(f, r);
		else if (f->mask && fz_one_in(r, f->min ? 2 : 5))
			v->number = (ds_random(r) & f->mask) ?: f->mask;
		break;
	case FZ_RESERVED:
		if (odd) {
			v->how = FZ_NUM;
			v->number = fz_interesting(r, f->size);
		}
		break;
	case FZ_INOUT:
		if (odd || (f->picks && fz_one_in(r, 6))) {
			fz_number(v, f, r, odd);
		} else if (f->min) {
			v->how = FZ_NUM;
			v->number = f->min;
		} else if (fz_one_in(r, 4)) {
			v->how = FZ_LAST;
		}
		break;
	case FZ_LEN:
	case FZ_COUNT:
		if (odd)
			fz_wrong_length(v, f, r);
		break;
	case FZ_IN:
		if (f->min || !fz_one_in(r, 20))
			fz_bytes(v, r, odd);
		fz_place(v, r, odd);
		break;
	case FZ_ROOM:
		fz_room(v, r);
		fz_place(v, r, odd);
		break;
	case FZ_ARRAY:
		fz_elements(p, v, f->elem, r, odd, f->max);
		fz_place(v, r, odd && fz_one_in(r, 2));
		break;
	case FZ_ANY:
		fz_any(s, field, r, odd);
		break;
	case FZ_INLINE:
		fz_store_literal(v, r, odd);
		break;
	}
}

static unsigned int fz_generate_op(struct ds_random *r)
{
	unsigned int total = 0, i, n;

	for (i = 0; i < fz_nops; i++)
		total += fz_ops[i].weight;
	n = ds_below(r, total);
	for (i = 0; n >= fz_ops[i].weight; i++)
		n -= fz_ops[i].weight;
	return i;
}

/* Does a call of the program give a descriptor of this kind? */
static bool fz_generated(const struct fz_program *p, unsigned int command)
{
	unsigned int i;

	for (i = 0; i < p->ncalls; i++)
		if (fz_ops[p->calls[i].op].command == command)
			return true;
	return false;
}

/* Mostly one that the operation is meant for. */
static unsigned int fz_generate_slot(const struct fz_program *p, const struct fz_op *op,
				     struct ds_random *r)
{
	unsigned int store = 1, n;

	if (fz_one_in(r, 25))
		return ds_below(r, FZ_SLOTS);
	/* Where the first ones go that programs open. */
	if ((op->flags & FZ_ON_SNAPSHOT) && fz_generated(p, DOCSTORE_SNAPSHOT) && fz_one_in(r, 2))
		return 5 + ds_below(r, 2);
	if (((op->flags & FZ_ON_SNAPSHOT) && !(op->flags & FZ_ON_STORE)) ||
	    (op->flags & FZ_ON_STREAM))
		return 5 + ds_below(r, 3);
	if (fz_one_in(r, 6))
		store = 5 + ds_below(r, 3);
	else if (fz_one_in(r, 10))
		store = 2 + ds_below(r, 2);
	if (!op->command) {
		n = ds_below(r, 4);
		return n == 3 ? 5 + ds_below(r, 3) : n ? store : 0;
	}
	if ((op->flags & FZ_ON_CONTROL) && (!(op->flags & FZ_ON_STORE) || fz_one_in(r, 2)))
		return fz_one_in(r, 12) ? 4 : 0;
	return store;
}

/* Append a call of an operation, in which no more than one thing is odd. */
static bool fz_generate_one(struct fz_program *p, unsigned int number, struct ds_random *r, bool odd)
{
	const struct fz_op *op = &fz_ops[number];
	struct fz_call *call = &p->calls[p->ncalls];
	unsigned int i, which = odd ? ds_below(r, op->type->nfields) : op->type->nfields;

	if (p->ncalls == FZ_CALLS || p->nstructs + 16 > FZ_STRUCTS)
		return false;
	p->ncalls++;
	memset(call, 0, sizeof(*call));
	call->op = number;
	call->fd = fz_generate_slot(p, op, r);
	call->arg = p->nstructs;
	fz_struct_new(p, op->type);
	for (i = 0; i < op->type->nfields; i++)
		fz_generate_value(p, &p->structs[call->arg], i, r, i == which);
	if (!op->command && !(op->flags & FZ_ON_STREAM))
		return true;
	/* What is too long, and whether it matters, go together. */
	call->tail = ds_below(r, 2);
	if (!odd && fz_one_in(r, 40))
		call->place = ds_below(r, FZ_ARG);
	if (!odd && fz_one_in(r, 40))
		call->nth = 1 + ds_below(r, 12);
	return true;
}

/* Something of the next call's argument that is to change under the kernel's hands. */
static void fz_aim(struct fz_program *p, unsigned int call, struct ds_random *r)
{
	static const __u64 bits[] = { 1, 2, 0x80, 0xff, 0x100, 0xffff, 0x100000, 0x80000000 };
	const struct fz_struct *arg = &p->structs[p->calls[call + 1].arg];
	struct fz_struct *aim = &p->structs[p->calls[call].arg];
	const struct fz_type *type = arg->type;
	unsigned int i, element = 0;

	for (i = 0; i < type->nfields; i++) {
		if (arg->v[i].how != FZ_STRUCTURES || fz_one_in(r, 4))
			continue;
		type = type->fields[i].elem;
		element = 1;
		break;
	}
	i = ds_below(r, type->nfields);
	aim->v[1].number = type->fields[i].offset;
	aim->v[2].number = element;
	aim->v[3].number = bits[ds_below(r, ARRAY_SIZE(bits))];
	/* Fields of a byte or two lie in a word with others. */
	aim->v[3].number <<= type->fields[i].offset % 4 * 8;
}

/* Append a call. Return false if there is no room. */
bool fz_generate_call(struct fz_program *p, struct ds_random *r)
{
	unsigned int number = fz_generate_op(r), call = p->ncalls, next;

	if (!fz_generate_one(p, number, r, fz_one_in(r, 4)))
		return false;
	if (fz_ops[number].run != fz_run_flip && fz_ops[number].run != fz_run_zap)
		return true;
	do
		next = fz_generate_op(r);
	while (!fz_ops[next].command);
	if (!fz_generate_one(p, next, r, false))
		return false;
	if (fz_ops[number].run == fz_run_flip)
		fz_aim(p, call, r);
	return true;
}

void fz_generate(struct fz_program *p, struct ds_random *r)
{
	unsigned int n = 1 + ds_below(r, 12);

	fz_program_clear(p);
	while (n-- && fz_generate_call(p, r))
		;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Programs as data: copying them, and the bytes that values stand for.
 */
#include "fuzz.h"

struct fz_struct *fz_struct_new(struct fz_program *p, const struct fz_type *type)
{
	struct fz_struct *s;

	if (p->nstructs == FZ_STRUCTS)
		return NULL;
	s = &p->structs[p->nstructs++];
	s->type = type;
	memset(s->v, 0, type->nfields * sizeof(s->v[0]));
	return s;
}

void fz_program_copy(struct fz_program *to, const struct fz_program *from)
{
	to->ncalls = from->ncalls;
	to->nstructs = from->nstructs;
	memcpy(to->calls, from->calls, from->ncalls * sizeof(from->calls[0]));
	memcpy(to->structs, from->structs, from->nstructs * sizeof(from->structs[0]));
}

struct fz_program *fz_program_dup(const struct fz_program *p)
{
	size_t size = offsetof(struct fz_program, structs) +
		      p->nstructs * sizeof(p->structs[0]);
	struct fz_program *copy = malloc(size);

	if (!copy)
		abort();
	fz_program_copy(copy, p);
	return copy;
}

static void fz_struct_copy(struct fz_struct *to, const struct fz_struct *from)
{
	to->type = from->type;
	memcpy(to->v, from->v, from->type->nfields * sizeof(from->v[0]));
}

/* Append a call of another program, or not if there is no room. */
bool fz_call_copy(struct fz_program *to, const struct fz_program *from, unsigned int call)
{
	const struct fz_call *old = &from->calls[call];
	const struct fz_struct *arg = &from->structs[old->arg];
	__u32 need = 1, next, i, j;

	for (i = 0; i < arg->type->nfields; i++)
		if (arg->v[i].how == FZ_STRUCTURES)
			need += arg->v[i].len;
	if (to->ncalls == FZ_CALLS || to->nstructs + need > FZ_STRUCTS)
		return false;
	to->calls[to->ncalls] = *old;
	to->calls[to->ncalls++].arg = to->nstructs;
	fz_struct_copy(&to->structs[to->nstructs], arg);
	next = to->nstructs + 1;
	for (i = 0; i < arg->type->nfields; i++) {
		if (arg->v[i].how != FZ_STRUCTURES)
			continue;
		to->structs[to->nstructs].v[i].number = next;
		for (j = 0; j < arg->v[i].len; j++)
			fz_struct_copy(&to->structs[next++],
				       &from->structs[arg->v[i].number + j]);
	}
	to->nstructs = next;
	return true;
}

/* The bytes of a value, as far as there is room. */
void fz_value_bytes(const struct fz_value *v, void *to, __u32 len)
{
	__u32 n = len < v->len ? len : v->len;
	__u64 x = v->number * 0x9e3779b97f4a7c15ULL + 1;
	__u8 *p = to;
	__u32 i;

	if (v->literal) {
		memcpy(to, v->text, n < v->literal ? n : v->literal);
		return;
	}
	for (i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = 'a' + x % 26;
	}
}

/* How many calls behind it a group is about. */
unsigned int fz_group_calls(const struct fz_program *p, unsigned int call)
{
	__u64 n = fz_arg(p, call, 0);
	unsigned int left = p->ncalls - call - 1;

	return n < left ? n : left;
}

__u64 fz_arg(const struct fz_program *p, unsigned int call, unsigned int field)
{
	return p->structs[p->calls[call].arg].v[field].number;
}

__u64 fz_program_hash(const struct fz_program *p)
{
	static char text[FZ_TEXT];
	size_t len = fz_print(p, text, sizeof(text)), i;
	__u64 hash = 0xcbf29ce484222325ULL;

	for (i = 0; i < len; i++)
		hash = (hash ^ (__u8)text[i]) * 0x100000001b3ULL;
	return hash;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Programs as text, one call a line:
 *
 *	submit store flags=1 ops=[code=2 type=3 id="a" property=1 value=5; code=5 id="b"]
 *	read store id="a" buffer=~4096@edge
 *
 * An operation, a descriptor, and the fields that are not what they are by
 * default: lengths, counts and sizes are right by themselves, all else is 0.
 * A value is a number; "bytes", with \xNN for what is not printable; LEN#SEED
 * for LEN other bytes; ~LEN for that much room; [structs; separated; so], where
 * one that is all default is "."; or
 * "last" for what the last call of this kind has returned there. What points at
 * memory may say which memory it is: @edge, @fresh and so on (fz_place_names).
 * Before the fields, @PLACE is the place of the argument itself, "tail" means
 * that structs which are too long don't end in 0, and nth=N that the Nth
 * allocation of this call fails.
 */
#include <ctype.h>

#include "fuzz.h"

struct fz_out {
	char *at;
	char *end;
};

static void __attribute__((format(printf, 2, 3)))
fz_put(struct fz_out *o, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(o->at, o->end - o->at, format, args);
	va_end(args);
	o->at = n < o->end - o->at ? o->at + n : o->end - 1;
}

static void fz_put_literal(struct fz_out *o, const struct fz_value *v)
{
	unsigned int i;

	fz_put(o, "\"");
	for (i = 0; i < v->literal; i++) {
		__u8 c = v->text[i];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			fz_put(o, "\\x%02x", c);
		else
			fz_put(o, "%c", c);
	}
	fz_put(o, "\"");
}

static void fz_put_struct(struct fz_out *o, const struct fz_program *p, const struct fz_struct *s);

static void fz_put_value(struct fz_out *o, const struct fz_program *p, const struct fz_value *v)
{
	__u32 i;

	switch (v->how) {
	case FZ_NUM:
		fz_put(o, v->number < 100000 ? "%llu" : "0x%llx", (unsigned long long)v->number);
		break;
	case FZ_BYTES:
		if (v->literal)
			fz_put_literal(o, v);
		else
			fz_put(o, "%u#%llu", v->len, (unsigned long long)v->number);
		break;
	case FZ_SPACE:
		fz_put(o, "~%u", v->len);
		break;
	case FZ_STRUCTURES:
		fz_put(o, "[");
		for (i = 0; i < v->len; i++) {
			fz_put(o, i ? ";" : "");
			fz_put_struct(o, p, &p->structs[v->number + i]);
		}
		fz_put(o, "]");
		break;
	case FZ_LAST:
		fz_put(o, "last");
		break;
	}
	if (v->place)
		fz_put(o, "@%s", fz_place_names[v->place]);
}

static void fz_put_struct(struct fz_out *o, const struct fz_program *p, const struct fz_struct *s)
{
	const char *space = o->at[-1] == '[' ? "" : " ";
	const char *begin = o->at;
	unsigned int i;

	for (i = 0; i < s->type->nfields; i++) {
		if (s->v[i].how == FZ_DEFAULT && !s->v[i].place)
			continue;
		fz_put(o, "%s%s=", space, s->type->fields[i].name);
		fz_put_value(o, p, &s->v[i]);
		space = " ";
	}
	/* An element of which nothing is said is an element. */
	if (o->at == begin && (begin[-1] == '[' || begin[-1] == ';'))
		fz_put(o, ".");
}

size_t fz_print(const struct fz_program *p, char *to, size_t room)
{
	struct fz_out o = { .at = to, .end = to + room };
	__u32 i;

	*to = 0;
	for (i = 0; i < p->ncalls; i++) {
		const struct fz_call *call = &p->calls[i];

		fz_put(&o, "%s %s", fz_ops[call->op].name, fz_slot_names[call->fd]);
		if (call->place)
			fz_put(&o, " @%s", fz_place_names[call->place]);
		if (call->tail)
			fz_put(&o, " tail");
		if (call->nth)
			fz_put(&o, " nth=%u", call->nth);
		fz_put_struct(&o, p, &p->structs[call->arg]);
		fz_put(&o, "\n");
	}
	return o.at - to;
}

struct fz_in {
	const char *at;
	const char *problem;
};

static bool fz_fail(struct fz_in *in, const char *problem)
{
	if (!in->problem)
		in->problem = problem;
	return false;
}

static bool fz_skip(struct fz_in *in, char c)
{
	while (*in->at == ' ' || *in->at == '\t')
		in->at++;
	if (*in->at != c)
		return false;
	in->at++;
	return true;
}

/* A word: letters, digits, '-' and '_'. */
static size_t fz_word(struct fz_in *in, const char **word)
{
	while (*in->at == ' ' || *in->at == '\t')
		in->at++;
	*word = in->at;
	while (isalnum((unsigned char)*in->at) || *in->at == '_' || *in->at == '-')
		in->at++;
	return in->at - *word;
}

static bool fz_is(const char *word, size_t len, const char *what)
{
	return strlen(what) == len && !memcmp(word, what, len);
}

static bool fz_parse_number(struct fz_in *in, __u64 *number)
{
	char *end;

	*number = strtoull(in->at, &end, 0);
	if (end == in->at)
		return fz_fail(in, "a number is missing");
	in->at = end;
	return true;
}

static bool fz_parse_place(struct fz_in *in, __u8 *place)
{
	const char *word;
	size_t len = fz_word(in, &word);

	for (*place = 0; *place < FZ_PLACES; (*place)++)
		if (fz_is(word, len, fz_place_names[*place]))
			return true;
	*place = 0;
	return fz_fail(in, "no such place");
}

static bool fz_parse_literal(struct fz_in *in, struct fz_value *v)
{
	unsigned int byte;

	v->how = FZ_BYTES;
	while (*in->at != '"') {
		if (!*in->at || v->literal == FZ_LITERAL)
			return fz_fail(in, "a literal has no end, or is too long");
		byte = (__u8)*in->at++;
		if (byte == '\\') {
			if (sscanf(in->at, "x%2x", &byte) != 1)
				return fz_fail(in, "only \\xNN can be escaped");
			in->at += 3;
		}
		v->text[v->literal++] = byte;
	}
	in->at++;
	v->len = v->literal;
	return true;
}

static bool fz_parse_struct(struct fz_in *in, struct fz_program *p, struct fz_struct *s);

static bool fz_parse_array(struct fz_in *in, struct fz_program *p, struct fz_value *v,
			   const struct fz_type *type)
{
	if (!type)
		return fz_fail(in, "this field is no array");
	v->how = FZ_STRUCTURES;
	v->number = p->nstructs;
	if (fz_skip(in, ']'))
		return true;
	do {
		struct fz_struct *s = fz_struct_new(p, type);

		if (!s || ++v->len > FZ_ELEMENTS)
			return fz_fail(in, "too many structs");
		if (!fz_parse_struct(in, p, s))
			return false;
	} while (fz_skip(in, ';'));
	return fz_skip(in, ']') || fz_fail(in, "an array has no end");
}

static bool fz_parse_value(struct fz_in *in, struct fz_program *p, struct fz_value *v,
			   const struct fz_field *field)
{
	__u64 number = 0;

	if (*in->at == '"') {
		in->at++;
		if (!fz_parse_literal(in, v))
			return false;
	} else if (*in->at == '~') {
		in->at++;
		if (!fz_parse_number(in, &number) || number > FZ_BIG)
			return fz_fail(in, "not a length");
		v->how = FZ_SPACE;
		v->len = number;
	} else if (*in->at == '[') {
		in->at++;
		if (!fz_parse_array(in, p, v, field->kind == FZ_ARRAY ? field->elem : NULL))
			return false;
	} else if (!strncmp(in->at, "last", 4)) {
		in->at += 4;
		v->how = FZ_LAST;
	} else if (*in->at != '@') {
		if (!fz_parse_number(in, &number))
			return false;
		v->how = FZ_NUM;
		v->number = number;
		if (*in->at == '#') {
			in->at++;
			if (number > FZ_BIG || !fz_parse_number(in, &v->number))
				return fz_fail(in, "not LEN#SEED");
			v->how = FZ_BYTES;
			v->len = number;
		}
	}
	if (*in->at == '@') {
		in->at++;
		return fz_parse_place(in, &v->place);
	}
	return true;
}

static bool fz_parse_struct(struct fz_in *in, struct fz_program *p, struct fz_struct *s)
{
	const char *word;
	unsigned int i;
	size_t len;

	fz_skip(in, '.');
	while ((len = fz_word(in, &word))) {
		for (i = 0; i < s->type->nfields; i++)
			if (fz_is(word, len, s->type->fields[i].name))
				break;
		if (i == s->type->nfields)
			return fz_fail(in, "no such field");
		if (*in->at++ != '=')
			return fz_fail(in, "'=' is missing");
		if (!fz_parse_value(in, p, &s->v[i], &s->type->fields[i]))
			return false;
	}
	return true;
}

/* What comes before the fields. */
static bool fz_parse_call_flags(struct fz_in *in, struct fz_call *call)
{
	const char *begin, *word;
	__u64 number;
	size_t len;

	for (;;) {
		if (fz_skip(in, '@')) {
			if (!fz_parse_place(in, &call->place))
				return false;
			continue;
		}
		begin = in->at;
		len = fz_word(in, &word);
		if (fz_is(word, len, "tail")) {
			call->tail = 1;
		} else if (fz_is(word, len, "nth") && *in->at == '=') {
			in->at++;
			if (!fz_parse_number(in, &number))
				return false;
			call->nth = number;
		} else {
			in->at = begin;
			return true;
		}
	}
}

static bool fz_parse_call(struct fz_in *in, struct fz_program *p)
{
	struct fz_call *call = &p->calls[p->ncalls];
	struct fz_struct *arg;
	const char *word;
	size_t len;
	int n;

	if (p->ncalls == FZ_CALLS)
		return fz_fail(in, "too many calls");
	memset(call, 0, sizeof(*call));
	len = fz_word(in, &word);
	n = fz_op_by_name(word, len);
	if (n < 0)
		return fz_fail(in, "no such operation");
	call->op = n;
	len = fz_word(in, &word);
	n = fz_slot_by_name(word, len);
	if (n < 0)
		return fz_fail(in, "no such descriptor");
	call->fd = n;
	if (!fz_parse_call_flags(in, call))
		return false;
	call->arg = p->nstructs;
	arg = fz_struct_new(p, fz_ops[call->op].type);
	if (!arg)
		return fz_fail(in, "too many structs");
	if (!fz_parse_struct(in, p, arg))
		return false;
	p->ncalls++;
	fz_skip(in, ' ');
	return !*in->at || fz_fail(in, "what is this?");
}

/* Empty lines and those that begin with # are comments. */
bool fz_parse(struct fz_program *p, const char *text, const char *where)
{
	unsigned int number = 1;
	static char line[FZ_TEXT];

	fz_program_clear(p);
	for (; *text; number++) {
		size_t len = strcspn(text, "\n");
		struct fz_in in = { .at = line };

		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		text += len + !!text[len];
		if (!line[strspn(line, " \t\r")] || line[0] == '#')
			continue;
		if (fz_parse_call(&in, p))
			continue;
		fprintf(stderr, "# %s:%u: %s: %.40s\n", where, number,
			in.problem ?: "not understood", in.at);
		return false;
	}
	return true;
}

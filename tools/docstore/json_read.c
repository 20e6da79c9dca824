// SPDX-License-Identifier: GPL-2.0
/*
 * docstore(1): from JSON to documents.
 *
 * This reads JSON itself, since what common libraries make of it is not enough
 * here: nothing may be lost. json-c, for one, ends keys at \u0000, saturates
 * integers (0.16) or refuses them (from 0.17), replaces lone surrogates, lets
 * NaN pass and, in the strict mode of 0.18, refuses every byte above 0x7f. So it
 * is what the tests compare with, and not what we build on.
 *
 * Strings without escapes and nested JSON without white space are not copied:
 * they stay where they are in the text.
 */
#include <math.h>
#include <stdlib.h>

#include "json_check.h"

static unsigned char *scratch_take(struct json_reader *r, size_t len)
{
	unsigned char *p = r->scratch + r->scratch_len;

	/* begin() has made room for all that a text of this length can need. */
	r->scratch_len += len;
	return p;
}

static void begin(struct json_reader *r, struct ds_str text)
{
	size_t room = 4 * text.len + 64;

	r->error = NULL;
	r->error_at = 0;
	r->start = text.data;
	r->p = r->start;
	r->end = r->start + text.len;
	r->space = false;
	r->scratch_len = 0;
	if (r->scratch_room < room) {
		r->scratch = xrealloc(r->scratch, room, 1);
		r->scratch_room = room;
	}
}

void json_reader_free(struct json_reader *reader)
{
	free(reader->scratch);
	free(reader->props);
	memset(reader, 0, sizeof(*reader));
}

/* --- what does it say? ---------------------------------------------------- */

static size_t utf8_encode(unsigned char *to, unsigned int c)
{
	if (c < 0x80) {
		to[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (unsigned char)(0xc0 | c >> 6);
		to[1] = (unsigned char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (unsigned char)(0xe0 | c >> 12);
		to[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (unsigned char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (unsigned char)(0xf0 | c >> 18);
	to[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (unsigned char)(0x80 | (c & 0x3f));
	return 4;
}

/* Decode what json_check_string() has passed. */
static bool decode(struct json_reader *r, struct ds_str inner, struct ds_str *str)
{
	const unsigned char *p = inner.data, *end = p + inner.len;
	unsigned char *to = scratch_take(r, inner.len);
	size_t n = 0;

	while (p < end) {
		unsigned int c;
		int low;

		if (*p != '\\') {
			to[n++] = *p++;
			continue;
		}
		p += 2;
		switch (p[-1]) {
		case 'b':
			to[n++] = '\b';
			continue;
		case 'f':
			to[n++] = '\f';
			continue;
		case 'n':
			to[n++] = '\n';
			continue;
		case 'r':
			to[n++] = '\r';
			continue;
		case 't':
			to[n++] = '\t';
			continue;
		case 'u':
			break;
		default:
			to[n++] = p[-1];
			continue;
		}
		c = (unsigned int)json_hex4(p, end);
		p += 4;
		if (c >= 0xd800 && c <= 0xdbff && end - p >= 6 && p[0] == '\\' &&
		    p[1] == 'u') {
			low = json_hex4(p + 2, end);
			if (low >= 0xdc00 && low <= 0xdfff) {
				c = 0x10000 + ((c - 0xd800) << 10) +
				    ((unsigned int)low - 0xdc00);
				p += 6;
			}
		}
		if (c >= 0xd800 && c <= 0xdfff)
			return json_fail(r, p - 6, "half of a surrogate pair; there is no such character");
		n += utf8_encode(to + n, c);
	}
	*str = ds_mem(to, n);
	return true;
}

static bool read_string(struct json_reader *r, struct ds_str *str)
{
	struct ds_str inner;
	bool escaped;

	if (!json_check_string(r, &inner, &escaped))
		return false;
	if (escaped)
		return decode(r, inner, str);
	*str = inner;
	return true;
}

static bool read_number(struct json_reader *r, struct ds_value *value)
{
	const unsigned char *start = r->p, *p;
	bool integer, negative = *start == '-', zero = true;
	uint64_t n = 0;
	double d;
	char *copy;
	size_t len;

	if (!json_check_number(r, &integer))
		return false;
	len = (size_t)(r->p - start);
	if (integer) {
		for (p = start + negative; p < r->p; p++) {
			if (__builtin_mul_overflow(n, 10, &n) ||
			    __builtin_add_overflow(n, *p - '0', &n))
				goto literal;
		}
		if (negative && !n)
			*value = ds_f64(-0.0);
		else if (negative && n <= (uint64_t)INT64_MAX + 1)
			*value = ds_s64((int64_t)(0 - n));
		else if (negative)
			goto literal;
		else if (n <= INT64_MAX)
			*value = ds_s64((int64_t)n);
		else
			*value = ds_u64(n);
		return true;
	}

	copy = (char *)scratch_take(r, len + 1);
	memcpy(copy, start, len);
	copy[len] = '\0';
	d = strtod(copy, NULL);
	r->scratch_len -= len + 1;
	for (p = start; p < r->p && *p != 'e' && *p != 'E'; p++) {
		if (*p >= '1' && *p <= '9')
			zero = false;
	}
	/* Too large for a double, or so small that nothing of it would stay. */
	if (isinf(d) || (d == 0.0 && !zero))
		goto literal;
	*value = ds_f64(d);
	return true;

literal:
	*value = ds_typed(DOCSTORE_TYPE_JSON, ds_mem(start, len));
	return true;
}

/* The text of nested JSON without the white space between its tokens. */
static struct ds_str compact(struct json_reader *r, struct ds_str text)
{
	const unsigned char *p = text.data, *end = p + text.len;
	unsigned char *to = scratch_take(r, text.len);
	bool string = false;
	size_t n = 0;

	for (; p < end; p++) {
		if (string) {
			if (*p == '\\')
				to[n++] = *p++;
			else if (*p == '"')
				string = false;
		} else if (*p == '"') {
			string = true;
		} else if (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r') {
			continue;
		}
		to[n++] = *p;
	}
	return ds_mem(to, n);
}

static bool read_base64(struct json_reader *r, struct ds_str *str)
{
	const unsigned char *at = r->p;
	struct ds_str text;
	unsigned char *to;

	if (*r->p != '"')
		return json_fail(r, at, "base64 in quotes is expected here");
	if (!read_string(r, &text))
		return false;
	to = scratch_take(r, text.len);
	str->data = to;
	if (!base64_decode(text, to, &str->len))
		return json_fail(r, at, "not base64; to store such an object itself, write {\"$json\": \"its text\"}");
	return true;
}

static bool read_bits(struct json_reader *r, struct ds_value *value)
{
	const unsigned char *at = r->p;
	struct ds_str str = { NULL, 0 };
	uint64_t bits = 0;
	size_t i;

	if (*r->p == '"' && !read_string(r, &str))
		return false;
	if (str_is(str, "NaN")) {
		*value = ds_f64((double)NAN);
		return true;
	}
	if (str_is(str, "Infinity") || str_is(str, "-Infinity")) {
		*value = ds_f64(str.len == 8 ? (double)INFINITY : -(double)INFINITY);
		return true;
	}
	if (str.len != 18 || memcmp(str.data, "0x", 2))
		goto bad;
	for (i = 2; i < 18; i++) {
		int d = json_hex(((const unsigned char *)str.data)[i]);

		if (d < 0)
			goto bad;
		bits = bits << 4 | (unsigned int)d;
	}
	*value = ds_f64(0);
	value->u64 = bits;
	return true;
bad:
	return json_fail(r, at, "$f64 wants \"NaN\", \"Infinity\", \"-Infinity\" or \"0x\" and 16 digits");
}

static bool read_u64(struct json_reader *r, struct ds_value *value)
{
	const unsigned char *at = r->p;

	if (*at < '0' || *at > '9')
		return json_fail(r, at, "$u64 wants an integer");
	if (!read_number(r, value))
		return false;
	if (value->type == DOCSTORE_TYPE_S64)
		*value = ds_u64((uint64_t)value->s64);
	return value->type == DOCSTORE_TYPE_U64 ||
	       json_fail(r, at, "$u64 wants an integer below 2^64");
}

static bool read_value(struct json_reader *r, struct ds_value *value);

static bool read_json(struct json_reader *r, struct ds_value *value)
{
	const unsigned char *at = r->p;

	if (!read_value(r, value))
		return false;
	if (value->type != DOCSTORE_TYPE_STRING && value->type != DOCSTORE_TYPE_BYTES)
		return json_fail(r, at, "$json wants text in quotes");
	value->type = DOCSTORE_TYPE_JSON;
	return true;
}

enum form {
	FORM_NONE,
	FORM_BYTES,
	FORM_STRING,
	FORM_F64,
	FORM_U64,
	FORM_JSON,
};

/*
 * Which form the object from @start to the cursor is. If it is one, the cursor
 * goes back to the form's value.
 */
static enum form which_form(struct json_reader *r, const unsigned char *start)
{
	static const char * const keys[] = {
		[FORM_BYTES] = "$bytes",
		[FORM_STRING] = "$string",
		[FORM_F64] = "$f64",
		[FORM_U64] = "$u64",
		[FORM_JSON] = "$json",
	};
	const unsigned char *end = r->p, *inside;
	size_t scratch = r->scratch_len;
	enum form form = FORM_NONE, i;
	struct ds_str key;

	/* It was checked already, so nothing here fails but odd escapes. */
	r->p = start + 1;
	json_skip_space(r);
	if (*r->p != '"' || (r->p[1] != '$' && r->p[1] != '\\') || !read_string(r, &key))
		goto none;
	r->scratch_len = scratch;
	for (i = FORM_BYTES; i <= FORM_JSON; i++) {
		if (str_is(key, keys[i]))
			form = i;
	}
	if (!form)
		goto none;
	json_skip_space(r);
	r->p++;
	json_skip_space(r);
	inside = r->p;
	if (!json_check_value(r, 1))
		goto none;
	json_skip_space(r);
	if (r->p + 1 != end)
		goto none;
	r->p = inside;
	return form;
none:
	r->error = NULL;
	r->scratch_len = scratch;
	r->p = end;
	return FORM_NONE;
}

static bool read_form(struct json_reader *r, enum form form, struct ds_value *value)
{
	switch (form) {
	case FORM_BYTES:
	case FORM_STRING:
		*value = ds_typed(form == FORM_BYTES ? DOCSTORE_TYPE_BYTES :
				  DOCSTORE_TYPE_STRING, ds_mem(NULL, 0));
		return read_base64(r, &value->str);
	case FORM_F64:
		return read_bits(r, value);
	case FORM_U64:
		return read_u64(r, value);
	default:
		return read_json(r, value);
	}
}

static bool read_nested(struct json_reader *r, struct ds_value *value)
{
	const unsigned char *start = r->p, *end;
	struct ds_str text;
	enum form form;

	r->space = false;
	if (!json_check_members(r, 1))
		return false;
	end = r->p;
	text = ds_mem(start, (size_t)(end - start));
	form = *start == '{' ? which_form(r, start) : FORM_NONE;
	if (form) {
		if (!read_form(r, form, value))
			return false;
		r->p = end;
		return true;
	}
	if (r->space)
		text = compact(r, text);
	*value = ds_typed(DOCSTORE_TYPE_JSON, text);
	return true;
}

static bool read_value(struct json_reader *r, struct ds_value *value)
{
	json_skip_space(r);
	if (r->p == r->end)
		return json_fail(r, r->p, "the text ends where a value is expected");
	switch (*r->p) {
	case '{':
	case '[':
		return read_nested(r, value);
	case '"':
		*value = ds_typed(DOCSTORE_TYPE_STRING, ds_mem(NULL, 0));
		return read_string(r, &value->str);
	case 't':
		*value = ds_bool(true);
		return json_check_word(r, "true");
	case 'f':
		*value = ds_bool(false);
		return json_check_word(r, "false");
	case 'n':
		*value = ds_null();
		return json_check_word(r, "null");
	case '-':
	case '0' ... '9':
		return read_number(r, value);
	default:
		return json_fail(r, r->p, "a value is expected here");
	}
}

static bool at_end(struct json_reader *r)
{
	json_skip_space(r);
	return r->p == r->end || json_fail(r, r->p, "something follows the end of the value");
}

bool json_read_value(struct json_reader *reader, struct ds_str text, struct ds_value *value)
{
	begin(reader, text);
	return read_value(reader, value) && at_end(reader);
}

/* --- documents ------------------------------------------------------------ */

/* The id that a value stands for; @from to the cursor is its text. */
static bool take_id(struct json_reader *r, const unsigned char *from,
		    const struct ds_value *value, struct ds_str *id)
{
	switch (value->type) {
	case DOCSTORE_TYPE_STRING:
	case DOCSTORE_TYPE_BYTES:
		*id = value->str;
		break;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
		if (*from != '{') {
			*id = ds_mem(from, (size_t)(r->p - from));
			break;
		}
		/* fall through */
	default:
		return json_fail(r, from, "an id is a string, an integer or {\"$bytes\": BASE64}");
	}
	if (!id->len)
		return json_fail(r, from, "an id may not be empty");
	if (id->len > DOCSTORE_MAX_ID)
		return json_fail(r, from, "the id is longer than 255 bytes");
	return true;
}

static bool take_type(struct json_reader *r, const unsigned char *from,
		      const struct ds_value *value, struct ds_str *type)
{
	if (value->type == DOCSTORE_TYPE_NULL) {
		*type = ds_mem(NULL, 0);
		return true;
	}
	if (value->type != DOCSTORE_TYPE_STRING && value->type != DOCSTORE_TYPE_BYTES)
		return json_fail(r, from, "_type is a string, null or {\"$bytes\": BASE64}");
	if (!value->str.len || value->str.len > DOCSTORE_MAX_NAME)
		return json_fail(r, from, "_type has 1 to 255 bytes");
	*type = value->str;
	return true;
}

static bool take_version(struct json_reader *r, const unsigned char *from,
			 const struct ds_value *value, uint64_t *version)
{
	if ((value->type != DOCSTORE_TYPE_S64 && value->type != DOCSTORE_TYPE_U64) ||
	    !value->u64 || value->u64 > DOCSTORE_MAX_VERSION)
		return json_fail(r, from, "_version is an integer from 1 to 2^62");
	*version = value->u64;
	return true;
}

static bool add_prop(struct json_reader *r, const unsigned char *at, size_t count,
		     struct ds_str name, struct ds_value value)
{
	if (!name.len || name.len > DOCSTORE_MAX_NAME)
		return json_fail(r, at, "the name of a property has 1 to 255 bytes");
	if (count == r->props_room) {
		r->props_room = r->props_room ? 2 * r->props_room : 64;
		r->props = xrealloc(r->props, r->props_room, sizeof(*r->props));
	}
	r->props[count].name = name;
	r->props[count].value = value;
	return true;
}

/* The name of a key; @special if it may be one of ours. */
static bool read_key(struct json_reader *r, struct ds_str *name, bool *special)
{
	const unsigned char *at = r->p;
	unsigned char *to;

	if (r->p == r->end || *r->p != '"')
		return json_fail(r, r->p, "a key in quotes is expected here");
	if (!read_string(r, name))
		return false;
	*special = true;
	if (name->len < 7 || memcmp(name->data, "$bytes:", 7))
		return true;
	*special = false;
	to = scratch_take(r, name->len);
	if (!base64_decode(ds_mem((const char *)name->data + 7, name->len - 7), to,
			   &name->len))
		return json_fail(r, at, "base64 is expected behind \"$bytes:\"");
	name->data = to;
	return true;
}

static bool read_member(struct json_reader *r, const char *id_field,
			struct json_document *doc)
{
	const unsigned char *at, *from;
	bool special, is_id;
	struct ds_value value;
	struct ds_str name;

	json_skip_space(r);
	at = r->p;
	if (!read_key(r, &name, &special))
		return false;
	json_skip_space(r);
	if (r->p == r->end || *r->p != ':')
		return json_fail(r, r->p, "':' is expected here");
	r->p++;
	json_skip_space(r);
	from = r->p;
	if (!read_value(r, &value))
		return false;

	is_id = special && str_is(name, id_field);
	if (is_id && !take_id(r, from, &value, &doc->id))
		return false;
	if (is_id && str_is(name, "_id"))
		return true;
	if (special && str_is(name, "_type"))
		return take_type(r, from, &value, &doc->type);
	if (special && str_is(name, "_version"))
		return take_version(r, from, &value, &doc->version);
	return add_prop(r, at, doc->count++, name, value);
}

bool json_read_document(struct json_reader *r, struct ds_str text, const char *id_field,
			struct json_document *doc)
{
	memset(doc, 0, sizeof(*doc));
	begin(r, text);
	json_skip_space(r);
	if (r->p == r->end || *r->p != '{')
		return json_fail(r, r->p, "a document is a JSON object, which begins with '{'");
	r->p++;
	json_skip_space(r);
	if (r->p < r->end && *r->p == '}') {
		r->p++;
		return at_end(r);
	}
	for (;;) {
		if (!read_member(r, id_field, doc))
			return false;
		json_skip_space(r);
		if (r->p < r->end && *r->p == ',') {
			r->p++;
			continue;
		}
		if (r->p == r->end || *r->p != '}')
			return json_fail(r, r->p, "',' or '}' is expected here");
		r->p++;
		doc->props = r->props;
		return at_end(r);
	}
}

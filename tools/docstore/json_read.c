// SPDX-License-Identifier: GPL-2.0
/*
 * docstore(1): from JSON to documents, with json-c.
 *
 * Nothing may be lost, and nothing accepted that is not JSON, by whichever json-c
 * is installed. So
 *
 * - scan() refuses what json-c takes besides JSON, or changes without a word. Its
 *   own strict mode is no help: that of 0.18 refuses every byte above 0x7f, and
 *   those before it take 'a', NaN and 01.
 *
 * - An object is given to json-c as an array of its keys and values: its objects
 *   cut keys at \u0000 and keep one of two equal keys.
 *
 * - The text of a value is what is stored where json-c's value is not the whole
 *   truth: integers beyond 64 bits, which it saturates, and nested JSON.
 */
#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "json.h"

/* What json-c made of a text, and that text without white space around it. */
struct parsed {
	struct json_object *object;
	struct ds_str text;
};

static bool fail(struct json_reader *r, const unsigned char *at, const char *what)
{
	r->error = what;
	r->error_at = (size_t)(at - r->start);
	return false;
}

static bool is_space(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What stands before @end, without white space around it. */
static struct ds_str trim(const unsigned char *p, const unsigned char *end)
{
	while (p < end && is_space(*p))
		p++;
	while (p < end && is_space(end[-1]))
		end--;
	return ds_mem(p, (size_t)(end - p));
}

/* --- what json-c lets pass ------------------------------------------------ */

/* Of what json-c takes for a number, this leaves no 01, -.5, 1. and 1e. */
static bool is_number(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *dot = memchr(p, '.', (size_t)(end - p));

	p += *p == '-';
	return p < end && isdigit(*p) && isdigit(end[-1]) &&
	       !(*p == '0' && p + 1 < end && isdigit(p[1])) && (!dot || isdigit(dot[1]));
}

/* 'h' or 'l' for \uXXXX of the high or low half of a surrogate pair, or 0. */
static char surrogate(const unsigned char *p, const unsigned char *end)
{
	if (end - p < 6 || p[0] != '\\' || p[1] != 'u' || (p[2] | 0x20) != 'd' || p[3] < '8' ||
	    !isxdigit(p[3]) || !isxdigit(p[4]) || !isxdigit(p[5]))
		return 0;
	return (p[3] | 0x20) < 'c' ? 'h' : 'l';
}

/* The end of the string at @p, or NULL. */
static const unsigned char *scan_string(struct json_reader *r, const unsigned char *p,
					const unsigned char *end)
{
	for (p++; p < end && *p != '"'; p++) {
		const char *wrong = NULL;

		if (*p == '\\') {
			char half = surrogate(p, end);

			if (half == 'l' || (half && surrogate(p + 6, end) != 'l'))
				wrong = "half of a surrogate pair; there is no such character";
			else
				p += half ? 11 : 1;
		} else if (*p >= 0x80) {
			size_t len = utf8_sequence(p, end);

			if (!len)
				wrong = "not UTF-8; write such a value as {\"$string\": BASE64} or {\"$bytes\": BASE64}";
			else
				p += len - 1;
		} else if (*p < 0x20) {
			wrong = "control character in a string; write it as \\u00XX";
		}
		if (wrong) {
			fail(r, p, wrong);
			return NULL;
		}
	}
	if (p < end)
		return p + 1;
	fail(r, end, "the text ends inside of a string");
	return NULL;
}

/* Pass over a number or a word; false if it is anything else. */
static bool scan_word(const unsigned char **p, const unsigned char *end)
{
	const unsigned char *word = *p;
	struct ds_str str;

	while (*p < end && (isalnum(**p) || **p == '+' || **p == '-' || **p == '.'))
		++*p;
	str = ds_mem(word, (size_t)(*p - word));
	return str.len && (is_number(word, *p) || str_is(str, "null") ||
			   str_is(str, "true") || str_is(str, "false"));
}

/* An object on its way to be an array, in @reader->copy. */
struct split {
	const unsigned char *start;
	const unsigned char *from;	/* of the key or value that is passed over */
	int depth;
	bool is_value;
};

static bool note_text(struct json_reader *r, const struct split *s, const unsigned char *at)
{
	struct ds_str text = trim(s->from, at);

	if (!text.len && *at == '}' && s->from == s->start + 1)
		return true;	/* an empty object */
	if (!text.len)
		return fail(r, at, "a key or a value is expected here");
	if (!s->is_value && *at != ':')
		return fail(r, at, "':' is expected here");
	if (s->is_value && *at != ',' && *at != '}')
		return fail(r, at, "',' or '}' is expected here");
	if (r->texts_len == r->texts_room) {
		r->texts_room = r->texts_room ? 2 * r->texts_room : 64;
		r->texts = xrealloc(r->texts, r->texts_room, sizeof(*r->texts));
	}
	r->texts[r->texts_len++] = text;
	return true;
}

/* Take note of one of {}[]:, outside of strings. */
static bool split(struct json_reader *r, struct split *s, const unsigned char *at)
{
	bool open = *at == '{' || *at == '[', close = *at == '}' || *at == ']';

	if (s->depth == 1 && !open && !note_text(r, s, at))
		return false;
	if (s->depth + open == 1) {
		r->copy.data[at - s->start] = (char)(open ? '[' : close ? ']' : ',');
		s->is_value = *at == ':';
		s->from = at + 1;
	}
	s->depth += open - close;
	return true;
}

/*
 * Refuse comments, 'a', NaN, Infinity, TRUE, 01, 1., [1,], control characters,
 * halves of surrogate pairs, and what is not UTF-8. What is left for json-c is
 * whether these tokens make a value.
 */
static bool scan(struct json_reader *r, struct ds_str text, bool object)
{
	const unsigned char *p = text.data, *end = p + text.len, *at;
	struct split s = { .start = p };
	unsigned char last = 0;

	while (p < end) {
		at = p;
		if (is_space(*p)) {
			p++;
			continue;
		} else if (strchr("{}[],:", *p) && *p) {
			if (last == ',' && (*p == '}' || *p == ']'))
				return fail(r, p, "a value is expected behind ','");
			if (object && !split(r, &s, p))
				return false;
			p++;
		} else if (*p == '"') {
			p = scan_string(r, p, end);
			if (!p)
				return false;
		} else if (!scan_word(&p, end)) {
			return fail(r, at, "not JSON: neither a number nor null, true, false, nor anything in double quotes");
		}
		last = *at;
	}
	return last != ',' || fail(r, end, "the text ends too early");
}

/* --- json-c --------------------------------------------------------------- */

/* Return the text, which is somewhere even if it has no bytes. */
static struct ds_str begin(struct json_reader *r, struct ds_str text)
{
	size_t room = 2 * text.len + 64;

	if (!text.len)
		text.data = "";
	r->error = NULL;
	r->error_at = 0;
	r->start = text.data;
	r->texts_len = 0;
	/* Room for all that compact() and base64 can make of this text. */
	r->scratch_len = 0;
	if (r->scratch_room < room) {
		r->scratch = xrealloc(r->scratch, room, 1);
		r->scratch_room = room;
	}
	json_object_put(r->objects);
	r->objects = json_need(json_object_new_array());
	return text;
}

void json_reader_free(struct json_reader *reader)
{
	if (reader->tokener)
		json_tokener_free(reader->tokener);
	json_object_put(reader->objects);
	buf_free(&reader->copy);
	free(reader->scratch);
	free(reader->texts);
	free(reader->props);
	memset(reader, 0, sizeof(*reader));
}

/* The array in @r->copy, which lives until the reader is used again, or NULL. */
static struct json_object *parse(struct json_reader *r, struct ds_str text)
{
	struct json_object *array;
	enum json_tokener_error err;
	size_t end, before = (r->copy.len - text.len) / 2;

	if (!r->tokener)
		r->tokener = json_tokener_new_ex(JSON_DEPTH + 1);
	if (!r->tokener)
		no_memory();
	if (r->copy.len > INT_MAX) {
		fail(r, r->start, "too long");
		return NULL;
	}
	array = json_tokener_parse_ex(r->tokener, r->copy.data, (int)r->copy.len);
	err = json_tokener_get_error(r->tokener);
	end = json_tokener_get_parse_end(r->tokener);
	if (array && json_object_array_add(r->objects, array))
		no_memory();
	if (array && end == r->copy.len)
		return array;

	/* Something of this text may stay in it, even after json_tokener_reset(). */
	json_tokener_free(r->tokener);
	r->tokener = NULL;
	end -= end < before ? end : before;
	fail(r, (const unsigned char *)text.data + (end < text.len ? end : text.len),
	     array ? "something follows the end of the value" :
	     err == json_tokener_continue ? "the text ends too early" :
	     json_tokener_error_desc(err));
	return NULL;
}

static struct json_object *parse_object(struct json_reader *r, struct ds_str text)
{
	struct json_object *array;
	size_t i, first = r->texts_len;

	r->copy.len = 0;
	buf_add(&r->copy, text.data, text.len);
	array = scan(r, text, true) ? parse(r, text) : NULL;
	for (i = 0; array && i < json_object_array_length(array); i += 2) {
		if (!json_object_is_type(json_object_array_get_idx(array, i), json_type_string)) {
			fail(r, r->texts[first + i].data, "a key in quotes is expected here");
			return NULL;
		}
	}
	return array;
}

static struct ds_str string_of(struct json_object *object)
{
	return ds_mem(json_object_get_string(object),
		      (size_t)json_object_get_string_len(object));
}

/* --- values --------------------------------------------------------------- */

static void take_int(struct parsed *from, struct ds_value *value)
{
	const char *text = from->text.data;

	if (str_is(from->text, "-0"))
		*value = ds_f64(-0.0);
	/* Beyond 64 bits json-c has the last number within, and that is another text. */
	else if (from->text.len > 18 &&
		 !str_is(from->text, json_object_get_string(from->object)))
		*value = ds_typed(DOCSTORE_TYPE_JSON, from->text);
	else if (*text == '-' || json_object_get_uint64(from->object) <= INT64_MAX)
		*value = ds_s64(json_object_get_int64(from->object));
	else
		*value = ds_u64(json_object_get_uint64(from->object));
}

static void take_double(struct parsed *from, struct ds_value *value)
{
	double d = json_object_get_double(from->object);
	const char *p = from->text.data, *end = p + from->text.len;
	bool zero = true;

	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p >= '1' && *p <= '9')
			zero = false;
	}
	/* Too large for a double, or so small that nothing of it would stay? */
	if (isinf(d) || (d == 0.0 && !zero))
		*value = ds_typed(DOCSTORE_TYPE_JSON, from->text);
	else
		*value = ds_f64(d);
}

/* A text without the white space between its tokens. */
static struct ds_str compact(struct json_reader *r, struct ds_str text)
{
	const unsigned char *p = text.data, *end = p + text.len;
	unsigned char *to = r->scratch + r->scratch_len;
	bool string = false;
	size_t n = 0;

	for (; p < end; p++) {
		if (*p == '"')
			string = !string;
		else if (string && *p == '\\')
			to[n++] = *p++;
		else if (!string && is_space(*p))
			continue;
		to[n++] = *p;
	}
	r->scratch_len += n;
	return ds_mem(to, n);
}

static bool decode(struct json_reader *r, struct ds_str text, struct ds_str *bytes)
{
	unsigned char *to = r->scratch + r->scratch_len;

	bytes->data = to;
	if (!base64_decode(text, to, &bytes->len))
		return false;
	r->scratch_len += bytes->len;
	return true;
}

static bool take_bits(struct ds_str str, struct ds_value *value)
{
	const char *p = str.data;	/* json-c puts a NUL behind it */

	if (str_is(str, "NaN"))
		*value = ds_f64((double)NAN);
	else if (str_is(str, "Infinity"))
		*value = ds_f64((double)INFINITY);
	else if (str_is(str, "-Infinity"))
		*value = ds_f64(-(double)INFINITY);
	else
		*value = ds_f64(0);
	if (value->u64)
		return true;
	value->u64 = strtoull(p, NULL, 16);
	return str.len == 18 && !memcmp(p, "0x", 2) &&
	       strspn(p + 2, "0123456789abcdefABCDEF") == 16;
}

static bool take_value(struct json_reader *r, struct parsed *from, struct ds_value *value);

/* The value of the form @key; @from is what stands in it. */
static bool take_form(struct json_reader *r, const char *key, struct parsed *from,
		      struct ds_value *value)
{
	const unsigned char *at = from->text.data;
	bool string = json_object_is_type(from->object, json_type_string);

	if (!strcmp(key, "$bytes") || !strcmp(key, "$string")) {
		*value = ds_typed(key[1] == 'b' ? DOCSTORE_TYPE_BYTES : DOCSTORE_TYPE_STRING,
				  ds_mem(NULL, 0));
		return (string && decode(r, string_of(from->object), &value->str)) ||
		       fail(r, at, "not base64; to store such an object itself, write {\"$json\": \"its text\"}");
	}
	if (!strcmp(key, "$f64"))
		return (string && take_bits(string_of(from->object), value)) ||
		       fail(r, at, "$f64 wants \"NaN\", \"Infinity\", \"-Infinity\" or \"0x\" and 16 digits");
	if (!take_value(r, from, value))
		return false;
	if (!strcmp(key, "$u64")) {
		if (*at == '-' || *at == '{' || (value->type != DOCSTORE_TYPE_S64 &&
						 value->type != DOCSTORE_TYPE_U64))
			return fail(r, at, "$u64 wants an integer from 0 to 2^64 - 1");
		value->type = DOCSTORE_TYPE_U64;
		return true;
	}
	if (value->type != DOCSTORE_TYPE_STRING && value->type != DOCSTORE_TYPE_BYTES)
		return fail(r, at, "$json wants text in quotes");
	value->type = DOCSTORE_TYPE_JSON;
	return true;
}

/*
 * Which form an object is, or NULL; and what stands in it. An object of two equal
 * keys is none.
 */
static const char *which_form(struct json_reader *r, struct ds_str text, struct parsed *inside)
{
	static const char * const keys[] = { "$bytes", "$string", "$f64", "$u64", "$json" };
	const unsigned char *p = text.data;
	struct json_object *array;
	size_t i, first = r->texts_len;
	struct ds_str key;

	p = trim(p + 1, p + text.len).data;
	if (*p != '"' || (p[1] != '$' && p[1] != '\\'))
		return NULL;
	array = parse_object(r, text);
	r->texts_len = first;
	if (!array || json_object_array_length(array) != 2)
		return NULL;
	inside->object = json_object_array_get_idx(array, 1);
	inside->text = r->texts[first + 1];
	key = string_of(json_object_array_get_idx(array, 0));
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (str_is(key, keys[i]))
			return keys[i];
	}
	return NULL;
}

static bool take_value(struct json_reader *r, struct parsed *from, struct ds_value *value)
{
	struct parsed inside;
	const char *form;

	switch (json_object_get_type(from->object)) {
	case json_type_null:
		*value = ds_null();
		return true;
	case json_type_boolean:
		*value = ds_bool(json_object_get_boolean(from->object));
		return true;
	case json_type_int:
		take_int(from, value);
		return true;
	case json_type_double:
		take_double(from, value);
		return true;
	case json_type_string:
		*value = ds_typed(DOCSTORE_TYPE_STRING, string_of(from->object));
		return true;
	case json_type_object:
		form = which_form(r, from->text, &inside);
		if (form)
			return take_form(r, form, &inside, value);
		/* fall through */
	default:
		*value = ds_typed(DOCSTORE_TYPE_JSON, compact(r, from->text));
		return true;
	}
}

bool json_read_value(struct json_reader *r, struct ds_str text, struct ds_value *value)
{
	struct json_object *array;
	struct parsed from;

	text = begin(r, text);
	r->copy.len = 0;
	buf_byte(&r->copy, '[');
	buf_add(&r->copy, text.data, text.len);
	buf_byte(&r->copy, ']');
	array = scan(r, text, false) ? parse(r, text) : NULL;
	if (!array)
		return false;
	if (json_object_array_length(array) != 1)
		return fail(r, text.data, "one value is expected");
	from.object = json_object_array_get_idx(array, 0);
	from.text = trim(text.data, (const unsigned char *)text.data + text.len);
	return take_value(r, &from, value);
}

/* --- documents ------------------------------------------------------------ */

static bool take_id(struct json_reader *r, const struct parsed *from,
		    const struct ds_value *value, struct ds_str *id)
{
	const unsigned char *at = from->text.data;

	switch (value->type) {
	case DOCSTORE_TYPE_STRING:
	case DOCSTORE_TYPE_BYTES:
		*id = value->str;
		break;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
		*id = from->text;
		if (*at != '{')
			break;
		/* fall through */
	default:
		return fail(r, at, "an id is a string, an integer or {\"$bytes\": BASE64}");
	}
	if (!id->len)
		return fail(r, at, "an id may not be empty");
	if (id->len > DOCSTORE_MAX_ID)
		return fail(r, at, "the id is longer than 255 bytes");
	return true;
}

static bool take_type(struct json_reader *r, const struct parsed *from,
		      const struct ds_value *value, struct ds_str *type)
{
	const unsigned char *at = from->text.data;

	if (value->type == DOCSTORE_TYPE_NULL) {
		*type = ds_mem(NULL, 0);
		return true;
	}
	if (value->type != DOCSTORE_TYPE_STRING && value->type != DOCSTORE_TYPE_BYTES)
		return fail(r, at, "_type is a string, null or {\"$bytes\": BASE64}");
	if (!value->str.len || value->str.len > DOCSTORE_MAX_NAME)
		return fail(r, at, "_type has 1 to 255 bytes");
	*type = value->str;
	return true;
}

static bool take_version(struct json_reader *r, const struct parsed *from,
			 const struct ds_value *value, uint64_t *version)
{
	if ((value->type != DOCSTORE_TYPE_S64 && value->type != DOCSTORE_TYPE_U64) ||
	    !value->u64 || value->u64 > INT64_MAX)
		return fail(r, from->text.data, "_version is an integer from 1 to 2^63 - 1");
	/*
	 * A document that was restored with the highest number and changed since
	 * has a higher one, and can be restored all the same.
	 */
	*version = value->u64 < DOCSTORE_MAX_VERSION ? value->u64 : DOCSTORE_MAX_VERSION;
	return true;
}

static bool add_prop(struct json_reader *r, const unsigned char *at, size_t count,
		     struct ds_str name, struct ds_value value)
{
	if (!name.len || name.len > DOCSTORE_MAX_NAME)
		return fail(r, at, "the name of a property has 1 to 255 bytes");
	if (count == r->props_room) {
		r->props_room = r->props_room ? 2 * r->props_room : 64;
		r->props = xrealloc(r->props, r->props_room, sizeof(*r->props));
	}
	r->props[count].name = name;
	r->props[count].value = value;
	return true;
}

static bool read_member(struct json_reader *r, struct ds_str name, struct parsed *from,
			const char *id_field, struct json_document *doc)
{
	const unsigned char *at = from->text.data;
	struct ds_value value;

	if (!take_value(r, from, &value))
		return false;
	if (name.len >= 7 && !memcmp(name.data, "$bytes:", 7)) {
		if (!decode(r, ds_mem((const char *)name.data + 7, name.len - 7), &name))
			return fail(r, at, "base64 is expected behind \"$bytes:\"");
		return add_prop(r, at, doc->count++, name, value);
	}
	if (str_is(name, id_field)) {
		if (!take_id(r, from, &value, &doc->id))
			return false;
		if (str_is(name, "_id"))
			return true;
	}
	if (str_is(name, "_type"))
		return take_type(r, from, &value, &doc->type);
	if (str_is(name, "_version"))
		return take_version(r, from, &value, &doc->version);
	return add_prop(r, at, doc->count++, name, value);
}

bool json_read_document(struct json_reader *r, struct ds_str text, const char *id_field,
			struct json_document *doc)
{
	struct json_object *array;
	struct parsed from;
	size_t i;

	memset(doc, 0, sizeof(*doc));
	text = begin(r, text);
	text = trim(text.data, (const unsigned char *)text.data + text.len);
	if (!text.len || *(const char *)text.data != '{')
		return fail(r, text.data, "a document is a JSON object, which begins with '{'");
	array = parse_object(r, text);
	if (!array)
		return false;
	for (i = 0; i < json_object_array_length(array); i += 2) {
		from.object = json_object_array_get_idx(array, i + 1);
		from.text = r->texts[i + 1];
		if (!read_member(r, string_of(json_object_array_get_idx(array, i)), &from,
				 id_field, doc))
			return false;
	}
	doc->props = r->props;
	return true;
}

// SPDX-License-Identifier: GPL-2.0
/* docstore(1): from documents to JSON, with json-c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"

#define PLAIN	(JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
#define PRETTY	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | \
		 JSON_C_TO_STRING_NOSLASHESCAPE)

struct json_object *json_need(struct json_object *object)
{
	if (!object)
		no_memory();
	return object;
}

void json_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (json_object_object_add_ex(object, key, value, JSON_C_OBJECT_ADD_KEY_IS_NEW))
		no_memory();
}

static struct ds_str text_of(struct json_object *object, int flags)
{
	size_t len;
	const char *text = json_object_to_json_string_length(object, flags, &len);

	if (!text)
		no_memory();
	return ds_mem(text, len);
}

void json_write_object(struct buf *buf, struct json_object *object, bool pretty)
{
	struct ds_str text = text_of(object, pretty ? PRETTY : PLAIN);

	buf_add(buf, text.data, text.len);
	json_object_put(object);
}

/* An object that is written as this JSON. */
static struct json_object *verbatim(struct ds_str text)
{
	struct json_object *object = json_need(json_object_new_boolean(true));
	char *copy = xrealloc(NULL, text.len + 1, 1);

	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	json_object_set_serializer(object, json_object_userdata_to_json_string, copy,
				   json_object_free_userdata);
	return object;
}

/* DEL and U+0080 to U+009F are some: terminals act on them. @p is UTF-8. */
static bool is_control(const unsigned char *p)
{
	return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

static bool has_controls(struct ds_str str)
{
	const unsigned char *p = str.data, *end = p + str.len;

	while (p < end && !is_control(p))
		p++;
	return p < end;
}

/* A string, which must be UTF-8. */
static struct json_object *string(struct ds_str str)
{
	struct json_object *object;
	const unsigned char *p, *end;
	struct buf buf = { 0 };
	struct ds_str text;

	object = json_need(json_object_new_string_len(str.len ? str.data : "", (int)str.len));
	if (!has_controls(str))
		return object;
	/* json-c escapes those below U+0020 only. */
	text = text_of(object, PLAIN);
	for (p = text.data, end = p + text.len; p < end; p++) {
		if (is_control(p))
			buf_printf(&buf, "\\u00%02x", *p == 0x7f ? *p : *++p);
		else
			buf_byte(&buf, (char)*p);
	}
	json_object_put(object);
	object = verbatim(ds_mem(buf.data, buf.len));
	buf_free(&buf);
	return object;
}

/* An object of one member. */
static struct json_object *form(const char *key, struct json_object *value)
{
	struct json_object *object = json_need(json_object_new_object());

	json_add(object, key, value);
	return object;
}

/* A string if it is UTF-8, else a form with base64 in it. */
static struct json_object *string_or(const char *key, struct ds_str str)
{
	struct json_object *object;
	struct buf buf = { 0 };

	if (strcmp(key, "$bytes") && utf8_valid(str))
		return string(str);
	base64_encode(&buf, str);
	/* Of no bytes there is no text, and no memory for it. */
	object = string(ds_mem(buf.len ? buf.data : "", buf.len));
	buf_free(&buf);
	return form(key, object);
}

struct json_object *json_text(struct ds_str str)
{
	return utf8_valid(str) ? string(str) : string_or("$bytes", str);
}

void json_write_text(struct buf *buf, struct ds_str str)
{
	json_write_object(buf, json_text(str), false);
}

void json_write_line(struct buf *buf, struct ds_str id)
{
	const char *p = id.data;

	if (id.len && *p != '"' && *p != '{' && utf8_valid(id) && !has_controls(id))
		buf_add(buf, id.data, id.len);
	else
		json_write_text(buf, id);
}

static void add_prop(struct json_object *object, struct buf *key, struct ds_str name,
		     struct json_object *value)
{
	key->len = 0;
	if (!utf8_valid(name) || has_controls(name) || str_is(name, "_id") ||
	    str_is(name, "_type") || str_is(name, "_version") ||
	    (name.len >= 7 && !memcmp(name.data, "$bytes:", 7))) {
		buf_str(key, "$bytes:");
		base64_encode(key, name);
	} else {
		buf_add(key, name.data, name.len);
	}
	buf_byte(key, '\0');
	json_add(object, key->data, value);
}

static bool same_bits(double a, double b)
{
	return !memcmp(&a, &b, sizeof(a));
}

static struct json_object *from_f64(double d)
{
	char text[40];
	uint64_t bits;
	int precision;

	if (isfinite(d)) {
		for (precision = 15; precision <= 17; precision++) {
			snprintf(text, sizeof(text), "%.*g", precision, d);
			if (same_bits(strtod(text, NULL), d))
				break;
		}
		/* A number without these would be read as an integer. */
		if (!strpbrk(text, ".e"))
			strcat(text, ".0");
		return json_need(json_object_new_double_s(d, text));
	}
	memcpy(&bits, &d, sizeof(bits));
	if (same_bits(d, (double)NAN))
		strcpy(text, "NaN");
	else if (isinf(d))
		strcpy(text, d > 0 ? "Infinity" : "-Infinity");
	else
		snprintf(text, sizeof(text), "0x%016llx", (unsigned long long)bits);
	return form("$f64", json_need(json_object_new_string(text)));
}

static bool same_text(struct ds_str a, struct ds_str b)
{
	return a.len == b.len && !memcmp(a.data, b.data, a.len);
}

static struct json_object *from_json(struct ds_str text)
{
	static struct json_reader reader;
	struct json_object *object;
	struct ds_value value;

	/* Would reading this text give this very value again, and may it be shown? */
	if (!json_read_value(&reader, text, &value) || value.type != DOCSTORE_TYPE_JSON ||
	    !same_text(value.str, text) || has_controls(text))
		return form("$json", json_text(text));
	/* An object that json-c can set out, unless it would change it. */
	object = json_object_array_get_idx(json_object_array_get_idx(reader.objects, 0), 0);
	if (same_text(text_of(object, PLAIN), text))
		return json_object_get(object);
	return verbatim(text);
}

static int from_value(const struct ds_value *value, struct json_object **object)
{
	switch (value->type) {
	case DOCSTORE_TYPE_NULL:
		*object = NULL;
		return 0;
	case DOCSTORE_TYPE_BOOL:
		*object = json_need(json_object_new_boolean(value->b));
		return 0;
	case DOCSTORE_TYPE_S64:
		*object = json_need(json_object_new_int64(value->s64));
		return 0;
	case DOCSTORE_TYPE_U64:
		*object = json_need(json_object_new_uint64(value->u64));
		if (value->u64 <= INT64_MAX)
			*object = form("$u64", *object);
		return 0;
	case DOCSTORE_TYPE_F64:
		*object = from_f64(value->f64);
		return 0;
	case DOCSTORE_TYPE_STRING:
		*object = string_or("$string", value->str);
		return 0;
	case DOCSTORE_TYPE_BYTES:
		*object = string_or("$bytes", value->str);
		return 0;
	case DOCSTORE_TYPE_JSON:
		*object = from_json(value->str);
		return 0;
	default:
		return -EPROTONOSUPPORT;
	}
}

int json_write_value(struct buf *buf, const struct ds_value *value, bool pretty)
{
	struct json_object *object;
	int err = from_value(value, &object);

	if (!err)
		json_write_object(buf, object, pretty);
	return err;
}

/* Add a property to an object; @key is what its key is written to. */
int json_add_property(struct json_object *object, struct buf *key, struct ds_store *store,
		      uint32_t id, const struct ds_value *value)
{
	struct json_object *member;
	struct ds_str name;
	int err = ds_name(store, id, &name);

	if (!err)
		err = from_value(value, &member);
	if (!err)
		add_prop(object, key, name, member);
	return err;
}

static int add_props(struct json_object *object, struct buf *key, struct ds_store *store,
		     const struct ds_doc *doc)
{
	uint32_t i;
	int err = 0;

	for (i = 0; !err && i < doc->nprops; i++) {
		struct ds_value value = ds_doc_value(doc, i);

		err = json_add_property(object, key, store, ds_doc_name(doc, i), &value);
	}
	return err;
}

int json_write_document(struct buf *buf, struct ds_store *store, const struct ds_doc *doc,
			bool pretty)
{
	struct json_object *object = form("_id", json_text(doc->id));
	struct buf key = { 0 };
	struct ds_str type;
	int err = 0;

	if (doc->type)
		err = ds_name(store, doc->type, &type);
	if (!err) {
		if (doc->type)
			json_add(object, "_type", json_text(type));
		json_add(object, "_version", json_need(json_object_new_uint64(doc->version)));
		err = add_props(object, &key, store, doc);
	}
	if (err)
		json_object_put(object);
	else
		json_write_object(buf, object, pretty);
	buf_free(&key);
	return err;
}

// SPDX-License-Identifier: GPL-2.0
/* docstore(1): from documents to JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"

void json_write_string(struct buf *buf, struct ds_str str)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = str.data, *end = p + str.len, *run = p;

	buf_byte(buf, '"');
	while (p < end) {
		unsigned char c = *p;
		const char *escape = NULL;
		size_t len = 1;

		/* DEL and U+0080 to U+009F as well: terminals act on them. */
		if (c == 0xc2 && end - p > 1 && p[1] < 0xa0) {
			c = p[1];
			len = 2;
		} else if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
			p++;
			continue;
		}
		buf_add(buf, run, (size_t)(p - run));
		switch (c) {
		case '"':
			escape = "\\\"";
			break;
		case '\\':
			escape = "\\\\";
			break;
		case '\b':
			escape = "\\b";
			break;
		case '\f':
			escape = "\\f";
			break;
		case '\n':
			escape = "\\n";
			break;
		case '\r':
			escape = "\\r";
			break;
		case '\t':
			escape = "\\t";
			break;
		default:
			buf_str(buf, "\\u00");
			buf_byte(buf, hex[c >> 4]);
			buf_byte(buf, hex[c & 15]);
		}
		if (escape)
			buf_str(buf, escape);
		p += len;
		run = p;
	}
	buf_add(buf, run, (size_t)(p - run));
	buf_byte(buf, '"');
}

static void write_base64(struct buf *buf, const char *key, struct ds_str str)
{
	buf_printf(buf, "{\"%s\":\"", key);
	base64_encode(buf, str);
	buf_str(buf, "\"}");
}

void json_write_text(struct buf *buf, struct ds_str str)
{
	if (utf8_valid(str))
		json_write_string(buf, str);
	else
		write_base64(buf, "$bytes", str);
}

void json_write_line(struct buf *buf, struct ds_str id)
{
	const unsigned char *p = id.data;
	bool plain = utf8_valid(id) && id.len && p[0] != '"' && p[0] != '{';
	size_t i;

	for (i = 0; plain && i < id.len; i++) {
		plain = p[i] >= 0x20 && p[i] != 0x7f &&
			!(p[i] == 0xc2 && p[i + 1] < 0xa0);
	}
	if (plain)
		buf_add(buf, id.data, id.len);
	else
		json_write_text(buf, id);
}

static void write_key(struct buf *buf, struct ds_str name)
{
	bool plain = utf8_valid(name) && !str_is(name, "_id") &&
		     !str_is(name, "_type") && !str_is(name, "_version") &&
		     !(name.len >= 7 && !memcmp(name.data, "$bytes:", 7));

	if (plain) {
		json_write_string(buf, name);
	} else {
		buf_str(buf, "\"$bytes:");
		base64_encode(buf, name);
		buf_byte(buf, '"');
	}
	buf_byte(buf, ':');
}

static bool same_bits(double a, double b)
{
	return !memcmp(&a, &b, sizeof(a));
}

static void write_f64(struct buf *buf, double d)
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
		buf_str(buf, text);
		/* A number without these would be read as an integer. */
		if (!strpbrk(text, ".e"))
			buf_str(buf, ".0");
		return;
	}
	if (same_bits(d, (double)NAN)) {
		buf_str(buf, "{\"$f64\":\"NaN\"}");
	} else if (isinf(d)) {
		buf_str(buf, d > 0 ? "{\"$f64\":\"Infinity\"}" : "{\"$f64\":\"-Infinity\"}");
	} else {
		memcpy(&bits, &d, sizeof(bits));
		buf_printf(buf, "{\"$f64\":\"0x%016llx\"}", (unsigned long long)bits);
	}
}

/* Would reading this text give this very value again? */
static bool reads_back(struct ds_str text)
{
	struct json_reader reader = { 0 };
	struct ds_value value;
	bool same;

	same = json_read_value(&reader, text, &value) &&
	       value.type == DOCSTORE_TYPE_JSON && value.str.len == text.len &&
	       !memcmp(value.str.data, text.data, text.len);
	json_reader_free(&reader);
	return same;
}

static void write_json(struct buf *buf, struct ds_str text)
{
	if (reads_back(text)) {
		buf_add(buf, text.data, text.len);
		return;
	}
	buf_str(buf, "{\"$json\":");
	json_write_text(buf, text);
	buf_byte(buf, '}');
}

int json_write_value(struct buf *buf, const struct ds_value *value)
{
	switch (value->type) {
	case DOCSTORE_TYPE_NULL:
		buf_str(buf, "null");
		return 0;
	case DOCSTORE_TYPE_BOOL:
		buf_str(buf, value->b ? "true" : "false");
		return 0;
	case DOCSTORE_TYPE_S64:
		buf_printf(buf, "%lld", (long long)value->s64);
		return 0;
	case DOCSTORE_TYPE_U64:
		buf_printf(buf, value->u64 > INT64_MAX ? "%llu" : "{\"$u64\":%llu}",
			   (unsigned long long)value->u64);
		return 0;
	case DOCSTORE_TYPE_F64:
		write_f64(buf, value->f64);
		return 0;
	case DOCSTORE_TYPE_STRING:
		if (utf8_valid(value->str))
			json_write_string(buf, value->str);
		else
			write_base64(buf, "$string", value->str);
		return 0;
	case DOCSTORE_TYPE_BYTES:
		write_base64(buf, "$bytes", value->str);
		return 0;
	case DOCSTORE_TYPE_JSON:
		write_json(buf, value->str);
		return 0;
	default:
		return -EPROTONOSUPPORT;
	}
}

int json_write_document(struct buf *buf, struct ds_store *store, const struct ds_doc *doc)
{
	struct ds_str name;
	uint32_t i;
	int err;

	buf_str(buf, "{\"_id\":");
	json_write_text(buf, doc->id);
	if (doc->type) {
		err = ds_name(store, doc->type, &name);
		if (err)
			return err;
		buf_str(buf, ",\"_type\":");
		json_write_text(buf, name);
	}
	buf_printf(buf, ",\"_version\":%llu", (unsigned long long)doc->version);
	for (i = 0; i < doc->nprops; i++) {
		struct ds_value value = ds_doc_value(doc, i);

		err = ds_name(store, ds_doc_name(doc, i), &name);
		if (err)
			return err;
		buf_byte(buf, ',');
		write_key(buf, name);
		err = json_write_value(buf, &value);
		if (err)
			return err;
	}
	buf_byte(buf, '}');
	return 0;
}

static void new_line(struct buf *buf, int depth)
{
	buf_byte(buf, '\n');
	while (depth-- > 0)
		buf_str(buf, "  ");
}

void json_write_pretty(struct buf *buf, struct ds_str text)
{
	const char *p = text.data, *end = p + text.len;
	bool string = false;
	int depth = 0;

	for (; p < end; p++) {
		if (string) {
			buf_byte(buf, *p);
			if (*p == '\\' && end - p > 1)
				buf_byte(buf, *++p);
			else if (*p == '"')
				string = false;
			continue;
		}
		switch (*p) {
		case '{':
		case '[':
			buf_byte(buf, *p);
			if (end - p > 1 && (p[1] == '}' || p[1] == ']'))
				buf_byte(buf, *++p);
			else
				new_line(buf, ++depth);
			break;
		case '}':
		case ']':
			new_line(buf, --depth);
			buf_byte(buf, *p);
			break;
		case ',':
			buf_byte(buf, *p);
			new_line(buf, depth);
			break;
		case ':':
			buf_str(buf, ": ");
			break;
		default:
			string = *p == '"';
			buf_byte(buf, *p);
		}
	}
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Documents to JSON and back: what is read, what is refused, and that nothing is
 * lost. It runs natively, with a store in user space behind the library:
 *
 *	json_test [SEED [ROUNDS]]
 */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "json.h"
#include "tap.h"

static struct json_reader reader;

/* --- values: what is read, and what is written again -------------------------- */

#define T_NULL		DOCSTORE_TYPE_NULL
#define T_BOOL		DOCSTORE_TYPE_BOOL
#define T_S64		DOCSTORE_TYPE_S64
#define T_U64		DOCSTORE_TYPE_U64
#define T_F64		DOCSTORE_TYPE_F64
#define T_STRING	DOCSTORE_TYPE_STRING
#define T_BYTES		DOCSTORE_TYPE_BYTES
#define T_JSON		DOCSTORE_TYPE_JSON

static const struct {
	const char *text;
	unsigned int type;	/* 0: it is refused */
	const char *written;	/* NULL: as it was */
} values[] = {
	{ "null", T_NULL, NULL },
	{ " true\t", T_BOOL, "true" },
	{ "false", T_BOOL, NULL },
	{ "0", T_S64, NULL },
	{ "-1", T_S64, NULL },
	{ "9223372036854775807", T_S64, NULL },
	{ "-9223372036854775808", T_S64, NULL },
	{ "9223372036854775808", T_U64, NULL },
	{ "18446744073709551615", T_U64, NULL },
	{ "18446744073709551616", T_JSON, NULL },
	{ "-9223372036854775809", T_JSON, NULL },
	{ "123456789012345678901234567890", T_JSON, NULL },
	{ "-0", T_F64, "-0.0" },
	{ "0.0", T_F64, NULL },
	{ "-0.0", T_F64, NULL },
	{ "0.1", T_F64, NULL },
	{ "1.50", T_F64, "1.5" },
	{ "1e2", T_F64, "100.0" },
	{ "1E+20", T_F64, "1e+20" },
	{ "0.30000000000000004", T_F64, NULL },
	{ "1.7976931348623157e+308", T_F64, NULL },
	{ "5e-324", T_F64, "4.94065645841247e-324" },
	{ "2.2250738585072014e-308", T_F64, NULL },
	{ "1e400", T_JSON, NULL },
	{ "-1e400", T_JSON, NULL },
	{ "1e-400", T_JSON, NULL },
	{ "0e-400", T_F64, "0.0" },
	{ "\"\"", T_STRING, NULL },
	{ "\"a\\u0000b\"", T_STRING, NULL },
	{ "\"\\u0041\\/\\b\\f\\n\\r\\t\\\"\\\\\"", T_STRING, "\"A/\\b\\f\\n\\r\\t\\\"\\\\\"" },
	{ "\"\\ud83d\\ude00 \\u20ac \\u00e9\"", T_STRING,
	  "\"\xf0\x9f\x98\x80 \xe2\x82\xac \xc3\xa9\"" },
	{ "\"\\u007f\\u009b\"", T_STRING, NULL },
	{ "\"\x7f\"", T_STRING, "\"\\u007f\"" },
	{ "[]", T_JSON, NULL },
	{ "{}", T_JSON, NULL },
	{ "[ 1 , 2.50 , { \"a b\" : [ ] } ]", T_JSON, "[1,2.50,{\"a b\":[]}]" },
	{ "[\" \\\" \", 1]", T_JSON, "[\" \\\" \",1]" },
	{ "[18446744073709551616,-0,1e999,\"\\u0041\",\"\\ud83d\\ude00\"]", T_JSON, NULL },
	{ "{\"a\":-9223372036854775809,\"b\":0.10,\"c\":\"\\u007f/\"}", T_JSON, NULL },
	/* Terminals act on these, and the text stays what it is. */
	{ "[\"\x7f/\"]", T_JSON, "{\"$json\":\"[\\\"\\u007f/\\\"]\"}" },
	{ "{\"\xc2\x9b\":1}", T_JSON, "{\"$json\":\"{\\\"\\u009b\\\":1}\"}" },
	{ "{\"a\":1,\"a\":2}", T_JSON, NULL },
	{ "{\"a\\u0000b\":1}", T_JSON, NULL },
	{ "{\"$bytes\":\"\"}", T_BYTES, NULL },
	{ "{ \"$bytes\" : \"AP+A\" }", T_BYTES, "{\"$bytes\":\"AP+A\"}" },
	{ "{\"\\u0024bytes\":\"\\u0041P+A\"}", T_BYTES, "{\"$bytes\":\"AP+A\"}" },
	{ "{\"$string\":\"/w==\"}", T_STRING, NULL },
	{ "{\"$string\":\"YQ==\"}", T_STRING, "\"a\"" },
	{ "{\"$u64\":5}", T_U64, NULL },
	{ "{\"$u64\":9223372036854775808}", T_U64, "9223372036854775808" },
	{ "{\"$f64\":\"NaN\"}", T_F64, NULL },
	{ "{\"$f64\":\"Infinity\"}", T_F64, NULL },
	{ "{\"$f64\":\"-Infinity\"}", T_F64, NULL },
	{ "{\"$f64\":\"0x7ff0000000000001\"}", T_F64, NULL },
	{ "{\"$f64\":\"0x3ff0000000000000\"}", T_F64, "1.0" },
	{ "{\"$json\":\"{\\\"$u64\\\":5}\"}", T_JSON, NULL },
	{ "{\"$json\":\"{\\\"$bytes\\\":5}\"}", T_JSON, NULL },
	{ "{\"$json\":\"not json\"}", T_JSON, NULL },
	{ "{\"$json\":\"\"}", T_JSON, NULL },
	{ "{\"$json\":\"5\"}", T_JSON, NULL },
	{ "{\"$json\":\" [1]\"}", T_JSON, NULL },
	{ "{\"$json\":\"[1]\"}", T_JSON, "[1]" },
	{ "{\"$json\":\"[\\n]\"}", T_JSON, NULL },
	{ "{\"$json\":\"18446744073709551616\"}", T_JSON, "18446744073709551616" },
	{ "{\"$json\":{\"$bytes\":\"/w==\"}}", T_JSON, NULL },
	{ "{\"$json\":\"{\\\"$json\\\":\\\"x\\\"}\"}", T_JSON, NULL },
	{ "{\"$bytes\":\"AA==\",\"b\":1}", T_JSON, NULL },
	{ "{\"$bytes\":\"AA==\",\"$bytes\":\"AA==\"}", T_JSON, NULL },
	{ "{\"$other\":1}", T_JSON, NULL },
	{ "[{\"$bytes\":\"not base64 but nested, so nobody asks\"}]", T_JSON, NULL },

	/* What is not JSON. */
	{ "", 0, NULL },
	{ " ", 0, NULL },
	{ "nul", 0, NULL },
	{ "NULL", 0, NULL },
	{ "True", 0, NULL },
	{ "NaN", 0, NULL },
	{ "Infinity", 0, NULL },
	{ "[NaN]", 0, NULL },
	{ "[-Infinity]", 0, NULL },
	{ "01", 0, NULL },
	{ "-", 0, NULL },
	{ "-a", 0, NULL },
	{ "+1", 0, NULL },
	{ ".5", 0, NULL },
	{ "1.", 0, NULL },
	{ "1e", 0, NULL },
	{ "1e+", 0, NULL },
	{ "1.e1", 0, NULL },
	{ "0x10", 0, NULL },
	{ "1 2", 0, NULL },
	{ "[1,]", 0, NULL },
	{ "[,1]", 0, NULL },
	{ "[1 2]", 0, NULL },
	{ "[1}", 0, NULL },
	{ "[", 0, NULL },
	{ "[1", 0, NULL },
	{ "]", 0, NULL },
	{ "{\"a\":1,}", 0, NULL },
	{ "{\"a\"}", 0, NULL },
	{ "{\"a\":}", 0, NULL },
	{ "{a:1}", 0, NULL },
	{ "{1:1}", 0, NULL },
	{ "{,}", 0, NULL },
	{ "{\"a\":1", 0, NULL },
	{ "{\"a", 0, NULL },
	{ "'a'", 0, NULL },
	{ "{'a':1}", 0, NULL },
	{ "[TRUE]", 0, NULL },
	{ "[nan]", 0, NULL },
	{ "-Infinity", 0, NULL },
	{ "[1]//x", 0, NULL },
	{ "[00]", 0, NULL },
	{ "[-01.5]", 0, NULL },
	{ "[-.5]", 0, NULL },
	{ "[1.e1]", 0, NULL },
	{ "[1e+]", 0, NULL },
	{ "[1-]", 0, NULL },
	{ "[1,,2]", 0, NULL },
	{ "[1]\v", 0, NULL },
	{ "[/*x*/1]", 0, NULL },
	{ "[1]x", 0, NULL },
	{ "\"", 0, NULL },
	{ "\"a", 0, NULL },
	{ "\"\\\"", 0, NULL },
	{ "\"\\", 0, NULL },
	{ "\"\\x\"", 0, NULL },
	{ "\"\\u12\"", 0, NULL },
	{ "\"\\u12g4\"", 0, NULL },
	{ "\"\\ud800\"", 0, NULL },
	{ "\"\\udc00\"", 0, NULL },
	{ "\"\\ud800\\u0041\"", 0, NULL },
	{ "\"\\ud800\\ud800\"", 0, NULL },
	{ "[\"\\ud800\"]", 0, NULL },
	{ "{\"\\udfff\":1}", 0, NULL },
	{ "{\"$json\":\"\\ud800\"}", 0, NULL },
	{ "\"a\nb\"", 0, NULL },
	{ "[\"a\tb\"]", 0, NULL },
	{ "\"\xff\"", 0, NULL },
	{ "\"\xc0\x80\"", 0, NULL },
	{ "\"\xed\xa0\x80\"", 0, NULL },
	{ "\"\xf4\x90\x80\x80\"", 0, NULL },
	{ "\"\xe2\x82\"", 0, NULL },
	{ "[\"\xff\"]", 0, NULL },
	{ "\xef\xbb\xbf[]", 0, NULL },

	/* What looks like one of our forms, and is none. */
	{ "{\"$bytes\":5}", 0, NULL },
	{ "{\"$bytes\":\"A\"}", 0, NULL },
	{ "{\"$bytes\":\"AA=\"}", 0, NULL },
	{ "{\"$bytes\":\"AB==\"}", 0, NULL },
	{ "{\"$bytes\":\"A A=\"}", 0, NULL },
	{ "{\"$bytes\":\"AA==AA==\"}", 0, NULL },
	{ "{\"$u64\":-1}", 0, NULL },
	{ "{\"$u64\":1.0}", 0, NULL },
	{ "{\"$u64\":\"1\"}", 0, NULL },
	{ "{\"$u64\":18446744073709551616}", 0, NULL },
	{ "{\"$f64\":1}", 0, NULL },
	{ "{\"$f64\":\"nan\"}", 0, NULL },
	{ "{\"$f64\":\"0x1\"}", 0, NULL },
	{ "{\"$f64\":\"0x7ff000000000000g\"}", 0, NULL },
	{ "{\"$json\":5}", 0, NULL },
	{ "{\"$json\":[1]}", 0, NULL },
	{ "{\"$json\":{\"$json\":\"x\"}}", 0, NULL },
};

static bool buf_is(const struct buf *buf, const char *text)
{
	return str_is(ds_mem(buf->data, buf->len), text);
}

static bool same_value(const struct ds_value *a, const struct ds_value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case T_NULL:
		return true;
	case T_BOOL:
		return a->b == b->b;
	case T_S64:
	case T_U64:
	case T_F64:
		return a->u64 == b->u64;
	default:
		return a->str.len == b->str.len &&
		       (!a->str.len || !memcmp(a->str.data, b->str.data, a->str.len));
	}
}

static void test_values(void)
{
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const char *written = values[i].written ? values[i].written : values[i].text;
		/* A copy of its exact length, so that reading beyond it is seen. */
		size_t len = strlen(values[i].text);
		char *text = malloc(len ? len : 1);
		struct buf buf = { 0 };
		struct ds_value value;
		bool good, read;

		memcpy(text, values[i].text, len);
		read = json_read_value(&reader, ds_mem(text, len), &value);
		if (values[i].type) {
			good = read && value.type == values[i].type &&
			       !json_write_value(&buf, &value, false) && buf_is(&buf, written);
		} else {
			good = !read && reader.error && reader.error_at <= len;
		}
		ok(good, "%s %s", values[i].type ? "reads" : "refuses", i ? "" : "#");
		if (!good)
			printf("# %s\n# gave %.*s\n", values[i].text, (int)buf.len,
			       buf.data ? buf.data : "");
		buf_free(&buf);
		free(text);
	}
}

static void test_depth(void)
{
	size_t depth;

	for (depth = JSON_DEPTH - 2; depth < JSON_DEPTH + 2; depth++) {
		struct buf buf = { 0 };
		struct ds_value value;
		bool read;
		size_t i;

		for (i = 0; i < depth; i++)
			buf_byte(&buf, '[');
		buf_byte(&buf, '0');
		for (i = 0; i < depth; i++)
			buf_byte(&buf, ']');
		read = json_read_value(&reader, ds_mem(buf.data, buf.len), &value);
		ok(read == (depth < JSON_DEPTH), "%zu arrays in each other are %s", depth,
		   read ? "read" : "refused");
		buf_free(&buf);
	}
}

/* --- documents ------------------------------------------------------------------ */

static struct ds_store *open_store(const char *name)
{
	struct ds_store *store;
	int err = ds_open(name, DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, NULL, &store);

	if (err == -ENOENT) {
		ds_create(name, NULL);
		err = ds_open(name, DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, NULL, &store);
	}
	if (err) {
		printf("Bail out! cannot open a store: %s\n", strerror(-err));
		exit(1);
	}
	return store;
}

/* A line into a store, as import does it. */
static int import_line(struct ds_store *store, struct ds_str line, const char *id_field)
{
	struct ds_write_opts opts = { .size = sizeof(opts) };
	struct json_document doc;

	if (!json_read_document(&reader, line, id_field, &doc))
		return -EBADMSG;
	if (!doc.id.len)
		return -EINVAL;
	opts.type = doc.type;
	opts.min_version = doc.version;
	return ds_put(store, doc.id, doc.props, doc.count, &opts, NULL);
}

static int export_doc(struct ds_store *store, struct ds_str id, struct buf *line)
{
	static char buffer[DOCSTORE_MAX_DOCUMENT];
	size_t len = sizeof(buffer);
	struct ds_doc doc;
	int err = ds_get(store, id, buffer, &len, &doc);

	return err ? err : json_write_document(line, store, &doc, false);
}

static const struct {
	const char *line;
	const char *id;		/* NULL: it is refused */
	const char *written;	/* NULL: as it was */
} documents[] = {
	{ "{\"_id\":\"e\",\"_version\":1}", "e", NULL },
	{ "{\"_id\":\"a\",\"_type\":\"user\",\"_version\":7,\"z\":1,\"a\":[1,{\"b\":null}]}", "a", NULL },
	{ " { \"x\" : 1 , \"_id\" : 5 } ", "5", "{\"_id\":\"5\",\"_version\":1,\"x\":1}" },
	{ "{\"_id\":\"t\",\"_type\":null}", "t", "{\"_id\":\"t\",\"_version\":1}" },
	{ "{\"_id\":{\"$bytes\":\"/w==\"},\"_type\":{\"$bytes\":\"/w==\"},\"_version\":3}", "\xff",
	  NULL },
	{ "{\"_id\":\"n\",\"_version\":1,\"$bytes:/w==\":1,\"$bytes:X2lk\":2,\"$bytes:X3R5cGU=\":3,"
	  "\"$bytes:X3ZlcnNpb24=\":4,\"$bytes:JGJ5dGVzOg==\":5,\"$bytes\":6,\"_\":7}", "n", NULL },
	{ "{\"_id\":\"k\",\"_version\":1,\"a\\u0000b\":1,\"a\":2,\"\\u009b\":3}", "k",
	  "{\"_id\":\"k\",\"_version\":1,\"$bytes:YQBi\":1,\"a\":2,\"$bytes:wps=\":3}" },
	{ "{\"_id\":\"d\",\"a\":1,\"b\":2,\"a\":3}", "d", "{\"_id\":\"d\",\"_version\":1,\"a\":3,\"b\":2}" },
	{ "{\"_id\":\"v\",\"_version\":4611686018427387904}", "v", NULL },
	/* One that was changed since it was restored with the highest version. */
	{ "{\"_id\":\"w\",\"_version\":4611686018427387905}", "w",
	  "{\"_id\":\"w\",\"_version\":4611686018427387904}" },
	{ "{\"_id\":\"\\u00e9\",\"_version\":1}", "\xc3\xa9", "{\"_id\":\"\xc3\xa9\",\"_version\":1}" },
	{ "{}", NULL, NULL },
	{ "[]", NULL, NULL },
	{ "{\"_id\":\"\"}", NULL, NULL },
	{ "{\"_id\":null}", NULL, NULL },
	{ "{\"_id\":1.5}", NULL, NULL },
	{ "{\"_id\":[1]}", NULL, NULL },
	{ "{\"_id\":{\"$u64\":1}}", NULL, NULL },
	{ "{\"_id\":\"a\",\"_type\":5}", NULL, NULL },
	{ "{\"_id\":\"a\",\"_type\":\"\"}", NULL, NULL },
	{ "{\"_id\":\"a\",\"_version\":0}", NULL, NULL },
	{ "{\"_id\":\"a\",\"_version\":-1}", NULL, NULL },
	{ "{\"_id\":\"a\",\"_version\":9223372036854775808}", NULL, NULL },
	{ "{\"_id\":\"a\",\"_version\":\"1\"}", NULL, NULL },
	{ "{\"_id\":\"a\",\"\":1}", NULL, NULL },
	{ "{\"_id\":\"a\",\"$bytes:\":1}", NULL, NULL },
	{ "{\"_id\":\"a\",\"$bytes:x\":1}", NULL, NULL },
	{ "{\"_id\":\"a\"}}", NULL, NULL },
	{ "{\"_id\":\"a\"},", NULL, NULL },
	{ "{\"_id\":\"a\" \"b\":1}", NULL, NULL },
	{ "{\"_id\":\"a\",}", NULL, NULL },
	{ "{\"_id\" \"a\"}", NULL, NULL },
	{ "{", NULL, NULL },
	{ "{\"_id\"", NULL, NULL },
	{ "{\"_id\":", NULL, NULL },
	{ "{\"_id\":\"a\"", NULL, NULL },
	{ "{\"_id\":\"a\",", NULL, NULL },
};

static void test_documents(void)
{
	struct ds_store *store = open_store("documents");
	struct buf buf = { 0 };
	struct ds_value value;
	char line[1024];
	size_t i;

	for (i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		const char *written = documents[i].written ? documents[i].written :
				      documents[i].line;
		size_t len = strlen(documents[i].line);
		char *text = malloc(len);
		int err;
		bool good;

		memcpy(text, documents[i].line, len);
		buf.len = 0;
		err = import_line(store, ds_mem(text, len), "_id");
		good = documents[i].id ? !err && !export_doc(store, ds_str(documents[i].id), &buf) &&
		       buf_is(&buf, written) : err != 0;
		ok(good, "document %s", documents[i].id ? "is stored" : "is refused");
		if (!good)
			printf("# %s\n# %d gave %.*s\n", documents[i].line, err, (int)buf.len,
			       buf.data ? buf.data : "");
		free(text);
	}

	buf.len = 0;
	snprintf(line, sizeof(line), "{\"_id\":\"x\",\"key\":\"k1\",\"n\":1}");
	ok(!import_line(store, ds_str(line), "key") && !export_doc(store, ds_str("k1"), &buf) &&
	   buf_is(&buf, "{\"_id\":\"k1\",\"_version\":1,\"$bytes:X2lk\":\"x\",\"key\":\"k1\",\"n\":1}"),
	   "another field can be the id, and stays a property");
	buf.len = 0;
	snprintf(line, sizeof(line), "{\"_id\":\"p\",\"b\":1,\"a\":2}");
	import_line(store, ds_str(line), "_id");
	snprintf(line, sizeof(line), "{\"_id\":\"p\",\"a\":1,\"c\":2,\"b\":3}");
	ok(!import_line(store, ds_str(line), "_id") && !export_doc(store, ds_str("p"), &buf) &&
	   buf_is(&buf, "{\"_id\":\"p\",\"_version\":2,\"a\":1,\"c\":2,\"b\":3}"),
	   "putting a document again puts its properties in their new order");

	buf.len = 0;
	value = ds_typed(T_JSON, ds_str("{\"a\":[1,{\"b\":\"{,\\\"\"}],\"c\":1.50}"));
	ok(!json_write_value(&buf, &value, true) &&
	   buf_is(&buf, "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"{,\\\"\"\n    }\n  ],\n  \"c\": 1.50\n}"),
	   "pretty");
	buf.len = 0;
	value = ds_typed(T_JSON, ds_str("{\"a\":[18446744073709551616]}"));
	ok(!json_write_value(&buf, &value, true) && buf_is(&buf, value.str.data),
	   "what json-c would change is written as it is");

	buf.len = 0;
	json_write_line(&buf, ds_str("plain \xc3\xa9 id"));
	buf_byte(&buf, '\n');
	json_write_line(&buf, ds_str("\"q"));
	buf_byte(&buf, '\n');
	json_write_line(&buf, ds_str("{b"));
	buf_byte(&buf, '\n');
	json_write_line(&buf, ds_str("a\nb\xc2\x9b"));
	buf_byte(&buf, '\n');
	json_write_line(&buf, ds_str("\xff"));
	ok(buf_is(&buf, "plain \xc3\xa9 id\n\"\\\"q\"\n\"{b\"\n\"a\\nb\\u009b\"\n{\"$bytes\":\"/w==\"}"),
	   "ids as ls writes them");
	buf_free(&buf);
	ds_close(store);
}

/* --- whatever documents there may be --------------------------------------------- */

static uint64_t seed;

static uint64_t draw(void)
{
	/* splitmix64 */
	uint64_t z = (seed += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static size_t below(size_t n)
{
	return (size_t)(draw() % n);
}

/* Text of the kind that trips converters. Grows @buf by it. */
static void draw_text(struct buf *buf, size_t most)
{
	static const char * const pieces[] = {
		"_id", "_type", "_version", "$bytes:", "$bytes", "$json", "{\"$bytes\":\"AA==\"}",
		"{\"$json\":\"x\"}", "{\"$u64\":1}", "[1, 2]", "[1,2]", "{\"a\":[]}", "\"", "\\", "\\u0000",
		"\xc3\xa9", "\xf0\x9f\x98\x80", "\xff", "\xed\xa0\x80", "\xc2\x85", "\n", "\x7f", "{", "}",
		"1e400", "18446744073709551616", "-0", "null", "NaN", " ", "/w==", "0x", "a", "b",
	};
	size_t n = below(4), from = buf->len;

	while (n-- && buf->len - from < most) {
		const char *piece = pieces[below(sizeof(pieces) / sizeof(pieces[0]))];

		if (below(6))
			buf_str(buf, piece);
		else
			buf_byte(buf, (char)draw());
	}
	if (buf->len - from > most)
		buf->len = from + most;
}

static struct ds_str keep(struct buf *pool, size_t most)
{
	size_t from = pool->len;

	draw_text(pool, most);
	/* The pool has room enough from the beginning: it does not move. */
	return ds_mem(pool->data + from, pool->len - from);
}

static struct ds_value draw_value(struct buf *pool)
{
	static const uint64_t bits[] = {
		0, 1, 2, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX, 0x7ff0000000000000ULL,
		0xfff0000000000000ULL, 0x7ff8000000000000ULL, 0xfff8000000000000ULL,
		0x7ff0000000000001ULL, 0x8000000000000000ULL, 0x000fffffffffffffULL,
		0x3fb999999999999aULL, 0x7fefffffffffffffULL, 0x4340000000000000ULL,
	};
	struct ds_value value;
	struct ds_str text;

	value = ds_u64(below(2) ? draw() >> below(64) : bits[below(sizeof(bits) / sizeof(bits[0]))]);
	switch (value.type = 1 + (unsigned int)below(8)) {
	case T_NULL:
		return ds_null();
	case T_BOOL:
		return ds_bool(below(2));
	case T_S64:
	case T_U64:
	case T_F64:
		return value;
	default:
		text = keep(pool, 300);
		if (!below(50)) {
			memset(pool->data + pool->len, 'x', 70000);
			text.len += 70000;
			pool->len += 70000;
		}
		return ds_typed(value.type, text);
	}
}

#define POOL	(8 * 1024 * 1024)

/* A document of any kind into a store. */
static int draw_document(struct ds_store *store, struct buf *pool)
{
	struct ds_write_opts opts = { .size = sizeof(opts) };
	struct ds_prop props[40];
	struct ds_str id;
	size_t i, count = below(8) ? below(6) : below(40);

	pool->len = 0;
	do {
		id = keep(pool, DOCSTORE_MAX_ID);
	} while (!id.len);
	opts.type = below(2) ? keep(pool, DOCSTORE_MAX_NAME) : ds_mem("", 0);
	opts.min_version = below(3) ? 0 : draw() >> (2 + below(62));
	for (i = 0; i < count; i++) {
		do {
			props[i].name = keep(pool, DOCSTORE_MAX_NAME);
		} while (!props[i].name.len);
		props[i].value = draw_value(pool);
	}
	return ds_put(store, id, props, count, &opts, NULL);
}

/* Are two documents the same in everything that JSON tells of them? */
static bool same_document(struct ds_store *sa, const struct ds_doc *a, struct ds_store *sb,
			  const struct ds_doc *b)
{
	struct ds_str na = { "", 0 }, nb = { "", 0 };
	uint32_t i;

	if (a->version != b->version || a->nprops != b->nprops || !a->type != !b->type)
		return false;
	if (a->type && (ds_name(sa, a->type, &na) || ds_name(sb, b->type, &nb)))
		return false;
	if (na.len != nb.len || memcmp(na.data, nb.data, na.len))
		return false;
	for (i = 0; i < a->nprops; i++) {
		struct ds_value va = ds_doc_value(a, i), vb = ds_doc_value(b, i);

		if (ds_name(sa, ds_doc_name(a, i), &na) || ds_name(sb, ds_doc_name(b, i), &nb))
			return false;
		if (na.len != nb.len || memcmp(na.data, nb.data, na.len) || !same_value(&va, &vb))
			return false;
	}
	return true;
}

/* Every document of @from through JSON into @to: is it the same there? */
static bool round_trip(struct ds_store *from, struct ds_store *to)
{
	static char buffer[2 * DOCSTORE_MAX_DOCUMENT];
	struct buf line = { 0 }, again = { 0 };
	struct ds_doc doc, copy;
	struct ds_scan *scan;
	bool good = true;
	int ret;

	if (ds_scan_new(from, NULL, &scan))
		return false;
	while (good && (ret = ds_scan_next(scan, &doc)) > 0) {
		size_t len = sizeof(buffer);
		char *exact;

		line.len = 0;
		again.len = 0;
		good = !json_write_document(&line, from, &doc, false);
		exact = malloc(line.len);
		memcpy(exact, line.data, line.len);
		good = good && !memchr(exact, '\n', line.len) && utf8_valid(ds_mem(exact, line.len)) &&
		       !import_line(to, ds_mem(exact, line.len), "_id") &&
		       !ds_get(to, doc.id, buffer, &len, &copy) &&
		       same_document(from, &doc, to, &copy) &&
		       !json_write_document(&again, to, &copy, false) && again.len == line.len &&
		       !memcmp(again.data, line.data, line.len);
		if (!good)
			printf("# %.*s\n# %.*s\n", (int)line.len, line.data, (int)again.len,
			       again.data ? again.data : "");
		free(exact);
	}
	ds_scan_free(scan);
	buf_free(&line);
	buf_free(&again);
	return good && !ret;
}

static void test_round_trips(unsigned long rounds)
{
	struct buf pool = { 0 };
	unsigned long i, k;
	bool good = true;

	buf_reserve(&pool, POOL);
	for (i = 0; good && i < rounds; i++) {
		struct ds_store *from, *to;

		ds_remove("from", NULL);
		ds_remove("to", NULL);
		from = open_store("from");
		to = open_store("to");
		for (k = 0; good && k < 40; k++)
			good = !draw_document(from, &pool);
		good = good && round_trip(from, to);
		ds_close(from);
		ds_close(to);
	}
	ok(good, "%lu times 40 documents of any kind through JSON and back", i);
	buf_free(&pool);
}

/* --- damaged text, damaged documents --------------------------------------------- */

/* What is read from damaged text is what we would write ourselves. */
static void test_damaged_text(unsigned long rounds)
{
	struct buf buf = { 0 }, out = { 0 };
	unsigned long i, read = 0;
	bool good = true;

	for (i = 0; good && i < rounds * 200; i++) {
		const char *text = values[below(sizeof(values) / sizeof(values[0]))].text;
		struct json_document doc;
		struct ds_value value, again;
		size_t changes = below(4);
		char *exact;

		buf.len = 0;
		buf_str(&buf, text);
		draw_text(&buf, 20);
		while (changes-- && buf.len)
			buf.data[below(buf.len)] = below(3) ? "{}[]\",:\\$0-eu \xc3"[below(16)] : (char)draw();
		exact = malloc(buf.len + 1);
		memcpy(exact, buf.data, buf.len);
		json_read_document(&reader, ds_mem(exact, buf.len), "a", &doc);
		if (json_read_value(&reader, ds_mem(exact, buf.len), &value)) {
			struct json_reader second = { 0 };

			read++;
			out.len = 0;
			good = !json_write_value(&out, &value, false) &&
			       json_read_value(&second, ds_mem(out.data, out.len), &again) &&
			       same_value(&value, &again);
			json_reader_free(&second);
			if (!good)
				printf("# %.*s\n# %.*s\n", (int)buf.len, exact, (int)out.len, out.data);
		}
		free(exact);
	}
	ok(good, "%lu damaged texts, of which %lu are JSON still", i, read);
	buf_free(&buf);
	buf_free(&out);
}

static void test_damaged_documents(unsigned long rounds)
{
	struct ds_store *store = open_store("damaged");
	static char buffer[DOCSTORE_MAX_DOCUMENT];
	unsigned long i, passed = 0;
	struct buf pool = { 0 }, out = { 0 };
	bool good = true;

	buf_reserve(&pool, POOL);
	for (i = 0; i < 30; i++)
		good = good && !draw_document(store, &pool);
	for (i = 0; good && i < rounds * 20; i++) {
		struct ds_scan *scan;
		struct ds_doc doc;
		size_t n = below(20), len, changes;
		char *exact;

		good = !ds_scan_new(store, NULL, &scan);
		do {
			good = good && ds_scan_next(scan, &doc) >= 0;
		} while (n--);
		if (!good || !doc.bytes)
			break;
		len = sizeof(buffer);
		good = !ds_get(store, doc.id, buffer, &len, &doc);
		for (changes = below(4); changes; changes--)
			buffer[below(below(2) && len > 100 ? 100 : len)] = (char)draw();
		n = below(4) ? len : below(len);
		exact = malloc(n ? n : 1);
		memcpy(exact, buffer, n);
		if (!ds_document_check(exact, n, &doc)) {
			passed++;
			out.len = 0;
			json_write_document(&out, store, &doc, false);
		}
		free(exact);
		ds_scan_free(scan);
	}
	ok(good, "%lu damaged documents, %lu of which pass", i, passed);
	buf_free(&pool);
	buf_free(&out);
	ds_close(store);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 100;

	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	printf("# seed %llu, %lu rounds\n", (unsigned long long)seed, rounds);
	test_values();
	test_depth();
	test_documents();
	test_round_trips(rounds);
	test_damaged_text(rounds);
	test_damaged_documents(rounds);
	json_reader_free(&reader);
	return tap_end();
}

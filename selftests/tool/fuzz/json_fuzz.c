// SPDX-License-Identifier: GPL-2.0
/*
 * Any text, read as a value or as a document: what is JSON is accepted and
 * nothing else; what was accepted is written, read again, and still the same.
 *
 * The first byte says as what the text is read; the rest is the text.
 */
#include "stores.h"

/* Is there something in it that may be one of our forms, and not well made? */
static bool may_be_form(const uint8_t *text, size_t len)
{
	return memchr(text, '$', len) || memmem(text, len, "\\u0024", 6);
}

/* Written, and read again. */
static void check_written(const struct ds_value *value, bool pretty)
{
	static struct json_reader second;
	struct buf once = { 0 }, twice = { 0 };
	struct ds_value again;
	unsigned int depth;

	MUST(!json_write_value(&once, value, pretty));
	MUST(json_whole(once.data, once.len, &depth));
	MUST(utf8_all(once.data, once.len, true));
	if (!pretty)
		MUST(!memchr(once.data, '\n', once.len));
	MUST(json_read_value(&second, ds_mem(once.data, once.len), &again));
	MUST(same_value(value, &again));
	MUST(!json_write_value(&twice, &again, pretty));
	MUST(same_bytes(&once, &twice));
	buf_free(&once);
	buf_free(&twice);
}

/* A number is what the C library takes it for, as long as nothing of it is lost. */
static void check_number(const uint8_t *p, const uint8_t *end, const struct ds_value *value)
{
	char *text;
	bool zero;

	p = json_space(p, end);
	while (end > p && json_space(end - 1, end) == end)
		end--;
	if (*p != '-' && (*p < '0' || *p > '9'))
		return;
	text = strndup((const char *)p, (size_t)(end - p));
	errno = 0;
	if (!strpbrk(text, ".eE")) {
		bool negative = *text == '-';
		unsigned long long u = strtoull(text + negative, NULL, 10);

		if (!strcmp(text, "-0"))
			MUST(value->type == T_F64 && value->u64 == 1ULL << 63);
		else if (errno || (negative && u > 1ULL << 63))
			MUST(value->type == T_JSON);
		else if (negative || u <= INT64_MAX)
			MUST(value->type == T_S64 && value->u64 == (negative ? 0 - u : u));
		else
			MUST(value->type == T_U64 && value->u64 == u);
	} else {
		double d = strtod(text, NULL);

		zero = strcspn(text, "123456789") >= strcspn(text, "eE");
		if (isinf(d) || (d == 0 && !zero))
			MUST(value->type == T_JSON);
		else
			MUST(value->type == T_F64 && !memcmp(&d, &value->f64, sizeof(d)));
	}
	free(text);
}

static void fuzz_value(const uint8_t *text, size_t len)
{
	unsigned int depth;
	bool whole = json_whole(text, len, &depth);
	struct ds_value value;

	if (!json_read_value(&reader, ds_mem(text, len), &value)) {
		MUST(reader.error && reader.error_at <= len);
		MUST(!whole || depth >= JSON_DEPTH || may_be_form(text, len));
		return;
	}
	MUST(whole);
	check_number(text, text + len, &value);
	check_written(&value, false);
	check_written(&value, true);
}

static void check_document(const struct json_document *doc)
{
	size_t i;

	MUST(doc->id.len <= DOCSTORE_MAX_ID && doc->type.len <= DOCSTORE_MAX_NAME);
	MUST(doc->version <= DOCSTORE_MAX_VERSION);
	for (i = 0; i < doc->count; i++)
		MUST(doc->props[i].name.len && doc->props[i].name.len <= DOCSTORE_MAX_NAME);
}

/* Through a store: what export writes of it, import takes for the same. */
static void store_document(struct ds_str text, const char *id_field)
{
	struct ds_store *from = empty_store("from"), *to = empty_store("to");
	struct buf line = { 0 }, again = { 0 };
	struct json_document doc;
	char id[DOCSTORE_MAX_ID];
	int err;

	MUST(json_read_document(&reader, text, id_field, &doc));
	memcpy(id, doc.id.data, doc.id.len);
	err = import_line(from, text, id_field);
	if (doc.count > DOCSTORE_MAX_PROPERTIES && err == -EFBIG)
		goto out;
	MUST(!err);
	MUST(!export_doc(from, ds_mem(id, doc.id.len), &line));
	if (!utf8_all(line.data, line.len, true) || memchr(line.data, '\n', line.len))
		FINDING("%.*s", (int)line.len, line.data);
	MUST(!import_line(to, ds_mem(line.data, line.len), "_id"));
	MUST(!export_doc(to, ds_mem(id, doc.id.len), &again));
	if (!same_bytes(&line, &again))
		FINDING("%.*s is not %.*s", (int)line.len, line.data, (int)again.len, again.data);
out:
	buf_free(&line);
	buf_free(&again);
	ds_close(from);
	ds_close(to);
}

static void fuzz_document(const uint8_t *text, size_t len, const char *id_field)
{
	unsigned int depth;
	bool whole = json_whole(text, len, &depth);
	struct json_document doc;

	if (!json_read_document(&reader, ds_mem(text, len), id_field, &doc)) {
		MUST(reader.error && reader.error_at <= len);
		return;
	}
	MUST(whole && *json_space(text, text + len) == '{');
	check_document(&doc);
	if (doc.id.len)
		store_document(ds_mem(text, len), id_field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	unsigned int what = (unsigned int)take(&in, 1) % 4;
	uint8_t *text;
	size_t len;

	text = take_copy(&in, input_left(&in), &len);
	if (what < 2)
		fuzz_value(text, len);
	else
		fuzz_document(text, len, what == 2 ? "_id" : "a");
	free(text);
	return 0;
}

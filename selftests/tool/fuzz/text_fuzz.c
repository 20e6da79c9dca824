// SPDX-License-Identifier: GPL-2.0
/*
 * UTF-8, base64, numbers and ids, as the command line and the output have them,
 * for any bytes.
 */
#include "oracle.h"
#include "tool.h"

static char *program[] = { "docstore", NULL };

static void fuzz_base64(const uint8_t *data, size_t len)
{
	struct buf text = { 0 };
	uint8_t *bytes = malloc(len / 4 * 3 + 1);
	size_t n;

	/* There is one text for all bytes. */
	if (base64_decode(ds_mem(data, len), bytes, &n)) {
		MUST(n <= len / 4 * 3);
		base64_encode(&text, ds_mem(bytes, n));
		MUST(text.len == len && (!len || !memcmp(text.data, data, len)));
	}
	free(bytes);
	text.len = 0;
	base64_encode(&text, ds_mem(data, len));
	MUST(text.len == (len + 2) / 3 * 4);
	bytes = malloc(text.len / 4 * 3 + 1);
	MUST(base64_decode(ds_mem(text.data, text.len), bytes, &n));
	MUST(n == len && (!n || !memcmp(bytes, data, n)));
	free(bytes);
	buf_free(&text);
}

/* An id as ls writes it is that id, where another command takes it with --escaped. */
static void fuzz_id(const uint8_t *data, size_t len)
{
	static struct json_reader reader;
	struct buf line = { 0 };
	struct ds_value value;
	struct ds_str id;
	unsigned int depth;

	if (!len || len > DOCSTORE_MAX_ID)
		return;
	json_write_line(&line, ds_mem(data, len));
	MUST(utf8_all(line.data, line.len, true) && !memchr(line.data, '\n', line.len));
	buf_byte(&line, '\0');
	MUST(!parse_id(program, line.data, true, &id));
	MUST(id.len == len && !memcmp(id.data, data, len));

	line.len = 0;
	json_write_text(&line, ds_mem(data, len));
	MUST(json_whole(line.data, line.len, &depth));
	MUST(json_read_value(&reader, ds_mem(line.data, line.len), &value));
	MUST(value.type == DOCSTORE_TYPE_STRING || value.type == DOCSTORE_TYPE_BYTES);
	MUST(value.str.len == len && !memcmp(value.str.data, data, len));
	buf_free(&line);
}

static void fuzz_number(const char *text)
{
	unsigned __int128 sum = 0;
	bool good = *text;
	const char *p;
	uint64_t n;

	for (p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			good = false;
		if (sum <= UINT64_MAX)
			sum = sum * 10 + (unsigned char)(*p - '0');
	}
	good = good && sum <= UINT64_MAX;
	MUST(parse_u64(text, &n) == good);
	MUST(!good || n == (uint64_t)sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct buf buf = { 0 };
	uint8_t *copy;
	char *text;
	size_t len;

	copy = take_copy(&in, input_left(&in), &len);
	MUST(utf8_valid(ds_mem(copy, len)) == utf8_all(copy, len, false));
	fuzz_base64(copy, len);
	fuzz_id(copy, len);
	text = strndup((char *)copy, len);
	fuzz_number(text);

	buf_printf(&buf, "%s.%zu", text, len);
	MUST(buf.len > strlen(text) && !memcmp(buf.data, text, strlen(text)));
	buf.len = 0;
	buf_size(&buf, strtoull(text, NULL, 10));
	MUST(buf.len > 2 && buf.len < 12);
	buf_free(&buf);
	free(text);
	free(copy);
	return 0;
}

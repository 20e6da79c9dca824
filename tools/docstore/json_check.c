// SPDX-License-Identifier: GPL-2.0
/*
 * docstore(1): is a text JSON? By RFC 8259, in UTF-8, and not more lenient.
 *
 * These functions pass over one token or value at the reader's cursor, and leave
 * an error in the reader if there is none.
 */
#include "json_check.h"

bool json_fail(struct json_reader *r, const unsigned char *at, const char *what)
{
	r->error = what;
	r->error_at = (size_t)(at - r->start);
	return false;
}

void json_skip_space(struct json_reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' ||
				 *r->p == '\r')) {
		r->space = true;
		r->p++;
	}
}

int json_hex(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits of \uXXXX at @p, or -1. */
int json_hex4(const unsigned char *p, const unsigned char *end)
{
	int i, n = 0;

	if (end - p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		int d = json_hex(p[i]);

		if (d < 0)
			return -1;
		n = n << 4 | d;
	}
	return n;
}

static bool check_escape(struct json_reader *r)
{
	if (r->p + 1 == r->end)
		return json_fail(r, r->p, "the text ends inside of a string");
	switch (r->p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		r->p += 2;
		return true;
	case 'u':
		if (json_hex4(r->p + 2, r->end) < 0)
			return json_fail(r, r->p, "\\u wants four hexadecimal digits");
		r->p += 6;
		return true;
	default:
		return json_fail(r, r->p, "unknown escape in a string");
	}
}

/*
 * Pass over the string at the cursor. @inner is what stands between the quotes,
 * not decoded; @escaped, whether there is something to decode.
 */
bool json_check_string(struct json_reader *r, struct ds_str *inner, bool *escaped)
{
	const unsigned char *start = ++r->p;

	*escaped = false;
	while (r->p < r->end) {
		unsigned char c = *r->p;
		size_t len;

		if (c == '"') {
			*inner = ds_mem(start, (size_t)(r->p - start));
			r->p++;
			return true;
		}
		if (c == '\\') {
			*escaped = true;
			if (!check_escape(r))
				return false;
			continue;
		}
		if (c < 0x20)
			return json_fail(r, r->p, "control character in a string; write it as \\u00XX");
		if (c < 0x80) {
			r->p++;
			continue;
		}
		len = utf8_sequence(r->p, r->end);
		if (!len)
			return json_fail(r, r->p, "not UTF-8; write such a value as {\"$string\": BASE64} or {\"$bytes\": BASE64}");
		r->p += len;
	}
	return json_fail(r, r->end, "the text ends inside of a string");
}

static void pass_digits(struct json_reader *r)
{
	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
}

static bool want_digits(struct json_reader *r)
{
	const unsigned char *start = r->p;

	pass_digits(r);
	return r->p > start || json_fail(r, r->p, "a digit is missing");
}

bool json_check_number(struct json_reader *r, bool *integer)
{
	*integer = true;
	if (*r->p == '-')
		r->p++;
	if (r->p < r->end && *r->p == '0') {
		r->p++;
		if (r->p < r->end && *r->p >= '0' && *r->p <= '9')
			return json_fail(r, r->p, "a number may not begin with 0");
	} else if (!want_digits(r)) {
		return false;
	}
	if (r->p < r->end && *r->p == '.') {
		*integer = false;
		r->p++;
		if (!want_digits(r))
			return false;
	}
	if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
		*integer = false;
		r->p++;
		if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
			r->p++;
		if (!want_digits(r))
			return false;
	}
	return true;
}

bool json_check_word(struct json_reader *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len))
		return json_fail(r, r->p, "a value is expected here");
	r->p += len;
	return true;
}

bool json_check_members(struct json_reader *r, int depth)
{
	bool object = *r->p == '{';
	unsigned char close = object ? '}' : ']';

	if (depth >= JSON_DEPTH)
		return json_fail(r, r->p, "nested too deeply");
	r->p++;
	json_skip_space(r);
	if (r->p < r->end && *r->p == close) {
		r->p++;
		return true;
	}
	for (;;) {
		if (object) {
			struct ds_str key;
			bool escaped;

			json_skip_space(r);
			if (r->p == r->end || *r->p != '"')
				return json_fail(r, r->p, "a key in quotes is expected here");
			if (!json_check_string(r, &key, &escaped))
				return false;
			json_skip_space(r);
			if (r->p == r->end || *r->p != ':')
				return json_fail(r, r->p, "':' is expected here");
			r->p++;
		}
		if (!json_check_value(r, depth + 1))
			return false;
		json_skip_space(r);
		if (r->p < r->end && *r->p == ',') {
			r->p++;
			continue;
		}
		if (r->p < r->end && *r->p == close) {
			r->p++;
			return true;
		}
		return json_fail(r, r->p, object ? "',' or '}' is expected here" :
			    "',' or ']' is expected here");
	}
}

/* Pass over a value of any kind. */
bool json_check_value(struct json_reader *r, int depth)
{
	struct ds_str inner;
	bool flag;

	json_skip_space(r);
	if (r->p == r->end)
		return json_fail(r, r->p, "the text ends where a value is expected");
	switch (*r->p) {
	case '{':
	case '[':
		return json_check_members(r, depth);
	case '"':
		return json_check_string(r, &inner, &flag);
	case 't':
		return json_check_word(r, "true");
	case 'f':
		return json_check_word(r, "false");
	case 'n':
		return json_check_word(r, "null");
	case '-':
	case '0' ... '9':
		return json_check_number(r, &flag);
	default:
		return json_fail(r, r->p, "a value is expected here");
	}
}

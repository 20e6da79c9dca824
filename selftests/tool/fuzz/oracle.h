/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is UTF-8 and what is JSON, by their definitions (RFC 3629, RFC 8259), with
 * nothing shared with the tool.
 */
#ifndef _FUZZ_ORACLE_H
#define _FUZZ_ORACLE_H

#include "../../core/fuzz/input.h"

/* One character, encoded as its number has to be; its end, or NULL. */
static inline const uint8_t *utf8_one(const uint8_t *p, const uint8_t *end, uint32_t *number)
{
	uint32_t n, more, least, i;

	if (p == end)
		return NULL;
	n = *p++;
	if (n < 0x80) {
		more = 0;
		least = 0;
	} else if ((n & 0xe0) == 0xc0) {
		more = 1;
		least = 0x80;
	} else if ((n & 0xf0) == 0xe0) {
		more = 2;
		least = 0x800;
	} else if ((n & 0xf8) == 0xf0) {
		more = 3;
		least = 0x10000;
	} else {
		return NULL;
	}
	if (more)
		n &= 0x3f >> more;
	for (i = 0; i < more; i++, p++) {
		if (p == end || (*p & 0xc0) != 0x80)
			return NULL;
		n = n << 6 | (*p & 0x3f);
	}
	if (n < least || n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff))
		return NULL;
	*number = n;
	return p;
}

/* Is all of it UTF-8; and if @shown, free of control characters but newlines? */
static inline bool utf8_all(const void *data, size_t len, bool shown)
{
	const uint8_t *p = data, *end = p + len;
	uint32_t n;

	while (p < end) {
		p = utf8_one(p, end, &n);
		if (!p)
			return false;
		if (shown && n != '\n' && (n < 0x20 || (n >= 0x7f && n < 0xa0)))
			return false;
	}
	return true;
}

static inline const uint8_t *json_space(const uint8_t *p, const uint8_t *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

static inline const uint8_t *json_hex(const uint8_t *p, const uint8_t *end, uint32_t *n)
{
	uint32_t i;

	*n = 0;
	for (i = 0; i < 4; i++, p++) {
		const char *digits = "0123456789abcdef0123456789ABCDEF", *digit;

		digit = p < end && *p ? strchr(digits, *p) : NULL;
		if (!digit)
			return NULL;
		*n = *n << 4 | ((digit - digits) & 15);
	}
	return p;
}

/* Halves of surrogate pairs only as pairs: else there is no text that it means. */
static inline const uint8_t *json_string(const uint8_t *p, const uint8_t *end)
{
	uint32_t n, low;

	for (p++; p && p < end && *p != '"'; ) {
		if (*p != '\\') {
			p = utf8_one(p, end, &n);
			if (p && n < 0x20)
				return NULL;
			continue;
		}
		if (++p == end)
			return NULL;
		if (*p != 'u') {
			if (!*p || !strchr("\"\\/bfnrt", *p))
				return NULL;
			p++;
			continue;
		}
		p = json_hex(p + 1, end, &n);
		if (!p || n < 0xd800 || n > 0xdfff)
			continue;
		if (n >= 0xdc00 || end - p < 6 || p[0] != '\\' || p[1] != 'u')
			return NULL;
		p = json_hex(p + 2, end, &low);
		if (!p || low < 0xdc00 || low > 0xdfff)
			return NULL;
	}
	return p && p < end ? p + 1 : NULL;
}

static inline const uint8_t *json_digits(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *start = p;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p > start ? p : NULL;
}

static inline const uint8_t *json_number(const uint8_t *p, const uint8_t *end)
{
	p += *p == '-';
	if (p < end && *p == '0')
		p++;
	else
		p = json_digits(p, end);
	if (p && p < end && *p == '.')
		p = json_digits(p + 1, end);
	if (p && p < end && (*p == 'e' || *p == 'E')) {
		p++;
		p += p < end && (*p == '+' || *p == '-');
		p = json_digits(p, end);
	}
	return p;
}

/* The end of the value at @p, or NULL; how deep it is, in @deepest. */
static inline const uint8_t *json_value(const uint8_t *p, const uint8_t *end, unsigned int depth,
					unsigned int *deepest)
{
	static const char * const words[] = { "null", "true", "false" };
	uint8_t close;
	size_t i;

	p = json_space(p, end);
	if (p == end || depth > 2000)
		return NULL;
	if (*p == '"')
		return json_string(p, end);
	if (*p == '-' || (*p >= '0' && *p <= '9'))
		return json_number(p, end);
	for (i = 0; i < 3; i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(end - p) >= len && !memcmp(p, words[i], len))
			return p + len;
	}
	if (*p != '[' && *p != '{')
		return NULL;
	if (depth + 1 > *deepest)
		*deepest = depth + 1;
	close = *p == '[' ? ']' : '}';
	p = json_space(p + 1, end);
	if (p < end && *p == close)
		return p + 1;
	for (;;) {
		if (close == '}') {
			p = json_space(p, end);
			p = p < end && *p == '"' ? json_string(p, end) : NULL;
			if (!p)
				return NULL;
			p = json_space(p, end);
			if (p == end || *p++ != ':')
				return NULL;
		}
		p = json_value(p, end, depth + 1, deepest);
		if (!p)
			return NULL;
		p = json_space(p, end);
		if (p == end)
			return NULL;
		if (*p == close)
			return p + 1;
		if (*p++ != ',')
			return NULL;
	}
}

/* Is a text one JSON value? */
static inline bool json_whole(const void *data, size_t len, unsigned int *deepest)
{
	const uint8_t *p = data, *end = p + len;

	*deepest = 0;
	p = json_value(p, end, 0, deepest);
	return p && json_space(p, end) == end;
}

#endif /* _FUZZ_ORACLE_H */

// SPDX-License-Identifier: GPL-2.0
/* docstore(1): growing text, UTF-8 and base64. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "text.h"

void no_memory(void)
{
	fputs("docstore: no memory left\n", stderr);
	exit(5);
}

void *xrealloc(void *p, size_t count, size_t size)
{
	p = reallocarray(p, count, size);
	if (!p && count && size)
		no_memory();
	return p;
}

void buf_reserve(struct buf *buf, size_t more)
{
	if (buf->room - buf->len >= more)
		return;
	if (buf->room < 256)
		buf->room = 256;
	while (buf->room - buf->len < more)
		buf->room *= 2;
	buf->data = xrealloc(buf->data, buf->room, 1);
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
	if (!len)
		return;
	buf_reserve(buf, len);
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
}

void buf_str(struct buf *buf, const char *s)
{
	buf_add(buf, s, strlen(s));
}

void buf_byte(struct buf *buf, char c)
{
	buf_reserve(buf, 1);
	buf->data[buf->len++] = c;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int len;

	buf_reserve(buf, 128);
	va_start(args, format);
	len = vsnprintf(buf->data + buf->len, buf->room - buf->len, format, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= buf->room - buf->len) {
		buf_reserve(buf, (size_t)len + 1);
		va_start(args, format);
		vsnprintf(buf->data + buf->len, buf->room - buf->len, format, args);
		va_end(args);
	}
	buf->len += (size_t)len;
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	memset(buf, 0, sizeof(*buf));
}

size_t utf8_sequence(const unsigned char *p, const unsigned char *end)
{
	size_t left = (size_t)(end - p), len, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	if (!len || left < len)
		return 0;
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if (p[0] == 0xe0 && p[1] < 0xa0)	/* longer than need be */
		return 0;
	if (p[0] == 0xed && p[1] > 0x9f)	/* surrogates */
		return 0;
	if (p[0] == 0xf0 && p[1] < 0x90)	/* longer than need be */
		return 0;
	if (p[0] == 0xf4 && p[1] > 0x8f)	/* above U+10FFFF */
		return 0;
	return len;
}

bool utf8_valid(struct ds_str str)
{
	const unsigned char *p = str.data, *end = p + str.len;

	while (p < end) {
		size_t len;

		while (end - p >= 8) {
			uint64_t eight;

			memcpy(&eight, p, 8);
			if (eight & 0x8080808080808080ULL)
				break;
			p += 8;
		}
		if (p == end)
			break;
		len = utf8_sequence(p, end);
		if (!len)
			return false;
		p += len;
	}
	return true;
}

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *buf, struct ds_str str)
{
	const unsigned char *p = str.data;
	size_t i;

	buf_reserve(buf, (str.len + 2) / 3 * 4);
	for (i = 0; i < str.len; i += 3) {
		size_t n = str.len - i < 3 ? str.len - i : 3;
		unsigned int bits = (unsigned int)p[i] << 16;

		if (n > 1)
			bits |= (unsigned int)p[i + 1] << 8;
		if (n > 2)
			bits |= p[i + 2];
		buf_byte(buf, digits[bits >> 18]);
		buf_byte(buf, digits[bits >> 12 & 63]);
		buf_byte(buf, n > 1 ? digits[bits >> 6 & 63] : '=');
		buf_byte(buf, n > 2 ? digits[bits & 63] : '=');
	}
}

static int digit(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct ds_str text, unsigned char *to, size_t *len)
{
	const unsigned char *p = text.data;
	size_t i, n = 0;

	if (text.len % 4)
		return false;
	for (i = 0; i < text.len; i += 4) {
		bool last = i + 4 == text.len;
		int a = digit(p[i]), b = digit(p[i + 1]);
		int c = digit(p[i + 2]), d = digit(p[i + 3]);

		if (a < 0 || b < 0)
			return false;
		to[n++] = (unsigned char)(a << 2 | b >> 4);
		if (last && p[i + 2] == '=' && p[i + 3] == '=') {
			if (b & 15)
				return false;
			break;
		}
		if (c < 0)
			return false;
		to[n++] = (unsigned char)((b & 15) << 4 | c >> 2);
		if (last && p[i + 3] == '=') {
			if (c & 3)
				return false;
			break;
		}
		if (d < 0)
			return false;
		to[n++] = (unsigned char)((c & 3) << 6 | d);
	}
	*len = n;
	return true;
}

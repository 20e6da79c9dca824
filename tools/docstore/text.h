/* SPDX-License-Identifier: GPL-2.0 */
/* docstore(1): growing text, UTF-8 and base64. */
#ifndef DOCSTORE_TEXT_H
#define DOCSTORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "libdocstore.h"

/* Text that grows; ends the program when there is no memory for it. */
struct buf {
	char *data;
	size_t len;
	size_t room;
};

void no_memory(void) __attribute__((noreturn));
void *xrealloc(void *p, size_t count, size_t size);

void buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_str(struct buf *buf, const char *s);
void buf_byte(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void buf_free(struct buf *buf);

/*
 * Bytes of the UTF-8 sequence at @p, 0 if there is none: no surrogates, nothing
 * longer than need be, nothing above U+10FFFF. @p is below @end.
 */
size_t utf8_sequence(const unsigned char *p, const unsigned char *end);
bool utf8_valid(struct ds_str str);

void base64_encode(struct buf *buf, struct ds_str str);

/*
 * Decode base64 as base64_encode() writes it, with padding and nothing else
 * between. @to has room for 3/4 of the text. Returns false if it is anything
 * else, so that there is one text for all bytes.
 */
bool base64_decode(struct ds_str text, unsigned char *to, size_t *len);

static inline bool str_is(struct ds_str str, const char *s)
{
	return str.len == strlen(s) && !memcmp(str.data, s, str.len);
}

#endif /* DOCSTORE_TEXT_H */

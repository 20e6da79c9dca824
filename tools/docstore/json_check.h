/* SPDX-License-Identifier: GPL-2.0 */
/* docstore(1): what json_read.c needs of json_check.c. */
#ifndef DOCSTORE_JSON_CHECK_H
#define DOCSTORE_JSON_CHECK_H

#include "json.h"

/* Say what is wrong with the text, and where. Returns false. */
bool json_fail(struct json_reader *r, const unsigned char *at, const char *what);

void json_skip_space(struct json_reader *r);

/* The value of a hexadecimal digit, or of four of them, or -1. */
int json_hex(unsigned char c);
int json_hex4(const unsigned char *p, const unsigned char *end);

/*
 * The string at the cursor: @inner is what stands between the quotes, not
 * decoded, and @escaped tells whether there is something to decode.
 */
bool json_check_string(struct json_reader *r, struct ds_str *inner, bool *escaped);
bool json_check_number(struct json_reader *r, bool *integer);
bool json_check_word(struct json_reader *r, const char *word);

/* An array or object, which the cursor is at the beginning of. */
bool json_check_members(struct json_reader *r, int depth);

/* A value of any kind, with @depth arrays and objects around it. */
bool json_check_value(struct json_reader *r, int depth);

#endif /* DOCSTORE_JSON_CHECK_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* docstore(1): the numbers in a struct, for people and for programs. */
#ifndef DOCSTORE_NUMBERS_H
#define DOCSTORE_NUMBERS_H

#include "json.h"

/**
 * struct number - a member of a struct that is a number of 32 or 64 bits
 * @key: what it is called in JSON
 * @label: what it is called for people
 * @offset: where it is
 * @size: its bytes
 * @kind: what it means
 */
struct number {
	const char *key;
	const char *label;
	size_t offset;
	size_t size;
	enum { COUNT, BYTES, MODE, TIME, DURATION } kind;
};

#define NUMBER_OF(type, member, label, kind)				\
	{ #member, label, offsetof(type, member), sizeof(((type *)NULL)->member), kind }

uint64_t number_of(const void *info, const struct number *number);

/* One of them, as a member of an object, and as a line of a table. */
void number_add(struct json_object *object, const void *info, const struct number *number);
void number_write(struct buf *out, const void *info, const struct number *number);

/* All of them, as members of an object, and as lines of a table. */
void numbers_add(struct json_object *object, const void *info, const struct number *numbers,
		 size_t count);
void numbers_write(struct buf *out, const void *info, const struct number *numbers, size_t count);

/* A number of nanoseconds for people, such as 1.5 s. */
void buf_duration(struct buf *buf, uint64_t ns);

#endif /* DOCSTORE_NUMBERS_H */

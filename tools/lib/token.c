// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: tokens of streams as text: INCARNATION-CREATED-NEXT.NEXT...-CHECKSUM, all in
 * decimal but the checksum, which is of what stands before its '-'.
 */
#include <stdio.h>

#include "crc32c.h"
#include "internal.h"

/* Append to a text; false if there is no room. */
static bool put(char *text, size_t room, size_t *at, const char *before, uint64_t n)
{
	int len = snprintf(text + *at, room - *at, "%s%llu", before, (unsigned long long)n);

	if (len < 0 || (size_t)len >= room - *at)
		return false;
	*at += (size_t)len;
	return true;
}

DS_PUBLIC int ds_token_format(const struct docstore_token *token, size_t len, char *text,
			      size_t room)
{
	size_t at = 0;
	uint32_t i;
	bool fits;
	int more;

	if (len < sizeof(*token) || token->size != len || !token->partitions ||
	    token->partitions > DOCSTORE_MAX_PARTITIONS || len != ds_token_size(token->partitions))
		return -EINVAL;
	if (!room)
		return -ENOBUFS;
	fits = put(text, room, &at, "", token->incarnation) &&
	       put(text, room, &at, "-", token->created);
	for (i = 0; fits && i < token->partitions; i++)
		fits = put(text, room, &at, i ? "." : "-", token->next[i]);
	if (!fits)
		return -ENOBUFS;
	more = snprintf(text + at, room - at, "-%08x", (unsigned int)ds_crc32c(0, text, at));
	if (more < 0 || (size_t)more >= room - at)
		return -ENOBUFS;
	return (int)at + more;
}

/* A number without a sign, and without zeros in front of it. */
static bool number(const char **p, const char *end, uint64_t *n)
{
	const char *start = *p;

	*n = 0;
	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		if (__builtin_mul_overflow(*n, 10, n) ||
		    __builtin_add_overflow(*n, (uint64_t)(**p - '0'), n))
			return false;
	}
	return *p > start && (*start != '0' || *p == start + 1);
}

static bool skip(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* Take white space off both ends. */
static struct ds_str trim(struct ds_str text)
{
	static const char blanks[] = " \t\r\n";
	const char *p = text.data, *end = p + text.len;

	while (p < end && memchr(blanks, *p, sizeof(blanks) - 1))
		p++;
	while (p < end && memchr(blanks, end[-1], sizeof(blanks) - 1))
		end--;
	return ds_mem(p, (size_t)(end - p));
}

/* Is the checksum right? If so it is cut off. */
static bool checked(struct ds_str *text)
{
	char sum[10];

	if (text->len < 9)
		return false;
	text->len -= 9;
	snprintf(sum, sizeof(sum), "-%08x", (unsigned int)ds_crc32c(0, text->data, text->len));
	return !memcmp((const char *)text->data + text->len, sum, 9);
}

DS_PUBLIC int ds_token_parse(struct ds_str text, struct docstore_token *token, size_t *len)
{
	uint64_t incarnation, created, next;
	size_t room = *len;
	uint32_t count = 0;
	const char *p, *end;

	if (!text.len)
		return -EBADMSG;
	text = trim(text);
	if (!checked(&text))
		return -EBADMSG;
	p = text.data;
	end = p + text.len;
	if (!number(&p, end, &incarnation) || !skip(&p, end, '-') ||
	    !number(&p, end, &created) || !skip(&p, end, '-'))
		return -EBADMSG;
	do {
		if (!number(&p, end, &next) || !next || count == DOCSTORE_MAX_PARTITIONS)
			return -EBADMSG;
		count++;
		if (ds_token_size(count) <= room)
			token->next[count - 1] = next;
	} while (skip(&p, end, '.'));
	if (p != end)
		return -EBADMSG;
	*len = ds_token_size(count);
	if (room < *len)
		return -ENOBUFS;
	token->size = (__u32)*len;
	token->partitions = count;
	token->incarnation = incarnation;
	token->created = created;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Histories as text: one line for each operation, and before them one for each
 * document, with its partition.
 *
 *	document a 0
 *	document b 1
 *	0 10 20 batch#1 a.set(5)=1 b.set(7)?absent=1
 *	1 30 40 batch#2 a.add(-2)?1=2 b.add(2)=2
 *	2 35 45 together a.get=1#1:5 b.get=1#1:7
 *	2 50 55 snapshot#9
 *	2 60 65 on#9 a.get=2#2:3
 *	3 50 60 batch#3 a.check?1=stale b.delete=canceled
 *	4 50 ?70 batch#4 a.delete b.delete
 *	5 50 !60 batch#5 a.delete
 *
 * An operation is the client's number, when it began, when it ended, what it was, and
 * for each document what was done with it, under which condition (a version, "absent"
 * or "exists"), and the answer: the version, with what get saw behind it, tag and n.
 * "?" is the end of one that nobody knows whether it happened, with the time at which
 * it was over, if that is known; "!" that of one that failed as a whole.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const char * const kinds[] = {
	[HISTORY_BATCH] = "batch",
	[HISTORY_EACH] = "each",
	[HISTORY_READ] = "read",
	[HISTORY_TOGETHER] = "together",
	[HISTORY_SNAPSHOT] = "snapshot",
	[HISTORY_ON] = "on",
};

static const char * const whats[] = {
	[HISTORY_GET] = "get",
	[HISTORY_SET] = "set",
	[HISTORY_ADD] = "add",
	[HISTORY_DELETE] = "delete",
	[HISTORY_CHECK] = "check",
};

static const char * const results[] = {
	[HISTORY_OK] = "ok",
	[HISTORY_STALE] = "stale",
	[HISTORY_NOENT] = "absent",
	[HISTORY_EXIST] = "exists",
	[HISTORY_CANCELED] = "canceled",
	[HISTORY_OTHER] = "other",
};

static int word(const char *const *words, int n, const char *w, size_t len)
{
	int i;

	for (i = 0; i < n; i++) {
		if (strlen(words[i]) == len && !memcmp(words[i], w, len))
			return i;
	}
	return -1;
}

#define WORD(words, w, len) word(words, sizeof(words) / sizeof((words)[0]), w, len)

static bool numbered(__u8 kind)
{
	return kind != HISTORY_READ && kind != HISTORY_TOGETHER;
}

/* The number at *@at, which is moved behind it. */
static bool number(char **at, __u64 *n)
{
	char *end;

	*n = strtoull(*at, &end, 10);
	if (end == *at)
		return false;
	*at = end;
	return true;
}

static bool text(char **at, const char *what)
{
	size_t len = strlen(what);

	if (strncmp(*at, what, len))
		return false;
	*at += len;
	return true;
}

static bool read_result(struct history_item *item, char *s)
{
	int result = WORD(results, s, strlen(s));
	__u64 n;

	if (result > 0) {
		item->result = result;
		return true;
	}
	if (!number(&s, &item->version))
		return false;
	if (item->what == HISTORY_GET) {
		if (!text(&s, "#") || !number(&s, &item->tag) || !text(&s, ":") ||
		    !number(&s, &n))
			return false;
		item->n = n;
	}
	return !*s;
}

static bool read_item(struct history *h, struct history_item *item, char *s, bool known)
{
	char *end = s + strcspn(s, "(?="), *dot = end;
	__u64 value;
	int what;
	__u32 d;

	/* Ids may have dots, too. */
	while (dot > s && *dot != '.')
		dot--;
	if (*dot != '.')
		return false;
	for (d = 0; d < h->documents; d++) {
		if (strlen(h->names[d]) == (size_t)(dot - s) && !memcmp(h->names[d], s, dot - s))
			break;
	}
	if (d == h->documents)
		return false;
	item->document = d;
	s = dot + 1;
	end = s + strspn(s, "abcdefghijklmnopqrstuvwxyz");
	what = WORD(whats, s, end - s);
	if (what < 0)
		return false;
	item->what = what;
	s = end;
	if (what == HISTORY_SET || what == HISTORY_ADD) {
		if (!text(&s, "(") || !number(&s, &value) || !text(&s, ")"))
			return false;
		item->value = value;
	}
	if (text(&s, "?")) {
		if (text(&s, "absent"))
			item->condition = HISTORY_IF_ABSENT;
		else if (text(&s, "exists"))
			item->condition = HISTORY_IF_EXISTS;
		else if (number(&s, &item->if_version))
			item->condition = HISTORY_IF_VERSION;
		else
			return false;
	}
	if (!known)
		return !*s;
	return text(&s, "=") && read_result(item, s);
}

static bool read_op(struct history *h, char *line)
{
	struct history_op op = { 0 };
	char *s, *save, *hash;
	__u64 n;
	int kind;

	s = strtok_r(line, " \n", &save);
	if (!number(&s, &n) || *s)
		return false;
	op.client = n;
	s = strtok_r(NULL, " \n", &save);
	if (!s || !number(&s, &op.begin) || *s)
		return false;
	s = strtok_r(NULL, " \n", &save);
	if (!s)
		return false;
	op.end = HISTORY_NEVER;
	if (text(&s, "?"))
		op.state = HISTORY_UNKNOWN;
	else if (text(&s, "!"))
		op.state = HISTORY_FAILED;
	if ((op.state != HISTORY_UNKNOWN || *s) && (!number(&s, &op.end) || *s))
		return false;
	s = strtok_r(NULL, " \n", &save);
	if (!s || op.end < op.begin)
		return false;
	hash = strchr(s, '#');
	kind = WORD(kinds, s, hash ? (size_t)(hash - s) : strlen(s));
	if (kind < 0)
		return false;
	op.kind = kind;
	if (numbered(kind) != !!hash)
		return false;
	if (hash++ && (!number(&hash, &op.number) || *hash))
		return false;
	history_add_op(h, &op);
	while ((s = strtok_r(NULL, " \n", &save))) {
		struct history_item item = { 0 };

		if (!read_item(h, &item, s, op.state == HISTORY_DONE))
			return false;
		history_add_item(h, &item);
	}
	return true;
}

int history_read(struct history *h, FILE *from)
{
	char *line = NULL, *s, *save;
	size_t room = 0;
	bool good = true;
	int n = 0;

	while (good && getline(&line, &room, from) >= 0) {
		n++;
		s = line + strspn(line, " \t");
		if (!*s || *s == '\n' || *s == '#')
			continue;
		if (strncmp(s, "document ", 9)) {
			good = read_op(h, s);
			continue;
		}
		s = strtok_r(s + 9, " \n", &save);
		save = strtok_r(NULL, " \n", &save);
		good = s && save && !strpbrk(s, "(?=") && strlen(s) < sizeof(*h->names);
		if (good)
			history_document(h, s, atoi(save));
	}
	free(line);
	return good ? 0 : n;
}

void history_write_op(const struct history *h, const struct history_op *op, FILE *to)
{
	const struct history_item *item;

	fprintf(to, "%u %" PRIu64 " ", op->client, (uint64_t)op->begin);
	if (op->state != HISTORY_DONE)
		fputc(op->state == HISTORY_UNKNOWN ? '?' : '!', to);
	if (op->end != HISTORY_NEVER)
		fprintf(to, "%" PRIu64, (uint64_t)op->end);
	fprintf(to, " %s", kinds[op->kind]);
	if (numbered(op->kind))
		fprintf(to, "#%" PRIu64, (uint64_t)op->number);
	for (item = h->items + op->first; item < h->items + op->first + op->count; item++) {
		fprintf(to, " %s.%s", h->names[item->document], whats[item->what]);
		if (item->what == HISTORY_SET || item->what == HISTORY_ADD)
			fprintf(to, "(%" PRId64 ")", (int64_t)item->value);
		if (item->condition == HISTORY_IF_VERSION)
			fprintf(to, "?%" PRIu64, (uint64_t)item->if_version);
		else if (item->condition)
			fputs(item->condition == HISTORY_IF_ABSENT ? "?absent" : "?exists", to);
		if (op->state != HISTORY_DONE)
			continue;
		if (item->result)
			fprintf(to, "=%s", results[item->result]);
		else if (item->what == HISTORY_GET)
			fprintf(to, "=%" PRIu64 "#%" PRIu64 ":%" PRId64, (uint64_t)item->version,
				(uint64_t)item->tag, (int64_t)item->n);
		else
			fprintf(to, "=%" PRIu64, (uint64_t)item->version);
	}
	fputc('\n', to);
}

void history_write(const struct history *h, FILE *to)
{
	__u32 i;

	for (i = 0; i < h->documents; i++)
		fprintf(to, "document %s %u\n", h->names[i], h->partitions[i]);
	for (i = 0; i < h->nops; i++)
		history_write_op(h, &h->ops[i], to);
}

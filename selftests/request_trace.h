/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints about requests, and what they tell of a store's.
 */
#ifndef DOCSTORE_TEST_REQUEST_TRACE_H
#define DOCSTORE_TEST_REQUEST_TRACE_H

#include "monitor.h"

#include <sys/mount.h>
#include <sys/stat.h>

#define TRACING		"/sys/kernel/tracing/"
#define INSTANCE	TRACING "instances/docstore_test/"
#define TRACE_ROOM	(4 << 20)

#define LINE		"docstore_request: request=%llx store=%llu session=%u operations=%u " \
			"partitions=%u %15s -> %15s error=%d"

/* What is read of the trace goes to @text, of TRACE_ROOM bytes. */
struct trace {
	char *text;
	__u64 incarnation;		/* of the store */
};

static inline int trace_begin(void)
{
	int ret;

	if (access(TRACING "instances", F_OK))
		mount("tracefs", TRACING, "tracefs", 0, NULL);
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		return -errno;
	ret = ds_file_write(INSTANCE "events/docstore/docstore_request/enable", "1");
	return ret ?: ds_file_write(INSTANCE "events/docstore/docstore_stuck/enable", "1");
}

/* What was traced so far goes away by that. */
static inline int trace_clear(void)
{
	int fd = open(INSTANCE "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 ? -errno : close(fd);
}

/* A line of the trace. */
struct move {
	unsigned long long request;
	char from[16], to[16];
	int error;
};

/* The next one of the store's in what is left of the trace. */
static inline bool next_move(const struct trace *t, char **text, struct move *move)
{
	unsigned int session, ops, partitions;
	unsigned long long store;
	char *line;

	while ((line = *text)) {
		*text = strchr(line, '\n');
		if (*text)
			*(*text)++ = 0;
		line = strstr(line, "docstore_request: ");
		if (line && sscanf(line, LINE, &move->request, &store, &session, &ops,
				   &partitions, move->from, move->to, &move->error) == 8 &&
		    store == t->incarnation)
			return true;
	}
	return false;
}

/* The states of the last request of the store, with spaces between them, and its error. */
static inline const char *life(const struct trace *t, int *error)
{
	static char states[256];
	struct move move;
	unsigned long long last = 0;
	char *text = t->text;

	states[0] = 0;
	*error = 0;
	if (ds_file_read(INSTANCE "trace", t->text, TRACE_ROOM) < 0)
		return "no trace";
	while (next_move(t, &text, &move)) {
		if (move.request != last)
			snprintf(states, sizeof(states), "%s", move.from);
		else if (strcmp(strrchr(states, ' ') ? strrchr(states, ' ') + 1 : states,
				move.from))
			return "it goes on from elsewhere";
		last = move.request;
		*error = move.error;
		if (strlen(states) + strlen(move.to) + 2 > sizeof(states))
			return "too many states";
		strcat(strcat(states, " "), move.to);
	}
	return states;
}

/* How often a request of the store has come to a state with an error. */
static inline int moves_to(const struct trace *t, const char *to, int error)
{
	struct move move;
	char *text = t->text;
	int n = 0;

	if (ds_file_read(INSTANCE "trace", t->text, TRACE_ROOM) < 0)
		return -1;
	while (next_move(t, &text, &move))
		n += !strcmp(to, move.to) && move.error == error;
	return n;
}

#endif /* DOCSTORE_TEST_REQUEST_TRACE_H */

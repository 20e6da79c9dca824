// SPDX-License-Identifier: GPL-2.0
/*
 * memcached, over a unix socket by its text protocol. A batch of reads is one
 * "get" of many keys, a batch of writes is pipelined.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"
#include "value.h"

/* Room for what stands around an id or a value. */
#define AROUND	64

struct memcached {
	struct server server;
	size_t value_bytes;
};

struct memcached_session {
	int fd;
	size_t value_bytes;
	char *out;
	char *in;		/* what was received, */
	size_t in_len;		/* as far as that goes, */
	size_t in_at;		/* and as far as it was looked at */
	size_t room;		/* of each */
};

static int memcached_open(struct bench_setup *setup, void **store)
{
	struct memcached *m = calloc(1, sizeof(*m));
	char megabytes[32], threads[32];
	const char *argv[] = {
		setup->memcached, "-s", m ? m->server.socket : "", "-m", megabytes,
		"-t", threads, "-u", "root", NULL,
	};

	if (!m)
		return -ENOMEM;
	/* Nobody else is told whom to run as. */
	if (geteuid())
		argv[7] = NULL;
	snprintf(threads, sizeof(threads), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	/* It must not throw anything out. */
	snprintf(megabytes, sizeof(megabytes), "%llu",
		 256 + (unsigned long long)setup->room *
			(setup->value_bytes + 200ULL) * 2 / 1000000);
	m->value_bytes = setup->value_bytes;
	snprintf(m->server.socket, sizeof(m->server.socket), "%s/memcached", setup->dir);
	*store = m;
	return server_start(&m->server, setup, argv);
}

static int memcached_session_open(void *store, void **session)
{
	struct memcached_session *s = calloc(1, sizeof(*s));
	struct memcached *m = store;

	if (!s)
		return -ENOMEM;
	*session = s;
	s->value_bytes = m->value_bytes;
	s->room = (size_t)BENCH_MAX_BATCH * (BENCH_MAX_ID + m->value_bytes + AROUND);
	s->out = malloc(s->room);
	s->in = malloc(s->room);
	s->fd = server_connect(&m->server);
	return s->fd < 0 ? s->fd : s->out && s->in ? 0 : -ENOMEM;
}

static void memcached_session_close(void *session)
{
	struct memcached_session *s = session;

	close(s->fd);
	free(s->out);
	free(s->in);
	free(s);
}

static char *append(char *to, const void *what, size_t len)
{
	memcpy(to, what, len);
	return to + len;
}

static int send_all(struct memcached_session *s, const char *end)
{
	const char *at = s->out;

	s->in_len = 0;
	s->in_at = 0;
	while (at < end) {
		ssize_t n = send(s->fd, at, (size_t)(end - at), MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		at += n;
	}
	return 0;
}

static int receive_more(struct memcached_session *s)
{
	ssize_t n;

	if (s->in_len == s->room)
		return -EPROTO;
	n = recv(s->fd, s->in + s->in_len, s->room - s->in_len, 0);
	if (n <= 0)
		return n ? -errno : -ECONNRESET;
	s->in_len += (size_t)n;
	return 0;
}

/* The next line, without its end. */
static int next_line(struct memcached_session *s, const char **line, size_t *len)
{
	size_t searched = 0;
	int ret;

	for (;;) {
		const char *from = s->in + s->in_at;
		const char *end = memchr(from + searched, '\n',
					 s->in_len - s->in_at - searched);

		if (end) {
			*line = from;
			*len = (size_t)(end - from) - 1;
			s->in_at += *len + 2;
			return 0;
		}
		searched = s->in_len - s->in_at;
		ret = receive_more(s);
		if (ret)
			return ret;
	}
}

static int next_bytes(struct memcached_session *s, size_t len, const char **bytes)
{
	int ret;

	while (s->in_len - s->in_at < len) {
		ret = receive_more(s);
		if (ret)
			return ret;
	}
	*bytes = s->in + s->in_at;
	s->in_at += len;
	return 0;
}

static int expect(struct memcached_session *s, const char *what)
{
	const char *line;
	size_t len;
	int ret = next_line(s, &line, &len);

	if (ret)
		return ret;
	if (len == strlen(what) && !memcmp(line, what, len))
		return 0;
	fprintf(stderr, "bench: memcached: %.*s\n", (int)len, line);
	return -EPROTO;
}

/*
 * "VALUE id flags bytes", then the value and an empty line's end. What is not
 * there is left out of the answer.
 */
static int receive_value(struct memcached_session *s,
			 const struct bench_access *access, struct bench_value *value)
{
	const char *line;
	size_t len;
	int ret = next_line(s, &line, &len);

	if (ret)
		return ret;
	if (len < 6U + access->id_len || memcmp(line, "VALUE ", 6) ||
	    memcmp(line + 6, access->id, access->id_len))
		return -ENOENT;
	line = memchr(line + 7 + access->id_len, ' ', len - 7 - access->id_len);
	if (!line)
		return -EPROTO;
	value->len = strtoul(line, NULL, 10);
	ret = next_bytes(s, value->len + 2, &line);
	value->data = line;
	return ret;
}

/* The receive buffer is the session's own: values stay there. */
static int memcached_get_many(void *session, const struct bench_access *accesses,
			      size_t n, struct bench_buffer buffer,
			      struct bench_value *values)
{
	struct memcached_session *s = session;
	char *to = append(s->out, "get", 3);
	size_t i;
	int ret;

	(void)buffer;
	for (i = 0; i < n; i++) {
		to = append(to, " ", 1);
		to = append(to, accesses[i].id, accesses[i].id_len);
	}
	ret = send_all(s, append(to, "\r\n", 2));
	for (i = 0; i < n && !ret; i++)
		ret = receive_value(s, &accesses[i], &values[i]);
	return ret ? ret : expect(s, "END");
}

static int memcached_get(void *session, const struct bench_access *access,
			 struct bench_buffer buffer, struct bench_value *value)
{
	return memcached_get_many(session, access, 1, buffer, value);
}

static char *append_set(struct memcached_session *s, char *to,
			const struct bench_access *access, const void *value)
{
	to = append(to, "set ", 4);
	to = append(to, access->id, access->id_len);
	to += sprintf(to, " 0 0 %zu\r\n", s->value_bytes);
	to = append(to, value, s->value_bytes);
	return append(to, "\r\n", 2);
}

static int memcached_put_many(void *session, const struct bench_access *accesses,
			      size_t n, const void *const *values)
{
	struct memcached_session *s = session;
	char *to = s->out;
	size_t i;
	int ret;

	for (i = 0; i < n; i++)
		to = append_set(s, to, &accesses[i], values[i]);
	ret = send_all(s, to);
	for (i = 0; i < n && !ret; i++)
		ret = expect(s, "STORED");
	return ret;
}

static int memcached_put(void *session, const struct bench_access *access,
			 const void *value)
{
	return memcached_put_many(session, access, 1, &value);
}

static uint64_t memcached_memory(void *store)
{
	struct memcached *m = store;

	return server_memory(&m->server);
}

static void memcached_close(void *store)
{
	struct memcached *m = store;

	server_stop(&m->server);
	free(m);
}

#define MEMCACHED_OPERATIONS				\
	.flags = BENCH_PROCESSES,			\
	.open = memcached_open,				\
	.session_open = memcached_session_open,		\
	.session_close = memcached_session_close,	\
	.get = memcached_get,				\
	.get_many = memcached_get_many,			\
	.put = memcached_put,				\
	.put_many = memcached_put_many,			\
	.memory = memcached_memory,			\
	.close = memcached_close

static const struct bench_system memcached_system = {
	.name = "memcached",
	.description = "memcached on a unix socket; batches: multi-get, pipelined sets",
	.variant = SERVER_ANYWHERE,
	MEMCACHED_OPERATIONS,
};
BENCH_SYSTEM(memcached_system)

static const struct bench_system memcached_near_system = {
	.name = "memcached-near",
	.description = "the same with the server on the CPU of the first reader",
	.variant = SERVER_NEAR,
	MEMCACHED_OPERATIONS,
};
BENCH_SYSTEM(memcached_near_system)

static const struct bench_system memcached_far_system = {
	.name = "memcached-far",
	.description = "the same with the server on the last CPU",
	.variant = SERVER_FAR,
	MEMCACHED_OPERATIONS,
};
BENCH_SYSTEM(memcached_far_system)

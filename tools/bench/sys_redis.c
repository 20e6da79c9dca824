// SPDX-License-Identifier: GPL-2.0
/*
 * Redis or Valkey, over a unix socket by hiredis, with all that has to do with
 * disks switched off. A batch is pipelined: all is sent before the first answer
 * is read.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include "server.h"
#include "value.h"

struct redis {
	struct server server;
	size_t value_bytes;
};

struct redis_session {
	redisContext *connection;
	size_t value_bytes;
};

static int redis_open(struct bench_setup *setup, void **store)
{
	struct redis *redis = calloc(1, sizeof(*redis));
	const char *argv[] = {
		setup->redis_server, "--port", "0", "--unixsocket",
		redis ? redis->server.socket : "", "--save", "", "--appendonly",
		"no", "--daemonize", "no", "--logfile", "", NULL,
	};

	if (!redis)
		return -ENOMEM;
	redis->value_bytes = setup->value_bytes;
	snprintf(redis->server.socket, sizeof(redis->server.socket), "%s/redis",
		 setup->dir);
	*store = redis;
	return server_start(&redis->server, setup, argv);
}

static int redis_session_open(void *store, void **session)
{
	struct redis_session *s = calloc(1, sizeof(*s));
	struct redis *redis = store;

	if (!s)
		return -ENOMEM;
	s->value_bytes = redis->value_bytes;
	s->connection = redisConnectUnix(redis->server.socket);
	*session = s;
	return s->connection && !s->connection->err ? 0 : -ECONNREFUSED;
}

static void redis_session_close(void *session)
{
	struct redis_session *s = session;

	redisFree(s->connection);
	free(s);
}

static int send_get(struct redis_session *s, const struct bench_access *access)
{
	const char *argv[] = { "GET", access->id };
	size_t lengths[] = { 3, access->id_len };

	return redisAppendCommandArgv(s->connection, 2, argv, lengths) ? -EIO : 0;
}

static int send_set(struct redis_session *s, const struct bench_access *access,
		    const void *value)
{
	const char *argv[] = { "SET", access->id, value };
	size_t lengths[] = { 3, access->id_len, s->value_bytes };

	return redisAppendCommandArgv(s->connection, 3, argv, lengths) ? -EIO : 0;
}

static int receive(struct redis_session *s, int type, redisReply **reply)
{
	if (redisGetReply(s->connection, (void **)reply))
		return -EIO;
	if ((*reply)->type == type)
		return 0;
	if ((*reply)->type == REDIS_REPLY_NIL) {
		freeReplyObject(*reply);
		return -ENOENT;
	}
	if ((*reply)->type == REDIS_REPLY_ERROR)
		fprintf(stderr, "bench: redis: %s\n", (*reply)->str);
	freeReplyObject(*reply);
	return -EPROTO;
}

static int redis_get_many(void *session, const struct bench_access *accesses,
			  size_t n, struct bench_buffer buffer,
			  struct bench_value *values)
{
	struct redis_session *s = session;
	char *to = buffer.data;
	redisReply *reply;
	size_t i;
	int ret = 0;

	for (i = 0; i < n && !ret; i++)
		ret = send_get(s, &accesses[i]);
	for (i = 0; i < n && !ret; i++) {
		ret = receive(s, REDIS_REPLY_STRING, &reply);
		if (ret)
			break;
		values[i].len = (size_t)reply->len;
		values[i].data = to;
		if (values[i].len == s->value_bytes)
			memcpy(to, reply->str, s->value_bytes);
		to += s->value_bytes;
		freeReplyObject(reply);
	}
	return ret;
}

static int redis_get(void *session, const struct bench_access *access,
		     struct bench_buffer buffer, struct bench_value *value)
{
	return redis_get_many(session, access, 1, buffer, value);
}

static int redis_put_many(void *session, const struct bench_access *accesses,
			  size_t n, const void *const *values)
{
	struct redis_session *s = session;
	redisReply *reply;
	size_t i;
	int ret = 0;

	for (i = 0; i < n && !ret; i++)
		ret = send_set(s, &accesses[i], values[i]);
	for (i = 0; i < n && !ret; i++) {
		ret = receive(s, REDIS_REPLY_STATUS, &reply);
		if (!ret)
			freeReplyObject(reply);
	}
	return ret;
}

static int redis_put(void *session, const struct bench_access *access,
		     const void *value)
{
	return redis_put_many(session, access, 1, &value);
}

static uint64_t redis_memory(void *store)
{
	struct redis *redis = store;

	return server_memory(&redis->server);
}

static void redis_close(void *store)
{
	struct redis *redis = store;

	server_stop(&redis->server);
	free(redis);
}

#define REDIS_OPERATIONS				\
	.flags = BENCH_PROCESSES,			\
	.open = redis_open,				\
	.session_open = redis_session_open,		\
	.session_close = redis_session_close,	\
	.get = redis_get,				\
	.get_many = redis_get_many,			\
	.put = redis_put,				\
	.put_many = redis_put_many,			\
	.memory = redis_memory,			\
	.close = redis_close

static const struct bench_system redis_system = {
	.name = "redis",
	.description = "Redis or Valkey on a unix socket; batches are pipelined",
	.variant = SERVER_ANYWHERE,
	REDIS_OPERATIONS,
};
BENCH_SYSTEM(redis_system)

static const struct bench_system redis_near_system = {
	.name = "redis-near",
	.description = "the same with the server on the CPU of the first reader",
	.variant = SERVER_NEAR,
	REDIS_OPERATIONS,
};
BENCH_SYSTEM(redis_near_system)

static const struct bench_system redis_far_system = {
	.name = "redis-far",
	.description = "the same with the server on the last CPU",
	.variant = SERVER_FAR,
	REDIS_OPERATIONS,
};
BENCH_SYSTEM(redis_far_system)

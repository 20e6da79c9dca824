/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A server program of our own: in a folder of its own, on a unix socket, dead
 * when we are.
 */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <stdint.h>
#include <sys/types.h>

#include "bench.h"

/*
 * Where a server runs: where the scheduler likes, on the first reader's CPU, or
 * on the one that readers come to last. Which is best depends on how much is
 * sent at once.
 */
enum server_place {
	SERVER_ANYWHERE,
	SERVER_NEAR,
	SERVER_FAR,
};

struct server {
	pid_t pid;
	char socket[300];
};

/*
 * Start a program in the place that is the system's variant, and wait until it
 * listens on the socket. -ENOSYS, with the
 * reason in the setup, if there is no such program.
 */
int server_start(struct server *server, struct bench_setup *setup,
		 const char *const *argv);

/* What the server occupies. */
uint64_t server_memory(const struct server *server);

void server_stop(struct server *server);

/* A descriptor, or a negative errno. */
int server_connect(const struct server *server);

#endif /* BENCH_SERVER_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes that work for a while, of which some are killed and begin anew, while the
 * workers are moved from CPU to CPU by hotplug.
 */
#ifndef DOCSTORE_TEST_CLIENTS_H
#define DOCSTORE_TEST_CLIENTS_H

#include "docstore_test.h"

#define CLIENTS_MAX	16

/**
 * struct clients - what they are to do
 * @n: how many there are at one time
 * @work: what each does, until @stop; it does not return before
 * @killed: a client was killed, and is gone; may be NULL
 * @enough: was so much done that it tells something? On slow machines it takes longer
 *	than the time that was given, up to ten times as long
 * @arg: handed to all of them
 * @stop: memory that they share
 * @kill_us: one of them is killed about so often; 0 for never
 * @first: clients before this one are not killed
 * @hotplug: CPUs go and come back meanwhile
 * @kills: how many were killed
 * @moves: how often a CPU went or came
 */
struct clients {
	unsigned int n;
	void (*work)(void *arg, unsigned int client, __u64 seed);
	void (*killed)(void *arg, unsigned int client);
	bool (*enough)(void *arg);
	void *arg;
	volatile bool *stop;
	unsigned int kill_us;
	unsigned int first;
	bool hotplug;
	unsigned int kills;
	__u64 *moves;
};

static inline int clients_set_online(int cpu, bool online)
{
	char path[64];
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, online ? "1" : "0", 1) == 1 ? 0 : -errno;
	close(fd);
	return ret;
}

/* All CPUs but the first go and come back, one by one and together. */
static inline void clients_move_workers(struct ds_random *random, volatile bool *stop,
					__u64 *moves)
{
	int cpus = sysconf(_SC_NPROCESSORS_CONF), cpu;

	while (!*stop) {
		for (cpu = 1; cpu < cpus; cpu++) {
			/* A CPU may be busy: that is not what is tested. */
			if (!clients_set_online(cpu, ds_below(random, 2)))
				++*moves;
			usleep(ds_below(random, 30000));
		}
	}
	for (cpu = 1; cpu < cpus; cpu++)
		clients_set_online(cpu, true);
}

static inline pid_t clients_begin(const struct clients *c, unsigned int i, __u64 seed)
{
	pid_t pid = ds_fork();

	if (pid)
		return pid;
	c->work(c->arg, i, seed);
	_exit(0);
}

/* For so long, or until one of them is not content: 0 or the status of that one. */
static inline int clients_run(struct clients *c, struct ds_random *random, __u64 time)
{
	pid_t pids[CLIENTS_MAX] = { 0 }, mover = 0;
	__u64 begun = ds_now();
	int status = 0, one;
	unsigned int i;

	*c->stop = false;
	for (i = 0; i < c->n; i++) {
		pids[i] = clients_begin(c, i, ds_random(random));
		if (pids[i] < 0)
			status = -errno;
	}
	if (c->hotplug) {
		mover = ds_fork();
		if (!mover) {
			clients_move_workers(random, c->stop, c->moves);
			_exit(0);
		}
	}
	while (!status && (ds_now() - begun < time ||
			   (!c->enough(c->arg) && ds_now() - begun < 10 * time))) {
		usleep(c->kill_us ? ds_below(random, 2 * c->kill_us) : 20000);
		for (i = 0; i < c->n && !status; i++) {
			if (waitpid(pids[i], &one, WNOHANG) <= 0)
				continue;
			/* Nobody has told it to stop. */
			pids[i] = 0;
			status = one ?: 1;
		}
		if (!c->kill_us || status)
			continue;
		i = c->first + ds_below(random, c->n - c->first);
		kill(pids[i], SIGKILL);
		status = ds_wait(pids[i]);
		/* Or it has found something just then. */
		if (status == 128 + SIGKILL)
			status = 0;
		c->kills++;
		if (c->killed)
			c->killed(c->arg, i);
		pids[i] = clients_begin(c, i, ds_random(random));
	}
	*c->stop = true;
	for (i = 0; i < c->n; i++) {
		one = pids[i] > 0 ? ds_wait(pids[i]) : 0;
		status = status ?: one;
	}
	one = mover > 0 ? ds_wait(mover) : 0;
	return status ?: one;
}

#endif /* DOCSTORE_TEST_CLIENTS_H */

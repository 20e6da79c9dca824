// SPDX-License-Identifier: GPL-2.0
/*
 * A server program of our own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

#define START_TRIES	500
#define TRY_US		20000

static void take_place(enum server_place place)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	if (place == SERVER_ANYWHERE)
		return;
	CPU_ZERO(&set);
	CPU_SET(place == SERVER_NEAR ? 0 : (size_t)cpus - 1, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void run_program(const char *const *argv, const struct bench_setup *setup,
			int report)
{
	int log;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	take_place(setup->system->variant);
	/* What the benchmark wants of malloc() is not for others. */
	unsetenv("GLIBC_TUNABLES");
	if (!chdir(setup->dir)) {
		log = open("log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(log, 1);
		dup2(log, 2);
		execvp(argv[0], (char *const *)argv);
	}
	/* The pipe closes when exec succeeds. */
	if (write(report, &errno, sizeof(errno)) < 0)
		_exit(126);
	_exit(127);
}

static int exec_program(struct server *server, const char *const *argv,
			const struct bench_setup *setup)
{
	int report[2], error = 0;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	server->pid = fork();
	if (!server->pid)
		run_program(argv, setup, report[1]);
	close(report[1]);
	if (server->pid < 0)
		error = errno;
	else if (read(report[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(report[0]);
	return -error;
}

int server_connect(const struct server *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(server->socket) >= sizeof(address.sun_path)) {
		close(fd);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, server->socket);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

static int wait_until_up(struct server *server)
{
	int tries, fd;

	for (tries = 0; tries < START_TRIES; tries++) {
		fd = server_connect(server);
		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (waitpid(server->pid, NULL, WNOHANG) == server->pid)
			return -ECHILD;
		usleep(TRY_US);
	}
	return -ETIMEDOUT;
}

int server_start(struct server *server, struct bench_setup *setup,
		 const char *const *argv)
{
	int ret = exec_program(server, argv, setup);

	if (ret) {
		snprintf(setup->reason, sizeof(setup->reason), "cannot run %s: %s",
			 argv[0], strerror(-ret));
		return -ENOSYS;
	}
	ret = wait_until_up(server);
	if (ret)
		snprintf(setup->reason, sizeof(setup->reason),
			 "%s does not listen: %s", argv[0], strerror(-ret));
	return ret;
}

uint64_t server_memory(const struct server *server)
{
	unsigned long long kb = 0;
	char line[128];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/%d/status", server->pid);
	file = fopen(line, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %llu kB", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb * 1024;
}

void server_stop(struct server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * A system, opened and filled in a process of its own, with its workers.
 *
 * Threads of the first process are the agent's own. Other processes, and that
 * of the writer, are its children, where the system allows that; else the
 * writer is one more thread. Who dies takes all below with it, so nothing stays
 * behind, however the benchmark ends.
 */
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "plan.h"

#define LOAD_SECONDS	1800

struct team {
	const struct plan *plan;
	struct bench_setup setup;
	struct agent_shared *shared;
	void *store;
};

static void give_up(struct team *team, enum agent_state state, const char *reason)
{
	snprintf(team->shared->reason, sizeof(team->shared->reason), "%s", reason);
	team->shared->state = state;
	sem_post(&team->shared->loaded);
	_exit(1);
}

static struct worker *new_worker(struct team *team, unsigned int index)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		give_up(team, AGENT_FAILED, strerror(ENOMEM));
	w->setup = &team->setup;
	w->store = team->store;
	w->index = index;
	w->of = team->plan->readers + 1;
	w->sequences = plan_sequences(team->plan, index);
	w->shared = &team->shared->workers[index];
	return w;
}

static int load_all(struct team *team, struct worker *w)
{
	uint32_t documents = team->plan->documents, at, n;
	uint64_t ns;
	int ret;

	for (at = 0; at < documents; at += n) {
		n = documents - at;
		if (n > team->plan->load_batch)
			n = team->plan->load_batch;
		ret = worker_load(w, at, n, &ns);
		if (ret)
			return ret;
		/* The last one may be smaller, which would be no latency of its size. */
		if (n == team->plan->load_batch)
			team->shared->batch_ns[team->shared->batches++] = (double)ns;
	}
	return 0;
}

/* What the kernel tells of huge pages; it does not know of drivers' mappings. */
static uint64_t huge_bytes(void)
{
	static const char *const fields[] = {
		"AnonHugePages: %llu", "ShmemPmdMapped: %llu", "FilePmdMapped: %llu",
		"Shared_Hugetlb: %llu", "Private_Hugetlb: %llu",
	};
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	unsigned long long kb, total = 0;
	char line[128];
	size_t i;

	while (file && fgets(line, sizeof(line), file))
		for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			if (sscanf(line, fields[i], &kb) == 1)
				total += kb;
	if (file)
		fclose(file);
	return total * 1024;
}

static void fill(struct team *team)
{
	const struct bench_system *system = team->setup.system;
	struct worker *w = new_worker(team, team->plan->readers);
	int ret;

	ret = worker_open(w);
	if (ret)
		give_up(team, AGENT_FAILED, strerror(-ret));
	if (!(system->flags & BENCH_CONTROL) && load_all(team, w))
		give_up(team, AGENT_FAILED, w->shared->result.what);
	if (system->memory)
		team->shared->memory = system->memory(team->store);
	team->shared->huge_bytes = huge_bytes();
	if ((system->flags & BENCH_HUGE_PAGES) && team->shared->huge_bytes <
	    (uint64_t)team->setup.documents * team->setup.value_bytes / 2)
		give_up(team, AGENT_SKIPPED,
			"got no huge pages: see /sys/kernel/mm/transparent_hugepage/");
	worker_close(w);
	free(w);
}

/* Errors now go to the first order, which will not be carried out. */
static void *work(void *worker)
{
	struct worker *w = worker;
	int ret = worker_open(w);

	if (ret) {
		fprintf(stderr, "bench: %s: no session: %s\n",
			w->setup->system->name, strerror(-ret));
		_exit(1);
	}
	return worker_main(w);
}

static void start_thread(struct team *team, unsigned int index)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, new_worker(team, index)))
		_exit(1);
}

static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

/* A child with workers from one index on; it never returns. */
static void start_process(struct team *team, unsigned int first, unsigned int threads)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		_exit(1);
	if (pid)
		return;
	die_with(parent);
	if (team->setup.system->after_fork && team->setup.system->after_fork(team->store))
		_exit(1);
	while (threads--)
		start_thread(team, first + threads);
	for (;;)
		pause();
}

static void start_workers(struct team *team)
{
	const struct plan *plan = team->plan;
	bool processes = team->setup.system->flags & BENCH_PROCESSES;
	unsigned int p, t;

	/* Children first: who has threads had better not fork. */
	for (p = 1; processes && p < plan->max_processes; p++)
		start_process(team, p * plan->max_threads, plan->max_threads);
	if (processes)
		start_process(team, plan->readers, 1);
	for (t = 0; t < plan->max_threads; t++)
		start_thread(team, t);
	if (!processes)
		start_thread(team, plan->readers);
}

static void run_agent(struct agent *agent)
{
	const struct plan *plan = agent->plan;
	struct team team = {
		.plan = plan,
		.shared = agent->shared,
		.setup = {
			.system = agent->system,
			.documents = plan->documents,
			.room = plan->room,
			.value_bytes = plan->value_bytes,
			.dir = agent->dir,
			.redis_server = plan->redis_server,
			.memcached = plan->memcached,
		},
	};
	int ret;

	if (agent->system->flags & BENCH_SMALL_PAGES)
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	ret = agent->system->open(&team.setup, &team.store);
	if (ret)
		give_up(&team, ret == -ENOSYS ? AGENT_SKIPPED : AGENT_FAILED,
			*team.setup.reason ? team.setup.reason : strerror(-ret));
	fill(&team);
	start_workers(&team);
	team.shared->state = AGENT_LOADED;
	sem_post(&team.shared->loaded);
	/* A child that ends, one of ours or a server, ends it all. */
	while (wait(NULL) < 0)
		if (errno == ECHILD)
			pause();
	_exit(1);
}

static void init_sems(struct agent_shared *shared, unsigned int workers)
{
	unsigned int i;

	sem_init(&shared->loaded, 1, 0);
	for (i = 0; i < workers; i++) {
		struct worker_shared *w = &shared->workers[i];

		sem_init(&w->go, 1, 0);
		sem_init(&w->ready, 1, 0);
		sem_init(&w->start, 1, 0);
		sem_init(&w->done, 1, 0);
	}
}

static void *shared_memory(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static size_t shared_bytes(const struct plan *plan)
{
	return sizeof(struct agent_shared) +
	       (plan->readers + 1) * sizeof(struct worker_shared);
}

static size_t batch_bytes(const struct plan *plan)
{
	return (plan->documents / plan->load_batch + 1) * sizeof(double);
}

int agent_start(struct agent *agent, const struct plan *plan,
		const struct bench_system *system, unsigned int number)
{
	pid_t parent = getpid();

	agent->system = system;
	agent->plan = plan;
	snprintf(agent->dir, sizeof(agent->dir), "%s/%u", plan->dir, number);
	agent->shared = shared_memory(shared_bytes(plan));
	if (!agent->shared)
		return -ENOMEM;
	agent->shared->batch_ns = shared_memory(batch_bytes(plan));
	if (!agent->shared->batch_ns)
		return -ENOMEM;
	if (mkdir(agent->dir, 0700))
		return -errno;
	init_sems(agent->shared, plan->readers + 1);
	fflush(NULL);
	agent->pid = fork();
	if (agent->pid < 0)
		return -errno;
	if (!agent->pid) {
		die_with(parent);
		run_agent(agent);
	}
	return agent_wait(agent, &agent->shared->loaded, LOAD_SECONDS);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void agent_stop(struct agent *agent)
{
	if (agent->pid > 0) {
		kill(agent->pid, SIGKILL);
		waitpid(agent->pid, NULL, 0);
	}
	agent->pid = 0;
	if (!agent->shared)
		return;
	/* It lies in memory. */
	remove_tree(agent->dir);
	munmap(agent->shared->batch_ns, batch_bytes(agent->plan));
	munmap(agent->shared, shared_bytes(agent->plan));
	agent->shared = NULL;
}

int agent_wait(struct agent *agent, sem_t *sem, unsigned int seconds)
{
	uint64_t end = now_ns() + seconds * 1000000000ULL;
	struct timespec t;

	while (now_ns() < end) {
		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += 100000000;
		if (t.tv_nsec >= 1000000000) {
			t.tv_sec++;
			t.tv_nsec -= 1000000000;
		}
		if (!sem_timedwait(sem, &t))
			return 0;
		if (waitpid(agent->pid, NULL, WNOHANG) == agent->pid) {
			agent->pid = 0;
			/* It may have said why with its last breath. */
			return sem_trywait(sem) ? -ECHILD : 0;
		}
	}
	return -ETIMEDOUT;
}

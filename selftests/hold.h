/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Workers that get no time: a process of higher priority keeps their CPU busy, and what
 * waits for them waits for as long as a test wants. Some kernels give others a little of
 * each second even so: what takes longer than half of one may have to be tried again.
 */
#ifndef DOCSTORE_TEST_HOLD_H
#define DOCSTORE_TEST_HOLD_H

#include "monitor.h"

#include <sched.h>

#define DS_HOLD_WORKERS	256
/* No test needs it for longer; what else belongs on that CPU waits as well. */
#define DS_HOLD_SECONDS	10

#define DS_RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"

struct ds_hold {
	pid_t pid;
	char rt_runtime[32];		/* as it was before */
	cpu_set_t cpus;			/* of the test, likewise */
	volatile int *state;		/* 1 when the CPU is held, 2 to let it go */
};

/* The CPU whose worker carries out what is done to a document, or -errno. */
static inline int ds_worker_cpu(int control, int fd, const char *id, __u32 property)
{
	static struct docstore_worker_stats workers[2][DS_HOLD_WORKERS];
	struct docstore_module_counters c;
	struct docstore_config was;
	__u32 count = 0, i, k;
	int ret, cpu = -ENOENT;

	ret = ds_config_get(fd, &was);
	if (!ret)
		ret = ds_config_set(fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 0);
	for (i = 0; i < 2 && !ret; i++) {
		struct docstore_module_stats s = {
			.size = sizeof(s),
			.counters = ds_ptr(&c),
			.counters_size = sizeof(c),
			.worker_size = sizeof(workers[0][0]),
			.workers = ds_ptr(workers[i]),
			.worker_count = DS_HOLD_WORKERS,
			.contention_size = sizeof(struct docstore_contention),
		};

		/* The worker says what it has done when it is done with it. */
		for (k = 0; k < 8 && i && !ret; k++)
			ret = ds_do(fd, ds_set_s64(id, property, 0));
		ret = ret ?: ds_ioctl(control, DOCSTORE_MODULE_STATS, &s);
		count = s.worker_count;
	}
	ret = ret ?: ds_config_restore(fd, &was);
	for (i = 0; i < count && !ret; i++)
		if (workers[1][i].parts >= workers[0][i].parts + 7)
			cpu = cpu < 0 ? (int)workers[1][i].cpu : -EBUSY;
	return ret ?: cpu;
}

static inline void ds_hold_spin(volatile int *state, int cpu)
{
	struct sched_param param = { .sched_priority = 1 };
	cpu_set_t one;
	__u64 end;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) || sched_setscheduler(0, SCHED_FIFO, &param))
		_exit(4);
	*state = 1;
	end = ds_now() + DS_HOLD_SECONDS * DS_SECOND;
	while (*state == 1 && ds_now() < end)
		;
	_exit(0);
}

/* Lets the CPU go; -ETIME if it was held for too long. */
static inline int ds_hold_end(struct ds_hold *hold)
{
	int late = *hold->state == 1 && waitpid(hold->pid, NULL, WNOHANG) == hold->pid;

	*hold->state = 2;
	if (!late)
		ds_wait(hold->pid);
	if (hold->rt_runtime[0])
		ds_file_write(DS_RT_RUNTIME, hold->rt_runtime);
	sched_setaffinity(0, sizeof(hold->cpus), &hold->cpus);
	munmap((void *)hold->state, sizeof(*hold->state));
	return late ? -ETIME : 0;
}

/*
 * Holds a CPU, and moves who calls to the others: 0 or -errno, for instance where there
 * is no other.
 */
static inline int ds_hold_begin(struct ds_hold *hold, int cpu)
{
	cpu_set_t others;

	memset(hold, 0, sizeof(*hold));
	if (sched_getaffinity(0, sizeof(hold->cpus), &hold->cpus))
		return -errno;
	others = hold->cpus;
	CPU_CLR(cpu, &others);
	if (!CPU_COUNT(&others))
		return -ENODEV;
	if (sched_setaffinity(0, sizeof(others), &others))
		return -errno;
	/* Not there where such processes don't count as more than others. */
	if (ds_file_read(DS_RT_RUNTIME, hold->rt_runtime, sizeof(hold->rt_runtime)) < 0 ||
	    ds_file_write(DS_RT_RUNTIME, "-1"))
		hold->rt_runtime[0] = 0;
	hold->state = ds_shared(sizeof(*hold->state));
	hold->pid = ds_fork();
	if (!hold->pid)
		ds_hold_spin(hold->state, cpu);
	while (!*hold->state && !waitpid(hold->pid, NULL, WNOHANG))
		usleep(1000);
	if (*hold->state)
		return 0;
	/* It may not, and is gone. */
	*hold->state = 2;
	ds_hold_end(hold);
	return -EPERM;
}

#endif /* DOCSTORE_TEST_HOLD_H */

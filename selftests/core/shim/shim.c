// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel that module/core believes to run in.
 */
#define URCU_NO_COMPAT_IDENTIFIERS
#include <urcu/urcu-memb.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#else
#define __tsan_acquire(p)	((void)(p))
#define __tsan_release(p)	((void)(p))
#endif

#include "shim.h"

__thread char shim_self;

unsigned int shim_jitter_rate;
__thread void (*shim_hook)(void);
static __thread unsigned int shim_jitter_state;

void shim_give_way(void)
{
	unsigned int x = shim_jitter_state;

	if (shim_hook) {
		shim_hook();
		return;
	}
	if (!x)
		x = (unsigned int)(unsigned long)&shim_self | 1;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	shim_jitter_state = x;
	if (x % shim_jitter_rate == 0)
		sched_yield();
}

bool shim_expect_warnings;
unsigned int shim_warnings;

void shim_warn(const char *what, const char *file, int line)
{
	if (shim_expect_warnings) {
		shim_warnings++;
		return;
	}
	printf("# %s:%d: warning: %s\n", file, line, what);
	fflush(stdout);
	abort();
}

/*
 * A cookie is the number of a request for a grace period. It is over when
 * shim_completed has reached it. With threads, one of them turns requests into
 * grace periods of liburcu, which begin after the request: as many requests at
 * once as there are.
 *
 * ThreadSanitizer can't look into liburcu. What RCU promises is that all read
 * sections that began before the request have ended, and what was read in them
 * was read before what comes next. So the end of a section releases and the end
 * of a grace period acquires. Nothing is said in the other direction, to who
 * begins a section: the engine must order by itself what readers find.
 */
static unsigned long shim_requested;
static unsigned long shim_completed;
static bool shim_threads;
static bool shim_stop;
static pthread_t shim_thread;
static char shim_sections;
static __thread int shim_nesting;

void rcu_read_lock(void)
{
	if (!shim_nesting++ && shim_threads)
		urcu_memb_read_lock();
}

void rcu_read_unlock(void)
{
	if (!shim_nesting)
		shim_warn("end of an RCU read section that never began", __FILE__, __LINE__);
	if (--shim_nesting || !shim_threads)
		return;
	__tsan_release(&shim_sections);
	urcu_memb_read_unlock();
}

unsigned long start_poll_synchronize_rcu(void)
{
	return __atomic_add_fetch(&shim_requested, 1, __ATOMIC_SEQ_CST);
}

bool poll_state_synchronize_rcu(unsigned long cookie)
{
	return __atomic_load_n(&shim_completed, __ATOMIC_ACQUIRE) >= cookie;
}

void shim_rcu_elapse_to(unsigned long cookie)
{
	if (shim_nesting || shim_threads || cookie > shim_requested)
		shim_warn("a grace period can't be over", __FILE__, __LINE__);
	if (cookie > shim_completed)
		shim_completed = cookie;
}

unsigned long shim_rcu_now(void)
{
	return shim_requested;
}

void shim_rcu_elapse(void)
{
	shim_rcu_elapse_to(shim_requested);
}

void synchronize_rcu(void)
{
	unsigned long cookie;

	if (!shim_threads) {
		shim_rcu_elapse();
		return;
	}
	cookie = start_poll_synchronize_rcu();
	while (!poll_state_synchronize_rcu(cookie))
		sched_yield();
}

static void *shim_rcu_thread(void *unused)
{
	const struct timespec nap = { .tv_nsec = 50 * 1000 };

	(void)unused;
	while (!__atomic_load_n(&shim_stop, __ATOMIC_RELAXED)) {
		unsigned long target = __atomic_load_n(&shim_requested, __ATOMIC_SEQ_CST);

		if (target == shim_completed) {
			nanosleep(&nap, NULL);
			continue;
		}
		urcu_memb_synchronize_rcu();
		__tsan_acquire(&shim_sections);
		__atomic_store_n(&shim_completed, target, __ATOMIC_RELEASE);
	}
	return NULL;
}

void shim_rcu_threads_begin(void)
{
	shim_threads = true;
	shim_stop = false;
	if (pthread_create(&shim_thread, NULL, shim_rcu_thread, NULL))
		abort();
}

void shim_rcu_threads_end(void)
{
	__atomic_store_n(&shim_stop, true, __ATOMIC_RELAXED);
	pthread_join(shim_thread, NULL);
	shim_threads = false;
}

void shim_rcu_register(void)
{
	urcu_memb_register_thread();
}

void shim_rcu_unregister(void)
{
	urcu_memb_unregister_thread();
}

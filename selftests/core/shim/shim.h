/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests can do to the kernel that module/core believes to run in.
 */
#ifndef _SHIM_H
#define _SHIM_H

#include <stdbool.h>

/*
 * Where threads may meet - at barriers and at READ_ONCE() and WRITE_ONCE() - the
 * scheduler is let in once out of so many times, 0 for never; or what a thread
 * has hooked in is called. Nothing is ordered by that.
 */
extern unsigned int shim_jitter_rate;
extern __thread void (*shim_hook)(void);

void shim_give_way(void);

static inline void shim_jitter(void)
{
#ifdef SHIM_NO_JITTER
	return;
#endif
	if (__builtin_expect(shim_jitter_rate, 0))
		shim_give_way();
}

/*
 * Warnings end the process, unless they are expected; then they are counted.
 */
extern bool shim_expect_warnings;
extern unsigned int shim_warnings;

void shim_warn(const char *what, const char *file, int line);

/*
 * Grace periods. By default there is but one thread, and it says when they are
 * over: no sooner, so that tests see what happens before, and always at the same
 * step, so that a random test can be run again. With threads, liburcu says it.
 */
void shim_rcu_elapse(void);
/* The last grace period that was asked for. One that begins later is not over
 * before those that read now are done, but this one may be.
 */
unsigned long shim_rcu_now(void);
void shim_rcu_elapse_to(unsigned long cookie);
void shim_rcu_threads_begin(void);
void shim_rcu_threads_end(void);

/* For threads that read. */
void shim_rcu_register(void);
void shim_rcu_unregister(void);

#endif /* _SHIM_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Barriers, as C11 has them.
 *
 * ThreadSanitizer does not model fences: it neither sees what they order, nor
 * does it take an order for granted because of one. That is left so on purpose.
 * To make smp_wmb() and smp_rmb() operations on some common variable would teach
 * it an order between any two of them, related or not, and so hide races. What
 * stands on both sides of a fence in the engine is accessed with READ_ONCE() and
 * WRITE_ONCE(), which never race; if ThreadSanitizer reports something that only
 * a fence orders, a plain access is what is wrong there.
 *
 * shim_jitter() lets the scheduler in where it hurts most: see shim.h.
 */
#ifndef _SHIM_ASM_BARRIER_H
#define _SHIM_ASM_BARRIER_H

#include "../shim.h"

#define smp_mb()							\
	do {								\
		__atomic_thread_fence(__ATOMIC_SEQ_CST);		\
		shim_jitter();						\
	} while (0)

#define smp_rmb()							\
	do {								\
		__atomic_thread_fence(__ATOMIC_ACQUIRE);		\
		shim_jitter();						\
	} while (0)

#define smp_wmb()							\
	do {								\
		__atomic_thread_fence(__ATOMIC_RELEASE);		\
		shim_jitter();						\
	} while (0)

#define smp_store_release(p, v)						\
	do {								\
		__atomic_store_n((p), (v), __ATOMIC_RELEASE);		\
		shim_jitter();						\
	} while (0)

#define smp_load_acquire(p)						\
({									\
	__typeof__(*(p) + 0) __value = __atomic_load_n((p), __ATOMIC_ACQUIRE); \
									\
	shim_jitter();							\
	__value;							\
})

#endif /* _SHIM_ASM_BARRIER_H */

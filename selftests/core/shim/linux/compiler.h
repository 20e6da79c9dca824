/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accesses that other threads may race with are relaxed atomics, so that
 * ThreadSanitizer takes them for what they are. It is stricter than the kernel's
 * memory model: a dependency orders nothing for it, only release and acquire do.
 */
#ifndef _SHIM_LINUX_COMPILER_H
#define _SHIM_LINUX_COMPILER_H

#define READ_ONCE(x)							\
({									\
	__typeof__((x) + 0) __once = __atomic_load_n(&(x), __ATOMIC_RELAXED); \
									\
	shim_jitter();							\
	__once;								\
})

#define WRITE_ONCE(x, val)						\
	do {								\
		__atomic_store_n(&(x), (val), __ATOMIC_RELAXED);	\
		shim_jitter();						\
	} while (0)

/* A plain access that may race, since nothing is made of what it finds if it did. */
#if defined(__SANITIZE_THREAD__)
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
#else
#define AnnotateIgnoreReadsBegin(file, line)	((void)0)
#define AnnotateIgnoreReadsEnd(file, line)	((void)0)
#endif

#define data_race(expression)						\
({									\
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);			\
	__typeof__(expression) __raced = (expression);			\
									\
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);			\
	__raced;							\
})

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define __read_mostly
#define __force
#define __rcu
#define __user
#define __maybe_unused		__attribute__((__unused__))
#define __packed		__attribute__((__packed__))
#define __aligned(x)		__attribute__((__aligned__(x)))
#undef __always_inline
#define __always_inline	inline __attribute__((__always_inline__))
#define fallthrough		__attribute__((__fallthrough__))
#define barrier()		__asm__ __volatile__("" : : : "memory")

#include <asm/barrier.h>

#endif /* _SHIM_LINUX_COMPILER_H */

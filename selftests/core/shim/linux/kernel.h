/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_KERNEL_H
#define _SHIM_LINUX_KERNEL_H

#include <linux/align.h>
#include <linux/compiler.h>
#include <linux/types.h>

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d)	DIV_ROUND_UP((unsigned long long)(n), (d))

#define min_t(type, a, b)						\
({									\
	type __min_a = (a);						\
	type __min_b = (b);						\
									\
	__min_a < __min_b ? __min_a : __min_b;				\
})

#define max_t(type, a, b)						\
({									\
	type __max_a = (a);						\
	type __max_b = (b);						\
									\
	__max_a > __max_b ? __max_a : __max_b;				\
})

/* As in the kernel, both sides must be of one type. */
#define shim_same_type(a, b)						\
	_Static_assert(__builtin_types_compatible_p(__typeof__((a) + 0),	\
						    __typeof__((b) + 0)),	\
		       "min() and max() need operands of one type")

#define min(a, b)							\
({									\
	shim_same_type(a, b);						\
	min_t(__typeof__((a) + 0), a, b);				\
})

#define max(a, b)							\
({									\
	shim_same_type(a, b);						\
	max_t(__typeof__((a) + 0), a, b);				\
})

#define container_of(ptr, type, member)					\
	((type *)((char *)(ptr) - offsetof(type, member)))

#endif /* _SHIM_LINUX_KERNEL_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * To be included before the library's reader of the mapping: it may be stopped, and
 * what it reads changed, at each load that is told to be one.
 */
#ifndef _MAP_HOOK_H
#define _MAP_HOOK_H

#include "shim/shim.h"

#define __atomic_load_n(p, order)					\
({									\
	__typeof__(*(p) + 0) __value = __atomic_load_n((p), (order));	\
									\
	shim_jitter();							\
	__value;							\
})

#endif /* _MAP_HOOK_H */

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_BUG_H
#define _SHIM_LINUX_BUG_H

#include <linux/build_bug.h>
#include <linux/compiler.h>

#include "../shim.h"

#define WARN_ON(condition)						\
({									\
	bool __warn = !!(condition);					\
									\
	if (unlikely(__warn))						\
		shim_warn(#condition, __FILE__, __LINE__);		\
	__warn;								\
})

/* A test wants to hear of each. */
#define WARN_ON_ONCE(condition)	WARN_ON(condition)

#endif /* _SHIM_LINUX_BUG_H */

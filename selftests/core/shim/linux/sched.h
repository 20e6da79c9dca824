/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_SCHED_H
#define _SHIM_LINUX_SCHED_H

#include "../shim.h"

#define cond_resched()	shim_jitter()

#endif /* _SHIM_LINUX_SCHED_H */

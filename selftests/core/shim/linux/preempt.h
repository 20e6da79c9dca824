/* SPDX-License-Identifier: GPL-2.0 */
/* Threads can't be kept on a CPU. Where the kernel does so, give way on purpose. */
#ifndef _SHIM_LINUX_PREEMPT_H
#define _SHIM_LINUX_PREEMPT_H

#include "../shim.h"

#define preempt_disable()	shim_jitter()
#define preempt_enable()	shim_jitter()

#endif /* _SHIM_LINUX_PREEMPT_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* RCU by liburcu, or by decree; see shim.h. */
#ifndef _SHIM_LINUX_RCUPDATE_H
#define _SHIM_LINUX_RCUPDATE_H

#include <linux/compiler.h>
#include <linux/types.h>

struct rcu_head {
	void *unused;
};

#define __rcu

/* Consume is acquire here, as in most compilers. */
#define rcu_dereference(p)	__atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_dereference_protected(p, c)	(p)
#define rcu_assign_pointer(p, v)	__atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

void rcu_read_lock(void);
void rcu_read_unlock(void);
unsigned long start_poll_synchronize_rcu(void);
bool poll_state_synchronize_rcu(unsigned long cookie);
void synchronize_rcu(void);

#endif /* _SHIM_LINUX_RCUPDATE_H */

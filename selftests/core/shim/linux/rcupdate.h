/* SPDX-License-Identifier: GPL-2.0 */
/* RCU by liburcu, or by decree; see shim.h. */
#ifndef _SHIM_LINUX_RCUPDATE_H
#define _SHIM_LINUX_RCUPDATE_H

#include <linux/compiler.h>
#include <linux/types.h>

void rcu_read_lock(void);
void rcu_read_unlock(void);
unsigned long start_poll_synchronize_rcu(void);
bool poll_state_synchronize_rcu(unsigned long cookie);
void synchronize_rcu(void);

#endif /* _SHIM_LINUX_RCUPDATE_H */

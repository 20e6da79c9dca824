/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The watchdog: requests that stay too long in one state.
 */
#ifndef _DOCSTORE_WATCHDOG_H
#define _DOCSTORE_WATCHDOG_H

#include <linux/types.h>

u64 ds_watchdog_stuck(void);
void ds_watchdog_init(void);
void ds_watchdog_exit(void);

#endif /* _DOCSTORE_WATCHDOG_H */

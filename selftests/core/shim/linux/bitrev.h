/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_BITREV_H
#define _SHIM_LINUX_BITREV_H

#include <linux/types.h>

static inline u32 bitrev32(u32 x)
{
	x = (x & 0x55555555) << 1 | (x >> 1 & 0x55555555);
	x = (x & 0x33333333) << 2 | (x >> 2 & 0x33333333);
	x = (x & 0x0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f);
	return __builtin_bswap32(x);
}

#endif /* _SHIM_LINUX_BITREV_H */

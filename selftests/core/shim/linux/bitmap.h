/* SPDX-License-Identifier: GPL-2.0 */
/* Bit by bit: slow, and easy to see to be right. */
#ifndef _SHIM_LINUX_BITMAP_H
#define _SHIM_LINUX_BITMAP_H

#include <linux/bitops.h>

#define DECLARE_BITMAP(name, bits)	unsigned long name[BITS_TO_LONGS(bits)]

static inline void bitmap_set(unsigned long *map, unsigned int start, unsigned int n)
{
	while (n--)
		__set_bit(start++, map);
}

static inline void bitmap_clear(unsigned long *map, unsigned int start, unsigned int n)
{
	while (n--)
		__clear_bit(start++, map);
}

/* The first of @n bits in a row that are 0; @size or more if there are none. */
static inline unsigned long bitmap_find_next_zero_area(unsigned long *map, unsigned long size,
						       unsigned long start, unsigned int n,
						       unsigned long align_mask)
{
	unsigned long at, row = 0;

	(void)align_mask;
	for (at = start; at < size; at++) {
		row = test_bit(at, map) ? 0 : row + 1;
		if (row == n)
			return at + 1 - n;
	}
	return size;
}

#endif /* _SHIM_LINUX_BITMAP_H */

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CRC-32C, as in iSCSI, ext4 and btrfs: of tokens as text, and of a journal's lines. */
#ifndef LIBDOCSTORE_CRC32C_H
#define LIBDOCSTORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Four bits at a time: its table is small enough to be seen to be right. */
static inline uint32_t ds_crc32c(uint32_t crc, const void *data, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const unsigned char *p = data, *end = p + len;

	crc = ~crc;
	for (; p < end; p++) {
		crc ^= *p;
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return ~crc;
}

#endif /* LIBDOCSTORE_CRC32C_H */

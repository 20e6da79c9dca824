/* SPDX-License-Identifier: GPL-2.0 */
/* What fuzz targets over module/core share. */
#ifndef _CORE_FUZZ_H
#define _CORE_FUZZ_H

#include "input.h"

/*
 * The library reads a version that module/core has written. Compiled apart: it
 * has the headers of user space, and nothing of the shim.
 */
bool library_opens(const void *version, size_t len);
bool library_head_is(uint64_t version, uint64_t created, uint64_t changed, uint64_t seq,
		     uint32_t type, uint32_t nprops, const void *id, size_t id_len);
bool library_property_is(uint32_t i, uint32_t name, uint32_t type, uint32_t set,
			 const void *data, size_t len);
bool library_finds(uint32_t i, uint32_t name);

/* And reads a mapping that somebody has made of the rest of the input. */
void map_library(struct input *in);

#endif /* _CORE_FUZZ_H */

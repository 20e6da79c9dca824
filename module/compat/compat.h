/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What older kernels lack, included before every file of the module. The module
 * itself is written to the newest kernel's interfaces; nothing outside of this
 * folder asks how old the kernel is, and here it is asked what it offers.
 */
#ifndef _DOCSTORE_COMPAT_H
#define _DOCSTORE_COMPAT_H

#include "mm.h"
#include "slab.h"

#endif /* _DOCSTORE_COMPAT_H */

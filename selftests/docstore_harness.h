/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's harness, with more patience: emulated machines and kernels that
 * look for errors in themselves are many times slower than others.
 */
#ifndef DOCSTORE_HARNESS_H
#define DOCSTORE_HARNESS_H

#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300	/* seconds */

#endif /* DOCSTORE_HARNESS_H */

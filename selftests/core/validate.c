// SPDX-License-Identifier: GPL-2.0
#include "store.h"
#include "test.h"

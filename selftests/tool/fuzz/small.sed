# SPDX-License-Identifier: GPL-2.0
# Limits that a few bytes reach. The comment is counted: see the Makefile.
s,^#define BATCH_DOCUMENTS\s.*,#define BATCH_DOCUMENTS 4 /* small */,
s,^#define BATCH_BYTES\s.*,#define BATCH_BYTES 512 /* small */,
s,^#define BATCH_OPS\s.*,#define BATCH_OPS 32 /* small */,
s,^#define READ_SIZE\s.*,#define READ_SIZE 64 /* small */,
s,^#define READ_ITEMS\s.*,#define READ_ITEMS 4 /* small */,
s,^#define READ_BUFFER\s.*,#define READ_BUFFER 512 /* small */,
s,^#define SCAN_BUFFER\s.*,#define SCAN_BUFFER 512 /* small */,
s,^#define STREAM_BUFFER\s.*,#define STREAM_BUFFER 128 /* small */,
s,^#define NAMES_BUFFER\s.*,#define NAMES_BUFFER 512 /* small */,
s,^#define BLOCK_SIZE\s.*,#define BLOCK_SIZE 256 /* small */,

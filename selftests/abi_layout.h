/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Layout of the structs of docstore.h and docstore_map.h, which is the same for
 * 32-bit and 64-bit programs: to be compiled as both, and nothing else.
 */
#ifndef DOCSTORE_ABI_LAYOUT_H
#define DOCSTORE_ABI_LAYOUT_H

#include <stddef.h>
#include <linux/docstore.h>
#include <linux/docstore_map.h>

#define SIZE(type, n) \
	_Static_assert(sizeof(struct type) == (n), "size of " #type)
#define FIELD(type, field, n) \
	_Static_assert(offsetof(struct type, field) == (n), #type "." #field)

SIZE(docstore_version, 48);
FIELD(docstore_version, seq, 0);
FIELD(docstore_version, version, 8);
FIELD(docstore_version, created, 16);
FIELD(docstore_version, changed, 24);
FIELD(docstore_version, size, 32);
FIELD(docstore_version, prev, 36);
FIELD(docstore_version, type, 40);
FIELD(docstore_version, nprops, 44);
FIELD(docstore_version, id_len, 46);
FIELD(docstore_version, flags, 47);

SIZE(docstore_info, 56);
FIELD(docstore_info, size, 0);
FIELD(docstore_info, flags, 4);
FIELD(docstore_info, abi, 8);
FIELD(docstore_info, map_layout, 12);
FIELD(docstore_info, workers, 16);
FIELD(docstore_info, stores, 20);
FIELD(docstore_info, max_stores, 24);
FIELD(docstore_info, max_partitions, 28);
FIELD(docstore_info, max_ops, 32);
FIELD(docstore_info, max_batch, 36);
FIELD(docstore_info, max_document, 40);
FIELD(docstore_info, max_properties, 44);
FIELD(docstore_info, max_names, 48);
FIELD(docstore_info, __reserved, 52);

SIZE(docstore_store_create, 88);
FIELD(docstore_store_create, mode, 8);
FIELD(docstore_store_create, partitions, 12);
FIELD(docstore_store_create, max_bytes, 16);
FIELD(docstore_store_create, name, 24);

SIZE(docstore_store_open, 72);
FIELD(docstore_store_open, name, 8);

SIZE(docstore_store_remove, 72);
FIELD(docstore_store_remove, name, 8);

SIZE(docstore_store_info, 248);
FIELD(docstore_store_info, incarnation, 8);
FIELD(docstore_store_info, created, 16);
FIELD(docstore_store_info, uid, 24);
FIELD(docstore_store_info, gid, 28);
FIELD(docstore_store_info, mode, 32);
FIELD(docstore_store_info, partitions, 36);
FIELD(docstore_store_info, max_bytes, 40);
FIELD(docstore_store_info, bytes, 48);
FIELD(docstore_store_info, bytes_used, 56);
FIELD(docstore_store_info, bytes_retired, 64);
FIELD(docstore_store_info, bytes_index, 72);
FIELD(docstore_store_info, bytes_documents, 80);
FIELD(docstore_store_info, documents, 88);
FIELD(docstore_store_info, names, 96);
FIELD(docstore_store_info, __reserved, 100);
FIELD(docstore_store_info, commits, 104);
FIELD(docstore_store_info, batches, 112);
FIELD(docstore_store_info, batches_failed, 120);
FIELD(docstore_store_info, changes, 128);
FIELD(docstore_store_info, reads, 136);
FIELD(docstore_store_info, scanned, 144);
FIELD(docstore_store_info, name, 152);
FIELD(docstore_store_info, map_size, 216);
FIELD(docstore_store_info, lent, 224);
FIELD(docstore_store_info, polled, 232);
FIELD(docstore_store_info, slept, 240);

SIZE(docstore_store_list, 32);
FIELD(docstore_store_list, stores, 8);
FIELD(docstore_store_list, store_size, 16);
FIELD(docstore_store_list, count, 20);
FIELD(docstore_store_list, cursor, 24);

SIZE(docstore_name, 16);
FIELD(docstore_name, name, 0);
FIELD(docstore_name, len, 8);
FIELD(docstore_name, id, 12);

SIZE(docstore_intern, 32);
FIELD(docstore_intern, names, 8);
FIELD(docstore_intern, name_size, 16);
FIELD(docstore_intern, count, 20);
FIELD(docstore_intern, done, 24);
FIELD(docstore_intern, __reserved, 28);

SIZE(docstore_name_record, 8);
FIELD(docstore_name_record, id, 0);
FIELD(docstore_name_record, len, 4);

SIZE(docstore_names, 32);
FIELD(docstore_names, buffer, 8);
FIELD(docstore_names, buffer_len, 16);
FIELD(docstore_names, first, 20);
FIELD(docstore_names, count, 24);
FIELD(docstore_names, used, 28);

SIZE(docstore_op, 64);
FIELD(docstore_op, code, 0);
FIELD(docstore_op, flags, 1);
FIELD(docstore_op, type, 2);
FIELD(docstore_op, id_len, 3);
FIELD(docstore_op, __reserved0, 4);
FIELD(docstore_op, property, 8);
FIELD(docstore_op, result, 12);
FIELD(docstore_op, id, 16);
FIELD(docstore_op, value, 24);
FIELD(docstore_op, value_len, 32);
FIELD(docstore_op, __reserved1, 36);
FIELD(docstore_op, version, 40);
FIELD(docstore_op, __reserved2, 48);

SIZE(docstore_submit, 32);
FIELD(docstore_submit, ops, 8);
FIELD(docstore_submit, op_size, 16);
FIELD(docstore_submit, count, 20);
FIELD(docstore_submit, timeout_ms, 24);
FIELD(docstore_submit, failed, 28);

SIZE(docstore_read, 56);
FIELD(docstore_read, id, 8);
FIELD(docstore_read, id_len, 16);
FIELD(docstore_read, property, 20);
FIELD(docstore_read, buffer, 24);
FIELD(docstore_read, buffer_len, 32);
FIELD(docstore_read, length, 36);
FIELD(docstore_read, version, 40);
FIELD(docstore_read, type, 48);
FIELD(docstore_read, __reserved, 52);

SIZE(docstore_read_item, 24);
FIELD(docstore_read_item, id, 0);
FIELD(docstore_read_item, id_len, 8);
FIELD(docstore_read_item, result, 12);
FIELD(docstore_read_item, offset, 16);
FIELD(docstore_read_item, length, 20);

SIZE(docstore_read_many, 48);
FIELD(docstore_read_many, items, 8);
FIELD(docstore_read_many, item_size, 16);
FIELD(docstore_read_many, count, 20);
FIELD(docstore_read_many, buffer, 24);
FIELD(docstore_read_many, buffer_len, 32);
FIELD(docstore_read_many, done, 36);
FIELD(docstore_read_many, used, 40);
FIELD(docstore_read_many, needed, 44);

SIZE(docstore_scan, 64);
FIELD(docstore_scan, prefix, 8);
FIELD(docstore_scan, prefix_len, 16);
FIELD(docstore_scan, type, 20);
FIELD(docstore_scan, buffer, 24);
FIELD(docstore_scan, buffer_len, 32);
FIELD(docstore_scan, used, 36);
FIELD(docstore_scan, count, 40);
FIELD(docstore_scan, needed, 44);
FIELD(docstore_scan, cursor, 48);

SIZE(docstore_bucket, 64);
SIZE(docstore_map_partition, 64 + 4 * DOCSTORE_MAP_DIRS);
FIELD(docstore_map_partition, dir, 64);

_Static_assert(DOCSTORE_INFO == 0xdc00, "number of an ioctl");
_Static_assert(DOCSTORE_STORE_CREATE == 0xdc01, "number of an ioctl");
_Static_assert(DOCSTORE_STORE_OPEN == 0xdc02, "number of an ioctl");
_Static_assert(DOCSTORE_STORE_REMOVE == 0xdc03, "number of an ioctl");
_Static_assert(DOCSTORE_STORE_LIST == 0xdc04, "number of an ioctl");
_Static_assert(DOCSTORE_STORE_INFO == 0xdc10, "number of an ioctl");
_Static_assert(DOCSTORE_INTERN == 0xdc11, "number of an ioctl");
_Static_assert(DOCSTORE_NAMES == 0xdc12, "number of an ioctl");
_Static_assert(DOCSTORE_SUBMIT == 0xdc13, "number of an ioctl");
_Static_assert(DOCSTORE_READ == 0xdc14, "number of an ioctl");
_Static_assert(DOCSTORE_READ_MANY == 0xdc15, "number of an ioctl");
_Static_assert(DOCSTORE_SCAN == 0xdc16, "number of an ioctl");

#undef SIZE
#undef FIELD

#endif /* DOCSTORE_ABI_LAYOUT_H */

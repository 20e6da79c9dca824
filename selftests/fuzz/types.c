// SPDX-License-Identifier: GPL-2.0
/*
 * The structs and operations that programs are made of. A new ioctl is a table
 * of its struct's fields and a line in fz_ops; that is enough for generating,
 * changing and running it, and for the rules that hold for all ioctls. A model
 * of its results (model.h) may follow.
 */
#include <linux/docstore_monitor.h>
#include <linux/docstore_stream.h>

#include "fuzz.h"
#include "model.h"

#define F(_struct, _member, _kind, ...)						\
	{									\
		.name = #_member,						\
		.offset = offsetof(struct _struct, _member),			\
		.size = sizeof(((struct _struct *)0)->_member),			\
		.kind = (_kind), ##__VA_ARGS__					\
	}

#define TYPE(_struct, _fields)	TYPE_SINCE(_struct, _fields, 0)

/* One that has grown: shorter ones, from its first size on, are as good. */
#define TYPE_SINCE(_struct, _fields, _min)					\
	static const struct fz_type _struct##_type = {				\
		.name = #_struct,						\
		.size = sizeof(struct _struct),					\
		.min = (_min),							\
		.nfields = ARRAY_SIZE(_fields),					\
		.fields = (_fields),						\
	};									\
	_Static_assert(ARRAY_SIZE(_fields) <= FZ_FIELDS, "FZ_FIELDS is too small")

/* Numbers worth trying, up to a 0 that is not the first. */
#define PICKS(...)	((const __u64 []){ __VA_ARGS__, 0 })
#define NAME_IDS	PICKS(1, 2, 3, 4, 5, 6, 255, 256, 65535, 65536)

static const struct fz_field info_fields[] = {
	F(docstore_info, size, FZ_SIZE),
	F(docstore_info, flags, FZ_FLAGS),
	F(docstore_info, abi, FZ_OUT),
	F(docstore_info, map_layout, FZ_OUT),
	F(docstore_info, workers, FZ_OUT),
	F(docstore_info, stores, FZ_OUT),
	F(docstore_info, max_stores, FZ_OUT),
	F(docstore_info, max_partitions, FZ_OUT),
	F(docstore_info, max_ops, FZ_OUT),
	F(docstore_info, max_batch, FZ_OUT),
	F(docstore_info, max_document, FZ_OUT),
	F(docstore_info, max_properties, FZ_OUT),
	F(docstore_info, max_names, FZ_OUT),
	F(docstore_info, __reserved, FZ_OUT),
};
TYPE(docstore_info, info_fields);

static const struct fz_field store_create_fields[] = {
	F(docstore_store_create, size, FZ_SIZE),
	F(docstore_store_create, flags, FZ_FLAGS),
	F(docstore_store_create, mode, FZ_FLAGS, .mask = 0666),
	F(docstore_store_create, partitions, FZ_NUMBER, .max = DOCSTORE_MAX_PARTITIONS,
	  .picks = PICKS(0, 1, 2, 3, 4, 255, 256, 257)),
	F(docstore_store_create, max_bytes, FZ_NUMBER,
	  .picks = PICKS(0, 1, 2 << 20, 3 << 20, 8 << 20, 64 << 20, 1ULL << 40, 1ULL << 63)),
	F(docstore_store_create, name, FZ_INLINE),
};
TYPE(docstore_store_create, store_create_fields);

static const struct fz_field store_open_fields[] = {
	F(docstore_store_open, size, FZ_SIZE),
	F(docstore_store_open, flags, FZ_FLAGS,
	  .mask = DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, .min = 1),
	F(docstore_store_open, name, FZ_INLINE),
};
TYPE(docstore_store_open, store_open_fields);

static const struct fz_field store_remove_fields[] = {
	F(docstore_store_remove, size, FZ_SIZE),
	F(docstore_store_remove, flags, FZ_FLAGS),
	F(docstore_store_remove, name, FZ_INLINE),
};
TYPE(docstore_store_remove, store_remove_fields);

static const struct fz_field store_info_fields[] = {
	F(docstore_store_info, size, FZ_SIZE),
	F(docstore_store_info, flags, FZ_FLAGS),
	F(docstore_store_info, incarnation, FZ_OUT),
	F(docstore_store_info, created, FZ_OUT),
	F(docstore_store_info, uid, FZ_OUT),
	F(docstore_store_info, gid, FZ_OUT),
	F(docstore_store_info, mode, FZ_OUT),
	F(docstore_store_info, partitions, FZ_OUT),
	F(docstore_store_info, max_bytes, FZ_OUT),
	F(docstore_store_info, bytes, FZ_OUT),
	F(docstore_store_info, documents, FZ_OUT),
	F(docstore_store_info, names, FZ_OUT),
	F(docstore_store_info, __reserved, FZ_OUT),
	F(docstore_store_info, commits, FZ_OUT),
	F(docstore_store_info, name, FZ_OUT),
	F(docstore_store_info, map_size, FZ_OUT),
	F(docstore_store_info, lent, FZ_OUT),
	F(docstore_store_info, polled, FZ_OUT),
	F(docstore_store_info, slept, FZ_OUT),
	F(docstore_store_info, bytes_snapshots, FZ_OUT),
};
TYPE_SINCE(docstore_store_info, store_info_fields, 216);

static const struct fz_field store_list_fields[] = {
	F(docstore_store_list, size, FZ_SIZE),
	F(docstore_store_list, flags, FZ_FLAGS),
	F(docstore_store_list, stores, FZ_ROOM),
	F(docstore_store_list, store_size, FZ_ESIZE, .of = 2, .elem = &docstore_store_info_type),
	F(docstore_store_list, count, FZ_COUNT, .of = 2, .back = ~0ULL),
	F(docstore_store_list, cursor, FZ_INOUT),
};
TYPE(docstore_store_list, store_list_fields);

static const struct fz_field name_fields[] = {
	F(docstore_name, name, FZ_IN),
	F(docstore_name, len, FZ_LEN, .of = 0, .min = 1, .max = DOCSTORE_MAX_NAME,
	  .error = ENAMETOOLONG),
	F(docstore_name, id, FZ_OUT),
};
TYPE(docstore_name, name_fields);

static const struct fz_field intern_fields[] = {
	F(docstore_intern, size, FZ_SIZE),
	F(docstore_intern, flags, FZ_FLAGS, .mask = DOCSTORE_INTERN_CREATE),
	F(docstore_intern, names, FZ_ARRAY, .elem = &docstore_name_type),
	F(docstore_intern, name_size, FZ_ESIZE, .of = 2),
	F(docstore_intern, count, FZ_COUNT, .of = 2, .min = 1, .max = DOCSTORE_MAX_OPS,
	  .error = E2BIG),
	F(docstore_intern, done, FZ_OUT),
	F(docstore_intern, __reserved, FZ_RESERVED),
};
TYPE(docstore_intern, intern_fields);

static const struct fz_field names_fields[] = {
	F(docstore_names, size, FZ_SIZE),
	F(docstore_names, flags, FZ_FLAGS),
	F(docstore_names, buffer, FZ_ROOM),
	F(docstore_names, buffer_len, FZ_LEN, .of = 2, .min = 264),
	F(docstore_names, first, FZ_INOUT, .min = 1,
	  .picks = PICKS(1, 2, 6, 7, 8, 65535, 65536, 0xffffffff)),
	F(docstore_names, count, FZ_OUT),
	F(docstore_names, used, FZ_OUT),
};
TYPE(docstore_names, names_fields);

static const struct fz_field op_fields[] = {
	F(docstore_op, code, FZ_NUMBER, .min = 1, .max = DOCSTORE_OP_CHECK,
	  .picks = PICKS(1, 2, 3, 4, 5, 6, 7, 8)),
	F(docstore_op, flags, FZ_FLAGS,
	  .mask = DOCSTORE_IF_EXISTS | DOCSTORE_IF_ABSENT | DOCSTORE_IF_VERSION),
	F(docstore_op, type, FZ_NUMBER, .max = DOCSTORE_TYPE_JSON, .back = 0xff,
	  .picks = PICKS(0, 1, 2, 3, 4, 5, 6, 7, 8)),
	F(docstore_op, id_len, FZ_LEN, .of = 7, .min = 1),
	F(docstore_op, __reserved0, FZ_RESERVED),
	F(docstore_op, property, FZ_NUMBER, .picks = NAME_IDS),
	F(docstore_op, result, FZ_OUT),
	F(docstore_op, id, FZ_IN),
	F(docstore_op, value, FZ_ANY),
	F(docstore_op, value_len, FZ_LEN, .of = 8, .back = 0xffffffff),
	F(docstore_op, __reserved1, FZ_RESERVED),
	F(docstore_op, version, FZ_INOUT, .picks = PICKS(1, 2, 3, 4, 1ULL << 62)),
	{ .name = "__reserved2_0", .offset = offsetof(struct docstore_op, __reserved2),
	  .size = 8, .kind = FZ_RESERVED },
	{ .name = "__reserved2_1", .offset = offsetof(struct docstore_op, __reserved2) + 8,
	  .size = 8, .kind = FZ_RESERVED },
};
TYPE(docstore_op, op_fields);

static const struct fz_field submit_fields[] = {
	F(docstore_submit, size, FZ_SIZE),
	F(docstore_submit, flags, FZ_FLAGS, .mask = DOCSTORE_SUBMIT_ATOMIC),
	F(docstore_submit, ops, FZ_ARRAY, .elem = &docstore_op_type),
	F(docstore_submit, op_size, FZ_ESIZE, .of = 2),
	F(docstore_submit, count, FZ_COUNT, .of = 2, .min = 1, .max = DOCSTORE_MAX_OPS,
	  .error = E2BIG),
	F(docstore_submit, timeout_ms, FZ_NUMBER, .picks = PICKS(1, 10, 1000, 0xffffffff)),
	F(docstore_submit, failed, FZ_OUT),
};
TYPE(docstore_submit, submit_fields);

static const struct fz_field read_fields[] = {
	F(docstore_read, size, FZ_SIZE),
	F(docstore_read, flags, FZ_FLAGS),
	F(docstore_read, id, FZ_IN),
	F(docstore_read, id_len, FZ_LEN, .of = 2, .min = 1, .max = DOCSTORE_MAX_ID,
	  .error = ENAMETOOLONG),
	F(docstore_read, property, FZ_NUMBER, .picks = NAME_IDS),
	F(docstore_read, buffer, FZ_ROOM),
	F(docstore_read, buffer_len, FZ_LEN, .of = 5),
	F(docstore_read, length, FZ_OUT),
	F(docstore_read, version, FZ_OUT),
	F(docstore_read, type, FZ_OUT),
	F(docstore_read, __reserved, FZ_RESERVED),
};
TYPE(docstore_read, read_fields);

static const struct fz_field read_item_fields[] = {
	F(docstore_read_item, id, FZ_IN),
	F(docstore_read_item, id_len, FZ_LEN, .of = 0, .min = 1, .max = DOCSTORE_MAX_ID,
	  .error = ENAMETOOLONG),
	F(docstore_read_item, result, FZ_OUT),
	F(docstore_read_item, offset, FZ_OUT),
	F(docstore_read_item, length, FZ_OUT),
};
TYPE(docstore_read_item, read_item_fields);

static const struct fz_field read_many_fields[] = {
	F(docstore_read_many, size, FZ_SIZE),
	F(docstore_read_many, flags, FZ_FLAGS, .mask = DOCSTORE_READ_TOGETHER),
	F(docstore_read_many, items, FZ_ARRAY, .elem = &docstore_read_item_type),
	F(docstore_read_many, item_size, FZ_ESIZE, .of = 2),
	F(docstore_read_many, count, FZ_COUNT, .of = 2, .min = 1, .max = DOCSTORE_MAX_OPS,
	  .error = E2BIG),
	F(docstore_read_many, buffer, FZ_ROOM),
	F(docstore_read_many, buffer_len, FZ_LEN, .of = 5),
	F(docstore_read_many, done, FZ_OUT),
	F(docstore_read_many, used, FZ_OUT),
	F(docstore_read_many, needed, FZ_OUT),
};
TYPE(docstore_read_many, read_many_fields);

static const struct fz_field scan_fields[] = {
	F(docstore_scan, size, FZ_SIZE),
	F(docstore_scan, flags, FZ_FLAGS, .mask = DOCSTORE_SCAN_IDS | DOCSTORE_SCAN_END,
	  .back = DOCSTORE_SCAN_END),
	F(docstore_scan, prefix, FZ_IN),
	F(docstore_scan, prefix_len, FZ_LEN, .of = 2, .max = DOCSTORE_MAX_ID,
	  .error = ENAMETOOLONG),
	F(docstore_scan, type, FZ_NUMBER, .picks = NAME_IDS),
	F(docstore_scan, buffer, FZ_ROOM),
	F(docstore_scan, buffer_len, FZ_LEN, .of = 5),
	F(docstore_scan, used, FZ_OUT),
	F(docstore_scan, count, FZ_OUT),
	F(docstore_scan, needed, FZ_OUT),
	{ .name = "cursor0", .offset = offsetof(struct docstore_scan, cursor),
	  .size = 8, .kind = FZ_INOUT, .picks = PICKS(0, 1, 2, 1ULL << 32, 1ULL << 63) },
	{ .name = "cursor1", .offset = offsetof(struct docstore_scan, cursor) + 8,
	  .size = 8, .kind = FZ_INOUT, .picks = PICKS(0, 1, 256, 1ULL << 32, 1ULL << 63) },
};
TYPE(docstore_scan, scan_fields);

static const struct fz_field snapshot_fields[] = {
	F(docstore_snapshot, size, FZ_SIZE),
	F(docstore_snapshot, flags, FZ_FLAGS),
	F(docstore_snapshot, lease_ms, FZ_NUMBER,
	  .picks = PICKS(0, 10, 1000000, 0x7fffffff, 0xffffffff)),
	F(docstore_snapshot, __reserved, FZ_RESERVED),
	F(docstore_snapshot, id, FZ_OUT),
};
TYPE(docstore_snapshot, snapshot_fields);

static const struct fz_field snapshot_info_fields[] = {
	F(docstore_snapshot_info, size, FZ_SIZE),
	F(docstore_snapshot_info, flags, FZ_FLAGS),
	F(docstore_snapshot_info, id, FZ_OUT),
	F(docstore_snapshot_info, created, FZ_OUT),
	F(docstore_snapshot_info, age, FZ_OUT),
	F(docstore_snapshot_info, lease_ms, FZ_OUT),
	F(docstore_snapshot_info, state, FZ_OUT),
	F(docstore_snapshot_info, bytes, FZ_OUT),
	F(docstore_snapshot_info, versions, FZ_OUT),
	F(docstore_snapshot_info, uid, FZ_OUT),
	F(docstore_snapshot_info, __reserved, FZ_OUT),
};
TYPE(docstore_snapshot_info, snapshot_info_fields);

static const struct fz_field snapshot_list_fields[] = {
	F(docstore_snapshot_list, size, FZ_SIZE),
	F(docstore_snapshot_list, flags, FZ_FLAGS),
	F(docstore_snapshot_list, snapshots, FZ_ROOM),
	F(docstore_snapshot_list, snapshot_size, FZ_ESIZE, .of = 2,
	  .elem = &docstore_snapshot_info_type),
	F(docstore_snapshot_list, count, FZ_COUNT, .of = 2, .back = ~0ULL),
	F(docstore_snapshot_list, cursor, FZ_INOUT),
};
TYPE(docstore_snapshot_list, snapshot_list_fields);

static const struct fz_field waiting_fields[] = {
	F(docstore_waiting, waited, FZ_OUT),
	F(docstore_waiting, operations, FZ_OUT),
	F(docstore_waiting, partitions, FZ_OUT),
};
TYPE(docstore_waiting, waiting_fields);

static const struct fz_field coordinator_fields[] = {
	F(docstore_coordinator, size, FZ_SIZE),
	F(docstore_coordinator, flags, FZ_FLAGS),
	F(docstore_coordinator, waiting, FZ_ROOM),
	F(docstore_coordinator, waiting_size, FZ_ESIZE, .of = 2, .elem = &docstore_waiting_type),
	F(docstore_coordinator, count, FZ_COUNT, .of = 2, .back = ~0ULL),
	F(docstore_coordinator, queued, FZ_OUT),
	F(docstore_coordinator, max_queued, FZ_OUT),
	F(docstore_coordinator, commits, FZ_OUT),
	F(docstore_coordinator, lent, FZ_OUT),
	F(docstore_coordinator, refused, FZ_OUT),
	F(docstore_coordinator, no_memory, FZ_OUT),
	F(docstore_coordinator, canceled, FZ_OUT),
	F(docstore_coordinator, timed_out, FZ_OUT),
	F(docstore_coordinator, rejected, FZ_OUT),
	F(docstore_coordinator, wait_ns, FZ_OUT),
	F(docstore_coordinator, wait_max_ns, FZ_OUT),
	F(docstore_coordinator, prepare_ns, FZ_OUT),
	F(docstore_coordinator, prepare_max_ns, FZ_OUT),
	F(docstore_coordinator, publish_ns, FZ_OUT),
	F(docstore_coordinator, publish_max_ns, FZ_OUT),
};
TYPE(docstore_coordinator, coordinator_fields);

static const struct fz_field finding_fields[] = {
	F(docstore_finding, validator, FZ_OUT),
	F(docstore_finding, partition, FZ_OUT),
	F(docstore_finding, state, FZ_OUT),
	F(docstore_finding, place, FZ_OUT),
	F(docstore_finding, is, FZ_OUT),
	F(docstore_finding, should, FZ_OUT),
};
TYPE(docstore_finding, finding_fields);

static const struct fz_field check_fields[] = {
	F(docstore_check, size, FZ_SIZE),
	F(docstore_check, flags, FZ_FLAGS, .mask = DOCSTORE_CHECK_REPAIR),
	F(docstore_check, findings, FZ_ROOM),
	F(docstore_check, finding_size, FZ_ESIZE, .of = 2, .elem = &docstore_finding_type),
	F(docstore_check, count, FZ_COUNT, .of = 2, .back = ~0ULL),
	F(docstore_check, documents, FZ_OUT),
	F(docstore_check, blocks, FZ_OUT),
	F(docstore_check, found, FZ_OUT),
	F(docstore_check, repaired, FZ_OUT),
};
TYPE(docstore_check, check_fields);

/* Legal ones for the most part; the kernel gives all of them back. */
#define SETTING(_number, _first, ...)						\
	{									\
		.name = "value" #_number,					\
		.offset = offsetof(struct docstore_config, value) + 8 * (_number), \
		.size = 8, .kind = FZ_NUMBER, .back = ~0ULL,			\
		.picks = PICKS(_first, ##__VA_ARGS__),				\
	}

static const struct fz_field config_fields[] = {
	F(docstore_config, size, FZ_SIZE),
	F(docstore_config, flags, FZ_FLAGS),
	F(docstore_config, set, FZ_NUMBER, .back = ~0ULL,
	  .picks = PICKS(0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800,
			 0x1000, 0x2000, 0x4000, 0x8000, 0x10000, 0x481, 0x1fff, 0x1ffff,
			 0x20000)),
	F(docstore_config, reset, FZ_INOUT,
	  .picks = PICKS(1, 2, 0x10, 0x400, 0x800, 0x1fff, 0x1ffff, 0x20000)),
	F(docstore_config, known, FZ_OUT),
	F(docstore_config, __reserved, FZ_RESERVED),
	SETTING(0, 0, 1, 128, 0xffffffff),
	SETTING(1, 0, 10, 100, 1000001),
	SETTING(2, 0, 1, 1024),
	SETTING(3, 0, 1, 256),
	SETTING(4, 1, 2, 65536, 0xffffffff, 0x100000000),
	SETTING(5, 4096, 4095, 65536, 0x7fffffffffffffff),
	SETTING(6, 0, 1, 256),
	SETTING(7, 0, 1, 16, 65535, 65536),
	SETTING(8, 0, 10000, 100000),
	SETTING(9, 0, 1, 60),
	SETTING(10, 0, 1, 2, 1024),
	SETTING(11, 65536, 65535, 100000, 1 << 20),
	SETTING(12, 0, 1, 1000, 0xffffffff),
	SETTING(13, 0, 1, 1024),
	SETTING(14, 1, 65536, 0x7fffffff, 0x80000000),
	SETTING(15, 1, 25, 100, 101),
	SETTING(16, 0, 10, 1000001),
};
TYPE(docstore_config, config_fields);
_Static_assert(ARRAY_SIZE(config_fields) == 6 + DOCSTORE_SETTINGS, "a setting is missing");

static const struct fz_field latency_fields[] = {
	F(docstore_latency, count, FZ_OUT),
	F(docstore_latency, sum_ns, FZ_OUT),
	F(docstore_latency, max_ns, FZ_OUT),
	F(docstore_latency, bucket, FZ_OUT),
};
TYPE(docstore_latency, latency_fields);

static const struct fz_field stats_fields[] = {
	F(docstore_stats, size, FZ_SIZE),
	F(docstore_stats, flags, FZ_FLAGS),
	F(docstore_stats, time, FZ_OUT),
	F(docstore_stats, counters, FZ_ROOM),
	F(docstore_stats, counters_size, FZ_LEN, .of = 3,
	  .min = sizeof(struct docstore_counters), .max = FZ_MAX_ELEMENT, .error = E2BIG),
	F(docstore_stats, latency_size, FZ_ESIZE, .of = 6, .elem = &docstore_latency_type),
	F(docstore_stats, latency, FZ_ROOM),
	F(docstore_stats, latency_count, FZ_COUNT, .of = 6, .back = ~0ULL),
	F(docstore_stats, __reserved, FZ_RESERVED),
};
TYPE(docstore_stats, stats_fields);

static const struct fz_field worker_stats_fields[] = {
	F(docstore_worker_stats, cpu, FZ_OUT),
	F(docstore_worker_stats, __reserved, FZ_OUT),
	F(docstore_worker_stats, turns, FZ_OUT),
	F(docstore_worker_stats, commits, FZ_OUT),
	F(docstore_worker_stats, parts, FZ_OUT),
	F(docstore_worker_stats, sleeps, FZ_OUT),
	F(docstore_worker_stats, busy_ns, FZ_OUT),
	F(docstore_worker_stats, commit_max_ns, FZ_OUT),
	F(docstore_worker_stats, ready, FZ_OUT),
};
TYPE(docstore_worker_stats, worker_stats_fields);

static const struct fz_field contention_fields[] = {
	F(docstore_contention, name, FZ_OUT),
	F(docstore_contention, acquired, FZ_OUT),
	F(docstore_contention, contended, FZ_OUT),
	F(docstore_contention, wait_ns, FZ_OUT),
	F(docstore_contention, wait_max_ns, FZ_OUT),
};
TYPE(docstore_contention, contention_fields);

static const struct fz_field module_stats_fields[] = {
	F(docstore_module_stats, size, FZ_SIZE),
	F(docstore_module_stats, flags, FZ_FLAGS),
	F(docstore_module_stats, time, FZ_OUT),
	F(docstore_module_stats, counters, FZ_ROOM),
	F(docstore_module_stats, counters_size, FZ_LEN, .of = 3,
	  .min = sizeof(struct docstore_module_counters), .max = FZ_MAX_ELEMENT, .error = E2BIG),
	F(docstore_module_stats, worker_size, FZ_ESIZE, .of = 6,
	  .elem = &docstore_worker_stats_type),
	F(docstore_module_stats, workers, FZ_ROOM),
	F(docstore_module_stats, worker_count, FZ_COUNT, .of = 6, .back = ~0ULL),
	F(docstore_module_stats, contention_size, FZ_ESIZE, .of = 9,
	  .elem = &docstore_contention_type),
	F(docstore_module_stats, contention, FZ_ROOM),
	F(docstore_module_stats, contention_count, FZ_COUNT, .of = 9, .back = ~0ULL),
	F(docstore_module_stats, __reserved, FZ_RESERVED),
};
TYPE(docstore_module_stats, module_stats_fields);

static const struct fz_field session_info_fields[] = {
	F(docstore_session_info, id, FZ_OUT),
	F(docstore_session_info, opened, FZ_OUT),
	F(docstore_session_info, incarnation, FZ_OUT),
	F(docstore_session_info, snapshot, FZ_OUT),
	F(docstore_session_info, uid, FZ_OUT),
	F(docstore_session_info, gid, FZ_OUT),
	F(docstore_session_info, pid, FZ_OUT),
	F(docstore_session_info, rights, FZ_OUT),
	F(docstore_session_info, comm, FZ_OUT),
	F(docstore_session_info, calls, FZ_OUT),
	F(docstore_session_info, errors, FZ_OUT),
	F(docstore_session_info, operations, FZ_OUT),
	F(docstore_session_info, requests, FZ_OUT),
	F(docstore_session_info, snapshots, FZ_OUT),
	F(docstore_session_info, request_bytes, FZ_OUT),
	F(docstore_session_info, store, FZ_OUT),
	F(docstore_session_info, bytes_in, FZ_OUT),
	F(docstore_session_info, bytes_out, FZ_OUT),
};
TYPE_SINCE(docstore_session_info, session_info_fields, 168);

static const struct fz_field session_list_fields[] = {
	F(docstore_session_list, size, FZ_SIZE),
	F(docstore_session_list, flags, FZ_FLAGS),
	F(docstore_session_list, sessions, FZ_ROOM),
	F(docstore_session_list, session_size, FZ_ESIZE, .of = 2,
	  .elem = &docstore_session_info_type),
	F(docstore_session_list, count, FZ_COUNT, .of = 2, .back = ~0ULL),
	F(docstore_session_list, cursor, FZ_INOUT),
};
TYPE(docstore_session_list, session_list_fields);

/* Of a store with two partitions. */
static const struct fz_field token_fields[] = {
	F(docstore_token, size, FZ_SIZE),
	F(docstore_token, partitions, FZ_NUMBER, .picks = PICKS(2)),
	F(docstore_token, incarnation, FZ_TOLD, .of = 0, .picks = PICKS(0, 1)),
	F(docstore_token, created, FZ_TOLD, .of = 1, .picks = PICKS(0, 1)),
	{ .name = "next0", .offset = sizeof(struct docstore_token), .size = 8, .kind = FZ_TOLD,
	  .of = 2, .picks = PICKS(0, 1, 2, 1ULL << 63) },
	{ .name = "next1", .offset = sizeof(struct docstore_token) + 8, .size = 8,
	  .kind = FZ_TOLD, .of = 3, .picks = PICKS(0, 1, 2, 1ULL << 63) },
};
static const struct fz_type docstore_token_type = {
	.name = "docstore_token", .size = sizeof(struct docstore_token) + 2 * sizeof(__u64),
	.nfields = ARRAY_SIZE(token_fields), .fields = token_fields,
};

static const struct fz_field stream_fields[] = {
	F(docstore_stream, size, FZ_SIZE),
	F(docstore_stream, flags, FZ_FLAGS, .mask = 0x3f, .min = 1,
	  .picks = PICKS(DOCSTORE_STREAM_FOLLOW, DOCSTORE_STREAM_FOLLOW | DOCSTORE_STREAM_VALUES,
			 DOCSTORE_STREAM_SNAPSHOT | DOCSTORE_STREAM_FOLLOW |
			 DOCSTORE_STREAM_VALUES | DOCSTORE_STREAM_NONBLOCK,
			 DOCSTORE_STREAM_FOLLOW | DOCSTORE_STREAM_BOOKMARKS,
			 DOCSTORE_STREAM_FOLLOW | DOCSTORE_STREAM_RESYNC)),
	F(docstore_stream, prefix, FZ_IN, .rare = true),
	F(docstore_stream, prefix_len, FZ_LEN, .of = 2, .max = DOCSTORE_MAX_ID,
	  .error = ENAMETOOLONG),
	F(docstore_stream, type, FZ_NUMBER, .picks = NAME_IDS, .rare = true),
	F(docstore_stream, property, FZ_NUMBER, .picks = NAME_IDS, .rare = true),
	F(docstore_stream, token_size, FZ_LEN, .of = 7),
	F(docstore_stream, token, FZ_ARRAY, .elem = &docstore_token_type, .max = 1,
	  .rare = true),
	F(docstore_stream, bookmark_ms, FZ_NUMBER, .picks = PICKS(1, 1000, 0xffffffff),
	  .rare = true),
	F(docstore_stream, __reserved, FZ_RESERVED),
};
TYPE(docstore_stream, stream_fields);

static const struct fz_field stream_info_fields[] = {
	F(docstore_stream_info, size, FZ_SIZE),
	F(docstore_stream_info, flags, FZ_FLAGS),
	F(docstore_stream_info, state, FZ_OUT),
	F(docstore_stream_info, stream_flags, FZ_OUT),
	F(docstore_stream_info, error, FZ_OUT),
	F(docstore_stream_info, memory, FZ_OUT),
	F(docstore_stream_info, records, FZ_OUT),
	F(docstore_stream_info, bytes, FZ_OUT),
	F(docstore_stream_info, passed, FZ_OUT),
	F(docstore_stream_info, lost, FZ_OUT),
	F(docstore_stream_info, behind, FZ_OUT),
	F(docstore_stream_info, backlog, FZ_OUT),
	F(docstore_stream_info, needed, FZ_OUT),
	F(docstore_stream_info, pauses, FZ_OUT),
	F(docstore_stream_info, paused_ns, FZ_OUT),
	F(docstore_stream_info, timeout_ms, FZ_OUT),
	F(docstore_stream_info, __reserved, FZ_OUT),
};
TYPE(docstore_stream_info, stream_info_fields);

static const struct fz_field stream_pause_fields[] = {
	F(docstore_stream_pause, size, FZ_SIZE),
	F(docstore_stream_pause, flags, FZ_FLAGS, .mask = DOCSTORE_PAUSE_THEN_ERROR),
	F(docstore_stream_pause, timeout_ms, FZ_NUMBER,
	  .picks = PICKS(0, 1, 10, 1000000, 0xffffffff)),
	F(docstore_stream_pause, __reserved, FZ_RESERVED),
};
TYPE(docstore_stream_pause, stream_pause_fields);

static const struct fz_field stream_resume_fields[] = {
	F(docstore_stream_resume, size, FZ_SIZE),
	F(docstore_stream_resume, flags, FZ_FLAGS),
};
TYPE(docstore_stream_resume, stream_resume_fields);

/* What is no ioctl has numbers that are not in memory. */
#define A(_name, ...)	{ .name = _name, .size = 8, .kind = FZ_NUMBER, ##__VA_ARGS__ }

static const struct fz_field hash_fields[] = {
	{ .name = "hash", .size = sizeof(__u64), .kind = FZ_NUMBER,
	  .picks = PICKS(0, 1, 1ULL << 32, 1ULL << 63, ~0ULL) },
};
static const struct fz_type hash_type = {
	.name = "hash", .size = sizeof(__u64), .nfields = ARRAY_SIZE(hash_fields),
	.fields = hash_fields,
};

static const struct fz_field hint_fields[] = {
	F(docstore_hint, size, FZ_SIZE),
	F(docstore_hint, flags, FZ_FLAGS, .mask = DOCSTORE_HINT_SCAN),
	F(docstore_hint, hashes, FZ_ARRAY, .elem = &hash_type),
	F(docstore_hint, count, FZ_COUNT, .of = 2, .min = 1, .max = DOCSTORE_MAX_HINTS),
	F(docstore_hint, weight, FZ_NUMBER, .min = 1, .max = 65535,
	  .picks = PICKS(1, 64, 1024, 65535, 65536)),
};
TYPE(docstore_hint, hint_fields);

#define NUMBERS(_name, ...)							\
	static const struct fz_field _name##_fields[] = { __VA_ARGS__ };	\
	static const struct fz_type _name##_type = {				\
		.name = #_name,							\
		.nfields = ARRAY_SIZE(_name##_fields),				\
		.fields = _name##_fields,					\
	}

NUMBERS(open, A("slot", .picks = PICKS(5, 6, 7)), A("write", .picks = PICKS(0, 1, 2)));
NUMBERS(dup, A("slot", .picks = PICKS(5, 6, 7)));
NUMBERS(close, A("unused"));
NUMBERS(file, A("what", .picks = PICKS(0, 1, 2, 3, 4, 5, 6, 7, 8)), A("number"));
NUMBERS(fork, A("calls", .picks = PICKS(1, 2, 3)), A("uid", .picks = PICKS(0, 1000)),
	A("files", .picks = PICKS(0, 1)));
NUMBERS(kill, A("calls", .picks = PICKS(1, 2)), A("us", .picks = PICKS(1, 100, 500, 2000)));
NUMBERS(threads, A("calls", .picks = PICKS(1, 2, 3)), A("threads", .picks = PICKS(2, 3)),
	A("times", .picks = PICKS(1, 5, 20)));
NUMBERS(signals, A("calls", .picks = PICKS(1, 2)), A("us", .picks = PICKS(50, 200, 1000)),
	A("times", .picks = PICKS(1, 5, 20)));
NUMBERS(uring, A("calls", .picks = PICKS(1, 2, 3)), A("how", .picks = PICKS(0, 1, 2, 3, 4)));
NUMBERS(flip, A("calls", .picks = PICKS(1)), A("offset", .picks = PICKS(0, 3, 8, 16, 40)),
	A("element", .picks = PICKS(0, 1)),
	A("bits", .picks = PICKS(1, 0x80, 0xff, 0xffff, 0xfffff, 0x80000000)),
	A("times", .picks = PICKS(20, 50, 200)));
NUMBERS(zap, A("calls", .picks = PICKS(1)), A("times", .picks = PICKS(5, 20)));

static const struct fz_field raw_fields[] = {
	{ .name = "command", .size = 8, .kind = FZ_NUMBER,
	  .picks = PICKS(0, 0xdc00, 0xdc06, 0xdc0f, 0xdc1a, 0xdc21, 0xdcff, 0x5401, 0x40dc00) },
	{ .name = "data", .size = 8, .kind = FZ_IN },
};
static const struct fz_type raw_type = {
	.name = "raw", .nfields = ARRAY_SIZE(raw_fields), .fields = raw_fields,
};

/* Nor has reading a stream, but for where it goes. */
static const struct fz_field stream_read_fields[] = {
	{ .name = "buffer", .size = 8, .kind = FZ_ROOM },
};
static const struct fz_type stream_read_type = {
	.name = "stream_read", .nfields = ARRAY_SIZE(stream_read_fields),
	.fields = stream_read_fields,
};

#define ERRORS(...)	((const int []){ E2BIG, EFAULT, EINVAL, ##__VA_ARGS__, 0 })

#define IOCTL(_name, _command, _arg, _model, _flags, _weight, ...)	\
	{								\
		.name = _name,						\
		.command = (_command),					\
		.type = &_arg##_type,					\
		.flags = (_flags),					\
		.weight = (_weight),					\
		.errors = ERRORS(__VA_ARGS__),				\
		.before = fz_before_##_model,				\
		.after = fz_after_##_model,				\
	}

#define OTHER(_name, _arg, _run, _flags, _weight)			\
	{								\
		.name = _name,						\
		.type = &_arg##_type,					\
		.run = fz_run_##_run,					\
		.flags = (_flags),					\
		.weight = (_weight),					\
	}

const struct fz_op fz_ops[] = {
	IOCTL("info", DOCSTORE_INFO, docstore_info, info,
	      FZ_ON_CONTROL | FZ_ON_STORE | FZ_ON_SNAPSHOT | FZ_BACK | FZ_EXACT, 2),
	IOCTL("create", DOCSTORE_STORE_CREATE, docstore_store_create, create,
	      FZ_ON_CONTROL | FZ_TO_WRITE | FZ_EXACT, 4, EBADF, EEXIST, ENOMEM, ENOSPC),
	IOCTL("open", DOCSTORE_STORE_OPEN, docstore_store_open, open,
	      FZ_ON_CONTROL | FZ_GIVES_FD | FZ_EXACT, 6, EACCES, EMFILE, ENOENT, ENOMEM),
	IOCTL("remove", DOCSTORE_STORE_REMOVE, docstore_store_remove, remove,
	      FZ_ON_CONTROL | FZ_TO_WRITE | FZ_EXACT, 3, EBADF, ENOENT, EPERM),
	IOCTL("list", DOCSTORE_STORE_LIST, docstore_store_list, list,
	      FZ_ON_CONTROL | FZ_BACK | FZ_EXACT, 3),
	IOCTL("store-info", DOCSTORE_STORE_INFO, docstore_store_info, store_info,
	      FZ_ON_STORE | FZ_ON_SNAPSHOT | FZ_BACK | FZ_EXACT, 2),
	IOCTL("intern", DOCSTORE_INTERN, docstore_intern, intern,
	      FZ_ON_STORE | FZ_ON_SNAPSHOT | FZ_BACK_ALWAYS | FZ_EXACT, 6, EBADF, ENAMETOOLONG,
	      ENOMEM, ENOSPC),
	IOCTL("names", DOCSTORE_NAMES, docstore_names, names,
	      FZ_ON_STORE | FZ_ON_SNAPSHOT | FZ_BACK | FZ_EXACT, 4, ENOMEM),
	IOCTL("submit", DOCSTORE_SUBMIT, docstore_submit, submit,
	      FZ_ON_STORE | FZ_BACK | FZ_EXACT, 40, EBADF, EBUSY, EINTR, ENOMEM, ETIMEDOUT),
	IOCTL("read", DOCSTORE_READ, docstore_read, read,
	      FZ_ON_STORE | FZ_ON_SNAPSHOT | FZ_TO_READ | FZ_BACK | FZ_EXACT, 14, EBADF,
	      ENAMETOOLONG, ENODATA, ENOENT, ENOMEM, ESTALE),
	IOCTL("read-many", DOCSTORE_READ_MANY, docstore_read_many, read_many,
	      FZ_ON_STORE | FZ_ON_SNAPSHOT | FZ_TO_READ | FZ_BACK | FZ_EXACT, 10, EBADF, EBUSY,
	      EINTR, ENOMEM, ESTALE),
	IOCTL("scan", DOCSTORE_SCAN, docstore_scan, scan,
	      FZ_ON_STORE | FZ_ON_SNAPSHOT | FZ_TO_READ | FZ_BACK | FZ_EXACT, 12, EBADF, EINTR,
	      ENAMETOOLONG, ENOMEM, ESTALE),
	IOCTL("snapshot", DOCSTORE_SNAPSHOT, docstore_snapshot, snapshot,
	      FZ_ON_STORE | FZ_TO_READ | FZ_BACK | FZ_GIVES_FD | FZ_EXACT, 8, EBADF, EBUSY,
	      EINTR, EMFILE, ENOMEM, ENOSPC),
	IOCTL("snapshot-info", DOCSTORE_SNAPSHOT_INFO, docstore_snapshot_info, snapshot_info,
	      FZ_ON_SNAPSHOT | FZ_BACK | FZ_EXACT, 3),
	IOCTL("snapshot-list", DOCSTORE_SNAPSHOT_LIST, docstore_snapshot_list, snapshot_list,
	      FZ_ON_STORE | FZ_TO_READ | FZ_BACK | FZ_EXACT, 2, EBADF),
	IOCTL("coordinator", DOCSTORE_COORDINATOR, docstore_coordinator, coordinator,
	      FZ_ON_STORE | FZ_TO_READ | FZ_BACK | FZ_EXACT, 3, EBADF, ENOMEM),
	IOCTL("check", DOCSTORE_CHECK, docstore_check, check,
	      FZ_ON_STORE | FZ_TO_READ | FZ_BACK | FZ_EXACT, 1, EBADF, EINTR, ENOMEM),
	IOCTL("hint", DOCSTORE_HINT, docstore_hint, hint, FZ_ON_STORE | FZ_TO_READ | FZ_EXACT, 3,
	      EBADF),
	IOCTL("config", DOCSTORE_CONFIG, docstore_config, config,
	      FZ_ON_CONTROL | FZ_ON_STORE | FZ_BACK | FZ_EXACT, 3, EBADF, ENOMEM, EPERM),
	IOCTL("stats", DOCSTORE_STATS, docstore_stats, stats, FZ_ON_STORE | FZ_BACK | FZ_EXACT, 2,
	      ENOMEM),
	IOCTL("module-stats", DOCSTORE_MODULE_STATS, docstore_module_stats, module_stats,
	      FZ_ON_CONTROL | FZ_BACK | FZ_EXACT, 2, ENOMEM),
	IOCTL("session-list", DOCSTORE_SESSION_LIST, docstore_session_list, session_list,
	      FZ_ON_CONTROL | FZ_BACK | FZ_EXACT, 2, ENOMEM),
	IOCTL("stream", DOCSTORE_STREAM, docstore_stream, stream,
	      FZ_ON_STORE | FZ_TO_READ | FZ_GIVES_FD | FZ_EXACT, 10, EAGAIN, EBADF, EBUSY, EINTR,
	      EMFILE, ENAMETOOLONG, ENOMEM, ENOSPC),
	IOCTL("stream-info", DOCSTORE_STREAM_INFO, docstore_stream_info, stream_info,
	      FZ_ON_STREAM | FZ_BACK | FZ_EXACT, 3, EINTR),
	IOCTL("stream-pause", DOCSTORE_STREAM_PAUSE, docstore_stream_pause, stream_pause,
	      FZ_ON_STREAM | FZ_EXACT, 2, EINTR, ENOMEM, EPIPE),
	IOCTL("stream-resume", DOCSTORE_STREAM_RESUME, docstore_stream_resume, stream_resume,
	      FZ_ON_STREAM | FZ_EXACT, 2, EPIPE),
	OTHER("stream-read", stream_read, stream_read, FZ_ON_STREAM, 10),
	OTHER("open-device", open, open, 0, 1),
	OTHER("dup", dup, dup, 0, 2),
	OTHER("close", close, close, 0, 3),
	OTHER("raw", raw, raw, 0, 4),
	OTHER("file", file, file, 0, 3),
	OTHER("fork", fork, fork, FZ_GROUP, 1),
	OTHER("kill", kill, kill, FZ_GROUP, 1),
	OTHER("threads", threads, threads, FZ_GROUP, 1),
	OTHER("signals", signals, signals, FZ_GROUP, 1),
	OTHER("flip", flip, flip, FZ_GROUP, 2),
	OTHER("zap", zap, zap, FZ_GROUP, 1),
	OTHER("uring", uring, uring, FZ_GROUP, 3),
};
const unsigned int fz_nops = ARRAY_SIZE(fz_ops);

const char *const fz_place_names[FZ_PLACES] = {
	[FZ_PLAIN] = "plain",
	[FZ_EDGE] = "edge",
	[FZ_CUT] = "cut",
	[FZ_ODD] = "odd",
	[FZ_FRESH] = "fresh",
	[FZ_READONLY] = "readonly",
	[FZ_NULL] = "null",
	[FZ_NOWHERE] = "nowhere",
	[FZ_KERNEL] = "kernel",
	[FZ_TOP] = "top",
	[FZ_ARG] = "arg",
};

/*
 * Descriptors: the control node, opened for both, and the program's store,
 * opened for both, to read, to write; a control node that may only read; some
 * that programs open; one that is no docstore, and one that is closed.
 */
const char *const fz_slot_names[FZ_SLOTS] = {
	"control", "store", "reader", "writer", "looker", "f5", "f6", "f7", "f8", "f9",
	"pipe", "closed",
};

int fz_op_by_name(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < fz_nops; i++)
		if (strlen(fz_ops[i].name) == len && !memcmp(fz_ops[i].name, name, len))
			return i;
	return -1;
}

int fz_slot_by_name(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < FZ_SLOTS; i++)
		if (strlen(fz_slot_names[i]) == len && !memcmp(fz_slot_names[i], name, len))
			return i;
	return -1;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Layout of the structs of docstore.h, docstore_monitor.h and docstore_map.h, which is
 * the same for 32-bit and 64-bit programs: to be compiled as both, and nothing else.
 */
#ifndef DOCSTORE_ABI_LAYOUT_H
#define DOCSTORE_ABI_LAYOUT_H

#include <stddef.h>
#include <linux/docstore.h>
#include <linux/docstore_map.h>
#include <linux/docstore_monitor.h>
#include <linux/docstore_stream.h>

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

SIZE(docstore_store_info, 256);
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
FIELD(docstore_store_info, bytes_snapshots, 248);

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

SIZE(docstore_uring_cmd, 16);
FIELD(docstore_uring_cmd, arg, 0);
FIELD(docstore_uring_cmd, __reserved, 8);

SIZE(docstore_snapshot, 24);
FIELD(docstore_snapshot, lease_ms, 8);
FIELD(docstore_snapshot, __reserved, 12);
FIELD(docstore_snapshot, id, 16);

SIZE(docstore_snapshot_info, 64);
FIELD(docstore_snapshot_info, id, 8);
FIELD(docstore_snapshot_info, created, 16);
FIELD(docstore_snapshot_info, age, 24);
FIELD(docstore_snapshot_info, lease_ms, 32);
FIELD(docstore_snapshot_info, state, 36);
FIELD(docstore_snapshot_info, bytes, 40);
FIELD(docstore_snapshot_info, versions, 48);
FIELD(docstore_snapshot_info, uid, 56);
FIELD(docstore_snapshot_info, __reserved, 60);

SIZE(docstore_snapshot_list, 32);
FIELD(docstore_snapshot_list, snapshots, 8);
FIELD(docstore_snapshot_list, snapshot_size, 16);
FIELD(docstore_snapshot_list, count, 20);
FIELD(docstore_snapshot_list, cursor, 24);

SIZE(docstore_waiting, 16);
FIELD(docstore_waiting, waited, 0);
FIELD(docstore_waiting, operations, 8);
FIELD(docstore_waiting, partitions, 12);

SIZE(docstore_coordinator, 136);
FIELD(docstore_coordinator, waiting, 8);
FIELD(docstore_coordinator, waiting_size, 16);
FIELD(docstore_coordinator, count, 20);
FIELD(docstore_coordinator, queued, 24);
FIELD(docstore_coordinator, max_queued, 28);
FIELD(docstore_coordinator, commits, 32);
FIELD(docstore_coordinator, lent, 40);
FIELD(docstore_coordinator, refused, 48);
FIELD(docstore_coordinator, no_memory, 56);
FIELD(docstore_coordinator, canceled, 64);
FIELD(docstore_coordinator, timed_out, 72);
FIELD(docstore_coordinator, rejected, 80);
FIELD(docstore_coordinator, wait_ns, 88);
FIELD(docstore_coordinator, wait_max_ns, 96);
FIELD(docstore_coordinator, prepare_ns, 104);
FIELD(docstore_coordinator, prepare_max_ns, 112);
FIELD(docstore_coordinator, publish_ns, 120);
FIELD(docstore_coordinator, publish_max_ns, 128);

SIZE(docstore_bucket, 64);
SIZE(docstore_map_store, 192);
FIELD(docstore_map_store, magic, 0);
FIELD(docstore_map_store, layout, 8);
FIELD(docstore_map_store, partitions, 12);
FIELD(docstore_map_store, key, 16);
FIELD(docstore_map_store, incarnation, 32);
FIELD(docstore_map_store, size, 40);
FIELD(docstore_map_store, partitions_offset, 48);
FIELD(docstore_map_store, partition_stride, 56);
FIELD(docstore_map_store, names_offset, 64);
FIELD(docstore_map_store, names_size, 72);
FIELD(docstore_map_store, arenas_offset, 80);
FIELD(docstore_map_store, arena_stride, 88);
FIELD(docstore_map_store, __reserved0, 96);
FIELD(docstore_map_store, names_used, 128);
FIELD(docstore_map_store, state, 136);
FIELD(docstore_map_store, epoch, 140);
FIELD(docstore_map_store, __reserved, 144);

SIZE(docstore_map_partition, 64 + 4 * DOCSTORE_MAP_DIRS);
FIELD(docstore_map_partition, visible_seq, 0);
FIELD(docstore_map_partition, era, 8);
FIELD(docstore_map_partition, buckets, 16);
FIELD(docstore_map_partition, moves, 20);
FIELD(docstore_map_partition, limit, 24);
FIELD(docstore_map_partition, __reserved, 28);
FIELD(docstore_map_partition, dir, 64);

SIZE(docstore_map_snapshot, 64 + 8 * DOCSTORE_MAX_PARTITIONS);
FIELD(docstore_map_snapshot, magic, 0);
FIELD(docstore_map_snapshot, layout, 8);
FIELD(docstore_map_snapshot, partitions, 12);
FIELD(docstore_map_snapshot, incarnation, 16);
FIELD(docstore_map_snapshot, id, 24);
FIELD(docstore_map_snapshot, created, 32);
FIELD(docstore_map_snapshot, state, 40);
FIELD(docstore_map_snapshot, __reserved, 44);
FIELD(docstore_map_snapshot, seq, 64);

SIZE(docstore_config, 176);
FIELD(docstore_config, size, 0);
FIELD(docstore_config, flags, 4);
FIELD(docstore_config, set, 8);
FIELD(docstore_config, reset, 16);
FIELD(docstore_config, known, 24);
FIELD(docstore_config, __reserved, 32);
FIELD(docstore_config, value, 40);

SIZE(docstore_latency, 920);
FIELD(docstore_latency, count, 0);
FIELD(docstore_latency, sum_ns, 8);
FIELD(docstore_latency, max_ns, 16);
FIELD(docstore_latency, bucket, 24);

SIZE(docstore_counters, 304);
FIELD(docstore_counters, operations, 0);
FIELD(docstore_counters, batches, 8);
FIELD(docstore_counters, batches_failed, 16);
FIELD(docstore_counters, bytes_in, 24);
FIELD(docstore_counters, bytes_out, 32);
FIELD(docstore_counters, reads, 40);
FIELD(docstore_counters, scanned, 48);
FIELD(docstore_counters, hints, 56);
FIELD(docstore_counters, lent, 64);
FIELD(docstore_counters, polled, 72);
FIELD(docstore_counters, slept, 80);
FIELD(docstore_counters, errors, 88);
FIELD(docstore_counters, interrupted, 96);
FIELD(docstore_counters, timed_out, 104);
FIELD(docstore_counters, canceled, 112);
FIELD(docstore_counters, busy, 120);
FIELD(docstore_counters, no_memory, 128);
FIELD(docstore_counters, commits, 136);
FIELD(docstore_counters, changes, 144);
FIELD(docstore_counters, retired, 152);
FIELD(docstore_counters, reused, 160);
FIELD(docstore_counters, hot, 168);
FIELD(docstore_counters, checked, 176);
FIELD(docstore_counters, findings, 184);
FIELD(docstore_counters, repaired, 192);
FIELD(docstore_counters, stuck, 200);
FIELD(docstore_counters, stream_records, 208);
FIELD(docstore_counters, stream_lost, 216);
FIELD(docstore_counters, documents, 224);
FIELD(docstore_counters, bytes, 232);
FIELD(docstore_counters, bytes_used, 240);
FIELD(docstore_counters, bytes_retired, 248);
FIELD(docstore_counters, sessions, 256);
FIELD(docstore_counters, snapshots, 264);
FIELD(docstore_counters, streams, 272);
FIELD(docstore_counters, requests, 280);
FIELD(docstore_counters, request_bytes, 288);
FIELD(docstore_counters, queued, 296);

SIZE(docstore_stats, 48);
FIELD(docstore_stats, size, 0);
FIELD(docstore_stats, flags, 4);
FIELD(docstore_stats, time, 8);
FIELD(docstore_stats, counters, 16);
FIELD(docstore_stats, counters_size, 24);
FIELD(docstore_stats, latency_size, 28);
FIELD(docstore_stats, latency, 32);
FIELD(docstore_stats, latency_count, 40);
FIELD(docstore_stats, __reserved, 44);

SIZE(docstore_module_counters, 96);
FIELD(docstore_module_counters, pool_hits, 0);
FIELD(docstore_module_counters, pool_misses, 8);
FIELD(docstore_module_counters, pool_reserve, 16);
FIELD(docstore_module_counters, pool_large, 24);
FIELD(docstore_module_counters, illegal, 32);
FIELD(docstore_module_counters, stuck, 40);
FIELD(docstore_module_counters, session_waits, 48);
FIELD(docstore_module_counters, session_refused, 56);
FIELD(docstore_module_counters, configured, 64);
FIELD(docstore_module_counters, stores, 72);
FIELD(docstore_module_counters, sessions, 80);
FIELD(docstore_module_counters, requests, 88);

SIZE(docstore_worker_stats, 64);
FIELD(docstore_worker_stats, cpu, 0);
FIELD(docstore_worker_stats, __reserved, 4);
FIELD(docstore_worker_stats, turns, 8);
FIELD(docstore_worker_stats, commits, 16);
FIELD(docstore_worker_stats, parts, 24);
FIELD(docstore_worker_stats, sleeps, 32);
FIELD(docstore_worker_stats, busy_ns, 40);
FIELD(docstore_worker_stats, commit_max_ns, 48);
FIELD(docstore_worker_stats, ready, 56);

SIZE(docstore_contention, 56);
FIELD(docstore_contention, name, 0);
FIELD(docstore_contention, acquired, 24);
FIELD(docstore_contention, contended, 32);
FIELD(docstore_contention, wait_ns, 40);
FIELD(docstore_contention, wait_max_ns, 48);

SIZE(docstore_module_stats, 64);
FIELD(docstore_module_stats, size, 0);
FIELD(docstore_module_stats, flags, 4);
FIELD(docstore_module_stats, time, 8);
FIELD(docstore_module_stats, counters, 16);
FIELD(docstore_module_stats, counters_size, 24);
FIELD(docstore_module_stats, worker_size, 28);
FIELD(docstore_module_stats, workers, 32);
FIELD(docstore_module_stats, worker_count, 40);
FIELD(docstore_module_stats, contention_size, 44);
FIELD(docstore_module_stats, contention, 48);
FIELD(docstore_module_stats, contention_count, 56);
FIELD(docstore_module_stats, __reserved, 60);

SIZE(docstore_session_info, 192);
FIELD(docstore_session_info, id, 0);
FIELD(docstore_session_info, opened, 8);
FIELD(docstore_session_info, incarnation, 16);
FIELD(docstore_session_info, snapshot, 24);
FIELD(docstore_session_info, uid, 32);
FIELD(docstore_session_info, gid, 36);
FIELD(docstore_session_info, pid, 40);
FIELD(docstore_session_info, rights, 44);
FIELD(docstore_session_info, comm, 48);
FIELD(docstore_session_info, calls, 64);
FIELD(docstore_session_info, errors, 72);
FIELD(docstore_session_info, operations, 80);
FIELD(docstore_session_info, requests, 88);
FIELD(docstore_session_info, snapshots, 92);
FIELD(docstore_session_info, request_bytes, 96);
FIELD(docstore_session_info, store, 104);
FIELD(docstore_session_info, bytes_in, 168);
FIELD(docstore_session_info, bytes_out, 176);
FIELD(docstore_session_info, streams, 184);
FIELD(docstore_session_info, stream, 188);

SIZE(docstore_session_list, 32);
FIELD(docstore_session_list, size, 0);
FIELD(docstore_session_list, flags, 4);
FIELD(docstore_session_list, sessions, 8);
FIELD(docstore_session_list, session_size, 16);
FIELD(docstore_session_list, count, 20);
FIELD(docstore_session_list, cursor, 24);

SIZE(docstore_finding, 48);
FIELD(docstore_finding, validator, 0);
FIELD(docstore_finding, partition, 16);
FIELD(docstore_finding, state, 20);
FIELD(docstore_finding, place, 24);
FIELD(docstore_finding, is, 32);
FIELD(docstore_finding, should, 40);

SIZE(docstore_check, 56);
FIELD(docstore_check, size, 0);
FIELD(docstore_check, flags, 4);
FIELD(docstore_check, findings, 8);
FIELD(docstore_check, finding_size, 16);
FIELD(docstore_check, count, 20);
FIELD(docstore_check, documents, 24);
FIELD(docstore_check, blocks, 32);
FIELD(docstore_check, found, 40);
FIELD(docstore_check, repaired, 48);

SIZE(docstore_hint, 24);
FIELD(docstore_hint, size, 0);
FIELD(docstore_hint, flags, 4);
FIELD(docstore_hint, hashes, 8);
FIELD(docstore_hint, count, 16);
FIELD(docstore_hint, weight, 20);

SIZE(docstore_token, 24);
FIELD(docstore_token, size, 0);
FIELD(docstore_token, partitions, 4);
FIELD(docstore_token, incarnation, 8);
FIELD(docstore_token, created, 16);
FIELD(docstore_token, next, 24);

SIZE(docstore_stream, 48);
FIELD(docstore_stream, size, 0);
FIELD(docstore_stream, flags, 4);
FIELD(docstore_stream, prefix, 8);
FIELD(docstore_stream, prefix_len, 16);
FIELD(docstore_stream, type, 20);
FIELD(docstore_stream, property, 24);
FIELD(docstore_stream, token_size, 28);
FIELD(docstore_stream, token, 32);
FIELD(docstore_stream, bookmark_ms, 40);
FIELD(docstore_stream, __reserved, 44);

SIZE(docstore_record, 64);
FIELD(docstore_record, size, 0);
FIELD(docstore_record, kind, 4);
FIELD(docstore_record, reason, 5);
FIELD(docstore_record, flags, 6);
FIELD(docstore_record, sequence, 8);
FIELD(docstore_record, commit, 16);
FIELD(docstore_record, time, 24);
FIELD(docstore_record, version, 32);
FIELD(docstore_record, partition, 40);
FIELD(docstore_record, type, 44);
FIELD(docstore_record, old_type, 48);
FIELD(docstore_record, count, 52);
FIELD(docstore_record, id_len, 56);
FIELD(docstore_record, __reserved, 57);

SIZE(docstore_record_change, 12);
FIELD(docstore_record_change, property, 0);
FIELD(docstore_record_change, what, 4);
FIELD(docstore_record_change, type, 5);
FIELD(docstore_record_change, __reserved, 6);
FIELD(docstore_record_change, len, 8);

SIZE(docstore_record_lost, 24);
FIELD(docstore_record_lost, records, 0);
FIELD(docstore_record_lost, until, 8);
FIELD(docstore_record_lost, reason, 16);
FIELD(docstore_record_lost, __reserved, 20);

SIZE(docstore_stream_info, 96);
FIELD(docstore_stream_info, size, 0);
FIELD(docstore_stream_info, flags, 4);
FIELD(docstore_stream_info, state, 8);
FIELD(docstore_stream_info, stream_flags, 12);
FIELD(docstore_stream_info, error, 16);
FIELD(docstore_stream_info, memory, 20);
FIELD(docstore_stream_info, records, 24);
FIELD(docstore_stream_info, bytes, 32);
FIELD(docstore_stream_info, passed, 40);
FIELD(docstore_stream_info, lost, 48);
FIELD(docstore_stream_info, behind, 56);
FIELD(docstore_stream_info, backlog, 64);
FIELD(docstore_stream_info, needed, 72);
FIELD(docstore_stream_info, pauses, 76);
FIELD(docstore_stream_info, paused_ns, 80);
FIELD(docstore_stream_info, timeout_ms, 88);
FIELD(docstore_stream_info, __reserved, 92);

SIZE(docstore_stream_pause, 16);
FIELD(docstore_stream_pause, size, 0);
FIELD(docstore_stream_pause, flags, 4);
FIELD(docstore_stream_pause, timeout_ms, 8);
FIELD(docstore_stream_pause, __reserved, 12);

SIZE(docstore_stream_resume, 8);
FIELD(docstore_stream_resume, size, 0);
FIELD(docstore_stream_resume, flags, 4);

_Static_assert(DOCSTORE_INFO == 0xdc00, "number of an ioctl");
_Static_assert(DOCSTORE_STORE_CREATE == 0xdc01, "number of an ioctl");
_Static_assert(DOCSTORE_STORE_OPEN == 0xdc02, "number of an ioctl");
_Static_assert(DOCSTORE_STORE_REMOVE == 0xdc03, "number of an ioctl");
_Static_assert(DOCSTORE_STORE_LIST == 0xdc04, "number of an ioctl");
_Static_assert(DOCSTORE_MODULE_STATS == 0xdc05, "number of an ioctl");
_Static_assert(DOCSTORE_SESSION_LIST == 0xdc06, "number of an ioctl");
_Static_assert(DOCSTORE_CONFIG == 0xdc07, "number of an ioctl");
_Static_assert(DOCSTORE_STORE_INFO == 0xdc10, "number of an ioctl");
_Static_assert(DOCSTORE_INTERN == 0xdc11, "number of an ioctl");
_Static_assert(DOCSTORE_NAMES == 0xdc12, "number of an ioctl");
_Static_assert(DOCSTORE_SUBMIT == 0xdc13, "number of an ioctl");
_Static_assert(DOCSTORE_READ == 0xdc14, "number of an ioctl");
_Static_assert(DOCSTORE_READ_MANY == 0xdc15, "number of an ioctl");
_Static_assert(DOCSTORE_SCAN == 0xdc16, "number of an ioctl");
_Static_assert(DOCSTORE_SNAPSHOT == 0xdc17, "number of an ioctl");
_Static_assert(DOCSTORE_SNAPSHOT_LIST == 0xdc18, "number of an ioctl");
_Static_assert(DOCSTORE_COORDINATOR == 0xdc19, "number of an ioctl");
_Static_assert(DOCSTORE_STATS == 0xdc1a, "number of an ioctl");
_Static_assert(DOCSTORE_CHECK == 0xdc1b, "number of an ioctl");
_Static_assert(DOCSTORE_HINT == 0xdc1c, "number of an ioctl");
_Static_assert(DOCSTORE_STREAM == 0xdc1d, "number of an ioctl");
_Static_assert(DOCSTORE_SNAPSHOT_INFO == 0xdc20, "number of an ioctl");
_Static_assert(DOCSTORE_STREAM_INFO == 0xdc30, "number of an ioctl");
_Static_assert(DOCSTORE_STREAM_PAUSE == 0xdc31, "number of an ioctl");
_Static_assert(DOCSTORE_STREAM_RESUME == 0xdc32, "number of an ioctl");
_Static_assert(DOCSTORE_SETTINGS == 17, "number of settings");
_Static_assert(DOCSTORE_SETTING_MAX_STORES == 13, "first setting of the module");
_Static_assert(DOCSTORE_STAGES == 5, "number of stages");
_Static_assert(DOCSTORE_OP_CHECK == 8, "number of an operation");
_Static_assert(DOCSTORE_READ_TOGETHER == 1, "flag of a read");
_Static_assert(DOCSTORE_SNAPSHOT_REVOKED == 1, "state of a snapshot");
_Static_assert(DOCSTORE_MAP_LAYOUT == 3, "number of a layout");

#undef SIZE
#undef FIELD

#endif /* DOCSTORE_ABI_LAYOUT_H */

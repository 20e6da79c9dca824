/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints. Stores are told by their incarnation, which is in docstore info, sessions
 * and requests by their numbers; nothing is an address.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM docstore

#if !defined(_DOCSTORE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DOCSTORE_TRACE_H

#include <linux/tracepoint.h>

#include "check.h"
#include "coordinator.h"
#include "request.h"
#include "snapshot.h"

TRACE_DEFINE_ENUM(DS_REQUEST_NEW);
TRACE_DEFINE_ENUM(DS_REQUEST_PARSING);
TRACE_DEFINE_ENUM(DS_REQUEST_VALIDATED);
TRACE_DEFINE_ENUM(DS_REQUEST_PROCESSING);
TRACE_DEFINE_ENUM(DS_REQUEST_COMPLETE);
TRACE_DEFINE_ENUM(DS_REQUEST_SENDING);
TRACE_DEFINE_ENUM(DS_REQUEST_DONE);
TRACE_DEFINE_ENUM(DS_REQUEST_ERROR);

#define ds_show_request_state(_state)				\
	__print_symbolic(_state,				\
			 { DS_REQUEST_NEW, "NEW" },		\
			 { DS_REQUEST_PARSING, "PARSING" },	\
			 { DS_REQUEST_VALIDATED, "VALIDATED" },	\
			 { DS_REQUEST_PROCESSING, "PROCESSING" },	\
			 { DS_REQUEST_COMPLETE, "COMPLETE" },	\
			 { DS_REQUEST_SENDING, "SENDING" },	\
			 { DS_REQUEST_DONE, "DONE" },		\
			 { DS_REQUEST_ERROR, "ERROR" })

/* A request goes from one state to another. */
TRACE_EVENT(docstore_request,
	TP_PROTO(const struct ds_request *request, u32 from, u32 to),
	TP_ARGS(request, from, to),
	TP_STRUCT__entry(
		__field(u64, request)
		__field(u64, store)
		__field(u32, session)
		__field(u32, operations)
		__field(u32, partitions)
		__field(u32, from)
		__field(u32, to)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->request = request->id;
		__entry->store = request->incarnation;
		__entry->session = request->session;
		__entry->operations = request->count;
		__entry->partitions = request->nparts;
		__entry->from = from;
		__entry->to = to;
		__entry->error = request->life.error;
	),
	TP_printk("request=%llx store=%llu session=%u operations=%u partitions=%u %s -> %s error=%d",
		  __entry->request, __entry->store, __entry->session, __entry->operations,
		  __entry->partitions, ds_show_request_state(__entry->from),
		  ds_show_request_state(__entry->to), __entry->error)
);

/* A request has been in one state for too long. */
TRACE_EVENT(docstore_stuck,
	TP_PROTO(u64 request, u64 store, u32 session, u32 state, u32 ms),
	TP_ARGS(request, store, session, state, ms),
	TP_STRUCT__entry(
		__field(u64, request)
		__field(u64, store)
		__field(u32, session)
		__field(u32, state)
		__field(u32, ms)
	),
	TP_fast_assign(
		__entry->request = request;
		__entry->store = store;
		__entry->session = session;
		__entry->state = state;
		__entry->ms = ms;
	),
	TP_printk("request=%llx store=%llu session=%u %s for %u ms", __entry->request,
		  __entry->store, __entry->session, ds_show_request_state(__entry->state),
		  __entry->ms)
);

/* An owner is done with a commit, and it is visible. */
TRACE_EVENT(docstore_commit,
	TP_PROTO(u64 store, u32 partition, u64 seq, u32 parts, u32 documents, bool lent),
	TP_ARGS(store, partition, seq, parts, documents, lent),
	TP_STRUCT__entry(
		__field(u64, store)
		__field(u64, seq)
		__field(u32, partition)
		__field(u32, parts)
		__field(u32, documents)
		__field(bool, lent)
	),
	TP_fast_assign(
		__entry->store = store;
		__entry->seq = seq;
		__entry->partition = partition;
		__entry->parts = parts;
		__entry->documents = documents;
		__entry->lent = lent;
	),
	TP_printk("store=%llu partition=%u seq=%llu parts=%u documents=%u%s", __entry->store,
		  __entry->partition, __entry->seq, __entry->parts, __entry->documents,
		  __entry->lent ? " lent" : "")
);

TRACE_DEFINE_ENUM(DOCSTORE_STREAM_RUNNING);
TRACE_DEFINE_ENUM(DOCSTORE_STREAM_PAUSED);
TRACE_DEFINE_ENUM(DOCSTORE_STREAM_COMPLETE);
TRACE_DEFINE_ENUM(DOCSTORE_STREAM_ERROR);

#define ds_show_stream_state(_state)					\
	__print_symbolic(_state,					\
			 { DOCSTORE_STREAM_RUNNING, "RUNNING" },	\
			 { DOCSTORE_STREAM_PAUSED, "PAUSED" },		\
			 { DOCSTORE_STREAM_COMPLETE, "COMPLETE" },	\
			 { DOCSTORE_STREAM_ERROR, "ERROR" })

/* A stream has changed its state. */
TRACE_EVENT(docstore_stream,
	TP_PROTO(u64 store, u32 session, u32 from, u32 to),
	TP_ARGS(store, session, from, to),
	TP_STRUCT__entry(
		__field(u64, store)
		__field(u32, session)
		__field(u32, from)
		__field(u32, to)
	),
	TP_fast_assign(
		__entry->store = store;
		__entry->session = session;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("store=%llu session=%u %s -> %s", __entry->store, __entry->session,
		  ds_show_stream_state(__entry->from), ds_show_stream_state(__entry->to))
);

/* A batch that spans partitions is visible in all of them. */
TRACE_EVENT(docstore_publish,
	TP_PROTO(u64 store, u64 request, u32 partitions, u32 documents),
	TP_ARGS(store, request, partitions, documents),
	TP_STRUCT__entry(
		__field(u64, store)
		__field(u64, request)
		__field(u32, partitions)
		__field(u32, documents)
	),
	TP_fast_assign(
		__entry->store = store;
		__entry->request = request;
		__entry->partitions = partitions;
		__entry->documents = documents;
	),
	TP_printk("store=%llu request=%llx partitions=%u documents=%u", __entry->store,
		  __entry->request, __entry->partitions, __entry->documents)
);

TRACE_DEFINE_ENUM(DS_SPAN_NONE);
TRACE_DEFINE_ENUM(DS_SPAN_DONE);
TRACE_DEFINE_ENUM(DS_SPAN_REFUSED);
TRACE_DEFINE_ENUM(DS_SPAN_NO_MEMORY);
TRACE_DEFINE_ENUM(DS_SPAN_CANCELED);
TRACE_DEFINE_ENUM(DS_SPAN_ELSE);
TRACE_DEFINE_ENUM(DS_PHASE_QUEUED);
TRACE_DEFINE_ENUM(DS_PHASE_BEGUN);
TRACE_DEFINE_ENUM(DS_PHASE_PREPARED);
TRACE_DEFINE_ENUM(DS_PHASE_OVER);

/* A batch that spans partitions gets on. */
TRACE_EVENT(docstore_coordinator,
	TP_PROTO(const struct ds_request *request, u32 phase),
	TP_ARGS(request, phase),
	TP_STRUCT__entry(
		__field(u64, store)
		__field(u64, request)
		__field(u32, partitions)
		__field(u32, phase)
		__field(u32, outcome)
		__field(bool, lent)
	),
	TP_fast_assign(
		__entry->store = request->incarnation;
		__entry->request = request->id;
		__entry->partitions = request->nparts;
		__entry->phase = phase;
		__entry->outcome = request->outcome;
		__entry->lent = request->lent;
	),
	TP_printk("store=%llu request=%llx partitions=%u %s %s%s", __entry->store,
		  __entry->request, __entry->partitions,
		  __print_symbolic(__entry->phase,
				   { DS_PHASE_QUEUED, "queued" },
				   { DS_PHASE_BEGUN, "begun" },
				   { DS_PHASE_PREPARED, "prepared" },
				   { DS_PHASE_OVER, "over" }),
		  __print_symbolic(__entry->outcome,
				   { DS_SPAN_NONE, "" },
				   { DS_SPAN_DONE, "done" },
				   { DS_SPAN_REFUSED, "refused" },
				   { DS_SPAN_NO_MEMORY, "no memory" },
				   { DS_SPAN_CANCELED, "canceled" },
				   { DS_SPAN_ELSE, "else" }),
		  __entry->lent ? " lent" : "")
);

/* A partition is lent to a submitter, or it is not. */
TRACE_EVENT(docstore_lend,
	TP_PROTO(u64 store, u32 partition, bool lent),
	TP_ARGS(store, partition, lent),
	TP_STRUCT__entry(
		__field(u64, store)
		__field(u32, partition)
		__field(bool, lent)
	),
	TP_fast_assign(
		__entry->store = store;
		__entry->partition = partition;
		__entry->lent = lent;
	),
	TP_printk("store=%llu partition=%u %s", __entry->store, __entry->partition,
		  __entry->lent ? "lent" : "busy")
);

DECLARE_EVENT_CLASS(docstore_memory,
	TP_PROTO(u64 store, u32 partition, u64 blocks, u64 bytes, u64 era),
	TP_ARGS(store, partition, blocks, bytes, era),
	TP_STRUCT__entry(
		__field(u64, store)
		__field(u64, blocks)
		__field(u64, bytes)
		__field(u64, era)
		__field(u32, partition)
	),
	TP_fast_assign(
		__entry->store = store;
		__entry->blocks = blocks;
		__entry->bytes = bytes;
		__entry->era = era;
		__entry->partition = partition;
	),
	TP_printk("store=%llu partition=%u blocks=%llu retired_bytes=%llu era=%llu",
		  __entry->store, __entry->partition, __entry->blocks, __entry->bytes,
		  __entry->era)
);

/* So many blocks were retired since the last such event, and so much waits now. */
DEFINE_EVENT(docstore_memory, docstore_retire,
	TP_PROTO(u64 store, u32 partition, u64 blocks, u64 bytes, u64 era),
	TP_ARGS(store, partition, blocks, bytes, era)
);

/* So many blocks can be used again, and so much waits still. */
DEFINE_EVENT(docstore_memory, docstore_reuse,
	TP_PROTO(u64 store, u32 partition, u64 blocks, u64 bytes, u64 era),
	TP_ARGS(store, partition, blocks, bytes, era)
);

TRACE_DEFINE_ENUM(DS_SNAPSHOT_TAKEN);
TRACE_DEFINE_ENUM(DS_SNAPSHOT_REVOKED);
TRACE_DEFINE_ENUM(DS_SNAPSHOT_CLOSED);

/* A snapshot was taken, revoked or closed. */
TRACE_EVENT(docstore_snapshot,
	TP_PROTO(u64 store, u64 snapshot, u32 what),
	TP_ARGS(store, snapshot, what),
	TP_STRUCT__entry(
		__field(u64, store)
		__field(u64, snapshot)
		__field(u32, what)
	),
	TP_fast_assign(
		__entry->store = store;
		__entry->snapshot = snapshot;
		__entry->what = what;
	),
	TP_printk("store=%llu snapshot=%llu %s", __entry->store, __entry->snapshot,
		  __print_symbolic(__entry->what,
				   { DS_SNAPSHOT_TAKEN, "taken" },
				   { DS_SNAPSHOT_REVOKED, "revoked" },
				   { DS_SNAPSHOT_CLOSED, "closed" }))
);

TRACE_DEFINE_ENUM(DS_VALIDATOR_INDEX);
TRACE_DEFINE_ENUM(DS_VALIDATOR_FLAGS);
TRACE_DEFINE_ENUM(DS_VALIDATOR_VERSIONS);
TRACE_DEFINE_ENUM(DS_VALIDATOR_ARENA);
TRACE_DEFINE_ENUM(DS_VALIDATOR_PAST);
TRACE_DEFINE_ENUM(DS_VALIDATOR_ACCOUNTING);
TRACE_DEFINE_ENUM(DS_VALIDATOR_QUEUES);
TRACE_DEFINE_ENUM(DS_VALIDATOR_SESSIONS);

/* A check has found something; partition -1 is the store as a whole. */
TRACE_EVENT(docstore_finding,
	TP_PROTO(u64 store, u32 partition, const struct ds_finding *finding),
	TP_ARGS(store, partition, finding),
	TP_STRUCT__entry(
		__field(u64, store)
		__field(s32, partition)
		__field(u32, validator)
		__field(u32, rule)
		__field(u32, where)
		__field(bool, repaired)
	),
	TP_fast_assign(
		__entry->store = store;
		__entry->partition = partition;
		__entry->validator = finding->validator;
		__entry->rule = finding->rule;
		__entry->where = finding->where;
		__entry->repaired = finding->repaired;
	),
	TP_printk("store=%llu partition=%d validator=%s rule=%u where=%u repaired=%d",
		  __entry->store, __entry->partition,
		  __print_symbolic(__entry->validator,
				   { DS_VALIDATOR_INDEX, "index" },
				   { DS_VALIDATOR_FLAGS, "flags" },
				   { DS_VALIDATOR_VERSIONS, "versions" },
				   { DS_VALIDATOR_ARENA, "arena" },
				   { DS_VALIDATOR_PAST, "past" },
				   { DS_VALIDATOR_ACCOUNTING, "accounting" },
				   { DS_VALIDATOR_QUEUES, "queues" },
				   { DS_VALIDATOR_SESSIONS, "sessions" }),
		  __entry->rule, __entry->where, __entry->repaired)
);

/* A setting was changed; store 0 is the module. */
TRACE_EVENT(docstore_config,
	TP_PROTO(u64 store, u64 set, u64 reset),
	TP_ARGS(store, set, reset),
	TP_STRUCT__entry(
		__field(u64, store)
		__field(u64, set)
		__field(u64, reset)
	),
	TP_fast_assign(
		__entry->store = store;
		__entry->set = set;
		__entry->reset = reset;
	),
	TP_printk("store=%llu set=%llx reset=%llx", __entry->store, __entry->set,
		  __entry->reset)
);

#endif /* _DOCSTORE_TRACE_H */

/* This part must be outside of what keeps the header from being read twice. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

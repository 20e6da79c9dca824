/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * docstore: what those ask who run it: settings, statistics, sessions, checks.
 */
#ifndef _UAPI_LINUX_DOCSTORE_MONITOR_H
#define _UAPI_LINUX_DOCSTORE_MONITOR_H

#include <linux/docstore.h>
#include <linux/types.h>

/**
 * enum docstore_setting - what can be set
 * @DOCSTORE_SETTING_LEND_DOCUMENTS: batches of so many documents are carried out by
 *	their submitters when a partition is idle; 0 for never
 * @DOCSTORE_SETTING_SUBMIT_POLL_US: how long submitters look for their results before
 *	they sleep, in microseconds
 * @DOCSTORE_SETTING_SPAN_QUEUE: how many batches that span partitions may wait
 * @DOCSTORE_SETTING_MAX_SNAPSHOTS: how many snapshots there may be
 * @DOCSTORE_SETTING_SESSION_REQUESTS: how many requests one session may have under way
 *	by io_uring
 * @DOCSTORE_SETTING_SESSION_BYTES: how much memory these may take, in bytes
 * @DOCSTORE_SETTING_SESSION_SNAPSHOTS: how many snapshots taken by one session may be open
 * @DOCSTORE_SETTING_LATENCY_SAMPLE: of all batches, one in so many is timed for the
 *	histograms; 0 for none
 * @DOCSTORE_SETTING_WATCHDOG_MS: a request that stays longer in one state is reported,
 *	in milliseconds; 0 for never
 * @DOCSTORE_SETTING_CHECK_SECONDS: how long between one check in the background and the
 *	next, in seconds; 0 for no such checks
 * @DOCSTORE_SETTING_HOT_CHANGES: a document is hot that is changed, or known to be read,
 *	so often within DOCSTORE_STAT_ACCESS_SECONDS; 0 for never
 * @DOCSTORE_SETTING_BACKLOG_BYTES: bytes that each partition's backlog has, rounded up to
 *	a power of two; see linux/docstore_stream.h. Of use when a store gets its first
 *	stream
 * @DOCSTORE_SETTING_SESSION_STREAMS: how many streams opened by one session there may be
 * @DOCSTORE_SETTING_MAX_STORES: how many stores there may be. This and what follows is of
 *	the module and not of a store
 * @DOCSTORE_SETTING_MAX_SESSIONS: how many descriptors may be open; see
 *	struct docstore_session_info
 * @DOCSTORE_SETTING_MEMORY_PERCENT: limit of a store that is created without one, in
 *	percent of the machine's memory
 * @DOCSTORE_SETTING_WORKER_POLL_US: how long workers look for work before they sleep, in
 *	microseconds
 * @DOCSTORE_SETTINGS: how many settings this header knows
 *
 * A store that does not set one has the module's. The names in sysfs, as module
 * parameters and in docstore config are the same in small letters.
 */
enum docstore_setting {
	DOCSTORE_SETTING_LEND_DOCUMENTS = 0,
	DOCSTORE_SETTING_SUBMIT_POLL_US = 1,
	DOCSTORE_SETTING_SPAN_QUEUE = 2,
	DOCSTORE_SETTING_MAX_SNAPSHOTS = 3,
	DOCSTORE_SETTING_SESSION_REQUESTS = 4,
	DOCSTORE_SETTING_SESSION_BYTES = 5,
	DOCSTORE_SETTING_SESSION_SNAPSHOTS = 6,
	DOCSTORE_SETTING_LATENCY_SAMPLE = 7,
	DOCSTORE_SETTING_WATCHDOG_MS = 8,
	DOCSTORE_SETTING_CHECK_SECONDS = 9,
	DOCSTORE_SETTING_HOT_CHANGES = 10,
	DOCSTORE_SETTING_BACKLOG_BYTES = 11,
	DOCSTORE_SETTING_SESSION_STREAMS = 12,
	DOCSTORE_SETTING_MAX_STORES = 13,
	DOCSTORE_SETTING_MAX_SESSIONS = 14,
	DOCSTORE_SETTING_MEMORY_PERCENT = 15,
	DOCSTORE_SETTING_WORKER_POLL_US = 16,
	DOCSTORE_SETTINGS = 17,
};

/**
 * struct docstore_config - DOCSTORE_CONFIG: settings of a store, or of the module
 * @size: sizeof(struct docstore_config)
 * @flags: must be 0
 * @set: in: settings that are to get the values in @value, as bits 1 << enum
 *	docstore_setting; 0 to change nothing. Out: those that differ from what they are
 *	without anybody's doing: of a store those that it has of its own
 * @reset: in: settings that are to be as if nobody had set them; out: 0
 * @known: out: settings that there are here
 * @__reserved: must be 0
 * @value: in: values of what is in @set; out: all values. Those of the module, on a store,
 *	are the module's
 *
 * All that is asked for is changed together, or nothing is. Operations that have begun
 * go on with what held then. A new limit takes away nothing that is above it.
 *
 * Anybody may look. To change a store's takes its owner or CAP_SYS_ADMIN, and the
 * module's CAP_SYS_ADMIN; the descriptor must be open for writing.
 *
 * Errors: E2BIG, EBADF, EFAULT, EINVAL for a setting that is not known here or a value
 * that is out of range, ENOMEM, EPERM.
 */
struct docstore_config {
	__u32 size;
	__u32 flags;
	__aligned_u64 set;
	__aligned_u64 reset;
	__aligned_u64 known;
	__aligned_u64 __reserved;
	__aligned_u64 value[DOCSTORE_SETTINGS];
};

/**
 * enum docstore_stage - what the time of a batch goes to
 * @DOCSTORE_STAGE_PARSE: to be copied in, checked and sorted by partition
 * @DOCSTORE_STAGE_WAIT: to bring memory, and to wait for its turn
 * @DOCSTORE_STAGE_PROCESS: to be carried out, in all of its partitions
 * @DOCSTORE_STAGE_SEND: for its submitter to wake up, and to copy the results out
 * @DOCSTORE_STAGE_TOTAL: all of that
 * @DOCSTORE_STAGES: how many there are
 */
enum docstore_stage {
	DOCSTORE_STAGE_PARSE = 0,
	DOCSTORE_STAGE_WAIT = 1,
	DOCSTORE_STAGE_PROCESS = 2,
	DOCSTORE_STAGE_SEND = 3,
	DOCSTORE_STAGE_TOTAL = 4,
	DOCSTORE_STAGES = 5,
};

/* Buckets of a histogram: four to each power of two, from 64 ns to 15 s. */
#define DOCSTORE_LATENCY_MIN_SHIFT	6
#define DOCSTORE_LATENCY_STEPS_SHIFT	2
#define DOCSTORE_LATENCY_BUCKETS	112

/**
 * struct docstore_latency - a histogram of times
 * @count: how many were measured: the sum of all buckets
 * @sum_ns: all of them together, in nanoseconds
 * @max_ns: the longest
 * @bucket: how many of each length; see docstore_latency_bound()
 */
struct docstore_latency {
	__aligned_u64 count;
	__aligned_u64 sum_ns;
	__aligned_u64 max_ns;
	__aligned_u64 bucket[DOCSTORE_LATENCY_BUCKETS];
};

/**
 * docstore_latency_bucket() - the bucket that a time belongs in
 * @ns: the time, in nanoseconds
 *
 * Return: its number.
 */
static inline __u32 docstore_latency_bucket(__u64 ns)
{
	const __u32 steps = 1U << DOCSTORE_LATENCY_STEPS_SHIFT;
	__u32 octave, bucket;

	if (ns < 1U << DOCSTORE_LATENCY_MIN_SHIFT)
		return 0;
	octave = 63 - __builtin_clzll(ns);
	bucket = 1 + (octave - DOCSTORE_LATENCY_MIN_SHIFT) * steps +
		 (__u32)((ns >> (octave - DOCSTORE_LATENCY_STEPS_SHIFT)) & (steps - 1));
	return bucket < DOCSTORE_LATENCY_BUCKETS ? bucket : DOCSTORE_LATENCY_BUCKETS - 1;
}

/**
 * docstore_latency_bound() - the time that is just too long for a bucket
 * @bucket: its number
 *
 * Return: the time in nanoseconds. The last bucket has what is longer, too.
 */
static inline __u64 docstore_latency_bound(__u32 bucket)
{
	const __u32 steps = 1U << DOCSTORE_LATENCY_STEPS_SHIFT;
	__u32 octave = bucket / steps + DOCSTORE_LATENCY_MIN_SHIFT;

	return (__u64)(steps + bucket % steps) << (octave - DOCSTORE_LATENCY_STEPS_SHIFT);
}

/**
 * struct docstore_counters - what a store has done, and what goes on in it
 * @operations: operations of batches that were carried out or refused one by one
 * @batches: batches of which something was carried out
 * @batches_failed: batches of which nothing was, for what their operations found
 * @bytes_in: bytes of ids and values that came with batches
 * @bytes_out: bytes of documents and values that went out
 * @reads: documents looked up by DOCSTORE_READ, DOCSTORE_READ_MANY and get
 * @scanned: documents returned by DOCSTORE_SCAN
 * @hints: reads by the mapping that were told by DOCSTORE_HINT
 * @lent: parts of batches that their submitters carried out themselves
 * @polled: submitters for whom others did, and who did not have to sleep
 * @slept: and those who did
 * @errors: batches that failed as a whole: bad arguments, no memory, no turn
 * @interrupted: of these, for a signal
 * @timed_out: of these, for want of time
 * @canceled: of these, by the end of a ring or process
 * @busy: of these, for a limit: of those who wait, or of a session
 * @no_memory: parts of batches that were put off for want of memory
 * @commits: commits published
 * @changes: versions made
 * @retired: versions, and what else was allocated, given back to be used again
 * @reused: of these, those whose memory can be used again
 * @hot: documents that have become hot
 * @checked: documents looked at by checks
 * @findings: what checks have found
 * @repaired: of these, what was repaired
 * @stuck: requests that the watchdog has reported
 * @stream_records: records that were read from streams
 * @stream_lost: changes that streams have lost
 * @documents: documents there are now. This and what follows goes up and down
 * @bytes: memory that the store takes
 * @bytes_used: of it, what is in use
 * @bytes_retired: of it, what waits to be used again
 * @sessions: descriptors that are open
 * @snapshots: snapshots that are open
 * @streams: streams that are open
 * @requests: requests under way by io_uring
 * @request_bytes: memory that these take
 * @queued: requests that wait for their turn
 */
struct docstore_counters {
	__aligned_u64 operations;
	__aligned_u64 batches;
	__aligned_u64 batches_failed;
	__aligned_u64 bytes_in;
	__aligned_u64 bytes_out;
	__aligned_u64 reads;
	__aligned_u64 scanned;
	__aligned_u64 hints;
	__aligned_u64 lent;
	__aligned_u64 polled;
	__aligned_u64 slept;
	__aligned_u64 errors;
	__aligned_u64 interrupted;
	__aligned_u64 timed_out;
	__aligned_u64 canceled;
	__aligned_u64 busy;
	__aligned_u64 no_memory;
	__aligned_u64 commits;
	__aligned_u64 changes;
	__aligned_u64 retired;
	__aligned_u64 reused;
	__aligned_u64 hot;
	__aligned_u64 checked;
	__aligned_u64 findings;
	__aligned_u64 repaired;
	__aligned_u64 stuck;
	__aligned_u64 stream_records;
	__aligned_u64 stream_lost;
	__aligned_u64 documents;
	__aligned_u64 bytes;
	__aligned_u64 bytes_used;
	__aligned_u64 bytes_retired;
	__aligned_u64 sessions;
	__aligned_u64 snapshots;
	__aligned_u64 streams;
	__aligned_u64 requests;
	__aligned_u64 request_bytes;
	__aligned_u64 queued;
};

/**
 * struct docstore_stats - DOCSTORE_STATS: statistics of a store
 * @size: sizeof(struct docstore_stats)
 * @flags: must be 0
 * @time: out: when they were read, in nanoseconds since boot
 * @counters: pointer to a struct docstore_counters
 * @counters_size: its size; what is more than the kernel knows is filled with zeros
 * @latency_size: sizeof(struct docstore_latency)
 * @latency: pointer to an array of struct docstore_latency, one for each of enum
 *	docstore_stage
 * @latency_count: in: room in the array, in elements; out: elements filled in
 * @__reserved: must be 0
 *
 * All is read at one go, while the store goes on: each number for itself is right, and
 * never less than it was before, but for what goes up and down.
 *
 * Errors: E2BIG, EFAULT, EINVAL, ENOMEM.
 */
struct docstore_stats {
	__u32 size;
	__u32 flags;
	__aligned_u64 time;
	__aligned_u64 counters;
	__u32 counters_size;
	__u32 latency_size;
	__aligned_u64 latency;
	__u32 latency_count;
	__u32 __reserved;
};

/**
 * struct docstore_module_counters - what the module has done
 * @pool_hits: requests whose memory was at hand
 * @pool_misses: requests for which it had to be allocated
 * @pool_reserve: of these, those that had the reserve's, since there was no other
 * @pool_large: requests that are larger than what is kept
 * @illegal: changes of a request's state that were refused
 * @stuck: requests that the watchdog has reported
 * @session_waits: opens that had to wait for their turn
 * @session_refused: opens that were refused, since they did not want to wait
 * @configured: changes of settings
 * @stores: stores there are. This and what follows goes up and down
 * @sessions: descriptors that are open
 * @requests: requests under way
 */
struct docstore_module_counters {
	__aligned_u64 pool_hits;
	__aligned_u64 pool_misses;
	__aligned_u64 pool_reserve;
	__aligned_u64 pool_large;
	__aligned_u64 illegal;
	__aligned_u64 stuck;
	__aligned_u64 session_waits;
	__aligned_u64 session_refused;
	__aligned_u64 configured;
	__aligned_u64 stores;
	__aligned_u64 sessions;
	__aligned_u64 requests;
};

/**
 * struct docstore_worker_stats - a worker
 * @cpu: the CPU that it runs on
 * @__reserved: 0
 * @turns: how often it took over a partition with something to do
 * @commits: commits that it has made
 * @parts: parts of batches that it has carried out
 * @sleeps: how often it went to sleep
 * @busy_ns: time between waking up and going to sleep
 * @commit_max_ns: its longest commit
 * @ready: partitions that wait for it
 */
struct docstore_worker_stats {
	__u32 cpu;
	__u32 __reserved;
	__aligned_u64 turns;
	__aligned_u64 commits;
	__aligned_u64 parts;
	__aligned_u64 sleeps;
	__aligned_u64 busy_ns;
	__aligned_u64 commit_max_ns;
	__aligned_u64 ready;
};

/* With the closing NUL. */
#define DOCSTORE_PLACE_NAME_SIZE	24

/**
 * struct docstore_contention - a place where threads can meet
 * @name: its name, with a closing NUL
 * @acquired: how often it was taken
 * @contended: how often somebody else had it
 * @wait_ns: how long that was waited for, all together; 0 where nobody waits
 * @wait_max_ns: the longest
 */
struct docstore_contention {
	__u8 name[DOCSTORE_PLACE_NAME_SIZE];
	__aligned_u64 acquired;
	__aligned_u64 contended;
	__aligned_u64 wait_ns;
	__aligned_u64 wait_max_ns;
};

/**
 * struct docstore_module_stats - DOCSTORE_MODULE_STATS: statistics of the module
 * @size: sizeof(struct docstore_module_stats)
 * @flags: must be 0
 * @time: out: when they were read, in nanoseconds since boot
 * @counters: pointer to a struct docstore_module_counters
 * @counters_size: its size; what is more than the kernel knows is filled with zeros
 * @worker_size: sizeof(struct docstore_worker_stats)
 * @workers: pointer to an array of struct docstore_worker_stats
 * @worker_count: in: room in the array, in elements; out: elements filled in
 * @contention_size: sizeof(struct docstore_contention)
 * @contention: pointer to an array of struct docstore_contention
 * @contention_count: in: room in the array, in elements; out: elements filled in
 * @__reserved: must be 0
 *
 * Errors: E2BIG, EFAULT, EINVAL, ENOMEM.
 */
struct docstore_module_stats {
	__u32 size;
	__u32 flags;
	__aligned_u64 time;
	__aligned_u64 counters;
	__u32 counters_size;
	__u32 worker_size;
	__aligned_u64 workers;
	__u32 worker_count;
	__u32 contention_size;
	__aligned_u64 contention;
	__u32 contention_count;
	__u32 __reserved;
};

/* With the closing NUL. */
#define DOCSTORE_COMM_SIZE		16

/**
 * struct docstore_session_info - an open descriptor
 * @id: its number, which is given again after 2^32 others only
 * @opened: when it was opened
 * @incarnation: of its store; 0 for the control node
 * @snapshot: number of the snapshot that it is; 0 for none
 * @uid: who opened it, as seen from the caller's user namespace
 * @gid: likewise
 * @pid: process that opened it, as seen from the caller's; 0 if it is not. To be read by
 *	people: it may be gone, or another
 * @rights: enum docstore_open_flags
 * @comm: name of the thread that opened it, with a closing NUL
 * @calls: calls made, but for those that were refused for what they are
 * @errors: calls that have failed
 * @operations: operations of batches
 * @requests: requests under way by io_uring
 * @snapshots: snapshots taken by it that are open
 * @request_bytes: memory that its requests under way take
 * @store: name of its store, with a closing NUL
 * @bytes_in: bytes that came with its batches, as in struct docstore_counters. Elements
 *	may end before this
 * @bytes_out: bytes that went out to it, likewise
 * @streams: streams opened by it that are open
 * @stream: of a stream 1 + its state, see enum docstore_stream_state; else 0
 */
struct docstore_session_info {
	__aligned_u64 id;
	__aligned_u64 opened;
	__aligned_u64 incarnation;
	__aligned_u64 snapshot;
	__u32 uid;
	__u32 gid;
	__u32 pid;
	__u32 rights;
	__u8 comm[DOCSTORE_COMM_SIZE];
	__aligned_u64 calls;
	__aligned_u64 errors;
	__aligned_u64 operations;
	__u32 requests;
	__u32 snapshots;
	__aligned_u64 request_bytes;
	__u8 store[DOCSTORE_STORE_NAME_SIZE];
	__aligned_u64 bytes_in;
	__aligned_u64 bytes_out;
	__u32 streams;
	__u32 stream;
};

/**
 * struct docstore_session_list - DOCSTORE_SESSION_LIST: which descriptors are open
 * @size: sizeof(struct docstore_session_list)
 * @flags: must be 0
 * @sessions: pointer to an array of struct docstore_session_info
 * @session_size: sizeof(struct docstore_session_info)
 * @count: in: room in the array, in elements; out: elements filled in
 * @cursor: in: 0 at first, then as it was returned; out: where to go on, 0 when all
 *	were listed
 *
 * Those of the caller's user, and with CAP_SYS_ADMIN all, in the order in which they
 * were opened.
 *
 * Errors: E2BIG, EFAULT, EINVAL, ENOMEM.
 */
struct docstore_session_list {
	__u32 size;
	__u32 flags;
	__aligned_u64 sessions;
	__u32 session_size;
	__u32 count;
	__aligned_u64 cursor;
};

/**
 * enum docstore_check_flags - how to check
 * @DOCSTORE_CHECK_REPAIR: repair what can be; needs a descriptor that may write
 */
enum docstore_check_flags {
	DOCSTORE_CHECK_REPAIR = 1 << 0,
};

/**
 * enum docstore_finding_state - what became of a finding
 * @DOCSTORE_FINDING_REPAIRED: it was repaired
 */
enum docstore_finding_state {
	DOCSTORE_FINDING_REPAIRED = 1 << 0,
};

/* With the closing NUL. */
#define DOCSTORE_VALIDATOR_NAME_SIZE	16

/**
 * struct docstore_finding - what is not as it should be
 * @validator: which validator has found it, with a closing NUL
 * @partition: number of the partition; all ones where it is about the store
 * @state: enum docstore_finding_state
 * @place: which bucket, version or other thing; what that is depends on the validator
 * @is: what was found
 * @should: what should have been
 */
struct docstore_finding {
	__u8 validator[DOCSTORE_VALIDATOR_NAME_SIZE];
	__u32 partition;
	__u32 state;
	__aligned_u64 place;
	__aligned_u64 is;
	__aligned_u64 should;
};

/**
 * struct docstore_check - DOCSTORE_CHECK: check a store
 * @size: sizeof(struct docstore_check)
 * @flags: enum docstore_check_flags
 * @findings: pointer to an array of struct docstore_finding
 * @finding_size: sizeof(struct docstore_finding)
 * @count: in: room in the array, in elements; out: elements filled in
 * @documents: out: documents that were looked at
 * @blocks: out: pieces of memory that were looked at
 * @found: out: how many findings there were, of which no more were told than there
 *	was room for
 * @repaired: out: how many of them were repaired
 *
 * The store goes on meanwhile: owners check a slice at a time, between commits. Findings
 * come in the order in which they were made.
 *
 * Errors: E2BIG, EBADF, EFAULT, EINTR, EINVAL, ENOMEM.
 */
struct docstore_check {
	__u32 size;
	__u32 flags;
	__aligned_u64 findings;
	__u32 finding_size;
	__u32 count;
	__aligned_u64 documents;
	__aligned_u64 blocks;
	__aligned_u64 found;
	__aligned_u64 repaired;
};

/**
 * enum docstore_hint_flags - flags of DOCSTORE_HINT
 * @DOCSTORE_HINT_SCAN: they were read along with all others
 */
enum docstore_hint_flags {
	DOCSTORE_HINT_SCAN = 1 << 0,
};

/* Of one DOCSTORE_HINT. */
#define DOCSTORE_MAX_HINTS		256

/**
 * struct docstore_hint - DOCSTORE_HINT: documents that were read by the mapping
 * @size: sizeof(struct docstore_hint)
 * @flags: enum docstore_hint_flags
 * @hashes: pointer to an array of __u64, docstore_map_hash() of the ids of documents
 *	that were read
 * @count: elements in the array, 1 to DOCSTORE_MAX_HINTS
 * @weight: how many reads each stands for, 1 to 65535: who tells one read in so many
 *
 * Nobody has to tell, and nothing but the documents' statistics depends on it: hashes of
 * no document are passed over. What there is no time for is passed over as well.
 *
 * Errors: EBADF, EFAULT, EINVAL.
 */
struct docstore_hint {
	__u32 size;
	__u32 flags;
	__aligned_u64 hashes;
	__u32 count;
	__u32 weight;
};

#endif /* _UAPI_LINUX_DOCSTORE_MONITOR_H */

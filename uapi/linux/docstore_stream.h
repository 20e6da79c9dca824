/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * docstore: streams, descriptors that yield documents and changes as records.
 *
 * DOCSTORE_STREAM on a store gives the descriptor. read(2) returns whole records;
 * poll(2), epoll(7), O_NONBLOCK and io_uring's read and poll work as on any other.
 */
#ifndef _UAPI_LINUX_DOCSTORE_STREAM_H
#define _UAPI_LINUX_DOCSTORE_STREAM_H

#include <linux/docstore.h>

/**
 * DOC: Streams
 *
 * A stream yields the documents of a snapshot, or changes from some moment on, or first
 * the one and then the other, without a gap or a repeat between them.
 *
 * Changes come out of a backlog that each partition has from the store's first stream
 * on. It is bounded (setting ``backlog_bytes``), and a stream is only a place in it:
 * streams cost writers nothing, however many there are and however far behind. One that
 * falls so far behind that what it would have read next was overwritten yields one record
 * that says so and how much that was (DOCSTORE_RECORD_LOST), and goes on with the oldest
 * change that is left.
 *
 * All changes of one partition are numbered, from 1 on and without gaps, and come in that
 * order. So changes of one document come in the order in which they were made. There is no
 * order between partitions. What a batch has done to a document is one change.
 *
 * Where a stream stands is told by a token: of each partition the number of the change
 * that comes next. Whoever reads records can keep one up to date himself: after a record
 * of partition p with number n, next[p] is n + 1. A stream that is opened with the token
 * goes on there, in another process or after a restart as well. With
 * DOCSTORE_STREAM_BOOKMARKS it begins with its first token, unless it was opened with one
 * that is good here, and yields others when it has passed over changes that it does not
 * want, so that these do not make its own too old. Who polls is told of such a bookmark
 * when something is published, a read that waits when it is time.
 */

/* On a store. */
#define DOCSTORE_STREAM			_IO(DOCSTORE_IOC_TYPE, 0x1d)

/* On a stream. */
#define DOCSTORE_STREAM_INFO		_IO(DOCSTORE_IOC_TYPE, 0x30)
#define DOCSTORE_STREAM_PAUSE		_IO(DOCSTORE_IOC_TYPE, 0x31)
#define DOCSTORE_STREAM_RESUME		_IO(DOCSTORE_IOC_TYPE, 0x32)

/**
 * struct docstore_token - where a stream stands
 * @size: bytes of the token: this header and all that follows
 * @partitions: number of the store's partitions
 * @incarnation: the store's, see struct docstore_store_info
 * @created: when the store was created
 * @next: for each partition the number of the change that comes next, from 1 on
 */
struct docstore_token {
	__u32 size;
	__u32 partitions;
	__aligned_u64 incarnation;
	__aligned_u64 created;
	__aligned_u64 next[];
};

/**
 * enum docstore_stream_flags - what a stream is to yield
 * @DOCSTORE_STREAM_SNAPSHOT: all documents, as they are at one moment within the call,
 *	between DOCSTORE_RECORD_BEGIN and DOCSTORE_RECORD_END
 * @DOCSTORE_STREAM_FOLLOW: changes: from that moment on, or from the token on, or else
 *	from now on. Without this flag the stream ends behind the documents
 * @DOCSTORE_STREAM_VALUES: changes with values: what properties were set to
 * @DOCSTORE_STREAM_BOOKMARKS: tokens: the first one, and when changes were passed over
 * @DOCSTORE_STREAM_RESYNC: when changes were lost, all documents again, as of then. Needs
 *	DOCSTORE_STREAM_FOLLOW
 * @DOCSTORE_STREAM_NONBLOCK: the descriptor has O_NONBLOCK from the beginning
 */
enum docstore_stream_flags {
	DOCSTORE_STREAM_SNAPSHOT = 1 << 0,
	DOCSTORE_STREAM_FOLLOW = 1 << 1,
	DOCSTORE_STREAM_VALUES = 1 << 2,
	DOCSTORE_STREAM_BOOKMARKS = 1 << 3,
	DOCSTORE_STREAM_RESYNC = 1 << 4,
	DOCSTORE_STREAM_NONBLOCK = 1 << 5,
};

/**
 * struct docstore_stream - DOCSTORE_STREAM: a descriptor that yields records
 * @size: sizeof(struct docstore_stream)
 * @flags: enum docstore_stream_flags; DOCSTORE_STREAM_SNAPSHOT, DOCSTORE_STREAM_FOLLOW
 *	or both
 * @prefix: pointer to a prefix that documents' ids must have
 * @prefix_len: its length; 0 for all documents
 * @type: name id of the type that documents must have; 0 for any. A change counts if
 *	the document has the type afterwards or had it before
 * @property: name id of a property: of changes only those that may concern it, which
 *	are those that set or remove it and all that create, delete or replace a document.
 *	Documents of a snapshot are not chosen by it. 0 for any
 * @token_size: bytes at @token; 0 for no token
 * @token: pointer to a struct docstore_token. Not with DOCSTORE_STREAM_SNAPSHOT. One of
 *	another store is answered by a DOCSTORE_RECORD_LOST
 * @bookmark_ms: with DOCSTORE_STREAM_BOOKMARKS, how long after one bookmark the next may
 *	come, in milliseconds; sooner if an eighth of a backlog was passed over
 * @__reserved: must be 0
 *
 * The ioctl returns a new descriptor, closed on exec. The store must have been opened for
 * reading. The memory of the backlogs counts against the store's limit.
 *
 * Errors: EAGAIN, EBADF, EBUSY, EFAULT, EINTR, EINVAL, EMFILE, ENAMETOOLONG, ENOMEM,
 * ENOSPC.
 */
struct docstore_stream {
	__u32 size;
	__u32 flags;
	__aligned_u64 prefix;
	__u32 prefix_len;
	__u32 type;
	__u32 property;
	__u32 token_size;
	__aligned_u64 token;
	__u32 bookmark_ms;
	__u32 __reserved;
};

/**
 * enum docstore_record_kind - what a record is
 * @DOCSTORE_RECORD_CHANGE: a document was changed. Behind the header follow @count
 *	struct docstore_record_change, the document's id, and with values these, in the
 *	order of the changes, without padding
 * @DOCSTORE_RECORD_DOCUMENT: a document of a snapshot, a struct docstore_version behind
 *	the header
 * @DOCSTORE_RECORD_BEGIN: documents of a snapshot follow. What is not among them does not
 *	exist
 * @DOCSTORE_RECORD_END: those were all. A struct docstore_token follows, of where changes
 *	go on. The first token that a stream with a snapshot has
 * @DOCSTORE_RECORD_BOOKMARK: a struct docstore_token follows
 * @DOCSTORE_RECORD_LOST: changes were lost. A struct docstore_record_lost follows
 * @DOCSTORE_RECORD_REMOVED: the store was removed: it has no name any more. Comes once, of
 *	a stream that follows, behind all that was changed before. Others may follow for as
 *	long as somebody has the store open for writing
 */
enum docstore_record_kind {
	DOCSTORE_RECORD_CHANGE = 1,
	DOCSTORE_RECORD_DOCUMENT = 2,
	DOCSTORE_RECORD_BEGIN = 3,
	DOCSTORE_RECORD_END = 4,
	DOCSTORE_RECORD_BOOKMARK = 5,
	DOCSTORE_RECORD_LOST = 6,
	DOCSTORE_RECORD_REMOVED = 7,
};

/**
 * enum docstore_record_flags - flags of a record
 * @DOCSTORE_RECORD_CREATED: the document did not exist before
 * @DOCSTORE_RECORD_DELETED: it does not exist any more
 * @DOCSTORE_RECORD_REPLACED: it was deleted and made again: what the record does not
 *	tell of is gone
 * @DOCSTORE_RECORD_CLEARED: all properties were removed before those were set that the
 *	record tells of
 * @DOCSTORE_RECORD_VALUES: values are there
 * @DOCSTORE_RECORD_OMITTED: it would have taken more than a quarter of a backlog: what has
 *	changed was left out, and the document itself is to be read
 * @DOCSTORE_RECORD_RESYNC: of DOCSTORE_RECORD_BEGIN: since changes were lost
 */
enum docstore_record_flags {
	DOCSTORE_RECORD_CREATED = 1 << 0,
	DOCSTORE_RECORD_DELETED = 1 << 1,
	DOCSTORE_RECORD_REPLACED = 1 << 2,
	DOCSTORE_RECORD_CLEARED = 1 << 3,
	DOCSTORE_RECORD_VALUES = 1 << 4,
	DOCSTORE_RECORD_OMITTED = 1 << 5,
	DOCSTORE_RECORD_RESYNC = 1 << 6,
};

/**
 * enum docstore_record_reason - why a document was changed
 * @DOCSTORE_REASON_BATCH: somebody has submitted a batch
 */
enum docstore_record_reason {
	DOCSTORE_REASON_BATCH = 0,
};

/**
 * struct docstore_record - the header of a record
 * @size: bytes of the record, a multiple of eight
 * @kind: enum docstore_record_kind
 * @reason: enum docstore_record_reason
 * @flags: enum docstore_record_flags
 * @sequence: of a change, its number in the partition; of lost ones, the first of them
 * @commit: the partition's commit that has published it
 * @time: when it was made; of DOCSTORE_RECORD_BEGIN, when the snapshot was taken
 * @version: version number of the document afterwards
 * @partition: the partition
 * @type: name id of the document's type, 0 if it has none
 * @old_type: that of before
 * @count: changes that follow
 * @id_len: length of the document's id
 * @__reserved: 0
 *
 * What a kind has no use for is 0.
 */
struct docstore_record {
	__u32 size;
	__u8 kind;
	__u8 reason;
	__u16 flags;
	__aligned_u64 sequence;
	__aligned_u64 commit;
	__aligned_u64 time;
	__aligned_u64 version;
	__u32 partition;
	__u32 type;
	__u32 old_type;
	__u32 count;
	__u8 id_len;
	__u8 __reserved[7];
};

/**
 * struct docstore_record_change - what has happened to a property
 * @property: its name id
 * @what: what was last done to it: DOCSTORE_OP_SET, DOCSTORE_OP_UNSET or DOCSTORE_OP_ADD
 * @type: type of the value that it has now, DOCSTORE_TYPE_NONE if it is gone
 * @__reserved: 0
 * @len: bytes of the value, whether it is there or not
 */
struct docstore_record_change {
	__u32 property;
	__u8 what;
	__u8 type;
	__u16 __reserved;
	__u32 len;
};

/**
 * enum docstore_lost_reason - why changes were lost
 * @DOCSTORE_LOST_OVERRUN: the reader was too slow: they were overwritten
 * @DOCSTORE_LOST_STORE: the token is of another store, perhaps of the same name. How many
 *	changes were lost is not known, and 0
 */
enum docstore_lost_reason {
	DOCSTORE_LOST_OVERRUN = 1,
	DOCSTORE_LOST_STORE = 2,
};

/**
 * struct docstore_record_lost - what was lost
 * @records: how many changes of the partition, whether the stream wants them or not, and
 *	also those that documents of a snapshot have shown that come behind this
 * @until: when the first change was made that was not lost; 0 if not known
 * @reason: enum docstore_lost_reason
 * @__reserved: 0
 */
struct docstore_record_lost {
	__aligned_u64 records;
	__aligned_u64 until;
	__u32 reason;
	__u32 __reserved;
};

/**
 * enum docstore_stream_state - the state of a stream
 * @DOCSTORE_STREAM_RUNNING: records come as they are read
 * @DOCSTORE_STREAM_PAUSED: nothing comes until it is resumed
 * @DOCSTORE_STREAM_COMPLETE: all was read. Reads return 0
 * @DOCSTORE_STREAM_ERROR: reads fail
 */
enum docstore_stream_state {
	DOCSTORE_STREAM_RUNNING = 0,
	DOCSTORE_STREAM_PAUSED = 1,
	DOCSTORE_STREAM_COMPLETE = 2,
	DOCSTORE_STREAM_ERROR = 3,
};

/**
 * struct docstore_stream_info - DOCSTORE_STREAM_INFO: a stream
 * @size: sizeof(struct docstore_stream_info)
 * @flags: must be 0
 * @state: enum docstore_stream_state
 * @stream_flags: enum docstore_stream_flags
 * @error: in state ERROR the errno with which reads fail, else 0
 * @memory: bytes that the stream takes, without its file and session
 * @records: records that were read
 * @bytes: their bytes
 * @passed: changes that it did not want
 * @lost: changes that were lost
 * @behind: bytes of the backlogs that it has not read
 * @backlog: bytes that there may be: when @behind gets there, changes are lost
 * @needed: bytes that a read must have room for that failed with EMSGSIZE, else 0
 * @pauses: how often it was paused
 * @paused_ns: for how long it is paused now
 * @timeout_ms: of the pause going on
 * @__reserved: 0
 *
 * All but the first two are filled in by the kernel.
 *
 * Errors: EFAULT, EINTR, EINVAL.
 */
struct docstore_stream_info {
	__u32 size;
	__u32 flags;
	__u32 state;
	__u32 stream_flags;
	__u32 error;
	__u32 memory;
	__aligned_u64 records;
	__aligned_u64 bytes;
	__aligned_u64 passed;
	__aligned_u64 lost;
	__aligned_u64 behind;
	__aligned_u64 backlog;
	__u32 needed;
	__u32 pauses;
	__aligned_u64 paused_ns;
	__u32 timeout_ms;
	__u32 __reserved;
};

/**
 * enum docstore_pause_flags - how a pause ends
 * @DOCSTORE_PAUSE_THEN_ERROR: when its time is over the stream fails, with ETIMEDOUT;
 *	else it is resumed
 */
enum docstore_pause_flags {
	DOCSTORE_PAUSE_THEN_ERROR = 1 << 0,
};

/**
 * struct docstore_stream_pause - DOCSTORE_STREAM_PAUSE: yield nothing for a while
 * @size: sizeof(struct docstore_stream_pause)
 * @flags: enum docstore_pause_flags
 * @timeout_ms: for how long, in milliseconds; 0 until it is resumed
 * @__reserved: must be 0
 *
 * Reads wait, or fail with EAGAIN, and poll() does not report the descriptor readable. A
 * read going on may still return records. A stream that is paused already is paused anew,
 * with the new time. What happens meanwhile stays in the backlogs for as long as these
 * hold it, a snapshot as long as the stream does.
 *
 * Errors: EFAULT, EINTR, EINVAL, ENOMEM; EPIPE if the stream is complete or has failed.
 */
struct docstore_stream_pause {
	__u32 size;
	__u32 flags;
	__u32 timeout_ms;
	__u32 __reserved;
};

/**
 * struct docstore_stream_resume - DOCSTORE_STREAM_RESUME: go on where it was paused
 * @size: sizeof(struct docstore_stream_resume)
 * @flags: must be 0
 *
 * Nothing is done to a stream that is running.
 *
 * Errors: EFAULT, EINVAL; EPIPE if the stream is complete or has failed.
 */
struct docstore_stream_resume {
	__u32 size;
	__u32 flags;
};

#endif /* _UAPI_LINUX_DOCSTORE_STREAM_H */

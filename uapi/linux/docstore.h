/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * docstore: structured documents shared by the processes of one host.
 *
 * /dev/docstore is the control node. DOCSTORE_STORE_OPEN on it gives a
 * descriptor of one store, and every operation on documents goes to such a
 * descriptor.
 */
#ifndef _UAPI_LINUX_DOCSTORE_H
#define _UAPI_LINUX_DOCSTORE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: Conventions
 *
 * Every ioctl takes a pointer to one struct whose first field, @size, is the
 * size of that struct as the caller was compiled with. A caller that is older
 * than the kernel passes a shorter struct, and what it lacks counts as zero; a
 * caller that is newer passes a longer one, and is refused with E2BIG if what
 * the kernel does not know is not zero, or if the struct is longer than a page.
 * Fields named __reserved and unknown flags must be zero. The same holds for
 * arrays of structs, whose element size is passed beside them; what an element
 * has beyond what the kernel knows comes back as zero.
 *
 * Pointers are passed as __aligned_u64, so that 32-bit programs work unchanged
 * on a 64-bit kernel. Sizes are in bytes, times in nanoseconds since 1970
 * (CLOCK_REALTIME) unless a field says otherwise.
 *
 * A call whose results do not fit returns what fits and says where to go on;
 * it never fails for want of room.
 */

/**
 * DOC: Errors
 *
 * What each error means, for all operations. An ioctl returns -1 and sets
 * errno; operations inside DOCSTORE_SUBMIT and DOCSTORE_READ_MANY carry the
 * same numbers, negative, in their result fields.
 *
 * ============ ==============================================================
 * E2BIG        a struct is longer than the kernel knows, and its tail is not
 *              zero; or a batch has more operations or bytes than one may have
 * EACCES       the mode of the store does not allow what was asked
 * EAGAIN       as many descriptors are open as may be, and who opens one more does
 *              not want to wait
 * EBADF        the descriptor was not opened for what was asked: reading or
 *              writing
 * EBUSY        as many batches that span partitions wait as may wait; or the
 *              session has as much under way by io_uring as it may have
 * ECANCELED    the operation was not carried out, because another one on the
 *              same document or in the same atomic batch failed, or a signal or
 *              a timeout came first
 * EDOM         add: the property is there, but it is not an s64
 * EEXIST       a store of this name exists; or the document exists and the
 *              operation asked that it must not
 * EFAULT       a pointer does not point at memory of the caller
 * EFBIG        the document would have too many properties or be too large, or
 *              a value is too large
 * EINTR        a signal came before anything was done
 * EINVAL       a field has a value that it may not have: an unknown flag or
 *              operation, a reserved field that is not zero, a struct that is
 *              too short, an id of length 0, a property id that was never given
 *              out, an illegal store name
 * EMFILE       the process has too many open files
 * EMSGSIZE     read: the next record does not fit
 * ENAMETOOLONG an id or the name of a property or a type is too long
 * ENODATA      the document has no such property
 * ENOENT       no store of this name; no such document
 * ENOMEM       the kernel has no memory for it
 * ENOSPC       the store has reached its limit of memory or of names; or there
 *              are as many stores, snapshots of one or by one session, or streams
 *              by one session, as there may be
 * ENOTTY       not an operation of this descriptor
 * EOVERFLOW    add: the sum does not fit in an s64
 * EPERM        the caller may not remove the store, or change settings
 * EPIPE        the stream is complete, or has failed
 * ESTALE       the document has another version than the operation asked for;
 *              or the snapshot was revoked, since its lease was over
 * ETIMEDOUT    the time given was over before anything was done; read: the stream was
 *              paused for too long
 * ============ ==============================================================
 */

/* The first version of this interface. */
#define DOCSTORE_ABI			1

#define DOCSTORE_IOC_TYPE		0xDC

/* On /dev/docstore; DOCSTORE_INFO and DOCSTORE_CONFIG on a store as well. */
#define DOCSTORE_INFO			_IO(DOCSTORE_IOC_TYPE, 0x00)
#define DOCSTORE_STORE_CREATE		_IO(DOCSTORE_IOC_TYPE, 0x01)
#define DOCSTORE_STORE_OPEN		_IO(DOCSTORE_IOC_TYPE, 0x02)
#define DOCSTORE_STORE_REMOVE		_IO(DOCSTORE_IOC_TYPE, 0x03)
#define DOCSTORE_STORE_LIST		_IO(DOCSTORE_IOC_TYPE, 0x04)
#define DOCSTORE_MODULE_STATS		_IO(DOCSTORE_IOC_TYPE, 0x05)
#define DOCSTORE_SESSION_LIST		_IO(DOCSTORE_IOC_TYPE, 0x06)
#define DOCSTORE_CONFIG			_IO(DOCSTORE_IOC_TYPE, 0x07)

/* On a store; but for SUBMIT, SNAPSHOT and what follows it on a snapshot as well. */
#define DOCSTORE_STORE_INFO		_IO(DOCSTORE_IOC_TYPE, 0x10)
#define DOCSTORE_INTERN			_IO(DOCSTORE_IOC_TYPE, 0x11)
#define DOCSTORE_NAMES			_IO(DOCSTORE_IOC_TYPE, 0x12)
#define DOCSTORE_SUBMIT			_IO(DOCSTORE_IOC_TYPE, 0x13)
#define DOCSTORE_READ			_IO(DOCSTORE_IOC_TYPE, 0x14)
#define DOCSTORE_READ_MANY		_IO(DOCSTORE_IOC_TYPE, 0x15)
#define DOCSTORE_SCAN			_IO(DOCSTORE_IOC_TYPE, 0x16)
#define DOCSTORE_SNAPSHOT		_IO(DOCSTORE_IOC_TYPE, 0x17)
#define DOCSTORE_SNAPSHOT_LIST		_IO(DOCSTORE_IOC_TYPE, 0x18)
#define DOCSTORE_COORDINATOR		_IO(DOCSTORE_IOC_TYPE, 0x19)
#define DOCSTORE_STATS			_IO(DOCSTORE_IOC_TYPE, 0x1a)
#define DOCSTORE_CHECK			_IO(DOCSTORE_IOC_TYPE, 0x1b)
#define DOCSTORE_HINT			_IO(DOCSTORE_IOC_TYPE, 0x1c)

/* On a snapshot. What those ask who run it, and its structs: linux/docstore_monitor.h. */
#define DOCSTORE_SNAPSHOT_INFO		_IO(DOCSTORE_IOC_TYPE, 0x20)

/* Limits; DOCSTORE_INFO reports those of the running kernel. */
#define DOCSTORE_MAX_ID			255
#define DOCSTORE_MAX_NAME		255	/* of a property or a type */
#define DOCSTORE_MAX_NAMES		65535	/* in one store */
#define DOCSTORE_MAX_PROPERTIES		1024	/* of one document */
#define DOCSTORE_MAX_DOCUMENT		(1024 * 1024)
#define DOCSTORE_MAX_OPS		16384	/* in one batch, or one read */
#define DOCSTORE_MAX_BATCH		(16 * 1024 * 1024)
#define DOCSTORE_MAX_PARTITIONS		256
#define DOCSTORE_MAX_VERSION		0x4000000000000000ULL /* that touch may ask for */
#define DOCSTORE_STORE_NAME_SIZE	64	/* with the closing NUL */

/**
 * enum docstore_type - the type of a property's value
 * @DOCSTORE_TYPE_NONE: no value
 * @DOCSTORE_TYPE_NULL: null; it has no bytes
 * @DOCSTORE_TYPE_BOOL: one byte, 0 or 1
 * @DOCSTORE_TYPE_S64: a signed integer of eight bytes
 * @DOCSTORE_TYPE_U64: an unsigned integer of eight bytes
 * @DOCSTORE_TYPE_F64: an IEEE 754 double of eight bytes
 * @DOCSTORE_TYPE_STRING: text; by agreement UTF-8, which the kernel does not
 *	check, and with no closing NUL
 * @DOCSTORE_TYPE_BYTES: any bytes
 * @DOCSTORE_TYPE_JSON: the text of any JSON value, which the kernel does not
 *	check; by agreement one that none of the other types can hold, as arrays
 *	and objects
 *
 * Numbers are in the byte order of the host.
 */
enum docstore_type {
	DOCSTORE_TYPE_NONE = 0,
	DOCSTORE_TYPE_NULL = 1,
	DOCSTORE_TYPE_BOOL = 2,
	DOCSTORE_TYPE_S64 = 3,
	DOCSTORE_TYPE_U64 = 4,
	DOCSTORE_TYPE_F64 = 5,
	DOCSTORE_TYPE_STRING = 6,
	DOCSTORE_TYPE_BYTES = 7,
	DOCSTORE_TYPE_JSON = 8,
};

/**
 * enum docstore_version_flags - flags of a document version
 * @DOCSTORE_VERSION_TOMBSTONE: the document was deleted; never returned by an
 *	ioctl
 * @DOCSTORE_VERSION_WIDE: the ends of the values are __u32, not __u16
 * @DOCSTORE_VERSION_SET: there is an array of the versions that last set each
 *	property; without it, all of them were set by this version
 */
enum docstore_version_flags {
	DOCSTORE_VERSION_TOMBSTONE = 1 << 0,
	DOCSTORE_VERSION_WIDE = 1 << 1,
	DOCSTORE_VERSION_SET = 1 << 2,
};

/**
 * struct docstore_version - one version of a document
 * @seq: number of the partition's commit that published it
 * @version: version number of the document. It grows with every batch that
 *	changes the document and never goes backwards for one id, not even when
 *	the document is deleted and made again. A new document begins with 1, or
 *	with a higher number where documents were deleted before
 * @created: when the document was created
 * @changed: when this version was made
 * @size: bytes of the whole version: this header and all that follows
 * @prev: where the preceding version lies in the arena (see docstore_map.h);
 *	0 if there is none, and in what an ioctl returns
 * @type: name id of the document's type, 0 if it has none
 * @nprops: number of properties
 * @id_len: length of the document's id, 1 to 255
 * @flags: enum docstore_version_flags
 *
 * This is how a document lies in the store's memory, and how the ioctls return
 * it. It begins at a multiple of eight bytes. Behind the header follow, without
 * padding:
 *
 * - with DOCSTORE_VERSION_SET, @nprops __u32: for each property the low 32 bits
 *   of the version number that last set it. A property that was not set for
 *   2^32 - 1 versions reports the oldest number that 32 bits can tell;
 * - @nprops __u16, or __u32 with DOCSTORE_VERSION_WIDE: for each property where
 *   its value ends, counted from the beginning of the first value. A value
 *   begins where the one before it ends;
 * - @nprops __u16: name ids, in the order in which the properties were first
 *   set;
 * - @nprops __u8: types of the values, enum docstore_type;
 * - @id_len bytes: the document's id;
 * - the values, not aligned.
 *
 * A version is never modified once it is published, but for @prev: what no
 * reader needs any more is skipped.
 */
struct docstore_version {
	__aligned_u64 seq;
	__aligned_u64 version;
	__aligned_u64 created;
	__aligned_u64 changed;
	__u32 size;
	__u32 prev;
	__u32 type;
	__u16 nprops;
	__u8 id_len;
	__u8 flags;
};

/**
 * struct docstore_info - DOCSTORE_INFO: what the running module offers
 * @size: sizeof(struct docstore_info)
 * @flags: must be 0
 * @abi: DOCSTORE_ABI of the module
 * @map_layout: DOCSTORE_MAP_LAYOUT of the module
 * @workers: number of worker threads now
 * @stores: number of stores now
 * @max_stores: number of stores that there may be
 * @max_partitions: of one store
 * @max_ops: operations in one batch
 * @max_batch: bytes of one batch: values, room for answers of get, and ids, of
 *	which successive operations with the same pointer and length count one
 * @max_document: bytes of one document version
 * @max_properties: of one document
 * @max_names: property and type names in one store
 * @__reserved: 0
 *
 * All but the first two are filled in by the kernel.
 */
struct docstore_info {
	__u32 size;
	__u32 flags;
	__u32 abi;
	__u32 map_layout;
	__u32 workers;
	__u32 stores;
	__u32 max_stores;
	__u32 max_partitions;
	__u32 max_ops;
	__u32 max_batch;
	__u32 max_document;
	__u32 max_properties;
	__u32 max_names;
	__u32 __reserved;
};

/**
 * struct docstore_store_create - DOCSTORE_STORE_CREATE: make an empty store
 * @size: sizeof(struct docstore_store_create)
 * @flags: must be 0
 * @mode: who may read and write it: permission bits as for a file (0 to 0666);
 *	the caller's umask is not applied
 * @partitions: over how many partitions the documents are spread, at most
 *	DOCSTORE_MAX_PARTITIONS; 0 for one for each online CPU, or fewer if
 *	@max_bytes is small. Cannot change
 * @max_bytes: limit of the memory it takes, in bytes; 0 for the module's
 *	default. Memory is taken in pieces of little more than 2 MiB for one
 *	partition; a limit that does not allow each partition a piece is illegal
 * @name: its name, with a closing NUL: 1 to 63 letters, digits, '.', '_', '-',
 *	the first of them not a '.' or '-'
 *
 * The store belongs to the caller's effective user and group. It stays until
 * it is removed. The control node must have been opened for writing.
 *
 * Errors: EBADF, EEXIST, EFAULT, EINVAL, ENOMEM, ENOSPC.
 */
struct docstore_store_create {
	__u32 size;
	__u32 flags;
	__u32 mode;
	__u32 partitions;
	__aligned_u64 max_bytes;
	__u8 name[DOCSTORE_STORE_NAME_SIZE];
};

/**
 * enum docstore_open_flags - what a store is opened for
 * @DOCSTORE_OPEN_READ: to read documents
 * @DOCSTORE_OPEN_WRITE: to change documents
 */
enum docstore_open_flags {
	DOCSTORE_OPEN_READ = 1 << 0,
	DOCSTORE_OPEN_WRITE = 1 << 1,
};

/**
 * struct docstore_store_open - DOCSTORE_STORE_OPEN: a descriptor of a store
 * @size: sizeof(struct docstore_store_open)
 * @flags: enum docstore_open_flags, at least one of them
 * @name: the store's name, with a closing NUL
 *
 * The ioctl returns the new descriptor, which is closed on exec. It is checked
 * against the store's owner and mode once, here; CAP_DAC_OVERRIDE passes. Where as many
 * descriptors are open as may be, it waits until that is not so, unless the control node
 * was opened with O_NONBLOCK; CAP_SYS_ADMIN need not wait.
 *
 * Errors: EACCES, EAGAIN, EFAULT, EINTR, EINVAL, EMFILE, ENOENT, ENOMEM.
 */
struct docstore_store_open {
	__u32 size;
	__u32 flags;
	__u8 name[DOCSTORE_STORE_NAME_SIZE];
};

/**
 * struct docstore_store_remove - DOCSTORE_STORE_REMOVE: remove a store
 * @size: sizeof(struct docstore_store_remove)
 * @flags: must be 0
 * @name: the store's name, with a closing NUL
 *
 * Like unlink(2): the name is gone at once; whoever has the store open goes on
 * using it, and its memory is freed when the last descriptor is closed. Only
 * the store's owner and CAP_SYS_ADMIN may do that.
 *
 * Errors: EBADF, EFAULT, EINVAL, ENOENT, EPERM.
 */
struct docstore_store_remove {
	__u32 size;
	__u32 flags;
	__u8 name[DOCSTORE_STORE_NAME_SIZE];
};

/**
 * struct docstore_store_info - DOCSTORE_STORE_INFO: a store and its counters
 * @size: sizeof(struct docstore_store_info)
 * @flags: must be 0
 * @incarnation: number of the store, never used again while the module is
 *	loaded; with the time of creation it tells one store from another of
 *	the same name
 * @created: when the store was created
 * @uid: owner, as seen from the caller's user namespace
 * @gid: group, as seen from the caller's user namespace
 * @mode: permission bits
 * @partitions: number of partitions
 * @max_bytes: limit of the memory it may take
 * @bytes: memory it takes
 * @bytes_used: of @bytes, what is in use by documents and index
 * @bytes_retired: of @bytes, what is waiting to be reused
 * @bytes_index: of @bytes_used, what the index takes
 * @bytes_documents: of @bytes_used, the newest versions of all documents,
 *	without rounding
 * @documents: number of documents
 * @names: number of property and type names
 * @__reserved: 0
 * @commits: commits published
 * @batches: batches of which something was carried out
 * @batches_failed: batches of which nothing was carried out
 * @changes: versions made
 * @reads: documents looked up by DOCSTORE_READ and DOCSTORE_READ_MANY
 * @scanned: documents returned by DOCSTORE_SCAN
 * @name: the store's name, with a closing NUL
 * @map_size: bytes of the mapping (see docstore_map.h)
 * @lent: of the parts of batches that went to one partition, those that their
 *	submitters carried out themselves, the partition being lent to them
 * @polled: submitters for whom others carried out something, and who did not have
 *	to sleep meanwhile
 * @slept: and those who did
 * @bytes_snapshots: of @bytes_used, versions that are kept for snapshots only
 *
 * All but the first two are filled in by the kernel. The counters are read
 * one after the other while the store changes.
 */
struct docstore_store_info {
	__u32 size;
	__u32 flags;
	__aligned_u64 incarnation;
	__aligned_u64 created;
	__u32 uid;
	__u32 gid;
	__u32 mode;
	__u32 partitions;
	__aligned_u64 max_bytes;
	__aligned_u64 bytes;
	__aligned_u64 bytes_used;
	__aligned_u64 bytes_retired;
	__aligned_u64 bytes_index;
	__aligned_u64 bytes_documents;
	__aligned_u64 documents;
	__u32 names;
	__u32 __reserved;
	__aligned_u64 commits;
	__aligned_u64 batches;
	__aligned_u64 batches_failed;
	__aligned_u64 changes;
	__aligned_u64 reads;
	__aligned_u64 scanned;
	__u8 name[DOCSTORE_STORE_NAME_SIZE];
	__aligned_u64 map_size;
	__aligned_u64 lent;
	__aligned_u64 polled;
	__aligned_u64 slept;
	__aligned_u64 bytes_snapshots;
};

/**
 * struct docstore_store_list - DOCSTORE_STORE_LIST: which stores there are
 * @size: sizeof(struct docstore_store_list)
 * @flags: must be 0
 * @stores: pointer to an array of struct docstore_store_info
 * @store_size: sizeof(struct docstore_store_info)
 * @count: in: room in the array, in elements, at least 1 or nothing is learnt;
 *	out: elements filled in
 * @cursor: in: 0 at first, then as it was returned; out: where to go on, 0 when
 *	all stores were listed
 *
 * Stores come in the order of their creation. Every user may list all of them.
 *
 * Errors: E2BIG, EFAULT, EINVAL.
 */
struct docstore_store_list {
	__u32 size;
	__u32 flags;
	__aligned_u64 stores;
	__u32 store_size;
	__u32 count;
	__aligned_u64 cursor;
};

/**
 * struct docstore_name - one name to be interned
 * @name: pointer to its bytes, with no closing NUL
 * @len: their number, 1 to DOCSTORE_MAX_NAME
 * @id: out: the name's id, from 1; 0 if there is no such name and none was to
 *	be made
 */
struct docstore_name {
	__aligned_u64 name;
	__u32 len;
	__u32 id;
};

/**
 * enum docstore_intern_flags - flags of DOCSTORE_INTERN
 * @DOCSTORE_INTERN_CREATE: give ids to names that have none yet; needs a
 *	descriptor that may write
 */
enum docstore_intern_flags {
	DOCSTORE_INTERN_CREATE = 1 << 0,
};

/**
 * struct docstore_intern - DOCSTORE_INTERN: from names to ids
 * @size: sizeof(struct docstore_intern)
 * @flags: enum docstore_intern_flags
 * @names: pointer to an array of struct docstore_name
 * @name_size: sizeof(struct docstore_name)
 * @count: elements in the array, 1 to DOCSTORE_MAX_OPS
 * @done: out: elements whose id was filled in, also when the call fails
 * @__reserved: must be 0
 *
 * Property names and names of types share one table for each store. An id
 * stays valid for as long as the store exists: callers keep it.
 *
 * Errors: E2BIG, EBADF, EFAULT, EINVAL, ENAMETOOLONG, ENOMEM, ENOSPC.
 */
struct docstore_intern {
	__u32 size;
	__u32 flags;
	__aligned_u64 names;
	__u32 name_size;
	__u32 count;
	__u32 done;
	__u32 __reserved;
};

/**
 * struct docstore_name_record - one name, as DOCSTORE_NAMES returns it
 * @id: the name's id
 * @len: bytes of the name, which follow; the next record begins behind them at
 *	the next multiple of eight bytes
 */
struct docstore_name_record {
	__u32 id;
	__u32 len;
};

/**
 * struct docstore_names - DOCSTORE_NAMES: from ids to names
 * @size: sizeof(struct docstore_names)
 * @flags: must be 0
 * @buffer: pointer to where the records go
 * @buffer_len: bytes there; at least 264, so that any one record fits
 * @first: in: the first id wanted, from 1; out: the id to go on with
 * @count: out: records returned; 0 when there are no more
 * @used: out: bytes filled in
 *
 * Errors: EFAULT, EINVAL, ENOMEM.
 */
struct docstore_names {
	__u32 size;
	__u32 flags;
	__aligned_u64 buffer;
	__u32 buffer_len;
	__u32 first;
	__u32 count;
	__u32 used;
};

/**
 * enum docstore_op_code - what an operation does
 * @DOCSTORE_OP_GET: read the document (property 0) or one property into the
 *	buffer at @value, as the operations before it in the batch leave it. If
 *	they have changed the document, it has the version number that it will
 *	have unless a later touch raises it, and seq is 0
 * @DOCSTORE_OP_SET: set a property to a value
 * @DOCSTORE_OP_UNSET: remove a property; property 0 removes all of them
 * @DOCSTORE_OP_ADD: add @value, an s64, to a property; one that is not there
 *	counts as 0
 * @DOCSTORE_OP_DELETE: delete the document
 * @DOCSTORE_OP_TOUCH: make a new version with nothing else changed. @value is
 *	a version number that the document reaches at least, up to
 *	DOCSTORE_MAX_VERSION, or 0: this is how a restored document gets its old
 *	version back
 * @DOCSTORE_OP_SET_TYPE: set the document's type to the name id in @property,
 *	or to none if that is 0
 * @DOCSTORE_OP_CHECK: nothing but to check the conditions, for documents that the
 *	batch depends on and does not change. It succeeds for documents that do not
 *	exist as well
 *
 * Set, add, touch and set type create a document that does not exist. Get,
 * unset and delete of one that does not exist fail with ENOENT; get and unset
 * of a property that is not there with ENODATA, but unset of all never does.
 *
 * A document that takes all of DOCSTORE_MAX_DOCUMENT has no room for the array
 * of set versions (see struct docstore_version): whatever changes it and leaves
 * some of its properties as they are fails with EFBIG.
 */
enum docstore_op_code {
	DOCSTORE_OP_GET = 1,
	DOCSTORE_OP_SET = 2,
	DOCSTORE_OP_UNSET = 3,
	DOCSTORE_OP_ADD = 4,
	DOCSTORE_OP_DELETE = 5,
	DOCSTORE_OP_TOUCH = 6,
	DOCSTORE_OP_SET_TYPE = 7,
	DOCSTORE_OP_CHECK = 8,
};

/**
 * enum docstore_op_flags - conditions of an operation
 * @DOCSTORE_IF_EXISTS: the document must exist, or ENOENT
 * @DOCSTORE_IF_ABSENT: the document must not exist, or EEXIST
 * @DOCSTORE_IF_VERSION: the document's version must be @version, or ESTALE; a
 *	document that does not exist has version 0
 *
 * A condition is checked against the document as it was before the batch. The
 * first two together never hold.
 */
enum docstore_op_flags {
	DOCSTORE_IF_EXISTS = 1 << 0,
	DOCSTORE_IF_ABSENT = 1 << 1,
	DOCSTORE_IF_VERSION = 1 << 2,
};

/**
 * struct docstore_op - one operation on one document
 * @code: enum docstore_op_code
 * @flags: enum docstore_op_flags
 * @type: type of the value: enum docstore_type for set, DOCSTORE_TYPE_S64 for
 *	add, DOCSTORE_TYPE_U64 or DOCSTORE_TYPE_NONE for touch, else
 *	DOCSTORE_TYPE_NONE. Out: type of the property that get returned
 * @id_len: length of the id, 1 to DOCSTORE_MAX_ID
 * @__reserved0: must be 0
 * @property: name id of a property; of the type for set type; must be 0 where
 *	the operation has neither
 * @result: out: 0, or what went wrong, as a negative errno
 * @id: pointer to the document's id
 * @value: for bool 0 or 1; for numbers the value itself (the bits of an f64);
 *	for string, bytes, json and get a pointer; else must be 0
 * @value_len: for string, bytes and json the number of bytes; for get in: room
 *	at @value, out: bytes of what there was to return, of which no more
 *	than the room was copied; else must be 0
 * @__reserved1: must be 0
 * @version: in: what DOCSTORE_IF_VERSION compares, else must be 0; out: version
 *	number of the document after the batch, for a deleted one that of its
 *	deletion, and 0 if the operation failed. Who submits the same struct
 *	again clears it first
 * @__reserved2: must be 0
 */
struct docstore_op {
	__u8 code;
	__u8 flags;
	__u8 type;
	__u8 id_len;
	__u32 __reserved0;
	__u32 property;
	__s32 result;
	__aligned_u64 id;
	__aligned_u64 value;
	__u32 value_len;
	__u32 __reserved1;
	__aligned_u64 version;
	__aligned_u64 __reserved2[2];
};

/**
 * enum docstore_submit_flags - flags of a batch
 * @DOCSTORE_SUBMIT_ATOMIC: either all operations of the batch succeed and
 *	become visible together, or none of them does. Without it that holds for
 *	each document: all operations on one document succeed together or fail
 *	together, whatever becomes of the other documents
 */
enum docstore_submit_flags {
	DOCSTORE_SUBMIT_ATOMIC = 1 << 0,
};

/**
 * struct docstore_submit - DOCSTORE_SUBMIT: a batch of operations
 * @size: sizeof(struct docstore_submit)
 * @flags: enum docstore_submit_flags
 * @ops: pointer to an array of struct docstore_op
 * @op_size: sizeof(struct docstore_op)
 * @count: operations in the array, 1 to DOCSTORE_MAX_OPS
 * @timeout_ms: how long the batch may wait for its turn, in milliseconds; 0 for
 *	as long as it takes. Once its turn has come it is carried out. A call
 *	that is restarted after a signal (SA_RESTART) has all of it again
 * @failed: out: how many operations have a result that is not 0
 *
 * The ioctl succeeds when the batch was carried out, or an atomic one was
 * refused for what its operations found: @failed and the operations' results
 * say which. All that succeeded is visible to every reader when it returns.
 * When the ioctl fails, nothing was done and no result was written, but for
 * EFAULT: where results cannot be written, the batch may have been carried out.
 * A descriptor that may not write is good for get and check only, and one that may
 * not read for all others.
 *
 * An atomic batch may span partitions. Such batches of one store are carried out
 * one at a time, by the store's coordinator (see struct docstore_coordinator), and
 * become visible in all partitions at once to who reads several documents
 * together. Those that touch one partition only never wait for the coordinator.
 *
 * Operations on one document are carried out in their order and make one new
 * version of it. Where one of them fails, the others have the result
 * -ECANCELED, and so have those on all other documents of an atomic batch.
 *
 * Errors: E2BIG, EBADF, EBUSY, EFAULT, EINTR, EINVAL, ENOMEM, ETIMEDOUT; in
 * results ECANCELED, EDOM, EEXIST, EFBIG, ENODATA, ENOENT, ENOMEM,
 * ENOSPC, EOVERFLOW, ESTALE.
 */
struct docstore_submit {
	__u32 size;
	__u32 flags;
	__aligned_u64 ops;
	__u32 op_size;
	__u32 count;
	__u32 timeout_ms;
	__u32 failed;
};

/**
 * struct docstore_uring_cmd - an operation by io_uring
 * @arg: pointer to the operation's argument, the struct that its ioctl takes
 * @__reserved: must be 0
 *
 * All operations of a store's descriptor can be had as IORING_OP_URING_CMD: the
 * ioctl's number stands in the entry's cmd_op, and this in its cmd. The completion's
 * res is what the ioctl returns. The argument, and what it points at, must stay
 * until then.
 *
 * DOCSTORE_SUBMIT does not wait: a batch whose partitions are idle is complete at
 * once, any other when their owners have carried it out. Any number may be under way.
 * What is under way when the ring or the process goes is canceled if its turn has not
 * come yet, and then nothing of it is done (from Linux 6.7 on; before, it is carried
 * out). Results are not written for a process that is gone. The other operations
 * are carried out as by the ioctl; those that may take long by a thread of io_uring.
 *
 * Errors: those of the ioctl, but EINTR; ECANCELED; EINVAL; EOPNOTSUPP for the
 * control node, and where the kernel has no io_uring.
 */
struct docstore_uring_cmd {
	__aligned_u64 arg;
	__aligned_u64 __reserved;
};

/**
 * struct docstore_read - DOCSTORE_READ: one document, or one property of it
 * @size: sizeof(struct docstore_read)
 * @flags: must be 0
 * @id: pointer to the document's id
 * @id_len: its length
 * @property: name id of the property whose value is wanted; 0 for the document
 *	as a struct docstore_version
 * @buffer: pointer to where it goes
 * @buffer_len: room there; may be 0
 * @length: out: bytes of the document or value, of which no more than
 *	@buffer_len were copied
 * @version: out: version number of the document
 * @type: out: type of the property's value, or DOCSTORE_TYPE_NONE
 * @__reserved: must be 0
 *
 * Errors: EBADF, EFAULT, EINVAL, ENAMETOOLONG, ENODATA, ENOENT, ENOMEM, ESTALE.
 */
struct docstore_read {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	__u32 id_len;
	__u32 property;
	__aligned_u64 buffer;
	__u32 buffer_len;
	__u32 length;
	__aligned_u64 version;
	__u32 type;
	__u32 __reserved;
};

/**
 * struct docstore_read_item - one of the documents of DOCSTORE_READ_MANY
 * @id: pointer to the document's id
 * @id_len: its length
 * @result: out: 0, or a negative errno: -ENOENT, -EINVAL, -ENAMETOOLONG
 * @offset: out: where in the buffer its struct docstore_version begins, a
 *	multiple of eight
 * @length: out: bytes of the document
 */
struct docstore_read_item {
	__aligned_u64 id;
	__u32 id_len;
	__s32 result;
	__u32 offset;
	__u32 length;
};

/**
 * enum docstore_read_flags - flags of DOCSTORE_READ_MANY
 * @DOCSTORE_READ_TOGETHER: all documents as they were at one moment within the
 *	call. Where they do not all fit, none is returned: @done is 0, and @needed
 *	tells the room for all of them
 */
enum docstore_read_flags {
	DOCSTORE_READ_TOGETHER = 1 << 0,
};

/**
 * struct docstore_read_many - DOCSTORE_READ_MANY: many documents at once
 * @size: sizeof(struct docstore_read_many)
 * @flags: enum docstore_read_flags
 * @items: pointer to an array of struct docstore_read_item
 * @item_size: sizeof(struct docstore_read_item)
 * @count: elements of the array, 1 to DOCSTORE_MAX_OPS
 * @buffer: pointer to where the documents go
 * @buffer_len: room there
 * @done: out: items done; call again with the rest. Where the first one alone
 *	does not fit, this is 0 and @needed tells the room for it
 * @used: out: bytes of the buffer filled in
 * @needed: out: bytes that the first item not done asks for, or 0
 *
 * Each document is read for itself, but with DOCSTORE_READ_TOGETHER and on a
 * snapshot.
 *
 * Errors: E2BIG, EBADF, EBUSY, EFAULT, EINTR, EINVAL, ENOMEM, ESTALE.
 */
struct docstore_read_many {
	__u32 size;
	__u32 flags;
	__aligned_u64 items;
	__u32 item_size;
	__u32 count;
	__aligned_u64 buffer;
	__u32 buffer_len;
	__u32 done;
	__u32 used;
	__u32 needed;
};

/**
 * enum docstore_scan_flags - flags of a scan
 * @DOCSTORE_SCAN_IDS: return documents without their properties, as if they
 *	had none: nprops is 0
 * @DOCSTORE_SCAN_END: out: all documents were returned. Ignored on the way in,
 *	so that the struct can be passed again as it is
 */
enum docstore_scan_flags {
	DOCSTORE_SCAN_IDS = 1 << 0,
	DOCSTORE_SCAN_END = 1 << 1,
};

/**
 * struct docstore_scan - DOCSTORE_SCAN: all documents, a bufferful at a time
 * @size: sizeof(struct docstore_scan)
 * @flags: enum docstore_scan_flags
 * @prefix: pointer to a prefix that ids must have
 * @prefix_len: its length; 0 for all documents
 * @type: name id of the type that documents must have; 0 for any
 * @buffer: pointer to where documents go, as struct docstore_version, each at a
 *	multiple of eight bytes
 * @buffer_len: room there
 * @used: out: bytes filled in
 * @count: out: documents returned
 * @needed: out: bytes that the next document asks for if the buffer was too
 *	small for that one alone, else 0
 * @cursor: all 0 at first, then as it was returned
 *
 * Documents come in no particular order. One that exists throughout the scan
 * is returned exactly once; one that is created or deleted meanwhile may be
 * returned or not. A call may return with few documents, or none, before the
 * end; DOCSTORE_SCAN_END tells the end. On a snapshot a scan returns exactly
 * the documents that existed when it was taken, as they were.
 *
 * Errors: EBADF, EFAULT, EINTR, EINVAL, ENAMETOOLONG, ENOMEM, ESTALE.
 */
struct docstore_scan {
	__u32 size;
	__u32 flags;
	__aligned_u64 prefix;
	__u32 prefix_len;
	__u32 type;
	__aligned_u64 buffer;
	__u32 buffer_len;
	__u32 used;
	__u32 count;
	__u32 needed;
	__aligned_u64 cursor[2];
};

/**
 * struct docstore_snapshot - DOCSTORE_SNAPSHOT: pin the store as it is now
 * @size: sizeof(struct docstore_snapshot)
 * @flags: must be 0
 * @lease_ms: after so many milliseconds the snapshot is revoked; 0 for never
 * @__reserved: must be 0
 * @id: out: number of the snapshot, never used again in this store
 *
 * The ioctl returns a new descriptor, closed on exec, which may read. On it
 * DOCSTORE_READ, DOCSTORE_READ_MANY and DOCSTORE_SCAN see all documents as they
 * were at one moment within the call, for as long as it is open: every batch
 * that had returned by then, none that began later, and no part of any batch
 * without the rest. DOCSTORE_STORE_INFO, DOCSTORE_NAMES and DOCSTORE_INTERN
 * (without new names) are about the store, as on its own descriptor.
 *
 * Versions that the snapshot needs stay in memory, and count against the store's
 * limit, until the descriptor is closed, and its mapping gone, or its lease is over.
 * Then reads fail with ESTALE, and poll() reports POLLHUP. The mapping of the
 * descriptor is one page, a struct docstore_map_snapshot: with it the store's own
 * mapping can be read as of the snapshot.
 *
 * Like DOCSTORE_STORE_OPEN it may have to wait for a descriptor's turn.
 *
 * Errors: EAGAIN, EBADF, EBUSY, EFAULT, EINTR, EINVAL, EMFILE, ENOMEM, ENOSPC.
 */
struct docstore_snapshot {
	__u32 size;
	__u32 flags;
	__u32 lease_ms;
	__u32 __reserved;
	__aligned_u64 id;
};

/**
 * enum docstore_snapshot_state - what became of a snapshot
 * @DOCSTORE_SNAPSHOT_REVOKED: its lease is over
 */
enum docstore_snapshot_state {
	DOCSTORE_SNAPSHOT_REVOKED = 1 << 0,
};

/**
 * struct docstore_snapshot_info - DOCSTORE_SNAPSHOT_INFO: a snapshot
 * @size: sizeof(struct docstore_snapshot_info)
 * @flags: must be 0
 * @id: number of the snapshot
 * @created: when it was taken
 * @age: how long ago that is, in nanoseconds that no change of the clock affects
 * @lease_ms: its lease, counted from when it was taken; 0 if it has none
 * @state: enum docstore_snapshot_state
 * @bytes: memory that it retains: of versions that were replaced since it was
 *	taken and before the next snapshot was, if there is one
 * @versions: how many these are
 * @uid: who took it, as seen from the caller's user namespace
 * @__reserved: 0
 *
 * All but the first two are filled in by the kernel.
 *
 * Errors: EFAULT, EINVAL.
 */
struct docstore_snapshot_info {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	__aligned_u64 created;
	__aligned_u64 age;
	__u32 lease_ms;
	__u32 state;
	__aligned_u64 bytes;
	__aligned_u64 versions;
	__u32 uid;
	__u32 __reserved;
};

/**
 * struct docstore_snapshot_list - DOCSTORE_SNAPSHOT_LIST: which snapshots there are
 * @size: sizeof(struct docstore_snapshot_list)
 * @flags: must be 0
 * @snapshots: pointer to an array of struct docstore_snapshot_info
 * @snapshot_size: sizeof(struct docstore_snapshot_info)
 * @count: in: room in the array, in elements; out: elements filled in
 * @cursor: in: 0 at first, then as it was returned; out: where to go on, 0 when
 *	all snapshots were listed
 *
 * Snapshots come in the order in which they were taken. One that was closed or
 * revoked is listed until all that it retained was looked through.
 *
 * Errors: E2BIG, EBADF, EFAULT, EINVAL.
 */
struct docstore_snapshot_list {
	__u32 size;
	__u32 flags;
	__aligned_u64 snapshots;
	__u32 snapshot_size;
	__u32 count;
	__aligned_u64 cursor;
};

/**
 * struct docstore_waiting - a batch that waits for a store's coordinator
 * @waited: for how long it has waited, in nanoseconds
 * @operations: operations in it
 * @partitions: partitions that it spans
 */
struct docstore_waiting {
	__aligned_u64 waited;
	__u32 operations;
	__u32 partitions;
};

/**
 * struct docstore_coordinator - DOCSTORE_COORDINATOR: batches that span partitions
 * @size: sizeof(struct docstore_coordinator)
 * @flags: must be 0
 * @waiting: pointer to an array of struct docstore_waiting, which is filled with
 *	the batches that wait, the next one first; the one that is being carried
 *	out is not among them
 * @waiting_size: sizeof(struct docstore_waiting)
 * @count: in: room in the array, in elements; out: elements filled in
 * @queued: batches that wait
 * @max_queued: how many may wait; others are refused with EBUSY
 * @commits: batches that were carried out
 * @lent: of these, those that their submitters carried out themselves
 * @refused: batches that were refused for what their operations found
 * @no_memory: batches that were put off or failed for want of memory
 * @canceled: batches that a signal, or the end of a process or ring, came before
 * @timed_out: batches whose time was over before their turn had come
 * @rejected: batches for which there was no room in the queue
 * @wait_ns: time that batches have waited for their turn, all together
 * @wait_max_ns: the longest
 * @prepare_ns: time to get hold of all partitions, to check the conditions and to
 *	build what is new
 * @prepare_max_ns: the longest
 * @publish_ns: time to make it visible
 * @publish_max_ns: the longest
 *
 * The times are in nanoseconds and without those of batches that were lent the
 * partitions, which wait for nobody. @count may be less than @queued and the room:
 * batches that were canceled or are about to be added are not told.
 *
 * Errors: E2BIG, EBADF, EFAULT, EINVAL, ENOMEM.
 */
struct docstore_coordinator {
	__u32 size;
	__u32 flags;
	__aligned_u64 waiting;
	__u32 waiting_size;
	__u32 count;
	__u32 queued;
	__u32 max_queued;
	__aligned_u64 commits;
	__aligned_u64 lent;
	__aligned_u64 refused;
	__aligned_u64 no_memory;
	__aligned_u64 canceled;
	__aligned_u64 timed_out;
	__aligned_u64 rejected;
	__aligned_u64 wait_ns;
	__aligned_u64 wait_max_ns;
	__aligned_u64 prepare_ns;
	__aligned_u64 prepare_max_ns;
	__aligned_u64 publish_ns;
	__aligned_u64 publish_max_ns;
};

#endif /* _UAPI_LINUX_DOCSTORE_H */

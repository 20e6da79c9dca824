/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the ioctls must do: a simple store in our own memory.
 *
 * Each ioctl has a function that looks at the argument before the call, as the
 * kernel will, and says which errors must or may come of it; and one that looks
 * at what came back, and brings the model up to date.
 */
#ifndef DOCSTORE_FUZZ_MODEL_H
#define DOCSTORE_FUZZ_MODEL_H

#include <linux/docstore_stream.h>

#include "fuzz.h"

#define FZ_NAMES	128	/* names that a model knows */
#define FZ_DOCS		256	/* documents that it knows */

struct fz_prop {
	__u32 name;
	__u8 type;
	__u32 len;
	__u64 set;		/* version that set it */
	__u8 *value;
};

struct fz_doc {
	__u8 id[DOCSTORE_MAX_ID];
	__u8 id_len;
	bool exists;
	__u64 version;		/* or the last one it had */
	__u64 created;
	__u32 type;
	__u32 nprops;
	struct fz_prop *props;
};

struct fz_name {
	__u8 bytes[DOCSTORE_MAX_NAME];
	__u32 len;
};

/**
 * struct fz_span - what a store's coordinator must have counted
 * @sure: all batches since it was last asked are known
 * @commits: batches that were carried out
 * @refused: batches that were refused for what their operations found
 */
struct fz_span {
	bool sure;
	__u64 commits;
	__u64 refused;
};

/**
 * struct fz_store - what we know of a store
 * @name: its name
 * @named: it has not been removed
 * @sure: nobody else has changed it, and all that was done is known
 * @names_sure: the same for its names
 * @tight: its memory may be used up
 * @used: it is not as it was when it was made
 * @pinned: there may have been snapshots of it
 * @streamed: there may be snapshots of it that streams have
 * @written: bytes that were put into it
 * @keyed: @key is known
 * @key: of the hash of ids
 * @span: of its coordinator
 * @last_snapshot: number of the snapshot that was taken last, as far as is known
 */
struct fz_store {
	__u8 name[DOCSTORE_STORE_NAME_SIZE];
	bool named;
	bool sure;
	bool names_sure;
	bool tight;
	bool used;
	bool pinned;
	bool streamed;
	__u32 partitions;
	__u64 max_bytes;
	__u64 written;
	bool keyed;
	__u64 key[2];
	struct fz_span span;
	__u64 last_snapshot;
	__u32 nnames;
	struct fz_name names[FZ_NAMES];
	__u32 ndocs;
	struct fz_doc docs[FZ_DOCS];
};

/**
 * struct fz_snapshot - what we know of a snapshot
 * @users: slots that refer to it
 * @id: its number, 0 if it is not known
 * @lease_ms: its lease
 * @begin: it was taken after this, by CLOCK_MONOTONIC
 * @end: and before this
 * @begin_real: the same by CLOCK_REALTIME
 * @end_real: the same
 * @revoked: the kernel has said so. Threads that share the descriptor set it
 * @frozen: its documents; sure as soon as they are known, whatever others do
 */
struct fz_snapshot {
	unsigned int users;
	__u64 id;
	__u32 lease_ms;
	__u64 begin, end;
	__u64 begin_real, end_real;
	bool revoked;
	struct fz_store *frozen;
};

/**
 * struct fz_stream - what we know of a stream
 * @users: slots that refer to it
 * @arg: what it was opened with; its pointers are not used any more
 * @prefix: that of ids
 * @sure: nobody else has read or paused it, and its store is known
 * @state: enum docstore_stream_state, or FZ_STREAM_EITHER
 * @pause: what it was paused with last
 * @over: when that pause may be over, by CLOCK_MONOTONIC; 0 if it stays
 * @pauses: how often it was paused
 * @records: records that were read
 * @bytes: their bytes
 * @removed: that the store was removed was told
 * @foreign: the first record is about its token
 * @first: it begins with a bookmark, which was not read yet
 * @scan: it is before or in a snapshot
 * @begun: it is in it
 * @seen: documents of @has that were read since
 * @vague: of documents of @has the properties are not known
 * @at: the number of each partition's next change, 0 if it is not known
 * @has: its documents, as far as it has told; sure if all were told
 */
struct fz_stream {
	unsigned int users;
	struct docstore_stream arg;
	__u8 prefix[DOCSTORE_MAX_ID];
	bool sure;
	int state;
	struct docstore_stream_pause pause;
	__u64 over;
	__u32 pauses;
	__u64 records;
	__u64 bytes;
	bool foreign;
	bool removed;
	bool first;
	bool scan;
	bool begun;
	bool seen[FZ_DOCS];
	bool vague[FZ_DOCS];
	__u64 at[DOCSTORE_MAX_PARTITIONS];
	struct fz_store *has;
};

#define FZ_STREAM_EITHER	(-1)	/* running, or as a pause has ended */

struct fz_store *fz_store_new(const __u8 *name, __u32 partitions, __u64 max_bytes);
void fz_store_free(struct fz_store *s);
struct fz_store *fz_store_clone(const struct fz_store *from);
void fz_doc_free(struct fz_doc *d);
void fz_doc_clone(struct fz_doc *to, const struct fz_doc *from);
void fz_doc_clear(struct fz_doc *d);
struct fz_doc *fz_doc_find(struct fz_store *s, const __u8 *id, __u32 len);
struct fz_doc *fz_doc_get(struct fz_store *s, const __u8 *id, __u32 len);
struct fz_prop *fz_doc_prop(struct fz_doc *d, __u32 name);
struct fz_prop *fz_doc_set(struct fz_doc *d, __u32 name, __u8 type, const void *value, __u32 len);
void fz_doc_unset(struct fz_doc *d, struct fz_prop *p);
__u64 fz_doc_size(const struct fz_doc *d);
const char *fz_doc_differs(const struct fz_doc *d, const struct docstore_version *v, __u32 room);

/* What the store has, by reading all of it: it becomes what the model knows. */
void fz_store_resync(struct fz_run *run, int fd, struct fz_store *s);
/* Is all as the model has it? */
void fz_store_verify(struct fz_run *run, int fd, struct fz_store *s);
/* Delete all documents; false if the store is not as good as new. */
bool fz_store_empty(struct fz_run *run, int fd, struct fz_store *s);

struct fz_store *fz_run_store(struct fz_run *run, const __u8 *name);

/* The documents that a call must find, if they are known. */
struct fz_store *fz_known(const struct fz_run *run);
__u32 fz_store_documents(const struct fz_store *s);

/* model_span.c: batches that span partitions */
bool fz_span_begin(struct fz_store *s, int fd);
bool fz_spans(const struct fz_store *s, const struct docstore_op *ops, __u32 count);

/* model_snapshot.c */
void fz_snapshot_put(struct fz_snapshot *snapshot);
bool fz_lease_before(struct fz_run *run);
void fz_lease_after(struct fz_run *run, int ret);
void fz_stores_pinned(struct fz_run *run);
void fz_snapshots_learn(struct fz_run *run);
void fz_snapshots_verify(struct fz_run *run);
void fz_snapshots_gone(struct fz_run *run, int fd);
void fz_snapshot_poll(struct fz_run *run);
void fz_snapshot_mapped(struct fz_run *run, void *page, size_t size, bool legal);
void fz_snapshot_keep(struct fz_run *run);
void fz_snapshot_unmap(struct fz_run *run);

/* model_stream.c */
bool fz_stream_init(struct fz_run *run);
void fz_stream_exit(struct fz_run *run);
bool fz_stream_begin(struct fz_run *run);
void fz_stream_put(struct fz_stream *stream);
void fz_stream_was_read(struct fz_run *run, struct fz_fd *fd, __u64 address, size_t len,
			ssize_t ret);
void fz_stream_poll(struct fz_run *run, struct fz_fd *fd);
void fz_streams_touched(struct fz_run *run, const struct fz_op *op);
void fz_streams_verify(struct fz_run *run);

/* model_monitor.c */
bool fz_settings_init(struct fz_run *run);
void fz_settings_end(struct fz_run *run);

bool fz_came_back(const struct fz_run *run, int ret, void *out);
void fz_check_rest(struct fz_run *run, __u64 buffer, __u64 used);
void fz_check_property_number(struct fz_run *run, __u32 number);

/* The argument as it was before the call. */
#define ARG(_type)	((struct _type *)run->in)

#define FZ_MODEL(name)					\
	void fz_before_##name(struct fz_run *run);	\
	void fz_after_##name(struct fz_run *run, int ret)

FZ_MODEL(info);
FZ_MODEL(create);
FZ_MODEL(open);
FZ_MODEL(remove);
FZ_MODEL(list);
FZ_MODEL(store_info);
FZ_MODEL(intern);
FZ_MODEL(names);
FZ_MODEL(submit);
FZ_MODEL(read);
FZ_MODEL(read_many);
FZ_MODEL(scan);
FZ_MODEL(snapshot);
FZ_MODEL(snapshot_info);
FZ_MODEL(snapshot_list);
FZ_MODEL(coordinator);
FZ_MODEL(check);
FZ_MODEL(hint);
FZ_MODEL(config);
FZ_MODEL(stats);
FZ_MODEL(module_stats);
FZ_MODEL(session_list);
FZ_MODEL(stream);
FZ_MODEL(stream_info);
FZ_MODEL(stream_pause);
FZ_MODEL(stream_resume);

#endif /* DOCSTORE_FUZZ_MODEL_H */

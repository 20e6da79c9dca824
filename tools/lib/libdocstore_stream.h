/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: streams of documents and changes.
 *
 * DOC: Streams
 *
 * A stream yields the documents of a snapshot, or what is changed from some moment on, or
 * first the one and then the other; <linux/docstore_stream.h> says in what order and what
 * may be lost. The library reads records many at a time, checks them, and hands them out
 * one by one. A stream is for one thread at a time; there may be any number of them.
 *
 * Where a stream is after the record returned last is told by ds_stream_token(), without
 * a system call. Who has worked on a record and then keeps the token goes on behind that
 * record when he comes back, in another process as well: with the bytes of the token in
 * struct ds_stream_opts, or with its text, which can stand in a file.
 */
#ifndef LIBDOCSTORE_STREAM_H
#define LIBDOCSTORE_STREAM_H

#include "libdocstore.h"

#include <linux/docstore_stream.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ds_stream;

/**
 * struct ds_stream_opts - what a stream is to yield
 * @size: sizeof(struct ds_stream_opts)
 * @flags: enum docstore_stream_flags; 0 for DOCSTORE_STREAM_FOLLOW and
 *	DOCSTORE_STREAM_VALUES
 * @bookmark_ms: with DOCSTORE_STREAM_BOOKMARKS, how long after one the next may come; 0
 *	for the kernel's default
 * @prefix: what documents' ids must begin with; of length 0 for all
 * @type: the name of the type that they must have; of length 0 for any
 * @property: the name of a property that changes must concern; of length 0 for any
 * @token: where to go on, or NULL. It was kept from another stream of the same store
 * @token_len: its bytes
 * @buffer_size: bytes to read at a time; 0 for a good default
 */
struct ds_stream_opts {
	size_t size;
	unsigned int flags;
	unsigned int bookmark_ms;
	struct ds_str prefix;
	struct ds_str type;
	struct ds_str property;
	const struct docstore_token *token;
	size_t token_len;
	size_t buffer_size;
};

/**
 * struct ds_record - a record of a stream
 * @kind: enum docstore_record_kind, which says what else holds
 * @flags: enum docstore_record_flags
 * @reason: of a change, enum docstore_record_reason; of DOCSTORE_RECORD_LOST, enum
 *	docstore_lost_reason
 * @partition: the partition that it is of
 * @sequence: number of the change in the partition; of lost ones, that of the first
 * @commit: the partition's commit that has published it
 * @time: when it was made
 * @version: version number of the document afterwards
 * @id: the document's id
 * @type: name id of the document's type, 0 if it has none
 * @old_type: that of before
 * @count: how many changes ds_record_change() tells of
 * @lost: of DOCSTORE_RECORD_LOST, how many changes were
 * @until: and when the first one was made that was not; 0 if not known
 * @doc: of DOCSTORE_RECORD_DOCUMENT, the document
 *
 * All of it is good until the next call of ds_stream_next(). The other members are the
 * library's own.
 */
struct ds_record {
	unsigned int kind;
	unsigned int flags;
	unsigned int reason;
	uint32_t partition;
	uint64_t sequence;
	uint64_t commit;
	uint64_t time;
	uint64_t version;
	struct ds_str id;
	uint32_t type;
	uint32_t old_type;
	uint32_t count;
	uint64_t lost;
	uint64_t until;
	struct ds_doc doc;
	/* private: */
	const unsigned char *__changes;
	const unsigned char *__values;
	uint64_t __reserved[4];
};

/**
 * struct ds_record_change - what has happened to a property
 * @name: id of the property's name, for ds_name()
 * @op: what was last done to it: DOCSTORE_OP_SET, DOCSTORE_OP_UNSET or DOCSTORE_OP_ADD
 * @type: type of the value that it has now, DOCSTORE_TYPE_NONE if it is gone
 * @len: bytes of the value, whether it is there or not
 * @has_value: it is there
 * @value: the value
 *
 * The other members are the library's own.
 */
struct ds_record_change {
	uint32_t name;
	unsigned int op;
	unsigned int type;
	uint32_t len;
	bool has_value;
	struct ds_value value;
	/* private: */
	uint32_t __next;
	size_t __at;
};

/**
 * ds_stream_open() - open a stream
 * @store: a store open for reading, not a snapshot; it must stay open
 * @opts: options, or NULL
 * @stream: where the stream goes
 *
 * A stream with DOCSTORE_STREAM_BOOKMARKS that begins from now on has a token from the
 * beginning, which takes a look at all documents' ids. Close it with ds_stream_close().
 *
 * Return: 0; -ENODATA if nothing in the store ever had the name of @type or @property;
 * -EAGAIN, -EBADF, -EBUSY, -EINTR, -EINVAL, -EMFILE, -ENAMETOOLONG, -ENOMEM, -ENOSPC.
 */
int ds_stream_open(struct ds_store *store, const struct ds_stream_opts *opts,
		   struct ds_stream **stream);

/**
 * ds_stream_close() - end a stream
 * @stream: the stream, or NULL
 */
void ds_stream_close(struct ds_stream *stream);

/**
 * ds_stream_next() - the next record
 * @stream: the stream
 * @record: where it goes; it is good until the next call
 *
 * Waits for one, unless the stream has DOCSTORE_STREAM_NONBLOCK.
 *
 * Return: 1 if there was one; 0 when the stream is complete; -EAGAIN if there is none for
 * now; -EBADMSG if the kernel returned what is no record, after which the stream is of no
 * use; -EINTR, -ENOMEM, -ENOSPC; -ESTALE if its snapshot was revoked; -ETIMEDOUT if a
 * pause had it fail.
 */
int ds_stream_next(struct ds_stream *stream, struct ds_record *record);

/**
 * ds_stream_fd() - the file descriptor of a stream
 * @stream: the stream
 *
 * For poll(2) and epoll(7). Before waiting for it ask ds_stream_pending(), or call
 * ds_stream_next() until it returns -EAGAIN.
 *
 * Return: the descriptor; it stays the library's.
 */
int ds_stream_fd(const struct ds_stream *stream);

/**
 * ds_stream_pending() - were records read that were not returned yet?
 * @stream: the stream
 *
 * Return: true if so: then the next call of ds_stream_next() asks nobody.
 */
bool ds_stream_pending(const struct ds_stream *stream);

/**
 * ds_record_change() - what has happened to the properties of a document, one by one
 * @record: a record
 * @change: where it goes; all 0 at first, and then as it was left
 *
 * Return: true if there was one.
 */
bool ds_record_change(const struct ds_record *record, struct ds_record_change *change);

/**
 * ds_stream_token() - where a stream is, behind the record that was returned last
 * @stream: the stream
 * @token: where the token goes
 * @len: in: room there, in bytes; out: bytes of the token
 *
 * Return: 0; -ENOBUFS if it does not fit: try again with the room that @len now tells;
 * -EAGAIN if there is none: from DOCSTORE_RECORD_BEGIN to DOCSTORE_RECORD_END; from lost
 * changes to what makes up for them; of a stream without DOCSTORE_STREAM_FOLLOW; and
 * before the first bookmark of a stream that has begun without a token.
 */
int ds_stream_token(const struct ds_stream *stream, struct docstore_token *token, size_t *len);

/**
 * ds_token_format() - a token as text
 * @token: the token
 * @len: its bytes
 * @text: where the text goes, with a NUL behind it
 * @room: room there, in bytes
 *
 * The text is one word of letters, digits, '.' and '-', and has a checksum.
 *
 * Return: the characters of it without the NUL; -ENOBUFS if it does not fit, for which 64
 * and 21 for each partition are enough; -EINVAL if that is no token.
 */
int ds_token_format(const struct docstore_token *token, size_t len, char *text, size_t room);

/**
 * ds_token_parse() - a token from its text
 * @text: the text, with white space around it or not
 * @token: where the token goes
 * @len: in: room there, in bytes; out: bytes of the token
 *
 * Return: 0; -ENOBUFS if it does not fit: try again with the room that @len now tells;
 * -EBADMSG if that is not the whole text of a token.
 */
int ds_token_parse(struct ds_str text, struct docstore_token *token, size_t *len);

/**
 * ds_stream_pause() - have a stream yield nothing for a while
 * @stream: the stream
 * @timeout_ms: for how long; 0 until it is resumed
 * @flags: enum docstore_pause_flags
 *
 * Records that were read already are returned all the same.
 *
 * Return: 0; -EPIPE if it is complete or has failed; -EINTR, -EINVAL, -ENOMEM.
 */
int ds_stream_pause(struct ds_stream *stream, unsigned int timeout_ms, unsigned int flags);

/**
 * ds_stream_resume() - have a stream go on
 * @stream: the stream
 *
 * Return: 0; -EPIPE if it is complete or has failed; -EINVAL.
 */
int ds_stream_resume(struct ds_stream *stream);

/**
 * ds_stream_info() - how a stream gets on
 * @stream: the stream
 * @info: where it goes; @info->size must be sizeof(*info)
 *
 * Return: 0; -EINTR, -EINVAL.
 */
int ds_stream_info(const struct ds_stream *stream, struct docstore_stream_info *info);

#ifdef __cplusplus
}
#endif

#endif /* LIBDOCSTORE_STREAM_H */

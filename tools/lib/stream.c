// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libdocstore: streams. Records are read many at a time, and each is checked before
 * anything in it is used.
 */
#include <stdlib.h>

#include "internal.h"

#define STREAM_BUFFER	(256 * 1024)

/* No record is larger: a quarter of the largest backlog, or a document. */
#define RECORD_MAX	(256 * 1024 * 1024)

#define KNOWN_FLAGS	(DOCSTORE_RECORD_CREATED | DOCSTORE_RECORD_DELETED | \
			 DOCSTORE_RECORD_REPLACED | DOCSTORE_RECORD_CLEARED | \
			 DOCSTORE_RECORD_VALUES | DOCSTORE_RECORD_OMITTED | \
			 DOCSTORE_RECORD_RESYNC)

/*
 * struct ds_stream - an open stream
 * @fd: its descriptor
 * @flags: enum docstore_stream_flags
 * @error: that with which it fails from now on
 * @buffer: what was read
 * @room: bytes of that
 * @used: bytes that were read
 * @at: where the next record lies
 * @known: in how many partitions @token has a number
 * @between: @token does not count: what the last record belongs to is not complete
 * @token: where the stream is
 */
struct ds_stream {
	int fd;
	unsigned int flags;
	int error;
	unsigned char *buffer;
	size_t room;
	size_t used;
	size_t at;
	uint32_t known;
	bool between;
	struct docstore_token token;
};

/* --- opening ------------------------------------------------------------------ */

static struct ds_stream *stream_new(const struct ds_store *store, unsigned int flags, size_t room,
				    int *err)
{
	struct docstore_store_info info = { .size = sizeof(info) };
	struct ds_stream *stream;

	*err = ds_ioctl(store->fd, DOCSTORE_STORE_INFO, &info);
	if (!*err && (!info.partitions || info.partitions > DOCSTORE_MAX_PARTITIONS))
		*err = -EBADMSG;
	if (*err)
		return NULL;
	stream = calloc(1, sizeof(*stream) + 8 * (size_t)info.partitions);
	if (stream)
		stream->buffer = malloc(room);
	if (!stream || !stream->buffer) {
		free(stream);
		*err = -ENOMEM;
		return NULL;
	}
	stream->fd = -1;
	stream->flags = flags;
	stream->room = room;
	stream->token.size = (__u32)ds_token_size(info.partitions);
	stream->token.partitions = info.partitions;
	stream->token.incarnation = info.incarnation;
	stream->token.created = info.created;
	return stream;
}

DS_PUBLIC void ds_stream_close(struct ds_stream *stream)
{
	if (!stream)
		return;
	if (stream->fd >= 0)
		ds_sys_close(stream->fd);
	free(stream->buffer);
	free(stream);
}

/* A token of the same store: go on from there. That of another is the kernel's to answer. */
static void adopt(struct ds_stream *stream, const struct docstore_token *token)
{
	uint32_t i;

	if (token->partitions != stream->token.partitions || token->size != stream->token.size ||
	    token->incarnation != stream->token.incarnation ||
	    token->created != stream->token.created)
		return;
	memcpy(&stream->token, token, token->size);
	stream->known = 0;
	for (i = 0; i < token->partitions; i++)
		stream->known += stream->token.next[i] != 0;
}

/* A stream with bookmarks begins with one, unless something else gives it its first token. */
static int take_start(struct ds_stream *stream)
{
	struct ds_record record;
	int ret = ds_stream_next(stream, &record);

	if (ret < 0 && ret != -EAGAIN)
		return ret;
	return ret == 1 && record.kind == DOCSTORE_RECORD_BOOKMARK ? 0 : -EBADMSG;
}

static int stream_begin(struct ds_store *store, struct ds_stream *stream,
			const struct ds_stream_opts *opts)
{
	struct ds_str prefix = ds_opt(opts, prefix);
	struct ds_str type = ds_opt(opts, type), property = ds_opt(opts, property);
	struct docstore_stream arg = {
		.size = sizeof(arg),
		.flags = stream->flags,
		.prefix = prefix.len ? ds_ptr(prefix.data) : 0,
		.prefix_len = ds_counted(prefix.len),
		.token = ds_ptr(ds_opt(opts, token)),
		.token_size = ds_counted(ds_opt(opts, token_len)),
		.bookmark_ms = ds_opt(opts, bookmark_ms),
	};
	int err = 0;

	if (type.len)
		err = ds_lookup(store, type, &arg.type);
	if (!err && property.len)
		err = ds_lookup(store, property, &arg.property);
	if (err)
		return err;
	if (arg.token_size >= sizeof(struct docstore_token))
		adopt(stream, ds_opt(opts, token));
	stream->between = arg.flags & DOCSTORE_STREAM_SNAPSHOT;
	stream->fd = ds_sys_ioctl(store->fd, DOCSTORE_STREAM, &arg);
	if (stream->fd < 0)
		return stream->fd;
	if (!arg.token_size && !(arg.flags & DOCSTORE_STREAM_SNAPSHOT) &&
	    arg.flags & DOCSTORE_STREAM_BOOKMARKS)
		err = take_start(stream);
	return err;
}

DS_PUBLIC int ds_stream_open(struct ds_store *store, const struct ds_stream_opts *opts,
			     struct ds_stream **ret)
{
	unsigned int flags = ds_opt(opts, flags);
	size_t room = ds_opt(opts, buffer_size);
	struct ds_stream *stream;
	int err;

	*ret = NULL;
	if (store->pinned)
		return -EBADF;
	if (!flags)
		flags = DOCSTORE_STREAM_FOLLOW | DOCSTORE_STREAM_VALUES;
	stream = stream_new(store, flags, room ? room : STREAM_BUFFER, &err);
	if (!stream)
		return err;
	err = stream_begin(store, stream, opts);
	if (err) {
		ds_stream_close(stream);
		return err;
	}
	*ret = stream;
	return 0;
}

/* --- records ------------------------------------------------------------------ */

/* Is this what a change of a property may be, with a value of @len bytes at @data? */
static bool change_good(const struct docstore_record_change *c, const void *data)
{
	struct ds_value value;

	if (!c->property || c->property > DOCSTORE_MAX_NAMES)
		return false;
	switch (c->what) {
	case DOCSTORE_OP_UNSET:
		return c->type == DOCSTORE_TYPE_NONE && !c->len;
	case DOCSTORE_OP_SET:
	case DOCSTORE_OP_ADD:
		if (c->type == DOCSTORE_TYPE_NONE)
			return false;
		return !data || __ds_value(&value, c->type, data, c->len);
	default:
		return false;
	}
}

static int open_change(const struct docstore_record *head, const unsigned char *body,
		       struct ds_record *record)
{
	bool values = head->flags & DOCSTORE_RECORD_VALUES;
	size_t room = head->size - sizeof(*head), at, each;
	struct docstore_record_change c;
	uint32_t i;

	/* There is an OMITTED for those that would tell of more. */
	if (head->count > room / sizeof(c))
		return -EBADMSG;
	each = head->count * sizeof(c);
	if (!head->id_len || head->id_len > room - each)
		return -EBADMSG;
	if (!head->sequence || !head->version ||
	    (head->flags & DOCSTORE_RECORD_OMITTED && (values || head->count)))
		return -EBADMSG;
	at = each + head->id_len;
	for (i = 0; i < head->count; i++) {
		memcpy(&c, body + i * sizeof(c), sizeof(c));
		if (values && c.len > room - at)
			return -EBADMSG;
		if (!change_good(&c, values ? body + at : NULL))
			return -EBADMSG;
		at += values ? c.len : 0;
	}
	if (room - at >= 8)
		return -EBADMSG;
	record->id = ds_mem(body + each, head->id_len);
	record->count = head->count;
	record->__changes = body;
	record->__values = values ? body + each + head->id_len : NULL;
	return 0;
}

static int open_document(const struct docstore_record *head, const unsigned char *body,
			 struct ds_record *record)
{
	size_t room = head->size - sizeof(*head);
	int err = ds_document_check(body, room, &record->doc);

	if (err)
		return err;
	if (room - record->doc.bytes >= 8 || record->doc.version != head->version)
		return -EBADMSG;
	record->id = record->doc.id;
	record->type = record->doc.type;
	return 0;
}

/* The stream's own token, of this store; that of a stream that does not follow is empty. */
static int open_token(struct ds_stream *stream, const struct docstore_record *head,
		      const unsigned char *body)
{
	size_t room = head->size - sizeof(*head);
	struct docstore_token token;
	uint32_t i;

	if (room < sizeof(token))
		return -EBADMSG;
	memcpy(&token, body, sizeof(token));
	if (token.size != room || token.incarnation != stream->token.incarnation ||
	    token.created != stream->token.created)
		return -EBADMSG;
	if (!(stream->flags & DOCSTORE_STREAM_FOLLOW))
		return token.size == sizeof(token) && !token.partitions ? 0 : -EBADMSG;
	if (token.partitions != stream->token.partitions || token.size != stream->token.size)
		return -EBADMSG;
	for (i = 0; i < token.partitions; i++) {
		uint64_t next;

		memcpy(&next, body + sizeof(token) + 8 * (size_t)i, 8);
		if (!next || next < stream->token.next[i])
			return -EBADMSG;
	}
	memcpy(&stream->token, body, token.size);
	stream->known = token.partitions;
	stream->between = false;
	return 0;
}

/* Go on behind a number. There are no repeats, so that it only grows. */
static int advance(struct ds_stream *stream, uint32_t partition, uint64_t first, uint64_t next)
{
	__u64 *place;

	if (!(stream->flags & DOCSTORE_STREAM_FOLLOW) || partition >= stream->token.partitions)
		return -EBADMSG;
	place = &stream->token.next[partition];
	if (first < *place || next < first)
		return -EBADMSG;
	stream->known += !*place;
	*place = next;
	return 0;
}

static int open_lost(struct ds_stream *stream, const struct docstore_record *head,
		     const unsigned char *body, struct ds_record *record)
{
	struct docstore_record_lost lost;
	int err = 0;

	if (head->size != sizeof(*head) + sizeof(lost))
		return -EBADMSG;
	memcpy(&lost, body, sizeof(lost));
	record->reason = lost.reason;
	record->lost = lost.records;
	record->until = lost.until;
	if (lost.reason == DOCSTORE_LOST_STORE) {
		memset(stream->token.next, 0, 8 * (size_t)stream->token.partitions);
		stream->known = 0;
	} else {
		err = advance(stream, head->partition, head->sequence,
			      head->sequence + lost.records);
	}
	/* Documents follow, and only those make up for what was lost. */
	if (stream->flags & DOCSTORE_STREAM_RESYNC)
		stream->between = true;
	return err;
}

static int open_body(struct ds_stream *stream, const struct docstore_record *head,
		     const unsigned char *body, struct ds_record *record)
{
	int err;

	switch (head->kind) {
	case DOCSTORE_RECORD_CHANGE:
		err = open_change(head, body, record);
		return err ? err : advance(stream, head->partition, head->sequence,
					   head->sequence + 1);
	case DOCSTORE_RECORD_DOCUMENT:
		return stream->between ? open_document(head, body, record) : -EBADMSG;
	case DOCSTORE_RECORD_BEGIN:
		stream->between = true;
		return head->size == sizeof(*head) ? 0 : -EBADMSG;
	case DOCSTORE_RECORD_END:
	case DOCSTORE_RECORD_BOOKMARK:
		return open_token(stream, head, body);
	case DOCSTORE_RECORD_LOST:
		return open_lost(stream, head, body, record);
	case DOCSTORE_RECORD_REMOVED:
		return !stream->between && head->size == sizeof(*head) ? 0 : -EBADMSG;
	default:
		return -EBADMSG;
	}
}

static int open_record(struct ds_stream *stream, struct ds_record *record)
{
	const unsigned char *p = stream->buffer + stream->at;
	size_t left = stream->used - stream->at;
	struct docstore_record head;
	int err;

	if (left < sizeof(head))
		return -EBADMSG;
	memcpy(&head, p, sizeof(head));
	if (head.size < sizeof(head) || head.size > left || head.size % 8)
		return -EBADMSG;
	/* A flag that we do not know may mean that something else follows. */
	if (head.flags & ~KNOWN_FLAGS)
		return -EBADMSG;
	memset(record, 0, sizeof(*record));
	record->kind = head.kind;
	record->flags = head.flags;
	record->reason = head.reason;
	record->partition = head.partition;
	record->sequence = head.sequence;
	record->commit = head.commit;
	record->time = head.time;
	record->version = head.version;
	record->type = head.type;
	record->old_type = head.old_type;
	err = open_body(stream, &head, p + sizeof(head), record);
	if (!err)
		stream->at += head.size;
	return err;
}

/* --- reading ------------------------------------------------------------------ */

/* Make room for a record that did not fit. */
static int grow(struct ds_stream *stream)
{
	struct docstore_stream_info info = { .size = sizeof(info) };
	unsigned char *buffer;
	int err = ds_stream_info(stream, &info);

	if (err)
		return err;
	if (info.needed <= stream->room || info.needed > RECORD_MAX)
		return -EBADMSG;
	buffer = realloc(stream->buffer, info.needed);
	if (!buffer)
		return -ENOMEM;
	stream->buffer = buffer;
	stream->room = info.needed;
	return 0;
}

/* 1 if records were read, 0 at the end, or a negative errno. */
static int fill(struct ds_stream *stream)
{
	ssize_t n;
	int err;

	stream->at = 0;
	stream->used = 0;
	n = ds_sys_read(stream->fd, stream->buffer, stream->room);
	while (n == -EMSGSIZE) {
		err = grow(stream);
		if (err)
			return err;
		n = ds_sys_read(stream->fd, stream->buffer, stream->room);
	}
	if (n > 0 && (size_t)n > stream->room)
		return -EBADMSG;
	if (n <= 0)
		return (int)n;
	stream->used = (size_t)n;
	return 1;
}

DS_PUBLIC int ds_stream_next(struct ds_stream *stream, struct ds_record *record)
{
	int ret = stream->error;

	if (ret)
		return ret;
	if (stream->at >= stream->used)
		ret = fill(stream);
	else
		ret = 1;
	if (ret > 0)
		ret = open_record(stream, record);
	else if (!ret)
		return 0;
	if (ret == -EBADMSG)
		stream->error = ret;
	return ret ? ret : 1;
}

DS_PUBLIC int ds_stream_fd(const struct ds_stream *stream)
{
	return stream->fd;
}

DS_PUBLIC bool ds_stream_pending(const struct ds_stream *stream)
{
	return !stream->error && stream->at < stream->used;
}

DS_PUBLIC bool ds_record_change(const struct ds_record *record, struct ds_record_change *change)
{
	struct docstore_record_change c;

	if (change->__next >= record->count)
		return false;
	memcpy(&c, record->__changes + change->__next * sizeof(c), sizeof(c));
	change->name = c.property;
	change->op = c.what;
	change->type = c.type;
	change->len = c.len;
	change->has_value = record->__values && c.type != DOCSTORE_TYPE_NONE;
	memset(&change->value, 0, sizeof(change->value));
	if (change->has_value)
		(void)__ds_value(&change->value, c.type, record->__values + change->__at, c.len);
	change->__at += record->__values ? c.len : 0;
	change->__next++;
	return true;
}

/* --- where it is, and how it gets on ------------------------------------------ */

DS_PUBLIC int ds_stream_token(const struct ds_stream *stream, struct docstore_token *token,
			      size_t *len)
{
	size_t room = *len;

	if (stream->between || stream->known < stream->token.partitions ||
	    !(stream->flags & DOCSTORE_STREAM_FOLLOW))
		return -EAGAIN;
	*len = stream->token.size;
	if (room < *len)
		return -ENOBUFS;
	memcpy(token, &stream->token, *len);
	return 0;
}

DS_PUBLIC int ds_stream_pause(struct ds_stream *stream, unsigned int timeout_ms,
			      unsigned int flags)
{
	struct docstore_stream_pause arg = {
		.size = sizeof(arg),
		.flags = flags,
		.timeout_ms = timeout_ms,
	};

	return ds_ioctl(stream->fd, DOCSTORE_STREAM_PAUSE, &arg);
}

DS_PUBLIC int ds_stream_resume(struct ds_stream *stream)
{
	struct docstore_stream_resume arg = { .size = sizeof(arg) };

	return ds_ioctl(stream->fd, DOCSTORE_STREAM_RESUME, &arg);
}

DS_PUBLIC int ds_stream_info(const struct ds_stream *stream, struct docstore_stream_info *info)
{
	int err = ds_clear_info(info);

	return err ? err : ds_ioctl(stream->fd, DOCSTORE_STREAM_INFO, info);
}

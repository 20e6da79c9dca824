/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Streams: one thin function for each ioctl, and a reader of records that trusts nothing,
 * with the rules of docstore_test.h.
 */
#ifndef DOCSTORE_TEST_STREAM_H
#define DOCSTORE_TEST_STREAM_H

#include "docstore_test.h"

#include <linux/docstore_stream.h>
#include <poll.h>

#define ST_SNAPSHOT	DOCSTORE_STREAM_SNAPSHOT
#define ST_FOLLOW	DOCSTORE_STREAM_FOLLOW
#define ST_VALUES	DOCSTORE_STREAM_VALUES
#define ST_BOOKMARKS	DOCSTORE_STREAM_BOOKMARKS
#define ST_RESYNC	DOCSTORE_STREAM_RESYNC
#define ST_NONBLOCK	DOCSTORE_STREAM_NONBLOCK

/* A token of any store. */
struct st_token {
	struct docstore_token head;
	__u64 next[DOCSTORE_MAX_PARTITIONS];
};

/* What follows the header of a token lies in @next: there is no gap. */
_Static_assert(offsetof(struct st_token, next) == sizeof(struct docstore_token), "token");

static inline struct docstore_stream st_args(__u32 flags)
{
	return (struct docstore_stream) { .size = sizeof(struct docstore_stream),
					  .flags = flags };
}

/* The new descriptor, or -errno. */
static inline int st_open_args(int fd, struct docstore_stream *arg)
{
	struct docstore_stream before = *arg;
	int ret = ds_ioctl(fd, DOCSTORE_STREAM, arg), flags;

	if (memcmp(&before, arg, sizeof(before)))
		return ds_broken("stream: the argument was changed");
	if (ret < 0)
		return ret;
	flags = fcntl(ret, F_GETFD);
	if (flags < 0 || !(flags & FD_CLOEXEC))
		return ds_broken("stream: descriptor %d has flags %d", ret, flags);
	return ret;
}

static inline int st_open(int fd, __u32 flags)
{
	struct docstore_stream arg = st_args(flags);

	return st_open_args(fd, &arg);
}

static inline int st_resume_from(int fd, __u32 flags, const struct st_token *token)
{
	struct docstore_stream arg = st_args(flags);

	arg.token = ds_ptr(token);
	arg.token_size = token->head.size;
	return st_open_args(fd, &arg);
}

static inline int st_info(int stream, struct docstore_stream_info *info)
{
	DS_FILL(info);
	info->size = sizeof(*info);
	info->flags = 0;
	return ds_ioctl(stream, DOCSTORE_STREAM_INFO, info);
}

/* The state, or -errno. */
static inline int st_state(int stream)
{
	struct docstore_stream_info info;
	int ret = st_info(stream, &info);

	return ret ? ret : (int)info.state;
}

static inline int st_pause(int stream, __u32 timeout_ms, __u32 flags)
{
	struct docstore_stream_pause arg = {
		.size = sizeof(arg),
		.flags = flags,
		.timeout_ms = timeout_ms,
	};

	return ds_ioctl(stream, DOCSTORE_STREAM_PAUSE, &arg);
}

static inline int st_resume(int stream)
{
	struct docstore_stream_resume arg = { .size = sizeof(arg) };

	return ds_ioctl(stream, DOCSTORE_STREAM_RESUME, &arg);
}

/* Records ------------------------------------------------------------------ */

/**
 * struct st_reader - what was read from a stream and not yet looked at
 * @fd: the stream
 * @room: bytes of @buffer
 * @used: bytes that were read
 * @at: where the next record begins
 * @token: where the stream is: kept up to date from records
 */
struct st_reader {
	int fd;
	size_t room;
	ssize_t used;
	ssize_t at;
	char *buffer;
	struct st_token token;
};

static inline void st_reader_init(struct st_reader *r, int fd, size_t room)
{
	memset(r, 0, sizeof(*r));
	r->fd = fd;
	r->room = room;
	r->buffer = ds_map(room, MAP_PRIVATE);
}

static inline void st_reader_free(struct st_reader *r)
{
	munmap(r->buffer, r->room);
}

static inline const struct docstore_record_change *
st_changes(const struct docstore_record *record)
{
	return (const void *)(record + 1);
}

static inline const char *st_id(const struct docstore_record *record)
{
	return (const char *)(st_changes(record) + record->count);
}

static inline bool st_is(const struct docstore_record *record, const char *id)
{
	return record->id_len == strlen(id) && !memcmp(st_id(record), id, record->id_len);
}

/* The value of a change. */
static inline const void *st_value(const struct docstore_record *record, __u32 n)
{
	const char *value = st_id(record) + record->id_len;
	__u32 i;

	for (i = 0; i < n; i++)
		value += st_changes(record)[i].len;
	return value;
}

static inline __s64 st_s64(const struct docstore_record *record, __u32 n)
{
	__s64 value;

	memcpy(&value, st_value(record, n), sizeof(value));
	return value;
}

static inline const struct docstore_token *st_token(const struct docstore_record *record)
{
	return (const void *)(record + 1);
}

static inline const struct docstore_record_lost *st_lost(const struct docstore_record *record)
{
	return (const void *)(record + 1);
}

static inline const struct docstore_version *st_document(const struct docstore_record *record)
{
	return (const void *)(record + 1);
}

/* Why a change is not well formed, or NULL. */
static inline const char *st_wrong_change(const struct docstore_record *record)
{
	bool values = record->flags & DOCSTORE_RECORD_VALUES;
	__u64 size = sizeof(*record) + record->id_len, i;

	if (!record->id_len)
		return "no id";
	if (!record->sequence || !record->commit || !record->time || !record->version)
		return "a number is 0";
	if (values && (record->flags & DOCSTORE_RECORD_OMITTED))
		return "values, and they are omitted";
	if ((record->flags & DOCSTORE_RECORD_OMITTED) && record->count)
		return "changes, and they are omitted";
	size += (__u64)record->count * sizeof(struct docstore_record_change);
	if (size > record->size)
		return "too short for its changes";
	for (i = 0; i < record->count; i++) {
		const struct docstore_record_change *c = &st_changes(record)[i];

		if (!c->property || c->__reserved)
			return "a change without a property";
		if (c->what != DOCSTORE_OP_SET && c->what != DOCSTORE_OP_UNSET &&
		    c->what != DOCSTORE_OP_ADD)
			return "a change that is none";
		if ((c->what == DOCSTORE_OP_UNSET) != (c->type == DOCSTORE_TYPE_NONE))
			return "the type of a change";
		if (c->what == DOCSTORE_OP_UNSET && c->len)
			return "a value of what is gone";
		if (values)
			size += c->len;
	}
	if (record->size != (size + 7) / 8 * 8)
		return "its size";
	for (i = size; i < record->size; i++)
		if (((const char *)record)[i])
			return "what is behind its end is not 0";
	return NULL;
}

static inline const char *st_wrong(const struct docstore_record *record, size_t left)
{
	static const char zeros[sizeof(record->__reserved)];

	if (left < sizeof(*record) || record->size < sizeof(*record) || record->size > left ||
	    record->size % 8)
		return "its size";
	if (memcmp(zeros, record->__reserved, sizeof(zeros)) || record->reason)
		return "reserved fields";
	switch (record->kind) {
	case DOCSTORE_RECORD_CHANGE:
		return st_wrong_change(record);
	case DOCSTORE_RECORD_DOCUMENT:
		return record->size < sizeof(*record) + sizeof(struct docstore_version) ||
		       record->size != (sizeof(*record) + st_document(record)->size + 7) / 8 * 8 ||
		       record->version != st_document(record)->version ? "its document" : NULL;
	case DOCSTORE_RECORD_BEGIN:
	case DOCSTORE_RECORD_REMOVED:
		return record->size == sizeof(*record) ? NULL : "its size";
	case DOCSTORE_RECORD_END:
	case DOCSTORE_RECORD_BOOKMARK:
		return record->size == sizeof(*record) + st_token(record)->size &&
		       st_token(record)->size == sizeof(struct docstore_token) +
						 8ULL * st_token(record)->partitions ?
		       NULL : "its token";
	case DOCSTORE_RECORD_LOST:
		return record->size == sizeof(*record) + sizeof(struct docstore_record_lost) ?
		       NULL : "its size";
	}
	return "its kind";
}

/* Keep the token: by tokens that come, and by numbers, which have no gaps. */
static inline int st_track(struct st_reader *r, const struct docstore_record *record, bool all)
{
	__u64 *next = &r->token.next[record->partition];

	if (record->kind == DOCSTORE_RECORD_END || record->kind == DOCSTORE_RECORD_BOOKMARK) {
		memcpy(&r->token, st_token(record), st_token(record)->size);
		return 0;
	}
	if (record->kind == DOCSTORE_RECORD_LOST && record->partition < DOCSTORE_MAX_PARTITIONS) {
		if (*next && record->sequence != *next)
			return ds_broken("lost from %llu on, not %llu",
					 (unsigned long long)record->sequence,
					 (unsigned long long)*next);
		*next = record->sequence + st_lost(record)->records;
	}
	if (record->kind != DOCSTORE_RECORD_CHANGE)
		return 0;
	if (*next && (all ? record->sequence != *next : record->sequence < *next))
		return ds_broken("change %llu of partition %u, not %llu",
				 (unsigned long long)record->sequence, record->partition,
				 (unsigned long long)*next);
	*next = record->sequence + 1;
	return 0;
}

/*
 * The next record, which stays until the next call. NULL at the end or when there is
 * none: then @used is what read(2) has returned, or -errno.
 */
static inline const struct docstore_record *st_next_of(struct st_reader *r, bool all)
{
	const struct docstore_record *record;
	const char *wrong;

	if (r->at >= r->used) {
		r->at = 0;
		memset(r->buffer, DS_POISON, r->room < 4096 ? r->room : 4096);
		r->used = read(r->fd, r->buffer, r->room);
		if (r->used < 0)
			r->used = -errno;
		if (r->used <= 0)
			return NULL;
	}
	record = (const void *)(r->buffer + r->at);
	wrong = st_wrong(record, r->used - r->at);
	if (wrong) {
		r->used = ds_broken("record of kind %u, %u bytes, at %zd of %zd: %s",
				    record->kind, record->size, r->at, r->used, wrong);
		return NULL;
	}
	r->at += record->size;
	if (st_track(r, record, all)) {
		r->used = -ENOTRECOVERABLE;
		return NULL;
	}
	return record;
}

/* Of a stream that wants all changes. */
static inline const struct docstore_record *st_next(struct st_reader *r)
{
	return st_next_of(r, true);
}

/* Of one with a filter. */
static inline const struct docstore_record *st_next_some(struct st_reader *r)
{
	return st_next_of(r, false);
}

/* What poll(2) says at once, or within a time. */
static inline int st_poll(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLRDHUP };
	int ret = poll(&p, 1, ms);

	return ret < 0 ? -errno : ret ? p.revents : 0;
}

#endif /* DOCSTORE_TEST_STREAM_H */

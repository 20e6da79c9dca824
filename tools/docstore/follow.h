/* SPDX-License-Identifier: GPL-2.0 */
/* docstore(1): what follows a store: its records, its tokens, and waiting for more. */
#ifndef DOCSTORE_FOLLOW_H
#define DOCSTORE_FOLLOW_H

#include "libdocstore_stream.h"
#include "tool.h"

/* Bytes of the longest token, and of its text. */
#define TOKEN_ROOM	(sizeof(struct docstore_token) + 8 * DOCSTORE_MAX_PARTITIONS)
#define TOKEN_TEXT	(64 + 21 * DOCSTORE_MAX_PARTITIONS)

/**
 * struct token - a token, and whether there is one
 * @len: its bytes; 0 if there is none
 * @words: the token, see token_of()
 */
struct token {
	size_t len;
	__u64 words[TOKEN_ROOM / sizeof(__u64)];
};

static inline struct docstore_token *token_of(const struct token *token)
{
	return (struct docstore_token *)(uintptr_t)token->words;
}

/* The token of a stream, if it has one now. */
bool token_take(struct token *token, const struct ds_stream *stream);
bool token_read(struct token *token, struct ds_str text);
void token_write(struct buf *buf, const struct token *token);

/*
 * SIGINT and SIGTERM ask to stop: they come while something is waited for, and never
 * between. follow_wait() returns 1 if there may be something to read, 0 if the time is
 * over, or -EINTR if it is to stop. @timeout_ms below 0 stands for as long as it takes.
 */
void follow_begin(void);
void follow_end(void);
int follow_wait(const struct ds_stream *stream, int timeout_ms);
bool follow_stopped(void);

/* One line of JSON for a record, with its newline. Return 0 or a negative errno. */
int record_write(struct buf *buf, struct ds_store *store, const struct ds_stream *stream,
		 const struct ds_record *record);

/*
 * Write a small file as a whole or not at all: under another name, which is exchanged
 * then. With @sync it is on the disk before. Return 0 or a negative errno.
 */
int file_replace(int dir, const char *name, const void *data, size_t len, bool sync);

/* All of a small file; 0 or a negative errno. */
int file_read(int dir, const char *name, struct buf *buf);

#endif /* DOCSTORE_FOLLOW_H */

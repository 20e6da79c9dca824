/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Streams with a fault in them: opening, reading, pausing and closing them. Of one that
 * could not be opened nothing is left, and a read that has failed can be repeated: all
 * that was to come comes, once.
 */
#ifndef DOCSTORE_FAULT_STREAM_H
#define DOCSTORE_FAULT_STREAM_H

#include "fault_calls.h"
#include "monitor.h"
#include "stream.h"

#define FAULT_BACKLOG	65536
#define CHANGED		8		/* documents that are changed at a time */

/* It reads into @out of struct fault. */
static struct st_reader fault_reader;
static struct st_token fault_token;

/* A store's backlogs are there from its first stream on. */
static int backlogs_begin(int store)
{
	int fd, ret = ds_config_set(store, DOCSTORE_SETTING_BACKLOG_BYTES, FAULT_BACKLOG);

	if (ret)
		return ret;
	fd = st_open(store, ST_FOLLOW);
	if (fd < 0)
		return fd;
	return close(fd) ? -errno : 0;
}

static int prepare_backlogs(struct fault *f)
{
	struct docstore_store_info info;
	int ret;

	if (f->followed)
		return 0;
	ret = backlogs_begin(f->store.fd) ?: ds_store_info(f->store.fd, &info);
	f->bytes = info.bytes;
	f->names_pages = names_pages(f);
	f->followed = true;
	return ret;
}

static int change_some(struct fault *f)
{
	struct docstore_op ops[CHANGED];
	unsigned int i;

	for (i = 0; i < CHANGED; i++)
		ops[i] = ds_set_s64(id_of(f, i), f->p[0], f->round);
	return model_submit(f->target, ops, CHANGED);
}

static void reader_begin(struct fault *f)
{
	memset(&fault_reader, 0, sizeof(fault_reader));
	fault_reader.fd = f->fd;
	fault_reader.room = VALUE;
	fault_reader.buffer = (char *)f->out;
}

static int stream_end(struct fault *f)
{
	return close(f->fd) ? -errno : 0;
}

/* What that of change_some() has come to, and nothing else. */
static int read_changes(struct fault *f)
{
	const struct docstore_record *record;
	bool seen[CHANGED] = { };
	unsigned int i, n = 0;

	while ((record = st_next(&fault_reader))) {
		for (i = 0; i < CHANGED && !st_is(record, id_of(f, i)); i++)
			;
		if (record->kind != DOCSTORE_RECORD_CHANGE || i == CHANGED || seen[i] ||
		    record->version != f->target->docs[i].version)
			return ds_broken("a record of kind %u, of document %u", record->kind, i);
		seen[i] = true;
		n++;
	}
	return fault_reader.used == -EAGAIN && n == CHANGED ? 0 :
	       ds_broken("%u changes, and then %zd", n, fault_reader.used);
}

/* All documents, between beginning and end. */
static int read_documents(struct fault *f, __u32 flags)
{
	const struct docstore_record *record = st_next(&fault_reader);
	bool seen[MODEL_DOCS] = { };
	unsigned int n = 0;

	if (!record || record->kind != DOCSTORE_RECORD_BEGIN || record->flags != flags)
		return ds_broken("documents do not begin, but %zd", fault_reader.used);
	while ((record = st_next(&fault_reader)) && record->kind == DOCSTORE_RECORD_DOCUMENT) {
		const struct docstore_version *v = st_document(record);
		struct model_doc *d = model_find(f->target, ds_doc_id(v), v->id_len);

		if (!d || !d->exists || seen[d - f->target->docs] || v->size != d->raw->size ||
		    memcmp(v, d->raw, v->size))
			return ds_broken("document %.*s is wrong, or comes again", v->id_len,
					 (const char *)ds_doc_id(v));
		seen[d - f->target->docs] = true;
		n++;
	}
	if (!record || record->kind != DOCSTORE_RECORD_END || n != model_count(f->target))
		return ds_broken("%u documents, and then %zd", n, fault_reader.used);
	return 0;
}

static int read_nothing(void)
{
	if (st_next(&fault_reader) || fault_reader.used != -EAGAIN)
		return ds_broken("there is more, or %zd", fault_reader.used);
	return 0;
}

/* Opening ------------------------------------------------------------------ */

static int prepare_stream_first(struct fault *f)
{
	struct docstore_store_info info;
	int ret;

	ret = extra_begin(f, 2, 16 * MIB) ?: fill(f, CHANGED) ?:
	      ds_config_set(f->extra.fd, DOCSTORE_SETTING_BACKLOG_BYTES, FAULT_BACKLOG) ?:
	      ds_store_info(f->extra.fd, &info);
	f->bytes_before = info.bytes;
	return ret;
}

static int run_stream_first(struct fault *f)
{
	f->fd = st_open(f->extra.fd, ST_FOLLOW | ST_NONBLOCK);
	return f->fd < 0 ? f->fd : 0;
}

/* Once it has got through, the backlogs are there, and have been counted once. */
static int settle_stream_first(struct fault *f, int ret)
{
	struct docstore_store_info info;
	__u64 bytes;
	int err = 0;

	if (ret)
		err = run_stream_first(f);
	err = err ?: ds_store_info(f->extra.fd, &info);
	bytes = info.bytes - f->bytes_before;
	if (!err && (f->backlog_bytes ? bytes != f->backlog_bytes : bytes < 2 * FAULT_BACKLOG))
		err = ds_broken("backlogs of %llu bytes, which were %llu",
				(unsigned long long)bytes, (unsigned long long)f->backlog_bytes);
	f->backlog_bytes = bytes;
	reader_begin(f);
	err = err ?: change_some(f) ?: read_changes(f) ?: stream_end(f);
	return err ?: extra_end(f);
}

static int run_stream(struct fault *f)
{
	f->fd = st_open(f->store.fd, ST_FOLLOW | ST_NONBLOCK);
	return f->fd < 0 ? f->fd : 0;
}

static int settle_stream(struct fault *f, int ret)
{
	reader_begin(f);
	return ret ? 0 : change_some(f) ?: read_changes(f) ?: stream_end(f);
}

/* A token, and changes behind it. */
static int prepare_stream_token(struct fault *f)
{
	const struct docstore_record *record;
	int ret = prepare_backlogs(f);

	if (ret)
		return ret;
	f->fd = st_open(f->store.fd, ST_FOLLOW | ST_BOOKMARKS | ST_NONBLOCK);
	if (f->fd < 0)
		return f->fd;
	reader_begin(f);
	record = st_next(&fault_reader);
	if (!record || record->kind != DOCSTORE_RECORD_BOOKMARK)
		return ds_broken("no token, but %zd", fault_reader.used);
	fault_token = fault_reader.token;
	return stream_end(f) ?: change_some(f);
}

static int run_stream_token(struct fault *f)
{
	struct docstore_stream arg = st_args(ST_FOLLOW | ST_NONBLOCK);

	arg.prefix = ds_ptr(f->model.prefix);
	arg.prefix_len = strlen(f->model.prefix);
	arg.token = ds_ptr(&fault_token);
	arg.token_size = fault_token.head.size;
	f->fd = st_open_args(f->store.fd, &arg);
	return f->fd < 0 ? f->fd : 0;
}

static int settle_stream_token(struct fault *f, int ret)
{
	reader_begin(f);
	return ret ? 0 : read_changes(f) ?: stream_end(f);
}

static int run_stream_snapshot(struct fault *f)
{
	f->fd = st_open(f->store.fd, ST_SNAPSHOT | ST_FOLLOW | ST_NONBLOCK);
	return f->fd < 0 ? f->fd : 0;
}

static int settle_stream_snapshot(struct fault *f, int ret)
{
	if (ret)
		return snapshots_become(f->store.fd, 0);
	reader_begin(f);
	return snapshots_become(f->store.fd, 1) ?: read_documents(f, 0) ?:
	       snapshots_become(f->store.fd, 0) ?: change_some(f) ?: read_changes(f) ?:
	       stream_end(f);
}

/* Reading ------------------------------------------------------------------ */

/* What has come is the reader's first; if it is not all, the rest follows. */
static int run_stream_read(struct fault *f)
{
	ssize_t n = read(f->fd, f->out, VALUE);

	fault_reader.used = n < 0 ? 0 : n;
	return n < 0 ? -errno : 0;
}

static int prepare_stream_read(struct fault *f)
{
	int ret = prepare_backlogs(f) ?: run_stream(f);

	reader_begin(f);
	return ret ?: change_some(f);
}

static int settle_stream_read(struct fault *f, int ret)
{
	if (!ret && !fault_reader.used)
		return ds_broken("a read returned 0");
	return read_changes(f) ?: stream_end(f);
}

static int prepare_stream_documents(struct fault *f)
{
	int ret = prepare_backlogs(f) ?: run_stream_snapshot(f);

	reader_begin(f);
	return ret;
}

static int settle_stream_documents(struct fault *f, int ret)
{
	if (!ret && !fault_reader.used)
		return ds_broken("a read returned 0");
	return read_documents(f, 0) ?: snapshots_become(f->store.fd, 0) ?: change_some(f) ?:
	       read_changes(f) ?: stream_end(f);
}

static int prepare_stream_bookmark(struct fault *f)
{
	int ret = prepare_backlogs(f);

	if (ret)
		return ret;
	f->fd = st_open(f->store.fd, ST_FOLLOW | ST_BOOKMARKS | ST_NONBLOCK);
	reader_begin(f);
	return f->fd < 0 ? f->fd : 0;
}

static int settle_stream_bookmark(struct fault *f, int ret)
{
	const struct docstore_record *record = st_next(&fault_reader);

	if (!record || record->kind != DOCSTORE_RECORD_BOOKMARK)
		return ds_broken("no bookmark, but %zd, behind %d", fault_reader.used, ret);
	return read_nothing() ?: change_some(f) ?: read_changes(f) ?: stream_end(f);
}

/* What it would have read next was overwritten, and all documents are to come. */
static int prepare_stream_resync(struct fault *f)
{
	int ret = prepare_stream_first(f) ?: backlogs_begin(f->extra.fd);
	unsigned int i;

	if (ret)
		return ret;
	f->fd = st_open(f->extra.fd, ST_FOLLOW | ST_RESYNC | ST_NONBLOCK);
	if (f->fd < 0)
		return f->fd;
	reader_begin(f);
	for (i = 0; i < 2 * FAULT_BACKLOG / 8000 && !ret; i++) {
		struct docstore_op op = set_value(f, 0, 2, 8000);

		f->round++;
		ret = model_submit(f->target, &op, 1);
	}
	return ret;
}

static int settle_stream_resync(struct fault *f, int ret)
{
	const struct docstore_record *record = st_next(&fault_reader);

	if (!record || record->kind != DOCSTORE_RECORD_LOST)
		return ds_broken("nothing was lost, but %zd, behind %d", fault_reader.used, ret);
	return read_documents(f, DOCSTORE_RECORD_RESYNC) ?: read_nothing() ?: stream_end(f) ?:
	       snapshots_become(f->extra.fd, 0) ?: extra_end(f);
}

/* Pausing ------------------------------------------------------------------ */

static int prepare_stream_paused(struct fault *f)
{
	return prepare_stream_documents(f) ?: st_pause(f->fd, 3600000, 0);
}

static int run_stream_pause(struct fault *f)
{
	return st_pause(f->fd, 3600000, DOCSTORE_PAUSE_THEN_ERROR);
}

static int settle_stream_pause(struct fault *f, int ret)
{
	int state = st_state(f->fd);

	if (state != (ret ? DOCSTORE_STREAM_RUNNING : DOCSTORE_STREAM_PAUSED))
		return ds_broken("pause returned %d, and it is in state %d", ret, state);
	return st_resume(f->fd) ?: settle_stream_documents(f, -EAGAIN);
}

static int run_stream_resume(struct fault *f)
{
	return st_resume(f->fd);
}

static int settle_stream_resume(struct fault *f, int ret)
{
	int state = st_state(f->fd);

	if (state != (ret ? DOCSTORE_STREAM_PAUSED : DOCSTORE_STREAM_RUNNING))
		return ds_broken("resume returned %d, and it is in state %d", ret, state);
	return st_resume(f->fd) ?: settle_stream_documents(f, -EAGAIN);
}

static int run_stream_info(struct fault *f)
{
	return st_info(f->fd, (void *)f->out);
}

static int settle_stream_info(struct fault *f, int ret)
{
	const struct docstore_stream_info *info = (void *)f->out;

	if (!ret && (info->state != DOCSTORE_STREAM_PAUSED || info->pauses != 1 ||
		     info->timeout_ms != 3600000 || info->backlog != FAULT_BACKLOG))
		return ds_broken("stream info: state %u, %u pauses of %u ms", info->state,
				 info->pauses, info->timeout_ms);
	return stream_end(f);
}

static int settle_stream_close(struct fault *f, int ret)
{
	return ret ?: snapshots_become(f->store.fd, 0);
}

#endif /* DOCSTORE_FAULT_STREAM_H */

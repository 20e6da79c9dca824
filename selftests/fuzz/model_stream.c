// SPDX-License-Identifier: GPL-2.0
/*
 * What DOCSTORE_STREAM, STREAM_INFO, STREAM_PAUSE and STREAM_RESUME must do, and what
 * streams yield: whoever has read all of it has what the store has.
 */
#include "model.h"
#include "../monitor.h"
#include "../stream.h"

#define FZ_MS		1000000ULL
#define FZ_SLACK	(20 * FZ_MS)	/* between one clock and another */
#define FZ_BACKLOG	65536		/* so small that changes are lost now and then */
#define FZ_READ		(2 << 20)	/* any record fits */

/* Small backlogs, which are soon made, for all stores of programs. */
bool fz_stream_init(struct fz_run *run)
{
	struct docstore_config c;

	if (ds_config_get(run->slots[0].fd, &c))
		return false;
	run->backlog = c.value[DOCSTORE_SETTING_BACKLOG_BYTES];
	return !ds_config_set(run->slots[0].fd, DOCSTORE_SETTING_BACKLOG_BYTES, FZ_BACKLOG);
}

void fz_stream_exit(struct fz_run *run)
{
	ds_config_set(run->slots[0].fd, DOCSTORE_SETTING_BACKLOG_BYTES, run->backlog);
}

/* A token of the program's store that is always good. */
bool fz_stream_begin(struct fz_run *run)
{
	struct docstore_store_info info;

	if (ds_store_info(run->slots[1].fd, &info))
		return false;
	run->told[0] = info.incarnation;
	run->told[1] = info.created;
	run->told[2] = 1;
	run->told[3] = 1;
	return true;
}

static void fz_stream_forget(struct fz_stream *stream)
{
	if (stream->has)
		fz_store_free(stream->has);
	stream->has = NULL;
}

void fz_stream_put(struct fz_stream *stream)
{
	if (--stream->users)
		return;
	fz_stream_forget(stream);
	free(stream);
}

/* After a group of calls: others may have read the streams that we have open. */
void fz_streams_touched(struct fz_run *run, const struct fz_op *op)
{
	unsigned int i;

	if (!(op->flags & FZ_ON_STREAM) || op->command == DOCSTORE_STREAM_INFO)
		return;
	for (i = 0; i < FZ_SLOTS; i++) {
		if (!run->slots[i].stream)
			continue;
		run->slots[i].stream->sure = false;
		run->slots[i].stream->state = FZ_STREAM_EITHER;
	}
}

/* State ------------------------------------------------------------------------- */

/* The state, if it is known. */
static int fz_stream_state(const struct fz_run *run, struct fz_stream *stream)
{
	if (run->wild)
		return FZ_STREAM_EITHER;
	if (stream->state == DOCSTORE_STREAM_PAUSED && stream->over &&
	    ds_now() + FZ_SLACK >= stream->over)
		stream->state = FZ_STREAM_EITHER;
	return stream->state;
}

static bool fz_stream_over(int state)
{
	return state == DOCSTORE_STREAM_COMPLETE || state == DOCSTORE_STREAM_ERROR;
}

/* Somebody has seen it be so. */
static void fz_stream_is(struct fz_run *run, struct fz_stream *stream, int state)
{
	int is = fz_stream_state(run, stream);

	if (run->wild)
		return;
	if (is != FZ_STREAM_EITHER && is != state)
		fz_find(run, "%s: a stream is in state %d instead of %d", run->op->name, state, is);
	stream->state = state;
}

/* Which errors must or may come of what changes the state. */
static void fz_stream_expect(struct fz_run *run)
{
	struct fz_stream *stream = run->fd->stream;
	int state = fz_stream_state(run, stream);

	if (fz_stream_over(state))
		fz_error_add(&run->must, EPIPE);
	else if (state == FZ_STREAM_EITHER)
		fz_error_add(&run->may, EPIPE);
}

void fz_before_stream_pause(struct fz_run *run)
{
	const struct docstore_stream_pause *arg = ARG(docstore_stream_pause);

	if ((arg->flags & DOCSTORE_PAUSE_THEN_ERROR) && !arg->timeout_ms)
		fz_error_add(&run->must, EINVAL);
	fz_stream_expect(run);
}

void fz_after_stream_pause(struct fz_run *run, int ret)
{
	struct fz_stream *stream = run->fd->stream;

	if (ret || run->wild)
		return;
	stream->state = DOCSTORE_STREAM_PAUSED;
	stream->pause = *ARG(docstore_stream_pause);
	stream->pauses++;
	stream->over = stream->pause.timeout_ms ?
		       run->began + stream->pause.timeout_ms * FZ_MS : 0;
}

void fz_before_stream_resume(struct fz_run *run)
{
	fz_stream_expect(run);
}

void fz_after_stream_resume(struct fz_run *run, int ret)
{
	if (!ret && !run->wild)
		run->fd->stream->state = DOCSTORE_STREAM_RUNNING;
}

void fz_before_stream_info(struct fz_run *run)
{
	(void)run;
}

static void fz_check_pause(struct fz_run *run, const struct docstore_stream_info *info)
{
	const struct fz_stream *stream = run->fd->stream;

	if (info->state != DOCSTORE_STREAM_PAUSED) {
		if (info->paused_ns || info->timeout_ms)
			fz_find(run, "stream-info: paused for %llu ns of %u ms in state %u",
				(unsigned long long)info->paused_ns, info->timeout_ms, info->state);
		return;
	}
	if (!stream->sure || run->wild)
		return;
	if (info->timeout_ms != stream->pause.timeout_ms)
		fz_find(run, "stream-info: a pause of %u ms instead of %u", info->timeout_ms,
			stream->pause.timeout_ms);
}

void fz_after_stream_info(struct fz_run *run, int ret)
{
	struct fz_stream *stream = run->fd->stream;
	struct docstore_stream_info info;

	if (!fz_came_back(run, ret, &info))
		return;
	if (info.flags || info.__reserved || info.state > DOCSTORE_STREAM_ERROR ||
	    info.stream_flags != (stream->arg.flags & ~DOCSTORE_STREAM_NONBLOCK) ||
	    info.error != (info.state == DOCSTORE_STREAM_ERROR ? ETIMEDOUT : 0) || !info.memory ||
	    !(stream->arg.flags & DOCSTORE_STREAM_FOLLOW) != !info.backlog)
		fz_find(run, "stream-info: a stream is wrong");
	fz_check_pause(run, &info);
	if (run->wild)
		return;
	fz_stream_is(run, stream, info.state);
	if (stream->sure && (info.records != stream->records || info.bytes != stream->bytes ||
			     info.pauses != stream->pauses))
		fz_find(run, "%s: %llu records, %llu bytes, %u pauses instead of %llu, %llu, %u",
			run->op->name, (unsigned long long)info.records, (unsigned long long)info.bytes,
			info.pauses, (unsigned long long)stream->records,
			(unsigned long long)stream->bytes, stream->pauses);
}

/* Opening ------------------------------------------------------------------------ */

/* What a token must be like, and whether it is of another store. */
static void fz_expect_token(struct fz_run *run, struct fz_stream *stream)
{
	const struct docstore_stream *arg = &stream->arg;
	const struct fz_store *s = run->fd->store;
	struct docstore_store_info info;
	struct docstore_token token;
	__u64 next;
	__u32 i;

	if (arg->token_size < sizeof(token)) {
		fz_error_add(&run->must, EINVAL);
		return;
	}
	if (!fz_memory_readable(run->memory, arg->token, sizeof(token))) {
		fz_error_add(&run->must, EFAULT);
		return;
	}
	memcpy(&token, (void *)(uintptr_t)arg->token, sizeof(token));
	if (token.size != arg->token_size || token.partitions > DOCSTORE_MAX_PARTITIONS ||
	    token.size != sizeof(token) + token.partitions * sizeof(next)) {
		fz_error_add(&run->must, EINVAL);
		return;
	}
	if (!s || run->wild || ds_store_info(run->fd->fd, &info)) {
		fz_error_add(&run->may, EINVAL);
		fz_error_add(&run->may, EFAULT);
		return;
	}
	stream->foreign = token.incarnation != info.incarnation || token.created != info.created;
	if (stream->foreign)
		return;
	if (token.partitions != s->partitions)
		fz_error_add(&run->must, EINVAL);
	for (i = 0; i < token.partitions && !fz_error_any(&run->must); i++) {
		__u64 at = arg->token + sizeof(token) + i * sizeof(next);

		if (!fz_memory_readable(run->memory, at, sizeof(next))) {
			fz_error_add(&run->must, EFAULT);
			return;
		}
		memcpy(&next, (void *)(uintptr_t)at, sizeof(next));
		if (!next)
			fz_error_add(&run->must, EINVAL);
		/* What was told once stays good. */
		else if (next > (run->told[0] == info.incarnation && i < 2 ? run->told[2 + i] : 1))
			fz_error_add(&run->may, EINVAL);
		stream->at[i] = next;
	}
}

void fz_before_stream(struct fz_run *run)
{
	const __u32 changes = DOCSTORE_STREAM_VALUES | DOCSTORE_STREAM_BOOKMARKS |
			      DOCSTORE_STREAM_RESYNC;
	const struct docstore_stream *arg = ARG(docstore_stream);
	const struct fz_store *s = run->fd->store;
	bool snapshot = arg->flags & DOCSTORE_STREAM_SNAPSHOT;
	bool follow = arg->flags & DOCSTORE_STREAM_FOLLOW;
	struct fz_stream *stream;

	if ((!snapshot && !follow) || (!follow && ((arg->flags & changes) || arg->property)) ||
	    (!(arg->flags & DOCSTORE_STREAM_BOOKMARKS) && arg->bookmark_ms) ||
	    (arg->token_size ? !follow || snapshot : !!arg->token))
		fz_error_add(&run->must, EINVAL);
	fz_check_property_number(run, arg->type);
	fz_check_property_number(run, arg->property);
	if (arg->prefix_len <= DOCSTORE_MAX_ID &&
	    !fz_memory_readable(run->memory, arg->prefix, arg->prefix_len))
		fz_error_add(&run->must, EFAULT);
	/* Backlogs may be more than there is. */
	if (!s || s->tight || s->partitions >= 16) {
		fz_error_add(&run->may, ENOSPC);
		fz_error_add(&run->may, ENOMEM);
	}
	if (fz_error_any(&run->must))
		return;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		abort();
	stream->arg = *arg;
	memcpy(stream->prefix, (void *)(uintptr_t)arg->prefix, arg->prefix_len);
	if (arg->token_size)
		fz_expect_token(run, stream);
	run->expect = stream;
}

static void fz_stream_opened(struct fz_run *run, struct fz_stream *stream)
{
	const struct fz_store *s = run->fd->store;

	stream->users = 1;
	stream->sure = s && !run->wild && !run->alias;
	stream->state = stream->sure ? DOCSTORE_STREAM_RUNNING : FZ_STREAM_EITHER;
	stream->scan = stream->arg.flags & DOCSTORE_STREAM_SNAPSHOT;
	/* Who comes with a token that is good here has his first one. */
	stream->first = (stream->arg.flags & DOCSTORE_STREAM_BOOKMARKS) && !stream->scan &&
			(!stream->arg.token_size || stream->foreign);
	if (stream->sure && s->sure && s->names_sure && !stream->foreign)
		stream->has = fz_store_clone(s);
}

void fz_after_stream(struct fz_run *run, int ret)
{
	struct fz_stream *stream = run->expect;
	struct fz_store *s = run->fd->store;
	unsigned int i;

	if (ret < 0)
		return;
	if (!(fcntl(ret, F_GETFD) & FD_CLOEXEC))
		fz_find(run, "stream: the descriptor is not closed on exec");
	if (stream && !(fcntl(ret, F_GETFL) & O_NONBLOCK) !=
		      !(stream->arg.flags & DOCSTORE_STREAM_NONBLOCK))
		fz_find(run, "stream: O_NONBLOCK is not as it was asked for");
	/* No read is to wait. */
	fcntl(ret, F_SETFL, fcntl(ret, F_GETFL) | O_NONBLOCK);
	if (s && !run->shared) {
		s->pinned = true;
		s->streamed = true;
		s->used = true;
	}
	for (i = 5; i < 10 && run->slots[i].fd >= 0; i++)
		;
	if (i == 10 || run->shared || run->torn || !stream) {
		close(ret);
		return;
	}
	fz_stream_opened(run, stream);
	run->expect = NULL;
	run->slots[i] = (struct fz_fd){
		.fd = ret, .kind = FZ_FD_STREAM, .rights = DS_READ, .store = s, .stream = stream,
	};
}

/* Records ------------------------------------------------------------------------- */

static bool fz_stream_prefix(const struct fz_stream *stream, const void *id, __u32 len)
{
	return len >= stream->arg.prefix_len && !memcmp(id, stream->prefix, stream->arg.prefix_len);
}

static bool fz_stream_all(const struct fz_stream *stream)
{
	return !stream->arg.prefix_len && !stream->arg.type && !stream->arg.property;
}

/* Has it asked for a change? */
static bool fz_stream_wants(const struct fz_stream *stream, const struct docstore_record *record)
{
	const __u32 always = DOCSTORE_RECORD_CREATED | DOCSTORE_RECORD_DELETED |
			     DOCSTORE_RECORD_REPLACED | DOCSTORE_RECORD_CLEARED |
			     DOCSTORE_RECORD_OMITTED;
	__u32 type = stream->arg.type, i;

	if (type && record->type != type && record->old_type != type)
		return false;
	if (!fz_stream_prefix(stream, st_id(record), record->id_len))
		return false;
	if (!stream->arg.property || (record->flags & always))
		return true;
	for (i = 0; i < record->count; i++)
		if (st_changes(record)[i].property == stream->arg.property)
			return true;
	return false;
}

/* What a change has made of the document. */
static void fz_stream_apply(struct fz_stream *stream, const struct docstore_record *record)
{
	const __u32 anew = DOCSTORE_RECORD_CREATED | DOCSTORE_RECORD_REPLACED |
			   DOCSTORE_RECORD_CLEARED;
	struct fz_doc *d = fz_doc_get(stream->has, (void *)st_id(record), record->id_len);
	bool *vague;
	__u32 i;

	if (!d) {
		fz_stream_forget(stream);
		return;
	}
	vague = &stream->vague[d - stream->has->docs];
	d->exists = !(record->flags & DOCSTORE_RECORD_DELETED);
	d->version = record->version;
	d->type = record->type;
	if (!d->exists || (record->flags & anew)) {
		fz_doc_clear(d);
		*vague = false;
	}
	if (!(record->flags & DOCSTORE_RECORD_VALUES) &&
	    (record->count || (record->flags & DOCSTORE_RECORD_OMITTED)))
		*vague = true;
	for (i = 0; i < record->count && !*vague; i++) {
		const struct docstore_record_change *c = &st_changes(record)[i];
		struct fz_prop *p = fz_doc_prop(d, c->property);

		if (c->what != DOCSTORE_OP_UNSET)
			fz_doc_set(d, c->property, c->type, st_value(record, i), c->len);
		else if (p)
			fz_doc_unset(d, p);
	}
}

static void fz_stream_change(struct fz_run *run, struct fz_fd *fd,
			     const struct docstore_record *record)
{
	struct fz_stream *stream = fd->stream;
	__u64 *at = &stream->at[record->partition];

	if (fz_stream_all(stream) ? *at && record->sequence != *at : record->sequence < *at)
		fz_find(run, "stream-read: change %llu of partition %u, not %llu",
			(unsigned long long)record->sequence, record->partition,
			(unsigned long long)*at);
	*at = record->sequence + 1;
	if (stream->has)
		fz_stream_apply(stream, record);
}

static void fz_stream_lost(struct fz_run *run, struct fz_fd *fd,
			   const struct docstore_record *record)
{
	const struct docstore_record_lost *lost = st_lost(record);
	struct fz_stream *stream = fd->stream;
	__u64 *at;

	fz_stream_forget(stream);
	if (lost->reason == DOCSTORE_LOST_STORE) {
		if (!stream->foreign || record->sequence || lost->records)
			fz_find(run, "stream-read: a token of another store");
		stream->foreign = false;
	} else {
		at = &stream->at[record->partition];
		if (lost->reason != DOCSTORE_LOST_OVERRUN || !lost->records || !record->sequence ||
		    (*at && (fz_stream_all(stream) ? record->sequence != *at :
						     record->sequence < *at)))
			fz_find(run, "stream-read: %llu lost from %llu on, not %llu",
				(unsigned long long)lost->records,
				(unsigned long long)record->sequence, (unsigned long long)*at);
		*at = record->sequence + lost->records;
	}
	/* All documents follow, in which these changes are. */
	if (stream->arg.flags & DOCSTORE_STREAM_RESYNC)
		stream->scan = true;
}

static void fz_stream_token(struct fz_run *run, struct fz_fd *fd,
			    const struct docstore_record *record)
{
	const struct docstore_token *token = st_token(record);
	struct fz_stream *stream = fd->stream;
	bool follow = stream->arg.flags & DOCSTORE_STREAM_FOLLOW;
	bool end = record->kind == DOCSTORE_RECORD_END;
	__u32 i;

	if (token->partitions != (follow ? fd->store->partitions : 0) || !token->incarnation ||
	    !token->created) {
		fz_find(run, "stream-read: a token is wrong");
		return;
	}
	for (i = 0; i < token->partitions; i++) {
		if (!token->next[i] || token->next[i] < stream->at[i] ||
		    (!end && fz_stream_all(stream) && stream->at[i] &&
		     token->next[i] != stream->at[i]))
			fz_find(run, "stream-read: a token has %llu, and not %llu",
				(unsigned long long)token->next[i],
				(unsigned long long)stream->at[i]);
		stream->at[i] = token->next[i];
	}
	stream->first = false;
	if (token->partitions == 2 && token->incarnation == run->told[0])
		memcpy(&run->told[2], token->next, 2 * sizeof(__u64));
}

static void fz_stream_scan_begin(struct fz_run *run, struct fz_fd *fd,
				 const struct docstore_record *record)
{
	struct fz_stream *stream = fd->stream;
	bool again = record->flags & DOCSTORE_RECORD_RESYNC;

	if (!stream->scan || stream->begun ||
	    (again ? !(stream->arg.flags & DOCSTORE_STREAM_RESYNC) :
		     !(stream->arg.flags & DOCSTORE_STREAM_SNAPSHOT)))
		fz_find(run, "stream-read: documents begin that were not asked for");
	stream->begun = true;
	memset(stream->seen, 0, sizeof(stream->seen));
	if (!again)
		return;
	memset(stream->vague, 0, sizeof(stream->vague));
	fz_stream_forget(stream);
	if (fd->store->sure && fd->store->names_sure)
		stream->has = fz_store_clone(fd->store);
}

static bool fz_stream_wants_doc(const struct fz_stream *stream, const struct fz_doc *d)
{
	return d->exists && (!stream->arg.type || d->type == stream->arg.type) &&
	       fz_stream_prefix(stream, d->id, d->id_len);
}

static void fz_stream_document(struct fz_run *run, struct fz_fd *fd,
			       const struct docstore_record *record)
{
	const struct docstore_version *v = st_document(record);
	struct fz_stream *stream = fd->stream;
	struct fz_doc *d;
	const char *problem;

	if (!stream->begun)
		fz_find(run, "stream-read: a document, and they have not begun");
	if (!stream->has)
		return;
	d = fz_doc_find(stream->has, ds_doc_id(v), v->id_len);
	if (!d || !fz_stream_wants_doc(stream, d)) {
		fz_find(run, "stream-read: document '%.*s' should not be there", v->id_len,
			(const char *)ds_doc_id(v));
		return;
	}
	problem = fz_doc_differs(d, v, v->size);
	if (problem)
		fz_find(run, "stream-read: document '%.*s' %s", v->id_len,
			(const char *)ds_doc_id(v), problem);
	if (stream->seen[d - stream->has->docs])
		fz_find(run, "stream-read: document '%.*s' comes again", v->id_len,
			(const char *)ds_doc_id(v));
	stream->seen[d - stream->has->docs] = true;
}

static void fz_stream_scan_end(struct fz_run *run, struct fz_fd *fd)
{
	struct fz_stream *stream = fd->stream;
	__u32 i;

	if (!stream->begun)
		fz_find(run, "stream-read: documents end, and have not begun");
	for (i = 0; stream->has && i < stream->has->ndocs; i++) {
		const struct fz_doc *d = &stream->has->docs[i];

		if (fz_stream_wants_doc(stream, d) && !stream->seen[i])
			fz_find(run, "stream-read: document '%.*s' did not come", d->id_len,
				(const char *)d->id);
	}
	stream->scan = false;
	stream->begun = false;
	if (!(stream->arg.flags & DOCSTORE_STREAM_FOLLOW))
		stream->state = DOCSTORE_STREAM_COMPLETE;
}

/* Why a record is none that the stream could yield, whoever reads it; or NULL. */
static const char *fz_stream_wrong(const struct fz_fd *fd, const struct docstore_record *record)
{
	const struct fz_stream *stream = fd->stream;
	const struct docstore_version *v = st_document(record);
	__u32 flags = stream->arg.flags;
	__u32 partitions = fd->store ? fd->store->partitions : DOCSTORE_MAX_PARTITIONS;

	if (record->flags & ~0x7f)
		return "its flags";
	switch (record->kind) {
	case DOCSTORE_RECORD_CHANGE:
		if (!(flags & DOCSTORE_STREAM_FOLLOW) || record->partition >= partitions)
			return "no such change";
		if ((record->flags & DOCSTORE_RECORD_VALUES) && !(flags & DOCSTORE_STREAM_VALUES))
			return "values that were not asked for";
		return fz_stream_wants(stream, record) ? NULL : "a change that was not asked for";
	case DOCSTORE_RECORD_DOCUMENT:
		if (record->partition >= partitions)
			return "its partition";
		if (ds_doc_check(v, record->size - sizeof(*record)))
			return "no document";
		if (record->id_len != v->id_len || record->type != v->type ||
		    (stream->arg.type && v->type != stream->arg.type) ||
		    !fz_stream_prefix(stream, ds_doc_id(v), v->id_len))
			return "a document that was not asked for";
		return NULL;
	case DOCSTORE_RECORD_BEGIN:
	case DOCSTORE_RECORD_END:
		return flags & (DOCSTORE_STREAM_SNAPSHOT | DOCSTORE_STREAM_RESYNC) ? NULL :
		       "no documents";
	case DOCSTORE_RECORD_BOOKMARK:
		return flags & DOCSTORE_STREAM_BOOKMARKS ? NULL : "a bookmark";
	case DOCSTORE_RECORD_REMOVED:
		return flags & DOCSTORE_STREAM_FOLLOW ? NULL : "no documents";
	default:
		return st_lost(record)->reason == DOCSTORE_LOST_STORE ||
		       record->partition < partitions ? NULL : "its partition";
	}
}

static void fz_stream_record(struct fz_run *run, struct fz_fd *fd,
			     const struct docstore_record *record)
{
	struct fz_stream *stream = fd->stream;
	bool documents = record->kind == DOCSTORE_RECORD_BEGIN ||
			 record->kind == DOCSTORE_RECORD_DOCUMENT ||
			 record->kind == DOCSTORE_RECORD_END;

	stream->records++;
	stream->bytes += record->size;
	if (stream->scan != documents)
		fz_find(run, "stream-read: a record of kind %u %s documents", record->kind,
			documents ? "instead of other than" : "among");
	switch (record->kind) {
	case DOCSTORE_RECORD_CHANGE:
		fz_stream_change(run, fd, record);
		break;
	case DOCSTORE_RECORD_LOST:
		fz_stream_lost(run, fd, record);
		break;
	case DOCSTORE_RECORD_BEGIN:
		fz_stream_scan_begin(run, fd, record);
		break;
	case DOCSTORE_RECORD_DOCUMENT:
		fz_stream_document(run, fd, record);
		break;
	case DOCSTORE_RECORD_END:
		fz_stream_token(run, fd, record);
		fz_stream_scan_end(run, fd);
		break;
	case DOCSTORE_RECORD_BOOKMARK:
		fz_stream_token(run, fd, record);
		break;
	case DOCSTORE_RECORD_REMOVED:
		if (stream->removed || (fd->store->named && !run->lost))
			fz_find(run, "stream-read: removed, %s",
				stream->removed ? "once more" : "which it was not");
		stream->removed = true;
		break;
	}
}

static void fz_stream_records(struct fz_run *run, struct fz_fd *fd, __u64 address, size_t len)
{
	/* Aligned, and with room for a struct where none is. */
	char *bytes = calloc(1, len + 64);
	size_t at = 0;

	if (!bytes)
		abort();
	memcpy(bytes, (void *)(uintptr_t)address, len);
	while (at < len && !run->finding[0]) {
		const struct docstore_record *record = (void *)(bytes + at);
		const char *wrong = st_wrong(record, len - at);

		if (!wrong)
			wrong = fz_stream_wrong(fd, record);
		if (wrong) {
			fz_find(run, "stream-read: record of kind %u, %u bytes, at %zu of %zu: %s",
				record->kind, record->size, at, len, wrong);
			break;
		}
		if (fz_stream_over(fd->stream->state) && !run->wild)
			fz_find(run, "stream-read: a record behind the end");
		if (fd->stream->sure && !run->wild)
			fz_stream_record(run, fd, record);
		at += record->size;
	}
	free(bytes);
}

/* Reading and polling ---------------------------------------------------------------- */

/* There is something to read, without looking into the backlogs. */
static bool fz_stream_must(const struct fz_run *run, const struct fz_fd *fd)
{
	const struct fz_stream *stream = fd->stream;
	bool removed = stream->arg.flags & DOCSTORE_STREAM_FOLLOW && !fd->store->named &&
		       !run->lost;

	return stream->scan || stream->first || stream->foreign || (removed && !stream->removed);
}

static void fz_stream_failed(struct fz_run *run, struct fz_fd *fd, bool writable, int error)
{
	struct fz_stream *stream = fd->stream;
	int state = fz_stream_state(run, stream);
	bool sure = stream->sure && !run->wild, faults = run->call && run->call->nth;
	bool again = stream->arg.flags & DOCSTORE_STREAM_RESYNC, may;

	switch (error) {
	case EAGAIN:
		may = !fz_stream_over(state) && !(sure && state == DOCSTORE_STREAM_RUNNING &&
						  fz_stream_must(run, fd));
		break;
	case EMSGSIZE:
		may = state == DOCSTORE_STREAM_RUNNING || state == FZ_STREAM_EITHER;
		break;
	case EFAULT:
		may = !writable || faults;
		break;
	case EINTR:
		may = run->signals;
		break;
	case ENOMEM:
		may = faults || run->wild;
		break;
	case ENOSPC:
	case EBUSY:
		may = again;
		break;
	case ETIMEDOUT:
		may = state == DOCSTORE_STREAM_ERROR ||
		      (state == FZ_STREAM_EITHER &&
		       (!sure || (stream->pause.flags & DOCSTORE_PAUSE_THEN_ERROR)));
		if (may && !run->wild)
			stream->state = DOCSTORE_STREAM_ERROR;
		break;
	default:
		may = false;
	}
	if (!may)
		fz_find(run, "stream-read failed with %d (%s) in state %d", error,
			strerrorname_np(error) ?: "no error that there is", state);
}

/* The kernel has been asked for @len bytes at @address, and has returned @ret. */
void fz_stream_was_read(struct fz_run *run, struct fz_fd *fd, __u64 address, size_t len,
			ssize_t ret)
{
	/* An address that is none is refused, however little is to go there. */
	bool writable = fz_memory_writable(run->memory, address, len ?: 1);
	struct fz_stream *stream = fd->stream;
	int state = fz_stream_state(run, stream);

	if (ret < 0) {
		fz_stream_failed(run, fd, writable, -ret);
		return;
	}
	if ((size_t)ret > len) {
		fz_find(run, "stream-read returned %zd of %zu", ret, len);
		return;
	}
	if (!ret) {
		if ((stream->arg.flags & DOCSTORE_STREAM_FOLLOW) ||
		    (state != DOCSTORE_STREAM_COMPLETE && state != FZ_STREAM_EITHER))
			fz_find(run, "stream-read returned 0 in state %d", state);
		if (!run->wild)
			stream->state = DOCSTORE_STREAM_COMPLETE;
		return;
	}
	if (state != DOCSTORE_STREAM_RUNNING && state != FZ_STREAM_EITHER)
		fz_find(run, "stream-read returned %zd in state %d", ret, state);
	/* It may be complete now; where records are looked at, that is seen. */
	if (!run->wild)
		stream->state = stream->sure || (stream->arg.flags & DOCSTORE_STREAM_FOLLOW) ?
				DOCSTORE_STREAM_RUNNING : FZ_STREAM_EITHER;
	fz_stream_records(run, fd, address, ret);
	/* What could not be copied in the end may be there in part. */
	if (writable && !run->wild && !(run->call && run->call->nth))
		fz_check_rest(run, address, ret);
}

void fz_stream_poll(struct fz_run *run, struct fz_fd *fd)
{
	struct fz_stream *stream = fd->stream;
	int state = fz_stream_state(run, stream), events = st_poll(fd->fd, 0);
	bool wrong = false;

	switch (state) {
	case DOCSTORE_STREAM_RUNNING:
		wrong = (events & ~POLLIN) || (stream->sure && fz_stream_must(run, fd) && !events);
		break;
	case DOCSTORE_STREAM_PAUSED:
		wrong = events;
		break;
	case DOCSTORE_STREAM_COMPLETE:
		wrong = events != (POLLIN | POLLRDHUP);
		break;
	case DOCSTORE_STREAM_ERROR:
		wrong = events != (POLLIN | POLLERR);
		break;
	}
	if (wrong)
		fz_find(run, "poll of a stream in state %d returns %#x", state, events);
}

/* All of them ------------------------------------------------------------------------ */

static const char *fz_props_differ(const struct fz_doc *d, struct fz_doc *other)
{
	__u32 i;

	if (d->nprops != other->nprops)
		return "has another number of properties";
	for (i = 0; i < d->nprops; i++) {
		const struct fz_prop *p = &d->props[i], *is = fz_doc_prop(other, p->name);

		if (!is || is->type != p->type || is->len != p->len ||
		    memcmp(is->value, p->value, p->len))
			return "has another value";
	}
	return NULL;
}

static const char *fz_told_differs(const struct fz_stream *stream, const struct fz_doc *d)
{
	struct fz_doc *told = fz_doc_find(stream->has, d->id, d->id_len);

	if (!told || told->exists != d->exists)
		return d->exists ? "exists" : "does not exist";
	if (!d->exists)
		return NULL;
	if (told->version != d->version)
		return "has another version";
	if (told->type != d->type)
		return "has another type";
	return stream->vague[told - stream->has->docs] ? NULL : fz_props_differ(d, told);
}

/* All was read: is it what the store has? */
static void fz_stream_compare(struct fz_run *run, const struct fz_fd *fd)
{
	const struct fz_stream *stream = fd->stream;
	struct fz_store *s = fd->store;
	const char *problem;
	__u32 i;

	if (!stream->sure || !stream->has || !s->sure || stream->arg.type || stream->arg.property)
		return;
	for (i = 0; i < s->ndocs; i++) {
		const struct fz_doc *d = &s->docs[i];

		if (!fz_stream_prefix(stream, d->id, d->id_len) ||
		    (!d->exists && !fz_doc_find(stream->has, d->id, d->id_len)))
			continue;
		problem = fz_told_differs(stream, d);
		if (problem)
			fz_find(run, "document '%.*s' %s, and a stream did not tell that",
				d->id_len, (const char *)d->id, problem);
	}
	for (i = 0; i < stream->has->ndocs; i++) {
		const struct fz_doc *d = &stream->has->docs[i];

		if (d->exists && fz_stream_prefix(stream, d->id, d->id_len) &&
		    !fz_doc_find(s, d->id, d->id_len))
			fz_find(run, "document '%.*s' was told by a stream, and is not there",
				d->id_len, (const char *)d->id);
	}
}

/* Read what is left. */
static void fz_stream_drain(struct fz_run *run, struct fz_fd *fd)
{
	static char *buffer;
	struct fz_stream *stream = fd->stream;
	int state = st_state(fd->fd);
	ssize_t n;

	if (!buffer)
		buffer = ds_map(FZ_READ, MAP_PRIVATE);
	if (state == DOCSTORE_STREAM_PAUSED && st_resume(fd->fd)) {
		/* Its time was over just then. */
		if (!(stream->pause.flags & DOCSTORE_PAUSE_THEN_ERROR) && stream->sure)
			fz_find(run, "in the end a stream cannot be resumed");
		return;
	}
	stream->state = state == DOCSTORE_STREAM_PAUSED ? DOCSTORE_STREAM_RUNNING : state;
	do {
		n = read(fd->fd, buffer, FZ_READ);
		if (n < 0)
			n = -errno;
		fz_stream_was_read(run, fd, ds_ptr(buffer), FZ_READ, n);
	} while (n > 0 && !run->finding[0]);
	if (n != -EAGAIN || run->finding[0])
		return;
	/* Bookmarks come when it is time. */
	if (!(stream->arg.flags & DOCSTORE_STREAM_BOOKMARKS) && st_poll(fd->fd, 0))
		fz_find(run, "in the end a stream has something to read, and yields nothing");
	fz_stream_compare(run, fd);
}

void fz_streams_verify(struct fz_run *run)
{
	unsigned int i;

	run->call = NULL;
	for (i = 0; i < FZ_SLOTS && !run->finding[0]; i++)
		if (run->slots[i].stream)
			fz_stream_drain(run, &run->slots[i]);
}

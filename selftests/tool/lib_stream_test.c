// SPDX-License-Identifier: GPL-2.0
/*
 * libdocstore: streams. What they yield, where they are, and what is refused.
 *
 * lib_stream_test has a store in user space behind it, and lib_stream_test_guest the
 * module.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libdocstore.h"
#include "libdocstore_monitor.h"
#include "libdocstore_stream.h"
#include "tap.h"

#define NAME		"lib_stream"
#define READ		DOCSTORE_OPEN_READ
#define WRITE		DOCSTORE_OPEN_WRITE
#define FOLLOW		(DOCSTORE_STREAM_FOLLOW | DOCSTORE_STREAM_NONBLOCK)
#define VALUES		(FOLLOW | DOCSTORE_STREAM_VALUES)
#define BOTH		(VALUES | DOCSTORE_STREAM_SNAPSHOT)
#define TOKEN_ROOM	(sizeof(struct docstore_token) + 8 * DOCSTORE_MAX_PARTITIONS)

static struct ds_store *store;

/* A token, wherever it is from. */
static union {
	struct docstore_token head;
	unsigned char room[TOKEN_ROOM];
} token, other;

static struct ds_stream *open_opts(unsigned int flags, struct ds_stream_opts *opts)
{
	struct ds_stream *stream;
	int err;

	opts->size = sizeof(*opts);
	opts->flags = flags;
	err = ds_stream_open(store, opts, &stream);
	if (err) {
		printf("Bail out! cannot open a stream: %s\n", strerror(-err));
		exit(1);
	}
	return stream;
}

static struct ds_stream *open_stream(unsigned int flags)
{
	struct ds_stream_opts opts = { .size = 0 };

	return open_opts(flags, &opts);
}

static struct ds_stream *open_token(unsigned int flags, const struct docstore_token *from)
{
	struct ds_stream_opts opts = { .token = from, .token_len = from->size };

	return open_opts(flags, &opts);
}

static int refused(struct ds_stream_opts opts)
{
	struct ds_stream *stream = (void *)&opts;
	int err;

	opts.size = sizeof(opts);
	err = ds_stream_open(store, &opts, &stream);
	if (!err)
		ds_stream_close(stream);
	else if (stream)
		return 1;
	return err;
}

static bool is(struct ds_str str, const char *text)
{
	return str.len == strlen(text) && !memcmp(str.data, text, str.len);
}

/* The next record, which must be of this kind, and of this document if it is of one. */
static bool next(struct ds_stream *stream, unsigned int kind, const char *id,
		 struct ds_record *record)
{
	int ret = ds_stream_next(stream, record);

	if (ret != 1)
		printf("# ds_stream_next: %d\n", ret);
	else if (record->kind != kind || (id && !is(record->id, id)))
		printf("# a record of kind %u, of '%.*s'\n", record->kind, (int)record->id.len,
		       record->id.len ? (const char *)record->id.data : "");
	else
		return true;
	return false;
}

static bool nothing(struct ds_stream *stream)
{
	struct ds_record record;
	int ret = ds_stream_next(stream, &record);

	if (ret != -EAGAIN)
		printf("# ds_stream_next: %d, of kind %u\n", ret, ret == 1 ? record.kind : 0);
	return ret == -EAGAIN;
}

/* The next change of a record is of this property. */
static bool change(const struct ds_record *record, struct ds_record_change *c, const char *name,
		   unsigned int op)
{
	struct ds_str text;

	return ds_record_change(record, c) && !ds_name(store, c->name, &text) && is(text, name) &&
	       c->op == op;
}

static int set(const char *id, const char *property, struct ds_value value)
{
	return ds_set(store, ds_str(id), ds_str(property), value, NULL, NULL);
}

static bool take(const struct ds_stream *stream)
{
	size_t len = TOKEN_ROOM;

	return !ds_stream_token(stream, &token.head, &len) && len == token.head.size;
}

static void test_snapshot(void)
{
	struct ds_stream *stream;
	struct ds_record record;
	struct ds_value value;
	uint32_t name;
	size_t len = TOKEN_ROOM;

	set("a", "n", ds_s64(1));
	stream = open_stream(DOCSTORE_STREAM_SNAPSHOT);
	ok(next(stream, DOCSTORE_RECORD_BEGIN, NULL, &record) && record.time,
	   "documents begin");
	ok(ds_stream_pending(stream), "what was read with that is there");
	ok(next(stream, DOCSTORE_RECORD_DOCUMENT, "a", &record) && record.version == 1 &&
	   is(record.doc.id, "a"), "a document");
	ok(!ds_lookup(store, ds_str("n"), &name) && !ds_doc_find(&record.doc, name, &value) &&
	   value.s64 == 1, "with its properties");
	ok(next(stream, DOCSTORE_RECORD_END, NULL, &record), "documents end");
	ok(ds_stream_token(stream, &token.head, &len) == -EAGAIN, "and have no token alone");
	ok(!ds_stream_next(stream, &record) && !ds_stream_next(stream, &record),
	   "then the stream is complete");
	ds_stream_close(stream);

	stream = open_stream(BOTH);
	set("a", "n", ds_s64(2));
	ok(next(stream, DOCSTORE_RECORD_BEGIN, NULL, &record) && !take(stream) &&
	   next(stream, DOCSTORE_RECORD_DOCUMENT, "a", &record) && record.version == 1 &&
	   !take(stream), "documents, as they were; there is no token yet");
	ok(next(stream, DOCSTORE_RECORD_END, NULL, &record) && take(stream), "behind them there is");
	ok(next(stream, DOCSTORE_RECORD_CHANGE, "a", &record) && record.version == 2,
	   "what was changed since follows");
	ok(nothing(stream), "and nothing else");
	ds_stream_close(stream);
}

static void test_changes(void)
{
	struct ds_record_change c = { .name = 0 };
	struct ds_stream *stream = open_stream(VALUES);
	struct ds_record record;
	struct ds_batch *batch;
	struct ds_str text;

	ok(nothing(stream), "from now on there is nothing");
	ds_batch_new(store, &batch);
	ds_batch_set(batch, ds_str("b"), ds_str("text"), ds_string("words"));
	ds_batch_add(batch, ds_str("b"), ds_str("n"), 5);
	ds_batch_set_type(batch, ds_str("b"), ds_str("T"));
	ok(!ds_batch_submit(batch, 0, 0), "a batch");
	ok(next(stream, DOCSTORE_RECORD_CHANGE, "b", &record) && record.version &&
	   record.flags == (DOCSTORE_RECORD_CREATED | DOCSTORE_RECORD_VALUES) && record.sequence &&
	   record.commit && record.time && !record.old_type, "it is one change");
	ok(record.type && !ds_name(store, record.type, &text) && is(text, "T"), "of this type");
	ok(record.count == 2 && change(&record, &c, "text", DOCSTORE_OP_SET) && c.has_value &&
	   c.value.type == DOCSTORE_TYPE_STRING && is(c.value.str, "words"), "a text was set");
	ok(change(&record, &c, "n", DOCSTORE_OP_ADD) && c.has_value && c.value.s64 == 5,
	   "to a number was added");
	ok(!ds_record_change(&record, &c) && !ds_record_change(&record, &c), "and that was all");
	ds_batch_free(batch);

	memset(&c, 0, sizeof(c));
	ds_unset(store, ds_str("b"), ds_str("text"), NULL, NULL);
	ok(next(stream, DOCSTORE_RECORD_CHANGE, "b", &record) && record.count == 1 &&
	   change(&record, &c, "text", DOCSTORE_OP_UNSET) && !c.has_value &&
	   c.type == DOCSTORE_TYPE_NONE, "a property was removed");
	ds_delete(store, ds_str("b"), NULL);
	ok(next(stream, DOCSTORE_RECORD_CHANGE, "b", &record) && !record.count &&
	   record.flags & DOCSTORE_RECORD_DELETED && !record.type && record.old_type,
	   "a document was deleted");
	ok(nothing(stream), "nothing comes twice");
	ds_stream_close(stream);

	stream = open_stream(FOLLOW);
	memset(&c, 0, sizeof(c));
	set("c", "text", ds_string("words"));
	ok(next(stream, DOCSTORE_RECORD_CHANGE, "c", &record) &&
	   !(record.flags & DOCSTORE_RECORD_VALUES) &&
	   change(&record, &c, "text", DOCSTORE_OP_SET) && !c.has_value && c.len == 5 &&
	   c.type == DOCSTORE_TYPE_STRING, "without values it is said how long they are");
	ds_stream_close(stream);
}

static void test_filters(void)
{
	struct ds_stream_opts prefix = { .prefix = ds_str("p:") };
	struct ds_stream_opts type = { .type = ds_str("T") };
	struct ds_stream_opts property = { .property = ds_str("n") };
	struct ds_write_opts typed = { .size = sizeof(typed), .type = ds_str("T") };
	struct ds_stream *streams[3] = { open_opts(FOLLOW, &prefix), open_opts(FOLLOW, &type),
					 open_opts(FOLLOW, &property) };
	struct ds_record_change c = { .name = 0 };
	unsigned int i, others = 0;
	struct ds_record record;
	struct ds_str text;

	set("c", "other", ds_null());
	set("p:", "x", ds_null());
	ds_put(store, ds_str("t"), NULL, 0, &typed, NULL);
	set("c", "n", ds_null());
	ok(next(streams[0], DOCSTORE_RECORD_CHANGE, "p:", &record) && nothing(streams[0]), "a prefix");
	ok(next(streams[1], DOCSTORE_RECORD_CHANGE, "t", &record) && nothing(streams[1]), "a type");
	/* There is no order between partitions. */
	for (i = 0; i < 3 && next(streams[2], DOCSTORE_RECORD_CHANGE, NULL, &record); i++)
		others += is(record.id, "c") && record.count == 1 && ds_record_change(&record, &c) &&
			  !ds_name(store, c.name, &text) && !is(text, "n");
	ok(i == 3 && !others && nothing(streams[2]), "a property, and all that is new");
	for (i = 0; i < 3; i++)
		ds_stream_close(streams[i]);
}

static void test_token(void)
{
	struct ds_stream *stream = open_stream(VALUES | DOCSTORE_STREAM_BOOKMARKS), *again;
	char text[64 + 21 * DOCSTORE_MAX_PARTITIONS], bad[sizeof(text) + 8];
	size_t len = sizeof(struct docstore_token), i;
	struct ds_record record, same;
	int n, wrong = 0;

	ok(take(stream), "with bookmarks there is a token from the beginning");
	ok(ds_stream_token(stream, &token.head, &len) == -ENOBUFS && len == token.head.size,
	   "one that does not fit is refused");
	set("1", "n", ds_s64(1));
	set("2", "n", ds_s64(2));
	set("3", "n", ds_s64(3));
	again = open_token(VALUES, &token.head);
	for (i = 0; i < 3; i++) {
		if (!next(stream, DOCSTORE_RECORD_CHANGE, NULL, &record) ||
		    !next(again, DOCSTORE_RECORD_CHANGE, NULL, &same) ||
		    record.sequence != same.sequence || record.partition != same.partition)
			wrong++;
		/* Go on behind each of them. */
		ds_stream_close(again);
		take(stream);
		again = open_token(VALUES, &token.head);
	}
	ok(!wrong, "a stream goes on behind any record");
	ok(nothing(again), "behind the last one there is nothing");
	ds_stream_close(again);

	n = ds_token_format(&token.head, token.head.size, text, sizeof(text));
	ok(n > 0 && strlen(text) == (size_t)n, "a token as text");
	len = TOKEN_ROOM;
	ok(!ds_token_parse(ds_str(text), &other.head, &len) && len == token.head.size &&
	   !memcmp(&token, &other, len), "is the same token");
	len = 0;
	ok(ds_token_parse(ds_str(text), &other.head, &len) == -ENOBUFS && len == token.head.size,
	   "one that does not fit is refused");
	for (i = 0, wrong = 0; i < (size_t)n; i++) {
		len = TOKEN_ROOM;
		wrong += ds_token_parse(ds_mem(text, i), &other.head, &len) != -EBADMSG;
		memcpy(bad, text, sizeof(text));
		bad[i] ^= 1;
		len = TOKEN_ROOM;
		wrong += ds_token_parse(ds_str(bad), &other.head, &len) != -EBADMSG;
		wrong += ds_token_format(&token.head, token.head.size, bad, i) != -ENOBUFS;
	}
	ok(!wrong, "what is not all of it is none");
	snprintf(bad, sizeof(bad), " \t%s\n", text);
	len = TOKEN_ROOM;
	ok(!ds_token_parse(ds_str(bad), &other.head, &len), "white space does not matter");
	ok(ds_token_format(&token.head, token.head.size - 8, text, sizeof(text)) == -EINVAL,
	   "what is no token has no text");

	other = token;
	other.head.next[0]++;
	ok(refused((struct ds_stream_opts){ .flags = FOLLOW, .token = &other.head,
					    .token_len = other.head.size }) == -EINVAL,
	   "a token that is ahead of the store is refused");
	other = token;
	other.head.created++;
	again = open_token(VALUES, &other.head);
	set("4", "n", ds_s64(4));
	len = TOKEN_ROOM;
	ok(next(again, DOCSTORE_RECORD_LOST, NULL, &record) && record.reason == DOCSTORE_LOST_STORE &&
	   ds_stream_token(again, &other.head, &len) == -EAGAIN,
	   "of that of another store all is lost");
	ok(next(again, DOCSTORE_RECORD_CHANGE, "4", &record), "and it goes on from now");
	ds_stream_close(again);
	ds_stream_close(stream);
}

static void test_bookmark(void)
{
	struct ds_stream_opts opts = { .prefix = ds_str("none"), .bookmark_ms = 1 };
	struct ds_stream *stream = open_opts(FOLLOW | DOCSTORE_STREAM_BOOKMARKS, &opts);
	struct timespec ms = { .tv_nsec = 20000000 };
	struct ds_record record;
	struct ds_stream *again;
	int i, ret = -EAGAIN;

	set("other", "n", ds_s64(1));
	for (i = 0; i < 100 && ret == -EAGAIN; i++) {
		nanosleep(&ms, NULL);
		ret = ds_stream_next(stream, &record);
	}
	ok(ret == 1 && record.kind == DOCSTORE_RECORD_BOOKMARK && take(stream),
	   "a bookmark, behind what was passed over");
	again = open_token(FOLLOW, &token.head);
	ok(nothing(again), "which does not come again");
	ds_stream_close(again);
	ds_stream_close(stream);
}

static void test_large(void)
{
	struct ds_stream_opts opts = { .buffer_size = 256 };
	struct ds_stream *stream = open_opts(VALUES, &opts);
	struct ds_record_change c = { .name = 0 };
	char *large = malloc(100000);
	struct ds_record record;
	bool good = true;
	size_t i;

	memset(large, 'x', 100000);
	set("small", "n", ds_s64(1));
	set("large", "b", ds_bytes(large, 100000));
	set("small", "n", ds_s64(2));
	/* Documents may lie in different partitions, which take turns. */
	for (i = 0; i < 3 && good; i++) {
		good = next(stream, DOCSTORE_RECORD_CHANGE, NULL, &record);
		if (good && is(record.id, "large"))
			good = ds_record_change(&record, &c) && c.has_value &&
			       c.value.str.len == 100000 && !memcmp(c.value.str.data, large, 100000);
	}
	ok(good && c.has_value, "the buffer grows for what does not fit");
	ok(nothing(stream), "and nothing else comes");
	ds_stream_close(stream);
	opts.buffer_size = 100;
	stream = open_opts(DOCSTORE_STREAM_SNAPSHOT, &opts);
	for (i = 0; (good = ds_stream_next(stream, &record) == 1) &&
	     record.kind != DOCSTORE_RECORD_END; i++)
		;
	ok(good && i > 5, "documents as well");
	ds_stream_close(stream);
	free(large);
}

/* Of a store of its own, whose backlog is small. */
static void test_lost(void)
{
	struct ds_create_opts create = { .size = sizeof(create), .partitions = 1 };
	struct ds_store *old = store;
	struct ds_record record = { .kind = 0 };
	struct ds_stream *stream, *sync;
	char value[1000];
	int i;

	ds_remove(NAME "_lost", NULL);
	if (ds_create(NAME "_lost", &create) || ds_open(NAME "_lost", READ | WRITE, NULL, &store) ||
	    ds_change_setting(store, "backlog_bytes", 64 << 10)) {
		ok(false, "a store with a small backlog");
		return;
	}
	stream = open_stream(VALUES | DOCSTORE_STREAM_BOOKMARKS);
	sync = open_stream(VALUES | DOCSTORE_STREAM_BOOKMARKS | DOCSTORE_STREAM_RESYNC);
	ok(take(stream) && take(sync), "both have tokens");
	memset(value, 'v', sizeof(value));
	for (i = 0; i < 200; i++)
		set(i % 2 ? "odd" : "even", "v", ds_bytes(value, sizeof(value)));
	ok(next(stream, DOCSTORE_RECORD_LOST, NULL, &record) &&
	   record.reason == DOCSTORE_LOST_OVERRUN && record.sequence == 1 && record.lost > 100 &&
	   record.lost < 200 && take(stream) && token.head.next[0] == 1 + record.lost,
	   "changes were lost, and the token is behind them");
	ok(next(stream, DOCSTORE_RECORD_CHANGE, NULL, &record) &&
	   record.sequence == token.head.next[0], "it goes on there");
	ok(next(sync, DOCSTORE_RECORD_LOST, NULL, &record) && !take(sync),
	   "one that makes up for them has no token meanwhile");
	ok(next(sync, DOCSTORE_RECORD_BEGIN, NULL, &record) &&
	   record.flags & DOCSTORE_RECORD_RESYNC &&
	   next(sync, DOCSTORE_RECORD_DOCUMENT, NULL, &record) &&
	   next(sync, DOCSTORE_RECORD_DOCUMENT, NULL, &record) && !take(sync) &&
	   next(sync, DOCSTORE_RECORD_END, NULL, &record) && take(sync) &&
	   token.head.next[0] == 201, "all documents, and a token behind them");
	set("even", "v", ds_bytes(value, sizeof(value)));
	ok(next(sync, DOCSTORE_RECORD_CHANGE, "even", &record) && record.sequence == 201,
	   "and changes again");
	ds_stream_close(stream);
	stream = open_stream(VALUES);
	{
		char *large = calloc(1, 40000);

		set("large", "v", ds_bytes(large, 40000));
		free(large);
	}
	ok(next(stream, DOCSTORE_RECORD_CHANGE, "large", &record) && !record.count &&
	   record.flags & DOCSTORE_RECORD_OMITTED, "a change that is too large is left out");
	ds_stream_close(stream);
	ds_stream_close(sync);
	ds_close(store);
	ds_remove(NAME "_lost", NULL);
	store = old;
}

static void test_pause(void)
{
	struct docstore_stream_info info = { .size = sizeof(info) };
	struct ds_stream *stream = open_stream(FOLLOW);
	struct pollfd p = { .fd = ds_stream_fd(stream), .events = POLLIN };
	struct timespec ms = { .tv_nsec = 30000000 };
	struct ds_record record;

	set("a", "n", ds_s64(3));
	ok(poll(&p, 1, 1000) == 1 && p.revents & POLLIN, "there is something to read");
	ok(!ds_stream_pause(stream, 0, 0) && nothing(stream), "nothing comes while it is paused");
	ok(!ds_stream_info(stream, &info) && info.state == DOCSTORE_STREAM_PAUSED && info.pauses == 1,
	   "it says that it is");
	ok(!ds_stream_resume(stream) && next(stream, DOCSTORE_RECORD_CHANGE, "a", &record),
	   "then it goes on");
	ok(!ds_stream_info(stream, &info) && info.state == DOCSTORE_STREAM_RUNNING &&
	   info.records == 1, "one record was read");
	ok(ds_stream_pause(stream, 0, DOCSTORE_PAUSE_THEN_ERROR) == -EINVAL &&
	   ds_stream_pause(stream, 1, 0x80) == -EINVAL, "what is no pause is refused");
	ok(!ds_stream_pause(stream, 1, DOCSTORE_PAUSE_THEN_ERROR), "a pause that ends badly");
	nanosleep(&ms, NULL);
	ok(ds_stream_next(stream, &record) == -ETIMEDOUT && ds_stream_resume(stream) == -EPIPE,
	   "has ended");
	info.size = 2;
	ok(ds_stream_info(stream, &info) == -EINVAL, "a struct that is too short is refused");
	ds_stream_close(stream);
}

static void test_refused(void)
{
	static char id[DOCSTORE_MAX_ID + 1];
	struct ds_stream *stream;
	struct ds_store *writer, *snapshot;

	ok(refused((struct ds_stream_opts){ .flags = DOCSTORE_STREAM_NONBLOCK }) == -EINVAL,
	   "neither documents nor changes");
	ok(refused((struct ds_stream_opts){ .flags = FOLLOW | 0x8000 }) == -EINVAL, "a flag that is none");
	ok(refused((struct ds_stream_opts){ .flags = FOLLOW, .bookmark_ms = 5 }) == -EINVAL,
	   "a time of bookmarks without these");
	ok(refused((struct ds_stream_opts){ .flags = FOLLOW,
					    .prefix = ds_mem(id, sizeof(id)) }) == -ENAMETOOLONG,
	   "a prefix that is too long");
	ok(refused((struct ds_stream_opts){ .flags = FOLLOW, .type = ds_str("never") }) == -ENODATA &&
	   refused((struct ds_stream_opts){ .flags = FOLLOW, .property = ds_str("never") }) == -ENODATA,
	   "names that nothing ever had");
	ok(refused((struct ds_stream_opts){ .flags = BOTH, .token = &token.head,
					    .token_len = token.head.size }) == -EINVAL,
	   "a token and documents");
	ok(refused((struct ds_stream_opts){ .flags = FOLLOW, .token = &token.head,
					    .token_len = 8 }) == -EINVAL, "a token that is too short");
	ds_snapshot(store, NULL, &snapshot);
	ok(ds_stream_open(snapshot, NULL, &stream) == -EBADF && !stream, "of a snapshot");
	ds_close(snapshot);
	ds_open(NAME, WRITE, NULL, &writer);
	ok(ds_stream_open(writer, NULL, &stream) == -EBADF && !stream, "of a store only written to");
	ds_close(writer);
	ds_stream_close(NULL);
}

int main(void)
{
	struct ds_create_opts create = { .size = sizeof(create), .partitions = 2 };

	ds_remove(NAME, NULL);
	if (ds_create(NAME, &create) || ds_open(NAME, READ | WRITE, NULL, &store)) {
		printf("Bail out! cannot make a store\n");
		return 1;
	}
	test_snapshot();
	test_changes();
	test_filters();
	test_token();
	test_bookmark();
	test_large();
	test_lost();
	test_pause();
	test_refused();
	ds_close(store);
	ds_remove(NAME, NULL);
	return tap_end();
}

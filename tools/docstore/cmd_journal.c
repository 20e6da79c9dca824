// SPDX-License-Identifier: GPL-2.0
/* docstore(1): journal: keep a store in files, change by change. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"

const char journal_help[] =
	"Keep all documents of STORE in files of the directory DIR: first as they are, and then\n"
	"each change, until it is stopped by SIGTERM or SIGINT. Run again, it goes on where it was;\n"
	"if changes were lost meanwhile it begins with all documents anew. docstore restore makes\n"
	"the store again. The file DIR/status says up to where all is on the disk. When the store\n"
	"is removed, it ends.\n\n"
	"  -f, --fsync WHEN   when that is seen to: always, never (the system does when it likes),\n"
	"                     or a number of milliseconds between (default: 1000)\n"
	"  -r, --rotate BYTES  begin another file when one is this long (default: 64M)\n"
	"  -c, --compact BYTES  when files of changes are this long together, write all documents\n"
	"                     anew and remove them; 0 for never (default: 256M)\n"
	"  -o, --once         stop when there are no more changes for now\n"
	"  -v, --verbose      print each time what DIR/status says then\n";

/* Records that are taken before anything else gets its turn. */
#define TURN		4096
/* Bytes that are gathered before they are written. */
#define GATHER		(256 * 1024)

enum { FSYNC_ALWAYS = 0, FSYNC_NEVER = -1 };

/**
 * struct taking - a snapshot on its way to a file
 * @stream: where it comes from, or NULL
 * @file: the file, which has got no name yet
 * @number: its number
 * @count: documents in it
 */
struct taking {
	struct ds_stream *stream;
	struct journal_file file;
	uint64_t number;
	uint64_t count;
};

/**
 * struct keeper - who keeps a journal
 * @path: of the directory
 * @dir: the directory
 * @store: the store
 * @info: what it is
 * @stream: all changes; while it is @taking.stream it has not come to them
 * @taking: a snapshot that is being taken
 * @segment: where changes go
 * @number: number of that, or that it will have
 * @token: where it ends
 * @bytes: of all segments since the last snapshot, without this one
 * @dirty: not all of it is on the disk
 * @synced: when it was
 * @every: FSYNC_ALWAYS, FSYNC_NEVER or milliseconds
 * @rotate: bytes of a segment
 * @compact: bytes of all segments
 * @once: stop when there is nothing more
 * @verbose: say when all is on the disk
 * @removed: the store was removed, and all that it had is written
 */
struct keeper {
	const char *path;
	int dir;
	struct ds_store *store;
	struct docstore_store_info info;
	struct ds_stream *stream;
	struct taking taking;
	struct journal_file segment;
	uint64_t number;
	struct token token;
	uint64_t bytes;
	bool dirty;
	double synced;
	int every;
	uint64_t rotate;
	uint64_t compact;
	bool once;
	bool verbose;
	bool removed;
};

static int write_failed(const struct keeper *k, int err)
{
	return fail(err == -ENOSPC ? NO_SPACE : OTHER, "cannot write to %s: %s", k->path,
		    strerror(-err));
}

/* --- what is on the disk -------------------------------------------------------------- */

static int publish(struct keeper *k)
{
	struct buf text = { 0 };
	int code = DONE, err;

	buf_printf(&text, "{\"segment\":%llu,\"offset\":%llu,\"synced\":\"",
		   (unsigned long long)k->number, (unsigned long long)k->segment.offset);
	token_write(&text, &k->token);
	buf_str(&text, "\"}\n");
	err = file_replace(k->dir, "status", text.data, text.len, false);
	if (err)
		code = write_failed(k, err);
	else if (k->verbose)
		code = out_write(&text);
	if (!code)
		code = out_close();
	buf_free(&text);
	return code;
}

static int sync_all(struct keeper *k)
{
	int err = journal_sync(&k->segment);

	if (err)
		return write_failed(k, err);
	k->dirty = false;
	k->synced = now();
	return publish(k);
}

static bool sync_due(const struct keeper *k)
{
	return k->dirty && k->every != FSYNC_NEVER &&
	       (now() - k->synced) * 1000 >= (double)k->every;
}

/* Another segment, which goes on where the one before it ends. */
static int begin_segment(struct keeper *k, uint64_t number)
{
	char name[64];
	int err;

	k->number = number;
	journal_name(name, false, number);
	err = journal_create(&k->segment, k->dir, name);
	if (!err) {
		journal_put_header(&k->segment, false, number, &k->info, &k->token);
		err = journal_sync(&k->segment);
	}
	if (!err && fsync(k->dir))
		err = -errno;
	if (err)
		return write_failed(k, err);
	k->dirty = false;
	k->synced = now();
	return publish(k);
}

static int end_segment(struct keeper *k)
{
	int code = sync_all(k), err;

	k->bytes += k->segment.offset;
	err = journal_close(&k->segment);
	return code || !err ? code : write_failed(k, err);
}

static bool is_temporary(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, ".tmp");
}

/*
 * What the snapshot of this number has taken the place of, and what never got its name.
 * Nothing is being written.
 */
static int remove_before(struct keeper *k, uint64_t number)
{
	DIR *dir = journal_list(k->dir);
	struct dirent *entry;
	bool snapshot;
	int err = 0;
	uint64_t n;

	if (!dir)
		return write_failed(k, -errno);
	while ((entry = readdir(dir))) {
		if (!is_temporary(entry->d_name) &&
		    (!journal_number(entry->d_name, &snapshot, &n) || n >= number))
			continue;
		if (unlinkat(k->dir, entry->d_name, 0))
			err = -errno;
	}
	closedir(dir);
	return err ? write_failed(k, err) : DONE;
}

/* --- snapshots ------------------------------------------------------------------------ */

static void temporary_name(char name[80], uint64_t number)
{
	char final[64];

	journal_name(final, true, number);
	snprintf(name, 80, "%s.tmp", final);
}

static void drop_snapshot(struct keeper *k)
{
	char name[80];

	if (!k->taking.stream)
		return;
	journal_close(&k->taking.file);
	temporary_name(name, k->taking.number);
	unlinkat(k->dir, name, 0);
	if (k->taking.stream != k->stream)
		ds_stream_close(k->taking.stream);
	k->taking.stream = NULL;
}

static int begin_snapshot(struct keeper *k, uint64_t number, unsigned int flags)
{
	struct ds_stream_opts opts = {
		.size = sizeof(opts),
		.flags = flags | DOCSTORE_STREAM_SNAPSHOT | DOCSTORE_STREAM_FOLLOW |
			 DOCSTORE_STREAM_NONBLOCK,
	};
	char name[80];
	int err;

	err = ds_stream_open(k->store, &opts, &k->taking.stream);
	if (err)
		return fail_store(err);
	k->taking.number = number;
	k->taking.count = 0;
	temporary_name(name, number);
	err = journal_create(&k->taking.file, k->dir, name);
	if (err)
		return write_failed(k, err);
	journal_put_header(&k->taking.file, true, number, &k->info, NULL);
	return DONE;
}

/* All of it is there: let it take the place of what stands before it. */
static int end_snapshot(struct keeper *k, const struct token *token)
{
	struct taking *t = &k->taking;
	char from[80], to[64];
	int err, closed;

	journal_put_end(&t->file, t->count, token);
	err = journal_sync(&t->file);
	closed = journal_close(&t->file);
	temporary_name(from, t->number);
	journal_name(to, true, t->number);
	if (!err)
		err = closed;
	if (!err && (renameat(k->dir, from, k->dir, to) || fsync(k->dir)))
		err = -errno;
	if (err)
		return write_failed(k, err);
	k->bytes = 0;
	return remove_before(k, t->number);
}

static int take_document(struct keeper *k, const struct ds_record *record)
{
	struct journal_file *file = &k->taking.file;
	int err = journal_put_document(file, k->store, &record->doc);

	if (err)
		return fail_document(record->id, err);
	k->taking.count++;
	err = file->buf.len > GATHER ? journal_flush(file) : 0;
	return err ? write_failed(k, err) : DONE;
}

/* Begin anew, with all documents and then their changes. */
static int begin_anew(struct keeper *k, uint64_t number)
{
	int code = begin_snapshot(k, number, DOCSTORE_STREAM_VALUES);

	k->stream = k->taking.stream;
	k->number = number;
	return code;
}

/* All documents, beside the changes that go on: a turn of them. */
static int compact_some(struct keeper *k)
{
	struct taking *t = &k->taking;
	struct ds_record record;
	struct token token;
	int i, ret = 0, code = DONE;

	for (i = 0; i < TURN && !code; i++) {
		ret = ds_stream_next(t->stream, &record);
		if (ret <= 0)
			break;
		if (record.kind == DOCSTORE_RECORD_DOCUMENT)
			code = take_document(k, &record);
		if (record.kind != DOCSTORE_RECORD_END)
			continue;
		if (!token_take(&token, t->stream))
			return fail_store(-EBADMSG);
		code = end_snapshot(k, &token);
		ds_stream_close(t->stream);
		t->stream = NULL;
		return code;
	}
	if (code || ret > 0 || ret == -EAGAIN || ret == -EINTR)
		return code;
	return fail_store(ret ? ret : -EBADMSG);
}

static int begin_compaction(struct keeper *k)
{
	int code = end_segment(k);

	if (!code)
		code = begin_segment(k, k->number + 1);
	if (!code)
		code = begin_snapshot(k, k->number, 0);
	return code;
}

/* --- changes ---------------------------------------------------------------------------- */

static int take_change(struct keeper *k, const struct ds_record *record)
{
	int err = journal_put_change(&k->segment, k->store, record);

	if (err)
		return fail_document(record->id, err);
	if (!token_take(&k->token, k->stream))
		return fail_store(-EBADMSG);
	k->dirty = true;
	err = k->segment.buf.len > GATHER ? journal_flush(&k->segment) : 0;
	return err ? write_failed(k, err) : DONE;
}

/* Changes were lost: only all documents make up for them. */
static int make_up(struct keeper *k, const struct ds_record *record)
{
	int code = end_segment(k);

	fail(0, "%s: %llu changes were lost, which came faster than they were written; all documents are written anew",
	     k->path, (unsigned long long)record->lost);
	drop_snapshot(k);
	ds_stream_close(k->stream);
	k->stream = NULL;
	return code ? code : begin_anew(k, k->number + 1);
}

static int take(struct keeper *k, const struct ds_record *record)
{
	int code;

	switch (record->kind) {
	case DOCSTORE_RECORD_CHANGE:
		return take_change(k, record);
	case DOCSTORE_RECORD_DOCUMENT:
		return take_document(k, record);
	case DOCSTORE_RECORD_END:
		if (!token_take(&k->token, k->stream))
			return fail_store(-EBADMSG);
		code = end_snapshot(k, &k->token);
		k->taking.stream = NULL;
		return code ? code : begin_segment(k, k->number);
	case DOCSTORE_RECORD_LOST:
		return make_up(k, record);
	case DOCSTORE_RECORD_REMOVED:
		k->removed = true;
		return DONE;
	default:
		return DONE;
	}
}

/* A turn of records; @more says whether there may be others. */
static int take_some(struct keeper *k, bool *more)
{
	struct ds_record record;
	int i, ret = 1, code = DONE, err = 0;

	for (i = 0; i < TURN && !code && ret > 0; i++) {
		ret = ds_stream_next(k->stream, &record);
		if (ret > 0)
			code = take(k, &record);
	}
	*more = ret > 0;
	if (!code && ret <= 0 && ret != -EAGAIN && ret != -EINTR)
		code = fail_store(ret ? ret : -EBADMSG);
	/* Also what was taken before something went wrong. */
	if (k->segment.fd >= 0)
		err = journal_flush(&k->segment);
	return code || !err ? code : write_failed(k, err);
}

static int patience(const struct keeper *k)
{
	double left;

	if (!k->dirty || k->every == FSYNC_NEVER)
		return -1;
	left = k->every - (now() - k->synced) * 1000;
	return left > 0 ? (int)left + 1 : 0;
}

/* What is to be done between records. */
static int tidy(struct keeper *k)
{
	bool beside = k->taking.stream && k->taking.stream != k->stream;
	int code = DONE;

	if (beside)
		code = compact_some(k);
	if (code || k->segment.fd < 0)
		return code;
	if (sync_due(k))
		code = sync_all(k);
	if (!code && !k->taking.stream && k->compact &&
	    k->bytes + k->segment.offset >= k->compact)
		return begin_compaction(k);
	if (!code && k->segment.offset >= k->rotate) {
		code = end_segment(k);
		if (!code)
			code = begin_segment(k, k->number + 1);
	}
	return code;
}

static int keep(struct keeper *k)
{
	bool more = true;
	int code = DONE, ret;

	while (!code && !follow_stopped()) {
		code = take_some(k, &more);
		if (!code)
			code = tidy(k);
		if (code || more || k->taking.stream)
			continue;
		if (k->removed)
			fail(0, "the store '%s' was removed; %s has what it was", store_name,
			     k->path);
		if (k->once || k->removed)
			break;
		ret = follow_wait(k->stream, patience(k));
		if (ret < 0 && ret != -EINTR)
			code = fail(OTHER, "cannot wait for changes: %s", strerror(-ret));
	}
	drop_snapshot(k);
	if (k->segment.fd >= 0 && (!code || k->dirty)) {
		ret = sync_all(k);
		code = code ? code : ret;
	}
	return code;
}

/* --- where to begin --------------------------------------------------------------------- */

/* Keep files that are not to be lost for the documents of a store that never had them. */
static int set_aside(struct keeper *k)
{
	DIR *dir = journal_list(k->dir);
	char kept[32], to[320];
	struct dirent *entry;
	unsigned int i = 0;
	bool snapshot;
	int err = 0;
	uint64_t n;

	if (!dir)
		return write_failed(k, -errno);
	do {
		snprintf(kept, sizeof(kept), "kept-%u", ++i);
	} while (mkdirat(k->dir, kept, 0700) && errno == EEXIST);
	while (!err && (entry = readdir(dir))) {
		if (!journal_number(entry->d_name, &snapshot, &n) &&
		    strcmp(entry->d_name, "status"))
			continue;
		snprintf(to, sizeof(to), "%s/%s", kept, entry->d_name);
		if (renameat(k->dir, entry->d_name, k->dir, to))
			err = -errno;
	}
	closedir(dir);
	if (!err && fsync(k->dir))
		err = -errno;
	if (err)
		return write_failed(k, err);
	fail(0, "%s: what was there is in %s/%s now; docstore restore takes it from there", k->path,
	     k->path, kept);
	return DONE;
}

/* Go on behind the last whole line. */
static int go_on(struct keeper *k, struct journal *j)
{
	struct ds_stream_opts opts = {
		.size = sizeof(opts),
		.flags = DOCSTORE_STREAM_FOLLOW | DOCSTORE_STREAM_VALUES |
			 DOCSTORE_STREAM_NONBLOCK,
	};
	uint64_t number = j->last + 1;
	int fd, err = 0;

	/* Nothing may stand behind what is whole, lest it be taken for damage later. */
	if (j->torn) {
		fail(0, "%s/%s: the last line, at byte %llu, was written in part; it is cut off",
		     k->path, j->torn_name, (unsigned long long)j->torn_at);
		fd = openat(k->dir, j->torn_name, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || ftruncate(fd, (off_t)j->torn_at) || fsync(fd))
			err = -errno;
		if (fd >= 0)
			close(fd);
		/* Not even its first line was whole. */
		if (!j->torn_at)
			number = j->last;
	}
	if (err)
		return write_failed(k, err);
	k->token = j->token;
	k->bytes = j->bytes;
	opts.token = token_of(&k->token);
	opts.token_len = k->token.len;
	err = ds_stream_open(k->store, &opts, &k->stream);
	if (err == -EINVAL)
		return fail(BAD_DATA, "%s: the journal is ahead of the store", k->path);
	return err ? fail_store(err) : begin_segment(k, number);
}

static int begin(struct keeper *k)
{
	struct journal j = { .path = k->path, .dir = k->dir };
	int code = journal_read(&j, NULL, NULL);

	if (code == NOT_FOUND)
		return begin_anew(k, 1);
	if (!code && strcmp(j.store, (const char *)k->info.name))
		return fail(CONDITION, "%s: this is the journal of the store '%s'", k->path,
			    j.store);
	if (!code && token_is_of(&j.token, &k->info))
		return go_on(k, &j);
	if (code && code != BAD_DATA)
		return code;
	if (!code && journal_restored(k->dir, "restored", &k->info))
		return begin_anew(k, j.last + 1);
	if (!code)
		fail(0, "%s: it is of another store '%s', which was not restored to this one",
		     k->path, j.store);
	code = set_aside(k);
	return code ? code : begin_anew(k, 1);
}

static int run(struct keeper *k)
{
	int code, err;

	k->dir = journal_open(k->path, true, &code);
	if (k->dir < 0)
		return code;
	code = open_store(DOCSTORE_OPEN_READ, &k->store);
	if (code)
		goto close_dir;
	err = ds_store_info(k->store, &k->info);
	code = err ? fail_store(err) : DONE;
	k->info.name[sizeof(k->info.name) - 1] = '\0';
	follow_begin();
	if (!code)
		code = begin(k);
	if (!code)
		code = keep(k);
	drop_snapshot(k);
	ds_stream_close(k->stream);
	journal_close(&k->segment);
	follow_end();
	ds_close(k->store);
close_dir:
	close(k->dir);
	return code;
}

static bool parse_when(const char *arg, int *every)
{
	uint64_t n;

	if (!strcmp(arg, "always"))
		*every = FSYNC_ALWAYS;
	else if (!strcmp(arg, "never"))
		*every = FSYNC_NEVER;
	else if (parse_u64(arg, &n) && n && n <= INT_MAX)
		*every = (int)n;
	else
		return false;
	return true;
}

static int parse(struct keeper *k, int argc, char **argv)
{
	static const struct option options[] = {
		{ "fsync", required_argument, NULL, 'f' },
		{ "rotate", required_argument, NULL, 'r' },
		{ "compact", required_argument, NULL, 'c' },
		{ "once", no_argument, NULL, 'o' },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "f:r:c:ov", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (!parse_when(optarg, &k->every))
				return usage(argv, "'%s' is neither always nor never nor a number of milliseconds",
					     optarg);
			break;
		case 'r':
			if (!parse_size(optarg, &k->rotate) || !k->rotate)
				return usage(argv, "'%s' is not a size", optarg);
			break;
		case 'c':
			if (strcmp(optarg, "0") && !parse_size(optarg, &k->compact))
				return usage(argv, "'%s' is not a size", optarg);
			if (!strcmp(optarg, "0"))
				k->compact = 0;
			break;
		case 'o':
			k->once = true;
			break;
		case 'v':
			k->verbose = true;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (!operands(argc, argv, 2, 2))
		return USAGE;
	if (store_named && strcmp(store_name, argv[optind]))
		return usage(argv, "--store says '%s', and the operand '%s'", store_name,
			     argv[optind]);
	store_name = argv[optind];
	store_named = true;
	k->path = argv[optind + 1];
	return DONE;
}

int cmd_journal(int argc, char **argv)
{
	struct keeper *k = xrealloc(NULL, 1, sizeof(*k));
	int code;

	memset(k, 0, sizeof(*k));
	k->info.size = sizeof(k->info);
	k->segment.fd = -1;
	k->taking.file.fd = -1;
	k->every = 1000;
	k->rotate = 64 << 20;
	k->compact = 256 << 20;
	code = parse(k, argc, argv);
	if (!code)
		code = run(k);
	free(k);
	return code;
}

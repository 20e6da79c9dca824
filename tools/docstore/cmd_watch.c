// SPDX-License-Identifier: GPL-2.0
/* docstore(1): watch: what is changed, as JSON Lines. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "follow.h"

const char watch_help[] =
	"Print what is changed in the store of this NAME, or that --store names, from now on, as\n"
	"JSON Lines: one change of a document on a line, as soon as it is made. Changes of a\n"
	"document come in their order. Values are as docstore export writes them.\n\n"
	"  -S, --snapshot     first all documents, as they are now\n"
	"  -O, --once         end behind the documents; needs --snapshot\n"
	"  -f, --from TOKEN   go on where another watch was: a token, or a file that has one\n"
	"  -F, --token-file FILE  keep in FILE where the watch is, and go on there if it has a\n"
	"                     token. What was printed last before a crash may come once more\n"
	"  -p, --prefix PREFIX  only documents whose ids begin with this\n"
	"  -t, --type NAME    only documents that have this type, or had it before\n"
	"  -P, --property NAME  only changes that may concern this property\n"
	"  -n, --no-values    say which properties were set, and not to what\n"
	"  -b, --bookmarks    print tokens, too, when others' changes were passed over\n"
	"  -r, --resync       when changes were lost, print all documents again\n"
	"  -c, --count N      end after N lines\n"
	"  -T, --timeout MS   end when nothing was changed for so many milliseconds\n\n"
	"A watch that is too slow loses changes, and says so by a line whose \"kind\" is \"lost\".\n"
	"When the store is removed, the last line says so.\n";

/* How often a token that others' changes have moved is asked for. */
#define BOOKMARK_MS	1000

/**
 * struct watch - a watch
 * @store: the store
 * @stream: the stream
 * @opts: what it yields
 * @token_file: where the token is kept, or NULL
 * @token: where it begins, and then where it is
 * @marks: bookmarks are printed
 * @limit: so many lines, or 0
 * @lines: that were printed
 * @timeout: in milliseconds, below 0 for none
 */
struct watch {
	struct ds_store *store;
	struct ds_stream *stream;
	struct ds_stream_opts opts;
	const char *token_file;
	struct token token;
	bool marks;
	uint64_t limit;
	uint64_t lines;
	int timeout;
};

/* A token of the command line: a file's, if there is one of this name. */
static int read_token(char **argv, struct token *token, const char *from)
{
	struct buf buf = { 0 };
	int err = file_read(AT_FDCWD, from, &buf);
	bool good;

	if (!err)
		good = token_read(token, ds_mem(buf.data, buf.len));
	else
		good = token_read(token, ds_str(from));
	buf_free(&buf);
	if (good)
		return DONE;
	return err ? usage(argv, "'%s' is neither a token nor a file that has one", from) :
		     fail(BAD_DATA, "%s: there is no token in it, or only a part of one", from);
}

/* One that is kept in a file, which need not be there yet. */
static int read_token_file(struct watch *w)
{
	struct buf buf = { 0 };
	int err = file_read(AT_FDCWD, w->token_file, &buf), code = DONE;

	if (err && err != -ENOENT)
		code = fail(OTHER, "cannot read %s: %s", w->token_file, strerror(-err));
	else if (!err && !token_read(&w->token, ds_mem(buf.data, buf.len)))
		code = fail(BAD_DATA, "%s: there is no token in it, or only a part of one",
			    w->token_file);
	buf_free(&buf);
	return code;
}

/* Only what was printed is kept. */
static int keep_token(struct watch *w)
{
	struct buf text = { 0 };
	int err;

	if (!w->token_file || !token_take(&w->token, w->stream))
		return DONE;
	token_write(&text, &w->token);
	buf_byte(&text, '\n');
	err = file_replace(AT_FDCWD, w->token_file, text.data, text.len, false);
	buf_free(&text);
	return err ? fail(OTHER, "cannot write %s: %s", w->token_file, strerror(-err)) : DONE;
}

static int open_stream(struct watch *w)
{
	int err;

	/* A watch that goes on has had its documents. */
	if (w->token.len)
		w->opts.flags &= ~DOCSTORE_STREAM_SNAPSHOT;
	w->opts.token = w->token.len ? token_of(&w->token) : NULL;
	w->opts.token_len = w->token.len;
	err = ds_stream_open(w->store, &w->opts, &w->stream);
	if (err == -ENODATA)
		return fail(NOT_FOUND, "nothing in the store '%s' ever had that type or property",
			    store_name);
	if (err == -EINVAL && w->token.len)
		return fail(BAD_DATA, "the token is none of the store '%s'", store_name);
	return err ? fail_store(err) : DONE;
}

/* The token was of another store: begin anew, so that there is a token. */
static int begin_anew(struct watch *w)
{
	if (w->opts.flags & DOCSTORE_STREAM_RESYNC)
		return DONE;
	ds_stream_close(w->stream);
	w->stream = NULL;
	w->token.len = 0;
	return open_stream(w);
}

static int show(struct watch *w, const struct ds_record *record)
{
	struct buf line = { 0 };
	int err, code = DONE;

	if (record->kind != DOCSTORE_RECORD_BOOKMARK || w->marks) {
		err = record_write(&line, w->store, w->stream, record);
		code = err ? fail_store(err) : out_write(&line);
		if (!code)
			code = out_close();
		w->lines++;
		buf_free(&line);
	}
	if (!code && record->kind == DOCSTORE_RECORD_LOST && record->reason == DOCSTORE_LOST_STORE)
		code = begin_anew(w);
	return code;
}

/* Wait for more; 1 to go on, 0 at the end, or a negative errno. */
static int wait_for_more(struct watch *w, double *since)
{
	double left = w->timeout < 0 ? INT_MAX : *since + w->timeout - now() * 1000;
	int ms = w->timeout < 0 ? -1 : left > 0 ? (int)left + 1 : 0;
	int ret;

	if (w->opts.flags & DOCSTORE_STREAM_BOOKMARKS && (ms < 0 || ms > BOOKMARK_MS))
		ms = BOOKMARK_MS;
	ret = follow_wait(w->stream, ms);
	if (ret < 0)
		return ret;
	return w->timeout < 0 || now() * 1000 - *since < w->timeout;
}

static int follow(struct watch *w)
{
	double since = now() * 1000;
	struct ds_record record;
	int ret, code = keep_token(w);

	while (!code) {
		ret = ds_stream_next(w->stream, &record);
		if (ret > 0) {
			code = show(w, &record);
			if (!code && !ds_stream_pending(w->stream))
				code = keep_token(w);
			since = now() * 1000;
			if (!code && ((w->limit && w->lines == w->limit) ||
				      record.kind == DOCSTORE_RECORD_REMOVED))
				return keep_token(w);
			if (follow_stopped())
				return code ? code : keep_token(w);
			continue;
		}
		if (ret == -EAGAIN) {
			ret = wait_for_more(w, &since);
			if (ret > 0)
				continue;
		}
		if (!ret || ret == -EINTR)
			return DONE;
		code = fail_store(ret);
	}
	return code;
}

static int run(struct watch *w)
{
	int code = open_store(DOCSTORE_OPEN_READ, &w->store);

	if (code)
		return code;
	follow_begin();
	code = open_stream(w);
	if (!code)
		code = follow(w);
	ds_stream_close(w->stream);
	follow_end();
	ds_close(w->store);
	return code;
}

static int parse(struct watch *w, int argc, char **argv, const char **from)
{
	static const struct option options[] = {
		{ "snapshot", no_argument, NULL, 'S' },
		{ "once", no_argument, NULL, 'O' },
		{ "from", required_argument, NULL, 'f' },
		{ "token-file", required_argument, NULL, 'F' },
		{ "prefix", required_argument, NULL, 'p' },
		{ "type", required_argument, NULL, 't' },
		{ "property", required_argument, NULL, 'P' },
		{ "values", no_argument, NULL, 'v' },
		{ "no-values", no_argument, NULL, 'n' },
		{ "bookmarks", no_argument, NULL, 'b' },
		{ "resync", no_argument, NULL, 'r' },
		{ "count", required_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 'T' },
		{ 0 }
	};
	bool once = false;
	uint64_t n;
	int c;

	w->opts.flags = DOCSTORE_STREAM_FOLLOW | DOCSTORE_STREAM_VALUES | DOCSTORE_STREAM_NONBLOCK;
	while ((c = getopt_long(argc, argv, "SOf:F:p:t:P:vnbrc:T:", options, NULL)) != -1) {
		switch (c) {
		case 'S':
			w->opts.flags |= DOCSTORE_STREAM_SNAPSHOT;
			break;
		case 'O':
			once = true;
			break;
		case 'f':
			*from = optarg;
			break;
		case 'F':
			w->token_file = optarg;
			break;
		case 'p':
			w->opts.prefix = ds_str(optarg);
			break;
		case 't':
			w->opts.type = ds_str(optarg);
			break;
		case 'P':
			w->opts.property = ds_str(optarg);
			break;
		case 'v':
			w->opts.flags |= DOCSTORE_STREAM_VALUES;
			break;
		case 'n':
			w->opts.flags &= ~DOCSTORE_STREAM_VALUES;
			break;
		case 'b':
			w->marks = true;
			break;
		case 'r':
			w->opts.flags |= DOCSTORE_STREAM_RESYNC;
			break;
		case 'c':
			if (!parse_u64(optarg, &w->limit) || !w->limit)
				return usage(argv, "'%s' is not a number of lines", optarg);
			break;
		case 'T':
			if (!parse_u64(optarg, &n) || n > INT_MAX)
				return usage(argv, "'%s' is not a number of milliseconds", optarg);
			w->timeout = (int)n;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (!operand_store(argc, argv))
		return USAGE;
	if (w->opts.prefix.len > DOCSTORE_MAX_ID)
		return usage(argv, "a prefix has at most %d bytes", DOCSTORE_MAX_ID);
	if (*from && w->opts.flags & DOCSTORE_STREAM_SNAPSHOT)
		return usage(argv, "--from goes on behind the documents that --snapshot begins with");
	if (once && (!(w->opts.flags & DOCSTORE_STREAM_SNAPSHOT) || w->token_file || w->marks ||
		     w->opts.property.len || w->opts.flags & DOCSTORE_STREAM_RESYNC))
		return usage(argv, "--once is for --snapshot, and not for changes");
	if (w->marks || w->token_file)
		w->opts.flags |= DOCSTORE_STREAM_BOOKMARKS;
	if (once)
		w->opts.flags &= ~(DOCSTORE_STREAM_FOLLOW | DOCSTORE_STREAM_VALUES);
	return DONE;
}

int cmd_watch(int argc, char **argv)
{
	const char *from = NULL;
	struct watch *w;
	int code;

	w = xrealloc(NULL, 1, sizeof(*w));
	memset(w, 0, sizeof(*w));
	w->opts.size = sizeof(w->opts);
	w->timeout = -1;
	code = parse(w, argc, argv, &from);
	if (!code && w->token_file)
		code = read_token_file(w);
	if (!code && from && !w->token.len)
		code = read_token(argv, &w->token, from);
	if (!code)
		code = run(w);
	free(w);
	return code;
}

// SPDX-License-Identifier: GPL-2.0
/* docstore(1): import: documents from JSON Lines. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

const char import_help[] =
	"Store documents from JSON Lines, one object on a line, from FILE or standard input. Each\n"
	"takes the place of the document that may be there, as a whole. \"_type\" and \"_version\" in\n"
	"a line are those of the document, as docstore export writes them.\n\n"
	"  -i, --id FIELD     the field that is the document's id (default: _id). Another field\n"
	"                     than _id is stored as a property as well, and so is \"_id\" then\n"
	"  -t, --type NAME    the type of documents whose line has no \"_type\"\n"
	"  -c, --continue     go on after lines that cannot be stored\n"
	"  -n, --skip-existing  leave documents alone that are there already\n"
	"  -a, --atomic       all of the input or nothing, as one batch: others see all of it at\n"
	"                     once. It has at most 16384 operations (three for each document and\n"
	"                     one for each property) and 16 MiB of ids and values\n"
	"  -q, --quiet        no summary\n\n"
	"An import that was stopped can be run again: what it has stored is stored once more, or\n"
	"left alone with --skip-existing.\n";

/*
 * Documents that go to the kernel at once, and bytes of them: enough that the
 * system call does not count, and little enough to stay in the cache.
 */
#define BATCH_DOCUMENTS	256
#define BATCH_BYTES	(1024 * 1024)
#define BATCH_OPS	8192

#define READ_SIZE	(1024 * 1024)
#define MAX_LINE	(16 * 1024 * 1024)

/* Lines of a file. */
struct lines {
	int fd;
	struct buf buf;
	size_t at;		/* where the next line begins */
	size_t seen;		/* no newline up to here */
	uint64_t bytes;		/* of lines returned */
	uint64_t number;
	bool eof;
};

/* A document of the batch. */
struct entry {
	uint64_t line;
	int op;			/* its first operation */
};

struct import {
	const char *name;	/* of the file, for messages */
	const char *id_field;
	struct ds_str type;
	bool go_on;
	bool skip_existing;
	bool atomic;
	struct ds_store *store;
	struct ds_batch *batch;
	struct lines lines;
	struct json_reader reader;
	struct progress progress;
	struct entry *entries;
	unsigned int count;
	unsigned int room;
	uint64_t ops;		/* of all documents, if it is atomic */
	uint64_t value_bytes;	/* and ids and values */
	struct docstore_info limits;
	uint16_t seen[4 * BATCH_DOCUMENTS];	/* hash of ids to entries + 1 */
	uint64_t stored;
	uint64_t skipped;
	uint64_t bad;
	int code;		/* of the first line that could not be stored */
};

/* --- lines ---------------------------------------------------------------- */

/* 1 and a line without its newline, 0 at the end, or a negative errno. */
static int next_line(struct lines *lines, struct ds_str *line)
{
	for (;;) {
		char *start = lines->buf.data + lines->at;
		size_t left = lines->buf.len - lines->at;
		char *end = NULL;
		ssize_t n;

		if (left > lines->seen)
			end = memchr(start + lines->seen, '\n', left - lines->seen);
		if (end || (lines->eof && left)) {
			size_t len = end ? (size_t)(end - start) : left;

			*line = ds_mem(start, len);
			lines->at += len + (end ? 1 : 0);
			lines->bytes += len + (end ? 1 : 0);
			lines->seen = 0;
			lines->number++;
			return 1;
		}
		if (lines->eof)
			return 0;
		lines->seen = left;
		if (left > MAX_LINE)
			return -EFBIG;
		if (lines->at) {
			memmove(lines->buf.data, start, left);
			lines->buf.len = left;
			lines->at = 0;
		}
		buf_reserve(&lines->buf, READ_SIZE);
		n = read(lines->fd, lines->buf.data + lines->buf.len,
			 lines->buf.room - lines->buf.len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			lines->eof = true;
		if (n > 0)
			lines->buf.len += (size_t)n;
	}
}

static bool is_blank(struct ds_str line)
{
	const char *p = line.data;
	size_t i;

	for (i = 0; i < line.len; i++) {
		if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r')
			return false;
	}
	return true;
}

/* --- documents ------------------------------------------------------------ */

/* A line cannot be stored: 0 to go on, or the exit code to stop with. */
static int bad_line(struct import *im, uint64_t line, struct ds_str id, int code,
		    const char *what)
{
	struct buf text = { 0 };

	progress_clear(&im->progress);
	if (id.len) {
		json_write_text(&text, id);
		buf_str(&text, ": ");
	}
	fail(code, "%s:%llu: %.*s%s", im->name, (unsigned long long)line, (int)text.len,
	     text.data ? text.data : "", what);
	buf_free(&text);
	im->bad++;
	if (!im->code)
		im->code = code;
	return im->go_on ? DONE : code;
}

/*
 * Whether the line alone is to blame, so that others may still be stored; if it
 * is not, then no --continue helps.
 */
static bool is_about_document(int err)
{
	switch (err) {
	case -E2BIG:
	case -EEXIST:
	case -EFBIG:
	case -EINVAL:
	case -ENAMETOOLONG:
	case -EOVERFLOW:
		return true;
	default:
		return false;
	}
}

static int failed_document(struct import *im, const struct entry *entry, int err)
{
	const struct docstore_op *op = ds_batch_op(im->batch, entry->op);
	int code;

	if (err == -EEXIST && im->skip_existing) {
		im->skipped++;
		return DONE;
	}
	code = bad_line(im, entry->line, ds_mem((const void *)(uintptr_t)op->id, op->id_len),
			exit_code(err), explain(err));
	return is_about_document(err) ? code : exit_code(err);
}

/* What became of a document: the error that cancelled its other operations. */
static int document_result(struct import *im, unsigned int i)
{
	int op, end = i + 1 < im->count ? im->entries[i + 1].op :
		      (int)ds_batch_count(im->batch);
	int err = 0;

	for (op = im->entries[i].op; op < end; op++) {
		int result = ds_batch_op(im->batch, op)->result;

		if (result && (!err || err == -ECANCELED))
			err = result;
	}
	return err;
}

static void clear(struct import *im)
{
	ds_batch_clear(im->batch);
	im->count = 0;
	memset(im->seen, 0, sizeof(im->seen));
}

static int flush(struct import *im)
{
	int code = DONE, ret;
	unsigned int i;

	if (!im->count)
		return DONE;
	do {
		ret = ds_batch_submit(im->batch, im->atomic ? DOCSTORE_SUBMIT_ATOMIC : 0, 0);
	} while (ret == -EINTR);
	if (ret < 0) {
		progress_clear(&im->progress);
		code = fail(exit_code(ret), "%s:%llu to %llu: %s", im->name,
			    (unsigned long long)im->entries[0].line,
			    (unsigned long long)im->entries[im->count - 1].line, explain(ret));
	}
	if (!ret)
		im->stored += im->count;
	for (i = 0; ret > 0 && !code && i < im->count; i++) {
		int err = document_result(im, i);

		/* Of an atomic one only those count that are to blame. */
		if (err && !(im->atomic && err == -ECANCELED))
			code = failed_document(im, &im->entries[i], err);
		else if (!err)
			im->stored++;
	}
	/* Those behind a line that stops the import are stored all the same. */
	for (; ret > 0 && i < im->count; i++)
		im->stored += !document_result(im, i);

	clear(im);
	progress_show(&im->progress, im->lines.bytes, im->stored);
	return code;
}

/*
 * Find the place of an id among those of the batch; true if it is there. Two
 * documents of the same id go into two batches, so that each is a version of
 * its own, and a failure of one is not that of the other.
 */
static bool find_seen(const struct import *im, struct ds_str id, unsigned int *place)
{
	const unsigned int mask = 4 * BATCH_DOCUMENTS - 1;
	const unsigned char *p = id.data;
	uint32_t hash = 2166136261u;
	size_t i;

	for (i = 0; i < id.len; i++)
		hash = (hash ^ p[i]) * 16777619u;
	for (*place = (hash ^ hash >> 15) & mask; im->seen[*place];
	     *place = (*place + 1) & mask) {
		const struct entry *entry = &im->entries[im->seen[*place] - 1];
		const struct docstore_op *op = ds_batch_op(im->batch, entry->op);

		if (op->id_len == id.len &&
		    !memcmp((const void *)(uintptr_t)op->id, id.data, id.len))
			return true;
	}
	return false;
}

/* What a document takes of an atomic batch; see ds_batch_put(). */
static void count_document(struct import *im, const struct json_document *doc)
{
	size_t i;

	im->ops += 3 + doc->count;
	im->value_bytes += doc->id.len;
	for (i = 0; i < doc->count; i++)
		if (doc->props[i].value.type >= DOCSTORE_TYPE_STRING)
			im->value_bytes += doc->props[i].value.str.len;
}

static bool too_large(const struct import *im)
{
	return im->ops > im->limits.max_ops || im->value_bytes > im->limits.max_batch;
}

/* Say what the limits are, and how much there is. */
static int fail_too_large(const struct import *im)
{
	struct buf bytes = { 0 }, most = { 0 };
	int code;

	buf_size(&bytes, im->value_bytes);
	buf_size(&most, im->limits.max_batch);
	code = fail(BAD_DATA, "%s: too much for one batch: %llu operations (three for each document and one for each property) and %.*s of ids and values; at most %u and %.*s are possible",
		    im->name, (unsigned long long)im->ops, (int)bytes.len, bytes.data,
		    im->limits.max_ops, (int)most.len, most.data);
	buf_free(&bytes);
	buf_free(&most);
	return code;
}

/* All of the input is one batch, unless it is too large: then the rest is counted. */
static bool add_atomic(struct import *im, const struct json_document *doc)
{
	bool fits;

	count_document(im, doc);
	fits = !too_large(im);
	if (!fits && im->count)
		clear(im);
	return fits;
}

/* Does a document not go into the batch any more? No value is longer than its line. */
static bool is_full(const struct import *im, const struct json_document *doc, size_t len)
{
	unsigned int place;

	return im->count == BATCH_DOCUMENTS || ds_batch_bytes(im->batch) + len > BATCH_BYTES ||
	       ds_batch_count(im->batch) + doc->count > BATCH_OPS ||
	       find_seen(im, doc->id, &place);
}

static int add_document(struct import *im, const struct json_document *doc, size_t len)
{
	struct ds_write_opts opts = {
		.size = sizeof(opts),
		.flags = im->skip_existing ? DOCSTORE_IF_ABSENT : 0,
		.type = doc->type.len ? doc->type : im->type,
		.min_version = doc->version,
	};
	unsigned int place;
	int op, code;

	if (im->atomic && !add_atomic(im, doc))
		return DONE;
	if (!im->atomic && is_full(im, doc, len)) {
		code = flush(im);
		if (code)
			return code;
	}
	op = ds_batch_put(im->batch, doc->id, doc->props, doc->count, &opts);
	if (op < 0) {
		code = bad_line(im, im->lines.number, doc->id, exit_code(op), explain(op));
		return is_about_document(op) ? code : exit_code(op);
	}
	if (im->count == im->room) {
		im->room = im->room ? 2 * im->room : BATCH_DOCUMENTS;
		im->entries = xrealloc(im->entries, im->room, sizeof(*im->entries));
	}
	im->entries[im->count].line = im->lines.number;
	im->entries[im->count].op = op;
	im->count++;
	if (im->atomic)
		return DONE;
	find_seen(im, doc->id, &place);
	im->seen[place] = (uint16_t)im->count;
	return DONE;
}

static int import_line(struct import *im, struct ds_str line)
{
	struct json_document doc;
	char what[256];

	if (!json_read_document(&im->reader, line, im->id_field, &doc)) {
		snprintf(what, sizeof(what), "byte %zu: %s", im->reader.error_at + 1,
			 im->reader.error);
		return bad_line(im, im->lines.number, doc.id, BAD_DATA, what);
	}
	if (!doc.id.len) {
		snprintf(what, sizeof(what),
			 "the object has no \"%.100s\" to be its id; --id FIELD names another field",
			 im->id_field);
		return bad_line(im, im->lines.number, doc.id, BAD_DATA, what);
	}
	return add_document(im, &doc, line.len);
}

static int import_lines(struct import *im)
{
	int ret, code = DONE, flushed;
	struct ds_str line;

	while (!code && (ret = next_line(&im->lines, &line)) > 0) {
		if (im->lines.number == 1 && line.len >= 3 &&
		    !memcmp(line.data, "\xef\xbb\xbf", 3))
			line = ds_mem((const char *)line.data + 3, line.len - 3);
		if (!is_blank(line))
			code = import_line(im, line);
	}
	if (!code && ret == -EFBIG) {
		code = fail(BAD_DATA, "%s:%llu: a line of more than 16 MiB, which no document can need",
			    im->name, (unsigned long long)im->lines.number + 1);
		im->bad++;
	} else if (!code && ret < 0) {
		code = fail(OTHER, "%s: cannot read: %s", im->name, strerror(-ret));
	}
	if (im->atomic) {
		if (!code && too_large(im))
			code = fail_too_large(im);
		if (code)
			clear(im);
	}
	/* What stands before a bad line is stored, whatever comes of that line. */
	flushed = flush(im);
	return code ? code : flushed;
}

static void summary(struct import *im, int code)
{
	double seconds = now() - im->progress.start;
	struct buf text = { 0 };

	progress_clear(&im->progress);
	buf_printf(&text, "%llu documents stored in %.2f s (%.0f/s)",
		   (unsigned long long)im->stored, seconds,
		   seconds > 0 ? (double)im->stored / seconds : 0.0);
	if (im->skip_existing)
		buf_printf(&text, ", %llu were there already", (unsigned long long)im->skipped);
	if (im->bad)
		buf_printf(&text, ", %llu could not be stored", (unsigned long long)im->bad);
	if (code && im->atomic)
		buf_str(&text, "; nothing was changed");
	else if (code)
		buf_printf(&text, "; stopped at line %llu of %s",
			   (unsigned long long)im->lines.number, im->name);
	fprintf(stderr, "docstore: %.*s\n", (int)text.len, text.data);
	buf_free(&text);
}

static int run(struct import *im, bool quiet)
{
	struct stat st;
	int code, err;

	code = open_store(DOCSTORE_OPEN_WRITE, &im->store);
	if (code)
		return code;
	err = ds_batch_new(im->store, &im->batch);
	if (err) {
		code = fail_store(err);
		goto close;
	}
	im->limits.size = sizeof(im->limits);
	if (im->atomic)
		err = ds_module_info(NULL, &im->limits);
	if (err) {
		code = fail_store(err);
		goto free;
	}
	/* So that there is a buffer before anything is read. */
	buf_reserve(&im->lines.buf, READ_SIZE);
	progress_start(&im->progress, fstat(im->lines.fd, &st) || !S_ISREG(st.st_mode) ?
		       0 : (uint64_t)st.st_size);
	code = import_lines(im);
	if (!quiet)
		summary(im, code);
	if (!code)
		code = im->code;
free:
	free(im->entries);
	ds_batch_free(im->batch);
	json_reader_free(&im->reader);
	buf_free(&im->lines.buf);
close:
	ds_close(im->store);
	return code;
}

int cmd_import(int argc, char **argv)
{
	static const struct option options[] = {
		{ "id", required_argument, NULL, 'i' },
		{ "type", required_argument, NULL, 't' },
		{ "continue", no_argument, NULL, 'c' },
		{ "skip-existing", no_argument, NULL, 'n' },
		{ "atomic", no_argument, NULL, 'a' },
		{ "quiet", no_argument, NULL, 'q' },
		{ 0 }
	};
	struct import *im;
	bool quiet = false;
	int c, code = USAGE;

	im = xrealloc(NULL, 1, sizeof(*im));
	memset(im, 0, sizeof(*im));
	im->id_field = "_id";
	im->type = ds_mem("", 0);
	while ((c = getopt_long(argc, argv, "i:t:cnaq", options, NULL)) != -1) {
		if (c == 'i') {
			im->id_field = optarg;
		} else if (c == 't') {
			im->type = ds_str(optarg);
		} else if (c == 'c') {
			im->go_on = true;
		} else if (c == 'n') {
			im->skip_existing = true;
		} else if (c == 'a') {
			im->atomic = true;
		} else if (c == 'q') {
			quiet = true;
		} else {
			bad_option(argv);
			goto free;
		}
	}
	if (!operands(argc, argv, 0, 1))
		goto free;
	if (im->atomic && (im->go_on || im->skip_existing)) {
		usage(argv, "--atomic stores all or nothing: there is no --continue and no --skip-existing");
		goto free;
	}
	im->name = argv[optind];
	if (!im->name || !strcmp(im->name, "-")) {
		im->name = "standard input";
		im->lines.fd = STDIN_FILENO;
	} else {
		im->lines.fd = open(im->name, O_RDONLY | O_CLOEXEC);
		if (im->lines.fd < 0) {
			code = fail(OTHER, "cannot open %s: %s", im->name, strerror(errno));
			goto free;
		}
	}
	code = run(im, quiet);
	if (im->lines.fd != STDIN_FILENO)
		close(im->lines.fd);
free:
	free(im);
	return code;
}

// SPDX-License-Identifier: GPL-2.0
/* docstore(1): put, get, del, incr: one document. */
#include <stdio.h>
#include <stdlib.h>

#include "tool.h"

#define ESCAPED_HELP \
	"  -e, --escaped      ID is written as docstore ls writes it: an id that begins\n" \
	"                     with '\"' or '{' is JSON\n"

const char put_help[] =
	"Store a document, in place of the one that may be there. JSON is an object; without\n"
	"it, or if it is '-', it is read from standard input. \"_type\" in it is the document's\n"
	"type, and \"_version\" a version number that it reaches at least.\n\n"
	"  -t, --type NAME    the document's type, if the JSON has no \"_type\"\n"
	"      --if-absent    only if there is no such document yet\n"
	"      --if-exists    only if there is one\n"
	"      --if-version N only if its version is N\n"
	ESCAPED_HELP;

const char get_help[] =
	"Print a document as one line of JSON, or one of its values as JSON.\n\n"
	"  -p, --pretty       over many lines\n"
	"  -r, --raw          the bytes of the value as they are, with nothing behind them\n"
	ESCAPED_HELP;

const char del_help[] =
	"Delete a document.\n\n"
	"      --if-version N only if its version is N\n"
	ESCAPED_HELP;

const char incr_help[] =
	"Add N (1, if it is not given; it may be negative) to a property that is an integer,\n"
	"and print the sum. A document or a property that is not there counts as 0, and is\n"
	"made. Options come before ID.\n\n"
	ESCAPED_HELP;

/* Options of these commands; those with a short form have its letter. */
enum {
	IF_ABSENT = 256,
	IF_EXISTS,
	IF_VERSION,
};

static bool read_condition(char **argv, int option, struct ds_write_opts *opts)
{
	switch (option) {
	case IF_ABSENT:
		opts->flags |= DOCSTORE_IF_ABSENT;
		return true;
	case IF_EXISTS:
		opts->flags |= DOCSTORE_IF_EXISTS;
		return true;
	case IF_VERSION:
		opts->flags |= DOCSTORE_IF_VERSION;
		if (parse_u64(optarg, &opts->if_version))
			return true;
		usage(argv, "'%s' is not a version number", optarg);
		return false;
	default:
		bad_option(argv);
		return false;
	}
}

static int read_stdin(struct buf *buf)
{
	size_t len;

	do {
		buf_reserve(buf, 65536);
		len = fread(buf->data + buf->len, 1, buf->room - buf->len, stdin);
		buf->len += len;
	} while (len);
	if (ferror(stdin))
		return fail(OTHER, "cannot read standard input: %s", strerror(errno));
	return DONE;
}

static int put_document(struct ds_str id, const struct json_document *doc,
			const struct ds_write_opts *opts)
{
	struct ds_store *store;
	int err, code = open_store(DOCSTORE_OPEN_WRITE, &store);

	if (code)
		return code;
	err = ds_put(store, id, doc->props, doc->count, opts, NULL);
	if (err)
		code = fail_document(id, err);
	ds_close(store);
	return code;
}

int cmd_put(int argc, char **argv)
{
	static const struct option options[] = {
		{ "type", required_argument, NULL, 't' },
		{ "escaped", no_argument, NULL, 'e' },
		{ "if-absent", no_argument, NULL, IF_ABSENT },
		{ "if-exists", no_argument, NULL, IF_EXISTS },
		{ "if-version", required_argument, NULL, IF_VERSION },
		{ 0 }
	};
	struct ds_write_opts opts = { .size = sizeof(opts) };
	struct json_reader reader = { 0 };
	struct json_document doc;
	struct buf text = { 0 };
	bool escaped = false;
	struct ds_str id;
	int c, code;

	while ((c = getopt_long(argc, argv, "t:e", options, NULL)) != -1) {
		if (c == 't')
			opts.type = ds_str(optarg);
		else if (c == 'e')
			escaped = true;
		else if (!read_condition(argv, c, &opts))
			return USAGE;
	}
	if (!operands(argc, argv, 1, 2))
		return USAGE;
	code = parse_id(argv, argv[optind], escaped, &id);
	if (code)
		return code;
	if (argc - optind == 2 && strcmp(argv[optind + 1], "-"))
		buf_str(&text, argv[optind + 1]);
	else
		code = read_stdin(&text);
	if (code)
		goto out;

	if (!json_read_document(&reader, ds_mem(text.data, text.len), "_id", &doc)) {
		code = fail(BAD_DATA, "the JSON is wrong at byte %zu: %s",
			    reader.error_at + 1, reader.error);
		goto out;
	}
	if (doc.id.len && (doc.id.len != id.len || memcmp(doc.id.data, id.data, id.len))) {
		code = fail(BAD_DATA, "the JSON has another \"_id\" than '%s'; leave it out, or make them equal",
			    argv[optind]);
		goto out;
	}
	if (doc.type.len)
		opts.type = doc.type;
	opts.min_version = doc.version;
	code = put_document(id, &doc, &opts);
out:
	json_reader_free(&reader);
	buf_free(&text);
	return code;
}

/* Read a document or a property; the buffer grows until it fits. */
static int get_document(struct ds_store *store, struct ds_str id, struct buf *buf,
			struct ds_doc *doc)
{
	size_t len = 65536;
	int err;

	do {
		buf_reserve(buf, len);
		len = buf->room;
		err = ds_get(store, id, buf->data, &len, doc);
	} while (err == -ENOBUFS);
	return err;
}

static int get_value(struct ds_store *store, struct ds_str id, struct ds_str property,
		     struct buf *buf, struct ds_value *value)
{
	size_t len = 65536;
	int err;

	do {
		buf_reserve(buf, len);
		len = buf->room;
		err = ds_get_property(store, id, property, buf->data, &len, value, NULL);
	} while (err == -ENOBUFS);
	return err;
}

static void write_raw(struct buf *out, const struct ds_value *value)
{
	if (value->type == DOCSTORE_TYPE_STRING || value->type == DOCSTORE_TYPE_BYTES ||
	    value->type == DOCSTORE_TYPE_JSON)
		buf_add(out, value->str.data, value->str.len);
	else if (value->type == DOCSTORE_TYPE_U64)
		buf_printf(out, "%llu", (unsigned long long)value->u64);
	else
		(void)json_write_value(out, value, false);
}

int cmd_get(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pretty", no_argument, NULL, 'p' },
		{ "raw", no_argument, NULL, 'r' },
		{ "escaped", no_argument, NULL, 'e' },
		{ 0 }
	};
	bool pretty = false, raw = false, escaped = false, whole;
	struct buf buf = { 0 }, out = { 0 };
	struct ds_store *store;
	struct ds_value value;
	struct ds_doc doc;
	struct ds_str id;
	int c, err, code;

	while ((c = getopt_long(argc, argv, "pre", options, NULL)) != -1) {
		if (c == 'p')
			pretty = true;
		else if (c == 'r')
			raw = true;
		else if (c == 'e')
			escaped = true;
		else
			return bad_option(argv);
	}
	if (!operands(argc, argv, 1, 2))
		return USAGE;
	whole = argc - optind == 1;
	if (raw && whole)
		return usage(argv, "--raw is for one property");
	if (raw && pretty)
		return usage(argv, "--raw and --pretty exclude each other");
	code = parse_id(argv, argv[optind], escaped, &id);
	if (code)
		return code;
	code = open_to_read(&store);
	if (code)
		return code;

	if (whole)
		err = get_document(store, id, &buf, &doc);
	else
		err = get_value(store, id, ds_str(argv[optind + 1]), &buf, &value);
	if (!err && whole)
		err = json_write_document(&out, store, &doc, pretty);
	else if (!err && !raw)
		err = json_write_value(&out, &value, pretty);
	if (err) {
		code = fail_document(id, err);
	} else {
		if (raw)
			write_raw(&out, &value);
		else
			buf_byte(&out, '\n');
		code = out_write(&out);
	}
	ds_close(store);
	buf_free(&buf);
	buf_free(&out);
	return code;
}

int cmd_del(int argc, char **argv)
{
	static const struct option options[] = {
		{ "escaped", no_argument, NULL, 'e' },
		{ "if-version", required_argument, NULL, IF_VERSION },
		{ 0 }
	};
	struct ds_write_opts opts = { .size = sizeof(opts) };
	bool escaped = false;
	struct ds_store *store;
	struct ds_str id;
	int c, err, code;

	while ((c = getopt_long(argc, argv, "e", options, NULL)) != -1) {
		if (c == 'e')
			escaped = true;
		else if (!read_condition(argv, c, &opts))
			return USAGE;
	}
	if (!operands(argc, argv, 1, 1))
		return USAGE;
	code = parse_id(argv, argv[optind], escaped, &id);
	if (code)
		return code;
	code = open_store(DOCSTORE_OPEN_WRITE, &store);
	if (code)
		return code;
	err = ds_delete(store, id, &opts);
	if (err)
		code = fail_document(id, err);
	ds_close(store);
	return code;
}

static bool parse_s64(const char *arg, int64_t *n)
{
	const char *digits = arg + (arg[0] == '-' || arg[0] == '+');
	char *end;

	if (digits[0] < '0' || digits[0] > '9')
		return false;
	errno = 0;
	*n = strtoll(arg, &end, 10);
	return !errno && !*end;
}

int cmd_incr(int argc, char **argv)
{
	static const struct option options[] = {
		{ "escaped", no_argument, NULL, 'e' },
		{ 0 }
	};
	bool escaped = false;
	struct ds_store *store;
	int64_t n = 1, sum;
	struct ds_str id;
	int c, err, code;

	/* '+': a negative N is not an option. */
	while ((c = getopt_long(argc, argv, "+e", options, NULL)) != -1) {
		if (c != 'e')
			return bad_option(argv);
		escaped = true;
	}
	if (!operands(argc, argv, 2, 3))
		return USAGE;
	if (argc - optind == 3 && !parse_s64(argv[optind + 2], &n))
		return usage(argv, "'%s' is not an integer of 64 bits", argv[optind + 2]);
	code = parse_id(argv, argv[optind], escaped, &id);
	if (code)
		return code;
	code = open_store(DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, &store);
	if (code)
		return code;
	err = ds_add(store, id, ds_str(argv[optind + 1]), n, NULL, &sum);
	if (err)
		code = fail_document(id, err);
	else
		printf("%lld\n", (long long)sum);
	ds_close(store);
	return code;
}

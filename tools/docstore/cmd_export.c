// SPDX-License-Identifier: GPL-2.0
/* docstore(1): export: documents as JSON Lines. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

const char export_help[] =
	"Print all documents as JSON Lines, one document on a line, to FILE or standard output.\n"
	"docstore import reads them again, and nothing of them is lost. Documents come in no\n"
	"particular order, all of them as they were at one moment, whoever writes meanwhile. FILE\n"
	"gets its name only when it is complete; what stood there before stays until then.\n\n"
	"  -S, --sort         sorted by the bytes of their ids, so that two exports of the same\n"
	"                     documents are equal\n"
	"  -p, --prefix PREFIX  only documents whose ids begin with this\n"
	"  -t, --type NAME    only documents of this type\n";

#define READ_ITEMS	1024
#define READ_BUFFER	(4 * 1024 * 1024)

struct output {
	FILE *file;
	const char *name;	/* for messages */
	char *temporary;	/* what is renamed to @name in the end, or NULL */
	struct buf line;
};

static int output_failed(const struct output *out)
{
	return fail(OTHER, "cannot write to %s: %s", out->name, strerror(errno));
}

static int output_open(struct output *out, const char *name)
{
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (!name || !strcmp(name, "-")) {
		out->file = stdout;
		out->name = "standard output";
		return DONE;
	}
	out->name = name;
	if (!stat(name, &st) && !S_ISREG(st.st_mode)) {
		out->file = fopen(name, "we");
	} else {
		if (asprintf(&out->temporary, "%s.tmp%ld", name, (long)getpid()) < 0)
			return fail(NO_SPACE, "no memory left");
		out->file = fopen(out->temporary, "wxe");
	}
	if (!out->file) {
		int code = output_failed(out);

		free(out->temporary);
		return code;
	}
	return DONE;
}

/* Close the file, and give it its name if @code says that all went well. */
static int output_close(struct output *out, int code)
{
	buf_free(&out->line);
	if (out->file == stdout)
		return code ? code : out_close();
	if (!code && (fflush(out->file) ||
		      (out->temporary && fsync(fileno(out->file)))))
		code = output_failed(out);
	if (fclose(out->file) && !code)
		code = output_failed(out);
	if (out->temporary) {
		if (!code && rename(out->temporary, out->name))
			code = output_failed(out);
		if (code)
			unlink(out->temporary);
		free(out->temporary);
	}
	return code;
}

static int put_line(struct output *out, struct ds_store *store, const struct ds_doc *doc)
{
	int err;

	out->line.len = 0;
	err = json_write_document(&out->line, store, doc, false);
	if (err)
		return fail_document(doc->id, err);
	buf_byte(&out->line, '\n');
	if (fwrite(out->line.data, 1, out->line.len, out->file) != out->line.len)
		return output_failed(out);
	return DONE;
}

static int export_scan(struct output *out, struct ds_store *store, struct ds_str prefix,
		       struct ds_str type)
{
	struct ds_scan_opts opts = {
		.size = sizeof(opts),
		.prefix = prefix,
		.type = type,
	};
	int ret, code = DONE;
	struct ds_scan *scan;
	struct ds_doc doc;

	ret = ds_scan_new(store, &opts, &scan);
	if (ret)
		return fail_store(ret);
	while (!code && (ret = ds_scan_next(scan, &doc)) > 0)
		code = put_line(out, store, &doc);
	if (!code && ret < 0)
		code = fail_store(ret);
	ds_scan_free(scan);
	return code;
}

/* Documents of a sorted list of ids, from the first on; how many in @done. */
static int export_some(struct output *out, struct ds_store *store,
		       const struct ds_str *ids, size_t count, struct buf *buf,
		       size_t *done)
{
	struct docstore_read_item items[READ_ITEMS];
	size_t i, len;
	int ret;

	if (count > READ_ITEMS)
		count = READ_ITEMS;
	memset(items, 0, count * sizeof(items[0]));
	for (i = 0; i < count; i++) {
		items[i].id = (uintptr_t)ids[i].data;
		items[i].id_len = (__u32)ids[i].len;
	}
	len = READ_BUFFER;
	do {
		buf_reserve(buf, len);
		len = buf->room;
		ret = ds_read_many(store, items, count, buf->data, &len);
	} while (ret == -ENOBUFS);
	if (ret < 0)
		return fail_store(ret);

	*done = (size_t)ret;
	for (i = 0; i < *done; i++) {
		struct ds_doc doc;
		int code, err = ds_read_item(&items[i], buf->data, len, &doc);

		code = err ? fail_document(ids[i], err) : put_line(out, store, &doc);
		if (code)
			return code;
	}
	return DONE;
}

static int export_sorted(struct output *out, struct ds_store *store, struct ds_str prefix,
			 struct ds_str type)
{
	struct id_list list;
	struct buf buf = { 0 };
	size_t i, done = 0;
	int code = DONE, err;

	err = ids_read(store, prefix, type, &list);
	if (err)
		code = fail_store(err);
	for (i = 0; !code && i < list.count; i += done)
		code = export_some(out, store, list.ids + i, list.count - i, &buf, &done);
	buf_free(&buf);
	ids_free(&list);
	return code;
}

/* What is exported: a snapshot, taken now unless there is one. */
static int open_frozen(struct ds_store **store)
{
	struct ds_store *live;
	int code = open_to_read(&live);

	*store = live;
	if (code || is_snapshot(live))
		return code;
	code = take_snapshot(live, 0, store);
	ds_close(live);
	return code;
}

int cmd_export(int argc, char **argv)
{
	static const struct option options[] = {
		{ "sort", no_argument, NULL, 'S' },
		{ "prefix", required_argument, NULL, 'p' },
		{ "type", required_argument, NULL, 't' },
		{ 0 }
	};
	struct ds_str prefix = ds_mem("", 0), type = ds_mem("", 0);
	struct ds_store *store;
	struct output out;
	bool sort = false;
	int c, code;

	while ((c = getopt_long(argc, argv, "Sp:t:", options, NULL)) != -1) {
		if (c == 'S')
			sort = true;
		else if (c == 'p')
			prefix = ds_str(optarg);
		else if (c == 't')
			type = ds_str(optarg);
		else
			return bad_option(argv);
	}
	if (!operands(argc, argv, 0, 1))
		return USAGE;
	if (prefix.len > DOCSTORE_MAX_ID)
		return usage(argv, "a prefix has at most %d bytes", DOCSTORE_MAX_ID);
	code = open_frozen(&store);
	if (code)
		return code;
	code = output_open(&out, argv[optind]);
	if (!code) {
		code = sort ? export_sorted(&out, store, prefix, type) :
			      export_scan(&out, store, prefix, type);
		code = output_close(&out, code);
	}
	ds_close(store);
	return code;
}

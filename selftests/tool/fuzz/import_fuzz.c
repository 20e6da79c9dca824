// SPDX-License-Identifier: GPL-2.0
/*
 * Any lines, imported: what becomes of them is what becomes of each line by itself,
 * one after the other. Then the store is exported and imported into a third one,
 * which is the same.
 *
 * The first byte chooses options; the rest is the file.
 */
#define SANDBOX_ITSELF
#include "sandbox.h"
#include "stores.h"

/* The whole store, sorted. */
static void export_all(struct run *run, const char *name)
{
	char *argv[] = { "docstore", "--store", (char *)name, "export", "--sort", NULL };

	memset(run, 0, sizeof(*run));
	MUST(!sandbox_run(run, 5, argv));
	MUST(utf8_all(run->out, run->out_len, true));
}

static bool blank(const char *line, size_t len)
{
	while (len && strchr(" \t\r", line[len - 1]) && line[len - 1])
		len--;
	return !len;
}

/* One line into the store, as import would with no other lines around it. */
static int import_one(struct ds_store *store, struct ds_str line, const char *id_field,
		      const char *type, bool skip)
{
	struct ds_write_opts opts = {
		.size = sizeof(opts),
		.flags = skip ? DOCSTORE_IF_ABSENT : 0,
	};
	struct json_document doc;

	if (blank(line.data, line.len))
		return 0;
	if (!json_read_document(&reader, line, id_field, &doc))
		return -EBADMSG;
	if (!doc.id.len)
		return -EINVAL;
	opts.type = doc.type.len ? doc.type : ds_str(type);
	opts.min_version = doc.version;
	return ds_put(store, doc.id, doc.props, doc.count, &opts, NULL);
}

/* How many lines could not be stored. */
static unsigned int import_each(const char *text, size_t len, const char *id_field,
				const char *type, bool skip, bool go_on)
{
	struct ds_store *store = open_store("each");
	unsigned int bad = 0;
	bool first = true;

	while (len && (go_on || !bad)) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		size_t bom = first && n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
		char *line = malloc(n - bom + 1);
		int err;

		memcpy(line, text + bom, n - bom);
		err = import_one(store, ds_mem(line, n - bom), id_field, type, skip);
		free(line);
		bad += err && !(err == -EEXIST && skip);
		first = false;
		n += end != NULL;
		text += n;
		len -= n;
	}
	ds_close(store);
	return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	unsigned int how = (unsigned int)take(&in, 1), bad;
	const char *id_field = how & 1 ? "a" : "_id", *type = how & 2 ? "t" : "";
	bool go_on = how & 4, skip = how & 8;
	char *argv[12] = { "docstore", "--store", "lines", "import", "-i", (char *)id_field };
	struct run import = { 0 }, lines, each, again = { 0 };
	char *copy[] = { "docstore", "--store=again", "import", "-q", "-", NULL };
	int argc = 6, code;

	ds_close(empty_store("lines"));
	ds_close(empty_store("each"));
	ds_close(empty_store("again"));
	import.input = take_copy(&in, input_left(&in), &import.input_len);
	if (*type)
		argv[argc++] = "--type=t";
	if (go_on)
		argv[argc++] = "-c";
	if (skip)
		argv[argc++] = "--skip-existing";
	if (how & 16)
		argv[argc++] = "in";
	code = sandbox_run(&import, argc, argv);

	bad = import_each(import.input, import.input_len, id_field, type, skip, go_on);
	MUST(!code == !bad);
	MUST(code >= 0 && code <= 8 && import.err_len && !import.out_len);
	export_all(&lines, "lines");
	export_all(&each, "each");
	if (lines.out_len != each.out_len || memcmp(lines.out, each.out, each.out_len))
		FINDING("imported: %s\none by one: %s", lines.out, each.out);

	again.input = lines.out;
	again.input_len = lines.out_len;
	if (sandbox_run(&again, 5, copy))
		FINDING("exported: %s\n%s", lines.out, again.err);
	sandbox_free(&again);
	sandbox_free(&each);
	export_all(&each, "again");
	if (!beyond_restoring("lines") &&
	    (lines.out_len != each.out_len ||
	     memcmp(lines.out, each.out, each.out_len)))
		FINDING("exported: %s\nimported: %s", lines.out, each.out);
	sandbox_free(&each);
	sandbox_free(&lines);
	sandbox_free(&import);
	free((void *)import.input);
	return 0;
}

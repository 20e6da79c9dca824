// SPDX-License-Identifier: GPL-2.0
/* docstore(1): ls: the ids of documents. */
#include "tool.h"

const char ls_help[] =
	"List the ids of all documents, or of those whose ids begin with PREFIX, one on a line,\n"
	"sorted by their bytes. An id that is not UTF-8, has control characters, or begins with\n"
	"'\"' or '{' is written as JSON: a string or, if it is not UTF-8, {\"$bytes\":BASE64}.\n"
	"Other commands take that with --escaped.\n\n"
	"  -0, --null         the ids as they are, a NUL byte behind each\n"
	"  -t, --type NAME    only documents of this type\n"
	"  -e, --escaped      PREFIX is written as ids are here\n";

int cmd_ls(int argc, char **argv)
{
	static const struct option options[] = {
		{ "null", no_argument, NULL, '0' },
		{ "type", required_argument, NULL, 't' },
		{ "escaped", no_argument, NULL, 'e' },
		{ 0 }
	};
	struct ds_str prefix = ds_mem("", 0), type = ds_mem("", 0);
	bool null = false, escaped = false;
	struct id_list list = { 0 };
	struct buf out = { 0 };
	struct ds_store *store;
	int c, err, code;
	size_t i;

	while ((c = getopt_long(argc, argv, "0t:e", options, NULL)) != -1) {
		if (c == '0')
			null = true;
		else if (c == 't')
			type = ds_str(optarg);
		else if (c == 'e')
			escaped = true;
		else
			return bad_option(argv);
	}
	if (!operands(argc, argv, 0, 1))
		return USAGE;
	if (argc > optind && argv[optind][0]) {
		code = parse_id(argv, argv[optind], escaped, &prefix);
		if (code)
			return code;
	}
	code = open_to_read(&store);
	if (code)
		return code;
	err = ids_read(store, prefix, type, &list);
	if (err)
		code = fail_store(err);
	for (i = 0; !code && i < list.count; i++) {
		out.len = 0;
		if (null)
			buf_add(&out, list.ids[i].data, list.ids[i].len);
		else
			json_write_line(&out, list.ids[i]);
		buf_byte(&out, null ? '\0' : '\n');
		code = out_write(&out);
	}
	ids_free(&list);
	buf_free(&out);
	ds_close(store);
	return code;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Any command lines: arguments with a NUL behind each, an empty one behind each
 * command (one that is only \1 stands for an empty one); what comes after eight
 * commands is their standard input.
 *
 * Whatever they have done to the store, it comes through export and import, and
 * each of its ids is accepted as ls writes it.
 */
#define SANDBOX_ITSELF
#include "sandbox.h"
#include "stores.h"

#define COMMANDS	8
#define ARGUMENTS	12

/* One command's arguments, copied, the name of the program in front. */
static int take_command(struct input *in, char **argv)
{
	int argc = 0;

	argv[argc++] = strdup("docstore");
	while (input_left(in) && argc < ARGUMENTS) {
		const uint8_t *end = memchr(in->at, '\0', input_left(in));
		size_t len = end ? (size_t)(end - in->at) : input_left(in);
		char *arg = strndup((const char *)in->at, len);

		in->at += len + (end != NULL);
		if (!*arg) {
			free(arg);
			break;
		}
		if (!strcmp(arg, "\1"))
			*arg = '\0';
		argv[argc++] = arg;
	}
	argv[argc] = NULL;
	return argc;
}

/* Are there options that let bytes out as they are? */
static bool raw(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			return true;
	}
	return false;
}

static void run_command(struct input *in, const struct input *input)
{
	char *argv[ARGUMENTS + 1];
	/* getopt() moves them around, and run_command() gives one another name. */
	char *copies[ARGUMENTS + 1];
	int argc = take_command(in, argv), code, i;
	struct run run = { input->at, input_left(input), NULL, 0, NULL, 0 };

	memcpy(copies, argv, sizeof(argv));
	code = sandbox_run(&run, argc, argv);
	/* As a shell has it where another command was to be run. */
	MUST((code >= 0 && code <= 8) || code == 126 || code == 127);
	MUST(!code || run.err_len);
	if (!code && !raw(argc, copies))
		MUST(utf8_all(run.out, run.out_len, true));
	sandbox_free(&run);
	for (i = 0; i < argc; i++)
		free(copies[i]);
}

/* Any one document, under its id as ls writes it. */
static void check_ids(struct ds_store *store)
{
	struct buf line = { 0 }, id = { 0 };
	struct ds_scan *scan;
	struct ds_doc doc;

	MUST(!ds_scan_new(store, NULL, &scan));
	while (ds_scan_next(scan, &doc) == 1) {
		char *argv[] = { "docstore", "get", "--escaped", "--", NULL, NULL };
		struct run run = { 0 };

		id.len = 0;
		json_write_line(&id, doc.id);
		MUST(utf8_all(id.data, id.len, true) && !memchr(id.data, '\n', id.len));
		buf_byte(&id, '\0');
		argv[4] = id.data;
		MUST(!sandbox_run(&run, 5, argv));
		line.len = 0;
		MUST(!json_write_document(&line, store, &doc, false));
		buf_byte(&line, '\n');
		MUST(run.out_len == line.len && !memcmp(run.out, line.data, line.len));
		sandbox_free(&run);
	}
	ds_scan_free(scan);
	buf_free(&line);
	buf_free(&id);
}

static void check_export(void)
{
	char *export[] = { "docstore", "export", "-S", NULL };
	char *import[] = { "docstore", "-s", "copy", "import", "-q", NULL };
	char *export_copy[] = { "docstore", "-s", "copy", "export", "-S", NULL };
	struct run first = { 0 }, between = { 0 }, second = { 0 };

	ds_close(empty_store("copy"));
	MUST(!sandbox_run(&first, 3, export));
	between.input = first.out;
	between.input_len = first.out_len;
	MUST(!sandbox_run(&between, 5, import));
	MUST(!sandbox_run(&second, 5, export_copy));
	if (!beyond_restoring(DS_DEFAULT_STORE)) {
		MUST(first.out_len == second.out_len);
		MUST(!first.out_len || !memcmp(first.out, second.out, first.out_len));
	}
	sandbox_free(&first);
	sandbox_free(&between);
	sandbox_free(&second);
}

/* Stores that commands have made are gone, and the first one is empty. */
static void remove_stores(void)
{
	struct docstore_store_info *stores;
	size_t count, i;

	MUST(!ds_list(NULL, &stores, sizeof(*stores), &count));
	for (i = 0; i < count; i++)
		MUST(!ds_remove((char *)stores[i].name, NULL));
	free(stores);
	MUST(!ds_create(DS_DEFAULT_STORE, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size }, input = in;
	char *argv[ARGUMENTS + 1];
	struct ds_store *store;
	int i, argc;

	remove_stores();
	for (i = 0; i < COMMANDS; i++) {
		argc = take_command(&input, argv);
		while (argc)
			free(argv[--argc]);
	}
	for (i = 0; i < COMMANDS && input_left(&in); i++)
		run_command(&in, &input);
	if (ds_open(DS_DEFAULT_STORE, DOCSTORE_OPEN_READ, NULL, &store))
		return 0;
	check_ids(store);
	check_export();
	ds_close(store);
	return 0;
}

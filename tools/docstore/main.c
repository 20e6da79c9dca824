// SPDX-License-Identifier: GPL-2.0
/* docstore(1): documents in the kernel's shared memory, from the shell. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool.h"

static const struct command commands[] = {
	{ "put", cmd_put, "[OPTIONS] ID [JSON]", "store a document", put_help, false },
	{ "get", cmd_get, "[OPTIONS] ID [PROPERTY]", "print a document or a value", get_help, true },
	{ "del", cmd_del, "[OPTIONS] ID", "delete a document", del_help, false },
	{ "incr", cmd_incr, "[OPTIONS] ID PROPERTY [N]", "add to a number", incr_help, false },
	{ "ls", cmd_ls, "[OPTIONS] [PREFIX]", "list the ids of documents", ls_help, true },
	{ "import", cmd_import, "[OPTIONS] [FILE]", "store documents from JSON Lines", import_help, false },
	{ "export", cmd_export, "[OPTIONS] [FILE]", "print documents as JSON Lines", export_help, true },
	{ "create", cmd_create, "[OPTIONS] [NAME]", "make a store", create_help, false },
	{ "remove", cmd_remove, "[NAME]", "remove a store and its documents", remove_help, false },
	{ "stores", cmd_stores, "[OPTIONS]", "list the stores", stores_help, false },
	{ "info", cmd_info, "[OPTIONS] [NAME]", "describe a store and the module", info_help, true },
	{ "snapshot", cmd_snapshot, "list | run [OPTIONS]", "list snapshots; run a command in one",
	  snapshot_help, false },
	{ "coordinator", cmd_coordinator, "[OPTIONS] [NAME]", "how batches over partitions get on",
	  coordinator_help, false },
	{ "hot", cmd_hot, "[OPTIONS] [NAME]", "list the documents that are used most", hot_help,
	  false },
	{ "state", cmd_state, "[OPTIONS] [NAME]", "count or list documents by state", state_help,
	  false },
	{ "check", cmd_check, "[OPTIONS] [NAME]", "look for what is broken in a store", check_help, false },
	{ "stats", cmd_stats, "[OPTIONS] [NAME]", "what was counted and measured", stats_help, false },
	{ "config", cmd_config, "[OPTIONS] [NAME[=N]]...", "list and change settings", config_help,
	  false },
	{ "sessions", cmd_sessions, "[OPTIONS]", "who has stores open", sessions_help, false },
	{ "watch", cmd_watch, "[OPTIONS] [NAME]", "print what is changed as JSON Lines", watch_help,
	  false },
	{ "journal", cmd_journal, "[OPTIONS] STORE DIR", "keep a store in files", journal_help, false },
	{ "restore", cmd_restore, "[OPTIONS] DIR [STORE]", "make a store again from its journal",
	  restore_help, false },
	{ "top", cmd_top, "[OPTIONS]", "watch stores, workers and snapshots", top_help, false },
};

/* An option that has no short form. */
#define SNAPSHOT	256

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	size_t i;

	printf("Usage: docstore [--store NAME] [--snapshot FD] COMMAND ...\n\n"
	       "Documents in shared memory, kept by the docstore kernel module; JSON in and out.\n\n");
	for (i = 0; i < NR_COMMANDS; i++)
		printf("  %-11s %-26s %s\n", commands[i].name, commands[i].synopsis,
		       commands[i].brief);
	printf("\n"
	       "  -s, --store NAME   the store to use (default: what $" STORE_ENV " says, or %s)\n"
	       "      --snapshot FD  read this snapshot, an open descriptor (default: $" SNAPSHOT_ENV ",\n"
	       "                     which docstore snapshot run sets)\n"
	       "  -h, --help         this text; docstore COMMAND --help for a command\n"
	       "  -V, --version      the version of this program\n\n"
	       "Exit codes:\n"
	       "  0  done\n"
	       "  1  no such document, property or store\n"
	       "  2  the command line is wrong\n"
	       "  3  a condition does not hold: it exists, or has another version\n"
	       "  4  no access\n"
	       "  5  no space: a limit of the store or of memory is reached\n"
	       "  6  the module is not loaded (modprobe docstore)\n"
	       "  7  bad data: not JSON, or nothing that can be stored; found broken by check\n"
	       "  8  anything else; also, the output could not be written\n",
	       DS_DEFAULT_STORE);
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

static void print_command_help(const struct command *command)
{
	printf("Usage: docstore [--store NAME] %s %s\n\n%s", command->name,
	       command->synopsis, command->help);
}

static bool wants_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	}
	return false;
}

static int run_command(int argc, char **argv)
{
	const struct command *command = find_command(argv[0]);
	char name[32];

	if (!command && !strcmp(argv[0], "help")) {
		if (argc < 2) {
			print_help();
			return DONE;
		}
		argv++;
		command = find_command(argv[0]);
		if (command) {
			print_command_help(command);
			return DONE;
		}
	}
	if (!command)
		return fail(USAGE, "there is no command '%s'; see docstore --help", argv[0]);
	if (wants_help(argc, argv)) {
		print_command_help(command);
		return DONE;
	}
	if (snapshot_name && !command->reads)
		return fail(USAGE, "--snapshot is for commands that only read: get, ls, export, info");
	/* So that getopt says which command it is talking of. */
	snprintf(name, sizeof(name), "docstore %s", command->name);
	argv[0] = name;
	optind = 0;
	return command->run(argc, argv);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "store", required_argument, NULL, 's' },
		{ "snapshot", required_argument, NULL, SNAPSHOT },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 }
	};
	int c, code, written;

	/* A reader that went away is an error to report, not a way to die. */
	signal(SIGPIPE, SIG_IGN);
	store_name = getenv(STORE_ENV);
	if (!store_name || !*store_name)
		store_name = DS_DEFAULT_STORE;
	store_named = false;
	snapshot_name = NULL;
	optind = 0;
	while ((c = getopt_long(argc, argv, "+s:hV", options, NULL)) != -1) {
		switch (c) {
		case 's':
			store_name = optarg;
			store_named = true;
			break;
		case SNAPSHOT:
			snapshot_name = optarg;
			break;
		case 'h':
			print_help();
			return out_close();
		case 'V':
			printf("docstore %s\n", TOOL_VERSION);
			return out_close();
		default:
			fputs("See docstore --help\n", stderr);
			return USAGE;
		}
	}
	if (optind == argc) {
		fputs("docstore: a command is missing; see docstore --help\n", stderr);
		return USAGE;
	}
	code = run_command(argc - optind, argv + optind);
	written = out_close();
	return code ? code : written;
}

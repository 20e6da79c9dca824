/* SPDX-License-Identifier: GPL-2.0 */
/* docstore(1): what its commands share. */
#ifndef DOCSTORE_TOOL_H
#define DOCSTORE_TOOL_H

#include <getopt.h>

#include "json.h"

#define TOOL_VERSION	"0.1"

/* Exit codes. They are part of the interface: see docstore(1). */
enum exit_code {
	DONE = 0,
	NOT_FOUND = 1,		/* no such document, property or store */
	USAGE = 2,		/* the command line is wrong */
	CONDITION = 3,		/* it exists, or has another version */
	NO_ACCESS = 4,
	NO_SPACE = 5,		/* a limit of the store or of memory */
	NO_MODULE = 6,
	BAD_DATA = 7,		/* not JSON, or nothing that can be stored; or found broken */
	OTHER = 8,		/* also: writing the output failed */
};

/**
 * struct command - one row of the table of commands
 * @name: what it is called by
 * @run: does it; argv[0] is "docstore NAME". Returns enum exit_code
 * @synopsis: what follows the name
 * @brief: what it does, in one line
 * @help: the rest of its help
 * @reads: it only reads, and can do so from a snapshot
 */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *synopsis;
	const char *brief;
	const char *help;
	bool reads;
};

int cmd_put(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_del(int argc, char **argv);
int cmd_incr(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_create(int argc, char **argv);
int cmd_remove(int argc, char **argv);
int cmd_stores(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_snapshot(int argc, char **argv);
int cmd_coordinator(int argc, char **argv);
int cmd_hot(int argc, char **argv);
int cmd_state(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_sessions(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_journal(int argc, char **argv);
int cmd_restore(int argc, char **argv);

extern const char put_help[], get_help[], del_help[], incr_help[], ls_help[];
extern const char import_help[], export_help[], create_help[], remove_help[];
extern const char stores_help[], info_help[], snapshot_help[], coordinator_help[];
extern const char hot_help[], state_help[], check_help[];
extern const char stats_help[], config_help[], sessions_help[], top_help[];
extern const char watch_help[], journal_help[], restore_help[];

/* The store that --store names, and whether it was named at all. */
extern const char *store_name;
extern bool store_named;

/*
 * The descriptor of a snapshot that --snapshot names, or NULL; then the environment may
 * name one, which docstore snapshot run has left there.
 */
extern const char *snapshot_name;

#define SNAPSHOT_ENV	"DOCSTORE_SNAPSHOT"
#define STORE_ENV	"DOCSTORE_STORE"

/* Say what is wrong, on standard error, and return @code. */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The command line is wrong; argv[0] names the command. */
int usage(char **argv, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An option that getopt did not like, and has complained of. */
int bad_option(char **argv);

/* The exit code that a negative errno of the library stands for. */
int exit_code(int err);

/* What such an errno means for a document, and what to do about it. */
const char *explain(int err);

/* Something went wrong with a document, or with the store as such. */
int fail_document(struct ds_str id, int err);
int fail_store(int err);

/* Open the store that --store names, or say why not: 0 or an exit code. */
int open_store(unsigned int flags, struct ds_store **store);

/*
 * Open what commands read that change nothing: the snapshot that was named, if it is one
 * of the store, or else the store.
 */
int open_to_read(struct ds_store **store);
bool is_snapshot(const struct ds_store *store);

/* Take a snapshot of an open store, or say why not. */
int take_snapshot(struct ds_store *store, unsigned int lease_ms, struct ds_store **snapshot);

/* Operands after the options; false, and it was said, if there are others. */
bool operands(int argc, char **argv, int least, int most);

/* The operand of commands for stores: a name, if --store names no other. */
bool operand_store(int argc, char **argv);

/* The only option is --json; false, and it was said, if there are others. */
bool json_option(int argc, char **argv, bool *json);

/*
 * The id that an operand stands for: its bytes or, if it is @escaped, as ls
 * writes it. Returns 0 or an exit code. It stays until the next call.
 */
int parse_id(char **argv, const char *arg, bool escaped, struct ds_str *id);

/* A number of an option, and nothing behind it. */
bool parse_u64(const char *arg, uint64_t *n);

/* A size, with a unit that is a power of 1024 or without. */
bool parse_size(const char *arg, uint64_t *bytes);

/* Standard output: write to it, and know that all of it was written. */
int out_write(const struct buf *buf);
int out_close(void);

/* Ids, read from a store and sorted by their bytes. */
struct id_list {
	struct buf bytes;
	struct ds_str *ids;
	size_t count;
	size_t room;
};

int ids_read(struct ds_store *store, struct ds_str prefix, struct ds_str type,
	     struct id_list *list);
void ids_free(struct id_list *list);

/* How far a long import is, on a terminal. */
struct progress {
	bool on;
	bool shown;
	double start;
	double last;
	uint64_t total;		/* bytes, 0 if that is not known */
};

double now(void);
void progress_start(struct progress *progress, uint64_t total);
void progress_show(struct progress *progress, uint64_t bytes, uint64_t documents);
void progress_clear(struct progress *progress);

/* The name of one of enum docstore_pattern. */
const char *pattern_name(unsigned int pattern);

/* A number of bytes for people, such as 1.5 MiB. */
void buf_size(struct buf *buf, uint64_t bytes);

#endif /* DOCSTORE_TOOL_H */

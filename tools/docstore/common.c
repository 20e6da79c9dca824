// SPDX-License-Identifier: GPL-2.0
/* docstore(1): errors, operands and output. */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool.h"

const char *store_name = DS_DEFAULT_STORE;
bool store_named;
const char *snapshot_name;

/* What is read does not change: an error is not about a document. */
static bool reads_snapshot;

int fail(int code, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("docstore: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}

int usage(char **argv, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", argv[0]);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see %s --help\n", argv[0]);
	return USAGE;
}

int bad_option(char **argv)
{
	fprintf(stderr, "See %s --help\n", argv[0]);
	return USAGE;
}

/* What an errno of the library means; one row for each. */
static const struct {
	int err;
	int code;
	const char *text;
} errors[] = {
	{ E2BIG, BAD_DATA, "too many properties or bytes for one write" },
	{ EACCES, NO_ACCESS, "the owner and mode of the store, or of " DS_DEVICE ", do not allow it (see docstore stores)" },
	{ EBADF, NO_ACCESS, "the store is not open for this" },
	{ EBUSY, OTHER, "as many batches wait as may wait; try again" },
	{ EBADMSG, OTHER, "the module returned a document that this program does not understand; is one of them older than the other?" },
	{ EDOM, BAD_DATA, "the property is there, but it is not an integer (s64)" },
	{ EEXIST, CONDITION, "the document exists already" },
	{ EFBIG, BAD_DATA, "too large: a document has at most 1024 properties and 1 MiB" },
	{ EINTR, OTHER, "interrupted before anything was done; try again" },
	{ EMFILE, OTHER, "too many open files (see ulimit -n)" },
	{ ENAMETOOLONG, BAD_DATA, "an id or a name is longer than 255 bytes" },
	{ ENODATA, NOT_FOUND, "the document has no such property" },
	{ ENOENT, NOT_FOUND, "there is no such document" },
	{ ENOMEM, NO_SPACE, "no memory left; free some, or raise the memory limit of this cgroup" },
	{ ENOSPC, NO_SPACE, "the store has reached its limit of memory or of names; delete documents, or create a store with a larger --max-bytes" },
	{ ENOTTY, NO_MODULE, "this module does not know the operation; it is older than this program" },
	{ ENXIO, NO_MODULE, "there is no " DS_DEVICE ": the module is not loaded (modprobe docstore)" },
	{ EOVERFLOW, BAD_DATA, "the sum does not fit in 64 bits" },
	{ EPERM, NO_ACCESS, "only the store's owner and root may do that" },
	{ EPROTONOSUPPORT, OTHER, "it has a value of a type that this program is too old for" },
	{ ESTALE, CONDITION, "the document has another version; read it again" },
};

#define NR_ERRORS	(sizeof(errors) / sizeof(errors[0]))

int exit_code(int err)
{
	size_t i;

	if (err == -ESTALE && reads_snapshot)
		return OTHER;
	for (i = 0; i < NR_ERRORS; i++) {
		if (errors[i].err == -err)
			return errors[i].code;
	}
	return OTHER;
}

const char *explain(int err)
{
	size_t i;

	if (err == -ESTALE && reads_snapshot)
		return "the snapshot is gone: its lease is over";
	for (i = 0; i < NR_ERRORS; i++) {
		if (errors[i].err == -err)
			return errors[i].text;
	}
	return strerror(-err);
}

int fail_document(struct ds_str id, int err)
{
	struct buf buf = { 0 };

	json_write_text(&buf, id);
	fail(0, "%.*s: %s", (int)buf.len, buf.data, explain(err));
	buf_free(&buf);
	return exit_code(err);
}

int fail_store(int err)
{
	switch (err) {
	case -ENXIO:
		return fail(NO_MODULE, "%s", explain(err));
	case -ENOENT:
		return fail(NOT_FOUND, "there is no store '%s' (docstore --store %s create makes it)",
			    store_name, store_name);
	case -EEXIST:
		return fail(CONDITION, "there is a store '%s' already", store_name);
	case -EINVAL:
	case -ENAMETOOLONG:
		return fail(USAGE, "'%s' is no name for a store: 1 to 63 letters, digits, '.', '_' and '-', not beginning with '.' or '-'",
			    store_name);
	case -ENOSPC:
		return fail(NO_SPACE, "there are as many stores as there may be");
	default:
		return fail(exit_code(err), "store '%s': %s", store_name, explain(err));
	}
}

int open_store(unsigned int flags, struct ds_store **store)
{
	int err = ds_open(store_name, flags, NULL, store);

	return err ? fail_store(err) : 0;
}

/* Is it of the store that --store names, if it names one? */
static int check_snapshot(const struct ds_store *snapshot, bool *other)
{
	struct docstore_store_info info = { .size = sizeof(info) };
	int err = ds_store_info(snapshot, &info);

	*other = false;
	if (err)
		return fail_store(err);
	info.name[sizeof(info.name) - 1] = '\0';
	*other = store_named && strcmp(store_name, (const char *)info.name);
	return DONE;
}

/* The snapshot whose descriptor is @name; NULL if it is one of another store. */
static int open_snapshot(const char *name, struct ds_store **snapshot)
{
	int fd = -1, err, code;
	bool other;
	uint64_t n;

	*snapshot = NULL;
	if (parse_u64(name, &n) && n <= INT_MAX)
		fd = fcntl((int)n, F_DUPFD_CLOEXEC, 3);
	err = fd < 0 ? -EBADF : ds_open_snapshot(fd, NULL, snapshot);
	if (err) {
		if (fd >= 0)
			close(fd);
		return err == -EBADF ? fail(USAGE, "'%s' is no descriptor of a snapshot", name) :
				       fail_store(err);
	}
	code = check_snapshot(*snapshot, &other);
	if (!code && !other) {
		reads_snapshot = true;
		return DONE;
	}
	ds_close(*snapshot);
	*snapshot = NULL;
	return code;
}

int open_to_read(struct ds_store **store)
{
	const char *name = snapshot_name ? snapshot_name : getenv(SNAPSHOT_ENV);
	int code;

	reads_snapshot = false;
	*store = NULL;
	if (name && *name) {
		code = open_snapshot(name, store);
		if (code || *store)
			return code;
		if (snapshot_name)
			return fail(USAGE, "the snapshot '%s' is not one of the store '%s'", name,
				    store_name);
	}
	return open_store(DOCSTORE_OPEN_READ, store);
}

bool is_snapshot(const struct ds_store *store)
{
	struct docstore_snapshot_info info = { .size = sizeof(info) };

	return !ds_snapshot_info(store, &info);
}

int take_snapshot(struct ds_store *store, unsigned int lease_ms, struct ds_store **snapshot)
{
	struct ds_snapshot_opts opts = { .size = sizeof(opts), .lease_ms = lease_ms };
	int err;

	do {
		err = ds_snapshot(store, &opts, snapshot);
	} while (err == -EINTR);
	if (err == -ENOSPC)
		return fail(NO_SPACE, "there are as many snapshots of '%s' as there may be; see docstore snapshot list",
			    store_name);
	return err ? fail_store(err) : DONE;
}

bool operands(int argc, char **argv, int least, int most)
{
	if (argc - optind < least)
		usage(argv, "an operand is missing");
	else if (argc - optind > most)
		usage(argv, "'%s' is one operand too many", argv[optind + most]);
	else
		return true;
	return false;
}

bool operand_store(int argc, char **argv)
{
	const char *name = argv[optind];

	if (!operands(argc, argv, 0, 1))
		return false;
	if (!name)
		return true;
	if (store_named && strcmp(name, store_name)) {
		usage(argv, "--store says '%s', and the operand '%s'", store_name, name);
		return false;
	}
	store_name = name;
	store_named = true;
	return true;
}

bool json_option(int argc, char **argv, bool *json)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ 0 }
	};
	int c;

	*json = false;
	while ((c = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (c != 'j') {
			bad_option(argv);
			return false;
		}
		*json = true;
	}
	return true;
}

int parse_id(char **argv, const char *arg, bool escaped, struct ds_str *id)
{
	static struct json_reader reader;
	struct ds_value value;

	*id = ds_str(arg);
	if (escaped && (arg[0] == '"' || arg[0] == '{')) {
		if (!json_read_value(&reader, ds_str(arg), &value) ||
		    (value.type != DOCSTORE_TYPE_STRING && value.type != DOCSTORE_TYPE_BYTES))
			return usage(argv, "'%s' is not an id as docstore ls writes it", arg);
		*id = value.str;
	}
	if (!id->len || id->len > DOCSTORE_MAX_ID)
		return usage(argv, "an id has 1 to %d bytes", DOCSTORE_MAX_ID);
	return 0;
}

bool parse_u64(const char *arg, uint64_t *n)
{
	char *end;

	if (arg[0] < '0' || arg[0] > '9')
		return false;
	errno = 0;
	*n = strtoull(arg, &end, 10);
	return !errno && !*end;
}

static int out_failed(void)
{
	return fail(OTHER, "cannot write to standard output: %s", strerror(errno));
}

int out_write(const struct buf *buf)
{
	if (fwrite(buf->data, 1, buf->len, stdout) != buf->len)
		return out_failed();
	return DONE;
}

int out_close(void)
{
	if (fflush(stdout) || ferror(stdout))
		return out_failed();
	return DONE;
}

void buf_size(struct buf *buf, uint64_t bytes)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double size = (double)bytes;
	int unit = 0;

	while (size >= 1024) {
		size /= 1024;
		unit++;
	}
	buf_printf(buf, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

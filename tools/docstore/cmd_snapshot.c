// SPDX-License-Identifier: GPL-2.0
/* docstore(1): snapshot, coordinator: states that are kept, batches that wait. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "numbers.h"
#include "tool.h"

const char snapshot_help[] =
	"docstore snapshot list [--json] [NAME]\n"
	"List the snapshots of the store of this NAME, or that --store names, the oldest first:\n"
	"what they keep in memory that was replaced or deleted since, before the next one was taken.\n\n"
	"  -j, --json         as JSON Lines, one snapshot on a line\n\n"
	"docstore snapshot run [--lease SECONDS] [--] COMMAND...\n"
	"Take a snapshot, and run COMMAND. All that it reads from the store by docstore get, ls,\n"
	"export and info is as it was then. What it writes goes to the store, and is not seen.\n\n"
	"  -l, --lease SECONDS  how long the snapshot is kept, at most (default: as long as COMMAND\n"
	"                     or a child of it runs)\n";

const char coordinator_help[] =
	"Describe how atomic batches that span partitions get on, in the store of this NAME or\n"
	"that --store names: those that wait, what became of the others, and what took time.\n\n"
	"  -j, --json         as one line of JSON\n";

/* --- snapshot list -------------------------------------------------------------- */

static const struct number snapshot_numbers[] = {
#define NUMBER(member)	NUMBER_OF(struct docstore_snapshot_info, member, NULL, COUNT)
	NUMBER(id),
	NUMBER(created),
	NUMBER(age),
	NUMBER(lease_ms),
	NUMBER(bytes),
	NUMBER(versions),
	NUMBER(uid),
#undef NUMBER
};

#define NR_SNAPSHOT_NUMBERS	(sizeof(snapshot_numbers) / sizeof(snapshot_numbers[0]))

static void write_snapshot_json(struct buf *out, const struct docstore_snapshot_info *info)
{
	struct json_object *object = json_need(json_object_new_object());

	numbers_add(object, info, snapshot_numbers, NR_SNAPSHOT_NUMBERS);
	json_add(object, "revoked", json_need(json_object_new_boolean(
		 (info->state & DOCSTORE_SNAPSHOT_REVOKED) != 0)));
	json_write_object(out, object, false);
	buf_byte(out, '\n');
}

static void write_snapshot_row(struct buf *out, const struct docstore_snapshot_info *info)
{
	struct buf age = { 0 }, lease = { 0 }, bytes = { 0 };

	buf_duration(&age, info->age);
	if (info->lease_ms)
		buf_duration(&lease, info->lease_ms * 1000000ULL);
	else
		buf_byte(&lease, '-');
	buf_size(&bytes, info->bytes);
	buf_printf(out, "%8llu  %10.*s  %10.*s  %10.*s  %10llu  %6u  %s\n",
		   (unsigned long long)info->id, (int)age.len, age.data, (int)lease.len, lease.data,
		   (int)bytes.len, bytes.data, (unsigned long long)info->versions, info->uid,
		   info->state & DOCSTORE_SNAPSHOT_REVOKED ? "revoked" : "kept");
	buf_free(&age);
	buf_free(&lease);
	buf_free(&bytes);
}

static int snapshot_list(int argc, char **argv)
{
	struct docstore_snapshot_info *list;
	struct buf out = { 0 };
	struct ds_store *store;
	size_t i, count;
	int err, code;
	bool json;

	if (!json_option(argc, argv, &json) || !operand_store(argc, argv))
		return USAGE;
	code = open_store(DOCSTORE_OPEN_READ, &store);
	if (code)
		return code;
	err = ds_snapshots(store, &list, sizeof(*list), &count);
	ds_close(store);
	if (err)
		return fail_store(err);
	if (!json)
		buf_printf(&out, "%8s  %10s  %10s  %10s  %10s  %6s  %s\n", "ID", "AGE", "LEASE",
			   "MEMORY", "VERSIONS", "UID", "STATE");
	for (i = 0; i < count; i++) {
		if (json)
			write_snapshot_json(&out, &list[i]);
		else
			write_snapshot_row(&out, &list[i]);
	}
	code = out_write(&out);
	buf_free(&out);
	free(list);
	return code;
}

/* --- snapshot run ------------------------------------------------------------------- */

/* Commands that are not there have the exit codes that shells give them. */
#define CANNOT_RUN	126
#define NO_COMMAND	127

/* The descriptor goes to the command, and stays open for as long as that and its children. */
static int run_in(const struct ds_store *snapshot, char **command)
{
	int fd = ds_fd(snapshot), code;
	char text[16];

	snprintf(text, sizeof(text), "%d", fd);
	if (fcntl(fd, F_SETFD, 0) || setenv(SNAPSHOT_ENV, text, 1) ||
	    setenv(STORE_ENV, store_name, 1))
		return fail(OTHER, "cannot pass the snapshot on: %s", strerror(errno));
	fflush(stdout);
	execvp(command[0], command);
	code = errno == ENOENT ? NO_COMMAND : CANNOT_RUN;
	fail(code, "cannot run %s: %s", command[0], strerror(errno));
	unsetenv(SNAPSHOT_ENV);
	unsetenv(STORE_ENV);
	return code;
}

static int snapshot_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "lease", required_argument, NULL, 'l' },
		{ 0 }
	};
	struct ds_store *store, *snapshot;
	uint64_t seconds = 0;
	int c, code;

	/* '+': options behind the command are its own. */
	while ((c = getopt_long(argc, argv, "+l:", options, NULL)) != -1) {
		if (c != 'l')
			return bad_option(argv);
		if (!parse_u64(optarg, &seconds) || !seconds || seconds > UINT32_MAX / 1000)
			return usage(argv, "'%s' is not a number of seconds", optarg);
	}
	if (!operands(argc, argv, 1, argc))
		return USAGE;
	code = open_store(DOCSTORE_OPEN_READ, &store);
	if (code)
		return code;
	code = take_snapshot(store, (unsigned int)seconds * 1000, &snapshot);
	ds_close(store);
	if (code)
		return code;
	code = run_in(snapshot, argv + optind);
	ds_close(snapshot);
	return code;
}

int cmd_snapshot(int argc, char **argv)
{
	char name[64];

	if (argc < 2)
		return usage(argv, "say what: list or run");
	snprintf(name, sizeof(name), "%s %.16s", argv[0], argv[1]);
	if (strcmp(argv[1], "list") && strcmp(argv[1], "run"))
		return usage(argv, "there is no '%s'; it is list or run", argv[1]);
	argv[1] = name;
	optind = 0;
	return !strcmp(strrchr(name, ' '), " list") ? snapshot_list(argc - 1, argv + 1) :
						      snapshot_run(argc - 1, argv + 1);
}

/* --- coordinator ---------------------------------------------------------------------- */

static const struct number coordinator_numbers[] = {
#define NUMBER(member, label, kind)	NUMBER_OF(struct docstore_coordinator, member, label, kind)
	NUMBER(queued, "wait now", COUNT),
	NUMBER(max_queued, "  at most", COUNT),
	NUMBER(commits, "carried out", COUNT),
	NUMBER(lent, "  by submitters", COUNT),
	NUMBER(refused, "refused", COUNT),
	NUMBER(no_memory, "lacked memory", COUNT),
	NUMBER(canceled, "canceled", COUNT),
	NUMBER(timed_out, "timed out", COUNT),
	NUMBER(rejected, "found the queue full", COUNT),
	NUMBER(wait_ns, "waited, all of them", DURATION),
	NUMBER(wait_max_ns, "  at most", DURATION),
	NUMBER(prepare_ns, "prepared, all of them", DURATION),
	NUMBER(prepare_max_ns, "  at most", DURATION),
	NUMBER(publish_ns, "published, all of them", DURATION),
	NUMBER(publish_max_ns, "  at most", DURATION),
#undef NUMBER
}, waiting_numbers[] = {
#define NUMBER(member)	NUMBER_OF(struct docstore_waiting, member, NULL, COUNT)
	NUMBER(waited),
	NUMBER(operations),
	NUMBER(partitions),
#undef NUMBER
};

#define NR_COORDINATOR_NUMBERS	(sizeof(coordinator_numbers) / sizeof(coordinator_numbers[0]))
#define NR_WAITING_NUMBERS	(sizeof(waiting_numbers) / sizeof(waiting_numbers[0]))

/* So many that wait are shown. */
#define WAITING		256

static void write_coordinator_json(struct buf *out, const struct docstore_coordinator *info,
				   const struct docstore_waiting *waiting, int count)
{
	struct json_object *object = json_need(json_object_new_object());
	struct json_object *list = json_need(json_object_new_array());
	int i;

	numbers_add(object, info, coordinator_numbers, NR_COORDINATOR_NUMBERS);
	for (i = 0; i < count; i++) {
		struct json_object *one = json_need(json_object_new_object());

		numbers_add(one, &waiting[i], waiting_numbers, NR_WAITING_NUMBERS);
		if (json_object_array_add(list, one))
			no_memory();
	}
	json_add(object, "waiting", list);
	json_write_object(out, object, false);
	buf_byte(out, '\n');
}

static void write_waiting(struct buf *out, const struct docstore_waiting *waiting, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		struct buf waited = { 0 };

		buf_duration(&waited, waiting[i].waited);
		buf_printf(out, "  waits for %-12.*s %u operations in %u partitions\n",
			   (int)waited.len, waited.data, waiting[i].operations,
			   waiting[i].partitions);
		buf_free(&waited);
	}
}

int cmd_coordinator(int argc, char **argv)
{
	struct docstore_coordinator info = { .size = sizeof(info) };
	struct docstore_waiting waiting[WAITING];
	struct buf out = { 0 };
	struct ds_store *store;
	int ret, code;
	bool json;

	if (!json_option(argc, argv, &json) || !operand_store(argc, argv))
		return USAGE;
	code = open_store(DOCSTORE_OPEN_READ, &store);
	if (code)
		return code;
	ret = ds_coordinator(store, &info, waiting, sizeof(waiting[0]), WAITING);
	ds_close(store);
	if (ret < 0)
		return fail_store(ret);
	if (json) {
		write_coordinator_json(&out, &info, waiting, ret);
	} else {
		buf_printf(&out, "batches that span partitions of %s\n", store_name);
		numbers_write(&out, &info, coordinator_numbers, NR_COORDINATOR_NUMBERS);
		write_waiting(&out, waiting, ret);
	}
	code = out_write(&out);
	buf_free(&out);
	return code;
}

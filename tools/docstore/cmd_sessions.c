// SPDX-License-Identifier: GPL-2.0
/* docstore(1): sessions: which descriptors are open, and what they have done. */
#include <stdio.h>
#include <stdlib.h>

#include <linux/docstore_stream.h>

#include "cells.h"
#include "libdocstore_monitor.h"
#include "numbers.h"
#include "tool.h"

const char sessions_help[] =
	"List who has stores open, in the order in which they were opened: all, if root asks, else\n"
	"those of the same user. A session is an open descriptor: of a store, a snapshot, a stream,\n"
	"or the module, for which there is a '-' in place of the store.\n\n"
	"  -j, --json         as JSON Lines, one session on a line\n\n"
	"MODE is r for reading, w for writing, s for a snapshot, f for a stream, and p for one that is\n"
	"paused; IN are bytes that came with batches, OUT bytes that were read, and REQS requests\n"
	"under way by io_uring. With --json there is more, such as how many snapshots and streams\n"
	"of it are open.\n";

static const struct number session_numbers[] = {
#define NUMBER(member)	NUMBER_OF(struct docstore_session_info, member, NULL, COUNT)
	NUMBER(id),
	NUMBER(opened),
	NUMBER(incarnation),
	NUMBER(snapshot),
	NUMBER(uid),
	NUMBER(gid),
	NUMBER(pid),
	NUMBER(calls),
	NUMBER(errors),
	NUMBER(operations),
	NUMBER(requests),
	NUMBER(snapshots),
	NUMBER(request_bytes),
	NUMBER(bytes_in),
	NUMBER(bytes_out),
	NUMBER(streams),
	NUMBER(stream),
#undef NUMBER
};

#define NR_SESSION_NUMBERS	(sizeof(session_numbers) / sizeof(session_numbers[0]))

static void write_session_json(struct buf *out, const struct docstore_session_info *info)
{
	struct json_object *object = json_need(json_object_new_object());

	numbers_add(object, info, session_numbers, NR_SESSION_NUMBERS);
	json_add(object, "read", json_need(json_object_new_boolean(
		 (info->rights & DOCSTORE_OPEN_READ) != 0)));
	json_add(object, "write", json_need(json_object_new_boolean(
		 (info->rights & DOCSTORE_OPEN_WRITE) != 0)));
	json_add(object, "comm", json_text(ds_str((const char *)info->comm)));
	json_add(object, "store", json_text(ds_str((const char *)info->store)));
	json_write_object(out, object, false);
	buf_byte(out, '\n');
}

static void write_head(struct buf *out)
{
	cell_text(out, 7, "ID");
	cell_text(out, 9, "PID");
	cell_text(out, 7, "UID");
	cell_text(out, 5, "MODE");
	cell_text(out, 6, "CALLS");
	cell_text(out, 6, "ERRS");
	cell_text(out, 6, "IN");
	cell_text(out, 6, "OUT");
	cell_text(out, 5, "REQS");
	cell_name(out, 11, "COMMAND");
	cell_name(out, 0, "STORE");
	buf_byte(out, '\n');
}

static void write_row(struct buf *out, const struct docstore_session_info *info)
{
	char mode[5] = "", *p = mode;

	if (info->rights & DOCSTORE_OPEN_READ)
		*p++ = 'r';
	if (info->rights & DOCSTORE_OPEN_WRITE)
		*p++ = 'w';
	if (info->snapshot)
		*p++ = 's';
	if (info->stream)
		*p++ = info->stream == 1 + DOCSTORE_STREAM_PAUSED ? 'p' : 'f';
	*p = '\0';
	cell_number(out, 7, info->id);
	/* Numbers of processes and users are not counts, and stay whole. */
	buf_printf(out, " %8u %6u", info->pid, info->uid);
	cell_text(out, 5, *mode ? mode : "-");
	cell_number(out, 6, info->calls);
	cell_number(out, 6, info->errors);
	cell_number(out, 6, info->bytes_in);
	cell_number(out, 6, info->bytes_out);
	cell_number(out, 5, info->requests);
	cell_name(out, 11, (const char *)info->comm);
	cell_name(out, 0, info->store[0] ? (const char *)info->store : "-");
	buf_byte(out, '\n');
}

int cmd_sessions(int argc, char **argv)
{
	struct docstore_session_info *list;
	struct buf out = { 0 };
	size_t i, count;
	bool json;
	int err, code;

	if (!json_option(argc, argv, &json) || !operands(argc, argv, 0, 0))
		return USAGE;
	err = ds_sessions(NULL, &list, sizeof(*list), &count);
	if (err)
		return fail(exit_code(err), "%s", explain(err));
	if (!json)
		write_head(&out);
	for (i = 0; i < count; i++) {
		if (json)
			write_session_json(&out, &list[i]);
		else
			write_row(&out, &list[i]);
	}
	code = out_write(&out);
	buf_free(&out);
	free(list);
	return code;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands of io_uring, which look different in every kernel. To be deleted when
 * the oldest kernel that is supported has IO_URING_CMD_TASK_WORK_ISSUE_FLAGS and
 * io_uring_cmd_mark_cancelable(): 6.1 has neither, 6.12 the latter, 7.2 both.
 */
#ifndef _DOCSTORE_COMPAT_URING_H
#define _DOCSTORE_COMPAT_URING_H

#include <linux/io_uring.h>
#ifdef DS_OFFERS_URING_CMD_H
#include <linux/io_uring/cmd.h>
#endif

/* What io_uring runs in the submitter's task, as a function of the command. */
#ifdef IO_URING_CMD_TASK_WORK_ISSUE_FLAGS
#define DS_URING_TASK_WORK(_name, _fn)						\
static void _name(struct io_tw_req req, io_tw_token_t tw)			\
{										\
	_fn(io_uring_cmd_from_tw(req), IO_URING_CMD_TASK_WORK_ISSUE_FLAGS);	\
}
#else
#define DS_URING_TASK_WORK(_name, _fn)						\
static void _name(struct io_uring_cmd *cmd, unsigned int issue_flags)		\
{										\
	_fn(cmd, issue_flags);							\
}

#define io_uring_cmd_done(_cmd, _ret, _flags)	io_uring_cmd_done(_cmd, _ret, 0, _flags)
#endif

/* What stands in the entry, which user space can still change. */
static inline const void *ds_uring_payload(const struct io_uring_cmd *cmd)
{
#ifdef DS_OFFERS_URING_CMD_H
	return cmd->sqe->cmd;
#else
	return cmd->cmd;
#endif
}

/* A ring that goes away waits for its commands, instead of canceling them. */
#ifndef DS_OFFERS_URING_CANCEL
#define IO_URING_F_CANCEL	0

static inline void io_uring_cmd_mark_cancelable(struct io_uring_cmd *cmd,
						unsigned int issue_flags)
{
}
#endif

#endif /* _DOCSTORE_COMPAT_URING_H */

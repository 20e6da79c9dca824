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
#define ds_uring_payload(_cmd, _type)	io_uring_sqe_cmd((_cmd)->sqe, _type)
#else
#define DS_URING_TASK_WORK(_name, _fn)						\
static void _name(struct io_uring_cmd *cmd, unsigned int issue_flags)		\
{										\
	_fn(cmd, issue_flags);							\
}
#define io_uring_cmd_done(_cmd, _ret, _flags)	io_uring_cmd_done(_cmd, _ret, 0, _flags)
#ifdef DS_OFFERS_URING_CMD_H
#define ds_uring_payload(_cmd, _type)	((const _type *)(_cmd)->sqe->cmd)
#else
#define ds_uring_payload(_cmd, _type)	((const _type *)(_cmd)->cmd)
#endif
#endif

/* A ring that goes away waits for its commands, instead of canceling them. */
#ifndef DS_OFFERS_URING_CANCEL
#define IO_URING_F_CANCEL	0
#define io_uring_cmd_mark_cancelable(_cmd, _flags)	do { } while (0)
#endif

#ifndef io_uring_cmd_to_pdu
#define io_uring_cmd_to_pdu(_cmd, _type)	((_type *)&(_cmd)->pdu)
#endif

#endif /* _DOCSTORE_COMPAT_URING_H */

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations by io_uring.
 */
#ifndef _DOCSTORE_URING_H
#define _DOCSTORE_URING_H

struct ds_session;
struct io_uring_cmd;

int ds_uring_cmd(struct ds_session *session, struct io_uring_cmd *cmd,
		 unsigned int issue_flags);

#endif /* _DOCSTORE_URING_H */

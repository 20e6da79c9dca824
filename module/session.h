/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A session: what one open file holds. It ends when the file is closed, and
 * with it everything that the kernel kept for its process.
 */
#ifndef _DOCSTORE_SESSION_H
#define _DOCSTORE_SESSION_H

#include <linux/types.h>

#include <linux/docstore.h>

struct ds_store;

/**
 * struct ds_session - an open file
 * @store: the store, which it holds; NULL for the control node
 * @rights: enum docstore_open_flags; set at open, never changed
 */
struct ds_session {
	struct ds_store *store;
	u32 rights;
};

static inline bool ds_session_may(const struct ds_session *session, u32 right)
{
	return session->rights & right;
}

#endif /* _DOCSTORE_SESSION_H */

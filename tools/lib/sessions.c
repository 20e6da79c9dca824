// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: which descriptors are open. */
#include <stdlib.h>

#include "internal.h"
#include "libdocstore_monitor.h"

/* Lists of stores and of sessions are asked for by structs that look alike. */
#define LIST_ALIKE(a, b)							\
	_Static_assert(offsetof(struct docstore_store_list, a) ==		\
		       offsetof(struct docstore_session_list, b), #b)

LIST_ALIKE(size, size);
LIST_ALIKE(flags, flags);
LIST_ALIKE(stores, sessions);
LIST_ALIKE(store_size, session_size);
LIST_ALIKE(count, count);
LIST_ALIKE(cursor, cursor);
_Static_assert(sizeof(struct docstore_store_list) == sizeof(struct docstore_session_list),
	       "lists");

/* Names that come from the kernel end somewhere. */
static void end_name(char *session, size_t size, size_t at, size_t len)
{
	if (at + len <= size)
		session[at + len - 1] = '\0';
}

DS_PUBLIC int ds_sessions(const struct ds_open_opts *opts, struct docstore_session_info **sessions,
			  size_t session_size, size_t *count)
{
	void *list = NULL;
	int fd, err;
	size_t i;

	*sessions = NULL;
	*count = 0;
	fd = ds_open_control(opts, false);
	if (fd < 0)
		return fd;
	err = ds_list_all(fd, DOCSTORE_SESSION_LIST, session_size, &list, count);
	ds_sys_close(fd);
	for (i = 0; !err && i < *count; i++) {
		char *session = (char *)list + i * session_size;

		end_name(session, session_size, offsetof(struct docstore_session_info, comm),
			 DOCSTORE_COMM_SIZE);
		end_name(session, session_size, offsetof(struct docstore_session_info, store),
			 DOCSTORE_STORE_NAME_SIZE);
	}
	*sessions = list;
	return err;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshots, documents read together, and batches that span partitions: one thin
 * function for each ioctl, with the rules of docstore_test.h.
 */
#ifndef DOCSTORE_TEST_SNAPSHOT_H
#define DOCSTORE_TEST_SNAPSHOT_H

#include "docstore_test.h"

#include <poll.h>

/* Operations --------------------------------------------------------------- */

/* Nothing but conditions. */
static inline struct docstore_op ds_check(const char *id, __u8 flags, __u64 version)
{
	return ds_if(ds_op(DOCSTORE_OP_CHECK, id), flags, version);
}

/* It is still what was read: a version, or 0 for what was not there. */
static inline struct docstore_op ds_unchanged(const char *id, __u64 version)
{
	return ds_check(id, DOCSTORE_IF_VERSION, version);
}

/* Snapshots ---------------------------------------------------------------- */

/* The new descriptor, or -errno; @id may be NULL. */
static inline int ds_snapshot(int fd, __u32 lease_ms, __u64 *id)
{
	struct docstore_snapshot s = {
		.size = sizeof(s),
		.lease_ms = lease_ms,
		.id = DS_POISON64,
	};
	int ret = ds_ioctl(fd, DOCSTORE_SNAPSHOT, &s);
	int flags;

	if (ret < 0)
		return s.id == DS_POISON64 ? ret :
		       ds_broken("snapshot failed (%d), and wrote an id", ret);
	if (s.id == DS_POISON64)
		return ds_broken("snapshot: no id");
	flags = fcntl(ret, F_GETFD);
	if (flags < 0 || !(flags & FD_CLOEXEC))
		return ds_broken("snapshot: descriptor %d has flags %d", ret, flags);
	if (id)
		*id = s.id;
	return ret;
}

static inline int ds_snapshot_info(int fd, struct docstore_snapshot_info *info)
{
	int ret;

	DS_FILL(info);
	info->size = sizeof(*info);
	info->flags = 0;
	ret = ds_ioctl(fd, DOCSTORE_SNAPSHOT_INFO, info);
	if (!ret && info->__reserved)
		return ds_broken("snapshot info: reserved field is %u", info->__reserved);
	return ret;
}

/* The next at most @count snapshots after @cursor: how many there were. */
static inline int ds_snapshot_list(int fd, struct docstore_snapshot_info *snapshots,
				   __u32 count, __u64 *cursor)
{
	struct docstore_snapshot_list l = {
		.size = sizeof(l),
		.snapshots = ds_ptr(snapshots),
		.snapshot_size = sizeof(*snapshots),
		.count = count,
		.cursor = *cursor,
	};
	int ret;

	/* Zero, since a kernel may look at fields of an array as input. */
	memset(snapshots, 0, count * sizeof(*snapshots));
	ret = ds_ioctl(fd, DOCSTORE_SNAPSHOT_LIST, &l);
	if (ret)
		return ret;
	if (l.count > count)
		return ds_broken("%u snapshots in room for %u", l.count, count);
	*cursor = l.cursor;
	return l.count;
}

/* Is its lease over? Waits for that for so many milliseconds at most. */
static inline bool ds_snapshot_revoked(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, wait_ms) == 1 && p.revents & POLLHUP;
}

/* The page that a snapshot's descriptor maps, or NULL and errno. */
static inline const struct docstore_map_snapshot *ds_snapshot_map(int fd)
{
	void *p = mmap(NULL, sizeof(struct docstore_map_snapshot), PROT_READ, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static inline int ds_snapshot_unmap(const struct docstore_map_snapshot *map)
{
	return munmap((void *)(uintptr_t)map, sizeof(*map)) ? -errno : 0;
}

/* Reading together --------------------------------------------------------- */

static inline int ds_read_many_flags(int fd, __u32 flags, struct docstore_read_item *items,
				     __u32 count, void *buffer, __u32 room,
				     struct docstore_read_many *out)
{
	struct docstore_read_many m = {
		.size = sizeof(m),
		.flags = flags,
		.items = ds_ptr(items),
		.item_size = sizeof(*items),
		.count = count,
		.buffer = ds_ptr(buffer),
		.buffer_len = room,
		.done = DS_POISON32,
		.used = DS_POISON32,
		.needed = DS_POISON32,
	};
	__u32 i;
	int ret;

	for (i = 0; i < count; i++) {
		items[i].result = (__s32)DS_POISON32;
		items[i].offset = DS_POISON32;
		items[i].length = DS_POISON32;
	}
	ret = ds_ioctl(fd, DOCSTORE_READ_MANY, &m);
	*out = m;
	if (ret)
		return ret;
	if (m.done > count || m.used > room)
		return ds_broken("read many: %u of %u done, %u of %u used",
				 m.done, count, m.used, room);
	if (flags & DOCSTORE_READ_TOGETHER && m.done && m.done != count)
		return ds_broken("read together: %u of %u done", m.done, count);
	return 0;
}

/*
 * All of them as they were at one moment: 0 or -errno. -ENOBUFS, which the kernel does
 * not return, where they don't fit: then @out->needed is the room for all of them.
 */
static inline int ds_read_together(int fd, struct docstore_read_item *items, __u32 count,
				   void *buffer, __u32 room, struct docstore_read_many *out)
{
	int ret = ds_read_many_flags(fd, DOCSTORE_READ_TOGETHER, items, count, buffer, room, out);

	if (ret || out->done == count)
		return ret;
	if (out->used || out->needed <= room)
		return ds_broken("read together: none of %u, %u used, %u needed of %u", count,
				 out->used, out->needed, room);
	return -ENOBUFS;
}

/* The coordinator ---------------------------------------------------------- */

/* @waiting may be NULL if @count is 0. */
static inline int ds_coordinator(int fd, struct docstore_waiting *waiting, __u32 count,
				 struct docstore_coordinator *out)
{
	int ret;

	DS_FILL(out);
	out->size = sizeof(*out);
	out->flags = 0;
	out->waiting = ds_ptr(waiting);
	out->waiting_size = sizeof(*waiting);
	out->count = count;
	if (waiting)
		memset(waiting, 0, count * sizeof(*waiting));
	ret = ds_ioctl(fd, DOCSTORE_COORDINATOR, out);
	if (!ret && out->count > count)
		return ds_broken("%u waiting batches in room for %u", out->count, count);
	return ret;
}

/* Partitions --------------------------------------------------------------- */

/* In which partition documents are, by the first page of the store's mapping. */
struct ds_where {
	__u64 key[2];
	__u32 partitions;
};

static inline int ds_where_begin(struct ds_where *w, int fd)
{
	size_t page = sysconf(_SC_PAGESIZE);
	const struct docstore_map_store *head;

	head = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	if (head == MAP_FAILED)
		return -errno;
	memcpy(w->key, head->key, sizeof(w->key));
	w->partitions = head->partitions;
	munmap((void *)(uintptr_t)head, page);
	return w->partitions ? 0 : ds_broken("a store without partitions");
}

static inline __u32 ds_where(const struct ds_where *w, const char *id)
{
	return docstore_map_partition_of(docstore_map_hash(w->key, id, strlen(id)),
					 w->partitions);
}

/*
 * An id in a partition, to be told from others in the same one by @number. No longer
 * than the prefix and 24 characters.
 */
static inline void ds_where_id(const struct ds_where *w, char *id, const char *prefix,
			       __u32 partition, unsigned int number)
{
	unsigned int i;

	for (i = 0; ; i++) {
		sprintf(id, "%s%u.%u", prefix, number, i);
		if (ds_where(w, id) == partition)
			return;
	}
}

#endif /* DOCSTORE_TEST_SNAPSHOT_H */

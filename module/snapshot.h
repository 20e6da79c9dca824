/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshots: moments of a store that are held by a descriptor.
 */
#ifndef _DOCSTORE_SNAPSHOT_H
#define _DOCSTORE_SNAPSHOT_H

#include <linux/refcount.h>
#include <linux/time64.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <linux/docstore_map.h>

#include "core/past.h"

struct ds_session;
struct ds_store;
struct seq_file;
struct vm_area_struct;

/**
 * struct ds_snapshot - a snapshot
 * @ref: its descriptor, and the store until nothing is kept for it any more
 * @store: the store, which the descriptor's session holds
 * @page: what its descriptor maps: what it sees, and whether it was revoked
 * @id: its number; 0 for one that the kernel itself reads by, which nobody is shown
 * @taken: when, by the clock that only goes on
 * @uid: who took it
 * @lease_ms: its lease, 0 for none
 * @lease: revokes it when that is over
 * @revoked: for those who wait until it is
 * @rcu: to free it
 * @pin: what it holds of the store
 */
struct ds_snapshot {
	refcount_t ref;
	struct ds_store *store;
	struct docstore_map_snapshot *page;
	u64 id;
	u64 taken;
	kuid_t uid;
	u32 lease_ms;
	struct delayed_work lease;
	wait_queue_head_t revoked;
	struct rcu_head rcu;
	struct ds_pin pin;
};

/**
 * enum ds_snapshot_event - what has happened to a snapshot
 * @DS_SNAPSHOT_TAKEN: it was taken
 * @DS_SNAPSHOT_REVOKED: its lease is over
 * @DS_SNAPSHOT_CLOSED: nobody has it open any more
 */
enum ds_snapshot_event {
	DS_SNAPSHOT_TAKEN,
	DS_SNAPSHOT_REVOKED,
	DS_SNAPSHOT_CLOSED,
};

struct ds_snapshot *ds_snapshot_take(struct ds_store *store, u32 lease_ms, bool internal);
void ds_snapshot_begin_lease(struct ds_snapshot *snapshot);
void ds_snapshot_close(struct ds_snapshot *snapshot);
int ds_snapshot_mmap(struct ds_snapshot *snapshot, struct vm_area_struct *vma);

/**
 * ds_snapshot_good() - was what was read by a snapshot right
 * @snapshot: the snapshot
 *
 * To be called before, within the same RCU read section, so that whatever is found
 * stays as it is to the end of that; and behind the last @prev that was followed: what
 * is unlinked for a snapshot that was revoked may lead to versions that are too old.
 *
 * Context: an RCU read section.
 * Return: false if it was revoked.
 */
static inline bool ds_snapshot_good(const struct ds_snapshot *snapshot)
{
	/*
	 * Behind the acquire loads of @prev, which pair with the release stores in
	 * past.c: these come after the state was stored.
	 */
	return !(READ_ONCE(snapshot->page->state) & DOCSTORE_SNAPSHOT_REVOKED);
}

int ds_pins_init(struct ds_store *store);
void ds_pins_destroy(struct ds_store *store);
void ds_snapshots_show(struct seq_file *m, struct ds_store *store);

int ds_ioctl_snapshot(struct ds_session *session, void *data);
int ds_ioctl_snapshot_info(struct ds_session *session, void *data);
int ds_ioctl_snapshot_list(struct ds_session *session, void *data);

#endif /* _DOCSTORE_SNAPSHOT_H */

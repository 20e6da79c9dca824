/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One docstore in user space that can be mapped: the engine, laid out as the module
 * does it, behind the library's ds_sys_*() functions. What the library reads without
 * asking is what module/core wrote, in a process that sanitizers look at.
 *
 * Whatever does not lead to that is as simple as can be: there is one store, whose
 * name is not looked at, one owner at a time, and grace periods take no time. So nothing
 * but the era keeps memory from being used again, as for readers in other processes.
 */
#ifndef DOCSTORE_ENGINE_H
#define DOCSTORE_ENGINE_H

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include <linux/docstore.h>
#include <linux/docstore_monitor.h>

#include "../core/pins.h"
#include "../core/test.h"

#define ENGINE_PARTITIONS	8

/**
 * struct engine - the store
 * @lock: who is in the kernel
 * @head: the first page of the mapping; NULL if there is no store
 * @partitions: how many there are
 * @s: the partitions, with their surroundings
 * @partition: the same, for @past
 * @past: the pins
 * @coordinator: what batches that span partitions have done
 */
struct engine {
	pthread_mutex_t lock;
	struct docstore_map_store *head;
	u32 partitions;
	struct store *s[ENGINE_PARTITIONS];
	struct ds_partition *partition[ENGINE_PARTITIONS];
	struct ds_past past;
	struct docstore_coordinator coordinator;
};

extern struct engine engine;

struct engine_snapshot;

/**
 * struct engine_fd - what is behind a descriptor
 * @open: it is one of ours
 * @rights: enum docstore_open_flags
 * @snapshot: the snapshot, or NULL
 */
struct engine_fd {
	bool open;
	u32 rights;
	struct engine_snapshot *snapshot;
};

static inline void *engine_pointer(u64 p)
{
	return (void *)(uintptr_t)p;
}

/* Nanoseconds since 1970, as those take it who look at the store. */
static inline u64 engine_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static inline u32 engine_partition_of(u64 id, u32 len)
{
	return docstore_map_partition_of(docstore_map_hash(store_key, engine_pointer(id), len),
					 engine.partitions);
}

/* A document as a descriptor sees it, or NULL; for a snapshot that was not revoked. */
const struct docstore_version *engine_read(const struct engine_fd *fd, u64 id, u32 len);

struct engine_fd *engine_fd_new(int *number);

/* engine_write.c */
int engine_submit(struct docstore_submit *arg);

/* engine_snapshot.c; all but the last one in the kernel. */
int engine_snapshot(struct docstore_snapshot *arg);
int engine_snapshot_info(struct engine_snapshot *snapshot, struct docstore_snapshot_info *info);
int engine_snapshot_list(struct docstore_snapshot_list *arg);
u64 engine_snapshot_seq(const struct engine_snapshot *snapshot, u32 partition);
bool engine_snapshot_revoked(const struct engine_snapshot *snapshot);
void *engine_snapshot_page(struct engine_snapshot *snapshot);
void engine_snapshot_close(struct engine_snapshot *snapshot);
bool engine_snapshot_unmap(void *base);

#endif /* DOCSTORE_ENGINE_H */

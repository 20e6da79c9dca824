// SPDX-License-Identifier: GPL-2.0
/*
 * The engine as a kernel: snapshots, which are pins with a page to be mapped.
 *
 * A snapshot is revoked by a thread that looks for leases that are over; and it stays
 * pinned for as long as its descriptor is open or its page is mapped.
 */
#include <time.h>
#include <unistd.h>

#include "engine.h"

#define MAX_SNAPSHOTS	64

struct engine_snapshot {
	struct docstore_map_snapshot *page;
	struct docstore_snapshot_info info;
	struct ds_pin *pin;	/* NULL if it was released */
	u64 taken;
	bool open;
	u32 mapped;
};

static struct engine_snapshot *snapshots[MAX_SNAPSHOTS];	/* the oldest first */
static u32 nsnapshots;
static u64 last_id;

static u64 monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* As the owners do it when they have nothing else to do. */
static void look_through(void)
{
	u32 n;

	for (n = 0; n < engine.partitions; n++)
		store_quiesce(engine.s[n]);
	pins_sweep(&engine.past);
}

static void release(struct engine_snapshot *snapshot)
{
	if (!snapshot->pin)
		return;
	WRITE_ONCE(snapshot->page->state, DOCSTORE_SNAPSHOT_REVOKED);
	/* Before anything is written over what it has held; readers have a fence. */
	smp_wmb();
	ds_past_release(&engine.past, snapshot->pin);
	snapshot->pin = NULL;
	look_through();
}

static void *revoke_thread(void *arg)
{
	u32 i;

	for (;;) {
		usleep(5000);
		pthread_mutex_lock(&engine.lock);
		for (i = 0; i < nsnapshots; i++)
			if (snapshots[i]->info.lease_ms && monotonic() - snapshots[i]->taken >=
			    snapshots[i]->info.lease_ms * 1000000ULL)
				release(snapshots[i]);
		pthread_mutex_unlock(&engine.lock);
	}
	return arg;
}

int engine_snapshot(struct docstore_snapshot *arg)
{
	struct engine_snapshot *snapshot;
	struct engine_fd *fd;
	static bool revoking;
	pthread_t thread;
	int number;
	u32 i;

	if (arg->size != sizeof(*arg) || arg->flags || arg->__reserved)
		return -EINVAL;
	if (nsnapshots == MAX_SNAPSHOTS)
		return -ENOSPC;
	fd = engine_fd_new(&number);
	if (!fd)
		return -EMFILE;
	if (arg->lease_ms && !revoking) {
		revoking = true;
		CHECK(!pthread_create(&thread, NULL, revoke_thread, NULL));
		pthread_detach(thread);
	}
	snapshot = calloc(1, sizeof(*snapshot));
	CHECK(snapshot);
	snapshot->page = aligned_alloc(DS_PAGE_SIZE, DS_PAGE_SIZE);
	CHECK(snapshot->page);
	memset(snapshot->page, 0, DS_PAGE_SIZE);
	snapshot->pin = pin_take(&engine.past);
	snapshot->taken = monotonic();
	snapshot->open = true;
	snapshot->info.size = sizeof(snapshot->info);
	snapshot->info.id = ++last_id;
	snapshot->info.created = time(NULL) * 1000000000ULL;
	snapshot->info.lease_ms = arg->lease_ms;
	snapshot->info.uid = getuid();
	memcpy(snapshot->page->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE);
	snapshot->page->layout = DOCSTORE_MAP_LAYOUT;
	snapshot->page->partitions = engine.partitions;
	snapshot->page->incarnation = engine.head->incarnation;
	snapshot->page->id = snapshot->info.id;
	for (i = 0; i < engine.partitions; i++)
		snapshot->page->seq[i] = snapshot->pin->list[i].seq;
	snapshots[nsnapshots++] = snapshot;
	fd->rights = DOCSTORE_OPEN_READ;
	fd->snapshot = snapshot;
	arg->id = snapshot->info.id;
	return number;
}

u64 engine_snapshot_seq(const struct engine_snapshot *snapshot, u32 partition)
{
	return snapshot->page->seq[partition];
}

bool engine_snapshot_revoked(const struct engine_snapshot *snapshot)
{
	return !snapshot->pin;
}

int engine_snapshot_info(struct engine_snapshot *snapshot, struct docstore_snapshot_info *info)
{
	u32 i;

	*info = snapshot->info;
	info->age = monotonic() - snapshot->taken;
	info->state = snapshot->page->state;
	for (i = 0; snapshot->pin && i < engine.partitions; i++) {
		info->bytes += snapshot->pin->list[i].bytes;
		info->versions += snapshot->pin->list[i].count;
	}
	return 0;
}

int engine_snapshot_list(struct docstore_snapshot_list *arg)
{
	struct docstore_snapshot_info *infos = engine_pointer(arg->snapshots);
	u32 room = arg->count, i;

	arg->count = 0;
	for (i = 0; i < nsnapshots; i++) {
		if (snapshots[i]->info.id <= arg->cursor)
			continue;
		if (arg->count == room)
			return 0;
		engine_snapshot_info(snapshots[i], &infos[arg->count++]);
		arg->cursor = snapshots[i]->info.id;
	}
	arg->cursor = 0;
	return 0;
}

static void put(struct engine_snapshot *snapshot)
{
	u32 i;

	if (snapshot->open || snapshot->mapped)
		return;
	release(snapshot);
	for (i = 0; snapshots[i] != snapshot; i++)
		;
	memmove(&snapshots[i], &snapshots[i + 1], (--nsnapshots - i) * sizeof(snapshots[0]));
	free(snapshot->page);
	free(snapshot);
}

void engine_snapshot_close(struct engine_snapshot *snapshot)
{
	snapshot->open = false;
	put(snapshot);
}

void *engine_snapshot_page(struct engine_snapshot *snapshot)
{
	snapshot->mapped++;
	return snapshot->page;
}

bool engine_snapshot_unmap(void *base)
{
	u32 i;

	for (i = 0; i < nsnapshots; i++) {
		if (snapshots[i]->page != base)
			continue;
		snapshots[i]->mapped--;
		put(snapshots[i]);
		return true;
	}
	return false;
}

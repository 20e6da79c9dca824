// SPDX-License-Identifier: GPL-2.0
/*
 * The docstore in user space: snapshots, and batches that span partitions.
 *
 * A snapshot is a copy of its store. Its descriptor is a file with all of that in it, so
 * that it can be inherited by a process that has a docstore of its own.
 */
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"

#define MAX_SNAPSHOTS	64
#define MAX_QUEUED	64
#define MAGIC		"a docstore snapshot"

struct fake_snapshot {
	char magic[sizeof(MAGIC)];
	struct docstore_snapshot_info info;
	uint64_t taken;		/* by the clock that nobody sets */
	uint64_t incarnation;
	struct fake_store then;
};

static struct fake_snapshot *snapshots[MAX_SNAPSHOTS];	/* the oldest first */
static uint32_t nsnapshots;
static uint64_t last_id;

static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The store as it is now, if it is still there; else as it was. */
static struct fake_store *store_now(struct fake_snapshot *snapshot)
{
	struct fake_store *store = fake_find_store(snapshot->then.info.name);

	return store && store->info.incarnation == snapshot->incarnation ? store : &snapshot->then;
}

struct fake_store *fake_store_of(const struct fake_fd *fd)
{
	return fd->snapshot ? store_now(fd->snapshot) : fd->store;
}

bool fake_snapshot_revoked(const struct fake_snapshot *snapshot)
{
	return snapshot->info.lease_ms &&
	       monotonic() - snapshot->taken >= snapshot->info.lease_ms * 1000000ULL;
}

static int write_out(struct fake_snapshot *snapshot)
{
	int fd = memfd_create("snapshot", MFD_CLOEXEC), copy = fd < 0 ? fd : dup(fd);
	FILE *f = copy < 0 ? NULL : fdopen(copy, "w");

	if (!f)
		abort();
	fwrite(snapshot, sizeof(*snapshot), 1, f);
	fake_transfer(f, true, &snapshot->then);
	if (fclose(f))
		abort();
	return fake_fd_new(fd);
}

static void copy_store(struct fake_store *to, const struct fake_store *from)
{
	uint32_t i;

	*to = *from;
	to->log = NULL;
	to->names = fake_grow(NULL, from->nnames, sizeof(*to->names));
	if (from->nnames)
		memcpy(to->names, from->names, from->nnames * sizeof(*to->names));
	to->docs = fake_grow(NULL, from->ndocs, sizeof(*to->docs));
	for (i = 0; i < from->ndocs; i++)
		fake_copy_doc(&to->docs[i], &from->docs[i]);
}

int fake_snapshot(struct fake_fd *fd, struct docstore_snapshot *arg)
{
	struct fake_snapshot *snapshot;
	int n;

	if (arg->size != sizeof(*arg) || arg->flags || arg->__reserved)
		return -EINVAL;
	if (!(fd->flags & DOCSTORE_OPEN_READ))
		return -EBADF;
	if (nsnapshots == MAX_SNAPSHOTS)
		return -ENOSPC;
	snapshot = fake_grow(NULL, 1, sizeof(*snapshot));
	memset(snapshot, 0, sizeof(*snapshot));
	strcpy(snapshot->magic, MAGIC);
	snapshot->info.size = sizeof(snapshot->info);
	snapshot->info.created = fake_clock();
	snapshot->info.lease_ms = arg->lease_ms;
	snapshot->info.uid = getuid();
	snapshot->incarnation = fd->store->info.incarnation;
	snapshot->taken = monotonic();
	snapshot->info.id = last_id + 1;
	copy_store(&snapshot->then, fd->store);
	n = write_out(snapshot);
	if (n < 0) {
		fake_free_store(&snapshot->then);
		free(snapshot);
		return n;
	}
	arg->id = ++last_id;
	snapshots[nsnapshots++] = snapshot;
	fd = fake_fd(n);
	fd->flags = DOCSTORE_OPEN_READ;
	fd->store = &snapshot->then;
	fd->snapshot = snapshot;
	return n;
}

void fake_snapshot_close(struct fake_snapshot *snapshot)
{
	uint32_t i;

	for (i = 0; i < nsnapshots && snapshots[i] != snapshot; i++)
		;
	if (i < nsnapshots)
		memmove(&snapshots[i], &snapshots[i + 1],
			(--nsnapshots - i) * sizeof(snapshots[0]));
	fake_free_store(&snapshot->then);
	free(snapshot);
}

/* Is a descriptor that we have not made a snapshot of another process? */
bool fake_snapshot_adopt(int n, struct fake_fd *fd)
{
	struct fake_snapshot *snapshot = fake_grow(NULL, 1, sizeof(*snapshot));
	FILE *f;
	int copy;

	if (pread(n, snapshot, sizeof(*snapshot), 0) != sizeof(*snapshot) ||
	    memcmp(snapshot->magic, MAGIC, sizeof(MAGIC))) {
		free(snapshot);
		return false;
	}
	copy = dup(n);
	f = copy < 0 ? NULL : fdopen(copy, "r");
	if (!f || fseek(f, sizeof(*snapshot), SEEK_SET))
		abort();
	fake_transfer(f, false, &snapshot->then);
	fclose(f);
	memset(fd, 0, sizeof(*fd));
	fd->open = true;
	fd->flags = DOCSTORE_OPEN_READ;
	fd->store = &snapshot->then;
	fd->snapshot = snapshot;
	return true;
}

/* The next snapshot of the same store, or the store itself. */
static struct fake_store *next_state(struct fake_snapshot *snapshot)
{
	uint32_t i;

	for (i = 0; i < nsnapshots; i++)
		if (snapshots[i]->incarnation == snapshot->incarnation &&
		    snapshots[i]->info.id > snapshot->info.id)
			return &snapshots[i]->then;
	return store_now(snapshot);
}

/* What would be gone without it: versions that were replaced before the next state. */
static void retained(struct fake_snapshot *snapshot, struct docstore_snapshot_info *info)
{
	struct fake_store *next = next_state(snapshot);
	uint32_t i, size;

	for (i = 0; i < snapshot->then.ndocs; i++) {
		const struct fake_doc *old = &snapshot->then.docs[i];
		const struct fake_doc *doc = fake_find_doc(next, (uintptr_t)old->id, old->id_len);

		if (!old->exists || (doc && doc->version == old->version))
			continue;
		free(fake_encode(old, false, &size));
		info->versions++;
		info->bytes += size;
	}
}

static struct docstore_snapshot_info describe(struct fake_snapshot *snapshot)
{
	struct docstore_snapshot_info info = snapshot->info;

	info.age = monotonic() - snapshot->taken;
	if (fake_snapshot_revoked(snapshot))
		info.state = DOCSTORE_SNAPSHOT_REVOKED;
	else
		retained(snapshot, &info);
	return info;
}

int fake_snapshot_info(struct fake_fd *fd, struct docstore_snapshot_info *info)
{
	if (info->size != sizeof(*info) || info->flags)
		return -EINVAL;
	*info = describe(fd->snapshot);
	return 0;
}

uint32_t fake_snapshots_of(const struct fake_store *store)
{
	uint32_t i, n = 0;

	for (i = 0; i < nsnapshots; i++)
		n += snapshots[i]->incarnation == store->info.incarnation;
	return n;
}

int fake_snapshot_list(struct fake_fd *fd, struct docstore_snapshot_list *arg)
{
	struct docstore_snapshot_info *infos = (void *)(uintptr_t)arg->snapshots;
	uint32_t room = arg->count, i;

	if (arg->size != sizeof(*arg) || arg->flags || arg->snapshot_size != sizeof(*infos))
		return -EINVAL;
	arg->count = 0;
	for (i = 0; i < nsnapshots; i++) {
		struct fake_snapshot *snapshot = snapshots[i];

		if (snapshot->incarnation != fd->store->info.incarnation ||
		    snapshot->info.id <= arg->cursor)
			continue;
		if (arg->count == room)
			return 0;
		infos[arg->count++] = describe(snapshot);
		arg->cursor = snapshot->info.id;
	}
	arg->cursor = 0;
	return 0;
}

/* An atomic batch was carried out: does it span partitions? */
void fake_coordinate(struct fake_store *store, const struct docstore_op *ops, uint32_t count,
		     bool refused)
{
	static const __u64 key[2];
	uint32_t i, first = 0;

	for (i = 0; i < count; i++) {
		uint64_t hash = docstore_map_hash(key, (void *)(uintptr_t)ops[i].id, ops[i].id_len);
		uint32_t partition = docstore_map_partition_of(hash, store->info.partitions);

		if (!i)
			first = partition;
		if (partition != first)
			break;
	}
	if (i == count)
		return;
	/* There is one thread, which finds all partitions idle. */
	store->coordinator.commits += !refused;
	store->coordinator.lent += !refused;
	store->coordinator.refused += refused;
	fake_dirty = true;
}

int fake_coordinator(struct fake_fd *fd, struct docstore_coordinator *arg)
{
	if (arg->size != sizeof(*arg) || arg->flags ||
	    arg->waiting_size != sizeof(struct docstore_waiting))
		return -EINVAL;
	*arg = fd->store->coordinator;
	arg->size = sizeof(*arg);
	arg->waiting_size = sizeof(struct docstore_waiting);
	arg->max_queued = MAX_QUEUED;
	return 0;
}

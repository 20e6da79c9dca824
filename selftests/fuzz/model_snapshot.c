// SPDX-License-Identifier: GPL-2.0
/*
 * What DOCSTORE_SNAPSHOT, SNAPSHOT_INFO and SNAPSHOT_LIST must do, and what becomes
 * of snapshots: whatever happens to a store, they stay as they were taken, until
 * their lease is over.
 */
#include <poll.h>

#include <linux/docstore_map.h>

#include "model.h"

#define FZ_MS		1000000ULL
#define FZ_SLACK	(50 * FZ_MS)	/* between one clock and another */
#define FZ_LONG		100000		/* no program takes so many ms */
#define FZ_SHORT	100		/* that many can be waited for */

void fz_snapshot_put(struct fz_snapshot *snapshot)
{
	if (--snapshot->users)
		return;
	fz_store_free(snapshot->frozen);
	free(snapshot);
}

/* Leases ------------------------------------------------------------------------ */

static bool fz_revoked(const struct fz_snapshot *snapshot)
{
	return __atomic_load_n(&snapshot->revoked, __ATOMIC_RELAXED);
}

/* It can't be over while a program runs. */
static bool fz_lasts(const struct fz_snapshot *snapshot)
{
	return !snapshot->lease_ms || snapshot->lease_ms >= FZ_LONG;
}

/* The kernel says that a lease is over. */
static void fz_lease_over(struct fz_run *run, struct fz_snapshot *snapshot)
{
	if (!snapshot->lease_ms ||
	    ds_now() + FZ_SLACK < snapshot->begin + snapshot->lease_ms * FZ_MS)
		fz_find(run, "%s: a snapshot was revoked before its lease of %u ms was over",
			run->op->name, snapshot->lease_ms);
	__atomic_store_n(&snapshot->revoked, true, __ATOMIC_RELAXED);
}

/* Before a read. Return: true if it is known that the lease is over. */
bool fz_lease_before(struct fz_run *run)
{
	const struct fz_snapshot *snapshot = run->fd->snapshot;

	if (!snapshot)
		return false;
	if (fz_revoked(snapshot)) {
		fz_error_add(&run->must, ESTALE);
		return true;
	}
	if (!fz_lasts(snapshot))
		fz_error_add(&run->may, ESTALE);
	return false;
}

void fz_lease_after(struct fz_run *run, int ret)
{
	if (ret == -ESTALE && run->fd->snapshot)
		fz_lease_over(run, run->fd->snapshot);
}

/* Whom poll() tells that a lease is over, if that is soon, we wait for. */
void fz_snapshot_poll(struct fz_run *run)
{
	struct fz_snapshot *snapshot = run->fd->snapshot;
	struct pollfd poll_fd = { .fd = run->fd->fd, .events = POLLIN | POLLOUT };
	bool wait = snapshot->lease_ms && snapshot->lease_ms <= FZ_SHORT;
	bool over = fz_revoked(snapshot);
	int n;

	if (wait)
		poll_fd.events = 0;
	n = poll(&poll_fd, 1, wait ? 10000 : 0);
	if (n < 0)
		return;
	if (poll_fd.revents & POLLHUP)
		fz_lease_over(run, snapshot);
	else if (wait || over)
		fz_find(run, "poll does not tell that a snapshot was revoked");
}

/* Taking them ------------------------------------------------------------------- */

/* There may be snapshots that we know nothing of. */
void fz_stores_pinned(struct fz_run *run)
{
	unsigned int i;

	for (i = 0; i < run->nstores; i++)
		run->stores[i]->pinned = true;
}

void fz_before_snapshot(struct fz_run *run)
{
	(void)run;
}

static struct fz_snapshot *fz_snapshot_new(struct fz_run *run)
{
	const struct docstore_snapshot *arg = ARG(docstore_snapshot);
	const struct fz_store *s = run->fd->store;
	struct fz_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	const __u8 nobody[DOCSTORE_STORE_NAME_SIZE] = { 0 };

	if (!snapshot)
		abort();
	snapshot->users = 1;
	snapshot->lease_ms = arg->lease_ms;
	snapshot->begin = run->began;
	snapshot->end = ds_now();
	snapshot->end_real = ds_clock(CLOCK_REALTIME);
	snapshot->begin_real = snapshot->end_real - (snapshot->end - snapshot->begin);
	snapshot->frozen = s ? fz_store_clone(s) : fz_store_new(nobody, 0, 0);
	if (!s || run->wild)
		snapshot->frozen->sure = false;
	return snapshot;
}

static void fz_check_id(struct fz_run *run, __u64 id)
{
	struct fz_store *s = run->fd->store;

	if (!id)
		fz_find(run, "snapshot: it has no number");
	if (!s || run->shared)
		return;
	if (id <= s->last_snapshot)
		fz_find(run, "snapshot: number %llu comes after %llu", (unsigned long long)id,
			(unsigned long long)s->last_snapshot);
	s->last_snapshot = id;
}

void fz_after_snapshot(struct fz_run *run, int ret)
{
	struct docstore_snapshot out;
	struct fz_store *s = run->fd->store;
	bool back = fz_came_back(run, ret < 0 ? ret : 0, &out);
	unsigned int i;

	if (ret < 0)
		return;
	if (!(fcntl(ret, F_GETFD) & FD_CLOEXEC))
		fz_find(run, "snapshot: the descriptor is not closed on exec");
	if (back)
		fz_check_id(run, out.id);
	if (s && !run->shared) {
		s->pinned = true;
		s->used = true;
	}
	for (i = 5; i < 10 && run->slots[i].fd >= 0; i++)
		;
	if (i == 10 || run->shared || run->torn) {
		close(ret);
		return;
	}
	run->slots[i] = (struct fz_fd){
		.fd = ret, .kind = FZ_FD_SNAPSHOT, .rights = DS_READ, .store = s,
		.snapshot = fz_snapshot_new(run),
	};
	run->slots[i].snapshot->id = back ? out.id : 0;
}

/* What is told about them --------------------------------------------------------- */

static void fz_check_info(struct fz_run *run, const struct docstore_snapshot_info *info,
			  struct fz_snapshot *snapshot)
{
	__u64 now = ds_now();

	if (info->size != sizeof(*info) || info->flags || info->__reserved || !info->id ||
	    !info->created || (info->state & ~DOCSTORE_SNAPSHOT_REVOKED) ||
	    !info->bytes != !info->versions)
		fz_find(run, "%s: snapshot %llu is wrong", run->op->name,
			(unsigned long long)info->id);
	if (!snapshot)
		return;
	if (info->lease_ms != snapshot->lease_ms)
		fz_find(run, "%s: a lease of %u ms instead of %u", run->op->name, info->lease_ms,
			snapshot->lease_ms);
	if (info->created + FZ_SLACK < snapshot->begin_real ||
	    info->created > snapshot->end_real + FZ_SLACK)
		fz_find(run, "%s: a snapshot was taken at another time", run->op->name);
	if (info->age + FZ_SLACK < run->began - snapshot->end ||
	    info->age > now - snapshot->begin + FZ_SLACK)
		fz_find(run, "%s: a snapshot is %llu ns old", run->op->name,
			(unsigned long long)info->age);
	if (info->state & DOCSTORE_SNAPSHOT_REVOKED)
		fz_lease_over(run, snapshot);
	else if (fz_revoked(snapshot))
		fz_find(run, "%s: a snapshot is not revoked any more", run->op->name);
}

/* No other one was taken after it, and no other one is there. */
static bool fz_snapshot_alone(const struct fz_run *run, const struct fz_snapshot *snapshot)
{
	unsigned int i;

	if (run->fd->store->streamed)
		return false;
	for (i = 0; i < FZ_SLOTS; i++)
		if (run->slots[i].snapshot && run->slots[i].snapshot != snapshot)
			return false;
	return !run->kept && run->fd->store->last_snapshot == snapshot->id;
}

/* It retains at least what it sees and is no longer so. */
static void fz_check_retained(struct fz_run *run, const struct docstore_snapshot_info *info,
			      const struct fz_snapshot *snapshot)
{
	struct fz_store *live = run->fd->store, *s = snapshot->frozen;
	__u64 versions = 0, bytes = 0;
	__u32 i;

	if (run->wild || !live || !live->sure || !s->sure || info->state ||
	    !fz_snapshot_alone(run, snapshot))
		return;
	for (i = 0; i < s->ndocs; i++) {
		const struct fz_doc *d = &s->docs[i];
		const struct fz_doc *now = fz_doc_find(live, d->id, d->id_len);

		if (!d->exists || (now && now->exists && now->version == d->version))
			continue;
		versions++;
		bytes += fz_doc_size(d);
	}
	if (info->versions < versions || info->bytes < bytes)
		fz_find(run, "%s: %llu versions of %llu bytes are kept, and %llu of %llu needed",
			run->op->name, (unsigned long long)info->versions,
			(unsigned long long)info->bytes, (unsigned long long)versions,
			(unsigned long long)bytes);
}

void fz_before_snapshot_info(struct fz_run *run)
{
	(void)run;
}

void fz_after_snapshot_info(struct fz_run *run, int ret)
{
	struct fz_snapshot *snapshot = run->fd->snapshot;
	struct docstore_snapshot_info out;

	if (!fz_came_back(run, ret, &out))
		return;
	/* It is as long as the caller has said. */
	out.size = sizeof(out);
	fz_check_info(run, &out, snapshot);
	if (!run->shared && !snapshot->id)
		snapshot->id = out.id;
	if (snapshot->id && out.id != snapshot->id)
		fz_find(run, "snapshot-info: number %llu instead of %llu",
			(unsigned long long)out.id, (unsigned long long)snapshot->id);
	fz_check_retained(run, &out, snapshot);
}

void fz_before_snapshot_list(struct fz_run *run)
{
	const struct docstore_snapshot_list *arg = ARG(docstore_snapshot_list);
	__u64 count = arg->count < 4096 ? arg->count : 4096;

	if (arg->snapshot_size > FZ_MAX_ELEMENT)
		fz_error_add(&run->must, E2BIG);
	if (!fz_memory_writable(run->memory, arg->snapshots, count * arg->snapshot_size))
		fz_error_add(&run->may, EFAULT);
}

/* One of a list, whose number is @id if we have it open. */
static struct fz_snapshot *fz_snapshot_open(const struct fz_run *run, __u64 id)
{
	unsigned int i;

	for (i = 0; i < FZ_SLOTS; i++)
		if (run->slots[i].snapshot && run->slots[i].store == run->fd->store &&
		    run->slots[i].snapshot->id == id)
			return run->slots[i].snapshot;
	return NULL;
}

/* All of the store's that we have open are in a list from @from to the end. */
static void fz_check_listed(struct fz_run *run, const struct docstore_snapshot_list *arg, __u32 n)
{
	unsigned int i;
	__u32 j;

	for (i = 0; i < FZ_SLOTS; i++) {
		const struct fz_snapshot *snapshot = run->slots[i].snapshot;
		__u64 id = 0;

		if (!snapshot || run->slots[i].store != run->fd->store || !snapshot->id ||
		    snapshot->id <= arg->cursor || !fz_lasts(snapshot))
			continue;
		for (j = 0; j < n && id != snapshot->id; j++)
			memcpy(&id, (void *)(uintptr_t)(arg->snapshots +
			       (__u64)j * arg->snapshot_size +
			       offsetof(struct docstore_snapshot_info, id)), sizeof(id));
		if (id != snapshot->id)
			fz_find(run, "snapshot-list: number %llu is open, and not listed",
				(unsigned long long)snapshot->id);
	}
}

void fz_after_snapshot_list(struct fz_run *run, int ret)
{
	const struct docstore_snapshot_list *arg = ARG(docstore_snapshot_list);
	struct docstore_snapshot_list out;
	struct docstore_snapshot_info info;
	__u64 last = arg->cursor;
	__u32 i;

	if (!fz_came_back(run, ret, &out))
		return;
	run->last[0] = out.cursor;
	if (out.count > arg->count) {
		fz_find(run, "snapshot-list: %u snapshots in room for %u", out.count, arg->count);
		return;
	}
	for (i = 0; i < out.count && !run->finding[0]; i++) {
		memcpy(&info, (void *)(uintptr_t)(arg->snapshots + (__u64)i * arg->snapshot_size),
		       sizeof(info));
		fz_check_info(run, &info, run->fd->store ? fz_snapshot_open(run, info.id) : NULL);
		if (info.id <= last)
			fz_find(run, "snapshot-list: %llu comes after %llu",
				(unsigned long long)info.id, (unsigned long long)last);
		last = info.id;
	}
	fz_check_rest(run, arg->snapshots, (__u64)out.count * arg->snapshot_size);
	if (out.cursor && out.cursor != last)
		fz_find(run, "snapshot-list: the cursor is no snapshot's number");
	if (!out.cursor && arg->count && run->fd->store)
		fz_check_listed(run, arg, out.count);
}

/* The page that can be mapped --------------------------------------------------------- */

static void fz_check_page(struct fz_run *run, const struct docstore_map_snapshot *page)
{
	struct fz_snapshot *snapshot = run->fd->snapshot;
	const struct fz_store *s = run->fd->store;
	static const __u64 nothing[DOCSTORE_MAX_PARTITIONS];
	static const __u32 reserved[ARRAY_SIZE(page->__reserved)];
	__u32 state = __atomic_load_n(&page->state, __ATOMIC_ACQUIRE);

	if (memcmp(page->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE) ||
	    page->layout != DOCSTORE_MAP_LAYOUT || !page->partitions ||
	    page->partitions > DOCSTORE_MAX_PARTITIONS ||
	    (s && page->partitions != s->partitions) || !page->incarnation ||
	    memcmp(page->__reserved, reserved, sizeof(reserved)) ||
	    (state & ~DOCSTORE_SNAPSHOT_REVOKED) ||
	    (snapshot->id && page->id != snapshot->id) ||
	    memcmp(page->seq + page->partitions, nothing,
		   (DOCSTORE_MAX_PARTITIONS - page->partitions) * sizeof(page->seq[0])))
		fz_find(run, "a snapshot's page is wrong");
	if (state & DOCSTORE_SNAPSHOT_REVOKED)
		fz_lease_over(run, snapshot);
	else if (fz_revoked(snapshot))
		fz_find(run, "a snapshot's page does not tell that it was revoked");
}

/* It could be mapped, or not, at @page. */
void fz_snapshot_mapped(struct fz_run *run, void *page, size_t size, bool legal)
{
	legal &= size == 4096;
	if (page != MAP_FAILED && !legal)
		fz_find(run, "%zu bytes of a snapshot could be mapped, and must not", size);
	/* A child may have no room for more. */
	if (page == MAP_FAILED && legal && !run->wild)
		fz_find(run, "a snapshot could not be mapped: %s", strerror(errno));
	if (page == MAP_FAILED)
		return;
	if (legal)
		fz_check_page(run, page);
	munmap(page, size);
}

/* Map it until the program ends, also if the descriptor is closed before. */
void fz_snapshot_keep(struct fz_run *run)
{
	struct docstore_map_snapshot *page;

	if (run->wild || run->kept)
		return;
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, run->fd->fd, 0);
	if (page == MAP_FAILED) {
		fz_find(run, "a snapshot could not be mapped: %s", strerror(errno));
		return;
	}
	fz_check_page(run, page);
	run->kept = page;
	run->kept_was = malloc(sizeof(*page));
	if (!run->kept_was)
		abort();
	memcpy(run->kept_was, page, sizeof(*page));
	/* That one need not last. */
	if (!fz_lasts(run->fd->snapshot))
		run->kept_was->state = DOCSTORE_SNAPSHOT_REVOKED;
}

void fz_snapshot_unmap(struct fz_run *run)
{
	if (!run->kept)
		return;
	if (run->kept_was->state)
		run->kept_was->state = run->kept->state;
	if (memcmp(run->kept_was, run->kept, sizeof(*run->kept)))
		fz_find(run, "a snapshot's page has changed");
	munmap(run->kept, 4096);
	free(run->kept_was);
	run->kept = NULL;
	run->kept_was = NULL;
}

/* All of them ----------------------------------------------------------------------- */

/* What is in those that were taken while others changed the store. */
void fz_snapshots_learn(struct fz_run *run)
{
	unsigned int i;

	for (i = 0; i < FZ_SLOTS && !run->finding[0]; i++) {
		struct fz_snapshot *snapshot = run->slots[i].snapshot;

		if (snapshot && !snapshot->frozen->sure && fz_lasts(snapshot))
			fz_store_resync(run, run->slots[i].fd, snapshot->frozen);
	}
}

void fz_snapshots_verify(struct fz_run *run)
{
	unsigned int i;

	for (i = 0; i < FZ_SLOTS && !run->finding[0]; i++) {
		struct fz_snapshot *snapshot = run->slots[i].snapshot;

		if (snapshot && fz_lasts(snapshot))
			fz_store_verify(run, run->slots[i].fd, snapshot->frozen);
	}
}

/*
 * When all descriptors and mappings are gone, no snapshot is left: a call that has
 * failed has made none. What they have retained is looked through soon, by others.
 */
void fz_snapshots_gone(struct fz_run *run, int fd)
{
	__u64 end = ds_now() + 10 * DS_SECOND;
	struct docstore_snapshot_info infos[8];

	for (;;) {
		struct docstore_snapshot_list arg = {
			.size = sizeof(arg),
			.snapshots = ds_ptr(infos),
			.snapshot_size = sizeof(infos[0]),
			.count = ARRAY_SIZE(infos),
		};
		int ret = ds_ioctl(fd, DOCSTORE_SNAPSHOT_LIST, &arg);

		if (!ret && !arg.count)
			return;
		if (ret || ds_now() > end) {
			fz_find(run, "in the end the list of snapshots returns %d, and has %u", ret,
				arg.count);
			return;
		}
		usleep(1000);
	}
}

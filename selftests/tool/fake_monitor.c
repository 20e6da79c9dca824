// SPDX-License-Identifier: GPL-2.0
/* The docstore in user space: statistics, settings, sessions. See fake.h. */
#include <time.h>
#include <unistd.h>

#include "fake.h"

#define WORKERS		2
#define SECOND		1000000000ULL

struct docstore_config fake_settings;
static struct docstore_module_counters module;
static uint64_t last_session, seconds;

static const struct {
	uint64_t least, usual, most;
} range[DOCSTORE_SETTINGS] = {
	[DOCSTORE_SETTING_LEND_DOCUMENTS] = { 0, 128, UINT32_MAX },
	[DOCSTORE_SETTING_SUBMIT_POLL_US] = { 0, 10, 1000000 },
	[DOCSTORE_SETTING_SPAN_QUEUE] = { 0, 1024, UINT32_MAX },
	[DOCSTORE_SETTING_MAX_SNAPSHOTS] = { 0, 64, UINT32_MAX },
	[DOCSTORE_SETTING_SESSION_REQUESTS] = { 1, 65536, UINT32_MAX },
	[DOCSTORE_SETTING_SESSION_BYTES] = { 4096, 256 << 20, INT64_MAX },
	[DOCSTORE_SETTING_SESSION_SNAPSHOTS] = { 0, 64, UINT32_MAX },
	[DOCSTORE_SETTING_LATENCY_SAMPLE] = { 0, 16, UINT16_MAX },
	[DOCSTORE_SETTING_WATCHDOG_MS] = { 0, 10000, UINT32_MAX },
	[DOCSTORE_SETTING_CHECK_SECONDS] = { 0, 60, UINT32_MAX },
	[DOCSTORE_SETTING_HOT_CHANGES] = { 0, 1024, UINT32_MAX },
	[DOCSTORE_SETTING_BACKLOG_BYTES] = { 65536, 4 << 20, 1 << 30 },
	[DOCSTORE_SETTING_SESSION_STREAMS] = { 0, 65536, UINT32_MAX },
	[DOCSTORE_SETTING_MAX_STORES] = { 0, FAKE_STORES, UINT32_MAX },
	[DOCSTORE_SETTING_MAX_SESSIONS] = { 1, 65536, INT32_MAX },
	[DOCSTORE_SETTING_MEMORY_PERCENT] = { 1, 25, 100 },
	[DOCSTORE_SETTING_WORKER_POLL_US] = { 0, 0, 1000000 },
};

static bool busy(void)
{
	return getenv("DOCSTORE_FAKE_BUSY") != NULL;
}

static uint64_t since_boot(void)
{
	struct timespec ts;

	if (busy())
		return seconds * SECOND;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

/* --- counting -------------------------------------------------------------------- */

static void measure(struct docstore_latency *latency, uint64_t ns)
{
	latency->count++;
	latency->sum_ns += ns;
	latency->bucket[docstore_latency_bucket(ns)]++;
	if (ns > latency->max_ns)
		latency->max_ns = ns;
}

/* A batch that took its time: so much for each stage, and the sum of all. */
static void measure_batch(struct fake_store *store, uint64_t ns)
{
	uint32_t stage;

	for (stage = 0; stage < DOCSTORE_STAGE_TOTAL; stage++)
		measure(&store->latency[stage], ns * (stage + 1));
	measure(&store->latency[DOCSTORE_STAGE_TOTAL], ns * 10);
}

static void count_submit(struct fake_fd *fd, const struct docstore_submit *arg)
{
	struct docstore_counters *counters = &fd->store->counters;
	bool nothing = arg->failed == arg->count;

	counters->operations += arg->count;
	counters->batches += !nothing;
	counters->batches_failed += nothing;
	counters->lent += !nothing;
	counters->commits += !nothing;
	counters->changes += arg->count - arg->failed;
	fd->session.operations += arg->count;
	measure_batch(fd->store, 500 + 100 * arg->count);
}

void fake_count(struct fake_fd *fd, unsigned long request, const void *arg, int ret)
{
	struct docstore_counters *counters = fd->store ? &fd->store->counters : NULL;

	if (ret == -ENOTTY)
		return;
	fd->session.calls++;
	fd->session.errors += ret < 0;
	if (!counters)
		return;
	if (request == DOCSTORE_SUBMIT && ret < 0)
		counters->errors++;
	else if (request == DOCSTORE_SUBMIT)
		count_submit(fd, arg);
	else if (request == DOCSTORE_READ)
		counters->reads++;
	else if (request == DOCSTORE_READ_MANY && ret >= 0)
		counters->reads += ((const struct docstore_read_many *)arg)->done;
	else if (request == DOCSTORE_SCAN && ret >= 0)
		counters->scanned += ((const struct docstore_scan *)arg)->count;
	else
		return;
	fake_dirty = true;
}

/* A second of a store in use. */
static void pass_second(struct fake_store *store)
{
	struct docstore_counters *counters = &store->counters;
	int i;

	counters->operations += 1000;
	counters->batches += 100;
	counters->lent += 60;
	counters->polled += 30;
	counters->slept += 10;
	counters->commits += 90;
	counters->changes += 900;
	counters->reads += 5000;
	for (i = 0; i < 100; i++)
		measure_batch(store, i == 99 ? 500000 : 1000);
}

/* --- statistics ------------------------------------------------------------------- */

/* As much of it as the caller knows. */
static void give(uint64_t to, uint32_t room, const void *from, size_t len)
{
	memset((void *)(uintptr_t)to, 0, room);
	memcpy((void *)(uintptr_t)to, from, room < len ? room : len);
}

static uint64_t sessions_of(const struct fake_store *store)
{
	uint64_t n = 0;
	int i;

	for (i = 0; i < FAKE_FDS; i++)
		n += fake_fd_made(i) && (!store || fake_fd_made(i)->store == store);
	return n;
}

int fake_stats(struct fake_fd *fd, struct docstore_stats *arg)
{
	struct docstore_counters counters;
	uint32_t i, stages = arg->latency_count;

	if (arg->size != sizeof(*arg) || arg->flags || arg->__reserved ||
	    arg->counters_size < sizeof(counters) ||
	    arg->latency_size < sizeof(struct docstore_latency))
		return -EINVAL;
	if (!arg->counters || (stages && !arg->latency))
		return -EFAULT;
	if (busy()) {
		pass_second(fd->store);
		seconds++;
	}
	counters = fd->store->counters;
	counters.documents = fd->store->info.documents;
	counters.bytes = fd->store->info.bytes;
	counters.bytes_used = fd->store->info.bytes_used;
	counters.sessions = sessions_of(fd->store);
	counters.snapshots = fake_snapshots_of(fd->store);
	counters.requests = busy() ? 7 : 0;
	counters.queued = busy() ? 3 : 0;
	give(arg->counters, arg->counters_size, &counters, sizeof(counters));
	if (stages > DOCSTORE_STAGES)
		stages = DOCSTORE_STAGES;
	for (i = 0; i < stages; i++)
		give(arg->latency + (uint64_t)i * arg->latency_size, arg->latency_size,
		     &fd->store->latency[i], sizeof(fd->store->latency[i]));
	arg->latency_count = stages;
	arg->time = since_boot();
	return 0;
}

static uint64_t stores(void)
{
	uint64_t n = 0;
	uint32_t s;

	for (s = 0; s < FAKE_STORES; s++)
		n += fake_stores[s].info.name[0] != 0;
	return n;
}

int fake_module_stats(struct docstore_module_stats *arg)
{
	static const struct docstore_contention places[] = {
		{ "store_lock", 1000, 10, 5000, 900 },
		{ "mailbox", 200000, 4000, 0, 0 },
		{ "session_turn", 12, 3, 45000000, 30000000 },
	};
	struct docstore_module_counters counters = module;
	uint32_t i;

	if (arg->size != sizeof(*arg) || arg->flags || arg->__reserved ||
	    arg->counters_size < sizeof(counters) ||
	    arg->worker_size < sizeof(struct docstore_worker_stats) ||
	    arg->contention_size < sizeof(struct docstore_contention))
		return -EINVAL;
	if (!arg->counters || (arg->worker_count && !arg->workers) ||
	    (arg->contention_count && !arg->contention))
		return -EFAULT;
	counters.stores = stores();
	counters.sessions = sessions_of(NULL);
	counters.requests = busy() ? 7 : 0;
	give(arg->counters, arg->counters_size, &counters, sizeof(counters));
	for (i = 0; i < arg->worker_count && i < WORKERS; i++) {
		struct docstore_worker_stats worker = {
			.cpu = i,
			.turns = 20 * seconds,
			.commits = 50 * seconds,
			.parts = 100 * seconds,
			.sleeps = 10 * seconds,
			.busy_ns = seconds * SECOND / 4 * (i + 1),
			.commit_max_ns = 120000 * (i + 1),
		};

		give(arg->workers + (uint64_t)i * arg->worker_size, arg->worker_size, &worker,
		     sizeof(worker));
	}
	arg->worker_count = i;
	for (i = 0; i < arg->contention_count && i < sizeof(places) / sizeof(places[0]); i++) {
		struct docstore_contention place = places[i];

		place.acquired *= seconds + 1;
		place.contended *= seconds + 1;
		place.wait_ns *= seconds + 1;
		give(arg->contention + (uint64_t)i * arg->contention_size, arg->contention_size,
		     &place, sizeof(place));
	}
	arg->contention_count = i;
	arg->time = since_boot();
	return 0;
}

/* --- sessions --------------------------------------------------------------------------- */

void fake_session_begin(struct docstore_session_info *session)
{
	session->id = ++last_session;
	session->opened = fake_clock();
	session->uid = getuid();
	session->gid = getgid();
	session->pid = (uint32_t)getpid();
	strcpy((char *)session->comm, "docstore");
}

/* The next one behind @id, or NULL. */
static struct fake_fd *next_session(uint64_t id)
{
	struct fake_fd *next = NULL;
	int i;

	for (i = 0; i < FAKE_FDS; i++) {
		struct fake_fd *fd = fake_fd_made(i);

		if (fd && fd->session.id > id && (!next || fd->session.id < next->session.id))
			next = fd;
	}
	return next;
}

int fake_session_list(struct docstore_session_list *arg)
{
	uint32_t room = arg->count;
	struct fake_fd *fd;

	if (arg->size != sizeof(*arg) || arg->flags || !arg->session_size)
		return -EINVAL;
	for (arg->count = 0; (fd = next_session(arg->cursor)); arg->count++) {
		struct docstore_session_info session = fd->session;

		if (arg->count == room)
			return 0;
		session.rights = fd->flags;
		if (fd->store) {
			session.incarnation = fd->store->info.incarnation;
			memcpy(session.store, fd->store->info.name, sizeof(session.store));
		}
		if (fd->snapshot)
			session.snapshot = 1;
		give(arg->sessions + (uint64_t)arg->count * arg->session_size, arg->session_size,
		     &session, sizeof(session));
		arg->cursor = session.id;
	}
	arg->cursor = 0;
	return 0;
}

/* --- settings --------------------------------------------------------------------------- */

static uint64_t value_of(const struct docstore_config *own, uint32_t i)
{
	if (own->set & 1ULL << i)
		return own->value[i];
	return fake_settings.set & 1ULL << i ? fake_settings.value[i] : range[i].usual;
}

int fake_config(struct fake_fd *fd, struct docstore_config *arg)
{
	struct docstore_config *own = fd->store ? &fd->store->config : &fake_settings;
	uint64_t may = (1ULL << DOCSTORE_SETTINGS) - 1;
	uint32_t i;

	if (fd->store)
		may = (1ULL << DOCSTORE_SETTING_MAX_STORES) - 1;
	if (arg->size != sizeof(*arg) || arg->flags || arg->__reserved ||
	    (arg->set | arg->reset) & ~may || arg->set & arg->reset)
		return -EINVAL;
	if ((arg->set || arg->reset) &&
	    !(fd->store ? fd->flags & DOCSTORE_OPEN_WRITE : fd->write))
		return -EBADF;
	for (i = 0; i < DOCSTORE_SETTINGS; i++) {
		if (arg->set & 1ULL << i &&
		    (arg->value[i] < range[i].least || arg->value[i] > range[i].most))
			return -EINVAL;
	}
	for (i = 0; i < DOCSTORE_SETTINGS; i++) {
		if (arg->set & 1ULL << i)
			own->value[i] = arg->value[i];
	}
	module.configured += arg->set || arg->reset;
	fake_dirty |= arg->set || arg->reset;
	own->set = (own->set | arg->set) & ~arg->reset;
	for (i = 0; i < DOCSTORE_SETTINGS; i++)
		arg->value[i] = value_of(own, i);
	arg->set = own->set;
	arg->reset = 0;
	arg->known = may;
	return 0;
}

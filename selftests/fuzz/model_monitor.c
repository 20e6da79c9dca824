// SPDX-License-Identifier: GPL-2.0
/*
 * What the ioctls of those who run a store must do: settings, statistics, sessions.
 *
 * Settings are put back as soon as it was seen that they hold, but for a few of a store's
 * that change nothing but which way its batches take: those stay until the program ends.
 */
#include "model.h"
#include "../monitor.h"

/* What may stay as a program has set it. */
#define FZ_KEPT		(DS_BIT(LEND_DOCUMENTS) | DS_BIT(LATENCY_SAMPLE) | \
			 DS_BIT(CHECK_SECONDS) | DS_BIT(HOT_CHANGES))

static __u64 fz_settings_known(const struct fz_fd *fd)
{
	return fd->kind == FZ_FD_STORE ? (1ULL << DS_STORE_SETTINGS) - 1 : DS_ALL_SETTINGS;
}

/* Settings as they were before the call: of whose descriptor it is, and the module's. */
struct fz_settings {
	struct docstore_config was, module;
};

/**
 * fz_settings_init() - remember the module's settings
 * @run: the run, which has its control node
 */
bool fz_settings_init(struct fz_run *run)
{
	return !ds_config_get(run->slots[0].fd, &run->settings);
}

static void fz_settings_restore(struct fz_run *run, const struct fz_fd *fd)
{
	int ret;

	if (fd->kind == FZ_FD_CONTROL)
		ret = ds_config_restore(fd->fd, &run->settings);
	else
		ret = ds_config_reset(fd->fd, fz_settings_known(fd) & ~FZ_KEPT);
	if (ret && !run->wild)
		fz_find(run, "config: settings cannot be put back: %s", strerror(-ret));
}

/**
 * fz_settings_end() - have all settings as if no program had run
 * @run: the run, whose program is over, or one of its groups
 */
void fz_settings_end(struct fz_run *run)
{
	fz_settings_restore(run, &run->slots[0]);
	if (run->slots[1].kind == FZ_FD_STORE &&
	    ds_config_reset(run->slots[1].fd, fz_settings_known(&run->slots[1])))
		fz_find(run, "config: the store's settings cannot be put back");
}

void fz_before_config(struct fz_run *run)
{
	const struct docstore_config *arg = ARG(docstore_config);
	__u64 known = fz_settings_known(run->fd);
	struct fz_settings *s;
	__u32 i;

	if (((arg->set | arg->reset) & ~known) || (arg->set & arg->reset))
		fz_error_add(&run->must, EINVAL);
	if ((arg->set | arg->reset) && !(run->fd->rights & DS_WRITE))
		fz_error_add(&run->must, EBADF);
	/* A child may be somebody else. */
	if ((arg->set | arg->reset) && run->wild)
		fz_error_add(&run->may, EPERM);
	for (i = 0; i < DOCSTORE_SETTINGS; i++)
		if ((arg->set & (1ULL << i)) && (arg->value[i] < ds_settings[i].min ||
						 arg->value[i] > ds_settings[i].max))
			fz_error_add(&run->must, EINVAL);
	if (run->wild || run->torn)
		return;
	s = malloc(sizeof(*s));
	if (s && (ds_config_get(run->fd->fd, &s->was) ||
		  ds_config_get(run->slots[0].fd, &s->module))) {
		free(s);
		s = NULL;
	}
	run->expect = s;
}

static void fz_config_expect(struct fz_run *run, const struct docstore_config *out)
{
	const struct docstore_config *arg = ARG(docstore_config);
	const struct fz_settings *s = run->expect;
	__u64 set = (s->was.set & ~arg->reset) | arg->set, value;
	__u32 i;

	if (out->known != fz_settings_known(run->fd) || out->reset || out->flags ||
	    out->__reserved)
		fz_find(run, "config: known is %#llx, reset %#llx",
			(unsigned long long)out->known, (unsigned long long)out->reset);
	if (out->set != set)
		fz_find(run, "config: set is %#llx instead of %#llx",
			(unsigned long long)out->set, (unsigned long long)set);
	for (i = 0; i < DOCSTORE_SETTINGS; i++) {
		__u64 bit = 1ULL << i;

		if (arg->set & bit)
			value = arg->value[i];
		else if (!(arg->reset & bit))
			value = s->was.value[i];
		else if (run->fd->kind == FZ_FD_STORE)
			value = s->module.value[i];
		else
			continue;
		if (out->value[i] != value)
			fz_find(run, "config: %s is %llu instead of %llu", ds_settings[i].name,
				(unsigned long long)out->value[i], (unsigned long long)value);
	}
}

void fz_after_config(struct fz_run *run, int ret)
{
	const struct docstore_config *arg = ARG(docstore_config);
	struct docstore_config out;

	if (!run->wild && run->expect && fz_came_back(run, ret, &out))
		fz_config_expect(run, &out);
	/* They are changed before it is seen that the argument cannot go back. */
	if ((!ret || ret == -EFAULT) && (arg->set || arg->reset || run->torn) &&
	    (run->fd->rights & DS_WRITE) &&
	    (run->fd->kind == FZ_FD_STORE || run->fd->kind == FZ_FD_CONTROL))
		fz_settings_restore(run, run->fd);
}

/* Statistics ------------------------------------------------------------------- */

/* What is behind the struct that the kernel knows is filled with zeros. */
static void fz_zeros_behind(struct fz_run *run, __u64 at, __u32 known, __u32 size)
{
	const __u8 *bytes = (void *)(uintptr_t)at;
	__u32 i;

	for (i = known; i < size; i++)
		if (bytes[i]) {
			fz_find(run, "%s: byte %u of %u is not filled with 0", run->op->name, i,
				size);
			return;
		}
}

/* An array of so many elements must be there, or it fails. */
static void fz_array_there(struct fz_run *run, __u64 at, __u64 size, __u64 count)
{
	if (size > FZ_MAX_ELEMENT)
		fz_error_add(&run->must, E2BIG);
	else if (!fz_memory_writable(run->memory, at, size * count))
		fz_error_add(&run->must, EFAULT);
}

void fz_before_stats(struct fz_run *run)
{
	const struct docstore_stats *arg = ARG(docstore_stats);
	__u32 count = arg->latency_count < DOCSTORE_STAGES ? arg->latency_count : DOCSTORE_STAGES;

	fz_array_there(run, arg->counters, arg->counters_size, 1);
	fz_array_there(run, arg->latency, arg->latency_size, count);
}

static void fz_stats_counters(struct fz_run *run, const struct docstore_counters *c)
{
	const __u64 *first = (const __u64 *)c, *second;
	const struct fz_store *s = run->fd->store;
	struct docstore_counters later;
	unsigned int i;

	if (c->documents && !c->bytes)
		fz_find(run, "stats: %llu documents in no memory",
			(unsigned long long)c->documents);
	if (c->bytes_used > c->bytes || c->bytes_retired > c->bytes)
		fz_find(run, "stats: %llu bytes used, %llu retired, of %llu",
			(unsigned long long)c->bytes_used, (unsigned long long)c->bytes_retired,
			(unsigned long long)c->bytes);
	if (c->findings)
		fz_find(run, "stats: checks have found %llu",
			(unsigned long long)c->findings);
	if (!run->wild && s && s->sure && c->documents != fz_store_documents(s))
		fz_find(run, "stats: %llu documents instead of %u",
			(unsigned long long)c->documents, fz_store_documents(s));
	/* Up to those that go up and down none is ever less than it was. */
	if (ds_stats(run->fd->fd, &later, NULL))
		return;
	second = (const __u64 *)&later;
	for (i = 0; i < offsetof(struct docstore_counters, documents) / sizeof(__u64); i++)
		if (second[i] < first[i])
			fz_find(run, "stats: counter %u was %llu, and is %llu", i,
				(unsigned long long)first[i], (unsigned long long)second[i]);
}

void fz_after_stats(struct fz_run *run, int ret)
{
	const struct docstore_stats *arg = ARG(docstore_stats);
	struct docstore_counters c;
	struct docstore_latency l;
	struct docstore_stats out;
	__u64 sum;
	__u32 i, k;

	if (!fz_came_back(run, ret, &out))
		return;
	if (out.latency_count != (arg->latency_count < DOCSTORE_STAGES ? arg->latency_count :
									 DOCSTORE_STAGES)) {
		fz_find(run, "stats: %u stages in room for %u", out.latency_count,
			arg->latency_count);
		return;
	}
	/* One may lie in the other. */
	if (arg->counters == arg->latency)
		return;
	memcpy(&c, (void *)(uintptr_t)arg->counters, sizeof(c));
	fz_stats_counters(run, &c);
	fz_zeros_behind(run, arg->counters, sizeof(c), arg->counters_size);
	for (i = 0; i < out.latency_count; i++) {
		__u64 at = arg->latency + (__u64)i * arg->latency_size;

		memcpy(&l, (void *)(uintptr_t)at, sizeof(l));
		for (k = 0, sum = 0; k < DOCSTORE_LATENCY_BUCKETS; k++)
			sum += l.bucket[k];
		if (sum != l.count || l.max_ns > l.sum_ns)
			fz_find(run, "stats: stage %u has %llu in buckets, %llu all together", i,
				(unsigned long long)sum, (unsigned long long)l.count);
		fz_zeros_behind(run, at, sizeof(l), arg->latency_size);
	}
	fz_check_rest(run, arg->counters, arg->counters_size);
	fz_check_rest(run, arg->latency, (__u64)out.latency_count * arg->latency_size);
}

void fz_before_module_stats(struct fz_run *run)
{
	const struct docstore_module_stats *arg = ARG(docstore_module_stats);

	fz_array_there(run, arg->counters, arg->counters_size, 1);
	/* How many there are of these is the kernel's secret, but there are some. */
	fz_array_there(run, arg->workers, arg->worker_size, arg->worker_count ? 1 : 0);
	fz_array_there(run, arg->contention, arg->contention_size, arg->contention_count ? 1 : 0);
	if (arg->worker_count > 1 || arg->contention_count > 1)
		fz_error_add(&run->may, EFAULT);
}

void fz_after_module_stats(struct fz_run *run, int ret)
{
	const struct docstore_module_stats *arg = ARG(docstore_module_stats);
	struct docstore_module_counters c;
	struct docstore_contention place;
	struct docstore_module_stats out;
	__u32 i;

	if (!fz_came_back(run, ret, &out))
		return;
	if (out.worker_count > arg->worker_count || out.contention_count > arg->contention_count ||
	    (arg->worker_count && !out.worker_count) ||
	    (arg->contention_count && !out.contention_count)) {
		fz_find(run, "module-stats: %u workers and %u places, in room for %u and %u",
			out.worker_count, out.contention_count, arg->worker_count,
			arg->contention_count);
		return;
	}
	if (arg->counters == arg->workers || arg->counters == arg->contention ||
	    arg->workers == arg->contention)
		return;
	memcpy(&c, (void *)(uintptr_t)arg->counters, sizeof(c));
	if (c.illegal || !c.sessions)
		fz_find(run, "module-stats: %llu illegal changes of state, %llu sessions",
			(unsigned long long)c.illegal, (unsigned long long)c.sessions);
	fz_zeros_behind(run, arg->counters, sizeof(c), arg->counters_size);
	for (i = 0; i < out.contention_count; i++) {
		__u64 at = arg->contention + (__u64)i * arg->contention_size;

		memcpy(&place, (void *)(uintptr_t)at, sizeof(place));
		if (!place.name[0] || place.name[sizeof(place.name) - 1] ||
		    place.wait_max_ns > place.wait_ns)
			fz_find(run, "module-stats: place %u is wrong", i);
		fz_zeros_behind(run, at, sizeof(place), arg->contention_size);
	}
	fz_check_rest(run, arg->counters, arg->counters_size);
	fz_check_rest(run, arg->workers, (__u64)out.worker_count * arg->worker_size);
	fz_check_rest(run, arg->contention, (__u64)out.contention_count * arg->contention_size);
}

/* Sessions --------------------------------------------------------------------- */

void fz_before_session_list(struct fz_run *run)
{
	const struct docstore_session_list *arg = ARG(docstore_session_list);
	__u64 count = arg->count < 65536 ? arg->count : 65536;

	if (arg->session_size > FZ_MAX_ELEMENT)
		fz_error_add(&run->must, E2BIG);
	if (!fz_memory_writable(run->memory, arg->sessions, count * arg->session_size))
		fz_error_add(&run->may, EFAULT);
}

void fz_after_session_list(struct fz_run *run, int ret)
{
	const struct docstore_session_list *arg = ARG(docstore_session_list);
	struct docstore_session_info info = { 0 };
	struct docstore_session_list out;
	__u64 cursor = arg->cursor;
	__u32 i;

	if (!fz_came_back(run, ret, &out))
		return;
	run->last[0] = out.cursor;
	if (out.count > arg->count) {
		fz_find(run, "session-list: %u sessions in room for %u", out.count, arg->count);
		return;
	}
	for (i = 0; i < out.count; i++) {
		__u64 at = arg->sessions + (__u64)i * arg->session_size;

		memcpy(&info, (void *)(uintptr_t)at, arg->session_size < sizeof(info) ?
		       arg->session_size : sizeof(info));
		if (info.id <= cursor || !info.opened || info.errors > info.calls ||
		    info.comm[sizeof(info.comm) - 1] || info.store[sizeof(info.store) - 1] ||
		    !info.incarnation != !info.store[0] || (info.snapshot && !info.incarnation))
			fz_find(run, "session-list: session %u is wrong", i);
		cursor = info.id;
		if (arg->session_size > sizeof(info))
			fz_zeros_behind(run, at, sizeof(info), arg->session_size);
	}
	if (out.cursor && out.cursor != cursor)
		fz_find(run, "session-list: the cursor is no session's number");
	/* The descriptors of this program are open, at least. */
	if (!run->wild && !arg->cursor && !out.cursor && out.count < arg->count && out.count < 3)
		fz_find(run, "session-list: %u sessions are too few", out.count);
	fz_check_rest(run, arg->sessions, (__u64)out.count * arg->session_size);
}

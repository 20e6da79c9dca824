/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of settings, sessions, statistics and requests share: one thin function
 * for each ioctl, and files that hold a number or a few words.
 */
#ifndef DOCSTORE_TEST_MONITOR_H
#define DOCSTORE_TEST_MONITOR_H

#include "docstore_test.h"

#define DS_SYSFS	"/sys/kernel/docstore/"
#define DS_PARAMETERS_AT	"/sys/module/docstore/parameters/"

#define DS_BIT(_setting)	(1ULL << DOCSTORE_SETTING_##_setting)

/* What a setting is called, and what it may be. */
struct ds_setting {
	const char *name;
	__u64 min, max;
};

#define DS_STORE_SETTINGS	DOCSTORE_SETTING_MAX_STORES
#define DS_ALL_SETTINGS		((1ULL << DOCSTORE_SETTINGS) - 1)

static const struct ds_setting ds_settings[DOCSTORE_SETTINGS] = {
	[DOCSTORE_SETTING_LEND_DOCUMENTS] = { "lend_documents", 0, UINT32_MAX },
	[DOCSTORE_SETTING_SUBMIT_POLL_US] = { "submit_poll_us", 0, 1000000 },
	[DOCSTORE_SETTING_SPAN_QUEUE] = { "span_queue", 0, UINT32_MAX },
	[DOCSTORE_SETTING_MAX_SNAPSHOTS] = { "max_snapshots", 0, UINT32_MAX },
	[DOCSTORE_SETTING_SESSION_REQUESTS] = { "session_requests", 1, UINT32_MAX },
	[DOCSTORE_SETTING_SESSION_BYTES] = { "session_bytes", 4096, INT64_MAX },
	[DOCSTORE_SETTING_SESSION_SNAPSHOTS] = { "session_snapshots", 0, UINT32_MAX },
	[DOCSTORE_SETTING_LATENCY_SAMPLE] = { "latency_sample", 0, UINT16_MAX },
	[DOCSTORE_SETTING_WATCHDOG_MS] = { "watchdog_ms", 0, UINT32_MAX },
	[DOCSTORE_SETTING_CHECK_SECONDS] = { "check_seconds", 0, UINT32_MAX },
	[DOCSTORE_SETTING_HOT_CHANGES] = { "hot_changes", 0, UINT32_MAX },
	[DOCSTORE_SETTING_BACKLOG_BYTES] = { "backlog_bytes", 65536, 1 << 30 },
	[DOCSTORE_SETTING_SESSION_STREAMS] = { "session_streams", 0, UINT32_MAX },
	[DOCSTORE_SETTING_MAX_STORES] = { "max_stores", 0, UINT32_MAX },
	[DOCSTORE_SETTING_MAX_SESSIONS] = { "max_sessions", 1, INT32_MAX },
	[DOCSTORE_SETTING_MEMORY_PERCENT] = { "memory_percent", 1, 100 },
	[DOCSTORE_SETTING_WORKER_POLL_US] = { "worker_poll_us", 0, 1000000 },
};

/* Files ----------------------------------------------------------------------- */

/* What is in a file, NUL at the end: how long it is, or -errno. */
static inline ssize_t ds_file_read(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n, used = 0;

	if (fd < 0)
		return -errno;
	while ((size_t)used + 1 < room) {
		n = read(fd, text + used, room - used - 1);
		if (n < 0)
			used = -errno;
		if (n <= 0)
			break;
		used += n;
	}
	close(fd);
	if (used >= 0)
		text[used] = 0;
	return used;
}

static inline int ds_file_write(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		ret = -errno;
	else if ((size_t)n != len)
		ret = -EIO;
	close(fd);
	return ret;
}

/* A file that has one number and nothing else: 0 or -errno. */
static inline int ds_file_number(const char *path, __u64 *number)
{
	char text[64], *end;
	ssize_t n = ds_file_read(path, text, sizeof(text));

	if (n < 0)
		return n;
	*number = strtoull(text, &end, 10);
	return n && end != text && !strcmp(end, "\n") ? 0 : -EIO;
}

static inline void ds_setting_path(char *path, size_t room, const char *store, __u32 setting)
{
	snprintf(path, room, DS_SYSFS "%s%s%sconfig/%s", store ? "stores/" : "",
		 store ?: "", store ? "/" : "", ds_settings[setting].name);
}

/* A setting in sysfs; @store is NULL for the module's. */
static inline int ds_setting_read(const char *store, __u32 setting, __u64 *value)
{
	char path[192];

	ds_setting_path(path, sizeof(path), store, setting);
	return ds_file_number(path, value);
}

static inline int ds_setting_write(const char *store, __u32 setting, const char *text)
{
	char path[192];

	ds_setting_path(path, sizeof(path), store, setting);
	return ds_file_write(path, text);
}

static inline int ds_parameter_read(__u32 setting, __u64 *value)
{
	char path[192];

	snprintf(path, sizeof(path), DS_PARAMETERS_AT "%s", ds_settings[setting].name);
	return ds_file_number(path, value);
}

static inline int ds_parameter_write(__u32 setting, const char *text)
{
	char path[192];

	snprintf(path, sizeof(path), DS_PARAMETERS_AT "%s", ds_settings[setting].name);
	return ds_file_write(path, text);
}

/* ioctls ---------------------------------------------------------------------- */

/* @c holds what is to be changed, and then what holds. */
static inline int ds_config(int fd, struct docstore_config *c)
{
	int ret;

	c->size = sizeof(*c);
	ret = ds_ioctl(fd, DOCSTORE_CONFIG, c);
	if (!ret && (c->size != sizeof(*c) || c->flags || c->reset || c->__reserved))
		return ds_broken("config: what should be zero is not");
	return ret;
}

static inline int ds_config_get(int fd, struct docstore_config *c)
{
	memset(c, 0, sizeof(*c));
	memset(c->value, DS_POISON, sizeof(c->value));
	c->known = DS_POISON64;
	return ds_config(fd, c);
}

static inline int ds_config_set(int fd, __u32 setting, __u64 value)
{
	struct docstore_config c = { .set = 1ULL << setting };

	c.value[setting] = value;
	return ds_config(fd, &c);
}

static inline int ds_config_reset(int fd, __u64 settings)
{
	struct docstore_config c = { .reset = settings };

	return ds_config(fd, &c);
}

/* Settings as they were, for who has changed them. */
static inline int ds_config_restore(int fd, const struct docstore_config *was)
{
	struct docstore_config c = *was;

	c.reset = was->known & ~was->set;
	return ds_config(fd, &c);
}

static inline int ds_stats(int fd, struct docstore_counters *c, struct docstore_latency *l)
{
	struct docstore_stats s = {
		.size = sizeof(s),
		.time = DS_POISON64,
		.counters = ds_ptr(c),
		.counters_size = sizeof(*c),
		.latency_size = sizeof(*l),
		.latency = ds_ptr(l),
		.latency_count = l ? DOCSTORE_STAGES : 0,
	};
	int ret;

	memset(c, DS_POISON, sizeof(*c));
	if (l)
		memset(l, DS_POISON, DOCSTORE_STAGES * sizeof(*l));
	ret = ds_ioctl(fd, DOCSTORE_STATS, &s);
	if (!ret && s.latency_count != (l ? DOCSTORE_STAGES : 0))
		return ds_broken("stats: %u stages", s.latency_count);
	return ret;
}

static inline int ds_module_counters(int control, struct docstore_module_counters *c)
{
	struct docstore_module_stats s = {
		.size = sizeof(s),
		.counters = ds_ptr(c),
		.counters_size = sizeof(*c),
		.worker_size = sizeof(struct docstore_worker_stats),
		.contention_size = sizeof(struct docstore_contention),
	};

	memset(c, DS_POISON, sizeof(*c));
	return ds_ioctl(control, DOCSTORE_MODULE_STATS, &s);
}

/* The next at most @count sessions: how many there were. */
static inline int ds_sessions(int control, struct docstore_session_info *sessions,
			      __u32 count, __u64 *cursor)
{
	struct docstore_session_list l = {
		.size = sizeof(l),
		.sessions = ds_ptr(sessions),
		.session_size = sizeof(*sessions),
		.count = count,
		.cursor = *cursor,
	};
	int ret;

	memset(sessions, DS_POISON, count * sizeof(*sessions));
	ret = ds_ioctl(control, DOCSTORE_SESSION_LIST, &l);
	if (ret)
		return ret;
	if (l.count > count)
		return ds_broken("%u sessions in room for %u", l.count, count);
	*cursor = l.cursor;
	return l.count;
}

#endif /* DOCSTORE_TEST_MONITOR_H */

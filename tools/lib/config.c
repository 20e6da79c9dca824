// SPDX-License-Identifier: LGPL-2.1-or-later
/* libdocstore: settings of stores and of the module. */
#include "internal.h"
#include "libdocstore_monitor.h"

static const char * const names[] = {
	[DOCSTORE_SETTING_LEND_DOCUMENTS] = "lend_documents",
	[DOCSTORE_SETTING_SUBMIT_POLL_US] = "submit_poll_us",
	[DOCSTORE_SETTING_SPAN_QUEUE] = "span_queue",
	[DOCSTORE_SETTING_MAX_SNAPSHOTS] = "max_snapshots",
	[DOCSTORE_SETTING_SESSION_REQUESTS] = "session_requests",
	[DOCSTORE_SETTING_SESSION_BYTES] = "session_bytes",
	[DOCSTORE_SETTING_SESSION_SNAPSHOTS] = "session_snapshots",
	[DOCSTORE_SETTING_LATENCY_SAMPLE] = "latency_sample",
	[DOCSTORE_SETTING_WATCHDOG_MS] = "watchdog_ms",
	[DOCSTORE_SETTING_CHECK_SECONDS] = "check_seconds",
	[DOCSTORE_SETTING_HOT_CHANGES] = "hot_changes",
	[DOCSTORE_SETTING_BACKLOG_BYTES] = "backlog_bytes",
	[DOCSTORE_SETTING_SESSION_STREAMS] = "session_streams",
	[DOCSTORE_SETTING_MAX_STORES] = "max_stores",
	[DOCSTORE_SETTING_MAX_SESSIONS] = "max_sessions",
	[DOCSTORE_SETTING_MEMORY_PERCENT] = "memory_percent",
	[DOCSTORE_SETTING_WORKER_POLL_US] = "worker_poll_us",
};

_Static_assert(sizeof(names) / sizeof(names[0]) == DOCSTORE_SETTINGS, "names of settings");

DS_PUBLIC const char *ds_setting_name(unsigned int setting)
{
	return setting < DOCSTORE_SETTINGS ? names[setting] : NULL;
}

DS_PUBLIC int ds_setting(const char *name)
{
	int i;

	for (i = 0; i < DOCSTORE_SETTINGS; i++) {
		if (!strcmp(names[i], name))
			return i;
	}
	return -ENOENT;
}

/* The head must be there, and the values that the caller knows are whole. */
static bool good(const struct docstore_config *config)
{
	size_t head = offsetof(struct docstore_config, value);

	return config->size >= head && config->size <= 65536 && !(config->size % sizeof(__u64));
}

DS_PUBLIC int ds_config(const struct ds_store *store, struct docstore_config *config)
{
	if (!good(config))
		return -EINVAL;
	if (store->pinned)
		return -EBADF;
	return ds_ioctl(store->fd, DOCSTORE_CONFIG, config);
}

DS_PUBLIC int ds_module_config(const struct ds_open_opts *opts, struct docstore_config *config)
{
	int fd, err;

	if (!good(config))
		return -EINVAL;
	fd = ds_open_control(opts, config->set || config->reset);
	if (fd < 0)
		return fd;
	err = ds_ioctl(fd, DOCSTORE_CONFIG, config);
	ds_sys_close(fd);
	return err;
}

static int any_config(const struct ds_store *store, struct docstore_config *config)
{
	return store ? ds_config(store, config) : ds_module_config(NULL, config);
}

DS_PUBLIC int ds_get_setting(const struct ds_store *store, const char *name, uint64_t *value)
{
	struct docstore_config config = { .size = sizeof(config) };
	int setting = ds_setting(name), err;

	if (setting < 0)
		return setting;
	err = any_config(store, &config);
	if (err)
		return err;
	/* A module that is older does not know all of them. */
	if (!(config.known & 1ULL << setting))
		return -ENOENT;
	*value = config.value[setting];
	return 0;
}

DS_PUBLIC int ds_change_setting(const struct ds_store *store, const char *name, uint64_t value)
{
	struct docstore_config config = { .size = sizeof(config) };
	int setting = ds_setting(name);

	if (setting < 0)
		return setting;
	config.set = 1ULL << setting;
	config.value[setting] = value;
	return any_config(store, &config);
}

DS_PUBLIC int ds_reset_setting(const struct ds_store *store, const char *name)
{
	struct docstore_config config = { .size = sizeof(config) };
	int setting = ds_setting(name);

	if (setting < 0)
		return setting;
	config.reset = 1ULL << setting;
	return any_config(store, &config);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Settings: one immutable object for the module, and one for each store that has any of
 * its own. A change makes a new object from the old one, checks all of it, and publishes
 * it with one store; the old one is freed after a grace period. So whoever looks sees
 * all of a change or nothing of it.
 *
 * One table has their names and ranges, whichever way they are set: as a module
 * parameter, in sysfs, or by DOCSTORE_CONFIG.
 *
 * Locks: ds_config_lock, held by who changes settings. Nothing is taken under it but the
 * allocator's locks. Module parameters are set under the module's parameter lock, files of
 * sysfs under their own references.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/kstrtox.h>
#include <linux/moduleparam.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include <linux/docstore.h>

#include "config.h"
#include "contention.h"
#include "session.h"
#include "store.h"
#include "trace.h"

/**
 * struct ds_setting - what there is to know about a setting
 * @name: its name
 * @initial: its value if nobody has set it
 * @min: its least value
 * @max: its highest
 */
struct ds_setting {
	const char *name;
	u64 initial;
	u64 min;
	u64 max;
};

#define DS_SETTING(_name, _lower, _initial, _min, _max)			\
	[DOCSTORE_SETTING_##_name] = { #_lower, _initial, _min, _max }

static const struct ds_setting ds_settings[DOCSTORE_SETTINGS] = {
	DS_SETTING(LEND_DOCUMENTS, lend_documents, 128, 0, U32_MAX),
	DS_SETTING(SUBMIT_POLL_US, submit_poll_us, 10, 0, USEC_PER_SEC),
	DS_SETTING(SPAN_QUEUE, span_queue, 1024, 0, U32_MAX),
	DS_SETTING(MAX_SNAPSHOTS, max_snapshots, 256, 0, U32_MAX),
	DS_SETTING(SESSION_REQUESTS, session_requests, 65536, 1, U32_MAX),
	DS_SETTING(SESSION_BYTES, session_bytes, 256 << 20, PAGE_SIZE, S64_MAX),
	DS_SETTING(SESSION_SNAPSHOTS, session_snapshots, 256, 0, U32_MAX),
	DS_SETTING(LATENCY_SAMPLE, latency_sample, 16, 0, U16_MAX),
	DS_SETTING(WATCHDOG_MS, watchdog_ms, 10000, 0, U32_MAX),
	DS_SETTING(CHECK_SECONDS, check_seconds, 60, 0, U32_MAX),
	DS_SETTING(HOT_CHANGES, hot_changes, 1024, 0, U32_MAX),
	DS_SETTING(BACKLOG_BYTES, backlog_bytes, 4 << 20, DS_BACKLOG_MIN, DS_BACKLOG_MAX),
	DS_SETTING(SESSION_STREAMS, session_streams, 65536, 0, U32_MAX),
	DS_SETTING(MAX_STORES, max_stores, 1024, 0, U32_MAX),
	DS_SETTING(MAX_SESSIONS, max_sessions, 65536, 1, S32_MAX),
	DS_SETTING(MEMORY_PERCENT, memory_percent, 25, 1, 100),
	DS_SETTING(WORKER_POLL_US, worker_poll_us, 0, 0, USEC_PER_SEC),
};

static DEFINE_MUTEX(ds_config_lock);
/* Of the parameters with which the module is loaded. */
static struct ds_config ds_config_first;
static struct ds_config __rcu *ds_config = RCU_INITIALIZER(&ds_config_first);
static bool ds_config_running;
static u64 ds_config_count;

static u64 ds_config_value(const struct ds_config *of_store, const struct ds_config *of_module,
			   u32 setting)
{
	if (of_store && (of_store->own & BIT_ULL(setting)))
		return of_store->value[setting];
	if (of_module->own & BIT_ULL(setting))
		return of_module->value[setting];
	return ds_settings[setting].initial;
}

/**
 * ds_config_many() - settings of a store that belong together
 * @store: the store; NULL for the module's
 * @settings: which ones
 * @values: where their values go
 * @count: how many
 *
 * Context: any.
 */
void ds_config_many(const struct ds_store *store, const enum docstore_setting *settings,
		    u64 *values, u32 count)
{
	const struct ds_config *of_store, *of_module;
	u32 i;

	rcu_read_lock();
	of_module = rcu_dereference(ds_config);
	of_store = store ? rcu_dereference(store->config) : NULL;
	for (i = 0; i < count; i++)
		values[i] = ds_config_value(of_store, of_module, settings[i]);
	rcu_read_unlock();
}

/* All values, and bits of those that somebody has set, as of one moment. */
static u64 ds_config_all(const struct ds_store *store, u64 *values)
{
	const struct ds_config *of_store, *of_module, *config;
	u64 own;
	u32 i;

	rcu_read_lock();
	of_module = rcu_dereference(ds_config);
	of_store = store ? rcu_dereference(store->config) : NULL;
	config = store ? of_store : of_module;
	own = config ? config->own : 0;
	for (i = 0; i < DOCSTORE_SETTINGS; i++)
		values[i] = ds_config_value(of_store, of_module, i);
	rcu_read_unlock();
	return own;
}

/**
 * ds_config_of() - a setting of a store
 * @store: the store; NULL for the module's
 * @setting: which one
 *
 * Context: any.
 * Return: its value.
 */
u64 ds_config_of(const struct ds_store *store, enum docstore_setting setting)
{
	u64 value;

	ds_config_many(store, &setting, &value, 1);
	return value;
}

/**
 * ds_config_module() - a setting of the module
 * @setting: which one
 *
 * Context: any.
 * Return: its value.
 */
u64 ds_config_module(enum docstore_setting setting)
{
	return ds_config_of(NULL, setting);
}

/**
 * ds_config_name() - the name of a setting
 * @setting: which one
 *
 * Return: the name.
 */
const char *ds_config_name(enum docstore_setting setting)
{
	return ds_settings[setting].name;
}

/**
 * ds_config_changes() - how often settings were changed
 *
 * Return: the number.
 */
u64 ds_config_changes(void)
{
	return READ_ONCE(ds_config_count);
}

/* Is all of it as it may be? */
static bool ds_config_legal(const struct ds_config *config)
{
	u32 i;

	for (i = 0; i < DOCSTORE_SETTINGS; i++) {
		const struct ds_setting *setting = &ds_settings[i];

		if ((config->own & BIT_ULL(i)) &&
		    (config->value[i] < setting->min || config->value[i] > setting->max))
			return false;
	}
	return true;
}

/* A new object, with what is in @set taken from @value, and without what is in @reset. */
static struct ds_config *ds_config_make(const struct ds_config *old, u64 set, u64 reset,
					const u64 *value)
{
	struct ds_config *new = kzalloc_obj(*new, GFP_KERNEL_ACCOUNT);
	u32 i;

	if (!new)
		return ERR_PTR(-ENOMEM);
	if (old) {
		new->own = old->own & ~reset;
		memcpy(new->value, old->value, sizeof(new->value));
	}
	new->own |= set;
	for (i = 0; i < DOCSTORE_SETTINGS; i++)
		if (set & BIT_ULL(i))
			new->value[i] = value[i];
	if (ds_config_legal(new))
		return new;
	kfree(new);
	return ERR_PTR(-EINVAL);
}

/* Change settings of a store, or of the module, all of them together. */
static int ds_config_change(struct ds_store *store, u64 set, u64 reset, const u64 *value)
{
	struct ds_config __rcu **place = store ? &store->config : &ds_config;
	struct ds_config *old, *new;

	ds_contention_mutex_lock(&ds_config_lock, DS_PLACE_CONFIG);
	old = rcu_dereference_protected(*place, lockdep_is_held(&ds_config_lock));
	new = ds_config_make(old, set, reset, value);
	if (!IS_ERR(new)) {
		rcu_assign_pointer(*place, new);
		WRITE_ONCE(ds_config_count, ds_config_count + 1);
	}
	mutex_unlock(&ds_config_lock);
	if (IS_ERR(new))
		return PTR_ERR(new);
	trace_docstore_config(store ? store->incarnation : 0, set, reset);
	if (old && old != &ds_config_first)
		kfree_rcu(old, rcu);
	if (store)
		ds_store_configured(store);
	else
		ds_stores_configured();
	return 0;
}

/**
 * ds_config_set() - change one setting
 * @store: of which store; NULL for the module
 * @setting: which one
 * @text: its value, as a number; "default" to have it as if nobody had set it
 *
 * Context: may sleep; the caller was allowed to.
 * Return: 0, -EINVAL, -ENOMEM or -ERANGE.
 */
int ds_config_set(struct ds_store *store, enum docstore_setting setting, const char *text)
{
	u64 value[DOCSTORE_SETTINGS] = {};
	int err;

	if (sysfs_streq(text, "default"))
		return ds_config_change(store, 0, BIT_ULL(setting), value);
	err = kstrtou64(text, 0, &value[setting]);
	return err ?: ds_config_change(store, BIT_ULL(setting), 0, value);
}

/**
 * ds_config_destroy() - free the settings of a store that nobody uses any more
 * @store: the store
 */
void ds_config_destroy(struct ds_store *store)
{
	kfree(rcu_dereference_protected(store->config, true));
}

/* May the caller change settings of the store, or of the module? */
static int ds_config_may(const struct ds_session *session)
{
	if (!ds_session_may(session, DOCSTORE_OPEN_WRITE))
		return -EBADF;
	if (session->store && uid_eq(current_fsuid(), session->store->uid))
		return 0;
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

/**
 * ds_ioctl_config() - DOCSTORE_CONFIG
 * @session: the caller's session
 * @data: struct docstore_config
 *
 * Return: 0, -EBADF, -EINVAL, -ENOMEM or -EPERM.
 */
int ds_ioctl_config(struct ds_session *session, void *data)
{
	const u64 known = GENMASK_ULL((session->store ? DS_STORE_SETTINGS :
							DOCSTORE_SETTINGS) - 1, 0);
	struct docstore_config *arg = data;
	int err;

	if (arg->flags || arg->__reserved || ((arg->set | arg->reset) & ~known) ||
	    (arg->set & arg->reset))
		return -EINVAL;
	if (arg->set || arg->reset) {
		err = ds_config_may(session);
		if (!err)
			err = ds_config_change(session->store, arg->set, arg->reset, arg->value);
		if (err)
			return err;
	}
	arg->set = ds_config_all(session->store, arg->value);
	arg->reset = 0;
	arg->known = known;
	return 0;
}

/*
 * Before the module runs: nobody looks yet, and nobody would free another object if it
 * does not get to run.
 */
static int ds_config_set_first(u32 setting, const char *text)
{
	u64 value;
	int err = kstrtou64(text, 0, &value);

	if (err)
		return err;
	if (value < ds_settings[setting].min || value > ds_settings[setting].max)
		return -EINVAL;
	ds_config_first.own |= BIT_ULL(setting);
	ds_config_first.value[setting] = value;
	return 0;
}

/* Module parameters, which are told what they are by their arguments. */
static int ds_param_set(const char *text, const struct kernel_param *param)
{
	uintptr_t setting = (uintptr_t)param->arg;

	if (!READ_ONCE(ds_config_running))
		return ds_config_set_first(setting, text);
	return ds_config_set(NULL, setting, text);
}

static int ds_param_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%llu\n", ds_config_module((uintptr_t)param->arg));
}

static const struct kernel_param_ops ds_param_ops = {
	.set = ds_param_set,
	.get = ds_param_get,
};

#define DS_PARAM(_name, _setting)					\
	module_param_cb(_name, &ds_param_ops,				\
			(void *)(uintptr_t)DOCSTORE_SETTING_##_setting, 0644)

DS_PARAM(lend_documents, LEND_DOCUMENTS);
MODULE_PARM_DESC(lend_documents,
		 "Submitters carry out batches of so many documents themselves when a partition is idle, 0 for never");
DS_PARAM(submit_poll_us, SUBMIT_POLL_US);
MODULE_PARM_DESC(submit_poll_us,
		 "How long submitters look for their results before they sleep, in microseconds");
DS_PARAM(span_queue, SPAN_QUEUE);
MODULE_PARM_DESC(span_queue,
		 "How many batches that span partitions may wait in one store");
DS_PARAM(max_snapshots, MAX_SNAPSHOTS);
MODULE_PARM_DESC(max_snapshots, "How many snapshots of one store there may be");
DS_PARAM(session_requests, SESSION_REQUESTS);
MODULE_PARM_DESC(session_requests,
		 "How many requests one session may have under way by io_uring");
DS_PARAM(session_bytes, SESSION_BYTES);
MODULE_PARM_DESC(session_bytes, "How much memory these may take, in bytes");
DS_PARAM(session_snapshots, SESSION_SNAPSHOTS);
MODULE_PARM_DESC(session_snapshots, "How many snapshots taken by one session may be open");
DS_PARAM(latency_sample, LATENCY_SAMPLE);
MODULE_PARM_DESC(latency_sample,
		 "Of all batches, one in so many is timed for the histograms, 0 for none");
DS_PARAM(watchdog_ms, WATCHDOG_MS);
MODULE_PARM_DESC(watchdog_ms,
		 "A request that stays longer in one state is reported, in milliseconds, 0 for never");
DS_PARAM(check_seconds, CHECK_SECONDS);
MODULE_PARM_DESC(check_seconds,
		 "How long between one check in the background and the next, in seconds, 0 for none");
DS_PARAM(hot_changes, HOT_CHANGES);
MODULE_PARM_DESC(hot_changes,
		 "A document is hot that is used so often within four seconds, 0 for never");
DS_PARAM(backlog_bytes, BACKLOG_BYTES);
MODULE_PARM_DESC(backlog_bytes,
		 "what each partition keeps of changes for streams; for stores that get their first one");
DS_PARAM(session_streams, SESSION_STREAMS);
MODULE_PARM_DESC(session_streams, "how many streams opened by one descriptor there may be");
DS_PARAM(max_stores, MAX_STORES);
MODULE_PARM_DESC(max_stores, "How many stores there may be");
DS_PARAM(max_sessions, MAX_SESSIONS);
MODULE_PARM_DESC(max_sessions, "How many descriptors may be open");
DS_PARAM(memory_percent, MEMORY_PERCENT);
MODULE_PARM_DESC(memory_percent,
		 "Limit of a store that is created without one, in percent of the machine's memory");
DS_PARAM(worker_poll_us, WORKER_POLL_US);
MODULE_PARM_DESC(worker_poll_us,
		 "How long workers look for work before they sleep, in microseconds");

/**
 * ds_configs_init() - the module runs: settings are changed as this file's top says
 */
void ds_configs_init(void)
{
	WRITE_ONCE(ds_config_running, true);
}

/**
 * ds_configs_exit() - free the module's settings
 */
void ds_configs_exit(void)
{
	struct ds_config *config = rcu_dereference_protected(ds_config, true);

	if (config != &ds_config_first)
		kfree(config);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/docstore: one value in each file.
 *
 * A store has its directory from when it gets its name until that is taken away, which
 * waits for those who are looking; so the files need not hold the store. What is in
 * which file stands in tables; Documentation/ABI/testing/sysfs-kernel-docstore tells
 * what they mean.
 *
 * Locks: a directory is added and removed under the lock of the table of stores; no file
 * takes that.
 */
#include <linux/kobject.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/stddef.h>
#include <linux/sysfs.h>
#include <linux/uidgid.h>

#include <linux/docstore_monitor.h>

#include "compat/kobject.h"
#include "config.h"
#include "stats.h"
#include "store.h"
#include "sysfs.h"

/**
 * struct ds_sysfs - the directory of a store
 * @kobj: its kobject
 * @store: the store, for as long as the directory is there
 */
struct ds_sysfs {
	struct kobject kobj;
	struct ds_store *store;
};

/* A file of a store: which setting, which counter, or what of which stage. */
struct ds_sysfs_file {
	struct kobj_attribute attr;
	u32 what;
};

static struct kset *ds_sysfs_stores;
static struct kobject *ds_sysfs_root;

/* Whose files they are; NULL for the module. */
static struct ds_store *ds_sysfs_store(struct kobject *kobj)
{
	return kobj == ds_sysfs_root ? NULL : container_of(kobj, struct ds_sysfs, kobj)->store;
}

static u32 ds_sysfs_what(const struct kobj_attribute *attr)
{
	return container_of(attr, struct ds_sysfs_file, attr)->what;
}

/* Settings of a store, or of the module: the same as its parameters. */
static ssize_t ds_setting_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  ds_config_of(ds_sysfs_store(kobj), ds_sysfs_what(attr)));
}

static ssize_t ds_setting_store(struct kobject *kobj, struct kobj_attribute *attr,
				const char *buf, size_t count)
{
	return ds_config_set(ds_sysfs_store(kobj), ds_sysfs_what(attr), buf) ?: count;
}

/* Counters of a store. */
static ssize_t ds_counter_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct docstore_counters counters;

	ds_stats_read(ds_sysfs_store(kobj), &counters);
	return sysfs_emit(buf, "%llu\n",
			  *(u64 *)((void *)&counters + ds_sysfs_what(attr)));
}

#define DS_COUNTER(_name)	{ #_name, offsetof(struct docstore_counters, _name) }

static const struct {
	const char *name;
	u32 offset;
} ds_counters[] = {
	DS_COUNTER(operations),
	DS_COUNTER(batches),
	DS_COUNTER(batches_failed),
	DS_COUNTER(bytes_in),
	DS_COUNTER(bytes_out),
	DS_COUNTER(reads),
	DS_COUNTER(scanned),
	DS_COUNTER(hints),
	DS_COUNTER(lent),
	DS_COUNTER(polled),
	DS_COUNTER(slept),
	DS_COUNTER(errors),
	DS_COUNTER(interrupted),
	DS_COUNTER(timed_out),
	DS_COUNTER(canceled),
	DS_COUNTER(busy),
	DS_COUNTER(no_memory),
	DS_COUNTER(commits),
	DS_COUNTER(changes),
	DS_COUNTER(retired),
	DS_COUNTER(reused),
	DS_COUNTER(hot),
	DS_COUNTER(checked),
	DS_COUNTER(findings),
	DS_COUNTER(repaired),
	DS_COUNTER(stuck),
	DS_COUNTER(stream_records),
	DS_COUNTER(stream_lost),
	DS_COUNTER(documents),
	DS_COUNTER(bytes),
	DS_COUNTER(bytes_used),
	DS_COUNTER(bytes_retired),
	DS_COUNTER(sessions),
	DS_COUNTER(snapshots),
	DS_COUNTER(streams),
	DS_COUNTER(requests),
	DS_COUNTER(request_bytes),
	DS_COUNTER(queued),
};

/* Latencies of a store. */
enum ds_sysfs_latency {
	DS_LATENCY_COUNT,
	DS_LATENCY_SUM,
	DS_LATENCY_MAX,
	DS_LATENCY_P50,
	DS_LATENCY_P99,
	DS_LATENCY_VALUES,
};

static const char * const ds_latency_values[DS_LATENCY_VALUES] = {
	[DS_LATENCY_COUNT] = "count",
	[DS_LATENCY_SUM] = "sum_ns",
	[DS_LATENCY_MAX] = "max_ns",
	[DS_LATENCY_P50] = "p50_ns",
	[DS_LATENCY_P99] = "p99_ns",
};

static u64 ds_latency_value(const struct docstore_latency *latency, u32 value)
{
	switch (value) {
	case DS_LATENCY_COUNT:
		return latency->count;
	case DS_LATENCY_SUM:
		return latency->sum_ns;
	case DS_LATENCY_MAX:
		return latency->max_ns;
	case DS_LATENCY_P50:
		return ds_stats_percentile(latency, 500);
	default:
		return ds_stats_percentile(latency, 990);
	}
}

static ssize_t ds_latency_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	u32 what = ds_sysfs_what(attr);
	struct docstore_latency *latency = kmalloc_obj(*latency, GFP_KERNEL);
	ssize_t size;

	if (!latency)
		return -ENOMEM;
	ds_stats_read_latency(ds_sysfs_store(kobj), what / DS_LATENCY_VALUES, latency);
	size = sysfs_emit(buf, "%llu\n", ds_latency_value(latency, what % DS_LATENCY_VALUES));
	kfree(latency);
	return size;
}

/* The files: what is not said here is filled in by ds_sysfs_init(). */
#define DS_LATENCIES		(DOCSTORE_STAGES * DS_LATENCY_VALUES)

static struct ds_sysfs_file ds_setting_files[DS_STORE_SETTINGS];
static struct ds_sysfs_file ds_module_setting_files[DOCSTORE_SETTINGS];
static struct ds_sysfs_file ds_counter_files[ARRAY_SIZE(ds_counters)];
static struct ds_sysfs_file ds_latency_files[DS_LATENCIES];
static char ds_latency_names[DS_LATENCIES][24];

static struct attribute *ds_setting_attrs[DS_STORE_SETTINGS + 1];
static struct attribute *ds_module_setting_attrs[DOCSTORE_SETTINGS + 1];
static struct attribute *ds_counter_attrs[ARRAY_SIZE(ds_counters) + 1];
static struct attribute *ds_latency_attrs[DS_LATENCIES + 1];

static const struct attribute_group ds_setting_group = {
	.name = "config",
	.attrs = ds_setting_attrs,
};

static const struct attribute_group ds_module_setting_group = {
	.name = "config",
	.attrs = ds_module_setting_attrs,
};

static const struct attribute_group ds_counter_group = {
	.name = "stats",
	.attrs = ds_counter_attrs,
};

static const struct attribute_group ds_latency_group = {
	.name = "latency",
	.attrs = ds_latency_attrs,
};

static const struct attribute_group *ds_store_groups[] = {
	&ds_setting_group,
	&ds_counter_group,
	&ds_latency_group,
	NULL,
};

static void ds_sysfs_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct ds_sysfs, kobj));
}

/* Who has a store may change its settings. */
static void ds_sysfs_ownership(DS_KOBJECT_CONST struct kobject *kobj, kuid_t *uid, kgid_t *gid)
{
	const struct ds_sysfs *sysfs = container_of(kobj, struct ds_sysfs, kobj);

	*uid = sysfs->store->uid;
	*gid = sysfs->store->gid;
}

static const struct kobj_type ds_sysfs_type = {
	.release = ds_sysfs_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = ds_store_groups,
	.get_ownership = ds_sysfs_ownership,
};

/**
 * ds_sysfs_add() - make the directory of a store
 * @store: the store
 *
 * Context: holds the lock of the table of stores.
 * Return: 0 or a negative errno.
 */
int ds_sysfs_add(struct ds_store *store)
{
	struct ds_sysfs *sysfs = kzalloc_obj(*sysfs, GFP_KERNEL);
	int err;

	if (!sysfs)
		return -ENOMEM;
	sysfs->store = store;
	sysfs->kobj.kset = ds_sysfs_stores;
	err = kobject_init_and_add(&sysfs->kobj, &ds_sysfs_type, NULL, "%s", store->name);
	if (err) {
		kobject_put(&sysfs->kobj);
		return err;
	}
	store->sysfs = sysfs;
	return 0;
}

/**
 * ds_sysfs_remove() - take the directory of a store away
 * @store: the store
 *
 * Context: holds the lock of the table of stores. Waits for who is looking.
 */
void ds_sysfs_remove(struct ds_store *store)
{
	kobject_del(&store->sysfs->kobj);
	kobject_put(&store->sysfs->kobj);
	store->sysfs = NULL;
}

/* A file is made of what it is like and what it is about. */
static struct attribute *ds_sysfs_file(struct ds_sysfs_file *file, const char *name,
				       const struct kobj_attribute *like, u32 what)
{
	file->attr = *like;
	file->attr.attr.name = name;
	file->what = what;
	return &file->attr.attr;
}

static void ds_sysfs_fill_settings(void)
{
	static const struct kobj_attribute setting =
		__ATTR(setting, 0644, ds_setting_show, ds_setting_store);
	u32 i;

	for (i = 0; i < DOCSTORE_SETTINGS; i++) {
		ds_module_setting_attrs[i] = ds_sysfs_file(&ds_module_setting_files[i],
							   ds_config_name(i), &setting, i);
		if (i < DS_STORE_SETTINGS)
			ds_setting_attrs[i] = ds_sysfs_file(&ds_setting_files[i],
							    ds_config_name(i), &setting, i);
	}
}

static void ds_sysfs_fill_stats(void)
{
	static const struct kobj_attribute counter = __ATTR(counter, 0444, ds_counter_show, NULL);
	static const struct kobj_attribute latency = __ATTR(latency, 0444, ds_latency_show, NULL);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ds_counters); i++)
		ds_counter_attrs[i] = ds_sysfs_file(&ds_counter_files[i], ds_counters[i].name,
						    &counter, ds_counters[i].offset);
	for (i = 0; i < DS_LATENCIES; i++) {
		snprintf(ds_latency_names[i], sizeof(ds_latency_names[i]), "%s_%s",
			 ds_stats_stage_name(i / DS_LATENCY_VALUES),
			 ds_latency_values[i % DS_LATENCY_VALUES]);
		ds_latency_attrs[i] = ds_sysfs_file(&ds_latency_files[i], ds_latency_names[i],
						    &latency, i);
	}
}

/**
 * ds_sysfs_init() - make the directory
 *
 * Return: 0 or a negative errno.
 */
int ds_sysfs_init(void)
{
	int err;

	ds_sysfs_fill_settings();
	ds_sysfs_fill_stats();
	ds_sysfs_root = kobject_create_and_add("docstore", kernel_kobj);
	if (!ds_sysfs_root)
		return -ENOMEM;
	err = sysfs_create_group(ds_sysfs_root, &ds_module_setting_group);
	if (err)
		goto err_root;
	ds_sysfs_stores = kset_create_and_add("stores", NULL, ds_sysfs_root);
	if (ds_sysfs_stores)
		return 0;
	err = -ENOMEM;
err_root:
	kobject_put(ds_sysfs_root);
	return err;
}

/**
 * ds_sysfs_exit() - take it away, when there are no stores any more
 */
void ds_sysfs_exit(void)
{
	kset_unregister(ds_sysfs_stores);
	kobject_put(ds_sysfs_root);
}

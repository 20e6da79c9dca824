/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings, of the module and of each store.
 */
#ifndef _DOCSTORE_CONFIG_H
#define _DOCSTORE_CONFIG_H

#include <linux/types.h>

#include <linux/docstore_monitor.h>

struct ds_session;
struct ds_store;

/* Settings from here on are of the module and not of stores. */
#define DS_STORE_SETTINGS	DOCSTORE_SETTING_MAX_STORES

/**
 * struct ds_config - the settings of the module or of a store
 * @rcu: to free it
 * @own: bits of the settings that somebody has set
 * @value: for each setting its value; of a store, if it is its own
 *
 * Never changed once it is published. Who looks holds the RCU read lock, and takes all
 * that one operation needs from the same object.
 */
struct ds_config {
	struct rcu_head rcu;
	u64 own;
	u64 value[DOCSTORE_SETTINGS];
};

u64 ds_config_module(enum docstore_setting setting);
u64 ds_config_of(const struct ds_store *store, enum docstore_setting setting);
void ds_config_many(const struct ds_store *store, const enum docstore_setting *settings,
		    u64 *values, u32 count);

const char *ds_config_name(enum docstore_setting setting);
int ds_config_set(struct ds_store *store, enum docstore_setting setting, const char *text);
void ds_config_destroy(struct ds_store *store);
u64 ds_config_changes(void);

int ds_ioctl_config(struct ds_session *session, void *arg);
void ds_configs_init(void);
void ds_configs_exit(void);

#endif /* _DOCSTORE_CONFIG_H */

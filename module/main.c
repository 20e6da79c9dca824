// SPDX-License-Identifier: GPL-2.0
/*
 * docstore: structured documents shared by the processes of one host.
 *
 * Load and unload, nothing else.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "check.h"
#include "config.h"
#include "core/arena.h"
#include "debugfs.h"
#include "device.h"
#include "map.h"
#include "request.h"
#include "session.h"
#include "store.h"
#include "stream.h"
#include "sysfs.h"
#include "watchdog.h"
#include "worker.h"

static int __init docstore_init(void)
{
	int err;

	ds_arena_setup();
	ds_configs_init();
	err = ds_maps_init();
	if (err)
		goto err_configs;
	err = ds_requests_init();
	if (err)
		goto err_maps;
	err = ds_workers_init();
	if (err)
		goto err_requests;
	err = ds_checks_init();
	if (err)
		goto err_workers;
	err = ds_streams_init();
	if (err)
		goto err_checks;
	err = ds_sysfs_init();
	if (err)
		goto err_streams;
	err = ds_stores_init();
	if (err)
		goto err_sysfs;
	ds_watchdog_init();
	ds_debugfs_init();
	err = ds_device_init();
	if (err)
		goto err_stores;
	return 0;

err_stores:
	ds_debugfs_exit();
	ds_watchdog_exit();
	ds_stores_exit();
err_sysfs:
	ds_sysfs_exit();
err_streams:
	ds_streams_exit();
err_checks:
	ds_checks_exit();
err_workers:
	ds_workers_exit();
err_requests:
	ds_requests_exit();
err_maps:
	ds_maps_exit();
err_configs:
	ds_configs_exit();
	return err;
}

static void __exit docstore_exit(void)
{
	ds_device_exit();
	ds_debugfs_exit();
	ds_watchdog_exit();
	ds_stores_exit();
	ds_sysfs_exit();
	ds_streams_exit();
	ds_checks_exit();
	ds_workers_exit();
	ds_requests_exit();
	ds_maps_exit();
	ds_sessions_exit();
	ds_configs_exit();
}

module_init(docstore_init);
module_exit(docstore_exit);

MODULE_DESCRIPTION("Structured documents shared by the processes of one host");
MODULE_AUTHOR("The docstore developers");
MODULE_LICENSE("GPL");

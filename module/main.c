// SPDX-License-Identifier: GPL-2.0
/*
 * docstore: structured documents shared by the processes of one host.
 *
 * Load and unload, nothing else.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "core/arena.h"
#include "device.h"
#include "map.h"
#include "request.h"
#include "store.h"
#include "worker.h"

static int __init docstore_init(void)
{
	int err;

	ds_arena_setup();
	err = ds_maps_init();
	if (err)
		return err;
	err = ds_requests_init();
	if (err)
		goto err_maps;
	err = ds_workers_init();
	if (err)
		goto err_requests;
	err = ds_stores_init();
	if (err)
		goto err_workers;
	err = ds_device_init();
	if (err)
		goto err_stores;
	return 0;

err_stores:
	ds_stores_exit();
err_workers:
	ds_workers_exit();
err_requests:
	ds_requests_exit();
err_maps:
	ds_maps_exit();
	return err;
}

static void __exit docstore_exit(void)
{
	ds_device_exit();
	ds_stores_exit();
	ds_workers_exit();
	ds_requests_exit();
	ds_maps_exit();
}

module_init(docstore_init);
module_exit(docstore_exit);

MODULE_DESCRIPTION("Structured documents shared by the processes of one host");
MODULE_AUTHOR("The docstore developers");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0
/* docstore(1): top: reading samples. */
#include <stdio.h>
#include <stdlib.h>

#include "tool.h"
#include "top.h"

static void add_snapshots(struct top_sample *sample, const struct ds_store *store,
			  const char *name)
{
	struct docstore_snapshot_info *list;
	size_t n, i;

	if (ds_snapshots(store, &list, sizeof(*list), &n))
		return;
	sample->snapshots = xrealloc(sample->snapshots, sample->snapshot_count + n + 1,
				     sizeof(*sample->snapshots));
	for (i = 0; i < n; i++) {
		struct top_snapshot *snapshot = &sample->snapshots[sample->snapshot_count++];

		memset(snapshot, 0, sizeof(*snapshot));
		snprintf(snapshot->store, sizeof(snapshot->store), "%s", name);
		snapshot->info = list[i];
	}
	free(list);
}

/* One that was removed meanwhile is none any more. */
static void read_store(struct top_sample *sample, const struct docstore_store_info *listed)
{
	struct ds_open_opts opts = { .size = sizeof(opts), .flags = DS_OPEN_NO_MAP };
	struct top_store_sample *one = &sample->stores[sample->store_count];
	const char *name = (const char *)listed->name;
	struct ds_store *store;
	int err;

	memset(one, 0, sizeof(*one));
	err = ds_open(name, DOCSTORE_OPEN_READ, &opts, &store);
	if (err) {
		sample->closed += err != -ENOENT;
		return;
	}
	one->info.size = sizeof(one->info);
	err = ds_store_info(store, &one->info);
	if (!err)
		err = sample_store(store, name, &one->stats);
	if (!err) {
		sample->store_count++;
		add_snapshots(sample, store, name);
	}
	ds_close(store);
}

int top_read(struct top_sample *sample)
{
	struct docstore_store_info *list;
	size_t n, i;
	int err;

	memset(sample, 0, sizeof(*sample));
	err = ds_list(NULL, &list, sizeof(*list), &n);
	if (err)
		return err;
	sample->stores = xrealloc(NULL, n + 1, sizeof(*sample->stores));
	for (i = 0; i < n; i++) {
		list[i].name[sizeof(list[i].name) - 1] = '\0';
		read_store(sample, &list[i]);
	}
	free(list);
	return sample_module(&sample->module);
}

void top_sample_free(struct top_sample *sample)
{
	module_sample_free(&sample->module);
	free(sample->stores);
	free(sample->snapshots);
	memset(sample, 0, sizeof(*sample));
}

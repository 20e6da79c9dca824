// SPDX-License-Identifier: GPL-2.0
/*
 * Breaking a store on purpose, to see that checks find it: only in modules that are built
 * with DOCSTORE_BREAK=1, which nobody uses for anything else.
 *
 * The parameter "damage" takes the name of a store, the number of a partition and a kind
 * of damage, or "undo", for what can't be repaired. In between nothing must be done to the
 * store but to check it. Read, it tells the kinds: for each its name, who has to find it,
 * and whether it can be repaired. "unowned" is not among them: any check repairs it, since
 * it visits the partition.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "check.h"
#include "core/damage.h"
#include "owner.h"
#include "request.h"
#include "store.h"

/**
 * struct ds_break - damage that is to be done, or was
 * @lock: held by who does something with it
 * @kind: the kind
 * @partition: to which partition it was done
 * @incarnation: of this store
 * @undo: how to undo it
 * @done: it was done
 * @request: or a request that waits for its turn in vain
 */
struct ds_break {
	struct mutex lock; /* see above */
	const struct ds_damage *kind;
	struct ds_owned *partition;
	u64 incarnation;
	struct ds_damage_undo undo;
	bool done;
	struct ds_request *request;
};

static struct ds_break ds_break = { .lock = __MUTEX_INITIALIZER(ds_break.lock) };

static const struct ds_damage *ds_break_find(const char *name)
{
	const struct ds_damage *kind;
	u32 i;

	for (i = 0; (kind = ds_damage_kind(i)); i++)
		if (!strcmp(kind->name, name))
			return kind;
	return NULL;
}

/* Context: the owner. */
static void ds_break_visit(struct ds_owned *owned, void *private)
{
	ds_break.undo.count = 0;
	ds_break.done = ds_break.kind->inflict(&owned->partition, &ds_break.undo);
}

/* Context: the owner. */
static void ds_break_undo_visit(struct ds_owned *owned, void *private)
{
	ds_damage_undo(&ds_break.undo);
}

static int ds_break_do(struct ds_owned *owned, const char *name)
{
	ds_break.kind = ds_break_find(name);
	ds_break.partition = owned;
	ds_break.incarnation = owned->store->incarnation;
	ds_break.done = false;
	if (!ds_break.kind)
		return -EINVAL;
	return ds_owner_visit(owned, ds_break_visit, NULL) ?: ds_break.done ? 0 : -ENOENT;
}

/* What is about the store as a whole. */
static int ds_break_queued(struct ds_store *store)
{
	struct ds_coordinator *c = &store->coordinator;

	spin_lock(&c->lock);
	c->queued++;
	spin_unlock(&c->lock);
	return 0;
}

static int ds_break_sessions(struct ds_store *store)
{
	atomic_dec(&store->sessions);
	return 0;
}

/* A request that is over before it has begun, and does nothing when it has its turn. */
static struct ds_request *ds_break_request(struct ds_owned *owned)
{
	struct ds_request *request = ds_request_create(owned->store, 1, false);
	struct ds_part *part;

	if (!request)
		return NULL;
	part = &request->parts[0];
	part->request = request;
	part->owned = owned;
	part->kcov = kcov_common_handle();
	request->nparts = 1;
	atomic_set(&part->state, DS_PART_CANCELED);
	ds_request_fail(request, -ECANCELED);
	return request;
}

/* It waits, counted as it should be, for a coordinator that has nothing to do. */
static int ds_break_turn(struct ds_owned *owned)
{
	struct ds_coordinator *c = &owned->store->coordinator;
	struct ds_request *request;

	if (ds_break.request)
		return -EBUSY;
	request = ds_break_request(owned);
	if (!request)
		return -ENOMEM;
	ds_break.request = request;
	spin_lock(&c->lock);
	list_add_tail(&request->waiting, &c->queue);
	c->queued++;
	spin_unlock(&c->lock);
	return 0;
}

static void ds_break_turn_undo(struct ds_store *store)
{
	struct ds_request *request = ds_break.request;

	spin_lock(&store->coordinator.lock);
	list_del_init(&request->waiting);
	store->coordinator.queued--;
	spin_unlock(&store->coordinator.lock);
	ds_break.request = NULL;
	ds_request_put(request);
}

/* It is in a partition's queue, and nobody was woken. The owner lets go of it. */
static int ds_break_unowned(struct ds_owned *owned)
{
	struct ds_request *request = ds_break_request(owned);

	if (!request)
		return -ENOMEM;
	llist_add(&request->parts[0].node, &owned->queue);
	return 0;
}

/* Only what was done last. */
static int ds_break_undo(struct ds_owned *owned)
{
	if (ds_break.request && ds_break.request->store == owned->store) {
		ds_break_turn_undo(owned->store);
		return 0;
	}
	if (!ds_break.done || owned != ds_break.partition ||
	    owned->store->incarnation != ds_break.incarnation)
		return -ENOENT;
	return ds_owner_visit(owned, ds_break_undo_visit, NULL);
}

static int ds_break_store(struct ds_store *store, u32 partition, const char *name)
{
	int err;

	if (partition >= store->npartitions)
		return -ERANGE;
	mutex_lock(&ds_break.lock);
	mutex_lock(&store->checker.lock);
	if (!strcmp(name, "queued"))
		err = ds_break_queued(store);
	else if (!strcmp(name, "sessions"))
		err = ds_break_sessions(store);
	else if (!strcmp(name, "turn"))
		err = ds_break_turn(store->owned[partition]);
	else if (!strcmp(name, "unowned"))
		err = ds_break_unowned(store->owned[partition]);
	else if (!strcmp(name, "undo"))
		err = ds_break_undo(store->owned[partition]);
	else
		err = ds_break_do(store->owned[partition], name);
	mutex_unlock(&store->checker.lock);
	mutex_unlock(&ds_break.lock);
	return err;
}

static int ds_break_set(const char *value, const struct kernel_param *param)
{
	char store_name[DOCSTORE_STORE_NAME_SIZE], name[32];
	struct ds_store *store;
	u32 partition;
	int err;

	if (sscanf(value, "%63s %u %31s", store_name, &partition, name) != 3)
		return -EINVAL;
	store = ds_store_find(store_name);
	if (!store)
		return -ENOENT;
	err = ds_break_store(store, partition, name);
	ds_store_close(store);
	return err;
}

static int ds_break_get(char *buffer, const struct kernel_param *param)
{
	const struct ds_damage *kind;
	int len = 0;
	u32 i;

	for (i = 0; (kind = ds_damage_kind(i)); i++)
		len += scnprintf(buffer + len, PAGE_SIZE - len, "%s %s %d\n", kind->name,
				 ds_validator_name(kind->validator), kind->repairable);
	len += scnprintf(buffer + len, PAGE_SIZE - len, "queued queues 1\nturn queues 0\n");
	len += scnprintf(buffer + len, PAGE_SIZE - len, "sessions sessions 1\n");
	return len;
}

static const struct kernel_param_ops ds_break_ops = {
	.set = ds_break_set,
	.get = ds_break_get,
};

module_param_cb(damage, &ds_break_ops, NULL, 0600);
MODULE_PARM_DESC(damage, "Break a store: its name, the number of a partition, a kind of damage");

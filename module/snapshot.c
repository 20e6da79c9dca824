// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: taking, closing, leases, and what there is to see of them.
 *
 * core/past.c says what a pin is, and how owners deal with it. Here is what that needs
 * of a kernel: memory, the lock under which pins are taken and swept away, and a file
 * that holds one.
 *
 * Locks: @pins_lock of a store. While it is held, a request may be waited for in which
 * all partitions are held; owners never take it.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>

#include <linux/docstore.h>

#include "config.h"
#include "contention.h"
#include "device.h"
#include "ioctl.h"
#include "map.h"
#include "owner.h"
#include "request.h"
#include "session.h"
#include "snapshot.h"
#include "store.h"
#include "trace.h"

static struct ds_snapshot *ds_snapshot_of(struct ds_pin *pin)
{
	return container_of(pin, struct ds_snapshot, pin);
}

static struct ds_pins *ds_store_pins(struct ds_store *store)
{
	return rcu_dereference_protected(store->past.pins, lockdep_is_held(&store->pins_lock));
}

static u32 ds_store_pins_count(struct ds_store *store)
{
	const struct ds_pins *pins = ds_store_pins(store);

	return pins ? pins->count : 0;
}

/*
 * Those that somebody reads by: what was let go of may take a while to go, where owners
 * don't get a CPU, and is not to be in the way of others.
 */
static u32 ds_store_pins_open(struct ds_store *store)
{
	const struct ds_pins *pins = ds_store_pins(store);
	u32 open = 0, i;

	for (i = 0; pins && i < pins->count; i++)
		open += !READ_ONCE(pins->pin[i]->released);
	return open;
}

static void ds_snapshot_free_rcu(struct rcu_head *rcu)
{
	struct ds_snapshot *snapshot = container_of(rcu, struct ds_snapshot, rcu);

	free_page((unsigned long)snapshot->page);
	kvfree(snapshot);
}

/* Owners may still be looking at it. */
static void ds_snapshot_put(struct ds_snapshot *snapshot)
{
	if (refcount_dec_and_test(&snapshot->ref))
		call_rcu(&snapshot->rcu, ds_snapshot_free_rcu);
}

static void ds_pins_sweep(struct ds_store *store)
{
	struct ds_pins *old, *pins;
	struct ds_pin **gone;
	u32 count, i;

	ds_contention_mutex_lock(&store->pins_lock, DS_PLACE_PINS);
	old = ds_store_pins(store);
	count = ds_store_pins_count(store);
	/* A few pointers; what is to be freed can't be refused to be. */
	pins = kvzalloc(struct_size(pins, pin, count), GFP_KERNEL | __GFP_NOFAIL);
	gone = kvzalloc_objs(*gone, max(count, 1U), GFP_KERNEL | __GFP_NOFAIL);
	count = ds_past_sweep(&store->past, pins, gone);
	if (!count || !pins->count)
		kvfree(pins);
	mutex_unlock(&store->pins_lock);
	if (count)
		kvfree_rcu(old, rcu);
	for (i = 0; i < count; i++)
		ds_snapshot_put(ds_snapshot_of(gone[i]));
	kvfree(gone);
}

static void ds_pins_work(struct work_struct *work)
{
	struct ds_store *store = container_of(work, struct ds_store, sweep);

	ds_pins_sweep(store);
	ds_store_put(store);
}

/* Context: an owner, who may not wait. */
static void ds_pins_emptied(struct ds_past *past)
{
	struct ds_store *store = container_of(past, struct ds_store, past);

	ds_store_get(store);
	if (!schedule_work(&store->sweep))
		ds_store_put(store);
}

/**
 * ds_pins_init() - prepare what a store's pins need
 * @store: the store, before its partitions are made
 *
 * Return: 0 or -ENOMEM.
 */
int ds_pins_init(struct ds_store *store)
{
	struct ds_past *past = &store->past;

	mutex_init(&store->pins_lock);
	INIT_WORK(&store->sweep, ds_pins_work);
	past->emptied = ds_pins_emptied;
	past->head = store->map.head;
	past->count = store->npartitions;
	past->partitions = kvzalloc_objs(*past->partitions, past->count, GFP_KERNEL_ACCOUNT);
	return past->partitions ? 0 : -ENOMEM;
}

/**
 * ds_pins_destroy() - undo it
 * @store: the store, which nobody uses any more; all its pins were released
 */
void ds_pins_destroy(struct ds_store *store)
{
	struct ds_pins *pins = rcu_dereference_protected(store->past.pins, true);
	u32 i;

	for (i = 0; pins && i < pins->count; i++) {
		WARN_ON_ONCE(!pins->pin[i]->released);
		ds_snapshot_put(ds_snapshot_of(pins->pin[i]));
	}
	kvfree(pins);
	kvfree(store->past.partitions);
}

/* Of a pin that was taken nobody reads any more: owners may do away with what it holds. */
static void ds_snapshot_release(struct ds_snapshot *snapshot)
{
	struct ds_store *store = snapshot->store;
	u32 i;

	ds_past_release(&store->past, &snapshot->pin);
	for (i = 0; i < store->npartitions; i++)
		ds_owner_drain(store->owned[i]);
}

static void ds_snapshot_lease_over(struct work_struct *work)
{
	struct ds_snapshot *snapshot = container_of(to_delayed_work(work), struct ds_snapshot,
						    lease);

	/*
	 * Before anything that it keeps can be used again: who has read that sees this.
	 * Pairs with the fence of mapped readers, by way of grace period and era.
	 */
	smp_store_release(&snapshot->page->state, DOCSTORE_SNAPSHOT_REVOKED);
	trace_docstore_snapshot(snapshot->store->incarnation, snapshot->id, DS_SNAPSHOT_REVOKED);
	ds_snapshot_release(snapshot);
	wake_up_all(&snapshot->revoked);
}

static struct ds_snapshot *ds_snapshot_alloc(struct ds_store *store, u32 lease_ms)
{
	struct docstore_map_snapshot *page;
	struct ds_snapshot *snapshot;

	BUILD_BUG_ON(sizeof(*page) > PAGE_SIZE);
	snapshot = kvzalloc(struct_size(snapshot, pin.list, store->npartitions),
			    GFP_KERNEL_ACCOUNT);
	if (!snapshot)
		return NULL;
	page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!page) {
		kvfree(snapshot);
		return NULL;
	}
	refcount_set(&snapshot->ref, 1);
	snapshot->store = store;
	snapshot->page = page;
	snapshot->uid = current_euid();
	snapshot->lease_ms = lease_ms;
	INIT_DELAYED_WORK(&snapshot->lease, ds_snapshot_lease_over);
	init_waitqueue_head(&snapshot->revoked);
	return snapshot;
}

/* What the snapshot sees, for who reads the store's mapping by it. */
static void ds_snapshot_write_page(struct ds_snapshot *snapshot)
{
	struct docstore_map_snapshot *page = snapshot->page;
	const struct ds_store *store = snapshot->store;
	u32 i;

	memcpy(page->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE);
	page->layout = DOCSTORE_MAP_LAYOUT;
	page->partitions = store->npartitions;
	page->incarnation = store->incarnation;
	page->id = snapshot->id;
	page->created = ktime_get_real_ns();
	for (i = 0; i < store->npartitions; i++)
		page->seq[i] = snapshot->pin.list[i].seq;
}

/* Context: the owner of all partitions: nothing can be published. */
static void ds_snapshot_collect_held(struct ds_request *request)
{
	struct ds_snapshot *snapshot = request->private;

	WARN_ON_ONCE(!ds_past_collect(&snapshot->store->past, &snapshot->pin, 1));
}

/*
 * Where so much is published that no moment was found, all partitions are held for one.
 * That can't be done for a signal, or as much as waits already.
 */
static int ds_snapshot_stop_all(struct ds_snapshot *snapshot)
{
	struct ds_store *store = snapshot->store;
	struct ds_request *request = ds_request_create(store, store->npartitions, false);
	int err;

	if (!request)
		return -ENOMEM;
	ds_request_hold(request, ds_snapshot_collect_held, snapshot);
	err = ds_request_run(request, 0);
	if (!err)
		ds_request_done(request);
	ds_request_put(request);
	return err == -ERESTARTSYS ? -EINTR : err;
}

/* Context: holds @pins_lock. */
static int ds_snapshot_pin(struct ds_snapshot *snapshot, bool internal)
{
	struct ds_store *store = snapshot->store;
	struct ds_pins *pins, *old;
	u32 count = ds_store_pins_count(store);
	int err = 0;

	lockdep_assert_held(&store->pins_lock);
	if (!internal &&
	    ds_store_pins_open(store) >= ds_config_of(store, DOCSTORE_SETTING_MAX_SNAPSHOTS))
		return -ENOSPC;
	pins = kvzalloc(struct_size(pins, pin, count + 1), GFP_KERNEL_ACCOUNT);
	if (!pins)
		return -ENOMEM;
	old = ds_store_pins(store);
	refcount_inc(&snapshot->ref);
	ds_past_begin(&store->past, pins, &snapshot->pin);
	if (old)
		kvfree_rcu(old, rcu);
	if (!ds_past_collect(&store->past, &snapshot->pin, DS_PAST_TRIES))
		err = ds_snapshot_stop_all(snapshot);
	snapshot->taken = ktime_get_ns();
	if (!err && !internal)
		snapshot->id = ++store->snapshot_ids;
	ds_past_end(&snapshot->pin);
	/* Who lists it from now on finds it as it is. */
	if (!err)
		ds_snapshot_write_page(snapshot);
	return err;
}

/**
 * ds_snapshot_take() - hold a store as it is now
 * @store: the store, which the caller holds for longer than the snapshot
 * @lease_ms: its lease in milliseconds, 0 for none; ds_snapshot_begin_lease() follows
 * @internal: to be read by within the system call, and shown to nobody
 *
 * Context: may sleep.
 * Return: the snapshot, or an error pointer: -EBUSY, -EINTR, -ENOMEM or -ENOSPC.
 */
struct ds_snapshot *ds_snapshot_take(struct ds_store *store, u32 lease_ms, bool internal)
{
	struct ds_snapshot *snapshot = ds_snapshot_alloc(store, lease_ms);
	int err;

	if (!snapshot)
		return ERR_PTR(-ENOMEM);
	err = mutex_lock_interruptible(&store->pins_lock);
	if (!err) {
		err = ds_snapshot_pin(snapshot, internal);
		mutex_unlock(&store->pins_lock);
	} else {
		err = -EINTR;
	}
	if (!err) {
		trace_docstore_snapshot(store->incarnation, snapshot->id, DS_SNAPSHOT_TAKEN);
		return snapshot;
	}
	/* It may be among the pins already, where it has to be looked through. */
	if (refcount_read(&snapshot->ref) > 1)
		ds_snapshot_release(snapshot);
	ds_snapshot_put(snapshot);
	return ERR_PTR(err);
}

/**
 * ds_snapshot_begin_lease() - revoke a snapshot when its lease is over
 * @snapshot: the snapshot
 */
void ds_snapshot_begin_lease(struct ds_snapshot *snapshot)
{
	if (snapshot->lease_ms)
		schedule_delayed_work(&snapshot->lease, msecs_to_jiffies(snapshot->lease_ms));
}

/**
 * ds_snapshot_close() - let go of a snapshot
 * @snapshot: the snapshot
 *
 * Context: may sleep; the caller holds the store.
 */
void ds_snapshot_close(struct ds_snapshot *snapshot)
{
	if (snapshot->lease_ms)
		cancel_delayed_work_sync(&snapshot->lease);
	trace_docstore_snapshot(snapshot->store->incarnation, snapshot->id, DS_SNAPSHOT_CLOSED);
	if (ds_snapshot_good(snapshot))
		ds_snapshot_release(snapshot);
	ds_snapshot_put(snapshot);
}

/**
 * ds_snapshot_mmap() - map a snapshot's page
 * @snapshot: the snapshot, which the mapped file holds
 * @vma: where to
 *
 * Return: 0, -EACCES, -EAGAIN, -EINVAL, -ENOMEM or -ENXIO.
 */
int ds_snapshot_mmap(struct ds_snapshot *snapshot, struct vm_area_struct *vma)
{
	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EACCES;
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_pgoff || vma_pages(vma) != 1)
		return -ENXIO;
	/* Nor by mprotect() later. */
	vm_flags_mod(vma, 0, VM_MAYWRITE | VM_MAYEXEC);
	return remap_pfn_range(vma, vma->vm_start, page_to_pfn(virt_to_page(snapshot->page)),
			       PAGE_SIZE, vma->vm_page_prot);
}

/**
 * ds_ioctl_snapshot() - DOCSTORE_SNAPSHOT
 * @session: the caller's session
 * @data: struct docstore_snapshot
 *
 * Return: the new descriptor, -EAGAIN, -EBUSY, -EINTR, -EINVAL, -EMFILE, -ENOMEM or
 * -ENOSPC.
 */
int ds_ioctl_snapshot(struct ds_session *session, void *data)
{
	struct docstore_snapshot *arg = data;
	struct ds_snapshot *snapshot;
	struct ds_session *of;

	if (arg->flags || arg->__reserved)
		return -EINVAL;
	/* First, so that nothing is held while it waits. */
	of = ds_session_create_by(session, &session->snapshots,
				  DOCSTORE_SETTING_SESSION_SNAPSHOTS);
	if (IS_ERR(of))
		return PTR_ERR(of);
	snapshot = ds_snapshot_take(session->store, arg->lease_ms, false);
	if (IS_ERR(snapshot)) {
		ds_session_free(of);
		return PTR_ERR(snapshot);
	}
	of->snapshot = snapshot;
	arg->id = snapshot->id;
	ds_snapshot_begin_lease(snapshot);
	return ds_device_open_snapshot(of);
}

static void ds_snapshot_fill_info(const struct ds_snapshot *snapshot,
				  struct docstore_snapshot_info *info)
{
	u32 i;

	*info = (struct docstore_snapshot_info){
		.size = info->size,
		.id = snapshot->id,
		.created = snapshot->page->created,
		.age = ktime_get_ns() - snapshot->taken,
		.lease_ms = snapshot->lease_ms,
		.state = READ_ONCE(snapshot->page->state),
		.uid = from_kuid_munged(current_user_ns(), snapshot->uid),
	};
	for (i = 0; i < snapshot->store->npartitions; i++) {
		info->bytes += READ_ONCE(snapshot->pin.list[i].bytes);
		info->versions += READ_ONCE(snapshot->pin.list[i].count);
	}
}

/**
 * ds_ioctl_snapshot_info() - DOCSTORE_SNAPSHOT_INFO
 * @session: the caller's session
 * @data: struct docstore_snapshot_info
 *
 * Return: 0 or -EINVAL.
 */
int ds_ioctl_snapshot_info(struct ds_session *session, void *data)
{
	struct docstore_snapshot_info *arg = data;

	if (arg->flags)
		return -EINVAL;
	ds_snapshot_fill_info(session->snapshot, arg);
	return 0;
}

/* The next one behind an id. Return its id, or 0 if there is none. */
static u64 ds_snapshots_next(struct ds_store *store, u64 after,
			     struct docstore_snapshot_info *info)
{
	const struct ds_pins *pins;
	u64 found = 0;
	u32 i;

	ds_contention_mutex_lock(&store->pins_lock, DS_PLACE_PINS);
	pins = ds_store_pins(store);
	for (i = 0; pins && i < pins->count && !found; i++) {
		const struct ds_snapshot *snapshot = ds_snapshot_of(pins->pin[i]);

		if (snapshot->id <= after)
			continue;
		ds_snapshot_fill_info(snapshot, info);
		found = snapshot->id;
	}
	mutex_unlock(&store->pins_lock);
	return found;
}

/**
 * ds_snapshots_show() - describe the snapshots of a store
 * @m: where to
 * @store: the store
 *
 * Context: may sleep.
 */
void ds_snapshots_show(struct seq_file *m, struct ds_store *store)
{
	struct docstore_snapshot_info info = { .size = sizeof(info) };

	while (!seq_has_overflowed(m) && ds_snapshots_next(store, info.id, &info))
		seq_printf(m, "  snapshot %llu: age %llu ns, lease %u ms%s, uid %u, %llu bytes in %llu versions\n",
			   info.id, info.age, info.lease_ms,
			   info.state & DOCSTORE_SNAPSHOT_REVOKED ? ", revoked" : "", info.uid,
			   info.bytes, info.versions);
}

static u64 ds_snapshot_next(struct ds_session *session, u64 after, void *info)
{
	return ds_snapshots_next(session->store, after, info);
}

/**
 * ds_ioctl_snapshot_list() - DOCSTORE_SNAPSHOT_LIST
 * @session: the caller's session
 * @data: struct docstore_snapshot_list
 *
 * Return: 0, -E2BIG, -EFAULT or -EINVAL.
 */
int ds_ioctl_snapshot_list(struct ds_session *session, void *data)
{
	struct docstore_snapshot_list *arg = data;
	struct docstore_snapshot_info info = { .size = sizeof(info) };
	const struct ds_listing list = {
		.next = ds_snapshot_next,
		.info = &info,
		.info_size = sizeof(info),
		.least = sizeof(info),
		.array = arg->snapshots,
		.element = arg->snapshot_size,
		.count = &arg->count,
		.cursor = &arg->cursor,
	};

	if (arg->flags)
		return -EINVAL;
	return ds_list_out(session, &list);
}

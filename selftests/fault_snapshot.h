/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshots with a fault in them: taking, asking for, mapping and closing them, and
 * reading from them; and reading several documents together. A snapshot must have all
 * documents as they were, and when it is gone nothing must be left of it.
 */
#ifndef DOCSTORE_FAULT_SNAPSHOT_H
#define DOCSTORE_FAULT_SNAPSHOT_H

#include "fault_calls.h"
#include "uring.h"

static struct ds_ring fault_ring = { .fd = -1 };

/* Something else for those who look at the store, and not at the snapshot. */
static int change_all(struct fault *f)
{
	struct docstore_op ops[EXISTING + 1];
	unsigned int i;

	f->round++;
	for (i = 0; i < EXISTING; i++)
		ops[i] = i % 5 ? ds_set_s64(f->model.docs[i].id, f->p[0], f->round) :
				 ds_delete(f->model.docs[i].id);
	ops[i] = ds_set_s64(f->model.docs[EXISTING].id, f->p[0], f->round);
	return model_submit(&f->model, ops, ARRAY_SIZE(ops));
}

/* All documents, and one that is not there. */
static int change_back(struct fault *f)
{
	unsigned int i;
	int ret;

	f->target = &f->model;
	for (i = 0; i < EXISTING; i++) {
		ret = have(f, i, true);
		if (ret)
			return ret;
	}
	return have(f, EXISTING, false);
}

/* A snapshot of all documents, of which none is any more as it was. */
static int prepare_frozen(struct fault *f)
{
	int ret = change_back(f);

	if (ret)
		return ret;
	ret = ds_snapshot(f->store.fd, 0, &f->id);
	if (ret < 0)
		return ret;
	model_freeze(&f->frozen, &f->model, ret);
	f->target = &f->frozen;
	return change_all(f);
}

static int prepare_frozen_cold(struct fault *f)
{
	int ret = prepare_frozen(f);

	make_cold(f);
	return ret;
}

/* It is as it was, and with it goes all that it has retained. */
static int frozen_end(struct fault *f)
{
	int err = model_check(&f->frozen);

	if (close(f->frozen.fd) && !err)
		err = -errno;
	model_reset(&f->frozen, -1);
	return err ?: snapshots_become(f->store.fd, 0);
}

/* Taking ------------------------------------------------------------------- */

static int run_snapshot(struct fault *f)
{
	f->fd = ds_snapshot(f->store.fd, 0, &f->id);
	return f->fd < 0 ? f->fd : 0;
}

static int run_snapshot_lease(struct fault *f)
{
	f->fd = ds_snapshot(f->store.fd, 3600000, &f->id);
	return f->fd < 0 ? f->fd : 0;
}

static int prepare_snapshot_uring(struct fault *f)
{
	return change_back(f) ?: ds_ring_open(&fault_ring, 4, 0);
}

static int run_snapshot_uring(struct fault *f)
{
	struct docstore_snapshot s = { .size = sizeof(s) };

	f->fd = ds_ring_ioctl(&fault_ring, 0, f->store.fd, DOCSTORE_SNAPSHOT, &s);
	f->id = s.id;
	if (f->fd >= 0)
		return 0;
	/* A thread of the ring may have carried it out, or there was no memory for one. */
	f->elsewhere = f->rest || f->fd == -ECANCELED;
	/* The ring has had no memory. */
	return f->fd <= DS_CALL(0) || f->fd == -ECANCELED ? -ENOMEM : f->fd;
}

static int settle_snapshot(struct fault *f, int ret)
{
	struct docstore_snapshot_info info;
	int err;

	if (ret)
		return snapshots_become(f->store.fd, 0);
	model_freeze(&f->frozen, &f->model, f->fd);
	err = ds_snapshot_info(f->fd, &info) ?: snapshots_become(f->store.fd, 1) ?: change_all(f);
	if (!err && (info.id != f->id || info.versions || info.state))
		err = ds_broken("snapshot %llu is number %llu, and retains %llu versions", f->id,
				info.id, info.versions);
	return err ?: frozen_end(f);
}

static int settle_snapshot_uring(struct fault *f, int ret)
{
	return ds_ring_close(&fault_ring) ?: settle_snapshot(f, ret);
}

/* Closing ------------------------------------------------------------------ */

static int prepare_close_snapshot(struct fault *f)
{
	int ret = prepare_frozen(f);

	f->fd = f->frozen.fd;
	return ret;
}

static int settle_close_snapshot(struct fault *f, int ret)
{
	model_reset(&f->frozen, -1);
	return ret ?: snapshots_become(f->store.fd, 0);
}

/* The store was removed, and nobody else has it open. */
static int prepare_close_last_snapshot(struct fault *f)
{
	struct docstore_op op;
	int ret = extra_begin(f, 4, 16 * MIB) ?: fill(f, 16);

	if (ret)
		return ret;
	f->fd = ds_snapshot(f->extra.fd, 0, &f->id);
	if (f->fd < 0)
		return f->fd;
	op = ds_delete(id_of(f, 3));
	ret = model_submit(f->target, &op, 1) ?: fill(f, 3);
	/* What is checked later is another store's. */
	model_reset(&f->fresh, -1);
	return ret ?: ds_store_end(&f->extra);
}

/* Asking ------------------------------------------------------------------- */

static int run_snapshot_info(struct fault *f)
{
	return ds_snapshot_info(f->frozen.fd, (void *)f->out);
}

static int settle_snapshot_info(struct fault *f, int ret)
{
	const struct docstore_snapshot_info *info = (void *)f->out;

	if (!ret && (info->id != f->id || info->versions < EXISTING ||
		     info->bytes < model_bytes(&f->frozen)))
		return ds_broken("snapshot info: number %llu, %llu versions, %llu bytes", info->id,
				 info->versions, info->bytes);
	return frozen_end(f);
}

static int run_snapshot_list(struct fault *f)
{
	__u64 cursor = 0;
	int ret = ds_snapshot_list(f->store.fd, (void *)f->out, 8, &cursor);

	f->count = ret < 0 ? 0 : ret;
	return ret < 0 ? ret : 0;
}

static int settle_snapshot_list(struct fault *f, int ret)
{
	if (!ret && f->count != 1)
		return ds_broken("snapshot list: %u snapshots", f->count);
	return settle_snapshot_info(f, ret);
}

static int run_coordinator(struct fault *f)
{
	return ds_coordinator(f->store.fd, (void *)(f->out + ANSWER), 8, (void *)f->out);
}

static int settle_coordinator(struct fault *f, int ret)
{
	const struct docstore_coordinator *c = (void *)f->out;

	if (!ret && (c->count || c->queued || !c->max_queued))
		return ds_broken("coordinator: %u of %u batches wait", c->queued, c->max_queued);
	return 0;
}

/* Reading ------------------------------------------------------------------ */

static int run_read_together(struct fault *f)
{
	return read_many(f, DOCSTORE_READ_TOGETHER, 65536);
}

static int run_read_together_some(struct fault *f)
{
	return read_many(f, DOCSTORE_READ_TOGETHER, 700);
}

static int settle_read_together(struct fault *f, int ret)
{
	if (!ret && f->done != EXISTING)
		return ds_broken("read together: %u done", f->done);
	return settle_read_many(f, ret);
}

/* None of them, if there is no room for all. */
static int settle_read_together_some(struct fault *f, int ret)
{
	__u32 needed = 0, i;

	for (i = 0; i < EXISTING; i++)
		needed = ((needed + 7) & ~7U) + f->target->docs[i].raw->size;
	if (!ret && (f->done || f->fit != needed))
		return ds_broken("read together: %u done, %u needed, not %u", f->done, f->fit,
				 needed);
	return 0;
}

static int settle_frozen_read(struct fault *f, int ret)
{
	return settle_read(f, ret) ?: frozen_end(f);
}

static int settle_frozen_property(struct fault *f, int ret)
{
	return settle_read_property(f, ret) ?: frozen_end(f);
}

static int settle_frozen_many(struct fault *f, int ret)
{
	return settle_read_many(f, ret) ?: frozen_end(f);
}

static int settle_frozen_together(struct fault *f, int ret)
{
	return settle_read_together(f, ret) ?: frozen_end(f);
}

static int settle_frozen_scan(struct fault *f, int ret)
{
	return settle_scan(f, ret) ?: frozen_end(f);
}

/* Mapping ------------------------------------------------------------------ */

static int run_snapshot_mmap(struct fault *f)
{
	f->page = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_POPULATE, f->frozen.fd, 0);
	return f->page == MAP_FAILED ? -errno : 0;
}

static int run_snapshot_munmap(struct fault *f)
{
	return munmap(f->page, 4096) ? -errno : 0;
}

/* While it is mapped, it is there without its descriptor. */
static int settle_snapshot_mmap(struct fault *f, int ret)
{
	const struct docstore_map_snapshot *page = f->page;
	int err;

	if (ret)
		return frozen_end(f);
	err = model_check(&f->frozen);
	close(f->frozen.fd);
	model_reset(&f->frozen, -1);
	err = err ?: snapshots_become(f->store.fd, 1);
	if (!err && (memcmp(page->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE) ||
		     page->id != f->id || page->state || page->partitions != PARTITIONS))
		err = ds_broken("the page of snapshot %llu is wrong", f->id);
	return run_snapshot_munmap(f) ?: err ?: snapshots_become(f->store.fd, 0);
}

#endif /* DOCSTORE_FAULT_SNAPSHOT_H */

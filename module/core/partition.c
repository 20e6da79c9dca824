// SPDX-License-Identifier: GPL-2.0
/*
 * A partition: commits, publication, and what is left to do after them.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "partition.h"

/* How many buckets a commit makes at least, if the index is full enough. */
#define DS_MAINTAIN_GROW	2
/* How many documents ahead buckets are fetched, and versions. */
#define DS_AHEAD_FAR		16
#define DS_AHEAD_NEAR		8

/**
 * ds_partition_init() - prepare an empty partition, which has no memory yet
 * @p: the partition, zeroed
 * @map: its page, zeroed
 * @chunks: zeroed array of @max_chunks pointers
 * @max_chunks: how much memory it may have
 * @key: the store's hash key, which must stay
 * @past: the store's pins
 * @number: number of the partition
 */
void ds_partition_init(struct ds_partition *p, struct docstore_map_partition *map,
		       struct ds_chunk **chunks, u32 max_chunks, const u64 *key,
		       struct ds_past *past, u32 number)
{
#ifdef CONFIG_LOCKDEP
	static struct lock_class_key owner_key;

	lockdep_init_map(&p->owner_map, "docstore_owner", &owner_key, 0);
#endif
	p->map = map;
	p->key = key;
	p->past = past;
	p->number = number;
	/* Number 0 is before the first commit. */
	map->visible_seq = 0;
	ds_arena_init(&p->arena, map, chunks, max_chunks);
	ds_index_init(&p->index, &p->arena, map);
	ds_heat_init(p);
}

static struct docstore_version *ds_partition_version(const struct ds_partition *p, u32 ref)
{
	return ds_arena_ptr(&p->arena, ref);
}

/**
 * ds_partition_begin() - begin a commit
 * @p: the partition
 * @builder: where to build versions, until ds_partition_publish()
 *
 * Context: the owner.
 */
void ds_partition_begin(struct ds_partition *p, struct ds_builder *builder)
{
	ds_partition_assert_owner(p);
	p->builder = builder;
	p->seq = p->map->visible_seq + 1;
	p->linked = false;
}

/* Set the result of all operations on a document that have none. */
static void ds_change_fail(struct ds_change *change, int error)
{
	u32 i;

	for (; change; change = change->more)
		for (i = 0; i < change->count; i++)
			if (!change->deltas[i].result)
				change->deltas[i].result = error;
}

static void ds_change_clear(struct ds_change *change)
{
	u32 i;

	for (; change; change = change->more)
		for (i = 0; i < change->count; i++)
			change->deltas[i].result = 0;
}

static int ds_delta_condition(const struct ds_delta *delta, bool exists, u64 version)
{
	if ((delta->flags & DOCSTORE_IF_EXISTS) && !exists)
		return -ENOENT;
	if ((delta->flags & DOCSTORE_IF_ABSENT) && exists)
		return -EEXIST;
	if ((delta->flags & DOCSTORE_IF_VERSION) && delta->expected != (exists ? version : 0))
		return -ESTALE;
	return 0;
}

/* Check all conditions before anything is done; each that fails says so. */
static bool ds_change_conditions(struct ds_change *change, const struct docstore_version *v)
{
	bool exists = v && !ds_version_tombstone(v);
	bool hold = true;
	u32 i;

	for (; change; change = change->more) {
		for (i = 0; i < change->count; i++) {
			struct ds_delta *delta = &change->deltas[i];

			delta->result = ds_delta_condition(delta, exists, exists ? v->version : 0);
			if (delta->result)
				hold = false;
		}
	}
	return hold;
}

/* Carry the operations out on the builder; one that fails has its result set. */
static bool ds_change_build(struct ds_change *first, struct ds_builder *b)
{
	struct ds_change *change;
	u64 version;
	u32 i;

	for (change = first; change; change = change->more) {
		for (i = 0; i < change->count; i++) {
			struct ds_delta *delta = &change->deltas[i];

			delta->result = ds_builder_apply(b, delta);
			if (delta->result)
				return false;
		}
	}
	/* With a new version it would have to say when each property was set. */
	if (b->changed && ds_builder_size(b) > DOCSTORE_MAX_DOCUMENT) {
		ds_change_fail(first, -EFBIG);
		return false;
	}

	version = b->changed ? b->version : b->live ? b->base->version : 0;
	for (change = first; change; change = change->more)
		for (i = 0; i < change->count; i++)
			change->deltas[i].version = version;
	return true;
}

static u32 ds_partition_alloc(struct ds_partition *p, u32 size, bool urgent)
{
	u32 ref = ds_arena_alloc(&p->arena, size, urgent);

	if (!ref && ds_arena_reclaim(&p->arena))
		ref = ds_arena_alloc(&p->arena, size, urgent);
	return ref;
}

static int ds_partition_reserve(struct ds_partition *p, struct ds_change *change)
{
	u32 flags = DOCSTORE_STATE_DIRTY | DOCSTORE_STATE_PROCESSING;
	int err = ds_index_reserve(&p->index, change->hash, flags, &change->slot);

	if (err && ds_arena_reclaim(&p->arena))
		err = ds_index_reserve(&p->index, change->hash, flags, &change->slot);
	change->reserved = !err;
	return err;
}

/* Give back what was made for a document, of which nothing was linked. */
static void ds_change_undo(struct ds_partition *p, struct ds_change *change)
{
	if (change->ref)
		ds_arena_free(&p->arena, change->ref);
	if (change->reserved)
		ds_index_remove(&p->index, change->hash, &change->slot);
	change->ref = 0;
	change->reserved = false;
}

/* May a document of this size be rebuilt? */
static bool ds_batch_afford(struct ds_batch *batch, const struct docstore_version *v)
{
	if (!batch->budget || !v)
		return true;
	/* One byte is left at least: 0 would be no bound. */
	if (v->size >= batch->budget)
		return false;
	batch->budget -= v->size;
	return true;
}

/* Let others run, who may be waiting for the CPU, if the caller can. */
static void ds_batch_relax(const struct ds_batch *batch)
{
	if (!batch->budget)
		cond_resched();
}

/* Build a document's new version; nothing of it can be found by readers. */
static void ds_partition_build(struct ds_partition *p, struct ds_batch *batch,
			       struct ds_change *change, u64 now)
{
	struct ds_builder *b = p->builder;
	const struct docstore_version *v = NULL;
	bool found;
	u32 size;

	change->state = DS_CHANGE_DONE;
	change->ref = 0;
	change->reserved = false;
	change->born = 0;

	found = ds_index_find(&p->index, change->hash, change->id, change->id_len, &change->slot);
	if (found)
		v = ds_partition_version(p, ds_slot_ref(&change->slot));
	if (!ds_batch_afford(batch, v)) {
		change->state = DS_CHANGE_NOMEM;
		return;
	}
	if (!ds_change_conditions(change, v)) {
		ds_change_fail(change, -ECANCELED);
		return;
	}
	ds_builder_load(b, v, change->id, change->id_len, p->floor, now);
	change->born = -(s8)b->live;
	if (!ds_change_build(change, b)) {
		ds_change_fail(change, -ECANCELED);
		return;
	}
	if (!b->changed) {
		if (found) {
			ds_heat_use(p, &change->slot, DS_USE_READ, 1, now);
			ds_index_accessed(&change->slot, 0, now);
		}
		return;
	}
	change->born += b->live;

	size = ds_builder_size(b);
	change->ref = ds_partition_alloc(p, size, !b->live);
	if (!change->ref || (!found && ds_partition_reserve(p, change))) {
		ds_change_undo(p, change);
		change->state = DS_CHANGE_NOMEM;
		return;
	}
	ds_builder_write(b, ds_partition_version(p, change->ref), size, p->seq,
			 found ? ds_slot_ref(&change->slot) : 0);
	change->state = DS_CHANGE_BUILT;
}

/**
 * ds_tombstones_add() - add a tombstone to a list
 * @p: the partition
 * @list: the list
 * @ref: the tombstone
 *
 * Context: the owner.
 */
void ds_tombstones_add(struct ds_partition *p, struct ds_tombstones *list, u32 ref)
{
	*ds_arena_link(&p->arena, ref) = 0;
	if (list->tail)
		*ds_arena_link(&p->arena, list->tail) = ref;
	else
		list->head = ref;
	list->tail = ref;
}

/* How the documents of the partition become more or less, and larger or smaller. */
static void ds_partition_count(struct ds_partition *p, u64 hash, s64 documents, s64 bytes)
{
	WRITE_ONCE(p->stats.documents, p->stats.documents + documents);
	WRITE_ONCE(p->stats.document_bytes, p->stats.document_bytes + bytes);
	if (ds_index_tallied(&p->index, hash)) {
		p->index.tally.documents += documents;
		p->index.tally.document_bytes += bytes;
	}
}

/*
 * Make a version the newest one of its document, for readers of the commit to
 * come. What becomes of that which it replaces is decided when it is visible, in
 * ds_partition_supersede().
 */
static void ds_partition_link(struct ds_partition *p, struct ds_change *change)
{
	struct docstore_version *v = ds_partition_version(p, change->ref);
	struct docstore_version *old = NULL;
	u32 old_ref = v->prev;
	bool never = false;
	s64 bytes = 0;

	if (old_ref) {
		old = ds_partition_version(p, old_ref);
		/* One that was made in this commit was never visible: skip it. */
		never = old->seq == p->seq;
		if (never)
			v->prev = old->prev;
	}
	if (!change->reserved)
		ds_index_flags(&change->slot, 0, DOCSTORE_STATE_DIRTY | DOCSTORE_STATE_PROCESSING);
	ds_index_link(&change->slot, change->ref);
	p->linked = true;
	if (p->backlog)
		ds_backlog_append(p->backlog, change, old, v);

	if (old && !ds_version_tombstone(old)) {
		bytes -= old->size;
		if (never)
			ds_arena_retire(&p->arena, old_ref, old->size);
	}
	if (ds_version_tombstone(v))
		ds_tombstones_add(p, &p->buried, change->ref);
	else
		bytes += v->size;
	ds_partition_count(p, change->hash, change->born, bytes);
	WRITE_ONCE(p->stats.changes, p->stats.changes + 1);
	change->state = DS_CHANGE_LINKED;
}

/**
 * ds_partition_refuse() - undo what was built of an atomic batch
 * @p: the partition
 * @batch: the batch, prepared and not accepted
 * @again: it found no memory, and is to begin again from nothing; else all of its
 *	operations get results
 *
 * Context: the owner, in a commit.
 */
void ds_partition_refuse(struct ds_partition *p, struct ds_batch *batch, bool again)
{
	struct ds_change *change;

	ds_partition_assert_owner(p);
	for (change = batch->first; change; change = change->next) {
		if (change->state == DS_CHANGE_BUILT)
			ds_change_undo(p, change);
		if (again) {
			ds_change_clear(change);
			change->state = DS_CHANGE_NOMEM;
		} else {
			ds_change_fail(change, -ECANCELED);
			change->state = DS_CHANGE_DONE;
		}
	}
}

static bool ds_change_failed(const struct ds_change *change)
{
	u32 i;

	for (; change; change = change->more)
		for (i = 0; i < change->count; i++)
			if (change->deltas[i].result)
				return true;
	return false;
}

/**
 * struct ds_ahead - documents that are brought nearer before their turn comes
 * @p: the partition
 * @far: the next one whose bucket is fetched
 * @near: the next one whose version is, to which the bucket leads
 * @buckets: buckets that were fetched, a ring
 * @nfar: how many documents @far has passed
 * @nnear: how many @near has
 */
struct ds_ahead {
	const struct ds_partition *p;
	const struct ds_change *far;
	const struct ds_change *near;
	const struct docstore_bucket *buckets[DS_AHEAD_FAR];
	u32 nfar;
	u32 nnear;
};

static void ds_ahead_bucket(struct ds_ahead *ahead)
{
	if (!ahead->far)
		return;
	ahead->buckets[ahead->nfar++ % DS_AHEAD_FAR] =
		ds_index_prefetch(&ahead->p->index, ahead->far->hash);
	ahead->far = ahead->far->next;
}

static void ds_ahead_version(struct ds_ahead *ahead)
{
	const struct docstore_bucket *bucket;

	if (!ahead->near)
		return;
	bucket = ahead->buckets[ahead->nnear++ % DS_AHEAD_FAR];
	if (bucket)
		ds_index_prefetch_version(&ahead->p->index, bucket, ahead->near->hash);
	ahead->near = ahead->near->next;
}

/*
 * So many misses are waited for in the time of two; a document that is alone comes too
 * soon for that.
 */
static void ds_ahead_begin(struct ds_ahead *ahead, const struct ds_partition *p,
			   const struct ds_change *first)
{
	u32 n;

	if (first && !first->next)
		first = NULL;
	ahead->p = p;
	ahead->far = first;
	ahead->near = first;
	ahead->nfar = 0;
	ahead->nnear = 0;
	for (n = 0; n < DS_AHEAD_FAR && ahead->far; n++)
		ds_ahead_bucket(ahead);
	for (n = 0; n < DS_AHEAD_NEAR && ahead->near; n++)
		ds_ahead_version(ahead);
}

/* One document is about to be built: one more is fetched. */
static void ds_ahead_step(struct ds_ahead *ahead)
{
	ds_ahead_version(ahead);
	ds_ahead_bucket(ahead);
}

/**
 * ds_partition_prepare() - build all that an atomic batch changes
 * @p: the partition
 * @batch: the batch
 * @now: the time
 *
 * Nothing of it can be found by readers. ds_partition_accept() or
 * ds_partition_refuse() follows; the latter if @nomem or @refused of the batch is set.
 *
 * Context: the owner, in a commit; see ds_partition_apply().
 */
void ds_partition_prepare(struct ds_partition *p, struct ds_batch *batch, u64 now)
{
	struct ds_change *change;
	struct ds_ahead ahead;

	ds_partition_assert_owner(p);
	WARN_ON_ONCE(!p->seq);
	batch->nomem = false;
	batch->refused = false;
	ds_ahead_begin(&ahead, p, batch->first);
	for (change = batch->first; change; change = change->next) {
		ds_ahead_step(&ahead);
		ds_partition_build(p, batch, change, now);
		ds_batch_relax(batch);
		if (change->state == DS_CHANGE_NOMEM) {
			batch->nomem = true;
			break;
		}
		if (ds_change_failed(change))
			batch->refused = true;
	}
}

/**
 * ds_partition_accept() - make what was prepared a part of the commit going on
 * @p: the partition
 * @batch: the batch, prepared; it must be published now
 *
 * Context: the owner, in a commit.
 */
void ds_partition_accept(struct ds_partition *p, struct ds_batch *batch)
{
	struct ds_change *change;

	ds_partition_assert_owner(p);
	for (change = batch->first; change; change = change->next)
		if (change->state == DS_CHANGE_BUILT)
			ds_partition_link(p, change);
}

static void ds_partition_apply_atomic(struct ds_partition *p, struct ds_batch *batch, u64 now)
{
	ds_partition_prepare(p, batch, now);
	if (batch->nomem || batch->refused)
		ds_partition_refuse(p, batch, batch->nomem);
	else
		ds_partition_accept(p, batch);
}

static void ds_partition_apply_each(struct ds_partition *p, struct ds_batch *batch, u64 now)
{
	struct ds_change *change;
	struct ds_ahead ahead;

	ds_ahead_begin(&ahead, p, batch->first);
	for (change = batch->first; change; change = change->next) {
		ds_ahead_step(&ahead);
		/* Those done were done when the batch was applied before. */
		if (change->state == DS_CHANGE_DONE)
			continue;
		ds_partition_build(p, batch, change, now);
		ds_batch_relax(batch);
		if (change->state == DS_CHANGE_BUILT)
			ds_partition_link(p, change);
		else if (change->state == DS_CHANGE_NOMEM)
			batch->nomem = true;
	}
}

/**
 * ds_partition_apply() - carry out a batch, as part of the commit going on
 * @p: the partition
 * @batch: the batch
 * @now: the time
 *
 * Nothing of it is visible yet. Where memory was lacking, @batch->nomem is set,
 * and the batch may be applied again in a later commit: what was done already
 * is not done twice.
 *
 * Context: the owner, in a commit. Never waits, but lets others run between
 * documents, each of which may be large, unless there is a budget.
 */
void ds_partition_apply(struct ds_partition *p, struct ds_batch *batch, u64 now)
{
	ds_partition_assert_owner(p);
	WARN_ON_ONCE(!p->seq);
	batch->nomem = false;
	batch->refused = false;
	if (batch->atomic)
		ds_partition_apply_atomic(p, batch, now);
	else
		ds_partition_apply_each(p, batch, now);
}

/**
 * ds_partition_show() - end a commit and make all of it visible
 * @p: the partition
 *
 * A full barrier must follow before ds_partition_settle(); see past.c.
 *
 * Context: the owner, in a commit.
 * Return: true if there was anything to publish.
 */
bool ds_partition_show(struct ds_partition *p)
{
	ds_partition_assert_owner(p);
	if (p->linked) {
		if (p->backlog)
			ds_backlog_show(p->backlog, p->seq);
		/*
		 * The one point at which readers see the commit. Orders the
		 * versions and slots that were written; pairs with the acquire
		 * loads of visible_seq in ds_partition_current(), in ds_past_try(),
		 * and of mapped readers.
		 */
		smp_store_release(&p->map->visible_seq, p->seq);
		WRITE_ONCE(p->stats.commits, p->stats.commits + 1);
	}
	p->seq = 0;
	p->builder = NULL;
	return p->linked;
}

/**
 * ds_partition_publish() - the same, where no other partition does so together
 * @p: the partition
 *
 * Context: the owner, in a commit.
 * Return: true if there was anything to publish.
 */
bool ds_partition_publish(struct ds_partition *p)
{
	if (!ds_partition_show(p))
		return false;
	/* Before pins are looked for; pairs with that in ds_past_begin(). */
	smp_mb();
	return true;
}

/*
 * A version is visible: what it has replaced is kept if a pin needs it, else retired.
 * Tombstones are in a list, and looked at when their time there is over. Pinned readers
 * must not come to what is retired.
 */
static void ds_partition_supersede(struct ds_partition *p, const struct ds_pins *pins,
				   struct docstore_version *v)
{
	u32 ref = v->prev;
	struct docstore_version *old;
	struct ds_pin *keeper;

	if (!ref)
		return;
	old = ds_partition_version(p, ref);
	if (pins) {
		keeper = ds_pins_keeper(pins, p->number, old->seq, v->seq);
		if (keeper) {
			if (!ds_version_tombstone(old))
				ds_pin_keep(p, keeper, ref);
			return;
		}
		/*
		 * Readers without a pin load visible_seq once more behind this, and
		 * see that @v is visible: pairs with ds_partition_current().
		 */
		smp_store_release(&v->prev, ds_pins_before(pins, p->number, old));
	}
	if (!ds_version_tombstone(old))
		ds_arena_retire(&p->arena, ref, old->size);
}

/**
 * ds_partition_settle() - note in the index that a batch is visible
 * @p: the partition
 * @batch: a batch of the commit that was published
 * @now: the time
 *
 * Context: the owner, before ds_partition_maintain() moves slots.
 */
void ds_partition_settle(struct ds_partition *p, struct ds_batch *batch, u64 now)
{
	const u32 clear = DOCSTORE_STATE_DIRTY | DOCSTORE_STATE_PROCESSING |
			  DOCSTORE_STATE_NEEDS_COMPACTION | DOCSTORE_STATE_SNAPSHOT_READY;
	struct ds_change *change, *more;
	const struct ds_pins *pins;

	ds_partition_assert_owner(p);
	rcu_read_lock();
	pins = rcu_dereference(p->past->pins);
	for (change = batch->first; change; change = change->next) {
		struct docstore_version *v;
		u32 deltas = 0;
		u32 set = 0;

		if (change->state != DS_CHANGE_LINKED)
			continue;
		for (more = change; more; more = more->more)
			deltas += more->count;
		v = ds_partition_version(p, ds_slot_ref(&change->slot));
		/* Of several changes in one commit the last one has replaced something. */
		if (ds_slot_ref(&change->slot) == change->ref)
			ds_partition_supersede(p, pins, v);
		if (ds_version_tombstone(v))
			set |= DOCSTORE_STATE_NEEDS_COMPACTION;
		if (pins && v->prev)
			set |= DOCSTORE_STATE_SNAPSHOT_READY;
		ds_index_flags(&change->slot, clear, set);
		ds_heat_use(p, &change->slot, DS_USE_CHANGE, 1, now);
		ds_index_accessed(&change->slot, deltas, now);
		change->state = DS_CHANGE_DONE;
	}
	rcu_read_unlock();
}

/*
 * Deleted documents keep their slot, with a tombstone, until no reader can be
 * left that looks for what was there before: such a reader must find the slot
 * to get at the predecessor. One that reads several documents as of one commit may
 * come to this one late.
 */
static bool ds_partition_bury_some(struct ds_partition *p, u32 work, bool hurry)
{
	struct ds_tombstones *dying = &p->dying;

	if (!dying->head) {
		if (!p->buried.head)
			return false;
		*dying = p->buried;
		dying->cookie = start_poll_synchronize_rcu();
		dying->era = p->map->era;
		p->buried = (struct ds_tombstones){};
	}
	/* Readers of the mapping that look for what was there are to notice. */
	if (!poll_state_synchronize_rcu(dying->cookie) ||
	    !ds_arena_pass_era(&p->arena, dying->era, hurry))
		return false;
	while (dying->head && work--) {
		u32 ref = dying->head;

		dying->head = *ds_arena_link(&p->arena, ref);
		ds_partition_bury_one(p, ref);
	}
	if (!dying->head)
		*dying = (struct ds_tombstones){};
	return true;
}

/**
 * ds_partition_maintain() - free, clean up and grow, a slice of it
 * @p: the partition
 * @work: how much was done in the commits since the last call, in documents;
 *	so much is done here
 * @hurry: memory is short, or the owner idle: do not wait until there is much
 *	to do
 *
 * Context: the owner, between commits. While @waiting is set afterwards, there is
 * more to do later even if nothing changes.
 */
void ds_partition_maintain(struct ds_partition *p, u32 work, bool hurry)
{
	u32 grow = work + DS_MAINTAIN_GROW;

	ds_partition_assert_owner(p);
	WARN_ON_ONCE(p->seq);
	if (hurry)
		ds_arena_reclaim(&p->arena);
	else
		ds_arena_recycle(&p->arena);
	ds_partition_bury_some(p, work + DS_MAINTAIN_GROW, hurry);
	p->draining = ds_partition_drain(p, work + DS_MAINTAIN_GROW);
	while (grow-- && ds_index_grow(&p->index, p->key))
		;
	ds_arena_settle(&p->arena, hurry);
	WRITE_ONCE(p->waiting,
		   ds_arena_waiting(&p->arena) || p->dying.head || p->buried.head ||
		   p->draining);
}

/**
 * ds_partition_visible() - the version that a pinned reader sees
 * @p: the partition
 * @v: the newest version of a document
 * @seq: the commit up to which the pin sees
 *
 * Context: any, in an RCU read section, while the pin is held.
 * Return: the version, or NULL if the document does not exist there.
 */
const struct docstore_version *ds_partition_visible(const struct ds_partition *p,
						    const struct docstore_version *v, u64 seq)
{
	u32 prev;

	while (v->seq > seq) {
		/* Pairs with the stores in ds_partition_supersede() and past.c. */
		prev = smp_load_acquire(&v->prev);
		if (!prev)
			return NULL;
		v = ds_partition_version(p, prev);
	}
	return ds_version_tombstone(v) ? NULL : v;
}

/**
 * ds_partition_current() - the version that is visible now
 * @p: the partition
 * @v: the newest version of a document
 *
 * Of each document at most one version is linked and not visible. If that is what was
 * found, the one before it is the one to be seen, unless it became visible meanwhile:
 * then @prev may lead elsewhere already, and @v itself is what the reader may see. What
 * is linked is never taken back.
 *
 * Context: any, in an RCU read section that began before @v was found.
 * Return: the version, or NULL if the document does not exist.
 */
const struct docstore_version *ds_partition_current(const struct ds_partition *p,
						    const struct docstore_version *v)
{
	u32 prev;

	/* Pairs with ds_partition_show(). */
	if (v->seq > smp_load_acquire(&p->map->visible_seq)) {
		/* Pairs with ds_partition_supersede(): first this, then the next one. */
		prev = smp_load_acquire(&v->prev);
		/* As above. */
		if (v->seq > smp_load_acquire(&p->map->visible_seq)) {
			if (!prev)
				return NULL;
			v = ds_partition_version(p, prev);
		}
	}
	return ds_version_tombstone(v) ? NULL : v;
}

/**
 * ds_partition_read() - find a document
 * @p: the partition
 * @hash: hash of its id
 * @id: its id
 * @id_len: the id's length
 *
 * Context: any, in an RCU read section, to the end of which the version may be
 * looked at.
 * Return: the newest version that is visible, or NULL.
 */
const struct docstore_version *ds_partition_read(const struct ds_partition *p, u64 hash,
						 const u8 *id, u8 id_len)
{
	const struct docstore_version *v = ds_index_lookup(&p->index, hash, id, id_len);

	return v ? ds_partition_current(p, v) : NULL;
}

/**
 * ds_partition_read_pinned() - find a document as of a pin
 * @p: the partition
 * @hash: hash of its id
 * @id: its id
 * @id_len: the id's length
 * @seq: the commit up to which the pin sees
 *
 * Context: any, in an RCU read section, while the pin is held. The version stays for
 * as long as that.
 * Return: the version that the pin sees, or NULL.
 */
const struct docstore_version *ds_partition_read_pinned(const struct ds_partition *p, u64 hash,
							const u8 *id, u8 id_len, u64 seq)
{
	const struct docstore_version *v = ds_index_lookup(&p->index, hash, id, id_len);

	return v ? ds_partition_visible(p, v, seq) : NULL;
}

// SPDX-License-Identifier: GPL-2.0
/* The engine as a kernel: descriptors, names, reading. See engine.h. */
#include "engine.h"

#define MAX_FDS		128
#define CHUNKS		24

int ds_sys_open(const char *device, bool write);
int ds_sys_ioctl(int fd, unsigned long request, void *arg);
ssize_t ds_sys_read(int fd, void *buffer, size_t len);
void ds_sys_close(int fd);
void *ds_sys_map(int fd, size_t size);
void ds_sys_unmap(void *base, size_t size);

struct engine engine = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* For tests: calls with hints, or reads told; and a kernel that does not know of them. */
unsigned long engine_hints;
unsigned int engine_hint_weight;
bool engine_without_hints;

static bool named;		/* it was not removed */
static struct engine_fd fds[MAX_FDS];
static struct docstore_name *names;
static u32 nnames;

struct engine_fd *engine_fd_new(int *number)
{
	int fd;

	for (fd = 3; fd < MAX_FDS; fd++) {
		if (fds[fd].open)
			continue;
		fds[fd] = (struct engine_fd){ .open = true };
		*number = fd;
		return &fds[fd];
	}
	return NULL;
}

static int open_with(u32 rights)
{
	int number;
	struct engine_fd *fd = engine_fd_new(&number);

	if (!fd)
		return -EMFILE;
	fd->rights = rights;
	return number;
}

/* Those who test do away with pins that hold nothing, at the next look. */
static void emptied(struct ds_past *past)
{
}

static int create(const struct docstore_store_create *arg)
{
	u32 n;

	if (engine.head)
		return -EEXIST;
	core_setup();
	engine.partitions = min(arg->partitions ?: 1U, (u32)ENGINE_PARTITIONS);
	engine.head = store_lay_out(engine.partitions, CHUNKS, store_key);
	engine.head->incarnation = 1;
	engine.coordinator.max_queued = 16;
	engine.past = (struct ds_past){
		.emptied = emptied,
		.head = engine.head,
		.count = engine.partitions,
		.partitions = engine.partition,
	};
	for (n = 0; n < engine.partitions; n++) {
		engine.s[n] = store_create_in(engine.head, n, CHUNKS);
		engine.s[n]->p.past = &engine.past;
		engine.s[n]->p.number = n;
		engine.s[n]->p.hot = 1024;
		engine.partition[n] = &engine.s[n]->p;
	}
	named = true;
	return 0;
}

/* Those who have it open go on with it, so it stays to the end. */
static int forget(void)
{
	if (!named)
		return -ENOENT;
	named = false;
	return 0;
}

/* Show a name to those who have the store mapped. */
static void publish(u32 id, const struct docstore_name *name)
{
	struct docstore_map_store *head = engine.head;
	char *mapping = (char *)head;
	struct docstore_name_record record = { id, name->len };
	u32 size = (sizeof(record) + name->len + 7) & ~7U;
	u64 at = head->names_used;

	if (size > DS_PAGE_SIZE - at % DS_PAGE_SIZE)
		at = (at | (DS_PAGE_SIZE - 1)) + 1;
	CHECK(at + size <= head->names_size);
	memcpy(mapping + head->names_offset + at, &record, sizeof(record));
	memcpy(mapping + head->names_offset + at + sizeof(record), engine_pointer(name->name),
	       name->len);
	smp_store_release(&head->names_used, at + size);
}

static int intern(struct docstore_intern *arg, bool may_write)
{
	struct docstore_name *asked = (void *)(uintptr_t)arg->names;
	u32 i, k;

	for (i = 0; i < arg->count; i++) {
		for (k = 0; k < nnames; k++)
			if (names[k].len == asked[i].len &&
			    !memcmp(engine_pointer(names[k].name), engine_pointer(asked[i].name), asked[i].len))
				break;
		asked[i].id = k < nnames ? k + 1 : 0;
		if (!asked[i].id && arg->flags & DOCSTORE_INTERN_CREATE) {
			void *copy;

			if (!may_write)
				return -EBADF;
			copy = malloc(asked[i].len);
			names = realloc(names, (nnames + 1) * sizeof(*names));
			CHECK(copy && names);
			memcpy(copy, engine_pointer(asked[i].name), asked[i].len);
			names[nnames].name = (uintptr_t)copy;
			names[nnames].len = asked[i].len;
			asked[i].id = ++nnames;
			publish(nnames, &names[nnames - 1]);
		}
		arg->done = i + 1;
	}
	return 0;
}

static int tell_names(struct docstore_names *arg)
{
	char *to = (void *)(uintptr_t)arg->buffer;

	arg->count = 0;
	arg->used = 0;
	for (; arg->first && arg->first <= nnames; arg->first++, arg->count++) {
		const struct docstore_name *name = &names[arg->first - 1];
		struct docstore_name_record record = { arg->first, name->len };
		u32 size = (sizeof(record) + name->len + 7) & ~7U;

		if (arg->used + size > arg->buffer_len)
			break;
		memset(to + arg->used, 0, size);
		memcpy(to + arg->used, &record, sizeof(record));
		memcpy(to + arg->used + sizeof(record), engine_pointer(name->name), name->len);
		arg->used += size;
	}
	return 0;
}

const struct docstore_version *engine_read(const struct engine_fd *fd, u64 id, u32 len)
{
	u64 hash = docstore_map_hash(store_key, engine_pointer(id), len);
	u32 n = docstore_map_partition_of(hash, engine.partitions);
	const struct ds_partition *p = &engine.s[n]->p;

	if (!fd->snapshot)
		return ds_partition_read(p, hash, engine_pointer(id), len);
	return ds_partition_read_pinned(p, hash, engine_pointer(id), len,
					engine_snapshot_seq(fd->snapshot, n));
}

static int check_id(u64 id, u32 len)
{
	return !len ? -EINVAL : len > DOCSTORE_MAX_ID ? -ENAMETOOLONG : id ? 0 : -EFAULT;
}

static int read_one(const struct engine_fd *fd, struct docstore_read *arg)
{
	void *to = (void *)(uintptr_t)arg->buffer;
	const struct docstore_version *v;
	struct ds_value value;
	int err = check_id(arg->id, arg->id_len);

	if (err)
		return err;
	v = engine_read(fd, arg->id, arg->id_len);
	if (!v)
		return -ENOENT;
	arg->version = v->version;
	arg->type = DOCSTORE_TYPE_NONE;
	if (!arg->property) {
		arg->length = v->size;
		ds_version_copy(v, to, arg->buffer_len);
		return 0;
	}
	if (arg->property > nnames)
		return -EINVAL;
	if (!ds_version_property(v, arg->property, &value))
		return -ENODATA;
	arg->type = value.type;
	arg->length = value.len;
	memcpy(to, value.data, min(value.len, arg->buffer_len));
	return 0;
}

static int read_many(const struct engine_fd *fd, struct docstore_read_many *arg)
{
	struct docstore_read_item *items = engine_pointer(arg->items);
	bool together = arg->flags & DOCSTORE_READ_TOGETHER, full = false;
	char *to = engine_pointer(arg->buffer);
	u64 end = 0, used = 0;

	arg->needed = 0;
	for (arg->done = 0; arg->done < arg->count; arg->done++) {
		struct docstore_read_item *item = &items[arg->done];
		const struct docstore_version *v = NULL;

		item->offset = 0;
		item->length = 0;
		item->result = check_id(item->id, item->id_len);
		if (item->result == -EFAULT)
			return -EFAULT;
		if (!item->result) {
			v = engine_read(fd, item->id, item->id_len);
			item->result = v ? 0 : -ENOENT;
		}
		if (!v)
			continue;
		end = used + v->size;
		full |= end > arg->buffer_len;
		if (full && !together) {
			arg->needed = arg->done ? 0 : v->size;
			break;
		}
		if (!full) {
			ds_version_copy(v, to + used, v->size);
			item->offset = used;
			item->length = v->size;
		}
		used = (end + 7) & ~7ULL;
	}
	arg->used = min(used, (u64)arg->buffer_len);
	if (full && together) {
		arg->done = 0;
		arg->used = 0;
		arg->needed = end;
	}
	return 0;
}

/* What a slot shows to a descriptor, or NULL. */
static const struct docstore_version *in_slot(const struct engine_fd *fd, u32 n, u32 ref)
{
	const struct docstore_version *v = ref ? ds_arena_ptr(&engine.s[n]->p.arena, ref) : NULL;

	return v ? engine_read(fd, (uintptr_t)ds_version_id(v), v->id_len) : NULL;
}

static bool put_scanned(struct docstore_scan *arg, const struct docstore_version *v)
{
	u32 at = (arg->used + 7) & ~7U;

	if (v->id_len < arg->prefix_len || (arg->type && v->type != arg->type) ||
	    memcmp(ds_version_id(v), engine_pointer(arg->prefix), arg->prefix_len))
		return true;
	if (at > arg->buffer_len || v->size > arg->buffer_len - at) {
		arg->needed = arg->count ? 0 : v->size;
		return false;
	}
	ds_version_copy(v, (char *)engine_pointer(arg->buffer) + at, v->size);
	arg->used = at + v->size;
	arg->count++;
	return true;
}

/*
 * Bucket by bucket: the cursor has the partition and the bucket, and the slot counted
 * through its overflow buckets. Who changes the store meanwhile sees what he gets.
 */
static int scan(const struct engine_fd *fd, struct docstore_scan *arg)
{
	u32 n = arg->cursor[0] >> 32, bucket = arg->cursor[0], skip = arg->cursor[1];

	arg->used = 0;
	arg->count = 0;
	arg->needed = 0;
	for (; n < engine.partitions; n++, bucket = 0) {
		struct ds_partition *p = &engine.s[n]->p;

		for (; bucket < p->map->buckets; bucket++, skip = 0) {
			const struct docstore_bucket *b = core_bucket(&p->index, bucket);
			u32 slot, at = 0;

			for (; b; b = b->next ? ds_arena_ptr(&p->arena, b->next) : NULL) {
				for (slot = 0; slot < DOCSTORE_MAP_SLOTS; slot++, at++) {
					const struct docstore_version *v = in_slot(fd, n, b->ref[slot]);

					if (at < skip || !v || put_scanned(arg, v))
						continue;
					arg->cursor[0] = (u64)n << 32 | bucket;
					arg->cursor[1] = at;
					return 0;
				}
			}
		}
	}
	arg->flags |= DOCSTORE_SCAN_END;
	return 0;
}

static int module_info(struct docstore_info *info)
{
	info->abi = DOCSTORE_ABI;
	info->map_layout = DOCSTORE_MAP_LAYOUT;
	info->max_ops = DOCSTORE_MAX_OPS;
	info->max_batch = DOCSTORE_MAX_BATCH;
	info->max_document = DOCSTORE_MAX_DOCUMENT;
	info->max_properties = DOCSTORE_MAX_PROPERTIES;
	info->max_names = DOCSTORE_MAX_NAMES;
	return 0;
}

/* Owners look at hints at once. */
static int hint(const struct docstore_hint *arg)
{
	const u64 *hashes = engine_pointer(arg->hashes);
	struct ds_partition *p;
	u32 i;

	if (engine_without_hints) {
		engine_hints++;
		return -ENOTTY;
	}
	CHECK(!arg->flags && arg->count && arg->count <= DOCSTORE_MAX_HINTS);
	CHECK(arg->weight && arg->weight <= DS_HINT_MAX_WEIGHT);
	engine_hints += arg->count;
	engine_hint_weight = arg->weight;
	for (i = 0; i < arg->count; i++) {
		p = engine.partition[docstore_map_partition_of(hashes[i], engine.partitions)];
		ds_hints_give(&p->hints, hashes[i], arg->weight, false);
		ds_partition_own(p);
		ds_hints_take(p, engine_time());
		ds_partition_disown(p);
	}
	return 0;
}

static int coordinator(struct docstore_coordinator *arg)
{
	*arg = engine.coordinator;
	arg->size = sizeof(*arg);
	return 0;
}

static int read_somehow(const struct engine_fd *fd, unsigned long request, void *arg)
{
	if (!(fd->rights & DOCSTORE_OPEN_READ))
		return -EBADF;
	if (fd->snapshot && engine_snapshot_revoked(fd->snapshot))
		return -ESTALE;
	return request == DOCSTORE_READ ? read_one(fd, arg) :
	       request == DOCSTORE_READ_MANY ? read_many(fd, arg) : scan(fd, arg);
}

static int carry_out(struct engine_fd *fd, unsigned long request, void *arg)
{
	switch (request) {
	case DOCSTORE_INFO:
		return module_info(arg);
	case DOCSTORE_STORE_CREATE:
		return create(arg);
	case DOCSTORE_STORE_REMOVE:
		return forget();
	case DOCSTORE_STORE_OPEN:
		return named ? open_with(((struct docstore_store_open *)arg)->flags) : -ENOENT;
	case DOCSTORE_STORE_INFO:
		((struct docstore_store_info *)arg)->map_size = engine.head->size;
		return 0;
	case DOCSTORE_INTERN:
		return intern(arg, fd->rights & DOCSTORE_OPEN_WRITE);
	case DOCSTORE_NAMES:
		return tell_names(arg);
	case DOCSTORE_READ:
	case DOCSTORE_READ_MANY:
	case DOCSTORE_SCAN:
		return read_somehow(fd, request, arg);
	case DOCSTORE_SNAPSHOT_INFO:
		return fd->snapshot ? engine_snapshot_info(fd->snapshot, arg) : -ENOTTY;
	}
	if (fd->snapshot)
		return -ENOTTY;
	switch (request) {
	case DOCSTORE_SUBMIT:
		return fd->rights & DOCSTORE_OPEN_WRITE ? engine_submit(arg) : -EBADF;
	case DOCSTORE_SNAPSHOT:
		return fd->rights & DOCSTORE_OPEN_READ ? engine_snapshot(arg) : -EBADF;
	case DOCSTORE_SNAPSHOT_LIST:
		return engine_snapshot_list(arg);
	case DOCSTORE_COORDINATOR:
		return coordinator(arg);
	case DOCSTORE_HINT:
		return fd->rights & DOCSTORE_OPEN_READ ? hint(arg) : -EBADF;
	default:
		return -ENOTTY;
	}
}

int ds_sys_open(const char *device, bool write)
{
	int fd;

	pthread_mutex_lock(&engine.lock);
	fd = open_with(0);
	pthread_mutex_unlock(&engine.lock);
	return fd;
}

int ds_sys_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = -EBADF;

	pthread_mutex_lock(&engine.lock);
	if (fd >= 3 && fd < MAX_FDS && fds[fd].open)
		ret = carry_out(&fds[fd], request, arg);
	pthread_mutex_unlock(&engine.lock);
	return ret;
}

/* There are no streams here. */
ssize_t ds_sys_read(int fd, void *buffer, size_t len)
{
	(void)fd;
	(void)buffer;
	(void)len;
	return -EBADF;
}

void ds_sys_close(int fd)
{
	pthread_mutex_lock(&engine.lock);
	if (fds[fd].snapshot)
		engine_snapshot_close(fds[fd].snapshot);
	fds[fd] = (struct engine_fd){ .open = false };
	pthread_mutex_unlock(&engine.lock);
}

void *ds_sys_map(int fd, size_t size)
{
	void *base = NULL;

	pthread_mutex_lock(&engine.lock);
	if (fds[fd].snapshot)
		base = engine_snapshot_page(fds[fd].snapshot);
	else if (size == engine.head->size)
		base = engine.head;
	pthread_mutex_unlock(&engine.lock);
	return base;
}

/* The store stays to the end. */
void ds_sys_unmap(void *base, size_t size)
{
	pthread_mutex_lock(&engine.lock);
	(void)engine_snapshot_unmap(base);
	pthread_mutex_unlock(&engine.lock);
}

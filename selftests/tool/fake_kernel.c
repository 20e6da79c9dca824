// SPDX-License-Identifier: GPL-2.0
/* The docstore in user space: what it does. See fake.h. */
#include <fcntl.h>
#include <unistd.h>

#include "fake.h"

static bool loaded;
static struct fake_fd fds[FAKE_FDS];

/* --- operations -------------------------------------------------------------- */

static uint32_t value_len(const struct docstore_op *op)
{
	switch (op->type) {
	case DOCSTORE_TYPE_NULL:
		return 0;
	case DOCSTORE_TYPE_BOOL:
		return 1;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
	case DOCSTORE_TYPE_F64:
		return 8;
	default:
		return op->value_len;
	}
}

/* What the kernel refuses before it does anything. */
static int check_op(const struct fake_store *store, const struct docstore_op *op)
{
	bool pointer = op->code == DOCSTORE_OP_GET ||
		       (op->code == DOCSTORE_OP_SET && op->type >= DOCSTORE_TYPE_STRING);

	if (op->__reserved0 || op->__reserved1 || op->__reserved2[0] || op->__reserved2[1])
		return -EINVAL;
	if (!op->id_len || !op->id || op->flags & ~7 || op->property > store->nnames)
		return -EINVAL;
	if (op->version && !(op->flags & DOCSTORE_IF_VERSION))
		return -EINVAL;
	if (!pointer && op->value_len)
		return -EINVAL;
	switch (op->code) {
	case DOCSTORE_OP_GET:
		return op->type ? -EINVAL : 0;
	case DOCSTORE_OP_SET:
		if (op->type < DOCSTORE_TYPE_NULL || op->type > DOCSTORE_TYPE_JSON ||
		    !op->property)
			return -EINVAL;
		if (op->type == DOCSTORE_TYPE_NULL && op->value)
			return -EINVAL;
		if (op->type == DOCSTORE_TYPE_BOOL && op->value > 1)
			return -EINVAL;
		return 0;
	case DOCSTORE_OP_ADD:
		return op->type != DOCSTORE_TYPE_S64 || !op->property ? -EINVAL : 0;
	case DOCSTORE_OP_TOUCH:
		if (op->property || (op->type == DOCSTORE_TYPE_NONE ? op->value != 0 :
				     op->type != DOCSTORE_TYPE_U64) || op->value > 1ULL << 62)
			return -EINVAL;
		return 0;
	case DOCSTORE_OP_UNSET:
	case DOCSTORE_OP_SET_TYPE:
		return op->type || op->value ? -EINVAL : 0;
	case DOCSTORE_OP_DELETE:
	case DOCSTORE_OP_CHECK:
		return op->type || op->value || op->property ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

static int set(struct fake_doc *doc, uint32_t name, uint32_t type, const void *data, uint32_t len)
{
	struct fake_prop *prop = fake_find_prop(doc, name);

	if (!prop) {
		if (doc->nprops == DOCSTORE_MAX_PROPERTIES)
			return -EFBIG;
		doc->props = fake_grow(doc->props, doc->nprops, sizeof(*doc->props));
		prop = &doc->props[doc->nprops++];
		memset(prop, 0, sizeof(*prop));
		prop->name = name;
	}
	prop->type = type;
	prop->len = len;
	prop->set = 0;		/* the new version, which is not known yet */
	prop->data = fake_grow(prop->data, len, 1);
	memcpy(prop->data, data, len);
	return 0;
}

static int get(struct fake_doc *doc, struct docstore_op *op)
{
	struct fake_prop *prop;
	unsigned char *p;
	uint32_t size;

	if (!doc->exists)
		return -ENOENT;
	if (!op->property) {
		/* Not committed yet: it shows the version that it will have. */
		doc->version++;
		p = fake_encode(doc, false, &size);
		doc->version--;
		op->value_len = fake_copy_out(op->value, op->value_len, p, size);
		free(p);
		return 0;
	}
	prop = fake_find_prop(doc, op->property);
	if (!prop)
		return -ENODATA;
	op->type = (__u8)prop->type;
	op->value_len = fake_copy_out(op->value, op->value_len, prop->data, prop->len);
	return 0;
}

static int apply(struct fake_doc *doc, struct docstore_op *op, uint64_t *at_least)
{
	struct fake_prop *prop = fake_find_prop(doc, op->property);
	int64_t sum = (int64_t)op->value;
	uint32_t at;

	if (op->code == DOCSTORE_OP_GET)
		return get(doc, op);
	if (op->code == DOCSTORE_OP_CHECK)
		return 0;
	if (!doc->exists && (op->code == DOCSTORE_OP_UNSET || op->code == DOCSTORE_OP_DELETE))
		return -ENOENT;
	if (!doc->exists)
		doc->created = fake_clock();
	doc->exists = 1;
	switch (op->code) {
	case DOCSTORE_OP_SET:
		if (op->type >= DOCSTORE_TYPE_STRING)
			return set(doc, op->property, op->type, (void *)(uintptr_t)op->value,
				   op->value_len);
		return set(doc, op->property, op->type, &op->value, value_len(op));
	case DOCSTORE_OP_ADD:
		if (prop && prop->type != DOCSTORE_TYPE_S64)
			return -EDOM;
		if (prop && __builtin_add_overflow(sum, *(int64_t *)(void *)prop->data, &sum))
			return -EOVERFLOW;
		return set(doc, op->property, DOCSTORE_TYPE_S64, &sum, 8);
	case DOCSTORE_OP_UNSET:
		if (!op->property) {
			fake_free_props(doc);
			return 0;
		}
		if (!prop)
			return -ENODATA;
		free(prop->data);
		at = (uint32_t)(prop - doc->props);
		memmove(prop, prop + 1, (--doc->nprops - at) * sizeof(*prop));
		return 0;
	case DOCSTORE_OP_DELETE:
		fake_free_props(doc);
		doc->exists = 0;
		doc->type = 0;
		return 0;
	case DOCSTORE_OP_TOUCH:
		if (op->value > *at_least)
			*at_least = op->value;
		return 0;
	default:
		doc->type = op->property;
		return 0;
	}
}

static bool only_reads(const struct docstore_op *op)
{
	return op->code == DOCSTORE_OP_GET || op->code == DOCSTORE_OP_CHECK;
}

static int check_condition(const struct fake_doc *doc, const struct docstore_op *op)
{
	uint64_t version = doc->exists ? doc->version : 0;

	if (op->flags & DOCSTORE_IF_EXISTS && !doc->exists)
		return -ENOENT;
	if (op->flags & DOCSTORE_IF_ABSENT && doc->exists)
		return -EEXIST;
	if (op->flags & DOCSTORE_IF_VERSION && op->version != version)
		return -ESTALE;
	return 0;
}

static bool same_id(const struct docstore_op *a, const struct docstore_op *b)
{
	return a->id_len == b->id_len &&
	       !memcmp((void *)(uintptr_t)a->id, (void *)(uintptr_t)b->id, a->id_len);
}

/* All operations on the document of the first one; @doc is what they make. */
static int apply_all(struct fake_store *store, struct docstore_op *ops, uint32_t count,
		     struct fake_doc *doc, bool *changes)
{
	struct fake_doc *old = fake_find_doc(store, ops[0].id, ops[0].id_len);
	struct fake_doc before = { 0 };
	uint64_t at_least = 0;
	uint32_t i, k;
	int err = 0;

	memset(doc, 0, sizeof(*doc));
	doc->id_len = ops[0].id_len;
	memcpy(doc->id, (void *)(uintptr_t)ops[0].id, ops[0].id_len);
	if (old)
		fake_copy_doc(doc, old);
	if (old)
		before = *old;
	*changes = false;
	for (i = 0; i < count; i++) {
		if (!same_id(&ops[0], &ops[i]))
			continue;
		ops[i].result = check_condition(&before, &ops[i]);
		if (!ops[i].result)
			ops[i].result = apply(doc, &ops[i], &at_least);
		if (ops[i].result)
			break;
		*changes |= !only_reads(&ops[i]);
	}
	if (i < count)
		err = ops[i].result;
	for (k = 0; err && k < count; k++) {
		if (k != i && same_id(&ops[0], &ops[k]))
			ops[k].result = -ECANCELED;
	}
	if (!err && *changes) {
		doc->version = doc->version + 1 > at_least ? doc->version + 1 : at_least;
		doc->changed = fake_clock();
		for (k = 0; k < doc->nprops; k++) {
			if (!doc->props[k].set)
				doc->props[k].set = doc->version;
		}
	}
	for (i = 0; !err && i < count; i++) {
		if (same_id(&ops[0], &ops[i]))
			ops[i].version = doc->version;
	}
	return err;
}

static void commit(struct fake_store *store, struct fake_doc *doc, const struct docstore_op *ops,
		   uint32_t count)
{
	struct fake_doc *old = fake_find_doc(store, (uintptr_t)doc->id, doc->id_len);

	fake_log_change(store, old, doc, ops, count);
	fake_dirty = true;
	store->info.changes++;
	store->info.documents += doc->exists;
	if (old) {
		store->info.documents -= old->exists;
		fake_free_props(old);
		*old = *doc;
		return;
	}
	store->docs = fake_grow(store->docs, store->ndocs, sizeof(*doc));
	store->docs[store->ndocs++] = *doc;
}

static int submit(struct fake_fd *fd, struct docstore_submit *arg)
{
	struct docstore_op *ops = (void *)(uintptr_t)arg->ops;
	bool atomic = arg->flags & DOCSTORE_SUBMIT_ATOMIC, failed = false;
	uint32_t i, k, groups = 0;
	uint64_t bytes = 0;
	struct fake_doc *docs;
	bool *changes;

	if (arg->size != sizeof(*arg) || arg->op_size != sizeof(*ops) || arg->flags & ~1u ||
	    !arg->count)
		return -EINVAL;
	if (arg->count > DOCSTORE_MAX_OPS)
		return -E2BIG;
	for (i = 0; i < arg->count; i++) {
		int err = check_op(fd->store, &ops[i]);

		if (err)
			return err;
		if (!only_reads(&ops[i]) && !(fd->flags & DOCSTORE_OPEN_WRITE))
			return -EBADF;
		bytes += ops[i].id_len + value_len(&ops[i]);
	}
	if (bytes > DOCSTORE_MAX_BATCH)
		return -E2BIG;

	docs = calloc(arg->count, sizeof(*docs));
	changes = calloc(arg->count, sizeof(*changes));
	if (!docs || !changes)
		abort();
	for (i = 0; i < arg->count; i++) {
		for (k = 0; k < i && !same_id(&ops[k], &ops[i]); k++)
			;
		if (k < i)
			continue;
		if (apply_all(fd->store, ops + i, arg->count - i, &docs[groups], &changes[groups])) {
			failed = true;
			changes[groups] = false;
		}
		groups++;
		if (!atomic) {
			if (changes[groups - 1])
				commit(fd->store, &docs[groups - 1], ops, arg->count);
			else
				fake_free_props(&docs[groups - 1]);
		}
	}
	for (k = 0; atomic && k < groups; k++) {
		if (changes[k] && !failed)
			commit(fd->store, &docs[k], ops, arg->count);
		else
			fake_free_props(&docs[k]);
	}
	if (atomic)
		fake_coordinate(fd->store, ops, arg->count, failed);
	arg->failed = 0;
	for (i = 0; i < arg->count; i++) {
		if (atomic && failed && !ops[i].result)
			ops[i].result = -ECANCELED;
		arg->failed += ops[i].result != 0;
	}
	free(docs);
	free(changes);
	return 0;
}

static int read_one(struct fake_store *store, struct docstore_read *arg)
{
	struct fake_doc *doc;
	struct fake_prop *prop;
	unsigned char *p;
	uint32_t size;

	if (arg->size != sizeof(*arg) || arg->flags || arg->__reserved || !arg->id_len ||
	    arg->property > store->nnames)
		return -EINVAL;
	doc = fake_find_doc(store, arg->id, arg->id_len);
	if (!doc || !doc->exists)
		return -ENOENT;
	arg->version = doc->version;
	arg->type = 0;
	if (!arg->property) {
		p = fake_encode(doc, false, &size);
		arg->length = fake_copy_out(arg->buffer, arg->buffer_len, p, size);
		free(p);
		return 0;
	}
	prop = fake_find_prop(doc, arg->property);
	if (!prop)
		return -ENODATA;
	arg->type = prop->type;
	arg->length = fake_copy_out(arg->buffer, arg->buffer_len, prop->data, prop->len);
	return 0;
}

static int read_many(struct fake_store *store, struct docstore_read_many *arg)
{
	struct docstore_read_item *items = (void *)(uintptr_t)arg->items;
	bool together = arg->flags & DOCSTORE_READ_TOGETHER;
	uint32_t i, size, end = 0;

	if (arg->size != sizeof(*arg) || arg->flags & ~1u || !arg->count ||
	    arg->item_size != sizeof(*items))
		return -EINVAL;
	if (arg->count > DOCSTORE_MAX_OPS)
		return -E2BIG;
	arg->used = 0;
	arg->needed = 0;
	for (i = 0; i < arg->count; i++) {
		struct fake_doc *doc = fake_find_doc(store, items[i].id, items[i].id_len);
		uint32_t at = (end + 7) & ~7u;
		unsigned char *p;

		items[i].result = doc && doc->exists ? 0 : -ENOENT;
		if (items[i].result)
			continue;
		p = fake_encode(doc, false, &size);
		end = at + size;
		if (end <= arg->buffer_len) {
			memcpy((char *)(uintptr_t)arg->buffer + at, p, size);
			items[i].offset = at;
			items[i].length = size;
			arg->used = end;
		}
		free(p);
		if (end > arg->buffer_len && !together) {
			arg->needed = size;
			break;
		}
	}
	arg->done = i;
	if (together && end > arg->buffer_len) {
		arg->done = 0;
		arg->used = 0;
		arg->needed = end;
	}
	return 0;
}

static int scan(struct fake_store *store, struct docstore_scan *arg)
{
	if (arg->size != sizeof(*arg) || arg->flags & ~1u || arg->prefix_len > DOCSTORE_MAX_ID)
		return -EINVAL;
	arg->used = 0;
	arg->count = 0;
	arg->needed = 0;
	for (; arg->cursor[0] < store->ndocs; arg->cursor[0]++) {
		/* Not in the order in which they were made: let nobody rely on that. */
		struct fake_doc *doc = &store->docs[store->ndocs - 1 - arg->cursor[0]];
		uint32_t at = (arg->used + 7) & ~7u, size;
		unsigned char *p;

		if (!doc->exists || doc->id_len < arg->prefix_len ||
		    memcmp(doc->id, arg->prefix_len ? (void *)(uintptr_t)arg->prefix : doc->id,
			   arg->prefix_len) ||
		    (arg->type && arg->type != doc->type))
			continue;
		p = fake_encode(doc, arg->flags & DOCSTORE_SCAN_IDS, &size);
		if (at > arg->buffer_len || size > arg->buffer_len - at) {
			if (!arg->count)
				arg->needed = size;
			free(p);
			return 0;
		}
		memcpy((char *)(uintptr_t)arg->buffer + at, p, size);
		arg->used = at + size;
		arg->count++;
		free(p);
	}
	arg->flags |= DOCSTORE_SCAN_END;
	return 0;
}

static int intern(struct fake_fd *fd, struct fake_store *store, struct docstore_intern *arg)
{
	struct docstore_name *names = (void *)(uintptr_t)arg->names;
	bool make = arg->flags & DOCSTORE_INTERN_CREATE;
	uint32_t k;

	if (arg->size != sizeof(*arg) || arg->flags & ~1u || arg->__reserved ||
	    arg->name_size != sizeof(*names))
		return -EINVAL;
	if (make && !(fd->flags & DOCSTORE_OPEN_WRITE))
		return -EBADF;
	for (arg->done = 0; arg->done < arg->count; arg->done++) {
		struct docstore_name *name = &names[arg->done];

		if (!name->len)
			return -EINVAL;
		if (name->len > DOCSTORE_MAX_NAME)
			return -ENAMETOOLONG;
		for (k = 0; k < store->nnames; k++) {
			if (store->names[k].len == name->len &&
			    !memcmp(store->names[k].data, (void *)(uintptr_t)name->name, name->len))
				break;
		}
		name->id = k < store->nnames ? k + 1 : 0;
		if (name->id || !make)
			continue;
		if (k == DOCSTORE_MAX_NAMES)
			return -ENOSPC;
		store->names = fake_grow(store->names, k, sizeof(*store->names));
		memset(&store->names[k], 0, sizeof(*store->names));
		store->names[k].len = name->len;
		memcpy(store->names[k].data, (void *)(uintptr_t)name->name, name->len);
		store->info.names = ++store->nnames;
		name->id = k + 1;
		fake_dirty = true;
	}
	return 0;
}

static int names(struct fake_store *store, struct docstore_names *arg)
{
	if (arg->size != sizeof(*arg) || arg->flags || !arg->first || arg->buffer_len < 264)
		return -EINVAL;
	arg->count = 0;
	arg->used = 0;
	for (; arg->first <= store->nnames; arg->first++) {
		const struct fake_name *name = &store->names[arg->first - 1];
		struct docstore_name_record record = { arg->first, name->len };
		uint32_t at = (arg->used + 7) & ~7u;
		char *to = (char *)(uintptr_t)arg->buffer + at;

		if (at + sizeof(record) + name->len > arg->buffer_len)
			break;
		memcpy(to, &record, sizeof(record));
		memcpy(to + sizeof(record), name->data, name->len);
		arg->used = at + (uint32_t)sizeof(record) + name->len;
		arg->count++;
	}
	return 0;
}

static int module_info(struct docstore_info *info)
{
	uint32_t s;

	if (info->size != sizeof(*info) || info->flags)
		return -EINVAL;
	info->abi = DOCSTORE_ABI;
	info->map_layout = DOCSTORE_MAP_LAYOUT;
	info->workers = 2;
	info->max_stores = FAKE_STORES;
	info->max_partitions = DOCSTORE_MAX_PARTITIONS;
	info->max_ops = DOCSTORE_MAX_OPS;
	info->max_batch = DOCSTORE_MAX_BATCH;
	info->max_document = DOCSTORE_MAX_DOCUMENT;
	info->max_properties = DOCSTORE_MAX_PROPERTIES;
	info->max_names = DOCSTORE_MAX_NAMES;
	for (s = 0; s < FAKE_STORES; s++)
		info->stores += fake_stores[s].info.name[0] != 0;
	return 0;
}

static int list(struct docstore_store_list *arg)
{
	struct docstore_store_info *infos = (void *)(uintptr_t)arg->stores;
	uint32_t room = arg->count;

	if (arg->size != sizeof(*arg) || arg->flags || arg->store_size != sizeof(*infos))
		return -EINVAL;
	arg->count = 0;
	for (; arg->cursor < FAKE_STORES; arg->cursor++) {
		if (!fake_stores[arg->cursor].info.name[0])
			continue;
		if (arg->count == room)
			return 0;
		infos[arg->count] = fake_stores[arg->cursor].info;
		infos[arg->count++].size = sizeof(*infos);
	}
	arg->cursor = 0;
	return 0;
}

static int open_store(struct docstore_store_open *arg)
{
	struct fake_store *store;
	int fd;

	if (arg->size != sizeof(*arg) || !arg->flags || arg->flags & ~3u ||
	    !fake_good_name(arg->name))
		return -EINVAL;
	store = fake_find_store(arg->name);
	if (!store)
		return -ENOENT;
	fd = ds_sys_open("", true);
	if (fd >= 0) {
		fds[fd].store = store;
		fds[fd].flags = arg->flags;
	}
	return fd;
}

static int control(struct fake_fd *fd, unsigned long request, void *arg)
{
	struct docstore_store_create *make = arg;
	struct docstore_store_remove *away = arg;
	struct fake_store *store;

	switch (request) {
	case DOCSTORE_INFO:
		return module_info(arg);
	case DOCSTORE_STORE_CREATE:
		if (!fd->write)
			return -EBADF;
		if (make->size != sizeof(*make) || make->flags || make->mode & ~0666u ||
		    make->partitions > DOCSTORE_MAX_PARTITIONS || !fake_good_name(make->name))
			return -EINVAL;
		return fake_find_store(make->name) ? -EEXIST : fake_create((char *)make->name, make);
	case DOCSTORE_STORE_OPEN:
		return open_store(arg);
	case DOCSTORE_STORE_REMOVE:
		if (!fd->write)
			return -EBADF;
		if (away->size != sizeof(*away) || away->flags || !fake_good_name(away->name))
			return -EINVAL;
		store = fake_find_store(away->name);
		if (!store)
			return -ENOENT;
		fake_free_store(store);
		fake_dirty = true;
		return 0;
	case DOCSTORE_STORE_LIST:
		return list(arg);
	case DOCSTORE_MODULE_STATS:
		return fake_module_stats(arg);
	case DOCSTORE_SESSION_LIST:
		return fake_session_list(arg);
	case DOCSTORE_CONFIG:
		return fake_config(fd, arg);
	default:
		return -ENOTTY;
	}
}

/* --- what the library calls --------------------------------------------------- */

int fake_fd_new(int fd)
{
	if (fd < 0)
		return -errno;
	if (fd >= FAKE_FDS) {
		close(fd);
		return -EMFILE;
	}
	memset(&fds[fd], 0, sizeof(fds[fd]));
	fds[fd].open = true;
	fake_session_begin(&fds[fd].session);
	return fd;
}

struct fake_fd *fake_fd_made(int n)
{
	return n >= 0 && n < FAKE_FDS && fds[n].open ? &fds[n] : NULL;
}

struct fake_fd *fake_fd(int n)
{
	if (n < 0 || n >= FAKE_FDS)
		return NULL;
	/* A snapshot may come from another process. */
	if (!fds[n].open && !fake_snapshot_adopt(n, &fds[n]))
		return NULL;
	return &fds[n];
}

int ds_sys_open(const char *device, bool write)
{
	int fd;

	if (!strcmp(device, "/nowhere") || getenv("DOCSTORE_FAKE_NO_MODULE"))
		return -ENXIO;
	if (!loaded)
		fake_load();
	loaded = true;
	fd = fake_fd_new(open("/dev/null", O_RDWR | O_CLOEXEC));
	if (fd >= 0)
		fds[fd].write = write;
	return fd;
}

static int store_info(struct fake_store *store, struct docstore_store_info *info)
{
	if (info->size != sizeof(*info) || info->flags)
		return -EINVAL;
	*info = store->info;
	info->size = sizeof(*info);
	return 0;
}

static int read_somehow(struct fake_fd *fd, unsigned long request, void *arg)
{
	if (!(fd->flags & DOCSTORE_OPEN_READ))
		return -EBADF;
	if (fd->snapshot && fake_snapshot_revoked(fd->snapshot))
		return -ESTALE;
	return request == DOCSTORE_READ ? read_one(fd->store, arg) :
	       request == DOCSTORE_READ_MANY ? read_many(fd->store, arg) :
	       scan(fd->store, arg);
}

static int carry_out(struct fake_fd *fd, unsigned long request, void *arg)
{
	if (!fd->store)
		return control(fd, request, arg);
	if (fd->stream)
		return fake_stream_ioctl(fd->stream, request, arg);
	switch (request) {
	case DOCSTORE_INFO:
		return module_info(arg);
	case DOCSTORE_STORE_INFO:
		return store_info(fake_store_of(fd), arg);
	case DOCSTORE_INTERN:
		return intern(fd, fake_store_of(fd), arg);
	case DOCSTORE_NAMES:
		return names(fake_store_of(fd), arg);
	case DOCSTORE_READ:
	case DOCSTORE_READ_MANY:
	case DOCSTORE_SCAN:
		return read_somehow(fd, request, arg);
	case DOCSTORE_SNAPSHOT_INFO:
		return fd->snapshot ? fake_snapshot_info(fd, arg) : -ENOTTY;
	}
	if (fd->snapshot)
		return -ENOTTY;
	switch (request) {
	case DOCSTORE_SUBMIT:
		return submit(fd, arg);
	case DOCSTORE_SNAPSHOT:
		return fake_snapshot(fd, arg);
	case DOCSTORE_STREAM:
		return fake_stream(fd, arg);
	case DOCSTORE_SNAPSHOT_LIST:
		return fake_snapshot_list(fd, arg);
	case DOCSTORE_COORDINATOR:
		return fake_coordinator(fd, arg);
	case DOCSTORE_CHECK:
		return fake_check(fd, arg);
	case DOCSTORE_STATS:
		return fake_stats(fd, arg);
	case DOCSTORE_CONFIG:
		return fake_config(fd, arg);
	default:
		return -ENOTTY;
	}
}

int ds_sys_ioctl(int n, unsigned long request, void *arg)
{
	struct fake_fd *fd = fake_fd(n);
	int ret;

	if (!fd)
		return -EBADF;
	ret = carry_out(fd, request, arg);
	fake_count(fd, request, arg, ret);
	return ret;
}

void ds_sys_close(int fd)
{
	if (fd >= 0 && fd < FAKE_FDS) {
		if (fds[fd].open && fds[fd].snapshot)
			fake_snapshot_close(fds[fd].snapshot);
		if (fds[fd].open && fds[fd].stream)
			fake_stream_close(fds[fd].stream);
		fds[fd].open = false;
	}
	close(fd);
}

/* There is no memory to be mapped here: everything goes by ioctl. */
void *ds_sys_map(int fd, size_t size)
{
	(void)fd;
	(void)size;
	return NULL;
}

void ds_sys_unmap(void *base, size_t size)
{
	(void)base;
	(void)size;
}

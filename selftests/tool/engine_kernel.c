// SPDX-License-Identifier: GPL-2.0
/*
 * One docstore in user space that can be mapped: the engine, laid out as the module
 * does it, behind the library's ds_sys_*() functions. What the library reads without
 * asking is what module/core wrote, in a process that sanitizers look at.
 *
 * Whatever does not lead to that is as simple as can be: there is one store, whose
 * name is not looked at, and grace periods take no time. So nothing but the era keeps
 * memory from being used again, as for readers in other processes.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <linux/docstore.h>

#include "../core/store.h"
#include "../core/test.h"

#define MAX_FDS		64
#define CHUNKS		24

int ds_sys_open(const char *device, bool write);
int ds_sys_ioctl(int fd, unsigned long request, void *arg);
void ds_sys_close(int fd);
void *ds_sys_map(int fd, size_t size);
void ds_sys_unmap(void *base, size_t size);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *store;
static bool named;		/* it was not removed */
static u32 fds[MAX_FDS];	/* rights, and OPEN_FD */
static struct docstore_name *names;
static u32 nnames;

#define OPEN_FD		(1U << 31)

static const void *pointer(u64 p)
{
	return (const void *)(uintptr_t)p;
}

static int fd_new(u32 flags)
{
	int fd;

	for (fd = 3; fd < MAX_FDS; fd++) {
		if (fds[fd])
			continue;
		fds[fd] = flags | OPEN_FD;
		return fd;
	}
	return -EMFILE;
}

static int create(void)
{
	if (store)
		return -EEXIST;
	core_setup();
	store = store_create_mapped(CHUNKS);
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
	struct docstore_map_store *head = (void *)store->mapping;
	struct docstore_name_record record = { id, name->len };
	u32 size = (sizeof(record) + name->len + 7) & ~7U;
	u64 at = head->names_used;

	if (size > DS_PAGE_SIZE - at % DS_PAGE_SIZE)
		at = (at | (DS_PAGE_SIZE - 1)) + 1;
	CHECK(at + size <= head->names_size);
	memcpy(store->mapping + head->names_offset + at, &record, sizeof(record));
	memcpy(store->mapping + head->names_offset + at + sizeof(record), pointer(name->name),
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
			    !memcmp(pointer(names[k].name), pointer(asked[i].name), asked[i].len))
				break;
		asked[i].id = k < nnames ? k + 1 : 0;
		if (!asked[i].id && arg->flags & DOCSTORE_INTERN_CREATE) {
			void *copy = malloc(asked[i].len);

			if (!may_write)
				return -EBADF;
			names = realloc(names, (nnames + 1) * sizeof(*names));
			CHECK(copy && names);
			memcpy(copy, pointer(asked[i].name), asked[i].len);
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
		memcpy(to + arg->used + sizeof(record), pointer(name->name), name->len);
		arg->used += size;
	}
	return 0;
}

static bool has_data(const struct docstore_op *op)
{
	return op->code == DOCSTORE_OP_SET && op->type >= DOCSTORE_TYPE_STRING;
}

static int submit(struct docstore_submit *arg)
{
	struct docstore_op *ops = (void *)(uintptr_t)arg->ops;
	struct batch *b = batch_create_for(store, arg->flags & DOCSTORE_SUBMIT_ATOMIC, arg->count);
	u32 i, tries = 8;

	for (i = 0; i < arg->count; i++) {
		struct ds_delta *delta = batch_op(b, pointer(ops[i].id), ops[i].id_len, ops[i].code);

		delta->flags = ops[i].flags;
		delta->type = ops[i].type;
		delta->property = ops[i].property;
		delta->expected = ops[i].version;
		delta->len = ops[i].value_len;
		delta->number = ops[i].value;
		if (has_data(&ops[i])) {
			delta->data = malloc(ops[i].value_len);
			CHECK(delta->data || !ops[i].value_len);
			memcpy(delta->data, pointer(ops[i].value), ops[i].value_len);
			b->bytes += ops[i].value_len;
		}
	}
	do {
		store_commit(store, b);
		shim_rcu_elapse();
		store_maintain(store, 64, b->batch.nomem);
		if (b->batch.nomem)
			store_donate(store);
	} while (b->batch.nomem && tries--);
	arg->failed = 0;
	for (i = 0; i < arg->count; i++) {
		ops[i].result = b->batch.nomem ? -ENOSPC : b->deltas[i].result;
		ops[i].version = b->deltas[i].version;
		arg->failed += !!ops[i].result;
	}
	batch_destroy(b);
	return 0;
}

static int check_id(u64 id, u32 len)
{
	return !len ? -EINVAL : len > DOCSTORE_MAX_ID ? -ENAMETOOLONG : id ? 0 : -EFAULT;
}

static int read_one(struct docstore_read *arg)
{
	void *to = (void *)(uintptr_t)arg->buffer;
	const struct docstore_version *v;
	struct ds_value value;
	int err = check_id(arg->id, arg->id_len);

	if (err)
		return err;
	v = store_read(store, pointer(arg->id), arg->id_len);
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

static int read_many(struct docstore_read_many *arg)
{
	struct docstore_read_item *items = (void *)(uintptr_t)arg->items;
	char *to = (void *)(uintptr_t)arg->buffer;

	arg->used = 0;
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
			v = store_read(store, pointer(item->id), item->id_len);
			item->result = v ? 0 : -ENOENT;
		}
		if (!v)
			continue;
		if (v->size > arg->buffer_len - arg->used) {
			arg->needed = arg->done ? 0 : v->size;
			break;
		}
		ds_version_copy(v, to + arg->used, v->size);
		item->offset = arg->used;
		item->length = v->size;
		arg->used = min(arg->used + ((v->size + 7) & ~7U), arg->buffer_len);
	}
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

static int carry_out(u32 rights, unsigned long request, void *arg)
{
	switch (request) {
	case DOCSTORE_INFO:
		return module_info(arg);
	case DOCSTORE_STORE_CREATE:
		return create();
	case DOCSTORE_STORE_REMOVE:
		return forget();
	case DOCSTORE_STORE_OPEN:
		return named ? fd_new(((struct docstore_store_open *)arg)->flags) : -ENOENT;
	case DOCSTORE_STORE_INFO:
		((struct docstore_store_info *)arg)->map_size = store->mapping_size;
		return 0;
	case DOCSTORE_INTERN:
		return intern(arg, rights & DOCSTORE_OPEN_WRITE);
	case DOCSTORE_NAMES:
		return tell_names(arg);
	case DOCSTORE_SUBMIT:
		return rights & DOCSTORE_OPEN_WRITE ? submit(arg) : -EBADF;
	case DOCSTORE_READ:
		return rights & DOCSTORE_OPEN_READ ? read_one(arg) : -EBADF;
	case DOCSTORE_READ_MANY:
		return rights & DOCSTORE_OPEN_READ ? read_many(arg) : -EBADF;
	default:
		return -ENOTTY;
	}
}

int ds_sys_open(const char *device, bool write)
{
	int fd;

	pthread_mutex_lock(&lock);
	fd = fd_new(0);
	pthread_mutex_unlock(&lock);
	return fd;
}

int ds_sys_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	if (fd < 3 || fd >= MAX_FDS || !fds[fd])
		return -EBADF;
	pthread_mutex_lock(&lock);
	ret = carry_out(fds[fd], request, arg);
	pthread_mutex_unlock(&lock);
	return ret;
}

void ds_sys_close(int fd)
{
	pthread_mutex_lock(&lock);
	fds[fd] = 0;
	pthread_mutex_unlock(&lock);
}

void *ds_sys_map(int fd, size_t size)
{
	return size == store->mapping_size ? store->mapping : NULL;
}

void ds_sys_unmap(void *base, size_t size)
{
}

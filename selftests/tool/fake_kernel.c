// SPDX-License-Identifier: GPL-2.0
/*
 * A docstore in user space, behind the library's ds_sys_*() functions, so that
 * the library and the tool can be tested natively and under sanitizers.
 *
 * It is small and slow and as strict as the uapi header: every field that must
 * be 0 is checked. With DOCSTORE_FAKE=FILE in the environment, its stores are
 * kept in FILE between one process and the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/docstore_map.h>

#include "internal.h"

#define MAX_STORES	40
#define MAX_FDS		1024

struct prop {
	uint32_t name, type, len;
	uint64_t set;
	unsigned char *data;
};

struct doc {
	unsigned char id[DOCSTORE_MAX_ID];
	uint8_t id_len;
	uint8_t exists;
	uint32_t type, nprops;
	uint64_t version, created, changed;
	struct prop *props;
};

struct name {
	uint32_t len;
	unsigned char data[DOCSTORE_MAX_NAME];
};

struct store {
	struct docstore_store_info info;	/* name[0] is 0: none */
	uint32_t nnames, ndocs;
	struct name *names;
	struct doc *docs;
};

static struct store stores[MAX_STORES];
static uint64_t incarnation;
static bool loaded, dirty;
static struct fd {
	bool open, write;
	struct store *store;	/* NULL: the control node */
	uint32_t flags;
} fds[MAX_FDS];

static void *grow(void *p, size_t count, size_t size)
{
	p = reallocarray(p, count + 1, size);
	if (!p)
		abort();
	return p;
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* --- from one process to the next ------------------------------------------ */

static void save_or_load(FILE *f, bool save, void *p, size_t len)
{
	if (len && (save ? fwrite(p, 1, len, f) : fread(p, 1, len, f)) != len) {
		fprintf(stderr, "fake kernel: its file is damaged\n");
		exit(99);
	}
}

static void transfer(FILE *f, bool save)
{
	uint32_t s, i, k;

	save_or_load(f, save, &incarnation, sizeof(incarnation));
	for (s = 0; s < MAX_STORES; s++) {
		struct store *store = &stores[s];

		save_or_load(f, save, &store->info, sizeof(store->info));
		save_or_load(f, save, &store->nnames, sizeof(store->nnames));
		save_or_load(f, save, &store->ndocs, sizeof(store->ndocs));
		if (!save) {
			store->names = grow(NULL, store->nnames, sizeof(*store->names));
			store->docs = grow(NULL, store->ndocs, sizeof(*store->docs));
		}
		save_or_load(f, save, store->names, store->nnames * sizeof(*store->names));
		for (i = 0; i < store->ndocs; i++) {
			struct doc *doc = &store->docs[i];

			save_or_load(f, save, doc, sizeof(*doc));
			if (!save)
				doc->props = grow(NULL, doc->nprops, sizeof(*doc->props));
			for (k = 0; k < doc->nprops; k++) {
				struct prop *prop = &doc->props[k];

				save_or_load(f, save, prop, sizeof(*prop));
				if (!save)
					prop->data = grow(NULL, prop->len, 1);
				save_or_load(f, save, prop->data, prop->len);
			}
		}
	}
}

static void free_props(struct doc *doc)
{
	uint32_t k;

	for (k = 0; k < doc->nprops; k++)
		free(doc->props[k].data);
	free(doc->props);
	doc->props = NULL;
	doc->nprops = 0;
}

static void free_store(struct store *store)
{
	uint32_t i;

	for (i = 0; i < store->ndocs; i++)
		free_props(&store->docs[i]);
	free(store->docs);
	free(store->names);
	memset(store, 0, sizeof(*store));
}

static void save(void)
{
	const char *path = getenv("DOCSTORE_FAKE");
	uint32_t s;

	if (path && dirty) {
		FILE *f = fopen(path, "w");

		if (f) {
			transfer(f, true);
			fclose(f);
		}
	}
	for (s = 0; s < MAX_STORES; s++)
		free_store(&stores[s]);
}

static int create(const char *name, const struct docstore_store_create *arg)
{
	struct docstore_store_info *info;
	uint32_t s;

	for (s = 0; s < MAX_STORES && stores[s].info.name[0]; s++)
		;
	if (s == MAX_STORES)
		return -ENOSPC;
	info = &stores[s].info;
	info->incarnation = ++incarnation;
	info->created = clock_ns();
	info->uid = getuid();
	info->gid = getgid();
	info->mode = arg ? arg->mode : 0666;
	info->partitions = arg && arg->partitions ? arg->partitions : 2;
	info->max_bytes = arg && arg->max_bytes ? arg->max_bytes : 1 << 30;
	strcpy((char *)info->name, name);
	dirty = true;
	return 0;
}

static void load(void)
{
	const char *path = getenv("DOCSTORE_FAKE");
	FILE *f = path ? fopen(path, "r") : NULL;

	loaded = true;
	atexit(save);
	if (f) {
		transfer(f, false);
		fclose(f);
	} else {
		create("default", NULL);
	}
}

/* --- names and documents ---------------------------------------------------- */

static struct store *find_store(const __u8 *name)
{
	uint32_t s;

	for (s = 0; s < MAX_STORES; s++) {
		if (stores[s].info.name[0] &&
		    !strcmp((char *)stores[s].info.name, (const char *)name))
			return &stores[s];
	}
	return NULL;
}

static bool good_name(const __u8 *name)
{
	size_t i, len = strnlen((const char *)name, DOCSTORE_STORE_NAME_SIZE);

	if (!len || len == DOCSTORE_STORE_NAME_SIZE || name[0] == '.' || name[0] == '-')
		return false;
	for (i = 0; i < len; i++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			    name[i]))
			return false;
	}
	return true;
}

static struct doc *find_doc(struct store *store, uint64_t id, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < store->ndocs; i++) {
		if (store->docs[i].id_len == len &&
		    !memcmp(store->docs[i].id, (void *)(uintptr_t)id, len))
			return &store->docs[i];
	}
	return NULL;
}

static struct prop *find_prop(const struct doc *doc, uint32_t name)
{
	uint32_t k;

	for (k = 0; k < doc->nprops; k++) {
		if (doc->props[k].name == name)
			return &doc->props[k];
	}
	return NULL;
}

static void copy_doc(struct doc *to, const struct doc *from)
{
	uint32_t k;

	*to = *from;
	to->props = grow(NULL, from->nprops, sizeof(*to->props));
	for (k = 0; k < from->nprops; k++) {
		to->props[k] = from->props[k];
		to->props[k].data = grow(NULL, from->props[k].len, 1);
		memcpy(to->props[k].data, from->props[k].data, from->props[k].len);
	}
}

/* A document as the kernel returns it; free it. */
static unsigned char *encode(const struct doc *doc, bool ids_only, uint32_t *size)
{
	uint32_t n = ids_only ? 0 : doc->nprops, k, values = 0, at, end = 0;
	struct docstore_version v = {
		.seq = doc->version,
		.version = doc->version,
		.created = doc->created,
		.changed = doc->changed,
		.type = doc->type,
		.nprops = (__u16)n,
		.id_len = doc->id_len,
	};
	unsigned char *p;

	for (k = 0; k < n; k++) {
		values += doc->props[k].len;
		if (doc->props[k].set != doc->version)
			v.flags |= DOCSTORE_VERSION_SET;
	}
	if (values > UINT16_MAX)
		v.flags |= DOCSTORE_VERSION_WIDE;
	at = sizeof(v);
	v.size = at + n * ((v.flags & DOCSTORE_VERSION_SET ? 4 : 0) +
			   (v.flags & DOCSTORE_VERSION_WIDE ? 4 : 2) + 3) + v.id_len + values;
	p = grow(NULL, v.size, 1);
	memcpy(p, &v, sizeof(v));
	for (k = 0; k < n && v.flags & DOCSTORE_VERSION_SET; k++, at += 4) {
		uint32_t set = (uint32_t)doc->props[k].set;

		memcpy(p + at, &set, 4);
	}
	for (k = 0; k < n; k++) {
		uint16_t narrow;

		end += doc->props[k].len;
		narrow = (uint16_t)end;
		if (v.flags & DOCSTORE_VERSION_WIDE)
			memcpy(p + at, &end, 4);
		else
			memcpy(p + at, &narrow, 2);
		at += v.flags & DOCSTORE_VERSION_WIDE ? 4 : 2;
	}
	for (k = 0; k < n; k++, at += 2) {
		uint16_t name = (uint16_t)doc->props[k].name;

		memcpy(p + at, &name, 2);
	}
	for (k = 0; k < n; k++)
		p[at++] = (unsigned char)doc->props[k].type;
	memcpy(p + at, doc->id, doc->id_len);
	at += doc->id_len;
	for (k = 0; k < n; at += doc->props[k++].len)
		memcpy(p + at, doc->props[k].data, doc->props[k].len);
	*size = v.size;
	return p;
}

static uint32_t copy_out(uint64_t to, uint32_t room, const void *from, uint32_t len)
{
	if (room)
		memcpy((void *)(uintptr_t)to, from, len < room ? len : room);
	return len;
}

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
static int check_op(const struct store *store, const struct docstore_op *op)
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
		return op->type || op->value || op->property ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

static int set(struct doc *doc, uint32_t name, uint32_t type, const void *data, uint32_t len)
{
	struct prop *prop = find_prop(doc, name);

	if (!prop) {
		if (doc->nprops == DOCSTORE_MAX_PROPERTIES)
			return -EFBIG;
		doc->props = grow(doc->props, doc->nprops, sizeof(*doc->props));
		prop = &doc->props[doc->nprops++];
		memset(prop, 0, sizeof(*prop));
		prop->name = name;
	}
	prop->type = type;
	prop->len = len;
	prop->set = 0;		/* the new version, which is not known yet */
	prop->data = grow(prop->data, len, 1);
	memcpy(prop->data, data, len);
	return 0;
}

static int get(struct doc *doc, struct docstore_op *op)
{
	struct prop *prop;
	unsigned char *p;
	uint32_t size;

	if (!doc->exists)
		return -ENOENT;
	if (!op->property) {
		/* Not committed yet: it shows the version that it will have. */
		doc->version++;
		p = encode(doc, false, &size);
		doc->version--;
		op->value_len = copy_out(op->value, op->value_len, p, size);
		free(p);
		return 0;
	}
	prop = find_prop(doc, op->property);
	if (!prop)
		return -ENODATA;
	op->type = (__u8)prop->type;
	op->value_len = copy_out(op->value, op->value_len, prop->data, prop->len);
	return 0;
}

static int apply(struct doc *doc, struct docstore_op *op, uint64_t *at_least)
{
	struct prop *prop = find_prop(doc, op->property);
	int64_t sum = (int64_t)op->value;
	uint32_t at;

	if (op->code == DOCSTORE_OP_GET)
		return get(doc, op);
	if (!doc->exists && (op->code == DOCSTORE_OP_UNSET || op->code == DOCSTORE_OP_DELETE))
		return -ENOENT;
	if (!doc->exists)
		doc->created = clock_ns();
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
			free_props(doc);
			return 0;
		}
		if (!prop)
			return -ENODATA;
		free(prop->data);
		at = (uint32_t)(prop - doc->props);
		memmove(prop, prop + 1, (--doc->nprops - at) * sizeof(*prop));
		return 0;
	case DOCSTORE_OP_DELETE:
		free_props(doc);
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

static int check_condition(const struct doc *doc, const struct docstore_op *op)
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
static int apply_all(struct store *store, struct docstore_op *ops, uint32_t count,
		     struct doc *doc, bool *changes)
{
	struct doc *old = find_doc(store, ops[0].id, ops[0].id_len);
	struct doc before = { 0 };
	uint64_t at_least = 0;
	uint32_t i, k;
	int err = 0;

	memset(doc, 0, sizeof(*doc));
	doc->id_len = ops[0].id_len;
	memcpy(doc->id, (void *)(uintptr_t)ops[0].id, ops[0].id_len);
	if (old)
		copy_doc(doc, old);
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
		*changes |= ops[i].code != DOCSTORE_OP_GET;
	}
	if (i < count)
		err = ops[i].result;
	for (k = 0; err && k < count; k++) {
		if (k != i && same_id(&ops[0], &ops[k]))
			ops[k].result = -ECANCELED;
	}
	if (!err && *changes) {
		doc->version = doc->version + 1 > at_least ? doc->version + 1 : at_least;
		doc->changed = clock_ns();
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

static void commit(struct store *store, struct doc *doc)
{
	struct doc *old = find_doc(store, (uintptr_t)doc->id, doc->id_len);

	dirty = true;
	store->info.changes++;
	store->info.documents += doc->exists;
	if (old) {
		store->info.documents -= old->exists;
		free_props(old);
		*old = *doc;
		return;
	}
	store->docs = grow(store->docs, store->ndocs, sizeof(*doc));
	store->docs[store->ndocs++] = *doc;
}

static int submit(struct fd *fd, struct docstore_submit *arg)
{
	struct docstore_op *ops = (void *)(uintptr_t)arg->ops;
	bool atomic = arg->flags & DOCSTORE_SUBMIT_ATOMIC, failed = false;
	uint32_t i, k, groups = 0;
	uint64_t bytes = 0;
	struct doc *docs;
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
		if (ops[i].code != DOCSTORE_OP_GET && !(fd->flags & DOCSTORE_OPEN_WRITE))
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
				commit(fd->store, &docs[groups - 1]);
			else
				free_props(&docs[groups - 1]);
		}
	}
	for (k = 0; atomic && k < groups; k++) {
		if (changes[k] && !failed)
			commit(fd->store, &docs[k]);
		else
			free_props(&docs[k]);
	}
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

static int read_one(struct store *store, struct docstore_read *arg)
{
	struct doc *doc;
	struct prop *prop;
	unsigned char *p;
	uint32_t size;

	if (arg->size != sizeof(*arg) || arg->flags || arg->__reserved || !arg->id_len ||
	    arg->property > store->nnames)
		return -EINVAL;
	doc = find_doc(store, arg->id, arg->id_len);
	if (!doc || !doc->exists)
		return -ENOENT;
	arg->version = doc->version;
	arg->type = 0;
	if (!arg->property) {
		p = encode(doc, false, &size);
		arg->length = copy_out(arg->buffer, arg->buffer_len, p, size);
		free(p);
		return 0;
	}
	prop = find_prop(doc, arg->property);
	if (!prop)
		return -ENODATA;
	arg->type = prop->type;
	arg->length = copy_out(arg->buffer, arg->buffer_len, prop->data, prop->len);
	return 0;
}

static int read_many(struct store *store, struct docstore_read_many *arg)
{
	struct docstore_read_item *items = (void *)(uintptr_t)arg->items;
	uint32_t i, size;

	if (arg->size != sizeof(*arg) || arg->flags || !arg->count ||
	    arg->item_size != sizeof(*items))
		return -EINVAL;
	arg->used = 0;
	arg->needed = 0;
	for (i = 0; i < arg->count; i++) {
		struct doc *doc = find_doc(store, items[i].id, items[i].id_len);
		uint32_t at = (arg->used + 7) & ~7u;
		unsigned char *p;

		items[i].result = doc && doc->exists ? 0 : -ENOENT;
		if (items[i].result)
			continue;
		p = encode(doc, false, &size);
		if (at > arg->buffer_len || size > arg->buffer_len - at) {
			arg->needed = size;
			free(p);
			break;
		}
		memcpy((char *)(uintptr_t)arg->buffer + at, p, size);
		items[i].offset = at;
		items[i].length = size;
		arg->used = at + size;
		free(p);
	}
	arg->done = i;
	return 0;
}

static int scan(struct store *store, struct docstore_scan *arg)
{
	if (arg->size != sizeof(*arg) || arg->flags & ~1u || arg->prefix_len > DOCSTORE_MAX_ID)
		return -EINVAL;
	arg->used = 0;
	arg->count = 0;
	arg->needed = 0;
	for (; arg->cursor[0] < store->ndocs; arg->cursor[0]++) {
		/* Not in the order in which they were made: let nobody rely on that. */
		struct doc *doc = &store->docs[store->ndocs - 1 - arg->cursor[0]];
		uint32_t at = (arg->used + 7) & ~7u, size;
		unsigned char *p;

		if (!doc->exists || doc->id_len < arg->prefix_len ||
		    memcmp(doc->id, arg->prefix_len ? (void *)(uintptr_t)arg->prefix : doc->id,
			   arg->prefix_len) ||
		    (arg->type && arg->type != doc->type))
			continue;
		p = encode(doc, arg->flags & DOCSTORE_SCAN_IDS, &size);
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

static int intern(struct fd *fd, struct docstore_intern *arg)
{
	struct docstore_name *names = (void *)(uintptr_t)arg->names;
	bool make = arg->flags & DOCSTORE_INTERN_CREATE;
	struct store *store = fd->store;
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
		store->names = grow(store->names, k, sizeof(*store->names));
		memset(&store->names[k], 0, sizeof(*store->names));
		store->names[k].len = name->len;
		memcpy(store->names[k].data, (void *)(uintptr_t)name->name, name->len);
		store->info.names = ++store->nnames;
		name->id = k + 1;
		dirty = true;
	}
	return 0;
}

static int names(struct store *store, struct docstore_names *arg)
{
	if (arg->size != sizeof(*arg) || arg->flags || !arg->first || arg->buffer_len < 264)
		return -EINVAL;
	arg->count = 0;
	arg->used = 0;
	for (; arg->first <= store->nnames; arg->first++) {
		const struct name *name = &store->names[arg->first - 1];
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
	info->max_stores = MAX_STORES;
	info->max_partitions = DOCSTORE_MAX_PARTITIONS;
	info->max_ops = DOCSTORE_MAX_OPS;
	info->max_batch = DOCSTORE_MAX_BATCH;
	info->max_document = DOCSTORE_MAX_DOCUMENT;
	info->max_properties = DOCSTORE_MAX_PROPERTIES;
	info->max_names = DOCSTORE_MAX_NAMES;
	for (s = 0; s < MAX_STORES; s++)
		info->stores += stores[s].info.name[0] != 0;
	return 0;
}

static int list(struct docstore_store_list *arg)
{
	struct docstore_store_info *infos = (void *)(uintptr_t)arg->stores;
	uint32_t room = arg->count;

	if (arg->size != sizeof(*arg) || arg->flags || arg->store_size != sizeof(*infos))
		return -EINVAL;
	arg->count = 0;
	for (; arg->cursor < MAX_STORES; arg->cursor++) {
		if (!stores[arg->cursor].info.name[0])
			continue;
		if (arg->count == room)
			return 0;
		infos[arg->count] = stores[arg->cursor].info;
		infos[arg->count++].size = sizeof(*infos);
	}
	arg->cursor = 0;
	return 0;
}

static int open_store(struct docstore_store_open *arg)
{
	struct store *store;
	int fd;

	if (arg->size != sizeof(*arg) || !arg->flags || arg->flags & ~3u ||
	    !good_name(arg->name))
		return -EINVAL;
	store = find_store(arg->name);
	if (!store)
		return -ENOENT;
	fd = ds_sys_open("", true);
	if (fd >= 0) {
		fds[fd].store = store;
		fds[fd].flags = arg->flags;
	}
	return fd;
}

static int control(struct fd *fd, unsigned long request, void *arg)
{
	struct docstore_store_create *make = arg;
	struct docstore_store_remove *away = arg;
	struct store *store;

	switch (request) {
	case DOCSTORE_INFO:
		return module_info(arg);
	case DOCSTORE_STORE_CREATE:
		if (!fd->write)
			return -EBADF;
		if (make->size != sizeof(*make) || make->flags || make->mode & ~0666u ||
		    make->partitions > DOCSTORE_MAX_PARTITIONS || !good_name(make->name))
			return -EINVAL;
		return find_store(make->name) ? -EEXIST : create((char *)make->name, make);
	case DOCSTORE_STORE_OPEN:
		return open_store(arg);
	case DOCSTORE_STORE_REMOVE:
		if (!fd->write)
			return -EBADF;
		if (away->size != sizeof(*away) || away->flags || !good_name(away->name))
			return -EINVAL;
		store = find_store(away->name);
		if (!store)
			return -ENOENT;
		free_store(store);
		dirty = true;
		return 0;
	case DOCSTORE_STORE_LIST:
		return list(arg);
	default:
		return -ENOTTY;
	}
}

/* --- what the library calls --------------------------------------------------- */

int ds_sys_open(const char *device, bool write)
{
	int fd;

	if (!strcmp(device, "/nowhere") || getenv("DOCSTORE_FAKE_NO_MODULE"))
		return -ENXIO;
	if (!loaded)
		load();
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fd >= MAX_FDS) {
		close(fd);
		return -EMFILE;
	}
	memset(&fds[fd], 0, sizeof(fds[fd]));
	fds[fd].open = true;
	fds[fd].write = write;
	return fd;
}

int ds_sys_ioctl(int n, unsigned long request, void *arg)
{
	struct docstore_store_info *info = arg;
	struct fd *fd = &fds[n];

	if (n < 0 || n >= MAX_FDS || !fd->open)
		return -EBADF;
	if (!fd->store)
		return control(fd, request, arg);
	switch (request) {
	case DOCSTORE_INFO:
		return module_info(arg);
	case DOCSTORE_STORE_INFO:
		if (info->size != sizeof(*info) || info->flags)
			return -EINVAL;
		*info = fd->store->info;
		info->size = sizeof(*info);
		return 0;
	case DOCSTORE_INTERN:
		return intern(fd, arg);
	case DOCSTORE_NAMES:
		return names(fd->store, arg);
	case DOCSTORE_SUBMIT:
		return submit(fd, arg);
	case DOCSTORE_READ:
	case DOCSTORE_READ_MANY:
	case DOCSTORE_SCAN:
		if (!(fd->flags & DOCSTORE_OPEN_READ))
			return -EBADF;
		return request == DOCSTORE_READ ? read_one(fd->store, arg) :
		       request == DOCSTORE_READ_MANY ? read_many(fd->store, arg) :
		       scan(fd->store, arg);
	default:
		return -ENOTTY;
	}
}

void ds_sys_close(int fd)
{
	if (fd >= 0 && fd < MAX_FDS)
		fds[fd].open = false;
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

// SPDX-License-Identifier: GPL-2.0
/* The docstore in user space: its stores, and where they are between processes. */
#include <time.h>
#include <unistd.h>

#include "fake.h"

struct fake_store fake_stores[FAKE_STORES];
bool fake_dirty;
static uint64_t incarnation;

void *fake_grow(void *p, size_t count, size_t size)
{
	p = reallocarray(p, count + 1, size);
	if (!p)
		abort();
	return p;
}

uint64_t fake_clock(void)
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

/* One store, to a file or from it. */
void fake_transfer(FILE *f, bool save, struct fake_store *store)
{
	uint32_t i, k;

	save_or_load(f, save, &store->info, sizeof(store->info));
	save_or_load(f, save, &store->coordinator, sizeof(store->coordinator));
	save_or_load(f, save, &store->repaired, sizeof(store->repaired));
	save_or_load(f, save, &store->counters, sizeof(store->counters));
	save_or_load(f, save, store->latency, sizeof(store->latency));
	save_or_load(f, save, &store->config, sizeof(store->config));
	save_or_load(f, save, &store->nnames, sizeof(store->nnames));
	save_or_load(f, save, &store->ndocs, sizeof(store->ndocs));
	if (!save) {
		store->names = fake_grow(NULL, store->nnames, sizeof(*store->names));
		store->docs = fake_grow(NULL, store->ndocs, sizeof(*store->docs));
	}
	save_or_load(f, save, store->names, store->nnames * sizeof(*store->names));
	fake_log_transfer(f, save, store, save_or_load);
	for (i = 0; i < store->ndocs; i++) {
		struct fake_doc *doc = &store->docs[i];

		save_or_load(f, save, doc, sizeof(*doc));
		if (!save)
			doc->props = fake_grow(NULL, doc->nprops, sizeof(*doc->props));
		for (k = 0; k < doc->nprops; k++) {
			struct fake_prop *prop = &doc->props[k];

			save_or_load(f, save, prop, sizeof(*prop));
			if (!save)
				prop->data = fake_grow(NULL, prop->len, 1);
			save_or_load(f, save, prop->data, prop->len);
		}
	}
}

static void transfer(FILE *f, bool save)
{
	uint32_t s;

	save_or_load(f, save, &incarnation, sizeof(incarnation));
	save_or_load(f, save, &fake_settings, sizeof(fake_settings));
	for (s = 0; s < FAKE_STORES; s++)
		fake_transfer(f, save, &fake_stores[s]);
}

void fake_free_props(struct fake_doc *doc)
{
	uint32_t k;

	for (k = 0; k < doc->nprops; k++)
		free(doc->props[k].data);
	free(doc->props);
	doc->props = NULL;
	doc->nprops = 0;
}

void fake_free_store(struct fake_store *store)
{
	uint32_t i;

	for (i = 0; i < store->ndocs; i++)
		fake_free_props(&store->docs[i]);
	free(store->docs);
	free(store->names);
	fake_log_free(store);
	memset(store, 0, sizeof(*store));
}

static void save(void)
{
	const char *path = getenv("DOCSTORE_FAKE");
	uint32_t s;

	if (path && fake_dirty) {
		FILE *f = fopen(path, "w");

		if (f) {
			transfer(f, true);
			fclose(f);
		}
	}
	for (s = 0; s < FAKE_STORES; s++)
		fake_free_store(&fake_stores[s]);
}

int fake_create(const char *name, const struct docstore_store_create *arg)
{
	struct docstore_store_info *info;
	uint32_t s;

	for (s = 0; s < FAKE_STORES && fake_stores[s].info.name[0]; s++)
		;
	if (s == FAKE_STORES)
		return -ENOSPC;
	info = &fake_stores[s].info;
	info->incarnation = ++incarnation;
	info->created = fake_clock();
	info->uid = getuid();
	info->gid = getgid();
	info->mode = arg ? arg->mode : 0666;
	info->partitions = arg && arg->partitions ? arg->partitions : 2;
	info->max_bytes = arg && arg->max_bytes ? arg->max_bytes : 1 << 30;
	strcpy((char *)info->name, name);
	fake_dirty = true;
	return 0;
}

void fake_load(void)
{
	const char *path = getenv("DOCSTORE_FAKE");
	FILE *f = path ? fopen(path, "r") : NULL;

	atexit(save);
	if (f) {
		transfer(f, false);
		fclose(f);
	} else {
		fake_create("default", NULL);
	}
}

/* --- names and documents ---------------------------------------------------- */

struct fake_store *fake_find_store(const __u8 *name)
{
	uint32_t s;

	for (s = 0; s < FAKE_STORES; s++) {
		if (fake_stores[s].info.name[0] &&
		    !strcmp((char *)fake_stores[s].info.name, (const char *)name))
			return &fake_stores[s];
	}
	return NULL;
}

bool fake_good_name(const __u8 *name)
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

struct fake_doc *fake_find_doc(struct fake_store *store, uint64_t id, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < store->ndocs; i++) {
		if (store->docs[i].id_len == len &&
		    !memcmp(store->docs[i].id, (void *)(uintptr_t)id, len))
			return &store->docs[i];
	}
	return NULL;
}

struct fake_prop *fake_find_prop(const struct fake_doc *doc, uint32_t name)
{
	uint32_t k;

	for (k = 0; k < doc->nprops; k++) {
		if (doc->props[k].name == name)
			return &doc->props[k];
	}
	return NULL;
}

void fake_copy_doc(struct fake_doc *to, const struct fake_doc *from)
{
	uint32_t k;

	*to = *from;
	to->props = fake_grow(NULL, from->nprops, sizeof(*to->props));
	for (k = 0; k < from->nprops; k++) {
		to->props[k] = from->props[k];
		to->props[k].data = fake_grow(NULL, from->props[k].len, 1);
		memcpy(to->props[k].data, from->props[k].data, from->props[k].len);
	}
}

/* A document as the kernel returns it; free it. */
unsigned char *fake_encode(const struct fake_doc *doc, bool ids_only, uint32_t *size)
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
	p = fake_grow(NULL, v.size, 1);
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

uint32_t fake_copy_out(uint64_t to, uint32_t room, const void *from, uint32_t len)
{
	if (room)
		memcpy((void *)(uintptr_t)to, from, len < room ? len : room);
	return len;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The library on a mapping whose arena holds any bytes, and other ones while it reads.
 *
 * What docstore_map.h says is the kernel's own and right is so: the first page, the
 * partition's page, directory blocks and segments. All else is what the input makes
 * of it: versions and slots that are nearly right, and words anywhere. At some of the
 * reader's loads a word changes. Nothing outside of the mapping may be touched, nor
 * beyond the limit, nor beyond the caller's buffers; and it must come to an end if
 * the era goes on, as it does where memory was used again. The same as of a snapshot,
 * which is revoked at some time; and what it has shown where it lies may be looked at
 * whatever comes to lie there.
 */
#include <errno.h>
#include <stddef.h>

#include "internal.h"

#include "../shim/shim.h"
#include "fuzz.h"
#include "input.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size)	((void)(p), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size)	((void)(p), (void)(size))
#endif

#define PAGE		4096u
#define ARENA		(48 * 1024u)
#define DIRECTORY	PAGE
#define SEGMENT		(2 * PAGE)
#define BLOCKS		(SEGMENT + DOCSTORE_MAP_SEGMENT * (unsigned int)sizeof(struct docstore_bucket))
#define SIZE		(3 * PAGE + ARENA)
#define UNITS(bytes)	((bytes) / DOCSTORE_MAP_UNIT)
#define CHANGES		12
#define FOR_EVER	3000000

static unsigned char *base, *arena;
static struct docstore_map_partition *page;
static struct docstore_map_snapshot moment;
static struct ds_store *store, *snapshot;

/* What happens while somebody reads. */
static struct {
	uint32_t step, at, value;
} changes[CHANGES];
static unsigned int nchanges;
static uint32_t steps, era_every, revoked_at, epoch_every;
/* How much of the arena there is; all of it, while it is being filled. */
static uint32_t reach;

int ds_sys_open(const char *device, bool write)
{
	(void)device;
	(void)write;
	return 3;
}

int ds_sys_ioctl(int fd, unsigned long request, void *arg)
{
	struct docstore_intern *intern = arg;
	struct docstore_name *names;
	unsigned int i;

	(void)fd;
	switch (request) {
	case DOCSTORE_STORE_OPEN:
		return 4;
	case DOCSTORE_SNAPSHOT:
		return 5;
	case DOCSTORE_INFO:
		((struct docstore_info *)arg)->max_ops = DOCSTORE_MAX_OPS;
		return 0;
	case DOCSTORE_STORE_INFO:
		((struct docstore_store_info *)arg)->map_size = SIZE;
		return 0;
	case DOCSTORE_INTERN:
		names = (void *)(uintptr_t)intern->names;
		for (i = 0; i < intern->count; i++)
			names[i].id = names[i].len;
		intern->done = intern->count;
		return 0;
	default:
		/* Who asks the kernel for a document finds none. */
		return -ENOENT;
	}
}

void ds_sys_close(int fd)
{
	(void)fd;
}

void *ds_sys_map(int fd, size_t size)
{
	if (fd == 5)
		return size == sizeof(moment) ? &moment : NULL;
	return size == SIZE ? base : NULL;
}

void ds_sys_unmap(void *at, size_t size)
{
	(void)at;
	(void)size;
}

static void set_up(void)
{
	struct docstore_map_store *head;
	uint32_t i;

	base = aligned_alloc(PAGE, SIZE);
	MUST(base);
	memset(base, 0, SIZE);
	head = (void *)base;
	page = (void *)(base + PAGE);
	arena = base + 3 * PAGE;
	memcpy(head->magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE);
	head->layout = DOCSTORE_MAP_LAYOUT;
	head->partitions = 1;
	head->key[0] = 1;
	head->size = SIZE;
	head->partitions_offset = PAGE;
	head->partition_stride = PAGE;
	head->names_offset = 2 * PAGE;
	head->names_size = PAGE;
	/* Of ids 1 to 8, as long as that. */
	for (i = 1; i <= 8; i++, head->names_used += 16) {
		struct docstore_name_record record = { i, i };

		memcpy(base + 2 * PAGE + head->names_used, &record, sizeof(record));
		memcpy(base + 2 * PAGE + head->names_used + sizeof(record), "property", i);
	}
	head->arenas_offset = 3 * PAGE;
	head->arena_stride = ARENA;
	memcpy(moment.magic, DOCSTORE_MAP_MAGIC, DOCSTORE_MAP_MAGIC_SIZE);
	moment.layout = DOCSTORE_MAP_LAYOUT;
	moment.partitions = 1;
	MUST(!ds_open("any", DOCSTORE_OPEN_READ, NULL, &store) && store->map.base);
	MUST(!ds_snapshot(store, NULL, &snapshot) && snapshot->pinned->map.base);
}

/* Somewhere in the arena, but not in what is never wrong. */
static void write_at(uint32_t at, const void *from, uint32_t len)
{
	if (at < SEGMENT && at + len > DIRECTORY)
		return;
	if (at < reach)
		memcpy(arena + at, from, len < reach - at ? len : reach - at);
}

static uint32_t take_place(struct input *in)
{
	switch (take_below(in, 8)) {
	case 0:
		return (uint32_t)take_number(in);
	case 1:
		return page->limit - take_below(in, 5);
	case 2:
		/* Where a small version ends with the arena. */
		return page->limit - 3 - take_below(in, 9);
	default:
		return UNITS(BLOCKS) + take_below(in, UNITS(ARENA - BLOCKS));
	}
}

/* A version that is right but for what the input has made wrong. */
static void take_version(struct input *in, const struct ds_str *id, uint32_t at,
			 unsigned int depth)
{
	struct docstore_version v = { .seq = take_below(in, 4), .version = 1 + take_below(in, 4) };
	unsigned int wrong = take_below(in, 24), i;
	unsigned char bytes[2048], *p = bytes;
	uint32_t each = take_below(in, 40), end = 0;
	bool wide, set;

	v.nprops = (__u16)take_below(in, 9);
	v.flags = (__u8)take_below(in, 8);
	v.id_len = (__u8)id->len;
	wide = v.flags & DOCSTORE_VERSION_WIDE;
	set = v.flags & DOCSTORE_VERSION_SET;
	memset(bytes, 0, sizeof(bytes));
	if (set)
		p += 4 * v.nprops;
	for (i = 0; i < v.nprops; i++, p += wide ? 4 : 2) {
		end += each;
		memcpy(p, &end, wide ? 4 : 2);
	}
	for (i = 1; i <= v.nprops; i++, p += 2)
		memcpy(p, &(uint16_t){ (uint16_t)i }, 2);
	for (i = 0; i < v.nprops; i++)
		*p++ = DOCSTORE_TYPE_BYTES;
	memcpy(p, id->data, id->len);
	p += id->len + end;
	v.size = (uint32_t)(sizeof(v) + (size_t)(p - bytes));
	/* One that is not visible yet leads to another one, which is. */
	if (depth < 3 && take_below(in, 4) == 0) {
		v.prev = take_place(in);
		v.seq = 4;
		if (v.prev < UNITS(ARENA))
			take_version(in, id, v.prev * DOCSTORE_MAP_UNIT, depth + 1);
	}
	switch (wrong) {
	case 0:
		v.size = (uint32_t)take_number(in);
		break;
	case 1:
		v.nprops = (__u16)take_number(in);
		break;
	case 2:
		v.id_len = (__u8)take(in, 1);
		break;
	case 3:
		v.flags = (__u8)take(in, 1);
		break;
	case 4:
		v.seq = ~0ULL;
		break;
	case 5:
		v.size = (page->limit - at / DOCSTORE_MAP_UNIT) * DOCSTORE_MAP_UNIT + take_below(in, 3);
		break;
	case 6:
		/* The last end, which stands before names, types, id and values. */
		if (v.nprops) {
			end = (uint32_t)take_number(in);
			memcpy(bytes + (set ? 4 * v.nprops : 0) + (v.nprops - 1) * (wide ? 4 : 2),
			       &end, wide ? 4 : 2);
		}
		break;
	case 7:
		memset(bytes + take_below(in, 128), (int)take(in, 1), 1 + take_below(in, 16));
		break;
	default:
		break;
	}
	write_at(at, &v, sizeof(v));
	write_at(at + (uint32_t)sizeof(v), bytes, (uint32_t)(p - bytes));
}

static void take_slot(struct input *in, uint64_t hash)
{
	uint32_t buckets = page->buckets, at = SEGMENT, i = take_below(in, DOCSTORE_MAP_SLOTS);
	uint32_t state = docstore_map_tag(hash) << DOCSTORE_STATE_TAG_SHIFT, ref;

	at += docstore_map_bucket(hash, buckets) * (uint32_t)sizeof(struct docstore_bucket);
	/* In an overflow bucket, which may be anywhere. */
	if (take_below(in, 4) == 0) {
		ref = take_place(in);
		write_at(at + offsetof(struct docstore_bucket, next), &ref, 4);
		at = ref < UNITS(ARENA) ? ref * DOCSTORE_MAP_UNIT : ARENA;
	}
	ref = take_place(in);
	write_at(at + i * 4, &ref, 4);
	write_at(at + offsetof(struct docstore_bucket, state) + i * 4, &state, 4);
	if (ref < UNITS(ARENA))
		take_version(in, &(struct ds_str){ "identity", 8 }, ref * DOCSTORE_MAP_UNIT, 0);
}

/* Called at each load of the reader. */
static void meanwhile(void)
{
	unsigned int i;

	if (++steps > FOR_EVER)
		FINDING("a read that does not end");
	if (steps % era_every == 0)
		page->era += DOCSTORE_MAP_ERAS + 1;
	if (steps % epoch_every == 0)
		((struct docstore_map_store *)(void *)base)->epoch++;
	if (steps == revoked_at)
		moment.state = DOCSTORE_SNAPSHOT_REVOKED;
	for (i = 0; i < nchanges; i++)
		if (changes[i].step == steps)
			write_at(changes[i].at, &changes[i].value, 4);
}

/*
 * Of a document that lies in the mapping all may be looked at, good or not. What was
 * copied is another matter: the era said that it was one, and here that may be wrong.
 */
static int look(const struct ds_doc *doc, void *arg)
{
	volatile unsigned int sum = 0;
	uint32_t i;
	size_t n;

	if (doc->__values < arena || doc->__values > arena + ARENA)
		return *(int *)arg;
	meanwhile();
	for (i = 0; i < doc->nprops; i++) {
		struct ds_value value = ds_doc_value(doc, i);

		sum += ds_doc_name(doc, i) + (unsigned int)ds_doc_set_version(doc, i);
		if (value.type < DOCSTORE_TYPE_STRING)
			continue;
		for (n = 0; n < value.str.len; n++)
			sum += ((const unsigned char *)value.str.data)[n];
	}
	for (n = 0; n < doc->id.len; n++)
		sum += ((const unsigned char *)doc->id.data)[n];
	(void)sum;
	return *(int *)arg;
}

static bool known(int err)
{
	return err == 0 || err == -ENOENT || err == -ENODATA || err == -ENOBUFS || err == -EBADMSG ||
	       (err == -ESTALE && moment.state);
}

/* What a snapshot shows where it lies; then other words come to lie there. */
static void read_there(struct input *in, struct ds_str id)
{
	unsigned int n = take_below(in, 8);
	bool gone, valid;
	struct ds_doc doc;
	int err, ret = 0;

	err = ds_snapshot_doc(snapshot, id, &doc);
	MUST(known(err));
	if (err)
		return;
	while (n--) {
		uint32_t at = (uint32_t)((const unsigned char *)doc.id.data - arena);
		uint32_t value = (uint32_t)take_number(in);

		look(&doc, &ret);
		write_at((at & ~3u) + 4 * take_below(in, 64) - 128, &value, 4);
	}
	look(&doc, &ret);
	/* It may be revoked just when it is asked for that. */
	gone = moment.state;
	valid = ds_snapshot_valid(snapshot);
	MUST(valid ? !gone : moment.state);
}

static void read_all(struct input *in, struct ds_store *from, struct ds_str id)
{
	struct docstore_read_item items[20];
	size_t room = take_below(in, 3) ? take_below(in, 300) : take_below(in, 65536), len = room, i;
	unsigned char *buffer = malloc(room ? room : 1);
	int ret = 5, err;
	struct ds_value value;
	struct ds_doc doc;

	MUST(buffer);
	MUST(known(ds_get(from, id, buffer, &len, &doc)));
	err = ds_view(from, id, look, &ret);
	MUST(err == 5 || known(err));
	MUST(known(ds_version(from, id, NULL)));
	err = ds_exists(from, id);
	MUST(err == 0 || err == 1 || known(err));
	len = room;
	MUST(known(ds_get_property(from, id, ds_mem("property", 1 + take_below(in, 8)), buffer, &len,
				   &value, NULL)));
	for (i = 0; i < 20; i++)
		items[i] = (struct docstore_read_item){ .id = (uintptr_t)id.data, .id_len = 8 - i % 2 };
	len = room;
	err = ds_read_many(from, items, 20, buffer, &len);
	MUST(err > 0 || known(err));
	MUST(err < 0 || len <= room);
	len = room;
	err = ds_read_together(from, items, 1 + take_below(in, 20), buffer, &len);
	/* The kernel, if it is asked, finds none. */
	MUST(err > 0 || known(err));
	MUST(err < 0 || len <= room);
	MUST(err != -ENOBUFS || len > room);
	free(buffer);
}

void map_library(struct input *in)
{
	static const char id[] = "identity";
	uint32_t directory = UNITS(DIRECTORY), segment = UNITS(SEGMENT), n;
	uint64_t hash;

	if (!base)
		set_up();
	ASAN_UNPOISON_MEMORY_REGION(arena, ARENA);
	reach = ARENA;
	memset(arena, 0, ARENA);
	memset(page, 0, sizeof(*page));
	page->dir[0] = directory;
	memcpy(arena + DIRECTORY, &segment, sizeof(segment));
	page->limit = UNITS(BLOCKS) + take_below(in, UNITS(ARENA - BLOCKS) + 1);
	page->buckets = 1 + take_below(in, DOCSTORE_MAP_SEGMENT);
	page->moves = take_below(in, 3);
	page->visible_seq = take_below(in, 4);
	page->era = take(in, 1);
	hash = docstore_map_hash(store->map.key, id, 8);
	for (n = 1 + take_below(in, 6); n; n--)
		take_slot(in, hash);
	for (n = take_below(in, 4); n; n--)
		take_version(in, &(struct ds_str){ id, 8 }, take_place(in) * DOCSTORE_MAP_UNIT % ARENA, 0);
	for (n = take_below(in, 8); n; n--) {
		uint32_t at = take_below(in, ARENA), value = (uint32_t)take_number(in);

		write_at(at & ~3u, &value, 4);
	}
	steps = 0;
	moment.state = 0;
	((struct docstore_map_store *)(void *)base)->epoch = 0;
	revoked_at = 0;
	epoch_every = 1000000;
	era_every = take_below(in, 4) ? 1000 : 1 + take_below(in, 60);
	n = take_below(in, CHANGES);
	for (nchanges = 0; nchanges < n; nchanges++) {
		changes[nchanges].step = 1 + take_below(in, 120);
		/* Most of what is read is near a slot or a version. */
		changes[nchanges].at = take_below(in, 2) ? take_place(in) * DOCSTORE_MAP_UNIT +
				       4 * take_below(in, 16) : SEGMENT + 4 * take_below(in, 4096);
		changes[nchanges].value = take_below(in, 2) ? take_place(in) : (uint32_t)take_number(in);
	}
	reach = page->limit * DOCSTORE_MAP_UNIT;
	ASAN_POISON_MEMORY_REGION(arena + reach, ARENA - reach);
	shim_jitter_rate = 1;
	shim_hook = meanwhile;
	read_all(in, store, ds_mem(id, 8));
	/* The corpus is older than what follows. */
	moment.seq[0] = take_below(in, 5);
	revoked_at = take_below(in, 3) ? 0 : steps + take_below(in, 250);
	epoch_every = 1 + take_below(in, 30);
	for (n = take_below(in, 4); n; n--) {
		read_all(in, snapshot, ds_mem(id, 8));
		read_there(in, ds_mem(id, 8));
	}
	shim_hook = NULL;
	ASAN_UNPOISON_MEMORY_REGION(arena, ARENA);
}

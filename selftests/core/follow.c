// SPDX-License-Identifier: GPL-2.0
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/align.h>
#include <linux/compiler.h>

#include "follow.h"
#include "test.h"

/* As the module maps it: twice, one behind the other. */
static void *ring_map(u32 size)
{
	int fd = memfd_create("backlog", 0);
	char *base;

	CHECK(fd >= 0 && !ftruncate(fd, size));
	base = mmap(NULL, 2 * (size_t)size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(base != MAP_FAILED);
	CHECK(mmap(base, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == base);
	CHECK(mmap(base + size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	      base + size);
	close(fd);
	return base;
}

struct ds_backlog *backlog_create(u32 size, u32 partition)
{
	struct ds_backlog *log = aligned_alloc(__alignof__(*log), sizeof(*log));
	u64 *added = calloc(DS_BACKLOG_NAMES, sizeof(*added));
	void *data = ring_map(size);

	CHECK(log && added);
	/* What is read before it was written is not zero. */
	memset(data, 0xdb, size);
	ds_backlog_init(log, data, size, added, partition);
	return log;
}

void backlog_destroy(struct ds_backlog *log)
{
	u32 i;

	for (i = 0; i < DS_BACKLOG_NAMES; i++)
		CHECK_EQ(log->added[i], 0);
	munmap(log->data, 2 * (size_t)log->size);
	free(log->added);
	free(log);
}

void store_log(struct store *s, u32 size)
{
	CHECK(!s->p.backlog);
	s->p.backlog = backlog_create(size, s->p.number);
}

void follower_init(struct follower *f, struct store *s)
{
	*f = (struct follower){
		.log = s->p.backlog,
		.visible_seq = &s->map->visible_seq,
		.cursor = { .next = 1 },
		.record = malloc(s->p.backlog->size),
	};
	CHECK(f->record);
}

void follower_destroy(struct follower *f)
{
	free(f->record);
}

enum ds_backlog_found follower_read(struct follower *f)
{
	/* Pairs with ds_partition_show(). */
	u64 visible = smp_load_acquire(f->visible_seq), lost;
	struct docstore_record head;
	enum ds_backlog_found found;

	do {
		found = ds_cursor_peek(f->log, visible, &f->cursor, &head);
		if (found == DS_BACKLOG_NOTHING)
			return found;
		if (found == DS_BACKLOG_OVERRUN) {
			u64 expected = f->cursor.next;

			ds_cursor_lost(f->log, &f->cursor, &lost, &f->until);
			CHECK((s64)lost > 0);
			CHECK_EQ(f->cursor.next, expected + lost);
			f->lost += lost;
			return found;
		}
		CHECK(head.size >= sizeof(head) && head.size <= f->log->size);
		*f->record = head;
		/* It may be overwritten meanwhile: then the copy is not looked at. */
		data_race(memcpy(f->record + 1, ds_cursor_data(f->log, &f->cursor),
				 head.size - sizeof(head)));
	} while (!ds_cursor_good(f->log, &f->cursor));
	CHECK_EQ(head.sequence, f->cursor.next);
	CHECK_EQ(head.partition, f->log->partition);
	CHECK(head.commit <= visible);
	record_validate(f->record);
	ds_cursor_step(&f->cursor, &head);
	return found;
}

const struct docstore_record *follower_next(struct follower *f)
{
	CHECK_EQ(follower_read(f), DS_BACKLOG_RECORD);
	return f->record;
}

const struct docstore_record_change *record_change(const struct docstore_record *r, u32 i)
{
	CHECK(i < r->count);
	return (const struct docstore_record_change *)(r + 1) + i;
}

const u8 *record_id(const struct docstore_record *r)
{
	return (const u8 *)((const struct docstore_record_change *)(r + 1) + r->count);
}

const u8 *record_value(const struct docstore_record *r, u32 i)
{
	const u8 *at = record_id(r) + r->id_len;

	while (i)
		at += record_change(r, --i)->len;
	return at;
}

static void change_validate(const struct docstore_record_change *c)
{
	CHECK(c->property && c->property <= DOCSTORE_MAX_NAMES);
	CHECK_EQ(c->__reserved, 0);
	switch (c->what) {
	case DOCSTORE_OP_SET:
		CHECK(c->type > DOCSTORE_TYPE_NONE && c->type <= DOCSTORE_TYPE_JSON);
		break;
	case DOCSTORE_OP_ADD:
		CHECK_EQ(c->type, DOCSTORE_TYPE_S64);
		CHECK_EQ(c->len, 8);
		break;
	case DOCSTORE_OP_UNSET:
		CHECK_EQ(c->type, DOCSTORE_TYPE_NONE);
		CHECK_EQ(c->len, 0);
		break;
	default:
		FAIL("a change of kind %u", c->what);
	}
}

void record_validate(const struct docstore_record *r)
{
	u64 size = sizeof(*r) + r->count * sizeof(struct docstore_record_change) + r->id_len;
	const u8 *bytes = (const u8 *)r;
	u32 i;

	CHECK_EQ(r->kind, DOCSTORE_RECORD_CHANGE);
	CHECK_EQ(r->reason, DOCSTORE_REASON_BATCH);
	CHECK(r->sequence && r->commit && r->time && r->version && r->id_len);
	for (i = 0; i < sizeof(r->__reserved); i++)
		CHECK_EQ(r->__reserved[i], 0);
	/* Values, or not even what has changed. */
	CHECK_EQ(!!(r->flags & DOCSTORE_RECORD_VALUES), !(r->flags & DOCSTORE_RECORD_OMITTED));
	if (r->flags & DOCSTORE_RECORD_OMITTED)
		CHECK_EQ(r->count, 0);
	/* What is gone was neither made nor made again. */
	if (r->flags & DOCSTORE_RECORD_DELETED) {
		CHECK_EQ(r->flags & ~(DOCSTORE_RECORD_VALUES | DOCSTORE_RECORD_OMITTED),
			 DOCSTORE_RECORD_DELETED);
		CHECK_EQ(r->count, 0);
		CHECK_EQ(r->type, 0);
	}
	if (r->flags & DOCSTORE_RECORD_CREATED) {
		CHECK(!(r->flags & (DOCSTORE_RECORD_REPLACED | DOCSTORE_RECORD_CLEARED)));
		CHECK_EQ(r->old_type, 0);
	}
	for (i = 0; i < r->count; i++) {
		change_validate(record_change(r, i));
		size += record_change(r, i)->len;
	}
	CHECK_EQ(r->size, ALIGN(size, 8));
	for (; size < r->size; size++)
		CHECK_EQ(bytes[size], 0);
}

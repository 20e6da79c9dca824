// SPDX-License-Identifier: GPL-2.0
/* docstore(1): writing the files of a journal; see journal.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crc32c.h"
#include "journal.h"

const char * const how_names[HOWS] = {
	"created", "set", "cleared", "replaced", "deleted", "read", "gone",
};

/* --- files ------------------------------------------------------------------------- */

int journal_create(struct journal_file *file, int dir, const char *name)
{
	file->dir = dir;
	file->crc = 0;
	file->offset = 0;
	file->buf.len = 0;
	file->fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	return file->fd < 0 ? -errno : 0;
}

int journal_flush(struct journal_file *file)
{
	size_t at = 0;

	while (at < file->buf.len) {
		ssize_t n = write(file->fd, file->buf.data + at, file->buf.len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			at += (size_t)n;
	}
	file->offset += at;
	file->buf.len = 0;
	return 0;
}

int journal_sync(struct journal_file *file)
{
	int err = journal_flush(file);

	if (!err && fdatasync(file->fd))
		err = -errno;
	return err;
}

int journal_close(struct journal_file *file)
{
	int err = 0;

	if (file->fd >= 0 && close(file->fd))
		err = -errno;
	file->fd = -1;
	buf_free(&file->buf);
	return err;
}

/* --- lines ------------------------------------------------------------------------- */

static size_t line_begin(struct journal_file *file)
{
	size_t start = file->buf.len;

	buf_str(&file->buf, "{\"crc\":\"00000000\",");
	return start;
}

static void line_end(struct journal_file *file, size_t start)
{
	char sum[LINE_CRC + 1];

	buf_byte(&file->buf, '}');
	file->crc = ds_crc32c(file->crc, file->buf.data + start + LINE_HEAD,
			      file->buf.len - start - LINE_HEAD);
	snprintf(sum, sizeof(sum), "%08x", (unsigned int)file->crc);
	memcpy(file->buf.data + start + LINE_HEAD - LINE_CRC - 2, sum, LINE_CRC);
	buf_byte(&file->buf, '\n');
}

static void put_token(struct buf *buf, const struct token *token)
{
	buf_str(buf, ",\"token\":\"");
	token_write(buf, token);
	buf_byte(buf, '"');
}

void journal_put_header(struct journal_file *file, bool snapshot, uint64_t number,
			const struct docstore_store_info *info, const struct token *token)
{
	size_t start = line_begin(file);

	buf_printf(&file->buf, "\"docstore\":\"%s\",\"format\":%d,\"number\":%llu,\"store\":\"%s\",\"mode\":%u,\"partitions\":%u,\"max_bytes\":%llu",
		   snapshot ? "snapshot" : "journal", JOURNAL_FORMAT, (unsigned long long)number,
		   (const char *)info->name, info->mode, info->partitions,
		   (unsigned long long)info->max_bytes);
	if (token)
		put_token(&file->buf, token);
	line_end(file, start);
}

int journal_put_document(struct journal_file *file, struct ds_store *store,
			 const struct ds_doc *doc)
{
	size_t start = line_begin(file);
	int err;

	buf_str(&file->buf, "\"doc\":");
	err = json_write_document(&file->buf, store, doc, false);
	if (err)
		file->buf.len = start;
	else
		line_end(file, start);
	return err;
}

void journal_put_end(struct journal_file *file, uint64_t count, const struct token *token)
{
	size_t start = line_begin(file);

	buf_printf(&file->buf, "\"end\":%llu", (unsigned long long)count);
	put_token(&file->buf, token);
	line_end(file, start);
}

static void put_change(struct journal_file *file, const struct ds_record *record, enum how how,
		       struct ds_str doc, struct json_object *unset)
{
	size_t start = line_begin(file);

	buf_printf(&file->buf, "\"p\":%u,\"n\":%llu,\"time\":%llu,\"how\":\"%s\",\"bytes\":%zu,\"doc\":",
		   record->partition, (unsigned long long)record->sequence,
		   (unsigned long long)record->time, how_names[how], doc.len);
	buf_add(&file->buf, doc.data, doc.len);
	if (unset) {
		buf_str(&file->buf, ",\"unset\":");
		json_write_object(&file->buf, unset, false);
	}
	line_end(file, start);
}

/* The document as it is by now, which is later than the change. */
static int read_again(struct ds_store *store, struct ds_str id, struct buf *doc, enum how *how)
{
	size_t room = 64 * 1024, len;
	struct buf raw = { 0 };
	struct ds_doc view;
	int err;

	do {
		buf_reserve(&raw, room);
		len = raw.room;
		err = ds_get(store, id, raw.data, &len, &view);
		room = len;
	} while (err == -ENOBUFS);
	*how = err ? HOW_GONE : HOW_READ;
	if (!err)
		err = json_write_document(doc, store, &view, false);
	buf_free(&raw);
	return err;
}

static enum how how_of(const struct ds_record *record)
{
	if (record->flags & DOCSTORE_RECORD_DELETED)
		return HOW_DELETED;
	if (record->flags & DOCSTORE_RECORD_CREATED)
		return HOW_CREATED;
	if (record->flags & DOCSTORE_RECORD_REPLACED)
		return HOW_REPLACED;
	return record->flags & DOCSTORE_RECORD_CLEARED ? HOW_CLEARED : HOW_SET;
}

static int add_properties(struct json_object *doc, struct json_object **unset,
			  struct ds_store *store, const struct ds_record *record)
{
	struct ds_record_change change = { 0 };
	struct ds_value null = ds_null();
	struct buf key = { 0 };
	int err = 0;

	while (!err && ds_record_change(record, &change)) {
		if (change.op != DOCSTORE_OP_UNSET) {
			err = json_add_property(doc, &key, store, change.name, &change.value);
			continue;
		}
		if (!*unset)
			*unset = json_need(json_object_new_object());
		err = json_add_property(*unset, &key, store, change.name, &null);
	}
	buf_free(&key);
	return err;
}

static bool is_left_out(const struct ds_record *record)
{
	if (record->flags & DOCSTORE_RECORD_DELETED)
		return false;
	return record->flags & DOCSTORE_RECORD_OMITTED ||
	       (record->count && !(record->flags & DOCSTORE_RECORD_VALUES));
}

int journal_put_change(struct journal_file *file, struct ds_store *store,
		       const struct ds_record *record)
{
	struct json_object *doc = json_need(json_object_new_object()), *unset = NULL;
	enum how how = how_of(record);
	struct buf text = { 0 };
	struct ds_str type;
	int err = 0;

	if (is_left_out(record)) {
		err = read_again(store, record->id, &text, &how);
		if (err == -ENOENT)
			err = 0;
	}
	if (!err && how != HOW_READ) {
		json_add(doc, "_id", json_text(record->id));
		if (record->type)
			err = ds_name(store, record->type, &type);
		if (!err && record->type)
			json_add(doc, "_type", json_text(type));
		json_add(doc, "_version", json_need(json_object_new_uint64(record->version)));
		if (!err && how != HOW_GONE && how != HOW_DELETED)
			err = add_properties(doc, &unset, store, record);
	}
	if (!err && how != HOW_READ)
		json_write_object(&text, json_object_get(doc), false);
	json_object_put(doc);
	if (!err)
		put_change(file, record, how, ds_mem(text.data, text.len), unset);
	else
		json_object_put(unset);
	buf_free(&text);
	return err;
}

// SPDX-License-Identifier: GPL-2.0
/* docstore(1): records of streams as JSON. */
#include <stdlib.h>

#include "follow.h"

static void add_u64(struct json_object *object, const char *key, uint64_t n)
{
	json_add(object, key, json_need(json_object_new_uint64(n)));
}

static void add_flag(struct json_object *object, const char *key, bool set)
{
	if (set)
		json_add(object, key, json_need(json_object_new_boolean(true)));
}

static int add_type(struct json_object *object, const char *key, struct ds_store *store,
		    uint32_t id)
{
	struct ds_str name;
	int err = ds_name(store, id, &name);

	if (!err)
		json_add(object, key, json_text(name));
	return err;
}

static int add_name(struct json_object **array, struct ds_store *store, uint32_t id)
{
	struct ds_str name;
	int err = ds_name(store, id, &name);

	if (err)
		return err;
	if (!*array)
		*array = json_need(json_object_new_array());
	if (json_object_array_add(*array, json_text(name)))
		no_memory();
	return 0;
}

/* What was set becomes members of @set, and what was removed an array of names, or NULL. */
static int add_each(struct ds_store *store, const struct ds_record *record,
		    struct json_object *set, struct json_object **unset)
{
	struct ds_record_change change = { 0 };
	struct buf key = { 0 };
	int err = 0;

	*unset = NULL;
	while (!err && ds_record_change(record, &change)) {
		if (change.op == DOCSTORE_OP_UNSET)
			err = add_name(unset, store, change.name);
		else if (change.has_value)
			err = json_add_property(set, &key, store, change.name, &change.value);
	}
	buf_free(&key);
	return err;
}

/* The names of what was set, where there are no values. */
static int add_names(struct json_object *object, struct ds_store *store,
		     const struct ds_record *record)
{
	struct json_object *set = json_need(json_object_new_array()), *unset = NULL;
	struct ds_record_change change = { 0 };
	int err = 0;

	while (!err && ds_record_change(record, &change))
		err = add_name(change.op == DOCSTORE_OP_UNSET ? &unset : &set, store, change.name);
	json_add(object, "changed", set);
	if (unset)
		json_add(object, "unset", unset);
	return err;
}

static int add_values(struct json_object *object, struct ds_store *store,
		      const struct ds_record *record)
{
	struct json_object *set = json_need(json_object_new_object()), *unset;
	int err = add_each(store, record, set, &unset);

	json_add(object, "set", set);
	if (unset)
		json_add(object, "unset", unset);
	return err;
}

static int add_change(struct json_object *object, struct ds_store *store,
		      const struct ds_record *record)
{
	int err = 0;

	add_u64(object, "partition", record->partition);
	add_u64(object, "sequence", record->sequence);
	add_u64(object, "commit", record->commit);
	add_u64(object, "time", record->time);
	json_add(object, "id", json_text(record->id));
	add_u64(object, "version", record->version);
	if (record->type)
		err = add_type(object, "type", store, record->type);
	if (!err && record->old_type && record->old_type != record->type)
		err = add_type(object, "old_type", store, record->old_type);
	add_flag(object, "created", record->flags & DOCSTORE_RECORD_CREATED);
	add_flag(object, "deleted", record->flags & DOCSTORE_RECORD_DELETED);
	add_flag(object, "replaced", record->flags & DOCSTORE_RECORD_REPLACED);
	add_flag(object, "cleared", record->flags & DOCSTORE_RECORD_CLEARED);
	add_flag(object, "omitted", record->flags & DOCSTORE_RECORD_OMITTED);
	if (err || record->flags & (DOCSTORE_RECORD_OMITTED | DOCSTORE_RECORD_DELETED))
		return err;
	return record->flags & DOCSTORE_RECORD_VALUES ? add_values(object, store, record) :
							add_names(object, store, record);
}

static void add_lost(struct json_object *object, const struct ds_record *record)
{
	bool store = record->reason == DOCSTORE_LOST_STORE;

	json_add(object, "reason", json_text(ds_str(store ? "store" : "overrun")));
	if (store)
		return;
	add_u64(object, "partition", record->partition);
	add_u64(object, "sequence", record->sequence);
	add_u64(object, "records", record->lost);
	add_u64(object, "until", record->until);
}

static void add_token(struct json_object *object, const struct ds_stream *stream)
{
	struct buf text = { 0 };
	struct token token;

	if (!token_take(&token, stream))
		return;
	token_write(&text, &token);
	json_add(object, "token", json_text(ds_mem(text.data, text.len)));
	buf_free(&text);
}

/* A document is large, and written as it is. */
static int write_document(struct buf *buf, struct ds_store *store, const struct ds_record *record)
{
	int err;

	buf_str(buf, "{\"kind\":\"document\",\"document\":");
	err = json_write_document(buf, store, &record->doc, false);
	buf_str(buf, "}\n");
	return err;
}

int record_write(struct buf *buf, struct ds_store *store, const struct ds_stream *stream,
		 const struct ds_record *record)
{
	static const char * const kinds[] = {
		[DOCSTORE_RECORD_CHANGE] = "change",
		[DOCSTORE_RECORD_BEGIN] = "begin",
		[DOCSTORE_RECORD_END] = "end",
		[DOCSTORE_RECORD_BOOKMARK] = "bookmark",
		[DOCSTORE_RECORD_LOST] = "lost",
		[DOCSTORE_RECORD_REMOVED] = "removed",
	};
	struct json_object *object;
	int err = 0;

	if (record->kind == DOCSTORE_RECORD_DOCUMENT)
		return write_document(buf, store, record);
	object = json_need(json_object_new_object());
	json_add(object, "kind", json_text(ds_str(kinds[record->kind])));
	switch (record->kind) {
	case DOCSTORE_RECORD_CHANGE:
		err = add_change(object, store, record);
		break;
	case DOCSTORE_RECORD_BEGIN:
		add_u64(object, "time", record->time);
		add_flag(object, "resync", record->flags & DOCSTORE_RECORD_RESYNC);
		break;
	case DOCSTORE_RECORD_LOST:
		add_lost(object, record);
		break;
	case DOCSTORE_RECORD_REMOVED:
		add_u64(object, "time", record->time);
		break;
	default:
		add_token(object, stream);
	}
	json_write_object(buf, object, false);
	buf_byte(buf, '\n');
	return err;
}

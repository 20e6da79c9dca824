/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Document versions: reading one, and making the next one from deltas.
 *
 * struct docstore_version in uapi/linux/docstore.h says how a version lies in
 * memory.
 */
#ifndef _DOCSTORE_CORE_DOCUMENT_H
#define _DOCSTORE_CORE_DOCUMENT_H

#include <linux/align.h>
#include <linux/types.h>

#include <linux/docstore.h>

/**
 * struct ds_layout - where the parts of a version begin
 * @set: low halves of the versions that last set the properties, or NULL
 * @ends: where the values end, __u16 or __u32
 * @names: name ids of the properties
 * @types: their types
 * @id: the document's id
 * @values: the values
 */
struct ds_layout {
	const u32 *set;
	const void *ends;
	const u16 *names;
	const u8 *types;
	const u8 *id;
	const u8 *values;
};

/**
 * struct ds_value - a property's value
 * @data: its bytes
 * @len: their number
 * @type: enum docstore_type
 */
struct ds_value {
	const void *data;
	u32 len;
	u8 type;
};

/**
 * struct ds_property - a property of a version that is being built
 * @data: its value's bytes, or NULL if they are in @number
 * @number: a value of up to eight bytes
 * @set: the document version that set it
 * @len: bytes of the value
 * @name: its name id
 * @type: enum docstore_type
 */
struct ds_property {
	const void *data;
	u64 number;
	u64 set;
	u32 len;
	u16 name;
	u8 type;
};

/**
 * struct ds_builder - a version that is being built
 * @base: the version that was loaded, or NULL
 * @id: the document's id
 * @id_len: its length
 * @live: it exists: it is not a tombstone, and not nothing
 * @changed: it differs from what was loaded
 * @version: version number it will have
 * @created: when the document was created
 * @now: the time
 * @type: name id of its type
 * @nprops: properties
 * @nolder: properties that were not set by @version
 * @value_bytes: bytes of all values
 * @props: the properties
 *
 * Values point into the version that was loaded and into the deltas, which must
 * stay until ds_builder_write().
 */
struct ds_builder {
	const struct docstore_version *base;
	const u8 *id;
	u8 id_len;
	bool live;
	bool changed;
	u64 version;
	u64 created;
	u64 now;
	u32 type;
	u32 nprops;
	u32 nolder;
	u64 value_bytes;
	struct ds_property props[DOCSTORE_MAX_PROPERTIES];
};

/**
 * struct ds_delta - one operation on one document
 * @code: enum docstore_op_code
 * @flags: enum docstore_op_flags
 * @type: type of the value
 * @property: name id
 * @data: string, bytes or json to set; for get room for the answer
 * @number: any other value to set
 * @len: bytes at @data
 * @expected: the version that DOCSTORE_IF_VERSION compares
 * @result: out: 0 or a negative errno
 * @out_type: out: type of the property read
 * @out_len: out: bytes of what there was to read, whatever fit
 * @version: out: the document's version number afterwards
 */
struct ds_delta {
	u8 code;
	u8 flags;
	u8 type;
	u8 out_type;
	u32 property;
	void *data;
	u64 number;
	u32 len;
	u32 out_len;
	u64 expected;
	u64 version;
	s32 result;
};

static inline bool ds_version_tombstone(const struct docstore_version *v)
{
	return v->flags & DOCSTORE_VERSION_TOMBSTONE;
}

void ds_version_layout(const struct docstore_version *v, struct ds_layout *l);
const u8 *ds_version_id(const struct docstore_version *v);
bool ds_version_is(const struct docstore_version *v, const u8 *id, u8 id_len);
void ds_layout_value(const struct docstore_version *v, const struct ds_layout *l, u32 i,
		     struct ds_value *value);
bool ds_version_property(const struct docstore_version *v, u32 name, struct ds_value *value);
u32 ds_version_head(const struct docstore_version *v, struct docstore_version *head);
u32 ds_version_copy(const struct docstore_version *v, void *to, u32 room);
u32 ds_version_ids_size(const struct docstore_version *v);
void ds_version_copy_ids(const struct docstore_version *v, void *to);

void ds_builder_load(struct ds_builder *b, const struct docstore_version *v,
		     const u8 *id, u8 id_len, u64 floor, u64 now);
int ds_builder_apply(struct ds_builder *b, struct ds_delta *delta);
u64 ds_builder_size(const struct ds_builder *b);
void ds_builder_write(const struct ds_builder *b, void *to, u32 room, u64 seq, u32 prev);

#endif /* _DOCSTORE_CORE_DOCUMENT_H */

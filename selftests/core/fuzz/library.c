// SPDX-License-Identifier: GPL-2.0
/* What module/core writes, as the library reads it. */
#include "libdocstore.h"

#include "fuzz.h"

static struct ds_doc doc;

bool library_opens(const void *version, size_t len)
{
	return !ds_document_check(version, len, &doc);
}

bool library_head_is(uint64_t version, uint64_t created, uint64_t changed, uint64_t seq,
		     uint32_t type, uint32_t nprops, const void *id, size_t id_len)
{
	return doc.version == version && doc.created == created && doc.changed == changed &&
	       doc.seq == seq && doc.type == type && doc.nprops == nprops &&
	       doc.id.len == id_len && !memcmp(doc.id.data, id, id_len);
}

bool library_property_is(uint32_t i, uint32_t name, uint32_t type, uint32_t set,
			 const void *data, size_t len)
{
	struct ds_value value = ds_doc_value(&doc, i);
	bool flag;

	if (ds_doc_name(&doc, i) != name || value.type != type ||
	    ds_doc_set_version(&doc, i) != set)
		return false;
	switch (type) {
	case DOCSTORE_TYPE_NULL:
		return !len;
	case DOCSTORE_TYPE_BOOL:
		flag = *(const uint8_t *)data;
		return len == 1 && value.b == flag;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
	case DOCSTORE_TYPE_F64:
		return len == 8 && !memcmp(&value.u64, data, 8);
	default:
		return value.str.len == len && !memcmp(value.str.data, data, len);
	}
}

bool library_finds(uint32_t i, uint32_t name)
{
	struct ds_value value;

	return ds_doc_find(&doc, name, &value) == (int)i;
}

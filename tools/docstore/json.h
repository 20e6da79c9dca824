/* SPDX-License-Identifier: GPL-2.0 */
/*
 * docstore(1): documents as JSON.
 *
 * DOC: The JSON form of a document
 *
 * A document is one JSON object: "_id", "_type" if it has one, "_version", and
 * then its properties in their order. Nothing of a document is lost in it.
 * Values become
 *
 *	null, bool	null, true, false
 *	s64		a number without a fraction
 *	u64		the same if it is above the range of s64, else
 *			{"$u64": 5}
 *	f64		a number with a fraction or an exponent, in the fewest
 *			digits that give the same bits; what is no number
 *			{"$f64": "NaN"}, "Infinity", "-Infinity", or
 *			{"$f64": "0x7ff8000000000001"} for other bits
 *	string		a string; {"$string": BASE64} if it is not UTF-8
 *	bytes		{"$bytes": BASE64}
 *	json		its text as it is, without white space; {"$json": TEXT}
 *			where reading that text would give something else: it is
 *			not JSON, or not compact, or it looks like one of these
 *			forms; also where it has control characters as they are;
 *			{"$json": {"$bytes": BASE64}} if it is not UTF-8
 *
 * Ids and types that are not UTF-8 are {"$bytes": BASE64}. A property whose name
 * is not UTF-8, has control characters, is "_id", "_type" or "_version", or begins
 * with "$bytes:", has the key "$bytes:BASE64".
 *
 * An object is one of these forms if it has exactly one member, and its key is
 * "$bytes", "$string", "$u64", "$f64" or "$json". Any other object is nested JSON
 * and stored as its text.
 *
 * Numbers that fit neither s64 nor u64 nor (1e400) f64 are stored as json, so
 * that every digit of them stays. -0 is an f64, since an s64 has no such.
 */
#ifndef DOCSTORE_JSON_H
#define DOCSTORE_JSON_H

#include <json-c/json.h>

#include "text.h"

/* How deep arrays and objects may be nested. */
#define JSON_DEPTH	256

/**
 * struct json_document - a document that was read
 * @id: its id, of length 0 if it had none
 * @type: its type, of length 0 if it had none
 * @version: its version number, at most DOCSTORE_MAX_VERSION; 0 if it had none
 * @props: its properties
 * @count: their number
 *
 * All of it points into the text or into the reader, and is good until either
 * of them is used again.
 */
struct json_document {
	struct ds_str id;
	struct ds_str type;
	uint64_t version;
	struct ds_prop *props;
	size_t count;
};

/**
 * struct json_reader - memory for reading, used again and again
 * @error: what is wrong with the text, if reading failed
 * @error_at: and at which of its bytes, from 0
 */
struct json_reader {
	const char *error;
	size_t error_at;

	/* The rest is private to json_read.c. */
	const unsigned char *start;
	struct json_tokener *tokener;
	struct json_object *objects;	/* an array of all that was parsed */
	struct buf copy;		/* what json-c parses */
	struct ds_str *texts;		/* of the keys and values of objects */
	size_t texts_len;
	size_t texts_room;
	unsigned char *scratch;
	size_t scratch_len;
	size_t scratch_room;
	struct ds_prop *props;
	size_t props_room;
};

/*
 * Read a document. The field @id_field becomes its id; if that is not "_id", it
 * is a property as well, and so is "_id". Returns false, with the error in the
 * reader, if the text is not a document.
 */
bool json_read_document(struct json_reader *reader, struct ds_str text,
			const char *id_field, struct json_document *doc);

/* Read one value. */
bool json_read_value(struct json_reader *reader, struct ds_str text,
		     struct ds_value *value);

void json_reader_free(struct json_reader *reader);

/*
 * Write a document, without a newline; if @pretty, set out over many lines.
 * Returns 0, or a negative errno if a name cannot be found out; -EPROTONOSUPPORT
 * if a value has a type that is unknown.
 */
int json_write_document(struct buf *buf, struct ds_store *store,
			const struct ds_doc *doc, bool pretty);
int json_write_value(struct buf *buf, const struct ds_value *value, bool pretty);

/* Add a property to an object that becomes a part of a document; @key is scratch. */
int json_add_property(struct json_object *object, struct buf *key, struct ds_store *store,
		      uint32_t id, const struct ds_value *value);

/* An id or a type: a string, or its form if it is not UTF-8. */
void json_write_text(struct buf *buf, struct ds_str str);

/*
 * An id for one line of ls: as it is if that is UTF-8 without control
 * characters and does not begin with '"' or '{', else as json_write_text().
 */
void json_write_line(struct buf *buf, struct ds_str id);

/* Objects of json-c, which end the program when there is no memory for them. */
struct json_object *json_need(struct json_object *object);
struct json_object *json_text(struct ds_str str);
void json_add(struct json_object *object, const char *key, struct json_object *value);

/* Write an object, and put it. */
void json_write_object(struct buf *buf, struct json_object *object, bool pretty);

#endif /* DOCSTORE_JSON_H */

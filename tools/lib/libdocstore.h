/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: documents in the kernel's shared memory, for programs.
 *
 * DOC: Conventions
 *
 * Functions that return int return 0 (or a count, where their text says so) on
 * success and a negative errno otherwise; what each errno means is written in
 * <linux/docstore.h>. On top of those, the library returns -ENOBUFS where a
 * buffer is too small for what was read, and -EBADMSG where what the kernel
 * returned is not a document as this library knows them.
 *
 * An open store (struct ds_store) may be used by many threads at once. A batch
 * or a scan is for one thread at a time; different ones of the same store are
 * independent. Nothing here takes a lock on the path of reading a document.
 *
 * Ids, names and values are counted bytes (struct ds_str); ds_str() makes one
 * of a C string. Sizes are in bytes, times in nanoseconds since 1970.
 *
 * Option structs begin with their own size, so that later versions can append
 * to them: set it to sizeof(), and the rest to 0 but for what is wanted. A NULL
 * pointer stands for all defaults.
 */
#ifndef LIBDOCSTORE_H
#define LIBDOCSTORE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/docstore.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LIBDOCSTORE_MAJOR	0
#define LIBDOCSTORE_MINOR	4

/* Where the control node is, unless struct ds_open_opts says otherwise. */
#define DS_DEVICE		"/dev/docstore"

/* The store that exists from the moment the module is loaded. */
#define DS_DEFAULT_STORE	"default"

struct ds_store;
struct ds_batch;
struct ds_scan;

/**
 * struct ds_str - counted bytes
 * @data: the first one; not closed by a NUL
 * @len: how many
 */
struct ds_str {
	const void *data;
	size_t len;
};

/**
 * ds_str() - counted bytes of a C string
 * @s: the string
 *
 * Return: its bytes without the closing NUL. They are not copied.
 */
static inline struct ds_str ds_str(const char *s)
{
	struct ds_str str = { s, strlen(s) };

	return str;
}

/**
 * ds_mem() - counted bytes of a piece of memory
 * @data: where it begins
 * @len: its bytes
 *
 * Return: these bytes. They are not copied.
 */
static inline struct ds_str ds_mem(const void *data, size_t len)
{
	struct ds_str str = { data, len };

	return str;
}

/**
 * struct ds_value - a value of a property
 * @type: enum docstore_type, which says which of the following holds
 * @b: for DOCSTORE_TYPE_BOOL
 * @s64: for DOCSTORE_TYPE_S64
 * @u64: for DOCSTORE_TYPE_U64
 * @f64: for DOCSTORE_TYPE_F64
 * @str: for DOCSTORE_TYPE_STRING, _BYTES and _JSON, and for types that this
 *	version of the library does not know
 */
struct ds_value {
	unsigned int type;
	union {
		bool b;
		int64_t s64;
		uint64_t u64;
		double f64;
		struct ds_str str;
	};
};

/* Values of each type. What they point at is not copied. */

static inline struct ds_value ds_null(void)
{
	struct ds_value v;

	memset(&v, 0, sizeof(v));
	v.type = DOCSTORE_TYPE_NULL;
	return v;
}

static inline struct ds_value ds_bool(bool b)
{
	struct ds_value v = ds_null();

	v.type = DOCSTORE_TYPE_BOOL;
	v.b = b;
	return v;
}

static inline struct ds_value ds_s64(int64_t n)
{
	struct ds_value v = ds_null();

	v.type = DOCSTORE_TYPE_S64;
	v.s64 = n;
	return v;
}

static inline struct ds_value ds_u64(uint64_t n)
{
	struct ds_value v = ds_null();

	v.type = DOCSTORE_TYPE_U64;
	v.u64 = n;
	return v;
}

static inline struct ds_value ds_f64(double n)
{
	struct ds_value v = ds_null();

	v.type = DOCSTORE_TYPE_F64;
	v.f64 = n;
	return v;
}

static inline struct ds_value ds_typed(unsigned int type, struct ds_str str)
{
	struct ds_value v = ds_null();

	v.type = type;
	v.str = str;
	return v;
}

static inline struct ds_value ds_string(const char *s)
{
	return ds_typed(DOCSTORE_TYPE_STRING, ds_str(s));
}

static inline struct ds_value ds_bytes(const void *data, size_t len)
{
	return ds_typed(DOCSTORE_TYPE_BYTES, ds_mem(data, len));
}

static inline struct ds_value ds_json(const char *text)
{
	return ds_typed(DOCSTORE_TYPE_JSON, ds_str(text));
}

/**
 * struct ds_prop - a property to be stored
 * @name: its name, 1 to DOCSTORE_MAX_NAME bytes
 * @value: its value
 */
struct ds_prop {
	struct ds_str name;
	struct ds_value value;
};

/* --- stores --------------------------------------------------------------- */

/**
 * enum ds_open_flags - flags of ds_open()
 * @DS_OPEN_NO_MAP: don't map the store: each read is a system call
 * @DS_OPEN_NO_HINTS: don't tell the kernel which documents are read by the mapping; see
 *	libdocstore_state.h. For ds_open() only
 */
enum ds_open_flags {
	DS_OPEN_NO_MAP = 1 << 0,
	DS_OPEN_NO_HINTS = 1 << 1,
};

/**
 * struct ds_open_opts - how to open a store
 * @size: sizeof(struct ds_open_opts)
 * @device: the control node; NULL for DS_DEVICE
 * @flags: enum ds_open_flags; for ds_open() only
 */
struct ds_open_opts {
	size_t size;
	const char *device;
	unsigned int flags;
};

/**
 * ds_open() - open a store
 * @name: its name
 * @flags: DOCSTORE_OPEN_READ, DOCSTORE_OPEN_WRITE or both
 * @opts: options, or NULL
 * @store: where the open store goes
 *
 * A store that is open for reading is mapped, if it can be, and then read without
 * system calls. Where it can't, for want of address space or on a 32-bit machine,
 * the same functions ask the kernel, with the same results; ds_map_stats() says
 * which it is.
 *
 * Permission is checked once, here. Close it with ds_close(). A child made by
 * fork() may go on using it; exec closes it.
 *
 * Return: 0; -ENXIO if there is no control node, which means that the module is
 * not loaded; -EACCES, -EINVAL, -EMFILE, -ENOENT, -ENOMEM.
 */
int ds_open(const char *name, unsigned int flags,
	    const struct ds_open_opts *opts, struct ds_store **store);

/**
 * ds_close() - close a store, or a snapshot
 * @store: the store, or NULL
 *
 * Names that ds_name() returned are gone. Batches and scans of the store must
 * have been freed before. Its snapshots go on, and are closed for themselves.
 */
void ds_close(struct ds_store *store);

/**
 * ds_fd() - the file descriptor of a store
 * @store: the store
 *
 * Return: the descriptor; it stays the library's.
 */
int ds_fd(const struct ds_store *store);

/**
 * struct ds_create_opts - what a new store is like
 * @size: sizeof(struct ds_create_opts)
 * @device: the control node; NULL for DS_DEVICE
 * @max_bytes: limit of its memory; 0 for the module's default
 * @mode: permission bits, 0 to 0666; 0 stands for 0600
 * @partitions: number of partitions; 0 for one for each online CPU
 */
struct ds_create_opts {
	size_t size;
	const char *device;
	uint64_t max_bytes;
	unsigned int mode;
	unsigned int partitions;
};

/**
 * ds_create() - make an empty store
 * @name: its name
 * @opts: options, or NULL
 *
 * Return: 0; -ENXIO if the module is not loaded; -EACCES, -EEXIST, -EINVAL,
 * -ENAMETOOLONG, -ENOMEM, -ENOSPC.
 */
int ds_create(const char *name, const struct ds_create_opts *opts);

/**
 * ds_remove() - remove a store
 * @name: its name
 * @opts: options, or NULL
 *
 * Who has it open goes on using it.
 *
 * Return: 0; -ENXIO if the module is not loaded; -EACCES, -EINVAL, -ENOENT,
 * -EPERM.
 */
int ds_remove(const char *name, const struct ds_open_opts *opts);

/**
 * ds_list() - all stores, in the order of their creation
 * @opts: options, or NULL
 * @stores: where the array goes; free it with free()
 * @store_size: sizeof(struct docstore_store_info)
 * @count: where the number of elements goes
 *
 * Return: 0; -ENXIO if the module is not loaded; -EACCES, -ENOMEM.
 */
int ds_list(const struct ds_open_opts *opts, struct docstore_store_info **stores,
	    size_t store_size, size_t *count);

/**
 * ds_module_info() - what the running module offers
 * @opts: options, or NULL
 * @info: where it goes; @info->size must be sizeof(*info)
 *
 * Return: 0; -ENXIO if the module is not loaded; -EACCES, -EINVAL.
 */
int ds_module_info(const struct ds_open_opts *opts, struct docstore_info *info);

/**
 * ds_store_info() - a store's properties and counters
 * @store: the store
 * @info: where they go; @info->size must be sizeof(*info)
 *
 * Return: 0; -EINVAL.
 */
int ds_store_info(const struct ds_store *store, struct docstore_store_info *info);

/**
 * ds_coordinator() - how batches that span partitions get on
 * @store: a store, not a snapshot
 * @info: where it goes; @info->size must be sizeof(*info)
 * @waiting: room for those that wait, the next one first; NULL if @room is 0
 * @waiting_size: sizeof(struct docstore_waiting)
 * @room: how many there is room for
 *
 * Return: how many were filled in, with the number of all in @info->queued; -EBADF,
 * -EINVAL.
 */
int ds_coordinator(const struct ds_store *store, struct docstore_coordinator *info,
		   struct docstore_waiting *waiting, size_t waiting_size, size_t room);

/* --- names ---------------------------------------------------------------- */

/**
 * ds_intern() - the id of a name, made if there is none
 * @store: a store open for writing
 * @name: the name of a property or a type, 1 to DOCSTORE_MAX_NAME bytes
 * @id: where its id goes
 *
 * Ids are kept: asking again takes no system call. They stay valid for as long
 * as the store exists.
 *
 * Return: 0; -EBADF, -EINVAL, -ENAMETOOLONG, -ENOMEM, -ENOSPC.
 */
int ds_intern(struct ds_store *store, struct ds_str name, uint32_t *id);

/**
 * ds_lookup() - the id of a name, if it has one
 * @store: the store
 * @name: the name
 * @id: where its id goes
 *
 * Return: 0; -ENODATA if nothing in the store ever had this name; -EINVAL,
 * -ENAMETOOLONG, -ENOMEM.
 */
int ds_lookup(struct ds_store *store, struct ds_str name, uint32_t *id);

/**
 * ds_name() - the name of an id
 * @store: the store
 * @id: an id
 * @name: where the name goes; it stays until ds_close(), and a NUL follows it
 *
 * Return: 0; -EINVAL if the id was never given out; -ENOMEM.
 */
int ds_name(struct ds_store *store, uint32_t id, struct ds_str *name);

/* --- looking into a document ---------------------------------------------- */

/**
 * struct ds_doc - a view of one version of a document
 * @id: its id
 * @version: its version number
 * @created: when the document was created
 * @changed: when this version was made
 * @seq: number of the commit that published it
 * @bytes: size of the version in memory
 * @type: name id of its type, 0 for none
 * @nprops: number of properties
 *
 * The view points into the buffer that the document was read into, and is good
 * for as long as that is. The other members are the library's own.
 */
struct ds_doc {
	struct ds_str id;
	uint64_t version;
	uint64_t created;
	uint64_t changed;
	uint64_t seq;
	uint32_t bytes;
	uint32_t type;
	uint32_t nprops;
	/* private: */
	uint32_t __layout;
	const unsigned char *__set;
	const unsigned char *__ends;
	const unsigned char *__names;
	const unsigned char *__types;
	const unsigned char *__values;
	uint64_t __reserved[4];
};

/**
 * ds_document_check() - check a document and open a view of it
 * @buffer: the bytes of a struct docstore_version and what follows it
 * @len: their number; more than the document has is fine
 * @doc: where the view goes
 *
 * Everything in it is checked here, once, so that the accessors below need
 * not. The buffer need not be aligned.
 *
 * Return: 0; -EBADMSG if it is not a document.
 */
int ds_document_check(const void *buffer, size_t len, struct ds_doc *doc);

/**
 * ds_doc_name() - which property is at a place
 * @doc: a document
 * @i: the place, below @doc->nprops
 *
 * Return: the id of the property's name.
 */
static inline uint32_t ds_doc_name(const struct ds_doc *doc, uint32_t i)
{
	uint16_t name;

	memcpy(&name, doc->__names + 2 * (size_t)i, sizeof(name));
	return name;
}

/*
 * Of __layout: DOCSTORE_VERSION_WIDE; and if the document lies where it may be written
 * over, how many bytes of values it has, so that nobody goes beyond these then.
 */
#define __DS_DOC_BOUNDED	(1U << 7)
#define __DS_DOC_ROOM_SHIFT	8

static inline uint32_t __ds_doc_end(const struct ds_doc *doc, uint32_t i)
{
	uint32_t end, room = doc->__layout >> __DS_DOC_ROOM_SHIFT;
	uint16_t narrow;

	if (doc->__layout & DOCSTORE_VERSION_WIDE) {
		memcpy(&end, doc->__ends + 4 * (size_t)i, sizeof(end));
	} else {
		memcpy(&narrow, doc->__ends + 2 * (size_t)i, sizeof(narrow));
		end = narrow;
	}
	return doc->__layout & __DS_DOC_BOUNDED && end > room ? room : end;
}

/* The value in @len bytes at @data; false if these are not of that type. */
static inline bool __ds_value(struct ds_value *value, unsigned int type,
			      const void *data, size_t len)
{
	unsigned char b;

	memset(value, 0, sizeof(*value));
	value->type = type;
	switch (type) {
	case DOCSTORE_TYPE_NONE:
		return false;
	case DOCSTORE_TYPE_NULL:
		return len == 0;
	case DOCSTORE_TYPE_BOOL:
		if (len != 1)
			return false;
		memcpy(&b, data, 1);
		value->b = b;
		return b < 2;
	case DOCSTORE_TYPE_S64:
	case DOCSTORE_TYPE_U64:
	case DOCSTORE_TYPE_F64:
		if (len != 8)
			return false;
		memcpy(&value->u64, data, 8);
		return true;
	default:
		value->str.data = data;
		value->str.len = len;
		return true;
	}
}

/**
 * ds_doc_value() - the value at a place
 * @doc: a document
 * @i: the place, below @doc->nprops
 *
 * Return: the value. Strings, bytes and JSON point into the document.
 */
static inline struct ds_value ds_doc_value(const struct ds_doc *doc, uint32_t i)
{
	uint32_t from = i ? __ds_doc_end(doc, i - 1) : 0;
	uint32_t end = __ds_doc_end(doc, i);
	struct ds_value value;

	(void)__ds_value(&value, doc->__types[i], doc->__values + from,
			 end > from ? end - from : 0);
	return value;
}

/**
 * ds_doc_set_version() - which version set the property at a place
 * @doc: a document
 * @i: the place, below @doc->nprops
 *
 * Return: the low 32 bits of the version number that last set it.
 */
static inline uint32_t ds_doc_set_version(const struct ds_doc *doc, uint32_t i)
{
	uint32_t version = (uint32_t)doc->version;

	if (doc->__set)
		memcpy(&version, doc->__set + 4 * (size_t)i, sizeof(version));
	return version;
}

/**
 * ds_doc_find() - look for a property
 * @doc: a document
 * @name: id of the property's name
 * @value: where its value goes
 *
 * Return: its place; -ENODATA if the document has no such property.
 */
static inline int ds_doc_find(const struct ds_doc *doc, uint32_t name,
			      struct ds_value *value)
{
	uint32_t i;

	for (i = 0; i < doc->nprops; i++) {
		if (ds_doc_name(doc, i) == name) {
			*value = ds_doc_value(doc, i);
			return (int)i;
		}
	}
	return -ENODATA;
}

/* --- reading -------------------------------------------------------------- */

/**
 * struct ds_map_stats - how reads are served
 * @size: sizeof(struct ds_map_stats)
 * @map_bytes: address space that the mapping takes, 0 if the store is not mapped
 * @retries: reads that began again because memory was used again under them, or of
 *	several documents together, because one of these was changed meanwhile
 * @refused: reads that did so too often, and asked the kernel
 *
 * A snapshot has numbers of its own.
 */
struct ds_map_stats {
	size_t size;
	uint64_t map_bytes;
	uint64_t retries;
	uint64_t refused;
};

/**
 * ds_map_stats() - how reads of this process are served
 * @store: the store
 * @stats: where it goes; @stats->size must be set
 *
 * Return: 0; -EINVAL.
 */
int ds_map_stats(const struct ds_store *store, struct ds_map_stats *stats);

/**
 * ds_version() - which version a document has
 * @store: a store open for reading
 * @id: the document's id
 * @version: where its version number goes, or NULL
 *
 * To see whether a copy that was read earlier is still the newest.
 *
 * Return: 0; -ENOENT if there is no such document; -EBADF, -EINVAL,
 * -ENAMETOOLONG.
 */
int ds_version(struct ds_store *store, struct ds_str id, uint64_t *version);

/**
 * ds_exists() - is there a document
 * @store: a store open for reading
 * @id: the document's id
 *
 * Return: 1 or 0; -EBADF, -EINVAL, -ENAMETOOLONG.
 */
int ds_exists(struct ds_store *store, struct ds_str id);

/**
 * ds_view_fn - what to do with a document that is looked at where it lies
 * @doc: the document
 * @arg: the caller's
 *
 * Return: what ds_view() returns.
 */
typedef int ds_view_fn(const struct ds_doc *doc, void *arg);

/**
 * ds_view() - look at a document without copying it
 * @store: a store open for reading
 * @id: the document's id
 * @fn: called with the document
 * @arg: for @fn
 *
 * Strings, bytes and JSON that @fn sees lie in the store's memory. Should that be
 * used for something else meanwhile, which only a slow @fn will see, ds_view()
 * calls @fn again, with what the document is by then: what counts is the last
 * call, and @fn must not rely on such bytes to make sense, nor to stay the same
 * while it looks at them, before ds_view() has returned. It may look at them
 * without fear: they are there. Everything else in @doc is a copy.
 *
 * Allocates nothing, but where the store is not mapped.
 *
 * Return: what @fn returned; -ENOENT if there is no such document; -EBADF,
 * -EBADMSG, -EINVAL, -ENAMETOOLONG, -ENOMEM.
 */
int ds_view(struct ds_store *store, struct ds_str id, ds_view_fn *fn, void *arg);

/**
 * ds_get() - read a document
 * @store: a store open for reading
 * @id: the document's id
 * @buffer: where it goes
 * @len: in: room there, in bytes; out: bytes of the document
 * @doc: where the view of it goes
 *
 * Allocates nothing. With a @buffer of DOCSTORE_MAX_DOCUMENT bytes it never
 * returns -ENOBUFS.
 *
 * Return: 0; -ENOENT if there is no such document; -ENOBUFS if it does not fit:
 * try again with the room that @len now tells; -EBADF, -EBADMSG, -EINVAL,
 * -ENAMETOOLONG, -ENOMEM.
 */
int ds_get(struct ds_store *store, struct ds_str id, void *buffer, size_t *len,
	   struct ds_doc *doc);

/**
 * ds_get_property() - read one property of a document
 * @store: a store open for reading
 * @id: the document's id
 * @property: the property's name
 * @buffer: where a string, bytes or JSON go; numbers need no room there
 * @len: in: room there, in bytes; out: bytes of the value
 * @value: where the value goes
 * @version: where the document's version number goes, or NULL
 *
 * Return: 0; -ENOENT if there is no such document; -ENODATA if it has no such
 * property; -ENOBUFS if the value does not fit: try again with the room that
 * @len now tells; -EBADF, -EBADMSG, -EINVAL, -ENAMETOOLONG, -ENOMEM.
 */
int ds_get_property(struct ds_store *store, struct ds_str id,
		    struct ds_str property, void *buffer, size_t *len,
		    struct ds_value *value, uint64_t *version);

/**
 * ds_read_many() - read many documents
 * @store: a store open for reading
 * @items: one for each document, with @id and @id_len filled in
 * @count: number of items; more than one call may take are fine
 * @buffer: where the documents go
 * @len: in: room there, in bytes; out: see below
 *
 * Reads documents from the first on until the buffer is full, each for itself.
 * Look at those done with ds_read_item(), and call again with the rest.
 *
 * Return: how many were done, at least one, with the bytes filled in in @len;
 * -ENOBUFS if the first one does not fit, with the room it needs in @len;
 * -EBADF, -EINVAL, -ENOMEM.
 */
int ds_read_many(struct ds_store *store, struct docstore_read_item *items,
		 size_t count, void *buffer, size_t *len);

/**
 * ds_read_together() - read some documents as they were at one moment
 * @store: a store open for reading
 * @items: one for each document, with @id and @id_len filled in
 * @count: number of items, no more than one call may take
 * @buffer: where the documents go
 * @len: in: room there, in bytes; out: see below
 *
 * All of them or none: no batch is seen in part, and none in the order in which others
 * have not seen it. Look at them with ds_read_item(). Where writers change just these
 * documents all the time, the kernel is asked, which always answers.
 *
 * Return: @count, with the bytes filled in in @len; -ENOBUFS if they don't all fit,
 * with the room that they needed in @len, and nothing that is of use in @items;
 * -E2BIG, -EBADF, -EINVAL, -ENOMEM, -ENOSPC.
 */
int ds_read_together(struct ds_store *store, struct docstore_read_item *items,
		     size_t count, void *buffer, size_t *len);

/**
 * ds_read_item() - look at one document that ds_read_many() read
 * @item: the item; also of ds_read_together()
 * @buffer: the buffer
 * @len: bytes filled in
 * @doc: where the view of it goes
 *
 * Return: 0; -ENOENT if there is no such document; -EBADMSG, -EINVAL,
 * -ENAMETOOLONG.
 */
int ds_read_item(const struct docstore_read_item *item, const void *buffer,
		 size_t len, struct ds_doc *doc);

/**
 * struct ds_scan_opts - which documents to scan
 * @size: sizeof(struct ds_scan_opts)
 * @prefix: what their ids begin with; of length 0 for all
 * @type: the name of their type; of length 0 for all
 * @ids_only: return documents without their properties
 * @buffer_size: bytes to fetch at a time; 0 for a good default
 */
struct ds_scan_opts {
	size_t size;
	struct ds_str prefix;
	struct ds_str type;
	bool ids_only;
	size_t buffer_size;
};

/**
 * ds_scan_new() - begin to scan a store
 * @store: a store open for reading; it must stay open
 * @opts: options, or NULL
 * @scan: where the scan goes
 *
 * Documents come in no particular order. One that exists throughout the scan
 * is returned exactly once; one that is created or deleted meanwhile may be
 * returned or not. Close it with ds_scan_free().
 *
 * Return: 0; -EINVAL, -ENAMETOOLONG, -ENOMEM.
 */
int ds_scan_new(struct ds_store *store, const struct ds_scan_opts *opts,
		struct ds_scan **scan);

/**
 * ds_scan_next() - the next document of a scan
 * @scan: the scan
 * @doc: where the view of it goes, good until the next call
 *
 * Return: 1 if there was one, 0 at the end; -EBADF, -EBADMSG, -EINTR, -ENOMEM.
 */
int ds_scan_next(struct ds_scan *scan, struct ds_doc *doc);

/**
 * ds_scan_free() - end a scan
 * @scan: the scan, or NULL
 */
void ds_scan_free(struct ds_scan *scan);

/* --- one document --------------------------------------------------------- */

/**
 * struct ds_write_opts - how to write a document
 * @size: sizeof(struct ds_write_opts)
 * @flags: conditions, enum docstore_op_flags: DOCSTORE_IF_EXISTS, _IF_ABSENT,
 *	_IF_VERSION
 * @timeout_ms: how long to wait for its turn; 0 for as long as it takes
 * @if_version: what DOCSTORE_IF_VERSION asks for; 0: it does not exist
 * @type: put: name of the document's type; of length 0 for none
 * @min_version: put: the version number that the document reaches at least;
 *	0 for no such wish
 */
struct ds_write_opts {
	size_t size;
	unsigned int flags;
	unsigned int timeout_ms;
	uint64_t if_version;
	struct ds_str type;
	uint64_t min_version;
};

/**
 * ds_put() - store a document, in place of the one that may be there
 * @store: a store open for writing
 * @id: the document's id
 * @props: all its properties, in their order; of two of the same name the
 *	last one's value counts
 * @count: their number
 * @opts: options, or NULL
 * @version: where the new version number goes, or NULL
 *
 * Readers see the old document or the new one, and nothing between.
 *
 * Return: 0; -EEXIST, -ENOENT or -ESTALE if a condition does not hold; -EBADF,
 * -EFBIG, -EINTR, -EINVAL, -ENAMETOOLONG, -ENOMEM, -ENOSPC, -ETIMEDOUT.
 */
int ds_put(struct ds_store *store, struct ds_str id, const struct ds_prop *props,
	   size_t count, const struct ds_write_opts *opts, uint64_t *version);

/**
 * ds_set() - set one property of a document
 * @store: a store open for writing
 * @id: the document's id; it is created if it does not exist
 * @property: the property's name
 * @value: its value
 * @opts: options, or NULL
 * @version: where the new version number goes, or NULL
 *
 * Return: as ds_put().
 */
int ds_set(struct ds_store *store, struct ds_str id, struct ds_str property,
	   struct ds_value value, const struct ds_write_opts *opts,
	   uint64_t *version);

/**
 * ds_unset() - remove one property of a document
 * @store: a store open for writing
 * @id: the document's id
 * @property: the property's name
 * @opts: options, or NULL
 * @version: where the new version number goes, or NULL
 *
 * Return: as ds_put(); -ENOENT if there is no such document, -ENODATA if it has
 * no such property.
 */
int ds_unset(struct ds_store *store, struct ds_str id, struct ds_str property,
	     const struct ds_write_opts *opts, uint64_t *version);

/**
 * ds_add() - add to a property of a document
 * @store: a store open for writing, and for reading if @sum is wanted
 * @id: the document's id; it is created if it does not exist
 * @property: the property's name; if it is not there it counts as 0
 * @n: what to add
 * @opts: options, or NULL
 * @sum: where the new value goes, or NULL
 *
 * Return: as ds_put(); -EDOM if the property is not an s64, -EOVERFLOW if the
 * sum does not fit in one.
 */
int ds_add(struct ds_store *store, struct ds_str id, struct ds_str property,
	   int64_t n, const struct ds_write_opts *opts, int64_t *sum);

/**
 * ds_delete() - delete a document
 * @store: a store open for writing
 * @id: the document's id
 * @opts: options, or NULL
 *
 * Return: as ds_put(); -ENOENT if there is no such document.
 */
int ds_delete(struct ds_store *store, struct ds_str id,
	      const struct ds_write_opts *opts);

/* --- batches -------------------------------------------------------------- */

/**
 * ds_batch_new() - make an empty batch
 * @store: the store that it is for; it must stay open
 * @batch: where the batch goes
 *
 * The functions that add an operation to it return the operation's number, from
 * 0, or a negative errno and leave the batch as it was. Ids, names and values
 * are copied. Free it with ds_batch_free().
 *
 * Return: 0; -ENOMEM.
 */
int ds_batch_new(struct ds_store *store, struct ds_batch **batch);

/**
 * ds_batch_free() - free a batch
 * @batch: the batch, or NULL
 */
void ds_batch_free(struct ds_batch *batch);

/**
 * ds_batch_clear() - remove all operations, to use the batch again
 * @batch: the batch
 */
void ds_batch_clear(struct ds_batch *batch);

/**
 * ds_batch_set() - set a property to a value
 * @batch: the batch
 * @id: the document's id
 * @property: the property's name
 * @value: the value
 *
 * Return: the operation's number; -E2BIG, -EINVAL, -ENAMETOOLONG, -ENOMEM,
 * -EFBIG, -ENOSPC, -EBADF.
 */
int ds_batch_set(struct ds_batch *batch, struct ds_str id,
		 struct ds_str property, struct ds_value value);

/**
 * ds_batch_unset() - remove a property
 * @batch: the batch
 * @id: the document's id
 * @property: the property's name; of length 0 for all properties
 *
 * Return: the operation's number; -ENODATA if nothing in the store ever had
 * this name; else as ds_batch_set().
 */
int ds_batch_unset(struct ds_batch *batch, struct ds_str id,
		   struct ds_str property);

/**
 * ds_batch_add() - add to a property
 * @batch: the batch
 * @id: the document's id
 * @property: the property's name
 * @n: what to add
 *
 * Return: as ds_batch_set().
 */
int ds_batch_add(struct ds_batch *batch, struct ds_str id,
		 struct ds_str property, int64_t n);

/**
 * ds_batch_delete() - delete a document
 * @batch: the batch
 * @id: the document's id
 *
 * Return: as ds_batch_set().
 */
int ds_batch_delete(struct ds_batch *batch, struct ds_str id);

/**
 * ds_batch_touch() - make a new version
 * @batch: the batch
 * @id: the document's id
 * @version: the version number that it reaches at least, or 0
 *
 * Return: as ds_batch_set().
 */
int ds_batch_touch(struct ds_batch *batch, struct ds_str id, uint64_t version);

/**
 * ds_batch_set_type() - set a document's type
 * @batch: the batch
 * @id: the document's id
 * @type: the type's name; of length 0 for none
 *
 * Return: as ds_batch_set().
 */
int ds_batch_set_type(struct ds_batch *batch, struct ds_str id,
		      struct ds_str type);

/**
 * ds_batch_check() - depend on a document that the batch does not change
 * @batch: the batch
 * @id: the document's id
 *
 * An operation that does nothing: ds_batch_require() says on what condition.
 *
 * Return: as ds_batch_set().
 */
int ds_batch_check(struct ds_batch *batch, struct ds_str id);

/**
 * ds_batch_get() - read a document or a property
 * @batch: the batch
 * @id: the document's id
 * @property: the property's name; of length 0 for the document, which
 *	ds_document_check() then opens
 * @buffer: where it goes; it must stay until the batch was submitted
 * @len: room there
 *
 * It reads what the operations before it leave. After submitting, the type of
 * the property, the bytes of what there was to read and the version number are
 * in the operation (ds_batch_op()).
 *
 * Return: as ds_batch_unset().
 */
int ds_batch_get(struct ds_batch *batch, struct ds_str id,
		 struct ds_str property, void *buffer, size_t len);

/**
 * ds_batch_put() - replace a whole document
 * @batch: the batch
 * @id: the document's id
 * @props: all its properties
 * @count: their number
 * @opts: conditions, type and version; @opts->timeout_ms is not used
 *
 * This makes several operations; a condition stands with the first of them.
 *
 * Return: the number of the first operation; as ds_batch_set().
 */
int ds_batch_put(struct ds_batch *batch, struct ds_str id,
		 const struct ds_prop *props, size_t count,
		 const struct ds_write_opts *opts);

/**
 * ds_batch_require() - make an operation conditional
 * @batch: the batch
 * @op: the operation's number
 * @flags: enum docstore_op_flags
 * @version: for DOCSTORE_IF_VERSION, else 0
 *
 * Conditions are checked against the documents as they were before the batch.
 *
 * Return: 0; -EINVAL.
 */
int ds_batch_require(struct ds_batch *batch, int op, unsigned int flags,
		     uint64_t version);

/**
 * ds_batch_submit() - carry a batch out
 * @batch: the batch
 * @flags: DOCSTORE_SUBMIT_ATOMIC or 0
 * @timeout_ms: how long it may wait for its turn; 0 for as long as it takes
 *
 * An atomic batch is never cut: with more operations or bytes than the kernel takes at
 * once it is refused with -E2BIG. Any other is cut into several submits, never between
 * operations on one document; should one of these fail after another was
 * carried out, its operations have that error as their result, and the
 * function returns as if their documents had failed.
 *
 * A batch is submitted once. What was submitted stays in it, with the results,
 * until ds_batch_clear().
 *
 * Return: how many operations have a result that is not 0, so 0 if all went
 * well; -E2BIG, -EBADF, -EBUSY, -EINTR, -EINVAL, -ENOMEM, -ETIMEDOUT, and then
 * nothing was done.
 */
int ds_batch_submit(struct ds_batch *batch, unsigned int flags,
		    unsigned int timeout_ms);

/**
 * ds_batch_op() - an operation and its result
 * @batch: the batch
 * @op: the operation's number
 *
 * Return: the operation, good until the batch changes; NULL if there is none of
 * this number.
 */
const struct docstore_op *ds_batch_op(const struct ds_batch *batch, int op);

/**
 * ds_batch_count() - number of operations
 * @batch: the batch
 *
 * Return: their number.
 */
unsigned int ds_batch_count(const struct ds_batch *batch);

/**
 * ds_batch_bytes() - bytes of ids and values, and room for what it reads
 * @batch: the batch
 *
 * Return: their number, as the kernel counts it for its limit.
 */
size_t ds_batch_bytes(const struct ds_batch *batch);

/* --- batches by io_uring -------------------------------------------------- */

/*
 * For who has a ring already. libdocstore_uring.h has more, on top of liburing;
 * neither it nor liburing is needed for these two.
 */
struct io_uring_sqe;

/**
 * ds_batch_prep() - make a batch an entry of a submission queue
 * @batch: the batch
 * @sqe: the entry, of 64 or 128 bytes
 * @flags: DOCSTORE_SUBMIT_ATOMIC or 0
 * @timeout_ms: how long it may wait for its turn; 0 for as long as it takes
 *
 * All of the entry is written, and its user_data is @batch; what is to be
 * otherwise (user_data, IOSQE_IO_LINK, a registered file) is set afterwards. The
 * completion belongs to ds_batch_complete(). Of a batch without operations the
 * entry is one that does nothing, with a completion as any other.
 *
 * From here to ds_batch_complete() the batch is under way: it, its store and the
 * buffers of ds_batch_get() must stay. What would change it is refused with
 * -EBUSY, ds_batch_clear() does nothing, and ds_batch_free() frees it when it is
 * complete. An entry that was not submitted after all is completed by the
 * caller, with -ECANCELED.
 *
 * There is no order among batches that are under way at the same time, not even
 * of those on one document.
 *
 * Return: 0; -E2BIG if it has more operations or bytes than the kernel takes at
 * once, -EBADF if it is for a snapshot, -EBUSY if it is under way. Then the entry is
 * as it was.
 */
int ds_batch_prep(struct ds_batch *batch, struct io_uring_sqe *sqe,
		  unsigned int flags, unsigned int timeout_ms);

/**
 * ds_batch_complete() - take a batch back that was under way
 * @batch: the batch
 * @res: what its completion says
 *
 * Return: as ds_batch_submit(), though never -EINTR; -ECANCELED if it was
 * canceled before its turn, -EOPNOTSUPP if the kernel cannot do it by io_uring,
 * and then nothing was done; -EALREADY if it was not under way.
 */
int ds_batch_complete(struct ds_batch *batch, int res);

#ifdef __cplusplus
}
#endif

#include "libdocstore_snapshot.h"
#include "libdocstore_state.h"

#endif /* LIBDOCSTORE_H */

// SPDX-License-Identifier: GPL-2.0
/* docstore(1): restore: make a store again from its journal. */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "journal.h"

const char restore_help[] =
	"Make a store again from the journal in DIR, which docstore journal has kept: the store of\n"
	"this name, or of the name that it had. It is made if it does not exist, and must have no\n"
	"documents. Documents have the types, properties and versions that they had. A last line\n"
	"that was written in part is left out, and that is said. If anything else is damaged,\n"
	"nothing is restored, and the file and the byte are said (exit code 7).\n\n"
	"  -i, --if-needed    do nothing if DIR has no journal, or if the store is the one that it\n"
	"                     is of, or that it was restored to: for use when a system starts\n"
	"  -k, --check        only read the journal, and say where it ends\n"
	"  -S, --salvage      restore what stands before the first damage\n"
	"  -q, --quiet        no summary\n";

/* As docstore import has them. */
#define RESTORE_OPS	8192
#define RESTORE_BYTES	(1024 * 1024)

/*
 * struct reset - a document whose history begins anew in a line
 * @line: the index of that line: what stands before it does not count
 * @version: of the document, behind it: what has no later one does not count
 * @gone: it does not exist then
 * @unknown: it does not, and at which change it ceased to is not known yet
 * @len: bytes of its id
 * @id: its id
 */
struct reset {
	uint64_t line;
	uint64_t version;
	bool gone;
	bool unknown;
	size_t len;
	char id[];
};

/**
 * struct restore - a store on its way back
 * @j: the journal
 * @if_needed: nothing is to be done if all is as it should be
 * @check: only look
 * @quiet: say nothing
 * @resets: a tree of struct reset
 * @documents: in the snapshot
 * @changes: behind it
 * @store: the store
 * @batch: what was not submitted yet
 * @reader: for documents
 * @unset: for what was removed
 */
struct restore {
	struct journal j;
	bool if_needed;
	bool check;
	bool quiet;
	void *resets;
	uint64_t documents;
	uint64_t changes;
	struct ds_store *store;
	struct ds_batch *batch;
	struct json_reader reader;
	struct json_reader unset;
};

/* --- first: whose history begins anew where ---------------------------------------------- */

/*
 * A version number never goes backwards in a partition, whatever document had it: so one
 * that is deleted in the end must never be made, lest others get higher numbers than they
 * had.
 */

static int compare(const void *pa, const void *pb)
{
	const struct reset *a = pa, *b = pb;

	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->id, b->id, a->len);
}

static struct reset *find(struct restore *r, struct ds_str id, bool make)
{
	struct reset *key = xrealloc(NULL, 1, sizeof(*key) + id.len);
	struct reset **found;

	memset(key, 0, sizeof(*key));
	key->len = id.len;
	memcpy(key->id, id.data, id.len);
	found = make ? tsearch(key, &r->resets, compare) : tfind(key, &r->resets, compare);
	if (make && !found)
		no_memory();
	if (!found || *found != key)
		free(key);
	return found ? *found : NULL;
}

static int read_line(struct restore *r, const struct journal_line *line, struct json_document *doc)
{
	if (json_read_document(&r->reader, line->doc, "_id", doc) && doc->id.len && doc->version)
		return DONE;
	return fail(BAD_DATA, "%s: a document cannot be read: %s", r->j.path,
		    r->reader.error ? r->reader.error : "it has no id or version");
}

static void note_reset(struct restore *r, const struct journal_line *line,
		       const struct json_document *doc)
{
	struct reset *reset = find(r, doc->id, true);
	bool first = !reset->version && !reset->unknown;

	if (reset->unknown && line->how == HOW_CLEARED)
		return;
	/* It was read when it had a later version already. */
	if (!first && !reset->unknown && doc->version <= reset->version)
		return;
	reset->unknown = line->how == HOW_GONE;
	reset->version = doc->version;
	reset->gone = line->how == HOW_GONE || line->how == HOW_DELETED;
	reset->line = line->index;
}

static int note(const struct journal_line *line, void *arg)
{
	struct restore *r = arg;
	struct json_document doc;
	int code = read_line(r, line, &doc);

	if (code)
		return code;
	r->documents += line->document;
	r->changes += !line->document;
	if (!line->document && line->how != HOW_SET)
		note_reset(r, line, &doc);
	return DONE;
}

/* --- then: what counts --------------------------------------------------------------------- */

static int submit(struct restore *r)
{
	unsigned int i;
	int ret;

	do {
		ret = ds_batch_submit(r->batch, 0, 0);
	} while (ret == -EINTR);
	if (ret < 0)
		return fail_store(ret);
	for (i = 0; ret > 0 && i < ds_batch_count(r->batch); i++) {
		const struct docstore_op *op = ds_batch_op(r->batch, (int)i);

		if (op->result && op->result != -ECANCELED)
			return fail_document(ds_mem((const void *)(uintptr_t)op->id, op->id_len),
					     op->result);
	}
	if (ret > 0)
		return fail(OTHER, "a batch was not carried out");
	ds_batch_clear(r->batch);
	return DONE;
}

/* What has changed of a document that goes on. */
static int add_change(struct restore *r, const struct journal_line *line,
		      const struct json_document *doc)
{
	struct json_document unset = { .count = 0 };
	int op = ds_batch_touch(r->batch, doc->id, doc->version);
	size_t i;

	if (line->unset.len && !json_read_document(&r->unset, line->unset, "_id", &unset))
		return fail(BAD_DATA, "%s: what was removed cannot be read: %s", r->j.path,
			    r->unset.error);
	for (i = 0; op >= 0 && i < unset.count; i++)
		op = ds_batch_unset(r->batch, doc->id, unset.props[i].name);
	for (i = 0; op >= 0 && i < doc->count; i++)
		op = ds_batch_set(r->batch, doc->id, doc->props[i].name, doc->props[i].value);
	if (op >= 0)
		op = ds_batch_set_type(r->batch, doc->id, doc->type);
	return op < 0 ? fail_document(doc->id, op) : DONE;
}

static int add_whole(struct restore *r, const struct json_document *doc)
{
	struct ds_write_opts opts = {
		.size = sizeof(opts),
		.type = doc->type,
		.min_version = doc->version,
	};
	int op = ds_batch_put(r->batch, doc->id, doc->props, doc->count, &opts);

	return op < 0 ? fail_document(doc->id, op) : DONE;
}

static int apply(const struct journal_line *line, void *arg)
{
	struct restore *r = arg;
	const struct reset *reset;
	struct json_document doc;
	int code = read_line(r, line, &doc);

	if (code)
		return code;
	reset = find(r, doc.id, false);
	if (reset && (reset->gone || line->index < reset->line ||
		      (line->index > reset->line && doc.version <= reset->version)))
		return DONE;
	code = line->how == HOW_SET ? add_change(r, line, &doc) : add_whole(r, &doc);
	if (!code && (ds_batch_count(r->batch) >= RESTORE_OPS ||
		      ds_batch_bytes(r->batch) >= RESTORE_BYTES))
		code = submit(r);
	return code;
}

/* --- the store ------------------------------------------------------------------------------ */

static int make_store(const struct restore *r)
{
	struct ds_create_opts opts = {
		.size = sizeof(opts),
		.max_bytes = r->j.max_bytes,
		.mode = r->j.mode,
		.partitions = r->j.partitions,
	};
	int err = ds_create(store_name, &opts);

	return err ? fail_store(err) : DONE;
}

/* The store, empty; and if there is nothing to do, none. */
static int find_store(struct restore *r, struct docstore_store_info *info)
{
	const unsigned int flags = DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE;
	int err = ds_open(store_name, flags, NULL, &r->store), code = DONE;

	if (err == -ENOENT) {
		code = make_store(r);
		if (!code)
			code = open_store(flags, &r->store);
	} else if (err) {
		code = fail_store(err);
	}
	err = code ? 0 : ds_store_info(r->store, info);
	if (code || err)
		return code ? code : fail_store(err);
	info->name[sizeof(info->name) - 1] = '\0';
	if (r->if_needed && (token_is_of(&r->j.token, info) ||
			     journal_restored(r->j.dir, "restored", info))) {
		ds_close(r->store);
		r->store = NULL;
		return DONE;
	}
	if (!info->documents)
		return DONE;
	if (!journal_restored(r->j.dir, "restoring", info))
		return fail(CONDITION, "there are documents in the store '%s'; docstore restore does not mix them with others",
			    store_name);
	/* What has been restored in part has got versions that would be in the way. */
	ds_close(r->store);
	r->store = NULL;
	err = ds_remove(store_name, NULL);
	if (err)
		return fail_store(err);
	return find_store(r, info);
}

static int mark(const struct restore *r, const char *state, const struct docstore_store_info *info)
{
	int err = journal_mark(r->j.dir, state, info);

	return err ? fail(OTHER, "cannot write to %s: %s", r->j.path, strerror(-err)) : DONE;
}

static int fill_store(struct restore *r, const struct docstore_store_info *info)
{
	int code = mark(r, "restoring", info), err;

	if (code)
		return code;
	err = ds_batch_new(r->store, &r->batch);
	if (err)
		return fail_store(err);
	code = journal_read(&r->j, apply, r);
	if (!code)
		code = submit(r);
	ds_batch_free(r->batch);
	return code ? code : mark(r, "restored", info);
}

static void summary(const struct restore *r)
{
	if (r->j.torn)
		fail(0, "%s/%s: what was written in part, from byte %llu on, is left out",
		     r->j.path, r->j.torn_name, (unsigned long long)r->j.torn_at);
	if (r->quiet)
		return;
	fail(0, "%s: %llu documents and %llu changes of the store '%s'%s", r->j.path,
	     (unsigned long long)r->documents, (unsigned long long)r->changes, r->j.store,
	     r->check ? "" : " restored");
}

static int restore(struct restore *r, const char *name)
{
	struct docstore_store_info info = { .size = sizeof(info) };
	struct buf text = { 0 };
	int code = journal_read(&r->j, note, r);

	if (code == NOT_FOUND)
		return r->if_needed ? DONE : fail(NOT_FOUND, "%s: there is no journal", r->j.path);
	if (code)
		return code;
	if (r->check) {
		summary(r);
		token_write(&text, &r->j.token);
		buf_byte(&text, '\n');
		code = out_write(&text);
		buf_free(&text);
		return code;
	}
	if (name || !store_named)
		store_name = name ? name : r->j.store;
	code = find_store(r, &info);
	if (code || !r->store)
		return code;
	code = fill_store(r, &info);
	if (!code)
		summary(r);
	return code;
}

int cmd_restore(int argc, char **argv)
{
	static const struct option options[] = {
		{ "if-needed", no_argument, NULL, 'i' },
		{ "check", no_argument, NULL, 'k' },
		{ "salvage", no_argument, NULL, 'S' },
		{ "quiet", no_argument, NULL, 'q' },
		{ 0 }
	};
	struct restore *r = xrealloc(NULL, 1, sizeof(*r));
	const char *name;
	int c, code = USAGE;

	memset(r, 0, sizeof(*r));
	while ((c = getopt_long(argc, argv, "ikSq", options, NULL)) != -1) {
		if (c == 'i') {
			r->if_needed = true;
		} else if (c == 'k') {
			r->check = true;
		} else if (c == 'S') {
			r->j.salvage = true;
		} else if (c == 'q') {
			r->quiet = true;
		} else {
			bad_option(argv);
			goto free;
		}
	}
	if (!operands(argc, argv, 1, 2))
		goto free;
	name = argv[optind + 1];
	if (name && store_named && strcmp(name, store_name)) {
		usage(argv, "--store says '%s', and the operand '%s'", store_name, name);
		goto free;
	}
	r->j.path = argv[optind];
	r->j.dir = journal_open(r->j.path, false, &code);
	if (r->j.dir < 0) {
		if (code == NOT_FOUND && r->if_needed)
			code = DONE;
		goto free;
	}
	code = restore(r, name);
	ds_close(r->store);
	close(r->j.dir);
	tdestroy(r->resets, free);
	json_reader_free(&r->reader);
	json_reader_free(&r->unset);
free:
	free(r);
	return code;
}

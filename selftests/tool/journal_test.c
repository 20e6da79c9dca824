// SPDX-License-Identifier: GPL-2.0
/*
 * docstore journal and restore: whatever is done to documents, they come back as they were.
 *
 * The tool without its main(), over the store in user space. What is done is chosen by a
 * generator of random numbers; an argument is where that begins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"
#include "tool.h"

#define STEPS		400
#define EACH		40

static struct ds_store *store;
static unsigned int seed;
static char dir[] = "/tmp/journal_test.XXXXXX";

static unsigned int below(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static int run(int (*command)(int argc, char **argv), char *a, char *b, char *c, char *d)
{
	char *argv[] = { "test", a, b, c, d, NULL };
	int argc = 1;

	while (argv[argc])
		argc++;
	optind = 0;
	store_named = false;
	return command(argc, argv);
}

static struct ds_value value(char *room)
{
	switch (below(7)) {
	case 0:
		return ds_null();
	case 1:
		return ds_bool(below(2));
	case 2:
		return ds_s64((int64_t)below(100) - 50);
	case 3:
		return ds_u64(below(100));
	case 4:
		return ds_f64(below(1000) / 7.0);
	case 5:
		sprintf(room, "text \"%u\"\n\x01", below(1000));
		return ds_string(room);
	default:
		sprintf(room, "\xff%u", below(1000));
		return ds_bytes(room, strlen(room));
	}
}

/* Something is done to a document; that some of it is refused does not matter. */
static void step(struct ds_batch *batch)
{
	static const char * const names[] = { "a", "_id", "_version", "$bytes:", "n\xff", "\xc3\xa4" };
	static const char * const types[] = { "", "T", "_type\x01" };
	struct ds_str name = ds_str(names[below(6)]), id;
	char text[16], room[40];
	unsigned int n = below(12);

	sprintf(text, below(4) ? "doc%u" : "\xfe%u", n);
	id = ds_str(text);
	switch (below(9)) {
	case 0:
		ds_batch_delete(batch, id);
		break;
	case 1:
		ds_batch_unset(batch, id, name);
		break;
	case 2:
		ds_batch_unset(batch, id, ds_mem("", 0));
		break;
	case 3:
		ds_batch_set_type(batch, id, ds_str(types[below(3)]));
		break;
	case 4:
		ds_batch_add(batch, id, ds_str("sum"), below(5));
		break;
	case 5:
		ds_batch_touch(batch, id, below(50));
		break;
	default:
		ds_batch_set(batch, id, name, value(room));
		break;
	}
}

/* One by one, so that the order of properties does not count, as nobody relies on it. */
static bool same_document(struct ds_store *other, const struct ds_doc *a)
{
	static char buffer[DOCSTORE_MAX_DOCUMENT];
	struct ds_value left, right;
	struct buf l = { 0 }, r = { 0 };
	size_t len = sizeof(buffer);
	struct ds_str name;
	struct ds_doc b;
	uint32_t i, id;
	bool same;

	if (ds_get(other, a->id, buffer, &len, &b) || a->version != b.version ||
	    a->nprops != b.nprops || !a->type != !b.type)
		return false;
	same = !a->type || (!ds_name(store, a->type, &name) && !ds_lookup(other, name, &id) &&
			    id == b.type);
	for (i = 0; same && i < a->nprops; i++) {
		left = ds_doc_value(a, i);
		l.len = 0;
		r.len = 0;
		same = !ds_name(store, ds_doc_name(a, i), &name) && !ds_lookup(other, name, &id) &&
		       ds_doc_find(&b, id, &right) >= 0 && left.type == right.type &&
		       !json_write_value(&l, &left, false) && !json_write_value(&r, &right, false) &&
		       l.len == r.len && !memcmp(l.data, r.data, l.len);
	}
	buf_free(&l);
	buf_free(&r);
	return same;
}

static bool same_documents(const char *name)
{
	unsigned int there = 0, wrong = 0;
	struct docstore_store_info info = { .size = sizeof(info) };
	struct ds_store *other;
	struct ds_scan *scan;
	struct ds_doc doc;

	if (ds_open(name, DOCSTORE_OPEN_READ, NULL, &other))
		return false;
	ds_store_info(other, &info);
	ds_scan_new(store, NULL, &scan);
	for (; ds_scan_next(scan, &doc) == 1; there++)
		wrong += !same_document(other, &doc);
	ds_scan_free(scan);
	ds_close(other);
	if (wrong || there != info.documents)
		printf("# %u of %u documents differ; there are %llu\n", wrong, there,
		       (unsigned long long)info.documents);
	return !wrong && there && there == info.documents;
}

static void steps(unsigned int round)
{
	char *small[] = { "--rotate=2K", "--compact=6K" };
	struct ds_batch *batch;
	unsigned int i, n;

	ds_batch_new(store, &batch);
	for (i = 0; i < STEPS; i++) {
		ds_batch_clear(batch);
		for (n = 1 + below(4); n; n--)
			step(batch);
		if (ds_batch_count(batch))
			ds_batch_submit(batch, 0, 0);
		if (i % EACH == EACH - 1 &&
		    run(cmd_journal, "--once", small[below(2)], "journal_test", dir))
			break;
	}
	ds_batch_free(batch);
	ok(i == STEPS, "round %u: all is journaled", round);
	ds_remove("journal_again", NULL);
	ok(!run(cmd_restore, "-q", dir, "journal_again", NULL), "round %u: restored", round);
	ok(same_documents("journal_again"), "round %u: documents are as they were", round);
}

int main(int argc, char **argv)
{
	struct ds_create_opts opts = { .size = sizeof(opts), .partitions = 3 };
	char command[64];
	unsigned int i;

	seed = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 1;
	if (!mkdtemp(dir) || ds_create("journal_test", &opts) ||
	    ds_open("journal_test", DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, NULL, &store)) {
		printf("Bail out! cannot make a store and a directory\n");
		return 1;
	}
	run(cmd_journal, "--once", "journal_test", dir, NULL);
	for (i = 0; i < 5; i++)
		steps(i);
	ds_close(store);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	if (system(command))
		printf("# %s is left\n", dir);
	return tap_end();
}

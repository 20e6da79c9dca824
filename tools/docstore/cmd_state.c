// SPDX-License-Identifier: GPL-2.0
/* docstore(1): hot, state: what documents are used for, and what becomes of them. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <linux/docstore_map.h>

#include "numbers.h"
#include "tool.h"

const char hot_help[] =
	"List the documents that are used most, in the store of this NAME or that --store names:\n"
	"about how often each second, whether they are changed or read, and how many operations\n"
	"have changed them. A rate with '>' is as much as can be told. Nobody is asked for that but\n"
	"the store's memory; see docstore(1) for what is known of reads.\n\n"
	"  -n, --top N        so many of them (default: 10)\n"
	"  -j, --json         as JSON Lines, one document on a line\n";

const char state_help[] =
	"Count the documents of the store of this NAME, or that --store names, by flag and by\n"
	"pattern of use. With an option list those that have all of these flags and this pattern,\n"
	"or those that come first by a number.\n\n"
	"  -f, --flag NAME    with this flag: idle, processing, needs_compaction, needs_reindex,\n"
	"                     hot_document, evicting, dirty, snapshot_ready; may be repeated\n"
	"  -p, --pattern NAME  used like this: write, read, mixed, scan\n"
	"  -n, --top N        so many, the first ones by --by (default: all)\n"
	"  -b, --by WHAT      deltas, heat, size, or age: for how long they were not used\n"
	"                     (default: heat)\n"
	"  -j, --json         as JSON Lines, one document on a line; counts as one line\n";

/* Names of flags and patterns are those of <linux/docstore_map.h>, in small letters. */
static const struct {
	const char *name;
	unsigned int flag;
} flags[] = {
	{ "processing", DOCSTORE_STATE_PROCESSING },
	{ "needs_compaction", DOCSTORE_STATE_NEEDS_COMPACTION },
	{ "needs_reindex", DOCSTORE_STATE_NEEDS_REINDEX },
	{ "hot_document", DOCSTORE_STATE_HOT_DOCUMENT },
	{ "evicting", DOCSTORE_STATE_EVICTING },
	{ "dirty", DOCSTORE_STATE_DIRTY },
	{ "snapshot_ready", DOCSTORE_STATE_SNAPSHOT_READY },
};

static const char * const patterns[] = {
	[DOCSTORE_PATTERN_WRITE] = "write",
	[DOCSTORE_PATTERN_READ] = "read",
	[DOCSTORE_PATTERN_MIXED] = "mixed",
	[DOCSTORE_PATTERN_SCAN] = "scan",
};

static const char * const orders[] = { "heat", "deltas", "size", "age" };

#define NR(array)	(sizeof(array) / sizeof((array)[0]))

enum order { BY_HEAT, BY_DELTAS, BY_SIZE, BY_AGE };

/**
 * struct query - what is asked for
 * @set: flags that documents must have
 * @idle: they must have none
 * @pattern: and which pattern; NR(patterns) for any
 * @heat: and at least as much heat
 * @top: so many are listed, UINT64_MAX for all
 * @by: the first ones by this
 * @json: as JSON
 * @counts: nothing is listed; they are counted
 */
struct query {
	unsigned int set;
	bool idle;
	unsigned int pattern;
	unsigned int heat;
	uint64_t top;
	enum order by;
	bool json;
	bool counts;
};

/**
 * struct entry - a document that is listed
 * @state: its state; the id is in @id
 * @rank: what it is ordered by, the highest first
 */
struct entry {
	struct ds_doc_state state;
	double rank;
	unsigned char id[DOCSTORE_MAX_ID];
};

/**
 * struct answer - what was found
 * @entries: documents: a heap, with the last one in order at the top, once there are as
 *	many as are asked for
 * @count: how many
 * @room: for how many there is room
 * @total: documents that are there, without those that are deleted
 * @deleted: those
 * @flags: how many have each flag, with them
 * @idle: how many have none
 * @patterns: how many have each pattern, without deleted ones
 */
struct answer {
	struct entry *entries;
	size_t count;
	size_t room;
	uint64_t total;
	uint64_t deleted;
	uint64_t flags[NR(flags)];
	uint64_t idle;
	uint64_t patterns[NR(patterns)];
};

const char *pattern_name(unsigned int pattern)
{
	return patterns[pattern];
}

/* --- looking -------------------------------------------------------------------- */

static bool wanted(const struct query *query, const struct ds_doc_state *state)
{
	if ((state->flags & query->set) != query->set || (query->idle && state->flags) ||
	    state->heat < query->heat)
		return false;
	return query->pattern == NR(patterns) || state->pattern == query->pattern;
}

static void count(struct answer *answer, const struct ds_doc_state *state)
{
	size_t i;

	for (i = 0; i < NR(flags); i++)
		answer->flags[i] += (state->flags & flags[i].flag) != 0;
	answer->idle += !state->flags;
	if (state->deleted) {
		answer->deleted++;
		return;
	}
	answer->total++;
	answer->patterns[state->pattern]++;
}

static double rank_of(enum order by, const struct ds_doc_state *state)
{
	switch (by) {
	case BY_DELTAS:
		return state->deltas;
	case BY_SIZE:
		return (double)state->bytes;
	case BY_AGE:
		return -(double)state->accessed;
	default:
		return state->heat;
	}
}

/* Does @a come before @b? Of equals the one with more deltas, then by id. */
static bool before(const struct entry *a, const struct entry *b)
{
	size_t len = a->state.id.len < b->state.id.len ? a->state.id.len : b->state.id.len;
	int order;

	if (a->rank != b->rank)
		return a->rank > b->rank;
	if (a->state.deltas != b->state.deltas)
		return a->state.deltas > b->state.deltas;
	order = memcmp(a->id, b->id, len);
	return order ? order < 0 : a->state.id.len < b->state.id.len;
}

static void entry_set(struct entry *e, enum order by, const struct ds_doc_state *state)
{
	e->state = *state;
	e->rank = rank_of(by, state);
	memcpy(e->id, state->id.data, state->id.len);
}

static void swap(struct entry *a, struct entry *b)
{
	struct entry c = *a;

	*a = *b;
	*b = c;
}

/* Each entry comes behind those below it. */
static void heap_up(struct entry *heap, size_t i)
{
	for (; i && before(&heap[(i - 1) / 2], &heap[i]); i = (i - 1) / 2)
		swap(&heap[(i - 1) / 2], &heap[i]);
}

static void heap_down(struct entry *heap, size_t n)
{
	size_t i = 0, last;

	for (;;) {
		last = i;
		if (2 * i + 1 < n && before(&heap[last], &heap[2 * i + 1]))
			last = 2 * i + 1;
		if (2 * i + 2 < n && before(&heap[last], &heap[2 * i + 2]))
			last = 2 * i + 2;
		if (last == i)
			return;
		swap(&heap[i], &heap[last]);
		i = last;
	}
}

static void add(struct answer *answer, const struct query *query,
		const struct ds_doc_state *state)
{
	struct entry e;

	if (!query->top)
		return;
	if (answer->count == query->top) {
		entry_set(&e, query->by, state);
		if (!before(&e, &answer->entries[0]))
			return;
		answer->entries[0] = e;
		heap_down(answer->entries, answer->count);
		return;
	}
	if (answer->count == answer->room) {
		answer->room = answer->room ? 2 * answer->room : 64;
		answer->entries = xrealloc(answer->entries, answer->room, sizeof(e));
	}
	entry_set(&answer->entries[answer->count], query->by, state);
	heap_up(answer->entries, answer->count++);
}

static int compare(const void *a, const void *b)
{
	return before(a, b) ? -1 : before(b, a) ? 1 : 0;
}

static int look(const struct query *query, struct answer *answer)
{
	struct ds_doc_state state = { .size = sizeof(state) };
	struct ds_states *states;
	struct ds_store *store;
	uint64_t skipped;
	int err, code;

	code = open_store(DOCSTORE_OPEN_READ, &store);
	if (code)
		return code;
	err = ds_states_new(store, NULL, &states);
	while (!err && (err = ds_states_next(states, &state)) > 0) {
		err = 0;
		if (query->counts)
			count(answer, &state);
		else if (wanted(query, &state))
			add(answer, query, &state);
	}
	skipped = err ? 0 : ds_states_skipped(states);
	ds_states_free(states);
	ds_close(store);
	if (err == -EOPNOTSUPP)
		return fail(OTHER, "store '%s' cannot be mapped here, and its states not be seen",
			    store_name);
	if (err)
		return fail_store(err);
	if (skipped)
		fail(0, "%llu places of the index changed all the time, and were left out",
		     (unsigned long long)skipped);
	qsort(answer->entries, answer->count, sizeof(*answer->entries), compare);
	return DONE;
}

/* --- what was found --------------------------------------------------------------- */

static void flag_names(struct buf *out, unsigned int set)
{
	const char *comma = "";
	size_t i;

	for (i = 0; i < NR(flags); i++) {
		if (!(set & flags[i].flag))
			continue;
		buf_printf(out, "%s%s", comma, flags[i].name);
		comma = ",";
	}
	if (!*comma)
		buf_str(out, "idle");
}

static struct json_object *flag_array(unsigned int set)
{
	struct json_object *array = json_need(json_object_new_array());
	size_t i;

	for (i = 0; i < NR(flags); i++)
		if (set & flags[i].flag)
			json_object_array_add(array, json_text(ds_str(flags[i].name)));
	return array;
}

static void add_number(struct json_object *object, const char *key, uint64_t n)
{
	json_add(object, key, json_need(json_object_new_uint64(n)));
}

static void write_json(struct buf *out, const struct ds_doc_state *state)
{
	struct json_object *object = json_need(json_object_new_object());

	json_add(object, "_id", json_text(state->id));
	add_number(object, "version", state->version);
	json_add(object, "flags", flag_array(state->flags));
	json_add(object, "pattern", json_text(ds_str(patterns[state->pattern])));
	add_number(object, "heat", state->heat);
	json_add(object, "rate", json_need(json_object_new_double(state->rate)));
	add_number(object, "deltas", state->deltas);
	add_number(object, "bytes", state->bytes);
	add_number(object, "accessed", state->accessed);
	json_add(object, "deleted", json_need(json_object_new_boolean(state->deleted)));
	json_write_object(out, object, false);
	buf_byte(out, '\n');
}

static void write_head(struct buf *out)
{
	buf_printf(out, "%9s  %-7s  %7s  %10s  %10s  %-14s  %s\n", "USES/S", "PATTERN", "DELTAS",
		   "SIZE", "NOT USED", "FLAGS", "ID");
}

static void write_row(struct buf *out, const struct ds_doc_state *state, uint64_t at)
{
	struct buf rate = { 0 }, bytes = { 0 }, age = { 0 }, names = { 0 };

	buf_printf(&rate, "%s%.1f", state->heat == DOCSTORE_STATE_HEAT_MASK ? ">" : "",
		   state->rate);
	buf_size(&bytes, state->bytes);
	buf_duration(&age, at > state->accessed ? (at - state->accessed) * 1000000000ULL : 0);
	flag_names(&names, state->flags);
	buf_printf(out, "%9.*s  %-7s  %s%6u  %10.*s  %10.*s  %-14.*s  ", (int)rate.len, rate.data,
		   patterns[state->pattern],
		   state->deltas == DOCSTORE_STAT_DELTAS_MASK ? ">" : " ", state->deltas,
		   (int)bytes.len, bytes.data, (int)age.len, age.data, (int)names.len, names.data);
	json_write_line(out, state->id);
	buf_byte(out, '\n');
	buf_free(&rate);
	buf_free(&bytes);
	buf_free(&age);
	buf_free(&names);
}

static void write_counts(struct buf *out, const struct answer *answer)
{
	size_t i;

	buf_printf(out, "%-18s %llu\n", "documents", (unsigned long long)answer->total);
	buf_printf(out, "%-18s %llu\n", "deleted", (unsigned long long)answer->deleted);
	buf_str(out, "by flag\n");
	buf_printf(out, "  %-16s %llu\n", "idle", (unsigned long long)answer->idle);
	for (i = 0; i < NR(flags); i++)
		buf_printf(out, "  %-16s %llu\n", flags[i].name,
			   (unsigned long long)answer->flags[i]);
	buf_str(out, "by pattern\n");
	for (i = 0; i < NR(patterns); i++)
		buf_printf(out, "  %-16s %llu\n", patterns[i],
			   (unsigned long long)answer->patterns[i]);
}

static void write_counts_json(struct buf *out, const struct answer *answer)
{
	struct json_object *object = json_need(json_object_new_object());
	struct json_object *by_flag = json_need(json_object_new_object());
	struct json_object *by_pattern = json_need(json_object_new_object());
	size_t i;

	add_number(by_flag, "idle", answer->idle);
	for (i = 0; i < NR(flags); i++)
		add_number(by_flag, flags[i].name, answer->flags[i]);
	for (i = 0; i < NR(patterns); i++)
		add_number(by_pattern, patterns[i], answer->patterns[i]);
	add_number(object, "documents", answer->total);
	add_number(object, "deleted", answer->deleted);
	json_add(object, "flags", by_flag);
	json_add(object, "patterns", by_pattern);
	json_write_object(out, object, false);
	buf_byte(out, '\n');
}

static int run(const struct query *query)
{
	struct answer answer = { 0 };
	struct buf out = { 0 };
	int code = look(query, &answer);
	uint64_t at = (uint64_t)time(NULL);
	size_t i;

	if (!code && query->counts) {
		if (query->json)
			write_counts_json(&out, &answer);
		else
			write_counts(&out, &answer);
	} else if (!code && !query->json) {
		write_head(&out);
	}
	for (i = 0; !code && i < answer.count; i++) {
		/* An entry has moved since, and its id with it. */
		answer.entries[i].state.id.data = answer.entries[i].id;
		if (query->json)
			write_json(&out, &answer.entries[i].state);
		else
			write_row(&out, &answer.entries[i].state, at);
		code = out_write(&out);
		out.len = 0;
	}
	if (!code)
		code = out_write(&out);
	buf_free(&out);
	free(answer.entries);
	return code;
}

/* --- the command lines -------------------------------------------------------------- */

/* The place of a name in a list; its length, and it was said, if it is none of them. */
static unsigned int one_of(char **argv, const char *what, const char *name,
			   const char * const *names, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return i;
	usage(argv, "'%s' is no %s", name, what);
	return count;
}

static bool parse_flag(char **argv, struct query *query, const char *name)
{
	size_t i;

	if (!strcmp(name, "idle")) {
		query->idle = true;
		return true;
	}
	for (i = 0; i < NR(flags); i++) {
		if (strcmp(name, flags[i].name))
			continue;
		query->set |= flags[i].flag;
		return true;
	}
	usage(argv, "'%s' is no flag", name);
	return false;
}

static bool parse_top(char **argv, struct query *query, const char *arg)
{
	if (parse_u64(arg, &query->top))
		return true;
	usage(argv, "'%s' is no number", arg);
	return false;
}

int cmd_hot(int argc, char **argv)
{
	static const struct option options[] = {
		{ "top", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 }
	};
	struct query query = { .pattern = NR(patterns), .heat = 1, .top = 10, .by = BY_HEAT };
	int c;

	while ((c = getopt_long(argc, argv, "n:j", options, NULL)) != -1) {
		if (c == 'j')
			query.json = true;
		else if (c != 'n')
			return bad_option(argv);
		else if (!parse_top(argv, &query, optarg))
			return USAGE;
	}
	return operand_store(argc, argv) ? run(&query) : USAGE;
}

int cmd_state(int argc, char **argv)
{
	static const struct option options[] = {
		{ "flag", required_argument, NULL, 'f' },
		{ "pattern", required_argument, NULL, 'p' },
		{ "top", required_argument, NULL, 'n' },
		{ "by", required_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 }
	};
	struct query query = {
		.pattern = NR(patterns),
		.top = UINT64_MAX,
		.by = BY_HEAT,
		.counts = true,
	};
	unsigned int n;
	int c;

	while ((c = getopt_long(argc, argv, "f:p:n:b:j", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (!parse_flag(argv, &query, optarg))
				return USAGE;
			break;
		case 'p':
			query.pattern = one_of(argv, "pattern", optarg, patterns, NR(patterns));
			if (query.pattern == NR(patterns))
				return USAGE;
			break;
		case 'n':
			if (!parse_top(argv, &query, optarg))
				return USAGE;
			break;
		case 'b':
			n = one_of(argv, "order", optarg, orders, NR(orders));
			if (n == NR(orders))
				return USAGE;
			query.by = n;
			break;
		case 'j':
			query.json = true;
			continue;
		default:
			return bad_option(argv);
		}
		query.counts = false;
	}
	return operand_store(argc, argv) ? run(&query) : USAGE;
}

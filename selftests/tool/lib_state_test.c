// SPDX-License-Identifier: GPL-2.0
/*
 * libdocstore: the state of documents, and what readers of the mapping tell the kernel.
 *
 * lib_state_test has the engine in user space behind it (engine_kernel.c), and
 * lib_state_test_guest the module.
 */
#include <math.h>
#include <pthread.h>
#include <time.h>

#include <linux/docstore_map.h>

#include "lib_both.h"

#define NAME		"lib-state-test"
#define DOCS		3000
#define HOT		1024		/* uses, where nothing else is set */
#define RATE		1024		/* of so many reads one is told */
#define READS		(1 << 20)

#ifdef ENGINE_KERNEL
/* In engine_kernel.c: reads told, the last weight, and whether the kernel knows of that. */
extern unsigned long engine_hints;
extern unsigned int engine_hint_weight;
extern bool engine_without_hints;
#endif

static char buffer[8192];

static struct ds_states *states_of(struct ds_store *s, unsigned int hot_changes)
{
	struct ds_states_opts opts = { .size = sizeof(opts), .hot_changes = hot_changes };
	struct ds_states *states;
	int err = ds_states_new(s, hot_changes ? &opts : NULL, &states);

	if (err) {
		printf("Bail out! no states: %s\n", strerror(-err));
		exit(1);
	}
	return states;
}

/* The state of one document, with what is set for the store. */
static bool find_with(const char *id, unsigned int hot_changes, struct ds_doc_state *found)
{
	struct ds_states *states = states_of(mapped, hot_changes);
	struct ds_doc_state state = { .size = sizeof(state) };
	bool seen = false;

	while (ds_states_next(states, &state) == 1) {
		if (state.id.len != strlen(id) || memcmp(state.id.data, id, state.id.len))
			continue;
		*found = state;
		seen = true;
	}
	ds_states_free(states);
	return seen;
}

static struct ds_doc_state state_of(const char *id)
{
	struct ds_doc_state state = { .size = 0 };

	find_with(id, 0, &state);
	return state;
}

static bool is_hot(const char *id)
{
	return state_of(id).flags & DOCSTORE_STATE_HOT_DOCUMENT;
}

/* Owners look at hints, and at what a snapshot has held, a little later. */
static bool becomes(const char *id, unsigned int mask, unsigned int flags)
{
	const struct timespec nap = { .tv_nsec = 10000000 };
	unsigned int n;

	for (n = 0; n < 1000 && (state_of(id).flags & mask) != flags; n++)
		nanosleep(&nap, NULL);
	return (state_of(id).flags & mask) == flags;
}

static bool becomes_hot(const char *id)
{
	return becomes(id, DOCSTORE_STATE_HOT_DOCUMENT, DOCSTORE_STATE_HOT_DOCUMENT);
}

/* --- states ------------------------------------------------------------------------- */

static void test_nothing(void)
{
	struct ds_doc_state state = { .size = sizeof(state) };
	struct ds_states *states = states_of(mapped, 0);

	ok(!ds_states_next(states, &state) && !ds_states_next(states, &state),
	   "an empty store has no states");
	state.size = 0;
	ok(ds_states_next(states, &state) == -EINVAL, "a state of no size");
	ok(ds_states_hot(states) == HOT, "the setting is what it is if nobody says anything");
	ds_states_free(states);
	ds_states_free(NULL);
}

static void test_refused(void)
{
	struct ds_store *snapshot = snapshot_of(mapped, 0), *writer;
	struct ds_states *states;

	ok(ds_states_new(asked, NULL, &states) == -EOPNOTSUPP && !states,
	   "a store that is not mapped");
	ok(ds_states_new(snapshot, NULL, &states) == -EBADF && !states, "a snapshot");
	ds_close(snapshot);
	if (!ds_open(NAME, DOCSTORE_OPEN_WRITE, NULL, &writer)) {
		ok(ds_states_new(writer, NULL, &states) == -EBADF && !states,
		   "a store that is not open for reading");
		ds_close(writer);
	}
}

static bool right(const struct ds_doc_state *state)
{
	struct ds_store *s = mapped;
	size_t len = sizeof(buffer);
	uint64_t at = (uint64_t)time(NULL);
	struct ds_doc doc;

	if (ds_get(s, state->id, buffer, &len, &doc))
		return false;
	return state->version == doc.version && state->bytes == doc.bytes && !state->deleted &&
	       !state->flags && state->pattern == DOCSTORE_PATTERN_WRITE && state->deltas == 1 &&
	       state->accessed % 4 == 0 && state->accessed <= at && state->accessed + 300 > at;
}

/* Each document once, and all that is said of it is true. */
static void test_all(void)
{
	struct ds_doc_state state = { .size = sizeof(state) };
	unsigned char times[DOCS] = { 0 };
	struct ds_states *states;
	unsigned int i, wrong = 0;
	char id[16];

	for (i = 0; i < DOCS; i++) {
		snprintf(id, sizeof(id), "s%u", i);
		put_n(id, i);
	}
	states = states_of(mapped, 0);
	while (ds_states_next(states, &state) == 1) {
		wrong += !right(&state);
		memcpy(id, state.id.data, state.id.len);
		id[state.id.len] = '\0';
		times[atoi(id + 1) % DOCS]++;
	}
	ok(!wrong, "what is said of documents is true (%u)", wrong);
	for (i = 0, wrong = 0; i < DOCS; i++)
		wrong += times[i] != 1;
	ok(!wrong, "each document comes once (%u do not)", wrong);
	ok(!ds_states_skipped(states), "nothing is left out");
	ds_states_free(states);
}

/* A caller who knows less of the struct gets no more than that. */
static void test_short(void)
{
	struct ds_doc_state state;
	struct ds_states *states = states_of(mapped, 0);

	memset(&state, 0x55, sizeof(state));
	state.size = offsetof(struct ds_doc_state, version);
	ok(ds_states_next(states, &state) == 1 && state.id.len && state.id.len < 16 &&
	   state.version == 0x5555555555555555ULL && state.deltas == 0x55555555, "a short struct");
	ds_states_free(states);
}

static void test_flags(void)
{
	const unsigned int ready = DOCSTORE_STATE_SNAPSHOT_READY;
	struct ds_store *snapshot = snapshot_of(mapped, 0);
	struct ds_doc_state state;

	put_n("s1", 7);
	ok(state_of("s1").flags == ready && state_of("s1").version == 2, "kept for a snapshot");
	ds_delete(asked, ds_str("s2"), NULL);
	ok(find_with("s2", 0, &state) && state.deleted &&
	   state.flags == (ready | DOCSTORE_STATE_NEEDS_COMPACTION), "deleted, and kept");
	ds_close(snapshot);
	put_n("s1", 8);
	ok(becomes("s1", ~0U, 0), "kept no more");
}

/* Heat, the flag, and the rate that is made of them. */
static void test_hot(void)
{
	struct ds_doc_state state;
	time_t begin = time(NULL);
	unsigned int i;
	double rate;

	/* It may cool at any time: what is looked at is what ended it. */
	for (i = 0; i < 100000; i++) {
		if (i % 100 == 0)
			state = state_of("s5");
		if (state.flags & DOCSTORE_STATE_HOT_DOCUMENT)
			break;
		put_n("s5", i);
	}
	ok(state.flags & DOCSTORE_STATE_HOT_DOCUMENT && state.heat >= 16 &&
	   state.pattern == DOCSTORE_PATTERN_WRITE, "changed until it is hot: %u times", i);
	ok(state.deltas == i + 1, "all deltas are counted (%u)", state.deltas);
	/* Within one or two units of time, or the machine is too slow for it. */
	rate = i / (difftime(time(NULL), begin) + 1);
	ok(state.rate > 0 && (state.rate < 10 * rate || rate < HOT / 8) &&
	   state.rate <= HOT / 32 * DOCSTORE_STATE_HEAT_MASK, "about %.0f uses a second: %.0f",
	   rate, state.rate);
	state = state_of("s6");
	ok(!state.flags && state.heat < 8, "another one is not");

	state.rate = 0;
	find_with("s5", HOT * 1024, &state);
	ok(state.rate > 64 * HOT,
	   "with another setting the same heat is another rate (%.0f)", state.rate);
}

/* Time passes, and nobody touches it. */
static void test_cools(void)
{
	unsigned int before = state_of("s5").heat, after, deltas = state_of("s5").deltas;
	unsigned int n;

	for (n = 0; n < 3; n++)
		sleep(4);
	after = state_of("s5").heat;
	ok(after <= before / 4, "it cools: %u, then %u", before, after);
	ok(!is_hot("s5") && state_of("s5").deltas == deltas, "and is not hot any more");
}

/* --- others change the store meanwhile ------------------------------------------------- */

static _Atomic bool stop;

static void *writer(void *unused)
{
	unsigned int i = 0;
	char id[16];

	(void)unused;
	while (!stop) {
		snprintf(id, sizeof(id), "x%u", i++ % 20000);
		put_n(id, i);
		if (i % 3 == 0) {
			snprintf(id, sizeof(id), "x%u", i / 2 % 20000);
			ds_delete(asked, ds_str(id), NULL);
		}
		snprintf(id, sizeof(id), "s%u", 10 + i % (DOCS - 10));
		put_n(id, i);
	}
	return NULL;
}

static void test_changing(void)
{
	unsigned int round, rounds = 0, rounds_short = 0, wrong = 0, i;
	time_t end = time(NULL) + seconds(5);
	pthread_t thread;

	pthread_create(&thread, NULL, writer, NULL);
	for (round = 0; time(NULL) < end; round++, rounds++) {
		struct ds_doc_state state = { .size = sizeof(state) };
		struct ds_states *states = states_of(mapped, 0);
		unsigned char times[DOCS] = { 0 };
		uint64_t left_out;
		char id[16];

		while (ds_states_next(states, &state) == 1) {
			if (state.id.len >= sizeof(id)) {
				wrong++;
				continue;
			}
			memcpy(id, state.id.data, state.id.len);
			id[state.id.len] = '\0';
			if (id[0] == 's')
				times[atoi(id + 1) % DOCS]++;
			else
				wrong += id[0] != 'x' || atoi(id + 1) >= 20000;
			wrong += !state.version || state.bytes > 200;
		}
		/* What is missing was left out, and that was told. */
		left_out = ds_states_skipped(states);
		for (i = 3; i < DOCS; i++)
			wrong += times[i] != 1 && !(left_out && !times[i]);
		rounds_short += left_out != 0;
		ds_states_free(states);
	}
	stop = true;
	pthread_join(thread, NULL);
	/* A thread that gets no processor for long may find no moment in which to look. */
	ok(!wrong && rounds_short * 8 <= rounds,
	   "%u times all of them while others change and grow it: %u wrong, %u with some left out",
	   rounds, wrong, rounds_short);
}

/* --- hints ---------------------------------------------------------------------------- */

static void read_often(struct ds_store *s, const char *id, unsigned int n)
{
	struct ds_doc doc;
	unsigned int i;
	size_t len;

	for (i = 0; i < n; i++) {
		len = sizeof(buffer);
		if (ds_get(s, ds_str(id), buffer, &len, &doc)) {
			printf("Bail out! cannot read %s\n", id);
			exit(1);
		}
	}
}

static struct ds_store *open_to_read(unsigned int flags)
{
	struct ds_open_opts opts = { .size = sizeof(opts), .flags = flags };
	struct ds_store *s;

	if (ds_open(NAME, DOCSTORE_OPEN_READ, &opts, &s)) {
		printf("Bail out! cannot open the store\n");
		exit(1);
	}
	return s;
}

static void test_told(void)
{
	struct ds_store *s = open_to_read(0);

	read_often(s, "s8", READS);
	ds_close(s);
	ok(becomes_hot("s8"), "a document that is only read, by the mapping, becomes hot");
	ok(state_of("s8").pattern == DOCSTORE_PATTERN_READ, "and known as read");
	ok(state_of("s8").version && !is_hot("s9"), "another one does not");
}

static void test_silent(void)
{
	struct ds_store *s = open_to_read(DS_OPEN_NO_HINTS);

	read_often(s, "s9", READS);
	ds_close(s);
	setenv("DOCSTORE_HINTS", "0", 1);
	s = open_to_read(0);
	unsetenv("DOCSTORE_HINTS");
	read_often(s, "s9", READS);
	ds_close(s);
	usleep(200000);
	ok(!is_hot("s9") && state_of("s9").pattern == DOCSTORE_PATTERN_WRITE,
	   "nobody is told of what is read with hints switched off");
}

#ifdef ENGINE_KERNEL
/* How many of so many reads were told, about. */
static bool told(const char *what, unsigned long before, unsigned int reads)
{
	double n = (double)(engine_hints - before), expected = (double)reads / RATE;

	/* Distances are as likely from 0 to twice the average. */
	return ok(fabs(n - expected) <= 5 * sqrt(expected) + 1 && engine_hint_weight == RATE,
		  "%s: of %u reads %.0f were told", what, reads, n);
}

static void *read_beside(void *s)
{
	struct ds_doc doc;
	char own[8192];
	unsigned int i;
	size_t len;

	for (i = 0; i < READS / 8; i++) {
		len = sizeof(own);
		if (ds_get(s, ds_str("s8"), own, &len, &doc))
			abort();
	}
	return NULL;
}

static void test_counts(void)
{
	struct docstore_read_item items[64];
	struct ds_store *s = open_to_read(0);
	unsigned long before = engine_hints;
	struct ds_value value;
	pthread_t threads[8];
	unsigned int i, k;
	size_t len;

	read_often(s, "s8", READS);
	ds_close(s);
	told("get", before, READS);

	s = open_to_read(0);
	before = engine_hints;
	for (i = 0; i < READS / 2; i++) {
		len = 0;
		ds_get_property(s, ds_str("s8"), ds_str("n"), NULL, &len, &value, NULL);
		ds_exists(s, ds_str("s8"));
	}
	ds_close(s);
	told("properties", before, READS);

	s = open_to_read(0);
	before = engine_hints;
	for (i = 0; i < 64; i++)
		items[i] = (struct docstore_read_item){
			.id = (uintptr_t)"s8",
			.id_len = 2,
		};
	for (i = 0; i < READS / 128; i++) {
		for (k = 0; k < 2; k++) {
			len = sizeof(buffer);
			if ((k ? ds_read_together : ds_read_many)(s, items, 64, buffer, &len) != 64)
				abort();
		}
	}
	ds_close(s);
	told("many at a time, and together", before, READS);

	s = open_to_read(0);
	before = engine_hints;
	for (i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, read_beside, s);
	for (i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	ds_close(s);
	/* Where two meet, one is forgotten. */
	k = (unsigned int)(engine_hints - before);
	ok(k > READS / RATE / 2 && k < READS / RATE * 5 / 4, "eight threads: of %u reads %u were told",
	   READS, k);
}

/* Who reads little, and ends, tells no more than that. */
static void test_few(void)
{
	unsigned long before = engine_hints;
	unsigned int i;

	for (i = 0; i < 4096; i++) {
		struct ds_store *s = open_to_read(0);

		read_often(s, "s8", 16);
		ds_close(s);
	}
	told("a few at a time", before, 4096 * 16);
}

static void test_unknown(void)
{
	struct ds_store *s = open_to_read(0);
	unsigned long before;

	engine_without_hints = true;
	before = engine_hints;
	read_often(s, "s8", READS);
	ok(engine_hints == before + 1, "a kernel that does not know of hints is asked once (%lu)",
	   engine_hints - before);
	engine_without_hints = false;
	read_often(s, "s8", READS);
	ds_close(s);
	ok(engine_hints == before + 1, "and not again");
}
#endif

int main(void)
{
	both_begin(NAME);
	test_nothing();
	test_all();
	test_refused();
	test_short();
	test_flags();
	test_hot();
	test_cools();
	test_changing();
	test_told();
	test_silent();
#ifdef ENGINE_KERNEL
	test_counts();
	test_few();
	test_unknown();
#endif
	return both_end(NAME);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * One owner and many readers, none of whom waits for another.
 *
 * Documents tell by themselves whether they are whole: one number, bytes that
 * follow from it, and a sum of all that. Some exist throughout, in pairs that
 * change together; others come and go, so many that the index has to grow while
 * it is read. SECONDS says how long each test takes.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "mapped.h"
#include "store.h"
#include "test.h"

#define PAIRS		40
#define STABLE		(2 * PAIRS)
#define GUESTS		6000
#define READERS		3
#define LATEST		8

#define PROP_NUMBER	1
#define PROP_BYTES	2
#define PROP_SUM	3

/**
 * struct world - what the threads share
 * @s: the store
 * @number: what documents are written with, grows with each batch
 * @latest: documents that were written last, for readers who like it hot
 * @stop: it is over
 * @reads: documents read
 * @scans: scans that came to their end
 * @retries: mapped reads thrown away
 */
struct world {
	struct store *s;
	u64 number;
	u32 latest[LATEST];
	bool stop;
	u64 reads;
	u64 scans;
	u64 retries;
};

struct reader {
	struct world *w;
	struct rng rng;
	pthread_t thread;
	u64 versions[STABLE + GUESTS];
	u32 seen[STABLE];
	struct ds_scan scan;
};

static u32 id_make(char *id, u32 number)
{
	return snprintf(id, 16, "%s%u", number < STABLE ? "stable" : "guest", number);
}

/* How many bytes a document has that was written with this number. */
static u32 bytes_len(u64 number)
{
	u32 x = number * 2654435761U >> 8;

	return x % 7 ? x % 97 : x % 3001;
}

static u64 sum_of(const void *id, u32 id_len, u64 number, const u8 *bytes, u32 len)
{
	u64 sum = number;
	u32 i;

	for (i = 0; i < id_len; i++)
		sum = sum * 31 + ((const u8 *)id)[i];
	for (i = 0; i < len; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

static u64 value_number(const struct docstore_version *v, u32 name)
{
	struct ds_value value;
	u64 number;

	CHECK(ds_version_property(v, name, &value));
	CHECK_EQ(value.type, DOCSTORE_TYPE_U64);
	CHECK_EQ(value.len, 8);
	memcpy(&number, value.data, 8);
	return number;
}

/* Is a document whole, and the one that was asked for? Return its number. */
static u64 whole(const struct docstore_version *v, const char *id, u32 id_len)
{
	struct ds_value bytes;
	u64 number;

	CHECK(ds_version_is(v, (const u8 *)id, id_len));
	CHECK_EQ(v->nprops, 3);
	CHECK(ds_version_property(v, PROP_BYTES, &bytes));
	number = value_number(v, PROP_NUMBER);
	CHECK_EQ(bytes.len, bytes_len(number));
	CHECK_EQ(value_number(v, PROP_SUM), sum_of(id, id_len, number, bytes.data, bytes.len));
	return number;
}

static void write_document(struct world *w, struct batch *b, u32 which, u64 number)
{
	u8 bytes[3001];
	u32 len = bytes_len(number), id_len, i;
	char id[16];

	WRITE_ONCE(w->latest[number % LATEST], which);
	id_len = id_make(id, which);
	for (i = 0; i < len; i++)
		bytes[i] = number + i * 7;
	op_set_number(b, id, PROP_NUMBER, DOCSTORE_TYPE_U64, number);
	op_set_data(b, id, PROP_BYTES, DOCSTORE_TYPE_BYTES, bytes, len);
	op_set_number(b, id, PROP_SUM, DOCSTORE_TYPE_U64, sum_of(id, id_len, number, bytes, len));
}

/* Versions never go backwards, whatever is deleted in between. */
static void reader_version(struct reader *r, u32 which, u64 version)
{
	if (version < r->versions[which])
		FAIL("document %u had version %llu, and now %llu", which,
		     (unsigned long long)r->versions[which], (unsigned long long)version);
	r->versions[which] = version;
}

static void read_one(struct reader *r, u32 which)
{
	const struct docstore_version *v;
	u64 number;
	char id[16];
	u32 len = id_make(id, which);

	rcu_read_lock();
	v = store_read(r->w->s, id, len);
	if (!v) {
		if (which < STABLE)
			FAIL("%s is there, and was not found", id);
		rcu_read_unlock();
		return;
	}
	number = whole(v, id, len);
	reader_version(r, which, v->version);
	if (!rng_below(&r->rng, 16)) {
		/* It stays as it is, to the end of the section. */
		u32 naps = rng_below(&r->rng, 20);

		while (naps--)
			sched_yield();
		CHECK_EQ(whole(v, id, len), number);
	}
	rcu_read_unlock();
}

static const struct docstore_version *find_at(struct store *s, const char *id, u32 len, u64 seq)
{
	const struct docstore_version *v;

	v = ds_index_lookup(&s->p.index, store_hash(s, id, len), (const u8 *)id, len);
	return v ? ds_partition_visible(&s->p, v, seq) : NULL;
}

/* Two documents that one batch writes, seen at one moment. */
static void read_pair(struct reader *r, u32 pair)
{
	const struct docstore_version *a, *b;
	struct store *s = r->w->s;
	char id_a[16], id_b[16];
	u32 len_a = id_make(id_a, 2 * pair), len_b = id_make(id_b, 2 * pair + 1);
	u64 seq;

	rcu_read_lock();
	/* Pairs with ds_partition_publish(). */
	seq = smp_load_acquire(&s->map->visible_seq);
	a = find_at(s, id_a, len_a, seq);
	if (!rng_below(&r->rng, 4))
		sched_yield();
	b = find_at(s, id_b, len_b, seq);
	CHECK(a && b);
	CHECK_EQ(whole(a, id_a, len_a), whole(b, id_b, len_b));
	CHECK(a->seq <= seq && b->seq <= seq);
	rcu_read_unlock();
}

/* All documents: what is there throughout once, and nothing out of order. */
static void scan_all(struct reader *r)
{
	struct store *s = r->w->s;
	struct ds_scan *scan = &r->scan;
	u64 last = 0;
	u32 i;

	memset(r->seen, 0, sizeof(r->seen));
	scan->from = 0;
	while (!READ_ONCE(r->w->stop)) {
		u64 seq;

		rcu_read_lock();
		/* Pairs with ds_partition_publish(). */
		seq = smp_load_acquire(&s->map->visible_seq);
		ds_index_scan(&s->p.index, s->key, scan);
		for (i = 0; i < scan->count; i++) {
			const struct docstore_version *v = scan->found[i].version;
			unsigned int which;
			char id[16];

			CHECK(scan->found[i].position >= last);
			last = scan->found[i].position;
			v = ds_partition_visible(&s->p, v, seq);
			if (!v)
				continue;
			memset(id, 0, sizeof(id));
			memcpy(id, ds_version_id(v), v->id_len);
			whole(v, id, v->id_len);
			if (sscanf(id, "stable%u", &which) == 1)
				r->seen[which]++;
		}
		rcu_read_unlock();
		if (scan->last == U64_MAX) {
			for (i = 0; i < STABLE; i++)
				CHECK_EQ(r->seen[i], 1);
			__atomic_fetch_add(&r->w->scans, 1, __ATOMIC_RELAXED);
			return;
		}
		scan->from = scan->last + 1;
	}
}

static void *reader_thread(void *data)
{
	struct reader *r = data;
	u32 reads = 0;

	shim_rcu_register();
	while (!READ_ONCE(r->w->stop)) {
		u32 what = rng_below(&r->rng, 100);

		if (what < 30)
			read_one(r, READ_ONCE(r->w->latest[rng_below(&r->rng, LATEST)]));
		else if (what < 60)
			read_one(r, rng_below(&r->rng, STABLE));
		else if (what < 80)
			read_pair(r, rng_below(&r->rng, PAIRS));
		else
			read_one(r, STABLE + rng_below(&r->rng, GUESTS));
		reads++;
		if (!rng_below(&r->rng, 2000))
			scan_all(r);
	}
	__atomic_fetch_add(&r->w->reads, reads, __ATOMIC_RELAXED);
	shim_rcu_unregister();
	return NULL;
}

/* Brings memory, and reads what monitors read. */
static void *donor_thread(void *data)
{
	const struct timespec nap = { .tv_nsec = 200 * 1000 };
	struct world *w = data;
	struct ds_partition *p = &w->s->p;

	while (!READ_ONCE(w->stop)) {
		store_top_up(w->s, DOCSTORE_MAP_CHUNK_SIZE);
		CHECK(READ_ONCE(p->stats.documents) <= STABLE + GUESTS);
		CHECK(READ_ONCE(p->arena.retired_bytes) <=
		      (u64)w->s->max_chunks * DOCSTORE_MAP_CHUNK_SIZE);
		CHECK(READ_ONCE(p->index.bytes) < DOCSTORE_MAP_CHUNK_SIZE);
		CHECK(READ_ONCE(p->stats.document_bytes) <=
		      (u64)w->s->max_chunks * DOCSTORE_MAP_CHUNK_SIZE);
		nanosleep(&nap, NULL);
	}
	return NULL;
}

/* What happens in one commit; as often as it takes for want of memory. */
static void owner_commit(struct world *w, struct batch **batches, u32 n)
{
	struct store *s = w->s;
	bool again;
	u32 i;

	do {
		again = false;
		store_begin(s);
		for (i = 0; i < n; i++) {
			if (batches[i]->batch.nomem || !batches[i]->changes[0].deltas[0].version)
				store_apply(s, batches[i]);
			again |= batches[i]->batch.nomem;
		}
		store_publish(s);
		for (i = 0; i < n; i++)
			store_settle(s, batches[i]);
		store_maintain(s, 8, again);
		store_give_back(s);
		if (again)
			sched_yield();
	} while (again);
	for (i = 0; i < n; i++)
		batch_destroy(batches[i]);
}

static struct batch *owner_pair(struct world *w, u32 pair)
{
	struct batch *b = batch_create(w->s, true);

	w->number++;
	write_document(w, b, 2 * pair, w->number);
	write_document(w, b, 2 * pair + 1, w->number);
	return b;
}

static struct batch *owner_guests(struct world *w, struct rng *rng, bool *there, u32 n,
				  u32 percent)
{
	struct batch *b = batch_create(w->s, false);
	char id[16];

	while (n--) {
		u32 guest = rng_below(rng, GUESTS);

		if (there[guest] && rng_below(rng, 100) >= percent) {
			id_make(id, STABLE + guest);
			op_delete(b, id);
			there[guest] = false;
		} else {
			write_document(w, b, STABLE + guest, ++w->number);
			there[guest] = true;
		}
	}
	return b;
}

/*
 * A new store each time: it begins small, and grows while it is read; then most
 * of it goes, and comes back.
 */
static void owner_round(struct world *w, struct rng *rng, double until)
{
	bool there[GUESTS] = {};
	u32 percent = 100, commits = 0;
	struct timespec now;

	do {
		struct batch *batches[3];
		u32 n = 0;

		if (rng_below(rng, 2))
			batches[n++] = owner_pair(w, rng_below(rng, PAIRS));
		if (rng_below(rng, 4))
			batches[n++] = owner_guests(w, rng, there, 1 + rng_below(rng, 8), percent);
		if (!rng_below(rng, 8))
			batches[n++] = owner_pair(w, rng_below(rng, PAIRS));
		if (n)
			owner_commit(w, batches, n);
		if (++commits % 2000 == 0)
			percent = commits / 2000 % 2 ? 20 : 90;
		/* Readers are to be woken up in many places. */
		if (!rng_below(rng, 10))
			sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec + now.tv_nsec / 1e9 < until);
}

/* One reader is of another kind, if @extra says so; rounds are @lengths long. */
static void run_world(void *(*extra)(void *), const double *lengths, u32 nlengths)
{
	u64 seconds = test_param("SECONDS", 4);
	struct rng rng = { test_seed() };
	struct timespec begin, now;
	u32 rounds = 0, buckets = 0, i;
	u64 reads = 0, scans = 0, commits = 0, retries = 0;

	shim_jitter_rate = test_param("JITTER", 200);
	shim_rcu_threads_begin();
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		struct world w = { .s = extra ? store_create_mapped(64) : store_create(64) };
		struct reader *readers = calloc(READERS, sizeof(*readers));
		pthread_t donor;

		for (i = 0; i < PAIRS; i++) {
			struct batch *b = owner_pair(&w, i);

			store_top_up(w.s, b->bytes);
			owner_commit(&w, &b, 1);
		}
		CHECK(readers && !pthread_create(&donor, NULL, donor_thread, &w));
		for (i = 0; i < READERS; i++) {
			readers[i].w = &w;
			readers[i].rng.state = rng_next(&rng);
			CHECK(!pthread_create(&readers[i].thread, NULL,
					      extra && !i ? extra : reader_thread, &readers[i]));
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		owner_round(&w, &rng, now.tv_sec + now.tv_nsec / 1e9 +
			    lengths[rounds % nlengths]);
		WRITE_ONCE(w.stop, true);
		pthread_join(donor, NULL);
		for (i = 0; i < READERS; i++)
			pthread_join(readers[i].thread, NULL);

		store_validate(w.s);
		store_quiesce(w.s);
		store_validate(w.s);
		buckets = w.s->map->buckets > buckets ? w.s->map->buckets : buckets;
		commits += w.s->p.stats.commits;
		reads += w.reads;
		scans += w.scans;
		retries += w.retries;
		free(readers);
		store_destroy(w.s);
		rounds++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - begin.tv_sec < seconds);
	shim_rcu_threads_end();
	test_note("%u rounds, %llu commits, %u buckets, %llu reads, %llu scans, %llu retries",
		  rounds, (unsigned long long)commits, buckets, (unsigned long long)reads,
		  (unsigned long long)scans, (unsigned long long)retries);
	CHECK(reads > 1000);
}

/* Short rounds are about growing, long ones about what comes then. */
static const double any_length[] = { 0.1, 0.2, 0.1, 1.0 };

static void readers(void)
{
	run_world(NULL, any_length, ARRAY_SIZE(any_length));
}

/* A store is young but once, and then the most happens in the least time. */
static void growth(void)
{
	static const double short_length[] = { 0.02 };

	run_world(NULL, short_length, 1);
}

/*
 * A reader of the mapping: no read section, nothing of the engine, but the library's
 * own code.
 */
static void mapped_read(struct reader *r, struct ds_map *map, u64 *copy, u32 which)
{
	const struct docstore_version *v = (void *)copy;
	char id[16];
	u32 len = id_make(id, which), tries = 0;
	int ret;

	while ((ret = mapped_get(map, which % MAPPED_WAYS, id, len, copy,
				 DOCSTORE_MAX_DOCUMENT)) == -EAGAIN) {
		CHECK(tries++ < 100000);
		sched_yield();
	}
	if (ret) {
		CHECK_EQ(ret, -ENOENT);
		if (which < STABLE)
			FAIL("%s is there, and was not found in the mapping", id);
		return;
	}
	whole(v, id, len);
	CHECK_EQ(v->prev, 0);
	reader_version(r, which, v->version);
	/* Pairs with ds_partition_publish(). */
	CHECK(v->seq <= smp_load_acquire(&r->w->s->map->visible_seq));
}

static void *mapped_thread(void *data)
{
	struct reader *r = data;
	u64 *copy = malloc(DOCSTORE_MAX_DOCUMENT);
	struct ds_map map;
	u64 reads = 0;

	CHECK(copy);
	mapped_open(&map, r->w->s);
	while (!READ_ONCE(r->w->stop)) {
		mapped_read(r, &map, copy, rng_below(&r->rng, 4) ? rng_below(&r->rng, STABLE) :
							STABLE + rng_below(&r->rng, GUESTS));
		reads++;
	}
	__atomic_fetch_add(&r->w->reads, reads, __ATOMIC_RELAXED);
	__atomic_fetch_add(&r->w->retries, map.retries, __ATOMIC_RELAXED);
	free(copy);
	return NULL;
}

static void mapped_readers(void)
{
	run_world(mapped_thread, any_length, ARRAY_SIZE(any_length));
}

const struct test thread_tests[] = {
	TEST(readers),
	TEST(growth),
	TEST(mapped_readers),
	{}
};

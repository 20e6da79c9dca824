// SPDX-License-Identifier: GPL-2.0
/*
 * Streams while much is written: every change once and in order, whatever the reader does
 * meanwhile, and however many of them there are.
 */
#include "monitor.h"
#include "stream.h"

#include <poll.h>
#include <sys/resource.h>

#include "docstore_harness.h"

#define PARTS		4
#define MANY		(512 << 20)
#define ROOM		(1 << 20)
#define WRITERS		3
#define IDS		64		/* of each writer */
#define SECONDS_OF_LOAD	3

/**
 * struct log - what a writer knows that it has done
 * @done: for each of its documents, the number that was written last
 * @tried: the number that it was about to write
 */
struct log {
	volatile __u64 done[IDS];
	volatile __u64 tried[IDS];
};

FIXTURE(load) {
	struct ds_store store;
	int fd, n;
	struct log *logs;
	volatile bool *stop;
	pid_t writers[WRITERS];
};

FIXTURE_SETUP(load)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "load", PARTS, MANY));
	self->fd = self->store.fd;
	self->n = ds_prop_id(self->fd, "n");
	ASSERT_LT(0, self->n);
	self->logs = ds_shared(WRITERS * sizeof(*self->logs));
	self->stop = ds_shared(sizeof(*self->stop));
}

FIXTURE_TEARDOWN(load)
{
	munmap(self->logs, WRITERS * sizeof(*self->logs));
	munmap((void *)self->stop, sizeof(*self->stop));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* Each document is counted up, one by one, in batches of several sizes. */
static void write_all_along(FIXTURE_DATA(load) *self, int w, __u64 seed)
{
	struct ds_random random = { seed };
	struct log *log = &self->logs[w];
	struct docstore_op ops[16];
	char ids[16][16];
	__u32 n, i, failed;

	while (!*self->stop) {
		unsigned int first = ds_below(&random, IDS);

		n = 1 + ds_below(&random, 16);
		for (i = 0; i < n; i++) {
			unsigned int d = (first + i) % IDS;

			sprintf(ids[i], "%d/%u", w, d);
			log->tried[d] = log->done[d] + 1;
			ops[i] = ds_set_s64(ids[i], self->n, log->tried[d]);
		}
		DS_CHILD_EQ(0, ds_submit(self->fd, ds_below(&random, 8) ? 0 :
					 DOCSTORE_SUBMIT_ATOMIC, ops, n, &failed));
		DS_CHILD_EQ(0, failed);
		for (i = 0; i < n; i++)
			log->done[(first + i) % IDS]++;
	}
}

static int writers_begin(FIXTURE_DATA(load) *self)
{
	__u64 seed = ds_seed();
	int w;

	*self->stop = false;
	for (w = 0; w < WRITERS; w++) {
		self->writers[w] = ds_fork();
		if (self->writers[w] < 0)
			return -errno;
		if (!self->writers[w]) {
			write_all_along(self, w, seed + w);
			_exit(0);
		}
	}
	return 0;
}

static int writers_end(FIXTURE_DATA(load) *self)
{
	int w, bad = 0;

	*self->stop = true;
	for (w = 0; w < WRITERS; w++)
		bad |= ds_wait(self->writers[w]);
	return bad;
}

/* What a reader has seen of the documents. */
struct seen {
	__u64 value[WRITERS][IDS];
	__u64 records;
	__u64 lost;
};

/* Which document it is, or NULL. */
static __u64 *seen_of(struct seen *seen, const char *id, __u8 len)
{
	char text[32];
	unsigned int d;
	int w;

	if (len >= sizeof(text))
		return NULL;
	memcpy(text, id, len);
	text[len] = 0;
	if (sscanf(text, "%d/%u", &w, &d) != 2 || w < 0 || w >= WRITERS || d >= IDS)
		return NULL;
	return &seen->value[w][d];
}

/* One more record. Changes count a document up by one, unless some were lost. */
static int see(FIXTURE_DATA(load) *self, struct seen *seen, const struct docstore_record *record)
{
	const struct docstore_version *v;
	__u64 *value, now;

	seen->records++;
	switch (record->kind) {
	case DOCSTORE_RECORD_LOST:
		seen->lost += st_lost(record)->records;
		return 0;
	case DOCSTORE_RECORD_DOCUMENT:
		v = st_document(record);
		value = seen_of(seen, (const char *)ds_doc_id(v), v->id_len);
		if (!value)
			return ds_broken("a document that nobody has written");
		now = ds_prop_s64(v, self->n);
		if (now < *value)
			return ds_broken("a document of %llu behind %llu",
					 (unsigned long long)now, (unsigned long long)*value);
		*value = now;
		return 0;
	case DOCSTORE_RECORD_CHANGE:
		value = seen_of(seen, st_id(record), record->id_len);
		if (!value || record->count != 1)
			return ds_broken("a change that nobody has made");
		now = st_s64(record, 0);
		if (seen->lost ? now <= *value : now != *value + 1)
			return ds_broken("%.*s: %llu behind %llu, version %llu", record->id_len,
					 st_id(record), (unsigned long long)now,
					 (unsigned long long)*value,
					 (unsigned long long)record->version);
		*value = now;
		return 0;
	}
	return 0;
}

/* All that was written was seen, and nothing else. */
static int seen_all(FIXTURE_DATA(load) *self, const struct seen *seen)
{
	int w, d;

	for (w = 0; w < WRITERS; w++)
		for (d = 0; d < IDS; d++)
			if (seen->value[w][d] != self->logs[w].done[d])
				return ds_broken("%d/%d: %llu was seen, and %llu written", w, d,
						 (unsigned long long)seen->value[w][d],
						 (unsigned long long)self->logs[w].done[d]);
	return 0;
}

/* Read until there is nothing more, and the writers have stopped. */
static int read_all(FIXTURE_DATA(load) *self, struct st_reader *r, struct seen *seen)
{
	const struct docstore_record *record;
	bool stopped;

	do {
		stopped = *self->stop;
		while ((record = st_next(r)))
			if (see(self, seen, record))
				return -1;
		if (r->used != -EAGAIN)
			return ds_broken("read: %zd", r->used);
		if (!stopped)
			st_poll(r->fd, 10);
	} while (!stopped);
	return 0;
}

static pid_t stop_later(FIXTURE_DATA(load) *self, unsigned int seconds)
{
	pid_t pid = ds_fork();

	if (!pid) {
		sleep(seconds);
		*self->stop = true;
		_exit(0);
	}
	return pid;
}

TEST_F_TIMEOUT(load, every_change_once, DS_TIMEOUT)
{
	struct st_reader r;
	struct seen *seen = calloc(1, sizeof(*seen));
	__u64 begun = ds_now(), took;
	pid_t timer;

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_BACKLOG_BYTES, 64 << 20));
	st_reader_init(&r, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK), ROOM);
	ASSERT_LE(0, r.fd);
	ASSERT_EQ(0, writers_begin(self));
	timer = stop_later(self, ds_scale(SECONDS_OF_LOAD));
	EXPECT_EQ(0, read_all(self, &r, seen));
	EXPECT_EQ(0, ds_wait(timer));
	EXPECT_EQ(0, writers_end(self));
	/* What the last of them did when they were told to stop. */
	EXPECT_EQ(0, read_all(self, &r, seen));
	took = ds_now() - begun;
	EXPECT_EQ(0, seen->lost);
	EXPECT_EQ(0, seen_all(self, seen));
	TH_LOG("%llu records, %llu in a second", (unsigned long long)seen->records,
	       (unsigned long long)(seen->records * DS_SECOND / took));
	close(r.fd);
	st_reader_free(&r);
	free(seen);
}

TEST_F_TIMEOUT(load, first_documents_then_changes, DS_TIMEOUT)
{
	int round, rounds = ds_scale(10);

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_BACKLOG_BYTES, 64 << 20));
	ASSERT_EQ(0, writers_begin(self));
	for (round = 0; round < rounds; round++) {
		const struct docstore_record *record;
		struct st_reader r;
		struct seen *seen = calloc(1, sizeof(*seen));
		int fd = st_open(self->fd, ST_SNAPSHOT | ST_FOLLOW | ST_VALUES | ST_NONBLOCK);
		__u64 n = 0;

		ASSERT_LE(0, fd);
		st_reader_init(&r, fd, 4096 << (round % 5));
		while (n < 20000 && (record = st_next(&r))) {
			ASSERT_EQ(0, see(self, seen, record));
			n++;
		}
		EXPECT_LT(WRITERS * IDS, (int)n + 2);
		if (round == rounds - 1) {
			EXPECT_EQ(0, writers_end(self));
			EXPECT_EQ(0, read_all(self, &r, seen));
			EXPECT_EQ(0, seen_all(self, seen));
		}
		EXPECT_EQ(0, seen->lost);
		close(fd);
		st_reader_free(&r);
		free(seen);
	}
}

/* What a consumer that is killed hands on to the next one. */
struct kept {
	struct seen seen;
	struct st_token token;
};

/**
 * struct notebook - where a consumer keeps what it has done
 * @kept: two of them: one is whole at any time
 * @which: that one
 */
struct notebook {
	struct kept kept[2];
	volatile int which;
	volatile __u64 written;
};

/* What was seen and the token are written together, as a program would by a transaction. */
static void note(struct notebook *book, const struct seen *seen, const struct st_token *token)
{
	struct kept *next = &book->kept[!book->which];

	next->seen = *seen;
	next->token = *token;
	__atomic_store_n(&book->which, !book->which, __ATOMIC_RELEASE);
	book->written++;
}

static void consume(FIXTURE_DATA(load) *self, struct notebook *book, __u64 seed)
{
	struct kept *kept = &book->kept[book->which];
	struct ds_random random = { seed };
	const struct docstore_record *record;
	struct seen seen = kept->seen;
	struct st_reader r;
	unsigned int left = 1;
	bool stopped;
	int fd;

	fd = st_resume_from(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK, &kept->token);
	DS_CHILD(fd >= 0);
	st_reader_init(&r, fd, 1 << 14);
	r.token = kept->token;
	do {
		stopped = *self->stop;
		while ((record = st_next(&r))) {
			DS_CHILD_EQ(0, see(self, &seen, record));
			if (!--left) {
				note(book, &seen, &r.token);
				left = 1 + ds_below(&random, 1000);
			}
		}
		DS_CHILD_EQ(-EAGAIN, r.used);
		st_poll(fd, 5);
	} while (!stopped);
	note(book, &seen, &r.token);
}

TEST_F_TIMEOUT(load, a_consumer_that_is_killed, DS_TIMEOUT)
{
	struct notebook *book = ds_shared(sizeof(*book));
	struct ds_random random = { ds_seed() };
	__u64 end = ds_now() + ds_scale(SECONDS_OF_LOAD) * DS_SECOND;
	unsigned int kills = 0;
	struct st_reader r;
	pid_t pid;
	int fd;

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_BACKLOG_BYTES, 64 << 20));
	fd = st_open(self->fd, ST_FOLLOW | ST_BOOKMARKS | ST_NONBLOCK);
	ASSERT_LE(0, fd);
	st_reader_init(&r, fd, ROOM);
	ASSERT_NE(NULL, st_next(&r));
	note(book, &book->kept[0].seen, &r.token);
	close(fd);
	st_reader_free(&r);

	ASSERT_EQ(0, writers_begin(self));
	while (ds_now() < end || kills < 5) {
		pid = ds_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			consume(self, book, ds_random(&random) + kills);
			_exit(0);
		}
		usleep(ds_below(&random, 100000));
		kill(pid, SIGKILL);
		EXPECT_EQ(128 + SIGKILL, ds_wait(pid));
		kills++;
	}
	EXPECT_EQ(0, writers_end(self));
	pid = ds_fork();
	if (!pid) {
		consume(self, book, 0);
		_exit(0);
	}
	EXPECT_EQ(0, ds_wait(pid));
	EXPECT_EQ(0, book->kept[book->which].seen.lost);
	EXPECT_EQ(0, seen_all(self, &book->kept[book->which].seen));
	TH_LOG("%u killed, %llu records, %llu times noted", kills,
	       (unsigned long long)book->kept[book->which].seen.records,
	       (unsigned long long)book->written);
	munmap(book, sizeof(*book));
}

/* Sleep for a moment, or for as long as it takes to lose something, however slow they write. */
static int dawdle(struct ds_random *random, int stream)
{
	struct docstore_stream_info info;
	int ret;

	do {
		usleep(3000);
		ret = st_info(stream, &info);
	} while (!ret && info.behind <= info.backlog && ds_below(random, 1000));
	return ret;
}

/* Too small a backlog for so many changes: what is lost is told, and the rest is right. */
TEST_F_TIMEOUT(load, who_is_too_slow, DS_TIMEOUT)
{
	const struct docstore_record *record;
	struct seen *seen = calloc(1, sizeof(*seen));
	struct ds_random random = { ds_seed() };
	struct st_reader r;
	__u64 end;
	int i;

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_BACKLOG_BYTES, 65536));
	st_reader_init(&r, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK), 8192);
	ASSERT_LE(0, r.fd);
	ASSERT_EQ(0, writers_begin(self));
	end = ds_now() + ds_scale(SECONDS_OF_LOAD) * DS_SECOND;
	while (ds_now() < end || !seen->lost) {
		for (i = 0; i < 200 && (record = st_next(&r)); i++)
			ASSERT_EQ(0, see(self, seen, record));
		ASSERT_EQ(0, ds_below(&random, 2) ? dawdle(&random, r.fd) : 0);
	}
	EXPECT_EQ(0, writers_end(self));
	EXPECT_EQ(0, read_all(self, &r, seen));
	/* All changes were either read or told to be lost: numbers begin with 1. */
	EXPECT_LT(0, seen->lost);
	TH_LOG("%llu records, %llu changes lost", (unsigned long long)seen->records,
	       (unsigned long long)seen->lost);
	close(r.fd);
	st_reader_free(&r);
	free(seen);
}

/* Pauses of any length, on both sides of what the backlog holds. */
TEST_F_TIMEOUT(load, paused_now_and_then, DS_TIMEOUT)
{
	const struct docstore_record *record;
	struct seen *seen = calloc(1, sizeof(*seen));
	struct ds_random random = { ds_seed() };
	struct docstore_stream_info info;
	struct st_reader r;
	__u64 end;
	int i;

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_BACKLOG_BYTES, 4 << 20));
	st_reader_init(&r, st_open(self->fd, ST_FOLLOW | ST_VALUES | ST_NONBLOCK), ROOM);
	ASSERT_LE(0, r.fd);
	ASSERT_EQ(0, writers_begin(self));
	end = ds_now() + ds_scale(SECONDS_OF_LOAD) * DS_SECOND;
	while (ds_now() < end) {
		EXPECT_EQ(0, st_pause(r.fd, ds_below(&random, 2) ? 20 : 0, 0));
		usleep(ds_below(&random, 10000));
		EXPECT_EQ(0, st_resume(r.fd));
		for (i = 0; i < 1000 && (record = st_next(&r)); i++)
			ASSERT_EQ(0, see(self, seen, record));
	}
	EXPECT_EQ(0, writers_end(self));
	EXPECT_EQ(0, read_all(self, &r, seen));
	if (!seen->lost)
		EXPECT_EQ(0, seen_all(self, seen));
	ASSERT_EQ(0, st_info(r.fd, &info));
	TH_LOG("%u pauses, %llu records, %llu changes lost", info.pauses,
	       (unsigned long long)seen->records, (unsigned long long)seen->lost);
	close(r.fd);
	st_reader_free(&r);
	free(seen);
}

/* Ten thousand streams ----------------------------------------------------------- */

/* DOCSTORE_STREAMS=N: another number, for slow kernels. */
#define STREAMS	10000

TEST_F_TIMEOUT(load, ten_thousand_streams, DS_TIMEOUT)
{
	int streams = ds_env("DOCSTORE_STREAMS", STREAMS);
	struct rlimit limit = { streams + 100, streams + 100 };
	struct docstore_stream arg = st_args(ST_FOLLOW | ST_VALUES | ST_NONBLOCK);
	int *fds = calloc(streams, sizeof(*fds)), i, n;
	struct docstore_stream_info info;
	char buffer[4096], id[32];
	struct pollfd p;
	ssize_t len;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	for (i = 0; i < streams; i++) {
		/* Half of them want one document each. */
		sprintf(id, "doc/%d.", i);
		arg.prefix = ds_ptr(id);
		arg.prefix_len = i % 2 ? strlen(id) : 0;
		fds[i] = st_open_args(self->fd, &arg);
		ASSERT_LE(0, fds[i]);
		if (i % 4 == 0)
			ASSERT_EQ(0, st_pause(fds[i], 0, 0));
	}
	/* All of them wait: none of them has anything. */
	for (i = 0; i < streams; i++)
		ASSERT_EQ(0, st_poll(fds[i], 0));
	for (n = 0; n < 100; n++) {
		sprintf(id, "doc/%d.", n * 97);
		ASSERT_EQ(0, ds_do(self->fd, ds_set_s64(id, self->n, n)));
	}
	for (i = 0; i < streams; i++) {
		bool mine = i % 97 == 0 && i < 9700;

		p = (struct pollfd) { .fd = fds[i], .events = POLLIN };
		if (i % 4 == 0) {
			ASSERT_EQ(0, poll(&p, 1, 0));
			ASSERT_EQ(0, st_resume(fds[i]));
		}
		ASSERT_EQ(i % 2 ? mine : 1, poll(&p, 1, 0));
		for (n = 0; (len = read(fds[i], buffer, sizeof(buffer))) > 0; ) {
			ssize_t at = 0;

			while (at < len) {
				at += ((struct docstore_record *)(buffer + at))->size;
				n++;
			}
		}
		ASSERT_EQ(i % 2 ? mine : 100, n);
		ASSERT_EQ(EAGAIN, errno);
		ASSERT_EQ(0, st_info(fds[i], &info));
		ASSERT_EQ(0, info.lost);
	}
	for (i = 0; i < streams; i++)
		close(fds[i]);
	free(fds);
}

/* Consumers die at any time, in reads and in polls, filtered and not. */
TEST_F_TIMEOUT(load, consumers_that_die, DS_TIMEOUT)
{
	struct ds_random random = { ds_seed() };
	__u64 end = ds_now() + ds_scale(SECONDS_OF_LOAD) * DS_SECOND;
	pid_t pids[16] = { };
	unsigned int i, kills = 0;

	ASSERT_EQ(0, writers_begin(self));
	while (ds_now() < end || kills < 32) {
		i = ds_below(&random, ARRAY_SIZE(pids));
		if (pids[i]) {
			kill(pids[i], SIGKILL);
			EXPECT_EQ(128 + SIGKILL, ds_wait(pids[i]));
			kills++;
		}
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i]) {
			struct docstore_stream arg = st_args(ST_FOLLOW | ST_VALUES);
			static char buffer[65536];
			int fd;

			if (i % 3 == 0)
				arg.flags |= ST_SNAPSHOT | ST_RESYNC;
			arg.prefix = ds_ptr(i % 2 ? "1/1" : "nobody");
			arg.prefix_len = i % 3 ? strlen(i % 2 ? "1/1" : "nobody") : 0;
			fd = st_open_args(self->fd, &arg);
			DS_CHILD(fd >= 0);
			for (;;) {
				if (i % 4 == 0)
					st_poll(fd, -1);
				if (i % 4 == 1)
					st_pause(fd, 1, 0);
				DS_CHILD(read(fd, buffer, sizeof(buffer)) > 0);
			}
		}
		usleep(ds_below(&random, 5000));
	}
	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		if (!pids[i])
			continue;
		kill(pids[i], SIGKILL);
		EXPECT_EQ(128 + SIGKILL, ds_wait(pids[i]));
	}
	EXPECT_EQ(0, writers_end(self));
	TH_LOG("%u killed", kills);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * What streams cost a writer, how soon they are told, and how much they take.
 *
 * Usage: streams [ROUNDS [DOCUMENTS]]
 *
 * Makes stores of its own, and removes them. What is compared is measured in turns, in
 * the same run; all times are medians of ROUNDS (by default 11).
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <linux/docstore_stream.h>

#include "libdocstore.h"

#define MAX_ROUNDS	101
#define STREAMS		1000
#define PUTS		3000	/* of a round */
#define WAKES		300	/* of a round */
#define VALUE		100
#define CHANGES		(DOCSTORE_STREAM_FOLLOW | DOCSTORE_STREAM_VALUES)
#define RATE_SECONDS	0.5

/**
 * struct subject - a store, and who watches it
 * @what: how it is called
 * @watched: it has a backlog
 * @streams: how many streams
 * @paused: they are paused
 * @followed: a thread reads one more, all the time
 * @store: the store
 * @follower: the thread
 * @stop: for it
 * @stream: which it reads
 * @records: how many it has read
 * @lost: how many changes it has lost
 * @times: nanoseconds for each put, of all rounds
 */
struct subject {
	const char *what;
	int watched;
	int streams;
	int paused;
	int followed;
	struct ds_store *store;
	pthread_t follower;
	volatile int stop;
	int stream;
	volatile uint64_t records;
	volatile uint64_t lost;
	double times[MAX_ROUNDS];
};

static struct subject subjects[] = {
	{ .what = "no backlog" },
	{ .what = "backlog, no streams", .watched = 1 },
	{ .what = "1000 streams that nobody reads", .watched = 1, .streams = STREAMS },
	{ .what = "1000 streams that are paused", .watched = 1, .streams = STREAMS, .paused = 1 },
	{ .what = "one that is read all the time", .watched = 1, .followed = 1 },
};

#define SUBJECTS	(sizeof(subjects) / sizeof(subjects[0]))

static int documents = 2000;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *times, int n)
{
	qsort(times, (size_t)n, sizeof(*times), by_value);
	return times[n / 2];
}

static void die(const char *what, int err)
{
	fprintf(stderr, "streams: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(1);
}

static int stream_open(int fd, unsigned int flags, const char *prefix)
{
	struct docstore_stream arg = {
		.size = sizeof(arg),
		.flags = flags,
		.prefix = (uintptr_t)prefix,
		.prefix_len = (unsigned int)strlen(prefix),
	};
	int ret = ioctl(fd, DOCSTORE_STREAM, &arg);

	if (ret < 0)
		die("a stream", errno);
	return ret;
}

/* Read for ever; one thread, so that what it does is what is counted. */
static void *follow(void *arg)
{
	struct subject *s = arg;
	size_t room = 1 << 20;
	char *buffer = malloc(room);

	while (buffer && !s->stop) {
		ssize_t len = read(s->stream, buffer, room), at = 0;

		while (at < len) {
			struct docstore_record *record = (void *)(buffer + at);

			if (record->kind == DOCSTORE_RECORD_CHANGE)
				s->records++;
			else if (record->kind == DOCSTORE_RECORD_LOST)
				s->lost += ((struct docstore_record_lost *)(record + 1))->records;
			at += record->size;
		}
	}
	free(buffer);
	return NULL;
}

static int put(struct ds_store *store, unsigned int n)
{
	static const char value[VALUE];
	struct ds_prop prop = { ds_str("value"), ds_bytes(value, sizeof(value)) };
	char id[24];

	snprintf(id, sizeof(id), "document-%08u", n);
	return ds_put(store, ds_str(id), &prop, 1, NULL, NULL);
}

static void set_up(struct subject *s, unsigned int number)
{
	struct ds_create_opts opts = { .size = sizeof(opts), .max_bytes = 256 << 20 };
	struct docstore_stream_pause pause = { .size = sizeof(pause) };
	char name[DOCSTORE_STORE_NAME_SIZE];
	int err, i, fd;

	snprintf(name, sizeof(name), "streams.%d.%u", (int)getpid(), number);
	err = ds_create(name, &opts);
	if (!err)
		err = ds_open(name, DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE, NULL, &s->store);
	if (err)
		die(name, err);
	/* It stays while it is open. */
	ds_remove(name, NULL);
	for (i = 0; i < documents; i++)
		put(s->store, (unsigned int)i);
	if (s->watched)
		close(stream_open(ds_fd(s->store), DOCSTORE_STREAM_FOLLOW, ""));
	for (i = 0; i < s->streams; i++) {
		fd = stream_open(ds_fd(s->store), CHANGES, "");
		if (s->paused && ioctl(fd, DOCSTORE_STREAM_PAUSE, &pause))
			die("a pause", errno);
	}
}

/* The follower is there only while its store is measured. */
static void follower_begin(struct subject *s)
{
	s->stop = 0;
	s->stream = stream_open(ds_fd(s->store), CHANGES, "");
	if (pthread_create(&s->follower, NULL, follow, s))
		die("a thread", EAGAIN);
}

static void follower_end(struct subject *s)
{
	s->stop = 1;
	/* It may be waiting. */
	put(s->store, 0);
	pthread_join(s->follower, NULL);
	close(s->stream);
}

static double puts_of(struct subject *s)
{
	double begun;
	int i;

	if (s->followed)
		follower_begin(s);
	begun = now();
	for (i = 0; i < PUTS; i++) {
		int err = put(s->store, (unsigned int)(i * 7919) % (unsigned int)documents);

		if (err)
			die("a put", err);
	}
	begun = (now() - begun) / PUTS;
	if (s->followed)
		follower_end(s);
	return begun;
}

static void measure_puts(int rounds)
{
	double base;
	unsigned int i;
	int round;

	for (round = 0; round < rounds; round++)
		for (i = 0; i < SUBJECTS; i++)
			subjects[i].times[round] = puts_of(&subjects[i]);
	base = median(subjects[0].times, rounds);
	printf("A put, one at a time:\n");
	for (i = 0; i < SUBJECTS; i++) {
		double time = median(subjects[i].times, rounds);

		printf("  %-32s %8.2f us, %5.3f times\n", subjects[i].what, time / 1e3, time / base);
	}
}

/* --- how soon it is told ------------------------------------------------------------ */

/**
 * struct wake - a thread that waits in read(2) for something that another one does
 * @fd: what it reads
 * @store: what is written to, NULL for an eventfd
 * @room: bytes of a read
 * @count: how often it was woken
 * @at: when, last
 */
struct wake {
	int fd;
	struct ds_store *store;
	size_t room;
	volatile int count;
	volatile double at;
};

static void *wait_for(void *arg)
{
	struct wake *w = arg;
	char buffer[8192];
	int i;

	for (i = 0; i < WAKES; i++) {
		if (read(w->fd, buffer, w->room) <= 0)
			die("a read", errno);
		w->at = now();
		w->count = i + 1;
	}
	return NULL;
}

/* From the call that wakes to the thread that was woken; the median. */
static double wake_time(struct wake *w)
{
	double times[WAKES];
	uint64_t one = 1;
	pthread_t thread;
	int i;

	w->count = 0;
	if (pthread_create(&thread, NULL, wait_for, w))
		die("a thread", EAGAIN);
	for (i = 0; i < WAKES; i++) {
		double begun;

		usleep(500);
		begun = now();
		if (w->store ? put(w->store, 1) : write(w->fd, &one, sizeof(one)) < 0)
			die("a write", errno);
		while (w->count <= i)
			usleep(100);
		times[i] = w->at - begun;
	}
	pthread_join(thread, NULL);
	return median(times, WAKES);
}

static void measure_wakes(int rounds)
{
	static const char prefix[] = "document-";
	static const char *const what[] = { "an eventfd", "a stream", "a stream with a filter" };
	struct ds_store *store = subjects[1].store;
	double times[3][MAX_ROUNDS], lone[MAX_ROUNDS], base;
	int round, i;

	for (round = 0; round < rounds; round++) {
		double begun = now();

		for (i = 0; i < 200; i++)
			put(store, 1);
		lone[round] = (now() - begun) / 200;
		/* Each anew: what was put so far is nothing that is waited for. */
		for (i = 0; i < 3; i++) {
			struct wake w = { .store = i ? store : NULL, .room = i ? 8192 : 8 };

			w.fd = i ? stream_open(ds_fd(store), DOCSTORE_STREAM_FOLLOW,
					       i == 2 ? prefix : "") : eventfd(0, 0);
			times[i][round] = wake_time(&w);
			close(w.fd);
		}
	}
	base = median(times[0], rounds);
	printf("From the call to the thread that it wakes (a put that wakes nobody: %.2f us):\n",
	       median(lone, rounds) / 1e3);
	for (i = 0; i < 3; i++) {
		double time = median(times[i], rounds);

		printf("  %-32s %8.2f us, %5.2f times\n", what[i], time / 1e3, time / base);
	}
}

/* --- how much it takes --------------------------------------------------------------- */

/* A writer at full speed, in batches, and a follower: does that keep pace? */
static void measure_pace(void)
{
	static const char value[VALUE];
	struct subject *s = &subjects[SUBJECTS - 1];
	uint64_t written = 0, records = s->records, lost = s->lost;
	double begun, time;

	follower_begin(s);
	records = s->records;
	begun = now();
	while ((time = now() - begun) < RATE_SECONDS * 1e9) {
		struct ds_batch *batch;
		char id[24];
		int i;

		if (ds_batch_new(s->store, &batch))
			die("a batch", ENOMEM);
		for (i = 0; i < 100; i++) {
			snprintf(id, sizeof(id), "document-%08u",
				 (unsigned int)((written + (uint64_t)i) * 7919 % (uint64_t)documents));
			ds_batch_set(batch, ds_str(id), ds_str("value"),
				     ds_bytes(value, sizeof(value)));
		}
		if (ds_batch_submit(batch, 0, 0))
			die("a batch", EIO);
		ds_batch_free(batch);
		written += 100;
	}
	usleep(300000);
	follower_end(s);
	printf("Beside a writer of batches of 100: %.0f changes in a second, of which the follower has read %.1f %%, and lost %.1f %%\n",
	       (double)written / time * 1e9,
	       100.0 * (double)(s->records - records) / (double)written,
	       100.0 * (double)(s->lost - lost) / (double)written);
}

/* Read what others have written before: as fast as records can be had. */
static void measure_reads(int rounds)
{
	struct subject *s = &subjects[1];
	double times[MAX_ROUNDS];
	size_t room = 1 << 20;
	char *buffer = malloc(room);
	int round, i;

	for (round = 0; round < rounds; round++) {
		int fd = stream_open(ds_fd(s->store), CHANGES | DOCSTORE_STREAM_NONBLOCK, "");
		uint64_t n = 0;
		double begun;
		ssize_t len, at;

		for (i = 0; i < PUTS; i++)
			put(s->store, (unsigned int)i % (unsigned int)documents);
		begun = now();
		while ((len = read(fd, buffer, room)) > 0)
			for (at = 0; at < len; n++)
				at += ((struct docstore_record *)(void *)(buffer + at))->size;
		times[round] = (now() - begun) / (double)n;
		close(fd);
	}
	free(buffer);
	printf("To read a change: %.0f ns (%.2f million in a second)\n",
	       median(times, rounds), 1e3 / median(times, rounds));
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 3 * STREAMS, 3 * STREAMS };
	int rounds = argc > 1 ? atoi(argv[1]) : 11;
	unsigned int i;

	if (argc > 2)
		documents = atoi(argv[2]);
	if (argc > 3 || rounds < 1 || rounds > MAX_ROUNDS || documents < 1) {
		fprintf(stderr, "Usage: streams [ROUNDS (1 to %d) [DOCUMENTS]]\n", MAX_ROUNDS);
		return 2;
	}
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("open files", errno);
	for (i = 0; i < SUBJECTS; i++)
		set_up(&subjects[i], i);
	measure_puts(rounds);
	measure_wakes(rounds);
	measure_reads(rounds);
	measure_pace();
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine in user space: module/core on memory that is laid out as a store's
 * mapping is, so that the library reads it as it reads the kernel's.
 *
 * All of it is shared with children made by fork(): who writes takes the partition
 * for one commit, as a submitter does to whom an idle partition is lent; others spin
 * meanwhile. Readers take nothing.
 */
#ifndef BENCH_NATIVE_H
#define BENCH_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct native;

/**
 * enum native_pages - what the memory is made of
 * @NATIVE_SMALL: pages of 4 KiB
 * @NATIVE_HUGE: pages of 2 MiB, as the module maps them
 */
enum native_pages {
	NATIVE_SMALL,
	NATIVE_HUGE,
};

/**
 * struct native_value - a document to be put, of one property of type bytes
 * @id: its id
 * @value: its value
 * @id_len: bytes of the id
 * @value_len: bytes of the value
 */
struct native_value {
	const void *id;
	const void *value;
	uint32_t id_len;
	uint32_t value_len;
};

/* The id of the property's name. */
#define NATIVE_PROPERTY		1
/* The most that native_put() takes at once. */
#define NATIVE_BATCH		1024

struct native *native_create(unsigned int partitions, uint64_t arena_bytes,
			     enum native_pages pages);
void native_destroy(struct native *n);

/* The mapping, which a child made by fork() has too. */
const void *native_base(const struct native *n);
size_t native_size(const struct native *n);
/* What pages it really has got: whole ones of 2 MiB or not. */
enum native_pages native_pages(const struct native *n);

unsigned int native_partition(const struct native *n, const void *id, uint32_t len);

/*
 * Put documents, all of which belong to one partition, in one commit. Return how
 * many could not be.
 */
unsigned int native_put(struct native *n, unsigned int partition,
			const struct native_value *values, unsigned int count);
/* The same, as an atomic batch. */
unsigned int native_put_atomic(struct native *n, unsigned int partition,
			       const struct native_value *values, unsigned int count);
/*
 * Put so many documents in each of the partitions, of which there are at most
 * NATIVE_SPAN, as one atomic batch.
 */
#define NATIVE_SPAN		64
unsigned int native_put_span(struct native *n, const struct native_value *const *values,
			     unsigned int count);
/* Pin the store as it is and release it again, while nobody else does. */
bool native_snapshot(struct native *n);
bool native_delete(struct native *n, unsigned int partition, const void *id, uint32_t len);

/*
 * Change a flag of a document so many times, as the owner does it; false if there is
 * no such document.
 */
bool native_flag(struct native *n, unsigned int partition, const void *id, uint32_t len,
		 unsigned int times);
/* Look at the state words of all documents of a partition; return their number. */
uint64_t native_monitor(const struct native *n, unsigned int partition, uint64_t *dirty);

/**
 * struct native_cursor - where somebody is who follows a partition's changes
 * @at: place in its backlog
 * @next: number of the next change
 * @lost: how many changes were overwritten before he came to them
 */
struct native_cursor {
	uint64_t at;
	uint64_t next;
	uint64_t lost;
};

/* Give a partition a backlog of so many bytes, a power of two; false if it can't be. */
bool native_log(struct native *n, unsigned int partition, uint32_t bytes);
/* Begin with what is not there yet, or with the oldest change that there is. */
void native_follow_now(const struct native *n, unsigned int partition,
		       struct native_cursor *cursor);
void native_follow_oldest(const struct native *n, unsigned int partition,
			  struct native_cursor *cursor);
/*
 * Copy changes, with their values, as many as there are and fit, as a read of a stream
 * does it. Return how many.
 */
unsigned int native_follow(const struct native *n, unsigned int partition,
			   struct native_cursor *cursor, void *to, size_t room);

/* Bytes of memory that a partition has. */
uint64_t native_bytes(const struct native *n);
uint64_t native_documents(const struct native *n);

#endif /* BENCH_NATIVE_H */

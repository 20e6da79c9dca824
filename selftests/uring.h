/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rings by the system calls themselves, so that tests of the ioctls by io_uring
 * need no library, and can do what a library would not.
 *
 * A ring is for one thread at a time.
 */
#ifndef DOCSTORE_TEST_URING_H
#define DOCSTORE_TEST_URING_H

#include "docstore_test.h"

#include <sched.h>
#include <sys/syscall.h>

#include <linux/io_uring.h>

/* Of headers that are newer than some compile with. */
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER	(1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN	(1U << 13)
#endif

struct ds_ring {
	int fd;
	__u32 flags;
	__u32 entries, completions;
	__u8 *rings;
	size_t rings_size;
	__u8 *sqes;
	size_t sqes_size;
	struct io_sqring_offsets sq;
	struct io_cqring_offsets cq;
	__u32 tail;			/* of entries that are filled in */
	__u32 waiting;			/* how many of them were not submitted */
};

static inline __u32 *ds_ring_word(const struct ds_ring *ring, __u32 offset)
{
	return (__u32 *)(void *)(ring->rings + offset);
}

static inline int ds_ring_close(struct ds_ring *ring)
{
	int ret = 0;

	if (ring->sqes)
		munmap(ring->sqes, ring->sqes_size);
	if (ring->rings)
		munmap(ring->rings, ring->rings_size);
	if (ring->fd >= 0)
		ret = close(ring->fd);
	memset(ring, 0, sizeof(*ring));
	ring->fd = -1;
	return ret ? -errno : 0;
}

/* A ring of so many entries: 0 or -errno, for instance where there is none to be had. */
static inline int ds_ring_open(struct ds_ring *ring, __u32 entries, __u32 flags)
{
	struct io_uring_params p = { .flags = flags, .sq_thread_idle = 1000 };
	size_t sq_size, cq_size;
	int err;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(__NR_io_uring_setup, entries, &p);
	if (ring->fd < 0)
		return -errno;
	ring->flags = flags;
	ring->entries = p.sq_entries;
	ring->completions = p.cq_entries;
	ring->sq = p.sq_off;
	ring->cq = p.cq_off;
	sq_size = p.sq_off.array + p.sq_entries * sizeof(__u32);
	cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe) *
		  (flags & IORING_SETUP_CQE32 ? 2 : 1);
	ring->rings_size = sq_size > cq_size ? sq_size : cq_size;
	ring->sqes_size = p.sq_entries * sizeof(struct io_uring_sqe) *
			  (flags & IORING_SETUP_SQE128 ? 2 : 1);
	if (!(p.features & IORING_FEAT_SINGLE_MMAP))
		abort();
	ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);
	if (ring->rings == MAP_FAILED)
		ring->rings = NULL;
	ring->sqes = mmap(NULL, ring->sqes_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	if (ring->sqes == MAP_FAILED)
		ring->sqes = NULL;
	if (ring->rings && ring->sqes)
		return 0;
	err = -errno;
	ds_ring_close(ring);
	return err;
}

/* How many entries the kernel has not taken yet: its thread does so in its own time. */
static inline __u32 ds_ring_left(const struct ds_ring *ring)
{
	return ring->tail - __atomic_load_n(ds_ring_word(ring, ring->sq.head), __ATOMIC_ACQUIRE);
}

/* The next entry, zeroed; NULL if all are filled in and not yet taken. */
static inline struct io_uring_sqe *ds_ring_sqe(struct ds_ring *ring)
{
	__u32 i = ring->tail & (ring->entries - 1);
	size_t size = sizeof(struct io_uring_sqe) *
		      (ring->flags & IORING_SETUP_SQE128 ? 2 : 1);
	struct io_uring_sqe *sqe = (void *)(ring->sqes + i * size);

	while (ds_ring_left(ring) == ring->entries) {
		/* A thread that takes them may still be about to say so. */
		if (!(ring->flags & IORING_SETUP_SQPOLL) || ring->waiting == ring->entries)
			return NULL;
		sched_yield();
	}
	ds_ring_word(ring, ring->sq.array)[i] = i;
	ring->tail++;
	ring->waiting++;
	memset(sqe, 0, size);
	return sqe;
}

/* Make an entry a command to one of our descriptors. */
static inline void ds_ring_fill(struct io_uring_sqe *sqe, int fd, __u32 op, const void *arg,
				__u64 data)
{
	struct docstore_uring_cmd cmd = { .arg = ds_ptr(arg) };

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = op;
	sqe->user_data = data;
	memcpy((__u8 *)sqe + offsetof(struct io_uring_sqe, cmd), &cmd, sizeof(cmd));
}

/*
 * Submit what is filled in, and wait for so many completions: how many entries
 * were taken, or -errno. Signals don't interrupt it.
 */
static inline int ds_ring_enter(struct ds_ring *ring, __u32 wait)
{
	__u32 flags = IORING_ENTER_GETEVENTS;
	int ret, taken = 0;

	__atomic_store_n(ds_ring_word(ring, ring->sq.tail), ring->tail, __ATOMIC_RELEASE);
	if (ring->flags & IORING_SETUP_SQPOLL) {
		/* Against the thread that says it sleeps, and looks once more. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		flags |= IORING_ENTER_SQ_WAKEUP;
	}
	do {
		ret = syscall(__NR_io_uring_enter, ring->fd, ring->waiting, wait, flags,
			      NULL, 0);
		if (ret > 0) {
			ring->waiting -= ret;
			taken += ret;
		}
	} while ((ret < 0 && errno == EINTR) || (ret > 0 && ring->waiting));
	return ret < 0 ? -errno : taken;
}

/*
 * Submit what is filled in, and leave completions for later where the ring does: how many
 * entries were taken, or -errno.
 */
static inline int ds_ring_submit(struct ds_ring *ring)
{
	int ret;

	__atomic_store_n(ds_ring_word(ring, ring->sq.tail), ring->tail, __ATOMIC_RELEASE);
	ret = syscall(__NR_io_uring_enter, ring->fd, ring->waiting, 0, 0, NULL, 0);
	if (ret > 0)
		ring->waiting -= ret;
	return ret < 0 ? -errno : ret;
}

/* The next completion, if there is one. */
static inline bool ds_ring_cqe(struct ds_ring *ring, __u64 *data, int *res)
{
	__u32 *head = ds_ring_word(ring, ring->cq.head);
	struct io_uring_cqe *cqes = (void *)(ring->rings + ring->cq.cqes);
	__u32 i = (*head & (ring->completions - 1)) *
		  (ring->flags & IORING_SETUP_CQE32 ? 2 : 1);

	if (*head == __atomic_load_n(ds_ring_word(ring, ring->cq.tail), __ATOMIC_ACQUIRE))
		return false;
	*data = cqes[i].user_data;
	*res = cqes[i].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

/* The next completion, waited for: 0 or -errno. */
static inline int ds_ring_wait(struct ds_ring *ring, __u64 *data, int *res)
{
	int ret;

	while (!ds_ring_cqe(ring, data, res)) {
		ret = ds_ring_enter(ring, 1);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * What ds_ioctl() does, by a ring that has nothing else to do. What the ring itself
 * says instead of carrying it out is DS_CALL() of it.
 */
static inline int ds_ring_ioctl(struct ds_ring *ring, __u8 flags, int fd, __u32 op,
				const void *arg)
{
	struct io_uring_sqe *sqe = ds_ring_sqe(ring);
	__u64 data;
	int ret, res;

	if (!sqe)
		return ds_broken("the ring is full");
	ds_ring_fill(sqe, fd, op, arg, 0x1234567890abcdefULL);
	sqe->flags = flags;
	ret = ds_ring_wait(ring, &data, &res);
	if (ret)
		return DS_CALL(-ret);
	if (data != 0x1234567890abcdefULL)
		return ds_broken("a completion of something else");
	return res;
}

#endif /* DOCSTORE_TEST_URING_H */

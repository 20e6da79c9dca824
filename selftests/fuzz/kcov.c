// SPDX-License-Identifier: GPL-2.0
/*
 * Coverage of the module, by kcov: that of a thread's own system calls, and that
 * of work which kthreads do for it (see Documentation/dev-tools/kcov.rst). A
 * thread has only one of both; threads that it makes inherit the handle which
 * tells whom kthreads work for. So one thread holds the handle and does nothing,
 * and others that it has made run the programs.
 */
#include "fuzz.h"

#define FZ_KCOV		"/sys/kernel/debug/kcov"
#define FZ_KCOV_WORDS	(256 << 10)
#define FZ_REMOTE_WORDS	(16 << 10)	/* of one piece of a kthread's work */

/* As <linux/kcov.h> has it for 64-bit programs, which is what the kernel is. */
struct fz_kcov_remote {
	__u32 trace_mode;
	__u32 area_size;
	__u32 num_handles;
	__aligned_u64 common_handle;
};

#define FZ_KCOV_INIT		_IOR('c', 1, __u64)
#define FZ_KCOV_ENABLE		_IO('c', 100)
#define FZ_KCOV_REMOTE		_IOW('c', 102, struct fz_kcov_remote)

#define FZ_EDGES	(1 << 18)

static __u8 fz_seen[FZ_EDGES];
static __u64 fz_edges;

/* New ones of the program that ran last, to see whether a smaller one has them. */
static __u32 fz_fresh[512];
static __u8 fz_wanted[FZ_EDGES];
static unsigned int fz_nfresh;
static __u64 fz_text;

__u64 fz_kcov_edges(void)
{
	return fz_edges;
}

/* Where the module is: what lies far from there is not ours. */
bool fz_kcov_init(void)
{
	FILE *f = fopen("/sys/module/docstore/sections/.text", "r");
	unsigned long long text;

	if (f) {
		if (fscanf(f, "%llx", &text) == 1)
			fz_text = text;
		fclose(f);
	}
	return !access(FZ_KCOV, R_OK | W_OK);
}

static bool fz_ours(__u64 pc)
{
	return !fz_text || pc - fz_text + (8 << 20) < (16 << 20);
}

static bool fz_kcov_open(struct fz_kcov *k)
{
	k->words = FZ_KCOV_WORDS;
	k->fd = open(FZ_KCOV, O_RDWR | O_CLOEXEC);
	if (k->fd < 0)
		return false;
	if (ioctl(k->fd, FZ_KCOV_INIT, (unsigned long)k->words))
		goto err;
	k->area = mmap(NULL, k->words * 8, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
	if (k->area != MAP_FAILED) {
		/* Many pages, which children have no use for. */
		madvise(k->area, k->words * 8, MADV_DONTFORK);
		return true;
	}
	k->area = NULL;
err:
	close(k->fd);
	k->fd = -1;
	return false;
}

/* For the calling thread, until it ends. */
bool fz_kcov_enable(struct fz_kcov *k, bool comparisons)
{
	if (!fz_kcov_open(k))
		return false;
	if (!ioctl(k->fd, FZ_KCOV_ENABLE, comparisons ? 1UL : 0UL))
		return true;
	munmap(k->area, k->words * 8);
	k->area = NULL;
	close(k->fd);
	return false;
}

/* What is done elsewhere for threads that the calling one makes from now on. */
bool fz_kcov_enable_remote(struct fz_kcov *k, __u32 handle)
{
	struct fz_kcov_remote arg = {
		.area_size = FZ_REMOTE_WORDS,
		.common_handle = handle,
	};

	if (!fz_kcov_open(k))
		return false;
	if (!ioctl(k->fd, FZ_KCOV_REMOTE, &arg))
		return true;
	munmap(k->area, k->words * 8);
	k->area = NULL;
	close(k->fd);
	return false;
}

void fz_kcov_begin(struct fz_kcov *k)
{
	if (k->area)
		__atomic_store_n(&k->area[0], 0, __ATOMIC_RELAXED);
}

static __u64 fz_kcov_count(const struct fz_kcov *k, __u32 words)
{
	__u64 n = __atomic_load_n(&k->area[0], __ATOMIC_ACQUIRE);

	return n * words < k->words - words ? n : (k->words - words) / words;
}

/* So that the same step is another one in kthreads. */
static __u64 fz_first(bool remote)
{
	return remote ? 0x5bd1e995 : 0;
}

static __u32 fz_edge(__u64 pc, __u64 *last)
{
	__u64 edge = ((pc ^ *last * 31) * 0x9e3779b97f4a7c15ULL) >> 46;

	*last = pc;
	return edge;
}

/**
 * fz_kcov_new_edges() - steps from one place to another that were not seen yet
 * @k: where coverage is
 * @remote: it is of kthreads
 * @keep: from now on they are seen
 *
 * Return: their number.
 */
unsigned int fz_kcov_new_edges(struct fz_kcov *k, bool remote, bool keep)
{
	__u64 n, i, last = fz_first(remote);
	unsigned int new = 0;

	if (!k->area)
		return 0;
	n = fz_kcov_count(k, 1);
	for (i = 1; i <= n; i++) {
		__u32 edge;

		if (!fz_ours(k->area[i]))
			continue;
		edge = fz_edge(k->area[i], &last);
		if (fz_seen[edge])
			continue;
		new++;
		if (keep) {
			fz_seen[edge] = 1;
			fz_edges++;
			if (fz_nfresh < ARRAY_SIZE(fz_fresh))
				fz_fresh[fz_nfresh++] = edge;
		}
	}
	return new;
}

/* From here on new edges are remembered. */
void fz_kcov_forget(void)
{
	fz_nfresh = 0;
}

static void fz_kcov_strike(struct fz_kcov *k, bool remote)
{
	__u64 n = k->area ? fz_kcov_count(k, 1) : 0, i, last = fz_first(remote);

	for (i = 1; i <= n; i++)
		if (fz_ours(k->area[i]))
			fz_wanted[fz_edge(k->area[i], &last)] = 0;
}

/* Has the program that ran last reached all that is remembered? */
bool fz_kcov_again(struct fz_kcov *local, struct fz_kcov *remote)
{
	unsigned int i, missing = 0;

	for (i = 0; i < fz_nfresh; i++)
		fz_wanted[fz_fresh[i]] = 1;
	fz_kcov_strike(local, false);
	fz_kcov_strike(remote, true);
	for (i = 0; i < fz_nfresh; i++) {
		missing += fz_wanted[fz_fresh[i]];
		fz_wanted[fz_fresh[i]] = 0;
	}
	return !missing;
}

/* Comparisons that went through, each way round. Returns their number. */
unsigned int fz_kcov_pairs(struct fz_kcov *k, struct fz_pair *pairs, unsigned int room)
{
	unsigned int found = 0, j;
	__u64 n, i;

	if (!k->area)
		return 0;
	n = fz_kcov_count(k, 4);
	for (i = 0; i < n && found + 2 <= room; i++) {
		const __u64 *record = &k->area[1 + i * 4];
		__u64 a = record[1], b = record[2];

		if (!fz_ours(record[3]) || a == b)
			continue;
		for (j = 0; j < found; j++)
			if (pairs[j].a == a && pairs[j].b == b)
				break;
		if (j < found)
			continue;
		pairs[found++] = (struct fz_pair){ a, b };
		pairs[found++] = (struct fz_pair){ b, a };
	}
	return found;
}

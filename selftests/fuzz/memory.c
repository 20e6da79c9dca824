// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that calls point at. All of it is mapped once; a call's pieces are
 * laid out anew. Around each piece, where there is room, are guards.
 */
#include "fuzz.h"

#define FZ_PAGE		4096
#define FZ_PLAIN_SIZE	(48 << 20)
#define FZ_COPIES	(1 << 20)
#define FZ_COPY_MAX	(64 << 10)	/* longer pieces are not compared */
#define FZ_EDGES	16
#define FZ_EDGE_SIZE	(2 * FZ_PAGE)
#define FZ_LONG_EDGE	(2 << 20)
#define FZ_ROS		8
#define FZ_FRESHES	8
#define FZ_FRESH_SIZE	(4 * FZ_PAGE)
#define FZ_GUARD_BYTE	0x5a

static __u8 *fz_map(size_t size, int prot, int flags, int fd)
{
	void *p = mmap(NULL, size, prot, flags | MAP_NORESERVE, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Also for a thread that takes over a struct that another one has set up. */
bool fz_memory_init(struct fz_memory *m)
{
	const int rw = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;
	int fd = memfd_create("fz", MFD_CLOEXEC);
	unsigned int i;

	memset(m, 0, sizeof(*m));
	if (fd < 0 || ftruncate(fd, FZ_ROS * FZ_PAGE))
		return false;
	m->plain = fz_map(FZ_PLAIN_SIZE, rw, anon, -1);
	m->edge = fz_map(FZ_EDGES * (FZ_EDGE_SIZE + FZ_PAGE), rw, anon, -1);
	m->long_edge = fz_map(FZ_LONG_EDGE + FZ_PAGE, rw, anon, -1);
	m->ro = fz_map(FZ_ROS * FZ_PAGE, PROT_READ, MAP_SHARED, fd);
	m->ro_alias = fz_map(FZ_ROS * FZ_PAGE, rw, MAP_SHARED, fd);
	m->fresh = fz_map(FZ_FRESHES * FZ_FRESH_SIZE, rw, anon, -1);
	m->nowhere = fz_map(FZ_PAGE, PROT_NONE, anon, -1);
	m->copies = malloc(FZ_COPIES);
	close(fd);
	if (!m->plain || !m->edge || !m->long_edge || !m->ro || !m->ro_alias || !m->fresh ||
	    !m->nowhere || !m->copies)
		return false;
	for (i = 0; i < FZ_EDGES; i++)
		mprotect(m->edge + i * (FZ_EDGE_SIZE + FZ_PAGE) + FZ_EDGE_SIZE, FZ_PAGE, PROT_NONE);
	mprotect(m->long_edge + FZ_LONG_EDGE, FZ_PAGE, PROT_NONE);
	return true;
}

void fz_memory_begin(struct fz_memory *m)
{
	m->npieces = 0;
	m->plain_used = 0;
	m->copies_used = 0;
	m->edges = 0;
	m->long_edges = 0;
	m->ros = 0;
	m->freshes = 0;
}

/* Where something ends that is to end at the edge of what is mapped. */
static __u8 *fz_memory_edge(struct fz_memory *m, __u32 len)
{
	if (len <= FZ_EDGE_SIZE - FZ_GUARD && m->edges < FZ_EDGES)
		return m->edge + m->edges++ * (FZ_EDGE_SIZE + FZ_PAGE) + FZ_EDGE_SIZE;
	/* There is only one of these. */
	if (len > FZ_LONG_EDGE - FZ_GUARD || m->long_edges++)
		return NULL;
	return m->long_edge + FZ_LONG_EDGE;
}

/* An address that is no good, or at which no memory of ours is. */
static __u64 fz_memory_bad(const struct fz_memory *m, __u8 place, __u32 len)
{
	switch (place) {
	case FZ_NULL:
		return 0;
	case FZ_KERNEL:
		return 0xffff888000001000ULL;
	case FZ_TOP:
		return -(__u64)(len / 2 + 1);
	default:
		return ds_ptr(m->nowhere);
	}
}

static __u8 *fz_memory_plain(struct fz_memory *m, __u32 len, __u32 align)
{
	size_t at = (m->plain_used + FZ_GUARD + align - 1) & -(size_t)align;

	if (at + len + FZ_GUARD + 16 > FZ_PLAIN_SIZE)
		return NULL;
	m->plain_used = at + len + FZ_GUARD;
	return m->plain + at;
}

/* A piece that is there, for whom @place is possible; or NULL. */
static __u8 *fz_memory_place(struct fz_memory *m, struct fz_piece *piece, __u32 len, __u32 align)
{
	__u8 *at;

	if (piece->place == FZ_READONLY && len <= FZ_PAGE && m->ros < FZ_ROS)
		return m->ro + m->ros++ * FZ_PAGE;
	if (piece->place == FZ_FRESH && piece->kind == FZ_ROOM && len <= FZ_FRESH_SIZE &&
	    m->freshes < FZ_FRESHES) {
		at = m->fresh + m->freshes++ * FZ_FRESH_SIZE;
		madvise(at, FZ_FRESH_SIZE, MADV_DONTNEED);
		piece->poison = 0;
		return at;
	}
	if (piece->place == FZ_EDGE || piece->place == FZ_CUT) {
		at = fz_memory_edge(m, len);
		if (at && piece->place == FZ_CUT && len) {
			piece->len--;
			return at - piece->len;
		}
		if (at) {
			piece->guard_begin = at - len - FZ_GUARD;
			return at - len;
		}
	}
	at = fz_memory_plain(m, len + 8, align < 8 ? 8 : align);
	if (!at)
		return NULL;
	if (piece->place == FZ_ODD)
		at += 3;
	else
		piece->place = FZ_PLAIN;
	piece->guard_begin = at - FZ_GUARD;
	piece->guard_end = at + len;
	return at;
}

/**
 * fz_memory_get() - memory for a call
 * @m: the memory
 * @kind: FZ_IN, FZ_ROOM, FZ_ARRAY or FZ_SIZE
 * @place: where
 * @len: how much
 * @align: to what it is aligned, unless @place says otherwise
 * @address: what to tell the kernel
 *
 * Return: the piece, of which the caller fills @at (not if it is @ro), or NULL if
 * there is no such memory.
 */
struct fz_piece *fz_memory_get(struct fz_memory *m, __u8 kind, __u8 place, __u32 len,
			       __u32 align, __u64 *address)
{
	struct fz_piece *piece = &m->pieces[m->npieces];

	*address = fz_memory_bad(m, place, len);
	if ((place >= FZ_NULL && place < FZ_ARG) || m->npieces == FZ_PIECES)
		return NULL;
	memset(piece, 0, sizeof(*piece));
	piece->kind = kind;
	piece->place = place;
	piece->len = len;
	piece->poison = DS_POISON;
	piece->at = fz_memory_place(m, piece, len, align);
	if (!piece->at)
		return NULL;
	*address = ds_ptr(piece->at);
	m->npieces++;
	if (piece->at >= m->ro && piece->at < m->ro + FZ_ROS * FZ_PAGE)
		piece->at = m->ro_alias + (piece->at - m->ro);
	if (piece->guard_begin)
		memset(piece->guard_begin, FZ_GUARD_BYTE, FZ_GUARD);
	if (piece->guard_end)
		memset(piece->guard_end, FZ_GUARD_BYTE, FZ_GUARD);
	if (kind == FZ_ROOM && piece->place != FZ_FRESH)
		memset(piece->at, DS_POISON, piece->len);
	return piece;
}

/* Before the call: keep what must not change. */
void fz_memory_snapshot(struct fz_memory *m)
{
	unsigned int i;

	for (i = 0; i < m->npieces; i++) {
		struct fz_piece *piece = &m->pieces[i];

		if (piece->kind == FZ_ROOM || piece->len > FZ_COPY_MAX ||
		    m->copies_used + piece->len > FZ_COPIES)
			continue;
		piece->copy = m->copies + m->copies_used;
		memcpy(piece->copy, piece->at, piece->len);
		m->copies_used += piece->len;
	}
}

static bool fz_within(__u64 at, __u64 len, const __u8 *base, size_t size)
{
	return at >= ds_ptr(base) && at - ds_ptr(base) <= size &&
	       len <= size - (at - ds_ptr(base));
}

bool fz_memory_writable(const struct fz_memory *m, __u64 at, __u64 len)
{
	unsigned int i;

	if (!len)
		return true;
	if (fz_within(at, len, m->plain, FZ_PLAIN_SIZE) ||
	    fz_within(at, len, m->long_edge, FZ_LONG_EDGE) ||
	    fz_within(at, len, m->fresh, FZ_FRESHES * FZ_FRESH_SIZE))
		return true;
	for (i = 0; i < FZ_EDGES; i++)
		if (fz_within(at, len, m->edge + i * (FZ_EDGE_SIZE + FZ_PAGE), FZ_EDGE_SIZE))
			return true;
	return false;
}

bool fz_memory_readable(const struct fz_memory *m, __u64 at, __u64 len)
{
	return fz_within(at, len, m->ro, FZ_ROS * FZ_PAGE) ||
	       fz_memory_writable(m, at, len);
}

static bool fz_guard_good(const __u8 *guard)
{
	unsigned int i;

	for (i = 0; guard && i < FZ_GUARD; i++)
		if (guard[i] != FZ_GUARD_BYTE)
			return false;
	return true;
}

/* What is wrong around the pieces and with what was for reading only, or NULL. */
const char *fz_memory_guards(const struct fz_memory *m)
{
	unsigned int i;

	for (i = 0; i < m->npieces; i++) {
		const struct fz_piece *piece = &m->pieces[i];

		if (!fz_guard_good(piece->guard_begin))
			return "memory before a buffer was changed";
		if (!fz_guard_good(piece->guard_end))
			return "memory behind a buffer was changed";
		if (piece->kind == FZ_IN && piece->copy &&
		    memcmp(piece->copy, piece->at, piece->len))
			return "what is for the kernel to read was changed";
	}
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * docstore: how a store lies in memory.
 *
 * The kernel writes these structures and is the only one that does; readers
 * follow them without a lock. Nothing here is a kernel address: a place is an
 * offset, in units of DOCSTORE_MAP_UNIT bytes from the beginning of the
 * partition's arena, and 0 is no place. @ref, @next, @prev, @limit and @dir below
 * are places, and so is what directory blocks are made of.
 *
 * Numbers are in the byte order of the host, and as long as on a 64-bit one, which
 * stores each of them at once. Who can't load 64 bits at once loads the upper half
 * of a number that only grows, then the lower one, then the upper one again until
 * it is the same.
 */
#ifndef _UAPI_LINUX_DOCSTORE_MAP_H
#define _UAPI_LINUX_DOCSTORE_MAP_H

#include <linux/docstore.h>
#include <linux/types.h>

/* Changes whenever one of the structures below does. */
#define DOCSTORE_MAP_LAYOUT		3

/* "docstore", as eight bytes in memory. */
#define DOCSTORE_MAP_MAGIC		"docstore"
#define DOCSTORE_MAP_MAGIC_SIZE		8

/* By more than this the era must not grow while a reader reads; see below. */
#define DOCSTORE_MAP_ERAS		3

#define DOCSTORE_MAP_UNIT		16	/* bytes */
#define DOCSTORE_MAP_UNIT_SHIFT		4
#define DOCSTORE_MAP_CHUNK_SHIFT	21	/* arenas grow by 2 MiB */
#define DOCSTORE_MAP_CHUNK_SIZE		2097152UL

/**
 * DOC: The mapping
 *
 * mmap() of a store's descriptor, with PROT_READ and MAP_SHARED, from offset 0
 * and for as many bytes as @map_size of struct docstore_store_info says, or any
 * part of that on page boundaries. The descriptor must be open for reading.
 * Writing is refused with EACCES, executing with EPERM, both with EACCES if asked
 * for later by mprotect(); private mappings with EINVAL, and what is beyond the end
 * with ENXIO. A mapping can be moved and cut by mremap(), not made longer.
 *
 * The mapping begins with struct docstore_map_store, which says where the rest
 * is: a struct docstore_map_partition for each partition, the names, and an
 * arena for each partition. All of it may be read at any time, from the first to
 * the last byte: where an arena has no memory there are zeros.
 *
 * A mapping stays good when the descriptor is closed, and holds the store as an
 * open descriptor does: of a store that was removed it shows what is still going
 * on in it. A child made by fork() has it too. System calls can copy out of it, as
 * write() does; its pages can't be held, as for direct I/O or vmsplice(), which
 * fail with EFAULT, and are in no core dump.
 */

/**
 * enum docstore_map_state - what became of a store
 * @DOCSTORE_MAP_REMOVED: it was removed; who opens its name now gets another
 */
enum docstore_map_state {
	DOCSTORE_MAP_REMOVED = 1 << 0,
};

/**
 * struct docstore_map_store - the beginning of the mapping
 * @magic: DOCSTORE_MAP_MAGIC, without a closing NUL
 * @layout: DOCSTORE_MAP_LAYOUT. A reader that does not know the number leaves
 *	everything else alone
 * @partitions: number of partitions
 * @key: key of the hash of ids
 * @incarnation: number of the store, never given twice while the module is loaded
 * @size: bytes of the whole mapping
 * @partitions_offset: where the page of the first partition begins, in bytes
 * @partition_stride: bytes from the page of one partition to that of the next
 * @names_offset: where the names begin
 * @names_size: bytes of room for them
 * @arenas_offset: where the first arena begins, a multiple of
 *	DOCSTORE_MAP_CHUNK_SIZE
 * @arena_stride: bytes from one arena to the next, likewise
 * @__reserved0: 0
 * @names_used: bytes of the names. Stored with release, to be loaded with acquire;
 *	names do not change once they are there
 * @state: enum docstore_map_state
 * @epoch: odd while several partitions publish together
 * @__reserved: 0
 *
 * What stands above @names_used does not change. The names are struct
 * docstore_name_record one after the other, as DOCSTORE_NAMES returns them, in
 * the order of their ids from 1 on, up to @names_used. A record does not cross a
 * multiple of 4096 bytes, counted from @names_offset: one with id 0 says that the
 * next begins there.
 */
struct docstore_map_store {
	__u8 magic[DOCSTORE_MAP_MAGIC_SIZE];
	__u32 layout;
	__u32 partitions;
	__aligned_u64 key[2];
	__aligned_u64 incarnation;
	__aligned_u64 size;
	__aligned_u64 partitions_offset;
	__aligned_u64 partition_stride;
	__aligned_u64 names_offset;
	__aligned_u64 names_size;
	__aligned_u64 arenas_offset;
	__aligned_u64 arena_stride;
	__aligned_u64 __reserved0[4];
	__aligned_u64 names_used;
	__u32 state;
	__u32 epoch;
	__u32 __reserved[12];
};

/**
 * DOC: Reading a document
 *
 * 1. Load @era of the partition with acquire, then @visible_seq with acquire.
 * 2. Look for the document in the index, as told below.
 * 3. Copy what is wanted. Nothing that is read may be trusted before step 5, no
 *    length and no place. Load each once, then check it: all of a bucket and of a
 *    version's header, then all of the version's @size, is below @limit, or the
 *    arena's end. A chain need not have an end: look at @era once in a while.
 * 4. Put a fence that orders the loads so far before the next one.
 * 5. Load @era again. If it has grown by more than DOCSTORE_MAP_ERAS, throw
 *    everything away and begin again; a reader that has done so a few times asks the
 *    kernel (DOCSTORE_READ), which always answers.
 */

/**
 * DOC: Reading several documents together
 *
 * To see all of them as they were at one moment:
 *
 * 1. Load the @era of each partition with acquire, then @epoch of the store with
 *    acquire, until it is even. Then load @visible_seq of each partition with acquire;
 *    put a fence; load each again, put a fence, and load @epoch again. Unless nothing
 *    has changed, begin again.
 * 2. Read each document as above, as of the visible_seq that was loaded.
 * 3. If a document's newest version is above that, and the partition's @visible_seq
 *    has changed, begin again: a version that was replaced may be left out already.
 *
 * Where it goes on like this, DOCSTORE_READ_TOGETHER lets the kernel do it.
 *
 * As of a snapshot, take the numbers in struct docstore_map_snapshot for visible_seq,
 * and follow prev as far as it takes: what the snapshot needs is never left out. Once
 * found and the era was looked at, the version stays where it is and as it is, until
 * @state says that the snapshot was revoked: a reader looks there, behind a fence,
 * after all that it has read, and throws it away if so.
 */

/**
 * struct docstore_map_snapshot - the page that a snapshot's descriptor maps
 * @magic: DOCSTORE_MAP_MAGIC, without a closing NUL
 * @layout: DOCSTORE_MAP_LAYOUT
 * @partitions: number of partitions
 * @incarnation: of the store
 * @id: number of the snapshot
 * @created: when it was taken
 * @state: enum docstore_snapshot_state
 * @__reserved: 0
 * @seq: for each partition the commit up to which the snapshot sees
 *
 * Nothing but @state changes.
 */
struct docstore_map_snapshot {
	__u8 magic[DOCSTORE_MAP_MAGIC_SIZE];
	__u32 layout;
	__u32 partitions;
	__aligned_u64 incarnation;
	__aligned_u64 id;
	__aligned_u64 created;
	__u32 state;
	__u32 __reserved[5];
	__aligned_u64 seq[DOCSTORE_MAX_PARTITIONS];
};

/**
 * DOC: The index
 *
 * Each partition has a hash table that grows one bucket at a time (linear
 * hashing). docstore_map_hash() of an id, with the store's key, gives 64 bits:
 *
 * - the partition is the upper half times the number of partitions, divided by
 *   2^32;
 * - the bucket is docstore_map_bucket() of it and the number of buckets;
 * - the tag in the slot is bits 32 to 47.
 *
 * A bucket is one cache line with five slots, and the place of an overflow
 * bucket of the same form. A slot whose ref is 0 is empty or being filled, and
 * readers pass over it, and over those with another tag. What has the tag need not
 * have the id: that is in the version (see struct docstore_version), which is to be
 * compared. The version that the slot refers to is the newest one, and maybe not
 * published yet: if its seq is above the visible_seq that was loaded first, the reader
 * loads prev with acquire, then visible_seq again. Unless that has reached the newest
 * version's seq, the one at prev is the one to be taken; else the reader begins again,
 * since prev may have been changed. It has found nothing if what it takes is a
 * tombstone, or prev is 0.
 *
 * A reader that does not find the id may have looked while slots moved to
 * another bucket: unless @moves is even and is the same before it has loaded
 * @buckets and behind a fence after the last bucket, it looks again. With @buckets
 * 0 there is nothing to be found.
 *
 * Load @moves, @buckets, ref and next with acquire.
 *
 * Buckets lie in segments of DOCSTORE_MAP_SEGMENT each. The partition's page
 * has the places of directory blocks, each of which is an array of __u32, the
 * places of DOCSTORE_MAP_DIR_SEGMENTS segments. Of the buckets that there are by
 * @buckets, these places are set, and never change: they alone need not be checked.
 */
#define DOCSTORE_MAP_SLOTS		5
#define DOCSTORE_MAP_SEGMENT_SHIFT	8
#define DOCSTORE_MAP_SEGMENT		256
#define DOCSTORE_MAP_DIR_SHIFT		10
#define DOCSTORE_MAP_DIR_SEGMENTS	1024
#define DOCSTORE_MAP_DIRS		256
#define DOCSTORE_MAP_MAX_BUCKETS	67108864U /* 256 * 1024 * 256 */

/**
 * DOC: The state of a document
 *
 * The word @state of a slot holds flags in bits 0 to 7, the access pattern in
 * bits 8 and 9, the heat in bits 10 to 15, and the tag in bits 16 to 31. The word
 * @stat holds the number of deltas in bits 0 to 15, which stays at its highest value
 * once it is reached, and in bits 16 to 31 when the document was last changed or known
 * to be read, in units of four seconds since 1970, modulo 2^16.
 *
 * Pattern and heat are estimates from samples, as of the last change or known read:
 * who looks later takes the time that has passed since into account, as the owner does
 * at the next one, when it halves the heat for each unit. That a document was read is
 * known of one system call in so many, and of the mapping by DOCSTORE_HINT.
 */
#define DOCSTORE_STATE_PATTERN_SHIFT	8
#define DOCSTORE_STATE_PATTERN_MASK	0x3
#define DOCSTORE_STATE_HEAT_SHIFT	10
#define DOCSTORE_STATE_HEAT_MASK	0x3f
#define DOCSTORE_STATE_TAG_SHIFT	16
#define DOCSTORE_STAT_DELTAS_MASK	0xffff
#define DOCSTORE_STAT_ACCESS_SHIFT	16
#define DOCSTORE_STAT_ACCESS_SECONDS	4

/**
 * enum docstore_state - flags of a document
 * @DOCSTORE_STATE_IDLE: none of the others
 * @DOCSTORE_STATE_PROCESSING: the owner is building a new version of it
 * @DOCSTORE_STATE_NEEDS_COMPACTION: it drags versions or dead space that could
 *	be freed
 * @DOCSTORE_STATE_NEEDS_REINDEX: a secondary index does not have it yet
 * @DOCSTORE_STATE_HOT_DOCUMENT: it was changed, or known to be read, as often as is
 *	hot by the store's settings; see enum docstore_setting
 * @DOCSTORE_STATE_EVICTING: it is about to be evicted
 * @DOCSTORE_STATE_DIRTY: deltas that were accepted for it are not visible yet
 * @DOCSTORE_STATE_SNAPSHOT_READY: earlier versions of it are kept for snapshots
 *
 * Set by this layout's first version of the module: PROCESSING, HOT_DOCUMENT, DIRTY,
 * SNAPSHOT_READY, and NEEDS_COMPACTION for a deleted document whose tombstone is still
 * there. The other bits are reserved for what their names say.
 */
enum docstore_state {
	DOCSTORE_STATE_IDLE = 0,
	DOCSTORE_STATE_PROCESSING = 1 << 0,
	DOCSTORE_STATE_NEEDS_COMPACTION = 1 << 1,
	DOCSTORE_STATE_NEEDS_REINDEX = 1 << 2,
	DOCSTORE_STATE_HOT_DOCUMENT = 1 << 3,
	DOCSTORE_STATE_EVICTING = 1 << 4,
	DOCSTORE_STATE_DIRTY = 1 << 5,
	DOCSTORE_STATE_SNAPSHOT_READY = 1 << 6,
};

/**
 * enum docstore_pattern - how a document is used
 * @DOCSTORE_PATTERN_WRITE: mostly changed, as far as is known
 * @DOCSTORE_PATTERN_READ: mostly read
 * @DOCSTORE_PATTERN_MIXED: both
 * @DOCSTORE_PATTERN_SCAN: mostly read along with all others
 */
enum docstore_pattern {
	DOCSTORE_PATTERN_WRITE = 0,
	DOCSTORE_PATTERN_READ = 1,
	DOCSTORE_PATTERN_MIXED = 2,
	DOCSTORE_PATTERN_SCAN = 3,
};

/**
 * struct docstore_bucket - one cache line of the index
 * @ref: for each slot the newest version of its document, 0 for none
 * @state: for each slot the state word
 * @stat: for each slot the statistics word
 * @next: overflow bucket, 0 for none
 */
struct docstore_bucket {
	__u32 ref[DOCSTORE_MAP_SLOTS];
	__u32 state[DOCSTORE_MAP_SLOTS];
	__u32 stat[DOCSTORE_MAP_SLOTS];
	__u32 next;
};

/**
 * struct docstore_map_partition - the page of one partition
 * @visible_seq: number of the last commit that readers may see. Stored with
 *	release once for each commit; pairs with the load with acquire that
 *	begins every read, and orders all that the commit linked
 * @era: grows by more than DOCSTORE_MAP_ERAS between the time from which retired
 *	versions can no longer be found and that at which their memory is used again;
 *	the same for the slots of deleted documents. A reader that holds no RCU read
 *	lock loads it with acquire before it begins, @visible_seq included, and throws
 *	away what it has found and copied if it has grown by more than that at the end
 * @buckets: number of buckets of the index
 * @moves: odd while slots move from one bucket to another
 * @limit: where the arena ends, a place; a reader follows none beyond, and loads
 *	this after the place that it compares with it. It never gets less
 * @__reserved: 0
 * @dir: directory blocks of the index
 *
 * All fields are written by the partition's owner alone.
 */
struct docstore_map_partition {
	__aligned_u64 visible_seq;
	__aligned_u64 era;
	__u32 buckets;
	__u32 moves;
	__u32 limit;
	__u32 __reserved[9];
	__u32 dir[DOCSTORE_MAP_DIRS];
};

/**
 * docstore_map_bucket() - the bucket in which a hash belongs
 * @hash: docstore_map_hash() of an id
 * @buckets: number of buckets, at least 1
 *
 * Return: number of the bucket, below @buckets.
 */
static inline __u32 docstore_map_bucket(__u64 hash, __u32 buckets)
{
	/* All ones, up to the highest bit of the last bucket's number. */
	__u32 mask = ~0U >> __builtin_clz((buckets - 1) | 1);
	__u32 bucket = (__u32)hash & mask;

	/* Without a branch, which could not be predicted; of one bucket, too. */
	return bucket & (mask >> (bucket >= buckets));
}

/**
 * docstore_map_partition_of() - the partition in which a hash belongs
 * @hash: docstore_map_hash() of an id
 * @partitions: number of partitions of the store
 *
 * Return: number of the partition, below @partitions.
 */
static inline __u32 docstore_map_partition_of(__u64 hash, __u32 partitions)
{
	return (__u32)(((hash >> 32) * partitions) >> 32);
}

/**
 * docstore_map_tag() - the tag that a slot carries of a hash
 * @hash: docstore_map_hash() of an id
 *
 * Return: 16 bits.
 */
static inline __u32 docstore_map_tag(__u64 hash)
{
	return (__u32)(hash >> 32) & 0xffff;
}

static inline __u64 __docstore_rotl(__u64 x, int n)
{
	return x << n | x >> (64 - n);
}

/* Eight bytes, the first one lowest. */
static inline __u64 __docstore_load(const __u8 *p)
{
	__u64 m;

	__builtin_memcpy(&m, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	m = __builtin_bswap64(m);
#endif
	return m;
}

static inline void __docstore_sip_round(__u64 *v)
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = __docstore_rotl(v[1], 13) ^ v[0];
	v[3] = __docstore_rotl(v[3], 16) ^ v[2];
	v[0] = __docstore_rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = __docstore_rotl(v[1], 17) ^ v[2];
	v[3] = __docstore_rotl(v[3], 21) ^ v[0];
	v[2] = __docstore_rotl(v[2], 32);
}

/* What is left behind whole words of eight bytes, with the length above it. */
static inline __u64 __docstore_last_word(const void *id, __u32 len)
{
	const __u8 *p = (const __u8 *)id;
	__u64 last = (__u64)len << 56;
	__u32 i;

	/*
	 * The last eight bytes hold all that is left; in two shifts, since that may be
	 * nothing, and 64 bits cannot be shifted by 64.
	 */
	if (len >= 8)
		return last | __docstore_load(p + len - 8) >> 1 >> (63 - 8 * (len & 7));
	for (i = 0; i < len; i++)
		last |= (__u64)p[i] << (8 * i);
	return last;
}

/**
 * docstore_map_hash() - SipHash-1-3 of an id, 64 bits
 * @key: the store's key
 * @id: the id
 * @len: its length
 *
 * One round for each word and three at the end: enough against those who choose
 * ids without knowing the key, and it leaves the processor free to begin with
 * the next lookup.
 *
 * Return: the hash.
 */
static inline __u64 docstore_map_hash(const __u64 *key, const void *id,
				      __u32 len)
{
	const __u8 *p = (const __u8 *)id;
	__u64 v[4] = {
		key[0] ^ 0x736f6d6570736575ULL,
		key[1] ^ 0x646f72616e646f6dULL,
		key[0] ^ 0x6c7967656e657261ULL,
		key[1] ^ 0x7465646279746573ULL,
	};
	const __u8 *end = p + (len & ~7U);
	__u64 last = __docstore_last_word(id, len);

	for (; p != end; p += 8) {
		__u64 m = __docstore_load(p);

		v[3] ^= m;
		__docstore_sip_round(v);
		v[0] ^= m;
	}
	v[3] ^= last;
	__docstore_sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	__docstore_sip_round(v);
	__docstore_sip_round(v);
	__docstore_sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif /* _UAPI_LINUX_DOCSTORE_MAP_H */

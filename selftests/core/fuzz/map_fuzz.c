// SPDX-License-Identifier: GPL-2.0
/*
 * The arithmetic of the mapping, for any numbers that may be read out of it,
 * against what its interface says in words; and the library's reader, for any
 * memory that may be found there (map_library.c).
 */
#include <linux/docstore_map.h>

#include "fuzz.h"
#include "hash.h"
#include "input.h"

/*
 * Linear hashing: the table has had 1, 2, 4, ... buckets; the low bits of the
 * hash count, one more of them than at the last of these sizes if there is such
 * a bucket by now.
 */
static uint32_t bucket_of(uint64_t hash, uint32_t buckets)
{
	uint64_t size = 1;

	while (size < buckets)
		size *= 2;
	hash %= 1ULL << 32;
	return (uint32_t)(hash % size < buckets ? hash % size : hash % (size / 2));
}

static uint64_t rotate(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d)
{
	*a += *b;
	*b = rotate(*b, 13) ^ *a;
	*a = rotate(*a, 32);
	*c += *d;
	*d = rotate(*d, 16) ^ *c;
	*a += *d;
	*d = rotate(*d, 21) ^ *a;
	*c += *b;
	*b = rotate(*b, 17) ^ *c;
	*c = rotate(*c, 32);
}

/* SipHash-1-3, from its definition: byte by byte. */
static uint64_t hash_of(const __u64 *key, const uint8_t *id, uint32_t len)
{
	uint64_t a = key[0] ^ 0x736f6d6570736575ULL, b = key[1] ^ 0x646f72616e646f6dULL;
	uint64_t c = key[0] ^ 0x6c7967656e657261ULL, d = key[1] ^ 0x7465646279746573ULL;
	uint32_t word, i;

	for (word = 0; word <= len / 8; word++) {
		uint64_t m = word == len / 8 ? (uint64_t)(len & 255) << 56 : 0;

		for (i = 0; i < 8 && word * 8 + i < len; i++)
			m |= (uint64_t)id[word * 8 + i] << (8 * i);
		d ^= m;
		sip_round(&a, &b, &c, &d);
		a ^= m;
	}
	c ^= 255;
	for (i = 0; i < 3; i++)
		sip_round(&a, &b, &c, &d);
	return a ^ b ^ c ^ d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	uint32_t buckets = (uint32_t)take(&in, 4), partitions, bucket, after;
	__u64 key[2];
	uint64_t hash;
	uint8_t *id;
	size_t len;

	if (!buckets) {
		/* An illegal number: there is nothing to be looked for. */
		(void)take(&in, 1);
		map_library(&in);
		return 0;
	}
	partitions = 1 + take_below(&in, 65536);
	key[0] = take(&in, 8);
	key[1] = take(&in, 8);
	id = take_copy(&in, DOCSTORE_MAX_ID, &len);
	hash = docstore_map_hash(key, id, (uint32_t)len);
	MUST(hash == hash_of(key, id, (uint32_t)len));
	MUST(hash == ds_hash(key, id, (uint32_t)len));
	free(id);

	MUST(docstore_map_partition_of(hash, partitions) < partitions);
	MUST(docstore_map_partition_of(hash, partitions) ==
	     (hash >> 32) * partitions >> 32);
	MUST(docstore_map_tag(hash) == (hash >> 32 & 0xffff));

	bucket = docstore_map_bucket(hash, buckets);
	MUST(bucket < buckets);
	MUST(bucket == bucket_of(hash, buckets));
	/* One bucket more: who moves, moves there. */
	if (buckets == UINT32_MAX)
		return 0;
	after = docstore_map_bucket(hash, buckets + 1);
	MUST(after == bucket || after == buckets);
	return 0;
}

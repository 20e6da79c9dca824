/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdocstore: the hash of an id, for who reads one document.
 *
 * While a read waits for memory, the processor goes ahead to the next one, as long as
 * it finds registers for all that is not done yet. docstore_map_hash() takes half of
 * those for integers, so that hardly any read begins before the one before it ends. In
 * vector registers, of which nothing else is in need, the same hash takes longer, but
 * a read less. Who reads many documents at once has no need of that.
 */
#ifndef LIBDOCSTORE_HASH_H
#define LIBDOCSTORE_HASH_H

#include <stdint.h>
#include <string.h>

#include <linux/docstore_map.h>

#if defined(__SSE2__) && defined(__x86_64__)
#include <emmintrin.h>

static inline __m128i ds_hash_rotate(__m128i v, int bits)
{
	return _mm_or_si128(_mm_slli_epi64(v, bits), _mm_srli_epi64(v, 64 - bits));
}

/* The lower half of one, and the upper half of the other. */
static inline __m128i ds_hash_halves(__m128i lower, __m128i upper)
{
	return _mm_castpd_si128(_mm_move_sd(_mm_castsi128_pd(upper), _mm_castsi128_pd(lower)));
}

/*
 * A round of SipHash, whose state is four words v0 to v3: in @even are v0 and, in the
 * upper half, v2; in @odd v1 and v3. Half of a round does the same to both halves, but
 * for the bits by which @odd is rotated; then v0 and v2 change places, and 32 bits of
 * the one that is in the lower half now change theirs, too.
 */
static inline __attribute__((always_inline)) void ds_hash_round(__m128i *even, __m128i *odd)
{
	__m128i upper;

	*even = _mm_add_epi64(*even, *odd);
	/* By 16, as words. */
	upper = _mm_shufflehi_epi16(*odd, _MM_SHUFFLE(2, 1, 0, 3));
	*odd = _mm_xor_si128(ds_hash_halves(ds_hash_rotate(*odd, 13), upper), *even);
	*even = _mm_shuffle_epi32(*even, _MM_SHUFFLE(0, 1, 3, 2));

	*even = _mm_add_epi64(*even, *odd);
	upper = ds_hash_rotate(*odd, 21);
	*odd = _mm_xor_si128(ds_hash_halves(ds_hash_rotate(*odd, 17), upper), *even);
	*even = _mm_shuffle_epi32(*even, _MM_SHUFFLE(0, 1, 3, 2));
}

static inline __attribute__((always_inline)) void ds_hash_word(__m128i *even, __m128i *odd,
								__m128i word)
{
	*odd = _mm_xor_si128(*odd, _mm_slli_si128(word, 8));
	ds_hash_round(even, odd);
	*even = _mm_xor_si128(*even, word);
}

/*
 * ds_hash() - docstore_map_hash()
 * @key: the store's key
 * @id: the id
 * @len: its length
 *
 * Return: the hash.
 */
static inline __attribute__((always_inline)) uint64_t ds_hash(const __u64 *key, const void *id,
							      uint32_t len)
{
	const __m128i even_begin = _mm_set_epi64x(0x6c7967656e657261LL, 0x736f6d6570736575LL);
	const __m128i odd_begin = _mm_set_epi64x(0x7465646279746573LL, 0x646f72616e646f6dLL);
	const __m128i end_mark = _mm_set_epi64x(0xff, 0);
	const unsigned char *p = id, *end = p + (len & ~7U);
	__m128i keys = _mm_loadu_si128((const void *)key);
	__m128i even = _mm_xor_si128(_mm_unpacklo_epi64(keys, keys), even_begin);
	__m128i odd = _mm_xor_si128(_mm_unpackhi_epi64(keys, keys), odd_begin);
	uint64_t last = __docstore_last_word(id, len);

	for (; p != end; p += 8)
		ds_hash_word(&even, &odd, _mm_loadl_epi64((const void *)p));
	ds_hash_word(&even, &odd, _mm_cvtsi64_si128((long long)last));
	even = _mm_xor_si128(even, end_mark);
	ds_hash_round(&even, &odd);
	ds_hash_round(&even, &odd);
	ds_hash_round(&even, &odd);
	even = _mm_xor_si128(even, odd);
	even = _mm_xor_si128(even, _mm_unpackhi_epi64(even, even));
	return (uint64_t)_mm_cvtsi128_si64(even);
}

#else

static inline uint64_t ds_hash(const __u64 *key, const void *id, uint32_t len)
{
	return docstore_map_hash(key, id, len);
}

#endif

#endif /* LIBDOCSTORE_HASH_H */

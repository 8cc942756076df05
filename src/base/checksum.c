#include "base/checksum.h"
#include <stdatomic.h>

typedef uint64_t (*add_fn)(uint64_t sum, const void *data, size_t len);

/* Halves of a 64-bit word, so that carries gather in the upper half of the sum. */
static uint64_t add_halves(uint64_t sum, uint64_t word)
{
	return sum + (word >> 32) + (word & 0xffffffff);
}

static uint64_t add_word(uint64_t sum, const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return add_halves(sum, word);
}

/* A 64-bit word with the carry added at the other end. */
static inline uint64_t add_carrying(uint64_t sum, const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return __builtin_add_overflow(sum, word, &sum) ? sum + 1 : sum;
}

/* Up to seven bytes. */
static uint64_t add_tail(uint64_t sum, const uint8_t *p, size_t len)
{
	if (len & 4) {
		uint32_t word;
		memcpy(&word, p, sizeof(word));
		sum += word;
		p += 4;
	}
	if (len & 2) {
		uint16_t word;
		memcpy(&word, p, sizeof(word));
		sum += word;
		p += 2;
	}
	return len & 1 ? sum + wm_checksum_be16((uint16_t)(*p << 8)) : sum;
}

uint64_t wm_checksum_add_portable(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	if (len >= 32) {
		/* Four, for each addition waits for the carry of the one before. */
		uint64_t a = 0, b = 0, c = 0, d = 0;
		for (; len >= 32; p += 32, len -= 32) {
			a = add_carrying(a, p);
			b = add_carrying(b, p + 8);
			c = add_carrying(c, p + 16);
			d = add_carrying(d, p + 24);
		}
		sum = add_halves(add_halves(add_halves(add_halves(sum, a), b), c), d);
	}
	for (; len >= 8; p += 8, len -= 8)
		sum = add_word(sum, p);
	return add_tail(sum, p, len);
}

uint64_t wm_checksum_pseudo4(const uint8_t addresses[8], uint8_t protocol, uint16_t len)
{
	return add_word(wm_checksum_be16(protocol) + wm_checksum_be16(len), addresses);
}

uint64_t wm_checksum_pseudo6(const uint8_t addresses[32], uint8_t protocol, uint32_t len)
{
	uint64_t sum = wm_checksum_be16(protocol) + wm_checksum_be32(len);
	for (unsigned i = 0; i < 32; i += 8)
		sum = add_word(sum, addresses + i);
	return sum;
}

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* The 32-bit words of @x, each widened to 64 bits, onto the four sums of @sums. */
static inline AVX2 __m256i add_vector(__m256i sums, const uint8_t *p)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i x = _mm256_loadu_si256((const __m256i *)(const void *)p);
	sums = _mm256_add_epi64(sums, _mm256_unpacklo_epi32(x, zero));
	return _mm256_add_epi64(sums, _mm256_unpackhi_epi32(x, zero));
}

static AVX2 uint64_t add_avx2(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	__m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
	for (; len >= 128; p += 128, len -= 128) {
		a = add_vector(a, p);
		b = add_vector(b, p + 32);
		c = add_vector(c, p + 64);
		d = add_vector(d, p + 96);
	}
	for (; len >= 32; p += 32, len -= 32)
		a = add_vector(a, p);
	a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
	uint64_t sums[4];
	memcpy(sums, &a, sizeof(sums));
	return wm_checksum_add_portable(sum + sums[0] + sums[1] + sums[2] + sums[3], p, len);
}
#endif

static uint64_t choose_and_add(uint64_t sum, const void *data, size_t len);

/* Chosen by the first caller. Atomic, for several may be first; they choose the same. */
static _Atomic add_fn add_long = choose_and_add;

static uint64_t choose_and_add(uint64_t sum, const void *data, size_t len)
{
	add_fn best = wm_checksum_add_portable;
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		best = add_avx2;
#endif
	atomic_store_explicit(&add_long, best, memory_order_relaxed);
	return best(sum, data, len);
}

uint64_t wm_checksum_add(uint64_t sum, const void *data, size_t len)
{
	/* What is shorter has nothing to gain. */
	if (len < 128)
		return wm_checksum_add_portable(sum, data, len);
	return atomic_load_explicit(&add_long, memory_order_relaxed)(sum, data, len);
}

#pragma once
/*
 * Hashes, and what WireGuard builds from BLAKE2s. Pure functions over contexts that each thread
 * keeps for itself; nothing is allocated after a thread's first call, and nothing fails. An output
 * may be the same memory as an input.
 */
#include <stddef.h>
#include <stdint.h>

#define WM_SHA256_SIZE  32
#define WM_SHA512_SIZE  64
#define WM_BLAKE2S_SIZE 32

void wm_hash_sha256(const void *p, size_t n, uint8_t out[WM_SHA256_SIZE]);
void wm_hash_sha512(const void *p, size_t n, uint8_t out[WM_SHA512_SIZE]);
/* BLAKE2s-256 of @a then @b; @b_len may be 0. */
void wm_hash_blake2s(const void *a, size_t a_len, const void *b, size_t b_len,
		     uint8_t out[WM_BLAKE2S_SIZE]);
/* Keyed BLAKE2s: @key_len 1..32; @out_len 16 or 32 is the digest's own length, not a cut. */
void wm_hash_blake2s_mac(const void *key, size_t key_len, const void *p, size_t n, void *out,
			 size_t out_len);
/* HMAC over BLAKE2s-256 of @a then @b; @key_len is at most 64; @b_len may be 0. */
void wm_hash_hmac_blake2s(const void *key, size_t key_len, const void *a, size_t a_len,
			  const void *b, size_t b_len, uint8_t out[WM_BLAKE2S_SIZE]);
/* WireGuard's KDF1, KDF2, KDF3: as many outputs as are not NULL, from the first on. */
void wm_hash_kdf(const uint8_t chain[WM_BLAKE2S_SIZE], const void *p, size_t n, uint8_t *out1,
		 uint8_t *out2, uint8_t *out3);

#pragma once
/* Diffie-Hellman on Curve25519 (RFC 7748). Pure, constant time, any thread, nothing allocated. */
#include <stdbool.h>
#include <stdint.h>

#define WM_X25519_SIZE 32

/* 32 random bytes, clamped. */
void wm_x25519_generate(uint8_t private_key[WM_X25519_SIZE]);
/* The public key of @private_key (clamped on the way in, as always with this function). */
void wm_x25519_public(const uint8_t private_key[WM_X25519_SIZE], uint8_t out[WM_X25519_SIZE]);
/* False when the result is all zero, that is when @public_key is a point of small order. */
bool wm_x25519_shared(const uint8_t private_key[WM_X25519_SIZE],
		      const uint8_t public_key[WM_X25519_SIZE], uint8_t out[WM_X25519_SIZE])
	__attribute__((warn_unused_result));

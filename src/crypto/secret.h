#pragma once
/*
 * A secret of at most 64 bytes: a private key, a shared secret, a pre-shared key. It is embedded by
 * its owner, wiped by fini, compared in constant time, and has no text form: what turns a key into
 * text says so by its own name (crypto/key.h). A zeroed struct is the empty secret. One thread at a
 * time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_SECRET_MAX 64

struct wm_secret {
	uint8_t bytes[WM_SECRET_MAX];
	size_t size;
};

/* Copies @n bytes in, after wiping what was there; @n is at most WM_SECRET_MAX. */
void wm_secret_set(struct wm_secret *s, const void *p, size_t n);
/* Fills the secret with @n random bytes. */
void wm_secret_generate(struct wm_secret *s, size_t n);
/* Wipes all 64 bytes and the size; may be called again. Fits WM_AUTO. */
void wm_secret_fini(struct wm_secret *s);
/* True for the same bytes; the time depends on the sizes only. */
bool wm_secret_equal(const struct wm_secret *a, const struct wm_secret *b);
/* True while nothing is in it. */
bool wm_secret_is_empty(const struct wm_secret *s);

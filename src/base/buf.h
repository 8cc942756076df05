#pragma once
/*
 * A growable byte buffer, owned by whoever embeds it. Always has a NUL behind its content, so text
 * built in it can be read as a C string. One thread at a time.
 */
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct wm_buf {
	uint8_t *data; /* NULL while nothing was ever added */
	size_t len;
	size_t cap;
};

/* A zeroed struct is an empty buffer; fini may be called on it and again later. */
void wm_buf_fini(struct wm_buf *b);
/* Keeps the memory, forgets the content. */
void wm_buf_clear(struct wm_buf *b);
/* Room for @n more bytes at the returned place; wm_buf_commit says how many were written. */
uint8_t *wm_buf_reserve(struct wm_buf *b, size_t n);
void wm_buf_commit(struct wm_buf *b, size_t n);
void wm_buf_add(struct wm_buf *b, const void *p, size_t n);
void wm_buf_add_str(struct wm_buf *b, const char *s);
void wm_buf_printf(struct wm_buf *b, const char *fmt, ...) WM_PRINTF(2, 3);
/* Drops @n bytes from the front. */
void wm_buf_consume(struct wm_buf *b, size_t n);
/* The content as a C string (never NULL), borrowed. */
const char *wm_buf_str(const struct wm_buf *b);
/* Takes the memory away from the buffer; the caller frees it. Never NULL. */
char *wm_buf_take(struct wm_buf *b);

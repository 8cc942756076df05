#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_CAP 64

void wm_buf_fini(struct wm_buf *b)
{
	wm_free(b->data);
	*b = (struct wm_buf){0};
}

void wm_buf_clear(struct wm_buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

uint8_t *wm_buf_reserve(struct wm_buf *b, size_t n)
{
	size_t cap = b->cap != 0 ? b->cap : FIRST_CAP;

	if (n >= SIZE_MAX / 2 - b->len)
		abort();
	while (cap < b->len + n + 1)
		cap *= 2;
	if (cap != b->cap) {
		b->data = wm_realloc(b->data, cap);
		b->cap = cap;
		b->data[b->len] = '\0';
	}
	return b->data + b->len;
}

void wm_buf_commit(struct wm_buf *b, size_t n)
{
	if (n == 0)
		return;
	assert(n < b->cap - b->len);
	b->len += n;
	b->data[b->len] = '\0';
}

void wm_buf_add(struct wm_buf *b, const void *p, size_t n)
{
	uint8_t *at = wm_buf_reserve(b, n);

	if (n != 0)
		memcpy(at, p, n);
	wm_buf_commit(b, n);
}

void wm_buf_add_str(struct wm_buf *b, const char *s)
{
	wm_buf_add(b, s, strlen(s));
}

void wm_buf_printf(struct wm_buf *b, const char *fmt, ...)
{
	va_list ap;
	uint8_t *at;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n <= 0)
		return;
	at = wm_buf_reserve(b, (size_t)n);
	va_start(ap, fmt);
	vsnprintf((char *)at, (size_t)n + 1, fmt, ap);
	va_end(ap);
	wm_buf_commit(b, (size_t)n);
}

void wm_buf_consume(struct wm_buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len + 1);
}

const char *wm_buf_str(const struct wm_buf *b)
{
	return b->data != NULL ? (const char *)b->data : "";
}

char *wm_buf_take(struct wm_buf *b)
{
	char *s = b->data != NULL ? (char *)b->data : wm_strdup("");

	*b = (struct wm_buf){0};
	return s;
}

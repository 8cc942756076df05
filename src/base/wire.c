#include "base/wire.h"

#include <string.h>

void wm_wire_init_read(struct wm_wire *w, const void *data, size_t len)
{
	/* Only the put functions write through pos, and nobody calls them on such a cursor. */
	wm_wire_init_write(w, (void *)(uintptr_t)data, len);
}

void wm_wire_init_write(struct wm_wire *w, void *data, size_t len)
{
	w->pos = data;
	w->end = len != 0 ? w->pos + len : w->pos;
	w->bad = false;
}

bool wm_wire_ok(const struct wm_wire *w)
{
	return !w->bad;
}

void wm_wire_fail(struct wm_wire *w)
{
	w->bad = true;
}

size_t wm_wire_left(const struct wm_wire *w)
{
	return w->bad ? 0 : (size_t)(w->end - w->pos);
}

/* The place of the next @n bytes, behind which the cursor moves; NULL when they do not fit. */
static uint8_t *take(struct wm_wire *w, size_t n)
{
	uint8_t *at = w->pos;

	if (w->bad || (size_t)(w->end - w->pos) < n) {
		w->bad = true;
		return NULL;
	}
	if (n != 0)
		w->pos += n;
	return at;
}

static uint64_t get_be(struct wm_wire *w, size_t n)
{
	const uint8_t *p = take(w, n);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static uint64_t get_le(struct wm_wire *w, size_t n)
{
	const uint8_t *p = take(w, n);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = n; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

uint8_t wm_wire_get_u8(struct wm_wire *w)
{
	return (uint8_t)get_be(w, 1);
}

uint16_t wm_wire_get_be16(struct wm_wire *w)
{
	return (uint16_t)get_be(w, 2);
}

uint32_t wm_wire_get_be32(struct wm_wire *w)
{
	return (uint32_t)get_be(w, 4);
}

uint64_t wm_wire_get_be64(struct wm_wire *w)
{
	return get_be(w, 8);
}

uint16_t wm_wire_get_le16(struct wm_wire *w)
{
	return (uint16_t)get_le(w, 2);
}

uint32_t wm_wire_get_le32(struct wm_wire *w)
{
	return (uint32_t)get_le(w, 4);
}

uint64_t wm_wire_get_le64(struct wm_wire *w)
{
	return get_le(w, 8);
}

uint64_t wm_wire_get_varint(struct wm_wire *w)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		const uint8_t *p = take(w, 1);

		if (p == NULL)
			return 0;
		if (shift == 63 && *p > 1)
			break; /* more than 64 bits */
		v |= (uint64_t)(*p & 0x7f) << shift;
		if (*p < 0x80)
			return v;
	}
	w->bad = true;
	return 0;
}

void wm_wire_get(struct wm_wire *w, void *out, size_t n)
{
	const uint8_t *p = take(w, n);

	if (n == 0)
		return;
	if (p != NULL)
		memcpy(out, p, n);
	else
		memset(out, 0, n);
}

const uint8_t *wm_wire_skip(struct wm_wire *w, size_t n)
{
	return take(w, n);
}

static void put_be(struct wm_wire *w, uint64_t v, size_t n)
{
	uint8_t *p = take(w, n);

	if (p == NULL)
		return;
	for (size_t i = n; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

static void put_le(struct wm_wire *w, uint64_t v, size_t n)
{
	uint8_t *p = take(w, n);

	if (p == NULL)
		return;
	for (size_t i = 0; i < n; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

void wm_wire_put_u8(struct wm_wire *w, uint8_t v)
{
	put_be(w, v, 1);
}

void wm_wire_put_be16(struct wm_wire *w, uint16_t v)
{
	put_be(w, v, 2);
}

void wm_wire_put_be32(struct wm_wire *w, uint32_t v)
{
	put_be(w, v, 4);
}

void wm_wire_put_be64(struct wm_wire *w, uint64_t v)
{
	put_be(w, v, 8);
}

void wm_wire_put_le16(struct wm_wire *w, uint16_t v)
{
	put_le(w, v, 2);
}

void wm_wire_put_le32(struct wm_wire *w, uint32_t v)
{
	put_le(w, v, 4);
}

void wm_wire_put_le64(struct wm_wire *w, uint64_t v)
{
	put_le(w, v, 8);
}

void wm_wire_put_varint(struct wm_wire *w, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (uint8_t)(v | 0x80);
	bytes[n++] = (uint8_t)v;
	wm_wire_put(w, bytes, n);
}

void wm_wire_put(struct wm_wire *w, const void *p, size_t n)
{
	uint8_t *at = take(w, n);

	if (at != NULL && n != 0)
		memcpy(at, p, n);
}

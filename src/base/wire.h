#pragma once
/*
 * A sticky cursor over bytes: after the first read or write that does not fit, every further one
 * does nothing and reads give zero, so a decoder reads straight down and checks wm_wire_ok once.
 * Holds no memory of its own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_wire {
	uint8_t *pos;
	uint8_t *end;
	bool bad;
};

/* Over bytes that are only read. */
void wm_wire_init_read(struct wm_wire *w, const void *data, size_t len);
void wm_wire_init_write(struct wm_wire *w, void *data, size_t len);
bool wm_wire_ok(const struct wm_wire *w);
/* Marks the cursor bad, for a value that is malformed in itself. */
void wm_wire_fail(struct wm_wire *w);
size_t wm_wire_left(const struct wm_wire *w);

uint8_t wm_wire_get_u8(struct wm_wire *w);
uint16_t wm_wire_get_be16(struct wm_wire *w);
uint32_t wm_wire_get_be32(struct wm_wire *w);
uint64_t wm_wire_get_be64(struct wm_wire *w);
uint16_t wm_wire_get_le16(struct wm_wire *w);
uint32_t wm_wire_get_le32(struct wm_wire *w);
uint64_t wm_wire_get_le64(struct wm_wire *w);
/* A base-128 varint of at most ten bytes (protobuf's). */
uint64_t wm_wire_get_varint(struct wm_wire *w);
/* Copies @n bytes out; zeroes @out when they are not there. */
void wm_wire_get(struct wm_wire *w, void *out, size_t n);
/* A pointer to @n bytes in place, or NULL; borrowed from the input. */
const uint8_t *wm_wire_skip(struct wm_wire *w, size_t n);

void wm_wire_put_u8(struct wm_wire *w, uint8_t v);
void wm_wire_put_be16(struct wm_wire *w, uint16_t v);
void wm_wire_put_be32(struct wm_wire *w, uint32_t v);
void wm_wire_put_be64(struct wm_wire *w, uint64_t v);
void wm_wire_put_le16(struct wm_wire *w, uint16_t v);
void wm_wire_put_le32(struct wm_wire *w, uint32_t v);
void wm_wire_put_le64(struct wm_wire *w, uint64_t v);
void wm_wire_put_varint(struct wm_wire *w, uint64_t v);
void wm_wire_put(struct wm_wire *w, const void *p, size_t n);

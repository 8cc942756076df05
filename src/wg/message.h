#pragma once
/*
 * The four messages on the wire, as byte arrays only: no padding, no alignment, no byte order of
 * the machine. A received datagram is looked at through these structs after demux has checked its
 * length.
 */
#include <stdint.h>

#define WM_WG_TAG       16
#define WM_WG_MAC       16
#define WM_WG_TIMESTAMP 12

enum wm_wg_type {
	WM_WG_INITIATION = 1,
	WM_WG_RESPONSE = 2,
	WM_WG_COOKIE = 3,
	WM_WG_DATA = 4,
};

struct wm_wg_macs {
	uint8_t mac1[WM_WG_MAC];
	uint8_t mac2[WM_WG_MAC];
};

struct wm_wg_initiation {
	uint8_t type[4];
	uint8_t sender[4];
	uint8_t ephemeral[32];
	uint8_t sealed_static[32 + WM_WG_TAG];
	uint8_t sealed_timestamp[WM_WG_TIMESTAMP + WM_WG_TAG];
	struct wm_wg_macs macs;
};

struct wm_wg_response {
	uint8_t type[4];
	uint8_t sender[4];
	uint8_t receiver[4];
	uint8_t ephemeral[32];
	uint8_t sealed_nothing[WM_WG_TAG];
	struct wm_wg_macs macs;
};

struct wm_wg_cookie_reply {
	uint8_t type[4];
	uint8_t receiver[4];
	uint8_t nonce[24];
	uint8_t sealed_cookie[WM_WG_MAC + WM_WG_TAG];
};

/* Ciphertext and tag follow. */
struct wm_wg_data {
	uint8_t type[4];
	uint8_t receiver[4];
	uint8_t counter[8];
};

_Static_assert(sizeof(struct wm_wg_initiation) == 148, "initiation");
_Static_assert(sizeof(struct wm_wg_response) == 92, "response");
_Static_assert(sizeof(struct wm_wg_cookie_reply) == 64, "cookie reply");
_Static_assert(sizeof(struct wm_wg_data) == 16, "data");

#define WM_WG_HANDSHAKE_MAX sizeof(struct wm_wg_initiation)
#define WM_WG_DATA_MIN      (sizeof(struct wm_wg_data) + WM_WG_TAG)

static inline uint32_t wm_wg_get_le32(const uint8_t p[4])
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t wm_wg_get_le64(const uint8_t p[8])
{
	return (uint64_t)wm_wg_get_le32(p) | (uint64_t)wm_wg_get_le32(p + 4) << 32;
}

static inline void wm_wg_put_le32(uint8_t p[4], uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline void wm_wg_put_le64(uint8_t p[8], uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

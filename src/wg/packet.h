#pragma once
/*
 * Where the fields of IP, TCP and UDP headers stand (RFC 791, 8200, 9293, 768), in bytes from the
 * begin of each header, and access to them at any alignment. Pure; any thread.
 */
#include <stdint.h>
#include <string.h>

enum {
	WM_IP4_HEADER = 20, /* without options */
	WM_IP4_LENGTH = 2,
	WM_IP4_ID = 4,
	WM_IP4_FRAGMENT = 6,
	WM_IP4_PROTOCOL = 9,
	WM_IP4_CHECKSUM = 10,
	WM_IP4_ADDRESSES = 12,

	WM_IP6_HEADER = 40,
	WM_IP6_LENGTH = 4,
	WM_IP6_NEXT = 6,
	WM_IP6_ADDRESSES = 8,

	WM_TCP_HEADER = 20, /* without options */
	WM_TCP_SEQ = 4,
	WM_TCP_ACK = 8,
	WM_TCP_OFFSET = 12, /* of the payload, in the upper half, and flags in the lower */
	WM_TCP_FLAGS = 13,
	WM_TCP_WINDOW = 14,
	WM_TCP_CHECKSUM = 16,
	WM_TCP_URGENT = 18,

	WM_UDP_HEADER = 8,
	WM_UDP_LENGTH = 4,
	WM_UDP_CHECKSUM = 6,
};

enum { WM_PROTOCOL_TCP = 6, WM_PROTOCOL_UDP = 17 };

#define WM_IP4_DONT_FRAGMENT 0x4000 /* of WM_IP4_FRAGMENT */
#define WM_IP4_IS_FRAGMENT   0x3fff /* more follow, or not the first */

enum {
	WM_TCP_FIN = 0x01,
	WM_TCP_SYN = 0x02,
	WM_TCP_RST = 0x04,
	WM_TCP_PSH = 0x08,
	WM_TCP_ACKS = 0x10,
	WM_TCP_URG = 0x20,
	WM_TCP_CWR = 0x80,
};

static inline uint16_t wm_wg_get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t wm_wg_get_be32(const uint8_t *p)
{
	return (uint32_t)wm_wg_get_be16(p) << 16 | wm_wg_get_be16(p + 2);
}

static inline void wm_wg_put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void wm_wg_put_be32(uint8_t *p, uint32_t v)
{
	wm_wg_put_be16(p, (uint16_t)(v >> 16));
	wm_wg_put_be16(p + 2, (uint16_t)v);
}

/* Stores a checksum that is already as it lies in memory (base/checksum.h). */
static inline void wm_wg_put_checksum(uint8_t *p, uint16_t checksum)
{
	memcpy(p, &checksum, sizeof(checksum));
}

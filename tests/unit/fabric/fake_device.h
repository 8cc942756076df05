#pragma once
/*
 * A WireGuard device in memory, in place of wg/device.h's: keeps its peers, counts along with
 * platform/fake, refuses a key on demand. One per process.
 */
#include "platform/wgconfig.h"
#include <stdbool.h>

#define FAKE_DEVICE_LINK 7

struct fake_peer {
	uint8_t key[WM_WG_KEY];
	struct wm_endpoint endpoint;
	uint16_t keepalive_s;
	unsigned n_endpoint_pushes, n_greets;
	struct wm_prefix allowed[64];
	size_t n_allowed;
};

struct wm_wg_device *fake_device(void);
void fake_device_reset(void);
/* Its interface outlives the process from now on. */
void fake_device_be_kernel(void);
const struct fake_peer *fake_device_peer(const uint8_t key[WM_WG_KEY]);
size_t fake_device_n_peers(void);
/* A wish that mentions this key (its first byte) fails as a whole; 0 = none. */
void fake_device_refuse(uint8_t first_byte);
/* The interface has been taken over from a predecessor. */
void fake_device_inherit(void);
/* As when the peer was heard of from elsewhere. */
void fake_device_roam(const uint8_t key[WM_WG_KEY], const char *endpoint);
bool fake_peer_allows(const struct fake_peer *p, const char *prefix);
unsigned fake_device_n_configures(void);

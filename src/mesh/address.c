/* Addresses that follow from keys and seeds. */
#include <string.h>

#include "base/clock.h"
#include "base/wire.h"
#include "crypto/hash.h"
#include "mesh/leases.h"

#define NTP_EPOCH 2208988800ull /* seconds from 1900 to 1970 */

int wm_ipv6_of_key(const struct wm_prefix *mesh, const struct wm_pubkey *key, struct wm_prefix *out,
		   struct wm_err *err)
{
	uint8_t wireguard[WM_X25519_SIZE], hash[WM_SHA256_SIZE];
	int rc = wm_pubkey_wireguard(key, wireguard, err);

	if (rc != 0)
		return rc;
	wm_hash_sha256(wireguard, sizeof(wireguard), hash);
	*out = (struct wm_prefix){.addr.family = WM_IPV6, .bits = 112};
	memcpy(out->addr.bytes, mesh->addr.bytes, 6);
	memcpy(out->addr.bytes + 6, hash, 8);
	return 0;
}

struct wm_prefix wm_ula_from_seed(const void *seed, size_t len)
{
	struct wm_prefix p = {.addr.family = WM_IPV6, .bits = 48};
	uint8_t hash[WM_SHA256_SIZE];

	wm_hash_sha256(seed, len, hash);
	p.addr.bytes[0] = 0xfd;
	memcpy(p.addr.bytes + 1, hash, 5);
	return p;
}

void wm_ula_seed(int64_t wall_ns, const uint8_t mac[6], uint8_t out[16])
{
	uint64_t seconds = (uint64_t)(wall_ns / WM_NS_PER_S) + NTP_EPOCH;
	uint64_t fraction = ((uint64_t)(wall_ns % WM_NS_PER_S) << 32) / (uint64_t)WM_NS_PER_S;
	struct wm_wire w;

	wm_wire_init_write(&w, out, 16);
	wm_wire_put_be32(&w, (uint32_t)seconds);
	wm_wire_put_be32(&w, (uint32_t)fraction);
	wm_wire_put_u8(&w, mac[0] | 2);
	wm_wire_put(&w, mac + 1, 2);
	wm_wire_put_be16(&w, 0xfffe);
	wm_wire_put(&w, mac + 3, 3);
}

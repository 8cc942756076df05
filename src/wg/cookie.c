#include "wg/cookie.h"
#include "base/mem.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include <string.h>

static void derive_keys(const uint8_t public_key[32], uint8_t mac1_key[32], uint8_t cookie_key[32])
{
	wm_hash_blake2s("mac1----", 8, public_key, 32, mac1_key);
	wm_hash_blake2s("cookie--", 8, public_key, 32, cookie_key);
}

static struct wm_wg_macs *macs_of(void *msg, size_t len)
{
	return (struct wm_wg_macs *)((uint8_t *)msg + len - sizeof(struct wm_wg_macs));
}

static void compute_mac1(const uint8_t key[32], const void *msg, size_t len, uint8_t out[WM_WG_MAC])
{
	wm_hash_blake2s_mac(key, 32, msg, len - sizeof(struct wm_wg_macs), out, WM_WG_MAC);
}

static void compute_mac2(const uint8_t cookie[WM_WG_MAC], const void *msg, size_t len,
			 uint8_t out[WM_WG_MAC])
{
	wm_hash_blake2s_mac(cookie, WM_WG_MAC, msg, len - WM_WG_MAC, out, WM_WG_MAC);
}

/* The cookie of a source address and port. */
static void compute_cookie(const struct wm_wg_checker *c, const struct wm_endpoint *from,
			   uint8_t out[WM_WG_MAC])
{
	uint8_t text[18];
	size_t n = from->addr.family == WM_IPV6 ? 16 : 4;
	memcpy(text, from->addr.bytes, n);
	text[n++] = (uint8_t)(from->port >> 8);
	text[n++] = (uint8_t)from->port;
	wm_hash_blake2s_mac(c->secret, sizeof(c->secret), text, n, out, WM_WG_MAC);
}

void wm_wg_checker_set(struct wm_wg_checker *c, const uint8_t public_key[32])
{
	derive_keys(public_key, c->mac1_key, c->cookie_key);
}

bool wm_wg_checker_is_due(const struct wm_wg_checker *c, int64_t now)
{
	return c->secret_at == 0 || now - c->secret_at >= WM_WG_COOKIE_LIFE_NS;
}

void wm_wg_checker_set_secret(struct wm_wg_checker *c, const uint8_t secret[32], int64_t now)
{
	memcpy(c->secret, secret, sizeof(c->secret));
	c->secret_at = now != 0 ? now : 1;
}

enum wm_wg_mac_state wm_wg_checker_check(const struct wm_wg_checker *c, const void *msg, size_t len,
					 const struct wm_endpoint *from)
{
	uint8_t mac[WM_WG_MAC], cookie[WM_WG_MAC];
	struct wm_wg_macs macs;
	memcpy(&macs, (const uint8_t *)msg + len - sizeof(macs), sizeof(macs));
	compute_mac1(c->mac1_key, msg, len, mac);
	if (!wm_equal_secret(mac, macs.mac1, sizeof(mac)))
		return WM_WG_MAC_BAD;
	if (c->secret_at == 0)
		return WM_WG_MAC_FIRST;
	compute_cookie(c, from, cookie);
	compute_mac2(cookie, msg, len, mac);
	return wm_equal_secret(mac, macs.mac2, sizeof(mac)) ? WM_WG_MAC_COOKIE : WM_WG_MAC_FIRST;
}

void wm_wg_cookie_create(const struct wm_wg_checker *c, const void *msg, size_t len,
			 const struct wm_endpoint *from, const uint8_t nonce[24],
			 struct wm_wg_cookie_reply *out)
{
	uint8_t cookie[WM_WG_MAC];
	const uint8_t *bytes = msg;
	compute_cookie(c, from, cookie);
	wm_wg_put_le32(out->type, WM_WG_COOKIE);
	memcpy(out->receiver, bytes + 4, sizeof(out->receiver)); /* the sender's index */
	memcpy(out->nonce, nonce, sizeof(out->nonce));
	wm_xaead_seal(c->cookie_key, nonce, bytes + len - sizeof(struct wm_wg_macs), WM_WG_MAC,
		      cookie, sizeof(cookie), out->sealed_cookie);
	wm_wipe(cookie, sizeof(cookie));
}

void wm_wg_jar_set(struct wm_wg_jar *j, const uint8_t peer_public_key[32])
{
	memset(j, 0, sizeof(*j));
	derive_keys(peer_public_key, j->mac1_key, j->cookie_key);
}

void wm_wg_jar_stamp(struct wm_wg_jar *j, void *msg, size_t len, int64_t now)
{
	struct wm_wg_macs *macs = macs_of(msg, len);
	compute_mac1(j->mac1_key, msg, len, macs->mac1);
	memcpy(j->last_mac1, macs->mac1, sizeof(j->last_mac1));
	j->has_last_mac1 = true;
	/* Some seconds less than the giver's two minutes, for the way there. */
	if (j->cookie_at != 0 && now - j->cookie_at < WM_WG_COOKIE_LIFE_NS - 5000000000LL)
		compute_mac2(j->cookie, msg, len, macs->mac2);
	else
		memset(macs->mac2, 0, sizeof(macs->mac2));
}

bool wm_wg_cookie_consume(struct wm_wg_jar *j, const struct wm_wg_cookie_reply *msg, int64_t now)
{
	uint8_t cookie[WM_WG_MAC];
	if (!j->has_last_mac1 ||
	    !wm_xaead_open(j->cookie_key, msg->nonce, j->last_mac1, sizeof(j->last_mac1),
			   msg->sealed_cookie, sizeof(msg->sealed_cookie), cookie))
		return false;
	memcpy(j->cookie, cookie, sizeof(cookie));
	j->cookie_at = now != 0 ? now : 1;
	j->has_last_mac1 = false;
	return true;
}

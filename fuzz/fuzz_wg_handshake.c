/*
 * Handshake messages on their way between two parties, disturbed by the input: its first byte says
 * which message and whether the disturber knows how to mend the first MAC; the rest is what
 * changes, bit by bit, from the message's start. A message arrives if and only if nothing that is
 * authenticated was changed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "wg/cookie.h"
#include "wg/noise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct parties {
	struct wm_wg_identity a, b;
	struct wm_wg_remote a_of_b, b_of_a;
	struct wm_wg_checker checker; /* b's */
	struct wm_wg_jar jar;         /* a's, for b */
	struct wm_endpoint from;
	struct wm_wg_initiator initiator;
	struct wm_wg_initiation hello;
	struct wm_wg_response reply;
	struct wm_wg_cookie_reply cookie;
};

static struct parties parties;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* One handshake without disturbance, whose messages are then disturbed one by one. */
static void set_up(struct parties *p)
{
	static const uint8_t key_a[32] = {8, 1}, key_b[32] = {16, 2}, psk[32] = {3};
	static const uint8_t ephemeral[32] = {24, 4}, timestamp[12] = {5}, nonce[24] = {6};
	struct wm_wg_responder responder;
	struct wm_wg_keys keys;
	uint8_t seen[12];
	wm_wg_identity_set(&p->a, key_a);
	wm_wg_identity_set(&p->b, key_b);
	wm_wg_remote_set(&p->a_of_b, &p->a, p->b.public_key, psk);
	wm_wg_remote_set(&p->b_of_a, &p->b, p->a.public_key, psk);
	wm_wg_checker_set(&p->checker, p->b.public_key);
	wm_wg_checker_set_secret(&p->checker, psk, 1);
	wm_wg_jar_set(&p->jar, p->b.public_key);
	must(wm_endpoint_parse("192.0.2.1:1", &p->from));
	must(wm_wg_initiation_create(&p->initiator, &p->a, &p->a_of_b, 7, ephemeral, timestamp,
				     &p->hello));
	wm_wg_jar_stamp(&p->jar, &p->hello, sizeof(p->hello), 1);
	must(wm_wg_initiation_open(&responder, &p->b, &p->hello) == WM_DROP_NONE);
	must(wm_wg_initiation_verify(&responder, &p->b_of_a, &p->hello, seen) == WM_DROP_NONE);
	must(wm_wg_response_create(&responder, &p->b_of_a, 9, ephemeral, &p->reply, &keys) ==
	     WM_DROP_NONE);
	wm_wg_cookie_create(&p->checker, &p->hello, sizeof(p->hello), &p->from, nonce, &p->cookie);
}

/* True when bytes from..to of the message were changed. */
static bool disturb(uint8_t *msg, size_t len, const uint8_t *data, size_t size, size_t from,
		    size_t to)
{
	bool changed = false;
	for (size_t i = 0; i < len && i < size; i++) {
		msg[i] ^= data[i];
		changed |= data[i] != 0 && i >= from && i < to;
	}
	return changed;
}

static void mend_mac(uint8_t *msg, size_t len)
{
	wm_hash_blake2s_mac(parties.checker.mac1_key, 32, msg, len - 32, msg + len - 32, 16);
}

static void try_initiation(const uint8_t *data, size_t size, bool mends)
{
	struct wm_wg_initiation msg = parties.hello;
	struct wm_wg_responder responder;
	uint8_t timestamp[12], *bytes = (uint8_t *)&msg;
	bool is_other = disturb(bytes, sizeof(msg), data, size, 8, 116);
	if (mends)
		mend_mac(bytes, sizeof(msg));
	bool changed_any = memcmp(&msg, &parties.hello, sizeof(msg) - 16) != 0;
	enum wm_wg_mac_state mac =
		wm_wg_checker_check(&parties.checker, &msg, sizeof(msg), &parties.from);
	must(mac != WM_WG_MAC_COOKIE);
	must((mac == WM_WG_MAC_BAD) == (changed_any && !mends));
	bool is_open = wm_wg_initiation_open(&responder, &parties.b, &msg) == WM_DROP_NONE &&
		       wm_wg_initiation_verify(&responder, &parties.b_of_a, &msg, timestamp) ==
			       WM_DROP_NONE;
	must(is_open == !is_other);
}

static void try_response(const uint8_t *data, size_t size)
{
	struct wm_wg_response msg = parties.reply;
	struct wm_wg_keys keys;
	bool is_other = disturb((uint8_t *)&msg, sizeof(msg), data, size, 8, 60);
	must((wm_wg_response_consume(&parties.initiator, &parties.a, &parties.a_of_b, &msg,
				     &keys) == WM_DROP_NONE) == !is_other);
}

static void try_cookie(const uint8_t *data, size_t size)
{
	struct wm_wg_cookie_reply msg = parties.cookie;
	struct wm_wg_jar jar = parties.jar;
	bool is_other = disturb((uint8_t *)&msg, sizeof(msg), data, size, 8, 64);
	must(wm_wg_cookie_consume(&jar, &msg, 2) == !is_other);
	if (is_other)
		return;
	struct wm_wg_initiation hello = parties.hello;
	wm_wg_jar_stamp(&jar, &hello, sizeof(hello), 3);
	must(wm_wg_checker_check(&parties.checker, &hello, sizeof(hello), &parties.from) ==
	     WM_WG_MAC_COOKIE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!parties.a.is_set)
		set_up(&parties);
	if (size == 0)
		return 0;
	switch (data[0] % 4) {
	case 0: try_initiation(data + 1, size - 1, false); break;
	case 1: try_initiation(data + 1, size - 1, true); break;
	case 2: try_response(data + 1, size - 1); break;
	default: try_cookie(data + 1, size - 1); break;
	}
	return 0;
}

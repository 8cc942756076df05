/*
 * Key texts of every kind, and base58. What parses must give the same text again: these forms have
 * one spelling each.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "crypto/base58.h"
#include "crypto/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void try_private(const char *s, size_t n)
{
	struct wm_key k = {0};
	struct wm_err err;
	char text[WM_KEY_TEXT];

	if (wm_key_parse(s, n, &k, &err) == 0)
		must(memcmp(wm_key_format_private(&k, text), s, n) == 0);
	else
		must(wm_secret_is_empty(&k.secret));
	wm_key_fini(&k);
}

static void try_public(const char *s, size_t n)
{
	struct wm_pubkey p;
	char text[WM_PUBKEY_TEXT], id[WM_PEER_ID_TEXT];
	uint8_t wg[WM_X25519_SIZE];

	if (wm_pubkey_parse(s, n, &p, NULL) == 0) {
		must(memcmp(wm_pubkey_format(&p, text), s, n) == 0);
		if (wm_pubkey_wireguard(&p, wg, NULL) != 0)
			memset(wg, 0, sizeof(wg));
	}
	if (wm_pubkey_parse_id(s, n, &p, NULL) == 0)
		must(memcmp(wm_pubkey_format_id(&p, id), s, n) == 0);
}

static void try_wireguard(const char *s, size_t n)
{
	uint8_t key[WM_X25519_SIZE];
	char text[WM_WG_KEY_TEXT];

	if (wm_wg_key_parse(s, n, key))
		must(memcmp(wm_wg_key_format(key, text), s, n) == 0);
}

static void try_base58(const char *s, size_t n)
{
	uint8_t bytes[WM_BASE58_MAX];
	char text[WM_BASE58_TEXT];
	size_t len;

	if (!wm_base58_parse(s, n, bytes, sizeof(bytes), &len))
		return;
	must(wm_base58_format(bytes, len, text, sizeof(text)));
	must(strlen(text) == n && memcmp(text, s, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;

	try_private(s, size);
	try_public(s, size);
	try_wireguard(s, size);
	try_base58(s, size);
	return 0;
}

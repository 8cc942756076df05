#include "hex.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "crypto/hash.h"
#include "crypto/key.h"

/* One key pair and everything that follows from it. */
#define SEED        "7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d"
#define PUBLIC      "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
#define PUBLIC_TEXT "CAUSIB7R6PrixKFEuL6P1LR789OzS4ccPKz2AQ8OQtR0/OJ+"
#define PRIVATE_TEXT                                                                               \
	"CAUSQH4IMGF8Sn3oOSXfsmlFVrEpNsR3oOH+suFI7J2mD+59HtHo+uLEoUS4vo/UtHvz07NLhxw8rPYBDw5C1HT8" \
	"4n4="
#define PEER_ID    "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
#define WG_PRIVATE "0EczD/s0qsu5jl04uG/UPpkGcEOPbhc45KACBhEue3Y="
#define WG_PUBLIC  "DcmnreLP+JsNQYxBQOtiivqWGWZPxR/VOmpZ+r1Vkl0="

static struct wm_key known_key(void)
{
	uint8_t seed[32];
	struct wm_key k = {0};

	bytes_of(SEED, seed);
	wm_key_from_seed(&k, seed);
	return k;
}

static int parse(const char *s, struct wm_err *err)
{
	struct wm_key k = {0};
	int rc = wm_key_parse(s, strlen(s), &k, err);

	if (rc != 0)
		assert_true(wm_secret_is_empty(&k.secret));
	wm_key_fini(&k);
	return rc;
}

static void test_texts(void **state)
{
	struct wm_key k = known_key(), back = {0};
	struct wm_pubkey p = wm_key_public(&k), q;
	char private_text[WM_KEY_TEXT], text[WM_PUBKEY_TEXT], id[WM_PEER_ID_TEXT];

	assert_hex(p.bytes, 32, PUBLIC);
	assert_string_equal(wm_key_format_private(&k, private_text), PRIVATE_TEXT);
	assert_string_equal(wm_pubkey_format(&p, text), PUBLIC_TEXT);
	assert_string_equal(wm_pubkey_format_id(&p, id), PEER_ID);
	assert_int_equal(wm_key_parse(PRIVATE_TEXT, 92, &back, NULL), 0);
	assert_true(wm_secret_equal(&k.secret, &back.secret));
	assert_int_equal(wm_pubkey_parse(PUBLIC_TEXT, 48, &q, NULL), 0);
	assert_true(wm_pubkey_equal(&p, &q));
	memset(&q, 0, sizeof(q));
	assert_int_equal(wm_pubkey_parse_id(PEER_ID, 52, &q, NULL), 0);
	assert_true(wm_pubkey_equal(&p, &q));
}

static void test_wireguard(void **state)
{
	struct wm_key k = known_key();
	struct wm_pubkey p = wm_key_public(&k);
	struct wm_secret private = {0};
	uint8_t pub[32], derived[32], back[32];
	char text[WM_WG_KEY_TEXT];

	wm_key_wireguard(&k, &private);
	assert_int_equal(private.size, 32);
	assert_string_equal(wm_wg_key_format(private.bytes, text), WG_PRIVATE);
	assert_int_equal(wm_pubkey_wireguard(&p, pub, NULL), 0);
	assert_string_equal(wm_wg_key_format(pub, text), WG_PUBLIC);
	wm_x25519_public(private.bytes, derived);
	assert_memory_equal(pub, derived, 32);
	assert_true(wm_wg_key_parse(WG_PUBLIC, 44, back));
	assert_memory_equal(back, pub, 32);
	assert_false(wm_wg_key_parse(WG_PUBLIC, 43, back));
	assert_false(wm_wg_key_parse("DcmnreLP+JsNQYxBQOtiivqWGWZPxR/VOmpZ+r1Vkl1=", 44, back));
	assert_false(wm_wg_key_parse("DcmnreLP+JsNQYxBQOtiivqWGWZPxR/VOmpZ+r1Vk===", 44, back));
	wm_secret_fini(&private);
}

/* What mesh/ derives from keys with SHA-256: node IPv6, ULA, rendezvous. */
static void test_derived_addresses(void **state)
{
	struct wm_key k = known_key();
	struct wm_pubkey p = wm_key_public(&k);
	uint8_t wg[32], digest[32];

	assert_int_equal(wm_pubkey_wireguard(&p, wg, NULL), 0);
	wm_hash_sha256(wg, 32, digest);
	assert_hex(digest, 8, "a0c5ac1156f551a2");
	wm_hash_sha256(p.bytes, 32, digest);
	assert_hex(digest, 5, "9721e4d91a");
	wm_hash_sha256(WG_PUBLIC WG_PUBLIC, 88, digest); /* with itself: twice */
	assert_hex(digest, 32, "41f47735731f94946be9d1103ca61d3f9edd99d989342e9d0481ca7148095395");
	wm_hash_sha256("superkadsecret", 14, digest);
	assert_hex(digest, 32, "bda192931b6ac5d1e3771db1fc0d82b23fca5efa0ddfd3d60828eb53a809b940");
	uint8_t multihash[34] = {0x12, 0x20};
	memcpy(multihash + 2, digest, 32);
	wm_hash_sha256(multihash, 34, digest);
	assert_hex(digest, 32, "58fbc20c93c26d2643743ba4ebf7c4b41acadaa505fe0ad02dddef0fb7024368");
}

/* Any key: the converted private key must give the converted public key, as `wg pubkey` sees it. */
static void test_stock_wg_agrees(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct wm_key k = {0};
		struct wm_secret private = {0};
		struct wm_pubkey p;
		uint8_t pub[32];
		char text[WM_WG_KEY_TEXT], want[WM_WG_KEY_TEXT], got[64], command[128];
		FILE *f;

		wm_key_generate(&k);
		p = wm_key_public(&k);
		wm_key_wireguard(&k, &private);
		assert_int_equal(wm_pubkey_wireguard(&p, pub, NULL), 0);
		wm_wg_key_format(pub, want);
		snprintf(command, sizeof(command), "echo %s | wg pubkey",
			 wm_wg_key_format(private.bytes, text));
		f = popen(command, "r");
		assert_non_null(f);
		assert_non_null(fgets(got, sizeof(got), f));
		assert_int_equal(pclose(f), 0);
		got[44] = '\0';
		assert_string_equal(got, want);
	}
}

static void test_private_refusals(void **state)
{
	struct wm_err err;
	char text[] = PRIVATE_TEXT;

	assert_int_equal(parse("", &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "0 characters, not 92"));
	assert_int_equal(parse(PRIVATE_TEXT "\n", &err), WM_INVALID_ARGUMENT);
	assert_int_equal(parse(PUBLIC_TEXT, &err), WM_INVALID_ARGUMENT);
	/* libp2p's own type 1 */
	text[2] = 'E';
	assert_int_equal(parse(text, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "another type"));
	/* an inner length of 65 */
	memcpy(text, "CAUSQX4I", 8);
	assert_int_equal(parse(text, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "not 64 bytes"));
	/* a public half that belongs to another seed */
	memcpy(text, "CAUSQH4J", 8);
	assert_int_equal(parse(text, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "does not belong"));
	assert_null(strstr(err.text, "MGF8Sn3oOSXfsmlFVrEpNsR3oOH"));
	/* no base64; no padding where it belongs; spare bits */
	memcpy(text, PRIVATE_TEXT, 92);
	text[40] = '-';
	assert_int_equal(parse(text, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "base64"));
	memcpy(text, PRIVATE_TEXT, 92);
	text[91] = 'A';
	assert_int_equal(parse(text, &err), WM_INVALID_ARGUMENT);
	memcpy(text, PRIVATE_TEXT, 92);
	text[90] = '5';
	assert_int_equal(parse(text, &err), WM_INVALID_ARGUMENT);
	memcpy(text, PRIVATE_TEXT, 92);
	assert_int_equal(parse(text, &err), 0);
}

static void test_public_refusals(void **state)
{
	struct wm_pubkey p;
	struct wm_err err;

	assert_int_equal(wm_pubkey_parse(PUBLIC_TEXT, 47, &p, &err), WM_INVALID_ARGUMENT);
	/* type 1, an inner length of 33, a letter that is none */
	assert_int_equal(
		wm_pubkey_parse("CAESIB7R6PrixKFEuL6P1LR789OzS4ccPKz2AQ8OQtR0/OJ+", 48, &p, &err),
		WM_INVALID_ARGUMENT);
	assert_int_equal(
		wm_pubkey_parse("CAUSIR7R6PrixKFEuL6P1LR789OzS4ccPKz2AQ8OQtR0/OJ+", 48, &p, &err),
		WM_INVALID_ARGUMENT);
	assert_int_equal(
		wm_pubkey_parse("CAUSIB7R6PrixKFEuL6P1LR789OzS4ccPKz2AQ8OQtR0/OJ_", 48, &p, &err),
		WM_INVALID_ARGUMENT);
	/* a peer ID of another length, with a letter that base58 lacks, and of a hashed key */
	assert_int_equal(wm_pubkey_parse_id(PEER_ID, 51, &p, &err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_pubkey_parse_id("12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3p0",
					    52, &p, &err),
			 WM_INVALID_ARGUMENT);
	assert_int_equal(wm_pubkey_parse_id("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N11111",
					    51, &p, &err),
			 WM_INVALID_ARGUMENT);
	assert_int_equal(wm_pubkey_parse_id("22D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq",
					    52, &p, &err),
			 WM_INVALID_ARGUMENT);
}

static void test_points_that_are_none(void **state)
{
	struct wm_pubkey identity = {{1}}, off_curve = {{2}};
	uint8_t out[32];
	struct wm_err err;

	assert_int_equal(wm_pubkey_wireguard(&identity, out, &err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_pubkey_wireguard(&off_curve, out, &err), WM_INVALID_ARGUMENT);
}

/* RFC 8032, 7.1, tests 1 and 3. */
static void test_signatures(void **state)
{
	static const struct {
		const char *seed, *pub, *msg, *signature;
	} rows[] = {
		{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
		 "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
		 "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	};

	for (size_t i = 0; i < 2; i++) {
		struct wm_key k = {0};
		struct wm_pubkey p;
		uint8_t seed[32], msg[8] = {0}, signature[64];
		size_t n = bytes_of(rows[i].msg, msg);

		bytes_of(rows[i].seed, seed);
		wm_key_from_seed(&k, seed);
		p = wm_key_public(&k);
		assert_hex(p.bytes, 32, rows[i].pub);
		wm_key_sign(&k, msg, n, signature);
		assert_hex(signature, 64, rows[i].signature);
		assert_true(wm_pubkey_verify(&p, msg, n, signature));
		signature[5] ^= 1;
		assert_false(wm_pubkey_verify(&p, msg, n, signature));
		signature[5] ^= 1;
		assert_false(wm_pubkey_verify(&p, msg, n + 1, signature));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_wireguard),
		cmocka_unit_test(test_derived_addresses),
		cmocka_unit_test(test_stock_wg_agrees),
		cmocka_unit_test(test_private_refusals),
		cmocka_unit_test(test_public_refusals),
		cmocka_unit_test(test_points_that_are_none),
		cmocka_unit_test(test_signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

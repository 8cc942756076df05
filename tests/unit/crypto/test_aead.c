#include "hex.h"
#include "base/mem.h"
#include "crypto/aead.h"

static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				"only one tip for the future, sunscreen would be it.";
#define TEXT_LEN (sizeof(sunscreen) - 1)

static const char sealed_hex[] = "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
				 "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
				 "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
				 "3ff4def08e4b7a9de576d26586cec64b6116"
				 "1ae10b594f09e26a7e902ecbd0600691";

/* The key, nonce and associated data of RFC 8439, 2.8.2. */
struct vector {
	uint8_t key[32], nonce[24], ad[12];
};

static struct vector load(const char *nonce)
{
	struct vector v;

	for (uint8_t i = 0; i < 32; i++)
		v.key[i] = (uint8_t)(0x80 + i);
	bytes_of(nonce, v.nonce);
	bytes_of("50515253c0c1c2c3c4c5c6c7", v.ad);
	return v;
}

/* Every test of contexts runs with each provider: *state names it. */
static const struct wm_aead_provider *provider;

static void begin(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY])
{
	wm_aead_init_with(provider, a, key);
}

static void test_rfc8439(void **state)
{
	struct vector v = load("070000004041424344454647");
	struct wm_aead a;
	uint8_t out[TEXT_LEN + 16], back[TEXT_LEN];

	begin(&a, v.key);
	wm_aead_seal(&a, v.nonce, v.ad, 12, sunscreen, TEXT_LEN, out);
	assert_hex(out, sizeof(out), sealed_hex);
	assert_true(wm_aead_open(&a, v.nonce, v.ad, 12, out, sizeof(out), back));
	assert_memory_equal(back, sunscreen, TEXT_LEN);
	/* Sealing once more after opening: the direction changes, the key stays. */
	wm_aead_seal(&a, v.nonce, v.ad, 12, sunscreen, TEXT_LEN, out);
	assert_hex(out, sizeof(out), sealed_hex);
	wm_aead_fini(&a);
	wm_aead_fini(&a);
}

static void test_once(void **state)
{
	struct vector v = load("070000004041424344454647");
	uint8_t out[TEXT_LEN + 16], back[TEXT_LEN];

	wm_aead_seal_once(v.key, v.nonce, v.ad, 12, sunscreen, TEXT_LEN, out);
	assert_hex(out, sizeof(out), sealed_hex);
	assert_true(wm_aead_open_once(v.key, v.nonce, v.ad, 12, out, sizeof(out), back));
	assert_memory_equal(back, sunscreen, TEXT_LEN);
	out[sizeof(out) - 1] ^= 1;
	assert_false(wm_aead_open_once(v.key, v.nonce, v.ad, 12, out, sizeof(out), back));
	assert_false(wm_aead_open_once(v.key, v.nonce, v.ad, 12, out, 15, back));
}

static void test_in_place_and_empty(void **state)
{
	struct vector v = load("070000004041424344454647");
	struct wm_aead a;
	uint8_t buf[TEXT_LEN + 16], empty[16];

	begin(&a, v.key);
	memcpy(buf, sunscreen, TEXT_LEN);
	wm_aead_seal(&a, v.nonce, v.ad, 12, buf, TEXT_LEN, buf);
	assert_hex(buf, sizeof(buf), sealed_hex);
	assert_true(wm_aead_open(&a, v.nonce, v.ad, 12, buf, sizeof(buf), buf));
	assert_memory_equal(buf, sunscreen, TEXT_LEN);
	/* A keepalive: a tag over nothing. */
	wm_aead_seal(&a, v.nonce, NULL, 0, NULL, 0, empty);
	assert_true(wm_aead_open(&a, v.nonce, NULL, 0, empty, 16, buf));
	empty[3] ^= 0x20;
	assert_false(wm_aead_open(&a, v.nonce, NULL, 0, empty, 16, buf));
	wm_aead_fini(&a);
}

static void test_forgeries(void **state)
{
	struct vector v = load("070000004041424344454647");
	struct wm_aead a;
	uint8_t good[TEXT_LEN + 16], bad[TEXT_LEN + 16], out[TEXT_LEN + 16];

	begin(&a, v.key);
	wm_aead_seal(&a, v.nonce, v.ad, 12, sunscreen, TEXT_LEN, good);
	for (size_t i = 0; i < 8 * sizeof(good); i++) {
		memcpy(bad, good, sizeof(bad));
		bad[i / 8] ^= (uint8_t)(1 << (i % 8));
		assert_false(wm_aead_open(&a, v.nonce, v.ad, 12, bad, sizeof(bad), out));
	}
	for (size_t len = 0; len < sizeof(good); len++)
		assert_false(wm_aead_open(&a, v.nonce, v.ad, 12, good, len, out));
	assert_false(wm_aead_open(&a, v.nonce, v.ad, 11, good, sizeof(good), out));
	v.nonce[11] ^= 1;
	assert_false(wm_aead_open(&a, v.nonce, v.ad, 12, good, sizeof(good), out));
	v.nonce[11] ^= 1;
	assert_true(wm_aead_open(&a, v.nonce, v.ad, 12, good, sizeof(good), out));
	wm_aead_fini(&a);
}

static void test_rekey(void **state)
{
	struct vector v = load("070000004041424344454647");
	struct wm_aead a;
	uint8_t other[32] = {1}, out[TEXT_LEN + 16];

	begin(&a, other);
	wm_aead_seal(&a, v.nonce, v.ad, 12, sunscreen, TEXT_LEN, out);
	assert_int_not_equal(out[0], 0xd3);
	wm_aead_rekey(&a, v.key);
	wm_aead_seal(&a, v.nonce, v.ad, 12, sunscreen, TEXT_LEN, out);
	assert_hex(out, sizeof(out), sealed_hex);
	wm_aead_fini(&a);
}

/* The kept context and the one-shot form come from two libraries: they must agree on all sizes. */
static void test_sizes_agree(void **state)
{
	struct vector v = load("070000004041424344454647");
	static uint8_t in[2048], one[2048 + 16], two[2048 + 16];
	struct wm_aead a;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	begin(&a, v.key);
	for (size_t n = 0; n <= sizeof(in); n += n < 300 ? 1 : 97) {
		wm_aead_nonce(n << 30, v.nonce);
		wm_aead_seal(&a, v.nonce, NULL, 0, in, n, one);
		wm_aead_seal_once(v.key, v.nonce, NULL, 0, in, n, two);
		assert_memory_equal(one, two, n + 16);
		assert_true(wm_aead_open(&a, v.nonce, NULL, 0, two, n + 16, one));
		assert_memory_equal(one, in, n);
	}
	wm_aead_fini(&a);
}

static void test_counter_nonce(void **state)
{
	uint8_t nonce[12];

	wm_aead_nonce(UINT64_C(0x0102030405060708), nonce);
	assert_hex(nonce, 12, "000000000807060504030201");
}

/* draft-irtf-cfrg-xchacha-03, A.3.1. */
static void test_xchacha(void **state)
{
	struct vector v = load("404142434445464748494a4b4c4d4e4f5051525354555657");
	uint8_t out[TEXT_LEN + 16], back[TEXT_LEN];

	wm_xaead_seal(v.key, v.nonce, v.ad, 12, sunscreen, TEXT_LEN, out);
	assert_hex(out, sizeof(out),
		   "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
		   "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
		   "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
		   "21f9664c97637da9768812f615c68b13b52e"
		   "c0875924c1c7987947deafd8780acf49");
	assert_true(wm_xaead_open(v.key, v.nonce, v.ad, 12, out, sizeof(out), back));
	assert_memory_equal(back, sunscreen, TEXT_LEN);
	out[0] ^= 1;
	assert_false(wm_xaead_open(v.key, v.nonce, v.ad, 12, out, sizeof(out), back));
	assert_false(wm_xaead_open(v.key, v.nonce, v.ad, 12, out, 15, back));
}

static void test_providers(void **state)
{
	struct wm_aead a = {.provider = NULL};
	assert_ptr_equal(wm_aead_provider_bulk(), wm_aead_provider_bulk());
	assert_non_null(wm_aead_provider_find("openssl"));
	assert_null(wm_aead_provider_find("rot13"));
	wm_aead_init(&a, (const uint8_t[WM_AEAD_KEY]){1});
	assert_string_equal(a.provider->name, "openssl");
	wm_aead_fini(&a);
}

static int run_with(const struct wm_aead_provider *p)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc8439),     cmocka_unit_test(test_in_place_and_empty),
		cmocka_unit_test(test_forgeries),   cmocka_unit_test(test_rekey),
		cmocka_unit_test(test_sizes_agree),
	};
	provider = p;
	return cmocka_run_group_tests_name(p->name, tests, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_counter_nonce),
		cmocka_unit_test(test_xchacha),
		cmocka_unit_test(test_providers),
	};
	return cmocka_run_group_tests_name("crypto/aead", tests, NULL, NULL) +
	       run_with(wm_aead_provider_find("openssl")) + run_with(wm_aead_provider_bulk());
}

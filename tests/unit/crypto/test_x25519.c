#include "hex.h"
#include "crypto/x25519.h"

static void test_scalar_multiplication(void **state)
{
	uint8_t k[32], u[32], out[32];

	bytes_of("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", k);
	bytes_of("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", u);
	assert_true(wm_x25519_shared(k, u, out));
	assert_hex(out, 32, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

/* RFC 7748, 5.2: k and u start as 9; each round k becomes the result and u the old k. */
static void test_iterated(void **state)
{
	uint8_t k[32] = {9}, u[32] = {9}, out[32];

	for (int i = 0; i < 1000; i++) {
		assert_true(wm_x25519_shared(k, u, out));
		memcpy(u, k, 32);
		memcpy(k, out, 32);
		if (i == 0)
			assert_hex(k, 32,
				   "422c8e7a6227d7bca1350b3e2bb7279f"
				   "7897b87bb6854b783c60e80311ae3079");
	}
	assert_hex(k, 32, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

static void test_diffie_hellman(void **state)
{
	uint8_t alice[32], bob[32], alice_public[32], bob_public[32], out[32];

	bytes_of("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", alice);
	bytes_of("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", bob);
	wm_x25519_public(alice, alice_public);
	wm_x25519_public(bob, bob_public);
	assert_hex(alice_public, 32,
		   "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	assert_true(wm_x25519_shared(alice, bob_public, out));
	assert_hex(out, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	assert_true(wm_x25519_shared(bob, alice_public, out));
	assert_hex(out, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

static void test_small_order_is_refused(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	uint8_t k[32], u[32], out[32];

	wm_x25519_generate(k);
	for (size_t i = 0; i < 4; i++) {
		bytes_of(points[i], u);
		assert_false(wm_x25519_shared(k, u, out));
	}
}

static void test_generated_keys_are_clamped(void **state)
{
	uint8_t a[32], b[32];

	wm_x25519_generate(a);
	wm_x25519_generate(b);
	assert_memory_not_equal(a, b, 32);
	assert_int_equal(a[0] & 7, 0);
	assert_int_equal(a[31] & 0xc0, 0x40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalar_multiplication),
		cmocka_unit_test(test_iterated),
		cmocka_unit_test(test_diffie_hellman),
		cmocka_unit_test(test_small_order_is_refused),
		cmocka_unit_test(test_generated_keys_are_clamped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "hex.h"
#include <pthread.h>
#include "crypto/hash.h"

static void test_sha2(void **state)
{
	uint8_t out[64];

	wm_hash_sha256("abc", 3, out);
	assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	wm_hash_sha256(NULL, 0, out);
	assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	wm_hash_sha512("abc", 3, out);
	assert_hex(out, 64,
		   "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		   "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

static void test_ula_of_psk(void **state)
{
	uint8_t out[32];

	/* fd9f:86d0:8188::/48 is fd and the first five bytes. */
	wm_hash_sha256("test", 4, out);
	assert_hex(out, 5, "9f86d08188");
}

static void test_blake2s(void **state)
{
	uint8_t out[32];

	wm_hash_blake2s("abc", 3, NULL, 0, out);
	assert_hex(out, 32, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	wm_hash_blake2s("a", 1, "bc", 2, out);
	assert_hex(out, 32, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	wm_hash_blake2s(NULL, 0, NULL, 0, out);
	assert_hex(out, 32, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
	wm_hash_blake2s("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s", 37, NULL, 0, out);
	assert_hex(out, 32, "60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36");
}

static void counted(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)i;
}

static void test_blake2s_mac(void **state)
{
	uint8_t key[32], msg[100], out[32];

	counted(key, sizeof(key));
	counted(msg, sizeof(msg));
	wm_hash_blake2s_mac(key, 32, NULL, 0, out, 32);
	assert_hex(out, 32, "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49");
	wm_hash_blake2s_mac(key, 32, msg, 100, out, 16);
	assert_hex(out, 16, "0b67d33f8b859c3157fbabd9e6e47ed0");
	/* The same context again, with another output length and another key length. */
	wm_hash_blake2s_mac(key, 32, msg, 100, out, 32);
	assert_hex(out, 32, "c376617014d20158bced3d3ba552b6eccf84e62aa3eb650e90029c84d13eea69");
	wm_hash_blake2s_mac(key, 16, msg, 100, out, 16);
	assert_hex(out, 16, "56301549e674c3b72a0e1dafb7a2c620");
}

static void test_hmac_and_kdf(void **state)
{
	uint8_t key[32], msg[100], one[32], two[32], three[32];

	counted(key, sizeof(key));
	counted(msg, sizeof(msg));
	wm_hash_hmac_blake2s(key, 32, msg, 60, msg + 60, 40, one);
	assert_hex(one, 32, "a81c95080ba2a7c4ed1b7b4c21dec2c4fd6dc9f03ff37b6d65289dc95a7d1ef1");
	wm_hash_kdf(key, msg, 100, one, two, three);
	assert_hex(one, 32, "90d0e91cdaea20e41b7e43ef99a35292921d3d49c1d86f48ddf62dbc1cc1bb01");
	assert_hex(two, 32, "8814819cb396ee544e3a8314285739d6527a8d87cf930252e61501140ddbba51");
	assert_hex(three, 32, "2d4748e29b90d92057489d6aaa0ee0d2a135113b4baaefb8d82fb54bffe16496");
	/* Fewer outputs are the same first ones, and the chain may be replaced in place. */
	wm_hash_kdf(key, msg, 100, key, NULL, NULL);
	assert_memory_equal(key, one, 32);
}

static void *hash_once(void *out)
{
	wm_hash_blake2s("abc", 3, NULL, 0, out);
	return NULL;
}

/* Each thread has contexts of its own; the sanitizers watch them come and go. */
static void test_threads(void **state)
{
	uint8_t outs[8][32];
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_once, outs[i]), 0);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_hex(outs[i], 4, "508c5e8c");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha2),         cmocka_unit_test(test_ula_of_psk),
		cmocka_unit_test(test_blake2s),      cmocka_unit_test(test_blake2s_mac),
		cmocka_unit_test(test_hmac_and_kdf), cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

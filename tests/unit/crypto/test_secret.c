#include "hex.h"
#include "base/mem.h"
#include "crypto/secret.h"

static void test_lifetime(void **state)
{
	struct wm_secret s = {0};
	static const struct wm_secret empty;

	assert_true(wm_secret_is_empty(&s));
	wm_secret_set(&s, "sixteen letters!", 16);
	assert_false(wm_secret_is_empty(&s));
	assert_int_equal(s.size, 16);
	assert_memory_equal(s.bytes, "sixteen letters!", 16);
	wm_secret_set(&s, "four", 4);
	assert_int_equal(s.bytes[4], 0); /* nothing of the longer one is left */
	wm_secret_fini(&s);
	assert_memory_equal(&s, &empty, sizeof(s));
	wm_secret_fini(&s);
}

static void test_compare(void **state)
{
	struct wm_secret a = {0}, b = {0};

	assert_true(wm_secret_equal(&a, &b));
	wm_secret_generate(&a, 32);
	assert_false(wm_secret_equal(&a, &b));
	wm_secret_set(&b, a.bytes, 32);
	assert_true(wm_secret_equal(&a, &b));
	b.bytes[31] ^= 0x80;
	assert_false(wm_secret_equal(&a, &b));
	wm_secret_set(&b, a.bytes, 31);
	assert_false(wm_secret_equal(&a, &b));
	wm_secret_generate(&b, 64);
	assert_int_equal(b.size, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lifetime),
		cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

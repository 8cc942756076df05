#include "hex.h"
#include "crypto/base58.h"

static void test_known_answers(void **state)
{
	static const struct {
		const char *hex, *text;
	} rows[] = {
		{"", ""},
		{"00", "1"},
		{"000000", "111"},
		{"61", "2g"},
		{"626262", "a3gV"},
		{"636363", "aPEr"},
		{"73696d706c792061206c6f6e6720737472696e67", "2cFupjhnEsSn59qHXstmK2ffpLv2"},
		{"00eb15231dfceb60925886b67d065299925915aeb172c06647",
		 "1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L"},
		{"516b6fcd0f", "ABnLTmg"},
		{"ecac89cad93923c02321", "EJDM8drfXA6uyA"},
		{"10c8511e", "Rt5zm"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t raw[64], back[64];
		size_t n = bytes_of(rows[i].hex, raw), len = 99;
		char text[WM_BASE58_TEXT];

		assert_true(wm_base58_format(raw, n, text, sizeof(text)));
		assert_string_equal(text, rows[i].text);
		assert_true(wm_base58_parse(text, strlen(text), back, sizeof(back), &len));
		assert_int_equal(len, n);
		assert_memory_equal(back, raw, n);
	}
}

static void test_every_length(void **state)
{
	uint8_t raw[WM_BASE58_MAX + 1], back[WM_BASE58_MAX];
	char text[WM_BASE58_TEXT];
	size_t len;

	memset(raw, 0xff, sizeof(raw)); /* the longest text a length can have */
	for (size_t n = 0; n <= WM_BASE58_MAX; n++) {
		assert_true(wm_base58_format(raw, n, text, sizeof(text)));
		assert_true(wm_base58_parse(text, strlen(text), back, n, &len));
		assert_int_equal(len, n);
		assert_memory_equal(raw, back, n);
		if (n > 0)
			assert_false(wm_base58_parse(text, strlen(text), back, n - 1, &len));
		assert_false(wm_base58_format(raw, n, text, strlen(text)));
	}
	assert_false(wm_base58_format(raw, sizeof(raw), text, sizeof(text)));
}

static void test_refusals(void **state)
{
	static const char *const bad[] = {"0", "O", "I", "l", " 2g", "2g ", "2g\n", "2+g", "2g="};
	char longest[300];
	uint8_t out[WM_BASE58_MAX];
	size_t len = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(wm_base58_parse(bad[i], strlen(bad[i]), out, sizeof(out), &len));
	assert_false(wm_base58_parse("2\0g", 3, out, sizeof(out), &len));
	memset(longest, 'z', sizeof(longest));
	assert_false(wm_base58_parse(longest, 255, out, sizeof(out), &len));
	assert_false(wm_base58_parse(longest, 300, out, sizeof(out), &len));
	memset(longest, '1', sizeof(longest));
	assert_false(wm_base58_parse(longest, 129, out, sizeof(out), &len));
	assert_int_equal(len, 7);
	assert_true(wm_base58_parse(longest, 128, out, sizeof(out), &len));
	assert_int_equal(len, 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "hex.h"
#include "crypto/ident.h"

static bool is_valid(const char *s)
{
	return wm_ident_is_valid(s, strlen(s));
}

static bool is_node(const char *s)
{
	return wm_ident_is_node(s, strlen(s));
}

static void test_lengths(void **state)
{
	char s[65];

	memset(s, 'a', sizeof(s));
	assert_false(wm_ident_is_valid(s, 0));
	assert_true(wm_ident_is_valid(s, 1));
	assert_true(wm_ident_is_valid(s, 63));
	assert_false(wm_ident_is_valid(s, 64));
}

static void test_characters(void **state)
{
	static const char refused[] = "/\\:*?\"'<>|, ";
	char s[] = "a-b";

	assert_true(is_valid("node_1.example-2"));
	assert_true(is_valid("kn\xc3\xb6tchen"));
	assert_false(is_valid("a\tb"));
	assert_false(is_valid("a\x1b[2J"));
	assert_false(is_valid("a\x7f"));
	for (size_t i = 0; i < sizeof(refused); i++) { /* the NUL too */
		s[1] = refused[i];
		assert_false(wm_ident_is_valid(s, 3));
	}
	assert_false(is_valid("kn\xf6tchen")); /* not UTF-8 */
}

static void test_words(void **state)
{
	static const char *const taken[] = {"self",   "local",  "localhost",
					    "leader", "voters", "observers"};

	for (size_t i = 0; i < 6; i++) {
		assert_false(is_node(taken[i]));
		assert_true(is_valid(taken[i]));
	}
	assert_true(is_node("leader2"));
	assert_true(is_node("Self"));
	assert_true(is_node("lea"));
	assert_false(is_node(""));
	assert_false(is_node("a/b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Names and keys: what is one, what is none, and where things lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mesh/ids.h"
#include "mesh/paths.h"

#define LONG63 "123456789012345678901234567890123456789012345678901234567890123"

static void test_ids(void **state)
{
	static const char *const good[] = {"a",    "A.b-c_d@e", LONG63,
					   "self", "leader",    "\xc3\xa9t\xc3\xa9"};
	static const char *const bad[] = {
		"",     LONG63 "4", "a/b",  "a\\b",         "a:b", "*",   "a*b", "a?b",
		"a\"b", "a'b",      "a<b",  "a>b",          "a|b", "a,b", "a b", "a\n",
		"\x7f", "\xff\xfe", "\xc3", "\xed\xa0\x80",
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++)
		assert_true(wm_id_is_valid(good[i]));
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_false(wm_id_is_valid(bad[i]));
	assert_false(wm_id_is_valid(NULL));
	assert_true(wm_id_is_valid_or_any("*"));
	assert_false(wm_id_is_valid_or_any("**"));
}

static void test_node_ids(void **state)
{
	static const char *const bad[] = {"self",   "local",     "localhost", "leader",
					  "voters", "observers", "",          "a b"};

	assert_true(wm_node_id_is_valid("selfish"));
	assert_true(wm_node_id_is_valid("Self"));
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_false(wm_node_id_is_valid(bad[i]));
}

static void test_texts(void **state)
{
	struct wm_err err;

	assert_int_equal(wm_node_id_check("ok", "id", &err), 0);
	assert_int_equal(wm_node_id_check("", "id", &err), WM_INVALID_ARGUMENT);
	assert_string_equal(err.text, "id must not be empty");
	assert_int_equal(wm_id_check("a b", "role", &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "role \"a b\""));
	assert_int_equal(wm_node_id_check("self", "id", &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "choose another"));
}

static void test_path_keys(void **state)
{
	static const char *const good[] = {"a", "/a", "a/b", "/a/b/c", "/registry/nodes/x"};
	static const char *const bad[] = {"", "/", "//a", "a//b", "a/", "/a/", "/a b", "/a/*"};

	for (size_t i = 0; i < WM_ARRAY_LEN(good); i++)
		assert_true(wm_path_key_is_valid(good[i]));
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_false(wm_path_key_is_valid(bad[i]));
	assert_true(wm_path_key_is_reserved("/registry"));
	assert_true(wm_path_key_is_reserved("/registry-x"));
	assert_true(wm_path_key_is_reserved("/raft/log/1"));
	assert_false(wm_path_key_is_reserved("registry/x"));
	assert_false(wm_path_key_is_reserved("/regis"));
}

static void test_layout(void **state)
{
	assert_string_equal(wm_path_node("a").text, "/registry/nodes/a");
	assert_string_equal(wm_path_edge("a", "b").text, "/registry/edges/a/b");
	assert_string_equal(wm_path_edges_of("a").text, "/registry/edges/a/");
	assert_string_equal(wm_path_role("r").text, "/registry/roles/r");
	assert_string_equal(wm_path_binding("r").text, "/registry/rolebindings/r");
	assert_string_equal(wm_path_group("g").text, "/registry/groups/g");
	assert_string_equal(wm_path_acl("x").text, "/registry/network-acls/x");
	assert_string_equal(wm_path_route("x").text, "/registry/routes/x");
	assert_string_equal(wm_path_lease(0xac100001).text, "/registry/ipam/ipv4/ac100001");
	assert_string_equal(wm_path_edge(LONG63, LONG63).text,
			    "/registry/edges/" LONG63 "/" LONG63);
}

static void test_taking_apart(void **state)
{
	static const struct {
		const char *key;
		enum wm_path_kind kind;
		const char *name, *target;
	} rows[] = {
		{"/registry/nodes/a", WM_PATH_IS_NODE, "a", ""},
		{"/registry/edges/a/b", WM_PATH_IS_EDGE, "a", "b"},
		{"/registry/roles/a", WM_PATH_IS_ROLE, "a", ""},
		{"/registry/rolebindings/a", WM_PATH_IS_BINDING, "a", ""},
		{"/registry/groups/a", WM_PATH_IS_GROUP, "a", ""},
		{"/registry/network-acls/a", WM_PATH_IS_ACL, "a", ""},
		{"/registry/routes/a", WM_PATH_IS_ROUTE, "a", ""},
		{"/registry/meshstate/meshdomain", WM_PATH_IS_STATE, "meshdomain", ""},
		{"/registry/ipam/ipv4/ac100001", WM_PATH_IS_LEASE, "ac100001", ""},
		{"/registry/nodes/", WM_PATH_IS_OTHER, "", ""},
		{"/registry/nodes/a/b", WM_PATH_IS_OTHER, "", ""},
		{"/registry/nodes/" LONG63 "4", WM_PATH_IS_OTHER, "", ""},
		{"/registry/edges/a", WM_PATH_IS_OTHER, "", ""},
		{"/registry/edges/a/", WM_PATH_IS_OTHER, "", ""},
		{"/registry/edges/a/b/c", WM_PATH_IS_OTHER, "", ""},
		{"/registry", WM_PATH_IS_OTHER, "", ""},
		{"/other/nodes/a", WM_PATH_IS_OTHER, "", ""},
		{"", WM_PATH_IS_OTHER, "", ""},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_path_parts parts;

		assert_int_equal(wm_path_parse(rows[i].key, &parts), rows[i].kind);
		assert_int_equal(parts.kind, rows[i].kind);
		assert_string_equal(parts.name, rows[i].name);
		assert_string_equal(parts.target, rows[i].target);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),    cmocka_unit_test(test_node_ids),
		cmocka_unit_test(test_texts),  cmocka_unit_test(test_path_keys),
		cmocka_unit_test(test_layout), cmocka_unit_test(test_taking_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Roles, bindings and groups: who may do what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "mesh/groups.h"
#include "mesh/paths.h"
#include "mesh/roles.h"
#include "pb/message.h"
#include "world.h"

static struct world w;

static int setup(void **state)
{
	world_init(&w);
	return 0;
}

static int teardown(void **state)
{
	world_fini(&w);
	return 0;
}

static void role(const char *name, const char *rules)
{
	fakekv_put(&w.kv, wm_path_role(name).text,
		   wm_arena_printf(&w.a, "{\"name\":\"%s\",\"rules\":[%s]}", name, rules));
}

static void give(const char *name, const char *role_name, const char *type, const char *subject)
{
	fakekv_put(
		&w.kv, wm_path_binding(name).text,
		wm_arena_printf(&w.a,
				"{\"name\":\"%s\",\"role\":\"%s\",\"subjects\":[{\"type\":\"%s\","
				"\"name\":\"%s\"}]}",
				name, role_name, type, subject));
}

static bool may(const char *who, V1__RuleVerb verb, V1__RuleResource resource, const char *name)
{
	const struct wm_rbac_action action = {resource, verb, name};
	int rc = wm_rbac_check(&w.kv.view, who, &action, 1, &w.err);

	assert_true(rc == 0 || rc == WM_PERMISSION_DENIED);
	return rc == 0;
}

#define PUT    V1__RULE_VERB__VERB_PUT
#define GET    V1__RULE_VERB__VERB_GET
#define ROUTES V1__RULE_RESOURCE__RESOURCE_ROUTES
#define VOTES  V1__RULE_RESOURCE__RESOURCE_VOTES

static void test_rules(void **state)
{
	role("r", "{\"resources\":[\"RESOURCE_ROUTES\"],\"verbs\":[\"VERB_PUT\"],"
		  "\"resourceNames\":[\"x\",\"y\"]}");
	give("b", "r", "SUBJECT_NODE", "n");
	assert_true(may("n", PUT, ROUTES, "x"));
	assert_true(may("n", PUT, ROUTES, NULL));
	assert_false(may("n", PUT, ROUTES, "z"));
	assert_false(may("n", GET, ROUTES, "x"));
	assert_false(may("n", PUT, VOTES, NULL));
	assert_false(may("m", PUT, ROUTES, "x"));
	/* No names: all of them. */
	role("r", "{\"resources\":[\"RESOURCE_ROUTES\"],\"verbs\":[\"VERB_ALL\"]}");
	assert_true(may("n", GET, ROUTES, "z"));
	/* Everything, whatever the names say. */
	role("r", "{\"resources\":[\"RESOURCE_ALL\"],\"verbs\":[\"VERB_ALL\"],"
		  "\"resourceNames\":[\"x\"]}");
	assert_true(may("n", GET, VOTES, "z"));
	role("r", "{\"resources\":[\"RESOURCE_ALL\"]}");
	assert_false(may("n", GET, VOTES, NULL));
}

static void test_subjects(void **state)
{
	static const struct {
		const char *type, *subject;
		bool granted;
	} rows[] = {
		{"SUBJECT_NODE", "n", true},   {"SUBJECT_USER", "n", true},
		{"SUBJECT_ALL", "*", true},    {"SUBJECT_NODE", "*", true},
		{"SUBJECT_NODE", "m", false},  {"SUBJECT_UNKNOWN", "n", false},
		{"SUBJECT_GROUP", "g", true},  {"SUBJECT_GROUP", "none", false},
		{"SUBJECT_GROUP", "n", false},
	};

	role("r", "{\"resources\":[\"RESOURCE_VOTES\"],\"verbs\":[\"VERB_PUT\"]}");
	fakekv_put(&w.kv, wm_path_group("g").text,
		   "{\"name\":\"g\",\"subjects\":[{\"type\":\"SUBJECT_NODE\",\"name\":\"n\"}]}");
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		give("b", "r", rows[i].type, rows[i].subject);
		assert_int_equal(may("n", PUT, VOTES, NULL), rows[i].granted);
	}
}

/* A binding to a role that is gone, or that cannot be read, breaks nobody else's. */
static void test_broken_bindings(void **state)
{
	role("r", "{\"resources\":[\"RESOURCE_VOTES\"],\"verbs\":[\"VERB_PUT\"]}");
	give("a", "gone", "SUBJECT_NODE", "n");
	give("b", "r", "SUBJECT_NODE", "n");
	fakekv_put(&w.kv, wm_path_binding("c").text, "junk");
	fakekv_put(&w.kv, wm_path_role("junk").text, "{");
	give("d", "junk", "SUBJECT_NODE", "n");
	assert_true(may("n", PUT, VOTES, NULL));
	assert_false(may("n", PUT, ROUTES, NULL));
}

static void test_all_actions_needed(void **state)
{
	const struct wm_rbac_action both[] = {{VOTES, PUT, NULL}, {ROUTES, PUT, "r1"}};

	role("v", "{\"resources\":[\"RESOURCE_VOTES\"],\"verbs\":[\"VERB_PUT\"]}");
	give("b", "v", "SUBJECT_NODE", "n");
	assert_int_equal(wm_rbac_check(&w.kv.view, "n", both, 2, &w.err), WM_PERMISSION_DENIED);
	assert_non_null(strstr(w.err.text, "n is not allowed to PUT ROUTES r1"));
	role("w", "{\"resources\":[\"RESOURCE_ROUTES\"],\"verbs\":[\"VERB_PUT\"]}");
	give("c", "w", "SUBJECT_NODE", "n");
	assert_int_equal(wm_rbac_check(&w.kv.view, "n", both, 2, &w.err), 0);
}

static void test_switch_and_principals(void **state)
{
	assert_false(may("n", PUT, VOTES, NULL));
	assert_false(may("", PUT, VOTES, NULL));
	assert_false(may(NULL, PUT, VOTES, NULL));
	give("b", "r", "SUBJECT_ALL", "*");
	role("r", "{\"resources\":[\"RESOURCE_ALL\"],\"verbs\":[\"VERB_ALL\"]}");
	assert_true(may("n", PUT, VOTES, NULL));
	assert_false(may("", PUT, VOTES, NULL));
	assert_false(may("not a name", PUT, VOTES, NULL));
	fakekv_put(&w.kv, WM_PATH_RBAC, "true");
	assert_false(may("", PUT, VOTES, NULL));
	fakekv_put(&w.kv, WM_PATH_RBAC, "false");
	assert_true(may("", PUT, VOTES, NULL));
}

static void test_roles_of(void **state)
{
	V1__Role **roles;
	size_t n;

	role("z", "{\"verbs\":[\"VERB_PUT\"]}");
	role("a", "{\"verbs\":[\"VERB_PUT\"]}");
	give("1", "z", "SUBJECT_NODE", "n");
	give("2", "a", "SUBJECT_NODE", "n");
	give("3", "z", "SUBJECT_USER", "n");
	assert_int_equal(wm_rbac_roles_of(&w.a, &w.kv.view, "n", &roles, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_string_equal(roles[0]->name, "a");
	assert_string_equal(roles[1]->name, "z");
}

static void test_checks(void **state)
{
	V1__Role r = V1__ROLE__INIT;
	V1__RoleBinding b = V1__ROLE_BINDING__INIT;
	V1__Group g = V1__GROUP__INIT;
	V1__Subject s = V1__SUBJECT__INIT;
	V1__Subject *subjects[] = {&s};
	struct wm_txn *t = wm_txn_new();
	struct wm_err err;

	r.name = b.name = g.name = b.role = wm_arena_strdup(&w.a, "x");
	assert_int_equal(wm_role_put(t, &r, &err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_binding_put(t, &b, &err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_group_put(t, &g, &err), WM_INVALID_ARGUMENT);
	b.n_subjects = g.n_subjects = 1;
	b.subjects = g.subjects = subjects;
	s.name = wm_arena_strdup(&w.a, "a b");
	assert_int_equal(wm_group_put(t, &g, &err), WM_INVALID_ARGUMENT);
	s.name = wm_arena_strdup(&w.a, "*");
	assert_int_equal(wm_group_put(t, &g, &err), 0);
	assert_int_equal(wm_binding_put(t, &b, &err), 0);
	b.role = wm_arena_strdup(&w.a, "");
	assert_int_equal(wm_binding_put(t, &b, &err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_group_drop(t, "voters", &err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_group_drop(t, "x", &err), 0);
	wm_txn_free(t);
	assert_true(wm_role_is_system("voters") && wm_role_is_system("mesh-admin"));
	assert_true(wm_binding_is_system("bootstrap-voters"));
	assert_false(wm_role_is_system("x") || wm_binding_is_system("voters"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROW(test_rules),
		ROW(test_subjects),
		ROW(test_broken_bindings),
		ROW(test_all_actions_needed),
		ROW(test_switch_and_principals),
		ROW(test_roles_of),
		ROW(test_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

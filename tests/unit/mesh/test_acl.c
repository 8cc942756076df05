/* Network ACLs: the rules one by one, then random sets against an evaluator that is written
 * plainly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "mesh/acl.h"
#include "mesh/paths.h"
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

static struct wm_addr addr(const char *text)
{
	struct wm_addr a = {0};

	if (*text != '\0')
		assert_true(wm_addr_parse(text, &a));
	return a;
}

static bool allows(const char *src, const char *src_addr, const char *dst, const char *dst_addr)
{
	const struct wm_acl_action action = {src, addr(src_addr), dst, addr(dst_addr)};
	struct wm_acls *loaded;
	bool result = wm_acls_allow(wm_graph_acls(w.graph), &action);

	/* The set from a view says what the one that follows changes says. */
	assert_int_equal(wm_acls_load(&w.kv.view, &loaded, NULL), 0);
	assert_int_equal(wm_acls_allow(loaded, &action), result);
	wm_acls_free(loaded);
	return result;
}

#define ANY "\"sourceNodes\":[\"*\"],\"destinationNodes\":[\"*\"]"

static void test_nothing_allows_nothing(void **state)
{
	assert_false(allows("a", "10.0.0.1", "b", "10.0.0.2"));
	assert_int_equal(wm_acls_count(wm_graph_acls(w.graph)), 0);
}

static void test_nodes(void **state)
{
	world_acl(&w, "x", 0, "ACTION_ACCEPT",
		  "\"sourceNodes\":[\"a\",\"c\"],\"destinationNodes\":[\"b\"]");
	assert_true(allows("a", "", "b", ""));
	assert_true(allows("c", "", "b", ""));
	assert_false(allows("b", "", "a", ""));
	assert_false(allows("a", "", "c", ""));
	assert_true(allows("", "", "b", "")); /* a node that is not given is not tested */
	/* An empty list matches no node. */
	world_acl(&w, "x", 0, "ACTION_ACCEPT", "\"sourceNodes\":[\"a\"]");
	assert_false(allows("a", "", "b", ""));
}

static void test_networks(void **state)
{
	world_acl(&w, "x", 0, "ACTION_ACCEPT",
		  ANY
		  ",\"sourceCIDRs\":[\"10.0.0.0/8\"],\"destinationCIDRs\":[\"10.1.0.0/16\",\"*\"]");
	assert_true(allows("a", "10.9.9.9", "b", "192.0.2.1"));
	assert_false(allows("a", "11.0.0.1", "b", "192.0.2.1"));
	assert_true(allows("a", "", "b", "192.0.2.1"));
	assert_false(allows("a", "fd00::1", "b", ""));
	/* A prefix holds what it holds: 0.0.0.0/8 is not everything, and IPv4 is not IPv6. */
	world_acl(&w, "x", 0, "ACTION_ACCEPT", ANY ",\"sourceCIDRs\":[\"0.0.0.0/8\"]");
	assert_false(allows("a", "10.0.0.1", "b", ""));
	world_acl(&w, "x", 0, "ACTION_ACCEPT", ANY ",\"sourceCIDRs\":[\"0.0.0.0/0\"]");
	assert_true(allows("a", "10.0.0.1", "b", ""));
	assert_false(allows("a", "fd00::1", "b", ""));
}

static void test_priority(void **state)
{
	world_acl(&w, "low", -5, "ACTION_ACCEPT", ANY);
	world_acl(&w, "high", 5, "ACTION_DENY",
		  "\"sourceNodes\":[\"a\"],\"destinationNodes\":[\"*\"]");
	assert_false(allows("a", "", "b", ""));
	assert_true(allows("b", "", "a", ""));
	/* At equal priority the denial goes first, whatever the names. */
	world_acl(&w, "zzz", -5, "ACTION_DENY",
		  "\"sourceNodes\":[\"b\"],\"destinationNodes\":[\"*\"]");
	assert_false(allows("b", "", "a", ""));
	/* An action that is none denies. */
	world_acl(&w, "top", 9, "ACTION_UNKNOWN",
		  "\"sourceNodes\":[\"c\"],\"destinationNodes\":[\"*\"]");
	assert_false(allows("c", "", "a", ""));
}

static void test_groups(void **state)
{
	const char *form =
		"{\"name\":\"g\",\"subjects\":[{\"type\":\"SUBJECT_USER\",\"name\":\"a\"},"
		"{\"name\":\"b\"}]}";

	world_acl(&w, "x", 0, "ACTION_ACCEPT",
		  "\"sourceNodes\":[\"group:g\",\"group:none\"],\"destinationNodes\":[\"*\"]");
	assert_false(allows("a", "", "z", ""));
	fakekv_put(&w.kv, wm_path_group("g").text, form);
	assert_true(allows("a", "", "z", ""));
	assert_true(allows("b", "", "z", ""));
	assert_false(allows("g", "", "z", ""));
	assert_false(allows("group:g", "", "z", ""));
	fakekv_delete(&w.kv, wm_path_group("g").text);
	assert_false(allows("a", "", "z", ""));
}

static void test_either_family(void **state)
{
	const struct wm_acl_node a = {"a", addr("172.16.0.1"), addr("fd00::1")};
	const struct wm_acl_node b = {"b", addr("172.16.0.2"), addr("fd00::2")};

	world_acl(
		&w, "x", 0, "ACTION_ACCEPT",
		"\"sourceNodes\":[\"a\"],\"destinationNodes\":[\"b\"],\"sourceCIDRs\":[\"fd00::/16\"]");
	assert_true(wm_acls_allow_nodes(wm_graph_acls(w.graph), &a, &b));
	assert_false(wm_acls_allow_nodes(wm_graph_acls(w.graph), &b, &a));
}

/* What cannot be read is taken against whoever asks. */
static void test_unreadable(void **state)
{
	world_acl(&w, "all", 0, "ACTION_ACCEPT", ANY);
	assert_true(allows("a", "10.0.0.1", "b", ""));
	world_acl(&w, "deny", 1, "ACTION_DENY", ANY ",\"sourceCIDRs\":[\"no prefix\"]");
	assert_false(allows("a", "10.0.0.1", "b", ""));
	world_acl(&w, "deny", 1, "ACTION_DENY", ANY ",\"sourceCIDRs\":[\"11.0.0.0/8\"]");
	assert_true(allows("a", "10.0.0.1", "b", ""));
	world_acl(&w, "all", 0, "ACTION_ACCEPT", ANY ",\"sourceCIDRs\":[\"no prefix\"]");
	assert_false(allows("a", "10.0.0.1", "b", ""));
	world_acl(&w, "all", 0, "ACTION_ACCEPT", ANY);
	fakekv_put(&w.kv, wm_path_acl("junk").text, "{");
	assert_false(allows("a", "10.0.0.1", "b", ""));
	fakekv_delete(&w.kv, wm_path_acl("junk").text);
	assert_true(allows("a", "10.0.0.1", "b", ""));
}

/* ---- at random ---- */

static uint64_t seed;

static unsigned below(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % n;
}

static const char *const names[] = {"a", "b", "c", "*", "group:g", "group:h", "group:none"};
static const char *const nets[] = {"10.0.0.0/8", "10.1.0.0/16", "*",
				   "::/0",       "fd00::/8",    "0.0.0.0/0"};
static const char *const addrs[] = {"10.1.2.3", "10.2.0.1", "11.0.0.1", "fd00::1", "2001::1", ""};

static void fill(size_t *n, char ***list, const char *const *from, unsigned count)
{
	for (unsigned k = below(4); k > 0; k--)
		wm_pb_append(&w.a, n, list, wm_arena_strdup(&w.a, from[below(count)]));
}

static V1__NetworkACL *random_acl(unsigned i)
{
	V1__NetworkACL *m = wm_pb_new(&w.a, &v1__network_acl__descriptor);

	m->name = wm_arena_printf(&w.a, "acl%u", i);
	m->priority = (int)below(4) - 2;
	m->action = below(2) == 0 ? V1__ACLACTION__ACTION_ACCEPT : V1__ACLACTION__ACTION_DENY;
	fill(&m->n_sourcenodes, &m->sourcenodes, names, WM_ARRAY_LEN(names));
	fill(&m->n_destinationnodes, &m->destinationnodes, names, WM_ARRAY_LEN(names));
	fill(&m->n_sourcecidrs, &m->sourcecidrs, nets, WM_ARRAY_LEN(nets));
	fill(&m->n_destinationcidrs, &m->destinationcidrs, nets, WM_ARRAY_LEN(nets));
	return m;
}

static V1__Group *random_group(const char *name)
{
	V1__Group *g = wm_pb_new(&w.a, &v1__group__descriptor);

	g->name = wm_arena_strdup(&w.a, name);
	for (unsigned k = below(3); k > 0; k--) {
		V1__Subject *s = wm_pb_new(&w.a, &v1__subject__descriptor);

		s->name = wm_arena_strdup(&w.a, names[below(4)]);
		wm_pb_append(&w.a, &g->n_subjects, &g->subjects, s);
	}
	return g;
}

static bool plain_node(char *const *list, size_t n, const char *node, V1__Group *const groups[2])
{
	for (size_t i = 0; i < n; i++) {
		if (wm_streq(list[i], "*") || wm_streq(list[i], node))
			return true;
		for (int k = 0; k < 2; k++) {
			if (!wm_str_starts(list[i], "group:") ||
			    !wm_streq(list[i] + 6, groups[k]->name))
				continue;
			for (size_t j = 0; j < groups[k]->n_subjects; j++)
				if (wm_streq(groups[k]->subjects[j]->name, node) ||
				    wm_streq(groups[k]->subjects[j]->name, "*"))
					return true;
		}
	}
	return false;
}

static bool plain_net(char *const *list, size_t n, const char *text)
{
	struct wm_addr a = addr(text);

	if (n == 0 || *text == '\0')
		return true;
	for (size_t i = 0; i < n; i++) {
		struct wm_prefix p;

		if (wm_streq(list[i], "*") ||
		    (wm_prefix_parse(list[i], &p) && wm_prefix_contains(&p, &a)))
			return true;
	}
	return false;
}

static bool plain(V1__NetworkACL *const *acls, size_t n, V1__Group *const groups[2],
		  const char *src, const char *src_addr, const char *dst, const char *dst_addr)
{
	const V1__NetworkACL *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const V1__NetworkACL *m = acls[i];

		if (!plain_node(m->sourcenodes, m->n_sourcenodes, src, groups) ||
		    !plain_node(m->destinationnodes, m->n_destinationnodes, dst, groups) ||
		    !plain_net(m->sourcecidrs, m->n_sourcecidrs, src_addr) ||
		    !plain_net(m->destinationcidrs, m->n_destinationcidrs, dst_addr))
			continue;
		if (best == NULL || m->priority > best->priority ||
		    (m->priority == best->priority && m->action == V1__ACLACTION__ACTION_DENY))
			best = m;
	}
	return best != NULL && best->action == V1__ACLACTION__ACTION_ACCEPT;
}

static void test_random(void **state)
{
	unsigned allowed = 0, asked = 0;

	for (seed = 1; asked < 20000;) {
		V1__NetworkACL *acls[6];
		V1__Group *groups[] = {random_group("g"), random_group("h")};
		size_t n = below(7);
		struct wm_acls *set;

		for (unsigned i = 0; i < n; i++)
			acls[i] = random_acl(i);
		set = wm_acls_new(acls, n, groups, 2);
		for (int k = 0; k < 50; k++) {
			const char *src = names[below(3)], *dst = names[below(3)];
			const char *sa = addrs[below(6)], *da = addrs[below(6)];
			const struct wm_acl_action action = {src, addr(sa), dst, addr(da)};
			bool expected = plain(acls, n, groups, src, sa, dst, da);

			assert_int_equal(wm_acls_allow(set, &action), expected);
			allowed += expected;
			asked++;
		}
		wm_acls_free(set);
	}
	assert_true(allowed > 2000 && allowed < asked - 2000);
}

static void test_check(void **state)
{
	V1__NetworkACL m = V1__NETWORK_ACL__INIT;
	char *bad_node[] = {wm_arena_strdup(&w.a, "group:a b")};
	char *bad_net[] = {wm_arena_strdup(&w.a, "10.0.0.0")};
	struct wm_txn *t = wm_txn_new();
	struct wm_err err;

	assert_int_equal(wm_acl_put(t, &m, &err), WM_INVALID_ARGUMENT);
	m.name = wm_arena_strdup(&w.a, "x");
	assert_int_equal(wm_acl_put(t, &m, &err), 0);
	m.action = (V1__ACLAction)9;
	assert_int_equal(wm_acl_put(t, &m, &err), WM_INVALID_ARGUMENT);
	m.action = V1__ACLACTION__ACTION_DENY;
	m.n_sourcenodes = 1;
	m.sourcenodes = bad_node;
	assert_int_equal(wm_acl_put(t, &m, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "sourceNodes"));
	m.n_sourcenodes = 0;
	m.n_destinationcidrs = 1;
	m.destinationcidrs = bad_net;
	assert_int_equal(wm_acl_put(t, &m, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "destinationCIDRs"));
	wm_acl_drop(t, "x");
	assert_int_equal(wm_txn_changes(t), 2);
	wm_txn_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		ROW(test_nothing_allows_nothing),
		ROW(test_nodes),
		ROW(test_networks),
		ROW(test_priority),
		ROW(test_groups),
		ROW(test_either_family),
		ROW(test_unreadable),
		ROW(test_random),
		ROW(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

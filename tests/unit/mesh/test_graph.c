/*
 * Random meshes against a naive computation of the same rules, and random changes against the
 * promise of wm_graph_affects: whoever's peers changed was named. Every random number comes from a
 * seed that a failure prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "mesh/paths.h"
#include "pb/message.h"
#include "world.h"

enum { N = 14, NETWORKS = 5 };

static uint64_t seed;

static unsigned below(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % n;
}

/* What the naive computation knows of a mesh; the world is built from the same. */
struct plan {
	bool node[N], key[N];
	int weight[N][N]; /* -1 = no edge */
	bool deny[N][N];  /* from, to */
	bool offers[N][NETWORKS];
	bool refused[NETWORKS]; /* by an ACL on the network, for everybody */
};

static const char *name(struct world *w, unsigned i)
{
	return wm_arena_printf(&w->a, "n%02u", i);
}

static void put_node(struct world *w, const struct plan *p, unsigned i, const char *more)
{
	const char *id = name(w, i);

	if (!p->node[i])
		fakekv_delete(&w->kv, wm_path_node(id).text);
	else if (!p->key[i])
		fakekv_put(&w->kv, wm_path_node(id).text,
			   wm_arena_printf(&w->a, "{\"id\":\"%s\"}", id));
	else
		world_node_full(w, id, wm_arena_printf(&w->a, "172.16.0.%u/32", i + 1),
				wm_arena_printf(&w->a, "2001:db8::%x:0/112", i + 1), more);
}

static void put_edge(struct world *w, const struct plan *p, unsigned i, unsigned k)
{
	if (p->weight[i][k] >= 0)
		world_edge(w, name(w, i), name(w, k), p->weight[i][k]);
	else
		world_drop_edge(w, name(w, i), name(w, k));
}

static void put_deny(struct world *w, const struct plan *p, unsigned i, unsigned k)
{
	const char *acl = wm_arena_printf(&w->a, "d-%u-%u", i, k);

	if (p->deny[i][k])
		world_acl(w, acl, 5, "ACTION_DENY",
			  wm_arena_printf(&w->a,
					  "\"sourceNodes\":[\"%s\"],\"destinationNodes\":[\"%s\"]",
					  name(w, i), name(w, k)));
	else
		fakekv_delete(&w->kv, wm_path_acl(acl).text);
}

static void put_offer(struct world *w, const struct plan *p, unsigned i)
{
	WM_AUTO(wm_buf_fini) struct wm_buf cidrs = {0};

	for (unsigned k = 0; k < NETWORKS; k++)
		if (p->offers[i][k])
			wm_buf_printf(&cidrs, "%s\"10.%u.0.0/16\"", cidrs.len > 0 ? "," : "", k);
	if (cidrs.len > 0)
		world_route(w, name(w, i), name(w, i), wm_buf_str(&cidrs));
	else
		fakekv_delete(&w->kv, wm_path_route(name(w, i)).text);
}

static void put_refused(struct world *w, const struct plan *p, unsigned k)
{
	const char *acl = wm_arena_printf(&w->a, "net-%u", k);

	if (p->refused[k])
		world_acl(w, acl, 7, "ACTION_DENY",
			  wm_arena_printf(&w->a,
					  "\"sourceNodes\":[\"*\"],\"destinationNodes\":[\"*\"],"
					  "\"destinationCIDRs\":[\"10.%u.0.0/16\"]",
					  k));
	else
		fakekv_delete(&w->kv, wm_path_acl(acl).text);
}

static void random_plan(struct plan *p, unsigned density)
{
	*p = (struct plan){0};
	for (unsigned i = 0; i < N; i++) {
		p->node[i] = below(10) > 0;
		p->key[i] = below(10) > 0;
		for (unsigned k = 0; k < NETWORKS; k++)
			p->offers[i][k] = below(8) == 0;
		p->weight[i][i] = -1;
		for (unsigned k = 0; k < i; k++) {
			p->weight[i][k] = below(100) < density ? (int)below(4) : -1;
			p->weight[k][i] = p->weight[i][k];
			p->deny[i][k] = below(12) == 0;
			p->deny[k][i] = below(12) == 0;
		}
	}
	for (unsigned k = 0; k < NETWORKS; k++)
		p->refused[k] = below(5) == 0;
}

static void put_plan(struct world *w, const struct plan *p)
{
	world_open(w);
	for (unsigned i = 0; i < N; i++) {
		put_node(w, p, i, "");
		put_offer(w, p, i);
		for (unsigned k = 0; k < i; k++) {
			put_edge(w, p, i, k);
			put_deny(w, p, i, k);
			put_deny(w, p, k, i);
		}
	}
	for (unsigned k = 0; k < NETWORKS; k++)
		put_refused(w, p, k);
}

/* ---- the naive computation ---- */

struct distance {
	int weight, hops; /* hops -1 = not reached */
};

static int compare(struct distance a, struct distance b)
{
	if (a.hops < 0 || b.hops < 0)
		return (a.hops < 0) - (b.hops < 0);
	return a.weight != b.weight ? a.weight - b.weight : a.hops - b.hops;
}

static bool usable(const struct plan *p, unsigned s, unsigned i)
{
	return i == s || (p->node[i] && p->key[i] && !p->deny[s][i]);
}

/* Distances from @from among what @s may use, by relaxing everything until nothing changes. */
static void distances(const struct plan *p, unsigned s, unsigned from, struct distance d[N])
{
	bool changed = true;

	for (unsigned i = 0; i < N; i++)
		d[i] = (struct distance){0, -1};
	d[from].hops = 0;
	while (changed) {
		changed = false;
		for (unsigned i = 0; i < N; i++) {
			for (unsigned k = 0; k < N; k++) {
				struct distance over;

				if (d[i].hops < 0 || p->weight[i][k] < 0 || !usable(p, s, i) ||
				    !usable(p, s, k))
					continue;
				over = (struct distance){d[i].weight + p->weight[i][k],
							 d[i].hops + 1};
				if (compare(over, d[k]) < 0) {
					d[k] = over;
					changed = true;
				}
			}
		}
	}
}

static bool is_peer(const struct plan *p, unsigned s, unsigned i)
{
	return i != s && p->weight[s][i] >= 0 && usable(p, s, i);
}

static int next_hop(const struct plan *p, unsigned s, unsigned to, const struct distance best[N],
		    struct distance from[N][N])
{
	if (is_peer(p, s, to))
		return (int)to;
	for (unsigned i = 0; i < N; i++) {
		struct distance d = from[i][to];

		if (!is_peer(p, s, i) || d.hops < 0)
			continue;
		d.weight += p->weight[s][i];
		d.hops++;
		if (compare(d, best[to]) == 0)
			return (int)i;
	}
	return -1;
}

/* The nodes that are reached, nearest first, then by number. */
static unsigned order(const struct distance best[N], unsigned s, unsigned out[N])
{
	unsigned n = 0;

	for (unsigned i = 0; i < N; i++) {
		unsigned at = n;

		if (i == s || best[i].hops < 0)
			continue;
		while (at > 0 && compare(best[i], best[out[at - 1]]) < 0) {
			out[at] = out[at - 1];
			at--;
		}
		out[at] = i;
		n++;
	}
	return n;
}

static const char *naive(struct world *w, const struct plan *p, unsigned s)
{
	WM_AUTO(wm_buf_fini) struct wm_buf out = {0};
	struct distance best[N], from[N][N];
	const char *ips[N] = {0}, *routes[N] = {0};
	bool taken[NETWORKS] = {0};
	unsigned nearest[N], n, peers = 0;

	distances(p, s, s, best);
	for (unsigned i = 0; i < N; i++)
		distances(p, s, i, from[i]);
	n = order(best, s, nearest);
	for (unsigned i = 0; i < N; i++) {
		ips[i] = routes[i] = "";
		peers += is_peer(p, s, i);
	}
	for (unsigned i = 0; i < n; i++) {
		int via = next_hop(p, s, nearest[i], best, from);

		ips[via] = wm_arena_printf(&w->a, "%s 172.16.0.%u/32 2001:db8::%x:0/112", ips[via],
					   nearest[i] + 1, nearest[i] + 1);
	}
	for (unsigned i = 0; i < n; i++) {
		int via = next_hop(p, s, nearest[i], best, from);

		for (unsigned k = 0; k < NETWORKS; k++) {
			if (!p->offers[nearest[i]][k] || p->offers[s][k] || p->refused[k] ||
			    taken[k])
				continue;
			taken[k] = true;
			routes[via] = wm_arena_printf(&w->a, "%s 10.%u.0.0/16", routes[via], k);
		}
	}
	for (unsigned i = 0; i < N; i++) {
		if (!is_peer(p, s, i))
			continue;
		wm_buf_printf(&out, "%s%s:%s%s%s%s", out.len > 0 ? "; " : "", name(w, i),
			      peers == 1 ? " 172.16.0.0/12 2001:db8::/64" : ips[i], routes[i],
			      *routes[i] != '\0' ? " |" : "", routes[i]);
	}
	return wm_arena_strdup(&w->a, wm_buf_str(&out));
}

static void expect_naive(struct world *w, const struct plan *p, uint64_t run)
{
	for (unsigned i = 0; i < N; i++) {
		const char *expected, *got;

		if (!p->node[i])
			continue;
		expected = naive(w, p, i);
		got = world_peers(w, name(w, i));
		if (!wm_streq(expected, got))
			fail_msg("seed %llu, node %u:\n  expected %s\n  got      %s",
				 (unsigned long long)run, i, expected, got);
	}
}

static void test_random_graphs(void **state)
{
	for (uint64_t run = 1; run <= 60; run++) {
		struct world w;
		struct plan p;

		seed = run;
		random_plan(&p, run % 3 == 0 ? 12 : run % 3 == 1 ? 25 : 60);
		for (unsigned i = 0; i < N; i++)
			p.key[i] = true; /* a node without one is test_peers.c's matter */
		world_init(&w);
		put_plan(&w, &p);
		expect_naive(&w, &p, run);
		world_fini(&w);
	}
}

/* ---- changes ---- */

static void mutate(struct world *w, struct plan *p)
{
	unsigned i = below(N), k = (i + 1 + below(N - 1)) % N;

	switch (below(9)) {
	case 0:
		p->node[i] = !p->node[i];
		put_node(w, p, i, "");
		break;
	case 1:
		p->key[i] = !p->key[i];
		put_node(w, p, i, "");
		break;
	case 2: /* an ordinary update of a record */
		put_node(w, p, i,
			 wm_arena_printf(&w->a, ",\"wireguardEndpoints\":[\"192.0.2.1:%u\"]",
					 1 + below(9)));
		break;
	case 3:
		p->offers[i][below(NETWORKS)] = below(2) == 0;
		put_offer(w, p, i);
		break;
	case 4:
		if (below(4) > 0)
			break;
		p->deny[i][k] = !p->deny[i][k];
		put_deny(w, p, i, k);
		break;
	case 5: /* a server of names */
		if (below(4) == 0)
			put_node(w, p, i, ",\"features\":[{\"feature\":\"MESH_DNS\",\"port\":53}]");
		break;
	default:
		p->weight[i][k] = p->weight[k][i] = below(5) > 1 ? -1 : (int)below(4);
		put_edge(w, p, i, k);
		break;
	}
}

static V1__PeerConfigurations *config(struct wm_graph *g, struct wm_arena *a, const char *id)
{
	V1__PeerConfigurations *m;

	return wm_peers_config(g, id, a, &m, NULL) == 0 ? m : NULL;
}

struct counts {
	unsigned changed, spared;
};

static void check_affected(struct world *w, V1__PeerConfigurations *const before[N], uint64_t run,
			   struct counts *c)
{
	for (unsigned i = 0; i < N; i++) {
		V1__PeerConfigurations *after = config(w->graph, &w->a, name(w, i));
		bool same = (before[i] == NULL) == (after == NULL) &&
			    (after == NULL || wm_pb_equal(&before[i]->base, &after->base));
		bool affected = wm_graph_affects(w->graph, &w->delta, name(w, i));

		if (!same && !affected)
			fail_msg("seed %llu: the peers of node %u changed and it was not named",
				 (unsigned long long)run, i);
		c->changed += !same;
		c->spared += !affected;
	}
}

static void check_reloaded(struct world *w, uint64_t run)
{
	struct wm_graph *fresh = wm_graph_new();

	assert_int_equal(wm_graph_load(fresh, &w->kv.view, NULL), 0);
	assert_int_equal(wm_graph_count(fresh), wm_graph_count(w->graph));
	assert_int_equal(wm_graph_revision(fresh), wm_graph_revision(w->graph));
	for (unsigned i = 0; i < N; i++) {
		V1__PeerConfigurations *a = config(w->graph, &w->a, name(w, i));
		V1__PeerConfigurations *b = config(fresh, &w->a, name(w, i));

		assert_int_equal(a == NULL, b == NULL);
		if (a != NULL && !wm_pb_equal(&a->base, &b->base))
			fail_msg("seed %llu: kept and loaded graph differ at node %u",
				 (unsigned long long)run, i);
	}
	wm_graph_free(fresh);
}

static void run_changes(uint64_t run, struct counts *c)
{
	struct world w;
	struct plan p;

	seed = run;
	world_init(&w);
	random_plan(&p, 8 + (unsigned)(run % 3) * 6);
	if (run % 4 == 0) /* a mesh without outside networks: single neighbours are spared most */
		memset(p.offers, 0, sizeof(p.offers));
	put_plan(&w, &p);
	for (int round = 0; round < 40; round++) {
		V1__PeerConfigurations *before[N];
		unsigned changes = 1 + below(3);

		for (unsigned i = 0; i < N; i++)
			before[i] = config(w.graph, &w.a, name(&w, i));
		wm_graph_delta_clear(&w.delta);
		while (changes-- > 0)
			mutate(&w, &p);
		check_affected(&w, before, run, c);
	}
	check_reloaded(&w, run);
	world_fini(&w);
}

static void test_whoever_changed_was_named(void **state)
{
	struct counts c = {0};

	for (uint64_t run = 1; run <= 80; run++)
		run_changes(run, &c);
	print_message("%u lists changed, %u were spared\n", c.changed, c.spared);
	assert_true(c.changed > 1000);
	assert_true(c.spared > 1000);
}

static void test_join_elsewhere_spares_leaves(void **state)
{
	struct world w;

	world_init(&w);
	world_bootstrap(&w, "hub");
	for (int i = 0; i < 5; i++) {
		const char *id = wm_arena_printf(&w.a, "leaf%d", i);

		assert_int_equal(world_join(&w, world_request(&w, id, id), "hub"), 0);
	}
	/* A network behind one of them: those who are told of it are, later joins are no news. */
	world_route(&w, "out", "leaf0", "\"10.0.0.0/8\"");
	assert_true(wm_graph_affects(w.graph, &w.delta, "leaf1"));
	wm_graph_delta_clear(&w.delta);
	assert_true(wm_graph_delta_is_empty(&w.delta));
	assert_int_equal(world_join(&w, world_request(&w, "new", "new"), "hub"), 0);
	assert_false(wm_graph_delta_is_empty(&w.delta));
	assert_true(wm_graph_affects(w.graph, &w.delta, "hub"));
	assert_true(wm_graph_affects(w.graph, &w.delta, "new"));
	for (int i = 0; i < 5; i++)
		assert_false(
			wm_graph_affects(w.graph, &w.delta, wm_arena_printf(&w.a, "leaf%d", i)));
	wm_graph_delta_clear(&w.delta);
	assert_int_equal(world_leave(&w, "new"), 0);
	assert_false(wm_graph_affects(w.graph, &w.delta, "leaf1"));
	wm_graph_delta_clear(&w.delta);
	assert_int_equal(world_leave(&w, "leaf0"), 0);
	assert_true(wm_graph_affects(w.graph, &w.delta, "leaf1"));
	world_fini(&w);
}

static bool count_node(void *arg, const char *id)
{
	return ++*(unsigned *)arg < 2;
}

static void test_questions(void **state)
{
	struct wm_addr a;
	struct world w;
	unsigned n = 0;

	world_init(&w);
	world_open(&w);
	world_node(&w, "a");
	world_node(&w, "b");
	world_node(&w, "c");
	assert_int_equal(wm_graph_count(w.graph), 3);
	assert_int_equal(wm_graph_count_edges(w.graph), 0);
	world_edge(&w, "a", "b", 1);
	world_edge(&w, "b", "a", 1); /* the same pair */
	world_edge(&w, "c", "nobody", 1);
	assert_int_equal(wm_graph_count_edges(w.graph), 1);
	world_drop_edge(&w, "a", "b");
	world_drop_edge(&w, "b", "a");
	world_drop_edge(&w, "c", "nobody");
	assert_int_equal(wm_graph_count_edges(w.graph), 0);
	assert_true(wm_addr_parse("172.16.0.2", &a));
	assert_string_equal(wm_graph_node_at(w.graph, &a), "b");
	assert_true(wm_addr_parse("2001:db8::3:77", &a)); /* within the /112 of c */
	assert_string_equal(wm_graph_node_at(w.graph, &a), "c");
	assert_true(wm_addr_parse("172.16.0.9", &a));
	assert_null(wm_graph_node_at(w.graph, &a));
	assert_true(wm_graph_may_talk(w.graph, "a", "b"));
	assert_false(wm_graph_may_talk(w.graph, "a", "x"));
	assert_string_equal(wm_graph_node(w.graph, &w.a, "a")->privateipv4, "172.16.0.1/32");
	assert_null(wm_graph_node(w.graph, &w.a, "x"));
	wm_graph_each_node(w.graph, count_node, &n);
	assert_int_equal(n, 2);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_graphs),
		cmocka_unit_test(test_whoever_changed_was_named),
		cmocka_unit_test(test_join_elsewhere_spares_leaves),
		cmocka_unit_test(test_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

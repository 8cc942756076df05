/* The difference of two states, and of two versions of a peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fabric/diff.h"
#include "platform/sysctl.h"

static struct wm_prefix prefix(const char *text)
{
	struct wm_prefix p;

	assert_true(wm_prefix_parse(text, &p));
	return p;
}

static void put_peer(struct wm_state *s, uint8_t first, const char *endpoint, const char *allowed)
{
	char id[] = {'n', (char)('0' + first), '\0'};
	struct wm_prefix p = prefix(allowed);
	struct wm_state_peer peer = {
		.public_key = {first}, .id = id, .allowed = &p, .n_allowed = 1};

	peer.has_endpoint = endpoint != NULL && wm_endpoint_parse(endpoint, &peer.endpoint);
	wm_state_put_peer(s, &peer);
}

static void fill(struct wm_state *s)
{
	struct wm_prefix addr = prefix("172.16.0.1/32");
	struct wm_state_route r = {.dst = prefix("172.16.0.0/12")};

	s->up = true;
	s->mtu = 1420;
	s->forwarding = WM_FORWARDING_V4;
	wm_state_put_addr(s, &addr);
	wm_state_put_route(s, &r);
	put_peer(s, 1, "198.51.100.1:1", "172.16.0.2/32");
	put_peer(s, 2, NULL, "172.16.0.3/32");
}

static void expect_ops(const struct wm_state *have, const struct wm_state *want,
		       const enum wm_step_op *ops, size_t n)
{
	struct wm_steps steps;

	wm_state_diff(have, want, &steps);
	assert_int_equal(steps.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(steps.steps[i].op, ops[i]);
	wm_steps_fini(&steps);
}

static void test_up_and_down(void **state)
{
	static const enum wm_step_op up[] = {WM_STEP_PEER_PUT,  WM_STEP_PEER_PUT, WM_STEP_LINK_MTU,
					     WM_STEP_LINK_UP,   WM_STEP_ADDR_ADD, WM_STEP_ROUTE_ADD,
					     WM_STEP_FORWARD_ON};
	static const enum wm_step_op down[] = {WM_STEP_PEER_REMOVE,  WM_STEP_PEER_REMOVE,
					       WM_STEP_ROUTE_REMOVE, WM_STEP_ADDR_REMOVE,
					       WM_STEP_LINK_DOWN,    WM_STEP_FORWARD_OFF};
	struct wm_state none = {0}, full = {0};

	fill(&full);
	expect_ops(&none, &full, up, WM_ARRAY_LEN(up));
	expect_ops(&full, &none, down, WM_ARRAY_LEN(down));
	expect_ops(&full, &full, NULL, 0);
	wm_state_fini(&full);
}

static void test_one_peer_changes(void **state)
{
	static const enum wm_step_op ops[] = {WM_STEP_PEER_PUT};
	struct wm_state have = {0}, want = {0};
	struct wm_steps steps;

	fill(&have);
	fill(&want);
	put_peer(&want, 2, "198.51.100.2:1", "172.16.0.3/32");
	expect_ops(&have, &want, ops, 1);
	wm_state_diff(&have, &want, &steps);
	assert_string_equal(steps.steps[0].peer->id, "n2");
	wm_steps_fini(&steps);
	wm_state_fini(&have);
	wm_state_fini(&want);
}

static void test_peer_deltas(void **state)
{
	struct wm_prefix before[] = {prefix("10.0.0.1/32"), prefix("10.0.0.2/32")};
	struct wm_prefix after[] = {prefix("10.0.0.2/32"), prefix("10.0.0.3/32")};
	char id[] = "n";
	struct wm_state_peer have = {.id = id, .allowed = before, .n_allowed = 2};
	struct wm_state_peer want = {.id = id, .allowed = after, .n_allowed = 2};
	struct wm_peer_delta d;

	assert_true(wm_endpoint_parse("198.51.100.1:1", &have.endpoint));
	have.has_endpoint = true;
	want.endpoint = have.endpoint;
	want.has_endpoint = true;
	/* The same configured endpoint is not pushed: the peer may have roamed. */
	wm_peer_diff(&have, &want, &d);
	assert_false(d.is_new || d.push_endpoint || d.push_keepalive);
	assert_int_equal(d.n_allowed, 2);
	assert_true(d.allowed[0].remove);
	assert_true(wm_prefix_equal(&d.allowed[0].prefix, &before[0]));
	assert_false(d.allowed[1].remove);
	assert_true(wm_prefix_equal(&d.allowed[1].prefix, &after[1]));
	wm_peer_delta_fini(&d);
	/* Another one is; none at all leaves the old one in place. */
	want.endpoint.port = 2;
	wm_peer_diff(&have, &want, &d);
	assert_true(d.push_endpoint);
	assert_false(d.push_places);
	wm_peer_delta_fini(&d);
	want.places[want.n_places++] = want.endpoint;
	wm_peer_diff(&have, &want, &d);
	assert_true(d.push_places);
	wm_peer_delta_fini(&d);
	have.places[have.n_places++] = have.endpoint;
	wm_peer_diff(&have, &want, &d);
	assert_true(d.push_places); /* as many, but another */
	wm_peer_delta_fini(&d);
	have.places[0] = want.places[0];
	wm_peer_diff(&have, &want, &d);
	assert_false(d.push_places);
	wm_peer_delta_fini(&d);
	want.has_endpoint = false;
	wm_peer_diff(&have, &want, &d);
	assert_false(d.push_endpoint);
	wm_peer_delta_fini(&d);
	wm_peer_diff(NULL, &want, &d);
	assert_true(d.is_new && d.push_keepalive);
	assert_int_equal(d.n_allowed, 2);
	wm_peer_delta_fini(&d);
}

/* Many puts and drops in a scrambled order, against a plain count. */
static void test_state_keeps_order(void **state)
{
	struct wm_state s = {0};
	bool in[256] = {false};
	size_t n = 0;

	for (unsigned i = 0; i < 4000; i++) {
		uint8_t x = (uint8_t)(i * 167 + i / 256 * 13);

		if (i % 3 == 2) {
			const uint8_t key[WM_WG_KEY] = {x};

			wm_state_drop_peer(&s, key);
			n -= in[x];
			in[x] = false;
		} else {
			put_peer(&s, x, NULL, "10.0.0.1/32");
			n += !in[x];
			in[x] = true;
		}
		assert_int_equal(s.n_peers, n);
	}
	for (size_t i = 1; i < s.n_peers; i++)
		assert_true(memcmp(s.peers[i - 1].public_key, s.peers[i].public_key, WM_WG_KEY) <
			    0);
	wm_state_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up_and_down),
		cmocka_unit_test(test_one_peer_changes),
		cmocka_unit_test(test_peer_deltas),
		cmocka_unit_test(test_state_keeps_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

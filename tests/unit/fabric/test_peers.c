/* Desired peers from messages of the API. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "crypto/key.h"
#include "fabric/peers.h"
#include "pb/message.h"

static V1__WireGuardPeer *new_peer(struct wm_arena *a, const char *id, const char *key)
{
	V1__WireGuardPeer *p = wm_pb_new(a, &v1__wire_guard_peer__descriptor);

	p->node = wm_pb_new(a, &v1__mesh_node__descriptor);
	p->node->id = wm_arena_strdup(a, id);
	p->node->publickey = wm_arena_strdup(a, key);
	return p;
}

static void test_whole(void **state)
{
	char *allowed[] = {(char[]){"172.16.0.2/32"}, (char[]){"invalid Prefix"}, (char[]){""},
			   (char[]){"rubbish"}, (char[]){"fd12::/112"}};
	char *routes[] = {(char[]){"10.0.0.0/8"}, (char[]){"10.0.0.0/33"}};
	char *endpoints[] = {(char[]){"198.51.100.2:51820"}, (char[]){"10.0.0.2:51820"}};
	struct wm_desired *d = wm_desired_new();
	const struct wm_desired_peer *got;
	char key_text[WM_PUBKEY_TEXT];
	uint8_t wg[WM_WG_KEY];
	struct wm_arena a;
	struct wm_pubkey pub;
	struct wm_key key;
	V1__WireGuardPeer *p;
	unsigned skipped = 0;

	wm_arena_init(&a, 0);
	wm_key_generate(&key);
	pub = wm_key_public(&key);
	assert_int_equal(wm_pubkey_wireguard(&pub, wg, NULL), 0);
	p = new_peer(&a, "edge-3", wm_pubkey_format(&pub, key_text));
	p->node->primaryendpoint = endpoints[0];
	p->node->zoneawarenessid = wm_arena_strdup(&a, "home");
	p->node->wireguardendpoints = endpoints;
	p->node->n_wireguardendpoints = 2;
	p->allowedips = allowed;
	p->n_allowedips = 5;
	p->allowedroutes = routes;
	p->n_allowedroutes = 2;
	assert_int_equal(wm_desired_add_wire(d, p, &skipped, NULL), 0);
	assert_int_equal(skipped, 2);
	assert_int_equal(d->n_peers, 1);
	got = &d->peers[0];
	assert_string_equal(got->id, "edge-3");
	assert_memory_equal(got->public_key, wg, WM_WG_KEY);
	assert_string_equal(got->endpoint, "198.51.100.2:51820");
	assert_string_equal(got->zone, "home");
	assert_int_equal(got->n_candidates, 2);
	assert_string_equal(got->candidates[1], "10.0.0.2:51820");
	assert_int_equal(got->n_allowed, 2);
	assert_int_equal(got->n_routes, 1);
	wm_desired_free(d);
	wm_key_fini(&key);
	wm_arena_fini(&a);
}

static void test_refused(void **state)
{
	struct wm_desired *d = wm_desired_new();
	V1__WireGuardPeer *none;
	struct wm_arena a;
	struct wm_err err;

	wm_arena_init(&a, 0);
	none = wm_pb_new(&a, &v1__wire_guard_peer__descriptor);
	assert_int_equal(wm_desired_add_wire(d, none, NULL, &err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_desired_add_wire(d, new_peer(&a, "", "x"), NULL, &err),
			 WM_INVALID_ARGUMENT);
	assert_int_equal(wm_desired_add_wire(d, new_peer(&a, "b", "no key"), NULL, &err),
			 WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "peer b: "));
	assert_int_equal(d->n_peers, 0);
	wm_desired_free(d);
	wm_arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Who may say what at the peer port, and that nobody may say it at the API's. */
#include "annex.h"

#include <string.h>

#include "pb/peer.h"

static char one[] = "one";

/* On the port of the API nobody may say for whom he speaks. */
static void test_claims_of_strangers_count_for_nothing(void **state)
{
	struct annex *x = *state;
	struct ask ask;
	V1__LeaveRequest req = V1__LEAVE_REQUEST__INIT;
	const char *const metadata[] = {"x-id", "mallory", WM_PROXIED_FROM, "beta", WM_PROXIED_FOR,
					"one",  NULL};
	annex_start_join(x, &ask, one, 11, LONG);
	annex_expect_joined(x, &ask);
	req.id = one;
	for (int leads = 0; leads < 2; leads++) {
		x->leader = leads ? WM_LEADER_SELF : WM_LEADER_OTHER;
		annex_start(x->api, &ask, "/v1.Membership/Leave", &req.base, metadata, LONG);
		house_wait(x->h, &ask.done);
		assert_int_equal(ask.err.code, WM_PERMISSION_DENIED);
		assert_string_equal(ask.err.text, "mallory may not act for one");
		wm_rpc_unary_fini(&ask.unary);
	}
}

static void test_strangers_at_the_peer_port(void **state)
{
	struct annex *x = *state;
	struct wm_key key;
	struct wm_tls_config *tls;
	const char *const metadata[] = {WM_PROXIED_FROM, "beta", WM_PROXIED_FOR, "admin", NULL};
	V1__LeaveRequest req = V1__LEAVE_REQUEST__INIT;
	struct ask ask;
	wm_key_generate(&key);
	struct wm_rpc_channel *way = annex_open_way(x, &key, &tls);
	req.id = one;
	annex_start(way, &ask, "/v1.Membership/Leave", &req.base, metadata, LONG);
	house_wait(x->h, &ask.done);
	assert_int_equal(ask.err.code, WM_PERMISSION_DENIED);
	assert_non_null(strstr(ask.err.text, "for servers that hold the mesh's state"));
	wm_rpc_unary_fini(&ask.unary);
	wm_rpc_channel_close(way);
	wm_tls_config_free(tls);
	wm_key_fini(&key);
}

static void test_members_speak_for_themselves(void **state)
{
	struct annex *x = *state;
	static const char *const froms[] = {"gamma", NULL};
	V1__LeaveRequest leave = V1__LEAVE_REQUEST__INIT;
	V1__GetStatusRequest local = V1__GET_STATUS_REQUEST__INIT;
	const char *const honest[] = {WM_PROXIED_FROM, "beta", NULL};
	const char *const odd[] = {WM_PROXIED_FROM, "beta", WM_PROXIED_FOR, "a/b", NULL};
	struct ask ask;
	leave.id = one;
	for (size_t i = 0; i < 2; i++) {
		const char *const metadata[] = {froms[i] == NULL ? NULL : WM_PROXIED_FROM, froms[i],
						NULL};
		annex_start(x->way, &ask, "/v1.Membership/Leave", &leave.base, metadata, LONG);
		house_wait(x->h, &ask.done);
		assert_int_equal(ask.err.code, WM_PERMISSION_DENIED);
		assert_non_null(strstr(ask.err.text, "does not come from it"));
		wm_rpc_unary_fini(&ask.unary);
	}
	annex_start(x->way, &ask, "/v1.Membership/Leave", &leave.base, odd, LONG);
	house_wait(x->h, &ask.done);
	assert_int_equal(ask.err.code, WM_INVALID_ARGUMENT);
	wm_rpc_unary_fini(&ask.unary);
	annex_start(x->way, &ask, "/v1.Node/GetStatus", &local.base, honest, LONG);
	house_wait(x->h, &ask.done);
	assert_int_equal(ask.err.code, WM_UNIMPLEMENTED);
	wm_rpc_unary_fini(&ask.unary);
}

/* What servers say to each other: nobody else has a word in it, however he is called. */
static void test_what_is_for_members_only(void **state)
{
	struct annex *x = *state;
	Webmesh__Peer__V1__SnapshotRequest req = WEBMESH__PEER__V1__SNAPSHOT_REQUEST__INIT;
	const char *const metadata[] = {"x-id", "admin", WM_PROXIED_FROM, "beta", NULL};
	static const char path[] = "/webmesh.peer.v1.Peer/Snapshot";
	struct wm_key key;
	struct wm_tls_config *tls;
	struct ask ask;
	wm_key_generate(&key);
	struct wm_rpc_channel *way = annex_open_way(x, &key, &tls);
	struct wm_rpc_channel *const others[] = {x->h->channel, way};
	for (size_t i = 0; i < 2; i++) {
		annex_start(others[i], &ask, path, &req.base, metadata, LONG);
		house_wait(x->h, &ask.done);
		assert_int_equal(ask.err.code, WM_PERMISSION_DENIED);
		wm_rpc_unary_fini(&ask.unary);
	}
	assert_int_equal(annex_at_alpha(x, path), 2);
	for (size_t i = 0; i < 3; i++) { /* whoever leads, and state or not */
		x->h->leader = i == 0 ? WM_LEADER_SELF : WM_LEADER_UNKNOWN;
		if (i == 2)
			wm_service_set_state(x->h->service, NULL, NULL);
		annex_start(x->way, &ask, path, &req.base, NULL, LONG);
		house_wait(x->h, &ask.done);
		assert_int_equal(ask.err.code, WM_OUT_OF_RANGE);
		assert_string_equal(ask.err.text, "asked by beta");
		wm_rpc_unary_fini(&ask.unary);
	}
	wm_service_set_state(x->h->service, x->h->store, x->h->live);
	wm_rpc_channel_close(way);
	wm_tls_config_free(tls);
	wm_key_fini(&key);
}

#define T(f) cmocka_unit_test_setup_teardown(f, annex_setup, annex_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_claims_of_strangers_count_for_nothing),
		T(test_strangers_at_the_peer_port),
		T(test_members_speak_for_themselves),
		T(test_what_is_for_members_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

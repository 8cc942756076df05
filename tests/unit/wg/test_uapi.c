#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/str.h"
#include "wg/uapi.h"

#define KEY_A "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define KEY_B "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"

static const char whole[] = "set=1\n"
			    "private_key=" KEY_A "\n"
			    "listen_port=51820\n"
			    "fwmark=16\n"
			    "replace_peers=true\n"
			    "public_key=" KEY_A "\n"
			    "preshared_key=" KEY_B "\n"
			    "endpoint=[2001:db8::1]:7\n"
			    "persistent_keepalive_interval=25\n"
			    "replace_allowed_ips=true\n"
			    "allowed_ip=10.0.0.0/8\n"
			    "allowed_ip=-fd00::/64\n"
			    "protocol_version=1\n"
			    "public_key=" KEY_B "\n"
			    "update_only=true\n"
			    "remove=true\n";

static int parse(const char *text, struct wm_wg_config **out, struct wm_err *err)
{
	enum wm_wg_uapi_verb verb = WM_WG_UAPI_GET;
	int rc = wm_wg_uapi_parse(text, strlen(text), &verb, out, err);
	assert_true(rc != 0 || verb == WM_WG_UAPI_SET);
	return rc;
}

static void test_set_with_everything(void **state)
{
	struct wm_wg_config *c;
	uint8_t a[32], b[32];
	char text[WM_ENDPOINT_TEXT];
	assert_true(wm_hex_parse(KEY_A, a, 32) && wm_hex_parse(KEY_B, b, 32));
	assert_int_equal(parse(whole, &c, NULL), 0);
	assert_true(c->has_private_key && c->has_listen_port && c->has_fwmark && c->replace_peers);
	assert_memory_equal(c->private_key, a, 32);
	assert_int_equal(c->listen_port, 51820);
	assert_int_equal(c->fwmark, 16);
	assert_int_equal(c->n_peers, 2);
	const struct wm_wg_peer_config *p = &c->peers[0];
	assert_memory_equal(p->public_key, a, 32);
	assert_true(p->has_psk && p->has_endpoint && p->has_keepalive);
	assert_memory_equal(p->psk, b, 32);
	assert_string_equal(wm_endpoint_format(&p->endpoint, text), "[2001:db8::1]:7");
	assert_int_equal(p->keepalive_s, 25);
	assert_int_equal(p->flags, WM_WG_PEER_REPLACE_ALLOWED);
	assert_int_equal(p->n_allowed, 2);
	assert_false(p->allowed[0].remove);
	assert_true(p->allowed[1].remove);
	assert_int_equal(p->allowed[1].prefix.bits, 64);
	assert_int_equal(c->peers[1].flags, WM_WG_PEER_REMOVE | WM_WG_PEER_UPDATE_ONLY);
	assert_false(c->peers[1].has_psk || c->peers[1].has_endpoint || c->peers[1].has_keepalive);
	wm_wg_config_free(c);
}

static void test_many_peers_and_addresses(void **state)
{
	struct wm_buf text = {.len = 0};
	struct wm_wg_config *c;
	wm_buf_add_str(&text, "set=1\n");
	for (int i = 0; i < 300; i++) {
		wm_buf_printf(&text, "public_key=%064x\npreshared_key=%064x\n", i + 1, i + 2);
		for (int j = 0; j < i % 20; j++)
			wm_buf_printf(&text, "allowed_ip=10.%d.%d.0/24\n", i % 256, j);
	}
	assert_int_equal(parse(wm_buf_str(&text), &c, NULL), 0);
	assert_int_equal(c->n_peers, 300);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(c->peers[i].n_allowed, i % 20);
		assert_int_equal(c->peers[i].psk[31], (uint8_t)(i + 2));
	}
	wm_wg_config_free(c);
	wm_buf_fini(&text);
}

static void test_get(void **state)
{
	enum wm_wg_uapi_verb verb = WM_WG_UAPI_SET;
	struct wm_wg_config *c;
	assert_int_equal(wm_wg_uapi_parse("get=1\n", 6, &verb, &c, NULL), 0);
	assert_int_equal(verb, WM_WG_UAPI_GET);
	assert_null(c);
}

static void test_bad_requests(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"set=2\n",
		"get=2\n",
		"get=1\nset=1\n",
		"private_key=1\n",
		"set=1\nnothing\n",
		"set=1\nunknown=1\n",
		"set=1\nprivate_key=00\n",
		"set=1\nprivate_key=" KEY_A "00\n",
		"set=1\nprivate_key=g" KEY_A "\n",
		"set=1\nlisten_port=65536\n",
		"set=1\nlisten_port=-1\n",
		"set=1\nlisten_port=\n",
		"set=1\nfwmark=4294967296\n",
		"set=1\nreplace_peers=false\n",
		"set=1\nallowed_ip=10.0.0.0/8\n",               /* before any peer */
		"set=1\npublic_key=" KEY_A "\nlisten_port=1\n", /* after one */
		"set=1\npublic_key=" KEY_A "\nendpoint=1.2.3.4\n",
		"set=1\npublic_key=" KEY_A "\nendpoint=1.2.3.4:0\n",
		"set=1\npublic_key=" KEY_A "\nendpoint=name:1\n",
		"set=1\npublic_key=" KEY_A "\nallowed_ip=10.0.0.0/33\n",
		"set=1\npublic_key=" KEY_A "\nallowed_ip=10.0.0.0\n",
		"set=1\npublic_key=" KEY_A "\nallowed_ip=\n",
		"set=1\npublic_key=" KEY_A "\nprotocol_version=2\n",
		"set=1\npublic_key=" KEY_A "\nremove=yes\n",
		"set=1\npublic_key=" KEY_A "\npersistent_keepalive_interval=65536\n",
	};
	struct wm_wg_config *c;
	struct wm_err err;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i], &c, &err), WM_INVALID_ARGUMENT);
		assert_null(c);
	}
	/* The sentence names the line and the key, never the value. */
	assert_int_equal(parse("set=1\nprivate_key=5ecre7\n", &c, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "line 2"));
	assert_non_null(strstr(err.text, "private_key"));
	assert_null(strstr(err.text, "5ecre7"));
}

static void test_cut_and_changed_requests(void **state)
{
	enum wm_wg_uapi_verb verb;
	struct wm_wg_config *c;
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *cut = wm_memdup(whole, len + 1);
		if (wm_wg_uapi_parse(cut, len, &verb, &c, NULL) == 0)
			wm_wg_config_free(c);
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(cut, whole, len + 1);
			cut[len] = (char)(cut[len] ^ (1 << bit));
			if (wm_wg_uapi_parse(cut, len + 1, &verb, &c, NULL) == 0)
				wm_wg_config_free(c);
		}
		wm_free(cut);
	}
	char long_line[2000];
	memset(long_line, 'x', sizeof(long_line));
	assert_int_equal(wm_wg_uapi_parse(long_line, sizeof(long_line), &verb, &c, NULL),
			 WM_INVALID_ARGUMENT);
}

static void test_the_answer_to_get(void **state)
{
	struct wm_wg_allowed allowed[2] = {{.remove = false}};
	struct wm_wg_peer_config peers[2] = {
		{.has_psk = true,
		 .has_endpoint = true,
		 .keepalive_s = 25,
		 .allowed = allowed,
		 .n_allowed = 2,
		 .last_handshake_wall_ns = 1700000000000000123,
		 .rx_bytes = 1,
		 .tx_bytes = 18446744073709551615u},
		{.has_psk = false},
	};
	struct wm_wg_config c = {.has_private_key = true,
				 .has_listen_port = true,
				 .listen_port = 51820,
				 .has_fwmark = true,
				 .fwmark = 16,
				 .peers = peers,
				 .n_peers = 2};
	struct wm_buf out = {.len = 0};
	assert_true(wm_hex_parse(KEY_A, c.private_key, 32));
	assert_true(wm_hex_parse(KEY_A, peers[0].public_key, 32));
	assert_true(wm_hex_parse(KEY_B, peers[0].psk, 32));
	assert_true(wm_hex_parse(KEY_B, peers[1].public_key, 32));
	assert_true(wm_endpoint_parse("192.0.2.1:5", &peers[0].endpoint));
	assert_true(wm_prefix_parse("10.0.0.0/8", &allowed[0].prefix));
	assert_true(wm_prefix_parse("fd00::/64", &allowed[1].prefix));
	wm_wg_uapi_format(&c, &out);
	assert_string_equal(wm_buf_str(&out),
			    "private_key=" KEY_A "\nlisten_port=51820\nfwmark=16\n"
			    "public_key=" KEY_A "\npreshared_key=" KEY_B "\nprotocol_version=1\n"
			    "endpoint=192.0.2.1:5\nlast_handshake_time_sec=1700000000\n"
			    "last_handshake_time_nsec=123\ntx_bytes=18446744073709551615\n"
			    "rx_bytes=1\npersistent_keepalive_interval=25\n"
			    "allowed_ip=10.0.0.0/8\nallowed_ip=fd00::/64\n"
			    "public_key=" KEY_B "\nprotocol_version=1\n"
			    "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\ntx_bytes=0\n"
			    "rx_bytes=0\npersistent_keepalive_interval=0\nerrno=0\n\n");
	wm_buf_fini(&out);
}

static void test_results(void **state)
{
	static const struct {
		int code;
		const char *text;
	} rows[] = {
		{WM_OK, "errno=0\n\n"},
		{WM_ALREADY_EXISTS, "errno=-98\n\n"},
		{WM_INVALID_ARGUMENT, "errno=-22\n\n"},
		{WM_PERMISSION_DENIED, "errno=-1\n\n"},
		{WM_RESOURCE_EXHAUSTED, "errno=-12\n\n"},
		{WM_INTERNAL, "errno=-5\n\n"},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_buf out = {.len = 0};
		wm_wg_uapi_format_result(rows[i].code, &out);
		assert_string_equal(wm_buf_str(&out), rows[i].text);
		wm_buf_fini(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_with_everything),
		cmocka_unit_test(test_many_peers_and_addresses),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_cut_and_changed_requests),
		cmocka_unit_test(test_the_answer_to_get),
		cmocka_unit_test(test_results),
	};
	return cmocka_run_group_tests_name("wg/uapi", tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/mem.h"
#include "crypto/tls.h"
#include "crypto/tls_impl.h"

/* A peer that changes its keys: as often as it likes while it says something, not without end. */

struct pair {
	struct wm_tls *server, *client;
};

static int carry(struct wm_tls *from, struct wm_tls *to, struct wm_err *err)
{
	WM_AUTO(wm_buf_fini) struct wm_buf b = {0};
	wm_tls_drain(from, &b);
	return b.len == 0 ? 0 : wm_tls_feed(to, b.data, b.len, err);
}

static void connect_pair(struct pair *p)
{
	struct wm_tls_config *server, *client;
	struct wm_err err;
	assert_int_equal(wm_tls_config_new_server(&(struct wm_tls_server_opts){0}, &server, &err),
			 0);
	assert_int_equal(wm_tls_config_new_client(&(struct wm_tls_client_opts){.skip_verify = true},
						  &client, &err),
			 0);
	p->server = wm_tls_new(server, NULL);
	p->client = wm_tls_new(client, "x");
	wm_tls_config_free(server);
	wm_tls_config_free(client);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(carry(p->client, p->server, &err), 0);
		assert_int_equal(carry(p->server, p->client, &err), 0);
	}
	assert_true(wm_tls_is_established(p->server) && wm_tls_is_established(p->client));
}

static void end_pair(struct pair *p)
{
	wm_tls_free(p->server);
	wm_tls_free(p->client);
}

static void change_keys(struct wm_tls *t, unsigned times, int kind)
{
	for (unsigned i = 0; i < times; i++) {
		assert_int_equal(SSL_key_update(t->ssl, kind), 1);
		assert_int_equal(SSL_do_handshake(t->ssl), 1);
	}
}

/* What @to makes of what @from has sent; @says bytes come out of it. */
static int read_from(struct wm_tls *from, struct wm_tls *to, size_t says, struct wm_err *err)
{
	WM_AUTO(wm_buf_fini) struct wm_buf plain = {0};
	int rc = carry(from, to, err);
	if (rc == 0)
		rc = wm_tls_read(to, &plain, 1 << 20, err);
	assert_int_equal(plain.len, says);
	return rc;
}

static void to_the_limit(void **state)
{
	struct pair p;
	struct wm_err err;
	for (int server = 0; server < 2; server++) {
		connect_pair(&p);
		struct wm_tls *from = server ? p.server : p.client;
		struct wm_tls *to = server ? p.client : p.server;
		change_keys(from, WM_TLS_KEY_UPDATES_MAX, SSL_KEY_UPDATE_NOT_REQUESTED);
		assert_int_equal(read_from(from, to, 0, &err), 0);
		assert_int_equal(wm_tls_write(from, "on", 2, &err), 0);
		assert_int_equal(read_from(from, to, 2, &err), 0); /* it counts anew */
		change_keys(from, WM_TLS_KEY_UPDATES_MAX, SSL_KEY_UPDATE_REQUESTED);
		assert_int_equal(wm_tls_write(from, "on", 2, &err), 0);
		assert_int_equal(read_from(from, to, 2, &err), 0);
		end_pair(&p);
	}
}

static void one_more(void **state)
{
	struct pair p;
	struct wm_err err;
	connect_pair(&p);
	change_keys(p.client, WM_TLS_KEY_UPDATES_MAX + 1, SSL_KEY_UPDATE_NOT_REQUESTED);
	assert_int_equal(read_from(p.client, p.server, 0, &err), WM_RESOURCE_EXHAUSTED);
	assert_string_equal(err.text, "the peer changes its TLS keys and says nothing");
	assert_int_equal(wm_tls_write(p.server, "x", 1, &err), WM_RESOURCE_EXHAUSTED);
	end_pair(&p);
}

/* In pieces, and with words behind them that come too late. */
static void one_more_later(void **state)
{
	struct pair p;
	struct wm_err err;
	connect_pair(&p);
	for (int i = 0; i < WM_TLS_KEY_UPDATES_MAX; i++) {
		change_keys(p.client, 1, SSL_KEY_UPDATE_REQUESTED);
		assert_int_equal(read_from(p.client, p.server, 0, &err), 0);
		assert_int_equal(carry(p.server, p.client, &err), 0);
	}
	change_keys(p.client, 1, SSL_KEY_UPDATE_REQUESTED);
	assert_int_equal(wm_tls_write(p.client, "late", 4, &err), 0);
	assert_int_equal(read_from(p.client, p.server, 0, &err), WM_RESOURCE_EXHAUSTED);
	end_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_the_limit),
		cmocka_unit_test(one_more),
		cmocka_unit_test(one_more_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "folder.h"
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/pki.h"
#include "crypto/tls.h"

/*
 * The system's roots, as the environment names them; a process reads them once, so this is a
 * program of its own. Its argument says how they lie there: in one bundle, or by hash in a folder.
 */
static const char *kind;
static struct folder f;

static void put(const struct wm_pki_cert *c, const char *name)
{
	WM_AUTO(wm_buf_fini) struct wm_buf b = {0};

	wm_pki_cert_encode(c, true, &b);
	write_file(in_folder(&f, name), wm_buf_str(&b), 0644);
}

static void put_key(const struct wm_pki_cert *c, const char *name)
{
	WM_AUTO(wm_pki_buf_wipe) struct wm_buf b = {0};

	wm_pki_cert_encode_key(c, &b);
	write_file(in_folder(&f, name), wm_buf_str(&b), 0600);
}

static void install_root(const struct wm_pki_cert *ca)
{
	char command[160];

	put(ca, "root.pem");
	assert_int_equal(setenv("SSL_CERT_DIR", f.path, 1), 0);
	if (strcmp(kind, "bundle") == 0) {
		assert_int_equal(setenv("SSL_CERT_FILE", in_folder(&f, "root.pem"), 1), 0);
		return;
	}
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
	snprintf(command, sizeof(command),
		 "cd %s && mv root.pem $(openssl x509 -noout -hash -in root.pem).0", f.path);
	assert_int_equal(system(command), 0);
}

static int shake_hands(const char *cert, const char *key, const struct wm_tls_client_opts *co,
		       struct wm_err *err)
{
	struct wm_tls_server_opts so = {.cert.file = in_folder(&f, cert),
					.key.file = in_folder(&f, key)};
	struct wm_tls_config *sc, *cc;
	struct wm_tls *s, *c;
	int rc = 0;

	assert_int_equal(wm_tls_config_new_server(&so, &sc, NULL), 0);
	assert_int_equal(wm_tls_config_new_client(co, &cc, NULL), 0);
	s = wm_tls_new(sc, NULL);
	c = wm_tls_new(cc, "node-1");
	for (int i = 0; i < 3 && rc == 0; i++) {
		WM_AUTO(wm_buf_fini) struct wm_buf up = {0};
		WM_AUTO(wm_buf_fini) struct wm_buf down = {0};

		wm_tls_drain(c, &up);
		assert_int_equal(wm_tls_feed(s, up.data, up.len, NULL), 0);
		wm_tls_drain(s, &down);
		rc = wm_tls_feed(c, down.data, down.len, err);
	}
	assert_int_equal(wm_tls_is_established(c), rc == 0);
	wm_tls_free(s);
	wm_tls_free(c);
	wm_tls_config_free(sc);
	wm_tls_config_free(cc);
	return rc;
}

static void test_roots_of_the_environment(void **state)
{
	const struct wm_pki_key_opts key = {0};
	struct wm_pki_cert *ca, *other, *leaf, *stranger;
	int64_t now = wm_clock_wall(), day = 86400 * WM_NS_PER_S;
	struct wm_tls_client_opts co = {0};
	struct wm_err err;

	folder_open(&f);
	assert_int_equal(wm_pki_cert_new_ca("trusted-ca", &key, now, day, &ca, NULL), 0);
	assert_int_equal(wm_pki_cert_new_ca("other-ca", &key, now, day, &other, NULL), 0);
	assert_int_equal(wm_pki_cert_new_leaf(ca, "node-1", &key, now, day, &leaf, NULL), 0);
	assert_int_equal(wm_pki_cert_new_leaf(other, "node-1", &key, now, day, &stranger, NULL), 0);
	put(leaf, "leaf.crt");
	put_key(leaf, "leaf.key");
	put(stranger, "stranger.crt");
	put_key(stranger, "stranger.key");
	install_root(ca);
	/* Twice: the second config finds what the process has read already. */
	for (int i = 0; i < 2; i++) {
		if (shake_hands("leaf.crt", "leaf.key", &co, &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(shake_hands("stranger.crt", "stranger.key", &co, &err),
				 WM_UNAUTHENTICATED);
		assert_non_null(strstr(err.text, "not trusted here (other-ca)"));
	}
	/* With names unchecked, who has any public certificate would be anybody: our own CA counts.
	 */
	put(other, "other.crt");
	co.ca.file = in_folder(&f, "other.crt");
	co.verify_chain_only = true;
	assert_int_equal(shake_hands("stranger.crt", "stranger.key", &co, &err), 0);
	assert_int_equal(shake_hands("leaf.crt", "leaf.key", &co, &err), WM_UNAUTHENTICATED);
	wm_pki_cert_free(stranger);
	wm_pki_cert_free(leaf);
	wm_pki_cert_free(other);
	wm_pki_cert_free(ca);
	folder_close(&f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roots_of_the_environment),
	};

	kind = argc > 1 ? argv[1] : "bundle";
	return cmocka_run_group_tests(tests, NULL, NULL);
}

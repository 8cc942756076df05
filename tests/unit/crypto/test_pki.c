#include "folder.h"
#include <signal.h>
#include <sys/resource.h>
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/ident.h"
#include "crypto/pki.h"

/*
 * What the authority makes, seen with the stock openssl program; and what its functions leave on
 * the disk when they fail.
 */
#define DAY (24 * 3600 * WM_NS_PER_S)

static struct folder f;

static int open_folder(void **state)
{
	folder_open(&f);
	return 0;
}

static int close_folder(void **state)
{
	folder_close(&f);
	return 0;
}

/* Runs a command in the test's folder; its output, both streams, is good until the next call. */
static const char *run(const char *command, int *status)
{
	static char out[16384];
	char line[1024];
	size_t n;
	FILE *in;

	snprintf(line, sizeof(line), "cd %s && { %s; } 2>&1", f.path, command);
	in = popen(line, "r");
	assert_non_null(in);
	n = fread(out, 1, sizeof(out) - 1, in);
	out[n] = '\0';
	*status = pclose(in);
	return out;
}

static void assert_runs(const char *command, const char *part)
{
	int status;
	const char *out = run(command, &status);

	if (status != 0 || strstr(out, part) == NULL)
		fail_msg("%s\nended with %d, without '%s' in:\n%s", command, status, part, out);
}

static void assert_lacks(const char *command, const char *part)
{
	int status;
	const char *out = run(command, &status);

	if (status != 0 || strstr(out, part) != NULL)
		fail_msg("%s\nended with %d, or has '%s' in:\n%s", command, status, part, out);
}

static void init_with(enum wm_pki_key_type type, unsigned size)
{
	const struct wm_pki_init_opts o = {.key = {type, size}};
	struct wm_err err;

	if (wm_pki_init(in_folder(&f, "pki/"), &o, &err) != 0)
		fail_msg("%s", err.text);
}

static void test_tree(void **state)
{
	init_with(WM_PKI_ECDSA, 0);
	assert_int_equal(count_names(f.path), 1);
	assert_int_equal(count_names(in_folder(&f, "pki")), 2);
	assert_int_equal(count_names(in_folder(&f, "pki/nodes")), 1);
	assert_int_equal(count_names(in_folder(&f, "pki/nodes/admin")), 3);
	assert_int_equal(mode_of(in_folder(&f, "pki")), 0700);
	assert_int_equal(mode_of(in_folder(&f, "pki/ca")), 0700);
	assert_int_equal(mode_of(in_folder(&f, "pki/ca/tls.key")), 0600);
	assert_int_equal(mode_of(in_folder(&f, "pki/nodes")), 0700);
	assert_int_equal(mode_of(in_folder(&f, "pki/nodes/admin")), 0700);
	assert_int_equal(mode_of(in_folder(&f, "pki/nodes/admin/tls.key")), 0600);
	assert_int_equal(mode_of(in_folder(&f, "pki/nodes/admin/ca.crt")), 0644);
	assert_runs("cmp pki/ca/ca.crt pki/nodes/admin/ca.crt && echo same", "same");
	assert_runs("grep -c BEGIN pki/nodes/admin/tls.crt", "2");
	assert_runs("grep -c BEGIN pki/ca/tls.crt", "1");
}

static void test_openssl_reads_it(void **state)
{
	static const char leaf[] = "openssl x509 -noout -text -in pki/nodes/admin/tls.crt";
	static const char ca[] = "openssl x509 -noout -text -in pki/ca/ca.crt";

	init_with(WM_PKI_ECDSA, 0);
	assert_runs("openssl verify -x509_strict -purpose sslserver -CAfile pki/ca/ca.crt "
		    "pki/nodes/admin/tls.crt",
		    "tls.crt: OK");
	assert_runs("openssl verify -x509_strict -purpose sslclient -CAfile pki/ca/ca.crt "
		    "pki/nodes/admin/tls.crt",
		    "tls.crt: OK");
	assert_runs(ca, "Issuer: CN = webmesh-ca");
	assert_runs(ca, "CA:TRUE");
	assert_runs(ca, "Digital Signature, Certificate Sign");
	assert_runs(ca, "DNS:webmesh-ca");
	assert_runs(ca, "ecdsa-with-SHA256");
	assert_runs(leaf, "Subject: CN = admin");
	assert_runs(leaf, "Issuer: CN = webmesh-ca");
	assert_runs(leaf, "CA:FALSE");
	assert_runs(leaf, "DNS:admin");
	assert_runs(leaf, "TLS Web Client Authentication, TLS Web Server Authentication");
	assert_runs(leaf, "X509v3 Authority Key Identifier");
	assert_lacks(leaf, "Certificate Sign");
	assert_runs("head -1 pki/nodes/admin/tls.key", "-----BEGIN EC PRIVATE KEY-----");
	/* 90 days and 365 days. */
	assert_runs("openssl x509 -noout -checkend 7775000 -in pki/nodes/admin/tls.crt",
		    "will not expire");
	assert_runs("! openssl x509 -noout -checkend 7776100 -in pki/nodes/admin/tls.crt",
		    "will expire");
	assert_runs("openssl x509 -noout -checkend 31535000 -in pki/ca/ca.crt", "will not expire");
	assert_runs("! openssl x509 -noout -checkend 31536100 -in pki/ca/ca.crt", "will expire");
}

static void test_key_types(void **state)
{
	static const struct {
		enum wm_pki_key_type type;
		unsigned size;
		const char *pem, *key, *signature;
	} rows[] = {
		{WM_PKI_ECDSA, 384, "BEGIN EC PRIVATE KEY", "P-384", "ecdsa-with-SHA384"},
		{WM_PKI_ECDSA, 521, "BEGIN EC PRIVATE KEY", "P-521", "ecdsa-with-SHA512"},
		{WM_PKI_RSA, 0, "BEGIN RSA PRIVATE KEY", "(2048 bit)", "sha256WithRSA"},
		{WM_PKI_WEBMESH, 0, "BEGIN PRIVATE KEY", "ED25519", "ED25519"},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		static const char text[] = "openssl x509 -noout -text -in pki/nodes/admin/tls.crt";
		struct wm_pki_files files;

		init_with(rows[i].type, rows[i].size);
		assert_runs("openssl verify -x509_strict -CAfile pki/ca/ca.crt "
			    "pki/nodes/admin/tls.crt",
			    "tls.crt: OK");
		assert_runs(text, rows[i].key);
		assert_runs(text, rows[i].signature);
		assert_runs("head -1 pki/nodes/admin/tls.key", rows[i].pem);
		assert_runs("openssl pkey -noout -in pki/nodes/admin/tls.key && echo good", "good");
		assert_int_equal(wm_pki_files_read(in_folder(&f, "pki"), "admin", &files, NULL), 0);
		wm_pki_files_fini(&files);
		assert_runs("rm -r pki && echo gone", "gone");
	}
}

static void test_issue(void **state)
{
	const struct wm_pki_issue_opts o = {.expiry_ns = 2 * DAY},
				       mixed = {.key = {WM_PKI_WEBMESH, 0}};
	const char *dir = in_folder(&f, "pki");
	struct wm_pki_files files;
	struct wm_err err;
	char cn[WM_IDENT_TEXT];

	init_with(WM_PKI_ECDSA, 0);
	assert_int_equal(wm_pki_issue(dir, "node-1", &o, &err), 0);
	assert_int_equal(wm_pki_issue(dir, "node-2", &mixed, &err), 0);
	assert_runs("openssl verify -x509_strict -CAfile pki/ca/ca.crt pki/nodes/node-1/tls.crt "
		    "pki/nodes/node-2/tls.crt",
		    "node-2/tls.crt: OK");
	assert_runs("! openssl x509 -noout -checkend 173000 -in pki/nodes/node-1/tls.crt",
		    "will expire");
	assert_int_equal(count_names(in_folder(&f, "pki/nodes")), 3);
	/* What is there stays as it is. */
	assert_runs("md5sum pki/nodes/node-1/* > sums && echo ok", "ok");
	assert_int_equal(wm_pki_issue(dir, "node-1", &o, &err), WM_ALREADY_EXISTS);
	assert_non_null(strstr(err.text, "pki/nodes/node-1: exists already"));
	assert_runs("md5sum -c --quiet sums && echo unchanged", "unchanged");
	assert_int_equal(count_names(in_folder(&f, "pki/nodes")), 3);
	assert_int_equal(wm_pki_files_read(dir, "node-1", &files, &err), 0);
	assert_int_equal(wm_pki_cn_decode(files.cert.data, files.cert.len, cn, sizeof(cn), &err),
			 0);
	assert_string_equal(cn, "node-1");
	wm_pki_files_fini(&files);
	assert_int_equal(wm_pki_files_read(dir, "node-3", &files, &err), WM_NOT_FOUND);
	assert_int_equal(wm_pki_files_read(dir, "../ca", &files, &err), WM_INVALID_ARGUMENT);
}

static void test_refusals(void **state)
{
	static const char *const names[] = {"", ".", "..", ".x", "a/b", "a b", "leader", "self"};
	const struct wm_pki_issue_opts o = {0};
	const struct wm_pki_init_opts i = {0};
	const char *dir = in_folder(&f, "pki");
	struct wm_err err;

	assert_int_equal(wm_pki_issue(dir, "node-1", &o, &err), WM_NOT_FOUND);
	assert_non_null(strstr(err.text, "pki: holds no certificate authority: make one with pki"));
	assert_int_equal(count_names(f.path), 0);
	init_with(WM_PKI_ECDSA, 0);
	assert_int_equal(wm_pki_init(dir, &i, &err), WM_ALREADY_EXISTS);
	assert_int_equal(wm_pki_init(f.path, &i, &err), WM_ALREADY_EXISTS);
	assert_int_equal(wm_pki_init("", &i, &err), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_pki_init(in_folder(&f, "no/such/pki"), &i, &err), WM_NOT_FOUND);
	for (size_t n = 0; n < WM_ARRAY_LEN(names); n++) {
		assert_int_equal(wm_pki_issue(dir, names[n], &o, &err), WM_INVALID_ARGUMENT);
		assert_ptr_equal(strstr(err.text, "name: "), err.text);
	}
	assert_int_equal(count_names(in_folder(&f, "pki/nodes")), 1);
	assert_int_equal(count_names(f.path), 1);
}

static void refuse_init(const struct wm_pki_init_opts *o, const char *part)
{
	struct wm_err err;

	assert_int_equal(wm_pki_init(in_folder(&f, "pki"), o, &err), WM_INVALID_ARGUMENT);
	if (strstr(err.text, part) == NULL)
		fail_msg("%s", err.text);
	assert_int_equal(count_names(f.path), 0);
}

static void test_bad_options(void **state)
{
	refuse_init(&(struct wm_pki_init_opts){.key = {WM_PKI_ECDSA, 224}}, "256, 384 or 521");
	refuse_init(&(struct wm_pki_init_opts){.key = {WM_PKI_RSA, 1024}}, "key size 1024");
	refuse_init(&(struct wm_pki_init_opts){.key = {WM_PKI_RSA, 2049}}, "multiple of 8");
	refuse_init(&(struct wm_pki_init_opts){.key = {WM_PKI_RSA, 16384}}, "key size 16384");
	refuse_init(&(struct wm_pki_init_opts){.ca_expiry_ns = -1}, "expiry");
	refuse_init(&(struct wm_pki_init_opts){.admin_expiry_ns = 5}, "expiry");
	refuse_init(&(struct wm_pki_init_opts){.ca_expiry_ns = INT64_MAX}, "too far");
	refuse_init(&(struct wm_pki_init_opts){.ca_name = "a b"}, "authority name");
	refuse_init(&(struct wm_pki_init_opts){.admin_name = "leader"}, "name: not a node ID");
	refuse_init(&(struct wm_pki_init_opts){.admin_name = "../x"}, "name: ");
}

static void test_damaged_authority(void **state)
{
	const struct wm_pki_issue_opts o = {0};
	const char *dir = in_folder(&f, "pki");
	struct wm_err err;

	init_with(WM_PKI_ECDSA, 0);
	/* Another key; then no key at all; then a certificate that is none. */
	assert_runs("cp pki/nodes/admin/tls.key pki/ca/tls.key && echo ok", "ok");
	assert_int_equal(wm_pki_issue(dir, "node-1", &o, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "pki/ca: the key does not belong to the certificate of "
					 "webmesh-ca"));
	assert_runs("echo nonsense > pki/ca/tls.key && echo ok", "ok");
	assert_int_equal(wm_pki_issue(dir, "node-1", &o, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "pki/ca: key: it holds no private key"));
	assert_runs("sed -i 5d pki/ca/ca.crt && echo ok", "ok");
	assert_int_equal(wm_pki_issue(dir, "node-1", &o, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "pki/ca: certificate: "));
	/* A leaf is no authority. */
	assert_runs("cp pki/nodes/admin/tls.crt pki/ca/ca.crt && "
		    "cp pki/nodes/admin/tls.key pki/ca/tls.key && echo ok",
		    "ok");
	assert_int_equal(wm_pki_issue(dir, "node-1", &o, &err), WM_FAILED_PRECONDITION);
	assert_non_null(strstr(err.text, "not one of an authority"));
	assert_int_equal(count_names(in_folder(&f, "pki/nodes")), 1);
}

/* A disk that is full after so many bytes a file: whatever was begun is gone again. */
static void test_full_disk(void **state)
{
	static const rlim_t limits[] = {0, 100, 300, 900};
	const struct wm_pki_issue_opts issue = {0};
	const struct wm_pki_init_opts init = {0};
	const char *dir = in_folder(&f, "pki"), *other = in_folder(&f, "other");
	struct rlimit before, now;
	struct wm_err err;

	init_with(WM_PKI_ECDSA, 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	for (size_t i = 0; i < WM_ARRAY_LEN(limits); i++) {
		now = before;
		now.rlim_cur = limits[i];
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
		int issued = wm_pki_issue(dir, "node-1", &issue, &err);
		int made = wm_pki_init(other, &init, &err);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_int_not_equal(issued, 0);
		assert_int_not_equal(made, 0);
		assert_non_null(strstr(err.text, "File too large"));
		assert_int_equal(count_names(f.path), 1);
		assert_int_equal(count_names(in_folder(&f, "pki/nodes")), 1);
	}
	assert_int_equal(wm_pki_issue(dir, "node-1", &issue, &err), 0);
	assert_int_equal(wm_pki_init(other, &init, &err), 0);
}

/* A leaf ends with its authority at the latest, and an expired authority signs nothing. */
static void test_times(void **state)
{
	const struct wm_pki_key_opts key = {0};
	int64_t now = wm_clock_wall();
	WM_AUTO(wm_buf_fini) struct wm_buf pem = {0};
	struct wm_pki_cert *ca, *leaf;
	struct wm_err err;

	assert_int_equal(wm_pki_cert_new_ca("ca", &key, now, DAY, &ca, NULL), 0);
	assert_int_equal(wm_pki_cert_new_leaf(ca, "n", &key, now, 9 * DAY, &leaf, NULL), 0);
	wm_pki_cert_encode(leaf, false, &pem);
	write_file(in_folder(&f, "leaf.crt"), wm_buf_str(&pem), 0644);
	assert_runs("! openssl x509 -noout -checkend 86500 -in leaf.crt", "will expire");
	assert_runs("openssl x509 -noout -checkend 86300 -in leaf.crt", "will not expire");
	wm_pki_cert_free(leaf);
	assert_int_equal(wm_pki_cert_new_leaf(ca, "n", &key, now + 2 * DAY, DAY, &leaf, &err),
			 WM_FAILED_PRECONDITION);
	assert_non_null(strstr(err.text, "the authority's certificate (ca) expired on "));
	assert_int_equal(wm_pki_cert_new_leaf(ca, "n", &key, now - 2 * DAY, DAY, &leaf, &err),
			 WM_FAILED_PRECONDITION);
	assert_non_null(strstr(err.text, "is not valid before"));
	wm_pki_cert_free(ca);
}

static void test_self_signed(void **state)
{
	WM_AUTO(wm_buf_fini) struct wm_buf pem = {0};
	struct wm_pki_cert *c;

	assert_int_equal(wm_pki_cert_new_self_signed(wm_clock_wall(), &c, NULL), 0);
	wm_pki_cert_encode(c, false, &pem);
	write_file(in_folder(&f, "self.crt"), wm_buf_str(&pem), 0644);
	wm_pki_cert_free(c);
	assert_runs("openssl x509 -noout -text -in self.crt", "CN = webmesh-selfsigned-server");
	assert_runs("openssl x509 -noout -text -in self.crt", "DNS:webmesh-selfsigned-server");
	assert_runs("openssl x509 -noout -text -in self.crt", "P-256");
}

/* The Go original puts the 64 raw bytes of an Ed25519 key where PKCS#8 belongs. */
static void test_raw_key_of_go(void **state)
{
	static const char raw[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"fggwYXxKfeg5Jd+yaUVWsSk2xHeg4f6y4UjsnaYP7n0e0ej64sShRLi+j9S0e/PT\n"
		"s0uHHDys9gEPDkLUdPzifg==\n"
		"-----END PRIVATE KEY-----\n";
	struct wm_pki_cert *c;
	struct wm_err err;
	char text[16384], broken[sizeof(raw)];
	FILE *in;
	size_t n;

	/* The same seed as PKCS#8, for openssl to make a certificate of. */
	assert_runs(
		"{ printf '\\060\\056\\002\\001\\000\\060\\005\\006\\003\\053\\145\\160\\004\\042"
		"\\004\\040'; echo "
		"fggwYXxKfeg5Jd+yaUVWsSk2xHeg4f6y4UjsnaYP7n0= | base64 -d; } > k.der && "
		"openssl req -x509 -new -key k.der -keyform DER -subj /CN=go -out go.crt && "
		"echo ok",
		"ok");
	in = fopen(in_folder(&f, "go.crt"), "r");
	assert_non_null(in);
	n = fread(text, 1, sizeof(text), in);
	fclose(in);
	if (wm_pki_cert_decode(text, n, raw, strlen(raw), &c, &err) != 0)
		fail_msg("%s", err.text);
	wm_pki_cert_free(c);
	/* A public half that is not the seed's. */
	memcpy(broken, raw, sizeof(raw));
	broken[strlen(raw) - 35] = 'A';
	assert_int_equal(wm_pki_cert_decode(text, n, broken, strlen(broken), &c, &err),
			 WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "key: the private key in it is damaged"));
}

static void test_encrypted_key(void **state)
{
	char cert[8192], key[8192];
	size_t cert_len, key_len;
	struct wm_pki_cert *c;
	struct wm_err err;
	static const char *const forms[] = {
		"openssl pkcs8 -topk8 -passout pass:xxxx -in pki/nodes/admin/tls.key -out e.key",
		"openssl ec -aes128 -passout pass:xxxx -in pki/nodes/admin/tls.key -out e.key",
	};
	FILE *in;

	init_with(WM_PKI_ECDSA, 0);
	in = fopen(in_folder(&f, "pki/nodes/admin/tls.crt"), "r");
	assert_non_null(in);
	cert_len = fread(cert, 1, sizeof(cert), in);
	fclose(in);
	for (size_t i = 0; i < 2; i++) {
		assert_runs(forms[i], "");
		in = fopen(in_folder(&f, "e.key"), "r");
		assert_non_null(in);
		key_len = fread(key, 1, sizeof(key), in);
		fclose(in);
		assert_int_equal(wm_pki_cert_decode(cert, cert_len, key, key_len, &c, &err),
				 WM_INVALID_ARGUMENT);
		assert_non_null(strstr(err.text, "encrypted: store it without a passphrase"));
	}
}

static void test_names_of_key_types(void **state)
{
	enum wm_pki_key_type type;

	for (unsigned i = 0; i < 3; i++) {
		assert_true(wm_pki_key_type_parse(wm_pki_key_type_name((enum wm_pki_key_type)i),
						  &type));
		assert_int_equal(type, i);
	}
	assert_false(wm_pki_key_type_parse("dsa", &type));
	assert_false(wm_pki_key_type_parse("", &type));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_folder, close_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tree),
		TEST(test_openssl_reads_it),
		TEST(test_key_types),
		TEST(test_issue),
		TEST(test_refusals),
		TEST(test_bad_options),
		TEST(test_damaged_authority),
		TEST(test_full_disk),
		TEST(test_times),
		TEST(test_self_signed),
		TEST(test_raw_key_of_go),
		TEST(test_encrypted_key),
		TEST(test_names_of_key_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

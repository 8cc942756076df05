#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "base/file.h"
#include "crypto/ident.h"
#include "crypto/pki.h"

/*
 * A set is one folder with three files. Whatever is made is made under a name of its own beside the
 * place where it belongs, and renamed when it is whole; on failure the files, whose names are all
 * known, are removed again.
 */
static const char *const set_files[] = {"tls.key", "tls.crt", "ca.crt"};

struct path {
	char text[WM_PATH_MAX];
};

static int join(struct path *out, const char *dir, const char *name, struct wm_err *err)
{
	if (snprintf(out->text, sizeof(out->text), "%s/%s", dir, name) < (int)sizeof(out->text))
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s: path too long", dir);
}

static void remove_set(const char *dir)
{
	struct path p;

	for (size_t i = 0; i < WM_ARRAY_LEN(set_files); i++) {
		if (join(&p, dir, set_files[i], NULL) == 0)
			wm_file_remove(p.text);
	}
	wm_folder_remove(dir);
}

static int write_part(const char *dir, const char *name, mode_t mode, const struct wm_buf *text,
		      struct wm_err *err)
{
	struct path p;
	int rc = join(&p, dir, name, err);

	return rc != 0 ? rc : wm_file_create(p.text, mode, text->data, text->len, err);
}

/* The folder @dir with the three files of @c, whose authority is @ca. */
static int write_set(const char *dir, const struct wm_pki_cert *ca, const struct wm_pki_cert *c,
		     struct wm_err *err)
{
	WM_AUTO(wm_pki_buf_wipe) struct wm_buf key = {0};
	WM_AUTO(wm_buf_fini) struct wm_buf chain = {0};
	WM_AUTO(wm_buf_fini) struct wm_buf issuer = {0};
	int rc = wm_folder_create(dir, err);

	if (rc != 0)
		return rc;
	wm_pki_cert_encode_key(c, &key);
	wm_pki_cert_encode(c, true, &chain);
	wm_pki_cert_encode(ca, false, &issuer);
	rc = write_part(dir, "tls.key", 0600, &key, err);
	if (rc == 0)
		rc = write_part(dir, "tls.crt", 0644, &chain, err);
	if (rc == 0)
		rc = write_part(dir, "ca.crt", 0644, &issuer, err);
	if (rc != 0)
		remove_set(dir);
	return rc;
}

/* ---- init ---- */

static int new_certs(const struct wm_pki_init_opts *o, struct wm_pki_cert **ca,
		     struct wm_pki_cert **admin, struct wm_err *err)
{
	const char *ca_name = o->ca_name != NULL ? o->ca_name : WM_PKI_CA_NAME;
	const char *name = o->admin_name != NULL ? o->admin_name : WM_PKI_ADMIN_NAME;
	int64_t now = wm_clock_wall();
	int rc = wm_pki_cert_new_ca(ca_name, &o->key, now,
				    o->ca_expiry_ns != 0 ? o->ca_expiry_ns : WM_PKI_CA_EXPIRY, ca,
				    err);

	if (rc == 0)
		rc = wm_pki_cert_new_leaf(*ca, name, &o->key, now,
					  o->admin_expiry_ns != 0 ? o->admin_expiry_ns
								  : WM_PKI_LEAF_EXPIRY,
					  admin, err);
	return rc;
}

static int check_folder_name(const char *name, struct wm_err *err)
{
	if (name[0] == '.')
		return wm_fail(err, WM_INVALID_ARGUMENT, "name: must not begin with a dot");
	if (!wm_ident_is_node(name, strlen(name)))
		return wm_fail(
			err, WM_INVALID_ARGUMENT,
			"name: not a node ID (1 to %d bytes without blanks and / \\ : * ? \" "
			"' < > | , and none of self, local, localhost, leader, voters, "
			"observers)",
			WM_IDENT_MAX);
	return 0;
}

/* The paths inside a tree that is being made. */
struct tree {
	struct path root, ca, nodes, admin;
};

static int name_tree(struct tree *t, const char *dir, const char *admin, struct wm_err *err)
{
	int n = snprintf(t->root.text, sizeof(t->root.text), "%s.%08x", dir, wm_rand_u32());

	if (n >= (int)sizeof(t->root.text) || join(&t->ca, t->root.text, "ca", NULL) != 0 ||
	    join(&t->nodes, t->root.text, "nodes", NULL) != 0 ||
	    join(&t->admin, t->nodes.text, admin, NULL) != 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: path too long", dir);
	return 0;
}

static int write_tree(const struct tree *t, const struct wm_pki_cert *ca,
		      const struct wm_pki_cert *admin, struct wm_err *err)
{
	int rc = wm_folder_create(t->root.text, err);

	if (rc == 0)
		rc = write_set(t->ca.text, ca, ca, err);
	if (rc == 0)
		rc = wm_folder_create(t->nodes.text, err);
	if (rc == 0)
		rc = write_set(t->admin.text, ca, admin, err);
	return rc;
}

static void remove_tree(const struct tree *t)
{
	remove_set(t->admin.text);
	wm_folder_remove(t->nodes.text);
	remove_set(t->ca.text);
	wm_folder_remove(t->root.text);
}

/* @dir without the slashes at its end, which a name beside it could not bear. */
static char *plain_dir(const char *dir)
{
	char *s = wm_strdup(dir);

	for (size_t n = strlen(s); n > 1 && s[n - 1] == '/'; n--)
		s[n - 1] = '\0';
	return s;
}

int wm_pki_init(const char *dir, const struct wm_pki_init_opts *opts, struct wm_err *err)
{
	WM_AUTO(wm_autofree) char *plain = plain_dir(dir);
	const char *admin_name = opts->admin_name != NULL ? opts->admin_name : WM_PKI_ADMIN_NAME;
	struct wm_pki_cert *ca = NULL, *admin = NULL;
	struct tree t;
	int rc;

	if (plain[0] == '\0')
		return wm_fail(err, WM_INVALID_ARGUMENT, "the name of the directory is empty");
	if (wm_path_exists(plain))
		return wm_fail(err, WM_ALREADY_EXISTS, "%s: exists already", plain);
	rc = check_folder_name(admin_name, err);
	if (rc == 0)
		rc = name_tree(&t, plain, admin_name, err);
	if (rc == 0)
		rc = new_certs(opts, &ca, &admin, err);
	if (rc == 0) {
		rc = write_tree(&t, ca, admin, err);
		if (rc == 0)
			rc = wm_folder_publish(t.root.text, plain, err);
		if (rc != 0)
			remove_tree(&t);
	}
	wm_pki_cert_free(admin);
	wm_pki_cert_free(ca);
	return rc;
}

/* ---- issue ---- */

static int read_part(const char *dir, const char *name, struct wm_buf *out, struct wm_err *err)
{
	struct path p;
	int rc = join(&p, dir, name, err);

	return rc != 0 ? rc : wm_file_read(p.text, WM_PKI_MAX_PEM, false, out, err);
}

static int load_ca(const char *dir, struct wm_pki_cert **out, struct wm_err *err)
{
	WM_AUTO(wm_pki_buf_wipe) struct wm_buf key = {0};
	WM_AUTO(wm_buf_fini) struct wm_buf cert = {0};
	int rc = read_part(dir, "ca/ca.crt", &cert, err);

	if (rc == 0)
		rc = read_part(dir, "ca/tls.key", &key, err);
	if (rc == WM_NOT_FOUND)
		return wm_fail(err, WM_NOT_FOUND,
			       "%s: holds no certificate authority: make one with pki init", dir);
	if (rc != 0)
		return rc;
	rc = wm_pki_cert_decode(cert.data, cert.len, key.data, key.len, out, err);
	return rc == 0 ? 0 : wm_wrap(err, "%s/ca", dir);
}

/* Where the set of @name is made, and where it goes. */
static int name_set(const char *dir, const char *name, struct path *aside, struct path *path,
		    struct wm_err *err)
{
	struct path nodes;
	int rc = join(&nodes, dir, "nodes", err);

	if (rc == 0)
		rc = join(path, nodes.text, name, err);
	if (rc == 0 && snprintf(aside->text, sizeof(aside->text), "%s/.%s.%08x", nodes.text, name,
				wm_rand_u32()) >= (int)sizeof(aside->text))
		rc = wm_fail(err, WM_INVALID_ARGUMENT, "%s: path too long", dir);
	if (rc != 0)
		return rc;
	rc = wm_folder_create(nodes.text, err);
	return rc == WM_ALREADY_EXISTS ? 0 : rc;
}

static int issue_from(const struct wm_pki_cert *ca, const char *dir, const char *name,
		      const struct wm_pki_issue_opts *opts, struct wm_err *err)
{
	struct wm_pki_cert *leaf = NULL;
	struct path aside, path;
	int rc = name_set(dir, name, &aside, &path, err);

	if (rc == 0 && wm_path_exists(path.text))
		rc = wm_fail(err, WM_ALREADY_EXISTS, "%s: exists already", path.text);
	if (rc == 0)
		rc = wm_pki_cert_new_leaf(
			ca, name, &opts->key, wm_clock_wall(),
			opts->expiry_ns != 0 ? opts->expiry_ns : WM_PKI_LEAF_EXPIRY, &leaf, err);
	if (rc == 0)
		rc = write_set(aside.text, ca, leaf, err);
	if (rc == 0) {
		rc = wm_folder_publish(aside.text, path.text, err);
		if (rc != 0)
			remove_set(aside.text);
	}
	wm_pki_cert_free(leaf);
	return rc;
}

int wm_pki_issue(const char *dir, const char *name, const struct wm_pki_issue_opts *opts,
		 struct wm_err *err)
{
	struct wm_pki_cert *ca = NULL;
	int rc = check_folder_name(name, err);

	if (rc == 0)
		rc = load_ca(dir, &ca, err);
	if (rc == 0)
		rc = issue_from(ca, dir, name, opts, err);
	wm_pki_cert_free(ca);
	return rc;
}

/* ---- reading ---- */

static int read_set(const char *set, struct wm_pki_files *out, struct wm_err *err)
{
	struct wm_pki_cert *c = NULL;
	int rc = read_part(set, "ca.crt", &out->ca, err);

	if (rc == 0)
		rc = read_part(set, "tls.crt", &out->cert, err);
	if (rc == 0)
		rc = read_part(set, "tls.key", &out->key, err);
	if (rc != 0)
		return rc;
	rc = wm_pki_cert_decode(out->cert.data, out->cert.len, out->key.data, out->key.len, &c,
				err);
	wm_pki_cert_free(c);
	return rc == 0 ? 0 : wm_wrap(err, "%s", set);
}

int wm_pki_files_read(const char *dir, const char *name, struct wm_pki_files *out,
		      struct wm_err *err)
{
	struct path nodes, set;
	int rc = check_folder_name(name, err);

	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = join(&nodes, dir, "nodes", err);
	if (rc == 0)
		rc = join(&set, nodes.text, name, err);
	if (rc == 0 && !wm_path_exists(set.text))
		rc = wm_fail(err, WM_NOT_FOUND, "%s: no such name: make it with pki issue",
			     set.text);
	if (rc == 0)
		rc = read_set(set.text, out, err);
	if (rc != 0)
		wm_pki_files_fini(out);
	return rc;
}

void wm_pki_files_fini(struct wm_pki_files *f)
{
	wm_pki_buf_wipe(&f->key);
	wm_buf_fini(&f->cert);
	wm_buf_fini(&f->ca);
}

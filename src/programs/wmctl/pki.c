#include "crypto/pki.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/ident.h"
#include "programs/wmctl/commands.h"
#include "programs/wmctl/output.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct wm_pki_key_opts key_opts(const struct wm_ctl *ctl)
{
	struct wm_pki_key_opts key = {.size = (unsigned)ctl->o->key_size};
	(void)wm_pki_key_type_parse(ctl->o->key_type, &key.type);
	/* The default size is one of ECDSA; other kinds have their own. */
	if (!wm_conf_is_given(ctl->conf, "key-size"))
		key.size = 0;
	return key;
}

static int check_id(const char *flag, const char *id, struct wm_err *err)
{
	if (wm_ident_is_node(id, strlen(id)))
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s: \"%.63s\" cannot be a node ID", flag, id);
}

int wm_ctl_pki_init(struct wm_ctl *ctl, struct wm_err *err)
{
	const struct wm_ctl_options *o = ctl->o;
	int rc = check_id("--admin-name", o->admin_name, err);
	if (rc != 0)
		return rc;
	struct wm_pki_init_opts opts = {
		.ca_name = o->ca_name,
		.admin_name = o->admin_name,
		.key = key_opts(ctl),
		.ca_expiry_ns = o->ca_expiry,
		.admin_expiry_ns = o->admin_expiry,
	};
	rc = wm_pki_init(o->pki_directory, &opts, err);
	if (rc == 0)
		wm_buf_printf(&ctl->out, "PKI initialized to %s\n", o->pki_directory);
	return rc;
}

int wm_ctl_pki_issue(struct wm_ctl *ctl, struct wm_err *err)
{
	const struct wm_ctl_options *o = ctl->o;
	struct wm_pki_issue_opts opts = {.key = key_opts(ctl), .expiry_ns = o->expiry};
	int rc = check_id("--name", o->issue_name, err);
	if (rc == 0)
		rc = wm_pki_issue(o->pki_directory, o->issue_name, &opts, err);
	if (rc == 0)
		wm_buf_printf(&ctl->out, "Certificate issued to %s\n", o->issue_name);
	return rc;
}

/* ---- gen-config ---- */

static void add_text(struct wm_buf *out, const char *key, const char *value)
{
	wm_buf_add_str(out, key);
	wm_ctl_yaml_quote(value, out);
	wm_buf_add_str(out, "\n");
}

static void add_data(struct wm_buf *out, const char *key, const struct wm_buf *data)
{
	wm_buf_add_str(out, key);
	size_t size = wm_b64_size(data->len);
	char *text = wm_alloc(size);
	wm_b64_format(data->data, data->len, text);
	wm_buf_printf(out, "%s\n", text);
	wm_wipe(text, size);
	wm_free(text);
}

static void add_config(const struct wm_ctl_options *o, const struct wm_pki_files *files,
		       struct wm_buf *out)
{
	wm_buf_add_str(out, "apiVersion: webmesh.io/v1\nkind: Config\n");
	add_text(out, "current-context: ", o->context_name);
	add_text(out, "contexts:\n- name: ", o->context_name);
	add_text(out, "  context:\n    cluster: ", o->cluster_name);
	add_text(out, "    user: ", o->user_name);
	add_text(out, "clusters:\n- name: ", o->cluster_name);
	add_text(out, "  cluster:\n    server: ", o->config_server);
	add_data(out,
		 "    tls-verify-chain-only: true\n    certificate-authority-data: ", &files->ca);
	add_text(out, "users:\n- name: ", o->user_name);
	add_data(out, "  user:\n    client-certificate-data: ", &files->cert);
	add_data(out, "    client-key-data: ", &files->key);
}

static int write_all(int fd, const struct wm_buf *text)
{
	for (size_t at = 0; at < text->len;) {
		ssize_t n = write(fd, text->data + at, text->len - at);
		if (n < 0 && errno != EINTR)
			return errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
}

/* Makes the folder that @path lies in, if only that one is missing. */
static void make_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL || slash == path)
		return;
	char *parent = wm_strndup(path, (size_t)(slash - path));
	(void)mkdir(parent, 0700); /* what fails here, open tells */
	wm_free(parent);
}

static int write_config(const char *path, const struct wm_buf *text, struct wm_err *err)
{
	make_parent(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return wm_fail(err, WM_ALREADY_EXISTS,
			       "%s exists; remove it or choose another --output", path);
	if (fd < 0)
		return wm_fail_errno(err, errno, "%s", path);
	int sys = write_all(fd, text);
	close(fd);
	if (sys == 0)
		return 0;
	unlink(path);
	return wm_fail_errno(err, sys, "%s", path);
}

int wm_ctl_pki_gen_config(struct wm_ctl *ctl, struct wm_err *err)
{
	const struct wm_ctl_options *o = ctl->o;
	WM_AUTO(wm_pki_buf_wipe) struct wm_buf text = {0};
	struct wm_pki_files files = {0};
	int rc = check_id("--name", o->config_name, err);
	if (rc == 0)
		rc = wm_pki_files_read(o->pki_directory, o->config_name, &files, err);
	if (rc == 0) {
		add_config(o, &files, &text);
		rc = write_config(o->config_output, &text, err);
	}
	wm_pki_files_fini(&files);
	if (rc == 0)
		wm_buf_printf(&ctl->out, "CLI configuration generated to %s\n", o->config_output);
	return rc;
}

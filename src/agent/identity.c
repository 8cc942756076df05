#include "agent/identity.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/options.h"
#include "auth/mtls.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vault.h"
#include "crypto/keyfile.h"
#include "crypto/tls.h"

/* A mesh takes a new key for a known ID only from a caller that proves the ID by other means. */
static bool proves_id_by_certificate(const struct wm_node_options *o)
{
	return !wm_str_is_empty(o->auth_mtls_cert_file) || !wm_str_is_empty(o->auth_mtls_cert_data);
}

/*
 * A key file older than the rotation interval is replaced, as the Go original does; but the new key
 * is in place before the old one is gone, and never without a word.
 */
static int rotate_key(const struct wm_node_options *o, struct wm_log *log, struct wm_err *err)
{
	const char *path = o->wireguard_key_file;
	struct stat st;
	if (o->wireguard_key_rotation_interval <= 0 || stat(path, &st) != 0)
		return 0;
	int64_t age = wm_clock_wall() - (int64_t)st.st_mtime * WM_NS_PER_S;
	if (age < o->wireguard_key_rotation_interval)
		return 0;
	if (!proves_id_by_certificate(o)) {
		wm_info(log, "key.kept", "reason=\"the key is the only proof of this node's ID\"");
		return 0;
	}
	/* What is replaced must be a key of ours: a path given by mistake is left alone. */
	struct wm_key old, fresh;
	int rc = wm_keyfile_read(path, &old, err);
	if (rc != 0)
		return rc;
	wm_key_fini(&old);
	char next[4096];
	if (snprintf(next, sizeof(next), "%s.next", path) >= (int)sizeof(next))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "wireguard.key-file: the path is too long");
	unlink(next);
	wm_key_generate(&fresh);
	rc = wm_keyfile_create(next, &fresh, err);
	wm_key_fini(&fresh);
	if (rc != 0)
		return rc;
	if (rename(next, path) != 0)
		return wm_fail_errno(err, errno, "%s", path);
	wm_info(log, "key.rotated", "age=%llds", (long long)(age / WM_NS_PER_S));
	return 0;
}

static int load_key(struct wm_identity *id, const struct wm_node_options *o, struct wm_log *log,
		    struct wm_err *err)
{
	id->key = wm_vault_alloc(sizeof(*id->key));
	if (wm_str_is_empty(o->wireguard_key_file)) {
		wm_key_generate(id->key);
		wm_info(log, "key.ephemeral", "hint=\"wireguard.key-file keeps one key for good\"");
	} else {
		bool created = false;
		int rc = rotate_key(o, log, err);
		if (rc == 0)
			rc = wm_keyfile_ensure(o->wireguard_key_file, id->key, &created, err);
		if (rc != 0)
			return wm_wrap(err, "wireguard.key-file");
		if (created)
			wm_info(log, "key.created", "file=%s", o->wireguard_key_file);
	}
	if (wm_vault_use().unlocked > 0)
		wm_warn(log, "key.swappable",
			"hint=\"a higher limit of locked memory (LimitMEMLOCK=, ulimit -l) keeps "
			"keys out of the swap\"");
	struct wm_pubkey pub = wm_key_public(id->key);
	wm_pubkey_format(&pub, id->public_text);
	return 0;
}

/* Certificates of other tools lie beside keys that all may read, so this is a warning, no refusal.
 */
static void warn_exposed(struct wm_log *log, const char *path)
{
	struct stat st;
	if (!wm_str_is_empty(path) && stat(path, &st) == 0 && (st.st_mode & 077) != 0)
		wm_warn(log, "key.exposed", "file=%s hint=\"chmod 600 %s\"", path, path);
}

static int load_server_tls(const struct wm_node_options *o, struct wm_log *log,
			   struct wm_tls_config **out, struct wm_err *err)
{
	if (o->services_api_disabled)
		return 0;
	if (o->services_api_insecure) {
		wm_warn(log, "api.insecure",
			"meaning=\"the API is neither encrypted nor authenticated\"");
		return 0;
	}
	struct wm_tls_server_opts opts = {
		.cert = {o->services_api_tls_cert_file, o->services_api_tls_cert_data},
		.key = {o->services_api_tls_key_file, o->services_api_tls_key_data},
		.require_client_cert = o->services_api_mtls || wm_node_options_auth_is_mtls(o),
		.client_ca = {o->services_api_mtls_client_ca_file, NULL},
	};
	if (wm_str_is_empty(opts.client_ca.file) && !wm_str_is_empty(o->plugins_mtls_ca_file))
		opts.client_ca.file = o->plugins_mtls_ca_file;
	else if (wm_str_is_empty(opts.client_ca.file))
		opts.client_ca.data = o->plugins_mtls_ca_data;
	warn_exposed(log, opts.key.file);
	int rc = wm_tls_config_new_server(&opts, out, err);
	return rc == 0 ? 0 : wm_wrap(err, "services.api");
}

static int load_client_tls(const struct wm_node_options *o, struct wm_log *log,
			   struct wm_tls_config **out, struct wm_err *err)
{
	if (o->tls_insecure)
		return 0;
	if (o->tls_insecure_skip_verify)
		wm_warn(log, "tls.unverified", "meaning=\"any server is believed\"");
	struct wm_tls_client_opts opts = {
		.ca = {o->tls_ca_file, o->tls_ca_data},
		.cert = {o->auth_mtls_cert_file, o->auth_mtls_cert_data},
		.key = {o->auth_mtls_key_file, o->auth_mtls_key_data},
		.verify_chain_only = o->tls_verify_chain_only,
		.skip_verify = o->tls_insecure_skip_verify,
	};
	if (!wm_streq(opts.key.file, o->services_api_tls_key_file))
		warn_exposed(log, opts.key.file);
	int rc = wm_tls_config_new_client(&opts, out, err);
	return rc == 0 ? 0 : wm_wrap(err, "tls");
}

static int find_node_id(const struct wm_node_options *o, char out[WM_IDENT_TEXT],
			struct wm_err *err)
{
	char hostname[256] = "";
	if (gethostname(hostname, sizeof(hostname) - 1) != 0)
		hostname[0] = '\0';
	return wm_node_options_node_id(o, hostname, out, err);
}

int wm_identity_init(struct wm_identity *id, const struct wm_node_options *o, struct wm_log *log,
		     struct wm_err *err)
{
	int rc = find_node_id(o, id->node_id, err);
	if (rc == 0)
		rc = load_server_tls(o, log, &id->server_tls, err);
	if (rc == 0)
		rc = load_client_tls(o, log, &id->client_tls, err);
	if (rc == 0)
		rc = load_key(id, o, log, err);
	if (rc == 0 && wm_node_options_auth_is_mtls(o))
		id->auth = &wm_auth_mtls;
	return rc;
}

static int check_same(const struct wm_identity *id, const struct wm_node_options *o,
		      struct wm_err *err)
{
	char node_id[WM_IDENT_TEXT];
	int rc = find_node_id(o, node_id, err);
	if (rc != 0)
		return rc;
	if (!wm_streq(node_id, id->node_id))
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "this node is %s, and would be %s: that needs a restart",
			       id->node_id, node_id);
	if (wm_node_options_auth_is_mtls(o) != (id->auth != NULL))
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "whether callers are known by their certificates would change: that "
			       "needs a restart");
	return 0;
}

/* The loop runs and waits for no pipe. */
static int refuse_waiting(const struct wm_node_options *o, struct wm_err *err)
{
	const char *const files[] = {
		o->services_api_tls_cert_file,
		o->services_api_tls_key_file,
		o->services_api_mtls_client_ca_file,
		o->plugins_mtls_ca_file,
		o->tls_ca_file,
		o->auth_mtls_cert_file,
		o->auth_mtls_key_file,
	};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < WM_ARRAY_LEN(files); i++)
		rc = wm_file_refuse_waiting(files[i], err);
	return rc;
}

int wm_identity_renew(const struct wm_identity *id, const struct wm_node_options *o,
		      struct wm_log *log, struct wm_tls_config **server,
		      struct wm_tls_config **client, struct wm_err *err)
{
	*server = *client = NULL;
	int rc = refuse_waiting(o, err);
	if (rc == 0)
		rc = check_same(id, o, err);
	if (rc == 0)
		rc = load_server_tls(o, log, server, err);
	if (rc == 0)
		rc = load_client_tls(o, log, client, err);
	if (rc == 0)
		return 0;
	wm_tls_config_free(*server);
	*server = NULL;
	return rc;
}

void wm_identity_fini(struct wm_identity *id)
{
	wm_vault_free(id->key);
	id->key = NULL;
	wm_tls_config_free(id->server_tls);
	wm_tls_config_free(id->client_tls);
}

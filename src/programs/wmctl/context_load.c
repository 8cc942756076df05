#include "base/mem.h"
#include "base/str.h"
#include "conf/file.h"
#include "programs/wmctl/context.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the file ---- */

/* NULL when there is none to read; *@must says that it may not be missing. */
static const char *find_path(struct wm_arena *a, const struct wm_ctl_options *o, bool *must)
{
	const char *named = getenv("WMCTL_CONFIG"), *home = getenv("HOME");
	*must = true;
	if (*o->config != '\0')
		return o->config;
	if (!wm_str_is_empty(named))
		return named;
	*must = false;
	return wm_str_is_empty(home) ? NULL : wm_arena_printf(a, "%s/.wmctl/config.yaml", home);
}

static void warn_if_open(const char *path, struct wm_buf *notes)
{
	struct stat st;
	if (stat(path, &st) != 0 || (st.st_mode & 077) == 0)
		return;
	wm_buf_printf(notes,
		      "Warning: %s holds a private key and others may read it; chmod 600 %s\n",
		      path, path);
}

static int load_file(struct wm_arena *a, const struct wm_ctl_options *o, struct wm_ctl_target *t,
		     struct wm_buf *notes, struct wm_err *err)
{
	struct wm_conf_node *root;
	bool must;
	const char *path = find_path(a, o, &must);
	if (path == NULL)
		return 0;
	int rc = wm_conf_file_read_yaml(a, path, &root, err);
	if (rc == WM_NOT_FOUND && !must) {
		if (*o->context == '\0')
			return 0;
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "--context %.80s: there is no configuration file %s", o->context,
			       path);
	}
	if (rc == 0)
		rc = wm_ctl_context_read(a, root, o->context, t, notes, err);
	if (rc == 0 && t->key.data != NULL)
		warn_if_open(path, notes);
	return rc;
}

/* ---- the flags ---- */

static void lay_bool(const struct wm_conf *conf, const char *name, bool value, bool *out)
{
	if (wm_conf_is_given(conf, name))
		*out = value;
}

static int lay_certificate(const struct wm_ctl_options *o, struct wm_ctl_target *t,
			   struct wm_buf *notes, struct wm_err *err)
{
	bool cert = *o->client_certificate != '\0', key = *o->client_key != '\0';
	if (*o->certificate_authority != '\0')
		t->ca = (struct wm_tls_source){.file = o->certificate_authority};
	if (cert != key)
		return wm_fail(err, WM_INVALID_ARGUMENT, "--%s needs --%s too",
			       cert ? "client-certificate" : "client-key",
			       cert ? "client-key" : "client-certificate");
	if (cert) {
		t->cert = (struct wm_tls_source){.file = o->client_certificate};
		t->key = (struct wm_tls_source){.file = o->client_key};
		warn_if_open(o->client_key, notes);
	}
	return 0;
}

static int refuse_both(const char *flag, struct wm_err *err)
{
	return wm_fail(err, WM_INVALID_ARGUMENT,
		       "--insecure and --%s contradict each other: without TLS there are no "
		       "certificates",
		       flag);
}

/* Flags that say opposite things; what a file says gives way silently. */
static int check_flags(const struct wm_conf *conf, const struct wm_ctl_options *o,
		       struct wm_err *err)
{
	static const char *const need_tls[] = {"certificate-authority", "client-certificate",
					       "tls-skip-verify", "tls-verify-chain-only"};
	for (size_t i = 0; o->insecure && i < WM_ARRAY_LEN(need_tls); i++) {
		if (wm_conf_is_given(conf, need_tls[i]))
			return refuse_both(need_tls[i], err);
	}
	if (o->tls_skip_verify && o->tls_verify_chain_only)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "--tls-skip-verify and --tls-verify-chain-only contradict each "
			       "other: the one checks nothing, the other the chain");
	return 0;
}

static void lay_flags(const struct wm_conf *conf, const struct wm_ctl_options *o,
		      struct wm_ctl_target *t)
{
	if (t->server == NULL || wm_conf_is_given(conf, "server")) {
		t->server = o->server;
		t->origin = wm_conf_is_given(conf, "server") ? "--server"
							     : "the default (see --server)";
	}
	lay_bool(conf, "insecure", o->insecure, &t->insecure);
	lay_bool(conf, "tls-skip-verify", o->tls_skip_verify, &t->skip_verify);
	lay_bool(conf, "tls-verify-chain-only", o->tls_verify_chain_only, &t->verify_chain_only);
	lay_bool(conf, "prefer-leader", o->prefer_leader, &t->prefer_leader);
	if (wm_conf_is_given(conf, "timeout") || t->request_timeout_ns == 0)
		t->request_timeout_ns = o->timeout;
}

int wm_ctl_context_load(struct wm_arena *a, const struct wm_conf *conf,
			const struct wm_ctl_options *o, struct wm_ctl_target *out,
			struct wm_buf *notes, struct wm_err *err)
{
	*out = (struct wm_ctl_target){0};
	int rc = check_flags(conf, o, err);
	if (rc == 0)
		rc = load_file(a, o, out, notes, err);
	if (rc != 0)
		return rc;
	lay_flags(conf, o, out);
	return lay_certificate(o, out, notes, err);
}

#pragma once
/*
 * The node's options as a struct, loaded and checked by the table in agent/options.def.h: field
 * mesh_node_id for --mesh.node-id. The struct owns its values. Loop thread, or any before the loop
 * runs.
 */
#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"
#include "crypto/ident.h"

struct wm_node_options {
#define WM_OPT(kind, field, ...) WM_CONF_C_##kind field;
#include "agent/options.def.h"
#undef WM_OPT
	struct wm_conf *conf; /* which source set what: wm_conf_where */
	int argc;             /* where they came from, to be asked again; borrowed */
	char *const *argv, *const *env;
};

/* The table itself, for help, documentation and tests. */
const struct wm_conf_table *wm_node_options_table(void);

/*
 * Reads defaults, --config's file, the environment and the flags, lays the global options over the
 * others (all but the endpoints, see below) and checks everything. Without --help or --version
 * a mesh must be named: bootstrap.enabled or mesh.join-addresses. INVALID_ARGUMENT (exit status 2)
 * names the option as the user spelt it, or file, line and key. @argv and @env are borrowed until
 * the options are freed.
 */
int wm_node_options_load(int argc, char *const *argv, char *const *env,
			 struct wm_node_options **out, struct wm_err *err) WM_MUST_CHECK;
/* Reads the same sources again, as they are now; pipes and devices are refused, since the loop runs
 * and may not wait for them. */
int wm_node_options_load_again(const struct wm_node_options *o, struct wm_node_options **out,
			       struct wm_err *err) WM_MUST_CHECK;
/* NULL is allowed. */
void wm_node_options_free(struct wm_node_options *o);
/* What was ignored, a sentence each, to be logged once there is a log. */
const struct wm_conf_list *wm_node_options_warnings(const struct wm_node_options *o);
/* True when --help, --version or the word "version" was given; nothing else was read or checked. */
bool wm_node_options_wants_help(const struct wm_node_options *o);
bool wm_node_options_wants_version(const struct wm_node_options *o);
/* True when --print-config was given: single values were checked, but not what they say together.
 */
bool wm_node_options_wants_print(const struct wm_node_options *o);
/* Appends the text of --print-config. */
void wm_node_options_print(const struct wm_node_options *o, struct wm_buf *out);
/* Appends the text of --help. */
void wm_node_options_help(struct wm_buf *out);

/*
 * What the global options say about endpoints, once addresses were detected (@n may be 0; best
 * first): fills mesh.primary-endpoint and wireguard.endpoints where they are empty. A primary
 * endpoint that differs from the detected ones comes first.
 */
void wm_node_options_apply_endpoints(struct wm_node_options *o, const struct wm_addr *detected,
				     size_t n);
/* True when global.detect-endpoints or global.detect-private-endpoints asks for detection. */
bool wm_node_options_detects(const struct wm_node_options *o);

/*
 * The ID of this node: mesh.node-id, else the name in the client certificate of auth.mtls (a chain
 * is welcome), else @hostname. The error says where the unusable one came from.
 */
int wm_node_options_node_id(const struct wm_node_options *o, const char *hostname,
			    char out[WM_IDENT_TEXT], struct wm_err *err) WM_MUST_CHECK;
/* True when callers are known by their client certificates: global.mtls or plugins.mtls.*. */
bool wm_node_options_auth_is_mtls(const struct wm_node_options *o);
/* Where crash reports are kept: global.crash-dir, else storage.path; "" for nowhere. */
const char *wm_node_options_crash_dir(const struct wm_node_options *o);
/* True when this node holds the state: bootstrap.enabled, mesh.request-vote or -observer. */
bool wm_node_options_is_storage(const struct wm_node_options *o);

#include "agent/options.h"
#include "agent/options_check.h"
#include "agent/options_global.h"
#include "base/mem.h"
#include "base/str.h"
#include <string.h>

/* Of a plugin that is no part of this program. */
static const struct wm_conf_member plugin_members[] = {
	{"config", WM_CONF_MAP},
	{"exec.path", WM_CONF_STRING},
	{"remote.server", WM_CONF_HOST_PORT},
	{"remote.insecure", WM_CONF_BOOL},
	{"remote.tls-ca-file", WM_CONF_STRING},
	{"remote.tls-cert-file", WM_CONF_STRING},
	{"remote.tls-key-file", WM_CONF_STRING},
	{"remote.tls-skip-verify", WM_CONF_BOOL},
	{NULL, WM_CONF_STRING},
};

static const struct wm_conf_option rows[] = {
#define WM_OPT(k, f, s, n, d, h, ...)                   \
	{.section = s,                                  \
	 .name = s n,                                   \
	 .kind = WM_CONF_##k,                           \
	 .offset = offsetof(struct wm_node_options, f), \
	 .def = d,                                      \
	 .help = h,                                     \
	 __VA_ARGS__},
#include "agent/options.def.h"
#undef WM_OPT
};

static const struct wm_conf_section sections[] = {
	{"", "Program"},
	{"bootstrap.", "Making a new mesh"},
	{"mesh.", "This node in its mesh"},
	{"global.", "Settings for several parts at once"},
	{"auth.", "Proving who we are"},
	{"plugins.", "Knowing who calls"},
	{"tls.", "TLS towards other nodes"},
	{"services.api.", "API server"},
	{"services.metrics.", "Figures for Prometheus"},
	{"storage.", "State of the mesh"},
	{"wireguard.", "WireGuard"},
};

static bool wants(const struct wm_conf *c, const char *word)
{
	const struct wm_conf_list *args = wm_conf_args(c);
	return args->n == 1 && strcmp(args->items[0], word) == 0;
}

static int check(struct wm_conf *c, void *values, struct wm_err *err)
{
	const struct wm_conf_list *args = wm_conf_args(c);
	const struct wm_node_options *o = values;
	if (wants(c, "version"))
		return 0;
	if (args->n > 0)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "unexpected argument \"%.80s\" (--help lists the options)",
			       args->items[0]);
	int rc = wm_node_options_overlay(c, o, err);
	return rc != 0 ? rc : wm_node_options_check(c, o, err);
}

static const struct wm_conf_table table = {
	.rows = rows,
	.n_rows = WM_ARRAY_LEN(rows),
	.sections = sections,
	.n_sections = WM_ARRAY_LEN(sections),
	.size = sizeof(struct wm_node_options),
	.check = check,
};

const struct wm_conf_table *wm_node_options_table(void)
{
	return &table;
}

/* Takes @c. */
static int load(struct wm_conf *c, int argc, char *const *argv, char *const *env,
		struct wm_node_options **out, struct wm_err *err)
{
	int rc = wm_conf_load(c, argc, argv, env, err);
	if (rc != 0) {
		wm_conf_free(c);
		return rc;
	}
	*out = wm_conf_values(c);
	(*out)->conf = c;
	(*out)->argc = argc;
	(*out)->argv = argv;
	(*out)->env = env;
	return 0;
}

int wm_node_options_load(int argc, char *const *argv, char *const *env,
			 struct wm_node_options **out, struct wm_err *err)
{
	return load(wm_conf_new(&table, 0), argc, argv, env, out, err);
}

int wm_node_options_load_again(const struct wm_node_options *o, struct wm_node_options **out,
			       struct wm_err *err)
{
	struct wm_conf *c = wm_conf_new(&table, 0);
	wm_conf_never_wait(c);
	return load(c, o->argc, o->argv, o->env, out, err);
}

void wm_node_options_free(struct wm_node_options *o)
{
	if (o != NULL)
		wm_conf_free(o->conf);
}

const struct wm_conf_list *wm_node_options_warnings(const struct wm_node_options *o)
{
	return wm_conf_warnings(o->conf);
}

bool wm_node_options_wants_help(const struct wm_node_options *o)
{
	return o->help;
}

bool wm_node_options_wants_version(const struct wm_node_options *o)
{
	return o->version || wants(o->conf, "version");
}

bool wm_node_options_wants_print(const struct wm_node_options *o)
{
	return o->print_config;
}

void wm_node_options_print(const struct wm_node_options *o, struct wm_buf *out)
{
	wm_conf_print(o->conf, out);
}

void wm_node_options_help(struct wm_buf *out)
{
	wm_buf_add_str(out,
		       "webmesh-node is a member of a mesh.\n\n"
		       "Usage: webmesh-node [OPTION...]\n"
		       "       webmesh-node version [--json]\n\n"
		       "Each option can also stand in the --config file (mesh: {node-id: x}) and\n"
		       "in the environment (MESH_NODE_ID=x); flags win over both.\n");
	wm_conf_help(&table, 0, out);
}

/* ---- what follows from several options ---- */

bool wm_node_options_auth_is_mtls(const struct wm_node_options *o)
{
	return o->global_mtls || *o->plugins_mtls_ca_file != '\0' ||
	       *o->plugins_mtls_ca_data != '\0';
}

bool wm_node_options_is_storage(const struct wm_node_options *o)
{
	return o->bootstrap_enabled || o->mesh_request_vote || o->mesh_request_observer;
}

const char *wm_node_options_crash_dir(const struct wm_node_options *o)
{
	if (*o->global_crash_dir != '\0')
		return o->global_crash_dir;
	return o->storage_in_memory ? "" : o->storage_path;
}

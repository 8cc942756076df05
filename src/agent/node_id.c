#include "agent/options.h"
#include "base/str.h"
#include "crypto/tls.h"
#include <string.h>

static int take(const char *id, const char *origin, char out[WM_IDENT_TEXT], struct wm_err *err)
{
	if (!wm_ident_is_node(id, strlen(id)))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s: \"%.63s\" cannot be a node ID; choose one with --mesh.node-id",
			       origin, id);
	wm_str_copy(out, WM_IDENT_TEXT, id);
	return 0;
}

int wm_node_options_node_id(const struct wm_node_options *o, const char *hostname,
			    char out[WM_IDENT_TEXT], struct wm_err *err)
{
	struct wm_tls_source cert = {o->auth_mtls_cert_file, o->auth_mtls_cert_data};
	char cn[WM_IDENT_TEXT];
	if (*o->mesh_node_id != '\0')
		return take(o->mesh_node_id, wm_conf_where(o->conf, "mesh.node-id"), out, err);
	if (wm_tls_source_is_empty(&cert))
		return take(hostname, "the host's name", out, err);
	const char *name =
		*o->auth_mtls_cert_file != '\0' ? "auth.mtls.cert-file" : "auth.mtls.cert-data";
	int rc = wm_tls_source_cn(&cert, cn, sizeof(cn), err);
	if (rc != 0)
		return wm_wrap(err, "%s", wm_conf_where(o->conf, name));
	return take(cn, wm_conf_where(o->conf, name), out, err);
}

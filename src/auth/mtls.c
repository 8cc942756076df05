#include "auth/mtls.h"
#include <string.h>
#include "base/str.h"

static int authenticate(const struct wm_auth_call *call, char id[WM_IDENT_TEXT], struct wm_err *err)
{
	if (call->peer_cn == NULL)
		return wm_fail(err, WM_UNAUTHENTICATED,
			       "the call came without a client certificate that names its owner");
	if (!wm_ident_is_node(call->peer_cn, strlen(call->peer_cn)))
		return wm_fail(err, WM_UNAUTHENTICATED,
			       "the common name of the client certificate is not a node ID");
	wm_str_copy(id, WM_IDENT_TEXT, call->peer_cn);
	return 0;
}

const struct wm_auth_provider wm_auth_mtls = {
	.name = "mtls",
	.authenticate = authenticate,
};

#include "auth/auth.h"
#include <string.h>
#include "auth/mtls.h"
#include "base/mem.h"
#include "base/str.h"

static const struct wm_auth_provider *const providers[] = {
	&wm_auth_mtls,
};

const struct wm_auth_provider *wm_auth_provider_find(const char *name)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(providers); i++) {
		if (wm_streq(providers[i]->name, name))
			return providers[i];
	}
	return NULL;
}

int wm_auth_identify(const struct wm_auth_provider *p, const struct wm_auth_call *call,
		     char id[WM_IDENT_TEXT], struct wm_err *err)
{
	int rc = p->authenticate(call, id, err);

	if (rc == 0 && !wm_ident_is_node(id, strlen(id)))
		rc = wm_fail(err, WM_UNAUTHENTICATED, "the caller's name is no usable ID");
	if (rc == 0)
		return 0;
	id[0] = '\0'; /* nobody goes on with half an answer */
	return wm_wrap(err, "%s", p->name);
}

const char *wm_auth_call_header(const struct wm_auth_call *call, const char *name)
{
	for (size_t i = 0; i < call->n_headers; i++) {
		if (strcmp(call->headers[i].name, name) == 0)
			return call->headers[i].value;
	}
	return NULL;
}

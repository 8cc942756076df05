#include "programs/wmctl/advice.h"
#include "base/str.h"
#include <string.h>

static bool says(const struct wm_err *err, const char *word)
{
	return strcasestr(err->text, word) != NULL;
}

static const char no_certificate[] =
	"  No client certificate was shown: give one with --client-certificate and --client-key (or "
	"client-certificate-data and client-key-data in the configuration file).\n";

static void advise_unavailable(const struct wm_ctl_target *t, const struct wm_err *err,
			       struct wm_buf *notes)
{
	if (says(err, "refused")) {
		wm_buf_printf(notes,
			      "  Nobody listens at %s. Is webmesh-node running there, and is that "
			      "the port of its services.api.listen-address?\n"
			      "  The address comes from %s.\n",
			      t->server, t->origin);
	} else if (says(err, "resolve") || says(err, "name")) {
		wm_buf_printf(notes, "  The address comes from %s.\n", t->origin);
	} else if (t->insecure) {
		wm_buf_add_str(notes,
			       "  If the server speaks TLS, leave out --insecure (or insecure: "
			       "true in the configuration file).\n");
	} else if (says(err, "TLS")) {
		wm_buf_add_str(notes, "  If the server runs with --global.insecure, use --insecure "
				      "(or insecure: true in the configuration file).\n");
	} else if (says(err, "closed") && wm_tls_source_is_empty(&t->cert)) {
		wm_buf_add_str(notes, no_certificate);
	} else {
		wm_buf_printf(notes, "  Can this host reach %s? The address comes from %s.\n",
			      t->server, t->origin);
	}
}

static void advise_unauthenticated(const struct wm_ctl_target *t, struct wm_buf *notes)
{
	if (t->insecure)
		wm_buf_add_str(notes, "  Without TLS the server cannot know who calls.\n");
	else if (wm_tls_source_is_empty(&t->cert))
		wm_buf_add_str(notes, no_certificate);
}

void wm_ctl_advise(const struct wm_ctl_target *t, const char *method, const struct wm_err *err,
		   struct wm_buf *notes)
{
	if (err->code == WM_UNAVAILABLE)
		advise_unavailable(t, err, notes);
	else if (err->code == WM_UNAUTHENTICATED)
		advise_unauthenticated(t, notes);
	else if (err->code == WM_DEADLINE_EXCEEDED)
		wm_buf_printf(notes, "  %s did not answer in time; --timeout allows more.\n",
			      t->server);
	else if (err->code == WM_UNIMPLEMENTED && wm_str_starts(method, "/v1.Mesh/"))
		wm_buf_add_str(notes, "  The server does not offer the Mesh service: start it with "
				      "--services.api.mesh-enabled, or ask another.\n");
	else if (err->code == WM_UNIMPLEMENTED && wm_str_starts(method, "/v1.Membership/"))
		wm_buf_add_str(notes, "  The server does not hold the mesh's state: ask one that "
				      "does, such as the one that made the mesh.\n");
}

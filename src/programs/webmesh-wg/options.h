#pragma once
/* What webmesh-wg was told, by its arguments and the environment. Plain values. */
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

struct wm_tunnel_options {
	char name[32];    /* of the interface, as the platform takes it */
	bool is_template; /* the system chooses the number at its end */
	bool foreground;
	bool wants_help, wants_version;
	bool is_plain; /* packets one by one, without offloads */
	/* LOG_LEVEL asks for a log, so output is kept in the background too. */
	bool keeps_output;
	enum wm_log_level level;
	const char *odd_level; /* LOG_LEVEL as given, when it is no level; borrowed, or NULL */
};

/* INVALID_ARGUMENT for wrong usage, UNIMPLEMENTED for a variable that asks for what is not there.
 */
WM_MUST_CHECK int wm_tunnel_options_load(struct wm_tunnel_options *o, int argc, char **argv,
					 struct wm_err *err);
/* Appends the text of --help. */
void wm_tunnel_options_help(struct wm_buf *out);

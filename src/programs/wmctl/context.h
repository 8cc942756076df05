#pragma once
/*
 * Which server to ask, and as whom: a context of wmctl's configuration file (clusters, users and
 * contexts by name, in YAML), with the flags laid over it. The flags always win. All text lives in
 * the arena that was passed. One thread.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "conf/node.h"
#include "crypto/tls.h"
#include "programs/wmctl/options.h"

struct wm_ctl_target {
	const char *server; /* host:port */
	const char *origin; /* where that was said, for messages */
	bool insecure;
	bool verify_chain_only;
	bool skip_verify;
	bool prefer_leader;
	struct wm_tls_source ca, cert, key;
	int64_t connect_timeout_ns; /* 0: the default */
	int64_t request_timeout_ns;
};

/*
 * The target of the context @name (NULL or "": the file's current one) in a parsed file. Warnings
 * about unknown keys are appended to @notes, a line each.
 */
int wm_ctl_context_read(struct wm_arena *a, const struct wm_conf_node *root, const char *name,
			struct wm_ctl_target *out, struct wm_buf *notes, struct wm_err *err)
	WM_MUST_CHECK;

/*
 * The target of a command: the file of --config, $WMCTL_CONFIG or ~/.wmctl/config.yaml (only the
 * last may be missing), then the flags. Warns in @notes about a file with a key that others may
 * read.
 */
int wm_ctl_context_load(struct wm_arena *a, const struct wm_conf *conf,
			const struct wm_ctl_options *o, struct wm_ctl_target *out,
			struct wm_buf *notes, struct wm_err *err) WM_MUST_CHECK;

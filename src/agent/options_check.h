#pragma once
/*
 * What must hold between the node's options, after the global ones were laid over them. Each
 * failure names the options as the user spelt them. Any thread.
 */
#include "agent/options.h"

int wm_node_options_check(struct wm_conf *c, const struct wm_node_options *o, struct wm_err *err)
	WM_MUST_CHECK;

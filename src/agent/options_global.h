#pragma once
/*
 * The global options laid over the others: what each of them sets, and where it meets a more
 * special option that says something else, which is an error that names both. Called once, by the
 * table's check. Any thread.
 */
#include "agent/options.h"

/* @o is filled and its rows are checked one by one; fills what global.* implies. */
int wm_node_options_overlay(struct wm_conf *c, const struct wm_node_options *o, struct wm_err *err)
	WM_MUST_CHECK;

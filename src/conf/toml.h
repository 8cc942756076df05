#pragma once
/*
 * TOML 1.0 without dates and times, which no option has: they are refused by name. Keys bare,
 * quoted and dotted, tables, arrays of tables, inline tables, strings of all four kinds, numbers in
 * all four bases, booleans, arrays. Redefined keys and tables are errors with their line; size,
 * depth and number of nodes are bounded (conf/node.h). Any thread.
 */
#include "conf/node.h"

/* Parses @len bytes; @name is the file's name in messages. An empty file is an empty map. */
int wm_conf_toml_parse(struct wm_arena *a, const char *name, const void *text, size_t len,
		       struct wm_conf_node **out, struct wm_err *err) WM_MUST_CHECK;

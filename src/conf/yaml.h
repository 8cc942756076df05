#pragma once
/*
 * YAML, as far as configuration needs it: one document of maps, lists and scalars. Anchors,
 * aliases, tags, duplicate keys, keys that are no text and a second document are errors with their
 * line; size, depth and number of nodes are bounded (conf/node.h). Any thread.
 */
#include "conf/node.h"

/* Parses @len bytes; @name is the file's name in messages. An empty file is an empty map. */
int wm_conf_yaml_parse(struct wm_arena *a, const char *name, const void *text, size_t len,
		       struct wm_conf_node **out, struct wm_err *err) WM_MUST_CHECK;

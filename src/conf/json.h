#pragma once
/*
 * JSON as RFC 8259 has it, strictly: one object, UTF-8, no comments, no commas too many. Duplicate
 * keys, NUL characters and lone surrogates are errors with their line; size, depth and number of
 * nodes are bounded (conf/node.h). Our own parser, since jansson does not say on which line a value
 * stands, and messages about values need that. Any thread.
 */
#include "conf/node.h"

/* Parses @len bytes; @name is the file's name in messages. */
int wm_conf_json_parse(struct wm_arena *a, const char *name, const void *text, size_t len,
		       struct wm_conf_node **out, struct wm_err *err) WM_MUST_CHECK;

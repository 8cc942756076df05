#pragma once
/* Inside conf/ only: the parts of TOML that hold no others. Plain functions; any thread. */
#include "conf/scan.h"

/* Passes a line's end, "\n" or "\r\n". */
bool wm_conf_toml_take_newline(struct wm_conf_scan *s);
/* True for a character that TOML allows nowhere but escaped. */
bool wm_conf_toml_is_control(int c);
/* A string in either quotes; with @lines also one of several lines. The cursor is on its quote. */
int wm_conf_toml_string(struct wm_conf_scan *s, bool lines, const char **out) WM_MUST_CHECK;
/*
 * A number or boolean. Its text is in the form that options take: whole numbers decimal, without
 * underscores.
 */
int wm_conf_toml_word(struct wm_conf_scan *s, enum wm_conf_node_type *type, const char **out)
	WM_MUST_CHECK;

#pragma once
/*
 * Configuration files: the one place of conf/ that reads the disk. The format follows from the
 * file's extension. Blocks; any thread.
 */
#include "base/buf.h"
#include "conf/node.h"

/*
 * Reads and parses @path; the extension decides how, and one that is not known is refused by name.
 * Missing is NOT_FOUND, unreadable PERMISSION_DENIED, all else INVALID_ARGUMENT.
 */
int wm_conf_file_read(struct wm_arena *a, const char *path, struct wm_conf_node **out,
		      struct wm_err *err) WM_MUST_CHECK;
/* The same for a file that is YAML whatever it is called. */
int wm_conf_file_read_yaml(struct wm_arena *a, const char *path, struct wm_conf_node **out,
			   struct wm_err *err) WM_MUST_CHECK;
/*
 * Reads a file that holds nothing but a secret: up to 64 KiB of text, without NUL. A line's end at
 * its end is no part of it. The caller wipes @out, after an error too.
 */
int wm_conf_file_read_secret(const char *path, struct wm_buf *out, struct wm_err *err)
	WM_MUST_CHECK;

#pragma once
/*
 * Configuration files: the one place of conf/ that reads the disk. The format follows from the
 * file's extension. Blocks; any thread.
 */
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

#pragma once
/*
 * Going to the background: the process forks while it has neither thread nor loop; the one in front
 * waits until the one behind works, and ends with what came of it.
 */
#include "base/err.h"
#include <stdbool.h>

/*
 * Returns 0 in the process behind, with *@ready for wm_background_detach. Returns 1 in the one in
 * front, once the other has detached (*@status 0) or ended (*@status is its exit status, not 0; it
 * has said why). Closes every descriptor but the standard ones.
 */
WM_MUST_CHECK int wm_background_fork(int *ready, int *status, struct wm_err *err);
/*
 * All is ready: leaves terminal, folder and standard input, and, unless @keeps_output, also output
 * and error; then lets the process in front go. Takes @ready.
 */
WM_MUST_CHECK int wm_background_detach(int ready, bool keeps_output, struct wm_err *err);

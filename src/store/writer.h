#pragma once
/*
 * The engine of a store that one process has to itself: a write thread takes every proposal that
 * waits, applies them in order in one LMDB write transaction (one sync for all of them), and posts
 * the results. Loop thread.
 */
#include "store/engine.h"

WM_MUST_CHECK int wm_writer_start(struct wm_loop *loop, struct wm_env *env,
				  const struct wm_engine_hooks *hooks, struct wm_engine **out,
				  struct wm_err *err);

#pragma once
/*
 * Looks whether what has been applied is still there: somebody else may have taken an address or a
 * route away, or the link down. Reads only. One thread at a time.
 */
#include "base/err.h"
#include "fabric/state.h"
#include "platform/link.h"

struct wm_net;

/*
 * Strikes from @have what is no more on the link @self (as it was when first seen); the number of
 * strikes. What cannot be read is taken to be there still.
 */
unsigned wm_observe(struct wm_net *net, const struct wm_link *self, struct wm_state *have);
/* Adds to @have the addresses and our routes that are on the interface @link now. */
WM_MUST_CHECK int wm_observe_all(struct wm_net *net, unsigned link, struct wm_state *have,
				 struct wm_err *err);

#pragma once
/*
 * Looks whether what has been applied is still there: somebody else may have taken an address or a
 * route away, or the link down. Reads only. One thread at a time.
 */
#include "fabric/state.h"
#include "platform/link.h"

struct wm_net;

/*
 * Strikes from @have what is no more on the link @self (as it was when first seen); the number of
 * strikes. What cannot be read is taken to be there still.
 */
unsigned wm_observe(struct wm_net *net, const struct wm_link *self, struct wm_state *have);

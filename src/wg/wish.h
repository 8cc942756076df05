#pragma once
/* What is wrong with a wish (platform/wgconfig.h), whoever is to fulfil it. Pure; any thread. */
#include "base/err.h"
#include "platform/wgconfig.h"

/*
 * For a device that has @n_peers: INVALID_ARGUMENT names the peer whose endpoint or allowed address
 * makes no sense; RESOURCE_EXHAUSTED for more peers than any device has.
 */
WM_MUST_CHECK int wm_wg_wish_check(const struct wm_wg_config *wish, size_t n_peers,
				   struct wm_err *err);

/*
 * The same wish in words that the kernel of every version understands, to the same end:
 * - replace_peers: there, that would end the sessions of those who stay. So those who go are named,
 *   and those who stay lose what the list does not give them.
 * - an allowed address that is taken from its peer: there, the whole list would have to be given
 *   anew, with a moment in which it is empty. So the address goes to a peer that is made for this,
 *   and goes with it.
 * @now is the device as it is. Owns what it allocates; the rest is the wish's.
 */
struct wm_wg_kernel_wish {
	struct wm_wg_config config;
	struct wm_wg_allowed **lists; /* those that are ours */
	size_t n_lists;
};

void wm_wg_kernel_wish_init(struct wm_wg_kernel_wish *k, const struct wm_wg_config *wish,
			    const struct wm_wg_config *now);
/* Wipes the keys. */
void wm_wg_kernel_wish_fini(struct wm_wg_kernel_wish *k);

#pragma once
/*
 * Desired peers from what the API says: one v1.WireGuardPeer (of a JoinResponse, of a
 * PeerConfigurations, or computed by mesh/) becomes one struct wm_desired_peer. Tolerant in what a
 * Go node is known to write ("invalid Prefix", "invalid IP"): such texts count as absent.
 */
#include "base/err.h"
#include "fabric/desired.h"
#include "pb/v1.h"

/*
 * Adds the peer with its key, endpoint, candidates, zone, allowed addresses and routes.
 * INVALID_ARGUMENT, with nothing added, for a peer without a usable ID or key. Prefixes that are
 * none are left out; their number is added to *@skipped (may be NULL).
 */
WM_MUST_CHECK int wm_desired_add_wire(struct wm_desired *d, const V1__WireGuardPeer *peer,
				      unsigned *skipped, struct wm_err *err);

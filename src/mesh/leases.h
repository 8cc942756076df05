#pragma once
/*
 * The address plan. A node's IPv4 address is a lease: a key of its own, taken in the transaction of
 * the join under the condition that it is absent, so two joins never get one address. Its IPv6
 * address follows from its key. Network and broadcast address are nobody's. No clock, no chance.
 */
#include "base/addr.h"
#include "crypto/key.h"
#include "store/kv.h"
#include "store/txn.h"

/* Addresses that are reserved for nodes by name, beforehand. */
struct wm_lease_static {
	const char *node_id;
	struct wm_addr addr;
};

struct wm_lease_plan {
	struct wm_prefix prefix; /* the IPv4 network of the mesh */
	const struct wm_lease_static *fixed;
	size_t n_fixed;
	/* True when a node's record holds the address without a lease; may be NULL. */
	bool (*is_taken)(void *arg, const struct wm_addr *addr);
	void *arg;
};

/*
 * Adds to @t the lease of @node_id and its condition: the address that is fixed for it, else @own
 * (its address until now, NONE = none) as long as no other node has a right to that, else the
 * lowest free one. A lease of @own that it gives up is released. RESOURCE_EXHAUSTED names the
 * prefix; ALREADY_EXISTS a fixed address that another node holds, INVALID_ARGUMENT one outside the
 * prefix.
 */
WM_MUST_CHECK int wm_lease_take(struct wm_txn *t, struct wm_view *v,
				const struct wm_lease_plan *plan, const char *node_id,
				const struct wm_addr *own, struct wm_addr *out, struct wm_err *err);
/* Adds the release of @addr to @t if @node_id holds its lease. */
void wm_lease_release(struct wm_txn *t, struct wm_view *v, const char *node_id,
		      const struct wm_addr *addr);
/* The first address that a node can have in an IPv4 prefix; false when it has room for none. */
bool wm_lease_first(const struct wm_prefix *prefix, struct wm_addr *out);

/* The /112 of the node with this key inside the /48 of the mesh. */
WM_MUST_CHECK int wm_ipv6_of_key(const struct wm_prefix *mesh, const struct wm_pubkey *key,
				 struct wm_prefix *out, struct wm_err *err);
/* "fd", then the first five bytes of SHA-256 of @seed: a /48. */
struct wm_prefix wm_ula_from_seed(const void *seed, size_t len);
/* The seed of RFC 4193: a time in NTP form, then the EUI-64 of an interface (or of six random
 * bytes). */
void wm_ula_seed(int64_t wall_ns, const uint8_t mac[6], uint8_t out[16]);

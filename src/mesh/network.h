#pragma once
/*
 * The network state of a mesh (its two prefixes and its domain) and the first transaction of its
 * life. No clock and no chance in here: times and seeds are handed in.
 */
#include "base/addr.h"
#include "pb/v1.h"
#include "store/kv.h"
#include "store/txn.h"

#define WM_DOMAIN_MAX     253
#define WM_DEFAULT_DOMAIN "webmesh.internal"
#define WM_DEFAULT_IPV4   "172.16.0.0/12"
#define WM_DEFAULT_ADMIN  "admin"

struct wm_network {
	struct wm_prefix v4;
	struct wm_prefix v6;
	char domain[WM_DOMAIN_MAX + 1]; /* as stored, without a trailing dot added */
};

/* NOT_FOUND unless all three parts are there: the test for "is bootstrapped". */
WM_MUST_CHECK int wm_network_get(struct wm_view *v, struct wm_network *out, struct wm_err *err);
/* From the three stored texts; false unless all are there and readable. */
bool wm_network_parse(const char *v4, const char *v6, const char *domain, struct wm_network *out);
/*
 * INVALID_ARGUMENT naming the part: an IPv4 prefix without room, an IPv6 prefix that is no /48, a
 * domain that is none.
 */
WM_MUST_CHECK int wm_network_check(const struct wm_network *net, struct wm_err *err);
/* Absent means enabled. */
bool wm_rbac_is_enabled(struct wm_view *v);
void wm_rbac_put(struct wm_txn *t, bool enabled);

struct wm_bootstrap {
	struct wm_network network; /* complete: the IPv6 prefix is given or from wm_ula_from_seed */
	const char *admin;
	/*
	 * This node, described as to a server that it would join: id, publicKey, endpoints, zone,
	 * assignIPv4, routes, directPeers, features, multiaddrs.
	 */
	const V1__JoinRequest *self;
	const char *const *servers; /* IDs of the other initial servers */
	size_t n_servers;
	const char *const *voters; /* further IDs that may vote */
	size_t n_voters;
	bool rbac;            /* false: written as switched off */
	bool accept;          /* default network policy: accept, else drop */
	int64_t joined_at_ns; /* since 1970 */
};

/*
 * The whole initial state as one transaction that holds only while there is none: network state,
 * roles, bindings and group of the system, ACLs, this node with its address, the other servers and
 * the edges. *@out is the caller's. INVALID_ARGUMENT names the field.
 */
WM_MUST_CHECK int wm_bootstrap_build(const struct wm_bootstrap *b, struct wm_txn **out,
				     struct wm_err *err);

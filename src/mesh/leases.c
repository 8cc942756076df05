#include "mesh/leases.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/wire.h"
#include "mesh/paths.h"

#define HEX_DIGITS 8

static uint32_t number_of(const struct wm_addr *a)
{
	struct wm_wire w;

	wm_wire_init_read(&w, a->bytes, 4);
	return wm_wire_get_be32(&w);
}

struct range {
	uint64_t first, last; /* of usable addresses; empty when last < first */
};

static struct range usable(const struct wm_prefix *prefix)
{
	struct wm_prefix masked = wm_prefix_masked(prefix);
	uint64_t network = number_of(&masked.addr);
	uint64_t size = 1ull << (32 - prefix->bits);

	return (struct range){.first = network + 1, .last = size < 2 ? 0 : network + size - 2};
}

bool wm_lease_first(const struct wm_prefix *prefix, struct wm_addr *out)
{
	struct range r;

	if (prefix->addr.family != WM_IPV4 || prefix->bits > 32)
		return false;
	r = usable(prefix);
	if (r.last < r.first)
		return false;
	*out = wm_addr_v4((uint32_t)r.first);
	return true;
}

static bool is_usable(const struct wm_prefix *prefix, const struct wm_addr *addr)
{
	struct range r = usable(prefix);

	return addr->family == WM_IPV4 && number_of(addr) >= r.first && number_of(addr) <= r.last;
}

enum holder { NOBODY, SELF, ANOTHER };

static enum holder holder_of(struct wm_view *v, const char *node_id, const struct wm_addr *addr)
{
	struct wm_kv kv;

	if (wm_view_get(v, wm_path_lease(number_of(addr)).text, &kv, NULL) != 0)
		return NOBODY;
	return kv.value_len == strlen(node_id) && memcmp(kv.value, node_id, kv.value_len) == 0
		       ? SELF
		       : ANOTHER;
}

static bool is_fixed_for_another(const struct wm_lease_plan *plan, const char *node_id,
				 const struct wm_addr *addr)
{
	for (size_t i = 0; i < plan->n_fixed; i++)
		if (wm_addr_equal(&plan->fixed[i].addr, addr) &&
		    strcmp(plan->fixed[i].node_id, node_id) != 0)
			return true;
	return false;
}

/* Without a lease, but not to be given away either. */
static bool is_kept_back(const struct wm_lease_plan *plan, const char *node_id,
			 const struct wm_addr *addr)
{
	return is_fixed_for_another(plan, node_id, addr) ||
	       (plan->is_taken != NULL && plan->is_taken(plan->arg, addr));
}

struct search {
	const struct wm_lease_plan *plan;
	const char *node_id;
	uint64_t next; /* the lowest address that may be free */
	uint64_t last;
	bool found;
};

/* Looks for a free address below @end. */
static void search_below(struct search *s, uint64_t end)
{
	while (!s->found && s->next < end && s->next <= s->last) {
		struct wm_addr addr = wm_addr_v4((uint32_t)s->next);

		if (is_kept_back(s->plan, s->node_id, &addr))
			s->next++;
		else
			s->found = true;
	}
}

/* Leases come in the order of their addresses: a gap between two is free. */
static int search_gap(void *arg, const struct wm_kv *kv)
{
	struct search *s = arg;
	const char *hex = kv->key + strlen(WM_PATH_LEASES);
	uint8_t bytes[HEX_DIGITS / 2];
	struct wm_addr leased = {.family = WM_IPV4};
	uint64_t at;

	if (!wm_hex_parse(hex, bytes, sizeof(bytes)))
		return 0;
	memcpy(leased.bytes, bytes, sizeof(bytes));
	at = number_of(&leased);
	if (at < s->next)
		return 0;
	search_below(s, at);
	if (s->found || at > s->last)
		return 1;
	s->next = at + 1;
	return 0;
}

static int find_free(struct wm_view *v, const struct wm_lease_plan *plan, const char *node_id,
		     struct wm_addr *out, struct wm_err *err)
{
	struct range r = usable(&plan->prefix);
	struct search s = {.plan = plan, .node_id = node_id, .next = r.first, .last = r.last};
	char text[WM_PREFIX_TEXT];
	int rc = wm_view_scan(v, WM_PATH_LEASES, search_gap, &s, err);

	if (rc < 0)
		return rc;
	search_below(&s, s.last + 1);
	if (!s.found)
		return wm_fail(
			err, WM_RESOURCE_EXHAUSTED,
			"no IPv4 address is left in %s: let nodes that are gone leave the mesh, "
			"or join without IPv4",
			wm_prefix_format(&plan->prefix, text));
	*out = wm_addr_v4((uint32_t)s.next);
	return 0;
}

static const struct wm_addr *fixed_for(const struct wm_lease_plan *plan, const char *node_id)
{
	for (size_t i = 0; i < plan->n_fixed; i++)
		if (strcmp(plan->fixed[i].node_id, node_id) == 0)
			return &plan->fixed[i].addr;
	return NULL;
}

static int check_fixed(struct wm_view *v, const struct wm_lease_plan *plan, const char *node_id,
		       const struct wm_addr *fixed, struct wm_err *err)
{
	char addr[WM_ADDR_TEXT], prefix[WM_PREFIX_TEXT];

	wm_addr_format(fixed, addr);
	if (!is_usable(&plan->prefix, fixed))
		return wm_fail(
			err, WM_INVALID_ARGUMENT,
			"the address %s that is fixed for %.63s is none of %s: correct the plan",
			addr, node_id, wm_prefix_format(&plan->prefix, prefix));
	if (holder_of(v, node_id, fixed) == ANOTHER)
		return wm_fail(
			err, WM_ALREADY_EXISTS,
			"the address %s that is fixed for %.63s is held by another node: let "
			"that one leave first",
			addr, node_id);
	return 0;
}

/* Its own address stays a node's as long as nobody else has a right to it. */
static bool keeps(struct wm_view *v, const struct wm_lease_plan *plan, const char *node_id,
		  const struct wm_addr *own)
{
	return is_usable(&plan->prefix, own) && holder_of(v, node_id, own) != ANOTHER &&
	       !is_fixed_for_another(plan, node_id, own);
}

static void take(struct wm_txn *t, struct wm_view *v, const char *node_id,
		 const struct wm_addr *addr)
{
	struct wm_path path = wm_path_lease(number_of(addr));

	if (holder_of(v, node_id, addr) == SELF) {
		wm_txn_if_value(t, path.text, node_id, strlen(node_id));
		return;
	}
	wm_txn_if_absent(t, path.text);
	wm_txn_put_str(t, path.text, node_id);
}

int wm_lease_take(struct wm_txn *t, struct wm_view *v, const struct wm_lease_plan *plan,
		  const char *node_id, const struct wm_addr *own, struct wm_addr *out,
		  struct wm_err *err)
{
	const struct wm_addr *fixed = fixed_for(plan, node_id);
	int rc = 0;

	if (fixed != NULL) {
		rc = check_fixed(v, plan, node_id, fixed, err);
		*out = *fixed;
	} else if (keeps(v, plan, node_id, own)) {
		*out = *own;
	} else {
		rc = find_free(v, plan, node_id, out, err);
	}
	if (rc != 0)
		return rc;
	take(t, v, node_id, out);
	if (own->family == WM_IPV4 && !wm_addr_equal(own, out))
		wm_lease_release(t, v, node_id, own);
	return 0;
}

void wm_lease_release(struct wm_txn *t, struct wm_view *v, const char *node_id,
		      const struct wm_addr *addr)
{
	struct wm_path path;

	if (addr->family != WM_IPV4 || holder_of(v, node_id, addr) != SELF)
		return;
	path = wm_path_lease(number_of(addr));
	wm_txn_if_value(t, path.text, node_id, strlen(node_id));
	wm_txn_delete(t, path.text);
}

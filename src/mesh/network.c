#include "mesh/network.h"

#include <string.h>

#include "base/str.h"
#include "mesh/leases.h"
#include "mesh/paths.h"

bool wm_network_parse(const char *v4, const char *v6, const char *domain, struct wm_network *out)
{
	struct wm_network net = {0};

	if (*domain == '\0' || strlen(domain) > WM_DOMAIN_MAX || !wm_prefix_parse(v4, &net.v4) ||
	    net.v4.addr.family != WM_IPV4 || !wm_prefix_parse(v6, &net.v6) ||
	    net.v6.addr.family != WM_IPV6)
		return false;
	memcpy(net.domain, domain, strlen(domain));
	*out = net;
	return true;
}

/* "" when absent or longer than any value that is right. */
static void get_text(struct wm_view *v, const char *key, char out[WM_DOMAIN_MAX + 1])
{
	struct wm_kv kv;

	memset(out, 0, WM_DOMAIN_MAX + 1);
	if (wm_view_get(v, key, &kv, NULL) == 0 && kv.value_len <= WM_DOMAIN_MAX)
		memcpy(out, kv.value, kv.value_len);
}

int wm_network_get(struct wm_view *v, struct wm_network *out, struct wm_err *err)
{
	char v4[WM_DOMAIN_MAX + 1], v6[WM_DOMAIN_MAX + 1], domain[WM_DOMAIN_MAX + 1];

	get_text(v, WM_PATH_STATE_V4, v4);
	get_text(v, WM_PATH_STATE_V6, v6);
	get_text(v, WM_PATH_STATE_DOMAIN, domain);
	if (!wm_network_parse(v4, v6, domain, out))
		return wm_fail(err, WM_NOT_FOUND, "the mesh has not been bootstrapped");
	return 0;
}

/* Labels of letters, digits, hyphens and underscores, 1 to 63 bytes each; a dot may end it. */
static bool is_domain(const char *s)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (strlen(s) > WM_DOMAIN_MAX)
		return false;
	do {
		size_t n = strspn(s, letters);

		if (n == 0 || n > 63 || (s[n] != '.' && s[n] != '\0'))
			return false;
		s += n + (s[n] == '.');
	} while (*s != '\0');
	return true;
}

int wm_network_check(const struct wm_network *net, struct wm_err *err)
{
	char text[WM_PREFIX_TEXT];
	struct wm_addr first;

	if (net->v4.addr.family != WM_IPV4 || !wm_lease_first(&net->v4, &first))
		return wm_fail(
			err, WM_INVALID_ARGUMENT,
			"the mesh's IPv4 network %s has no room for nodes: choose one such as " WM_DEFAULT_IPV4,
			wm_prefix_format(&net->v4, text));
	if (net->v6.addr.family != WM_IPV6 || net->v6.bits != 48)
		return wm_fail(
			err, WM_INVALID_ARGUMENT,
			"the mesh's IPv6 network %s is not a /48: leave it empty to have one "
			"made",
			wm_prefix_format(&net->v6, text));
	if (!is_domain(net->domain))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "\"%.100s\" is not a domain name such as " WM_DEFAULT_DOMAIN,
			       net->domain);
	return 0;
}

bool wm_rbac_is_enabled(struct wm_view *v)
{
	struct wm_kv kv;

	return wm_view_get(v, WM_PATH_RBAC, &kv, NULL) != 0 || kv.value_len != 5 ||
	       memcmp(kv.value, "false", 5) != 0;
}

/* The key's name says the opposite of its value; both are as other implementations have them. */
void wm_rbac_put(struct wm_txn *t, bool enabled)
{
	wm_txn_put_str(t, WM_PATH_RBAC, enabled ? "true" : "false");
}

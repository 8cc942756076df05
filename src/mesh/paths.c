#include "mesh/paths.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static struct wm_path path(const char *folder, const char *a, const char *slash, const char *b)
{
	struct wm_path p;
	int n = snprintf(p.text, sizeof(p.text), "%s%s%s%s", folder, a, slash, b);

	assert(n > 0 &&
	       (size_t)n < sizeof(p.text)); /* names are checked before they become paths */
	(void)n;
	return p;
}

struct wm_path wm_path_node(const char *id)
{
	return path(WM_PATH_NODES, id, "", "");
}

struct wm_path wm_path_edge(const char *source, const char *target)
{
	return path(WM_PATH_EDGES, source, "/", target);
}

struct wm_path wm_path_edges_of(const char *source)
{
	return path(WM_PATH_EDGES, source, "/", "");
}

struct wm_path wm_path_role(const char *name)
{
	return path(WM_PATH_ROLES, name, "", "");
}

struct wm_path wm_path_binding(const char *name)
{
	return path(WM_PATH_BINDINGS, name, "", "");
}

struct wm_path wm_path_group(const char *name)
{
	return path(WM_PATH_GROUPS, name, "", "");
}

struct wm_path wm_path_acl(const char *name)
{
	return path(WM_PATH_ACLS, name, "", "");
}

struct wm_path wm_path_route(const char *name)
{
	return path(WM_PATH_ROUTES, name, "", "");
}

struct wm_path wm_path_lease(uint32_t ipv4)
{
	char hex[9];

	snprintf(hex, sizeof(hex), "%08x", ipv4);
	return path(WM_PATH_LEASES, hex, "", "");
}

struct wm_path wm_path_pubkey(const char *peer_id)
{
	return path(WM_PATH_PUBKEYS, peer_id, "", "");
}

static bool take_name(const char *s, size_t n, char out[WM_ID_MAX + 1])
{
	if (n > WM_ID_MAX)
		return false;
	memcpy(out, s, n);
	out[n] = '\0';
	return wm_id_is_valid(out);
}

static bool take_edge(const char *s, struct wm_path_parts *out)
{
	const char *slash = strchr(s, '/');

	return slash != NULL && take_name(s, (size_t)(slash - s), out->name) &&
	       take_name(slash + 1, strlen(slash + 1), out->target);
}

enum wm_path_kind wm_path_parse(const char *key, struct wm_path_parts *out)
{
	static const struct {
		const char *folder;
		enum wm_path_kind kind;
	} folders[] = {
		{WM_PATH_NODES, WM_PATH_IS_NODE},   {WM_PATH_EDGES, WM_PATH_IS_EDGE},
		{WM_PATH_ROLES, WM_PATH_IS_ROLE},   {WM_PATH_BINDINGS, WM_PATH_IS_BINDING},
		{WM_PATH_GROUPS, WM_PATH_IS_GROUP}, {WM_PATH_ACLS, WM_PATH_IS_ACL},
		{WM_PATH_ROUTES, WM_PATH_IS_ROUTE}, {WM_PATH_STATE, WM_PATH_IS_STATE},
		{WM_PATH_LEASES, WM_PATH_IS_LEASE},
	};

	*out = (struct wm_path_parts){0};
	for (size_t i = 0; i < WM_ARRAY_LEN(folders); i++) {
		const char *rest = key + strlen(folders[i].folder);
		bool good;

		if (!wm_str_starts(key, folders[i].folder))
			continue;
		good = folders[i].kind == WM_PATH_IS_EDGE
			       ? take_edge(rest, out)
			       : take_name(rest, strlen(rest), out->name);
		if (good)
			out->kind = folders[i].kind;
		break;
	}
	if (out->kind == WM_PATH_IS_OTHER)
		*out = (struct wm_path_parts){0};
	return out->kind;
}

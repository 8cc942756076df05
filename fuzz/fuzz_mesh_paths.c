/*
 * Any text as an ID, as a key of the registry and as a user's path. What is taken apart must go
 * together again to the same key, and what passes for an ID must be one by every rule. Three lines
 * are the stored network state.
 */
#include "base/mem.h"
#include "base/str.h"
#include "mesh/ids.h"
#include "mesh/network.h"
#include "mesh/paths.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

/* Leases of other than eight lower-case digits are no addresses: not ours to rebuild. */
static struct wm_path rebuild_lease(const char *hex)
{
	uint8_t b[4];

	if (strlen(hex) != 8 || strspn(hex, "0123456789abcdef") != 8 ||
	    !wm_hex_parse(hex, b, sizeof(b)))
		return (struct wm_path){0};
	return wm_path_lease((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
			     b[3]);
}

static struct wm_path rebuild(const struct wm_path_parts *p)
{
	switch (p->kind) {
	case WM_PATH_IS_NODE: return wm_path_node(p->name);
	case WM_PATH_IS_EDGE: return wm_path_edge(p->name, p->target);
	case WM_PATH_IS_ROLE: return wm_path_role(p->name);
	case WM_PATH_IS_BINDING: return wm_path_binding(p->name);
	case WM_PATH_IS_GROUP: return wm_path_group(p->name);
	case WM_PATH_IS_ACL: return wm_path_acl(p->name);
	case WM_PATH_IS_ROUTE: return wm_path_route(p->name);
	case WM_PATH_IS_LEASE: return rebuild_lease(p->name);
	case WM_PATH_IS_STATE:
	case WM_PATH_IS_OTHER: break;
	}
	return (struct wm_path){0};
}

static void check_parts(const char *key)
{
	struct wm_path_parts parts;
	enum wm_path_kind kind = wm_path_parse(key, &parts);
	struct wm_path again = rebuild(&parts);

	assert(kind == parts.kind);
	if (kind == WM_PATH_IS_EDGE)
		assert(wm_str_starts(key, wm_path_edges_of(parts.name).text));
	if (again.text[0] != '\0')
		assert(strcmp(again.text, key) == 0);
	if (kind != WM_PATH_IS_OTHER)
		assert(wm_id_is_valid(parts.name) && wm_path_key_is_reserved(key));
}

/* What is read can be written and read again; what is right besides has room for a node. */
static void check_network(char *v4, char *v6, char *domain)
{
	char v4_text[WM_PREFIX_TEXT], v6_text[WM_PREFIX_TEXT];
	struct wm_network net, again;
	struct wm_err err;

	if (!wm_network_parse(v4, v6, domain, &net))
		return;
	assert(wm_network_parse(wm_prefix_format(&net.v4, v4_text),
				wm_prefix_format(&net.v6, v6_text), net.domain, &again));
	assert(wm_prefix_equal(&net.v4, &again.v4) && wm_prefix_equal(&net.v6, &again.v6));
	assert(strcmp(net.domain, domain) == 0);
	if (wm_network_check(&net, &err) == 0)
		assert(net.v6.bits == 48 && net.v4.bits < 32);
}

static void check_lines(char *text)
{
	char *second = strchr(text, '\n'),
	     *third = second != NULL ? strchr(second + 1, '\n') : NULL;

	if (third == NULL)
		return;
	*second = *third = '\0';
	check_network(text, second + 1, third + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = wm_strndup((const char *)data, size);
	struct wm_err err;

	check_parts(text);
	if (wm_id_is_valid(text)) {
		assert(strlen(text) <= WM_ID_MAX && wm_path_key_is_valid(text));
		assert(wm_id_check(text, "id", &err) == 0 && wm_id_is_valid_or_any(text));
	} else {
		assert(wm_node_id_check(text, "id", &err) == WM_INVALID_ARGUMENT);
		assert(!wm_node_id_is_valid(text));
	}
	check_lines(text);
	wm_free(text);
	return 0;
}

#include "programs/wmctl/context.h"
#include "base/addr.h"
#include "base/mem.h"
#include "base/str.h"
#include <string.h>

#define HOST_MAX  256
#define NOTES_MAX 16384 /* a file of another program is full of unknown keys */

/* What is being read: the file's root and where notes go. */
struct reading {
	struct wm_arena *arena;
	const struct wm_conf_node *root;
	struct wm_buf *notes;
	struct wm_err *err;
};

/* ---- keys that nobody knows ---- */

static void warn_unknown(const struct reading *r, const struct wm_conf_node *map,
			 const char *const *known, size_t n)
{
	const struct wm_conf_node *child;
	wm_conf_node_each(child, map)
	{
		size_t i = 0;
		char path[160];
		while (i < n && strcmp(known[i], child->key) != 0)
			i++;
		if (i < n || r->notes->len > NOTES_MAX)
			continue;
		const char *near = wm_conf_nearest(child->key, known, n);
		wm_conf_node_path(child, path, sizeof(path));
		wm_buf_printf(r->notes, "Warning: %s:%u: unknown key %s is ignored%s%s%s\n",
			      child->file, child->line, path, near != NULL ? "; did you mean " : "",
			      near != NULL ? near : "", near != NULL ? "?" : "");
	}
}

/* ---- clusters, users and contexts by name ---- */

/* Appends the names of a list's entries, for the message that one of them is missing. */
static void add_names(const struct wm_conf_node *list, struct wm_buf *out)
{
	const struct wm_conf_node *item, *name;
	if (list == NULL)
		return;
	wm_conf_node_each(item, list)
	{
		name = wm_conf_node_find(item, "name");
		if (name != NULL && name->text != NULL && out->len < 200)
			wm_buf_printf(out, "%s%.60s", out->len > 0 ? ", " : "", name->text);
	}
}

static int refuse_missing(const struct reading *r, const char *kind, const char *name,
			  const struct wm_conf_node *list)
{
	struct wm_buf names = {0};
	add_names(list, &names);
	int rc = wm_fail(r->err, WM_INVALID_ARGUMENT, "%s: no %s is called \"%.80s\" (there %s%s)",
			 r->root->file, kind, name, names.len > 0 ? "is: " : "is none",
			 wm_buf_str(&names));
	wm_buf_fini(&names);
	return rc;
}

/* One entry of a list: checks its shape and gives its name and the map under @kind. */
static int read_entry(const struct reading *r, const struct wm_conf_node *item, const char *kind,
		      const char **name, const struct wm_conf_node **map)
{
	const char *known[] = {"name", kind};
	if (item->type != WM_CONF_NODE_MAP)
		return wm_conf_node_fail(item, r->err, "wants a section with name and %s", kind);
	warn_unknown(r, item, known, 2);
	*name = "";
	int rc = wm_conf_node_get_text(item, "name", name, r->err);
	if (rc == 0)
		rc = wm_conf_node_get_map(item, kind, map, r->err);
	if (rc == 0 && **name == '\0')
		rc = wm_conf_node_fail(item, r->err, "has no name");
	return rc;
}

/* The map under @kind in the entry of @plural that is called @name. All entries are checked. */
static int find_entry(const struct reading *r, const char *plural, const char *kind,
		      const char *name, const struct wm_conf_node **out)
{
	const struct wm_conf_node *list, *item;
	bool found = false;
	int rc = wm_conf_node_get_list(r->root, plural, &list, r->err);
	*out = NULL;
	if (rc != 0)
		return rc;
	for (item = list != NULL ? list->first : NULL; item != NULL; item = item->next) {
		const struct wm_conf_node *map;
		const char *this_name;
		rc = read_entry(r, item, kind, &this_name, &map);
		if (rc != 0)
			return rc;
		if (strcmp(this_name, name) != 0)
			continue;
		if (found)
			return wm_conf_node_fail(item, r->err, "there are two called \"%.80s\"",
						 name);
		found = true;
		*out = map;
	}
	return found ? 0 : refuse_missing(r, kind, name, list);
}

/* ---- what they say ---- */

static int read_flags(const struct reading *r, const struct wm_conf_node *map,
		      struct wm_ctl_target *t)
{
	int rc = wm_conf_node_get_bool(map, "insecure", &t->insecure, r->err);
	if (rc == 0)
		rc = wm_conf_node_get_bool(map, "tls-verify-chain-only", &t->verify_chain_only,
					   r->err);
	if (rc == 0)
		rc = wm_conf_node_get_bool(map, "tls-skip-verify", &t->skip_verify, r->err);
	if (rc == 0)
		rc = wm_conf_node_get_bool(map, "prefer-leader", &t->prefer_leader, r->err);
	if (rc == 0)
		rc = wm_conf_node_get_duration(map, "connect-timeout", &t->connect_timeout_ns,
					       r->err);
	if (rc == 0)
		rc = wm_conf_node_get_duration(map, "request-timeout", &t->request_timeout_ns,
					       r->err);
	return rc;
}

static int read_cluster(const struct reading *r, const struct wm_conf_node *map,
			struct wm_ctl_target *t)
{
	static const char *const known[] = {
		"server",          "insecure",       "tls-verify-chain-only",
		"tls-skip-verify", "prefer-leader",  "certificate-authority-data",
		"connect-timeout", "request-timeout"};
	char host[HOST_MAX];
	uint16_t port;
	if (map == NULL)
		return 0;
	warn_unknown(r, map, known, WM_ARRAY_LEN(known));
	int rc = wm_conf_node_get_text(map, "server", &t->server, r->err);
	if (rc == 0 && t->server != NULL &&
	    !wm_host_port_parse(t->server, host, sizeof(host), &port))
		rc = wm_conf_node_fail(wm_conf_node_find(map, "server"), r->err,
				       "wants host:port, found \"%.80s\"", t->server);
	if (rc == 0)
		rc = wm_conf_node_get_text(map, "certificate-authority-data", &t->ca.data, r->err);
	if (rc == 0)
		rc = read_flags(r, map, t);
	if (rc == 0 && (t->connect_timeout_ns < 0 || t->request_timeout_ns < 0))
		rc = wm_conf_node_fail(map, r->err, "a timeout must not be negative");
	if (t->server != NULL)
		t->origin = wm_arena_printf(r->arena, "the cluster's server in %s", r->root->file);
	return rc;
}

static int refuse_later(const struct reading *r, const struct wm_conf_node *map, const char *key)
{
	const struct wm_conf_node *n = wm_conf_node_find(map, key);
	if (n == NULL || n->type == WM_CONF_NODE_NULL || (n->text != NULL && *n->text == '\0'))
		return 0;
	return wm_conf_node_fail(n, r->err, "not in this version");
}

static int read_user(const struct reading *r, const struct wm_conf_node *map,
		     struct wm_ctl_target *t)
{
	static const char *const known[] = {"client-certificate-data", "client-key-data",
					    "basic-auth-username",     "basic-auth-password",
					    "ldap-username",           "ldap-password",
					    "id-auth-public-key"};
	int rc = 0;
	if (map == NULL)
		return 0;
	warn_unknown(r, map, known, WM_ARRAY_LEN(known));
	for (size_t i = 2; rc == 0 && i < WM_ARRAY_LEN(known); i++)
		rc = refuse_later(r, map, known[i]);
	if (rc == 0)
		rc = wm_conf_node_get_text(map, known[0], &t->cert.data, r->err);
	if (rc == 0)
		rc = wm_conf_node_get_text(map, known[1], &t->key.data, r->err);
	if (rc == 0 && wm_tls_source_is_empty(&t->cert) != wm_tls_source_is_empty(&t->key))
		rc = wm_conf_node_fail(map, r->err, "%s and %s belong together", known[0],
				       known[1]);
	return rc;
}

static int check_head(const struct reading *r)
{
	static const char *const known[] = {"apiVersion", "kind",     "current-context",
					    "contexts",   "clusters", "users"};
	const char *version = "webmesh.io/v1", *kind = "Config";
	if (r->root->type != WM_CONF_NODE_MAP)
		return wm_conf_node_fail(r->root, r->err,
					 "wants sections: contexts, clusters and users");
	warn_unknown(r, r->root, known, WM_ARRAY_LEN(known));
	int rc = wm_conf_node_get_text(r->root, "apiVersion", &version, r->err);
	if (rc == 0)
		rc = wm_conf_node_get_text(r->root, "kind", &kind, r->err);
	if (rc == 0 && (strcmp(version, "webmesh.io/v1") != 0 || strcmp(kind, "Config") != 0))
		rc = wm_fail(r->err, WM_INVALID_ARGUMENT,
			     "%s: is a %.40s of %.40s, not a Config of webmesh.io/v1",
			     r->root->file, kind, version);
	return rc;
}

/* The cluster and the user that the context names. */
static int read_context(const struct reading *r, const char *name, struct wm_ctl_target *t)
{
	static const char *const known[] = {"cluster", "user"};
	const struct wm_conf_node *context, *map;
	const char *cluster = "", *user = "";
	int rc = find_entry(r, "contexts", "context", name, &context);
	if (rc != 0 || context == NULL)
		return rc;
	warn_unknown(r, context, known, WM_ARRAY_LEN(known));
	rc = wm_conf_node_get_text(context, "cluster", &cluster, r->err);
	if (rc == 0)
		rc = wm_conf_node_get_text(context, "user", &user, r->err);
	if (rc == 0 && *cluster != '\0') {
		rc = find_entry(r, "clusters", "cluster", cluster, &map);
		if (rc == 0)
			rc = read_cluster(r, map, t);
	}
	if (rc == 0 && *user != '\0') {
		rc = find_entry(r, "users", "user", user, &map);
		if (rc == 0)
			rc = read_user(r, map, t);
	}
	return rc;
}

int wm_ctl_context_read(struct wm_arena *a, const struct wm_conf_node *root, const char *name,
			struct wm_ctl_target *out, struct wm_buf *notes, struct wm_err *err)
{
	struct reading r = {a, root, notes, err};
	int rc = check_head(&r);
	if (rc == 0 && wm_str_is_empty(name))
		rc = wm_conf_node_get_text(root, "current-context", &name, err);
	if (rc != 0 || wm_str_is_empty(name))
		return rc;
	return read_context(&r, name, out);
}

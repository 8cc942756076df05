/*
 * The first transaction of a mesh: network state, what the system's roles, groups and ACLs are,
 * this node, the other initial servers, and the edges between them. It holds only while there is no
 * network state, so of several servers that try at once one succeeds.
 */
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "mesh/acl.h"
#include "mesh/edges.h"
#include "mesh/groups.h"
#include "mesh/join_parts.h"
#include "mesh/network.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"
#include "mesh/record.h"
#include "mesh/roles.h"
#include "mesh/routes.h"

#define ACL_BOOTSTRAP "bootstrap-nodes"
#define ACL_DEFAULT   "default-accept"
#define SERVER_WEIGHT 99

struct boot {
	struct wm_arena *a;
	const struct wm_bootstrap *b;
	struct wm_txn *t;
	struct wm_err *err;
};

static V1__Subject *subject(struct boot *s, V1__SubjectType type, const char *name)
{
	V1__Subject *m = wm_pb_new(s->a, &v1__subject__descriptor);

	m->type = type;
	m->name = wm_arena_strdup(s->a, name);
	return m;
}

static void put_network(struct boot *s)
{
	const struct wm_network *net = &s->b->network;
	struct wm_prefix v4 = wm_prefix_masked(&net->v4), v6 = wm_prefix_masked(&net->v6);
	char text[WM_PREFIX_TEXT];

	wm_txn_if_absent(s->t, WM_PATH_STATE_V4);
	wm_txn_if_absent(s->t, WM_PATH_STATE_V6);
	wm_txn_if_absent(s->t, WM_PATH_STATE_DOMAIN);
	wm_txn_put_str(s->t, WM_PATH_STATE_V4, wm_prefix_format(&v4, text));
	wm_txn_put_str(s->t, WM_PATH_STATE_V6, wm_prefix_format(&v6, text));
	wm_txn_put_str(s->t, WM_PATH_STATE_DOMAIN, net->domain);
}

static int put_role(struct boot *s, const char *name, V1__RuleResource resource, V1__RuleVerb verb)
{
	V1__Role role = V1__ROLE__INIT;
	V1__Rule rule = V1__RULE__INIT;
	V1__Rule *rules[] = {&rule};

	rule.n_resources = 1;
	rule.resources = &resource;
	rule.n_verbs = 1;
	rule.verbs = &verb;
	role.name = wm_arena_strdup(s->a, name);
	role.n_rules = 1;
	role.rules = rules;
	return wm_role_put(s->t, &role, s->err);
}

static int put_admin(struct boot *s)
{
	V1__RoleBinding binding = V1__ROLE_BINDING__INIT;
	V1__Subject *subjects[] = {
		subject(s, V1__SUBJECT_TYPE__SUBJECT_NODE, s->b->admin),
		subject(s, V1__SUBJECT_TYPE__SUBJECT_USER, s->b->admin),
	};
	int rc = put_role(s, WM_ROLE_ADMIN, V1__RULE_RESOURCE__RESOURCE_ALL,
			  V1__RULE_VERB__VERB_ALL);

	binding.name = wm_arena_strdup(s->a, WM_BINDING_ADMIN);
	binding.role = wm_arena_strdup(s->a, WM_ROLE_ADMIN);
	binding.n_subjects = 2;
	binding.subjects = subjects;
	return rc == 0 ? wm_binding_put(s->t, &binding, s->err) : rc;
}

static int put_voters_group(struct boot *s)
{
	const struct wm_bootstrap *b = s->b;
	V1__Group *g = wm_pb_new(s->a, &v1__group__descriptor);

	g->name = wm_arena_strdup(s->a, WM_GROUP_VOTERS);
	wm_pb_append(s->a, &g->n_subjects, &g->subjects,
		     subject(s, V1__SUBJECT_TYPE__SUBJECT_NODE, b->admin));
	for (size_t i = 0; i < b->n_servers; i++)
		wm_pb_append(s->a, &g->n_subjects, &g->subjects,
			     subject(s, V1__SUBJECT_TYPE__SUBJECT_NODE, b->servers[i]));
	wm_pb_append(s->a, &g->n_subjects, &g->subjects,
		     subject(s, V1__SUBJECT_TYPE__SUBJECT_NODE, b->self->id));
	for (size_t i = 0; i < b->n_voters; i++)
		wm_pb_append(s->a, &g->n_subjects, &g->subjects,
			     subject(s, V1__SUBJECT_TYPE__SUBJECT_NODE, b->voters[i]));
	return wm_group_put(s->t, g, s->err);
}

static int put_voters(struct boot *s)
{
	V1__RoleBinding binding = V1__ROLE_BINDING__INIT;
	V1__Subject *subjects[] = {
		subject(s, V1__SUBJECT_TYPE__SUBJECT_GROUP, WM_GROUP_VOTERS),
	};
	int rc = put_role(s, WM_ROLE_VOTERS, V1__RULE_RESOURCE__RESOURCE_VOTES,
			  V1__RULE_VERB__VERB_PUT);

	if (rc == 0)
		rc = put_voters_group(s);
	binding.name = wm_arena_strdup(s->a, WM_BINDING_BOOTSTRAP);
	binding.role = wm_arena_strdup(s->a, WM_ROLE_VOTERS);
	binding.n_subjects = 1;
	binding.subjects = subjects;
	return rc == 0 ? wm_binding_put(s->t, &binding, s->err) : rc;
}

static int put_acls(struct boot *s)
{
	V1__NetworkACL boot = V1__NETWORK_ACL__INIT, all = V1__NETWORK_ACL__INIT;
	char *voters[] = {wm_arena_strdup(s->a, "group:" WM_GROUP_VOTERS)};
	char *any[] = {wm_arena_strdup(s->a, "*")};
	int rc;

	boot.name = wm_arena_strdup(s->a, ACL_BOOTSTRAP);
	boot.priority = INT32_MAX;
	boot.action = all.action = V1__ACLACTION__ACTION_ACCEPT;
	boot.n_sourcenodes = boot.n_destinationnodes = 1;
	boot.sourcenodes = boot.destinationnodes = voters;
	rc = wm_acl_put(s->t, &boot, s->err);
	if (rc != 0 || !s->b->accept)
		return rc;
	all.name = wm_arena_strdup(s->a, ACL_DEFAULT);
	all.priority = INT32_MIN;
	all.n_sourcenodes = all.n_destinationnodes = all.n_sourcecidrs = all.n_destinationcidrs = 1;
	all.sourcenodes = all.destinationnodes = all.sourcecidrs = all.destinationcidrs = any;
	return wm_acl_put(s->t, &all, s->err);
}

static int put_self(struct boot *s)
{
	const V1__JoinRequest *self = s->b->self;
	struct wm_prefix v6;
	struct wm_addr v4 = {0};
	V1__MeshNode *node;
	int rc = wm_join_ipv6(&s->b->network, self->publickey, &v6, s->err);

	if (rc != 0)
		return rc;
	if (self->assignipv4) {
		wm_lease_first(&s->b->network.v4, &v4);
		wm_join_put_lease(s->t, self->id, &v4);
	}
	node = wm_join_node(s->a, self, &v4, &v6, s->b->joined_at_ns);
	wm_join_put_key(s->t, self->publickey, self->id);
	return wm_node_put(s->t, node, s->err);
}

static int put_placeholder(struct boot *s, const char *id)
{
	V1__MeshNode node = V1__MESH_NODE__INIT;

	node.id = wm_arena_strdup(s->a, id);
	return wm_node_put(s->t, &node, s->err);
}

static int put_server_edges(struct boot *s, const char *id, size_t from)
{
	int rc = 0;

	for (size_t i = from; rc == 0 && i < s->b->n_servers; i++)
		rc = wm_edge_put_proto(s->t, id, s->b->servers[i], SERVER_WEIGHT,
				       V1__CONNECT_PROTOCOL__CONNECT_NATIVE, false, s->err);
	return rc;
}

static int put_servers(struct boot *s)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->b->n_servers; i++)
		if (!wm_streq(s->b->servers[i], s->b->self->id))
			rc = put_placeholder(s, s->b->servers[i]);
	if (rc == 0)
		rc = put_server_edges(s, s->b->self->id, 0);
	for (size_t i = 0; rc == 0 && i < s->b->n_servers; i++)
		rc = put_server_edges(s, s->b->servers[i], i + 1);
	return rc;
}

static bool is_server(const struct wm_bootstrap *b, const char *id)
{
	for (size_t i = 0; i < b->n_servers; i++)
		if (wm_streq(b->servers[i], id))
			return true;
	return false;
}

static int put_direct_peers(struct boot *s)
{
	const V1__JoinRequest *self = s->b->self;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < self->n_directpeers; i++) {
		const V1__JoinRequest__DirectPeersEntry *peer = self->directpeers[i];

		if (wm_streq(peer->key, self->id))
			continue;
		if (!is_server(s->b, peer->key))
			rc = put_placeholder(s, peer->key);
		if (rc == 0)
			rc = wm_edge_put_proto(s->t, self->id, peer->key, 0, peer->value, true,
					       s->err);
	}
	return rc;
}

static int put_route(struct boot *s)
{
	const V1__JoinRequest *self = s->b->self;
	V1__Route r = V1__ROUTE__INIT;
	char name[WM_ID_MAX + 1];

	if (self->n_routes == 0)
		return 0;
	r.name = wm_mesh_route_auto_name(self->id, name);
	r.node = self->id;
	r.n_destinationcidrs = self->n_routes;
	r.destinationcidrs = self->routes;
	return wm_mesh_route_put(s->t, &r, s->err);
}

static int check(const struct wm_bootstrap *b, struct wm_err *err)
{
	int rc = wm_network_check(&b->network, err);

	if (rc == 0)
		rc = wm_node_id_check(b->admin, "admin", err);
	for (size_t i = 0; rc == 0 && i < b->n_servers; i++)
		rc = wm_node_id_check(b->servers[i], "server", err);
	for (size_t i = 0; rc == 0 && i < b->n_voters; i++)
		rc = wm_node_id_check(b->voters[i], "voter", err);
	return rc == 0 ? wm_join_check(b->self, &b->network, err) : rc;
}

static int put_rbac_flag(struct boot *s)
{
	if (!s->b->rbac)
		wm_rbac_put(s->t, false);
	return 0;
}

static int build(struct boot *s)
{
	int (*const steps[])(struct boot *s) = {
		put_admin, put_voters, put_rbac_flag, put_acls,
		put_route, put_self,   put_servers,   put_direct_peers,
	};
	int rc = 0;

	put_network(s);
	for (size_t i = 0; rc == 0 && i < WM_ARRAY_LEN(steps); i++)
		rc = steps[i](s);
	wm_txn_put_str(s->t, WM_PATH_TOPOLOGY, "");
	return rc;
}

int wm_bootstrap_build(const struct wm_bootstrap *b, struct wm_txn **out, struct wm_err *err)
{
	struct wm_arena a;
	struct boot s = {.a = &a, .b = b, .err = err};
	int rc = check(b, err);

	if (rc != 0)
		return rc;
	wm_arena_init(&a, 0);
	s.t = wm_txn_new();
	rc = build(&s);
	wm_arena_fini(&a);
	if (rc != 0) {
		wm_txn_free(s.t);
		return rc;
	}
	*out = s.t;
	return 0;
}

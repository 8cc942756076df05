#include "agent/options_check.h"
#include "base/mem.h"
#include "base/str.h"
#include <string.h>

#define INTERFACE_NAME_MAX 15 /* what Linux takes, */
#define NAMESPACE_NAME_MAX 255
#define TEMPLATE_MAX       13 /* with room for a number of three digits in place of the + */
#define DOMAIN_MAX         253
#define IPV4_BITS_MAX      30 /* room for two nodes at least */
#define IPV6_BITS          48

/* What each check works on. */
struct check {
	struct wm_conf *conf;
	const struct wm_node_options *o;
	struct wm_err *err;
};

static const char *where(const struct check *k, const char *name)
{
	return wm_conf_where(k->conf, name);
}

static int contradict(const struct check *k, const char *a, const char *b, const char *why)
{
	return wm_fail(k->err, WM_INVALID_ARGUMENT, "%s and %s contradict each other: %s",
		       where(k, a), where(k, b), why);
}

static int refuse(const struct check *k, const char *name, const char *why)
{
	return wm_fail(k->err, WM_INVALID_ARGUMENT, "%s: %s", where(k, name), why);
}

/* ---- which mesh ---- */

static int check_mesh_is_named(const struct check *k)
{
	const struct wm_node_options *o = k->o;
	if (o->bootstrap_enabled && o->mesh_join_addresses.n > 0)
		return contradict(k, "bootstrap.enabled", "mesh.join-addresses",
				  "a node either makes a new mesh or joins one");
	if (o->bootstrap_enabled || o->mesh_join_addresses.n > 0)
		return 0;
	return wm_fail(k->err, WM_INVALID_ARGUMENT,
		       "no mesh is named: --bootstrap.enabled makes a new one, "
		       "--mesh.join-addresses HOST:PORT joins one (--help lists all options)");
}

/* ---- pairs of a file and its data, of certificate and key ---- */

static const struct {
	const char *file, *data;
} file_or_data[] = {
	{"tls.ca-file", "tls.ca-data"},
	{"auth.mtls.cert-file", "auth.mtls.cert-data"},
	{"auth.mtls.key-file", "auth.mtls.key-data"},
	{"services.api.tls-cert-file", "services.api.tls-cert-data"},
	{"services.api.tls-key-file", "services.api.tls-key-data"},
	{"plugins.mtls.ca-file", "plugins.mtls.ca-data"},
};

static const char *text_of(const struct check *k, const char *name)
{
	const struct wm_conf_option *row = wm_conf_option_find(wm_node_options_table(), 0, name);
	const char *base = wm_conf_values(k->conf);
	return *(char *const *)(const void *)(base + row->offset);
}

static bool has_text(const struct check *k, const char *name)
{
	return *text_of(k, name) != '\0';
}

static int check_pairs(const struct check *k)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(file_or_data); i++) {
		if (has_text(k, file_or_data[i].file) && has_text(k, file_or_data[i].data))
			return contradict(k, file_or_data[i].file, file_or_data[i].data,
					  "give one of them");
	}
	return 0;
}

/* Certificate and key, each from a file or as data, only together. */
static int check_cert_and_key(const struct check *k, const char *section)
{
	char names[4][64];
	static const char *const suffix[4] = {"cert-file", "cert-data", "key-file", "key-data"};
	bool has[4];
	for (int i = 0; i < 4; i++) {
		wm_str_copy(names[i], sizeof(names[i]), section);
		strcat(names[i], suffix[i]);
		has[i] = has_text(k, names[i]);
	}
	bool cert = has[0] || has[1], key = has[2] || has[3];
	if (cert == key)
		return 0;
	const char *given = names[cert ? (has[0] ? 0 : 1) : (has[2] ? 2 : 3)];
	return wm_fail(k->err, WM_INVALID_ARGUMENT, "%s needs --%s or --%s too", where(k, given),
		       names[cert ? 2 : 0], names[cert ? 3 : 1]);
}

/* ---- the sections ---- */

static int check_bootstrap_networks(const struct check *k)
{
	const struct wm_prefix *v4 = &k->o->bootstrap_ipv4_network;
	const struct wm_prefix *v6 = &k->o->bootstrap_ipv6_network;
	if (v4->addr.family != WM_IPV4 || v4->bits > IPV4_BITS_MAX)
		return refuse(k, "bootstrap.ipv4-network",
			      "wants an IPv4 network of at most 30 bits, such as 172.16.0.0/12");
	if (wm_prefix_is_valid(v6) && (v6->addr.family != WM_IPV6 || v6->bits != IPV6_BITS))
		return refuse(k, "bootstrap.ipv6-network",
			      "wants an IPv6 network of exactly 48 bits");
	return 0;
}

static bool is_domain(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n > DOMAIN_MAX || s[0] == '.' || s[0] == '-' || strstr(s, "..") != NULL)
		return false;
	for (size_t label = 0; *s != '\0'; s++) {
		label = *s == '.' ? 0 : label + 1;
		if (label > 63 || (strchr("-._", *s) == NULL && !(*s >= '0' && *s <= '9') &&
				   !(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z')))
			return false;
	}
	return true;
}

static int check_ids(const struct check *k, const char *name, const struct wm_conf_list *ids)
{
	for (size_t i = 0; i < ids->n; i++) {
		if (!wm_ident_is_node(ids->items[i], strlen(ids->items[i])))
			return wm_fail(k->err, WM_INVALID_ARGUMENT,
				       "%s: \"%.63s\" cannot be a node ID", where(k, name),
				       ids->items[i]);
	}
	return 0;
}

static int check_bootstrap(const struct check *k)
{
	const struct wm_node_options *o = k->o;
	if (o->bootstrap_force && !o->bootstrap_enabled)
		return wm_fail(k->err, WM_INVALID_ARGUMENT, "%s needs --bootstrap.enabled",
			       where(k, "bootstrap.force"));
	if (!o->bootstrap_enabled)
		return 0;
	int rc = check_bootstrap_networks(k);
	if (rc != 0)
		return rc;
	if (!is_domain(o->bootstrap_mesh_domain))
		return refuse(k, "bootstrap.mesh-domain",
			      "wants a domain such as webmesh.internal");
	if (!wm_ident_is_node(o->bootstrap_admin, strlen(o->bootstrap_admin)))
		return refuse(k, "bootstrap.admin", "this text cannot be an ID");
	return check_ids(k, "bootstrap.voters", &o->bootstrap_voters);
}

static int check_rbac(const struct check *k)
{
	const struct wm_node_options *o = k->o;
	bool knows_callers = wm_node_options_auth_is_mtls(o) || *o->auth_mtls_cert_file != '\0' ||
			     *o->auth_mtls_cert_data != '\0';
	if (!o->bootstrap_enabled || o->bootstrap_disable_rbac || knows_callers)
		return 0;
	if (wm_conf_is_given(k->conf, "bootstrap.disable-rbac"))
		return refuse(k, "bootstrap.disable-rbac",
			      "roles need callers that are known: --global.mtls or "
			      "--plugins.mtls.ca-file");
	wm_conf_derive(k->conf, "bootstrap.disable-rbac", "bootstrap.enabled", "true");
	return 0;
}

static int check_membership(const struct check *k)
{
	const struct wm_node_options *o = k->o;
	if (*o->mesh_node_id != '\0' && !wm_ident_is_node(o->mesh_node_id, strlen(o->mesh_node_id)))
		return wm_fail(k->err, WM_INVALID_ARGUMENT, "%s: \"%.63s\" cannot be a node ID",
			       where(k, "mesh.node-id"), o->mesh_node_id);
	if (*o->mesh_zone_awareness_id != '\0' &&
	    !wm_ident_is_valid(o->mesh_zone_awareness_id, strlen(o->mesh_zone_awareness_id)))
		return refuse(k, "mesh.zone-awareness-id", "this text cannot be an ID");
	if (o->mesh_disable_ipv4 && o->mesh_disable_ipv6)
		return contradict(k, "mesh.disable-ipv4", "mesh.disable-ipv6",
				  "the mesh would have no addresses");
	if (o->mesh_request_vote && o->mesh_request_observer)
		return contradict(k, "mesh.request-vote", "mesh.request-observer",
				  "a member either votes or observes");
	if (o->mesh_storage_prefer_ipv6 && o->mesh_disable_ipv6)
		return contradict(k, "mesh.storage-prefer-ipv6", "mesh.disable-ipv6",
				  "there is no IPv6 to prefer");
	if (o->mesh_join_addresses.n > 0 && o->mesh_max_join_retries <= 0)
		return refuse(k, "mesh.max-join-retries", "must be 1 or more to join");
	return 0;
}

static int check_storage(const struct check *k)
{
	const struct wm_node_options *o = k->o;
	if (strcmp(o->storage_provider, "external") == 0)
		return wm_fail(k->err, WM_INVALID_ARGUMENT, "%s: external is not in this version",
			       where(k, "storage.provider"));
	if (!wm_node_options_is_storage(o))
		return 0;
	if (strcmp(o->storage_provider, "passthrough") == 0)
		return refuse(k, "storage.provider",
			      "passthrough holds no state, and this node is to hold it");
	if (!o->storage_in_memory && *o->storage_path == '\0')
		return refuse(k, "storage.path", "must not be empty without --storage.in-memory");
	if (o->storage_raft_listen_address.port == 0)
		return refuse(k, "storage.raft.listen-address", "wants a port other than 0");
	if (!o->services_api_disabled &&
	    o->storage_raft_listen_address.port == o->services_api_listen_address.port)
		return contradict(k, "storage.raft.listen-address", "services.api.listen-address",
				  "one port serves one of them");
	return 0;
}

static int check_tls(const struct check *k)
{
	const struct wm_node_options *o = k->o;
	if (o->tls_insecure_skip_verify && o->tls_verify_chain_only)
		return contradict(k, "tls.insecure-skip-verify", "tls.verify-chain-only",
				  "the one checks nothing, the other the chain");
	if (o->tls_verify_chain_only && !o->tls_insecure && *o->tls_ca_file == '\0' &&
	    *o->tls_ca_data == '\0')
		return wm_fail(k->err, WM_INVALID_ARGUMENT,
			       "%s needs an authority: --tls.ca-file or --global.tls-ca-file",
			       where(k, "tls.verify-chain-only"));
	return 0;
}

static int check_api(const struct check *k)
{
	const struct wm_node_options *o = k->o;
	if (o->services_api_disabled)
		return 0;
	if (!wm_addr_is_valid(&o->services_api_listen_address.addr))
		return refuse(k, "services.api.listen-address",
			      "must not be empty without --services.api.disabled");
	if (o->services_api_listen_address.port == 0)
		return refuse(k, "services.api.listen-address", "wants a port other than 0");
	if (o->services_api_insecure && o->services_api_mtls)
		return contradict(k, "services.api.insecure", "services.api.mtls",
				  "client certificates need TLS");
	if (o->services_api_insecure && wm_node_options_auth_is_mtls(o))
		return contradict(k, "services.api.insecure",
				  *o->plugins_mtls_ca_file != '\0' ? "plugins.mtls.ca-file"
								   : "plugins.mtls.ca-data",
				  "client certificates need TLS");
	return 0;
}

static int check_metrics(const struct check *k)
{
	const struct wm_node_options *o = k->o;
	if (!o->services_metrics_enabled)
		return 0;
	if (!wm_addr_is_valid(&o->services_metrics_listen_address.addr) ||
	    o->services_metrics_listen_address.port == 0)
		return refuse(k, "services.metrics.listen-address",
			      "wants an address with a port other than 0");
	if (*o->services_metrics_path != '/' || strpbrk(o->services_metrics_path, "?# ") != NULL)
		return refuse(k, "services.metrics.path", "wants a path such as /metrics");
	if (!o->services_api_disabled &&
	    wm_endpoint_equal(&o->services_metrics_listen_address, &o->services_api_listen_address))
		return contradict(k, "services.metrics.listen-address",
				  "services.api.listen-address", "one port serves one of them");
	return 0;
}

/* A name, as ip netns takes it, or a path from the root. */
static int check_namespace(const struct check *k)
{
	const char *name = k->o->wireguard_netns;
	if (*name == '\0' || *name == '/')
		return 0;
	if (strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strlen(name) > NAMESPACE_NAME_MAX)
		return refuse(k, "wireguard.netns",
			      "wants a name that ip netns list shows, or a path that begins "
			      "with /");
	return 0;
}

static int check_wireguard(const struct check *k)
{
	const char *name = k->o->wireguard_interface_name;
	size_t n = strlen(name);
	if (n == 0 || n > INTERFACE_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return refuse(k, "wireguard.interface-name", "wants 1 to 15 characters");
	if (strpbrk(name, "/: \t\n\v\f\r%") != NULL)
		return refuse(k, "wireguard.interface-name", "must not hold blanks, /, : or %");
	if (name[n - 1] == '+' && (n < 2 || n > TEMPLATE_MAX))
		return refuse(k, "wireguard.interface-name",
			      "wants 1 to 12 characters in front of the + that a number replaces");
	return 0;
}

int wm_node_options_check(struct wm_conf *c, const struct wm_node_options *o, struct wm_err *err)
{
	static int (*const checks[])(const struct check *k) = {
		check_mesh_is_named, check_membership, check_bootstrap, check_storage,
		check_pairs,         check_tls,        check_api,       check_metrics,
		check_wireguard,     check_namespace,  check_rbac,
	};
	struct check k = {c, o, err};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < WM_ARRAY_LEN(checks); i++)
		rc = checks[i](&k);
	if (rc == 0)
		rc = check_cert_and_key(&k, "auth.mtls.");
	if (rc == 0 && !o->services_api_insecure)
		rc = check_cert_and_key(&k, "services.api.tls-");
	return rc;
}

#include "agent/options_global.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>

/* @global set to true turns @special on; an explicit false there contradicts it. */
static int spread_bool(struct wm_conf *c, const char *global, bool on, const char *special,
		       bool is_on, struct wm_err *err)
{
	if (on && !is_on && wm_conf_is_given(c, special))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s and %s contradict each other: the one is on, the other off",
			       wm_conf_where(c, global), wm_conf_where(c, special));
	if (!on && is_on && wm_conf_is_given(c, global))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s and %s contradict each other: the one is off, the other on",
			       wm_conf_where(c, global), wm_conf_where(c, special));
	if (on && !is_on)
		wm_conf_derive(c, special, global, "true");
	return 0;
}

/* The same for a file's name: one that is given here and there must be one. */
static int spread_file(struct wm_conf *c, const char *global, const char *name, const char *special,
		       const char *has, struct wm_err *err)
{
	if (*name == '\0' || strcmp(name, has) == 0)
		return 0;
	if (*has != '\0')
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s and %s contradict each other: they name different files",
			       wm_conf_where(c, global), wm_conf_where(c, special));
	wm_conf_derive(c, special, global, name);
	return 0;
}

static int spread_versions(struct wm_conf *c, const struct wm_node_options *o, struct wm_err *err)
{
	int rc = spread_bool(c, "global.disable-ipv4", o->global_disable_ipv4, "mesh.disable-ipv4",
			     o->mesh_disable_ipv4, err);
	return rc != 0 ? rc
		       : spread_bool(c, "global.disable-ipv6", o->global_disable_ipv6,
				     "mesh.disable-ipv6", o->mesh_disable_ipv6, err);
}

/* insecure never turns anything off: one side may be in the clear without the other. */
static int spread_insecure(struct wm_conf *c, const struct wm_node_options *o, struct wm_err *err)
{
	if (!o->global_insecure)
		return 0;
	if (o->global_mtls)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s and %s contradict each other: certificates need TLS",
			       wm_conf_where(c, "global.insecure"),
			       wm_conf_where(c, "global.mtls"));
	int rc = spread_bool(c, "global.insecure", true, "tls.insecure", o->tls_insecure, err);
	return rc != 0 ? rc
		       : spread_bool(c, "global.insecure", true, "services.api.insecure",
				     o->services_api_insecure, err);
}

static int spread_trust(struct wm_conf *c, const struct wm_node_options *o, struct wm_err *err)
{
	int rc = 0;
	if (o->global_insecure_skip_verify)
		rc = spread_bool(c, "global.insecure-skip-verify", true, "tls.insecure-skip-verify",
				 o->tls_insecure_skip_verify, err);
	if (rc == 0 && o->global_verify_chain_only)
		rc = spread_bool(c, "global.verify-chain-only", true, "tls.verify-chain-only",
				 o->tls_verify_chain_only, err);
	/* A more special authority wins, as it does in the original. */
	if (rc == 0 && !o->global_insecure && *o->tls_ca_file == '\0' && *o->tls_ca_data == '\0' &&
	    *o->global_tls_ca_file != '\0')
		wm_conf_derive(c, "tls.ca-file", "global.tls-ca-file", o->global_tls_ca_file);
	return rc;
}

static int spread_server_files(struct wm_conf *c, const struct wm_node_options *o,
			       struct wm_err *err)
{
	int rc = spread_file(c, "global.tls-cert-file", o->global_tls_cert_file,
			     "services.api.tls-cert-file", o->services_api_tls_cert_file, err);
	return rc != 0 ? rc
		       : spread_file(c, "global.tls-key-file", o->global_tls_key_file,
				     "services.api.tls-key-file", o->services_api_tls_key_file,
				     err);
}

static const char *first_set(const char *a, const char *b)
{
	return *a != '\0' ? a : b;
}

/* mTLS without all that it needs is refused here, where the missing option has its name. */
static int check_mtls(struct wm_conf *c, const struct wm_node_options *o, struct wm_err *err)
{
	const char *missing = NULL;
	if (*o->global_tls_cert_file == '\0')
		missing = "--global.tls-cert-file";
	else if (*o->global_tls_key_file == '\0')
		missing = "--global.tls-key-file";
	else if (*first_set(o->global_tls_client_ca_file, o->global_tls_ca_file) == '\0')
		missing = "--global.tls-ca-file or --global.tls-client-ca-file";
	if (missing == NULL)
		return 0;
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s needs %s", wm_conf_where(c, "global.mtls"),
		       missing);
}

static int spread_mtls(struct wm_conf *c, const struct wm_node_options *o, struct wm_err *err)
{
	if (!o->global_mtls)
		return 0;
	const char *ca = first_set(o->global_tls_client_ca_file, o->global_tls_ca_file);
	int rc = check_mtls(c, o, err);
	if (rc == 0)
		rc = spread_bool(c, "global.mtls", true, "services.api.mtls", o->services_api_mtls,
				 err);
	if (rc != 0)
		return rc;
	if (*o->services_api_mtls_client_ca_file == '\0')
		wm_conf_derive(c, "services.api.mtls-client-ca-file", "global.mtls", ca);
	if (*o->auth_mtls_cert_file == '\0' && *o->auth_mtls_cert_data == '\0' &&
	    *o->auth_mtls_key_file == '\0' && *o->auth_mtls_key_data == '\0') {
		wm_conf_derive(c, "auth.mtls.cert-file", "global.mtls", o->global_tls_cert_file);
		wm_conf_derive(c, "auth.mtls.key-file", "global.mtls", o->global_tls_key_file);
	}
	return 0;
}

/* A port that nobody named is the one that is listened on. */
static void spread_port(struct wm_conf *c, const struct wm_node_options *o)
{
	char port[8];
	if (o->mesh_grpc_advertise_port != 0 && wm_conf_is_given(c, "mesh.grpc-advertise-port"))
		return;
	if (!wm_addr_is_valid(&o->services_api_listen_address.addr))
		return;
	snprintf(port, sizeof(port), "%u", o->services_api_listen_address.port);
	wm_conf_derive(c, "mesh.grpc-advertise-port", "services.api.listen-address", port);
}

int wm_node_options_overlay(struct wm_conf *c, const struct wm_node_options *o, struct wm_err *err)
{
	int rc = spread_versions(c, o, err);
	if (rc == 0)
		rc = spread_insecure(c, o, err);
	if (rc == 0)
		rc = spread_trust(c, o, err);
	if (rc == 0)
		rc = spread_server_files(c, o, err);
	if (rc == 0)
		rc = spread_mtls(c, o, err);
	if (rc == 0)
		spread_port(c, o);
	return rc;
}

/* ---- endpoints ---- */

bool wm_node_options_detects(const struct wm_node_options *o)
{
	return o->global_detect_endpoints || o->global_detect_private_endpoints;
}

static void add_endpoint(struct wm_node_options *o, const struct wm_addr *a)
{
	struct wm_endpoint e = {.addr = *a, .port = o->wireguard_listen_port};
	struct wm_conf_list *l = &o->wireguard_endpoints;
	char text[WM_ENDPOINT_TEXT];
	wm_endpoint_format(&e, text);
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->items[i], text) == 0)
			return;
	}
	l->items = wm_realloc(l->items, (l->n + 1) * sizeof(*l->items));
	l->items[l->n++] = wm_strdup(text);
}

void wm_node_options_apply_endpoints(struct wm_node_options *o, const struct wm_addr *detected,
				     size_t n)
{
	struct wm_addr extra;
	if (!wm_addr_is_valid(&o->mesh_primary_endpoint))
		o->mesh_primary_endpoint = o->global_primary_endpoint;
	if (!wm_addr_is_valid(&o->mesh_primary_endpoint) && n > 0)
		o->mesh_primary_endpoint = detected[0];
	if (o->wireguard_endpoints.n > 0)
		return;
	if (wm_addr_is_valid(&o->mesh_primary_endpoint))
		add_endpoint(o, &o->mesh_primary_endpoint);
	for (size_t i = 0; i < n; i++)
		add_endpoint(o, &detected[i]);
	for (size_t i = 0; i < o->global_endpoints.n; i++) {
		if (wm_addr_parse(o->global_endpoints.items[i], &extra))
			add_endpoint(o, &extra);
	}
}

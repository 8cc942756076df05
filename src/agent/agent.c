/*
 * The start, in the order in which things can go wrong: identity, privileges, interface and port,
 * ports of the API and the metrics; only then does the mesh hear of us. The stop, its mirror, is
 * agent/stop.c.
 */
#include "agent/agent.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/announcer.h"
#include "agent/internal.h"
#include "agent/options.h"
#include "agent/places.h"
#include "agent/supervisor.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "fabric/detect.h"
#include "fabric/fabric.h"
#include "mesh/nodes.h"
#include "platform/caps.h"
#include "platform/net.h"
#include "platform/wgdev.h"
#include "rpc/server.h"

#define UAPI_DIR "/var/run/wireguard"
/* A site of some hundred nodes may be behind one address; it takes ten to fill the server. */
#define API_PER_SOURCE 1000

/* ---- start ---- */

static void on_broken(void *arg, const struct wm_err *why)
{
	wm_agent_recover(arg, why);
}

static void on_handshake(void *arg, const uint8_t key[WM_WG_KEY], const struct wm_endpoint *from,
			 bool by_peer)
{
	struct wm_agent *a = arg;
	wm_places_note(a->places);
	if (by_peer)
		wm_follower_on_greeted(a, key);
}

int wm_agent_configure_device(struct wm_agent *a, struct wm_err *err)
{
	const struct wm_node_options *o = a->options;
	struct wm_wg_config wish = {.has_private_key = true,
				    .has_listen_port = true,
				    .listen_port = o->wireguard_listen_port};
	struct wm_secret private_key;
	wm_key_wireguard(a->identity.key, &private_key);
	memcpy(wish.private_key, private_key.bytes, WM_WG_KEY);
	wm_secret_fini(&private_key);
	int rc = wm_wg_device_configure(a->device, &wish, err);
	wm_wipe(&wish, sizeof(wish));
	if (rc != 0)
		return wm_wrap(err, "wireguard.listen-port %u", o->wireguard_listen_port);
	return 0;
}

void wm_agent_keep_interface(struct wm_agent *a)
{
	int fds[WM_WG_FDS_MAX];
	if (!wm_wg_device_is_inherited(a->device))
		wm_supervisor_let_go(a->supervisor); /* of one that did not fit, or is gone */
	wm_supervisor_keep(a->supervisor, fds, wm_wg_device_fds(a->device, fds));
}

static int open_device(struct wm_agent *a, struct wm_err *err)
{
	static const struct wm_wg_events events = {.on_handshake = on_handshake,
						   .on_broken = on_broken};
	const struct wm_node_options *o = a->options;
	int fds[WM_WG_FDS_MAX];
	struct wm_wg_device_opts opts = {
		.uses_kernel = !o->wireguard_force_tun,
		.netns = a->netns,
		.name = o->wireguard_interface_name,
		.left = fds,
		.n_left = wm_supervisor_inherit(a->supervisor, fds, WM_WG_FDS_MAX),
		.mtu = (uint32_t)o->wireguard_mtu,
		.uapi_dir = UAPI_DIR,
		.is_plain = o->wireguard_disable_offloads,
	};
	int rc = wm_wg_device_open(a->loop, a->log, &opts, &events, a, &a->device, err);
	if (rc == WM_ALREADY_EXISTS && wm_agent_may_free_name(a)) {
		opts.n_left = 0; /* taken */
		rc = wm_agent_free_name(a, err);
		if (rc == 0)
			rc = wm_wg_device_open(a->loop, a->log, &opts, &events, a, &a->device, err);
	}
	if (rc != 0)
		return wm_agent_explain_name(a, rc, err);
	wm_agent_keep_interface(a);
	wm_info(a->log, "wg.opened", "interface=%s kind=%s", wm_wg_device_name(a->device),
		wm_wg_device_kind(a->device));
	return wm_agent_configure_device(a, err);
}

int wm_agent_detect_endpoints(struct wm_agent *a, struct wm_node_options *o, struct wm_err *err)
{
	if (!wm_node_options_detects(o)) {
		wm_node_options_apply_endpoints(o, NULL, 0);
		return 0;
	}
	const char *skip[] = {a->netns == NULL ? wm_wg_device_name(a->device) : NULL, NULL};
	struct wm_detect_opts opts = {.with_private = o->global_detect_private_endpoints,
				      .with_ipv6 = o->global_detect_ipv6,
				      .skip = skip};
	struct wm_prefix *found = NULL;
	size_t n = 0;
	int rc = wm_detect_endpoints(wm_fabric_net(a->fabric), &opts, &found, &n, err);
	if (rc != 0)
		return wm_wrap(err, "global.detect-endpoints");
	struct wm_addr *addrs = wm_calloc(n + 1, sizeof(*addrs));
	for (size_t i = 0; i < n; i++)
		addrs[i] = found[i].addr;
	wm_free(found);
	if (n == 0)
		wm_warn(a->log, "endpoints.none",
			"hint=\"global.detect-private-endpoints finds private ones\"");
	wm_node_options_apply_endpoints(o, addrs, n);
	wm_free(addrs);
	return 0;
}

static int open_fabric(struct wm_agent *a, struct wm_err *err)
{
	a->places = wm_places_open(a);
	struct wm_fabric_opts opts = {.device = a->device,
				      .netns = a->netns,
				      .run_dir = WM_AGENT_RUN_DIR,
				      .recall = wm_places_recall,
				      .arg = a->places};
	int rc = wm_fabric_open(a->loop, a->log, &opts, &a->fabric, err);
	return rc != 0 ? rc : wm_agent_detect_endpoints(a, a->options, err);
}

bool wm_agent_is_mesh_path(void *arg, const struct wm_addr *from, unsigned interface)
{
	const struct wm_agent *a = arg;
	struct wm_prefix own;
	bool is_outside = a->netns != NULL && interface == 0;
	if (is_outside || !wm_agent_is_mesh_address(a, from))
		return false;
	/* 0 is an interface that nobody knows, and that of a device that was lost. */
	return (interface != 0 && interface == wm_wg_device_ifindex(a->device)) ||
	       (wm_fabric_address(a->fabric, from->family, &own) && wm_addr_equal(&own.addr, from));
}

/* Another node's API: over our own graph when we hold the state, else only a direct peer's. */
static bool find_node(void *arg, const char *id, struct wm_endpoint *out)
{
	struct wm_agent *a = arg;
	if (wm_agent_find_peer(a, id, out))
		return true;
	if (a->live == NULL)
		return false;
	struct wm_arena arena;
	wm_arena_init(&arena, 0);
	V1__MeshNode *node = wm_graph_node(wm_live_graph(a->live), &arena, id);
	struct wm_prefix p;
	bool found = node != NULL && (wm_node_ipv4(node, &p) || wm_node_ipv6(node, &p));
	if (found) {
		out->addr = p.addr;
		out->port = wm_node_feature_port(node, V1__FEATURE__NODES);
		found = out->port != 0;
	}
	wm_arena_fini(&arena);
	return found;
}

static int open_api(struct wm_agent *a, struct wm_err *err)
{
	const struct wm_node_options *o = a->options;
	a->server = wm_rpc_server_new(a->loop, a->log);
	struct wm_service_opts opts = {
		.loop = a->loop,
		.log = a->log,
		.node_id = a->identity.node_id,
		.auth = a->identity.auth,
		.client_tls = a->identity.client_tls,
		.client_stats = &a->client_stats,
		.mesh_api = o->services_api_mesh_enabled,
		.status = wm_agent_status,
		.is_mesh_path = wm_agent_is_mesh_path,
		.find_node = find_node,
		.leader = wm_quorum_leader,
		.member_of = wm_quorum_member_of,
		.arg = a,
	};
	a->service = wm_service_new(a->server, &opts);
	wm_quorum_new(a);
	if (o->services_api_disabled)
		return 0;
	struct wm_rpc_server_opts listen = {.at = o->services_api_listen_address,
					    .max_per_source = API_PER_SOURCE,
					    .max_message =
						    (uint32_t)o->services_api_max_message_size,
					    .tls = a->identity.server_tls,
					    .hides_interface = a->netns != NULL,
					    .gate = wm_service_gate,
					    .gate_arg = a->service};
	int rc = wm_rpc_server_listen(a->server, &listen, &a->api, err);
	if (rc != 0)
		return wm_wrap(err, "services.api.listen-address");
	return wm_agent_listen_inside(a, &listen, err);
}

static void on_signal(void *arg, int signum)
{
	struct wm_agent *a = arg;
	wm_info(a->log, "node.signal", "signal=%d", signum);
	if (signum == SIGHUP)
		wm_agent_reload(a);
	else
		wm_agent_stop(a, NULL);
}

static int watch_signals(struct wm_agent *a, struct wm_err *err)
{
	int rc = wm_signal_open(a->loop, SIGINT, on_signal, a, &a->sigint, err);
	if (rc == 0)
		rc = wm_signal_open(a->loop, SIGTERM, on_signal, a, &a->sigterm, err);
	return rc;
}

static bool is_low(uint16_t port)
{
	return port != 0 && port < 1024;
}

/* While the privileges for it are there. The kernel may also load it by itself when it is asked for
 * such an interface, by the rules of the host. */
static void load_module(const struct wm_agent *a)
{
	struct wm_err why;
	if (!a->options->wireguard_modprobe || a->options->wireguard_force_tun)
		return;
	if (wm_wgdev_load(&why) != 0)
		wm_warn(a->log, "wg.not_loaded", "error=\"%s\"", why.text);
}

/* What a node may do from here on: administer networks, and bind low ports if it was told to. */
static int restrict_privileges(struct wm_agent *a, struct wm_err *err)
{
	const struct wm_node_options *o = a->options;
	unsigned caps = WM_CAP_NET_ADMIN;
	if (!o->services_api_disabled && is_low(o->services_api_listen_address.port))
		caps |= WM_CAP_NET_BIND;
	if (o->services_metrics_enabled && is_low(o->services_metrics_listen_address.port))
		caps |= WM_CAP_NET_BIND;
	if (is_low(o->storage_raft_listen_address.port))
		caps |= WM_CAP_NET_BIND;
	int rc = wm_caps_require(caps, "webmesh-node", err);
	if (rc == 0)
		rc = wm_agent_enter_namespace(a, err);
	return rc != 0 ? rc : wm_caps_restrict_beside(a->netns, caps, err);
}

/* The threads that have to come round for this node to live. Both are closed after the stop has
 * begun, and with it the asking ends. */
static size_t ask_threads(void *arg, struct wm_pulse **out)
{
	struct wm_agent *a = arg;
	size_t n = 0;
	if (a->device != NULL)
		n = wm_wg_device_ask(a->device, out);
	if (a->store != NULL)
		out[n++] = wm_store_ask(a->store);
	return n;
}

static void on_start_limit(struct wm_timer *t)
{
	struct wm_agent *a = wm_container_of(t, struct wm_agent, limit);
	char limit[40];
	struct wm_err late;
	wm_format_duration(a->options->start_timeout, limit, sizeof(limit));
	wm_fail(&late, WM_DEADLINE_EXCEEDED,
		"no member of a mesh after --start-timeout %s: ", limit);
	size_t n = strlen(late.text);
	if (a->store != NULL)
		snprintf(late.text + n, sizeof(late.text) - n,
			 "waited for the state to be written at storage.path");
	else
		snprintf(late.text + n, sizeof(late.text) - n, "waited to be let in: %.300s",
			 wm_joiner_last_error(a)->code != 0 ? wm_joiner_last_error(a)->text
							    : "no join address has answered");
	wm_agent_stop(a, &late);
}

static int start(struct wm_agent *a, struct wm_err *err)
{
	int rc = wm_identity_init(&a->identity, a->options, a->log, err);
	if (rc == 0)
		load_module(a);
	if (rc == 0)
		rc = restrict_privileges(a, err);
	if (rc != 0)
		return rc;
	a->loop = wm_loop_new(a->log);
	wm_agent_dial_inside(a);
	rc = wm_supervisor_new(a->loop, a->log, ask_threads, a, &a->supervisor, err);
	if (rc == 0)
		rc = watch_signals(a, err);
	if (rc == 0 && a->options->start_timeout > 0)
		wm_timer_start(a->loop, &a->limit, a->options->start_timeout, on_start_limit);
	/* What a predecessor left may have the name of our interface. */
	if (rc == 0)
		rc = wm_agent_sweep(a, err);
	if (rc == 0)
		rc = open_device(a, err);
	if (rc == 0)
		rc = open_fabric(a, err);
	if (rc == 0)
		rc = open_api(a, err);
	if (rc == 0)
		rc = wm_agent_open_metrics(a, err);
	/* Before, there is nothing that could live by other options. */
	if (rc == 0)
		rc = wm_signal_open(a->loop, SIGHUP, on_signal, a, &a->sighup, err);
	if (rc != 0)
		return rc;
	wm_agent_watch_sleep(a);
	if (a->options->bootstrap_enabled)
		return wm_founder_start(a, err);
	wm_agent_resume_view(a);
	wm_joiner_start(a);
	return 0;
}

void wm_agent_become_member(struct wm_agent *a, const V1__JoinResponse *view)
{
	struct wm_err err;
	if (a->stopping)
		return;
	int rc = wm_agent_apply_view(a, view, &err);
	if (a->ready) {
		if (rc != 0)
			wm_warn(a->log, "peers.not_applied", "error=\"%s\"", err.text);
		return;
	}
	if (rc != 0)
		return wm_agent_stop(a, &err);
	a->ready = true;
	wm_timer_stop(&a->limit);
	wm_info(a->log, "node.ready", "node=%s ipv4=%s ipv6=%s api_port=%u start_ms=%lld",
		a->identity.node_id, view->addressipv4, view->addressipv6, a->api.port,
		(long long)((wm_clock_now() - a->started_ns) / WM_NS_PER_MS));
	char status[WM_NODE_STATUS];
	wm_supervisor_ready(a->supervisor, wm_agent_status_line(a, status));
	if (a->live == NULL)
		wm_follower_start(a);
	wm_announcer_on_member(a);
}

int wm_agent_run(struct wm_node_options *options, struct wm_log *log, struct wm_err *err)
{
	struct wm_agent a = {.options = options,
			     .log = log,
			     .started_ns = wm_clock_now(),
			     .started_wall_ns = wm_clock_wall()};
	wm_arena_init(&a.view_arena, 0);
	struct wm_err failure;
	if (start(&a, &failure) != 0) {
		if (a.loop != NULL)
			wm_agent_stop(&a, &failure);
		else
			wm_err_copy(&a.why, &failure);
	}
	if (a.loop != NULL)
		wm_loop_run(a.loop);
	if (a.cut_short)
		return wm_agent_fail_cut_short(&a, err);
	wm_agent_fini(&a);
	return wm_err_copy(err, &a.why);
}

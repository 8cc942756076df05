/* What this node says of itself when asked for its status. */
#include <stdio.h>

#include "agent/internal.h"
#include "agent/options.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"
#include "crypto/key.h"
#include "fabric/fabric.h"

#define DURATION_TEXT 40

static char *duration(struct wm_arena *arena, int64_t ns)
{
	char text[DURATION_TEXT];
	return wm_arena_strdup(arena, wm_format_duration(ns, text, sizeof(text)));
}

static char *key_text(struct wm_arena *arena, const uint8_t key[WM_WG_KEY])
{
	char text[WM_WG_KEY_TEXT];
	return wm_arena_strdup(arena, wm_wg_key_format(key, text));
}

static char *address_text(struct wm_agent *a, struct wm_arena *arena, enum wm_family family)
{
	struct wm_prefix p;
	char text[WM_PREFIX_TEXT];
	if (!wm_fabric_address(a->fabric, family, &p))
		return wm_arena_strdup(arena, "");
	return wm_arena_strdup(arena, wm_prefix_format(&p, text));
}

static V1__PeerMetrics *peer_metrics(struct wm_arena *arena, const struct wm_wg_peer_config *peer)
{
	V1__PeerMetrics *m = wm_arena_alloc(arena, sizeof(*m));
	v1__peer_metrics__init(m);
	char text[WM_ENDPOINT_TEXT], when[WM_TIME_TEXT];
	m->publickey = key_text(arena, peer->public_key);
	m->endpoint = wm_arena_strdup(
		arena, peer->has_endpoint ? wm_endpoint_format(&peer->endpoint, text) : "");
	m->persistentkeepalive = duration(arena, peer->keepalive_s * WM_NS_PER_S);
	m->lasthandshaketime = wm_arena_strdup(
		arena, peer->last_handshake_wall_ns == 0
			       ? ""
			       : wm_time_format(peer->last_handshake_wall_ns, when));
	m->receivebytes = peer->rx_bytes;
	m->transmitbytes = peer->tx_bytes;
	m->protocolversion = 1;
	m->allowedips = wm_arena_alloc(arena, (peer->n_allowed + 1) * sizeof(char *));
	for (size_t i = 0; i < peer->n_allowed; i++) {
		char prefix[WM_PREFIX_TEXT];
		wm_prefix_format(&peer->allowed[i].prefix, prefix);
		m->allowedips[m->n_allowedips++] = wm_arena_strdup(arena, prefix);
	}
	return m;
}

static void fill_drops(struct wm_agent *a, struct wm_arena *arena, V1__InterfaceMetrics *m)
{
	uint64_t counts[WM_DROP_COUNT];
	wm_wg_device_drops(a->device, counts);
	m->droppedpackets = wm_arena_alloc(arena, WM_DROP_COUNT * sizeof(*m->droppedpackets));
	for (int i = WM_DROP_NONE + 1; i < WM_DROP_COUNT; i++) {
		if (counts[i] == 0)
			continue;
		V1__InterfaceMetrics__DroppedPacketsEntry *e = wm_arena_alloc(arena, sizeof(*e));
		v1__interface_metrics__dropped_packets_entry__init(e);
		e->key = wm_arena_strdup(arena, wm_drop_name((enum wm_drop)i));
		e->value = counts[i];
		m->droppedpackets[m->n_droppedpackets++] = e;
	}
}

static V1__InterfaceMetrics *interface_metrics(struct wm_agent *a, struct wm_arena *arena)
{
	V1__InterfaceMetrics *m = wm_arena_alloc(arena, sizeof(*m));
	v1__interface_metrics__init(m);
	struct wm_wg_config *config = wm_wg_device_get(a->device, false);
	m->devicename = wm_arena_strdup(arena, wm_wg_device_name(a->device));
	m->type = wm_arena_strdup(arena, wm_wg_device_kind(a->device));
	m->publickey = key_text(arena, config->public_key);
	m->addressv4 = address_text(a, arena, WM_IPV4);
	m->addressv6 = address_text(a, arena, WM_IPV6);
	m->listenport = config->listen_port;
	m->numpeers = (int32_t)config->n_peers;
	m->peers = wm_arena_alloc(arena, (config->n_peers + 1) * sizeof(*m->peers));
	for (size_t i = 0; i < config->n_peers; i++) {
		m->peers[m->n_peers++] = peer_metrics(arena, &config->peers[i]);
		m->totalreceivebytes += config->peers[i].rx_bytes;
		m->totaltransmitbytes += config->peers[i].tx_bytes;
	}
	wm_wg_config_free(config);
	fill_drops(a, arena, m);
	return m;
}

/* Who holds the state: ourselves, or the peer that we follow. */
static char *leader(struct wm_agent *a, struct wm_arena *arena)
{
	if (a->live != NULL)
		return wm_arena_strdup(arena, a->identity.node_id);
	for (size_t i = 0; a->view != NULL && i < a->view->n_peers; i++) {
		const V1__MeshNode *node = a->view->peers[i]->node;
		for (size_t j = 0; node != NULL && j < node->n_features; j++)
			if (node->features[j]->feature == V1__FEATURE__MEMBERSHIP)
				return wm_arena_strdup(arena, node->id);
	}
	return wm_arena_strdup(arena, "");
}

void wm_agent_status(void *arg, struct wm_arena *arena, V1__Status *out)
{
	struct wm_agent *a = arg;
	V1__JoinRequest *self = wm_agent_join_request(a, arena);
	out->id = wm_arena_strdup(arena, a->identity.node_id);
	out->description = wm_arena_strdup(arena, "webmesh-node (C)");
	out->version = wm_arena_strdup(arena, wm_version_text());
	out->gitcommit = wm_arena_strdup(arena, wm_version_commit());
	out->builddate = wm_arena_strdup(arena, wm_version_date());
	out->uptime = duration(arena, wm_clock_now() - a->started_ns);
	Google__Protobuf__Timestamp *started = wm_arena_alloc(arena, sizeof(*started));
	google__protobuf__timestamp__init(started);
	started->seconds = a->started_wall_ns / WM_NS_PER_S;
	started->nanos = (int32_t)(a->started_wall_ns % WM_NS_PER_S);
	out->startedat = started;
	out->n_features = self->n_features;
	out->features = self->features;
	out->clusterstatus = a->live != NULL ? V1__CLUSTER_STATUS__CLUSTER_LEADER
					     : V1__CLUSTER_STATUS__CLUSTER_NODE;
	out->currentleader = leader(a, arena);
	out->interfacemetrics = interface_metrics(a, arena);
}

const char *wm_agent_status_line(const struct wm_agent *a, char out[WM_NODE_STATUS])
{
	const V1__JoinResponse *v = a->view;
	snprintf(out, WM_NODE_STATUS, "%.63s in %.60s, %s", a->identity.node_id, v->meshdomain,
		 wm_str_is_empty(v->addressipv4) ? v->addressipv6 : v->addressipv4);
	return out;
}

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/key.h"
#include "pb/v1.h"
#include "programs/wmctl/call.h"
#include "programs/wmctl/commands.h"
#include "programs/wmctl/features.h"
#include "programs/wmctl/output.h"
#include "programs/wmctl/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *role_name(V1__ClusterStatus status)
{
	/* As a number: protobuf-c's enumerations have a member that is none, and servers send
	 * others. */
	switch ((int)status) {
	case V1__CLUSTER_STATUS__CLUSTER_LEADER: return "leader";
	case V1__CLUSTER_STATUS__CLUSTER_VOTER: return "voter";
	case V1__CLUSTER_STATUS__CLUSTER_OBSERVER: return "observer";
	default: return "member (holds no state)";
	}
}

static void add_build(const V1__Status *s, struct wm_buf *out)
{
	struct wm_buf text = {0};
	wm_buf_add_str(&text, s->version);
	if (*s->gitcommit != '\0' && !wm_streq(s->gitcommit, "unknown"))
		wm_buf_printf(&text, " (commit %.12s)", s->gitcommit);
	wm_ctl_field(out, "", "Version", wm_buf_str(&text));
	wm_buf_fini(&text);
}

static void add_uptime(const V1__Status *s, struct wm_buf *out)
{
	char age[WM_CTL_SHORT];
	int64_t up;
	wm_ctl_field(out, "", "Uptime",
		     wm_parse_duration(s->uptime, &up) ? wm_ctl_age(up, age) : s->uptime);
}

/* ---- whose key is it? ---- */

struct names {
	struct wm_map ids; /* WireGuard key as text -> node ID */
};

/* A status knows its peers by key; who they are is in the list of nodes, where the server offers
 * it. */
static void load_names(struct wm_ctl *ctl, struct names *names)
{
	Google__Protobuf__Empty nothing = GOOGLE__PROTOBUF__EMPTY__INIT;
	ProtobufCMessage *answer;
	struct wm_err err;
	struct wm_buf notes = ctl->notes; /* nobody asked for this, so nobody wants advice on it */
	ctl->notes = (struct wm_buf){0};
	int rc = wm_ctl_call(ctl, "/v1.Mesh/ListNodes", &nothing.base, &answer, &err);
	wm_buf_fini(&ctl->notes);
	ctl->notes = notes;
	if (rc != 0)
		return;
	const V1__NodeList *list = (const V1__NodeList *)(const void *)answer;
	for (size_t i = 0; i < list->n_nodes; i++) {
		V1__MeshNode *node = list->nodes[i];
		struct wm_pubkey key;
		uint8_t bytes[WM_X25519_SIZE];
		char text[WM_WG_KEY_TEXT];
		if (wm_pubkey_parse(node->publickey, strlen(node->publickey), &key, NULL) == 0 &&
		    wm_pubkey_wireguard(&key, bytes, NULL) == 0)
			wm_map_put(&names->ids, wm_wg_key_format(bytes, text), node->id);
	}
}

static const char *name_of(const struct names *names, const char *key)
{
	const char *id = wm_map_find(&names->ids, key);
	return id != NULL ? id : key;
}

/* ---- the interface and its peers ---- */

static void add_handshake(struct wm_ctl_table *t, const char *when)
{
	char age[WM_CTL_SHORT], text[WM_CTL_SHORT + 4];
	int64_t at;
	if (!wm_ctl_time_parse(when, &at) || at <= 0) {
		wm_ctl_table_add(t, "never");
		return;
	}
	snprintf(text, sizeof(text), "%s ago", wm_ctl_age(wm_clock_wall() - at, age));
	wm_ctl_table_add(t, text);
}

static void add_peer(struct wm_ctl_table *t, const V1__PeerMetrics *p, const struct names *names)
{
	struct wm_buf allowed = {0};
	char bytes[WM_CTL_SHORT];
	wm_ctl_table_add(t, name_of(names, p->publickey));
	wm_ctl_table_add(t, p->endpoint);
	add_handshake(t, p->lasthandshaketime);
	wm_ctl_table_add(t, wm_ctl_bytes(p->receivebytes, bytes));
	wm_ctl_table_add(t, wm_ctl_bytes(p->transmitbytes, bytes));
	for (size_t i = 0; i < p->n_allowedips; i++)
		wm_buf_printf(&allowed, "%s%s", i > 0 ? ", " : "", p->allowedips[i]);
	wm_ctl_table_add(t, wm_buf_str(&allowed));
	wm_buf_fini(&allowed);
}

static void add_peers(const V1__InterfaceMetrics *m, const struct names *names, struct wm_buf *out)
{
	static const char *const head[] = {"PEER", "ENDPOINT",    "HANDSHAKE", "RECEIVED",
					   "SENT", "ALLOWED IPS", NULL};
	struct wm_ctl_table t = {0};
	if (m->n_peers == 0)
		return;
	wm_ctl_table_begin(&t, head);
	for (size_t i = 0; i < m->n_peers; i++)
		add_peer(&t, m->peers[i], names);
	wm_buf_add_str(out, "\n");
	wm_ctl_table_format(&t, "", out);
	wm_ctl_table_fini(&t);
}

/* Reasons and how often: "policy 12, source 3". */
static void add_drops(const V1__InterfaceMetrics *m, struct wm_buf *out)
{
	struct wm_buf text = {0};
	for (size_t i = 0; i < m->n_droppedpackets; i++)
		wm_buf_printf(&text, "%s%s %" PRIu64, i > 0 ? ", " : "", m->droppedpackets[i]->key,
			      m->droppedpackets[i]->value);
	wm_ctl_field(out, "  ", "Dropped", wm_buf_str(&text));
	wm_buf_fini(&text);
}

static void add_interface(const V1__InterfaceMetrics *m, const struct names *names,
			  struct wm_buf *out)
{
	char text[100], in[WM_CTL_SHORT], sent[WM_CTL_SHORT];
	wm_buf_add_str(out, "\n");
	wm_ctl_field(out, "", "Interface", m->devicename);
	wm_ctl_field(out, "  ", "Kind", m->type);
	wm_ctl_field(out, "  ", "IPv4", m->addressv4);
	wm_ctl_field(out, "  ", "IPv6", m->addressv6);
	wm_ctl_field(out, "  ", "Public key", m->publickey);
	snprintf(text, sizeof(text), "%" PRId32, m->listenport);
	wm_ctl_field(out, "  ", "UDP port", text);
	snprintf(text, sizeof(text), "%s received, %s sent", wm_ctl_bytes(m->totalreceivebytes, in),
		 wm_ctl_bytes(m->totaltransmitbytes, sent));
	wm_ctl_field(out, "  ", "Transfer", text);
	snprintf(text, sizeof(text), "%" PRId32, m->numpeers);
	wm_ctl_field(out, "  ", "Peers", text);
	add_drops(m, out);
	add_peers(m, names, out);
}

static void add_status(const V1__Status *s, const struct names *names, struct wm_buf *out)
{
	struct wm_buf features = {0};
	wm_ctl_field(out, "", "ID", s->id);
	wm_ctl_field(out, "", "Program", s->description);
	add_build(s, out);
	add_uptime(s, out);
	wm_ctl_field(out, "", "Role", role_name(s->clusterstatus));
	wm_ctl_field(out, "", "Leader", s->currentleader);
	wm_ctl_features_format(s->features, s->n_features, true, &features);
	wm_ctl_field(out, "", "Features", wm_buf_str(&features));
	wm_buf_fini(&features);
	if (s->interfacemetrics != NULL)
		add_interface(s->interfacemetrics, names, out);
}

int wm_ctl_status(struct wm_ctl *ctl, struct wm_err *err)
{
	V1__GetStatusRequest request = V1__GET_STATUS_REQUEST__INIT;
	ProtobufCMessage *answer;
	if (ctl->n_args > 0)
		request.id = ctl->args[0];
	int rc = wm_ctl_call(ctl, "/v1.Node/GetStatus", &request.base, &answer, err);
	if (rc != 0)
		return rc;
	if (!wm_ctl_output_is_table(ctl))
		return wm_ctl_output_one(ctl, answer, err);
	struct names names = {0};
	const V1__Status *status = (const V1__Status *)(const void *)answer;
	if (status->interfacemetrics != NULL && status->interfacemetrics->n_peers > 0)
		load_names(ctl, &names);
	add_status(status, &names, &ctl->out);
	wm_map_fini(&names.ids);
	return 0;
}

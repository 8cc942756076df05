#include "base/clock.h"
#include "pb/v1.h"
#include "programs/wmctl/call.h"
#include "programs/wmctl/commands.h"
#include "programs/wmctl/features.h"
#include "programs/wmctl/output.h"
#include "programs/wmctl/text.h"

static const char *age_of(const Google__Protobuf__Timestamp *t, char out[WM_CTL_SHORT])
{
	const int64_t latest = INT64_MAX / WM_NS_PER_S;
	if (t == NULL || t->seconds <= 0 || t->seconds > latest)
		return "";
	return wm_ctl_age(wm_clock_wall() - t->seconds * WM_NS_PER_S, out);
}

/* "a, b" in the arena. */
static const char *join_texts(struct wm_ctl *ctl, char *const *texts, size_t n)
{
	struct wm_buf b = {0};
	for (size_t i = 0; i < n; i++)
		wm_buf_printf(&b, "%s%s", i > 0 ? ", " : "", texts[i]);
	const char *joined = wm_arena_strdup(&ctl->arena, wm_buf_str(&b));
	wm_buf_fini(&b);
	return joined;
}

static void add_node(struct wm_ctl *ctl, const V1__MeshNode *n)
{
	struct wm_buf features = {0};
	char age[WM_CTL_SHORT];
	wm_ctl_field(&ctl->out, "", "ID", n->id);
	wm_ctl_field(&ctl->out, "", "IPv4", n->privateipv4);
	wm_ctl_field(&ctl->out, "", "IPv6", n->privateipv6);
	wm_ctl_field(&ctl->out, "", "Public key", n->publickey);
	wm_ctl_field(&ctl->out, "", "Endpoint", n->primaryendpoint);
	wm_ctl_field(&ctl->out, "", "WireGuard",
		     join_texts(ctl, n->wireguardendpoints, n->n_wireguardendpoints));
	wm_ctl_field(&ctl->out, "", "Zone", n->zoneawarenessid);
	wm_ctl_features_format(n->features, n->n_features, true, &features);
	wm_ctl_field(&ctl->out, "", "Features", wm_buf_str(&features));
	wm_ctl_field(&ctl->out, "", "Age", age_of(n->joinedat, age));
	wm_buf_fini(&features);
}

static void add_table(const V1__NodeList *list, struct wm_buf *out)
{
	static const char *const head[] = {"ID",   "IPV4", "IPV6",     "ENDPOINT",
					   "ZONE", "AGE",  "FEATURES", NULL};
	struct wm_ctl_table t = {0};
	char age[WM_CTL_SHORT];
	wm_ctl_table_begin(&t, head);
	for (size_t i = 0; i < list->n_nodes; i++) {
		const V1__MeshNode *n = list->nodes[i];
		struct wm_buf features = {0};
		wm_ctl_table_add(&t, n->id);
		wm_ctl_table_add(&t, n->privateipv4);
		wm_ctl_table_add(&t, n->privateipv6);
		wm_ctl_table_add(&t, n->primaryendpoint);
		wm_ctl_table_add(&t, n->zoneawarenessid);
		wm_ctl_table_add(&t, age_of(n->joinedat, age));
		wm_ctl_features_format(n->features, n->n_features, false, &features);
		wm_ctl_table_add(&t, wm_buf_str(&features));
		wm_buf_fini(&features);
	}
	wm_ctl_table_format(&t, "", out);
	wm_ctl_table_fini(&t);
}

static int get_node(struct wm_ctl *ctl, struct wm_err *err)
{
	V1__GetNodeRequest request = V1__GET_NODE_REQUEST__INIT;
	ProtobufCMessage *answer;
	request.id = ctl->args[0];
	int rc = wm_ctl_call(ctl, "/v1.Mesh/GetNode", &request.base, &answer, err);
	if (rc != 0)
		return rc;
	if (!wm_ctl_output_is_table(ctl))
		return wm_ctl_output_one(ctl, answer, err);
	add_node(ctl, (const V1__MeshNode *)(const void *)answer);
	return 0;
}

int wm_ctl_get_nodes(struct wm_ctl *ctl, struct wm_err *err)
{
	Google__Protobuf__Empty request = GOOGLE__PROTOBUF__EMPTY__INIT;
	ProtobufCMessage *answer;
	if (ctl->n_args > 0)
		return get_node(ctl, err);
	int rc = wm_ctl_call(ctl, "/v1.Mesh/ListNodes", &request.base, &answer, err);
	if (rc != 0)
		return rc;
	const V1__NodeList *list = (const V1__NodeList *)(const void *)answer;
	if (!wm_ctl_output_is_table(ctl))
		return wm_ctl_output_list(ctl, (const ProtobufCMessage *const *)list->nodes,
					  list->n_nodes, err);
	add_table(list, &ctl->out);
	return 0;
}

int wm_ctl_leave(struct wm_ctl *ctl, struct wm_err *err)
{
	V1__LeaveRequest request = V1__LEAVE_REQUEST__INIT;
	ProtobufCMessage *answer;
	request.id = ctl->args[0];
	int rc = wm_ctl_call(ctl, "/v1.Membership/Leave", &request.base, &answer, err);
	if (rc == 0)
		wm_buf_printf(&ctl->out, "%s has left the mesh\n", ctl->args[0]);
	return rc;
}

/*
 * The other servers that hold the state: where they are and which keys they have, as our own state
 * says it; the port on which we meet; and who of us leads, for the API. What the consensus
 * asks of its surroundings ends here.
 */
#include "agent/internal.h"

#include <string.h>

#include "agent/options.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/cluster.h"
#include "cluster/peer_port.h"
#include "mesh/nodes.h"
#include "mesh/paths.h"

#define HAND_OVER_NS WM_NS_PER_S

struct member {
	char node_id[WM_IDENT_TEXT];
	bool is_known;
	struct wm_peer peer;
};

struct wm_quorum {
	struct wm_agent *agent;
	struct wm_peer_port *port;
	struct wm_watch nodes; /* their records in the state */
	struct wm_defer refresh;
	struct member members[WM_MEMBERS_MAX];
	size_t n;
	char found[WM_IDENT_TEXT];  /* the last that was found by its key alone */
	char leader[WM_IDENT_TEXT]; /* "" = nobody is known to lead */
	/* At the stop. */
	struct wm_cluster_ask ask;
	struct wm_timer limit;
	void (*handed_over)(struct wm_agent *a);
	bool is_open;
};

/* ---- who is where ---- */

static bool to_peer(const struct wm_agent *a, const V1__MeshNode *node, struct wm_peer *out)
{
	const struct wm_node_options *o = a->options;
	struct wm_prefix v4, v6;
	bool has_v4 = !o->mesh_disable_ipv4 && wm_node_ipv4(node, &v4);
	bool has_v6 = !o->mesh_disable_ipv6 && wm_node_ipv6(node, &v6);
	struct wm_err err;
	if ((!has_v4 && !has_v6) ||
	    wm_pubkey_parse(node->publickey, strlen(node->publickey), &out->key, &err) != 0)
		return false;
	out->at.addr = has_v4 && !(has_v6 && o->mesh_storage_prefer_ipv6) ? v4.addr : v6.addr;
	out->at.port = wm_node_feature_port(node, V1__FEATURE__STORAGE_PROVIDER);
	if (out->at.port == 0)
		out->at.port = o->storage_raft_listen_address.port;
	return true;
}

/* Out of the state, or, before we have any, out of what a server has told us of our peers. */
static V1__MeshNode *find_record(const struct wm_agent *a, struct wm_arena *arena, const char *id)
{
	V1__MeshNode *node =
		a->live == NULL ? NULL : wm_graph_node(wm_live_graph(a->live), arena, id);
	for (size_t i = 0; node == NULL && a->view != NULL && i < a->view->n_peers; i++)
		if (a->view->peers[i]->node != NULL && wm_streq(a->view->peers[i]->node->id, id))
			node = a->view->peers[i]->node;
	return node;
}

static bool look_up(const struct wm_agent *a, const char *id, struct wm_peer *out)
{
	struct wm_arena arena;
	wm_arena_init(&arena, 0);
	const V1__MeshNode *node = find_record(a, &arena, id);
	bool found = node != NULL && to_peer(a, node, out);
	wm_arena_fini(&arena);
	return found;
}

static struct member *find_member(struct wm_quorum *q, const char *id)
{
	for (size_t i = 0; i < q->n; i++)
		if (wm_streq(q->members[i].node_id, id))
			return &q->members[i];
	return NULL;
}

static bool find(void *arg, const char *node_id, struct wm_peer *out)
{
	struct wm_quorum *q = arg;
	const struct member *m = find_member(q, node_id);
	if (m == NULL)
		return look_up(q->agent, node_id, out);
	*out = m->peer;
	return m->is_known;
}

static bool is_keeper(const V1__MeshNode *node)
{
	return wm_node_has_feature(node, V1__FEATURE__STORAGE_PROVIDER);
}

/*
 * One whom our own configuration does not have yet may come, as it does to a server that was away:
 * then its record says that it holds the state.
 */
static const V1__MeshNode *find_by_key(const struct wm_agent *a, struct wm_arena *arena,
				       const char *key)
{
	V1__MeshNode *node = NULL;
	struct wm_view *v;
	struct wm_err err;
	if (a->store != NULL && wm_store_view(a->store, &v, &err) == 0) {
		if (wm_node_by_key(arena, v, key, &node, &err) != 0)
			node = NULL;
		wm_view_close(v);
	}
	for (size_t i = 0; node == NULL && a->view != NULL && i < a->view->n_peers; i++)
		if (a->view->peers[i]->node != NULL &&
		    wm_streq(a->view->peers[i]->node->publickey, key))
			node = a->view->peers[i]->node;
	return node;
}

const char *wm_quorum_member_of(void *arg, const struct wm_pubkey *key)
{
	struct wm_agent *a = arg;
	struct wm_quorum *q = a->quorum;
	for (size_t i = 0; i < q->n; i++)
		if (q->members[i].is_known && wm_pubkey_equal(&q->members[i].peer.key, key))
			return q->members[i].node_id;
	char text[WM_PUBKEY_TEXT];
	struct wm_arena arena;
	wm_arena_init(&arena, 0);
	const V1__MeshNode *node = find_by_key(a, &arena, wm_pubkey_format(key, text));
	bool found = node != NULL && is_keeper(node) &&
		     wm_str_copy(q->found, sizeof(q->found), node->id);
	wm_arena_fini(&arena);
	return found ? q->found : NULL;
}

static const char *member_of(void *arg, const struct wm_pubkey *key)
{
	return wm_quorum_member_of(((struct wm_quorum *)arg)->agent, key);
}

/* Takes the members from the consensus, and from the state what it says of them. */
static void refresh(struct wm_defer *d)
{
	struct wm_quorum *q = wm_container_of(d, struct wm_quorum, refresh);
	struct wm_agent *a = q->agent;
	const char *ids[WM_MEMBERS_MAX];
	if (a->cluster == NULL || a->stopping)
		return;
	const struct wm_cluster_status *now = wm_cluster_status(a->cluster);
	q->n = 0;
	for (size_t i = 0; i < now->n_members; i++) {
		struct member *m = &q->members[q->n++];
		(void)wm_str_copy(m->node_id, sizeof(m->node_id), now->members[i].node_id);
		m->is_known = look_up(a, m->node_id, &m->peer);
		ids[i] = m->node_id;
	}
	wm_peer_port_set_members(q->port, ids, q->n);
}

/* ---- who leads ---- */

enum wm_leader wm_quorum_leader(void *arg, struct wm_rpc_channel **channel)
{
	struct wm_agent *a = arg;
	if (a->cluster == NULL)
		return WM_LEADER_SELF;
	const struct wm_cluster_status *now = wm_cluster_status(a->cluster);
	if (now->transferring)
		return WM_LEADER_UNKNOWN;
	if (wm_cluster_leads(a->cluster))
		return WM_LEADER_SELF;
	*channel = now->leader_id == 0 ? NULL
				       : wm_peer_port_channel(a->quorum->port, now->leader_node);
	return *channel == NULL ? WM_LEADER_UNKNOWN : WM_LEADER_OTHER;
}

static void on_change(void *arg, const struct wm_cluster_status *now)
{
	struct wm_agent *a = arg;
	struct wm_quorum *q = a->quorum;
	const char *leader = now->leader_id == 0 || now->transferring ? "" : now->leader_node;
	wm_defer(a->loop, &q->refresh, refresh);
	if (wm_streq(q->leader, leader))
		return;
	(void)wm_str_copy(q->leader, sizeof(q->leader), leader);
	if (!a->stopping)
		wm_service_leader_changed(a->service);
}

static void on_channel(void *arg, const char *node_id)
{
	struct wm_quorum *q = arg;
	if (!q->agent->stopping && wm_streq(q->leader, node_id))
		wm_service_leader_changed(q->agent->service);
}

/* ---- what goes between the consensus and the port ---- */

static void on_frame(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	struct wm_agent *a = ((struct wm_quorum *)arg)->agent;
	if (a->cluster != NULL)
		wm_cluster_receive(a->cluster, node_id, frame, len);
}

static int share(void *arg, int *fd, uint64_t *bytes, uint64_t *index, uint64_t *term,
		 struct wm_err *err)
{
	struct wm_agent *a = ((struct wm_quorum *)arg)->agent;
	if (a->cluster == NULL)
		return wm_fail(err, WM_UNAVAILABLE, "%s holds no state", a->identity.node_id);
	return wm_cluster_snapshot_share(a->cluster, fd, bytes, index, term, err);
}

static int fetch_open(void *arg, int *fd, struct wm_err *err)
{
	return wm_cluster_fetch_open(((struct wm_quorum *)arg)->agent->cluster, fd, err);
}

static void fetched(void *arg, int fd, bool ok)
{
	wm_cluster_fetched(((struct wm_quorum *)arg)->agent->cluster, fd, ok);
}

static void send_frame(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	struct wm_agent *a = arg;
	wm_peer_port_send(a->quorum->port, node_id, frame, len);
}

static void fetch(void *arg, const struct wm_cluster_fetch *f)
{
	struct wm_agent *a = arg;
	struct wm_peer_fetch_wish wish = {
		.node_id = f->node_id, .index = f->index, .term = f->term};
	wm_peer_port_fetch(a->quorum->port, &wish);
}

void wm_quorum_hooks(struct wm_agent *a, struct wm_cluster_hooks *out)
{
	*out = (struct wm_cluster_hooks){
		.send = send_frame, .fetch = fetch, .on_change = on_change, .arg = a};
}

/* ---- the life of it ---- */

void wm_quorum_new(struct wm_agent *a)
{
	struct wm_quorum *q = a->quorum;
	struct wm_peer_port_opts opts = {.loop = a->loop,
					 .log = a->log,
					 .node_id = a->identity.node_id,
					 .key = a->identity.key,
					 .gate = wm_service_peer_gate,
					 .gate_arg = a->service,
					 .client_stats = &a->client_stats,
					 .hooks = {.find = find,
						   .member_of = member_of,
						   .on_frame = on_frame,
						   .on_channel = on_channel,
						   .share = share,
						   .fetch_open = fetch_open,
						   .fetched = fetched}};
	q = wm_alloc(sizeof(*q));
	q->agent = a;
	opts.hooks.arg = q;
	q->port = wm_peer_port_new(a->server, &opts);
	a->quorum = q;
}

static void watch_nodes(struct wm_quorum *q);

static void on_nodes(struct wm_watch *w, uint64_t revision, const struct wm_change *changes,
		     size_t n)
{
	struct wm_quorum *q = wm_container_of(w, struct wm_quorum, nodes);
	for (size_t i = 0; i < n; i++)
		if (find_member(q, changes[i].key + strlen(WM_PATH_NODES)) != NULL)
			wm_defer(q->agent->loop, &q->refresh, refresh);
}

static void on_nodes_end(struct wm_watch *w, const struct wm_err *err)
{
	struct wm_quorum *q = wm_container_of(w, struct wm_quorum, nodes);
	if (q->agent->stopping || err == NULL || err->code != WM_OUT_OF_RANGE)
		return;
	watch_nodes(q);
	wm_defer(q->agent->loop, &q->refresh, refresh);
}

static void watch_nodes(struct wm_quorum *q)
{
	struct wm_store *store = q->agent->store;
	q->nodes.on_changes = on_nodes;
	q->nodes.on_end = on_nodes_end;
	wm_store_watch(store, &q->nodes, WM_PATH_NODES, wm_store_revision(store));
}

void wm_quorum_open(struct wm_agent *a)
{
	struct wm_quorum *q = a->quorum;
	struct wm_endpoint at[2];
	size_t n = 0;
	if (a->stopping || a->cluster == NULL || q->is_open)
		return;
	q->is_open = true;
	const char *const own[] = {a->view->addressipv4, a->view->addressipv6};
	for (size_t i = 0; i < WM_ARRAY_LEN(own); i++) {
		struct wm_prefix p;
		if (!wm_prefix_parse(own[i], &p))
			continue;
		at[n].addr = p.addr;
		at[n++].port = a->options->storage_raft_listen_address.port;
	}
	wm_peer_port_listen(q->port, at, n, NULL);
	watch_nodes(q);
	wm_defer(a->loop, &q->refresh, refresh);
}

static void go_on(struct wm_quorum *q)
{
	void (*done)(struct wm_agent *a) = wm_steal(q->handed_over);
	wm_timer_stop(&q->limit);
	if (done != NULL)
		done(q->agent);
}

static void on_handed_over(struct wm_cluster_ask *ask, const struct wm_err *err)
{
	struct wm_quorum *q = wm_container_of(ask, struct wm_quorum, ask);
	if (err != NULL && q->handed_over != NULL)
		wm_info(q->agent->log, "state.not_handed_over", "error=\"%s\"", err->text);
	go_on(q);
}

static void on_limit(struct wm_timer *t)
{
	go_on(wm_container_of(t, struct wm_quorum, limit));
}

static bool has_successors(const struct wm_cluster_status *now)
{
	size_t voters = 0;
	for (size_t i = 0; i < now->n_members; i++)
		voters += now->members[i].role == WM_MEMBER_VOTER;
	return voters > 1;
}

void wm_quorum_hand_over(struct wm_agent *a, void (*done)(struct wm_agent *a))
{
	struct wm_quorum *q = a->quorum;
	if (a->cluster == NULL || !wm_cluster_leads(a->cluster) ||
	    !has_successors(wm_cluster_status(a->cluster)))
		return done(a);
	q->handed_over = done;
	a->waits_for = "another server to lead";
	wm_timer_start(a->loop, &q->limit, HAND_OVER_NS, on_limit);
	wm_cluster_transfer(a->cluster, &q->ask, 0, on_handed_over);
}

void wm_quorum_stop(struct wm_agent *a)
{
	struct wm_quorum *q = a->quorum;
	if (q == NULL)
		return;
	wm_watch_stop(&q->nodes);
	wm_defer_cancel(&q->refresh);
	wm_peer_port_stop(q->port);
}

void wm_quorum_free(struct wm_quorum *q)
{
	if (q == NULL)
		return;
	wm_defer_cancel(&q->refresh);
	wm_peer_port_free(q->port);
	wm_free(q);
}

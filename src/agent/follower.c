/*
 * A member that holds no state keeps one SubscribePeers stream to a storage member, over the mesh.
 * Each message becomes the desired state. A lost stream is opened again after a pause that doubles,
 * at the next storage member; when that keeps failing, the servers may have lost us or moved, and
 * we join once more over the join addresses, which changes nothing if all is well. A node that the
 * mesh says it does not have was removed: it stops.
 *
 * A server that crashed and came back knows nothing of our stream and says nothing on it. It does
 * begin a new WireGuard session with us, though, and that is when we ask; failing that, the silence
 * is noticed by the keepalive of the connection.
 */
#include "agent/internal.h"
#include "agent/options.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "fabric/fabric.h"
#include "mesh/nodes.h"

#define CONNECT_TIMEOUT    (3 * WM_NS_PER_S)
#define FIRST_PAUSE        (100 * WM_NS_PER_MS)
#define LONGEST_PAUSE      (30 * WM_NS_PER_S)
#define PROBE_TIMEOUT      (3 * WM_NS_PER_S)
#define FAILURES_TO_REJOIN 2

struct wm_follower {
	struct wm_agent *agent;
	struct wm_rpc_channel *channel;
	struct wm_rpc_stream stream;
	struct wm_rpc_unary probe; /* is the server that we follow still the one with our stream? */
	struct wm_timer timer;
	char server[WM_ID_MAX + 1];
	struct wm_backoff pause; /* between streams */
	unsigned failures;       /* in a row */
	bool open;               /* the stream runs */
	bool probing;
	bool dead;
};

static void open_stream(struct wm_follower *f);

/* The @attempt-th storage member among our peers, round and round; NULL when there is none. */
static const V1__MeshNode *storage_member(const struct wm_agent *a, unsigned attempt)
{
	size_t n = 0;
	for (size_t i = 0; a->view != NULL && i < a->view->n_peers; i++)
		n += a->view->peers[i]->node != NULL &&
		     wm_node_has_feature(a->view->peers[i]->node, V1__FEATURE__MEMBERSHIP);
	size_t wanted = n == 0 ? 0 : attempt % n;
	for (size_t i = 0; n > 0 && i < a->view->n_peers; i++) {
		const V1__MeshNode *node = a->view->peers[i]->node;
		if (node == NULL || !wm_node_has_feature(node, V1__FEATURE__MEMBERSHIP))
			continue;
		if (wanted-- == 0)
			return node;
	}
	return NULL;
}

bool wm_follower_target(const struct wm_agent *a, unsigned attempt, struct wm_endpoint *out)
{
	const V1__MeshNode *node = storage_member(a, attempt);
	return node != NULL && wm_agent_find_peer(a, node->id, out);
}

/* ---- the probe ---- */

static void on_probed(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct wm_follower *f = wm_container_of(u, struct wm_follower, probe);
	f->probing = false;
	wm_rpc_unary_fini(u);
	if (f->dead && !f->open) {
		wm_free(f);
		return;
	}
	if (err != NULL && f->open)
		wm_rpc_stream_cancel(&f->stream); /* on_end opens it anew */
}

void wm_follower_on_greeted(struct wm_agent *a, const uint8_t key[WM_WG_KEY])
{
	struct wm_follower *f = a->follower;
	if (f == NULL || !f->open || f->probing || a->stopping)
		return;
	const char *id = wm_fabric_peer_id(a->fabric, key);
	if (!wm_streq(id, f->server))
		return;
	V1__GetStatusRequest req = V1__GET_STATUS_REQUEST__INIT;
	struct wm_rpc_call_opts opts = {.deadline_ns = PROBE_TIMEOUT};
	struct wm_err err;
	f->probing =
		wm_rpc_unary_start(f->channel, &f->probe, wm_pb_method_find("/v1.Node/GetStatus"),
				   &req.base, &opts, on_probed, &err) == 0;
	if (!f->probing)
		wm_rpc_stream_cancel(&f->stream);
}

/* ---- the stream ---- */

static void on_pause_over(struct wm_timer *t)
{
	open_stream(wm_container_of(t, struct wm_follower, timer));
}

static void pause_then_open(struct wm_follower *f)
{
	wm_timer_start(f->agent->loop, &f->timer, wm_backoff_next(&f->pause), on_pause_over);
}

static void on_message(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	struct wm_follower *f = wm_container_of(s, struct wm_follower, stream);
	struct wm_agent *a = f->agent;
	struct wm_err err;
	if (a->stopping)
		return;
	f->failures = 0;
	wm_backoff_reset(&f->pause);
	const V1__PeerConfigurations *config = (const V1__PeerConfigurations *)message;
	wm_debug(a->log, "peers.received", "peers=%zu", config->n_peers);
	if (wm_agent_apply_peers(a, config, &err) != 0)
		wm_warn(a->log, "peers.not_applied", "error=\"%s\"", err.text);
}

static void on_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	struct wm_follower *f = wm_container_of(s, struct wm_follower, stream);
	struct wm_agent *a = f->agent;
	f->open = false;
	wm_rpc_channel_close(f->channel);
	f->channel = NULL;
	if (f->dead) {
		if (!f->probing)
			wm_free(f);
		return;
	}
	if (a->stopping)
		return;
	if (err != NULL && err->code == WM_NOT_FOUND) {
		struct wm_err removed = *err;
		wm_wrap(&removed, "this node was removed from the mesh");
		wm_agent_forget_view(a);
		return wm_agent_stop(a, &removed);
	}
	f->failures++;
	wm_warn(a->log, "subscription.lost", "failures=%u error=\"%s\"", f->failures,
		err == NULL ? "the server ended it" : err->text);
	if (f->failures % FAILURES_TO_REJOIN == 0)
		wm_joiner_start_again(a);
	pause_then_open(f);
}

static int subscribe(struct wm_follower *f, struct wm_err *err)
{
	struct wm_agent *a = f->agent;
	struct wm_endpoint at;
	char target[WM_ENDPOINT_TEXT];
	const V1__MeshNode *server = storage_member(a, f->failures);
	if (server == NULL || !wm_agent_find_peer(a, server->id, &at))
		return wm_fail(err, WM_UNAVAILABLE, "no peer of ours holds the state of the mesh");
	wm_endpoint_format(&at, target);
	struct wm_rpc_channel_opts opts = {.target = target,
					   .tls = a->identity.client_tls,
					   .stats = &a->client_stats,
					   .connect_timeout_ns = CONNECT_TIMEOUT};
	int rc = wm_rpc_channel_new(a->loop, a->log, &opts, &f->channel, err);
	if (rc != 0)
		return rc;
	V1__SubscribePeersRequest req = V1__SUBSCRIBE_PEERS_REQUEST__INIT;
	req.id = a->identity.node_id;
	f->stream.on_message = on_message;
	f->stream.on_end = on_end;
	rc = wm_rpc_stream_start(f->channel, &f->stream,
				 wm_pb_method_find("/v1.Membership/SubscribePeers"), NULL, err);
	if (rc != 0) {
		wm_rpc_channel_close(f->channel);
		f->channel = NULL;
		return rc;
	}
	wm_str_copy(f->server, sizeof(f->server), server->id);
	f->open = true;
	if (wm_rpc_stream_send(&f->stream, &req.base, err) != 0)
		wm_rpc_stream_cancel(&f->stream); /* its end is reported like any other */
	else
		wm_rpc_stream_half_close(&f->stream);
	return 0;
}

static void open_stream(struct wm_follower *f)
{
	struct wm_err err;
	if (f->agent->stopping || subscribe(f, &err) == 0)
		return;
	f->failures++;
	wm_warn(f->agent->log, "subscription.lost", "failures=%u error=\"%s\"", f->failures,
		err.text);
	if (f->failures % FAILURES_TO_REJOIN == 0)
		wm_joiner_start_again(f->agent);
	pause_then_open(f);
}

void wm_follower_start(struct wm_agent *a)
{
	struct wm_follower *f = wm_alloc(sizeof(*f));
	f->agent = a;
	f->pause = (struct wm_backoff){
		.first_ns = FIRST_PAUSE, .max_ns = LONGEST_PAUSE, .growth_percent = 200};
	a->follower = f;
	open_stream(f);
}

void wm_follower_free(struct wm_follower *f)
{
	if (f == NULL)
		return;
	wm_timer_stop(&f->timer);
	if (f->open || f->probing) {
		f->dead = true; /* the ends come through the loop, which still runs */
		wm_rpc_unary_cancel(&f->probe);
		if (f->open)
			wm_rpc_stream_cancel(&f->stream);
		return;
	}
	wm_rpc_channel_close(f->channel);
	wm_free(f);
}

/*
 * A member that holds no state keeps one SubscribePeers stream to a storage member, over the mesh.
 * Each message becomes the desired state. A lost stream is opened again after a pause that doubles,
 * at the next storage member; when that keeps failing, the servers may have lost us or moved, and we
 * join once more over the join addresses, which changes nothing if all is well. A node that the mesh
 * says it does not have was removed: it stops.
 */
#include "agent/internal.h"
#include "agent/options.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "mesh/nodes.h"

#define CONNECT_TIMEOUT	   (3 * WM_NS_PER_S)
#define FIRST_PAUSE	   (100 * WM_NS_PER_MS)
#define LONGEST_PAUSE	   (30 * WM_NS_PER_S)
#define FAILURES_TO_REJOIN 3

struct wm_follower {
	struct wm_agent *agent;
	struct wm_rpc_channel *channel;
	struct wm_rpc_stream stream;
	struct wm_timer timer;
	int64_t pause;
	unsigned failures; /* in a row */
	bool open;	   /* the stream runs */
	bool dead;
};

static void open_stream(struct wm_follower *f);

bool wm_follower_target(const struct wm_agent *a, unsigned attempt, struct wm_endpoint *out)
{
	size_t n = 0;
	for (size_t i = 0; a->view != NULL && i < a->view->n_peers; i++)
		n += a->view->peers[i]->node != NULL &&
		     wm_node_has_feature(a->view->peers[i]->node, V1__FEATURE__MEMBERSHIP);
	if (n == 0)
		return false;
	size_t wanted = attempt % n;
	for (size_t i = 0; i < a->view->n_peers; i++) {
		const V1__MeshNode *node = a->view->peers[i]->node;
		if (node == NULL || !wm_node_has_feature(node, V1__FEATURE__MEMBERSHIP))
			continue;
		if (wanted-- == 0)
			return wm_agent_find_peer(a, node->id, out);
	}
	return false;
}

static void on_pause_over(struct wm_timer *t)
{
	open_stream(wm_container_of(t, struct wm_follower, timer));
}

static void pause_then_open(struct wm_follower *f)
{
	int64_t pause = f->pause * (80 + wm_rand_below(41)) / 100;
	f->pause = f->pause * 2 < LONGEST_PAUSE ? f->pause * 2 : LONGEST_PAUSE;
	wm_timer_start(f->agent->loop, &f->timer, pause, on_pause_over);
}

static void on_message(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	struct wm_follower *f = wm_container_of(s, struct wm_follower, stream);
	struct wm_agent *a = f->agent;
	struct wm_err err;
	if (a->stopping)
		return;
	f->failures = 0;
	f->pause = FIRST_PAUSE;
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
		wm_free(f);
		return;
	}
	if (a->stopping)
		return;
	if (err != NULL && err->code == WM_NOT_FOUND) {
		struct wm_err removed = *err;
		wm_wrap(&removed, "this node was removed from the mesh");
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
	if (!wm_follower_target(a, f->failures, &at))
		return wm_fail(err, WM_UNAVAILABLE, "no peer of ours holds the state of the mesh");
	wm_endpoint_format(&at, target);
	struct wm_rpc_channel_opts opts = {.target = target,
					   .tls = a->identity.client_tls,
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
	wm_warn(f->agent->log, "subscription.lost", "failures=%u error=\"%s\"", f->failures, err.text);
	if (f->failures % FAILURES_TO_REJOIN == 0)
		wm_joiner_start_again(f->agent);
	pause_then_open(f);
}

void wm_follower_start(struct wm_agent *a)
{
	struct wm_follower *f = wm_alloc(sizeof(*f));
	f->agent = a;
	f->pause = FIRST_PAUSE;
	a->follower = f;
	open_stream(f);
}

void wm_follower_free(struct wm_follower *f)
{
	if (f == NULL)
		return;
	wm_timer_stop(&f->timer);
	if (f->open) {
		f->dead = true; /* its end comes through the loop, which still runs */
		wm_rpc_stream_cancel(&f->stream);
		return;
	}
	wm_rpc_channel_close(f->channel);
	wm_free(f);
}

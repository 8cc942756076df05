/*
 * What a server answers, from its SETTINGS on, to a client's connection in memory that has three
 * calls under way, one of each kind of answer. The first byte says in what pieces it arrives, and
 * how slowly what is sent goes. At the end the connection breaks, and each call must have ended,
 * once.
 */
#include "base/mem.h"
#include "loop/loop.h"
#include "pb/v1.h"
#include "rpc/client_impl.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wm_loop *loop;
static struct wm_h2_events events;

struct world {
	struct wm_rpc_client_conn cc;
	struct wm_rpc_channel *channel;
	struct wm_rpc_unary unary;
	struct wm_rpc_stream peers, both;
	int running;
};

/* A wire that takes little at a time, so that frames stay half-sent; every byte counts for many. */
static size_t wire;
static bool wire_is_slow;

static size_t wire_queued(void *arg)
{
	return wire * 2000;
}

static void wire_write(void *arg, const void *p, size_t n)
{
	if (wire_is_slow)
		wire += n;
}

static void drain_wire(struct wm_h2 *h)
{
	wire = wire > 100 ? wire - 100 : 0;
	wm_h2_resume(h);
}

static void on_settings(void *arg)
{
}

static void on_goaway(void *arg, const struct wm_err *why)
{
	assert(why->text[0] != '\0');
}

static void on_lost(void *arg, const struct wm_err *why)
{
	struct wm_rpc_client_conn *cc = arg;
	wm_timer_stop(&cc->watch);
	wm_h2_free(cc->h2);
	cc->h2 = NULL;
}

static void on_answer(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct world *w = wm_container_of(u, struct world, unary);
	assert(err == NULL ? u->response != NULL : err->code < 0);
	(void)wm_rpc_client_call_metadata(u->done, "x-a", NULL);
	w->running--;
}

static void on_message(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	assert(message->descriptor != NULL);
}

static void on_peers_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	wm_container_of(s, struct world, peers)->running--;
}

static void on_both_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	wm_container_of(s, struct world, both)->running--;
}

static void or_abort(int rc)
{
	if (rc != 0)
		abort();
}

static void start_calls(struct world *w)
{
	V1__GetStatusRequest status = V1__GET_STATUS_REQUEST__INIT;
	V1__SubscribePeersRequest peers = V1__SUBSCRIBE_PEERS_REQUEST__INIT;
	w->peers = (struct wm_rpc_stream){.on_message = on_message, .on_end = on_peers_end};
	w->both = (struct wm_rpc_stream){.on_message = on_message, .on_end = on_both_end};
	w->running = 3;
	or_abort(wm_rpc_unary_start(w->channel, &w->unary, wm_pb_method_find("/v1.Node/GetStatus"),
				    &status.base, NULL, on_answer, NULL));
	or_abort(wm_rpc_stream_start(w->channel, &w->peers,
				     wm_pb_method_find("/v1.Membership/SubscribePeers"), NULL,
				     NULL));
	or_abort(wm_rpc_stream_send(&w->peers, &peers.base, NULL));
	wm_rpc_stream_half_close(&w->peers);
	or_abort(wm_rpc_stream_start(w->channel, &w->both,
				     wm_pb_method_find("/v1.Node/NegotiateDataChannel"), NULL,
				     NULL));
}

static void set_up(void)
{
	loop = wm_loop_new(NULL);
	events = wm_rpc_client_events;
	events.queued = wire_queued;
	events.write = wire_write;
	events.on_settings = on_settings;
	events.on_goaway = on_goaway;
	events.on_lost = on_lost;
}

static bool has_ended(void *arg)
{
	const struct world *w = arg;
	return w->running == 0 && w->cc.h2 == NULL;
}

static void turn(struct world *w)
{
	(void)wm_loop_run_until(loop, has_ended, w, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	const struct wm_rpc_channel_opts opts = {.target = "127.0.0.1:1", .max_message = 10000};
	struct wm_err why;
	if (loop == NULL)
		set_up();
	if (size == 0)
		return 0;
	size_t step = data[0] == 0 ? size : data[0];
	wire_is_slow = (data[0] & 128) != 0;
	wire = 0;
	w = (struct world){0};
	or_abort(wm_rpc_channel_new(loop, NULL, &opts, &w.channel, &why));
	w.cc.channel = w.channel;
	w.cc.h2 = wm_h2_new(&(struct wm_h2_opts){
		.loop = loop, .events = &events, .arg = &w.cc, .max_message = opts.max_message});
	w.cc.target = w.channel->targets;
	w.channel->conn = &w.cc;
	start_calls(&w);
	w.channel->conn = NULL;
	w.channel->state = WM_RPC_TRANSIENT_FAILURE; /* what is refused is not sent elsewhere */
	(void)wm_fail(&w.channel->reason, WM_UNAVAILABLE, "no other server");
	turn(&w);
	for (size_t at = 1; at < size && w.cc.h2 != NULL; at += step) {
		wm_h2_feed(w.cc.h2, data + at, size - at < step ? size - at : step);
		turn(&w);
		if (w.cc.h2 != NULL)
			drain_wire(w.cc.h2);
	}
	(void)wm_fail(&why, WM_UNAVAILABLE, "the end");
	if (w.cc.h2 != NULL)
		wm_h2_fail(w.cc.h2, &why);
	while (!has_ended(&w))
		turn(&w);
	wm_rpc_unary_fini(&w.unary);
	wm_rpc_channel_close(w.channel);
	return 0;
}

/*
 * What a client sends, from the preface on, to a server's connection in memory. The first byte says
 * in what pieces it arrives, and how slowly what is sent goes. Methods of each kind answer at once,
 * or not until they are cancelled. At the end the connection breaks, and no call may be left.
 */
#include "base/mem.h"
#include "loop/loop.h"
#include "pb/v1.h"
#include "rpc/server_impl.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wm_loop *loop;
static struct wm_rpc_server *server;
static struct wm_h2_events events;
static struct wm_rpc_port port;

/* ---- methods ---- */

static void on_cancel(struct wm_rpc_call *call, const struct wm_err *why, void *arg)
{
	wm_rpc_call_finish(call, why);
}

static void get_status(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	V1__Status status = V1__STATUS__INIT;
	const V1__GetStatusRequest *r = (const V1__GetStatusRequest *)request;
	const char *echo = wm_rpc_call_metadata(call, "x-echo-bin");
	if (echo != NULL)
		wm_rpc_call_add_header(call, "x-echo-bin", echo);
	wm_rpc_call_on_cancel(call, on_cancel, NULL);
	status.id = r->id;
	if (r->id[0] != 'h') /* "hang" */
		wm_rpc_call_reply(call, &status.base);
}

static void subscribe_peers(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	V1__PeerConfigurations m = V1__PEER_CONFIGURATIONS__INIT;
	struct wm_err err;
	for (int i = 0; i < 3; i++)
		if (wm_rpc_call_send(call, &m.base, &err) != 0)
			break;
	wm_rpc_call_add_trailer(call, "x-tail", "end");
	wm_rpc_call_finish(call, NULL);
}

static void negotiate_open(struct wm_rpc_call *call, void *arg)
{
	wm_rpc_call_on_cancel(call, on_cancel, NULL);
}

static void negotiate_message(struct wm_rpc_call *call, const ProtobufCMessage *message, void *arg)
{
	struct wm_err err;
	if (wm_rpc_call_send(call, message, &err) != 0)
		wm_rpc_call_finish(call, &err);
}

static void negotiate_half_close(struct wm_rpc_call *call, void *arg)
{
	wm_rpc_call_finish(call, NULL);
}

static const struct wm_rpc_handler handlers[] = {
	{.path = "/v1.Node/GetStatus", .on_request = get_status},
	{.path = "/v1.Membership/SubscribePeers", .on_request = subscribe_peers},
	{.path = "/v1.Node/NegotiateDataChannel",
	 .on_open = negotiate_open,
	 .on_message = negotiate_message,
	 .on_half_close = negotiate_half_close},
};

/* ---- the connection ---- */

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

static void on_lost(void *arg, const struct wm_err *why)
{
	struct wm_rpc_server_conn *sc = arg;
	wm_h2_free(sc->h2);
	sc->h2 = NULL;
}

static void set_up(void)
{
	loop = wm_loop_new(NULL);
	server = wm_rpc_server_new(loop, NULL);
	wm_rpc_server_register(server, handlers, WM_ARRAY_LEN(handlers), NULL);
	events = wm_rpc_server_events;
	events.queued = wire_queued;
	events.write = wire_write;
	events.on_lost = on_lost;
	port.server = server;
	port.opts.max_message = 10000;
	port.opts.max_queued = 1 << 20;
	port.opts.max_idle_ns = port.opts.keepalive_ns = INT64_MAX / 4;
}

static bool is_lost(void *arg)
{
	return ((struct wm_rpc_server_conn *)arg)->h2 == NULL;
}

/* One turn: what was fed is told, and answered. */
static void turn(struct wm_rpc_server_conn *sc)
{
	(void)wm_loop_run_until(loop, is_lost, sc, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_err why;
	if (loop == NULL)
		set_up();
	if (size == 0)
		return 0;
	size_t step = data[0] == 0 ? size : data[0];
	wire_is_slow = (data[0] & 128) != 0;
	wire = 0;
	struct wm_rpc_server_conn sc = {.port = &port, .server = server, .name = "fuzz"};
	wm_list_init(&sc.calls);
	wm_list_init(&sc.node);
	sc.h2 = wm_h2_new(&(struct wm_h2_opts){.loop = loop,
					       .events = &events,
					       .arg = &sc,
					       .server = true,
					       .max_streams = 10,
					       .max_message = port.opts.max_message,
					       .budget = &server->budget,
					       .stats = &server->stats.h2});
	for (size_t at = 1; at < size && sc.h2 != NULL; at += step) {
		wm_h2_feed(sc.h2, data + at, size - at < step ? size - at : step);
		turn(&sc);
		if (sc.h2 != NULL)
			drain_wire(sc.h2);
	}
	(void)wm_fail(&why, WM_CANCELLED, "the end");
	if (sc.h2 != NULL)
		wm_h2_fail(sc.h2, &why);
	while (sc.h2 != NULL)
		turn(&sc);
	assert(wm_list_is_empty(&sc.calls));
	assert(server->budget.used == 0);
	wm_timer_stop(&sc.timer);
	return 0;
}

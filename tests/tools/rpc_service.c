#include "rpc_service.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/loop.h"
#include "pb/message.h"
#include "pb/v1.h"
#include "rpc/server.h"
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct running { /* in the call's arena */
	struct wm_rpc_call *call;
	struct rpc_service *service;
	struct wm_timer timer;
	unsigned long left, sent, size, sum;
	bool sums;
};

static struct running *begin(struct wm_rpc_call *call, struct rpc_service *service)
{
	struct running *r = wm_arena_alloc(wm_rpc_call_arena(call), sizeof(*r));
	r->call = call;
	r->service = service;
	service->calls++;
	return r;
}

static void on_cancel(struct wm_rpc_call *call, const struct wm_err *why, void *arg)
{
	struct running *r = arg;
	r->service->cancels++;
	wm_timer_stop(&r->timer);
	wm_rpc_call_finish(call, NULL);
}

/* "fail:5:text" */
static bool finish_failing(struct wm_rpc_call *call, const char *id)
{
	bool detailed = wm_str_starts(id, "fail-detailed:");
	V1__GetStatusRequest detail = V1__GET_STATUS_REQUEST__INIT;
	struct wm_err err;
	if (!detailed && !wm_str_starts(id, "fail:"))
		return false;
	unsigned long code = strtoul(strchr(id, ':') + 1, &detail.id, 10);
	if (*detail.id == ':')
		detail.id++;
	(void)wm_fail(&err, wm_err_from_grpc((unsigned)code), "%s", detail.id);
	for (int i = 0; i < 2 && detailed; i++)
		wm_rpc_call_add_detail(call, &detail.base);
	wm_rpc_call_finish(call, &err);
	return true;
}

/* ---- unary ---- */

static void echo_metadata(struct wm_rpc_call *call)
{
	const char *text = wm_rpc_call_metadata(call, "x-echo");
	const char *bytes = wm_rpc_call_metadata(call, "x-echo-bin");
	if (text != NULL) {
		wm_rpc_call_add_header(call, "x-echo", text);
		wm_rpc_call_add_trailer(call, "x-echo-tail", text);
	}
	if (bytes != NULL)
		wm_rpc_call_add_header(call, "x-echo-bin", bytes);
}

/* ASan holds back what was freed and replaces the allocator that malloc.h describes. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
	if (__sanitizer_get_current_allocated_bytes != NULL)
		return __sanitizer_get_current_allocated_bytes();
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static char *describe_stats(struct wm_arena *a, const struct wm_rpc_server *server)
{
	struct wm_rpc_stats n;
	wm_rpc_server_stats(server, &n);
	char *text = wm_arena_printf(
		a,
		"allocated=%zu\nconnections=%u\nstreams=%u\naccepted=%" PRIu64
		"\nrefused_full=%" PRIu64 "\nrefused_source=%" PRIu64 "\nslowed=%" PRIu64
		"\ncalls=%" PRIu64 "\npings_in=%" PRIu64 "\nresets_in=%" PRIu64
		"\nresets_out=%" PRIu64 "\ngoaways_out=%" PRIu64,
		allocated(), n.connections, n.streams, n.accepted, n.refused_full, n.refused_source,
		n.slowed, n.calls, n.h2.pings_in, n.h2.resets_in, n.h2.resets_out,
		n.h2.goaways_out);
	for (int kind = 0; kind < WM_FLOOD_COUNT; kind++)
		text = wm_arena_printf(a, "%s\nflood.%s=%" PRIu64, text,
				       wm_flood_name((enum wm_flood)kind), n.h2.floods[kind]);
	return text;
}

static void answer(struct running *r, const char *id)
{
	struct wm_arena *a = wm_rpc_call_arena(r->call);
	V1__Status *status = wm_pb_new(a, &v1__status__descriptor);
	const char *cn = wm_rpc_call_peer_cn(r->call);
	size_t len = strlen(id);
	r->service->answered++;
	status->id = len < 1000 ? wm_arena_strdup(a, id) : status->id;
	status->version = wm_arena_printf(a, "%zu", len);
	if (wm_str_starts(id, "size:")) {
		size_t n = strtoul(id + 5, NULL, 10);
		status->description = wm_arena_alloc(a, n + 1);
		memset(status->description, 'x', n);
	}
	if (wm_streq(id, "stats"))
		status->description = describe_stats(a, r->service->server);
	if (wm_streq(id, "cancels"))
		status->version = wm_arena_printf(a, "%u", r->service->cancels);
	if (cn != NULL)
		status->currentleader = wm_arena_strdup(a, cn);
	status->uptime = wm_arena_strdup(
		a, wm_rpc_call_deadline(r->call) == INT64_MAX ? "forever" : "deadline");
	echo_metadata(r->call);
	wm_rpc_call_reply(r->call, &status->base);
}

static void on_woken(struct wm_timer *t)
{
	struct running *r = wm_container_of(t, struct running, timer);
	answer(r, "slept");
}

/* Work that does not let go of the loop. */
static void be_busy(const char *id)
{
	int64_t until = wm_clock_now() + strtol(id + 5, NULL, 10) * WM_NS_PER_MS;
	while (wm_clock_now() < until)
		;
}

static void get_status(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	const char *id = ((const V1__GetStatusRequest *)request)->id;
	struct running *r = begin(call, arg);
	if (wm_str_starts(id, "sleep-on:")) {
		wm_timer_start(wm_rpc_call_loop(call), &r->timer,
			       strtol(id + 9, NULL, 10) * WM_NS_PER_MS, on_woken);
		return;
	}
	wm_rpc_call_on_cancel(call, on_cancel, r);
	if (finish_failing(call, id) || wm_streq(id, "hang"))
		return;
	if (wm_str_starts(id, "busy:"))
		be_busy(id);
	if (wm_streq(id, "mute"))
		wm_rpc_call_finish(call, NULL);
	else if (wm_str_starts(id, "sleep:"))
		wm_timer_start(wm_rpc_call_loop(call), &r->timer,
			       strtol(id + 6, NULL, 10) * WM_NS_PER_MS, on_woken);
	else
		answer(r, id);
}

/* ---- server streaming ---- */

static int send_peers(struct running *r, struct wm_err *err)
{
	struct wm_arena a;
	wm_arena_init(&a, 0);
	V1__PeerConfigurations *m = wm_pb_new(&a, &v1__peer_configurations__descriptor);
	char *text = wm_arena_alloc(&a, r->size + 32);
	memset(text, 'y', r->size);
	(void)snprintf(text + r->size, 32, "%lu", r->sent++);
	wm_pb_append(&a, &m->n_dnsservers, &m->dnsservers, text);
	int rc = wm_rpc_call_send(r->call, &m->base, err);
	wm_arena_fini(&a);
	return rc;
}

static void send_more(struct wm_rpc_call *call, void *arg)
{
	struct running *r = arg;
	struct wm_err err;
	while (r->left > 0 && wm_rpc_call_queued(call) < 65536) {
		r->left--;
		if (send_peers(r, &err) != 0) {
			wm_rpc_call_finish(call, &err);
			return;
		}
	}
	if (r->left > 0)
		wm_rpc_call_on_drain(call, send_more, r);
	else
		wm_rpc_call_finish(call, NULL);
}

static void subscribe_peers(struct wm_rpc_call *call, const ProtobufCMessage *request, void *arg)
{
	const char *id = ((const V1__SubscribePeersRequest *)request)->id;
	struct running *r = begin(call, arg);
	struct wm_err err;
	wm_rpc_call_on_cancel(call, on_cancel, r);
	echo_metadata(call);
	if (wm_str_starts(id, "count:")) {
		r->left = strtoul(id + 6, NULL, 10);
		send_more(call, r);
	} else if (wm_str_starts(id, "flood:")) {
		char *size;
		r->left = strtoul(id + 6, &size, 10);
		r->size = *size == ':' ? strtoul(size + 1, NULL, 10) : 0;
		send_more(call, r);
	} else if (send_peers(r, &err) != 0) {
		wm_rpc_call_finish(call, &err);
	} else {
		(void)finish_failing(call, id); /* anything else hangs */
	}
}

/* ---- both ways ---- */

static void negotiate_open(struct wm_rpc_call *call, void *arg)
{
	struct running *r = begin(call, arg);
	wm_rpc_call_set_data(call, r);
	echo_metadata(call);
	wm_rpc_call_on_cancel(call, on_cancel, r);
}

static void on_rested(struct wm_timer *t)
{
	struct running *r = wm_container_of(t, struct running, timer);
	wm_rpc_call_pause(r->call, false);
}

static void negotiate_message(struct wm_rpc_call *call, const ProtobufCMessage *message, void *arg)
{
	struct running *r = wm_rpc_call_data(call);
	V1__DataChannelNegotiation m = *(const V1__DataChannelNegotiation *)message;
	char echo[] = "echo";
	struct wm_err err;
	if (wm_streq(m.proto, "fail")) {
		(void)wm_fail(&err, WM_ABORTED, "told to fail");
		wm_rpc_call_finish(call, &err);
		return;
	}
	if (wm_streq(m.proto, "sum")) {
		r->sums = true;
		r->sum += m.port;
		return;
	}
	if (wm_streq(m.proto, "pause")) {
		wm_rpc_call_pause(call, true);
		wm_timer_start(wm_rpc_call_loop(call), &r->timer, 50 * WM_NS_PER_MS, on_rested);
	}
	m.src = echo;
	if (wm_rpc_call_send(call, &m.base, &err) != 0)
		wm_rpc_call_finish(call, &err);
}

static void negotiate_half_close(struct wm_rpc_call *call, void *arg)
{
	struct running *r = wm_rpc_call_data(call);
	V1__DataChannelNegotiation m = V1__DATA_CHANNEL_NEGOTIATION__INIT;
	struct wm_err err;
	int rc = 0;
	m.port = (uint32_t)r->sum;
	if (r->sums)
		rc = wm_rpc_call_send(call, &m.base, &err);
	wm_rpc_call_finish(call, rc == 0 ? NULL : &err);
}

static const struct wm_rpc_handler handlers[] = {
	{.path = "/v1.Node/GetStatus", .on_request = get_status},
	{.path = "/v1.Membership/SubscribePeers",
	 .on_request = subscribe_peers,
	 .max_message = 65536},
	{.path = "/v1.Node/NegotiateDataChannel",
	 .on_open = negotiate_open,
	 .on_message = negotiate_message,
	 .on_half_close = negotiate_half_close},
};

void rpc_service_register(struct rpc_service *s, struct wm_rpc_server *server)
{
	s->server = server;
	wm_rpc_server_register(server, handlers, WM_ARRAY_LEN(handlers), s);
}

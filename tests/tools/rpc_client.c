/*
 * A gRPC client for tests against other people's servers.
 *     rpc_client --target T... [--tls] [--ca FILE] [--cert FILE --key FILE] [--skip-verify]
 *                [--chain-only] [--server-name NAME] [--deadline MS] [--cancel-after N]
 *                [--metadata KEY=VALUE]... [--fill N] [--gzip]
 *                [--wait-for-ready] [--retry ATTEMPTS] [--repeat N] [--pause MS]
 *                [--backoff MS] [--keepalive MS] [--max-idle MS] [--connect-timeout MS]
 *                METHOD ARGUMENT...
 * METHOD is "status ID", "subscribe ID" or "negotiate PROTO...", one message for each argument.
 * --fill makes an ID of N bytes. --retry repeats what ended with UNAVAILABLE, --repeat makes N
 * calls of "status" on one channel, --pause apart, --keepalive is also its timeout. Prints "message
 * {...}" for each message, "metadata KEY=VALUE" for x-answer, x-answer-bin and x-tail where they
 * came, "detail CODE TEXT TYPE BYTES" for each detail of an error, then "end CODE TEXT", and with
 * --repeat the server's address before it; exits with 0 when it did all that.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/loop.h"
#include "pb/json.h"
#include "pb/message.h"
#include "pb/status.h"
#include "pb/v1.h"
#include "rpc/client.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_METADATA 16
#define MAX_TARGETS  8

struct program {
	struct wm_loop *loop;
	struct wm_rpc_channel *channel;
	struct wm_rpc_call_opts opts;
	const char *metadata[2 * MAX_METADATA + 1];
	unsigned n_metadata;
	struct wm_rpc_unary unary;
	struct wm_rpc_stream stream;
	unsigned long cancel_after, n;
	const char *targets[MAX_TARGETS];
	struct wm_rpc_retry retry;
	unsigned long repeat;
	int64_t pause_ns;
	struct wm_timer timer;
	char *id;
};

static void die(const struct wm_err *err)
{
	fprintf(stderr, "rpc_client: %s\n", err->text);
	exit(1);
}

static void print_message(const ProtobufCMessage *m)
{
	struct wm_buf text = {0};
	if (wm_pb_json_format(m, 0, &text, NULL) == 0)
		printf("message %s\n", wm_buf_str(&text));
	wm_buf_fini(&text);
	fflush(stdout);
}

static void print_metadata(const struct wm_rpc_client_call *call)
{
	static const char *const keys[] = {"x-answer", "x-answer-bin", "x-tail"};
	for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++) {
		size_t len;
		const char *value = wm_rpc_client_call_metadata(call, keys[i], &len);
		if (value == NULL)
			continue;
		printf("metadata %s=", keys[i]);
		for (size_t at = 0; at < len; at++) {
			unsigned char c = (unsigned char)value[at];
			printf(c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
		}
		printf("\n");
	}
}

/* The bytes of each in hexadecimal. */
static void print_details(const struct wm_rpc_client_call *call)
{
	struct wm_arena a;
	wm_arena_init(&a, 1 << 20);
	const Google__Rpc__Status *status = wm_rpc_client_call_details(call, &a);
	for (size_t i = 0; status != NULL && i < status->n_details; i++) {
		const Google__Protobuf__Any *any = status->details[i];
		printf("detail %d %s %s ", status->code, status->message, any->type_url);
		for (size_t at = 0; at < any->value.len; at++)
			printf("%02x", any->value.data[at]);
		printf("\n");
	}
	wm_arena_fini(&a);
}

static void end(struct program *p, const struct wm_rpc_client_call *call, const struct wm_err *err)
{
	print_metadata(call);
	print_details(call);
	printf("end %s %s\n", err == NULL ? "OK" : wm_err_name(err->code),
	       err == NULL ? "" : err->text);
	wm_rpc_channel_close(p->channel);
	p->channel = NULL;
	wm_loop_stop(p->loop);
}

static void status(struct program *p);

static void on_pause_over(struct wm_timer *t)
{
	status(wm_container_of(t, struct program, timer));
}

static void print_outcome(struct program *p, const struct wm_err *err)
{
	char text[WM_ENDPOINT_TEXT] = "";
	struct wm_endpoint peer;
	if (wm_rpc_channel_peer(p->channel, &peer))
		(void)wm_endpoint_format(&peer, text);
	printf("peer %s\nend %s %s\n", text, err == NULL ? "OK" : wm_err_name(err->code),
	       err == NULL ? "" : err->text);
	fflush(stdout);
}

static void on_answer(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct program *p = wm_container_of(u, struct program, unary);
	if (err == NULL)
		print_message(u->response);
	if (p->repeat > 0)
		print_outcome(p, err);
	if (p->repeat <= 1) {
		end(p, u->done, err);
		return;
	}
	p->repeat--;
	wm_timer_start(p->loop, &p->timer, p->pause_ns, on_pause_over);
}

static void on_message(struct wm_rpc_stream *s, const ProtobufCMessage *m)
{
	struct program *p = wm_container_of(s, struct program, stream);
	print_message(m);
	if (++p->n == p->cancel_after)
		wm_rpc_stream_cancel(s);
}

static void on_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	end(wm_container_of(s, struct program, stream), s->done, err);
}

static void start_stream(struct program *p, const char *path)
{
	struct wm_err err;
	p->stream.on_message = on_message;
	p->stream.on_end = on_end;
	if (wm_rpc_stream_start(p->channel, &p->stream, wm_pb_method_find(path), &p->opts, &err) !=
	    0)
		die(&err);
}

static void send_message(struct program *p, const ProtobufCMessage *m)
{
	struct wm_err err;
	if (wm_rpc_stream_send(&p->stream, m, &err) != 0)
		die(&err);
}

static void status(struct program *p)
{
	V1__GetStatusRequest request = V1__GET_STATUS_REQUEST__INIT;
	struct wm_err err;
	request.id = p->id;
	if (wm_rpc_unary_start(p->channel, &p->unary, wm_pb_method_find("/v1.Node/GetStatus"),
			       &request.base, &p->opts, on_answer, &err) != 0)
		die(&err);
}

static void subscribe(struct program *p, char *id)
{
	V1__SubscribePeersRequest request = V1__SUBSCRIBE_PEERS_REQUEST__INIT;
	request.id = id;
	start_stream(p, "/v1.Membership/SubscribePeers");
	send_message(p, &request.base);
	wm_rpc_stream_half_close(&p->stream);
}

static void negotiate(struct program *p, char **protos)
{
	start_stream(p, "/v1.Node/NegotiateDataChannel");
	for (; *protos != NULL; protos++) {
		V1__DataChannelNegotiation m = V1__DATA_CHANNEL_NEGOTIATION__INIT;
		m.proto = *protos;
		send_message(p, &m.base);
	}
	wm_rpc_stream_half_close(&p->stream);
}

static void add_metadata(struct program *p, char *pair)
{
	char *value = strchr(pair, '=');
	if (value == NULL || p->n_metadata == MAX_METADATA)
		exit(2);
	*value = '\0';
	p->metadata[2 * p->n_metadata] = pair;
	p->metadata[2 * p->n_metadata + 1] = value + 1;
	p->n_metadata++;
}

static void run(struct program *p, char **args, char *filling)
{
	if (args[0] == NULL)
		exit(2);
	char *id = filling != NULL ? filling : args[1];
	if (id == NULL)
		exit(2);
	p->id = id;
	if (wm_streq(args[0], "status"))
		status(p);
	else if (wm_streq(args[0], "subscribe"))
		subscribe(p, id);
	else if (wm_streq(args[0], "negotiate"))
		negotiate(p, args + 1);
	else
		exit(2);
	wm_loop_run(p->loop);
}

static int64_t ms(const char *text)
{
	return atol(text) * WM_NS_PER_MS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"target", required_argument, NULL, 'T'},
		{"tls", no_argument, NULL, 't'},
		{"ca", required_argument, NULL, 'a'},
		{"cert", required_argument, NULL, 'c'},
		{"key", required_argument, NULL, 'k'},
		{"skip-verify", no_argument, NULL, 's'},
		{"chain-only", no_argument, NULL, 'o'},
		{"server-name", required_argument, NULL, 'n'},
		{"deadline", required_argument, NULL, 'd'},
		{"cancel-after", required_argument, NULL, 'x'},
		{"metadata", required_argument, NULL, 'm'},
		{"fill", required_argument, NULL, 'f'},
		{"gzip", no_argument, NULL, 'z'},
		{"wait-for-ready", no_argument, NULL, 'w'},
		{"retry", required_argument, NULL, 'r'},
		{"repeat", required_argument, NULL, 'N'},
		{"pause", required_argument, NULL, 'p'},
		{"backoff", required_argument, NULL, 'b'},
		{"keepalive", required_argument, NULL, 'K'},
		{"max-idle", required_argument, NULL, 'i'},
		{"connect-timeout", required_argument, NULL, 'C'},
		{NULL, 0, NULL, 0},
	};
	struct program p = {.retry = {.pause_ns = 20 * WM_NS_PER_MS,
				      .max_ns = WM_NS_PER_S,
				      .growth_percent = 200,
				      .codes = WM_RPC_RETRY_ON(WM_UNAVAILABLE)}};
	struct wm_rpc_channel_opts opts = {0};
	struct wm_tls_client_opts tls = {0};
	struct wm_err err;
	bool use_tls = false;
	char *filling = NULL;
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'T':
			if (opts.n_targets == MAX_TARGETS)
				return 2;
			p.targets[opts.n_targets++] = optarg;
			break;
		case 't': use_tls = true; break;
		case 'a': tls.ca.file = optarg; break;
		case 'c': tls.cert.file = optarg; break;
		case 'k': tls.key.file = optarg; break;
		case 's': tls.skip_verify = true; break;
		case 'o': tls.verify_chain_only = true; break;
		case 'n': opts.server_name = optarg; break;
		case 'd': p.opts.deadline_ns = ms(optarg); break;
		case 'w': p.opts.wait_for_ready = true; break;
		case 'r': p.retry.max_attempts = (unsigned)atoi(optarg); break;
		case 'N': p.repeat = strtoul(optarg, NULL, 10); break;
		case 'p': p.pause_ns = ms(optarg); break;
		case 'b': opts.backoff_ns = opts.backoff_max_ns = ms(optarg); break;
		case 'K': opts.keepalive_ns = opts.keepalive_timeout_ns = ms(optarg); break;
		case 'i': opts.max_idle_ns = ms(optarg); break;
		case 'C': opts.connect_timeout_ns = ms(optarg); break;
		case 'x': p.cancel_after = strtoul(optarg, NULL, 10); break;
		case 'm': add_metadata(&p, optarg); break;
		case 'z': opts.gzip = true; break;
		case 'f':
			filling = wm_alloc(strtoul(optarg, NULL, 10) + 1);
			memset(filling, 'f', strtoul(optarg, NULL, 10));
			break;
		default: return 2;
		}
	}
	opts.targets = p.targets;
	if (p.retry.max_attempts > 0)
		p.opts.retry = &p.retry;
	struct wm_log *log = wm_log_new(2, WM_LOG_WARN, WM_LOG_TEXT);
	p.opts.metadata = p.metadata;
	if (use_tls && wm_tls_config_new_client(&tls, &opts.tls, &err) != 0)
		die(&err);
	p.loop = wm_loop_new(log);
	if (wm_rpc_channel_new(p.loop, log, &opts, &p.channel, &err) != 0)
		die(&err);
	run(&p, argv + optind, filling);
	wm_rpc_unary_fini(&p.unary);
	wm_loop_free(p.loop);
	wm_tls_config_free(opts.tls);
	wm_log_free(log);
	wm_free(filling);
	return 0;
}

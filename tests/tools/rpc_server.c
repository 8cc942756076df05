/*
 * A gRPC server for tests by other people's clients: the methods of rpc_service.h on 127.0.0.1.
 *     rpc_server [--port N] [--tls] [--cert FILE --key FILE] [--client-ca FILE] [--grace MS]
 *                [--connections N] [--per-source N] [--streams N] [--queued BYTES]
 *                [--idle MS] [--keepalive MS] [--ping-timeout MS]
 * Says "listening ADDRESS" on stdout, drains at SIGTERM and then exits with 0.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/loop.h"
#include "rpc/server.h"
#include "rpc_service.h"
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct program {
	struct wm_loop *loop;
	struct wm_rpc_server *server;
	struct wm_signal *sigterm;
	long grace_ms;
};

static void on_drained(void *arg)
{
	struct program *p = arg;
	wm_loop_stop(p->loop);
}

static void on_sigterm(void *arg, int signum)
{
	struct program *p = arg;
	wm_signal_close(p->sigterm);
	p->sigterm = NULL;
	wm_rpc_server_drain(p->server, p->grace_ms * WM_NS_PER_MS, on_drained, p);
}

static void die(const struct wm_err *err)
{
	fprintf(stderr, "rpc_server: %s\n", err->text);
	exit(1);
}

static struct wm_tls_config *make_tls(const struct wm_tls_server_opts *opts)
{
	struct wm_tls_config *tls;
	struct wm_err err;
	if (wm_tls_config_new_server(opts, &tls, &err) != 0)
		die(&err);
	return tls;
}

static void serve(struct program *p, struct wm_log *log, const struct wm_rpc_server_opts *opts)
{
	struct rpc_service service = {0};
	struct wm_endpoint bound;
	struct wm_err err;
	char text[WM_ENDPOINT_TEXT];
	p->loop = wm_loop_new(log);
	p->server = wm_rpc_server_new(p->loop, log);
	rpc_service_register(&service, p->server);
	if (wm_rpc_server_listen(p->server, opts, &bound, &err) != 0 ||
	    wm_signal_open(p->loop, SIGTERM, on_sigterm, p, &p->sigterm, &err) != 0)
		die(&err);
	printf("listening %s\n", wm_endpoint_format(&bound, text));
	fflush(stdout);
	wm_loop_run(p->loop);
	wm_rpc_server_free(p->server);
	wm_loop_free(p->loop);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"tls", no_argument, NULL, 't'},
		{"cert", required_argument, NULL, 'c'},
		{"key", required_argument, NULL, 'k'},
		{"client-ca", required_argument, NULL, 'a'},
		{"grace", required_argument, NULL, 'g'},
		{"connections", required_argument, NULL, 'n'},
		{"per-source", required_argument, NULL, 's'},
		{"streams", required_argument, NULL, 'S'},
		{"queued", required_argument, NULL, 'q'},
		{"idle", required_argument, NULL, 'i'},
		{"keepalive", required_argument, NULL, 'K'},
		{"ping-timeout", required_argument, NULL, 'T'},
		{NULL, 0, NULL, 0},
	};
	struct program p = {.grace_ms = 1000};
	struct wm_rpc_server_opts opts = {.at = {.addr = wm_addr_v4(0x7f000001)}};
	struct wm_tls_server_opts tls = {0};
	bool use_tls = false;
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p': opts.at.port = (uint16_t)atoi(optarg); break;
		case 't': use_tls = true; break;
		case 'c': tls.cert.file = optarg; break;
		case 'k': tls.key.file = optarg; break;
		case 'a':
			tls.client_ca.file = optarg;
			tls.require_client_cert = true;
			break;
		case 'n': opts.max_connections = (uint32_t)atoi(optarg); break;
		case 's': opts.max_per_source = (uint32_t)atoi(optarg); break;
		case 'S': opts.max_streams = (uint32_t)atoi(optarg); break;
		case 'q': opts.max_queued = (uint32_t)atoi(optarg); break;
		case 'i': opts.max_idle_ns = atol(optarg) * WM_NS_PER_MS; break;
		case 'K': opts.keepalive_ns = atol(optarg) * WM_NS_PER_MS; break;
		case 'T': opts.keepalive_timeout_ns = atol(optarg) * WM_NS_PER_MS; break;
		case 'g': p.grace_ms = atol(optarg); break;
		default: return 2;
		}
	}
	struct wm_log *log = wm_log_new(2, WM_LOG_DEBUG, WM_LOG_TEXT);
	opts.tls = use_tls ? make_tls(&tls) : NULL;
	serve(&p, log, &opts);
	wm_tls_config_free(opts.tls);
	wm_log_free(log);
	return 0;
}

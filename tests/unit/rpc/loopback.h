#pragma once
/* A server and a client on one loop, in cleartext, over TLS, or over a local socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "loop/loop.h"
#include "pb/message.h"
#include "pb/v1.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "rpc_service.h"

enum mode { CLEARTEXT, TLS, LOCAL };

struct loopback {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_tls_config *server_tls, *client_tls;
	struct wm_rpc_server *server;
	struct wm_rpc_channel *channel;
	struct rpc_service service;
	struct wm_endpoint at;
	char target[128], path[64];
	bool drained;
};

/* Changes what the server is opened with; NULL = nothing. */
typedef void (*tune_cb)(struct wm_rpc_server_opts *opts);
void loopback_open(struct loopback *b, enum mode mode, tune_cb tune);
void loopback_open_channel(struct loopback *b, const struct wm_rpc_channel_opts *opts);
/* Drains, closes and frees everything; fails the test if a connection is left. */
void loopback_close(struct loopback *b);
/* Drains the server and waits for it. */
void loopback_drain(struct loopback *b, int64_t grace_ns);
/*
 * Lets what goes on go on for @ms, and for as many turns of the loop as an idle machine makes in
 * that time: on a busy one the time alone may pass before anything was done.
 */
void loopback_pass(struct loopback *b, int64_t ms);

/* A unary call with its outcome. */
struct ask {
	struct wm_rpc_unary u;
	struct wm_err err;
	char header[64];
	int64_t took;
	unsigned n_done;
};
void ask_start(struct loopback *b, struct ask *a, const char *id,
	       const struct wm_rpc_call_opts *opts);
void ask_wait(struct loopback *b, struct ask *a);
/* All of it; returns the code. */
int ask(struct loopback *b, struct ask *a, const char *id, const struct wm_rpc_call_opts *opts);
const V1__Status *ask_status(const struct ask *a);
